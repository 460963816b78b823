use proptest::prelude::*;

use super::*;
use crate::policy::{MemoryFiles, read};

const NOW: Timestamp = Timestamp::from_seconds(1_790_856_000);

const HEAD: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0149\"]\n\
     protected = [\"+1 210 555 0160\"]\n[[firewall]]\nname = \"bad\"\nwhen = { caller = \"@bad\" }\naction = \"block\"\n";

/// A policy whose list `bad` is written so, and read from this file.
fn policy(list: &str, file: &str) -> PolicyText {
    let text = format!("{HEAD}[lists.bad]\n{list}\n");
    let files = MemoryFiles::new().with("bad.csv", file);
    let reading = read("acme.toml", &text, &files, NOW);
    reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics))
}

fn of_file(file: &str) -> PolicyText {
    policy("numbers_file = \"bad.csv\"", file)
}

fn addition(number: &str) -> Addition {
    Addition { line: 1, number: number.to_owned(), ..Addition::default() }
}

fn added(policy: &PolicyText, additions: Vec<Addition>) -> Edited {
    add(policy, "bad", additions, ("2026-10-01", NOW)).unwrap()
}

fn text(edited: &Edited) -> &str {
    std::str::from_utf8(&edited.files[0].1).unwrap()
}

#[test]
fn an_entry_goes_into_the_columns_that_the_file_has() {
    let full = Addition {
        reason: Some("calls, daily".to_owned()),
        expires: Some("2026-12-31".to_owned()),
        ..addition("(202) 555-0150")
    };
    for (file, expected) in [
        (
            "number,category,reason,case,added,expires\n+12025550143,,,,,\n",
            "number,category,reason,case,added,expires\n+12025550143,,,,,\n\
             +12025550150,,\"calls, daily\",,2026-10-01,2026-12-31\n",
        ),
        (
            "reason;number\nold;+12025550143",
            "reason;number;added;expires\nold;+12025550143\ncalls, daily;+12025550150;2026-10-01;2026-12-31\n",
        ),
        (
            "+12025550143,fraud\r\n",
            "number,column2,added,reason,expires\n+12025550143,fraud\r\n+12025550150,,2026-10-01,\"calls, daily\",2026-12-31\n",
        ),
        (
            "\u{feff}# ours\nnumber\n# old\n+12025550143\n",
            "\u{feff}# ours\nnumber,added,reason,expires\n# old\n+12025550143\n+12025550150,2026-10-01,\"calls, daily\",2026-12-31\n",
        ),
    ] {
        let before = of_file(file);
        let edited = added(&before, vec![full.clone()]);
        assert_eq!(text(&edited), expected);
        let after = of_file(text(&edited));
        let entry = after.lists[0].listed(&after).last().unwrap().entry;
        assert_eq!(
            (entry.number.as_str(), entry.reason.as_deref(), entry.expires.as_deref()),
            ("+12025550150", Some("calls, daily"), Some("2026-12-31"))
        );
        assert_eq!(entry.added.as_deref(), Some("2026-10-01"));
        assert_eq!(after.lists[0].listed(&after).count(), 2);
    }
}

#[test]
fn what_is_there_is_not_written_again_unless_it_lasts_longer() {
    let policy = of_file("number,expires\n+12025550143\n+12025550144,2026-11-01\n1900*\n");
    let lasting =
        |number: &str, expires: &str| Addition { expires: Some(expires.to_owned()), ..addition(number) };
    let edited = added(
        &policy,
        vec![
            addition("202 555 0143"),
            addition("+1 900 555 0100"),
            addition("+1900*"),
            lasting("+12025550144", "2026-10-20"),
            addition("+12025550144"),
            addition("+1 202 555 0150"),
            addition("12025550150"),
            lasting("+12025550150", "2026-11-01"),
            lasting("+12025550151", "2026-11-01"),
            lasting("+12025550151", "2026-11-02"),
        ],
    );
    assert_eq!((edited.done, edited.needless, edited.refused), (4, 6, 0), "{}", text(&edited));
}

