//! A service that checks senders itself: with Exim as the mail server of a customer, which signs, and a DNS of the story's own.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::dns::Dns;
use super::mail::{Desk, Mailbox, send, text};
use super::within;
use crate::support::want_all_features;

const BODY: &str = "Phone number(s) that you want to be blocked:\n303-555-0142\n\nNumber(s) Category:\nHarassing\n\n\
    Business Case and Description:\nCalls every hour.\n";

/// Exim as it stands in a customer's house: it signs for the domain, and hands everything to the desk. It runs for one mail at
/// a time, as whoever runs the story.
struct Exim {
    folder: PathBuf,
    config: PathBuf,
}

impl Exim {
    /// One whose files are in `folder`; also the record of the key that it signs with.
    fn new(folder: &Path, desk: SocketAddr) -> (Self, String) {
        let folder = folder.join("exim");
        let key = folder.join("dkim.key");
        let spool = folder.join("spool");
        std::fs::create_dir_all(&spool).unwrap();
        let file = key.to_str().unwrap();
        openssl(&["genrsa", "-out", file, "2048"]);
        let public = openssl(&["rsa", "-in", file, "-pubout", "-outform", "DER"]);
        // Exim gives up the rights of root, and goes on as a user of its own.
        for (path, mode) in [(&folder, 0o777), (&spool, 0o777), (&key, 0o644)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let config = folder.join("exim.conf");
        let text = format!(
            "primary_hostname = mail.acme.example.com\nspool_directory = {}\nlog_file_path = {}/%slog\nkeep_environment =\n\
             untrusted_set_sender = *\nlocal_from_check = false\n\
             tls_advertise_hosts =\ndisable_ipv6 = true\nqualify_domain = acme.example.com\n\
             begin routers\nout:\n  driver = manualroute\n  route_list = * 127.0.0.1\n  self = send\n  transport = out\n\
             begin transports\nout:\n  driver = smtp\n  port = {}\n  allow_localhost\n  hosts_try_dane =\n\
             \x20 dkim_domain = acme.example.com\n  dkim_selector = s1\n  dkim_private_key = {}\n  dkim_canon = relaxed\n",
            spool.display(),
            folder.display(),
            desk.port(),
            key.display(),
        );
        std::fs::write(&config, text).unwrap();
        (Self { folder, config }, format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public)))
    }

    /// Has it send a mail; it returns when the desk has said that it is taken.
    fn send(&self, from: &str, mail: &str) {
        let mut child = Command::new("exim4")
            .arg("-C")
            .arg(&self.config)
            .args(["-odf", "-oi", "-f", from, "case@desk.example.com"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), mail.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let log = std::fs::read_to_string(self.folder.join("mainlog")).unwrap();
        assert!(log.trim_end().lines().any(|line| line.ends_with("Completed")), "{log}");
    }
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn has_exim() -> bool {
    let is_there = Command::new("exim4").arg("-bV").output().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "exim4 is not installed");
    if !is_there {
        println!("SKIPPED: exim4 is not installed");
    }
    is_there
}

fn keys(mailbox: SocketAddr, dns: &Dns, servers: &str) -> String {
    format!(
        "[mail]\nlisten = [\"127.0.0.1:0\"]\nprotocol = \"smtp\"\naddresses = [\"case@desk.example.com\"]\n\
         authserv_id = \"mx.desk.example.com\"\nportal = \"https://desk.example.com\"\nsmarthost = \"{mailbox}\"\n\
         smarthost_tls = \"none\"\ncheck = \"own\"\nservers = [{servers}]\nresolvers = [\"{}\"]\ncheck_seconds = 4\n",
        dns.address
    )
}

fn mail(from: &str, subject: &str) -> String {
    format!(
        "From: {from}\nTo: case@desk.example.com\nSubject: {subject}\nMessage-ID: <{subject}@acme.example.com>\n\n{BODY}"
    )
}

