//! What goes wrong, in words for whoever runs it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why something could not be kept or read.
#[derive(Debug)]
pub enum Error {
    /// The system refused.
    Disk(PathBuf, io::Error),
    /// Another process writes into this folder.
    InUse(PathBuf),
    /// The spool has the size that it may have, and nothing in it may be given up for this.
    Full {
        /// Its size, in bytes.
        bytes_max: u64,
    },
    /// What was appended before is not on disk yet, and there is too much of it.
    Behind,
    /// An event is too long; its length in bytes.
    TooLong(usize),
    /// No consumer can be called this.
    Name(String),
}

impl Error {
    /// Whether the disk, or the share of it that is ours, has no room.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Disk(_, error) => {
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path, error) => write!(f, "{}: {error}", path.display()),
            Self::InUse(path) => write!(f, "another process writes the spool in {}", path.display()),
            Self::Full { bytes_max } => {
                write!(f, "the spool has its {bytes_max} bytes, and none of them can be given up")
            }
            Self::Behind => f.write_str("what was to be kept before is not on disk yet"),
            Self::TooLong(length) => write!(f, "an event of {length} bytes is too long to be kept"),
            Self::Name(name) => {
                write!(f, "{name:?} is no name of a consumer: letters a to z, digits and hyphens are")
            }
        }
    }
}

impl std::error::Error for Error {}

/// A stretch of a file that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where it begins.
    pub offset: u64,
    /// How long it is: up to the next event that is as it was written.
    pub bytes: u64,
    /// The number of the event that stood there, if that can still be read.
    pub sequence: Option<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, bytes, sequence } = self;
        write!(f, "{}: {bytes} bytes at {offset} are not what was written", path.display())?;
        match sequence {
            Some(sequence) => write!(f, "; event {sequence} is lost"),
            None => f.write_str("; what stood there is lost"),
        }
    }
}
