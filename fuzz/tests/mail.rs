//! Any mail is read within bounds, and nothing in it is ready that its sender may not ask for.

use std::collections::BTreeSet;

use cases::CaseNumber;
use cases::intake::{
    self, CaseTimes, Checks, Contact, Directory, Envelope, Fate, Intake, Language, Outcome, Reply,
    ReplyFacts, ReturnPath, Role, Segment, State, Tenant, ThreadToken, Trust,
};
use ringwall_fuzz::{duration, seeds, vary};
use rules::plan::DialPlan;
use rules::{NumberSet, Timestamp};

fn directory() -> Directory {
    let contact = Contact {
        id: "jane".to_owned(),
        addresses: vec!["jane@acme.example.com".to_owned()],
        roles: BTreeSet::from([Role::Requester]),
        valid_from: None,
        valid_until: None,
    };
    let tenant = Tenant {
        id: "acme".to_owned(),
        domains: vec!["acme.example.com".to_owned()],
        plans: vec![DialPlan::default()],
        zone: "America/Chicago".to_owned(),
        languages: vec![Language::English, Language::Spanish],
        contacts: vec![contact],
        ..Tenant::default()
    };
    Directory {
        authserv_id: Some("mx.desk.example.com".to_owned()),
        own_addresses: vec!["case@desk.example.com".to_owned()],
        desk_numbers: NumberSet::EMPTY,
        tenants: vec![tenant],
        ..Directory::default()
    }
}

fn envelope(checks: Option<Checks>) -> Envelope {
    Envelope {
        return_path: ReturnPath::Unknown,
        recipients: vec!["case@desk.example.com".to_owned()],
        received_at: Timestamp::from_seconds(1_791_235_800),
        checks,
    }
}

fn check(mail: &[u8], directory: &Directory) {
    // As it stands, and from a contact that met every check: then all of it is read.
    let passed = Checks { dmarc: Some((Outcome::Pass, "acme.example.com".to_owned())), ..Checks::default() };
    for checks in [None, Some(passed)] {
        let intake = intake::read(mail, &envelope(checks), directory);
        assert_ne!(intake.state, State::Unparsed, "the parser panicked");
        check_intake(&intake);
    }
}

fn check_intake(intake: &Intake) {
    assert!(!intake.requests.is_empty());
    for request in &intake.requests {
        assert!(!request.is_ready() || intake.sender.trust >= Trust::Contact && intake.state == State::Read);
        let only_own = |it: &intake::FoundNumber| it.fate != Fate::Taken || it.place.segment == Segment::Own;
        assert!(request.numbers.iter().all(only_own));
        assert!(request.ready_numbers().len() <= intake::limits::NUMBERS_PER_REQUEST_MAX);
    }
    let facts = ReplyFacts {
        cases: vec![CaseTimes {
            number: CaseNumber::new(104_233),
            acknowledged_by: String::new(),
            done_by: String::new(),
        }],
        token: ThreadToken([7; 16]),
        desk_address: "case@desk.example.com".to_owned(),
        desk_name: "Desk".to_owned(),
        received: String::new(),
        sent_at: Timestamp::from_seconds(0),
        portal: "https://desk.example.com".to_owned(),
        hours: String::new(),
        escalation: String::new(),
    };
    let Some(reply) = Reply::new(intake, &facts) else { return };
    assert!(reply.mail.is_ascii(), "an answer is plain ASCII");
    let text = str::from_utf8(&reply.mail).expect("ASCII is UTF-8");
    let (head, _) = text.split_once("\r\n\r\n").expect("an answer has a body");
    let fields = head.split('\n').filter(|line| !line.starts_with(' '));
    assert!(fields.count() <= 13, "nothing of the mail adds a field to the answer");
}

#[test]
fn mail() {
    let directory = directory();
    let seeds = seeds(&["fixtures/mail"], &[], &["eml"], 64 << 10);
    assert!(seeds.len() >= 20);
    seeds.iter().for_each(|seed| check(seed, &directory));
    bolero::check!()
        .with_max_len(512)
        .with_test_time(duration())
        .for_each(|script: &[u8]| check(&vary(&seeds, script), &directory));
}
