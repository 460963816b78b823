//! How well the engine sees: whether answers reach it, and when a trunk that was heard says nothing any more. Then nobody is
//! protected, and nothing else would tell.

use std::collections::VecDeque;
use std::net::IpAddr;

use ahash::HashMap;
use ipnet::IpNet;
use rules::Timestamp;
use rules::policy::PolicySet;
use serde::{Deserialize, Serialize};

/// A trunk, or a trusted peer, that was silent for as long as its policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Whose: index of the policy.
    pub policy: u32,
    /// The network as the policy writes it.
    pub trunk: IpNet,
    /// When its last message came.
    pub heard: Timestamp,
    /// When that was too long ago.
    pub at: Timestamp,
}

/// The trunks of all policies that ask for it.
#[derive(Debug, Default)]
pub(crate) struct Trunks {
    trunks: Vec<Trunk>,
    /// Trunks that an address belongs to, by place.
    of: HashMap<IpAddr, Box<[usize]>>,
    /// Nothing is overdue before this moment, in microseconds.
    due: i64,
    told: VecDeque<Silence>,
}

#[derive(Clone, Copy, Debug)]
struct Trunk {
    policy: u32,
    network: IpNet,
    silence_micros: i64,
    /// The last message since it was last told to be silent; `None` before the first.
    heard: Option<i64>,
}

impl Trunks {
    pub(crate) fn new(policies: &PolicySet) -> Self {
        let mut trunks = Vec::new();
        for (policy, index) in policies.policies().iter().zip(0..) {
            let customer = &policy.text().customer;
            let Some(silence_micros) = customer.silence_micros else { continue };
            let networks = customer.trunks.iter().chain(&customer.trusted);
            trunks.extend(networks.map(|network| Trunk {
                policy: index,
                network: *network,
                silence_micros,
                heard: None,
            }));
        }
        Self { trunks, due: i64::MAX, ..Self::default() }
    }

    /// A message came from `source`.
    #[inline]
    pub(crate) fn hear(&mut self, source: IpAddr, at: Timestamp) {
        if !self.trunks.is_empty() {
            self.hear_one(source.to_canonical(), at.0);
        }
    }

    #[inline(never)]
    fn hear_one(&mut self, source: IpAddr, at: i64) {
        if self.of.len() >= ADDRESSES_MAX {
            self.of.clear();
        }
        let trunks = &self.trunks;
        let places = self.of.entry(source).or_insert_with(|| {
            let holds =
                |place: &usize| trunks.get(*place).is_some_and(|trunk| trunk.network.contains(&source));
            (0..trunks.len()).filter(holds).collect()
        });
        for &place in places.iter() {
            if let Some(trunk) = self.trunks.get_mut(place) {
                trunk.heard = trunk.heard.max(Some(at));
                self.due = self.due.min(at.saturating_add(trunk.silence_micros));
            }
        }
    }

    /// Tells of the trunks that are silent for too long at `now`.
    #[inline]
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if now.0 >= self.due {
            self.look(now.0);
        }
    }

    #[inline(never)]
    fn look(&mut self, now: i64) {
        self.due = i64::MAX;
        for trunk in &mut self.trunks {
            let Some(heard) = trunk.heard else { continue };
            let end = heard.saturating_add(trunk.silence_micros);
            if end > now {
                self.due = self.due.min(end);
                continue;
            }
            trunk.heard = None;
            let (heard, at) = (Timestamp(heard), Timestamp(end));
            self.told.push_back(Silence { policy: trunk.policy, trunk: trunk.network, heard, at });
        }
    }

    /// The next silence.
    pub(crate) fn poll(&mut self) -> Option<Silence> {
        self.told.pop_front()
    }

    /// Goes on where `before`, under other policies, knows the same network of the policy at the same place.
    pub(crate) fn take_over(&mut self, before: &Self) {
        for trunk in &mut self.trunks {
            let same = |known: &&Trunk| (known.policy, known.network) == (trunk.policy, trunk.network);
            trunk.heard = before.trunks.iter().find(same).and_then(|known| known.heard);
        }
        self.due = i64::MIN;
    }

    /// When each trunk was heard last, to be taken up by [`Trunks::go_on`].
    pub(crate) fn heard(&self) -> Vec<Option<i64>> {
        self.trunks.iter().map(|trunk| trunk.heard).collect()
    }

    /// Goes on where another stood with the same trunks.
    pub(crate) fn go_on(&mut self, heard: Vec<Option<i64>>) {
        for (trunk, heard) in self.trunks.iter_mut().zip(heard) {
            trunk.heard = heard;
        }
        // What is overdue is found at the next look.
        self.due = i64::MIN;
    }
}

/// How much of the calls was seen: calls with a response among the last few thousand.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sight {
    calls: u32,
    with_response: u32,
}

impl Sight {
    pub(crate) fn see(&mut self, has_response: bool) {
        self.calls += 1;
        self.with_response += u32::from(has_response);
        if self.calls >= CALLS_SEEN_MAX {
            (self.calls, self.with_response) = (self.calls / 2, self.with_response / 2);
        }
    }

    pub(crate) fn answers_seen(self) -> f64 {
        if self.calls == 0 { 1.0 } else { f64::from(self.with_response) / f64::from(self.calls) }
    }
}

/// Calls that [`Sight`] looks back at; half of them are forgotten then.
const CALLS_SEEN_MAX: u32 = 4_096;

/// Addresses whose trunks are remembered: whoever makes up more makes each cost a look at every trunk again.
const ADDRESSES_MAX: usize = 1 << 14;
