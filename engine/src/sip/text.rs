//! Small readers of bytes that the whole reader shares: white space, folds, short searches.

use super::block::Block;

/// The byte at `at`, or NUL behind the end, so that a look ahead needs no branch of its own.
#[inline(always)]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The bytes from `from` up to `to`; empty when they do not exist.
#[inline(always)]
pub(super) fn cut(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to).unwrap_or_default()
}

/// The bytes from `from` on; empty when they do not exist.
#[inline(always)]
pub(super) fn rest(bytes: &[u8], from: usize) -> &[u8] {
    bytes.get(from..).unwrap_or_default()
}

/// The bytes from `part`, which was cut out of them, to the end: a reader may look at what stands behind a part, though it
/// means nothing there.
#[inline(always)]
pub(super) fn open<'a>(bytes: &'a [u8], part: &[u8]) -> &'a [u8] {
    rest(bytes, part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr()))
}

/// Linear white space. CR and LF count, because inside a value they stand only in folds.
#[inline(always)]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without white space at its start.
#[inline(always)]
pub(super) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, tail @ ..] = text {
        if !is_space(*first) {
            break;
        }
        text = tail;
    }
    text
}

/// `text` without white space at its end.
#[inline(always)]
pub(super) fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [head @ .., last] = text {
        if !is_space(*last) {
            break;
        }
        text = head;
    }
    text
}

/// `text` without white space at either end.
#[inline(always)]
pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// Whether a token (RFC 3261 §25.1) may hold `byte`.
#[inline(always)]
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// The plain decimal number that `text` is: digits only, no sign, below 2^63.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return read_long_number(text);
    }
    let mut sum: u64 = 0;
    for &digit in text {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        sum = sum.wrapping_mul(10).wrapping_add(u64::from(value));
    }
    Some(sum)
}

/// As [`number`], for one with leading zeros.
#[inline(never)]
fn read_long_number(text: &[u8]) -> Option<u64> {
    let significant = text.iter().position(|&digit| digit != b'0').unwrap_or(text.len());
    if text.is_empty() || text.len() - significant > 18 {
        return None;
    }
    if significant == text.len() { Some(0) } else { number(rest(text, significant)) }
}

/// Whether `text` begins with `prefix`, in any case of ASCII letters.
pub(super) fn starts_with_ignore_case(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head == prefix || head.eq_ignore_ascii_case(prefix))
}

/// Where `wanted` stands first. For short texts, inlined: a call of `memchr` costs more than most addresses are long.
#[inline(always)]
pub(super) fn find(wanted: u8, text: &[u8]) -> Option<usize> {
    find_first(text, |block| block.equal(wanted))
}

/// Where `one` or `other` stands first, as [`find`].
#[inline(always)]
pub(super) fn find_either(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    find_first(text, |block| block.equal_either(one, other))
}

/// Where `look` finds its first byte.
#[inline(always)]
pub(super) fn find_first(text: &[u8], look: impl Fn(Block) -> u64) -> Option<usize> {
    let (blocks, tail) = text.as_chunks::<16>();
    let mut at: usize = 0;
    for block in blocks {
        let found = look(Block::read(block));
        if found != 0 {
            return Some(at.wrapping_add(found.trailing_zeros() as usize));
        }
        at = at.wrapping_add(16);
    }
    let found = match text.last_chunk::<16>() {
        _ if tail.is_empty() => 0,
        // What stands before the tail was looked at and is not found again.
        Some(last) => {
            at = text.len().wrapping_sub(16);
            look(Block::read(last))
        }
        None => look(Block::read_short(tail)) & ((1 << tail.len()) - 1),
    };
    (found != 0).then(|| at.wrapping_add(found.trailing_zeros() as usize))
}

/// Where the line that `text` begins with ends: its LF, or the end of `text`. Most lines are short.
#[inline(always)]
pub(super) fn line_end(text: &[u8]) -> usize {
    let head = text.get(..SHORT_LINE_BYTES).unwrap_or(text);
    let end = find(b'\n', head).or_else(|| {
        let found = memchr::memchr(b'\n', text.get(SHORT_LINE_BYTES..)?)?;
        Some(SHORT_LINE_BYTES + found)
    });
    end.unwrap_or(text.len())
}

