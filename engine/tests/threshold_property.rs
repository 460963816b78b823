//! Thresholds against a naive count: every metric and window, over random calls with retransmissions, a restart and a clock
//! that is set back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by its panic what is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use proptest::prelude::*;
use ringwall_engine::{Budget, Engine, Packet, StateError};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};

const SECOND: i64 = 1_000_000;
const START: i64 = 1_791_979_200 * SECOND;

/// What is counted, by which key, over how many seconds, with both limits.
#[derive(Clone, Copy, Debug)]
struct Rule {
    count: &'static str,
    per: &'static [&'static str],
    within: i64,
    warning: f64,
    critical: f64,
    more: &'static str,
}

const fn rule(
    count: &'static str,
    per: &'static [&'static str],
    within: i64,
    (warning, critical): (f64, f64),
    more: &'static str,
) -> Rule {
    Rule { count, per, within, warning, critical, more }
}

const RULES: &[Rule] = &[
    rule("attempts", &["caller"], 10, (2.0, 5.0), ""),
    rule("attempts", &["caller", "called"], 60, (2.0, 4.0), ""),
    rule("attempts", &[], 30, (10.0, 25.0), ""),
    rule("attempts", &["called"], 300, (3.0, 9.0), "when = { caller = \"+12125550101\" }"),
    rule("repeats", &["caller"], 120, (2.0, 5.0), ""),
    rule("distinct called", &["caller"], 60, (2.0, 5.0), ""),
    rule("distinct caller", &["called"], 45, (2.0, 4.0), ""),
    rule("sequential called", &["caller"], 120, (2.0, 4.0), "gap = 2"),
    rule("answered", &["caller"], 90, (2.0, 4.0), ""),
    rule("failed", &["called"], 90, (2.0, 4.0), ""),
    rule("busy", &[], 20, (2.0, 4.0), ""),
    rule("cancelled", &["caller"], 200, (2.0, 3.0), ""),
    rule("not found", &["caller"], 200, (2.0, 3.0), ""),
    rule("one ring", &["caller"], 200, (1.0, 3.0), "shorter_than = \"4s\""),
    rule("answer ratio", &["caller"], 100, (0.5, 0.8), "at_least = 3"),
    rule("short calls", &["caller"], 100, (2.0, 3.0), "shorter_than = \"6s\""),
    rule("short ratio", &["called"], 200, (0.4, 0.7), "at_least = 2\nshorter_than = \"6s\""),
    rule("mean duration", &["caller"], 200, (10.0, 15.0), "at_least = 2"),
    rule("concurrent", &["caller"], 10, (2.0, 4.0), ""),
    rule("attempts", &["caller"], 80, (2.0, 4.0), "outcome = [\"short\", \"busy\"]\nshorter_than = \"6s\""),
    rule("distinct called", &["caller"], 80, (2.0, 4.0), "outcome = [\"answered\"]"),
];

fn policy() -> Policy {
    let mut text = String::from(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 01xx\"]\n\
         trunks = [\"10.20.0.0/16\"]\nresponse = { list = 603, threshold = 603 }\n",
    );
    for (index, rule) in RULES.iter().enumerate() {
        text += &format!(
            "[[ips]]\nname = \"{index}\"\ncount = \"{}\"\nper = {:?}\nwithin = \"{}s\"\nwarning = {:?}\ncritical = {:?}\n\
             cool_down = \"1s\"\nclear = 1.0\n{}\n",
            rule.count, rule.per, rule.within, rule.warning, rule.critical, rule.more
        );
    }
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)))
}

/// One call as it happens.
#[derive(Clone, Copy, Debug)]
struct Call {
    start: i64,
    caller: u32,
    called: u32,
    fate: Fate,
    /// From INVITE to the final response.
    ring: i64,
    /// Whether everything is sent twice.
    twice: bool,
    /// When the clock is set back: from there on everything happens, and counts, so much later.
    step: i64,
}

/// What passes, by the time of counters, while the clock is set back.
const STEP: i64 = 2 * SECOND;

/// When that counts which happens at `at` of a run in which the clock is set back at `step`.
fn counted(at: i64, step: i64) -> i64 {
    if at < step { at } else { at + STEP }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Answered(i64),
    Refused(u16),
    Cancelled,
}

impl Call {
    /// When it began, by the time of counters; so of all that follows.
    fn begin(&self) -> i64 {
        counted(self.start, self.step)
    }

    fn rang(&self) -> i64 {
        counted(self.start + 1, self.step)
    }

    fn last(&self) -> i64 {
        counted(self.start + self.ring, self.step)
    }

