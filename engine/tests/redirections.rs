//! A 3xx to an INVITE is a transfer of whoever was called: told and counted as theirs, once, and only where it leads to
//! somebody else.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says by its panic what is wrong"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use ringwall_engine::{Engine, Kind, Packet, Role};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Direction, Flags, Method, Party, Policy, Timestamp, Transport};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "UTC"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]
trusted = ["198.51.100.0/24"]
extensions = { "14xx" = "+1 210 555 01xx" }

[[firewall]]
name = "to the assistant"
when = { called = "+1 210 555 0177" }
action = { divert = "sip:assistant@192.0.2.20" }

[[ips]]
name = "transfers"
when = { method = "REFER", called = ["high-risk", "premium", "satellite"] }
count = "attempts"
per = ["caller"]
within = "1h"
warning = 2

[[ips]]
name = "calls"
when = { called = ["high-risk", "premium", "satellite"] }
count = "attempts"
within = "1h"
warning = 1
"#;

/// The carrier, and the exchange of the customer.
const CARRIER: &str = "198.51.100.7:5060";
const EXCHANGE: &str = "192.0.2.10:5060";
const CALLER: &str = "+13125550143";
const DESK: &str = "+12105550144";
const SATELLITE: &str = "<sip:+88213555010@192.0.2.10>";

/// A redirection as it was told.
#[derive(Debug, PartialEq)]
struct Told {
    caller: String,
    to: Vec<String>,
    direction: Direction,
    status: u16,
}

struct Line {
    engine: Engine,
    now: i64,
}

/// One call, as its messages tell it.
struct Call {
    id: &'static str,
    target: &'static str,
    to: &'static str,
    cseq: u32,
}

const CALL: Call = Call { id: "a", target: DESK, to: DESK, cseq: 1 };

impl Line {
    fn new(policies: &[&str]) -> Self {
        let read = |text: &&str| {
            let reading = rules::policy::read("acme.toml", text, &MemoryFiles::new(), Timestamp::default());
            Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)))
        };
        let policies = PolicySet::new(policies.iter().map(read).collect());
        Self { engine: Engine::new(Arc::new(policies)), now: 1_791_979_200_000_000 }
    }

    fn take(&mut self, source: &str, destination: &str, text: &str) -> Option<Action> {
        self.now += 20_000;
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let handled = self.engine.handle(&Packet {
            at: Timestamp(self.now),
            source: address(source),
            destination: address(destination),
            transport: Transport::Udp,
            payload: text.as_bytes(),
            flags: Flags::NONE,
        });
        handled.decision
    }

    fn invite(&mut self, call: &Call) {
        self.take(
            CARRIER,
            EXCHANGE,
            &format!("INVITE sip:{}@192.0.2.10 SIP/2.0\r\n{}", call.target, call.head("")),
        );
    }

    /// An answer of the fork `tag`. Returns whether it was judged.
    fn answer(&mut self, call: &Call, (status, tag): (u16, &str), more: &str) -> bool {
        let text = format!("SIP/2.0 {status} So\r\n{}", call.head(&format!(";tag={tag}")));
        let text = text.replacen("\r\n\r\n", &format!("\r\n{more}\r\n"), 1);
        self.take(EXCHANGE, CARRIER, &text).is_some()
    }

    /// The same with these Contacts.
    fn moved(&mut self, call: &Call, tag: &str, contacts: &str) -> bool {
        self.answer(call, (302, tag), &format!("Contact: {contacts}\r\n"))
    }

    /// What was told of redirections until now, and which thresholds were reached.
    fn finish(mut self) -> (Vec<Told>, Vec<(String, String)>) {
        self.engine.finish();
        let mut told = Vec::new();
        while let Some(attempt) = self.engine.poll_ended() {
            if !matches!(attempt.kind, Kind::Redirection(_)) {
                continue;
            }
            assert_eq!(
                (attempt.kind, attempt.kind.method()),
                (Kind::Redirection(Method::Invite), Method::Refer)
            );
            for view in &attempt.views {
                let text = |party: Party, raw: &[u8]| match party.number() {
                    Some(number) => number.to_string(),
                    None => String::from_utf8(raw.to_vec()).unwrap(),
                };
                let caller = attempt.caller(view).unwrap();
                let to = attempt.facts(view).iter().filter(|fact| fact.role == Role::RedirectTo);
                told.push(Told {
                    caller: text(caller.party, attempt.raw(caller)),
                    to: to.map(|fact| text(fact.party, attempt.raw(fact))).collect(),
                    direction: view.direction.unwrap(),
                    status: attempt.progress.status,
                });
            }
        }
        let policies = self.engine.policies();
        let mut reached = Vec::new();
        while let Some(breach) = self.engine.poll_breach() {
            let threshold = policies.policies()[0].threshold(breach.threshold).unwrap();
            let key = breach.key.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>().join(" ");
            reached.push((threshold.name.clone(), key));
        }
        (told, reached)
    }

    fn told(self) -> Vec<Told> {
        self.finish().0
    }
}

