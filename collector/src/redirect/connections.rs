//! Who may hold a connection: places for all, some of them kept for trusted peers, none for who sits idle in the way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::RandomState;
use rules::Timestamp;
use tokio::sync::Notify;

/// How many connections there may be, and how long they may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// At once. A quarter of them only for trusted peers.
    pub connections_max: usize,
    /// At once from one address.
    pub of_one_address_max: usize,
    /// Seconds in which a message must have arrived once it has begun, TLS be agreed, and an answer be taken.
    pub message_seconds_max: u32,
    /// Seconds after which a connection is closed on which nothing came.
    pub idle_seconds_max: u32,
}

/// Why a connection finds no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Its address has too many.
    OfOneAddress,
    /// There are too many, and none of them is idle.
    OfAll,
}

/// All connections that are open.
pub(crate) struct Connections {
    limits: ConnectionLimits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    places: HashMap<u64, Place, RandomState>,
    of_address: HashMap<IpAddr, usize, RandomState>,
    untrusted: usize,
}

struct Place {
    address: IpAddr,
    trusted: bool,
    heard: Timestamp,
    leave: Arc<Notify>,
}

/// A place, given back when dropped.
pub(crate) struct Held {
    connections: Arc<Connections>,
    number: u64,
    /// Told when the place is wanted for somebody else.
    pub(crate) leave: Arc<Notify>,
}

impl Connections {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    /// A place for a connection from `address`. The one that was idle longest may have to leave for it: of peers that are
    /// not trusted, or of all when this peer is. Returns with the place whether one had to.
    pub(crate) fn take(
        self: &Arc<Self>,
        address: IpAddr,
        trusted: bool,
        now: Timestamp,
    ) -> Result<(Held, bool), Full> {
        let mut open = self.lock();
        if open.of_address.get(&address).copied().unwrap_or(0) >= self.limits.of_one_address_max {
            return Err(Full::OfOneAddress);
        }
        let untrusted_max = self.limits.connections_max - self.limits.connections_max / 4;
        let is_full =
            open.places.len() >= self.limits.connections_max || (!trusted && open.untrusted >= untrusted_max);
        if is_full {
            let number = open.idle_longest(trusted, now).ok_or(Full::OfAll)?;
            if let Some(place) = open.remove(number) {
                place.leave.notify_one();
            }
        }
        let leave = Arc::new(Notify::new());
        let number = open.next;
        open.next += 1;
        open.places.insert(number, Place { address, trusted, heard: now, leave: Arc::clone(&leave) });
        *open.of_address.entry(address).or_insert(0) += 1;
        open.untrusted += usize::from(!trusted);
        Ok((Held { connections: Arc::clone(self), number, leave }, is_full))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Whoever panicked while holding it left whole values behind.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Who was idle longest, and long enough to be called idle: first of the untrusted.
    fn idle_longest(&self, for_trusted: bool, now: Timestamp) -> Option<u64> {
        let idle = |place: &Place| now.micros_since(place.heard) >= IDLE_MICROS_MIN;
        let candidates =
            self.places.iter().filter(|(_, place)| idle(place) && (for_trusted || !place.trusted));
        candidates
            .min_by_key(|(number, place)| (place.trusted, place.heard, **number))
            .map(|(number, _)| *number)
    }

    fn remove(&mut self, number: u64) -> Option<Place> {
        let place = self.places.remove(&number)?;
        self.untrusted -= usize::from(!place.trusted);
        if let Some(count) = self.of_address.get_mut(&place.address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&place.address);
            }
        }
        Some(place)
    }
}

impl Held {
    /// Notes that a message came.
    pub(crate) fn heard(&self, now: Timestamp) {
        if let Some(place) = self.connections.lock().places.get_mut(&self.number) {
            place.heard = now;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connections.lock().remove(self.number);
    }
}

/// Who was heard less than so long ago is not idle, in microseconds.
const IDLE_MICROS_MIN: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(connections_max: usize, of_one_address_max: usize) -> Arc<Connections> {
        let limits = ConnectionLimits {
            connections_max,
            of_one_address_max,
            message_seconds_max: 5,
            idle_seconds_max: 60,
        };
        Arc::new(Connections::new(limits))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn one_address_cannot_hold_all_places() {
        let connections = connections(100, 2);
        let held: Vec<_> = (0..2).map(|_| connections.take(address(1), true, at(0)).ok().unwrap()).collect();
        assert_eq!(connections.take(address(1), true, at(90)).err(), Some(Full::OfOneAddress));
        assert!(connections.take(address(2), true, at(0)).is_ok());
        drop(held);
        assert!(connections.take(address(1), true, at(0)).is_ok(), "places are given back");
    }

    #[test]
    fn a_quarter_is_kept_for_trusted_peers() {
        let connections = connections(8, 100);
        let strangers: Vec<_> =
            (0..6).map(|_| connections.take(address(1), false, at(0)).ok().unwrap()).collect();
        assert_eq!(connections.take(address(2), false, at(0)).err(), Some(Full::OfAll), "nobody is idle yet");
        let trusted: Vec<_> =
            (0..2).map(|_| connections.take(address(3), true, at(0)).ok().unwrap()).collect();
        assert!(trusted.iter().all(|(_, evicted)| !evicted));
        drop(strangers);
    }

    #[tokio::test]
    async fn who_was_idle_longest_leaves_and_trusted_peers_last() {
        let connections = connections(4, 100);
        let (trusted, _) = connections.take(address(9), true, at(0)).ok().unwrap();
        let (first, _) = connections.take(address(1), false, at(1)).ok().unwrap();
        let (second, _) = connections.take(address(2), false, at(2)).ok().unwrap();
        let (third, _) = connections.take(address(3), false, at(3)).ok().unwrap();
        first.heard(at(9));
        let (_fourth, evicted) = connections.take(address(4), true, at(10)).ok().unwrap();
        assert!(evicted);
        second.leave.notified().await;
        assert!(connections.lock().places.contains_key(&trusted.number));
        assert!([&first, &third].iter().all(|held| connections.lock().places.contains_key(&held.number)));
    }
}
