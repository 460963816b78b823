//! HEP in: what agents saw is judged and recorded as if it had been captured here, and nobody is answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use collector::{Assembler, Merge};
use engine::Packet;
use rules::Transport;
use serde_json::Value;

use super::agent::{ON, Told, address, agent, call, connection, expect, micros, send, without_moments};
use super::{Service, within};
use crate::support::messages::Dialog;
use crate::support::packets::Path;
use crate::support::{Scratch, call_lines, shared};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
response = { list = 603, threshold = 480 }

[[firewall]]
name = "known bad"
when = { caller = "+1 303 555 0106" }
action = "block"
alert = "critical"

[[ips]]
name = "keeps calling"
when = { direction = "inbound" }
count = "attempts"
per = ["caller"]
within = "10m"
warning = 3
"#;

#[test]
fn a_call_that_an_agent_tells_of_is_recorded_from_ring_to_end_over_udp_and_tcp() {
    let service = Service::start("hep-call", POLICY, ON);
    let begin = micros() - 4_000_000;
    let over_udp = Dialog { call_id: "udp@example.com", ..Dialog::default() };
    let socket = agent(&service);
    send(&socket, &call(&over_udp, begin, ""));
    expect(&service, "hep_packets_total{kind=\"sip\"}", 7);
    // Over TCP packets end nowhere in particular.
    for (cut, call_id) in [(1, "tcp1@example.com"), (333, "tcp333@example.com"), (100_000, "tcp@example.com")]
    {
        let over_tcp = Dialog { call_id, from: "+13035550106", ..Dialog::default() };
        let mut stream = connection(&service);
        for piece in call(&over_tcp, begin, "").concat().chunks(cut) {
            stream.write_all(piece).unwrap();
        }
        // Judged before the next one begins: lines are in order.
        expect(
            &service,
            "hep_received_total{kind=\"tcp\"}",
            if cut == 1 {
                7
            } else if cut == 333 {
                14
            } else {
                21
            },
        );
    }
    let lines = service.lines("calls.jsonl", 4);
    assert_eq!(lines.len(), 4);
    for line in &lines {
        assert_eq!((&line["status"], &line["answered"]), (&200.into(), &true.into()), "{line}");
        assert_eq!((&line["ring_seconds"], &line["duration_seconds"]), (&1.0.into(), &2.0.into()), "{line}");
        assert_eq!(
            (&line["source"], &line["hung_up"]),
            (&"192.0.2.1:5060".into(), &"called".into()),
            "{line}"
        );
    }
    assert_eq!((&lines[0]["verdict"], &lines[0]["call_id"]), (&"allow".into(), &"udp@example.com".into()));
    let start = lines[0]["start"].as_str().unwrap();
    assert!(start.ends_with(&format!(".{:06}Z", begin % 1_000_000)), "{start} is not the stamp {begin}");
    // What would have been done, and what was done all the same.
    for line in &lines[1..] {
        assert_eq!((&line["verdict"], &line["rule"]), (&"block".into(), &"known bad".into()), "{line}");
        assert_eq!(line["action_status"], 603);
    }
    let alerts = service.lines("alerts.jsonl", 2);
    assert_eq!(alerts[0]["rule"], "known bad");
    assert_eq!(alerts[0]["sensor"], serde_json::json!({ "lost": 0, "answers_seen": 1 }), "{}", alerts[0]);
    // The redirect server has seen none of it.
    assert_eq!(service.metric("ringwall_messages_received_total{kind=\"udp\"}"), 0);
}

#[test]
fn only_who_has_the_key_or_the_address_is_believed() {
    let senders = "[[hep.sender]]\nname = \"keyed\"\nkey_file = \"key\"\n\
                   [[hep.sender]]\nname = \"by address\"\nfrom = [\"127.0.0.2\"]\n";
    let scratch = Scratch::new("hep-key");
    scratch.write("acme.toml", POLICY);
    scratch.write("key", "long enough\n");
    let service = Service::resume(scratch, &format!("{ON}{senders}"));
    let begin = micros() - 4_000_000;
    let dialog = |call_id| Dialog { call_id, ..Dialog::default() };
    let socket = agent(&service);
    for (call_id, key) in [
        ("none@example.com", ""),
        ("wrong@example.com", "long enougH"),
        ("long@example.com", "long enough\n"),
    ] {
        send(&socket, &call(&dialog(call_id), begin, key));
    }
    send(&socket, &call(&dialog("right@example.com"), begin, "long enough"));
    let other = UdpSocket::bind("127.0.0.2:0").unwrap();
    for packet in call(&dialog("address@example.com"), begin, "") {
        other.send_to(&packet, address(&service, "udp:")).unwrap();
    }
    let mut stream = connection(&service);
    stream.write_all(&call(&dialog("tcp-none@example.com"), begin, "").concat()).unwrap();
    stream.write_all(&call(&dialog("tcp-right@example.com"), begin, "long enough").concat()).unwrap();
    expect(&service, "hep_packets_total{kind=\"sip\"}", 21);
    expect(&service, "hep_packets_total{kind=\"stranger\"}", 28);
    let mut known: Vec<Value> =
        service.lines("calls.jsonl", 3).iter().map(|line| line["call_id"].clone()).collect();
    known.sort_by_key(Value::to_string);
    assert_eq!(known, ["address@example.com", "right@example.com", "tcp-right@example.com"]);
    // A key is written nowhere.
    assert!(!service.errors().contains("long enough"));
}

