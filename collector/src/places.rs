//! Places of questions that wait for a thread that judges: each way in has its own, so that none takes those of another.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one way in.
#[derive(Clone, Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    kept: usize,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many. A quarter of them is kept for those that come first.
    pub fn new(all: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(all)), kept: all / 4 }
    }

    /// A place for a question; `None` when there is none. Whether it comes first is asked only where that matters.
    pub fn take(&self, comes_first: impl FnOnce() -> bool) -> Option<Place> {
        if self.free.available_permits() <= self.kept && !comes_first() {
            return None;
        }
        Some(Place { _permit: Arc::clone(&self.free).try_acquire_owned().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_is_kept_for_those_that_come_first() {
        let places = Places::new(8);
        let usual: Vec<_> = (0..20).filter_map(|_| places.take(|| false)).collect();
        assert_eq!(usual.len(), 6);
        let first: Vec<_> = (0..20).filter_map(|_| places.take(|| true)).collect();
        assert_eq!(first.len(), 2);
        drop(usual);
        assert!(places.take(|| false).is_some());
    }
}
