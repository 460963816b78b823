//! Addresses and URIs as nearly all are written, read in one sweep: `"name" <sip:user@host:port;params>;tag=…`.

use std::num::NonZeroU16;

use rules::Flags;

use super::address::NameAddr;
use super::block::Block;
use super::text::{find_either, find_first};
use super::uri::{Scheme, Uri};

/// An address that is alone in its value: in brackets, perhaps with a quoted name before and one space between, with a
/// plain `sip:` URI and with parameters that hold no quote.
pub(super) struct PlainAddress<'a> {
    display: &'a [u8],
    uri: PlainUri<'a>,
    params: &'a [u8],
    /// Whether a tag is its only parameter.
    pub(super) is_tagged: bool,
}

impl<'a> PlainAddress<'a> {
    /// Reads the first `length` bytes of `text`; what stands behind them is looked at, and means nothing.
    #[inline(always)]
    pub(super) fn read(text: &'a [u8], length: usize) -> Option<Self> {
        let (display, address) = match text {
            [b'"', name @ ..] => read_quoted(name)?,
            _ => (&[][..], text),
        };
        let inner = address.strip_prefix(b"<")?;
        let (uri, behind) = PlainUri::read_before::<b'>'>(inner)?;
        let params_length = behind.len().wrapping_sub(text.len().wrapping_sub(length));
        let params = behind.get(..params_length)?;
        let is_tagged = match params {
            [] => false,
            [b';', b't', b'a', b'g', b'=', ..]
                if length_of(behind.get(5..)?, Block::value_marks)? >= params_length - 5 =>
            {
                true
            }
            [b';', .., last]
                if *last > b' ' && *last != b';' && find_either(b',', b'"', params).is_none() =>
            {
                false
            }
            _ => return None,
        };
        Some(Self { display, uri, params, is_tagged })
    }

    /// The address as everybody sees it.
    #[inline(always)]
    pub(super) fn into_address(self) -> NameAddr<'a> {
        NameAddr {
            display: self.display,
            uri: self.uri.into_uri(),
            params: self.params,
            flags: Flags::NONE,
            tail: 0,
        }
    }
}

/// A URI of a user at a host, perhaps with a port and parameters.
pub(super) struct PlainUri<'a> {
    text: &'a [u8],
    user: &'a [u8],
    host: &'a [u8],
    port: Option<u16>,
    params: &'a [u8],
}

impl<'a> PlainUri<'a> {
    /// Reads the first `length` bytes of `text`, which a space follows.
    #[inline(always)]
    pub(super) fn read(text: &'a [u8], length: usize) -> Option<Self> {
        let (uri, _) = Self::read_before::<b' '>(text)?;
        (uri.text.len() == length).then_some(uri)
    }

    /// Reads the `sip:user@host:port;params` that `text` begins with and that the byte `END` ends. Returns what stands
    /// behind that as well.
    #[inline(always)]
    fn read_before<const END: u8>(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let inner = text.strip_prefix(b"sip:")?;
        let (user, behind) = inner.split_at_checked(length_of(inner, Block::user_marks)?)?;
        let [b'@', behind @ ..] = behind else { return None };
        let (host, mut behind) = behind.split_at_checked(length_of(behind, Block::foreign_to_hosts)?)?;
        let mut port = None;
        if let [b':', digits @ ..] = behind {
            let number;
            (number, behind) = read_digits(digits)?;
            port = Some(number);
        }
        let mut params = &[][..];
        if let [b';', tail @ ..] = behind {
            (params, behind) = tail.split_at_checked(length_of(tail, Block::param_marks)?)?;
        }
        let [end, behind @ ..] = behind else { return None };
        if *end != END || host.is_empty() {
            return None;
        }
        let text = text.get(..text.len().wrapping_sub(behind.len()).wrapping_sub(1))?;
        Some((Self { text, user, host, port, params }, behind))
    }

    /// The URI as everybody sees it.
    #[inline(always)]
    pub(super) fn into_uri(self) -> Uri<'a> {
        Uri {
            text: self.text,
            scheme: Scheme::Sip,
            user: Some(self.user),
            password: &[],
            host: self.host,
            port: self.port,
            params: self.params,
            headers: &[],
            flags: Flags::NONE,
        }
    }
}

/// The tag of the address that the first `length` bytes of `text` begin with, without reading its URI. `None` when a closer
/// look is needed.
#[inline(always)]
pub(super) fn read_plain_tag(text: &[u8], length: usize) -> Option<Option<&[u8]>> {
    let behind_value = text.len().wrapping_sub(length);
    let (_, address) = match text {
        [b'"', name @ ..] => read_quoted(name)?,
        _ => (&[][..], text),
    };
    let inner = address.strip_prefix(b"<")?;
    let params = inner.get(find_first(inner, |block| block.equal(b'>'))?.wrapping_add(1)..)?;
    if params.len() == behind_value {
        return Some(None);
    }
    let behind = params.strip_prefix(b";tag=")?;
    let (tag, behind) = behind.split_at_checked(length_of(behind, Block::value_marks)?)?;
    let left = behind.len().checked_sub(behind_value)?;
    (left == 0 || matches!(behind, [b';' | b',', ..])).then_some(Some(tag))
}

/// The quoted name without escapes that `name` begins with behind its first quote, and the address behind it.
#[inline(always)]
fn read_quoted(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = length_of(name, |block| block.equal_either(b'"', b'\\'))?;
    let (name, behind) = name.split_at_checked(end)?;
    match behind {
        [b'"', b' ', address @ ..] | [b'"', address @ ..] => Some((name, address)),
        _ => None,
    }
}

/// The port that `text` begins with, of one to five digits, and what stands behind it.
#[inline(always)]
pub(super) fn read_digits(text: &[u8]) -> Option<(u16, &[u8])> {
    let mut number: u32 = 0;
    let mut behind = text;
    while let [digit @ b'0'..=b'9', tail @ ..] = behind {
        number = number.wrapping_mul(10).wrapping_add(u32::from(digit & 15));
        behind = tail;
    }
    if !(1..=5).contains(&text.len().wrapping_sub(behind.len())) {
        return None;
    }
    Some((u16::try_from(number).ok()?, behind))
}

/// How many bytes stand before the first that `look` finds, unless the text is over soon.
#[inline(always)]
pub(super) fn length_of(text: &[u8], look: impl Fn(Block) -> u64) -> Option<usize> {
    match NonZeroU16::new(look(Block::read(text.first_chunk()?)) as u16) {
        Some(found) => Some(found.trailing_zeros() as usize),
        None => long_length_of(text, look),
    }
}

#[inline(never)]
fn long_length_of(text: &[u8], look: impl Fn(Block) -> u64) -> Option<usize> {
    find_first(text, look)
}
