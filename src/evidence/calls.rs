//! What the spool has of calls that alerts name: their records with verdicts, and the messages as they were on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use cases::pack::{Pack, sha256};
use collector::write::Pcap;
use rules::Timestamp;
use serde_json::{Value, json};
use spool::{Kind, Reader, Record, Signal};

use super::{JSONL, lines, moment};
use crate::outcome::Failure;

/// What was found of the calls.
pub(super) struct Calls {
    wanted: BTreeSet<String>,
    /// Calls that the alerts count.
    counted: u64,
    /// Records of the customer, in the order in which they were written.
    records: Vec<Value>,
    /// Call-IDs and starts of these.
    seen: BTreeSet<(String, String)>,
    /// Messages of wanted Call-IDs.
    messages: Vec<Record>,
    /// Records of other customers' calls with a wanted Call-ID: when these calls began.
    others: BTreeMap<String, BTreeSet<String>>,
    bytes: usize,
    has_more: bool,
    damaged: u64,
}

/// Which calls an alert is about.
struct Grounds {
    /// Those that it names.
    calls: Vec<String>,
    /// How many there are.
    counted: u64,
    rule: String,
    key: Vec<(String, Value)>,
    first: jiff::Timestamp,
    last: jiff::Timestamp,
}

impl Calls {
    /// Looks in the folder `data` of the service for the calls of `customer` that `alerts` are about.
    pub(super) fn read(data: &Path, customer: &str, alerts: &[String]) -> Result<Self, Failure> {
        let mut grounds: Vec<_> = alerts.iter().filter_map(|text| Grounds::read(text)).collect();
        let mut calls = Self {
            wanted: grounds.iter().flat_map(|grounds| grounds.calls.clone()).collect(),
            // Alerts of one key count the same calls again.
            counted: grounds.iter().map(|grounds| grounds.counted).max().unwrap_or_default(),
            records: Vec::new(),
            seen: BTreeSet::new(),
            messages: Vec::new(),
            others: BTreeMap::new(),
            bytes: 0,
            has_more: false,
            damaged: 0,
        };
        if grounds.is_empty() {
            return Ok(calls);
        }
        // First which calls there are: their messages stand before their records.
        every_call(data, |line| calls.look_at(&line, customer, &mut grounds))?;
        every_call(data, |line| calls.take_call(line, customer))?;
        // It reads beside the service, and holds nothing.
        let mut reader = Reader::open(&data.join(crate::serve::SPOOL), "evidence").map_err(spool)?;
        reader.only(&[Kind::SIGNALLING]);
        reader.seek(0);
        while let Some(record) = reader.next().map_err(spool)? {
            calls.take_message(record);
        }
        calls.damaged = reader.damaged();
        Ok(calls)
    }

    /// Notes whether a call is wanted.
    fn look_at(&mut self, line: &Value, customer: &str, grounds: &mut [Grounds]) {
        let is_own = word(line, "customer") == customer && self.wanted.len() < CALLS_MAX;
        if is_own && grounds.iter_mut().any(|grounds| grounds.is_of(line)) {
            self.wanted.insert(word(line, "call_id").to_owned());
        }
    }

    fn take_call(&mut self, line: Value, customer: &str) {
        let id = word(&line, "call_id");
        if !self.wanted.contains(id) {
            return;
        }
        let (id, start) = (id.to_owned(), word(&line, "start").to_owned());
        if word(&line, "customer") != customer {
            self.others.entry(id).or_default().insert(start);
        } else if self.seen.insert((id, start)) {
            self.records.push(line);
        }
    }

    fn take_message(&mut self, record: Record) {
        let signal = Signal::parse(&record.payload);
        let is_wanted =
            signal.is_some_and(|signal| self.wanted.contains(&*String::from_utf8_lossy(signal.call_id)));
        if !is_wanted {
            return;
        }
        if self.messages.len() >= MESSAGES_MAX || self.bytes + record.payload.len() > MESSAGE_BYTES_MAX {
            self.has_more = true;
            return;
        }
        self.bytes += record.payload.len();
        self.messages.push(record);
    }

