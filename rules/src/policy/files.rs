//! Where list files come from.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Files beside a policy. This crate opens none itself: the binary reads from disk, tests from memory.
pub trait Files {
    /// The bytes of the file at `relative_path`, seen from the policy file's folder. Whoever reads shares them: a list
    /// of ten million numbers is in memory once.
    fn read(&self, relative_path: &str) -> io::Result<Arc<Vec<u8>>>;
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl MemoryFiles {
    /// No file.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same files and one more.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), Arc::new(bytes.into()));
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, relative_path: &str) -> io::Result<Arc<Vec<u8>>> {
        self.files.get(relative_path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
