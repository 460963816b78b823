//! The pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces, blocks.

use rules::Timestamp;

use super::{Drops, Span, Step, window::Window};
use crate::bytes::{self, Order};
use crate::frame::LinkType;
use crate::limits::{BLOCK_BYTES_MAX, FRAME_BYTES_MAX, INTERFACES_MAX};

/// The section being read.
#[derive(Default)]
pub(crate) struct Pcapng {
    /// `None` before the first section header.
    order: Option<Order>,
    interfaces: Vec<Interface>,
    /// The time of the last frame that had one: simple packet blocks have none.
    latest: Timestamp,
    frames: u64,
    slip: Option<Slip>,
    /// What sections before this one lost.
    lost_before: Drops,
    /// What packets of this section say was lost before them.
    lost_between: u64,
}

/// What is wrong, at which byte, after how many frames.
type Slip = (String, u64, u64);

impl Pcapng {
    /// Whether a file beginning with `head` is pcapng.
    pub(crate) fn begins(head: &[u8]) -> bool {
        head.starts_with(&SECTION_HEADER.to_be_bytes()) && order_of(head).is_some()
    }

    /// What the file says was lost, as far as it was read.
    pub(crate) fn drops(&self) -> Drops {
        let here = self.interfaces.iter().fold(Drops::default(), |sum, interface| sum.and(interface.drops));
        self.lost_before.and(Drops { between_packets: self.lost_between, ..here })
    }

    /// The first thing that was wrong without stopping the reader.
    pub(crate) fn take_slip(&mut self) -> Option<Slip> {
        self.slip.take()
    }

    #[inline]
    pub(crate) fn step(&mut self, window: &mut Window) -> Step {
        loop {
            match self.block(window) {
                Ok(Some((span, lent))) => {
                    self.frames += 1;
                    return Step::Frame { span, lent };
                }
                Ok(None) => {}
                Err(damage) => return Step::End { damage },
            }
        }
    }

    /// Reads one block: the frame in it, `None` when there is none, or why reading ends.
    fn block(&mut self, window: &mut Window) -> Result<Option<(Span, usize)>, Option<String>> {
        if !window.ensure(BLOCK_BYTES_MIN) {
            let is_rest = !window.bytes().is_empty();
            return Err(is_rest.then(|| "the file ends inside a block's header".to_owned()));
        }
        if bytes::u32(window.bytes(), 0) == Some(SECTION_HEADER) {
            self.open_section(window.bytes())?;
        }
        let order = self.order.ok_or_else(|| Some("no section header stands".to_owned()))?;
        let kind = order.u32(window.bytes(), 0).unwrap_or_default();
        let length = order.u32(window.bytes(), 4).unwrap_or_default() as usize;
        if length < BLOCK_BYTES_MIN || !length.is_multiple_of(4) {
            return Err(Some(format!("a block claims {length} bytes, which no block has")));
        }
        let is_known = matches!(kind, INTERFACE | PACKET | SIMPLE_PACKET | STATISTICS | ENHANCED_PACKET);
        if !is_known {
            return skip(window, length).map(|()| None);
        }
        if length > BLOCK_BYTES_MAX {
            return Err(Some(format!("a block claims {length} bytes, more than any packet needs")));
        }
        if !window.ensure(length) {
            let here = window.bytes().len();
            return Err(Some(format!(
                "the file ends inside a block: {here} of its {length} bytes are there"
            )));
        }
        let block = window.bytes().get(..length).unwrap_or_default();
        if order.u32(block, length - 4) != Some(length as u32) {
            return Err(Some("a block's length differs at its two ends".to_owned()));
        }
        let body = block.get(8..length - 4).unwrap_or_default();
        let found = match kind {
            INTERFACE => self.add_interface(order, body).map(|()| None),
            STATISTICS => self.read_statistics(order, body).map(|()| None),
            PACKET => self.packet(order, body, Layout::Old).map(Some),
            SIMPLE_PACKET => self.simple_packet(order, body).map(Some),
            _ => self.packet(order, body, Layout::Enhanced).map(Some),
        };
        match found {
            Ok(Some(span)) => Ok(Some((span, length))),
            Ok(None) => {
                window.pass(length);
                Ok(None)
            }
            Err(what) => {
                let slip = (what.to_owned(), window.position(), self.frames);
                self.slip.get_or_insert(slip);
                window.pass(length);
                Ok(None)
            }
        }
    }

    fn open_section(&mut self, block: &[u8]) -> Result<(), Option<String>> {
        let order =
            order_of(block).ok_or_else(|| Some("a section header has no byte-order magic".to_owned()))?;
        self.order = Some(order);
        self.lost_before = self.drops();
        self.lost_between = 0;
        self.interfaces.clear();
        Ok(())
    }

