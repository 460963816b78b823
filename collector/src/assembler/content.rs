//! What one direction of a TCP connection carries: nothing known yet, SIP, HEP or a WebSocket.

use engine::sip::{Frame, Framer, looks_like_sip, start_of};
use memchr::{memchr, memmem};
use rules::{Flags, Transport};

use super::websocket::{WebSocket, is_upgrade};
use crate::bytes::u16;
use crate::limits::{FIRST_LINE_BYTES_MAX, HANDSHAKE_BYTES_MAX};

/// The reader of one direction, fed with its bytes in order.
#[derive(Debug)]
pub(crate) enum Content {
    /// The first bytes, which may still become anything.
    Unknown(Vec<u8>),
    Sip(Framer),
    /// Lines of something else, behind which a message may come: until then it has no right to a place.
    Text(Framer),
    Hep(Vec<u8>),
    /// The HTTP header that may open a WebSocket.
    Handshake(Vec<u8>),
    WebSocket(WebSocket),
    /// HEP after a gap: the magic with which reading could go on, as far as it came.
    LostHep(Vec<u8>),
    /// Broken framing: whatever follows could be read in two ways, so it is not read at all.
    Closed,
}

/// What a stream hands out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carried<'a> {
    Sip {
        payload: &'a [u8],
        flags: Flags,
        transport: Transport,
    },
    Hep(&'a [u8]),
    /// A WebSocket's message that is no SIP.
    NotSip,
}

/// Whether it is worth going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    GoOn,
    /// It carries nothing for us.
    NotSip,
    /// Its framing is broken: nothing after this can be trusted.
    Broken,
    BadWebSocket,
}

impl Content {
    /// The reader for a stream that begins with `segment` in the middle of a connection, when that is the start
    /// of a message.
    pub(crate) fn join(segment: &[u8]) -> Option<Self> {
        match Opening::read(segment) {
            Opening::Sip => Some(Self::Sip(Framer::watching())),
            Opening::Hep => Some(Self::Hep(Vec::new())),
            Opening::Http => Some(Self::Handshake(Vec::new())),
            Opening::Text | Opening::Unclear | Opening::Other => {
                let is_websocket =
                    matches!(segment, [0x81 | 0x82, ..]) && WebSocket::begins(segment, looks_like_sip);
                is_websocket.then(|| Self::WebSocket(WebSocket::default()))
            }
        }
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(Carried<'_>)) -> Fate {
        match self {
            Self::Sip(framer) => push_sip(framer, bytes, emit),
            Self::Text(framer) => {
                let fate = push_sip(framer, bytes, emit);
                if framer.has_read() {
                    *self = Self::Sip(std::mem::take(framer));
                }
                fate
            }
            Self::Hep(buffer) => {
                buffer.extend_from_slice(bytes);
                cut_hep(buffer, emit)
            }
            Self::WebSocket(socket) => push_websocket(socket, bytes, emit),
            Self::Unknown(buffer) => {
                buffer.extend_from_slice(bytes);
                let opening = Opening::read(buffer);
                let buffer = std::mem::take(buffer);
                *self = match opening {
                    Opening::Unclear => {
                        *self = Self::Unknown(buffer);
                        return Fate::GoOn;
                    }
                    Opening::Other => return Fate::NotSip,
                    Opening::Sip => Self::Sip(Framer::watching()),
                    Opening::Text => Self::Text(Framer::watching()),
                    Opening::Hep => Self::Hep(Vec::new()),
                    Opening::Http => Self::Handshake(Vec::new()),
                };
                self.push(&buffer, emit)
            }
            Self::Handshake(buffer) => {
                buffer.extend_from_slice(bytes);
                let Some(end) = memmem::find(buffer, b"\r\n\r\n").map(|end| end + 4) else {
                    return if buffer.len() > HANDSHAKE_BYTES_MAX { Fate::NotSip } else { Fate::GoOn };
                };
                let rest = buffer.split_off(end);
                // Peers that throw a request away which is none of theirs read on behind it.
                *self = if is_upgrade(buffer) {
                    Self::WebSocket(WebSocket::default())
                } else {
                    Self::Text(Framer::watching())
                };
                self.push(&rest, emit)
            }
            Self::Closed => Fate::GoOn,
            Self::LostHep(tail) => {
                tail.extend_from_slice(bytes);
                let Some(start) = memmem::find(tail, b"HEP3") else {
                    tail.drain(..tail.len().saturating_sub(3));
                    return Fate::GoOn;
                };
                let rest = tail.split_off(start);
                *self = Self::Hep(Vec::new());
                self.push(&rest, emit)
            }
        }
    }

    /// Hands out what is there of the message in which the stream breaks off, and looks for the next start.
    pub(crate) fn lose(&mut self, emit: &mut impl FnMut(Carried<'_>)) -> Fate {
        match self {
            Self::Sip(framer) => framer.lose(|frame| emit(carried(frame))),
            Self::Hep(_) | Self::LostHep(_) => *self = Self::LostHep(Vec::new()),
            Self::Closed => {}
            // A WebSocket has no mark to find a frame by; it is joined again where a segment begins with one.
            Self::Unknown(_) | Self::Text(_) | Self::Handshake(_) | Self::WebSocket(_) => {
                return Fate::NotSip;
            }
        }
        Fate::GoOn
    }

    /// Bytes that are kept.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Unknown(buffer) | Self::Hep(buffer) | Self::Handshake(buffer) | Self::LostHep(buffer) => {
                buffer.len()
            }
            Self::Sip(framer) | Self::Text(framer) => framer.pending_bytes(),
            Self::WebSocket(socket) => socket.bytes(),
            Self::Closed => 0,
        }
    }

    /// Whether it turned out to carry something for us.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_) | Self::Text(_) | Self::Handshake(_))
    }
}

