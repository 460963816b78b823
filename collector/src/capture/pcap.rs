//! The classic pcap format and its dialects.

use rules::Timestamp;

use super::{Span, Step, window::Window};
use crate::bytes::Order;
use crate::frame::LinkType;
use crate::limits::FRAME_BYTES_MAX;

/// What the file's header said.
pub(crate) struct Pcap {
    order: Order,
    nanoseconds: bool,
    link: LinkType,
    /// Bytes of a record's header: 16, or 24 in the modified format of Kuznetzov.
    record_bytes: usize,
    lengths: Lengths,
}

/// In which order a record names the captured and the original length (it changed with version 2.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    SmallerIsCaptured,
}

impl Pcap {
    /// Reads the file's header: what it says and how long it is, or `None` when it is another format.
    pub(crate) fn read(head: &[u8]) -> Option<(Self, usize)> {
        let (order, dialect) = [Order::Big, Order::Little]
            .into_iter()
            .find_map(|order| Some((order, Dialect::of(order.u32(head, 0)?)?)))?;
        let lengths = match (order.u16(head, 4)?, order.u16(head, 6)?) {
            (2, 0..=2) => Lengths::OriginalFirst,
            (2, 3) => Lengths::SmallerIsCaptured,
            _ => Lengths::CapturedFirst,
        };
        // The upper half tells the length of a frame check sequence, which the lengths inside frames leave out.
        let link = LinkType((order.u32(head, 20)? & 0xffff) as u16);
        let record_bytes = if dialect == Dialect::Modified { 24 } else { 16 };
        let nanoseconds = matches!(dialect, Dialect::Nanoseconds | Dialect::Ixia);
        let header_bytes = if dialect == Dialect::Ixia { 28 } else { 24 };
        Some((Self { order, nanoseconds, link, record_bytes, lengths }, header_bytes))
    }

    #[inline]
    pub(crate) fn step(&self, window: &mut Window) -> Step {
        if !window.ensure(self.record_bytes) {
            let damage =
                (!window.bytes().is_empty()).then(|| "the file ends inside a frame's header".to_owned());
            return Step::End { damage };
        }
        let Some((at, captured, original)) = self.record(window.bytes()) else {
            return Step::End { damage: None };
        };
        let length = captured as usize;
        if length > FRAME_BYTES_MAX {
            let damage = format!("a frame claims {length} bytes, more than any interface sends");
            return Step::End { damage: Some(damage) };
        }
        let lent = self.record_bytes + length;
        if !window.ensure(lent) {
            let here = window.bytes().len() - self.record_bytes;
            let damage = format!("the file ends inside a frame: {here} of its {length} bytes are there");
            return Step::End { damage: Some(damage) };
        }
        let offset = self.record_bytes;
        Step::Frame { span: Span { at, link: self.link, offset, length, original_length: original }, lent }
    }

    /// Time, captured and original length of the record at the start of `bytes`.
    #[inline]
    fn record(&self, bytes: &[u8]) -> Option<(Timestamp, u32, u32)> {
        let [seconds, fraction, first, second] = self.order.four(bytes)?;
        let (seconds, fraction) = (i64::from(seconds), i64::from(fraction));
        let micros = if self.nanoseconds { fraction / 1_000 } else { fraction };
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::OriginalFirst => (second, first),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
        };
        Some((Timestamp(seconds * 1_000_000 + micros), captured, original))
    }
}

/// Which tool's pcap it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Microseconds,
    Nanoseconds,
    /// Kuznetzov's patch to libpcap: eight more bytes in each record's header.
    Modified,
    /// Ixia's: nanoseconds, four more bytes in the file's header.
    Ixia,
}

impl Dialect {
    fn of(magic: u32) -> Option<Self> {
        Some(match magic {
            // Plain; Navtel's.
            0xa1b2_c3d4 | 0xa12b_3c4d => Self::Microseconds,
            0xa1b2_3c4d => Self::Nanoseconds,
            0xa1b2_cd34 => Self::Modified,
            0x1c00_01ac | 0x1c00_01ab => Self::Ixia,
            _ => return None,
        })
    }
}
