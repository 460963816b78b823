//! Windows of the keys that have more events than fit into an entry.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::how::Measured;
use super::plan::{Counter, Group, Plan};
use super::window::Window;

/// The windows of one key of one group, in the order of the group's counters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Windows {
    windows: Vec<Option<Window>>,
    /// The entry that they belong to.
    key: u64,
    /// When the last event came, in microseconds.
    last: i64,
    bytes: usize,
}

/// All windows there are, in slots that are used again.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Busy {
    slots: Vec<Windows>,
    free: Vec<u32>,
    /// Where the search for windows to give up goes on.
    hand: usize,
    pub(super) bytes: usize,
}

impl Busy {
    /// Makes windows for a key of `group`. Returns one more than their slot.
    pub(super) fn open(&mut self, group: &Group, key: u64) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Windows::default());
            self.slots.len() as u32 - 1
        });
        if let Some(windows) = self.slots.get_mut(slot as usize) {
            windows.windows.resize(group.counters.len(), None);
            windows.key = key;
        }
        slot + 1
    }

    /// Takes one event into the windows of the counters that it counts for. Returns whether any of them may reach a limit.
    pub(super) fn push(&mut self, busy: u32, event: &Event, group: &Group, plan: &Plan) -> bool {
        let Some(windows) = self.slots.get_mut(busy as usize - 1) else { return false };
        let mut may_reach = false;
        windows.last = windows.last.max(event.micros());
        let before = windows.bytes;
        for (counter, place) in counters(group, plan) {
            if event.mask >> counter.bit & 1 == 1
                && let Some(window) = windows.windows.get_mut(place)
            {
                let known = window.as_ref().map_or(0, Window::bytes);
                let window = window.get_or_insert_with(|| Window::new(counter.shape));
                window.push(event, counter.shape);
                windows.bytes = windows.bytes + window.bytes() - known;
                may_reach |= window.kept() >= counter.fewest;
            }
        }
        self.bytes = self.bytes + windows.bytes - before;
        may_reach
    }

    /// The window of `counter` at the key with these windows.
    pub(super) fn window(&mut self, busy: u32, counter: &Counter) -> Option<&mut Window> {
        let windows = self.slots.get_mut((busy as usize).checked_sub(1)?)?;
        windows.windows.get_mut(usize::from(counter.bit))?.as_mut()
    }

    /// What `counter` says at `now`; nothing happened where it has no window.
    pub(super) fn measure(&mut self, busy: u32, counter: &Counter, now: i64, newest: bool) -> Measured {
        let shape = counter.shape;
        self.window(busy, counter).map_or_else(Measured::default, |window| {
            if newest { window.measure_newest(now, shape) } else { window.measure(now, shape) }
        })
    }

    /// When the last event came into these windows, in microseconds.
    pub(super) fn last(&self, busy: u32) -> i64 {
        self.slots.get(busy as usize - 1).map_or(i64::MIN, |windows| windows.last)
    }

    /// How many events are kept for a key at most.
    pub(super) fn events(&self, busy: u32) -> usize {
        let windows = (busy as usize).checked_sub(1).and_then(|slot| self.slots.get(slot));
        let windows = windows.into_iter().flat_map(|windows| windows.windows.iter().flatten());
        windows.map(Window::passed).max().unwrap_or(0)
    }

    /// Of some windows those that are best given up: those that have had no event since `oldest`, else those with the
    /// fewest. Returns the key of their entry and their slot plus one.
    pub(super) fn lightest(&mut self, oldest: i64) -> Option<(u64, u32)> {
        let length = self.slots.len();
        let places = (0..length.min(LOOKED_AT)).map(|step| (self.hand + step) % length);
        let taken =
            places.filter(|&place| self.slots.get(place).is_some_and(|windows| !windows.windows.is_empty()));
        let weight = |&place: &usize| {
            let is_live = self.slots.get(place).is_some_and(|windows| windows.last > oldest);
            (is_live, self.events(place as u32 + 1))
        };
        let found = taken.min_by_key(weight);
        self.hand = (self.hand + LOOKED_AT) % length.max(1);
        found
            .or_else(|| self.slots.iter().position(|windows| !windows.windows.is_empty()))
            .and_then(|place| Some((self.slots.get(place)?.key, place as u32 + 1)))
    }

    /// Frees these windows.
    pub(super) fn close(&mut self, busy: u32) {
        let Some(slot) = busy.checked_sub(1) else { return };
        if let Some(windows) = self.slots.get_mut(slot as usize) {
            self.bytes -= windows.bytes;
            *windows = Windows::default();
            self.free.push(slot);
        }
    }
}

fn counters<'a>(group: &'a Group, plan: &'a Plan) -> impl Iterator<Item = (&'a Counter, usize)> {
    group.counters.iter().enumerate().filter_map(|(place, index)| Some((plan.counter(*index)?, place)))
}

/// Windows among which the ones to give up are chosen.
const LOOKED_AT: usize = 64;
