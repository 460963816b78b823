//! M9: how much of a trunk unwanted calls take up.

use std::collections::BTreeMap;

use records::{Batch, Column, Columns};
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::series::{Series, add_by_name};
use super::{Context, Definition, Fold, Period, Rows, Unit};

/// Unwanted calls at a time, by trunk with a stated capacity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressure {
    trunks: BTreeMap<String, Series>,
}

/// What M9 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PressureAnswer {
    /// The most that unwanted calls took up of a trunk, as part of its capacity; `None` where no trunk has a stated one.
    pub highest: Option<f64>,
    /// When these five minutes began.
    pub at: Option<Timestamp>,
    /// Of which trunk.
    pub trunk: Option<String>,
    /// Minutes in which they took up more than a fifth of any trunk.
    pub minutes_high: u64,
}

impl Fold for Pressure {
    const DEFINITION: Definition = Definition {
        id: "M9",
        name: "TDoS pressure",
        formula: "max over 5-minute bins and trunks of most unwanted calls at a time / channels; minutes above 20 %",
        unit: Unit::Share,
        version: 1,
        counts: "How much of a trunk was taken up by calls that nobody wanted, at the worst, and for how many minutes it was more than a fifth.",
        omits: "Trunks whose capacity nobody stated. A call is counted at each full second from its first message to its end, a week at \
                most; one without a seen end is not.",
    };
    const NEEDS: Columns = Columns::of(&[Column::Source, Column::EndedAfter]);
    type Answer = PressureAnswer;

    fn take(&mut self, rows: &Rows<'_>) {
        let trunks = with_channels(rows);
        let unwanted = rows.attempts().filter(|attempt| attempt.is_unwanted);
        let held = unwanted.filter_map(|attempt| {
            let code = rows.batch.source.codes().get(attempt.row).map_or(0, |code| *code as usize);
            Some((code, held(rows.batch, attempt.row)?))
        });
        add_by_name(&mut self.trunks, &trunks, held);
    }

    fn merge(&mut self, other: Self) {
        for (name, series) in other.trunks {
            self.trunks.entry(name).or_default().merge(series);
        }
    }

    fn answer(&self, context: &Context, period: &Period) -> PressureAnswer {
        let (from, to) = period.seconds();
        let mut bins: BTreeMap<i64, (f64, &str)> = BTreeMap::new();
        let mut has_capacity = false;
        for trunk in &context.trunks {
            let Some(channels) = trunk.channels.filter(|channels| *channels > 0) else { continue };
            has_capacity = true;
            let Some(series) = self.trunks.get(&trunk.name) else { continue };
            series.stretches(BIN_SECONDS, from, to, |first, most, _| {
                let part = most as f64 / f64::from(channels);
                let bin = bins.entry(first).or_insert((part, &trunk.name));
                if part > bin.0 {
                    *bin = (part, &trunk.name);
                }
            });
        }
        let mut highest: Option<(i64, f64, &str)> = None;
        for (first, (part, trunk)) in &bins {
            if *part > highest.map_or(0.0, |(_, part, _)| part) {
                highest = Some((*first, *part, trunk));
            }
        }
        let high = bins.values().filter(|(part, _)| *part > HIGH).count();
        PressureAnswer {
            highest: highest.map(|(_, part, _)| part).or_else(|| has_capacity.then_some(0.0)),
            at: highest.map(|(first, _, _)| Timestamp::from_seconds(first)),
            trunk: highest.map(|(_, _, trunk)| trunk.to_owned()),
            minutes_high: high as u64 * (BIN_SECONDS as u64 / 60),
        }
    }
}

/// By code of the source: the name of its trunk, if its capacity is stated.
pub(super) fn with_channels<'a>(rows: &Rows<'a>) -> Vec<Option<&'a str>> {
    let context = rows.context;
    let trunk =
        |source: &String| context.trunks.get(context.trunk(source)?).filter(|trunk| trunk.channels.is_some());
    let all = rows.batch.source.words().iter().map(|source| trunk(source).map(|trunk| trunk.name.as_str()));
    std::iter::once(None).chain(all).collect()
}

/// From when to when the call in `row` held a channel, in microseconds since 1970; `None` where no end was seen.
pub(super) fn held(batch: &Batch, row: usize) -> Option<(i64, i64)> {
    let start = *batch.start.get(row)?;
    let lasts = batch.ended_after.get(row).copied().filter(|after| *after != Batch::NEVER)?;
    Some((start, start.saturating_add(lasts)))
}

const BIN_SECONDS: i64 = 300;
const HIGH: f64 = 0.2;
