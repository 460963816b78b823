//! How a command ends, and what it says when it cannot go on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Done,
    /// Exit code 1: it found something wrong.
    Findings,
    /// Exit code 2: something could not be read or written; the rest was done.
    Refused,
}

/// Why a command could not go on: exit code 2.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file could not be read or written.
    File(PathBuf, io::Error),
    /// Standard output could not be written.
    Output(io::Error),
    /// The arguments do not fit together, or name something that is not there.
    Usage(String),
    /// It was all said already.
    Said,
}

impl Failure {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::File(path.to_owned(), error)
    }

    /// Says it on stderr. A reader of our output that went away (`| head`) is no failure to talk about.
    pub(crate) fn report(self) -> ExitCode {
        match &self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Self::Said => {}
            _ => eprintln!("ringwall: {self}"),
        }
        ExitCode::from(2)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Output(error) => write!(f, "cannot write: {error}"),
            Self::Usage(sentence) => f.write_str(sentence),
            Self::Said => Ok(()),
        }
    }
}
