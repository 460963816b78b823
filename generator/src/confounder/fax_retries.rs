//! A fax machine tries again every minute: at a fax machine that is busy, or at a desk that has none.

use crate::call::{Media, Outcome};
use crate::numbers;
use crate::stage::{SECOND, Stage};
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    for _ in 0..stage.random.between(1, 4) {
        let machine = numbers::national(stage.customer, &mut stage.random);
        let wrong = stage.random.chance(30);
        let called = if wrong {
            stage.customer.any_number(&mut stage.random)
        } else {
            stage.random.pick(&stage.customer.fax())
        };
        let (tries, gap) = (stage.random.between(5, 30), stage.random.pick(&[60, 60, 120, 180]));
        let mut at = stage.moment(6..20, tries * gap);
        let outwards = !wrong && stage.random.chance(40);
        for attempt in 1..=tries {
            let mut call = if outwards {
                stage.outbound(at, called, machine)
            } else {
                stage.inbound(at, machine, Writing::Plus, called)
            };
            call.habits.media = stage.random.pick(&[Media::Fax, Media::FaxLater]);
            call.outcome = match (wrong, attempt == tries) {
                (false, true) => stage.answered([2, 5], [40, 180]),
                (false, false) => Outcome::Refused(486),
                // A person lifts the receiver, hears the whistle and hangs up.
                (true, _) if stage.random.chance(60) => stage.answered([4, 14], [2, 6]),
                (true, _) => Outcome::Refused(488),
            };
            stage.push(call);
            at += (gap * SECOND) as i64 + stage.seconds(0, 4) as i64;
        }
    }
}
