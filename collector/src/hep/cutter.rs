//! A stream of HEP, cut into its packets.

use std::mem;

/// Holds what has not come whole yet: less than one packet, which its length field bounds to 65,535 bytes.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    held: Vec<u8>,
}

/// It is unknown where the next packet begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unframed;

impl Cutter {
    /// Takes the next bytes of the stream. Returns the packets that are whole now, one behind the other; each ends where
    /// its length says. What was whole before the framing broke is returned as well.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> (Vec<u8>, Result<(), Unframed>) {
        self.held.extend_from_slice(bytes);
        let mut whole = 0;
        let framed = loop {
            let rest = self.held.get(whole..).unwrap_or_default();
            match length(rest) {
                Ok(Some(length)) if length <= rest.len() => whole += length,
                Ok(_) => break Ok(()),
                Err(unframed) => break Err(unframed),
            }
        };
        let rest = self.held.split_off(whole);
        (mem::replace(&mut self.held, rest), framed)
    }

    /// Bytes of a packet that has begun.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.held.len()
    }
}

/// The packets in `bytes`, which [`Cutter::push`] returned.
pub(crate) fn packets(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (packet, rest) = bytes.split_at_checked(length(bytes).ok()??)?;
        bytes = rest;
        Some(packet)
    })
}

/// The length of the packet at the start of `bytes`; `None` when they do not reach to where it says so.
fn length(bytes: &[u8]) -> Result<Option<usize>, Unframed> {
    let magic = bytes.get(..MAGIC.len()).unwrap_or(bytes);
    if !MAGIC.starts_with(magic) {
        return Err(Unframed);
    }
    match bytes {
        [_, _, _, _, high, low, ..] => match usize::from(u16::from_be_bytes([*high, *low])) {
            0..HEADER_BYTES => Err(Unframed),
            length => Ok(Some(length)),
        },
        _ => Ok(None),
    }
}

const MAGIC: &[u8] = b"HEP3";
/// The magic and the length that stand before the chunks.
const HEADER_BYTES: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(bytes: usize) -> Vec<u8> {
        let mut packet = b"HEP3".to_vec();
        packet.extend(u16::try_from(bytes + 6).unwrap().to_be_bytes());
        packet.extend((0..bytes).map(|index| index as u8));
        packet
    }

    #[test]
    fn packets_are_the_same_wherever_the_stream_is_cut() {
        let sent = [packet(0), packet(1), packet(300), packet(65_529), packet(7)];
        let stream = sent.concat();
        for cut in [1, 3, 6, 7, 1_000, 40_000, stream.len()] {
            let mut cutter = Cutter::default();
            let mut came: Vec<Vec<u8>> = Vec::new();
            for piece in stream.chunks(cut) {
                let (whole, framed) = cutter.push(piece);
                assert_eq!(framed, Ok(()));
                came.extend(packets(&whole).map(<[u8]>::to_vec));
            }
            assert_eq!(came, sent, "cut at {cut}");
            assert_eq!(cutter.pending_bytes(), 0);
        }
    }

    #[test]
    fn what_came_before_the_framing_broke_is_there() {
        for broken in [&b"HEP2"[..], b"HEP3\0\x05", b"HEP3\0\0", b"x", b"HTTP"] {
            let mut cutter = Cutter::default();
            let (whole, framed) = cutter.push(&[&packet(9), broken].concat());
            assert_eq!((whole, framed), (packet(9), Err(Unframed)), "{}", broken.escape_ascii());
        }
    }

    #[test]
    fn no_more_is_held_than_one_packet() {
        let mut cutter = Cutter::default();
        let mut most = 0;
        for _ in 0..20 {
            for piece in packet(65_529).chunks(8_192) {
                let _ = cutter.push(piece);
                most = most.max(cutter.pending_bytes());
            }
        }
        assert!(most < 65_535, "{most}");
    }
}
