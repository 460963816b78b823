//! Values in words and digits, as people read them.

use std::fmt::Write as _;

use jiff::Timestamp as Moment;
use jiff::tz::{AmbiguousOffset, TimeZone};
use rules::Timestamp;

use super::markup::plain;
use super::{Period, Share, Unit, Value};

/// How values are written in one document.
#[derive(Clone, Debug)]
pub(super) struct Wording {
    zone: TimeZone,
    /// The name of the zone as it is said; UTC where the one asked for is unknown.
    pub(super) zone_name: String,
}

impl Wording {
    /// That of a document about `period`.
    pub(super) fn new(period: &Period) -> Self {
        match TimeZone::get(&period.zone) {
            Ok(zone) => Self { zone, zone_name: period.zone.clone() },
            Err(_) => Self { zone: TimeZone::UTC, zone_name: "UTC".to_owned() },
        }
    }

    /// `value` as it stands in a sentence or a cell.
    pub(super) fn say(&self, value: &Value) -> String {
        match value {
            Value::Unknown => "—".to_owned(),
            Value::Text(text) | Value::Person(text) => plain(text, CHARACTERS_MAX),
            Value::Count(count) => grouped(*count),
            Value::Number(number, digits) => decimal(*number, usize::from(*digits)),
            Value::Percent(ratio) => percent(*ratio),
            Value::Share(share) if share.is_small() => estimated(*share),
            Value::Share(share) => share.ratio().map_or_else(|| "—".to_owned(), percent),
            Value::Estimate(share) => estimated(*share),
            Value::Duration(micros) => duration(*micros),
            Value::Money { micros, currency } => {
                format!("{}\u{a0}{}", decimal(*micros as f64 / 1e6, 2), plain(currency, 8))
            }
            Value::Time(at) => self.moment(*at),
            Value::Day(at) => self.day(*at),
            Value::Range(low, high) => format!("{} to {}", self.say(low), self.say(high)),
        }
    }

    /// `2026-11-02 10:15:07` in the zone of the document; with the name of the offset in the hour that comes twice.
    pub(super) fn moment(&self, at: Timestamp) -> String {
        let Ok(moment) = Moment::from_microsecond(at.0) else { return crate::text::rfc3339(at) };
        let there = moment.to_zoned(self.zone.clone());
        let text = there.strftime("%Y-%m-%d %H:%M:%S").to_string();
        match self.zone.to_ambiguous_zoned(there.datetime()).offset() {
            AmbiguousOffset::Unambiguous { .. } => text,
            _ => format!("{text} {}", there.strftime("%Z")),
        }
    }

    /// `2026-11-02` in the zone of the document.
    pub(super) fn day(&self, at: Timestamp) -> String {
        let Ok(moment) = Moment::from_microsecond(at.0) else { return crate::text::rfc3339(at) };
        moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }

    /// Days and seconds since 1 January 1970 on the clock of the zone: what sheets keep instead of moments.
    pub(super) fn clock(&self, at: Timestamp) -> Option<(i64, f64)> {
        let there = Moment::from_microsecond(at.0).ok()?.to_zoned(self.zone.clone());
        let micros = at.0.checked_add(i64::from(there.offset().seconds()) * 1_000_000)?;
        Some((micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000) as f64 / 1e6))
    }

    /// The period: `2026-11-02 to 2026-11-08`, both of them in it; with the time of day where it is not whole days.
    pub(super) fn period(&self, period: &Period) -> String {
        let midnight = |at| self.clock(at).is_some_and(|(_, seconds)| seconds == 0.0);
        if midnight(period.from) && midnight(period.to) && period.from < period.to {
            let (first, last) = (self.day(period.from), self.day(Timestamp(period.to.0 - 1)));
            return if first == last { first } else { format!("{first} to {last}") };
        }
        format!("{} to {}", self.moment(period.from), self.moment(period.to))
    }
}

