//! Blocks in force, as a person lists and changes them: in a running service, or in the state of a stopped one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use engine::{Engine, Restraint};
use reporter::Block;
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::outcome::Failure;
use crate::policies;

/// A change that somebody wants, and answers for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The block, by the number that a list gives it.
    pub(crate) id: String,
    /// What is to become of it.
    pub(crate) kind: Kind,
    /// Who wants it.
    pub(crate) by: String,
    /// Why.
    pub(crate) why: String,
}

/// What is to become of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// It lets calls pass until it would have ended.
    Lift,
    /// It lasts so many microseconds longer, and holds again where it was lifted.
    Extend { micros: i64 },
}

/// What `engine` has in force at `now`.
pub(crate) fn list(engine: &mut Engine, now: Timestamp) -> Vec<Block> {
    let policies = engine.policies();
    engine.restraints(now).filter_map(|restraint| Block::new(restraint, &policies)).collect()
}

/// Blocks of several engines, the latest first. One that they share is one: attempts count wherever it was held against them.
pub(crate) fn merge(all: impl IntoIterator<Item = Block>) -> Vec<Block> {
    let mut merged: HashMap<String, Block> = HashMap::new();
    for block in all {
        match merged.entry(block.id.clone()) {
            Entry::Vacant(place) => _ = place.insert(block),
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                known.hits += block.hits;
                known.lifted |= block.lifted;
                // RFC 3339 with microseconds, in UTC: the order of texts is that of moments.
                known.since = std::mem::take(&mut known.since).min(block.since);
                known.until = std::mem::take(&mut known.until).max(block.until);
            }
        }
    }
    let mut blocks: Vec<Block> = merged.into_values().collect();
    blocks.sort_by(|one, other| (&other.since, &other.id).cmp(&(&one.since, &one.id)));
    blocks
}

impl Change {
    /// The block before and after the change; `None` when it is not in force. Changes nothing.
    pub(crate) fn preview(&self, engine: &mut Engine, now: Timestamp) -> Option<(Block, Block)> {
        let policies = engine.policies();
        let mut before = engine.restraints(now).filter_map(|restraint| {
            let block = Block::new(restraint, &policies)?;
            (block.id == self.id).then(|| (block, restraint.clone()))
        });
        let (before, mut restraint) = before.next()?;
        self.make(&mut restraint);
        Some((before, Block::new(&restraint, &policies)?))
    }

    /// Changes the block, if it is in force. Returns what has become of it.
    pub(crate) fn apply(&self, engine: &mut Engine, now: Timestamp) -> Option<Block> {
        let policies = engine.policies();
        let mut meant = engine
            .restraints_mut(now)
            .filter(|restraint| Block::new(restraint, &policies).is_some_and(|block| block.id == self.id));
        let restraint = meant.next()?;
        self.make(restraint);
        Block::new(restraint, &policies)
    }

    fn make(&self, restraint: &mut Restraint) {
        match self.kind {
            Kind::Lift => restraint.lifted = true,
            // Who wants it longer wants it in force.
            Kind::Extend { micros } => {
                restraint.lifted = false;
                restraint.until = restraint.until.plus_micros(micros);
            }
        }
    }

    /// Writes down who changes `before` to `after`, and why, in `data`. The account comes first: a change that nobody answers
    /// for is worse than an account of one that failed.
    pub(crate) fn note(&self, data: &Path, before: &Block, after: &Block) -> Result<(), Failure> {
        let path = data.join("blocks.jsonl");
        let line = serde_json::json!({
            "at": reporter::rfc3339(policies::now()),
            "change": match self.kind { Kind::Lift => "lift", Kind::Extend { .. } => "extend" },
            "by": self.by, "why": self.why, "block": before, "until": after.until,
        });
        let append = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            let mut bytes = Vec::new();
            reporter::to_line(&mut bytes, &line)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        append().map_err(Failure::file(&path))
    }

    /// What is said when the block is not in force.
    pub(crate) fn unknown(&self) -> String {
        format!("no block {} is in force; `ringwall block list` names those that are", self.id)
    }
}
