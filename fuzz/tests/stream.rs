//! However a stream is segmented, the same messages come out of it, and no more is held than one message.

use engine::limits::MESSAGE_BYTES_MAX;
use engine::sip::Framer;
use ringwall_fuzz::{duration, seeds, vary};
use rules::Flags;

type Framed = (Vec<u8>, Flags, bool);

/// Feeds `stream` in segments of these lengths, again and again, to a framer.
fn frames(stream: &[u8], mut framer: Framer, lengths: &[usize]) -> Vec<Framed> {
    let mut framed: Vec<Framed> = Vec::new();
    let mut rest = stream;
    let mut lengths = lengths.iter().cycle();
    while !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |&length| length.clamp(1, rest.len()));
        let (segment, later) = rest.split_at(length);
        framer.push(segment, |frame| framed.push((frame.bytes.to_vec(), frame.flags, frame.close)));
        assert!(framer.pending_bytes() <= 2 * MESSAGE_BYTES_MAX, "{} bytes wait", framer.pending_bytes());
        rest = later;
    }
    framer.finish(|frame| framed.push((frame.bytes.to_vec(), frame.flags, frame.close)));
    framed
}

fn check(stream: &[u8], lengths: &[usize]) {
    for framer in [Framer::new, Framer::joined] {
        let whole = frames(stream, framer(), &[usize::MAX]);
        assert_eq!(whole, frames(stream, framer(), lengths), "in segments of {lengths:?}");
        assert_eq!(whole, frames(stream, framer(), &[1]), "byte by byte");
        let bytes: usize = whole.iter().map(|(bytes, ..)| bytes.len()).sum();
        assert!(bytes <= stream.len(), "{bytes} bytes of messages in {}", stream.len());
        assert!(whole.iter().rev().skip(1).all(|&(.., close)| !close), "a message behind a closed stream");
    }
}

#[test]
fn stream() {
    let seeds =
        seeds(&["fixtures/torture"], &["captures/torture"], &["sip", "txt", "dat", "bin", ""], 16 << 10);
    let doubled: Vec<Vec<u8>> = seeds
        .iter()
        .zip(seeds.iter().cycle().skip(7))
        .map(|(one, other)| [&one[..], &other[..]].concat())
        .collect();
    doubled.iter().for_each(|stream| check(stream, &[7, 100, 3]));
    bolero::check!().with_max_len(256).with_test_time(duration()).for_each(|script: &[u8]| {
        let lengths: Vec<usize> =
            script.iter().rev().take(5).map(|&length| usize::from(length) + 1).collect();
        check(&vary(&doubled, script), if lengths.is_empty() { &[3] } else { &lengths });
    });
}
