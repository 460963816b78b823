//! Whole calls through a proxy, message by message: who gets what.

use std::sync::Arc;

use engine::{Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};

use super::hop::{NextHop, Share};
use super::leaving::Entry;
use super::port::{Name, Place, Port, Ports};
use super::relay::Relay;
use super::secret::Secret;
use super::settings::{Marks, Settings};
use crate::judge::{Count, Counters, News};
use crate::redirect::{self, Calls, Overload, Peer, Peers, Strangers};

pub(super) const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]

[[firewall]]
name = "busy"
when = { caller = "+1 303 555 0105" }
action = { block = 486 }

[[firewall]]
name = "silence"
when = { caller = "+1 303 555 0103" }
action = { block = "drop" }

[[firewall]]
name = "elsewhere"
when = { caller = "+1 303 555 0104" }
action = { divert = "sip:desk@203.0.113.9:5066" }

[[firewall]]
name = "by name"
when = { caller = "+1 303 555 0114" }
action = { divert = "sip:desk@desk.example.com" }

[[firewall]]
name = "marked"
when = { caller = "+1 303 555 0107" }
action = { tag = "spam likely" }

[[firewall]]
name = "ended"
when = { caller = "+1 303 555 0108" }
action = "terminate"
"#;

/// A carrier at 198.51.100.1, two switches at 10.0.0.5 and 10.0.0.6, and the proxy at 192.0.2.1:5060 between them.
pub(super) struct Scene {
    pub(super) relay: Relay,
    counters: Arc<Counters>,
    pub(super) now: Timestamp,
}

/// One that judges by `policy`.
pub(super) fn engine(policy: &str) -> Engine {
    let reading = rules::policy::read("acme.toml", policy, &MemoryFiles::new(), Timestamp::default());
    let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)));
    Engine::new(Arc::new(PolicySet::new(vec![policy])))
}

/// Those of the proxy of a [`Scene`].
pub(super) fn settings(health_seconds: u32) -> Settings {
    let carrier = Peer {
        name: "carrier".to_owned(),
        from: vec!["198.51.100.0/24".parse().unwrap()],
        customer: None,
        trusted: false,
        allow: Some(0),
        block: None,
    };
    Settings {
        common: redirect::Settings {
            peers: Peers::new(vec![carrier]),
            strangers: Strangers::Drop,
            overload: Overload { wait_micros_max: 200_000, retry_after_seconds: 2, trusted: Calls::Pass },
            on_fault: Calls::Pass,
            refuses_all: Arc::default(),
            refused_code: 500,
            tokens: crate::redress::Tokens::new([4; 16]),
        },
        next_hops: vec![NextHop {
            name: "switch".to_owned(),
            places: [SWITCH, TWIN].map(|place| place.parse().unwrap()).into(),
            share: Share::InOrder,
            health_seconds,
        }],
        marks: Marks { display_name: true, header: Some("X-Mark".to_owned()) },
        secret: Secret::new([3; 16]),
    }
}