#[test]
fn strangers_are_closed_on_tcp_before_they_say_anything() {
    let service = Service::start(
        "hep-stranger",
        POLICY,
        &format!("{ON}[[hep.sender]]\nname = \"a\"\nfrom = [\"127.0.0.9\"]\n"),
    );
    let mut stream = connection(&service);
    let _ = stream.write_all(&call(&Dialog::default(), micros(), "").concat());
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    expect(&service, "hep_connections_total{kind=\"stranger\"}", 1);
    expect(&service, "hep_packets_total{kind=\"sip\"}", 0);
}

#[test]
fn a_clock_that_is_wrong_by_hours_moves_no_window() {
    let service = Service::start("hep-clock", POLICY, ON);
    let socket = agent(&service);
    let now = micros();
    // Ahead by a year: believed, it would end what is up and lift what is in force.
    for (index, off) in [3_600, -3_600, 31_536_000, -31_536_000].into_iter().enumerate() {
        let dialog =
            Dialog { call_id: ["a", "b", "c", "d"][index], from: "+13035550107", ..Dialog::default() };
        let begin = now + off * 1_000_000;
        send(&socket, &call(&dialog, begin, ""));
    }
    expect(&service, "hep_clock_wrong_total", 28);
    let lines = service.lines("calls.jsonl", 4);
    let day = &service_day(now);
    for line in &lines {
        assert!(line["start"].as_str().unwrap().starts_with(day.as_str()), "{line} on {day}");
        assert_eq!((&line["status"], &line["answered"]), (&200.into(), &true.into()), "{line}");
    }
    // The four count together, in one window of ten minutes.
    let alerts = service.lines("alerts.jsonl", 1);
    assert_eq!((&alerts[0]["rule"], &alerts[0]["level"]), (&"keeps calling".into(), &"warning".into()));
}

/// Tells of every message in a capture, as if it came now, in order. Returns how many there are.
pub(super) fn tell_capture(service: &Service, capture: &std::path::Path) -> u64 {
    let socket = agent(service);
    let (mut merge, mut assembler) = (Merge::open([capture]), Assembler::new());
    let mut sent = 0_u64;
    let mut tell = |packet: Packet<'_>| {
        let (SocketAddr::V4(from), SocketAddr::V4(to)) = (packet.source, packet.destination) else {
            panic!("{} has IPv6", capture.display())
        };
        let protocol = if packet.transport == Transport::Tcp { 6 } else { 17 };
        // Captures are years old: each packet counts from now, in order.
        let told = Told { path: Path { from, to }, protocol, ..Told::new(micros(), packet.payload) };
        socket.send(&told.packet()).unwrap();
        sent += 1;
        if sent.is_multiple_of(64) {
            expect(service, "hep_packets_total{kind=\"sip\"}", sent);
        }
    };
    while let Some(frame) = merge.next_frame() {
        assembler.assemble(frame, &mut tell);
    }
    assembler.finish(&mut tell);
    sent
}

/// The hour of this moment as records write it.
fn service_day(micros: i64) -> String {
    let (days, seconds) =
        (micros.div_euclid(86_400_000_000), micros.div_euclid(1_000_000).rem_euclid(86_400));
    // Days since 1970 as a date: Hinnant's civil_from_days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:", seconds / 3_600)
}

