//! Regular expressions of number plans as exact sets of digit strings.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::number::{DIGITS_MAX, power_of_ten};
use crate::number_set::{NumberSet, Segment};

/// The digits that may stand at one place: bit *d* for the digit *d*.
pub(crate) type Place = u16;
/// Any digit.
pub(crate) const ANY_DIGIT: Place = 0x3ff;

/// One way a pattern can be fulfilled: a digit of each place after the other.
pub(crate) type Sequence = Vec<Place>;

/// A regular expression that is more than digits, classes, alternation and bounded repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotPlain(pub(crate) String);

/// Every way in which `pattern` can be fulfilled by at most 17 digits.
pub(crate) fn sequences(pattern: &str) -> Result<Vec<Sequence>, NotPlain> {
    let hir = parse(pattern)?;
    expand(&hir)
}

/// The ways to begin `pattern`, for patterns of dialling prefixes: what stands in front of a `$` or of a run
/// of four and more free digits is a number, not a prefix, and is left out or left off.
pub(crate) fn prefixes(pattern: &str) -> Result<Vec<Sequence>, NotPlain> {
    let hir = parse(pattern)?;
    let alternatives: Vec<&Hir> = match hir.kind() {
        HirKind::Alternation(parts) => parts.iter().collect(),
        _ => vec![&hir],
    };
    let mut found = Vec::new();
    for alternative in
        alternatives.into_iter().filter(|part| !part.properties().look_set().contains(Look::End))
    {
        for mut sequence in expand(alternative)? {
            if let Some(run) = sequence.windows(4).position(|places| places.iter().all(|&p| p == ANY_DIGIT)) {
                sequence.truncate(run);
            }
            if !sequence.is_empty() && !found.contains(&sequence) {
                found.push(sequence);
            }
        }
    }
    Ok(found)
}

/// Parses `pattern` as one of ASCII: the digits of other scripts stand in no plan, and cost the most to parse.
fn parse(pattern: &str) -> Result<Hir, NotPlain> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    parser.parse(pattern).map_err(|error| NotPlain(error.to_string()))
}

/// The international numbers that begin with the digits of `code` and go on as one of `sequences`.
pub(crate) fn numbers(code: &str, sequences: &[Sequence]) -> NumberSet {
    let mut segments = Vec::new();
    for sequence in sequences {
        let length = code.len() + sequence.len();
        if (1..=DIGITS_MAX).contains(&length) {
            let value = code.bytes().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            add_segments(value, sequence, length, &mut segments);
        }
    }
    NumberSet::from_segments(segments)
}

fn add_segments(value: u64, rest: &[Place], length: usize, segments: &mut Vec<Segment>) {
    let free = rest.iter().rev().take_while(|&&place| place == ANY_DIGIT).count();
    let (fixed, _) = rest.split_at(rest.len() - free);
    let scale = power_of_ten(DIGITS_MAX - length + rest.len());
    match fixed {
        [] => push(value * scale, scale, length, segments),
        [place] => {
            for (first, count) in runs(*place) {
                push((value * 10 + first) * (scale / 10), count * (scale / 10), length, segments);
            }
        }
        [place, ..] => {
            for digit in (0..10).filter(|digit| place >> digit & 1 == 1) {
                add_segments(value * 10 + digit, rest.get(1..).unwrap_or_default(), length, segments);
            }
        }
    }
}

fn push(low: u64, width: u64, length: usize, segments: &mut Vec<Segment>) {
    segments.push(Segment { low, high: low + width - 1, lengths: 1 << length });
}

/// The runs of neighbouring digits in `place`, as first digit and count.
fn runs(place: Place) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for digit in (0..10).filter(|digit| place >> digit & 1 == 1) {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == digit => *count += 1,
            _ => runs.push((digit, 1)),
        }
    }
    runs
}

/// National numbers longer than this are beyond E.164 whatever their country code.
const SEQUENCE_MAX: usize = 17;
/// No plan comes near it; a pattern that does is not a number plan.
const SEQUENCES_MAX: usize = 100_000;

fn expand(hir: &Hir) -> Result<Vec<Sequence>, NotPlain> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Ok(vec![Vec::new()]),
        HirKind::Literal(literal) => {
            let places: Option<Sequence> =
                literal.0.iter().map(|byte| byte.is_ascii_digit().then(|| 1 << (byte - b'0'))).collect();
            places.map(|places| vec![places]).ok_or_else(|| NotPlain(hir.to_string()))
        }
        HirKind::Class(class) => Ok(vec![vec![place(class).ok_or_else(|| NotPlain(hir.to_string()))?]]),
        HirKind::Capture(capture) => expand(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![Vec::new()], |heads, part| join(&heads, &expand(part)?))
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(expand(part)?);
            }
            Ok(all)
        }
        HirKind::Repetition(repetition) => {
            let once = expand(&repetition.sub)?;
            let most = repetition.max.map_or(SEQUENCE_MAX, |max| max as usize);
            let mut all = Vec::new();
            let mut times = vec![Vec::new()];
            for count in 0..=most {
                if count >= repetition.min as usize {
                    all.extend(times.iter().cloned());
                }
                times = join(&times, &once)?;
                if times.is_empty() {
                    break;
                }
            }
            Ok(all)
        }
    }
}

fn join(heads: &[Sequence], tails: &[Sequence]) -> Result<Vec<Sequence>, NotPlain> {
    let joined: Vec<Sequence> = heads
        .iter()
        .flat_map(|head| tails.iter().map(|tail| [head.as_slice(), tail].concat()))
        .filter(|sequence| sequence.len() <= SEQUENCE_MAX)
        .collect();
    if joined.len() > SEQUENCES_MAX { Err(NotPlain("too many alternatives".into())) } else { Ok(joined) }
}

/// The ASCII digits of a class.
fn place(class: &Class) -> Option<Place> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.iter().map(|r| (r.start().into(), r.end().into())).collect(),
        Class::Bytes(class) => class.iter().map(|r| (r.start().into(), r.end().into())).collect(),
    };
    let digits = (0..10)
        .filter(|digit| ranges.iter().any(|&(low, high)| (low..=high).contains(&(u32::from(b'0') + digit))))
        .fold(0, |place, digit| place | 1 << digit);
    (digits != 0).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Number;

    #[test]
    fn a_pattern_becomes_exactly_the_numbers_it_matches() {
        let pattern = r"(?:2(?:0[1-35-9]|1[02-9])|3[^5]\d?)\d{2,3}";
        let set = numbers("1", &sequences(pattern).unwrap());
        let expression = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        for length in 3..=7usize {
            for value in 0..power_of_ten(length) {
                let digits = format!("{value:0length$}");
                let number = Number::international(format!("1{digits}").as_bytes()).unwrap();
                assert_eq!(set.contains(number), expression.is_match(&digits), "{digits}");
            }
        }
    }

    #[test]
    fn prefixes_stop_where_the_number_begins() {
        let found = |pattern| -> Vec<usize> { prefixes(pattern).unwrap().iter().map(Vec::len).collect() };
        assert_eq!(found(r"00|1(?:[12]\d|79)\d\d00"), [2, 7, 7]);
        assert_eq!(found(r"([457]\d{6})$|1"), [1]);
        assert_eq!(found(r"0(1[25](\d{10,11}))?"), [1, 3]);
    }
}
