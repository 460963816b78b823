//! What a mail asks for, as drafts: nothing here is done, and nothing is ready that must not be.

use std::collections::BTreeSet;
use std::fmt;

use rules::Number;
use rules::plan::DialPlan;

use super::category::{self, Category};
use super::directory::{Directory, Language, Role, Tenant};
use super::kind::{Hints, RequestKind, asks_to_block, is_excepting};
use super::limits::{NUMBERS_PER_REQUEST_MAX, ROWS_MAX};
use super::list::{self, BadLine};
use super::mime::List;
use super::number::{Fate, FoundNumber, Why};
use super::range::{self, FoundRange};
use super::report::ReportRequest;
use super::segment::{Line, Segment};
use super::template::{self, Field, Label};
use super::trust::{Sender, Trust};
use super::words::words;
use rules::Timestamp;

/// One thing that a mail asks for. A mail that asks for two makes two cases (F25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What kind of case it becomes.
    pub kind: RequestKind,
    /// Whether the sender may ask for it.
    pub authority: Authority,
    /// Numbers in the mail, taken or not.
    pub numbers: Vec<FoundNumber>,
    /// Ranges and areas, which are changes of policy (B-8).
    pub ranges: Vec<FoundRange>,
    /// What kind of nuisance; empty when it was not said.
    pub categories: BTreeSet<Category>,
    /// Why, in the sender's words. Text and nothing else (T-5, F19).
    pub reason: Option<String>,
    /// Whether a second authoriser is needed.
    pub is_high_risk: bool,
    /// What must be asked before anything can be done.
    pub missing: BTreeSet<Missing>,
    /// What report, for reports.
    pub report: Option<ReportRequest>,
    /// Lines of lists that hold no number.
    pub bad_lines: Vec<BadLine>,
    /// How many such lines there are.
    pub bad_line_count: usize,
}

/// Whether a sender may ask for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A contact that may.
    Requester,
    /// A contact of the customer with another role (N-6).
    WrongRole,
    /// Nobody that is known (N-1).
    Unverified,
}

/// What must be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// Which numbers.
    Numbers,
    /// Whether the numbers that stand somewhere else in the mail are meant.
    Confirmation,
    /// Which number is meant by what could not be read, or could be read in two ways.
    ClearNumber,
    /// What kind of nuisance.
    Category,
    /// Why.
    Reason,
    /// A list of so many numbers is imported, not drafted.
    Import,
    /// From when to when.
    Period,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Numbers => "the telephone number",
            Self::Confirmation => "whether the number that stands elsewhere in your message is meant",
            Self::ClearNumber => "which number is meant where it could not be read for sure",
            Self::Category => "the category: Fraud or Harassing",
            Self::Reason => "the business case",
            Self::Import => "an import of the list, which is too long for one request",
            Self::Period => "the period of the report",
        })
    }
}

impl Request {
    /// The request of a mail that could not be read.
    pub(super) const fn unread() -> Self {
        Self {
            kind: RequestKind::Question,
            authority: Authority::Unverified,
            numbers: Vec::new(),
            ranges: Vec::new(),
            categories: BTreeSet::new(),
            reason: None,
            is_high_risk: false,
            missing: BTreeSet::new(),
            report: None,
            bad_lines: Vec::new(),
            bad_line_count: 0,
        }
    }

    /// Whether everything is there that drafting a change needs. Never true below T3, or without a number that was asked for
    /// in the sender's own words.
    pub fn is_ready(&self) -> bool {
        let blocks = matches!(self.kind, RequestKind::Block | RequestKind::Unblock);
        let waits = self.missing.iter().any(|it| *it != Missing::ClearNumber);
        blocks && self.authority == Authority::Requester && !waits && self.taken().next().is_some()
    }

    /// The numbers that may be drafted; none when the request is not [ready](Self::is_ready).
    pub fn ready_numbers(&self) -> Vec<Number> {
        if self.is_ready() { self.taken().collect() } else { Vec::new() }
    }

    /// The numbers that were asked for, whoever asked.
    pub fn taken(&self) -> impl Iterator<Item = Number> + '_ {
        self.numbers.iter().filter(|it| it.fate == Fate::Taken).filter_map(|it| it.reading.number())
    }

    /// The numbers that are shown unticked.
    pub fn suggested(&self) -> impl Iterator<Item = &FoundNumber> {
        self.numbers.iter().filter(|it| matches!(it.fate, Fate::Suggested(_)))
    }
}

