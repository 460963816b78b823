//! The keys of `[records]`: which calls are recorded, and where.

use std::path::PathBuf;

use records::io::Remote;
use serde::{Deserialize, Serialize};

/// What is kept of calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Records {
    pub(crate) calls: Recorded,
    pub(crate) copy: bool,
    pub(crate) store: bool,
    pub(crate) store_seconds: u32,
    pub(crate) snapshot_seconds: u32,
    pub(crate) bucket: BucketKeys,
}

/// A bucket in which something is kept, where it is in one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BucketKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    prefix: String,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorities: Option<PathBuf>,
}

impl Default for BucketKeys {
    fn default() -> Self {
        Self {
            name: None,
            endpoint: None,
            prefix: String::new(),
            region: "us-east-1".to_owned(),
            credentials_file: None,
            authorities: None,
        }
    }
}

impl BucketKeys {
    /// The files that it names.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.credentials_file.iter_mut().chain(&mut self.authorities)
    }

    /// What no key says alone; `table` is where they stand.
    pub(super) fn check(&self, table: &str) -> Result<(), String> {
        if self.name.is_some() != self.endpoint.is_some() {
            return Err(format!("`[{table}]` needs `name` and `endpoint`"));
        }
        self.remote().map_or(Ok(()), |remote| remote.check())
    }

    /// The bucket, if there is one.
    pub(crate) fn remote(&self) -> Option<Remote> {
        Some(Remote {
            endpoint: self.endpoint.clone()?,
            bucket: self.name.clone()?,
            prefix: self.prefix.clone(),
            region: self.region.clone(),
            credentials_file: self.credentials_file.clone(),
            authorities: self.authorities.clone(),
        })
    }
}

/// Which calls are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Recorded {
    All,
    Refused,
    None,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            calls: Recorded::All,
            copy: true,
            store: true,
            store_seconds: 60,
            snapshot_seconds: 1,
            bucket: BucketKeys::default(),
        }
    }
}

impl Records {
    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=3_600).contains(&self.store_seconds) {
            return Err("`store_seconds` is from 1 to 3600".to_owned());
        }
        self.bucket.check("records.bucket")
    }
}
