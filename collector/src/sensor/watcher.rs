//! Packets in, engine, news out: what is judged without anybody being answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use engine::{Budget, Engine, Packet};
use rules::policy::PolicySet;

use super::sender::Senders;
use crate::faults::{self, Point};
use crate::judge::{Count, Counters, News, Witness, tell_of_engine};

/// Follows every dialog from its first message to its last, and says what would have been done.
pub struct Watcher {
    engine: Engine,
    senders: Arc<Senders>,
    /// Of each sender the policy that judges what it saw.
    judges: Vec<Option<u32>>,
    counters: Arc<Counters>,
    witness: Witness,
}

impl Watcher {
    pub(super) fn new(engine: Engine, senders: Arc<Senders>, counters: Arc<Counters>) -> Self {
        let judges = senders.judges(&engine.policies());
        let witness = Witness::new(Arc::clone(&counters));
        Self { engine, senders, judges, counters, witness }
    }

    /// Takes one packet, told by the sender at this place; `None` is what we saw ourselves.
    #[inline]
    pub(crate) fn see(&mut self, packet: &Packet<'_>, sender: Option<usize>) {
        let judge = sender.and_then(|place| self.judges.get(place).copied().flatten());
        self.engine.judge_by(judge);
        let (engine, witness) = (&mut self.engine, &mut self.witness);
        // What is broken inside costs one message its verdict, not all others the sight.
        let seen = catch_unwind(AssertUnwindSafe(|| {
            faults::slow_down();
            faults::strike(Point::Judge);
            let handled = engine.handle(packet);
            let place = handled.attempt.or(handled.call);
            witness.see(engine, packet, place);
        }));
        if seen.is_err() {
            self.counters.add(Count::SensorFault);
        }
    }

    /// What counts events.
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub(super) fn into_engine(self) -> Engine {
        self.engine
    }

    /// Goes on with `policies`. Calls that are up keep what they were judged by.
    pub(super) fn replace(&mut self, policies: Arc<PolicySet>) {
        self.judges = self.senders.judges(&policies);
        // What it costs in counters is said by whoever answers under the same policies.
        self.engine.take_up(policies, Budget::default());
    }

    /// Tells what came to its end since it was asked before. So many packets are known to be `lost` since the start.
    pub(super) fn tell(&mut self, lost: u64, tell: &mut dyn FnMut(News<'_>)) {
        tell(News::Sight { lost, answers_seen: self.engine.answers_seen() });
        tell_of_engine(&mut self.engine, tell);
        self.witness.tell(tell);
        tell(News::Over);
    }
}
