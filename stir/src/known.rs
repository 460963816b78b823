//! Certificates that were fetched, by their address, and those that somebody is to fetch.

use std::collections::{HashMap, VecDeque};

use rules::Timestamp;

use crate::certificate::Chain;
use crate::limits::{
    CERTIFICATES_MAX, REFRESH_SECONDS, RETRY_SECONDS, STALE_SECONDS, WANTED_MAX, WANTED_SECONDS,
};
use crate::outcome::{Doubt, Fault, Outcome};

/// What is known of the certificates behind addresses, all in their normal form.
#[derive(Debug, Default)]
pub(crate) struct Known {
    entries: HashMap<String, Entry>,
    order: VecDeque<String>,
    asked: HashMap<String, Timestamp>,
    wanted: VecDeque<String>,
}

#[derive(Debug)]
struct Entry {
    what: What,
    came: Timestamp,
}

#[derive(Debug)]
enum What {
    Certificate(Box<Chain>),
    Refused(Fault),
    Unavailable { until: Timestamp },
}

impl Known {
    /// The certificate at `address`. One that is not known is wanted from now on.
    pub(crate) fn chain(&mut self, address: &str, at: Timestamp) -> Result<&mut Chain, Outcome> {
        let age = |entry: &Entry| at.micros_since(entry.came);
        let is_due = self.entries.get(address).is_none_or(|entry| match &entry.what {
            What::Unavailable { until } => at >= *until,
            What::Certificate(_) | What::Refused(_) => age(entry) > REFRESH_SECONDS * SECOND,
        });
        if is_due {
            self.want(address, at);
        }
        match self.entries.get_mut(address).map(|entry| &mut entry.what) {
            Some(What::Certificate(chain)) => Ok(chain),
            Some(What::Refused(fault)) => Err(Outcome::Failed(*fault)),
            Some(What::Unavailable { .. }) if !is_due => Err(Outcome::Open(Doubt::Unavailable)),
            Some(What::Unavailable { .. }) | None => Err(Outcome::Open(Doubt::Awaited)),
        }
    }

    /// Takes what was fetched from `address`.
    pub(crate) fn learn(&mut self, address: &str, bytes: &[u8], at: Timestamp) {
        let what = match Chain::read(bytes) {
            Ok(chain) => What::Certificate(Box::new(chain)),
            Err(fault) => What::Refused(fault),
        };
        self.put(address, what, at);
    }

    /// Notes that nothing can be fetched from `address` before `until`. A certificate that is known holds for a while yet.
    pub(crate) fn give_up(&mut self, address: &str, until: Timestamp, at: Timestamp) {
        let holds = self.entries.get(address).is_some_and(|entry| {
            matches!(entry.what, What::Certificate(_)) && at.micros_since(entry.came) < STALE_SECONDS * SECOND
        });
        if holds {
            self.asked.insert(address.to_owned(), until);
        } else {
            self.put(address, What::Unavailable { until }, at);
        }
    }

    /// Notes that a signature does not fit the certificate at `address`, which may have been changed.
    pub(crate) fn suspect(&mut self, address: &str, at: Timestamp) {
        let is_old = |entry: &Entry| at.micros_since(entry.came) > RETRY_SECONDS * SECOND;
        if self.entries.get(address).is_some_and(is_old) {
            self.want(address, at);
        }
    }

    /// The next address from which somebody is to fetch a certificate.
    pub(crate) fn poll_wanted(&mut self) -> Option<String> {
        self.wanted.pop_front()
    }

    /// How many certificates are known.
    pub(crate) fn count(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry.what, What::Certificate(_))).count()
    }

    fn put(&mut self, address: &str, what: What, at: Timestamp) {
        self.asked.remove(address);
        if self.entries.insert(address.to_owned(), Entry { what, came: at }).is_none() {
            self.order.push_back(address.to_owned());
        }
        if self.order.len() > CERTIFICATES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    fn want(&mut self, address: &str, at: Timestamp) {
        let is_asked = |asked: &Timestamp| at.micros_since(*asked) < WANTED_SECONDS * SECOND;
        if self.asked.get(address).is_some_and(is_asked) || self.wanted.len() >= WANTED_MAX {
            return;
        }
        if self.asked.len() >= WANTED_MAX {
            self.asked.retain(|_, asked| is_asked(asked));
        }
        if self.asked.len() < WANTED_MAX {
            self.asked.insert(address.to_owned(), at);
            self.wanted.push_back(address.to_owned());
        }
    }
}

/// In microseconds.
const SECOND: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds * SECOND)
    }

    #[test]
    fn an_address_is_asked_for_once_until_somebody_answers() {
        let mut known = Known::default();
        let awaited = Err(Outcome::Open(Doubt::Awaited));
        for _ in 0..3 {
            assert_eq!(known.chain("https://a/", seconds(5)).map(|_| ()), awaited);
        }
        assert_eq!(known.poll_wanted().as_deref(), Some("https://a/"));
        assert_eq!(known.poll_wanted(), None);
        assert_eq!(known.chain("https://a/", seconds(5 + WANTED_SECONDS)).map(|_| ()), awaited);
        assert!(known.poll_wanted().is_some());

        known.give_up("https://a/", seconds(60), seconds(20));
        let unavailable = Err(Outcome::Open(Doubt::Unavailable));
        assert_eq!(known.chain("https://a/", seconds(59)).map(|_| ()), unavailable);
        assert_eq!(known.poll_wanted(), None);
        assert_eq!(known.chain("https://a/", seconds(60)).map(|_| ()), awaited);
        assert!(known.poll_wanted().is_some());
    }

    #[test]
    fn addresses_of_strangers_fill_no_memory() {
        let mut known = Known::default();
        for number in 0..3 * CERTIFICATES_MAX {
            let address = format!("https://{number}/");
            assert!(known.chain(&address, seconds(1)).is_err());
            known.give_up(&address, seconds(60), seconds(1));
        }
        assert!(known.entries.len() <= CERTIFICATES_MAX && known.order.len() == known.entries.len());
        assert!(known.asked.len() <= WANTED_MAX && known.wanted.len() <= WANTED_MAX);
    }
}
