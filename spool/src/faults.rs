//! Whatever fails when: what was acknowledged is there, once, as it was.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::kind::{Kind, Lane};
use crate::reader::Reader;
use crate::record::{Event, Record};
use crate::segment;
use crate::shaky::{Chance, Shaky};
use crate::spool::{Settings, Spool};

fn settings() -> Settings {
    Settings {
        segment_bytes: 16 << 10,
        bytes_max: 64 << 20,
        reserve_bytes: 16 << 10,
        signalling_bytes_max: 64 << 20,
        signalling_micros_max: i64::MAX,
        consumers: vec!["reader".to_owned()],
    }
}

const KINDS: [Kind; 5] = [Kind::CALL, Kind::ALERT, Kind::SIGNALLING, Kind::SERVICE, Kind(900)];

/// Everything that a new reader is handed.
fn read_all(shaky: &Shaky) -> (Vec<Record>, Reader) {
    let mut reader = Reader::open_on(shaky.disk(), "reader").unwrap();
    reader.seek(0);
    let records = std::iter::from_fn(|| reader.next().unwrap()).collect();
    (records, reader)
}

/// What a client does: appends, notes what was acknowledged, and lives through what the disk does.
struct Client {
    shaky: Shaky,
    chance: Chance,
    sent: u64,
    /// What was ever sent.
    events: BTreeSet<Vec<u8>>,
    /// Numbers under which events were acknowledged.
    ledger: BTreeMap<u64, (Kind, Vec<u8>)>,
    /// Call records that were given up for alerts on a full disk.
    given_up: u64,
    power_was_cut: bool,
}

impl Client {
    fn new(seed: u64) -> Self {
        Self {
            shaky: Shaky::new(seed),
            chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            sent: 0,
            events: BTreeSet::new(),
            ledger: BTreeMap::new(),
            given_up: 0,
            power_was_cut: false,
        }
    }

    /// Some batches, committed now and then.
    fn work(&mut self, spool: &mut Spool, batches: usize) {
        let mut waiting: BTreeMap<u64, (Kind, Vec<u8>)> = BTreeMap::new();
        for _ in 0..batches {
            let count = 1 + self.chance.below(6);
            let mut of_kind: Vec<(Kind, Vec<u8>)> = Vec::new();
            for _ in 0..count {
                let size = [10, 300, 2_000, 9_000][self.chance.below(4)];
                let kind = KINDS[self.chance.below(KINDS.len())];
                let payload = format!("{:08}{}", self.sent, "x".repeat(self.chance.below(size)));
                of_kind.push((kind, payload.into_bytes()));
                self.sent += 1;
            }
            let events: Vec<Event<'_>> = of_kind
                .iter()
                .map(|(kind, payload)| Event { kind: *kind, at_micros: self.sent as i64, payload })
                .collect();
            let appended = spool.append(&events);
            self.events.extend(events.iter().map(|event| event.payload.to_vec()));
            for (lane, numbers) in appended.taken {
                let of_lane = events.iter().filter(|event| event.kind.lane() == lane);
                waiting.extend(numbers.zip(of_lane.map(|event| (event.kind, event.payload.to_vec()))));
            }
            self.given_up += spool.take_given_up(Lane::Calls);
            if self.chance.below(3) == 0 {
                // Whether it failed or not: what is told to be on disk is.
                let _ = spool.commit();
                let committed = spool.committed();
                let rest = waiting.split_off(&(committed + 1));
                self.ledger.extend(std::mem::replace(&mut waiting, rest));
            }
        }
    }

    fn cut_power(&mut self) {
        self.power_was_cut = true;
        self.shaky.cut_power();
    }

