//! Senders that we check ourselves: with signatures of another program and a DNS of the story's own. Whoever is genuine is
//! believed, and nobody else.

#![allow(clippy::disallowed_methods, reason = "how long a check takes is what is looked at")]

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use ringwall_cases::intake::{
    self, Checks, Client, Envelope, Outcome, ReturnPath, Sender, Trust, is_checked_by,
};
use ringwall_cases::io::mail::{Asking, Checker};
use tokio::runtime::Runtime;

use crate::customers::{AUTHSERV_ID, directory, envelope, passed};
use crate::dns::Dns;
use crate::signer::{Key, has_dkimpy, seal, sign};

const MAIL: &str = "From: Jane Doe <jane@acme.example.com>\r\nTo: case@desk.example.com\r\nSubject: Block request\r\n\
    Date: Mon, 5 Oct 2026 16:30:00 -0500\r\nMessage-ID: <1@acme.example.com>\r\n\r\nPlease block +1 210 555 0142.\r\n";
/// The mail server of the customer, and one of somebody else.
const THEIRS: &str = "192.0.2.7";
const FOREIGN: &str = "203.0.113.66";

struct World {
    dns: Dns,
    checker: Checker,
    runtime: Runtime,
    acme: Key,
    evil: Key,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("checker-{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        let (acme, evil) = (Key::new(&folder, "acme.key"), Key::new(&folder, "evil.key"));
        let dns = Dns::new();
        dns.text("acme.example.com", &format!("v=spf1 ip4:{THEIRS} -all"));
        dns.text("s1._domainkey.acme.example.com", &acme.record);
        dns.text("_dmarc.acme.example.com", "v=DMARC1; p=reject");
        dns.text("evil.example.net", "v=spf1 +all");
        dns.text("s1._domainkey.evil.example.net", &evil.record);
        dns.text("_dmarc.evil.example.net", "v=DMARC1; p=none");
        let asking = Asking {
            resolvers: vec![dns.address],
            patience: Duration::from_secs(2),
            host_name: "desk.example.com".to_owned(),
        };
        let runtime = Runtime::new().unwrap();
        let checker = runtime.block_on(async { Checker::new(&asking) }).unwrap();
        Self { dns, checker, runtime, acme, evil }
    }

    /// What is found of a mail that `client` brings, whose bounces go to `from`.
    fn brought(&self, client: &str, from: &str, mail: &str) -> (Checks, Sender) {
        let client = Client { address: client.parse().unwrap(), name: "mail.acme.example.com".to_owned() };
        let from = if from.is_empty() { ReturnPath::Nobody } else { ReturnPath::Address(from.to_owned()) };
        self.checked(Checks { client: Some(client), ..Checks::default() }, from, mail)
    }

    /// What is found of a mail that came through a server of ours, which checks nothing.
    fn handed_on(&self, mail: &str) -> (Checks, Sender) {
        self.checked(Checks::default(), ReturnPath::Address("jane@acme.example.com".to_owned()), mail)
    }

    fn checked(&self, open: Checks, return_path: ReturnPath, mail: &str) -> (Checks, Sender) {
        let before = Envelope { return_path, checks: Some(open), ..envelope() };
        assert!(
            intake::read(mail.as_bytes(), &before, &directory()).sender.trust <= Trust::Unknown,
            "not checked"
        );
        // As a service does it, on whatever thread there is.
        let (checker, bytes, envelope) = (self.checker.clone(), mail.as_bytes().to_vec(), before.clone());
        let work = self.runtime.spawn(async move { checker.check(&bytes, &envelope).await });
        let checks = self.runtime.block_on(work).unwrap();
        assert!(!checks.are_open());
        // It is kept as text, and read again and again.
        let kept = serde_json::to_string(&Envelope { checks: Some(checks.clone()), ..before }).unwrap();
        let after: Envelope = serde_json::from_str(&kept).unwrap();
        let sender = intake::read(mail.as_bytes(), &after, &directory()).sender;
        assert!(checks.found.iter().all(|it| sender.reasons.contains(it)), "{:?}", sender.reasons);
        (checks, sender)
    }
}

fn says(checks: &Checks, words: &str) {
    assert!(checks.found.iter().any(|it| it.contains(words)), "no {words:?} in {:#?}", checks.found);
}

