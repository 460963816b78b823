//! Where files are: a folder, or a bucket of object storage. What is said to be there is there after a crash as well.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::bucket::{Bucket, Remote, Upload};
use super::error::Error;
use super::folder::{Folder, OpenFile, Writing};
use super::manifest::{FOLDER as LOG, Manifest};

/// Where call records are: files by names with slashes.
#[derive(Clone, Debug)]
pub struct Place {
    kind: Kind,
    /// The folder on this machine: where records are, or only what tells writers apart.
    local: PathBuf,
    known: Known,
}

#[derive(Clone, Debug)]
enum Kind {
    Folder(Folder),
    Bucket(Arc<Bucket>),
}

/// Buckets that were opened already: what is known of one is not asked again, and connections stay.
static OPEN: Mutex<BTreeMap<PathBuf, (Remote, Place)>> = Mutex::new(BTreeMap::new());

/// What the log said when it was read last.
type Known = Arc<Mutex<Option<Arc<Manifest>>>>;

impl Place {
    /// The folder `root`, or the bucket that [`settle`](Self::settle) names in it.
    pub fn folder(root: &Path) -> Self {
        Self {
            kind: Kind::Folder(Folder { root: root.to_owned() }),
            local: root.to_owned(),
            known: Known::default(),
        }
    }

    /// Has records of the folder `root` in the bucket `remote` from now on, or in the folder itself: whoever opens the folder
    /// finds them there. What was written elsewhere before stays there. Returns whether the folder holds such records.
    ///
    /// # Errors
    /// `remote` is none, or the folder cannot be written.
    pub fn settle(root: &Path, remote: Option<&Remote>) -> Result<bool, Error> {
        let folder = Folder { root: root.to_owned() };
        let failed = |error| Error::Place(folder.say(BUCKET), error);
        let Some(remote) = remote else {
            return folder.remove(BUCKET).map(|()| false).map_err(failed);
        };
        Self::bucket(remote, root)?;
        // Others read it from wherever they were started.
        let absolute =
            |path: &Option<PathBuf>| path.as_deref().map(std::path::absolute).transpose().map_err(failed);
        let remote = Remote {
            credentials_file: absolute(&remote.credentials_file)?,
            authorities: absolute(&remote.authorities)?,
            ..remote.clone()
        };
        let content = serde_json::to_vec_pretty(&remote).map_err(|error| failed(error.into()))?;
        folder.put(BUCKET, &content).map_err(failed)?;
        Ok(!folder.list(LOG).map_err(failed)?.is_empty())
    }

