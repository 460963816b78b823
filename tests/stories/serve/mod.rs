//! `ringwall serve`: real sockets on loopback, one process per story, stopped by the story.

mod agent;
mod answers;
mod archive;
mod attack;
mod authorised;
mod backup;
mod bridge;
mod bucket;
mod capture;
mod carried;
mod cases;
mod contract;
mod control;
mod decide;
mod desk_faults;
mod differential;
#[cfg(feature = "mail-auth")]
#[path = "../../../cases/tests/mail/dns.rs"]
mod dns;
mod duty;
mod feeds;
mod hep;
mod known;
mod life;
mod lists;
mod mail;
mod mailbox;
mod mirror;
mod mutated;
mod notices;
mod office;
mod overload;
mod packs;
mod panics;
mod partly;
mod peers;
mod policies;
mod proxy;
mod redress;
mod reload;
mod reports;
mod scanners;
#[cfg(feature = "mail-auth")]
mod senders;
mod shared;
mod signed;
mod slow;
mod spool;
mod streams;
mod watched;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Scratch;
use crate::support::within;

/// A policy of Acme: three ways to be refused, one to be sent elsewhere.
const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]
redress = { url = "https://desk.example/r", tel = "+1 210 555 0100" }
response = { list = 603, threshold = "603+" }

[[firewall]]
name = "analytics"
when = { caller = "+1 303 555 0101" }
action = { block = "603+" }

[[firewall]]
name = "rejected"
when = { caller = "+1 303 555 0102" }
action = { block = "608", fallback = 607 }

[[firewall]]
name = "silence"
when = { caller = "+1 303 555 0103" }
action = { block = "drop" }

[[firewall]]
name = "elsewhere"
when = { caller = "+1 303 555 0104" }
action = { divert = "sip:desk@198.51.100.9" }

[[firewall]]
name = "busy"
when = { caller = "+1 303 555 0105" }
action = { block = 486 }

[[firewall]]
name = "plain"
when = { caller = "+1 303 555 0106" }
action = "block"
"#;

/// A running service.
struct Service {
    child: Child,
    scratch: Scratch,
    ready: String,
}

impl Service {
    /// One that judges by `policy`, with these further keys of `[redirect]` and what follows it.
    fn start(name: &str, policy: &str, redirect: &str) -> Self {
        let scratch = Scratch::new(name);
        scratch.write("acme.toml", policy);
        Self::resume(scratch, redirect)
    }

    /// The same with these faults forced in it.
    fn start_faulty(name: &str, policy: &str, redirect: &str, faults: &str) -> Self {
        let scratch = Scratch::new(name);
        scratch.write("acme.toml", policy);
        let mut command = Command::new(crate::support::binary());
        // To tell where it happened takes longer than a call may wait.
        command.env("RINGWALL_FAULTS", faults).env("RUST_BACKTRACE", "0");
        Self::run(scratch, &Self::configuration(redirect), &mut command)
    }

    /// The same in a folder that another one left behind.
    fn resume(scratch: Scratch, redirect: &str) -> Self {
        Self::with_config(scratch, &Self::configuration(redirect))
    }

    fn configuration(redirect: &str) -> String {
        let has_peer = redirect.contains("[[redirect.peer]]");
        let own = redirect.lines().take_while(|line| !line.starts_with('['));
        let has_addresses = own.into_iter().any(|line| line.starts_with("udp ="));
        let peer =
            "[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77:5070\"\n";
        format!(
            "policy = [\"acme.toml\"]\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\n{}{redirect}\n{}",
            if has_addresses { "" } else { "udp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n" },
            if has_peer { "" } else { peer }
        )
    }

    fn with_config(scratch: Scratch, config: &str) -> Self {
        Self::run(scratch, config, &mut Command::new(crate::support::binary()))
    }

    /// The same by a command that runs the binary.
    fn run(scratch: Scratch, config: &str, command: &mut Command) -> Self {
        let config = scratch.write("ringwall.toml", config);
        let errors = std::fs::File::create(scratch.path().join("errors")).unwrap();
        let mut child = command
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let service = Self { child, scratch, ready };
        assert!(service.ready.starts_with("ready: console http://"), "{}{}", service.ready, service.errors());
        service
    }

    /// The address that the ready line names behind `what`.
    fn address(&self, what: &str) -> SocketAddr {
        let found = self.ready.split_whitespace().find_map(|word| word.strip_prefix(what));
        found.unwrap_or_else(|| panic!("no {what} in {}", self.ready)).parse().unwrap()
    }

