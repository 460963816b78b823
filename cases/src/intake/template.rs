//! The fields of the request templates, as people fill them in (B-4, B-9, P-1).

use super::characters::{HIDDEN, one_line, several_lines};
use super::directory::Language;
use super::limits::FIELD_CHARACTERS_MAX;
use super::segment::{Line, Segment};
use super::words::{distance, words};

/// A field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The numbers to block, or those to report on.
    Numbers,
    /// Fraud or harassing.
    Category,
    /// Why.
    Reason,
    /// Whether the numbers are internal or external.
    Side,
    /// Which way the calls went.
    Direction,
    /// From when to when.
    Period,
    /// From when.
    Start,
    /// To when.
    End,
    /// How often.
    Recurrence,
    /// Who gets it.
    Recipients,
}

impl Label {
    /// Whether it belongs to a report request.
    pub const fn is_of_report(self) -> bool {
        !matches!(self, Self::Numbers | Self::Category | Self::Reason)
    }
}

/// A field with what stands under its label.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub label: Label,
    /// Whether the label says that its numbers are to be blocked, or are to be no longer.
    pub says_block: bool,
    /// Whether it says that they are to be blocked no longer.
    pub says_unblock: bool,
    /// Lines by their place in the mail: the rest of the label's own line, then those up to the next label.
    pub lines: Vec<(usize, String)>,
}

impl Field {
    /// What stands under the label, without what cannot be shown.
    pub(super) fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|(_, it)| it.trim()).collect();
        several_lines(lines.join("\n").trim(), FIELD_CHARACTERS_MAX)
    }
}

/// The fields in the author's own lines. A signature or a quote ends a field.
pub(super) fn fields(lines: &[Line], languages: &[Language]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut is_open = false;
    for (index, line) in lines.iter().enumerate() {
        if line.segment != Segment::Own {
            is_open &= line.segment == Segment::Quoted;
            continue;
        }
        if HEADINGS.contains(&words(&one_line(&line.text, 60)).join(" ").as_str()) {
            is_open = false;
            continue;
        }
        let mut rest = line.text.as_str();
        let mut found_one = false;
        // Several cells of one table row may each hold a label.
        for _ in 0..8 {
            let Some(found) = find_label(rest, languages) else { break };
            let FoundLabel { label, says_block, says_unblock, .. } = found;
            fields.push(Field { label, says_block, says_unblock, lines: Vec::new() });
            (found_one, is_open) = (true, true);
            rest = found.behind;
            let cell = rest.split_once('\t').filter(|(_, next)| find_label(next, languages).is_some());
            let own = cell.map_or(rest, |(own, _)| own);
            if let Some(field) = fields.last_mut().filter(|_| !own.trim().is_empty()) {
                field.lines.push((index, own.to_owned()));
            }
            match cell {
                Some((_, next)) => rest = next,
                None => break,
            }
        }
        if !found_one
            && is_open
            && let Some(field) = fields.last_mut()
        {
            field.lines.push((index, line.text.clone()));
        }
    }
    fields
}

/// The label that `line` begins with, in any language.
pub(super) fn label_of(line: &str) -> Option<Label> {
    find_label(line, &[Language::English, Language::Spanish]).filter(|it| it.is_sure).map(|it| it.label)
}

struct FoundLabel<'a> {
    label: Label,
    says_block: bool,
    says_unblock: bool,
    /// Whether nothing else is likely to be called so.
    is_sure: bool,
    behind: &'a str,
}

