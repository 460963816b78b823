//! The evasion corpus, as far as the reader decides: identities are found whatever they are dressed as, and what
//! was odd is flagged.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic as tests do")]
#![allow(clippy::print_stderr, reason = "says what is left out when the shared data are not there")]

use std::path::Path;

use ringwall_engine::sip::passport::Room;
use ringwall_engine::sip::{Framer, Header, Message, Passport};
use rules::{Flag, Flags};

/// One row of the corpus.
struct Row {
    id: String,
    raw: Vec<u8>,
    expected: String,
}

fn rows() -> Vec<Row> {
    let root = std::env::var("RINGWALL_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").to_owned());
    let path = Path::new(&root).join("data/evasion.tsv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
        eprintln!("left out: the evasion corpus is not here");
        return Vec::new();
    };
    text.lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            Row { id: columns[0].to_owned(), raw: unescape(columns[1]), expected: columns[2].to_owned() }
        })
        .collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [b'r', tail @ ..]) => (bytes.push(b'\r'), rest = tail).1,
            (b'\\', [b'n', tail @ ..]) => (bytes.push(b'\n'), rest = tail).1,
            (b'\\', [b't', tail @ ..]) => (bytes.push(b'\t'), rest = tail).1,
            (b'\\', [b'\\', tail @ ..]) => (bytes.push(b'\\'), rest = tail).1,
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let hex = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
                rest = tail;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    bytes
}

/// The messages of a row: a whole message as it is, header lines behind a start line and before what is missing.
/// Streams come through the framer.
fn messages(row: &Row) -> Vec<(Vec<u8>, Flags, bool)> {
    let (carriage, raw) = match row.raw.strip_prefix(b"{") {
        Some(rest) => {
            let end = rest.iter().position(|&byte| byte == b'}').unwrap();
            (String::from_utf8(rest[..end].to_vec()).unwrap(), rest[end + 1..].to_vec())
        }
        None => (String::new(), row.raw.clone()),
    };
    if let Some(step) = carriage.strip_prefix("tcp") {
        let step = step.strip_prefix("-seg:").map_or(usize::MAX, |step| step.parse().unwrap());
        let mut frames = Vec::new();
        let mut framer = Framer::new();
        for piece in raw.chunks(step.min(raw.len())) {
            framer.push(piece, |frame| frames.push((frame.bytes.to_vec(), frame.flags, frame.close)));
        }
        return frames;
    }
    let separator = b"{next-udp}";
    let mut datagrams = vec![Vec::new()];
    let mut at = 0;
    while at < raw.len() {
        if raw[at..].starts_with(separator) {
            datagrams.push(Vec::new());
            at += separator.len();
        } else {
            datagrams.last_mut().unwrap().push(raw[at]);
            at += 1;
        }
    }
    datagrams.into_iter().map(|datagram| (complete(datagram), Flags::NONE, false)).collect()
}

fn complete(raw: Vec<u8>) -> Vec<u8> {
    if Message::read(&raw).is_request() && raw.windows(4).any(|four| four == b"\r\n\r\n")
        || raw.windows(2).any(|two| two == b"\n\n")
        || raw.starts_with(b"SIP/")
    {
        return raw;
    }
    let start = b"INVITE sip:+12025550100@ringwall.example SIP/2.0\r\n";
    let mut whole = [&start[..], &raw].concat();
    for (name, line) in [
        ("Via", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx1\r\n"),
        ("To", "To: <sip:+12025550100@ringwall.example>\r\n"),
        ("Call-ID", "Call-ID: c1\r\n"),
        ("CSeq", "CSeq: 1 INVITE\r\n"),
    ] {
        if Message::read(&whole).header_values(name).next().is_none() {
            whole.extend_from_slice(line.as_bytes());
        }
    }
    whole.extend_from_slice(b"\r\n");
    whole
}

/// The value of `key` in an expectation such as `caller=+1;flags=a|b`.
fn expected<'a>(part: &'a str, key: &str) -> Option<&'a str> {
    part.split(';').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

/// The flags that the reader raises, of messages and of their PASSporTs.
fn raised(message: &Message<'_>) -> Flags {
    let mut flags = message.defects();
    let mut room = Room::default();
    for identity in message.identities() {
        flags = flags.union(Passport::read(identity, &mut room).flags);
    }
    flags
}

/// Digits of the user part: enough to tell which of the corpus's addresses was found.
fn digits(user: Option<&[u8]>) -> String {
    let user = user.unwrap_or_default();
    let number = user.split(|&byte| byte == b';').next().unwrap();
    number.iter().filter(|byte| byte.is_ascii_digit()).map(|&byte| char::from(byte)).collect()
}