    /// Puts it into `pack`. Returns the versions of policies that judged.
    pub(super) fn put(mut self, pack: &mut Pack) -> Result<BTreeSet<String>, Failure> {
        if self.wanted.is_empty() {
            pack.leave_out("No call is named by an alert of this case.".to_owned());
            return Ok(BTreeSet::new());
        }
        let mut own: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for line in &self.records {
            own.entry(word(line, "call_id")).or_default().insert(word(line, "start"));
        }
        if self.counted > self.records.len() as u64 {
            pack.leave_out(format!(
                "An alert counts {} calls; records of {} are kept, and here.",
                self.counted,
                self.records.len()
            ));
        }
        // Who calls chooses the Call-ID. One call between two customers is both's; two calls of one Call-ID are not.
        let nothing = BTreeSet::new();
        let is_others = |id: &String| {
            let own = own.get(id.as_str()).unwrap_or(&nothing);
            self.others.get(id).is_some_and(|starts| starts.iter().any(|it| !own.contains(it.as_str())))
        };
        let contested: BTreeSet<_> = self.wanted.iter().filter(|id| is_others(id)).cloned().collect();
        if !contested.is_empty() {
            pack.leave_out(format!(
                "Signalling of {} calls is left out: a call of somebody else had the same Call-ID.",
                contested.len()
            ));
        }
        let of = |record: &Record| {
            Signal::parse(&record.payload).map(|it| String::from_utf8_lossy(it.call_id).into_owned())
        };
        self.messages.retain(|record| of(record).is_some_and(|id| !contested.contains(&id)));
        if self.has_more {
            pack.leave_out(format!(
                "There was more signalling than fits: {MESSAGES_MAX} messages, {} MiB.",
                MESSAGE_BYTES_MAX >> 20
            ));
        }
        if self.damaged > 0 {
            pack.leave_out(format!("{} parts of the spool are damaged and were passed over.", self.damaged));
        }
        pack.put("calls/records.jsonl", JSONL, lines(&self.records)?);
        let versions = self.records.iter().map(|line| word(line, "policy_version").to_owned());
        let versions = versions.filter(|version| !version.is_empty()).collect();
        if self.messages.is_empty() {
            pack.leave_out("No signalling of these calls is kept.".to_owned());
        } else {
            self.signalling(pack)?;
        }
        Ok(versions)
    }

    fn signalling(&self, pack: &mut Pack) -> Result<(), Failure> {
        let mut capture = Pcap::new(Vec::new()).map_err(Failure::Output)?;
        let (mut index, mut too_long) = (Vec::new(), 0);
        for record in &self.messages {
            let Some(signal) = Signal::parse(&record.payload) else { continue };
            let at = Timestamp(record.at_micros);
            let (from, to) = (signal.source, signal.destination);
            let (source, destination) = one_family(from, to);
            // A message over TCP may be longer than any datagram.
            let is_in_capture = capture.datagram(at, source, destination, signal.message).is_ok();
            let file = if is_in_capture {
                None
            } else {
                too_long += 1;
                let name = format!("calls/message-{too_long:04}.sip");
                pack.put(&name, "message/sip", signal.message.to_vec());
                Some(name)
            };
            index.push(json!({
                "event": record.sequence, "at": moment(at), "sent_by_ringwall": signal.is_ours,
                "transport": transport(signal.transport), "from": from.to_string(), "to": to.to_string(),
                "call_id": String::from_utf8_lossy(signal.call_id), "bytes": signal.message.len(),
                "sha256": sha256(signal.message), "file": file,
            }));
        }
        pack.put("calls/signalling.jsonl", JSONL, lines(&index)?);
        let capture = capture.finish().map_err(Failure::Output)?;
        pack.put("calls/signalling.pcap", "application/vnd.tcpdump.pcap", capture);
        Ok(())
    }
}

/// Hands out every call record there is: those of the copy in lines, then those of the spool, which forgets what was copied. One may
/// come twice.
fn every_call(data: &Path, mut take: impl FnMut(Value)) -> Result<(), Failure> {
    let path = data.join("calls.jsonl");
    match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        copy => {
            for line in BufReader::new(copy.map_err(Failure::file(&path))?).split(b'\n') {
                let line = line.map_err(Failure::file(&path))?;
                // What is being written in this moment is no line yet.
                serde_json::from_slice(&line).into_iter().for_each(&mut take);
            }
        }
    }
    let mut reader = Reader::open(&data.join(crate::serve::SPOOL), "evidence").map_err(spool)?;
    reader.only(&[Kind::CALL]);
    reader.seek(0);
    while let Some(record) = reader.next().map_err(spool)? {
        serde_json::from_slice(&record.payload).into_iter().for_each(&mut take);
    }
    Ok(())
}

fn spool(error: spool::Error) -> Failure {
    Failure::Usage(error.to_string())
}

impl Grounds {
    fn read(alert: &str) -> Option<Self> {
        let alert: Value = serde_json::from_str(alert).ok()?;
        let calls = alert.get("calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let key = alert.get("key").and_then(Value::as_object)?;
        Some(Self {
            calls: calls.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            counted: alert.get("total_calls").and_then(Value::as_u64).unwrap_or_default(),
            rule: word(&alert, "rule").to_owned(),
            key: key.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            first: word(&alert, "first").parse().ok()?,
            last: word(&alert, "last").parse().ok()?,
        })
    }

    /// Whether `line` is of a call that is counted with this alert though it does not name it: the text of an alert that still
    /// rings names the first ones. A call that is keeps it ringing.
    fn is_of(&mut self, line: &Value) -> bool {
        let Ok(start) = word(line, "start").parse::<jiff::Timestamp>() else { return false };
        let is_same = word(line, "rule") == self.rule
            && !self.key.is_empty()
            && self.key.iter().all(|(name, value)| line.get(name) == Some(value));
        let is_near = start >= self.first && start.duration_since(self.last) <= COOL_DOWN;
        if is_same && is_near {
            self.last = self.last.max(start);
        }
        is_same && is_near
    }
}

/// The text in a field of a line.
fn word<'a>(line: &'a Value, name: &str) -> &'a str {
    line.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Addresses as one datagram can have them.
