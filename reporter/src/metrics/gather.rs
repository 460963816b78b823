//! Figures of a period: closed days from their summaries, the rest from records.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use jiff::civil::Date;
use records::Batch;
use records::io::{Error, Store, Wanted};
use rules::Timestamp;
use sha2::{Digest, Sha256};

use super::summary::hex;
use super::{Context, Figures, MadeFrom, Period, Reader, Shelf, Summary};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Gather<'a> {
    /// Where records are.
    pub store: &'a Store,
    /// Where summaries are kept; `None` to scan all, and keep none.
    pub shelf: Option<&'a Shelf>,
    /// Whose.
    pub customer: Option<&'a str>,
    /// What they are judged by.
    pub context: &'a Context,
    /// Days that end later are not closed: they are scanned each time.
    pub now: Timestamp,
    /// Threads that scan.
    pub threads: usize,
}

/// Figures of a period, and what they come from.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// The figures.
    pub figures: Figures,
    /// SHA-256 over the files and contexts of all its days, in hexadecimal.
    pub inputs: String,
    /// Days whose summary was there.
    pub from_summaries: usize,
    /// Days that were scanned.
    pub scanned: usize,
    /// Why summaries could not be kept, if they could not.
    pub not_kept: Option<String>,
}

/// One day, or a part of it.
struct Part {
    day: Date,
    period: Period,
    is_whole: bool,
    /// Whether only calls that reach into the next day are wanted of it.
    is_before: bool,
}

struct Done {
    figures: Figures,
    made_from: MadeFrom,
    is_kept: bool,
    not_kept: Option<String>,
    is_before: bool,
}

impl Gather<'_> {
    /// Figures of `period`. Of the day before it only the calls that were still up are in them.
    ///
    /// # Errors
    /// Records cannot be read.
    pub fn gather(&self, period: &Period) -> Result<Gathered, Error> {
        let parts = self.parts(period);
        // Without it no summary fits: what cannot be said cannot be compared.
        let fingerprints = self.context.fingerprints().ok();
        let fingerprint = |part: &Part| fingerprints.as_ref().and_then(|all| all.of(&part.period).ok());
        let reader = OnceLock::new();
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Result<Done, Error>)>> = Mutex::new(Vec::new());
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(part) = parts.get(place) else { return };
                let result = self.part(part, fingerprint(part), &reader);
                if result.is_err() {
                    next.store(parts.len(), Ordering::Relaxed);
                }
                done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((place, result));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.clamp(1, parts.len().max(1)) {
                scope.spawn(work);
            }
            work();
        });
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        let mut gathered = Gathered {
            figures: Figures::default(),
            inputs: String::new(),
            from_summaries: 0,
            scanned: 0,
            not_kept: None,
        };
        let mut hash = Sha256::new();
        for (_, part) in done {
            let part = part?;
            hash.update(postcard::to_allocvec(&part.made_from).unwrap_or_default());
            gathered.from_summaries += usize::from(part.is_kept);
            gathered.scanned += usize::from(!part.is_kept);
            gathered.not_kept = gathered.not_kept.or(part.not_kept);
            if part.is_before {
                gathered.figures.carry(part.figures);
            } else {
                gathered.figures.merge(part.figures);
            }
        }
        gathered.inputs = hex(&hash.finalize());
        Ok(gathered)
    }

    fn parts(&self, period: &Period) -> Vec<Part> {
        let zone = &self.context.zone;
        let mut parts = Vec::new();
        let days = period.days(zone);
        if let Some(before) = days.first().and_then(|first| first.yesterday().ok()) {
            parts.extend(Part::of(zone, before, None));
        }
        parts.extend(days.into_iter().filter_map(|day| Part::of(zone, day, Some(period))));
        parts
    }

    fn part<'a>(
        &'a self,
        part: &Part,
        fingerprint: Option<String>,
        reader: &OnceLock<Reader<'a>>,
    ) -> Result<Done, Error> {
        let during = part.period.from..part.period.to;
        let mut names = Sha256::new();
        for day in self.store.days(self.customer, during.clone()) {
            for file in &day.files {
                names.update((file.len() as u64).to_be_bytes());
                names.update(file.as_bytes());
            }
        }
        let made_from = MadeFrom {
            customer: self.customer.map(str::to_owned),
            day: part.day.to_string(),
            inputs: hex(&names.finalize()),
            context: fingerprint.clone().unwrap_or_default(),
            definitions: Figures::version(),
        };
        let is_closed = part.is_whole && part.period.to <= self.now && fingerprint.is_some();
        let shelf = self.shelf.filter(|_| is_closed);
        if let Some(figures) = shelf.and_then(|shelf| shelf.get(&made_from)) {
            return Ok(Done { figures, made_from, is_kept: true, not_kept: None, is_before: part.is_before });
        }
        let reader = reader.get_or_init(|| Reader::new(self.context));
        let make = || (reader.clone(), Figures::default());
        let take =
            |(reader, figures): &mut (Reader<'_>, Figures), batch: &Batch| figures.take(&reader.read(batch));
        let wanted = (Figures::NEEDS, Wanted::default());
        let folds = self.store.fold(self.customer, during, wanted, 1, (make, take))?;
        let mut figures = Figures::default();
        folds.into_iter().for_each(|(_, more)| figures.merge(more));
        // What is kept and what is not are the same: a report does not change by being asked for again.
        figures.seal();
        let summary = Summary { made_from, figures };
        let not_kept = shelf.and_then(|shelf| shelf.put(&summary).err()).map(|error| error.to_string());
        let Summary { made_from, figures } = summary;
        Ok(Done { figures, made_from, is_kept: false, not_kept, is_before: part.is_before })
    }
}

impl Part {
    /// `day`, as far as it is in `within`.
    fn of(zone: &jiff::tz::TimeZone, day: Date, within: Option<&Period>) -> Option<Self> {
        let whole = Period::of_days(zone, day, day.tomorrow().ok()?)?;
        let period = within.map_or(whole, |within| Period {
            from: whole.from.max(within.from),
            to: whole.to.min(within.to),
        });
        Some(Self { day, period, is_whole: period == whole, is_before: within.is_none() })
    }
}
