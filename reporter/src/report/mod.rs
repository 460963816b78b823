//! What each report says: from figures and cases to a document.
//!
//! A report is a function of [`Facts`]; nothing here reads a file or asks a clock, so the same facts are the same document.

mod callers;
mod calls;
mod charts;
mod desk;
mod dossier;
mod fraud;
mod hygiene;
mod identity;
mod monthly;
mod parts;
mod review;
mod sentences;
mod sight;
mod weekly;

use cases::Case;
use cases::audit::Entry;
use cases::statement::ClockRow;
use jiff::tz::TimeZone;
use records::Call;
use rules::Timestamp;

use crate::document::{Document, SCHEMA, Section, Stamp};
use crate::metrics::{Answers, Measures, Period};

/// A report over calls.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// By which it is ordered.
    pub name: &'static str,
    /// At the top of it.
    pub title: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// Whether it tells of single calls.
    pub holds_calls: bool,
    /// What it needs beside the figures of its period.
    pub wants: Wants,
    sections: fn(&Facts<'_>) -> Vec<Section>,
}

/// What a report needs beside the figures of its period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The figures of the period before, and of the same one 52 weeks ago.
    pub comparison: bool,
    /// Those of each of thirteen months.
    pub months: bool,
    /// Single calls.
    pub calls: bool,
}

/// What a report is made from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Whose.
    pub customer: &'a str,
    /// What it is about.
    pub period: Period,
    /// Whose clock hours and days are of.
    pub zone: &'a TimeZone,
    /// What it is made from and when.
    pub stamp: Stamp,
    /// Where links lead that begin with `/`.
    pub desk: Option<&'a str>,
    /// ISO 4217.
    pub currency: &'a str,
    /// The figures of the period.
    pub answers: &'a Answers,
    /// Those of as long before it.
    pub before: Option<&'a Answers>,
    /// Those of the same period 52 weeks ago.
    pub year_ago: Option<&'a Answers>,
    /// Those of each month up to the period's, the first one first, with what it is called.
    pub months: &'a [(String, Answers)],
    /// What the desk's metrics say of the period.
    pub measures: &'a Measures,
    /// All cases of the customer that were opened before the period ended.
    pub cases: &'a [Case],
    /// What was done with them.
    pub audit: &'a [Entry],
    /// Their clocks that ran in the period.
    pub clocks: &'a [ClockRow],
    /// Single calls, at most so many as a report shows.
    pub calls: &'a [Call],
    /// Calls that there are beyond those.
    pub calls_left_out: u64,
    /// Of all of them, shown or not, those that were refused.
    pub calls_blocked: u64,
    /// By what they were chosen, in words; nothing for all of the period.
    pub calls_wanted: &'a [(&'static str, String)],
    /// Whom a dossier is about: E.164 digits.
    pub caller: Option<u64>,
}

impl Report {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        weekly::REPORT,
        monthly::REPORT,
        fraud::REPORT,
        identity::REPORT,
        hygiene::REPORT,
        review::REPORT,
        dossier::REPORT,
        calls::REPORT,
    ];

    /// The report that `name` names.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|report| report.name == name)
    }

    /// It, from `facts`.
    pub fn write(&self, facts: &Facts<'_>) -> Document {
        let mut sections = (self.sections)(facts);
        sections.push(parts::method(facts, &sections));
        let zone = facts.zone.iana_name().unwrap_or("UTC").to_owned();
        let period = crate::document::Period { from: facts.period.from, to: facts.period.to, zone };
        Document {
            schema: SCHEMA,
            title: self.title.to_owned(),
            subtitle: facts.caller.map(|caller| format!("+{caller}")),
            customer: facts.customer.to_owned(),
            period,
            desk: facts.desk.map(str::to_owned),
            stamp: facts.stamp.clone(),
            sections,
        }
        .seal()
    }
}

impl Facts<'_> {
    /// Cases that were opened in the period.
    fn opened(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| self.period.contains(case.opened))
    }

    /// Whether a moment lies behind what the report may know.
    fn is_after(&self, at: Timestamp) -> bool {
        at >= self.period.to
    }
}
