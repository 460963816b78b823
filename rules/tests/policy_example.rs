//! A whole policy, read as an operator would write it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails says where"
)]

use ringwall_rules::policy::{Code, Level, List, ListContent, MemoryFiles, read, read_bytes};
use ringwall_rules::{Number, Timestamp};

fn shared_design() -> Option<String> {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let root = std::env::var("RINGWALL_SHARED").unwrap_or_else(|_| fallback.to_owned());
    match std::fs::read_to_string(format!("{root}/design/policy.md")) {
        Ok(text) => Some(text),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{root}/design/policy.md: {error}"),
        Err(_) => {
            println!("left out: the design's example policy, because {root} is not there");
            None
        }
    }
}

#[test]
fn the_designs_example_is_a_policy() {
    let Some(design) = shared_design() else { return };
    let (_, rest) = design.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let text = format!("{text}\n[lists.dno]\nnumbers = [\"+1 210 555 1900\"]\n");
    let files = MemoryFiles::new()
        .with("lists/harassment.csv", "number,reason\n+12025550143,threats\n")
        .with("rates.csv", "prefix,per_minute,currency\n44,0.02,USD\n");
    let now = Timestamp::from_seconds(1_790_000_000);
    let reading = read("acme.toml", &text, &files, now);
    for found in &reading.diagnostics {
        println!("{}", found.render(&text));
    }
    let policy = reading.policy.unwrap();
    assert_eq!((policy.firewall.len(), policy.ips.len(), policy.expects.len()), (2, 2, 1));
}

/// A policy with every table, as the manual shows it.
const WHOLE: &str = include_str!("../../fixtures/policies/whole.toml");

fn whole_files() -> MemoryFiles {
    MemoryFiles::new()
        .with("lists/harassment.csv", "number,reason,expires\n+12025550143,threats,2027-01-01\n")
}

#[test]
fn hostile_bytes_never_panic() {
    let files = whole_files();
    let now = Timestamp::from_seconds(1_790_000_000);
    let original = read("whole.toml", WHOLE, &files, now);
    assert!(original.policy.is_some(), "{:?}", original.diagnostics);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    const SCRAPS: [&[u8]; 12] = [
        b"\"",
        b"[",
        b"]]",
        b"{",
        b"\xff",
        b"\0",
        b"x*",
        b"\n",
        b"9999999999999999999",
        b"re:(",
        b" - ",
        b"\xe2\x80\xae",
    ];
    for round in 0..100_000 {
        // A slice of the policy keeps a round short: a few tables, some bytes changed.
        let mut bytes = WHOLE.as_bytes().to_vec();
        if round % 32 != 0 {
            let start = random(bytes.len());
            let end = (start + 1 + random(400)).min(bytes.len());
            bytes = bytes[start..end].to_vec();
        }
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => drop(bytes.splice(at..at, SCRAPS[random(SCRAPS.len())].iter().copied())),
                _ => {
                    let end = (at + random(40)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    let to = random(bytes.len());
                    drop(bytes.splice(to..to, copy));
                }
            }
            if bytes.is_empty() {
                bytes.push(b'#');
            }
        }
        let reading = read_bytes("whole.toml", &bytes, &files, now);
        let errors = reading.diagnostics.iter().any(|found| found.level == Level::Error);
        assert_eq!(reading.policy.is_none(), errors);
        for found in &reading.diagnostics {
            let _ = (found.render_bytes(&bytes), found.to_json(&bytes));
        }
    }
}

#[test]
fn the_version_changes_with_text_and_lists() {
    let now = Timestamp::from_seconds(1_790_000_000);
    let version =
        |text: &str, files: &MemoryFiles| read("whole.toml", text, files, now).policy.unwrap().version;
    let first = version(WHOLE, &whole_files());
    assert_eq!(first.len(), 64);
    assert_eq!(first, version(WHOLE, &whole_files()));
    assert_ne!(first, version(&format!("{WHOLE}# "), &whole_files()));
    let longer = MemoryFiles::new().with("lists/harassment.csv", "number\n+12025550143\n+12025550144\n");
    assert_ne!(first, version(WHOLE, &longer));
}

fn list(csv: impl Into<Vec<u8>>, now: i64) -> (List, Vec<(Code, String)>, String) {
    let text = "[customer]\nname = \"Acme\"\nregion = \"US\"\nnumbers = \"+1 210 555 0100\"\n\
        [lists.bad]\nnumbers_file = \"bad.csv\"\n[[firewall]]\nname = \"bad\"\nwhen = { caller = \"@bad\" }\naction = \"block\"\n";
    let files = MemoryFiles::new().with("bad.csv", csv);
    let reading = read("acme.toml", text, &files, Timestamp::from_seconds(now));
    let found = reading.diagnostics.iter().map(|found| (found.code, found.message.clone())).collect();
    (reading.policy.unwrap().lists.remove(0), found, text.to_owned())
}

fn row(list: &List, text: &str) -> Option<u32> {
    let number = Number::international(text.trim_start_matches('+').as_bytes()).unwrap();
    let ListContent::Numbers { exact, ranges } = &list.content else { panic!("a list of numbers") };
    exact.row(number).or_else(|| ranges.row(number))
}

