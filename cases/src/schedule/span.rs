//! Which days a run is about, from when it is due.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Days, When};
use crate::calendar::instant;

/// Which days a run is about. Its text is what is typed, stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Span {
    /// Whole days up to the one that it is due on, without that one: `7 days`.
    Days(u16),
    /// The day that it is due on, until then: `today`.
    Today,
    /// The month before: `month`.
    Month,
    /// The month that it is due in, until then: `this-month`.
    ThisMonth,
    /// The quarter before: `quarter`.
    Quarter,
    /// From a day to another, both whole: `2026-03-04..2026-03-10`.
    Fixed(Date, Date),
}

/// What a report is about: `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Span {
    /// What is usual for a schedule that runs so often.
    pub const fn usual(when: &When) -> Self {
        match when {
            When::On(Days::Every, _) | When::Cron(_) => Self::Days(1),
            When::On(Days::Business, _) => Self::Today,
            When::On(Days::Weekly(_), _) | When::Once => Self::Days(7),
            When::On(Days::Fortnightly { .. }, _) => Self::Days(14),
            When::On(Days::Monthly(_) | Days::NthBusiness(_), _) => Self::Month,
            When::On(Days::LastBusiness, _) => Self::ThisMonth,
            When::On(Days::Quarterly, _) => Self::Quarter,
        }
    }

    /// Which days as a reader of reports says it: `the 7 days before`.
    pub fn words(self) -> String {
        match self {
            Self::Days(1) => "the day before".to_owned(),
            Self::Days(days) => format!("the {days} days before"),
            Self::Today => "that day until then".to_owned(),
            Self::Month => "the month before".to_owned(),
            Self::ThisMonth => "that month until then".to_owned(),
            Self::Quarter => "the quarter before".to_owned(),
            Self::Fixed(first, last) => format!("{first} to {last}"),
        }
    }

    /// The moments that a run which is due at `due` is about. Days begin at midnight of `zone`, so they have 23 and 25 hours
    /// as well.
    pub fn covered(self, due: Timestamp, zone: &TimeZone) -> Option<Covered> {
        let today = zone.to_datetime(instant(due)).date();
        let month = today.first_of_month();
        let (first, last) = match self {
            Self::Days(days) => (today.checked_sub(i64::from(days).days()).ok()?, today),
            Self::Today => (today, today),
            Self::Month => (month.checked_sub(1.month()).ok()?, month),
            Self::ThisMonth => (month, today),
            Self::Quarter => {
                let into = i64::from((today.month() - 1) % 3);
                let quarter = month.checked_sub(into.months()).ok()?;
                (quarter.checked_sub(3.months()).ok()?, quarter)
            }
            Self::Fixed(first, last) => (first, last.tomorrow().ok()?),
        };
        let from = start(zone, first)?;
        let to = if matches!(self, Self::Today | Self::ThisMonth) { due } else { start(zone, last)? };
        Some(Covered { from, to })
    }
}

impl Covered {
    /// The days of it in words, as a person of `zone` reads them.
    pub fn words(self, zone: &TimeZone) -> String {
        let day = |at: Timestamp| zone.to_datetime(instant(at)).date();
        let (first, last) = (day(self.from), day(Timestamp(self.to.0.saturating_sub(1))));
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    }
}

fn start(zone: &TimeZone, date: Date) -> Option<Timestamp> {
    let start = date.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(start.timestamp().as_microsecond()))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
            Self::Today => f.write_str("today"),
            Self::Month => f.write_str("month"),
            Self::ThisMonth => f.write_str("this-month"),
            Self::Quarter => f.write_str("quarter"),
            Self::Fixed(first, last) => write!(f, "{first}..{last}"),
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no span: 1 day, 7 days, today, month, this-month, quarter, 2026-03-04..2026-03-10"
            )
        };
        let days = text.strip_suffix(" days").or_else(|| text.strip_suffix(" day"));
        Ok(match text {
            "today" => Self::Today,
            "month" => Self::Month,
            "this-month" => Self::ThisMonth,
            "quarter" => Self::Quarter,
            _ => match (days, text.split_once("..")) {
                (Some(days), _) => {
                    let days = days.trim().parse().ok().filter(|it| (1..=DAYS_MAX).contains(it));
                    Self::Days(days.ok_or_else(wrong)?)
                }
                (None, Some((first, last))) => {
                    let date = |text: &str| text.parse::<Date>().map_err(|_| wrong());
                    let (first, last) = (date(first)?, date(last)?);
                    if last < first {
                        return Err(format!("from {first} to {last}: the last day lies before the first"));
                    }
                    Self::Fixed(first, last)
                }
                (None, None) => return Err(wrong()),
            },
        })
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Two years and a day.
const DAYS_MAX: u16 = 731;
