//! Start, stop, power cuts: what is kept, and what happens without a policy.

use std::process::Command;

use super::{Call, POLICY, Phone, Service, fresh, http, lines, status, within};
use crate::support::{Scratch, ringwall, stdout};

pub(super) const COUNTING: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
response = { list = 603, threshold = 480 }

[[ips]]
name = "keeps calling"
when = { direction = "inbound" }
count = "attempts"
per = ["caller"]
within = "10m"
warning = 2
critical = 3
action = { critical = { block = "1h" } }
"#;

/// Calls so many times, each call another one.
pub(super) fn calls(service: &Service, name: &str, times: usize) -> Vec<u16> {
    let phone = Phone::new(service.udp());
    (0..times)
        .map(|index| {
            let call_id = format!("{name}-{index}");
            status(&phone.ask(
                &Call { call_id: &call_id, ..Call::new("+13035550142", "+12105550150") }.by(phone.port()),
            ))
        })
        .collect()
}

fn blocks(scratch: &Scratch) -> String {
    let (data, policy) = (scratch.path().join("data"), scratch.path().join("acme.toml"));
    let arguments = ["block", "list", "--data", data.to_str().unwrap(), "--policy", policy.to_str().unwrap()];
    let output = ringwall(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

#[test]
fn a_block_outlives_an_orderly_restart_and_is_listed_and_lifted_in_between() {
    let service = Service::start("serve-restart", COUNTING, "");
    assert_eq!(calls(&service, "one", 4), [302, 302, 480, 480]);
    assert_eq!(service.metric("ringwall_blocks_in_force{mount=\"redirect\"}"), 1);
    let alerts = service.lines("alerts.jsonl", 2);
    assert_eq!((&alerts[1]["level"], &alerts[1]["rule"]), (&"critical".into(), &"keeps calling".into()));
    let scratch = service.stop();
    assert_eq!(lines(&scratch.path().join("data/calls.jsonl")).len(), 4);
    let listed = blocks(&scratch);
    assert!(listed.contains("+13035550142") && listed.contains("keeps calling"), "{listed}");

    let service = Service::resume(scratch, "");
    assert_eq!(calls(&service, "two", 1), [480]);
    let scratch = service.stop();
    let id = blocks(&scratch).split_whitespace().next().unwrap().to_owned();
    let (data, policy) = (scratch.path().join("data"), scratch.path().join("acme.toml"));
    let lifted = ringwall([
        "block",
        "lift",
        &id,
        "--data",
        data.to_str().unwrap(),
        "--policy",
        policy.to_str().unwrap(),
        "--by",
        "anna",
        "--why",
        "the clinic",
    ]);
    assert!(lifted.status.success(), "{lifted:?}");
    let service = Service::resume(scratch, "");
    assert_eq!(calls(&service, "three", 2), [302, 302]);
}

#[test]
fn a_power_cut_costs_a_second_of_counting() {
    let service = Service::start("serve-kill", COUNTING, "");
    assert_eq!(calls(&service, "one", 3), [302, 302, 480]);
    let state = service.data().join("counters.state");
    // A snapshot that was begun after the last call.
    let taken = |count: usize| {
        let stamp = || std::fs::metadata(&state).ok().and_then(|data| data.modified().ok());
        let mut last = stamp();
        (0..count).for_each(|_| {
            within(10, || (stamp() != last).then_some(())).expect("no snapshot was taken");
            last = stamp();
        });
    };
    taken(2);
    let scratch = service.kill();
    let service = Service::resume(scratch, "");
    assert_eq!(calls(&service, "two", 1), [480], "the block is still there");
    assert_eq!(service.lines("calls.jsonl", 4).len(), 4);
}

#[test]
fn a_policy_that_changed_while_stopped_keeps_blocks_unless_its_thresholds_changed() {
    let service = Service::start("serve-changed", COUNTING, "");
    assert_eq!(calls(&service, "one", 3), [302, 302, 480]);
    let scratch = service.stop();
    scratch.write("acme.toml", format!("{COUNTING}\n# a comment\n[[firewall]]\nname = \"x\"\nwhen = {{ caller = \"+1 303 555 0199\" }}\naction = \"block\"\n"));
    let service = Service::resume(scratch, "");
    assert_eq!(calls(&service, "two", 1), [480], "{}", service.errors());
    let scratch = service.stop();
    scratch.write("acme.toml", COUNTING.replace("critical = 3", "critical = 30"));
    let service = Service::resume(scratch, "");
    assert_eq!(calls(&service, "three", 1), [302]);
    assert!(service.errors().contains("thresholds were changed"), "{}", service.errors());
}

#[test]
fn a_broken_policy_at_start_leaves_the_last_good_one_in_force() {
    let service = Service::start("serve-broken-start", POLICY, "");
    let scratch = service.stop();
    scratch.write("acme.toml", POLICY.replace("action = \"block\"", "action = \"blok\""));
    let service = Service::resume(scratch, "");
    let errors = service.errors();
    assert!(
        errors.contains("blok") && errors.contains("going on with the policies that were good"),
        "{errors}"
    );
    let phone = Phone::new(service.udp());
    assert_eq!(status(&phone.ask(&Call::new("+13035550105", "+12105550150").by(phone.port()))), 486);
    assert_eq!(service.lines("alerts.jsonl", 1)[0]["rule"], "policy-unreadable");
    // Mended while it runs.
    service.scratch.write("acme.toml", POLICY.replace("block = 486", "block = 404"));
    let answer =
        || {
            let call_id = fresh();
            status(&phone.ask(
                &Call { call_id: &call_id, ..Call::new("+13035550105", "+12105550150") }.by(phone.port()),
            ))
        };
    within(10, || (answer() == 404).then_some(())).expect("the mended policy is not taken up");
}

#[test]
fn without_any_policy_calls_pass_or_are_refused_as_the_operator_wants() {
    for (calls, expected) in [("pass", 302), ("are refused", 500)] {
        let scratch = Scratch::new("serve-nothing");
        scratch.write("acme.toml", "nonsense");
        let config = format!(
            "policy = [\"acme.toml\"]\ndata = \"data\"\ncalls_without_policy = \"{calls}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n"
        );
        let service = Service::with_config(scratch, &config);
        let phone = Phone::new(service.udp());
        let asked =
            |called: &str, extra: &str| {
                let call_id = fresh();
                let call = Call { call_id: &call_id, extra, ..Call::new("+13035550105", called) };
                let text = String::from_utf8(call.by(phone.port())).unwrap();
                status(&phone.ask(
                    text.replace("sip:urn:service:sos@acme.example SIP", "urn:service:sos SIP").as_bytes(),
                ))
            };
        let claim = "Resource-Priority: ets.0\r\n";
        for (called, extra) in
            [("+12105550150", ""), ("1234", ""), ("123456", ""), ("anna", ""), ("+12105550150", claim)]
        {
            assert_eq!(asked(called, extra), expected, "{called} {extra}");
        }
        for called in ["911", "112", "999", "000", "urn:service:sos"] {
            assert_eq!(asked(called, ""), 302, "emergency calls pass: {called}");
        }
        let refuses = expected == 500;
        let question = |called: &str| serde_json::json!({ "caller": "+13035550105", "called": called });
        let (code, said) = service.decide(&question("+12105550150"));
        let verdict = if refuses { "block" } else { "allow" };
        assert_eq!((code, &said["verdict"]), (200, &verdict.into()), "{said}");
        assert_eq!(said["code"].as_u64(), refuses.then_some(500), "{said}");
        assert_eq!(service.decide(&question("911")).1["verdict"], "allow");
        let page = |path: &str| http(service.address("http://"), "GET", path, "");
        let (ready, words) = page("/readyz");
        assert_eq!((ready, words.contains("there is no policy")), (if refuses { 503 } else { 200 }, refuses));
        assert_eq!((page("/healthz").0, service.metric("ringwall_ready")), (200, u64::from(!refuses)));
        let shed = service.metric("ringwall_shed_total{kind=\"no-policy\"}");
        assert_eq!((shed, service.total("ringwall_shed_total")), if refuses { (6, 6) } else { (0, 0) });
        assert_eq!(service.lines("alerts.jsonl", 1)[0]["rule"], "no-policy");
        service.scratch.write("acme.toml", POLICY);
        let answer = || {
            let call_id = fresh();
            let call = Call { call_id: &call_id, ..Call::new("+13035550105", "+12105550150") };
            status(&phone.ask(&call.by(phone.port())))
        };
        within(10, || (answer() == 486).then_some(())).expect("the policy is not taken up");
        assert_eq!(page("/readyz").0, 200);
    }
}

#[test]
fn a_wrong_configuration_is_told_with_its_line_and_nothing_starts() {
    let scratch = Scratch::new("serve-wrong");
    for (text, expected) in [
        ("polcy = []\n", "ringwall.toml:1:1: unknown field `polcy`"),
        ("[redirect]\nudp = [\"127.0.0.1:0\"]\ntls = [\"127.0.0.1:0\"]\n", "`tls` needs"),
        ("data = \"d\"\n[http]\nlisten = \"192.0.2.1:1\"\n", "cannot listen on http 192.0.2.1:1"),
    ] {
        let config = scratch.write("ringwall.toml", text);
        let output =
            Command::new(crate::support::binary()).args(["serve", "--config"]).arg(config).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_refusal_that_a_peer_takes_for_leave_is_refused_at_the_start_and_while_running() {
    let peer = "[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nallow = \"404\"\n";
    let service = Service::start("serve-misfit", POLICY, peer);
    service.scratch.write("acme.toml", POLICY.replace("block = 486", "block = 404"));
    service.signal("-HUP");
    within(10, || {
        service.errors().contains("refuses with 404, which peer \"sbc\" takes for leave").then_some(())
    })
    .unwrap_or_else(|| panic!("{}", service.errors()));
    within(5, || (service.metric("ringwall_reloads_total{kind=\"refused\"}") > 0).then_some(())).unwrap();
    let phone = Phone::new(service.udp());
    assert_eq!(status(&phone.ask(&Call::new("+13035550105", "+12105550150").by(phone.port()))), 486);
}

#[test]
fn a_customer_that_a_peer_misspells_takes_no_policy_out_of_force() {
    let peer = "[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\ncustomer = \"acne\"\nnext_hop = \"sip:192.0.2.77\"\n";
    let service = Service::start("serve-misspelt", POLICY, peer);
    assert!(
        service.errors().contains("names customer \"acne\", which no policy has"),
        "{}",
        service.errors()
    );
    let phone = Phone::new(service.udp());
    assert_eq!(status(&phone.ask(&Call::new("+13035550105", "+12105550150").by(phone.port()))), 486);
}

#[test]
fn a_file_whose_own_cases_are_not_met_says_so_and_a_second_one_of_a_customer_is_refused() {
    let unmet =
        "[[expect]]\ncall = { from = \"+13035550105\", to = \"+12105550150\" }\nverdict = \"allow\"\n";
    let service = Service::start("serve-unmet", &format!("{POLICY}{unmet}"), "");
    assert!(service.errors().contains("1 of the cases that the policy of"), "{}", service.errors());
    let scratch = Scratch::new("serve-twice");
    scratch.write("acme.toml", POLICY);
    scratch.write("again.toml", POLICY);
    let config = Service::configuration("").replace("[\"acme.toml\"]", "[\"acme.toml\", \"again.toml\"]");
    let service = Service::with_config(scratch, &config);
    assert!(service.errors().contains("is a second policy of"), "{}", service.errors());
}
