//! How the service does, for a screen on a wall: the same samples as `/metrics`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::tz::TimeZone;
use rules::Timestamp;
use tokio::time::timeout;

use crate::access::Viewer;
use crate::failure::Failure;
use crate::health::Health;
use crate::shell::{self, Shell};
use crate::text::Moment;
use crate::{Kind, Sample, Service};

#[derive(Template)]
#[template(path = "known_board.html")]
struct Page<'a> {
    shell: Shell<'a>,
    figures: Figures,
}

/// What is on the board.
#[derive(Template)]
#[template(path = "known_figures.html")]
struct Figures {
    at: Moment,
    health: Result<(), String>,
    calls: String,
    refused: String,
    alerts: String,
    totals: Totals,
    blocks: u64,
    cases: Vec<(String, u64)>,
    open: u64,
    late: u64,
    untaken: u64,
    mounts: Vec<Mount>,
}

/// One who judges.
struct Mount {
    name: String,
    blocks: u64,
    policies: u64,
    turn: String,
}

/// What has been counted at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    at: Timestamp,
    calls: u64,
    refused: u64,
    alerts: u64,
}

/// Totals of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<VecDeque<Totals>>);

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let figures = figures(&service).await?;
    let shell = Shell::of(&service, Some(&viewer), "Live board");
    Ok(shell::page(&Page { shell, figures }))
}

/// The part that is fetched again and again.
pub(crate) async fn part(State(service): State<Arc<Service>>) -> Result<Response, Failure> {
    Ok(shell::page(&figures(&service).await?))
}

async fn figures(service: &Service) -> Result<Figures, Failure> {
    let samples = timeout(PATIENCE, (service.samples)()).await;
    let Ok(Ok(samples)) = samples else {
        return Err(Failure::Down("Whoever judges has no time to count.".to_owned()));
    };
    let now = (service.now)();
    let totals = Totals::new(&samples, now);
    let past = service.own.meter.past(totals);
    Ok(Figures {
        at: Moment::new(now, &TimeZone::UTC),
        health: match (service.health)() {
            Health::Ready => Ok(()),
            Health::Loading => Err("Policies are being loaded: nothing is judged yet.".to_owned()),
            Health::Unready(why) | Health::Sick(why) => Err(why),
        },
        calls: totals.rate(past, |it| it.calls, 1.0),
        refused: totals.rate(past, |it| it.refused, 1.0),
        alerts: totals.rate(past, |it| it.alerts, 60.0),
        blocks: sum(&samples, "blocks_in_force"),
        cases: by_label(&samples, "cases_open"),
        open: sum(&samples, "cases_open"),
        late: sum(&samples, "cases_overdue"),
        untaken: sum(&samples, "cases_critical_untaken"),
        mounts: mounts(&samples),
        totals,
    })
}

impl Totals {
    fn new(samples: &[Sample], at: Timestamp) -> Self {
        let refused = ["block", "limit", "divert"];
        let decisions = by_label(samples, "decisions_total");
        let of_words = decisions.iter().filter(|(word, _)| refused.contains(&word.as_str()));
        Self {
            at,
            calls: decisions.iter().map(|(_, count)| count).sum(),
            refused: of_words.map(|(_, count)| count).sum(),
            alerts: sum(samples, "cases_alerts_total"),
        }
    }

    /// How many of something came in so many seconds since `past`.
    fn rate(&self, past: Option<Self>, of: impl Fn(&Self) -> u64, seconds: f64) -> String {
        let Some(past) = past.filter(|past| past.at < self.at) else { return "…".to_owned() };
        let micros = self.at.micros_since(past.at) as f64;
        let rate = of(self).saturating_sub(of(&past)) as f64 * 1e6 * seconds / micros;
        if rate >= 10.0 || rate == 0.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
    }
}

impl Meter {
    /// Notes `now`, and tells what was counted about a minute before, or whenever was first.
    fn past(&self, now: Totals) -> Option<Totals> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |it: &Totals| now.at.micros_since(it.at) > WINDOW_MICROS;
        // Whoever looks after an hour sees what was since then, not an hour's middle.
        while kept.len() > 1 && kept.front().is_some_and(is_old) {
            kept.pop_front();
        }
        let past = kept.front().copied();
        if kept.back().is_none_or(|last| now.at.micros_since(last.at) >= STEP_MICROS) {
            kept.push_back(now);
        }
        while kept.len() > KEPT_MAX {
            kept.pop_front();
        }
        past
    }
}

