//! Pages of the desk over a socket, on a database of their own.

mod case;
mod hostile;
mod queue;

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use cases::account::{Invitation, Role, Session, Side, hash_of};
use cases::alert::Storm;
use cases::change::{Change, Impact};
use cases::intake::Directory;
use cases::io::store::{Done, Filter, Store};
use cases::{Alert, Case, Service as Promises};
use rules::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::access::{SESSION_COOKIE, csrf};
use crate::question::{Asked, DeskQuestions, Questions, Reached, Wish};
use crate::text::url_part;
use crate::{Book, Health, Own, Service};

const NOW: Timestamp = Timestamp(1_791_212_400_000_000); // Monday 2026-10-05T15:00:00Z, 10:00 in Chicago
const MINUTE: i64 = 60_000_000;

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(NOW.0) };
}

fn now() -> Timestamp {
    Timestamp(CLOCK.get())
}

fn pass(micros: i64) {
    CLOCK.set(CLOCK.get() + micros);
}

/// A desk that is served, with people who have logged in.
struct Desk {
    store: Store,
    promises: Promises,
    address: String,
    /// What was asked to be drafted.
    wishes: Arc<Mutex<Vec<Wish>>>,
    stop: Option<oneshot::Sender<()>>,
}

/// What came back.
struct Page {
    status: u16,
    head: String,
    text: String,
}

/// Runs `story` with a desk of its own.
fn at_a_desk<F: Future<Output = Desk>>(story: impl FnOnce(Desk) -> F) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    CLOCK.set(NOW.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = format!("ringwall-desk-{}-{}.db", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    runtime.block_on(async {
        let mut desk = story(Desk::open(path.clone()).await).await;
        drop(desk.stop.take());
        desk.store.close().await;
    });
    drop(runtime);
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", path.display()));
    }
}

/// A question that is answered at once.
fn answer<Q: 'static, A: 'static>(
    answer: impl Fn(Q) -> Result<A, String> + Send + Sync + 'static,
) -> Asked<Q, A> {
    Box::new(move |question| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(answer(question));
        told
    })
}

impl Desk {
    async fn open(path: PathBuf) -> Self {
        let place = path.to_str().unwrap().to_owned();
        let store = Store::open(&place).await.unwrap();
        let wishes = Arc::new(Mutex::new(Vec::new()));
        let for_draft = Arc::clone(&wishes);
        let questions = Questions {
            customers: answer(|()| Ok(Vec::new())),
            desk: DeskQuestions {
                lists_of: answer(|customer: String| {
                    Ok(if customer == "Acme" { vec!["harassment".to_owned()] } else { Vec::new() })
                }),
                draft: answer(move |wish: Wish| {
                    for_draft.lock().unwrap().push(wish.clone());
                    let Wish { customer, lines } = wish;
                    let change = Change { customer, base: "one".to_owned(), result: "two".to_owned(), lines };
                    Ok((change, Impact { days: 30, blocked: Some(41), wanted: 0, ..Impact::default() }))
                }),
                ask_authorisers: answer(|_| {
                    Ok(Reached { by_mail: vec!["Ann".to_owned()], otherwise: Vec::new() })
                }),
                approve_part: answer(|_| Err("nobody chooses".to_owned())),
                use_standing: answer(|_| Err("it is not covered".to_owned())),
                directory: answer(|_| Ok(Directory::default())),
            },
            ..Questions::silent()
        };
        let service = Service {
            hints: None,
            health: Box::new(|| Health::Ready),
            samples: Box::new(|| oneshot::channel().1),
            approvals: Box::new(|_| oneshot::channel().1),
            reports: Box::new(|_| oneshot::channel().1),
            decide: Box::new(|_| Err(crate::Undecided::Loading)),
            failed: Box::new(|| panic!("a page failed inside")),
            questions,
            cases: Some(Book::new(place, Promises::sample())),
            now,
            name: "Ringwall".to_owned(),
            address: "http://desk.example.com".to_owned(),
            is_secure: false,
            own: Own::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(crate::serve(listener, service, async { drop(stopped.await) }));
        let desk = Self { store, promises: Promises::sample(), address, wishes, stop: Some(stop) };
        for (login, role) in [("anna", Role::Analyst), ("sue", Role::Senior), ("fred", Role::FirstLevel)] {
            desk.let_in(login, Side::Desk(role)).await;
        }
        desk
    }

    async fn let_in(&self, login: &str, side: Side) {
        let secret = format!("invitation-{login}");
        let expires = now().plus_micros(MINUTE);
        let invitation = Invitation { hash: hash_of(&secret), login: login.to_owned(), side, expires };
        self.store.desk().invite(&invitation, self.done()).await.unwrap();
        self.store.desk().accept(&secret, "not asked for here".to_owned(), self.done()).await.unwrap();
        let session = Session {
            hash: hash_of(&format!("session-{login}")),
            login: login.to_owned(),
            began: now(),
            seen: now(),
            factor: Some(now()),
            is_half: false,
            address: "127.0.0.1".to_owned(),
        };
        self.store.desk().put_session(&session).await.unwrap();
    }

    fn done(&self) -> Done<'_> {
        Done { who: "ringwall", now: now(), service: &self.promises }
    }

