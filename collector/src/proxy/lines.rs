//! The connections of a proxy as the thread that judges has them: which one a message goes over, and when one is to be made.

use std::collections::HashMap;

use ahash::RandomState;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::leaving::Leaving;
use super::port::Place;
use crate::judge::{Count, Counters};
use crate::limits::{CONNECTIONS_MADE_MAX, UNREAD_MAX};

/// All connections that messages can go over.
pub(super) struct Lines {
    known: HashMap<u64, Known, RandomState>,
    by_place: HashMap<Place, u64, RandomState>,
    /// How many of them we made.
    made: usize,
    /// Who makes new ones; whoever takes none has none.
    wanted: mpsc::Sender<Wanted>,
    numbers: Numbers,
}

/// A connection.
struct Known {
    place: Place,
    to: mpsc::Sender<Vec<u8>>,
    is_made: bool,
}

/// A connection that is to be made.
pub(super) struct Wanted {
    pub(super) number: u64,
    /// The socket that it stands for.
    pub(super) port: usize,
    pub(super) place: Place,
    /// What is to go over it.
    pub(super) waiting: mpsc::Receiver<Vec<u8>>,
}

/// Gives each connection a number that no other one of this run has.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Numbers {
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

impl Lines {
    pub(super) fn new(wanted: mpsc::Sender<Wanted>, numbers: Numbers) -> Self {
        Self { known: HashMap::default(), by_place: HashMap::default(), made: 0, wanted, numbers }
    }

    /// Notes the connection `number`, which was taken from `place`.
    pub(super) fn add(&mut self, number: u64, place: Place, to: mpsc::Sender<Vec<u8>>) {
        self.known.insert(number, Known { place, to, is_made: false });
        self.by_place.insert(place, number);
    }

    /// Forgets the connection `number`, which is down.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(known) = self.known.remove(&number) else { return };
        self.made -= usize::from(known.is_made);
        // Another one may lead there meanwhile.
        if self.by_place.get(&known.place) == Some(&number) {
            self.by_place.remove(&known.place);
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Sends `message` over the connection that it is to go over, else over one that leads to the same place, else over a new
    /// one. Returns false when there is none, or too much waits for one.
    pub(super) fn send(&mut self, leaving: Leaving, message: Vec<u8>, counters: &Counters) -> bool {
        let ip = leaving.to.address.ip();
        let leads_there = |known: &Known| {
            known.place.transport == leaving.to.transport && known.place.address.ip().to_canonical() == ip
        };
        let own = leaving.line.filter(|number| self.known.get(number).is_some_and(leads_there));
        let mut message = message;
        for number in [own, self.by_place.get(&leaving.to).copied()].into_iter().flatten() {
            let Some(known) = self.known.get(&number) else { continue };
            match known.to.try_send(message) {
                Ok(()) => return true,
                Err(TrySendError::Full(_)) => {
                    counters.add(Count::SendFailed);
                    return false;
                }
                Err(TrySendError::Closed(back)) => {
                    message = back;
                    self.remove(number);
                }
            }
        }
        let is_made = self.connect(leaving, message);
        if !is_made {
            counters.add(Count::SendFailed);
        }
        is_made
    }

    fn connect(&mut self, leaving: Leaving, message: Vec<u8>) -> bool {
        if self.made >= CONNECTIONS_MADE_MAX {
            return false;
        }
        let (to, waiting) = mpsc::channel(UNREAD_MAX);
        let number = self.numbers.next();
        let wanted = Wanted { number, port: leaving.port, place: leaving.to, waiting };
        if to.try_send(message).is_err() || self.wanted.try_send(wanted).is_err() {
            return false;
        }
        self.known.insert(number, Known { place: leaving.to, to, is_made: true });
        self.by_place.insert(leaving.to, number);
        self.made += 1;
        true
    }

    /// Lets all of them end once what is on its way is written.
    pub(super) fn close(&mut self) {
        self.known.clear();
        self.by_place.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaving(to: &str, line: Option<u64>) -> Leaving {
        Leaving { port: 0, to: to.parse().unwrap(), line }
    }

    fn sent(from: &mut mpsc::Receiver<Vec<u8>>) -> Vec<String> {
        std::iter::from_fn(|| from.try_recv().ok()).map(|it| String::from_utf8(it).unwrap()).collect()
    }

    #[test]
    fn a_message_goes_over_its_own_connection_or_one_to_the_same_place_or_a_new_one() {
        let (wanted, mut asked) = mpsc::channel(8);
        let mut lines = Lines::new(wanted, Numbers::default());
        let counters = Counters::default();
        let (to, mut first) = mpsc::channel(8);
        lines.add(70, "tcp:192.0.2.1:40000".parse().unwrap(), to);
        let send = |lines: &mut Lines, to, line, text: &str| {
            assert!(lines.send(leaving(to, line), text.into(), &counters), "{text}");
        };
        send(&mut lines, "tcp:192.0.2.1:5060", Some(70), "its own");
        send(&mut lines, "tcp:192.0.2.1:40000", None, "the same place");
        send(&mut lines, "tcp:192.0.2.9:5060", Some(70), "another address has no part in it");
        send(&mut lines, "tls:192.0.2.1:5061", Some(70), "nor another transport");
        send(&mut lines, "tcp:192.0.2.9:5060", None, "which is there now");
        assert_eq!(sent(&mut first), ["its own", "the same place"]);
        let mut made = asked.try_recv().unwrap();
        assert_eq!(sent(&mut made.waiting), ["another address has no part in it", "which is there now"]);
        assert_eq!(sent(&mut asked.try_recv().unwrap().waiting), ["nor another transport"]);
        drop(first);
        send(&mut lines, "tcp:192.0.2.1:5060", Some(70), "it is down");
        assert_eq!(sent(&mut asked.try_recv().unwrap().waiting), ["it is down"]);
    }

    #[test]
    fn what_waits_and_what_is_made_has_a_bound() {
        let (wanted, _asked) = mpsc::channel(CONNECTIONS_MADE_MAX + 8);
        let mut lines = Lines::new(wanted, Numbers::default());
        let counters = Counters::default();
        let to_one = (0..UNREAD_MAX + 9)
            .filter(|_| lines.send(leaving("tcp:192.0.2.9:5060", None), b"x".to_vec(), &counters))
            .count();
        assert_eq!(to_one, UNREAD_MAX);
        for port in 0..CONNECTIONS_MADE_MAX {
            lines.send(leaving(&format!("tcp:192.0.2.8:{}", port + 1), None), b"x".to_vec(), &counters);
        }
        assert_eq!(lines.known.len(), CONNECTIONS_MADE_MAX);
        let first = *lines.known.keys().next().unwrap();
        lines.remove(first);
        assert!(lines.send(leaving("tcp:192.0.2.7:5060", None), b"x".to_vec(), &counters));
    }
}
