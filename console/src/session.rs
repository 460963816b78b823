//! How somebody logs in and out: a password, then the code of their app; and how they choose both.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use cases::account::{Account, Session, hash_of};
use cases::second_factor::{SECRET_BYTES, SecondFactor};
use ring::rand::{SecureRandom as _, SystemRandom};
use rules::Timestamp;
use serde::Deserialize;

use crate::access::{SESSION_COOKIE, Viewer, cookie, set_cookie, told_at};
use crate::client::neighbourhood;
use crate::failure::Failure;
use crate::shell::{self, Shell};
use crate::{Service, approval, client, password};

/// Where somebody asks from, and with which cookie.
pub(crate) struct Client {
    address: String,
    secret: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let secret = cookie(&parts.headers, SESSION_COOKIE).map(str::to_owned);
        Ok(Self { address: client::address(parts), secret })
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    shell: Shell<'a>,
    next: &'a str,
    login: &'a str,
    wrong: Option<String>,
    hints: Vec<String>,
    /// Who else says who somebody is.
    provider: Option<&'a str>,
    /// Whether their session ended before what they sent was taken.
    is_cut_off: bool,
}

impl<'a> LoginPage<'a> {
    fn of(service: &'a Service, next: &'a str, login: &'a str, wrong: Option<String>) -> Self {
        let shell = Shell::of(service, None, "Log in");
        Self {
            shell,
            next,
            login,
            wrong,
            hints: service.hints(false),
            provider: service.provider(),
            is_cut_off: false,
        }
    }
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    shell: Shell<'a>,
    next: &'a str,
    wrong: Option<String>,
    hints: Vec<String>,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    shell: Shell<'a>,
    login: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    pub(crate) next: String,
    /// Set where what they sent was not taken.
    #[serde(default)]
    cut_off: String,
}

#[derive(Deserialize)]
pub(crate) struct Login {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct Code {
    code: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    password: String,
}

pub(crate) async fn login_page(
    State(service): State<Arc<Service>>,
    viewer: Option<axum::Extension<Viewer>>,
    Query(query): Query<Next>,
) -> Response {
    if let Some(axum::Extension(viewer)) = viewer {
        let place = if is_ours(&query.next) { &query.next } else { home(&viewer) };
        return Redirect::to(place).into_response();
    }
    let page = LoginPage::of(&service, &query.next, "", None);
    shell::page(&LoginPage { is_cut_off: !query.cut_off.is_empty(), ..page })
}

pub(crate) async fn login(
    State(service): State<Arc<Service>>,
    client: Client,
    Form(form): Form<Login>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let desk = book.store().await?.desk();
    let login = form.login.trim().to_lowercase();
    let account = desk.account(&login).await?.filter(|account| !account.is_closed);
    let kept = account.as_ref().and_then(|account| account.password.clone());
    let from = neighbourhood(&client.address);
    let checked = service.own.doorkeeper.check((&login, &from), kept, form.password, now).await;
    let wrong = match (checked, account) {
        (Ok(true), Some(account)) => {
            let factor = if desk.has_factor(&account).await? { Factor::Wanted } else { Factor::None };
            return admit(&service, &client, &account, (factor, "log-in"), &form.next, now).await;
        }
        (Ok(_), _) => "The log-in or the password is wrong.".to_owned(),
        (Err(Failure::TooOften(seconds)), _) => {
            format!("Too many tries from here: the next one counts in {seconds} seconds.")
        }
        (Err(failure), _) => return Err(failure),
    };
    Ok(login_again(&service, &form.next, &login, wrong, StatusCode::UNAUTHORIZED))
}

/// The log-in page with what was wrong.
pub(crate) fn login_again(
    service: &Service,
    next: &str,
    login: &str,
    wrong: String,
    status: StatusCode,
) -> Response {
    let mut response = shell::page(&LoginPage::of(service, next, login, Some(wrong)));
    *response.status_mut() = status;
    response
}

/// How far somebody has shown a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factor {
    /// They have none.
    None,
    /// The code of their app is asked for now.
    Wanted,
    /// They have shown one where they logged in.
    Shown,
}

/// Somebody has shown who they are: a session begins, and opens nothing while a code is asked for. `how` stands in the audit.
pub(crate) async fn admit(
    service: &Service,
    client: &Client,
    account: &Account,
    (factor, how): (Factor, &str),
    next: &str,
    now: Timestamp,
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let (secret, mut session) = begin(account, factor == Factor::Wanted, &client.address, now)?;
    session.factor = (factor == Factor::Shown).then_some(now);
    // What was in the browser before opens nothing more: nobody slips a session of theirs under somebody.
    if let Some(before) = &client.secret {
        desk.end_session(&hash_of(before)).await?;
    }
    desk.put_session(&session).await?;
    if factor == Factor::Wanted {
        let place = format!("/login/code?next={}", crate::text::url_part(next));
        return Ok(with_session(Redirect::to(&place).into_response(), service, &secret));
    }
    entered(service, account, &secret, (how, next), now).await
}

