//! CPU time per call of a proxy: seven datagrams, from INVITE to the answer to BYE, beside the bare socket and Kamailio.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What one proxy took.
pub(crate) struct Taken {
    pub(crate) name: &'static str,
    /// CPU microseconds per call, in order of size.
    pub(crate) micros: Vec<f64>,
}

impl Taken {
    pub(crate) fn median(&self) -> f64 {
        self.micros.get(self.micros.len() / 2).copied().unwrap_or_default()
    }
}

/// Measures the proxy at `port`, whose next hop is the port of `called`: all of `processes` are it.
pub(crate) fn measure(
    name: &'static str,
    port: u16,
    called: &UdpSocket,
    processes: &[u32],
) -> io::Result<Taken> {
    let mut load = Load::new(port, called.try_clone()?)?;
    // Once so that what it remembers has found its size.
    load.run(CALLS)?;
    let mut micros = Vec::new();
    for _ in 0..REPETITIONS {
        let before = cpu_nanos(processes);
        load.run(CALLS)?;
        let took = cpu_nanos(processes) - before;
        micros.push(took as f64 / 1_000.0 / CALLS as f64);
    }
    micros.sort_by(f64::total_cmp);
    Ok(Taken { name, micros })
}

/// Both ends of calls, `WINDOW` of them at a time.
struct Load {
    caller: UdpSocket,
    called: UdpSocket,
    salt: u64,
    made: u64,
    /// Of each call that is under way the request that waits for its answer.
    under_way: HashMap<String, String>,
}

impl Load {
    fn new(port: u16, called: UdpSocket) -> io::Result<Self> {
        let caller = UdpSocket::bind("127.0.0.1:0")?;
        caller.connect(("127.0.0.1", port))?;
        caller.set_nonblocking(true)?;
        called.set_nonblocking(true)?;
        let salt = u64::from(std::process::id()) << 32 | u64::from(caller.local_addr()?.port());
        Ok(Self { caller, called, salt, made: 0, under_way: HashMap::new() })
    }

    /// Makes so many calls, each to its end.
    fn run(&mut self, calls: u64) -> io::Result<()> {
        let end = self.made + calls;
        let mut room = [0; 8192];
        let mut heard = Instant::now();
        let mut repeats = 0;
        while self.made < end || !self.under_way.is_empty() {
            while self.made < end && self.under_way.len() < WINDOW {
                self.begin()?;
            }
            let mut is_idle = true;
            while let Ok((count, from)) = self.called.recv_from(&mut room) {
                let request = String::from_utf8_lossy(room.get(..count).unwrap_or_default()).into_owned();
                for answer in answers(&request) {
                    self.called.send_to(answer.as_bytes(), from)?;
                }
                is_idle = false;
            }
            while let Ok(count) = self.caller.recv(&mut room) {
                let response = String::from_utf8_lossy(room.get(..count).unwrap_or_default()).into_owned();
                self.go_on(&response)?;
                is_idle = false;
            }
            if !is_idle {
                heard = Instant::now();
                continue;
            }
            std::thread::yield_now();
            if heard.elapsed() > PATIENCE {
                // What a full socket has dropped is sent again, as everybody does.
                for request in self.under_way.values() {
                    self.caller.send(request.as_bytes())?;
                }
                heard = Instant::now();
                repeats += 1;
            }
            if repeats > REPEATS_MAX {
                return Err(io::Error::other(format!("{} calls got no answer", self.under_way.len())));
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        self.made += 1;
        let id = format!("{:x}-{}", self.salt, self.made);
        let invite = self.request("INVITE", &id, "", "", BODY);
        self.caller.send(invite.as_bytes())?;
        self.under_way.insert(id, invite);
        Ok(())
    }

    fn go_on(&mut self, response: &str) -> io::Result<()> {
        let id = line(response, "Call-ID").unwrap_or_default().to_owned();
        let status = response.get(8..11).unwrap_or_default();
        let method = line(response, "CSeq").and_then(|cseq| cseq.split(' ').nth(1)).unwrap_or_default();
        if method == "INVITE" && status == "200" {
            let tag = line(response, "To").and_then(|to| to.split_once(";tag=")).map_or("", |(_, tag)| tag);
            let route = line(response, "Record-Route")
                .map_or_else(String::new, |route| format!("Route: {route}\r\n"));
            let tag = format!(";tag={tag}");
            self.caller.send(self.request("ACK", &id, &tag, &route, "").as_bytes())?;
            let bye = self.request("BYE", &id, &tag, &route, "");
            self.caller.send(bye.as_bytes())?;
            if let Some(waiting) = self.under_way.get_mut(&id) {
                *waiting = bye;
            }
        } else if status >= "200" {
            if method == "INVITE" {
                return Err(io::Error::other(format!("a call was refused: {response}")));
            }
            self.under_way.remove(&id);
        }
        Ok(())
    }

    fn request(&self, method: &str, id: &str, to_tag: &str, route: &str, body: &str) -> String {
        let port = |socket: &UdpSocket| socket.local_addr().map_or(0, |address| address.port());
        let (own, called) = (port(&self.caller), port(&self.called));
        let number = if method == "BYE" { 2 } else { 1 };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:12105550150@127.0.0.1:{called} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};rport;branch=z9hG4bK{method}{id}\r\n\
             {route}Max-Forwards: 70\r\nFrom: \"Anna Blume\" <sip:13035550142@127.0.0.1:{own}>;tag=a{id}\r\n\
             To: <sip:12105550150@127.0.0.1:{called}>{to_tag}\r\nCall-ID: {id}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:13035550142@127.0.0.1:{own}>\r\nUser-Agent: Acme-SBC-4.2.1 build\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE\r\nSupported: timer, 100rel, replaces, histinfo\r\n\
             P-Asserted-Identity: <sip:13035550142@127.0.0.1>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// What the called side says to `request`.
fn answers(request: &str) -> Vec<String> {
    let kept = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"].contains(&name)
    };
    let lines: String = request
        .lines()
        .filter(kept)
        .map(|line| {
            let tag = if line.starts_with("To:") && !line.contains(";tag=") { ";tag=b" } else { "" };
            format!("{line}{tag}\r\n")
        })
        .collect();
    let target = request.split(' ').nth(1).unwrap_or_default();
    let say = |status: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "SIP/2.0 {status}\r\n{lines}Contact: <{target}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    match request.split(' ').next() {
        Some("INVITE") => vec![say("100 Trying", ""), say("180 Ringing", ""), say("200 OK", BODY)],
        Some("ACK") | None => Vec::new(),
        Some(_) => vec![say("200 OK", "")],
    }
}

fn line<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Nanoseconds that all threads of `processes` have had a processor.
fn cpu_nanos(processes: &[u32]) -> u64 {
    let of_process = |process: &u32| -> u64 {
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return 0 };
        let of_thread = |thread: io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        threads.filter_map(of_thread).sum()
    };
    processes.iter().map(of_process).sum()
}

