//! What a stranger can write opens no way past the policy: ways that were tried from outside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by its panic what is wrong")]

use std::net::SocketAddr;
use std::sync::Arc;

use ringwall_engine::sip::looks_like_sip;
use ringwall_engine::{Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Flags, Policy, Timestamp, Transport};

const CUSTOMER: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\n\
     numbers = [\"+1 202 555 0100 - +1 202 555 0199\"]\nresponse = { list = 603, threshold = 603 }\n";
const TRUNKS: &str = "trunks = [\"10.20.0.0/16\"]\n";
const RULES: &str = "[[firewall]]\nname = \"named\"\nwhen = { caller = \"+1 303 555 0142\" }\naction = \"block\"\n\
     [[firewall]]\nname = \"withheld\"\nwhen = { direction = \"inbound\", caller = \"anonymous\" }\naction = \"block\"\n\
     [[firewall]]\nname = \"premium\"\nwhen = { called = \"+1 900*\" }\naction = \"block\"\n";
const OUTSIDE: &str = "198.51.100.7:5060";
const INSIDE: &str = "10.20.0.1:5060";
const BLOCKED: &str = "<sip:+13035550142@h>;tag=f";
const OWN: &str = "<sip:+12025550144@h>;tag=f";

struct Line {
    engine: Engine,
    now: i64,
    messages: u32,
}

impl Line {
    fn new(more: &str) -> Self {
        let text = format!("{CUSTOMER}{more}{RULES}");
        let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
        let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)));
        let engine = Engine::new(Arc::new(PolicySet::new(vec![policy])));
        Self { engine, now: 1_791_979_200_000_000, messages: 0 }
    }

    fn take(&mut self, ends: (&str, &str), text: &str) -> Option<Action> {
        self.now += 1_000_000;
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(looks_like_sip(text.as_bytes()), "{text:?}");
        let handled = self.engine.handle(&Packet {
            at: Timestamp(self.now),
            source: address(ends.0),
            destination: address(ends.1),
            transport: Transport::Udp,
            payload: text.as_bytes(),
            flags: Flags::NONE,
        });
        while self.engine.poll_ended().is_some() {}
        handled.decision
    }

    /// A request of `method` to `target` with these From and further headers, under a Call-ID of its own.
    fn ask(
        &mut self,
        ends: (&str, &str),
        (method, target): (&str, &str),
        from: &str,
        more: &str,
    ) -> Option<Action> {
        self.messages += 1;
        let id = self.messages;
        self.take(ends, &message(&format!("{method} {target} SIP/2.0"), (id, id, 1), method, from, more))
    }

    fn call(&mut self, ends: (&str, &str), target: &str, from: &str, more: &str) -> Option<Action> {
        self.ask(ends, ("INVITE", target), from, more)
    }

    fn breaches(&mut self) -> usize {
        std::iter::from_fn(|| self.engine.poll_breach()).count()
    }
}

