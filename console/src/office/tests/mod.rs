//! A console on a database of its own, asked over loopback as a browser asks.

mod admin;
mod mails;
mod reports;
mod rights;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use cases::Registration;
use cases::account::{Invitation, Role, Session, Side, hash_of};
use cases::intake::Directory;
use cases::io::store::{Done, Office, Store};
use cases::letter::DeskAddress;
use cases::notice::Settings;
use cases::schedule::Format;
use rules::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::access::csrf;
use crate::{
    Asked, Book, Catalogue, Channels, Customer, Health, OfficeQuestions, Own, Questions, ReportKind, Service,
    Trial, Tried, Undecided,
};

/// Fri 13 Nov 2026 10:00 CST.
const NOW: Timestamp = Timestamp(1_794_585_600_000_000);

/// A console that listens, with its database.
struct Console {
    address: SocketAddr,
    store: Store,
    service: cases::Service,
    /// Trials that were asked for.
    trials: Arc<Mutex<Vec<Trial>>>,
    stop: Option<oneshot::Sender<()>>,
    folder: std::path::PathBuf,
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn now() -> Timestamp {
    NOW
}

fn answered<Q, A: Clone + Send + Sync + 'static>(answer: A) -> Asked<Q, A> {
    Box::new(move |_| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(Ok(answer.clone()));
        told
    })
}

/// Texts of strangers that would do something, were they markup, or hide what they say.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}gnp.exe\u{200b}";

