//! Log-in by a provider of OpenID Connect: authorization code with PKCE, state and nonce. It says who somebody is; whether they
//! have an account, and what they may do, is ours to say.

mod provider;
mod token;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cases::account::hash_of;
use rules::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use self::provider::{Exchange, Provider};
use self::token::{Claims, Expected, Wrong};
use crate::Service;
use crate::access::{cookie, set_cookie};
use crate::failure::Failure;
use crate::session::{self, Client, Factor, Next, draw};
use crate::text::url_part;

/// By which provider people may log in, and what of it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenId {
    /// What the button says after "Log in with".
    pub name: String,
    /// Who it is, exactly as it says itself: https, or http on this machine.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// What we show it, besides; `None` for a public client, which shows the proof of PKCE alone.
    pub client_secret: Option<String>,
    /// What it is asked for, besides `openid`.
    pub scopes: Vec<String>,
    /// Which claim holds the log-in of an account of ours. `email` counts only where the provider has verified it.
    pub claim: String,
    /// One of these in `amr` (RFC 8176) is a second factor that was shown.
    pub amr: Vec<String>,
    /// One of these as `acr` is too.
    pub acr: Vec<String>,
    /// Whether nobody gets in by it without a second factor, shown there or here.
    pub wants_factor: bool,
    /// PEM file with the authorities that vouch for it; `None` for those of the system.
    pub authorities: Option<PathBuf>,
}

/// The way in by a provider, with the log-ins that have begun and not come back.
pub(crate) struct WayIn {
    settings: OpenId,
    provider: Provider,
    begun: Mutex<HashMap<String, Begun>>,
}

/// A log-in that has gone to the provider.
#[derive(Clone, Debug)]
struct Begun {
    at: Timestamp,
    /// The hash of what the browser holds that began it: no other one ends it.
    browser: String,
    nonce: String,
    verifier: String,
    next: String,
}

/// What comes back from a provider.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    error: String,
    iss: Option<String>,
}

impl OpenId {
    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// Secrets would go over a line that others read, or something is missing.
    pub fn check(&self) -> Result<(), String> {
        if !provider::is_safe(&self.issuer) || self.issuer.contains(['?', '#']) {
            return Err(format!("{:?} is no issuer: https, or http on this machine", self.issuer));
        }
        if self.client_id.is_empty() || self.claim.is_empty() || self.name.is_empty() {
            return Err("`client_id`, `claim` and `name` say something".to_owned());
        }
        let is_word = |text: &String| !text.is_empty() && text.chars().all(|it| it.is_ascii_graphic());
        let odd = self.scopes.iter().chain(&self.amr).chain(&self.acr).find(|it| !is_word(it));
        odd.map_or(Ok(()), |odd| Err(format!("{odd:?} is no word of OpenID Connect")))
    }
}

impl WayIn {
    pub(crate) fn new(settings: OpenId) -> Self {
        let provider = Provider::new(&settings.issuer, settings.authorities.as_deref());
        Self { settings, provider, begun: Mutex::default() }
    }

    /// What the button says.
    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Keeps a log-in until it comes back. Of more than there is room for the oldest are given up.
    fn begin(&self, state: String, begun: Begun) {
        let now = begun.at;
        let mut all = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, it| now.micros_since(it.at) < BEGUN_MICROS_MAX);
        if all.len() >= BEGUN_MAX {
            let oldest = all.iter().min_by_key(|(_, it)| it.at).map(|(state, _)| state.clone());
            oldest.and_then(|state| all.remove(&state));
        }
        all.insert(state, begun);
    }

    /// The log-in with this state, once, for the browser that began it.
    fn end(&self, state: &str, browser: Option<&str>, now: Timestamp) -> Option<Begun> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(state)?;
        let is_its = browser.is_some_and(|secret| hash_of(secret) == begun.browser);
        (is_its && now.micros_since(begun.at) < BEGUN_MICROS_MAX).then_some(begun)
    }

    /// Where the browser goes to, and what it brings along.
    async fn address(&self, redirect: &str, state: &str, begun: &Begun) -> Result<String, String> {
        let OpenId { client_id, scopes, acr, .. } = &self.settings;
        let known = self.provider.of_itself(begun.at).await?;
        let scope = std::iter::once("openid").chain(scopes.iter().map(String::as_str));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&begun.verifier));
        let mut fields = vec![
            ("response_type", "code".to_owned()),
            ("client_id", client_id.clone()),
            ("redirect_uri", redirect.to_owned()),
            ("scope", scope.collect::<Vec<_>>().join(" ")),
            ("state", state.to_owned()),
            ("nonce", begun.nonce.clone()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
        ];
        if !acr.is_empty() {
            fields.push(("acr_values", acr.join(" ")));
        }
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={}", url_part(value))).collect();
        let place = &known.authorization_endpoint;
        let mark = if place.contains('?') { '&' } else { '?' };
        Ok(format!("{place}{mark}{}", fields.join("&")))
    }

    /// Who it is, as the provider signed it for this log-in.
    async fn claims(
        &self,
        back: &Back,
        begun: &Begun,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Claims, String> {
        let OpenId { issuer, client_id, client_secret, .. } = &self.settings;
        let known = self.provider.of_itself(now).await?;
        // RFC 9207: an answer that another provider was led to is none of this one.
        let is_silent = back.iss.is_none() && known.authorization_response_iss_parameter_supported;
        if is_silent || back.iss.as_ref().is_some_and(|it| it != issuer) {
            return Err("the answer is another issuer's".to_owned());
        }
        if !back.error.is_empty() {
            return Err(format!("it says {:?}", back.error.chars().take(60).collect::<String>()));
        }
        if back.code.is_empty() || back.code.len() > CODE_BYTES_MAX {
            return Err("it gave no code".to_owned());
        }
        let exchange = Exchange {
            code: &back.code,
            verifier: &begun.verifier,
            redirect,
            client: client_id,
            secret: client_secret.as_deref(),
        };
        let token = self.provider.token(&exchange, now).await?;
        let expected = Expected { issuer, client: client_id, nonce: &begun.nonce, now };
        let keys = self.provider.keys(now, false).await?;
        let mut checked = token::check(&token, &keys, expected);
        if checked == Err(Wrong::UnknownKey) {
            checked = token::check(&token, &self.provider.keys(now, true).await?, expected);
        }
        checked.map_err(|wrong| match wrong {
            Wrong::UnknownKey => "its token is signed by a key that it does not publish".to_owned(),
            Wrong::Bad(why) => format!("its token does not count: {why}"),
        })
    }

    /// The log-in that the provider stands for.
    fn login(&self, claims: &Claims) -> Result<String, String> {
        let claim = &self.settings.claim;
        if claim == "email" && !claims.has_verified_email() {
            return Err("it has not verified the address of mail".to_owned());
        }
        let login = claims.word(claim).map(|it| it.trim().to_lowercase()).filter(|it| !it.is_empty());
        login.ok_or_else(|| format!("it does not say your {claim}"))
    }

    /// Whether a second factor was shown there.
    fn has_shown_factor(&self, claims: &Claims) -> bool {
        let OpenId { amr, acr, .. } = &self.settings;
        let is_of = |list: &[String], word: &str| list.iter().any(|it| it == word);
        claims.words("amr").iter().any(|it| is_of(amr, it))
            || claims.word("acr").is_some_and(|it| is_of(acr, it))
    }
}