#[test]
fn a_mail_that_its_domain_signed_is_its_contact_s_whoever_brings_it() {
    if !has_dkimpy() {
        return;
    }
    let world = World::new("signed");
    let signed = sign(MAIL, "acme.example.com", &world.acme, false);
    for (checks, sender) in [
        world.handed_on(&signed),
        world.brought(THEIRS, "jane@acme.example.com", &signed),
        world.brought(FOREIGN, "jane@acme.example.com", &signed),
        world.brought(FOREIGN, "", &signed),
    ] {
        assert_eq!((sender.trust, sender.contact.as_deref()), (Trust::Contact, Some("jane")), "{sender:?}");
        says(&checks, "DKIM pass, by acme.example.com (selector s1)");
        says(&checks, "DMARC pass for acme.example.com by");
    }
    // A domain below, of which the policy says nothing else.
    let below = sign(MAIL, "mail.acme.example.com", &world.acme, false);
    world.dns.text("s1._domainkey.mail.acme.example.com", &world.acme.record);
    assert_eq!(world.handed_on(&below).1.trust, Trust::Contact);

    // Ed25519 (RFC 8463) by another signer: dkimpy does it with a library that Debian's does not bring.
    let seed = [7; 32];
    let pair = Ed25519Key::from_seed_and_public_key(&seed, &public_of(&seed)).unwrap();
    world.dns.text(
        "e1._domainkey.acme.example.com",
        &format!("v=DKIM1; k=ed25519; p={}", base64(&public_of(&seed))),
    );
    let signer =
        DkimSigner::from_key(pair).domain("acme.example.com").selector("e1").headers(["From", "Subject"]);
    let signed = signer.sign(MAIL.as_bytes()).unwrap().to_header() + MAIL;
    assert_eq!(world.handed_on(&signed).1.trust, Trust::Contact);
}

#[test]
fn a_signature_that_does_not_hold_makes_nobody_believed() {
    if !has_dkimpy() {
        return;
    }
    let world = World::new("broken");
    let signed = sign(MAIL, "acme.example.com", &world.acme, false);
    let partial = sign(MAIL, "acme.example.com", &world.acme, true);
    assert!(partial.contains("l="), "{partial}");
    world.dns.text("s2._domainkey.acme.example.com", "v=DKIM1; p=");
    let expired = {
        let key = Ed25519Key::from_seed_and_public_key(&[7; 32], &public_of(&[7; 32])).unwrap();
        world.dns.text(
            "e1._domainkey.acme.example.com",
            &format!("v=DKIM1; k=ed25519; p={}", base64(&public_of(&[7; 32]))),
        );
        let signer = DkimSigner::from_key(key).domain("acme.example.com").selector("e1").headers(["From"]);
        signer.expiration(1).sign(MAIL.as_bytes()).unwrap().to_header() + MAIL
    };
    std::thread::sleep(Duration::from_millis(2_100));
    let without_from = {
        let key = Ed25519Key::from_seed_and_public_key(&[7; 32], &public_of(&[7; 32])).unwrap();
        let signer = DkimSigner::from_key(key).domain("acme.example.com").selector("e1").headers(["Subject"]);
        signer.sign(MAIL.as_bytes()).unwrap().to_header() + MAIL
    };
    for (mail, why) in [
        (signed.replace("0142", "0143"), "DKIM fail: the text was changed"),
        (format!("{signed}And +1 210 555 0199.\r\n"), "DKIM fail: the text was changed"),
        (signed.replace("Subject: Block", "Subject: Unblock"), "DKIM fail: it is not by that key"),
        (
            signed.replace("From: Jane Doe <jane@", "From: Jane Doe <rita@"),
            "DKIM fail: it is not by that key",
        ),
        (sign(MAIL, "acme.example.com", &world.evil, false), "DKIM fail: it is not by that key"),
        (signed.replace("s=s1;", "s=s9;"), "DKIM permerror: it has no key"),
        (signed.replace("s=s1;", "s=s2;"), "DKIM permerror: its key was revoked"),
        (partial.clone(), "DKIM policy: it signs a part of the text only"),
        (format!("{partial}And +1 210 555 0199.\r\n"), "DKIM policy: it signs a part of the text only"),
        (signed.replace("a=rsa-sha256", "a=rsa-sha1"), "DKIM policy: SHA-1"),
        (expired, "DKIM fail: it has expired"),
        (without_from, "DKIM permerror: it does not sign From"),
        (signed.replace("d=acme.example.com", "d=com"), "DKIM permerror: it has no key"),
        (signed, "pass"),
    ] {
        let is_whole = why == "pass";
        let (checks, sender) = world.brought(FOREIGN, "x@evil.example.net", &mail);
        says(&checks, why);
        assert_eq!(sender.trust, if is_whole { Trust::Contact } else { Trust::Spoof }, "{why}: {sender:#?}");
        assert_eq!(checks.dmarc.unwrap().0, if is_whole { Outcome::Pass } else { Outcome::Fail });
    }
}

