//! A process that dies while it takes mail, or tells people and machines: what it said to have is there, and nothing is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver as Heard, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::crashes::{Cleared, PLACE, POINT};
use super::notices::Teller;
use super::*;
use crate::intake::Directory;
use crate::intake::limits::MAIL_BYTES_MAX;
use crate::io::mail::{NotKept, Protocol, ReceivedMail, Receiver, Settings as MailSettings, Timeouts};
use crate::io::send::machines;
use crate::letter::DeskAddress;
use crate::notice::{Format, Settings, Target, TargetKind};
use crate::outgoing::{Channel, Content, Delivery, Outgoing};

const DESK: &str = "case@desk.example.com";
/// Where the provider is, and when it is, in seconds after ten o'clock.
const PROVIDER: &str = "RINGWALL_CRASH_PROVIDER";
const CLOCK: &str = "RINGWALL_CRASH_CLOCK";

fn say(what: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "SAYS {what}").unwrap();
    out.flush().unwrap();
}

/// Takes mail, as the service does: each is kept before it is acknowledged, and read afterwards.
#[test]
#[ignore = "a role of s_kill_9_while_mail_is_taken"]
fn takes_mail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&std::env::var(PLACE).unwrap()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(&format!("port {}", listener.local_addr().unwrap().port()));
        let settings = MailSettings {
            host_name: "desk.example.com".to_owned(),
            protocol: Protocol::Smtp,
            allowed: vec!["127.0.0.1/32".parse().unwrap()],
            recipients: vec![DESK.to_owned()],
            mail_bytes_max: MAIL_BYTES_MAX,
            connections_max: 4,
        };
        let kept = store.clone();
        let keep = move |mail: ReceivedMail| {
            let store = kept.clone();
            async move {
                let kept = store.desk().keep_mail(&mail.bytes, &mail.envelope(None)).await;
                kept.map(drop).map_err(|_| NotKept::Failed)
            }
        };
        let receiver = Receiver::new(settings, Timeouts::default(), None, keep);
        tokio::spawn(receiver.serve(listener, std::future::pending()));
        let office = Office {
            desk: DeskAddress { address: DESK.to_owned(), name: "Desk".to_owned() },
            portal: "https://desk.example.com".to_owned(),
            escalation: "Ann Example".to_owned(),
            sends: true,
        };
        let directory = Directory { own_addresses: vec![DESK.to_owned()], ..Directory::default() };
        let (service, desk) = (Service::sample(), store.desk());
        loop {
            let unread = desk.unread_mails(10).await.unwrap();
            if unread.is_empty() {
                say("nothing is unread");
            }
            for key in unread {
                let Some(mail) = desk.begin_reading(&key).await.unwrap() else { continue };
                let intake = mail.read(&directory);
                let done = Done { who: "ringwall", now: mail.envelope.received_at, service: &service };
                desk.read_mail(&mail, &intake, &office, done).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

/// Keeps what is to be told, tells it, and ends when nothing is left.
#[test]
#[ignore = "a role of s_kill_9_while_machines_are_told"]
fn tells() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let place = std::env::var(PLACE).unwrap();
        let store = Store::open(&place).await.unwrap();
        let address: SocketAddr = std::env::var(PROVIDER).unwrap().parse().unwrap();
        let settings = Arc::new(settings(address, &place));
        let told = clock().micros_since(NOW) / 1_000_000;
        for at in 0..4 {
            let id = format!("news-{told}-{at}");
            store.desk().send(&[outgoing(&id)]).await.unwrap();
            say(&id);
        }
        while machines::work(&store, &settings, "desk", clock).await.unwrap() > 0 {}
        say("all is told");
    });
}

/// Decides what is told of one critical alert, and ends.
#[test]
#[ignore = "a role of s_kill_9_while_notices_are_decided"]
fn decides() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&std::env::var(PLACE).unwrap()).await.unwrap();
        let mut teller = Teller::new(store.clone());
        teller.restart().await;
        let service = Service::sample();
        let taken = [alert("1", "Acme", "+12105550142", "critical", 0)];
        store.desk().take_alerts(&taken, 1, &mut Storm::default(), done(&service, 0)).await.unwrap();
        for second in [1, 31, 32, 90] {
            teller.look(second).await;
        }
        let later = Done { who: "ringwall", now: NOW.plus_micros(90_000_000), service: &service };
        let due = store.desk().due_by(Channel::Mail, later.now, 10).await.unwrap();
        for mut outgoing in due {
            outgoing.state = Delivery::Accepted;
            outgoing.tries.push((NOW.plus_micros(32_000_000), "250 taken".to_owned()));
            store.desk().settle_try(&outgoing, later).await.unwrap();
        }
        store.desk().settle_promises(later).await.unwrap();
        say("all is decided");
    });
}

fn clock() -> Timestamp {
    let seconds: i64 = std::env::var(CLOCK).unwrap().parse().unwrap();
    NOW.plus_micros(seconds * 1_000_000)
}

