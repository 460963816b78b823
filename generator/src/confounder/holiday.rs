//! A holiday: people call family far away and are called by it, at all hours and for long.

use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let seconds = stage.span(14 * 3_600);
    let begin = stage.moment(6..9, seconds);
    let calls = stage.random.scale(60, 400) as usize;
    for at in stage.spread(begin, seconds, calls) {
        let own = stage.customer.any_number(&mut stage.random);
        let (outwards, afar) = (stage.random.chance(50), stage.random.chance(30));
        let mut call = if outwards {
            let family = if afar && stage.customer.calls_afar {
                numbers::from_afar(&mut stage.random)
            } else {
                numbers::foreign(stage.customer, &mut stage.random)
            };
            stage.outbound(at, own, family)
        } else {
            let family = if afar {
                numbers::from_afar(&mut stage.random)
            } else {
                numbers::foreign(stage.customer, &mut stage.random)
            };
            let writing = Writing::usual(&mut stage.random);
            stage.inbound(at, family, writing, own)
        };
        call.outcome = match stage.random.below(10) {
            0..=6 => stage.answered([3, 20], [60, 2_400]),
            7 | 8 => stage.given_up(15, 45),
            _ => Outcome::Refused(stage.random.pick(&[486, 503])),
        };
        stage.push(call);
    }
}
