//! How far everything is on disk: what readers may be handed, in a file that the writer writes with each commit.

use std::io;

use crate::disk::{Disk, DiskFile};
use crate::kind::{Each, Lane};
use crate::record::{checksum, take};

/// How far everything is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How often it was written: the newer of two is the one with more.
    pub(crate) writes: u64,
    /// Everything up to this number.
    pub(crate) sequence: u64,
    /// The highest number that was given to an event: more than `sequence` while a lane fails and others do not.
    pub(crate) given: u64,
    /// Where what is on disk ends, of each lane.
    pub(crate) ends: Each<End>,
}

/// A place behind the last event of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// The number of the file; 0 when there was never one.
    pub(crate) segment: u64,
    /// The place in it.
    pub(crate) offset: u64,
}

impl Mark {
    /// The newest in the folder of `disk`; `None` when there is none that is whole.
    pub(crate) fn read(disk: &dyn Disk) -> io::Result<Option<Self>> {
        match disk.open(NAME) {
            Ok(file) => Self::read_from(&*file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest in `file`. While one of the two is being written, the other one is whole.
    pub(crate) fn read_from(file: &dyn DiskFile) -> io::Result<Option<Self>> {
        let mut room = [0; 2 * SLOT_BYTES];
        let count = file.read_at(&mut room, 0)?;
        let slots = room.get(..count).unwrap_or_default().chunks(SLOT_BYTES);
        Ok(slots.filter_map(Self::parse).max_by_key(|mark| mark.writes))
    }

    /// Writes it over the older of the two.
    pub(crate) fn write(&self, file: &dyn DiskFile) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.extend_from_slice(MARK);
        bytes.extend_from_slice(&self.writes.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.given.to_le_bytes());
        for end in self.ends.iter() {
            bytes.extend_from_slice(&end.segment.to_le_bytes());
            bytes.extend_from_slice(&end.offset.to_le_bytes());
        }
        bytes.extend_from_slice(&checksum(&bytes, 0).to_le_bytes());
        bytes.resize(SLOT_BYTES, 0);
        file.write_at(&bytes, (self.writes % 2) * SLOT_BYTES as u64)
    }

    /// The file that marks are written to.
    pub(crate) fn file(disk: &dyn Disk) -> io::Result<Box<dyn DiskFile>> {
        match disk.create(NAME) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open_to_write(NAME),
            Err(error) => Err(error),
            Ok(file) => {
                // Its room is taken at once: a full disk must not keep us from saying what is on it.
                file.allocate(2 * SLOT_BYTES as u64)?;
                file.sync()?;
                disk.sync()?;
                Ok(file)
            }
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if take(&mut rest)? != *MARK {
            return None;
        }
        let mut mark = Self {
            writes: u64::from_le_bytes(take(&mut rest)?),
            sequence: u64::from_le_bytes(take(&mut rest)?),
            given: u64::from_le_bytes(take(&mut rest)?),
            ends: Each::default(),
        };
        for lane in Lane::ALL {
            *mark.ends.of_mut(lane) = End {
                segment: u64::from_le_bytes(take(&mut rest)?),
                offset: u64::from_le_bytes(take(&mut rest)?),
            };
        }
        let guarded = bytes.get(..bytes.len() - rest.len())?;
        (u32::from_le_bytes(take(&mut rest)?) == checksum(guarded, 0)).then_some(mark)
    }
}

pub(crate) const NAME: &str = "committed";
/// A sector each: what one write tears is not the other.
const SLOT_BYTES: usize = 512;
const MARK: &[u8; 8] = b"rwmark01";