    fn check(&self, context: &str) {
        let (records, reader) = read_all(&self.shaky);
        let mut seen = BTreeMap::new();
        let mut last = 0;
        for record in records {
            assert!(record.sequence > last, "{context}: {} after {last}", record.sequence);
            last = record.sequence;
            assert!(self.events.contains(&record.payload), "{context}: nobody sent {}", record.sequence);
            assert_eq!(seen.insert(record.payload, record.sequence), None, "{context}: twice");
        }
        let mut lost_calls = 0;
        for (sequence, (kind, payload)) in &self.ledger {
            match seen.get(payload) {
                None if *kind == Kind::CALL => lost_calls += 1,
                found => assert_eq!(found, Some(sequence), "{context}: {sequence} was acknowledged"),
            }
        }
        assert!(lost_calls <= self.given_up, "{context}: {lost_calls} gone, {} given up", self.given_up);
        // A power cut may leave holes in what nobody was told is kept.
        assert!(reader.damaged() == 0 || self.power_was_cut, "{context}");
    }
}

/// Power cuts in every run; `cargo xtask soak kills` tries more.
fn power_cuts() -> u64 {
    std::env::var("RINGWALL_POWER_CUTS").map_or(300, |count| count.parse().unwrap())
}

#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut_on_a_disk_that_fails() {
    for seed in 1..=power_cuts() {
        let mut client = Client::new(seed);
        for life in 0..3 {
            let context = format!("seed {seed}, life {life}");
            client.shaky.with(|state| (state.changes_fail_of, state.syncs_fail_of) = (0, 0));
            let (mut spool, _) = Spool::open_on(client.shaky.disk(), settings()).unwrap();
            let (changes, syncs) = [(0, 0), (0, 4), (30, 0), (20, 5)][client.chance.below(4)];
            client.shaky.with(|state| (state.changes_fail_of, state.syncs_fail_of) = (changes, syncs));
            let batches = 1 + client.chance.below(25);
            client.work(&mut spool, batches);
            client.check(&context);
            drop(spool);
            if client.chance.below(3) > 0 {
                client.cut_power();
            }
        }
        client.shaky.with(|state| (state.changes_fail_of, state.syncs_fail_of) = (0, 0));
        let (spool, _) = Spool::open_on(client.shaky.disk(), settings()).unwrap();
        client.check(&format!("seed {seed}, at last"));
        drop(spool);
    }
}

#[test]
fn whichever_write_fails_is_got_over() {
    let run = |failing| {
        let mut client = Client::new(5);
        client.shaky.with(|state| state.failing_change = failing);
        if let Ok((mut spool, _)) = Spool::open_on(client.shaky.disk(), settings()) {
            client.work(&mut spool, 40);
        }
        client.check(&format!("change {failing:?}"));
        client.cut_power();
        client.shaky.with(|state| state.failing_change = None);
        let (mut spool, _) = Spool::open_on(client.shaky.disk(), settings()).unwrap();
        client.check(&format!("change {failing:?}, after"));
        client.work(&mut spool, 3);
        spool.commit().unwrap();
        client.check(&format!("change {failing:?}, later"));
        client.shaky.with(|state| state.changes)
    };
    let changes = run(None);
    assert!(changes > 100, "{changes}");
    for failing in 1..=changes {
        run(Some(failing));
    }
}

/// A spool with so many alerts, all on disk but the last `behind`.
fn alerts(shaky: &Shaky, count: usize, behind: usize) -> Vec<Vec<u8>> {
    let (mut spool, _) = Spool::open_on(shaky.disk(), settings()).unwrap();
    let payloads: Vec<Vec<u8>> =
        (0..count).map(|at| format!("alert {at} {}", "y".repeat(at * 7)).into_bytes()).collect();
    for (at, payload) in payloads.iter().enumerate() {
        let appended = spool.append(&[Event { kind: Kind::ALERT, at_micros: 1, payload }]);
        assert!(appended.refused.is_empty());
        if at + 1 == count - behind {
            spool.commit().unwrap();
        }
    }
    payloads
}

