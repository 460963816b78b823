//! What a proxy knows again without remembering it: keyed hashes in branches, in Record-Route and in To tags.

#[allow(
    deprecated,
    reason = "the one keyed hash of the standard library; its words stay the same in every version"
)]
use std::hash::{Hasher as _, SipHasher};
use std::net::{IpAddr, SocketAddr};

use engine::sip::Message;

/// A key, the same after a restart and on a twin. Nobody without it can make up what it hashes.
#[derive(Clone, Copy)]
pub struct Secret {
    first: u64,
    second: u64,
}

/// What is hashed: hashes of one kind say nothing about those of another.
#[derive(Clone, Copy)]
enum Kind {
    Transaction,
    Target,
    Dialog,
    Tag,
    Own,
}

impl Secret {
    /// The secret that `bytes` are.
    pub fn new(bytes: [u8; 16]) -> Self {
        let (first, second) = bytes.split_at(8);
        let number = |half: &[u8]| half.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        Self { first: number(first), second: number(second) }
    }

    /// What names the transaction of a message: the same for an INVITE, its CANCEL, the ACK to a refusal of it, their
    /// retransmissions, and every response to them (RFC 3261 §16.11). `sender` is where responses go to
    /// the hop before, and `branch` the branch that it gave.
    pub(super) fn transaction(&self, message: &Message<'_>, branch: &[u8], sender: SocketAddr) -> u64 {
        let ip = match sender.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let number = message.cseq().map_or(0, |(number, _)| number).to_be_bytes();
        let tag = message.from_tag().unwrap_or_default();
        self.hash(
            Kind::Transaction,
            &[branch, &ip.octets(), &sender.port().to_be_bytes(), message.call_id(), tag, &number],
        )
    }

    /// What tells a request that came back as it went from one that came back changed (RFC 3261 §16.6, item 8).
    pub(super) fn target(&self, message: &Message<'_>, route: &[u8]) -> u64 {
        self.hash(Kind::Target, &[message.request_uri().text, route])
    }

    /// What proves that a dialog was begun through us: by its Call-ID and the tag of who called.
    pub(super) fn dialog(&self, call_id: &[u8], caller_tag: &[u8]) -> u64 {
        self.hash(Kind::Dialog, &[call_id, caller_tag])
    }

    /// Our tag in the To of an answer of our own: the same for every message of the transaction (RFC 3261 §8.2.7, §9.2), also
    /// for an ACK that somebody gives a branch of its own.
    pub(super) fn tag(&self, message: &Message<'_>) -> u64 {
        let number = message.cseq().map_or(0, |(number, _)| number).to_be_bytes();
        let tag = message.from_tag().unwrap_or_default();
        self.hash(Kind::Tag, &[message.call_id(), tag, &number])
    }

    /// What names the request number `number` of our own that begins at `begin`.
    pub(super) fn own(&self, number: u64, begin: i64) -> u64 {
        self.hash(Kind::Own, &[&number.to_be_bytes(), &begin.to_be_bytes()])
    }

    #[allow(deprecated, reason = "as above")]
    fn hash(&self, kind: Kind, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher::new_with_keys(self.first, self.second);
        hasher.write(&[kind as u8]);
        for part in parts {
            hasher.write(&(part.len() as u64).to_be_bytes());
            hasher.write(part);
        }
        hasher.finish()
    }
}

/// Writes `hash` in sixteen digits.
pub(super) fn put_hash(out: &mut Vec<u8>, hash: u64) {
    out.extend((0..16).rev().map(|place| crate::answer::hex_digit((hash >> (4 * place)) as u8 & 15)));
}

/// The hash that `text`, sixteen digits, says.
pub(super) fn read_hash(text: &[u8]) -> Option<u64> {
    if text.len() != 16 {
        return None;
    }
    text.iter().try_fold(0, |hash, &digit| Some(hash << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_has_the_same_hashes_and_another_key_others() {
        let text = b"INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        let message = Message::read(text);
        let hashes = |secret: Secret| {
            [
                secret.transaction(&message, b"b", "192.0.2.1:5060".parse().unwrap()),
                secret.target(&message, b""),
                secret.dialog(b"c", b"1"),
                secret.tag(&message),
            ]
        };
        let first = hashes(Secret::new([1; 16]));
        assert_eq!(first, hashes(Secret::new([1; 16])));
        assert!(first.iter().zip(hashes(Secret::new([2; 16]))).all(|(one, other)| *one != other));
    }

    #[test]
    fn where_one_part_ends_matters() {
        let secret = Secret::new([7; 16]);
        assert_ne!(secret.dialog(b"ab", b"c"), secret.dialog(b"a", b"bc"));
    }

    #[test]
    fn a_hash_reads_as_it_was_written() {
        let mut text = Vec::new();
        put_hash(&mut text, 0x0123_4567_89ab_cdef);
        assert_eq!(read_hash(&text), Some(0x0123_4567_89ab_cdef));
        assert_eq!(read_hash(b"0123"), None);
        assert_eq!(read_hash(b"+123456789abcdef"), None);
    }
}
