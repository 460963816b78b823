//! The store as whoever reads it sees it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use rules::Timestamp;

use super::error::Error;
use super::file_reader::FileReader;
use super::manifest::{Entry, Manifest};
use super::owner;
use super::place::Place;
use super::scan::{Scan, Wanted};
use crate::column::Columns;

/// Call records on disk, as they were when it was opened.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) place: Place,
    pub(super) manifest: Arc<Manifest>,
}

/// What there is of one customer and day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day in the customer's zone.
    pub day: Date,
    /// Rows.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Start of its first row.
    pub first: Timestamp,
    /// Start of its last row.
    pub last: Timestamp,
    /// Names of its files: as long as they are the same, so are the rows.
    pub files: Vec<String>,
}

impl Store {
    /// Opens what is in `place`; a folder that is not there holds nothing.
    ///
    /// # Errors
    /// What says which files count cannot be read.
    pub fn open(place: impl Into<Place>) -> Result<Self, Error> {
        let place = place.into().resolve()?;
        let manifest = Arc::new(Manifest::read(&place)?);
        Ok(Self { place, manifest })
    }

    /// The same store as it is now.
    ///
    /// # Errors
    /// What says which files count cannot be read.
    pub fn refresh(&mut self) -> Result<(), Error> {
        self.manifest = Arc::new(Manifest::read(&self.place)?);
        Ok(())
    }

    /// Customers of whom there is a row, in order of their names; `None` is nobody.
    pub fn customers(&self) -> impl Iterator<Item = Option<&str>> {
        self.manifest.files.keys().map(Option::as_deref)
    }

    /// Whether anybody has begun to write there; whatever other folder has nothing of a store.
    pub fn is_begun(&self) -> bool {
        self.manifest.number > 0
    }

    /// Files that count.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.manifest.entries().map(AsRef::as_ref)
    }

    /// The last event of the spool of this machine's service whose row is in a file.
    pub fn position(&self) -> u64 {
        self.manifest.position_of(&owner::known(&self.place))
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Lines of the spool that were no rows, since ever.
    pub fn aside(&self) -> u64 {
        self.manifest.aside
    }

    /// Bytes of each column in files that count, and of what stands around them.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn columns(&self) -> Result<BTreeMap<String, u64>, Error> {
        let mut columns: BTreeMap<String, u64> = BTreeMap::new();
        for entry in self.entries() {
            let name = self.place.say(&entry.file);
            let source = self.place.open(&entry.file).map_err(Error::place(&name))?;
            let file = FileReader::open(source).map_err(Error::damaged(&name))?;
            let mut around = entry.bytes;
            for chunk in file.metadata().row_groups().iter().flat_map(|group| group.columns()) {
                let bytes = u64::try_from(chunk.compressed_size()).unwrap_or_default();
                *columns.entry(chunk.column_descr().name().to_owned()).or_default() += bytes;
                around = around.saturating_sub(bytes);
            }
            *columns.entry(AROUND.to_owned()).or_default() += around;
        }
        Ok(columns)
    }

    /// Days of which there is a row that started in `during`, in order.
    pub fn days(&self, customer: Option<&str>, during: Range<Timestamp>) -> Vec<Day> {
        let days = self.manifest.files.get(&customer.map(str::to_owned)).into_iter().flatten();
        days.filter_map(|(day, files)| Day::of(*day, files))
            .filter(|day| day.first < during.end && day.last >= during.start)
            .collect()
    }

    /// Rows that started in `during`, in order of their start, with `columns`.
    pub fn scan(&self, customer: Option<&str>, during: Range<Timestamp>, columns: Columns) -> Scan {
        self.find(customer, during, columns, Wanted::default())
    }

    /// The same, only rows that `wanted` names. Parts of files that cannot have one are not read.
    pub fn find(
        &self,
        customer: Option<&str>,
        during: Range<Timestamp>,
        columns: Columns,
        wanted: Wanted,
    ) -> Scan {
        Scan::new(self, customer, during, (columns, wanted))
    }
}

impl Day {
    fn of(day: Date, files: &[Arc<Entry>]) -> Option<Self> {
        Some(Self {
            day,
            rows: files.iter().map(|entry| entry.rows).sum(),
            bytes: files.iter().map(|entry| entry.bytes).sum(),
            first: Timestamp(files.iter().map(|entry| entry.first).min()?),
            last: Timestamp(files.iter().map(|entry| entry.last).max()?),
            files: files.iter().map(|entry| entry.file.clone()).collect(),
        })
    }
}

/// What is no column: filters, statistics, the schema.
const AROUND: &str = "(around)";
