//! How many notices one person gets by one channel: what is more comes as a digest (E-6).

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::outgoing::Channel;

/// What one person got, and what was held back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Budget {
    pub(super) who: String,
    pub(super) customer: String,
    pub(super) channel: Channel,
    pub(super) to: String,
    /// When something went, within the last hour.
    sent: Vec<Timestamp>,
    /// Lines of what was held back.
    pub(super) held: Vec<String>,
    /// Lines past those.
    pub(super) more: u64,
    /// When they go.
    pub(super) digest: Option<Timestamp>,
}

impl Budget {
    pub(super) fn new(who: &str, customer: &str, channel: Channel, to: &str) -> Self {
        let (who, customer, to) = (who.to_owned(), customer.to_owned(), to.to_owned());
        Self { who, customer, channel, to, sent: Vec::new(), held: Vec::new(), more: 0, digest: None }
    }

    /// Whether one more may go at `now`; if so it counts.
    pub(super) fn may_send(&mut self, an_hour: u32, now: Timestamp) -> bool {
        self.sent.retain(|at| now.micros_since(*at) < HOUR);
        let may = self.sent.len() < an_hour as usize;
        if may {
            self.sent.push(now);
        }
        may
    }

    /// Holds `line` back for the digest.
    pub(super) fn hold(&mut self, line: String, after_micros: i64, now: Timestamp) {
        if self.held.len() < LINES_MAX {
            self.held.push(line);
        } else {
            self.more += 1;
        }
        self.digest.get_or_insert_with(|| now.plus_micros(after_micros));
    }

    /// Whether it says nothing any more at `now`.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.digest.is_none() && self.sent.iter().all(|at| now.micros_since(*at) >= HOUR)
    }
}

const HOUR: i64 = 3_600_000_000;
/// Lines of a digest; further ones are counted.
const LINES_MAX: usize = 40;