pub(super) const CARRIER: &str = "198.51.100.1:5060";
const SWITCH: &str = "10.0.0.5:5060";
const TWIN: &str = "10.0.0.6:5060";

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(POLICY, 0)
    }

    fn with(policy: &str, health_seconds: u32) -> Self {
        let place: Place = "192.0.2.1:5060".parse().unwrap();
        let ports = Ports::new(vec![Port { place, name: Name::of(place.address) }], Box::new(|_| None));
        let counters = Arc::new(Counters::default());
        let relay =
            Relay::new(engine(policy), ports, Arc::new(settings(health_seconds)), Arc::clone(&counters));
        Self { relay, counters, now: Timestamp::from_seconds(1_790_000_000) }
    }

    /// What goes out for `text` from there: where to, and the message.
    fn send(&mut self, from: &str, text: &str) -> Option<(String, String)> {
        let mut out = Vec::new();
        let packet = Packet {
            at: self.now,
            source: from.parse().unwrap(),
            destination: "192.0.2.1:5060".parse().unwrap(),
            transport: Transport::Udp,
            payload: text.as_bytes(),
            flags: Flags::NONE,
        };
        let leaving = self.relay.handle(&packet, Entry::of(0), &mut out)?;
        Some((leaving.to.to_string(), String::from_utf8(out).unwrap()))
    }

    /// The same where something must go out, and there.
    fn pass(&mut self, from: &str, text: &str, to: &str) -> String {
        let (place, message) = self.send(from, text).unwrap_or_else(|| panic!("nothing goes out for {text}"));
        assert_eq!(place, to, "{message}");
        message
    }

    /// Everything of our own that is due.
    fn own(&mut self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let mut found = Vec::new();
        while let Some(leaving) = self.relay.poll(self.now, &mut out) {
            found.push((leaving.to.to_string(), String::from_utf8(out.clone()).unwrap()));
        }
        found
    }

    fn later(&mut self, seconds: i64) {
        self.now = self.now.plus_micros(seconds * 1_000_000);
    }

    pub(super) fn count(&self, count: Count) -> u64 {
        self.counters.of(count)
    }

    /// An answered call of `caller`: the INVITE and the 2xx as each side got them.
    fn answered(&mut self, caller: &str) -> (String, String) {
        let invite = self.pass(CARRIER, &request("INVITE", caller, ""), SWITCH);
        let ok = self.pass(SWITCH, &response(&invite, 200), CARRIER);
        (invite, ok)
    }
}

/// A request of `caller` from the carrier, with these further lines.
pub(super) fn request(method: &str, caller: &str, lines: &str) -> String {
    format!(
        "{method} sip:+12105550150@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKa\r\n{lines}\
         Max-Forwards: 70\r\nFrom: \"Bob\" <sip:{caller}@carrier.example>;tag=from\r\nTo: <sip:+12105550150@acme.example>\r\n\
         Call-ID: c1\r\nCSeq: 7 {method}\r\nContact: <sip:bob@198.51.100.1>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// What the switch answers to `request`, with a Contact of its own.
fn response(request: &str, status: u16) -> String {
    let lines = request.lines().filter(|line| {
        ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"].contains(&line.split(':').next().unwrap())
    });
    let lines: String = lines
        .map(|line| {
            let tag = if line.starts_with("To:") && !line.contains("tag=") && status > 100 {
                ";tag=to"
            } else {
                ""
            };
            format!("{line}{tag}\r\n")
        })
        .collect();
    format!("SIP/2.0 {status} Said\r\n{lines}Contact: <sip:desk@10.0.0.5:5062>\r\nContent-Length: 0\r\n\r\n")
}

fn values<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    message.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

fn value<'a>(message: &'a str, name: &str) -> &'a str {
    values(message, name).first().copied().unwrap_or_else(|| panic!("no {name} in {message}"))
}

fn status(message: &str) -> &str {
    message.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).unwrap_or_else(|| panic!("{message}"))
}

/// A request inside the dialog that `ok` began, from who called or from who was called.
fn inside(method: &str, ok: &str, is_caller: bool, branch: &str) -> String {
    let (from, to) = if is_caller { ("From", "To") } else { ("To", "From") };
    let target = if is_caller { "sip:desk@10.0.0.5:5062" } else { "sip:bob@198.51.100.1" };
    let host = if is_caller { "198.51.100.1" } else { "10.0.0.5" };
    let routes: Vec<&str> = values(ok, "Record-Route");
    let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let number = if is_caller && method == "ACK" { 7 } else { 8 };
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch={branch}\r\n{routes}Max-Forwards: 70\r\n\
         From: {}\r\nTo: {}\r\nCall-ID: c1\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
        value(ok, from),
        value(ok, to)
    )
}

