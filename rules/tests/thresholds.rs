//! Stories of thresholds before they count: which calls they take, and what breached ones do to a verdict.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod matching_support;

use matching_support::*;
use ringwall_rules::matching::Scratch;
use ringwall_rules::policy::ips::{BreachAction, Count, Deed, Key};
use ringwall_rules::policy::*;
use ringwall_rules::subject::*;
use ringwall_rules::verdict::{Measure, Reason, Verdict};
use ringwall_rules::{Action, Flag, Flags, Timestamp};

fn policy(firewall: Vec<FirewallRule>, ips: Vec<IpsRule>) -> Policy {
    Policy::new(PolicyText { ips, ..policy_text(Vec::new(), firewall) })
}

fn inbound() -> Condition {
    Condition::Direction(0b001)
}

fn doing(deed: Deed) -> IpsRule {
    let action = BreachAction { deed, for_micros: 60_000_000 };
    IpsRule { critical_action: Some(action), ..threshold("flood", vec![inbound()]) }
}

fn counted(policy: &Policy, call: &Call) -> Vec<u32> {
    let (mut limits, mut scratch) = (policy.limits(), Scratch::default());
    policy.judge(&call.subject(), &mut limits, &mut scratch);
    scratch.counted().map(|id| id.0).collect()
}

/// The verdict on an inbound call while the critical level of all thresholds is breached.
fn breached(policy: &Policy, call: &Call) -> Verdict {
    let (mut limits, mut scratch) = (policy.limits(), Scratch::default());
    let mut verdict = policy.judge(&call.subject(), &mut limits, &mut scratch);
    let in_force: Vec<InForce> = scratch
        .counted()
        .map(|threshold| InForce {
            measure: Measure { threshold, critical: true, value: 12.0, limit: 10.0 },
            is_limit_exceeded: true,
        })
        .collect();
    policy.apply(&mut verdict, &in_force, &mut limits);
    verdict
}

fn call() -> Call {
    Call::new("+13125550123", "+12105550101")
}

#[test]
fn every_call_is_counted_whatever_its_verdict() {
    let everything = rule("everything", Vec::new(), block());
    let asleep = IpsRule { mode: Mode::Off, ..threshold("asleep", Vec::new()) };
    let late = IpsRule { expires: Some(Timestamp::from_seconds(NOON)), ..threshold("late", Vec::new()) };
    let abroad = threshold("abroad", vec![prefix(NumberField::Caller, "+44")]);
    let ips = vec![asleep, threshold("all", Vec::new()), abroad, late];
    let policy = policy(vec![everything], ips);
    assert_eq!(counted(&policy, &call()), [1]);
    assert_eq!(counted(&policy, &Call::new("+442079460001", "+12105550101")), [1, 2]);
    let emergency = Call { called: vec![Party::EmergencyService], ..call() };
    for passed in [emergency, Call { priority: true, ..call() }, Call { callback: true, ..call() }] {
        assert_eq!(counted(&policy, &passed), [1], "{passed:?}");
    }
}

#[test]
fn nothing_is_left_in_scratch_by_another_policy() {
    let mut scratch = Scratch::default();
    let counting = policy(Vec::new(), vec![threshold("all", Vec::new())]);
    let silent = policy(Vec::new(), Vec::new());
    let mut off =
        PolicyText { ips: vec![threshold("all", Vec::new())], ..policy_text(Vec::new(), Vec::new()) };
    off.customer.mode = Mode::Off;
    for (policy, expected) in [(&counting, 1), (&silent, 0), (&counting, 1), (&Policy::new(off), 0)] {
        policy.judge(&call().subject(), &mut policy.limits(), &mut scratch);
        assert_eq!(scratch.counted().count(), expected);
    }
}

#[test]
fn a_block_spares_what_block_when_does_not_fit() {
    let narrow = IpsRule {
        block_when: vec![Condition::Attestation(1 << Attestation::Gateway as u8)],
        ..threshold("narrow", vec![inbound()])
    };
    let policy = policy(Vec::new(), vec![narrow, threshold("wide", vec![inbound()])]);
    let mut scratch = Scratch::default();
    for (attestation, fits) in [(Attestation::Gateway, true), (Attestation::Full, false)] {
        let call = Call { attestation: Some(attestation), ..call() };
        policy.judge(&call.subject(), &mut policy.limits(), &mut scratch);
        assert!(scratch.counted().eq([ThresholdId(0), ThresholdId(1)]));
        assert_eq!(scratch.blockable(ThresholdId(0)), fits);
        assert!(scratch.blockable(ThresholdId(1)));
    }
    let outbound = Call { direction: Direction::Outbound, ..call() };
    policy.judge(&outbound.subject(), &mut policy.limits(), &mut scratch);
    assert!(scratch.counted().next().is_none() && !scratch.blockable(ThresholdId(1)));
}