    /// What an interface lost since the capture began: of several blocks about one, the last knows most.
    fn read_statistics(&mut self, order: Order, body: &[u8]) -> Result<(), &'static str> {
        let number = order.u32(body, 0).ok_or("interface statistics are too short")?;
        let Some(interface) = self.interfaces.get_mut(number as usize) else {
            return Err("statistics name an interface that was not described");
        };
        let drops = &mut interface.drops;
        for (code, value) in options(order, body.get(12..).unwrap_or_default()) {
            let Some(count) = order.u64(value, 0) else { continue };
            match code {
                5 => drops.by_interface = drops.by_interface.max(count),
                7 => drops.by_system = drops.by_system.max(count),
                _ => {}
            }
        }
        Ok(())
    }

    fn add_interface(&mut self, order: Order, body: &[u8]) -> Result<(), &'static str> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err("more interfaces are described than any capture has");
        }
        let interface = Interface::read(order, body).ok_or("an interface description is too short")?;
        self.interfaces.push(interface);
        Ok(())
    }

    #[inline]
    fn packet(&mut self, order: Order, body: &[u8], layout: Layout) -> Result<Span, &'static str> {
        let fields = order.four(body).zip(order.u32(body, 16));
        let ([number, high, low, captured], original_length) = fields.ok_or("a packet block is too short")?;
        let number = match layout {
            Layout::Enhanced => number,
            Layout::Old => order.u16(body, 0).map_or(number, u32::from),
        };
        let interface = self.interfaces.get(number as usize).ok_or(UNKNOWN_INTERFACE)?;
        let at = interface.time(u64::from(high) << 32 | u64::from(low));
        self.latest = at;
        let length = captured as usize;
        if length > FRAME_BYTES_MAX || body.len() - 20 < length {
            return Err("a packet block claims more bytes than it holds");
        }
        self.lost_between = self.lost_between.saturating_add(lost_before(order, body, length, layout));
        Ok(Span { at, link: interface.link, offset: 8 + 20, length, original_length })
    }

    fn simple_packet(&self, order: Order, body: &[u8]) -> Result<Span, &'static str> {
        let original_length = order.u32(body, 0).ok_or("a packet block is too short")?;
        let interface = self.interfaces.first().ok_or(UNKNOWN_INTERFACE)?;
        let snap = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        let length = (original_length.min(snap) as usize).min(body.len() - 4).min(FRAME_BYTES_MAX);
        Ok(Span { at: self.latest, link: interface.link, offset: 8 + 4, length, original_length })
    }
}

/// What an interface description block said.
struct Interface {
    link: LinkType,
    /// Bytes of a frame that are captured at most; 0 for all.
    snap_length: u32,
    resolution: Resolution,
    offset_seconds: i64,
    drops: Drops,
}

impl Interface {
    fn read(order: Order, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: LinkType(order.u16(body, 0)?),
            snap_length: order.u32(body, 4)?,
            resolution: Resolution::Divide(1),
            offset_seconds: 0,
            drops: Drops::default(),
        };
        for (code, value) in options(order, body.get(8..).unwrap_or_default()) {
            match (code, value) {
                (9, [resolution, ..]) => interface.resolution = Resolution::of(*resolution),
                (14, _) => {
                    interface.offset_seconds = order.u64(value, 0).unwrap_or_default().cast_signed();
                }
                _ => {}
            }
        }
        Some(interface)
    }

    #[inline]
    fn time(&self, ticks: u64) -> Timestamp {
        let micros = match self.resolution {
            Resolution::Divide(1) => ticks,
            Resolution::Divide(by) => ticks / by,
            Resolution::Multiply(by) => ticks.saturating_mul(by),
            Resolution::Shift(by) => u64::try_from((u128::from(ticks) * 1_000_000) >> by).unwrap_or(u64::MAX),
        };
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        Timestamp(micros.saturating_add(self.offset_seconds.saturating_mul(1_000_000)))
    }
}

/// How ticks become microseconds.
#[derive(Clone, Copy)]
enum Resolution {
    Divide(u64),
    Multiply(u64),
    Shift(u32),
}

impl Resolution {
    /// From `if_tsresol`: a negative power of 10, or of 2 when the highest bit is set.
    fn of(option: u8) -> Self {
        let power = u32::from(option & 0x7f);
        if option & 0x80 != 0 {
            return Self::Shift(power);
        }
        match power {
            0..=5 => Self::Multiply(10u64.pow(6 - power)),
            6..=25 => Self::Divide(10u64.pow(power - 6)),
            // Ticks finer than 10^-25 s: 64 bits of them are no microsecond.
            _ => Self::Divide(u64::MAX),
        }
    }
}

/// Where a packet block keeps the number of its interface.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Enhanced,
    Old,
}

/// How many packets were lost since the one before this: `epb_dropcount`, or the drops count of the old packet block.
#[inline]
fn lost_before(order: Order, body: &[u8], length: usize, layout: Layout) -> u64 {
    if layout == Layout::Old {
        return order.u16(body, 2).filter(|count| *count != UNKNOWN_COUNT).map_or(0, u64::from);
    }
    let Some(behind @ [_, ..]) = body.get(20 + length.next_multiple_of(4)..) else { return 0 };
    let counts = options(order, behind).filter(|(code, _)| *code == 4);
    counts.filter_map(|(_, value)| order.u64(value, 0)).next().unwrap_or(0)
}

/// Code and value of each option that `bytes` begin with, up to the end of options.
fn options(order: Order, bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (code, length) = order.u16(rest, 0).zip(order.u16(rest, 2)).filter(|(code, _)| *code != 0)?;
        let value = rest.get(4..4 + usize::from(length))?;
        rest = rest.get(4 + usize::from(length).next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    })
}

fn skip(window: &mut Window, length: usize) -> Result<(), Option<String>> {
    if window.skip(length as u64) { Ok(()) } else { Err(Some("the file ends inside a block".to_owned())) }
}

/// The byte order of the section whose header starts `block`.
fn order_of(block: &[u8]) -> Option<Order> {
    match bytes::u32(block, 8)? {
        0x1a2b_3c4d => Some(Order::Big),
        0x4d3c_2b1a => Some(Order::Little),
        _ => None,
    }
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
/// What the old packet block writes where nobody counted.
const UNKNOWN_COUNT: u16 = 0xffff;
/// Type, length, length again.
const BLOCK_BYTES_MIN: usize = 12;
const UNKNOWN_INTERFACE: &str = "a packet names an interface that was not described";
