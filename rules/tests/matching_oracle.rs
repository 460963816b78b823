//! `judge`, the quick way, and `explain`, the slow way by other code, agree on every verdict.

mod matching_support;

use matching_support::{Dice, World};
use ringwall_rules::matching::Scratch;
use ringwall_rules::policy::{Limits, RuleState};

/// Cases of one run; `RINGWALL_CASES=100000` asks for more.
const CASES: u64 = 10_000;

#[test]
fn judge_decides_as_looking_at_every_rule_would() {
    let cases = std::env::var("RINGWALL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let mut scratch = Scratch::default();
    let mut seen = std::collections::BTreeMap::new();
    let mut thresholds = [0u32; 2];
    let (mut seed, mut done) = (0, 0);
    while done < cases {
        seed += 1;
        let mut dice = Dice::new(seed);
        // Few rules let calls get past all of them; many cross the words of bit sets and their summaries.
        let (rules, subjects) = match seed % 32 {
            1 => (dice.below(400) + 4_000, 10),
            2..12 => (dice.below(150) + 20, 100),
            _ => (dice.below(12) + 1, 250),
        };
        let world = World::new(&mut dice, rules as usize);
        let mut limits: Limits = world.policy.limits();
        done += subjects;
        for step in 0..subjects {
            let call = world.subject(&mut dice, step as i64);
            let subject = call.subject();
            let explanation = world.policy.consider(&subject, &limits);
            let verdict = world.policy.judge(&subject, &mut limits, &mut scratch);
            if verdict != explanation.verdict {
                let said = [verdict.rule, verdict.would_rule, explanation.verdict.rule];
                let held: Vec<_> = verdict.held.iter().chain(verdict.acted.iter()).map(Some).collect();
                let about = |rule| said.contains(&Some(rule)) || held.contains(&Some(rule));
                let about = explanation.rules.iter().filter(|finding| about(finding.rule));
                panic!(
                    "seed {seed} step {step}: judge says {verdict:?}, explain says {:?}, {:?}, of {call:?}",
                    explanation.verdict,
                    about.collect::<Vec<_>>(),
                );
            }
            let found = explanation.thresholds.iter().filter(|one| one.state == RuleState::Matches);
            let wanted: Vec<_> = found.map(|one| (one.threshold, one.blockable)).collect();
            let counted: Vec<_> = scratch.counted().map(|id| (id, scratch.blockable(id))).collect();
            assert_eq!(counted, wanted, "seed {seed} step {step} of {call:?}");
            world.policy.gather_counted(&subject, &mut scratch);
            assert!(scratch.counted().eq(wanted.iter().map(|one| one.0)));
            for (_, blockable) in counted {
                thresholds[usize::from(blockable)] += 1;
            }
            *seen.entry((verdict.action, verdict.would, verdict.entry.is_some())).or_insert(0u32) += 1;
            if dice.below(3) == 0 {
                verdict.held.iter().for_each(|rule| limits.ended(rule));
            }
        }
    }
    assert!(thresholds.iter().all(|count| *count > 100), "{thresholds:?}");
    // Random policies that only ever allow would prove nothing.
    for action in [
        ringwall_rules::Action::Allow,
        ringwall_rules::Action::Tag,
        ringwall_rules::Action::Limit,
        ringwall_rules::Action::Divert,
        ringwall_rules::Action::Block,
        ringwall_rules::Action::Terminate,
    ] {
        for entry in [false, true] {
            let count: u32 =
                seen.iter().filter(|(key, _)| key.0 == action && key.2 == entry).map(|e| e.1).sum();
            assert!(
                count > 0 || (entry && action == ringwall_rules::Action::Allow),
                "{action:?} {entry} {seen:?}"
            );
        }
    }
    assert!(seen.keys().any(|key| key.1.is_some()), "{seen:?}");
}
