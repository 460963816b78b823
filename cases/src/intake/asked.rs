//! Which numbers of a mail's text are asked for, and why the others are not (B-4).

use std::collections::BTreeSet;

use super::candidate;
use super::characters::one_line;
use super::kind::{
    asks_to_block, is_excepting, is_farewell, is_keeping, is_own_telephone, leads_to_number, means_another,
};
use super::limits::NUMBERS_FOUND_MAX;
use super::number::{self, Fate, FoundNumber, Place, Read, Reading, Stop, Why};
use super::request::{Drafting, set_repeats_aside};
use super::segment::{Line, Segment, is_borrowed};
use super::template::Label;
use super::words::words;
use rules::Number;

impl Drafting<'_> {
    /// Every number in the text, with what becomes of it.
    pub(super) fn numbers(&self, has_block_form: bool, wants_report: bool) -> Vec<FoundNumber> {
        let mut found = Vec::new();
        let mut labelled = BTreeSet::new();
        let mut previous_is_report = false;
        for field in &self.fields {
            if field.label == Label::Numbers {
                let is_for_report =
                    wants_report && !field.says_block && (previous_is_report || !has_block_form);
                let fate = if is_for_report { Fate::Left(Why::NotAskedFor) } else { Fate::Taken };
                let (mut aside, before) = (None, found.len());
                for (index, text) in &field.lines {
                    labelled.insert((*index, text.len()));
                    aside = self.set_aside(aside, text);
                    self.labelled_line((*index, text), &fate, aside, &mut found);
                }
                ask_about_pieces(found.get_mut(before..).unwrap_or_default());
            }
            previous_is_report =
                field.label.is_of_report() || previous_is_report && field.label == Label::Numbers;
        }
        let field_lines: BTreeSet<usize> = labelled.iter().map(|(index, _)| *index).collect();
        for (index, line) in self.material.lines.iter().enumerate() {
            if !field_lines.contains(&index) && found.len() < NUMBERS_FOUND_MAX {
                self.other_line(index, line, &mut found);
            }
        }
        let is_left = |it: &FoundNumber| matches!(it.fate, Fate::Left(_));
        if found.iter().all(is_left) && !is_borrowed(self.material.subject) {
            self.subject(&mut found);
        }
        self.judge(&mut found);
        set_repeats_aside(&mut found);
        found
    }

    /// Numbers that stand in the subject alone.
    fn subject(&self, found: &mut Vec<FoundNumber>) {
        let subject = self.material.subject;
        for it in candidate::find(subject) {
            let reads = number::read(&it, subject, self.plans).into_iter();
            for read in reads.filter(|it| digits(it) >= WHOLE_DIGITS_MIN && it.reading != Reading::None) {
                let place = Place { file: None, line: 0, segment: Segment::Own, label: None };
                let Read { written, reading, notes, .. } = read;
                found.push(FoundNumber {
                    written,
                    place,
                    reading,
                    notes,
                    fate: Fate::Suggested(Why::Subject),
                });
            }
        }
    }

    /// Why numbers from this line under a label on are not taken: a heading that excepts them stands above, or a farewell.
    fn set_aside(&self, before: Option<Why>, text: &str) -> Option<Why> {
        let said = words(text);
        let has_number = candidate::count_digits(text) >= WHOLE_DIGITS_MIN;
        let author = words(self.material.author);
        let is_name = |it: &String| author.contains(it);
        let initials: String = author.iter().filter_map(|it| it.chars().next()).collect();
        let has_letters = |it: &&String| it.bytes().any(|it| !it.is_ascii_digit());
        let named: Vec<String> = said.iter().filter(has_letters).cloned().collect();
        let signs = !named.is_empty()
            && author.len() <= NAME_WORDS_MAX
            && (named.iter().all(is_name) || named.concat() == initials && initials.len() > 1);
        if signs || is_farewell(&said) {
            Some(Why::Segment(Segment::Signature))
        } else if has_number {
            before
        } else if is_excepting(&said) {
            Some(Why::Excepted)
        } else if asks_to_block(&said) {
            before.filter(|it| *it != Why::Excepted)
        } else {
            before
        }
    }

    /// A line under the label: numbers are taken up to where a sentence begins.
    fn labelled_line(
        &self,
        (index, text): (usize, &str),
        fate: &Fate,
        aside: Option<Why>,
        found: &mut Vec<FoundNumber>,
    ) {
        let candidates = candidate::find(text);
        let is_bare = is_bare(text, &candidates);
        let before_line = found.len();
        let place = Some(Label::Numbers);
        let mut behind = 0;
        let mut in_sentence = false;
        for it in &candidates {
            let between = text.get(behind..it.begin).unwrap_or_default();
            let before = words(between);
            behind = it.end;
            let strange = before
                .iter()
                .filter(|word| !leads_to_number(word) && !word.bytes().all(|it| it.is_ascii_digit()))
                .count();
            let is_excepted = is_excepting(&before);
            if is_keeping(&before) && between.trim_end().ends_with([',', ';', '|', ')', '.']) {
                except_last(found.get_mut(before_line..).unwrap_or_default());
            }
            in_sentence |= is_excepted
                || is_own_telephone(&before)
                || means_another(&before)
                || ARROWS.iter().any(|it| between.contains(it))
                || strange > STRANGE_WORDS_MAX;
            for read in number::read(it, text, self.plans) {
                let is_short = digits(&read) < WHOLE_DIGITS_MIN;
                let is_code = candidates.len() == 1 && is_bare && is_short_code(&read.written);
                let is_piece =
                    candidates.len() == 1 && is_bare && !is_code && digits(&read) >= SHORT_CODE_DIGITS.0;
                // A count, a year, or a piece of something that could not be read is no short code.
                if is_short && !is_code && !is_piece {
                    continue;
                }
                let own = match (&read.trouble, in_sentence, aside) {
                    (_, _, Some(why)) => Fate::Suggested(why),
                    (_, true, None) => {
                        Fate::Suggested(if is_excepted { Why::Excepted } else { Why::Sentence })
                    }
                    (Some(why), false, None) => Fate::Unclear(*why),
                    (None, false, None) if is_short && is_piece => Fate::Unclear(Why::Unreadable),
                    (None, false, None) => fate.clone(),
                };
                found.push(self.found(read, index, place, Segment::Own, own));
            }
        }
        if is_keeping(&words(text.get(behind..).unwrap_or_default())) {
            except_last(found.get_mut(before_line..).unwrap_or_default());
        }
        let is_unread = candidates.is_empty()
            && candidate::count_digits(text) >= WHOLE_DIGITS_MIN
            && words(text).len() <= 4;
        if is_unread && *fate == Fate::Taken {
            let (written, trouble) = (one_line(text, 60), None);
            let read = Read { written, reading: Reading::None, notes: Vec::new(), trouble };
            found.push(self.found(read, index, place, Segment::Own, Fate::Unclear(Why::Unreadable)));
        }
    }

    /// A line under no label: numbers are suggestions, those of signatures and the like are left.
    fn other_line(&self, index: usize, line: &Line, found: &mut Vec<FoundNumber>) {
        for it in candidate::find(&line.text) {
            let before = words(tail(line.text.get(..it.begin).unwrap_or_default()));
            for read in number::read(&it, &line.text, self.plans) {
                let emergency = read.reading.number().is_some_and(|it| {
                    number::stop(it, self.tenant, self.material.directory) == Some(Stop::Emergency)
                });
                let is_asked = emergency && line.segment == Segment::Own && asks_to_block(&before);
                if digits(&read) < WHOLE_DIGITS_MIN && !is_asked || read.reading == Reading::None {
                    continue;
                }
                let fate = match line.segment {
                    Segment::Own if is_excepting(&before) && !self.unblocks => Fate::Suggested(Why::Excepted),
                    Segment::Own => Fate::Suggested(Why::NoLabel),
                    Segment::Quoted | Segment::Forwarded => Fate::Suggested(Why::Segment(line.segment)),
                    Segment::Signature | Segment::Disclaimer | Segment::Banner => {
                        Fate::Left(Why::Segment(line.segment))
                    }
                };
                found.push(self.found(read, index, None, line.segment, fate));
            }
        }
    }

    fn found(
        &self,
        read: Read,
        index: usize,
        label: Option<Label>,
        segment: Segment,
        fate: Fate,
    ) -> FoundNumber {
        let place = Place { file: None, line: index + 1, segment, label };
        FoundNumber { written: read.written, place, reading: read.reading, notes: read.notes, fate }
    }

    /// B-11: what cannot be blocked is stopped wherever it would be taken or suggested.
    pub(super) fn judge(&self, numbers: &mut [FoundNumber]) {
        if self.unblocks {
            return;
        }
        for it in numbers.iter_mut().filter(|it| !matches!(it.fate, Fate::Left(_))) {
            let stop =
                it.reading.number().and_then(|it| number::stop(it, self.tenant, self.material.directory));
            if let Some(stop) = stop {
                it.fate = Fate::Stopped(stop);
            }
        }
    }
}

