//! Via: which way a request came (RFC 3261 §20.42).

use super::block::Block;
use super::params::{Params, quoted_end};
use super::plain::{length_of, read_digits};
use super::text::{byte, cut, find, find_either, find_first, is_space, rest, trim, trim_start};

/// One Via value, as slices of the message.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// The transport as written, such as `UDP`; empty when the value has none.
    pub transport: &'a [u8],
    /// The host of the sender; IPv6 addresses with their brackets.
    pub host: &'a [u8],
    /// The port of the sender, if one stands there and is one.
    pub port: Option<u16>,
    /// Parameters with the first semicolon.
    pub params: &'a [u8],
    /// Whether protocol, host and port are as the grammar says.
    pub lawful: bool,
}

impl<'a> Via<'a> {
    /// Reads the first value of `text`, the value of a Via header. Never fails.
    pub fn read(text: &'a [u8]) -> Self {
        Self::read_one(text).0
    }

    /// The parameters.
    pub fn params(&self) -> Params<'a> {
        Params::read(self.params)
    }

    /// The branch, which names the transaction (§8.1.1.7).
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params().value(b"branch")
    }

    /// The branch of the first value of the first `length` bytes of `text`: what [`branch`](Self::branch) of it says, without
    /// reading more than its parameters where it is written as everybody does.
    #[inline(always)]
    pub(super) fn read_branch(text: &'a [u8], length: usize) -> Option<&'a [u8]> {
        first_branch(text, length).or_else(|| Self::read_any_branch(text.get(..length)?))
    }

    #[inline(never)]
    fn read_any_branch(text: &'a [u8]) -> Option<&'a [u8]> {
        simple_branch(text).or_else(|| Self::read(text).branch())
    }

    /// Whether the first value of the first `length` bytes of `text` is [`lawful`](Self::lawful), without reading it where
    /// it is written as everybody does.
    #[inline(always)]
    pub(super) fn is_lawful(text: &'a [u8], length: usize) -> bool {
        is_plain(text, length).unwrap_or_else(|| Self::read(text.get(..length).unwrap_or(text)).lawful)
    }

    /// The address the request was received from, as the next hop wrote it down (§18.2.1).
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params().value(b"received")
    }

    /// The port to answer to: empty when asked for, a number when filled in (RFC 3581).
    pub fn rport(&self) -> Option<&'a [u8]> {
        self.params().value(b"rport")
    }

    /// Reads one value and returns what stands behind the comma that ends it.
    pub(super) fn read_one(text: &'a [u8]) -> (Self, &'a [u8]) {
        let (protocol, behind) = read_word(text, b'/');
        let (version, behind) = read_word(behind, b'/');
        let transport_start = trim_start(behind);
        let transport_end = transport_start
            .iter()
            .position(|&byte| is_space(byte) || matches!(byte, b';' | b','))
            .unwrap_or(transport_start.len());
        let transport = cut(transport_start, 0, transport_end);
        let sender = trim_start(rest(transport_start, transport_end));
        let sender_end = find_either(b';', b',', sender).unwrap_or(sender.len());
        let (host, port, tidy) = read_sender(trim(cut(sender, 0, sender_end)));
        let behind = rest(sender, sender_end);
        let (params, next, balanced) = read_params(behind);
        let orderly = params.last() != Some(&b';');
        let lawful =
            protocol.eq_ignore_ascii_case(b"SIP") && version == b"2.0" && tidy && balanced && orderly;
        (Self { transport, host, port, params, lawful }, next)
    }
}

/// Whether the first `length` bytes of `text` are one value: a common transport, one space, a host name or an IPv4 address,
/// perhaps a port, and parameters without quotes. `None` when a closer look may find them lawful still.
#[inline(always)]
fn is_plain(text: &[u8], length: usize) -> Option<bool> {
    let behind_value = text.len().wrapping_sub(length);
    let transport = text.strip_prefix(b"SIP/2.0/")?;
    let (transport, sender) = transport.split_first_chunk()?;
    if !matches!(transport, b"UDP " | b"TCP " | b"TLS ") {
        return None;
    }
    let host_end = length_of(sender, Block::foreign_to_hosts).filter(|&end| end > 0)?;
    let mut behind = sender.get(host_end..)?;
    if let [b':', digits @ ..] = behind {
        (_, behind) = read_digits(digits)?;
    }
    let params = behind.get(..behind.len().wrapping_sub(behind_value))?;
    let is_tidy = match params {
        [] => true,
        [b';', .., last] => *last > b' ' && *last != b';' && find_either(b',', b'"', params).is_none(),
        _ => false,
    };
    is_tidy.then_some(true)
}

/// The branch that is the first parameter of the first `length` bytes of `text`, if it ends before anything odd.
#[inline(always)]
fn first_branch(text: &[u8], length: usize) -> Option<&[u8]> {
    let behind = text.strip_prefix(b"SIP/2.0/")?;
    let params = behind.get(length_of(behind, |block| block.equal_either(b';', b','))?..)?;
    let behind = params.strip_prefix(b";branch=")?;
    let (branch, behind) = behind.split_at_checked(length_of(behind, Block::value_marks)?)?;
    let left = behind.len().checked_sub(text.len().wrapping_sub(length))?;
    (left == 0 || matches!(behind, [b';' | b',', ..])).then_some(branch)
}

