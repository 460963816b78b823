//! Thresholds of policies in force, and what is usual for one of them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::calls::EVERYTHING;
use super::{Threshold, Usual, UsualHour, UsualWanted, customers, or_nothing, place, zone};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::{Moment, url_part};

#[derive(Template)]
#[template(path = "known_thresholds.html")]
struct Page<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
}

struct Row {
    place: String,
    calls: String,
    last: Option<Moment>,
    /// The row above is of the same rule, whose hits are those of all its variants.
    is_variant: bool,
    /// What it counts; its limits only where columns do not tell them whole.
    counts: String,
    threshold: Threshold,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let customers = customers(&service).await?;
    let mut above = (String::new(), String::new());
    let row = |threshold: Threshold| {
        let customer = threshold.customer.as_str();
        let rule = rule_of(&threshold.name);
        let this = (customer.to_owned(), rule.to_owned());
        let is_variant = std::mem::replace(&mut above, this.clone()) == this;
        Row {
            is_variant,
            counts: without_limits(&threshold.counts).to_owned(),
            place: place(&format!("/thresholds/{}", url_part(customer)), &[("name", &threshold.name)]),
            calls: place("/calls", &[("customer", customer), ("rule", rule), ("kind", EVERYTHING)]),
            last: threshold.last.map(|at| Moment::new(at, &zone(&customers, customer)).short()),
            threshold,
        }
    };
    let mut thresholds = ask(&service.questions.known.thresholds, ()).await?;
    // What rings stands first; variants of one rule have the same hits, and stay together.
    thresholds.sort_by_key(|threshold| std::cmp::Reverse(threshold.hits));
    let rows = thresholds.into_iter().map(row).collect();
    let shell = Shell::of(&service, Some(&viewer), "Thresholds");
    Ok(shell::page(&Page { shell, rows }))
}

#[derive(Template)]
#[template(path = "known_usual.html")]
struct One<'a> {
    shell: Shell<'a>,
    customer: String,
    name: String,
    /// Where calls that it decided are, and its alerts.
    calls: String,
    alerts: String,
    usual: Usual,
    /// Whether any hour has something that is usual for it.
    has_usual: bool,
    /// The zone of the hours, for the chart of them.
    zone: String,
    hours: Vec<Hour>,
}

/// An hour as a line of the table that the chart is drawn from.
struct Hour {
    seconds: i64,
    at: Moment,
    value: String,
    usual: [String; 3],
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    name: String,
}

pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(customer): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let zone = zone(&customers(&service).await?, &customer);
    let wanted = UsualWanted { customer: customer.clone(), name: asked.name.clone() };
    let thresholds = ask(&service.questions.known.thresholds, ()).await?;
    let is_none = thresholds.iter().all(|it| (&it.customer, &it.name) != (&customer, &asked.name));
    let mut usual = or_nothing(ask(&service.questions.known.usual, wanted).await, is_none)?;
    let has_usual = usual.hours.iter().any(|hour| hour.usual.is_some());
    let hour = |UsualHour { at, value, usual }| Hour {
        seconds: i64::div_euclid(rules::Timestamp(at.0).0, 1_000_000),
        at: Moment::new(at, &zone),
        value: value.map(plain).unwrap_or_default(),
        usual: usual.map(|usual| usual.map(plain)).unwrap_or_default(),
    };
    let hours = std::mem::take(&mut usual.hours).into_iter().map(hour).collect();
    let zone = zone.iana_name().unwrap_or("UTC").to_owned();
    let of_rule = [("customer", customer.as_str()), ("rule", rule_of(&asked.name))];
    Ok(shell::page(&One {
        shell: Shell::of(&service, Some(&viewer), "What is usual"),
        calls: place("/calls", &[&of_rule[..], &[("kind", EVERYTHING)]].concat()),
        alerts: place("/alerts", &of_rule),
        customer,
        name: asked.name,
        usual,
        has_usual,
        zone,
        hours,
    }))
}

/// The rule of a threshold: records name it without the number of the variant.
fn rule_of(threshold: &str) -> &str {
    threshold.split('#').next().unwrap_or_default()
}

/// What a threshold counts, in the words of [`reporter::describe`], without plain limits: those have columns of their own.
fn without_limits(counts: &str) -> &str {
    match counts.rsplit_once("; ") {
        Some((counts, limits)) if !limits.contains('(') && !limits.contains(" times ") => counts,
        _ => counts,
    }
}

/// A number without needless digits.
fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_have_columns_are_not_told_twice() {
        let told = without_limits("calls per caller within 1d, and minutes below 2; warning 3, critical 6");
        assert_eq!(told, "calls per caller within 1d, and minutes below 2");
        for more in
            ["calls within 1h; 3 times the usual, at least 20", "calls within 1h; critical 6 (block for 24h)"]
        {
            assert_eq!(without_limits(more), more);
        }
        assert_eq!(without_limits("calls within 1h"), "calls within 1h");
    }
}