/// Beside what could not be read a short code may be a piece of it, on a line of its own.
fn ask_about_pieces(of_field: &mut [FoundNumber]) {
    if of_field.iter().any(|it| matches!(it.fate, Fate::Unclear(Why::Unreadable | Why::NoArea))) {
        let is_piece = |it: &&mut FoundNumber| {
            it.fate == Fate::Taken && it.reading.number().is_some_and(Number::is_local)
        };
        of_field.iter_mut().filter(is_piece).for_each(|it| it.fate = Fate::Unclear(Why::Unreadable));
    }
}

/// The last number of a line is one that what stands behind it excepts.
fn except_last(of_line: &mut [FoundNumber]) {
    if let Some(last) = of_line.last_mut().filter(|it| matches!(it.fate, Fate::Taken | Fate::Unclear(_))) {
        last.fate = Fate::Suggested(Why::Excepted);
    }
}

/// Whether what was written may be a short code: digits alone, and no year.
fn is_short_code(written: &str) -> bool {
    let (fewest, most) = SHORT_CODE_DIGITS;
    (fewest..=most).contains(&written.len())
        && written.bytes().all(|it| it.is_ascii_digit())
        && !(written.len() == 4 && (written.starts_with("19") || written.starts_with("20")))
}

/// The last few words of a text, or what is left of them.
fn tail(text: &str) -> &str {
    let begin = text.char_indices().rev().nth(TAIL_CHARACTERS).map_or(0, |(at, _)| at);
    text.get(begin..).unwrap_or_default()
}

/// Whether nothing but numbers stands on a line.
fn is_bare(text: &str, candidates: &[candidate::Candidate]) -> bool {
    let mut rest = String::new();
    let mut behind = 0;
    for it in candidates {
        rest.push_str(text.get(behind..it.begin).unwrap_or_default());
        behind = it.end;
    }
    rest.push_str(text.get(behind..).unwrap_or_default());
    words(&rest).iter().all(|it| leads_to_number(it))
}

fn digits(read: &Read) -> usize {
    candidate::count_digits(&read.written)
}

/// What is looked at before a number for words that except it.
const TAIL_CHARACTERS: usize = 60;
/// What people put between who calls and who is called.
const ARROWS: &[&str] = &["->", "=>", ">>", "→", "⇒", "➔"];
/// Fewer digits are a number only where nothing else stands.
const WHOLE_DIGITS_MIN: usize = 7;
/// Words between two numbers that do not lead to one; with more, a sentence has begun.
const STRANGE_WORDS_MAX: usize = 2;
/// A name of more words is none of a person.
const NAME_WORDS_MAX: usize = 4;
/// How many digits a short code has, at least and at most.
const SHORT_CODE_DIGITS: (usize, usize) = (3, 6);