    /// The place itself, where this is a folder that names a bucket.
    pub(super) fn resolve(self) -> Result<Self, Error> {
        let Kind::Folder(folder) = &self.kind else { return Ok(self) };
        let failed = |error| Error::Place(folder.say(BUCKET), error);
        let content = match folder.read(BUCKET) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self),
            content => content.map_err(failed)?,
        };
        let remote: Remote = serde_json::from_slice(&content).map_err(|error| failed(error.into()))?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get(&self.local) {
            Some((same, place)) if *same == remote => Ok(place.clone()),
            _ => {
                let place = Self::bucket(&remote, &self.local)?;
                open.insert(self.local, (remote, place.clone()));
                Ok(place)
            }
        }
    }

    /// A bucket. The folder `local` of this machine tells its writers apart: one service has one.
    ///
    /// # Errors
    /// `remote` is none, or a file that it names cannot be read. Whether the server is there is not asked yet.
    pub fn bucket(remote: &Remote, local: &Path) -> Result<Self, Error> {
        let bucket = Bucket::open(remote).map_err(|error| Error::Place(remote.endpoint.clone(), error))?;
        Ok(Self { kind: Kind::Bucket(Arc::new(bucket)), local: local.to_owned(), known: Known::default() })
    }

    /// The folder on this machine.
    pub fn local(&self) -> &Path {
        &self.local
    }

    /// Whether writers on other machines could write there as well.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Bucket(_))
    }

    /// What the log said when it was read last, where that is far away.
    pub(super) fn known(&self) -> Option<Arc<Manifest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn know(&self, manifest: &Manifest) {
        if self.is_shared() {
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(manifest.clone()));
        }
    }

    /// How the file `name` is called where it is: its path, or `s3://bucket/name`.
    pub fn say(&self, name: &str) -> String {
        match &self.kind {
            Kind::Folder(folder) => folder.say(name),
            Kind::Bucket(bucket) => bucket.say(name),
        }
    }

    /// All of the file `name`.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn read(&self, name: &str) -> io::Result<Bytes> {
        match &self.kind {
            Kind::Folder(folder) => folder.read(name).map(Bytes::from),
            Kind::Bucket(bucket) => bucket.read(name),
        }
    }

    pub(super) fn open(&self, name: &str) -> io::Result<Source> {
        match &self.kind {
            Kind::Folder(folder) => Ok(Source::File(folder.open(name)?)),
            Kind::Bucket(bucket) => {
                // What a file says of itself stands at its end: all of it comes with how long it is.
                let (end, length) = bucket.read_end(name, END_BYTES)?;
                let read = vec![(length - end.len() as u64, end)];
                Ok(Source::Object(Object { bucket: Arc::clone(bucket), name: name.to_owned(), length, read }))
            }
        }
    }

    /// Begins the file `name`. Until it is finished nobody sees it.
    pub(super) fn create(&self, name: &str) -> io::Result<Sink> {
        let to = match &self.kind {
            Kind::Folder(folder) => To::File(folder.create(name)?),
            Kind::Bucket(bucket) => To::Object(Upload::new(bucket, name)),
        };
        Ok(Sink { to, bytes: 0, hash: crc32fast::Hasher::new() })
    }

    /// Makes the file `name`, whole and for good, unless there is one. Whether there was none.
    ///
    /// # Errors
    /// It is not made, or nobody knows.
    pub fn put_new(&self, name: &str, content: &[u8]) -> io::Result<bool> {
        match &self.kind {
            Kind::Folder(folder) => folder.put_new(name, content),
            Kind::Bucket(bucket) => bucket.put_new(name, content),
        }
    }

    /// Whether files are only made where there is none: `name` is there with `content`.
    pub(super) fn prove(&self, name: &str, content: &[u8]) -> io::Result<()> {
        match &self.kind {
            Kind::Folder(_) => Ok(()),
            Kind::Bucket(bucket) => bucket.prove(name, content),
        }
    }

    /// Makes the file `name`, whole and for good, whatever was there.
    pub(super) fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        match &self.kind {
            Kind::Folder(folder) => folder.put(name, content),
            Kind::Bucket(bucket) => bucket.put(name, content),
        }
    }

    /// Removes the file `name`. One that is not there is removed.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match &self.kind {
            Kind::Folder(folder) => folder.remove(name),
            Kind::Bucket(bucket) => bucket.remove(name),
        }
    }

    /// Names of files under the folder `name`, in order, after `after`; all where it is empty.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn list(&self, name: &str, after: Option<&str>) -> io::Result<Vec<String>> {
        match &self.kind {
            Kind::Folder(folder) => {
                let mut names = folder.list(name)?;
                names.retain(|name| after.is_none_or(|after| name.as_str() > after));
                Ok(names)
            }
            Kind::Bucket(bucket) if name.is_empty() => bucket.list("", after),
            Kind::Bucket(bucket) => bucket.list(&format!("{name}/"), after),
        }
    }

    /// Removes folders that hold nothing any more above the file `name`.
    pub(super) fn tidy(&self, name: &str) {
        if let Kind::Folder(folder) = &self.kind {
            folder.tidy(name);
        }
    }

    /// Gives up what was begun to be written and has no name yet, as far as `is_ours` says so.
    pub(super) fn abandon(&self, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
        match &self.kind {
            Kind::Folder(_) => Ok(()),
            Kind::Bucket(bucket) => bucket.abandon(is_ours),
        }
    }
}

