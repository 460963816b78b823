//! ES256 signatures, and what became of recent ones.

use std::collections::{HashMap, VecDeque};

use ring::digest::{Context, SHA256};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::limits::SIGNATURES_MAX;

/// An uncompressed point on P-256.
pub(crate) type Key = [u8; 65];
/// `r` and `s`.
pub(crate) type Signature = [u8; 64];

/// SHA-256.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&SHA256, bytes).as_ref());
    digest
}

/// What became of recent signatures: a call that several customers judge, or that comes again, is checked once.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    checked: HashMap<[u8; 32], bool>,
    order: VecDeque<[u8; 32]>,
}

/// One signature to be checked.
pub(crate) struct Check<'a> {
    pub(crate) key: &'a Key,
    pub(crate) text: &'a [u8],
    pub(crate) signature: &'a Signature,
}

impl Signatures {
    /// What is known of `check`.
    pub(crate) fn known(&self, check: &Check<'_>) -> Option<bool> {
        self.checked.get(&check.name()).copied()
    }

    /// Whether the signature fits. Remembers it.
    pub(crate) fn check(&mut self, check: &Check<'_>) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, check.key);
        let fits = key.verify(check.text, check.signature).is_ok();
        if self.order.len() >= SIGNATURES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.checked.remove(&oldest);
        }
        let name = check.name();
        self.order.push_back(name);
        self.checked.insert(name, fits);
        fits
    }
}

impl Check<'_> {
    /// Strangers choose what goes in, so only a hash that nobody can collide may stand for it. All but the text have one
    /// length.
    fn name(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(self.key);
        context.update(self.signature);
        context.update(self.text);
        let mut name = [0; 32];
        name.copy_from_slice(context.finish().as_ref());
        name
    }
}
