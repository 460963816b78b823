//! Calls through the inline proxy: a carrier on 127.0.0.1, switches on 127.0.0.2 and 127.0.0.3.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::peers::{Running, free_port, has, scenario, sipp};
use super::{Call, POLICY, Phone, Service, fresh, header, status, within};

/// `[proxy]` with a next hop of these places.
pub(super) fn proxy(places: &[SocketAddr], share: &str, health_seconds: u32) -> String {
    proxy_on(SocketAddr::from(([127, 0, 0, 1], 0)), places, share, health_seconds)
}

/// The same at this address.
fn proxy_on(own: SocketAddr, places: &[SocketAddr], share: &str, health_seconds: u32) -> String {
    let places: Vec<String> = places.iter().map(SocketAddr::to_string).collect();
    format!(
        "udp = [\"127.0.0.1:0\"]\ntcp = []\n[proxy]\nudp = [\"{own}\"]\n[[proxy.next_hop]]\nname = \"switch\"\nto = {places:?}\n\
         share = \"{share}\"\nhealth_seconds = {health_seconds}\n\
         [[proxy.peer]]\nname = \"carrier\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"switch\"\n"
    )
}

/// Where calls go through `service`.
pub(super) fn entry(service: &Service) -> SocketAddr {
    let (_, words) = service.ready.split_once(" proxy ").unwrap_or_else(|| panic!("{}", service.ready));
    words.split_whitespace().find_map(|word| word.strip_prefix("udp:")).unwrap().parse().unwrap()
}

/// A place that nobody else listens on.
fn place(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), free_port())
}

/// SIPp as a switch at `place`: its own scenario, or this one.
fn switch(folder: &Path, place: SocketAddr, scenario: Option<&Path>) -> Running {
    let mut command = Command::new("sipp");
    match scenario {
        Some(path) => command.arg("-sf").arg(path),
        None => command.args(["-sn", "uas"]),
    };
    command
        .args(["-i", &place.ip().to_string(), "-p", &place.port().to_string(), "-nostdin", "-timeout", "60s"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    // Ready when nobody else can have the place.
    within(10, || UdpSocket::bind(place).err()).expect("sipp listens");
    running
}

/// A scenario of SIPp made of these parts.
fn written(service: &Service, name: &str, parts: &[String]) -> PathBuf {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"{name}\">\n{}\n</scenario>\n",
        parts.join("\n")
    );
    service.scratch.write(&format!("{name}.xml"), text)
}

fn sent(text: &str) -> String {
    format!("<send><![CDATA[\n\n{text}\nContent-Length: 0\n\n]]></send>")
}

/// An INVITE of SIPp, and what follows it in the same transaction.
fn from_carrier(method: &str, to_tag: &str) -> String {
    format!(
        "{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0\nVia: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch-BACK]\n\
         From: <sip:+13035550142@caller.example>;tag=[call_number]\nTo: <sip:[service]@acme.example>{to_tag}\nCall-ID: [call_id]\n\
         CSeq: 1 {method}\nContact: <sip:sipp@[local_ip]:[local_port]>\nMax-Forwards: 70"
    )
}

fn from_switch(status: &str, cseq: &str) -> String {
    format!(
        "SIP/2.0 {status}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:];tag=[call_number]\n[last_Call-ID:]\n{cseq}\n\
         Contact: <sip:[local_ip]:[local_port]>"
    )
}

#[test]
fn sipp_calls_go_through_and_are_recorded_when_they_are_over() {
    if !has("sipp", "-v") {
        return;
    }
    let inside = place("127.0.0.2");
    let service = Service::start("proxy-calls", POLICY, &proxy(&[inside], "in order", 0));
    let folder = service.scratch.path();
    let _switch = switch(folder, inside, None);
    let output = Command::new("sipp")
        .args(["-sn", "uac", "-i", "127.0.0.1", "-s", "+12105550150", "-d", "200", "-nostdin"])
        .args(["-timeout", "40s", "-timeout_error", "-l", "100", "-r", "200", "-m", "300"])
        .arg(entry(&service).to_string())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let lines = service.lines("calls.jsonl", 300);
    assert_eq!(lines.len(), 300);
    for line in &lines {
        assert_eq!(
            (&line["status"], &line["answered"], &line["hung_up"]),
            (&200.into(), &true.into(), &"caller".into())
        );
        assert!(line["duration_seconds"].as_f64().unwrap() >= 0.15, "{line}");
        assert!(line["ring_seconds"].is_number(), "{line}");
    }
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"allow\"}"), 300);
    assert!(service.metric("ringwall_forwarded_total{kind=\"request\"}") >= 900);
    assert_eq!(service.metric("ringwall_forwarded_total{kind=\"response\"}"), 900);
}

