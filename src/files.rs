//! New files that are whole or not there, and that only their owner reads where that matters.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Writes a whole new file, on disk when this returns. One that is there stays as it is: the error says so.
pub(crate) fn put_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let hidden = beside(path);
    // What a process of the same number left behind when it was killed.
    let _ = fs::remove_file(&hidden);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&hidden)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // Unlike a renaming this takes nobody's place.
        fs::hard_link(&hidden, path)
    })();
    let _ = fs::remove_file(&hidden);
    written?;
    sync_folder_of(path)
}

/// A name beside `path` that nobody else uses.
pub(crate) fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(format!(".{}-{}.new", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    PathBuf::from(hidden)
}

/// Has it on disk that `path` is there, or is not.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}
