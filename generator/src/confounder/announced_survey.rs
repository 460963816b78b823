//! A partner's exchange calls many numbers in sequence, as was announced.

use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let partner = numbers::national(stage.customer, &mut stage.random);
    let size = stage.customer.size();
    let count = stage.random.scale(15.min(size), size.min(250));
    let first = stage.random.below(size - count + 1);
    let pause = stage.random.between(20, 120);
    let seconds = stage.span(count * pause);
    let begin = stage.moment(8..15, seconds);
    for (at, index) in stage.spread(begin, seconds, count as usize).into_iter().zip(first..) {
        let called = stage.customer.nth(index);
        let mut call = stage.inbound(at, partner, Writing::Plus, called);
        call.display = "Example Research".into();
        call.outcome = match stage.random.below(10) {
            0..=5 => stage.answered([2, 15], [40, 420]),
            6 | 7 => stage.answered([2, 15], [4, 20]),
            _ => stage.given_up(20, 35),
        };
        stage.push(call);
    }
}
