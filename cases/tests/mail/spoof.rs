//! Senders who are not who they say: none of them gains trust, and nothing of theirs is ready.

use ringwall_cases::CaseNumber;
use ringwall_cases::intake::{
    self, Checks, Directory, Envelope, Intake, KnownCase, NoAnswer, Outcome, ReturnPath, Standing, Thread,
    ThreadToken, Trust, answer_address, message_id,
};

use crate::customers::{AUTHSERV_ID, directory, envelope, passed, read};

const BODY: &str = "Numbers to block: +1 210 555 0142\r\nCategory: Fraud\r\nReason: they cheat\r\n";
const FROM: &str = "From: Jane Doe <jane@acme.example.com>\r\n";

fn read_mail(mail: &str) -> Intake {
    intake::read(mail.as_bytes(), &envelope(), &directory())
}

/// A mail with these headers is believed no further than `most`, and nothing in it is ready below T3.
fn check(headers: &str, most: Trust) -> Intake {
    let intake = read_mail(&format!("{headers}To: case@desk.example.com\r\n\r\n{BODY}"));
    assert!(intake.sender.trust <= most, "{headers}\n{:?}", intake.sender);
    let is_ready = intake.requests.iter().any(intake::Request::is_ready);
    assert!(!is_ready || intake.sender.may(intake::Role::Requester), "{headers}");
    intake
}

fn results(spf: &str, dkim: &str, dmarc: &str) -> String {
    format!(
        "Authentication-Results: {AUTHSERV_ID}; spf={spf} smtp.mailfrom=jane@acme.example.com; dkim={dkim} \
         header.d=acme.example.com; dmarc={dmarc} header.from=acme.example.com\r\n"
    )
}

#[test]
fn every_combination_of_checks_is_judged_and_only_dmarc_that_passed_makes_a_contact() {
    for spf in ["pass", "fail", "none"] {
        for dkim in ["pass", "fail", "none"] {
            for dmarc in ["pass", "fail", "none"] {
                let one_passed = spf == "pass" || dkim == "pass";
                let expected = match (dmarc, spf, dkim) {
                    ("fail", ..) | (_, "fail", "fail") => Trust::Spoof,
                    ("pass", ..) if one_passed => Trust::Contact,
                    _ => Trust::Unknown,
                };
                let intake = check(&format!("{}{FROM}", results(spf, dkim, dmarc)), expected);
                assert_eq!(intake.sender.trust, expected, "spf={spf} dkim={dkim} dmarc={dmarc}");
                assert_eq!(intake.no_answer.is_some(), expected == Trust::Spoof, "no backscatter");

                let outcome = Outcome::read;
                let checks = Checks {
                    spf: Some(outcome(spf)),
                    dkim: Some(outcome(dkim)),
                    dmarc: Some((outcome(dmarc), "acme.example.com".to_owned())),
                    ..Checks::default()
                };
                let own = Envelope { checks: Some(checks), ..envelope() };
                let mail = format!("{FROM}\r\n{BODY}");
                assert_eq!(
                    intake::read(mail.as_bytes(), &own, &directory()).sender.trust,
                    expected,
                    "our own check"
                );
            }
        }
    }
}

