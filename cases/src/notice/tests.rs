//! What people and machines read, word for word, and what is wrong with a file.

use serde_json::Value;

use super::engine::tests::{OPEN, Story, fact, violation};
use super::*;
use crate::case::Severity;
use crate::clock::ClockKind;
use crate::outgoing::Content;

/// The text of a file under fixtures/notices.
macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../../fixtures/notices/", $name))
    };
}

fn story() -> Story {
    Story::new(OPEN, str::to_owned)
}

fn mail(facts: &[Fact], audience: Audience) -> String {
    let story = story();
    let (subject, text) = notice(facts, 0, audience, story.world());
    format!("Subject: {subject}\n\n{text}")
}

#[test]
fn e9_a_violation_notice_says_all_of_it_in_200_words() {
    let text = mail(&[violation()], Audience::Customer);
    assert_eq!(&text, golden!("violation.txt"));
    for part in [
        "harassment",
        "50 within 1h",
        "83, since Mon 5 Oct 2026 09:48 CDT",
        "4 in this hour",
        "+12105550142 (61)",
        "83 attempts; blocked until",
        "RW-104233-3",
        "by Mon 5 Oct 2026 11:00 CDT",
        "We need",
        "Dana Reyes, +12105550100",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let many: Vec<_> = (0..40)
        .map(|serial| Fact { case: Some(crate::CaseNumber::new(200_000 + serial)), ..violation() })
        .collect();
    let long = mail(&many, Audience::Customer);
    assert!(long.split_whitespace().count() <= 200, "{} words", long.split_whitespace().count());
}

#[test]
fn e9_the_text_message_has_two_segments_at_most() {
    let story = story();
    let text = sms(&[violation()], None, story.world());
    assert_eq!(&format!("{text}\n"), golden!("violation-sms.txt"));
    assert!(text.contains("RW-104233-3") && gsm_segments(&text).unwrap() <= 2, "{text}");
    // The longest that can be, in characters that the alphabet does not know or counts twice.
    let mut long = violation();
    (long.rule, long.customer) = ("€[]{}~^|\\ü ł".repeat(20), "ł".repeat(200));
    let long = sms(&vec![long; 9], Some("482113"), story.world());
    assert!(gsm_segments(&long).is_some_and(|segments| segments <= 2), "{long}");
    assert!(long.contains("RW-104233-3") && long.contains("ACK 482113"), "{long}");
}

#[test]
fn gsm_counts_as_phones_do() {
    assert_eq!(gsm_segments(&"a".repeat(160)), Some(1));
    assert_eq!(gsm_segments(&"a".repeat(161)), Some(2));
    assert_eq!(gsm_segments(&"€".repeat(80)), Some(1));
    assert_eq!(gsm_segments(&"€".repeat(81)), Some(2));
    assert_eq!(gsm_segments(&"a".repeat(307)), Some(3));
    assert_eq!(gsm_segments("ł"), None);
}

#[test]
fn what_a_stranger_wrote_is_told_to_nobody() {
    let alert: Value = serde_json::from_str(
        r#"{"rule":"harassment","severity":"critical","count":5,"limit":3,"total_calls":5,"key":{"caller":"pay at https://evil.example <b>now</b>\u001b[31m\r\nBcc: x"}}"#,
    )
    .unwrap();
    let fact = fact(Happening::Violation, 100_001, "Acme", Severity::Critical).with_alerts(&[alert]);
    let story = story();
    let texts = [
        mail(std::slice::from_ref(&fact), Audience::Customer),
        mail(std::slice::from_ref(&fact), Audience::Desk),
        sms(std::slice::from_ref(&fact), None, story.world()),
        cef(&fact),
        case_finding(&fact).to_string(),
        detection_finding(&fact).to_string(),
    ];
    for text in texts {
        assert!(!text.contains("evil") && !text.contains('\u{1b}') && !text.contains("Bcc"), "{text}");
        assert!(!text.contains("+1210") || text.contains("Dana"), "{text}");
    }
}

#[test]
fn other_notices_read_as_they_should() {
    let asked = fact(Happening::AuthorisationAsked, 104_233, "Acme", Severity::Warning);
    let mut proven = fact(Happening::Proven, 104_233, "Acme", Severity::Warning);
    proven.text = "+12105550142 is refused with 603; three wanted numbers still pass".to_owned();
    let mut late = fact(Happening::ClockWarning, 104_233, "Acme", Severity::Warning);
    late.clock = Some((ClockKind::Acknowledge, 90));
    late.due = violation().due;
    let mut trouble = Fact::of_service(Happening::Trouble, OPEN, "spool");
    (trouble.rule, trouble.text) = ("spool".to_owned(), "3: times the spool could not be written".to_owned());
    let mut handed = Fact::of_service(Happening::HandOver, OPEN, "first");
    handed.text = "anna:\nAcme's trunk flaps.\nRW-104233-3 waits for the carrier.".to_owned();
    let texts = [
        mail(&[asked], Audience::Customer),
        mail(&[proven], Audience::Customer),
        mail(&[late], Audience::Desk),
        mail(&[trouble], Audience::Shadow),
        mail(&[handed], Audience::Desk),
    ];
    assert_eq!(&texts.join("----\n"), golden!("others.txt"));
    for text in &texts {
        assert!(text.contains("Not satisfied? Dana Reyes, +12105550100"), "{text}");
    }
    let (subject, text) = words::digest(&["one".to_owned(), "two".to_owned()], 3, &story().settings);
    assert_eq!(&format!("Subject: {subject}\n\n{text}"), golden!("digest.txt"));
}

#[test]
fn o2_cef_escapes_what_has_a_meaning() {
    let mut fact = violation();
    assert_eq!(&format!("{}\n", cef(&fact)), golden!("violation.cef"));
    (fact.rule, fact.customer, fact.text) =
        ("a|b\\c=d".to_owned(), "x=y|z\\".to_owned(), "one\ntwo\rthree\u{7}".to_owned());
    let line = cef(&fact);
    assert!(line.contains("|a\\|b\\\\c=d|9|"), "{line}");
    assert!(line.contains("cs1=x\\=y|z\\\\ "), "{line}");
    assert!(line.ends_with("msg=one\\ntwo\\rthree "), "{line}");
    assert!(line.contains(" externalId=RW-104233-3 "), "{line}");
}

#[test]
fn syslog_is_one_line_with_a_header() {
    let line = syslog(Severity::Critical, OPEN, "host with space", "n1", "a\nb");
    assert_eq!(line, "<107>1 2026-10-05T15:00:00.000000Z hostwithspace ringwall - n1 - \u{feff}a b");
    assert!(
        syslog(Severity::Info, OPEN, "", "", "x")
            .starts_with("<110>1 2026-10-05T15:00:00.000000Z - ringwall - - - ")
    );
}

#[test]
fn x4_ends_of_the_audit_go_once_to_each_machine_that_takes_them() {
    let target = |stream: &str| {
        format!("address = \"tcp://siem.example.com:601\"\nkind = \"syslog\"\nstream = {stream}\n")
    };
    let text = format!(
        "[target.anchors]\n{}[target.second]\n{}[target.siem]\n{}",
        target("[\"audit\"]"),
        target("[\"audit\", \"cases\"]"),
        target("[\"alerts\", \"cases\"]"),
    );
    let settings = Settings::parse(&text, &[]).unwrap();
    let lines = [("[\"Acme\",3]".to_owned(), "{\"sequence\":3}".to_owned())];
    let sent = anchors(&lines, &settings, OPEN);
    assert_eq!(sent.iter().map(|it| it.to.as_str()).collect::<Vec<_>>(), ["anchors", "second"]);
    assert!(sent.iter().all(|it| it.content == Content::Document(lines[0].1.clone())));
    // The same end is the same message, so that it is taken once whoever words it again; another is another.
    let again = anchors(&lines, &settings, OPEN.plus_micros(1));
    let other = anchors(&[("[\"Acme\",4]".to_owned(), String::new())], &settings, OPEN);
    assert!(sent[0].id == again[0].id && sent[0].id != sent[1].id && sent[0].id != other[0].id);
}

/// What OCSF 1.8 asks of both classes: name, type, and the numbers that may stand there.
const REQUIRED: [(&str, &str, &[u64]); 12] = [
    ("/activity_id", "number", &[0, 1, 2, 3, 99]),
    ("/category_uid", "number", &[2]),
    ("/class_uid", "number", &[2004, 2005]),
    ("/type_uid", "number", &[200_401, 200_402, 200_403, 200_501, 200_502, 200_503]),
    ("/time", "number", &[]),
    ("/severity_id", "number", &[0, 1, 2, 3, 4, 5, 6, 99]),
    ("/status_id", "number", &[0, 1, 2, 3, 4, 5, 6, 99]),
    ("/metadata/version", "string", &[]),
    ("/metadata/product/vendor_name", "string", &[]),
    ("/metadata/product/name", "string", &[]),
    ("/metadata/correlation_uid", "string", &[]),
    ("/metadata/uid", "string", &[]),
];

fn assert_ocsf(finding: &Value, more: &[&str]) {
    for (path, kind, numbers) in REQUIRED {
        let value = finding.pointer(path).unwrap_or_else(|| panic!("no {path} in {finding}"));
        match kind {
            "number" => {
                let number = value.as_u64().unwrap_or_else(|| panic!("{path} is {value}"));
                assert!(numbers.is_empty() || numbers.contains(&number), "{path} is {number}");
            }
            _ => assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{path} is {value}"),
        }
    }
    let class = finding["class_uid"].as_u64().unwrap();
    assert_eq!(finding["type_uid"].as_u64().unwrap(), class * 100 + finding["activity_id"].as_u64().unwrap());
    for path in more {
        assert!(finding.pointer(path).is_some_and(|value| !value.is_null()), "no {path} in {finding}");
    }
    for observable in finding["observables"].as_array().unwrap() {
        // What an observable names is there.
        let path = format!("/{}", observable["name"].as_str().unwrap().replace('.', "/"));
        assert_eq!(finding.pointer(&path), Some(&observable["value"]), "{path}");
        assert_eq!(observable["type_id"], 99);
    }
}

#[test]
fn o2_findings_are_what_ocsf_asks_for() {
    let case = case_finding(&violation());
    assert_eq!(&format!("{}\n", serde_json::to_string_pretty(&case).unwrap()), golden!("case.ocsf.json"));
    assert_ocsf(&case, &["/finding_info_list/0/uid", "/finding_info_list/0/title", "/status"]);
    assert_eq!(case["metadata"]["profiles"], serde_json::json!(["incident"]));
    assert_eq!(case["metadata"]["correlation_uid"], "RW-104233-3");
    let detection = detection_finding(&violation());
    assert_eq!(
        &format!("{}\n", serde_json::to_string_pretty(&detection).unwrap()),
        golden!("alert.ocsf.json")
    );
    assert_ocsf(&detection, &["/finding_info/uid", "/finding_info/title", "/finding_info/analytic/type_id"]);
    for (event, activity) in [(Happening::Opened, 1), (Happening::Updated, 2), (Happening::Closed, 3)] {
        let finding = case_finding(&Fact { event, ..violation() });
        assert_eq!(finding["activity_id"], activity);
        assert_ocsf(&finding, &[]);
    }
}

#[test]
fn mistakes_of_a_file_are_told_with_their_lines_all_at_once() {
    let text = r#"escalation = "nobody"
[person.anna]
mail = "not an address"
phone = "210"
[chain.desk]
steps = [
  { who = ["person:anna", "rota:first", "somebody"], channels = ["pigeon"], wait = "soon", when = "later", calendar = "lunar" },
]
[chain.customer]
steps = [{ who = "role:boss" }]
[[route]]
name = "all"
match = { event = "party", severity = "bad" }
urgency = "page"
chain = "nowhere"
[target.hook]
kind = "webhook"
url = "ftp://x"
[target.log]
kind = "syslog"
address = "tls://siem"
[sms]
url = "https://sms.example.com/"
body = "{to}"
"#;
    let said = Settings::parse(text, &["central"]).unwrap_err().to_string();
    for expected in [
        "line 1: no person \"nobody\"",
        "line 3: \"not an address\" is no plain mail address",
        "line 4: \"210\" is no number",
        "line 7: no rota \"first\"",
        "line 7: \"somebody\": who is told is",
        "line 7: \"pigeon\" is no channel",
        "line 7: \"soon\" is no time",
        "line 7: \"later\": a step is taken when",
        "line 7: no calendar \"lunar\"",
        "line 7: the last step of a chain that calls people of the desk names",
        "line 10: no role \"boss\"",
        "line 13: no event \"party\"",
        "line 13: no severity \"bad\"",
        "line 15: no chain \"nowhere\"",
        "line 16: target \"hook\": \"ftp://x\" is no address",
        "target \"log\": \"tls://siem\" has no port",
        "line 24: the body has no {text}",
    ] {
        assert!(said.contains(expected), "no {expected:?} in\n{said}");
    }
    let unknown = Settings::parse("[person.a]\nage = 2\n", &[]).unwrap_err().to_string();
    assert!(unknown.starts_with("line 2: unknown field `age`"), "{unknown}");
}

#[test]
fn a_route_that_waits_for_longer_than_the_contract_promises_is_named() {
    let settings = Settings::usual();
    assert_eq!(settings.late_routes(60).count(), 0);
    assert_eq!(settings.late_routes(20).collect::<Vec<_>>(), ["critical violations"]);
}
