//! Calls sent on to numbers that pay: by REFER of either side, or by the 302 of a broken-in telephone.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::{Outcome, Side};
use crate::numbers;
use crate::stage::{SECOND, Stage};
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["refer-by-caller", "refer-by-extension", "moved-by-extension"]);
    let victims: Vec<u64> =
        (0..stage.random.scale(1, 8)).map(|_| stage.customer.any_number(&mut stage.random)).collect();
    let callers: Vec<u64> = (0..stage.random.scale(1, 10))
        .map(|_| numbers::national(stage.customer, &mut stage.random))
        .collect();
    let (first, held) = numbers::expensive_range(&mut stage.random);
    let count = stage.random.scale(3, 80) as usize;
    let seconds = stage.random.scale(600, 12 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let (route, follows) = (Route::any(stage), stage.random.chance(70));
    for at in stage.paced(begin, seconds, count) {
        let (caller, victim) = (stage.random.pick(&callers), stage.random.pick(&victims));
        let dear = first + stage.random.below(held);
        let mut call = route.call(stage, at, caller, victim);
        let (border, region) = (stage.customer.border, stage.customer.region);
        let writing = stage.random.pick(&[Writing::PlusPlain, Writing::Plus, Writing::ExitCode]);
        call.special().target = Some(writing.uri(dear, &border.ip().to_string(), region));
        if variant == "moved-by-extension" {
            call.outcome = Outcome::Refused(302);
        } else {
            call.outcome = stage.answered([2, 9], [4, 40]);
            call.habits.referred =
                Some(if variant == "refer-by-caller" { Side::Caller } else { Side::Called });
        }
        let later = at + (stage.random.between(1, 2) * SECOND) as i64 + talked(call.outcome);
        stage.push(call);
        if follows {
            let mut leg = stage.outbound(later, victim, dear);
            leg.diversion = Some(format!("<sip:+{victim}@{}>;reason=unconditional", border.ip()));
            leg.outcome = stage.answered([1, 5], [60, 1_800]);
            stage.push(leg);
        }
    }
    Plot { variant, also: &[Attack::RevenueShareFraud, Attack::AfterHoursOutbound, Attack::FraudTestCalls] }
}

fn talked(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Answered { ring, talk, .. } => (ring + talk) as i64,
        _ => 0,
    }
}
