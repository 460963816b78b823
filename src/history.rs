//! Calls that were recorded: what a change would have done to them, and who is wanted.

use std::collections::HashMap;
use std::path::Path;

use cases::change::{Impact, Seen};
use engine::Question;
use records::io::{Store, Wanted as Looked};
use records::{Batch, Call, Column, Columns};
use reporter::backtest::{Against, Backtest, Options};
use rules::policy::{Customer, ExpectedCall, PolicySet, read_numbers};
use rules::{Action, Attestation, Direction, Policy, Timestamp};

use crate::backtest::enforce;
use crate::recorded::{Source, Wanted};
use crate::serve::RECORDS;

/// Recorded calls of one customer.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// In the order of their starts.
    batches: Vec<Batch>,
    /// Whole days that they span; 0 when there are none.
    days: u32,
}

impl History {
    /// The calls of `customer` in the records under `data`, of the last [`DAYS`] days. None, where none are kept.
    pub(crate) fn of(data: &Path, customer: &str, now: Timestamp) -> Self {
        let from = now.plus_micros(-i64::from(DAYS) * DAY_MICROS);
        let wanted = Wanted { customer, from, to: now, columns: Backtest::COLUMNS };
        let mut batches: Vec<Batch> = Vec::new();
        let mut rows = 0;
        let read = Source::Data(data).read(&wanted, &mut |batch| {
            rows += batch.len();
            batches.push(batch.clone());
            while rows > CALLS_MAX && batches.len() > 1 {
                rows -= batches.remove(0).len();
            }
        });
        if read.is_err() {
            return Self::default();
        }
        let first = batches.first().and_then(|batch| batch.start.first()).copied();
        let days = first.map_or(0, |first| now.micros_since(Timestamp(first)) / DAY_MICROS);
        Self { batches, days: u32::try_from(days).unwrap_or_default() }
    }

    /// What `candidate` would have blocked that `base` lets through, by the code that judges live, thresholds included; what is
    /// in shadow is taken as in force. Unknown with less than [`DAYS_MIN`] days of calls.
    pub(crate) fn impact(&self, base: Option<&Policy>, candidate: &Policy) -> Impact {
        let in_force = |policy: &Policy| {
            let mut text = policy.text().clone();
            enforce(&mut text);
            Policy::new(text)
        };
        let against = base.map_or(Against::Records, |base| Against::Policy(Box::new(in_force(base))));
        let mut backtest = Backtest::new(in_force(candidate), against, Options::default());
        self.batches.iter().for_each(|batch| backtest.take(batch));
        let found = backtest.finish();
        let blocked = || found.changes.iter().filter(|change| change.to == Action::Block.word());
        Impact {
            days: self.days,
            blocked: (self.days >= DAYS_MIN).then(|| blocked().map(|change| change.calls).sum()),
            wanted: blocked().map(|change| change.wanted).sum(),
            protected: found.protected.len() as u64,
            numbers: Vec::new(),
        }
    }

    /// Callers who were talked to for longer than a minute and that `policy` lets through, the most frequent first, each with
    /// whom they called: at most `count`, and none of `except`.
    pub(crate) fn wanted(&self, policy: &Policy, except: &[String], count: usize) -> Vec<(String, String)> {
        let mut calls: HashMap<String, (u32, Call)> = HashMap::new();
        for batch in &self.batches {
            for row in 0..batch.len() {
                let call = batch.call(row);
                if is_wanted(&call) && call.direction.is_none_or(|direction| direction == Direction::Inbound)
                {
                    calls.entry(call.caller.to_string()).or_insert((0, call)).0 += 1;
                }
            }
        }
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_by(|(one, (calls, _)), (other, (more, _))| more.cmp(calls).then_with(|| one.cmp(other)));
        let is_excepted = |caller: &str| {
            let digits = |number: &str| number.chars().filter(char::is_ascii_digit).collect::<String>();
            except.iter().any(|except| digits(except) == digits(caller))
        };
        let passes = |(caller, (_, call)): &(String, (u32, Call))| {
            !is_excepted(caller) && !is_blocked_by(policy, caller, call)
        };
        let wanted = calls.into_iter().filter(passes).take(count);
        wanted.map(|(caller, (_, call))| (caller, call.called.to_string())).collect()
    }
}

