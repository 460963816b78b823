//! A tool goes over the border: is there a server, which extensions, which passwords, which dial plan?

use std::net::SocketAddr;

use crate::attack::Attack;
use crate::call::{Call, Method, Outcome, Party, Style};
use crate::stage::{SECOND, Stage};
use crate::truth::{Direction, Label};

pub(super) fn plan(stage: &mut Stage<'_>) {
    let source = SocketAddr::from(([203, 0, 113, 66], 5071));
    let seconds = stage.span(900);
    let begin = stage.moment(0..24, seconds);
    for at in stage.spread(begin, seconds / 6, 40) {
        let mut probe = request(stage, at, source, ("100", "100"), Method::Options);
        probe.outcome = if stage.random.chance(80) { Outcome::Ignored } else { Outcome::Replied(200) };
        stage.calls.push(probe);
    }
    let middle = begin + (seconds / 6 * SECOND) as i64;
    for (at, guess) in stage.spread(middle, seconds / 2, 150).into_iter().zip(100u64..) {
        let name = guess.to_string();
        let mut guess = request(stage, at, source, (&name, &name), Method::Register);
        guess.outcome = Outcome::Replied(stage.random.pick(&[404, 404, 404, 403]));
        guess.habits.challenge = stage.random.chance(40).then_some(401);
        stage.calls.push(guess);
    }
    let last = begin + (seconds * 2 / 3 * SECOND) as i64;
    let prefixes = ["", "0", "00", "9", "900", "9011", "011", "8", "800", "1"];
    for (at, prefix) in stage.spread(last, seconds / 3, 60).into_iter().zip(prefixes.into_iter().cycle()) {
        let dialled = format!("{prefix}447700900123");
        let mut call = request(stage, at, source, ("100", &dialled), Method::Invite);
        call.outcome = Outcome::Refused(stage.random.pick(&[403, 404, 404]));
        stage.calls.push(call);
    }
}

fn request(
    stage: &mut Stage<'_>,
    at: i64,
    source: SocketAddr,
    (from, to): (&str, &str),
    method: Method,
) -> Call {
    let border = stage.customer.border;
    let host = border.ip().to_string();
    let ends = ((Party::named(from, &host), source), (Party::named(to, &host), border));
    let mut call = stage.call(at, ends.0, ends.1, Direction::Inbound, Label::Attack(Attack::Scanner));
    call.method = method;
    call.style = Style::Bare;
    call.display = "sipvicious";
    call.user_agent = "friendly-scanner";
    call
}
