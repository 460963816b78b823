//! Callers who show a number that is only ever called.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let listed = stage.customer.do_not_originate.clone();
    if listed.is_empty() {
        return Plot { variant: "nothing-listed", also: &[] };
    }
    let one = stage.random.chance(60).then(|| stage.random.pick(&listed));
    let count = stage.random.scale(3, 250) as usize;
    let seconds = stage.random.scale(60, 2 * 86_400);
    let seconds = stage.span(seconds);
    let begin = stage.moment(7..20, seconds);
    let route = Route::any(stage);
    for at in stage.paced(begin, seconds, count) {
        let caller = one.unwrap_or_else(|| stage.random.pick(&listed));
        let called = stage.customer.any_number(&mut stage.random);
        let call = route.call(stage, at, caller, called);
        stage.push(call);
    }
    Plot {
        variant: if one.is_some() { "one-number" } else { "several-numbers" },
        also: &[Attack::OwnNumberSpoofing, Attack::RobocallBurst, Attack::LowAndSlowRobocall],
    }
}
