//! One ring from a number that costs whoever calls it back.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::{SECOND, Stage};

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let (first, held) = match stage.random.below(10) {
        0..=7 => numbers::expensive_range(&mut stage.random),
        _ => numbers::overlooked_range(&mut stage.random),
    };
    let variant = stage.random.pick(&["one-caller", "few-callers", "one-range", "many-countries"]);
    let callers: Vec<u64> = match variant {
        "one-caller" => vec![first + stage.random.below(held)],
        "few-callers" => (0..stage.random.between(2, 6)).map(|_| first + stage.random.below(held)).collect(),
        "one-range" => (first..first + held).collect(),
        _ => (0..stage.random.scale(5, 60)).map(|_| numbers::expensive(&mut stage.random)).collect(),
    };
    let count = stage.random.scale(25, 600);
    let seconds = stage.random.scale(300, 10 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let (route, in_order) = (Route::carried(stage), stage.random.chance(35));
    let (shortest, longest) = (stage.random.between(200, 1_200), stage.random.between(1_400, 4_500));
    let start = stage.random.below(stage.customer.size());
    for (index, at) in (0..).zip(stage.paced(begin, seconds, count as usize)) {
        let called = if in_order {
            stage.customer.nth((start + index) % stage.customer.size())
        } else {
            stage.customer.any_number(&mut stage.random)
        };
        let caller = stage.random.pick(&callers);
        let mut call = route.call(stage, at, caller, called);
        call.outcome = match stage.random.below(20) {
            0 => Outcome::Refused(486),
            1 => Outcome::Answered { ring: SECOND / 2, talk: stage.seconds(1, 3), callee_ends: false },
            _ => Outcome::Cancelled { ring: stage.random.between(shortest, longest) * 1_000 },
        };
        stage.push(call);
    }
    let also: &[Attack] = if in_order {
        &[Attack::RobocallBurst, Attack::LowAndSlowRobocall, Attack::WarDialling, Attack::RotatingCallers]
    } else {
        &[Attack::RobocallBurst, Attack::LowAndSlowRobocall, Attack::RotatingCallers]
    };
    Plot { variant, also }
}
