//! What pages of the desk remember between two requests: how many cases are open, and what can be taken back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cases::Case;
use cases::io::store::{Before, Filter};
use rules::Timestamp;

use crate::Service;
use crate::access::Viewer;

/// All of it. It is lost with the process, and nobody misses it.
#[derive(Default)]
pub(crate) struct Memory {
    /// By log-in: the last thing that each has done.
    undo: Mutex<BTreeMap<String, Undo>>,
    open: Mutex<Option<(Timestamp, u64)>>,
}

/// Something that can be taken back.
struct Undo {
    at: Timestamp,
    /// What was done, in words.
    words: String,
    before: Vec<Before>,
}

/// The same on a page.
pub(crate) struct UndoShown {
    pub(crate) words: String,
    /// How long it can be taken back, in milliseconds.
    pub(crate) left: i64,
}

impl Memory {
    /// That `viewer` has done this.
    pub(crate) fn did(&self, viewer: &Viewer, words: &str, before: Vec<Before>, now: Timestamp) {
        let mut all = self.undo.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, undo| now.micros_since(undo.at) <= TAKEN_MICROS);
        all.insert(viewer.who.clone(), Undo { at: now, words: words.to_owned(), before });
    }

    /// That `viewer` has done something that cannot be taken back: what was done before it is offered no more, lest one key take
    /// back another thing than was meant.
    pub(crate) fn did_for_good(&self, viewer: &Viewer) {
        self.undo.lock().unwrap_or_else(PoisonError::into_inner).remove(&viewer.who);
    }

    /// What `viewer` can take back now.
    pub(crate) fn undo_of(&self, viewer: &Viewer, now: Timestamp) -> Option<UndoShown> {
        let all = self.undo.lock().unwrap_or_else(PoisonError::into_inner);
        let undo = all.get(&viewer.who)?;
        let left = SHOWN_MICROS - now.micros_since(undo.at);
        (left > 0).then(|| UndoShown { words: undo.words.clone(), left: left / 1_000 })
    }

    /// The same where it was done to this case, and nothing since: nobody takes back on the page of one case what was done to another.
    pub(crate) fn undo_of_case(&self, viewer: &Viewer, case: &Case, now: Timestamp) -> Option<UndoShown> {
        let all = self.undo.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = all.get(&viewer.who)?.before.iter();
        let is_it = before.any(|it| it.number == case.number && it.is_newest(case.version));
        drop(all);
        self.undo_of(viewer, now).filter(|_| is_it)
    }

    /// The same, to do it: it can be done once.
    pub(crate) fn take_undo(&self, viewer: &Viewer, now: Timestamp) -> Option<Vec<Before>> {
        let undo = self.undo.lock().unwrap_or_else(PoisonError::into_inner).remove(&viewer.who)?;
        (now.micros_since(undo.at) <= TAKEN_MICROS).then_some(undo.before)
    }

    /// How many cases are open, as counted a moment ago.
    pub(crate) fn open(&self) -> Option<u64> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).map(|(_, count)| count)
    }

    /// The same, counted anew when that is longer ago; `None` when the database does not answer.
    pub(crate) async fn count_open(&self, service: &Service) -> Option<u64> {
        let now = (service.now)();
        let known = *self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = known.filter(|(at, _)| now.micros_since(*at).abs() < COUNTED_MICROS) {
            return Some(count);
        }
        let desk = service.book().ok()?.store().await.ok()?.desk();
        let count = desk.count(&Filter::default()).await.ok()?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, count));
        Some(count)
    }
}

const SHOWN_MICROS: i64 = 10 * 1_000_000;
/// A press of a key within the ten seconds may need a moment to arrive.
const TAKEN_MICROS: i64 = 15 * 1_000_000;
/// Less than pages wait before they ask again for what has changed: the last change is in what they are told.
const COUNTED_MICROS: i64 = 500_000;
