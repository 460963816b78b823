//! `/metrics`: what is counted, as Prometheus reads it. The one place that knows the crate of that name.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::core::Collector;
use prometheus::{Encoder as _, GaugeVec, IntCounterVec, Opts, TextEncoder};
use tokio::time::timeout;

use crate::Service;
use crate::histogram::{self, Durations};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its metric, without the prefix `ringwall_`.
    pub name: &'static str,
    /// What the metric means, in one sentence.
    pub help: &'static str,
    /// What sets it apart from others of its metric: the name of a label and its value.
    pub label: Option<(&'static str, String)>,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter(u64),
    /// It goes up and down.
    Gauge(f64),
    /// How long something took.
    Durations(Durations),
}

pub(crate) async fn page(State(service): State<Arc<Service>>) -> Response {
    let Ok(Ok(samples)) = timeout(PATIENCE, (service.samples)()).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "there is no time to count\n").into_response();
    };
    match text(&samples) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Samples of one metric follow each other.
fn text(samples: &[Sample]) -> prometheus::Result<Vec<u8>> {
    let mut families = Vec::new();
    for group in samples.chunk_by(|one, other| one.name == other.name) {
        let Some(first) = group.first() else { continue };
        if matches!(first.kind, Kind::Durations(_)) {
            let durations = group.iter().filter_map(|sample| match &sample.kind {
                Kind::Durations(durations) => Some((sample, durations)),
                Kind::Counter(_) | Kind::Gauge(_) => None,
            });
            families.push(histogram::family(first.name, first.help, durations));
            continue;
        }
        let options = Opts::new(first.name, first.help).namespace("ringwall");
        let label = first.label.as_ref().map(|(name, _)| *name);
        let labels: Vec<&str> = label.into_iter().collect();
        let counters = IntCounterVec::new(options.clone(), &labels)?;
        let gauges = GaugeVec::new(options, &labels)?;
        for sample in group {
            let values: Vec<&str> = sample.label.iter().map(|(_, value)| value.as_str()).collect();
            match &sample.kind {
                Kind::Counter(value) => counters.get_metric_with_label_values(&values)?.inc_by(*value),
                Kind::Gauge(value) => gauges.get_metric_with_label_values(&values)?.set(*value),
                Kind::Durations(_) => {}
            }
        }
        let is_counter = matches!(first.kind, Kind::Counter(_));
        families.extend(if is_counter { counters.collect() } else { gauges.collect() });
    }
    let mut out = Vec::new();
    TextEncoder::new().encode(&families, &mut out)?;
    Ok(out)
}

/// How long whoever judges may let a scrape wait.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_metrics_with_help_and_labels() {
        let sample = |name, label: Option<&str>, kind| Sample {
            name,
            help: "It counts.",
            label: label.map(|value| ("verdict", value.to_owned())),
            kind,
        };
        let samples = [
            sample("decisions_total", Some("allow"), Kind::Counter(7)),
            sample("decisions_total", Some("block"), Kind::Counter(2)),
            sample("blocks", None, Kind::Gauge(1.5)),
            sample(
                "turn_seconds",
                Some("redirect"),
                Kind::Durations(Durations { bounds: &[0.1, 0.5], counts: vec![3, 2, 1], sum: 2.5 }),
            ),
        ];
        let said = String::from_utf8(text(&samples).unwrap()).unwrap();
        for line in [
            "# HELP ringwall_decisions_total It counts.",
            "# TYPE ringwall_decisions_total counter",
            "ringwall_decisions_total{verdict=\"allow\"} 7",
            "ringwall_decisions_total{verdict=\"block\"} 2",
            "ringwall_blocks 1.5",
            "# TYPE ringwall_turn_seconds histogram",
            "ringwall_turn_seconds_bucket{verdict=\"redirect\",le=\"0.1\"} 3",
            "ringwall_turn_seconds_bucket{verdict=\"redirect\",le=\"0.5\"} 5",
            "ringwall_turn_seconds_bucket{verdict=\"redirect\",le=\"+Inf\"} 6",
            "ringwall_turn_seconds_sum{verdict=\"redirect\"} 2.5",
            "ringwall_turn_seconds_count{verdict=\"redirect\"} 6",
        ] {
            assert!(said.lines().any(|found| found == line), "{line} is not in\n{said}");
        }
    }
}
