//! M1: attempts in and out, by hour, trunk, site and number called.

use std::collections::BTreeMap;

use records::{Column, Columns, Words};
use rules::Direction;
use serde::{Deserialize, Serialize};

use super::m02_outcomes::Outcomes;
use super::tally::Tally;
use super::{Context, Definition, Fold, Hour, Period, Rows, Unit};

/// Attempts, counted every way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempts {
    hours: BTreeMap<i64, InHour>,
    trunks: Tally<String>,
    sites: Tally<String>,
    called: Tally<u64>,
}

/// Attempts of one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InHour {
    /// Which.
    pub hour: Hour,
    /// From outside.
    pub inbound: u64,
    /// To outside.
    pub outbound: u64,
    /// Within.
    pub internal: u64,
    /// Nobody knows which way.
    pub unknown: u64,
    /// What became of them.
    pub outcomes: Outcomes,
    /// Blocked, or labelled unwanted afterwards.
    pub unwanted: u64,
}

/// What M1 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByEverything {
    /// All.
    pub total: u64,
    /// From outside.
    pub inbound: u64,
    /// To outside.
    pub outbound: u64,
    /// Within.
    pub internal: u64,
    /// Nobody knows which way.
    pub unknown: u64,
    /// Each hour of the period, those without a call among them.
    pub hours: Vec<InHour>,
    /// By trunk, the busiest first; an address that no trunk has stands for itself.
    pub trunks: Vec<(String, u64)>,
    /// By site of the trunk.
    pub sites: Vec<(String, u64)>,
    /// By own number called from outside or within, E.164 digits.
    pub called: Vec<(u64, u64)>,
    /// By how much a count by trunk or number may be too low.
    pub missed_max: u64,
}

impl Fold for Attempts {
    const DEFINITION: Definition = Definition {
        id: "M1",
        name: "Attempts",
        formula: "A, by direction, hour of the customer's clock, trunk, site and called number",
        unit: Unit::Count,
        version: 1,
        counts: "Every attempt to call that was seen. What repeats an attempt after a challenge or follows a redirection under the same \
                 Call-ID belongs to it.",
        omits: "Requests that are no calls. What a trunk sends under a new Call-ID after a redirection is a new attempt. By number called \
                only the 50 with most calls are listed.",
    };
    const NEEDS: Columns = Columns::of(&[Column::Source, Column::Called]);
    type Answer = ByEverything;

    fn take(&mut self, rows: &Rows<'_>) {
        let mut of_sources = vec![0u64; rows.batch.source.words().len() + 1];
        let mut runs = rows.hours.iter();
        let mut run = runs.next();
        let mut now: Option<InHour> = None;
        for attempt in rows.attempts() {
            while let Some((range, _)) = run.filter(|(range, _)| attempt.row >= range.end) {
                self.put(now.take());
                debug_assert!(range.end <= attempt.row);
                run = runs.next();
            }
            let Some((_, hour)) = run else { break };
            let counts = now.get_or_insert_with(|| InHour::new(*hour));
            let direction = rows.direction(attempt.row);
            match direction {
                Some(Direction::Inbound) => counts.inbound += 1,
                Some(Direction::Outbound) => counts.outbound += 1,
                Some(Direction::Internal) => counts.internal += 1,
                None => counts.unknown += 1,
            }
            counts.outcomes.count(attempt.class);
            counts.unwanted += u64::from(attempt.is_unwanted);
            let source = rows.batch.source.codes().get(attempt.row).map_or(0, |code| *code as usize);
            if let Some(count) = of_sources.get_mut(source) {
                *count += 1;
            }
            if matches!(direction, Some(Direction::Inbound | Direction::Internal)) {
                let called = rows.batch.called.get(attempt.row).copied().unwrap_or_default();
                if called != 0 {
                    self.called.add(called, 1);
                }
            }
        }
        self.put(now);
        self.put_sources(&rows.batch.source, &of_sources, rows.context);
    }

    fn merge(&mut self, other: Self) {
        other.hours.into_values().for_each(|hour| self.put(Some(hour)));
        self.trunks.merge(other.trunks);
        self.sites.merge(other.sites);
        self.called.merge(other.called);
    }

    fn seal(&mut self) {
        self.called.keep(LISTED * SEALED_TIMES);
        self.trunks.keep(LISTED * SEALED_TIMES);
    }

    fn answer(&self, context: &Context, period: &Period) -> ByEverything {
        let all = period.hours(&context.zone).into_iter();
        let hours: Vec<InHour> = all
            .map(|hour| self.hours.get(&hour.start).copied().unwrap_or_else(|| InHour::new(hour)))
            .collect();
        let sum = |count: fn(&InHour) -> u64| self.hours.values().map(count).sum::<u64>();
        ByEverything {
            total: sum(|hour| hour.outcomes.attempts()),
            inbound: sum(|hour| hour.inbound),
            outbound: sum(|hour| hour.outbound),
            internal: sum(|hour| hour.internal),
            unknown: sum(|hour| hour.unknown),
            hours,
            trunks: self.trunks.top(LISTED),
            sites: self.sites.top(LISTED),
            called: self.called.top(LISTED),
            missed_max: self.trunks.missed_max().max(self.called.missed_max()),
        }
    }
}

impl Attempts {
    fn put(&mut self, hour: Option<InHour>) {
        let Some(hour) = hour else { return };
        self.hours.entry(hour.hour.start).or_insert_with(|| InHour::new(hour.hour)).add(&hour);
    }

    fn put_sources(&mut self, words: &Words, counts: &[u64], context: &Context) {
        for (code, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let source = u32::try_from(code).ok().and_then(|code| words.word(code)).unwrap_or_default();
            match context.trunk(source).and_then(|place| context.trunks.get(place)) {
                Some(trunk) => {
                    self.trunks.add(trunk.name.clone(), *count);
                    if !trunk.site.is_empty() {
                        self.sites.add(trunk.site.clone(), *count);
                    }
                }
                None => self.trunks.add(source.to_owned(), *count),
            }
        }
    }
}

impl InHour {
    fn new(hour: Hour) -> Self {
        Self {
            hour,
            inbound: 0,
            outbound: 0,
            internal: 0,
            unknown: 0,
            outcomes: Outcomes::default(),
            unwanted: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.inbound += other.inbound;
        self.outbound += other.outbound;
        self.internal += other.internal;
        self.unknown += other.unknown;
        self.outcomes.add(&other.outcomes);
        self.unwanted += other.unwanted;
    }
}

/// Of many things the busiest.
const LISTED: usize = 50;
/// A closed day keeps so many times as many as are listed.
const SEALED_TIMES: usize = 40;
