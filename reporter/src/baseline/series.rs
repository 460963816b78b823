//! Values in bins of time, in the hours of the customer's week.

use jiff::tz::TimeZone;
use rules::Timestamp;

/// Values of one thing in bins of equal length, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// When the first bin begins.
    pub start: Timestamp,
    /// Length of a bin in microseconds: an hour, or a part of one that divides it.
    pub bin_micros: i64,
    /// A value each; `None` where nothing was seen by anybody, so that zero would be a guess.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// When the bin at `place` begins.
    pub fn at(&self, place: usize) -> Timestamp {
        self.start.plus_micros(place as i64 * self.bin_micros)
    }

    /// Bins of a week.
    pub fn week(&self) -> usize {
        usize::try_from(WEEK_MICROS / self.bin_micros.max(1)).unwrap_or(usize::MAX)
    }

    /// Known bins of all, from 0 to 1.
    pub fn coverage(&self) -> f64 {
        let known = self.values.iter().flatten().count();
        if self.values.is_empty() { 0.0 } else { known as f64 / self.values.len() as f64 }
    }

    /// The same without the bins that touch one of `left_out`.
    #[must_use]
    pub fn without(&self, left_out: &[(Timestamp, Timestamp)]) -> Self {
        let mut kept = self.clone();
        for (place, value) in kept.values.iter_mut().enumerate() {
            let (from, to) = (self.at(place), self.at(place + 1));
            if left_out.iter().any(|(start, end)| *start < to && from < *end) {
                *value = None;
            }
        }
        kept
    }

    /// The bins from `from` up to `to`.
    #[must_use]
    pub fn part(&self, from: usize, to: usize) -> Self {
        let values = self.values.get(from..to.min(self.values.len())).unwrap_or_default().to_vec();
        Self { start: self.at(from), bin_micros: self.bin_micros, values }
    }
}

/// Which hour of the week each bin belongs to: 0 is Monday from midnight to one o'clock in the customer's zone.
#[derive(Clone, Debug)]
pub struct Hours {
    /// An hour each.
    pub of_bin: Vec<u8>,
}

impl Hours {
    /// Those of `series` in `zone`. The hour that comes twice in autumn is two bins of one hour; the one that spring leaves out
    /// has none that week.
    pub fn new(series: &Series, zone: &TimeZone) -> Self {
        let hour = |place| {
            let at = jiff::Timestamp::from_microsecond(series.at(place).0).unwrap_or_default();
            let local = at.to_zoned(zone.clone());
            let day = local.weekday().to_monday_zero_offset();
            u8::try_from(i64::from(day) * 24 + i64::from(local.hour())).unwrap_or_default()
        };
        Self { of_bin: (0..series.values.len()).map(hour).collect() }
    }

    /// The hour of the bin at `place`.
    pub fn of(&self, place: usize) -> usize {
        self.of_bin.get(place).copied().map_or(0, usize::from)
    }

    /// Those of a part.
    #[must_use]
    pub fn part(&self, from: usize, to: usize) -> Self {
        let of_bin = self.of_bin.get(from..to.min(self.of_bin.len())).unwrap_or_default().to_vec();
        Self { of_bin }
    }
}

/// Hours of a week.
pub(super) const HOURS: usize = 168;
pub(super) const HOUR_MICROS: i64 = 3_600_000_000;
pub(super) const WEEK_MICROS: i64 = 168 * HOUR_MICROS;