fn settings(address: SocketAddr, folder: &str) -> Settings {
    let secret_file = format!("{folder}-secret");
    fs::write(&secret_file, "a secret\n").unwrap();
    let url = format!("http://{address}/x");
    let target = Target {
        kind: TargetKind::Webhook { url, secret_file, authorities: None },
        format: Format::Cef,
        streams_alerts: false,
        streams_cases: false,
        streams_audit: false,
    };
    Settings { targets: [("hook".to_owned(), target)].into(), ..Settings::default() }
}

fn outgoing(id: &str) -> Outgoing {
    Outgoing {
        id: id.to_owned(),
        customer: "Acme".to_owned(),
        case: None,
        thread: None,
        channel: Channel::Webhook,
        to: "hook".to_owned(),
        content: Content::Document(format!("{{\"id\":\"{id}\"}}")),
        due: NOW,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

/// A role that dies at a point, if it comes to it.
struct Role {
    child: Child,
    heard: Heard<String>,
}

impl Role {
    fn start(name: &str, path: &Path, point: &str, more: &[(&str, String)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("io::store::tests::kills::{name}"), "--ignored", "--nocapture"]);
        command.env(PLACE, path).envs(more.iter().map(|(name, value)| (*name, value)));
        if !point.is_empty() {
            command.env(POINT, point);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, heard) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, what)) = line.split_once("SAYS ") {
                    let _ = told.send(what.to_owned());
                }
            }
        });
        Self { child, heard }
    }

    /// What it says next; `None` once it is dead.
    fn says(&self) -> Option<String> {
        match self.heard.recv_timeout(Duration::from_secs(60)) {
            Ok(said) => Some(said),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it neither lives nor dies"),
        }
    }

    /// Ends it, if nothing has.
    fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a mail to the server, as a mail server does; whether it was acknowledged.
fn deliver(port: u16, sender: &str, raw: &str) -> Option<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut ask = |line: &str, expected: &str| {
        reader.get_mut().write_all(line.as_bytes()).ok()?;
        let mut answer = String::new();
        loop {
            answer.clear();
            if reader.read_line(&mut answer).ok()? == 0 {
                return None;
            }
            // An answer of several lines ends with one that has a space.
            if answer.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        answer.starts_with(expected).then_some(())
    };
    ask("", "220")?;
    ask("EHLO mx.example.net\r\n", "250")?;
    ask(&format!("MAIL FROM:<{sender}>\r\n"), "250")?;
    ask(&format!("RCPT TO:<{DESK}>\r\n"), "250")?;
    ask("DATA\r\n", "354")?;
    ask(&format!("{raw}\r\n.\r\n"), "250")
}

fn cleared(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("ringwall-{name}-{}.db", std::process::id()))
}

const MAIL_POINTS: [&str; 10] = [
    "begun",
    "mail",
    "reading",
    "case",
    "event",
    "audit",
    "outgoing",
    "settled",
    "before-commit",
    "after-commit",
];

#[test]
fn s_kill_9_while_mail_is_taken_loses_and_doubles_no_mail_that_was_acknowledged() {
    let path = cleared("kills-mail");
    let _cleared = Cleared(&path);
    let mut mails: Vec<(String, String, bool)> = (0..40)
        .map(|at| {
            let sender = format!("stranger{at}@s{at}.example.net");
            let raw = format!(
                "From: <{sender}>\r\nTo: <{DESK}>\r\nSubject: number {at}\r\nMessage-ID: <{at}@example.net>\r\n\r\n\
                 Please block 303-555-01{at:02}"
            );
            (sender, raw, false)
        })
        .collect();
    let mut deaths = 0;
    let points = [1, 3].into_iter().flat_map(|times| MAIL_POINTS.map(|point| format!("{point}:{times}")));
    for point in points.chain([String::new()]) {
        let role = Role::start("takes_mail", &path, &point, &[]);
        let port = loop {
            let Some(said) = role.says() else { break None };
            if let Some(port) = said.strip_prefix("port ") {
                break Some(port.parse().unwrap());
            }
        };
        let is_last = point.is_empty();
        // Whoever was not told that it is kept brings it again, byte for byte.
        let waiting = mails.iter_mut().filter(|(.., is_acknowledged)| !is_acknowledged);
        for (sender, raw, is_acknowledged) in waiting.take(if is_last { 99 } else { 3 }) {
            let Some(port) = port else { break };
            *is_acknowledged = deliver(port, sender, raw).is_some();
            if !*is_acknowledged {
                break;
            }
        }
        // Reading goes on until it dies, or nothing is left: said twice, since it may have looked before the last mail.
        while role.says().is_some_and(|said| said != "nothing is unread") {}
        while role.heard.try_recv().is_ok() {}
        let mut quiet = 0;
        while quiet < 2 && role.says().is_some_and(|said| said == "nothing is unread") {
            quiet += 1;
        }
        deaths += u32::from(quiet < 2);
        role.end();
    }
    assert!(deaths >= 16, "{deaths} deaths");
    assert!(mails.iter().all(|(.., is_acknowledged)| *is_acknowledged), "all of them are taken in the end");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let desk = store.desk();
        assert!(desk.unread_mails(5).await.unwrap().is_empty());
        let cases = list(&store).await;
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        for case in &cases {
            for mail in desk.case_mails(case.number, 10).await.unwrap() {
                *found.entry(String::from_utf8(mail.raw).unwrap().trim_end().to_owned()).or_default() += 1;
            }
            // One answer at most, whatever died between the case and the answer.
            let answers = desk.outgoing(case.number).await.unwrap();
            assert!(answers.len() <= 1, "{answers:?}");
        }
        for (_, raw, _) in &mails {
            assert_eq!(found.get(raw.trim_end()), Some(&1), "{raw}");
        }
        assert_eq!((cases.len(), found.len()), (mails.len(), mails.len()), "a case for each, and no other");
        println!("{deaths} deaths, {} mails", mails.len());
        store.close().await;
    });
}