#[test]
fn t1_only_what_our_own_server_wrote_on_top_counts() {
    let good = passed("acme.example.com");
    let received = "Received: from x by mx.desk.example.com; Mon, 5 Oct 2026 16:30:00 -0500\r\n";
    let failed = results("fail", "fail", "fail");
    let foreign = good.replace(AUTHSERV_ID, "mx.evil.example.net");
    check(&format!("{received}{good}{FROM}"), Trust::Unknown);
    check(&format!("{failed}{received}{good}{FROM}"), Trust::Spoof);
    check(&format!("{good}{failed}{FROM}"), Trust::Spoof);
    check(&format!("{foreign}{FROM}"), Trust::Unknown);
    check(
        &format!("{}{FROM}", good.replace(AUTHSERV_ID, "mx.desk.example.com.evil.example.net")),
        Trust::Unknown,
    );
    check(
        &format!("{}{FROM}", good.replace("header.from=acme.example.com", "header.from=evil.example.net")),
        Trust::Unknown,
    );
    check(
        &format!("{}{FROM}", good.replace("\tdmarc=pass header.from=acme.example.com", "\tdmarc=none")),
        Trust::Unknown,
    );
    let hidden = format!(
        "Authentication-Results: {AUTHSERV_ID}; spf=none (; dmarc=pass header.from=acme.example.com)\r\n"
    );
    check(&format!("{hidden}{FROM}"), Trust::Unknown);
    let quoted = format!(
        "Authentication-Results: {AUTHSERV_ID}; spf=pass smtp.mailfrom=\"x; dmarc=pass header.from=acme.example.com\"@evil.example.net\r\n"
    );
    check(&format!("{quoted}{FROM}"), Trust::Unknown);
    // Behind one more server of ours the results stand below its own line.
    let behind = Directory { hops_behind: 1, ..directory() };
    let mail = format!("{received}{good}{received}{FROM}\r\n{BODY}");
    assert_eq!(intake::read(mail.as_bytes(), &envelope(), &behind).sender.trust, Trust::Contact);
    let mail = format!("{received}{received}{good}{FROM}\r\n{BODY}");
    assert_eq!(intake::read(mail.as_bytes(), &envelope(), &behind).sender.trust, Trust::Unknown);
    let unknown = Directory { authserv_id: None, ..directory() };
    assert_eq!(intake::read(mail.as_bytes(), &envelope(), &unknown).sender.trust, Trust::Unknown);
}

#[test]
fn t2_tricks_with_from_make_nobody_more_than_unknown() {
    let good = passed("acme.example.com");
    let evil = passed("evil.example.net");
    for (from, domain) in [
        ("From: \"jane@acme.example.com\" <x@evil.example.net>\r\n", &evil),
        ("From: jane@acme.example.com <x@evil.example.net>\r\n", &evil),
        ("From: jane@acme.example.com, x@evil.example.net\r\n", &good),
        ("From: x@evil.example.net, jane@acme.example.com\r\n", &good),
        ("From: jane@acme.example.com\r\nFrom: x@evil.example.net\r\n", &good),
        ("From: Jane <jane@acme.example.com> <x@evil.example.net>\r\n", &good),
        ("From: x:jane@acme.example.com, y@evil.example.net;\r\n", &good),
        ("From: Jane <jane@acme.example.com>\r\nReply-To: jane@evil.example.net\r\n", &good),
        (
            "From: Jane <jane@acme.example.com>\r\nReply-To: jane@acme.example.com, x@evil.example.net\r\n",
            &good,
        ),
        ("From: Jane <jane@acme.example.com>\r\nReply-To: nobody\r\n", &good),
        ("From: Jane <jane@acme.examp1e.com>\r\n", &passed("acme.examp1e.com")),
        ("From: Jane <jane@acme-example.com>\r\n", &passed("acme-example.com")),
        ("From: Jane <jane@\u{430}cme.example.com>\r\n", &passed("\u{430}cme.example.com")),
        ("From: Jane <jane@xn--cme-5cd.example.com>\r\n", &passed("xn--cme-5cd.example.com")),
        ("From:\r\n", &good),
        ("", &good),
    ] {
        let intake = check(&format!("{domain}{from}"), Trust::Unknown);
        assert!(!intake.sender.warnings.is_empty(), "{from}");
        assert!(intake.sender.roles.is_empty() && intake.sender.contact.is_none(), "{from}");
    }
    // A name that is the address, and answers to a colleague, are no tricks.
    check(
        &format!(
            "{good}From: \"jane@acme.example.com\" <jane@acme.example.com>\r\nReply-To: rita@acme.example.com\r\n"
        ),
        Trust::Contact,
    );
}

