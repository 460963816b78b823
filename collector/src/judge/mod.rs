//! The thread that judges: it owns an engine, takes packets as its mount has them come, and does what others ask of it
//! between two batches.

mod counters;
mod evidence;
mod latency;
mod news;
mod thread;

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use engine::Engine;
use rules::policy::{PolicySet, strictest};
use rules::{Timestamp, Verdict};

pub use counters::{Count, Counters};
pub use evidence::Evidence;
pub(crate) use evidence::Witness;
pub use latency::{BOUNDS_SECONDS, Latency};
pub use news::News;
pub(crate) use news::{tell_of_all_but_attempts, tell_of_engine};
pub use thread::{Handle, Job, Judge, Shared, now};

/// A way in which packets come, and what is done about them. One thread owns it and its engine.
pub trait Mount: 'static {
    /// Takes what waits, one batch of each source at most. Returns whether more is likely to be there.
    fn turn(&mut self, now: Timestamp) -> bool;

    /// What is ready to be read when there is something to do.
    fn sources(&self) -> Vec<BorrowedFd<'_>>;

    /// What counts events.
    fn counters(&self) -> &Counters;

    /// The engine, for what is asked about it as a whole.
    fn engine(&mut self) -> &mut Engine;

    /// Goes on with `policies`.
    fn replace(&mut self, policies: Arc<PolicySet>);

    /// Ends what is overdue.
    fn expire(&mut self, now: Timestamp);

    /// Tells what happened since it was asked before. The last piece of news is [`News::Over`].
    fn tell(&mut self, tell: &mut dyn FnMut(News<'_>));

    /// Comes to an end: nothing more comes, and what is still open is told by the next [`Mount::tell`].
    fn close(&mut self) {}

    /// What it knows, when it is done.
    fn into_engine(self) -> Engine;
}

/// The strictest verdict about an attempt, and whose it is.
pub(crate) type Found<'a> = (&'a PolicySet, Option<u32>, Option<Verdict>);

/// What was decided about the attempt at `place`.
pub(crate) fn found(engine: &Engine, place: u32) -> Option<Found<'_>> {
    let attempt = engine.attempt(place)?;
    let policies = attempt.policies()?;
    let judged = attempt.views.iter().filter_map(|view| Some((view.policy, view.verdict.as_ref()?)));
    let Some((at, verdict)) = strictest(judged.clone().map(|(_, verdict)| verdict)) else {
        return Some((policies, None, None));
    };
    Some((policies, judged.clone().nth(at).and_then(|(policy, _)| policy), Some(*verdict)))
}
