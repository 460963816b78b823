//! Every example of the manuals is read: what they call wrong is found to be so, and what they call right is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says where")]

use std::collections::BTreeMap;

use ringwall_rules::policy::{Code, Diagnostic, Level, MemoryFiles, Reading, read, read_bytes};
use ringwall_rules::proof::Prover;
use ringwall_rules::{Policy, Timestamp};

/// 2026-10-01T12:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_790_856_000);

/// One example: its kind (`wrong CODE`, `right CODE`, `customer`, …), line, text, and the files after it.
struct Block {
    kind: String,
    line: usize,
    text: String,
    files: MemoryFiles,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for (line, text) in (1..).zip(page.lines()) {
        match (&mut open, text.strip_prefix("```")) {
            (None, Some(kind)) => open = Some((kind.to_owned(), line, String::new())),
            (Some(_), Some(_)) => {
                let (kind, line, text) = open.take().unwrap();
                if let Some(name) = kind.strip_prefix("csv ") {
                    let last = found.last_mut().unwrap();
                    last.files = last.files.clone().with(name, text);
                } else if let Some(kind) = kind.strip_prefix("toml ") {
                    found.push(Block { kind: kind.to_owned(), line, text, files: MemoryFiles::new() });
                }
            }
            (Some((_, _, body)), None) => {
                body.push_str(text);
                body.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

fn page(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn reading(block: &Block, customer: &str) -> (String, Reading) {
    let text = if block.text.contains("[customer]") {
        block.text.clone()
    } else {
        format!("{customer}\n{}", block.text)
    };
    let reading = read("policy.toml", &text, &block.files, NOW);
    (text, reading)
}

/// What the prover says of a policy without mistakes.
fn proven(reading: &Reading) -> Vec<Diagnostic> {
    let policy = Policy::new(reading.policy.clone().unwrap());
    Prover::new(policy.text(), policy.emergency(), NOW).findings()
}

fn rendered(text: &str, reading: &Reading) -> String {
    reading.diagnostics.iter().map(|found| found.render(text)).collect()
}

#[test]
fn every_example_of_the_diagnostics_page_is_what_it_says() {
    let page = page("diagnostics.md");
    let blocks = blocks(&page);
    let customer = blocks.iter().find(|block| block.kind == "customer").unwrap().text.clone();
    let mut failures = String::new();
    for block in &blocks {
        let (text, reading) = reading(block, &customer);
        let codes: Vec<Code> = reading.diagnostics.iter().map(|found| found.code).collect();
        let errors = reading.diagnostics.iter().filter(|found| found.level == Level::Error);
        let good = match block.kind.split_once(' ') {
            Some(("wrong", code)) => {
                let code = Code::from_name(code).unwrap();
                codes.contains(&code) && errors.into_iter().all(|found| found.code == code)
            }
            Some(("right", code)) => {
                let code = Code::from_name(code).unwrap();
                reading.policy.is_some()
                    && !codes.contains(&code)
                    && proven(&reading).iter().all(|found| found.code != code)
            }
            Some(("prove", code)) => {
                let code = Code::from_name(code).unwrap();
                // Expectations are judged by `failed_expectations` in `src/admission.rs`, not by the prover.
                let expected = if code == Code::FailedExpect { vec![] } else { vec![code] };
                proven(&reading).iter().map(|found| found.code).collect::<Vec<_>>() == expected
            }
            _ => reading.policy.is_some(),
        };
        if !good {
            failures += &format!("line {}, {}:\n{}\n", block.line, block.kind, rendered(&text, &reading));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_code_is_on_the_diagnostics_page() {
    let page = page("diagnostics.md");
    let mut examples: BTreeMap<String, usize> = BTreeMap::new();
    for block in blocks(&page) {
        if let Some(("wrong" | "prove", code)) = block.kind.split_once(' ') {
            *examples.entry(code.to_owned()).or_default() += 1;
        }
    }
    for &code in Code::ALL {
        assert!(page.contains(&format!("\n## {code}\n")), "{code} is not described");
        let told_in_words =
            matches!(code, Code::NotUtf8 | Code::FileTooLarge | Code::TooManyRules | Code::TooManyEntries);
        assert_eq!(examples.contains_key(code.name()), !told_in_words, "{code} has an example");
    }
}

#[test]
fn the_diagnostics_page_says_how_serious_each_code_is() {
    let page = page("diagnostics.md");
    for &code in Code::ALL {
        let (_, section) = page.split_once(&format!("\n## {code}\n\n")).unwrap();
        let (word, meaning) = section.split_once(": ").unwrap();
        assert_eq!(word.to_lowercase(), code.level().word(), "{code}");
        assert!(meaning.starts_with(code.description()), "{code} means: {}", code.description());
    }
    let blocks = blocks(&page);
    let customer = blocks.iter().find(|block| block.kind == "customer").unwrap().text.clone();
    for block in &blocks {
        let Some(("wrong" | "prove", name)) = block.kind.split_once(' ') else { continue };
        let (text, reading) = reading(block, &customer);
        let proven = reading.policy.as_ref().map(|_| proven(&reading)).unwrap_or_default();
        for found in reading.diagnostics.iter().chain(&proven).filter(|found| found.code.name() == name) {
            assert_eq!(found.level, found.code.level(), "{}", found.render(&text));
        }
    }
}

#[test]
fn what_no_page_can_show_is_found_too() {
    let codes = |reading: Reading| reading.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>();
    let files = MemoryFiles::new();
    assert_eq!(codes(read("p.toml", &" ".repeat((16 << 20) + 1), &files, NOW)), [Code::FileTooLarge]);
    let latin = b"[customer]\nname = \"B\xfcro\"\nregion = \"DE\"\nnumbers = \"+49 30 23125 000\"\n";
    let reading = read_bytes("p.toml", latin, &files, NOW);
    assert!(reading.policy.is_none());
    assert_eq!(codes(reading), [Code::NotUtf8]);
    // Of a file that is no text the rest would be mistakes without end.
    let capture = b"\xd4\xc3\xb2\xa1\x02\x00\n= =\n[[\n\x00\xff";
    assert_eq!(codes(read_bytes("p.pcap", capture, &files, NOW)), [Code::NotUtf8]);
    let rule = "[[firewall]]\nname=\"a\"\naction=\"log\"\n";
    let many =
        format!("[customer]\nname=\"a\"\nregion=\"US\"\nnumbers=\"+12105550100\"\n{}", rule.repeat(100_001));
    assert!(codes(read("p.toml", &many, &files, NOW)).contains(&Code::TooManyRules));
}

#[test]
fn thirty_mistakes_are_named_in_one_run_each_at_its_line() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/policies/thirty-mistakes.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let files = MemoryFiles::new();
    let reading = read("thirty-mistakes.toml", &text, &files, NOW);
    let found: Vec<(usize, String)> = reading
        .diagnostics
        .iter()
        .map(|found| (found.position(text.as_bytes()).0, found.code.name().to_owned()))
        .collect();
    let expected: Vec<(usize, String)> = (1..)
        .zip(text.lines())
        .filter_map(|(line, text)| Some((line, text.split_once("#! ")?.1.trim().to_owned())))
        .collect();
    assert_eq!(found, expected, "{}", rendered(&text, &reading));
    assert_eq!(found.len(), 30);
    let codes: std::collections::BTreeSet<_> = found.iter().map(|(_, code)| code).collect();
    assert_eq!(codes.len(), 30, "thirty different codes");
    assert!(reading.policy.is_none());
}

#[test]
fn every_example_of_the_manual_is_a_policy() {
    let page = page("policy.md");
    let blocks = blocks(&page);
    let customer = blocks.iter().find(|block| block.kind == "customer").unwrap().text.clone();
    assert!(blocks.len() >= 8);
    for block in &blocks {
        let (text, reading) = reading(block, &customer);
        assert!(reading.policy.is_some(), "line {}:\n{}", block.line, rendered(&text, &reading));
    }
}

/// Names are public: this list may grow, and nothing on it may change.
#[test]
fn the_codes_are_stable() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/policies/codes.txt");
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let expected = std::fs::read_to_string(path).unwrap();
    assert_eq!(names.join("\n"), expected.trim_end());
}

#[test]
fn a_threshold_that_can_do_nothing_is_named() {
    let rows = [
        ("count = \"distinct caller\"\nper = [\"caller\"]\ncritical = 5", Some(Code::PointlessKey)),
        ("count = \"distinct country\"\nper = [\"called_country\"]\ncritical = 5", Some(Code::PointlessKey)),
        ("count = \"distinct caller\"\nper = [\"caller_block:2\"]\ncritical = 5", None),
        (
            "count = \"minutes\"\nper = [\"caller\"]\ncritical = 5\noutcome = \"failed\"",
            Some(Code::PointlessKey),
        ),
        ("count = \"attempts\"\nper = [\"caller\"]\ncritical = 5\noutcome = \"failed\"", None),
        (
            "count = \"attempts\"\nper = [\"caller\"]\ncritical = 5\nalso = [{ count = \"busy\", above = 60, below = 10 }]",
            Some(Code::SwappedLimits),
        ),
        (
            "count = \"attempts\"\nper = [\"caller\"]\ncritical = 5\nblock_key = \"source\"",
            Some(Code::PointlessKey),
        ),
        (
            "count = \"attempts\"\nper = [\"called\"]\ncritical = 5\naction = { critical = { block = \"1h\" } }\nblock_when = {}",
            Some(Code::CutsOffVictim),
        ),
        (
            "count = \"attempts\"\nper = [\"called\"]\ncritical = 5\naction = { critical = { block = \"1h\" } }\n\
             block_when = { direction = \"inbound\" }",
            Some(Code::CutsOffVictim),
        ),
        (
            "count = \"attempts\"\nper = [\"called\"]\ncritical = 5\naction = { critical = { block = \"1h\" } }\n\
             block_when = { direction = \"inbound\", caller = \"anonymous\" }",
            None,
        ),
        (
            "count = \"answer ratio\"\nper = [\"caller\"]\nat_least = 9\ncritical = 60",
            Some(Code::OutOfBounds),
        ),
        ("count = \"attempts\"\nper = [\"caller\"]\ncritical = 0", Some(Code::OutOfBounds)),
    ];
    for (keys, expected) in rows {
        let text = format!(
            "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 01xx\"]\n\
             trunks = [\"10.20.0.0/16\"]\n[[ips]]\nname = \"t\"\nwithin = \"1h\"\nwhen = {{ direction = \"inbound\" }}\n{keys}\n"
        );
        let reading = read("t.toml", &text, &MemoryFiles::new(), NOW);
        let codes: Vec<Code> = reading.diagnostics.iter().map(|one| one.code).collect();
        assert_eq!(codes, Vec::from_iter(expected), "{keys}\n{:?}", reading.diagnostics);
        assert!(reading.diagnostics.iter().all(|one| one.message.len() < 120), "{:?}", reading.diagnostics);
    }
}
