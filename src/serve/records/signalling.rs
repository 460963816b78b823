//! How much signalling of a call, and in a second, is kept.

use std::collections::HashMap;

use collector::judge::Evidence;
use rules::Transport;
use spool::Signal;

use crate::serve::config;

/// Says which messages are kept.
pub(super) struct Signalling {
    limits: config::Spool,
    /// Of each attempt, messages and bytes.
    calls: HashMap<u64, (u32, usize)>,
    second: i64,
    bytes_of_second: usize,
}

impl Signalling {
    pub(super) fn new(limits: config::Spool) -> Self {
        Self { limits, calls: HashMap::new(), second: 0, bytes_of_second: 0 }
    }

    /// Whether any is.
    pub(super) fn is_on(&self) -> bool {
        self.limits.signalling
    }

    /// Whether `evidence` is kept; if so it counts.
    pub(super) fn admit(&mut self, evidence: &Evidence) -> bool {
        let bytes = evidence.message.len();
        let second = evidence.at.0.div_euclid(1_000_000);
        if second != self.second {
            (self.second, self.bytes_of_second) = (second, 0);
        }
        if self.calls.len() >= CALLS_MAX {
            // Those of long ago are over; for others it only means that they may have a little more.
            self.calls.clear();
        }
        let (messages, bytes_of_call) = self.calls.entry(evidence.attempt).or_default();
        let has_room = *messages < self.limits.signalling_messages_of_call_max
            && *bytes_of_call + bytes <= kilobytes(self.limits.signalling_kilobytes_of_call_max)
            && self.bytes_of_second + bytes <= kilobytes(self.limits.signalling_kilobytes_of_second_max);
        if has_room {
            *messages += 1;
            *bytes_of_call += bytes;
            self.bytes_of_second += bytes;
        }
        has_room
    }
}

/// Writes `evidence` as the spool holds it.
pub(super) fn write(evidence: &Evidence, out: &mut Vec<u8>) {
    let transport = match evidence.transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 3,
        Transport::Sctp => 4,
        Transport::Ws => 5,
        Transport::Wss => 6,
    };
    let signal = Signal {
        is_ours: evidence.is_ours,
        transport,
        source: evidence.source,
        destination: evidence.destination,
        call_id: &evidence.call_id,
        message: &evidence.message,
    };
    signal.write(out);
}

fn kilobytes(count: u32) -> usize {
    count as usize * 1_024
}

/// Calls of which it is known how much of them is kept.
const CALLS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use rules::Timestamp;

    use super::*;

    #[test]
    fn a_call_and_a_second_have_their_bounds() {
        let limits = config::Spool {
            signalling_messages_of_call_max: 3,
            signalling_kilobytes_of_call_max: 2,
            signalling_kilobytes_of_second_max: 4,
            ..config::Spool::default()
        };
        let mut signalling = Signalling::new(limits);
        let mut kept = |attempt, bytes, second: i64| {
            signalling.admit(&Evidence {
                at: Timestamp(second * 1_000_000 + 5),
                is_ours: false,
                source: "192.0.2.1:5060".parse().unwrap(),
                destination: "192.0.2.2:5060".parse().unwrap(),
                transport: Transport::Udp,
                attempt,
                call_id: Vec::new(),
                message: vec![0; bytes],
            })
        };
        assert_eq!(
            [1, 1, 1, 1].map(|attempt| kept(attempt, 100, 1)),
            [true, true, true, false],
            "messages of a call"
        );
        assert_eq!([2, 2].map(|attempt| kept(attempt, 1_500, 2)), [true, false], "bytes of a call");
        assert_eq!(
            [3, 4, 5].map(|attempt| kept(attempt, 1_500, 3)),
            [true, true, false],
            "bytes of a second"
        );
        assert!(kept(5, 1_500, 4));
    }
}
