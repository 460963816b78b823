//! Many invented records of a customer, for benches, soaks and whoever wants to see how large a store becomes: the rhythm of
//! a firm's week, callers of whom few call often and many once, some blocked. The same seed gives the same rows.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rules::{Action, Attestation, Direction};

use crate::batch::Batch;
use crate::call::{HungUp, PartyKind};
use crate::column::{Column, Columns};

/// A customer of whom records are invented.
#[derive(Clone, Debug)]
pub struct Invented {
    /// What all follows from.
    pub seed: u64,
    /// Rows of a Wednesday; other days have fewer.
    pub rows_per_day: u64,
    /// Where the customer is.
    pub zone: TimeZone,
    /// Columns that are filled.
    pub columns: Columns,
}

impl Invented {
    /// Rows of `day`.
    pub fn rows_of(&self, day: Date) -> u64 {
        let share = WEEK.get(usize::from(day.weekday().to_monday_zero_offset().unsigned_abs()));
        self.rows_per_day * share.copied().unwrap_or(100) / 100
    }

    /// Gives the rows of `day` in order of their start, in batches of `rows_of_batch`.
    pub fn day(&self, day: Date, rows_of_batch: usize, mut take: impl FnMut(Batch)) {
        let Ok(begin) = day.to_zoned(self.zone.clone()) else { return };
        let Ok(end) = day.tomorrow().and_then(|day| day.to_zoned(self.zone.clone())) else { return };
        let begin = begin.timestamp().as_microsecond();
        // A day of 23 or 25 hours has one less or more.
        let hours = (end.timestamp().as_microsecond() - begin) / HOUR;
        let weight =
            |hour: i64| HOURS.get(usize::try_from(hour % 24).unwrap_or_default()).copied().unwrap_or(1);
        let all: u64 = (0..hours).map(weight).sum();
        let mut random = Random(self.seed ^ begin.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut batch = Batch::new(self.columns);
        for hour in 0..hours {
            let rows = i64::try_from(self.rows_of(day) * weight(hour) / all).unwrap_or_default();
            for row in 0..rows {
                // One in each of as many equal parts of the hour: in order, and no two hours alike.
                let within = (row * HOUR + random.below(HOUR.cast_unsigned()).cast_signed()) / rows;
                push(&mut batch, begin + hour * HOUR + within, &mut random);
                if batch.len() >= rows_of_batch {
                    take(std::mem::replace(&mut batch, Batch::new(self.columns)));
                }
            }
        }
        if !batch.is_empty() {
            take(batch);
        }
    }
}

fn push(batch: &mut Batch, start: i64, random: &mut Random) {
    let is_inbound = random.below(100) < 62;
    let partner = partner(random);
    let own = 12_105_550_000 + random.steep(OWN_NUMBERS);
    let is_attack = is_inbound && random.below(100) < 2;
    let is_anonymous = is_inbound && !is_attack && random.below(100) < 3;
    let (caller, called) = match (is_inbound, is_attack) {
        (true, true) => (2_348_000_000_000 + random.below(300), own),
        (true, false) => (if is_anonymous { 0 } else { partner }, own),
        (false, _) => (own, partner),
    };
    let is_blocked = is_attack && random.below(10) < 9;
    let rang = (!is_blocked && random.below(100) < 90).then(|| 150_000 + random.around(900_000));
    let answered = rang.filter(|_| random.below(100) < 71).map(|rang| rang + random.around(7_000_000));
    let talk = if random.below(4) == 0 { 600_000_000 } else { 90_000_000 };
    let ended = match (answered, rang) {
        (Some(answered), _) => Some(answered + random.around(talk)),
        (None, Some(rang)) => Some(rang + random.around(20_000_000)),
        (None, None) => Some(5_000 + random.around(80_000)),
    };
    let status = match (answered, rang) {
        (Some(_), _) => 200,
        (None, Some(_)) => [487, 487, 480, 486].get(random.below(4) as usize).copied().unwrap_or(487),
        (None, None) if is_blocked => 603,
        (None, None) => [404, 503, 486].get(random.below(3) as usize).copied().unwrap_or(404),
    };
    for column in Column::ALL.iter().copied().filter(|column| batch.columns.has(*column)) {
        match column {
            Column::Start => batch.start.push(start),
            Column::Kind => batch.kind.push(Some("call")),
            Column::Direction => {
                batch.direction.push(Some(if is_inbound { Direction::Inbound } else { Direction::Outbound }));
            }
            Column::Caller => batch.caller.push(caller),
            Column::CallerText => {
                batch.caller_kind.push(if is_anonymous { PartyKind::Anonymous } else { PartyKind::Number });
                batch.caller_text.push(is_anonymous.then_some("anonymous"));
            }
            Column::Called => batch.called.push(called),
            Column::CalledText => {
                batch.called_kind.push(PartyKind::Number);
                batch.called_text.push(None);
            }
            Column::Source => {
                batch.source.push(TRUNKS.get(random.steep(TRUNKS.len() as u64) as usize).copied())
            }
            Column::Verdict => batch.verdict.push(if is_blocked { Action::Block } else { Action::Allow }),
            Column::Would => batch.would.push((is_attack && !is_blocked).then_some(Action::Block)),
            Column::Rule => {
                batch.rule.push(is_attack.then(|| RULES.get((caller % 6) as usize).copied()).flatten())
            }
            Column::ActionStatus => batch.action_status.push(if is_blocked { 603 } else { 0 }),
            Column::Status => batch.status.push(status),
            Column::RangAfter => batch.rang_after.push(rang.unwrap_or(Batch::NEVER)),
            Column::AnsweredAfter => batch.answered_after.push(answered.unwrap_or(Batch::NEVER)),
            Column::EndedAfter => batch.ended_after.push(ended.unwrap_or(Batch::NEVER)),
            Column::HungUp => {
                let side = if random.below(100) < 58 { HungUp::Caller } else { HungUp::Called };
                batch.hung_up.push(rang.map(|_| side));
            }
            Column::Attestation => batch.attestation.push(match (is_inbound, random.below(10)) {
                (false, _) | (true, 0..4) => None,
                (true, 4..8) => Some(Attestation::Full),
                (true, 8) => Some(Attestation::Partial),
                (true, _) => Some(Attestation::Gateway),
            }),
            Column::Flags => batch.flags.push((random.below(1_000) < 4).then_some("dup-single-header")),
            Column::CallType => {
                batch.call_type.push(Some(if random.below(100) < 97 { "voice" } else { "fax" }))
            }
            Column::Policy => batch.policy.push(Some("3f9a1c5b7d20")),
            Column::CallId => {
                let call_id = format!("{:016x}{:016x}@198.51.100.7", random.next(), random.next());
                batch.call_id.push(Some(&call_id));
            }
            Column::DisplayName => {
                let name = format!("Example {}", partner % 4_001);
                batch.display_name.push((is_inbound && !partner.is_multiple_of(3)).then_some(name.as_str()));
            }
            Column::UserAgent => batch.user_agent.push(AGENTS.get((partner % 7) as usize).copied()),
            Column::Reason => {
                batch.reason.push(is_attack.then_some("the caller is on the list of blocked callers"))
            }
            Column::More => batch.more.push(Some(&format!(
                "{{\"identities\":[\"+{caller}\"],\"source_port\":{}}}",
                if random.below(10) < 8 { 5_060 } else { 1_024 + random.below(60_000) }
            ))),
        }
    }
    batch.grow(1);
}

/// Somebody outside: some call again and again, many a few times, some once.
fn partner(random: &mut Random) -> u64 {
    match random.below(100) {
        0..35 => 13_035_550_000 + random.steep(400) * 17,
        35..85 => 12_000_000_000 + random.steep(300_000) * 28_657 % 9_999_999_999,
        _ => 12_010_000_000 + random.below(7_900_000_000),
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Below `end`, low numbers far more often.
    fn steep(&mut self, end: u64) -> u64 {
        let scale = 1_u64 << 20;
        let (one, two, three) = (self.below(scale), self.below(scale), self.below(scale));
        ((u128::from(one) * u128::from(two) * u128::from(three) * u128::from(end)) >> 60) as u64
    }

    /// Mostly below `middle`, seldom several times that.
    fn around(&mut self, middle: i64) -> i64 {
        let spread = 1 + self.below(4);
        self.below(middle.unsigned_abs() * spread / 2).cast_signed() + 1
    }
}

const HOUR: i64 = 3_600_000_000;
/// Hundredths of a Wednesday, from Monday.
const WEEK: [u64; 7] = [98, 99, 100, 99, 92, 24, 15];
const HOURS: [u64; 24] =
    [4, 3, 2, 2, 3, 6, 18, 45, 88, 104, 110, 106, 84, 92, 104, 102, 96, 78, 48, 30, 20, 14, 9, 6];
const OWN_NUMBERS: u64 = 2_000;
const TRUNKS: [&str; 4] = ["198.51.100.7", "198.51.100.8", "203.0.113.20", "2001:db8::7"];
const RULES: [&str; 6] =
    ["blocked-callers", "invite-flood", "wangiri", "blocked-callers", "premium-numbers", "blocked-callers"];
const AGENTS: [&str; 7] = [
    "Example SBC 9.2.4",
    "Example SBC 9.2.4",
    "Example PBX 18.2",
    "Asterisk PBX 20.5.0",
    "Example Phone T46/96.86",
    "FPBX-16.0.40",
    "Example Carrier Gateway",
];

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_rows_in_order_on_days_of_any_length() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let invented = Invented { seed: 7, rows_per_day: 10_000, zone, columns: Columns::ALL };
        for (day, hours) in [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 3, 11), 24)] {
            let rows = |invented: &Invented| {
                let mut all = Batch::new(Columns::ALL);
                invented.day(day, 777, |batch| all.append(&batch, 0..batch.len()));
                all
            };
            let (one, same) = (rows(&invented), rows(&invented));
            assert_eq!(one.len(), same.len());
            assert!((0..one.len()).all(|row| one.call_id.get(row) == same.call_id.get(row)));
            assert!(one.start.is_sorted());
            let span = one.start.last().unwrap() - one.start.first().unwrap();
            assert!(span > (hours - 1) * HOUR && span < hours * HOUR, "{span}");
            assert!(
                one.len() as u64 > invented.rows_of(day) * 98 / 100
                    && one.len() as u64 <= invented.rows_of(day)
            );
            let other = rows(&Invented { seed: 8, ..invented.clone() });
            assert_ne!(one.caller, other.caller);
        }
    }
}
