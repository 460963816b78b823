//! Reads a policy file: TOML in, a policy without mistakes or all its mistakes out.

mod actions;
mod breach;
mod conditions;
mod customer;
mod entries;
mod expects;
mod fields;
mod firewall;
mod hours;
mod ips;
mod list_file;
mod lists;
mod nearest;
mod numbers;
mod question;
mod records;
mod shipped;
mod times;
mod unlikely;
mod version;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use toml::de::DeTable;

pub use nearest::nearest;
pub use numbers::{NoPattern, Pattern};
pub use question::read_numbers;

pub(crate) use list_file::{BOM, Columns, record, written};
pub(crate) use records::Records;
pub(crate) use times::end as ending;
pub(crate) use words::emergency;

use crate::limits::POLICY_BYTES_MAX;
use crate::number_set::NumberSet;
use crate::plan::DialPlan;
use crate::policy::files::Files;
use crate::policy::{
    Code, Diagnostic, Hours, HoursId, Level, List, ListId, Mode, PolicyText, Response, Span,
};
use crate::time::Timestamp;
use fields::Node;
use lists::Kind;
use version::Version;

/// What reading a policy file gave.
#[derive(Debug)]
pub struct Reading {
    /// The policy; `None` exactly when a diagnostic is an error.
    pub policy: Option<PolicyText>,
    /// Everything that was found, in the order of the file; findings in list files come last.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the policy `text`. `file_name` is for messages, `files` reads list files beside it, and `now` decides
/// which rules and entries are past their date. Never fails: all mistakes are in the result, at once.
pub fn read(file_name: &str, text: &str, files: &dyn Files, now: Timestamp) -> Reading {
    if text.len() > POLICY_BYTES_MAX {
        let message = format!("the policy has {} bytes; at most {POLICY_BYTES_MAX} may be", text.len());
        let mut found = Diagnostic::new(Code::FileTooLarge, file_name, 0..0, message);
        found.help("put numbers into list files");
        return Reading { policy: None, diagnostics: vec![found] };
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(file_name, text, files, now);
    reader.report_syntax(&errors);
    let root = toml::Spanned::new(0..0, toml::de::DeValue::Table(table.into_inner()));
    let policy = reader.read_root(&root);
    let diagnostics = reader.finish();
    let fine = diagnostics.iter().all(|found| found.level != Level::Error);
    Reading { policy: policy.filter(|_| fine), diagnostics }
}

/// As [`read`], of the bytes of a file. Of one that is not UTF-8 nothing else is said: it may be no policy at all.
pub fn read_bytes(file_name: &str, bytes: &[u8], files: &dyn Files, now: Timestamp) -> Reading {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return read(file_name, text, files, now),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let mut found = Diagnostic::new(
        Code::NotUtf8,
        file_name,
        at..at + 1,
        "the file holds bytes that are not UTF-8".to_owned(),
    );
    found.help("save the file as UTF-8");
    Reading { policy: None, diagnostics: vec![found] }
}

/// What is known while a policy is read, and what was found.
struct Reader<'r> {
    file: &'r str,
    source: &'r str,
    files: &'r dyn Files,
    now: Timestamp,
    diagnostics: Vec<Diagnostic>,
    /// Lines that are no TOML: what was read from them is not worth a second message.
    broken: BTreeMap<usize, usize>,
    version: Version,
    zone: TimeZone,
    dial: Option<DialPlan>,
    own: NumberSet,
    protected: NumberSet,
    customer_mode: Mode,
    customer_done: bool,
    list_response: Response,
    trunks: Vec<IpNet>,
    has_trunks: bool,
    has_trusted: bool,
    has_redress: bool,
    has_rates: bool,
    lists: Vec<List>,
    list_kinds: Vec<Kind>,
    used_lists: BTreeSet<ListId>,
    /// Names of lists that stand in a list, which may come first.
    nested_lists: BTreeSet<String>,
    /// Lists that refuse calls, with the rule that uses them so.
    blocking_lists: BTreeMap<ListId, Span>,
    hours: Vec<Hours>,
    hours_spans: Vec<Span>,
    used_hours: BTreeSet<HoursId>,
    rule_names: BTreeMap<String, Span>,
    do_not_originate: Option<ListId>,
    /// While the file of a shipped detection is read: the dimensions of `when` that the policy fills itself.
    in_shipped: Option<Vec<String>>,
}

impl<'r> Reader<'r> {
    fn new(file: &'r str, source: &'r str, files: &'r dyn Files, now: Timestamp) -> Self {
        Self {
            file,
            source,
            files,
            now,
            diagnostics: Vec::new(),
            broken: BTreeMap::new(),
            version: Version::of(source),
            zone: customer::default_zone(),
            dial: None,
            own: NumberSet::EMPTY,
            protected: NumberSet::EMPTY,
            customer_mode: Mode::Enforce,
            customer_done: false,
            list_response: Response::Code(603),
            trunks: Vec::new(),
            has_trunks: false,
            has_trusted: false,
            has_redress: false,
            has_rates: false,
            lists: Vec::new(),
            list_kinds: Vec::new(),
            used_lists: BTreeSet::new(),
            nested_lists: BTreeSet::new(),
            blocking_lists: BTreeMap::new(),
            hours: Vec::new(),
            hours_spans: Vec::new(),
            used_hours: BTreeSet::new(),
            rule_names: BTreeMap::new(),
            do_not_originate: None,
            in_shipped: None,
        }
    }

