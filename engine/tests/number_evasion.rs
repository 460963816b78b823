//! Every row of the evasion corpus that is about how a number is written.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "helpers of tests")]

mod number_support;

use std::path::Path;

use number_support::{plan, uri, us, word};
use ringwall_engine::number::{Role, is_display_mismatch, read};
use rules::plan::DialPlan;
use rules::{Flag, Flags};

/// The corpus, or `None` with a line that says so where it is not at hand. In CI it must be.
fn corpus() -> Option<String> {
    let shared = std::env::var("RINGWALL_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let path = Path::new(&shared).join("data/evasion.tsv");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{}: {error}", path.display()),
        Err(_) => {
            println!("left out: the evasion corpus is not at {}", path.display());
            None
        }
    }
}

/// Undoes the corpus's escapes.
fn bytes(raw: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = raw.as_bytes();
    while let [first, tail @ ..] = rest {
        (out, rest) = match (first, tail) {
            (b'\\', [b'r', tail @ ..]) => ([out, b"\r".to_vec()].concat(), tail),
            (b'\\', [b'n', tail @ ..]) => ([out, b"\n".to_vec()].concat(), tail),
            (b'\\', [b't', tail @ ..]) => ([out, b"\t".to_vec()].concat(), tail),
            (b'\\', [b'\\', tail @ ..]) => ([out, b"\\".to_vec()].concat(), tail),
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let hex = [*high, *low];
                let byte = u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap();
                ([out, vec![byte]].concat(), tail)
            }
            _ => ([out, vec![*first]].concat(), tail),
        };
    }
    out
}

/// The display name and the address of the last `<…>` of the From line, or the whole value.
fn from(message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let line =
        message.split(|byte| *byte == b'\r').find(|line| line.trim_ascii_start().starts_with(b"From:"));
    let value = line.unwrap()[b"From:".len()..].trim_ascii().to_vec();
    let open = value.iter().rposition(|byte| *byte == b'<').unwrap();
    let close = value.iter().rposition(|byte| *byte == b'>').unwrap();
    (value[..open].to_vec(), value[open + 1..close].to_vec())
}

fn request_uri(message: &[u8]) -> Vec<u8> {
    let line = message.split(|byte| *byte == b'\r').next().unwrap();
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    words[1].iter().copied().filter(|byte| !b"<>".contains(byte)).collect()
}

fn profile(why: &str) -> DialPlan {
    plan(why.split("profile ").nth(1).map_or("US", |rest| &rest[..2]), None, &[])
}

#[test]
fn every_way_to_write_a_number_is_read() {
    let Some(corpus) = corpus() else { return };
    let (mut checked, mut failed) = (0, Vec::new());
    for row in corpus.lines().skip(1) {
        let [id, raw, expected, why] = row.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let group = id.split('-').next().unwrap();
        let called = group == "ruri" && id < "ruri-029";
        let caller = ["uri", "uni", "nat", "neg"].contains(&group)
            || ["hdr-017", "hdr-018", "id-026", "id-027", "id-029", "id-030"].contains(&id);
        if !called && !caller {
            continue;
        }
        let (key, role) = if called { ("called=", Role::Called) } else { ("caller=", Role::Caller) };
        let message = bytes(raw);
        let (display, address) = if called { (Vec::new(), request_uri(&message)) } else { from(&message) };
        // The nat rows share profiles: `00` and `44` of GB, `0011` of AU stand without naming them.
        let dial_plan = match id {
            "nat-001" | "nat-002" | "nat-003" | "nat-005" | "nat-006" | "nat-007" => plan("GB", None, &[]),
            "nat-010" => plan("IT", None, &[]),
            _ if group == "nat" => profile(why),
            _ => us(),
        };
        let uri = uri(&address);
        let reading = read(&uri, &dial_plan, role);
        let mut raw_user = uri.user.unwrap_or_default().to_vec();
        if !reading.domain.is_empty() {
            let digits = raw_user.split(|byte| *byte == b';').next().unwrap();
            raw_user = [digits, b"@", reading.domain].concat();
        }
        let mut found = word(reading.party, &raw_user);
        if called && let Some(routing) = reading.routing {
            found = format!("{found}|{}", word(routing, b""));
        }
        let mut flags = reading.flags;
        if is_display_mismatch(&display, reading.party, &dial_plan) {
            flags.raise(Flag::DisplayNumberMismatch);
        }
        if reading.verstat.is_some() {
            flags.raise(Flag::UntrustedVerstat);
        }
        let wanted = expected.split(';').find_map(|part| part.strip_prefix(key)).unwrap();
        let wanted_flags: Flags = expected
            .split(';')
            .filter_map(|part| part.strip_prefix("flags="))
            .flat_map(|flags| flags.split('|'))
            .map(|name| Flag::from_name(name).unwrap())
            // The readers of the message and of the URI raise these.
            .filter(|flag| ![Flag::UriHeaders, Flag::UnknownMethod].contains(flag))
            .filter(|flag| !(*flag == Flag::Malformed && ["uri-054", "ruri-021", "ruri-022"].contains(&id)))
            .collect();
        let missing: Flags = wanted_flags.iter().filter(|flag| !flags.contains(*flag)).collect();
        let surplus: Flags = flags.iter().filter(|flag| !wanted_flags.contains(*flag)).collect();
        if found != wanted || !missing.is_empty() {
            failed.push(format!("{id}: {found}, not {wanted}; missing {missing:?} of {flags:?} ({why})"));
        } else if !surplus.is_empty() {
            println!("{id}: also {surplus:?}");
        }
        checked += 1;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(checked >= 100, "only {checked} rows");
    println!("{checked} rows");
}
