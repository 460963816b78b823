//! What recipients are written: the report, or that there is none. Silence is never good news (P-8).

use std::fmt::Write as _;

use rules::Timestamp;

use super::{Run, Schedule};
use crate::calendar::instant;
use crate::change::Words;

/// What there is to say about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// It was made.
    Made {
        /// What its reader has to know at once.
        notes: &'a [String],
        /// Where each file is: its name, and a link to it.
        links: &'a [(String, String)],
        /// Names of files that the mail carries.
        attached: &'a [String],
    },
    /// It was made, and there was nothing to show.
    Empty {
        /// What its reader has to know at once.
        notes: &'a [String],
    },
    /// It is not there yet.
    Late,
    /// It was not made; why.
    Failed(&'a str),
    /// So many runs were missed; the last of them is the one that is told of.
    Missed(usize),
    /// Nobody may have it: told to the customer's authorisers.
    Withheld,
}

/// A mail about `run`.
pub fn words(schedule: &Schedule, run: &Run, told: Told<'_>, now: Timestamp) -> Words {
    let zone = schedule.time_zone();
    let shown = |at: Timestamp| instant(at).to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M %Z");
    let what = format!("{}, {}", schedule.report, run.covered.words(&zone));
    let (mark, first) = match told {
        Told::Made { .. } => ("", "Your report is here.".to_owned()),
        Told::Empty { .. } => (
            "empty: ",
            "Your report was made, and it is empty: in this time there was nothing that it would show.".to_owned(),
        ),
        Told::Late => (
            "late: ",
            "Your report is late. It is still being worked on; you will be told when it is here, or if it cannot be made."
                .to_owned(),
        ),
        Told::Failed(why) => ("failed: ", format!("Your report could not be made: {why}. The desk knows.")),
        Told::Missed(count) => (
            "missed: ",
            format!(
                "The service did not run when {} due, the last of them at the time below. The latest one is made up for now; \
                 the desk makes the others when you ask for them.",
                if count == 1 { "a report of yours was".to_owned() } else { format!("{count} reports of yours were") }
            ),
        ),
        Told::Withheld => (
            "nobody may have it: ",
            "A report of yours was made, and went to nobody: none of those who were named may have it.".to_owned(),
        ),
    };
    let mut text = format!("{first}\n\n");
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    say("Report", &schedule.report);
    say("Customer", &schedule.customer);
    say("About", &format!("{} ({})", run.covered.words(&zone), schedule.zone));
    say("Due", &shown(run.due).to_string());
    if now.micros_since(run.due) > super::LATE_MICROS
        && matches!(told, Told::Made { .. } | Told::Empty { .. })
    {
        say("Made", &format!("{}, which is late", shown(now)));
    }
    if let Told::Made { notes, .. } | Told::Empty { notes } = told {
        notes.iter().for_each(|note| say("Note", note));
    }
    if let Told::Made { links, attached, .. } = told {
        for (name, link) in links {
            say("Read it", &format!("{link}\n{:<12}{name}, for {LINK_DAYS} days", ""));
        }
        attached.iter().for_each(|name| say("Attached", name));
        if links.is_empty() && attached.is_empty() {
            say("Kept", "at the desk: ask for it by the number of the schedule");
        }
        for file in &run.files {
            say("SHA-256", &format!("{} {}", file.sha256, file.name));
        }
    }
    for (address, why) in
        run.pending.iter().filter(|_| told == Told::Withheld).filter_map(|it| it.split_once(": "))
    {
        say("Not to", &format!("{address}, who {why}"));
    }
    say("Schedule", &format!("{}, {}", schedule.id, schedule.when));
    Words { subject: format!("[{}] {mark}{what}", schedule.id), text }
}

/// Days for which a link to a report is good.
pub const LINK_DAYS: i64 = 30;