/// Takes what comes, says that it did, and counts by id.
fn provider() -> (SocketAddr, Arc<Mutex<BTreeMap<String, u32>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, taken) = (listener.local_addr().unwrap(), Arc::<Mutex<BTreeMap<String, u32>>>::default());
    let to = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = take(stream, &to);
        }
    });
    (address, taken)
}

fn take(stream: TcpStream, to: &Mutex<BTreeMap<String, u32>>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream);
    let (mut length, mut id) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?
            }
            Some((name, value)) if name.eq_ignore_ascii_case("ringwall-id") => value.clone_into(&mut id),
            None if line.is_empty() => break,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    *to.lock().unwrap().entry(id).or_default() += 1;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()
}

const TELL_POINTS: [&str; 7] =
    ["begun", "outgoing", "held", "sent", "tried", "before-commit", "after-commit"];

#[test]
fn s_kill_9_while_machines_are_told_leaves_nobody_untold_and_tells_again_only_under_the_same_id() {
    let path = cleared("kills-told");
    let _cleared = Cleared(&path);
    let secret = format!("{}-secret", path.display());
    let (address, taken) = provider();
    let mut kept = BTreeSet::new();
    let (mut deaths, mut at) = (0, 0);
    let points = [1, 2, 4].into_iter().flat_map(|times| TELL_POINTS.map(|point| format!("{point}:{times}")));
    for point in points.chain([String::new()]) {
        // Whoever died lets go of what it held after seconds.
        at += 60;
        let more = [(PROVIDER, address.to_string()), (CLOCK, at.to_string())];
        let role = Role::start("tells", &path, &point, &more);
        let mut is_over = false;
        while let Some(said) = role.says() {
            is_over |= said == "all is told";
            kept.extend(said.starts_with("news-").then_some(said));
        }
        deaths += u32::from(!is_over);
        role.end();
    }
    assert!(deaths >= 18, "{deaths} deaths");
    let counted = taken.lock().unwrap().clone();
    assert!(kept.iter().all(|id| counted.contains_key(id)), "what was acknowledged to be kept was told");
    let again: u32 = counted.values().map(|times| times - 1).sum();
    assert!(again <= deaths && again > 0, "{again} of {deaths} deaths were between the two");
    assert!(counted.values().all(|times| *times <= 4), "{counted:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let end = NOW.plus_micros(i64::from(at) * 2_000_000);
        assert!(store.desk().due_by(Channel::Webhook, end, 500).await.unwrap().is_empty(), "all is settled");
        let sent = store.desk().outgoing_since("Acme", Timestamp(0)).await.unwrap();
        assert!(sent.iter().all(|it| it.state == Delivery::Accepted && it.tries.len() == 1), "{sent:?}");
        assert_eq!(sent.len(), counted.len(), "what the provider has is what was kept");
        println!("{deaths} deaths, {} told, {again} of them again", counted.len());
        store.close().await;
    });
    let _ = fs::remove_file(secret);
}

const NEWS_POINTS: [&str; 9] =
    ["begun", "alert", "case", "outgoing", "tried", "sent", "audit", "before-commit", "after-commit"];

#[test]
fn s_kill_9_while_notices_are_decided_tells_a_customer_once_and_stops_the_clock() {
    let path = cleared("kills-news");
    let _cleared = Cleared(&path);
    let mut deaths = 0;
    let points = [1, 2, 3].into_iter().flat_map(|times| NEWS_POINTS.map(|point| format!("{point}:{times}")));
    for point in points.chain([String::new()]) {
        let role = Role::start("decides", &path, &point, &[]);
        let is_over = role.says().is_some();
        while role.says().is_some() {}
        deaths += u32::from(!is_over);
        role.end();
    }
    assert!(deaths >= 10, "{deaths} deaths");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let cases = list(&store).await;
        assert_eq!((cases.len(), cases[0].alerts), (1, 1));
        let told = store.desk().ledger(cases[0].number).await.unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].outgoing.state, Delivery::Accepted);
        let clock = cases[0].clocks.iter().find(|it| it.kind.name() == "notify").unwrap();
        assert_eq!(clock.stopped, Some(NOW.plus_micros(32_000_000)));
        let events = store.desk().events(cases[0].number).await.unwrap();
        assert_eq!(events.iter().filter(|it| it.what == "notify").count(), 1);
        println!("{deaths} deaths");
        store.close().await;
    });
}
