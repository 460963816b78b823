//! What an engine knows, as bytes that outlive a restart.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use rules::policy::PolicySet;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::call::{Slot, Table};
use crate::engine::Engine;
use crate::ips::Budget;
use crate::sharing::Seeds;

/// Why a state cannot be taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// It does not begin as a state does, or is of another version of Ringwall.
    Foreign,
    /// Its bytes are not those that were written: it was cut or changed.
    Damaged,
    /// It was made under other policies; its counters mean nothing under these.
    OtherPolicies,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "no state of this version of ringwall",
            Self::Damaged => "the state is cut or changed: its checksum does not fit",
            Self::OtherPolicies => "the state was made under other policies, or under other versions of them",
        })
    }
}

impl std::error::Error for StateError {}

impl Engine {
    /// Everything it knows but the policies: calls that are up, counters, what is in force. Costs time and memory in
    /// proportion to that.
    pub fn snapshot(&self) -> Vec<u8> {
        let known = (
            (&self.seeds, &self.table, &self.callbacks, &self.passports),
            (&self.ips, &self.limits, &self.ended, &self.fetched, &self.counters),
            (self.trunks.heard(), &self.sight, (self.reign, self.counts_since)),
        );
        self.state_of(&known)
    }

    /// The same without the attempts that are known: for who has answered them all, and remembers them for their
    /// retransmissions only.
    pub fn snapshot_without_attempts(&self) -> Vec<u8> {
        let nothing = (Table::default(), VecDeque::<Slot>::new(), None::<Slot>);
        let known = (
            (&self.seeds, &nothing.0, &self.callbacks, &self.passports),
            (&self.ips, &self.limits, &nothing.1, &nothing.2, &self.counters),
            (self.trunks.heard(), &self.sight, (self.reign, self.counts_since)),
        );
        self.state_of(&known)
    }

    fn state_of(&self, known: &impl Serialize) -> Vec<u8> {
        // Plain data in memory: there is nothing in it that cannot be written.
        let body = postcard::to_allocvec(known).unwrap_or_default();
        let mut state = MAGIC.to_vec();
        state.extend(fingerprint(&self.policies));
        state.extend(Sha256::digest(&body));
        state.extend(body);
        state
    }

    /// The seeds of the engine that wrote `state`.
    ///
    /// # Errors
    /// It is none of this version, or damaged.
    pub fn seeds_of(state: &[u8]) -> Result<Seeds, StateError> {
        let (_, body) = parts(state)?;
        postcard::take_from_bytes(body).map(|(seeds, _)| seeds).map_err(|_| StateError::Foreign)
    }

    /// An engine that goes on where the one stood that wrote `state`, under the same `policies`.
    pub fn restore(policies: Arc<PolicySet>, budget: Budget, state: &[u8]) -> Result<Self, StateError> {
        let (made_under, body) = parts(state)?;
        if *made_under != fingerprint(&policies) {
            return Err(StateError::OtherPolicies);
        }
        let (
            (seeds, table, callbacks, passports),
            (ips, limits, ended, fetched, counters),
            (heard, sight, (reign, counts_since)),
        ) = postcard::from_bytes(body).map_err(|_| StateError::Foreign)?;
        let mut engine = Self::with_seeds(Arc::clone(&policies), budget, seeds);
        (engine.table, engine.callbacks, engine.passports) = (table, callbacks, passports);
        (engine.limits, engine.ended, engine.fetched, engine.counters) = (limits, ended, fetched, counters);
        engine.passports.set_hasher(engine.hasher.clone());
        engine.trunks.go_on(heard);
        (engine.sight, engine.reign, engine.counts_since) = (sight, reign, counts_since);
        engine.table.attempts_mut().for_each(|(_, attempt)| {
            if attempt.reign == reign {
                attempt.policies = Some(Arc::clone(&policies));
            } else {
                // What judged it is not known any more; an index into other policies would name the wrong rule.
                attempt.views.iter_mut().for_each(|view| (view.policy, view.verdict) = (None, None));
            }
        });
        engine.ips = std::mem::take(&mut engine.ips).go_on(ips);
        Ok(engine)
    }
}

/// What `state` was made under, and what it holds.
fn parts(state: &[u8]) -> Result<(&[u8; 32], &[u8]), StateError> {
    let rest = state.strip_prefix(MAGIC).ok_or(StateError::Foreign)?;
    let (made_under, rest) = rest.split_first_chunk::<32>().ok_or(StateError::Damaged)?;
    let (checksum, body) = rest.split_first_chunk::<32>().ok_or(StateError::Damaged)?;
    if *checksum == *Sha256::digest(body) { Ok((made_under, body)) } else { Err(StateError::Damaged) }
}

/// Names and versions of the policies: counters are numbered by them.
fn fingerprint(policies: &PolicySet) -> [u8; 32] {
    let mut hash = Sha256::new();
    for policy in policies.policies() {
        for text in [policy.name(), policy.version()] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().into()
}

const MAGIC: &[u8] = b"ringwall state 7\n";
