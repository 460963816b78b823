//! Who may go where. Every way into the console names what it takes; nothing is reached past this.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use cases::account::{Account, ApiKey, Right, Session, Side, Taste, hash_of};
use cases::io::store::Store;
use rules::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::api::told::Problem;
use crate::failure::Failure;
use crate::limits::Door;
use crate::way_back::page_before;
use crate::{BODY_BYTES_MAX, Service, client, shell};

/// What a way takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody: machines of the network, and pages whose address holds a secret.
    Open,
    /// Anybody, but only from a page of ours: where somebody logs in.
    Entry,
    /// Whoever has logged in, on whichever side.
    Anyone,
    /// People of the desk with this right.
    Desk(Right),
    /// People of the desk with this right, and programs with a key of the desk.
    Staff(Right),
    /// Contacts of a customer with this right.
    Contact(Right),
    /// Either side with this right, and programs with a key: what they reach is theirs to reach ([`Viewer::customer`]).
    Both(Right),
}

/// Who looks at a page, or asks.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// Who the audit says it was.
    pub(crate) who: String,
    /// The person; `None` for a program.
    pub(crate) account: Option<Account>,
    /// How they logged in; `None` for a program.
    pub(crate) session: Option<Session>,
    /// What they may do.
    rights: Vec<Right>,
    /// Whose data they reach; `None` for all customers'.
    customer: Option<String>,
    /// What has to come back with whatever they change.
    pub(crate) csrf: String,
    /// What is to be said to them once, about what they did last.
    pub(crate) told: Option<String>,
    /// Where they are, to be marked in menus.
    pub(crate) path: String,
}

impl Viewer {
    pub(crate) fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether they work on cases, for templates.
    pub(crate) fn may_work(&self) -> bool {
        self.may(Right::Work)
    }

    pub(crate) fn may_note(&self) -> bool {
        self.may(Right::Note)
    }

    pub(crate) fn may_audit(&self) -> bool {
        self.may(Right::Audit)
    }

    pub(crate) fn may_administer(&self) -> bool {
        self.may(Right::Administer)
    }

    pub(crate) fn may_ask(&self) -> bool {
        self.may(Right::Ask)
    }

    pub(crate) fn may_authorise(&self) -> bool {
        self.may(Right::Authorise)
    }

    /// Whether they belong to the desk, which serves all customers.
    pub(crate) const fn is_of_desk(&self) -> bool {
        self.customer.is_none()
    }

    /// Whose data they reach; `None` for all customers'.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    /// Whether what belongs to `customer` is theirs to see.
    pub(crate) fn reaches(&self, customer: &str) -> bool {
        self.customer.as_deref().is_none_or(|own| own == customer)
    }

    /// The contact that they are.
    pub(crate) fn contact(&self) -> Option<&str> {
        match &self.account.as_ref()?.side {
            Side::Contact { name, .. } => Some(name),
            Side::Desk(_) => None,
        }
    }

    /// What pages call them.
    pub(crate) fn name(&self) -> &str {
        self.account.as_ref().map_or(&self.who, Account::name)
    }

    pub(crate) fn taste(&self) -> Taste {
        self.account.as_ref().map(|account| account.taste).unwrap_or_default()
    }

    /// Whether they showed the code of their app in this session (trust T4).
    pub(crate) fn has_shown_factor(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.factor.is_some())
    }

    /// Whether the menu marks `place`.
    pub(crate) fn is_at(&self, place: &str) -> bool {
        self.path == place || self.path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or(Failure::NotFound)
    }
}

/// Lets through who may, with a [`Viewer`] where somebody has logged in, and says to others why not.
pub(crate) async fn guard(service: Arc<Service>, access: Access, request: Request, next: Next) -> Response {
    let is_secure = service.is_secure;
    let mut response = pass(service, access, request, next).await;
    keep_secure(&mut response, is_secure);
    let headers = response.headers_mut();
    // What says nothing of itself, a way on or a refusal, is none to be kept or to run anything.
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'"));
    response
}

