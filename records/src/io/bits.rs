//! Two packings of whole numbers that Parquet has: runs beside packed groups, and differences.

use super::error::Wrong;

/// A stretch of numbers as it is written.
enum Stretch<'a> {
    /// One number, so many times.
    Same(u32, usize),
    /// So many numbers, packed.
    Packed(&'a [u8], usize),
}

/// Reads `count` numbers of `width` bits that are written as runs and packed groups of eight.
pub(super) fn hybrid(bytes: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> Result<(), Wrong> {
    out.reserve(count);
    stretches(bytes, width, count, |stretch| match stretch {
        Stretch::Same(value, length) => out.extend(std::iter::repeat_n(value, length)),
        Stretch::Packed(packed, length) => match width {
            1..=8 => unpack_few(packed, width, length, out),
            _ => out.extend(unpack(packed, width, length).map(|value| value as u32)),
        },
    })
}

/// The same of numbers that are 0 or 1.
pub(super) fn flags(bytes: &[u8], count: usize) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::with_capacity(count + 8);
    stretches(bytes, 1, count, |stretch| match stretch {
        Stretch::Same(value, length) => out.extend(std::iter::repeat_n((value & 1) as u8, length)),
        Stretch::Packed(packed, length) => {
            let end = out.len() + length;
            for byte in packed.iter().take(length.div_ceil(8)) {
                // A copy of the byte for each of its bits, of which that bit is left, and made a one.
                let bits = u64::from_le_bytes([*byte; 8]) & 0x8040_2010_0804_0201;
                let ones = (bits + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
                out.extend_from_slice(&ones.to_le_bytes());
            }
            out.truncate(end);
        }
    })?;
    Ok(out)
}

fn stretches(
    mut bytes: &[u8],
    width: u32,
    count: usize,
    mut take: impl FnMut(Stretch<'_>),
) -> Result<(), Wrong> {
    if width > 32 {
        return Err("numbers of more than 32 bits".into());
    }
    let mut left = count;
    while left > 0 {
        if width == 0 && bytes.is_empty() {
            take(Stretch::Same(0, left));
            return Ok(());
        }
        let header = varint(&mut bytes)?;
        let length = usize::try_from(header >> 1).map_err(|_| "a run that is too long")?;
        if header & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let (value, rest) = bytes.split_at_checked(size).ok_or("a run without its value")?;
            let value = value.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            let length = length.min(left);
            if length == 0 {
                return Err("a run of nothing".into());
            }
            take(Stretch::Same(value, length));
            left -= length;
            bytes = rest;
        } else {
            let size = length.saturating_mul(width as usize).min(bytes.len());
            let (packed, rest) = bytes.split_at(size);
            let length = length.saturating_mul(8).min(left);
            if packed.len().saturating_mul(8) < length.saturating_mul(width as usize) || length == 0 {
                return Err("a packed group that is cut off".into());
            }
            take(Stretch::Packed(packed, length));
            left -= length;
            bytes = rest;
        }
    }
    Ok(())
}

/// Reads numbers of `size` bytes that are written as differences. Returns how many bytes they take.
pub(super) fn delta(all: &[u8], size: usize, out: &mut Vec<i64>) -> Result<usize, Wrong> {
    let mut bytes = all;
    let block = to_size(varint(&mut bytes)?)?;
    let miniblocks = to_size(varint(&mut bytes)?)?;
    let total = to_size(varint(&mut bytes)?)?;
    let mut value = zigzag(varint(&mut bytes)?);
    if miniblocks == 0 || block == 0 || block > BLOCK_MAX || miniblocks > block || block % miniblocks != 0 {
        return Err("blocks of a size that nobody writes".into());
    }
    let of_miniblock = block / miniblocks;
    if total == 0 {
        return Ok(all.len() - bytes.len());
    }
    // What it says may be anything; what is there bounds it: a number of nothing but its block takes less than a bit.
    out.reserve(total.min(all.len().saturating_mul(of_miniblock)));
    let narrow = |value: i64| if size == 4 { i64::from(value as i32) } else { value };
    out.push(narrow(value));
    let mut left = total - 1;
    while left > 0 {
        let least = zigzag(varint(&mut bytes)?);
        let (widths, rest) = bytes.split_at_checked(miniblocks).ok_or("a block without its widths")?;
        bytes = rest;
        for width in widths {
            if left == 0 {
                break;
            }
            let width = u32::from(*width);
            if width > 64 {
                return Err("differences of more than 64 bits".into());
            }
            let size = (of_miniblock * width as usize).div_ceil(8);
            let rest = bytes.get(size..).ok_or("differences that are cut off")?;
            let length = of_miniblock.min(left);
            let add = |difference: u64| {
                value = value.wrapping_add(least).wrapping_add(difference as i64);
                narrow(value)
            };
            if width <= 57 && rest.len() >= 8 {
                out.extend(unpack_within(bytes, width, length).map(add));
            } else {
                let packed = bytes.get(..size).unwrap_or_default();
                out.extend(unpack(packed, width, length).map(add));
            }
            bytes = rest;
            left -= length;
        }
    }
    Ok(all.len() - bytes.len())
}

/// `count` numbers of `width` bits each, the lowest bits first.
#[inline]
fn unpack(packed: &[u8], width: u32, count: usize) -> impl ExactSizeIterator<Item = u64> {
    let mask = if width >= 64 { u64::MAX } else { (1_u64 << width) - 1 };
    let width = width as usize;
    (0..count).map(move |at| {
        let bit = at * width;
        let (at, shift) = (bit >> 3, (bit & 7) as u32);
        let low = window(packed, at) >> shift;
        // Past 57 bits a number may reach into a ninth byte.
        let high = match width + shift as usize > 64 {
            true => packed.get(at + 8).map_or(0, |byte| u64::from(*byte) << (64 - shift)),
            false => 0,
        };
        (low | high) & mask
    })
}

/// The same up to 57 bits, where eight bytes more follow: each number is in one word.
#[inline]
fn unpack_within(packed: &[u8], width: u32, count: usize) -> impl ExactSizeIterator<Item = u64> {
    let mask = (1_u64 << width) - 1;
    let width = width as usize;
    let mut bit = 0;
    (0..count).map(move |_| {
        let word = packed.get(bit >> 3..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        let shift = bit & 7;
        bit += width;
        u64::from_le_bytes(word) >> shift & mask
    })
}

/// The same for up to eight bits: eight numbers are in one word.
fn unpack_few(packed: &[u8], width: u32, count: usize, out: &mut Vec<u32>) {
    let mask = (1_u32 << width) - 1;
    let end = out.len() + count;
    for group in packed.chunks(width as usize).take(count.div_ceil(8)) {
        let word = window(group, 0);
        out.extend((0..8).map(|at| (word >> (at * width)) as u32 & mask));
    }
    out.truncate(end);
}

/// Eight bytes from `at`, as far as there are any.
#[inline]
fn window(packed: &[u8], at: usize) -> u64 {
    let rest = packed.get(at..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => rest.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)),
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Wrong> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("a number that is cut off")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number of more than ten bytes".into())
}

fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn to_size(value: u64) -> Result<usize, Wrong> {
    usize::try_from(value).map_err(|_| "a size that is none".into())
}

/// Numbers of a block at most.
const BLOCK_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn flags_are_numbers_of_one_bit(
            bytes in prop::collection::vec(prop_oneof![0..6u8, any::<u8>()], 0..40), count in 0..200usize,
        ) {
            let mut numbers = Vec::new();
            let read = hybrid(&bytes, 1, count, &mut numbers);
            let flags = flags(&bytes, count);
            prop_assert_eq!(read.is_ok(), flags.is_ok());
            if let Ok(flags) = flags {
                let bits: Vec<u8> = numbers.iter().map(|number| (number & 1) as u8).collect();
                prop_assert_eq!((flags.len(), flags), (count, bits));
            }
        }

        #[test]
        fn numbers_with_bytes_behind_them_are_unpacked_the_same(
            bytes in prop::collection::vec(any::<u8>(), 470), width in 0..=57u32, count in 0..=64usize,
        ) {
            let all: Vec<u64> = unpack(&bytes, width, count).collect();
            prop_assert!(unpack_within(&bytes, width, count).eq(all));
        }
    }
}
