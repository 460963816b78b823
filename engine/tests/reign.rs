//! Calls that are up while other policies are taken up.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by its panic what is wrong")]

use std::sync::Arc;

use ringwall_engine::{Budget, Engine, Packet, Succession};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Flags, Policy, Timestamp, Transport};

/// Refuses calls to `refused`, ends calls of a caller who has `calls_max` up.
fn policies(refused: &str, calls_max: u32) -> Arc<PolicySet> {
    let text = format!(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
         [[firewall]]\nname = \"to {refused}\"\nwhen = {{ called = \"{refused}\" }}\naction = \"block\"\n\
         [[ips]]\nname = \"many at once\"\ncount = \"concurrent\"\nper = \"caller\"\nwithin = \"1m\"\n\
         critical = {calls_max}\naction = {{ critical = \"terminate\" }}\n"
    );
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    Arc::new(PolicySet::new(vec![Policy::new(
        reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)),
    )]))
}

struct Line {
    engine: Engine,
    now: i64,
}

impl Line {
    fn new(policies: Arc<PolicySet>) -> Self {
        Self { engine: Engine::new(policies), now: 1_791_979_200 }
    }

    fn take(
        &mut self,
        first_line: &str,
        call: &str,
        cseq: &str,
        tags: (&str, &str),
        called: &str,
    ) -> Option<Action> {
        self.now += 1;
        let (outside, inside) = ("192.0.2.1:5060".parse().unwrap(), "198.51.100.1:5060".parse().unwrap());
        let is_response = first_line.starts_with("SIP");
        let message = format!(
            "{first_line}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{call}{}\r\nFrom: <sip:+13035550142@example.com>;tag={}\r\n\
             To: <sip:{called}@example.com>{}\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n",
            &cseq[..1],
            tags.0,
            tags.1
        );
        let handled = self.engine.handle(&Packet {
            at: Timestamp::from_seconds(self.now),
            source: if is_response { inside } else { outside },
            destination: if is_response { outside } else { inside },
            transport: Transport::Udp,
            payload: message.as_bytes(),
            flags: Flags::NONE,
        });
        handled.decision
    }

    fn invite(&mut self, call: &str, called: &str) -> Option<Action> {
        self.take(&format!("INVITE sip:{called}@example.com SIP/2.0"), call, "1 INVITE", ("f", ""), called)
    }

    fn answer(&mut self, call: &str, called: &str) {
        self.take("SIP/2.0 200 OK", call, "1 INVITE", ("f", ";tag=t"), called);
    }

    fn hang_up(&mut self, call: &str, called: &str) {
        self.take(&format!("BYE sip:{called}@example.com SIP/2.0"), call, "2 BYE", ("f", ";tag=t"), called);
    }

    /// Call-ID, verdict and version of each attempt that ended.
    fn ended(&mut self) -> Vec<(String, Action, String)> {
        let mut ended = Vec::new();
        while let Some(attempt) = self.engine.poll_ended() {
            let view = &attempt.views[0];
            let policy = attempt.policies().unwrap().policy(view.policy.unwrap() as usize).unwrap();
            let verdict = view.verdict.unwrap();
            let call_id = String::from_utf8_lossy(attempt.call_id()).into_owned();
            ended.push((call_id, verdict.action, policy.version().to_owned()));
        }
        ended
    }
}

const ONE: &str = "+12105550101";
const OTHER: &str = "+12105550102";

fn version(policies: &PolicySet) -> String {
    policies.policies()[0].version().to_owned()
}

#[test]
fn a_call_that_is_up_keeps_its_verdict_and_goes_on_to_count() {
    let (before, after) = (policies(ONE, 2), policies(OTHER, 2));
    let mut line = Line::new(Arc::clone(&before));
    assert_eq!(line.invite("first", OTHER), Some(Action::Allow));
    line.answer("first", OTHER);
    assert_eq!(line.engine.take_up(Arc::clone(&after), Budget::default()), Succession::Counters);
    assert_eq!(line.invite("second", ONE), Some(Action::Allow));
    line.answer("second", ONE);
    assert!(line.engine.poll_breach().is_some(), "two at once, whichever policies let them in");
    line.hang_up("first", OTHER);
    assert_eq!(line.ended(), [("first".to_owned(), Action::Terminate, version(&before))]);
}

#[test]
fn what_other_thresholds_count_begins_with_them() {
    let (before, after) = (policies(ONE, 2), policies(ONE, 3));
    let mut line = Line::new(Arc::clone(&before));
    for call in ["first", "second"] {
        line.invite(call, OTHER);
        line.answer(call, OTHER);
        if call == "first" {
            assert_eq!(line.engine.take_up(Arc::clone(&after), Budget::default()), Succession::Nothing);
        }
    }
    // The end of a call that was never counted takes nothing off.
    line.hang_up("first", OTHER);
    for call in ["third", "fourth"] {
        line.invite(call, OTHER);
        line.answer(call, OTHER);
    }
    assert!(line.engine.poll_breach().is_some(), "three are up that were counted");
    let ended = line.ended();
    assert_eq!(ended[0], ("first".to_owned(), Action::Allow, version(&before)));
}

#[test]
fn a_repeat_is_judged_by_one_version_whole_and_a_refused_one_stays_refused() {
    let (before, after) = (policies(ONE, 9), policies(OTHER, 9));
    let mut line = Line::new(Arc::clone(&before));
    assert_eq!(line.invite("refused", ONE), Some(Action::Block));
    assert_eq!(line.invite("passed", OTHER), Some(Action::Allow));
    line.engine.take_up(Arc::clone(&after), Budget::default());
    let again = |line: &mut Line, call: &str, called: &str| {
        line.take(&format!("INVITE sip:{called}@example.com SIP/2.0"), call, "2 INVITE", ("f", ""), called)
    };
    assert_eq!(again(&mut line, "refused", ONE), None, "what it was told before");
    assert_eq!(again(&mut line, "passed", OTHER), Some(Action::Block));
    line.engine.finish();
    let mut ended = line.ended();
    ended.sort();
    assert_eq!(ended[0], ("passed".to_owned(), Action::Block, version(&after)));
    assert_eq!(ended[1], ("refused".to_owned(), Action::Block, version(&before)));
}
