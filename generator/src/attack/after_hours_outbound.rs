//! A broken-in extension calls out when nobody is there, to numbers that are not dear enough to be noticed.

use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["abroad", "abroad", "afar", "long-distance"]);
    let extensions: Vec<u64> = (0..stage.random.pick(&[1, 1, 1, 2, 4]))
        .map(|_| stage.customer.any_number(&mut stage.random))
        .collect();
    let count = stage.random.scale(12, 150) as usize;
    let seconds = stage.random.scale(1_200, 4 * 3_600);
    let seconds = stage.span(seconds);
    let evening = stage.random.chance(30);
    let begin = stage.moment_of_rest(if evening { 21..24 } else { 0..4 }, seconds);
    let longest = stage.random.scale(30, 1_800);
    let (abroad, held) = numbers::overlooked_range(&mut stage.random);
    for at in stage.paced(begin, seconds, count) {
        let called = match variant {
            "abroad" => numbers::foreign(stage.customer, &mut stage.random),
            "afar" => abroad + stage.random.below(held),
            _ => numbers::made_up(stage.customer, &mut stage.random),
        };
        let extension = stage.random.pick(&extensions);
        let mut call = stage.outbound(at, extension, called);
        call.outcome = match stage.random.below(10) {
            0..=6 => stage.answered([2, 14], [4, longest + 4]),
            7 => stage.given_up(8, 40),
            _ => Outcome::Refused(stage.random.pick(&[486, 404, 480])),
        };
        stage.push(call);
    }
    Plot { variant, also: &[Attack::RevenueShareFraud, Attack::ConcurrentCallTheft, Attack::FraudTestCalls] }
}