/// All that requests are read from.
pub(super) struct Material<'a> {
    pub lines: &'a [Line],
    pub subject: &'a str,
    pub lists: &'a [List],
    pub sender: &'a Sender,
    /// What the author is called.
    pub author: &'a str,
    pub directory: &'a Directory,
    pub now: Timestamp,
}

impl Material<'_> {
    /// What the mail asks for, at least one request.
    pub(super) fn requests(&self) -> Vec<Request> {
        let tenant = self.sender.tenant.as_deref().and_then(|id| self.directory.tenant(id));
        let default = [DialPlan::default()];
        let plans = tenant.map(|it| it.plans.as_slice()).filter(|it| !it.is_empty()).unwrap_or(&default);
        let languages = tenant.map(|it| it.languages.as_slice()).unwrap_or(&[Language::English]);
        let fields = template::fields(self.lines, languages);
        let is_reason = |index: usize| {
            fields
                .iter()
                .any(|field| field.label == Label::Reason && field.lines.iter().any(|(at, _)| *at == index))
        };
        let wishes: Vec<Line> = if fields.iter().any(|it| it.label == Label::Reason) {
            let kept = self.lines.iter().enumerate().filter(|(index, _)| !is_reason(*index));
            kept.map(|(_, line)| line.clone()).collect()
        } else {
            self.lines.to_vec()
        };
        let hints = Hints::read(&wishes, self.subject);
        // What the form says goes before words around it.
        let form = fields.iter().find(|it| it.says_block && !it.text().is_empty());
        let unblocks = form.map_or(hints.unblock, |form| form.says_unblock);
        let is_torn = hints.unblock && !unblocks;
        Drafting { material: self, tenant, plans, fields, hints, unblocks, is_torn }.requests()
    }
}

pub(super) struct Drafting<'a> {
    pub(super) material: &'a Material<'a>,
    pub(super) tenant: Option<&'a Tenant>,
    pub(super) plans: &'a [DialPlan],
    pub(super) fields: Vec<Field>,
    pub(super) hints: Hints,
    /// Whether numbers are to be blocked no longer.
    pub(super) unblocks: bool,
    /// Whether the form says to block and words around it speak of the opposite.
    is_torn: bool,
}

