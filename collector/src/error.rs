//! Why a capture could not be opened, or ended early.

use std::{error, fmt, io};

use crate::capture::Kind;

/// Why nothing of a file was read.
#[derive(Debug)]
pub enum Error {
    /// The system refused to open or read it.
    Io {
        /// The file's name as it was given.
        name: String,
        /// What the system said.
        reason: io::Error,
    },
    /// It is no capture that can be read.
    Refused {
        /// The file's name as it was given.
        name: String,
        /// What it is instead.
        kind: Kind,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { name, reason } => write!(f, "{name} cannot be read: {reason}"),
            Self::Refused { name, kind } => {
                write!(f, "{name} is {}, not a pcap or pcapng capture; {}", kind.what(), kind.remedy())
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { reason, .. } => Some(reason),
            Self::Refused { .. } => None,
        }
    }
}

/// What is wrong with a capture that was read as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file's name as it was given.
    pub name: String,
    /// What was found, in words.
    pub what: String,
    /// The byte at which it stands (of the unpacked file, when it was compressed).
    pub byte: u64,
    /// How many frames had been read before.
    pub frames: u64,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = if self.frames == 1 { "frame" } else { "frames" };
        write!(f, "{}: {} at byte {}, after {} {frames}", self.name, self.what, self.byte, self.frames)
    }
}