fn message(start: &str, (id, branch, cseq): (u32, u32, u32), method: &str, from: &str, more: &str) -> String {
    let tag = if start.starts_with("SIP") { ";tag=t" } else { "" };
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{branch}\r\nFrom: {from}\r\nTo: <sip:x@example.com>{tag}\r\n\
         Call-ID: {id}\r\nCSeq: {cseq} {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

const IN: (&str, &str) = (OUTSIDE, INSIDE);
const OUT: (&str, &str) = (INSIDE, OUTSIDE);
const DESK: &str = "sip:+12025550144@example.com";

#[test]
fn an_emergency_call_from_outside_opens_no_way_back() {
    let mut line = Line::new(TRUNKS);
    for help in ["urn:service:sos", "sip:911@example.com"] {
        assert_eq!(line.call(IN, help, OWN, ""), Some(Action::Allow), "a trunk may be missing: {help}");
    }
    assert_eq!(line.call(IN, DESK, "\"\" <sip:anonymous@anonymous.invalid>;tag=f", ""), Some(Action::Block));
    assert_eq!(line.call(IN, DESK, BLOCKED, ""), Some(Action::Block));
    // From inside it does, for whom no rule names, and not for a long list of identities.
    let many: String =
        (150..180).map(|end| format!("P-Asserted-Identity: <sip:+120255501{end}@h>\r\n")).collect();
    assert_eq!(line.call(OUT, "urn:service:sos", OWN, &many), Some(Action::Allow));
    assert_eq!(line.call(IN, DESK, "<sip:anonymous@anonymous.invalid>;tag=f", ""), Some(Action::Allow));
    assert_eq!(line.call(IN, DESK, BLOCKED, ""), Some(Action::Block));
    let another = "sip:+12025550179@example.com";
    assert_eq!(line.call(IN, another, "<sip:anonymous@anonymous.invalid>;tag=f", ""), Some(Action::Block));
}

#[test]
fn strangers_who_call_for_help_leave_room_for_those_who_do() {
    let mut line = Line::new(TRUNKS);
    for call in 0..1_100 {
        let many: String = (0..62)
            .map(|at| format!("P-Asserted-Identity: <sip:+1404{:07}@h>\r\n", 2_000_000 + call * 62 + at))
            .collect();
        line.call(IN, "urn:service:sos", "<sip:+14045550100@h>;tag=f", &many);
    }
    line.call(OUT, "sip:911@example.com", OWN, "");
    assert_eq!(line.call(IN, DESK, "<sip:anonymous@anonymous.invalid>;tag=f", ""), Some(Action::Allow));
}

#[test]
fn an_emergency_number_among_others_lets_no_other_pass() {
    let premium = "sip:+19005550100@example.com";
    for (target, more) in [
        ("sip:911;rn=+19005550100@example.com", ""),
        ("sip:911@example.com;rn=+19005550100", ""),
        ("sip:911;phone-context=+19005550@example.com", ""),
        (premium, "Refer-To: <sip:911@h>\r\n"),
    ] {
        let mut line = Line::new(TRUNKS);
        assert_eq!(line.call(OUT, target, OWN, more), Some(Action::Block), "{target} {more}");
    }
    for (target, more) in [
        (DESK, "Refer-To: <sip:+19005550100@h>\r\nRefer-To: <sip:911@h>\r\n"),
        (DESK, "Refer-To: <urn:service:sos>, <sip:+19005550100@h>\r\n"),
        ("sip:911@example.com", "Refer-To: <sip:+19005550100@h>\r\n"),
    ] {
        let mut line = Line::new(TRUNKS);
        let decision = line.ask(OUT, ("REFER", target), OWN, more);
        assert_eq!(decision, Some(Action::Block), "{target} {more}");
    }
    for (target, more) in [(DESK, "Refer-To: <sip:911@h>\r\n"), (premium, "Refer-To: <urn:service:sos>\r\n")]
    {
        let mut line = Line::new(TRUNKS);
        assert_eq!(line.ask(OUT, ("REFER", target), BLOCKED, more), Some(Action::Allow), "{target} {more}");
    }
    for target in ["tel:911;phone-context=+1", "tel:911;phone-context=+1202"] {
        let mut line = Line::new(TRUNKS);
        assert_eq!(line.call(OUT, target, BLOCKED, ""), Some(Action::Allow), "{target}");
    }
}

#[test]
fn who_withholds_the_number_reaches_help_where_no_trunk_tells_the_direction() {
    let mut line = Line::new("");
    let withheld = "<sip:anonymous@anonymous.invalid>;tag=f";
    assert_eq!(line.call(OUT, "sip:911@example.com", withheld, ""), Some(Action::Allow));
    assert_eq!(line.call(IN, DESK, withheld, ""), Some(Action::Block));
}

#[test]
fn what_stands_beside_from_turns_no_call_around() {
    const RULE: &str =
        "[[firewall]]\nname = \"inbound\"\nwhen = { direction = \"inbound\" }\naction = \"block\"\n";
    let away = "sip:reception@example.com";
    let call = |from: &str, more: &str| Line::new(RULE).call(IN, away, from, more);
    for more in
        ["P-Preferred-Identity: <sip:+12025550144@h>\r\n", "Remote-Party-ID: <sip:+12025550144@h>\r\n"]
    {
        assert_eq!(call("<sip:+14045550166@h>;tag=f", more), Some(Action::Block), "{more}");
        // Who withholds the number in From may be one of ours.
        assert_eq!(call("<sip:anonymous@anonymous.invalid>;tag=f", more), Some(Action::Allow), "{more}");
    }
    assert_eq!(call(OWN, ""), Some(Action::Allow));
}

const AGAIN: &str = "[[ips]]\nname = \"again and again\"\ncount = \"attempts\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 10\n";

#[test]
fn a_call_after_a_final_answer_is_another_call() {
    for status in [486, 404, 480, 487, 503, 603, 200] {
        let mut line = Line::new(&format!("{TRUNKS}{AGAIN}"));
        let from = "<sip:+14045550166@h>;tag=same";
        for cseq in 1..=12 {
            let target = format!("INVITE {DESK} SIP/2.0");
            line.take(IN, &message(&target, (1, cseq, cseq), "INVITE", from, ""));
            line.take(OUT, &message(&format!("SIP/2.0 {status} X"), (1, cseq, cseq), "INVITE", from, ""));
        }
        assert_eq!(line.breaches(), 1, "{status}");
    }
    // Challenges are answered, but not for ever.
    for (repeats, breaches) in [(3, 0), (80, 1)] {
        let mut line = Line::new(&format!("{TRUNKS}{AGAIN}"));
        let from = "<sip:+14045550166@h>;tag=same";
        for cseq in 1..=repeats {
            line.take(IN, &message(&format!("INVITE {DESK} SIP/2.0"), (1, cseq, cseq), "INVITE", from, ""));
            line.take(OUT, &message("SIP/2.0 407 X", (1, cseq, cseq), "INVITE", from, ""));
        }
        assert_eq!(line.breaches(), breaches, "{repeats}");
    }
}

#[test]
fn nobody_answers_their_own_call() {
    const FAILED: &str = "[[ips]]\nname = \"failures\"\ncount = \"failed\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 5\n";
    let mut line = Line::new(&format!("{TRUNKS}{FAILED}"));
    let from = "<sip:+14045550166@h>;tag=f";
    for id in 1..=6 {
        line.take(IN, &message(&format!("INVITE {DESK} SIP/2.0"), (id, id, 1), "INVITE", from, ""));
        // The caller's own word, before the answer of whom it called.
        line.take(IN, &message("SIP/2.0 200 OK", (id, id, 1), "INVITE", from, ""));
        line.take(OUT, &message("SIP/2.0 404 Not Found", (id, id, 1), "INVITE", from, ""));
    }
    assert_eq!(line.breaches(), 1);
    // Nor does it make a dialog in which nothing is judged.
    line.take(IN, &message("INVITE sip:+12025550145@h SIP/2.0", (50, 50, 1), "INVITE", from, ""));
    line.take(IN, &message("SIP/2.0 200 OK", (50, 50, 1), "INVITE", from, ""));
    let inside = message("INVITE sip:+19005550100@h SIP/2.0", (50, 51, 2), "INVITE", from, "")
        .replace("To: <sip:x@example.com>", "To: <sip:x@example.com>;tag=t");
    assert_eq!(line.take(IN, &inside), Some(Action::Block));
}

#[test]
fn what_peers_read_is_read() {
    let plain = message(&format!("INVITE {DESK} SIP/2.0"), (1, 1, 1), "INVITE", BLOCKED, "");
    let asserted = "P-Asserted-Identity: <sip:+13035550142@h>";
    let other =
        message(&format!("INVITE {DESK} SIP/2.0"), (1, 1, 1), "INVITE", "<sip:+14045550166@h>;tag=f", "");
    let with = |line: &str| other.replace("CSeq:", &format!("{line}\r\nCSeq:"));
    for text in [
        format!(" {plain}"),
        format!("\t{plain}"),
        format!("\0{plain}"),
        format!("\r\n {plain}"),
        plain.replace("\r\n", "\r"),
        plain.replacen("\r\n", "\r", 1),
        with(&format!("X-A: y\r{asserted}")),
        with(&format!("X-A: y\r{}", asserted.replace("y:", "y :"))),
        with(&asserted.replace("y:", "y\r\n :")),
        plain.replace("From:", "From\r\n :"),
        plain.replace("Via:", "Via: x\rX-B: z\r\nVia:"),
        // Two of them are no end of the header.
        plain.replace("From:", "X-A: y\r\rz\r\nFrom:"),
        plain.replace("From:", "X-A: y\r\r\nFrom:"),
    ] {
        let mut line = Line::new(TRUNKS);
        assert_eq!(line.take(IN, &text), Some(Action::Block), "{text:?}");
        // One digit off is somebody else.
        let neighbour = text.replace("+13035550142", "+13035550143");
        let mut line = Line::new(TRUNKS);
        assert_eq!(line.take(IN, &neighbour), Some(Action::Allow), "{neighbour:?}");
    }
}

#[test]
fn a_name_is_what_people_see() {
    const RULE: &str = "[[firewall]]\nname = \"cruise\"\nwhen = { display_name = \"free cruise\" }\naction = \"block\"\n\
         [[firewall]]\nname = \"dialler\"\nwhen = { user_agent = \"mass dialler\" }\naction = \"block\"\n";
    let call = |name: &str, agent: &str| {
        let from = format!("\"{name}\" <sip:+14045550166@h>;tag=f");
        Line::new(RULE).call(IN, DESK, &from, &format!("User-Agent: {agent}\r\n"))
    };
    for (name, agent, decision) in [
        ("free cruise", "x", Action::Block),
        ("free \\cruise", "x", Action::Block),
        ("\\f\\r\\e\\e cruise", "x", Action::Block),
        ("free\r\n cruise", "x", Action::Block),
        ("free\\\\ cruise", "x", Action::Allow),
        ("free  cruise", "x", Action::Allow),
        ("x", "mass\r\n\t dialler", Action::Block),
        ("x", "mass  dialler", Action::Allow),
    ] {
        assert_eq!(call(name, agent), Some(decision), "{name:?} {agent:?}");
    }
}

#[test]
fn a_priority_is_believed_of_trusted_peers_alone() {
    let priority = "Resource-Priority: wps.0\r\n";
    let call = |more: &str, ends| Line::new(more).call(ends, "sip:+19005550100@h", OWN, priority);
    assert_eq!(call(TRUNKS, OUT), Some(Action::Block));
    assert_eq!(call(TRUNKS, IN), Some(Action::Block));
    assert_eq!(call(&format!("{TRUNKS}trusted = [\"10.20.0.1\"]\n"), OUT), Some(Action::Allow));
}

#[test]
fn a_network_of_addresses_is_one_sender() {
    const TRIES: &str = "trunks = [\"2001:db8:7::/48\"]\n[[ips]]\nname = \"senders\"\ncount = \"attempts\"\nper = [\"source\"]\nwithin = \"1h\"\nwarning = 5\n";
    let tries = |network: &str| {
        let mut line = Line::new(TRIES);
        for host in 1..=6 {
            let source = format!("[{network}:{host}]:5060");
            line.call((&source, "[2001:db8:7::1]:5060"), DESK, "<sip:+14045550166@h>;tag=f", "");
        }
        line.breaches()
    };
    assert_eq!(tries("2001:db8:1:2:0:0:0"), 1);
    assert_eq!(tries("2001:db8:7:2:0:0:0"), 0, "the telephones of the customer are told apart");
}

#[test]
fn whom_the_customer_knows_may_end_calls_for_another() {
    const TEARDOWNS: &str = "trunks = [\"10.20.0.0/16\"]\ntrusted = [\"198.51.100.0/24\"]\n[[ips]]\nname = \"teardown\"\n\
         when = { flag = \"foreign-teardown\" }\ncount = \"attempts\"\nper = [\"source\"]\nwithin = \"1h\"\nwarning = 1\n";
    let ended_by = |source: &str| {
        let mut line = Line::new(TEARDOWNS);
        let from = "<sip:+14045550166@h>;tag=f";
        line.take(IN, &message(&format!("INVITE {DESK} SIP/2.0"), (1, 1, 1), "INVITE", from, ""));
        line.take(OUT, &message("SIP/2.0 200 OK", (1, 1, 1), "INVITE", from, ""));
        let bye = message(&format!("BYE {DESK} SIP/2.0"), (1, 2, 2), "BYE", from, "");
        line.take((source, INSIDE), &bye.replace("example.com>", "example.com>;tag=t"));
        line.breaches()
    };
    assert_eq!(ended_by(OUTSIDE), 0);
    assert_eq!(ended_by("198.51.100.9:5060"), 0, "another proxy of the trusted peer");
    assert_eq!(ended_by("10.20.0.9:5060"), 0, "another exchange of the customer");
    assert_eq!(ended_by("203.0.113.9:5060"), 1);
}
