//! Capture files: every dialect is read, damage costs no earlier frame, what is no capture is named.

use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use rules::Timestamp;

use crate::build::{DESTINATION, Run, SOURCE, address, ethernet, invite, ip_udp, joined};
use crate::collector::{Capture, Drops, LinkType, Merge, write};

type Read = (i64, u16, usize, u32);

/// Time, link type, length and original length of every frame, and the note.
fn read(bytes: &[u8]) -> (Vec<Read>, Option<String>) {
    let mut capture = Capture::from_reader("x", Cursor::new(bytes.to_vec())).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = capture.next_frame() {
        frames.push((frame.at.0, frame.link.0, frame.data.len(), frame.original_length));
    }
    assert_eq!(capture.frames(), frames.len() as u64);
    (frames, capture.note().map(ToString::to_string))
}

fn refusal(bytes: &[u8]) -> String {
    Capture::from_reader("x", Cursor::new(bytes.to_vec())).err().unwrap().to_string()
}

/// Numbers in the order of a machine.
#[derive(Clone, Copy)]
struct Machine {
    is_big: bool,
}

impl Machine {
    const BOTH: [Self; 2] = [Self { is_big: true }, Self { is_big: false }];

    fn u16(self, number: u16) -> [u8; 2] {
        if self.is_big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        if self.is_big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u32s(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| self.u32(*number)).collect()
    }

    fn pcap(self, magic: u32, version: [u16; 2], behind_header: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
        joined(&[
            &self.u32(magic),
            &self.u16(version[0]),
            &self.u16(version[1]),
            &self.u32s(&[0, 0, 65_535, 1]),
            behind_header,
            &records.concat(),
        ])
    }

    fn record(self, fields: &[u32], more: &[u8], data: &[u8]) -> Vec<u8> {
        joined(&[&self.u32s(fields), more, data])
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = u32::try_from(12 + body.len() + padding.len()).unwrap();
        joined(&[&self.u32s(&[kind, length]), body, &padding, &self.u32(length)])
    }

    fn section(self) -> Vec<u8> {
        self.block(0x0a0d_0d0a, &joined(&[&self.u32(0x1a2b_3c4d), &self.u16(1), &self.u16(0), &[0xff; 8]]))
    }

    fn interface(self, link: u16, snap: u32, options: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = joined(&[&self.u16(link), &[0, 0], &self.u32(snap)]);
        for (code, value) in options {
            let padded = value.len().next_multiple_of(4);
            body.extend(self.u16(*code));
            body.extend(self.u16(u16::try_from(value.len()).unwrap()));
            body.extend(value);
            body.extend(vec![0; padded - value.len()]);
        }
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let fields = [interface, (ticks >> 32) as u32, ticks as u32, length, length + 5];
        self.block(6, &joined(&[&self.u32s(&fields), data]))
    }
}

#[test]
fn every_dialect_of_pcap_is_read_in_both_orders() {
    for machine in Machine::BOTH {
        let plain = |fraction| vec![machine.record(&[100, fraction, 3, 9], b"", b"abc"); 2];
        let modified = vec![machine.record(&[100, 7, 3, 9], &[0; 8], b"abc"); 2];
        let swapped = vec![machine.record(&[100, 7, 9, 3], b"", b"abc"); 2];
        for (name, file) in [
            ("microseconds", machine.pcap(0xa1b2_c3d4, [2, 4], b"", &plain(7))),
            ("nanoseconds", machine.pcap(0xa1b2_3c4d, [2, 4], b"", &plain(7_999))),
            ("Kuznetzov", machine.pcap(0xa1b2_cd34, [2, 4], b"", &modified)),
            ("Navtel", machine.pcap(0xa12b_3c4d, [2, 4], b"", &plain(7))),
            ("Ixia", machine.pcap(0x1c00_01ac, [2, 4], &[0; 4], &plain(7_000))),
            ("version 2.2", machine.pcap(0xa1b2_c3d4, [2, 2], b"", &swapped)),
            ("version 2.3", machine.pcap(0xa1b2_c3d4, [2, 3], b"", &swapped)),
        ] {
            let frame = (100_000_007, 1, 3, 9);
            assert_eq!(read(&file), (vec![frame; 2], None), "{name}, big-endian: {}", machine.is_big);
        }
    }
}

