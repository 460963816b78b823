//! Codes are tried on the voicemail, a few with each short call; then its call-back function calls abroad.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::{SECOND, Stage};

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["one-caller", "few-callers", "new-caller-each-time"]);
    let voicemail = stage.customer.voicemail();
    let callers: Vec<u64> = (0..if variant == "one-caller" { 1 } else { stage.random.between(2, 6) })
        .map(|_| numbers::national(stage.customer, &mut stage.random))
        .collect();
    let count = stage.random.scale(15, 200) as usize;
    let seconds = stage.random.scale(900, 10 * 3_600);
    let seconds = stage.span(seconds);
    let evening = stage.random.chance(60);
    let begin = stage.moment(if evening { 18..24 } else { 0..24 }, seconds);
    let longest = stage.random.between(8, 30);
    let route = Route::carried(stage);
    for at in stage.paced(begin, seconds, count) {
        let caller = match variant {
            "new-caller-each-time" => numbers::made_up(stage.customer, &mut stage.random),
            _ => stage.random.pick(&callers),
        };
        let mut call = route.call(stage, at, caller, voicemail);
        call.outcome = Outcome::Answered {
            ring: stage.seconds(0, 2),
            talk: stage.seconds(3, longest),
            callee_ends: stage.random.chance(60),
        };
        stage.push(call);
    }
    let after = begin + (seconds * SECOND) as i64;
    let (dear, held) = numbers::expensive_range(&mut stage.random);
    let backs = stage.random.below(12) as usize;
    for at in stage.spread(after, 1_800, backs) {
        let called = dear + stage.random.below(held);
        let mut call = stage.outbound(at, voicemail, called);
        call.outcome = stage.answered([1, 5], [60, 1_500]);
        stage.push(call);
    }
    Plot {
        variant,
        also: &[
            Attack::Harassment,
            Attack::TelephonyDenialOfService,
            Attack::RevenueShareFraud,
            Attack::AfterHoursOutbound,
        ],
    }
}