    fn udp(&self) -> SocketAddr {
        self.address("udp:")
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// What it said on stderr.
    fn errors(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("errors")).unwrap()
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        // On a busy machine a thread may answer for a moment after it was told to stand still.
        let is_still = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"));
        let tasks = || std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let stat = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("stat"));
        let all_still = || tasks().flatten().all(|task| stat(task).is_ok_and(is_still));
        if name == "-STOP" {
            assert!(within(5, || all_still().then_some(())).is_some(), "it does not stand still");
        }
    }

    /// Lets it end by itself, within ten seconds, and returns its folder.
    fn stop(mut self) -> Scratch {
        self.signal("-TERM");
        let ended = within(10, || self.child.try_wait().unwrap());
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {}", self.errors());
        std::mem::replace(&mut self.scratch, Scratch::new("gone"))
    }

    /// Ends it as a power cut would, and returns its folder.
    fn kill(mut self) -> Scratch {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.scratch, Scratch::new("gone"))
    }

    /// The lines of a file under `--data`, once there are `count` of them.
    fn lines(&self, name: &str, count: usize) -> Vec<Value> {
        let path = self.data().join(name);
        let lines = || lines(&path);
        within(5, || (lines().len() >= count).then_some(()))
            .unwrap_or_else(|| panic!("{name}: {:?}", lines()));
        lines()
    }

    /// The value of a metric, 0 when it is not there.
    fn metric(&self, name: &str) -> u64 {
        let (_, page) = http(self.address("http://"), "GET", "/metrics", "");
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// The sum of a metric over all that sets its lines apart.
    fn total(&self, name: &str) -> u64 {
        let (_, page) = http(self.address("http://"), "GET", "/metrics", "");
        let lines = page.lines().filter_map(|line| line.strip_prefix(name)?.split_once(' '));
        lines.map(|(_, value)| value.parse::<u64>().unwrap()).sum()
    }

    /// Its memory, in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    fn decide(&self, question: &Value) -> (u16, Value) {
        let (status, body) = http(self.address("http://"), "POST", "/v1/decide", &question.to_string());
        (status, serde_json::from_str(&body).unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[allow(clippy::disallowed_methods, reason = "a service lives in real time")]
fn now() -> Instant {
    Instant::now()
}

/// A Call-ID that no other call has.
fn fresh() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("fresh-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One request over HTTP. Returns status and body.
fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    http_of("application/json", (address, method, path), body)
}

/// What a form sends.
fn http_form(address: SocketAddr, path: &str, body: &str) -> (u16, String) {
    http_of("application/x-www-form-urlencoded", (address, "POST", path), body)
}

fn http_of(kind: &str, (address, method, path): (SocketAddr, &str, &str), body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

/// What a browser sends that holds the cookie `secret`: a page, or a form.
fn http_as(secret: &str, (address, method, path): (SocketAddr, &str, &str), body: &str) -> (u16, String) {
    let kind = format!("application/x-www-form-urlencoded\r\nCookie: ringwall_session={secret}");
    http_of(&kind, (address, method, path), body)
}

/// A peer over UDP.
struct Phone {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Phone {
    fn new(server: SocketAddr) -> Self {
        Self::at("127.0.0.1", server)
    }

    fn at(address: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { socket, server }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    fn send(&self, message: &[u8]) {
        self.socket.send_to(message, self.server).unwrap();
    }

    fn receive(&self) -> String {
        let mut room = [0; 65_536];
        let (count, from) = loop {
            match self.socket.recv_from(&mut room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                received => break received.unwrap(),
            }
        };
        assert_eq!(from, self.server);
        String::from_utf8_lossy(&room[..count]).into_owned()
    }

    fn ask(&self, message: &[u8]) -> String {
        self.send(message);
        self.receive()
    }

    /// Holds that `messages` were met with silence: what is asked next is answered first.
    fn expect_silence(&self, messages: &[&[u8]]) {
        messages.iter().for_each(|message| self.send(message));
        let options = Call { method: "OPTIONS", call_id: "silence", ..Call::new("1", "2") };
        let said = self.ask(&options.by(self.port()));
        assert!(said.contains("\r\nCall-ID: silence\r\n"), "not silence: {said}");
    }
}

/// The parts of a request.
#[derive(Clone, Copy)]
struct Call<'a> {
    method: &'a str,
    caller: &'a str,
    called: &'a str,
    call_id: &'a str,
    branch: &'a str,
    transport: &'a str,
    extra: &'a str,
}

impl<'a> Call<'a> {
    fn new(caller: &'a str, called: &'a str) -> Self {
        Self {
            method: "INVITE",
            caller,
            called,
            call_id: "one@example.com",
            branch: "z9hG4bKone",
            transport: "UDP",
            extra: "",
        }
    }

    /// The request as a phone on this port of loopback sends it.
    fn by(&self, port: u16) -> Vec<u8> {
        let Self { method, caller, called, call_id, branch, transport, extra } = self;
        format!(
            "{method} sip:{called}@acme.example SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1:{port};branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{caller}@caller.example>;tag=from\r\nTo: <sip:{called}@acme.example>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }
}

/// The status of a response.
fn status(response: &str) -> u16 {
    response
        .strip_prefix("SIP/2.0 ")
        .and_then(|rest| rest.get(..3))
        .unwrap_or_else(|| panic!("{response}"))
        .parse()
        .unwrap()
}

/// The first value of a header.
fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    response.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Starts the service that the configuration at `path` asks for, and ends it once it is ready.
pub(super) fn run_briefly(path: PathBuf) {
    let mut child = Command::new(crate::support::binary())
        .args(["serve", "--config"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.starts_with("ready: "), "{ready}");
    let ended = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(ended.unwrap().success() && child.wait().unwrap().success());
}
