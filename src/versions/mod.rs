//! Numbered versions of installed policies under `--data`: who changed what, when and why, and the bytes of each.
//!
//! `policies/versions.jsonl` has a line for each change. A change is in force once its line is whole and on disk; what it
//! refers to is on disk before. So whatever ends the process in between leaves the old state or the new one.

mod content;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cases::change::Permit;
use rules::Timestamp;
use rules::policy::PolicySet;
use serde::{Deserialize, Serialize};

pub(crate) use content::{Stored, hexadecimal};

use crate::admission::{look, look_read};
use crate::changes::Offered;
use crate::outcome::Failure;
use crate::permits::Permits;
use crate::policies::{self, Contents};
use crate::state;

/// One change, as it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// From 1, without gaps.
    pub(crate) number: u64,
    /// When, RFC 3339.
    pub(crate) at: String,
    /// Which way it was made.
    pub(crate) how: How,
    /// What was changed, in words.
    pub(crate) what: String,
    /// Who answers for it.
    pub(crate) by: String,
    /// Why.
    pub(crate) why: String,
    /// The version that it undoes, made by `policy rollback` without a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undoes: Option<u64>,
    /// The policies that it changed.
    pub(crate) policies: Vec<Changed>,
}

/// Which way a change was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// By `policy install`.
    Install,
    /// By `policy rollback`.
    Rollback,
    /// By `policy release`: files of the configuration hold again.
    Release,
    /// By `list add`, `remove` or `import`.
    List,
}

/// What a change made of one customer's policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Changed {
    /// Whose policy.
    pub(crate) customer: String,
    /// Its version from then on; `None` when it was released.
    pub(crate) version: Option<String>,
    /// The file that it came from.
    pub(crate) from: PathBuf,
    /// Its bytes; `None` when they stand in the files that it came from, and not here.
    pub(crate) stored: Option<Stored>,
}

/// The versions under one `--data`.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    folder: PathBuf,
}

/// The same while nobody else may change them.
pub(crate) struct Writing<'a> {
    versions: &'a Versions,
    /// Held as long as it is open.
    _lock: File,
}

impl How {
    /// In one word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Rollback => "rollback",
            Self::Release => "release",
            Self::List => "list",
        }
    }
}

impl Versions {
    pub(crate) fn of(data: &Path) -> Self {
        Self { folder: data.join("policies") }
    }

