//! What a file is that is no capture, told from its first bytes.

/// What a refused file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    what: &'static str,
    remedy: &'static str,
}

impl Kind {
    /// What a directory is.
    pub(crate) const DIRECTORY: Self =
        Self { what: "a directory", remedy: "name the capture files in it one by one" };

    /// What a file with no byte in it is.
    pub(crate) const EMPTY: Self =
        Self { what: "an empty file", remedy: "check whether the capture was written at all" };

    /// What a file beginning with `head` is, given that it is no capture that can be read.
    pub(crate) fn read(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::EMPTY;
        }
        MAGICS
            .iter()
            .find(|(magic, _)| head.starts_with(magic))
            .map(|(_, kind)| *kind)
            .or_else(|| text(head))
            .or_else(|| erf(head))
            .unwrap_or(UNKNOWN)
    }

    /// What it is, with an article: "a Zip archive".
    pub fn what(self) -> &'static str {
        self.what
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        self.remedy
    }
}

fn text(head: &[u8]) -> Option<Kind> {
    let visible = head.trim_ascii_start();
    let is_text = std::str::from_utf8(head)
        .map_or_else(|error| error.valid_up_to() + 4 > head.len(), |_| true)
        && head.iter().all(|byte| *byte >= b' ' || byte.is_ascii_whitespace() || *byte == 0x1b);
    if !is_text {
        return None;
    }
    Some(match visible {
        [b'{' | b'[', ..] => JSON,
        [b'<', ..] => XML,
        _ if begins_like_sip(visible) => SIP,
        _ => TEXT,
    })
}

fn begins_like_sip(text: &[u8]) -> bool {
    text.starts_with(b"SIP/2.0 ")
        || text
            .split(|byte| *byte == b'\n')
            .next()
            .is_some_and(|line| line.trim_ascii_end().ends_with(b" SIP/2.0"))
}

/// An Endace record: eight bytes of time, a type of 1 to 48, and a record length of at least 16 that the rest fits.
fn erf(head: &[u8]) -> Option<Kind> {
    let kind = head.get(8)? & 0x7f;
    let record = u16::from_be_bytes([*head.get(10)?, *head.get(11)?]);
    let wire = u16::from_be_bytes([*head.get(14)?, *head.get(15)?]);
    let seconds = u32::from_le_bytes([*head.get(4)?, *head.get(5)?, *head.get(6)?, *head.get(7)?]);
    let plausible = (1..=48).contains(&kind)
        && (16..=u16::MAX).contains(&record)
        && wire <= record
        && (800_000_000..4_000_000_000).contains(&seconds);
    plausible.then_some(ERF)
}

const CONVERT: &str = "convert it with `editcap -F pcap IN OUT` of Wireshark";
const UNPACK: &str = "unpack it first (only gzip is unpacked here)";

const ERF: Kind = Kind { what: "an ERF capture (Endace)", remedy: CONVERT };
const JSON: Kind = Kind { what: "JSON", remedy: "give the capture it was made from" };
const XML: Kind = Kind { what: "XML or HTML", remedy: "give the capture it was made from" };
const TEXT: Kind = Kind {
    what: "text",
    remedy: "give the capture itself, or turn a hex dump into one with `text2pcap` of Wireshark",
};
const SIP: Kind = Kind {
    what: "a SIP message as text",
    remedy: "a single message is read by `ringwall explain --message`",
};
const UNKNOWN: Kind =
    Kind { what: "of an unknown format", remedy: "if Wireshark opens it, save it from there as pcapng" };

/// Formats by their first bytes.
const MAGICS: &[(&[u8], Kind)] = &[
    (b"GMBU", Kind { what: "a Network Monitor 2 capture (GMBU)", remedy: CONVERT }),
    (b"RTSS", Kind { what: "a Network Monitor 1 capture (RTSS)", remedy: CONVERT }),
    (b"snoop\0\0\0", Kind { what: "a snoop capture (Solaris)", remedy: CONVERT }),
    (b"TRSNIFF data", Kind { what: "a Sniffer capture (Network General)", remedy: CONVERT }),
    (b"XCP\0", Kind { what: "a NetXRay capture", remedy: CONVERT }),
    (b"\x7fver", Kind { what: "an OmniPeek capture", remedy: CONVERT }),
    (b"5VW\0", Kind { what: "a 5View capture", remedy: CONVERT }),
    (b"iptrace 1.0", Kind { what: "an AIX iptrace capture", remedy: CONVERT }),
    (b"iptrace 2.0", Kind { what: "an AIX iptrace capture", remedy: CONVERT }),
    (b"\x54\x52\x00\x64", Kind { what: "a Novell LANalyzer capture", remedy: CONVERT }),
    (b"PK\x03\x04", Kind { what: "a Zip archive", remedy: UNPACK }),
    (b"PK\x05\x06", Kind { what: "an empty Zip archive", remedy: UNPACK }),
    (b"7z\xbc\xaf\x27\x1c", Kind { what: "a 7-Zip archive", remedy: UNPACK }),
    (b"Rar!", Kind { what: "a RAR archive", remedy: UNPACK }),
    (b"\xfd7zXZ\0", Kind { what: "compressed with xz", remedy: UNPACK }),
    (b"BZh", Kind { what: "compressed with bzip2", remedy: UNPACK }),
    (b"\x28\xb5\x2f\xfd", Kind { what: "compressed with zstd", remedy: UNPACK }),
    (b"\x04\x22\x4d\x18", Kind { what: "compressed with lz4", remedy: UNPACK }),
    (b"\x1f\x8b", Kind { what: "compressed with gzip twice", remedy: "unpack it once" }),
    (b"\x7fELF", Kind { what: "a program (ELF)", remedy: "name a capture file" }),
    (b"MZ", Kind { what: "a program (Windows)", remedy: "name a capture file" }),
    (b"%PDF", Kind { what: "a PDF document", remedy: "name a capture file" }),
    (b"\x89PNG", Kind { what: "a picture (PNG)", remedy: "name a capture file" }),
    (b"RIFF", Kind { what: "a sound or video file (RIFF)", remedy: "name a capture file" }),
    (b"SQLite format 3\0", Kind { what: "an SQLite database", remedy: "name a capture file" }),
    (b"HEP3", Kind { what: "a bare HEP packet", remedy: "send it to the HEP port of `ringwall serve`" }),
    (b"\xa1\xb2\xc3", CUT_PCAP),
    (b"\xd4\xc3\xb2", CUT_PCAP),
    (b"\xa1\xb2", CUT_PCAP),
    (b"\xd4\xc3", CUT_PCAP),
    (b"\x0a\x0d\x0d\x0a", CUT_PCAP),
];
const CUT_PCAP: Kind = Kind {
    what: "the damaged beginning of a capture",
    remedy: "copy the file again from where it was written",
};
