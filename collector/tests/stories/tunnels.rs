//! Whatever a message is wrapped in, the same message comes out.

use rules::{Flag, Flags, Timestamp, Transport};

use crate::build::{DESTINATION, Ipv4, Run, SOURCE, address, ethernet, invite, ip_udp, ipv6, joined, udp};
use crate::collector::{Frame, LinkType};

/// One frame gives one INVITE between the usual ends.
fn check(name: &str, link: LinkType, frame: &[u8]) {
    let mut run = Run::default();
    run.frame(7, link, frame);
    let [message] = run.messages.as_slice() else { panic!("{name}: {}", run.counters()) };
    assert_eq!(message.payload, invite("t", ""), "{name}");
    assert_eq!(message.flags, Flags::NONE, "{name}");
    assert_eq!(message.at, Timestamp(7), "{name}");
    if message.source.is_ipv4() {
        assert_eq!((message.source, message.destination), (address(SOURCE), address(DESTINATION)), "{name}");
    } else {
        assert_eq!(message.source, address("[2001:db8::1]:5060"), "{name}");
    }
}

fn plain() -> Vec<u8> {
    ip_udp(&invite("t", ""))
}

fn v6() -> Vec<u8> {
    ipv6(17, &udp(5060, 5060, &invite("t", "")))
}

/// IPv4 of other ends around UDP to `port` around `inner`.
fn outer_udp(port: u16, inner: &[u8]) -> Vec<u8> {
    outer(17, &udp(40_000, port, inner))
}

fn outer(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let ip = Ipv4 { source: [198, 51, 100, 1], destination: [198, 51, 100, 2], protocol, ..Ipv4::default() };
    ethernet(0x0800, &ip.around(inner))
}

#[test]
fn every_link_type_is_peeled() {
    let snap = joined(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &plain()]);
    let snap_length = u16::try_from(snap.len()).unwrap();
    let pppoe_length = u16::try_from(plain().len() + 2).unwrap();
    let pppoe = joined(&[&[0x11, 0, 0, 1], &pppoe_length.to_be_bytes(), &[0, 0x21], &plain()]);
    for (name, link, frame) in [
        ("Ethernet", LinkType::ETHERNET, ethernet(0x0800, &plain())),
        ("Ethernet with padding", LinkType::ETHERNET, joined(&[&ethernet(0x0800, &plain()), &[0; 9]])),
        ("Ethernet, IPv6", LinkType::ETHERNET, ethernet(0x86dd, &v6())),
        ("802.3 with LLC and SNAP", LinkType::ETHERNET, ethernet(snap_length, &snap)),
        ("VLAN", LinkType::ETHERNET, ethernet(0x8100, &joined(&[&[0, 5, 8, 0], &plain()]))),
        ("QinQ", LinkType::ETHERNET, ethernet(0x88a8, &joined(&[&[0, 5, 0x81, 0, 0, 6, 8, 0], &plain()]))),
        (
            "QinQ, old",
            LinkType::ETHERNET,
            ethernet(0x9100, &joined(&[&[0, 5, 0x81, 0, 0, 6, 8, 0], &plain()])),
        ),
        ("PPPoE", LinkType::ETHERNET, ethernet(0x8864, &pppoe)),
        ("PPPoE alone", LinkType::PPP_ETHER, pppoe),
        ("PPP", LinkType::PPP, joined(&[&[0, 0x21], &plain()])),
        ("PPP with HDLC address", LinkType::PPP, joined(&[&[0xff, 3, 0, 0x57], &v6()])),
        ("PPP, short protocol", LinkType::PPP_HDLC, joined(&[&[0xff, 3, 0x21], &plain()])),
        ("Cisco HDLC", LinkType::C_HDLC, joined(&[&[0x0f, 0, 8, 0], &plain()])),
        ("PPP of pppd", LinkType::PPP_PPPD, joined(&[&[1, 3, 0, 0x21], &plain()])),
        ("PPP with direction", LinkType::PPP_WITH_DIR, joined(&[&[1, 0xff, 3, 0, 0x21], &plain()])),
        ("BSD NULL, little-endian", LinkType::NULL, joined(&[&[2, 0, 0, 0], &plain()])),
        ("BSD NULL, big-endian", LinkType::NULL, joined(&[&[0, 0, 0, 30], &v6()])),
        ("OpenBSD LOOP", LinkType::LOOP, joined(&[&[0, 0, 0, 2], &plain()])),
        ("raw IPv4", LinkType::RAW, plain()),
        ("raw IPv6", LinkType::RAW, v6()),
        ("raw, BSD/OS", LinkType(12), plain()),
        ("raw, OpenBSD", LinkType(14), plain()),
        ("IPv4 only", LinkType::IPV4, plain()),
        ("IPv6 only", LinkType::IPV6, v6()),
        ("Linux cooked", LinkType::LINUX_SLL, joined(&[&[0; 14], &[8, 0], &plain()])),
        ("Linux cooked 2", LinkType::LINUX_SLL2, joined(&[&[8, 0], &[0; 18], &plain()])),
        (
            "Linux cooked 2, VLAN",
            LinkType::LINUX_SLL2,
            joined(&[&[0x81, 0], &[0; 18], &[0, 5, 8, 0], &plain()]),
        ),
        ("PPI", LinkType::PPI, joined(&[&[0, 0, 8, 0, 1, 0, 0, 0], &ethernet(0x0800, &plain())])),
        ("MPLS alone", LinkType::MPLS, joined(&[&[0, 1, 0x11, 64], &plain()])),
    ] {
        check(name, link, &frame);
    }
}

