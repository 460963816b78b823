//! Questions about a policy, answered for all calls there are.

use std::borrow::Cow;

use super::Prover;
use super::numbers::{ANONYMOUS, EMERGENCY, INVALID, Parties};
use super::search::Reach;
use super::solve::{Cause, Solution};
use super::space::{Choice, Literal, Test};
use super::witness::Witness;
use crate::number_set::NumberSet;
use crate::policy::{FirewallRule, Mode, NumberField, RuleAction, RuleId};
use crate::subject::Direction;

/// Calls to certain numbers and, when asked for, to emergency services by URN.
#[derive(Clone, Debug)]
pub struct Question {
    /// The called numbers.
    pub called: NumberSet,
    /// Whether `urn:service:sos` is asked for as well.
    pub services: bool,
    /// How people call them: `911 or 112`.
    pub name: String,
}

/// Which rules can stand in the way of the calls of a [`Question`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// Every rule that can, once for each direction, and once more where the guard overrides it.
    pub powers: Vec<Power>,
    /// Rules that could not be decided, and why.
    pub undecided: Vec<(RuleId, Cause)>,
    /// The proof in sentences, with every rule named.
    pub sentence: String,
}

/// What one rule can do to a call in question.
#[derive(Clone, Debug)]
pub struct Power {
    /// The rule.
    pub rule: RuleId,
    /// Which way the call goes.
    pub direction: Direction,
    /// Whether the emergency guard comes first and lets the call pass.
    pub guarded: bool,
    /// Whether the rule only reports what it would do.
    pub reports_only: bool,
    /// A call that reaches the rule and is matched by it.
    pub witness: Witness,
}

/// Whether a rule matches any call, and whether any reaches it.
#[derive(Clone, Debug)]
pub enum CanMatch {
    /// This call reaches it and is matched.
    Yes(Box<Witness>),
    /// No call at all fits its conditions, or it is off or has expired.
    Never,
    /// Every call it matches is taken by these earlier rules.
    Shadowed(Vec<RuleId>),
    /// It could not be decided.
    Undecided(Cause),
}

