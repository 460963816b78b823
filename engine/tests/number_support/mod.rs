//! What the number tests share: a plain splitter of URIs, and dial plans.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, used by some of them"
)]

use ringwall_engine::number::{Reading, Role, read};
use ringwall_engine::sip::{Scheme, Uri};
use rules::plan::{Bare, DialPlan};
use rules::{Flags, Party};

/// Splits `text` as RFC 3261 §19.1 does, with nothing of the reader's tolerance.
pub(crate) fn uri(text: &[u8]) -> Uri<'_> {
    let scheme_end = text.iter().position(|byte| *byte == b':').unwrap_or(0);
    let scheme = match text[..scheme_end].to_ascii_lowercase().as_slice() {
        b"sip" => Scheme::Sip,
        b"sips" => Scheme::Sips,
        b"tel" => Scheme::Tel,
        b"urn" => Scheme::Urn,
        b"" => Scheme::Missing,
        _ => Scheme::Other,
    };
    let rest = if scheme == Scheme::Missing { text } else { &text[scheme_end + 1..] };
    let mut uri = Uri {
        text,
        scheme,
        user: None,
        password: b"",
        host: b"",
        port: None,
        params: b"",
        headers: b"",
        flags: Flags::NONE,
    };
    let cut = |text: &'_ [u8], byte: u8| text.iter().position(|b| *b == byte);
    if matches!(scheme, Scheme::Tel | Scheme::Urn) {
        uri.user = Some(&rest[..cut(rest, b'?').unwrap_or(rest.len())]);
        return uri;
    }
    let mut host = rest;
    if let Some(at) = cut(rest, b'@') {
        let user = &rest[..at];
        host = &rest[at + 1..];
        match cut(user, b':') {
            Some(colon) => {
                uri.user = Some(&user[..colon]);
                uri.password = &user[colon + 1..];
            }
            None => uri.user = Some(user),
        }
    }
    if let Some(question) = cut(host, b'?') {
        uri.headers = &host[question + 1..];
        host = &host[..question];
    }
    if let Some(semicolon) = cut(host, b';') {
        uri.params = &host[semicolon + 1..];
        host = &host[..semicolon];
    }
    uri.host = &host[..cut(host, b':').unwrap_or(host.len())];
    uri
}

/// The customer of the corpus: the United States, area 202.
pub(crate) fn us() -> DialPlan {
    plan("US", Some("202"), &[])
}

pub(crate) fn plan(region: &str, area: Option<&str>, access_codes: &[&str]) -> DialPlan {
    let access_codes: Vec<String> = access_codes.iter().map(|code| (*code).to_string()).collect();
    DialPlan::new(region, Bare::National, area, &access_codes, &[]).unwrap()
}

pub(crate) fn called<'a>(text: &'a [u8], plan: &DialPlan) -> Reading<'a> {
    read(&uri(text), plan, Role::Called)
}

/// A party as the corpus writes it.
pub(crate) fn word(party: Party, raw: &[u8]) -> String {
    match party {
        Party::Number(number) => number.to_string(),
        Party::EmergencyService => "emergency".into(),
        Party::Anonymous => "anonymous".into(),
        Party::Invalid => "invalid".into(),
        Party::Absent => "none".into(),
        Party::Name => String::from_utf8_lossy(raw).into_owned(),
    }
}
