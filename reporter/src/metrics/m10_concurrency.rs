//! M10: the most calls at a time, and how near that is to what trunks carry.

use std::collections::BTreeMap;

use records::{Column, Columns};
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::m09_pressure::{held, with_channels};
use super::series::{Series, add_by_name};
use super::{Context, Definition, Fold, Period, Rows, Unit};

/// Calls at a time: all, and by trunk with a stated capacity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    all: Series,
    trunks: BTreeMap<String, Series>,
}

/// What M10 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peak {
    /// Over everything.
    pub all: Load,
    /// By trunk with a stated capacity.
    pub trunks: BTreeMap<String, Load>,
}

/// How much something was used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Load {
    /// The most calls at a time.
    pub most: i64,
    /// The first hour, by full hours since 1970, in which there were so many.
    pub at: Option<Timestamp>,
    /// Calls it carries at a time.
    pub channels: Option<u32>,
    /// `1 - most / channels`.
    pub headroom: Option<f64>,
    /// Erlangs of the hour that 95 % of hours do not exceed: calls at a time on average.
    pub erlangs_p95: f64,
    /// The share of attempts that find no channel free in such an hour (Erlang B).
    pub blocking_p95: Option<f64>,
}

impl Fold for Concurrency {
    const DEFINITION: Definition = Definition {
        id: "M10",
        name: "Peak concurrency and headroom",
        formula: "max calls at a time; 1 - max / channels; Erlang B of the p95 hour's erlangs and the channels",
        unit: Unit::Count,
        version: 1,
        counts: "The most calls that were up at once, how much of the trunk was left then, and how many callers would find all channels taken \
                 in a busy hour.",
        omits: "A call is counted at each full second from its first message to its end, a week at most; one without a seen end is not. \
                Hours are full hours since 1970. Erlang B takes calls to come by chance, which attacks do not.",
    };
    const NEEDS: Columns = Columns::of(&[Column::Source, Column::EndedAfter]);
    type Answer = Peak;

    fn take(&mut self, rows: &Rows<'_>) {
        let trunks = with_channels(rows);
        let mut all = self.all.spans();
        let held = rows.attempts().filter_map(|attempt| {
            let (from, to) = held(rows.batch, attempt.row)?;
            all.add(from, to);
            let code = rows.batch.source.codes().get(attempt.row).map_or(0, |code| *code as usize);
            Some((code, (from, to)))
        });
        add_by_name(&mut self.trunks, &trunks, held);
    }

    fn merge(&mut self, other: Self) {
        self.all.merge(other.all);
        for (name, series) in other.trunks {
            self.trunks.entry(name).or_default().merge(series);
        }
    }

    fn answer(&self, context: &Context, period: &Period) -> Peak {
        let nothing = Series::default();
        let of_trunk = |name: &str| self.trunks.get(name).unwrap_or(&nothing);
        let trunks = context.trunks.iter().filter(|trunk| trunk.channels.is_some());
        let trunks =
            trunks.map(|trunk| (trunk.name.clone(), load(of_trunk(&trunk.name), trunk.channels, period)));
        Peak { all: load(&self.all, None, period), trunks: trunks.collect() }
    }
}

fn load(series: &Series, channels: Option<u32>, period: &Period) -> Load {
    let (from, to) = period.seconds();
    let (mut most, mut at) = (0, None);
    let mut sums = Vec::new();
    series.stretches(HOUR_SECONDS, from, to, |first, highest, sum| {
        sums.push(sum);
        if highest > most {
            (most, at) = (highest, Some(Timestamp::from_seconds(first)));
        }
    });
    sums.sort_unstable();
    let rank = (sums.len() * 95).div_ceil(100).max(1);
    let erlangs_p95 = sums.get(rank - 1).map_or(0.0, |sum| *sum as f64 / HOUR_SECONDS as f64);
    let channels = channels.filter(|channels| *channels > 0);
    Load {
        most,
        at,
        channels,
        headroom: channels.map(|channels| 1.0 - most as f64 / f64::from(channels)),
        erlangs_p95,
        blocking_p95: channels.map(|channels| erlang_b(erlangs_p95, channels)),
    }
}

/// The share of attempts that find none of `channels` free when `erlangs` are offered.
fn erlang_b(erlangs: f64, channels: u32) -> f64 {
    (1..=channels).fold(1.0, |blocking, channel| {
        let carried = erlangs * blocking;
        carried / (f64::from(channel) + carried)
    })
}

const HOUR_SECONDS: i64 = 3_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_b_as_tables_have_it() {
        for (erlangs, channels, expected) in
            [(0.0, 10, 0.0), (1.0, 1, 0.5), (2.0, 2, 0.4), (4.461, 10, 0.01), (20.337, 30, 0.01)]
        {
            let blocking = erlang_b(erlangs, channels);
            assert!((blocking - expected).abs() < 0.000_05, "{erlangs} {channels}: {blocking}");
        }
    }
}
