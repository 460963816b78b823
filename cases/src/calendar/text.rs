//! Calendars as a person writes them: TOML, every mistake at once, each with its line.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZoneDatabase;
use serde::Deserialize;
use toml::Spanned;

use super::{Calendar, Hours, MINUTES_A_DAY};

/// Something in a text that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Line in the file, from 1.
    pub line: usize,
    /// What was found, and what would be right.
    pub what: String,
}

/// All that is wrong with a file, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

/// `[calendar.NAME]` as it stands in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarText {
    /// The calendar whose zone, week and listed days hold where this one says nothing.
    base: Option<Spanned<String>>,
    tz: Option<Spanned<String>>,
    week: Option<BTreeMap<Spanned<String>, Vec<Spanned<String>>>>,
    #[serde(default)]
    closed: Vec<Spanned<String>>,
    #[serde(default)]
    short: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
}

/// Collects what is wrong with one text.
pub(crate) struct Reader<'a> {
    text: &'a str,
    pub(crate) mistakes: Mistakes,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, mistakes: Mistakes::default() }
    }

    /// Reads what does not depend on meaning: syntax, keys and types.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        match toml::from_str(self.text) {
            Ok(read) => Some(read),
            Err(error) => {
                self.mistake(error.span().unwrap_or_default(), error.message().to_owned());
                None
            }
        }
    }

    pub(crate) fn mistake(&mut self, at: Range<usize>, what: String) {
        let line = self.text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1;
        self.mistakes.0.push(Mistake { line, what });
    }

    /// What was read, if nothing was wrong.
    pub(crate) fn finish<T>(mut self, read: Option<T>) -> Result<T, Mistakes> {
        self.mistakes.0.sort();
        match read {
            Some(read) if self.mistakes.0.is_empty() => Ok(read),
            _ => Err(self.mistakes),
        }
    }

    /// The calendars of a file. One that stands on another is read after it.
    pub(crate) fn calendars(
        &mut self,
        texts: &BTreeMap<Spanned<String>, CalendarText>,
    ) -> BTreeMap<String, Calendar> {
        let mut read: BTreeMap<String, Calendar> = BTreeMap::new();
        let mut waiting: Vec<_> = texts.iter().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|(name, text)| {
                let base = text.base.as_ref().map(|base| read.get(base.get_ref()).cloned());
                if matches!(base, Some(None)) {
                    return true;
                }
                let calendar = self.calendar(name, text, base.flatten());
                read.insert(name.get_ref().clone(), calendar);
                false
            });
            if waiting.len() == before {
                for base in waiting.iter().filter_map(|(_, text)| text.base.as_ref()) {
                    let what =
                        format!("no calendar {:?} that does not itself stand on this one", base.get_ref());
                    self.mistake(base.span(), what);
                }
                break;
            }
        }
        read
    }

    fn calendar(&mut self, name: &Spanned<String>, text: &CalendarText, base: Option<Calendar>) -> Calendar {
        if base.is_none() && text.tz.is_none() {
            self.mistake(name.span(), "a calendar needs tz, such as \"America/Chicago\", or base".to_owned());
        }
        let has_base = base.is_some();
        let mut calendar = base.unwrap_or_else(|| Calendar {
            name: String::new(),
            zone: jiff::tz::TimeZone::UTC,
            week: Default::default(),
            closed: Default::default(),
            short: Default::default(),
        });
        calendar.name.clone_from(name.get_ref());
        if let Some(zone) = &text.tz {
            match TimeZoneDatabase::bundled().get(zone.get_ref()) {
                Ok(zone) => calendar.zone = zone,
                Err(_) => {
                    let what =
                        format!("no time zone {:?}: they look like \"America/Chicago\"", zone.get_ref());
                    self.mistake(zone.span(), what);
                }
            }
        }
        self.week(name, text, &mut calendar, has_base);
        for written in &text.closed {
            let Some(date) = self.date(written) else { continue };
            if !calendar.closed.insert(date) && !has_base {
                self.mistake(written.span(), format!("{date} is listed twice"));
            }
            // What the base says of the day gives way.
            calendar.short.remove(&date);
        }
        for (written, hours) in &text.short {
            let Some(date) = self.date(written) else { continue };
            if text.closed.iter().any(|closed| closed.get_ref() == written.get_ref()) {
                self.mistake(written.span(), format!("{date} is closed and short"));
            }
            let hours = self.hours(hours);
            calendar.short.insert(date, hours);
        }
        calendar
    }

    fn week(&mut self, name: &Spanned<String>, text: &CalendarText, calendar: &mut Calendar, has_base: bool) {
        let Some(week) = &text.week else {
            if !has_base {
                self.mistake(
                    name.span(),
                    "a calendar needs week, such as { mon = [\"08:00-17:00\"] }".to_owned(),
                );
            }
            return;
        };
        calendar.week = Default::default();
        for (day, hours) in week {
            let Some(index) = DAYS.iter().position(|it| it == day.get_ref()) else {
                self.mistake(day.span(), format!("no day {:?}: {}", day.get_ref(), DAYS.join(", ")));
                continue;
            };
            let hours = self.hours(hours);
            if let Some(of_day) = calendar.week.get_mut(index) {
                *of_day = hours;
            }
        }
    }

    fn date(&mut self, written: &Spanned<String>) -> Option<Date> {
        let date = written.get_ref().parse().ok();
        if date.is_none() {
            self.mistake(
                written.span(),
                format!("{:?} is no date: they look like 2026-11-26", written.get_ref()),
            );
        }
        date
    }

    fn hours(&mut self, written: &[Spanned<String>]) -> Vec<Hours> {
        let mut all: Vec<Hours> = Vec::new();
        for one in written {
            let Some(hours) = parse_hours(one.get_ref()) else {
                let what =
                    format!("{:?} are no hours: they look like 08:00-17:00, 24:00 at most", one.get_ref());
                self.mistake(one.span(), what);
                continue;
            };
            if all.last().is_some_and(|before| hours.open < before.close) {
                self.mistake(
                    one.span(),
                    format!("{:?} begins before what stands before it ends", one.get_ref()),
                );
                continue;
            }
            match all.last_mut().filter(|before| before.close == hours.open) {
                Some(before) => before.close = hours.close,
                None => all.push(hours),
            }
        }
        all
    }
}

fn parse_hours(text: &str) -> Option<Hours> {
    let (open, close) = text.split_once('-')?;
    let (open, close) = (parse_minute(open.trim())?, parse_minute(close.trim())?);
    (open < close).then_some(Hours { open, close })
}

fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let is_written = (1..=2).contains(&hour.len()) && minute.len() == 2;
    let are_digits = hour.bytes().chain(minute.bytes()).all(|it| it.is_ascii_digit());
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (is_written && are_digits && minute < 60 && total <= MINUTES_A_DAY).then_some(total)
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Mistake { line, what }) in self.0.iter().enumerate() {
            let end = if index + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "line {line}: {what}{end}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