impl Call {
    fn head(&self, tag: &str) -> String {
        let Self { id, to, cseq, .. } = self;
        format!(
            "Via: SIP/2.0/UDP {CARRIER};branch=z9hG4bK{id}{cseq}\r\nFrom: \"Ann\" <sip:{CALLER}@198.51.100.7>;tag=f{id}\r\n\
             To: <sip:{to}@192.0.2.10>{tag}\r\nCall-ID: {id}\r\nCSeq: {cseq} INVITE\r\nContent-Length: 0\r\n\r\n"
        )
    }
}

fn by_desk(to: &[&str]) -> Told {
    let to = to.iter().map(|to| (*to).to_owned()).collect();
    Told { caller: DESK.to_owned(), to, direction: Direction::Outbound, status: 302 }
}

/// What is told of one call to the desk that is answered with these Contacts.
fn moved_to(contacts: &str) -> Vec<Told> {
    let mut line = Line::new(&[POLICY]);
    line.invite(&CALL);
    line.moved(&CALL, "t", contacts);
    line.told()
}

#[test]
fn who_was_called_is_charged_with_every_contact_and_the_caller_is_not() {
    assert_eq!(moved_to(SATELLITE), [by_desk(&["+88213555010"])]);
    let several =
        format!("<sip:+12105550144@192.0.2.11>;q=0.9, {SATELLITE};q=0.5, <tel:+1-900-555-0100>;q=0.1");
    assert_eq!(moved_to(&several), [by_desk(&["+88213555010", "+19005550100"])]);
    let mut line = Line::new(&[POLICY]);
    for id in ["a", "b", "c"] {
        line.invite(&Call { id, ..CALL });
        assert!(line.moved(&Call { id, ..CALL }, "t", SATELLITE));
    }
    // The calls that follow are counted when they come: the redirection is none.
    let (told, reached) = line.finish();
    assert_eq!(told.len(), 3);
    assert_eq!(reached, [("transfers".to_owned(), DESK.to_owned())]);
}

#[test]
fn the_same_number_elsewhere_is_no_redirection() {
    for contacts in [
        "<sip:+12105550144@192.0.2.11>",
        "<sip:1444@192.0.2.11;transport=tcp>, <tel:+1-210-555-0144>",
        "<sip:192.0.2.11>",
        "*",
        "",
    ] {
        assert_eq!(moved_to(contacts), [], "{contacts}");
    }
    let named = Call { target: "front.desk", to: "reception", ..CALL };
    let mut line = Line::new(&[POLICY]);
    line.invite(&named);
    line.moved(&named, "t", "<sip:front.desk@192.0.2.11>, <sip:reception@192.0.2.12>");
    assert_eq!(line.told(), []);
    let mut line = Line::new(&[POLICY]);
    line.invite(&CALL);
    line.answer(&CALL, (302, "t"), "");
    assert_eq!(line.told(), []);
}

#[test]
fn it_counts_once_however_often_it_is_sent_and_once_for_each_fork() {
    let mut line = Line::new(&[POLICY]);
    line.invite(&CALL);
    line.answer(&CALL, (486, "busy"), "");
    for (tag, is_new) in [("t", true), ("t", false), ("u", true), ("t", false), ("u", false)] {
        assert_eq!(line.moved(&CALL, tag, SATELLITE), is_new, "{tag}");
    }
    // Nobody makes it more than the forks that are told apart.
    let judged = (0..100).filter(|fork| line.moved(&CALL, &format!("x{fork}"), SATELLITE)).count();
    assert_eq!(judged, ringwall_engine::limits::FORKS_MAX - 2);
    assert_eq!(line.told().len(), ringwall_engine::limits::FORKS_MAX);
}

