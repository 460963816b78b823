//! One mistake gives one diagnostic, and its help says what is right.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says where")]

use ringwall_rules::policy::{Diagnostic, MemoryFiles, read};
use ringwall_rules::proof::Prover;
use ringwall_rules::{Policy, Timestamp};

/// 2026-10-01T12:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_790_856_000);

const CUSTOMER: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\n\
    numbers = [\"+1 210 555 0100 - +1 210 555 1999\"]\ntrunks = [\"10.20.0.0/16\"]\ntrusted = [\"198.51.100.0/24\"]\n";

/// All that `check` says about `text`, the prover's findings too.
fn diagnostics(text: &str) -> Vec<Diagnostic> {
    let reading = read("p.toml", text, &MemoryFiles::new(), NOW);
    let mut found = reading.diagnostics;
    if let Some(text) = reading.policy {
        let policy = Policy::new(text);
        found.extend(Prover::new(policy.text(), policy.emergency(), NOW).findings());
    }
    found
}

/// Holds what is said of `rules`, under the usual customer, against its codes and a part of what is printed for each.
fn check(rules: &str, expected: &[(&str, &str)]) {
    check_whole(&format!("{CUSTOMER}{rules}"), expected);
}

fn check_whole(text: &str, expected: &[(&str, &str)]) {
    let found = diagnostics(text);
    let printed: Vec<String> = found.iter().map(|one| one.render(text)).collect();
    let codes: Vec<&str> = found.iter().map(|one| one.code.name()).collect();
    let wanted: Vec<&str> = expected.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, wanted, "{text}\n{}", printed.join("\n"));
    for (printed, (_, part)) in printed.iter().zip(expected) {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
}

/// A rule with this `when`.
fn when(when: &str) -> String {
    format!("[[firewall]]\nname = \"r\"\nwhen = {{ {when} }}\naction = \"block\"\n")
}

/// A rule with this action.
fn action(action: &str) -> String {
    format!("[[firewall]]\nname = \"r\"\nwhen = {{ caller = \"anonymous\" }}\naction = {action}\n")
}

/// A threshold with these keys and no limit.
fn threshold(keys: &str) -> String {
    format!("[[ips]]\nname = \"t\"\ncount = \"attempts\"\nper = [\"caller\"]\n{keys}\n")
}

#[test]
fn broken_syntax_is_all_that_is_said_of_its_table() {
    check(
        "[[firewall]]\nname: \"x\"\nwhen = { caller = \"anonymous\" }\naction = \"block\"\n",
        &[("syntax", "")],
    );
    check(
        "[[firewall]]\nname = \"x\"\nwhen = { caller = \"anonymous\"\naction = \"block\"\n",
        &[("syntax", "")],
    );
    check("[[ips]]\nname = \"x\"\ncount = \"attempts\"\nwithin = \"10m\"\ncritical: 40\n", &[("syntax", "")]);
    check(
        "[lists.bad]\nnumbers = [\"+12025550143\"]\n[[firewall]]\nname = \"x\"\nwhen: { caller = \"@bad\" }\naction = \"block\"\n",
        &[("syntax", "")],
    );
    check_whole(&CUSTOMER.replace("numbers =", "numbers :"), &[("syntax", "")]);
    // What another table lacks is a mistake of its own.
    check(
        "[[firewall]]\nname = \"y\"\n[[firewall]]\nname: \"x\"\naction = \"block\"\n",
        &[("missing-key", "needs `action`"), ("syntax", "")],
    );
}

#[test]
fn what_a_slip_of_the_pen_named_is_not_called_unused() {
    let list = |rule: &str| format!("[lists.bad]\nnumbers = [\"+12025550143\"]\n{rule}");
    check(&list(&when("caller = \"bad\"")), &[("missing-at", "\"@bad\"")]);
    check(&list(&when("caller = \"@bed\"")), &[("unknown-list", "did you mean `@bad`?")]);
    check(&list(&when("callr = \"@bad\"")), &[("unknown-key", "did you mean `caller`?")]);
    check(&list(&when("caller = \"anonymous\"")), &[("unused-list", "`bad`")]);
    let hours = |rule: &str| format!("[hours.business]\nopen = \"08:00-17:00\"\n{rule}");
    check(&hours(&when("time = \"outside busines\"")), &[("unknown-hours", "did you mean `business`?")]);
    check(&hours(&when("time = \"business\"")), &[("bad-time", "inside business")]);
    check(&hours(&when("caller = \"anonymous\"")), &[("unused-hours", "`business`")]);
    let quoted = format!("[lists.\"@bad\"]\nnumbers = [\"+12025550143\"]\n{}", when("caller = \"@bad\""));
    check(&quoted, &[("bad-name", "[lists.bad]")]);
}

#[test]
fn an_unknown_key_is_not_missed_as_well() {
    check("[[firewall]]\nname = \"r\"\nactoin = \"block\"\n", &[("unknown-key", "did you mean `action`?")]);
    check(
        "[[firewall]]\ntitle = \"r\"\naction = \"log\"\n",
        &[("unknown-key", "a firewall rule knows: name")],
    );
    check(
        "[[firewall]]\nname = \"r\"\nwehn = { caller = \"anonymous\" }\n",
        &[("missing-key", "needs `action`"), ("unknown-key", "did you mean `when`?")],
    );
    check(&action("{ limit = { cps = 10 } }"), &[("unknown-key", "calls = 10, per = \"1s\"")]);
    check(&action("{ limit = { calls = 10, pre = \"1s\" } }"), &[("unknown-key", "did you mean `per`?")]);
    check(&threshold("within = \"10m\"\ncritcal = 40"), &[("unknown-key", "did you mean `critical`?")]);
    check(
        &threshold("within = \"10m\"\ncritical = 40\naction = { critical = { drop = \"1h\" } }"),
        &[("unknown-key", "{ block = \"1h\", response = \"drop\" }")],
    );
    check(&action("{ drop = true }"), &[("unknown-key", "{ block = \"drop\" }")]);
    check(
        "[[expect]]\ncall = { caller = \"+12025550143\", called = \"+12105550100\" }\nverdict = \"block\"\n",
        &[("unknown-key", "did you mean `from`?"), ("unknown-key", "did you mean `to`?")],
    );
    check(
        &action("{ block = 486, alert = \"critical\" }"),
        &[("unknown-key", "`alert` stands beside `action`")],
    );
    check(&action("{ block = 486, divert = \"sip:a@192.0.2.9\" }"), &[("conflicting-keys", "")]);
}

#[test]
fn help_can_be_followed() {
    let lists = format!(
        "[lists.a]\nnumbers = [\"+12025550143\"]\n[lists.bad]\nnumbers = [\"@a\"]\n{}",
        when("caller = \"@bad\"")
    );
    check(&lists, &[("bad-number", "caller = [\"@one\", \"@other\"]")]);
    check(&when("caller = \"+12\u{10ffff}\""), &[("bad-number", ", or @list")]);
    let own = CUSTOMER.replace("+1 210 555 0100 -", "a - ");
    assert!(diagnostics(&own).iter().all(|found| !found.help.as_ref().unwrap().contains("@list")));
    check(
        &when("time = \"outside Mon-Fri 08:00-17:00\""),
        &[("unknown-hours", "define [hours.NAME] with `days` and `open`")],
    );
    check(&when("time = \"outside my hours\""), &[("unknown-hours", "define them: [hours.NAME]")]);
    check(&when("attestation = \"D\""), &[("unknown-word", "attestation is one of: A, B, C, none, failed")]);
    check(&when("attestation = \"a\""), &[("unknown-word", "did you mean \"A\"?")]);
    check(&when("user_agent = \"re:^sip\\d+\""), &[("syntax", "'re:^sip\\d+'")]);
    check(&threshold("within = 600\ncritical = 40"), &[("wrong-type", "\"600s\", or \"10m\"")]);
}

#[test]
fn bounds_are_told_in_short_numbers() {
    let limit = |count: &str, limit: &str| {
        format!(
            "[[ips]]\nname = \"t\"\ncount = \"{count}\"\nat_least = 9\nper = [\"caller\"]\nwithin = \"1h\"\ncritical = {limit}\n"
        )
    };
    check(&limit("answer ratio", "60"), &[("out-of-bounds", "`critical` is above 0, up to 1")]);
    check(&limit("answer ratio", "60"), &[("out-of-bounds", "write 0.6 for 60 %")]);
    check(&limit("answer ratio", "0"), &[("out-of-bounds", "`critical` is above 0, up to 1\n")]);
    check(&threshold("within = \"1h\"\ncritical = 0"), &[("out-of-bounds", "`critical` is above 0\n")]);
    check(
        &threshold("within = \"1h\"\ncritical = 1e13"),
        &[("out-of-bounds", "above 0, up to 1000000000000\n")],
    );
    check(
        &threshold("within = \"1h\"\ncritical = 5\nclear = 80"),
        &[("out-of-bounds", "`clear` is from 0 to 1\n")],
    );
}

#[test]
fn texts_that_look_like_patterns_are_named() {
    for (text, help) in [
        ("user_agent = '^sip.*'", "'re:^sip.*'"),
        ("user_agent = '/sipvicious/i'", "'re:(?i)sipvicious'"),
        ("user_agent = \"pplsip*\"", "write \"pplsip\""),
        ("display_name = '.*cruise'", "'re:.*cruise'"),
        ("host = \"https://example.com\"", "write \"example.com\""),
    ] {
        check(&when(text), &[("unlikely-text", help)]);
    }
    check(&when("user_agent = 're:^sip.*', host = \"example.com\", \"header.X-Route\" = \"sip:a*\""), &[]);
}

#[test]
fn a_number_as_asterisk_writes_it_is_none() {
    check(
        &when("direction = \"outbound\", called = \"_011.\""),
        &[("bad-number", "a prefix is written 011*")],
    );
    check(&when("called = \"_NXXNXXXXXX\""), &[("bad-number", "any digit as x")]);
    check(&when("direction = \"outbound\", called = \"011*\""), &[]);
}

#[test]
fn networks_that_hold_everybody_are_named() {
    let with = |key: &str, network: &str| {
        let lines: Vec<&str> = CUSTOMER.lines().filter(|line| !line.starts_with(key)).collect();
        format!("{}\n{key} = [\"{network}\"]\n", lines.join("\n"))
    };
    for (key, network, said) in [
        ("trusted", "0.0.0.0/0", "every address: everybody's P-Asserted-Identity is believed"),
        ("trusted", "198.0.0.0/7", "a large part of all addresses"),
        ("trunks", "::/0", "every address: no call from there is inbound any more"),
        ("trunks", "2000::/3", "a large part of all addresses"),
        ("back_to_back", "0.0.0.0/0", "legs of one call"),
    ] {
        check_whole(&with(key, network), &[("too-wide", said)]);
    }
    for network in ["10.0.0.0/8", "2001::/16", "fc00::/7", "fe80::/10"] {
        check_whole(&with("trunks", network), &[]);
    }
}

#[test]
fn no_emergency_number_is_a_customers_own() {
    let own =
        |numbers: &str| CUSTOMER.replace("[\"+1 210 555 0100", &format!("[\"{numbers}\", \"+1 210 555 0100"));
    check_whole(&own("911"), &[("emergency-as-own", "911 is an emergency number")]);
    check_whole(&own("112"), &[("emergency-as-own", "112 is an emergency number")]);
    check_whole(&own("+1 911 555 0100"), &[]);
}

#[test]
fn a_limit_of_nothing_is_a_block() {
    check(&action("{ limit = { calls = 0, per = \"1s\" } }"), &[("bad-limit", "action = \"block\"")]);
    check(&action("{ limit = { concurrent = 0 } }"), &[("bad-limit", "lets no call through")]);
    check(&action("{ limit = { calls = 1, per = \"1s\" } }"), &[]);
}

#[test]
fn a_rule_for_inbound_calls_from_the_own_side_is_dead() {
    let rule = |source: &str| when(&format!("direction = \"inbound\", source = {source}"));
    check(&rule("\"10.20.0.0/24\""), &[("dead-rule", "own trunks")]);
    check(&rule("[\"10.20.0.0/24\", \"10.20.7.7\"]"), &[("dead-rule", "outside of `trunks`")]);
    let list = format!("[lists.pbx]\nnetworks = [\"10.20.0.9\"]\n{}", rule("\"@pbx\""));
    check(&list, &[("dead-rule", "own trunks")]);
    check(&rule("[\"10.20.0.0/24\", \"203.0.113.7\"]"), &[]);
    check(&rule("\"10.0.0.0/8\""), &[]);
    check(&when("source = \"10.20.0.0/24\""), &[]);
}

#[test]
fn an_expired_rule_is_told_once() {
    check(&format!("{}expires = \"2025-12-31\"\n", when("caller = \"anonymous\"")), &[("expired-rule", "")]);
    check(&format!("{}mode = \"off\"\n", when("caller = \"anonymous\"")), &[("dead-rule", "info")]);
}

#[test]
fn who_ends_the_calls_of_the_called_is_warned() {
    let ends = |per: &str| {
        format!(
            "[[ips]]\nname = \"t\"\ncount = \"concurrent\"\nper = [{per}]\nwithin = \"1h\"\ncritical = 9\n\
             action = {{ critical = \"terminate\" }}\n"
        )
    };
    check(&ends("\"called\""), &[("cuts-off-victim", "warning")]);
    check(&ends("\"called\", \"caller\""), &[]);
    check(&ends("\"caller\""), &[]);
    let shipped = "[[ips]]\nuse = \"telephony-denial-of-service\"\naction = { critical = \"terminate\" }\n";
    check(shipped, &[("cuts-off-victim", "warning")]);
}
