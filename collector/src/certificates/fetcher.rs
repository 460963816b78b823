//! Who fetches: each address once at a time, not again soon when it failed, and not for long.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rules::Timestamp;
use stir::limits::{CERTIFICATES_MAX, REFRESH_SECONDS};
use tokio::task::{Id, JoinSet};

use super::fetch::{Egress, Refused};
use super::store::{Store, Stored};
use super::{Fetched, WantedQueue};
use crate::judge::{Count, Counters, now};
use crate::limits::{FETCHES_MAX, REFUSED_ADDRESSES_MAX, RETRY_SECONDS_MAX, RETRY_SECONDS_MIN};

/// Fetches what is wanted and tells whoever wants it.
pub struct Fetcher {
    egress: Arc<Egress>,
    store: Store,
    counters: Arc<Counters>,
    had: HashMap<String, (Arc<[u8]>, Timestamp)>,
    refused: HashMap<String, Refusal>,
    under_way: HashMap<Id, String>,
}

/// An address that gave nothing.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    until: Timestamp,
    seconds: i64,
}

impl Fetcher {
    /// One that goes where `egress` lets it and keeps what it fetched in `folder`. What is there already is known.
    ///
    /// # Errors
    /// When the folder cannot be read or made.
    pub fn new(egress: Egress, folder: PathBuf, counters: Arc<Counters>) -> io::Result<Self> {
        let (store, found) = Store::open(folder, now())?;
        let had = found.into_iter().map(|one| (one.address, (one.bytes, one.came))).collect();
        let egress = Arc::new(egress);
        let (refused, under_way) = (HashMap::new(), HashMap::new());
        Ok(Self { egress, store, counters, had, refused, under_way })
    }

    /// Fetches what `queue` asks for as long as anybody can ask, and tells of it by `tell`, at first of all it has.
    pub async fn run(mut self, queue: WantedQueue, mut tell: impl FnMut(&str, &Fetched) + Send) {
        for (address, (bytes, came)) in &self.had {
            tell(address, &Fetched::Certificates(Arc::clone(bytes), *came));
        }
        let WantedQueue(mut queue) = queue;
        let mut fetches = JoinSet::new();
        loop {
            tokio::select! {
                Some(done) = fetches.join_next_with_id(), if !fetches.is_empty() => {
                    let (id, answer) = match done {
                        Ok((id, answer)) => (id, answer),
                        // It broke inside: nothing was had.
                        Err(error) => (error.id(), Err(Refused::Answer)),
                    };
                    if let Some(address) = self.under_way.remove(&id) {
                        let fetched = self.take(&address, answer);
                        tell(&address, &fetched);
                    }
                }
                wanted = queue.recv(), if fetches.len() < FETCHES_MAX => {
                    let Some(address) = wanted else { return };
                    if let Some(known) = self.known(&address) {
                        tell(&address, &known);
                    } else if self.under_way.values().all(|other| *other != address) {
                        let (egress, wanted) = (Arc::clone(&self.egress), address.clone());
                        let started = fetches.spawn(async move { egress.fetch(&wanted).await });
                        self.under_way.insert(started.id(), address);
                    }
                }
            }
        }
    }

    /// What is known of `address` without going there.
    fn known(&self, address: &str) -> Option<Fetched> {
        let now = now();
        if let Some(refusal) = self.refused.get(address).filter(|refusal| refusal.until > now) {
            return Some(Fetched::Nothing { until: refusal.until });
        }
        let (bytes, came) = self.had.get(address)?;
        // Who asks for what came a moment ago has not got it; who asks later suspects that it was changed.
        let is_new = now.micros_since(*came) < stir::limits::RETRY_SECONDS * 1_000_000;
        is_new.then(|| Fetched::Certificates(Arc::clone(bytes), *came))
    }

    fn take(&mut self, address: &str, answer: Result<Vec<u8>, Refused>) -> Fetched {
        match answer {
            Ok(bytes) => {
                self.counters.add(Count::CertificateFetched);
                self.refused.remove(address);
                self.keep(address, bytes.into())
            }
            Err(why) => {
                self.counters.add(why.count());
                self.refuse(address)
            }
        }
    }

    fn keep(&mut self, address: &str, bytes: Arc<[u8]>) -> Fetched {
        let stored = Stored { address: address.to_owned(), came: now(), bytes };
        if self.store.keep(&stored).is_err() {
            self.counters.add(Count::CertificateNotKept);
        }
        let Stored { address, came, bytes } = stored;
        if self.had.len() >= CERTIFICATES_MAX
            && let Some(oldest) =
                self.had.iter().min_by_key(|(_, (_, came))| *came).map(|(name, _)| name.clone())
        {
            self.had.remove(&oldest);
        }
        self.had.insert(address, (Arc::clone(&bytes), came));
        Fetched::Certificates(bytes, came)
    }

    /// Each failure in a row doubles the time until it is tried again.
    fn refuse(&mut self, address: &str) -> Fetched {
        let now = now();
        let before = self.refused.get(address).map_or(0, |refusal| refusal.seconds);
        let seconds = (2 * before).clamp(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX);
        let until = now.plus_micros(seconds * 1_000_000);
        if self.refused.len() >= REFUSED_ADDRESSES_MAX {
            self.refused.retain(|_, refusal| refusal.until > now);
        }
        if self.refused.len() < REFUSED_ADDRESSES_MAX || self.refused.contains_key(address) {
            self.refused.insert(address.to_owned(), Refusal { until, seconds });
        }
        Fetched::Nothing { until }
    }
}

/// What was had is asked for again before it is forgotten.
const _: () = assert!(stir::limits::RETRY_SECONDS < REFRESH_SECONDS);