    fn end(&self) -> i64 {
        let talk = if let Fate::Answered(talk) = self.fate { talk } else { 0 };
        counted(self.start + self.ring + talk, self.step)
    }

    fn talk(&self) -> i64 {
        self.end() - self.last()
    }

    fn message(&self, id: usize, line: &str, method: &str, tagged: bool) -> String {
        let tag = if tagged { ";tag=b" } else { "" };
        format!(
            "{line}\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{id}\r\nFrom: <sip:+12125550{:03}@192.0.2.7>;tag=a{id}\r\n\
             To: <sip:+12105550{:03}@10.20.0.1>{tag}\r\nCall-ID: call-{id}\r\nCSeq: {} {method}\r\nMax-Forwards: 70\r\n\
             Content-Length: 0\r\n\r\n",
            100 + self.caller,
            100 + self.called,
            if method == "BYE" { 2 } else { 1 },
        )
    }

    /// Its messages: when, whether by the caller, which.
    fn messages(&self, id: usize) -> Vec<(i64, bool, String)> {
        let uri = format!("sip:+12105550{:03}@10.20.0.1", 100 + self.called);
        let invite =
            |method: &str| self.message(id, &format!("{method} {uri} SIP/2.0"), method, method == "BYE");
        let answer = |status: u16| self.message(id, &format!("SIP/2.0 {status} X"), "INVITE", true);
        let last = self.start + self.ring;
        let mut all = vec![(self.start, true, invite("INVITE")), (self.start + 1, false, answer(180))];
        match self.fate {
            Fate::Answered(talk) => {
                all.push((last, false, answer(200)));
                all.push((last + talk, true, invite("BYE")));
            }
            Fate::Refused(status) => all.push((last, false, answer(status))),
            Fate::Cancelled => {
                all.push((last, true, invite("CANCEL")));
                all.push((last, false, answer(487)));
            }
        }
        if self.twice {
            all = all
                .iter()
                .flat_map(|(at, by, text)| [(*at, *by, text.clone()), (at + 7, *by, text.clone())])
                .collect();
        }
        all
    }

    fn key(&self, per: &[&str]) -> Vec<u32> {
        per.iter().map(|part| if *part == "caller" { self.caller } else { 1_000 + self.called }).collect()
    }

    fn is_short(&self) -> bool {
        matches!(self.fate, Fate::Answered(_)) && self.talk() < 6 * SECOND
    }

    /// When `rule` takes it into account, if ever; of `concurrent` its beginning and its end.
    fn moments(&self, rule: &Rule) -> Vec<i64> {
        let fits = match (rule.count, self.fate) {
            ("concurrent", _) => return vec![self.begin(), self.end()],
            ("attempts", _) if rule.more.starts_with("when") => self.caller == 1,
            ("answered", fate) => matches!(fate, Fate::Answered(_)),
            ("failed", fate) => matches!(fate, Fate::Refused(_)),
            ("busy", fate) => matches!(fate, Fate::Refused(486 | 600)),
            ("cancelled", fate) => fate == Fate::Cancelled,
            ("not found", fate) => fate == Fate::Refused(404),
            ("one ring", fate) => fate == Fate::Cancelled && self.last() - self.rang() < 4 * SECOND,
            ("short calls", _) => self.is_short(),
            ("short ratio" | "mean duration", fate) => matches!(fate, Fate::Answered(_)),
            _ => true,
        };
        let outcome = match rule.more {
            more if more.starts_with("outcome = [\"short\"") => {
                self.is_short() || matches!(self.fate, Fate::Refused(486 | 600))
            }
            more if more.starts_with("outcome = [\"answered\"") => matches!(self.fate, Fate::Answered(_)),
            _ => true,
        };
        let at = match rule.count {
            _ if rule.more.starts_with("outcome") => self.end(),
            "answered" | "failed" | "busy" | "cancelled" | "not found" | "one ring" | "answer ratio" => {
                self.last()
            }
            "short calls" | "short ratio" | "mean duration" => self.end(),
            _ => self.begin(),
        };
        if fits && outcome { vec![at] } else { Vec::new() }
    }
}

