//! All patterns on one text in one pass.

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::Regex;

use crate::policy::{List, ListContent, TextTerm};

/// One term that a text holds, and for a list the lowest entry that fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) term: u32,
    pub(crate) entry: u32,
}

/// The terms of all rules on one text field.
#[derive(Debug)]
pub(crate) struct Texts {
    literals: Vec<Literals>,
    /// What each literal stands for.
    owners: Vec<Vec<Found>>,
    regexes: Vec<(Regex, u32)>,
}

/// A stretch of the literals.
#[derive(Debug)]
struct Literals {
    /// The place of the first in `owners`.
    first: usize,
    finder: Finder,
}

#[derive(Debug)]
enum Finder {
    Automaton(Box<AhoCorasick>),
    /// In lower case; for a text too long for an automaton.
    Single(Box<[u8]>),
}

/// What recent texts were found to hold, by the whole text: one slot for each hash, no allocation.
pub(crate) struct TextCache {
    entries: Vec<CachedText>,
    hasher: ahash::RandomState,
}

#[derive(Clone)]
struct CachedText {
    /// Policy and slot; 0 is no policy.
    owner: (u64, u16),
    length: u8,
    count: u8,
    text: [u8; CACHED_BYTES_MAX],
    found: [Found; CACHED_FOUND_MAX],
}

impl Texts {
    /// The matcher of `terms`; a term's place is its number.
    pub(crate) fn new(terms: &[TextTerm], lists: &[List]) -> Self {
        let mut patterns: Vec<(String, Found)> = Vec::new();
        let mut regexes = Vec::new();
        for (term, index) in terms.iter().zip(0..) {
            match term {
                TextTerm::Literal(text) => {
                    patterns.push((text.to_ascii_lowercase(), Found { term: index, entry: 0 }));
                }
                TextTerm::Regex(text) => {
                    regexes.extend(Regex::new(text).ok().map(|regex| (regex, index)));
                }
                TextTerm::List(id) => {
                    let Some(ListContent::Texts(texts)) = lists.get(id.0 as usize).map(|list| &list.content)
                    else {
                        continue;
                    };
                    let entries = texts.iter().zip(0..);
                    patterns.extend(
                        entries
                            .map(|(text, entry)| (text.to_ascii_lowercase(), Found { term: index, entry })),
                    );
                }
            }
        }
        patterns.sort_by(|a, b| a.0.cmp(&b.0));
        let distinct = patterns.chunk_by(|a, b| a.0 == b.0);
        let (literals, owners): (Vec<&str>, Vec<Vec<Found>>) = distinct
            .filter_map(|alike| Some((alike.first()?.0.as_str(), alike.iter().map(|p| p.1).collect())))
            .unzip();
        let mut finders = Vec::new();
        Literals::push(&literals, 0, &automaton, &mut finders);
        Self { literals: finders, owners, regexes }
    }

    /// Puts every term that `text` holds into `found`, each once.
    pub(crate) fn find(&self, text: &[u8], found: &mut Vec<Found>) {
        found.clear();
        for literals in &self.literals {
            literals.each(text, |literal| {
                for owner in self.owners.get(literal).into_iter().flatten() {
                    match found.iter_mut().find(|known| known.term == owner.term) {
                        Some(known) => known.entry = known.entry.min(owner.entry),
                        None => found.push(*owner),
                    }
                }
            });
        }
        let regexes = self.regexes.iter().filter(|(regex, _)| regex.is_match(text));
        found.extend(regexes.map(|&(_, term)| Found { term, entry: 0 }));
    }

    /// The same as [`find`](Self::find), remembered in `cache` for `owner`.
    pub(crate) fn find_cached(
        &self,
        text: &[u8],
        owner: (u64, u16),
        cache: &mut TextCache,
        found: &mut Vec<Found>,
    ) {
        if text.len() > CACHED_BYTES_MAX {
            return self.find(text, found);
        }
        let index = cache.hasher.hash_one((owner, text)) as usize % CACHED_TEXTS;
        let Some(entry) = cache.entries.get_mut(index) else { return self.find(text, found) };
        if entry.owner == owner && entry.text() == text {
            found.clear();
            return found.extend(entry.found.iter().take(usize::from(entry.count)));
        }
        self.find(text, found);
        entry.keep(owner, text, found);
    }
}