#[test]
fn a_blocked_call_never_reaches_the_switch() {
    if !has("sipp", "-v") {
        return;
    }
    let inside = UdpSocket::bind("127.0.0.2:0").unwrap();
    let place = inside.local_addr().unwrap();
    let service = Service::start("proxy-blocked", POLICY, &proxy(&[place], "in order", 0));
    let scenario = scenario(&service.scratch, "blocked", "+13035550106", 603);
    sipp(&service.scratch, &scenario, "u1", entry(&service), 100);
    within(5, || (service.metric("ringwall_other_requests_total{kind=\"ack\"}") >= 100).then_some(()))
        .unwrap();
    assert_eq!(service.lines("calls.jsonl", 100).len(), 100);
    inside.set_nonblocking(true).unwrap();
    assert!(inside.recv_from(&mut [0; 4096]).is_err(), "the switch heard of it");
}

#[test]
fn a_tag_shows_at_the_switch() {
    let inside = Phone::at("127.0.0.2", SocketAddr::from(([127, 0, 0, 1], 0)));
    let tagging = format!(
        "{POLICY}\n[[firewall]]\nname = \"marked\"\nwhen = {{ caller = \"+1 303 555 0107\" }}\naction = {{ tag = \"spam likely\" }}\n"
    );
    let place = inside.socket.local_addr().unwrap();
    let service = Service::start("proxy-tag", &tagging, &proxy(&[place], "in order", 0));
    let inside = Phone { server: entry(&service), ..inside };
    let phone = Phone::new(entry(&service));
    let call = |caller| {
        let call_id = fresh();
        phone.send(
            &Call {
                call_id: &call_id,
                extra: "X-Ringwall-Tag: fine\r\n",
                ..Call::new(caller, "+12105550150")
            }
            .by(phone.port()),
        );
        inside.receive()
    };
    let marked = call("+13035550107");
    assert_eq!(header(&marked, "X-Ringwall-Tag"), Some("spam likely"));
    assert_eq!(header(&marked, "From"), Some("\"spam likely\" <sip:+13035550107@caller.example>;tag=from"));
    let plain = call("+13035550142");
    assert_eq!(header(&plain, "X-Ringwall-Tag"), None);
    assert_eq!(header(&plain, "From"), Some("<sip:+13035550142@caller.example>;tag=from"));
}

