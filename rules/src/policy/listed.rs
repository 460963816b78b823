//! The entries of a list of numbers one by one, as they stand in its sources.

use crate::number::Number;
use crate::policy::list::ListFile;
use crate::policy::reader::{Columns, Records, written};
use crate::policy::{EntryText, List, ListContent, Pattern, PolicyText, Span};

/// One entry where it stands.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What stands there.
    pub entry: EntryText,
    /// Its bytes in its file: of a list file the whole line with its end, of the policy the value.
    pub span: Span,
    /// What it stands for.
    pub pattern: Pattern,
}

impl List {
    /// Its numbers as they are written, in the order of the sources. What cannot be read is no entry; what is past its
    /// date is one. `policy` is the one that it belongs to.
    pub fn listed<'a>(&'a self, policy: &'a PolicyText) -> impl Iterator<Item = Listed> + 'a {
        let dial = &policy.customer.dial_plan;
        let inline = self.source.inline.iter().filter_map(move |(line, span)| {
            let number = policy.source.get(span.clone())?.trim_matches(['"', '\'']).to_owned();
            let pattern = Pattern::parse(&number, dial).ok()?;
            let entry = EntryText { line: *line, number, ..EntryText::default() };
            Some(Listed { entry, span: span.clone(), pattern })
        });
        let in_files = self.source.files.iter().flat_map(move |file| {
            file.records().filter_map(move |record| {
                let entry = file.columns.entry(&record.fields, record.line);
                let pattern = Pattern::parse(written(&entry.number), dial).ok()?;
                let entry = EntryText { file: Some(file.path.clone()), ..entry };
                Some(Listed { entry, span: record.span, pattern })
            })
        });
        inline.chain(in_files)
    }

    /// Whether `number`, which the entry of `row` holds, would be on it without that entry, or may be: of a list with
    /// more than [`LISTED_MAX`] entries that is told of exact numbers alone.
    pub(super) fn holds_besides(&self, row: u32, number: Number, policy: &PolicyText) -> bool {
        let ListContent::Numbers { exact, ranges } = &self.content else { return false };
        let (of_number, of_range) = (exact.row(number), ranges.row(number));
        if of_number.is_some_and(|other| other != row) || of_range.is_some_and(|other| other != row) {
            return true;
        }
        if exact.len() + ranges.len() > LISTED_MAX {
            return of_number.is_none();
        }
        let Some((file, span)) = self.entry_span(row) else { return of_number.is_none() && ranges.len() > 1 };
        let others = self.listed(policy).filter(|one| {
            one.entry.file.as_deref() != file || !(one.span.start <= span.start && span.start < one.span.end)
        });
        others.into_iter().any(|other| other.pattern.into_set().contains(number))
    }

    /// The list files that it is read from, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.source.files.iter().map(|file| file.path.as_str())
    }
}

/// Entries of a list that are looked through for a second one of a number.
const LISTED_MAX: usize = 4_096;

impl ListFile {
    pub(super) fn records(&self) -> Records<'_> {
        Records::new(&self.bytes, &self.columns)
    }
}

impl Columns {
    /// What the fields of one record say.
    pub(crate) fn entry(&self, fields: &[String], line: u32) -> EntryText {
        let field = |column: Option<usize>| {
            let text = fields.get(column?)?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        EntryText {
            file: None,
            line,
            number: field(Some(self.number)).unwrap_or_default(),
            category: field(self.category),
            reason: field(self.reason),
            case: field(self.case),
            added: field(self.added),
            expires: field(self.expires),
        }
    }
}
