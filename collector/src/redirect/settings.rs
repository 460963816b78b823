//! How a redirect server behaves where a policy has no say.

use std::sync::atomic::AtomicBool;

use super::peer::Peers;

/// All of it.
#[derive(Debug)]
pub struct Settings {
    /// Who may ask.
    pub peers: Peers,
    /// What is said to whoever is no peer.
    pub strangers: Strangers,
    /// What happens when more comes than can be judged.
    pub overload: Overload,
    /// What happens to a call on which judging fails inside.
    pub on_fault: Calls,
    /// Whether there is no policy and calls are refused until there is one.
    pub refuses_all: AtomicBool,
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
