//! What operators watch by: dashboards and alerts name metrics that there are, and say it in PromQL that can be read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::Scratch;

/// The metrics that docs/metrics-prometheus.md tells of: name, kind, label, as written in its table.
pub(crate) fn documented() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(root().join("docs/metrics-prometheus.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `ringwall_"));
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(cell).collect();
        assert!(cells.len() == 7 && cells[4..6].iter().all(|cell| cell.len() >= 3), "{line}");
        [cells[1].clone(), cells[2].clone(), cells[3].clone()]
    };
    rows.map(row).collect()
}

/// `promtool` of Debian's package `prometheus`. In CI it must be there.
pub(crate) fn has_promtool() -> bool {
    let is_there = Command::new("promtool").arg("--version").output().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "promtool is not installed");
    if !is_there {
        println!("SKIPPED: promtool is not installed");
    }
    is_there
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn dashboards() -> Vec<(String, Value)> {
    let folder = std::fs::read_dir(root().join("docs/grafana")).unwrap();
    let files = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), serde_json::from_str(&text).unwrap())
    };
    files.map(read).collect()
}

/// Every expression of a dashboard, with what Grafana fills in.
fn expressions(dashboard: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = vec![dashboard];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
                rest.extend(fields.values());
            }
            Value::Array(values) => rest.extend(values),
            _ => {}
        }
    }
    found.iter().map(|it| it.replace("$__rate_interval", "5m").replace("$instance", ".*")).collect()
}

/// The metrics that an expression names.
fn metrics(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let of_ours = words.filter(|word| word.starts_with("ringwall_"));
    let plain = |word: &str| {
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|ending| word.strip_suffix(ending));
        plain.filter(|plain| plain.ends_with("_seconds")).unwrap_or(word).to_owned()
    };
    of_ours.map(plain).collect()
}

#[test]
fn dashboards_and_alerts_name_metrics_that_there_are() {
    let known: BTreeSet<String> = documented().into_iter().map(|[name, ..]| name).collect();
    let all = dashboards();
    assert!(all.len() >= 5, "{}", all.len());
    let mut shown = BTreeSet::new();
    let mut uids = BTreeSet::new();
    for (name, dashboard) in &all {
        let panels = dashboard["panels"].as_array().unwrap();
        assert!((1..=20).contains(&panels.len()), "{name} has {} panels", panels.len());
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{name}");
        for panel in panels {
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(
                defaults["unit"].is_string() && panel["description"].is_string(),
                "{name}: {}",
                panel["title"]
            );
        }
        for expression in expressions(dashboard) {
            let named = metrics(&expression);
            assert!(!named.is_empty(), "{name}: {expression}");
            assert!(named.is_subset(&known), "{name}: {expression} names what is not documented");
            shown.extend(named);
        }
    }
    let alerts = std::fs::read_to_string(root().join("docs/grafana/alerts.yml")).unwrap();
    let named = metrics(&alerts);
    assert!(named.len() > 10 && named.is_subset(&known), "{:?}", named.difference(&known));
    // Whatever somebody has to worry about is shown somewhere, or rings.
    shown.extend(named);
    let unseen: Vec<_> = known.difference(&shown).collect();
    assert!(unseen.len() * 3 < known.len(), "{unseen:?}");
}

#[test]
fn promtool_reads_every_expression() {
    if !has_promtool() {
        return;
    }
    let mut rules = "groups:\n  - name: dashboards\n    rules:\n".to_owned();
    let mut count = 0;
    for (name, dashboard) in dashboards() {
        for expression in expressions(&dashboard) {
            count += 1;
            let name = name.trim_end_matches(".json");
            let _ = write!(
                rules,
                "      - record: {name}:n{count}\n        expr: {}\n",
                serde_json::json!(expression)
            );
        }
    }
    assert!(count > 60, "{count}");
    let scratch = Scratch::new("dashboards");
    let file = scratch.write("dashboards.yml", &rules);
    let check = |file: &Path| Command::new("promtool").args(["check", "rules"]).arg(file).output().unwrap();
    let checked = check(&file);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let checked = check(&root().join("docs/grafana/alerts.yml"));
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // It is no check that cannot fail.
    let broken = scratch.write("broken.yml", rules.replacen("sum", "sum((", 1));
    assert!(!check(&broken).status.success());
}