/// How a value stands to what it was: `+12 %`; points where both are shares; nothing where it cannot be said.
pub(super) fn change(now: &Value, before: &Value) -> Option<(String, f64)> {
    let (now_amount, before_amount) = (now.amount()?, before.amount()?);
    let difference = now_amount - before_amount;
    if matches!(now, Value::Share(_) | Value::Estimate(_) | Value::Percent(_)) {
        let text = format!("{}\u{a0}points", signed(difference * 100.0, 1));
        return Some((text, difference));
    }
    if before_amount <= 0.0 {
        return None;
    }
    Some((format!("{}\u{a0}%", signed(difference / before_amount * 100.0, 0)), difference))
}

/// A whole number in groups of three digits, which do not break.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// A number with so many digits behind the point; no number is not said.
pub(super) fn decimal(number: f64, digits: usize) -> String {
    if !number.is_finite() {
        return "—".to_owned();
    }
    let text = format!("{:.*}", digits.min(9), number.abs());
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let is_nought = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let mut said = String::from(if number < 0.0 && !is_nought { "\u{2212}" } else { "" });
    said.push_str(&whole.parse().map_or_else(|_| whole.to_owned(), grouped));
    if let Some(rest) = rest {
        let _ = write!(said, ".{rest}");
    }
    said
}

/// From 0 to 1 as per cent: the smaller, the more digits; never rounded to all or to nothing.
pub(super) fn percent(ratio: f64) -> String {
    let value = ratio * 100.0;
    if !value.is_finite() {
        return "—".to_owned();
    }
    let text = if value > 0.0 && value < 0.005 {
        "< 0.01".to_owned()
    } else if (99.95..100.0).contains(&value) {
        "> 99.9".to_owned()
    } else {
        per_cent_digits(value)
    };
    format!("{text}\u{a0}%")
}

/// `4.2 % (n = 23, 1.2–20.6 %)`.
fn estimated(share: Share) -> String {
    let (Some(ratio), Some((low, high))) = (share.ratio(), share.interval()) else {
        return "— (n\u{a0}=\u{a0}0)".to_owned();
    };
    format!(
        "{} (n\u{a0}=\u{a0}{}, {}–{}\u{a0}%)",
        percent(ratio),
        grouped(share.whole),
        per_cent_digits(low * 100.0),
        per_cent_digits(high * 100.0)
    )
}

fn per_cent_digits(value: f64) -> String {
    match value {
        _ if value == 0.0 || value == 100.0 => format!("{value:.0}"),
        _ if value.abs() < 1.0 => decimal(value, 2),
        _ => decimal(value, 1),
    }
}

