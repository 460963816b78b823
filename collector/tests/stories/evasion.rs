//! The framing rows of the evasion corpus, on the wire: as many messages as expected, with the flags of carriage.

use std::fs;

use crate::build::{ACK, Ipv4, Run, SYN, Tcp, ip_udp, udp};
use crate::captures::shared;
use crate::collector::LinkType;

/// `\r`, `\n` and `\xNN` as bytes.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        let length = match behind.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b't' => (b'\t', 1),
            b'x' => (u8::from_str_radix(&behind[1..3], 16).unwrap(), 3),
            other => panic!("an escape {other} that this story does not know"),
        };
        bytes.push(length.0);
        rest = &behind[length.1..];
    }
    bytes.extend(rest.as_bytes());
    bytes
}

fn stream(bytes: &[u8], size: usize) -> Run {
    let mut run = Run::default();
    let mut tcp = Tcp::new(1);
    run.frame(0, LinkType::ETHERNET, &tcp.next(SYN, b""));
    for part in bytes.chunks(size) {
        run.frame(0, LinkType::ETHERNET, &tcp.next(ACK, part));
    }
    run.finish();
    run
}

fn fragments(bytes: &[u8], overlap: usize) -> Run {
    let datagram = udp(5060, 5060, bytes);
    let mut packets = Ipv4::default().fragments(&datagram, 2 * overlap);
    let forged = vec![b'9'; overlap];
    packets.insert(1, Ipv4 { place: (overlap, true), ..Ipv4::default() }.around(&forged));
    let mut run = Run::default();
    for packet in packets {
        run.frame(0, LinkType::RAW, &packet);
    }
    run
}

fn carry(carriage: &str, bytes: &[u8]) -> Vec<Run> {
    match carriage.split_once(':') {
        None if carriage == "tcp" => [1, 13, 1_460, 65_000].map(|size| stream(bytes, size)).into(),
        None if carriage == "udp" => {
            let mut run = Run::default();
            run.frame(0, LinkType::RAW, &ip_udp(bytes));
            vec![run]
        }
        Some(("tcp-seg", size)) => vec![stream(bytes, size.parse().unwrap())],
        Some(("udp-frag-overlap", overlap)) => vec![fragments(bytes, overlap.parse().unwrap())],
        _ => panic!("a carriage {carriage} that this story does not know"),
    }
}

#[test]
fn framing_rows_give_the_messages_and_flags_expected() {
    let Some(path) = shared("data/evasion.tsv") else { return };
    let corpus = fs::read_to_string(path).unwrap();
    let mut rows = 0;
    for row in corpus.lines().filter(|line| line.starts_with("frm-")) {
        let [id, raw, expected, ..] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let (carriage, text) = raw.strip_prefix('{').unwrap().split_once('}').unwrap();
        let parts: Vec<_> = expected.split(";next;").collect();
        for run in carry(carriage, &unescaped(text)) {
            assert_eq!(run.messages.len(), parts.len(), "{id}: {}", run.counters());
            for (message, part) in run.messages.iter().zip(&parts) {
                for name in ["frag-overlap", "bad-content-length", "dup-content-length"] {
                    let is_raised = message.flags.iter().any(|flag| flag.name() == name);
                    assert_eq!(is_raised, part.contains(name), "{id}: {name}");
                }
                assert!(!part.contains("close") || run.counters().streams_broken == 1, "{id}");
            }
        }
        rows += 1;
    }
    assert!(rows >= 17, "only {rows} rows");
}
