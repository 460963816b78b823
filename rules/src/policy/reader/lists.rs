//! `[lists.NAME]`: inline entries and list files.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;
use toml::de::DeValue;

use super::Reader;
use super::entries::{Entries, Tables};
use super::fields::{Fields, Node};
use super::list_file::{self, ListContext, Odd, Tally};
use super::nearest::nearest;
use super::numbers::Pattern;
use super::words;
use crate::number::Number;
use crate::number_set::NumberSet;
use crate::plan::DialPlan;
use crate::policy::list::ListSource;
use crate::policy::{Code, Diagnostic, List, ListContent, ListId, Span};

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Numbers,
    Texts,
    Networks,
    /// The list could not be read; any use of it is let pass.
    Unknown,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Texts => "texts",
            Self::Networks => "networks",
            Self::Unknown => "nothing",
        }
    }
}

impl Reader<'_> {
    pub(super) fn read_lists(&mut self, node: Node<'_>) {
        let Some(tables) = Fields::of(node) else {
            self.wrong_type(node, "`lists` holds one table per list");
            return;
        };
        for entry in tables.entries() {
            let name = self.check_name(entry.key, &entry.key_span, "list").to_owned();
            let (content, kind, source) = self.read_list(&name, entry.value);
            self.list_kinds.push(kind);
            let span = entry.key_span.clone();
            self.lists.push(List { name, content, span, source, refuses: false });
        }
    }

    fn read_list(&mut self, name: &str, node: Node<'_>) -> (ListContent, Kind, ListSource) {
        let unreadable = (ListContent::Texts(Vec::new()), Kind::Unknown, ListSource::default());
        let before = self.diagnostics.len();
        let Some(fields) = self.fields(node, "a list", KEYS) else { return unreadable };
        let has = |keys: &[&str]| keys.iter().find_map(|key| fields.entry(key)).cloned();
        let kinds = [
            (Kind::Numbers, has(&["numbers", "numbers_file"])),
            (Kind::Texts, has(&["user_agents", "texts"])),
            (Kind::Networks, has(&["networks"])),
        ];
        let mut given = kinds.into_iter().filter_map(|(kind, entry)| Some((kind, entry?)));
        let Some((kind, _)) = given.next() else {
            if fields.entries().is_empty() {
                self.report(Code::MissingKey, node.span(), format!("the list `{name}` has no entries"))
                    .help(format!("a list has one of: {}", KEYS.join(", ")));
            }
            return unreadable;
        };
        if let Some((_, other)) = given.next() {
            self.report(
                Code::ConflictingKeys,
                other.key_span,
                format!("the list `{name}` holds {} and `{}`", kind.word(), other.key),
            )
            .help("a list holds one kind of things; make it two lists");
        }
        let (content, source) = match kind {
            Kind::Numbers => self.read_numbers(&fields),
            Kind::Texts => (self.read_texts(&fields), ListSource::default()),
            _ => {
                let values = self.optional_texts(&fields, "networks");
                let networks: Vec<IpNet> =
                    values.into_iter().filter_map(|(text, span)| self.network(text, &span)).collect();
                self.duplicates_in(&fields, "networks");
                (ListContent::Networks(networks), ListSource::default())
            }
        };
        if is_empty(&content) && self.diagnostics.len() == before {
            let span = fields.entries().first().map_or_else(|| node.span(), |entry| entry.value.span());
            self.report(Code::EmptyList, span, format!("the list `{name}` holds nothing"));
        }
        (content, kind, source)
    }

    fn read_texts(&mut self, fields: &Fields<'_>) -> ListContent {
        let mut texts = Vec::new();
        for key in ["user_agents", "texts"] {
            for (text, span) in self.optional_texts(fields, key) {
                if text.trim().is_empty() {
                    self.report(Code::MatchesEverything, span.clone(), "an empty text is part of every text");
                }
                if text.starts_with("re:") {
                    self.report(Code::BadRegex, span, "a list holds literal texts")
                        .help("write the regular expression in the rule itself");
                    continue;
                }
                texts.push(text.to_owned());
            }
            self.duplicates_in(fields, key);
        }
        ListContent::Texts(texts)
    }

    fn list_in_list(&mut self, name: &str, span: &Span) {
        self.nested_lists.insert(name.to_owned());
        self.report(
            Code::BadNumber,
            span.clone(),
            format!("`@{name}` is no number: a list holds no other list"),
        )
        .help("name each list in the rule: caller = [\"@one\", \"@other\"]");
    }

    fn duplicates_in(&mut self, fields: &Fields<'_>, key: &str) {
        let Some(DeValue::Array(array)) = fields.get(key).map(|node| node.get_ref()) else { return };
        let mut seen = BTreeSet::new();
        for item in array.iter() {
            if let DeValue::String(text) = item.get_ref()
                && !seen.insert(text.to_lowercase())
            {
                self.report(Code::DuplicateEntry, item.span(), format!("`{text}` stands twice"));
            }
        }
    }

    fn read_numbers(&mut self, fields: &Fields<'_>) -> (ListContent, ListSource) {
        let mut source = ListSource::default();
        let files = self.read_files(fields);
        let bytes: usize = files.iter().map(|(_, bytes, _)| bytes.len()).sum();
        let mut entries = Entries::with_capacity(bytes / 13);
        for (text, span) in self.optional_texts(fields, "numbers") {
            let row = source.inline.len() as u32;
            let pattern = match text.strip_prefix('@') {
                Some(name) => {
                    self.list_in_list(name, &span);
                    None
                }
                None => self.pattern(text, &span),
            };
            source.inline.push((self.line_of(span.start), span));
            match pattern {
                Some(Pattern::Exact(number)) => entries.add_exact(number, row, None),
                Some(Pattern::Set(set)) => entries.add_set(&set, row, None),
                None => {}
            }
        }
        let mut next_row = source.inline.len() as u32;
        let neutral = words::neutral_plan();
        let dial = self.dial.clone().unwrap_or(neutral);
        let zone = self.zone.clone();
        for (path, bytes, span) in files {
            let context = ListContext { dial: &dial, zone: &zone, now: self.now };
            let (file, tally) = list_file::read(path, bytes, next_row, &context, &mut entries);
            next_row += file.lines;
            self.report_tally(path, &tally, &span);
            source.files.push(file);
        }
        let Tables { exact, ranges, range_rows, expiring, duplicates } = entries.finish(next_row);
        (source.first_range, source.ranges, source.expiring) = (next_row, range_rows, expiring);
        let list = List {
            name: String::new(),
            content: ListContent::Numbers { exact, ranges },
            span: fields.span.clone(),
            source,
            refuses: false,
        };
        self.report_duplicates(&list, duplicates);
        (list.content, list.source)
    }

    /// The files that `numbers_file` names, with where it names them.
    fn read_files<'a>(&mut self, fields: &Fields<'a>) -> Vec<(&'a str, Arc<Vec<u8>>, Span)> {
        let mut files = Vec::new();
        for (path, span) in self.optional_texts(fields, "numbers_file") {
            if let Some(bytes) = self.read_file(path, &span) {
                files.push((path, bytes, span));
            }
        }
        files
    }

    /// The bytes of a file beside the policy; they become part of the policy's version.
    pub(super) fn read_file(&mut self, path: &str, span: &Span) -> Option<Arc<Vec<u8>>> {
        match self.files.read(path) {
            Ok(bytes) => {
                self.version.add(path.as_bytes());
                self.version.add(&bytes);
                Some(bytes)
            }
            Err(error) => {
                self.report(Code::UnreadableFile, span.clone(), format!("cannot read `{path}`: {error}"))
                    .help("paths begin at the folder of the policy file");
                None
            }
        }
    }

    fn report_tally(&mut self, path: &str, tally: &Tally, span: &Span) {
        if tally.too_many {
            self.report(Code::TooManyEntries, span.clone(), format!("`{path}` holds too many entries"));
        }
        if tally.read == 0 && tally.unreadable.count > 0 {
            let first = lines(&tally.unreadable);
            self.report(Code::UnreadableFile, span.clone(), format!("no line of `{path}` holds a number"))
                .help(format!("the first are {first}; a list file is CSV with a column `number`"));
            return;
        }
        if tally.no_header && tally.read > 0 {
            self.report_in(path, Code::NoHeader, 0..0, "the first line names no columns".to_owned())
                .help("begin with a line `number`, or `number,category,reason,case,added,expires`");
        }
        self.report_odd(path, Code::BadEntry, &tally.unreadable, "entries that cannot be read are left out");
        self.report_odd(
            path,
            Code::BadDate,
            &tally.bad_dates,
            "entries with a date that cannot be read never end",
        );
        self.report_odd(path, Code::ExpiredEntry, &tally.expired, "entries past their date are left out");
    }

    fn report_odd(&mut self, path: &str, code: Code, odd: &Odd, what: &str) {
        let Some((_, span)) = odd.first.first() else { return };
        let message = format!("{what}: {} ({})", odd.count, lines(odd));
        let found = self.report_in(path, code, span.clone(), message);
        if code == Code::BadDate {
            found.level = crate::policy::Level::Warning;
        }
    }

    fn report_duplicates(&mut self, list: &List, (count, first): (usize, Vec<u32>)) {
        if count == 0 {
            return;
        }
        let place = first.first().and_then(|row| list.entry_span(*row));
        let message = format!("entries that stand twice: {count}");
        match place {
            Some((Some(path), span)) => {
                let path = path.to_owned();
                self.report_in(&path, Code::DuplicateEntry, span, message);
            }
            Some((None, span)) => {
                self.report(Code::DuplicateEntry, span, message);
            }
            None => {
                self.report(Code::DuplicateEntry, list.span.clone(), message);
            }
        }
    }

    fn report_in(&mut self, path: &str, code: Code, span: Span, message: String) -> &mut Diagnostic {
        let found = self.report(code, span, message);
        found.file = path.to_owned();
        found
    }

    pub(super) fn list_names(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|list| list.name.as_str())
    }

    /// Reports `text` when it is the name of a list without its at sign: the list is meant, and so it is used.
    pub(super) fn is_missing_at(&mut self, text: &str, span: &Span) -> bool {
        let Some(index) = self.list_names().position(|name| name == text) else { return false };
        self.used_lists.insert(ListId(index as u32));
        self.report(Code::MissingAt, span.clone(), format!("`{text}` is a list"))
            .help(format!("write \"@{text}\""));
        true
    }

    /// The list that a term names, if it holds what the dimension takes.
    pub(super) fn list_of(&mut self, name: &str, wanted: Kind, span: &Span) -> Option<ListId> {
        let shipped = self.list_of_shipped(name).map(|id| id.0 as usize);
        let named = || self.lists.iter().position(|list| list.name == name);
        let Some(index) = shipped.or_else(named) else {
            let help = match nearest(name, self.list_names()) {
                Some(meant) => format!("did you mean `@{meant}`?"),
                None if self.lists.is_empty() => "the policy has no lists".to_owned(),
                None => {
                    format!("the lists are: {}", self.list_names().take(10).collect::<Vec<_>>().join(", "))
                }
            };
            self.report(Code::UnknownList, span.clone(), format!("no list is named `{name}`")).help(help);
            return None;
        };
        let id = ListId(index as u32);
        self.used_lists.insert(id);
        let kind = self.list_kinds.get(index).copied().unwrap_or(Kind::Unknown);
        if kind != wanted && kind != Kind::Unknown {
            let defined = self.lists.get(index).map(|list| list.span.clone()).unwrap_or_default();
            self.report(
                Code::WrongListKind,
                span.clone(),
                format!("`@{name}` holds {}, not {}", kind.word(), wanted.word()),
            )
            .related(defined, "the list is here");
            return None;
        }
        Some(id)
    }

    /// Reports entries of lists that block which no list may block.
    pub(super) fn check_block_lists(&mut self) {
        let Some(dial) = self.dial.clone() else { return };
        let emergency = words::emergency(&dial).clone();
        let guarded = [
            (Code::EmergencyOnList, "an emergency number", emergency),
            (Code::OwnNumberOnList, "a number of the customer", self.own.clone()),
            (Code::ProtectedOnList, "a protected number", self.protected.clone()),
        ];
        let all = guarded.iter().fold(NumberSet::EMPTY, |all, (_, _, set)| all.union(set));
        let blocking = std::mem::take(&mut self.blocking_lists);
        for (id, used) in &blocking {
            let Some(list) = self.lists.get_mut(id.0 as usize) else { continue };
            list.refuses = true;
            for (number, place, count) in refused(list, &all, &dial, self.source) {
                let Some((code, what, _)) = guarded.iter().find(|(_, _, set)| set.contains(number)) else {
                    continue;
                };
                let name = self.lists.get(id.0 as usize).map(|list| list.name.clone()).unwrap_or_default();
                let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                let message = format!("`@{name}` blocks, but holds {number}{more}, {what}");
                let (file, span) = place;
                let used = used.clone();
                let found = self.report(*code, span, message);
                found.help("take it off the list; what must not be blocked is not hidden behind a rule");
                if let Some(file) = file {
                    found.file = file;
                } else {
                    found.related(used, "the rule that blocks is here");
                }
            }
        }
    }
}

