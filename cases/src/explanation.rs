//! Why something is due when it is: every stretch of business time that was counted, and what lies between.

use std::fmt::{self, Write as _};

use jiff::civil::Date;
use rules::Timestamp;

use crate::calendar::{Calendar, Shut, Window, instant};
use crate::informal::update_due;
use crate::limits::EXPLAINED_WINDOWS_MAX;
use crate::terms::{Due, Terms};

/// The way from the start of a clock to its due time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In order of time.
    pub steps: Vec<Step>,
    /// Stretches left out because the explanation would become too long to read.
    pub more: usize,
}

/// One line of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Business time that was counted.
    Count {
        /// From here.
        from: Timestamp,
        /// Until here.
        to: Timestamp,
        /// All that was counted so far, in microseconds.
        total: i64,
    },
    /// Days without hours, the last one included.
    Skip {
        /// The first of them.
        first: Date,
        /// The last of them.
        last: Date,
        /// Why.
        shut: Shut,
    },
    /// The wall clock was changed.
    Change {
        /// The date on which it was.
        date: Date,
        /// Its real length in minutes.
        minutes: i64,
    },
}

impl Explanation {
    /// Explains how `calendar` leads from `start` to `due`.
    pub fn new(calendar: &Calendar, start: Timestamp, due: Timestamp) -> Self {
        let (mut steps, mut more, mut total) = (Vec::new(), 0, 0);
        let last = calendar.date(due);
        let mut date = calendar.date(start);
        while date <= last {
            if let Some(minutes) = changed_length(calendar, date) {
                steps.push(Step::Change { date, minutes });
            }
            if let Some(shut) = calendar.shut(date) {
                match steps.last_mut() {
                    Some(Step::Skip { last, shut: same, .. })
                        if *same == shut && last.tomorrow().ok() == Some(date) =>
                    {
                        *last = date;
                    }
                    _ => steps.push(Step::Skip { first: date, last: date, shut }),
                }
            }
            for Window { open, close, .. } in calendar.windows(date) {
                let (from, to) = (open.max(start), close.min(due));
                if from >= to {
                    continue;
                }
                total += to.micros_since(from);
                if steps.len() < EXPLAINED_WINDOWS_MAX {
                    steps.push(Step::Count { from, to, total });
                } else {
                    more += 1;
                }
            }
            let Ok(tomorrow) = date.tomorrow() else { break };
            date = tomorrow;
        }
        Self { steps, more }
    }

    /// A line for each step, in the wall time of `calendar`.
    pub fn lines(&self, calendar: &Calendar) -> Vec<String> {
        let mut lines: Vec<String> = self.steps.iter().map(|step| step.line(calendar)).collect();
        if self.more > 0 {
            lines.push(format!("and {} stretches more", self.more));
        }
        lines
    }
}

impl Step {
    fn line(&self, calendar: &Calendar) -> String {
        match *self {
            Self::Count { from, to, total } => {
                let until = instant(to).to_zoned(calendar.zone().clone()).strftime("%H:%M:%S").to_string();
                let (counted, total) = (Length(to.micros_since(from)), Length(total));
                format!("{} to {}  {counted}, {total} in all", wall_time(calendar, from), short(&until))
            }
            Self::Skip { first, last, shut } => {
                let mut line = first.strftime("%a %-d %b").to_string();
                if last != first {
                    // Writing to a string cannot fail.
                    let _ = write!(line, " to {}", last.strftime("%a %-d %b"));
                }
                line + match shut {
                    Shut::Weekday => "  no hours",
                    Shut::Holiday => "  closed",
                }
            }
            Self::Change { date, minutes } => {
                let day = date.strftime("%a %-d %b");
                format!("{day}  the clocks change: this day has {}", Length(minutes * 60_000_000))
            }
        }
    }
}

/// What would be due when, had something come in at a time (S-13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhatIf {
    /// When it came in.
    pub at: Timestamp,
    /// Whether the desk was open then.
    pub is_open: bool,
    /// What is due: `acknowledge` and `complete`, when, and how the calendar leads to the target.
    pub clocks: [(&'static str, Due, Explanation); 2],
    /// By when the customer of a case should hear of it again who was told something at that time, which nobody promised.
    pub update: (Timestamp, Explanation),
}

impl WhatIf {
    /// Had something come in at `text`: RFC 3339, or a date and time on the wall of `calendar`.
    ///
    /// # Errors
    /// It is no time, comes twice or never, or no business time follows it.
    pub fn new(terms: &Terms, calendar: &Calendar, text: &str) -> Result<Self, String> {
        let at = moment(calendar, text)?;
        let clock = |name, term: crate::Term| {
            let due = term.due(calendar, at)?;
            Some((name, due, Explanation::new(calendar, at, due.target)))
        };
        let clocks = clock("acknowledge", terms.acknowledge).zip(clock("complete", terms.complete));
        let update = update_due(calendar, at).map(|due| (due, Explanation::new(calendar, at, due)));
        let ((acknowledge, complete), update) = clocks.zip(update).ok_or_else(|| {
            format!("{text}: the calendar {} has no business time after it", calendar.name())
        })?;
        Ok(Self { at, is_open: calendar.is_open(at), clocks: [acknowledge, complete], update })
    }
}

/// A moment as somebody types it. Wall time is read by the calendar: what comes twice or never must be said in RFC 3339.
fn moment(calendar: &Calendar, text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(at.as_microsecond()));
    }
    let Ok(wall) = text.parse::<jiff::civil::DateTime>() else {
        return Err(format!(
            "{text:?} is no time: they look like 2026-11-25T16:30:00-06:00 or 2026-11-25 16:30"
        ));
    };
    let instant = calendar.zone().to_ambiguous_timestamp(wall).unambiguous();
    let instant = instant.map_err(|_| {
        format!("{text}: the clocks change then, so this comes twice or never: write its offset (RFC 3339)")
    })?;
    Ok(Timestamp(instant.as_microsecond()))
}

/// `at` on the desk's wall, such as `Mon 5 Oct 2026 16:30 CDT`, with seconds only where there are some.
pub fn wall_time(calendar: &Calendar, at: Timestamp) -> String {
    let zoned = instant(at).to_zoned(calendar.zone().clone());
    let time = zoned.strftime("%H:%M:%S").to_string();
    format!("{} {} {}", zoned.strftime("%a %-d %b %Y"), short(&time), zoned.strftime("%Z"))
}

fn short(time: &str) -> &str {
    time.strip_suffix(":00").unwrap_or(time)
}

/// The length of `date` in minutes, if the clocks changed on it.
fn changed_length(calendar: &Calendar, date: Date) -> Option<i64> {
    let start = date.to_zoned(calendar.zone().clone()).ok()?.timestamp();
    let end = date.tomorrow().ok()?.to_zoned(calendar.zone().clone()).ok()?.timestamp();
    let minutes = (end.as_second() - start.as_second()) / 60;
    (minutes != 24 * 60).then_some(minutes)
}

/// A length in microseconds, for people.
struct Length(i64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000_000;
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let mut between = "";
        for (number, unit) in [(hours, "h"), (minutes, "min"), (seconds, "s")] {
            if number > 0 {
                write!(f, "{between}{number} {unit}")?;
                between = " ";
            }
        }
        if between.is_empty() { write!(f, "0 min") } else { Ok(()) }
    }
}
