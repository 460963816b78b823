//! Blocks that all ways in share: what only watches sees a caller at work, and who is asked refuses the next call.

use serde_json::Value;

use super::agent::{ON, agent, call, expect, micros, send};
use super::{Call, Phone, Service, fresh, lines, status, within};
use crate::support::messages::Dialog;
use crate::support::{Scratch, ringwall, stdout};

/// Short calls are seen by HEP alone: who is asked about a call never hears how it ended.
const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
response = { threshold = 480 }

[[ips]]
name = "one ring and gone"
when = { direction = "inbound" }
count = "short calls"
shorter_than = "6s"
per = ["caller"]
within = "10m"
critical = 3
action = { critical = { block = "1h" } }
"#;

/// The same, with a list that is another one.
fn reworded(service: &Service) {
    let more =
        "\n[[firewall]]\nname = \"bad\"\nwhen = { caller = \"+1 303 555 0177\" }\naction = \"block\"\n";
    std::fs::write(service.scratch.path().join("acme.toml"), format!("{POLICY}{more}")).unwrap();
    service.signal("-HUP");
}

/// What the redirect server answers.
fn answer(service: &Service, caller: &str) -> u16 {
    let phone = Phone::new(service.udp());
    let call_id = fresh();
    status(&phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550101") }.by(phone.port())))
}

/// Three calls of two seconds by `caller`, as an agent tells of them.
fn short_calls(service: &Service, caller: &'static str) {
    let socket = agent(service);
    let begin = micros() - 4_000_000;
    for number in 0..3 {
        let call_id = format!("{caller}-{number}@example.com").leak();
        let dialog = Dialog { call_id, from: caller, ..Dialog::default() };
        send(&socket, &call(&dialog, begin + number * 1_000, ""));
    }
}

fn listed(service: &Service) -> Vec<Value> {
    let output = ringwall(["block", "list", "--json", "--data", service.data().to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_seen_by_hep_is_refused_by_whoever_is_asked_over_lists_a_lift_and_a_power_cut() {
    let service = Service::start("shared-hep", POLICY, ON);
    let (wrong, right) = ("+13035550142", "+13035550143");
    assert_eq!(answer(&service, wrong), 302);
    short_calls(&service, wrong);
    expect(&service, "hep_packets_total{kind=\"sip\"}", 21);
    within(10, || (answer(&service, wrong) == 480).then_some(())).expect("the block arrives");
    assert_eq!(answer(&service, right), 302);
    expect(&service, "blocks_shared_total{kind=\"shared\"}", 1);
    // It is one block, held against calls where they come.
    let blocks = listed(&service);
    assert_eq!((blocks.len(), &blocks[0]["key"]["caller"]), (1, &wrong.into()), "{blocks:?}");
    assert!(blocks[0]["hits"].as_u64() >= Some(1), "{blocks:?}");

    // A list that changes leaves it in force, and what is set from then on is shared as before.
    reworded(&service);
    within(10, || (answer(&service, "+13035550177") != 302).then_some(())).expect("the new list is in force");
    assert_eq!(answer(&service, wrong), 480);
    let another = "+13035550144";
    short_calls(&service, another);
    within(10, || (answer(&service, another) == 480).then_some(())).expect("the second block arrives");

    // Lifted once, it is lifted everywhere, and what a person lifted nobody tells back into force.
    let id = blocks[0]["id"].as_str().unwrap();
    let data = service.data();
    let lift = ["block", "lift", id, "--by", "anna", "--why", "a clinic", "--data", data.to_str().unwrap()];
    let lifted = stdout(&ringwall(lift));
    assert_eq!(lifted.lines().count(), 1, "{lifted}");
    assert_eq!((answer(&service, wrong), answer(&service, another)), (302, 480));

    let service = Service::resume(service.kill(), ON);
    within(10, || (answer(&service, another) == 480).then_some(())).expect("it outlives a power cut");
    assert_eq!(answer(&service, wrong), 302);
    assert_eq!(listed(&service).len(), 2);
    assert_eq!(lines(&service.data().join("blocks.jsonl")).len(), 1);
}

#[test]
fn who_does_not_share_blocks_holds_them_where_they_were_set() {
    let scratch = Scratch::new("shared-not");
    scratch.write("acme.toml", POLICY);
    let config = format!("share_blocks = false\n{}", Service::configuration(ON));
    let service = Service::with_config(scratch, &config);
    short_calls(&service, "+13035550142");
    within(10, || (listed(&service).len() == 1).then_some(())).expect("the sensor has its block");
    assert_eq!(answer(&service, "+13035550142"), 302);
    assert_eq!(service.total("ringwall_blocks_shared_total"), 0);
}
