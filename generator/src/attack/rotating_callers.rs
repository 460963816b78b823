//! A machine that shows another number with every call, but for its guise the same.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant =
        stage.random.pick(&["inside-a-block", "inside-a-block", "across-blocks", "across-the-country"]);
    let held = if variant == "across-blocks" { stage.random.between(2, 9) } else { 1 };
    let blocks: Vec<u64> = (0..held).map(|_| numbers::block(stage.customer, &mut stage.random)).collect();
    let (count, seconds) = if stage.random.chance(30) {
        (stage.random.scale(40, 300), stage.random.scale(6 * 3_600, 3 * 86_400))
    } else {
        (stage.random.scale(40, 600), stage.random.scale(600, 5 * 3_600))
    };
    let route = Route::any(stage).named(stage);
    let seconds = stage.span(seconds);
    let begin = stage.moment(7..21, seconds);
    let (start, in_order) = (stage.random.below(100), stage.random.chance(50));
    for (index, at) in (0..).zip(stage.paced(begin, seconds, count as usize)) {
        let line = if in_order { (start + index) % 100 } else { stage.random.below(100) };
        let caller = match variant {
            "across-the-country" => numbers::made_up(stage.customer, &mut stage.random),
            _ => stage.random.pick(&blocks) + line,
        };
        let called = stage.customer.any_number(&mut stage.random);
        let call = route.call(stage, at, caller, called);
        stage.push(call);
    }
    Plot {
        variant,
        also: &[Attack::RobocallBurst, Attack::LowAndSlowRobocall, Attack::NeighbourSpoofing, Attack::SimBox],
    }
}