#[test]
fn pcapng_is_read_with_all_its_blocks_sections_and_clocks() {
    for machine in Machine::BOTH {
        let seconds = |number: i64| if machine.is_big { number.to_be_bytes() } else { number.to_le_bytes() };
        let old = joined(&[&machine.u16(0), &machine.u16(3), &machine.u32s(&[0, 1_000_000, 3, 3]), b"abc"]);
        let name = (2_u16, b"eth0".to_vec());
        let file = joined(&[
            &machine.section(),
            &machine.interface(1, 65_535, std::slice::from_ref(&name)),
            &machine.interface(101, 0, &[(9, vec![9])]),
            &machine.interface(113, 0, &[name, (9, vec![3])]),
            &machine.interface(
                276,
                0,
                &[(9, vec![0x80 | 10]), (14, seconds(1_000).to_vec()), (0, Vec::new())],
            ),
            &machine.block(5, &[0; 16]),
            &machine.enhanced(0, 1_000_007, b"abc"),
            &machine.enhanced(1, 2_000_007_999, b"abcd"),
            &machine.block(0xbad, &[1; 9]),
            &machine.enhanced(2, 3_001, b"abcde"),
            &machine.enhanced(3, 1_536, b""),
            &machine.block(2, &old),
        ]);
        let section = vec![
            (1_000_007, 1, 3, 8),
            (2_000_007, 101, 4, 9),
            (3_001_000, 113, 5, 10),
            (1_001_500_000, 276, 0, 5),
            (1_000_000, 1, 3, 3),
        ];
        assert_eq!(read(&file), (section.clone(), None));

        let other = Machine { is_big: !machine.is_big };
        let simple = joined(&[&other.u32(9), b"abcd"]);
        let second =
            joined(&[&file, &other.section(), &other.interface(228, 4, &[]), &other.block(3, &simple)]);
        let mut frames = section;
        frames.push((1_000_000, 228, 4, 9));
        assert_eq!(read(&second), (frames, None));
    }
}

#[test]
fn what_a_capture_says_it_lost_is_read() {
    for machine in Machine::BOTH {
        let long = |number: u64| {
            if machine.is_big { number.to_be_bytes().to_vec() } else { number.to_le_bytes().to_vec() }
        };
        let option = |code: u16, value: Vec<u8>| {
            let length = u16::try_from(value.len()).unwrap();
            let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
            joined(&[&machine.u16(code), &machine.u16(length), &value, &padding])
        };
        let statistics = |interface: u32, options: &[Vec<u8>]| {
            machine.block(5, &joined(&[&machine.u32s(&[interface, 0, 1]), &options.concat()]))
        };
        let enhanced = |options: &[Vec<u8>]| {
            let fields = machine.u32s(&[0, 0, 1_000_000, 3, 3]);
            machine.block(6, &joined(&[&fields, b"abc\0", &options.concat()]))
        };
        let old = |drops: u16| {
            let fields = machine.u32s(&[0, 1_000_000, 3, 3]);
            machine.block(2, &joined(&[&machine.u16(0), &machine.u16(drops), &fields, b"abc"]))
        };
        let section = [
            machine.section(),
            machine.interface(1, 0, &[]),
            machine.interface(1, 0, &[]),
            statistics(0, &[option(1, b"so far".to_vec()), option(4, long(900)), option(5, long(20))]),
            enhanced(&[option(1, b"a comment".to_vec()), option(4, long(3)), option(0, Vec::new())]),
            enhanced(&[option(2, vec![0; 4]), option(0, Vec::new()), option(4, long(1_000))]),
            enhanced(&[]),
            old(2),
            old(0xffff),
            statistics(0, &[option(5, long(25)), option(7, long(4))]),
            statistics(1, &[option(7, long(1)), option(0, Vec::new()), option(7, long(500))]),
            // What is too short or cut says nothing.
            statistics(1, &[option(5, vec![1, 2]), machine.u16(7).to_vec()]),
        ]
        .concat();
        let drops = |file: Vec<u8>| {
            let mut capture = Capture::from_reader("x", Cursor::new(file)).unwrap();
            while capture.next_frame().is_some() {}
            assert_eq!(capture.note(), None);
            (capture.frames(), capture.drops())
        };
        let expected = Drops { by_interface: 25, by_system: 5, between_packets: 5 };
        assert_eq!(drops(section.clone()), (5, expected));
        assert_eq!(expected.lost(), 30);
        assert_eq!(drops([section.clone(), section].concat()), (10, expected.and(expected)));
        assert_eq!(drops(sample()), (3, Drops::default()));
    }
}

