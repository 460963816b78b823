//! What is asked of a disk, and the one that the system has.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::posix_fallocate;

/// A folder of files.
pub(crate) trait Disk: Send + Sync {
    /// Names of its files. A folder that is not there has none.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A file that was not there before.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// One that is there, to be read.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// One that is there, to be changed.
    fn open_to_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Takes a file away.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Calls a file otherwise; what had that name is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Returns once names are on disk as they are now.
    fn sync(&self) -> io::Result<()>;
    /// How a file is told to people.
    fn path(&self, name: &str) -> PathBuf;
}

/// A file.
pub(crate) trait DiskFile: Send + Sync {
    /// Reads what is there, less at its end.
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of it.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Has room for so many bytes from the start, zero where nothing was written.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// Makes it so long.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// How long it is.
    fn length(&self) -> io::Result<u64>;
    /// Returns once its content is on disk as it is now.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the system.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes it, if it is not there, and keeps others from writing in it as long as the file is open. `None` when another
    /// keeps us from it.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        std::fs::create_dir_all(&self.0)?;
        if let Some(parent) = self.0.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        let file = options().create(true).truncate(false).open(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Disk for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        // A name that is no text is none of ours.
        entries
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(options().create_new(true).open(self.0.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(self.0.join(name))?))
    }

    fn open_to_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(options().open(self.0.join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Signalling tells who called whom: it is its owner's alone.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

impl DiskFile for File {
    fn read_at(&self, room: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = room.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match std::os::unix::fs::FileExt::read_at(self, rest, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let length = i64::try_from(length).map_err(io::Error::other)?;
        loop {
            match posix_fallocate(self, 0, length) {
                Err(Errno::EINTR) => {}
                done => return Ok(done?),
            }
        }
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
