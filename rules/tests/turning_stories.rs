//! What would turn a verdict, on policies as they are written: each change of the policy is made in its text and read again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "no product code")]

mod matching_support;

use std::fmt::Write as _;

use matching_support::{Call, Dice, NOON};
use ringwall_rules::matching::Scratch;
use ringwall_rules::policy::*;
use ringwall_rules::subject::*;
use ringwall_rules::verdict::Verdict;
use ringwall_rules::{Action, Timestamp};

fn read_policy(text: &str, files: &MemoryFiles) -> Policy {
    let read = read("acme.toml", text, files, Timestamp::from_seconds(NOON));
    Policy::new(read.policy.unwrap_or_else(|| panic!("{:#?} in {text}", read.diagnostics)))
}

const CUSTOMER: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\n\
     numbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\ntrunks = [\"10.20.0.0/16\"]\n\
     [hours.business]\ndays = \"Mon-Fri\"\nopen = \"08:00-17:00\"\n";

fn policy(text: &str) -> Policy {
    read_policy(&format!("{CUSTOMER}{text}"), &MemoryFiles::new())
}

fn explain(policy: &Policy, call: &Call) -> Explanation {
    policy.explain(&call.subject(), &policy.limits())
}

/// `caller not @harassment -> allow`, one for each way of the call.
fn of_call(policy: &Policy, call: &Call) -> Vec<String> {
    let said = |told: &Told| {
        format!("{} {}{}", told.dimension, if told.holds { "" } else { "not " }, told.terms.join(", "))
    };
    let ways = explain(policy, call).turning.of_call.ways;
    let said = ways.iter().map(|way| {
        format!("{} -> {}", way.told.iter().map(said).collect::<Vec<_>>().join(" and "), way.action.word())
    });
    said.collect()
}

fn of_policy(policy: &Policy, call: &Call) -> Vec<Vec<Change>> {
    explain(policy, call).turning.of_policy.ways.into_iter().map(|way| way.changes).collect()
}

/// At ten in the morning, where Acme is.
fn inbound() -> Call {
    Call { at: Timestamp::from_seconds(NOON + 3 * 3_600), ..Call::new("+12125550166", "+12105550101") }
}

#[test]
fn a_listed_caller_would_pass_off_the_list_by_the_entry_or_without_the_rule() {
    let policy = policy(
        "[lists.harassment]\nnumbers = [\"+1 212 555 0166\"]\n\
         [[firewall]]\nname = \"harassing\"\nwhen = { direction = \"inbound\", caller = \"@harassment\" }\naction = \"block\"\n",
    );
    let ways = of_call(&policy, &inbound());
    assert_eq!(ways[0], "caller not @harassment -> allow", "{ways:?}");
    let edits = of_policy(&policy, &inbound());
    assert!(
        matches!(&edits[..], [off, entry]
        if matches!(off[..], [Change::Off(RuleId(0))]) && matches!(entry[..], [Change::Unlisted(_)])),
        "{edits:?}"
    );
}

#[test]
fn an_entry_that_another_stands_behind_is_no_way_out() {
    let policy = policy(
        "[lists.harassment]\nnumbers = [\"+1 212 555 0166\", \"+1 212 555*\"]\n\
         [[firewall]]\nname = \"harassing\"\nwhen = { caller = \"@harassment\" }\naction = \"block\"\n",
    );
    assert_eq!(of_policy(&policy, &inbound()), [[Change::Off(RuleId(0))]]);
}

#[test]
fn what_two_rules_block_takes_two_changes_and_three_are_too_many() {
    let agent = "[[firewall]]\nname = \"scanner\"\nwhen = { user_agent = \"cisco\" }\naction = \"block\"\n";
    let source = "[[firewall]]\nname = \"net\"\nwhen = { source = \"192.0.2.0/24\" }\naction = \"block\"\n";
    let method = "[[firewall]]\nname = \"method\"\nwhen = { method = \"INVITE\" }\naction = \"block\"\n";
    let two = policy(&format!("{agent}{source}"));
    assert!(
        of_call(&two, &inbound())
            .contains(&"user_agent not cisco and source not 192.0.2.0/24 -> allow".to_owned())
    );
    assert_eq!(of_policy(&two, &inbound()), [[Change::Off(RuleId(0)), Change::Off(RuleId(1))]]);
    let three = explain(&policy(&format!("{agent}{source}{method}")), &inbound()).turning;
    assert_eq!((three.of_call.extent, three.of_policy.extent), (Extent::Beyond, Extent::Beyond));
}

#[test]
fn a_rule_that_asks_for_what_cannot_be_is_never_near() {
    let policy = policy(
        "[[firewall]]\nname = \"never\"\nwhen = { called = \"+44*\" }\nunless = { called = \"+44*\" }\naction = \"block\"\n",
    );
    let turning = explain(&policy, &inbound()).turning;
    assert_eq!((turning.of_call.ways, turning.of_call.extent), (Vec::new(), Extent::Beyond));
}

#[test]
fn a_call_that_passes_is_told_what_would_refuse_it() {
    let policy = policy(
        "[[firewall]]\nname = \"far\"\nwhen = { caller = \"+44*\" }\naction = { block = 403 }\n\
         [[firewall]]\nname = \"late\"\nwhen = { time = \"outside business\" }\naction = \"block\"\n\
         [[firewall]]\nname = \"out\"\nwhen = { direction = \"outbound\" }\naction = \"block\"\n\
         [[firewall]]\nname = \"watch\"\nmode = \"shadow\"\nwhen = { caller = \"+1212*\" }\naction = \"block\"\n",
    );
    let told = of_call(&policy, &inbound());
    assert_eq!(told, ["caller +44* -> block", "time outside business -> block"]);
    assert_eq!(of_policy(&policy, &inbound()), [[Change::Enforced(RuleId(3))]]);
    // From inside to a number that is not its own it would be outbound: either alone turns nothing into that.
    let mut inside = inbound();
    inside.source = "10.20.1.1:5060".parse().unwrap();
    inside.direction = Direction::Internal;
    let told = of_call(&policy, &inside);
    assert!(told.contains(&"direction outbound -> block".to_owned()), "{told:?}");
}

#[test]
fn nothing_turns_an_emergency_call() {
    let policy = policy("[[firewall]]\nname = \"all\"\naction = \"block\"\n");
    let mut call = Call::new("+12105550101", "911");
    call.direction = Direction::Outbound;
    let Turning { of_call, of_policy } = explain(&policy, &call).turning;
    assert_eq!((of_call.extent, of_policy.extent), (Extent::Nowhere, Extent::Nowhere));
}

#[test]
fn a_policy_that_only_reports_is_told_what_would_turn_what_it_reports() {
    let text = CUSTOMER.replace("[hours", "mode = \"shadow\"\n[hours");
    let rule = "[[firewall]]\nname = \"far\"\nwhen = { caller = \"+1212*\" }\naction = \"block\"\n";
    let policy = read_policy(&format!("{text}{rule}"), &MemoryFiles::new());
    assert_eq!(of_call(&policy, &inbound()), ["caller not +1212* -> allow"]);
    assert_eq!(of_policy(&policy, &inbound()), [[Change::Off(RuleId(0))]]);
}

#[test]
fn thousands_of_rules_near_a_call_are_searched_within_bounds() {
    let mut text = String::new();
    for index in 0..3_000 {
        let _ = write!(
            text,
            "[[firewall]]\nname = \"{index}\"\nwhen = {{ caller = \"+4420{index:04}*\", user_agent = \"a{index}\" }}\naction = \"block\"\n"
        );
    }
    let turning = explain(&policy(&text), &inbound()).turning;
    assert!(turning.of_call.ways.iter().all(|way| way.changes.len() == 2), "{turning:?}");
    assert_ne!(turning.of_call.extent, Extent::Nowhere);
}

/// A policy that can be edited.
#[derive(Clone, Debug)]
struct Draft {
    shadow: bool,
    inline: Vec<&'static str>,
    file: Vec<&'static str>,
    rules: Vec<(String, bool)>,
}

const NUMBERS: [&str; 5] = ["+12125550166", "+12125550167", "+1212555*", "+44*", "+442079460123"];

impl Draft {
    fn new(dice: &mut Dice) -> Self {
        let numbers = |dice: &mut Dice| (0..dice.below(4)).map(|_| *dice.pick(&NUMBERS)).collect();
        let rules = (0..=dice.below(4)).map(|_| (rule(dice), dice.one_in(4))).collect();
        Self { shadow: dice.one_in(6), inline: numbers(dice), file: numbers(dice), rules }
    }

    fn policy(&self) -> Policy {
        let mut text = CUSTOMER.to_owned();
        if self.shadow {
            text = text.replace("[hours", "mode = \"shadow\"\n[hours");
        }
        let inline =
            self.inline.iter().fold("\"+33199000999\"".to_owned(), |all, one| format!("{all}, \"{one}\""));
        let _ = write!(text, "[lists.one]\nnumbers = [{inline}]\n[lists.two]\nnumbers_file = \"two.csv\"\n");
        for (place, (rule, shadow)) in self.rules.iter().enumerate() {
            let mode = if *shadow { "shadow" } else { "enforce" };
            let _ = write!(text, "[[firewall]]\nname = \"rule {place}\"\nmode = \"{mode}\"\n{rule}");
        }
        let file =
            self.file.iter().fold("number\n+33199000998\n".to_owned(), |all, one| format!("{all}{one}\n"));
        read_policy(&text, &MemoryFiles::new().with("two.csv", file))
    }

    /// The draft without a rule, with a rule in force, or without an entry.
    fn edited(&self, changes: &[Change], policy: &Policy) -> Self {
        let mut edited = self.clone();
        let mut off: Vec<usize> = Vec::new();
        for change in changes {
            match change {
                Change::Off(rule) => off.push(rule.0 as usize),
                Change::Enforced(rule) => edited.rules[rule.0 as usize].1 = false,
                Change::Unlisted(hit) => {
                    let (list, entry) = policy.entry(*hit).unwrap();
                    let list = if list.name == "one" { &mut edited.inline } else { &mut edited.file };
                    let place = list.iter().position(|one| *one == entry.number).unwrap();
                    list.remove(place);
                }
                other => panic!("{other:?} is no change of a policy"),
            }
        }
        off.sort_unstable();
        off.into_iter().rev().for_each(|place| _ = edited.rules.remove(place));
        edited
    }

    /// Every draft that differs in one of these ways.
    fn neighbours(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let changed = |change: &dyn Fn(&mut Self)| {
            let mut draft = self.clone();
            change(&mut draft);
            draft
        };
        for place in 0..self.rules.len() {
            all.push(changed(&|draft| _ = draft.rules.remove(place)));
            if self.rules[place].1 && !self.shadow {
                all.push(changed(&|draft| draft.rules[place].1 = false));
            }
        }
        all.extend((0..self.inline.len()).map(|place| changed(&|draft| _ = draft.inline.remove(place))));
        all.extend((0..self.file.len()).map(|place| changed(&|draft| _ = draft.file.remove(place))));
        all
    }
}

fn rule(dice: &mut Dice) -> String {
    let conditions =
        ["caller = \"@one\"", "caller = [\"@two\", \"@one\"]", "identity = \"@two\"", "caller = \"+44*\""];
    let others =
        ["", ", direction = \"inbound\"", ", user_agent = \"cisco\"", ", time = \"outside business\""];
    let (condition, other) = (*dice.pick(&conditions), *dice.pick(&others));
    let unless = ["", "", "unless = { caller = \"@two\" }\n", "unless = { called = \"+12105550101\" }\n"];
    let actions = ["\"block\"", "\"block\"", "{ block = 403 }", "\"allow\"", "{ tag = \"odd\" }"];
    format!("when = {{ {condition}{other} }}\n{}action = {}\n", dice.pick(&unless), dice.pick(&actions))
}

fn outcome(policy: &Policy, call: &Call) -> (Action, Option<u16>) {
    let verdict: Verdict = policy.judge(&call.subject(), &mut policy.limits(), &mut Scratch::default());
    let (action, rule) = match verdict.would.filter(|_| policy.text().customer.mode == Mode::Shadow) {
        Some(would) => (would, verdict.would_rule),
        None => (verdict.action, verdict.rule),
    };
    let rule = rule.filter(|_| matches!(action, Action::Block | Action::Limit));
    (action, rule.and_then(|rule| policy.response(rule)?.code()))
}

#[test]
fn a_policy_written_as_told_decides_as_told_and_no_single_edit_was_overlooked() {
    let mut kinds = [0u32; 4];
    for seed in 0..1_500 {
        let mut dice = Dice::new(seed);
        let draft = Draft::new(&mut dice);
        let policy = draft.policy();
        let mut call =
            Call::new(dice.pick::<&str>(&["+12125550166", "+442079460123", "+33199000123"]), "+12105550101");
        call.callers[0].asserted = dice.one_in(3);
        let before = outcome(&policy, &call);
        let found = explain(&policy, &call).turning.of_policy;
        for way in &found.ways {
            let edited = draft.edited(&way.changes, &policy);
            let told = (way.action, way.response.and_then(Response::code));
            assert_eq!(outcome(&edited.policy(), &call), told, "{way:?} of {call:?} under {draft:?}");
            assert_ne!(told, before);
            kinds[way.changes.len()] += 1;
            kinds[3] += u32::from(way.changes.iter().any(|change| matches!(change, Change::Unlisted(_))));
        }
        let turns = draft.neighbours().into_iter().find(|one| outcome(&one.policy(), &call) != before);
        let is_single = found.ways.first().is_some_and(|way| way.changes.len() == 1);
        assert_eq!(turns.is_some(), is_single, "{turns:?} of {call:?} under {draft:?}: {found:?}");
    }
    assert!(kinds[1..].iter().all(|count| *count > 30), "{kinds:?}");
}
