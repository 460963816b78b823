//! A flood of callers that never come again, with some that do: memory stays within its budget, whoever comes again is
//! found, and nobody else is blocked.
//!
//! `RINGWALL_FLOOD_CALLERS` sets the number of callers; the run in full has 50 million (`cargo xtask soak flood`).

use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use ringwall_engine::{Budget, Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Flags, Policy, Timestamp, Transport};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "UTC"
numbers = ["+1 210 555 01xx"]
trunks = ["10.20.0.0/16"]
response = { list = 603, threshold = 603 }

[[ips]]
name = "heavy caller"
count = "attempts"
per = ["caller"]
within = "4h"
warning = 15
critical = 40
action = { critical = { block = "4h" } }

[[ips]]
name = "many of ours"
count = "distinct called"
per = ["caller"]
within = "4h"
warning = 15
"#;

/// Calls of each caller who comes again.
const CALLS: u64 = 60;
/// One call a hundred microseconds.
const STEP_MICROS: i64 = 100;

#[test]
fn heavy_callers_are_found_in_a_flood_of_strangers() {
    let callers: u64 =
        std::env::var("RINGWALL_FLOOD_CALLERS").ok().and_then(|count| count.parse().ok()).unwrap_or(600_000);
    // The table holds one stranger in twenty-four, as two million places do of fifty million callers.
    let keys_max = (callers / 24) as usize;
    let heavies = (callers / 50_000).clamp(10, 1_000);
    let budget = Budget { keys_max, window_bytes_max: 16 << 20 };
    let reading = rules::policy::read("acme.toml", POLICY, &MemoryFiles::new(), Timestamp::default());
    let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)));
    let mut engine = Engine::with_budget(Arc::new(PolicySet::new(vec![policy])), budget);
    engine.leave_out_others();
    let (source, destination) =
        (SocketAddr::from(([192, 0, 2, 7], 5060)), SocketAddr::from(([10, 20, 0, 1], 5060)));
    let mut payload = Vec::new();
    let mut blocked: HashSet<u64> = HashSet::new();
    let mut critical: HashSet<String> = HashSet::new();
    let mut most_bytes = 0;
    let mut send = |caller: u64, number: u64, step: u64| {
        payload.clear();
        write!(
            payload,
            "INVITE sip:+12105550{:03}@10.20.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{number}\r\n\
             From: <sip:+{caller}@192.0.2.7>;tag={number}\r\nTo: <sip:+12105550100@10.20.0.1>\r\nCall-ID: {number}\r\n\
             CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            100 + number % 100,
        )
        .unwrap();
        let at = Timestamp(1_791_979_200_000_000 + step as i64 * STEP_MICROS);
        let handled = engine.handle(&Packet {
            at,
            source,
            destination,
            transport: Transport::Udp,
            payload: &payload,
            flags: Flags::NONE,
        });
        if handled.decision == Some(Action::Block) {
            blocked.insert(caller);
        }
        while engine.poll_ended().is_some() {}
        while let Some(breach) = engine.poll_breach() {
            if breach.critical {
                assert_eq!(breach.value, breach.limit, "what is counted is counted exactly");
                critical.insert(breach.key[0].1.clone());
            }
        }
        if number.is_multiple_of(4_096) {
            most_bytes = most_bytes.max(engine.counter_bytes());
        }
    };
    // Each heavy caller calls once in every sixtieth part of the flood.
    let period = callers / CALLS;
    let mut number = 0;
    for stranger in 0..callers {
        let place = stranger % period;
        if place < heavies {
            number += 1;
            send(13_125_550_000 + place, number, stranger);
        }
        number += 1;
        send(491_510_000_000 + stranger, number, stranger);
    }
    let allowed = budget.bytes_max() + budget.bytes_max() / 20;
    assert!(most_bytes <= allowed, "{most_bytes} bytes, {allowed} allowed");
    let expected: HashSet<String> =
        (0..heavies).map(|heavy| format!("+{}", 13_125_550_000 + heavy)).collect();
    assert_eq!(critical, expected, "all heavy callers and nobody else");
    assert!(blocked.iter().all(|caller| expected.contains(&format!("+{caller}"))), "an innocent was blocked");
    assert_eq!(blocked.len(), heavies as usize);
    println!(
        "{callers} strangers, {heavies} heavy callers found; counters took {} MB of {} MB; {}",
        most_bytes >> 20,
        budget.bytes_max() >> 20,
        most_resident()
    );
}

/// The most memory that the process has had, with all its calls, as Linux says it.
fn most_resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned()
}
