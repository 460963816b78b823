//! What happened in a week, and what is wanted of the reader.

use super::parts::{figure, share};
use super::{Facts, Report, Wants, callers, charts, desk};
use crate::document::{Block, Chart, Drawing, Headline, Hue, Metric, Panel, Section, Unit, Value, Wanted};

pub(super) const REPORT: Report = Report {
    name: "weekly-operations",
    title: "Weekly operations",
    about: "Calls, what was blocked, who called most, what rang, cases with their clocks, and what waits for you.",
    holds_calls: false,
    wants: Wants { comparison: true, months: false, calls: false },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    vec![
        Section::new("At a glance", vec![headline(facts)]),
        Section::new("Calls by day", vec![charts::by_day(facts)]),
        Section::new("When unwanted calls come", vec![charts::of_week(facts)]),
        Section::new("Top callers", vec![callers::worst(facts, 20)]),
        Section::new("New campaigns", vec![campaigns(facts)]),
        Section::new("What rang", vec![desk::breaches(facts)]),
        Section::new("Cases", vec![desk::cases(facts)]),
        Section::new("Waiting for you", desk::waiting(facts)),
        Section::new("Changes made", vec![desk::changes(facts)]),
    ]
}

fn headline(facts: &Facts<'_>) -> Block {
    let attempts = figure(facts, ("Calls", Metric(1), Wanted::Either), |of| Value::Count(of.attempts.total));
    let blocked = figure(facts, ("Blocked", Metric(2), Wanted::Either), |of| share(of.outcomes.rate));
    let wrong =
        figure(facts, ("Wrongly blocked", Metric(5), Wanted::Less), |of| share(of.wrong_blocks.lower_bound));
    let open = facts.measures.backlog.ages.count;
    let plain = |label: &str, metric: u8, value: Value| crate::document::Figure {
        label: label.to_owned(),
        value,
        metric: Some(Metric(metric)),
        before: Vec::new(),
        wanted: Wanted::Either,
        link: None,
    };
    let clocks = facts.measures.attainment.clocks.values();
    let (met, all) =
        clocks.fold((0, 0), |(met, all), kept| (met + kept.contract.part, all + kept.contract.whole));
    let figures = vec![
        attempts,
        blocked,
        wrong,
        plain("Open cases", 25, Value::Count(open)),
        plain("Clocks met", 23, Value::share(met, all)),
    ];
    Block::Headline(Headline { figures })
}

/// The days of each attack that began in the period: how many of its calls rang.
fn campaigns(facts: &Facts<'_>) -> Block {
    let mut new: Vec<&cases::Case> =
        facts.opened().filter(|case| case.spark.len() > 1 && case.alerts > 1).collect();
    new.sort_by_key(|case| (std::cmp::Reverse(case.alerts), case.number));
    let panels: Vec<Panel> = new
        .into_iter()
        .take(PANELS_MAX)
        .map(|case| Panel {
            title: format!("{} {}", case.number, case.title),
            values: case.spark.iter().map(|(_, count)| Some(f64::from(*count))).collect(),
            ends: (charts::day_of(facts, case.first), charts::day_of(facts, case.last)),
            link: Some(super::parts::case(&case.number.to_string())),
        })
        .collect();
    if panels.is_empty() {
        return Block::Paragraph("No campaign began.".into());
    }
    Block::Chart(Chart {
        name: "campaigns".to_owned(),
        message: format!(
            "{} began to ring again and again",
            if panels.len() == 1 { "One case".to_owned() } else { format!("{} cases", panels.len()) }
        ),
        alternative: String::new(),
        metric: Some(Metric(18)),
        unit: Unit::Count("alerts".to_owned()),
        drawing: Drawing::Multiples { panels, hue: Hue::Unwanted },
        link: None,
        notes: Vec::new(),
        table: None,
    })
}

const PANELS_MAX: usize = 8;
