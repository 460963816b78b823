//! A call that a back-to-back agent passes on is one call: its legs are joined by Session-ID (RFC 7989) or by a header of
//! the customer's, but only where an agent can have made them, and only to the same number.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by its panic what is wrong")]

use std::net::SocketAddr;
use std::sync::Arc;

use ringwall_engine::{Budget, Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "UTC"
numbers = ["+1 202 555 0100 - +1 202 555 0199"]
extensions = { "1xx" = "+1 202 555 01xx" }
back_to_back = ["192.0.2.10", "192.0.2.11"]
leg_header = "X-CID"

[[ips]]
name = "many calls"
count = "attempts"
per = ["called"]
within = "1h"
warning = 3
"#;

const CARRIER: &str = "198.51.100.7:5060";
/// An agent, and its other interface.
const AGENT: &str = "192.0.2.10:5060";
const INSIDE: &str = "192.0.2.11:5060";
const PHONE: &str = "10.0.0.44:5060";
const SESSION: &str =
    "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n";

/// A Call-ID with the one whose leg it is, how many messages of it counted, and whether it was answered.
type Told = (String, Option<String>, usize, bool);

struct Line {
    engine: Engine,
    policies: Arc<PolicySet>,
    now: i64,
}

impl Line {
    fn new() -> Self {
        let reading = rules::policy::read("acme.toml", POLICY, &MemoryFiles::new(), Timestamp::default());
        let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)));
        let policies = Arc::new(PolicySet::new(vec![policy]));
        Self { engine: Engine::new(Arc::clone(&policies)), policies, now: 1_791_979_200_000_000 }
    }

    fn take(&mut self, ends: (&str, &str), text: &str) {
        self.now += 20_000;
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        self.engine.handle(&Packet {
            at: Timestamp(self.now),
            source: address(ends.0),
            destination: address(ends.1),
            transport: Transport::Udp,
            payload: text.as_bytes(),
            flags: Flags::NONE,
        });
    }

    /// An INVITE to `called` under the Call-ID `id`.
    fn invite(&mut self, ends: (&str, &str), id: &str, called: &str, more: &str) {
        let text = format!("INVITE sip:{called}@{} SIP/2.0\r\n{}", ends.1, head(id, "INVITE", "", more));
        self.take(ends, &text);
    }

    fn answer(&mut self, ends: (&str, &str), id: &str, status: u16) {
        self.take(ends, &format!("SIP/2.0 {status} So\r\n{}", head(id, "INVITE", ";tag=b", "")));
    }

    fn hang_up(&mut self, ends: (&str, &str), id: &str) {
        self.take(ends, &format!("BYE sip:x@{} SIP/2.0\r\n{}", ends.1, head(id, "BYE", ";tag=b", "")));
    }

    /// What was told, by Call-ID; then how often the threshold was reached.
    fn finish(mut self) -> (Vec<Told>, usize) {
        self.engine.finish();
        let mut told = Vec::new();
        while let Some(attempt) = self.engine.poll_ended() {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let counted = attempt.views.iter().map(|view| attempt.tallies(view).count()).sum();
            let answered = attempt.progress.answered.is_some();
            told.push((text(attempt.call_id()), attempt.leg_of().map(text), counted, answered));
        }
        told.sort();
        let mut breaches = 0;
        while self.engine.poll_breach().is_some() {
            breaches += 1;
        }
        (told, breaches)
    }
}

