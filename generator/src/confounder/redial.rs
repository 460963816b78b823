//! One person calls a busy desk until it answers.

use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let people = stage.random.between(2, 8);
    for _ in 0..people {
        let caller = numbers::national(stage.customer, &mut stage.random);
        let desk = stage.customer.any_number(&mut stage.random);
        let writing = Writing::usual(&mut stage.random);
        let mut at = stage.moment(8..17, 1_800);
        let (tries, pause) = (stage.random.scale(4, 22), stage.random.between(8, 120));
        for attempt in 1..=tries {
            let mut call = stage.inbound(at, caller, writing, desk);
            call.outcome =
                if attempt == tries { stage.answered([3, 12], [60, 600]) } else { Outcome::Refused(486) };
            stage.push(call);
            at += stage.seconds(pause, pause * 3) as i64;
        }
    }
}
