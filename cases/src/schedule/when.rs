//! When a schedule runs: wall time in a zone, on days that a rule names.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{ToSpan, Zoned};
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Calendar;
use crate::calendar::instant;

/// When a schedule runs. Its text is what is typed, stored and shown: `weekly mon 07:00`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum When {
    /// At once, and never again: `once`.
    Once,
    /// On days that a rule names, at a wall time.
    On(Days, Time),
    /// By an expression of cron with five fields: `cron 0 7 * * 1-5`.
    Cron(Expression),
}

/// On which days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    /// On every day: `daily`.
    Every,
    /// On every day that the desk is open: `business-days`.
    Business,
    /// On a weekday: `weekly mon`.
    Weekly(Weekday),
    /// On every second such day, counted from the Monday 1970-01-05: `biweekly mon`.
    Fortnightly {
        /// The day.
        day: Weekday,
        /// Whether it is the other one of two weeks: `biweekly-odd mon`.
        is_odd: bool,
    },
    /// On a day of the month, or the last one where the month has no such day: `monthly 31`.
    Monthly(i8),
    /// On a business day of the month counted from its first: `business-day 2`.
    NthBusiness(u8),
    /// On the last business day of the month: `last-business-day`.
    LastBusiness,
    /// On the first day of each quarter: `quarterly`.
    Quarterly,
}

/// An expression of cron.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    cron: Box<Cron>,
}

impl When {
    /// The first time after `after` that it runs. A wall time that the day leaves out is the moment after the gap; one that
    /// comes twice is the first of them. `None` when there is none within ten years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone, calendar: &Calendar) -> Option<Timestamp> {
        match self {
            Self::Once => None,
            Self::Cron(expression) => {
                let from = instant(after).to_zoned(zone.clone());
                let next: Zoned = expression.cron.find_next_occurrence(&from, false).ok()?;
                Some(Timestamp(next.timestamp().as_microsecond()))
            }
            Self::On(days, time) => {
                let today = zone.to_datetime(instant(after)).date();
                std::iter::successors(Some(today), |date| date.tomorrow().ok())
                    .take(crate::limits::CALENDAR_DAYS_MAX)
                    .filter(|date| days.has(*date, calendar))
                    .find_map(|date| at(zone, date, *time).filter(|it| *it > after))
            }
        }
    }

    /// Every time after `after` and until `until` that it ran, the latest `count` of them, the oldest first, and how many there
    /// were in all, as far as they are counted.
    pub fn between(
        &self,
        after: Timestamp,
        until: Timestamp,
        count: usize,
        of: (&TimeZone, &Calendar),
    ) -> (Vec<Timestamp>, usize) {
        let mut times = std::collections::VecDeque::new();
        let mut all = 0;
        let mut last = after;
        while let Some(next) = self.next(last, of.0, of.1).filter(|it| *it <= until) {
            last = next;
            all += 1;
            times.push_back(next);
            if times.len() > count {
                times.pop_front();
            }
            if all >= crate::limits::SCHEDULE_MISSED_MAX {
                break;
            }
        }
        (times.into(), all)
    }

    /// When it runs as a reader of reports says it: `every Monday at 07:00`.
    pub fn words(&self) -> String {
        let (days, time) = match self {
            Self::Once => return "once".to_owned(),
            Self::Cron(expression) => return format!("by the cron expression {}", expression.text),
            Self::On(days, time) => (days, time.strftime("at %H:%M")),
        };
        match days {
            Days::Every => format!("every day {time}"),
            Days::Business => format!("every business day {time}"),
            Days::Weekly(day) => format!("every {day:?} {time}"),
            Days::Fortnightly { day, .. } => format!("every second {day:?} {time}"),
            // Of a month that is shorter it is the last day.
            Days::Monthly(31) => format!("on the last day of every month {time}"),
            Days::Monthly(day) => format!("on day {day} of every month {time}"),
            Days::NthBusiness(count) => format!("on business day {count} of every month {time}"),
            Days::LastBusiness => format!("on the last business day of every month {time}"),
            Days::Quarterly => format!("on the first day of every quarter {time}"),
        }
    }
}

impl Days {
    fn has(self, date: Date, calendar: &Calendar) -> bool {
        let is_business = |date: Date| calendar.shut(date).is_none();
        match self {
            Self::Every => true,
            Self::Business => is_business(date),
            Self::Weekly(day) => date.weekday() == day,
            Self::Fortnightly { day, is_odd } => date.weekday() == day && week(date) % 2 == i32::from(is_odd),
            Self::Monthly(day) => date.day() == day.min(date.days_in_month()),
            Self::NthBusiness(count) => {
                let before = days_of_month(date).filter(|it| *it <= date && is_business(*it)).count();
                is_business(date) && before == usize::from(count)
            }
            Self::LastBusiness => {
                is_business(date) && !days_of_month(date).any(|it| it > date && is_business(it))
            }
            Self::Quarterly => date.day() == 1 && (date.month() - 1) % 3 == 0,
        }
    }

    /// The fortnight whose next `day` after `today` is in it.
    pub fn fortnightly(day: Weekday, today: Date) -> Self {
        let is_odd = today.nth_weekday(1, day).is_ok_and(|next| week(next) % 2 == 1);
        Self::Fortnightly { day, is_odd }
    }
}