#[test]
fn t3_a_listed_forwarder_that_vouches_makes_an_address_and_no_contact() {
    let failed = results("fail", "fail", "fail").replace("; dmarc", "; arc=pass; dmarc");
    let seal = |domain: &str| format!("ARC-Seal: i=1; a=rsa-sha256; d={domain}; s=x; cv=none; b=x\r\n");
    let listed = check(&format!("{failed}{}{FROM}", seal("lists.example.org")), Trust::Authentic);
    assert_eq!(listed.sender.trust, Trust::Authentic);
    check(&format!("{failed}{}{FROM}", seal("lists.evil.example.net")), Trust::Spoof);
    let both =
        format!("{}{}", seal("lists.example.org"), seal("lists.evil.example.net").replace("i=1", "i=2"));
    check(&format!("{failed}{both}{FROM}"), Trust::Spoof);
    check(&format!("{}{}{FROM}", results("fail", "fail", "fail"), seal("lists.example.org")), Trust::Spoof);
}

#[test]
fn t5_no_header_of_the_mail_controls_anything() {
    for header in [
        "X-Ringwall-Trust: T4",
        "X-Ringwall-Tenant: other",
        "X-Zammad-Send-Auto-Response: true",
        "X-Zammad-Ticket-Priority: 3 high",
        "X-Spam-Status: No",
        "X-Auth-Result: pass",
    ] {
        let plain = read("Subject: x\r\n", BODY);
        let with = read(&format!("Subject: x\r\n{header}\r\n"), BODY);
        assert_eq!(with.sender, plain.sender, "{header}");
        assert_eq!(with.requests, plain.requests, "{header}");
        assert_eq!(with.no_answer, plain.no_answer, "{header}");
    }
    let urgent = read("Subject: x\r\nImportance: high\r\nX-Priority: 1\r\n", BODY);
    assert!(urgent.is_marked_important && !urgent.is_high_priority(), "A-8: a hint and nothing more");
}

#[test]
fn n6_and_n7_a_contact_without_the_role_or_out_of_time_asks_for_nothing_that_is_ready() {
    let good = passed("acme.example.com");
    let wrong_role = check(&format!("{good}From: rita@acme.example.com\r\n"), Trust::Contact);
    assert!(!wrong_role.requests[0].is_ready());
    assert_eq!(wrong_role.requests[0].authority, intake::Authority::WrongRole);
    let gone = check(&format!("{good}From: gone@acme.example.com\r\n"), Trust::Authentic);
    assert!(gone.sender.is_contact_out_of_time && gone.sender.roles.is_empty());
    let stranger = check(
        &format!("{}From: x@elsewhere.example.org\r\n", passed("elsewhere.example.org")),
        Trust::Authentic,
    );
    assert_eq!(stranger.sender.tenant, None);
}

fn known() -> Vec<KnownCase> {
    let case = |serial, tenant: &str, token| KnownCase {
        number: CaseNumber::new(serial),
        tenant: Some(tenant.to_owned()),
        token: ThreadToken([token; 16]),
    };
    vec![case(104_233, "acme", 0xa5), case(100_001, "other", 0x5a)]
}

#[test]
fn c4_a_number_in_the_subject_joins_only_a_case_of_ones_own() {
    let own = CaseNumber::new(104_233);
    let foreign = CaseNumber::new(100_001);
    let joins = |headers: &str| read(headers, "any news?").thread(&known());
    assert_eq!(joins(&format!("Subject: Re: [{own}]\r\n")), Thread::Joins(own, Standing::Reply));
    assert_eq!(joins(&format!("Subject: Re: [{foreign}]\r\n")), Thread::New(vec![foreign]), "F12");
    assert_eq!(joins("Subject: Re: [RW-104233-4]\r\n"), Thread::New(vec![]), "a mistyped number is none");
    let spoof =
        read_mail(&format!("{}{FROM}Subject: {own}\r\n\r\nplease approve", results("fail", "fail", "fail")));
    assert_eq!(spoof.thread(&known()), Thread::New(vec![own]));
    let unknown = read_mail(&format!("{FROM}Subject: {own}\r\n\r\nplease approve"));
    assert_eq!(unknown.thread(&known()), Thread::New(vec![own]));
}