#[test]
fn a_tail_cut_at_any_byte_costs_what_was_not_committed_and_nothing_else() {
    let shaky = Shaky::new(1);
    let payloads = alerts(&shaky, 8, 4);
    let name = segment::name(Lane::Events, 1);
    let whole = shaky.bytes(&name);
    let mark = shaky.bytes("committed");
    let sizes: Vec<u64> = payloads.iter().map(|payload| crate::record::bytes_of(payload.len())).collect();
    let committed = segment::START + sizes[..4].iter().sum::<u64>();
    let end = committed + sizes[4..].iter().sum::<u64>();
    for cut in committed..=end {
        for zeros in [false, true] {
            let mut torn = whole[..cut as usize].to_vec();
            if zeros {
                torn.resize(whole.len(), 0);
            }
            shaky.replace(&name, torn);
            shaky.replace("committed", mark.clone());
            let (mut spool, found) = Spool::open_on(shaky.disk(), settings()).unwrap();
            let whole_events = sizes
                .iter()
                .scan(segment::START, |at, size| {
                    *at += size;
                    Some(*at)
                })
                .filter(|end| *end <= cut)
                .count();
            let (records, reader) = read_all(&shaky);
            let read: Vec<&[u8]> = records.iter().map(|record| &record.payload[..]).collect();
            assert_eq!(read, payloads[..whole_events], "cut at {cut}");
            assert_eq!((reader.damaged(), found.damages.len()), (0, 0), "cut at {cut}");
            let torn_bytes = cut - (segment::START + sizes[..whole_events].iter().sum::<u64>());
            // Zeros at the end of what is torn cannot be told from what was never written.
            assert!(
                found.cut_bytes <= torn_bytes && (torn_bytes < 5 || found.cut_bytes > 0),
                "cut at {cut}: {found:?}"
            );
            // It goes on, under the next number.
            let appended = spool.append(&[Event { kind: Kind::ALERT, at_micros: 2, payload: b"later" }]);
            assert_eq!(appended.last_sequence, whole_events as u64 + 1);
            spool.commit().unwrap();
            assert_eq!(read_all(&shaky).0.last().unwrap().payload, b"later");
        }
    }
}

#[test]
fn a_thousand_flipped_bits_are_noticed_each_and_all_together() {
    let shaky = Shaky::new(1);
    let payloads = alerts(&shaky, 60, 0);
    let name = segment::name(Lane::Events, 1);
    let whole = shaky.bytes(&name);
    let used = payloads.iter().map(|payload| crate::record::bytes_of(payload.len())).sum::<u64>();
    let mut chance = Chance(77);
    let mut all = whole.clone();
    for _ in 0..1_000 {
        let bit = segment::START as usize * 8 + chance.below(used as usize * 8);
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        all[bit / 8] ^= 1 << (bit % 8);
        shaky.replace(&name, flipped);
        let (records, mut reader) = read_all(&shaky);
        assert_eq!((records.len(), reader.damaged()), (payloads.len() - 1, 1), "bit {bit}");
        assert!(records.iter().all(|record| payloads[record.sequence as usize - 1] == record.payload));
        let damage = reader.poll_damage().unwrap();
        let place = bit as u64 / 8;
        assert!((damage.offset..damage.offset + damage.bytes).contains(&place), "{damage} for {place}");
        assert_eq!(reader.missing(), 1);
    }
    shaky.replace(&name, all);
    let (records, reader) = read_all(&shaky);
    assert!(records.len() < payloads.len() / 2 && reader.damaged() > 0);
    assert!(records.iter().all(|record| payloads[record.sequence as usize - 1] == record.payload));
    // A header is there twice; with both gone the file is told, and what comes later is read.
    for (places, lost) in [(vec![9], false), (vec![9, 64 + 9], true)] {
        let mut flipped = whole.clone();
        places.into_iter().for_each(|place| flipped[place] ^= 1);
        shaky.replace(&name, flipped);
        let (mut spool, _) = Spool::open_on(shaky.disk(), settings()).unwrap();
        assert_eq!(read_all(&shaky).0.is_empty(), lost);
        let appended = spool.append(&[Event { kind: Kind::ALERT, at_micros: 2, payload: b"later" }]);
        // The number that was given to an event that is gone is not given again.
        assert_eq!(appended.last_sequence, payloads.len() as u64 + 1 + u64::from(lost));
        spool.commit().unwrap();
        assert_eq!(read_all(&shaky).0.last().unwrap().payload, b"later");
    }
}

