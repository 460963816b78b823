//! Something is broken inside, again and again: it costs what is in hand, and nothing else.

use std::net::SocketAddr;

use serde_json::json;

use super::overload::accounted;
use super::proxy::{entry, proxy};
use super::{Call, POLICY, Phone, Service, fresh, header, http, status, within};

/// A peer of whose calls this becomes when judging them fails.
fn peer(calls_on_fault: &str) -> String {
    format!(
        "calls_on_fault = \"{calls_on_fault}\"\n[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77\"\n"
    )
}

/// How many messages are sent; one in a hundred fails.
fn messages() -> u64 {
    std::env::var("RINGWALL_PANICS").map_or(2_000, |count| count.parse().unwrap())
}

fn faults(service: &Service, kind: &str) -> u64 {
    service.metric(&format!("ringwall_faults_total{{kind=\"{kind}\"}}"))
}

#[test]
fn one_call_in_a_hundred_on_which_judging_fails_costs_the_others_nothing() {
    for (calls_on_fault, kind, expected) in [("pass", "passed", 302), ("are refused", "refused", 500)] {
        let service = Service::start_faulty("panics", POLICY, &peer(calls_on_fault), "judge=100");
        let phone = Phone::new(service.udp());
        let messages = messages() / 2;
        let mut failed = 0;
        for _ in 0..messages {
            // Everybody is blocked: who is not was not judged.
            let call_id = fresh();
            let said = phone.ask(
                &Call { call_id: &call_id, ..Call::new("+13035550106", "+12105550150") }.by(phone.port()),
            );
            match status(&said) {
                603 => {}
                other if other == expected => failed += 1,
                other => panic!("{other}: {said}"),
            }
        }
        assert_eq!(failed, messages / 100);
        assert_eq!(faults(&service, kind), failed);
        assert_eq!(service.total("ringwall_decisions_total"), messages - failed);
        assert_eq!(service.total("ringwall_faults_total"), failed);
        assert!(service.errors().contains("forces faults"), "it is said that this is a test");
        let service_is_well = http(service.address("http://"), "GET", "/readyz", "").0;
        assert_eq!(service_is_well, 200);
        drop(service.stop());
    }
}

#[test]
fn an_emergency_call_passes_where_calls_are_refused_on_which_judging_fails() {
    let called = ["911", "112", "+1911", "urn:service:sos"];
    let text = |phone: &Phone, called: &str, call_id: &str| {
        let call = Call { call_id, ..Call::new("+12105550101", called) };
        let text = String::from_utf8(call.by(phone.port())).unwrap();
        text.replace("sip:urn:service:sos@acme.example SIP", "urn:service:sos SIP")
    };
    let service = Service::start_faulty("panics-emergency", POLICY, &peer("are refused"), "judge=1");
    let phone = Phone::new(service.udp());
    for called in called {
        assert_eq!(status(&phone.ask(text(&phone, called, &fresh()).as_bytes())), 302, "{called}");
    }
    for called in ["1234", "anna", "+13035550142"] {
        assert_eq!(status(&phone.ask(text(&phone, called, &fresh()).as_bytes())), 500, "{called}");
    }
    assert_eq!((faults(&service, "passed"), faults(&service, "refused")), (4, 3));
    within(5, || alerts(&service).contains(&"judging-fails".to_owned()).then_some(())).unwrap();

    let inside = Phone::at("127.0.0.2", SocketAddr::from(([127, 0, 0, 1], 0)));
    let place = inside.socket.local_addr().unwrap();
    let config =
        proxy(&[place], "in order", 0).replace("[proxy]\n", "[proxy]\ncalls_on_fault = \"are refused\"\n");
    let service = Service::start_faulty("panics-proxy-emergency", POLICY, &config, "judge=1");
    let (inside, phone) = (Phone { server: entry(&service), ..inside }, Phone::new(entry(&service)));
    for called in called {
        let call_id = fresh();
        phone.send(text(&phone, called, &call_id).as_bytes());
        assert_eq!(header(&inside.receive(), "Call-ID"), Some(call_id.as_str()), "{called}");
    }
    phone.send(text(&phone, "+13035550142", &fresh()).as_bytes());
    assert_eq!(status(&phone.receive()), 500);
    assert_eq!((faults(&service, "passed"), faults(&service, "refused")), (4, 1));
}