/// What the records under `data` tell of each of `numbers`, as `customer` writes them, as a caller of it (B-12).
pub(crate) fn seen(data: &Path, customer: &Customer, numbers: &[&str], now: Timestamp) -> Vec<Seen> {
    let (dial, customer) = (&customer.dial_plan, customer.name.as_str());
    let store = Store::open(data.join(RECORDS).as_path()).ok().filter(|_| data.join(RECORDS).is_dir());
    let during = now.plus_micros(-SEEN_DAYS * DAY_MICROS)..now;
    let first = store
        .as_ref()
        .and_then(|store| store.days(Some(customer), during.clone()).first().map(|it| it.first));
    let days = first.map_or(0, |first| (now.micros_since(first) / DAY_MICROS).clamp(1, SEEN_DAYS));
    let of_number = |number: &&str| {
        let days = u32::try_from(days).unwrap_or_default();
        let find = || {
            let caller = read_numbers(number, dial).ok()?.witness()?.value();
            let wanted = Looked { caller: Some(caller), called: None };
            let scan =
                store.as_ref()?.find(Some(customer), during.clone(), Columns::of(SEEN_COLUMNS), wanted);
            let (mut seen, mut called) = (Seen { days, ..Seen::default() }, HashMap::new());
            for batch in scan {
                // Of what cannot be read nobody says that there was nothing.
                add(&mut seen, &mut called, &batch.ok()?);
            }
            let mut called: Vec<_> = called.into_iter().collect();
            called.sort_by(|(one, calls), (other, more)| more.cmp(calls).then_with(|| one.cmp(other)));
            seen.called_others = called.len().saturating_sub(CALLED_SHOWN) as u64;
            seen.called = called.into_iter().take(CALLED_SHOWN).collect();
            Some(seen)
        };
        Seen { number: (*number).to_owned(), ..find().unwrap_or_default() }
    };
    numbers.iter().map(of_number).collect()
}

/// Counts the calls of a batch, and whom they called.
fn add(seen: &mut Seen, called: &mut HashMap<String, u64>, batch: &Batch) {
    for call in (0..batch.len()).map(|row| batch.call(row)).filter(Call::is_call) {
        seen.calls += 1;
        if let Some(talk) = call.talk_micros() {
            seen.answered += 1;
            seen.talk_seconds += u64::try_from(talk / 1_000_000).unwrap_or_default();
        }
        let is_unvouched = matches!(call.attestation, Some(Attestation::None | Attestation::Failed));
        seen.unvouched += u64::from(is_unvouched);
        *called.entry(call.called.to_string()).or_default() += 1;
    }
}

/// Counts for each of `seen` the policies of others than `customer` that refuse it, among those in force.
pub(crate) fn refused_by_others(policies: &PolicySet, customer: &str, seen: &mut [Seen], now: Timestamp) {
    for policy in policies.policies().iter().filter(|policy| policy.name() != customer) {
        let to = policy.text().customer.numbers.witness();
        let to = to.map_or_else(|| "anybody".to_owned(), |number| number.to_string());
        for seen in seen.iter_mut() {
            seen.refused_by += u32::from(refuses(policy, inbound(&seen.number, &to, now)));
        }
    }
}

fn is_wanted(call: &Call) -> bool {
    call.is_call() && call.talk_micros().is_some_and(|talk| talk > WANTED_MICROS)
}

/// As a test call asks: without what a record knows beside caller, called and source.
fn is_blocked_by(policy: &Policy, caller: &str, call: &Call) -> bool {
    let source = call.source.parse().ok().map(|address: std::net::IpAddr| (address, 0).into());
    refuses(policy, ExpectedCall { source, ..inbound(caller, &call.called.to_string(), call.start) })
}

fn inbound(from: &str, to: &str, at: Timestamp) -> ExpectedCall {
    ExpectedCall {
        from: from.to_owned(),
        to: to.to_owned(),
        direction: Some(Direction::Inbound),
        at: Some(at),
        ..ExpectedCall::default()
    }
}

fn refuses(policy: &Policy, call: ExpectedCall) -> bool {
    let at = call.at.unwrap_or_default();
    let verdict = Question::of_call(&call, at).verdict(policy);
    verdict.would.unwrap_or(verdict.action) == Action::Block
}

