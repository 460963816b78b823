//! Thresholds and their breaches in words.

use std::fmt::Write as _;

use rules::Measure;
use rules::policy::Threshold;
use rules::policy::ips::{Also, BreachAction, Deed};

/// What a threshold counts, and from where on it speaks: `different called numbers per caller within 10m, of calls that
/// ended short or failed; warning 6, critical 12 (block for 1h)`.
pub fn describe(threshold: &Threshold) -> String {
    let mut said = threshold.count.noun().to_owned();
    if !threshold.per.is_empty() {
        let keys: Vec<String> = threshold.per.iter().map(|key| key.to_string()).collect();
        let _ = write!(said, " per {}", keys.join(" and "));
    }
    let _ = write!(said, " within {}", duration(threshold.within_micros));
    if !threshold.outcome.is_empty() {
        let ends: Vec<&str> = threshold.outcome.iter().map(|outcome| outcome.word()).collect();
        let _ = write!(said, ", of calls that ended {}", ends.join(" or "));
    }
    for also in &threshold.also {
        let _ = write!(said, ", and {}", further(also));
    }
    let mut limits = Vec::new();
    if let Some(baseline) = threshold.baseline {
        limits.push(format!(
            "{} times the usual, at least {}",
            amount(baseline.times),
            amount(baseline.floor)
        ));
    }
    for (level, limit, critical) in
        [("warning", threshold.warning, false), ("critical", threshold.critical, true)]
    {
        let Some(limit) = limit else { continue };
        let action = threshold.action(critical).and_then(deed);
        let action = action.map_or_else(String::new, |action| format!(" ({action})"));
        limits.push(format!("{level} {}{action}", amount(limit)));
    }
    let _ = write!(said, "; {}", limits.join(", "));
    said
}

/// `42 different called numbers reached the critical limit 40 within 10m of "one caller, many of our numbers"`.
pub(crate) fn breach(measure: Measure, policy: &rules::Policy) -> Option<String> {
    let threshold = policy.threshold(measure.threshold)?;
    let level = if measure.critical { "critical" } else { "warning" };
    let mut sentence = format!(
        "{} {} reached the {level} limit {} within {} of \"{}\"",
        amount(measure.value),
        threshold.count.noun(),
        amount(measure.limit),
        duration(threshold.within_micros),
        threshold.name,
    );
    if let Some(why) = &threshold.reason {
        let _ = write!(sentence, " ({why})");
    }
    Some(sentence)
}

/// A duration as policy files write it: `90s`, `10m`, `31d`.
pub fn duration(micros: i64) -> String {
    let units = [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000)];
    let unit = units.into_iter().find(|(_, unit)| micros > 0 && micros % unit == 0);
    match unit {
        Some((name, unit)) => format!("{}{name}", micros / unit),
        None => format!("{}s", micros as f64 / 1e6),
    }
}

fn further(also: &Also) -> String {
    let bound = |word, limit: Option<f64>| limit.map(|limit| format!("{word} {}", amount(limit)));
    let bounds: Vec<String> =
        [bound("above", also.above), bound("below", also.below)].into_iter().flatten().collect();
    format!("{} {}", also.count.noun(), bounds.join(" and "))
}

/// What a breach does beside the alert.
fn deed(action: &BreachAction) -> Option<String> {
    let word = match &action.deed {
        Deed::Alert => return None,
        Deed::Terminate => return Some("terminate".to_owned()),
        Deed::Block(_) => "block",
        Deed::Divert(_) => "divert",
        Deed::Tag(_) => "tag",
        Deed::Limit(_) => "limit",
    };
    Some(format!("{word} for {}", duration(action.for_micros)))
}

/// A measured value, without digits that say nothing.
fn amount(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_policies_write_them() {
        for (micros, said) in [
            (600_000_000, "10m"),
            (90_000_000, "90s"),
            (86_400_000_000, "1d"),
            (1_500_000, "1.5s"),
            (0, "0s"),
            (129_600_000_000, "36h"),
        ] {
            assert_eq!(duration(micros), said);
        }
        assert_eq!((amount(40.0), amount(0.666_667)), ("40".to_owned(), "0.67".to_owned()));
    }
}