/// The value of `rule` for `key` at `now`, from all calls.
fn naive(rule: &Rule, calls: &[Call], key: &[u32], now: i64) -> Option<f64> {
    if rule.count == "concurrent" {
        let up =
            calls.iter().filter(|call| call.key(rule.per) == key && call.begin() <= now && now < call.end());
        return Some(up.count() as f64);
    }
    let mut counted: Vec<&Call> = calls
        .iter()
        .filter(|call| call.key(rule.per) == key)
        .filter(|call| call.moments(rule).iter().any(|at| *at > now - rule.within * SECOND && *at <= now))
        .collect();
    counted.sort_by_key(|call| call.moments(rule));
    let share = |hits: usize| hits as f64 / counted.len().max(1) as f64;
    let talk = |call: &&Call| call.talk();
    let (value, at_least) = match rule.count {
        "repeats" => {
            // The pair that this event belongs to.
            (counted.len() as f64, 1)
        }
        "distinct called" => {
            (counted.iter().map(|call| call.called).collect::<BTreeSet<_>>().len() as f64, 1)
        }
        "distinct caller" => {
            (counted.iter().map(|call| call.caller).collect::<BTreeSet<_>>().len() as f64, 1)
        }
        "sequential called" => {
            let numbers: BTreeSet<u32> = counted.iter().map(|call| call.called).collect();
            let (mut best, mut run, mut last) = (0, 0, None);
            for number in numbers {
                run = if last.is_some_and(|last: u32| number - last <= 2) { run + 1 } else { 1 };
                (best, last) = (best.max(run), Some(number));
            }
            (f64::from(best), 1)
        }
        "answer ratio" => {
            (share(counted.iter().filter(|call| matches!(call.fate, Fate::Answered(_))).count()), 3)
        }
        "short ratio" => (share(counted.iter().filter(|call| call.is_short()).count()), 2),
        "mean duration" => {
            (counted.iter().map(talk).sum::<i64>() as f64 / counted.len().max(1) as f64 / 1e6, 2)
        }
        _ => (counted.len() as f64, 1),
    };
    (counted.len() >= at_least).then_some(value)
}

/// Every breach that the naive count finds: when, which rule, level, key, value.
fn expected(calls: &[Call]) -> BTreeSet<(i64, usize, bool, Vec<u32>, String)> {
    let mut found = BTreeSet::new();
    for (index, rule) in RULES.iter().enumerate() {
        let per: Vec<&str> =
            if rule.count == "repeats" { vec!["caller", "called"] } else { rule.per.to_vec() };
        let rule = Rule { per: Vec::leak(per), ..*rule };
        let mut moments: BTreeMap<Vec<u32>, BTreeSet<i64>> = BTreeMap::new();
        for call in calls {
            let key = moments.entry(call.key(rule.per)).or_default();
            key.extend(call.moments(&rule));
        }
        for (key, moments) in moments {
            let (mut level, mut told) = (0, [i64::MIN / 2; 3]);
            for at in moments {
                let level_of = |value: Option<f64>| {
                    value.map_or(0, |v| if v >= rule.critical { 2 } else { usize::from(v >= rule.warning) })
                };
                // What has fallen since the last event is armed again.
                let before: Vec<Call> =
                    calls.iter().filter(|call| !call.moments(&rule).contains(&at)).copied().collect();
                if rule.count != "concurrent" {
                    level = level.min(level_of(naive(&rule, &before, &key, at)));
                }
                let value = naive(&rule, calls, &key, at);
                let reached = level_of(value);
                if reached > level && at - told[reached] >= SECOND {
                    told[reached] = at;
                    found.insert((
                        at,
                        index,
                        reached == 2,
                        key.clone(),
                        format!("{:.4}", value.unwrap_or_default()),
                    ));
                }
                level = reached;
            }
        }
    }
    found
}