#[test]
fn a_call_goes_through_and_both_sides_find_each_other() {
    let mut scene = Scene::new();
    let (invite, ok) = scene.answered("+13035550142");
    let vias = values(&invite, "Via");
    assert!(vias[0].starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKrw"), "{invite}");
    assert_eq!(vias[1], "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKa");
    assert_eq!(value(&invite, "Max-Forwards"), "69");
    assert!(value(&invite, "Record-Route").ends_with("@192.0.2.1:5060;lr>"), "{invite}");
    assert_eq!(values(&ok, "Via"), ["SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKa"]);
    let ack = scene.pass(CARRIER, &inside("ACK", &ok, true, "z9hG4bKb"), "10.0.0.5:5062");
    assert!(
        ack.starts_with("ACK sip:desk@10.0.0.5:5062 SIP/2.0\r\n") && values(&ack, "Route").is_empty(),
        "{ack}"
    );
    assert!(values(&ack, "Record-Route").is_empty());
    let bye = scene.pass("10.0.0.5:5062", &inside("BYE", &ok, false, "z9hG4bKc"), CARRIER);
    let done = scene.pass(CARRIER, &response(&bye, 200), "10.0.0.5:5060");
    assert_eq!(values(&done, "Via"), ["SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKc"]);
    let mut ended = Vec::new();
    scene.relay.tell(&mut |news| {
        if let News::Attempt(attempt, _) = news {
            ended.push((attempt.progress.status, attempt.progress.talk_micros().is_some()));
        }
    });
    assert_eq!(ended, [(200, true)]);
}

#[test]
fn a_request_that_comes_again_goes_again_word_for_word() {
    let mut scene = Scene::new();
    let first = scene.pass(CARRIER, &request("INVITE", "+13035550107", ""), SWITCH);
    scene.later(1);
    assert_eq!(scene.pass(CARRIER, &request("INVITE", "+13035550107", ""), SWITCH), first);
    assert_eq!((scene.count(Count::Tagged), scene.count(Count::Repeated)), (1, 1));
    // Another proxy with the same secret, or the same one after a restart, says the same.
    assert_eq!(Scene::new().pass(CARRIER, &request("INVITE", "+13035550107", ""), SWITCH), first);
    let other = request("INVITE", "+13035550107", "").replace("z9hG4bKa", "z9hG4bKz");
    assert_ne!(values(&scene.pass(CARRIER, &other, SWITCH), "Via")[0], values(&first, "Via")[0]);
}

#[test]
fn cancel_and_ack_of_a_refusal_go_the_way_of_their_invite_with_its_branch() {
    let mut scene = Scene::new();
    let invite = scene.pass(CARRIER, &request("INVITE", "+13035550142", ""), SWITCH);
    let cancel = scene.pass(CARRIER, &request("CANCEL", "+13035550142", ""), SWITCH);
    let refusal = scene.pass(SWITCH, &response(&invite, 487), CARRIER);
    let ack = request("ACK", "+13035550142", "")
        .replace("To: <sip:+12105550150@acme.example>", &format!("To: {}", value(&refusal, "To")));
    let ack = scene.pass(CARRIER, &ack, SWITCH);
    for message in [&cancel, &ack] {
        assert_eq!(values(message, "Via")[0], values(&invite, "Via")[0]);
        assert!(values(message, "Record-Route").is_empty());
    }
}

#[test]
fn a_refused_call_gets_its_answer_here_and_its_ack_goes_no_further() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        let said = scene.pass(CARRIER, &request("INVITE", "+13035550105", ""), CARRIER);
        assert_eq!(status(&said), "486");
        let ack = request("ACK", "+13035550105", "")
            .replace("To: <sip:+12105550150@acme.example>", &format!("To: {}", value(&said, "To")));
        assert_eq!(scene.send(CARRIER, &ack), None);
    }
    assert_eq!(
        (scene.count(Count::Blocked), scene.count(Count::Repeated), scene.count(Count::Acknowledged)),
        (1, 1, 2)
    );
    let cancel = scene.pass(CARRIER, &request("CANCEL", "+13035550105", ""), CARRIER);
    assert_eq!(status(&cancel), "200");
    let mut silent = Scene::new();
    assert_eq!(silent.send(CARRIER, &request("INVITE", "+13035550103", "")), None);
}

