//! The portal, appeals and the status page, asked over a real socket by people of two customers.

mod strangers;
mod told;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cases::account::{Invitation, Session, Side, hash_of};
use cases::case::Wanted;
use cases::change::{Change, Impact, Line, Rest};
use cases::flow::{Signal, State};
use cases::intake::{Directory, Role, Tenant};
use cases::io::store::{Asking, Done, Link, LinkFor, Store};
use cases::registry::{Person, Registration};
use cases::{CaseNumber, Service as Promises};
use rules::{Number, NumberSet, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{Entry, InForce, ListInForce, Questions as PortalQuestions};
use crate::access::{Access, csrf};
use crate::appeal::Refused;
use crate::question::{Asked, Chosen, DeskQuestions};
use crate::status::{Certainty, Component, Standing};
use crate::{Book, Health, Own, Questions, Service, Undecided, routes};

const NOW: Timestamp = Timestamp(1_791_212_400_000_000); // Monday 2026-10-05T15:00:00Z
const HOSTILE: &str = "\"><script>alert(1)</script>\u{202e}";

struct Desk {
    address: std::net::SocketAddr,
    store: Store,
    promises: Promises,
    place: std::path::PathBuf,
}

struct Answer {
    status: u16,
    location: String,
    body: String,
}

fn at_hand<Q, A: Send + 'static>(answer: impl Fn(Q) -> A + Send + Sync + 'static) -> Asked<Q, A> {
    Box::new(move |question| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(Ok(answer(question)));
        told
    })
}

fn directory() -> Directory {
    let set = |text: &str| NumberSet::exact(Number::international(text.as_bytes()).unwrap());
    let tenant = |id: &str, own: &str| Tenant {
        id: id.to_owned(),
        plans: vec![rules::plan::DialPlan::default()],
        own_numbers: set(own),
        ..Tenant::default()
    };
    let tenants = vec![tenant("Acme", "12105550100"), tenant("Other", "12105550200")];
    Directory { tenants, ..Directory::default() }
}

fn in_force(customer: &str) -> InForce {
    let number = if customer == "Acme" { "+1 303 555 0142" } else { "+1 303 555 0999" };
    let entry = Entry {
        number: number.to_owned(),
        reason: HOSTILE.to_owned(),
        expires: Some("2026-12-24".to_owned()),
    };
    let list = ListInForce {
        name: "harassment".to_owned(),
        refuses: true,
        refuses_callers: true,
        count: 1,
        entries: vec![entry],
    };
    InForce { lists: vec![list], blocks: Vec::new() }
}

fn refused(token: &str) -> Option<Refused> {
    token.starts_with("good").then(|| Refused {
        customer: "Acme".to_owned(),
        token: token.to_owned(),
        caller: HOSTILE.to_owned(),
        called: "+12105550100".to_owned(),
        at: NOW,
        verdict: "verdict: block\nrule: harassment".to_owned(),
    })
}

fn service(place: &str) -> Service {
    let suspected = Standing::Degraded(Certainty::Suspected);
    // Ann wants the second line, and the first goes back to the desk.
    let chosen = |chosen: Chosen| {
        let is_hers = (chosen.customer.as_str(), chosen.in_case.who.as_str()) == ("Acme", "Ann");
        let is_second = chosen.choice.wanted.iter().eq([&1]) && chosen.choice.rest == Rest::Returned;
        let is_whole = chosen.shown.len() == 64 && chosen.choice.why == "that is our own service";
        if is_hers && is_second && is_whole { Ok(true) } else { Err("not that".to_owned()) }
    };
    let approve_part: Asked<Chosen, bool> = Box::new(move |question| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(chosen(question));
        told
    });
    let silent = Questions::silent();
    let part = move |()| {
        vec![Component { id: "calls", name: "Answering calls", state: suspected, words: HOSTILE.to_owned() }]
    };
    Service {
        hints: None,
        health: Box::new(|| Health::Ready),
        samples: Box::new(|| oneshot::channel().1),
        approvals: Box::new(|_| oneshot::channel().1),
        reports: Box::new(|_| oneshot::channel().1),
        decide: Box::new(|_| Err(Undecided::Loading)),
        failed: Box::new(|| panic!("a page failed inside")),
        questions: Questions {
            customers: at_hand(|()| Vec::new()),
            portal: PortalQuestions {
                directory: at_hand(|()| directory()),
                in_force: at_hand(|customer: String| in_force(&customer)),
            },
            refused: at_hand(|token: String| refused(&token)),
            status: at_hand(part),
            desk: DeskQuestions { approve_part, ..silent.desk },
            office: told::office(),
            ..Questions::silent()
        },
        cases: Some(Book::new(place.to_owned(), Promises::sample())),
        now: || NOW,
        name: "Desk".to_owned(),
        address: "https://desk.example.com".to_owned(),
        is_secure: false,
        own: Own::default(),
    }
}