#[test]
fn hostile_packets_are_counted_and_survived() {
    let service = Service::start("hep-hostile", POLICY, ON);
    let socket = agent(&service);
    let good = Told::new(micros(), &Dialog::default().opening("OPTIONS", 1, "o", "")).packet();
    let (mut broken, mut strange) = (0, 0);
    let throw = |bytes: &[u8], count: &mut u64| {
        socket.send(bytes).unwrap();
        *count += 1;
        // So that none is lost where nobody could tell.
        if count.is_multiple_of(64) {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    // Truncated anywhere.
    (1..good.len()).for_each(|end| throw(&good[..end], &mut broken));
    // A length of all that is too long, and chunks that are too long, or shorter than their own header.
    for length in [0xffff_u16, good.len() as u16 + 1] {
        let mut bytes = good.clone();
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        throw(&bytes, &mut broken);
    }
    for length in [0_u16, 5, 0xffff] {
        let mut bytes = good.clone();
        bytes[10..12].copy_from_slice(&length.to_be_bytes());
        throw(&bytes, &mut broken);
    }
    // Nothing of HEP.
    for bytes in [&b"x"[..], b"GET / HTTP/1.1\r\n\r\n", &[0; 1_400], &[0xff; 65_000]] {
        throw(bytes, &mut broken);
    }
    // HEP in HEP, as deep as fits, and other things that are quoted.
    let mut nested = good;
    for _ in 0..40 {
        nested = Told::new(micros(), &nested).packet();
        throw(&nested, &mut strange);
    }
    throw(&Told { kind: 100, ..Told::new(micros(), b"a log line") }.packet(), &mut strange);
    throw(&Told { kind: 5, ..Told::new(micros(), b"{\"rtcp\":1}") }.packet(), &mut strange);
    throw(&Told::new(micros(), b"no SIP at all").packet(), &mut strange);
    // As long as a datagram can be.
    let long = Dialog::default().opening("OPTIONS", 2, "l", &format!("X: {}\r\n", "x".repeat(64_000)));
    socket.send(&Told::new(micros(), &long).packet()).unwrap();
    call(&Dialog { call_id: "after", ..Dialog::default() }, micros() - 4_000_000, "").iter().for_each(
        |packet| {
            socket.send(packet).unwrap();
        },
    );
    expect(&service, "hep_packets_total{kind=\"broken\"}", broken);
    expect(&service, "hep_packets_total{kind=\"other\"}", strange);
    expect(&service, "hep_packets_total{kind=\"sip\"}", 8);
    assert_eq!(service.metric("ringwall_hep_lost_total"), 0);
    assert_eq!(service.metric("ringwall_sensor_faults_total{kind=\"judging\"}"), 0);
    let lines = service.lines("calls.jsonl", 1);
    assert!(lines.iter().any(|line| line["call_id"] == "after" && line["answered"] == true), "{lines:?}");
}

#[test]
fn a_connection_that_breaks_off_or_loses_its_framing_is_counted_as_lost_sight() {
    let service = Service::start("hep-cut", POLICY, &format!("{ON}message_seconds_max = 1\n"));
    let dialog = |call_id| Dialog { call_id, from: "+13035550106", ..Dialog::default() };
    let whole = call(&dialog("cut"), micros() - 4_000_000, "").concat();
    // Gone in the middle of a packet: what came before it counts.
    let mut stream = connection(&service);
    stream.write_all(&whole[..whole.len() - 100]).unwrap();
    drop(stream);
    expect(&service, "hep_connections_total{kind=\"cut\"}", 1);
    // Silent in the middle of a packet.
    let mut stream = connection(&service);
    stream.write_all(&whole[..50]).unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "closed");
    expect(&service, "hep_connections_total{kind=\"slow\"}", 1);
    // It is unknown where the next one begins: closed, and what came before it counts.
    for broken in [&b"HEP2\0\x20"[..], b"HEP3\0\x05", b"INVITE sip:a"] {
        let mut stream = connection(&service);
        let before = call(&dialog("framing"), micros() - 4_000_000, "").concat();
        stream.write_all(&[&before, broken].concat()).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0, "closed");
    }
    expect(&service, "hep_connections_total{kind=\"bad-framing\"}", 3);
    expect(&service, "hep_packets_total{kind=\"sip\"}", 6 + 3 * 7);
    // An alert says how much was lost before it.
    let mut stream = connection(&service);
    let late = Dialog { call_id: "late", from: "+13035550109", ..Dialog::default() };
    for (index, call_id) in ["l1", "l2", "l3"].into_iter().enumerate() {
        let begin = micros() - 4_000_000 + index as i64;
        stream.write_all(&call(&Dialog { call_id, ..late.clone() }, begin, "").concat()).unwrap();
    }
    let found = within(5, || {
        let alerts = service.lines("alerts.jsonl", 1);
        alerts
            .into_iter()
            .find(|alert| alert["rule"] == "keeps calling" && alert["key"]["caller"] == "+13035550109")
    });
    let alert = found.unwrap_or_else(|| panic!("{:?}", service.lines("alerts.jsonl", 1)));
    assert_eq!(alert["sensor"]["lost"], 5, "{alert}");
}

