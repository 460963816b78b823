//! Messages that chance has spoilt, thrown at every socket of a running service.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use super::{Call, POLICY, Phone, Service, fresh, status, within};
use crate::support::shared;

/// So many in every run; a million with `cargo xtask soak mutated`.
const MESSAGES: usize = 20_000;
/// After so many a call is tried that must be decided right.
const PROBE_EVERY: usize = 1_000;
/// What a service may grow by once it has found its size.
const GROWTH_KIB_MAX: u64 = 64 << 10;

#[test]
fn spoilt_messages_harm_nobody() {
    let wanted = std::env::var("RINGWALL_MUTATED").ok().map(|count| count.parse().unwrap());
    let messages: usize = wanted.unwrap_or(MESSAGES);
    let peer =
        "[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77:5070\"\n";
    let service = Service::start(
        "mutated",
        POLICY,
        &format!(
            "{peer}[proxy]\nudp = [\"127.0.0.1:0\"]\n[[proxy.next_hop]]\nname = \"inside\"\nto = [\"127.0.0.1:9\"]\nhealth_seconds = 0\n\
             [[proxy.peer]]\nname = \"outside\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"inside\"\n[hep]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n"
        ),
    );
    let places: Vec<SocketAddr> =
        ["redirect udp:", "proxy udp:", "hep udp:"].map(|words| place(&service, words)).into();
    let seeds = seeds();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let phone = Phone::new(places[0]);
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut settled_kib = 0;
    for round in 0..messages.div_ceil(PROBE_EVERY) {
        for _ in 0..PROBE_EVERY {
            let message = chance.spoil(&seeds);
            sender.send_to(&message, places[chance.below(places.len())]).unwrap();
        }
        // A busy machine may still be at what was thrown at it, and say so.
        let decision = |caller| {
            let ask = || {
                phone.ask(&Call { call_id: &fresh(), ..Call::new(caller, "+12105550150") }.by(phone.port()))
            };
            within(30, || Some(status(&ask())).filter(|status| *status != 503)).unwrap()
        };
        assert_eq!((decision("+13035550105"), decision("+13035550142")), (486, 302), "round {round}");
        // Tables find their size in the first tenth.
        if round == messages / PROBE_EVERY / 10 {
            settled_kib = resident_kib(service.child.id());
        }
    }
    let grown_kib = resident_kib(service.child.id()).saturating_sub(settled_kib);
    println!("{messages} messages, {grown_kib} KiB more than after a tenth of them");
    // Attempts are remembered for a while: what a tenth of them took may be taken ten times.
    assert!(grown_kib < GROWTH_KIB_MAX + 10 * (messages as u64), "{grown_kib} KiB");
    assert_eq!(service.metric("ringwall_faults_total{kind=\"unanswered\"}"), 0, "{}", service.errors());
    assert_eq!(service.metric("ringwall_faults_total{kind=\"passed\"}"), 0, "{}", service.errors());
    assert!(service.metric("ringwall_malformed_total{kind=\"refused\"}") > 0);
    assert!(!service.errors().contains("panicked"), "{}", service.errors());
    service.stop();
}

/// The address behind `words` of the ready line.
fn place(service: &Service, words: &str) -> SocketAddr {
    let (_, behind) = service.ready.split_once(words).unwrap_or_else(|| panic!("{}", service.ready));
    behind.split_whitespace().next().unwrap().parse().unwrap()
}

fn seeds() -> Vec<Vec<u8>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/torture");
    let folders = [Some(own), shared().map(|shared| shared.join("captures/torture"))];
    let files =
        folders.iter().flatten().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut paths: Vec<_> = files.map(|file| file.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> =
        paths.iter().map(|path| std::fs::read(path).unwrap()).filter(|seed| seed.len() < 8_192).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// Memory that process `id` holds, in KiB.
fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The same chance in every run (xorshift).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// One of `seeds`, spoilt in up to four places.
    fn spoil(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut message = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(message.len());
            let length = self.below(40).min(message.len() - at);
            match self.below(7) {
                0 => message.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.next() as u8),
                1 => drop(message.drain(at..at + length)),
                2 => message.truncate(at),
                3 => {
                    let again: Vec<u8> = message[at..at + length].to_vec();
                    message.splice(at..at, again.repeat(1 + self.below(20)));
                }
                4 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    message.truncate(at);
                    message.extend_from_slice(&other[from..]);
                }
                5 => {
                    let odd: &[u8] = [
                        &b"\r\n"[..],
                        b"\0",
                        b"\xff",
                        b"\"",
                        b"<",
                        b";",
                        b",",
                        b"\r\n ",
                        b"%00",
                        b"4294967296",
                    ][self.below(10)];
                    message.splice(at..at, odd.iter().copied());
                }
                _ => message.iter_mut().skip(at).take(length).for_each(|byte| *byte ^= 0x20),
            }
        }
        message.truncate(60_000);
        message
    }
}
