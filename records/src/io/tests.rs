//! Rows that are written come back; what is not whole is found out.

use jiff::civil::date;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use rules::{Action, Attestation, Direction, Timestamp};

use super::file_reader::FileReader;
use super::place::Place;
use super::*;
use crate::invented::Invented;
use crate::{Batch, Call, Column, Columns, HungUp, Party, PartyKind};

/// A folder that goes when it is dropped.
pub(crate) struct Scratch(std::path::PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("records-{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,3}", "\\PC{0,40}", Just("x".repeat(3_000))]
}

fn word() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), "[a-z]{1,2}".prop_map(Some), "\\PC{1,20}".prop_map(Some)]
}

fn after() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![Just(None), (-5_i64..100_000_000).prop_map(Some), (i64::MIN + 1..=i64::MAX).prop_map(Some)]
}

fn party() -> impl Strategy<Value = Party> {
    let number = prop_oneof![1_u64..50, 1_u64..999_999_999_999_999, Just(u64::MAX)];
    prop_oneof![
        (number, prop_oneof![Just(String::new()), Just("+0123".to_owned())])
            .prop_map(|(number, text)| Party { kind: PartyKind::Number, number, text }),
        (prop::sample::select(PartyKind::ALL), text())
            .prop_filter("a number has digits", |(kind, _)| *kind != PartyKind::Number)
            .prop_map(|(kind, text)| Party { kind, number: 0, text }),
    ]
}

pub(crate) fn call() -> impl Strategy<Value = Call> {
    const ACTIONS: &[Action] =
        &[Action::Allow, Action::Block, Action::Tag, Action::Limit, Action::Divert, Action::Terminate];
    let action = prop::sample::select(ACTIONS);
    let who = (party(), party(), "[a-f0-9:.]{1,12}", word(), word(), word());
    let when = (0_i64..86_400_000_000, after(), after(), after());
    let what = (
        action.clone(),
        prop::option::of(action),
        word(),
        prop::option::of(100_u16..700),
        prop::option::of(100_u16..700),
        prop::option::of(prop::sample::select([HungUp::Caller, HungUp::Called].as_slice())),
    );
    let more = (
        prop::option::of(prop::sample::select(Direction::ALL)),
        prop::option::of(prop::sample::select(
            [Attestation::Full, Attestation::None, Attestation::Failed].as_slice(),
        )),
        prop_oneof![Just(String::new()), Just("bad-utf8 dup-single-header".to_owned())],
        word(),
        word(),
        text(),
    );
    (who, when, what, more).prop_map(|(who, when, what, more)| Call {
        start: Timestamp(when.0),
        kind: "call".to_owned(),
        customer: None,
        direction: more.0,
        caller: who.0,
        called: who.1,
        source: who.2,
        verdict: what.0,
        would: what.1,
        rule: what.2,
        action_status: what.3,
        status: what.4,
        rang_after: when.1,
        answered_after: when.2,
        ended_after: when.3,
        hung_up: what.5,
        attestation: more.1,
        flags: more.2,
        call_type: "voice".to_owned(),
        policy: more.3,
        call_id: who.3,
        display_name: who.4,
        user_agent: who.5,
        reason: more.4,
        more: more.5,
    })
}

pub(crate) fn batch(calls: &[Call]) -> Batch {
    let mut batch = Batch::new(Columns::ALL);
    calls.iter().for_each(|call| batch.push(call));
    batch
}

pub(crate) const ALWAYS: std::ops::Range<Timestamp> = Timestamp(i64::MIN)..Timestamp(i64::MAX);

fn part(calls: &[Call]) -> Part {
    Part { customer: Some("acme".to_owned()), day: date(1970, 1, 1), rows: batch(calls) }
}

