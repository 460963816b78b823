//! One extension holds many long calls at the same time: somebody sells its minutes.

use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["abroad", "dear", "in-the-country"]);
    let extension = stage.customer.any_number(&mut stage.random);
    let (dear, held) = numbers::expensive_range(&mut stage.random);
    let count = stage.random.scale(12, 120) as usize;
    // Long enough against the time in which they begin, so that many are up together.
    let seconds = stage.random.scale(60, 3 * 3_600);
    let seconds = stage.span(seconds);
    let shortest = (seconds / 2).clamp(300, 7_200);
    let longest = shortest + stage.random.scale(120, 3_600);
    let begin = stage.moment(0..24, seconds);
    for at in stage.paced(begin, seconds, count) {
        let called = match variant {
            "abroad" => numbers::foreign(stage.customer, &mut stage.random),
            "dear" => dear + stage.random.below(held),
            _ => numbers::made_up(stage.customer, &mut stage.random),
        };
        let mut call = stage.outbound(at, extension, called);
        call.outcome = match stage.random.below(12) {
            0 => Outcome::Refused(503),
            _ => stage.answered([1, 9], [shortest, longest]),
        };
        call.habits.refresh_seconds = stage.random.pick(&[0, 900]);
        stage.push(call);
    }
    Plot { variant, also: &[Attack::RevenueShareFraud, Attack::AfterHoursOutbound, Attack::TrafficPumping] }
}