#[test]
fn a_tag_is_seen_and_cannot_be_brought_along() {
    let mut scene = Scene::new();
    let marked = scene.pass(CARRIER, &request("INVITE", "+13035550107", "X-Mark: fine\r\n"), SWITCH);
    assert_eq!(values(&marked, "X-Mark"), ["spam likely"]);
    assert_eq!(value(&marked, "From"), "\"spam likely Bob\" <sip:+13035550107@carrier.example>;tag=from");
    let mut scene = Scene::new();
    let plain = scene.pass(CARRIER, &request("INVITE", "+13035550142", "X-Mark: fine\r\n"), SWITCH);
    assert!(values(&plain, "X-Mark").is_empty() && plain.contains("From: \"Bob\" <"));
}

#[test]
fn a_diverted_call_goes_to_its_target_with_all_that_follows() {
    let mut scene = Scene::new();
    let invite = scene.pass(CARRIER, &request("INVITE", "+13035550104", ""), "203.0.113.9:5066");
    assert!(invite.starts_with("INVITE sip:desk@203.0.113.9:5066 SIP/2.0\r\n"), "{invite}");
    let again = scene.pass(CARRIER, &request("INVITE", "+13035550104", ""), "203.0.113.9:5066");
    assert_eq!(again, invite);
    let cancel = scene.pass(CARRIER, &request("CANCEL", "+13035550104", ""), "203.0.113.9:5066");
    assert!(cancel.starts_with("CANCEL sip:desk@203.0.113.9:5066 SIP/2.0\r\n"), "{cancel}");
    let mut scene = Scene::new();
    let said = scene.pass(CARRIER, &request("INVITE", "+13035550114", ""), CARRIER);
    assert_eq!((status(&said), value(&said, "Contact")), ("302", "<sip:desk@desk.example.com>"));
}

#[test]
fn a_call_that_a_rule_ends_is_hung_up_on_both_sides_once_it_may_be() {
    let mut scene = Scene::new();
    let (_, ok) = scene.answered("+13035550108");
    assert!(scene.own().is_empty(), "before the ACK only the caller may hang up");
    scene.pass(CARRIER, &inside("ACK", &ok, true, "z9hG4bKb"), "10.0.0.5:5062");
    let byes = scene.own();
    let to: Vec<&str> = byes.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(to, [CARRIER, "10.0.0.5:5062"]);
    let (to_caller, to_called) = (&byes[0].1, &byes[1].1);
    assert!(
        to_caller.starts_with("BYE sip:bob@198.51.100.1 SIP/2.0\r\n")
            && to_called.starts_with("BYE sip:desk@10.0.0.5:5062 SIP/2.0\r\n")
    );
    assert_eq!((value(to_caller, "From"), value(to_caller, "To")), (value(&ok, "To"), value(&ok, "From")));
    assert_eq!((value(to_called, "From"), value(to_called, "To")), (value(&ok, "From"), value(&ok, "To")));
    assert_eq!((value(to_called, "CSeq"), value(to_caller, "CSeq")), ("8 BYE", "1 BYE"));
    scene.later(1);
    assert_eq!(scene.own(), byes, "again until they are answered");
    assert_eq!(scene.send(CARRIER, &response(to_caller, 200)), None);
    scene.later(2);
    assert_eq!(scene.own(), [byes[1].clone()]);
    assert_eq!(scene.send("10.0.0.5:5062", &response(to_called, 481)), None);
    scene.later(60);
    assert!(scene.own().is_empty());
    let mut told = 0;
    scene.relay.tell(&mut |news| {
        if let News::Attempt(attempt, _) = news {
            told += u32::from(attempt.progress.talk_micros().is_some());
        }
    });
    assert_eq!((told, scene.count(Count::HungUp)), (1, 1));
}

