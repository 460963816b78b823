//! Customers, mails, and how they came.

use std::collections::BTreeSet;

use rules::plan::{Bare, DialPlan};
use rules::{Number, NumberSet, Timestamp};

use ringwall_cases::intake::{
    self, Contact, Directory, Envelope, Intake, Language, Protected, ReturnPath, Role, Tenant,
};

/// The name by which our own server signs.
pub(crate) const AUTHSERV_ID: &str = "mx.desk.example.com";

pub(crate) fn number(text: &str) -> Number {
    match text.strip_prefix('+') {
        Some(digits) => Number::international(digits.as_bytes()).unwrap(),
        None => Number::local(text.as_bytes()).unwrap(),
    }
}

fn contact(id: &str, address: &str, roles: &[Role]) -> Contact {
    Contact {
        id: id.to_owned(),
        addresses: vec![address.to_owned()],
        roles: roles.iter().copied().collect::<BTreeSet<_>>(),
        valid_from: None,
        valid_until: None,
    }
}

/// A customer in Texas, with people of all kinds.
pub(crate) fn tenant() -> Tenant {
    let plan = |region| DialPlan::new(region, Bare::National, None, &[], &[]).unwrap();
    Tenant {
        id: "acme".to_owned(),
        domains: vec!["acme.example.com".to_owned()],
        plans: vec![plan("US"), plan("GB")],
        zone: "America/Chicago".to_owned(),
        languages: vec![Language::English, Language::Spanish],
        own_numbers: NumberSet::prefix(number("+1210555019")),
        main_numbers: NumberSet::exact(number("+12105550190")),
        protected: vec![Protected {
            numbers: NumberSet::exact(number("+12105550180")),
            reason: "county hospital".to_owned(),
        }],
        forwarders: vec!["lists.example.org".to_owned()],
        report_domains: vec!["auditor.example.org".to_owned()],
        records_days: None,
        contacts: vec![
            contact("jane", "jane@acme.example.com", &[Role::Requester, Role::ReportRecipient]),
            contact("rita", "rita@acme.example.com", &[Role::ReportRecipient]),
            Contact {
                valid_until: Some(Timestamp::from_seconds(1_791_000_000)),
                ..contact("gone", "gone@acme.example.com", &[Role::Requester])
            },
        ],
    }
}

/// Two customers; the second has only English and US numbers.
pub(crate) fn directory() -> Directory {
    let other = Tenant {
        id: "other".to_owned(),
        domains: vec!["other.example.net".to_owned()],
        plans: vec![DialPlan::default()],
        languages: vec![Language::English],
        own_numbers: NumberSet::EMPTY,
        main_numbers: NumberSet::exact(number("+12125550170")),
        protected: Vec::new(),
        forwarders: Vec::new(),
        report_domains: Vec::new(),
        contacts: vec![contact("olaf", "olaf@other.example.net", &[Role::Requester])],
        ..tenant()
    };
    Directory {
        authserv_id: Some(AUTHSERV_ID.to_owned()),
        hops_behind: 0,
        own_addresses: vec!["case@desk.example.com".to_owned()],
        desk_numbers: NumberSet::exact(number("+12105550100")),
        tenants: vec![tenant(), other],
    }
}

/// A mail that came on Monday, 5 October 2026, at 16:30 in Texas.
pub(crate) fn envelope() -> Envelope {
    Envelope {
        return_path: ReturnPath::Address("jane@acme.example.com".to_owned()),
        recipients: vec!["case@desk.example.com".to_owned()],
        received_at: Timestamp::from_seconds(1_791_235_800),
        checks: None,
    }
}

/// What our own server writes on top of a mail from `domain` that met every check.
pub(crate) fn passed(domain: &str) -> String {
    format!(
        "Authentication-Results: {AUTHSERV_ID};\r\n\tspf=pass smtp.mailfrom=x@{domain};\r\n\tdkim=pass header.d={domain};\r\n\
         \tdmarc=pass header.from={domain}\r\n"
    )
}

/// Reads a mail as it stands in a file, with the ends of lines that mail has.
pub(crate) fn read_file(text: &str) -> Intake {
    let mail = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let return_path =
        mail.lines().find_map(|it| it.strip_prefix("Return-Path: <")?.strip_suffix('>').map(str::to_owned));
    let return_path = return_path.filter(|it| !it.is_empty()).map_or(ReturnPath::Nobody, ReturnPath::Address);
    intake::read(mail.as_bytes(), &Envelope { return_path, ..envelope() }, &directory())
}

/// Reads a mail of Jane's that met every check.
pub(crate) fn read(headers: &str, body: &str) -> Intake {
    let mail = format!(
        "{}From: Jane Doe <jane@acme.example.com>\r\nTo: case@desk.example.com\r\n{headers}\r\n{body}",
        passed("acme.example.com")
    );
    intake::read(mail.as_bytes(), &envelope(), &directory())
}