#[test]
fn spf_counts_for_whom_it_is_asked_and_only_where_the_sender_s_server_is_known() {
    let world = World::new("spf");
    let ann = "jane@acme.example.com";
    let (checks, sender) = world.brought(THEIRS, ann, MAIL);
    assert_eq!((checks.spf, sender.trust), (Some(Outcome::Pass), Trust::Contact));
    says(&checks, "SPF pass for acme.example.com from 192.0.2.7");
    says(&checks, "DMARC pass for acme.example.com by SPF, policy reject");
    // As the socket of both kinds of addresses gives it.
    assert_eq!(world.brought("::ffff:192.0.2.7", ann, MAIL).1.trust, Trust::Contact);
    // Bounces go to nobody: then the server is asked for by its own name.
    world.dns.text("mail.acme.example.com", "v=spf1 a -all");
    world.dns.host("mail.acme.example.com", Ipv4Addr::new(192, 0, 2, 7));
    assert_eq!(world.brought(THEIRS, "", MAIL).1.trust, Trust::Contact);
    assert_eq!(world.brought(FOREIGN, "", MAIL).1.trust, Trust::Spoof);
    // Behind a server of ours its address says nothing.
    let (checks, sender) = world.handed_on(MAIL);
    assert_eq!((checks.spf, sender.trust), (None, Trust::Spoof));

    for (at, record) in
        ["v=spf1 -all", "v=spf1 ~all", "v=spf1 ?all", "v=spf1", "v=spf1 include:nowhere.example.net"]
            .iter()
            .enumerate()
    {
        world.dns.text(&format!("n{at}.acme.example.com"), record);
    }
    let many: String = (0..11).map(|at| format!(" include:i{at}.acme.example.com")).collect();
    world.dns.text("many.acme.example.com", &format!("v=spf1{many} +all"));
    (0..11).for_each(|at| world.dns.text(&format!("i{at}.acme.example.com"), "v=spf1 ip4:198.51.100.1"));
    world.dns.text("loop.acme.example.com", "v=spf1 include:loop.acme.example.com +all");
    for (from, word) in [
        ("x@n0.acme.example.com", "SPF fail"),
        ("x@n1.acme.example.com", "SPF softfail"),
        ("x@n2.acme.example.com", "SPF neutral"),
        ("x@n3.acme.example.com", "SPF neutral"),
        ("x@n4.acme.example.com", "SPF permerror"),
        ("x@many.acme.example.com", "SPF permerror"),
        ("x@loop.acme.example.com", "SPF permerror"),
        ("x@none.acme.example.com", "SPF none"),
        ("x@[192.0.2.7]", "SPF permerror"),
        // Its own policy lets everybody send, and says nothing of another domain.
        ("x@evil.example.net", "SPF pass for evil.example.net"),
        ("x@acme.example.com.evil.example.net", "SPF none"),
        ("x@notacme.example.com", "SPF none"),
    ] {
        let before = world.dns.asked().len();
        let (checks, sender) = world.brought(THEIRS, from, MAIL);
        says(&checks, word);
        assert_eq!(sender.trust, Trust::Spoof, "{from}: {sender:#?}");
        let asked = world.dns.asked().len() - before;
        assert!(asked <= 20, "{asked} questions for {from}");
    }
    // Where the policy wants the very domain, one below is another.
    let (strict, relaxed) = ("_dmarc.strict.example.org", "v=DMARC1; p=none; aspf=s");
    world.dns.text(strict, relaxed);
    world.dns.text("mail.strict.example.org", "v=spf1 +all");
    let mail = MAIL.replace("jane@acme.example.com", "x@strict.example.org");
    let (checks, _) = world.brought(THEIRS, "x@mail.strict.example.org", &mail);
    says(&checks, "DMARC fail for strict.example.org, policy none");
}

