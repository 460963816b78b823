//! What is said to turn a verdict does turn it, when the call is made or the policy written so; and nothing smaller was
//! overlooked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "no product code")]

mod matching_support;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use matching_support::*;
use ringwall_rules::Action;
use ringwall_rules::matching::Scratch;
use ringwall_rules::policy::turning::WAYS_MAX;
use ringwall_rules::policy::*;
use ringwall_rules::subject::*;
use ringwall_rules::verdict::{Reason, Verdict};

/// What is compared: the action and its status, under a policy in shadow mode those of enforce mode.
type Outcome = (Action, Option<u16>);

fn outcome(policy: &Policy, verdict: &Verdict) -> Outcome {
    let reports = policy.text().customer.mode == Mode::Shadow;
    let (action, rule) = match verdict.would.filter(|_| reports) {
        Some(would) => (would, verdict.would_rule),
        None => (verdict.action, verdict.rule),
    };
    let refuses = matches!(action, Action::Block | Action::Limit);
    (action, rule.filter(|_| refuses).and_then(|rule| policy.response(rule)?.code()))
}

fn judged(policy: &Policy, call: &Call, limits: &Limits) -> Verdict {
    policy.judge(&call.subject(), &mut limits.clone(), &mut Scratch::default())
}

fn told(way: &Way) -> Outcome {
    (way.action, way.response.and_then(Response::code))
}

/// A rule block of its own makes each of these calls, with what follows from what is changed.
fn made(policy: &Policy, call: &Call, changes: &[Change]) -> Call {
    let customer = &policy.text().customer;
    let asserted = |call: &Call| {
        let source = call.source.ip();
        let (own, trusted) = (customer.is_own_side(source), customer.trusts(source));
        let callers = call.callers.iter().map(|one| own || trusted && one.origin == Origin::Asserted);
        let forwarders = call.forwarders.iter().map(|_| own || trusted);
        callers.chain(forwarders).collect::<Vec<bool>>()
    };
    let direction = |call: &Call| policy.direction(call.source.ip(), &call.called, &call.callers);
    let is: Vec<bool> = call.callers.iter().chain(&call.forwarders).map(|one| one.asserted).collect();
    let (by_source, by_parties) = (is == asserted(call), call.direction == direction(call));
    let mut made = call.clone();
    let all_are = |identities: &mut Vec<Identity>, party, origin| {
        if identities.is_empty() {
            identities.push(identity(party, origin, false));
        }
        identities.iter_mut().for_each(|one| one.party = party);
    };
    for change in changes {
        match change.clone() {
            Change::Caller(party) => {
                all_are(&mut made.callers, party, Origin::From);
                (made.restricted, made.identity_mismatch) = (false, false);
            }
            Change::Forwarder(Some(party)) => all_are(&mut made.forwarders, party, Origin::Diversion),
            Change::Forwarder(None) => made.forwarders.clear(),
            Change::Called(party) => made.called = vec![party],
            Change::Withheld(yes) => made.restricted = yes,
            Change::Source(address) => {
                made.source = SocketAddr::new(address, 5060);
                if by_source {
                    let asserted = asserted(&made);
                    let identities = made.callers.iter_mut().chain(&mut made.forwarders);
                    identities.zip(asserted).for_each(|(one, is)| one.asserted = is);
                }
            }
            Change::Destination(address) => made.destination = SocketAddr::new(address, 5060),
            Change::Vouched(_) | Change::Room(_) => {}
            Change::Direction(direction) => made.direction = direction,
            Change::Transport(transport) => made.transport = transport,
            Change::Method(method) => made.method = method,
            Change::CallType(call_type) => made.call_type = call_type,
            Change::Attestation(attestation) => made.attestation = attestation,
            Change::Mismatch(yes) => made.identity_mismatch = yes,
            Change::Flags(flags) => made.flags = flags,
            Change::At(at) => made.at = at,
            Change::Text(field, text) => {
                let plain = String::from_utf8(text.clone().unwrap_or_default()).unwrap();
                match field {
                    TextField::DisplayName => made.display_name = plain,
                    TextField::UserAgent => made.user_agent = plain,
                    TextField::Signer => made.signer = plain,
                    TextField::Host => made.hosts = [plain.clone(), plain],
                    TextField::Header(name) => {
                        made.headers.0.retain(|header| header.0 != name);
                        let name: &'static str = name.leak();
                        made.headers.0.extend(text.map(|_| (name, plain)));
                    }
                }
            }
            Change::Off(_) | Change::Enforced(_) | Change::Unlisted(_) => unreachable!("no change of a call"),
        }
    }
    for change in changes {
        if let Change::Vouched(yes) = change {
            made.callers.iter_mut().chain(&mut made.forwarders).for_each(|one| one.asserted = *yes);
        }
    }
    if by_parties {
        made.direction = direction(&made);
    }
    made.repeat &= made.callers == call.callers && made.called == call.called && made.at == call.at;
    made
}

