//! How much one key, person or address may ask for: a bucket each, which fills up with time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rules::Timestamp;

/// How fast buckets fill, and how much they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests a second below `/v1` of one key, person or address; four seconds' worth may come at once. 0 for no limit.
    pub requests_per_second: u32,
    /// Requests a minute to pages of logging in from one address; a minute's worth may come at once. 0 for no limit.
    pub log_ins_per_minute: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { requests_per_second: 50, log_ins_per_minute: 120 }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Door {
    /// Something below `/v1`.
    Api,
    /// A page of logging in.
    Entry,
    /// An answer to a text message, of one telephone.
    Answer,
    /// A trial message that a contact sends to themselves.
    Trial,
}

/// The buckets of everybody who asked lately.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) rates: Rates,
    buckets: Mutex<HashMap<(Door, String), Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// What has been used of it, in microseconds that it takes to fill up again.
    used: i64,
    at: Timestamp,
}

impl Limits {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Takes one request of `who` out of their bucket.
    ///
    /// # Errors
    /// It is empty: after how many seconds it is not.
    pub(crate) fn take(&self, door: Door, who: &str, now: Timestamp) -> Result<(), u64> {
        let (a_request, whole) = match (door, self.rates) {
            (Door::Api, Rates { requests_per_second: 0, .. })
            | (Door::Entry, Rates { log_ins_per_minute: 0, .. }) => return Ok(()),
            (Door::Api, rates) => (SECOND_MICROS / i64::from(rates.requests_per_second), 4 * SECOND_MICROS),
            (Door::Entry, rates) => (MINUTE_MICROS / i64::from(rates.log_ins_per_minute), MINUTE_MICROS),
            (Door::Answer, _) => (60 * MINUTE_MICROS / ANSWERS_AN_HOUR, 60 * MINUTE_MICROS),
            (Door::Trial, _) => (60 * MINUTE_MICROS / TRIALS_AN_HOUR, 60 * MINUTE_MICROS),
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (door, who.chars().take(WHO_CHARACTERS_MAX).collect::<String>());
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
            // One that is full again says no more than one that is not there.
            buckets.retain(|_, bucket| bucket.used > now.micros_since(bucket.at));
            if buckets.len() >= BUCKETS_MAX {
                // More strangers at once than are told apart share one.
                key.1 = String::new();
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { used: 0, at: now });
        bucket.used = (bucket.used - now.micros_since(bucket.at).max(0)).max(0);
        bucket.at = now;
        let after = bucket.used + a_request;
        if after > whole {
            let wait = (after - whole).div_euclid(SECOND_MICROS) + 1;
            return Err(u64::try_from(wait).unwrap_or(1));
        }
        bucket.used = after;
        Ok(())
    }
}

/// Of one telephone: who guesses codes needs years.
const ANSWERS_AN_HOUR: i64 = 20;
/// Of one contact: each costs the desk a text message.
const TRIALS_AN_HOUR: i64 = 6;
const SECOND_MICROS: i64 = 1_000_000;
const MINUTE_MICROS: i64 = 60 * SECOND_MICROS;
/// Some megabytes.
const BUCKETS_MAX: usize = 20_000;
const WHO_CHARACTERS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_empty_after_its_worth_and_fills_up_with_time() {
        let limits = Limits::new(Rates { requests_per_second: 10, log_ins_per_minute: 6 });
        let now = Timestamp(1_000_000_000);
        let taken = (0..100).filter(|_| limits.take(Door::Api, "key:a", now).is_ok()).count();
        assert_eq!(taken, 40, "four seconds' worth at once");
        assert_eq!(limits.take(Door::Api, "key:a", now), Err(1));
        assert_eq!(limits.take(Door::Api, "key:b", now), Ok(()), "another key has its own");
        assert_eq!(limits.take(Door::Entry, "key:a", now), Ok(()), "another door too");
        let later = now.plus_micros(SECOND_MICROS);
        let taken = (0..100).filter(|_| limits.take(Door::Api, "key:a", later).is_ok()).count();
        assert_eq!(taken, 10, "a second's worth later");
        let taken = (0..100).filter(|_| limits.take(Door::Entry, "192.0.2.1", now).is_ok()).count();
        assert_eq!(taken, 6);
        assert!(limits.take(Door::Entry, "192.0.2.1", now).unwrap_err() >= 10);
        let none = Limits::new(Rates { requests_per_second: 0, log_ins_per_minute: 0 });
        assert!((0..1_000).all(|_| none.take(Door::Api, "key:a", now).is_ok()));
    }

    #[test]
    fn a_million_addresses_take_no_more_than_there_is_room_for() {
        let limits = Limits::default();
        let now = Timestamp(1_000_000_000);
        let mut refused = 0;
        for index in 0..60_000 {
            refused += usize::from(limits.take(Door::Entry, &format!("address {index}"), now).is_err());
        }
        assert!(limits.buckets.lock().unwrap().len() <= BUCKETS_MAX + 1);
        assert!(refused > 30_000, "those beyond share one bucket: {refused}");
        let later = now.plus_micros(MINUTE_MICROS);
        assert_eq!(limits.take(Door::Entry, "a new one", later), Ok(()));
        assert!(limits.buckets.lock().unwrap().len() < 10, "those that are full again are forgotten");
    }
}
