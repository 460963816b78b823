//! The prover against brute force: over a universe small enough to walk through, both must say the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod proof_support;

use proof_support::*;
use proptest::prelude::*;
use ringwall_rules::Policy;
use ringwall_rules::matching::Scratch;
use ringwall_rules::policy::{
    Code, Condition, FirewallRule, HoursId, NetworkField, NetworkTerm, NumberField, NumberTerm, PolicyText,
    RuleAction, RuleId, TextField, TextTerm, TimeTerm, WeekSet,
};
use ringwall_rules::proof::{CanMatch, Prover, Question};
use ringwall_rules::{
    Attestation, CallType, Direction, Flag, Flags, Headers, Identity, Method, Number, NumberSet, Origin,
    Party, Subject, Timestamp, Transport,
};

/// Numbers a policy draws from; every class that these tell apart has somebody in [`parties`].
const SETS: [&str; 3] = ["+12105550100", "+44*", "+1*"];
const TEXTS: [&str; 3] = ["ab", "b", "c"];

/// One choice after the other from a script that proptest makes and shrinks.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn below(&mut self, bound: usize) -> usize {
        *self.0.next().unwrap_or(&0) as usize % bound
    }
}

fn parties() -> Vec<Party> {
    let number = |text| Party::Number(number(text));
    vec![
        number("+12105550100"),
        number("+442079460100"),
        number("+13125550100"),
        Party::Anonymous,
        Party::Invalid,
    ]
}

fn term(dice: &mut Dice<'_>) -> NumberTerm {
    match dice.below(5) {
        4 => NumberTerm::Anonymous,
        3 => NumberTerm::Invalid(set("+44*")),
        index => NumberTerm::Set(set(SETS[index])),
    }
}

/// A condition of kind `kind`: few kinds a policy, so that rules meet.
fn condition(kind: usize, dice: &mut Dice<'_>) -> Condition {
    let net = |dice: &mut Dice<'_>| {
        let text = ["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "2001:db8::/32"][dice.below(4)];
        vec![proof_support::term(NetworkTerm::Network(text.parse().unwrap()))]
    };
    match kind {
        0 => Condition::Direction([1, 2, 3, 6, 7][dice.below(5)]),
        1 => numbers(NumberField::Caller, (0..=dice.below(2)).map(|_| term(dice)).collect::<Vec<_>>()),
        2 => numbers(NumberField::Called, (0..=dice.below(2)).map(|_| term(dice)).collect::<Vec<_>>()),
        3 => numbers(NumberField::Identity, [term(dice)]),
        4 => numbers(NumberField::ForwardedBy, [term(dice)]),
        5 => {
            let terms = [
                weekly(0, 0, 600),
                weekly(0, 600, 1440),
                TimeTerm::Inside(HoursId(0)),
                TimeTerm::Outside(HoursId(0)),
            ];
            time([terms[dice.below(4)].clone()])
        }
        6 => {
            user_agent((0..=dice.below(2)).map(|_| literal(TEXTS[dice.below(3)])).collect::<Vec<TextTerm>>())
        }
        7 => {
            let terms = vec![proof_support::term(literal(TEXTS[dice.below(3)]))];
            Condition::Text(TextField::Header("x-probe".into()), terms)
        }
        8 => Condition::Networks(NetworkField::Source, net(dice)),
        9 => Condition::Networks(NetworkField::Trunk, net(dice)),
        10 => Condition::Flag([Flag::Nul, Flag::BareLf].into_iter().take(dice.below(2) + 1).collect()),
        11 => Condition::IdentityMismatch(dice.below(2) == 0),
        _ => Condition::Attestation([1, 0b11110, 0b11111, 0b10][dice.below(4)]),
    }
}

const KINDS: usize = 13;

fn read(script: &[u8]) -> (PolicyText, Vec<usize>) {
    let mut dice = Dice(script.iter());
    let kinds: Vec<usize> = (0..3).map(|_| dice.below(KINDS)).collect();
    let count = 2 + dice.below(4);
    let firewall = (0..count).map(|index| draw(index, &kinds, &mut dice)).collect();
    let mut policy = policy(firewall);
    let mut week = WeekSet::EMPTY;
    week.add(0, 300, 1439);
    policy.hours.push(hours("business", week, &["2026-12-28"]));
    (policy, kinds)
}

