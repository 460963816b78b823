//! Files in a folder. What is said to be there is there after a crash as well.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

/// A folder that holds files by names with slashes.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
}

impl Folder {
    /// How it is called when something is wrong with the file `name`.
    pub(super) fn say(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.root.join(name))
    }

    pub(super) fn open(&self, name: &str) -> io::Result<OpenFile> {
        let file = File::open(self.root.join(name))?;
        let length = file.metadata()?.len();
        Ok(OpenFile { file: Arc::new(file), length })
    }

    /// Begins the file `name`. Until it is finished nobody sees it.
    pub(super) fn create(&self, name: &str) -> io::Result<Writing> {
        let path = self.root.join(name);
        if let Some(folder) = path.parent() {
            create_folders(folder)?;
        }
        let writing = writing(&path);
        let file = BufWriter::with_capacity(1 << 18, File::create(&writing)?);
        Ok(Writing { file, writing, path })
    }

    /// Makes the file `name`, whole and for good, unless there is one. Whether there was none.
    pub(super) fn put_new(&self, name: &str, content: &[u8]) -> io::Result<bool> {
        let path = self.root.join(name);
        let mut sink = self.create(name)?;
        sink.write_all(content)?;
        let writing = sink.on_disk()?;
        // A link is made only where there is nothing.
        let linked = fs::hard_link(&writing, &path);
        let _ = fs::remove_file(&writing);
        match linked {
            Ok(()) => sync_folder_of(&path).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the file `name`, whole and for good, whatever was there.
    pub(super) fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut sink = self.create(name)?;
        sink.write_all(content)?;
        sink.finish()
    }

    /// Removes the file `name`. One that is not there is removed.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.root.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Files under the folder `name`, in order of their names.
    pub(super) fn list(&self, name: &str) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut open = vec![self.root.join(name)];
        while let Some(folder) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    open.push(entry.path());
                } else if kind.is_file()
                    && let Ok(name) = entry.path().strip_prefix(&self.root)
                    && let Some(name) = name.to_str()
                {
                    found.push(name.to_owned());
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Removes folders that hold nothing any more above the file `name`.
    pub(super) fn tidy(&self, name: &str) {
        let mut folder = Path::new(name).parent();
        while let Some(inner) = folder.filter(|inner| !inner.as_os_str().is_empty()) {
            if fs::remove_dir(self.root.join(inner)).is_err() {
                return;
            }
            folder = inner.parent();
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    file: BufWriter<File>,
    writing: PathBuf,
    path: PathBuf,
}

impl Writing {
    /// It is there, under its name, for good.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let path = std::mem::take(&mut self.path);
        let writing = self.on_disk()?;
        fs::rename(&writing, &path)?;
        sync_folder_of(&path)
    }

    fn on_disk(mut self) -> io::Result<PathBuf> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(std::mem::take(&mut self.writing))
    }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // One that was not finished is of no use, and takes room.
        if !self.writing.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.writing);
        }
    }
}

/// An open file.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    file: Arc<File>,
    pub(super) length: u64,
}

impl OpenFile {
    /// `length` bytes from `at`, which are inside.
    pub(super) fn read(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes.into())
    }
}

fn writing(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(WRITING);
    name.into()
}

/// Makes `folder` and what is above it, for good.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        create_folders(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder_of(folder),
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// What the name of a file ends with that is not finished.
pub(super) const WRITING: &str = ".writing";
