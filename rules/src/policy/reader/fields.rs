//! Walks a TOML table: known keys, expected types, and what was probably meant.

use toml::Spanned;
use toml::de::DeValue;

use super::Reader;
use super::nearest::nearest;
use crate::policy::{Code, Diagnostic, Span};

/// One value with its place.
pub(super) type Node<'a> = &'a Spanned<DeValue<'a>>;

/// The entries of one table, in file order.
pub(super) struct Fields<'a> {
    /// Where the table stands.
    pub(super) span: Span,
    entries: Vec<Entry<'a>>,
    /// Of each unknown key, the key that was probably meant.
    strangers: Vec<Option<&'static str>>,
}

/// One key and its value.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) key_span: Span,
    pub(super) value: Node<'a>,
}

impl<'a> Fields<'a> {
    /// The entries of `node`, if it is a table.
    pub(super) fn of(node: Node<'a>) -> Option<Self> {
        let DeValue::Table(table) = node.get_ref() else { return None };
        let mut entries: Vec<Entry<'a>> = table
            .iter()
            .map(|(key, value)| Entry { key: key.get_ref(), key_span: key.span(), value })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        Some(Self { span: node.span(), entries, strangers: Vec::new() })
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.entry(key).map(|entry| entry.value)
    }

    /// Key and value of `key`.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Whether `key` may stand here in other words: then it is no second mistake that it is missing.
    pub(super) fn may_mean(&self, key: &str) -> bool {
        self.strangers.iter().any(|meant| meant.is_none_or(|meant| meant == key))
    }

    /// Whether any key was unknown.
    pub(super) fn has_strangers(&self) -> bool {
        !self.strangers.is_empty()
    }

    /// All entries, in file order.
    pub(super) fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }
}