#[test]
fn only_an_asserted_identity_is_spared_from_counting() {
    let friend = prefix(NumberField::Caller, "+13125550123");
    let all =
        IpsRule { unless: vec![friend], ..threshold("all", vec![prefix(NumberField::Caller, "+1312")]) };
    let policy = policy(Vec::new(), vec![all]);
    assert_eq!(counted(&policy, &call()), [0]);
    let vouched = Call {
        callers: vec![identity(Party::Number(number("+13125550123")), Origin::Asserted, true)],
        ..call()
    };
    assert_eq!(counted(&policy, &vouched), [] as [u32; 0]);
}

#[test]
fn a_breach_refuses_with_its_own_answer_or_the_customers() {
    let verdict = breached(&policy(Vec::new(), vec![doing(Deed::Block(None))]), &call());
    assert_eq!((verdict.action, verdict.reason), (Action::Block, Reason::Threshold));
    assert_eq!(verdict.response, Some(Response::NetworkBlocked));
    let measure = verdict.threshold.unwrap();
    assert_eq!((measure.threshold, measure.value, measure.limit), (ThresholdId(0), 12.0, 10.0));
    let own = policy(Vec::new(), vec![doing(Deed::Block(Some(Response::Code(486))))]);
    let verdict = breached(&own, &call());
    assert_eq!(verdict.response, Some(Response::Code(486)));
    assert_eq!(own.decider(&verdict), Some("flood"));
    let limited = breached(&policy(Vec::new(), vec![doing(Deed::Limit(Limit::Concurrent(3)))]), &call());
    assert_eq!((limited.action, limited.response), (Action::Limit, Some(Response::NetworkBlocked)));
}

#[test]
fn a_limit_not_exceeded_and_an_alert_let_pass() {
    let policy = policy(Vec::new(), vec![doing(Deed::Limit(Limit::Concurrent(3))), doing(Deed::Alert)]);
    let mut verdict = Verdict::allowed(Reason::Default);
    let measure =
        |threshold| Measure { threshold: ThresholdId(threshold), critical: true, value: 1.0, limit: 1.0 };
    let in_force = [0, 1].map(|one| InForce { measure: measure(one), is_limit_exceeded: false });
    policy.apply(&mut verdict, &in_force, &mut policy.limits());
    assert_eq!(verdict, Verdict::allowed(Reason::Default));
    // A level without an action, and a threshold of another version, do nothing either.
    let warning = Measure { critical: false, ..measure(0) };
    let in_force = [warning, measure(7)].map(|measure| InForce { measure, is_limit_exceeded: true });
    policy.apply(&mut verdict, &in_force, &mut policy.limits());
    assert_eq!(verdict, Verdict::allowed(Reason::Default));
}

#[test]
fn the_strictest_deed_holds_and_a_stricter_rule_stays() {
    let divert = || doing(Deed::Divert("sip:desk@acme.example".to_owned()));
    let ips = vec![doing(Deed::Tag("odd".to_owned())), divert(), doing(Deed::Terminate)];
    let verdict = breached(&policy(Vec::new(), ips.clone()), &call());
    assert_eq!((verdict.action, verdict.threshold.unwrap().threshold), (Action::Divert, ThresholdId(1)));
    let refused = breached(&policy(vec![rule("listed", Vec::new(), block())], ips), &call());
    assert_eq!((refused.action, refused.reason), (Action::Block, Reason::Rule));
    assert_eq!((refused.rule, refused.threshold), (Some(RuleId(0)), None));
    // An allow ends the rules, not this step; a tag stays beside the block.
    let tag = rule("odd", Vec::new(), RuleAction::Tag("odd".to_owned()));
    let allow = rule("friends", Vec::new(), RuleAction::Allow);
    let open = policy(vec![tag, allow], vec![doing(Deed::Block(None))]);
    let verdict = breached(&open, &call());
    assert_eq!((verdict.action, verdict.rule, verdict.tag), (Action::Block, None, Some(RuleId(0))));
    assert_eq!(verdict.acted.iter().collect::<Vec<_>>(), [RuleId(0)]);
}

