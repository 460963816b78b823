//! Mail to a smarthost: automatic answers with an empty return path, and notices from the desk.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::transport::smtp::{self};
use rules::Timestamp;

use crate::Outgoing;
use crate::io::store::{Desk, Error};
use crate::letter::{Attachment, DeskAddress, Letter, sequence, sequence_of};
use crate::outgoing::{Came, Content};

/// The server that passes our mail on.
#[derive(Clone)]
pub struct Smarthost {
    /// Its name, which its certificate has to be for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub encryption: Encryption,
    /// Certificates in PEM that vouch for it, beside those that everybody trusts.
    pub authorities: Option<Vec<u8>>,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// The name that we give ourselves.
    pub own_name: String,
}

/// How a connection to a smarthost is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With STARTTLS, or not at all is anything sent.
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// In clear: within one machine, or a network of one's own. No password goes over it.
    None,
}

/// Sends over one connection for as long as there is something to send.
pub struct MailWay {
    smarthost: Smarthost,
    desk: DeskAddress,
    connection: Option<AsyncSmtpConnection>,
    is_away: bool,
}

/// Passwords stay out of logs.
impl fmt::Debug for Smarthost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {:?}", self.host, self.port, self.encryption)
    }
}

impl fmt::Debug for MailWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailWay({:?}, {:?})", self.smarthost, self.desk)
    }
}

impl MailWay {
    /// Mail of `desk` by `smarthost`.
    pub const fn new(smarthost: Smarthost, desk: DeskAddress) -> Self {
        Self { smarthost, desk, connection: None, is_away: false }
    }

    /// Sends one mail to `to` at once, kept nowhere: a trial. `id` makes its Message-ID.
    pub async fn try_once(
        &mut self,
        to: &str,
        (subject, text): (&str, &str),
        id: &str,
        at: Timestamp,
    ) -> Came {
        let sequence = sequence_of(id);
        let letter = Letter {
            desk: &self.desk,
            to,
            subject,
            text,
            thread: None,
            gathered: None,
            sequence,
            at,
            attachments: &[],
        };
        let Some(mail) = letter.mail() else {
            return Came::Refused(format!("{to:?} is no address that mail goes to"));
        };
        let address = |text: &str| text.parse().map_err(|_| format!("{text:?} is no address"));
        let envelope = address(&letter.return_path()).and_then(|from| {
            Envelope::new(Some(from), vec![address(to)?]).map_err(|error| error.to_string())
        });
        let came = match envelope {
            Ok(envelope) => self.send(&envelope, mail.strip_suffix(b"\r\n").unwrap_or(&mail)).await,
            Err(why) => Came::Refused(why),
        };
        self.rest().await;
        came
    }

    pub(super) async fn pass(
        &mut self,
        outgoing: &Outgoing,
        desk: Desk<'_>,
        now: Timestamp,
    ) -> Result<Came, Error> {
        let (return_path, mail) = match &outgoing.content {
            Content::AutomaticReply(encoded) => match STANDARD.decode(encoded) {
                Ok(mail) => (None, mail),
                Err(_) => return Ok(Came::Refused("what is kept of it is no mail".to_owned())),
            },
            Content::Notice { subject, text } => {
                match self.letter(outgoing, (subject, text), &[], (desk, now)).await? {
                    Ok((return_path, mail)) => (Some(return_path), mail),
                    Err(came) => return Ok(came),
                }
            }
            Content::Report { subject, text, run, files } => {
                let attachments = attachments(desk, run, files).await?;
                match self.letter(outgoing, (subject, text), &attachments, (desk, now)).await? {
                    Ok((return_path, mail)) => (Some(return_path), mail),
                    Err(came) => return Ok(came),
                }
            }
            Content::Document(_) => {
                return Ok(Came::Refused("a document for a machine does not go by mail".to_owned()));
            }
        };
        let address = |text: &str| text.parse().map_err(|_| format!("{text:?} is no address"));
        let envelope = return_path.as_deref().map(address).transpose().and_then(|from| {
            let to = address(&outgoing.to)?;
            Envelope::new(from, vec![to]).map_err(|error| error.to_string())
        });
        Ok(match envelope {
            // The end of the last line comes with the dot behind it.
            Ok(envelope) => self.send(&envelope, mail.strip_suffix(b"\r\n").unwrap_or(&mail)).await,
            Err(why) => Came::Refused(why),
        })
    }

