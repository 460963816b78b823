//! Sixteen bytes at once: which of them are of some kind, as bits, the first byte's lowest. Every x86-64 has the
//! instructions for it; other machines get the same bits from a loop.

/// Sixteen bytes of a message.
#[derive(Clone, Copy)]
pub(super) struct Block(Lanes);

impl Block {
    /// Which bytes are `wanted`.
    #[inline(always)]
    pub(super) fn equal(self, wanted: u8) -> u64 {
        equal(self.0, wanted)
    }

    /// Which bytes are `one` or `other`.
    #[inline(always)]
    pub(super) fn equal_either(self, one: u8, other: u8) -> u64 {
        equal_either(self.0, one, other)
    }

    /// Which bytes end a parameter or are rare in one: `;`, `<`, and all below `-` but the plus; bytes that are not
    /// ASCII.
    #[inline(always)]
    pub(super) fn value_marks(self) -> u64 {
        value_marks(self.0)
    }

    /// Which bytes are above `bound`, taken as signed: bytes that are not ASCII are below zero.
    #[inline(always)]
    pub(super) fn above(self, bound: i8) -> u64 {
        above(self.0, bound)
    }

    /// Whether no byte of `blocks` is at or below `bound`, as [`above`](Self::above) takes it.
    #[inline(always)]
    pub(super) fn are_all_above(blocks: [&[u8; 16]; 4], bound: i8) -> bool {
        are_all_above(blocks.map(load), bound)
    }

    /// Which bytes part a URI or have no place in it: `:` to `@`, percent signs, white space and whatever is below
    /// it, bytes that are not ASCII.
    #[inline(always)]
    pub(super) fn marks(self) -> u64 {
        marks(self.0)
    }

    /// Which bytes end the user part of an address or are rare in it: `@`, `:`, `>`, and all below `-` but the plus; bytes
    /// that are not ASCII.
    #[inline(always)]
    pub(super) fn user_marks(self) -> u64 {
        user_marks(self.0)
    }

    /// Which bytes end the parameters of an address or are rare in them: `<`, `>`, `?`, and all below `-` but the plus;
    /// bytes that are not ASCII.
    #[inline(always)]
    pub(super) fn param_marks(self) -> u64 {
        param_marks(self.0)
    }

    /// Which bytes neither a host name nor an IPv4 address holds. The underscore is common though not lawful.
    #[inline(always)]
    pub(super) fn foreign_to_hosts(self) -> u64 {
        foreign_to_hosts(self.0)
    }

    /// Its bytes up to the one behind `last`, with the bit set that sets lower letters apart; NULs for the rest.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "hot; the mask keeps the place below the table's length")]
    pub(super) fn lowered_past(self, last: usize) -> Self {
        Self(lowered(self.0, &LEADING.0[last & 15]))
    }

    /// Its first eight bytes.
    #[inline(always)]
    pub(super) fn first_word(self) -> u64 {
        first_word(self.0)
    }

    /// Whether it is `bytes`.
    #[inline(always)]
    pub(super) fn is(self, bytes: &[u8; 16]) -> bool {
        same_bits(self.0, load(bytes)) == 0xffff
    }

    /// Reads at most sixteen bytes; behind them stand NULs.
    #[inline(always)]
    pub(super) fn read_short(text: &[u8]) -> Self {
        let both = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(head), Some(tail)) => {
                let shift = 8 * (text.len() as u32 & 15).wrapping_sub(8);
                let (head, tail) =
                    (u128::from(u64::from_le_bytes(*head)), u128::from(u64::from_le_bytes(*tail)));
                head | tail.unbounded_shl(if text.len() == 16 { 64 } else { shift })
            }
            _ => text.iter().rev().fold(0, |word: u64, &byte| word << 8 | u64::from(byte)).into(),
        };
        Self::read(&both.to_le_bytes())
    }

    /// Reads sixteen bytes.
    #[inline(always)]
    pub(super) fn read(bytes: &[u8; 16]) -> Self {
        Self(load(bytes))
    }
}

