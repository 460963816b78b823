//! The shipped detections: read by the reader of policies, as sound as it wants policies to be, and told in the manual.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fmt::Write as _;

use ringwall_rules::Timestamp;
use ringwall_rules::policy::detection::SHIPPED;
use ringwall_rules::policy::ips::{Count, Deed, Key};
use ringwall_rules::policy::{
    Code, Condition, Detection, Level, MemoryFiles, Mode, Need, NumberField, NumberTerm, Policy, Reading,
    Threshold, read,
};

/// A customer who gives every detection what it needs.
const WHOLE: &str = r#"
    [customer]
    name = "Acme"
    region = "US"
    time_zone = "America/Chicago"
    numbers = ["+1 210 555 0100 - +1 210 555 0199"]
    trunks = ["10.20.0.0/16"]
    rates_file = "rates.csv"
    do_not_originate = "@dno"
    [hours.business]
    days = "Mon-Fri"
    open = "08:00-17:00"
    [lists.dno]
    numbers = ["+1 210 555 0190"]
    [lists.voicemail]
    numbers = ["+1 210 555 0191"]
"#;

/// A customer who gives nothing.
const BARE: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\nnumbers = [\"+1 210 555 0100\"]\n";

fn reading(text: &str) -> Reading {
    let files = MemoryFiles::new().with("rates.csv", "prefix,per_minute,currency\n44,0.02,USD\n");
    read("acme.toml", text, &files, Timestamp::from_seconds(1_790_000_000))
}

fn policy(text: &str) -> Policy {
    let reading = reading(text);
    let errors: Vec<_> = reading.diagnostics.iter().filter(|found| found.level == Level::Error).collect();
    Policy::new(reading.policy.unwrap_or_else(|| panic!("{errors:#?}")))
}

fn all() -> String {
    SHIPPED.iter().fold(WHOLE.to_owned(), |text, one| format!("{text}\n[[ips]]\nuse = \"{}\"\n", one.name))
}

fn codes(text: &str) -> Vec<Code> {
    reading(text).diagnostics.iter().map(|found| found.code).collect()
}

/// How many tables the file of a detection has.
fn tables(detection: &Detection) -> usize {
    detection.source.lines().filter(|line| line.trim() == "[[ips]]").count()
}

#[test]
fn every_detection_is_a_policy_without_mistakes() {
    let text = all();
    let found = reading(&text).diagnostics;
    assert!(found.is_empty(), "{}", found.iter().map(|found| found.render(&text)).collect::<String>());
    let policy = policy(&text);
    for detection in SHIPPED {
        let own = |one: &&Threshold| one.name == detection.name && one.detection == Some(detection.name);
        let thresholds: Vec<_> = policy.thresholds().iter().filter(own).collect();
        assert_eq!(thresholds.len(), tables(detection), "{}", detection.name);
        for threshold in thresholds {
            assert!(threshold.warning.or(threshold.critical).is_some());
            assert!(threshold.methods != 0 && threshold.mode == Mode::Enforce);
        }
    }
}

/// What a shipped detection refuses, it refuses for a bounded time, at the critical level, and only callers that can be told
/// from each other: all who withhold their number share the key of the address they come from.
#[test]
fn no_detection_blocks_more_than_it_counted() {
    for threshold in policy(&all()).thresholds() {
        let name = &threshold.name;
        assert!(threshold.warning_action.is_none(), "{name}");
        let Some(action) = &threshold.critical_action else { continue };
        assert!(matches!(action.deed, Deed::Block(_)), "{name}");
        assert!((1..=86_400_000_000).contains(&action.for_micros), "{name}");
        assert!(threshold.per.iter().any(|key| key.is_caller_side()), "{name}");
        let numbered = threshold.when.iter().any(|condition| match condition {
            Condition::Numbers(NumberField::Caller, terms) => {
                terms.iter().all(|term| matches!(term.value, NumberTerm::Set(_) | NumberTerm::List(_)))
            }
            _ => false,
        });
        let outbound = threshold.when.iter().any(|one| matches!(one, Condition::Direction(0b010)));
        let by_caller = threshold.per.iter().any(|key| matches!(key, Key::Caller | Key::CallerBlock(_)));
        assert!(!by_caller || outbound || numbered || name == "transfer-fraud", "{name}");
        let narrow = threshold.when.iter().any(|one| matches!(one, Condition::Method(_)));
        assert!(!threshold.per.contains(&Key::Source) || narrow, "{name}: a carrier is one address");
    }
}

#[test]
fn what_a_detection_needs_is_said_and_it_sleeps_without() {
    for detection in SHIPPED {
        let needs = detection.about().needs.into_iter().filter(|need| need.is_of_policy());
        let wanted = needs.map(|need| if need == Need::Trunks { Code::NoTrunks } else { Code::MissingNeed });
        let wanted: Vec<Code> = wanted.collect();
        let used = format!("{BARE}[[ips]]\nuse = \"{}\"\n", detection.name);
        assert_eq!(codes(&used), wanted, "{}", detection.name);
        assert_eq!(policy(&used).thresholds().is_empty(), !wanted.is_empty(), "{}", detection.name);
        let off = format!("{used}mode = \"off\"\n");
        assert_eq!(codes(&off), [], "{}", detection.name);
        assert!(policy(&off).thresholds().iter().all(|threshold| threshold.mode == Mode::Off));
    }
}

#[test]
fn costs_are_counted_where_prices_are_known() {
    let counts = |text: &str| {
        let used = format!("{text}\n[[ips]]\nuse = \"international-revenue-share-fraud\"\n");
        policy(&used).thresholds().iter().filter(|threshold| threshold.count == Count::Cost).count()
    };
    assert_eq!((counts(WHOLE), counts(BARE)), (1, 0));
}

#[test]
fn what_stands_beside_use_changes_the_detection() {
    let tuned = |lines: &str| {
        let text = format!("{WHOLE}\n[[ips]]\nuse = \"harassment\"\n{lines}\n");
        policy(&text).thresholds().to_vec()
    };
    let plain = tuned("");
    let first = plain.first().unwrap();
    assert_eq!((first.at_least, first.hold_micros, first.clear, first.gap), (1, 0, 0.8, 1));
    assert_eq!(first.cool_down_micros, 1_800_000_000);
    let limits = tuned("warning = 7\ncritical = 99\nwithin = \"3h\"");
    assert_eq!(limits.len(), plain.len());
    let changed = limits.first().unwrap();
    assert_eq!((changed.warning, changed.critical), (Some(7.0), Some(99.0)));
    assert_eq!(changed.within_micros, 3 * 3_600_000_000);
    for (limits, plain) in limits.iter().zip(&plain).skip(1) {
        assert_eq!(
            (limits.warning, limits.critical, limits.within_micros),
            (plain.warning, plain.critical, plain.within_micros)
        );
    }
    let quiet =
        tuned("mode = \"shadow\"\naction = { critical = \"alert\" }\nowner = \"desk\"\nname = \"calls\"");
    for threshold in &quiet {
        assert_eq!(threshold.mode, Mode::Shadow);
        assert_eq!(threshold.critical_action.as_ref().unwrap().deed, Deed::Alert);
        assert_eq!((threshold.owner.as_deref(), threshold.name.as_str()), (Some("desk"), "calls"));
        assert_eq!(threshold.detection, Some("harassment"));
    }
    let learned = tuned("baseline = { times = 4 }");
    let learned = learned.first().unwrap();
    assert!(learned.baseline.is_some() && learned.warning.is_none() && learned.critical.is_none());
    let outbound = tuned("when = { direction = \"outbound\" }\nunless = { called = \"+44*\" }");
    for (outbound, plain) in outbound.iter().zip(&plain) {
        assert_eq!(outbound.when.len(), plain.when.len(), "the direction stands instead of the shipped one");
        assert!(outbound.when.iter().any(|one| matches!(one, Condition::Direction(0b010))));
        assert_eq!(outbound.unless.len(), plain.unless.len() + 1);
    }
}

#[test]
fn a_need_can_be_filled_beside_use() {
    for (name, when) in [
        ("after-hours-outbound", "time = \"Mon-Fri 18:00-06:00\""),
        ("voicemail-break-in", "called = \"+1 210 555 0100\""),
        ("do-not-originate", "caller = \"+1 202 555 0100\""),
    ] {
        let text = format!("{BARE}[[ips]]\nuse = \"{name}\"\nwhen = {{ {when} }}\n");
        assert_eq!(codes(&text), [], "{name}");
        assert_eq!(policy(&text).thresholds().len(), tables(&Detection::named(name).unwrap()));
    }
}

#[test]
fn limits_that_make_no_sense_beside_the_shipped_ones_are_found() {
    let with =
        |lines: &str| codes(&format!("{BARE}[[ips]]\nuse = \"telephony-denial-of-service\"\n{lines}\n"));
    assert_eq!(with("warning = 5000"), [Code::SwappedLimits]);
    assert_eq!(with("critical = 3"), [Code::SwappedLimits]);
    assert_eq!(with("action = { critical = { block = \"1h\" } }"), [Code::CutsOffVictim]);
    assert_eq!(with("action = { critical = { block = \"1h\" } }\nblock_key = \"caller\""), []);
    let wangiri = format!("{BARE}[[ips]]\nuse = \"wangiri\"\nper = \"called\"\n");
    assert_eq!(codes(&wangiri), [Code::CutsOffVictim]);
    let list = "[lists.voicemail]\ntexts = [\"x\"]\n[[ips]]\nuse = \"voicemail-break-in\"\n";
    assert!(codes(&format!("{BARE}{list}")).contains(&Code::WrongListKind));
}

/// With `RINGWALL_WRITE=1` the page is written, without it compared.
#[test]
fn the_manual_tells_every_detection_as_its_file_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/detections.md");
    let mut page = INTRODUCTION.to_owned();
    for detection in SHIPPED {
        page += &section(detection);
    }
    if std::env::var_os("RINGWALL_WRITE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(written, page, "run this test with RINGWALL_WRITE=1");
}

fn section(detection: &Detection) -> String {
    let about = detection.about();
    let mut section = format!("\n## {}\n\n{}\n", detection.name, wrapped(&about.what));
    let _ = write!(section, "\n{}\n", wrapped(&format!("**Why.** {}", about.why)));
    let _ = write!(section, "\n{}\n", wrapped(&format!("**Limits.** {}", about.limits)));
    if !about.needs.is_empty() {
        let needs: Vec<&str> = about.needs.iter().map(|need| need.remedy()).collect();
        let _ = write!(section, "\n{}\n", wrapped(&format!("**Needs** {}.", needs.join("; "))));
    }
    let _ = write!(section, "\n{}\n", wrapped(&format!("**Reference.** {}.", about.reference)));
    let start = detection.source.find("\n\n").unwrap();
    let _ = write!(section, "\n```toml\n{}\n```\n", detection.source.split_at(start).1.trim());
    section
}

/// Lines of at most 120 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 120 {
            lines.push(word.to_owned());
        } else {
            *line = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        }
    }
    lines.join("\n")
}

const INTRODUCTION: &str = "\
# Shipped detections

Each is one file under `rules/builtin/`, written in the policy language itself; a test keeps this page the same. `use = \"NAME\"` brings one into
a policy, and what stands beside it tunes it: see *Shipped detections* in [policy.md](policy.md). `ringwall init` recommends them all.

A breach always alerts. It blocks only where hardly anything but an attack looks so, only calls that the threshold itself counts, and only for as
long as it says. Several thresholds of one detection are several ways to see the same bad thing, and report under its name.
";