fn head(id: &str, method: &str, tag: &str, more: &str) -> String {
    format!(
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{id}{method}\r\nFrom: <sip:+13035550142@example.com>;tag=f{id}\r\n\
         To: <sip:+12025550144@example.com>{tag}\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// How many of the Call-IDs counted, and which are legs.
fn counted(told: &[Told]) -> (usize, Vec<(&str, &str)>) {
    let legs = told.iter().filter_map(|(id, of, ..)| Some((id.as_str(), of.as_deref()?)));
    (told.iter().map(|(_, _, counted, _)| counted).sum(), legs.collect())
}

#[test]
fn both_legs_of_a_call_count_once_and_each_is_followed() {
    let mut line = Line::new();
    line.invite((CARRIER, AGENT), "a", "+12025550144", SESSION);
    line.invite((AGENT, PHONE), "b", "144", SESSION);
    // Retransmissions of either are neither.
    line.invite((AGENT, PHONE), "b", "144", SESSION);
    line.invite((CARRIER, AGENT), "a", "+12025550144", SESSION);
    line.answer((PHONE, AGENT), "b", 200);
    line.answer((AGENT, CARRIER), "a", 200);
    line.hang_up((AGENT, PHONE), "b");
    line.hang_up((CARRIER, AGENT), "a");
    let (told, breaches) = line.finish();
    assert_eq!(told.len(), 2, "each leg is told: {told:?}");
    assert!(told.iter().all(|(_, _, _, answered)| *answered), "{told:?}");
    assert_eq!(counted(&told), (1, vec![("b", "a")]));
    assert_eq!(breaches, 0);
}

#[test]
fn a_leg_that_is_seen_first_is_the_call() {
    let mut line = Line::new();
    line.invite((AGENT, PHONE), "b", "144", SESSION);
    line.invite((CARRIER, AGENT), "a", "+12025550144", SESSION);
    assert_eq!(counted(&line.finish().0), (1, vec![("a", "b")]));
}

#[test]
fn an_agent_with_two_interfaces_is_named_by_the_customer() {
    let mut line = Line::new();
    line.invite((CARRIER, AGENT), "a", "+12025550144", SESSION);
    line.invite((INSIDE, PHONE), "b", "+12025550144", SESSION);
    assert_eq!(counted(&line.finish().0), (1, vec![("b", "a")]));
}

#[test]
fn a_header_of_the_customer_names_the_other_leg() {
    let mut line = Line::new();
    line.invite((CARRIER, AGENT), "a", "+12025550144", "");
    line.invite((AGENT, PHONE), "b", "+12025550144", "x-cid: a\r\n");
    // Or both bear the same.
    line.invite((CARRIER, AGENT), "c", "+12025550145", "X-CID: 7\r\n");
    line.invite((AGENT, PHONE), "d", "+12025550145", "X-CID: 7\r\n");
    assert_eq!(counted(&line.finish().0), (2, vec![("b", "a"), ("d", "c")]));
}

#[test]
fn whoever_repeats_a_session_hides_no_call() {
    let nil = SESSION.replace("ab30317f1a784dc48ff824d0d3715d86", "00000000000000000000000000000000");
    let short = SESSION.replace("ab30317f1a784dc48ff824d0d3715d86", "ab30");
    let other = SESSION.replace("ab30", "ab31");
    for (sources, sessions) in [
        // A caller who uses one session for all calls, from one address or several, or from one that is no agent's.
        ([CARRIER, CARRIER, CARRIER], [SESSION, SESSION, SESSION]),
        ([CARRIER, "198.51.100.8:5060", "198.51.100.9:5060"], [SESSION, SESSION, SESSION]),
        // None at all, the one that stands for none, and what is no session.
        ([CARRIER, AGENT, INSIDE], ["", "", ""]),
        ([CARRIER, AGENT, INSIDE], [&nil, &nil, &nil]),
        ([CARRIER, AGENT, INSIDE], [&short, &short, &short]),
        ([CARRIER, AGENT, AGENT], [SESSION, &other, "X-CID: nobody\r\n"]),
    ] {
        let mut line = Line::new();
        for (source, (id, session)) in sources.iter().zip(["a", "b", "c"].iter().zip(sessions)) {
            let destination = if *source == AGENT || *source == INSIDE { PHONE } else { AGENT };
            line.invite((source, destination), id, "+12025550144", session);
        }
        let (told, breaches) = line.finish();
        assert_eq!((counted(&told), breaches), ((3, vec![]), 1), "{sources:?} {sessions:?}");
    }
}

#[test]
fn a_call_that_an_agent_sends_on_to_somebody_else_is_another() {
    let mut line = Line::new();
    line.invite((CARRIER, AGENT), "a", "+12025550144", SESSION);
    line.invite((AGENT, CARRIER), "b", "+88213555010", SESSION);
    line.invite((AGENT, PHONE), "c", "+12025550145", SESSION);
    assert_eq!(counted(&line.finish().0), (3, vec![]));
}

#[test]
fn a_call_that_is_over_has_no_more_legs() {
    let mut line = Line::new();
    line.invite((CARRIER, AGENT), "a", "+12025550144", SESSION);
    line.answer((AGENT, CARRIER), "a", 486);
    line.invite((AGENT, PHONE), "b", "+12025550144", SESSION);
    line.invite((AGENT, PHONE), "c", "+12025550144", SESSION);
    assert_eq!(counted(&line.finish().0), (3, vec![]));
}

#[test]
fn legs_are_joined_over_a_restart() {
    let mut line = Line::new();
    line.invite((CARRIER, AGENT), "a", "+12025550144", SESSION);
    let state = line.engine.snapshot();
    line.engine = Engine::restore(Arc::clone(&line.policies), Budget::default(), &state).unwrap();
    line.invite((AGENT, PHONE), "b", "144", SESSION);
    assert_eq!(counted(&line.finish().0), (1, vec![("b", "a")]));
}
