//! HEP out: each decision, as our own reader and Kamailio's read it.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::time::Duration;

use collector::hep::{self, Hep};
use serde_json::{Value, json};

use super::peers::{Running, free_port, has};
use super::proxy::{entry, proxy};
use super::{Call, POLICY, Phone, Service, status, within};

/// What comes to a reader over UDP.
fn next<'a>(reader: &UdpSocket, room: &'a mut [u8]) -> Hep<'a> {
    let count = reader.recv(room).unwrap();
    hep::read(&room[..count]).unwrap()
}

#[test]
fn each_decision_is_told_once_with_the_message_as_it_came() {
    let reader = UdpSocket::bind("127.0.0.1:0").unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let address = reader.local_addr().unwrap();
    let mirror = format!("[mirror]\naddress = \"{address}\"\nnode = 2100\nkey_environment = \"PATH\"\n");
    let service = Service::start("mirror-udp", POLICY, &mirror);
    let phone = Phone::new(service.udp());
    let mut room = [0; 65_536];
    let cases = [
        ("+13035550142", "goes-on", "allow", json!(302), Value::Null),
        ("+13035550101", "network-blocked", "block", json!(603), "analytics".into()),
        ("+13035550105", "busy", "block", json!(486), "busy".into()),
        ("+13035550104", "elsewhere", "divert", json!(302), "elsewhere".into()),
    ];
    for (caller, call_id, verdict, said, rule) in cases {
        let call = Call { call_id, ..Call::new(caller, "+12105550150") }.by(phone.port());
        phone.ask(&call);
        // Again: it was decided already.
        phone.ask(&call);
        let sip = next(&reader, &mut room);
        assert_eq!((sip.kind, sip.agent, sip.version), (1, Some(2100), 3));
        assert_eq!(sip.payload, call, "as it came");
        assert_eq!((sip.source.port(), sip.destination), (phone.port(), service.udp()));
        assert_eq!(sip.key, Some(std::env::var("PATH").unwrap().as_bytes()));
        let at = sip.at;
        let line = next(&reader, &mut room);
        assert_eq!((line.kind, line.correlation, line.at), (100, Some(call_id.as_bytes()), at));
        let line: Value = serde_json::from_slice(line.payload).unwrap();
        assert_eq!(
            (&line["verdict"], &line["status"], &line["rule"]),
            (&verdict.into(), &said, &rule),
            "{line}"
        );
        assert_eq!(line["call_id"], call_id);
    }
    let recorded = service.lines("calls.jsonl", 4);
    // Over HTTP it is decided as well; what is said there is the code, and silence lets the call go on.
    let (code, _) = service
        .decide(&json!({ "caller": "+13035550106", "called": "+12105550150", "source": "192.0.2.9:5060" }));
    assert_eq!(code, 200);
    let sip = next(&reader, &mut room);
    assert!(
        sip.payload.starts_with(b"INVITE ") && sip.source == "192.0.2.9:5060".parse().unwrap(),
        "{sip:?}"
    );
    let line: Value = serde_json::from_slice(next(&reader, &mut room).payload).unwrap();
    assert_eq!((&line["rule"], &line["status"]), (&"plain".into(), &603.into()));
    assert_eq!(line["policy_version"], recorded[1]["policy_version"]);
    within(5, || (service.metric("ringwall_mirror_packets_total{kind=\"sent\"}") == 10).then_some(()))
        .unwrap();
}

#[test]
fn what_the_proxy_decides_is_told_as_well() {
    let reader = UdpSocket::bind("127.0.0.1:0").unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let inside = UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
    let mirror = format!("[mirror]\naddress = \"{}\"\n", reader.local_addr().unwrap());
    let service =
        Service::start("mirror-proxy", POLICY, &format!("{}{mirror}", proxy(&[inside], "in order", 0)));
    let phone = Phone::new(entry(&service));
    let mut room = [0; 65_536];
    for (caller, call_id, verdict, said) in
        [("+13035550142", "goes-on", "allow", Value::Null), ("+13035550105", "busy", "block", json!(486))]
    {
        let call = Call { call_id, ..Call::new(caller, "+12105550150") }.by(phone.port());
        phone.send(&call);
        assert_eq!(next(&reader, &mut room).payload, call, "as it came");
        let line: Value = serde_json::from_slice(next(&reader, &mut room).payload).unwrap();
        assert_eq!(
            (&line["call_id"], &line["verdict"], &line["status"]),
            (&call_id.into(), &verdict.into(), &said)
        );
    }
}

