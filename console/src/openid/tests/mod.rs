//! Logging in by a provider, through the router as it is served: by one that is real, and by one that does what it is told.

mod hostile;
mod real;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use cases::Service as Promises;
use cases::account::{Invitation, Role, Side, hash_of};
use cases::io::store::{Done, Store};
use cases::second_factor::{SECRET_BYTES, SecondFactor};
use rules::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use self::stage::Stage;
use super::OpenId;
use crate::access::SESSION_COOKIE;
use crate::question::Questions;
use crate::{Book, Health, Own, Rates, Service, Shown, Undecided};

/// A service where people log in by a provider: anna, an analyst; carol, who has an app; ben, whose account is closed.
struct House {
    store: Store,
    router: Router,
    folder: PathBuf,
}

struct Answer {
    status: StatusCode,
    /// Where it leads to.
    place: String,
    cookies: Vec<String>,
    text: String,
}

impl Answer {
    /// What the browser is to hold under `name`.
    fn cookie(&self, name: &str) -> Option<String> {
        let of_name =
            |line: &String| Some(line.strip_prefix(name)?.strip_prefix('=')?.split(';').next()?.to_owned());
        self.cookies.iter().find_map(of_name).filter(|value| !value.is_empty())
    }

    fn session(&self) -> Option<String> {
        self.cookie(SESSION_COOKIE)
    }
}

#[allow(clippy::disallowed_methods, reason = "tokens of a real provider are of now")]
fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// How people log in by what listens at `issuer`.
fn settings(issuer: &str) -> OpenId {
    OpenId {
        name: "Example".to_owned(),
        issuer: issuer.to_owned(),
        client_id: "ringwall".to_owned(),
        client_secret: Some("a secret: 1%".to_owned()),
        scopes: vec!["email".to_owned()],
        claim: "email".to_owned(),
        amr: Vec::new(),
        acr: Vec::new(),
        wants_factor: false,
        authorities: None,
    }
}

impl House {
    async fn new(settings: OpenId) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        settings.check().unwrap();
        let name = format!("ringwall-openid-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let place = folder.join("cases.db").display().to_string();
        let store = Store::open(&place).await.unwrap();
        people(&store).await;
        let service = Arc::new(Service {
            hints: None,
            health: Box::new(|| Health::Ready),
            samples: Box::new(|| told(Vec::new())),
            approvals: Box::new(|_| told(Shown::Nothing)),
            reports: Box::new(|_| told(None)),
            decide: Box::new(|_| Err(Undecided::Loading)),
            failed: Box::new(|| panic!("a page failed inside")),
            questions: Questions::silent(),
            cases: Some(Book::new(place, Promises::sample())),
            now,
            name: "Ringwall".to_owned(),
            address: "https://desk.example.com".to_owned(),
            is_secure: true,
            own: Own::new(Rates { requests_per_second: 0, log_ins_per_minute: 0 }).with_openid(settings),
        });
        let router = crate::routes::router(&service).with_state(Arc::clone(&service));
        Self { store, router, folder }
    }