    fn read_root(&mut self, root: Node<'_>) -> Option<PolicyText> {
        let fields = self.fields(root, "a policy", TABLES)?;
        let mut customer = self.read_customer(fields.get("customer"));
        if let Some(customer) = &customer {
            self.list_response = customer.list_response;
        }
        self.customer_done = true;
        if let Some(node) = fields.get("hours") {
            self.read_hours(node);
        }
        if let Some(node) = fields.get("lists") {
            self.read_lists(node);
        }
        self.read_do_not_originate(fields.get("customer"), &mut customer);
        let firewall = fields.get("firewall").map(|node| self.read_firewall(node)).unwrap_or_default();
        let ips = fields.get("ips").map(|node| self.read_ips(node)).unwrap_or_default();
        let expects = fields.get("expect").map(|node| self.read_expects(node, &firewall)).unwrap_or_default();
        self.check_block_lists();
        self.check_unused();
        Some(PolicyText {
            file: self.file.to_owned(),
            source: self.source.to_owned(),
            version: std::mem::take(&mut self.version).finish(),
            customer: customer?,
            hours: std::mem::take(&mut self.hours),
            lists: std::mem::take(&mut self.lists),
            firewall,
            ips,
            expects,
        })
    }

    /// Reports syntax errors, one a line: what follows on the same line is mostly the same mistake.
    fn report_syntax(&mut self, errors: &[toml::de::Error]) {
        for error in errors.iter().take(SYNTAX_ERRORS_MAX) {
            let span = error.span().unwrap_or(0..0);
            let line = self.line_span(span.start);
            let last = self.line_span(span.end.max(span.start));
            if self.broken.contains_key(&line.start) {
                continue;
            }
            self.broken.insert(line.start, last.end.max(line.end));
            let message = error.message().to_owned();
            if message.starts_with("duplicate key") {
                let key = self.source.get(span.clone()).unwrap_or_default().to_owned();
                self.report(Code::DuplicateKey, span, format!("`{key}` stands twice"));
            } else {
                let is_escape = message.contains("escape");
                let found = self.report(Code::Syntax, span, message);
                if is_escape {
                    found.help("in single quotes a backslash stands for itself: 're:^sip\\d+'");
                }
            }
        }
    }

