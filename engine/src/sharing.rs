//! Blocks that several engines share: what one sets in force, the others hold against calls as well.

use std::sync::Arc;

use ahash::RandomState;
use rules::policy::PolicySet;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::ips::Placed;

/// What all hashes of an engine begin with: strangers choose what is hashed, and cannot know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds([u64; 4]);

impl Seeds {
    /// Seeds that nobody knows.
    pub fn random() -> Self {
        let random = RandomState::new();
        Self([1, 2, 3, 4].map(|number: u64| random.hash_one(number)))
    }

    pub(crate) fn hasher(self) -> RandomState {
        let [one, two, three, four] = self.0;
        RandomState::with_seeds(one, two, three, four)
    }
}

/// A block that one engine has set in force, for others that have the same seeds.
#[derive(Clone, Debug)]
pub struct Imposed {
    policies: Arc<PolicySet>,
    seeds: Seeds,
    placed: Placed,
}

/// What an engine knows of others.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    is_on: bool,
    /// What came from engines that judge by other policies, which may be those that come next here.
    early: Vec<Imposed>,
}

impl Engine {
    /// The seeds of its hashes.
    pub fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// From now on [`poll_imposed`](Self::poll_imposed) hands out what thresholds set in force, and first all that is.
    pub fn share_blocks(&mut self) {
        self.sharing.is_on = true;
        self.ips.tell_restraints();
    }

    /// The next thing that thresholds have set in force here, or made last longer.
    pub fn poll_imposed(&mut self) -> Option<Imposed> {
        let placed = self.ips.poll_restraint()?;
        Some(Imposed { policies: Arc::clone(&self.policies), seeds: self.seeds, placed })
    }

    /// Holds against calls what another engine has set in force, from the next call on. What a person lifted here stays
    /// lifted. Under other policies it waits for those. False when there is no room, or with other seeds, where it means nothing.
    pub fn impose(&mut self, imposed: &Imposed) -> bool {
        if imposed.seeds != self.seeds {
            return false;
        }
        if Arc::ptr_eq(&imposed.policies, &self.policies) {
            return self.ips.take_over(imposed.placed.clone());
        }
        let has_room = self.sharing.early.len() < EARLY_MAX;
        if has_room {
            self.sharing.early.push(imposed.clone());
        }
        has_room
    }

    /// Other policies are in force, here and soon or already elsewhere: what still holds is told anew.
    pub(crate) fn share_anew(&mut self) {
        if self.sharing.is_on {
            self.ips.tell_restraints();
        }
        let early = std::mem::take(&mut self.sharing.early);
        // What waited for policies that never came here goes.
        for imposed in early.into_iter().filter(|imposed| Arc::ptr_eq(&imposed.policies, &self.policies)) {
            self.ips.take_over(imposed.placed);
        }
    }
}

/// Blocks that wait for policies: between the first engine that takes them up and the last one few are set.
const EARLY_MAX: usize = 10_000;