#[test]
fn a_dirty_list_gives_what_can_be_read() {
    let csv = "\u{feff}number;category;reason;case;added;expires\r\n\
        \r\n# from the carrier\r\n 202-555-0143 ;threat;\"calls \"\"daily\"\";\nand swears\";C-17;2026-01-02;\r\n\
        +12025550144;;;;;\r\n+12025550144;;;;;\r\nn/a;;;;;\r\n+88123456*;satellite;;;;\r\n2025550150 - 2025550159;;;;;\r\n\
        +1202555017x;;;;;2027-06-30\r\n+12025550160;;;;;2026-01-01\r\n+12025550161;;;;;soon\r\n";
    let (list, found, policy) = list(csv, 1_790_000_000);
    for held in ["+12025550143", "+12025550144", "+881234560", "+12025550155", "+12025550170", "+12025550161"]
    {
        assert!(row(&list, held).is_some(), "{held}");
    }
    assert_eq!((row(&list, "+12025550160"), row(&list, "+12025550145")), (None, None));
    let entry = list.entry_text(row(&list, "+12025550143").unwrap(), &policy).unwrap();
    assert_eq!((entry.file.as_deref(), entry.line), (Some("bad.csv"), 4));
    assert_eq!((entry.number.as_str(), entry.category.as_deref()), ("202-555-0143", Some("threat")));
    assert_eq!(
        (entry.reason.as_deref(), entry.case.as_deref()),
        (Some("calls \"daily\";\nand swears"), Some("C-17"))
    );
    assert_eq!(list.entry_text(row(&list, "+12025550170").unwrap(), &policy).unwrap().line, 11);
    let ends = list.expires(row(&list, "+12025550170").unwrap()).unwrap();
    assert_eq!(ends, Timestamp::from_seconds(1_814_400_000), "the end of 30 June 2027");
    assert!(list.has_expiring() && list.holds(row(&list, "+12025550144").unwrap(), ends));
    assert!(!list.holds(row(&list, "+12025550170").unwrap(), ends));
    let expected = [
        (Code::DuplicateEntry, "entries that stand twice: 1"),
        (Code::BadEntry, "entries that cannot be read are left out: 1 (line 8)"),
        (Code::ExpiredEntry, "entries past their date are left out: 1 (line 12)"),
        (Code::BadDate, "entries with a date that cannot be read never end: 1 (line 13)"),
    ];
    assert_eq!(found, expected.map(|(code, message)| (code, message.to_owned())));
}

#[test]
fn of_several_entries_for_a_number_the_one_that_holds_longest_counts() {
    let csv = "number,expires\n+12025550143,2026-12-31\n+12025550143,2027-12-31\n+12025550144,2026-12-31\n+12025550144,\n\
        +12025550145,2026-12-31\n+1202555014x,2027-12-31\n+120255501*,2027-06-30\n";
    let (list, _, policy) = list(csv, 1_790_000_000);
    let line = |text: &str| list.entry_text(row(&list, text).unwrap(), &policy).unwrap().line;
    assert_eq!((line("+12025550143"), line("+12025550144")), (3, 5));
    assert_eq!((line("+12025550145"), line("+12025550149"), line("+12025550150")), (7, 7, 8));
    assert_eq!(list.expires(row(&list, "+12025550144").unwrap()), None);
}

#[test]
fn lists_of_the_wild_are_read_whole() {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let root = std::env::var("RINGWALL_SHARED").unwrap_or_else(|_| fallback.to_owned());
    for (name, region, count, unreadable) in [
        ("ftc-dnc-complaint-numbers-2025-10-28.csv", "US", 10_000, 20),
        ("turkish-spam-patterns.csv", "TR", 199, 0),
    ] {
        let Ok(bytes) = std::fs::read(format!("{root}/captures/lists/{name}")) else {
            assert!(std::env::var_os("CI").is_none(), "{name} is missing");
            println!("left out: {name} is not there");
            continue;
        };
        let text = format!(
            "[customer]\nname=\"a\"\nregion=\"{region}\"\nnumbers=\"+12105550100\"\n[lists.wild]\nnumbers_file=\"wild.csv\"\n\
             [[firewall]]\nname=\"wild\"\nwhen={{caller=\"@wild\"}}\naction=\"block\"\n"
        );
        let files = MemoryFiles::new().with("wild.csv", bytes);
        let reading = read("wild.toml", &text, &files, Timestamp::from_seconds(1_790_000_000));
        for found in &reading.diagnostics {
            println!("{found:?}");
        }
        let policy = reading.policy.unwrap();
        let ListContent::Numbers { exact, ranges } = &policy.lists[0].content else { panic!("numbers") };
        println!("{name}: {} exact, {} ranges", exact.len(), ranges.len());
        assert!(exact.len() + ranges.len() >= count);
        let odd = reading.diagnostics.iter().filter(|found| found.code == Code::BadEntry).count();
        assert!(odd <= unreadable);
    }
}

/// Ten million rows; run with `--release -- --ignored --nocapture` to see what they cost.
#[test]
#[ignore = "a measurement"]
fn ten_million_rows_load_in_seconds() {
    for lead in ["+1", ""] {
        ten_million_rows(lead);
    }
}

fn ten_million_rows(lead: &str) {
    let mut csv = String::from("number\n");
    for index in 0..10_000_000_u64 {
        csv += &format!("{lead}{:010}\n", 2_000_000_000 + index * 709 % 7_999_999_999);
    }
    let bytes = csv.len();
    let start = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (list, found, _) = list(csv, 1_790_000_000);
    let end = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks =
        |stat: &str| stat.split(' ').skip(13).take(2).filter_map(|n| n.parse::<u64>().ok()).sum::<u64>();
    let ListContent::Numbers { exact, .. } = &list.content else { panic!("numbers") };
    println!(
        "{} numbers of {bytes} bytes in {} ms of CPU; {found:?}",
        exact.len(),
        (ticks(&end) - ticks(&start)) * 10
    );
    assert_eq!(exact.len(), 10_000_000);
}