/// Weeks since the one that began on Monday 1970-01-05.
fn week(date: Date) -> i32 {
    let days = date.since(Date::constant(1970, 1, 5)).map_or(0, |span| span.get_days());
    days.div_euclid(7)
}

fn days_of_month(date: Date) -> impl Iterator<Item = Date> {
    let first = date.first_of_month();
    (0..date.days_in_month()).filter_map(move |days| first.checked_add(i64::from(days).days()).ok())
}

/// The moment of a wall time.
fn at(zone: &TimeZone, date: Date, time: Time) -> Option<Timestamp> {
    let wall = date.to_datetime(time);
    let moment = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok()?,
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok()?,
        // By the offset from behind the gap the wall time lies before it, and the change is what follows.
        AmbiguousOffset::Gap { after, .. } => {
            zone.following(after.to_timestamp(wall).ok()?).next()?.timestamp()
        }
    };
    Some(Timestamp(moment.as_microsecond()))
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |day: &Weekday| format!("{day:?}").to_lowercase().chars().take(3).collect::<String>();
        let (days, time) = match self {
            Self::Once => return f.write_str("once"),
            Self::Cron(expression) => return write!(f, "cron {}", expression.text),
            Self::On(days, time) => (days, time.strftime("%H:%M")),
        };
        match days {
            Days::Every => write!(f, "daily {time}"),
            Days::Business => write!(f, "business-days {time}"),
            Days::Weekly(it) => write!(f, "weekly {} {time}", day(it)),
            Days::Fortnightly { day: it, is_odd: false } => write!(f, "biweekly {} {time}", day(it)),
            Days::Fortnightly { day: it, is_odd: true } => write!(f, "biweekly-odd {} {time}", day(it)),
            Days::Monthly(it) => write!(f, "monthly {it} {time}"),
            Days::NthBusiness(it) => write!(f, "business-day {it} {time}"),
            Days::LastBusiness => write!(f, "last-business-day {time}"),
            Days::Quarterly => write!(f, "quarterly {time}"),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "once" {
            return Ok(Self::Once);
        }
        // Without anything behind it the blank is gone.
        if let Some(expression) = text.strip_prefix("cron ").or_else(|| (text == "cron").then_some("")) {
            return Expression::parse(expression).map(Self::Cron);
        }
        let mut words = text.split_whitespace();
        let (rule, mut rest) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
        let time = rest.pop().and_then(|it| Time::strptime("%H:%M", it).ok());
        let time = time.ok_or_else(|| format!("{text:?} does not end with a time such as 07:00"))?;
        let day = |rest: &[&str]| match rest {
            [day] => weekday(day).ok_or_else(|| format!("{day:?} is no weekday: mon, tue, …")),
            _ => Err(format!("{text:?} wants one weekday: {rule} mon 07:00")),
        };
        let number = |rest: &[&str], max: u8| match rest {
            [number] => number
                .parse::<u8>()
                .ok()
                .filter(|it| (1..=max).contains(it))
                .ok_or_else(|| format!("{number:?} is no number from 1 to {max}")),
            _ => Err(format!("{text:?} wants one number: {rule} 2 07:00")),
        };
        let days = match rule {
            "weekly" => Days::Weekly(day(&rest)?),
            "biweekly" => Days::Fortnightly { day: day(&rest)?, is_odd: false },
            "biweekly-odd" => Days::Fortnightly { day: day(&rest)?, is_odd: true },
            "monthly" => Days::Monthly(i8::try_from(number(&rest, 31)?).unwrap_or(31)),
            "business-day" => Days::NthBusiness(number(&rest, 15)?),
            _ if !rest.is_empty() => return Err(format!("{text:?} is no schedule: {FORMS}")),
            "daily" => Days::Every,
            "business-days" => Days::Business,
            "last-business-day" => Days::LastBusiness,
            "quarterly" => Days::Quarterly,
            _ => return Err(format!("{text:?} is no schedule: {FORMS}")),
        };
        Ok(Self::On(days, time))
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let place = days.iter().position(|it| text.to_lowercase().starts_with(it))?;
    Weekday::from_monday_zero_offset(i8::try_from(place).ok()?).ok()
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.to_string()
    }
}

impl TryFrom<String> for When {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Expression {
    /// Reads five fields: minute, hour, day of the month, month, weekday. Seconds and years are none of a report's.
    ///
    /// # Errors
    /// It is none, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return Err("an expression of cron has five fields, such as 0 7 * * 1-5".to_owned());
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&text).map_err(|error| format!("{text:?} is no cron expression: {error}"))?;
        // Whatever runs more often than hourly is no report that anybody reads.
        let minute = text.split(' ').next().unwrap_or_default();
        if minute.parse::<u8>().is_err() {
            return Err(format!("{text:?}: the minute is one number; reports run once an hour at most"));
        }
        Ok(Self { text, cron: Box::new(cron) })
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

const FORMS: &str = "once, daily 07:00, business-days 17:15, weekly mon 07:00, biweekly mon 07:00, monthly 31 07:00, \
business-day 2 07:00, last-business-day 07:00, quarterly 07:00, cron 0 7 * * 1-5";
