//! A dialler reminds hundreds of people of their appointments, in the order of its list.

use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let dialler = stage.customer.any_number(&mut stage.random);
    let mut list: Vec<u64> = (0..stage.random.scale(60, 500))
        .map(|_| numbers::national(stage.customer, &mut stage.random))
        .collect();
    if stage.random.chance(60) {
        list.sort_unstable();
    }
    let seconds = list.len() as u64 * stage.random.between(3, 40);
    let seconds = stage.span(seconds);
    let begin = stage.moment(9..17, seconds);
    for (at, person) in stage.spread(begin, seconds, list.len()).into_iter().zip(list) {
        let mut call = stage.outbound(at, dialler, person);
        call.outcome = match stage.random.below(10) {
            0..=5 => stage.answered([4, 18], [4, 28]),
            6..=8 => stage.given_up(22, 30),
            _ => Outcome::Refused(stage.random.pick(&[486, 404, 480])),
        };
        stage.push(call);
    }
}