impl Console {
    async fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringwall-office-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let place = folder.join("cases.db").display().to_string();
        let store = Store::open(&place).await.unwrap();
        let trials = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = service(place, Arc::clone(&trials));
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(crate::serve(listener, service, async {
            let _ = stopped.await;
        }));
        Self { address, store, service: cases::Service::sample(), trials, stop: Some(stop), folder }
    }

    fn done<'a>(&'a self, who: &'a str) -> Done<'a> {
        Done { who, now: NOW, service: &self.service }
    }

    /// Somebody of the desk who has logged in: the secret of their session is their name.
    async fn logged_in(&self, login: &str, role: Role) {
        let (secret, desk) = (format!("invitation of {login}"), self.store.desk());
        let expires = NOW.plus_micros(1_000_000);
        let invitation =
            Invitation { hash: hash_of(&secret), login: login.to_owned(), side: Side::Desk(role), expires };
        desk.invite(&invitation, self.done("ringwall")).await.unwrap();
        desk.accept(&secret, "$argon2id$".to_owned(), self.done(login)).await.unwrap();
        let session = Session {
            hash: hash_of(login),
            login: login.to_owned(),
            began: NOW,
            seen: NOW,
            factor: None,
            is_half: false,
            address: "192.0.2.7".to_owned(),
        };
        desk.put_session(&session).await.unwrap();
    }

    async fn register(&self, text: &str) {
        let registration: Registration = serde_json::from_str(text).unwrap();
        let desk = self.store.desk();
        let draft = desk.draft_registration(registration, self.done("one")).await.unwrap();
        desk.confirm_registration(&draft.hash, self.done("two")).await.unwrap();
    }

    async fn get(&self, login: &str, path: &str) -> Answer {
        let head = format!(
            "GET {path} HTTP/1.0\r\nHost: {}\r\nCookie: ringwall_session={login}\r\n\r\n",
            self.address
        );
        self.ask(&head).await
    }

    /// Sends a form with these fields.
    async fn post(&self, login: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pair = |(name, value): &(&str, &str)| format!("&{name}={}", crate::text::url_part(value));
        let body = format!("csrf={}{}", csrf(login), fields.iter().map(pair).collect::<String>());
        let head = format!(
            "POST {path} HTTP/1.0\r\nHost: {}\r\nCookie: ringwall_session={login}\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.ask(&head).await
    }

    async fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// What stands in the audit of `chain`, as `actor action subject`.
    async fn audited(&self, chain: &str) -> Vec<String> {
        let entries = self.store.audit(chain, 0, 1_000).await.unwrap();
        entries.iter().map(|it| format!("{} {} {}", it.actor, it.action, it.subject)).collect()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Answer {
    /// That it is a page in which hostile text is text.
    fn is_sound(&self) {
        assert_eq!(self.status, 200, "{}", self.body);
        for markup in ["<script>", "<img src=x", "onerror=alert(1)>", "\u{202e}", "\u{200b}", " style=\""] {
            assert!(!self.body.contains(markup), "{markup:?} in {}", self.body);
        }
        assert!(self.body.len() < 300_000, "a page of {} bytes", self.body.len());
        assert!(self.head.contains("content-security-policy"), "{}", self.head);
    }

    fn has(&self, words: &str) {
        assert!(self.body.contains(words), "no {words:?} in {}", self.body);
    }

    fn has_not(&self, words: &str) {
        assert!(!self.body.contains(words), "{words:?} in {}", self.body);
    }
}

fn channels() -> Channels {
    let notices = "escalation = \"ben\"\n[person.anna]\nname = \"Anna\"\nmail = \"anna@desk.example.com\"\n[person.ben]\n\
        phone = \"+12105550199\"\nduty_manager = true\n[rota.first]\ntz = \"America/Chicago\"\n\
        start = \"2026-11-09T09:00\"\nuntil = \"2026-11-20T09:00\"\npeople = [\"anna\", \"ben\"]\n";
    Channels {
        settings: Arc::new(Settings::parse(notices, &[]).unwrap()),
        has_file: true,
        office: Office {
            desk: DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() },
            portal: "https://desk.example.com".to_owned(),
            escalation: String::new(),
            sends: true,
        },
        smarthost: Some("mail.example.com:587, STARTTLS".to_owned()),
        inward: vec!["lmtp on 127.0.0.1:24".to_owned()],
    }
}

fn service(place: String, trials: Arc<Mutex<Vec<Trial>>>) -> Service {
    let kind = |name, formats: &[Format], wants_number| ReportKind {
        name,
        about: "What it is for.",
        formats: formats.to_vec(),
        wants_number,
    };
    let reports = vec![
        kind("weekly-operations", &Format::ALL, false),
        kind("dossier", &Format::ALL, true),
        kind("custody", &[Format::Csv, Format::Json], false),
    ];
    let customer = Customer {
        name: "Acme".to_owned(),
        version: "0123456789abcdef".to_owned(),
        zone: "America/Chicago".to_owned(),
    };
    let questions = Questions {
        customers: answered(vec![customer]),
        office: OfficeQuestions {
            catalogue: answered(Catalogue { reports, has_typesetter: false, is_made_here: true }),
            channels: answered(channels()),
            trial: Box::new(move |trial| {
                let (tell, told) = oneshot::channel();
                let said = format!("250 taken for {}", trial.to);
                trials.lock().unwrap().push(trial);
                let _ = tell.send(Ok(Tried { is_taken: true, said }));
                told
            }),
            directory: Box::new(|registrations: Vec<Registration>| {
                let (tell, told) = oneshot::channel();
                let tenants = registrations.iter().map(|it| cases::intake::Tenant {
                    id: it.customer.clone(),
                    domains: it.domains.clone(),
                    plans: vec![rules::plan::DialPlan::default()],
                    zone: "UTC".to_owned(),
                    contacts: it.contacts(),
                    ..cases::intake::Tenant::default()
                });
                let _ = tell.send(Ok(Directory { tenants: tenants.collect(), ..Directory::default() }));
                told
            }),
        },
        ..Questions::silent()
    };
    Service {
        hints: None,
        health: Box::new(|| Health::Ready),
        samples: Box::new(|| oneshot::channel().1),
        approvals: Box::new(|_| oneshot::channel().1),
        reports: Box::new(|_| oneshot::channel().1),
        decide: Box::new(|_| Err(Undecided::Loading)),
        failed: Box::new(|| {}),
        questions,
        cases: Some(Book::new(place, cases::Service::sample())),
        now,
        name: "Desk of the test".to_owned(),
        address: "http://desk.example.com".to_owned(),
        is_secure: false,
        own: Own::default(),
    }
}
