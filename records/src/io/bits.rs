//! Two packings of whole numbers that Parquet has: runs beside packed groups, and differences.

use super::error::Wrong;

/// Reads `count` numbers of `width` bits that are written as runs and packed groups of eight.
pub(super) fn hybrid(mut bytes: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> Result<(), Wrong> {
    if width > 32 {
        return Err("numbers of more than 32 bits".into());
    }
    out.reserve(count);
    let mut left = count;
    while left > 0 {
        if width == 0 && bytes.is_empty() {
            out.extend(std::iter::repeat_n(0, left));
            return Ok(());
        }
        let header = varint(&mut bytes)?;
        let length = usize::try_from(header >> 1).map_err(|_| "a run that is too long")?;
        if header & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let (value, rest) = bytes.split_at_checked(size).ok_or("a run without its value")?;
            let value = value.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            let length = length.min(left);
            out.extend(std::iter::repeat_n(value, length));
            left -= length;
            bytes = rest;
            if length == 0 {
                return Err("a run of nothing".into());
            }
        } else {
            let size = length.saturating_mul(width as usize).min(bytes.len());
            let (packed, rest) = bytes.split_at(size);
            let length = length.saturating_mul(8).min(left);
            if packed.len().saturating_mul(8) < length.saturating_mul(width as usize) || length == 0 {
                return Err("a packed group that is cut off".into());
            }
            match width {
                1..=8 => unpack_few(packed, width, length, out),
                _ => out.extend(unpack(packed, width, length).map(|value| value as u32)),
            }
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
            let (packed, rest) = bytes
                .split_at_checked((of_miniblock * width as usize).div_ceil(8))
                .ok_or("differences that are cut off")?;
            bytes = rest;
            let length = of_miniblock.min(left);
            out.extend(unpack(packed, width, length).map(|difference| {
                value = value.wrapping_add(least).wrapping_add(difference as i64);
                narrow(value)
            }));
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