/// How far back calls are looked at.
const DAYS: u32 = 30;
/// With fewer days nobody knows what is usual.
const DAYS_MIN: u32 = 14;
/// The latest so many are looked at, some 1 KB each.
const CALLS_MAX: usize = 250_000;
/// Who is talked to for longer is wanted.
const WANTED_MICROS: i64 = 60_000_000;
/// How far back a number is looked for.
const SEEN_DAYS: i64 = 90;
/// Of whom it called, so many are named.
const CALLED_SHOWN: usize = 3;
const SEEN_COLUMNS: &[Column] = &[
    Column::Start,
    Column::Kind,
    Column::Caller,
    Column::Called,
    Column::CalledText,
    Column::AnsweredAfter,
    Column::EndedAfter,
    Column::Attestation,
];
const DAY_MICROS: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of a caller, `days` before `NOW`, talked for so many seconds.
    fn line(caller: &str, called: &str, days: i64, talk: Option<i64>, attestation: &str) -> String {
        let at = |seconds: i64| {
            let micros = NOW.0 - days * DAY_MICROS + seconds * 1_000_000;
            jiff::Timestamp::from_microsecond(micros).unwrap().to_string()
        };
        serde_json::json!({
            "call_id": format!("{caller}-{days}@example.com"), "kind": "call", "start": at(0), "customer": "Acme",
            "direction": "inbound", "caller": caller, "caller_kind": "number", "called": called, "called_kind": "number",
            "source": "192.0.2.1:5060", "attestation": attestation, "flags": [], "verdict": "allow", "call_type": "voice",
            "answered_at": talk.map(|_| at(5)), "ended_at": at(5 + talk.unwrap_or_default()),
        })
        .to_string()
    }

    fn policy(name: &str, rule: &str) -> Policy {
        let text = format!(
            "[customer]\nname = \"{name}\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n{rule}"
        );
        let read = rules::policy::read("acme.toml", &text, &rules::policy::MemoryFiles::new(), NOW);
        Policy::new(read.policy.unwrap_or_else(|| panic!("{:?}", read.diagnostics)))
    }

    #[test]
    fn b12_of_a_number_its_recorded_calls_are_told() {
        let data = std::env::temp_dir().join(format!("ringwall-seen-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        let customer = policy("Acme", "").text().customer.clone();
        let of = |numbers: &[&str]| seen(&data, &customer, numbers, NOW);
        assert_eq!(
            of(&["+13035550142"])[0].in_words(),
            "+13035550142: no calls are recorded yet that could tell of it."
        );
        let (wanted, other) = ("+13035550142", "+13035550143");
        let lines = [
            line(wanted, "+12105550100", 100, Some(9), "A"),
            line(other, "+12105550100", 80, Some(9), "A"),
            line(wanted, "+12105550100", 70, Some(31), "none"),
            line(wanted, "+12105550101", 3, None, "failed"),
            line(wanted, "+12105550101", 2, Some(62), "B"),
            line(wanted, "+12105550102", 1, None, "C"),
            line(wanted, "+12105550103", 1, None, "A"),
        ];
        let mut writer = records::io::Writer::open(data.join(RECORDS).as_path(), 0).unwrap();
        let mut intake = records::io::Intake::default();
        for line in &lines {
            intake.take(&Call::of_line(line.as_bytes()).unwrap(), &jiff::tz::TimeZone::UTC);
        }
        intake.write(&mut writer, 0, 7).unwrap();
        drop(writer);
        let told = of(&["(303) 555-0142", "+13035550199"]);
        assert_eq!(
            told[0],
            Seen {
                number: "(303) 555-0142".to_owned(),
                days: 80,
                calls: 5,
                answered: 2,
                talk_seconds: 93,
                called: vec![
                    ("+12105550101".to_owned(), 2),
                    ("+12105550100".to_owned(), 1),
                    ("+12105550102".to_owned(), 1)
                ],
                called_others: 1,
                unvouched: 2,
                refused_by: 0,
            }
        );
        assert!(told[0].may_be_borrowed());
        assert_eq!(told[1].in_words(), "+13035550199: never seen here in the last 80 days.");
        std::fs::remove_dir_all(&data).unwrap();
    }

    #[test]
    fn b12_of_others_only_how_many_refuse_a_number_is_told() {
        let block = "[[firewall]]\nname = \"unwanted\"\nwhen = { caller = \"+1 303 555 0142\" }\naction = \"block\"\n";
        let set = PolicySet::new(vec![policy("Acme", block), policy("Other", block), policy("Third", "")]);
        let mut seen = ["+13035550142", "+13035550143"]
            .map(|number| Seen { number: number.to_owned(), ..Seen::default() });
        refused_by_others(&set, "Acme", &mut seen, NOW);
        assert_eq!(seen.map(|seen| seen.refused_by), [1, 0]);
    }

    /// 2026-11-02, an ordinary Monday.
    const NOW: Timestamp = Timestamp(1_793_620_800_000_000);
}