impl Literals {
    /// Adds finders for `literals`, the first of which stands at `first`. What no one automaton can hold
    /// (it counts states in 31 bits) is halved until it fits: no literal is ever left out.
    fn push(
        literals: &[&str],
        first: usize,
        build: &impl Fn(&[&str]) -> Option<AhoCorasick>,
        finders: &mut Vec<Self>,
    ) {
        let finder = match (build(literals), literals) {
            (_, []) => return,
            (Some(automaton), _) => Finder::Automaton(Box::new(automaton)),
            (None, [single]) => Finder::Single(single.as_bytes().into()),
            (None, _) => {
                let (left, right) = literals.split_at(literals.len() / 2);
                Self::push(left, first, build, finders);
                return Self::push(right, first + left.len(), build, finders);
            }
        };
        finders.push(Self { first, finder });
    }

    /// Hands the place of every literal that `text` holds to `visit`, some of them more than once.
    #[inline]
    fn each(&self, text: &[u8], mut visit: impl FnMut(usize)) {
        match &self.finder {
            Finder::Automaton(automaton) => {
                for hit in automaton.find_overlapping_iter(text) {
                    visit(self.first + hit.pattern().as_usize());
                }
            }
            Finder::Single(literal) => {
                if text.windows(literal.len().max(1)).any(|window| window.eq_ignore_ascii_case(literal)) {
                    visit(self.first);
                }
            }
        }
    }
}

/// One automaton for all of `literals`; `None` when they are too many for one.
fn automaton(literals: &[&str]) -> Option<AhoCorasick> {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard).build(literals).ok()
}

impl CachedText {
    fn text(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }

    fn keep(&mut self, owner: (u64, u16), text: &[u8], found: &[Found]) {
        if found.len() > CACHED_FOUND_MAX {
            return;
        }
        self.owner = owner;
        (self.length, self.count) = (text.len() as u8, found.len() as u8);
        self.text.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        self.found.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
    }
}

impl Default for TextCache {
    fn default() -> Self {
        let empty = CachedText {
            owner: (0, 0),
            length: 0,
            count: 0,
            text: [0; CACHED_BYTES_MAX],
            found: [Found::default(); CACHED_FOUND_MAX],
        };
        Self { entries: vec![empty; CACHED_TEXTS], hasher: ahash::RandomState::new() }
    }
}

impl std::fmt::Debug for TextCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextCache({} texts)", self.entries.len())
    }
}

const CACHED_TEXTS: usize = 512;
const CACHED_BYTES_MAX: usize = 128;
const CACHED_FOUND_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(literals: &[&str]) -> Texts {
        let terms: Vec<_> = literals.iter().map(|text| TextTerm::Literal(text.to_string())).collect();
        Texts::new(&terms, &[])
    }

    fn terms(texts: &Texts, text: &str) -> Vec<u32> {
        let mut found = Vec::new();
        texts.find(text.as_bytes(), &mut found);
        let mut terms: Vec<u32> = found.iter().map(|found| found.term).collect();
        terms.sort_unstable();
        terms
    }

    #[test]
    fn literals_are_found_in_any_case_inside_and_over_each_other() {
        let texts = texts(&["sipvicious", "vicious", "SIP", "scanner", ""]);
        assert_eq!(terms(&texts, "friendly SipVicious/0.3"), [0, 1, 2, 4]);
        assert_eq!(terms(&texts, ""), [4]);
    }

    #[test]
    fn literals_that_no_automaton_holds_are_found_all_the_same() {
        let literals = ["ext", "friendly", "scanner", "sip", "sipvicious", "vicious"];
        for most in 0..=literals.len() {
            let build = |some: &[&str]| automaton(some).filter(|_| some.len() <= most);
            let mut split = texts(&literals);
            split.literals.clear();
            Literals::push(&literals, 0, &build, &mut split.literals);
            assert_eq!(split.literals.len() == 1, most == literals.len());
            assert_eq!(terms(&split, "friendly SipVicious/0.3"), [1, 3, 4, 5], "at most {most}");
            assert_eq!(terms(&split, ""), [0; 0]);
        }
    }

    #[test]
    fn a_remembered_text_gives_what_it_gave_and_only_to_its_owner() {
        let (one, other) = (texts(&["sipcli"]), texts(&["cli"]));
        let (mut cache, mut found) = (TextCache::default(), Vec::new());
        for _ in 0..2 {
            one.find_cached(b"sipcli/v1.8", (1, 8), &mut cache, &mut found);
            assert_eq!(found, [Found { term: 0, entry: 0 }]);
        }
        other.find_cached(b"nothing", (2, 8), &mut cache, &mut found);
        assert!(found.is_empty());
        other.find_cached(b"sipcli/v1.8", (2, 8), &mut cache, &mut found);
        assert_eq!(found.len(), 1);
    }
}