/// The bits that `look` finds in the first 64 bytes of `text`.
#[inline(always)]
pub(super) fn scan(text: &[u8], look: impl Fn(Block) -> u64) -> u64 {
    let text = text.get(..64).unwrap_or(text);
    let (blocks, tail) = text.as_chunks::<16>();
    let mut bits = 0;
    let mut at: u32 = 0;
    for block in blocks {
        bits |= look(Block::read(block)) << at;
        at = at.wrapping_add(16);
    }
    if tail.is_empty() {
        return bits;
    }
    let found = match text.last_chunk::<16>() {
        Some(last) => look(Block::read(last)) >> (16 - tail.len()),
        None => look(Block::read_short(tail)) & ((1 << tail.len()) - 1),
    };
    bits | found << at
}

/// The bits that `look` finds in `row`.
#[inline(always)]
pub(super) fn look(row: &[u8; 64], look: impl Fn(Block) -> u64) -> u64 {
    let (blocks, _) = row.as_chunks::<16>();
    let [first, second, third, fourth] = blocks else { return 0 };
    let bits = |block| look(Block::read(block));
    bits(first) | bits(second) << 16 | bits(third) << 32 | bits(fourth) << 48
}

/// What must lie where sixteen bytes are read at once.
#[repr(align(16))]
pub(super) struct Aligned<T>(pub(super) T);

/// Masks over the first two of sixteen bytes, over the first three, and so on.
#[allow(clippy::indexing_slicing, reason = "the compiler runs it, and refuses a place out of bounds")]
static LEADING: Aligned<[[u8; 16]; 16]> = {
    let mut masks = [[0; 16]; 16];
    let mut at = 0;
    while at < 256 {
        masks[at / 16][at % 16] = if at % 16 < at / 16 + 2 { 0xff } else { 0 };
        at += 1;
    }
    Aligned(masks)
};

#[cfg(target_arch = "x86_64")]
use sse2::{
    Lanes, above, are_all_above, equal, equal_either, first_word, foreign_to_hosts, load, lowered, marks,
    param_marks, same_bits, user_marks, value_marks,
};

#[cfg(target_arch = "x86_64")]
mod sse2 {
    pub(super) use safe_arch::m128i as Lanes;
    use safe_arch::{
        bitandnot_m128i, cmp_eq_mask_i8_m128i, cmp_gt_mask_i8_m128i, get_i64_from_m128i_s,
        load_unaligned_m128i, move_mask_i8_m128i, set_splat_i8_m128i,
    };

    #[inline(always)]
    pub(super) fn load(bytes: &[u8; 16]) -> Lanes {
        load_unaligned_m128i(bytes)
    }

    #[inline(always)]
    pub(super) fn lowered(lanes: Lanes, mask: &[u8; 16]) -> Lanes {
        (lanes | set_splat_i8_m128i(0x20)) & load(mask)
    }

    #[inline(always)]
    pub(super) fn first_word(lanes: Lanes) -> u64 {
        get_i64_from_m128i_s(lanes) as u64
    }

    #[inline(always)]
    pub(super) fn same_bits(lanes: Lanes, others: Lanes) -> u64 {
        bits(cmp_eq_mask_i8_m128i(lanes, others))
    }

    #[inline(always)]
    pub(super) fn equal(lanes: Lanes, wanted: u8) -> u64 {
        bits(same(lanes, wanted))
    }

    #[inline(always)]
    pub(super) fn equal_either(lanes: Lanes, one: u8, other: u8) -> u64 {
        bits(same(lanes, one) | same(lanes, other))
    }

    #[inline(always)]
    pub(super) fn value_marks(lanes: Lanes) -> u64 {
        bits((below(lanes, b'-') ^ same(lanes, b'+')) | same(lanes, b';') | same(lanes, b'<'))
    }

