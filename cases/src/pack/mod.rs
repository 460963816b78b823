//! What is known of one case as one signed file, for somebody who has nothing but that file: police, a carrier, the customer.

mod archive;
mod check;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::change::{Signer, Verifier};

pub use archive::{Broken, zip};
pub use check::{Checked, check};

/// What a pack says of itself: every file in it but this one, its signature and the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which kind of pack this is: [`FORMAT`].
    pub format: String,
    /// The number of the case.
    pub case: String,
    /// Whose case.
    pub customer: String,
    /// Whom the pack is for: what only the desk may see is not in one for a customer.
    pub audience: Audience,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// Who made it.
    pub made_by: String,
    /// The version of Ringwall that made it.
    pub version: String,
    /// The public half of the key that signed it.
    pub key: String,
    /// What is not in it, and why; a sentence each.
    pub left_out: Vec<String>,
    /// What is in it, by name.
    pub files: BTreeMap<String, Listed>,
}

/// One file as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
    /// Such as `application/json`.
    pub media_type: String,
    /// SHA-256 of its bytes as they stand compressed in the pack, so that no bit of the pack is without protection.
    pub packed_sha256: String,
}

/// For whose eyes a pack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// The desk, and whoever it gives everything.
    Desk,
    /// The customer.
    Customer,
}

/// A pack that is being filled.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    files: BTreeMap<String, (&'static str, Vec<u8>)>,
    left_out: Vec<String>,
}

/// What a pack is about, and who made it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The number of the case.
    pub case: &'a str,
    /// Whose case.
    pub customer: &'a str,
    /// Whom it is for.
    pub audience: Audience,
    /// When it is made, RFC 3339.
    pub made_at: &'a str,
    /// By whom.
    pub made_by: &'a str,
    /// The version of Ringwall.
    pub version: &'a str,
}

impl Pack {
    /// Puts `bytes` into it under `name`: lower-case letters, digits and `._-`, folders apart by `/`.
    pub fn put(&mut self, name: &str, media_type: &'static str, bytes: Vec<u8>) {
        self.files.insert(name.to_owned(), (media_type, bytes));
    }

    /// Says, in a sentence, that something is not in it.
    pub fn leave_out(&mut self, sentence: String) {
        self.left_out.push(sentence);
    }

    /// What is not in it.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What is in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// How many bytes its files have.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// The whole pack, signed. The same files, words and time give the same bytes.
    ///
    /// # Errors
    /// It is too large, or a name in it is none; in words.
    pub fn seal(self, about: About<'_>, signer: &Signer) -> Result<Vec<u8>, String> {
        let key = signer.verifier().to_string();
        let mut members = Vec::new();
        let mut files = BTreeMap::new();
        for (name, (media_type, bytes)) in self.files {
            if !archive::is_name(&name) || OWN.contains(&name.as_str()) {
                return Err(format!("{name:?} is no name for a file of a pack"));
            }
            let member = archive::Member::deflate(name.clone(), bytes)?;
            let listed = Listed {
                sha256: sha256(&member.bytes),
                size: member.bytes.len() as u64,
                media_type: media_type.to_owned(),
                packed_sha256: sha256(&member.packed),
            };
            files.insert(name, listed);
            members.push(member);
        }
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            case: about.case.to_owned(),
            customer: about.customer.to_owned(),
            audience: about.audience,
            made_at: about.made_at.to_owned(),
            made_by: about.made_by.to_owned(),
            version: about.version.to_owned(),
            key: key.clone(),
            left_out: self.left_out,
            files,
        };
        let text = manifest.text().map_err(|error| error.to_string())?;
        let signature = signer.sign(SIGNED, text.as_bytes()) + "\n";
        let own = [text, signature, key + "\n"];
        members
            .extend(OWN.iter().zip(own).map(|(name, text)| archive::Member::store((*name).to_owned(), text)));
        archive::write(&members)
    }
}

impl Manifest {
    /// It as JSON, always in the same words.
    fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Whether `signature` on `text` is by `key`.
    fn is_signed(text: &[u8], signature: &str, key: &Verifier) -> bool {
        key.is_of(SIGNED, text, signature)
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The kind of pack that this version makes and reads.
pub const FORMAT: &str = "ringwall pack 1";
/// The slice of the audit chain.
pub const AUDIT: &str = "audit/slice.jsonl";
/// Changes with what was shown and who approved stand in this folder, each named by its hash.
pub const CHANGES: &str = "changes/";

/// What the signature on a manifest is for.
const SIGNED: &str = "ringwall pack manifest";
const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.sig";
const KEY: &str = "desk.pub";
/// Written last, in this order, and not compressed.
const OWN: [&str; 3] = [MANIFEST, SIGNATURE, KEY];

#[cfg(test)]
mod tests;
