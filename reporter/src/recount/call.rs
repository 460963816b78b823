//! What a recount keeps of a call line, and of messages that lines alone would put in a wrong order.

use std::collections::HashMap;

use rules::Number;
use rules::plan;
use rules::policy::Customer;

use super::key::Sides;
use crate::line::CallLine;
use crate::text::MomentText;

/// When something happened, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// By the stamp of its packet.
    pub(super) stamp: i64,
    /// When it counted: what came late counted when it came.
    pub(super) at: i64,
    /// Which of those that counted at one moment came first.
    pub(super) order: u64,
}

impl Moment {
    /// What nothing is known of but its stamp.
    pub(super) const fn of(stamp: i64) -> Self {
        Self { stamp, at: stamp, order: 0 }
    }
}

/// What a message is for its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// It opens it, or is its INVITE again.
    Opens,
    /// It ends an answered call.
    HangsUp,
    /// A response of this hundred.
    Answers(u16),
}

/// Messages that did not come after all others by their stamps, and how they counted.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    by_call: HashMap<Box<str>, Vec<(Role, Moment)>>,
    count: u64,
}

impl Arrivals {
    /// Takes the next of them.
    pub(super) fn see(&mut self, call_id: &str, role: Role, stamp: i64, at: i64) {
        self.count += 1;
        let moment = Moment { stamp, at, order: self.count };
        match self.by_call.get_mut(call_id) {
            Some(known) => known.push((role, moment)),
            None => drop(self.by_call.insert(call_id.into(), vec![(role, moment)])),
        }
    }

    /// When the first message of this role counted that a call had with this stamp.
    pub(super) fn stamped(&self, call_id: &str, role: Role, stamp: i64) -> Moment {
        self.first(call_id, |its, moment| its == role && moment.stamp == stamp)
            .unwrap_or_else(|| Moment::of(stamp))
    }

    /// What counted first at this moment of what opens a call.
    pub(super) fn opening(&self, call_id: &str, at: i64) -> Moment {
        self.first(call_id, |role, moment| role == Role::Opens && moment.at == at)
            .unwrap_or_else(|| Moment::of(at))
    }

    fn first(&self, call_id: &str, is_it: impl Fn(Role, Moment) -> bool) -> Option<Moment> {
        let mut known = self.by_call.get(call_id)?.iter();
        known.find(|(role, moment)| is_it(*role, *moment)).map(|(_, moment)| *moment)
    }
}

/// One message that thresholds counted, and what became of its attempt. Times are in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Whether it is an INVITE that opened a call.
    pub(super) is_call: bool,
    pub(super) is_register: bool,
    pub(super) started: i64,
    pub(super) rang: Option<i64>,
    pub(super) answered: Option<Moment>,
    /// The refusal that no repeat answered.
    pub(super) refused: Option<(u16, Moment)>,
    /// The last response.
    pub(super) status: Option<u16>,
    pub(super) ended: Option<Moment>,
    /// Whether the end is a BYE.
    pub(super) was_hung_up: bool,
    pub(super) timed_out: Option<Moment>,
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
        arrivals: &Arrivals,
    ) -> Self {
        let call_id = line.call_id.as_deref().unwrap_or_default();
        let stamp = |text: &Option<MomentText>| text.as_deref().map(micros);
        let heard =
            |text: &Option<MomentText>, role| stamp(text).map(|stamp| arrivals.stamped(call_id, role, stamp));
        let answers = |status: Option<u16>| Role::Answers(status.unwrap_or_default() / 100);
        let was_hung_up = line.duration_seconds.is_some();
        let ending = if was_hung_up { Role::HangsUp } else { answers(line.status) };
        let called = sides.called();
        let number = called.as_deref().filter(|_| sides.called_kind == "number");
        let country = number.and_then(country);
        let is_neighbour =
            sides.caller_kind == "number" && number.is_some_and(|called| is_neighbour(sides.caller, called));
        Self {
            is_call: line.kind == "call",
            is_register: line.kind == "register",
            started: micros(&line.start),
            rang: stamp(&line.rang_at),
            answered: heard(&line.answered_at, answers(Some(200))),
            refused: line.refused_status.zip(heard(&line.refused_at, answers(line.refused_status))),
            status: line.status,
            ended: heard(&line.ended_at, ending),
            was_hung_up,
            timed_out: stamp(&line.timed_out_at).map(Moment::of),
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
    text.parse().map_or(0, jiff::Timestamp::as_microsecond)
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
