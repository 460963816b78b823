//! Thresholds and their breaches in words.

use std::fmt::Write as _;

use rules::policy::Threshold;
use rules::policy::ips::{Also, BreachAction};
use rules::{Action, Measure};

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
        threshold.count.noun_of(measure.value),
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
    Some(match action.deed.action()? {
        Action::Terminate => Action::Terminate.word().to_owned(),
        lasting => format!("{} for {}", lasting.word(), duration(action.for_micros)),
    })
}

/// A measured value, without digits that say nothing.
pub(crate) fn amount(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::policy::{Limits, MemoryFiles, ThresholdId, read};
    use rules::{Action, Policy, Reason, Timestamp, Verdict};

    const POLICY: &str = r#"
        [customer]
        name = "Acme"
        region = "US"
        numbers = ["+1 210 555 0100"]
        [[ips]]
        name = "one caller, many of our numbers"
        when = { direction = "inbound" }
        count = "distinct called"
        outcome = ["short", "failed"]
        also = [{ count = "short ratio", at_least = 10, above = 0.6 }]
        per = ["caller_block:2", "source"]
        within = "10m"
        warning = 15
        critical = 40
        action = { critical = { block = "1h" } }
        reason = "robots"
    "#;

    fn policy() -> Policy {
        let reading = read("acme.toml", POLICY, &MemoryFiles::new(), Timestamp::default());
        Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)))
    }

    #[test]
    fn a_threshold_is_said_in_one_sentence() {
        assert_eq!(
            describe(&policy().thresholds()[0]),
            "different called numbers per caller_block:2 and source within 10m, of calls that ended short or failed, \
             and short of the answered calls above 0.6; warning 15, critical 40 (block for 1h)"
        );
    }

    #[test]
    fn a_refusal_by_a_threshold_says_value_limit_and_window() {
        let policy = policy();
        let measure = Measure { threshold: ThresholdId(0), critical: true, value: 42.0, limit: 40.0 };
        let mut verdict = Verdict::allowed(Reason::Default);
        let in_force = [rules::policy::InForce { measure, is_limit_exceeded: false }];
        policy.apply(&mut verdict, &in_force, &mut Limits::default());
        assert_eq!((verdict.action, crate::status(&verdict)), (Action::Block, Some(603)));
        assert_eq!(
            crate::reason(&verdict, &policy).into_owned(),
            "42 different called numbers reached the critical limit 40 within 10m of \
             \"one caller, many of our numbers\" (robots)"
        );
    }

    #[test]
    fn one_is_said_in_the_singular() {
        let mut measure = Measure { threshold: ThresholdId(0), critical: false, value: 1.0, limit: 1.0 };
        let said = |measure| breach(measure, &policy()).unwrap();
        assert!(
            said(measure).starts_with("1 called number reached the warning limit 1 "),
            "{}",
            said(measure)
        );
        measure.value = 2.0;
        assert!(said(measure).starts_with("2 different called numbers reached"), "{}", said(measure));
        for count in rules::policy::ips::Count::ALL {
            let (one, many) = (count.noun_of(1.0), count.noun_of(2.0));
            assert_eq!(count.noun_of(0.0), many);
            assert!(count.is_ratio() || one != many || *count == rules::policy::ips::Count::Cost, "{one}");
        }
    }

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
