//! A policy with any number of thresholds of the usual kinds, and calls for it: shared by benches and tests of their cost.

use std::io::Write;
use std::net::SocketAddr;

/// A policy with `count` thresholds of the usual kinds of keys and counts, over windows of one to seven `unit`s: one
/// caller may call 30,000 times, and a number be called or an address call `calls_max` times.
pub(crate) fn thresholds(count: usize, unit: &str, calls_max: u64) -> String {
    let mut text = String::from(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\n\
         numbers = [\"+1 210 555 01xx\"]\ntrunks = [\"10.20.0.0/16\"]\n\
         response = { list = 603, threshold = 603 }\n",
    );
    let keys = ["caller", "called", "source", "caller_block:2", "caller\", \"called", "source_net:24"];
    let counts = ["attempts", "distinct called", "failed", "short calls", "attempts"];
    let kinds = keys.iter().cycle().zip(counts.iter().cycle());
    for (index, (key, count)) in kinds.take(count).enumerate() {
        let limit = if key.starts_with("caller") { 30_000 } else { calls_max };
        text += &format!(
            "[[ips]]\nname = \"threshold {index}\"\nwhen = {{ direction = \"inbound\" }}\ncount = \"{count}\"\n\
             per = [\"{key}\"]\nwithin = \"{}{unit}\"\nwarning = {limit}\ncritical = {}\n",
            1 + index % 7,
            2 * limit
        );
    }
    text
}

/// Where the carrier's messages come from, and where they go.
pub(crate) fn ends() -> (SocketAddr, SocketAddr) {
    (SocketAddr::from(([192, 0, 2, 7], 5060)), SocketAddr::from(([10, 20, 0, 1], 5060)))
}

/// Writes into `to` the INVITE of call number `call` from `caller`, ten national digits, to the customer's number that
/// ends in `called`, below 100.
pub(crate) fn write_invite(to: &mut Vec<u8>, call: u64, caller: u64, called: u64) {
    let line = format_args!("INVITE sip:+121055501{called:02}@10.20.0.1 SIP/2.0");
    write_message(to, line, "", (call, caller, called));
}

/// Writes into `to` the refusal of that call.
pub(crate) fn write_refusal(to: &mut Vec<u8>, call: u64, caller: u64, called: u64) {
    write_message(to, format_args!("SIP/2.0 486 Busy Here"), ";tag=b", (call, caller, called));
}

fn write_message(
    to: &mut Vec<u8>,
    line: std::fmt::Arguments<'_>,
    tag: &str,
    (call, caller, called): (u64, u64, u64),
) {
    to.clear();
    let _ = write!(
        to,
        "{line}\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{call}\r\nFrom: <sip:+1{caller}@192.0.2.7>;tag={call}\r\n\
         To: <sip:+121055501{called:02}@10.20.0.1>{tag}\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
}
