//! Sets of text patterns, and texts that contain some and avoid others.

use std::collections::HashMap;
use std::rc::Rc;

use regex::bytes::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::policy::{ListContent, ListId, PolicyText, Term, TextTerm};

/// The patterns of one text condition; a text fits when it fits any of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Texts {
    literals: Vec<Rc<str>>,
    lists: Vec<u32>,
    regexes: Vec<u32>,
}

/// Every regular expression and text list of a policy.
pub(super) struct TextPool<'a> {
    policy: &'a PolicyText,
    regexes: Vec<Expression>,
    by_pattern: HashMap<String, u32>,
    lists: HashMap<u32, Vec<Rc<str>>>,
}

struct Expression {
    pattern: String,
    regex: Option<Regex>,
    sample: Option<Vec<u8>>,
}

/// What is known about texts that contain some patterns and avoid others.
pub(super) enum Texting {
    /// There is none: proven.
    Impossible,
    /// Choices, each a text per wanted set, in the order of the sets; any may still fail an expression.
    Choices(Vec<Vec<Vec<u8>>>),
}

impl<'a> TextPool<'a> {
    pub(super) fn new(policy: &'a PolicyText) -> Self {
        Self { policy, regexes: Vec::new(), by_pattern: HashMap::new(), lists: HashMap::new() }
    }

    /// The patterns of `terms`.
    pub(super) fn read(&mut self, terms: &[Term<TextTerm>]) -> Texts {
        let mut texts = Texts::default();
        for term in terms {
            match &term.value {
                TextTerm::Literal(text) => texts.literals.push(folded(text)),
                TextTerm::Regex(pattern) => texts.regexes.push(self.regex(pattern)),
                TextTerm::List(list) => {
                    self.load(*list);
                    texts.lists.push(list.0);
                }
            }
        }
        texts.literals.sort_unstable();
        texts.literals.dedup();
        texts.lists.sort_unstable();
        texts.lists.dedup();
        texts.regexes.sort_unstable();
        texts.regexes.dedup();
        texts
    }

    fn load(&mut self, list: ListId) {
        let content = self.policy.lists.get(list.0 as usize).map(|list| &list.content);
        if let Some(ListContent::Texts(texts)) = content {
            self.lists.entry(list.0).or_insert_with(|| texts.iter().map(|text| folded(text)).collect());
        }
    }

    fn regex(&mut self, pattern: &str) -> u32 {
        if let Some(&known) = self.by_pattern.get(pattern) {
            return known;
        }
        let id = self.regexes.len() as u32;
        let regex = Regex::new(pattern).ok();
        let sample = matching_text(pattern);
        self.regexes.push(Expression { pattern: pattern.to_owned(), regex, sample });
        self.by_pattern.insert(pattern.to_owned(), id);
        id
    }

    /// The first expression among `texts`, for a message that names what could not be decided.
    pub(super) fn expression(&self, texts: &Texts) -> Option<&str> {
        let id = texts.regexes.first()?;
        self.regexes.get(*id as usize).map(|expression| expression.pattern.as_str())
    }

    /// Whether `text` fits any pattern.
    pub(super) fn fits(&self, texts: &Texts, text: &[u8]) -> bool {
        let text_folded = text.to_ascii_lowercase();
        self.literals(texts).any(|literal| contains(&text_folded, literal.as_bytes()))
            || texts.regexes.iter().any(|&id| {
                let regex = self.regexes.get(id as usize).and_then(|expression| expression.regex.as_ref());
                regex.is_some_and(|regex| regex.is_match(text))
            })
    }

    /// For every set of `wanted` a text that fits it, so that all of them, apart or joined by a
    /// [`separator`](Self::separator), contain no literal of `avoided`. Exact for literals; expressions are
    /// tried with one sample each.
    pub(super) fn choose(&self, wanted: &[&Texts], avoided: &[&Texts]) -> Texting {
        let mut choices: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
        for texts in wanted {
            let options = self.options(texts, avoided);
            if options.is_empty() {
                return Texting::Impossible;
            }
            choices = choices
                .iter()
                .flat_map(|chosen| {
                    options.iter().map(|option| chosen.iter().cloned().chain([option.clone()]).collect())
                })
                .take(CHOICES_MAX)
                .collect();
        }
        Texting::Choices(choices)
    }

