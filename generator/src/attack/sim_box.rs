//! Calls from abroad that come in on cards of the country, or that leave on lines of the customer.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::Outcome;
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let seconds = stage.random.scale(3 * 3_600, 3 * 86_400);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let count = stage.random.scale(80, 800) as usize;
    let moments = stage.paced(begin, seconds, count);
    if stage.random.chance(55) {
        // A rack of cards: numbers of one block, used in turn, from one address, never called back.
        let (first, cards) = (numbers::block(stage.customer, &mut stage.random), stage.random.scale(8, 64));
        let route = Route::direct_or_one_carrier(stage).talking(stage.random.between(55, 90), 8, [8, 240]);
        for (index, at) in (0..).zip(moments) {
            let called = stage.customer.any_number(&mut stage.random);
            let call = route.call(stage, at, first + index % cards, called);
            stage.push(call);
        }
        return Plot {
            variant: "cards-in-turn",
            also: &[Attack::RotatingCallers, Attack::RobocallBurst, Attack::LowAndSlowRobocall],
        };
    }
    // Traffic of others for one country, spread over a block of the customer's lines.
    let size = stage.customer.size();
    let (lines, (abroad, held)) =
        (stage.random.scale(4, 24).min(size), numbers::overlooked_range(&mut stage.random));
    let first = stage.random.below(size - lines + 1);
    for (index, at) in (0..).zip(moments) {
        let line = stage.customer.nth(first + index % lines);
        let called = abroad + stage.random.below(held);
        let mut call = stage.outbound(at, line, called);
        call.outcome = match stage.random.below(10) {
            0..=6 => stage.answered([2, 9], [5, 150]),
            7 => stage.given_up(5, 30),
            _ => Outcome::Refused(stage.random.pick(&[404, 480, 503])),
        };
        stage.push(call);
    }
    Plot {
        variant: "lines-in-turn",
        also: &[
            Attack::RevenueShareFraud,
            Attack::AfterHoursOutbound,
            Attack::RotatingCallers,
            Attack::FraudTestCalls,
        ],
    }
}
