//! Every way we know to write a number so that a filter misses it: each row of the shared corpus, as packets in a
//! capture, through the binary.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::packets::{Capture, Path};
use crate::support::{Scratch, call_lines, shared};

#[test]
fn every_row_is_read_as_the_corpus_expects() {
    let Some(shared) = shared() else { return };
    let corpus = std::fs::read_to_string(shared.join("data/evasion.tsv")).unwrap();
    let scratch = Scratch::new("evasion");
    let rows: Vec<Row<'_>> = corpus.lines().skip(1).filter_map(Row::parse).collect();
    assert!(rows.len() > 180, "only {} rows", rows.len());
    let wrong: Vec<String> = rows.iter().flat_map(|row| row.check(&scratch)).collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) raw: &'a str,
    pub(super) expected: &'a str,
    why: &'a str,
}

impl<'a> Row<'a> {
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split('\t');
        Some(Self { id: fields.next()?, raw: fields.next()?, expected: fields.next()?, why: fields.next()? })
    }

    fn check(&self, scratch: &Scratch) -> Vec<String> {
        let capture = scratch.write(&format!("{}.pcap", self.id), self.capture());
        let policy = scratch.write(&format!("{}.toml", self.profile()), policy(self.profile()));
        let lines = call_lines(Some(&policy), &capture);
        let mut wrong = Vec::new();
        let count = self.expected.split(";next;").count();
        for (index, part) in self.expected.split(";next;").enumerate() {
            let Some(line) = lines.get(index) else {
                wrong.push(format!("{}: no line {index}, expected {part}", self.id));
                continue;
            };
            wrong.extend(differences(part, line).map(|what| format!("{}: {what} ({})", self.id, self.why)));
        }
        let closes = self.expected.split(';').any(|part| part == "close");
        if lines.len() > count || closes && lines.len() != 1 {
            wrong.push(format!("{}: {} lines instead of {count}", self.id, lines.len()));
        }
        wrong
    }

    /// The region whose dialling habits the row is written in.
    pub(super) fn profile(&self) -> &'a str {
        self.why.strip_prefix("profile ").and_then(|rest| rest.split(':').next()).unwrap_or("us")
    }

    /// Its messages, each with what carries it and the size of the pieces.
    pub(super) fn messages(&self) -> Vec<(&'a str, usize, Vec<u8>)> {
        let parts = self.raw.split("{next-udp}").map(|part| {
            let (carriage, text) = match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                Some((carriage, text)) => (carriage, text),
                None => ("udp", part),
            };
            let (kind, size) = carriage.split_once(':').unwrap_or((carriage, "0"));
            (kind, size.parse().unwrap(), message(&unescape(text)))
        });
        parts.collect()
    }

    pub(super) fn capture(&self) -> Vec<u8> {
        let mut capture = Capture::new();
        let path = Path::default();
        for (kind, size, message) in self.messages() {
            match kind {
                "udp" => capture.udp(path, &message),
                "tcp" => capture.tcp(path, &message, 1400),
                "tcp-seg" => capture.tcp(path, &message, size),
                "udp-frag" => capture.udp_fragments(path, &message, size, false),
                "udp-frag-overlap" => capture.udp_fragments(path, &message, size, true),
                other => panic!("unknown carriage {other}"),
            };
        }
        capture.into_bytes()
    }
}

pub(super) fn policy(profile: &str) -> String {
    let (region, area) = match profile {
        "us" => ("US", "area = \"202\"\n"),
        "gb" => ("GB", ""),
        "de" => ("DE", ""),
        "ru" => ("RU", ""),
        "jp" => ("JP", ""),
        "au" => ("AU", ""),
        other => panic!("unknown profile {other}"),
    };
    format!(
        "[customer]\nname = \"Evasion\"\nregion = \"{region}\"\n{area}time_zone = \"UTC\"\nnumbers = [\"+12025550100\"]\n"
    )
}

/// A row that starts with a header line becomes an INVITE; what is missing is added.
fn message(raw: &[u8]) -> Vec<u8> {
    let first = raw.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let whole =
        [&b"INVITE"[..], b"invite", b"REFER", b"SIP/2.0", b"\r"].iter().any(|start| first.starts_with(start));
    if whole {
        return raw.to_vec();
    }
    let mut message = b"INVITE sip:+12025550100@ringwall.example SIP/2.0\r\n".to_vec();
    message.extend(raw);
    for (name, line) in [
        ("via", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKrow\r\n"),
        ("max-forwards", "Max-Forwards: 70\r\n"),
        ("to", "To: <sip:+12025550100@ringwall.example>\r\n"),
        ("call-id", "Call-ID: row@example.com\r\n"),
        ("cseq", "CSeq: 1 INVITE\r\n"),
        ("contact", "Contact: <sip:192.0.2.1>\r\n"),
        ("content-length", "Content-Length: 0\r\n"),
    ] {
        let present = String::from_utf8_lossy(raw).to_lowercase().lines().any(|header| {
            header
                .split(':')
                .next()
                .is_some_and(|found| found.trim() == name || found.trim() == "m" && name == "contact")
        });
        if !present {
            message.extend(line.as_bytes());
        }
    }
    message.extend(b"\r\n");
    message
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let escape = if byte == b'\\' { rest.next() } else { None };
        bytes.push(match escape {
            None => byte,
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'x') => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            Some(other) => other,
        });
    }
    bytes
}

/// What `line` says otherwise than `expected`.
fn differences<'a>(expected: &'a str, line: &'a Value) -> impl Iterator<Item = String> + 'a {
    let texts = |field: &str| -> BTreeSet<String> {
        match &line[field] {
            Value::String(text) => BTreeSet::from([text.clone()]),
            Value::Array(values) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
            _ => BTreeSet::new(),
        }
    };
    expected.split(';').filter(|part| *part != "close").filter_map(move |part| {
        let (key, value) = part.split_once('=').unwrap();
        let wanted: BTreeSet<String> = value.split('|').map(str::to_owned).collect();
        let found = match key {
            "caller" => &texts("caller") | &texts("identities"),
            "called" => &texts("called") | &texts("called_also"),
            other => texts(&other.replace('-', "_")),
        };
        let right = match (key, value) {
            // The raw text is kept; what matters is that it equals no number anybody would list.
            ("caller", "invalid") => {
                let number = texts("caller").into_iter().next().unwrap();
                !["+12025550143", "+12025550149", "+442079460123"].contains(&number.as_str())
                    && !texts("identities").contains("+12025550143")
            }
            ("caller", _) => {
                let own = &texts("identities") - &texts("diverting");
                own.is_superset(&wanted)
                    && own.is_subset(&wanted_with_anonymous(&wanted, &own))
                    && wanted.is_superset(&texts("caller"))
            }
            _ => found.is_superset(&wanted),
        };
        (!right).then(|| format!("expected {part}, found {found:?}, caller {} in {line}", line["caller"]))
    })
}

/// Next to a number an anonymous From may stand among the identities.
fn wanted_with_anonymous(wanted: &BTreeSet<String>, found: &BTreeSet<String>) -> BTreeSet<String> {
    let mut allowed = wanted.clone();
    if wanted.iter().any(|text| text.starts_with('+')) && found.contains("anonymous") {
        allowed.insert("anonymous".to_owned());
    }
    allowed
}
