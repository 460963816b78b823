//! Senders of mails that were kept are checked before they are read, many at once: one whose DNS is slow holds up no other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cases::intake::Checks;
use cases::io::mail::Checker;
use cases::io::store::{Error, Store};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

/// Mails on their way from being kept to being read.
pub(super) struct Checking {
    /// Who checks them, where that is us; otherwise they are checked already.
    checker: Option<Checker>,
    tasks: JoinSet<Result<(), Error>>,
    /// The names of those that are checked now, and since when.
    busy: HashMap<Id, (String, Instant)>,
    /// What those take of memory.
    held: Arc<AtomicUsize>,
    checked: VecDeque<Result<String, Error>>,
}

impl Checking {
    pub(super) fn new(checker: Option<Checker>) -> Self {
        let (tasks, busy, checked) = (JoinSet::new(), HashMap::new(), VecDeque::new());
        Self { checker, tasks, busy, held: Arc::default(), checked }
    }

    /// Mails that are checked now.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.busy.len()).unwrap_or(u32::MAX)
    }

    /// Begins with these mails, as many as there is room for; those that are under way already go on.
    pub(super) fn begin(&mut self, store: &Store, keys: Vec<String>) {
        let Some(checker) = &self.checker else {
            self.checked = keys.into_iter().map(Ok).collect();
            return;
        };
        let mut quick = self.busy.values().filter(|(_, since)| since.elapsed() < SLOW).count();
        for key in keys {
            if quick >= CHECKS_AT_ONCE || self.busy.len() >= CHECKS_MAX {
                return;
            }
            if self.held.load(Ordering::Relaxed) > HELD_BYTES_MAX {
                return;
            }
            let is_checked = self.checked.iter().any(|it| it.as_ref().is_ok_and(|it| *it == key));
            if is_checked || self.busy.values().any(|(it, _)| *it == key) {
                continue;
            }
            let (checker, store, name) = (checker.clone(), store.clone(), key.clone());
            let held = Arc::clone(&self.held);
            let task = self.tasks.spawn(async move { check(checker, &store, &name, held).await });
            self.busy.insert(task.id(), (key, Instant::now()));
            quick += 1;
        }
    }

    /// Whether there is a mail that can be read now.
    pub(super) fn has_checked(&mut self) -> bool {
        while let Some(done) = self.tasks.try_join_next_with_id() {
            self.take(done);
        }
        !self.checked.is_empty()
    }

    /// A mail that can be read now, or why it could not be checked as yet.
    pub(super) fn poll_checked(&mut self) -> Option<Result<String, Error>> {
        self.checked.pop_front()
    }

    /// Waits until one more is checked; for ever while none is.
    pub(super) async fn wait(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(done) => self.take(done),
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, done: Result<(Id, Result<(), Error>), JoinError>) {
        let (id, done) = match done {
            Ok(done) => done,
            Err(error) => (error.id(), Err(Error::Refused(error.to_string()))),
        };
        if let Some((key, _)) = self.busy.remove(&id) {
            self.checked.push_back(done.map(|()| key));
        }
    }
}

/// Checks the sender of a mail that was kept, if that is still to be done, and keeps what was found with it.
async fn check(checker: Checker, store: &Store, key: &str, held: Arc<AtomicUsize>) -> Result<(), Error> {
    let desk = store.desk();
    let Some(mail) = desk.begin_checking(key).await? else { return Ok(()) };
    let _held = Held::new(mail.raw.len(), held);
    let mut envelope = mail.envelope.clone();
    let made = tokio::spawn(async move { checker.check(&mail.raw, &mail.envelope).await }).await;
    envelope.checks = Some(made.unwrap_or_else(|_| {
        // A parser that panics loses what it was to find, never the mail.
        let found = vec!["nothing was checked: checking it failed".to_owned()];
        Checks { found, ..envelope.checks.unwrap_or_default() }
    }));
    desk.keep_checks(key, &envelope).await
}

/// Bytes of a mail that is checked, until that is over.
struct Held {
    bytes: usize,
    of: Arc<AtomicUsize>,
}

impl Held {
    fn new(bytes: usize, of: Arc<AtomicUsize>) -> Self {
        of.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, of }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// As many wait for DNS together, each with its mail in memory.
const CHECKS_AT_ONCE: usize = 64;
/// What waits longer gives its place to the next one, and goes on waiting beside it.
const SLOW: Duration = Duration::from_secs(1);
/// As many wait at all.
const CHECKS_MAX: usize = 512;
/// No further ones begin while mails of so many bytes are checked.
const HELD_BYTES_MAX: usize = 256 << 20;
