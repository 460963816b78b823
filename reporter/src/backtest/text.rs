//! What a back-test found, for a terminal.

use std::fmt;

use super::outcome::{Caught, Change, Outcome};
use crate::json::printable;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = match &self.against {
            Some(version) => format!("policy {}", short(version)),
            None => "what was decided then".to_owned(),
        };
        writeln!(
            f,
            "Back-test of {}, candidate {}, against {with}",
            printable(&self.customer),
            short(&self.candidate)
        )?;
        if self.calls + self.other_requests == 0 {
            return write!(f, "No records in this period: nothing can be said.");
        }
        writeln!(
            f,
            "{} calls and {} other requests, {} to {}, {} days with calls",
            self.calls,
            self.other_requests,
            day(&self.from),
            day(&self.to),
            self.days
        )?;
        writeln!(f)?;
        self.changed(f)?;
        self.people_and_cost(f)?;
        self.thresholds(f)?;
        self.first_calls(f)?;
        self.unknown(f)
    }
}

impl Outcome {
    fn changed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changed == 0 {
            return writeln!(f, "No call would have another verdict.");
        }
        let at_least = if self.people_cut { "at least " } else { "" };
        writeln!(
            f,
            "{} calls change ({:.2} %), of {at_least}{} callers to {at_least}{} numbers:",
            self.changed,
            share(self.changed, self.judged),
            self.callers,
            self.called
        )?;
        let side = |action: &str, rule: &Option<String>| match rule {
            Some(rule) => format!("{action} ({})", printable(rule)),
            None => action.to_owned(),
        };
        let rows: Vec<(String, String, &Change)> = self
            .changes
            .iter()
            .map(|change| (side(change.from, &change.from_rule), side(change.to, &change.to_rule), change))
            .collect();
        let width = |one: usize, other: usize| one.max(other);
        let first = rows.iter().take(ROWS).map(|row| row.0.chars().count()).fold(4, width);
        let second = rows.iter().take(ROWS).map(|row| row.1.chars().count()).fold(7, width);
        writeln!(
            f,
            "  {:first$}  {:second$}  {:>9} {:>9} {:>7} {:>8} {:>8}",
            "from", "to", "calls", "answered", "> 1 min", "callers", "called"
        )?;
        for (from, to, change) in rows.iter().take(ROWS) {
            writeln!(
                f,
                "  {from:first$}  {to:second$}  {:>9} {:>9} {:>7} {:>8} {:>8}",
                change.calls, change.answered, change.wanted, change.callers, change.called
            )?;
        }
        if let Some(more) = rows.len().checked_sub(ROWS).filter(|more| *more > 0) {
            writeln!(f, "  and {more} other changes, all in --json")?;
        }
        Ok(())
    }

    fn people_and_cost(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = &self.cost;
        writeln!(f)?;
        if cost.answered_lost > 0 {
            write!(
                f,
                "Lost: {} answered calls, {} of them longer than a minute, {:.1} minutes",
                cost.answered_lost, cost.wanted_lost, cost.minutes_lost
            )?;
            match cost.money_saved {
                Some(money) => writeln!(
                    f,
                    "; they cost {money:.2} by the policy's prices, {} without a rate",
                    cost.without_rate
                )?,
                None => writeln!(f)?,
            }
        }
        if cost.let_through > 0 {
            writeln!(f, "Let through: {} calls that were refused", cost.let_through)?;
        }
        for (number, calls) in self.protected.iter().take(ROWS) {
            writeln!(f, "PROTECTED: +{number} would be refused, {calls} calls")?;
        }
        let precision = &self.precision;
        if precision.cases > 0 {
            writeln!(
                f,
                "Closed cases: {} tell of {} unwanted and {} wanted calls here",
                precision.cases, precision.unwanted, precision.wanted
            )?;
            for (who, caught) in [("candidate", &precision.candidate), ("before", &precision.before)] {
                writeln!(
                    f,
                    "  {who}: refuses {} of the unwanted, {} of the wanted{}",
                    caught.unwanted,
                    caught.wanted,
                    said(caught)
                )?;
            }
        } else {
            writeln!(f, "Precision: unknown, no closed case tells of these calls")?;
        }
        Ok(())
    }

    fn thresholds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.raised.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nThresholds reached:")?;
        let width = self.raised.iter().map(|raised| raised.threshold.chars().count()).fold(9, usize::max);
        writeln!(f, "  {:width$}  {:>8} {:>9} {:>7}  first", "threshold", "warnings", "criticals", "before")?;
        let has_before = self.against.is_some();
        for raised in &self.raised {
            let mode = if raised.mode == "enforce" { String::new() } else { format!(" ({})", raised.mode) };
            let before = if has_before { raised.before.to_string() } else { "-".to_owned() };
            writeln!(
                f,
                "  {:width$}  {:>8} {:>9} {before:>7}  {}{mode}",
                printable(&raised.threshold),
                raised.warnings,
                raised.criticals,
                moment(&raised.first)
            )?;
        }
        Ok(())
    }

    fn first_calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.examples.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nThe first {} of them:", self.examples.len())?;
        for example in &self.examples {
            let talk =
                example.talk_seconds.map_or(String::new(), |seconds| format!(", talked {seconds:.0} s"));
            writeln!(
                f,
                "  {}  {} -> {}  {} -> {}{talk}",
                moment(&example.start),
                or_none(&example.caller),
                or_none(&example.called),
                example.from,
                example.to
            )?;
            writeln!(f, "      {}", printable(&example.reason))?;
            for turn in example.turning_points.iter().take(2) {
                writeln!(f, "      {turn}")?;
            }
        }
        Ok(())
    }

    fn unknown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = &self.unknown;
        let mut said: Vec<String> = Vec::new();
        for (count, what) in [
            (
                unknown.course,
                "calls were refused then and would go on: how, nobody knows, so thresholds that count answers may differ",
            ),
            (
                unknown.older,
                "records are from before it was kept which header named whom: every caller is taken as From",
            ),
            (unknown.cut, "texts were longer than what is kept of one"),
            (unknown.cut_short, "calls were let go early because too many were up at once"),
            (unknown.counters_forgotten, "counters were given up for want of memory: see --memory"),
        ] {
            if count > 0 {
                said.push(format!("{count} {what}"));
            }
        }
        said.extend(unknown.notes.iter().cloned());
        if self.is_same_policy {
            let same = &self.same;
            writeln!(
                f,
                "\nThe candidate is the policy that judged then: {} of {} verdicts come out alike",
                same.alike, same.records
            )?;
            let differing = [
                (same.action, "action"),
                (same.would, "would"),
                (same.rule, "rule"),
                (same.status, "status"),
            ];
            for (count, what) in differing.into_iter().filter(|(count, _)| *count > 0) {
                writeln!(f, "  {count} differ in {what}")?;
            }
        }
        if said.is_empty() {
            return write!(f, "\nWhat cannot be told: nothing that is known of.");
        }
        write!(f, "\nWhat cannot be told:")?;
        said.iter().try_for_each(|sentence| write!(f, "\n  {sentence}"))
    }
}

fn said(caught: &Caught) -> String {
    match (caught.precision, caught.interval) {
        (Some(precision), Some((low, high))) => format!(
            "; precision {:.1} % (95 % interval {:.1} to {:.1})",
            precision * 100.0,
            low * 100.0,
            high * 100.0
        ),
        _ => String::new(),
    }
}

fn short(version: &str) -> &str {
    version.get(..8).unwrap_or(version)
}

fn day(moment: &str) -> &str {
    moment.get(..10).unwrap_or(moment)
}

fn moment(moment: &str) -> String {
    moment.get(..19).unwrap_or(moment).replace('T', " ")
}

fn or_none(number: &str) -> &str {
    if number.is_empty() { "no number" } else { number }
}

fn share(some: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { some as f64 * 100.0 / all as f64 }
}

/// Lines of one table on a terminal.
const ROWS: usize = 20;
