//! Recorded messages a few times an hour, for days: under every limit that looks at minutes.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::numbers;
use crate::stage::{SECOND, Stage};

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["one-caller", "one-caller", "two-callers", "just-under-ten-an-hour"]);
    let callers: Vec<u64> = (0..if variant == "two-callers" { 2 } else { 1 })
        .map(|_| numbers::national(stage.customer, &mut stage.random))
        .collect();
    let per_hour = if variant == "just-under-ten-an-hour" { 9 } else { stage.random.between(2, 8) };
    let hours = stage.random.scale(12, 6 * 24);
    let hours = stage.span(hours * 3_600) / 3_600;
    let by_day = stage.random.chance(60);
    let begin = stage.moment(if by_day { 6..10 } else { 0..24 }, hours * 3_600);
    let route = Route::carried(stage);
    for hour in 0..hours.max(1) {
        let at = begin + (hour * 3_600 * SECOND) as i64;
        let local = crate::rhythm::hour(&stage.customer.time_zone, at);
        if by_day && !(8..20).contains(&local) && hour > 0 {
            continue;
        }
        for at in stage.spread(at, 3_600, per_hour as usize) {
            let called = stage.customer.any_number(&mut stage.random);
            let caller = stage.random.pick(&callers);
            let call = route.call(stage, at, caller, called);
            stage.push(call);
        }
    }
    Plot { variant, also: &[Attack::RobocallBurst, Attack::RotatingCallers] }
}