    /// One case for each caller, two minutes apart, the first the oldest.
    async fn alerts(&self, customer: &str, callers: &[&str]) -> Vec<Case> {
        let alerts: Vec<_> = (0..)
            .zip(callers)
            .map(|(at, caller)| alert(customer, caller, at - callers.len() as i64))
            .collect();
        self.take(&alerts).await;
        let filter = Filter { customer: Some(customer.to_owned()), count: Some(500), ..Filter::default() };
        let mut cases = self.store.desk().list(&filter).await.unwrap().cases;
        cases.sort_by_key(|case| case.number.serial());
        cases
    }

    async fn take(&self, alerts: &[(Alert, String)]) {
        self.store.desk().take_alerts(alerts, 1, &mut Storm::default(), self.done()).await.unwrap();
    }

    async fn get(&self, login: &str, place: &str) -> Page {
        self.send(login, &format!("GET {place} HTTP/1.1"), None).await
    }

    async fn post(&self, login: &str, place: &str, form: &[(&str, &str)]) -> Page {
        let mut form: VecDeque<_> =
            form.iter().map(|(name, it)| format!("{name}={}", url_part(it))).collect();
        form.push_front(format!("csrf={}", csrf(&format!("session-{login}"))));
        let body = form.make_contiguous().join("&");
        self.send(login, &format!("POST {place} HTTP/1.1"), Some(&body)).await
    }

    async fn send(&self, login: &str, line: &str, body: Option<&str>) -> Page {
        let mut head = format!(
            "{line}\r\nHost: {}\r\nConnection: close\r\nCookie: {SESSION_COOKIE}=session-{login}\r\n",
            self.address
        );
        if let Some(body) = body {
            let length = body.len();
            head +=
                &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n");
        }
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(format!("{head}\r\n{}", body.unwrap_or_default()).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, text) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Page { status, head: head.to_lowercase(), text: text.to_owned() }
    }
}

impl Page {
    /// That it is a page, of a size that a page may have.
    #[track_caller]
    fn page_well(self) -> Self {
        assert_eq!(self.status, 200, "{}\n{}", self.head, self.text);
        assert!(self.text.len() < 300_000, "{} bytes", self.text.len());
        self
    }

    #[track_caller]
    fn goes_to(self, place: &str) -> Self {
        assert_eq!(self.status, 303, "{}\n{}", self.head, self.text);
        assert!(self.head.contains(&format!("location: {}", place.to_lowercase())), "{}", self.head);
        self
    }

    #[track_caller]
    fn says(&self, text: &str) -> &Self {
        assert!(self.text.contains(text), "no {text:?} in {}", self.text);
        self
    }

    #[track_caller]
    fn says_not(&self, text: &str) -> &Self {
        assert!(!self.text.contains(text), "{text:?} in {}", self.text);
        self
    }
}

/// An alert, so many minutes from now.
fn alert(customer: &str, caller: &str, minutes: i64) -> (Alert, String) {
    let at = jiff::Timestamp::from_microsecond(now().0 + minutes * MINUTE).unwrap();
    let text = serde_json::json!({
        "id": format!("{customer}-{caller}-{minutes}"), "at": at.to_string(), "customer": customer,
        "rule": "harassment", "level": "critical", "severity": "warning", "key": { "caller": caller },
        "count": 7, "limit": 5, "window": "1h", "first": at.to_string(), "last": at.to_string(),
        "total_calls": 7, "calls": ["a/b@example.com"],
    })
    .to_string();
    (serde_json::from_str(&text).unwrap(), text)
}
