//! Which lines of a mail its author wrote, and which came along (B-3). Lines are marked, never taken away.

use super::characters::shown;
use super::html::SIGNATURE;
use super::limits::LINE_CHARACTERS_MAX;
use super::phrase::{
    ANSWER_MARKS, BANNERS, CLOSINGS, CONTACT_WORDS, DEVICES, FORWARD_BEGINS, FORWARD_MARKS, FORWARDS, FROM,
    ORIGINALS, OTHERS, SECRETS, SENT, SUBJECT, TO, WRITING_BEGINS, WROTE,
};
use super::template;
use super::words::words;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// What the author wrote.
    Own,
    /// What the author answers.
    Quoted,
    /// A mail that the author passes on.
    Forwarded,
    /// Who the author is.
    Signature,
    /// What a law department adds to every mail.
    Disclaimer,
    /// What a mail server adds to mail from outside.
    Banner,
}

impl Segment {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own text",
            Self::Quoted => "quoted text",
            Self::Forwarded => "a forwarded mail",
            Self::Signature => "the signature",
            Self::Disclaimer => "a disclaimer",
            Self::Banner => "a banner",
        }
    }
}

/// A line of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its text. A character that nobody sees is a U+0001 here.
    pub(super) text: String,
    /// What it is.
    pub segment: Segment,
}

