//! Recorded messages to many numbers in a short time.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["one-caller", "few-callers", "toll-free-caller", "local-presence"]);
    let callers: Vec<u64> = match variant {
        "one-caller" => vec![numbers::national(stage.customer, &mut stage.random)],
        "toll-free-caller" => vec![numbers::toll_free(stage.customer, &mut stage.random)],
        "few-callers" => (0..stage.random.scale(2, 12))
            .map(|_| numbers::made_up(stage.customer, &mut stage.random))
            .collect(),
        _ => {
            let first = numbers::block(stage.customer, &mut stage.random);
            (0..stage.random.scale(3, 25)).map(|_| first + stage.random.below(100)).collect()
        }
    };
    let count = stage.random.scale(30, 900) as usize;
    let seconds = stage.random.scale(120, 2 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(7..21, seconds);
    let (route, in_order) = (Route::any(stage), stage.random.chance(20));
    let start = stage.random.below(stage.customer.size());
    for (index, at) in (0..).zip(stage.paced(begin, seconds, count)) {
        let called = if in_order {
            stage.customer.nth((start + index) % stage.customer.size())
        } else {
            stage.customer.any_number(&mut stage.random)
        };
        let caller = stage.random.pick(&callers);
        let call = route.call(stage, at, caller, called);
        stage.push(call);
    }
    let also: &[Attack] = if in_order {
        &[Attack::RotatingCallers, Attack::LowAndSlowRobocall, Attack::WarDialling]
    } else {
        &[Attack::RotatingCallers, Attack::LowAndSlowRobocall]
    };
    Plot { variant, also }
}
