//! `/metrics` of a running service: all of it is documented, promtool finds nothing wrong, and no label is anybody's number.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{POLICY, Service, http, within};
use crate::stories::dashboards::{documented, has_promtool};

fn page(service: &Service) -> String {
    http(service.address("http://"), "GET", "/metrics", "").1
}

/// A service that has judged calls, and whose database was counted.
fn busy() -> (Service, String) {
    let feed = "[[feed]]\nname = \"scams\"\nurl = \"http://127.0.0.1:9/scams.txt\"\nlist = \"fraud\"\ncustomer = \"Acme\"\n";
    let service = Service::start("serve-watched", POLICY, feed);
    for caller in ["+13035550142", "+13035550106", "anonymous"] {
        let (status, _) = service.decide(&json!({ "caller": caller, "called": "+12105550100" }));
        assert_eq!(status, 200);
    }
    let config = service.scratch.path().join("ringwall.toml");
    let opened = crate::support::ringwall([
        "case",
        "open",
        "--customer",
        "Acme",
        "--kind",
        "question",
        "who calls?",
        "--by",
        "anna",
        "--config",
        config.to_str().unwrap(),
    ]);
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let page =
        within(30, || Some(page(&service)).filter(|it| it.contains("ringwall_cases_open{state=\"new\"} 1")));
    let page = page.unwrap_or_else(|| panic!("{}\n{}", self::page(&service), service.errors()));
    (service, page)
}

#[test]
fn every_metric_is_documented_and_no_label_is_a_number_of_anybody() {
    let (service, page) = busy();
    let documented: BTreeMap<String, [String; 2]> =
        documented().into_iter().map(|[name, kind, label]| (name, [kind, label])).collect();
    let mut printed = BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let [known, _] = documented.get(name).unwrap_or_else(|| panic!("{name} is not documented"));
            assert_eq!(known, kind, "{name}");
            assert!(printed.insert(name.to_owned()), "{name} stands in two places");
        }
        let Some((labels, _)) = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')) else {
            continue;
        };
        if line.starts_with('#') {
            continue;
        }
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        for (name, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
            let metric = line.split('{').next().unwrap();
            let plain =
                metric.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
            assert!(name == "le" || documented[plain][1] == name, "{line}");
            assert!(name == "le" || digits(value) < 7, "{line}");
        }
    }
    assert!(printed.len() > 60, "{}", printed.len());
    // What is documented is printed, or stands in the code that prints it when there is such a thing.
    let sources =
        ["src/serve/watched.rs", "src/serve/pages.rs"].map(|it| std::fs::read_to_string(it).unwrap());
    for name in documented.keys().filter(|name| !printed.contains(*name)) {
        let literal = format!("\"{}\"", name.trim_start_matches("ringwall_"));
        assert!(sources.iter().any(|source| source.contains(&literal)), "{name} is nowhere");
    }
    for (line, least) in
        [("ringwall_disk_free_bytes", 1), ("ringwall_spool_bytes", 1), ("ringwall_memory_bytes", 1 << 20)]
    {
        let found = page.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' ')?.parse::<f64>().ok());
        assert!(found.unwrap() >= f64::from(least), "{line}");
    }
    let turns =
        page.lines().find_map(|it| it.strip_prefix("ringwall_turn_seconds_count{mount=\"redirect\"} "));
    assert!(turns.unwrap().parse::<u64>().unwrap() > 0);
    assert!(page.contains("ringwall_feed_fetches_total{kind=\"failed\"}"));
    service.stop();
}

#[test]
fn promtool_finds_nothing_wrong_with_a_scrape() {
    if !has_promtool() {
        return;
    }
    let (service, page) = busy();
    let check = |page: &str| {
        let mut child = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let checked = check(&page);
    let said =
        String::from_utf8_lossy(&checked.stderr).into_owned() + &*String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.is_empty(), "{said}");
    assert!(
        !check(&page.replacen("# TYPE ringwall_ready gauge", "# TYPE ringwall_ready counter", 1))
            .status
            .success()
    );
    service.stop();
}
