//! How whoever answers peers behaves where a policy has no say.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::peer::{Allow, Peers};
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
    /// The status of refusals where [`Calls::AreRefused`] is what becomes of calls.
    pub refused_code: u16,
    /// What tells a refused caller which call it was, where a policy's address has a place for it.
    pub tokens: Tokens,
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
    /// They are refused, with [`Settings::refused_code`].
    AreRefused,
}

/// When and how work is shed.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// How long a request may have waited in the socket, in microseconds. Past a quarter of it OPTIONS about users are shed,
    /// past three eighths what opens no call, past half calls of peers that are not trusted, past all of it those of trusted
    /// ones too; never an emergency call.
    pub wait_micros_max: i64,
    /// Seconds after which a refused peer may try again (RFC 3261 §20.33).
    pub retry_after_seconds: u32,
    /// What happens to the calls of trusted peers.
    pub trusted: Calls,
}
