//! How whoever answers peers behaves where a policy has no say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::peer::{Allow, Peer, Peers};
use crate::answer::Request;
use crate::redress::Tokens;

/// All of it.
#[derive(Debug)]
pub struct Settings<A = Allow> {
    /// Who may ask.
    pub peers: Peers<A>,
    /// What is said to whoever is no peer.
    pub strangers: Strangers,
    /// What happens when more comes than can be judged.
    pub overload: Overload,
    /// What happens to a call on which judging fails inside.
    pub on_fault: Calls,
    /// Whether there is no policy and calls are refused until there is one.
    pub refuses_all: Arc<AtomicBool>,
    /// What tells a refused caller which call it was, where a policy's address has a place for it.
    pub tokens: Tokens,
}

impl<A> Settings<A> {
    /// What becomes of a call of `peer` that waited for so long, when there is no time to judge it.
    pub(crate) fn shed(
        &self,
        peer: &Peer<A>,
        request: &Request<'_, '_>,
        waited_micros: i64,
    ) -> Option<Calls> {
        let overload = &self.overload;
        if self.refuses_all.load(Ordering::Relaxed) && !request.may_be_emergency() {
            return Some(Calls::AreRefused);
        }
        let wait_max = if peer.trusted { overload.wait_micros_max } else { overload.wait_micros_max / 2 };
        if waited_micros <= wait_max || request.may_be_emergency() {
            return None;
        }
        Some(if peer.trusted { overload.trusted } else { Calls::AreRefused })
    }
}

/// What is said to a request from an address of no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// Nothing.
    Drop,
    /// 403, never longer than what was asked: nobody is worth flooding through us.
    Refuse,
}

/// What happens to calls that nobody could decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// They go on.
    Pass,
    /// They are refused, with a code that no block has.
    AreRefused,
}

/// When and how work is shed.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// How long a request may have waited in the socket, in microseconds. Past half of it calls of peers that are not
    /// trusted are shed, past all of it those of trusted ones too; never what may be an emergency call.
    pub wait_micros_max: i64,
    /// Seconds after which a refused peer may try again (RFC 3261 §20.33).
    pub retry_after_seconds: u32,
    /// What happens to the calls of trusted peers.
    pub trusted: Calls,
}