/// Where no way leads: a page that says so, as for what belongs to somebody else. Programs are told by `explain`.
pub(crate) async fn lost(State(service): State<Arc<Service>>, request: Request) -> Response {
    if is_of_programs(request.uri().path()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (parts, _) = request.into_parts();
    let viewer = viewer(&service, &parts).await.ok().flatten();
    let mut response = said(&service, viewer.as_ref(), false, (&Failure::NotFound, None));
    keep_secure(&mut response, service.is_secure);
    response
}

/// Browsers come over TLS from now on, where that is how people reach us (RFC 6797).
fn keep_secure(response: &mut Response, is_secure: bool) {
    if is_secure {
        let year = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

async fn pass(service: Arc<Service>, access: Access, request: Request, next: Next) -> Response {
    let is_program = is_of_programs(request.uri().path());
    let (mut parts, body) = request.into_parts();
    client::find(&mut parts, &service.own.proxies);
    let found = viewer(&service, &parts).await;
    let from = client::address(&parts);
    let request = Request::from_parts(parts, body);
    let who = found.as_ref().ok().and_then(Option::as_ref).map_or(from.as_str(), |viewer| &viewer.who);
    if let Some(door) = door(access, is_program)
        && let Err(seconds) = service.own.limits.take(door, who, (service.now)())
    {
        return said(&service, None, is_program, (&Failure::TooOften(seconds), None));
    }
    let is_change = is_change(&request);
    let back = page_before(request.headers()).filter(|_| is_change).map(str::to_owned);
    let back = back.as_deref();
    let viewer = match found {
        Ok(viewer) => viewer,
        // What is anybody's may have its own idea of who asks.
        Err(_) if access == Access::Open => None,
        Err(failure) => return said(&service, None, is_program, (&failure, back)),
    };
    let request = match admit(&service, access, viewer.as_ref(), request).await {
        Ok(request) => request,
        Err(Unadmitted::Login(place)) => return Redirect::to(&place).into_response(),
        Err(Unadmitted::LoggedOut) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(Unadmitted::Failure(failure)) => {
            return said(&service, viewer.as_ref(), is_program, (&failure, back));
        }
    };
    let is_page = request.method() == Method::GET && !is_program;
    if is_page && viewer.as_ref().is_some_and(Viewer::is_of_desk) {
        // For the menu, which says what was counted a moment ago.
        service.own.desk.count_open(&service).await;
    }
    let response = next.run(request).await;
    let mut response = match response.extensions().get::<Failure>() {
        Some(failure) => said(&service, viewer.as_ref(), is_program, (&failure.clone(), back)),
        None => response,
    };
    // What was said once is not said again.
    if is_page && viewer.as_ref().is_some_and(|viewer| viewer.told.is_some()) {
        forget_told(&mut response);
    }
    response
}

/// Which limit counts. Whoever asks about calls is a machine of the network, which has a limit of its own.
const fn door(access: Access, is_program: bool) -> Option<Door> {
    match access {
        Access::Open => None,
        Access::Entry => Some(Door::Entry),
        _ if is_program => Some(Door::Api),
        _ => None,
    }
}

enum Unadmitted {
    /// They log in first, there.
    Login(String),
    /// An open page asked for a part of itself: the page says that they are logged out.
    LoggedOut,
    Failure(Failure),
}

async fn admit(
    service: &Service,
    access: Access,
    viewer: Option<&Viewer>,
    mut request: Request,
) -> Result<Request, Unadmitted> {
    let is_change = is_change(&request);
    let wrong_origin = || {
        Unadmitted::Failure(Failure::Forbidden(
            "It was sent from a page that is not ours, or that is too old: load the page again.".to_owned(),
        ))
    };
    match access {
        Access::Open => return Ok(with(request, viewer)),
        Access::Entry => {
            if is_change && !is_from_here(request.headers()) {
                return Err(wrong_origin());
            }
            return Ok(with(request, viewer));
        }
        Access::Anyone | Access::Desk(_) | Access::Staff(_) | Access::Contact(_) | Access::Both(_) => {}
    }
    let Some(viewer) = viewer else {
        let path = request.uri().path();
        return Err(if is_of_programs(path) {
            Unadmitted::Failure(Failure::Forbidden(
                "Log in, or send a key: Authorization: Bearer …".to_owned(),
            ))
        } else if request.headers().contains_key(HTMX_HEADER) {
            Unadmitted::LoggedOut
        } else if is_change {
            // From a page of ours: their session ended while they typed.
            let page = page_before(request.headers()).filter(|_| is_from_here(request.headers()));
            page.map_or_else(wrong_origin, |page| {
                Unadmitted::Login(format!("/login?cut_off=yes&next={}", crate::text::url_part(page)))
            })
        } else {
            let place = request.uri().path_and_query().map_or("/", |place| place.as_str());
            Unadmitted::Login(format!("/login?next={}", crate::text::url_part(place)))
        });
    };
    let (is_side, right) = match access {
        Access::Desk(right) => (viewer.is_of_desk() && viewer.account.is_some(), Some(right)),
        Access::Staff(right) => (viewer.is_of_desk(), Some(right)),
        Access::Contact(right) => (viewer.contact().is_some(), Some(right)),
        Access::Both(right) => (true, Some(right)),
        Access::Open | Access::Entry | Access::Anyone => (true, None),
    };
    if !is_side {
        return Err(Unadmitted::Failure(Failure::NotFound));
    }
    if let Some(right) = right.filter(|right| !viewer.may(*right)) {
        let who = if viewer.is_of_desk() {
            "Who administers the desk can change it."
        } else {
            "Contacts and roles says what each of you may do, and who can change it."
        };
        let why = format!("{} may not {}, which this takes. {who}", viewer.name(), right.words());
        return Err(Unadmitted::Failure(Failure::Forbidden(why)));
    }
    // A key is sent on purpose; a browser sends its cookie wherever it is led.
    if is_change && viewer.session.is_some() {
        if !is_from_here(request.headers()) {
            return Err(wrong_origin());
        }
        let (back, token) = token(request).await.map_err(Unadmitted::Failure)?;
        request = back;
        if !token.is_some_and(|token| is_same(&token, &viewer.csrf)) {
            return Err(wrong_origin());
        }
    }
    let _ = service;
    Ok(with(request, Some(viewer)))
}

fn is_change(request: &Request) -> bool {
    !matches!(*request.method(), Method::GET | Method::HEAD)
}

fn with(mut request: Request, viewer: Option<&Viewer>) -> Request {
    if let Some(viewer) = viewer {
        request.extensions_mut().insert(viewer.clone());
    }
    request
}

/// Who asks: by the cookie of a session, or by a key.
async fn viewer(service: &Service, request: &Parts) -> Result<Option<Viewer>, Failure> {
    let Some(cases) = &service.cases else { return Ok(None) };
    let now = (service.now)();
    if let Some(secret) = bearer(&request.headers) {
        let store = cases.store().await?;
        let key = store.desk().key(secret).await?;
        let Some(key) = key.filter(|key| now < key.expires) else {
            return Err(Failure::Forbidden("That key is not known, or has run out.".to_owned()));
        };
        if is_orphaned(&key, store, now).await? {
            return Err(Failure::Forbidden("Whoever made that key is no contact any more.".to_owned()));
        }
        if key.used.is_none_or(|used| now.micros_since(used) > MINUTE_MICROS) {
            store.desk().use_key(&key, now).await?;
        }
        return Ok(Some(of_key(&key, request, now)));
    }
    let Some(secret) = cookie(&request.headers, SESSION_COOKIE) else { return Ok(None) };
    let store = cases.store().await?;
    let hash = hash_of(secret);
    let Some((mut session, account)) = store.desk().session(&hash).await? else { return Ok(None) };
    let is_over = now.micros_since(session.seen) > IDLE_MICROS_MAX
        || now.micros_since(session.began) > SESSION_MICROS_MAX;
    if is_over || account.is_closed {
        store.desk().end_session(&hash).await?;
        return Ok(None);
    }
    if session.is_half {
        return Ok(None);
    }
    if now.micros_since(session.seen) > MINUTE_MICROS && !is_asked_by_pages(request.uri.path()) {
        session.seen = now;
        if !store.desk().renew_session(&session).await? {
            return Ok(None);
        }
    }
    let registration = match account.customer() {
        Some(customer) => Some(store.desk().registration(customer).await?),
        None => None,
    };
    let rights = account.rights(registration.as_ref(), now);
    // Who is no contact any more has no business here (N-7).
    if rights.is_empty() {
        return Ok(None);
    }
    Ok(Some(Viewer {
        who: account.login.clone(),
        rights,
        customer: account.customer().map(str::to_owned),
        account: Some(account),
        session: Some(session),
        csrf: csrf(secret),
        told: cookie(&request.headers, TOLD_COOKIE).and_then(untold),
        path: request.uri.path().to_owned(),
    }))
}

/// Whether a contact made `key` who has no business here any more (N-7).
async fn is_orphaned(key: &ApiKey, store: &Store, now: Timestamp) -> Result<bool, Failure> {
    let Some(customer) = &key.customer else { return Ok(false) };
    let maker = store.desk().account(&key.made_by).await?.filter(|maker| maker.customer().is_some());
    let Some(maker) = maker else { return Ok(false) };
    let registration = store.desk().registration(customer).await?;
    Ok(maker.rights(Some(&registration), now).is_empty())
}

fn of_key(key: &ApiKey, request: &Parts, now: Timestamp) -> Viewer {
    Viewer {
        who: format!("key:{}", key.id),
        account: None,
        session: None,
        rights: key.rights(now).to_vec(),
        customer: key.customer.clone(),
        csrf: String::new(),
        told: None,
        path: request.uri.path().to_owned(),
    }
}

/// The token that came with a change: in a header, or in a form, whose bytes are read and put back.
async fn token(request: Request) -> Result<(Request, Option<String>), Failure> {
    if let Some(token) = request.headers().get(CSRF_HEADER).and_then(|it| it.to_str().ok()) {
        let token = token.to_owned();
        return Ok((request, Some(token)));
    }
    let is_form = content_type(request.headers()).is_some_and(|it| it.starts_with(FORM));
    if !is_form {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Failure::Wrong("That is more than a form of ours can hold.".to_owned()))?;
    let field = bytes.split(|it| *it == b'&').find_map(|pair| pair.strip_prefix(b"csrf="));
    let token = field.map(|value| String::from_utf8_lossy(value).into_owned());
    Ok((Request::from_parts(parts, Body::from(bytes)), token))
}

/// What a session's forms send back: it follows from the cookie, and the cookie does not follow from it.
pub(crate) fn csrf(secret: &str) -> String {
    let digest = Sha256::new().chain_update("ringwall form ").chain_update(secret).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a browser says that a page of ours has sent this. Programs say nothing.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok());
    if text(header::HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let host = text(header::HOST);
    origin.split_once("://").is_some_and(|(_, place)| Some(place) == host)
}

fn is_same(one: &str, other: &str) -> bool {
    // Both are hashes: what time tells of a hash tells nothing of what it is of.
    one == other
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    all.flat_map(|line| line.split("; ")).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// Goes to `place` and says `text` there, once.
pub(crate) fn told_at(place: &str, text: &str) -> Response {
    let mut response = Redirect::to(place).into_response();
    set_cookie(&mut response, TOLD_COOKIE, &crate::text::url_part(text), "Max-Age=60");
    response
}

fn forget_told(response: &mut Response) {
    set_cookie(response, TOLD_COOKIE, "", "Max-Age=0");
}

pub(crate) fn set_cookie(response: &mut Response, name: &str, value: &str, more: &str) {
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; {more}");
    if let Ok(line) = HeaderValue::from_str(&line) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}

fn untold(value: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digits = [*high, *low];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// Whether programs ask there.
pub(crate) fn is_of_programs(path: &str) -> bool {
    path.strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A failure as a page, with the page to go back to, or as an object for a program.
fn said(
    service: &Service,
    viewer: Option<&Viewer>,
    is_program: bool,
    (failure, back): (&Failure, Option<&str>),
) -> Response {
    let mut response =
        if is_program { Problem::answer(failure) } else { shell::failed(service, viewer, failure, back) };
    if let Failure::TooOften(seconds) = failure {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    if is_program && viewer.is_none() && response.status() == StatusCode::FORBIDDEN {
        response = Problem::of(StatusCode::UNAUTHORIZED, failure.title(), failure.text());
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Whether an open page asks for it by itself, which does not say that anybody sits before it.
fn is_asked_by_pages(path: &str) -> bool {
    matches!(path, "/v1/events" | "/queue/rows") || (path.starts_with("/case/") && path.ends_with("/present"))
}

pub(crate) const SESSION_COOKIE: &str = "ringwall_session";
const TOLD_COOKIE: &str = "ringwall_told";
/// That htmx asks for a part of a page.
pub(crate) const HTMX_HEADER: &str = "hx-request";
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";
const FORM: &str = "application/x-www-form-urlencoded";
const MINUTE_MICROS: i64 = 60_000_000;
/// Whoever does nothing for so long logs in again.
pub(crate) const IDLE_MICROS_MAX: i64 = 12 * 60 * MINUTE_MICROS;
/// And whoever works on, once a day or so: a shift is over.
const SESSION_MICROS_MAX: i64 = 24 * 60 * MINUTE_MICROS;
