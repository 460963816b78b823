//! Holds the recounted breaches against the alerts of the engine.

use std::collections::BTreeMap;
use std::fmt;

use rules::Timestamp;
use rules::policy::Threshold;
use rules::policy::ips::Count;
use serde::Serialize;

use super::call::micros;
use super::sweep::Breach;
use crate::alert::{Alert, Amount};
use crate::json::printable;
use crate::text::rfc3339;

/// What came of a recount.
#[derive(Clone, Debug, Serialize)]
pub struct Reconciliation {
    /// Whether both sides tell the same.
    pub agree: bool,
    /// Alerts that both have.
    pub alerts_agreed: usize,
    /// Thresholds that were recounted.
    pub thresholds_recounted: usize,
    /// Lines that they counted.
    pub calls_counted: usize,
    /// Alerts that only the engine has.
    pub only_engine: Vec<Difference>,
    /// Alerts that only the recount has.
    pub only_recount: Vec<Difference>,
    /// Thresholds that lines cannot recount.
    pub left_out: Vec<LeftOut>,
}

/// An alert that one side has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Whose threshold.
    pub customer: String,
    /// Its label.
    pub threshold: String,
    /// `warning` or `critical`.
    pub level: &'static str,
    /// The key, its parts by name.
    pub key: String,
    /// When it was reached.
    pub at: String,
    /// What was counted.
    pub count: Amount,
}

/// A threshold that was not recounted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// Whose threshold.
    pub customer: String,
    /// Its label.
    pub threshold: String,
    /// Why lines do not tell it.
    pub why: &'static str,
}

/// An alert of either side.
#[derive(Clone, Debug)]
pub(super) struct Raised {
    place: (String, String, &'static str, String),
    at: i64,
    count: f64,
    /// The engine counts no further than this.
    most: f64,
}

impl Raised {
    /// An alert of the engine; `None` for one of a firewall rule.
    pub(super) fn by_engine(alert: &Alert) -> Option<Self> {
        let threshold = alert.threshold.clone()?;
        let key: Vec<String> = alert.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let place = (alert.customer.clone(), threshold, alert.level, key.join(" "));
        Some(Self { place, at: micros(&alert.at), count: alert.count.0, most: f64::INFINITY })
    }

    pub(super) fn by_recount(customer: &str, threshold: &Threshold, key: &str, breach: Breach) -> Self {
        let level = if breach.is_critical { "critical" } else { "warning" };
        let place = (customer.to_owned(), threshold.label().into_owned(), level, key.to_owned());
        let is_measured = threshold.count.is_ratio()
            || matches!(threshold.count, Count::Concurrent | Count::Minutes | Count::Cost);
        let most = threshold.warning.into_iter().chain(threshold.critical).fold(0.0, f64::max).ceil();
        let most = if is_measured { f64::INFINITY } else { most };
        Self { place, at: breach.at, count: breach.value.min(most), most }
    }

    fn is_same(&self, recounted: &Self) -> bool {
        let both_most = self.count >= recounted.most && recounted.count >= recounted.most;
        let is_near = (self.count - recounted.count).abs() <= 1e-3;
        (self.at - recounted.at).abs() <= TOLERANCE_MICROS && (is_near || both_most)
    }

    fn difference(self) -> Difference {
        let (customer, threshold, level, key) = self.place;
        let (at, count) = (rfc3339(Timestamp(self.at)), Amount(self.count));
        Difference { customer, threshold, level, key, at, count }
    }
}

/// Pairs the alerts of both sides.
pub(super) fn compare(
    engine: Vec<Raised>,
    recounted: Vec<Raised>,
    left_out: Vec<LeftOut>,
    thresholds_recounted: usize,
    calls_counted: usize,
) -> Reconciliation {
    let is_left_out = |raised: &Raised| {
        let (customer, threshold, ..) = &raised.place;
        left_out.iter().any(|one| one.customer == *customer && one.threshold == *threshold)
    };
    let mut by_place: BTreeMap<(String, String, &'static str, String), Vec<Raised>> = BTreeMap::new();
    for raised in recounted {
        by_place.entry(raised.place.clone()).or_default().push(raised);
    }
    let (mut only_engine, mut alerts_agreed) = (Vec::new(), 0);
    for raised in engine.into_iter().filter(|raised| !is_left_out(raised)) {
        let candidates = by_place.get_mut(&raised.place);
        let same = candidates.and_then(|candidates| {
            let place = candidates.iter().position(|candidate| raised.is_same(candidate))?;
            Some(candidates.swap_remove(place))
        });
        match same {
            Some(_) => alerts_agreed += 1,
            None => only_engine.push(raised),
        }
    }
    let sorted = |mut all: Vec<Raised>| -> Vec<Difference> {
        all.sort_by(|a, b| (a.at, &a.place).cmp(&(b.at, &b.place)));
        all.into_iter().map(Raised::difference).collect()
    };
    let only_engine = sorted(only_engine);
    let only_recount = sorted(by_place.into_values().flatten().collect());
    let agree = only_engine.is_empty() && only_recount.is_empty();
    Reconciliation {
        agree,
        alerts_agreed,
        thresholds_recounted,
        calls_counted,
        only_engine,
        only_recount,
        left_out,
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.agree { "the recount agrees" } else { "the recount differs" };
        write!(
            f,
            "{verdict}: {} alerts on both sides, {} only of the engine, {} only of the recount; {} thresholds over {} \
             counted calls",
            self.alerts_agreed,
            self.only_engine.len(),
            self.only_recount.len(),
            self.thresholds_recounted,
            self.calls_counted
        )?;
        let sides = [("engine", &self.only_engine), ("recount", &self.only_recount)];
        for (side, differences) in sides {
            for one in differences.iter().take(SHOWN_MAX) {
                write!(f, "\n  only the {side}: {one}")?;
            }
            if differences.len() > SHOWN_MAX {
                write!(f, "\n  only the {side}: {} more", differences.len() - SHOWN_MAX)?;
            }
        }
        for one in &self.left_out {
            write!(
                f,
                "\n  left out: {} of {}, because {}",
                printable(&one.threshold),
                printable(&one.customer),
                one.why
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { customer, threshold, level, key, at, count } = self;
        let (threshold, customer, key) = (printable(threshold), printable(customer), printable(key));
        write!(f, "{at} {threshold} of {customer}, {level}, {} of {key}", count.0)
    }
}

/// Messages of a capture may be out of order by a little; the engine counts late ones when they come.
const TOLERANCE_MICROS: i64 = 1_000;
/// Differences of each side that are shown to people; JSON has all.
const SHOWN_MAX: usize = 20;
