//! Requests for reports (P-1 to P-5): what was understood, with what was assumed.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use super::address::{domain_of, is_within, normal};
use super::date::{self, Order, Period, plainly, weekday};
use super::directory::{Role, Tenant};
use super::limits::RECIPIENTS_MAX;
use super::template::{Field, Label};
use super::words::{holds, words};
use rules::Timestamp;

/// What report is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRequest {
    /// Whose numbers.
    pub side: Side,
    /// Which way.
    pub direction: Direction,
    /// From when to when; `None` when it could not be read.
    pub period: Option<Period>,
    /// How often.
    pub recurrence: Recurrence,
    /// The first day that it runs on; `None` for a report of one time, which runs at once.
    pub first_run: Option<Date>,
    /// Who is to get it.
    pub recipients: Vec<Recipient>,
    /// What was assumed, and what cannot be as it was asked for.
    pub notices: Vec<String>,
}

/// Whose numbers a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The customer's own.
    Internal,
    /// All others.
    External,
    /// Both, also when nothing was said.
    Both,
}

/// Which way calls went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the customer.
    Inbound,
    /// From it.
    Outbound,
    /// Both, also when nothing was said.
    Both,
}

/// How often a report runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// Once, also when nothing was said.
    OneTime,
    /// Every day.
    Daily,
    /// Every so many weeks on a day.
    Weekly {
        /// Weeks from one to the next, 1 or 2.
        every_weeks: i8,
        /// The day.
        day: Weekday,
    },
    /// Every month on a day; the last day where the month has no such day.
    Monthly {
        /// The day of the month.
        day: i8,
    },
    /// Every month on its last Monday to Friday.
    MonthlyLastBusinessDay,
    /// Every quarter, on its first day.
    Quarterly,
}

/// Somebody who is to get a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Its address.
    pub address: String,
    /// Whether it may get reports: a contact with that role, or in a domain that an authoriser confirmed. The others wait.
    pub is_allowed: bool,
}

impl ReportRequest {
    /// Reads the fields of a request, or its whole text where it has none. `text` is the author's own.
    pub(super) fn read(
        fields: &[&Field],
        text: &str,
        sender: &str,
        tenant: Option<&Tenant>,
        now: Timestamp,
    ) -> Self {
        let value = |label: Label| fields.iter().find(|it| it.label == label).map(|it| it.text());
        let today = today(tenant, now);
        let region = tenant.and_then(|it| it.plans.first()).map_or("US", |it| it.region.as_str());
        let order = Order::of_region(region);
        let mut notices = Vec::new();

        let period = value(Label::Period)
            .or_else(|| Some(text.to_owned()))
            .and_then(|it| date::period(&it, today, order));
        let bound = |label| value(label).and_then(|it| date::dates(&it, today, order).first().copied());
        let period = match (bound(Label::Start), bound(Label::End)) {
            (Some(first), Some(last)) => Some(Period { first, last }),
            (Some(first), None) => Some(Period { first, last: today }),
            _ => period,
        };
        let recurrence_text = value(Label::Recurrence);
        let said = recurrence(&words(recurrence_text.as_deref().unwrap_or(text)));
        match (said, recurrence_text.as_deref().map_or("", str::trim)) {
            (None, "") => notices.push("nothing was said of how often: one time".to_owned()),
            (None, other) => {
                notices.push(format!("no report runs {other:?}: one time, until somebody says how often"))
            }
            (Some(_), _) => {}
        }
        let recurrence = said.unwrap_or(Recurrence::OneTime);
        let period = period.and_then(|it| checked(it, today, tenant, recurrence, &mut notices));
        let side_text = value(Label::Side).unwrap_or_else(|| text.to_owned());
        let direction_text = value(Label::Direction).unwrap_or_else(|| text.to_owned());
        Self {
            side: side(&words(&side_text)),
            direction: direction(&words(&direction_text)),
            period,
            recurrence,
            first_run: recurrence.first_run(today),
            recipients: recipients(&value(Label::Recipients).unwrap_or_default(), sender, tenant, now),
            notices,
        }
    }
}

fn today(tenant: Option<&Tenant>, now: Timestamp) -> Date {
    let zone =
        tenant.and_then(|it| jiff::tz::TimeZone::get(&it.zone).ok()).unwrap_or(jiff::tz::TimeZone::UTC);
    let instant = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
    instant.to_zoned(zone).date()
}

