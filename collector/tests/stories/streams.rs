//! SIP in TCP streams and WebSockets: however the bytes come, the same messages come out.

use rules::{Flag, Flags, Transport};

use crate::build::{ACK, FIN, RST, Run, SYN, Tcp, invite, joined};
use crate::collector::LinkType;
use crate::collector::limits::{STREAM_BYTES_MAX, STREAMS_MAX};

const SECOND: i64 = 1_000_000;

#[derive(Default)]
struct Story(Run);

impl Story {
    fn frame(&mut self, at: i64, frame: &[u8]) {
        self.0.frame(at, LinkType::ETHERNET, frame);
    }

    fn calls(&self) -> Vec<String> {
        self.0.messages.iter().map(|message| call_id(&message.payload)).collect()
    }
}

fn call_id(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).into_owned();
    text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap_or_default().to_owned()
}

fn three() -> Vec<u8> {
    joined(&[&invite("a", "body"), b"\r\n\r\n", &invite("b", ""), &invite("c", &"x".repeat(5_000))])
}

#[test]
fn segments_of_any_size_give_the_same_messages() {
    for size in [1, 7, 100, 536, 1_460, 10_000] {
        let mut story = Story::default();
        // The numbers wrap around in the middle.
        let mut tcp = Tcp::new(u32::MAX - 3_000);
        story.frame(0, &tcp.next(SYN, b""));
        for part in three().chunks(size) {
            story.frame(1, &tcp.next(ACK, part));
        }
        story.frame(2, &tcp.next(FIN | ACK, b""));
        assert_eq!(story.calls(), ["a", "b", "c"], "size {size}: {}", story.0.counters());
        assert_eq!(story.0.messages[2].payload, invite("c", &"x".repeat(5_000)));
        assert!(story.0.messages.iter().all(|it| it.transport == Transport::Tcp && it.flags == Flags::NONE));
        assert_eq!((story.0.assembler.streams_followed(), story.0.assembler.bytes_held()), (0, 0));
    }
}

#[test]
fn segments_out_of_order_and_sent_again_give_the_same_messages() {
    for seed in 1..200_u64 {
        let mut story = Story::default();
        let mut tcp = Tcp::new(4_294_967_000);
        story.frame(0, &tcp.next(SYN, b""));
        let mut frames: Vec<_> = three().chunks(256).map(|part| tcp.next(ACK, part)).collect();
        let again: Vec<_> = frames.iter().step_by(3).cloned().collect();
        frames.extend(again);
        let mut state = seed;
        for index in (1..frames.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            frames.swap(index, (state >> 33) as usize % (index + 1));
        }
        for frame in &frames {
            story.frame(1, frame);
        }
        assert_eq!(story.calls(), ["a", "b", "c"], "seed {seed}: {}", story.0.counters());
        assert!(story.0.messages.iter().all(|it| it.flags == Flags::NONE));
        assert_eq!(story.0.assembler.bytes_held(), 0);
    }
}

/// Found by fuzzing: the distance of such a number has no absolute value in 32 bits.
#[test]
fn a_segment_half_the_number_space_away_is_left_out() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(0);
    story.frame(0, &tcp.next(SYN, b""));
    story.frame(1, &Tcp::new(1 << 31 | 1).next(ACK, b"nonsense"));
    story.frame(2, &tcp.next(ACK, &three()));
    assert_eq!(story.calls(), ["a", "b", "c"]);
    assert_eq!(story.0.counters().segments_out_of_window, 1);
}

#[test]
fn a_stream_is_joined_where_a_message_starts() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(99);
    story.frame(0, &tcp.next(ACK, b"the end of something\r\n\r\n"));
    story.frame(0, &tcp.next(ACK, &invite("a", "")));
    story.frame(0, &tcp.next(ACK, &invite("b", "")[..50]));
    story.frame(0, &tcp.next(ACK, &invite("b", "")[50..]));
    assert_eq!(story.calls(), ["a", "b"]);
    assert_eq!((story.0.counters().streams_joined, story.0.counters().segments_not_sip), (1, 1));
}

#[test]
fn where_segments_overlap_with_other_bytes_the_first_win() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(0);
    story.frame(0, &tcp.next(SYN, b""));
    let message = invite("a", "");
    let at = i64::try_from(message.len() - 100).unwrap();
    story.frame(0, &tcp.at(at, ACK, &message[message.len() - 100..]));
    story.frame(0, &tcp.at(at, ACK, &[b'9'; 50]));
    story.frame(0, &tcp.next(ACK, &message[..message.len() - 100]));
    assert_eq!(story.0.messages.len(), 1);
    assert_eq!(story.0.messages[0].payload, message);
    assert_eq!(story.0.messages[0].flags, Flags::of(Flag::FragOverlap));
    assert_eq!(story.0.counters().segments_conflicting, 1);
}