#[test]
fn what_may_not_be_blocked_or_read_is_refused_alone() {
    let policy = of_file("number\n+12025550143\n");
    let bad = [
        ("911", "is an emergency number"),
        ("2105550110", "is a number of the customer"),
        ("+1 210 555*", "holds +12105550100, a number of the customer"),
        ("+1 210 555 0160", "is a protected number"),
        ("hello", "is no number"),
        ("+1 202 555 0150 - +1 202 555 0140", "wrong way round"),
    ];
    let mut additions: Vec<Addition> =
        (0..).zip(bad).map(|(line, (number, _))| Addition { line, ..addition(number) }).collect();
    additions.push(addition("+12025550155"));
    additions.push(Addition { expires: Some("2026-09-30".to_owned()), ..addition("+12025550156") });
    additions.push(Addition { expires: Some("soon".to_owned()), ..addition("+12025550157") });
    let edited = added(&policy, additions);
    for ((line, why), (number, expected)) in edited.refusals.iter().zip(bad) {
        assert!(why.starts_with(number) && why.contains(expected), "{line}: {why}");
    }
    assert!(edited.refusals.iter().any(|(_, why)| why.contains("it ended on 2026-09-30")));
    assert!(edited.refusals.iter().any(|(_, why)| why.contains("is no date")));
    assert!(text(&edited).ends_with("+12025550143\n+12025550155,2026-10-01\n"), "{}", text(&edited));
}

#[test]
fn control_characters_and_quotes_stay_inside_their_field() {
    let policy = of_file("number,reason\n+12025550143,\n");
    let nasty =
        Addition { reason: Some("a\"b\n+12105559999,\u{1b}[31m".to_owned()), ..addition("+12025550150") };
    let edited = added(&policy, vec![nasty]);
    let after = of_file(text(&edited));
    let entries: Vec<_> = after.lists[0].listed(&after).collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].entry.reason.as_deref(), Some("a\"b +12105559999, [31m"));
}

#[test]
fn entries_go_by_what_they_stand_for_and_leave_the_rest_as_it_is() {
    let file = "number,reason\n# keep\n+12025550143,\"two\nlines\"\n(202) 555-0143,again\n+1303555*\n+12025550144,\n";
    let policy = of_file(file);
    let edited = remove(
        &policy,
        "bad",
        [
            (1, "202 555 0143".to_owned()),
            (2, "+13035550100".to_owned()),
            (3, "+12025550199".to_owned()),
            (4, "x".to_owned()),
        ],
    )
    .unwrap();
    assert_eq!((edited.done, edited.needless, edited.refused), (2, 1, 2));
    assert!(
        edited.refusals.iter().any(|(_, why)| why.contains("is held by the entry +1303555*")),
        "{edited:?}"
    );
    assert_eq!(text(&edited), "number,reason\n# keep\n+1303555*\n+12025550144,\n");
    let edited = remove(&policy, "bad", [(1, "+1 303 555*".to_owned())]).unwrap();
    assert_eq!((edited.done, edited.refused), (1, 0));
}

#[test]
fn numbers_in_the_policy_itself_change_and_nothing_else_does() {
    for (list, expected) in [
        ("numbers = [\"+12025550143\"] # ours", "numbers = [\"+12025550143\", \"+12025550150\"] # ours"),
        ("numbers = \"+12025550143\"", "numbers = [\"+12025550143\", \"+12025550150\"]"),
        (
            "numbers = [\n    \"+12025550143\", # one\n    '+12025550144',\n    \"+12025550145\",\n]",
            "numbers = [\n    \"+12025550143\", # one\n    '+12025550144',\n    \"+12025550145\",\n    \"+12025550150\",\n]",
        ),
    ] {
        let before = policy(list, "");
        let edited = added(&before, vec![addition("+1 202 555 0150")]);
        assert_eq!(edited.files[0].0, None);
        assert_eq!(text(&edited), format!("{HEAD}[lists.bad]\n{expected}\n"));
        let after = policy(expected, "");
        let back = remove(&after, "bad", [(1, "+12025550150".to_owned())]).unwrap();
        let plain = |text: &str| text.parse::<toml::Table>().unwrap();
        let numbers = |table: toml::Table| table["lists"]["bad"]["numbers"].clone();
        let of_before = numbers(plain(&before.source));
        let of_before = if of_before.is_array() { of_before } else { toml::Value::Array(vec![of_before]) };
        assert_eq!(numbers(plain(text(&back))), of_before);
    }
    let only = policy("numbers = [\"+12025550143\"]", "");
    assert!(
        remove(&only, "bad", [(1, "+12025550143".to_owned())]).unwrap_err().contains("would hold nothing")
    );
}

