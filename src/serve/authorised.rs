//! Makes changes that were authorised, on a thread of its own, and closes the circle when the customer was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cases::flow::State;
use cases::io::store::{Done, Error, Filter, Store};
use cases::outgoing::Delivery;
use cases::{Case, Service};
use console::{Shown, Visit};
use tokio::sync::{mpsc, oneshot};

use super::config::{Cases, Config};
use crate::authorise::{Office, Sessions};
use crate::case::said;
use crate::outcome::Failure;
use crate::policies;

/// The thread that makes changes.
pub(super) struct Authorised {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Where visits of pages are sent to.
pub(super) type Visits = mpsc::Sender<(Visit, oneshot::Sender<Shown>)>;

struct Worker {
    place: String,
    service: Service,
    office: Office,
    sessions: Sessions,
    stop: Arc<AtomicBool>,
}

impl Authorised {
    /// Starts it, if the configuration wants cases.
    pub(super) fn start(
        config: &Config,
        visits: mpsc::Receiver<(Visit, oneshot::Sender<Shown>)>,
    ) -> Result<Option<Self>, Failure> {
        if !config.cases.on {
            return Ok(None);
        }
        let cases = Cases::new(config);
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            place: cases.place(),
            service: cases.service()?,
            office: Office::new(config),
            sessions: Sessions::default(),
            stop: Arc::clone(&stop),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
        let work = move || runtime.block_on(worker.run(visits));
        let thread = std::thread::Builder::new().name("changes".to_owned()).spawn(work);
        Ok(Some(Self { stop, thread: thread.map_err(Failure::Output)? }))
    }

    /// Finishes what it is at, and ends. Policies can still be changed until it has.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        // One that died has said why.
        let _ = self.thread.join();
    }
}

impl Worker {
    async fn run(mut self, mut visits: mpsc::Receiver<(Visit, oneshot::Sender<Shown>)>) {
        let mut open = None;
        // What stands in the way is said once.
        let mut is_said = false;
        while !self.stop.load(Ordering::Relaxed) {
            match self.work(&mut open).await {
                Ok(()) => is_said = false,
                Err(failure) => {
                    open = None;
                    if !std::mem::replace(&mut is_said, true) {
                        eprintln!("ringwall: changes that were authorised wait: {failure}");
                    }
                }
            }
            let pause = tokio::time::sleep(PAUSE);
            tokio::pin!(pause);
            // Whoever looks at a page is answered at once.
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some((visit, tell)) = visits.recv() => {
                        // Whoever asked may have gone away.
                        let _ = tell.send(self.visited(&mut open, visit).await);
                    }
                }
            }
        }
        if let Some(store) = open {
            Store::close(store).await;
        }
    }

    async fn work(&self, open: &mut Option<Store>) -> Result<(), Failure> {
        if open.is_none() {
            *open = Some(Store::open(&self.place).await.map_err(said)?);
        }
        let Some(store) = open else { return Ok(()) };
        for case in list(store, State::Implementing).await.map_err(said)? {
            let case = self.office.implement(store, case.number, self.done()).await?;
            eprintln!(
                "ringwall: {} of {} is {}",
                case.number,
                reporter::printable(&case.customer),
                case.state
            );
        }
        for case in list(store, State::Verifying).await.map_err(said)? {
            self.close_circle(store, &case).await.map_err(said)?;
        }
        Ok(())
    }

    async fn visited(&mut self, open: &mut Option<Store>, visit: Visit) -> Shown {
        if open.is_none() {
            // The next round says what is wrong with it.
            *open = Store::open(&self.place).await.ok();
        }
        let Some(store) = open else {
            return Shown::Refused(
                "The desk does not answer now. Nothing was decided; try again.".to_owned(),
            );
        };
        let done = Done { who: "ringwall", now: policies::now(), service: &self.service };
        self.office.visit(store, &mut self.sessions, visit, done).await
    }

    /// What is proven is done once a mail that says so was taken.
    async fn close_circle(&self, store: &Store, case: &Case) -> Result<(), Error> {
        let Some(hash) = &case.change else { return Ok(()) };
        let letters = format!("{}/done/{hash}/", case.number);
        let sent = store.desk().outgoing(case.number).await?;
        let taken = sent.iter().find(|it| it.id.starts_with(&letters) && it.state == Delivery::Accepted);
        if let Some(taken) = taken {
            let how = format!("mail to {} was taken", taken.to);
            store.desk().told(case.number, &how, self.done()).await?;
        }
        Ok(())
    }

    fn done(&self) -> Done<'_> {
        Done { who: "ringwall", now: policies::now(), service: &self.service }
    }
}

async fn list(store: &Store, state: State) -> Result<Vec<Case>, Error> {
    let filter = Filter { state: Some(state), count: Some(CASES_AT_ONCE), ..Filter::default() };
    Ok(store.desk().list(&filter).await?.cases)
}

/// The rest has its turn a moment later.
const CASES_AT_ONCE: u32 = 100;
/// How often cases are looked at.
const PAUSE: Duration = Duration::from_millis(500);
