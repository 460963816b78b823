//! A build that cannot check senders says so, and has nothing of what it takes.

use std::convert::Infallible;

use super::Asking;
use crate::intake::{Checks, Envelope};

/// Nobody: this build has no checker. That there is none is for this module to know, or the compiler would warn whoever uses it.
#[derive(Clone, Debug)]
pub struct Checker(Infallible);

impl Checker {
    /// # Errors
    /// Always: what it takes was not built in.
    pub fn new(_: &Asking) -> Result<Self, String> {
        Err("this build cannot check senders itself; `cargo build --features mail-auth` makes one that can"
            .to_owned())
    }

    /// Never called.
    pub async fn check(&self, _: &[u8], _: &Envelope) -> Checks {
        match self.0 {}
    }
}