#[test]
fn a_list_in_the_policy_itself_gets_a_file_for_what_has_a_reason_or_a_date() {
    let dated = || Addition { reason: Some("why, now".to_owned()), ..addition("+12025550150") };
    for (list, plain) in [
        ("numbers = []", "numbers = []"),
        ("numbers = [\"+12025550143\"] # ours", "numbers = [\"+12025550143\", \"+12025550144\"] # ours"),
    ] {
        let edited = added(&policy(list, ""), vec![dated(), addition("+12025550144")]);
        let names: Vec<_> = edited.files.iter().map(|(name, _)| name.as_deref()).collect();
        assert_eq!((edited.done, names.as_slice()), (2, &[Some("bad.csv"), None][..]));
        let (file, text) = (text(&edited), std::str::from_utf8(&edited.files[1].1).unwrap());
        assert_eq!(text, format!("{HEAD}[lists.bad]\nnumbers_file = \"bad.csv\"\n{plain}\n"));
        assert!(file.starts_with("number,added,reason\n+12025550150,2026-10-01,\"why, now\"\n"), "{file}");
        let files = MemoryFiles::new().with("bad.csv", file);
        let after = read("acme.toml", text, &files, NOW).policy.unwrap();
        assert_eq!(after.lists[0].listed(&after).count(), if plain == list { 2 } else { 3 });
        // From then on it is a list with a file as any other.
        let again =
            added(&after, vec![Addition { reason: Some("x".to_owned()), ..addition("+12025550151") }]);
        assert_eq!(again.files.iter().map(|it| it.0.as_deref()).collect::<Vec<_>>(), [Some("bad.csv")]);
    }
    // Written so that no line can be put in.
    let odd = format!("{HEAD}[lists]\nbad = {{ numbers = [] }}\n");
    let odd = read("acme.toml", &odd, &MemoryFiles::new(), NOW).policy.unwrap();
    let why = add(&odd, "bad", [dated()], ("2026-10-01", NOW)).unwrap_err();
    assert!(why.contains("`numbers_file`"), "{why}");
}

#[test]
fn what_is_put_in_place_of_a_list_keeps_the_days_of_what_stays() {
    let policy = of_file(
        "number,added,case\n+12025550143,2026-01-02,C-1\n+12025550144,2026-01-03,\n1900*,2026-01-04,\n",
    );
    let replaced = |numbers: &[&str]| {
        let additions: Vec<Addition> = numbers.iter().map(|number| addition(number)).collect();
        replace(&policy, "bad", additions, ("2026-10-01", NOW)).unwrap()
    };
    let edited = replaced(&["202 555 0143", "+12025550150", "+1900*", "911", "12025550150"]);
    assert_eq!((edited.done, edited.needless, edited.gone, edited.refused), (1, 2, 1, 1), "{edited:?}");
    assert_eq!(
        text(&edited),
        "number,added\n+12025550143,2026-01-02\n+12025550150,2026-10-01\n+1900*,2026-01-04\n"
    );
    let same = replaced(&["+12025550144", "+12025550143", "+1900*"]);
    assert_eq!((same.files.len(), same.done, same.gone), (0, 0, 0));
    let mixed = replace(
        &self::policy("numbers = [\"+12025550143\"]\nnumbers_file = \"bad.csv\"", "number\n+12025550144\n"),
        "bad",
        [addition("+12025550150")],
        ("2026-10-01", NOW),
    );
    assert!(mixed.unwrap_err().contains("not one list file alone"));
}

#[test]
fn a_list_that_cannot_be_changed_says_why() {
    let policy = policy("numbers = [\"+12025550143\"]\n[lists.agents]\nuser_agents = [\"sipcli\"]", "");
    let said = |name: &str| add(&policy, name, [addition("+12025550150")], ("2026-10-01", NOW)).unwrap_err();
    assert!(said("worse").contains("has no list \"worse\"; the policy has bad, agents"));
    assert!(said("agents").contains("holds no numbers"));
}

proptest! {
    #[test]
    fn what_is_listed_makes_the_same_set_again(
        entries in proptest::collection::btree_set("\\+1202555[0-9]{4}|\\+4420[0-9]{2,7}\\*|\\+1 303 555 [0-9]{2}xx", 1..40)
    ) {
        let additions: Vec<Addition> = entries.iter().map(|number| addition(number)).collect();
        let once = of_file(text(&added(&of_file("number\n+12025559999\n"), additions)));
        let again: Vec<Addition> = once.lists[0].listed(&once).map(|listed| addition(&listed.entry.number)).collect();
        let edited = added(&of_file("number\n+12025559999\n"), again);
        let twice = of_file(text(&edited));
        let set = |policy: &PolicyText| match &policy.lists[0].content {
            ListContent::Numbers { exact, ranges } => {
                let mut numbers: Vec<_> = exact.iter().map(|(number, _)| number.to_string()).collect();
                numbers.sort();
                (numbers, ranges.to_set().segments().to_vec())
            }
            _ => unreachable!("numbers"),
        };
        prop_assert_eq!(set(&once), set(&twice));
    }
}