/// Kamailio as a stateful proxy, ended when dropped.
pub(crate) struct Kamailio {
    child: Child,
    pub(crate) port: u16,
}

impl Kamailio {
    /// Starts it with its files in `folder`; calls go on to `called`.
    pub(crate) fn start(folder: &Path, called: u16) -> io::Result<Self> {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = folder.join("kamailio-proxy.cfg");
        fs::write(
            &config,
            CONFIG.replace("@PORT@", &port.to_string()).replace("@CALLED@", &called.to_string()),
        )?;
        let child = Command::new("kamailio")
            .arg("-f")
            .arg(&config)
            .args(["-DD", "-E", "-m", "1024", "-M", "32", "-n", "1", "-x", "tlsf"])
            .arg("-w")
            .arg(folder)
            .arg("-Y")
            .arg(folder)
            .stderr(Stdio::null())
            .spawn()?;
        let kamailio = Self { child, port };
        let probe = UdpSocket::bind("127.0.0.1:0")?;
        probe.connect(("127.0.0.1", port))?;
        probe.set_read_timeout(Some(Duration::from_millis(200)))?;
        for _ in 0..50 {
            let own = probe.local_addr()?.port();
            let question = format!(
                "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKup\r\nMax-Forwards: 70\r\n\
                 From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: up\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            if probe.send(question.as_bytes()).is_ok() && probe.recv(&mut [0; 4096]).is_ok() {
                return Ok(kamailio);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::other("kamailio does not answer"))
    }

    /// All its processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        std::iter::once(own).chain(children.split_whitespace().filter_map(|id| id.parse().ok())).collect()
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// As a site would write it that relays calls statefully and stays in their path.
const CONFIG: &str = r#"#!KAMAILIO
log_stderror=yes
debug=0
children=1
listen=udp:127.0.0.1:@PORT@
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
    if (has_totag()) { loose_route(); t_relay(); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    record_route();
    $du = "sip:127.0.0.1:@CALLED@";
    t_relay();
}
"#;

/// A session description of 180 bytes, which makes an INVITE about 900 long.
const BODY: &str = "v=0\r\no=- 20518 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 54278 RTP/AVP 8 0 101\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// Calls of one repetition.
const CALLS: u64 = 10_000;
const REPETITIONS: usize = 5;
/// Calls under way at once: as many as fit with all their answers into the buffer of a socket.
const WINDOW: usize = 24;
/// Without any answer for so long requests are sent again.
const PATIENCE: Duration = Duration::from_millis(200);
/// So often in one repetition, at most.
const REPEATS_MAX: u32 = 50;
