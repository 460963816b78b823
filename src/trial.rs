//! Test calls: what was promised of a change, and what those who judge decide once it is in force (Z-9).

use std::path::{Path, PathBuf};

use cases::change::Line;
use engine::Question;
use rules::policy::ExpectedCall;
use rules::{Action, Direction, Policy, Timestamp};
use serde::{Deserialize, Serialize};

use crate::admission::Admitted;
use crate::changes::Declined;
use crate::control::{self, Asked};
use crate::drafting::Draft;
use crate::history::History;
use crate::outcome::Failure;
use crate::{policies, present};

/// A call that nobody makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) caller: String,
    pub(crate) called: String,
    /// From the customer to outside, rather than the other way.
    pub(crate) is_outbound: bool,
}

/// What a change makes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    probe: Probe,
    action: Action,
}

/// What one of those who judge decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Who judges.
    pub(crate) mount: String,
    /// The version of the customer's policy there; `None` where it has none.
    pub(crate) version: Option<String>,
    /// About each probe: the verdict, and the response and rule behind it, in words.
    pub(crate) verdicts: Vec<(String, String)>,
}

impl Probe {
    /// What `policy` decides about it, with fresh counters, and how that is said. In shadow mode, what would happen.
    fn verdict(&self, policy: &Policy, now: Timestamp) -> (Action, String) {
        let direction = if self.is_outbound { Direction::Outbound } else { Direction::Inbound };
        let call = ExpectedCall {
            from: self.caller.clone(),
            to: self.called.clone(),
            direction: Some(direction),
            ..ExpectedCall::default()
        };
        let verdict = Question::of_call(&call, now).verdict(policy);
        let action = verdict.would.unwrap_or(verdict.action);
        let said = match reporter::status(&verdict) {
            Some(status) => format!("{status}, {}", reporter::reason(&verdict, policy)),
            None => reporter::reason(&verdict, policy),
        };
        (action, if verdict.would.is_some() { format!("in shadow mode: {said}") } else { said })
    }
}

impl Shown {
    /// What the policy of `customer` among `policies` decides about `probes`.
    pub(crate) fn new(
        mount: &str,
        customer: &str,
        policies: &[Policy],
        probes: &[Probe],
        now: Timestamp,
    ) -> Self {
        let policy = policies.iter().find(|policy| policy.name() == customer);
        let verdicts = policy.map_or_else(Vec::new, |policy| {
            let verdict = |probe: &Probe| {
                let (action, said) = probe.verdict(policy, now);
                (action.word().to_owned(), said)
            };
            probes.iter().map(verdict).collect()
        });
        Self { mount: mount.to_owned(), version: policy.map(|policy| policy.version().to_owned()), verdicts }
    }
}

/// What `draft` promises: what becomes of calls of the numbers in it, and that those go on who are wanted.
///
/// # Errors
/// A number comes on a list that refuses calls, and its calls would not be refused.
pub(crate) fn promises(draft: &Draft, history: &History, now: Timestamp) -> Result<Vec<Promise>, Declined> {
    let text = draft.admitted.text();
    let policy = Policy::new(text.clone());
    let own =
        text.customer.numbers.witness().map_or_else(|| "anybody".to_owned(), |number| number.to_string());
    let mut promises = Vec::new();
    for line in draft.change.lines.iter().take(TRIED_MAX) {
        let (list, entry, comes) = match line {
            Line::Add { list, entry, .. } => (list, entry, true),
            Line::Remove { list, entry } => (list, entry, false),
            Line::Text { .. } => continue,
        };
        let number = sample(entry);
        let inbound = Probe { caller: number.clone(), called: own.clone(), is_outbound: false };
        let outbound = Probe { caller: own.clone(), called: number, is_outbound: true };
        let of = |probe: &Probe| probe.verdict(&policy, now).0;
        let refuses = comes && text.lists.iter().any(|found| found.name == *list && found.refuses);
        let blocked = [&inbound, &outbound].into_iter().find(|probe| of(probe) == Action::Block);
        let probe = match (refuses, blocked) {
            (true, None) => {
                return Err(Declined::usage(format!(
                    "{entry} on {list} would not keep its calls from going on: another rule, or another time, decides"
                )));
            }
            (true, Some(blocked)) => blocked.clone(),
            (false, _) => inbound,
        };
        promises.push(Promise { action: of(&probe), probe });
    }
    for (caller, called) in history.wanted(&policy, WANTED) {
        let probe = Probe { caller, called, is_outbound: false };
        promises.push(Promise { action: probe.verdict(&policy, now).0, probe });
    }
    Ok(promises)
}

