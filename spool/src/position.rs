//! How far a consumer is.

use std::io;

use crate::disk::Disk;
use crate::error::Error;
use crate::limits::{NAME_BYTES_MAX, NOTE_BYTES_MAX};
use crate::record::{checksum, take};

/// How far a consumer is, and what it keeps beside that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Everything up to this number is dealt with.
    pub(crate) sequence: u64,
    /// What the consumer keeps beside it.
    pub(crate) note: Vec<u8>,
}

impl Position {
    /// That of `consumer`; `None` when it has none yet, or none that is whole.
    pub(crate) fn read(disk: &dyn Disk, consumer: &str) -> io::Result<Option<Self>> {
        let file = match disk.open(&file_name(consumer)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut room = vec![0; BYTES_MAX];
        let count = file.read_at(&mut room, 0)?;
        Ok(Self::parse(room.get(..count).unwrap_or_default()))
    }

    /// Keeps it. Whoever reads it finds the old one or this one, whole, whatever happens meanwhile.
    pub(crate) fn write(&self, disk: &dyn Disk, consumer: &str) -> io::Result<()> {
        let beside = format!("{consumer}.new");
        let mut bytes = MARK.to_vec();
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.note);
        bytes.extend_from_slice(&checksum(&bytes, 0).to_le_bytes());
        match disk.remove(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(&beside)?;
        let written = file.write_at(&bytes, 0).and_then(|()| file.sync());
        written.inspect_err(|_| {
            // The error that matters is the first one.
            let _ = disk.remove(&beside);
        })?;
        disk.rename(&beside, &file_name(consumer))?;
        disk.sync()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (guarded, mut sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        let mut rest = guarded;
        if take(&mut rest)? != *MARK || u32::from_le_bytes(take(&mut sum)?) != checksum(guarded, 0) {
            return None;
        }
        Some(Self { sequence: u64::from_le_bytes(take(&mut rest)?), note: rest.to_vec() })
    }
}

/// Whether a consumer may be called this.
pub(crate) fn check(consumer: &str) -> Result<(), Error> {
    let is_plain =
        consumer.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    match is_plain && (1..=NAME_BYTES_MAX).contains(&consumer.len()) {
        true => Ok(()),
        false => Err(Error::Name(consumer.to_owned())),
    }
}

pub(crate) fn file_name(consumer: &str) -> String {
    format!("{consumer}.position")
}

const BYTES_MAX: usize = NOTE_BYTES_MAX + 20;
const MARK: &[u8; 8] = b"rwpos001";
