//! What nothing comes of ends when it is due, though the next message comes much later; and then that is none of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by its panic what is wrong")]

use std::net::SocketAddr;
use std::sync::Arc;

use ringwall_engine::{Engine, Kind, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};

const POLICY: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 01xx\"]\n\
                      trunks = [\"192.0.2.0/24\"]\n[[ips]]\nname = \"few\"\ncount = \"mean duration\"\nper = [\"called\"]\n\
                      within = \"31d\"\ncritical = 20000\n";
const START: i64 = 1_791_979_200;

/// A message at this second, from the caller or from the one called.
type Said = (i64, bool, &'static str, &'static str);

/// Of each attempt that ended: what it was, its last status, its talk and its time-out in seconds.
type Ended = (Kind, u16, Option<i64>, Option<i64>);

fn run(said: &[Said]) -> (Vec<Ended>, usize) {
    let reading = rules::policy::read("acme.toml", POLICY, &MemoryFiles::new(), Timestamp::default());
    let policies = PolicySet::new(vec![Policy::new(reading.policy.unwrap())]);
    let mut engine = Engine::new(Arc::new(policies));
    let (outside, inside) =
        (SocketAddr::from(([198, 51, 100, 7], 5060)), SocketAddr::from(([192, 0, 2, 10], 5060)));
    let mut ended = Vec::new();
    for (second, by_caller, line, cseq) in said {
        let tag = if *by_caller && *cseq == "1 INVITE" || *cseq == "2 INVITE" && line.starts_with("INVITE") {
            ""
        } else {
            ";tag=b"
        };
        let text = format!(
            "{line}\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{}\r\nFrom: <sip:+12125550143@198.51.100.7>;tag=a\r\n\
             To: <sip:+12105550142@192.0.2.10>{tag}\r\nCall-ID: late\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n",
            cseq.replace(' ', "")
        );
        let (source, destination) = if *by_caller { (outside, inside) } else { (inside, outside) };
        let at = Timestamp::from_seconds(START + second);
        let (transport, payload) = (Transport::Udp, text.as_bytes());
        engine.handle(&Packet { at, source, destination, transport, payload, flags: Flags::NONE });
    }
    engine.expire(Timestamp::from_seconds(START + 1_000_000));
    let breaches = std::iter::from_fn(|| engine.poll_breach()).count();
    while let Some(attempt) = engine.poll_ended() {
        let talk = attempt.progress.answered.zip(attempt.progress.ended);
        let talk = talk.map(|(answered, ended)| (ended.0 - answered.0) / 1_000_000);
        let timed_out = attempt.timed_out().map(|at| at.0 / 1_000_000 - START);
        ended.push((attempt.kind, attempt.progress.status, talk, timed_out));
    }
    (ended, breaches)
}

const INVITE: &str = "INVITE sip:+12105550142@192.0.2.10 SIP/2.0";
const BYE: &str = "BYE sip:+12105550142@192.0.2.10 SIP/2.0";

#[test]
fn a_repeat_long_after_a_challenge_is_a_call_that_is_followed_to_its_end() {
    let said = [
        (0, true, INVITE, "1 INVITE"),
        (1, false, "SIP/2.0 407 Proxy Authentication Required", "1 INVITE"),
        (60, true, INVITE, "2 INVITE"),
        (62, false, "SIP/2.0 200 OK", "2 INVITE"),
        (182, true, BYE, "3 BYE"),
    ];
    let (ended, _) = run(&said);
    assert_eq!(ended, [(Kind::Call, 407, None, Some(33)), (Kind::Call, 200, Some(120), Some(182 + 300))]);
}

#[test]
fn a_call_that_falls_silent_ends_after_four_hours_however_late_that_is_seen() {
    let said = [(0, true, INVITE, "1 INVITE"), (2, false, "SIP/2.0 200 OK", "1 INVITE")];
    let (ended, breaches) = run(&said);
    assert_eq!(ended, [(Kind::Call, 200, None, Some(2 + 4 * 3600))]);
    assert_eq!(breaches, 0, "it lasted no longer than that");
}