/// Every way of the call that can be made is made, and every way of the rules written.
fn check_ways(policy: &Policy, call: &Call, limits: &Limits, seen: &mut BTreeMap<String, u32>) {
    let explanation = policy.explain(&call.subject(), limits);
    let before = outcome(policy, &explanation.verdict);
    let Turning { of_call, of_policy } = &explanation.turning;
    if !matches!(explanation.verdict.reason, Reason::Rule | Reason::Default) {
        assert!(of_call.ways.is_empty() && of_policy.ways.is_empty(), "a guard is not turned");
        assert_eq!((of_call.extent, of_policy.extent), (Extent::Nowhere, Extent::Nowhere));
        return;
    }
    for search in [of_call, of_policy] {
        assert!(search.ways.len() <= WAYS_MAX);
        assert_eq!(search.ways.is_empty(), search.extent != Extent::Found);
        assert!(search.ways.windows(2).all(|two| two[0].changes.len() == two[1].changes.len()));
    }
    for way in &of_call.ways {
        assert_ne!(told(way), before, "{way:?}");
        for change in &way.changes {
            *seen.entry(format!("{change:?}").split('(').next().unwrap().to_owned()).or_default() += 1;
        }
        *seen.entry(format!("call {}", way.changes.len())).or_default() += 1;
        if !way.changes.iter().any(|change| matches!(change, Change::Room(_))) {
            let made = made(policy, call, &way.changes);
            assert_eq!(outcome(policy, &judged(policy, &made, limits)), told(way), "{way:?} of {call:?}");
            let contradicts = |one: &Told| {
                way.told.iter().any(|two| {
                    two.dimension == one.dimension && two.holds != one.holds && two.terms == one.terms
                })
            };
            assert!(!way.told.iter().any(contradicts), "{way:?}");
        }
    }
    for way in &of_policy.ways {
        assert_ne!(told(way), before, "{way:?}");
        *seen.entry(format!("policy {}", way.changes.len())).or_default() += 1;
        if let Some(edited) = edited(policy, &way.changes) {
            assert_eq!(outcome(&edited, &judged(&edited, call, limits)), told(way), "{way:?} of {call:?}");
        }
    }
}

/// The policy with other modes; `None` when a list changes.
fn edited(policy: &Policy, changes: &[Change]) -> Option<Policy> {
    let mut text = policy.text().clone();
    for change in changes {
        let (rule, mode) = match change {
            Change::Off(rule) => (rule, Mode::Off),
            Change::Enforced(rule) => (rule, Mode::Enforce),
            _ => return None,
        };
        text.firewall[rule.0 as usize].mode = mode;
    }
    Some(Policy::new(text))
}

#[test]
fn what_is_told_of_random_policies_turns_random_calls() {
    let mut seen = BTreeMap::new();
    let first = std::env::var("RINGWALL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for seed in first..400 {
        let mut dice = Dice::new(seed + 70_000);
        let rules = if seed % 16 == 0 { 300 } else { dice.below(10) as usize + 1 };
        let world = World::new(&mut dice, rules);
        let mut text = world.policy.text().clone();
        if seed % 8 == 1 {
            text.customer.mode = text.customer.mode.min(Mode::Shadow);
            text.firewall.iter_mut().for_each(|rule| rule.mode = rule.mode.min(Mode::Shadow));
        }
        let policy = Policy::new(text);
        let mut limits = policy.limits();
        for step in 0..10 {
            let mut call = world.subject(&mut dice, step);
            if step % 2 == 0 {
                call.direction = policy.direction(call.source.ip(), &call.called, &call.callers);
                let asserted = policy.text().customer.is_own_side(call.source.ip());
                call.callers.iter_mut().chain(&mut call.forwarders).for_each(|one| one.asserted = asserted);
            }
            check_ways(&policy, &call, &limits, &mut seen);
            let explanation = policy.explain(&call.subject(), &limits);
            check_nothing_smaller(&policy, &call, &limits, &explanation);
            policy.judge(&call.subject(), &mut limits, &mut Scratch::default());
        }
    }
    for kind in [
        "call 1", "call 2", "policy 1", "policy 2", "Caller", "Called", "Source", "At", "Text", "Room",
        "Vouched",
    ] {
        assert!(seen.get(kind).is_some_and(|count| *count > 10), "{kind} of {seen:?}");
    }
}

