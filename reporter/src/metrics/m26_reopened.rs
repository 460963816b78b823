//! M26: cases that were closed too early.

use serde::Serialize;

use super::{Definition, Desk, Interval, Measure, Period, Share, Unit};

/// What M26 says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reopened {
    /// Opened again within 14 days, of all closings in the period.
    pub share: Share,
    /// Where the true share lies.
    pub interval: Option<Interval>,
}

impl Measure for Reopened {
    const DEFINITION: Definition = Definition {
        id: "M26",
        name: "Reopen rate",
        formula: "closings in the period that a reopening followed within 14 days / closings in the period",
        unit: Unit::Share,
        version: 1,
        counts: "How often something that was called done was not.",
        omits: "What was closed within the last 14 days may still come back.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let mut share = Share::default();
        for entries in desk.by_case().values() {
            for (place, closing) in entries.iter().enumerate() {
                if closing.action == "close" && period.contains(closing.at) {
                    let mut later = entries.iter().skip(place + 1);
                    let again = later.find(|entry| entry.action == "reopen");
                    let is_again =
                        again.is_some_and(|again| again.at.micros_since(closing.at) <= SOON_MICROS);
                    share += Share::new(u64::from(is_again), 1);
                }
            }
        }
        Self { share, interval: share.wilson() }
    }
}

const SOON_MICROS: i64 = 14 * 86_400 * 1_000_000;
