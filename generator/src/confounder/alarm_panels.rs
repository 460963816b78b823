//! Alarm panels report every night: many short calls to one number, by the clock.

use crate::call::Outcome;
use crate::numbers;
use crate::stage::{SECOND, Stage};
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let panels = stage.random.scale(5, 60);
    let outwards = stage.random.chance(60);
    let centre = numbers::national(stage.customer, &mut stage.random);
    let receiver = stage.customer.any_number(&mut stage.random);
    let begin = stage.moment(1..5, panels * 60);
    let gap = stage.random.between(1, 50);
    for panel in 0..panels {
        let at = begin + (panel * gap * SECOND) as i64 + stage.seconds(0, 3) as i64;
        let mut call = if outwards {
            let line = stage.customer.nth(panel % stage.customer.size());
            stage.outbound(at, line, centre)
        } else {
            let line = numbers::national(stage.customer, &mut stage.random);
            stage.inbound(at, line, Writing::Plus, receiver)
        };
        call.outcome =
            Outcome::Answered { ring: stage.seconds(1, 3), talk: stage.seconds(2, 7), callee_ends: false };
        stage.push(call);
    }
}
