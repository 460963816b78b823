//! Certificates that were fetched, on disk: after a restart the first call of each signer is verified as well.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::Timestamp;
use stir::limits::{CERTIFICATES_MAX, CHAIN_BYTES_MAX, STALE_SECONDS};

/// A folder with a file for each address: two lines, address and time, and behind them what was fetched.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// By age.
    files: BTreeMap<(Timestamp, String), PathBuf>,
}

/// What one file holds.
pub(super) struct Stored {
    pub(super) address: String,
    pub(super) came: Timestamp,
    pub(super) bytes: Arc<[u8]>,
}

impl Store {
    /// The store in `folder` and what is in it at `now`; what is too old or cannot be read is removed.
    pub(super) fn open(folder: PathBuf, now: Timestamp) -> io::Result<(Self, Vec<Stored>)> {
        fs::create_dir_all(&folder)?;
        let mut store = Self { folder, files: BTreeMap::new() };
        let mut found = Vec::new();
        for entry in fs::read_dir(&store.folder)? {
            let path = entry?.path();
            let is_fresh =
                |stored: &Stored| (0..STALE_SECONDS * 1_000_000).contains(&now.micros_since(stored.came));
            match read(&path).filter(is_fresh) {
                Some(stored) => {
                    store.files.insert((stored.came, stored.address.clone()), path);
                    found.push(stored);
                }
                None => fs::remove_file(&path)?,
            }
        }
        Ok((store, found))
    }

    /// Keeps what came from `address`.
    pub(super) fn keep(&mut self, stored: &Stored) -> io::Result<()> {
        let path = self.folder.join(name(&stored.address));
        let beside = path.with_extension("new");
        let head = format!("{}\n{}\n", stored.address, stored.came.0);
        fs::write(&beside, [head.as_bytes(), &stored.bytes].concat())?;
        fs::rename(&beside, &path)?;
        self.files.retain(|_, known| *known != path);
        self.files.insert((stored.came, stored.address.clone()), path);
        while self.files.len() > CERTIFICATES_MAX {
            let Some((_, oldest)) = self.files.pop_first() else { break };
            fs::remove_file(oldest)?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Option<Stored> {
    if fs::metadata(path).ok()?.len() > 2 * CHAIN_BYTES_MAX as u64 {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let mut parts = bytes.splitn(3, |&byte| byte == b'\n');
    let mut line = || std::str::from_utf8(parts.next()?).ok();
    let (address, came) = (line()?.to_owned(), Timestamp(line()?.parse().ok()?));
    let is_named = path.file_name().is_some_and(|found| found == name(&address).as_str());
    is_named.then(|| Some(Stored { address, came, bytes: parts.next()?.into() })).flatten()
}

/// Addresses are written by strangers: a hash of one is a name that means nothing to a file system.
fn name(address: &str) -> String {
    let digest = stir::digest(address.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
