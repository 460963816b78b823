//! Hours and days as clocks on the customer's wall show them, those of 23 and 25 hours among them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Moment};
use rules::Timestamp;
use serde::{Deserialize, Serialize};

/// From a moment until just before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// An hour of the customer's clock. The hour that a clock shows twice is two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hour {
    /// Seconds since 1970 when its first minute is, or would be.
    pub start: i64,
    /// Days since 1970 of the date that the calendar on the wall shows.
    pub day: i32,
    /// 0 to 23.
    pub of_day: u8,
    /// 0 for Monday to 6.
    pub weekday: u8,
}

/// Tells hours; times that come in order cost a comparison each.
#[derive(Clone, Debug)]
pub struct LocalTime {
    zone: TimeZone,
    hour: Hour,
    /// Microseconds: within them `hour` holds.
    from: i64,
    to: i64,
}

impl Period {
    /// Whether `at` is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Its full seconds since 1970: the first, and the first after it.
    pub const fn seconds(&self) -> (i64, i64) {
        (-(-self.from.0).div_euclid(1_000_000), -(-self.to.0).div_euclid(1_000_000))
    }

    /// The whole days of `zone` from `first` until just before `after`.
    pub fn of_days(zone: &TimeZone, first: Date, after: Date) -> Option<Self> {
        let start = |date: Date| {
            let start = date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
            Some(Timestamp(start.timestamp().as_microsecond()))
        };
        Some(Self { from: start(first)?, to: start(after)? })
    }

    /// The days of `zone` that it touches.
    pub fn days(&self, zone: &TimeZone) -> Vec<Date> {
        let date = |at: Timestamp| Moment::from_microsecond(at.0).ok().map(|at| zone.to_datetime(at).date());
        let (Some(first), Some(last)) = (date(self.from), date(Timestamp(self.to.0 - 1))) else {
            return Vec::new();
        };
        if self.from >= self.to {
            return Vec::new();
        }
        first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).collect()
    }

    /// Every hour of the clock in `zone` that begins or goes on in it.
    pub fn hours(&self, zone: &TimeZone) -> Vec<Hour> {
        let mut local = LocalTime::new(zone.clone());
        let mut hours = Vec::new();
        let mut at = self.from;
        while at < self.to {
            hours.push(local.hour(at.0));
            at = Timestamp(local.to);
        }
        hours
    }

    /// As long before it.
    #[must_use]
    pub fn previous(&self, zone: &TimeZone) -> Option<Self> {
        let days = self.days(zone);
        let (first, last) = (*days.first()?, *days.last()?);
        let after = last.tomorrow().ok()?;
        // A whole month is compared with the month before, which may be longer; all else with as many days.
        let before = if first.day() == 1 && after.day() == 1 {
            let months =
                (after.year() - first.year()) * 12 + i16::from(after.month()) - i16::from(first.month());
            first.checked_sub(jiff::Span::new().months(months)).ok()?
        } else {
            first.checked_sub(jiff::Span::new().days(i64::try_from(days.len()).ok()?)).ok()?
        };
        Self::of_days(zone, before, first)
    }

    /// The same days 52 weeks before: the same weekdays.
    #[must_use]
    pub fn a_year_before(&self, zone: &TimeZone) -> Option<Self> {
        let days = self.days(zone);
        let year = jiff::Span::new().weeks(52);
        let (first, last) = (days.first()?.checked_sub(year).ok()?, days.last()?.checked_sub(year).ok()?);
        Self::of_days(zone, first, last.tomorrow().ok()?)
    }
}

impl LocalTime {
    /// Of `zone`.
    pub fn new(zone: TimeZone) -> Self {
        let hour = Hour { start: 0, day: 0, of_day: 0, weekday: 0 };
        Self { zone, hour, from: 0, to: 0 }
    }

    /// The hour of the moment `micros` after 1970.
    pub fn hour(&mut self, micros: i64) -> Hour {
        if micros < self.from || micros >= self.to {
            self.find(micros);
        }
        self.hour
    }

    /// Microseconds since 1970 when the hour last told begins, and when it ends.
    pub const fn bounds(&self) -> (i64, i64) {
        (self.from, self.to)
    }