#[test]
fn what_a_domain_wants_done_changes_nothing_about_who_sent_it() {
    let world = World::new("policies");
    for policy in ["none", "quarantine", "reject"] {
        let name = format!("{policy}.acme.example.com");
        world.dns.text(&format!("_dmarc.{name}"), &format!("v=DMARC1; p={policy}"));
        let mail = MAIL.replace("jane@acme.example.com", &format!("jane@{name}"));
        let (checks, sender) = world.brought(FOREIGN, "x@evil.example.net", &mail);
        says(&checks, &format!("DMARC fail for {name}, policy {policy}"));
        assert!(sender.trust <= Trust::Unknown && sender.is_dmarc_failed);
    }
    // A domain without a policy vouches for nothing, signed or not.
    let mail = MAIL.replace("jane@acme.example.com", "olaf@other.example.net");
    world.dns.text("other.example.net", "v=spf1 +all");
    let (checks, sender) = world.brought(FOREIGN, "olaf@other.example.net", &mail);
    says(&checks, "DMARC none for other.example.net: it has no record");
    assert_eq!((checks.spf, sender.trust), (Some(Outcome::Pass), Trust::Unknown));
    // A stranger's own mail is the stranger's.
    let mail = MAIL.replace("jane@acme.example.com", "x@evil.example.net");
    assert_eq!(world.brought(FOREIGN, "x@evil.example.net", &mail).1.trust, Trust::Authentic);
}

#[test]
fn no_spoof_gains_trust() {
    if !has_dkimpy() {
        return;
    }
    let world = World::new("spoofs");
    let evil = |mail: &str| sign(mail, "evil.example.net", &world.evil, false);
    let signed = sign(MAIL, "acme.example.com", &world.acme, false);
    let two = |first: &str, second: &str| {
        MAIL.replacen(
            "From: Jane Doe <jane@acme.example.com>",
            &format!("From: {first}\r\nFrom: {second}"),
            1,
        )
    };
    let (jane, other, rita) = ("<jane@acme.example.com>", "<x@evil.example.net>", "<rita@acme.example.com>");
    let as_from = |from: &str| MAIL.replacen("Jane Doe <jane@acme.example.com>", from, 1);
    let padded = format!("X-Pad: {}\r\n", "x".repeat(900)).repeat(300);
    for (at, mail) in [
        evil(MAIL),
        evil(&two(jane, other)),
        evil(&two(other, jane)),
        // Another sender in front of, or behind, the one that was signed.
        format!("From: {rita}\r\n{signed}"),
        signed.replacen("\r\n\r\n", &format!("\r\nFrom: {rita}\r\n\r\n"), 1),
        format!("From: {rita}\r\n{padded}{signed}"),
        format!("From : {rita}\r\n{signed}"),
        format!("FROM:{rita}\r\n{signed}"),
        evil(&as_from("<jane@acme.example.com>, <x@evil.example.net>")),
        evil(&as_from("<x@evil.example.net>, <jane@acme.example.com>")),
        evil(&as_from("team: <jane@acme.example.com>, <x@evil.example.net>;")),
        evil(&as_from("\"jane@acme.example.com\" <x@evil.example.net>")),
        evil(&as_from("<jane@acme.examp1e.com>")),
        evil(&as_from("<jane@acme.example.com.evil.example.net>")),
        evil(&as_from("<\"jane@acme.example.com\"@evil.example.net>")),
        evil(&as_from("")),
        evil(&MAIL.replacen("To:", "Reply-To: <jane@acme.example.com>\r\nTo:", 1)),
        // What our own server would have written, by whoever brings the mail.
        format!("{}{MAIL}", passed("acme.example.com")),
        format!("{}{}", passed("acme.example.com"), evil(MAIL)),
        format!(
            "Return-Path: <jane@acme.example.com>\r\nReceived-SPF: pass\r\nX-Ringwall-Trust: T4\r\n{MAIL}"
        ),
        // Tags that are read in another way by somebody else.
        evil(MAIL).replacen("d=evil.example.net", "d=acme.example.com; d=evil.example.net", 1),
        evil(MAIL).replacen("d=evil.example.net", "d=evil.example.net; d=acme.example.com", 1),
        evil(MAIL).replacen("d=evil.example.net", "d=evil.example.net; i=@acme.example.com", 1),
        format!(
            "{}{}",
            "DKIM-Signature: v=1; a=rsa-sha256; d=acme.example.com; s=s1; h=from; bh=; b=\r\n".repeat(50),
            evil(MAIL)
        ),
    ]
    .iter()
    .enumerate()
    {
        for from in ["x@evil.example.net", "jane@acme.example.com", "rita@acme.example.com", ""] {
            let (_, sender) = world.brought(FOREIGN, from, mail);
            assert!(
                sender.trust <= Trust::Authentic && sender.contact.is_none(),
                "{at} {from:?}: {sender:#?}\n{mail}"
            );
            assert!(sender.tenant.is_none() || sender.trust <= Trust::Unknown, "{at} {from:?}: {sender:#?}");
        }
    }
    // The very same without the trick.
    assert_eq!(world.brought(FOREIGN, "x@evil.example.net", &signed).1.trust, Trust::Contact);
}