    /// Where the changes stand.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("versions.jsonl")
    }

    /// All changes, the oldest first.
    pub(crate) fn all(&self) -> Result<Vec<Version>, Failure> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::File(path, error)),
        };
        let lines = whole(&bytes).split_inclusive(|byte| *byte == b'\n');
        (1..)
            .zip(lines)
            .map(|(number, line)| {
                serde_json::from_slice(line)
                    .map_err(|error| Failure::Usage(format!("{}:{number}: {error}", path.display())))
            })
            .collect()
    }

    /// Whether a change made the policy of `customer` this `policy`, and stands.
    pub(crate) fn was_made(&self, customer: &str, policy: &str) -> Result<bool, Failure> {
        let all = self.all()?;
        let is_it =
            |changed: &Changed| changed.customer == customer && changed.version.as_deref() == Some(policy);
        let mut made = all.iter().filter(|version| version.undoes.is_none());
        Ok(made.any(|version| {
            version.policies.iter().any(is_it) && all.iter().all(|other| other.undoes != Some(version.number))
        }))
    }

    /// Keeps others from changing anything until what is returned is gone.
    pub(crate) fn lock(&self) -> Result<Writing<'_>, Failure> {
        let lock = self.file("lock")?;
        lock.lock().map_err(Failure::file(&self.folder.join("lock")))?;
        Ok(Writing { versions: self, _lock: lock })
    }

    /// Keeps a service and a terminal from making, or taking back, authorised changes at once, until what is returned is gone.
    /// Either asks the service to change policies meanwhile.
    pub(crate) fn turn(&self) -> Result<File, Failure> {
        let path = self.folder.join("turn");
        let file = self.file("turn")?;
        for _ in 0..TRIES_MAX {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(Failure::file(&path)(error)),
            }
        }
        // A terminal that was stopped in the middle keeps nobody for ever.
        Err(Failure::Usage("somebody else makes a change and does not end: try again".to_owned()))
    }

    fn file(&self, name: &str) -> Result<File, Failure> {
        fs::create_dir_all(&self.folder).map_err(Failure::file(&self.folder))?;
        let path = self.folder.join(name);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        lock.map_err(Failure::file(&path))
    }

    /// The bytes of `changed`, as they were stored.
    pub(crate) fn contents(&self, changed: &Changed) -> Result<Contents, Failure> {
        let Some(stored) = &changed.stored else {
            return Err(Failure::Usage(format!(
                "that version of {} stood in {}, and is not kept here",
                changed.customer,
                changed.from.display()
            )));
        };
        stored.contents(&self.folder, &changed.from)
    }

    /// What is stored under the hash `hash`.
    pub(crate) fn bytes(&self, hash: &str) -> Result<Vec<u8>, Failure> {
        content::read(&self.folder, hash)
    }

    /// The bytes of `offered`.
    pub(crate) fn offered(&self, offered: &Offered) -> Result<Contents, Failure> {
        offered.stored.contents(&self.folder, &offered.from)
    }

    /// What was drafted as this version.
    pub(crate) fn draft(&self, version: &str) -> Result<Option<Offered>, Failure> {
        let path = content::named(&self.folder.join(DRAFTS), version);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::File(path, error)),
        }
    }

    /// All drafts with their files, the newest first; one that cannot be read is passed over.
    fn drafts(&self) -> io::Result<Vec<(PathBuf, Offered)>> {
        let entries = match fs::read_dir(self.folder.join(DRAFTS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?.collect::<io::Result<Vec<_>>>()?,
        };
        let mut drafts: Vec<_> = entries
            .into_iter()
            .filter_map(|entry| {
                let offered = serde_json::from_slice(&fs::read(entry.path()).ok()?).ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path(), offered))
            })
            .collect();
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.0));
        Ok(drafts.into_iter().map(|(_, path, offered)| (path, offered)).collect())
    }

    /// Where what has the hash `hash` is stored.
    pub(crate) fn place(&self, hash: &str) -> PathBuf {
        content::place(&self.folder, hash)
    }
}

/// The policies that are installed after `all` changes, by customer, each with the number of its version.
pub(crate) fn installed(all: &[Version]) -> BTreeMap<&str, (u64, &Changed)> {
    let mut installed = BTreeMap::new();
    for version in all {
        for changed in &version.policies {
            if changed.stored.is_some() {
                installed.insert(changed.customer.as_str(), (version.number, changed));
            } else if version.how != How::List {
                installed.remove(changed.customer.as_str());
            }
        }
    }
    installed
}

/// What a service in `data` judges by whose configuration names the policy files `paths`: what is installed comes first.
/// Mistakes are said on stderr.
pub(crate) fn judged_by(data: &Path, paths: &[PathBuf]) -> Result<PolicySet, Failure> {
    let versions = Versions::of(data);
    let all = versions.all()?;
    let mut left = installed(&all);
    let mut found = Vec::new();
    for path in paths {
        let text = fs::read(path).map_err(Failure::file(path))?;
        let customer = Contents::customer(&text);
        found.push(match customer.and_then(|customer| left.remove(customer.as_str())) {
            Some((_, changed)) => look(versions.contents(changed)?),
            None => look_read(policies::read(path, Timestamp::default())?),
        });
    }
    for (_, changed) in left.values() {
        found.push(look(versions.contents(changed)?));
    }
    let admitted = found.into_iter().map(|admitted| {
        admitted.map_err(|refused| {
            refused.say();
            Failure::Said
        })
    });
    let policies = admitted.map(|admitted| Ok(admitted?.into_parts().1)).collect::<Result<_, Failure>>()?;
    Ok(PolicySet::new(policies))
}

