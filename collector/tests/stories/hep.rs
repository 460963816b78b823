//! HEP in datagrams and streams: the quoted message comes out with its own ends and time.

use std::fs;
use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use rules::{Timestamp, Transport};

use crate::build::{ACK, Ipv4, Message, Run, SYN, Tcp, address, invite, ip_udp, joined, udp};
use crate::captures::shared;
use crate::collector::LinkType;
use crate::collector::hep::{self, Hep};
use crate::collector::limits::INFLATED_BYTES_MAX;

fn quoting(payload: &[u8]) -> Hep<'_> {
    Hep {
        version: 3,
        source: address("203.0.113.1:5062"),
        destination: address("203.0.113.2:5080"),
        protocol: 6,
        kind: Hep::SIP,
        at: Some(Timestamp(1_700_000_000_000_001)),
        agent: Some(9),
        key: None,
        correlation: None,
        payload,
        is_compressed: false,
    }
}

fn packed(hep: &Hep<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    hep::write(hep, &mut bytes);
    bytes
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn check(message: &Message, call: &str) {
    assert_eq!(message.payload, invite(call, ""));
    assert_eq!(message.at, Timestamp(1_700_000_000_000_001));
    assert_eq!(message.source, address("203.0.113.1:5062"));
    assert_eq!(message.destination, address("203.0.113.2:5080"));
    assert_eq!(message.transport, Transport::Tcp);
}

#[test]
fn datagrams_on_any_port_are_unwrapped() {
    let (plain, compressed) = (invite("a", ""), zlib(&invite("b", "")));
    let mut run = Run::default();
    for hep in [quoting(&plain), Hep { is_compressed: true, ..quoting(&compressed) }] {
        run.frame(5, LinkType::RAW, &Ipv4::default().around(&udp(4_242, 17_171, &packed(&hep))));
    }
    assert_eq!(run.messages.len(), 2, "{}", run.counters());
    check(&run.messages[0], "a");
    check(&run.messages[1], "b");
}

#[test]
fn a_stream_of_hep_is_cut_wherever_its_segments_end() {
    let bytes: Vec<u8> =
        ["a", "b", "c"].iter().flat_map(|call| packed(&quoting(&invite(call, "")))).collect();
    for size in [1, 3, 100, 1_460] {
        let mut run = Run::default();
        let mut tcp = Tcp::new(7);
        run.frame(5, LinkType::ETHERNET, &tcp.next(SYN, b""));
        for part in bytes.chunks(size) {
            run.frame(5, LinkType::ETHERNET, &tcp.next(ACK, part));
        }
        assert_eq!(run.messages.len(), 3, "size {size}: {}", run.counters());
        for (message, call) in run.messages.iter().zip(["a", "b", "c"]) {
            check(message, call);
        }
    }
}

#[test]
fn a_stream_of_hep_goes_on_behind_a_gap() {
    let mut run = Run::default();
    let mut tcp = Tcp::new(7);
    run.frame(0, LinkType::ETHERNET, &tcp.next(SYN, b""));
    let (first, second) = (packed(&quoting(&invite("a", ""))), packed(&quoting(&invite("b", ""))));
    run.frame(0, LinkType::ETHERNET, &tcp.next(ACK, &first[..100]));
    tcp.next(ACK, &first[100..200]);
    run.frame(0, LinkType::ETHERNET, &tcp.next(ACK, &joined(&[&first[200..], &second])));
    run.finish();
    assert_eq!(run.messages.len(), 1, "{}", run.counters());
    check(&run.messages[0], "b");
}

#[test]
fn what_is_broken_or_no_sip_is_counted() {
    let mut run = Run::default();
    let mut cut = packed(&quoting(&invite("a", "")));
    cut.truncate(100);
    let bomb = zlib(&vec![0; INFLATED_BYTES_MAX + 1]);
    let broken = Hep { is_compressed: true, ..quoting(b"no zlib") };
    let log = Hep { kind: 100, ..quoting(b"a log line") };
    let blown = Hep { is_compressed: true, ..quoting(&bomb) };
    for bytes in [cut, packed(&broken), packed(&blown), packed(&log)] {
        run.frame(0, LinkType::RAW, &ip_udp(&bytes));
    }
    let counters = run.counters();
    assert_eq!(run.messages, []);
    assert_eq!((counters.hep, counters.hep_bad, counters.hep_not_sip), (4, 3, 1));
}

#[test]
fn packets_of_another_collector_are_read() {
    for (file, version, source) in [
        ("captures/hep/heplify-server-hep3.bin", 3, "192.168.247.250:5060"),
        ("captures/hep/heplify-server-hep2.bin", 1, "10.0.1.100:5060"),
    ] {
        let Some(path) = shared(file) else { return };
        let bytes = fs::read(path).unwrap();
        let hep = hep::read(&bytes).unwrap();
        assert_eq!((hep.version, hep.source), (version, address(source)));
        assert!(hep.payload.starts_with(b"SIP/2.0 200 OK\r\n"));
        let mut run = Run::default();
        run.frame(0, LinkType::RAW, &ip_udp(&bytes));
        assert_eq!(run.messages.len(), 1);
    }
}
