//! What is kept of a closed day: every partial in one value, good as long as its rows, its context and the definitions stay.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Figures;

/// Figures of one customer and day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What it was made from.
    pub made_from: MadeFrom,
    /// What was counted.
    pub figures: Figures,
}

/// What a summary was made from: where one of these changes, it no longer counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// Whose.
    pub customer: Option<String>,
    /// The day on the customer's clock, as 2026-11-01.
    pub day: String,
    /// Hash over the names of the files of its rows.
    pub inputs: String,
    /// [`Fingerprints::of`](super::Fingerprints::of) for that day.
    pub context: String,
    /// [`Figures::version`].
    pub definitions: String,
}

/// Summaries in a folder of their own.
#[derive(Clone, Debug)]
pub struct Shelf {
    root: PathBuf,
}

/// Why bytes are no summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSummary {
    /// Another program wrote them, or another version.
    Format,
    /// They are not as they were written.
    Damaged,
}

impl Summary {
    /// As bytes: a mark, the hash of the rest, the rest.
    ///
    /// # Errors
    /// It cannot be written, which plain data always can.
    pub fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        let body = postcard::to_allocvec(self)?;
        let mut bytes = MARK.to_vec();
        bytes.extend(Sha256::digest(&body));
        bytes.extend(body);
        Ok(bytes)
    }

    /// Reads what [`Summary::to_bytes`] wrote.
    ///
    /// # Errors
    /// It did not, or they were changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoSummary> {
        let rest = bytes.strip_prefix(MARK.as_slice()).ok_or(NoSummary::Format)?;
        let (hash, body) = rest.split_at_checked(32).ok_or(NoSummary::Damaged)?;
        if Sha256::digest(body).as_slice() != hash {
            return Err(NoSummary::Damaged);
        }
        postcard::from_bytes(body).map_err(|_| NoSummary::Format)
    }
}

impl Shelf {
    /// In `root`, which is made when the first is put there.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The figures that were made from exactly this; `None` where there are none, or none that can be read: then the day is
    /// scanned again.
    pub fn get(&self, made_from: &MadeFrom) -> Option<Figures> {
        let bytes = fs::read(self.file(made_from)).ok()?;
        let summary = Summary::from_bytes(&bytes).ok()?;
        (summary.made_from == *made_from).then_some(summary.figures)
    }

    /// Keeps `summary` in place of what was kept of its customer and day.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn put(&self, summary: &Summary) -> io::Result<()> {
        let file = self.file(&summary.made_from);
        let bytes = summary.to_bytes().map_err(io::Error::other)?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        // Whole or not at all; what a crash leaves half is known by its hash, and two who write at once write the same.
        let half = file.with_extension(format!("{}.new", std::process::id()));
        fs::write(&half, bytes)?;
        fs::rename(half, file)
    }

    /// Forgets all days of `customer`: for who erases a person.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub fn forget(&self, customer: Option<&str>) -> io::Result<()> {
        match fs::remove_dir_all(self.folder(customer)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets the days of `customer` before `day`, whose rows are gone: figures name the callers who called most. Returns how
    /// many there were.
    ///
    /// # Errors
    /// The folder cannot be read, or one cannot be removed.
    pub fn forget_before(&self, customer: Option<&str>, day: Date) -> io::Result<u64> {
        let entries = match fs::read_dir(self.folder(customer)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut forgotten = 0;
        for entry in entries {
            let path = entry?.path();
            let of = path.file_name().and_then(|name| name.to_str()?.split('.').next()?.parse::<Date>().ok());
            if of.is_some_and(|of| of < day) {
                fs::remove_file(&path)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    fn file(&self, made_from: &MadeFrom) -> PathBuf {
        self.folder(made_from.customer.as_deref()).join(format!("{}.summary", made_from.day))
    }

    /// By a hash, since a name may hold anything.
    fn folder(&self, customer: Option<&str>) -> PathBuf {
        let name = match customer {
            Some(customer) => hex(&Sha256::digest(customer.as_bytes())),
            None => "nobody".to_owned(),
        };
        self.root.join(name)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for NoSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "not a summary of this version",
            Self::Damaged => "the summary is not as it was written",
        })
    }
}

impl std::error::Error for NoSummary {}

const MARK: &[u8; 8] = b"RWSUM\x01\r\n";
