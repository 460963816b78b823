//! So many calls at one number, or at all, that nobody else gets through.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::{SECOND, Stage};

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let victims = stage.random.scale(1, 4);
    let victims: Vec<u64> = (0..victims).map(|_| stage.customer.any_number(&mut stage.random)).collect();
    match stage.random.below(6) {
        0 | 1 => {
            let (count, seconds) = (stage.random.scale(150, 2_500), stage.random.scale(60, 1_500));
            flood(stage, &victims, &[], count, seconds);
            Plot { variant: "flood-of-one", also: &[Attack::RobocallBurst, Attack::RotatingCallers] }
        }
        2 => {
            let (count, seconds) = (stage.random.scale(300, 3_000), stage.random.scale(120, 1_800));
            flood(stage, &[], &[], count, seconds);
            Plot {
                variant: "flood-of-all",
                also: &[Attack::RobocallBurst, Attack::RotatingCallers, Attack::WarDialling],
            }
        }
        3 => {
            let callers: Vec<u64> = (0..stage.random.scale(1, 6))
                .map(|_| numbers::made_up(stage.customer, &mut stage.random))
                .collect();
            let (count, seconds) = (stage.random.scale(120, 1_200), stage.random.scale(120, 2_400));
            flood(stage, &victims, &callers, count, seconds);
            Plot { variant: "few-callers", also: &[Attack::RobocallBurst, Attack::Harassment] }
        }
        4 => {
            ramp(stage, &victims);
            Plot { variant: "slow-ramp", also: &[Attack::RobocallBurst, Attack::RotatingCallers] }
        }
        _ => {
            hold(stage, &victims);
            Plot { variant: "held-lines", also: &[Attack::RobocallBurst, Attack::RotatingCallers] }
        }
    }
}

/// Calls at `victims`, or at everybody when there are none, by `callers`, or by made-up ones.
fn flood(stage: &mut Stage<'_>, victims: &[u64], callers: &[u64], count: u64, seconds: u64) {
    let route = Route::any(stage).talking(stage.random.between(5, 40), 10, [2, 60]);
    let seconds = stage.span(seconds);
    let begin = stage.moment(7..21, seconds);
    for at in stage.paced(begin, seconds, count as usize) {
        call(stage, &route, at, victims, callers);
    }
}

fn ramp(stage: &mut Stage<'_>, victims: &[u64]) {
    let route = Route::carried(stage).talking(30, 20, [4, 90]);
    let seconds = stage.random.scale(3_600, 4 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(6..20, seconds);
    let count = stage.random.scale(400, 3_000) as usize;
    for at in stage.ramp(begin, seconds, count) {
        call(stage, &route, at, victims, &[]);
    }
}

/// Every line that is free is taken and held.
fn hold(stage: &mut Stage<'_>, victims: &[u64]) {
    let longest = stage.random.scale(180, 1_800);
    let route = Route::carried(stage).talking(85, 5, [longest / 3, longest]);
    let seconds = stage.random.scale(120, 1_800);
    let seconds = stage.span(seconds);
    let begin = stage.moment(8..18, seconds);
    let count = stage.random.scale(80, 500) as usize;
    for at in stage.paced(begin, seconds, count) {
        call(stage, &route, at, victims, &[]);
    }
}

fn call(stage: &mut Stage<'_>, route: &Route, at: i64, victims: &[u64], callers: &[u64]) {
    let victim = if victims.is_empty() {
        stage.customer.any_number(&mut stage.random)
    } else {
        stage.random.pick(victims)
    };
    let caller = if callers.is_empty() {
        numbers::made_up(stage.customer, &mut stage.random)
    } else {
        stage.random.pick(callers)
    };
    let mut call = route.call(stage, at, caller, victim);
    if let Outcome::Answered { talk, .. } = call.outcome {
        call.outcome = Outcome::Answered { ring: stage.seconds(1, 6), talk, callee_ends: false };
    } else if stage.random.chance(70) {
        call.outcome = Outcome::Refused(stage.random.pick(&[486, 486, 486, 503]));
    } else {
        call.outcome = Outcome::Cancelled { ring: stage.random.between(SECOND, 20 * SECOND) };
    }
    stage.push(call);
}
