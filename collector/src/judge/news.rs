//! What a thread that judges has to tell.

use engine::{Attempt, Breach, Engine, Imposed, Silence};
use rules::policy::PolicySet;

use super::Evidence;

/// News, told when the packets of a batch are dealt with.
pub enum News<'a> {
    /// All there is to tell about an attempt: what we answered is decided, what others answer is over.
    Attempt(&'a Attempt, &'a PolicySet),
    /// A threshold was reached.
    Breach(&'a Breach, &'a PolicySet),
    /// A threshold has set something in force, which other engines are to hold against calls as well.
    Imposed(&'a Imposed),
    /// A peer that was heard says nothing any more.
    Silence(Silence, &'a PolicySet),
    /// A message of a call that is refused or rings an alarm.
    Evidence(&'a Evidence),
    /// How well it can be seen what is told from now on: told by what only watches.
    Sight {
        /// Packets, fragments and holes in streams that are known to be missing since the start.
        lost: u64,
        /// Which share of the last calls had a response that was seen, from 0 to 1.
        answers_seen: f64,
    },
    /// A place of a next hop went down, or came up again.
    NextHop {
        /// The next hop as the configuration calls it.
        name: &'a str,
        /// Its place.
        place: &'a str,
        /// Whether it is down now.
        is_down: bool,
    },
    /// The certificates at this address are wanted, to verify calls of whoever signs with them.
    Wanted(&'a str),
    /// That was all for now.
    Over,
}

/// Tells the attempts that ended, and what else `engine` has to tell, all but that it is over.
pub(crate) fn tell_of_engine(engine: &mut Engine, tell: &mut dyn FnMut(News<'_>)) {
    let policies = engine.policies();
    while let Some(attempt) = engine.poll_ended() {
        // One that outlived a restart under other policies has no verdict that could be told.
        tell(News::Attempt(attempt, attempt.policies().unwrap_or(&policies)));
    }
    tell_of_all_but_attempts(engine, tell);
}

/// Tells what `engine` has to tell beside the attempts that ended.
pub(crate) fn tell_of_all_but_attempts(engine: &mut Engine, tell: &mut dyn FnMut(News<'_>)) {
    let policies = engine.policies();
    while let Some(breach) = engine.poll_breach() {
        tell(News::Breach(&breach, &policies));
    }
    // All that outlived a restart may be much; the rest comes with the next packets.
    for _ in 0..IMPOSED_AT_ONCE {
        let Some(imposed) = engine.poll_imposed() else { break };
        tell(News::Imposed(&imposed));
    }
    while let Some(silence) = engine.poll_silence() {
        tell(News::Silence(silence, &policies));
    }
    while let Some(address) = engine.verifier().and_then(stir::Verifier::poll_wanted) {
        tell(News::Wanted(&address));
    }
}

const IMPOSED_AT_ONCE: usize = 1_000;