/// P-2: what a period may not be.
fn checked(
    period: Period,
    today: Date,
    tenant: Option<&Tenant>,
    recurrence: Recurrence,
    notices: &mut Vec<String>,
) -> Option<Period> {
    if period.last < period.first {
        notices.push(format!("the period ends before it begins: {period}"));
        return None;
    }
    if period.first > today && recurrence == Recurrence::OneTime {
        notices.push(format!("the period lies in the future: {period}"));
        return None;
    }
    let kept = tenant.and_then(|it| it.records_days).and_then(|days| today.checked_sub(days.days()).ok());
    match kept {
        Some(kept) if period.last < kept => {
            notices.push(format!("there are records only from {}", plainly(kept)));
            None
        }
        Some(kept) if period.first < kept => {
            notices.push(format!("there are records only from {}; the report begins there", plainly(kept)));
            Some(Period { first: kept, ..period })
        }
        _ => Some(period),
    }
}

fn side(words: &[String]) -> Side {
    let internal =
        words.iter().any(|it| matches!(it.as_str(), "internal" | "interno" | "internos" | "internas"));
    let external =
        words.iter().any(|it| matches!(it.as_str(), "external" | "externo" | "externos" | "externas"));
    match (internal, external) {
        (true, false) => Side::Internal,
        (false, true) => Side::External,
        _ => Side::Both,
    }
}

fn direction(words: &[String]) -> Direction {
    let any = |known: &[&str]| words.iter().any(|it| known.contains(&it.as_str()));
    let inbound = any(&["inbound", "incoming", "entrante", "entrantes"]);
    let outbound = any(&["outbound", "outgoing", "saliente", "salientes"]);
    match (inbound && !any(&["both", "ambas"]), outbound && !any(&["both", "ambas"])) {
        (true, false) => Direction::Inbound,
        (false, true) => Direction::Outbound,
        _ => Direction::Both,
    }
}

/// `None` where nothing that is said means any.
fn recurrence(words: &[String]) -> Option<Recurrence> {
    let any = |phrases: &[&str]| phrases.iter().any(|it| holds(words, it));
    let day = words.iter().find_map(|it| weekday(it)).unwrap_or(Weekday::Monday);
    let is_every = |before: &[String]| match before {
        [.., every, other] if matches!(other.as_str(), "other" | "second") => is_each(every).then_some(2),
        [.., every] if is_each(every) => Some(1),
        _ => None,
    };
    let on_days = words.iter().enumerate().find_map(|(at, word)| {
        let day = weekday(word)?;
        let every_weeks = is_every(words.get(..at)?).or_else(|| word.ends_with("days").then_some(1))?;
        Some(Recurrence::Weekly { every_weeks, day })
    });
    let month_day = words.iter().find_map(|it| {
        let digits = it.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        digits.parse::<i8>().ok().filter(|it| (1..=31).contains(it))
    });
    Some(if any(&["one time", "once", "onetime", "una vez", "single"]) {
        Recurrence::OneTime
    } else if any(&[
        "bi weekly",
        "biweekly",
        "every two weeks",
        "every 2 weeks",
        "fortnightly",
        "quincenal",
        "every other week",
    ]) {
        Recurrence::Weekly { every_weeks: 2, day }
    } else if let Some(on_days) = on_days {
        on_days
    } else if any(&["daily", "every day", "each day", "weekdays", "diario", "diaria", "diariamente"]) {
        Recurrence::Daily
    } else if any(&["weekly", "every week", "each week", "semanal", "semanalmente"]) {
        Recurrence::Weekly { every_weeks: 1, day }
    } else if any(&["last business day", "ultimo dia habil"]) {
        Recurrence::MonthlyLastBusinessDay
    } else if any(&["quarterly", "every quarter", "trimestral"]) {
        Recurrence::Quarterly
    } else if any(&["monthly", "every month", "each month", "mensual", "mensualmente"]) {
        Recurrence::Monthly { day: month_day.unwrap_or(1) }
    } else {
        return None;
    })
}

fn is_each(word: &str) -> bool {
    matches!(word, "every" | "each" | "cada")
}

impl Recurrence {
    /// The first day behind `today` that it runs on.
    pub fn first_run(self, today: Date) -> Option<Date> {
        let tomorrow = today.tomorrow().ok()?;
        match self {
            Self::OneTime => None,
            Self::Daily => Some(tomorrow),
            Self::Weekly { day, .. } => today.nth_weekday(1, day).ok(),
            Self::Monthly { day } => of_month(tomorrow, |month| with_day(month, day)),
            Self::MonthlyLastBusinessDay => of_month(tomorrow, |month| {
                let last = month.last_of_month();
                let weekend = i64::from(last.weekday().to_monday_one_offset()) - 5;
                last.checked_sub(weekend.max(0).days()).ok()
            }),
            Self::Quarterly => {
                let months = 3 - (today.month() - 1) % 3;
                today.first_of_month().checked_add(i32::from(months).months()).ok()
            }
        }
    }
}

/// The day of the month of `from`, or of the next one when that has been.
fn of_month(from: Date, day: impl Fn(Date) -> Option<Date>) -> Option<Date> {
    day(from).filter(|it| *it >= from).or_else(|| day(from.last_of_month().tomorrow().ok()?))
}

