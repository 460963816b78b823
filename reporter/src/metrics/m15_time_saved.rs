//! M15: how much time of people blocked calls would have taken.

use std::collections::BTreeMap;

use records::{Batch, Column, Columns};
use rules::Direction;
use serde::{Deserialize, Serialize};

use super::spread::Spread;
use super::{Class, Context, Definition, Fold, Period, Rows, Unit};

/// Inbound calls by type: blocked attempts, and how long passed ones kept somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSaved {
    types: BTreeMap<String, OfType>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfType {
    blocked: u64,
    kept_millis: Spread,
}

/// What M15 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HoursSaved {
    /// If each would have taken as long as a quarter of answered calls at most do.
    pub low: f64,
    /// If each would have taken as long as three quarters at most do.
    pub high: f64,
    /// Blocked attempts that are in it.
    pub calls: u64,
    /// What the figures take for granted: printed beside them.
    pub assumption: &'static str,
}

impl Fold for TimeSaved {
    const DEFINITION: Definition = Definition {
        id: "M15",
        name: "Staff time saved",
        formula: "sum over call types of B x p25 to p75 of ring and talk of answered passed inbound calls of that type",
        unit: Unit::Hours,
        version: 1,
        counts: "How long people would have been kept by blocked calls from outside, if these had been like the calls that somebody answered. \
                 Always a range.",
        omits: "Fax and other types without a person. Nobody knows whether a blocked call would have been answered; types with no answered call \
                count nothing.",
    };
    const NEEDS: Columns =
        Columns::of(&[Column::CallType, Column::RangAfter, Column::AnsweredAfter, Column::EndedAfter]);
    type Answer = HoursSaved;

    fn take(&mut self, rows: &Rows<'_>) {
        let words = &rows.batch.call_type;
        let mut types = vec![OfType::default(); words.words().len() + 1];
        for attempt in rows.attempts() {
            if rows.direction(attempt.row) != Some(Direction::Inbound) {
                continue;
            }
            let code = words.codes().get(attempt.row).map_or(0, |code| *code as usize);
            let Some(of_type) = types.get_mut(code) else { continue };
            match attempt.class {
                Class::Blocked => of_type.blocked += 1,
                Class::Passed => kept_millis(rows.batch, attempt.row)
                    .into_iter()
                    .for_each(|kept| of_type.kept_millis.add(kept)),
                _ => {}
            }
        }
        for (code, of_type) in types.into_iter().enumerate() {
            let word = u32::try_from(code).ok().and_then(|code| words.word(code)).unwrap_or_default();
            // Texts of a column stay known when a batch has no row with them.
            if of_type != OfType::default() {
                self.put(word.to_owned(), &of_type);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (word, of_type) in other.types {
            self.put(word, &of_type);
        }
    }

    fn answer(&self, _: &Context, _: &Period) -> HoursSaved {
        let (mut low, mut high, mut calls) = (0.0, 0.0, 0);
        for of_type in PERSONAL.into_iter().filter_map(|word| self.types.get(word)) {
            let Some(kept) = of_type.kept_millis.quartiles() else { continue };
            calls += of_type.blocked;
            low += of_type.blocked as f64 * kept.p25 as f64 / 3_600_000.0;
            high += of_type.blocked as f64 * kept.p75 as f64 / 3_600_000.0;
        }
        HoursSaved { low, high, calls, assumption: ASSUMPTION }
    }
}

impl TimeSaved {
    fn put(&mut self, word: String, more: &OfType) {
        let own = self.types.entry(word).or_default();
        own.blocked += more.blocked;
        own.kept_millis.merge(&more.kept_millis);
    }
}

/// Milliseconds from the first ring, or the start where none was seen, to the end of an answered call.
fn kept_millis(batch: &Batch, row: usize) -> Option<u64> {
    let known = |column: &[i64]| column.get(row).copied().filter(|after| *after != Batch::NEVER);
    known(&batch.answered_after)?;
    let from = known(&batch.rang_after).unwrap_or_default();
    u64::try_from(known(&batch.ended_after)?.saturating_sub(from).max(0) / 1_000).ok()
}

/// Types of calls that a person answers.
const PERSONAL: [&str; 2] = ["video", "voice"];
const ASSUMPTION: &str = "A blocked call would have been answered and kept somebody as long as an answered call of the same type: from a quarter \
                          of them to three quarters.";
