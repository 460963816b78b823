//! Policies that were good: noted under `--data`, so that a broken file or a lost list does not leave calls unjudged.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::admission::{Admission, Admitted, Door};
use crate::outcome::Failure;
use crate::policies::Contents;
use crate::versions::{Stored, Versions, Writing};

/// One policy with all that it reads.
#[derive(Serialize, Deserialize)]
struct Copy {
    name: PathBuf,
    stored: Stored,
}

/// The notes of sets of policies, and the bytes that they refer to.
pub(crate) struct Kept {
    folder: PathBuf,
    versions: Versions,
    admission: Admission,
}

impl Kept {
    pub(crate) fn new(data: &Path, admission: Admission) -> Self {
        Self { folder: data.join("policies"), versions: Versions::of(data), admission }
    }

    /// Keeps `all`, and forgets all but the last [`KEPT_MAX`] sets.
    pub(super) fn keep<'a>(
        &self,
        all: impl Iterator<Item = &'a Contents>,
        writing: &Writing<'_>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let copies =
            all.map(|contents| Ok(Copy { name: contents.path.clone(), stored: writing.store(contents)? }));
        let copies = copies.collect::<Result<Vec<_>, Failure>>()?;
        self.note(&copies, now).map_err(Failure::file(&self.folder))?;
        let hashes = self.all().map_err(Failure::file(&self.folder))?;
        let hashes: BTreeSet<String> = hashes
            .iter()
            .filter_map(|path| copies_in(&fs::read(path).ok()?))
            .flatten()
            .flat_map(|copy| copy.stored.hashes().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        writing.tidy(&self.versions.all()?, &hashes).map_err(Failure::file(&self.folder))
    }

    fn note(&self, copies: &[Copy], now: Timestamp) -> io::Result<()> {
        let body = postcard::to_allocvec(copies).map_err(io::Error::other)?;
        let digest = Sha256::digest(&body);
        let known = self.all()?;
        if known.first().is_some_and(|newest| fs::read(newest).is_ok_and(|kept| kept.starts_with(&digest))) {
            return Ok(());
        }
        let path = self.folder.join(format!("{:020}.kept", now.0));
        let beside = path.with_extension("new");
        fs::write(&beside, [digest.as_slice(), &body].concat())?;
        fs::File::open(&beside)?.sync_all()?;
        fs::rename(&beside, &path)?;
        for old in known.iter().skip(KEPT_MAX - 1) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    /// The policies that were kept, the newest first, with the file that notes them. What cannot be read is passed over.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (PathBuf, Vec<Admitted>)> {
        let files = self.all().unwrap_or_default();
        files.into_iter().filter_map(|path| {
            let set = self.read(&fs::read(&path).ok()?)?;
            Some((path, set))
        })
    }

    fn read(&self, bytes: &[u8]) -> Option<Vec<Admitted>> {
        let copies = copies_in(bytes)?;
        let admitted = copies.iter().map(|copy| {
            let contents = copy.stored.contents(&self.folder, &copy.name).ok()?;
            self.admission.admit(contents, Door::Present, Timestamp::default()).ok()
        });
        admitted.collect()
    }

    /// The newest first.
    fn all(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.folder)?.collect::<io::Result<Vec<_>>>()?;
        let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "kept"));
        files.sort();
        files.reverse();
        Ok(files)
    }
}

fn copies_in(bytes: &[u8]) -> Option<Vec<Copy>> {
    let (digest, body) = bytes.split_first_chunk::<32>()?;
    if *digest != *Sha256::digest(body) {
        return None;
    }
    postcard::from_bytes(body).ok()
}

/// Policies kept, the one in force among them.
const KEPT_MAX: usize = 5;