#[test]
fn whoever_the_caller_writes_into_to_the_number_that_was_called_is_charged() {
    let mut line = Line::new(&[POLICY]);
    let forged = Call { to: "+12105550199", ..CALL };
    line.invite(&forged);
    line.moved(&forged, "t", SATELLITE);
    // To the number in To, which is not the one that was called.
    let other = Call { id: "b", to: "+88213555010", ..CALL };
    line.invite(&other);
    line.moved(&other, "t", SATELLITE);
    assert_eq!(line.told(), [by_desk(&["+88213555010"]), by_desk(&["+88213555010"])]);
}

#[test]
fn who_is_called_next_under_the_same_call_id_is_charged_with_what_comes_next() {
    let mut line = Line::new(&[POLICY]);
    line.invite(&CALL);
    line.moved(&CALL, "t", "<sip:+12105550145@192.0.2.10>");
    let next = Call { target: "+12105550145", cseq: 2, ..CALL };
    line.invite(&next);
    line.moved(&next, "u", SATELLITE);
    let told = line.told();
    let first = Told { direction: Direction::Internal, ..by_desk(&["+12105550145"]) };
    assert_eq!(told, [first, Told { caller: "+12105550145".to_owned(), ..by_desk(&["+88213555010"]) }]);
}

#[test]
fn where_the_invite_was_not_seen_to_says_who_redirects() {
    let mut line = Line::new(&[POLICY]);
    assert!(line.moved(&CALL, "t", SATELLITE));
    assert!(!line.moved(&CALL, "t", SATELLITE));
    assert!(!line.moved(&Call { id: "b", ..CALL }, "t", "<sip:1444@192.0.2.11>"));
    assert_eq!(line.told(), [by_desk(&["+88213555010"])]);
}

#[test]
fn after_an_answer_and_inside_a_call_nothing_is_sent_on() {
    let mut line = Line::new(&[POLICY]);
    line.invite(&CALL);
    line.answer(&CALL, (200, "t"), "");
    // Of another fork, too late; and of a re-INVITE.
    assert!(!line.moved(&CALL, "u", SATELLITE));
    assert!(!line.moved(&Call { cseq: 2, ..CALL }, "t", SATELLITE));
    assert_eq!(line.told(), []);
}

#[test]
fn what_the_policy_diverts_is_not_charged_to_who_was_called() {
    let mut line = Line::new(&[POLICY]);
    let diverted = Call { target: "+12105550177", to: "+12105550177", ..CALL };
    line.invite(&diverted);
    assert!(!line.moved(&diverted, "t", "<sip:assistant@192.0.2.20>"));
    assert_eq!(line.told(), []);
}

#[test]
fn a_stranger_who_sends_our_call_on_is_charged_as_a_stranger() {
    let mut line = Line::new(&[POLICY]);
    let head = |tag: &str| {
        format!(
            "Via: SIP/2.0/UDP {EXCHANGE};branch=z9hG4bKo\r\nFrom: <sip:1444@192.0.2.10>;tag=f\r\n\
             To: <sip:+13125550188@198.51.100.7>{tag}\r\nCall-ID: o\r\nCSeq: 1 INVITE\r\n"
        )
    };
    line.take(
        EXCHANGE,
        CARRIER,
        &format!("INVITE sip:+13125550188@198.51.100.7 SIP/2.0\r\n{}\r\n", head("")),
    );
    let moved = format!("SIP/2.0 301 Moved\r\n{}Contact: {SATELLITE}\r\n\r\n", head(";tag=t"));
    line.take(CARRIER, EXCHANGE, &moved);
    let told = line.told();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].caller.as_str(), told[0].direction, told[0].status),
        ("+13125550188", Direction::Inbound, 301)
    );
}

#[test]
fn nobody_is_kept_from_being_sent_to_the_emergency_number() {
    let blocks = format!(
        "{POLICY}[[firewall]]\nname = \"all\"\nwhen = {{ method = \"REFER\" }}\naction = \"block\"\n"
    );
    for (contacts, expected) in [
        (SATELLITE.to_owned(), Action::Block),
        (format!("{SATELLITE}, <sip:911@192.0.2.10>"), Action::Block),
        ("<sip:911@192.0.2.10>, <urn:service:sos>".to_owned(), Action::Allow),
    ] {
        let mut line = Line::new(&[&blocks]);
        line.invite(&CALL);
        let text = format!("SIP/2.0 302 So\r\nContact: {contacts}\r\n{}", CALL.head(";tag=t"));
        assert_eq!(line.take(EXCHANGE, CARRIER, &text), Some(expected), "{contacts}");
    }
}

