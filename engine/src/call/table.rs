//! All attempts that are alive, found by Call-ID, ended by deadline, within a bound.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::attempt::{Attempt, Keys, Kind};
use crate::call::chunks::Chunks;
use crate::call::deadlines::{Deadline, Deadlines};
use crate::call::heads::Heads;
use crate::call::progress::State;
use crate::legs::Marks;
use crate::limits::{
    CALLS_MAX, IDLE_SECONDS_MAX, LINGER_SECONDS, REFUSED_SECONDS, SAME_CALL_ID_MAX, TRANSACTION_SECONDS,
    UNANSWERED_SECONDS_MAX,
};

/// A place in the table.
pub(crate) type Slot = u32;

const NOBODY: Slot = Slot::MAX;

/// All attempts that are alive.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Table {
    entries: Chunks<Entry>,
    free: Vec<Slot>,
    by_call_id: Heads,
    /// Calls by what their other legs find them by.
    by_mark: Heads,
    deadlines: Deadlines,
    started: u64,
    /// Whether everything is answered at once, so that nothing waits longer than a refusal is remembered.
    #[serde(skip)]
    answers_at_once: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    attempt: Attempt,
    last_seen: Timestamp,
    /// What it stands under in `by_mark`, perhaps.
    marks: Marks,
    next: Slot,
    previous: Slot,
    generation: u32,
    alive: bool,
    /// Whether its end was queued to be told.
    told: bool,
    /// Whether it is queued and nobody has fetched it yet.
    pending: bool,
    /// Whether its time is up: it is freed once it was fetched.
    due: bool,
    /// Whether a Call-ID leads to it.
    linked: bool,
}