impl From<&Path> for Place {
    fn from(root: &Path) -> Self {
        Self::folder(root)
    }
}

impl From<&PathBuf> for Place {
    fn from(root: &PathBuf) -> Self {
        Self::folder(root)
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

/// A file that is being written.
pub(super) struct Sink {
    to: To,
    bytes: u64,
    hash: crc32fast::Hasher,
}

enum To {
    File(Writing),
    Object(Upload),
}

impl Sink {
    /// It is there, under its name, for good. Returns how long it is and its CRC-32.
    pub(super) fn finish(self) -> io::Result<(u64, u32)> {
        match self.to {
            To::File(file) => file.finish()?,
            To::Object(upload) => upload.finish()?,
        }
        Ok((self.bytes, self.hash.finalize()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            To::File(file) => file.write(bytes)?,
            To::Object(upload) => upload.write(bytes)?,
        };
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File(file) => file.flush(),
            To::Object(upload) => upload.flush(),
        }
    }
}

/// An open file.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(OpenFile),
    Object(Object),
}

/// One that is in a bucket.
#[derive(Clone, Debug)]
pub(super) struct Object {
    bucket: Arc<Bucket>,
    name: String,
    length: u64,
    /// Parts that came already, and where they begin.
    read: Vec<(u64, Bytes)>,
}

impl Source {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::File(file) => file.length,
            Self::Object(object) => object.length,
        }
    }

    pub(super) fn read(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let is_inside = at.checked_add(length as u64).is_some_and(|end| end <= self.length());
        if !is_inside {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before"));
        }
        match self {
            Self::File(file) => file.read(at, length),
            Self::Object(object) => match object.has(at, length) {
                Some(bytes) => Ok(bytes),
                None => object.bucket.read_at(&object.name, at, length as u64),
            },
        }
    }

    /// The same file, of which `ranges` are to be read: over a network all that is near comes at once.
    pub(super) fn ahead(&self, mut ranges: Vec<Range<u64>>) -> io::Result<Self> {
        let Self::Object(object) = self else { return Ok(self.clone()) };
        let mut object = object.clone();
        ranges.retain(|range| {
            let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
            range.start < range.end && range.end <= object.length && object.has(range.start, length).is_none()
        });
        ranges.sort_unstable_by_key(|range| range.start);
        let mut wanted: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match wanted.last_mut() {
                Some(last)
                    if range.start <= last.end.saturating_add(NEAR_BYTES)
                        && range.end.saturating_sub(last.start) <= AT_ONCE_BYTES =>
                {
                    last.end = last.end.max(range.end);
                }
                _ => wanted.push(range),
            }
        }
        for range in wanted {
            let bytes = object.bucket.read_at(&object.name, range.start, range.end - range.start)?;
            object.read.push((range.start, bytes));
        }
        Ok(Self::Object(object))
    }
}

impl Object {
    /// `length` bytes from `at`, if they came already.
    fn has(&self, at: u64, length: usize) -> Option<Bytes> {
        self.read.iter().find_map(|(begin, bytes)| {
            let from = usize::try_from(at.checked_sub(*begin)?).ok()?;
            let to = from.checked_add(length).filter(|to| *to <= bytes.len())?;
            Some(bytes.slice(from..to))
        })
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.length()
    }
}

impl ChunkReader for Source {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let length = usize::try_from(self.length().saturating_sub(start)).unwrap_or(usize::MAX);
        Ok(bytes::Buf::reader(self.get_bytes(start, length)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.read(start, length).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ParquetError::EOF(error.to_string()),
            _ => ParquetError::External(Box::new(error)),
        })
    }
}

/// Says in a folder in which bucket its records are.
const BUCKET: &str = "bucket.json";
/// Read of an object when it is opened: what most files say of themselves is shorter.
const END_BYTES: u64 = 1 << 16;
/// What is so near is read along: a request takes as long as a megabyte.
const NEAR_BYTES: u64 = 1 << 19;
const AT_ONCE_BYTES: u64 = 1 << 25;