#[test]
fn a_reader_over_tcp_may_come_late_and_go_without_a_call_waiting() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let service = Service::start(
        "mirror-tcp",
        POLICY,
        &format!("[mirror]\naddress = \"127.0.0.1:{port}\"\ntransport = \"tcp\"\n"),
    );
    let phone = Phone::new(service.udp());
    let ask = |call_id: &str| {
        let call = Call { call_id, ..Call::new("+13035550106", "+12105550150") }.by(phone.port());
        assert_eq!(status(&phone.ask(&call)), 603);
    };
    let metric = |kind: &str| service.metric(&format!("ringwall_mirror_packets_total{{kind=\"{kind}\"}}"));
    ask("nobody-reads");
    within(5, || (metric("dropped") == 2).then_some(())).expect("it is not counted");
    let reader = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut index = 0;
    let mut again = || {
        index += 1;
        ask(&format!("late-{index}"));
        (metric("sent") > 0).then_some(())
    };
    within(10, &mut again).expect("the reader that came late is not found");
    let (mut stream, _) = reader.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut head = [0; 6];
    stream.read_exact(&mut head).unwrap();
    let mut packet = head.to_vec();
    packet.resize(usize::from(u16::from_be_bytes([head[4], head[5]])), 0);
    stream.read_exact(&mut packet[6..]).unwrap();
    assert!(hep::read(&packet).unwrap().payload.starts_with(b"INVITE "));
    drop((stream, reader));
    (0..20).for_each(|index| ask(&format!("gone-{index}")));
    within(5, || (metric("dropped") > 2).then_some(())).expect("what nobody takes is not counted");
    drop(service.stop());
}

#[test]
fn kamailio_reads_what_is_told() {
    if !has("kamailio", "-v") {
        return;
    }
    let port = free_port();
    let service =
        Service::start("mirror-kamailio", POLICY, &format!("[mirror]\naddress = \"127.0.0.1:{port}\"\n"));
    let folder = service.scratch.path();
    let config = format!(
        "#!KAMAILIO\nlog_stderror=yes\nchildren=1\nlisten=udp:127.0.0.1:{port}\nloadmodule \"pv.so\"\nloadmodule \"xlog.so\"\n\
         loadmodule \"db_flatstore.so\"\nloadmodule \"sipcapture.so\"\nmodparam(\"sipcapture\", \"db_url\", \"flatstore:{}\")\n\
         modparam(\"sipcapture\", \"hep_capture_on\", 1)\nmodparam(\"sipcapture\", \"capture_on\", 1)\n\
         route {{ xlog(\"L_ERR\", \"read $rm $ci from $si:$sp\\n\"); drop; }}\n",
        folder.display()
    );
    let config = service.scratch.write("kamailio.cfg", config);
    let log = std::fs::File::create(folder.join("kamailio.log")).unwrap();
    let _kamailio = Running(
        Command::new("kamailio")
            .arg("-f")
            .arg(config)
            .args(["-DD", "-E", "-m", "64", "-M", "8"])
            .arg("-w")
            .arg(folder)
            .arg("-Y")
            .arg(folder)
            .stderr(log)
            .spawn()
            .unwrap(),
    );
    let log = || std::fs::read_to_string(folder.join("kamailio.log")).unwrap();
    let phone = Phone::new(service.udp());
    let mut index = 0;
    let read = within(20, || {
        // What is sent before it listens is lost.
        index += 1;
        let call_id = format!("told-{index}");
        phone.ask(&Call { call_id: &call_id, ..Call::new("+13035550142", "+12105550150") }.by(phone.port()));
        std::thread::sleep(Duration::from_millis(100));
        log().contains(&format!("read INVITE {call_id} from 127.0.0.1:{}", phone.port())).then_some(())
    });
    read.unwrap_or_else(|| panic!("{}", log()));
}
