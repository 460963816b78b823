//! The automatic answer: what it says to whom, and what nobody gets back.

use mail_parser::{Message, MessageParser};
use ringwall_cases::CaseNumber;
use ringwall_cases::intake::{
    self, CaseTimes, Envelope, Intake, NoAnswer, Reply, ReplyFacts, ReturnPath, Thread, ThreadToken,
    answer_address,
};
use rules::Timestamp;

use crate::customers::{directory, envelope, read, read_file};

const TOKEN: ThreadToken = ThreadToken([0xa5; 16]);
const DESK: &str = "case@desk.example.com";

fn facts(intake: &Intake) -> ReplyFacts {
    let case = |index: usize| CaseTimes {
        number: CaseNumber::new(104_233 + index as u64),
        acknowledged_by: "Tue 6 Oct 2026 08:30 CDT".to_owned(),
        done_by: "Tue 6 Oct 2026 17:00 CDT".to_owned(),
    };
    ReplyFacts {
        cases: (0..intake.requests.len()).map(case).collect(),
        token: TOKEN,
        desk_address: DESK.to_owned(),
        desk_name: "Service Desk".to_owned(),
        received: "Mon 5 Oct 2026 16:30 CDT".to_owned(),
        sent_at: Timestamp::from_seconds(1_791_235_815),
        portal: "https://desk.example.com".to_owned(),
        hours: "Mon-Fri 8:00-17:00 Central. Next closed day: Thu 26 Nov.".to_owned(),
        escalation: "Robin Doe, +1 210 555 0100".to_owned(),
    }
}

/// The answer to a mail, and its plain text.
fn answer(intake: &Intake) -> (Message<'static>, String) {
    let reply = Reply::new(intake, &facts(intake)).unwrap();
    assert!(
        reply
            .mail
            .split(|it| *it == b'\n')
            .all(|line| line.len() <= 999 && (line.is_empty() || line.ends_with(b"\r")))
    );
    assert!(reply.mail.is_ascii());
    let message = MessageParser::default().parse(&reply.mail).unwrap().into_owned();
    let text = message.body_text(0).unwrap().into_owned();
    (message, text)
}