#[test]
fn a_gap_is_waited_for_and_then_given_up() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(0);
    story.frame(0, &tcp.next(SYN, b""));
    story.frame(0, &tcp.next(ACK, &invite("a", "")[..200]));
    tcp.next(ACK, &invite("a", "")[200..]);
    tcp.next(ACK, &invite("b", ""));
    story.frame(SECOND, &tcp.next(ACK, &invite("c", "")));
    assert_eq!(story.calls(), Vec::<String>::new());
    story.frame(5 * SECOND, &tcp.next(ACK, &invite("d", "")));
    assert_eq!(story.calls(), ["", "c", "d"], "{}", story.0.counters());
    assert_eq!(story.0.messages[0].flags, Flags::of(Flag::Truncated));
    assert_eq!(story.0.counters().gaps, 1);
}

#[test]
fn a_gap_at_the_end_of_the_capture_is_given_up() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(0);
    story.frame(0, &tcp.next(SYN, b""));
    story.frame(0, &tcp.next(ACK, &invite("a", "")));
    tcp.next(ACK, &invite("b", ""));
    story.frame(0, &tcp.next(ACK, &invite("c", "")));
    story.frame(0, &tcp.next(ACK, &invite("d", "")[..220]));
    assert_eq!(story.calls(), ["a"]);
    story.0.finish();
    assert_eq!(story.calls(), ["a", "c", "d"]);
    assert_eq!(story.0.messages[2].flags, Flags::of(Flag::Truncated));
    assert_eq!(story.0.assembler.bytes_held(), 0);
}

#[test]
fn segments_cut_by_the_snap_length_give_what_is_there_at_once() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(0);
    story.frame(0, &tcp.next(SYN, b""));
    for call in ["a", "b", "c"] {
        let whole = tcp.next(ACK, &invite(call, &"x".repeat(1_000)));
        story.frame(1, &whole[..320]);
    }
    assert_eq!(story.calls(), ["a", "b", "c"], "{}", story.0.counters());
    assert!(story.0.messages.iter().all(|it| it.flags == Flags::of(Flag::Truncated)));
    assert_eq!((story.0.counters().gaps, story.0.counters().messages_truncated), (3, 3));
}

#[test]
fn ports_that_are_used_again_begin_a_new_stream() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(1_000);
    story.frame(0, &tcp.next(SYN, b""));
    story.frame(0, &tcp.next(ACK, &invite("a", "")[..90]));
    let mut tcp = Tcp::new(3_000_000_000);
    story.frame(1, &tcp.next(SYN, b""));
    story.frame(1, &tcp.next(ACK, &invite("b", "")));
    // The next one's SYN is not in the capture.
    let mut tcp = Tcp::new(77);
    story.frame(2, &tcp.next(ACK, &invite("c", "")));
    story.frame(3, &tcp.next(RST, b""));
    assert_eq!(story.calls(), ["b", "c"]);
    assert_eq!(story.0.assembler.streams_followed(), 0);
}

#[test]
fn after_a_length_that_lies_nothing_more_is_read() {
    for size in [50, 10_000] {
        let mut story = Story::default();
        let mut tcp = Tcp::new(0);
        story.frame(0, &tcp.next(SYN, b""));
        let lie = String::from_utf8(invite("a", "")).unwrap().replace("Length: 0", "Length: 4294967328");
        for part in joined(&[lie.as_bytes(), &invite("b", "")]).chunks(size) {
            story.frame(0, &tcp.next(ACK, part));
        }
        story.frame(0, &tcp.next(ACK, &invite("c", "")));
        assert_eq!(story.calls(), ["a"], "size {size}");
        assert_eq!(story.0.messages[0].flags, Flags::of(Flag::BadContentLength));
        assert_eq!(story.0.counters().streams_broken, 1);
    }
}

/// A WebSocket frame, masked when `mask` is not zero.
fn websocket(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let masked = if mask == [0; 4] { 0 } else { 0x80 };
    let length = match payload.len() {
        short @ 0..126 => vec![masked | u8::try_from(short).unwrap()],
        long => joined(&[&[masked | 126], &u16::try_from(long).unwrap().to_be_bytes()]),
    };
    let mask_bytes: &[u8] = if masked == 0 { &[] } else { &mask };
    let payload: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    joined(&[&[first], &length, mask_bytes, &payload])
}