    #[inline(always)]
    pub(super) fn above(lanes: Lanes, bound: i8) -> u64 {
        bits(greater(lanes, bound as u8))
    }

    #[inline(always)]
    pub(super) fn are_all_above([one, two, three, four]: [Lanes; 4], bound: i8) -> bool {
        let above = |lanes| greater(lanes, bound as u8);
        bits((above(one) & above(two)) & (above(three) & above(four))) == 0xffff
    }

    #[inline(always)]
    pub(super) fn marks(lanes: Lanes) -> u64 {
        let parts = same(lanes, b'%') | bitandnot_m128i(greater(lanes, b'@'), greater(lanes, b'9'));
        bits(bitandnot_m128i(parts, greater(lanes, b' '))) ^ 0xffff
    }

    #[inline(always)]
    pub(super) fn user_marks(lanes: Lanes) -> u64 {
        let colons = same(lanes | set_splat_i8_m128i(0x04), b'>');
        bits((below(lanes, b'-') ^ same(lanes, b'+')) | colons | same(lanes, b'@'))
    }

    #[inline(always)]
    pub(super) fn param_marks(lanes: Lanes) -> u64 {
        let brackets = same(lanes | set_splat_i8_m128i(0x02), b'>');
        bits((below(lanes, b'-') ^ same(lanes, b'+')) | brackets | same(lanes, b'?'))
    }

    #[inline(always)]
    fn below(lanes: Lanes, bound: u8) -> Lanes {
        cmp_gt_mask_i8_m128i(set_splat_i8_m128i(bound as i8), lanes)
    }

    #[inline(always)]
    pub(super) fn foreign_to_hosts(lanes: Lanes) -> u64 {
        let lower = lanes | set_splat_i8_m128i(0x20);
        let letters = bitandnot_m128i(greater(lower, b'z'), greater(lower, b'`'));
        let digits = bitandnot_m128i(greater(lanes, b'9'), greater(lanes, b'/'));
        bits(letters | digits | same(lanes, b'.') | same(lanes, b'-') | same(lanes, b'_')) ^ 0xffff
    }

    #[inline(always)]
    fn same(lanes: Lanes, wanted: u8) -> Lanes {
        cmp_eq_mask_i8_m128i(lanes, set_splat_i8_m128i(wanted as i8))
    }

    #[inline(always)]
    fn greater(lanes: Lanes, bound: u8) -> Lanes {
        cmp_gt_mask_i8_m128i(lanes, set_splat_i8_m128i(bound as i8))
    }

    #[inline(always)]
    fn bits(lanes: Lanes) -> u64 {
        u64::from(move_mask_i8_m128i(lanes) as u32)
    }
}

