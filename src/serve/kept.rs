//! Policies that were good: copies under `--data`, so that a broken file or a lost list does not leave calls unjudged.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rules::policy::{self, Files, PolicySet};
use rules::{Policy, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::policies::Read;

/// One policy with all that it reads.
#[derive(Serialize, Deserialize)]
struct Copy {
    name: String,
    text: Vec<u8>,
    lists: BTreeMap<String, Vec<u8>>,
}

/// The folder of copies.
pub(super) struct Kept(PathBuf);

impl Kept {
    pub(super) fn new(data: &Path) -> Self {
        Self(data.join("policies"))
    }

    /// Keeps what `reads` read, and forgets all but the last [`KEPT_MAX`].
    pub(super) fn keep(&self, reads: &[Read], now: Timestamp) -> io::Result<()> {
        let copies = reads.iter().map(Copy::of).collect::<io::Result<Vec<_>>>()?;
        let body = postcard::to_allocvec(&copies).map_err(io::Error::other)?;
        let digest = Sha256::digest(&body);
        fs::create_dir_all(&self.0)?;
        let known = self.all()?;
        if known.first().is_some_and(|newest| fs::read(newest).is_ok_and(|kept| kept.starts_with(&digest))) {
            return Ok(());
        }
        let path = self.0.join(format!("{:020}.kept", now.0));
        let beside = path.with_extension("new");
        fs::write(&beside, [digest.as_slice(), &body].concat())?;
        fs::File::open(&beside)?.sync_all()?;
        fs::rename(&beside, &path)?;
        for old in known.iter().skip(KEPT_MAX - 1) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    /// The policies that were kept, the newest first, with the file that they come from. What cannot be read is passed
    /// over.
    pub(super) fn policies(&self) -> impl Iterator<Item = (PathBuf, PolicySet)> {
        let files = self.all().unwrap_or_default();
        files.into_iter().filter_map(|path| {
            let set = read(&fs::read(&path).ok()?)?;
            Some((path, set))
        })
    }

    /// The newest first.
    fn all(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.0)?.collect::<io::Result<Vec<_>>>()?;
        let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "kept"));
        files.sort();
        files.reverse();
        Ok(files)
    }
}

fn read(bytes: &[u8]) -> Option<PolicySet> {
    let (digest, body) = bytes.split_first_chunk::<32>()?;
    if *digest != *Sha256::digest(body) {
        return None;
    }
    let copies: Vec<Copy> = postcard::from_bytes(body).ok()?;
    let policies: Option<Vec<Policy>> = copies
        .iter()
        .map(|copy| {
            policy::read_bytes(&copy.name, &copy.text, copy, Timestamp::default()).policy.map(Policy::new)
        })
        .collect();
    policies.map(PolicySet::new)
}

impl Copy {
    fn of(read: &Read) -> io::Result<Self> {
        let folder = read.path.parent().unwrap_or_else(|| Path::new(""));
        let list = |name: &String| Ok((name.clone(), fs::read(folder.join(name))?));
        Ok(Self {
            name: read.path.display().to_string(),
            text: read.source.clone(),
            lists: read.lists.iter().map(list).collect::<io::Result<_>>()?,
        })
    }
}

impl Files for Copy {
    fn read(&self, relative_path: &str) -> io::Result<Vec<u8>> {
        self.lists.get(relative_path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Policies kept, the one in force among them.
const KEPT_MAX: usize = 5;
