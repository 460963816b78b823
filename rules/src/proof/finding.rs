//! What the prover says about the rules of a policy.

use super::Prover;
use super::question::{Question, hinders};
use super::search::Reach;
use super::solve::{Cause, Solution};
use super::space::{Literal, Shape, Test};
use super::witness::Witness;
use crate::policy::{
    Code, Condition, Diagnostic, FirewallRule, Level, ListId, Mode, NetworkTerm, NumberField, NumberTerm,
    PolicyText, RuleAction, TextTerm,
};
use crate::subject::Direction;

/// All findings, in file order.
pub(super) fn find(prover: &mut Prover<'_>) -> Vec<Diagnostic> {
    let policy = prover.space.policy;
    let solved: Vec<Option<Solution>> = prover
        .space
        .shapes
        .iter()
        .map(|shape| shape.awake.then(|| prover.space.solve(&shape.literals)))
        .collect();
    let guard = emergency_frames(prover);
    let mut found = Vec::new();
    for (index, rule) in policy.firewall.iter().enumerate() {
        let (Some(shape), Some(solution)) = (prover.space.shapes.get(index), solved.get(index)) else {
            continue;
        };
        match solution {
            None => found.extend(asleep(prover, rule)),
            Some(Solution::Empty) => found.push(dead(prover, rule, shape)),
            Some(Solution::Open(cause)) => found.push(undecided(prover, rule, cause)),
            Some(Solution::Found(call)) => {
                found.extend(relation(prover, index, rule, shape, call, &solved));
                found.extend(emergency(prover, index, rule, shape, &guard));
            }
        }
    }
    found
}

fn asleep(prover: &Prover<'_>, rule: &FirewallRule) -> Option<Diagnostic> {
    // A policy that is off as a whole needs no word about each of its rules, and of a rule that has expired the
    // reader has told.
    if prover.space.policy.customer.mode == Mode::Off || rule.mode != Mode::Off {
        return None;
    }
    Some(Diagnostic {
        level: Level::Info,
        help: Some("remove it, or wake it".to_owned()),
        ..diagnostic(
            prover,
            rule,
            Code::DeadRule,
            format!("rule \"{}\" matches no call: its mode is off", rule.name),
        )
    })
}

fn dead(prover: &Prover<'_>, rule: &FirewallRule, shape: &Shape) -> Diagnostic {
    let when: Vec<Literal> = shape.literals.iter().filter(|literal| literal.holds).cloned().collect();
    let (why, help) = if prover.space.is_empty(&when) {
        let help = empty_list(prover.space.policy, rule).map_or_else(
            || "one of its conditions names nothing: correct or remove it".to_owned(),
            |list| format!("`@{list}` is empty: it fits calls once something stands there"),
        );
        ("its `when` asks for what no call has", help)
    } else {
        ("its `unless` takes away every call its `when` asks for", "narrow `unless`".to_owned())
    };
    Diagnostic {
        help: Some(help),
        ..diagnostic(prover, rule, Code::DeadRule, format!("rule \"{}\" matches no call: {why}", rule.name))
    }
}

/// The name of a list that is all a condition of `rule` asks for, with others like it, and on which nothing stands.
fn empty_list<'a>(policy: &'a PolicyText, rule: &FirewallRule) -> Option<&'a str> {
    rule.when.iter().find_map(|condition| {
        let lists: Option<Vec<ListId>> = match condition {
            Condition::Numbers(_, terms) => terms
                .iter()
                .map(|term| if let NumberTerm::List(list) = term.value { Some(list) } else { None })
                .collect(),
            Condition::Text(_, terms) => terms
                .iter()
                .map(|term| if let TextTerm::List(list) = term.value { Some(list) } else { None })
                .collect(),
            Condition::Networks(_, terms) => terms
                .iter()
                .map(|term| if let NetworkTerm::List(list) = term.value { Some(list) } else { None })
                .collect(),
            _ => None,
        };
        let mut lists = lists?.into_iter().filter_map(|list| policy.lists.get(list.0 as usize)).peekable();
        let first = lists.peek()?.name.as_str();
        lists.all(|list| list.content.is_empty()).then_some(first)
    })
}

fn undecided(prover: &Prover<'_>, rule: &FirewallRule, cause: &Cause) -> Diagnostic {
    let message = format!("whether any call reaches rule \"{}\" is not decided: {cause}", rule.name);
    Diagnostic {
        level: Level::Info,
        help: Some("a literal text instead of `re:` can be decided".to_owned()),
        ..diagnostic(prover, rule, Code::UndecidedRegex, message)
    }
}

