//! SIP over WebSocket (RFC 7118): the frames of RFC 6455 after an HTTP upgrade.

use super::content::drop_front;
use crate::bytes::{array, u8, u16};
use crate::limits::WEBSOCKET_MESSAGE_BYTES_MAX;

/// One direction of a WebSocket.
#[derive(Debug, Default)]
pub(crate) struct WebSocket {
    /// Bytes of frames that are not complete.
    buffer: Vec<u8>,
    /// The message as far as its frames came.
    message: Vec<u8>,
}

/// That the stream breaks RFC 6455, or uses what is not read (compression).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadFrame;

impl WebSocket {
    /// Takes the next bytes of the stream and hands out each message that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(&[u8])) -> Result<(), BadFrame> {
        self.buffer.extend_from_slice(bytes);
        let mut passed = 0;
        while let Some(frame) = Frame::read(self.buffer.get(passed..).unwrap_or_default())? {
            passed += frame.bytes;
            if frame.is_control {
                continue;
            }
            if self.message.len() + frame.payload.len() > WEBSOCKET_MESSAGE_BYTES_MAX {
                return Err(BadFrame);
            }
            if !frame.is_continuation {
                self.message.clear();
            }
            let mask = frame.mask.iter().cycle();
            self.message.extend(frame.payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
            if frame.is_final {
                emit(&std::mem::take(&mut self.message));
            }
        }
        drop_front(&mut self.buffer, passed);
        Ok(())
    }

    /// Bytes that are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len() + self.message.len()
    }

    /// Whether `segment` begins with a whole frame whose payload passes `is_wanted`: a WebSocket whose handshake
    /// was not seen.
    pub(crate) fn begins(segment: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> bool {
        let Ok(Some(frame)) = Frame::read(segment) else { return false };
        if frame.is_control || frame.is_continuation || !frame.is_final {
            return false;
        }
        let mask = frame.mask.iter().cycle();
        let payload: Vec<u8> = frame.payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
        is_wanted(&payload)
    }
}

/// Whether an HTTP header that opens a connection asks for a WebSocket or grants one (RFC 6455 §4).
pub(crate) fn is_upgrade(header: &[u8]) -> bool {
    header.split(|byte| *byte == b'\n').any(|line| {
        let Some(colon) = memchr::memchr(b':', line) else { return false };
        let (name, value) = line.split_at(colon);
        name.trim_ascii().eq_ignore_ascii_case(b"upgrade")
            && value.get(1..).is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    })
}

struct Frame<'a> {
    is_final: bool,
    is_control: bool,
    is_continuation: bool,
    mask: [u8; 4],
    payload: &'a [u8],
    /// Bytes of header and payload.
    bytes: usize,
}

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`; `None` while it is not complete.
    fn read(bytes: &'a [u8]) -> Result<Option<Self>, BadFrame> {
        let Some((first, second)) = u8(bytes, 0).zip(u8(bytes, 1)) else { return Ok(None) };
        let opcode = first & 0x0f;
        let is_known = matches!(opcode, 0..=2 | 8..=10);
        if first & 0x70 != 0 || !is_known {
            return Err(BadFrame);
        }
        let (length, length_bytes) = match second & 0x7f {
            126 => (u16(bytes, 2).map(u64::from), 2),
            127 => (array(bytes, 2).map(u64::from_be_bytes), 8),
            short => (Some(u64::from(short)), 0),
        };
        let Some(length) = length else { return Ok(None) };
        let length = usize::try_from(length).ok().filter(|it| *it <= WEBSOCKET_MESSAGE_BYTES_MAX);
        let length = length.ok_or(BadFrame)?;
        let is_masked = second & 0x80 != 0;
        let header = 2 + length_bytes + if is_masked { 4 } else { 0 };
        let mask = if is_masked { array(bytes, header - 4) } else { Some([0; 4]) };
        let whole = mask.zip(bytes.get(header..header + length));
        Ok(whole.map(|(mask, payload)| Self {
            is_final: first & 0x80 != 0,
            is_control: opcode >= 8,
            is_continuation: opcode == 0,
            mask,
            payload,
            bytes: header + length,
        }))
    }
}
