//! What goes out to machines and by gateways: one function for each channel, and a loop over what is due.

pub mod chat;
mod http;
pub mod machines;
pub mod sms;
pub mod syslog;
pub mod webhook;

use std::fmt;

/// Why something did not go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// Whether trying again would lead to the same.
    pub permanent: bool,
    /// What was found, with what the other side said.
    pub why: String,
}

impl SendError {
    fn permanent(why: impl Into<String>) -> Self {
        Self { permanent: true, why: why.into() }
    }

    fn passing(why: impl Into<String>) -> Self {
        Self { permanent: false, why: why.into() }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for SendError {}
