//! What is drawn in more than one report.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp as Moment, ToSpan as _};

use super::Facts;
use crate::document::{Block, Chart, Drawing, Hue, Line, Metric, Series, Text, Unit};
use crate::metrics::{Answers, Outcomes};

/// What became of calls, day by day.
pub(super) fn by_day(facts: &Facts<'_>) -> Block {
    let mut days: BTreeMap<Date, Outcomes> =
        facts.period.days(facts.zone).into_iter().map(|day| (day, Outcomes::default())).collect();
    for hour in &facts.answers.attempts.hours {
        if let Some(day) = days.get_mut(&date(hour.hour.day)) {
            day.add(&hour.outcomes);
        }
    }
    let part = |name: &str, hue: Hue, of: fn(&Outcomes) -> u64| Series {
        name: name.to_owned(),
        hue,
        values: days.values().map(|day| Some(of(day) as f64)).collect(),
    };
    let mut parts = vec![
        part("passed", Hue::Passed, |day| day.passed),
        part("blocked", Hue::Blocked, |day| day.blocked),
        part("redirected", Hue::Redirected, |day| day.redirected),
        part("failed", Hue::Failed, |day| day.failed),
    ];
    // What never happened in the period takes no colour.
    parts.retain(|part| part.values.iter().flatten().any(|value| *value > 0.0));
    let most = days.iter().max_by_key(|(day, outcomes)| (outcomes.blocked, std::cmp::Reverse(**day)));
    let message = match most {
        Some((day, outcomes)) if outcomes.blocked > 0 => {
            format!(
                "Most was blocked on {}: {} of {} calls",
                day.strftime("%A %-d %B"),
                outcomes.blocked,
                outcomes.attempts()
            )
        }
        _ => "Nothing was blocked".to_owned(),
    };
    Block::Chart(Chart {
        name: "calls-by-day".to_owned(),
        message,
        alternative: String::new(),
        metric: Some(Metric(2)),
        unit: Unit::Count("calls".to_owned()),
        drawing: Drawing::Stacked {
            days: days.keys().map(|day| day.strftime("%a %-d").to_string()).collect(),
            parts,
        },
        link: Some(super::parts::calls(facts).href()),
        notes: Vec::new(),
        table: None,
    })
}

/// When in the week unwanted calls come.
pub(super) fn of_week(facts: &Facts<'_>) -> Block {
    let hours = &facts.answers.unwanted.of_week;
    let highest = hours
        .iter()
        .enumerate()
        .flat_map(|(day, hours)| hours.iter().enumerate().map(move |(hour, count)| (*count, day, hour)));
    // Of equal ones the first of the week.
    let highest = highest.max_by_key(|(count, day, hour)| (*count, std::cmp::Reverse((*day, *hour))));
    let message = match highest {
        Some((count, day, hour)) if count > 0 => {
            let name = WEEKDAYS.get(day).copied().unwrap_or_default();
            format!("Unwanted calls come most on {name} from {hour}:00: {count}")
        }
        _ => "No unwanted call came".to_owned(),
    };
    Block::Chart(Chart {
        name: "unwanted-by-hour".to_owned(),
        message,
        alternative: String::new(),
        metric: Some(Metric(3)),
        unit: Unit::Count("calls".to_owned()),
        drawing: Drawing::Heat {
            rows: WEEKDAYS.iter().map(|day| day.chars().take(3).collect()).collect(),
            columns: (0..24).map(|hour| hour.to_string()).collect(),
            values: hours.iter().map(|day| day.iter().map(|count| Some(*count as f64)).collect()).collect(),
            hue: Hue::Unwanted,
        },
        link: None,
        notes: vec![Text::from(
            "A week's hours are those of the customer's clock; weeks of the period are added.",
        )],
        table: None,
    })
}

/// A line's name, its colour, and its value of one month.
type Curve<'a> = (&'a str, Hue, fn(&Answers) -> Option<f64>);

/// Thirteen months of one share.
pub(super) fn months(
    facts: &Facts<'_>,
    (name, message, metric): (&str, String, Metric),
    lines: &[Curve<'_>],
    unit: Unit,
) -> Block {
    let line = |(name, hue, of): &Curve<'_>| Line {
        name: (*name).to_owned(),
        hue: *hue,
        values: facts.months.iter().map(|(_, answers)| of(answers)).collect(),
    };
    Block::Chart(Chart {
        name: name.to_owned(),
        message,
        alternative: String::new(),
        metric: Some(metric),
        unit,
        drawing: Drawing::Trend {
            points: facts.months.iter().map(|(month, _)| month.clone()).collect(),
            lines: lines.iter().map(line).collect(),
        },
        link: None,
        notes: Vec::new(),
        table: None,
    })
}

/// The day of a moment on the customer's calendar, as tables write it.
pub(super) fn day_of(facts: &Facts<'_>, at: rules::Timestamp) -> String {
    let moment = Moment::from_microsecond(at.0).unwrap_or_default();
    facts.zone.to_datetime(moment).date().strftime("%-d %B").to_string()
}

fn date(days: i32) -> Date {
    Date::constant(1970, 1, 1).checked_add(days.days()).unwrap_or(Date::ZERO)
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
