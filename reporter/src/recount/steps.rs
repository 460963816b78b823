//! What happened to the calls of one key, step by step, as one threshold counts it.

use rules::policy::Threshold;
use rules::policy::ips::{Count, Outcome};

use super::call::{Call, Moment};
use super::{Entry, Refused};

/// One moment in the life of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Step {
    /// In microseconds.
    pub(super) at: i64,
    /// By counter of the threshold, its own first and then those of `also`: what is added to each.
    pub(super) adds: Vec<(usize, Add)>,
    order: (u64, usize, Phase),
}

/// What is added to a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Add {
    /// An event with its value: who, how long, whether it hit.
    Event(u64),
    /// So many calls more, or fewer, are up.
    Up(i64),
    /// A call talks from then on; until then, if that is known.
    Talk(i64, Option<i64>),
}

/// The phases of a call, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Begun,
    Dropped,
    Refused,
    Answered,
    Over,
    Failed,
}

/// The steps of all `entries`, in order of time.
pub(super) fn of(threshold: &Threshold, entries: &[Entry], calls: &[Call]) -> Vec<Step> {
    let counts: Vec<Count> =
        std::iter::once(threshold.count).chain(threshold.also.iter().map(|also| also.count)).collect();
    let mut steps: Vec<Step> = Vec::new();
    for entry in entries {
        let Some(call) = calls.get(entry.call) else { continue };
        let first = steps.len();
        for (counter, count) in counts.iter().enumerate() {
            for (phase, at, add) in adds(*count, threshold, entry, call) {
                let of_call = steps.get_mut(first..).unwrap_or_default();
                if let Some(step) = of_call.iter_mut().find(|step| step.order.2 == phase && step.at == at.at)
                {
                    step.adds.push((counter, add));
                } else {
                    let order = (at.order, entry.call, phase);
                    steps.push(Step { at: at.at, adds: vec![(counter, add)], order });
                }
            }
        }
    }
    let begun = |step: &Step| calls.get(step.order.1).map_or(0, |call| call.started);
    steps.sort_by_key(|step| (step.at, step.order.0, begun(step), step.order));
    steps
}

fn adds(count: Count, threshold: &Threshold, entry: &Entry, call: &Call) -> Vec<(Phase, Moment, Add)> {
    let passed = entry.refused == Refused::No;
    let begins = |value: Option<u64>| -> Vec<(Phase, Moment, Add)> {
        let Some(value) = value else { return Vec::new() };
        if threshold.outcome.is_empty() {
            return vec![(Phase::Begun, entry.at, Add::Event(value))];
        }
        let closes = closes(call).into_iter().filter(|_| passed).filter(|close| close.fits(threshold));
        closes.map(|close| (close.phase, close.at, Add::Event(value))).collect()
    };
    let finals = |value: &dyn Fn(u16) -> Option<u64>| -> Vec<(Phase, Moment, Add)> {
        let all = finals(call).into_iter().filter(|_| passed);
        all.filter_map(|(phase, at, status)| Some((phase, at, Add::Event(value(status)?)))).collect()
    };
    let over = |value: &dyn Fn(u64) -> Option<u64>| -> Vec<(Phase, Moment, Add)> {
        let talk = over(call).filter(|_| passed);
        let talk = talk.and_then(|(at, talk)| Some((Phase::Over, at, Add::Event(value(talk)?))));
        talk.into_iter().collect()
    };
    let shorter_than = threshold.shorter_than_micros.max(0) as u64;
    let when = |condition: bool| condition.then_some(1);
    match count {
        Count::Attempts | Count::Repeats => begins(Some(0)),
        Count::DistinctCalled => begins(call.called.map(u64::from)),
        Count::DistinctCaller => begins(Some(u64::from(call.caller))),
        Count::DistinctCountry => begins(call.country.map(u64::from)),
        Count::SequentialCalled => begins(call.line),
        Count::NeighbourCallers => begins(call.is_neighbour.then_some(u64::from(call.caller))),
        Count::Answered => finals(&|status| when(is_success(status))),
        Count::Failed => finals(&|status| when(is_failure(status))),
        Count::Busy => finals(&|status| when(is_busy(status))),
        Count::Cancelled => finals(&|status| when(status == 487)),
        Count::NotFound => finals(&|status| when(matches!(status, 404 | 410 | 484 | 604))),
        Count::OneRing => {
            let rang = call.rang.unwrap_or(call.started);
            let is_short = call.refused.is_some_and(|(_, at)| at.at - rang < threshold.shorter_than_micros);
            finals(&|status| when(status == 487 && is_short))
        }
        Count::AnswerRatio => finals(&|status| Some(u64::from(is_success(status)))),
        Count::EffectiveRatio => finals(&|status| {
            let is_effective = is_success(status) || matches!(status, 480 | 486 | 600 | 603);
            (status >= 400 && !matches!(status, 401 | 407) || is_success(status))
                .then_some(u64::from(is_effective))
        }),
        Count::NetworkEffectiveness => finals(&|status| {
            let is_effective = is_success(status) || matches!(status, 408 | 480 | 486 | 487 | 600 | 603);
            Some(u64::from(is_effective))
        }),
        Count::ShortCalls => over(&|talk| when(talk < shorter_than)),
        Count::ShortRatio => over(&|talk| Some(u64::from(talk < shorter_than))),
        Count::MeanDuration => over(&Some),
        Count::Concurrent => ups(entry, call),
        Count::Minutes => talks(entry, call),
        Count::RegistrationsFailed => failed(registration_failed(call).filter(|_| passed), 1),
        Count::UsersFailed => failed(registration_failed(call).filter(|_| passed), u64::from(call.caller)),
        Count::Probes => {
            let user = if call.is_register { Some(call.caller) } else { call.called };
            user.map_or_else(Vec::new, |user| failed(probed(call).filter(|_| passed), u64::from(user)))
        }
        // Nothing tells prices: such thresholds are left out.
        Count::Cost => Vec::new(),
    }
}

