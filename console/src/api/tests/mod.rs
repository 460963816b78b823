//! The API and every other way in, asked through the router as it is served, on a store of its own.

mod bounds;
mod contract;
mod desk;
mod document;
mod follow;
mod standing;
mod sweep;
mod world;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use cases::account::{Account, ApiKey, Role, Session, Side, Taste, hash_of};
use cases::alert::Storm;
use cases::case::Kind;
use cases::flow::State;
use cases::intake;
use cases::io::store::{Done, Store};
use cases::registry::Person;
use cases::{Registration, Service as Promises};
use rules::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use self::world::World;
use crate::access::{SESSION_COOKIE, csrf};
use crate::{Book, Health, Own, Rates, Service, Shown, Undecided};

pub(super) const NOW: Timestamp = Timestamp(1_791_212_400_000_000);

/// A service on a database with two customers, one of everything, and somebody of every kind.
pub(super) struct House {
    pub(super) service: Arc<Service>,
    pub(super) store: Store,
    /// What was asked of the rest of the service.
    world: Arc<World>,
    router: Router,
    /// Cases of Acme and of Bay.
    pub(super) acme: String,
    pub(super) bay: String,
    /// From where requests come.
    peer: IpAddr,
    folder: PathBuf,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }
}

impl House {
    pub(super) async fn new() -> Self {
        Self::with(Rates { requests_per_second: 0, log_ins_per_minute: 0 }, true).await
    }

    pub(super) async fn with(rates: Rates, is_secure: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ringwall-api-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let place = folder.join("cases.db").display().to_string();
        let store = Store::open(&place).await.unwrap();
        let (acme, bay) = fill(&store).await;
        let world = Arc::new(World::default());
        let service = Arc::new(Service {
            hints: None,
            health: Box::new(|| Health::Ready),
            samples: Box::new(|| told(Vec::new())),
            approvals: Box::new(|_| told(Shown::Nothing)),
            reports: Box::new(|_| told(None)),
            decide: Box::new(|_| Err(Undecided::Loading)),
            failed: Box::new(|| panic!("a page failed inside")),
            questions: World::questions(&world),
            cases: Some(Book::new(place, Promises::sample())),
            now: || NOW,
            name: "Ringwall".to_owned(),
            address: "https://desk.example.com".to_owned(),
            is_secure,
            own: Own::new(rates).behind(vec!["192.0.2.0/24".parse().unwrap()]),
        });
        let router = crate::routes::router(&service).with_state(Arc::clone(&service));
        let peer = IpAddr::from([203, 0, 113, 9]);
        Self { service, store, world, router, acme, bay, peer, folder }
    }

