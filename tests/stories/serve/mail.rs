//! Mail of a running service: taken from real mail programs, kept before it is said to be, read into cases, answered once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cases::intake::ReturnPath;
use cases::io::mail::{Protocol, ReceivedMail, Receiver, Settings, Timeouts};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::{Service, within};
use crate::support::{Scratch, ringwall, stdout};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]
response = { list = 603, threshold = 480 }
"#;

const CONTACTS: &str = r#"
[[customer]]
customer = "Acme"
domains = ["acme.example.com"]

[[customer.contact]]
name = "Ann"
addresses = ["ann@acme.example.com"]
roles = ["requester", "authorizer"]
"#;

const REQUEST: &str = "Phone number(s) that you want to be blocked:\r\n303-555-0142\r\n\r\nNumber(s) Category:\r\nHarassing\r\n\r\n\
    Business Case and Description:\r\nCalls every hour.\r\n";
const PASS: &str = "Authentication-Results: mx.desk.example.com; dmarc=pass header.from=acme.example.com\r\n";

/// Where the mail of the desk arrives: a server that takes everything for these addresses.
pub(super) struct Mailbox {
    pub(super) address: SocketAddr,
    mails: Arc<Mutex<Vec<ReceivedMail>>>,
    _runtime: Runtime,
}

impl Mailbox {
    pub(super) fn new() -> Self {
        Self::with(|_| {}, None)
    }

    /// One whose owner does something with each mail, and that goes on with TLS if it can.
    fn with(handle: impl Fn(&ReceivedMail) + Send + Sync + 'static, tls: Option<TlsAcceptor>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mails: Arc<Mutex<Vec<ReceivedMail>>> = Arc::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            host_name: "mail.acme.example.com".to_owned(),
            protocol: Protocol::Smtp,
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            recipients: [
                "ann@acme.example.com",
                "bob@acme.example.com",
                "help@other.example.net",
                "dana@desk.example.com",
                "ben@desk.example.com",
            ]
            .map(str::to_owned)
            .to_vec(),
            mail_bytes_max: 1 << 20,
            connections_max: 20,
        };
        let (kept, handle) = (Arc::clone(&mails), Arc::new(handle));
        let keep = move |mail: ReceivedMail| {
            kept.lock().unwrap().push(mail.clone());
            let handle = Arc::clone(&handle);
            // What its owner does with it is not waited for.
            std::thread::spawn(move || handle(&mail));
            async { Ok(()) }
        };
        let receiver = Receiver::new(settings, Timeouts::default(), tls, keep);
        runtime.spawn(receiver.serve(listener, std::future::pending()));
        Self { address, mails, _runtime: runtime }
    }

    pub(super) fn all(&self) -> Vec<ReceivedMail> {
        self.mails.lock().unwrap().clone()
    }

    /// Its mails once there are so many.
    fn wait(&self, count: usize) -> Vec<ReceivedMail> {
        let found = within(15, || (self.all().len() >= count).then(|| self.all()));
        found.unwrap_or_else(|| panic!("{} mails came", self.all().len()))
    }
}

/// The desk of a service.
pub(super) struct Desk {
    pub(super) service: Service,
}

fn keys(protocol: &str, mailbox: SocketAddr) -> String {
    format!(
        "[mail]\nlisten = [\"127.0.0.1:0\"]\nprotocol = \"{protocol}\"\naddresses = [\"case@desk.example.com\"]\n\
         authserv_id = \"mx.desk.example.com\"\nportal = \"https://desk.example.com\"\nsmarthost = \"{mailbox}\"\n\
         smarthost_tls = \"none\"\n"
    )
}

impl Desk {
    pub(super) fn start(name: &str, keys: &str) -> Self {
        let desk = Self { service: Service::start(name, POLICY, keys) };
        let contacts = desk.service.scratch.write("contacts.toml", CONTACTS);
        let drafted = desk.run(&["contact", "import", contacts.to_str().unwrap(), "--by", "anna"]);
        let hash = drafted.split_whitespace().nth(2).unwrap().to_owned();
        desk.run(&["contact", "confirm", &hash, "--by", "ben"]);
        desk
    }

