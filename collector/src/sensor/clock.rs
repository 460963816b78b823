//! When a packet was sent, as far as its sender's clock can be believed.

use rules::Timestamp;

/// How far the clocks of senders may be from ours.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Microseconds by which a time stamp may be off ours, either way, and still hold.
    pub off_micros_max: i64,
}

/// The time of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// When it is taken to have been sent.
    pub(crate) at: Timestamp,
    /// Whether its stamp was too far off to be believed, so that it counts from when it came.
    pub(crate) is_wrong: bool,
}

impl Clock {
    /// The time of a packet that says it was sent at `sent` and came at `now`. A stamp that is off by more than the bound
    /// would move windows and blocks of everybody: such a packet counts from when it came, as one without a stamp does.
    pub(crate) fn hold(self, sent: Option<Timestamp>, now: Timestamp) -> Held {
        match sent {
            // Senders without a clock say 1970.
            None | Some(Timestamp(0)) => Held { at: now, is_wrong: false },
            Some(sent) if now.0.abs_diff(sent.0) <= self.off_micros_max.unsigned_abs() => {
                Held { at: sent, is_wrong: false }
            }
            Some(_) => Held { at: now, is_wrong: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_holds_within_the_bound_and_not_a_microsecond_beyond() {
        let (clock, now) = (Clock { off_micros_max: 5_000_000 }, Timestamp(1_700_000_000_000_000));
        for (off, at, is_wrong) in [
            (0, 0, false),
            (-5_000_000, -5_000_000, false),
            (5_000_000, 5_000_000, false),
            (-5_000_001, 0, true),
            (5_000_001, 0, true),
            (3_600_000_000, 0, true),
            (i64::MAX - now.0, 0, true),
        ] {
            let held = clock.hold(Some(Timestamp(now.0 + off)), now);
            assert_eq!(held, Held { at: Timestamp(now.0 + at), is_wrong }, "{off}");
        }
    }

    #[test]
    fn who_has_no_clock_is_not_called_wrong() {
        let (clock, now) = (Clock { off_micros_max: 1 }, Timestamp(1_700_000_000_000_000));
        for sent in [None, Some(Timestamp(0))] {
            assert_eq!(clock.hold(sent, now), Held { at: now, is_wrong: false });
        }
    }
}