/// Calls that SIPp lets stand until somebody else hangs up; the last argument begins what ends them.
fn hung_up(name: &str, threshold: &str, calls: u32, begin: impl FnOnce(&Service)) {
    let inside = place("127.0.0.2");
    let policy = format!(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n{threshold}"
    );
    let service = Service::start(name, &policy, &proxy(&[inside], "in order", 0));
    let folder = service.scratch.path();
    let _switch = switch(folder, inside, None);
    let acknowledged = from_carrier("ACK", "[peer_tag_param]").replace("[branch-BACK]", "[branch]").replacen(
        "sip:[service]@[remote_ip]:[remote_port]",
        "[next_url]",
        1,
    );
    let waits = written(
        &service,
        "waits",
        &[
            sent(&from_carrier("INVITE", "").replace("[branch-BACK]", "[branch]"))
                .replace("<send>", "<send retrans=\"500\">"),
            "<recv response=\"100\" optional=\"true\"/><recv response=\"180\" optional=\"true\"/>".to_owned(),
            "<recv response=\"200\" rrs=\"true\"/>".to_owned(),
            sent(&acknowledged.replace("\nMax-Forwards", "\n[routes]\nMax-Forwards")),
            "<recv request=\"BYE\"/>".to_owned(),
            sent("SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]"),
        ],
    );
    let mut carrier = Running(
        Command::new("sipp")
            .arg("-sf")
            .arg(waits)
            .args(["-i", "127.0.0.1", "-s", "+12105550150", "-nostdin", "-timeout", "30s", "-timeout_error"])
            .args(["-l", "10", "-r", "10", "-m", &calls.to_string()])
            .arg(entry(&service).to_string())
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    begin(&service);
    let ended = within(25, || carrier.0.try_wait().unwrap());
    assert!(ended.is_some_and(|status| status.success()), "{ended:?} {}", service.errors());
    let own = |kind: &str| service.metric(&format!("ringwall_own_requests_total{{kind=\"{kind}\"}}"));
    // Both sides have said that it is over.
    within(5, || (own("answered") >= 2 * u64::from(calls)).then_some(()))
        .unwrap_or_else(|| panic!("{}", own("answered")));
    assert_eq!((own("hung-up"), own("not-hung-up")), (u64::from(calls), 0));
    for line in service.lines("calls.jsonl", calls as usize) {
        assert_eq!((&line["verdict"], &line["rule"]), (&"terminate".into(), &"too much".into()));
        assert!(line["duration_seconds"].is_number(), "{line}");
    }
}

#[test]
fn calls_beyond_a_number_at_once_end_on_both_sides() {
    if !has("sipp", "-v") {
        return;
    }
    let threshold = "[[ips]]\nname = \"too much\"\ncount = \"concurrent\"\nper = [\"called\"]\nwithin = \"1h\"\ncritical = 3\naction = { critical = \"terminate\" }\n";
    hung_up("proxy-concurrent", threshold, 2, |service| {
        within(10, || (service.metric("ringwall_forwarded_total{kind=\"request\"}") >= 4).then_some(()))
            .unwrap();
        let phone = Phone::new(entry(service));
        let call_id = fresh();
        phone.send(&Call { call_id: &call_id, ..Call::new("+13035550143", "+12105550150") }.by(phone.port()));
    });
}

#[test]
fn a_call_that_lasts_too_long_ends_on_both_sides() {
    if !has("sipp", "-v") {
        return;
    }
    let threshold = "[[ips]]\nname = \"too much\"\ncount = \"minutes\"\nper = [\"caller\"]\nwithin = \"1h\"\ncritical = 0.02\naction = { critical = \"terminate\" }\n";
    hung_up("proxy-minutes", threshold, 1, |_| {});
}

/// A switch that answers whatever it is asked with 200, and counts INVITEs.
struct Answering {
    place: SocketAddr,
    invites: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Answering {
    fn at(ip: &str) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let place = socket.local_addr().unwrap();
        let (invites, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stopped) = (Arc::clone(&invites), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut room = [0; 8192];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((count, from)) = socket.recv_from(&mut room) else { continue };
                let request = String::from_utf8_lossy(&room[..count]).into_owned();
                counted.fetch_add(u32::from(request.starts_with("INVITE")), Ordering::Relaxed);
                if !request.starts_with("ACK") {
                    let _ = socket.send_to(ok(&request, place).as_bytes(), from);
                }
            }
        });
        Self { place, invites, stop }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A 200 to `request`.
fn ok(request: &str, place: SocketAddr) -> String {
    let lines = request.lines().filter(|line| {
        ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"].contains(&line.split(':').next().unwrap())
    });
    let tagged = |line: &str| line.starts_with("To:") && !line.contains("tag=");
    let lines: String =
        lines.map(|line| format!("{line}{}\r\n", if tagged(line) { ";tag=to" } else { "" })).collect();
    format!("SIP/2.0 200 OK\r\n{lines}Contact: <sip:{place}>\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn calls_find_the_second_switch_when_the_first_is_dead() {
    if !has("sipp", "-v") {
        return;
    }
    let (dead, alive) = (place("127.0.0.2"), Answering::at("127.0.0.3"));
    let service = Service::start("proxy-failover", POLICY, &proxy(&[dead, alive.place], "in order", 1));
    within(10, || service.errors().contains("is down").then_some(())).unwrap();
    assert!(service.errors().contains(&format!("next hop switch: {dead} is down")), "{}", service.errors());
    let output = Command::new("sipp")
        .args(["-sn", "uac", "-i", "127.0.0.1", "-s", "+12105550150", "-nostdin", "-timeout", "30s"])
        .args(["-timeout_error", "-l", "50", "-r", "100", "-m", "100"])
        .arg(entry(&service).to_string())
        .current_dir(service.scratch.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(alive.invites.load(Ordering::Relaxed), 100);
    assert_eq!(service.lines("alerts.jsonl", 1)[0]["rule"], "next-hop-down");
    // It comes to life, and takes the next call.
    let first = UdpSocket::bind(dead).unwrap();
    first.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut room = [0; 8192];
    let (count, from) = first.recv_from(&mut room).unwrap();
    let question = String::from_utf8_lossy(&room[..count]).into_owned();
    assert!(question.starts_with("OPTIONS "), "{question}");
    first.send_to(ok(&question, dead).as_bytes(), from).unwrap();
    within(5, || service.errors().contains("is up again").then_some(())).unwrap();
    let phone = Phone::new(entry(&service));
    phone.send(&Call::new("+13035550142", "+12105550150").by(phone.port()));
    let (count, _) = first.recv_from(&mut room).unwrap();
    assert!(room[..count].starts_with(b"INVITE "));
}

#[test]
fn a_cancel_reaches_the_switch_that_has_its_call() {
    if !has("sipp", "-v") {
        return;
    }
    let places = [place("127.0.0.2"), place("127.0.0.3")];
    let service = Service::start("proxy-cancel", POLICY, &proxy(&places, "spread", 0));
    let cancelled = written(
        &service,
        "cancelled",
        &[
            "<recv request=\"INVITE\"/>".to_owned(),
            sent(&from_switch("180 Ringing", "[last_CSeq:]")),
            "<recv request=\"CANCEL\"/>".to_owned(),
            sent(
                "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag=[call_number]\n[last_Call-ID:]\n[last_CSeq:]",
            ),
            sent(&from_switch("487 Request Terminated", "CSeq: 1 INVITE")),
            "<recv request=\"ACK\"/>".to_owned(),
        ],
    );
    let cancels = written(
        &service,
        "cancels",
        &[
            sent(&from_carrier("INVITE", "").replace("[branch-BACK]", "[branch]"))
                .replace("<send>", "<send retrans=\"500\">"),
            "<recv response=\"180\"/>".to_owned(),
            sent(&from_carrier("CANCEL", "").replace("[branch-BACK]", "[branch-2]")),
            "<recv response=\"200\"/>".to_owned(),
            "<recv response=\"487\"/>".to_owned(),
            sent(&from_carrier("ACK", "[peer_tag_param]").replace("[branch-BACK]", "[branch-5]")),
        ],
    );
    let folder = service.scratch.path();
    let _switches = places.map(|place| switch(folder, place, Some(&cancelled)));
    sipp(&service.scratch, &cancels, "u1", entry(&service), 40);
}

#[test]
fn a_next_hop_that_is_ourselves_ends_in_482_and_no_storm() {
    let own = place("127.0.0.1");
    let looped = proxy_on(own, &[own], "in order", 0);
    let service = Service::start("proxy-loop", POLICY, &looped);
    let phone = Phone::new(own);
    let said = phone.ask(&Call::new("+13035550142", "+12105550150").by(phone.port()));
    assert_eq!(status(&said), 482);
    assert_eq!(service.metric("ringwall_not_forwarded_total{kind=\"loop\"}"), 1);
    assert_eq!(service.metric("ringwall_forwarded_total{kind=\"request\"}"), 1);
}

#[test]
fn a_call_that_is_up_outlives_a_restart() {
    let inside = Phone::at("127.0.0.2", SocketAddr::from(([127, 0, 0, 1], 0)));
    let own = place("127.0.0.1");
    let at = proxy_on(own, &[inside.socket.local_addr().unwrap()], "in order", 0);
    let service = Service::start("proxy-restart", POLICY, &at);
    let (inside, phone) = (Phone { server: own, ..inside }, Phone::new(own));
    phone.send(&Call::new("+13035550142", "+12105550150").by(phone.port()));
    let invite = inside.receive();
    inside.send(ok(&invite, inside.socket.local_addr().unwrap()).as_bytes());
    let answer = phone.receive();
    assert_eq!(status(&answer), 200);
    let service = Service::resume(service.stop(), &at);
    // Retransmitted, the answer still finds its way: whoever passed it on remembers nothing.
    inside.send(ok(&invite, inside.socket.local_addr().unwrap()).as_bytes());
    assert_eq!(phone.receive(), answer);
    let bye = format!(
        "BYE sip:{} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{};branch=z9hG4bKbye\r\nRoute: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
        inside.socket.local_addr().unwrap(),
        phone.port(),
        header(&answer, "Record-Route").unwrap(),
        header(&answer, "From").unwrap(),
        header(&answer, "To").unwrap(),
        header(&answer, "Call-ID").unwrap()
    );
    phone.send(bye.as_bytes());
    assert!(inside.receive().starts_with("BYE "));
    let line = &service.lines("calls.jsonl", 1)[0];
    assert_eq!((&line["status"], &line["answered"]), (&200.into(), &true.into()));
    assert!(line["duration_seconds"].is_number(), "{line}");
}