fn value(sample: &Sample) -> u64 {
    match &sample.kind {
        Kind::Counter(value) => *value,
        Kind::Gauge(value) => value.max(0.0) as u64,
        Kind::Durations(durations) => durations.counts.iter().sum(),
    }
}

fn sum(samples: &[Sample], name: &str) -> u64 {
    samples.iter().filter(|sample| sample.name == name).map(value).sum()
}

fn by_label(samples: &[Sample], name: &str) -> Vec<(String, u64)> {
    let of_name = samples.iter().filter(|sample| sample.name == name);
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for sample in of_name {
        let label = sample.label.as_ref().map(|(_, value)| value.clone()).unwrap_or_default();
        *found.entry(label).or_default() += value(sample);
    }
    found.into_iter().collect()
}

/// Those who judge. One that was too busy to be asked says nothing, and stands there without figures.
fn mounts(samples: &[Sample]) -> Vec<Mount> {
    let turns = samples.iter().filter(|sample| sample.name == "turn_seconds");
    let of = |name: &str, mount: &str| {
        by_label(samples, name).into_iter().find(|(label, _)| label == mount).map_or(0, |(_, value)| value)
    };
    let mount = |sample: &Sample| {
        let name = sample.label.as_ref()?.1.clone();
        let Kind::Durations(durations) = &sample.kind else { return None };
        let count: u64 = durations.counts.iter().sum();
        let mean = durations.sum * 1e6 / count.max(1) as f64;
        Some(Mount {
            blocks: of("blocks_in_force", &name),
            policies: of("policies", &name),
            turn: format!("{mean:.0} µs"),
            name,
        })
    };
    turns.filter_map(mount).collect()
}

/// How long whoever judges may let the board wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// Over how long rates are taken.
const WINDOW_MICROS: i64 = 60_000_000;
/// At least so long between totals that are kept.
const STEP_MICROS: i64 = 1_000_000;
/// Totals that are kept.
const KEPT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &'static str, label: (&'static str, &str), value: u64) -> Sample {
        let label = Some((label.0, label.1.to_owned()));
        Sample { name, help: "", label, kind: Kind::Counter(value) }
    }

    fn totals(second: i64, calls: u64) -> Totals {
        Totals { at: Timestamp(second * 1_000_000), calls, refused: calls / 2, alerts: 0 }
    }

    #[test]
    fn what_is_on_the_board_is_the_sum_of_its_samples() {
        let samples = [
            counter("decisions_total", ("kind", "allow"), 70),
            counter("decisions_total", ("kind", "block"), 20),
            counter("decisions_total", ("kind", "limit"), 7),
            counter("decisions_total", ("kind", "divert"), 3),
            counter("blocks_in_force", ("mount", "proxy"), 2),
            counter("blocks_in_force", ("mount", "redirect"), 5),
            counter("cases_open", ("state", "open"), 4),
            counter("cases_open", ("state", "triage"), 6),
        ];
        let totals = Totals::new(&samples, Timestamp(0));
        assert_eq!((totals.calls, totals.refused), (100, 30));
        assert_eq!(sum(&samples, "blocks_in_force"), 7);
        let states = by_label(&samples, "cases_open");
        assert_eq!(states.iter().map(|(_, count)| count).sum::<u64>(), sum(&samples, "cases_open"));
        assert_eq!(states, [("open".to_owned(), 4), ("triage".to_owned(), 6)]);
    }

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let meter = Meter::default();
        assert_eq!(meter.past(totals(0, 0)), None);
        let second = totals(10, 100);
        let past = meter.past(second);
        assert_eq!(second.rate(past, |it| it.calls, 1.0), "10");
        assert_eq!(second.rate(past, |it| it.refused, 1.0), "5.0");
        let later = totals(100, 100);
        let past = meter.past(later);
        assert_eq!(later.rate(past, |it| it.calls, 1.0), "0", "what was a minute ago is over");
        // Who asks ten times a second learns nothing more, and makes the memory no longer.
        for _ in 0..1_000 {
            meter.past(later);
        }
        assert!(meter.0.lock().unwrap().len() <= 3);
    }
}
