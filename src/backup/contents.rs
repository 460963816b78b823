//! What a backup says of itself, and whether its files are still those that were written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::outcome::Failure;
use crate::versions::hexadecimal;

/// The list of files in a backup, in the file of this name.
pub(super) const NAME: &str = "backup.json";
/// The database, copied.
pub(super) const DATABASE: &str = "cases.db";
/// The database of a server, as pg_dump writes it.
pub(super) const DUMP: &str = "cases.dump";
/// Alerts that were in the spool, and not in cases yet.
pub(super) const ALERTS: &str = "alerts-waiting.jsonl";
/// The configuration.
pub(super) const CONFIGURATION: &str = "configuration.toml";

/// When the desk is open, where the configuration names a file that says so.
pub(super) const HOURS: &str = "service-hours.toml";

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) format: String,
    /// RFC 3339.
    pub(super) made_at: String,
    pub(super) version: String,
    /// The number up to which events of the spool are in the database.
    pub(super) spool_position: u64,
    /// How far readers of the spool were, by name: of use only beside that spool.
    pub(super) readers: BTreeMap<String, u64>,
    /// SHA-256 in hexadecimal, by path.
    pub(super) files: BTreeMap<String, String>,
}

impl Contents {
    /// Of the backup in `folder`, whose files are all there, and as they were written.
    pub(super) fn check(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failure::Usage(format!("{} is no backup: it has no {NAME}", folder.display())));
            }
            text => text.map_err(Failure::file(&path))?,
        };
        let contents: Self = serde_json::from_slice(&text)
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        if contents.format != FORMAT {
            return Err(Failure::Usage(format!(
                "{} is of another kind: {:?}",
                path.display(),
                contents.format
            )));
        }
        let mut there = files(folder)?;
        there.retain(|name| name != NAME);
        if let Some(name) = contents.files.keys().find(|name| !there.contains(name)) {
            return Err(Failure::Usage(format!("{name:?} is missing in {}", folder.display())));
        }
        for name in there {
            let Some(hash) = contents.files.get(&name) else {
                return Err(Failure::Usage(format!(
                    "{name:?} is no part of the backup in {}",
                    folder.display()
                )));
            };
            if self::hash(&folder.join(&name))? != *hash {
                return Err(Failure::Usage(format!(
                    "{name:?} in {} is damaged or was changed",
                    folder.display()
                )));
            }
        }
        Ok(contents)
    }
}

/// Paths of all files under `folder`, in order. Links are no files: nothing is read through them.
pub(super) fn files(folder: &Path) -> Result<Vec<String>, Failure> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(within) = open.pop() {
        let place = folder.join(&within);
        for entry in fs::read_dir(&place).map_err(Failure::file(&place))? {
            let entry = entry.map_err(Failure::file(&place))?;
            let kind = entry.file_type().map_err(Failure::file(&place))?;
            let path = within.join(entry.file_name());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let Some(name) = path.to_str() else {
                    return Err(Failure::Usage(format!("{}: a name that is not UTF-8", path.display())));
                };
                found.push(name.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// SHA-256 of a file, however large.
pub(super) fn hash(path: &Path) -> Result<String, Failure> {
    let read = || {
        let (mut file, mut digest) = (File::open(path)?, Sha256::new());
        let mut room = vec![0; 1 << 20];
        loop {
            match file.read(&mut room)? {
                0 => return Ok(hexadecimal(&digest.finalize())),
                count => digest.update(room.get(..count).unwrap_or_default()),
            }
        }
    };
    read().map_err(Failure::file(path))
}

pub(super) const FORMAT: &str = "ringwall backup 1";