pub(crate) fn all(store: &Store, customer: Option<&str>) -> Vec<Call> {
    let mut calls = Vec::new();
    for rows in store.scan(customer, ALWAYS, Columns::ALL) {
        let rows = rows.unwrap();
        calls.extend((0..rows.len()).map(|row| rows.call(row)));
    }
    calls
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again_in_order(
        first in prop::collection::vec(call(), 1..60),
        second in prop::collection::vec(call(), 0..60),
        asked in (0_i64..86_400_000_000, 0_i64..86_400_000_000),
    ) {
        let scratch = Scratch::new("round");
        let mut writer = Writer::open(scratch.path(), 0).unwrap();
        writer.append(vec![part(&first)], 0, (1, 0)).unwrap();
        writer.append(vec![part(&second)], 0, (2, 0)).unwrap();
        let store = Store::open(scratch.path()).unwrap();
        prop_assert_eq!(store.position(), 2);
        let mut expected = [first, second].concat();
        expected.sort_by_key(|call| call.start);
        prop_assert_eq!(&all(&store, Some("acme")), &expected);
        // A part of it, of one caller, with two columns.
        let during = Timestamp(asked.0.min(asked.1))..Timestamp(asked.0.max(asked.1));
        let caller = expected[0].caller.number;
        let wanted = Wanted { caller: Some(caller), called: None };
        let columns = Columns::of(&[Column::Called, Column::Rule]);
        let mut found = Vec::new();
        for rows in store.find(Some("acme"), during.clone(), columns, wanted) {
            let rows = rows.unwrap();
            assert_eq!(rows.columns, columns);
            assert!(rows.start.is_empty() && rows.caller.is_empty());
            found.extend((0..rows.len()).map(|row| (rows.called[row], rows.rule.get(row).map(str::to_owned))));
        }
        let expected: Vec<_> = expected
            .iter()
            .filter(|call| during.contains(&call.start) && call.caller.number == caller)
            .map(|call| (call.called.number, call.rule.clone()))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_file_that_is_not_whole_is_an_error_and_nothing_worse(
        calls in prop::collection::vec(call(), 1..20),
        cut in 0.0_f64..1.0,
        flips in prop::collection::vec((0.0_f64..1.0, 1_u8..=255), 0..4),
    ) {
        let scratch = Scratch::new("torn");
        let mut writer = Writer::open(scratch.path(), 0).unwrap();
        writer.append(vec![part(&calls)], 0, (1, 0)).unwrap();
        let store = writer.store();
        let path = scratch.path().join(&store.entries().next().unwrap().file);
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        for (at, flip) in &flips {
            let at = (*at * bytes.len() as f64) as usize;
            bytes[at] ^= flip;
        }
        if flips.is_empty() {
            bytes.truncate((cut * bytes.len() as f64) as usize);
        }
        std::fs::write(&path, &bytes).unwrap();
        let read: Result<Vec<Batch>, Error> = store.scan(Some("acme"), ALWAYS, Columns::ALL).collect();
        if flips.is_empty() {
            assert!(matches!(read, Err(Error::Damaged(..))), "{read:?}");
        }
        // Whatever is read of it, what is left of it is found out by its sum.
        assert!(bytes == whole || verify::check(&Place::folder(scratch.path()), store.entries().next().unwrap()).is_err());
    }
}

/// What a file says of itself stands at its end: each byte of it wrong in turn, by its least, its greatest and all bits.
#[test]
fn a_file_that_says_something_wrong_of_itself_is_an_error_and_nothing_worse() {
    let scratch = Scratch::new("footer");
    let mut writer = Writer::open(scratch.path(), 0).unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let calls: Vec<Call> = (0..3).map(|_| call().new_tree(&mut runner).unwrap().current()).collect();
    writer.append(vec![part(&calls)], 0, (1, 0)).unwrap();
    let store = writer.store();
    let path = scratch.path().join(&store.entries().next().unwrap().file);
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    let footer = u32::from_le_bytes(bytes[length - 8..length - 4].try_into().unwrap()) as usize;
    assert!(footer > 1_000 && footer + 8 < length);
    let caller = Wanted { caller: Some(calls[0].caller.number), called: None };
    let mut errors = 0;
    for at in length - 8 - footer..length {
        for flip in [1, 0x80, 0xff] {
            bytes[at] ^= flip;
            std::fs::write(&path, &bytes).unwrap();
            let all: Result<Vec<Batch>, Error> = store.scan(Some("acme"), ALWAYS, Columns::ALL).collect();
            let found: Result<Vec<Batch>, Error> =
                store.find(Some("acme"), ALWAYS, Columns::ALL, caller).collect();
            errors += usize::from(all.is_err()) + usize::from(found.is_err());
            bytes[at] ^= flip;
        }
    }
    assert!(errors > footer, "{errors} of {footer} bytes");
}

/// Of callers who call all day, once, and never; of columns with a dictionary and without, in several row groups.
#[test]
fn one_number_is_found_as_among_all_rows() {
    let zone = jiff::tz::TimeZone::UTC;
    let invented =
        Invented { seed: 11, rows_per_day: ROWS_OF_GROUP as u64 * 5 / 4, zone, columns: Columns::ALL };
    let day = date(2026, 3, 11);
    let mut rows = Batch::new(Columns::ALL);
    invented.day(day, usize::MAX, |batch| rows = batch);
    // Hardly two of the first rows have the same called number: that column gets no dictionary.
    rows.called.iter_mut().zip(0..).filter(|(_, row)| row % 5 > 0).for_each(|(called, row)| *called += row);
    let scratch = Scratch::new("one");
    let mut writer = Writer::open(scratch.path(), 0).unwrap();
    let part = Part { customer: Some("acme".to_owned()), day, rows: rows.clone() };
    writer.append(vec![part], 0, (1, 0)).unwrap();
    let store = writer.store();
    let columns = Columns::of(&[Column::Start, Column::Caller, Column::AnsweredAfter, Column::Source]);
    let told = |batch: &Batch, row: usize| {
        let source = batch.source.get(row).map(str::to_owned);
        (batch.start[row], batch.caller[row], batch.answered_after[row], source)
    };
    let callers =
        [rows.caller[0], rows.caller[77], *rows.caller.last().unwrap(), 1, 0].map(|it| (Some(it), None));
    let called =
        [rows.called[0], rows.called[78], *rows.called.last().unwrap(), 2].map(|it| (None, Some(it)));
    let both = (Some(rows.caller[5]), Some(rows.called[5]));
    let mut found_all = 0;
    for (caller, called) in callers.into_iter().chain(called).chain([both]) {
        let mut found = Vec::new();
        for batch in store.find(Some("acme"), ALWAYS, columns, Wanted { caller, called }) {
            let batch = batch.unwrap();
            found.extend((0..batch.len()).map(|row| told(&batch, row)));
        }
        let is_wanted = |row: &usize| {
            caller.is_none_or(|it| it == rows.caller[*row]) && called.is_none_or(|it| it == rows.called[*row])
        };
        let expected: Vec<_> = (0..rows.len()).filter(is_wanted).map(|row| told(&rows, row)).collect();
        assert!(found == expected, "{caller:?} {called:?}: {} of {}", found.len(), expected.len());
        found_all += found.len();
    }
    assert!(found_all > 100, "{found_all}");
}

#[test]
fn one_reader_opens_what_another_wrote() {
    let scratch = Scratch::new("columns");
    let mut writer = Writer::open(scratch.path(), 0).unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let calls: Vec<Call> = (0..500).map(|_| call().new_tree(&mut runner).unwrap().current()).collect();
    writer.append(vec![part(&calls)], 0, (1, 0)).unwrap();
    let entry = writer.store().entries().next().unwrap().clone();
    let file = FileReader::open(Place::folder(scratch.path()).open(&entry.file).unwrap()).unwrap();
    assert_eq!(file.columns(), Columns::ALL);
    assert_eq!(file.rows(), 500);
    assert_eq!((entry.first, entry.last), file.span(0).unwrap());
}
