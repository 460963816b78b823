//! Somebody calls one person again and again, with a number or without, in an hour or over weeks.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::{Outcome, Party};
use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let victim = stage.customer.any_number(&mut stage.random);
    let caller = numbers::national(stage.customer, &mut stage.random);
    let variant = stage.random.pick(&[
        "one-evening",
        "all-day",
        "over-weeks",
        "withheld",
        "withheld-asserted",
        "evasive",
        "silent",
    ]);
    let (count, seconds) = match variant {
        "one-evening" => (stage.random.scale(12, 120), stage.random.scale(600, 4 * 3_600)),
        "over-weeks" => (stage.random.scale(30, 200), stage.random.scale(5, 28) * 86_400),
        _ => (stage.random.scale(15, 150), stage.random.scale(1_800, 2 * 86_400)),
    };
    let route = Route::carried(stage).talking(stage.random.between(20, 80), 20, [3, 200]);
    let route = if variant == "evasive" { route.evasive() } else { route };
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    for at in stage.paced(begin, seconds, count as usize) {
        let mut call = route.call(stage, at, caller, victim);
        match variant {
            "withheld" => {
                call.caller.uri = Party::anonymous().uri;
                call.display = "Anonymous".into();
                (call.asserted, call.attested) = (None, None);
            }
            "withheld-asserted" => {
                // The number is hidden from the person called, not from the carriers (RFC 3323, RFC 3325).
                let region = stage.customer.region;
                let asserted = Writing::Plus.uri(caller, &call.near.ip().to_string(), region);
                call.asserted = Some(format!("<{asserted}>"));
                call.caller.uri = Party::anonymous().uri;
                call.display = "Anonymous".into();
            }
            "silent" => {
                call.outcome = match stage.answered([3, 20], [1, 6]) {
                    Outcome::Answered { ring, talk, .. } => {
                        Outcome::Answered { ring, talk, callee_ends: false }
                    }
                    other => other,
                };
            }
            _ => {}
        }
        stage.push(call);
    }
    Plot { variant, also: &[Attack::TelephonyDenialOfService, Attack::RobocallBurst] }
}
