//! A caller who answers the BYE or re-INVITE of the called side with a challenge: a telephone that knows only its
//! own exchange answers with its password's digest.

use crate::attack::{Attack, Plot, tool};
use crate::call::{Leak, Outcome, Style};
use crate::numbers;
use crate::stage::Stage;
use crate::writing::Writing;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["bye", "bye", "reinvite"]);
    let sources = stage.random.pick(&[1, 1, 1, 3]);
    let sources = tool::sources(&mut stage.random, sources);
    let count = stage.random.scale(1, 40) as usize;
    let seconds = stage.random.scale(120, 10 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let (user_agent, status) = (tool::user_agent(&mut stage.random), stage.random.pick(&[407, 407, 401]));
    for at in stage.paced(begin, seconds, count) {
        let (caller, source) =
            (numbers::made_up(stage.customer, &mut stage.random), stage.random.pick(&sources));
        let victim = stage.customer.any_number(&mut stage.random);
        let writing = Writing::usual(&mut stage.random);
        let mut call = stage.inbound_from(at, source, caller, writing, victim);
        (call.style, call.user_agent) = (stage.random.pick(&[Style::Bare, Style::Plain]), user_agent);
        (call.asserted, call.attested) = (None, None);
        call.habits.leak = Some(if variant == "bye" { Leak::Bye(status) } else { Leak::Reinvite(status) });
        // The caller says nothing and waits until the person called hangs up.
        let (ring, talk) = (stage.seconds(2, 15), stage.seconds(4, 45));
        call.outcome = Outcome::Answered { ring, talk, callee_ends: true };
        stage.push(call);
    }
    Plot { variant, also: &[Attack::Scanner, Attack::WarDialling, Attack::RobocallBurst] }
}
