//! Counters while the clock of the machine is set, and while very many callers talk.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by its panic what is wrong")]

use std::net::SocketAddr;
use std::sync::Arc;

use ringwall_engine::{Breach, Budget, Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Flags, Policy, Timestamp, Transport};

const CUSTOMER: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\n\
                        numbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\nresponse = { list = 603, threshold = 603 }\n";
/// Monday, 12:00 UTC.
const BEGIN: i64 = 1_791_979_200;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

struct Line {
    engine: Engine,
    calls: u64,
}

impl Line {
    fn new(thresholds: &str, budget: Budget) -> Self {
        let text = format!("{CUSTOMER}{thresholds}");
        let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
        let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)));
        let mut engine = Engine::with_budget(Arc::new(PolicySet::new(vec![policy])), budget);
        engine.leave_out_others();
        Self { engine, calls: 0 }
    }

    fn take(&mut self, second: i64, start: &str, (call, caller): (u64, u64), cseq: &str) -> Option<Action> {
        let [outside, inside] =
            ["192.0.2.7:5060", "10.20.0.1:5060"].map(|it| it.parse::<SocketAddr>().unwrap());
        let is_response = start.starts_with("SIP");
        let tag = if cseq == "1 INVITE" && !is_response { "" } else { ";tag=t" };
        let message = format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{call}{}\r\nFrom: <sip:+{caller}@192.0.2.7>;tag={call}\r\n\
             To: <sip:+12105550100@10.20.0.1>{tag}\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n",
            cseq.len()
        );
        let handled = self.engine.handle(&Packet {
            at: Timestamp::from_seconds(second),
            source: if is_response { inside } else { outside },
            destination: if is_response { outside } else { inside },
            transport: Transport::Udp,
            payload: message.as_bytes(),
            flags: Flags::NONE,
        });
        while self.engine.poll_ended().is_some() {}
        handled.decision
    }

    /// A call of `caller`; its number, and whether it goes on.
    fn call(&mut self, second: i64, caller: u64) -> (u64, bool) {
        self.calls += 1;
        let call = self.calls;
        let decision =
            self.take(second, "INVITE sip:+12105550100@10.20.0.1 SIP/2.0", (call, caller), "1 INVITE");
        (call, decision == Some(Action::Allow))
    }

    fn answer(&mut self, second: i64, call: u64, caller: u64) {
        self.take(second, "SIP/2.0 200 OK", (call, caller), "1 INVITE");
    }

    fn hang_up(&mut self, second: i64, call: u64, caller: u64) {
        self.take(second, "BYE sip:+12105550100@10.20.0.1 SIP/2.0", (call, caller), "2 BYE");
    }

    fn breaches(&mut self) -> Vec<Breach> {
        std::iter::from_fn(|| self.engine.poll_breach()).collect()
    }
}

const PATTERN: &str = "[[ips]]\nname = \"five in ten seconds\"\ncount = \"attempts\"\nper = [\"caller\"]\nwithin = \"10s\"\n\
                       critical = 5\naction = { critical = { block = \"10m\" } }\n\
                       [[ips]]\nname = \"talks a lot\"\ncount = \"minutes\"\nper = [\"caller\"]\nwithin = \"2h\"\ncritical = 60\n\
                       [[ips]]\nname = \"short ones\"\ncount = \"short calls\"\nper = [\"caller\"]\nwithin = \"2h\"\ncritical = 2\n";

#[test]
fn a_clock_that_is_set_back_stops_nobody_and_time_goes_on() {
    for back in [5 * MINUTE, HOUR, 30 * HOUR] {
        let mut line = Line::new(PATTERN, Budget::default());
        let innocent = 13_035_550_142;
        // A call a minute, before and after the clock was set back; one of them talks meanwhile.
        let (talking, _) = line.call(BEGIN, innocent);
        line.answer(BEGIN, talking, innocent);
        for minute in 1..20 {
            assert!(line.call(BEGIN + minute * MINUTE, innocent).1);
        }
        let begin = BEGIN + 20 * MINUTE - back;
        for minute in 0..90 {
            assert!(line.call(begin + minute * MINUTE, innocent).1, "{minute} minutes after {back} s back");
            if minute == 20 {
                line.hang_up(begin + minute * MINUTE, talking, innocent);
            }
        }
        let breaches = line.breaches();
        assert!(breaches.is_empty(), "{back}: {breaches:?}");
        // Who does what is not allowed is found, is told with the time of the wall, and held off for as long as was said.
        let (at, offender) = (begin + 90 * MINUTE, 13_035_550_166);
        let goes_on: Vec<_> = (0..6).map(|second| line.call(at + second, offender).1).collect();
        assert_eq!(goes_on, [true, true, true, true, false, false], "{back}");
        let breaches = line.breaches();
        assert_eq!(breaches.len(), 1, "{back}: {breaches:?}");
        assert_eq!(breaches[0].at, Timestamp::from_seconds(at + 4));
        assert_eq!(breaches[0].until, Some(Timestamp::from_seconds(at + 4 + 10 * MINUTE)));
        // Set back once more, while the block holds.
        let again = at + 10 - back;
        assert!(!line.call(again, offender).1);
        assert!(!line.call(again + 2, offender).1);
        assert!(!line.call(again + 9 * MINUTE, offender).1);
        assert!(line.call(again + 11 * MINUTE, offender).1, "{back}: a block of ten minutes is over");
        assert!(line.call(again + 11 * MINUTE, innocent).1);
    }
}

const TALKS: &str = "[[ips]]\nname = \"talks a lot\"\ncount = \"minutes\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 100\n\
                     [[ips]]\nname = \"many at once\"\ncount = \"concurrent\"\nper = [\"caller\"]\nwithin = \"1h\"\nwarning = 20\n";

#[test]
fn callers_who_talk_take_no_more_memory_than_counters_may() {
    let budget = Budget { keys_max: 1 << 12, window_bytes_max: 8 << 20 };
    let mut line = Line::new(TALKS, budget);
    let heavy = 13_125_550_100;
    let mut most_bytes = 0;
    for number in 0..60_000 {
        let caller = 491_510_000_000 + number;
        let second = BEGIN + number as i64 / 100;
        let (call, goes_on) = line.call(second, caller);
        assert!(goes_on, "{number}");
        line.answer(second, call, caller);
        if number % 2_000 == 0 {
            let (call, _) = line.call(second, heavy);
            line.answer(second, call, heavy);
        }
        most_bytes = most_bytes.max(line.engine.counter_bytes());
    }
    assert!(
        most_bytes <= budget.bytes_max() + budget.bytes_max() / 20,
        "{most_bytes} of {}",
        budget.bytes_max()
    );
    assert!(line.engine.counter_losses().keys_forgotten > 10_000, "{:?}", line.engine.counter_losses());
    // Thirty calls that nobody hung up, among sixty thousand of strangers, who are no reason for anything.
    let breaches = line.breaches();
    assert!(!breaches.is_empty());
    for breach in &breaches {
        assert_eq!(breach.key, [("caller", format!("+{heavy}"))], "{breach:?}");
    }
    assert!(breaches.iter().any(|breach| breach.value == 20.0), "{breaches:?}");
}
