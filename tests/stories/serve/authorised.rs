//! A change of a policy from the case to the proof: what was not authorised does not come into force.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::{Call, Phone, Service, http_form, status, within};
use crate::support::{Scratch, ringwall, stdout, totp};

pub(super) const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]
response = { list = 603, threshold = 480 }

[lists.harassment]
numbers_file = "harassment.csv"

[[firewall]]
name = "harassment"
when = { direction = "inbound", caller = "@harassment" }
action = "block"
"#;

const LIST: &str = "number,reason,expires\n+13035550199,calls at night,\n";

const CONTACTS: &str = r#"
[[customer]]
customer = "Acme"
domains = ["acme.example.com"]

[[customer.contact]]
name = "Ann"
addresses = ["ann@acme.example.com"]
roles = ["requester", "authorizer"]

[[customer.contact]]
name = "Bob"
addresses = ["bob@acme.example.com"]
roles = ["authorizer"]
"#;

/// A service for Acme, by `policy` and with these further sections.
pub(super) fn start(name: &str, policy: &str, sections: &str) -> Service {
    let scratch = Scratch::new(name);
    scratch.write("acme.toml", policy);
    scratch.write("harassment.csv", LIST);
    Service::resume(scratch, sections)
}

/// The desk of a service, with the keys of the apps of Acme's people.
pub(super) struct Desk {
    config: PathBuf,
    pub(super) ann: String,
    pub(super) bob: String,
}

impl Desk {
    /// Acme's people are registered, and Ann and Bob have an app.
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self::with(scratch, CONTACTS)
    }

    /// The same with what this file says of Ann, Bob, and others.
    pub(super) fn with(scratch: &Scratch, contacts: &str) -> Self {
        let contacts = scratch.write("contacts.toml", contacts);
        let mut desk =
            Self { config: scratch.path().join("ringwall.toml"), ann: String::new(), bob: String::new() };
        let drafted = desk.done(&["contact", "import", contacts.to_str().unwrap(), "--by", "anna"]);
        let hash = drafted.split_whitespace().nth(2).unwrap().to_owned();
        desk.done(&["contact", "confirm", &hash, "--by", "ben"]);
        let key = |desk: &Self, name: &str| {
            let told = desk.done(&["contact", "enrol", name, "--customer", "Acme", "--by", "anna"]);
            told.split_whitespace().last().unwrap().to_owned()
        };
        desk.ann = key(&desk, "Ann");
        desk.bob = key(&desk, "Bob");
        desk
    }

    pub(super) fn run(&self, words: &[&str]) -> Output {
        ringwall([words, &["--config", self.config.to_str().unwrap()]].concat())
    }

    /// What an act prints; it must be done.
    pub(super) fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        stdout(&output)
    }

    /// Why an act is not done.
    pub(super) fn refused(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?}: {}", stdout(&output));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A case that somebody has.
    pub(super) fn open(&self, kind: &str) -> String {
        let told =
            self.done(&["case", "open", "--customer", "Acme", "--kind", kind, "block it", "--by", "anna"]);
        let number = told.split_whitespace().next().unwrap().to_owned();
        self.done(&["case", "take", &number, "--by", "anna"]);
        number
    }

    /// Proposes what `words` say and asks for it. Returns the hash of the change.
    pub(super) fn asked(&self, number: &str, words: &[&str]) -> String {
        let told = self.done(&[&["case", "propose", number, "--by", "anna"], words].concat());
        let hash = told.lines().find_map(|line| line.strip_prefix("change ")).unwrap().to_owned();
        self.done(&["case", "ask", number, "--by", "ben"]);
        hash
    }

    pub(super) fn approve(&self, number: &str, name: &str, key: &str, hash: &str) -> Output {
        self.run(&["case", "approve", number, "--as", name, "--change", hash, "--code", &totp::code(key)])
    }

    pub(super) fn case(&self, number: &str) -> Value {
        serde_json::from_str(&self.done(&["case", "show", number, "--json"])).unwrap()
    }

    /// Waits until the service has brought a case here.
    pub(super) fn becomes(&self, number: &str, state: &str) -> Value {
        let is_there = || Some(self.case(number)).filter(|case| case["case"]["state"] == state);
        within(20, is_there)
            .unwrap_or_else(|| panic!("{} is not {state}", self.done(&["case", "show", number])))
    }
}

