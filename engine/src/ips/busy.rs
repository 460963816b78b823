//! Events of the keys that have more of them than fit into an entry: one by one while they are few, then in a window for
//! each counter.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::feeding::bits;
use super::how::Measured;
use super::plan::{Counter, Group};
use super::window::Window;

/// What is kept of one busy key of one group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Windows {
    /// All its events, while they are few.
    events: VecDeque<Event>,
    /// By counter of the group once they are many; empty until then. Kept for the next key of the group when this one
    /// goes.
    windows: Vec<Window>,
    group: u32,
    is_taken: bool,
    are_many: bool,
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
    /// Slots without windows.
    free: Vec<u32>,
    /// Slots whose windows are free, by group.
    spare: Vec<Vec<u32>>,
    /// Where the search for windows to give up goes on.
    hand: usize,
    pub(super) bytes: usize,
}

impl Busy {
    /// Makes room for a key of the group with the index `group`. Returns one more than its slot.
    pub(super) fn open(&mut self, group: u32, key: u64) -> u32 {
        let spare = self.spare.get_mut(group as usize).and_then(Vec::pop);
        let slot = spare.or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.slots.push(Windows::default());
            self.slots.len() as u32 - 1
        });
        if let Some(windows) = self.slots.get_mut(slot as usize) {
            (windows.key, windows.group, windows.is_taken) = (key, group, true);
            if windows.bytes == 0 {
                windows.bytes = size_of::<Windows>();
                self.bytes += windows.bytes;
            }
        }
        slot + 1
    }

    /// Takes one event of a key. Returns the counters that it counts for and that may reach a limit.
    #[inline]
    pub(super) fn push(&mut self, busy: u32, event: &Event, group: &Group) -> u16 {
        let Some(windows) = self.slots.get_mut(busy as usize - 1) else { return 0 };
        let before = windows.bytes;
        windows.last = windows.last.max(event.micros());
        let may_reach =
            if windows.are_many { windows.push(event, group) } else { windows.push_few(event, group) };
        self.bytes += windows.bytes - before;
        may_reach
    }

    /// The events of the key, oldest first, while they are few.
    pub(super) fn few(&self, busy: u32) -> Option<&VecDeque<Event>> {
        let windows = self.slots.get((busy as usize).checked_sub(1)?)?;
        (!windows.are_many).then_some(&windows.events)
    }

    /// The window of `counter` at the key with these windows.
    pub(super) fn window(&mut self, busy: u32, counter: &Counter) -> Option<&mut Window> {
        let windows = self.slots.get_mut((busy as usize).checked_sub(1)?)?;
        windows.windows.get_mut(usize::from(counter.bit))
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
        let Some(windows) = windows else { return 0 };
        let many = windows.windows.iter().map(Window::kept).max().unwrap_or(0);
        many.max(windows.events.len())
    }

    /// Of some windows those that are best given up: those that have had no event since `oldest`, else those with the
    /// fewest. Returns the key of their entry and their slot plus one.
    pub(super) fn lightest(&mut self, oldest: i64) -> Option<(u64, u32)> {
        let length = self.slots.len();
        let places = (0..length.min(LOOKED_AT)).map(|step| (self.hand + step) % length);
        let taken = places.filter(|&place| self.slots.get(place).is_some_and(|windows| windows.is_taken));
        let weight = |&place: &usize| {
            let is_live = self.slots.get(place).is_some_and(|windows| windows.last > oldest);
            (is_live, self.events(place as u32 + 1))
        };
        let found = taken.min_by_key(weight);
        self.hand = (self.hand + LOOKED_AT) % length.max(1);
        found
            .or_else(|| self.slots.iter().position(|windows| windows.is_taken))
            .and_then(|place| Some((self.slots.get(place)?.key, place as u32 + 1)))
    }

    /// Frees these windows for another key of their group.
    pub(super) fn close(&mut self, busy: u32) {
        let Some(slot) = busy.checked_sub(1) else { return };
        let Some(windows) = self.slots.get_mut(slot as usize) else { return };
        (windows.is_taken, windows.are_many, windows.last) = (false, false, 0);
        windows.events.clear();
        windows.windows.iter_mut().for_each(Window::clear);
        let group = windows.group as usize;
        if self.spare.len() <= group {
            self.spare.resize(group + 1, Vec::new());
        }
        self.spare.get_mut(group).into_iter().for_each(|spare| spare.push(slot));
    }

    /// Gives back what these windows take.
    pub(super) fn discard(&mut self, busy: u32) {
        let Some(slot) = busy.checked_sub(1) else { return };
        if let Some(windows) = self.slots.get_mut(slot as usize) {
            self.bytes -= windows.bytes;
            *windows = Windows::default();
            self.free.push(slot);
        }
    }

    /// Gives back what some free windows take. False when there are none.
    pub(super) fn drop_spare(&mut self) -> bool {
        let slot = self.spare.iter_mut().find_map(Vec::pop);
        slot.into_iter().for_each(|slot| self.discard(slot + 1));
        slot.is_some()
    }
}

impl Windows {
    fn push(&mut self, event: &Event, group: &Group) -> u16 {
        let mut may_reach = 0;
        for bit in bits(event.mask) {
            if let (Some(window), Some(member)) =
                (self.windows.get_mut(bit as usize), group.members.get(bit as usize))
            {
                self.bytes += window.push(event, member.shape);
                may_reach |= u16::from(window.kept() >= member.fewest) << bit;
            }
        }
        may_reach
    }

    fn push_few(&mut self, event: &Event, group: &Group) -> u16 {
        let oldest = event.micros() - group.within_micros;
        while self.events.front().is_some_and(|known| known.micros() <= oldest) {
            self.events.pop_front();
        }
        if self.events.len() >= FEW {
            return self.part(event, group);
        }
        let before = self.events.capacity();
        self.events.push_back(*event);
        self.bytes += (self.events.capacity() - before) * size_of::<Event>();
        group.may_reach(event.mask, self.events.len())
    }

    /// From now on each counter has its window.
    #[inline(never)]
    fn part(&mut self, event: &Event, group: &Group) -> u16 {
        self.are_many = true;
        if self.windows.is_empty() {
            self.windows = group.members.iter().map(|member| Window::new(member.shape)).collect();
            self.bytes += self.windows.iter().map(Window::bytes).sum::<usize>();
        }
        while let Some(earlier) = self.events.pop_front() {
            self.push(&earlier, group);
        }
        self.push(event, group)
    }
}

/// So many events of a key are kept one by one; with more, each counter has a window.
const FEW: usize = 32;
/// Windows among which the ones to give up are chosen.
const LOOKED_AT: usize = 64;
