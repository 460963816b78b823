//! Real peers: SIPp, Kamailio, OpenSSL.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Call, POLICY, Service, fresh, now, status, within};
use crate::support::Scratch;

/// Whether `program` is here. In CI it must be.
pub(super) fn has(program: &str, argument: &str) -> bool {
    if Command::new(program).arg(argument).output().is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{program} is missing in CI");
    println!("SKIPPED: {program} is not installed");
    false
}

/// A program of a story, ended with it.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let gone = within(5, || self.0.try_wait().unwrap());
        if gone.is_none() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A scenario of SIPp: one INVITE of `caller`, this answer, an ACK.
pub(super) fn scenario(scratch: &Scratch, name: &str, caller: &str, expected: u16) -> std::path::PathBuf {
    let request = |method: &str, to_tag: &str| {
        format!(
            "<![CDATA[\n\n{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0\nVia: SIP/2.0/[transport] \
             [local_ip]:[local_port];branch=[branch]\nFrom: <sip:{caller}@caller.example>;tag=[call_number]\n\
             To: <sip:[service]@acme.example>{to_tag}\nCall-ID: [call_id]\nCSeq: 1 {method}\n\
             Contact: <sip:sipp@[local_ip]:[local_port]>\nMax-Forwards: 70\nContent-Length: 0\n\n]]>"
        )
    };
    let (invite, ack) = (request("INVITE", ""), request("ACK", "[peer_tag_param]"));
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"{name}\">\n<send retrans=\"500\">{invite}</send>\n\
         <recv response=\"100\" optional=\"true\"/>\n<recv response=\"{expected}\"/>\n<send>{ack}</send>\n</scenario>\n"
    );
    scratch.write(&format!("{name}.xml"), text)
}

/// Runs SIPp to its end. Every call must go as the scenario says.
pub(super) fn sipp(scratch: &Scratch, scenario: &Path, transport: &str, server: SocketAddr, calls: u32) {
    let output = Command::new("sipp")
        .arg("-sf")
        .arg(scenario)
        .args([
            "-i",
            "127.0.0.1",
            "-s",
            "+12105550150",
            "-nostdin",
            "-timeout",
            "30s",
            "-timeout_error",
            "-max_socket",
            "1000",
            "-l",
            "50",
            "-r",
            "500",
        ])
        .args(["-t", transport, "-m", &calls.to_string(), &server.to_string()])
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn sipp_is_answered_over_udp_and_tcp() {
    if !has("sipp", "-v") {
        return;
    }
    let service = Service::start("serve-sipp", POLICY, "");
    for (transport, what) in [("u1", "udp:"), ("t1", "tcp:"), ("tn", "tcp:")] {
        for (caller, expected) in [("+13035550142", 302), ("+13035550106", 603)] {
            let scenario =
                scenario(&service.scratch, &format!("ask-{transport}-{expected}"), caller, expected);
            sipp(&service.scratch, &scenario, transport, service.address(what), 200);
        }
    }
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"allow\"}"), 600);
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"block\"}"), 600);
    within(5, || (service.metric("ringwall_other_requests_total{kind=\"ack\"}") == 1_200).then_some(()))
        .unwrap();
    assert_eq!(service.lines("calls.jsonl", 1_200).len(), 1_200);
}

#[test]
fn openssl_agrees_on_tls_and_is_answered() {
    if !has("openssl", "version") {
        return;
    }
    let scratch = Scratch::new("serve-tls");
    let certificate = Command::new("openssl")
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
        .args([
            "-subj",
            "/CN=ringwall.example",
            "-addext",
            "subjectAltName=DNS:ringwall.example,IP:127.0.0.1",
        ])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(certificate.status.success(), "{certificate:?}");
    scratch.write("acme.toml", POLICY);
    let service = Service::resume(
        scratch,
        "udp = []\ntcp = []\ntls = [\"127.0.0.1:0\"]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\nmessage_seconds_max = 1\n",
    );
    for version in ["-tls1_2", "-tls1_3"] {
        let client = Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-verify_return_error",
                "-verify_ip",
                "127.0.0.1",
                "-CAfile",
                "certificate.pem",
                version,
            ])
            .args(["-connect", &service.address("tls:").to_string()])
            .current_dir(service.scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut client = Running(client);
        let mut input = client.0.stdin.take().unwrap();
        for (caller, call_id) in [("+13035550142", "a"), ("+13035550106", "b")] {
            let call_id = format!("{call_id}{version}");
            let call = Call { transport: "TLS", call_id: &call_id, ..Call::new(caller, "+12105550150") };
            input.write_all(&call.by(5061)).unwrap();
        }
        let mut output = client.0.stdout.take().unwrap();
        let mut text = String::new();
        let mut room = [0; 4096];
        while text.matches("\r\n\r\n").count() < 2 {
            let count = output.read(&mut room).unwrap();
            assert!(count > 0, "closed after {text}");
            text.push_str(std::str::from_utf8(&room[..count]).unwrap());
        }
        let statuses: Vec<u16> = text.split_inclusive("\r\n\r\n").map(status).collect();
        assert_eq!(statuses, [302, 603], "{version}");
    }
    let lines = service.lines("calls.jsonl", 4);
    assert!(lines.iter().all(|line| line["transport"] == "tls"));
    // Whoever does not agree on TLS is not waited for.
    let mut silent = std::net::TcpStream::connect(service.address("tls:")).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
    assert_eq!(service.metric("ringwall_connections_total{kind=\"no-handshake\"}"), 1);
}

