//! Tables whose keys are keyed hashes already.

use std::hash::{BuildHasherDefault, Hasher};

/// Takes a key that is a keyed hash for the hash that it is.
#[derive(Clone, Debug, Default)]
pub struct AlreadyHashed(u64);

/// For maps with such keys, as [`Handled::call_id`](crate::Handled::call_id) is one.
pub type BuildAlreadyHashed = BuildHasherDefault<AlreadyHashed>;

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = self.0.rotate_left(29) ^ u64::from(value);
    }
}
