//! What would have turned a verdict, in words and as JSON.

use rules::policy::turning::CHANGES_MAX;
use rules::policy::{Change, Explanation, Extent, Policy, Response, Search, TextField, Told, Way};
use rules::{Attestation, Party, Reason};
use serde_json::{Value, json};

use crate::json::printable;
use crate::line::source;
use crate::text::rfc3339;

/// The smallest changes that would turn the verdict of `explanation`, a sentence each: the fewest changes first, of as
/// many those of the call before those of the policy.
pub fn turning_points(explanation: &Explanation, policy: &Policy) -> Vec<String> {
    if let Some(why) = unturnable(explanation.verdict.reason) {
        return vec![why.to_owned()];
    }
    let turning = &explanation.turning;
    let mut ways: Vec<&Way> = turning.of_call.ways.iter().chain(&turning.of_policy.ways).collect();
    ways.sort_by_key(|way| way.changes.len());
    let said = ways.into_iter().map(|way| printable(&sentence(way, policy)));
    let kinds = [("call", &turning.of_call), ("policy", &turning.of_policy)];
    said.chain(kinds.into_iter().filter_map(|(kind, search)| unfound(kind, search))).collect()
}

/// The same for machines: `call` and `policy`, each with how far it was searched and the ways that were found.
pub fn turning(explanation: &Explanation, policy: &Policy) -> Value {
    let kind = |search: &Search| {
        let ways: Vec<Value> = search.ways.iter().map(|way| way_value(way, policy)).collect();
        json!({ "extent": extent(search.extent), "ways": ways })
    };
    json!({
        "call": kind(&explanation.turning.of_call),
        "policy": kind(&explanation.turning.of_policy),
        "unturnable": unturnable(explanation.verdict.reason),
    })
}

/// Why nothing about the call or a rule turns a verdict that the guard gave.
fn unturnable(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Emergency => "cannot be turned: an emergency call passes whatever the policy says",
        Reason::Priority => "cannot be turned: a priority call (RFC 4412) passes whatever the policy says",
        Reason::EmergencyCallback => {
            "cannot be turned: a call-back after an emergency call passes unless the caller is on a block list"
        }
        Reason::Off => "cannot be turned: the policy is off",
        Reason::Rule | Reason::Threshold | Reason::Default => return None,
    })
}

fn unfound(kind: &str, search: &Search) -> Option<String> {
    match search.extent {
        Extent::Nowhere | Extent::Found => None,
        Extent::Beyond => Some(format!("would take more than {CHANGES_MAX} changes of the {kind} to turn")),
        Extent::Unfinished => {
            Some(format!("has too many rules near it to say what change of the {kind} would turn it"))
        }
    }
}

fn extent(extent: Extent) -> &'static str {
    match extent {
        Extent::Nowhere => "nowhere",
        Extent::Found => "found",
        Extent::Beyond => "beyond",
        Extent::Unfinished => "unfinished",
    }
}

fn sentence(way: &Way, policy: &Policy) -> String {
    let response = way.response.map_or_else(String::new, |response| match response.code() {
        Some(code) => format!(" {code}"),
        // Under a verdict with a code it would read as if nothing changed.
        None => " drop".to_owned(),
    });
    let what = format!("would be {}{response} if", way.action.word());
    let changes: Vec<String> = way.changes.iter().map(|change| change_of_policy(change, policy)).collect();
    if changes.iter().any(|change| !change.is_empty()) {
        return format!("{what} the policy's {}", changes.join(" and its "));
    }
    let mut parts: Vec<String> = way.told.iter().map(condition).collect();
    // A fact that the conditions do not name themselves is told with the value that turned it.
    let silent = way.changes.iter().filter(|change| !is_named(change, &way.told));
    parts.extend(silent.map(|change| format!("{} {}", fact(change), value(change, policy))));
    let rule = way.rule.and_then(|rule| policy.rule(rule)).map(|rule| format!(" (rule \"{}\")", rule.name));
    format!("{what} the call's {}{}", parts.join(" and its "), rule.unwrap_or_default())
}

fn condition(told: &Told) -> String {
    let not = if told.holds { "" } else { "not " };
    format!("{} were {not}{}", told.dimension, listed(&told.terms))
}

/// Whether one of the conditions is about the very fact that changes.
fn is_named(change: &Change, told: &[Told]) -> bool {
    let names: &[&str] = match change {
        Change::Caller(_) | Change::Withheld(_) => &["caller", "identity"],
        Change::Forwarder(_) => &["forwarded_by", "identity"],
        Change::Source(_) => &["source", "trunk"],
        Change::Destination(_) => &["trunk"],
        Change::Text(TextField::Header(name), _) => {
            return told.iter().any(|told| told.dimension.strip_prefix("header.") == Some(name));
        }
        _ => &[fact(change)],
    };
    told.iter().any(|told| names.contains(&told.dimension.as_str()))
}