const SHORT_LINE_BYTES: usize = 64;

/// What stands before the first `separator` and what stands behind it, if it is there.
#[inline(always)]
pub(super) fn split_at(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match find(separator, text) {
        Some(at) => (cut(text, 0, at), Some(rest(text, at + 1))),
        None => (text, None),
    }
}

/// A value as if it had never been folded: each line break with the white space behind it is one space
/// (RFC 3261 §7.3.1). What has no fold is handed back as it is; what exceeds `room` is cut.
pub fn unfold<'b>(value: &'b [u8], room: &'b mut [u8]) -> &'b [u8] {
    if memchr::memchr(b'\n', value).is_none() {
        return value;
    }
    let mut used = 0;
    let mut folding = false;
    for &byte in value {
        let breaks = matches!(byte, b'\r' | b'\n');
        if folding && is_space(byte) {
            continue;
        }
        folding = breaks;
        if breaks {
            // White space before the break belongs to the fold as well.
            while used > 0 && room.get(used - 1).is_some_and(|&last| is_space(last)) {
                used -= 1;
            }
        }
        let Some(place) = room.get_mut(used) else { break };
        *place = if breaks { b' ' } else { byte };
        used += 1;
    }
    room.get(..used).unwrap_or_default()
}

/// A quoted text as people see it: without folds and without the backslashes of quoted pairs (RFC 3261 §25.1). `None` when it
/// stands there so.
pub fn spoken(text: &[u8]) -> Option<Vec<u8>> {
    // Looks at every byte, because most texts are short and that goes many at a time.
    if !text.iter().fold(false, |found, &byte| found | (byte == b'\\') | (byte == b'\n')) {
        return None;
    }
    let mut room = vec![0; text.len()];
    let mut bytes = unfold(text, &mut room).iter().copied();
    let mut said = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        said.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    Some(said)
}

/// Marks the bytes of `word` that are zero with their highest bit; exact up to and including the first one.
#[inline(always)]
pub(super) const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The eight bytes of `word` in lower case, where they are ASCII letters; other bytes below 0x40 stay.
#[inline(always)]
pub(super) const fn lower(word: u64) -> u64 {
    word | ((word & (ONES * 0x40)) >> 1)
}

pub(super) const ONES: u64 = 0x0101_0101_0101_0101;
pub(super) const HIGHS: u64 = 0x8080_8080_8080_8080;

#[allow(clippy::indexing_slicing, reason = "the compiler runs it, and refuses a place out of bounds")]
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut at: usize = 0;
    while at < 256 {
        let byte = at as u8;
        table[at] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_reads_as_one_space() {
        let mut room = [0; 64];
        assert_eq!(unfold(b"friendly \r\n\t scanner", &mut room), b"friendly scanner");
        assert_eq!(unfold(b"a\r\n  \r\n b", &mut room), b"a b");
        assert_eq!(unfold(b"a\n b\n c", &mut room), b"a b c");
        assert_eq!(unfold(b"plain", &mut room), b"plain");
        assert_eq!(unfold(b"a\r\n bcdef", &mut [0; 4]), b"a bc");
    }

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(number(b"0068"), Some(68));
        assert_eq!(number(b"000"), Some(0));
        assert_eq!(number(b"4294967328"), Some(4_294_967_328));
        for bad in [&b""[..], b"+0", b"-999", b"0x0", b"1 ", b"36893488147419103232"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_short_search_agrees_with_a_slow_one() {
        let text: Vec<u8> = (0..200).map(|at| b"abcdefg\n;@<\xff\x8a"[(at * at + at / 7) % 12]).collect();
        for start in 0..text.len() {
            let text = &text[start..];
            for wanted in *b"\n;@<z" {
                assert_eq!(find(wanted, text), text.iter().position(|&byte| byte == wanted));
                let either = text.iter().position(|&byte| byte == wanted || byte == b'@');
                assert_eq!(find_either(wanted, b'@', text), either);
            }
            assert_eq!(line_end(text), text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len()));
        }
    }
}