impl Line {
    /// Its text as it can be shown.
    pub fn shown(&self) -> String {
        shown(&self.text)
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// What our own mails say above which an answer stands.
pub const SEPARATOR: &str = "----- Please answer above this line -----";

/// Marks every line of `text`, whose sender is called `name`, under `subject`.
pub(super) fn mark(text: &str, name: &str, subject: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = text.lines().flat_map(cut).collect();
    mark_quotes(&mut lines, is_forward(subject));
    let labelled: Vec<bool> = lines.iter().map(|it| template::label_of(&it.text).is_some()).collect();
    mark_paragraphs(&mut lines, &labelled);
    mark_signatures(&mut lines, &labelled, &words(name));
    lines
}

/// A line in pieces of bounded length, and without the mark that HTML left.
fn cut(line: &str) -> impl Iterator<Item = Line> {
    let (segment, text) = match line.strip_prefix(SIGNATURE) {
        Some(rest) => (Segment::Signature, rest),
        None => (Segment::Own, line),
    };
    let mut rest = text.trim_end_matches('\r');
    let mut is_first = true;
    std::iter::from_fn(move || {
        if rest.is_empty() && !is_first {
            return None;
        }
        is_first = false;
        let end = rest.char_indices().nth(LINE_CHARACTERS_MAX).map_or(rest.len(), |(end, _)| end);
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(Line { text: piece.to_owned(), segment })
    })
}

/// Whether a subject says that the mail was passed on.
fn is_forward(subject: &str) -> bool {
    let subject = subject.trim().to_lowercase();
    FORWARD_MARKS.iter().any(|mark| subject.starts_with(mark))
}

/// Whether a subject is that of another mail, which is answered or passed on.
pub(super) fn is_borrowed(subject: &str) -> bool {
    let subject = subject.trim().to_lowercase();
    is_forward(&subject) || ANSWER_MARKS.iter().any(|mark| subject.starts_with(mark))
}

fn mark_quotes(lines: &mut [Line], is_forward: bool) {
    // What stands below a rule or a header block was passed on in one case, and answered in the other.
    let below = |segment| if is_forward && segment == Segment::Quoted { Segment::Forwarded } else { segment };
    // From here on everything came along.
    let mut rest: Option<Segment> = None;
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        if rest.is_some() || line.text.trim_start().starts_with('>') {
            let segment = rest.unwrap_or(Segment::Quoted);
            set(lines, index..index + 1, segment);
            index += 1;
        } else if let Some(segment) = separator(&line.text) {
            rest = Some(below(segment));
        } else if let Some(count) = attribution(lines, index) {
            set(lines, index..index + count, Segment::Quoted);
            index += count;
            let next = lines.get(index..).unwrap_or_default().iter().find(|it| !it.is_blank());
            if !next.is_some_and(|it| it.text.trim_start().starts_with('>')) {
                rest = Some(Segment::Quoted);
            }
        } else if let Some(segment) = header_block(lines, index) {
            rest = Some(below(segment));
        } else {
            index += 1;
        }
    }
}

fn set(lines: &mut [Line], range: std::ops::Range<usize>, segment: Segment) {
    let count = range.len();
    lines.iter_mut().skip(range.start).take(count).for_each(|it| it.segment = segment);
}

/// A line behind which another mail stands.
fn separator(line: &str) -> Option<Segment> {
    let line = line.trim();
    if line.len() > 120 {
        return None;
    }
    let lower = line.trim_matches(['-', '_', '=', '*', ' ', ':']).to_lowercase();
    let is_ruled = line.starts_with("--") || line.starts_with("__") || line.starts_with("==");
    if lower == SEPARATOR.trim_matches(['-', ' ']).to_lowercase()
        || is_ruled && ORIGINALS.contains(&lower.as_str())
    {
        return Some(Segment::Quoted);
    }
    let begins = FORWARD_BEGINS.contains(&lower.as_str());
    (begins || is_ruled && FORWARDS.contains(&lower.as_str())).then_some(Segment::Forwarded)
}

/// How many lines say who wrote what follows.
fn attribution(lines: &[Line], index: usize) -> Option<usize> {
    let mut joined = String::new();
    for count in 1..=3 {
        // "---- On … wrote ----"
        let whole = lines.get(index + count - 1)?.text.trim();
        let line = whole.trim_matches(['-', ' ']);
        let is_ruled = whole.ends_with("--");
        if line.is_empty() || line.starts_with('>') || joined.len() + line.len() > 400 {
            return None;
        }
        if count > 1 {
            joined.push(' ');
        }
        joined.push_str(line);
        let lower = joined.to_lowercase();
        if count == 1 && !WRITING_BEGINS.iter().any(|begin| lower.starts_with(begin)) {
            let says_who =
                lower.ends_with(':') && lower.contains('@') || WROTE.iter().any(|verb| lower.contains(verb));
            if !(says_who && lower.ends_with(':')) {
                return None;
            }
        }
        let says_when = lower.bytes().any(|it| it.is_ascii_digit()) || lower.contains('@');
        let ends = is_ruled || lower.trim_end_matches(' ').ends_with([':', '：']);
        if ends && says_when && WROTE.iter().any(|verb| lower.contains(verb)) {
            return Some(count);
        }
        if ends {
            return None;
        }
    }
    None
}

/// `From:`, `Sent:`, `To:`, `Subject:`, as Outlook puts above what it quotes.
fn header_block(lines: &[Line], index: usize) -> Option<Segment> {
    let (name, value) = header_line(&lines.get(index)?.text)?;
    if !FROM.contains(&name.as_str()) || !value.chars().any(char::is_alphabetic) {
        return None;
    }
    let mut met = [false; 3];
    let mut segment = Segment::Quoted;
    for line in lines.iter().skip(index + 1).take(8) {
        let Some((name, value)) = header_line(&line.text) else { continue };
        for (place, names) in met.iter_mut().zip([SENT, TO, SUBJECT]) {
            *place |= names.contains(&name.as_str());
        }
        if SUBJECT.contains(&name.as_str()) && is_forward(value) {
            segment = Segment::Forwarded;
        }
    }
    (met.iter().filter(|it| **it).count() >= 2).then_some(segment)
}

fn header_line(line: &str) -> Option<(String, &str)> {
    let line = line.trim().trim_start_matches(['*', ' ']);
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end_matches(['*', ' ']);
    (name.chars().count() <= 12).then(|| (name.to_lowercase(), value))
}

/// Marks banners and disclaimers, which are whole paragraphs.
fn mark_paragraphs(lines: &mut [Line], labelled: &[bool]) {
    let mut begin = 0;
    let mut is_first = true;
    while begin < lines.len() {
        let length =
            lines.iter().skip(begin).take_while(|it| !it.is_blank() && it.segment == Segment::Own).count();
        if length == 0 {
            begin += 1;
            continue;
        }
        let text: String =
            lines.iter().skip(begin).take(length).map(|it| it.text.as_str()).collect::<Vec<_>>().join(" ");
        let lower = text.to_lowercase();
        let lower = lower.trim_start_matches(['*', '[', ' ', '!', '⚠', '\u{1}', '\t']);
        if is_first && BANNERS.iter().any(|it| lower.starts_with(it)) {
            // Only the sentences of the banner; a greeting may follow without an empty line.
            let own = labelled.iter().skip(begin).take(length).position(|it| *it);
            set(lines, begin..begin + own.unwrap_or(length), Segment::Banner);
        } else {
            is_first = false;
            let met = |phrases: &[&str]| phrases.iter().any(|it| lower.contains(it));
            let has_label = || labelled.iter().skip(begin).take(length).any(|it| *it);
            if met(SECRETS) && met(OTHERS) && !has_label() {
                set(lines, begin..begin + length, Segment::Disclaimer);
            }
        }
        begin += length;
    }
}

/// Marks signatures: in every stretch of own lines, from where the author says good-bye.
fn mark_signatures(lines: &mut [Line], labelled: &[bool], name: &[String]) {
    let mut begin = 0;
    while begin < lines.len() {
        let length = lines.iter().skip(begin).take_while(|it| it.segment == Segment::Own).count();
        if length == 0 {
            begin += 1;
            continue;
        }
        let stretch = lines.get(begin..begin + length).unwrap_or_default();
        let labels = labelled.get(begin..begin + length).unwrap_or_default();
        let starts = (0..length).find(|&at| is_signature(stretch, labels, at, name));
        if let Some(at) = starts {
            set(lines, begin + at..begin + length, Segment::Signature);
        } else {
            mark_contact_lines(lines.get_mut(begin..begin + length).unwrap_or_default(), labels);
        }
        begin += length;
    }
}

fn is_signature(stretch: &[Line], labels: &[bool], at: usize, name: &[String]) -> bool {
    let Some(line) = stretch.get(at).map(|it| it.text.as_str()) else { return false };
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.len() > 80 {
        return false;
    }
    let spoken = words(trimmed).join(" ");
    let is_rule = matches!(line, "-- " | "--");
    let is_device = DEVICES.iter().any(|it| spoken.starts_with(it));
    let is_closing = CLOSINGS.contains(&spoken.as_str());
    let is_name = name.len() >= 2 && spoken == name.join(" ");
    if !(is_rule || is_device || is_closing || is_name) {
        return false;
    }
    // Good-byes are short; what is long, or a form, goes on after one.
    let behind = stretch.iter().zip(labels).skip(at + 1).filter(|(it, _)| !it.is_blank());
    let mut count = 0;
    for (_, is_label) in behind {
        count += 1;
        if *is_label || count > SIGNATURE_LINES_MAX && !is_rule {
            return false;
        }
    }
    true
}

/// `Tel: …` in the last paragraph of several is the author's own number, also without a good-bye.
fn mark_contact_lines(stretch: &mut [Line], labels: &[bool]) {
    let end = stretch.iter().rposition(|it| !it.is_blank()).map_or(0, |at| at + 1);
    let text = stretch.get(..end).unwrap_or_default();
    let Some(gap) = text.iter().rposition(Line::is_blank) else { return };
    if labels.iter().skip(gap + 1).any(|it| *it) {
        return;
    }
    for line in stretch.iter_mut().take(end).skip(gap + 1) {
        let lower = line.text.trim().to_lowercase();
        let word = lower.split([':', '.', ' ', '|']).next().unwrap_or_default();
        let is_contact = CONTACT_WORDS.contains(&word)
            && lower.get(word.len()..).is_some_and(|it| it.starts_with([':', '.', '|']));
        if is_contact {
            line.segment = Segment::Signature;
        }
    }
}

const SIGNATURE_LINES_MAX: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f06_the_subject_tells_a_mail_passed_on_from_one_answered() {
        let text = "see\n-----Original Message-----\nFrom: Voicemail\n5";
        let last = |subject| mark(text, "", subject).last().unwrap().segment;
        assert_eq!((last("FW: x"), last("Re: x")), (Segment::Forwarded, Segment::Quoted));
    }