fn draw(index: usize, kinds: &[usize], dice: &mut Dice<'_>) -> FirewallRule {
    let mut clauses = [Vec::new(), Vec::new()];
    for clause in &mut clauses {
        let mut used = Vec::new();
        for &kind in kinds {
            // A clause names a dimension at most once.
            if dice.below(2) == 1 && !used.contains(&kind) {
                used.push(kind);
                clause.push(condition(kind, dice));
            }
        }
    }
    let [when, unless] = clauses;
    let action = match dice.below(6) {
        0 | 1 => RuleAction::Allow,
        2 | 3 => block(),
        4 => RuleAction::Divert("sip:desk@example.com".into()),
        _ => RuleAction::Tag("odd".into()),
    };
    rule(&format!("rule {index}"), when, unless, action)
}

/// Everything that can stand on one side of a call: no one, or anyone of the universe, asserted or not.
fn identities(wanted: bool, origin: Origin) -> Vec<Vec<Identity>> {
    let mut all = vec![Vec::new()];
    for party in parties().into_iter().take(if wanted { 5 } else { 0 }) {
        all = all
            .into_iter()
            .flat_map(|side: Vec<Identity>| {
                let with = |asserted| {
                    side.iter().copied().chain([Identity { party, origin, asserted }]).collect::<Vec<_>>()
                };
                [side.clone(), with(false), with(true)]
            })
            .collect();
    }
    // Three identities at once are as many as three dimensions can ask for, but for `unless` of earlier rules.
    all
}

