//! The beginning of a file of events, and its name.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;

use crate::disk::{Disk, DiskFile};
use crate::kind::Lane;
use crate::record::{checksum, take};

/// What a file of events says of itself, twice, so that one flipped bit does not cost the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The number of the first event that may stand in it. What the file before holds from this number on does not count.
    pub(crate) first_sequence: u64,
    /// Where the file before it ends.
    pub(crate) previous_end: u64,
    /// When its first event happened.
    pub(crate) first_at_micros: i64,
    /// What the checksums in it begin from.
    pub(crate) salt: u32,
}

impl Header {
    /// With a salt that nobody can guess.
    pub(crate) fn new(first_sequence: u64, previous_end: u64, first_at_micros: i64) -> Self {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(first_sequence);
        hasher.write_i64(first_at_micros);
        Self { first_sequence, previous_end, first_at_micros, salt: hasher.finish() as u32 }
    }

    /// Writes it into `file`.
    pub(crate) fn write(&self, file: &dyn DiskFile) -> io::Result<()> {
        let mut one = Vec::with_capacity(COPY_BYTES);
        one.extend_from_slice(MARK);
        one.extend_from_slice(&self.first_sequence.to_le_bytes());
        one.extend_from_slice(&self.previous_end.to_le_bytes());
        one.extend_from_slice(&self.first_at_micros.to_le_bytes());
        one.extend_from_slice(&self.salt.to_le_bytes());
        one.extend_from_slice(&checksum(&one, 0).to_le_bytes());
        one.resize(COPY_BYTES, 0);
        file.write_at(&one.repeat(2), 0)
    }

    /// Reads it from `file`. `None` when it is damaged, or was never finished.
    pub(crate) fn read(file: &dyn DiskFile) -> io::Result<Option<Self>> {
        let mut room = [0; 2 * COPY_BYTES];
        let count = file.read_at(&mut room, 0)?;
        let copies = room.get(..count).unwrap_or_default().chunks(COPY_BYTES);
        Ok(copies.into_iter().find_map(Self::parse))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if take(&mut rest)? != *MARK {
            return None;
        }
        let header = Self {
            first_sequence: u64::from_le_bytes(take(&mut rest)?),
            previous_end: u64::from_le_bytes(take(&mut rest)?),
            first_at_micros: i64::from_le_bytes(take(&mut rest)?),
            salt: u32::from_le_bytes(take(&mut rest)?),
        };
        let guarded = bytes.get(..bytes.len() - rest.len())?;
        (u32::from_le_bytes(take(&mut rest)?) == checksum(guarded, 0)).then_some(header)
    }
}

/// The name of file `number` of `lane`.
pub(crate) fn name(lane: Lane, number: u64) -> String {
    format!("{}-{number:012}.segment", lane.name())
}

/// The numbers of the files of `lane`, from the oldest on.
pub(crate) fn numbers(disk: &dyn Disk, lane: Lane) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = disk.names()?.iter().filter_map(|name| number(name, lane)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn number(name: &str, lane: Lane) -> Option<u64> {
    let (of, number) = name.strip_suffix(".segment")?.rsplit_once('-')?;
    (Lane::named(of)? == lane).then(|| number.parse().ok())?
}

/// Where the first event stands.
pub(crate) const START: u64 = 2 * COPY_BYTES as u64;
const COPY_BYTES: usize = 64;
const MARK: &[u8; 8] = b"rwspool1";
