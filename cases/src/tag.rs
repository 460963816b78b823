//! What tells an object without a version from what it was before.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// 16 hexadecimal digits over what is in `value`.
pub(crate) fn tag_of(value: &impl Serialize) -> String {
    let text = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
