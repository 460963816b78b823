//! Requests to the server, signed, bounded in time, and sent again where that helps.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use ureq::{Agent, http};

use super::keys::Keys;
use super::sign::{Signed, sha256};
use super::words::element;

/// Whoever speaks to one server.
#[derive(Clone, Debug)]
pub(super) struct Client {
    agent: Agent,
    /// `https://host:port`.
    origin: String,
    host: String,
    region: String,
    keys_file: Option<PathBuf>,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// The path, already encoded.
    pub(super) path: &'a str,
    /// Names and values of the query, already encoded.
    pub(super) query: &'a [(String, String)],
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: Option<&'a [u8]>,
    /// Bytes of an answer that are read.
    pub(super) bytes_max: u64,
}

/// What it answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    pub(super) content_range: Option<String>,
    pub(super) body: Bytes,
    /// Whether it was asked before, and may have done then what it was asked.
    pub(super) is_repeated: bool,
}

impl Client {
    /// One for `endpoint`, `https://host:port`. Authorities of `authorities` vouch for it, or else those of the system.
    pub(super) fn new(
        endpoint: &str,
        region: &str,
        keys_file: Option<&Path>,
        authorities: Option<&Path>,
    ) -> io::Result<Self> {
        let origin = endpoint.trim_end_matches('/').to_owned();
        let (scheme, host) = origin.split_once("://").unwrap_or_default();
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(default_port).unwrap_or(host).to_owned();
        let agent = outgoing::agent(&origin, authorities, |config| {
            config
                .timeout_connect(Some(CONNECT))
                .timeout_recv_response(Some(ANSWER))
                .timeout_global(Some(WHOLE))
                .accept_encoding("identity")
        })?;
        Ok(Self { agent, origin, host, region: region.to_owned(), keys_file: keys_file.map(Path::to_owned) })
    }

    /// Sends `request`, again after a while where the server has no time or was not reached. The answer may be a refusal.
    pub(super) fn send(&self, request: &Request<'_>) -> io::Result<Answer> {
        let mut asked = 0;
        let mut lost = 0;
        loop {
            let answer = self.send_once(request);
            asked += 1;
            let goes_on = match &answer {
                Ok(answer) => is_passing(answer) && asked < ATTEMPTS,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => false,
                Err(_) => {
                    lost += 1;
                    lost < ATTEMPTS_LOST && asked < ATTEMPTS
                }
            };
            if !goes_on {
                return answer.map(|answer| Answer { is_repeated: asked > 1, ..answer });
            }
            std::thread::sleep(PAUSE * 3_u32.pow(asked - 1));
        }
    }

    fn send_once(&self, request: &Request<'_>) -> io::Result<Answer> {
        let keys = Keys::read(self.keys_file.as_deref())?;
        let body = sha256(request.body.unwrap_or_default());
        let Request { method, path, query, headers, .. } = *request;
        let signed = Signed { method, path, query, host: &self.host, headers, body: &body };
        let signature = signed.headers(&keys, &self.region, Timestamp::now());
        let mut url = format!("{}{path}", self.origin);
        for (index, (name, value)) in query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&format!("{name}={value}"));
        }
        let mut built = http::Request::builder().method(method).uri(url).header("host", &self.host);
        for (name, value) in headers.iter().chain(&signature) {
            built = built.header(*name, value);
        }
        let sent = match request.body {
            Some(body) => built.body(body).map_err(ureq::Error::Http).and_then(|it| self.agent.run(it)),
            None => built.body(()).map_err(ureq::Error::Http).and_then(|it| self.agent.run(it)),
        };
        let mut response = sent.map_err(|error| match error {
            ureq::Error::Timeout(_) => io::Error::new(io::ErrorKind::TimedOut, error.to_string()),
            error => error.into_io(),
        })?;
        let header =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, content_range) = (header("etag"), header("content-range"));
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let reader = response.body_mut().with_config().limit(u64::MAX).reader();
        reader.take(request.bytes_max + 1).read_to_end(&mut body)?;
        if body.len() as u64 > request.bytes_max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"));
        }
        Ok(Answer { status, etag, content_range, body: body.into(), is_repeated: false })
    }
}

impl Answer {
    /// What it is when it is no success.
    pub(super) fn error(&self) -> io::Error {
        let text = String::from_utf8_lossy(&self.body);
        let code = element(&text, "Code").unwrap_or_default();
        let message: String = element(&text, "Message").unwrap_or_default();
        let message: String = message.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect();
        let kind = match (self.status, code.as_str()) {
            (404, "NoSuchKey" | "") => io::ErrorKind::NotFound,
            (401 | 403, _) => io::ErrorKind::PermissionDenied,
            (501, _) | (_, "NotImplemented") => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::Other,
        };
        let said = match (code.is_empty(), message.is_empty()) {
            (true, _) => format!("the server answers {}", self.status),
            (false, true) => format!("the server answers {} {code}", self.status),
            (false, false) => format!("the server answers {} {code}: {message}", self.status),
        };
        io::Error::new(kind, said)
    }
}

/// Whether the server says that it may do it another time.
fn is_passing(answer: &Answer) -> bool {
    match answer.status {
        408 | 429 | 500 | 502..=504 => true,
        // Two wrote the same at the same moment, and neither has been heard.
        409 => {
            let text = String::from_utf8_lossy(&answer.body);
            matches!(
                element(&text, "Code").as_deref(),
                Some("ConditionalRequestConflict" | "OperationAborted")
            )
        }
        _ => false,
    }
}

/// How long it may take until the server is reached, until it answers, and until all is over.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(120);
/// How often a server that has no time is asked, and how often one that was not reached.
const ATTEMPTS: u32 = 5;
const ATTEMPTS_LOST: u32 = 2;
/// Before it is asked again; three times as long each time.
const PAUSE: Duration = Duration::from_millis(100);
const WORDS_MAX: usize = 200;