    fn options(&self, texts: &Texts, avoided: &[&Texts]) -> Vec<Vec<u8>> {
        let avoids_list = |list: &u32| avoided.iter().any(|other| other.lists.contains(list));
        let lists = texts.lists.iter().filter(|list| !avoids_list(list));
        let listed = lists.filter_map(|list| self.lists.get(list)).flatten();
        let free = |literal: &&Rc<str>| {
            !avoided
                .iter()
                .any(|other| self.literals(other).any(|bad| contains(literal.as_bytes(), bad.as_bytes())))
        };
        let literals = texts.literals.iter().chain(listed).filter(free).take(OPTIONS_MAX);
        let avoids_regex = |id: &u32| avoided.iter().any(|other| other.regexes.contains(id));
        let regexes = texts.regexes.iter().filter(|id| !avoids_regex(id));
        let samples = regexes.filter_map(|&id| self.regexes.get(id as usize)).map(|expression| {
            // Without a sample the expression still counts as possible; the choice then fails its check.
            expression.sample.clone().unwrap_or_default()
        });
        literals.map(|literal| literal.as_bytes().to_vec()).chain(samples).collect()
    }

    fn literals<'t>(&'t self, texts: &'t Texts) -> impl Iterator<Item = &'t Rc<str>> {
        texts.literals.iter().chain(texts.lists.iter().filter_map(|list| self.lists.get(list)).flatten())
    }

    /// A byte that stands in no literal of `avoided`; 0xFF stands in no UTF-8 text at all.
    pub(super) fn separator(&self, avoided: &[&Texts]) -> u8 {
        let used = |byte: u8| {
            avoided.iter().any(|texts| self.literals(texts).any(|bad| bad.as_bytes().contains(&byte)))
        };
        b" -/_.,;+=~|".iter().copied().find(|&byte| !used(byte)).unwrap_or(0xff)
    }

    /// Whether every text at all fits: an empty pattern stands among them.
    pub(super) fn takes_all(&self, texts: &Texts) -> bool {
        self.literals(texts).any(|literal| literal.is_empty())
    }
}

fn folded(text: &str) -> Rc<str> {
    text.to_ascii_lowercase().into()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// A text that the expression `pattern` matches, as far as its look-arounds allow.
pub(crate) fn matching_text(pattern: &str) -> Option<Vec<u8>> {
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
    sample(&parsed)
}

/// A text that matches, as far as its look-arounds allow; `None` when nothing does.
fn sample(hir: &Hir) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    sample_into(hir, &mut text).then_some(text)
}

fn sample_into(hir: &Hir, text: &mut Vec<u8>) -> bool {
    if text.len() > SAMPLE_BYTES_MAX {
        return false;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            text.extend_from_slice(&literal.0);
            true
        }
        HirKind::Class(class) => class_sample(class, text),
        HirKind::Repetition(repetition) => (0..repetition.min).all(|_| sample_into(&repetition.sub, text)),
        HirKind::Capture(capture) => sample_into(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().all(|part| sample_into(part, text)),
        HirKind::Alternation(branches) => branches.iter().any(|branch| {
            let length = text.len();
            let found = sample_into(branch, text);
            if !found {
                text.truncate(length);
            }
            found
        }),
    }
}

fn class_sample(class: &Class, text: &mut Vec<u8>) -> bool {
    match class {
        Class::Unicode(class) => {
            let fits = |letter: char| class.ranges().iter().any(|r| r.start() <= letter && letter <= r.end());
            let first = || class.ranges().first().map(|range| range.start());
            let Some(letter) = "a0A -".chars().find(|&letter| fits(letter)).or_else(first) else {
                return false;
            };
            text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            true
        }
        Class::Bytes(class) => {
            let fits = |byte: u8| class.ranges().iter().any(|r| r.start() <= byte && byte <= r.end());
            let first = || class.ranges().first().map(|range| range.start());
            let Some(byte) = b"a0A -".iter().copied().find(|&byte| fits(byte)).or_else(first) else {
                return false;
            };
            text.push(byte);
            true
        }
    }
}

/// Literals of one condition that are tried together with expressions.
const OPTIONS_MAX: usize = 8;
/// Combinations of patterns that are tried.
const CHOICES_MAX: usize = 64;
/// Longest text made to fit an expression.
const SAMPLE_BYTES_MAX: usize = 4096;