/// What earlier rules make of this one.
fn relation(
    prover: &Prover<'_>,
    index: usize,
    rule: &FirewallRule,
    shape: &Shape,
    call: &Witness,
    solved: &[Option<Solution>],
) -> Option<Diagnostic> {
    let space = &prover.space;
    let before = || space.policy.firewall.iter().zip(&space.shapes).enumerate().take(index);
    let same_calls = |place: usize, earlier: &Shape| {
        let Some(Some(Solution::Found(its_call))) = solved.get(place) else { return false };
        space.matches(earlier, call)
            && space.matches(shape, its_call)
            && space.covers(earlier, &shape.literals)
            && space.covers(shape, &earlier.literals)
    };
    let lasting = |earlier: &Shape, other: &FirewallRule| {
        earlier.awake && earlier.outlives(shape) && other.mode >= rule.mode
    };
    let twin = before().find(|(place, (other, earlier))| {
        other.action == rule.action && lasting(earlier, other) && same_calls(*place, earlier)
    });
    if let Some((_, (other, _))) = twin {
        return Some(duplicate(prover, rule, other, call));
    }
    let earlier = prover.earlier(index);
    match space.reach(shape.literals.clone(), &earlier) {
        Reach::Open(cause) => Some(undecided(prover, rule, &cause)),
        Reach::Taken(takers) => {
            let takers = space.fewest(&shape.literals, takers, &earlier, call);
            let rules: Vec<&FirewallRule> =
                takers.iter().filter_map(|&index| space.policy.firewall.get(index)).collect();
            if let ([other], [place]) = (rules.as_slice(), takers.as_slice()) {
                let same = space.shapes.get(*place).is_some_and(|earlier| same_calls(*place, earlier));
                if are_opposite(rule, other) && (same || opens(rule) || written_alike(prover, index, *place))
                {
                    return Some(swallowed(prover, rule, other, same, call));
                }
            }
            Some(shadowed(prover, rule, &rules, call))
        }
        Reach::Free(left) => before()
            .find(|(place, (other, earlier))| {
                are_opposite(rule, other)
                    && lasting(earlier, other)
                    && !earlier.literals.is_empty()
                    && written_alike(prover, index, *place)
            })
            .map(|(_, (other, _))| halved(prover, rule, other, &left)),
    }
}

fn duplicate(prover: &Prover<'_>, rule: &FirewallRule, other: &FirewallRule, call: &Witness) -> Diagnostic {
    let message = format!(
        "rule \"{}\" matches the same calls as \"{}\" and does the same; for example {call}",
        rule.name, other.name
    );
    Diagnostic {
        help: Some("remove one of them".to_owned()),
        related: Some((other.span.clone(), "the same rule, earlier".to_owned())),
        ..diagnostic(prover, rule, Code::DuplicateRule, message)
    }
}

fn swallowed(
    prover: &Prover<'_>,
    rule: &FirewallRule,
    other: &FirewallRule,
    same: bool,
    call: &Witness,
) -> Diagnostic {
    let what = if same { "matches the same calls and" } else { "takes every one of its calls and" };
    let message = format!(
        "rule \"{}\" {} calls, but \"{}\" before it {what} {} them; for example {call}",
        rule.name,
        verb(rule),
        other.name,
        verb(other),
    );
    let help = if same { "keep one of them" } else { "an exception stands before the rule it is taken from" };
    Diagnostic {
        help: Some(help.to_owned()),
        related: Some((other.span.clone(), format!("this rule {} the calls first", verb(other)))),
        ..diagnostic(prover, rule, Code::ContradictoryRule, message)
    }
}

fn halved(prover: &Prover<'_>, rule: &FirewallRule, other: &FirewallRule, left: &Witness) -> Diagnostic {
    let message = format!(
        "rule \"{}\" {} what \"{}\" under the same conditions {}; only calls whose identity no trusted peer \
         asserts still reach it, for example {left}",
        rule.name,
        verb(rule),
        other.name,
        verb(other),
    );
    Diagnostic {
        help: Some("keep one of them, or say in the conditions where they differ".to_owned()),
        related: Some((other.span.clone(), "the same conditions, the opposite action".to_owned())),
        ..diagnostic(prover, rule, Code::ContradictoryRule, message)
    }
}