#[test]
fn every_tunnel_is_peeled() {
    let inner_ethernet = ethernet(0x0800, &plain());
    let gre = |bits: u16, protocol: u16, fields: &[u8], inner: &[u8]| {
        outer(47, &joined(&[&bits.to_be_bytes(), &protocol.to_be_bytes(), fields, inner]))
    };
    for (name, frame) in [
        ("MPLS, one label", ethernet(0x8847, &joined(&[&[0, 1, 0x11, 64], &plain()]))),
        (
            "MPLS, three labels",
            ethernet(0x8848, &joined(&[&[0, 1, 0x10, 64, 0, 2, 0x10, 64, 0, 1, 0x11, 64], &v6()])),
        ),
        (
            "MPLS pseudo-wire with control word",
            ethernet(0x8847, &joined(&[&[0, 1, 0x11, 64, 0, 0, 0, 0], &inner_ethernet])),
        ),
        ("MPLS pseudo-wire", ethernet(0x8847, &joined(&[&[0, 1, 0x11, 64], &inner_ethernet]))),
        (
            "MPLS pseudo-wire, address like IPv4",
            ethernet(0x8847, &joined(&[&[0, 1, 0x11, 64, 0x45], &inner_ethernet[1..]])),
        ),
        ("IP in IP", outer(4, &plain())),
        ("6in4", outer(41, &v6())),
        ("4in6", ethernet(0x86dd, &ipv6(4, &plain()))),
        ("GRE", gre(0, 0x0800, &[], &plain())),
        ("GRE with checksum, key, sequence", gre(0xb000, 0x86dd, &[0; 12], &v6())),
        ("GRE, Ethernet", gre(0x2000, 0x6558, &[0; 4], &inner_ethernet)),
        ("GRE, PPTP", gre(0x3081, 0x880b, &[0; 12], &joined(&[&[0xff, 3, 0, 0x21], &plain()]))),
        ("ERSPAN I", gre(0, 0x88be, &[], &inner_ethernet)),
        ("ERSPAN II", gre(0x1000, 0x88be, &[0; 12], &inner_ethernet)),
        ("ERSPAN III", gre(0x1000, 0x22eb, &[0; 16], &inner_ethernet)),
        (
            "ERSPAN III with platform",
            gre(0x1000, 0x22eb, &joined(&[&[0; 15], &[1], &[0; 8]]), &inner_ethernet),
        ),
        ("GTP-U", outer_udp(2152, &joined(&[&[0x30, 255, 0, 0, 0, 0, 0, 1], &plain()]))),
        (
            "GTP-U, sequence",
            outer_udp(2152, &joined(&[&[0x32, 255, 0, 0, 0, 0, 0, 1, 0, 9, 0, 0], &plain()])),
        ),
        (
            "GTP-U, extensions",
            outer_udp(
                2152,
                &joined(&[
                    &[0x34, 255, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 1, 0x85],
                    &[2, 0, 0, 0, 0, 0, 0, 0],
                    &plain(),
                ]),
            ),
        ),
        ("VXLAN", outer_udp(4789, &joined(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner_ethernet]))),
        ("VXLAN, Linux port", outer_udp(8472, &joined(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner_ethernet]))),
        ("VXLAN-GPE", outer_udp(4790, &joined(&[&[0x0c, 0, 0, 1, 0, 0, 1, 0], &plain()]))),
        ("Geneve", outer_udp(6081, &joined(&[&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 0, 0, 0, 0], &inner_ethernet]))),
        ("L2TP", outer_udp(1701, &joined(&[&[0x40, 2, 0, 0, 0, 1, 0, 1, 0xff, 3, 0, 0x21], &plain()]))),
        ("TZSP", outer_udp(37008, &joined(&[&[1, 0, 0, 1, 0, 10, 1, 7, 1], &inner_ethernet]))),
        ("EtherIP", outer(97, &joined(&[&[0x30, 0], &inner_ethernet]))),
    ] {
        check(name, LinkType::ETHERNET, &frame);
    }
}

