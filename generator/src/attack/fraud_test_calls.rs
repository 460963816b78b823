//! The few short calls by which a fraudster finds out which dear numbers a broken-in extension reaches.

use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["one-country", "many-countries", "premium-too"]);
    let extension = stage.customer.any_number(&mut stage.random);
    let range = numbers::expensive_range(&mut stage.random);
    let count = stage.random.between(4, 14) as usize;
    let seconds = stage.random.scale(60, 4 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    for at in stage.paced(begin, seconds, count) {
        let called = match variant {
            "one-country" => range.0 + stage.random.below(range.1),
            _ => numbers::expensive(&mut stage.random),
        };
        let mut call = stage.outbound(at, extension, called);
        call.outcome = match stage.random.below(10) {
            0..=5 => stage.answered([1, 6], [1, 15]),
            6 => stage.given_up(2, 12),
            _ => Outcome::Refused(stage.random.pick(&[403, 404, 503])),
        };
        stage.push(call);
    }
    Plot { variant, also: &[Attack::RevenueShareFraud, Attack::AfterHoursOutbound] }
}