    /// What is answered to this request; `who` is one of [`viewers`].
    pub(super) async fn ask(
        &self,
        who: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "desk.example.com");
        if let Some(key) = who.strip_prefix("key ") {
            request = request.header("authorization", format!("Bearer {key}"));
        } else if who != "nobody" {
            request = request.header("cookie", format!("{SESSION_COOKIE}={who}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((self.peer, 40_000))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        if headers.get("content-type").is_some_and(|it| it == "text/event-stream") {
            return Answer { status, headers, text: String::new() };
        }
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// A change by JSON, with what a page of ours sends along.
    pub(super) async fn change(
        &self,
        who: &str,
        path: &str,
        seen: Option<&str>,
        name: Option<&str>,
        body: &Value,
    ) -> Answer {
        self.send(who, "POST", path, (seen, name), &body.to_string()).await
    }

    /// The same by any method.
    pub(super) async fn send(
        &self,
        who: &str,
        method: &str,
        path: &str,
        (seen, name): (Option<&str>, Option<&str>),
        body: &str,
    ) -> Answer {
        let token = csrf(who);
        let mut headers = vec![("content-type", "application/json"), ("x-csrf-token", token.as_str())];
        headers.extend(seen.map(|tag| ("if-match", tag)));
        headers.extend(name.map(|name| ("idempotency-key", name)));
        self.ask(who, method, path, &headers, body).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn told<T>(value: T) -> oneshot::Receiver<T> {
    let (tell, told) = oneshot::channel();
    let _ = tell.send(value);
    told
}

/// Everybody that there is, as [`House::ask`] calls them.
pub(super) const VIEWERS: [&str; 13] = [
    "nobody",
    "first-level",
    "analyst",
    "senior",
    "incident-commander",
    "auditor",
    "admin",
    "ann",
    "rob",
    "eve",
    "key reads",
    "key works",
    "key desk",
];

async fn fill(store: &Store) -> (String, String) {
    let promises = Promises::sample();
    let done = Done { who: "test", now: NOW, service: &promises };
    let desk = store.desk();
    for (customer, people) in [
        ("Acme", vec![("Ann", intake::Role::Authorizer), ("Rob", intake::Role::Requester)]),
        ("Bay", vec![("Eve", intake::Role::Authorizer)]),
    ] {
        let people = people.into_iter().map(|(name, role)| Person {
            name: name.to_owned(),
            addresses: vec![format!("{name}@{customer}.example.com").to_lowercase()],
            phones: Vec::new(),
            roles: [role].into_iter().collect(),
            valid_from: None,
            valid_until: None,
            verified_at: None,
            zone: None,
        });
        let customer = customer.to_owned();
        let registration = Registration { customer, people: people.collect(), ..Registration::default() };
        let draft = desk.draft_registration(registration, done).await.unwrap();
        desk.confirm_registration(&draft.hash, Done { who: "other", ..done }).await.unwrap();
    }
    let roles = Role::EVERY.map(|role| (role.name().to_owned(), Side::Desk(role)));
    let contacts = [("ann", "Acme", "Ann"), ("rob", "Acme", "Rob"), ("eve", "Bay", "Eve")].map(
        |(login, customer, name)| {
            (login.to_owned(), Side::Contact { customer: customer.to_owned(), name: name.to_owned() })
        },
    );
    for (login, side) in roles.into_iter().chain(contacts) {
        let hash = hash_of(&format!("invited {login}"));
        let invitation =
            cases::account::Invitation { hash, login: login.clone(), side, expires: NOW.plus_micros(1_000) };
        desk.invite(&invitation, done).await.unwrap();
        let account: Account = desk.accept(&format!("invited {login}"), "x".to_owned(), done).await.unwrap();
        assert_eq!(account.taste, Taste::default());
        let session = Session {
            hash: hash_of(&login),
            login,
            began: NOW,
            seen: NOW,
            factor: None,
            is_half: false,
            address: "192.0.2.1".to_owned(),
        };
        desk.put_session(&session).await.unwrap();
    }
    for (secret, customer, may_work) in
        [("reads", Some("Acme"), false), ("works", Some("Acme"), true), ("desk", None, true)]
    {
        let key = ApiKey {
            id: format!("K-{secret}"),
            purpose: "tests".to_owned(),
            hash: hash_of(secret),
            customer: customer.map(str::to_owned),
            may_work,
            made_by: "test".to_owned(),
            expires: NOW.plus_micros(3_600_000_000),
            used: Some(NOW),
        };
        desk.add_key(&key, done).await.unwrap();
    }
    let mut alerts = Vec::new();
    for customer in ["Acme", "Bay"] {
        let text = serde_json::json!({
            "id": format!("alert-{customer}"), "at": "2026-10-05T15:00:00Z", "customer": customer, "rule": "burst",
            "threshold": null, "severity": "warning", "key": { "caller": "+12105550142" },
            "first": "2026-10-05T15:00:00Z", "last": "2026-10-05T15:00:00Z", "total_calls": 9,
            "calls": [if customer == "Acme" { world::CALL_ID } else { "gone@203.0.113.5" }],
        });
        alerts.push((serde_json::from_value(text.clone()).unwrap(), text.to_string()));
    }
    desk.take_alerts(&alerts, 1, &mut Storm::default(), done).await.unwrap();
    let mut numbers = Vec::new();
    for customer in ["Acme", "Bay"] {
        let case = desk.open(customer, Kind::Block, State::New, "block +12105550142", done).await.unwrap();
        numbers.push(case.number.to_string());
    }
    (numbers[0].clone(), numbers[1].clone())
}
