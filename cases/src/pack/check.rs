//! Whether a pack is what the desk made: offline, by nothing but its bytes and, better, the desk's public key.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::archive::{self, Broken, Member};
use super::{AUDIT, CHANGES, FORMAT, KEY, MANIFEST, Manifest, OWN, SIGNATURE, sha256};
use crate::audit::{Link, Slice};
use crate::change::{Approval, Change, Verifier};

/// What was found in a pack that could be read.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it says of itself; `None` when that cannot be read.
    pub manifest: Option<Manifest>,
    /// What is wrong; nothing is wrong with a good one.
    pub findings: Vec<String>,
    /// Entries of the audit chain that were held against their hashes.
    pub entries: u64,
    /// The last of them: what a kept head, or the desk's own chain, can be asked for.
    pub last: Option<Link>,
}

/// What a file of [`CHANGES`] holds, as far as it can be checked.
#[derive(Deserialize)]
struct Shown {
    change: Change,
    approvals: Vec<Approval>,
}

/// Holds the pack in `bytes` against its own words and, when there is one, against `key`.
///
/// # Errors
/// It is no pack, or none that may be unpacked.
pub fn check(bytes: &[u8], key: Option<&Verifier>) -> Result<Checked, Broken> {
    let members = archive::read(bytes)?;
    let mut checked = Checked { manifest: None, findings: Vec::new(), entries: 0, last: None };
    let files: BTreeMap<&str, &Member> =
        members.iter().map(|member| (member.name.as_str(), member)).collect();
    let Some(text) = files.get(MANIFEST).map(|member| member.bytes.as_slice()) else {
        checked.find("it has no manifest.json: it says nothing of itself");
        return Ok(checked);
    };
    let manifest: Manifest = match serde_json::from_slice(text) {
        Ok(manifest) => manifest,
        Err(error) => {
            checked.find(&format!("manifest.json cannot be read: {error}"));
            return Ok(checked);
        }
    };
    if manifest.format != FORMAT {
        checked.find(&format!("it is of another kind than {FORMAT:?}: {:?}", manifest.format));
    }
    checked.signature(text, &manifest, &files, key);
    checked.listed(&manifest, &files);
    if members.iter().rev().zip(OWN.iter().rev()).any(|(member, name)| member.name != *name) {
        checked.find("its own files do not stand at its end");
    }
    checked.audit(&manifest, files.get(AUDIT).copied());
    let shown = files.iter().filter_map(|(name, member)| {
        name.strip_prefix(CHANGES)?.strip_suffix(".json").map(|hash| (hash, *member))
    });
    shown.for_each(|(hash, member)| checked.change(hash, &manifest, member));
    checked.manifest = Some(manifest);
    Ok(checked)
}

impl Checked {
    fn find(&mut self, sentence: &str) {
        self.findings.push(sentence.to_owned());
    }

    fn signature(
        &mut self,
        text: &[u8],
        manifest: &Manifest,
        files: &BTreeMap<&str, &Member>,
        key: Option<&Verifier>,
    ) {
        let own = |name: &str| {
            files.get(name).map(|member| String::from_utf8_lossy(&member.bytes).trim_end().to_owned())
        };
        let beside = own(KEY);
        if beside.as_deref() != Some(manifest.key.as_str()) {
            self.find("desk.pub is not the key that the manifest names");
        }
        let Ok(named) = Verifier::parse(&manifest.key) else {
            return self.find("the manifest names no key");
        };
        let Some(signature) = own(SIGNATURE) else {
            return self.find("it is not signed: manifest.sig is missing");
        };
        match key {
            Some(key) if *key != named => {
                self.find(&format!("it is signed by another key, {named}, than the one given, {key}"));
            }
            _ => {}
        }
        if !Manifest::is_signed(text, &signature, key.unwrap_or(&named)) {
            self.find("the signature does not fit the manifest");
        }
    }

    fn listed(&mut self, manifest: &Manifest, files: &BTreeMap<&str, &Member>) {
        for (name, listed) in &manifest.files {
            let Some(member) = files.get(name.as_str()) else {
                self.find(&format!("{name:?} is missing"));
                continue;
            };
            if member.bytes.len() as u64 != listed.size || sha256(&member.bytes) != listed.sha256 {
                self.find(&format!("{name:?} is not what was signed"));
            } else if sha256(&member.packed) != listed.packed_sha256 {
                self.find(&format!("{name:?} was packed anew"));
            }
        }
        let nobodys = files.keys().filter(|name| !manifest.files.contains_key(**name) && !OWN.contains(name));
        for name in nobodys.copied().collect::<Vec<_>>() {
            self.find(&format!("{name:?} is in it, and nobody signed it"));
        }
    }

    /// The slice is a chain without gaps, of this customer; what is shown whole fits its hash.
    fn audit(&mut self, manifest: &Manifest, member: Option<&Member>) {
        let Some(member) = member else { return };
        let mut slice = Slice::default();
        for (index, line) in member.bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let taken = serde_json::from_slice(line).map_err(|error| error.to_string()).and_then(|entry| {
                slice.take(&manifest.customer, &entry).map_err(|broken| broken.to_string())
            });
            if let Err(why) = taken {
                return self.find(&format!("{AUDIT}:{}: {why}", index + 1));
            }
        }
        self.entries = slice.entries();
        self.last = slice.last().cloned();
    }

    /// A change stands under its own hash, and so does each approval of it.
    fn change(&mut self, hash: &str, manifest: &Manifest, member: &Member) {
        let shown: Shown = match serde_json::from_slice(&member.bytes) {
            Ok(shown) => shown,
            Err(error) => return self.find(&format!("{:?} cannot be read: {error}", member.name)),
        };
        if shown.change.hash() != hash {
            self.find(&format!("{:?} holds another change than its name says", member.name));
        }
        if shown.change.customer != manifest.customer {
            self.find(&format!("{:?} is a change of another customer", member.name));
        }
        for approval in shown.approvals.iter().filter(|approval| approval.hash != hash) {
            self.find(&format!("{:?}: {:?} approved another change", member.name, approval.approver));
        }
    }
}