#[test]
fn further_proxies_on_the_way_are_told_too() {
    let mut scene = Scene::new();
    let invite = request("INVITE", "+13035550108", "Record-Route: <sip:198.51.100.77;lr>\r\n");
    let invite = scene.pass(CARRIER, &invite, SWITCH);
    let ok = response(&invite, 200).replacen(
        "Record-Route: ",
        "Record-Route: <sip:10.0.0.77;lr>\r\nRecord-Route: ",
        1,
    );
    let ok = scene.pass(SWITCH, &ok, CARRIER);
    // The caller has the routes in the order that it meets them.
    let mut routes = values(&ok, "Record-Route");
    routes.reverse();
    let routes: String = routes.iter().skip(1).map(|route| format!("Route: {route}\r\n")).collect();
    let ack = inside("ACK", &ok, true, "z9hG4bKb");
    let (head, tail) = (
        ack.split("Route: ").next().unwrap().to_owned(),
        ack.split_once("Max-Forwards").unwrap().1.to_owned(),
    );
    scene.pass(CARRIER, &format!("{head}{routes}Max-Forwards{tail}"), "10.0.0.77:5060");
    let byes = scene.own();
    assert_eq!(
        (byes[0].0.as_str(), value(&byes[0].1, "Route")),
        ("198.51.100.77:5060", "<sip:198.51.100.77;lr>")
    );
    assert_eq!((byes[1].0.as_str(), value(&byes[1].1, "Route")), ("10.0.0.77:5060", "<sip:10.0.0.77;lr>"));
}

#[test]
fn a_switch_that_does_not_answer_is_left_out_and_calls_keep_theirs() {
    let mut scene = Scene::with(POLICY, 1);
    let alive = |scene: &mut Scene, dead: &[&str]| {
        for (to, question) in scene.own() {
            if !dead.contains(&to.as_str()) {
                assert_eq!(scene.send(&to, &response(&question, 200)), None);
            }
        }
        scene.later(1);
    };
    alive(&mut scene, &[]);
    let first = scene.pass(CARRIER, &request("INVITE", "+13035550142", ""), SWITCH);
    for _ in 0..3 {
        alive(&mut scene, &[SWITCH]);
    }
    // Nobody has heard of it there: its next retransmission finds the twin, and so does what follows.
    assert_eq!(scene.pass(CARRIER, &request("INVITE", "+13035550142", ""), TWIN), first);
    scene.pass(TWIN, &response(&first, 180), CARRIER);
    for _ in 0..3 {
        alive(&mut scene, &[TWIN]);
    }
    scene.pass(CARRIER, &request("CANCEL", "+13035550142", ""), TWIN);
    scene.pass(CARRIER, &request("INVITE", "+13035550142", ""), TWIN);
    scene.pass(CARRIER, &request("INVITE", "+13035550142", "").replace("c1", "c2"), SWITCH);
    for _ in 0..3 {
        alive(&mut scene, &[SWITCH, TWIN]);
    }
    let said = scene.pass(CARRIER, &request("INVITE", "+13035550142", "").replace("c1", "c3"), CARRIER);
    assert_eq!(status(&said), "503");
    assert_eq!((scene.count(Count::HopDown), scene.count(Count::HopUp)), (3, 1));
}

