//! SIPVicious, as it is used: it looks for servers, for users and for their passwords. It finds nothing, and is told of.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::peers::{free_port, has};
use super::proxy::{entry, proxy};
use super::{Call, Phone, Service, header, status, within};
use crate::support::{ringwall, stdout};

/// The policy that `ringwall init` recommends.
fn recommended() -> String {
    stdout(&ringwall(["init", "--name", "Acme", "--numbers", "+1 210 555 0100 - +1 210 555 0199"]))
}

/// Runs `program` against `server` from 127.0.0.9, to its end. Returns what it found.
fn scan(program: &str, arguments: &[&str], server: SocketAddr) -> String {
    let own = free_port().to_string();
    let port = server.port().to_string();
    let output = Command::new("timeout")
        .args(["60", program, "-b", "127.0.0.9", "-x", "127.0.0.9", "-P", &own, "-p", &port])
        .args(arguments)
        .arg(server.ip().to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What alerts there are so far, by rule.
fn alerts(service: &Service) -> Vec<String> {
    let lines = super::lines(&service.data().join("alerts.jsonl"));
    lines.iter().map(|line| line["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_scanner_meets_silence_and_is_blocked() {
    if !has("svmap", "--version") {
        return;
    }
    let peers =
        "[[redirect.peer]]\nname = \"anybody\"\nfrom = [\"127.0.0.0/8\"]\nnext_hop = \"sip:192.0.2.77\"\n";
    // The rule that knows the program by its name is taken out: what is shipped as a detection finds it as well.
    let without_rule =
        recommended().replacen("name = \"known scanner\"", "mode = \"off\"\nname = \"known scanner\"", 1);
    for (name, policy) in [("scanned", recommended()), ("scanned-detected", without_rule)] {
        let service = Service::start(name, &policy, peers);
        for (program, arguments) in [
            ("svmap", &["-m", "OPTIONS"][..]),
            ("svwar", &["-e", "100-110", "-m", "REGISTER", "--force", "--maximumtime=1"]),
            ("svwar", &["-e", "100-110", "-m", "INVITE", "--force", "--maximumtime=1"]),
            ("svcrack", &["-u", "100", "-r", "1-10", "--maximumtime=1"]),
        ] {
            let found = scan(program, arguments, service.udp());
            assert!(!found.contains("| 127.0.0.1") && !found.contains("auth"), "{program}: {found}");
            within(5, || (!alerts(&service).is_empty()).then_some(()))
                .unwrap_or_else(|| panic!("{program}: {found} {}", service.errors()));
        }
        let rules = alerts(&service);
        assert_eq!(rules.iter().any(|rule| rule == "known scanner"), name == "scanned");
        println!("{rules:?}, {} refused", service.total("ringwall_decisions_total"));
        assert!(rules.iter().any(|rule| rule.contains("scanner")), "{rules:?}");
        assert_eq!(service.metric("ringwall_decisions_total{kind=\"allow\"}"), 0, "nothing of it went on");
        assert!(service.metric("ringwall_decisions_total{kind=\"block\"}") > 0);
        // Everybody else is served as before.
        let phone = Phone::new(service.udp());
        assert_eq!(status(&phone.ask(&Call::new("+13035550142", "+12105550150").by(phone.port()))), 302);
    }
}

/// A registrar that knows one user, 105.
fn registrar() -> (SocketAddr, Arc<AtomicBool>) {
    let socket = std::net::UdpSocket::bind("127.0.0.2:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let place = socket.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    std::thread::spawn(move || {
        let mut room = [0; 8192];
        while !stopped.load(Ordering::Relaxed) {
            let Ok((count, from)) = socket.recv_from(&mut room) else { continue };
            let request = String::from_utf8_lossy(&room[..count]).into_owned();
            let is_known = header(&request, "To").is_some_and(|to| to.contains("sip:105@"));
            let said = match request.split(' ').next() {
                Some("ACK") => continue,
                Some("REGISTER") if is_known => {
                    "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"acme.example\", nonce=\"n\""
                }
                _ => "404 Not Found",
            };
            let lines = request.lines().filter(|line| {
                ["Via", "From", "To", "Call-ID", "CSeq"].contains(&line.split(':').next().unwrap())
            });
            let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
            let said = format!("SIP/2.0 {said}\r\n{lines}Content-Length: 0\r\n\r\n");
            let _ = socket.send_to(said.as_bytes(), from);
        }
    });
    (place, stop)
}

#[test]
fn a_scanner_that_hides_its_name_is_caught_by_what_it_does() {
    if !has("svwar", "--version") {
        return;
    }
    let (inside, stop) = registrar();
    let service = Service::start(
        "scanned-proxy",
        &recommended(),
        &proxy(&[inside], "in order", 0).replace("\"127.0.0.1\"]\nnext_hop", "\"127.0.0.0/24\"]\nnext_hop"),
    );
    // The same program under another name.
    let hidden = service.scratch.write("hidden.py", HIDDEN);
    let server = entry(&service);
    let (own, port) = (free_port().to_string(), server.port().to_string());
    let output = Command::new("timeout")
        .args(["60", "python3"])
        .arg(hidden)
        .args([
            "-b",
            "127.0.0.9",
            "-x",
            "127.0.0.9",
            "-P",
            &own,
            "-p",
            &port,
            "-e",
            "100-180",
            "--force",
            "--maximumtime=2",
            "127.0.0.1",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    stop.store(true, Ordering::Relaxed);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    within(5, || {
        alerts(&service).iter().any(|rule| rule == "scanner" || rule == "extension-enumeration").then_some(())
    })
    .unwrap_or_else(|| panic!("{said} {:?} {}", alerts(&service), service.errors()));
    let (passed, refused) = (
        service.metric("ringwall_decisions_total{kind=\"allow\"}"),
        service.metric("ringwall_decisions_total{kind=\"block\"}"),
    );
    println!("{said} {:?}: {passed} went on, {refused} were refused", alerts(&service));
    assert!(refused > 0 && passed < 60, "{passed} went on, {refused} were refused");
}

/// svwar, with the name of a telephone.
const HIDDEN: &str = "\
import sys
sys.path.insert(0, '/usr/share/sipvicious')
from sipvicious.libs import svhelper
from sipvicious import svwar
plain = svhelper.makeRequest
def named(*given, **keys):
    keys['useragent'] = 'Example Phone 1.0'
    return plain(*given, **keys)
svhelper.makeRequest = named
svwar.makeRequest = named
svwar.main()
";