#[test]
fn headers_of_ip_with_options_and_extensions_are_passed() {
    let options = Ipv4 { options: vec![1; 40], ..Ipv4::default() };
    check("IPv4 options", LinkType::RAW, &options.around(&udp(5060, 5060, &invite("t", ""))));
    let datagram = udp(5060, 5060, &invite("t", ""));
    let extensions = [
        [60, 0, 1, 4, 0, 0, 0, 0].as_slice(),
        &[43, 0, 1, 4, 0, 0, 0, 0],
        &[51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[44, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[17, 0, 0, 0, 0, 0, 0, 9],
    ];
    check("IPv6 extensions", LinkType::RAW, &ipv6(0, &joined(&[&extensions.concat(), &datagram])));
    let mut offloaded = plain();
    offloaded[2..4].copy_from_slice(&[0, 0]);
    check("a length left to the network card", LinkType::RAW, &offloaded);
}

#[test]
fn tunnels_inside_each_other_end_at_the_bound() {
    let (mut few, mut many) = (plain(), plain());
    for _ in 0..20 {
        few = Ipv4 { protocol: 4, ..Ipv4::default() }.around(&few);
    }
    check("20 times IP in IP", LinkType::RAW, &few);
    for _ in 0..2_000 {
        many = Ipv4 { protocol: 4, ..Ipv4::default() }.around(&many);
    }
    let mut run = Run::default();
    run.frame(0, LinkType::RAW, &many);
    assert_eq!((run.messages.len(), run.counters().too_deep), (0, 1));
    let atomic = [44, 0, 0, 0, 0, 0, 0, 1].repeat(4_000);
    run.frame(0, LinkType::RAW, &ipv6(44, &atomic));
    assert_eq!(run.counters().damaged, 1, "{}", run.counters());
}

#[test]
fn a_frame_cut_by_the_snap_length_gives_what_is_there() {
    let whole = ethernet(0x0800, &plain());
    let mut run = Run::default();
    let data = &whole[..200];
    run.take(Frame {
        at: Timestamp(1),
        link: LinkType::ETHERNET,
        data,
        original_length: u32::try_from(whole.len()).unwrap(),
    });
    assert_eq!(run.messages.len(), 1);
    assert_eq!(run.messages[0].flags, Flags::of(Flag::Truncated));
    assert_eq!(run.messages[0].payload, invite("t", "")[..200 - 42]);
    assert_eq!((run.counters().frames_cut, run.counters().messages_truncated), (1, 1));
}

#[test]
fn what_is_no_sip_is_counted_by_its_reason() {
    let mut run = Run::default();
    let dns = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let quoted = joined(&[&[3, 3, 0, 0, 0, 0, 0, 0], &plain()]);
    for (link, frame) in [
        (LinkType::ETHERNET, ethernet(0x0806, &[0; 28])),
        (LinkType::ETHERNET, ethernet(0x0800, &ip_udp(&dns))),
        (LinkType::ETHERNET, ethernet(0x0800, &ip_udp(b"\r\n\r\n"))),
        (LinkType::ETHERNET, ethernet(0x0800, &Ipv4 { protocol: 1, ..Ipv4::default() }.around(&quoted))),
        (LinkType::ETHERNET, ethernet(0x0800, &Ipv4 { protocol: 50, ..Ipv4::default() }.around(&[0; 20]))),
        (LinkType::ETHERNET, ethernet(0x0800, &plain()[..12])),
        (LinkType::IEEE802_11_RADIOTAP, plain()),
        (LinkType(195), plain()),
    ] {
        run.frame(0, link, &frame);
    }
    let counters = run.counters();
    assert_eq!(run.messages, []);
    let reasons = [
        counters.frames,
        counters.not_ip,
        counters.not_sip,
        counters.icmp,
        counters.other_protocol,
        counters.damaged,
        counters.wireless,
        counters.unknown_link,
    ];
    assert_eq!(reasons, [8, 1, 2, 1, 1, 1, 1, 1]);
    assert_eq!(reasons[0], reasons[1..].iter().sum::<u64>());
}

#[test]
fn sctp_carries_sip_in_whole_data_chunks() {
    let message = invite("t", "");
    let length = u16::try_from(message.len() + 16).unwrap();
    let chunks = joined(&[
        &[0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 0, 0, 0, 0, 0],
        &[3, 0, 0, 6, 1, 2, 0, 0],
        &[0, 3],
        &length.to_be_bytes(),
        &[0; 12],
        &message,
    ]);
    let mut run = Run::default();
    run.frame(0, LinkType::RAW, &Ipv4 { protocol: 132, ..Ipv4::default() }.around(&chunks));
    assert_eq!(run.messages.len(), 1, "{}", run.counters());
    assert_eq!((run.messages[0].transport, &run.messages[0].payload), (Transport::Sctp, &message));
}
