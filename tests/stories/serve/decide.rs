//! `POST /v1/decide`, health and metrics.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{POLICY, Service, http};

#[test]
fn a_call_told_by_its_parts_is_decided_and_counted() {
    let service = Service::start("serve-decide", POLICY, "");
    let (status, said) = service.decide(&json!({ "caller": "(303) 555-0105", "called": "+12105550150" }));
    assert_eq!(status, 200, "{said}");
    assert_eq!(
        (&said["verdict"], &said["code"], &said["rule"]),
        (&json!("block"), &json!(486), &json!("busy"))
    );
    assert_eq!(said["reason"], "matched rule \"busy\"");
    assert_eq!(said["policy_version"].as_str().unwrap().len(), 64);
    let (_, said) = service.decide(&json!({
        "caller": "+13035550142", "called": "+12105550150", "source": "192.0.2.7",
        "headers": { "P-Asserted-Identity": "<sip:+13035550106@x.example>", "X-One": ["a", "b"] },
    }));
    assert_eq!(said["rule"], "plain", "a header that was given is read: {said}");
    let (_, said) = service.decide(&json!({ "caller": "+13035550104", "called": "+12105550150" }));
    assert_eq!((&said["verdict"], &said["divert"]), (&json!("divert"), &json!("sip:desk@198.51.100.9")));
    let (_, said) = service.decide(&json!({ "caller": "+13035550142", "called": "+12105550150" }));
    assert_eq!((&said["verdict"], &said["code"]), (&json!("allow"), &json!(null)));
    assert_eq!(service.metric("ringwall_messages_received_total{kind=\"http\"}"), 4);
    assert_eq!(service.lines("calls.jsonl", 4).len(), 4);
}

#[test]
fn a_whole_message_is_decided_as_a_packet_would_be() {
    let service = Service::start("serve-decide-raw", POLICY, "");
    let message = "INVITE sip:+12105550150@x SIP/2.0\r\nf: <sip:%2B1303555%30105@x>;tag=1\r\ni: 1\r\n\r\n";
    let (_, said) = service.decide(&json!({ "message": message, "customer": "Acme" }));
    assert_eq!(said["rule"], "busy", "{said}");
    for (question, expected) in [
        (json!({ "caller": "+13035550142" }), "`caller` and `called`"),
        (json!({ "caller": "1", "called": "2", "colour": "red" }), "unknown field `colour`"),
        (json!({ "caller": "1", "called": "2", "source": "here" }), "no IP address"),
        (json!({ "caller": "1", "called": "2", "transport": "pigeon" }), "none of udp, tcp"),
        (json!({ "caller": "1", "called": "2", "customer": "Nobody" }), "no policy has this name"),
        (json!({ "message_base64": "%%%" }), "message_base64"),
        (json!({ "message_base64": "QkxBSA==" }), "no SIP request"),
        (json!({ "message": "SIP/2.0 200 OK\r\n\r\n" }), "no SIP request"),
        (json!({ "message": message, "caller": "1" }), "not both"),
        (json!({ "caller": "", "called": "2" }), "is empty"),
        (json!({ "caller": "1", "called": "2", "headers": { "X Y": "z" } }), "no name of a header"),
    ] {
        let (status, said) = service.decide(&question);
        assert_eq!(status, 422, "{question}");
        assert!(said["error"].as_str().unwrap().contains(expected), "{question}: {said}");
    }
}

#[test]
fn what_can_be_asked_is_described_and_the_description_reviewed() {
    let service = Service::start("serve-openapi", POLICY, "");
    let (status, page) = http(service.address("http://"), "GET", "/v1/openapi.json", "");
    let described: Value = serde_json::from_str(&page).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    if std::env::var_os("RINGWALL_WRITE").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&described).unwrap() + "\n").unwrap();
    }
    let reviewed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((status, &described), (200, &reviewed), "RINGWALL_WRITE=1 writes docs/openapi.json anew");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let schemas = &described["components"]["schemas"];
    let (_, said) = service.decide(&json!({ "caller": "1", "called": "2" }));
    assert_eq!(keys(&said), keys(&schemas["Decision"]["properties"]), "every key of an answer is described");
    for key in keys(&schemas["Asked"]["properties"]) {
        let (_, said) = service.decide(&json!({ key: {} }));
        assert!(!said.to_string().contains("unknown field"), "what is described can be asked: {said}");
    }
}

#[test]
fn health_and_metrics_can_be_asked_for() {
    let service = Service::start("serve-health", POLICY, "");
    let address = service.address("http://");
    assert_eq!(http(address, "GET", "/healthz", ""), (200, "alive\n".to_owned()));
    assert_eq!(http(address, "GET", "/readyz", ""), (200, "ready\n".to_owned()));
    assert_eq!(http(address, "GET", "/nowhere", "").0, 404);
    let (_, page) = http(address, "GET", "/metrics", "");
    assert!(page.contains("# TYPE ringwall_decisions_total counter"), "{page}");
    let names: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(names.len() > 30 && names.iter().all(|line| line.starts_with("ringwall_")), "{page}");
    assert!(!page.contains("See docs/serve.md"), "a metric has no meaning");
}