pub(super) fn call(service: &Service, caller: &str) -> u16 {
    let phone = Phone::new(service.udp());
    let call_id = format!("{}-{caller}", phone.port());
    status(&phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550150") }.by(phone.port())))
}

pub(super) fn last_event(case: &Value, what: &str) -> String {
    let events = case["events"].as_array().unwrap();
    let found = events.iter().rev().find(|event| event["what"] == what);
    found.unwrap_or_else(|| panic!("no {what} in {events:?}"))["text"].as_str().unwrap().to_owned()
}

const NUMBER: &str = "+13035550142";

#[test]
fn z1_to_z9_a_number_is_blocked_once_the_customer_said_yes() {
    let service = start("authorised", POLICY, "");
    let desk = Desk::new(&service.scratch);
    assert_eq!(call(&service, NUMBER), 302);
    let number = desk.open("block");
    let wish = ["--list", "harassment", "--block", NUMBER, "--reason", "threats\u{1b}[31m"];
    let hash = desk.asked(&number, &wish);
    let shown = desk.done(&["case", "show", &number]);
    assert!(shown.contains(&hash) && shown.contains("+13035550142") && !shown.contains('\u{1b}'), "{shown}");
    // Without a code, with another change, and as somebody who may not.
    let guess = ["case", "approve", &number, "--as", "Ann", "--change", &hash, "--code", "000000"];
    assert!(desk.refused(&guess).contains("not the code of now"));
    let code = totp::code(&desk.ann);
    let other = ["case", "approve", &number, "--as", "Ann", "--change", "0123456789", "--code", &code];
    assert!(desk.refused(&other).contains("is not what is proposed now"));
    let nobody = ["case", "approve", &number, "--as", "anna", "--change", &hash, "--code", &code];
    assert!(desk.refused(&nobody).contains("no contact called anna"));
    // Nobody says by hand that it is approved, made or proven.
    for step in ["install", "prove", "roll-back", "ask-authorisation"] {
        let by_hand = desk.refused(&["case", "step", &number, step, "--by", "anna"]);
        assert!(by_hand.contains("a way of its own"), "{by_hand}");
    }
    assert_eq!(call(&service, NUMBER), 302, "nothing is changed yet");
    assert!(desk.approve(&number, "Ann", &desk.ann, &hash).status.success());
    // The service makes it, and shows that it holds.
    let case = desk.becomes(&number, "verifying");
    assert_eq!(call(&service, NUMBER), 603);
    assert_eq!(call(&service, "+13035550143"), 302);
    let proof = last_event(&case, "install");
    for expected in ["in force in redirect", "+13035550142 to +12105550100: block (603", "harassment"] {
        assert!(proof.contains(expected), "no {expected:?} in {proof}");
    }
    let versions = stdout(&ringwall(["policy", "versions", "--data", service.data().to_str().unwrap()]));
    assert!(versions.contains(&number) && versions.contains("authorised by Ann"), "{versions}");
    // It is done when the customer knows.
    let complete = |case: &Value| {
        let clocks = case["case"]["clocks"].as_array().unwrap();
        clocks.iter().find(|it| it["kind"] == "complete").unwrap()["stopped"].clone()
    };
    assert!(complete(&case).is_null());
    desk.done(&["case", "told", &number, "by telephone", "--by", "anna"]);
    assert!(!complete(&desk.becomes(&number, "done")).is_null());
    let data = service.data();
    let _kept = service.stop();
    assert!(ringwall(["audit", "verify", "--data", data.to_str().unwrap()]).status.success());
}

/// What somebody asks of the threads that judge fails, test calls among it: nothing is shown, so nothing stays changed.
#[test]
fn z9_what_test_calls_do_not_show_is_taken_back() {
    let scratch = Scratch::new("authorised-back");
    scratch.write("acme.toml", POLICY);
    scratch.write("harassment.csv", LIST);
    let config = "policy = [\"acme.toml\"]\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\n\
                  udp = [\"127.0.0.1:0\"]\ntcp = []\n[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\n\
                  next_hop = \"sip:192.0.2.77:5070\"\n";
    let mut command = std::process::Command::new(crate::support::binary());
    let service = Service::run(scratch, config, command.env("RINGWALL_FAULTS", "job=1"));
    let desk = Desk::new(&service.scratch);
    let number = desk.open("block");
    let hash = desk.asked(&number, &["--list", "harassment", "--block", NUMBER]);
    assert!(desk.approve(&number, "Ann", &desk.ann, &hash).status.success());
    let is_back = || {
        let case = desk.case(&number);
        let events = case["events"].as_array().unwrap();
        events.iter().any(|event| event["what"] == "roll-back").then_some(case)
    };
    let case = within(20, is_back).unwrap_or_else(|| panic!("{}", desk.done(&["case", "show", &number])));
    assert_eq!(case["case"]["state"], "awaiting-authorisation");
    let why = last_event(&case, "roll-back");
    assert!(why.contains("it was taken back"), "{why}");
    let versions = stdout(&ringwall(["policy", "versions", "--data", service.data().to_str().unwrap()]));
    assert!(versions.contains("rollback") && versions.contains(&number), "{versions}");
    assert_eq!([NUMBER, "+13035550199"].map(|caller| call(&service, caller)), [302, 603]);
    service.stop();
}

#[test]
fn z4_a_customer_says_no() {
    let service = start("authorised-no", POLICY, "");
    let desk = Desk::new(&service.scratch);
    let number = desk.open("block");
    desk.asked(&number, &["--list", "harassment", "--block", NUMBER]);
    let code = totp::code(&desk.bob);
    desk.done(&[
        "case",
        "refuse",
        &number,
        "it is our own answering service",
        "--as",
        "Bob",
        "--code",
        &code,
    ]);
    assert_eq!(desk.case(&number)["case"]["closure"]["reason"], "refused");
    assert_eq!(call(&service, NUMBER), 302);
    service.stop();
}

#[test]
fn b11_what_may_not_be_blocked_is_not_even_drafted() {
    let service = start("authorised-guard", POLICY, "");
    let desk = Desk::new(&service.scratch);
    let number = desk.open("block");
    for (entry, why) in [
        ("911", "emergency"),
        ("+12105550155", "number of the customer"),
        ("+13035550199", "nothing would change"),
    ] {
        let words = ["case", "propose", &number, "--by", "anna", "--list", "harassment", "--block", entry];
        let refused = desk.refused(&words);
        assert!(refused.contains(why), "{entry}: {refused}");
    }
    let unknown = ["case", "propose", &number, "--by", "anna", "--list", "fraud", "--block", NUMBER];
    assert!(desk.refused(&unknown).contains("no list"));
    service.stop();
}

/// A controlled policy: what is under `--data` bears the desk's permit, or does not judge.
#[test]
fn z8_under_control_nothing_comes_into_force_that_nobody_authorised() {
    let controlled = POLICY.replace("[customer]", "[customer]\nchange_control = \"approved\"");
    let service = start("authorised-control", &controlled, "");
    let data = service.data();
    // The file alone is not enough; calls pass, and it is said.
    assert_eq!(call(&service, "+13035550199"), 302);
    assert!(service.errors().contains("nobody has authorised it"), "{}", service.errors());
    let desk = Desk::new(&service.scratch);
    let number = desk.open("policy-change");
    let file = service.scratch.path().join("acme.toml");
    // Rules change: who wrote that is not the only one who looks at it (Z-7).
    let propose = ["case", "propose", &number, "--by", "anna", "--policy", file.to_str().unwrap()];
    desk.done(&propose);
    let own = desk.refused(&["case", "ask", &number, "--by", "anna"]);
    assert!(own.contains("the risk of this change is high, and anna wrote it"), "{own}");
    let hash = desk.asked(&number, &["--policy", file.to_str().unwrap()]);
    assert!(desk.approve(&number, "Ann", &desk.ann, &hash).status.success());
    // Two have to say yes.
    assert_eq!(desk.case(&number)["case"]["state"], "awaiting-authorisation");
    assert!(desk.approve(&number, "Bob", &desk.bob, &hash).status.success());
    desk.becomes(&number, "verifying");
    assert_eq!(call(&service, "+13035550199"), 603);
    // Ways around the desk: a list, a policy, one that gets rid of control.
    let data_words = ["--data", data.to_str().unwrap()];
    let free = service.scratch.write("free.toml", POLICY);
    let around = [
        vec!["list", "add", "harassment", NUMBER],
        vec!["list", "remove", "harassment", "+13035550199"],
        vec!["policy", "install", free.to_str().unwrap()],
    ];
    let refused = |words: &[&str]| {
        let output = ringwall([words, &data_words].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("nobody has authorised it"), "{words:?}: {said}");
    };
    around.iter().for_each(|words| refused(words));
    assert_eq!(call(&service, "+13035550199"), 603);
    // The same without a service, and what was authorised holds again at the next start.
    let scratch = service.stop();
    around.iter().for_each(|words| refused(words));
    let service = Service::resume(scratch, "");
    assert_eq!(call(&service, "+13035550199"), 603);
    // A permit that somebody has edited, or that is gone, permits nothing.
    let scratch = service.stop();
    let permits = data.join("policies/permits");
    let permit = permit_of(&permits);
    let kept = std::fs::read_to_string(&permit).unwrap();
    std::fs::write(&permit, kept.replacen("Ann", "Eve", 1)).unwrap();
    let service = Service::resume(scratch, "");
    assert_eq!(call(&service, "+13035550199"), 302);
    assert!(service.errors().contains("signature"), "{}", service.errors());
    let scratch = service.stop();
    std::fs::write(&permit, kept).unwrap();
    let service = Service::resume(scratch, "");
    assert_eq!(call(&service, "+13035550199"), 603);
    service.stop();
}

/// The permit of the policy in force, not the one to take it back.
fn permit_of(folder: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_permit = |path: &PathBuf| path.file_stem().is_some_and(|name| name.len() == 64);
    files.find(is_permit).unwrap()
}

#[test]
fn z1_a_policy_that_moved_meanwhile_is_changed_all_the_same() {
    let service = start("authorised-moved", POLICY, "");
    let desk = Desk::new(&service.scratch);
    let number = desk.open("block");
    let hash = desk.asked(&number, &["--list", "harassment", "--block", NUMBER]);
    let data = service.data();
    let add = ringwall(["list", "add", "harassment", "+13035550777", "--data", data.to_str().unwrap()]);
    assert!(add.status.success(), "{add:?}");
    assert!(desk.approve(&number, "Ann", &desk.ann, &hash).status.success());
    let case = desk.becomes(&number, "verifying");
    assert!(last_event(&case, "rebase").contains("the same change on the policy of now"));
    assert_eq!([NUMBER, "+13035550777"].map(|caller| call(&service, caller)), [603, 603]);
    service.stop();
}

/// What a browser without scripts does: a form, sent.
pub(super) fn send(service: &Service, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let encoded = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    http_form(service.address("http://"), path, &body.join("&"))
}

/// The links that a case has sent out, by whom they were sent to.
pub(super) fn links(data: &Path, number: &str) -> Vec<(String, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = cases::io::store::Store::open(data.join("cases.db").to_str().unwrap()).await.unwrap();
        let sent = store.desk().outgoing(number.parse().unwrap()).await.unwrap();
        let link = |text: &str| {
            text.lines().find_map(|line| line.strip_prefix("https://desk.example.com")).map(str::to_owned)
        };
        let links = sent.iter().filter_map(|outgoing| match &outgoing.content {
            cases::outgoing::Content::Notice { text, .. } => Some((outgoing.to.clone(), link(text)?)),
            _ => None,
        });
        let links = links.collect();
        store.close().await;
        links
    })
}

