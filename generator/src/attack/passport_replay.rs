//! One signed identity, heard somewhere, shown with calls it was not signed for.

use crate::attack::route::Route;
use crate::attack::{Attack, Plot};
use crate::call::{Signed, Style};
use crate::numbers;
use crate::stage::{SECOND, Stage};

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["other-called", "other-caller", "old", "all-other"]);
    let holder = numbers::national(stage.customer, &mut stage.random);
    let count = stage.random.scale(5, 200) as usize;
    let seconds = stage.random.scale(120, 8 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(7..20, seconds);
    let age = if variant == "old" { stage.random.scale(600, 86_400) } else { stage.random.between(1, 120) };
    let first = stage.customer.any_number(&mut stage.random);
    let signed = Signed {
        caller: format!("+{holder}"),
        called: format!("+{first}"),
        at: begin - (age * SECOND) as i64,
        id: stage.random.bits(),
    };
    let (route, level) = (Route::carried(stage), stage.random.pick(&['A', 'A', 'B']));
    for at in stage.paced(begin, seconds, count) {
        let caller = match variant {
            "other-called" | "old" => holder,
            _ => numbers::made_up(stage.customer, &mut stage.random),
        };
        let called = match variant {
            "other-caller" | "old" => first,
            _ => stage.customer.any_number(&mut stage.random),
        };
        let mut call = route.call(stage, at, caller, called);
        if call.style == Style::Compact {
            call.style = Style::Carrier;
        }
        call.attested = Some(level);
        call.special().replayed = Some(signed.clone());
        stage.push(call);
    }
    Plot {
        variant,
        also: &[
            Attack::RobocallBurst,
            Attack::RotatingCallers,
            Attack::Harassment,
            Attack::LowAndSlowRobocall,
        ],
    }
}
