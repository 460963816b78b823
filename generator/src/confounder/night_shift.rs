//! A night shift calls abroad, where it is day.

use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let desks: Vec<u64> =
        (0..stage.random.between(1, 5)).map(|_| stage.customer.any_number(&mut stage.random)).collect();
    // They talk to a few partners, the same ones all night.
    let partners: Vec<u64> = (0..stage.random.between(4, 20))
        .map(|_| {
            if stage.customer.calls_afar && stage.random.chance(30) {
                numbers::from_afar(&mut stage.random)
            } else {
                numbers::foreign(stage.customer, &mut stage.random)
            }
        })
        .collect();
    let seconds = stage.span(6 * 3_600);
    let begin = stage.moment(0..2, seconds);
    let calls = stage.random.scale(15, 80) as usize;
    for at in stage.spread(begin, seconds, calls) {
        let (desk, partner) = (stage.random.pick(&desks), stage.random.pick(&partners));
        let mut call = stage.outbound(at, desk, partner);
        call.outcome = match stage.random.below(10) {
            0..=7 => stage.answered([4, 20], [20, 1_200]),
            _ => stage.given_up(15, 45),
        };
        stage.push(call);
    }
}
