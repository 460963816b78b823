//! Numbers that are asked for as a range, an area or a country (B-8).

use super::candidate::{self, Shape};
use super::characters::one_line;
use super::limits::NUMBERS_PER_REQUEST_MAX;
use super::segment::{Line, Segment};
use super::words::words;

/// Numbers that were not given one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRange {
    /// As it was written.
    pub written: String,
    /// The line, from 1.
    pub line: usize,
    /// Whether it is a whole area or country, which no mail alone may have blocked (B-8).
    pub is_area: bool,
}

/// Ranges in the author's own text, and areas named in words.
pub(super) fn find(lines: &[Line]) -> Vec<FoundRange> {
    let own = lines.iter().enumerate().filter(|(_, it)| it.segment == Segment::Own);
    let mut ranges: Vec<FoundRange> = Vec::new();
    for (index, line) in own {
        for it in candidate::find(&line.text) {
            if let Shape::Range(written) = it.shape {
                let is_area = candidate::count_digits(&written) < RANGE_DIGITS_MIN;
                ranges.push(FoundRange { written: one_line(&written, 60), line: index + 1, is_area });
            }
        }
        if let Some(written) = area(&words(&line.text)) {
            ranges.push(FoundRange { written, line: index + 1, is_area: true });
        }
        ranges.truncate(NUMBERS_PER_REQUEST_MAX);
    }
    ranges
}

/// An area or a country that the words speak of as a whole.
fn area(words: &[String]) -> Option<String> {
    let is_code = |at: usize| {
        let digits = |at: usize| words.get(at).is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()));
        let length = words.get(at).map_or(0, String::len);
        digits(at) && (2..=6).contains(&length) && !digits(at + 1)
    };
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).map_or("", String::as_str);
        let at = match (word.as_str(), next) {
            ("area" | "country" | "dialing" | "dialling", "code") => index + 2,
            ("codigo", "de") => index + 4,
            ("all", "of") | ("starting" | "beginning" | "start" | "begin" | "starts" | "begins", "with") => {
                index + 2
            }
            ("prefix" | "prefijo" | "codes", _) => index + 1,
            ("from" | "in" | "del" | "de" | "desde", _) => {
                let before = words.get(index.saturating_sub(4)..index).unwrap_or_default();
                if !before.iter().any(|it| EVERYBODY.contains(&it.as_str())) {
                    continue;
                }
                index + 1
            }
            _ => continue,
        };
        // "codigo de area 809", "codigo de pais 232".
        let found = [at, at.saturating_sub(1)].into_iter().find(|at| *at > index && is_code(*at));
        if let Some(code) = found.and_then(|at| words.get(at)) {
            return Some(code.clone());
        }
    }
    None
}

const EVERYBODY: &[&str] = &[
    "everyone",
    "everybody",
    "anyone",
    "anybody",
    "everything",
    "anything",
    "all",
    "any",
    "calls",
    "todos",
    "todas",
    "todo",
    "cualquiera",
];
/// A range with fewer digits is a whole area.
const RANGE_DIGITS_MIN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b8_ranges_and_areas_are_found_in_words_and_digits() {
        for (text, expected, is_area) in [
            ("please block everyone calling from 809", "809", true),
            ("block all of 876", "876", true),
            ("block area code 809 please", "809", true),
            ("block country code 232", "232", true),
            ("bloquear todas las llamadas del 809", "809", true),
            ("bloquear el codigo de area 809", "809", true),
            ("numbers starting with 1242", "1242", true),
            ("210-555-01XX", "210-555-01XX", false),
            ("+1809*", "+1809*", true),
            ("2105550100 - 2105550199", "2105550100 - 2105550199", false),
        ] {
            let found = find(&[Line { text: text.to_owned(), segment: Segment::Own }]);
            assert_eq!(
                found.iter().map(|it| (it.written.as_str(), it.is_area)).collect::<Vec<_>>(),
                [(expected, is_area)],
                "{text}"
            );
        }
        for text in
            ["all calls from 809-555-0100", "call me from 9 to 5", "calls from 809 555 0100", "all of them"]
        {
            assert!(find(&[Line { text: text.to_owned(), segment: Segment::Own }]).is_empty(), "{text}");
        }
    }
}
