//! The power comes back: all telephones start within a minute, register, and ask for their lamps.

use crate::call::{Method, Outcome};
use crate::stage::{SECOND, Stage};
use crate::truth::Direction;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let begin = stage.moment(0..24, 600);
    let width = stage.random.between(10, 90);
    let telephones = stage.customer.size().min(600);
    let host = stage.customer.domain.clone();
    for index in 0..telephones {
        let own = stage.customer.nth(index);
        let (phone, name) = (stage.customer.phone(own), stage.customer.extension(own));
        let at = begin + stage.random.below(width * SECOND) as i64;
        for (later, method) in [(0, Method::Register), (2, Method::Subscribe)] {
            let at = at + (later * SECOND) as i64;
            let mut call = stage.request(at, phone, method, [&name, &name], &host);
            call.direction = Direction::Internal;
            call.user_agent = stage.customer.phone_model(own);
            call.habits.challenge = Some(401);
            call.outcome = Outcome::Replied(200);
            stage.push(call);
        }
    }
}
