//! Callers who show a number next to the one they call, because neighbours are answered.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let slow = stage.random.chance(30);
    let (count, seconds) = if slow {
        (stage.random.scale(30, 200), stage.random.scale(4 * 3_600, 3 * 86_400))
    } else {
        (stage.random.scale(25, 500), stage.random.scale(600, 3 * 3_600))
    };
    let route = Route::carried(stage);
    // Some draw a new neighbour for every call, some keep one for the number they call.
    let kept = stage.random.chance(25).then(|| stage.random.bits());
    let seconds = stage.span(seconds);
    let begin = stage.moment(8..20, seconds);
    for at in stage.paced(begin, seconds, count as usize) {
        let called = stage.customer.any_number(&mut stage.random);
        let caller = match kept {
            Some(seed) => {
                numbers::neighbour(stage.customer, called, &mut crate::random::Random::new(seed ^ called))
            }
            None => numbers::neighbour(stage.customer, called, &mut stage.random),
        };
        let call = route.call(stage, at, caller, called);
        stage.push(call);
    }
    let also = &[Attack::RobocallBurst, Attack::LowAndSlowRobocall, Attack::RotatingCallers];
    Plot { variant: if slow { "slow" } else { "burst" }, also }
}