pub(super) fn value_of(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn z2_a_link_in_a_mail_leads_to_a_decision_and_looking_at_it_decides_nothing() {
    // Nobody takes the mail here: what it says is in the database.
    let mail = "[mail]\naddresses = [\"case@desk.example.com\"]\nportal = \"https://desk.example.com/\"\n\
                smarthost = \"127.0.0.1:9\"\nsmarthost_tls = \"none\"\n";
    let service = start("authorised-link", POLICY, mail);
    let desk = Desk::new(&service.scratch);
    let number = desk.open("block");
    let hash = desk.asked(
        &number,
        &["--list", "harassment", "--block", NUMBER, "--reason", "<script>alert(1)</script>"],
    );
    let links = links(&service.data(), &number);
    let names: Vec<_> = links.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(names, ["ann@acme.example.com", "bob@acme.example.com"]);
    let ann = links[0].1.as_str();
    // Mail scanners follow links, with GET and HEAD: nothing comes of it.
    for _ in 0..3 {
        let (status, page) = super::http(service.address("http://"), "GET", ann, "");
        assert_eq!(status, 200);
        assert!(page.contains("asks Ann") && !page.contains(NUMBER), "{page}");
    }
    assert_eq!(super::http(service.address("http://"), "HEAD", ann, "").0, 200);
    assert_eq!(desk.case(&number)["case"]["state"], "awaiting-authorisation");
    // Not without the code, not with a decision alone, not with a link that somebody has guessed.
    let (_, page) = send(&service, ann, &[("code", "000000")]);
    assert!(page.contains("not the code of now"), "{page}");
    let (_, page) = send(&service, ann, &[("session", "guess"), ("change", &hash), ("decision", "yes")]);
    assert!(page.contains("show another code"), "{page}");
    assert_eq!(send(&service, "/approve/AAAAAAAAAAAAAAAAAAAAAA", &[("code", "000000")]).0, 404);
    let (_, page) = send(&service, ann, &[("code", &totp::code(&desk.ann))]);
    for expected in [NUMBER, "&lt;script&gt;", "Risk: medium", &hash, &number] {
        assert!(page.contains(expected), "no {expected:?} in {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    let session = value_of(&page, "session");
    // Bob's link does not take Ann's session, and neither another change.
    let (_, other) =
        send(&service, &links[1].1, &[("session", &session), ("change", &hash), ("decision", "yes")]);
    assert!(other.contains("show another code"), "{other}");
    let (_, other) = send(&service, ann, &[("session", &session), ("change", "0"), ("decision", "yes")]);
    assert!(other.contains("show another code"), "{other}");
    let (status, page) =
        send(&service, ann, &[("session", &session), ("change", &hash), ("decision", "yes")]);
    assert!(status == 200 && page.contains("You have said yes"), "{page}");
    desk.becomes(&number, "verifying");
    assert_eq!(call(&service, NUMBER), 603);
    assert_eq!(
        send(&service, ann, &[("session", &session), ("change", &hash), ("decision", "yes")]).0,
        404,
        "used"
    );
    let (_, late) = super::http(service.address("http://"), "GET", &links[1].1, "");
    assert!(late.contains("does not wait for a decision any more"), "{late}");
    service.stop();
}

/// The link is drawn when the case goes ahead, and names the change on the policy of then (Z-10).
#[test]
fn z10_a_change_that_was_made_on_a_policy_of_later_is_taken_back_by_its_link() {
    let mail = "[mail]\naddresses = [\"case@desk.example.com\"]\nportal = \"https://desk.example.com/\"\n\
                smarthost = \"127.0.0.1:9\"\nsmarthost_tls = \"none\"\n";
    let service = start("authorised-disown", POLICY, mail);
    let standing = "[[customer.standing]]\nname = \"nuisance\"\nlists = [\"harassment\"]\nentries_max = 1\n\
                    days_max = 90\nexpires = \"2200-01-01T00:00:00Z\"\n";
    let desk = Desk::with(&service.scratch, &format!("{CONTACTS}{standing}"));
    let data = service.data();
    let add = |number: &str| {
        let added = ringwall(["list", "add", "harassment", number, "--data", data.to_str().unwrap()]);
        assert!(added.status.success(), "{added:?}");
    };
    let until = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let until = until.checked_add(jiff::Span::new().days(30)).unwrap().to_string();
    // Made, on a policy that has moved since it was proposed; what the link to take it back says.
    let made = |blocked: &str, other: &str| {
        let number = desk.open("block");
        let words = ["--list", "harassment", "--block", blocked, "--until", &until, "--reason", "threats"];
        desk.done(&[&["case", "propose", &number, "--by", "anna"], &words[..]].concat());
        add(other);
        desk.done(&["case", "implement", &number, "--standing", "nuisance", "--by", "ben"]);
        assert!(last_event(&desk.case(&number), "rebase").contains("the same change on the policy of now"));
        assert_eq!([blocked, other].map(|caller| call(&service, caller)), [603, 603]);
        let links = links(&data, &number);
        links.into_iter().find_map(|(_, link)| link.starts_with("/disown/").then_some(link)).unwrap()
    };
    let link = made(NUMBER, "+13035550777");
    let (status, page) = send(&service, &link, &[]);
    assert!(status == 200 && page.contains("It is taken back"), "{page}");
    assert!(page.contains("the policy from before is in force again"), "{page}");
    assert_eq!([NUMBER, "+13035550777"].map(|caller| call(&service, caller)), [302, 603]);
    // What was changed on top of it would go as well: that is said, and left to somebody.
    let link = made("+13035550143", "+13035550778");
    add("+13035550779");
    let (status, page) = send(&service, &link, &[]);
    assert!(status == 200 && page.contains("It is not taken back yet"), "{page}");
    assert!(page.contains("the policy of Acme was changed again since"), "{page}");
    assert_eq!(call(&service, "+13035550143"), 603);
    service.stop();
}
