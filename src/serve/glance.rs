//! Files that are read again when they change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files, and what they were like when they were read.
#[derive(Debug, Default)]
pub(super) struct Glance {
    read: BTreeMap<PathBuf, Seen>,
    /// What they were like a moment ago, when that is something else.
    changed: Option<BTreeMap<PathBuf, Seen>>,
}

/// What tells that a file is another: when it was changed, and how long it is.
type Seen = Option<(SystemTime, u64)>;

impl Glance {
    /// At files as they are now. Whoever reads them reads them after that, so that no change is missed.
    pub(super) fn at<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        let read = paths.into_iter().map(|path| (path.as_ref().to_owned(), seen(path.as_ref())));
        Self { read: read.collect(), changed: None }
    }

    /// The files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.read.keys()
    }

    /// At these only from now on; of those that it is at already the look counts that was before.
    pub(super) fn narrow(&mut self, paths: Vec<PathBuf>) {
        let mut read = std::mem::take(&mut self.read);
        let kept = paths.into_iter().map(|path| {
            let seen = read.remove(&path).unwrap_or_else(|| seen(&path));
            (path, seen)
        });
        self.read = kept.collect();
    }

    /// This file is what it should be, as it is now.
    pub(super) fn is_known(&mut self, path: &Path) {
        self.read.insert(path.to_owned(), seen(path));
    }

    /// Whether one has changed and then stood still since the last look: what is still being written is not read.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = self.read.keys().map(|path| (path.clone(), seen(path))).collect();
        let stands_still = self.changed.as_ref() == Some(&now);
        self.changed = (now != self.read).then_some(now);
        stands_still && self.changed.is_some()
    }
}

fn seen(path: &Path) -> Seen {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_another_once_it_stands_still() {
        let path = std::env::temp_dir().join(format!("ringwall-glance-{}", std::process::id()));
        fs::write(&path, "one").unwrap();
        let mut glance = Glance::at([&path]);
        assert!(!glance.has_changed() && !glance.has_changed());
        fs::write(&path, "longer").unwrap();
        assert!(!glance.has_changed(), "it may still be written");
        fs::write(&path, "longer still").unwrap();
        assert!(!glance.has_changed());
        assert!(glance.has_changed());
        glance = Glance::at([&path]);
        fs::remove_file(&path).unwrap();
        assert!(!glance.has_changed());
        assert!(glance.has_changed(), "one that is gone is another");
        fs::write(&path, "longer still").unwrap();
        glance.is_known(&path);
        assert!(!glance.has_changed() && !glance.has_changed());
        let other = path.with_extension("other");
        fs::write(&path, "what is written after the look is not missed").unwrap();
        glance.narrow(vec![path.clone(), other.clone()]);
        assert_eq!(glance.paths().collect::<Vec<_>>(), [&path, &other]);
        assert!(!glance.has_changed());
        assert!(glance.has_changed());
        fs::remove_file(&path).unwrap();
    }
}