    fn find(&mut self, micros: i64) {
        let moment = Moment::from_microsecond(micros).unwrap_or_default();
        let offset = self.zone.to_offset(moment);
        let wall = offset.to_datetime(moment);
        let into = SignedDuration::from_secs(i64::from(wall.minute()) * 60 + i64::from(wall.second()))
            + SignedDuration::from_nanos(i64::from(wall.subsec_nanosecond()));
        let start = moment.checked_sub(into).unwrap_or(Moment::MIN);
        let end = start.checked_add(SignedDuration::from_hours(1)).unwrap_or(Moment::MAX);
        let date = wall.date();
        self.hour = Hour {
            start: start.as_second(),
            day: days_since_1970(date),
            of_day: u8::try_from(wall.hour()).unwrap_or_default(),
            weekday: u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default(),
        };
        // A clock that is set within the hour begins another one.
        let set =
            self.zone.preceding(moment.checked_add(SignedDuration::from_nanos(1)).unwrap_or(moment)).next();
        let next = self.zone.following(moment).next();
        self.from = set.map_or(start, |set| set.timestamp().max(start)).as_microsecond();
        self.to = next.map_or(end, |next| next.timestamp().min(end)).as_microsecond();
    }
}

/// Days from 1970-01-01 to `date`.
pub(crate) fn days_since_1970(date: Date) -> i32 {
    let since = date.since(jiff::civil::date(1970, 1, 1)).map(|span| span.get_days());
    since.unwrap_or_default()
}

/// The date `days` after 1970-01-01.
#[cfg(test)]
pub(crate) fn date(days: i32) -> Date {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.checked_add(jiff::Span::new().days(days)).unwrap_or(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn day(name: &str, date: &str) -> Period {
        let date: Date = date.parse().unwrap();
        Period::of_days(&zone(name), date, date.tomorrow().unwrap()).unwrap()
    }

    #[test]
    fn days_have_as_many_hours_as_the_clock_shows() {
        for (name, date, count) in [
            ("America/Chicago", "2026-03-08", 23),
            ("America/Chicago", "2026-11-01", 25),
            ("America/Chicago", "2026-11-02", 24),
            ("Europe/Berlin", "2026-03-29", 23),
            ("Asia/Kathmandu", "2026-11-01", 24),
            // Half an hour is shown twice: 01:30 to 02:00.
            ("Australia/Lord_Howe", "2026-04-05", 25),
        ] {
            let period = day(name, date);
            let hours = period.hours(&zone(name));
            assert_eq!(hours.len(), count, "{name} {date}");
            let mut keys: Vec<_> = hours.iter().map(|hour| hour.start).collect();
            keys.dedup();
            assert_eq!(keys.len(), count);
            assert!(hours.iter().all(|hour| super::date(hour.day).to_string() == date), "{name} {hours:?}");
        }
        let hours = day("America/Chicago", "2026-11-01").hours(&zone("America/Chicago"));
        let shown: Vec<_> = hours.iter().map(|hour| hour.of_day).collect();
        assert_eq!(shown[..4], [0, 1, 1, 2]);
        assert_eq!(hours[0].weekday, 6);
    }

    #[test]
    fn hours_are_told_in_any_order() {
        let mut in_order = LocalTime::new(zone("America/Chicago"));
        let period = day("America/Chicago", "2026-11-01");
        for minute in 0..25 * 60 {
            let at = period.from.0 + minute * 60_000_000;
            let mut alone = LocalTime::new(zone("America/Chicago"));
            assert_eq!(in_order.hour(at), alone.hour(at));
            assert_eq!(in_order.hour(at).start, (period.from.0 / 1_000_000) + minute / 60 * 3_600);
        }
        assert_eq!(in_order.hour(period.from.0 - 1).of_day, 23);
    }

    #[test]
    fn a_month_is_compared_with_the_month_before_and_a_week_with_the_week_before() {
        let zone = zone("America/Chicago");
        let days = |period: Period| {
            let days = period.days(&zone);
            (days[0].to_string(), days[days.len() - 1].to_string())
        };
        let month =
            Period::of_days(&zone, "2026-03-01".parse().unwrap(), "2026-04-01".parse().unwrap()).unwrap();
        assert_eq!(days(month.previous(&zone).unwrap()), ("2026-02-01".to_owned(), "2026-02-28".to_owned()));
        assert_eq!(
            days(month.a_year_before(&zone).unwrap()),
            ("2025-03-02".to_owned(), "2025-04-01".to_owned())
        );
        let week =
            Period::of_days(&zone, "2026-03-09".parse().unwrap(), "2026-03-16".parse().unwrap()).unwrap();
        // The week before has the day of 23 hours: still seven days.
        assert_eq!(days(week.previous(&zone).unwrap()), ("2026-03-02".to_owned(), "2026-03-08".to_owned()));
        assert_eq!(week.hours(&zone).len(), 168);
        assert_eq!(week.previous(&zone).unwrap().hours(&zone).len(), 167);
    }
}
