//! Numbers, ranges, prefixes, wildcards and words of the number dimensions.

use super::Reader;
use super::nearest::nearest;
use super::words;
use crate::limits::WILDCARD_RANGES_MAX;
use crate::number::{DIGITS_MAX, Number};
use crate::number_set::{NumberSet, Segment};
use crate::plan::DialPlan;
use crate::plan::character::{Characters, Meaning};
use crate::policy::{Code, NumberTerm, Span, Term};

/// What a pattern of digits stands for.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// One number.
    Exact(Number),
    /// A prefix, range or wildcard.
    Set(NumberSet),
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct NoPattern {
    /// The code of a diagnostic about it.
    pub code: Code,
    /// What was found.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl Pattern {
    /// All numbers that it stands for.
    pub fn into_set(self) -> NumberSet {
        match self {
            Self::Exact(number) => NumberSet::exact(number),
            Self::Set(set) => set,
        }
    }

    /// Reads a number, a prefix `+44 20*`, a range `A - B` or a wildcard `+1 210 555 18xx`, as the customer
    /// of `dial` writes them.
    ///
    /// # Errors
    /// Why it is none of them.
    pub fn parse(text: &str, dial: &DialPlan) -> Result<Self, NoPattern> {
        let text = text.trim();
        // Read as a separator, the mark of an Asterisk pattern would leave another number.
        if text.starts_with('_') {
            return Err(NoPattern { help: ASTERISK_HELP.to_owned(), ..no_number(text) });
        }
        if let Some((first, last)) = range_ends(text) {
            return Self::range(first, last, dial);
        }
        match text.strip_suffix('*') {
            Some(prefix) => Self::prefix(prefix, dial),
            None if text.contains(['x', 'X']) => Self::wildcard(text, dial),
            None => Self::exact(text, dial).map(Self::Exact),
        }
    }

    fn exact(text: &str, dial: &DialPlan) -> Result<Number, NoPattern> {
        let is_one = !text.contains([';', '@']);
        let number = if is_one { words::number(dial, text.as_bytes()) } else { None };
        number.ok_or_else(|| no_number(text))
    }

    /// The end of a range: behind a plus it is the digits as they stand, because nobody need be able to call it.
    fn end(text: &str, dial: &DialPlan) -> Result<Number, NoPattern> {
        match digits_of(text, false) {
            Some((plus, digits)) => filled(dial, plus, &digits).ok_or_else(|| no_number(text)),
            None => Err(no_number(text)),
        }
    }

    fn range(first: &str, last: &str, dial: &DialPlan) -> Result<Self, NoPattern> {
        let (first, last) = (Self::end(first, dial)?, Self::end(last, dial)?);
        let problem = if first.len() != last.len() || first.is_local() != last.is_local() {
            "are not of one length"
        } else if first > last {
            "are the wrong way round"
        } else {
            return Ok(Self::Set(NumberSet::range(first, last)));
        };
        Err(NoPattern {
            code: Code::BadRange,
            message: format!("the ends of the range, {first} and {last}, {problem}"),
            help:
                "a range is written from the lowest to the highest number: +1 210 555 0000 - +1 210 555 0199"
                    .to_owned(),
        })
    }

    fn prefix(text: &str, dial: &DialPlan) -> Result<Self, NoPattern> {
        if text.trim() == "+" {
            return Ok(Self::Set(NumberSet::all_international()));
        }
        digits_of(text, false)
            .and_then(|(plus, digits)| words::prefix(dial, plus, &digits))
            .map(|prefix| Self::Set(NumberSet::prefix(prefix)))
            .ok_or_else(|| no_number(text))
    }

    fn wildcard(text: &str, dial: &DialPlan) -> Result<Self, NoPattern> {
        let digits = digits_of(text, true);
        let Some((lead, digits, local)) = digits.and_then(|(plus, digits)| leading(dial, plus, &digits))
        else {
            return Err(no_number(text));
        };
        let pattern: Vec<u8> = lead.into_iter().chain(digits).collect();
        let fixed_end = pattern.iter().rposition(|byte| *byte != b'x').map_or(0, |at| at + 1);
        let free = pattern.iter().take(fixed_end).filter(|byte| **byte == b'x').count();
        let ranges = 10usize.checked_pow(u32::try_from(free).unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
        if ranges > WILDCARD_RANGES_MAX {
            return Err(NoPattern {
                code: Code::BadWildcard,
                message: format!("the wildcard {text} stands for too many separate ranges"),
                help: format!("at most {WILDCARD_RANGES_MAX}: write x mostly at the end"),
            });
        }
        let segments = (0..ranges).filter_map(|index| segment(&pattern, index, local)).collect();
        Ok(Self::Set(NumberSet::from_segments(segments)))
    }
}

/// The number at the end of a range or a wildcard.
fn filled(dial: &DialPlan, plus: bool, digits: &[u8]) -> Option<Number> {
    if plus { Number::international(digits) } else { words::number(dial, digits) }
}

/// The digits that the dial plan puts before a wildcard, the wildcard without what the plan strips, and
/// whether it is local: found by reading the lowest and the highest number it stands for.
fn leading(dial: &DialPlan, plus: bool, digits: &[u8]) -> Option<(Vec<u8>, Vec<u8>, bool)> {
    let filled_with = |filler: u8| -> Vec<u8> {
        digits.iter().map(|&byte| if byte == b'x' { filler } else { byte }).collect()
    };
    let (low, high) = (filled_with(b'0'), filled_with(b'9'));
    let read = |digits: &[u8]| filled(dial, plus, digits);
    let number = match (read(&low), read(&high)) {
        (Some(low), Some(high)) if low.len() == high.len() && low.is_local() == high.is_local() => low,
        // A leading x behind the plus: no country code begins with 0.
        (None, Some(high)) if plus => high,
        _ => return None,
    };
    let text = number.digits();
    let read_digits = text.as_bytes();
    let probe = if read(&low) == Some(number) { low } else { high };
    let kept = (0..=read_digits.len().min(probe.len()))
        .rev()
        .find(|&count| read_digits.ends_with(probe.get(probe.len() - count..).unwrap_or_default()))?;
    let stripped = digits.get(..digits.len() - kept)?;
    if stripped.contains(&b'x') {
        return None;
    }
    let lead = read_digits.get(..read_digits.len() - kept)?.to_vec();
    Some((lead, digits.get(digits.len() - kept..)?.to_vec(), number.is_local()))
}

/// The `index`-th range of a wildcard: every x before the last fixed digit takes one digit of `index`.
fn segment(pattern: &[u8], index: usize, local: bool) -> Option<Segment> {
    let fixed_end = pattern.iter().rposition(|byte| *byte != b'x').map_or(0, |at| at + 1);
    let mut rest = index;
    let fill = |filler: u8, rest: &mut usize| -> Vec<u8> {
        let mut filled: Vec<u8> = pattern.to_vec();
        for (place, byte) in filled.iter_mut().enumerate().rev() {
            if *byte == b'x' {
                *byte = if place >= fixed_end {
                    filler
                } else {
                    let digit = b'0' + (*rest % 10) as u8;
                    *rest /= 10;
                    digit
                };
            }
        }
        filled
    };
    let low = fill(b'0', &mut rest);
    rest = index;
    let high = fill(b'9', &mut rest);
    let read = |digits: &[u8]| {
        if local { Number::local(digits) } else { Number::international(digits) }
    };
    let (low, high) = match (read(&low), read(&high)) {
        (Some(low), Some(high)) => (low, high),
        // Behind the plus the lowest number begins with 0, which no country code does.
        (None, Some(high)) if low.first() == Some(&b'0') => {
            let mut raised = low;
            *raised.first_mut()? = b'1';
            (Number::international(&raised)?, high)
        }
        _ => return None,
    };
    NumberSet::range(low, high).segments().first().copied()
}

/// The ends of `A - B`. A dash is a range when white space stands around it, or a plus behind it.
fn range_ends(text: &str) -> Option<(&str, &str)> {
    let at = text.char_indices().find_map(|(at, dash)| {
        let (before, after) = (text.get(..at)?, text.get(at + dash.len_utf8()..)?);
        let parted = before.ends_with(char::is_whitespace) && after.starts_with(char::is_whitespace);
        let is_range = matches!(dash, '-' | '–') && (parted || after.trim_start().starts_with('+'));
        (is_range && !before.trim().is_empty()).then_some((before, after))
    })?;
    Some((at.0.trim(), at.1.trim()))
}

/// Whether `text` begins with a plus, and its digits without separators (`x` too when `wild`).
pub(super) fn digits_of(text: &str, wild: bool) -> Option<(bool, Vec<u8>)> {
    let text = text.trim();
    let (plus, rest) = match text.strip_prefix(['+', '＋']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    // `+44 (0)20 …`: the zero is for those who dial inside.
    let without_zero;
    let rest = if plus && rest.contains("(0)") {
        without_zero = rest.replacen("(0)", "", 1);
        without_zero.as_str()
    } else {
        rest
    };
    let mut digits = Vec::with_capacity(rest.len());
    for character in Characters::of(rest.as_bytes()) {
        match character.meaning {
            Meaning::Digit(digit) => digits.push(b'0' + digit),
            Meaning::Letter(b'x') if wild => digits.push(b'x'),
            Meaning::Separator | Meaning::OddSeparator => {}
            _ => return None,
        }
    }
    // An access code and an international prefix may stand before the 15 digits of E.164.
    (!digits.is_empty() && digits.len() <= DIGITS_MAX + 8).then_some((plus, digits))
}

const NUMBER_HELP: &str =
    "write +1 210 555 0100, a prefix +44 20*, a range A - B, or a wildcard +1 210 555 01xx";

/// Who writes `_011.` or `_NXXNXXXXXX` for Asterisk.
const ASTERISK_HELP: &str = "a prefix is written 011* or +44*, any digit as x in 210 555 01xx; \
    _, N, Z, ! and a dot stand for no digits";

fn no_number(text: &str) -> NoPattern {
    NoPattern {
        code: Code::BadNumber,
        message: format!("`{text}` is no number"),
        help: NUMBER_HELP.to_owned(),
    }
}

impl Reader<'_> {
    /// The terms of a number dimension.
    pub(super) fn number_terms(&mut self, values: Vec<(&str, Span)>) -> Vec<Term<NumberTerm>> {
        values
            .into_iter()
            .filter_map(|(text, span)| {
                let value = self.number_term(text, &span)?;
                Some(Term { value, text: text.to_owned(), span })
            })
            .collect()
    }

    fn number_term(&mut self, text: &str, span: &Span) -> Option<NumberTerm> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix('@') {
            return self.list_of(name, super::lists::Kind::Numbers, span).map(NumberTerm::List);
        }
        if let Some((kind, value)) = text.split_once(':') {
            return match kind.trim() {
                "country" => self.country(value.trim(), span).map(NumberTerm::Set),
                "length" => self.lengths(value.trim(), span).map(NumberTerm::Set),
                _ => {
                    self.unknown_word(span.clone(), text, "number word", words::NUMBER_WORDS);
                    None
                }
            };
        }
        if words::NUMBER_WORDS.contains(&text) {
            return match &self.dial {
                Some(dial) => words::term(dial, &self.own, text),
                None => None,
            };
        }
        if text.chars().next().is_some_and(|c| c.is_alphabetic() && !matches!(c, 'x' | 'X')) {
            self.no_word(text, span);
            return None;
        }
        let pattern = self.parse_pattern(text)?;
        let help = format!("{NUMBER_HELP}, or @list");
        let no = |no: NoPattern| if no.help == NUMBER_HELP { NoPattern { help, ..no } } else { no };
        self.readable(pattern.map_err(no), span).map(|pattern| NumberTerm::Set(pattern.into_set()))
    }

    /// A pattern of digits; reported when it is none. `None` without a report when the region is unknown.
    pub(super) fn pattern(&mut self, text: &str, span: &Span) -> Option<Pattern> {
        let pattern = self.parse_pattern(text)?;
        self.readable(pattern, span)
    }

    /// Without a readable region only international numbers can be read; others are left for the next run.
    fn parse_pattern(&self, text: &str) -> Option<Result<Pattern, NoPattern>> {
        match &self.dial {
            Some(dial) => Some(Pattern::parse(text, dial)),
            None if text.trim_start().starts_with('+') => Some(Pattern::parse(text, &words::neutral_plan())),
            None => None,
        }
    }

    /// What could be read; what could not is reported.
    fn readable(&mut self, pattern: Result<Pattern, NoPattern>, span: &Span) -> Option<Pattern> {
        let reported = pattern.map_err(|no| {
            self.report(no.code, span.clone(), no.message).help(no.help);
        });
        reported.ok()
    }

    fn no_word(&mut self, text: &str, span: &Span) {
        if self.is_missing_at(text, span) {
            return;
        }
        if let Some(word) = nearest(text, words::NUMBER_WORDS.iter().copied()) {
            self.report(Code::UnknownWord, span.clone(), format!("`{text}` is no number word"))
                .help(format!("did you mean \"{word}\"?"));
        } else {
            self.report(
                Code::BadNumber,
                span.clone(),
                format!("`{text}` is no number and no word for numbers"),
            )
            .help(format!("the words are: {}", words::NUMBER_WORDS.join(", ")));
        }
    }

    fn country(&mut self, iso: &str, span: &Span) -> Option<NumberSet> {
        let set = words::country(iso);
        if set.is_none() {
            self.report(
                Code::UnknownCountry,
                span.clone(),
                format!("`{iso}` is no country with a number plan"),
            )
            .help("write the ISO 3166 code in capitals: country:GB");
        }
        set
    }

    fn lengths(&mut self, text: &str, span: &Span) -> Option<NumberSet> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let read =
            |text: &str| text.trim().parse::<usize>().ok().filter(|count| (1..=DIGITS_MAX).contains(count));
        match (read(first), read(last)) {
            (Some(first), Some(last)) if first <= last => {
                let mask = (first..=last).fold(0u16, |mask, count| mask | 1 << count);
                Some(NumberSet::all().with_lengths(mask))
            }
            _ => {
                self.report(Code::BadLength, span.clone(), format!("`{text}` is no length"))
                    .help("a length is a count of digits from 1 to 15, or a range of them: length:7-9");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<NumberSet, NoPattern> {
        Pattern::parse(text, &DialPlan::default()).map(Pattern::into_set)
    }

    fn number(text: &str) -> Number {
        Number::international(text.trim_start_matches('+').as_bytes()).unwrap()
    }

    #[test]
    fn patterns_hold_what_they_say_and_nothing_else() {
        for (text, inside, outside) in [
            ("+1 (210) 555-0100", "+12105550100", "+12105550101"),
            ("210.555.0100", "+12105550100", "+2105550100"),
            ("+44 (0)20 7946 0123", "+442079460123", "+44"),
            ("+44 20*", "+442079460123", "+442179460123"),
            ("1900*", "+19005550100", "+1190055501"),
            ("+1 210 555 0000 - +1 210 555 1999", "+12105551999", "+12105552000"),
            ("+1 210 555 0000 – +1 210 555 1999", "+12105550000", "+12105552000"),
            ("+12105550000-+12105550005", "+12105550005", "+12105550006"),
            ("2105550000 - 2105550005", "+12105550005", "+12105550006"),
            ("+1 210 555 18xx", "+12105551842", "+12105551742"),
            ("210 555 18xx", "+12105551842", "+12105551742"),
            ("+1 xxx 555 0100", "+19005550100", "+19005550101"),
            ("+1 210 555 X1X0", "+12105559130", "+12105559131"),
            ("+xx2079460123", "+442079460123", "+442079460124"),
            ("+*", "+442079460123", "+0"),
        ] {
            let set = parse(text).unwrap();
            assert!(set.contains(number(inside)), "{text} holds {inside}");
            if outside != "+0" {
                assert!(!set.contains(number(outside)), "{text} leaves out {outside}");
            }
        }
        assert_eq!(parse("+1 xxx 555 0100").unwrap().count(), 1000);
        assert_eq!(parse("+1 210 555 X1X0").unwrap().count(), 100);
        assert_eq!(parse("+x").unwrap().count(), 9);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, code) in [
            ("", Code::BadNumber),
            ("+", Code::BadNumber),
            ("*", Code::BadNumber),
            ("_011.", Code::BadNumber),
            ("_NXXNXXXXXX", Code::BadNumber),
            ("_2105550100", Code::BadNumber),
            ("+0123", Code::BadNumber),
            ("+1234567890123456", Code::BadNumber),
            ("+1 210 555 01OO", Code::BadNumber),
            ("+44 20**", Code::BadNumber),
            ("+12105550000 - +121055500", Code::BadRange),
            ("+12105550005 - +12105550000", Code::BadRange),
            ("+xxxxxxxx5550100", Code::BadWildcard),
        ] {
            assert_eq!(parse(text).unwrap_err().code, code, "{text}");
        }
    }
}
