//! Holds what the detections said against the truth.

use std::collections::{BTreeMap, HashMap, HashSet};

use engine::Breach;
use generator::{Campaign, Label};

use crate::trial::Seen;

/// How well the detections did on one stretch of traffic.
#[derive(Default)]
pub(crate) struct Score {
    /// By the name of the attack, which is that of the detection.
    pub(crate) detections: BTreeMap<&'static str, Tally>,
    /// Alerts by (rule, key), under the name of the rule.
    pub(crate) keys: BTreeMap<String, Keys>,
    /// Honest calls, and those of them that were refused.
    pub(crate) benign: Refused,
    /// Honest requests beside calls, and those of them that were refused.
    pub(crate) benign_requests: Refused,
    /// Sentences about campaigns that were missed, false alerts and honest calls that were refused.
    pub(crate) wrong: Vec<String>,
}

/// What became of the campaigns of one attack.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    pub(crate) campaigns: usize,
    pub(crate) found: usize,
    /// Its calls and other requests, and those of them that were stopped.
    pub(crate) exchanges: Refused,
    /// How many of its exchanges had begun, and seconds from the first, when it was found; fast campaigns first.
    pub(crate) fast: Vec<(usize, f64)>,
    pub(crate) slow: Vec<(usize, f64)>,
}

/// Keys that a rule raised alerts for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Keys {
    pub(crate) all: usize,
    pub(crate) right: usize,
}

/// So many of so many.
#[derive(Clone, Copy, Default)]
pub(crate) struct Refused {
    pub(crate) all: usize,
    pub(crate) refused: usize,
}

/// Scores what was `seen`.
pub(crate) fn score(seen: &Seen) -> Score {
    let mut score = Score::default();
    score.campaigns(seen);
    score.alerts(seen);
    score.refusals(seen);
    score
}

impl Score {
    fn campaigns(&mut self, seen: &Seen) {
        let mut starts: HashMap<u32, Vec<i64>> = HashMap::new();
        for exchange in seen.exchanges.values() {
            if let Some(campaign) = exchange.campaign {
                starts.entry(campaign).or_default().push(exchange.start_micros);
            }
        }
        starts.values_mut().for_each(|starts| starts.sort_unstable());
        for campaign in seen.campaigns.iter().filter(|campaign| !campaign.fits.is_empty()) {
            let Some(starts) = starts.get(&campaign.id) else { continue };
            let tally = self.detections.entry(campaign.attack.word()).or_default();
            tally.campaigns += 1;
            let mut fitting = seen.alerts.iter().filter(|(rule, breach)| {
                campaign.fits.contains(&rule.as_str()) && is_about(breach, campaign.id, seen)
            });
            let Some((_, breach)) = fitting.next() else {
                let others = seen.alerts.iter().filter(|(_, breach)| is_about(breach, campaign.id, seen));
                let others: HashSet<&str> = others.map(|(rule, _)| rule.as_str()).collect();
                self.wrong.push(missed(campaign, "never", &format!("others: {others:?}")));
                continue;
            };
            let begun = starts.partition_point(|&start| start <= breach.at.0);
            let seconds = (breach.at.0 - campaign.first_micros) as f64 / 1e6;
            let is_in_time = begun <= CALLS_MAX.max(starts.len().div_ceil(5)) || seconds <= SECONDS_MAX;
            if !is_in_time {
                self.wrong.push(missed(campaign, "late", &format!("after {begun} calls, {seconds:.0} s")));
                continue;
            }
            tally.found += 1;
            let soon = starts.partition_point(|&start| start < campaign.first_micros + FAST_MICROS);
            let course = if soon >= CALLS_MAX { &mut tally.fast } else { &mut tally.slow };
            course.push((begun, seconds));
        }
    }

    fn alerts(&mut self, seen: &Seen) {
        let mut keys: BTreeMap<(&str, String), HashSet<&[u8]>> = BTreeMap::new();
        for (rule, breach) in &seen.alerts {
            let key: Vec<String> = breach.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let calls = keys.entry((rule, key.join(" "))).or_default();
            calls.extend(breach.calls.iter().map(Vec::as_slice));
        }
        for ((rule, key), calls) in keys {
            let labels = calls.iter().filter_map(|call| seen.exchanges.get(*call)).map(|known| known.label);
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            let mut attacks = 0;
            for label in labels {
                attacks += usize::from(label.is_attack());
                *counts.entry(label.word()).or_default() += 1;
            }
            let is_right = attacks > 0 && 2 * attacks >= calls.len();
            let rule_keys = self.keys.entry(rule.to_owned()).or_default();
            rule_keys.all += 1;
            rule_keys.right += usize::from(is_right);
            if !is_right {
                self.wrong.push(format!("FALSE {rule} {key}: {counts:?}"));
            }
        }
    }

    fn refusals(&mut self, seen: &Seen) {
        let mut blocked: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for exchange in seen.exchanges.values() {
            let refused = match exchange.label {
                Label::Attack(attack) => &mut self.detections.entry(attack.word()).or_default().exchanges,
                Label::Benign(_) | Label::Confounder(_) if exchange.is_call => &mut self.benign,
                Label::Benign(_) | Label::Confounder(_) => &mut self.benign_requests,
            };
            refused.all += 1;
            let Some(rule) = exchange.stopped_by.as_deref() else { continue };
            refused.refused += 1;
            if !exchange.label.is_attack() {
                *blocked.entry((rule, exchange.label.word())).or_default() += 1;
            }
        }
        let said = blocked.iter().map(|((rule, label), count)| format!("BLOCKED {count} {label} by {rule}"));
        self.wrong.extend(said);
    }
}

/// Whether at least half of the calls that `breach` names are of the campaign `id`.
fn is_about(breach: &Breach, id: u32, seen: &Seen) -> bool {
    let of_campaign =
        |call: &&Vec<u8>| seen.exchanges.get(*call).and_then(|known| known.campaign) == Some(id);
    !breach.calls.is_empty() && 2 * breach.calls.iter().filter(of_campaign).count() >= breach.calls.len()
}

fn missed(campaign: &Campaign, how: &str, rest: &str) -> String {
    let hours = (campaign.last_micros - campaign.first_micros) as f64 / 3.6e9;
    format!(
        "MISSED {how} {} {} ({} calls in {hours:.1} h): {rest}",
        campaign.attack.word(),
        campaign.variant,
        campaign.calls
    )
}

/// A campaign that is found by its so many-th call is found in time, however few they are.
const CALLS_MAX: usize = 12;
/// And one that is found within so many seconds of its first call.
const SECONDS_MAX: f64 = 600.0;
/// Who makes [`CALLS_MAX`] calls within this time can be found within it; the others are slow by nature.
const FAST_MICROS: i64 = 120_000_000;
