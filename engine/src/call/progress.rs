//! How far one call attempt has come: who rang, who answered, who hung up, and when.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// An INVITE was seen, nothing rings yet.
    Trying,
    /// A provisional response other than 100 was seen.
    Ringing,
    /// A 2xx was seen.
    Up,
    /// A final response refused it; a repeat with credentials or a late answer of another fork may follow.
    Refused,
    /// A BYE was seen.
    Over,
}

/// What a message means for the attempt it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The INVITE again with a higher CSeq: after a challenge, a redirection, a changed offer.
    Repeat,
    /// A 1xx other than 100.
    Ring,
    /// A 2xx to the INVITE.
    Answer(u16),
    /// A 3xx to 6xx to the INVITE.
    Refuse(u16),
    /// A CANCEL.
    Cancel,
    /// A BYE from this side.
    HangUp(Side),
}

/// A side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Who sent the INVITE.
    Caller,
    /// Who received it.
    Called,
}

/// The course of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it stands.
    pub state: State,
    /// The first INVITE.
    pub started: Timestamp,
    /// The first 1xx other than 100.
    pub ringing: Option<Timestamp>,
    /// The first 2xx.
    pub answered: Option<Timestamp>,
    /// The last final refusal, or the BYE.
    pub ended: Option<Timestamp>,
    /// The final response's code; 0 while there is none.
    pub status: u16,
    /// Whether a CANCEL was seen.
    pub cancelled: bool,
    /// Who sent the BYE, or the CANCEL of a call that was not answered.
    pub hung_up: Option<Side>,
}

impl Progress {
    /// An attempt that starts now.
    pub fn new(started: Timestamp) -> Self {
        Self {
            state: State::Trying,
            started,
            ringing: None,
            answered: None,
            ended: None,
            status: 0,
            cancelled: false,
            hung_up: None,
        }
    }

    /// Takes one signal. Retransmissions change nothing: each moment is that of its first message.
    pub fn handle(&mut self, signal: Signal, at: Timestamp) {
        match (self.state, signal) {
            // RFC 3261 §22.2: the client retries with credentials and a higher CSeq; same Call-ID and From tag.
            (State::Refused, Signal::Repeat) => {
                self.state = if self.ringing.is_some() { State::Ringing } else { State::Trying };
                (self.status, self.ended) = (0, None);
            }
            // RFC 3261 §13.2.2.1: zero, one or multiple provisional responses may arrive.
            (State::Trying, Signal::Ring) => {
                self.state = State::Ringing;
                self.ringing = Some(at);
            }
            // RFC 3261 §13.2.2.4: multiple 2xx may arrive, each from another fork; the first one starts the call.
            // One of a fork may come after another fork refused.
            (State::Trying | State::Ringing | State::Refused, Signal::Answer(status)) => {
                self.state = State::Up;
                self.answered = Some(at);
                (self.status, self.ended) = (status, None);
            }
            // RFC 3261 §13.2.2.3: a final 3xx to 6xx ends the early dialogs.
            (State::Trying | State::Ringing, Signal::Refuse(status)) => {
                self.state = State::Refused;
                self.status = status;
                self.ended = Some(at);
            }
            // RFC 3261 §9.1: a CANCEL has no effect once a final response was sent.
            (State::Trying | State::Ringing, Signal::Cancel) => {
                self.cancelled = true;
                self.hung_up = Some(Side::Caller);
            }
            // RFC 3261 §15: the BYE ends the session; before a 2xx only the caller may send it, on an early dialog.
            (State::Up, Signal::HangUp(side)) => {
                self.state = State::Over;
                self.ended = Some(at);
                self.hung_up = Some(side);
            }
            (State::Trying | State::Ringing, Signal::HangUp(side)) => {
                self.hung_up.get_or_insert(side);
            }
            _ => {}
        }
    }

    /// From the first ring to the answer, the refusal or the end, in microseconds. `None` when it never rang or
    /// still does.
    pub fn ring_micros(&self) -> Option<i64> {
        let until = self.answered.or(self.ended)?;
        self.ringing.map(|ringing| until.micros_since(ringing))
    }

    /// From the 2xx to the BYE, in microseconds. `None` for calls not answered and for those still up.
    pub fn talk_micros(&self) -> Option<i64> {
        let answered = self.answered?;
        (self.state == State::Over).then_some(self.ended?.micros_since(answered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(signals: &[(i64, Signal)]) -> Progress {
        let mut progress = Progress::new(Timestamp::from_seconds(0));
        for &(seconds, signal) in signals {
            progress.handle(signal, Timestamp::from_seconds(seconds));
        }
        progress
    }

    #[test]
    fn an_answered_call_has_ring_and_talk_time() {
        use Signal::{Answer, HangUp, Ring};
        let call =
            after(&[(1, Ring), (2, Ring), (7, Answer(200)), (8, Answer(200)), (67, HangUp(Side::Called))]);
        assert_eq!((call.ring_micros(), call.talk_micros()), (Some(6_000_000), Some(60_000_000)));
        assert_eq!((call.status, call.hung_up), (200, Some(Side::Called)));
    }

    #[test]
    fn a_challenge_and_its_repeat_are_one_attempt() {
        let call = after(&[(1, Signal::Refuse(407)), (2, Signal::Repeat), (3, Signal::Answer(200))]);
        assert_eq!((call.state, call.status), (State::Up, 200));
    }

    #[test]
    fn a_cancelled_call_was_ended_by_its_caller() {
        let call = after(&[(1, Signal::Ring), (5, Signal::Cancel), (5, Signal::Refuse(487))]);
        assert_eq!((call.status, call.cancelled, call.hung_up), (487, true, Some(Side::Caller)));
        assert_eq!((call.ring_micros(), call.talk_micros()), (Some(4_000_000), None));
    }

    #[test]
    fn another_fork_may_answer_after_one_refused() {
        let call = after(&[(1, Signal::Ring), (2, Signal::Refuse(486)), (3, Signal::Answer(200))]);
        assert_eq!((call.state, call.answered), (State::Up, Some(Timestamp::from_seconds(3))));
    }
}