/// The branch, if nothing odd stands before it or in it.
#[inline(always)]
fn simple_branch(text: &[u8]) -> Option<&[u8]> {
    let mut behind = text.strip_prefix(b"SIP/2.0/")?;
    let is_odd = |byte: u8| byte <= b' ' || matches!(byte, b',' | b'"' | b'<' | b'=');
    behind = rest(behind, find_either(b';', b',', behind)?);
    loop {
        let [b';', first, ..] = behind else { return None };
        if let Some(branch) = behind.strip_prefix(b";branch=") {
            let end = find_first(branch, |block| {
                let ends = block.equal(b';') | block.equal(b',');
                ends | block.equal(b'"') | block.equal(b'<') | !block.above(b' ' as i8) & 0xffff
            });
            let end = end.unwrap_or(branch.len());
            let is_simple = matches!(branch.get(end), None | Some(b';' | b','));
            return is_simple.then(|| cut(branch, 0, end));
        }
        if matches!(first, b'b' | b'B' | b';') || is_odd(*first) {
            return None;
        }
        let param = rest(behind, 1);
        let end = find(b';', param)?;
        if cut(param, 0, end).iter().any(|&byte| is_odd(byte) && byte != b'=') {
            return None;
        }
        behind = rest(param, end);
    }
}

/// What stands before `separator`, without white space, and what stands behind it; nothing when it is not there
/// before the value ends.
#[inline(always)]
fn read_word(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == separator || matches!(byte, b';' | b',' | b'='));
    match end {
        Some(end) if byte(text, end) == separator => (trim(cut(text, 0, end)), rest(text, end + 1)),
        _ => (&[], text),
    }
}

/// Host and port of `text`, and whether they are lawful.
fn read_sender(text: &[u8]) -> (&[u8], Option<u16>, bool) {
    let host_end = match text.first() {
        Some(b'[') => find(b']', text).map_or(text.len(), |end| end + 1),
        _ => find(b':', text).unwrap_or(text.len()),
    };
    let host = trim(cut(text, 0, host_end));
    let tidy = !host.is_empty() && !host.iter().any(|&byte| is_space(byte));
    match trim_start(rest(text, host_end)) {
        [] => (host, None, tidy),
        [b':', digits @ ..] => {
            let port = super::text::number(trim(digits)).and_then(|port| u16::try_from(port).ok());
            (host, port, tidy && port.is_some())
        }
        _ => (host, None, false),
    }
}

/// Parameters up to a comma outside quotes, what stands behind the comma, and whether quotes were balanced.
fn read_params(text: &[u8]) -> (&[u8], &[u8], bool) {
    let mut at = 0;
    while let Some(found) = find_either(b',', b'"', rest(text, at)) {
        at += found;
        if byte(text, at) == b',' {
            return (trim(cut(text, 0, at)), rest(text, at + 1), true);
        }
        match quoted_end(text, at) {
            Some(end) => at = end,
            None => return (trim(text), &[], false),
        }
    }
    (trim(text), &[], true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_via_with_spaces_everywhere_is_read() {
        let text = b"SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239";
        let (first, behind) = Via::read_one(text);
        assert_eq!(first.host, b"spindle.example.com");
        assert_eq!(first.transport, b"TCP");
        assert_eq!(first.branch(), Some(&b"z9hG4bK9ikj8"[..]));
        assert!(first.lawful);
        let (second, behind) = Via::read_one(behind);
        assert_eq!(second.host, b"192.168.255.111");
        assert_eq!(second.branch(), Some(&b"z9hG4bK30239"[..]));
        assert!(second.lawful && behind.is_empty());
    }

    #[test]
    fn addresses_of_either_family_come_with_their_port() {
        let via =
            Via::read(b"SIP/2.0/UDP [2001:db8::9:1]:6050;received=2001:db8::9:255;branch=z9hG4bKas3;rport");
        assert_eq!((via.host, via.port), (&b"[2001:db8::9:1]"[..], Some(6050)));
        assert_eq!(via.received(), Some(&b"2001:db8::9:255"[..]));
        assert_eq!(via.rport(), Some(&b""[..]));
        let via = Via::read(b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx1");
        assert_eq!((via.host, via.port), (&b"192.0.2.1"[..], Some(5060)));
    }

    #[test]
    fn broken_values_are_marked() {
        for text in [
            &b""[..],
            b"//",
            b"/",
            b"SIP/7.0/UDP c.example.com",
            b"SIP/2.0/UDP 192.0.2.15;;,;,,",
            b"SIP/2.0/UDP h:x",
        ] {
            assert!(!Via::read(text).lawful, "{text:?}");
        }
    }
}
