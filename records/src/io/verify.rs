//! Whether files are still as they were written.

use super::error::Error;
use super::file_reader::FileReader;
use super::manifest::Entry;
use super::place::Place;
use super::store::Store;

/// What a look at every file that counts gave.
#[derive(Debug, Default)]
pub struct Verified {
    /// Files that are as they were written.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong with the others.
    pub wrong: Vec<Error>,
}

impl Store {
    /// Reads every byte and every row of every file that counts.
    pub fn verify(&self) -> Verified {
        let mut verified = Verified::default();
        for entry in self.entries() {
            match check(&self.place, entry) {
                Ok(()) => {
                    verified.files += 1;
                    verified.rows += entry.rows;
                    verified.bytes += entry.bytes;
                }
                Err(error) => verified.wrong.push(error),
            }
        }
        verified
    }
}

/// Whether the file of `entry` is as it was written, and its rows are in order.
pub(super) fn check(place: &Place, entry: &Entry) -> Result<(), Error> {
    let name = place.say(&entry.file);
    let source = place.open(&entry.file).map_err(Error::place(&name))?;
    let damaged = |what: String| Err(Error::Damaged(name.clone(), what));
    if source.length() != entry.bytes {
        return damaged(format!("it has {} bytes of {}", source.length(), entry.bytes));
    }
    let mut hash = crc32fast::Hasher::new();
    let mut at = 0;
    while at < entry.bytes {
        let length = usize::try_from(entry.bytes - at).unwrap_or(usize::MAX).min(BYTES_AT_ONCE);
        let bytes = source.read(at, length).map_err(|error| Error::Place(name.clone(), error))?;
        hash.update(&bytes);
        at += length as u64;
    }
    let sum = hash.finalize();
    if sum != entry.crc32 {
        return damaged(format!("its CRC-32 is {sum:08x}, and was {:08x}", entry.crc32));
    }
    let file = FileReader::open(source).map_err(Error::damaged(&name))?;
    let mut rows = 0;
    let mut last = i64::MIN;
    for group in 0..file.groups() {
        let batch = file.read(group, file.columns()).map_err(Error::damaged(&name))?;
        rows += batch.len() as u64;
        if !batch.start.is_sorted() || batch.start.first().is_some_and(|first| *first < last) {
            return damaged("its rows are not in order".to_owned());
        }
        last = batch.start.last().copied().unwrap_or(last);
    }
    if rows != entry.rows {
        return damaged(format!("it has {rows} rows of {}", entry.rows));
    }
    Ok(())
}

const BYTES_AT_ONCE: usize = 1 << 20;