#[test]
fn a1_a2_a4_a_contact_is_told_what_was_understood_and_by_when() {
    let intake = read(
        "Subject: Block request - agent threats\r\nMessage-ID: <1@acme.example.com>\r\n",
        "Numbers to block: +12101111111, +1 210 555 0195\r\nCategory: Harassing\r\n\
         Reason: See https://evil.example.net/x and www.evil.example.net or evil.example.net, calls at night.\r\n",
    );
    let (message, text) = answer(&intake);
    assert_eq!(message.subject(), Some("[RW-104233-3] Received: Block request - agent threats"));
    assert_eq!(message.in_reply_to().as_text(), Some("1@acme.example.com"));
    let raw = |name: &str| message.header_raw(name).map(str::trim).unwrap_or_default().to_owned();
    assert_eq!(raw("Auto-Submitted"), "auto-replied");
    assert_eq!(raw("X-Auto-Response-Suppress"), "All");
    assert_eq!(raw("Reply-To"), format!("<{}>", answer_address(DESK, CaseNumber::new(104_233), TOKEN)));
    assert!(message.headers().iter().all(|it| !it.name().to_ascii_lowercase().starts_with("list-")));
    for expected in [
        "Your message reached us Mon 5 Oct 2026 16:30 CDT.",
        "+12101111111 (invalid NANP (exchange 111))",
        "+12105550195 (cannot be blocked: one of your own numbers)",
        "category Harassing",
        "reason \"See [left out] and [left out] or [left out] calls at night.\"",
        "authorisation by one of your approvers",
        "Tue 6 Oct 2026 08:30 CDT",
        "Tue 6 Oct 2026 17:00 CDT",
        "https://desk.example.com/portal/request/RW-104233-3",
        "Put \"High Priority\" in the subject",
        "Robin Doe, +1 210 555 0100",
        "Next closed day: Thu 26 Nov.",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let html = message.body_html(0).unwrap();
    assert_eq!(
        html.matches("href").count(),
        html.matches("href=\"https://desk.example.com/portal/request/").count()
    );
    assert!(!html.contains("evil"));
}

#[test]
fn f25_two_requests_are_two_cases_in_one_answer() {
    let mail =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/mail/F25.eml")).unwrap();
    let (message, text) = answer(&read_file(&mail));
    assert!(message.subject().unwrap().starts_with("[RW-104233-3, RW-104234-"));
    for expected in [
        "Case RW-104233-3",
        "Case RW-104234-",
        "2026-09-01 (1 September) to 2026-09-30 (30 September)",
        "waits for the word of an authoriser",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a3_n1_a_stranger_gets_none_of_its_own_words_back_and_learns_nothing() {
    let mail = "From: Evil <x@evil.example.net>\r\nSubject: Win https://evil.example.net now\r\nMessage-ID: <e@evil.example.net>\r\n\r\n\
                Numbers to block: +1 210 555 0142\r\nCategory: Fraud\r\nReason: CLICK evil.example.net\r\n";
    let intake = intake::read(mail.as_bytes(), &envelope(), &directory());
    let (message, text) = answer(&intake);
    assert_eq!(message.subject(), Some("[RW-104233-3] Received"));
    assert!(text.contains("We can act only on requests confirmed by a registered contact"));
    assert!(text.contains("Nothing has been changed."));
    let all = String::from_utf8(Reply::new(&intake, &facts(&intake)).unwrap().mail).unwrap();
    for word in ["Win", "CLICK", "2105550142", "210 555 0142", "acme", "Acme", "Fraud", "06 Oct"] {
        assert!(!all.contains(word), "{word}\n{all}");
    }
}

#[test]
fn f16_hostile_text_stays_text_in_every_field_of_the_answer() {
    let mail =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/mail/F16.eml")).unwrap();
    let intake = read_file(&mail);
    let (message, text) = answer(&intake);
    assert!(message.bcc().is_none() && message.cc().is_none());
    assert!(!text.contains("evil.example.net") && !text.contains('\u{202e}'));
    let html = message.body_html(0).unwrap();
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    for field in [
        "Message-ID: <a@b>\r\n\tBcc: <x@y>\r\n",
        "Message-ID: <a@b\u{2028}Bcc: x>\r\n",
        "Message-ID: <a b@c>\r\n",
    ] {
        let intake = read(&format!("Subject: x\u{202e}y\u{0}z\r\n{field}"), "hello");
        let (message, _) = answer(&intake);
        assert!(message.bcc().is_none(), "{field}");
        assert!(message.subject().unwrap().ends_with("Received: xyz"), "{:?}", message.subject());
    }
}

/// A6: another desk that answers every mail with a numbered mail of its own, as two ticket systems do that face each other.
#[test]
fn a6_two_desks_that_answer_each_other_stop_after_two_mails() {
    for marks in [
        "",
        "X-FreeScout-Mail-Type: auto.reply\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Precedence: bulk\r\n",
    ] {
        let mut now = envelope().received_at;
        let mut sent: Vec<Timestamp> = Vec::new();
        let mut known = Vec::new();
        let mut mail = format!(
            "{}From: jane@acme.example.com\r\nSubject: Ticket 1\r\nMessage-ID: <0@acme.example.com>\r\n\r\nhello",
            crate::customers::passed("acme.example.com")
        );
        for turn in 0..20 {
            let intake =
                intake::read(mail.as_bytes(), &Envelope { received_at: now, ..envelope() }, &directory());
            let thread = intake.thread(&known);
            if intake.answer(&thread, &sent, now).is_ok() {
                let reply = Reply::new(&intake, &facts(&intake)).unwrap();
                assert_eq!(reply.to, "jane@acme.example.com");
                sent.push(now);
                let (number, token, tenant) = (CaseNumber::new(104_233), TOKEN, intake.sender.tenant.clone());
                known = vec![intake::KnownCase { number, tenant, token }];
            }
            // The other desk answers at once, in a new thread every other time.
            let answers = if turn % 2 == 0 { "In-Reply-To: <x@acme.example.com>\r\n" } else { "" };
            mail = format!(
                "{}From: jane@acme.example.com\r\nSubject: We got your mail\r\n{marks}{answers}Message-ID: <{turn}@acme.example.com>\r\n\r\nhello",
                crate::customers::passed("acme.example.com")
            );
            now = now.plus_micros(5_000_000);
        }
        assert_eq!(sent.len(), 1, "{marks}");
    }
    let bounce = Envelope { return_path: ReturnPath::Nobody, ..envelope() };
    let intake = intake::read(b"From: MAILER-DAEMON@acme.example.com\r\n\r\nx", &bounce, &directory());
    assert_eq!(intake.answer(&Thread::New(vec![]), &[], bounce.received_at), Err(NoAnswer::NullReturnPath));
}
