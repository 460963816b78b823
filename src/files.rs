//! New files that are whole or not there, and that only their owner reads where that matters.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
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

/// Whether both names lead to one regular file, by links of either kind as well; a file that is not there yet is known by its
/// folder and name. Devices such as `/dev/null` are never overwritten, so that they are nobody's input.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other)),
        _ => false,
    }
}

/// Where a file is to be: its folder without links, and its name there.
fn place(path: &Path) -> Option<(PathBuf, &OsStr)> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    Some((fs::canonicalize(folder).ok()?, path.file_name()?))
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
