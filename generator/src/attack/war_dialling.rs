//! A machine calls number after number of the customer, to see who or what answers.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let size = stage.customer.size();
    let count = stage.random.scale(30.min(size), size.min(900));
    let first = stage.random.below(size - count + 1);
    let mut called: Vec<u64> = (first..first + count).map(|index| stage.customer.nth(index)).collect();
    let variant = match stage.random.below(6) {
        0 => "sequential",
        1 => {
            called.reverse();
            "backwards"
        }
        2 | 3 => {
            stage.random.shuffle(&mut called);
            "shuffled"
        }
        4 => {
            let (even, odd): (Vec<u64>, Vec<u64>) = called.iter().partition(|number| *number % 2 == 0);
            called = [even, odd].concat();
            "every-second"
        }
        _ => {
            called = called.iter().flat_map(|&number| [number, number]).collect();
            "twice-each"
        }
    };
    let (callers, rotating) = callers(stage);
    let (answered, given_up) = (stage.random.between(10, 60), stage.random.between(20, 40));
    let route = Route::any(stage).talking(answered, given_up, [1, 5]);
    let gap_millis = stage.random.scale(400, 90_000);
    let seconds = stage.span((gap_millis * called.len() as u64 / 1_000).max(20));
    let begin = stage.moment(0..24, seconds);
    for (at, called) in stage.paced(begin, seconds, called.len()).into_iter().zip(called) {
        let caller = stage.random.pick(&callers);
        let call = route.call(stage, at, caller, called);
        stage.push(call);
    }
    let also: &[Attack] = if rotating {
        &[Attack::RobocallBurst, Attack::LowAndSlowRobocall, Attack::RotatingCallers]
    } else {
        &[Attack::RobocallBurst, Attack::LowAndSlowRobocall]
    };
    Plot { variant, also }
}

/// One caller, a few, or all of a block; and whether they are of a block.
fn callers(stage: &mut Stage<'_>) -> (Vec<u64>, bool) {
    if stage.random.chance(35) {
        let first = numbers::block(stage.customer, &mut stage.random);
        return ((first..first + stage.random.scale(6, 100)).collect(), true);
    }
    let count = stage.random.pick(&[1, 1, 1, 2, 3, 5]);
    ((0..count).map(|_| numbers::national(stage.customer, &mut stage.random)).collect(), false)
}
