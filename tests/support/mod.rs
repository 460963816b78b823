//! What the stories share: the shared material, the binary, packets made by hand.

pub(crate) mod messages;
pub(crate) mod packets;
#[path = "../../stir/tests/support/mod.rs"]
pub(crate) mod signing;
pub(crate) mod totp;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

/// The folder of shared captures and data, if this machine has it. In CI it must be there.
pub(crate) fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("RINGWALL_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    if folder.join("data/evasion.tsv").exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "RINGWALL_SHARED is missing in CI: {}", folder.display());
    println!("left out: {} is not there", folder.display());
    None
}

/// A folder of this test process that is removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ringwall-{name}-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
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

thread_local! {
    static HAS_ALL: Cell<bool> = const { Cell::new(false) };
}

/// From here on the story of this thread is about the binary built beside it, which has what others build on wish only.
#[cfg(feature = "mail-auth")]
pub(crate) fn want_all_features() {
    HAS_ALL.set(true);
}

/// The binary that stories are about: the one that `RINGWALL_BINARY` names, or the one built beside them. So CI runs the
/// release binary without a second build of the stories.
pub(crate) fn binary() -> &'static str {
    static NAMED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("RINGWALL_BINARY").ok());
    if HAS_ALL.get() {
        return env!("CARGO_BIN_EXE_ringwall");
    }
    NAMED.as_deref().unwrap_or(env!("CARGO_BIN_EXE_ringwall"))
}

/// Runs the `ringwall` binary.
pub(crate) fn ringwall<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(binary()).args(arguments).output().unwrap()
}

/// The standard output as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The call lines that a replay of `capture` by `policy` writes.
pub(crate) fn call_lines(policy: Option<&Path>, capture: &Path) -> Vec<Value> {
    let mut arguments: Vec<std::ffi::OsString> = vec!["replay".into()];
    if let Some(policy) = policy {
        arguments.extend(["--policy".into(), policy.into()]);
    }
    arguments.extend(["--calls".into(), "-".into(), capture.into()]);
    let output = ringwall(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What `probe` finds, asked again for so many seconds.
pub(crate) fn within<T>(seconds: u64, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    #[allow(clippy::disallowed_methods, reason = "a service lives in real time")]
    let now = std::time::Instant::now;
    let end = now() + Duration::from_secs(seconds);
    loop {
        match probe() {
            None if now() < end => std::thread::sleep(Duration::from_millis(20)),
            found => return found,
        }
    }
}