/// What a stream's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Sip,
    Hep,
    Http,
    /// Lines of something else: a message may stand behind them.
    Text,
    Unclear,
    Other,
}

impl Opening {
    fn read(bytes: &[u8]) -> Self {
        // Keep-alives may stand before the first message, and what peers pass over.
        let Some(bytes) = bytes.get(start_of(bytes)..).filter(|bytes| !bytes.is_empty()) else {
            return if bytes.len() > FIRST_LINE_BYTES_MAX { Self::Other } else { Self::Unclear };
        };
        if bytes.starts_with(b"HEP3") {
            return Self::Hep;
        }
        let end = memchr(b'\n', bytes);
        let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
        let is_text = line
            .iter()
            .take(FIRST_LINE_BYTES_MAX)
            .all(|byte| *byte >= b' ' || *byte == b'\t' || *byte == b'\r');
        if !is_text || line.len() > FIRST_LINE_BYTES_MAX {
            return Self::Other;
        }
        if end.is_none() {
            return Self::Unclear;
        }
        let line = line.trim_ascii_end();
        let is_http =
            line.starts_with(b"HTTP/1.1 101") || line.starts_with(b"GET ") && line.ends_with(b" HTTP/1.1");
        if is_http {
            Self::Http
        } else if looks_like_sip(bytes) {
            Self::Sip
        } else {
            Self::Text
        }
    }
}

fn push_sip(framer: &mut Framer, bytes: &[u8], emit: &mut impl FnMut(Carried<'_>)) -> Fate {
    let mut is_broken = false;
    framer.push(bytes, |frame| {
        is_broken |= frame.close;
        emit(carried(frame));
    });
    match (is_broken, framer.is_closed()) {
        (true, _) => Fate::Broken,
        (false, true) => Fate::NotSip,
        (false, false) => Fate::GoOn,
    }
}

fn carried(frame: Frame<'_>) -> Carried<'_> {
    Carried::Sip { payload: frame.bytes, flags: frame.flags, transport: Transport::Tcp }
}

fn cut_hep(buffer: &mut Vec<u8>, emit: &mut impl FnMut(Carried<'_>)) -> Fate {
    let mut passed = 0;
    let fate = loop {
        let rest = buffer.get(passed..).unwrap_or_default();
        let Some(length) = u16(rest, 4).map(usize::from) else { break Fate::GoOn };
        if !rest.starts_with(b"HEP3") || length < 6 {
            break Fate::Broken;
        }
        let Some(packet) = rest.get(..length) else { break Fate::GoOn };
        emit(Carried::Hep(packet));
        passed += length;
    };
    drop_front(buffer, passed);
    fate
}

fn push_websocket(socket: &mut WebSocket, bytes: &[u8], emit: &mut impl FnMut(Carried<'_>)) -> Fate {
    let result = socket.push(bytes, &mut |payload: &[u8]| {
        if looks_like_sip(payload) {
            emit(Carried::Sip { payload, flags: Flags::NONE, transport: Transport::Ws });
        } else {
            emit(Carried::NotSip);
        }
    });
    result.map_or(Fate::BadWebSocket, |()| Fate::GoOn)
}

/// Drops what was read; a buffer that holds nothing gives its memory back.
pub(super) fn drop_front(buffer: &mut Vec<u8>, passed: usize) {
    if passed >= buffer.len() {
        *buffer = Vec::new();
    } else {
        buffer.drain(..passed);
    }
}
