//! When people call: the hours of a working day, quiet nights, quiet week-ends.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::customer::Customer;
use crate::random::Random;

/// Moments of calls between `start` and `end` (Unix microseconds), `calls_per_hour` of them in the busiest
/// hour of a working day.
pub(crate) fn arrivals(
    customer: &Customer,
    start: i64,
    end: i64,
    calls_per_hour: f64,
    random: &mut Random,
) -> Vec<i64> {
    let mut moments = Vec::new();
    let mut part_start = start;
    while part_start < end {
        let part_end = part_start.saturating_add(PART_MICROS).min(end);
        let gap_mean = HOUR_MICROS / (calls_per_hour * share(customer, part_start)).max(1e-6);
        let mut at = part_start as f64 + random.exponential(gap_mean);
        while at < part_end as f64 {
            moments.push(at as i64);
            at += random.exponential(gap_mean);
        }
        part_start = part_end;
    }
    moments
}

/// Whether most of the customer's people are at work at `at`: well inside the hours of a working day.
pub(crate) fn at_work(customer: &Customer, at: i64) -> bool {
    let local = local(&customer.time_zone, at);
    !at_weekend(customer, at) && (9..16).contains(&local.hour())
}

/// Whether `at` is on a Saturday or Sunday.
pub(crate) fn at_weekend(customer: &Customer, at: i64) -> bool {
    matches!(local(&customer.time_zone, at).weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Hour of the day, 0 to 23, at `at` in `zone`.
pub(crate) fn hour(zone: &TimeZone, at: i64) -> i8 {
    local(zone, at).hour()
}

/// What part of the busiest hour's calls the hour at `at` sees.
fn share(customer: &Customer, at: i64) -> f64 {
    let local = local(&customer.time_zone, at);
    let of_day = HOURS.get(usize::try_from(local.hour()).unwrap_or(0)).copied().unwrap_or(1.0);
    let of_day = of_day.max(f64::from(customer.hours.night_percent) / 100.0);
    let [saturday, sunday] = customer.hours.weekend_percent.map(|percent| f64::from(percent) / 100.0);
    match local.weekday() {
        Weekday::Saturday => of_day * saturday,
        Weekday::Sunday => of_day * sunday,
        Weekday::Monday => of_day,
        _ => of_day * 0.9,
    }
}

fn local(zone: &TimeZone, at: i64) -> jiff::civil::DateTime {
    zone.to_datetime(Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH))
}

const HOUR_MICROS: f64 = 3.6e9;

/// For how long the rate stays the same.
const PART_MICROS: i64 = 600_000_000;

const HOURS: [f64; 24] = [
    0.01, 0.01, 0.01, 0.01, 0.01, 0.02, 0.05, 0.18, 0.55, 0.90, 1.00, 0.95, 0.70, 0.78, 0.92, 0.88, 0.72,
    0.45, 0.20, 0.12, 0.08, 0.05, 0.03, 0.02,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuesday_is_busy_at_ten_and_quiet_at_night_and_on_sunday() {
        let customer = Customer::default();
        let count = |at: &str| {
            let start = at.parse::<Timestamp>().unwrap().as_microsecond();
            arrivals(&customer, start, start + HOUR_MICROS as i64, 1_000.0, &mut Random::new(1)).len()
        };
        let (busy, night, sunday) =
            (count("2026-10-13T15:00:00Z"), count("2026-10-13T08:00:00Z"), count("2026-10-11T15:00:00Z"));
        assert!((800..1_000).contains(&busy), "{busy}");
        assert!(night < 30 && (50..200).contains(&sunday), "{night} {sunday}");
    }
}