    pub(super) fn address(&self) -> SocketAddr {
        let word = if self.service.ready.contains(" lmtp:") { "lmtp:" } else { "smtp:" };
        self.service.address(word)
    }

    pub(super) fn run(&self, words: &[&str]) -> String {
        run(&self.service.scratch, words)
    }

    pub(super) fn cases(&self) -> Vec<Value> {
        list(&self.service.scratch)
    }

    /// Its cases once there are so many.
    pub(super) fn wait(&self, count: usize) -> Vec<Value> {
        let found = within(15, || Some(self.cases()).filter(|cases| cases.len() >= count));
        found.unwrap_or_else(|| panic!("{:?}\n{}", self.cases(), self.service.errors()))
    }

    pub(super) fn shows(&self, number: &str, expected: &str) -> String {
        let shown =
            within(15, || Some(self.run(&["case", "show", number])).filter(|it| it.contains(expected)));
        shown.unwrap_or_else(|| panic!("no {expected:?} in {}", self.run(&["case", "show", number])))
    }
}

fn run(scratch: &Scratch, words: &[&str]) -> String {
    let config = scratch.path().join("ringwall.toml");
    let output = ringwall([words, &["--config", config.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

fn list(scratch: &Scratch) -> Vec<Value> {
    let listed = run(scratch, &["case", "list", "--json", "--count", "500"]);
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sends a mail, and returns the last thing that was said about it.
pub(super) fn send(desk: SocketAddr, from: &str, to: &str, mail: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(desk)?;
    stream.set_read_timeout(Some(Duration::from_secs(40)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut said = |command: &str| -> std::io::Result<String> {
        stream.write_all(command.as_bytes())?;
        loop {
            let mut line = String::new();
            if answers.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    };
    said("")?;
    said("EHLO mx.example.com\r\n")?;
    said(&format!("MAIL FROM:<{from}>\r\n"))?;
    said(&format!("RCPT TO:<{to}>\r\n"))?;
    said("DATA\r\n")?;
    said(&format!("{mail}\r\n.\r\n"))
}

fn has_swaks() -> bool {
    let is_there = Command::new("swaks").arg("--version").output().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "swaks is not installed");
    if !is_there {
        println!("SKIPPED: swaks is not installed");
    }
    is_there
}

fn swaks(desk: &Desk, to: &str, mail: &Path, protocol: &str) -> String {
    let port = desk.address().port().to_string();
    let output = Command::new("swaks")
        .args(["--server", "127.0.0.1", "--port", &port, "--protocol", protocol])
        .args(["--from", "ann@acme.example.com", "--to", to, "--data"])
        .arg(format!("@{}", mail.display()))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A mail with its lines as they were before they were folded.
pub(super) fn text(mail: &ReceivedMail) -> String {
    String::from_utf8_lossy(&mail.bytes).replace("=\r\n", "")
}

/// A field of a mail's header.
fn field<'a>(mail: &'a str, name: &str) -> &'a str {
    let value = mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name} in {mail}"))
}

#[test]
fn a_request_over_lmtp_is_a_case_that_is_answered_in_its_thread_and_the_answer_finds_it() {
    if !has_swaks() {
        return;
    }
    let mailbox = Mailbox::new();
    let desk = Desk::start("serve-mail", &keys("lmtp", mailbox.address));
    let mail = |name: &str, fields: &str, text: &str| -> PathBuf {
        let head = "From: Ann <ann@acme.example.com>\r\nTo: case@desk.example.com\r\n";
        desk.service.scratch.write(name, format!("{fields}{head}\r\n{text}"))
    };
    let fields = format!("{PASS}Subject: Block request\r\nMessage-ID: <1@acme.example.com>\r\n");
    let said = swaks(&desk, "case@desk.example.com", &mail("1.eml", &fields, REQUEST), "LMTP");
    assert!(said.contains("250 2.0.0"), "{said}");
    let cases = desk.wait(1);
    assert_eq!((&cases[0]["state"], &cases[0]["customer"]), (&"new".into(), &"Acme".into()));
    assert_eq!(cases[0]["clocks"].as_array().unwrap().len(), 2);
    let number = cases[0]["number"].as_str().unwrap();

    let answers = mailbox.wait(1);
    let answer = text(&answers[0]);
    assert_eq!(
        (&answers[0].return_path, answers[0].recipients.as_slice()),
        (&ReturnPath::Nobody, &["ann@acme.example.com".to_owned()][..])
    );
    assert_eq!(field(&answer, "In-Reply-To"), "<1@acme.example.com>");
    assert_eq!(field(&answer, "Subject"), format!("[{number}] Received: Block request"));
    assert!(answer.contains("+13035550142") && answer.contains("Auto-Submitted: auto-replied"), "{answer}");

    desk.shows(number, "mail to ann@acme.example.com is accepted: 250 2.0.0");
    // An answer by its address, another by the mail it answers; then somebody without the right, and a machine.
    let to = field(&answer, "Reply-To").trim_matches(['<', '>']).to_owned();
    let said =
        swaks(&desk, &to, &mail("2.eml", &format!("{PASS}Message-ID: <2@a>\r\n"), "It is urgent."), "LMTP");
    assert!(said.contains("250 2.0.0"), "{said}");
    desk.shows(number, "Ann reply (customer sees it): It is urgent.");
    let answered = format!("{PASS}Message-ID: <3@a>\r\nIn-Reply-To: {}\r\n", field(&answer, "Message-ID"));
    swaks(&desk, "case@desk.example.com", &mail("3.eml", &answered, "Still urgent."), "LMTP");
    desk.shows(number, "Ann reply (customer sees it): Still urgent.");
    swaks(&desk, &to, &mail("4.eml", "Message-ID: <4@a>\r\n", "Close it."), "LMTP");
    desk.shows(number, "ann@acme.example.com (T1) untrusted-note: Close it.");
    swaks(
        &desk,
        &to,
        &mail("5.eml", &format!("{PASS}Auto-Submitted: auto-replied\r\nMessage-ID: <5@a>\r\n"), "Away."),
        "LMTP",
    );
    let shown = desk.shows(number, "a machine machine-mail: Away.");
    assert!(!shown.contains("machine-mail (customer"), "{shown}");
    // The same mail again, as a server sends it that lost our answer.
    swaks(&desk, "case@desk.example.com", &desk.service.scratch.path().join("1.eml"), "LMTP");
    assert_eq!((desk.cases().len(), mailbox.all().len()), (1, 1));

    // What the desk writes reaches whoever asked, in the same thread, and nothing else does.
    for (verb, words) in [("take", ""), ("note", "Only for us."), ("message", "We block it today.")] {
        desk.run(&["case", verb, number, words, "--by", "anna"]);
    }
    let written: Vec<String> = mailbox.wait(3)[1..].iter().map(text).collect();
    let about = |words: &str| written.iter().find(|mail| mail.contains(words)).unwrap();
    assert!(about("In hand").contains("anna works on your request"), "{written:?}");
    assert!(about("We block it today.").contains(&format!("/portal/request/{number}")), "{written:?}");
    assert!(written.iter().all(|mail| field(mail, "Reply-To") == field(&answer, "Reply-To")), "{written:?}");
    assert!(!written.iter().any(|mail| mail.contains("Only for us.")), "{written:?}");
    desk.service.stop();
}

#[test]
fn two_desks_and_a_help_desk_that_answers_everything_stop_after_two_messages() {
    // A help desk that says of nothing that a machine wrote it, and answers each mail to its Reply-To.
    let ours: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
    let (target, count) = (Arc::clone(&ours), Arc::new(Mutex::new(0)));
    let answer_all = move |mail: &ReceivedMail| {
        let text = String::from_utf8_lossy(&mail.bytes).into_owned();
        let to = field(&text, "Reply-To").trim_matches(['<', '>']);
        let number = {
            let mut count = count.lock().unwrap();
            *count += 1;
            *count
        };
        let answer = format!(
            "From: <help@other.example.net>\r\nTo: <{to}>\r\nSubject: Re: {} [Ticket {number}]\r\nMessage-ID: <{number}@other.example.net>\r\n\
             X-FreeScout-Mail-Type: auto.reply\r\nIn-Reply-To: {}\r\n\r\nWe received your message.\r\n",
            field(&text, "Subject"),
            field(&text, "Message-ID")
        );
        let Some(desk) = *target.lock().unwrap() else { return };
        send(desk, "help@other.example.net", to, &answer).unwrap();
    };
    let help_desk = Mailbox::with(answer_all, None);
    let desk = Desk::start("serve-mail-loop", &keys("smtp", help_desk.address));
    *ours.lock().unwrap() = Some(desk.address());
    let first = "From: <help@other.example.net>\r\nTo: <case@desk.example.com>\r\nSubject: Ticket 1\r\nMessage-ID: <0@other.example.net>\r\n\r\nhello\r\n";
    assert!(
        send(desk.address(), "help@other.example.net", "case@desk.example.com", first)
            .unwrap()
            .starts_with("250")
    );
    help_desk.wait(1);
    let number = desk.wait(1)[0]["number"].as_str().unwrap().to_owned();
    desk.shows(&number, "untrusted-note: We received your message.");
    // It forgets threads and writes anew: in ten minutes nobody is answered twice.
    for at in 0..3 {
        let again = first.replace("<0@", &format!("<again{at}@"));
        send(desk.address(), "help@other.example.net", "case@desk.example.com", &again).unwrap();
    }
    desk.wait(4);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(help_desk.all().len(), 1);

    // Another desk of our own kind, to which the first one's answers go.
    let second = Mailbox::new();
    let other = Desk::start(
        "serve-mail-other",
        &keys("smtp", second.address).replace("case@desk.example.com", "help@other.example.net"),
    );
    let desk = Desk::start("serve-mail-first", &keys("smtp", other.address()));
    send(desk.address(), "help@other.example.net", "case@desk.example.com", first).unwrap();
    // The other desk takes our automatic answer for what it is: a case to look at, and silence.
    let cases = other.wait(1);
    let shown = other.shows(cases[0]["number"].as_str().unwrap(), "no automatic answer: a machine sent it");
    assert!(shown.contains("unverified"), "{shown}");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((other.cases().len(), second.all().len(), desk.cases().len()), (1, 0, 1));
}

#[test]
fn kills_between_taking_and_reading_lose_and_double_nothing() {
    let kills = std::env::var("RINGWALL_KILLS").map_or(4, |count| count.parse().unwrap());
    let mailbox = Mailbox::new();
    let keys = keys("smtp", mailbox.address);
    let mut desk = Desk::start("serve-mail-kills", &keys);
    let mut taken = Vec::new();
    for kill in 0..kills {
        let address = desk.address();
        let sender = std::thread::spawn(move || {
            let mut taken = Vec::new();
            for at in 0..40 {
                let name = format!("mail {kill} {at}");
                let mail = format!(
                    "{PASS}From: <ann@acme.example.com>\r\nSubject: {name}\r\nMessage-ID: <{kill}.{at}@a>\r\n\r\n{REQUEST}"
                );
                match send(address, "ann@acme.example.com", "case@desk.example.com", &mail) {
                    Ok(said) if said.starts_with("250") => taken.push(name),
                    // What was not said to be taken is the sender's still.
                    _ => break,
                }
            }
            taken
        });
        std::thread::sleep(Duration::from_millis(150 + 90 * (kill % 5)));
        let scratch = desk.service.kill();
        taken.extend(sender.join().unwrap());
        desk = Desk { service: Service::resume(scratch, &keys) };
    }
    assert!(!taken.is_empty());
    let counted = || {
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        for case in desk.cases() {
            *counted.entry(case["title"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        counted
    };
    let is_there = || taken.iter().all(|name| counted().contains_key(name));
    assert!(within(20, || is_there().then_some(())).is_some(), "{} taken, {:?}", taken.len(), counted());
    assert!(counted().values().all(|count| *count == 1), "{:?}", counted());
    let audit = ringwall(["audit", "verify", "--data", desk.service.data().to_str().unwrap()]);
    assert!(audit.status.success(), "{}", stdout(&audit));
    // One answer in ten minutes; a kill may double it, under the same Message-ID.
    let mut answers: Vec<_> = mailbox
        .wait(1)
        .iter()
        .map(|it| field(&String::from_utf8_lossy(&it.bytes), "Message-ID").to_owned())
        .collect();
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[test]
fn no_spoof_gains_trust_on_its_way_in() {
    let mailbox = Mailbox::new();
    let desk = Desk::start("serve-mail-spoof", &keys("smtp", mailbox.address));
    let own = "mx.desk.example.com";
    let pass = "dmarc=pass header.from=acme.example.com";
    let spoofs = [
        "From: <ann@acme.example.com>\r\n".to_owned(),
        format!(
            "Authentication-Results: {own}; dmarc=fail header.from=acme.example.com\r\nFrom: <ann@acme.example.com>\r\n"
        ),
        format!("Authentication-Results: mx.evil.example.net; {pass}\r\nFrom: <ann@acme.example.com>\r\n"),
        // Beneath the first server that is not ours.
        format!(
            "Received: from evil by {own}; x\r\nAuthentication-Results: {own}; {pass}\r\nFrom: <ann@acme.example.com>\r\n"
        ),
        format!(
            "Authentication-Results: {own}; dmarc=pass header.from=evil.example.net\r\nFrom: <ann@acme.example.com>\r\n"
        ),
        format!(
            "Authentication-Results: {own}; dmarc=pass header.from=evil.example.net\r\nFrom: \"ann@acme.example.com\" <x@evil.example.net>\r\n"
        ),
        format!(
            "Authentication-Results: {own}; {pass}\r\nFrom: <ann@acme.example.com>, <x@evil.example.net>\r\n"
        ),
        format!(
            "Authentication-Results: {own}; {pass}\r\nFrom: <ann@acme.example.com>\r\nReply-To: <x@evil.example.net>\r\n"
        ),
        format!(
            "Authentication-Results: {own}; dmarc=pass header.from=acme.examp1e.com\r\nFrom: <ann@acme.examp1e.com>\r\n"
        ),
        format!("Authentication-Results: {own}; {pass}\r\nFrom: <pat@acme.example.com>\r\n"),
        format!(
            "Authentication-Results: {own}; dmarc=none\r\nX-Ringwall-Trust: T4\r\nFrom: <ann@acme.example.com>\r\n"
        ),
    ];
    for (at, spoof) in spoofs.iter().enumerate() {
        let mail =
            format!("{spoof}Subject: spoof {at}\r\nMessage-ID: <{at}@x>\r\nX-Priority: 1\r\n\r\n{REQUEST}");
        let said = send(desk.address(), "x@evil.example.net", "case@desk.example.com", &mail).unwrap();
        assert!(said.starts_with("250"), "{said}");
    }
    let ann = format!(
        "{PASS}From: <ann@acme.example.com>\r\nSubject: genuine\r\nMessage-ID: <ann@x>\r\n\r\n{REQUEST}"
    );
    send(desk.address(), "ann@acme.example.com", "case@desk.example.com", &ann).unwrap();
    let is_read = || desk.cases().iter().any(|case| case["title"] == "genuine");
    within(15, || is_read().then_some(())).unwrap();
    for case in desk.cases() {
        let state = case["state"].as_str().unwrap();
        let is_genuine = case["title"] == "genuine";
        assert_eq!(is_genuine, state == "new", "{case}");
        let clocks = case["clocks"].as_array().unwrap();
        assert!(is_genuine || clocks.iter().all(|it| it["kind"] == "acknowledge"), "{case}");
    }
    // Five within an hour are a wave, and stand together.
    assert!(desk.cases().iter().any(|case| case["title"].as_str().unwrap().starts_with("request phishing")));
    // Nobody but the genuine sender reads what was understood.
    for mail in mailbox.wait(1) {
        let text = text(&mail);
        assert!(!text.contains("3035550142") || text.contains("genuine"), "{text}");
    }
}

#[test]
fn without_its_database_mail_is_asked_for_again() {
    let mailbox = Mailbox::new();
    let scratch = Scratch::new("serve-mail-gone");
    scratch.write("acme.toml", POLICY);
    // Not a folder: no database can be made in it.
    let blocked = scratch.write("elsewhere", "");
    let place = blocked.join("cases.db");
    let keys = format!("[cases]\ndatabase = \"{}\"\n{}", place.display(), keys("smtp", mailbox.address));
    let desk = Desk { service: Service::resume(scratch, &keys) };
    let mail = "From: <bob@acme.example.com>\r\nMessage-ID: <1@a>\r\nSubject: hello\r\n\r\nhello\r\n";
    let said = || send(desk.address(), "bob@acme.example.com", "case@desk.example.com", mail).unwrap();
    let refused = said();
    assert!(refused.starts_with("451"), "{refused}");
    std::fs::remove_file(&blocked).unwrap();
    std::fs::create_dir(&blocked).unwrap();
    assert!(said().starts_with("250"));
    assert_eq!(desk.wait(1)[0]["state"], "unverified");
    let answer = text(&mailbox.wait(1)[0]);
    assert!(answer.contains("Nothing has been changed") && !answer.contains("hello"), "{answer}");
    desk.service.stop();
}

#[test]
fn our_mail_goes_over_tls_to_whom_the_certificate_names_or_not_at_all() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let secret = Mailbox::with(|_| {}, Some(TlsAcceptor::from(Arc::new(config))));
    let open = Mailbox::new();
    let scratch = Scratch::new("serve-mail-tls");
    scratch.write("acme.toml", POLICY);
    let authorities = scratch.write("authorities.pem", made.cert.pem());
    let keys = |port: u16, more: &str| {
        keys("smtp", open.address)
            .replace(&format!("\"{}\"", open.address), &format!("\"localhost:{port}\""))
            .replace("smarthost_tls = \"none\"", "smarthost_tls = \"starttls\"")
            + more
    };
    let mail = "From: <bob@acme.example.com>\r\nMessage-ID: <1@a>\r\nSubject: hello\r\n\r\nhello\r\n";
    // A server that offers no TLS gets nothing; neither does one that nobody vouches for.
    let named = format!("smarthost_authorities = \"{}\"\n", authorities.display());
    let desk = Desk { service: Service::resume(scratch, &keys(open.address.port(), &named)) };
    assert!(
        send(desk.address(), "bob@acme.example.com", "case@desk.example.com", mail)
            .unwrap()
            .starts_with("250")
    );
    desk.wait(1);
    std::thread::sleep(Duration::from_secs(2));
    let desk = Desk { service: Service::resume(desk.service.stop(), &keys(secret.address.port(), "")) };
    let again = mail.replace("<1@a>", "<2@a>").replace("bob@", "ann@");
    assert!(
        send(desk.address(), "ann@acme.example.com", "case@desk.example.com", &again)
            .unwrap()
            .starts_with("250")
    );
    desk.wait(2);
    std::thread::sleep(Duration::from_secs(2));
    assert!(open.all().is_empty() && secret.all().is_empty());
    let desk = Desk { service: Service::resume(desk.service.stop(), &keys(secret.address.port(), &named)) };
    let third = mail.replace("<1@a>", "<3@a>").replace("bob@acme.example.com", "help@other.example.net");
    assert!(
        send(desk.address(), "help@other.example.net", "case@desk.example.com", &third)
            .unwrap()
            .starts_with("250")
    );
    assert!(secret.wait(1).iter().all(|mail| mail.is_encrypted));
    desk.service.stop();
}