impl Drafting<'_> {
    fn requests(&self) -> Vec<Request> {
        let report_labels = self.fields.iter().filter(|it| it.label.is_of_report()).count();
        let wants_report = report_labels >= 2 || self.hints.report;
        let has_block_form = self.fields.iter().any(|it| it.says_block || it.label == Label::Category)
            || !wants_report
                && self.fields.iter().any(|it| it.label == Label::Numbers)
                && (self.hints.block || self.hints.unblock);
        let wants_change = has_block_form || self.hints.block || self.hints.unblock;
        let ranges = if wants_change { range::find(self.material.lines) } else { Vec::new() };

        let mut kinds = Vec::new();
        let numbers = self.numbers(has_block_form, wants_report);
        let has_taken = numbers.iter().any(|it| matches!(it.fate, Fate::Taken | Fate::Unclear(_)));
        if wants_change && (ranges.is_empty() || has_taken) {
            kinds.push(if self.unblocks { RequestKind::Unblock } else { RequestKind::Block });
        }
        if !ranges.is_empty() {
            kinds.push(RequestKind::PolicyChange);
        }
        if wants_report {
            kinds.push(RequestKind::Report);
        }
        if self.hints.threshold {
            kinds.push(RequestKind::ThresholdChange);
        }
        if kinds.is_empty() {
            kinds.push(if self.hints.incident {
                RequestKind::ReportedIncident
            } else {
                RequestKind::Question
            });
        }
        let first = kinds.first().copied();
        kinds.iter().map(|kind| self.request(*kind, &numbers, &ranges, first == Some(*kind))).collect()
    }

    fn request(
        &self,
        kind: RequestKind,
        numbers: &[FoundNumber],
        ranges: &[FoundRange],
        is_first: bool,
    ) -> Request {
        let blocks = matches!(kind, RequestKind::Block | RequestKind::Unblock);
        let is_report = kind == RequestKind::Report;
        let of_report = |it: &FoundNumber| {
            it.place.label == Some(Label::Numbers) && it.fate == Fate::Left(Why::NotAskedFor)
        };
        let numbers: Vec<FoundNumber> = match kind {
            RequestKind::Report => numbers
                .iter()
                .filter(|it| of_report(it))
                .map(|it| FoundNumber { fate: Fate::Taken, ..it.clone() })
                .collect(),
            RequestKind::PolicyChange if !is_first => Vec::new(),
            _ if blocks || is_first => numbers.iter().filter(|it| !of_report(it)).cloned().collect(),
            _ => Vec::new(),
        };
        let mut request = Request {
            kind,
            authority: self.authority(),
            numbers,
            ranges: if kind == RequestKind::PolicyChange { ranges.to_vec() } else { Vec::new() },
            categories: BTreeSet::new(),
            reason: None,
            is_high_risk: kind == RequestKind::PolicyChange,
            missing: BTreeSet::new(),
            report: None,
            bad_lines: Vec::new(),
            bad_line_count: 0,
        };
        if blocks || kind == RequestKind::PolicyChange {
            self.fill_in(&mut request);
        }
        if is_report {
            let fields: Vec<&Field> = self.fields.iter().filter(|it| it.label.is_of_report()).collect();
            let report = ReportRequest::read(
                &fields,
                &self.own_text(),
                &self.material.sender.address,
                self.tenant,
                self.material.now,
            );
            if report.period.is_none() {
                request.missing.insert(Missing::Period);
            }
            request.report = Some(report);
        }
        if kind == RequestKind::Question && request.suggested().next().is_some() {
            request.missing.insert(Missing::Confirmation);
        }
        request
    }

    fn authority(&self) -> Authority {
        let sender = self.material.sender;
        if sender.may(Role::Requester) {
            Authority::Requester
        } else if sender.trust >= Trust::Contact {
            Authority::WrongRole
        } else {
            Authority::Unverified
        }
    }

    fn own_text(&self) -> String {
        let own =
            self.material.lines.iter().filter(|it| it.segment == Segment::Own).map(|it| it.text.as_str());
        let text = own.chain([self.material.subject]).collect::<Vec<_>>().join("\n");
        text.chars().take(super::limits::FIELD_CHARACTERS_MAX).collect()
    }

    /// Reads category, reason and lists of a block, and says what is missing.
    fn fill_in(&self, request: &mut Request) {
        let text = |label: Label| {
            self.fields.iter().find(|it| it.label == label).map(Field::text).filter(|it| !it.is_empty())
        };
        request.categories = category::read(&text(Label::Category).unwrap_or_default());
        request.reason = text(Label::Reason);
        if request.kind != RequestKind::PolicyChange {
            self.take_lists(request);
            self.set_sample_aside(request);
        }
        self.limit(request);
        let taken = request.taken().next().is_some();
        let has_unclear = request.numbers.iter().any(|it| matches!(it.fate, Fate::Unclear(_)));
        let has_stopped = request.numbers.iter().any(|it| matches!(it.fate, Fate::Stopped(_)));
        let mut missing = BTreeSet::new();
        if request.numbers.iter().any(|it| it.fate == Fate::Suggested(Why::TooMany)) {
            missing.insert(Missing::Import);
        } else if !taken && !has_unclear && request.ranges.is_empty() {
            if request.suggested().any(|it| it.fate != Fate::Suggested(Why::Sample)) {
                missing.insert(Missing::Confirmation);
            } else if !has_stopped {
                missing.insert(Missing::Numbers);
            }
        }
        if has_unclear {
            missing.insert(Missing::ClearNumber);
        }
        if self.is_torn {
            missing.insert(Missing::Confirmation);
        }
        if request.kind == RequestKind::Block {
            if request.categories.is_empty() {
                missing.insert(Missing::Category);
            } else if request.reason.is_none() && request.categories.contains(&Category::Fraud) {
                missing.insert(Missing::Reason);
            }
        }
        request.missing = missing;
    }

    fn take_lists(&self, request: &mut Request) {
        let mut rows_left = ROWS_MAX;
        let is_asked = self.asks_for_lists(request);
        for list in self.material.lists {
            let listed = list::read(list, self.plans, &mut rows_left);
            if !listed.trouble.is_empty() {
                request.bad_line_count += 1;
                request.bad_lines.push(BadLine {
                    file: list.name.clone(),
                    line: 0,
                    text: listed.trouble.to_owned(),
                });
            }
            request.bad_line_count += listed.bad_count;
            request.bad_lines.extend(listed.bad.iter().cloned());
            let mut found = listed.found();
            if !is_asked || means_kept(&words(&list.name)) {
                found.iter_mut().for_each(|it| it.fate = Fate::Suggested(Why::NotAskedFor));
            }
            self.judge(&mut found);
            request.numbers.append(&mut found);
        }
        set_repeats_aside(&mut request.numbers);
    }

    /// Whether the author wants the numbers of attached files, and says nothing else of the files.
    fn asks_for_lists(&self, request: &Request) -> bool {
        let own = self.material.lines.iter().filter(|it| it.segment == Segment::Own);
        let about: Vec<Vec<String>> = own
            .flat_map(|it| it.text.split(['.', '!', ';']).map(words).collect::<Vec<_>>())
            .filter(|said| said.iter().any(|it| ATTACHED.contains(&it.as_str())))
            .collect();
        if about.iter().any(|said| is_excepting(said) || means_kept(said)) {
            return false;
        }
        let in_form = |field: &Field| {
            field.label == Label::Numbers
                && field
                    .lines
                    .iter()
                    .any(|(_, it)| words(it).iter().any(|it| ATTACHED.contains(&it.as_str())))
        };
        // Where the text has numbers of its own, a file beside them may be anything.
        request.taken().next().is_none()
            || self.fields.iter().any(in_form)
            || about
                .iter()
                .any(|said| asks_to_block(said) || said.iter().any(|it| LISTED.contains(&it.as_str())))
    }

    /// F02: the template sent as it is asks for nothing.
    fn set_sample_aside(&self, request: &mut Request) {
        let only_sample = request.taken().all(|it| it.to_string() == SAMPLE_NUMBER);
        let reason = request.reason.as_deref().map(|it| words(it).join(" "));
        let is_sample_reason = reason.is_none_or(|it| it == words(SAMPLE_REASON).join(" "));
        if only_sample && request.categories.is_empty() && is_sample_reason {
            for it in request.numbers.iter_mut().filter(|it| it.fate == Fate::Taken) {
                it.fate = Fate::Suggested(Why::Sample);
            }
        }
    }

    /// B-7: more than one request takes are an import.
    fn limit(&self, request: &mut Request) {
        if request.taken().count() > NUMBERS_PER_REQUEST_MAX {
            for it in request.numbers.iter_mut().filter(|it| it.fate == Fate::Taken) {
                it.fate = Fate::Suggested(Why::TooMany);
            }
        }
    }
}

