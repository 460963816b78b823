//! A tool goes over the border: is there a server, what does it let in, which dial plan does it have?

use std::net::SocketAddr;

use crate::attack::{Attack, Plot, tool};
use crate::call::{Call, Method, Outcome, Style};
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["options", "register", "dial-plan", "all", "all", "slow"]);
    let sources = if stage.random.chance(70) { 1 } else { stage.random.between(2, 20) };
    let sources = tool::sources(&mut stage.random, sources);
    let seconds = if variant == "slow" {
        stage.random.scale(8 * 3_600, 3 * 86_400)
    } else {
        stage.random.scale(20, 5_400)
    };
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let probe = Probe {
        user_agent: tool::user_agent(&mut stage.random),
        name: stage.random.pick(&["100", "nm", "sipvicious", "1000", "admin", "test", "0000"]),
        style: stage.random.pick(&[Style::Bare, Style::Bare, Style::Plain]),
        destination: numbers::foreign(stage.customer, &mut stage.random),
        answers: stage.random.between(10, 100),
    };
    let count =
        if variant == "slow" { stage.random.scale(20, 120) } else { stage.random.scale(25, 600) } as usize;
    for at in stage.paced(begin, seconds, count) {
        let source = stage.random.pick(&sources);
        let step = match variant {
            "options" => 0,
            "register" => 1,
            "dial-plan" => 2,
            _ => stage.random.below(3),
        };
        let call = match step {
            0 => probe.options(stage, at, source),
            1 => probe.register(stage, at, source),
            _ => probe.invite(stage, at, source),
        };
        stage.push(call);
    }
    Plot { variant, also: &[Attack::ExtensionEnumeration, Attack::RegistrationCracking] }
}

/// How one tool asks.
struct Probe {
    user_agent: &'static str,
    name: &'static str,
    style: Style,
    /// Where its calls would go if the server let them.
    destination: u64,
    /// How many of 100 probes the border answers.
    answers: u64,
}

impl Probe {
    fn options(&self, stage: &mut Stage<'_>, at: i64, source: SocketAddr) -> Call {
        let mut call = self.request(stage, at, source, Method::Options, self.name);
        let answered = stage.random.chance(self.answers);
        call.outcome = if answered {
            Outcome::Replied(stage.random.pick(&[200, 200, 404, 403]))
        } else {
            Outcome::Ignored
        };
        call
    }

    fn register(&self, stage: &mut Stage<'_>, at: i64, source: SocketAddr) -> Call {
        let name = stage.random.between(100, 9_999).to_string();
        let mut call = self.request(stage, at, source, Method::Register, &name);
        let answered = stage.random.chance(self.answers);
        call.outcome = if answered {
            Outcome::Replied(stage.random.pick(&[404, 401, 403, 403]))
        } else {
            Outcome::Ignored
        };
        call
    }

    fn invite(&self, stage: &mut Stage<'_>, at: i64, source: SocketAddr) -> Call {
        let prefix =
            stage.random.pick(&["", "0", "00", "9", "900", "9011", "011", "8", "800", "1", "+", "000", "#"]);
        let dialled = format!("{prefix}{}", self.destination);
        let mut call = self.request(stage, at, source, Method::Invite, &dialled);
        let answered = stage.random.chance(self.answers);
        call.outcome = if answered {
            Outcome::Refused(stage.random.pick(&[403, 404, 404, 484, 603]))
        } else {
            Outcome::Ignored
        };
        call
    }

    fn request(&self, stage: &mut Stage<'_>, at: i64, source: SocketAddr, method: Method, to: &str) -> Call {
        let host = stage.customer.border.ip().to_string();
        let from = if method == Method::Register { to } else { self.name };
        let mut call = stage.request(at, source, method, [from, to], &host);
        (call.style, call.user_agent) = (self.style, self.user_agent);
        if self.user_agent == "friendly-scanner" {
            call.display = "sipvicious".into();
        }
        call
    }
}
