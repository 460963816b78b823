//! Mail read from a terminal: what it asks for, and the cases that it opens.

use std::path::PathBuf;
use std::process::Output;

use crate::support::{Scratch, ringwall, stdout};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]
protected = ["+1 303 555 0177"]
response = { list = 603, threshold = 480 }
"#;

pub(super) const CONTACTS: &str = r#"
authserv_id = "mx.desk.example.com"
own_addresses = ["case@desk.example.com"]

[[customer]]
policy = "acme.toml"
domains = ["acme.example.com"]

[[customer.contact]]
name = "Ann"
addresses = ["ann@acme.example.com"]
roles = ["requester", "authorizer"]

[[customer.contact]]
name = "Ray"
addresses = ["ray@acme.example.com"]
roles = ["report-recipient"]
"#;

pub(super) struct Desk {
    pub(super) scratch: Scratch,
    pub(super) contacts: PathBuf,
}

impl Desk {
    pub(super) fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        scratch.write("acme.toml", POLICY);
        let contacts = scratch.write("contacts.toml", CONTACTS);
        Self { scratch, contacts }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// The service makes the database.
    pub(super) fn with_database(self) -> Self {
        let config = "policy = [\"acme.toml\"]\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
            [redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n";
        crate::stories::serve::run_briefly(self.scratch.write("ringwall.toml", config));
        assert!(self.data().join("cases.db").exists());
        self
    }

    fn mail(&self, result: &str, from: &str, body: &str, words: &[&str]) -> Output {
        let mail = format!(
            "Authentication-Results: mx.desk.example.com; {result}\r\nFrom: {from}\r\nTo: case@desk.example.com\r\n\
             Subject: Block request\r\nMessage-ID: <{}@acme.example.com>\r\n\r\n{body}",
            body.len()
        );
        let path = self.scratch.write("request.eml", mail);
        let contacts = self.contacts.to_str().unwrap();
        let (path, data) = (path.to_str().unwrap(), self.data());
        let received = ["--received", "2026-10-05T15:00:00Z", "--data", data.to_str().unwrap()];
        ringwall([&["case", "mail", path, "--contacts", contacts], &received[..], words].concat())
    }

    fn show(&self, number: &str) -> String {
        stdout(&ringwall(["case", "show", number, "--data", self.data().to_str().unwrap()]))
    }
}

const PASS: &str = "dmarc=pass header.from=acme.example.com";
const REQUEST: &str = "Phone number(s) that you want to be blocked:\r\n+1 (303) 555-0142\r\n\r\nNumber(s) Category:\r\nHarassing\r\n\r\n\
    Business Case and Description:\r\nCalls every hour.\r\n\r\n-- \r\nAnn, +1 210 555 0111\r\n";

#[test]
fn a_mail_is_explained_number_by_number() {
    let desk = Desk::new("mail-shown");
    let text = stdout(&desk.mail(PASS, "Ann <ann@acme.example.com>", REQUEST, &[]));
    for expected in [
        "from ann@acme.example.com: T3\n",
        "customer Acme\n",
        "asks: block +13035550142; category Harassing; reason: Calls every hour.\n",
        "ready to be drafted\n",
        "is +13035550142: taken\n",
        "+1 210 555 0111 is +12105550111",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    // The desk phone in the signature is no request.
    assert!(!text.contains("+12105550111: taken"), "{text}");
    let hard = REQUEST.replace("+1 (303) 555-0142", "303-555-0177");
    let text = stdout(&desk.mail(PASS, "Ann <ann@acme.example.com>", &hard, &[]));
    assert!(text.contains("cannot be blocked") && text.contains("not ready"), "{text}");
}

#[test]
fn a_mail_opens_a_case_once_and_trust_says_where_it_begins() {
    let desk = Desk::new("mail-opened").with_database();
    let open = ["--open", "--by", "anna"];
    let opened = stdout(&desk.mail(PASS, "Ann <ann@acme.example.com>", REQUEST, &open));
    let number =
        opened.lines().find_map(|line| line.strip_suffix(" is new")).unwrap_or_else(|| panic!("{opened}"));
    let shown = desk.show(number);
    for expected in [
        "Acme  block\nBlock request\n",
        "acknowledge BREACHED: by Mon 5 Oct 2026 11:00 CDT",
        "complete    BREACHED: by Mon 5 Oct 2026 14:00 CDT, at the latest by Tue 6 Oct 2026 17:00 CDT",
        "anna open (customer sees it): block +13035550142; category Harassing",
    ] {
        assert!(shown.contains(expected), "no {expected:?} in {shown}");
    }
    let again = stdout(&desk.mail(PASS, "Ann <ann@acme.example.com>", REQUEST, &open));
    assert!(again.contains("in a case already"), "{again}");
    // The right person with the wrong role, somebody whose server vouches for nothing, and somebody who only pretends.
    for (result, from, state, clocks) in [
        (PASS, "Ray <ray@acme.example.com>", "unverified", 1),
        ("dmarc=none", "Ann <ann@acme.example.com>", "unverified", 1),
        ("dmarc=fail header.from=acme.example.com", "Ann <ann@acme.example.com>", "quarantine", 1),
    ] {
        let body = format!("{REQUEST}{from}{result}");
        let opened = stdout(&desk.mail(result, from, &body, &open));
        let suffix = format!(" is {state}");
        let number = opened.lines().find_map(|line| line.strip_suffix(suffix.as_str()));
        let shown = desk.show(number.unwrap_or_else(|| panic!("{from} {result}: {opened}")));
        // No promise but to look at it.
        assert_eq!(shown.matches(": by ").count(), clocks, "{shown}");
        assert!(!shown.contains("customer sees it"), "{shown}");
    }
    let stranger =
        desk.mail("dmarc=pass header.from=other.example.org", "x@other.example.org", REQUEST, &open);
    assert_eq!(stranger.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("belongs to a customer"));
}
