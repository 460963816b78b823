//! Durations, dates, moments and times of the week.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::Reader;
use super::fields::{Fields, Node};
use crate::policy::{Code, Span, WeekSet};
use crate::time::Timestamp;

/// Reads `90s`, `10m`, `1h`, `31d`, `2w`, `500ms`, or several of them (`1h30m`), as microseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let micros: i64 = match unit {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            "w" => 604_800_000_000,
            _ => return None,
        };
        total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(micros)?)?;
        rest = tail.trim_start();
    }
    Some(total)
}

/// Reads a date, or a moment of RFC 3339 (seconds may be left off); without an offset it is in `zone`.
/// A date alone is its first moment.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(moment.as_microsecond()));
    }
    let civil = match text.parse::<Date>() {
        Ok(date) if text.len() <= 10 => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().ok()?,
    };
    let zoned = civil.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(zoned.timestamp().as_microsecond()))
}

/// The moment an entry or rule ends whose last day is `text`: the end of that day, or the moment itself.
pub(crate) fn end(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() <= 10 {
        let date = text.parse::<Date>().ok()?;
        let next = date.tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight());
        return Some(Timestamp(next.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond()));
    }
    moment(text, zone)
}

/// Days of the week, Monday first: `Mon-Fri`, `Sat,Sun`, `daily`.
pub(super) fn days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',').map(str::trim) {
        if part.eq_ignore_ascii_case("daily") {
            days = [true; 7];
            continue;
        }
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let length = (last + 7 - first) % 7 + 1;
        for index in first..first + length {
            if let Some(slot) = days.get_mut(index % 7) {
                *slot = true;
            }
        }
    }
    Some(days)
}

fn day(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_lowercase();
    DAYS.iter().position(|name| *name == text || name.get(..3) == Some(text.as_str()))
}

/// Minutes of the day, `08:00-17:00`; an end at or before the start is on the next day.
pub(super) fn clock_range(text: &str) -> Option<(usize, usize)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (clock(from)?, clock(to)?);
    (from < 1440).then_some((from, to))
}

fn clock(text: &str) -> Option<usize> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let plain = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(hours) || !plain(minutes) {
        return None;
    }
    let (hours, minutes): (usize, usize) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((hours < 24 && minutes < 60) || (hours == 24 && minutes == 0)).then_some(hours * 60 + minutes)
}

/// `Mon-Fri 18:00-06:00`, days alone, or hours alone (every day); several hours are parted by commas.
pub(super) fn weekly(text: &str) -> Option<WeekSet> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let (day_part, clock_part) = match text.find(|c: char| c.is_ascii_digit()) {
        Some(at) => (text.get(..at)?.trim(), text.get(at..)?.trim()),
        None => (text, "00:00-24:00"),
    };
    let chosen = if day_part.is_empty() { [true; 7] } else { days(day_part)? };
    let mut week = WeekSet::EMPTY;
    for range in clock_part.split(',') {
        let (from, to) = clock_range(range)?;
        for (weekday, _) in chosen.iter().enumerate().filter(|(_, on)| **on) {
            week.add(weekday, from, to);
        }
    }
    Some(week)
}

impl Reader<'_> {
    /// A duration within bounds.
    pub(super) fn duration(&mut self, node: Node<'_>, what: &str) -> Option<i64> {
        if let DeValue::Integer(count) = node.get_ref() {
            let help =
                format!("write it with its unit: \"{}s\", or \"10m\", \"1h\", \"31d\"", count.as_str());
            self.wrong_type(node, &format!("`{what}` is a string")).help(help);
            return None;
        }
        let text = self.text(node, what)?;
        let micros = duration(text).filter(|micros| *micros > 0);
        if micros.is_none() {
            self.bad_duration(node.span(), text);
        }
        micros
    }

    pub(super) fn bad_duration(&mut self, span: Span, text: &str) {
        self.report(Code::BadDuration, span, format!("`{text}` is no duration"))
            .help("a duration is a count and a unit: 30s, 10m, 1h, 31d");
    }

    /// A duration of a key that may be absent.
    pub(super) fn optional_duration(&mut self, fields: &Fields<'_>, key: &str) -> Option<i64> {
        let node = fields.get(key)?;
        self.duration(node, key)
    }

    /// A date or moment, quoted or not; `read` turns its text into a moment.
    pub(super) fn moment(
        &mut self,
        node: Node<'_>,
        what: &str,
        read: fn(&str, &TimeZone) -> Option<Timestamp>,
    ) -> Option<Timestamp> {
        let text = match node.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(moment) => moment.to_string(),
            _ => {
                self.wrong_type(node, &format!("`{what}` is a date or moment"));
                return None;
            }
        };
        let moment = read(&text, &self.zone);
        if moment.is_none() {
            self.report(Code::BadDate, node.span(), format!("`{text}` is no date or moment"))
                .help("write 2026-12-24, or 2026-12-24T18:00:00+01:00");
        }
        moment
    }
}

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [
            ("10m", Some(600)),
            ("1h", Some(3600)),
            ("31d", Some(2_678_400)),
            ("1h30m", Some(5400)),
            ("2w", Some(1_209_600)),
            ("10", None),
            ("m", None),
            ("", None),
            ("-1h", None),
            ("1y", None),
            ("99999999999999999999d", None),
            ("9999999999999d", None),
        ] {
            assert_eq!(duration(text), seconds.map(|s: i64| s * 1_000_000), "{text}");
        }
    }

    #[test]
    fn hours_that_end_before_they_begin_run_into_the_next_day() {
        let night = weekly("Mon-Fri 18:00-06:00").unwrap();
        let minute = |day: usize, hour: usize| day * 1440 + hour * 60;
        assert!(night.contains(minute(0, 18)) && night.contains(minute(5, 5)));
        assert!(
            !night.contains(minute(0, 5)) && !night.contains(minute(5, 18)) && !night.contains(minute(1, 6))
        );
        let sunday = weekly("Sun 22:00-02:00").unwrap();
        assert!(sunday.contains(minute(6, 23)) && sunday.contains(minute(0, 1)));
        assert!(weekly("Fri-Mon").unwrap().contains(minute(6, 12)));
        assert!(!weekly("Fri-Mon").unwrap().contains(minute(2, 12)));
        assert!(weekly("Saturday,Sunday 00:00-24:00").unwrap().contains(minute(6, 23)));
        assert!(weekly("08:00-12:00, 13:00-17:00").unwrap().contains(minute(6, 13)));
        for wrong in
            ["Mon-Fri 8-17", "Mox", "25:00-26:00", "24:00-01:00", "Mon 08:00", "Mon-", "", "Mon 08:00-1:00"]
        {
            assert!(weekly(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn moments_without_offset_are_in_the_customers_zone() {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("America/Chicago").unwrap();
        for (text, expected) in [
            ("2026-10-14T23:00-05:00", Some(1_792_036_800)),
            ("2026-10-15T04:00:00Z", Some(1_792_036_800)),
            ("2026-10-14T23:00", Some(1_792_036_800)),
            ("2026-10-14", Some(1_791_954_000)),
            ("14.10.2026", None),
            ("2026-13-01", None),
        ] {
            assert_eq!(moment(text, &zone), expected.map(Timestamp::from_seconds), "{text}");
        }
        assert_eq!(end("2026-10-13", &zone), moment("2026-10-14", &zone));
    }
}
