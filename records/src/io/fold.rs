//! One question answered by several threads.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rules::Timestamp;

use super::error::Error;
use super::scan::{Scan, Wanted};
use super::store::Store;
use crate::batch::Batch;
use crate::column::Columns;

impl Store {
    /// Folds rows that started in `during` on `threads` threads. Each fold sees rows of some days, in order; all of them
    /// come back in order of time, to be merged from the first to the last.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn fold<T: Send>(
        &self,
        customer: Option<&str>,
        during: Range<Timestamp>,
        (columns, wanted): (Columns, Wanted),
        threads: usize,
        (make, take): (impl Fn() -> T + Sync, impl Fn(&mut T, &Batch) + Sync),
    ) -> Result<Vec<T>, Error> {
        let (question, units) = self.find(customer, during, columns, wanted).into_units();
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Result<T, Error>)>> = Mutex::new(Vec::new());
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(unit) = units.get(at) else { return };
                let mut fold = make();
                let mut scan = Scan::of(&question, unit.clone());
                let folded = scan.try_for_each(|batch| batch.map(|batch| take(&mut fold, &batch)));
                if folded.is_err() {
                    // Nobody goes on for nothing.
                    next.store(units.len(), Ordering::Relaxed);
                }
                if let Ok(mut done) = done.lock() {
                    done.push((at, folded.map(|()| fold)));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.clamp(1, units.len().max(1)) {
                scope.spawn(work);
            }
            work();
        });
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, folded)| folded).collect()
    }
}