impl Prover<'_> {
    /// Whether any call can reach `rule` and be matched by it.
    pub fn can_match(&self, rule: RuleId) -> CanMatch {
        let index = rule.0 as usize;
        let Some(shape) = self.space.shapes.get(index).filter(|shape| shape.awake) else {
            return CanMatch::Never;
        };
        let own = match self.space.solve(&shape.literals) {
            Solution::Empty => return CanMatch::Never,
            Solution::Open(cause) => return CanMatch::Undecided(cause),
            Solution::Found(call) => call,
        };
        let earlier = self.earlier(index);
        match self.space.reach(shape.literals.clone(), &earlier) {
            Reach::Free(call) => CanMatch::Yes(call),
            Reach::Open(cause) => CanMatch::Undecided(cause),
            Reach::Taken(takers) => {
                let takers = self.space.fewest(&shape.literals, takers, &earlier, &own);
                CanMatch::Shadowed(takers.into_iter().map(|index| RuleId(index as u32)).collect())
            }
        }
    }

    /// Which rules can block, divert, limit or end a call to the numbers asked for: from whatever caller, at
    /// whatever time, over whatever trunk.
    pub fn who_can_block(&mut self, question: &Question) -> Answer {
        let part = |called: NumberSet, services| Question { called, services, name: String::new() };
        let listed = part(question.called.intersection(self.emergency), question.services);
        let unlisted = part(question.called.difference(self.emergency), false);
        // Calls from outside to an emergency number are no emergency calls; calls to the service always are.
        let numbers = part(question.called.clone(), false);
        let services = part(NumberSet::EMPTY, question.services);
        let mut answer = Answer { powers: Vec::new(), undecided: Vec::new(), sentence: String::new() };
        for direction in Direction::ALL.iter().copied() {
            // Without trunks nobody knows which way a call to an emergency number goes: it passes.
            let inbound = direction == Direction::Inbound && !self.space.policy.customer.trunks.is_empty();
            let (open, guarded) = if inbound { (&numbers, &services) } else { (&unlisted, &listed) };
            self.powers(open, direction, false, &mut answer);
            self.powers(guarded, direction, true, &mut answer);
        }
        answer.powers.sort_by_key(|power| (power.rule, power.direction as u8, power.guarded));
        answer.undecided.sort_by_key(|(rule, _)| *rule);
        answer.undecided.dedup_by_key(|(rule, _)| *rule);
        answer.sentence = self.sentence(question, !listed.is_empty(), !unlisted.is_empty(), &answer);
        answer
    }

    /// The emergency proof that every `check` prints: which rules can stand in the way of the guarded numbers.
    pub fn emergency(&mut self, name: &str) -> Answer {
        let question = Question { called: self.emergency.clone(), services: true, name: name.to_owned() };
        self.who_can_block(&question)
    }

    fn powers(&mut self, question: &Question, direction: Direction, guarded: bool, answer: &mut Answer) {
        if question.is_empty() {
            return;
        }
        let mut frame = self.confined(question);
        frame.push(self.direction_is(direction));
        for (index, rule) in self.space.policy.firewall.iter().enumerate() {
            let Some(shape) = self.space.shapes.get(index).filter(|shape| shape.awake && hinders(rule))
            else {
                continue;
            };
            let region = frame.iter().chain(&shape.literals).cloned().collect();
            let rule_id = RuleId(index as u32);
            match self.space.reach(region, &self.earlier(index)) {
                Reach::Taken(_) => {}
                Reach::Open(cause) => answer.undecided.push((rule_id, cause)),
                Reach::Free(witness) => answer.powers.push(Power {
                    rule: rule_id,
                    direction,
                    guarded,
                    reports_only: rule.mode == Mode::Shadow,
                    witness: *witness,
                }),
            }
        }
    }

    /// Tests that hold exactly for calls to what is asked for and to nothing else.
    pub(super) fn confined(&mut self, question: &Question) -> Vec<Literal> {
        let numbers = &mut self.space.numbers;
        let services = if question.services { EMERGENCY } else { 0 };
        let wanted = Parties {
            atoms: numbers.set(Cow::Owned(question.called.clone())).into_iter().collect(),
            words: services,
        };
        let rest = NumberSet::all().difference(&question.called);
        let unwanted = Parties {
            atoms: numbers.set(Cow::Owned(rest)).into_iter().collect(),
            words: (ANONYMOUS | INVALID | EMERGENCY) & !services,
        };
        [(wanted, true), (unwanted, false)]
            .map(|(parties, holds)| {
                let test = Test::Numbers { side: NumberField::Called, asserted: false, parties };
                self.space.literal(test, holds)
            })
            .to_vec()
    }

    /// The test that a call goes this way.
    pub(super) fn direction_is(&mut self, direction: Direction) -> Literal {
        self.space.literal(Test::Bits(Choice::Direction, 1 << direction as u8), true)
    }

    /// The rules before `index` that can keep a call from it for as long as it is there.
    pub(super) fn earlier(&self, index: usize) -> Vec<usize> {
        let Some(own) = self.space.shapes.get(index) else { return Vec::new() };
        let before = self.space.shapes.iter().enumerate().take(index);
        before
            .filter(|(_, shape)| shape.awake && shape.ends && shape.outlives(own))
            .map(|(place, _)| place)
            .collect()
    }

    fn sentence(&self, question: &Question, any_guarded: bool, any_open: bool, answer: &Answer) -> String {
        let name = &question.name;
        let mut sentences = Vec::new();
        if any_guarded {
            let leaves = |power: &&Power| power.guarded && power.direction != Direction::Inbound;
            let overridden = self.names(answer.powers.iter().filter(leaves));
            let coda = match overridden.as_slice() {
                [] => "and no rule matches such a call".to_owned(),
                [only] => format!("one rule matches such calls and is overridden: {only}"),
                several => {
                    format!(
                        "{} rules match such calls and are overridden: {}",
                        several.len(),
                        several.join(", ")
                    )
                }
            };
            sentences.push(format!(
                "no rule can block {name} outbound or internal: the guard comes before every rule; {coda}"
            ));
        }
        let scope = match (any_guarded, any_open) {
            (true, false) => "inbound",
            (true, true) => "inbound, or where the guard does not hold",
            (false, _) => "in any direction",
        };
        let undecided: Vec<String> =
            answer.undecided.iter().map(|(rule, cause)| format!("{} ({cause})", self.name(*rule))).collect();
        for (reports_only, verb) in [(false, "can"), (true, "would, were they not only reporting,")] {
            let powers =
                answer.powers.iter().filter(|power| !power.guarded && power.reports_only == reports_only);
            let rules = self.names(powers.clone());
            match (rules.as_slice(), reports_only) {
                ([], true) => {}
                ([], false) if undecided.is_empty() => sentences.push(format!(
                    "no rule can block {name} {scope}: not for any caller, time, trunk or header"
                )),
                ([], false) => {
                    sentences.push(format!("no rule that could be decided can block {name} {scope}"));
                }
                (several, _) => {
                    let example = powers.clone().next().map(|power| power.witness.to_string());
                    sentences.push(format!(
                        "{} {verb} block {name} {scope}: {}; for example {}",
                        counted(several.len()),
                        several.join(", "),
                        example.unwrap_or_default()
                    ));
                }
            }
        }
        if !undecided.is_empty() {
            sentences.push(format!("not decided: {}", undecided.join(", ")));
        }
        if any_open && self.space.policy.ips.iter().any(|threshold| threshold.mode != Mode::Off) {
            sentences.push("thresholds may block on top, once they are breached".to_owned());
        }
        sentences.join(". ")
    }

    fn names<'p>(&self, powers: impl Iterator<Item = &'p Power>) -> Vec<String> {
        let mut rules: Vec<RuleId> = powers.map(|power| power.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules.into_iter().map(|rule| self.name(rule)).collect()
    }

    fn name(&self, rule: RuleId) -> String {
        let rule = self.space.policy.firewall.get(rule.0 as usize);
        format!("\"{}\"", rule.map_or("", |rule| rule.name.as_str()))
    }
}

impl Question {
    fn is_empty(&self) -> bool {
        self.called.is_empty() && !self.services
    }
}

/// Whether the rule can stand in the way of a call.
pub(super) fn hinders(rule: &FirewallRule) -> bool {
    matches!(
        rule.action,
        RuleAction::Block(_) | RuleAction::Divert(_) | RuleAction::Limit(_) | RuleAction::Terminate
    )
}

fn counted(rules: usize) -> String {
    if rules == 1 { "one rule".to_owned() } else { format!("{rules} rules") }
}
