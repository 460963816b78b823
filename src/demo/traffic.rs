//! Traffic of a demo: generated calls, sent over loopback at the pace at which they happen, and their answers taken.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use generator::{Attack, Campaigns, Day, Settings};

use crate::policies;

/// Whoever calls, each from an address of its own.
struct Callers {
    redirect: SocketAddr,
    sockets: HashMap<IpAddr, UdpSocket>,
    buffer: Vec<u8>,
}

/// Sends calls to the redirect server at `redirect` for as long as the process lives.
pub(super) fn start(redirect: SocketAddr, seed: u64, calls_per_hour: f64) {
    std::thread::spawn(move || {
        let mut callers = Callers { redirect, sockets: HashMap::new(), buffer: vec![0; 65_536] };
        for turn in 1.. {
            callers.play(&mut stretch(seed.wrapping_mul(1_000).wrapping_add(turn), calls_per_hour));
        }
    });
}

/// A few minutes of a working day, with an attack of each kind in them.
fn stretch(seed: u64, calls_per_hour: f64) -> Day {
    let usual = Settings::default();
    Day::new(Settings {
        seed,
        start_micros: usual.start_micros + BUSY_HOUR_MICROS,
        duration_micros: STRETCH_MICROS,
        calls_per_hour,
        attacks: ATTACKS.to_vec(),
        campaigns: Campaigns::Each(1),
        confounders: Vec::new(),
        ..usual
    })
}

impl Callers {
    /// Plays `day` from now on. What comes is shifted, and nothing else about it.
    fn play(&mut self, day: &mut Day) {
        let begin = policies::now().0;
        let mut first = None;
        let mut payload = Vec::new();
        while let Some(envelope) = day.poll_datagram(&mut payload) {
            let first = *first.get_or_insert(envelope.at_micros);
            // Long talks end long after the last call has begun: the next stretch does not wait for them.
            if (envelope.at_micros - first).unsigned_abs() > STRETCH_MICROS {
                return;
            }
            let shift = begin - first;
            let wait = envelope.at_micros + shift - policies::now().0;
            self.wait(Duration::from_micros(u64::try_from(wait).unwrap_or_default()));
            if is_asked(&payload) {
                // A caller that cannot be made, or whose datagram is lost, is one call less.
                let _ = self.send(envelope.source.ip(), &payload);
            }
        }
    }

    /// Waits, and takes the answers that come in.
    fn wait(&mut self, mut rest: Duration) {
        loop {
            self.take_answers();
            let step = rest.min(STEP);
            if step.is_zero() {
                return;
            }
            std::thread::sleep(step);
            rest -= step;
        }
    }

    fn send(&mut self, from: IpAddr, payload: &[u8]) -> io::Result<()> {
        let from = on_loopback(from);
        if self.sockets.len() >= SOCKETS_MAX && !self.sockets.contains_key(&from) {
            self.sockets.clear();
        }
        let socket = match self.sockets.entry(from) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                // Answers go where the Via says, which is port 5060 of the caller where it can be had.
                let socket = UdpSocket::bind((from, 5060)).or_else(|_| UdpSocket::bind((from, 0)))?;
                socket.set_nonblocking(true)?;
                entry.insert(socket)
            }
        };
        socket.send_to(payload, self.redirect).map(drop)
    }

    /// Takes what was answered. A final answer to an INVITE is acknowledged (RFC 3261 §17.1.1.3).
    fn take_answers(&mut self) {
        let Self { redirect, sockets, buffer } = self;
        for socket in sockets.values() {
            while let Ok(length) = socket.recv(buffer) {
                let answer = buffer.get(..length).unwrap_or_default();
                if let Some(ack) = acknowledgement(answer) {
                    let _ = socket.send_to(ack.as_bytes(), *redirect);
                }
            }
        }
    }
}

/// Whether an SBC would ask about this: what opens a call or is no part of one. The rest goes where the answer leads.
fn is_asked(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let method = text.split(' ').next().unwrap_or_default();
    let to = text.lines().find(|line| line.starts_with("To:") || line.starts_with("t:")).unwrap_or_default();
    matches!(method, "INVITE" | "REGISTER" | "OPTIONS" | "MESSAGE") && !to.contains(";tag=")
}

/// The ACK to a final answer that is no success.
fn acknowledgement(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let status: u16 = text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    let header = |name: &str| text.lines().find(|line| line.starts_with(name));
    let sequence = header("CSeq:")?;
    if status < 300 || !sequence.trim_end().ends_with("INVITE") {
        return None;
    }
    let kept = [header("Via:")?, header("From:")?, header("To:")?, header("Call-ID:")?];
    let sequence = sequence.trim_end().strip_suffix("INVITE")?;
    let to = header("To:")?.split(['<', '>']).nth(1)?;
    Some(format!(
        "ACK {to} SIP/2.0\r\n{}\r\n{sequence}ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        kept.map(str::trim_end).join("\r\n")
    ))
}

/// The address that stands for `address` on this machine.
fn on_loopback(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [_, b, c, d] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(127, b, c, d))
        }
        IpAddr::V6(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

/// Attacks that can be seen at work within minutes.
const ATTACKS: [Attack; 8] = [
    Attack::ListedCaller,
    Attack::WarDialling,
    Attack::RobocallBurst,
    Attack::Scanner,
    Attack::OwnNumberSpoofing,
    Attack::NeighbourSpoofing,
    Attack::RegistrationCracking,
    Attack::Harassment,
];
/// Ten o'clock in the morning, after the midnight at which generated days begin.
const BUSY_HOUR_MICROS: i64 = 10 * 3_600_000_000;
const STRETCH_MICROS: u64 = 6 * 60_000_000;
const STEP: Duration = Duration::from_millis(20);
const SOCKETS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_a_call_is_asked_about_and_the_rest_is_not() {
        let day = stretch(1, 600.0);
        let (asked, rest): (Vec<_>, Vec<_>) = day.take(4_000).partition(|it| is_asked(&it.payload));
        assert!(asked.len() > 100 && rest.len() > 100, "{} {}", asked.len(), rest.len());
        assert!(rest.iter().any(|it| it.payload.starts_with(b"SIP/2.0 200")));
        assert!(asked.iter().all(|it| !it.payload.starts_with(b"SIP/2.0")));
    }

    #[test]
    fn a_refusal_is_acknowledged_and_a_success_is_not() {
        let answer = "SIP/2.0 603 Decline\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9\r\nFrom: <sip:a@b>;tag=1\r\n\
                      To: <sip:+12105550100@acme.example.com>;tag=2\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n\r\n";
        let ack = acknowledgement(answer.as_bytes()).unwrap();
        assert!(ack.starts_with("ACK sip:+12105550100@acme.example.com SIP/2.0\r\nVia: "), "{ack}");
        assert!(ack.contains("\r\nCSeq: 7 ACK\r\n") && ack.ends_with("\r\n\r\n"), "{ack}");
        assert_eq!(acknowledgement(answer.replace("603", "200").as_bytes()), None);
        assert_eq!(acknowledgement(answer.replace("7 INVITE", "7 OPTIONS").as_bytes()), None);
    }
}