fn one_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let (source, destination) = (plain(source), plain(destination));
    if source.is_ipv4() == destination.is_ipv4() {
        return (source, destination);
    }
    let mapped = |end: SocketAddr| match end.ip() {
        IpAddr::V4(address) => SocketAddr::new(address.to_ipv6_mapped().into(), end.port()),
        IpAddr::V6(_) => end,
    };
    (mapped(source), mapped(destination))
}

const fn transport(number: u8) -> &'static str {
    match number {
        1 => "udp",
        2 => "tcp",
        3 => "tls",
        4 => "sctp",
        5 => "ws",
        6 => "wss",
        _ => "another",
    }
}

/// As long as an alert goes on after its last call.
const COOL_DOWN: jiff::SignedDuration = jiff::SignedDuration::from_mins(30);
/// Calls of one pack.
const CALLS_MAX: usize = 20_000;
/// Messages of one pack.
const MESSAGES_MAX: usize = 50_000;
/// Their bytes.
const MESSAGE_BYTES_MAX: usize = 128 << 20;

#[cfg(test)]
mod tests {
    use spool::{Event, Settings, Spool};

    use super::*;

    fn record(customer: &str, call_id: &str, caller: &str, second: u32) -> Vec<u8> {
        let start = format!("2026-10-05T15:00:{second:02}Z");
        json!({ "call_id": call_id, "customer": customer, "caller": caller, "rule": "unwanted", "start": start })
            .to_string()
            .into_bytes()
    }

    fn message(call_id: &str, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let (source, destination) =
            ("192.0.2.1:5060".parse().unwrap(), "[2001:db8::1]:5060".parse().unwrap());
        let (call_id, message) = (call_id.as_bytes(), text.as_bytes());
        Signal { is_ours: false, transport: 2, source, destination, call_id, message }.write(&mut out);
        out
    }

    /// The pack of an alert of Acme that names the call `a`.
    fn packed(name: &str, events: &[(Kind, Vec<u8>)]) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("ringwall-evidence-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let settings = Settings {
            segment_bytes: 1 << 20,
            bytes_max: 8 << 20,
            reserve_bytes: 1 << 20,
            signalling_bytes_max: 8 << 20,
            signalling_micros_max: i64::MAX,
            consumers: Vec::new(),
        };
        let (mut spool, _) = Spool::open(&folder.join("spool"), settings).unwrap();
        let events: Vec<_> =
            events.iter().map(|(kind, payload)| Event { kind: *kind, at_micros: 7, payload }).collect();
        spool.append(&events);
        spool.commit().unwrap();
        let alert = json!({
            "rule": "unwanted", "key": { "caller": "+13035550142" }, "calls": ["a"], "total_calls": 1,
            "first": "2026-10-05T15:00:00Z", "last": "2026-10-05T15:00:00Z",
        });
        let mut pack = Pack::default();
        Calls::read(&folder, "Acme", &[alert.to_string()]).unwrap().put(&mut pack).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        let said = pack.left_out().iter().cloned();
        // What is in the files is looked at as the text that it is.
        said.chain([format!("{pack:?}")]).collect()
    }

    fn holds(pack: &[String], text: &str) -> bool {
        // Bytes as they are printed.
        let bytes = text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        pack.iter().any(|it| it.contains(&bytes))
    }

    #[test]
    fn calls_that_ring_the_same_alert_are_in_it_though_it_names_only_the_first() {
        let pack = packed(
            "same",
            &[
                (Kind::SIGNALLING, message("b", "INVITE of b")),
                (Kind::CALL, record("Acme", "a", "+13035550142", 0)),
                (Kind::CALL, record("Acme", "b", "+13035550142", 9)),
                (Kind::CALL, record("Acme", "c", "+13035550143", 9)),
                (Kind::SIGNALLING, message("c", "INVITE of c")),
            ],
        );
        assert!(holds(&pack, "INVITE of b") && !holds(&pack, "INVITE of c"));
        assert!(holds(&pack, "\"call_id\":\"b\"") && !holds(&pack, "\"call_id\":\"c\""));
    }

    #[test]
    fn x2_a_call_of_another_customer_with_the_same_call_id_is_in_no_pack() {
        let pack = packed(
            "other",
            &[
                (Kind::SIGNALLING, message("a", "INVITE of somebody")),
                (Kind::CALL, record("Acme", "a", "+13035550142", 0)),
                (Kind::CALL, record("Other", "a", "+12125550111", 5)),
            ],
        );
        assert!(!holds(&pack, "INVITE of somebody") && !holds(&pack, "+12125550111"));
        assert!(pack.iter().any(|said| said.contains("somebody else had the same Call-ID")), "{pack:?}");
        // One call from customer to customer is both's.
        let pack = packed(
            "both",
            &[
                (Kind::SIGNALLING, message("a", "INVITE of both")),
                (Kind::CALL, record("Acme", "a", "+13035550142", 0)),
                (Kind::CALL, record("Other", "a", "+13035550142", 0)),
            ],
        );
        assert!(holds(&pack, "INVITE of both"));
    }
}
