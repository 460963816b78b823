//! The parts of a key with their names, as bytes that outlive a restart.

use rules::policy::ips::Key;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<S: Serializer>(key: &[(&'static str, String)], to: S) -> Result<S::Ok, S::Error> {
    key.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<(&'static str, String)>, D::Error> {
    let parts = Vec::<(String, String)>::deserialize(from)?;
    let named = parts.into_iter().map(|(name, value)| {
        // `caller_block:N` is told as `caller_block`.
        let known = Key::WORDS.iter().map(|word| word.split(':').next().unwrap_or(word));
        let name = known.into_iter().find(|word| *word == name);
        name.map(|name| (name, value)).ok_or_else(|| D::Error::custom("unknown part of a key"))
    });
    named.collect()
}