#[test]
fn nothing_is_blocked_behind_the_guard_or_bypass() {
    let bypass = rule("carrier", vec![prefix(NumberField::Called, "+12105550150")], RuleAction::BypassIps);
    let policy = policy(vec![bypass], vec![doing(Deed::Block(None))]);
    assert_eq!(breached(&policy, &call()).action, Action::Block);
    for passed in [
        Call { called: vec![Party::EmergencyService], ..call() },
        Call { priority: true, ..call() },
        Call { callback: true, ..call() },
        Call::new("+13125550123", "+12105550150"),
    ] {
        let verdict = breached(&policy, &passed);
        assert_eq!((verdict.action, verdict.threshold), (Action::Allow, None), "{passed:?}");
    }
}

#[test]
fn a_threshold_in_shadow_only_says_what_it_would_do() {
    let shadow = || IpsRule { mode: Mode::Shadow, ..doing(Deed::Block(None)) };
    let trial = policy(Vec::new(), vec![shadow()]);
    let verdict = breached(&trial, &call());
    assert_eq!((verdict.action, verdict.would, verdict.response), (Action::Allow, Some(Action::Block), None));
    assert_eq!((verdict.reason, trial.decider(&verdict)), (Reason::Default, Some("flood")));
    let both = policy(Vec::new(), vec![shadow(), doing(Deed::Tag("odd".to_owned()))]);
    let verdict = breached(&both, &call());
    assert_eq!((verdict.action, verdict.would), (Action::Tag, Some(Action::Block)));
    assert_eq!(verdict.threshold.unwrap().threshold, ThresholdId(1), "what decided is named");
    // What a shadow rule would have done is done by the threshold in force: nothing is left to say.
    let listed = FirewallRule { mode: Mode::Shadow, ..rule("listed", Vec::new(), block()) };
    let verdict = breached(&policy(vec![listed], vec![doing(Deed::Block(None))]), &call());
    assert_eq!((verdict.action, verdict.would, verdict.would_rule), (Action::Block, None, None));
}

#[test]
fn a_refused_call_frees_its_place_on_concurrent_limits() {
    let two = rule("two", Vec::new(), RuleAction::Limit(Limit::Concurrent(2)));
    let policy = policy(vec![two], vec![doing(Deed::Block(None))]);
    let (mut limits, mut scratch) = (policy.limits(), Scratch::default());
    let mut verdict = policy.judge(&call().subject(), &mut limits, &mut scratch);
    let at = Timestamp::from_seconds(NOON);
    assert_eq!((limits.count(RuleId(0), at), verdict.held.is_empty()), (1, false));
    let measure = Measure { threshold: ThresholdId(0), critical: true, value: 1.0, limit: 1.0 };
    policy.apply(&mut verdict, &[InForce { measure, is_limit_exceeded: false }], &mut limits);
    assert_eq!((limits.count(RuleId(0), at), verdict.held.is_empty()), (0, true));
}

#[test]
fn a_threshold_knows_which_requests_and_events_it_counts() {
    let made = |count, when: Vec<Condition>| {
        let ips = IpsRule { count: Some(count), ..threshold("one", when) };
        policy(Vec::new(), vec![ips]).thresholds().first().unwrap().clone()
    };
    let counts = |threshold: &Threshold| -> Vec<Method> {
        Method::ALL.iter().copied().filter(|method| threshold.counts(*method)).collect()
    };
    assert_eq!(counts(&made(Count::Attempts, Vec::new())), [Method::Invite]);
    assert_eq!(counts(&made(Count::RegistrationsFailed, Vec::new())), [Method::Register]);
    let probes = counts(&made(Count::Probes, Vec::new()));
    assert_eq!(probes, [Method::Invite, Method::Register, Method::Options]);
    let named = made(Count::Attempts, vec![Condition::Method(1 << Method::Message as u16)]);
    assert_eq!(counts(&named), [Method::Message]);
    let flags = Flags::of(Flag::ForeignTeardown).union(Flags::of(Flag::Nul));
    assert_eq!(made(Count::Attempts, vec![Condition::Flag(flags)]).flags, Flags::of(Flag::ForeignTeardown));
    let ratio = made(Count::AnswerRatio, Vec::new());
    assert_eq!((ratio.at_least, ratio.shorter_than_micros, ratio.per), (20, 6_000_000, vec![Key::Caller]));
    assert_eq!(made(Count::OneRing, Vec::new()).shorter_than_micros, 5_000_000);
}