#[test]
fn sip_over_websocket_is_read_masked_and_in_frames() {
    let upgrade = b"GET / HTTP/1.1\r\nHost: h.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    let (mask, message) = ([1, 2, 3, 4], invite("a", "body"));
    let bytes = joined(&[
        upgrade,
        &websocket(0x81, mask, &message),
        &websocket(0x89, mask, b"ping"),
        &websocket(0x01, mask, &invite("b", "")[..100]),
        &websocket(0x80, [9, 8, 7, 6], &invite("b", "")[100..]),
        &websocket(0x81, mask, b"\r\n\r\n"),
        &websocket(0x82, [0; 4], &invite("c", "")),
    ]);
    for size in [1, 33, 1_460] {
        let mut story = Story::default();
        let mut tcp = Tcp::new(5);
        story.frame(0, &tcp.next(SYN, b""));
        for part in bytes.chunks(size) {
            story.frame(0, &tcp.next(ACK, part));
        }
        assert_eq!(story.calls(), ["a", "b", "c"], "size {size}: {}", story.0.counters());
        assert_eq!(story.0.messages[0].payload, message);
        assert!(story.0.messages.iter().all(|it| it.transport == Transport::Ws));
        assert_eq!((story.0.counters().messages_websocket, story.0.counters().not_sip), (3, 1));
    }
}

#[test]
fn a_websocket_is_joined_without_its_handshake_and_plain_http_is_left_alone() {
    let mut story = Story::default();
    let mut tcp = Tcp::new(5);
    story.frame(0, &tcp.next(ACK, &websocket(0x81, [1, 2, 3, 4], &invite("a", ""))));
    story.frame(0, &tcp.next(ACK, &websocket(0x81, [1, 2, 3, 4], &invite("b", ""))));
    story.frame(0, &tcp.next(ACK, &websocket(0xf1, [1, 2, 3, 4], &invite("c", ""))));
    assert_eq!(story.calls(), ["a", "b"]);
    assert_eq!(story.0.counters().websocket_bad, 1);
    let mut tcp = Tcp::new(1 << 30);
    story.frame(1, &tcp.next(SYN, b""));
    story.frame(1, &tcp.next(ACK, b"GET /index.html HTTP/1.1\r\nHost: h.example\r\n\r\n"));
    // A message may stand behind it; not for long.
    for _ in 0..20 {
        story.frame(1, &tcp.next(ACK, b"some words of a page\n".repeat(50).as_slice()));
    }
    assert_eq!(story.0.assembler.streams_followed(), 0);
}

#[test]
fn a_message_behind_what_peers_pass_over_is_read() {
    for before in ["\r\n\r\n", " ", "\t \0", "GET / HTTP/1.1\r\n\r\n", "HELO there\r\n"] {
        let mut story = Story::default();
        let mut tcp = Tcp::new(0);
        story.frame(0, &tcp.next(SYN, b""));
        story.frame(
            0,
            &tcp.next(ACK, &joined(&[before.as_bytes(), &invite("a", ""), b" ", &invite("b", "")])),
        );
        assert_eq!(story.calls(), ["a", "b"], "{before:?}");
    }
}

#[test]
fn a_hundred_thousand_half_open_streams_leave_a_known_one_its_place() {
    // Begun messages, and words behind which one might come.
    for opening in ["INVITE sip:", "HELO there\r\n", "GET / HTTP/1.1\r\nHost: h.example\r\n\r\n"] {
        let mut story = Story::default();
        let mut call = Tcp::new(0);
        story.frame(0, &call.next(SYN, b""));
        story.frame(0, &call.next(ACK, &invite("a", "")));
        story.frame(0, &call.next(ACK, &invite("b", "")[..100]));
        for index in 0..100_000_u32 {
            let mut hostile = Tcp::new(index);
            let [a, b, c, d] = index.to_be_bytes();
            hostile.source = format!("10.{b}.{c}.{d}:{}", 1_024 + u16::from(a)).parse().unwrap();
            story.frame(1, &hostile.next(SYN, b""));
            story.frame(1, &hostile.next(ACK, opening.as_bytes()));
        }
        assert!(story.0.assembler.streams_followed() <= STREAMS_MAX / 4 + 1, "{opening:?}");
        story.frame(2, &call.next(ACK, &invite("b", "")[100..]));
        assert_eq!(story.calls(), ["a", "b"], "{opening:?}");
        assert!(story.0.counters().streams_evicted > 80_000, "{opening:?}");
    }
}

#[test]
fn streams_that_wait_for_ever_stay_within_the_bound() {
    let mut story = Story::default();
    for index in 0..2_000_u32 {
        let mut hostile = Tcp::new(index);
        let [_, b, c, d] = index.to_be_bytes();
        hostile.source = format!("10.{b}.{c}.{d}:5060").parse().unwrap();
        story.frame(1, &hostile.next(ACK, &invite("a", "")[..200]));
        hostile.sequence += 1_000;
        for _ in 0..40 {
            story.frame(1, &hostile.next(ACK, &[b'x'; 1_400]));
        }
        assert!(story.0.assembler.bytes_held() <= STREAM_BYTES_MAX, "{}", story.0.assembler.bytes_held());
    }
    assert!(story.0.counters().streams_evicted > 500, "{}", story.0.counters());
}