/// Whether words about a file say that its numbers are others.
fn means_kept(words: &[String]) -> bool {
    words.iter().any(|it| KEPT.contains(&it.as_str())) && !asks_to_block(words)
}

/// F22: the same number again is set aside; one that is asked for comes before one that only stands there.
pub(super) fn set_repeats_aside(numbers: &mut [FoundNumber]) {
    let rank = |fate: &Fate| match fate {
        Fate::Taken => 0,
        Fate::Stopped(_) => 1,
        Fate::Unclear(_) => 2,
        Fate::Suggested(_) => 3,
        Fate::Left(_) => 4,
    };
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by_key(|&index| numbers.get(index).map(|it| rank(&it.fate)));
    let mut seen = BTreeSet::new();
    for index in order {
        let Some(it) = numbers.get_mut(index).filter(|it| !matches!(it.fate, Fate::Left(_))) else {
            continue;
        };
        if let Some(number) = it.reading.number()
            && !seen.insert(number)
        {
            it.fate = Fate::Left(Why::Twice);
        }
    }
}

const SAMPLE_NUMBER: &str = "+12101111111";
const SAMPLE_REASON: &str = "Continues to call multiple times per day. Making threats to agents.";
/// Words that speak of attached files.
const ATTACHED: &[&str] = &[
    "attached",
    "attachment",
    "attachments",
    "attaching",
    "attach",
    "enclosed",
    "file",
    "files",
    "list",
    "spreadsheet",
    "csv",
    "xlsx",
    "excel",
    "adjunto",
    "adjunta",
    "adjuntos",
    "anexo",
    "lista",
    "archivo",
    "anhang",
    "liste",
];
/// Words that say an attached file goes on with the numbers.
const LISTED: &[&str] = &["more", "rest", "further", "additional", "others", "numbers", "callers", "numeros"];
/// Words that say an attached file holds other numbers.
const KEPT: &[&str] = &[
    "vip",
    "vips",
    "customers",
    "clients",
    "employees",
    "staff",
    "information",
    "fyi",
    "reference",
    "allow",
    "allowed",
    "whitelist",
    "allowlist",
    "contacts",
    "ours",
    "clientes",
    "empleados",
];
