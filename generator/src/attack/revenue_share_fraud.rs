//! International revenue share fraud: somebody broke into extensions and lets them call numbers that pay.

use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::{SECOND, Stage};

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant =
        stage.random.pick(&["one-extension", "one-extension", "many-extensions", "overlooked", "by-day"]);
    let held =
        if variant == "many-extensions" { stage.random.scale(3, 30) } else { stage.random.pick(&[1, 1, 2]) };
    let extensions: Vec<u64> = (0..held).map(|_| stage.customer.any_number(&mut stage.random)).collect();
    let ranges: Vec<(u64, u64)> = (0..stage.random.scale(1, 9))
        .map(|_| match variant {
            "overlooked" => numbers::overlooked_range(&mut stage.random),
            _ => numbers::expensive_range(&mut stage.random),
        })
        .collect();
    let seconds = stage.random.scale(600, 5 * 3_600);
    let seconds = stage.span(seconds);
    let begin = match variant {
        "by-day" => stage.moment(9..16, seconds),
        _ => stage.moment_of_rest(0..5, seconds),
    };
    try_out(stage, begin, &extensions, &ranges);
    let (shortest, longest) = (stage.random.scale(10, 200), stage.random.scale(240, 3_600));
    let refused = stage.random.between(0, 40);
    let count = stage.random.scale(20, 500) as usize;
    for at in stage.paced(begin, seconds, count) {
        let mut call = fraud(stage, at, &extensions, &ranges);
        call.outcome = if stage.random.chance(refused) {
            Outcome::Refused(stage.random.pick(&[503, 403, 404, 480]))
        } else {
            stage.answered([1, 6], [shortest, longest])
        };
        stage.push(call);
    }
    Plot {
        variant,
        also: &[
            Attack::FraudTestCalls,
            Attack::AfterHoursOutbound,
            Attack::ConcurrentCallTheft,
            Attack::TrafficPumping,
        ],
    }
}

/// Few short calls some time before.
fn try_out(stage: &mut Stage<'_>, begin: i64, extensions: &[u64], ranges: &[(u64, u64)]) {
    let before = (begin.abs_diff(stage.start) / SECOND).min(stage.random.scale(900, 20 * 3_600)).max(1);
    let first = (begin - (before * SECOND) as i64).max(stage.start);
    let tests = stage.random.below(5) as usize;
    for at in stage.spread(first, before, tests) {
        let mut call = fraud(stage, at, extensions, ranges);
        call.outcome = stage.answered([1, 5], [1, 12]);
        stage.push(call);
    }
}

fn fraud(stage: &mut Stage<'_>, at: i64, extensions: &[u64], ranges: &[(u64, u64)]) -> crate::call::Call {
    let (extension, (first, count)) = (stage.random.pick(extensions), stage.random.pick(ranges));
    let called = first + stage.random.below(count);
    stage.outbound(at, extension, called)
}
