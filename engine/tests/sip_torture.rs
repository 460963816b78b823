//! The torture tests of RFC 4475 and RFC 5118, and the seeds that once broke other parsers: each message gets
//! the outcome its section asks for, and nothing made from them brings the reader down.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic as tests do")]
#![allow(clippy::print_stderr, reason = "says what is left out when the shared data are not there")]

use std::fs;
use std::path::{Path, PathBuf};

use ringwall_engine::sip::passport::Room;
use ringwall_engine::sip::{Disposition, Framer, Header, Message, Passport, looks_like_sip};
use rules::{CallType, Flag, Flags};

/// The shared test data, or `None` with a line that says what is left out.
fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var("RINGWALL_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").to_owned());
    let path = Path::new(&root).join(part);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    eprintln!("left out: {part} is not here");
    None
}

/// Every file below `directory` with its name.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            found.push((name, fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The outcome in one word: `accept`, `discard`, or the status.
fn outcome(bytes: &[u8]) -> (String, Flags) {
    let message = Message::read(bytes);
    let defects = message.defects();
    let word = match message.disposition(defects) {
        Disposition::Accept => "accept".to_owned(),
        Disposition::Reject { status, .. } => status.to_string(),
        Disposition::Discard { .. } => "discard".to_owned(),
    };
    (word, defects)
}