    /// A mail to a person, and where bounces of it go; or that it cannot be one.
    async fn letter(
        &self,
        outgoing: &Outgoing,
        (subject, text): (&str, &str),
        attachments: &[Attachment],
        (desk, at): (Desk<'_>, Timestamp),
    ) -> Result<Result<(String, Vec<u8>), Came>, Error> {
        let thread = match outgoing.case {
            Some(case) => Some((case, desk.thread_token(case).await?)),
            None => None,
        };
        let (to, sequence) = (outgoing.to.as_str(), sequence(outgoing));
        let gathered = outgoing.thread.as_deref();
        let letter =
            Letter { desk: &self.desk, to, subject, text, thread, gathered, sequence, at, attachments };
        let Some(mail) = letter.mail() else {
            return Ok(Err(Came::Refused(format!("{to:?} is no address that mail goes to"))));
        };
        Ok(Ok((letter.return_path(), mail)))
    }

    pub(super) const fn is_away(&self) -> bool {
        self.is_away
    }

    /// Says good-bye, if there is anybody to say it to.
    pub(super) async fn rest(&mut self) {
        self.is_away = false;
        if let Some(mut connection) = self.connection.take() {
            connection.abort().await;
        }
    }

    async fn send(&mut self, envelope: &Envelope, mail: &[u8]) -> Came {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            // A server that lets nobody in today says nothing about this one mail.
            None => match tokio::time::timeout(PATIENCE, self.connect()).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return self.away(words(&error)),
                Err(_) => return self.away("the smarthost says nothing".to_owned()),
            },
        };
        match tokio::time::timeout(PATIENCE, connection.send(envelope, mail)).await {
            Ok(Ok(response)) => {
                self.connection = Some(connection);
                Came::Accepted(said(&response))
            }
            Ok(Err(error)) => {
                connection.abort().await;
                let is_final = error.is_permanent() || error.is_client();
                if is_final { Came::Refused(words(&error)) } else { Came::Later(words(&error)) }
            }
            Err(_) => self.away("the smarthost says nothing more".to_owned()),
        }
    }

    fn away(&mut self, words: String) -> Came {
        self.is_away = true;
        Came::Later(words)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let Smarthost { host, port, encryption, credentials, own_name, .. } = &self.smarthost;
        let name = ClientId::Domain(own_name.clone());
        let at_once = match encryption {
            Encryption::Tls => Some(self.tls()?),
            Encryption::StartTls | Encryption::None => None,
        };
        let server = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(PATIENCE), &name, at_once, None).await?;
        if *encryption == Encryption::StartTls {
            connection.starttls(self.tls()?, &name).await?;
        }
        if let Some((user, password)) = credentials.as_ref().filter(|_| connection.is_encrypted()) {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }

    fn tls(&self) -> Result<TlsParameters, smtp::Error> {
        let mut builder = TlsParameters::builder(self.smarthost.host.clone());
        if let Some(pem) = &self.smarthost.authorities {
            builder = builder.add_root_certificate(Certificate::from_pem(pem)?);
        }
        builder.build_rustls()
    }
}

/// The files of a report, as far as they are still kept: what was erased meanwhile goes to nobody.
async fn attachments(desk: Desk<'_>, run: &str, names: &[String]) -> Result<Vec<Attachment>, Error> {
    let files = desk.run_of(run).await?.map(|run| run.files).unwrap_or_default();
    let mut attachments = Vec::new();
    for file in files.into_iter().filter(|file| names.contains(&file.name)) {
        if let Some(bytes) = desk.report_file(run, &file.name).await? {
            attachments.push(Attachment { name: file.name, media_type: file.media_type, bytes });
        }
    }
    Ok(attachments)
}

fn said(response: &Response) -> String {
    let lines: Vec<_> = response.message().collect();
    format!("{} {}", response.code(), lines.join(" "))
}

/// What went wrong, with what lies below it.
fn words(error: &smtp::Error) -> String {
    let mut text = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(cause) = below {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        below = cause.source();
    }
    text
}

/// For one step of a server that passes mail on.
const PATIENCE: Duration = Duration::from_secs(60);