#[cfg(not(target_arch = "x86_64"))]
use portable::{
    Lanes, above, are_all_above, equal, equal_either, first_word, foreign_to_hosts, load, lowered, marks,
    param_marks, same_bits, user_marks, value_marks,
};

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    pub(super) type Lanes = [u8; 16];

    pub(super) fn load(bytes: &[u8; 16]) -> Lanes {
        *bytes
    }

    pub(super) fn lowered(lanes: Lanes, mask: &[u8; 16]) -> Lanes {
        let [lanes, mask] = [lanes, *mask].map(u128::from_le_bytes);
        ((lanes | u128::from_le_bytes([0x20; 16])) & mask).to_le_bytes()
    }

    pub(super) fn first_word(lanes: Lanes) -> u64 {
        u128::from_le_bytes(lanes) as u64
    }

    pub(super) fn same_bits(lanes: Lanes, others: Lanes) -> u64 {
        let differing = u128::from_le_bytes(lanes) ^ u128::from_le_bytes(others);
        bits(differing.to_le_bytes(), |byte| byte == 0)
    }

    pub(super) fn equal(lanes: Lanes, wanted: u8) -> u64 {
        bits(lanes, |byte| byte == wanted)
    }

    pub(super) fn equal_either(lanes: Lanes, one: u8, other: u8) -> u64 {
        bits(lanes, |byte| byte == one || byte == other)
    }

    pub(super) fn value_marks(lanes: Lanes) -> u64 {
        bits(lanes, |byte| byte != b'+' && matches!(byte, 0..=b',' | b';' | b'<' | 0x80..))
    }

    pub(super) fn above(lanes: Lanes, bound: i8) -> u64 {
        bits(lanes, |byte| (byte as i8) > bound)
    }

    pub(super) fn are_all_above(blocks: [Lanes; 4], bound: i8) -> bool {
        blocks.iter().flatten().all(|&byte| (byte as i8) > bound)
    }

    pub(super) fn marks(lanes: Lanes) -> u64 {
        bits(lanes, |byte| matches!(byte, 0..=b' ' | b'%' | b':'..=b'@' | 0x80..))
    }

    pub(super) fn user_marks(lanes: Lanes) -> u64 {
        bits(lanes, |byte| byte != b'+' && matches!(byte, 0..=b',' | b':' | b'>' | b'@' | 0x80..))
    }

    pub(super) fn param_marks(lanes: Lanes) -> u64 {
        bits(lanes, |byte| byte != b'+' && matches!(byte, 0..=b',' | b'<' | b'>' | b'?' | 0x80..))
    }

    pub(super) fn foreign_to_hosts(lanes: Lanes) -> u64 {
        bits(lanes, |byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-' | b'_'))
    }

    fn bits(lanes: Lanes, is_wanted: impl Fn(u8) -> bool) -> u64 {
        lanes.iter().rev().fold(0, |bits, &byte| bits << 1 | u64::from(is_wanted(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_machine_see_the_same_bits() {
        let text: Vec<u8> = (0..=255).chain(0..=255).map(|byte: u8| byte.wrapping_mul(37)).collect();
        for bytes in text.windows(16) {
            let bytes: &[u8; 16] = bytes.try_into().unwrap();
            assert_eq!(Block::read(bytes).user_marks(), portable::user_marks(*bytes));
            assert_eq!(Block::read(bytes).value_marks(), portable::value_marks(*bytes));
            assert_eq!(Block::read(bytes).equal_either(b',', 7), portable::equal_either(*bytes, b',', 7));
            assert_eq!(Block::read(bytes).param_marks(), portable::param_marks(*bytes));
            assert_eq!(Block::read(bytes).marks(), portable::marks(*bytes));
            assert_eq!(Block::read(bytes).foreign_to_hosts(), portable::foreign_to_hosts(*bytes));
            for bound in -128..=127 {
                let four = [load(&[0x7f; 16]), load(&[0x7f; 16]), load(&[0x7f; 16]), load(bytes)];
                let portable = portable::are_all_above([[0x7f; 16], [0x7f; 16], [0x7f; 16], *bytes], bound);
                assert_eq!(are_all_above(four, bound), portable);
                assert_eq!(portable, bound < 0x7f && portable::above(*bytes, bound) == 0xffff);
            }
            for last in 0..16 {
                let (lowered, mask) = (Block::read(bytes).lowered_past(last), &LEADING.0[last]);
                let portable = portable::lowered(*bytes, mask);
                assert!(lowered.is(&portable), "{bytes:?}");
                assert_eq!(lowered.first_word(), portable::first_word(portable));
                let same = same_bits(load(bytes), load(&portable));
                assert_eq!(same, portable::same_bits(*bytes, portable));
            }
            for wanted in 0..=255 {
                assert_eq!(Block::read(bytes).equal(wanted), portable::equal(portable::load(bytes), wanted));
                let bound = wanted as i8;
                assert_eq!(Block::read(bytes).above(bound), portable::above(portable::load(bytes), bound));
            }
        }
    }
}