#[test]
fn t3_a_chain_of_forwarders_counts_where_the_customer_named_the_last_and_never_makes_a_contact() {
    if !has_dkimpy() {
        return;
    }
    let world = World::new("forwarders");
    world.dns.text("s1._domainkey.lists.example.org", &world.evil.record);
    let changed = format!(
        "Authentication-Results: lists.example.org; dmarc=pass header.from=acme.example.com\r\n{}",
        MAIL.replace("Subject: ", "Subject: [list] ")
    );
    let sealed = seal(&changed, "lists.example.org", &world.evil);
    let (checks, sender) = world.brought(FOREIGN, "list@lists.example.org", &sealed);
    says(&checks, "ARC pass, sealed by lists.example.org");
    assert_eq!(sender.trust, Trust::Authentic, "{sender:#?}");
    let unnamed =
        seal(&changed.replace("lists.example.org;", "evil.example.net;"), "evil.example.net", &world.evil);
    for (mail, why) in [
        (sealed.replace("0142", "0143"), "ARC not met"),
        (sealed.replace("[list]", "[tsil]"), "ARC not met"),
        (unnamed.clone(), "ARC pass, sealed by evil.example.net"),
        (unnamed.replacen("d=evil.example.net", "d=lists.example.org; d=evil.example.net", 1), "ARC"),
        (unnamed.replace("d=evil.example.net", "d=lists.example.org"), "ARC not met"),
    ] {
        let (checks, sender) = world.brought(FOREIGN, "list@lists.example.org", &mail);
        says(&checks, why);
        assert_eq!(sender.trust, Trust::Spoof, "{why} {checks:#?}");
    }
}

