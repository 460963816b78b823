//! What the kernel writes into one block of a packet ring (packet(7), `TPACKET_V3`).

/// One frame as an interface had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it came, in microseconds since 1970.
    pub micros: i64,
    /// How long it was on the wire, in bytes.
    pub original_length: u32,
    /// Its bytes, as far as they were taken.
    pub data: &'a [u8],
}

/// The frames of one block, in order.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    block: &'a [u8],
    next: usize,
    left: u32,
}

impl<'a> Frames<'a> {
    /// Those of `block`, which begins with its description. Whatever points outside of it ends them.
    pub fn of(block: &'a [u8]) -> Self {
        let first = word(block, FIRST_FRAME_AT).unwrap_or_default() as usize;
        Self { block, next: first, left: word(block, FRAME_COUNT_AT).unwrap_or_default() }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        self.left = self.left.checked_sub(1)?;
        let header = self.block.get(self.next..)?;
        let step = word(header, 0)? as usize;
        let (seconds, nanoseconds) = (word(header, 4)?, word(header, 8)?);
        let (taken, original_length) = (word(header, 12)? as usize, word(header, 16)?);
        let start = usize::from(u16::from_ne_bytes(*header.get(24..)?.first_chunk()?));
        let data = header.get(start..)?.get(..taken)?;
        if step == 0 {
            self.left = 0;
        }
        self.next += step;
        let micros = i64::from(seconds) * 1_000_000 + i64::from(nanoseconds) / 1_000;
        Some(Frame { micros, original_length, data })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_ne_bytes(*four))
}

/// Where the status of a block stands, which says whose it is.
pub(crate) const STATUS_AT: usize = 8;
const FRAME_COUNT_AT: usize = 12;
const FIRST_FRAME_AT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(frames: &[&[u8]]) -> Vec<u8> {
        let mut block = vec![0; 48];
        block[12..16].copy_from_slice(&(frames.len() as u32).to_ne_bytes());
        block[16..20].copy_from_slice(&48_u32.to_ne_bytes());
        for (index, frame) in frames.iter().enumerate() {
            let step = (64 + frame.len()).next_multiple_of(8);
            let mut header = vec![0; 64];
            header[0..4].copy_from_slice(&(step as u32).to_ne_bytes());
            header[4..8].copy_from_slice(&1_700_000_000_u32.to_ne_bytes());
            header[8..12].copy_from_slice(&(index as u32 * 1_500).to_ne_bytes());
            header[12..16].copy_from_slice(&(frame.len() as u32).to_ne_bytes());
            header[16..20].copy_from_slice(&(frame.len() as u32 + 4).to_ne_bytes());
            header[24..26].copy_from_slice(&64_u16.to_ne_bytes());
            block.extend(header);
            block.extend(*frame);
            block.resize(block.len().next_multiple_of(8), 0);
        }
        block
    }

    #[test]
    fn frames_come_in_order_with_their_time_and_length() {
        let block = block(&[b"first", b"", b"the third one"]);
        let frames: Vec<Frame<'_>> = Frames::of(&block).collect();
        assert_eq!(
            frames.iter().map(|frame| frame.data).collect::<Vec<_>>(),
            [&b"first"[..], b"", b"the third one"]
        );
        assert_eq!((frames[2].micros, frames[2].original_length), (1_700_000_000_000_003, 17));
    }

    #[test]
    fn whatever_points_outside_of_the_block_ends_it() {
        let whole = block(&[b"first", b"second"]);
        for end in 0..whole.len() {
            assert!(Frames::of(&whole[..end]).count() <= 2);
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut block = whole.clone();
                block[at] = byte;
                // It ends, and no slice is taken that is not there.
                assert!(Frames::of(&block).take(1_000_000).count() < 1_000_000);
            }
        }
    }
}
