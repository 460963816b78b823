//! A bar on stderr for work that a person waits for.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

/// How far work on so many bytes is.
#[derive(Clone)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Of work on `bytes`; shows nothing when that is less than takes a second, or nobody sees it.
    pub(crate) fn new(bytes: u64, quick_bytes: u64) -> Self {
        if !io::stderr().is_terminal() || bytes < quick_bytes {
            return Self(None);
        }
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        let bar = ProgressBar::new(bytes);
        Self(Some(style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))))
    }

    /// So many more are done.
    pub(crate) fn see(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    /// All is done.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
