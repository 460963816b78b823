//! CPU time per HEP packet, of Ringwall and of Kamailio's sipcapture, in one run.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::report::Report;
use crate::{built, cargo, has};

/// Runs the comparison and says the figures.
pub(crate) fn run(report: &mut Report) {
    if !report
        .step("ringwall for HEP", &mut cargo(&["build", "--locked", "--release", "--package", "ringwall"]))
    {
        return;
    }
    let begin = Instant::now();
    let compared = compare();
    if let Err(error) = &compared {
        println!("the comparison failed: {error}");
    }
    report.check("peers hep", begin, compared.is_ok());
}

fn compare() -> io::Result<()> {
    let out = std::env::temp_dir().join("ringwall-peers-hep");
    fs::create_dir_all(&out)?;
    let ringwall = Ringwall::start(&out)?;
    let runs = measure(&ringwall.0, ringwall.1, || ringwall.heard())?;
    let taken = ringwall.heard()?;
    println!("CPU µs per HEP packet, calls of 7 messages with INVITEs of 900 bytes, median (least to most):");
    say("ringwall", &runs);
    println!("  {taken} packets were judged, {} lost", PACKETS * (RUNS as u64 + 1) - taken);
    let judged_all = taken == PACKETS * (RUNS as u64 + 1);
    drop(ringwall);
    if has("kamailio", "-v") {
        let (kamailio, port) = kamailio(&out)?;
        say("kamailio", &measure(&kamailio, port, || Ok(0))?);
    } else {
        println!("  kamailio is not installed");
    }
    if judged_all { Ok(()) } else { Err(io::Error::other("not every packet was judged")) }
}

fn say(name: &str, micros: &[f64]) {
    let at = |place: usize| micros.get(place).copied().unwrap_or_default();
    let (median, least, most) = (at(micros.len() / 2), at(0), at(micros.len() - 1));
    println!("  {name:<10}{median:>6.2}  ({least:.2} to {most:.2})");
}

/// CPU microseconds per packet of `process` and all below it, in order of size. `heard` says how many it has taken.
fn measure(process: &Process, port: u16, heard: impl Fn() -> io::Result<u64>) -> io::Result<Vec<f64>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    let mut micros = Vec::new();
    for run in 0..=RUNS {
        let (before, taken) = (process.cpu_micros()?, heard()?);
        send(&socket, run)?;
        let end = Instant::now() + Duration::from_secs(3);
        while heard()? < taken + PACKETS && Instant::now() < end && taken + heard()? > 0 {
            sleep(Duration::from_millis(20));
        }
        sleep(Duration::from_millis(300));
        // The first run finds memory that was never used.
        if run > 0 {
            micros.push((process.cpu_micros()? - before) as f64 / PACKETS as f64);
        }
    }
    micros.sort_by(f64::total_cmp);
    Ok(micros)
}

/// Calls from INVITE to the answer of BYE, in small bursts, so that no socket overflows.
fn send(socket: &UdpSocket, run: usize) -> io::Result<()> {
    let begin = Instant::now();
    for call in 0..PACKETS / 7 {
        for message in messages(run, call) {
            socket.send(&packet(&message))?;
        }
        let due = Duration::from_micros(call * 7 * MICROS_BETWEEN);
        if let Some(early) =
            due.checked_sub(begin.elapsed()).filter(|early| *early > Duration::from_millis(1))
        {
            sleep(early);
        }
    }
    Ok(())
}

fn messages(run: usize, call: u64) -> [Vec<u8>; 7] {
    let caller = format!("+1303555{:04}", call % 10_000);
    let message = |first: &str, cseq: &str, to_tag: &str, body: &str| {
        format!(
            "{first}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{run}x{call}{}\r\nMax-Forwards: 70\r\n\
             From: \"A caller\" <sip:{caller}@carrier.example.com>;tag=f{call}\r\nTo: <sip:+12105550150@acme.example.com>{to_tag}\r\n\
             Call-ID: {run}-{call}-0123456789abcdef@192.0.2.1\r\nCSeq: {cseq}\r\nContact: <sip:{caller}@192.0.2.1:5060>\r\n\
             User-Agent: carrier 4.2\r\nP-Asserted-Identity: <sip:{caller}@carrier.example.com>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n\
             Content-Length: {}\r\n\r\n{body}",
            cseq.len(),
            body.len()
        )
        .into_bytes()
    };
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 16384 RTP/AVP 0 8 101\r\n{}",
        "a=rtpmap:101 telephone-event/8000\r\n".repeat(7)
    );
    let uri = "sip:+12105550150@acme.example.com SIP/2.0";
    let tagged = ";tag=t";
    [
        message(&format!("INVITE {uri}"), "1 INVITE", "", &offer),
        message("SIP/2.0 100 Trying", "1 INVITE", "", ""),
        message("SIP/2.0 180 Ringing", "1 INVITE", tagged, ""),
        message("SIP/2.0 200 OK", "1 INVITE", tagged, &offer),
        message(&format!("ACK {uri}"), "1 ACK", tagged, ""),
        message(&format!("BYE {uri}"), "2 BYE", tagged, ""),
        message("SIP/2.0 200 OK", "2 BYE", tagged, ""),
    ]
}

