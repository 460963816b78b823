//! Datagrams in fragments: put together in any order, flagged where they contradict themselves, bounded always.

use rules::{Flag, Flags};

use crate::build::{Ipv4, Run, invite, ipv6, joined, udp};
use crate::collector::LinkType;
use crate::collector::limits::{
    FRAGMENT_BYTES_MAX, FRAGMENT_BYTES_PER_SOURCE_MAX, FRAGMENTED_PER_SOURCE_MAX,
};

fn datagram(call: &str) -> Vec<u8> {
    udp(5060, 5060, &invite(call, &"x".repeat(3_000)))
}

fn run(packets: &[Vec<u8>]) -> Run {
    let mut run = Run::default();
    for packet in packets {
        run.frame(0, LinkType::RAW, packet);
    }
    run
}

#[test]
fn fragments_of_any_size_and_in_any_order_give_the_message() {
    let datagram = datagram("f");
    for size in [8, 16, 64, 512, 1_480, 2_000] {
        let mut packets = Ipv4::default().fragments(&datagram, size);
        for _ in 0..3 {
            let run = run(&packets);
            assert_eq!(run.messages.len(), 1, "size {size}: {}", run.counters());
            assert_eq!(run.messages[0].payload, datagram[8..]);
            assert_eq!(run.messages[0].flags, Flags::NONE);
            assert_eq!(run.assembler.bytes_held(), 0);
            packets.reverse();
            packets.rotate_left(1);
        }
    }
}

#[test]
fn ipv6_fragments_give_the_message() {
    let inner = joined(&[&[17, 0, 1, 4, 0, 0, 0, 0], &datagram("f")]);
    let packets: Vec<_> = inner
        .chunks(1_200)
        .enumerate()
        .map(|(index, part)| {
            let more = (index + 1) * 1_200 < inner.len();
            let place = u16::try_from(index * 1_200).unwrap() | u16::from(more);
            ipv6(44, &joined(&[&[60, 0], &place.to_be_bytes(), &[0, 0, 0, 9], part]))
        })
        .collect();
    let run = run(&packets);
    assert_eq!(run.messages.len(), 1, "{}", run.counters());
    assert_eq!(run.messages[0].payload, datagram("f")[8..]);
}

#[test]
fn overlaps_that_agree_are_accepted_and_those_that_do_not_are_flagged() {
    let datagram = datagram("f");
    let whole = Ipv4::default().fragments(&datagram, 64);
    let mut again = whole.clone();
    again.insert(2, whole[1].clone());
    let agreeing = run(&again);
    assert_eq!(agreeing.messages[0].flags, Flags::NONE);
    assert_eq!(agreeing.counters().overlaps_same, 1);

    let mut forged = whole;
    let mut other = datagram[64..192].to_vec();
    other.fill(b'9');
    forged.insert(2, Ipv4 { place: (64, true), ..Ipv4::default() }.around(&other));
    let conflicting = run(&forged);
    assert_eq!(conflicting.messages.len(), 1);
    assert_eq!(conflicting.messages[0].flags, Flags::of(Flag::FragOverlap));
    assert_eq!(conflicting.messages[0].payload[..120], datagram[8..128], "the first bytes win");
    assert_eq!(conflicting.counters().overlaps_conflicting, 1);
}

#[test]
fn a_second_end_is_a_conflict() {
    let datagram = datagram("f");
    let mut packets = Ipv4::default().fragments(&datagram, 1_024);
    packets.insert(1, Ipv4 { place: (4_096, false), ..Ipv4::default() }.around(&[0; 8]));
    let run = run(&packets);
    assert!(
        run.messages.is_empty() || run.messages[0].flags.contains(Flag::FragOverlap),
        "{:?}",
        run.messages
    );
}

#[test]
fn what_never_finishes_is_given_up_after_half_a_minute() {
    let packets = Ipv4::default().fragments(&datagram("f"), 1_480);
    let mut run = Run::default();
    run.frame(0, LinkType::RAW, &packets[0]);
    assert!(run.assembler.bytes_held() > 1_480);
    let other = Ipv4 { id: 2, ..Ipv4::default() }.fragments(&datagram("g"), 1_480);
    run.frame(30_000_001, LinkType::RAW, &other[0]);
    assert_eq!(run.counters().fragments_late, 1);
    run.frame(30_000_002, LinkType::RAW, &packets[1]);
    run.frame(30_000_003, LinkType::RAW, &packets[2]);
    assert_eq!(run.messages, []);
}

#[test]
fn fragments_that_cannot_be_are_counted() {
    let beyond = Ipv4 { place: (65_528, false), ..Ipv4::default() }.around(&[0; 64]);
    let crooked = Ipv4 { place: (8, true), ..Ipv4::default() }.around(&[0; 9]);
    let empty = Ipv4 { place: (8, true), ..Ipv4::default() }.around(&[]);
    assert_eq!(run(&[beyond, crooked, empty]).counters().fragments_bad, 3);
}

#[test]
fn a_call_gets_through_a_million_first_fragments_within_the_bound() {
    let call = Ipv4 { source: [203, 0, 113, 9], id: 77, ..Ipv4::default() }.fragments(&datagram("f"), 1_480);
    let mut run = Run::default();
    let mut most = 0;
    for index in 0..1_000_000_u32 {
        let [_, b, c, d] = index.to_be_bytes();
        // Half from as many addresses as there are, half from one.
        let source = if index % 2 == 0 { [10, b, c, d] } else { [198, 51, 100, 66] };
        let hostile = Ipv4 { source, id: (index / 2) as u16, place: (0, true), ..Ipv4::default() };
        run.frame(i64::from(index), LinkType::RAW, &hostile.around(&[0; 64]));
        // The fragments of the call come with 20,000 hostile ones between them.
        if index == 800_000 || index == 820_000 || index == 840_000 {
            run.frame(i64::from(index), LinkType::RAW, &call[(index as usize - 800_000) / 20_000]);
        }
        most = most.max(run.assembler.bytes_held());
    }
    assert_eq!(run.messages.len(), 1, "{}", run.counters());
    assert!(most <= FRAGMENT_BYTES_MAX + 2_048, "{most}");
    assert!(run.counters().fragments_evicted > 800_000, "{}", run.counters());
}

#[test]
fn one_source_cannot_take_the_room_of_others() {
    let mut run = Run::default();
    let innocent = Ipv4 { source: [203, 0, 113, 9], ..Ipv4::default() }.fragments(&datagram("f"), 1_480);
    run.frame(0, LinkType::RAW, &innocent[0]);
    for index in 0..200_000_u32 {
        let hostile =
            Ipv4 { id: index as u16, protocol: (index >> 16) as u8, place: (8, true), ..Ipv4::default() };
        run.frame(1, LinkType::RAW, &hostile.around(&[0; 1_024]));
        assert!(run.assembler.bytes_held() <= FRAGMENT_BYTES_PER_SOURCE_MAX + 8_192);
    }
    assert!(run.counters().fragments_evicted as usize >= 200_000 - FRAGMENTED_PER_SOURCE_MAX);
    run.frame(2, LinkType::RAW, &innocent[1]);
    run.frame(2, LinkType::RAW, &innocent[2]);
    assert_eq!(run.messages.len(), 1);
}
