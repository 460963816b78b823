//! A case as a line of a table.

use std::fmt;

use cases::Case;
use cases::case::Kind;
use cases::clock::Standing;
use cases::flow::{Flow, State};
use cases::io::store::Cursor;
use reporter::counted;
use rules::Timestamp;

use crate::book::Book;
use crate::text::{Moment, span, url_part};

/// A case as a line of a table.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) due: Due,
    pub(crate) last: Moment,
    /// What its address needs to know the view that it is in.
    pub(crate) view: String,
    /// Whether it belongs to the view that it is shown in.
    pub(crate) fits: bool,
}

/// What is due next, in words and a class of style.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) class: &'static str,
    pub(crate) words: String,
    pub(crate) at: Option<Moment>,
}

impl Row {
    pub(crate) fn new(book: &Book, case: Case, q: &str, now: Timestamp) -> Self {
        let due = Due::of(book, &case, now);
        let last = Moment::new(case.last, book.calendar(&case.customer).zone()).near(now);
        let at = Cursor::of(&case);
        let view = if q.is_empty() { format!("?at={at}") } else { format!("?q={}&at={at}", url_part(q)) };
        Self { case, due, last, view, fits: true }
    }

    /// How many alerts it has, in words.
    pub(crate) fn alerts(&self) -> String {
        counted(self.case.alerts, "alert")
    }

    /// Alerts of the last day, an hour a bar, as a path of an SVG 72 by 20.
    pub(crate) fn spark(&self) -> Spark<'_> {
        Spark(&self.case.spark)
    }

    /// How far whoever asked for it is believed, where that is known of the case: a class of style, and words.
    pub(crate) const fn trust(&self) -> Option<(&'static str, &'static str)> {
        match (self.case.state, self.case.flow) {
            (State::Quarantine, _) => Some(("breached", "▲ possible spoof")),
            (State::Unverified, _) => Some(("late", "● not verified")),
            (_, Flow::Request) if !matches!(self.case.kind, Kind::Alert) => Some(("met", "✓ contact")),
            _ => None,
        }
    }
}

impl Due {
    /// Of the clock of `case` that is due next.
    pub(crate) fn of(book: &Book, case: &Case, now: Timestamp) -> Self {
        let Some(due) = case.next_due() else {
            return Self { class: "none", words: "nothing due".to_owned(), at: None };
        };
        let at = Some(Moment::new(due, book.calendar(&case.customer).zone()));
        let left = due.micros_since(now);
        let (class, words) = match case.standing(book.service(), now) {
            Some(Standing::Breached) => ("breached", format!("▲ breached, {} over", span(left))),
            Some(Standing::Late) => ("late", format!("● late, {} over", span(left))),
            Some(Standing::Paused) => ("none", "‖ waits for the customer".to_owned()),
            _ if left < SOON_MICROS => ("soon", format!("◔ {} left", span(left))),
            _ => ("runs", format!("○ {} left", span(left))),
        };
        Self { class, words, at }
    }
}

/// A small picture of how alerts came in: its numbers, for the attribute `d` of a path.
pub(crate) struct Spark<'a>(&'a [(i64, u32)]);

impl fmt::Display for Spark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, _)) = self.0.last() else { return Ok(()) };
        let shown = self.0.iter().filter(|(hour, _)| last - hour < HOURS);
        let most = shown.clone().map(|(_, count)| *count).max().unwrap_or(1).max(1);
        for (hour, count) in shown {
            let left = (HOURS - 1 - (last - hour)) * 3;
            let height = u64::from(*count) * 18 / u64::from(most);
            write!(f, "M{left} 20v-{}h2v{}z", height.max(2), height.max(2))?;
        }
        Ok(())
    }
}

const HOURS: i64 = 24;
/// What is due within the half hour is marked.
const SOON_MICROS: i64 = 30 * 60 * 1_000_000;