impl Table {
    /// How many attempts are alive or linger.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Opens an attempt under `keys`.
    pub(crate) fn open(&mut self, keys: Keys, kind: Kind, at: Timestamp) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry::vacant());
            (self.entries.len() - 1) as Slot
        });
        let head = self.by_call_id.insert(keys.call_id, slot).unwrap_or(NOBODY);
        self.started += 1;
        let sequence = self.started;
        if let Some(older) = self.entries.get_mut(head as usize) {
            older.previous = slot;
        }
        let Some(entry) = self.entries.get_mut(slot as usize) else { return slot };
        (entry.alive, entry.told, entry.pending, entry.due) = (true, false, false, false);
        (entry.last_seen, entry.linked) = (at, true);
        (entry.next, entry.previous) = (head, NOBODY);
        entry.attempt.begin(kind, keys, at);
        entry.attempt.sequence = sequence;
        let mut deadline = entry.deadline(slot);
        if self.answers_at_once {
            deadline.at = at.plus_micros(REFUSED_SECONDS * 1_000_000);
        }
        self.deadlines.push(deadline);
        slot
    }

    /// Opens an attempt that somebody else follows: nothing finds it by a Call-ID, and nothing is due.
    pub(crate) fn open_unfollowed(&mut self, kind: Kind, at: Timestamp) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry::vacant());
            (self.entries.len() - 1) as Slot
        });
        let Some(entry) = self.entries.get_mut(slot as usize) else { return slot };
        (entry.alive, entry.told, entry.pending, entry.due) = (true, false, false, false);
        (entry.next, entry.previous) = (NOBODY, NOBODY);
        entry.attempt.begin(kind, Keys::default(), at);
        slot
    }

    /// From now on everything is answered at once: an attempt is forgotten when its retransmissions are over.
    pub(crate) fn answer_at_once(&mut self) {
        self.answers_at_once = true;
    }

    /// Whether there is no room for another attempt.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= CALLS_MAX
    }

    /// The attempts with this Call-ID, the youngest first, at most [`SAME_CALL_ID_MAX`] of them: a stranger who
    /// repeats one Call-ID for ever must not make every look-up longer.
    pub(crate) fn with_call_id(&self, call_id: u64) -> impl Iterator<Item = (Slot, &Attempt)> + '_ {
        let mut next = self.by_call_id.get(call_id).unwrap_or(NOBODY);
        std::iter::from_fn(move || {
            let slot = next;
            let entry = self.entries.get(slot as usize)?;
            next = entry.next;
            Some((slot, &entry.attempt))
        })
        .take(SAME_CALL_ID_MAX)
    }

    /// The attempt at `slot`.
    pub(crate) fn attempt(&self, slot: Slot) -> Option<&Attempt> {
        self.entries.get(slot as usize).filter(|entry| entry.alive).map(|entry| &entry.attempt)
    }

    /// The attempt at `slot`, to change it.
    pub(crate) fn attempt_mut(&mut self, slot: Slot) -> Option<&mut Attempt> {
        self.entries.get_mut(slot as usize).filter(|entry| entry.alive).map(|entry| &mut entry.attempt)
    }

    /// All attempts that are alive, to change them.
    pub(crate) fn attempts_mut(&mut self) -> impl Iterator<Item = (Slot, &mut Attempt)> {
        let entries = self.entries.iter_mut().zip(0..).filter(|(entry, _)| entry.alive);
        entries.map(|(entry, slot)| (slot, &mut entry.attempt))
    }

    /// Lets other legs of the call at `slot` find it by `marks`, unless it is a leg itself.
    pub(crate) fn mark(&mut self, slot: Slot, marks: Marks) {
        let entry = self.entries.get_mut(slot as usize).filter(|entry| !entry.attempt.is_leg());
        let Some(entry) = entry.filter(|_| marks != [0; 2]) else { return };
        entry.marks = marks;
        for mark in marks.into_iter().filter(|mark| *mark != 0) {
            self.by_mark.insert(mark, slot);
        }
    }

    /// The call that was marked so last and is known still.
    pub(crate) fn marked(&self, mark: u64) -> Option<Slot> {
        self.by_mark.get(mark).filter(|_| mark != 0)
    }

    /// Notes that the attempt at `slot` was heard of.
    pub(crate) fn touch(&mut self, slot: Slot, at: Timestamp) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.last_seen = entry.last_seen.max(at);
        }
    }

    /// Takes up the nearer deadline of an attempt that was refused or ended just now. A deadline that only moved
    /// away is put off when it is due.
    pub(crate) fn reschedule(&mut self, slot: Slot) {
        if let Some(entry) = self.entries.get(slot as usize) {
            self.deadlines.push(entry.deadline(slot));
        }
    }

    /// Marks the attempt at `slot` as told. Returns whether it was not yet.
    pub(crate) fn tell(&mut self, slot: Slot) -> bool {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return false };
        let first = !std::mem::replace(&mut entry.told, true);
        entry.pending |= first;
        first
    }

    /// Marks the attempt at `slot` as fetched. Returns whether its time is up, so that it can be freed.
    pub(crate) fn fetched(&mut self, slot: Slot) -> bool {
        self.entries.get_mut(slot as usize).is_some_and(|entry| {
            entry.pending = false;
            entry.due
        })
    }

    /// The time of the attempt at `slot` is up: what comes under its Call-ID from now on is none of it. Returns whether it can
    /// be freed at once.
    pub(crate) fn close(&mut self, slot: Slot) -> bool {
        self.unlink(slot);
        self.entries.get_mut(slot as usize).is_some_and(|entry| {
            entry.due = true;
            !entry.pending
        })
    }

    /// The next attempt whose time is up at `now`, and when it was.
    #[inline]
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<(Slot, Timestamp)> {
        if self.deadlines.none_is_due(now) { None } else { self.expire_due(now) }
    }

    fn expire_due(&mut self, now: Timestamp) -> Option<(Slot, Timestamp)> {
        while !self.deadlines.none_is_due(now) {
            let Deadline { slot, generation, at } = self.deadlines.pop()?;
            let Some(entry) = self.entries.get(slot as usize) else { continue };
            if !entry.alive || entry.generation != generation {
                continue;
            }
            let deadline = entry.deadline(slot);
            if deadline.at > at && !(self.answers_at_once && entry.told) {
                self.deadlines.push(deadline);
            } else {
                return Some((slot, at));
            }
        }
        None
    }

    /// The attempt that would end first, whenever that is: to make room, or to finish.
    pub(crate) fn expire_first(&mut self) -> Option<Slot> {
        while let Some(Deadline { slot, generation, .. }) = self.deadlines.pop() {
            if let Some(entry) = self.entries.get(slot as usize)
                && entry.alive
                && entry.generation == generation
            {
                return Some(slot);
            }
        }
        None
    }

    /// Frees `slot`; its buffers stay for the next attempt.
    pub(crate) fn free(&mut self, slot: Slot) {
        let Some(entry) = self.entries.get_mut(slot as usize).filter(|entry| entry.alive) else { return };
        entry.alive = false;
        // Policies may be large: no vacant place keeps former ones.
        entry.attempt.policies = None;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        self.unlink(slot);
    }

    /// No Call-ID leads to `slot` any more, and no mark of another leg.
    fn unlink(&mut self, slot: Slot) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        if !std::mem::take(&mut entry.linked) {
            return;
        }
        let (call_id, next, previous) = (entry.attempt.keys.call_id, entry.next, entry.previous);
        for mark in std::mem::take(&mut entry.marks) {
            if mark != 0 && self.by_mark.get(mark) == Some(slot) {
                self.by_mark.remove(mark);
            }
        }
        if let Some(older) = self.entries.get_mut(next as usize) {
            older.previous = previous;
        }
        if let Some(younger) = self.entries.get_mut(previous as usize) {
            younger.next = next;
        } else if next == NOBODY {
            self.by_call_id.remove(call_id);
        } else {
            self.by_call_id.insert(call_id, next);
        }
    }
}