#[test]
fn what_looks_like_an_event_inside_a_damaged_one_is_none() {
    let shaky = Shaky::new(3);
    let (mut spool, _) = Spool::open_on(shaky.disk(), settings()).unwrap();
    // Whoever sends it knows how events look, but not what this file has drawn.
    let mut forged = b"INVITE sip:a@example.com SIP/2.0\r\n".to_vec();
    crate::record::write(&Event { kind: Kind::ALERT, at_micros: 1, payload: b"forged" }, 2, 0, &mut forged);
    let append = |spool: &mut Spool, payload: &[u8]| {
        assert!(spool.append(&[Event { kind: Kind::SIGNALLING, at_micros: 1, payload }]).refused.is_empty());
    };
    append(&mut spool, &forged);
    append(&mut spool, b"next");
    spool.commit().unwrap();
    let name = segment::name(Lane::Signalling, 1);
    let mut bytes = shaky.bytes(&name);
    bytes[segment::START as usize + 5] ^= 1;
    shaky.replace(&name, bytes);
    let (records, reader) = read_all(&shaky);
    assert_eq!(records.iter().map(|record| record.sequence).collect::<Vec<_>>(), [2]);
    assert_eq!((&records[0].payload[..], reader.damaged()), (&b"next"[..], 1));
}

#[test]
fn past_the_size_old_call_records_go_and_alerts_never() {
    let shaky = Shaky::new(9);
    let limits = Settings { bytes_max: 128 << 10, reserve_bytes: 32 << 10, ..settings() };
    let (mut spool, _) = Spool::open_on(shaky.disk(), limits).unwrap();
    let (mut calls, mut given_up) = (0, 0);
    for at in 0..600 {
        let payload = format!("{at} {}", "z".repeat(700));
        let kind = if at % 20 == 0 { Kind::ALERT } else { Kind::CALL };
        let appended = spool.append(&[Event { kind, at_micros: at, payload: payload.as_bytes() }]);
        assert!(appended.refused.is_empty(), "{at}: {:?}", appended.refused);
        calls += u64::from(kind == Kind::CALL);
        spool.commit().unwrap();
        given_up += spool.take_given_up(Lane::Calls);
        assert_eq!(spool.take_given_up(Lane::Events), 0);
        assert!(spool.bytes() <= 128 << 10, "{at}: {}", spool.bytes());
    }
    let (records, reader) = read_all(&shaky);
    let kept = |kind| records.iter().filter(|record| record.kind == kind).count() as u64;
    assert_eq!(kept(Kind::ALERT), 30);
    assert!(given_up > 100 && kept(Kind::CALL) + given_up == calls, "{given_up} of {calls}");
    assert_eq!(reader.missing(), given_up);
    assert_eq!(records.last().unwrap().sequence, 600);
    // What has been read makes room, and is not given up.
    let mut reader = Reader::open_on(shaky.disk(), "reader").unwrap();
    while reader.next().unwrap().is_some() {}
    reader.acknowledge(reader.passed()).unwrap();
    spool.tend(0).unwrap();
    assert!(spool.bytes() <= 2 * (16 << 10), "{}", spool.bytes());
    assert_eq!(spool.take_given_up(Lane::Calls), 0);
}

