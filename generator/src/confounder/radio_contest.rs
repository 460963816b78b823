//! "Caller number ten wins": hundreds ring one number within minutes, find it busy and redial.

use crate::call::Outcome;
use crate::numbers;
use crate::stage::{SECOND, Stage};
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let number = stage.customer.any_number(&mut stage.random);
    let seconds = stage.random.between(90, 240);
    let seconds = stage.span(seconds);
    let begin = stage.moment(8..19, seconds + 300);
    let people = stage.random.scale(150, 600) as usize;
    for first in stage.ramp(begin - (seconds * SECOND) as i64 / 4, seconds, people) {
        let caller = numbers::made_up(stage.customer, &mut stage.random);
        let mut at = first.max(stage.start);
        for _ in 0..stage.random.between(1, 4) {
            let writing = Writing::usual(&mut stage.random);
            let mut call = stage.inbound(at, caller, writing, number);
            let through = stage.random.chance(4);
            call.outcome = if through { stage.answered([1, 4], [10, 60]) } else { Outcome::Refused(486) };
            stage.push(call);
            if through {
                break;
            }
            at += stage.seconds(3, 25) as i64;
        }
    }
}