/// Has all who judge in `data` decide about `promises` of `admitted`; what they show, in words.
///
/// # Errors
/// Somebody decides otherwise, or by another policy; in words as well.
pub(crate) fn show(
    (data, files): (&Path, &[PathBuf]),
    admitted: &Admitted,
    promises: &[Promise],
) -> Result<Result<String, String>, Failure> {
    let customer = admitted.customer();
    let probes: Vec<Probe> = promises.iter().map(|promise| promise.probe.clone()).collect();
    let asked = Asked::Try { customer: customer.to_owned(), probes: probes.clone() };
    let shown: Vec<Shown> = match control::ask(data, &asked)? {
        Some(Ok(told)) => {
            told.into_iter().filter_map(|told| serde_json::from_value(told.value).ok()).collect()
        }
        Some(Err(declined)) => return Ok(Err(declined.said)),
        None => {
            let present = present::policies(data, files, Some(customer))?;
            let present: Vec<Policy> = present.into_iter().map(|it| it.into_parts().1).collect();
            vec![Shown::new("the stopped service", customer, &present, &probes, policies::now())]
        }
    };
    if shown.is_empty() {
        return Ok(Err("nobody judges".to_owned()));
    }
    for shown in &shown {
        if shown.version.as_deref() != Some(admitted.version()) {
            return Ok(Err(format!("{} judges by another policy", shown.mount)));
        }
        for (promise, (verdict, said)) in promises.iter().zip(&shown.verdicts) {
            if *verdict != promise.action.word() {
                let (caller, called) = (&promise.probe.caller, &promise.probe.called);
                return Ok(Err(format!("{}: {caller} to {called}: {verdict} ({said})", shown.mount)));
            }
        }
    }
    let mounts: Vec<&str> = shown.iter().map(|shown| shown.mount.as_str()).collect();
    let version = admitted.version().get(..16).unwrap_or_default();
    let mut text = format!("version {version} is in force in {}", mounts.join(", "));
    let verdicts = shown.first().map(|shown| shown.verdicts.as_slice()).unwrap_or_default();
    for (promise, (verdict, said)) in promises.iter().zip(verdicts) {
        let (caller, called) = (&promise.probe.caller, &promise.probe.called);
        text.push_str(&format!("\n{caller} to {called}: {verdict} ({said})"));
    }
    let wanted = promises.iter().filter(|promise| promise.action != Action::Block).count();
    if wanted < WANTED {
        text.push_str(&format!("\nfewer than {WANTED} wanted callers are on record"));
    }
    Ok(Ok(text))
}

/// A number that `entry` holds.
fn sample(entry: &str) -> String {
    let first = entry.split(" - ").next().unwrap_or(entry);
    let is_open = first.contains('*');
    let mut number: String = first
        .chars()
        .filter(|it| !matches!(it, '*'))
        .map(|it| if matches!(it, 'x' | 'X') { '0' } else { it })
        .collect();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    if is_open {
        number.extend(std::iter::repeat_n('5', DIGITS_USUAL.saturating_sub(digits)));
    }
    number
}

/// Lines that are tried; more of one kind tell no more.
const TRIED_MAX: usize = 20;
/// Callers who must go on.
const WANTED: usize = 3;
/// As long as most numbers are, in E.164.
const DIGITS_USUAL: usize = 11;

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn a_number_of_every_kind_of_entry_is_found() {
        let cases = [
            ("+1 210 555 0142", "+1 210 555 0142"),
            ("+1 210 555 01xx", "+1 210 555 0100"),
            ("+1 210 555 0100 - +1 210 555 0199", "+1 210 555 0100"),
            ("+4420*", "+44205555555"),
        ];
        cases.into_iter().for_each(|(entry, number)| assert_eq!(sample(entry), number));
    }
}
