//! From an attack to the proof that it is over: the whole way of a case, on real signalling. docs/from-attack-to-proof.md tells it.

use cases::io::mail::ReceivedMail;
use serde_json::Value;

use super::agent::{ON, expect};
use super::authorised::{Desk, last_event, send, value_of};
use super::hep::tell_capture;
use super::mail::{Mailbox, text};
use super::{Service, http, within};
use crate::support::{Scratch, ringwall, shared, stdout, totp};

const CONTACTS: &str = r#"
[[customer]]
customer = "Acme"
domains = ["acme.example.com"]

[[customer.contact]]
name = "Ann"
addresses = ["ann@acme.example.com"]
roles = ["requester", "authorizer", "incident-notify"]

[[customer.contact]]
name = "Bob"
addresses = ["bob@acme.example.com"]
roles = ["authorizer"]
"#;

/// Customers are told of what is critical at once, without waiting for more of the same.
const NOTICES: &str = r#"
at_any_hour = ["*"]

[chain.customer]
steps = [{ who = "role:incident-notify", channels = ["mail"] }]

[[route]]
name     = "critical violations"
match    = { event = "violation", severity = "critical" }
group_by = ["customer", "rule"]
wait     = "0 s"
urgency  = "page"
chain    = "customer"
"#;

/// What the analyst proposes: nothing comes through any more from where the scanner sat.
const RULE: &str = r#"
[[firewall]]
name = "scanner's network"
when = { source = "SOURCE" }
action = "block"

[[expect]]
call = { from = "+13035550142", to = "+12105550100", source = "SOURCE" }
verdict = "block"
rule = "scanner's network"
"#;

#[test]
fn a_real_scan_becomes_a_case_a_proposal_an_approval_a_proof_and_an_end() {
    let Some(shared) = shared() else { return };
    let mailbox = Mailbox::new();
    let scratch = Scratch::new("attack-to-proof");
    let policy =
        stdout(&ringwall(["init", "--name", "Acme", "--numbers", "+1 210 555 0100 - +1 210 555 0199"]));
    scratch.write("acme.toml", &policy);
    scratch.write("notices.toml", NOTICES);
    let mail = format!(
        "{ON}[cases]\nnotices = \"notices.toml\"\n[mail]\naddresses = [\"case@desk.example.com\"]\n\
         portal = \"https://desk.example.com\"\nsmarthost = \"{}\"\nsmarthost_tls = \"none\"\n",
        mailbox.address
    );
    let service = Service::resume(scratch, &mail);
    let desk = Desk::with(&service.scratch, CONTACTS);

    // A scanner tries the door: an alert, a case with its clocks, and the customer knows.
    let capture = shared.join("captures/captures/sip-attacks/BadUserAgent-sipvicious.pcap");
    let sent = tell_capture(&service, &capture);
    expect(&service, "hep_packets_total{kind=\"sip\"}", sent);
    let case = within(20, || {
        let listed =
            desk.done(&["case", "list", "--json", "--text", "scanner: source", "--severity", "critical"]);
        listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).next()
    });
    let case = case.unwrap_or_else(|| panic!("{}", desk.done(&["case", "list"])));
    let number = case["number"].as_str().unwrap();
    let source = case["title"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    let told = wait_for(&mailbox, "ann@acme.example.com", |mail| mail.contains("scanner"));
    assert!(text(&told).contains("RW-"), "{}", text(&told));
    let notify = || {
        let case = desk.case(number);
        let clocks = case["case"]["clocks"].as_array().unwrap();
        clocks.iter().find(|clock| clock["kind"] == "notify").unwrap()["stopped"].as_i64()
    };
    assert!(within(10, notify).is_some(), "the customer was told, and the clock runs");

    // An analyst looks into it, and proposes what to do.
    for words in [
        &["take", number][..],
        &["step", number, "investigate"],
        &[
            "find",
            number,
            "sipvicious tries extensions; no call was answered; block the network; else it comes again",
        ],
    ] {
        desk.done(&[&["case"], words, &["--by", "anna"]].concat());
    }
    let candidate = service.scratch.write("proposed.toml", policy + RULE.replace("SOURCE", &source).as_str());
    let hash = desk.asked(number, &["--policy", candidate.to_str().unwrap()]);

    // Rules change, so two of the customer say yes, each by the link in their mail.
    for (name, key) in [("ann", &desk.ann), ("bob", &desk.bob)] {
        let asked =
            wait_for(&mailbox, &format!("{name}@acme.example.com"), |mail| mail.contains("/approve/"));
        let asked = text(&asked);
        let link = asked.lines().find_map(|line| line.strip_prefix("https://desk.example.com")).unwrap();
        let (_, page) = send(&service, link, &[("code", &totp::code(key))]);
        assert!(page.contains("scanner&#39;s network"), "{page}");
        let session = value_of(&page, "session");
        let (status, page) =
            send(&service, link, &[("session", &session), ("change", &hash), ("decision", "yes")]);
        assert!(status == 200 && page.contains("You have said yes"), "{page}");
    }

    // The service makes it, test calls prove it, and the case is done when mail that says so was taken.
    let case = desk.becomes(number, "informed");
    assert!(last_event(&case, "install").contains("is in force in redirect, sensor"), "{case}");
    let done = wait_for(&mailbox, "ann@acme.example.com", |mail| mail.contains("is done"));
    assert!(text(&done).contains("What test calls have shown"), "{}", text(&done));
    let asked = format!(
        "{{\"caller\":\"+13035550142\",\"called\":\"+12105550100\",\"source\":\"{source}\",\"customer\":\"Acme\"}}"
    );
    let (_, decision) = http(service.address("http://"), "POST", "/v1/decide", &asked);
    let decision: Value = serde_json::from_str(&decision).unwrap();
    assert_eq!((&decision["verdict"], &decision["rule"]), (&"block".into(), &"scanner's network".into()));

    // It ends, and what happened can be shown to anybody.
    desk.done(&["case", "close", number, "blocked, proven, told", "--reason", "resolved", "--by", "anna"]);
    assert_eq!(desk.case(number)["case"]["state"], "closed");
    let pack = service.scratch.path().join("pack.zip");
    desk.done(&["case", "pack", number, "--to", pack.to_str().unwrap(), "--by", "anna"]);
    let verified = ringwall(["verify", pack.to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");
    let data = service.data();
    let _kept = service.stop();
    assert!(ringwall(["audit", "verify", "--data", data.to_str().unwrap()]).status.success());
}

/// The first mail to `to` that is meant.
fn wait_for(mailbox: &Mailbox, to: &str, is_meant: impl Fn(&str) -> bool) -> ReceivedMail {
    let is_it = |mail: &ReceivedMail| mail.recipients.iter().any(|it| it == to) && is_meant(&text(mail));
    let found = within(60, || mailbox.all().into_iter().find(is_it));
    found.unwrap_or_else(|| panic!("{} mails, none of them to {to}", mailbox.all().len()))
}