struct Universe {
    callers: Vec<Vec<Identity>>,
    forwarders: Vec<Vec<Identity>>,
    called: Vec<Vec<Party>>,
    directions: Vec<Direction>,
    moments: Vec<Timestamp>,
    agents: Vec<&'static str>,
    headers: Vec<Vec<&'static str>>,
    addresses: Vec<[&'static str; 2]>,
    flags: Vec<Flags>,
    mismatches: Vec<bool>,
    attestations: Vec<Option<Attestation>>,
}

/// Values of a header under test.
struct Probe(Vec<&'static str>);

impl Headers for Probe {
    fn any_value(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        name == "x-probe" && self.0.iter().any(|value| visit(value.as_bytes()))
    }
}

impl Universe {
    fn new(kinds: &[usize]) -> Self {
        let has = |kind| kinds.contains(&kind);
        fn only<T: Clone>(wanted: bool, all: &[T]) -> Vec<T> {
            all.iter().take(if wanted { all.len() } else { 1 }).cloned().collect()
        }
        let texts = ["", "b", "c", "ab", "b c", "ab c"];
        let subsets = |wanted: bool| {
            let mut all = vec![Vec::new()];
            for party in parties().into_iter().take(if wanted { 5 } else { 0 }) {
                all = all
                    .into_iter()
                    .flat_map(|side: Vec<Party>| {
                        let with = side.iter().copied().chain([party]).collect();
                        [side, with]
                    })
                    .collect();
            }
            all
        };
        let pairs = ["203.0.113.9", "10.0.0.1", "10.1.0.1", "2001:db8::1", "2001:db9::1"];
        let addresses: Vec<[&str; 2]> =
            pairs.iter().flat_map(|&source| pairs.map(|destination| [source, destination])).collect();
        Self {
            callers: identities(has(1) || has(3), Origin::From),
            forwarders: identities(has(4) || has(3), Origin::Diversion),
            called: subsets(has(2)),
            directions: only(has(0), Direction::ALL),
            moments: only(
                has(5),
                &[
                    "2026-10-13T03:00",
                    "2026-10-12T02:00",
                    "2026-10-12T07:00",
                    "2026-10-12T12:00",
                    "2026-10-12T23:59",
                    "2026-12-28T02:00",
                    "2026-12-28T07:00",
                    "2026-12-28T12:00",
                ]
                .map(at),
            ),
            agents: only(has(6), &texts),
            headers: only(has(7), &texts.map(|text| vec![text])),
            addresses: only(has(8) || has(9), &addresses),
            flags: only(
                has(10),
                &[
                    Flags::NONE,
                    Flags::of(Flag::Nul),
                    Flags::of(Flag::BareLf),
                    Flags::of(Flag::Nul).union(Flags::of(Flag::BareLf)),
                ],
            ),
            mismatches: only(has(11), &[false, true]),
            attestations: only(
                has(12),
                &[
                    None,
                    Some(Attestation::Full),
                    Some(Attestation::Partial),
                    Some(Attestation::Gateway),
                    Some(Attestation::None),
                    Some(Attestation::Failed),
                ],
            ),
        }
    }

    fn len(&self) -> usize {
        self.sizes().iter().product()
    }

    fn sizes(&self) -> [usize; 11] {
        [
            self.callers.len(),
            self.forwarders.len(),
            self.called.len(),
            self.directions.len(),
            self.moments.len(),
            self.agents.len(),
            self.headers.len(),
            self.addresses.len(),
            self.flags.len(),
            self.mismatches.len(),
            self.attestations.len(),
        ]
    }

    fn visit(&self, mut each: impl FnMut(&Subject<'_>)) {
        let sizes = self.sizes();
        for mut index in 0..self.len() {
            let [
                callers,
                forwarders,
                called,
                direction,
                moment,
                agent,
                header,
                address,
                flags,
                mismatch,
                signed,
            ] = sizes.map(|size| {
                let place = index % size;
                index /= size;
                place
            });
            let probe = Probe(self.headers[header].clone());
            let [source, destination] = self.addresses[address];
            each(&Subject {
                at: self.moments[moment],
                method: Method::Invite,
                direction: self.directions[direction],
                source: (source.parse::<std::net::IpAddr>().unwrap(), 5060).into(),
                destination: (destination.parse::<std::net::IpAddr>().unwrap(), 5060).into(),
                transport: Transport::Udp,
                callers: &self.callers[callers],
                forwarders: &self.forwarders[forwarders],
                called: &self.called[called],
                dialled: (0, 1),
                restricted: false,
                display_name: b"",
                user_agent: self.agents[agent].as_bytes(),
                hosts: [b"", b""],
                call_type: CallType::Voice,
                attestation: self.attestations[signed],
                signer: b"",
                identity_mismatch: self.mismatches[mismatch],
                priority: false,
                repeat: false,
                callback: false,
                flags: self.flags[flags],
                headers: &probe,
            });
        }
    }
}

/// What brute force knows about the rules of a policy.
struct Facts {
    /// For each subject a bit per rule that matches it; each distinct one once.
    patterns: Vec<u32>,
}

impl Facts {
    fn new(policy: &PolicyText, universe: &Universe, only: impl Fn(&Subject<'_>) -> bool) -> Self {
        let mut seen = [false; 64];
        universe.visit(|subject| {
            if only(subject) {
                let bits = policy.firewall.iter().enumerate();
                let bits = bits.map(|(index, rule)| usize::from(matches(policy, rule, subject)) << index);
                seen[bits.sum::<usize>()] = true;
            }
        });
        Self { patterns: (0..64).filter(|&bits| seen[bits as usize]).collect() }
    }

    fn any(&self, holds: impl Fn(u32) -> bool) -> bool {
        self.patterns.iter().any(|&bits| holds(bits))
    }

    fn matched(&self, index: usize) -> bool {
        self.any(|bits| bits >> index & 1 == 1)
    }

    fn reached(&self, index: usize, earlier: u32) -> bool {
        self.any(|bits| bits >> index & 1 == 1 && bits & earlier == 0)
    }

    fn same(&self, one: usize, other: usize) -> bool {
        !self.any(|bits| bits >> one & 1 != bits >> other & 1)
    }
}

fn enders(policy: &PolicyText, index: usize) -> u32 {
    (0..index).filter(|&place| ends(&policy.firewall[place])).map(|place| 1 << place).sum()
}

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn check(script: &[u8]) -> Result<(), TestCaseError> {
    let (policy, kinds) = read(script);
    let universe = Universe::new(&kinds);
    prop_assume!(universe.len() <= 130_000);
    let facts = Facts::new(&policy, &universe, |_| true);
    let emergency = NumberSet::EMPTY;
    let mut prover = Prover::new(&policy, &emergency, NOW);
    let findings = prover.findings();
    let matcher = Policy::new(policy.clone());
    let mut scratch = Scratch::default();
    for (index, rule) in policy.firewall.iter().enumerate() {
        let has = |code| findings.iter().any(|finding| finding.code == code && finding.span == rule.span);
        let earlier = enders(&policy, index);
        let matched = facts.matched(index);
        let reached = facts.reached(index, earlier);
        let twin =
            (0..index).any(|other| policy.firewall[other].action == rule.action && facts.same(index, other));
        prop_assert_eq!(has(Code::DeadRule), !matched, "dead: rule {} of {:#?}", index, policy.firewall);
        prop_assert!(!has(Code::UndecidedRegex), "undecided: {:#?}", findings);
        prop_assert_eq!(
            has(Code::DuplicateRule),
            matched && twin,
            "twin: rule {} of {:#?}",
            index,
            policy.firewall
        );
        let silenced = has(Code::ShadowedRule) || has(Code::DuplicateRule) || has(Code::ContradictoryRule);
        if matched && !reached {
            prop_assert!(silenced, "missed: rule {} of {:#?}", index, policy.firewall);
        }
        if has(Code::ShadowedRule) {
            prop_assert!(matched && !reached, "not shadowed: rule {} of {:#?}", index, policy.firewall);
        }
        match prover.can_match(RuleId(index as u32)) {
            CanMatch::Never => prop_assert!(!matched),
            CanMatch::Yes(call) => {
                prop_assert!(reached, "not reached: rule {} of {:#?}", index, policy.firewall);
                prop_assert!(reaches(&policy, index, &call.subject()), "{call} misses rule {index}");
                let verdict = matcher.judge(&call.subject(), &mut matcher.limits(), &mut scratch);
                let decides = !ends(rule) || verdict.rule == Some(RuleId(index as u32));
                prop_assert!(decides, "the matcher sends {call} to {:?}, not to {index}", verdict.rule);
            }
            CanMatch::Shadowed(takers) => {
                let mask: u32 = takers.iter().map(|taker| 1 << taker.0).sum();
                prop_assert!(matched && !reached);
                prop_assert!(!facts.reached(index, mask), "not enough: {takers:?} for {index}");
                for taker in &takers {
                    let fewer = mask & !(1 << taker.0);
                    prop_assert!(facts.reached(index, fewer), "{taker:?} is not needed for {index}");
                }
            }
            CanMatch::Undecided(cause) => prop_assert!(false, "undecided: {cause}"),
        }
        contradictions(&policy, &facts, index, has(Code::ContradictoryRule), twin)?;
    }
    questions(&policy, &universe, &mut prover)
}

/// An opposite earlier rule that alone takes all calls: then it is a contradiction where both match the same, or
/// where an exception comes too late.
fn contradictions(
    policy: &PolicyText,
    facts: &Facts,
    index: usize,
    found: bool,
    twin: bool,
) -> Result<(), TestCaseError> {
    let opens = |rule: &FirewallRule| matches!(rule.action, RuleAction::Allow | RuleAction::BypassIps);
    let rule = &policy.firewall[index];
    let earlier = enders(policy, index);
    if !facts.matched(index) || facts.reached(index, earlier) || twin {
        return Ok(());
    }
    let alone = (0..index).find(|&place| earlier >> place & 1 == 1 && !facts.reached(index, 1 << place));
    let Some(alone) = alone else {
        prop_assert!(!found, "a union is no contradiction: rule {} of {:#?}", index, policy.firewall);
        return Ok(());
    };
    let opposite =
        opens(rule) != opens(&policy.firewall[alone]) && !matches!(rule.action, RuleAction::Tag(_));
    if opposite && (opens(rule) || facts.same(index, alone)) {
        prop_assert!(found, "contradiction missed: rule {} of {:#?}", index, policy.firewall);
    }
    if !opposite {
        prop_assert!(!found, "no contradiction: rule {} of {:#?}", index, policy.firewall);
    }
    Ok(())
}

/// Who can block one number, by both.
fn questions(policy: &PolicyText, universe: &Universe, prover: &mut Prover<'_>) -> Result<(), TestCaseError> {
    let asked: Number = number("+12105550100");
    if !universe.called.iter().any(|called| *called == [Party::Number(asked)])
        || universe.directions.len() < 3
    {
        return Ok(());
    }
    let question = Question { called: NumberSet::exact(asked), services: false, name: asked.to_string() };
    let answer = prover.who_can_block(&question);
    for &direction in Direction::ALL {
        let facts = Facts::new(policy, universe, |subject| {
            subject.direction == direction && subject.called == [Party::Number(asked)]
        });
        for (index, rule) in policy.firewall.iter().enumerate() {
            let hinders = matches!(rule.action, RuleAction::Block(_) | RuleAction::Divert(_));
            let can = hinders && facts.reached(index, enders(policy, index));
            let power = answer
                .powers
                .iter()
                .find(|power| power.rule == RuleId(index as u32) && power.direction == direction);
            prop_assert_eq!(power.is_some(), can, "rule {} {:?} of {:#?}", index, direction, policy.firewall);
            if let Some(power) = power {
                prop_assert!(reaches(policy, index, &power.witness.subject()));
                prop_assert!(power.witness.called.iter().all(|&party| party == Party::Number(asked)));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_prover_and_brute_force_agree(script in proptest::collection::vec(any::<u8>(), 40..120)) {
        check(&script)?;
    }
}
