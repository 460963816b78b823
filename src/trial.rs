//! Test calls: what was promised of a change, and what those who judge decide once it is in force (Z-9).

use std::path::{Path, PathBuf};

use cases::change::Line;
use engine::Question;
use rules::policy::{Expect, ExpectedCall};
use rules::{Action, Direction, Number, Policy, Timestamp};
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
    /// The call of the `[[expect]]` at this place of the policy, with all that it says, instead of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<usize>,
}

/// What a change makes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    probe: Probe,
    action: Action,
    why: Why,
}

/// What a test call is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// A number comes on a list or leaves it, or the policy says what shall become of the call.
    Change,
    /// The same, and the policy before decides otherwise.
    Effect,
    /// The caller was talked to before.
    Wanted,
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
        let plain = || ExpectedCall {
            from: self.caller.clone(),
            to: self.called.clone(),
            direction: Some(direction),
            ..ExpectedCall::default()
        };
        let expected = self.expected.and_then(|place| policy.text().expects.get(place));
        let call = expected.map_or_else(plain, |expect| expect.call.clone());
        let verdict = Question::of_call(&call, now).verdict(policy);
        let action = verdict.would.unwrap_or(verdict.action);
        let said = match reporter::status(&verdict) {
            Some(status) => format!("{status}, {}", reporter::reason(&verdict, policy)),
            None => reporter::reason(&verdict, policy).into_owned(),
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

/// What `draft` promises of the policy that `base` was before: what becomes of calls of the numbers in it, of the calls that a
/// policy with other rules says something about, and of those who were talked to most.
///
/// # Errors
/// A number comes on a list that refuses calls, and its calls would not be refused.
pub(crate) fn promises(
    draft: &Draft,
    base: Option<&Admitted>,
    history: &History,
    now: Timestamp,
) -> Result<Vec<Promise>, Declined> {
    let text = draft.admitted.text();
    let policy = Policy::new(text.clone());
    let before = base.map(|base| Policy::new(base.text().clone()));
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
        let inbound =
            Probe { caller: number.clone(), called: own.clone(), is_outbound: false, expected: None };
        let outbound = Probe { caller: own.clone(), called: number, is_outbound: true, expected: None };
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
        promises.push(Promise { action: of(&probe), probe, why: Why::Change });
    }
    if draft.change.lines.iter().any(|line| matches!(line, Line::Text { .. })) {
        promises.extend(expected(&policy, before.as_ref(), now));
    }
    // By what held before: a change that stops those who are wanted is to be seen.
    let changed: Vec<String> = promises.iter().map(|promise| promise.probe.caller.clone()).collect();
    for (caller, called) in history.wanted(before.as_ref().unwrap_or(&policy), &changed, WANTED) {
        let probe = Probe { caller, called, is_outbound: false, expected: None };
        promises.push(Promise { action: probe.verdict(&policy, now).0, probe, why: Why::Wanted });
    }
    Ok(promises)
}

/// Whether calls of ours, from `numbers`, still reach the customer (B-11).
///
/// # Errors
/// They would be refused; in words.
pub(crate) fn stay_open(draft: &Draft, numbers: &[Number], now: Timestamp) -> Result<(), Declined> {
    let text = draft.admitted.text();
    let policy = Policy::new(text.clone());
    let own =
        text.customer.numbers.witness().map_or_else(|| "anybody".to_owned(), |number| number.to_string());
    for number in numbers {
        let caller = number.to_string();
        let probe = Probe { caller: caller.clone(), called: own.clone(), is_outbound: false, expected: None };
        if let (Action::Block, said) = probe.verdict(&policy, now) {
            return Err(Declined::usage(format!(
                "{caller} is a number of the desk, and its calls would be refused ({said})"
            )));
        }
    }
    Ok(())
}

/// The calls that `policy` says something about, those first of which `before` decides otherwise.
fn expected(policy: &Policy, before: Option<&Policy>, now: Timestamp) -> Vec<Promise> {
    let promise = |(place, expect): (usize, &Expect)| {
        let ExpectedCall { from, to, .. } = &expect.call;
        let is_outbound = expect.call.direction == Some(Direction::Outbound);
        let probe = Probe { caller: from.clone(), called: to.clone(), is_outbound, expected: Some(place) };
        let action = probe.verdict(policy, now).0;
        let question = Question::of_call(&expect.call, now);
        let was = before.map(|before| question.verdict(before)).map(|it| it.would.unwrap_or(it.action));
        let why = if was.is_some_and(|was| was != action) { Why::Effect } else { Why::Change };
        Promise { probe, action, why }
    };
    let mut promises: Vec<_> = policy.text().expects.iter().enumerate().map(promise).collect();
    promises.sort_by_key(|promise| promise.why != Why::Effect);
    promises.truncate(TRIED_MAX);
    promises
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
        let why = match promise.why {
            Why::Change => "",
            Why::Effect => "; by this change",
            Why::Wanted => "; was talked to before",
        };
        text.push_str(&format!("\n{caller} to {called}: {verdict} ({said}){why}"));
    }
    if promises.iter().all(|promise| promise.why == Why::Wanted) {
        text.push_str("\nno test call shows what it does: the policy has no [[expect]]");
    }
    if promises.iter().filter(|promise| promise.why == Why::Wanted).count() < WANTED {
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
