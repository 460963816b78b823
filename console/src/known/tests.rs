//! Pages of what the service knows, with answers as bad as strangers can make them.

use std::net::SocketAddr;

use cases::account::{Invitation, Role, Session, Side, hash_of};
use cases::io::store::{Done, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;
use crate::access::{SESSION_COOKIE, csrf};
use crate::question::Questions;
use crate::{Asked, Book, Customer, Health, Kind, Own, Sample, Undecided};

/// What a stranger writes wherever they may.
const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=y>'{{7*7}}\u{202e}\u{0}\u{1b}[2J";
const CUSTOMER: &str = "A & <B>/C";

fn text() -> String {
    HOSTILE.to_owned()
}

fn some() -> Option<String> {
    Some(text())
}

fn now() -> rules::Timestamp {
    rules::Timestamp(1_790_000_000_000_000)
}

/// A question with this answer, whatever is asked.
fn said<Q: 'static, A: Send + 'static>(answer: impl Fn() -> A + Send + Sync + 'static) -> Asked<Q, A> {
    Box::new(move |_| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(Ok(answer()));
        told
    })
}

/// The same, unless the question is refused.
fn unless<Q: 'static, A: Send + 'static>(
    is_refused: impl Fn(&Q) -> bool + Send + Sync + 'static,
    answer: impl Fn() -> A + Send + Sync + 'static,
) -> Asked<Q, A> {
    Box::new(move |question| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(if is_refused(&question) { Err(format!("no, {HOSTILE}")) } else { Ok(answer()) });
        told
    })
}

fn row() -> CallRow {
    CallRow {
        id: text(),
        start: now(),
        kind: text(),
        direction: text(),
        caller: text(),
        called: text(),
        verdict: text(),
        would: Some("block".to_owned()),
        rule: some(),
        status: Some(486),
        talked: Some(7),
        is_answered: true,
    }
}

fn call() -> OneCall {
    let message = |from: &str, to: &str, is_ours| Message {
        at: now(),
        from: from.to_owned(),
        to: to.to_owned(),
        is_ours,
        transport: "UDP",
        text: format!("{HOSTILE}\nUser-Agent: {HOSTILE}\n"),
    };
    let listed = Listed { list: text(), entry: text(), expires: some(), reason: some(), refuses: true };
    OneCall {
        row: row(),
        facts: vec![("User agent", text()), ("Call-ID", text())],
        verdict: vec![("Reason", text())],
        flags: vec![(text(), text())],
        number: some(),
        history: vec![(text(), 9, 3), (text(), 0, 0)],
        messages: vec![message(HOSTILE, "b", false), message("b", HOSTILE, true)],
        missing: some(),
        listed: vec![listed],
        lists: vec![text()],
        is_controlled: false,
        versions: vec![(3, text())],
    }
}

fn block() -> Block {
    Block {
        id: text(),
        customer: text(),
        rule: text(),
        level: text(),
        action: text(),
        key: vec![(text(), text())],
        counted: text(),
        since: now(),
        until: now(),
        hits: 1,
        is_lifted: false,
        account: some(),
    }
}

fn list() -> List {
    let files = vec![text()];
    List { customer: text(), name: text(), kind: "numbers", entries: 1, files, refuses: true, feed: some() }
}

fn entry() -> Entry {
    Entry { number: text(), reason: some(), case: some(), added: some(), expires: some() }
}

fn policy() -> Policy {
    let customer = CUSTOMER.to_owned();
    Policy { customer, version: text(), number: Some(3), mode: "enforce", parts: [1; 4], is_controlled: true }
}

fn checked() -> Checked {
    let found = Diagnostic {
        level: "error",
        code: "x",
        message: text(),
        help: some(),
        file: some(),
        line: 1,
        column: 1,
    };
    Checked {
        diagnostics: vec![found],
        expects: (2, 1),
        proofs: vec![text()],
        version: some(),
        difference: vec![format!("+{HOSTILE}"), format!("-{HOSTILE}")],
    }
}