/// What alerts there are so far, by rule.
fn alerts(service: &Service) -> Vec<String> {
    let lines = super::lines(&service.data().join("alerts.jsonl"));
    lines.iter().map(|line| line["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn options_on_which_judging_fails_count_once() {
    let service = Service::start_faulty("panics-options", POLICY, &peer("are refused"), "judge=3");
    let phone = Phone::new(service.udp());
    for number in 1..=30 {
        let call_id = fresh();
        let method = if number % 2 == 0 { "OPTIONS" } else { "INVITE" };
        let call = Call { method, call_id: &call_id, ..Call::new("+13035550142", "+12105550150") };
        let expected = match (method, number % 3) {
            ("OPTIONS", _) => 200,
            (_, 0) => 500,
            _ => 302,
        };
        assert_eq!(status(&phone.ask(&call.by(phone.port()))), expected, "{number}");
    }
    assert_eq!((faults(&service, "passed"), faults(&service, "refused")), (5, 5));
    assert_eq!((service.total("ringwall_messages_received_total"), accounted(&service)), (30, 30));
}

#[test]
fn a_call_through_the_proxy_passes_or_is_refused_when_judging_it_fails() {
    for (calls_on_fault, expected) in [("pass", None), ("are refused", Some(500))] {
        let inside = Phone::at("127.0.0.2", SocketAddr::from(([127, 0, 0, 1], 0)));
        let place = inside.socket.local_addr().unwrap();
        let config = proxy(&[place], "in order", 0)
            .replace("[proxy]\n", &format!("[proxy]\ncalls_on_fault = \"{calls_on_fault}\"\n"));
        let service = Service::start_faulty("panics-proxy", POLICY, &config, "judge=3");
        let (inside, phone) = (Phone { server: entry(&service), ..inside }, Phone::new(entry(&service)));
        for number in 1..=12 {
            let call_id = fresh();
            phone.send(
                &Call { call_id: &call_id, ..Call::new("+13035550106", "+12105550150") }.by(phone.port()),
            );
            match expected.filter(|_| number % 3 == 0) {
                None if number % 3 == 0 => {
                    assert_eq!(header(&inside.receive(), "Call-ID"), Some(call_id.as_str()));
                }
                other => assert_eq!(status(&phone.receive()), other.unwrap_or(603)),
            }
        }
        let kind = if expected.is_some() { "refused" } else { "passed" };
        assert_eq!((faults(&service, kind), service.total("ringwall_faults_total")), (4, 4));
    }
}

#[test]
fn what_fails_around_the_calls_costs_no_call() {
    let faulty = "turn=3,job=5,page=4,records=2,lines=3";
    let service = Service::start_faulty("panics-around", POLICY, &peer("pass"), faulty);
    let phone = Phone::new(service.udp());
    for _ in 0..300 {
        let call_id = fresh();
        let said = phone
            .ask(&Call { call_id: &call_id, ..Call::new("+13035550106", "+12105550150") }.by(phone.port()));
        assert_eq!(status(&said), 603);
    }
    assert_eq!(service.total("ringwall_decisions_total"), 300);
    // Over HTTP whoever meets a fault is told so at once, and the next one is answered.
    let mut said = std::collections::BTreeMap::<u16, u32>::new();
    let question = json!({ "caller": "+13035550106", "called": "+12105550100" }).to_string();
    for _ in 0..40 {
        let (status, body) = http(service.address("http://"), "POST", "/v1/decide", &question);
        *said.entry(status).or_default() += 1;
        assert!(status != 200 || body.contains("\"block\""), "{body}");
    }
    assert_eq!(said[&500], 10, "{said:?}");
    assert!(said[&200] >= 15 && said[&503] > 0, "{said:?}");
    assert_eq!(faults(&service, "page"), 10);
    assert!(faults(&service, "turn") > 0 && faults(&service, "unanswered") > 0);
    within(5, || (faults(&service, "records") > 1).then_some(())).unwrap();
    // What was given up is counted: nothing goes without a trace.
    let known = || {
        service.metric("ringwall_spool_events_total{kind=\"call\"}")
            + service.metric("ringwall_news_dropped_total{kind=\"call\"}")
    };
    within(5, || (known() >= 301).then_some(())).unwrap_or_else(|| panic!("{}", known()));
    assert_eq!(service.metric("ringwall_ready"), 1);
    // Lines are copied from the spool again and again until all are there, and none is there twice.
    let written = service.metric("ringwall_spool_events_total{kind=\"call\"}") as usize;
    within(20, || (super::lines(&service.data().join("calls.jsonl")).len() >= written).then_some(()))
        .unwrap();
    let scratch = service.stop();
    let lines = super::lines(&scratch.path().join("data/calls.jsonl"));
    let calls: std::collections::BTreeSet<_> = lines.iter().map(|line| line["call_id"].to_string()).collect();
    assert_eq!(calls.len(), lines.len());
}