/// The configuration of docs/kamailio.md, with addresses of a story.
fn kamailio(scratch: &Scratch, [listen, carrier]: [u16; 2], ringwall: u16) -> std::path::PathBuf {
    let page = include_str!("../../../docs/kamailio.md");
    let (_, rest) = page.split_once("```kamailio\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let text = text
        .replace("udp:192.0.2.10:5060", &format!("udp:127.0.0.1:{listen}"))
        .replace("sip:198.51.100.30:5060", &format!("sip:127.0.0.1:{carrier}"));
    scratch.write("dispatcher.list", format!("1 sip:127.0.0.1:{ringwall}\n"));
    let list = scratch.path().join("dispatcher.list");
    scratch.write("kamailio.cfg", text.replace("/etc/kamailio/dispatcher.list", list.to_str().unwrap()))
}

/// A UDP port that is free now.
pub(super) fn free_port() -> u16 {
    // Free of both kinds: a peer that listens by both ends where one is taken.
    let both = std::iter::repeat_with(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    });
    both.take(100).flatten().next().expect("a port that is free of both kinds")
}

/// Kamailio as docs/kamailio.md has it, and a carrier behind it.
struct Asking {
    server: SocketAddr,
    _kamailio: Running,
    _carrier: Running,
}

impl Asking {
    /// One with its files in `scratch`, that asks at the port `ringwall` and passes calls on to the port `carrier`.
    fn start(scratch: &Scratch, carrier: u16, ringwall: u16) -> Self {
        let port = free_port();
        let config = kamailio(scratch, [port, carrier], ringwall);
        let folder = scratch.path();
        let log = std::fs::File::create(folder.join("kamailio.log")).unwrap();
        let kamailio = Running(
            Command::new("kamailio")
                .arg("-f")
                .arg(config)
                .args(["-DD", "-E", "-m", "64", "-M", "8", "-n", "2"])
                .arg("-w")
                .arg(folder)
                .arg("-Y")
                .arg(folder)
                .stderr(log)
                .spawn()
                .unwrap(),
        );
        let carrier = Running(
            Command::new("sipp")
                .args(["-sn", "uas", "-i", "127.0.0.1", "-p", &carrier.to_string(), "-nostdin", "-trace_err"])
                .current_dir(folder)
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        let phone = super::Phone::new(server);
        let options = Call { method: "OPTIONS", call_id: "up", ..Call::new("1", "2") }.by(phone.port());
        phone.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        within(20, || {
            phone.send(&options);
            phone.socket.recv_from(&mut [0; 4096]).ok()
        })
        .unwrap_or_else(|| panic!("{}", std::fs::read_to_string(folder.join("kamailio.log")).unwrap()));
        Self { server, _kamailio: kamailio, _carrier: carrier }
    }

    /// How a call of somebody whom the policy refuses ends, and how long that takes.
    fn call(&self) -> (u16, Duration) {
        let phone = super::Phone::new(self.server);
        let (begin, call_id) = (now(), fresh());
        let branch = format!("z9hG4bK{call_id}");
        let call = Call { call_id: &call_id, branch: &branch, ..Call::new("+13035550106", "+12105550150") };
        phone.send(&call.by(phone.port()));
        loop {
            let status = status(&phone.receive());
            if status >= 200 {
                return (status, begin.elapsed());
            }
        }
    }
}

#[test]
fn calls_pass_through_kamailio_while_ringwall_is_down_or_says_503() {
    if !has("sipp", "-v") || !has("kamailio", "-v") {
        return;
    }
    let (ringwall, carrier) = (free_port(), free_port());
    let config = |keys: &str| {
        format!(
            "udp = [\"127.0.0.1:{ringwall}\"]\ntcp = []\n{keys}[[redirect.peer]]\nname = \"kamailio\"\nfrom = [\"127.0.0.1\"]\n\
             next_hop = \"sip:127.0.0.1:{carrier}\"\n"
        )
    };
    let scratch = Scratch::new("kamailio-alone");
    let asking = Asking::start(&scratch, carrier, ringwall);
    let passes = |what: &str| {
        let (status, took) = asking.call();
        println!("{what}: {status} after {took:?}");
        assert_eq!(status, 200, "calls pass: {what}");
        assert!(took < Duration::from_secs(2), "{what}: {took:?}");
    };
    // The dispatcher asks every five seconds who is up.
    let becomes = |expected: u16, what: &str| {
        within(25, || (asking.call().0 == expected).then_some(())).unwrap_or_else(|| panic!("{what}"));
    };
    passes("never started");
    let service = Service::start("kamailio-down", POLICY, &config(""));
    becomes(603, "it is asked");
    service.signal("-STOP");
    passes("standing still");
    service.signal("-CONT");
    becomes(603, "it is asked again");
    let scratch = service.stop();
    passes("stopped");
    let service = Service::resume(scratch, &config(""));
    becomes(603, "it is asked after a restart");
    drop(service.kill());
    passes("killed");
    // Always too late: it says 503 to every call.
    let service = Service::start("kamailio-busy", POLICY, &config("overload_after_milliseconds = 0\n"));
    within(25, || {
        passes("503");
        (service.total("ringwall_shed_total") > 0).then_some(())
    })
    .expect("it is asked and says 503");
    drop(service.stop());
    // Where calls are refused they end, unless the operator has it said with what Kamailio takes for nobody's decision.
    for (code, expected) in [(500, 500), (503, 200)] {
        let scratch = Scratch::new("kamailio-refused");
        scratch.write("acme.toml", POLICY);
        let keys = config("calls_on_fault = \"are refused\"\n");
        let config = format!("calls_refused_code = {code}\n{}", Service::configuration(&keys));
        let mut command = Command::new(crate::support::binary());
        command.env("RINGWALL_FAULTS", "judge=1").env("RUST_BACKTRACE", "0");
        let service = Service::run(scratch, &config, &mut command);
        let refused = || service.metric("ringwall_faults_total{kind=\"refused\"}");
        within(25, || {
            let before = refused();
            let (status, _) = asking.call();
            (refused() > before).then(|| assert_eq!(status, expected, "refused with {code}"))
        })
        .expect("it is asked");
        drop(service.stop());
    }
}

#[test]
fn kamailio_asks_for_each_call_and_obeys() {
    if !has("sipp", "-v") || !has("kamailio", "-v") {
        return;
    }
    let called = free_port();
    let peer = format!(
        "[[redirect.peer]]\nname = \"kamailio\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:127.0.0.1:{called}\"\n"
    );
    let service = Service::start("serve-kamailio", POLICY, &peer);
    let asking = Asking::start(&service.scratch, called, service.udp().port());
    let server = asking.server;
    for (caller, expected) in [("+13035550142", 200), ("+13035550106", 603)] {
        let scenario = scenario(&service.scratch, &format!("through-{expected}"), caller, expected);
        let text = std::fs::read_to_string(&scenario).unwrap();
        // A phone that is called rings first.
        let ringing = "<recv response=\"180\" optional=\"true\"/>\n<recv response=";
        let text =
            text.replacen(&format!("<recv response=\"{expected}\""), &format!("{ringing}\"{expected}\""), 1);
        std::fs::write(&scenario, text).unwrap();
        sipp(&service.scratch, &scenario, "u1", server, 50);
    }
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"allow\"}"), 50);
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"block\"}"), 50);
}