#[test]
fn the_same_question_has_the_same_answer() {
    for seed in 0..40 {
        // Lists are hashed anew each time a policy is read.
        let told = || {
            let mut dice = Dice::new(seed);
            let world = World::new(&mut dice, 30);
            let call = world.subject(&mut dice, 0);
            let explanation = world.policy.explain(&call.subject(), &world.policy.limits());
            format!("{:?}", explanation.turning)
        };
        assert_eq!(told(), told());
    }
}

/// Whatever single thing chance finds that turns the verdict, the search found one too.
fn check_nothing_smaller(policy: &Policy, call: &Call, limits: &Limits, explanation: &Explanation) {
    // What repeats a call has its place in limits; changed it is another call, which would need one.
    if call.repeat || !matches!(explanation.verdict.reason, Reason::Rule | Reason::Default) {
        return;
    }
    let before = outcome(policy, &explanation.verdict);
    let Turning { of_call, of_policy } = &explanation.turning;
    let size = |search: &Search| search.ways.first().map_or(usize::MAX, |way| way.changes.len());
    for single in single_changes(policy, call) {
        let verdict = judged(policy, &made(policy, call, std::slice::from_ref(&single)), limits);
        let turns =
            matches!(verdict.reason, Reason::Rule | Reason::Default) && outcome(policy, &verdict) != before;
        assert!(
            !turns || size(of_call) == 1,
            "{single:?} turns {call:?}, and {of_call:?} of {:?}",
            explanation.rules
        );
    }
    for (id, rule) in (0..).map(RuleId).zip(&policy.text().firewall) {
        let change = if rule.mode == Mode::Shadow { Change::Enforced(id) } else { Change::Off(id) };
        if call.callback || policy.text().firewall.len() > 20 || policy.text().customer.mode == Mode::Shadow {
            continue;
        }
        let edited = edited(policy, &[change]).unwrap();
        let turns = outcome(&edited, &judged(&edited, call, limits)) != before;
        assert!(!turns || size(of_policy) == 1, "{id:?} turns {call:?}, and {of_policy:?}");
    }
}

fn single_changes(policy: &Policy, call: &Call) -> Vec<Change> {
    let mut parties = vec![Party::Name, Party::Anonymous, Party::Invalid, Party::Absent];
    let texts = [
        "+12105550101",
        "+12105550105",
        "+12105560001",
        "+442079460001",
        "+1250",
        "+2",
        "+29",
        "+377",
        "+4123",
    ];
    parties.extend(texts.iter().map(|text| Party::Number(number(text))));
    let mut changes = Vec::new();
    for party in parties {
        changes.extend([Change::Caller(party), Change::Called(party), Change::Forwarder(Some(party))]);
    }
    for address in ["10.20.3.4", "10.20.9.9", "192.0.2.7", "192.0.2.200", "2001:db8::1", "203.0.113.5"] {
        changes.push(Change::Source(address.parse().unwrap()));
        changes.push(Change::Destination(address.parse().unwrap()));
    }
    // That a rule ends, or that a window of a limit has passed, is nothing that a condition says of the time.
    let waits = |rule: &FirewallRule| rule.expires.is_some() || matches!(rule.action, RuleAction::Limit(_));
    if !policy.text().firewall.iter().any(waits) {
        changes.extend((0..168).map(|hour| Change::At(call.at.plus_micros(hour * 3_600_000_000))));
    }
    changes.extend(Transport::ALL.iter().copied().map(Change::Transport));
    changes.extend(Method::ALL.iter().copied().map(Change::Method));
    changes.extend(CallType::ALL.iter().copied().map(Change::CallType));
    changes.extend(Attestation::ALL.iter().map(|one| Change::Attestation(Some(*one))));
    changes.extend([Change::Withheld(!call.restricted), Change::Mismatch(!call.identity_mismatch)]);
    if call.direction != policy.direction(call.source.ip(), &call.called, &call.callers) {
        changes.extend(Direction::ALL.iter().copied().map(Change::Direction));
    }
    changes
}