/// The final responses that count: a refusal that no repeat answered, and the answer, which another fork may give
/// after it.
fn finals(call: &Call) -> Vec<(Phase, Moment, u16)> {
    let refused = call.refused.map(|(status, at)| (Phase::Refused, at, status));
    let answered = call.answered.map(|at| (Phase::Answered, at, 200));
    refused.into_iter().chain(answered).collect()
}

/// When a call that was answered was over, and how long it had talked, in microseconds.
fn over(call: &Call) -> Option<(Moment, u64)> {
    let answered = call.answered.filter(|_| call.is_call)?;
    let at = if call.was_hung_up { call.ended } else { call.timed_out }?;
    Some((at, (at.at - answered.stamp).max(0) as u64))
}

/// How a call came to an end.
struct Close {
    phase: Phase,
    at: Moment,
    status: u16,
    talk: Option<u64>,
}

fn closes(call: &Call) -> Vec<Close> {
    let refused = call.refused.map(|(status, at)| Close { phase: Phase::Refused, at, status, talk: None });
    let over = over(call).map(|(at, talk)| Close { phase: Phase::Over, at, status: 200, talk: Some(talk) });
    refused.into_iter().chain(over).collect()
}

impl Close {
    fn fits(&self, threshold: &Threshold) -> bool {
        threshold.outcome.iter().any(|outcome| match outcome {
            Outcome::Short => {
                self.talk.is_some_and(|talk| (talk as i64) < threshold.shorter_than_micros.max(0))
            }
            Outcome::Failed => is_failure(self.status),
            Outcome::Busy => is_busy(self.status),
            Outcome::Cancelled => self.status == 487,
            Outcome::Answered => is_success(self.status),
        })
    }
}

/// When a call is up: from its INVITE to its refusal or end; of one that its own breach refused, only for that moment.
fn ups(entry: &Entry, call: &Call) -> Vec<(Phase, Moment, Add)> {
    let begun = (Phase::Begun, entry.at, Add::Up(1));
    match entry.refused {
        Refused::Before => return Vec::new(),
        Refused::Then => return vec![begun, (Phase::Dropped, entry.at, Add::Up(-1))],
        Refused::No => {}
    }
    let mut changes = vec![begun];
    if let Some((_, at)) = call.refused {
        changes.push((Phase::Refused, at, Add::Up(-1)));
        changes.extend(call.answered.map(|at| (Phase::Answered, at, Add::Up(1))));
    } else if call.is_call && call.answered.is_none() {
        changes.extend(call.timed_out.map(|at| (Phase::Over, at, Add::Up(-1))));
    }
    changes.extend(over(call).map(|(at, _)| (Phase::Over, at, Add::Up(-1))));
    changes
}

/// When a call talks. It is looked at whenever one begins or ends as well: what has left the window may have mattered.
fn talks(entry: &Entry, call: &Call) -> Vec<(Phase, Moment, Add)> {
    let mut changes: Vec<(Phase, Moment, Add)> =
        ups(entry, call).into_iter().map(|(phase, at, _)| (phase, at, Add::Up(0))).collect();
    if let Some(answered) = call.answered.filter(|_| call.is_call && entry.refused == Refused::No) {
        let end = over(call).map(|(at, _)| at.at);
        changes.push((Phase::Answered, answered, Add::Talk(answered.stamp, end)));
    }
    changes
}

/// A REGISTER with credentials that was refused, or one whose challenge nobody answered.
fn registration_failed(call: &Call) -> Option<Moment> {
    let status = call.status.filter(|_| call.is_register)?;
    if call.credentials {
        return call.ended.filter(|_| matches!(status, 401 | 403 | 404 | 407));
    }
    abandoned(call)
}

/// A request for an account that does not exist, or whose challenge nobody answered.
fn probed(call: &Call) -> Option<Moment> {
    match call.refused {
        Some((404, at)) => Some(at),
        // Who is refused with a password is known to the server.
        Some((403, at)) => (!call.credentials).then_some(at),
        _ => abandoned(call).filter(|_| !call.credentials),
    }
}

/// When it was clear that nobody would answer the challenge.
fn abandoned(call: &Call) -> Option<Moment> {
    let is_challenged = matches!(call.status, Some(401 | 407)) && call.answered.is_none();
    call.timed_out.filter(|_| is_challenged && !call.followed_up)
}

fn failed(at: Option<Moment>, value: u64) -> Vec<(Phase, Moment, Add)> {
    at.map(|at| (Phase::Failed, at, Add::Event(value))).into_iter().collect()
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn is_failure(status: u16) -> bool {
    (400..700).contains(&status) && !matches!(status, 401 | 407 | 487)
}

fn is_busy(status: u16) -> bool {
    matches!(status, 486 | 600)
}