    /// Each line of `text` begins with a letter for what it should be.
    fn check(text: &str) {
        let (expected, lines): (Vec<char>, Vec<&str>) =
            text.lines().map(|it| (it.chars().next().unwrap(), it.get(2..).unwrap_or_default())).unzip();
        let marked = mark(&lines.join("\n"), "Jane Doe", "");
        let found: Vec<char> =
            marked.iter().map(|it| if it.is_blank() { '_' } else { it.segment.letter() }).collect();
        assert_eq!(found, expected, "{text}");
    }

    impl Segment {
        fn letter(self) -> char {
            match self {
                Self::Own => 'o',
                Self::Quoted => 'q',
                Self::Forwarded => 'f',
                Self::Signature => 's',
                Self::Disclaimer => 'd',
                Self::Banner => 'b',
            }
        }
    }

    #[test]
    fn b3_quotes_of_every_program_are_marked() {
        check(
            "o yes\nq On Mon, Oct 5, 2026 at 4:30 PM Desk <desk@example.com> wrote:\nq > is it?\no and more",
        );
        check("o yes\nq Am 05.10.2026 um 16:30 schrieb Desk:\nq > ist es?");
        check(
            "o yes\nq On Mon, Oct 5, 2026 at 4:30 PM Desk\nq <desk@example.com> wrote:\n_\nq is it?\nq really?",
        );
        check("o yes\nq -----Original Message-----\nq From: Desk\nq number?");
        check(
            "o yes\no ________________________________\nq From: Desk <desk@example.com>\nq Sent: Monday\nq To: Jane\nq Subject: x\nq 5",
        );
        check("o see\nf ---------- Forwarded message ---------\nf From: Voicemail\nf 5");
        check("o see\nf From: Voicemail\nf Sent: Monday\nf To: Jane\nf Subject: FW: new message\nf 5");
        check(
            "o yes\nq El lun, 5 oct 2026 a las 16:30, Mesa (<mesa@example.com>) escribió:\nq > 5\no 6\nq > 7",
        );
        check("o yes\nq ----- Please answer above this line -----\nq 5");
        check("o From: 2026-10-01\no To: 2026-10-05\no Recurrence: weekly");
    }

    #[test]
    fn b3_signatures_banners_and_disclaimers_are_marked() {
        check("o block it\n_\ns Best regards,\ns Jane Doe\ns +1 210 555 0100");
        check("o block it\ns -- \ns Jane\n_\nq On Mon, Oct 5, 2026, Desk wrote:\nq > x");
        check("o block it\n_\ns Jane Doe\ns Telecom Manager\ns 210-555-0100");
        check("o block it\n_\no More of it.\ns Tel: 210-555-0100");
        check("o Thanks!\no Phone number(s) that you want to be blocked:\no 5");
        check("b CAUTION: This email originated from outside.\n_\no block it");
        check(
            "o block it\n_\nd This message is confidential and intended only for the\nd intended recipient. Call 5.",
        );
        check("o The call was confidential.\ns Sent from my iPhone");
    }
}
