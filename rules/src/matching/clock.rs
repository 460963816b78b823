//! Local time of a zone without a search in its rules.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::policy::{Hours, HoursId, TimeTerm};
use crate::time::Timestamp;

/// The offsets of one zone between two horizons, ready to be looked up.
#[derive(Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
    /// From which second on which offset holds, in seconds east; the first entry is the first horizon.
    spans: Vec<(i64, i32)>,
}

/// A moment as people in the zone call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalTime {
    pub(crate) date: Date,
    /// Minute of the day.
    pub(crate) minute: usize,
}

impl LocalTime {
    /// Minute of the week, Monday 00:00 first.
    pub(crate) fn minute_of_week(self) -> usize {
        self.date.weekday().to_monday_zero_offset() as usize * 1440 + self.minute
    }

    /// Whether it is one of the times of `term`.
    pub(crate) fn fits(self, term: &TimeTerm, hours: &[Hours]) -> bool {
        let is_open = |id: &HoursId| {
            hours.get(id.0 as usize).is_some_and(|hours| hours.is_open(self.date, self.minute))
        };
        match term {
            TimeTerm::Inside(id) => is_open(id),
            TimeTerm::Outside(id) => !is_open(id),
            TimeTerm::Weekly(week) => week.contains(self.minute_of_week()),
        }
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute) = (self.minute / 60, self.minute % 60);
        write!(f, "{:.3} {} {hour:02}:{minute:02}", format!("{:?}", self.date.weekday()), self.date)
    }
}

impl Clock {
    pub(crate) fn new(zone: TimeZone) -> Self {
        let Ok(first) = jiff::Timestamp::from_second(FIRST_SECOND) else {
            return Self { zone, spans: Vec::new() };
        };
        let mut spans = vec![(FIRST_SECOND, zone.to_offset(first).seconds())];
        let changes = zone.following(first).take_while(|change| change.timestamp().as_second() < END_SECOND);
        spans.extend(changes.map(|change| (change.timestamp().as_second(), change.offset().seconds())));
        spans.shrink_to_fit();
        Self { zone, spans }
    }

    /// The local time of `at`.
    pub(crate) fn local(&self, at: Timestamp) -> LocalTime {
        let second = at.0.div_euclid(1_000_000);
        let offset = if (FIRST_SECOND..END_SECOND).contains(&second) {
            let after = self.spans.partition_point(|span| span.0 <= second);
            after.checked_sub(1).and_then(|index| self.spans.get(index)).map_or(0, |span| span.1)
        } else {
            jiff::Timestamp::from_second(second).map_or(0, |at| self.zone.to_offset(at).seconds())
        };
        let civil = jiff::Timestamp::from_second(second + i64::from(offset)).unwrap_or(if second < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        let civil = Offset::UTC.to_datetime(civil);
        LocalTime { date: civil.date(), minute: civil.hour() as usize * 60 + civil.minute() as usize }
    }
}

/// 2000-01-01T00:00:00Z: calls before this have no cached offset.
const FIRST_SECOND: i64 = 946_684_800;
/// 2080-01-01T00:00:00Z: nor have calls from here on.
const END_SECOND: i64 = 3_471_292_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_is_what_the_zone_says_across_a_change_of_clocks() {
        let zone = TimeZone::get("America/Chicago").unwrap();
        let clock = Clock::new(zone.clone());
        // From 1990 to 2090 in steps that fall on no regular hour, and each second around one change.
        let far = (0..400_000).map(|step| 631_152_000 + step * 7_901);
        let near = 1_793_516_400 - 5_000..1_793_516_400 + 5_000;
        for second in far.chain(near) {
            let civil = jiff::Timestamp::from_second(second).unwrap().to_zoned(zone.clone()).datetime();
            let local = clock.local(Timestamp::from_seconds(second));
            assert_eq!(local.date, civil.date());
            assert_eq!(local.minute, civil.hour() as usize * 60 + civil.minute() as usize);
        }
    }
}