/// The fact that `change` is about, as policy files name it where they do.
fn fact(change: &Change) -> &'static str {
    match change {
        Change::Caller(_) => "caller",
        Change::Withheld(_) => "number",
        Change::Vouched(_) => "identities",
        Change::Forwarder(_) => "forwarded_by",
        Change::Called(_) => "called",
        Change::Text(TextField::DisplayName, _) => "display_name",
        Change::Text(TextField::UserAgent, _) => "user_agent",
        Change::Text(TextField::Host, _) => "host",
        Change::Text(TextField::Signer, _) => "signer",
        Change::Text(TextField::Header(_), _) => "header",
        Change::Source(_) => "source",
        Change::Destination(_) => "destination",
        Change::Direction(_) => "direction",
        Change::Transport(_) => "transport",
        Change::Method(_) => "method",
        Change::CallType(_) => "call_type",
        Change::Attestation(_) => "attestation",
        Change::Mismatch(_) => "identity_mismatch",
        Change::Flags(_) => "flag",
        Change::At(_) => "time",
        Change::Room(_) | Change::Off(_) | Change::Enforced(_) => "rule",
        Change::Unlisted(_) => "entry",
    }
}

/// What is said of a fact that no condition names: that it were this, for one.
fn value(change: &Change, policy: &Policy) -> String {
    let yes = |yes: bool, one: &str, other: &str| if yes { one.to_owned() } else { other.to_owned() };
    match change {
        Change::Withheld(withheld) => yes(*withheld, "were withheld", "were not withheld"),
        Change::Vouched(vouched) => {
            yes(*vouched, "were asserted by a believed peer", "were asserted by nobody")
        }
        Change::Room(rule) => {
            let name = policy.rule(*rule).map(|rule| rule.name.as_str()).unwrap_or_default();
            format!("\"{name}\" had not let as many pass as it may")
        }
        _ => format!("were such as {}", example(change)),
    }
}

/// The value with which the verdict was found to turn.
fn example(change: &Change) -> String {
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    match change {
        Change::Caller(party) | Change::Called(party) | Change::Forwarder(Some(party)) => named(*party),
        Change::Forwarder(None) => "nobody".to_owned(),
        Change::Withheld(yes) | Change::Vouched(yes) | Change::Mismatch(yes) => yes.to_string(),
        Change::Text(_, Some(value)) => text(value),
        Change::Text(_, None) => "absent".to_owned(),
        Change::Source(address) | Change::Destination(address) => address.to_string(),
        Change::Direction(direction) => direction.word().to_owned(),
        Change::Transport(transport) => transport.word().to_owned(),
        Change::Method(method) => method.word().to_owned(),
        Change::CallType(call_type) => call_type.word().to_owned(),
        Change::Attestation(value) => value.map_or("unverified", Attestation::word).to_owned(),
        Change::Flags(flags) if flags.is_empty() => "none".to_owned(),
        Change::Flags(flags) => flags.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(" "),
        Change::At(at) => rfc3339(*at),
        Change::Room(_) => "not exceeded".to_owned(),
        Change::Off(_) => "off".to_owned(),
        Change::Enforced(_) => "enforced".to_owned(),
        Change::Unlisted(_) => "removed".to_owned(),
    }
}

/// What would be different about the policy; empty of a change of the call.
fn change_of_policy(change: &Change, policy: &Policy) -> String {
    let name = |rule| policy.rule(rule).map(|rule| rule.name.as_str()).unwrap_or_default();
    match change {
        Change::Off(rule) => format!("rule \"{}\" were off", name(*rule)),
        Change::Enforced(rule) => format!("rule \"{}\" were enforced", name(*rule)),
        Change::Unlisted(hit) => {
            let entry = policy.entry(*hit).map_or_else(|| "list entry".to_owned(), source);
            format!("{entry} were removed")
        }
        _ => String::new(),
    }
}

fn way_value(way: &Way, policy: &Policy) -> Value {
    let changes = way.changes.iter().map(|change| match change {
        Change::Room(rule) | Change::Off(rule) | Change::Enforced(rule) => json!({
            "fact": fact(change), "to": example(change), "rule": policy.rule(*rule).map(|rule| &rule.name),
        }),
        Change::Unlisted(hit) => json!({
            "fact": fact(change), "to": example(change), "entry": policy.entry(*hit).map(source),
        }),
        Change::Text(TextField::Header(name), _) => {
            json!({ "fact": format!("header.{name}"), "to": example(change) })
        }
        _ => json!({ "fact": fact(change), "to": example(change) }),
    });
    let conditions = way
        .told
        .iter()
        .map(|told| json!({ "dimension": told.dimension, "holds": told.holds, "terms": told.terms }));
    json!({
        "changes": changes.collect::<Vec<_>>(), "conditions": conditions.collect::<Vec<_>>(),
        "verdict": way.action.word(), "action_status": way.response.and_then(Response::code),
        "rule": way.rule.and_then(|rule| policy.rule(rule)).map(|rule| &rule.name),
    })
}

fn named(party: Party) -> String {
    match party {
        Party::Number(number) => number.to_string(),
        Party::EmergencyService => "an emergency service".to_owned(),
        Party::Anonymous => "anonymous".to_owned(),
        Party::Invalid => "an invalid number".to_owned(),
        Party::Name => "a name".to_owned(),
        Party::Absent => "nobody".to_owned(),
    }
}

/// Some of `values`, and how many there are.
pub fn listed(values: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = values.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match values.len() {
        0 => "nothing".to_owned(),
        count if count > SHOWN => format!("{shown}, … ({count})"),
        _ => shown,
    }
}
