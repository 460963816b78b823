//! How much of a period we saw.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Period, Share};

/// When calls were seen and kept, and when not all of them were: kept by whoever takes them in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// While a service ran, in order.
    pub ran: Vec<Period>,
    /// While it is known to have missed something: lost packets, events of the spool that could not be read, a full disk.
    pub missed: Vec<Period>,
}

/// Of the hours of a period those of which everything was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Complete hours of all hours that the clock shows in the period.
    pub share: Share,
    /// Stretches of incomplete hours, merged.
    pub gaps: Vec<Period>,
}

impl Presence {
    /// What of `period` was seen, hour by hour of the clock in `zone`: a 25-hour day has 25.
    pub fn coverage(&self, period: &Period, zone: &TimeZone) -> Coverage {
        let mut ran: Vec<Period> = self.ran.iter().copied().filter(|it| it.from < it.to).collect();
        ran.sort_unstable_by_key(|it| (it.from, it.to));
        let mut joined: Vec<Period> = Vec::new();
        for next in ran {
            match joined.last_mut() {
                Some(last) if next.from <= last.to => last.to = last.to.max(next.to),
                _ => joined.push(next),
            }
        }
        let mut share = Share::default();
        let mut gaps: Vec<Period> = Vec::new();
        let mut local = super::LocalTime::new(zone.clone());
        let mut from = period.from;
        while from < period.to {
            local.hour(from.0);
            let to = rules::Timestamp(local.bounds().1).min(period.to);
            let hour = Period { from, to };
            let has_run = joined.iter().any(|it| it.from <= hour.from && it.to >= hour.to);
            let has_missed = self.missed.iter().any(|it| it.from < hour.to && it.to >= hour.from);
            let is_complete = has_run && !has_missed;
            share += Share::new(u64::from(is_complete), 1);
            if !is_complete {
                match gaps.last_mut() {
                    Some(last) if last.to == hour.from => last.to = hour.to,
                    _ => gaps.push(hour),
                }
            }
            from = to;
        }
        Coverage { share, gaps }
    }
}

impl Coverage {
    /// Whether the report carries a banner: below 99 %.
    pub fn wants_banner(&self) -> bool {
        self.share.value().is_some_and(|value| value < 0.99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::Timestamp;

    #[test]
    fn an_hour_counts_when_all_of_it_was_seen() {
        let zone = TimeZone::get("America/Chicago").unwrap();
        let period =
            Period::of_days(&zone, "2026-11-01".parse().unwrap(), "2026-11-02".parse().unwrap()).unwrap();
        let minute = |minute: i64| Timestamp(period.from.0 + minute * 60_000_000);
        let span = |from: i64, to: i64| Period { from: minute(from), to: minute(to) };
        let all =
            Presence { ran: vec![span(600, 2_000), span(-10, 600)], missed: vec![] }.coverage(&period, &zone);
        assert_eq!((all.share, all.gaps.len(), all.wants_banner()), (Share::new(25, 25), 0, false));
        // A restart of a minute costs the hour it is in; a loss over the hour costs two.
        let some = Presence { ran: vec![span(0, 70), span(71, 1_500)], missed: vec![span(179, 181)] };
        let some = some.coverage(&period, &zone);
        assert_eq!((some.share, some.wants_banner()), (Share::new(22, 25), true));
        assert_eq!(some.gaps, [span(60, 240)]);
        assert_eq!(Presence::default().coverage(&period, &zone).share, Share::new(0, 25));
    }
}
