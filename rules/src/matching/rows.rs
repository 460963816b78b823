//! Sets of rules as bits with a summary level, so that empty stretches cost nothing.

use ahash::HashMap;

/// Index of a set of rules in [`Rows`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Row(u32);

impl Row {
    /// No rule.
    pub(crate) const EMPTY: Self = Self(0);
}

/// Many sets of rules, each stored once.
///
/// A set is: one summary bit for each word of 64 rules, a rank for each summary word, then only those words
/// that hold a rule.
///
/// Where rules are few, each set is all its words besides: then nothing has to be skipped.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    words: Vec<u64>,
    /// All words of each set, one set after the other; empty where rules are many.
    dense: Vec<u64>,
    /// How many words each set has in `dense`.
    dense_words: usize,
    starts: Vec<u32>,
    summary_words: usize,
}

/// Collects sets for [`Rows`].
#[derive(Debug)]
pub(crate) struct RowsBuilder {
    rows: Rows,
    known: HashMap<Box<[u32]>, Row>,
}

impl RowsBuilder {
    /// For sets of rules below `rules`.
    pub(crate) fn new(rules: usize) -> Self {
        let summary_words = rules.div_ceil(64 * 64).max(1);
        let dense_words = if rules <= DENSE_RULES_MAX { rules.div_ceil(64).max(1) } else { 0 };
        let rows = Rows { summary_words, dense_words, ..Rows::default() };
        let mut builder = Self { rows, known: HashMap::default() };
        builder.row(&[]);
        builder
    }

    /// The set of `rules`, sorted, each once.
    pub(crate) fn row(&mut self, rules: &[u32]) -> Row {
        if let Some(row) = self.known.get(rules) {
            return *row;
        }
        let row = Row(self.rows.starts.len() as u32);
        self.known.insert(rules.into(), row);
        self.rows.push(rules);
        row
    }

    pub(crate) fn finish(mut self) -> Rows {
        self.rows.words.shrink_to_fit();
        self.rows.dense.shrink_to_fit();
        self.rows.starts.shrink_to_fit();
        self.rows
    }
}

impl Rows {
    /// How many words a summary has.
    #[inline]
    pub(crate) fn summary_words(&self) -> usize {
        self.summary_words
    }

    /// How many words every set is, where rules are few; else 0.
    #[inline]
    pub(crate) fn dense_words(&self) -> usize {
        self.dense_words
    }

    /// Which of the 64 words from `64 * index` on hold a rule of `row`.
    #[inline]
    pub(crate) fn summary(&self, row: Row, index: usize) -> u64 {
        self.word_at(self.start(row) + index)
    }

    /// The rules of `row` among the 64 from `64 * word` on.
    #[inline]
    pub(crate) fn word(&self, row: Row, word: usize) -> u64 {
        let start = self.start(row);
        let summary = self.word_at(start + word / 64);
        let bit = 1 << (word % 64);
        if summary & bit == 0 {
            return 0;
        }
        let rank = self.word_at(start + self.summary_words + word / 64) as usize;
        let before = (summary & (bit - 1)).count_ones() as usize;
        self.word_at(start + 2 * self.summary_words + rank + before)
    }

    /// The same as [`word`](Self::word), for a word below [`dense_words`](Self::dense_words).
    #[inline]
    pub(crate) fn dense_word(&self, row: Row, word: usize) -> u64 {
        self.dense.get(row.0 as usize * self.dense_words + word).copied().unwrap_or(0)
    }

    /// Memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        (self.words.capacity() + self.dense.capacity()) * size_of::<u64>()
            + self.starts.capacity() * size_of::<u32>()
    }

    fn push(&mut self, rules: &[u32]) {
        let place = self.dense.len();
        self.dense.resize(place + self.dense_words, 0);
        for rule in rules.iter().map(|&rule| rule as usize) {
            if let Some(word) = self.dense.get_mut(place + rule / 64) {
                *word |= 1 << (rule % 64);
            }
        }
        let start = self.words.len();
        self.starts.push(start as u32);
        self.words.resize(start + 2 * self.summary_words, 0);
        for stretch in rules.chunk_by(|a, b| a / 64 == b / 64) {
            let word = stretch.first().map_or(0, |rule| *rule as usize / 64);
            self.words.push(stretch.iter().fold(0, |bits, rule| bits | 1 << (rule % 64)));
            if let Some(summary) = self.words.get_mut(start + word / 64) {
                *summary |= 1 << (word % 64);
            }
        }
        let mut rank = 0;
        for index in start..start + self.summary_words {
            let count = u64::from(self.word_at(index).count_ones());
            if let Some(slot) = self.words.get_mut(index + self.summary_words) {
                *slot = rank;
            }
            rank += count;
        }
    }

    #[inline]
    fn start(&self, row: Row) -> usize {
        self.starts.get(row.0 as usize).copied().unwrap_or(0) as usize
    }

    #[inline]
    fn word_at(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }
}

/// More rules are not kept as all their words.
const DENSE_RULES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_holds_exactly_the_rules_put_in(
            sets in prop::collection::vec(prop::collection::btree_set(0u32..20_000, 0..200), 1..5),
            rules in prop::sample::select(vec![1u32, 64, 100, 512, 513, 20_000]),
        ) {
            let sets: Vec<std::collections::BTreeSet<u32>> =
                sets.iter().map(|set| set.iter().map(|rule| rule % rules).collect()).collect();
            let mut builder = RowsBuilder::new(rules as usize);
            let rows: Vec<Row> =
                sets.iter().map(|set| builder.row(&set.iter().copied().collect::<Vec<_>>())).collect();
            let all = builder.finish();
            for (set, row) in sets.iter().zip(rows) {
                for rule in 0..rules {
                    let (word, bit) = (rule as usize / 64, rule % 64);
                    prop_assert_eq!(all.word(row, word) >> bit & 1 == 1, set.contains(&rule));
                    if word < all.dense_words() {
                        prop_assert_eq!(all.dense_word(row, word), all.word(row, word));
                    }
                    prop_assert_eq!(all.summary(row, word / 64) >> (word % 64) & 1 == 1, all.word(row, word) != 0);
                }
            }
        }
    }
}
