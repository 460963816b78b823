//! What a recount keeps of a call line.

use std::collections::HashMap;

use jiff::Timestamp as Moment;
use rules::Number;
use rules::plan;
use rules::policy::Customer;

use super::key::Sides;
use crate::line::CallLine;
use crate::text::MomentText;

/// One message that thresholds counted, and what became of its attempt. Times are in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Whether it is an INVITE that opened a call.
    pub(super) is_call: bool,
    pub(super) is_register: bool,
    pub(super) started: i64,
    pub(super) rang: Option<i64>,
    pub(super) answered: Option<i64>,
    /// The refusal that no repeat answered.
    pub(super) refused: Option<(u16, i64)>,
    /// The last response.
    pub(super) status: Option<u16>,
    pub(super) ended: Option<i64>,
    /// Whether the end is a BYE.
    pub(super) was_hung_up: bool,
    pub(super) timed_out: Option<i64>,
    pub(super) credentials: bool,
    pub(super) followed_up: bool,
    /// Who calls, as a word.
    pub(super) caller: u32,
    /// Who is called, as a word; `None` when that cannot be read.
    pub(super) called: Option<u32>,
    /// The called number as digits.
    pub(super) line: Option<u64>,
    /// The country called, as a word.
    pub(super) country: Option<u32>,
    pub(super) is_neighbour: bool,
}

impl Call {
    pub(super) fn new(
        line: &CallLine<'_>,
        sides: &Sides<'_>,
        customer: &Customer,
        words: &mut Words,
    ) -> Self {
        let moment = |text: &Option<MomentText>| text.as_deref().map(micros);
        let called = sides.called();
        let number = called.as_deref().filter(|_| sides.called_kind == "number");
        let country = number.and_then(country);
        let is_neighbour =
            sides.caller_kind == "number" && number.is_some_and(|called| is_neighbour(sides.caller, called));
        Self {
            is_call: line.kind == "call",
            is_register: line.kind == "register",
            started: micros(&line.start),
            rang: moment(&line.rang_at),
            answered: moment(&line.answered_at),
            refused: line.refused_status.zip(moment(&line.refused_at)),
            status: line.status,
            ended: moment(&line.ended_at),
            was_hung_up: line.duration_seconds.is_some(),
            timed_out: moment(&line.timed_out_at),
            credentials: line.credentials == Some(true),
            followed_up: line.followed_up == Some(true),
            caller: words.number(&sides.caller_or_source(line, customer)),
            called: called.as_deref().map(|called| words.number(called)),
            line: number.and_then(|number| number.trim_start_matches('+').parse().ok()),
            country: country.map(|country| words.number(country)),
            is_neighbour,
        }
    }
}

/// Texts, each kept once.
#[derive(Debug, Default)]
pub(super) struct Words {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Words {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }
}

/// Microseconds since 1970 of a moment as lines write it.
pub(super) fn micros(text: &str) -> i64 {
    text.parse::<Moment>().map_or(0, Moment::as_microsecond)
}

/// The country of a number as lines write it.
pub(super) fn country(number: &str) -> Option<&'static str> {
    let number = match number.strip_prefix('+') {
        Some(digits) => Number::international(digits.as_bytes()),
        None => Number::local(number.as_bytes()),
    };
    plan::country_of(number?)
}

/// Whether two numbers share their first six national digits (+1), elsewhere all but the last four.
fn is_neighbour(caller: &str, called: &str) -> bool {
    if caller == called || caller.len() != called.len() {
        return false;
    }
    let shared = if called.starts_with("+1") { "+1".len() + 6 } else { called.len().saturating_sub(4) };
    let is_enough = shared > usize::from(called.starts_with('+')) && called.len() > shared;
    is_enough && caller.get(..shared).is_some_and(|start| called.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_all_but_their_last_digits() {
        for (caller, called, expected) in [
            ("+12105550142", "+12105559999", true),
            ("+12105550142", "+12105550142", false),
            ("+12105550142", "+12105560142", false),
            ("+442079460142", "+442079469999", true),
            ("+442079460142", "+442079470142", false),
            ("5550142", "5559999", true),
            ("142", "143", false),
        ] {
            assert_eq!(is_neighbour(caller, called), expected, "{caller} {called}");
        }
    }

    #[test]
    fn moments_are_read_as_lines_write_them() {
        assert_eq!(micros("1970-01-01T00:00:01.500000Z"), 1_500_000);
    }
}