fn with_day(month: Date, day: i8) -> Option<Date> {
    Some(Date::new(month.year(), month.month(), day).unwrap_or_else(|_| month.last_of_month()))
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneTime => f.write_str("one time"),
            Self::Daily => f.write_str("every day"),
            Self::Weekly { every_weeks: 1, day } => write!(f, "every week on {day:?}"),
            Self::Weekly { every_weeks, day } => write!(f, "every {every_weeks} weeks on {day:?}"),
            Self::Monthly { day } => write!(f, "every month on day {day}, or the last one before it"),
            Self::MonthlyLastBusinessDay => f.write_str("every month on its last business day"),
            Self::Quarterly => f.write_str("every quarter on its first day"),
        }
    }
}

/// P-5: who is named; without anybody, the sender.
fn recipients(text: &str, sender: &str, tenant: Option<&Tenant>, now: Timestamp) -> Vec<Recipient> {
    let named = text
        .split(|it: char| it.is_whitespace() || matches!(it, ',' | ';' | '<' | '>' | '(' | ')' | '"'))
        .filter(|it| it.contains('@'))
        .map(|it| normal(it.trim_start_matches("mailto:").trim_end_matches(['.', ':'])));
    let mut addresses: Vec<String> = Vec::new();
    for address in named.take(RECIPIENTS_MAX * 4) {
        if addresses.len() < RECIPIENTS_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() && !sender.is_empty() {
        addresses.push(sender.to_owned());
    }
    let is_allowed = |address: &str| {
        tenant.is_some_and(|tenant| {
            let is_recipient = tenant.contacts.iter().any(|contact| {
                contact.roles.contains(&Role::ReportRecipient)
                    && contact.is_valid_at(now)
                    && contact.addresses.iter().any(|it| normal(it) == address)
            });
            is_recipient || tenant.report_domains.iter().any(|it| is_within(&domain_of(address), it))
        })
    };
    addresses.into_iter().map(|address| Recipient { is_allowed: is_allowed(&address), address }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn p4_recurrences_are_read_and_their_first_run_is_known() {
        // A Monday.
        let today = date(2026, 10, 5);
        for (text, shown, first) in [
            ("one time", "one time", None),
            ("", "one time", None),
            ("daily", "every day", Some(date(2026, 10, 6))),
            ("weekly", "every week on Monday", Some(date(2026, 10, 12))),
            ("weekly on Friday", "every week on Friday", Some(date(2026, 10, 9))),
            ("bi-weekly", "every 2 weeks on Monday", Some(date(2026, 10, 12))),
            ("monthly", "every month on day 1, or the last one before it", Some(date(2026, 11, 1))),
            (
                "monthly on the 31st",
                "every month on day 31, or the last one before it",
                Some(date(2026, 10, 31)),
            ),
            ("monthly, last business day", "every month on its last business day", Some(date(2026, 10, 30))),
            ("quarterly", "every quarter on its first day", Some(date(2027, 1, 1))),
            ("semanal", "every week on Monday", Some(date(2026, 10, 12))),
        ] {
            let read = recurrence(&words(text)).unwrap_or(Recurrence::OneTime);
            assert_eq!((read.to_string().as_str(), read.first_run(today)), (shown, first), "{text}");
        }
        assert_eq!(["", "annually", "every hour"].map(|text| recurrence(&words(text))), [None; 3]);
        let short = Recurrence::Monthly { day: 31 };
        assert_eq!(short.first_run(date(2026, 10, 31)), Some(date(2026, 11, 30)));
        assert_eq!(short.first_run(date(2027, 2, 3)), Some(date(2027, 2, 28)));
    }

    #[test]
    fn p2_a_period_that_cannot_be_is_asked_back() {
        let today = date(2026, 10, 5);
        let check = |first, last, expected: Option<(Date, Date)>, said: &str| {
            let tenant = Tenant { records_days: Some(90), ..Tenant::default() };
            let mut notices = Vec::new();
            let found =
                checked(Period { first, last }, today, Some(&tenant), Recurrence::OneTime, &mut notices);
            assert_eq!(found.map(|it| (it.first, it.last)), expected);
            assert!(notices.concat().contains(said), "{notices:?}");
        };
        check(date(2026, 9, 5), date(2026, 9, 1), None, "ends before it begins");
        check(date(2026, 11, 5), date(2026, 11, 6), None, "in the future");
        check(date(2026, 1, 1), date(2026, 2, 1), None, "only from 2026-07-07 (7 July)");
        check(date(2026, 1, 1), date(2026, 9, 1), Some((date(2026, 7, 7), date(2026, 9, 1))), "begins there");
        check(date(2026, 9, 1), date(2026, 9, 2), Some((date(2026, 9, 1), date(2026, 9, 2))), "");
    }
}
