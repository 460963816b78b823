//! Policies in force and their versions, as they are written.

use console::known::{self, PolicyText, PolicyWanted, Version};
use rules::Policy;
use rules::policy::{ChangeControl, Mode};

use super::blocks::asked;
use super::known::Around;
use crate::admission::{Admitted, look};
use crate::control::{Asked, InForce};
use crate::drafting;
use crate::outcome::Failure;
use crate::policy::diff;
use crate::versions::{Changed, Versions};

/// All of them, by customer.
pub(super) fn all(around: &Around) -> Result<Vec<known::Policy>, String> {
    let told = asked(around.data(), &Asked::InForce)?;
    let installed: Vec<InForce> =
        told.into_iter().filter_map(|told| serde_json::from_value(told.value).ok()).collect();
    let number = |policy: &Policy| {
        installed.iter().find(|it| it.customer == policy.name() && it.version == policy.version())?.number
    };
    let set = around.policies()?;
    let mut all: Vec<_> = set.policies().iter().map(|policy| shown(policy, number(policy))).collect();
    all.sort_by(|one: &known::Policy, other| one.customer.cmp(&other.customer));
    Ok(all)
}

fn shown(policy: &Policy, number: Option<u64>) -> known::Policy {
    let text = policy.text();
    known::Policy {
        customer: policy.name().to_owned(),
        version: policy.version().to_owned(),
        number,
        mode: mode(text.customer.mode),
        parts: [text.firewall.len(), text.ips.len(), text.lists.len(), text.expects.len()],
        is_controlled: text.customer.change_control == ChangeControl::Approved,
    }
}

pub(super) const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Shadow => "shadow",
        Mode::Enforce => "enforce",
    }
}

/// The text of one of them, or of a version.
pub(super) fn text(around: &Around, wanted: PolicyWanted) -> Result<PolicyText, String> {
    let customer = wanted.customer.as_str();
    let now = all(around)?.into_iter().find(|policy| policy.customer == customer);
    let now = now.ok_or_else(|| format!("No policy of {customer} is in force."))?;
    let versions = versions(around, customer)?;
    let Some(number) = wanted.number else {
        let text = around.policy(customer, |policy| Ok(policy.text().source.clone()))?;
        return Ok(PolicyText { policy: now, text, difference: Vec::new(), versions });
    };
    let admitted = version_of(around, customer, number)?;
    let base = base(around, customer)?;
    let policy = Policy::new(admitted.text().clone());
    Ok(PolicyText {
        policy: shown(&policy, Some(number)),
        text: admitted.text().source.clone(),
        difference: difference(customer, base.as_ref(), &admitted),
        versions,
    })
}

/// What is in force of `customer`, with its bytes.
pub(super) fn base(around: &Around, customer: &str) -> Result<Option<Admitted>, String> {
    drafting::base(around.data(), &around.config.policy, customer).map_err(|failure| failure.to_string())
}

/// What sets `new` apart, line by line; of a long one only the beginning.
pub(super) fn difference(customer: &str, old: Option<&Admitted>, new: &Admitted) -> Vec<String> {
    if old.is_some_and(|old| old.version() == new.version()) {
        return Vec::new();
    }
    let told = diff::told(customer, old, new);
    let mut lines: Vec<String> = told.lines().take(DIFFERENCE_MAX).map(str::to_owned).collect();
    if told.lines().nth(DIFFERENCE_MAX).is_some() {
        lines.push("… and more: `ringwall policy diff` tells all of it".to_owned());
    }
    lines
}

/// Changes of the policy of `customer`, the latest first.
fn versions(around: &Around, customer: &str) -> Result<Vec<Version>, String> {
    let all = Versions::of(around.data()).all().map_err(|failure| failure.to_string())?;
    let of = |version: &crate::versions::Version| -> Option<Version> {
        let changed = changed(version, customer)?;
        Some(Version {
            number: version.number,
            at: version.at.clone(),
            how: version.how.word(),
            what: version.what.clone(),
            by: version.by.clone(),
            why: version.why.clone(),
            is_kept: changed.stored.is_some(),
        })
    };
    Ok(all.iter().rev().filter_map(of).take(VERSIONS_MAX).collect())
}

fn changed<'a>(version: &'a crate::versions::Version, customer: &str) -> Option<&'a Changed> {
    version.policies.iter().find(|changed| changed.customer == customer)
}

/// Versions of the policy of `customer` whose bytes are kept, the latest first, with the beginnings of their hashes.
pub(super) fn kept(around: &Around, customer: &str) -> Result<Vec<(u64, String)>, String> {
    let all = Versions::of(around.data()).all().map_err(|failure| failure.to_string())?;
    let of = |version: &crate::versions::Version| {
        let changed = changed(version, customer).filter(|it| it.stored.is_some())?;
        let hash = changed.version.as_deref()?.get(..12)?.to_owned();
        Some((version.number, hash))
    };
    Ok(all.iter().rev().filter_map(of).take(KEPT_MAX).collect())
}

/// The policy of `customer` as the change `number` made it.
pub(super) fn version_of(around: &Around, customer: &str, number: u64) -> Result<Admitted, String> {
    let versions = Versions::of(around.data());
    let all = versions.all().map_err(|failure| failure.to_string())?;
    let version = all.iter().find(|version| version.number == number);
    let changed = version.and_then(|version| changed(version, customer));
    let changed =
        changed.ok_or_else(|| format!("There is no version {number} of the policy of {customer}."))?;
    let contents = versions.contents(changed).map_err(|failure: Failure| failure.to_string())?;
    look(contents).map_err(|_| format!("Version {number} cannot be read any more."))
}

/// Lines of a difference on a page.
const DIFFERENCE_MAX: usize = 800;
/// Changes on a page.
const VERSIONS_MAX: usize = 100;
/// Versions that a call can be judged by.
const KEPT_MAX: usize = 20;