type Refused = (Number, (Option<String>, Span), u64);

/// Numbers of `list` that are in `guarded`, one per entry, the first few, with how many of the entry are.
fn refused(list: &List, guarded: &NumberSet, dial: &DialPlan, policy: &str) -> Vec<Refused> {
    let ListContent::Numbers { exact, ranges } = &list.content else { return Vec::new() };
    let place = |row: u32| {
        list.entry_span(row)
            .map(|(file, span)| (file.map(str::to_owned), span))
            .unwrap_or_else(|| (None, list.span.clone()))
    };
    let row = |number| Some((number, exact.row(number)?));
    // The smaller of the two is gone through.
    let mut hits: Vec<(Number, u32)> = if guarded.count() <= exact.len() as u64 {
        guarded.numbers().filter_map(row).take(REFUSED_MAX).collect()
    } else {
        exact.iter().filter(|(number, _)| guarded.contains(*number)).take(REFUSED_MAX).collect()
    };
    hits.sort_by_key(|hit| hit.1);
    let mut found: Vec<Refused> = hits.into_iter().map(|(number, row)| (number, place(row), 1)).collect();
    let mut rest = ranges.to_set().intersection(guarded);
    while let Some(number) = rest.witness() {
        let Some(row) = ranges.row(number).filter(|_| found.len() < REFUSED_MAX) else { break };
        let written = list.entry_text(row, policy).map(|entry| entry.number).unwrap_or_default();
        let Ok(entry) = Pattern::parse(&written, dial) else { break };
        let entry = entry.into_set();
        found.push((number, place(row), rest.intersection(&entry).count()));
        rest = rest.difference(&entry);
    }
    found
}

fn is_empty(content: &ListContent) -> bool {
    match content {
        ListContent::Numbers { exact, ranges } => exact.is_empty() && ranges.is_empty(),
        ListContent::Texts(texts) => texts.is_empty(),
        ListContent::Networks(networks) => networks.is_empty(),
    }
}

fn lines(odd: &Odd) -> String {
    let named: Vec<String> = odd.first.iter().map(|(line, _)| (line + 1).to_string()).collect();
    let more = if odd.count > named.len() { " …" } else { "" };
    format!("line {}{more}", named.join(", "))
}

const KEYS: &[&str] = &["numbers", "numbers_file", "user_agents", "texts", "networks"];
/// Entries of one list that are refused one by one.
const REFUSED_MAX: usize = 20;