/// `message` as an agent sends it now.
fn packet(message: &[u8]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut chunks = Vec::with_capacity(message.len() + 128);
    let mut chunk = |kind: u8, value: &[u8]| {
        chunks.extend([0, 0, 0, kind]);
        chunks.extend((6 + value.len() as u16).to_be_bytes());
        chunks.extend(value);
    };
    chunk(1, &[2]);
    chunk(2, &[17]);
    chunk(3, &[192, 0, 2, 1]);
    chunk(4, &[198, 51, 100, 1]);
    chunk(7, &5060_u16.to_be_bytes());
    chunk(8, &5060_u16.to_be_bytes());
    chunk(9, &(now.as_secs() as u32).to_be_bytes());
    chunk(10, &now.subsec_micros().to_be_bytes());
    chunk(11, &[1]);
    chunk(12, &2001_u32.to_be_bytes());
    chunk(15, message);
    let mut packet = b"HEP3".to_vec();
    packet.extend((6 + chunks.len() as u16).to_be_bytes());
    packet.extend(chunks);
    packet
}

/// A process with those that it started, ended when dropped.
struct Process(Child);

impl Process {
    /// What it and those below it have used so far.
    fn cpu_micros(&self) -> io::Result<u64> {
        let mut all = 0;
        let mut left = vec![self.0.id()];
        while let Some(process) = left.pop() {
            let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
            let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            // User and system time are the 14th and 15th field; two stand before the bracket. A tick is 10 ms.
            let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok());
            all += (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) * 10_000;
            let below =
                fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
            left.extend(below.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        Ok(all)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// The service, its HEP port and its console's address.
struct Ringwall(Process, u16, String);

impl Ringwall {
    fn start(out: &Path) -> io::Result<Self> {
        let _ = fs::remove_dir_all(out.join("ringwall-data"));
        fs::write(
            out.join("acme.toml"),
            "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
             [[firewall]]\nname = \"bad\"\nwhen = { caller = \"+1 303 555 01*\" }\naction = \"block\"\n",
        )?;
        let config = out.join("ringwall.toml");
        fs::write(
            &config,
            "policy = [\"acme.toml\"]\n[redirect]\nudp = []\ntcp = []\n[hep]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n[http]\nlisten = \"127.0.0.1:0\"\n",
        )?;
        let mut child = Command::new(built("release/ringwall"))
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut ready = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut ready)?;
        }
        let process = Process(child);
        let word = |start: &str| ready.split_whitespace().find_map(|word| word.strip_prefix(start));
        let port = word("udp:").and_then(|address| address.rsplit(':').next()?.parse().ok());
        let console = word("http://").map(str::to_owned);
        let (port, console) =
            port.zip(console).ok_or_else(|| io::Error::other(format!("it is not ready: {ready}")))?;
        Ok(Self(process, port, console))
    }

    /// How many SIP messages it has heard.
    fn heard(&self) -> io::Result<u64> {
        let mut stream = TcpStream::connect(&self.2)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        let name = "ringwall_hep_packets_total{kind=\"sip\"} ";
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
        value.ok_or_else(|| io::Error::other("it counts no HEP"))
    }
}

/// Kamailio that reads HEP and does nothing with it: less than it does for Homer, where it writes each message to a database.
fn kamailio(out: &Path) -> io::Result<(Process, u16)> {
    let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = out.join("kamailio.cfg");
    fs::write(
        &config,
        format!(
            "#!KAMAILIO\nlog_stderror=yes\nchildren=1\nlisten=udp:127.0.0.1:{port}\nloadmodule \"pv.so\"\nloadmodule \"db_flatstore.so\"\n\
             loadmodule \"sipcapture.so\"\nmodparam(\"sipcapture\", \"db_url\", \"flatstore:{}\")\nmodparam(\"sipcapture\", \"hep_capture_on\", 1)\n\
             modparam(\"sipcapture\", \"capture_on\", 1)\nroute {{ drop; }}\nonreply_route {{ drop; }}\n",
            out.display()
        ),
    )?;
    let child = Command::new("kamailio")
        .arg("-f")
        .arg(config)
        .args(["-DD", "-E", "-m", "64", "-M", "8", "-x", "tlsf", "-w"])
        .arg(out)
        .arg("-Y")
        .arg(out)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let process = Process(child);
    sleep(Duration::from_secs(3));
    Ok((process, port))
}

/// Packets of one run; a multiple of those of a call.
const PACKETS: u64 = 140_000;
/// Runs after the first.
const RUNS: usize = 5;
/// 50,000 packets a second.
const MICROS_BETWEEN: u64 = 20;
