//! When calls were seen, and when not all of them were: what reports say of how much they know.

use std::fs;
use std::path::{Path, PathBuf};

use collector::judge::{Count, Counters};
use reporter::metrics::{Period, Presence};
use rules::Timestamp;

use crate::outcome::Failure;

/// Keeps it in the folder of the service.
pub(super) struct Watch {
    path: PathBuf,
    presence: Presence,
    /// What [`LOSSES`] came to when it was last looked.
    lost: u64,
    /// When it was last looked.
    seen: Timestamp,
    /// When it was last written.
    written: Timestamp,
}

impl Watch {
    /// Goes on in `data`; a file that cannot be read is begun anew, since nothing but reports needs it.
    pub(super) fn begin(data: &Path, counters: &Counters, now: Timestamp) -> Self {
        let mut presence = read(data);
        presence.ran.push(Period { from: now, to: now });
        Self { path: data.join(FILE), presence, lost: lost(counters), seen: now, written: Timestamp(0) }
    }

    /// Says that the service runs at `now`. Written every [`EVERY_MICROS`], and when `is_last`.
    pub(super) fn beat(&mut self, counters: &Counters, now: Timestamp, is_last: bool) {
        let lost = lost(counters);
        if lost > self.lost {
            match self.presence.missed.last_mut() {
                Some(last) if last.to >= self.seen => last.to = now,
                _ => self.presence.missed.push(Period { from: self.seen, to: now }),
            }
        }
        self.lost = lost;
        match self.presence.ran.last_mut() {
            // A clock that was set back, or a machine that slept: what lies between was not seen.
            Some(last) if (0..=ASLEEP_MICROS).contains(&now.micros_since(self.seen)) => last.to = now,
            _ => self.presence.ran.push(Period { from: now, to: now }),
        }
        self.seen = now;
        if is_last || now.micros_since(self.written) >= EVERY_MICROS {
            self.written = now;
            self.write();
        }
    }

    fn write(&mut self) {
        for periods in [&mut self.presence.ran, &mut self.presence.missed] {
            let over = periods.len().saturating_sub(PERIODS_MAX);
            periods.drain(..over);
        }
        let half = self.path.with_extension("json.new");
        let text = serde_json::to_vec(&self.presence).unwrap_or_default();
        // One that is not written is written later; a report says of the time between that it was not seen.
        let _ = fs::write(&half, text).and_then(|()| fs::rename(&half, &self.path));
    }
}

/// What is kept in `data`.
pub(crate) fn read(data: &Path) -> Presence {
    let text = fs::read(data.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Says of a folder that no service has run in that all calls of `period` are in it.
pub(crate) fn begin_with(data: &Path, period: Period) -> Result<(), Failure> {
    let path = data.join(FILE);
    let text = serde_json::to_vec(&Presence { ran: vec![period], ..Presence::default() }).unwrap_or_default();
    fs::write(&path, text).map_err(Failure::file(&path))
}

fn lost(counters: &Counters) -> u64 {
    LOSSES.iter().map(|count| counters.of(*count)).sum()
}

/// What tells that calls were not seen, or not kept.
const LOSSES: [Count; 6] = [
    Count::CallDropped,
    Count::SpoolDamaged,
    Count::RecordsAside,
    Count::HepLost,
    Count::CaptureDropped,
    Count::CaptureLost,
];
const FILE: &str = "presence.json";
/// So long a kill forgets at most: an hour counts as seen when all but so little of it was.
const EVERY_MICROS: i64 = 10_000_000;
/// Between two looks; they are made several times a second.
const ASLEEP_MICROS: i64 = 30_000_000;
/// Starts of a service, and stretches of loss, that are kept: the oldest are forgotten.
const PERIODS_MAX: usize = 10_000;
