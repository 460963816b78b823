//! What machines are told in OCSF, held against the schema as it is published.

#![cfg(test)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ringwall_cases::CaseNumber;
use ringwall_cases::case::{Kind, Severity};
use ringwall_cases::flow::State;
use ringwall_cases::notice::{Fact, Happening, Violation, case_finding, detection_finding};
use rules::Timestamp;
use serde_json::Value;

/// What a Python with the schema says of `findings`; `None` where there is none. The schema is that of 1.7, the latest that is
/// packaged; what changes in an event from that to 1.8 is the version which it names.
fn checked(findings: &[Value]) -> Option<String> {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let program = folders
        .find_map(|folder| Some(folder.join("target/python/bin/python3")).filter(|program| program.exists()));
    let has_schema = |program: &Path| {
        let asked = Command::new(program).args(["-c", "import ocsf.v1_7_0"]).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let Some(program) = program.filter(|program| has_schema(program)) else {
        assert!(std::env::var_os("CI").is_none(), "in CI there is pydantic-ocsf");
        println!("SKIPPED: the schema of OCSF, because pydantic-ocsf is not installed");
        return None;
    };
    let mut command = Command::new(program);
    command.args(["-c", include_str!("ocsf.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What a critical alert is told with.
fn violation() -> Fact {
    let at = Timestamp(1_791_212_400_000_000);
    let number = CaseNumber::new(104_233);
    let mut fact = Fact::of_service(Happening::Violation, at, "");
    (fact.id, fact.customer) = (format!("{number}/violation-1"), "Acme".to_owned());
    (fact.case, fact.kind, fact.severity) = (Some(number), Some(Kind::Alert), Severity::Critical);
    fact.rule = "harassment".to_owned();
    fact.key.insert("caller".to_owned(), "+12105550142".to_owned());
    fact.violation = Some(Violation { limit: Some(50.0), observed: 83.0, calls: 83, ..Violation::default() });
    fact
}

#[test]
fn o2_the_published_schema_takes_every_finding_and_finds_what_is_wrong_with_one() {
    let mut findings = Vec::new();
    for event in Happening::ROUTED.into_iter().chain([Happening::Updated, Happening::Progress]) {
        for severity in Severity::EVERY {
            for state in State::EVERY {
                let mut fact = Fact { event, severity, state: state.name().to_owned(), ..violation() };
                findings.push(case_finding(&fact));
                // Nothing is known of it, and what is known was written by a stranger.
                fact.violation = None;
                fact.rule.clear();
                fact.case = None;
                fact.key.insert("caller".to_owned(), "<script>\u{202e}".to_owned());
                findings.push(detection_finding(&fact));
            }
        }
    }
    let Some(said) = checked(&findings) else { return };
    assert_eq!(said.trim(), format!("{} events, 0 mistakes", findings.len()));
    // One that it does not take: without what is required, with a number that is none of the class, and with a word of ours.
    let mut wrong = case_finding(&violation());
    wrong["severity_id"] = 77.into();
    let mut other = detection_finding(&violation());
    other.as_object_mut().unwrap().remove("finding_info");
    let mut third = detection_finding(&violation());
    third["finding_info"]["caller"] = "x".into();
    let said = checked(&[wrong, other, third]).unwrap();
    for expected in [
        "3 mistakes",
        "severity_id: Input should be",
        "finding_info: Field required",
        "finding_info.caller: no such",
    ] {
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
}
