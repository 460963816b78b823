//! A disk in memory that fails as disks do: what was not brought to it may be gone after a power cut, in any order and by
//! sectors; what it failed to take once it forgets, and says of the next attempt that all is well; and it fills up.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::disk::{Disk, DiskFile};

/// The disk.
#[derive(Clone)]
pub(crate) struct Shaky(Arc<Mutex<State>>);

pub(crate) struct State {
    /// Names as they are seen, and as they are after a power cut.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    files: Vec<Content>,
    chance: Chance,
    /// Bytes that all files together may take.
    pub(crate) room: u64,
    /// One of so many changes fails; 0 for none.
    pub(crate) changes_fail_of: u64,
    /// One of so many syncs fails; 0 for none.
    pub(crate) syncs_fail_of: u64,
    /// This change fails, and no other.
    pub(crate) failing_change: Option<u64>,
    /// Changes so far.
    pub(crate) changes: u64,
}

#[derive(Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    is_length_dirty: bool,
}

impl Shaky {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            files: Vec::new(),
            chance: Chance(seed | 1),
            room: u64::MAX,
            changes_fail_of: 0,
            syncs_fail_of: 0,
            failing_change: None,
            changes: 0,
        })))
    }

    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// The power goes: of what was not brought to the disk, chance decides.
    pub(crate) fn cut_power(&self) {
        self.with(|state| {
            let keeps_names = state.chance.below(2) == 0;
            if keeps_names {
                state.durable_names = state.names.clone();
            } else {
                state.names = state.durable_names.clone();
            }
            let State { files, chance, .. } = state;
            for file in files {
                let all = chance.below(3);
                if file.is_length_dirty && chance.below(2) == 0 {
                    file.durable.resize(file.live.len(), 0);
                }
                let dirty: Vec<usize> = file.dirty.iter().copied().collect();
                for sector in dirty {
                    if all == 0 || all == 1 && chance.below(2) == 0 {
                        file.write_back(sector);
                    }
                }
                file.live = file.durable.clone();
                file.dirty.clear();
                file.is_length_dirty = false;
            }
        });
    }

    /// Everything ends, but the machine goes on: what was written is there.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.with(|state| state.files[state.names[name]].live.clone())
    }

    /// Replaces the content of a file.
    pub(crate) fn replace(&self, name: &str, bytes: Vec<u8>) {
        self.with(|state| {
            let file = state.names[name];
            state.files[file] = Content { live: bytes.clone(), durable: bytes, ..Content::default() };
        });
    }
}

impl State {
    fn change(&mut self) -> io::Result<()> {
        self.changes += 1;
        let by_chance = self.changes_fail_of > 0 && self.chance.below(self.changes_fail_of as usize) == 0;
        if by_chance || self.failing_change == Some(self.changes) {
            let is_full = self.changes.is_multiple_of(2);
            return Err(if is_full {
                io::ErrorKind::StorageFull.into()
            } else {
                io::Error::other("it broke")
            });
        }
        Ok(())
    }

    fn taken(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].live.len() as u64).sum()
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Content {
    fn write_back(&mut self, sector: usize) {
        let (begin, end) =
            (sector * SECTOR, ((sector + 1) * SECTOR).min(self.live.len()).min(self.durable.len()));
        if begin < end {
            self.durable[begin..end].copy_from_slice(&self.live[begin..end]);
        }
    }
}

struct Open(Shaky, usize);

impl Disk for Shaky {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.with(|state| state.names.keys().cloned().collect()))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.with(|state| {
            if state.names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.change()?;
            state.files.push(Content::default());
            state.names.insert(name.to_owned(), state.files.len() - 1);
            Ok(Box::new(Open(self.clone(), state.files.len() - 1)) as _)
        })
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.with(|state| Ok(Box::new(Open(self.clone(), state.find(name)?)) as _))
    }

    fn open_to_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|state| {
            state.find(name)?;
            state.names.remove(name);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.with(|state| {
            let file = state.find(from)?;
            state.change()?;
            state.names.remove(from);
            state.names.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state| {
            state.durable_names = state.names.clone();
            Ok(())
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/shaky").join(name)
    }
}

impl DiskFile for Open {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.with(|state| {
            let live = &state.files[self.1].live;
            let from = live.get(offset as usize..).unwrap_or_default();
            let count = from.len().min(room.len());
            room[..count].copy_from_slice(&from[..count]);
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.with(|state| {
            let failed = state.change();
            // What fails may have been done in part.
            let bytes = if failed.is_err() { &bytes[..state.chance.below(bytes.len() + 1)] } else { bytes };
            let (begin, end) = (offset as usize, offset as usize + bytes.len());
            let grown = end.saturating_sub(state.files[self.1].live.len()) as u64;
            if state.taken() + grown > state.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = &mut state.files[self.1];
            if end > file.live.len() {
                file.live.resize(end, 0);
                file.is_length_dirty = true;
            }
            file.live[begin..end].copy_from_slice(bytes);
            file.dirty.extend(begin / SECTOR..end.div_ceil(SECTOR));
            failed
        })
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.0.with(|state| {
            state.change()?;
            let grown = length.saturating_sub(state.files[self.1].live.len() as u64);
            if state.taken() + grown > state.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = &mut state.files[self.1];
            if grown > 0 {
                file.live.resize(length as usize, 0);
                file.is_length_dirty = true;
            }
            Ok(())
        })
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.with(|state| {
            let file = &mut state.files[self.1];
            file.live.resize(length as usize, 0);
            file.is_length_dirty = true;
            // What was cut off does not come back once the length is on disk.
            file.dirty.retain(|sector| sector * SECTOR < length as usize);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.with(|state| state.files[self.1].live.len() as u64))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.with(|state| {
            let fails = state.syncs_fail_of > 0 && state.chance.below(state.syncs_fail_of as usize) == 0;
            let file = &mut state.files[self.1];
            let dirty = std::mem::take(&mut file.dirty);
            if fails {
                return Err(io::Error::other("the disk did not take it"));
            }
            if std::mem::take(&mut file.is_length_dirty) {
                // Bytes beyond a shorter length are gone, and come back as zeros.
                let kept = file.durable.len().min(file.live.len());
                file.durable.truncate(kept);
                file.durable.resize(file.live.len(), 0);
            }
            dirty.into_iter().for_each(|sector| file.write_back(sector));
            Ok(())
        })
    }
}

/// The same chance for the same seed (xorshift).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

const SECTOR: usize = 512;
