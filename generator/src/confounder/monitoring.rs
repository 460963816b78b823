//! A monitoring system asks every few seconds whether the border is there.

use std::net::SocketAddr;

use crate::call::{Method, Outcome, Style};
use crate::stage::{SECOND, Stage};
use crate::truth::Direction;

pub(super) fn plan(stage: &mut Stage<'_>) {
    let hours = stage.random.between(1, 8);
    let seconds = stage.span(hours * 3_600);
    let (gap, begin) = (stage.random.pick(&[2, 5, 10, 15]), stage.moment(0..24, seconds));
    // Of the customer's own, or of somebody it pays for watching from outside.
    let outside = stage.random.chance(50);
    let source = if outside {
        SocketAddr::from(([203, 0, 113, stage.random.between(200, 220) as u8], 5060))
    } else {
        let desk = stage.customer.any_number(&mut stage.random);
        stage.customer.phone(desk)
    };
    let user_agent =
        stage.random.pick(&["monitoring-plugins/2.3 check_sip", "Uptime Probe 4", "sipsak 0.9.8"]);
    let host = stage.customer.border.ip().to_string();
    for index in 0..seconds / gap {
        let at = begin + (index * gap * SECOND) as i64 + stage.random.below(SECOND / 4) as i64;
        let mut call = stage.request(at, source, Method::Options, ["monitor", "ping"], &host);
        call.direction = if outside { Direction::Inbound } else { Direction::Internal };
        (call.style, call.user_agent) = (Style::Bare, user_agent);
        call.outcome = Outcome::Replied(200);
        stage.push(call);
    }
}
