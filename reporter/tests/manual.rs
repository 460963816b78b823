//! docs/metrics.md says of each metric what its definition says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::fmt::Write as _;

use ringwall_reporter::metrics::{Definition, Figures, Measures};

fn definitions() -> Vec<&'static Definition> {
    let mut all: Vec<_> = Figures::DEFINITIONS.iter().chain(Measures::DEFINITIONS).collect();
    all.sort_by_key(|definition| number(definition));
    all
}

fn number(definition: &Definition) -> u32 {
    definition.id.strip_prefix('M').unwrap().parse().unwrap()
}

#[test]
fn every_metric_of_the_specification_is_there_once() {
    let numbers: Vec<u32> = definitions().into_iter().map(number).collect();
    assert_eq!(numbers, (1..=33).collect::<Vec<_>>());
}

/// With `RINGWALL_WRITE=1` the page is written, without it compared.
#[test]
fn the_manual_tells_every_metric_as_its_definition_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let mut page = INTRODUCTION.to_owned();
    for Definition { id, name, formula, unit, version, counts, omits } in definitions() {
        let _ = write!(page, "\n## {id} {name}\n\n{}\n", wrapped(counts));
        let _ = write!(page, "\n{}\n", wrapped(&format!("**Does not count, or does not know.** {omits}")));
        let _ = write!(
            page,
            "\n{}\n",
            wrapped(&format!("**Formula.** {formula}. In {}, version {version}.", unit.word()))
        );
    }
    if std::env::var_os("RINGWALL_WRITE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(written, page, "run this test with RINGWALL_WRITE=1");
}

/// Lines of at most 120 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 120 {
            lines.push(word.to_owned());
        } else {
            *line = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        }
    }
    lines.join("\n")
}

const INTRODUCTION: &str = "\
# Metrics

What reports count, one by one. Each is one file under `reporter/src/metrics/`; a test keeps this page the same as their
definitions, and a script with nothing of ours in it computes all that are made from calls once more
(`reporter/tests/recompute.py`).

`A` are all call attempts seen in a period: `A = B + R + P + F`. `B` were blocked: verdict `block`, or `limit` beyond the
limit. `R` were sent somewhere else or challenged: verdict `divert`. `P` were let on: `allow`, `tag`, and `terminate`, which
ends a call later; an allow that is said as 302 is one of these. `F` were judged by no policy. The repeat of an attempt after a
challenge, its forks and what follows a redirection under the same Call-ID are no new attempts. `U` were unwanted: blocked, or
passed and called unwanted afterwards by a closed case.

A period goes from a moment until just before another, in the customer's zone; its days have 23 or 25 hours when clocks are
set, and the hour that a clock shows twice is two. Of durations medians and the ninth tenth (p90) are told, not means: nearest
ranks, at most 0.8 % too low, since durations are counted by their eight leading binary digits. A share of fewer than 30 is
shown with its numbers and the 95 % interval of Wilson: 3 of 1,200 is 0.09 to 0.73 %.

A report is compared with the period before (a month with the month before, all else with as many days) and with the same days
52 weeks ago. It prints how much of the period was seen (complete hours of all hours; a banner below 99 %), the versions of
policy that judged, a hash over the definitions, one over the files and all else it is made from, and one over all of that and
what it tells: the same inputs give the same.

A closed day is counted once. What was counted is kept beside the records, merged into weeks and months, and thrown away when
a file of the day, a label or a campaign of a case that concerns it, the customer's numbers, trunks, rates or hours, or a
definition change. Tables of what a stranger may invent are exact up to a bound (callers and numbers called: 1,048,576 in what
is scanned, in the summary of a day the 5,000 busiest callers and the 2,000 busiest trunks and numbers called); beyond it the
lightest go, and `missed_max` says by how much a count may be too low.
";
