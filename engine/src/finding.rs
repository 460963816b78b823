//! What a message belongs to: keyed hashes of what identifies dialogs and transactions, and the attempts found by them.

use std::hash::{BuildHasher as _, Hasher as _};

use rules::Method;

use crate::call::{Attempt, Keys, Kind, Side, Slot};
use crate::engine::Engine;
use crate::packet::Packet;
use crate::sip::{Message, NameAddr};

impl Engine {
    /// The dialog that `keys` and `to_tag` name, and the side that sent the request (or the request answered).
    pub(crate) fn dialog(&self, keys: &Keys, to_tag: Option<u64>) -> Option<(Slot, Side)> {
        self.table.with_call_id(keys.call_id).filter(|(_, attempt)| attempt.kind == Kind::Call).find_map(
            |(slot, attempt)| {
                let known = &attempt.keys;
                match to_tag {
                    Some(tag) if known.from_tag == keys.from_tag && known.has_to_tag(tag) => {
                        Some((slot, Side::Caller))
                    }
                    Some(tag) if known.from_tag == tag && known.has_to_tag(keys.from_tag) => {
                        Some((slot, Side::Called))
                    }
                    // CANCEL and early requests carry no To tag; they name the INVITE by its From tag and CSeq.
                    None if known.from_tag == keys.from_tag && known.cseq == keys.cseq => {
                        Some((slot, Side::Caller))
                    }
                    _ => None,
                }
            },
        )
    }

    /// The attempt, or the dialog of one, whose INVITE a response answers, and the side that sent that INVITE.
    pub(crate) fn invited(
        &self,
        keys: &Keys,
        to_tag: Option<u64>,
        message: &Message<'_>,
    ) -> Option<(Slot, Side)> {
        let in_dialog = self.dialog(keys, to_tag);
        // Who calls again under the same Call-ID and tag may get the To tag of before.
        let is_of_another = |(slot, _): &(Slot, Side)| {
            self.table.attempt(*slot).is_some_and(|attempt| attempt.keys.cseq != keys.cseq)
        };
        let opened = || {
            let mut same = self.table.with_call_id(keys.call_id);
            let opened = same.find(|(_, it)| {
                it.kind == Kind::Call && it.keys.from_tag == keys.from_tag && it.keys.cseq == keys.cseq
            });
            opened.map(|(slot, _)| (slot, Side::Caller))
        };
        match in_dialog {
            Some(found) if is_of_another(&found) => opened().or(in_dialog),
            Some(_) => in_dialog,
            None => self.attempt_of(keys, message).map(|slot| (slot, Side::Caller)),
        }
    }

    /// The attempt whose INVITE a response answers, when its To tag is not known yet.
    pub(crate) fn attempt_of(&self, keys: &Keys, message: &Message<'_>) -> Option<Slot> {
        let same = |attempt: &Attempt| attempt.kind == Kind::Call && attempt.keys.from_tag == keys.from_tag;
        let candidates = || self.table.with_call_id(keys.call_id).filter(|(_, attempt)| same(attempt));
        let mut all = candidates();
        let first = all.next()?;
        if all.next().is_none() {
            return Some(first.0);
        }
        // Two callers under one Call-ID and From tag are told apart by the branch of their INVITE.
        let branch = self.branch(message);
        let exact = candidates().find(|(_, attempt)| attempt.keys.branch == branch);
        // So are attempts that one caller makes one after the other, by their CSeq.
        let same_cseq = || candidates().find(|(_, attempt)| attempt.keys.cseq == keys.cseq);
        Some(exact.or_else(same_cseq).unwrap_or(first).0)
    }

    /// The transaction outside a dialog that a request repeats or a response answers.
    pub(crate) fn transaction_of(&self, keys: &Keys, method: Method) -> Option<Slot> {
        self.table
            .with_call_id(keys.call_id)
            .find(|(_, attempt)| attempt.kind == Kind::Request(method) && attempt.keys.cseq == keys.cseq)
            .map(|(slot, _)| slot)
    }

    /// The call whose refusal a request outside a dialog acknowledges, if it is the ACK to one.
    pub(crate) fn acknowledged(&self, keys: &Keys, method: Method, message: &Message<'_>) -> Option<Slot> {
        let slot = (method == Method::Ack).then(|| self.attempt_of(keys, message))??;
        self.table.attempt(slot).filter(|attempt| attempt.keys.from_tag == keys.from_tag).map(|_| slot)
    }

    /// The keys that every message is looked up by.
    #[inline]
    pub(crate) fn keys(&self, packet: &Packet<'_>, message: &Message<'_>) -> Keys {
        let cseq = message.cseq().map_or(0, |(number, _)| number);
        let call_id = match message.call_id() {
            call_id if !call_id.is_empty() => self.hash(call_id),
            // Without a Call-ID the source, the branch and CSeq must do; a response comes from the other end.
            _ => {
                let peer = if message.is_request() { packet.source } else { packet.destination };
                self.hasher.hash_one((WITHOUT_CALL_ID, peer, self.branch(message), cseq))
            }
        };
        let from_tag = message.from_tag().map_or(0, |tag| self.hash(tag));
        Keys { call_id, from_tag, cseq, ..Keys::default() }
    }

    /// The same for an INVITE that may open a call: only these are told apart by caller and branch.
    pub(crate) fn call_keys(&self, keys: Keys, message: &Message<'_>, from: Option<&NameAddr<'_>>) -> Keys {
        let caller = from.map_or(0, |from| self.caller_key(from.uri.user.unwrap_or(from.uri.host)));
        Keys { caller, branch: self.branch(message), ..keys }
    }

    fn branch(&self, message: &Message<'_>) -> u64 {
        message.branch().map_or(0, |branch| self.hash(branch))
    }

    /// What stands for the caller in the key of an attempt: the last digits of a number, so that a second tap behind
    /// a gateway that writes it in another form finds the same attempt; else the user part as it is.
    fn caller_key(&self, user: &[u8]) -> u64 {
        const DIGITS_COMPARED: usize = 9;
        let user = user.split(|&byte| byte == b';').next().unwrap_or_default();
        let mut digits = [0u8; DIGITS_COMPARED];
        let found = user.iter().rev().filter(|byte| byte.is_ascii_digit());
        let count = digits.iter_mut().zip(found).map(|(place, &digit)| *place = digit).count();
        if count >= 7 { self.hash(&digits) } else { self.hash(user) }
    }

    /// A hash of `text` by keys that no sender knows. The hasher takes the length in by itself.
    #[inline]
    pub(crate) fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish()
    }
}

/// Keys of a message that belongs to no dialog are drawn from a space of their own.
const WITHOUT_CALL_ID: u64 = 0x9e37_79b9_7f4a_7c15;
