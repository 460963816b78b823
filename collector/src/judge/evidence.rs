//! Messages of calls that are refused or ring an alarm, as they were on the wire: told beside what was decided.

use std::net::SocketAddr;
use std::sync::Arc;

use ahash::HashSet;
use engine::sip::Message;
use engine::{Engine, Packet, View};
use rules::policy::AlertLevel;
use rules::{Timestamp, Transport};

use super::{Count, Counters, News};
use crate::limits::{EVIDENCE_BYTES_MAX, RINGING_CALLS_MAX};

/// One message as it came or went.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// When.
    pub at: Timestamp,
    /// Whether we sent it.
    pub is_ours: bool,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// The attempt that it belongs to: a number that no other attempt of this engine has.
    pub attempt: u64,
    /// The call as the message names it.
    pub call_id: Vec<u8>,
    /// The message.
    pub message: Vec<u8>,
}

/// Sets aside what belongs to calls that are refused or ring an alarm. Of all others it only sees that they do not.
pub(crate) struct Witness {
    counters: Arc<Counters>,
    kept: Vec<Evidence>,
    kept_bytes: usize,
    /// Thresholds that were reached before the message in hand, and are not told yet.
    breaches: usize,
    /// Attempts that reached a threshold and went on.
    ringing: HashSet<u64>,
    /// The attempt of the message in hand, if it is set aside.
    in_hand: Option<u64>,
}

impl Witness {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        let (kept, ringing) = (Vec::new(), HashSet::default());
        Self { counters, kept, kept_bytes: 0, breaches: 0, ringing, in_hand: None }
    }

    /// Looks at `packet`, which `engine` has just taken and which is part of the attempt at `place`.
    #[inline]
    pub(crate) fn see(&mut self, engine: &Engine, packet: &Packet<'_>, place: Option<u32>) {
        self.in_hand = None;
        let breaches = engine.breaches_waiting();
        let rings = breaches > std::mem::replace(&mut self.breaches, breaches);
        let Some(attempt) = place.and_then(|place| engine.attempt(place)) else { return };
        let is_wanted = rings
            || attempt.views.iter().any(is_wanted)
            || (!self.ringing.is_empty() && self.ringing.contains(&attempt.sequence));
        if is_wanted {
            self.set_aside(packet, attempt.sequence, rings);
        }
    }

    /// Looks at what we say to `packet`, the message in hand.
    pub(crate) fn say(&mut self, packet: &Packet<'_>, to: SocketAddr, answer: &[u8]) {
        if let Some(attempt) = self.in_hand.take() {
            let ours = Packet { source: packet.destination, destination: to, payload: answer, ..*packet };
            self.keep(&ours, attempt, true);
        }
    }

    /// Tells all that was set aside.
    pub(crate) fn tell(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        self.breaches = 0;
        self.kept_bytes = 0;
        for evidence in self.kept.drain(..) {
            tell(News::Evidence(&evidence));
        }
    }

    #[cold]
    fn set_aside(&mut self, packet: &Packet<'_>, attempt: u64, rings: bool) {
        if rings {
            if self.ringing.len() >= RINGING_CALLS_MAX {
                // The calls of long ago are over, and those of now ring again.
                self.ringing.clear();
            }
            self.ringing.insert(attempt);
        }
        self.keep(packet, attempt, false);
        self.in_hand = Some(attempt);
    }

    fn keep(&mut self, packet: &Packet<'_>, attempt: u64, is_ours: bool) {
        if self.kept_bytes + packet.payload.len() > EVIDENCE_BYTES_MAX {
            return self.counters.add(Count::SignallingDropped);
        }
        self.kept_bytes += packet.payload.len();
        self.kept.push(Evidence {
            at: packet.at,
            is_ours,
            source: packet.source,
            destination: packet.destination,
            transport: packet.transport,
            attempt,
            call_id: Message::read(packet.payload).call_id().to_vec(),
            message: packet.payload.to_vec(),
        });
    }
}

fn is_wanted(view: &View) -> bool {
    view.verdict.is_some_and(|verdict| {
        !verdict.goes_on() || verdict.would.is_some() || verdict.alert != AlertLevel::None
    })
}