pub(crate) async fn code_page(State(service): State<Arc<Service>>, Query(query): Query<Next>) -> Response {
    let shell = Shell::of(&service, None, "Code");
    shell::page(&CodePage { shell, next: &query.next, wrong: None, hints: service.hints(true) })
}

pub(crate) async fn code(
    State(service): State<Arc<Service>>,
    client: Client,
    Form(form): Form<Code>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let desk = book.store().await?.desk();
    let half = match &client.secret {
        Some(secret) => desk.session(&hash_of(secret)).await?,
        None => None,
    };
    let Some((half, account)) = half.filter(|(session, account)| {
        session.is_half && !account.is_closed && now.micros_since(session.began) < HALF_MICROS_MAX
    }) else {
        return Ok(Redirect::to("/login").into_response());
    };
    let (customer, contact) = account.factor_place();
    if let Err(error) = desk.take_code(customer, contact, &form.code, now).await {
        let wrong = match Failure::from(error) {
            Failure::Refused(why) => why,
            failure => return Err(failure),
        };
        let shell = Shell::of(&service, None, "Code");
        let mut response = shell::page(&CodePage {
            shell,
            next: &form.next,
            wrong: Some(wrong),
            hints: service.hints(true),
        });
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    }
    desk.end_session(&half.hash).await?;
    let (secret, mut session) = begin(&account, false, &client.address, now)?;
    session.factor = Some(now);
    desk.put_session(&session).await?;
    entered(&service, &account, &secret, ("log-in", &form.next), now).await
}

pub(crate) async fn logout(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    if let Some(session) = &viewer.session {
        service.book()?.store().await?.desk().end_session(&session.hash).await?;
    }
    let mut response = Redirect::to("/login").into_response();
    set_cookie(&mut response, SESSION_COOKIE, "", "Max-Age=0");
    Ok(response)
}

pub(crate) async fn welcome_page(
    State(service): State<Arc<Service>>,
    Path(secret): Path<String>,
) -> Result<Response, Failure> {
    let store = service.book()?.store().await?;
    let Some(invitation) = store.desk().invitation(&secret, (service.now)()).await? else {
        return Ok(approval::nowhere(UNINVITED));
    };
    let shell = Shell::of(&service, None, "Welcome");
    Ok(shell::page(&WelcomePage { shell, login: &invitation.login, wrong: None }))
}

pub(crate) async fn welcome(
    State(service): State<Arc<Service>>,
    Path(secret): Path<String>,
    client: Client,
    Form(form): Form<Chosen>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let desk = book.store().await?.desk();
    let Some(invitation) = desk.invitation(&secret, now).await? else {
        return Ok(approval::nowhere(UNINVITED));
    };
    if let Some(wrong) = password::weakness(&form.password, &invitation.login) {
        let shell = Shell::of(&service, None, "Welcome");
        let mut response = shell::page(&WelcomePage { shell, login: &invitation.login, wrong: Some(wrong) });
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    let hash = service.own.doorkeeper.hash(form.password).await?;
    let account = desk.accept(&secret, hash, book.done(&invitation.login, now)).await?;
    if desk.has_factor(&account).await? {
        return Ok(Redirect::to("/login").into_response());
    }
    let (cookie, session) = begin(&account, false, &client.address, now)?;
    desk.put_session(&session).await?;
    entered(&service, &account, &cookie, ("log-in", ""), now).await
}

/// Somebody is in: the cookie is theirs, and they go where they wanted.
async fn entered(
    service: &Service,
    account: &Account,
    secret: &str,
    (how, next): (&str, &str),
    now: Timestamp,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let note = |account: &mut Account| account.last_login = Some(now);
    desk.change_account(&account.login, how, note, book.done(&account.login, now)).await?;
    let own = if account.customer().is_some() { "/portal" } else { "/queue" };
    let place = if is_ours(next) { next } else { own };
    Ok(with_session(Redirect::to(place).into_response(), service, secret))
}

/// Whether it is a place of ours. `//elsewhere` and `/\elsewhere` are not, nor is what a browser makes of them: it leaves tabs and
/// ends of lines out of addresses (WHATWG URL §4.4), and no address of ours has a control character.
pub(crate) fn is_ours(place: &str) -> bool {
    let is_strange = |it: char| it == '\\' || it.is_control();
    place.starts_with('/') && !place.starts_with("//") && !place.contains(is_strange)
}

/// A new session and the secret that the browser gets.
fn begin(
    account: &Account,
    is_half: bool,
    address: &str,
    now: Timestamp,
) -> Result<(String, Session), Failure> {
    let secret = draw()?;
    let session = Session {
        hash: hash_of(&secret),
        login: account.login.clone(),
        began: now,
        seen: now,
        factor: None,
        is_half,
        address: address.to_owned(),
    };
    Ok((secret, session))
}

/// 256 bits that nobody knows, in hexadecimal.
pub(crate) fn draw() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::Down("This machine gives no secrets.".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A second factor that nobody has seen.
pub(crate) fn draw_factor() -> Result<SecondFactor, Failure> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::Down("This machine gives no secrets.".to_owned()))?;
    Ok(SecondFactor::new(bytes))
}