fn find_label<'a>(line: &'a str, languages: &[Language]) -> Option<FoundLabel<'a>> {
    let trimmed =
        line.trim_start_matches(|it: char| it.is_whitespace() || "*•·-–#>|_".contains(it) || it == HIDDEN);
    let numbered = trimmed.trim_start_matches(|it: char| it.is_ascii_digit());
    let trimmed = numbered.strip_prefix(['.', ')']).map_or(trimmed, str::trim_start);
    let cut = trimmed.find([':', '\t', '?', '：']).filter(|at| *at <= LABEL_BYTES_MAX);
    let (name, behind, is_marked) = match cut {
        Some(at) => {
            let (name, behind) = trimmed.split_at(at);
            let mark = behind.chars().next().map_or(0, char::len_utf8);
            (name, behind.get(mark..).unwrap_or_default().trim_start_matches(['*', ':', ' ', '\t']), true)
        }
        None if trimmed.len() <= LABEL_BYTES_MAX => (trimmed, "", false),
        None => return None,
    };
    let name = words(&one_line(name, 200)).join(" ");
    if name.is_empty() {
        return None;
    }
    let known = |language: &Language| match language {
        Language::English => ENGLISH,
        Language::Spanish => SPANISH,
    };
    let mut tables: Vec<&[Known]> = vec![ENGLISH];
    tables.extend(languages.iter().filter(|it| **it != Language::English).map(known));
    let found = tables.into_iter().flatten().find(|known| known.is(&name, is_marked))?;
    let says_unblock = found.text.contains("unblock") || found.text.contains("desbloq");
    let Known { label, says_block, .. } = *found;
    Some(FoundLabel { label, says_block, says_unblock, is_sure: found.is_long(), behind })
}

/// One way to write a label.
struct Known {
    text: &'static str,
    label: Label,
    says_block: bool,
}

impl Known {
    /// Short names need their colon and no slip: they also stand in running text.
    fn is(&self, name: &str, is_marked: bool) -> bool {
        if name == self.text {
            return is_marked || self.is_long();
        }
        // A label says what is to be done with numbers: none of its words may become another one.
        let said = || name.split(' ').filter(|it| !FILLING.contains(it));
        let known = || self.text.split(' ').filter(|it| !FILLING.contains(it));
        self.is_long()
            && said().count() == known().count()
            && said().zip(known()).all(|(said, known)| is_same_word(said, known))
    }

    const fn is_long(&self) -> bool {
        self.text.len() >= 12
    }
}

/// Whether `said` is `known`, mistyped perhaps. `unblocked` is no mistyped `blocked`.
fn is_same_word(said: &str, known: &str) -> bool {
    let slips = match known.len() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    let is_turned = |one: &str, other: &str| {
        OPPOSITES.iter().any(|it| one.starts_with(it)) && !OPPOSITES.iter().any(|it| other.starts_with(it))
    };
    said == known
        || !is_turned(said, known) && !is_turned(known, said) && distance(said, known, slips).is_some()
}

/// Words of labels that may be left out or put in.
const FILLING: &[&str] = &[
    "s", "the", "that", "which", "you", "we", "i", "to", "be", "want", "wish", "would", "like", "of", "for",
    "que", "desea", "de", "los", "las", "el", "la",
];
/// What turns a word into its opposite.
const OPPOSITES: &[&str] = &["un", "des", "dis", "non"];

const fn block(text: &'static str) -> Known {
    Known { text, label: Label::Numbers, says_block: true }
}

const fn known(text: &'static str, label: Label) -> Known {
    Known { text, label, says_block: false }
}

const LABEL_BYTES_MAX: usize = 90;

/// Titles of the templates: a field before one ends there.
const HEADINGS: &[&str] = &[
    "report request",
    "report request template",
    "block request",
    "block request template",
    "solicitud de informe",
    "solicitud de bloqueo",
];

const ENGLISH: &[Known] = &[
    block("phone number s that you want to be blocked"),
    block("phone numbers that you want to be blocked"),
    block("phone number that you want to be blocked"),
    block("number s that you want to be blocked"),
    block("phone number s you want blocked"),
    block("phone number s to be blocked"),
    block("phone numbers to be blocked"),
    block("phone number to be blocked"),
    block("phone numbers to block"),
    block("phone number s to block"),
    block("phone number to block"),
    block("number s to be blocked"),
    block("numbers to be blocked"),
    block("number to be blocked"),
    block("number s to block"),
    block("numbers to block"),
    block("number to block"),
    block("numbers to unblock"),
    block("phone numbers to unblock"),
    block("phone number s to unblock"),
    block("number s to unblock"),
    block("number to unblock"),
    block("phone number s that you want to be unblocked"),
    known("number s category", Label::Category),
    known("numbers category", Label::Category),
    known("number category", Label::Category),
    known("category of the number s", Label::Category),
    known("category", Label::Category),
    known("business case and description", Label::Reason),
    known("business case description", Label::Reason),
    known("business case", Label::Reason),
    known("business justification", Label::Reason),
    known("description", Label::Reason),
    known("reason", Label::Reason),
    known("reason for request", Label::Reason),
    known("phone numbers", Label::Numbers),
    known("phone number s", Label::Numbers),
    known("numbers", Label::Numbers),
    known("number s", Label::Numbers),
    known("internal or external", Label::Side),
    known("internal external", Label::Side),
    known("call direction", Label::Direction),
    known("direction", Label::Direction),
    known("call direction inbound outbound both", Label::Direction),
    known("report period", Label::Period),
    known("period", Label::Period),
    known("date range", Label::Period),
    known("report period start and end date", Label::Period),
    known("reporting period", Label::Period),
    known("start date", Label::Start),
    known("report start", Label::Start),
    known("end date", Label::End),
    known("report end", Label::End),
    known("recurrence", Label::Recurrence),
    known("report recurrence", Label::Recurrence),
    known("recurrence one time weekly monthly etc", Label::Recurrence),
    known("frequency", Label::Recurrence),
    known("report recipients", Label::Recipients),
    known("report recipient s", Label::Recipients),
    known("recipients", Label::Recipients),
];

