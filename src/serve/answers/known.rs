//! What pages ask beyond cases: off the threads of pages, a few at once.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use collector::judge::now;
use console::Asked;
use console::known::Known;
use rules::policy::PolicySet;
use rules::{Policy, Timestamp};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::{blocks, call, calls, drafts, lists, policies, running_of, thresholds, trials};
use crate::serve::config::Config;
use crate::serve::pages::Running;

/// What answers are made from.
pub(super) struct Around {
    pub(super) config: Config,
    running: Arc<OnceLock<Running>>,
    /// What was learned of thresholds a short while ago.
    pub(super) learned: thresholds::Kept,
}

impl Around {
    /// The folder of the service.
    pub(super) fn data(&self) -> &Path {
        &self.config.data
    }

    /// What is judged by.
    pub(super) fn policies(&self) -> Result<Arc<PolicySet>, String> {
        Ok(running_of(&self.running)?.redirect.handle().policies())
    }

    /// Has `answer` look at the policy of `customer`.
    pub(super) fn policy<T>(
        &self,
        customer: &str,
        answer: impl FnOnce(&Policy) -> Result<T, String>,
    ) -> Result<T, String> {
        let set = self.policies()?;
        let policy = set.policies().iter().find(|policy| policy.name() == customer);
        answer(policy.ok_or_else(|| format!("No policy of {customer} is in force."))?)
    }

    pub(super) fn now(&self) -> Timestamp {
        now()
    }
}

/// All answers.
pub(super) fn known(config: &Config, running: &Arc<OnceLock<Running>>) -> Known {
    let around = Arc::new(Around {
        config: config.clone(),
        running: Arc::clone(running),
        learned: thresholds::Kept::default(),
    });
    let quick = Desk { around: Arc::clone(&around), places: Arc::new(Semaphore::new(QUICK_MAX)) };
    let long = Desk { around, places: Arc::new(Semaphore::new(LONG_MAX)) };
    Known {
        calls: quick.answers(calls::search),
        call: quick.answers(call::one),
        call_named: quick.answers(call::named),
        judge: quick.answers(call::judge),
        blocks: quick.answers(|around, ()| blocks::list(around)),
        change_block: quick.answers(blocks::change),
        lists: quick.answers(|around, ()| lists::all(around)),
        entries: quick.answers(lists::entries),
        change_list: quick.answers(lists::change),
        feeds: quick.answers(|around, ()| lists::feeds(around)),
        accept_feed: quick.answers(lists::accept),
        policies: quick.answers(|around, ()| policies::all(around)),
        policy: quick.answers(policies::text),
        check: quick.answers(drafts::check),
        install: quick.answers(drafts::install),
        roll_back: quick.answers(drafts::roll_back),
        backtest: long.answers(trials::backtest),
        hits: long.answers(trials::hits),
        thresholds: long.answers(|around, ()| thresholds::all(around)),
        usual: long.answers(thresholds::usual),
    }
}

/// Answers in turn.
struct Desk {
    around: Arc<Around>,
    places: Arc<Semaphore>,
}

impl Desk {
    fn answers<Q: Send + 'static, A: Send + 'static>(
        &self,
        answer: impl Fn(&Around, Q) -> Result<A, String> + Send + Sync + 'static,
    ) -> Asked<Q, A> {
        let (around, places, answer) = (Arc::clone(&self.around), Arc::clone(&self.places), Arc::new(answer));
        Box::new(move |question| {
            let (tell, told) = oneshot::channel();
            let (around, places, answer) = (Arc::clone(&around), Arc::clone(&places), Arc::clone(&answer));
            tokio::spawn(async move {
                // Whoever finds no room in time is told so by the end of `tell`.
                let Ok(Ok(place)) = timeout(PATIENCE, places.acquire_owned()).await else { return };
                if tell.is_closed() {
                    return;
                }
                tokio::task::spawn_blocking(move || {
                    // Whoever asked may have gone away.
                    let _ = tell.send(answer(&around, question));
                    drop(place);
                });
            });
            told
        })
    }
}

/// Short answers that are made at one time.
const QUICK_MAX: usize = 4;
/// The same of those that read days of records.
const LONG_MAX: usize = 1;
/// How long a question may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
