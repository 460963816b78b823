//! Fax and modem calls on lines meant for voice: junk faxes, dial-up around the firewall, war-dialling for modems.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::{Media, Outcome};
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant =
        stage.random.pick(&["junk-fax", "junk-fax", "modem-search", "dial-up-outside", "fax-from-desks"]);
    let seconds = stage.random.scale(900, 2 * 86_400);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let count = stage.random.scale(12, 200) as usize;
    let moments = stage.paced(begin, seconds, count);
    let media = match variant {
        "junk-fax" | "fax-from-desks" => stage.random.pick(&[Media::Fax, Media::FaxLater, Media::FaxLater]),
        _ => Media::Modem,
    };
    let callers: Vec<u64> =
        (0..stage.random.scale(1, 6)).map(|_| numbers::national(stage.customer, &mut stage.random)).collect();
    let desks: Vec<u64> =
        (0..stage.random.scale(1, 4)).map(|_| stage.customer.any_number(&mut stage.random)).collect();
    let route = Route::carried(stage);
    for at in moments {
        let mut call = match variant {
            "dial-up-outside" | "fax-from-desks" => {
                let (desk, called) = (stage.random.pick(&desks), stage.random.pick(&callers));
                stage.outbound(at, desk, called)
            }
            _ => {
                let (caller, called) =
                    (stage.random.pick(&callers), stage.customer.any_number(&mut stage.random));
                route.call(stage, at, caller, called)
            }
        };
        call.habits.media = media;
        call.outcome = match stage.random.below(10) {
            0..=6 if media == Media::Modem => stage.answered([2, 8], [20, 3_600]),
            0..=6 => stage.answered([2, 8], [15, 180]),
            7 | 8 => Outcome::Refused(stage.random.pick(&[488, 415, 486])),
            _ => stage.given_up(15, 40),
        };
        stage.push(call);
    }
    Plot {
        variant,
        also: &[Attack::RobocallBurst, Attack::LowAndSlowRobocall, Attack::WarDialling, Attack::Harassment],
    }
}