fn known() -> Known {
    Known {
        calls: said(|| CallsFound {
            calls: vec![row(); 200],
            more: Some(now()),
            looked_at: 5,
            limits: vec![text()],
            unread: some(),
        }),
        call_named: said(some),
        call: said(|| Some(Box::new(call()))),
        judge: said(|| Judgement {
            verdict: text(),
            action: text(),
            version: text(),
            rules: vec![(text(), "no", vec![text()])],
            turning_points: vec![text()],
        }),
        blocks: said(|| vec![block(); 90]),
        change_block: said(text),
        lists: said(|| vec![list(); 50]),
        entries: said(|| EntriesFound {
            list: list(),
            entries: vec![entry(); 50],
            next: Some(50),
            is_controlled: true,
        }),
        change_list: said(|| Made::Refused { why: text(), may_propose: true }),
        feeds: said(|| {
            let aside = Some((text(), text()));
            vec![Feed { name: text(), url: text(), seen: some(), changed: some(), failed: some(), aside }]
        }),
        accept_feed: said(text),
        policies: said(|| vec![policy()]),
        policy: said(|| PolicyText {
            policy: policy(),
            text: format!("# {HOSTILE}\n").repeat(900),
            difference: vec![format!("+{HOSTILE}")],
            versions: vec![Version {
                number: 3,
                at: text(),
                how: "install",
                what: text(),
                by: text(),
                why: text(),
                is_kept: true,
            }],
        }),
        check: said(checked),
        backtest: unless(
            |trial: &Trial| trial.draft.text.contains("mistake"),
            || Tried {
                calls: 1,
                period: text(),
                changed: 1,
                people: (1, 1),
                changes: vec![(text(), text(), text(), 1, 1)],
                protected: 1,
                precision: Some([(1, 2), (3, 4)]),
                examples: vec![[text(), text(), text(), text()]],
                limits: vec![text()],
            },
        ),
        hits: said(|| Hits { calls: 1, rules: vec![(text(), "gone", 1, 1)], limits: vec![text()] }),
        install: unless(
            |install: &Install| install.why.trim().is_empty(),
            || Made::Proposed { case: text(), said: text() },
        ),
        roll_back: said(text),
        thresholds: said(|| {
            vec![Threshold {
                customer: text(),
                name: text(),
                counts: text(),
                window: text(),
                mode: "shadow",
                warning: some(),
                critical: some(),
                hits: 4,
                last: Some(now()),
            }]
        }),
        usual: said(|| Usual {
            counts: text(),
            hours: vec![UsualHour { at: now(), value: Some(2.5), usual: Some([1.0, 2.0, 3.0]) }],
            limit: Some(7.0),
            critical: Some(9.0),
            why_not: some(),
            offers: vec![(text(), text(), 5.0)],
        }),
    }
}

fn samples() -> Vec<Sample> {
    let sample = |name, label: &str, value| Sample {
        name,
        help: "",
        label: Some(("state", label.to_owned())),
        kind: Kind::Counter(value),
    };
    vec![
        sample("cases_open", HOSTILE, 4),
        sample("cases_overdue", "", 2),
        sample("decisions_total", "block", 9),
    ]
}

/// A console with hostile answers, and people of the desk who have logged in.
struct Console {
    address: SocketAddr,
    folder: std::path::PathBuf,
}

/// What answers to a request.
struct Answer {
    status: u16,
    head: String,
    text: String,
}

impl Console {
    async fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringwall-known-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let place = folder.join("cases.db").display().to_string();
        let book = Book::new(place.clone(), cases::Service::sample());
        let store = Store::open(&place).await.unwrap();
        for role in [Role::Analyst, Role::FirstLevel] {
            let (login, done) = (role.name(), Done { who: "x", now: now(), service: book.service() });
            let expires = rules::Timestamp(i64::MAX);
            let side = Side::Desk(role);
            let invitation = Invitation { hash: hash_of(login), login: login.to_owned(), side, expires };
            store.desk().invite(&invitation, done).await.unwrap();
            store.desk().accept(login, "x".to_owned(), done).await.unwrap();
            let session = Session {
                hash: hash_of(login),
                login: login.to_owned(),
                began: now(),
                seen: now(),
                factor: None,
                is_half: false,
                address: String::new(),
            };
            store.desk().put_session(&session).await.unwrap();
        }
        store.close().await;
        let customer =
            || Customer { name: CUSTOMER.to_owned(), version: text(), zone: "America/Chicago".to_owned() };
        let service = Service {
            hints: None,
            health: Box::new(|| Health::Sick(text())),
            samples: Box::new(|| {
                let (tell, told) = oneshot::channel();
                let _ = tell.send(samples());
                told
            }),
            approvals: Box::new(|_| oneshot::channel().1),
            reports: Box::new(|_| oneshot::channel().1),
            decide: Box::new(|_| Err(Undecided::Loading)),
            failed: Box::new(|| {}),
            questions: Questions {
                customers: said(move || vec![customer()]),
                known: known(),
                ..Questions::silent()
            },
            cases: Some(book),
            now,
            name: "Ringwall".to_owned(),
            address: "http://desk".to_owned(),
            is_secure: false,
            own: Own::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(crate::serve(listener, service, std::future::pending()));
        Self { address, folder }
    }