    /// Reports what no rule names, unless some rule could not be read: it may be the one that does.
    fn check_unused(&mut self) {
        if self.diagnostics.iter().any(|found| HIDES_NAMES.contains(&found.code)) {
            return;
        }
        let lists: Vec<(Span, String)> = (0u32..)
            .zip(&self.lists)
            .filter(|(id, _)| !self.used_lists.contains(&ListId(*id)))
            .filter(|(_, list)| !self.nested_lists.contains(&list.name))
            .map(|(_, list)| (list.span.clone(), list.name.clone()))
            .collect();
        for (span, name) in lists {
            self.report(Code::UnusedList, span, format!("no rule uses the list `{name}`"));
        }
        let hours: Vec<(Span, String)> = (0u32..)
            .zip(self.hours.iter().zip(&self.hours_spans))
            .filter(|(id, _)| !self.used_hours.contains(&HoursId(*id)))
            .map(|(_, (hours, span))| (span.clone(), hours.name.clone()))
            .collect();
        for (span, name) in hours {
            self.report(Code::UnusedHours, span, format!("no rule uses the hours `{name}`"));
        }
    }

    /// The name of the table `name` of `what`. An at sign before it is told, and is not part of it.
    fn check_name<'n>(&mut self, name: &'n str, span: &Span, what: &str) -> &'n str {
        if !is_name(name) {
            let help = match name.strip_prefix('@').filter(|bare| what == "list" && is_name(bare)) {
                Some(bare) => {
                    format!("write [lists.{bare}]: the at sign stands where a rule names the list")
                }
                None => "a name is letters, digits, - and _".to_owned(),
            };
            self.report(Code::BadName, span.clone(), format!("`{name}` is no name for {what}")).help(help);
        }
        name.strip_prefix('@').unwrap_or(name)
    }

    /// Everything found, in the order of the file, without what a broken line made look wrong.
    fn finish(mut self) -> Vec<Diagnostic> {
        let broken = std::mem::take(&mut self.broken);
        let (file, source) = (self.file, self.source);
        let is_echo = |found: &Diagnostic| {
            // What a table lacks may stand on any of its lines.
            let lacks = LACKS.contains(&found.code);
            let end = if lacks { table_end(source, found.span.end) } else { found.span.end };
            !matches!(found.code, Code::Syntax | Code::DuplicateKey)
                && found.file == file
                && broken.range(..=end).next_back().is_some_and(|(_, end)| found.span.start <= *end)
        };
        let mut found = std::mem::take(&mut self.diagnostics);
        found.retain(|found| !is_echo(found));
        found.sort_by_key(|found| (found.file != file, found.span.start, found.code));
        found
    }

    fn line_span(&self, at: usize) -> Span {
        let bytes = self.source.as_bytes();
        let at = at.min(bytes.len());
        let (before, after) = bytes.split_at(at);
        let start = memchr::memrchr(b'\n', before).map_or(0, |found| found + 1);
        start..at + memchr::memchr(b'\n', after).unwrap_or(after.len())
    }

    fn line_of(&self, at: usize) -> u32 {
        let before = self.source.as_bytes().get(..at).unwrap_or_default();
        memchr::memchr_iter(b'\n', before).count() as u32 + 1
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Where the table that holds the byte `at` ends: before the next line that begins with a bracket.
fn table_end(source: &str, at: usize) -> usize {
    let rest = source.get(at..).unwrap_or_default();
    rest.find("\n[").map_or(source.len(), |length| at + length)
}

/// Findings that something is not there.
const LACKS: &[Code] = &[
    Code::MissingKey,
    Code::MissingLimit,
    Code::MissingMinimum,
    Code::NoNumbers,
    Code::NoExpiry,
    Code::BadLimit,
];
/// Findings about rules in which the name of a list or of hours may stand unread.
const HIDES_NAMES: &[Code] =
    &[Code::Syntax, Code::UnknownKey, Code::WrongType, Code::UnknownList, Code::UnknownHours];
/// Syntax errors that are named one by one; a file with more is no policy at all.
const SYNTAX_ERRORS_MAX: usize = 1000;
const TABLES: &[&str] = &["customer", "hours", "lists", "firewall", "ips", "expect"];