/// Goes to the provider.
pub(crate) async fn start(
    State(service): State<Arc<Service>>,
    Query(query): Query<Next>,
) -> Result<Response, Failure> {
    let way = service.own.openid.as_ref().ok_or(Failure::NotFound)?;
    let (state, browser) = (draw()?, draw()?);
    let begun = Begun {
        at: (service.now)(),
        browser: hash_of(&browser),
        nonce: draw()?,
        verifier: draw()?,
        next: query.next.chars().take(NEXT_CHARACTERS_MAX).collect(),
    };
    let address = match way.address(&redirect(&service), &state, &begun).await {
        Ok(address) => address,
        Err(why) => return Ok(sorry(&service, way, &begun.next, &why)),
    };
    way.begin(state, begun);
    let mut response = Redirect::to(&address).into_response();
    let secure = if service.is_secure { "; Secure" } else { "" };
    set_cookie(&mut response, BROWSER_COOKIE, &browser, &format!("Max-Age=600{secure}"));
    Ok(response)
}

/// Comes back from it.
pub(crate) async fn back(
    State(service): State<Arc<Service>>,
    client: Client,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, Failure> {
    let way = service.own.openid.as_ref().ok_or(Failure::NotFound)?;
    let now = (service.now)();
    let Some(begun) = way.end(&back.state, cookie(&headers, BROWSER_COOKIE), now) else {
        let why = "That log-in was not begun here, was used, or took longer than ten minutes: begin again.";
        return Ok(session::login_again(&service, "", "", why.to_owned(), StatusCode::UNAUTHORIZED));
    };
    let claims = match way.claims(&back, &begun, &redirect(&service), now).await {
        Ok(claims) => claims,
        Err(why) => return Ok(sorry(&service, way, &begun.next, &why)),
    };
    let login = match way.login(&claims) {
        Ok(login) => login,
        Err(why) => return Ok(sorry(&service, way, &begun.next, &why)),
    };
    let refused = |why| session::login_again(&service, &begun.next, &login, why, StatusCode::UNAUTHORIZED);
    let desk = service.book()?.store().await?.desk();
    let Some(account) = desk.account(&login).await?.filter(|account| !account.is_closed) else {
        return Ok(refused(format!(
            "Nobody logs in here as {login}: who administers the desk invites people."
        )));
    };
    let factor = match desk.has_factor(&account).await? {
        _ if way.has_shown_factor(&claims) => Factor::Shown,
        true => Factor::Wanted,
        false if way.settings.wants_factor => {
            let why = "A second factor is wanted here: log in with one there, or set up an app in your account here.";
            return Ok(refused(why.to_owned()));
        }
        false => Factor::None,
    };
    let mut response =
        session::admit(&service, &client, &account, (factor, "log-in-openid"), &begun.next, now).await?;
    set_cookie(&mut response, BROWSER_COOKIE, "", "Max-Age=0");
    Ok(response)
}

/// Where the provider sends people back to; it knows this address from its registration.
fn redirect(service: &Service) -> String {
    format!("{}{BACK}", service.address)
}

/// The log-in page, with what is wrong with the provider or with what it said.
fn sorry(service: &Service, way: &WayIn, next: &str, why: &str) -> Response {
    let why = format!("{} did not tell who you are: {why}.", way.name());
    session::login_again(service, next, "", why, StatusCode::BAD_GATEWAY)
}

/// Where answers of the provider come in.
pub(crate) const BACK: &str = "/login/openid/back";
const BROWSER_COOKIE: &str = "ringwall_openid";
/// Log-ins that have begun and not come back.
const BEGUN_MAX: usize = 10_000;
const BEGUN_MICROS_MAX: i64 = 600_000_000;
const CODE_BYTES_MAX: usize = 4_096;
const NEXT_CHARACTERS_MAX: usize = 2_000;

#[cfg(test)]
mod tests;
