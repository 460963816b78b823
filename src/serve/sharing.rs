//! Blocks that all threads which judge share: what a threshold of one sets in force, the others hold against calls as well.
//!
//! Each hands what it sets to the others itself, when it tells its news; nothing waits for anything. What does not arrive is
//! counted: it still holds where it was set.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use collector::judge::{Count, Counters, Handle, News};
use engine::{Engine, Imposed, Seeds};

use super::mounts::Mounted;
use super::records::Teller;
use crate::state;

/// Who shares.
pub(super) struct Sharing {
    is_on: bool,
    seeds: Seeds,
    all: Arc<OnceLock<Vec<(&'static str, Handle)>>>,
    counters: Arc<Counters>,
}

impl Sharing {
    /// Before any engine is made. What engines knew of keys when the service ended in `data` holds on, so hashes begin as
    /// they did then.
    pub(super) fn new(is_on: bool, data: &Path, counters: &Arc<Counters>) -> Self {
        let kept = || {
            state::NAMES.iter().find_map(|name| Engine::seeds_of(&std::fs::read(data.join(name)).ok()?).ok())
        };
        Self {
            is_on,
            seeds: kept().unwrap_or_else(Seeds::random),
            all: Arc::default(),
            counters: Arc::clone(counters),
        }
    }

    /// The seeds that all engines have; `None` where each has its own.
    pub(super) fn seeds(&self) -> Option<Seeds> {
        self.is_on.then_some(self.seeds)
    }

    /// What the thread called `own` tells its news to: blocks go to the others, all else to `teller`.
    pub(super) fn telling(&self, own: &'static str, mut teller: Teller) -> Box<dyn FnMut(News<'_>) + Send> {
        let (all, counters) = (Arc::clone(&self.all), Arc::clone(&self.counters));
        let mut set = Vec::new();
        Box::new(move |news| match news {
            News::Imposed(imposed) => set.push(imposed.clone()),
            news => {
                if matches!(news, News::Over) && !set.is_empty() {
                    let set: Arc<[Imposed]> = std::mem::take(&mut set).into();
                    let others = all.get().into_iter().flatten().filter(|(name, _)| *name != own);
                    others.for_each(|(_, handle)| pass_on(handle, Arc::clone(&set), &counters));
                }
                teller.tell(&news);
            }
        })
    }

    /// All threads are there: from now on they share, and first what they still have in force.
    pub(super) fn begin(&self, mounts: &[Mounted]) {
        if !self.is_on || mounts.len() < 2 {
            return;
        }
        let handles = mounts.iter().map(|mounted| (mounted.name, mounted.handle.clone())).collect();
        // It is begun once.
        let _ = self.all.set(handles);
        for mounted in mounts {
            if !mounted.handle.ask(|engine, _| engine.share_blocks()) {
                self.counters.add(Count::BlockUnshared);
            }
        }
    }
}

/// Asks `handle` to hold `set` against calls. Never waits.
fn pass_on(handle: &Handle, set: Arc<[Imposed]>, counters: &Arc<Counters>) {
    let (count, counted) = (set.len() as u64, Arc::clone(counters));
    let is_asked = handle.ask(move |engine, _| {
        let shared = set.iter().filter(|imposed| engine.impose(imposed)).count() as u64;
        counted.add_many(Count::BlockShared, shared);
        counted.add_many(Count::BlockUnshared, count - shared);
    });
    if !is_asked {
        counters.add_many(Count::BlockUnshared, count);
    }
}
