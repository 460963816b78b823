//! Lists that are fetched: what is known of each under `--data`, and what is kept aside until a person has looked at it.

mod fetch;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::changes::{ListChange, Wish};
use crate::outcome::Failure;
use crate::state;
use crate::versions::Versions;

pub(crate) use fetch::{Fetched, Wanted};

/// What is known of one feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Known {
    /// Where it was fetched from: another place knows nothing of these marks.
    pub(crate) url: String,
    /// Marks of what was fetched last, to ask whether there is anything new.
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// When somebody looked last and found it, and when it was changed last, RFC 3339.
    pub(crate) seen: Option<String>,
    pub(crate) changed: Option<String>,
    /// Why the last look failed.
    pub(crate) failed: Option<String>,
    /// What is kept aside.
    pub(crate) aside: Option<Aside>,
}

/// Something that was fetched and is not in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Aside {
    /// When it was fetched, RFC 3339.
    pub(crate) at: String,
    /// Why it is not in force.
    pub(crate) why: String,
    /// Which list it would become, and whose.
    pub(crate) list: String,
    pub(crate) customer: Option<String>,
}

/// The files of feeds under one `--data`.
#[derive(Clone, Debug)]
pub(crate) struct Feeds(PathBuf);

impl Feeds {
    pub(crate) fn of(data: &Path) -> Self {
        Self(data.join("feeds"))
    }

    /// What is known of `name`; nothing when that cannot be read.
    pub(crate) fn known(&self, name: &str) -> Known {
        fs::read(self.note(name))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Notes what is known of `name`.
    pub(crate) fn keep(&self, name: &str, known: &Known) -> Result<(), Failure> {
        fs::create_dir_all(&self.0).map_err(Failure::file(&self.0))?;
        let bytes = serde_json::to_vec_pretty(known).map_err(|error| Failure::Output(error.into()))?;
        state::write_bytes(&self.note(name), &bytes)
    }

    /// All names.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::File(self.0.clone(), error)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Where something that is being fetched is put.
    pub(crate) fn incoming(&self, name: &str) -> Result<PathBuf, Failure> {
        fs::create_dir_all(&self.0).map_err(Failure::file(&self.0))?;
        Ok(self.0.join(format!("{name}.incoming")))
    }

    /// Keeps the stored `entries` aside.
    pub(crate) fn put_aside(&self, name: &str, entries: &str, versions: &Versions) -> Result<(), Failure> {
        let to = self.aside(name);
        fs::copy(versions.place(entries), &to).map(drop).map_err(Failure::file(&to))
    }

    /// Forgets what is kept aside.
    pub(crate) fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.aside(name));
    }

    /// The change that what is kept aside of `name` comes to.
    pub(crate) fn accepted(&self, name: &str, versions: &Versions) -> Result<ListChange, Failure> {
        let is_name =
            name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
        let known = if is_name { self.known(name) } else { Known::default() };
        let Some(aside) = known.aside else {
            return Err(Failure::Usage(format!("nothing of a feed {name:?} is kept aside")));
        };
        let path = self.aside(name);
        let bytes = fs::read(&path).map_err(Failure::file(&path))?;
        let entries = versions.lock()?.stage(&bytes)?;
        Ok(ListChange {
            list: aside.list,
            customer: aside.customer,
            wish: Wish::Replace,
            entries,
            limits: None,
        })
    }

    fn note(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.aside"))
    }
}
