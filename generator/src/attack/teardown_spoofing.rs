//! BYE or CANCEL from somebody who is no party: running calls of honest people end.

use crate::attack::{Attack, Plot, tool};
use crate::call::{Outcome, Torn};
use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["bye-as-caller", "bye-as-called", "cancel"]);
    let sources = stage.random.pick(&[1, 1, 2, 5]);
    let sources = tool::sources(&mut stage.random, sources);
    let count = stage.random.scale(3, 80) as usize;
    let seconds = stage.random.scale(60, 6 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(8..18, seconds);
    let believed = stage.random.between(10, 90);
    for at in stage.paced(begin, seconds, count) {
        let own = stage.customer.any_number(&mut stage.random);
        let other = numbers::national(stage.customer, &mut stage.random);
        let mut call = if stage.random.chance(60) {
            let writing = Writing::usual(&mut stage.random);
            stage.inbound(at, other, writing, own)
        } else {
            stage.outbound(at, own, other)
        };
        call.special().stranger = Some(stage.random.pick(&sources));
        let status = if stage.random.chance(believed) { 200 } else { 481 };
        if variant == "cancel" {
            call.habits.torn = Some(Torn::Cancel { status });
            call.outcome =
                if status == 200 { stage.given_up(2, 12) } else { stage.answered([6, 20], [20, 300]) };
        } else {
            let as_caller = variant == "bye-as-caller";
            call.habits.torn = Some(Torn::Bye { as_caller, status });
            call.outcome = stage.answered([2, 14], [10, 240]);
            if let Outcome::Answered { ring, talk, .. } = call.outcome {
                call.outcome = Outcome::Answered { ring, talk, callee_ends: stage.random.chance(50) };
            }
        }
        stage.push(call);
    }
    Plot { variant, also: &[Attack::TelephonyDenialOfService, Attack::Scanner] }
}
