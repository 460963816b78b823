//! Bytes under their hash, so that a list that has not changed stands there once for all versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::outcome::Failure;
use crate::policies::Contents;
use crate::state;

/// Where the bytes of a policy and of all that it reads are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The hash of its text.
    text: String,
    /// The hashes of the files beside it, by the names it has for them.
    files: BTreeMap<String, String>,
}

impl Stored {
    /// Puts `contents` into `folder`.
    pub(crate) fn put(folder: &Path, contents: &Contents) -> Result<Self, Failure> {
        let files = contents.files.iter().map(|(name, bytes)| Ok((name.clone(), put(folder, bytes)?)));
        Ok(Self { text: put(folder, &contents.text)?, files: files.collect::<Result<_, Failure>>()? })
    }

    /// What stands there, called as `from` in messages.
    pub(crate) fn contents(&self, folder: &Path, from: &Path) -> Result<Contents, Failure> {
        let files = self.files.iter().map(|(name, hash)| Ok((name.clone(), Arc::new(read(folder, hash)?))));
        Ok(Contents {
            path: from.to_owned(),
            text: Arc::new(read(folder, &self.text)?),
            files: files.collect::<Result<_, Failure>>()?,
        })
    }

    /// All hashes.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.text.as_str()).chain(self.files.values().map(String::as_str))
    }
}

/// Puts `bytes` into `folder` and returns their hash.
pub(super) fn put(folder: &Path, bytes: &[u8]) -> Result<String, Failure> {
    let hash = hash(bytes);
    let path = place(folder, &hash);
    let is_there = fs::metadata(&path).is_ok_and(|data| data.len() == bytes.len() as u64);
    // Whoever wants it again keeps it from being forgotten.
    if is_there
        && fs::File::options().write(true).open(&path).is_ok_and(|file| file.set_modified(now()).is_ok())
    {
        return Ok(hash);
    }
    let within = folder.join("content");
    fs::create_dir_all(&within).map_err(Failure::file(&within))?;
    state::write_bytes(&path, bytes)?;
    Ok(hash)
}

/// What stands in `folder` under `hash`.
pub(super) fn read(folder: &Path, wanted: &str) -> Result<Vec<u8>, Failure> {
    let path = place(folder, wanted);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::Usage(format!("{} is no longer kept", path.display())));
        }
        Err(error) => return Err(Failure::File(path, error)),
    };
    if hash(&bytes) != wanted {
        return Err(Failure::Usage(format!("{} was changed: it is not what its name says", path.display())));
    }
    Ok(bytes)
}

/// The JSON file in `folder` that is called by this version.
pub(super) fn named(folder: &Path, version: &str) -> PathBuf {
    let plain: String = version.chars().filter(char::is_ascii_hexdigit).collect();
    folder.join(format!("{plain}.json"))
}

pub(super) fn place(folder: &Path, hash: &str) -> PathBuf {
    // A hash comes from a file, or over the socket: nothing in it leads elsewhere.
    let plain: String = hash.chars().filter(char::is_ascii_hexdigit).collect();
    folder.join("content").join(plain)
}

/// Forgets what is not `wanted` and was not put there lately.
pub(super) fn forget(folder: &Path, wanted: &BTreeSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder.join("content")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let is_wanted = entry.file_name().to_str().is_some_and(|name| wanted.contains(name));
        let age = entry.metadata()?.modified().ok().and_then(|at| now().duration_since(at).ok());
        if !is_wanted && age.is_some_and(|age| age > STAGED_MAX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A file of this process for bytes whose hash is not known yet.
pub(super) fn place_to_stage(folder: &Path) -> Result<PathBuf, Failure> {
    let within = folder.join("content");
    fs::create_dir_all(&within).map_err(Failure::file(&within))?;
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(within.join(format!("{}-{count}.staged", std::process::id())))
}

fn hash(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// `bytes` in hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[allow(clippy::disallowed_methods, reason = "files have their age by the system's clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// How long bytes may wait for the change that wants them.
const STAGED_MAX: Duration = Duration::from_secs(3_600);
