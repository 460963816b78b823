//! The receiver: sockets around sessions.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rules::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::session::{NotKept, ReceivedMail, Session, Settings, Step};

/// Takes mail and hands it to `keep`, which says when a mail is stored for good.
pub struct Receiver<Keep> {
    settings: Settings,
    timeouts: Timeouts,
    tls: Option<TlsAcceptor>,
    keep: Keep,
}

/// How long a receiver waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the next bytes.
    pub idle: Duration,
    /// For everything over one connection.
    pub connection: Duration,
}

impl Default for Timeouts {
    /// As long as RFC 5321 §4.5.3.2 wants for bytes, and half an hour for a connection.
    fn default() -> Self {
        Self { idle: Duration::from_secs(300), connection: Duration::from_secs(1_800) }
    }
}

impl<Keep, Kept> Receiver<Keep>
where
    Keep: Fn(ReceivedMail) -> Kept + Send + Sync + 'static,
    Kept: Future<Output = Result<(), NotKept>> + Send,
{
    /// A receiver that keeps mail with `keep`. Without `tls`, STARTTLS is not offered.
    pub const fn new(settings: Settings, timeouts: Timeouts, tls: Option<TlsAcceptor>, keep: Keep) -> Self {
        Self { settings, timeouts, tls, keep }
    }

    /// Takes connections until `stop` is ready; then those that are open may go on until they end or `idle` is over.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let receiver = Arc::new(self);
        let room = Arc::new(Semaphore::new(receiver.settings.connections_max));
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => {
                        let receiver = Arc::clone(&receiver);
                        let place = Arc::clone(&room).try_acquire_owned();
                        connections.spawn(async move {
                            let open = receiver.settings_of(place.is_ok());
                            // A connection that breaks loses nothing: what was not kept was not said to be.
                            let _ = timeout(receiver.timeouts.connection, receiver.talk(stream, client, open)).await;
                            drop(place);
                        });
                    }
                    // Out of file descriptors, or a client that was gone again: neither is cured by asking at once.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
            }
        }
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(receiver.timeouts.idle, ended).await;
    }

    const fn settings_of(&self, has_room: bool) -> Option<&Settings> {
        if has_room { Some(&self.settings) } else { None }
    }

    async fn talk(
        &self,
        mut stream: TcpStream,
        client: SocketAddr,
        open: Option<&Settings>,
    ) -> io::Result<()> {
        let Some(settings) = open else {
            return stream.write_all(b"421 4.3.2 too many connections, come again\r\n").await;
        };
        let mut session = Session::new(settings, client.ip(), self.tls.is_some());
        match session.greeting() {
            Step::Say(text) => stream.write_all(text.as_bytes()).await?,
            Step::Close(text) => return stream.write_all(text.as_bytes()).await,
            Step::Keep(_) | Step::Encrypt(_) => {}
        }
        match (self.converse(&mut session, &mut stream).await?, &self.tls) {
            (After::Encrypt, Some(tls)) => {
                let accepting = tls.accept(stream);
                let mut stream = timeout(self.timeouts.idle, accepting).await.map_err(|_| late())??;
                session.begin_encrypted();
                self.converse(&mut session, &mut stream).await?;
                stream.shutdown().await
            }
            _ => stream.shutdown().await,
        }
    }

    /// Talks until the connection ends or TLS is to begin.
    async fn converse<S>(&self, session: &mut Session<'_>, stream: &mut S) -> io::Result<After>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut input = Vec::new();
        let mut output = String::new();
        loop {
            while let Some(step) = session.poll_step(&mut input, now()) {
                match step {
                    Step::Say(text) => output.push_str(&text),
                    Step::Keep(mail) => {
                        let recipients = mail.recipients.len();
                        let kept = (self.keep)(*mail).await;
                        output.push_str(&session.handle_kept(recipients, kept));
                    }
                    Step::Encrypt(text) => {
                        output.push_str(&text);
                        self.write(stream, &mut output).await?;
                        return Ok(After::Encrypt);
                    }
                    Step::Close(text) => {
                        output.push_str(&text);
                        self.write(stream, &mut output).await?;
                        return Ok(After::Close);
                    }
                }
                if output.len() >= OUTPUT_BYTES_MAX {
                    self.write(stream, &mut output).await?;
                }
            }
            self.write(stream, &mut output).await?;
            let mut buffer = [0; READ_BYTES];
            let count = timeout(self.timeouts.idle, stream.read(&mut buffer)).await.map_err(|_| late())??;
            if count == 0 {
                return Ok(After::Close);
            }
            input.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
    }

    async fn write<S: AsyncWrite + Unpin>(&self, stream: &mut S, output: &mut String) -> io::Result<()> {
        if !output.is_empty() {
            timeout(self.timeouts.idle, stream.write_all(output.as_bytes())).await.map_err(|_| late())??;
            output.clear();
        }
        stream.flush().await
    }
}

/// What comes after a conversation.
enum After {
    Encrypt,
    Close,
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the other side said nothing for too long")
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

const READ_BYTES: usize = 16 << 10;
/// Answers that are held back to go out together.
const OUTPUT_BYTES_MAX: usize = 4 << 10;