/// The configuration of docs/hep.md, with addresses of a story.
fn tracing_kamailio(scratch: &Scratch, [listen, called]: [u16; 2], ringwall: &str) -> std::path::PathBuf {
    let page = include_str!("../../../docs/hep.md");
    let (_, rest) = page.split_once("```kamailio\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let text = text
        .replace("udp:192.0.2.10:5060", &format!("udp:127.0.0.1:{listen}\nlisten=tcp:127.0.0.1:{listen}"))
        .replace("sip:198.51.100.30:5060", &format!("sip:127.0.0.1:{called}"))
        .replace("sip:192.0.2.20:9060", ringwall);
    scratch.write("kamailio.cfg", text)
}

/// A scenario of SIPp: a call of `caller` that is answered and hung up.
pub(super) fn talking(scratch: &Scratch, caller: &str) -> std::path::PathBuf {
    let request = |method: &str, cseq: u32, peer: &str| {
        let (to_tag, routes) = if peer.is_empty() { ("", "") } else { ("[peer_tag_param]", "[routes]\n") };
        let target = if peer.is_empty() { "sip:[service]@[remote_ip]:[remote_port]" } else { "[next_url]" };
        format!(
            "<![CDATA[\n\n{method} {target} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             From: <sip:{caller}@caller.example>;tag=[call_number]\nTo: <sip:[service]@acme.example>{to_tag}\n{routes}\
             Call-ID: [call_id]\nCSeq: {cseq} {method}\nContact: <sip:sipp@[local_ip]:[local_port]>\nMax-Forwards: 70\n\
             Content-Length: 0\n\n]]>"
        )
    };
    let (invite, ack, bye) = (request("INVITE", 1, ""), request("ACK", 1, "in"), request("BYE", 2, "in"));
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"talking\">\n<send retrans=\"500\">{invite}</send>\n\
         <recv response=\"100\" optional=\"true\"/>\n<recv response=\"180\" optional=\"true\"/>\n\
         <recv response=\"200\" rrs=\"true\"/>\n<send>{ack}</send>\n<pause milliseconds=\"300\"/>\n\
         <send retrans=\"500\">{bye}</send>\n<recv response=\"200\"/>\n</scenario>\n"
    );
    scratch.write("talking.xml", text)
}