#[test]
fn without_dns_nobody_is_believed_and_nobody_waits_for_long() {
    if !has_dkimpy() {
        return;
    }
    let world = World::new("away");
    let signed = sign(MAIL, "acme.example.com", &world.acme, false);
    // Somebody whose own DNS is slow does not thereby get round the policy of another.
    world.dns.silence("slow.example.net");
    let slow = "DKIM-Signature: v=1; a=rsa-sha256; d=slow.example.net; s=s; h=from; bh=XXXX; b=YYYY\r\n";
    let forged = signed.replace("0142", "0143");
    let begun = Instant::now();
    let (checks, sender) =
        world.brought(FOREIGN, "x@slow.example.net", &format!("{}{forged}", slow.repeat(20)));
    says(&checks, "SPF temperror for slow.example.net");
    assert_eq!(sender.trust, Trust::Spoof, "{sender:#?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    world.dns.fail("failing.example.org");
    let failing = MAIL.replace("jane@acme.example.com", "x@failing.example.org");
    let (checks, sender) = world.brought(FOREIGN, "x@failing.example.org", &failing);
    says(&checks, "SPF temperror for failing.example.org");
    says(&checks, "DMARC temperror for failing.example.org");
    assert_eq!(sender.trust, Trust::Unknown);

    let world = World::new("away");
    let signed = sign(MAIL, "acme.example.com", &world.acme, false);
    world.dns.silence("");
    let begun = Instant::now();
    let (checks, sender) = world.brought(THEIRS, "jane@acme.example.com", &signed);
    for words in ["SPF temperror", "DKIM temperror", "DMARC temperror"] {
        says(&checks, words);
    }
    assert_eq!(sender.trust, Trust::Unknown, "{sender:#?}");
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
}

#[test]
fn what_a_stranger_writes_costs_few_questions_and_little_time() {
    let world = World::new("bounds");
    let one = |at: usize| {
        format!("DKIM-Signature: v=1; a=rsa-sha256; d=d{at}.example.net; s=s; h=from; bh=XXXX; b=YYYY\r\n")
    };
    let many: String = (0..500).map(one).collect();
    let names = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; d=acme.example.com; s=s1; h={}; bh=XXXX; b=YYYY\r\n",
        "from:".repeat(20_000)
    );
    let exchanges: String = (0..10).map(|at| format!(" mx:m{at}.evil.example.net")).collect();
    world.dns.text("mx.evil.example.net", &format!("v=spf1{exchanges} -all"));
    for at in 0..10 {
        (0..20).for_each(|host| {
            world.dns.exchange(&format!("m{at}.evil.example.net"), &format!("h{host}.m{at}.evil.example.net"))
        });
    }
    for mail in [
        format!("{many}{MAIL}"),
        format!("{}{MAIL}", names.repeat(2)),
        format!("{}{MAIL}", "X: y\r\n".repeat(60_000)),
        format!("{}{MAIL}", "From: <jane@acme.example.com>\r\n".repeat(5_000)),
        format!("{MAIL}{}", "x\r\n".repeat(3_000_000)),
        MAIL.replace("From: Jane Doe <jane", &format!("From: <{}jane", "a.".repeat(10_000))),
        MAIL.replace("@acme", &format!("@{}acme", "a.".repeat(1_000))),
        String::new(),
        "\r\n".to_owned(),
        "x".to_owned(),
    ] {
        let (before, begun) = (world.dns.asked().len(), Instant::now());
        let (checks, sender) = world.brought(FOREIGN, "x@mx.evil.example.net", &mail);
        let asked = world.dns.asked().len() - before;
        assert!(asked <= 150 && begun.elapsed() < Duration::from_secs(6), "{asked} {:?}", begun.elapsed());
        assert!(sender.trust <= Trust::Unknown && checks.found.len() <= 25, "{checks:#?}");
        assert!(checks.found.iter().all(|it| it.len() < 700), "{checks:#?}");
    }
}

#[test]
fn a_server_of_ours_that_checked_is_told_from_one_that_did_not() {
    let is_checked = |mail: &str| is_checked_by(AUTHSERV_ID, 0, mail.as_bytes());
    assert!(is_checked(&format!("{}{MAIL}", passed("acme.example.com"))));
    assert!(!is_checked(MAIL));
    assert!(!is_checked(&format!("Received: from x\r\n{}{MAIL}", passed("acme.example.com"))));
    assert!(!is_checked(&format!("Authentication-Results: {AUTHSERV_ID}; none\r\n{MAIL}")));
    assert!(!is_checked(&format!(
        "{}{MAIL}",
        passed("x.example.com").replace(AUTHSERV_ID, "mx.example.net")
    )));
    // What was kept before we checked anything is read as it was.
    let old = "{\"return_path\":\"Nobody\",\"recipients\":[],\"received_at\":5,\"checks\":{\"spf\":\"Pass\",\"dkim\":null,\"dmarc\":null,\"arc\":null}}";
    let old: Envelope = serde_json::from_str(old).unwrap();
    assert_eq!(old.checks, Some(Checks { spf: Some(Outcome::Pass), ..Checks::default() }));
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn public_of(seed: &[u8; 32]) -> Vec<u8> {
    use ring::signature::KeyPair as _;
    ring::signature::Ed25519KeyPair::from_seed_unchecked(seed).unwrap().public_key().as_ref().to_vec()
}
