//! What can go wrong with call records on disk.

use std::{fmt, io};

use parquet::errors::ParquetError;

/// Why call records cannot be read or written.
#[derive(Debug)]
pub enum Error {
    /// What was to be read or written, and what the system says.
    Place(String, io::Error),
    /// A file of records that is not as it was written, and what is wrong with it.
    Damaged(String, String),
    /// The list of files that count is not as it was written.
    Manifest(String, String),
    /// Another one writes here.
    Taken(String),
    /// A file that was to be read has been replaced meanwhile: whoever begins again finds its rows.
    Replaced(String),
}

impl Error {
    pub(super) fn place(name: &str) -> impl FnOnce(io::Error) -> Self {
        move |error| match error.kind() {
            io::ErrorKind::NotFound => Self::Replaced(name.to_owned()),
            _ => Self::Place(name.to_owned(), error),
        }
    }

    pub(super) fn damaged(name: &str) -> impl Fn(Wrong) -> Self {
        move |wrong| match wrong {
            Wrong::Parquet(ParquetError::External(error)) => match error.downcast::<io::Error>() {
                Ok(error) if error.kind() == io::ErrorKind::NotFound => Self::Replaced(name.to_owned()),
                Ok(error) => Self::Place(name.to_owned(), *error),
                Err(error) => Self::Damaged(name.to_owned(), error.to_string()),
            },
            Wrong::Parquet(error) => Self::Damaged(name.to_owned(), error.to_string()),
            Wrong::Said(what) => Self::Damaged(name.to_owned(), what),
        }
    }
}

/// What is wrong with one file, before anybody knows which.
#[derive(Debug)]
pub(super) enum Wrong {
    Parquet(ParquetError),
    Said(String),
}

impl From<ParquetError> for Wrong {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Parquet(ParquetError::External(Box::new(error)))
    }
}

impl From<&str> for Wrong {
    fn from(what: &str) -> Self {
        Self::Said(what.to_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(what, error) => write!(f, "{what}: {error}"),
            Self::Damaged(file, what) => write!(f, "{file} is not as it was written: {what}"),
            Self::Manifest(file, what) => {
                write!(f, "{file}, which says which files of records count: {what}")
            }
            Self::Taken(what) => write!(f, "{what}: another program writes call records here"),
            Self::Replaced(file) => {
                write!(f, "{file} is gone: it may have been replaced while it was to be read")
            }
        }
    }
}

impl std::error::Error for Error {}
