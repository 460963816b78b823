//! M3: the share of attempts that nobody wanted, and when they come.

use records::Columns;
use serde::{Deserialize, Serialize};

use super::{Context, Definition, Fold, Period, Rows, Share, Unit};

/// Unwanted attempts, by weekday and hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwanted {
    attempts: u64,
    /// Monday first, 24 each.
    of_week: Vec<u64>,
}

/// What M3 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnwantedShare {
    /// `U / A`.
    pub share: Share,
    /// Unwanted attempts by weekday, Monday first, and hour.
    pub of_week: Vec<[u64; 24]>,
}

impl Fold for Unwanted {
    const DEFINITION: Definition = Definition {
        id: "M3",
        name: "Unwanted share",
        formula: "U / A, U = B + passed attempts of callers that a closed case calls unwanted",
        unit: Unit::Share,
        version: 1,
        counts: "Of all call attempts the share that was blocked, or that went through and turned out to be unwanted.",
        omits: "Unwanted calls that nobody told us of. A call that was blocked by mistake is in it: M5 says how many.",
    };
    const NEEDS: Columns = Columns::NONE;
    type Answer = UnwantedShare;

    fn take(&mut self, rows: &Rows<'_>) {
        self.of_week.resize(7 * 24, 0);
        let mut runs = rows.hours.iter().peekable();
        for attempt in rows.attempts() {
            self.attempts += 1;
            while runs.next_if(|(range, _)| attempt.row >= range.end).is_some() {}
            if let (true, Some((_, hour))) = (attempt.is_unwanted, runs.peek()) {
                let place = usize::from(hour.weekday) * 24 + usize::from(hour.of_day);
                if let Some(count) = self.of_week.get_mut(place) {
                    *count += 1;
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.attempts += other.attempts;
        if self.of_week.is_empty() {
            self.of_week = other.of_week;
        } else {
            self.of_week.iter_mut().zip(other.of_week).for_each(|(own, more)| *own += more);
        }
    }

    fn answer(&self, _: &Context, _: &Period) -> UnwantedShare {
        let mut of_week = vec![[0; 24]; 7];
        for (day, counts) in of_week.iter_mut().zip(self.of_week.chunks_exact(24)) {
            day.copy_from_slice(counts);
        }
        UnwantedShare { share: Share::new(self.of_week.iter().sum(), self.attempts), of_week }
    }
}
