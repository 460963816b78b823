//! The version of a policy: a hash over all that decides.

use sha2::{Digest, Sha256};

/// SHA-256 over the text of a policy and every file it reads, each with its length before it.
#[derive(Default)]
pub(super) struct Version(Sha256);

impl Version {
    pub(super) fn of(text: &str) -> Self {
        let mut version = Self::default();
        version.add(text.as_bytes());
        version
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The hash in hexadecimal.
    pub(super) fn finish(self) -> String {
        use std::fmt::Write;
        self.0.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