#[test]
fn every_flag_of_the_reader_is_raised_where_the_corpus_wants_it() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for row in rows() {
        let found = messages(&row);
        for (part, (bytes, framing, _)) in row.expected.split(";next;").zip(&found) {
            let message = Message::read(bytes);
            let flags = raised(&message).union(*framing);
            for name in expected(part, "flags").into_iter().flat_map(|names| names.split('|')) {
                let flag = Flag::from_name(name).unwrap();
                // From DoubleEscape on, numbers and the engine decide; NumberInHost is theirs as well.
                // A second plus and a context on a global number break the grammar of numbers, not of URIs.
                let numbers = matches!(row.id.as_str(), "uri-018" | "uri-025");
                let ours = (flag < Flag::DoubleEscape && !numbers) || flag == Flag::X5uRefused;
                if ours {
                    checked += 1;
                    if !flags.contains(flag) {
                        wrong.push(format!("{}: no {name} in {flags:?}", row.id));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked == 0 || checked > 30, "{checked} flags were checked");
}

#[test]
fn every_identity_is_found_in_its_header() {
    let mut wrong = Vec::new();
    for row in rows() {
        let group = row.id.split('-').next().unwrap();
        if !matches!(group, "hdr" | "id" | "frm" | "st" | "inj") {
            continue;
        }
        let found = messages(&row);
        for (part, (bytes, ..)) in row.expected.split(";next;").zip(&found) {
            let message = Message::read(bytes);
            let callers: Vec<_> = [Header::From, Header::AssertedIdentity, Header::RemotePartyId]
                .into_iter()
                .flat_map(|header| message.addresses(header))
                .filter(|address| {
                    !address.param(b"party").is_some_and(|party| party.eq_ignore_ascii_case(b"called"))
                })
                .map(|address| digits(address.uri.user))
                .filter(|digits| digits.len() > 6)
                .collect();
            let others = [
                ("diverting", &[Header::Diversion, Header::HistoryInfo][..]),
                ("referrer", &[Header::ReferredBy]),
                ("contact", &[Header::Contact]),
                ("charge", &[Header::ChargeInfo]),
                ("reply-to", &[Header::ReplyTo]),
            ];
            if let Some(wanted) = expected(part, "caller") {
                let mut wanted: Vec<_> = wanted
                    .split('|')
                    .filter(|party| party.starts_with('+'))
                    .map(|party| &party[1..])
                    .collect();
                let mut read: Vec<_> = callers.iter().map(String::as_str).collect();
                wanted.sort_unstable();
                read.sort_unstable();
                read.dedup();
                if wanted != read {
                    wrong.push(format!("{}: callers {read:?}, expected {wanted:?}", row.id));
                }
            }
            for (key, headers) in others {
                let Some(wanted) = expected(part, key) else { continue };
                let read: Vec<_> = headers
                    .iter()
                    .flat_map(|&header| message.addresses(header))
                    .map(|address| digits(address.uri.user))
                    .collect();
                if !read.iter().any(|digits| digits == wanted.trim_start_matches('+')) {
                    wrong.push(format!("{}: {key} {read:?}, expected {wanted}", row.id));
                }
            }
        }
        if group == "frm" {
            let parts = row.expected.split(";next;").count();
            if parts != found.len() {
                wrong.push(format!("{}: {} messages, expected {parts}", row.id, found.len()));
            }
            let closes = found.iter().any(|(.., close)| *close);
            if closes != row.expected.ends_with("close") {
                wrong.push(format!("{}: close is {closes}", row.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_target_is_found() {
    let mut wrong = Vec::new();
    for row in rows().into_iter().filter(|row| row.id.starts_with("ruri")) {
        let (bytes, ..) = messages(&row).remove(0);
        let message = Message::read(&bytes);
        let uri = message.request_uri();
        for (key, read) in [
            ("to", message.addresses(Header::To).map(|address| digits(address.uri.user)).collect::<Vec<_>>()),
            (
                "refer-to",
                message.addresses(Header::ReferTo).map(|address| digits(address.uri.user)).collect(),
            ),
            (
                "redirect-to",
                message.addresses(Header::Contact).map(|address| digits(address.uri.user)).collect(),
            ),
        ] {
            for wanted in expected(&row.expected, key).into_iter().flat_map(|set| set.split('|')) {
                let wanted = wanted.trim_start_matches('+');
                if !read.iter().any(|digits| !digits.is_empty() && wanted.ends_with(digits.as_str())) {
                    wrong.push(format!("{}: {key} {read:?}, expected {wanted}", row.id));
                }
            }
        }
        // Prefixes and service codes are the numbers' business: the digits of the target are in the user part.
        if let Some(wanted) = expected(&row.expected, "called") {
            let user = String::from_utf8_lossy(uri.user.unwrap_or_default()).replace("%30", "0");
            let digits: String = user.chars().filter(char::is_ascii_digit).collect();
            let tail = &wanted.split('|').next().unwrap()[2..];
            if !digits.contains(tail) {
                wrong.push(format!("{}: called {user}, expected {wanted}", row.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_header_behind_more_known_headers_than_the_index_holds_is_found() {
    let mut text = b"INVITE sip:+12025550100@ringwall.example SIP/2.0\r\n".to_vec();
    for hop in 0..200 {
        text.extend_from_slice(format!("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{hop}\r\n").as_bytes());
    }
    text.extend_from_slice(
        b"From: <sip:+12025550143@h.example>;tag=a1\r\nf: <sip:+18005550111@x>;tag=a2\r\n\r\n",
    );
    let message = Message::read(&text);
    assert!(message.flags().contains(Flag::HeadersCut));
    let users: Vec<_> = message.froms().map(|from| from.uri.user.unwrap()).collect();
    assert_eq!(users, [&b"+12025550143"[..], b"+18005550111"]);
    assert_eq!(message.via_count(), 200);
    assert!(message.defects().contains(Flag::DupSingleHeader));
}

#[test]
fn a_rule_sees_folded_values_without_their_folds() {
    use rules::Headers;
    let text = b"INVITE sip:h SIP/2.0\r\nUser-Agent: friendly\r\n scanner\r\nX-Odd\t: a\r\n\r\n";
    let message = Message::read(text);
    assert!(message.any_value("user-agent", &mut |value| value == b"friendly scanner"));
    assert!(message.any_value("x-odd", &mut |value| value == b"a"));
    assert!(!message.any_value("x-od", &mut |_| true));
}