#[test]
fn what_is_odd_in_pcapng_costs_one_frame_and_gives_a_note() {
    let machine = Machine { is_big: false };
    let file = joined(&[
        &machine.section(),
        &machine.interface(1, 0, &[]),
        &machine.enhanced(0, 1, b"abc"),
        &machine.enhanced(7, 2, b"abc"),
        &machine.enhanced(0, 3, b"abc"),
    ]);
    let (frames, note) = read(&file);
    assert_eq!(frames.iter().map(|frame| frame.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(
        note.as_deref(),
        Some("x: a packet names an interface that was not described at byte 84, after 1 frame")
    );
}

fn sample() -> Vec<u8> {
    let mut pcap = write::Pcap::new(Vec::new()).unwrap();
    for index in 0..3 {
        let at = Timestamp(1_000_000 * index);
        pcap.datagram(at, address(SOURCE), address(DESTINATION), &invite("a", "")).unwrap();
    }
    pcap.finish().unwrap()
}

fn sample_ng() -> Vec<u8> {
    let machine = Machine { is_big: false };
    let frames = [1, 2, 3].map(|ticks| machine.enhanced(0, ticks, b"some frame"));
    joined(&[&machine.section(), &machine.interface(1, 0, &[]), &frames.concat()])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_file_cut_anywhere_keeps_every_frame_before_the_cut() {
    for (whole, header) in [(sample(), 24), (sample_ng(), 28)] {
        let (frames, _) = read(&whole);
        let mut complete = 0;
        for end in header..whole.len() {
            let (found, note) = read(&whole[..end]);
            assert_eq!(found, frames[..found.len()], "cut at {end}");
            assert!(found.len() >= complete, "cut at {end} lost a frame");
            complete = found.len();
            if let Some(note) = note {
                assert!(note.contains(&format!("after {complete} frame")), "cut at {end}: {note}");
            }
        }
        assert_eq!((frames.len(), complete), (3, 2));
        for end in 0..header {
            assert!(Capture::from_reader("x", Cursor::new(whole[..end].to_vec())).is_err() || end >= 12);
        }
    }
}

#[test]
fn a_cut_is_told_with_its_byte_and_the_frames_before() {
    let whole = sample();
    let frame = (whole.len() - 24) / 3;
    let (_, note) = read(&whole[..24 + frame + 7]);
    let expected = format!("x: the file ends inside a frame's header at byte {}, after 1 frame", 24 + frame);
    assert_eq!(note, Some(expected));
    let (_, note) = read(&whole[..24 + 2 * frame + 20]);
    assert_eq!(
        note,
        Some(format!(
            "x: the file ends inside a frame: 4 of its {} bytes are there at byte {}, after 2 frames",
            frame - 16,
            24 + 2 * frame
        ))
    );
    let mut lying = whole;
    lying[24 + frame + 8..24 + frame + 12].copy_from_slice(&[0xff; 4]);
    assert_eq!(read(&lying).0.len(), 1);
}

#[test]
fn gzip_is_unpacked_and_its_end_may_be_missing() {
    let packed = gzip(&sample());
    assert_eq!(read(&packed), read(&sample()));
    assert_eq!(read(&joined(&[&gzip(&sample()[..100]), &gzip(&sample()[100..])])), read(&sample()));
    let big: Vec<u8> = {
        let mut pcap = write::Pcap::new(Vec::new()).unwrap();
        for index in 0_u32..2_000 {
            let noise: Vec<u8> =
                (0..300_u32).map(|at| (index.wrapping_mul(at * at + 7) >> 3) as u8).collect();
            pcap.frame(Timestamp(0), &ethernet(0x0800, &noise)).unwrap();
        }
        pcap.finish().unwrap()
    };
    let packed = gzip(&big);
    let (frames, note) = read(&packed[..packed.len() / 2]);
    assert!(frames.len() > 500 && frames.len() < 2_000, "{}", frames.len());
    assert!(note.unwrap().contains("reading stopped"));
}

#[test]
fn what_is_no_capture_is_named() {
    for (bytes, name) in [
        (&b""[..], "an empty file"),
        (b"GMBU\x00\x02\x01\x00", "a Network Monitor 2 capture (GMBU)"),
        (b"snoop\0\0\0\0\0\0\x02", "a snoop capture (Solaris)"),
        (b"PK\x03\x04....", "a Zip archive"),
        (b"\x7fELF\x02\x01\x01", "a program (ELF)"),
        (b"  {\"a\": 1}", "JSON"),
        (b"<?xml version='1.0'?>", "XML or HTML"),
        (b"just words\n", "text"),
        (b"INVITE sip:h.example SIP/2.0\r\nVia: x\r\n", "a SIP message as text"),
        (b"\xa1\xb2\xc3\xd4\x00\x02", "the damaged beginning of a capture"),
        (b"\x00\x01\x02\x03\x04\x05\x06", "of an unknown format"),
        (
            b"\x00\x00\x00\x00\xf0\xf0\xf0\x50\x02\x04\x00\x50\x00\x00\x00\x40\x00\x00",
            "an ERF capture (Endace)",
        ),
    ] {
        let text = refusal(bytes);
        let expected = format!("x is {name}, not a pcap or pcapng capture; ");
        assert!(text.starts_with(&expected) && text.len() > expected.len() + 10, "{text}");
    }
    assert!(refusal(&gzip(b"words")).starts_with("x is text"));
    let directory = Capture::open(env!("CARGO_MANIFEST_DIR")).err().unwrap().to_string();
    assert!(directory.contains("is a directory"), "{directory}");
    let missing = Capture::open("no-such-file.pcap").err().unwrap().to_string();
    assert!(missing.starts_with("no-such-file.pcap cannot be read: "), "{missing}");
}

#[test]
fn captures_are_merged_by_time_and_refused_ones_reported() {
    let capture = |name: &str, times: &[i64]| {
        let mut pcap = write::Pcap::with_link(Vec::new(), LinkType::RAW).unwrap();
        for at in times {
            pcap.frame(Timestamp(*at), &ip_udp(&invite(name, ""))).unwrap();
        }
        Capture::from_reader(name, Cursor::new(pcap.finish().unwrap())).unwrap()
    };
    let mut merge = Merge::open(["no-such-file.pcap"]);
    merge.add(capture("a", &[1, 4, 5, 9]));
    merge.add(capture("b", &[]));
    merge.add(capture("c", &[2, 4, 3, 10]));
    let mut run = Run::default();
    let mut times = Vec::new();
    while let Some(frame) = merge.next_frame() {
        times.push(frame.at.0);
        run.take(frame);
    }
    assert_eq!(times, [1, 2, 4, 4, 3, 5, 9, 10]);
    assert_eq!((merge.frames(), run.messages.len(), merge.refused().len()), (8, 8, 1));
    assert_eq!(merge.notes().count(), 0);
}

#[test]
fn a_written_datagram_is_read_again_with_correct_checksums() {
    for (source, destination) in [(SOURCE, DESTINATION), ("[2001:db8::1]:5060", "[2001:db8::2]:5080")] {
        let mut pcap = write::Pcap::new(Vec::new()).unwrap();
        let (source, destination) = (address(source), address(destination));
        pcap.datagram(Timestamp(1_700_000_000_123_456), source, destination, &invite("a", "odd")).unwrap();
        assert!(pcap.datagram(Timestamp(0), source, address("192.0.2.9:1"), &[0; 70_000]).is_err());
        let bytes = pcap.finish().unwrap();
        let mut capture = Capture::from_reader("x", Cursor::new(bytes.clone())).unwrap();
        let run = Run::capture(&mut capture);
        let [message] = run.messages.as_slice() else { panic!("{}", run.counters()) };
        assert_eq!((message.source, message.destination), (source, destination));
        assert_eq!(message.at, Timestamp(1_700_000_000_123_456));
        assert_eq!(message.payload, invite("a", "odd"));
        // The checksum over the pseudo header and the datagram, its own field included, is all ones.
        let ip = &bytes[24 + 16 + 14..];
        let (addresses, datagram) =
            if source.is_ipv4() { (&ip[12..20], &ip[20..]) } else { (&ip[8..40], &ip[40..]) };
        let length = u16::try_from(datagram.len()).unwrap();
        let summed =
            joined(&[addresses, &[0, 17], &length.to_be_bytes(), datagram, &[0][..datagram.len() % 2]]);
        let sum: u32 = summed.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        assert_eq!(sum % 0xffff, 0);
    }
}