    /// Sends a request as `role`, with the token of their session where `has_token`.
    async fn ask(&self, role: Role, (method, path): (&str, &str), body: &str, has_token: bool) -> Answer {
        let token = csrf(role.name());
        let body = if has_token { format!("csrf={token}&{body}") } else { body.to_owned() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nCookie: {SESSION_COOKIE}={}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            role.name(),
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), text: text.to_owned() }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Every page, for a customer whose name is hostile as well.
fn pages() -> Vec<String> {
    let customer = url_part(CUSTOMER);
    let own = |path: &str| path.replace("{customer}", &customer).replace("{id}", "7-abc");
    [
        "/calls",
        "/calls?caller=%22%3E%3Cscript%3E&rule=%3Cscript%3E&from=2026-11-05",
        "/calls/{customer}/{id}",
        "/calls/{customer}/{id}?judge=now&block=1",
        "/calls/{customer}/{id}?judge=3",
        "/blocks",
        "/lists",
        "/lists/{customer}/bad?q=%22",
        "/policies",
        "/policies/{customer}",
        "/policies/{customer}?version=3",
        "/policies/{customer}/hits",
        "/policies/{customer}/edit",
        "/thresholds",
        "/thresholds/{customer}?name=%3Cscript%3E",
        "/board",
        "/board/figures",
    ]
    .map(own)
    .to_vec()
}

/// Holds that nothing of what strangers wrote became more than text.
fn assert_inert(path: &str, page: &str) {
    let lower = page.to_lowercase();
    let scripts = lower.matches("<script").count();
    assert_eq!(scripts, lower.matches("<script src=\"/assets/").count(), "{path}");
    assert!(!lower.contains("<img src=x") && !lower.contains("style=\""), "{path}");
    let hidden = page.chars().find(|it| (it.is_control() && *it != '\n') || *it == '\u{202e}');
    assert_eq!(hidden, None, "{path}");
}

#[tokio::test]
async fn what_strangers_write_is_text_on_every_page_and_no_page_is_large() {
    let console = Console::start("hostile").await;
    for path in pages() {
        let answer = console.ask(Role::Analyst, ("GET", &path), "", false).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_inert(&path, &answer.text);
        assert!(answer.text.len() < 300_000, "{path} has {} bytes", answer.text.len());
    }
    for (path, body) in [
        ("/check", "text=%3Cscript%3E"),
        ("/try", "text=%3C/textarea%3E%3Cscript%3Ex&days=7&base=%22%3E%3Cscript%3E"),
    ] {
        let path = format!("/policies/{}{path}", url_part(CUSTOMER));
        let answer = console.ask(Role::Analyst, ("POST", &path), body, true).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_inert(&path, &answer.text);
        assert!(!answer.text.contains("</textarea><script"), "{path}");
    }
}

#[tokio::test]
async fn nothing_is_changed_without_a_token_or_by_who_may_only_look() {
    let console = Console::start("rights").await;
    let customer = url_part(CUSTOMER);
    for (path, body) in [
        ("/calls/{customer}/7-abc/block", "number=1&list=x&reason=y"),
        ("/calls/{customer}/7-abc/unblock", "number=1&list=x"),
        ("/blocks", "id=x&why=y"),
        ("/lists/feed", "name=x&why=y"),
        ("/lists/{customer}/x/add", "number=1"),
        ("/lists/{customer}/x/remove", "number=1"),
        ("/policies/{customer}/rollback", "why=x"),
        ("/policies/{customer}/check", "text=x"),
        ("/policies/{customer}/try", "text=x"),
        ("/policies/{customer}/install", "text=x&why=y"),
    ] {
        let path = path.replace("{customer}", &customer);
        let bare = console.ask(Role::Analyst, ("POST", &path), body, false).await;
        assert_eq!(bare.status, 403, "{path} without a token");
        let looker = console.ask(Role::FirstLevel, ("POST", &path), body, true).await;
        assert_eq!(looker.status, 403, "{path} by who may not work");
        let done = console.ask(Role::Analyst, ("POST", &path), body, true).await;
        assert!([200, 303, 409].contains(&done.status), "{path}: {} {}", done.status, done.text);
        assert_inert(&path, &done.text);
    }
    let page = console.ask(Role::FirstLevel, ("GET", &format!("/calls/{customer}/7-abc")), "", false).await;
    assert!(page.status == 200 && !page.text.contains("data-key=\"b\""), "no button that does nothing");
}

#[tokio::test]
async fn a_refusal_offers_to_ask_the_customer_and_a_proposal_leads_to_its_case() {
    let console = Console::start("made").await;
    let path = format!("/lists/{}/x/add", url_part(CUSTOMER));
    let refused = console.ask(Role::Analyst, ("POST", &path), "number=1&reason=x", true).await;
    assert!(refused.status == 409 && refused.text.contains("Ask the customer"), "{}", refused.text);
    let path = format!("/policies/{}/install", url_part(CUSTOMER));
    let asked = console.ask(Role::Analyst, ("POST", &path), "text=x&why=y&proposal=yes", true).await;
    assert_eq!(asked.status, 303);
    let place = asked.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    assert!(place.starts_with("/case/%22%3E%3Cscript"), "{place}");
}

#[tokio::test]
async fn a_text_that_is_refused_is_shown_again_with_the_reason() {
    let console = Console::start("refused").await;
    for (way, body) in [("install", "why=+"), ("try", "days=7&why=it+is+wanted")] {
        let path = format!("/policies/{}/{way}", url_part(CUSTOMER));
        let body = format!("{body}&base=older&proposal=yes&text=typed+by+hand%0D%0Awith+a+mistake");
        let page = console.ask(Role::Analyst, ("POST", &path), &body, true).await;
        assert_eq!(page.status, 409, "{}", page.text);
        assert_inert(&path, &page.text);
        for part in
            ["typed by hand\nwith a mistake</textarea>", ">no, ", "the policy in force now", "required"]
        {
            assert!(page.text.contains(part), "no {part} after {way}: {}", page.text);
        }
        assert!(page.text.contains("value=\"it is wanted\"") == (way == "try"), "{}", page.text);
    }
}
