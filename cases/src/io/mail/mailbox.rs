//! A mailbox of somebody else's server (IMAP): what is unseen is kept, and only then seen.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_imap::error::Error;
use async_imap::{Client, Session};
use futures_util::TryStreamExt as _;
use rules::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::session::{NotKept, ReceivedMail};
use crate::intake::ReturnPath;
use crate::intake::limits::MAIL_BYTES_MAX;
use crate::io::send::Encryption;

/// A folder of a mailbox that is the desk's alone.
#[derive(Clone)]
pub struct Mailbox {
    /// The server, which its certificate has to be for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub encryption: Encryption,
    /// Certificates in PEM that vouch for it, beside those that everybody trusts.
    pub authorities: Option<Vec<u8>>,
    /// Who looks.
    pub user: String,
    /// The password.
    pub password: String,
    /// Such as `INBOX`.
    pub folder: String,
}

/// What was found in a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Mails that were kept.
    pub kept: usize,
    /// Whether one could not be: it is unseen still.
    pub is_refused: bool,
}

/// Passwords stay out of logs.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}/{}", self.user, self.host, self.port, self.folder)
    }
}

impl Mailbox {
    /// Looks once. What is unseen goes to `keep`, the oldest first; what is kept is marked as seen. A mail that is kept and
    /// not marked comes again, and is known then.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn fetch<Keep, Kept>(&self, keep: Keep) -> Result<Fetched, String>
    where
        Keep: Fn(ReceivedMail) -> Kept,
        Kept: Future<Output = Result<(), NotKept>>,
    {
        let whole = timeout(PATIENCE, self.look(keep));
        whole.await.map_err(|_| format!("{}: it takes too long", self.host))?
    }

    async fn look<Keep, Kept>(&self, keep: Keep) -> Result<Fetched, String>
    where
        Keep: Fn(ReceivedMail) -> Kept,
        Kept: Future<Output = Result<(), NotKept>>,
    {
        let words = |error: &dyn fmt::Display| format!("{}: {error}", self.host);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| words(&error))?;
        let fetched = match self.encryption {
            Encryption::None => self.talk(greeted(stream).await, &keep).await,
            Encryption::Tls => {
                let stream = self.encrypted(stream).await?;
                self.talk(greeted(stream).await, &keep).await
            }
            Encryption::StartTls => {
                let mut client = greeted(stream).await.map_err(|error| words(&error))?;
                let begun = client.run_command_and_check_ok("STARTTLS", None).await;
                begun.map_err(|error| words(&error))?;
                let stream = self.encrypted(client.into_inner()).await?;
                self.talk(Ok(Client::new(stream)), &keep).await
            }
        };
        fetched.map_err(|error| words(&error))
    }

    async fn encrypted(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
        let words = |error: &dyn fmt::Display| format!("{}: {error}", self.host);
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in self.authorities.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem)) {
            let certificate = certificate.map_err(|error| words(&error))?;
            roots.add(certificate).map_err(|error| words(&error))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| words(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone()).map_err(|error| words(&error))?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| words(&error))
    }

    async fn talk<S, Keep, Kept>(
        &self,
        client: Result<Client<S>, Error>,
        keep: &Keep,
    ) -> Result<Fetched, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + fmt::Debug + Send,
        Keep: Fn(ReceivedMail) -> Kept,
        Kept: Future<Output = Result<(), NotKept>>,
    {
        let mut session = client?.login(&self.user, &self.password).await.map_err(|(error, _)| error)?;
        session.select(&self.folder).await?;
        let mut unseen: Vec<_> = session.uid_search("UNSEEN UNDELETED").await?.into_iter().collect();
        unseen.sort_unstable();
        let mut fetched = Fetched::default();
        for uid in unseen.into_iter().take(MAILS_AT_ONCE) {
            let Some(mail) = self.mail(&mut session, uid).await? else { continue };
            if keep(mail).await.is_err() {
                fetched.is_refused = true;
                break;
            }
            let seen = session.uid_store(uid.to_string(), "+FLAGS.SILENT (\\Seen)").await?;
            seen.try_collect::<Vec<_>>().await?;
            fetched.kept += 1;
        }
        session.logout().await?;
        Ok(fetched)
    }

    /// One mail. Of one that is too long its header: a person looks at the rest where it lies.
    async fn mail<S>(&self, session: &mut Session<S>, uid: u32) -> Result<Option<ReceivedMail>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + fmt::Debug + Send,
    {
        let (uid, sizes) = (uid.to_string(), "(RFC822.SIZE INTERNALDATE)");
        let found: Vec<_> = session.uid_fetch(&uid, sizes).await?.try_collect().await?;
        let Some(found) = found.first() else { return Ok(None) };
        let is_long = found.size.is_none_or(|size| size as usize > MAIL_BYTES_MAX);
        // When the server of the mailbox took it, not when we look.
        let at = found.internal_date().map(|at| Timestamp(at.timestamp_micros()));
        let what = if is_long { "BODY.PEEK[HEADER]" } else { "BODY.PEEK[]" };
        let found: Vec<_> = session.uid_fetch(&uid, what).await?.try_collect().await?;
        let Some(found) = found.first() else { return Ok(None) };
        let Some(bytes) = found.body().or_else(|| found.header()) else { return Ok(None) };
        Ok(Some(ReceivedMail {
            return_path: ReturnPath::Unknown,
            recipients: Vec::new(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            client_name: self.host.clone(),
            is_encrypted: self.encryption != Encryption::None,
            received_at: at.map_or_else(now, |at| at.min(now())),
            bytes: bytes.to_vec(),
        }))
    }
}

/// A client that has heard its server's greeting.
async fn greeted<S>(stream: S) -> Result<Client<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + fmt::Debug + Send,
{
    let mut client = Client::new(stream);
    match client.read_response().await? {
        Some(_) => Ok(client),
        None => Err(Error::ConnectionLost),
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// As many as are fetched over one connection.
const MAILS_AT_ONCE: usize = 100;
/// For one look into a mailbox.
const PATIENCE: Duration = Duration::from_secs(300);