#[test]
fn t4_the_secret_of_a_case_lets_others_only_leave_a_note() {
    let own = CaseNumber::new(104_233);
    let token = ThreadToken([0xa5; 16]);
    let answers = format!("In-Reply-To: <{}>\r\n", message_id("case@desk.example.com", own, token, 1));
    assert_eq!(read(&answers, "ok").thread(&known()), Thread::Joins(own, Standing::Reply));
    let unknown = read_mail(&format!("{FROM}{answers}\r\nok"));
    assert_eq!(unknown.thread(&known()), Thread::Joins(own, Standing::UntrustedNote));
    let wrong = format!(
        "In-Reply-To: <{}>\r\n",
        message_id("case@desk.example.com", own, ThreadToken([0x5a; 16]), 1)
    );
    assert_eq!(read(&wrong, "ok").thread(&known()), Thread::New(vec![own]));
    let addressed =
        Envelope { recipients: vec![answer_address("case@desk.example.com", own, token)], ..envelope() };
    let by_address = intake::read(
        format!("{}{FROM}\r\nok", passed("acme.example.com")).as_bytes(),
        &addressed,
        &directory(),
    );
    assert_eq!(by_address.thread(&known()), Thread::Joins(own, Standing::Reply));
    let machine = read(&format!("{answers}Auto-Submitted: auto-replied\r\n"), "I am away");
    assert_eq!(machine.thread(&known()), Thread::Joins(own, Standing::Machine), "F18");
    let joined = Thread::Joins(own, Standing::Reply);
    assert_eq!(read(&answers, "ok").answer(&joined, &[], envelope().received_at), Err(NoAnswer::Threaded));
}

#[test]
fn a5_machines_get_no_answer() {
    for (header, is_machine) in [
        ("Auto-Submitted: auto-replied", true),
        ("Auto-Submitted: auto-generated (x)", true),
        ("Auto-Submitted: Auto-Notified; owner-email=x@example.com", true),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", true),
        ("Precedence: bulk", true),
        ("Precedence: AUTO_REPLY", true),
        ("List-Id: <x.example.com>", true),
        ("List-Unsubscribe: <https://example.com>", true),
        ("X-Auto-Response-Suppress: All", false),
        ("X-Auto-Response-Suppress: DR, AutoReply", false),
    ] {
        let intake = read(&format!("{header}\r\n"), "x");
        assert!(intake.no_answer.is_some(), "{header}");
        assert_eq!(intake.is_machine(), is_machine, "{header}");
    }
    for header in [
        "Auto-Submitted: no",
        "Precedence: first-class",
        "X-Auto-Response-Suppress: DR",
        "X-FreeScout-Mail-Type: auto.reply",
    ] {
        assert_eq!(read(&format!("{header}\r\n"), "x").no_answer, None, "{header}");
    }
    for from in [
        "MAILER-DAEMON@acme.example.com",
        "postmaster@acme.example.com",
        "no-reply@acme.example.com",
        "noreply+1@acme.example.com",
    ] {
        let mail = format!("{}From: {from}\r\n\r\nx", passed("acme.example.com"));
        assert_eq!(read_mail(&mail).no_answer, Some(NoAnswer::MachineAddress), "{from}");
    }
    let own = read_mail("From: case+1.2@desk.example.com\r\n\r\nx");
    assert_eq!(own.no_answer, Some(NoAnswer::OwnAddress));
    let bounce = Envelope { return_path: ReturnPath::Nobody, ..envelope() };
    let mail = format!("{}{FROM}\r\nx", passed("acme.example.com"));
    assert_eq!(
        intake::read(mail.as_bytes(), &bounce, &directory()).no_answer,
        Some(NoAnswer::NullReturnPath)
    );
}

#[test]
fn a_number_of_another_customer_is_stopped_and_not_told_whose_it_is() {
    let intake =
        read("Subject: x\r\n", "Numbers to block: +1 212 555 0170\r\nCategory: Fraud\r\nReason: x\r\n");
    let found = &intake.requests[0].numbers[0];
    assert_eq!(found.fate, intake::Fate::Stopped(intake::Stop::OtherCustomer));
    assert!(!intake.requests[0].is_ready());
    assert!(!intake::Stop::OtherCustomer.to_string().contains("customer"));
}