#[test]
fn on_a_full_disk_an_alert_still_finds_room_and_all_goes_on_by_itself() {
    let shaky = Shaky::new(9);
    let (mut spool, _) = Spool::open_on(shaky.disk(), settings()).unwrap();
    shaky.with(|state| state.room = 120 << 10);
    let mut client = Client::new(4);
    client.shaky = shaky.clone();
    let line = vec![b'c'; 900];
    let call = Event { kind: Kind::CALL, at_micros: 1, payload: &line };
    let mut taken = 0;
    let refused = loop {
        match spool.append(&[call]).refused.pop() {
            None => taken += 1,
            Some(refused) => break refused,
        }
    };
    assert!(refused.error.is_full() && taken > 30, "{} after {taken}", refused.error);
    for at in 0..40 {
        let alert = vec![b'a'; 1_500];
        let appended = spool.append(&[Event { kind: Kind::ALERT, at_micros: at, payload: &alert }]);
        assert!(appended.refused.is_empty(), "{at}: {:?}", appended.refused);
    }
    spool.commit().unwrap();
    let given_up = spool.take_given_up(Lane::Calls);
    shaky.with(|state| state.room = u64::MAX);
    assert!(spool.append(&[call]).refused.is_empty());
    spool.commit().unwrap();
    let (records, _) = read_all(&shaky);
    let kept = |kind| records.iter().filter(|record| record.kind == kind).count() as u64;
    assert_eq!((kept(Kind::ALERT), kept(Kind::CALL) + given_up), (40, taken + 1));
}

#[test]
fn signalling_goes_in_its_time_whoever_has_read_it() {
    const DAY: i64 = 24 * 3_600 * 1_000_000;
    let shaky = Shaky::new(2);
    let limits = Settings { signalling_micros_max: 30 * DAY, ..settings() };
    let (mut spool, _) = Spool::open_on(shaky.disk(), limits).unwrap();
    for day in 1..=90 {
        let event = Event { kind: Kind::SIGNALLING, at_micros: day * DAY, payload: b"INVITE" };
        assert!(spool.append(&[event]).refused.is_empty());
        spool.tend(day * DAY + 1).unwrap();
        let oldest = read_all(&shaky).0[0].at_micros / DAY;
        assert!(oldest >= day - 33 && oldest <= (day - 29).max(1), "on day {day}: {oldest}");
    }
}

proptest! {
    #[test]
    fn what_is_committed_is_read_in_order_from_wherever(
        batches in prop::collection::vec(prop::collection::vec((0usize..5, 0usize..3_000), 1..8), 1..30),
        from in 0u64..100,
        wanted in 0usize..5,
    ) {
        let shaky = Shaky::new(1);
        let (mut spool, _) = Spool::open_on(shaky.disk(), settings()).unwrap();
        let mut beside = Reader::open_on(shaky.disk(), "reader").unwrap();
        let (mut expected, mut read) = (Vec::new(), Vec::new());
        for (number, batch) in batches.iter().enumerate() {
            let payloads: Vec<(Kind, Vec<u8>)> =
                batch.iter().map(|(kind, length)| (KINDS[*kind], vec![number as u8; *length])).collect();
            let events: Vec<Event<'_>> = payloads
                .iter()
                .map(|(kind, payload)| Event { kind: *kind, at_micros: number as i64, payload })
                .collect();
            prop_assert!(spool.append(&events).refused.is_empty());
            // Nobody is handed what is not on disk.
            prop_assert_eq!(beside.next().unwrap(), None);
            for lane in Lane::ALL {
                expected.extend(payloads.iter().filter(|(kind, _)| kind.lane() == lane).cloned());
            }
            spool.commit().unwrap();
            read.extend(std::iter::from_fn(|| beside.next().unwrap()));
            prop_assert_eq!(read.len(), expected.len());
        }
        let is_as_sent = read.iter().zip(&expected).enumerate().all(|(at, (record, sent))| {
            (record.sequence, record.kind, &record.payload) == (at as u64 + 1, sent.0, &sent.1)
        });
        prop_assert!(is_as_sent);
        let mut later = Reader::open_on(shaky.disk(), "other").unwrap();
        later.only(&[KINDS[wanted]]);
        later.seek(from);
        let sequences: Vec<u64> = std::iter::from_fn(|| later.next().unwrap()).map(|it| it.sequence).collect();
        let expected: Vec<u64> = read
            .iter()
            .filter(|it| it.sequence > from && it.kind == KINDS[wanted])
            .map(|it| it.sequence)
            .collect();
        prop_assert_eq!(sequences, expected);
        prop_assert!(later.passed() >= read.len() as u64);
    }
}
