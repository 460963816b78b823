//! What recorded calls tell of a number that is to be blocked (B-12, B-14).

use serde::{Deserialize, Serialize};

use crate::intake::one_line;

/// A number, and its calls of the last days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// As the change has it.
    pub number: String,
    /// Days of calls that were looked at; 0 where none are recorded.
    pub days: u32,
    /// Its calls.
    pub calls: u64,
    /// Of these the answered ones.
    pub answered: u64,
    /// Seconds that it was talked to altogether.
    pub talk_seconds: u64,
    /// Whom it called most, with how often.
    pub called: Vec<(String, u64)>,
    /// Others whom it called.
    pub called_others: u64,
    /// Calls that nobody vouched for, or for which that failed (RFC 8224).
    pub unvouched: u64,
    /// Other customers whose policies refuse it.
    pub refused_by: u32,
}

impl Seen {
    /// Whether it may be a number that somebody else borrows.
    pub fn may_be_borrowed(&self) -> bool {
        self.calls > 0 && self.unvouched * 100 >= self.calls * UNVOUCHED_PERCENT
    }

    /// All of it, in sentences.
    pub fn in_words(&self) -> String {
        let number = &self.number;
        let mut text = match (self.days, self.calls) {
            (0, _) => format!("{number}: no calls are recorded yet that could tell of it."),
            (days, 0) => format!("{number}: never seen here in the last {}.", counted(days.into(), "day")),
            (days, calls) => {
                let week = calls as f64 * 7.0 / f64::from(days);
                let whole = self.answered.max(1);
                let talk = if self.answered == 0 {
                    "none of them answered".to_owned()
                } else {
                    format!(
                        "{} answered, {} s on average",
                        percent(self.answered, calls),
                        (self.talk_seconds + whole / 2) / whole
                    )
                };
                let mut text = format!(
                    "{number}: {} in {}, {week:.1} a week, {talk}.",
                    counted(calls, "call"),
                    counted(days.into(), "day")
                );
                // Who is no number stands in the words of whoever called.
                let who = |who: &str| one_line(who, CALLED_CHARACTERS_MAX);
                let called: Vec<_> =
                    self.called.iter().map(|(called, calls)| format!("{} ({calls})", who(called))).collect();
                text += &format!(" It called {}", called.join(", "));
                if self.called_others > 0 {
                    text += &format!(" and {}", counted(self.called_others, "other"));
                }
                text += &format!(". Nobody vouched for {} of them.", percent(self.unvouched, calls));
                text
            }
        };
        match self.refused_by {
            0 => {}
            1 => text += " One other customer refuses it.",
            others => text += &format!(" {others} other customers refuse it."),
        }
        if self.may_be_borrowed() {
            text += " This caller ID may belong to an innocent party from whom it is borrowed: a rule on the pattern of the calls \
                stops whoever borrows it, and the next number too.";
        }
        text
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn percent(part: u64, whole: u64) -> String {
    format!("{} %", (part * 200 + whole) / (2 * whole.max(1)))
}

const CALLED_CHARACTERS_MAX: usize = 40;
/// From so many calls of a hundred on that nobody vouched for, a number may be borrowed (B-14).
const UNVOUCHED_PERCENT: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b12_b14_what_is_known_of_a_number_is_said_in_sentences() {
        let mut seen = Seen { number: "+12105550142".to_owned(), ..Seen::default() };
        assert_eq!(seen.in_words(), "+12105550142: no calls are recorded yet that could tell of it.");
        seen.days = 90;
        assert_eq!(seen.in_words(), "+12105550142: never seen here in the last 90 days.");
        assert!(!seen.may_be_borrowed());
        (seen.calls, seen.answered, seen.talk_seconds) = (27, 4, 202);
        (seen.called, seen.called_others) = (vec![("+12105550100".to_owned(), 20)], 1);
        (seen.unvouched, seen.refused_by) = (8, 2);
        assert_eq!(
            seen.in_words(),
            "+12105550142: 27 calls in 90 days, 2.1 a week, 15 % answered, 51 s on average. It called +12105550100 (20) and 1 other. \
             Nobody vouched for 30 % of them. 2 other customers refuse it."
        );
        seen.unvouched = 9;
        assert!(seen.in_words().contains("may belong to an innocent party"), "{}", seen.in_words());
        seen.called[0].0 = "x\n\nAPPROVE \u{202e}ABC234\r\n<b>".to_owned();
        let hostile = seen.in_words();
        assert!(hostile.contains("It called x APPROVE ABC234 <b> (20)"), "{hostile:?}");
        seen.answered = 0;
        assert!(seen.in_words().contains("2.1 a week, none of them answered."), "{}", seen.in_words());
    }
}
