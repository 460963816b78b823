//! Callers from outside who show a number of the customer: a colleague, the help desk, the person called.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::Style;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["own-desk", "help-desk", "any-colleague", "number-called"]);
    let desk = if variant == "own-desk" {
        stage.customer.reception()
    } else {
        stage.customer.any_number(&mut stage.random)
    };
    let route = Route::any(stage);
    let seconds = stage.random.scale(120, 12 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(7..19, seconds);
    // Voice phishing asks few people, a robot asks all.
    let count = stage.random.scale(4, 200);
    let hidden = stage.random.chance(25);
    for at in stage.paced(begin, seconds, count as usize) {
        let called = stage.customer.any_number(&mut stage.random);
        let caller = match variant {
            "number-called" => called,
            "any-colleague" => stage.customer.any_number(&mut stage.random),
            _ => desk,
        };
        let mut call = route.call(stage, at, caller, called);
        if hidden && call.style == Style::Carrier {
            (call.asserted, call.attested) = (None, None);
        }
        stage.push(call);
    }
    Plot { variant, also: &[Attack::RobocallBurst, Attack::NeighbourSpoofing, Attack::LowAndSlowRobocall] }
}