impl Writing<'_> {
    /// Stores `contents`. Durable once [`append`](Self::append) has come back.
    pub(crate) fn store(&self, contents: &Contents) -> Result<Stored, Failure> {
        Stored::put(&self.versions.folder, contents)
    }

    /// Stores bytes that are not yet part of any version; they go by themselves after an hour.
    pub(crate) fn stage(&self, bytes: &[u8]) -> Result<String, Failure> {
        content::put(&self.versions.folder, bytes)
    }

    /// Keeps a permit of the desk, so that what comes into force by it is in force after a restart as well.
    pub(crate) fn keep_permit(&self, permit: &Permit) -> Result<(), Failure> {
        Permits::keep(&self.versions.folder, permit)
    }

    /// Keeps what is drafted, so that it can be installed under its version once it is approved. Bytes of drafts stay as long as
    /// the newest [`DRAFTS_MAX`] want them.
    pub(crate) fn keep_draft(&self, version: &str, offered: &Offered) -> Result<(), Failure> {
        let folder = self.versions.folder.join(DRAFTS);
        fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
        let path = content::named(&folder, version);
        let text = serde_json::to_vec(offered).map_err(|error| Failure::File(path.clone(), error.into()))?;
        state::write_bytes(&path, &text)?;
        let old = self.versions.drafts().map_err(Failure::file(&folder))?;
        for (path, _) in old.into_iter().skip(DRAFTS_MAX) {
            fs::remove_file(&path).map_err(Failure::file(&path))?;
        }
        Ok(())
    }

    /// A file for bytes that are not yet part of any version; it goes by itself after an hour.
    pub(crate) fn place_to_stage(&self) -> Result<PathBuf, Failure> {
        content::place_to_stage(&self.versions.folder)
    }

    /// Makes `version` the last one: what it says holds once this has come back without an error.
    pub(crate) fn append(&self, version: &Version) -> Result<(), Failure> {
        let path = self.versions.path();
        let append = || {
            let is_new = !path.exists();
            let mut file =
                OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
            // What a crash left of a line that never was is not to spoil this one.
            let length = whole(&fs::read(&path)?).len() as u64;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            let mut line = serde_json::to_vec(version)?;
            line.push(b'\n');
            let written = file.write_all(&line).and_then(|()| file.sync_all());
            if written.is_err() {
                file.set_len(length)?;
                return written;
            }
            if is_new { File::open(&self.versions.folder)?.sync_all() } else { Ok(()) }
        };
        append().map_err(Failure::file(&path))
    }

    /// Forgets bytes that nobody can want any more: all but those of what is installed, of `others`, and of the last
    /// versions, as many as fit into [`KEPT_BYTES_MAX`] but at least [`KEPT_MIN`].
    pub(crate) fn tidy(&self, all: &[Version], others: &BTreeSet<String>) -> io::Result<()> {
        let mut wanted: BTreeSet<String> = others.clone();
        for (_, draft) in self.versions.drafts()? {
            wanted.extend(draft.stored.hashes().map(str::to_owned));
        }
        for (_, changed) in installed(all).values() {
            wanted.extend(changed.stored.iter().flat_map(Stored::hashes).map(str::to_owned));
        }
        let mut bytes = 0;
        for (index, version) in all.iter().rev().enumerate() {
            let of_version = version.policies.iter().filter_map(|changed| changed.stored.as_ref());
            let new: BTreeSet<&str> =
                of_version.flat_map(Stored::hashes).filter(|hash| !wanted.contains(*hash)).collect();
            let sizes = new.iter().filter_map(|hash| fs::metadata(self.versions.place(hash)).ok());
            bytes += sizes.map(|data| data.len()).sum::<u64>();
            if index >= KEPT_MIN && bytes > KEPT_BYTES_MAX {
                break;
            }
            wanted.extend(new.into_iter().map(str::to_owned));
        }
        content::forget(&self.versions.folder, &wanted)
    }
}

/// `bytes` up to the end of the last whole line.
fn whole(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The folder of drafts.
const DRAFTS: &str = "drafts";
/// Drafts whose bytes are kept.
const DRAFTS_MAX: usize = 200;
/// Versions whose bytes are kept whatever they take.
const KEPT_MIN: usize = 5;
/// Bytes that older versions may take.
const KEPT_BYTES_MAX: u64 = 256 << 20;
/// Tries for a turn, 20 seconds of them.
const TRIES_MAX: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(20);
