//! M22: blocks that end soon, and who still tries.

use std::collections::BTreeMap;

use records::Columns;
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Context, Definition, Fold, Period, Rows, Unit};

/// Attempts of callers whose block ends soon, since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    numbers: BTreeMap<u64, (u64, Timestamp)>,
}

/// One block of M22.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpiringBlock {
    /// E.164 digits.
    pub number: u64,
    /// The list that it stands on.
    pub list: String,
    /// The last day on which it counts.
    pub expires: String,
    /// Attempts since the block.
    pub attempts: u64,
    /// The last one.
    pub last: Option<Timestamp>,
}

impl Fold for Expiring {
    const DEFINITION: Definition = Definition {
        id: "M22",
        name: "Blocks expiring next period",
        formula: "list entries that end in the next period; attempts of the number in the period since it was put on the list",
        unit: Unit::Count,
        version: 1,
        counts: "Blocked numbers whose block ends soon, and how often each has still tried: whether it is worth going on.",
        omits: "Ranges and prefixes. Attempts before the period.",
    };
    const NEEDS: Columns = Columns::NONE;
    type Answer = Vec<ExpiringBlock>;

    fn take(&mut self, rows: &Rows<'_>) {
        let since: BTreeMap<u64, Timestamp> =
            rows.context.expiring.iter().map(|entry| (entry.number, entry.since)).collect();
        if since.is_empty() {
            return;
        }
        for attempt in rows.attempts() {
            let caller = rows.batch.caller.get(attempt.row).copied().unwrap_or_default();
            let start = Timestamp(rows.batch.start.get(attempt.row).copied().unwrap_or_default());
            if since.get(&caller).is_some_and(|since| *since <= start) {
                let (attempts, last) = self.numbers.entry(caller).or_insert((0, start));
                *attempts += 1;
                *last = (*last).max(start);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        for (number, (more, at)) in other.numbers {
            let (attempts, last) = self.numbers.entry(number).or_insert((0, at));
            *attempts += more;
            *last = (*last).max(at);
        }
    }

    fn answer(&self, context: &Context, _: &Period) -> Vec<ExpiringBlock> {
        let of = |number: u64| self.numbers.get(&number).copied();
        let blocks = context.expiring.iter().map(|entry| ExpiringBlock {
            number: entry.number,
            list: entry.list.clone(),
            expires: entry.expires.clone(),
            attempts: of(entry.number).map_or(0, |(attempts, _)| attempts),
            last: of(entry.number).map(|(_, last)| last),
        });
        blocks.collect()
    }
}
