//! The texts that go out, made for a sample by the code that makes them for customers.

use std::collections::BTreeMap;

use cases::case::Severity;
use cases::explanation::wall_time;
use cases::intake::{
    CaseTimes, Checks, Contact, Directory, Envelope, Outcome, Reply, ReplyFacts, ReturnPath, Role, Tenant,
    ThreadToken,
};
use cases::notice::{Audience, Fact, Happening, Violation, World, gsm_segments, notice, sms};
use cases::{CaseNumber, Service, intake};
use rules::Timestamp;

use super::Channels;

/// A text as somebody reads it.
pub(super) struct Text {
    /// What it is, and who gets it.
    pub(super) title: &'static str,
    pub(super) subject: String,
    pub(super) text: String,
    /// What there is to know of it.
    pub(super) note: String,
}

/// All of them, as they would go out at `now`.
pub(super) fn texts(service: &Service, channels: &Channels, now: Timestamp) -> Vec<Text> {
    let (known, stranger) = (reply(service, channels, now, true), reply(service, channels, now, false));
    let (people, awake, preferences) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let world = World {
        settings: &channels.settings,
        service,
        people: &people,
        silences: &[],
        awake: &awake,
        preferences: &preferences,
        office: None,
    };
    let mut texts = vec![known, stranger];
    for (title, fact) in facts(service, now) {
        for (title, audience) in [(title[0], Audience::Desk), (title[1], Audience::Customer)] {
            if !title.is_empty() {
                let (subject, text) = notice(std::slice::from_ref(&fact), 0, audience, world);
                texts.push(Text { title, subject, text, note: String::new() });
            }
        }
        if fact.violation.is_some() {
            let text = sms(&[fact], None, world);
            let note = gsm_segments(&text).map_or_else(
                || "It has characters that text messages do not have.".to_owned(),
                |segments| format!("Text messages that it takes: {segments}."),
            );
            let subject = String::new();
            texts.push(Text { title: "Text message about a critical violation", subject, text, note });
        }
    }
    texts
}

/// The automatic answer to a mail of a contact, or of a stranger (A-1 to A-4, N-1).
fn reply(service: &Service, channels: &Channels, now: Timestamp, is_known: bool) -> Text {
    let address = if is_known { "ann@acme.example.com" } else { "stranger@example.net" };
    let mail = format!(
        "From: Ann <{address}>\r\nTo: case@desk.example.com\r\nSubject: Block of calls\r\n\
         Message-ID: <sample@example.com>\r\n\r\nPlease block\r\nPhone numbers to be blocked: +1 303 555 0101\r\nCategory: Harassing\r\n\
         Business case: calls every night\r\n"
    );
    let domain = address.split_once('@').map_or("", |(_, domain)| domain);
    let checks = Checks { dmarc: Some((Outcome::Pass, domain.to_owned())), ..Checks::default() };
    let envelope = Envelope {
        return_path: ReturnPath::Address(address.to_owned()),
        recipients: Vec::new(),
        received_at: now,
        checks: Some(checks),
    };
    let ann = Contact {
        id: "Ann".to_owned(),
        addresses: vec!["ann@acme.example.com".to_owned()],
        roles: [Role::Requester].into(),
        valid_from: None,
        valid_until: None,
    };
    let tenant = Tenant {
        id: "Acme".to_owned(),
        domains: vec!["acme.example.com".to_owned()],
        plans: vec![rules::plan::DialPlan::default()],
        zone: "America/Chicago".to_owned(),
        contacts: vec![ann],
        ..Tenant::default()
    };
    let directory = Directory { tenants: vec![tenant], ..Directory::default() };
    let read = intake::read(mail.as_bytes(), &envelope, &directory);
    let calendar = service.calendar();
    let terms = service.terms();
    let by = |term: cases::Term, is_contract: bool| {
        let due = term.due(calendar, now);
        due.map_or_else(String::new, |due| {
            wall_time(calendar, if is_contract { due.contract } else { due.target })
        })
    };
    let facts = ReplyFacts {
        cases: vec![CaseTimes {
            number: CaseNumber::new(SAMPLE_SERIAL),
            acknowledged_by: by(terms.acknowledge, false),
            done_by: by(terms.complete, true),
        }],
        token: ThreadToken([0; 16]),
        desk_address: channels.office.desk.address.clone(),
        desk_name: channels.office.desk.name.clone(),
        received: wall_time(calendar, now),
        sent_at: now,
        portal: channels.office.portal.clone(),
        hours: calendar.in_words(now),
        escalation: channels.office.escalation.clone(),
    };
    let (subject, text) = Reply::words(&read, &facts);
    let (title, note) = if is_known {
        ("Automatic answer to a contact", "It goes within a minute, whatever the hour, and once.")
    } else {
        (
            "Automatic answer to a stranger",
            "It says nothing of who our customers are, and repeats no word of theirs.",
        )
    };
    Text { title, subject, text, note: note.to_owned() }
}

/// Things that happen, with what the text for the desk and the one for the customer are called; the latter empty where there is
/// none.
fn facts(service: &Service, now: Timestamp) -> Vec<([&'static str; 2], Fact)> {
    let due = service.terms().notify.due(service.calendar(), now);
    let of = |event, severity, rule: &str| {
        let mut fact = Fact::of_service(event, now, "sample");
        fact.customer = "Acme".to_owned();
        fact.case = Some(CaseNumber::new(SAMPLE_SERIAL));
        fact.severity = severity;
        fact.rule = rule.to_owned();
        fact.due = due;
        fact.alerts = 3;
        fact.state = "new".to_owned();
        fact
    };
    let mut violation = of(Happening::Violation, Severity::Critical, "harassment");
    violation.violation = Some(Violation {
        limit: Some(20.0),
        observed: 57.0,
        window: Some("1 h".to_owned()),
        baseline: Some(4.0),
        calls: 57,
        until: Some(now.plus_micros(3_600_000_000)),
        top: vec![("+13035550101".to_owned(), 57)],
    });
    let mut proven = of(Happening::Proven, Severity::Warning, "");
    proven.text = "Calls from +13035550101 are blocked; a test call was refused with 603.".to_owned();
    let mut trouble = Fact::of_service(Happening::Trouble, now, "sample");
    trouble.severity = Severity::Critical;
    trouble.text = "the database of cases did not answer for 30 s".to_owned();
    vec![
        (["A critical violation, for the desk", "A critical violation, for the customer"], violation),
        (["", "Authorisers are reminded"], of(Happening::AuthorisationReminded, Severity::Warning, "")),
        (["", "A change is in force"], proven),
        (["Something is wrong with the service", ""], trouble),
    ]
}

/// The number of no case.
const SAMPLE_SERIAL: u64 = 104_233;
