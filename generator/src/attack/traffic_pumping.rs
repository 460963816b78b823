//! Long calls whose only use is the fee for every minute: to rural access numbers, or at a toll-free number.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let count = stage.random.scale(20, 250) as usize;
    let longest = stage.random.scale(600, 3 * 3_600);
    let talk = [longest / 4, longest];
    let seconds = stage.random.scale(2 * 3_600, 3 * 86_400);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let access: Vec<u64> = {
        let first = numbers::rural(&mut stage.random) / 100 * 100;
        (0..stage.random.scale(1, 12)).map(|_| first + stage.random.below(100)).collect()
    };
    if stage.random.chance(60) {
        let holders = stage.random.scale(1, 8);
        let extensions: Vec<u64> =
            (0..holders).map(|_| stage.customer.any_number(&mut stage.random)).collect();
        for at in stage.paced(begin, seconds, count) {
            let (extension, called) = (stage.random.pick(&extensions), stage.random.pick(&access));
            let mut call = stage.outbound(at, extension, called);
            call.outcome = stage.answered([1, 4], talk);
            call.habits.refresh_seconds = stage.random.pick(&[0, 900, 1_800]);
            stage.push(call);
        }
        return Plot {
            variant: "to-rural-numbers",
            also: &[Attack::RevenueShareFraud, Attack::ConcurrentCallTheft, Attack::AfterHoursOutbound],
        };
    }
    let victim = stage.customer.hotline.unwrap_or_else(|| stage.customer.reception());
    let route = Route::carried(stage);
    for at in stage.paced(begin, seconds, count) {
        let caller = stage.random.pick(&access);
        let mut call = route.call(stage, at, caller, victim);
        call.outcome = match stage.answered([1, 4], talk) {
            Outcome::Answered { ring, talk, .. } => Outcome::Answered { ring, talk, callee_ends: false },
            other => other,
        };
        stage.push(call);
    }
    Plot { variant: "at-hotline", also: &[Attack::Harassment, Attack::TelephonyDenialOfService] }
}
