//! A folder that goes away, the binary, and patience.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A folder of this test that is removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringwall-pages-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary that these stories are about: the one that `RINGWALL_BINARY` names, or the one that was built last beside them.
pub(crate) fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("RINGWALL_BINARY") {
        return named.into();
    }
    let own = std::env::current_exe().unwrap();
    let built = own.parent().and_then(Path::parent).unwrap().join("ringwall");
    assert!(
        built.is_file(),
        "{} is not built: cargo build, or name one with RINGWALL_BINARY",
        built.display()
    );
    built
}

/// What `probe` finds, asked again for so many seconds.
#[allow(clippy::disallowed_methods, reason = "a browser lives in real time")]
pub(crate) fn within<T>(seconds: u64, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        match probe() {
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            found => return found,
        }
    }
}
