//! Peers over TCP and TLS: framing, and who sits in the way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::overload::accounted;
use super::{Call, POLICY, Service, header, now, status, within};

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn call<'a>(caller: &'a str, call_id: &'a str) -> Call<'a> {
    Call { transport: "TCP", call_id, ..Call::new(caller, "+12105550150") }
}

/// Reads responses until there are so many.
fn responses(stream: &mut TcpStream, count: usize) -> Vec<String> {
    let mut text = String::new();
    let mut room = [0; 4096];
    while text.matches("\r\n\r\n").count() < count {
        let read = stream.read(&mut room).unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&room[..read]).unwrap());
    }
    text.split_inclusive("\r\n\r\n").map(str::to_owned).collect()
}

#[test]
fn answers_come_in_order_however_the_bytes_are_cut() {
    let service = Service::start("serve-tcp", POLICY, "");
    let mut all = Vec::new();
    for (caller, call_id) in [("+13035550142", "a"), ("+13035550105", "b"), ("+13035550106", "c")] {
        all.extend(call(caller, call_id).by(5060));
    }
    for cut in [1, 7, 100, 100_000] {
        let mut stream = connect(service.address("tcp:"));
        for piece in all.chunks(cut) {
            stream.write_all(piece).unwrap();
        }
        let said = responses(&mut stream, 3);
        let statuses: Vec<u16> = said.iter().map(|response| status(response)).collect();
        assert_eq!(statuses, [302, 486, 603], "cut at {cut}");
        assert_eq!(header(&said[1], "Call-ID"), Some("b"));
    }
    let lines = service.lines("calls.jsonl", 3);
    assert!(lines.iter().all(|line| line["transport"] == "tcp"));
}

#[test]
fn a_length_that_lies_is_refused_and_the_connection_closed() {
    let service = Service::start("serve-length", POLICY, "");
    for length in ["-1", "4294967301", "99999999999", "5\r\nContent-Length: 7"] {
        let mut stream = connect(service.address("tcp:"));
        let request = String::from_utf8(call("+13035550142", "l").by(5060)).unwrap();
        stream
            .write_all(request.replace("Content-Length: 0", &format!("Content-Length: {length}")).as_bytes())
            .unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(status(&said), 400, "{length}");
    }
    assert_eq!(service.metric("ringwall_connections_total{kind=\"bad-framing\"}"), 4);
}

#[test]
fn who_finds_no_place_to_wait_is_told_so_on_a_connection_that_stays() {
    let peers = "overload_after_milliseconds = 60000\nretry_after_seconds = 7\n\
                 [[redirect.peer]]\nname = \"carrier\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77\"\n";
    let service = Service::start_faulty("serve-queue", POLICY, peers, "judge-micros=2000");
    let mut streams: Vec<TcpStream> = (0..10).map(|_| connect(service.address("tcp:"))).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        let calls = (0..EACH - 1).map(|index| ("+12105550150", format!("{number}-{index}")));
        let mut all = Vec::new();
        // The last one is an emergency call.
        for (called, call_id) in calls.chain([("911", format!("{number}-e"))]) {
            let branch = format!("z9hG4bK{call_id}");
            all.extend(Call { called, branch: &branch, ..call("+13035550142", &call_id) }.by(5060));
        }
        stream.write_all(&all).unwrap();
    }
    let said: Vec<Vec<String>> = streams.iter_mut().map(|stream| responses(stream, EACH)).collect();
    let of = |wanted: u16| said.iter().flatten().filter(|said| status(said) == wanted).count();
    println!("{} decided, {} had no place", of(302), of(503));
    assert_eq!(of(302) + of(503), 10 * EACH);
    assert!(of(503) > 100 && of(302) > 1_000, "{} and {}", of(302), of(503));
    for said in said.iter().flatten() {
        assert_eq!(header(said, "Retry-After"), (status(said) == 503).then_some("7"), "{said}");
        let is_urgent = header(said, "Call-ID").unwrap().ends_with("-e");
        assert!(!is_urgent || status(said) == 302, "emergency calls pass: {said}");
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        let call_id = format!("{number}-after");
        stream.write_all(&Call { branch: &call_id, ..call("+13035550106", &call_id) }.by(5060)).unwrap();
        assert_eq!(status(&responses(stream, 1)[0]), 603, "the connection stays");
    }
    let received = service.total("ringwall_messages_received_total");
    assert_eq!((received, accounted(&service)), (10 * EACH as u64 + 10, received));
}

/// Calls on each connection: fewer than the answers that may wait for it.
const EACH: usize = 250;

#[test]
fn who_is_slow_is_closed_and_who_takes_many_places_gets_no_more() {
    let peers = "message_seconds_max = 1\nconnections_max = 8\nconnections_of_one_address_max = 4\n\
                 [[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\ntrusted = true\nnext_hop = \"sip:192.0.2.77\"\n\
                 [[redirect.peer]]\nname = \"others\"\nfrom = [\"127.0.0.0/8\"]\nnext_hop = \"sip:192.0.2.77\"\n";
    let service = Service::start("serve-slow", POLICY, peers);
    let address = service.address("tcp:");
    let begun = now();
    let mut slow = connect(address);
    slow.write_all(b"INVITE sip:1@acme.example SIP/2.0\r\nVia: ").unwrap();
    assert_eq!(slow.read(&mut [0; 16]).unwrap(), 0, "closed");
    assert!((1..4).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(service.metric("ringwall_connections_total{kind=\"slow\"}"), 1);

    let mut held: Vec<TcpStream> = (0..4).map(|_| connect(address)).collect();
    let opened = || service.metric("ringwall_connections_total{kind=\"opened\"}");
    within(5, || (opened() == 5).then_some(())).unwrap();
    assert_eq!(connect(address).read(&mut [0; 16]).unwrap_or(0), 0, "a fifth is refused");
    assert_eq!(service.metric("ringwall_connections_total{kind=\"too-many-of-one\"}"), 1);
    let mut first = held.remove(0);
    first.write_all(&call("+13035550142", "f").by(5060)).unwrap();
    assert_eq!(status(&responses(&mut first, 1)[0]), 302, "those that are there still ask");
}

#[test]
fn a_stranger_finds_nobody_on_tcp() {
    let peer = "[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.8\"]\nnext_hop = \"sip:192.0.2.77\"\n";
    let service = Service::start("serve-tcp-stranger", POLICY, peer);
    let mut stream = connect(service.address("tcp:"));
    let _ = stream.write_all(&call("+13035550142", "s").by(5060));
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    assert_eq!(service.metric("ringwall_strangers_total{kind=\"dropped\"}"), 1);
}

#[test]
fn who_asked_before_the_end_is_answered() {
    let service = Service::start("serve-end", POLICY, "");
    let mut stream = connect(service.address("tcp:"));
    let all: Vec<u8> =
        (0..50).flat_map(|index| call("+13035550142", &format!("end-{index}")).by(5060)).collect();
    stream.write_all(&all).unwrap();
    within(5, || (service.metric("ringwall_messages_received_total{kind=\"tcp\"}") == 50).then_some(()))
        .unwrap();
    drop(service.stop());
    assert_eq!(responses(&mut stream, 50).len(), 50);
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0, "closed");
}
