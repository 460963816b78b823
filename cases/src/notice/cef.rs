//! Common Event Format, version 1 (ArcSight), for whoever collects logs.

use crate::case::Severity;
use crate::notice::fact::shown_number;
use crate::notice::{Fact, Happening};

/// `fact` as one line of CEF.
pub fn cef(fact: &Fact) -> String {
    let severity = match fact.severity {
        Severity::Info => 3,
        Severity::Warning => 6,
        Severity::Critical => 9,
    };
    let name = if fact.rule.is_empty() { fact.event.name() } else { fact.rule.as_str() };
    let header = ["Ringwall", "ringwall", env!("CARGO_PKG_VERSION"), fact.event.name(), name];
    let mut line = "CEF:1".to_owned();
    for part in header {
        line += &format!("|{}", escaped(part, &['|', '\\']));
    }
    line += &format!("|{severity}|");
    let mut pairs =
        vec![("rt", (fact.at.0 / 1000).to_string()), ("start", (fact.first.0 / 1000).to_string())];
    if let Some(number) = fact.case {
        pairs.push(("externalId", number.to_string()));
    }
    pairs.extend([
        ("cat", fact.event.name().to_owned()),
        ("cs1Label", "customer".to_owned()),
        ("cs1", fact.customer.clone()),
    ]);
    for (name, key) in [("suser", "caller"), ("duser", "called")] {
        if let Some(value) = fact.key.get(key) {
            pairs.push((name, shown_number(value)));
        }
    }
    if let Some(violation) = &fact.violation {
        pairs.push(("cnt", violation.calls.to_string()));
        pairs.extend([("cfp1Label", "observed".to_owned()), ("cfp1", violation.observed.to_string())]);
        if let Some(limit) = violation.limit {
            pairs.extend([("cfp2Label", "limit".to_owned()), ("cfp2", limit.to_string())]);
        }
    }
    if fact.event == Happening::Closed {
        pairs.push(("outcome", "closed".to_owned()));
    }
    if !fact.text.is_empty() {
        pairs.push(("msg", fact.text.clone()));
    }
    let pairs = pairs.into_iter().map(|(name, value)| format!("{name}={}", escaped(&value, &['=', '\\'])));
    line + &pairs.collect::<Vec<_>>().join(" ")
}

/// `text` with what has a meaning escaped: `special` by a backslash, line ends as `\n` and `\r`; other controls become spaces.
fn escaped(text: &str, special: &[char]) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\n' => escaped += "\\n",
            '\r' => escaped += "\\r",
            it if special.contains(&it) => escaped.extend(['\\', it]),
            it if it.is_control() => escaped.push(' '),
            it => escaped.push(it),
        }
    }
    escaped
}