#[test]
fn a_customer_s_own_exim_signs_and_its_mail_is_believed_and_no_other() {
    if !has_exim() {
        return;
    }
    want_all_features();
    let (dns, mailbox) = (Dns::new(), Mailbox::new());
    dns.text("acme.example.com", "v=spf1 ip4:192.0.2.7 -all");
    dns.text("_dmarc.acme.example.com", "v=DMARC1; p=reject");
    dns.text("evil.example.net", "v=spf1 +all");
    let desk = Desk::start("serve-senders", &keys(mailbox.address, &dns, ""));
    let (exim, record) = Exim::new(desk.service.scratch.path(), desk.address());
    dns.text("s1._domainkey.acme.example.com", &record);
    let state = |subject: &str| {
        let of = |it: &serde_json::Value| it["title"] == subject;
        let found = within(20, || desk.cases().into_iter().find(of)).unwrap_or_else(|| panic!("{subject}"));
        (found["state"].as_str().unwrap().to_owned(), found["number"].as_str().unwrap().to_owned())
    };

    // More than are checked at once, whose DNS does not answer, come first and keep nobody waiting.
    dns.silence("slow.example.net");
    for at in 0..80 {
        let from = format!("x{at}@slow.example.net");
        let slow = mail(&format!("<{from}>"), &format!("slow{at}")).replace('\n', "\r\n");
        let said = send(desk.address(), &from, "case@desk.example.com", &slow).unwrap();
        assert!(said.starts_with("250"), "{said}");
    }
    exim.send("ann@acme.example.com", &mail("Ann <ann@acme.example.com>", "genuine"));
    let (is, genuine) = state("genuine");
    assert_eq!(is, "new");
    desk.shows(&genuine, "T3 ann@acme.example.com");
    desk.shows(&genuine, "DKIM pass, by acme.example.com (selector s1)");
    desk.shows(&genuine, "SPF fail for acme.example.com from 127.0.0.1");
    desk.shows(&genuine, "DMARC pass for acme.example.com by DKIM, policy reject");

    // What others bring under her name, whatever they write on it.
    let results = "Authentication-Results: mx.desk.example.com; dmarc=pass header.from=acme.example.com\r\n";
    for (at, from) in ["x@evil.example.net", "ann@acme.example.com"].iter().enumerate() {
        let forged = format!(
            "{results}{}",
            mail("Ann <ann@acme.example.com>", &format!("forged{at}")).replace('\n', "\r\n")
        );
        assert!(send(desk.address(), from, "case@desk.example.com", &forged).unwrap().starts_with("250"));
        let (is, number) = state(&format!("forged{at}"));
        assert_eq!(is, "quarantine");
        desk.shows(&number, "DMARC fail for acme.example.com, policy reject");
        desk.shows(&number, "T0 ann@acme.example.com");
    }
    let of = |it: &serde_json::Value| it["title"].as_str().is_some_and(|it| it.starts_with("slow"));
    let slow = within(20, || desk.cases().into_iter().find(of)).unwrap();
    assert_eq!(slow["state"], "unverified");
    let number = slow["number"].as_str().unwrap().to_owned();
    assert!(genuine < number, "{number} was read first");
    desk.shows(&number, "SPF temperror for slow.example.net");
    assert!(!mailbox.all().iter().any(|it| text(it).contains("forged")), "no backscatter");

    // The same words for a mail in a file, as far as it tells.
    let forged = desk
        .service
        .scratch
        .write("forged.eml", mail("Ann <ann@acme.example.com>", "file").replace('\n', "\r\n"));
    let shown = desk.run(&["case", "mail", forged.to_str().unwrap()]);
    assert!(shown.contains(": T0") && shown.contains("DMARC fail for acme.example.com"), "{shown}");

    // Without DNS a mail is taken all the same, and becomes a case of nobody known.
    dns.silence("");
    let desk =
        Desk { service: super::Service::resume(desk.service.stop(), &keys(mailbox.address, &dns, "")) };
    let (exim, _) = Exim::new(&desk.service.scratch.path().join("again"), desk.address());
    exim.send("ann@acme.example.com", &mail("Ann <ann@acme.example.com>", "away"));
    let away = within(20, || desk.cases().into_iter().find(|it| it["title"] == "away")).unwrap();
    assert_eq!(away["state"], "unverified");
    let shown = desk.shows(away["number"].as_str().unwrap(), "DMARC temperror");
    assert!(shown.contains("T1 ann@acme.example.com") && shown.contains("SPF temperror"), "{shown}");
    // What was found before stands.
    desk.shows(&number, "SPF temperror for slow.example.net");
    desk.service.stop();
}

#[test]
fn behind_a_server_of_ours_its_results_count_and_without_them_what_the_mail_holds() {
    want_all_features();
    let (dns, mailbox) = (Dns::new(), Mailbox::new());
    // Its own address says nothing there, whatever SPF makes of it.
    dns.text("acme.example.com", "v=spf1 +all");
    dns.text("_dmarc.acme.example.com", "v=DMARC1; p=reject");
    let desk = Desk::start("serve-senders-behind", &keys(mailbox.address, &dns, "\"127.0.0.0/8\""));
    let results = "Authentication-Results: mx.desk.example.com; dmarc=pass header.from=acme.example.com\r\n";
    for (subject, fields, expected) in [("checked", results, "new"), ("unchecked", "", "quarantine")] {
        let mail = format!("{fields}{}", mail("Ann <ann@acme.example.com>", subject).replace('\n', "\r\n"));
        assert!(
            send(desk.address(), "ann@acme.example.com", "case@desk.example.com", &mail)
                .unwrap()
                .starts_with("250")
        );
        let found = within(20, || desk.cases().into_iter().find(|it| it["title"] == subject)).unwrap();
        assert_eq!(found["state"], expected, "{subject}");
    }
    desk.service.stop();
}
