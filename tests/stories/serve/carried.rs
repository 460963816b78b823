//! Calls through the proxy over connections: TCP and TLS towards callers and next hops, and from one transport to another.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::peers::{Running, free_port, has};
use super::{Call, POLICY, Phone, Service, fresh, header, status, within};
use crate::support::Scratch;

/// `[proxy]` that calls of 127.0.0.1 go through to `to`, over what it says.
fn config(to: &str, more: &str) -> String {
    format!(
        "udp = [\"127.0.0.1:0\"]\ntcp = []\n[proxy]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n{more}\n\
         [[proxy.next_hop]]\nname = \"switch\"\nto = [{to}]\nhealth_seconds = 0\n\
         [[proxy.peer]]\nname = \"carrier\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"switch\"\n"
    )
}

/// Where calls go through `service` over `what`.
fn entry(service: &Service, what: &str) -> SocketAddr {
    let (_, words) = service.ready.split_once(" proxy ").unwrap_or_else(|| panic!("{}", service.ready));
    words.split_whitespace().find_map(|word| word.strip_prefix(what)).unwrap().parse().unwrap()
}

/// SIPp as a switch at `place` that is asked over `transport`.
fn switch(service: &Service, place: SocketAddr, transport: &str) -> Running {
    let running = Running(
        Command::new("sipp")
            .args([
                "-sn",
                "uas",
                "-t",
                transport,
                "-i",
                &place.ip().to_string(),
                "-p",
                &place.port().to_string(),
            ])
            .args(["-nostdin", "-timeout", "60s", "-trace_err"])
            .current_dir(service.scratch.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let is_there = || match transport {
        "u1" => std::net::UdpSocket::bind(place).err().map(drop),
        _ => TcpListener::bind(place).err().map(drop),
    };
    within(10, is_there).expect("sipp listens");
    running
}

/// SIPp as a carrier that calls over `transport`, talks for a moment and hangs up.
fn calls(service: &Service, transport: &str, to: SocketAddr, count: u32) {
    let output = Command::new("sipp")
        .args([
            "-sn",
            "uac",
            "-t",
            transport,
            "-i",
            "127.0.0.1",
            "-s",
            "+12105550150",
            "-d",
            "100",
            "-nostdin",
        ])
        .args([
            "-timeout",
            "40s",
            "-timeout_error",
            "-max_socket",
            "500",
            "-l",
            "50",
            "-r",
            "200",
            "-trace_err",
        ])
        .args(["-m", &count.to_string()])
        .arg(to.to_string())
        .current_dir(service.scratch.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{transport}: {}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        service.errors()
    );
}

fn of_connections(service: &Service, kind: &str) -> u64 {
    service.metric(&format!("ringwall_connections_total{{kind=\"{kind}\"}}"))
}

#[test]
fn sipp_calls_go_through_over_tcp_and_from_one_transport_to_the_other() {
    if !has("sipp", "-v") {
        return;
    }
    for (outside, inside, taken, made) in
        [("t1", "t1", 1, 1), ("u1", "t1", 0, 1), ("t1", "u1", 1, 0), ("tn", "t1", 100, 1)]
    {
        let place = SocketAddr::new([127, 0, 0, 2].into(), free_port());
        let prefix = if inside == "t1" { "tcp:" } else { "" };
        let name = format!("carried-{outside}-{inside}");
        let service = Service::start(&name, POLICY, &config(&format!("\"{prefix}{place}\""), ""));
        let _switch = switch(&service, place, inside);
        calls(&service, outside, entry(&service, if outside == "u1" { "udp:" } else { "tcp:" }), 100);
        for line in service.lines("calls.jsonl", 100) {
            assert_eq!(
                (&line["status"], &line["answered"], &line["hung_up"]),
                (&200.into(), &true.into(), &"caller".into()),
                "{outside} {inside}"
            );
        }
        // One connection carries all calls to the switch, and each answer goes where its request came from.
        assert_eq!(
            (of_connections(&service, "opened"), of_connections(&service, "made")),
            (taken, made),
            "{name}"
        );
        assert_eq!(service.metric("ringwall_send_failures_total"), 0);
        assert_eq!(service.total("ringwall_not_forwarded_total"), 0);
    }
}

/// A certificate for 127.0.0.1 and 127.0.0.2 that vouches for itself, in `scratch`.
fn certificate(scratch: &Scratch) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=switch.example", "-addext", "basicConstraints=critical,CA:TRUE"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

const TLS: &str = "tls = [\"127.0.0.1:0\"]\ncertificate = \"own.pem\"\nkey = \"own-key.pem\"\nauthorities = \"certificate.pem\"";

/// A service with TLS on both sides, for calls to `to`.
fn with_tls(name: &str, to: &str) -> Service {
    let scratch = Scratch::new(name);
    let authority = rcgen::CertifiedIssuer::self_signed(
        {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name.push(rcgen::DnType::CommonName, "Authority of a story");
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        },
        rcgen::KeyPair::generate().unwrap(),
    )
    .unwrap();
    for (certificate, key) in [("own.pem", "own-key.pem"), ("switch.pem", "switch-key.pem")] {
        let pair = rcgen::KeyPair::generate().unwrap();
        let names = ["127.0.0.1", "127.0.0.2", "localhost"].map(str::to_owned);
        let signed = rcgen::CertificateParams::new(names).unwrap().signed_by(&pair, &authority).unwrap();
        scratch.write(certificate, signed.pem());
        scratch.write(key, pair.serialize_pem());
    }
    scratch.write("certificate.pem", authority.pem());
    scratch.write("acme.toml", POLICY);
    Service::resume(scratch, &config(to, TLS))
}

/// Reads messages until there are so many.
fn read(from: &mut impl Read, count: usize) -> Vec<String> {
    let mut text = String::new();
    let mut room = [0; 8192];
    while text.matches("\r\n\r\n").count() < count {
        let read = from.read(&mut room).unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&room[..read]).unwrap());
    }
    text.split_inclusive("\r\n\r\n").map(str::to_owned).collect()
}