impl Entry {
    fn vacant() -> Self {
        Self {
            attempt: Attempt::vacant(),
            last_seen: Timestamp::default(),
            marks: [0; 2],
            next: NOBODY,
            previous: NOBODY,
            generation: 0,
            alive: false,
            told: false,
            pending: false,
            due: false,
            linked: false,
        }
    }

    /// When its time is up, for the table's `slot` that it stands in.
    fn deadline(&self, slot: Slot) -> Deadline {
        let seconds = match (self.attempt.kind, self.attempt.progress.state) {
            (Kind::Call, State::Trying | State::Ringing) => UNANSWERED_SECONDS_MAX,
            (Kind::Call, State::Up) => IDLE_SECONDS_MAX,
            (Kind::Call, State::Refused) => REFUSED_SECONDS,
            (Kind::Call, State::Over) => LINGER_SECONDS,
            _ => TRANSACTION_SECONDS,
        };
        let at = self.last_seen.plus_micros(seconds * 1_000_000);
        Deadline { at, slot, generation: self.generation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Signal;

    fn keys(call_id: u64, branch: u64) -> Keys {
        Keys { call_id, branch, ..Keys::default() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn branches(table: &Table, call_id: u64) -> Vec<u64> {
        table.with_call_id(call_id).map(|(_, attempt)| attempt.keys.branch).collect()
    }

    #[test]
    fn attempts_of_one_call_id_are_found_youngest_first_whoever_leaves() {
        let mut table = Table::default();
        let slots: Vec<Slot> = (1..=4).map(|branch| table.open(keys(7, branch), Kind::Call, at(0))).collect();
        assert_eq!(branches(&table, 7), [4, 3, 2, 1]);
        for (leaving, left) in [(1, vec![4, 3, 1]), (3, vec![3, 1]), (0, vec![3]), (2, vec![])] {
            table.free(slots[leaving]);
            assert_eq!(branches(&table, 7), left);
        }
        assert_eq!(table.len(), 0);
        table.open(keys(7, 9), Kind::Call, at(1));
        assert_eq!(branches(&table, 7), [9]);
    }

    #[test]
    fn a_deadline_of_a_slot_that_was_freed_ends_nothing_new() {
        let mut table = Table::default();
        let first = table.open(keys(1, 1), Kind::Call, at(0));
        table.free(first);
        let second = table.open(keys(2, 2), Kind::Call, at(500));
        assert_eq!(first, second, "the slot is used again");
        assert_eq!(table.expire(at(UNANSWERED_SECONDS_MAX + 1)), None);
        let due = at(500 + UNANSWERED_SECONDS_MAX);
        assert_eq!(table.expire(due), Some((second, due)));
    }

    #[test]
    fn what_is_heard_of_again_lives_longer_and_what_ended_shorter() {
        let mut table = Table::default();
        let slot = table.open(keys(1, 1), Kind::Call, at(0));
        table.touch(slot, at(100));
        assert_eq!(table.expire(at(UNANSWERED_SECONDS_MAX)), None);
        table.attempt_mut(slot).unwrap().progress.handle(Signal::Refuse(486), at(101));
        table.reschedule(slot);
        let due = at(100 + REFUSED_SECONDS);
        assert_eq!(table.expire(due), Some((slot, due)));
    }

    #[test]
    fn the_same_call_id_for_ever_makes_no_search_longer() {
        let mut table = Table::default();
        for branch in 0..10_000 {
            table.open(keys(1, branch), Kind::Call, at(0));
        }
        assert_eq!(table.with_call_id(1).count(), SAME_CALL_ID_MAX);
        while let Some(slot) = table.expire_first() {
            table.free(slot);
        }
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn an_attempt_is_told_once_and_freed_when_it_was_fetched() {
        let mut table = Table::default();
        let slot = table.open(keys(1, 1), Kind::Call, at(0));
        assert!(table.tell(slot) && !table.tell(slot));
        assert!(!table.close(slot), "nobody has fetched it");
        assert!(table.fetched(slot));
    }
}
