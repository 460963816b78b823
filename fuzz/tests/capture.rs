//! Any file is read to an end, in bounded memory, and what comes out of it lies within bounds.

use std::io::Cursor;

use collector::limits::{
    FRAGMENT_BYTES_MAX, FRAME_BYTES_MAX, STREAM_BYTES_MAX, STREAMS_MAX, WEBSOCKET_MESSAGE_BYTES_MAX,
};
use collector::{Assembler, Capture};
use engine::sip::Message;
use ringwall_fuzz::{duration, seeds, vary};

/// What a byte of a packed file may grow to (deflate packs 1,032 to 1).
const GROWTH_MAX: usize = 1_100;

fn check(bytes: &[u8]) {
    let Ok(mut capture) = Capture::from_reader("fuzz", Cursor::new(bytes.to_vec())) else { return };
    let mut assembler = Assembler::new();
    let mut messages = 0usize;
    let mut sink = |packet: engine::Packet<'_>| {
        messages += 1;
        assert!(packet.payload.len() <= FRAME_BYTES_MAX.max(WEBSOCKET_MESSAGE_BYTES_MAX) + FRAME_BYTES_MAX);
        let _ = Message::read(packet.payload).flags();
    };
    let mut frames = 0usize;
    while let Some(frame) = capture.next_frame() {
        frames += 1;
        assert!(frame.data.len() <= FRAME_BYTES_MAX);
        assert!(frames <= (bytes.len() + 1) * GROWTH_MAX, "more frames than the file can hold");
        assembler.assemble(frame, &mut sink);
        assert!(assembler.bytes_held() <= FRAGMENT_BYTES_MAX + STREAM_BYTES_MAX + (1 << 20));
        assert!(assembler.streams_followed() <= STREAMS_MAX);
    }
    assert_eq!(capture.frames(), frames as u64);
    // The end is the end.
    assert!(capture.next_frame().is_none());
    assembler.finish(&mut sink);
    assert_eq!(assembler.streams_followed(), 0, "streams are followed when all is handed out");
    assert!(assembler.bytes_held() <= FRAGMENT_BYTES_MAX);
    assert_eq!(assembler.counters().frames, frames as u64);
}

#[test]
fn capture() {
    let seeds = seeds(&["fixtures"], &["captures"], &["pcap", "pcapng", "cap", "gz"], 16 << 10);
    seeds.iter().for_each(|seed| check(seed));
    bolero::check!()
        .with_max_len(256)
        .with_test_time(duration())
        .for_each(|script: &[u8]| check(&vary(&seeds, script)));
}
