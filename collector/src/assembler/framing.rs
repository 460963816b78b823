//! The one place that knows how the engine finds SIP in bytes and in streams.

use memchr::{memchr, memmem};
use rules::{Flag, Flags};

/// Whether `payload` begins like a SIP message.
#[inline]
pub(crate) fn looks_like_sip(payload: &[u8]) -> bool {
    let payload = trim_line_ends(payload);
    if payload.starts_with(b"SIP/2.0 ") {
        return true;
    }
    let line = payload.get(..memchr(b'\n', payload).unwrap_or(payload.len())).unwrap_or(payload);
    let line = line.trim_ascii_end();
    line.ends_with(b" SIP/2.0") && line.first().is_some_and(u8::is_ascii_graphic)
}

fn trim_line_ends(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: Vec<u8>,
    start: usize,
}

/// One message cut out of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framed<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) flags: Flags,
    /// Whether nothing after it can be trusted.
    pub(crate) close: bool,
}

impl Framer {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    pub(crate) fn next(&mut self) -> Option<Framed<'_>> {
        let rest = self.buffer.get(self.start..)?;
        let trimmed = trim_line_ends(rest);
        let begin = self.start + rest.len() - trimmed.len();
        let header = memmem::find(trimmed, b"\r\n\r\n")? + 4;
        let length = content_length(trimmed.get(..header)?);
        let (total, flags, close) = match length {
            Some(length) => (header + length, Flags::NONE, false),
            None => (header, Flags::of(Flag::BadContentLength), true),
        };
        let payload = self.buffer.get(begin..begin + total)?;
        self.start = begin + total;
        Some(Framed { payload, flags, close })
    }

    /// Bytes that are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// What is there of the message that is not complete.
    pub(crate) fn rest(&self) -> &[u8] {
        trim_line_ends(self.buffer.get(self.start..).unwrap_or_default())
    }
}

fn content_length(header: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(header).to_ascii_lowercase();
    let value = text.lines().find_map(|line| {
        line.strip_prefix("content-length").or_else(|| line.strip_prefix("l"))?.trim_start().strip_prefix(':')
    });
    value.map_or(Some(0), |value| value.trim().parse().ok().filter(|length| *length < 1 << 20))
}
