//! Streams: however bytes are cut, the same messages come out, and a length that lies ends the stream.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic as tests do")]

use ringwall_engine::limits::{HEADER_BYTES_MAX, MESSAGE_BYTES_MAX};
use ringwall_engine::sip::{Framer, Message};
use rules::{Flag, Flags};

/// What came out of a stream.
#[derive(Debug, Default, PartialEq, Clone)]
struct Outcome {
    frames: Vec<(Vec<u8>, Flags, bool)>,
    closed: bool,
}

/// Feeds `bytes` in pieces of the lengths that `next_length` gives.
fn frame(bytes: &[u8], mut next_length: impl FnMut() -> usize) -> Outcome {
    let mut framer = Framer::new();
    let mut outcome = Outcome::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(next_length().clamp(1, rest.len()));
        framer.push(piece, |frame| outcome.frames.push((frame.bytes.to_vec(), frame.flags, frame.close)));
        assert!(framer.pending_bytes() <= MESSAGE_BYTES_MAX + HEADER_BYTES_MAX);
        rest = behind;
    }
    framer.finish(|frame| outcome.frames.push((frame.bytes.to_vec(), frame.flags, frame.close)));
    outcome.closed = framer.is_closed();
    outcome
}

fn whole(bytes: &[u8]) -> Outcome {
    frame(bytes, || usize::MAX)
}

fn message(call_id: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "INVITE sip:+12025550100@gw.example SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK{call_id}\r\n\
         From: <sip:+12025550143@h.example>;tag=a1\r\nTo: <sip:+12025550100@ringwall.example>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\n{more}\r\n{body}"
    )
    .into_bytes()
}

fn call_ids(outcome: &Outcome) -> Vec<String> {
    let call_id = |bytes: &[u8]| String::from_utf8_lossy(Message::read(bytes).call_id()).into_owned();
    outcome.frames.iter().map(|(bytes, ..)| call_id(bytes)).collect()
}

/// A generator of numbers that repeats (xorshift), so that a failing cut can be cut again.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn every_segmentation_gives_the_same_messages() {
    let streams = [
        [
            b"\r\n\r\n".to_vec(),
            message("m1", "Content-Length: 4\r\n", "v=0\n"),
            b"\r\n".to_vec(),
            message("m2", "l : 000\r\n", ""),
            message("m3", "", ""),
        ]
        .concat(),
        [message("m1", "Content-Length: 0\r\nl: 272\r\n", ""), message("m2", "l: 0\r\n", "")].concat(),
        [
            message("m1", "Content-Length: 0\r\n", ""),
            b"garbage\r\nmore \x00 of it".to_vec(),
            b"\n".to_vec(),
            message("m2", "l: 0\r\n", ""),
        ]
        .concat(),
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n\n".to_vec(),
        message("m1", "Content-Length: 100\r\n", "too short"),
        message("m1", "X-A: b\n l: 7\n\n", "").iter().copied().chain(message("m2", "l: 0\r\n", "")).collect(),
    ];
    for stream in streams {
        let expected = whole(&stream);
        assert_eq!(frame(&stream, || 1), expected, "byte by byte");
        for seed in 1..=1_000 {
            let mut random = random(seed * 7919);
            let cut = frame(&stream, || 1 + (random() % 97) as usize);
            assert_eq!(cut, expected, "seed {seed} of {}", stream.escape_ascii());
        }
    }
}

#[test]
fn two_messages_and_keep_alives_in_one_segment() {
    let stream = [
        b"\r\n\r\n\r\n".to_vec(),
        message("m1", "Content-Length: 0\r\n", ""),
        message("m2", "Content-Length : 000\r\n", ""),
    ];
    let outcome = whole(&stream.concat());
    assert_eq!(call_ids(&outcome), ["m1", "m2"]);
    assert!(outcome.frames.iter().all(|(_, flags, close)| flags.is_empty() && !close));
}