impl Reader<'_> {
    /// Reports a finding; help and a second place can be added to what is returned.
    pub(super) fn report(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::new(code, self.file, span, message.into()));
        let last = self.diagnostics.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "the line above pushed it")]
        &mut self.diagnostics[last]
    }

    /// The entries of the table `node`; keys that are not in `known` are reported. `what` names it in messages.
    pub(super) fn fields<'a>(
        &mut self,
        node: Node<'a>,
        what: &str,
        known: &[&'static str],
    ) -> Option<Fields<'a>> {
        let Some(mut fields) = Fields::of(node) else {
            self.wrong_type(node, &format!("{what} is a table"));
            return None;
        };
        let unknown = fields.entries.iter().filter(|entry| !known.contains(&entry.key));
        fields.strangers = unknown.map(|entry| self.unknown_key(entry, what, known)).collect();
        Some(fields)
    }

    /// Reports a key that is none of `known`; returns the one that was probably meant.
    pub(super) fn unknown_key(
        &mut self,
        entry: &Entry<'_>,
        what: &str,
        known: &[&'static str],
    ) -> Option<&'static str> {
        let habit = HABITS.iter().find(|(place, key, _)| *place == what && *key == entry.key);
        let meant = match habit {
            Some((_, _, meant)) => known.iter().copied().find(|known| known == meant),
            None => nearest(entry.key, known.iter().copied()),
        };
        let help = match (meant, habit) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, Some((_, _, help))) => (*help).to_owned(),
            (None, None) if what.starts_with("an action") && ABOUT.contains(&entry.key) => {
                format!("`{}` stands beside `action`, not in it", entry.key)
            }
            (None, None) => format!("{what} knows: {}", known.join(", ")),
        };
        let message = format!("unknown key `{}` in {what}", entry.key);
        self.report(Code::UnknownKey, entry.key_span.clone(), message).help(help);
        meant
    }

    /// Reports a value of the wrong type. `wanted` is a sentence: "a name is a string".
    pub(super) fn wrong_type(&mut self, node: Node<'_>, wanted: &str) -> &mut Diagnostic {
        let found = node.get_ref().type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        self.report(Code::WrongType, node.span(), format!("{wanted}, not {article} {found}"))
    }

    /// The value of `key`, reported when it is missing.
    pub(super) fn required<'a>(&mut self, fields: &Fields<'a>, key: &str, what: &str) -> Option<Node<'a>> {
        let value = fields.get(key);
        if value.is_none() && !fields.may_mean(key) {
            self.report(Code::MissingKey, fields.span.clone(), format!("{what} needs `{key}`"));
        }
        value
    }

    /// A string.
    pub(super) fn text<'a>(&mut self, node: Node<'a>, what: &str) -> Option<&'a str> {
        if let DeValue::String(text) = node.get_ref() {
            return Some(text);
        }
        self.wrong_type(node, &format!("`{what}` is a string"));
        None
    }

    /// A string that may be absent.
    pub(super) fn optional_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.get(key)?;
        self.text(node, key).map(str::to_owned)
    }

    /// One string or an array of strings, each with its place.
    pub(super) fn texts<'a>(&mut self, node: Node<'a>, what: &str) -> Vec<(&'a str, Span)> {
        match node.get_ref() {
            DeValue::String(text) => vec![(text, node.span())],
            DeValue::Array(array) => {
                array.iter().filter_map(|item| Some((self.text(item, what)?, item.span()))).collect()
            }
            _ => {
                self.wrong_type(node, &format!("`{what}` is a string or an array of strings"));
                Vec::new()
            }
        }
    }

    /// As [`texts`](Self::texts), of a key that may be absent.
    pub(super) fn optional_texts<'a>(&mut self, fields: &Fields<'a>, key: &str) -> Vec<(&'a str, Span)> {
        fields.get(key).map(|node| self.texts(node, key)).unwrap_or_default()
    }

    /// A boolean that may be absent.
    pub(super) fn flag(&mut self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        let node = fields.get(key)?;
        if let DeValue::Boolean(value) = node.get_ref() {
            return Some(*value);
        }
        self.wrong_type(node, &format!("`{key}` is true or false"));
        None
    }

    /// A whole number within bounds.
    pub(super) fn integer(&mut self, node: Node<'_>, what: &str, bounds: (i64, i64)) -> Option<i64> {
        let DeValue::Integer(integer) = node.get_ref() else {
            self.wrong_type(node, &format!("`{what}` is a whole number"));
            return None;
        };
        let value = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let (low, high) = bounds;
        if let Some(value) = value.filter(|value| (low..=high).contains(value)) {
            return Some(value);
        }
        self.report(Code::OutOfBounds, node.span(), format!("`{what}` is from {low} to {high}"));
        None
    }

    /// A whole number of a key that may be absent.
    pub(super) fn optional_integer(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        bounds: (i64, i64),
    ) -> Option<u32> {
        let node = fields.get(key)?;
        self.integer(node, key, bounds).and_then(|value| u32::try_from(value).ok())
    }

    /// A number, whole or not, within bounds, of a key that may be absent.
    pub(super) fn optional_float(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        bounds: (f64, f64),
    ) -> Option<f64> {
        let node = fields.get(key)?;
        let value = match node.get_ref() {
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|value| value as f64)
            }
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            _ => {
                self.wrong_type(node, &format!("`{key}` is a number"));
                return None;
            }
        };
        let (low, high) = bounds;
        if let Some(value) = value.filter(|value| *value >= low && *value <= high) {
            return Some(value);
        }
        let bounds = match low == f64::MIN_POSITIVE {
            true if value.is_some_and(|value| value <= 0.0) && high > 1.0 => "above 0".to_owned(),
            true => format!("above 0, up to {high}"),
            false => format!("from {low} to {high}"),
        };
        let report = self.report(Code::OutOfBounds, node.span(), format!("`{key}` is {bounds}"));
        if let Some(share) = value.filter(|value| high == 1.0 && (1.0..=100.0).contains(value)) {
            report.help(format!("it is a share: write {} for {share} %", share / 100.0));
        }
        None
    }

    /// Reports `word` as none of `known`.
    pub(super) fn unknown_word(&mut self, span: Span, word: &str, what: &str, known: &[&str]) {
        let help = match nearest(word, known.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("{what} is one of: {}", known.join(", ")),
        };
        self.report(Code::UnknownWord, span, format!("`{word}` is no {what}")).help(help);
    }

    /// One of `choices`, by its word.
    pub(super) fn choice<T: Copy>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let node = fields.get(key)?;
        let word = self.text(node, key)?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.unknown_word(node.span(), word, key, &known);
        }
        found
    }
}

/// Keys that other programs, or other tables, would have: where, which, and the key or the words that are right here.
const HABITS: &[(&str, &str, &str)] = &[
    ("`call`", "caller", "from"),
    ("`call`", "called", "to"),
    ("a limit", "cps", "write { calls = 10, per = \"1s\" }"),
    ("an action", "drop", "write { block = \"drop\" }"),
    ("an action of a threshold", "drop", "write { block = \"1h\", response = \"drop\" }"),
];
/// Keys of a rule that tell about its action.
const ABOUT: &[&str] = &["alert", "case", "mode", "expires", "owner", "reason"];
