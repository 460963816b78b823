//! Tables of usual values, that limits with a `baseline` are multiples of.

use std::fmt;

use engine::Usual;
use rules::policy::{PolicySet, ThresholdId};
use serde::Deserialize;

/// Why a line of a table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUsual {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it, in words.
    pub why: String,
}

impl fmt::Display for BadUsual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// One line of a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    customer: std::borrow::Cow<'a, str>,
    /// The label of a threshold: its name, or `name#2`.
    threshold: std::borrow::Cow<'a, str>,
    /// 0 is Monday from midnight to one o'clock in the customer's zone; left out where every hour has the same value.
    #[serde(default)]
    hour_of_week: u8,
    value: f64,
    samples: u32,
}

/// Reads a table, one JSON object a line; lines that are empty are passed over.
///
/// # Errors
///
/// The first line that is no such object, names a customer or threshold that `policies` lack or that has no `baseline`, an
/// hour past 167, or a value that is no number from 0 on.
pub fn read_usual(text: &str, policies: &PolicySet) -> Result<Vec<Usual>, BadUsual> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| read_line(line, policies).map_err(|why| BadUsual { line: index + 1, why }))
        .collect()
}

fn read_line(line: &str, policies: &PolicySet) -> Result<Usual, String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if line.hour_of_week > LAST_HOUR_OF_WEEK {
        return Err(format!(
            "a week has no hour {}: 0 is Monday at midnight, 167 the last",
            line.hour_of_week
        ));
    }
    if !(line.value.is_finite() && line.value >= 0.0) {
        return Err(format!("{} is no usual value", line.value));
    }
    let mut numbered = policies.policies().iter().zip(0..);
    let (policy, index) = numbered
        .find(|(policy, _)| policy.name() == line.customer)
        .ok_or_else(|| format!("no policy is of a customer {:?}", line.customer))?;
    let mut thresholds = policy.thresholds().iter().zip(0..);
    let (threshold, id) = thresholds
        .find(|(threshold, _)| threshold.label() == line.threshold)
        .ok_or_else(|| format!("{} has no threshold {:?}", line.customer, line.threshold))?;
    if threshold.baseline.is_none() {
        return Err(format!("{:?} has no `baseline`", line.threshold));
    }
    Ok(Usual {
        policy: index,
        threshold: ThresholdId(id),
        hour_of_week: line.hour_of_week,
        value: line.value,
        samples: line.samples,
    })
}

const LAST_HOUR_OF_WEEK: u8 = 167;