fn person(name: &str, customer: &str, roles: &[Role]) -> Person {
    Person {
        name: name.to_owned(),
        addresses: vec![format!("{name}@{customer}.example.com").to_lowercase()],
        phones: (name == "Ann").then(|| "+12105550181".to_owned()).into_iter().collect(),
        roles: BTreeSet::from_iter(roles.iter().copied()),
        valid_from: None,
        valid_until: None,
        verified_at: None,
        zone: None,
    }
}

/// Ann and Bob may everything, Cleo only looks; each customer has an Ann.
fn people(customer: &str) -> Registration {
    let all = [Role::Requester, Role::Authorizer, Role::ReportRecipient];
    Registration {
        customer: customer.to_owned(),
        people: vec![
            person("Ann", customer, &all),
            person("Bob", customer, &all),
            person("Cleo", customer, &[]),
        ],
        ..Registration::default()
    }
}

impl Desk {
    async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringwall-portal-{}-{number}.db", std::process::id());
        let place = std::env::temp_dir().join(name);
        let store = Store::open(place.to_str().unwrap()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = service(place.to_str().unwrap());
        tokio::spawn(crate::serve(listener, service, std::future::pending()));
        let desk = Self { address, store, promises: Promises::sample(), place };
        for customer in ["Acme", "Other"] {
            let draft =
                desk.store.desk().draft_registration(people(customer), desk.by("anna")).await.unwrap();
            desk.store.desk().confirm_registration(&draft.hash, desk.by("ben")).await.unwrap();
            for name in ["Ann", "Bob", "Cleo"] {
                desk.log_in(name, customer, name != "Cleo").await;
            }
        }
        desk
    }

    fn by<'a>(&'a self, who: &'a str) -> Done<'a> {
        Done { who, now: NOW, service: &self.promises }
    }

    /// `Ann of Acme` has a session whose secret is that; without a factor it is `Ann of Acme plainly`.
    async fn log_in(&self, name: &str, customer: &str, has_factor: bool) {
        let login = format!("{name}@{customer}").to_lowercase();
        let side = Side::Contact { customer: customer.to_owned(), name: name.to_owned() };
        let secret = format!("invite {login}");
        let expires = NOW.plus_micros(1_000_000);
        let invitation = Invitation { hash: hash_of(&secret), login: login.clone(), side, expires };
        let desk = self.store.desk();
        desk.invite(&invitation, self.by("anna")).await.unwrap();
        desk.accept(&secret, "x".to_owned(), self.by("anna")).await.unwrap();
        for factor in [None, Some(NOW)] {
            let secret = secret_of(name, customer, factor.is_some());
            let session = Session {
                hash: hash_of(&secret),
                login: login.clone(),
                began: NOW,
                seen: NOW,
                factor: factor.filter(|_| has_factor),
                is_half: false,
                address: "127.0.0.1".to_owned(),
            };
            desk.put_session(&session).await.unwrap();
        }
    }

    async fn send(&self, text: String) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            location: location.unwrap_or_default().to_owned(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, secret: &str, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n");
        self.send(format!("{head}Cookie: ringwall_session={secret}\r\n\r\n")).await
    }