/// What a switch at `contact` says to `request`.
fn answer(request: &str, said: &str, contact: &str) -> String {
    let names = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"];
    let lines = request.lines().filter(|line| names.contains(&line.split(':').next().unwrap()));
    let lines: String = lines
        .map(|line| {
            let tag = if line.starts_with("To:") && !line.contains("tag=") { ";tag=to" } else { "" };
            format!("{line}{tag}\r\n")
        })
        .collect();
    format!("SIP/2.0 {said}\r\n{lines}Contact: <sip:{contact}>\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn openssl_is_called_through_over_tls_and_calls_back_over_the_same_connection() {
    if !has("openssl", "version") {
        return;
    }
    let place = SocketAddr::new([127, 0, 0, 2].into(), free_port());
    let service = with_tls("carried-tls", &format!("\"tls:{place}\""));
    // The switch is openssl; what it reads and says is ours.
    let mut switch = Running(
        Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-naccept",
                "1",
                "-accept",
                &place.to_string(),
                "-cert",
                "switch.pem",
            ])
            .args(["-key", "switch-key.pem"])
            .current_dir(service.scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut carrier = Running(
        Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-verify_return_error",
                "-verify_ip",
                "127.0.0.1",
                "-CAfile",
                "certificate.pem",
            ])
            .args(["-connect", &entry(&service, "tls:").to_string()])
            .current_dir(service.scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    within(10, || TcpListener::bind(place).err()).expect("openssl listens");
    let (mut to_carrier, mut from_carrier) =
        (carrier.0.stdin.take().unwrap(), carrier.0.stdout.take().unwrap());
    let (mut to_switch, mut from_switch) = (switch.0.stdin.take().unwrap(), switch.0.stdout.take().unwrap());
    let call = Call { transport: "TLS", ..Call::new("+13035550142", "+12105550150") };
    to_carrier.write_all(&call.by(5061)).unwrap();
    let invite = read(&mut from_switch, 1).remove(0);
    assert!(invite.starts_with("INVITE sip:+12105550150@"), "{invite}");
    assert!(header(&invite, "Via").unwrap().starts_with("SIP/2.0/TLS 127.0.0.1:"), "{invite}");
    assert!(header(&invite, "Record-Route").unwrap().ends_with(";transport=tls;lr>"), "{invite}");
    to_switch.write_all(answer(&invite, "200 OK", &format!("{place};transport=tls")).as_bytes()).unwrap();
    let ok = read(&mut from_carrier, 1).remove(0);
    assert_eq!(status(&ok), 200);
    // One that is blocked is answered at once, and the switch never hears of it.
    let blocked = Call { call_id: "two", ..Call { caller: "+13035550106", ..call } };
    to_carrier.write_all(&blocked.by(5061)).unwrap();
    assert_eq!(status(&read(&mut from_carrier, 1)[0]), 603);
    let route = header(&ok, "Record-Route").unwrap();
    let bye = format!(
        "BYE sip:{place};transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bKbye\r\nRoute: {route}\r\nMax-Forwards: 70\r\n\
         From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
        header(&ok, "From").unwrap(),
        header(&ok, "To").unwrap(),
        header(&ok, "Call-ID").unwrap()
    );
    to_carrier.write_all(bye.as_bytes()).unwrap();
    assert!(read(&mut from_switch, 1)[0].starts_with("BYE "));
    assert_eq!(of_connections(&service, "made"), 1, "all over one connection");
    assert_eq!(service.lines("calls.jsonl", 2).len(), 2);
}

#[test]
fn a_next_hop_that_cannot_show_who_it_is_gets_no_call() {
    if !has("openssl", "version") {
        return;
    }
    let place = SocketAddr::new([127, 0, 0, 2].into(), free_port());
    let service = with_tls("carried-impostor", &format!("\"tls:{place}\""));
    certificate(&service.scratch);
    let _impostor = Running(
        Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-accept",
                &place.to_string(),
                "-cert",
                "certificate.pem",
                "-key",
                "key.pem",
            ])
            .current_dir(service.scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    within(10, || TcpListener::bind(place).err()).expect("openssl listens");
    let phone = Phone::new(entry(&service, "udp:"));
    let said = phone.ask(&Call::new("+13035550142", "+12105550150").by(phone.port()));
    assert_eq!(status(&said), 503, "{said}");
    assert_eq!((of_connections(&service, "no-handshake"), of_connections(&service, "not-made")), (1, 1));
}

#[test]
fn a_next_hop_that_takes_no_connection_is_told_to_the_caller_at_once() {
    let place = SocketAddr::new([127, 0, 0, 2].into(), free_port());
    let service = Service::start("carried-nobody", POLICY, &config(&format!("\"tcp:{place}\""), ""));
    let phone = Phone::new(entry(&service, "udp:"));
    let begin = super::now();
    let said = phone.ask(&Call::new("+13035550142", "+12105550150").by(phone.port()));
    assert_eq!(status(&said), 503, "{said}");
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(of_connections(&service, "not-made"), 1);
    // It comes to life, and takes the next one.
    let listener = TcpListener::bind(place).unwrap();
    let call_id = fresh();
    phone.send(&Call { call_id: &call_id, ..Call::new("+13035550142", "+12105550150") }.by(phone.port()));
    let mut inside = listener.accept().unwrap().0;
    let invite = read(&mut inside, 1).remove(0);
    assert_eq!(header(&invite, "Call-ID"), Some(call_id.as_str()));
}

#[test]
fn a_call_over_tcp_reaches_a_switch_over_udp_by_name_however_it_is_cut_and_back() {
    // A switch on 127.0.0.1, called by the name that the system has for it; the carrier is on 127.0.0.3.
    let inside = Phone::at("127.0.0.1", SocketAddr::from(([127, 0, 0, 1], 0)));
    let place = inside.socket.local_addr().unwrap();
    let by_name = config(&format!("\"localhost:{}\"", place.port()), "lookup_seconds = 1")
        .replace("from = [\"127.0.0.1\"]", "from = [\"127.0.0.3\"]");
    let service = Service::start("carried-name", POLICY, &by_name);
    let inside = Phone { server: entry(&service, "udp:"), ..inside };
    assert!(service.metric("ringwall_lookups_total{kind=\"found\"}") > 0);
    let mut carrier = super::slow::connect_from([127, 0, 0, 3], entry(&service, "tcp:")).unwrap();
    carrier.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    carrier.set_nodelay(true).unwrap();
    let own = carrier.local_addr().unwrap();
    for cut in [1, 50, 10_000] {
        let call_id = fresh();
        let extra = format!("Contact: <sip:carrier@{own};transport=tcp>\r\n");
        let call = Call {
            transport: "TCP",
            call_id: &call_id,
            extra: &extra,
            ..Call::new("+13035550142", "+12105550150")
        };
        for piece in call.by(own.port()).chunks(cut) {
            carrier.write_all(piece).unwrap();
        }
        let invite = inside.receive();
        assert_eq!(header(&invite, "Call-ID"), Some(call_id.as_str()));
        assert!(header(&invite, "Via").unwrap().starts_with("SIP/2.0/UDP "), "{invite}");
        // Each side finds us by its own transport (RFC 5658).
        let routes: Vec<&str> = invite.lines().filter(|line| line.starts_with("Record-Route: ")).collect();
        assert_eq!(routes.len(), 2, "{invite}");
        assert!(!routes[0].contains("transport") && routes[1].contains(";transport=tcp;lr"), "{invite}");
        // No length stands in it: over a connection it must.
        let ok = answer(&invite, "200 OK", &place.to_string()).replace("Content-Length: 0\r\n", "");
        inside.send(ok.as_bytes());
        let ok = read(&mut carrier, 1).remove(0);
        assert_eq!((status(&ok), header(&ok, "Content-Length")), (200, Some("0")));
        // Who was called hangs up, and the caller hears of it over its own connection.
        let bye = format!(
            "BYE sip:carrier@{own};transport=tcp SIP/2.0\r\nVia: SIP/2.0/UDP {place};branch=z9hG4bK{call_id}\r\nRoute: {}, {}\r\n\
             Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\n\r\n",
            &routes[0][14..],
            &routes[1][14..],
            header(&ok, "To").unwrap(),
            header(&ok, "From").unwrap()
        );
        inside.send(bye.as_bytes());
        let bye = read(&mut carrier, 1).remove(0);
        assert!(bye.starts_with("BYE ") && header(&bye, "Content-Length") == Some("0"), "{bye}");
        carrier.write_all(answer(&bye, "200 OK", "x").as_bytes()).unwrap();
        assert_eq!(status(&inside.receive()), 200);
    }
    let lines = service.lines("calls.jsonl", 3);
    assert!(lines.iter().all(|line| line["transport"] == "tcp" && line["hung_up"] == "called"), "{lines:?}");
    assert_eq!(of_connections(&service, "opened"), 1);
}

#[test]
fn who_does_not_read_loses_its_connection_and_nobody_waits_for_it() {
    let inside = Phone::at("127.0.0.2", SocketAddr::from(([127, 0, 0, 1], 0)));
    let place = inside.socket.local_addr().unwrap();
    let service =
        Service::start("carried-deaf", POLICY, &config(&format!("\"{place}\""), "message_seconds_max = 1"));
    let mut deaf = TcpStream::connect(entry(&service, "tcp:")).unwrap();
    deaf.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let memory = service.memory();
    // Each is answered at once and at length, and the answers are never read.
    let extra = format!("Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK{}\r\n", "x".repeat(8_000));
    let call = Call { transport: "TCP", method: "OPTIONS", extra: &extra, ..Call::new("1", "2") };
    let options = String::from_utf8(call.by(5060)).unwrap();
    let options = options.replacen("sip:2@acme.example", &format!("sip:{}", entry(&service, "tcp:")), 1);
    let begin = super::now();
    while deaf.write_all(options.as_bytes()).is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(20), "somebody takes all of it");
    }
    // What waits for the disk has a bound of its own, and messages as long as these come near it.
    assert!(service.memory() < memory + (256 << 10), "{} KiB", service.memory());
    let phone = Phone::new(entry(&service, "udp:"));
    let said =
        phone.ask(&Call { call_id: "last", ..Call::new("+13035550106", "+12105550150") }.by(phone.port()));
    assert_eq!(status(&said), 603);
}
