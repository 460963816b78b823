//! One event as bytes: a head that guards itself, then the payload that the head guards.
//!
//! | bytes | hold (little-endian) |
//! |---|---|
//! | 4 | the mark of a head |
//! | 4 | length of the payload |
//! | 8 | number |
//! | 8 | time, microseconds since 1970 |
//! | 2 | kind |
//! | 2 | zero |
//! | 4 | CRC-32 of the payload |
//! | 4 | CRC-32 of the head so far |
//!
//! Both sums begin from a number that each file draws for itself. Whoever sends us a payload that looks like an event does
//! not know it, so that it is taken for none, even when what stands before it is damaged.

use crc32fast::Hasher;

use crate::kind::Kind;
use crate::limits::PAYLOAD_BYTES_MAX;

/// An event to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What it is.
    pub kind: Kind,
    /// When it happened, in microseconds since 1970.
    pub at_micros: i64,
    /// What it says: at most [`PAYLOAD_BYTES_MAX`].
    pub payload: &'a [u8],
}

/// An event that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number: one more than that of the event before, and no other event ever has it.
    pub sequence: u64,
    /// What it is.
    pub kind: Kind,
    /// When it happened, in microseconds since 1970.
    pub at_micros: i64,
    /// What it says.
    pub payload: Vec<u8>,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
    pub(crate) at_micros: i64,
    pub(crate) length: usize,
    sum: u32,
}

impl Head {
    /// The head that `bytes` begin with. `None` when they begin with none, or with one that is damaged.
    pub(crate) fn parse(bytes: &[u8], salt: u32) -> Option<Self> {
        let guarded = bytes.get(..HEAD_BYTES - 4)?;
        let mut rest = bytes;
        if take(&mut rest)? != MARK {
            return None;
        }
        let length = u32::from_le_bytes(take(&mut rest)?) as usize;
        let sequence = u64::from_le_bytes(take(&mut rest)?);
        let at_micros = i64::from_le_bytes(take(&mut rest)?);
        let kind = Kind(u16::from_le_bytes(take(&mut rest)?));
        let _zero: [u8; 2] = take(&mut rest)?;
        let sum = u32::from_le_bytes(take(&mut rest)?);
        let own = u32::from_le_bytes(take(&mut rest)?);
        let is_whole = length <= PAYLOAD_BYTES_MAX && own == checksum(guarded, salt);
        is_whole.then_some(Self { sequence, kind, at_micros, length, sum })
    }

    /// Whether `payload` is what was written behind it.
    pub(crate) fn guards(&self, payload: &[u8], salt: u32) -> bool {
        payload.len() == self.length && self.sum == checksum(payload, salt)
    }

    /// How long it is with its payload.
    pub(crate) fn bytes(&self) -> u64 {
        bytes_of(self.length)
    }
}

/// How long an event is whose payload has so many bytes.
pub(crate) fn bytes_of(payload: usize) -> u64 {
    (HEAD_BYTES + payload) as u64
}

/// Writes `event` as number `sequence` behind what is in `out`.
pub(crate) fn write(event: &Event<'_>, sequence: u64, salt: u32, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&(event.payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&event.at_micros.to_le_bytes());
    out.extend_from_slice(&event.kind.0.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&checksum(event.payload, salt).to_le_bytes());
    let own = checksum(out.get(begin..).unwrap_or_default(), salt);
    out.extend_from_slice(&own.to_le_bytes());
    out.extend_from_slice(event.payload);
}

/// The same events as they stand in a file that has drawn `to` instead of `from`. They are ours, just written.
pub(crate) fn rewrite(bytes: &[u8], from: u32, to: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(head) = Head::parse(rest, from) {
        let Some(payload) = rest.get(HEAD_BYTES..HEAD_BYTES + head.length) else { break };
        let event = Event { kind: head.kind, at_micros: head.at_micros, payload };
        write(&event, head.sequence, to, &mut out);
        rest = rest.get(HEAD_BYTES + head.length..).unwrap_or_default();
    }
    out
}

/// Where in `bytes`, from `from` on, something begins that may be a head.
pub(crate) fn next_mark(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(MARK.len()).position(|window| window == MARK).map(|at| from + at)
}

pub(crate) fn checksum(bytes: &[u8], salt: u32) -> u32 {
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// The next bytes of `rest`, which goes on behind them.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

pub(crate) const HEAD_BYTES: usize = 36;
const MARK: [u8; 4] = [0xf5, b'r', b'w', 0xfa];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flipped_bit_is_noticed() {
        let event =
            Event { kind: Kind::ALERT, at_micros: 1_700_000_000_000_000, payload: b"an alarming thing" };
        let mut bytes = Vec::new();
        write(&event, 7, 99, &mut bytes);
        let whole = |bytes: &[u8], salt| {
            Head::parse(bytes, salt).is_some_and(|head| head.guards(&bytes[HEAD_BYTES..], salt))
        };
        assert!(whole(&bytes, 99) && !whole(&bytes, 98));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!whole(&flipped, 99), "bit {bit}");
        }
        assert_eq!(rewrite(&rewrite(&bytes, 99, 5), 5, 99), bytes);
    }
}
