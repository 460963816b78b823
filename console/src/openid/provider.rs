//! What is asked of a provider: what it says of itself, its keys, and a token for a code. Each within bounds of time and size.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::Timestamp;
use serde::Deserialize;
use tokio::sync::{Mutex, Semaphore};
use ureq::Body;
use ureq::http::{Request, StatusCode, Uri, header};

use super::token::Keys;
use crate::text::url_part;

/// The line to a provider, with what it said lately.
pub(super) struct Provider {
    issuer: String,
    authorities: Option<PathBuf>,
    told: Mutex<Told>,
    /// A provider that does not answer holds up so many of us, and no more.
    permits: Arc<Semaphore>,
}

#[derive(Default)]
struct Told {
    of_itself: Option<Heard<Arc<OfItself>>>,
    keys: Option<Heard<Keys>>,
}

/// What came of asking, and when. That it failed is kept for a moment too, so that not everybody waits for it again.
struct Heard<T> {
    at: Timestamp,
    told: Result<T, String>,
}

impl<T: Clone> Heard<T> {
    fn new(at: Timestamp, told: Result<T, String>) -> Self {
        Self { at, told }
    }

    /// The same, as long as it counts: `kept` for what is known.
    fn fresh(&self, now: Timestamp, kept: i64) -> Option<Result<T, String>> {
        let kept = if self.told.is_ok() { kept } else { FAILED_MICROS };
        (now.micros_since(self.at) < kept).then(|| self.told.clone())
    }
}

/// What a provider says of itself (OpenID Connect Discovery §3), as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OfItself {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether it says in its answers who it is (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// A code, and what proves that it is ours.
pub(super) struct Exchange<'a> {
    pub(super) code: &'a str,
    pub(super) verifier: &'a str,
    pub(super) redirect: &'a str,
    pub(super) client: &'a str,
    pub(super) secret: Option<&'a str>,
}

impl Provider {
    pub(super) fn new(issuer: &str, authorities: Option<&Path>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            authorities: authorities.map(Path::to_owned),
            told: Mutex::default(),
            permits: Arc::new(Semaphore::new(FETCHES_MAX)),
        }
    }

    /// What it says of itself, asked again once an hour.
    pub(super) async fn of_itself(&self, now: Timestamp) -> Result<Arc<OfItself>, String> {
        let mut told = self.told.lock().await;
        if let Some(known) = told.of_itself.as_ref().and_then(|heard| heard.fresh(now, KEPT_MICROS)) {
            return known;
        }
        let heard = Heard::new(now, self.ask_of_itself().await.map(Arc::new));
        told.of_itself.insert(heard).told.clone()
    }

    async fn ask_of_itself(&self) -> Result<OfItself, String> {
        let place = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let text = self.fetch(get(&place)?).await?;
        let known: OfItself = serde_json::from_slice(&text)
            .map_err(|_| "what it says of itself is not what OpenID Connect wants".to_owned())?;
        if known.issuer != self.issuer {
            return Err(format!("it calls itself {:?}", cut(&known.issuer)));
        }
        for place in [&known.authorization_endpoint, &known.token_endpoint, &known.jwks_uri] {
            if !is_safe(place) {
                return Err(format!("it wants to be asked at {:?}, which is not https", cut(place)));
            }
        }
        Ok(known)
    }

    /// Its keys. `is_missing_one` when a token named one that is not among them: they are fetched anew, once a minute.
    pub(super) async fn keys(&self, now: Timestamp, is_missing_one: bool) -> Result<Keys, String> {
        let place = self.of_itself(now).await?.jwks_uri.clone();
        let mut told = self.told.lock().await;
        let kept = if is_missing_one { MISSED_MICROS } else { KEPT_MICROS };
        if let Some(known) = told.keys.as_ref().and_then(|heard| heard.fresh(now, kept)) {
            return known;
        }
        let keys = self.fetch(get(&place)?).await;
        let keys = keys
            .and_then(|text| Keys::parse(&text).ok_or_else(|| "its keys are no JSON Web Key Set".to_owned()));
        told.keys.insert(Heard::new(now, keys)).told.clone()
    }

    /// The token for a code, which is good once.
    pub(super) async fn token(&self, exchange: &Exchange<'_>, now: Timestamp) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Answer {
            id_token: String,
        }
        let known = self.of_itself(now).await?;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.redirect),
            ("code_verifier", exchange.verifier),
        ];
        let mut request = Request::post(&known.token_endpoint)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        // RFC 6749 §2.3.1: by the Authorization header, unless it only knows the other way.
        let methods = &known.token_endpoint_auth_methods_supported;
        let is_basic = methods.is_empty() || methods.iter().any(|it| it == "client_secret_basic");
        match exchange.secret {
            Some(secret) if is_basic => {
                let pair = format!("{}:{}", url_part(exchange.client), url_part(secret));
                request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => fields.extend([("client_id", exchange.client), ("client_secret", secret)]),
            None => fields.push(("client_id", exchange.client)),
        }
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", url_part(value))).collect();
        let request = request.body(body.join("&")).map_err(|error| error.to_string())?;
        let text = self.fetch(request).await?;
        let answer: Answer = serde_json::from_slice(&text).map_err(|_| "it gave no ID token".to_owned())?;
        Ok(answer.id_token)
    }

    /// Asks on a thread of its own, which waits.
    async fn fetch(&self, request: Request<String>) -> Result<Vec<u8>, String> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| "too many log in at once".to_owned())?;
        let authorities = self.authorities.clone();
        let fetched = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            fetch(request, authorities.as_deref())
        });
        fetched.await.map_err(|error| error.to_string())?
    }
}

fn get(place: &str) -> Result<Request<String>, String> {
    Request::get(place).body(String::new()).map_err(|error| error.to_string())
}

fn fetch(request: Request<String>, authorities: Option<&Path>) -> Result<Vec<u8>, String> {
    let place = request.uri().to_string();
    let agent = outgoing::agent(&place, authorities, |config| config.timeout_global(Some(PATIENCE)))
        .map_err(|error| error.to_string())?;
    let mut response = agent.run(request).map_err(|error| error.to_string())?;
    match response.status() {
        StatusCode::OK => body(&mut response),
        status => Err(format!("its answer is {status}")),
    }
}

/// What came. A bound of our own: what is packed small may be large.
fn body(response: &mut ureq::http::Response<Body>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let reader = response.body_mut().with_config().limit(u64::MAX).reader();
    reader.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("its answer is larger than {} KiB", BYTES_MAX >> 10));
    }
    Ok(bytes)
}

/// Whether secrets may go to `place`: over TLS, or to this very machine.
pub(super) fn is_safe(place: &str) -> bool {
    let of_this_machine = |rest: &str| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(host, |(host, _)| host);
        matches!(host, "127.0.0.1" | "[::1]" | "localhost")
    };
    let is_address = place.parse::<Uri>().is_ok_and(|place| place.host().is_some());
    let is_loopback = place.strip_prefix("http://").is_some_and(of_this_machine);
    is_address && (place.starts_with("https://") || is_loopback)
}

/// Words of others, as far as they are worth showing.
fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// For one answer, from the first byte that is sent to the last that comes.
const PATIENCE: Duration = Duration::from_secs(5);
const BYTES_MAX: u64 = 256 << 10;
const FETCHES_MAX: usize = 8;
const KEPT_MICROS: i64 = 3_600_000_000;
const MISSED_MICROS: i64 = 60_000_000;
const FAILED_MICROS: i64 = 10_000_000;