#[test]
fn a_length_that_cannot_be_believed_ends_the_stream() {
    let lies = [
        ("Content-Length: 4294967328\r\n", Flag::BadContentLength),
        ("Content-Length: +0\r\n", Flag::BadContentLength),
        ("Content-Length: -1\r\n", Flag::BadContentLength),
        ("Content-Length: 0x0\r\n", Flag::BadContentLength),
        ("Content-Length: 1 0\r\n", Flag::BadContentLength),
        ("Content-Length:\r\n", Flag::BadContentLength),
        ("Content-Length: 99999999999999999999999999\r\n", Flag::BadContentLength),
        ("Content-Length: 0\r\nl: 272\r\n", Flag::DupContentLength),
        ("l: 4\r\nContent-Length: 04\r\nl: 5\r\n", Flag::DupContentLength),
    ];
    for (line, flag) in lies {
        let outcome = whole(&[message("m1", line, ""), message("m2", "l: 0\r\n", "")].concat());
        assert_eq!(call_ids(&outcome), ["m1"], "{line}");
        let (_, flags, close) = outcome.frames.first().unwrap();
        assert!(flags.contains(flag) && *close && outcome.closed, "{line}: {flags:?}");
    }
}

#[test]
fn a_length_may_swallow_the_next_message_as_body() {
    let inner = message("m2", "Content-Length: 0\r\n", "");
    let outer = message("m1", &format!("Content-Length: {}\r\n", inner.len()), "");
    let outcome = whole(&[outer, inner].concat());
    assert_eq!(call_ids(&outcome), ["m1"]);
}

#[test]
fn a_message_without_length_has_no_body() {
    let outcome = whole(&[message("m1", "", ""), message("m2", "l: 0\r\n", "")].concat());
    assert_eq!(call_ids(&outcome), ["m1", "m2"]);
    assert_eq!(outcome.frames.first().unwrap().1, Flags::of(Flag::NoContentLength));
}

#[test]
fn what_is_not_sip_is_given_up_at_its_first_bytes() {
    for bytes in [&b"\x16\x03\x01"[..], b"GET / HTTP/1.1\r\n", b"\x00\x01", b"220 mail.example ESMTP\r\n"] {
        let mut framer = Framer::new();
        framer.push(bytes, |_| panic!("no message is in here"));
        assert!(framer.is_closed(), "{}", bytes.escape_ascii());
    }
    let mut framer = Framer::new();
    framer.push(&vec![b'A'; 9 << 10], |_| panic!("no message is in here"));
    assert!(framer.is_closed(), "a start line without end");
}

#[test]
fn reading_goes_on_at_the_next_message_after_a_gap() {
    let mut framer = Framer::new();
    let mut seen = Vec::new();
    let mut note = |frame: ringwall_engine::sip::Frame<'_>| {
        let call_id = String::from_utf8_lossy(Message::read(frame.bytes).call_id()).into_owned();
        seen.push((call_id, frame.flags.contains(Flag::Truncated)));
    };
    framer.push(&message("m1", "Content-Length: 900\r\n", "the rest is lost"), &mut note);
    framer.lose(&mut note);
    framer.push(b"tail of a body\r\na=x\r\n", &mut note);
    framer.push(&message("m2", "l: 0\r\n", ""), &mut note);
    assert_eq!(seen, [("m1".to_owned(), true), ("m2".to_owned(), false)]);

    let mut framer = Framer::joined();
    let mut count = 0;
    framer.push(b"from the middle of something\r\n\r\n", |_| count += 1);
    framer.push(&message("m3", "l: 0\r\n", ""), |_| count += 1);
    assert_eq!(count, 1);
}

#[test]
fn a_header_without_end_is_cut_off() {
    let mut bytes = b"INVITE sip:h SIP/2.0\r\nX: ".to_vec();
    bytes.resize(HEADER_BYTES_MAX + 5_000, b'x');
    let outcome = whole(&bytes);
    let (frame, flags, close) = outcome.frames.first().unwrap();
    assert_eq!(frame.len(), HEADER_BYTES_MAX);
    assert!(flags.contains(Flag::Oversized) && *close);
    assert_eq!(frame_in_steps(&bytes, 700), outcome);
}

fn frame_in_steps(bytes: &[u8], step: usize) -> Outcome {
    frame(bytes, || step)
}