const SPANISH: &[Known] = &[
    block("numero s de telefono que desea bloquear"),
    block("numeros de telefono que desea bloquear"),
    block("numero de telefono que desea bloquear"),
    block("numeros que desea bloquear"),
    block("numero s que desea bloquear"),
    block("numeros a bloquear"),
    block("numero s a bloquear"),
    block("numero a bloquear"),
    block("telefonos a bloquear"),
    block("numeros a desbloquear"),
    known("categoria de los numeros", Label::Category),
    known("categoria del numero", Label::Category),
    known("categoria de numero s", Label::Category),
    known("categoria", Label::Category),
    known("caso de negocio y descripcion", Label::Reason),
    known("justificacion y descripcion", Label::Reason),
    known("motivo y descripcion", Label::Reason),
    known("caso de negocio", Label::Reason),
    known("descripcion", Label::Reason),
    known("motivo", Label::Reason),
    known("numeros", Label::Numbers),
    known("numeros de telefono", Label::Numbers),
    known("interno o externo", Label::Side),
    known("internos o externos", Label::Side),
    known("direccion", Label::Direction),
    known("direccion de llamada", Label::Direction),
    known("periodo", Label::Period),
    known("periodo del informe", Label::Period),
    known("fecha de inicio", Label::Start),
    known("fecha de fin", Label::End),
    known("frecuencia", Label::Recurrence),
    known("recurrencia", Label::Recurrence),
    known("periodicidad", Label::Recurrence),
    known("destinatarios", Label::Recipients),
    known("destinatarios del informe", Label::Recipients),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str, languages: &[Language]) -> Vec<(Label, String)> {
        let lines: Vec<Line> =
            text.lines().map(|it| Line { text: it.to_owned(), segment: Segment::Own }).collect();
        fields(&lines, languages).iter().map(|it| (it.label, it.text())).collect()
    }

    #[test]
    fn b4_labels_are_found_however_they_are_written() {
        let numbers = |value: &str| vec![(Label::Numbers, value.to_owned())];
        for line in [
            "Phone number(s) that you want to be blocked: 5",
            "PHONE NUMBERS THAT YOU WANT TO BE BLOCKED:5",
            "* Phone number(s) that you want to be blocked:\n5",
            "1. Phone number(s) that you want to be blokced: 5",
            "Phone number(s) that you want to be blocked\n5",
            "Phone number(s) that you want to be blocked\t5",
            "*Numbers to block:* 5",
        ] {
            assert_eq!(labels(line, &[]), numbers("5"), "{line}");
        }
        for line in
            ["I gave the description", "The number: of calls is 5 and the reason is unknown", "Category"]
        {
            assert!(labels(line, &[]).is_empty(), "{line}");
        }
        assert_eq!(labels("Números a bloquear: 5", &[]), []);
        assert_eq!(labels("Números a bloquear: 5", &[Language::Spanish]), numbers("5"));
    }

    #[test]
    fn f05_cells_of_one_row_are_fields() {
        let found = labels("Numbers to block:\t5\tNumber(s) Category:\tFraud", &[]);
        assert_eq!(found, [(Label::Numbers, "5".to_owned()), (Label::Category, "Fraud".to_owned())]);
    }
}
