//! How hard a socket is pressed: how long its datagrams waited, and what the system dropped because nobody read them.

use std::io;
use std::net::UdpSocket;

use rules::Timestamp;

/// What the system dropped, from a number that wraps.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    last: u32,
    pub(crate) all: u64,
    asked: Timestamp,
}

/// What a socket has been through lately.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    dropped: Dropped,
    /// Since when datagrams are lost and the queue was never empty.
    since: Option<Timestamp>,
}

impl Dropped {
    /// How many were dropped from `socket` since it was asked before. It is asked when many wait, and now and then: what finds
    /// the queue full is lost without a trace otherwise, and asking costs as much as a batch.
    pub(crate) fn ask(&mut self, socket: &UdpSocket, many_wait: bool, now: Timestamp) -> io::Result<u64> {
        if !many_wait && now.micros_since(self.asked) <= ASKED_AGAIN_MICROS {
            return Ok(0);
        }
        self.asked = now;
        Ok(self.see(sys::dropped(socket)?))
    }

    /// Takes the number as it stands now; returns how many were dropped since it was taken before.
    fn see(&mut self, now: u32) -> u64 {
        // It never goes back but to begin anew.
        let more = u64::from(now.wrapping_sub(self.last));
        self.last = now;
        self.all += more;
        more
    }
}

impl Pressure {
    /// How many datagrams of `socket` the system dropped since it was asked before.
    pub(crate) fn ask(&mut self, socket: &UdpSocket, many_wait: bool, now: Timestamp) -> u64 {
        // Where the system does not say, time alone tells.
        self.dropped.ask(socket, many_wait, now).unwrap_or_default()
    }

    /// How long a batch counts as having waited whose oldest datagram waited for `waited_micros`, when so many were `lost`. Where
    /// the queue is too short for anybody to wait long in it, what is lost tells of overload: then the batches until the queue
    /// is empty count as late for who is not trusted, and for all when that does not help for `wait_micros_max`.
    pub(crate) fn waited(
        &mut self,
        waited_micros: i64,
        (lost, many_wait): (u64, bool),
        wait_micros_max: i64,
        now: Timestamp,
    ) -> i64 {
        if !many_wait {
            self.since = None;
            return waited_micros;
        }
        if lost > 0 && self.since.is_none() {
            self.since = Some(now);
        }
        let Some(since) = self.since else { return waited_micros };
        let helps = lost == 0 || now.micros_since(since) <= wait_micros_max;
        waited_micros.max(if helps { wait_micros_max / 2 } else { wait_micros_max } + 1)
    }
}

/// How long a small loss may go unnoticed.
const ASKED_AGAIN_MICROS: i64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_dropped_is_counted_beyond_its_own_number() {
        let mut dropped = Dropped::default();
        assert_eq!(
            [3, 3, 10, u32::MAX, 4].map(|now| dropped.see(now)),
            [3, 0, 7, u64::from(u32::MAX) - 10, 5]
        );
        assert_eq!(dropped.all, u64::from(u32::MAX) + 5);
    }

    #[test]
    fn what_is_lost_makes_others_late_until_the_queue_is_empty() {
        let mut pressure = Pressure::default();
        let at = |millis: i64| Timestamp(millis * 1_000);
        let mut waited =
            |lost, many, millis| pressure.waited(5_000, (lost, many), 200_000, at(millis)) / 1_000;
        assert_eq!(waited(0, true, 0), 5, "a full batch alone is no overload");
        assert_eq!(waited(9, true, 1), 100);
        assert_eq!(waited(0, true, 2), 100);
        assert_eq!(waited(9, true, 202), 200, "what is shed so far is not enough");
        assert_eq!(waited(0, true, 203), 100);
        assert_eq!(waited(9, false, 204), 5);
        assert_eq!(waited(0, true, 205), 5);
    }
}