fn with_session(mut response: Response, service: &Service, secret: &str) -> Response {
    let more = if service.is_secure { "Max-Age=86400; Secure" } else { "Max-Age=86400" };
    set_cookie(&mut response, SESSION_COOKIE, secret, more);
    response
}

/// Where somebody begins.
pub(crate) fn home(viewer: &Viewer) -> &'static str {
    if viewer.is_of_desk() { "/queue" } else { "/portal" }
}

pub(crate) async fn start(viewer: Viewer) -> Redirect {
    Redirect::to(home(&viewer))
}

/// What somebody sees and changes of their own account.
#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    shell: Shell<'a>,
    account: &'a Account,
    has_factor: bool,
    /// A factor that is offered, as a picture and in letters; it holds once its code was typed.
    offered: Option<Offered>,
}

struct Offered {
    secret: String,
    picture: String,
}

pub(crate) async fn account_page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let account = viewer.account.as_ref().ok_or(Failure::NotFound)?;
    let has_factor = service.book()?.store().await?.desk().has_factor(account).await?;
    let shell = Shell::of(&service, Some(&viewer), "Account");
    Ok(shell::page(&AccountPage { shell, account, has_factor, offered: None }))
}

#[derive(Deserialize)]
pub(crate) struct Tastes {
    #[serde(default)]
    dense: String,
    #[serde(default)]
    keys: String,
    #[serde(default)]
    look: String,
}

pub(crate) async fn change_taste(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Tastes>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let taste = cases::account::Taste {
        is_dense: form.dense == "yes",
        no_keys: form.keys == "no",
        dark: match form.look.as_str() {
            "dark" => Some(true),
            "light" => Some(false),
            _ => None,
        },
    };
    let done = book.done(&viewer.who, (service.now)());
    let change = |account: &mut Account| account.taste = taste;
    book.store().await?.desk().change_account(&viewer.who, "", change, done).await?;
    Ok(told_at("/account", "Your pages are shown so from now on."))
}

/// Shows a new factor. It is kept nowhere until its code comes back with it.
pub(crate) async fn offer_factor(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let account = viewer.account.as_ref().ok_or(Failure::NotFound)?;
    let has_factor = service.book()?.store().await?.desk().has_factor(account).await?;
    let factor = draw_factor()?;
    let address = factor.address(&account.login, &service.name).unwrap_or_default();
    let shell = Shell::of(&service, Some(&viewer), "Account");
    let offered = Offered { secret: factor.secret().to_owned(), picture: picture(&address) };
    Ok(shell::page(&AccountPage { shell, account, has_factor, offered: Some(offered) }))
}

#[derive(Deserialize)]
pub(crate) struct Enrolment {
    secret: String,
    code: String,
    /// The code of the factor from before, where there is one.
    #[serde(default)]
    old: String,
}

pub(crate) async fn enrol(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Enrolment>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let desk = book.store().await?.desk();
    let account = viewer.account.as_ref().ok_or(Failure::NotFound)?;
    if desk.has_factor(account).await? {
        // Whoever took a browser over gets no factor of their own.
        let (customer, contact) = account.factor_place();
        desk.take_code(customer, contact, &form.old, now).await?;
    }
    let wrong = || Failure::Refused("That is not a code of this app: scan the picture again.".to_owned());
    let mut factor = SecondFactor::of_secret(&form.secret).ok_or_else(wrong)?;
    factor.take(&form.code, now).map_err(|_| wrong())?;
    let session = viewer.session.as_ref();
    let hash = session.map(|session| session.hash.as_str());
    desk.enrol_account(account, &factor, hash, book.done(&viewer.who, now)).await?;
    if let Some(session) = session {
        desk.renew_session(&Session { factor: Some(now), ..session.clone() }).await?;
    }
    Ok(told_at("/account", "From now on the code of your app is asked for when you log in."))
}

/// `address` as a picture that an app scans: our own squares, no markup of others.
fn picture(address: &str) -> String {
    fast_qr::QRBuilder::new(address)
        .build()
        .map(|code| {
            use fast_qr::convert::Builder as _;
            fast_qr::convert::svg::SvgBuilder::default().margin(2).to_str(&code)
        })
        .unwrap_or_default()
}

/// How long a code is waited for after the password.
const UNINVITED: &str = "It was used, it is older than 72 hours, or a character is missing. Whoever invited you can send another one.";
const HALF_MICROS_MAX: i64 = 10 * 60 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_place_of_ours_is_gone_to_after_the_log_in() {
        for place in
            ["/", "/queue?q=owner:me", "/case/RW-104233-3#note", "/lists/Acme%20Insurance", "/portal?of=//x"]
        {
            assert!(is_ours(place), "{place:?}");
        }
        for place in [
            "",
            "queue",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            " //evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            "/\n/evil.example",
            "/\r\n/evil.example",
            "/\0/evil.example",
            "/\x0b/evil.example",
            "/\x7f/evil.example",
            "/\u{85}/evil.example",
        ] {
            assert!(!is_ours(place), "{place:?}");
        }
    }
}