#[test]
fn a_loop_ends_at_its_second_turn() {
    let mut scene = Scene::new();
    let once = scene.pass(CARRIER, &request("INVITE", "+13035550142", ""), SWITCH);
    let said = scene.pass(CARRIER, &once, "198.51.100.1:5060");
    assert_eq!(status(&said), "482");
    // One that comes back changed is a spiral, and goes on (RFC 3261 §16.3).
    let spiral = once.replacen("+12105550150@192.0.2.1", "+12105550151@192.0.2.1", 1);
    scene.pass(CARRIER, &spiral, SWITCH);
    let tired = request("INVITE", "+13035550142", "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(status(&scene.pass(CARRIER, &tired, CARRIER)), "483");
    let vias = "Via: SIP/2.0/UDP 198.51.100.2;branch=z9hG4bKb\r\n".repeat(64);
    assert_eq!(status(&scene.pass(CARRIER, &request("INVITE", "+13035550142", &vias), CARRIER)), "483");
}

#[test]
fn nobody_else_has_anything_passed_on() {
    let mut scene = Scene::new();
    assert_eq!(scene.send("203.0.113.66:5060", &request("INVITE", "+13035550142", "")), None);
    let (invite, ok) = scene.answered("+13035550142");
    // A response to a request that never went through here, and one that would go elsewhere.
    let strays = [
        response(&invite.replacen("z9hG4bKrw00", "z9hG4bKrw00F", 1), 200),
        response(&invite.replacen("198.51.100.1;branch", "203.0.113.66;branch", 1), 200),
        response(&request("INVITE", "+13035550142", ""), 200),
    ];
    for stray in &strays {
        assert_eq!(scene.send(SWITCH, stray), None, "{stray}");
    }
    assert_eq!(scene.count(Count::Stray), 3);
    // Who is part of a call may send from anywhere.
    scene.pass("10.0.0.99:5060", &inside("BYE", &ok, false, "z9hG4bKc"), CARRIER);
}

#[test]
fn a_made_up_dialog_lets_nobody_in() {
    let mut scene = Scene::new();
    let fake = |lines: &str| {
        request("INVITE", "+13035550105", lines).replace("acme.example>", "acme.example>;tag=made-up")
    };
    assert_eq!(status(&scene.pass(CARRIER, &fake(""), CARRIER)), "486");
    let mut scene = Scene::new();
    let route = "Route: <sip:0123456789ABCDEF@192.0.2.1;lr>\r\n";
    assert_eq!(status(&scene.pass(CARRIER, &fake(route), CARRIER)), "486");
    // A real one goes on, whatever its caller may not do any more.
    let mut scene = Scene::new();
    let (_, ok) = scene.answered("+13035550142");
    let mut other = Scene::new();
    let again = inside("INVITE", &ok, true, "z9hG4bKb").replace("+13035550142", "+13035550105");
    other.pass(CARRIER, &again, "10.0.0.5:5062");
}

#[test]
fn no_route_leads_a_call_around_what_was_judged() {
    let mut scene = Scene::new();
    let elsewhere = "Route: <sip:192.0.2.1;lr>\r\nRoute: <sip:10.0.0.99;lr>\r\n";
    let passed = scene.pass(CARRIER, &request("INVITE", "+13035550142", elsewhere), SWITCH);
    assert!(
        values(&passed, "Route").is_empty() && passed.starts_with("INVITE sip:+12105550150@"),
        "{passed}"
    );
    let other = "Route: <sip:192.0.2.1;lr>\r\nRoute: <sip:+12105550199@10.0.0.5>\r\n";
    let said = scene.pass(CARRIER, &request("INVITE", "+13035550142", other).replace("c1", "c2"), CARRIER);
    assert_eq!(status(&said), "400");
}

#[test]
fn what_is_broken_is_refused_before_anybody_behind_can_misread_it() {
    for broken in [
        request("INVITE", "+13035550142", "").replace("Max-Forwards: 70", "Max-Forwards: 300"),
        request("INVITE", "+13035550142", "").replace("Content-Length: 0", "Content-Length: 5"),
        request("INVITE", "+13035550142", "").replace("CSeq: 7 INVITE", "CSeq: 7 BYE"),
        request("INVITE", "+13035550142", "").replacen("SIP/2.0\r\n", "SIP/2.0\r\n X-Folded: 1\r\n", 1),
        request("INVITE", "+13035550142", "").trim_end().to_owned(),
        request("INVITE", "+13035550142", &"Route: <sip:10.0.0.1;lr>\r\n".repeat(33)),
    ] {
        let mut scene = Scene::new();
        assert_eq!(status(&scene.pass(CARRIER, &broken, CARRIER)), "400", "{broken}");
        assert_eq!(scene.count(Count::MalformedRefused), 1);
    }
    let mut scene = Scene::new();
    let asks = request("INVITE", "+13035550142", "Proxy-Require: magic\r\n");
    assert_eq!(value(&scene.pass(CARRIER, &asks, CARRIER), "Unsupported"), "magic");
    let trailing = format!("{}and more", request("MESSAGE", "+13035550142", ""));
    assert!(scene.pass(CARRIER, &trailing, SWITCH).ends_with("Content-Length: 0\r\n\r\n"));
}

#[test]
fn what_grows_beyond_a_datagram_is_said_to_be_too_long() {
    let mut scene = Scene::new();
    let body = "x".repeat(64_800);
    let long = request("MESSAGE", "+13035550142", "")
        .replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: 64800\r\n\r\n{body}"));
    let room = 65_507 - long.len();
    let longest = long.replace("Contact:", &format!("X-Fill: {}\r\nContact:", "y".repeat(room - 10)));
    assert_eq!(longest.len(), 65_507);
    assert_eq!(status(&scene.pass(CARRIER, &longest, CARRIER)), "513");
    assert_eq!(scene.count(Count::TooLong), 1);
}

#[test]
fn options_for_us_are_answered_and_others_go_on() {
    let mut scene = Scene::new();
    let ours =
        request("OPTIONS", "+13035550142", "").replacen("sip:+12105550150@192.0.2.1", "sip:192.0.2.1", 1);
    assert_eq!(status(&scene.pass(CARRIER, &ours, CARRIER)), "200");
    scene.pass(CARRIER, &request("OPTIONS", "+13035550142", ""), SWITCH);
}

#[test]
fn calls_from_inside_go_where_they_say() {
    let mut scene = Scene::new();
    let call = |target: &str, lines: &str| {
        request("INVITE", "+12105550150", lines)
            .replacen("sip:+12105550150@192.0.2.1", target, 1)
            .replace("198.51.100.1;branch", "10.0.0.5;branch")
    };
    scene.pass(SWITCH, &call("sip:+13035550142@198.51.100.1:5080", ""), "198.51.100.1:5080");
    let by_route =
        call("sip:+13035550142@carrier.example", "Route: <sip:192.0.2.1;lr>, <sip:198.51.100.1;lr>\r\n");
    let by_route = scene.pass(SWITCH, &by_route.replace("c1", "c2"), CARRIER);
    assert_eq!(value(&by_route, "Route"), "<sip:198.51.100.1;lr>");
    let nowhere =
        scene.pass(SWITCH, &call("sip:+13035550142@carrier.example", "").replace("c1", "c3"), SWITCH);
    assert_eq!(status(&nowhere), "404");
    let ours = scene.pass(SWITCH, &call("sip:+13035550142@192.0.2.1", "").replace("c1", "c4"), SWITCH);
    assert_eq!(status(&ours), "404");
}

#[test]
fn in_overload_new_calls_are_refused_and_calls_that_are_up_go_on() {
    let mut scene = Scene::new();
    let (_, ok) = scene.answered("+13035550142");
    scene.relay.note_wait(150_000);
    let said = scene.pass(CARRIER, &request("INVITE", "+13035550142", "").replace("c1", "c2"), CARRIER);
    assert_eq!((status(&said), value(&said, "Retry-After")), ("503", "2"));
    scene.pass(CARRIER, &request("INVITE", "+13035550142", ""), SWITCH);
    scene.pass(CARRIER, &inside("BYE", &ok, true, "z9hG4bKb"), "10.0.0.5:5062");
    let emergency = request("INVITE", "+13035550142", "").replace("c1", "c3").replacen(
        "sip:+12105550150@",
        "sip:911@",
        1,
    );
    scene.pass(CARRIER, &emergency, SWITCH);
    assert_eq!(scene.count(Count::ShedRefused), 1);
}