    async fn get(&self, place: &str, cookies: &str) -> Answer {
        // As a browser sends it that was led here from elsewhere.
        let request = Request::get(place)
            .header("host", "desk.example.com")
            .header("sec-fetch-site", "cross-site")
            .header("cookie", cookies);
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let header = |name: &str| {
            let all = parts.headers.get_all(name).iter();
            all.map(|it| it.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (status, place, cookies) = (parts.status, header("location").pop(), header("set-cookie"));
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status, place: place.unwrap_or_default(), cookies, text }
    }

    /// Begins to log in: where the browser goes to, and what it holds.
    async fn begin(&self) -> (String, String) {
        let begun = self.get("/login/openid?next=%2Fqueue%3Fq%3Downer%3Ame", "").await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
        let browser = begun.cookie(super::BROWSER_COOKIE).unwrap();
        assert!(
            begun.cookies[0].contains("HttpOnly; SameSite=Lax; Max-Age=600; Secure"),
            "{:?}",
            begun.cookies
        );
        (begun.place, format!("{}={browser}", super::BROWSER_COOKIE))
    }

    /// Logs in by the provider that does what it is told.
    async fn log_in(&self, stage: &Stage) -> Answer {
        let (place, browser) = self.begin().await;
        let back = stage.authorise(&place);
        self.get(&back, &browser).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn people(store: &Store) {
    let promises = Promises::sample();
    let done = |who| Done { who, now: now(), service: &promises };
    let desk = store.desk();
    for login in ["anna@desk.example", "carol@desk.example", "ben@desk.example"] {
        let invitation = Invitation {
            hash: hash_of(login),
            login: login.to_owned(),
            side: Side::Desk(Role::Analyst),
            expires: now().plus_micros(60_000_000),
        };
        desk.invite(&invitation, done("root")).await.unwrap();
        let account = desk.accept(login, "no password is this".to_owned(), done(login)).await.unwrap();
        if login.starts_with("carol") {
            desk.enrol_account(&account, &SecondFactor::new([7; SECRET_BYTES]), None, done(login))
                .await
                .unwrap();
        }
    }
    desk.change_account("ben@desk.example", "close", |it| it.is_closed = true, done("root")).await.unwrap();
}

fn told<T>(value: T) -> oneshot::Receiver<T> {
    let (tell, told) = oneshot::channel();
    let _ = tell.send(value);
    told
}

#[tokio::test]
async fn who_is_known_there_by_an_address_gets_in_as_the_account_of_that_address() {
    let stage = Stage::open().await;
    let house = House::new(settings(&stage.issuer)).await;
    let page = house.get("/login?next=%2Fboard", "").await;
    assert!(page.text.contains("Log in with Example"), "{}", page.text);
    assert!(page.text.contains("/login/openid?next=%2Fboard"), "{}", page.text);
    let (place, _) = house.begin().await;
    for field in [
        "response_type=code",
        "client_id=ringwall",
        "scope=openid%20email",
        "code_challenge_method=S256",
        "nonce=",
    ] {
        assert!(place.contains(field), "{place}");
    }
    assert!(place.contains("redirect_uri=https%3A%2F%2Fdesk.example.com%2Flogin%2Fopenid%2Fback"), "{place}");
    let answer = house.log_in(&stage).await;
    assert_eq!(
        (answer.status, answer.place.as_str()),
        (StatusCode::SEE_OTHER, "/queue?q=owner:me"),
        "{}",
        answer.text
    );
    let session = format!("{SESSION_COOKIE}={}", answer.session().unwrap());
    assert_eq!(house.get("/queue", &session).await.status, StatusCode::OK);
    // What they may do is what their account here says, whatever the provider calls them.
    assert_eq!(house.get("/people", &session).await.status, StatusCode::FORBIDDEN);
    let mut acts = Vec::new();
    for (chain, _) in house.store.audit_heads().await.unwrap() {
        acts.extend(house.store.audit(&chain, 0, 100).await.unwrap().into_iter().map(|it| it.action));
    }
    assert!(acts.iter().any(|it| it == "log-in-openid"), "{acts:?}");
}

#[tokio::test]
async fn a_log_in_ends_once_and_in_the_browser_that_began_it() {
    let stage = Stage::open().await;
    let house = House::new(settings(&stage.issuer)).await;
    let (place, browser) = house.begin().await;
    let back = stage.authorise(&place);
    let begun_elsewhere = "was not begun here";
    for cookies in ["", "ringwall_openid=0000"] {
        let (place, _) = house.begin().await;
        let answer = house.get(&stage.authorise(&place), cookies).await;
        assert!(answer.session().is_none() && answer.text.contains(begun_elsewhere), "{}", answer.text);
    }
    assert!(house.get(&back, &browser).await.session().is_some());
    let again = house.get(&back, &browser).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(again.session().is_none() && again.text.contains(begun_elsewhere), "{}", again.text);
    // A code of before, led into another log-in: its nonce is another one, even where the provider takes a code twice.
    stage.told.lock().unwrap().takes_codes_twice = true;
    let (place, browser) = house.begin().await;
    let (code, state) = (stage::field(&back, "code"), stage::field(&place, "state"));
    let answer = house.get(&format!("/login/openid/back?code={code}&state={state}"), &browser).await;
    assert!(answer.session().is_none(), "{}", answer.text);
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn only_who_has_an_open_account_gets_in() {
    for (claims, words) in [
        (json!({ "email": "nobody@desk.example" }), "Nobody logs in here as nobody@desk.example"),
        (json!({ "email": "ben@desk.example" }), "Nobody logs in here as ben@desk.example"),
        (json!({ "email_verified": false }), "has not verified the address"),
        (json!({ "email_verified": null }), "has not verified the address"),
        (json!({ "email": null }), "does not say your email"),
        (json!({ "email": "<b>x</b>" }), "Nobody logs in here as &lt;b&gt;x"),
    ] {
        let stage = Stage::open().await;
        let house = House::new(settings(&stage.issuer)).await;
        stage.told.lock().unwrap().claims = claims.clone();
        let answer = house.log_in(&stage).await;
        assert!(answer.session().is_none() && answer.text.contains(words), "{claims}: {}", answer.text);
        let accounts = house.store.desk().accounts().await.unwrap();
        assert_eq!(accounts.len(), 3, "no account comes of it");
    }
    // By another claim, which nobody has to verify but the provider that is configured so.
    let stage = Stage::open().await;
    let by_name =
        OpenId { claim: "preferred_username".to_owned(), client_secret: None, ..settings(&stage.issuer) };
    let house = House::new(by_name).await;
    stage.told.lock().unwrap().claims = json!({ "preferred_username": "Anna@Desk.Example ", "email": null });
    assert!(house.log_in(&stage).await.session().is_some());
}

#[tokio::test]
async fn a_second_factor_is_asked_for_here_unless_the_provider_has_seen_one() {
    let (plain, strong) = (json!({}), json!({ "amr": ["pwd", "mfa"] }));
    let carol = |mut claims: serde_json::Value| {
        claims["email"] = json!("carol@desk.example");
        claims
    };
    for (wants_factor, amr, claims, expected) in [
        (false, &[][..], plain.clone(), "/queue?q=owner:me"),
        (false, &[][..], carol(plain.clone()), "/login/code?next=%2Fqueue%3Fq%3Downer%3Ame"),
        // What is not configured to count does not.
        (false, &[][..], carol(strong.clone()), "/login/code?next=%2Fqueue%3Fq%3Downer%3Ame"),
        (false, &["mfa"][..], carol(strong.clone()), "/queue?q=owner:me"),
        (true, &["mfa"][..], strong, "/queue?q=owner:me"),
        (true, &["mfa"][..], json!({ "acr": "phr" }), "/queue?q=owner:me"),
        (true, &["mfa"][..], plain.clone(), ""),
        (true, &["mfa"][..], json!({ "amr": ["pwd"], "acr": "0" }), ""),
        (true, &["mfa"][..], carol(plain), "/login/code?next=%2Fqueue%3Fq%3Downer%3Ame"),
    ] {
        let stage = Stage::open().await;
        let amr: Vec<_> = amr.iter().map(|it| (*it).to_owned()).collect();
        let acr = vec!["phr".to_owned()];
        let house = House::new(OpenId { wants_factor, amr, acr, ..settings(&stage.issuer) }).await;
        stage.told.lock().unwrap().claims = claims.clone();
        let answer = house.log_in(&stage).await;
        assert_eq!(answer.place, expected, "{wants_factor} {claims}: {}", answer.text);
        let Some(secret) = answer.session() else {
            assert!(expected.is_empty() && answer.text.contains("A second factor is wanted here"));
            continue;
        };
        let (session, _) = house.store.desk().session(&hash_of(&secret)).await.unwrap().unwrap();
        let is_half = expected.starts_with("/login/code");
        assert_eq!(session.is_half, is_half, "{claims}");
        let has_shown = claims.get("amr").is_some() || claims.get("acr").is_some();
        assert_eq!(session.factor.is_some(), has_shown && !is_half, "{claims}");
        let queue = house.get("/queue", &format!("{SESSION_COOKIE}={secret}")).await;
        assert_eq!(queue.status == StatusCode::OK, !is_half, "half a session opens nothing");
    }
}

#[test]
fn what_cannot_be_a_provider_is_told_at_once() {
    let good = settings("https://id.example.com/realms/desk");
    assert_eq!(good.check(), Ok(()));
    for issuer in [
        "",
        "id.example.com",
        "http://id.example.com",
        "http://localhost.example.com",
        "https://",
        "ftp://127.0.0.1",
        "http://127.0.0.1@id.example.com",
        "http://localhost:80@id.example.com",
        "https://id.example.com?a=b",
        "https://a b",
    ] {
        assert!(OpenId { issuer: issuer.to_owned(), ..good.clone() }.check().is_err(), "{issuer:?}");
    }
    for issuer in ["http://127.0.0.1:9400", "http://localhost", "http://[::1]:80/x"] {
        assert_eq!(OpenId { issuer: issuer.to_owned(), ..good.clone() }.check(), Ok(()), "{issuer:?}");
    }
    assert!(OpenId { client_id: String::new(), ..good.clone() }.check().is_err());
    assert!(OpenId { scopes: vec!["a b".to_owned()], ..good }.check().is_err());
}
