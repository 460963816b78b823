//! The same messages read by others: tshark over whole captures, rsip message by message. A difference is allowed
//! only where a reviewed list says why we are right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use collector::{Assembler, Merge};
use engine::sip::{Message, unfold};

use crate::support::shared;

/// Captures whose messages tshark reads otherwise, and why we are right.
const REVIEWED_TSHARK: &[(&str, &str)] = &[
    (
        "fuzz-2006-06-26-2594.pcap",
        "bytes changed at random: tshark leaves out what is broken, we keep what can be read; see captures.rs",
    ),
    ("SIP-Bruteforce-Single-IP.pcap", "six messages over port 1293, which tshark takes for PacketCable"),
];

#[test]
fn tshark_reads_the_same_fields_in_every_capture() {
    let Some(shared) = shared() else { return };
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "tshark is missing in CI");
        println!("SKIPPED: tshark is not installed");
        return;
    }
    let mut wrong = Vec::new();
    for capture in captures(&shared) {
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        if REVIEWED_TSHARK.iter().any(|(file, _)| *file == name) {
            continue;
        }
        let (ours, theirs) = (tally(our_rows(&capture)), tally(tshark_rows(&capture)));
        for (row, count) in &theirs {
            let found = ours.get(row).copied().unwrap_or_default();
            if found != *count {
                wrong.push(format!("{name}: tshark reads {count} × {row:?}, we {found}"));
            }
        }
        for (row, count) in ours.iter().filter(|(row, _)| !theirs.contains_key(*row)) {
            wrong.push(format!("{name}: we read {count} × {row:?}, tshark none"));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn rsip_agrees_wherever_it_reads_a_message_at_all() {
    let Some(shared) = shared() else { return };
    let (mut read, mut refused, mut wrong) = (0, 0, Vec::new());
    for capture in captures(&shared) {
        each_message(&capture, |message| {
            let Ok(theirs) = rsip::SipMessage::try_from(message) else {
                refused += 1;
                return;
            };
            read += 1;
            let ours = Message::read(message);
            if let Some(difference) = rsip_difference(&ours, &theirs) {
                wrong.push(format!("{}: {difference}", capture.display()));
            }
        });
    }
    println!("rsip read {read} messages and refused {refused}");
    assert!(read > 10_000, "rsip read only {read}");
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// What rsip says otherwise about the fields that both read. Compact names are unknown to it, so a header it lacks says
/// nothing.
fn rsip_difference(ours: &Message<'_>, theirs: &rsip::SipMessage) -> Option<String> {
    use rsip::prelude::{HasHeaders, HeadersExt, UntypedHeader};
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    theirs.headers().iter().next()?;
    let pairs = [
        (
            "Call-ID",
            theirs.call_id_header().ok().map(|header| header.value().trim().to_owned()),
            text(ours.call_id()),
        ),
        (
            "CSeq",
            theirs
                .cseq_header()
                .ok()
                .map(|header| header.value().split_whitespace().collect::<Vec<_>>().join(" ")),
            ours.cseq().map(|(number, method)| format!("{number} {}", text(method))).unwrap_or_default(),
        ),
        (
            "From tag",
            theirs.from_header().ok().and_then(|header| {
                let value = header.value().to_owned();
                value
                    .split(";tag=")
                    .nth(1)
                    .map(|tag| tag.split(';').next().unwrap_or_default().trim().to_owned())
            }),
            ours.from().and_then(|from| from.tag()).map(text).unwrap_or_default(),
        ),
    ];
    pairs.into_iter().find_map(|(what, theirs, ours)| {
        let theirs = theirs?;
        (theirs != ours).then(|| format!("{what}: rsip reads {theirs:?}, we {ours:?}"))
    })
}

/// What both say of one message: start, Call-ID, CSeq, user of From, user of the Request-URI.
type Row = [String; 5];

fn our_rows(capture: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    each_message(capture, |bytes| {
        let message = Message::read(bytes);
        let start = match message.status() {
            Some(status) => status.to_string(),
            None => text(message.method_text()),
        };
        // tshark leaves out user parts of one character.
        let user = |user: Option<&[u8]>| user.filter(|user| user.len() > 1).map(text).unwrap_or_default();
        rows.push([
            start,
            text(message.call_id()),
            message.cseq().map(|(number, _)| number.to_string()).unwrap_or_default(),
            user(message.from().and_then(|from| from.uri.user)),
            if message.is_request() { user(message.request_uri().user) } else { String::new() },
        ]);
    });
    rows
}

fn tshark_rows(capture: &Path) -> Vec<Row> {
    let mut command = Command::new("tshark");
    command.args(["-r"]).arg(capture).args([
        "-Y",
        "sip && !icmp",
        "-T",
        "fields",
        "-E",
        "occurrence=f",
        "-E",
        "separator=/t",
    ]);
    for field in ["Method", "Status-Code", "Call-ID", "CSeq.seq", "from.user", "r-uri.user"] {
        command.args(["-e", &format!("sip.{field}")]);
    }
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [method, status, call_id, cseq, from, request] = fields[..] else { return None };
            let start = if status.is_empty() { method } else { status };
            Some([start, call_id, cseq, from, request].map(str::to_owned))
        })
        .collect()
}

fn each_message(capture: &Path, mut visit: impl FnMut(&[u8])) {
    let mut merge = Merge::open([capture]);
    let mut assembler = Assembler::default();
    while let Some(frame) = merge.next_frame() {
        assembler.assemble(frame, &mut |packet| visit(packet.payload));
    }
}

fn captures(shared: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(shared.join("captures/captures")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if !path.ends_with("c07-sip-r2.cap") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn tally(rows: Vec<Row>) -> BTreeMap<Row, usize> {
    rows.into_iter().fold(BTreeMap::new(), |mut tally, row| {
        *tally.entry(row).or_default() += 1;
        tally
    })
}

fn text(bytes: &[u8]) -> String {
    let mut room = [0; 4096];
    String::from_utf8_lossy(unfold(bytes, &mut room)).trim().to_owned()
}
