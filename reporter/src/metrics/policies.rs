//! Which versions of a policy judged the calls that a report is about.

use std::collections::BTreeMap;

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rows;

/// Versions by the first and last attempt that they judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    versions: BTreeMap<String, (Timestamp, Timestamp)>,
    /// Whether there were more than are kept.
    is_cut: bool,
}

impl Policies {
    /// Takes rows.
    pub fn take(&mut self, rows: &Rows<'_>) {
        let words = &rows.batch.policy;
        let mut seen: Vec<Option<(i64, i64)>> = vec![None; words.words().len() + 1];
        for (code, start) in words.codes().iter().zip(&rows.batch.start) {
            if let Some(span) = seen.get_mut(*code as usize) {
                let (first, last) = span.unwrap_or((*start, *start));
                *span = Some((first.min(*start), last.max(*start)));
            }
        }
        for (code, span) in seen.into_iter().enumerate().skip(1) {
            let word = u32::try_from(code).ok().and_then(|code| words.word(code));
            if let (Some(word), Some((first, last))) = (word, span) {
                self.put(word.to_owned(), (Timestamp(first), Timestamp(last)));
            }
        }
    }

    /// Takes over what `other` saw.
    pub fn merge(&mut self, other: Self) {
        self.is_cut |= other.is_cut;
        other.versions.into_iter().for_each(|(version, span)| self.put(version, span));
    }

    /// Versions in the order in which they came, with the first and last attempt of each.
    pub fn in_order(&self) -> Vec<(&str, Timestamp, Timestamp)> {
        let mut all: Vec<_> =
            self.versions.iter().map(|(version, (first, last))| (version.as_str(), *first, *last)).collect();
        all.sort_unstable_by_key(|(version, first, _)| (*first, *version));
        all
    }

    /// Whether there were more than are kept.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn put(&mut self, version: String, (first, last): (Timestamp, Timestamp)) {
        if self.versions.len() >= VERSIONS_MAX && !self.versions.contains_key(&version) {
            self.is_cut = true;
            return;
        }
        let span = self.versions.entry(version).or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
    }
}

/// A policy changes a few times a day at most.
const VERSIONS_MAX: usize = 10_000;
