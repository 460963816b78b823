//! Bytes of strangers: nothing panics, whatever they are.

use std::fs;
use std::io::Cursor;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::build::{ACK, Run, SYN, Tcp, ethernet, invite, ip_udp, ipv6, joined, udp};
use crate::captures::shared;
use crate::collector::hep::{self, Inflater};
use crate::collector::{Capture, LinkType};

fn swallow(bytes: Vec<u8>) {
    if let Ok(mut capture) = Capture::from_reader("x", Cursor::new(bytes)) {
        let run = Run::capture(&mut capture);
        assert_eq!(run.counters().messages as usize, run.messages.len());
    }
}

proptest! {
    #[test]
    fn random_files_are_refused_or_read(magic in 0..6_usize, bytes in vec(any::<u8>(), 0..2_000)) {
        let magics: [&[u8]; 6] = [
            b"\xa1\xb2\xc3\xd4\x00\x02\x00\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\x01",
            b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
            b"\x34\xcd\xb2\xa1\x02\x00\x04\x00",
            b"\x1f\x8b\x08\x00",
            b"",
        ];
        swallow(joined(&[magics[magic], &bytes]));
    }

    #[test]
    fn random_frames_of_every_link_type_are_survived(link in 0..300_u16, bytes in vec(any::<u8>(), 0..300)) {
        let mut run = Run::default();
        run.frame(0, LinkType(link), &bytes);
        for kind in [0x0800, 0x86dd, 0x8100, 0x8847, 0x8864, 0x88be, 0x6558, 100] {
            run.frame(0, LinkType::ETHERNET, &ethernet(kind, &bytes));
        }
        for port in [2152, 4789, 4790, 6081, 1701, 4754, 6635, 37008] {
            run.frame(0, LinkType::ETHERNET, &ethernet(0x86dd, &ipv6(17, &udp(port, 9, &bytes))));
        }
        for protocol in [4, 41, 43, 44, 47, 51, 60, 97, 115, 132, 137] {
            run.frame(0, LinkType::ETHERNET, &ethernet(0x86dd, &ipv6(protocol, &bytes)));
        }
        run.finish();
        prop_assert_eq!(run.assembler.streams_followed(), 0);
    }

    #[test]
    fn random_segments_are_survived(
        segments in vec((-3_000..3_000_i64, any::<u8>(), 0..400_usize, vec(any::<u8>(), 0..40)), 1..60),
    ) {
        let stream = joined(&[&invite("a", ""), &invite("b", "body"), b"HEP3", &invite("c", "")]);
        let mut run = Run::default();
        let mut tcp = Tcp::new(10);
        run.frame(0, LinkType::ETHERNET, &tcp.next(SYN, b""));
        for (index, (distance, flags, length, noise)) in segments.into_iter().enumerate() {
            let from = usize::try_from(distance.rem_euclid(stream.len() as i64)).unwrap();
            let part = stream.get(from..from + length).unwrap_or(&noise);
            let flags = if flags < 32 { flags } else { ACK };
            run.frame(index as i64 * 300_000, LinkType::ETHERNET, &tcp.at(distance, flags, part));
        }
        run.finish();
        prop_assert_eq!(run.assembler.bytes_held(), 0);
    }

    #[test]
    fn random_hep_is_read_or_refused(magic in 0..4_usize, bytes in vec(any::<u8>(), 0..200)) {
        let magics: [&[u8]; 4] = [b"HEP3", b"HEP3\x00\x40\x00\x00\x00\x01\x00\x07\x02", b"\x01\x10\x02\x11", b"\x02\x1c\x02\x11"];
        let bytes = joined(&[magics[magic], &bytes]);
        if let Ok(hep) = hep::read(&bytes) {
            prop_assert!(hep.payload.len() < bytes.len());
        }
        let _ = Inflater::default().inflate(&bytes);
        Run::default().frame(0, LinkType::RAW, &ip_udp(&bytes));
    }
}

#[test]
fn captures_with_bytes_changed_are_survived() {
    for file in [
        "sipnab/sip_call.pcap",
        "sngrep/ipv6frag.pcap",
        "sngrep/ipip.pcap",
        "ndpi/gre.pcapng",
        "suricata-verify/sip-tcp-method.pcap",
    ] {
        let Some(path) = shared(&format!("captures/captures/{file}")) else { return };
        let whole = fs::read(path).unwrap();
        let mut state = 1_u64;
        for _ in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..20 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            swallow(bytes);
        }
    }
}