fn shadowed(
    prover: &Prover<'_>,
    rule: &FirewallRule,
    takers: &[&FirewallRule],
    call: &Witness,
) -> Diagnostic {
    let named: Vec<String> =
        takers.iter().take(NAMED_MAX).map(|taker| format!("\"{}\"", taker.name)).collect();
    let more = match takers.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let together = if takers.len() > 1 { "together take" } else { "takes" };
    let message = format!(
        "rule \"{}\" is never reached: {}{more} before it {together} every call it matches; for example {call}",
        rule.name,
        named.join(", "),
    );
    Diagnostic {
        help: Some("move it up, or remove it".to_owned()),
        related: takers.first().map(|taker| (taker.span.clone(), "this rule comes first".to_owned())),
        ..diagnostic(prover, rule, Code::ShadowedRule, message)
    }
}

/// Tests for calls to emergency numbers that the guard lets pass.
fn emergency_frames(prover: &mut Prover<'_>) -> Vec<Vec<Literal>> {
    let question = Question { called: prover.emergency.clone(), services: true, name: String::new() };
    let confined = prover.confined(&question);
    let guarded = [Direction::Outbound, Direction::Internal];
    guarded.map(|direction| confined.iter().cloned().chain([prover.direction_is(direction)]).collect()).into()
}

fn emergency(
    prover: &Prover<'_>,
    index: usize,
    rule: &FirewallRule,
    shape: &Shape,
    frames: &[Vec<Literal>],
) -> Option<Diagnostic> {
    // A rule for all outbound calls meets emergency numbers by the way, and the emergency proof names it; one
    // that asks for certain called numbers and takes these means them.
    let names_numbers = shape.literals.iter().any(|literal| {
        literal.holds && matches!(&*literal.test, Test::Numbers { side: NumberField::Called, .. })
    });
    if !hinders(rule) || !names_numbers {
        return None;
    }
    let earlier = prover.earlier(index);
    let call = frames.iter().find_map(|frame| {
        let region = frame.iter().chain(&shape.literals).cloned().collect();
        match prover.space.reach(region, &earlier) {
            Reach::Free(call) => Some(call),
            Reach::Taken(_) | Reach::Open(_) => None,
        }
    })?;
    let message = format!(
        "rule \"{}\" would {} emergency calls, did the guard not come first; for example {call}",
        rule.name,
        infinitive(rule)
    );
    Some(Diagnostic {
        help: Some("emergency calls pass whatever it says; take them out of its conditions".to_owned()),
        ..diagnostic(prover, rule, Code::BlocksEmergency, message)
    })
}

/// Whether two rules were given the same conditions, whoever's word each of them trusts.
fn written_alike(prover: &Prover<'_>, one: usize, other: usize) -> bool {
    let shape = |index: usize| prover.space.shapes.get(index).map(|shape| shape.literals.as_slice());
    let (Some(one), Some(other)) = (shape(one), shape(other)) else { return false };
    let within =
        |a: &[Literal], b: &[Literal]| a.iter().all(|left| b.iter().any(|right| left.is_like(right)));
    one.len() == other.len() && within(one, other) && within(other, one)
}

impl Literal {
    fn is_like(&self, other: &Self) -> bool {
        self.holds == other.holds
            && match (&*self.test, &*other.test) {
                (
                    Test::Numbers { side, parties, .. },
                    Test::Numbers { side: other_side, parties: other_parties, .. },
                ) => side == other_side && parties == other_parties,
                (one, other) => one == other,
            }
    }
}

fn are_opposite(rule: &FirewallRule, other: &FirewallRule) -> bool {
    opens(rule) && closes(other) || closes(rule) && opens(other)
}

fn opens(rule: &FirewallRule) -> bool {
    matches!(rule.action, RuleAction::Allow | RuleAction::BypassIps)
}

fn closes(rule: &FirewallRule) -> bool {
    matches!(rule.action, RuleAction::Block(_) | RuleAction::Divert(_))
}

fn verb(rule: &FirewallRule) -> &'static str {
    match rule.action {
        RuleAction::Allow | RuleAction::BypassIps => "allows",
        RuleAction::Block(_) => "blocks",
        RuleAction::Divert(_) => "diverts",
        RuleAction::Limit(_) => "limits",
        RuleAction::Terminate => "ends",
        RuleAction::Tag(_) | RuleAction::Log => "marks",
    }
}

fn infinitive(rule: &FirewallRule) -> &'static str {
    verb(rule).trim_end_matches('s')
}

fn diagnostic(prover: &Prover<'_>, rule: &FirewallRule, code: Code, message: String) -> Diagnostic {
    Diagnostic {
        code,
        level: Level::Warning,
        message,
        help: None,
        file: prover.space.policy.file.clone(),
        span: rule.span.clone(),
        related: None,
    }
}

/// Rules that a message names before it counts the rest.
const NAMED_MAX: usize = 4;
