//! A telephone registers with an old password every minute, until somebody sees to it.

use crate::call::{Method, Outcome};
use crate::stage::{SECOND, Stage};
use crate::truth::Direction;

pub(super) fn plan(stage: &mut Stage<'_>) {
    for _ in 0..stage.random.between(1, 3) {
        let own = stage.customer.any_number(&mut stage.random);
        let hours = stage.random.between(1, 9);
        let seconds = stage.span(hours * 3_600);
        let (gap, refusal) = (stage.random.pick(&[30, 60, 60, 120]), stage.random.pick(&[401, 403]));
        let begin = stage.moment(0..24, seconds);
        let (source, name) = (stage.customer.phone(own), stage.customer.extension(own));
        let (model, host) = (stage.customer.phone_model(own), stage.customer.domain.clone());
        for index in 0..seconds / gap {
            let at = begin + (index * gap * SECOND) as i64 + stage.random.below(SECOND) as i64;
            let mut call = stage.request(at, source, Method::Register, [&name, &name], &host);
            call.direction = Direction::Internal;
            call.user_agent = model;
            call.habits.challenge = Some(401);
            call.outcome = Outcome::Replied(refusal);
            stage.push(call);
        }
    }
}