#[test]
fn who_is_sent_to_the_emergency_number_by_a_forged_answer_is_no_hole_in_the_firewall() {
    let blocks = format!(
        "{POLICY}[[firewall]]\nname = \"listed\"\nwhen = {{ caller = \"{CALLER}\" }}\naction = {{ block = 603 }}\n"
    );
    const OUTSIDE: &str = "203.0.113.66:5060";
    let invite = format!("INVITE sip:{DESK}@192.0.2.10 SIP/2.0\r\n{}", CALL.head(""));
    let forged = |from: &str, to: &str, contact: &str| {
        format!(
            "SIP/2.0 302 Moved\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKx\r\nFrom: <sip:{from}@h>;tag=x\r\n\
             To: <sip:{to}@h>;tag=y\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: {contact}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for contact in
        ["<urn:service:sos>", "<sip:911@192.0.2.10>", "<sip:+882135550100@h>;q=1, <urn:service:sos>;q=0.1"]
    {
        for (from, to) in [(DESK, CALLER), (CALLER, DESK)] {
            let mut line = Line::new(&[&blocks]);
            line.take(OUTSIDE, EXCHANGE, &forged(from, to, contact));
            assert_eq!(line.take(CARRIER, EXCHANGE, &invite), Some(Action::Block), "{from} {to} {contact}");
        }
    }
    // Who has called for help is called back by whoever it is, but for who is blocked by name.
    let mut line = Line::new(&[&blocks]);
    let help = format!(
        "INVITE urn:service:sos SIP/2.0\r\n{}",
        CALL.head("").replace(CALLER, DESK).replace("ID: a", "ID: b")
    );
    assert_eq!(line.take(EXCHANGE, CARRIER, &help), Some(Action::Allow));
    assert_eq!(line.take(CARRIER, EXCHANGE, &invite), Some(Action::Block));
    let other = invite.replace(CALLER, "+13125550150").replace("ID: a", "ID: c");
    assert_eq!(line.take(CARRIER, EXCHANGE, &other), Some(Action::Allow));
}

#[test]
fn each_customer_reads_it_by_its_own_plan() {
    let german = r#"
[customer]
name = "Beispiel"
region = "DE"
time_zone = "UTC"
numbers = ["+49 30 23125 100 - +49 30 23125 199"]
"#;
    let mut line = Line::new(&[german, POLICY]);
    // 2105550144 is a number in the US plan; to the German one it is somebody in some town.
    let national = Call { target: "2105550144", to: "2105550144", ..CALL };
    line.invite(&national);
    line.moved(&national, "t", "<sip:+12105550144@192.0.2.11>, <sip:+493023125150@192.0.2.10>");
    let told = line.told();
    let by_acme = told.iter().find(|told| told.caller == DESK).unwrap();
    assert_eq!(by_acme.to, ["+493023125150"]);
    assert!(told.iter().all(|told| !told.to.is_empty()), "{told:?}");
}

#[test]
fn hostile_contacts_end_nothing() {
    let many = (0..5_000).map(|n| format!("<sip:+1900555{n:04}@h>")).collect::<Vec<_>>().join(",");
    let long = format!("<sip:{}@h>", "9".repeat(7_000));
    for contacts in [
        many.as_str(),
        long.as_str(),
        "<sip:%00%ff@h",
        "\"<,<,<",
        "<sip:a@b>;x=\",<sip:c@d>",
        "<::@@;;??>,,,,",
    ] {
        let mut line = Line::new(&[POLICY]);
        line.invite(&CALL);
        line.moved(&CALL, "t", contacts);
        let told = line.told();
        assert!(told.len() <= 1, "{told:?}");
        assert!(told.iter().all(|told| told.caller == DESK), "{told:?}");
        assert!(told.iter().all(|told| told.to.len() <= ringwall_engine::limits::FACTS_MAX), "{told:?}");
    }
}