/// Two units at most: `1 h 23 min`.
pub(super) fn duration(micros: i64) -> String {
    let sign = if micros < 0 { "\u{2212}" } else { "" };
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    let two = |large: u64, of: &str, small: u64, unit: &str| match small {
        0 => format!("{}\u{a0}{of}", grouped(large)),
        _ => format!("{}\u{a0}{of}\u{a0}{small}\u{a0}{unit}", grouped(large)),
    };
    let text = match seconds {
        0 if micros == 0 => "0\u{a0}s".to_owned(),
        0 if micros < 1_000 => "< 1\u{a0}ms".to_owned(),
        0 => format!("{}\u{a0}ms", micros / 1_000),
        1..10 => format!("{}\u{a0}s", decimal(micros as f64 / 1e6, 1)),
        10..60 => format!("{seconds}\u{a0}s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    };
    format!("{sign}{text}")
}

fn signed(number: f64, digits: usize) -> String {
    let text = decimal(number, digits);
    if number > 0.0 && text.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        format!("+{text}")
    } else {
        text
    }
}

impl Unit {
    /// An amount of an axis as a value.
    pub(super) fn value(&self, amount: Option<f64>) -> Value {
        let Some(amount) = amount.filter(|amount| amount.is_finite()) else { return Value::Unknown };
        match self {
            Self::Count(_) if amount >= 0.0 && amount.fract() == 0.0 && amount < 1e18 => {
                Value::Count(amount as u64)
            }
            Self::Count(_) => Value::Number(amount, 1),
            Self::Percent => Value::Percent(amount),
            Self::Duration => Value::Duration(amount as i64),
            Self::Money(currency) => {
                Value::Money { micros: (amount * 1e6) as i64, currency: currency.clone() }
            }
        }
    }
}

/// Between groups of digits: narrow, and no line breaks there.
const THIN: char = '\u{202f}';
/// Longer words of one value are cut on a page; files have all of them.
const CHARACTERS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Wording {
        let zone = "Europe/Berlin".to_owned();
        Wording::new(&Period { from: Timestamp(0), to: Timestamp(0), zone })
    }

    #[track_caller]
    fn check(value: Value, said: &str) {
        assert_eq!(berlin().say(&value).replace('\u{202f}', "'").replace('\u{a0}', " "), said);
    }

    #[test]
    fn values_are_said_with_their_units() {
        check(Value::Unknown, "—");
        check(Value::Count(1_234_567), "1'234'567");
        check(Value::Count(u64::MAX), "18'446'744'073'709'551'615");
        check(Value::Number(-1_234.56, 1), "−1'234.6");
        check(Value::Number(-0.01, 1), "0.0");
        check(Value::Number(f64::NAN, 1), "—");
        check(Value::share(3, 1_200), "0.25 %");
        check(Value::Estimate(Share::new(3, 1_200)), "0.25 % (n = 1'200, 0.09–0.73 %)");
        check(Value::Estimate(Share::new(47, 50)), "94.0 % (n = 50, 83.8–97.9 %)");
        check(Value::share(1, 29), "3.4 % (n = 29, 0.61–17.2 %)");
        check(Value::share(0, 0), "— (n = 0)");
        check(Value::share(1, 100_000), "< 0.01 %");
        check(Value::share(99_999, 100_000), "> 99.9 %");
        check(Value::share(40, 40), "100 %");
        check(Value::Money { micros: 1_234_567_890, currency: "EUR".to_owned() }, "1'234.57 EUR");
        check(Value::range(Value::seconds(90), Value::seconds(7_200)), "1 min 30 s to 2 h");
        check(Value::Duration(1_500_000), "1.5 s");
        check(Value::Duration(-250_000), "−250 ms");
        check(Value::seconds(200_000), "2 d 7 h");
        check(Value::Duration(i64::MIN), "−106'751'991 d 4 h");
    }

    #[test]
    fn the_hour_that_comes_twice_names_its_offset() {
        // 25 October 2026, 02:30 twice.
        check(Value::Time(Timestamp::from_seconds(1_792_888_200)), "2026-10-25 02:30:00 CEST");
        check(Value::Time(Timestamp::from_seconds(1_792_891_800)), "2026-10-25 02:30:00 CET");
        check(Value::Time(Timestamp::from_seconds(1_792_895_400)), "2026-10-25 03:30:00");
        check(Value::Time(Timestamp(i64::MAX)), "9999-12-30T22:00:00.999999Z");
    }

    #[test]
    fn a_period_is_said_by_the_days_in_it() {
        let period = |from, to| Period {
            from: Timestamp::from_seconds(from),
            to: Timestamp::from_seconds(to),
            zone: "Europe/Berlin".to_owned(),
        };
        // The week in which the hour comes twice has 169 hours.
        let week = period(1_792_360_800, 1_792_360_800 + 169 * 3_600);
        assert_eq!(berlin().period(&week), "2026-10-19 to 2026-10-25");
        let hours = period(1_792_360_800, 1_792_360_800 + 3_600);
        assert_eq!(berlin().period(&hours), "2026-10-19 00:00:00 to 2026-10-19 01:00:00");
    }

    #[test]
    fn changes_are_told_where_they_mean_something() {
        let told = |now, before| change(&now, &before).map(|(text, _)| text.replace('\u{a0}', " "));
        assert_eq!(told(Value::Count(112), Value::Count(100)).as_deref(), Some("+12 %"));
        assert_eq!(told(Value::Count(88), Value::Count(100)).as_deref(), Some("−12 %"));
        assert_eq!(told(Value::Count(5), Value::Count(0)), None);
        assert_eq!(told(Value::share(50, 100), Value::share(40, 100)).as_deref(), Some("+10.0 points"));
        assert_eq!(told(Value::text("a"), Value::text("b")), None);
    }
}