#[test]
fn what_the_socket_cannot_hold_is_counted_and_every_alert_says_so() {
    let service = Service::start("hep-full", POLICY, ON);
    let socket = agent(&service);
    service.signal("-STOP");
    let long = Dialog::default().opening("OPTIONS", 1, "o", &format!("X: {}\r\n", "x".repeat(50_000)));
    let sent = 400;
    (0..sent).for_each(|_| drop(socket.send(&Told::new(micros(), &long).packet())));
    service.signal("-CONT");
    let lost = || service.metric("ringwall_hep_lost_total");
    // The system tells with the next that it takes.
    within(5, || {
        send(&socket, &[Told::new(micros(), b"no SIP").packet()]);
        (lost() > 0).then_some(())
    })
    .expect("nothing was lost");
    let dialog = Dialog { from: "+13035550106", ..Dialog::default() };
    send(&socket, &call(&dialog, micros() - 4_000_000, ""));
    let alert = &service.lines("alerts.jsonl", 1)[0];
    assert_eq!(alert["sensor"]["lost"], lost(), "{alert}");
    assert_eq!(lost() + service.metric("ringwall_hep_packets_total{kind=\"sip\"}"), sent + 7);
}

#[test]
fn a_call_that_is_up_when_the_service_stops_is_told_as_far_as_it_was_seen() {
    let service = Service::start("hep-stop", POLICY, ON);
    let socket = agent(&service);
    for packet in &call(&Dialog::default(), micros() - 4_000_000, "")[..5] {
        socket.send(packet).unwrap();
    }
    expect(&service, "hep_packets_total{kind=\"sip\"}", 5);
    assert!(super::lines(&service.data().join("calls.jsonl")).is_empty(), "it is up");
    let scratch = service.stop();
    let lines = super::lines(&scratch.path().join("data/calls.jsonl"));
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["answered"], &lines[0]["duration_seconds"]), (&true.into(), &Value::Null));
}

#[test]
fn counters_and_blocks_of_the_sensor_outlive_a_restart_beside_those_of_the_redirect_server() {
    let service = Service::start("hep-restart", POLICY, ON);
    let socket = agent(&service);
    for call_id in ["r1", "r2"] {
        let dialog = Dialog { call_id, ..Dialog::default() };
        send(&socket, &call(&dialog, micros() - 4_000_000, ""));
    }
    service.lines("calls.jsonl", 2);
    let service = Service::resume(service.stop(), ON);
    let third = Dialog { call_id: "r3", ..Dialog::default() };
    let socket = agent(&service);
    send(&socket, &call(&third, micros() - 4_000_000, ""));
    let alerts = service.lines("alerts.jsonl", 1);
    assert_eq!((&alerts[0]["rule"], &alerts[0]["count"]), (&"keeps calling".into(), &3.into()), "{alerts:?}");
}

#[test]
fn shared_captures_told_as_hep_give_the_records_of_their_replay() {
    let Some(shared) = shared() else { return };
    let mut compared = 0;
    for file in CAPTURES {
        let capture = shared.join("captures/captures").join(file);
        let service = Service::start("hep-captures", POLICY, ON);
        let sent = tell_capture(&service, &capture);
        expect(&service, "hep_packets_total{kind=\"sip\"}", sent);
        let scratch = service.stop();
        let mut told = super::lines(&scratch.path().join("data/calls.jsonl"));
        let policy = scratch.path().join("acme.toml");
        let mut replayed = call_lines(Some(&policy), &capture);
        assert_eq!(told.len(), replayed.len(), "{file}");
        for lines in [&mut told, &mut replayed] {
            lines.iter_mut().for_each(without_moments);
            lines.sort_by_key(ToString::to_string);
        }
        for (told, replayed) in told.iter().zip(&replayed) {
            assert_eq!(told, replayed, "{file}");
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

/// Captures whose calls do not depend on how long they took: UDP, TCP, other tunnels, refusals, transfers, attacks.
const CAPTURES: &[&str] = &[
    "sipnab/sip_call.pcap",
    "sipnab/Asterisk_ZFONE_XLITE.pcap",
    "sipnab/DTMFsipinfo.pcap",
    "sipnab/SIP_CALL_RTP_G711",
    "sipnab/b2bua-asterisk.pcapng",
    "sipnab/metasploit-sip-invite-spoof.pcap",
    "sipnab/register-invite-reinvite-bye.pcap",
    "sipnab/sip-488-codec-reject.pcapng",
    "sipnab/sip-over-tcp.pcap",
    "sipnab/sip-proxy.pcap",
    "sipnab/sip-routing-error.pcapng",
    "suricata-verify/sip-compact-form.pcap",
    "suricata-verify/sip-body-frames.pcap",
];