    /// As a form without scripts sends it.
    async fn post(&self, secret: &str, path: &str, form: &str) -> Answer {
        let token = csrf(secret);
        let body = if secret.is_empty() { form.to_owned() } else { format!("csrf={token}&{form}") };
        self.send(format!(
            "POST {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nCookie: ringwall_session={secret}\r\n\
             Origin: http://desk\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    /// A case of Acme that waits for a change of its rules to be authorised; the hash of the change.
    async fn asked(&self) -> (CaseNumber, String) {
        self.asked_for(vec![Line::Text { diff: HOSTILE.to_owned() }]).await
    }

    /// The same of these lines.
    async fn asked_for(&self, lines: Vec<Line>) -> (CaseNumber, String) {
        let desk = self.store.desk();
        let done = self.by("anna");
        let of = self.store.customer("Acme");
        let kind = cases::case::Kind::PolicyChange;
        let number =
            of.ask(kind, (HOSTILE, HOSTILE), Wanted::default(), self.by("Ann")).await.unwrap().number;
        desk.step(number, &Signal::Take, "", done).await.unwrap();
        // No two cases propose exactly the same.
        let (base, result) = (format!("b of {number}"), "r".to_owned());
        let change = Change { customer: "Acme".to_owned(), base, result, lines };
        desk.propose(number, change.clone(), Impact::default(), done).await.unwrap();
        let case = desk.case(number).await.unwrap();
        let expires = NOW.plus_micros(3_600_000_000);
        let (link, _) = Link::draw(&case, "Ann", LinkFor::Approve(change.hash()), expires).unwrap();
        desk.ask_authorisation(number, &[Asking { link, outgoing: None }], self.by("ben")).await.unwrap();
        (number, change.hash())
    }

    async fn state(&self, number: CaseNumber) -> State {
        self.store.desk().case(number).await.unwrap().state
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", self.place.display()));
        }
    }
}

fn secret_of(name: &str, customer: &str, has_factor: bool) -> String {
    format!("{name}-of-{customer}-{}", if has_factor { "surely" } else { "plainly" })
}

const ANN: &str = "Ann-of-Acme-surely";
const BOB: &str = "Bob-of-Acme-surely";
const CLEO: &str = "Cleo-of-Acme-surely";
const OTHER: &str = "Ann-of-Other-surely";

#[tokio::test]
async fn x2_no_way_of_the_portal_leads_to_another_customers_case() {
    let desk = Desk::new().await;
    let (number, hash) = desk.asked().await;
    let ways = routes::all();
    let portal = ways.iter().filter(|way| way.path.starts_with("/portal") && way.path.contains('{'));
    let mut swept = 0;
    for way in portal {
        assert!(matches!(way.access, Access::Contact(_)), "{}", way.path);
        let path = way.path.replace("{number}", &number.to_string());
        let path = path.replace("{schedule}", "RS-1").replace("{due}", "x").replace("{name}", "y");
        let answer = match way.method {
            "GET" => desk.get(OTHER, &path).await,
            _ => desk.post(OTHER, &path, &format!("change={hash}&decision=yes&text=mine+mine&reason=")).await,
        };
        assert_eq!(answer.status, 404, "{} {path}: {}", way.method, answer.body);
        assert!(!answer.body.contains(&hash));
        swept += 1;
    }
    assert!(swept >= 5);
    assert_eq!(desk.state(number).await, State::AwaitingAuthorisation);
    for path in ["/portal", "/portal/requests", "/portal/authorise", "/portal/reports", "/portal/audit"] {
        let body = desk.get(OTHER, path).await.body;
        assert!(!body.contains(&number.to_string()), "{path}: {body}");
    }
    let blocks = desk.get(OTHER, "/portal/blocks").await.body;
    assert!(blocks.contains("+1 303 555 0999") && !blocks.contains("+1 303 555 0142"), "{blocks}");
}

#[tokio::test]
async fn a_request_is_checked_without_scripts_and_becomes_the_contacts_case() {
    let desk = Desk::new().await;
    let live = desk
        .post(ANN, "/portal/ask/check", "kind=block&numbers=911%0A%2B1+210+555+0100%0A%2B13035550142")
        .await;
    assert_eq!(live.status, 200);
    for words in ["an emergency number", "one of your own numbers", "+13035550142"] {
        assert!(live.body.contains(words), "no {words} in {}", live.body);
    }
    assert!(!live.body.contains("<html"), "a piece of a page");
    // What cannot be read is said, and not sent as if it were nothing.
    let numbers = "numbers=abc+%3Cb%3E%0D%0A%2B13035550142";
    let unread = "abc &lt;b&gt;";
    let live = desk.post(ANN, "/portal/ask/check", &format!("kind=block&{numbers}")).await;
    assert!(live.body.contains(unread), "{}", live.body);
    let form = format!("kind=block&{numbers}&category=Harassing");
    let wrong = desk.post(ANN, "/portal/ask", &form).await;
    let words = format!("{unread}: no telephone number can be read in this line.");
    assert!(wrong.status == 422 && wrong.body.contains(&words), "{}", wrong.body);
    let wrong =
        desk.post(ANN, "/portal/ask", "kind=block&numbers=911&category=Fraud&text=cheats%0D%0Aus").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("Nothing was sent yet") && wrong.body.contains("911"), "{}", wrong.body);
    assert!(wrong.body.contains(">cheats\nus</textarea>"), "{}", wrong.body);
    let form =
        "kind=block&numbers=%2B13035550142&category=Fraud&text=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let sent = desk.post(ANN, "/portal/ask", form).await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    let shown = desk.get(ANN, &sent.location).await;
    assert!(shown.body.contains("+13035550142") && !shown.body.contains("<script>alert"), "{}", shown.body);
    let number: CaseNumber = sent.location.rsplit('/').next().unwrap().parse().unwrap();
    let case = desk.store.desk().case(number).await.unwrap();
    assert_eq!((case.customer.as_str(), case.state), ("Acme", State::New));
    // What was typed for another kind is not sent with a question.
    let question = "kind=question&numbers=%2B13035550142&category=Fraud&until=90+days&period=October&text=why+was+that+so";
    let sent = desk.post(ANN, "/portal/ask", question).await;
    let asked: CaseNumber = sent.location.rsplit('/').next().unwrap().parse().unwrap();
    let text = desk.store.desk().events(asked).await.unwrap().remove(0).text;
    assert_eq!(text, "question; reason: why was that so");
    // What the desk asks is answered there, by the contact.
    desk.store.desk().step(number, &Signal::Take, "", desk.by("anna")).await.unwrap();
    desk.store.desk().step(number, &Signal::AskInfo, "since when?", desk.by("anna")).await.unwrap();
    assert!(desk.get(ANN, "/portal").await.body.contains("1 thing waits for you"));
    let way = format!("/portal/request/{number}/answer");
    assert_eq!(desk.post(ANN, &way, "text=since+Monday").await.status, 303);
    assert_ne!(desk.state(number).await, State::NeedsInfo);
    let events = desk.store.desk().events(number).await.unwrap();
    assert!(events.iter().any(|event| event.who == "Ann" && event.text == "since Monday"), "{events:?}");
    // Who may not ask is told why.
    let cleo = desk.post(CLEO, "/portal/ask", form).await;
    assert_eq!(cleo.status, 403);
    assert!(cleo.body.contains("Contacts and roles"), "{}", cleo.body);
}

#[tokio::test]
async fn z3_two_people_authorise_with_a_factor_each_and_looking_decides_nothing() {
    let desk = Desk::new().await;
    let (number, hash) = desk.asked().await;
    let way = format!("/portal/authorise/{number}");
    let page = desk.get(ANN, &way).await;
    assert!(page.body.contains(&hash) && page.body.contains("Two of your authorisers"), "{}", page.body);
    assert!(!page.body.contains("<script>alert") && !page.body.contains('\u{202e}'));
    assert_eq!(desk.state(number).await, State::AwaitingAuthorisation);
    let yes = format!("change={hash}&decision=yes");
    for query in [format!("{way}?{yes}"), format!("{way}?decision=yes")] {
        desk.get(ANN, &query).await;
    }
    let plain = secret_of("Ann", "Acme", false);
    let explained = desk.get(&plain, &way).await;
    assert!(
        explained.body.contains("/account") && !explained.body.contains("value=\"yes\""),
        "{}",
        explained.body
    );
    let without = desk.post(&plain, &way, &yes).await;
    assert_eq!(without.status, 403);
    assert!(without.body.contains("authenticator app"), "{}", without.body);
    assert_eq!(desk.post(CLEO, &way, &yes).await.status, 403);
    let (_, approvals) = desk.store.customer("Acme").change(number).await.unwrap().unwrap();
    assert!(approvals.is_empty(), "{approvals:?}");
    // Another change than the one shown; then Ann twice, which is one; then Bob.
    assert_eq!(desk.post(ANN, &way, "change=0000&decision=yes").await.status, 409);
    for _ in 0..2 {
        assert_eq!(desk.post(ANN, &way, &yes).await.status, 303);
        assert_eq!(desk.state(number).await, State::AwaitingAuthorisation);
    }
    assert!(desk.get(BOB, &way).await.body.contains("Ann said yes"));
    assert_eq!(desk.post(BOB, &way, &yes).await.status, 303);
    assert_eq!(desk.state(number).await, State::Implementing);
    // Whoever looks again is led to what became of it.
    let again = desk.get(ANN, &way).await;
    assert_eq!((again.status, again.location.as_str()), (303, &*format!("/portal/request/{number}")));
    // A no wants a reason, and ends it.
    let (number, hash) = desk.asked().await;
    let way = format!("/portal/authorise/{number}");
    assert_eq!(desk.post(ANN, &way, &format!("change={hash}&decision=no&reason=x")).await.status, 400);
    let no = format!("change={hash}&decision=no&reason=not+in+our+name");
    assert_eq!(desk.post(ANN, &way, &no).await.status, 303);
    assert_eq!(desk.state(number).await, State::Closed);
}

#[tokio::test]
async fn z4_somebody_says_yes_to_some_lines_and_what_becomes_of_the_others() {
    let desk = Desk::new().await;
    let line = |entry: &str| Line::Add {
        list: "harassment".to_owned(),
        entry: entry.to_owned(),
        expires: Some("2026-12-24".to_owned()),
        reason: HOSTILE.to_owned(),
    };
    let lines = vec![line("+13035550142"), line("+13035550143")];
    let (number, hash) = desk.asked_for(lines).await;
    let way = format!("/portal/authorise/{number}");
    let page = desk.get(ANN, &way).await.body;
    assert!(page.contains("Yes to some of it") && page.contains("name=\"line\" value=\"1\""), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    let form = |lines: &str, rest: &str| {
        format!("change={hash}&decision=some{lines}&rest={rest}&reason=that+is+our+own+service")
    };
    let whole = form("&line=1", "returned");
    // Who may not, without the code of an app, and what is not filled in: the service is not even asked.
    assert_eq!(desk.post(CLEO, &way, &whole).await.status, 403);
    assert_eq!(desk.post(&secret_of("Ann", "Acme", false), &way, &whole).await.status, 403);
    assert_eq!(desk.post(OTHER, &way, &whole).await.status, 404);
    for wrong in [form("&line=x", "returned"), form("&line=1", "")] {
        assert_eq!(desk.post(ANN, &way, &wrong).await.status, 400, "{wrong}");
    }
    let done = desk.post(ANN, &way, &whole).await;
    assert_eq!((done.status, done.location.contains("/portal/request/")), (303, true));
    let unlike = desk.post(ANN, &way, &form("&line=0", "refused")).await;
    assert_eq!(unlike.status, 409, "what the service says no to is shown");
    // A change of rules is of one piece.
    let (number, _) = desk.asked().await;
    let page = desk.get(ANN, &format!("/portal/authorise/{number}")).await.body;
    assert!(!page.contains("Yes to some of it"), "{page}");
}

#[tokio::test]
async fn n7_contacts_are_changed_by_two_and_who_leaves_is_out_at_once() {
    let desk = Desk::new().await;
    assert_eq!(desk.get(CLEO, "/portal").await.status, 200);
    assert_eq!(desk.post(CLEO, "/portal/contacts", "name=Cleo&what=end").await.status, 403);
    let plain = secret_of("Ann", "Acme", false);
    assert_eq!(desk.post(&plain, "/portal/contacts", "name=Cleo&what=end").await.status, 403);
    assert_eq!(desk.post(ANN, "/portal/contacts", "name=Cleo&what=end").await.status, 303);
    let drafts = desk.store.customer("Acme").registration_drafts().await.unwrap();
    let confirm = format!("hash={}", drafts[0].hash);
    assert_eq!(desk.post(ANN, "/portal/contacts/confirm", &confirm).await.status, 409, "her own");
    assert_eq!(
        desk.post(OTHER, "/portal/contacts/confirm", &confirm).await.status,
        409,
        "another customer's"
    );
    assert_eq!(desk.get(CLEO, "/portal").await.status, 200, "nothing holds yet");
    assert!(desk.get(BOB, "/portal/contacts").await.body.contains("Confirm it"));
    assert_eq!(desk.post(BOB, "/portal/contacts/confirm", &confirm).await.status, 303);
    let out = desk.get(CLEO, "/portal").await;
    assert!(out.status == 303 && out.location.starts_with("/login"), "{} {}", out.status, out.location);
    let audit = desk.get(ANN, "/portal/audit").await.body;
    assert!(audit.contains("✓ checked") && audit.contains("confirm-contacts"), "{audit}");
    assert!(
        audit.contains("<time datetime=\"2026-10-05T15:00:00Z\"") && !audit.contains("&lt;time"),
        "{audit}"
    );
    // Somebody new, with a hostile name, is drafted as text.
    let form = "name=%3Cb%3EEve&address=eve%40acme.example.com&requester=yes";
    assert_eq!(desk.post(ANN, "/portal/contacts", form).await.status, 303);
    let page = desk.get(BOB, "/portal/contacts").await.body;
    assert!(page.contains("&lt;b&gt;Eve") && !page.contains("<b>Eve"), "{page}");
}

#[tokio::test]
async fn a_blocked_caller_opens_one_case_and_learns_nothing_of_the_customer() {
    let desk = Desk::new().await;
    assert_eq!(desk.get("", "/appeal").await.status, 200);
    assert_eq!(desk.get("", "/appeal?token=good1").await.location, "/appeal/good1");
    assert_eq!(desk.get("", "/appeal?token=+go-od%201+").await.location, "/appeal/good1");
    assert_eq!(desk.get("", "/appeal/bad").await.status, 404);
    let page = desk.get("", "/appeal/good1").await;
    assert!(page.status == 200 && page.body.contains("+12105550100"), "{}", page.body);
    for secret in ["Acme", "harassment", "<script>alert", "\u{202e}"] {
        assert!(!page.body.contains(secret), "{secret} in {}", page.body);
    }
    let short = desk.post("", "/appeal/good1", "text=x%3Cb&contact=mine").await;
    assert_eq!(short.status, 422);
    assert!(
        short.body.contains(">x&lt;b</textarea>") && short.body.contains("value=\"mine\""),
        "{}",
        short.body
    );
    assert_eq!(desk.post("", "/appeal/bad", "text=I+am+the+doctor").await.status, 404);
    let said =
        desk.post("", "/appeal/good1", "text=%3Cscript%3Ealert(1)%3C%2Fscript%3E+doctor&contact=x").await;
    assert_eq!(said.status, 200, "{}", said.body);
    let number = desk.store.desk().appeal_of("Acme", "good1").await.unwrap().unwrap();
    assert!(said.body.contains(&number.to_string()), "{}", said.body);
    assert_eq!(desk.state(number).await, State::Unverified);
    for again in
        [desk.post("", "/appeal/good1", "text=once+more+please").await, desk.get("", "/appeal/good1").await]
    {
        assert!(again.body.contains(&number.to_string()), "{}", again.body);
    }
    let events = desk.store.desk().events(number).await.unwrap();
    assert!(events.iter().any(|event| event.what == "verdict" && event.text.contains("rule: harassment")));
    assert!(!events.iter().any(|event| event.text.contains("once more")));
    // What a stranger wrote is for the desk: the customer does not see it as its own (T-4).
    assert_eq!(desk.get(ANN, &format!("/portal/request/{number}")).await.status, 404);
    assert!(!desk.get(ANN, "/portal/requests").await.body.contains(&number.to_string()));
    // Whoever tries one token after the other waits.
    let mut status = 0;
    for at in 0..60 {
        status = desk.get("", &format!("/appeal/bad{at}")).await.status;
    }
    assert_eq!(status, 429);
}

#[tokio::test]
async fn the_status_page_is_for_everybody_and_tells_what_is_only_suspected() {
    let desk = Desk::new().await;
    let page = desk.get("", "/status").await;
    assert!(page.status == 200 && page.body.contains("not confirmed"), "{}", page.body);
    assert!(!page.body.contains("<script>alert") && page.body.len() < 30_000);
    let inside = desk.get(CLEO, "/status").await.body;
    assert!(inside.contains("/portal/requests"), "the menu is around it: {inside}");
    let json: serde_json::Value = serde_json::from_str(&desk.get("", "/status.json").await.body).unwrap();
    assert_eq!(json["status"]["indicator"], "none");
    assert_eq!(json["components"][0]["status"], "degraded_performance");
    assert_eq!(json["components"][0]["certainty"], "suspected");
}

#[tokio::test]
async fn every_page_of_the_portal_stands_for_who_may_only_look() {
    let desk = Desk::new().await;
    for way in routes::all() {
        let is_page = way.method == "GET" && way.path.starts_with("/portal") && !way.path.contains('{');
        if !is_page {
            continue;
        }
        let wanted = if way.path == "/portal/ask" { 403 } else { 200 };
        let page = desk.get(CLEO, way.path).await;
        assert_eq!(page.status, wanted, "{}: {}", way.path, page.body);
        assert_eq!(desk.get(ANN, way.path).await.status, 200, "{}", way.path);
        assert!(!page.body.contains(" style=") && page.body.len() < 300_000);
        let stranger = desk.get("", way.path).await;
        assert!(stranger.location.starts_with("/login"), "{}", way.path);
    }
}