#[test]
fn kamailio_tells_of_its_calls_over_udp_and_tcp() {
    if !has("sipp", "-v") || !has("kamailio", "-v") {
        return;
    }
    for transport in ["", ";transport=tcp"] {
        let sender = "[[hep.sender]]\nname = \"kamailio\"\nkey_file = \"key\"\n";
        let scratch = Scratch::new("serve-siptrace");
        scratch.write("acme.toml", POLICY);
        scratch.write("key", "a-long-secret\n");
        let service = Service::resume(scratch, &format!("{}{sender}", super::agent::ON));
        let folder = service.scratch.path();
        let (port, called) = (free_port(), free_port());
        let hep = super::agent::address(&service, if transport.is_empty() { "udp:" } else { "tcp:" });
        let config = tracing_kamailio(&service.scratch, [port, called], &format!("sip:{hep}{transport}"));
        let log = std::fs::File::create(folder.join("kamailio.log")).unwrap();
        let _kamailio = Running(
            Command::new("kamailio")
                .arg("-f")
                .arg(config)
                // One worker: two may swap a 180 and a 200, which SIPp does not forgive.
                .args(["-DD", "-E", "-m", "64", "-M", "8", "-n", "1"])
                .arg("-w")
                .arg(folder)
                .arg("-Y")
                .arg(folder)
                .stderr(log)
                .spawn()
                .unwrap(),
        );
        let _called = Running(
            Command::new("sipp")
                .args(["-sn", "uas", "-i", "127.0.0.1", "-p", &called.to_string(), "-nostdin", "-trace_err"])
                .current_dir(folder)
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        let phone = super::Phone::new(server);
        let options = Call { method: "OPTIONS", call_id: "up", ..Call::new("1", "2") }.by(phone.port());
        phone.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let log = || std::fs::read_to_string(folder.join("kamailio.log")).unwrap();
        within(20, || {
            phone.send(&options);
            phone.socket.recv_from(&mut [0; 4096]).ok()
        })
        .unwrap_or_else(|| panic!("{}", log()));
        for (caller, count) in [("+13035550142", 30), ("+13035550106", 20)] {
            sipp(&service.scratch, &talking(&service.scratch, caller), "u1", server, count);
        }
        let talked = |lines: &[serde_json::Value]| {
            lines.iter().filter(|line| line["kind"] == "call" && line["answered"] == true).count()
        };
        let path = service.data().join("calls.jsonl");
        within(10, || (talked(&super::lines(&path)) == 50).then_some(())).unwrap_or_else(|| {
            panic!("{} of 50: {:?}\n{}", talked(&super::lines(&path)), super::lines(&path).first(), log())
        });
        let lines = super::lines(&path);
        let calls: Vec<_> = lines.iter().filter(|line| line["kind"] == "call").collect();
        assert_eq!(calls.len(), 50, "both legs are one call");
        for call in calls {
            let verdict = if call["caller"] == "+13035550106" { "block" } else { "allow" };
            assert_eq!((&call["verdict"], &call["status"]), (&verdict.into(), &200.into()), "{call}");
            let talk = call["duration_seconds"].as_f64().unwrap();
            assert!((0.25..3.0).contains(&talk), "{call}");
        }
        for kind in ["broken", "stranger"] {
            assert_eq!(service.metric(&format!("ringwall_hep_packets_total{{kind=\"{kind}\"}}")), 0);
        }
        assert_eq!(service.metric("ringwall_hep_clock_wrong_total"), 0);
    }
}