#[test]
fn every_message_of_rfc_4475_gets_the_outcome_of_its_section() {
    let Some(directory) = shared("captures/torture/rfc4475") else { return };
    let expected: &[(&str, &str, &[Flag])] = &[
        ("badaspec", "400", &[Flag::Malformed]),
        ("badbranch", "accept", &[]),
        ("baddate", "accept", &[]),
        ("baddn", "400", &[Flag::Malformed]),
        ("badinv01", "400", &[Flag::Malformed]),
        ("badvers", "505", &[Flag::BadVersion]),
        ("bcast", "discard", &[]),
        ("bext01", "420", &[]),
        ("bigcode", "discard", &[Flag::BadStatus]),
        ("clerr", "400", &[Flag::Truncated]),
        ("cparam01", "accept", &[]),
        ("cparam02", "accept", &[]),
        ("dblreq", "accept", &[Flag::TrailingBytes]),
        ("esc01", "accept", &[]),
        ("esc02", "accept", &[Flag::UnknownMethod]),
        ("escnull", "accept", &[]),
        ("escruri", "400", &[Flag::UriHeaders]),
        ("insuf", "400", &[Flag::MissingHeader]),
        ("intmeth", "accept", &[Flag::UnknownMethod, Flag::Nul]),
        ("inv2543", "accept", &[Flag::NoTag]),
        ("invut", "accept", &[]),
        ("longreq", "accept", &[]),
        ("ltgtruri", "400", &[Flag::Malformed]),
        ("lwsdisp", "accept", &[]),
        ("lwsruri", "400", &[Flag::Malformed]),
        ("lwsstart", "400", &[Flag::Malformed]),
        ("mcl01", "400", &[Flag::DupContentLength]),
        ("mismatch01", "400", &[Flag::CseqMismatch]),
        ("mismatch02", "501", &[Flag::CseqMismatch, Flag::UnknownMethod]),
        ("mpart01", "accept", &[]),
        ("multi01", "400", &[Flag::DupSingleHeader]),
        ("ncl", "400", &[Flag::BadContentLength]),
        ("noreason", "accept", &[]),
        ("novelsc", "416", &[Flag::Scheme]),
        ("quotbal", "400", &[Flag::Malformed]),
        ("regaut01", "accept", &[]),
        ("regbadct", "400", &[]),
        ("regescrt", "accept", &[]),
        ("scalar02", "400", &[Flag::BadCseq, Flag::BadNumberField]),
        ("scalarlg", "discard", &[Flag::BadCseq, Flag::BadNumberField]),
        ("sdp01", "accept", &[]),
        ("semiuri", "accept", &[]),
        ("sipgo-test", "400", &[Flag::BadStartLine]),
        ("transports", "accept", &[]),
        ("trws", "400", &[Flag::Malformed]),
        ("unkscm", "416", &[Flag::Scheme]),
        ("unksm2", "400", &[Flag::Scheme]),
        ("unreason", "accept", &[]),
        ("wsinv", "accept", &[]),
        ("zeromf", "accept", &[]),
    ];
    let files = files(&directory);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected_names: Vec<_> = expected.iter().map(|&(name, ..)| name).collect();
    assert_eq!(names, expected_names, "each message has its line above");
    let mut wrong = Vec::new();
    for ((name, bytes), (_, word, flags)) in files.iter().zip(expected) {
        let (read, raised) = outcome(bytes);
        let has_all = flags.iter().all(|&flag| raised.contains(flag));
        let clean = *word != "accept" || flags.contains(&Flag::TrailingBytes) || {
            let quiet = [Flag::UnknownMethod, Flag::NoTag, Flag::Nul];
            raised.iter().all(|flag| quiet.contains(&flag))
        };
        if read != *word || !has_all || !clean {
            wrong.push(format!("{name}: {read} {raised:?}, expected {word} {flags:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_oddest_lawful_messages_are_read_to_the_letter() {
    let Some(directory) = shared("captures/torture/rfc4475/3.1.1-valid") else { return };
    let files = files(&directory);
    let read = |wanted: &str| Message::read(&files.iter().find(|(name, _)| name == wanted).unwrap().1);
    let wsinv = read("wsinv");
    assert_eq!(wsinv.cseq(), Some((9, &b"INVITE"[..])));
    assert_eq!(wsinv.to().unwrap().tag(), Some(&b"1918181833n"[..]));
    assert_eq!(wsinv.from().unwrap().uri.text, b"sip:jdrosen@example.com");
    assert_eq!(wsinv.from().unwrap().display, br#"J Rosenberg \\\""#);
    assert_eq!(wsinv.from().unwrap().tag(), Some(&b"98asjd8"[..]));
    assert_eq!(wsinv.max_forwards(), Some(68));
    let hosts: Vec<_> = wsinv.vias().map(|via| via.host).collect();
    assert_eq!(hosts, [&b"192.0.2.2"[..], b"spindle.example.com", b"192.168.255.111"]);
    assert_eq!(wsinv.top_via().unwrap().branch(), Some(&b"390skdjuw"[..]));
    assert_eq!(wsinv.call_type(), CallType::Video);
    assert_eq!(wsinv.header_values("newfangledheader").count(), 1);
    assert_eq!(read("intmeth").from().unwrap().display, b"token1~` token2'+_ token3*%!.-");
    assert_eq!(read("semiuri").request_uri().user, Some(&b"user;par=u%40example.net"[..]));
    assert_eq!(read("transports").via_count(), 5);
    assert_eq!(read("longreq").via_count(), 34);
    assert_eq!(read("dblreq").body(), b"");
    assert_eq!(read("mpart01").body().len(), 553);
    assert_eq!(read("esc02").addresses(Header::Contact).count(), 2, "C%6Fntact is no Contact");
}

#[test]
fn every_message_of_rfc_5118_gets_the_outcome_of_its_section() {
    let Some(directory) = shared("captures/torture/rfc5118") else { return };
    let files = files(&directory);
    assert_eq!(files.len(), 12);
    for (name, bytes) in &files {
        let (read, raised) = outcome(bytes);
        let expected = if name == "ipv6-bad" { "400" } else { "accept" };
        assert_eq!(read, expected, "{name}: {raised:?}");
        let message = Message::read(bytes);
        match name.as_str() {
            "port-unambiguous" => assert_eq!(message.request_uri().port, Some(5070)),
            "port-ambiguous" => assert_eq!(message.request_uri().host, b"[2001:db8::10:5070]"),
            "via-received-param-with-delim" => {
                assert_eq!(message.top_via().unwrap().received(), Some(&b"[2001:db8::9:255]"[..]));
            }
            "mult-ip-in-header" => assert_eq!(message.via_count(), 3),
            _ => {}
        }
    }
}

/// Asks everything that can be asked of `bytes`.
fn ask_everything(bytes: &[u8], room: &mut Room) {
    let message = Message::read(bytes);
    let defects = message.defects();
    message.disposition(defects);
    message.call_type();
    message.method();
    message.session_id();
    message.has_privacy("id");
    message.resource_priority().count();
    message.top_via().map(|via| (via.branch(), via.received(), via.rport()));
    for &header in Header::ALL {
        for address in message.addresses(header) {
            address.tag();
            address.uri.params().count();
        }
        for value in message.values(header) {
            Passport::read(value, room);
        }
    }
    message.header_values("x-unknown").count();
    looks_like_sip(bytes);
}

#[test]
fn no_mutation_or_truncation_brings_the_reader_down() {
    let Some(directory) = shared("captures/torture") else { return };
    let mut room = Room::default();
    for (_, bytes) in files(&directory) {
        ask_everything(&bytes, &mut room);
        let text = String::from_utf8_lossy(&bytes);
        if let Some(quoted) = text.strip_prefix("go test fuzz v1\nstring(\"") {
            // Go's fuzz text format.
            let plain = quoted.trim_end().trim_end_matches("\")").replace("\\r", "\r").replace("\\n", "\n");
            ask_everything(plain.replace("\\\"", "\"").as_bytes(), &mut room);
        }
        for end in 0..bytes.len() {
            Message::read(&bytes[..end]).defects();
        }
        let mut mutated = bytes.clone();
        for at in 0..mutated.len() {
            for replacement in
                [0, b'\n', b'\r', b' ', b'"', b'<', b'>', b';', b',', b':', b'@', b'\\', b'%', 0xff]
            {
                mutated[at] = replacement;
                let message = Message::read(&mutated);
                let defects = message.defects();
                message.disposition(defects);
            }
            mutated[at] = bytes[at];
        }
    }
}

#[test]
fn every_single_byte_change_of_some_messages_is_survived() {
    let Some(directory) = shared("captures/torture/rfc4475/3.1.1-valid") else { return };
    let mut room = Room::default();
    for (name, bytes) in files(&directory) {
        if !matches!(name.as_str(), "wsinv" | "esc01" | "semiuri" | "lwsdisp") {
            continue;
        }
        let mut mutated = bytes.clone();
        for at in 0..mutated.len() {
            for step in 1..=255 {
                mutated[at] = bytes[at].wrapping_add(step);
                ask_everything(&mutated, &mut room);
            }
            mutated[at] = bytes[at];
        }
    }
}

#[test]
fn time_grows_with_length_and_not_with_its_square() {
    // What might tempt a parser to look at the same bytes again and again, each repeated to fill the message.
    let units: [&str; 12] =
        [",", "\"", "<", "\\\"", "\",", "a,", ";", "<a>,", "%", "\r\n ", "x:\r\n", "\r\nFrom: <sip:a@h>, "];
    for unit in units {
        let make = |length: usize| {
            let filler = unit.repeat(length / unit.len());
            format!("INVITE sip:h SIP/2.0\r\nFrom: {filler}\r\nVia: {filler}\r\n\r\n").into_bytes()
        };
        let spent = |bytes: &[u8]| {
            let mut room = Room::default();
            (0..5)
                .map(|_| {
                    #[allow(clippy::disallowed_methods, reason = "a test of time takes the time")]
                    let start = std::time::Instant::now();
                    ask_everything(bytes, &mut room);
                    start.elapsed()
                })
                .min()
                .unwrap()
        };
        let (short, long) = (make(1 << 10), make(64 << 10));
        let ratio = spent(&long).as_nanos() / spent(&short).as_nanos().max(1000);
        // 64 times the bytes; quadratic work would be four thousand times as much.
        assert!(ratio < 1_000, "{unit:?}: {ratio} times the time");
    }
}

#[test]
fn a_framer_agrees_with_the_reader_on_every_torture_message() {
    let Some(directory) = shared("captures/torture/rfc4475/3.1.1-valid") else { return };
    for (name, bytes) in files(&directory) {
        let mut frames = Vec::new();
        let mut framer = Framer::new();
        framer.push(&bytes, |frame| frames.push(frame.bytes.to_vec()));
        if matches!(name.as_str(), "dblreq") {
            assert_eq!(frames.len(), 2, "two requests behind each other");
        } else {
            assert_eq!(frames.len(), 1, "{name}");
        }
    }
}