/// The same by the engine. Levels are looked at between events as well; that changes nothing that is told, since a
/// value can only fall there.
fn measured(calls: &[Call], restart: usize, back: i64) -> BTreeSet<(i64, usize, bool, Vec<u32>, String)> {
    let mut engine = Engine::new(Arc::new(PolicySet::new(vec![policy()])));
    let mut messages: Vec<(i64, bool, String)> =
        calls.iter().enumerate().flat_map(|(id, call)| call.messages(id)).collect();
    messages.sort_by_key(|(at, _, _)| *at);
    let mut found = BTreeSet::new();
    let (mut before, mut is_set_back) = (0, false);
    let (outside, inside) =
        (SocketAddr::from(([192, 0, 2, 7], 5060)), SocketAddr::from(([10, 20, 0, 1], 5060)));
    for (index, (at, by_caller, text)) in messages.iter().enumerate() {
        if index == restart {
            let state = engine.snapshot();
            engine = Engine::restore(engine.policies(), Budget::default(), &state).unwrap();
        }
        let (source, destination) = if *by_caller { (outside, inside) } else { (inside, outside) };
        let mut take = |at: i64, text: &str| {
            let (at, transport, payload) = (Timestamp(START + at), Transport::Udp, text.as_bytes());
            engine.handle(&Packet { at, source, destination, transport, payload, flags: Flags::NONE });
        };
        let step = calls.first().map_or(i64::MAX, |call| call.step);
        if *at >= step && !std::mem::replace(&mut is_set_back, true) {
            // What nobody counts comes just before the clock is set, and just after for as long as it takes to believe that it
            // was set: one late message, and silence until the old time is over, would be no more than a late message.
            let ping = |id: i64| {
                format!(
                    "OPTIONS sip:+12105550100@10.20.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKo{id}\r\nFrom: <sip:+12125550100@192.0.2.7>;tag=o\r\nTo: <sip:+12105550100@10.20.0.1>\r\nCall-ID: o{id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                )
            };
            take(before, &ping(0));
            take(before - back, &ping(1));
            take(before - back + SECOND, &ping(2));
        }
        before = *at;
        let set_back = if is_set_back { back } else { 0 };
        take(counted(*at, step) - set_back, text);
        while engine.poll_ended().is_some() {}
        while let Some(breach) = engine.poll_breach() {
            let digits = |text: &String| text[text.len() - 2..].parse::<u32>().unwrap();
            let key = breach
                .key
                .iter()
                .map(|(name, text)| digits(text) + if *name == "called" { 1_000 } else { 0 });
            let value = format!("{:.4}", breach.value);
            found.insert((
                breach.at.0 - START + set_back,
                breach.threshold.0 as usize,
                breach.critical,
                key.collect(),
                value,
            ));
        }
    }
    found
}

type Told = Vec<(i64, usize, bool, Vec<u32>, String)>;

/// What the engine does not tell, and what only the engine tells.
fn differences(calls: &[Call], restart: usize, back: i64) -> (Told, Told) {
    let (expected, measured) = (expected(calls), measured(calls, restart, back));
    let without = |one: &BTreeSet<_>, other| one.difference(other).cloned().collect();
    (without(&expected, &measured), without(&measured, &expected))
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let fate = prop_oneof![
        (1i64..30).prop_map(|talk| Fate::Answered(talk * SECOND)),
        prop_oneof![Just(486u16), Just(404), Just(503), Just(600)].prop_map(Fate::Refused),
        Just(Fate::Cancelled),
    ];
    let call = (0i64..400, 0u32..3, 0u32..7, fate, 1i64..8, any::<bool>());
    prop::collection::vec(call, 1..60).prop_map(|calls| {
        let mut calls: Vec<Call> = calls
            .into_iter()
            .enumerate()
            // No two things happen in the same microsecond.
            .map(|(index, (start, caller, called, fate, ring, twice))| Call {
                start: start * SECOND + index as i64 * 16 * 1_000,
                caller,
                called,
                fate,
                ring: ring * SECOND + index as i64,
                twice,
                step: i64::MAX,
            })
            .collect();
        calls.sort_by_key(|call| call.start);
        calls
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_metric_is_the_naive_count_even_over_a_restart(calls in calls(), restart in 0usize..300) {
        let (missing, extra) = differences(&calls, restart, 0);
        prop_assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
    }

    #[test]
    fn every_metric_is_the_naive_count_though_the_clock_is_set_back(
        calls in calls(),
        restart in 0usize..300,
        step in 1i64..430,
        back in prop_oneof![30i64..7_200, 30i64..200_000],
    ) {
        let calls: Vec<Call> = calls.iter().map(|call| Call { step: step * SECOND, ..*call }).collect();
        let (missing, extra) = differences(&calls, restart, back * SECOND);
        prop_assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
    }
}

#[test]
fn a_state_that_is_cut_changed_or_of_other_policies_is_refused() {
    let policies = Arc::new(PolicySet::new(vec![policy()]));
    let state = Engine::new(Arc::clone(&policies)).snapshot();
    let restore = |policies: &Arc<PolicySet>, state: &[u8]| {
        Engine::restore(Arc::clone(policies), Budget::default(), state).err()
    };
    assert_eq!(restore(&policies, &state), None);
    for cut in (0..state.len()).step_by(997).chain([16, 17, 48, 49, 80, 81, state.len() - 1]) {
        assert!(restore(&policies, &state[..cut]).is_some(), "cut at {cut}");
    }
    let mut changed = state.clone();
    for place in (17..state.len()).step_by(997) {
        changed[place] ^= 1;
        assert!(restore(&policies, &changed).is_some(), "changed at {place}");
        changed[place] ^= 1;
    }
    assert_eq!(restore(&Arc::new(PolicySet::new(Vec::new())), &state), Some(StateError::OtherPolicies));
    assert_eq!(restore(&policies, b"something else"), Some(StateError::Foreign));
}
