//! Passwords are tried on REGISTER, for one account or for many, from one address or from many.

use crate::attack::{Attack, Plot, tool};
use crate::call::{Method, Outcome, Style};
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["one-account", "many-accounts", "many-addresses", "slow", "found"]);
    let sources = if variant == "many-addresses" { stage.random.between(4, 60) } else { 1 };
    let sources = tool::sources(&mut stage.random, sources);
    let accounts: Vec<u64> = (0..if variant == "many-accounts" { stage.random.scale(4, 80) } else { 1 })
        .map(|_| stage.customer.any_number(&mut stage.random))
        .collect();
    let (count, seconds) = if variant == "slow" {
        (stage.random.scale(30, 200), stage.random.scale(6 * 3_600, 2 * 86_400))
    } else {
        (stage.random.scale(30, 1_200), stage.random.scale(30, 6 * 3_600))
    };
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    // Some tools keep one Call-ID for several guesses.
    let tries = stage.random.pick(&[0, 0, 0, 2, 5]);
    let (user_agent, refusal) =
        (tool::user_agent(&mut stage.random), stage.random.pick(&[401, 401, 403, 403]));
    let style = stage.random.pick(&[Style::Bare, Style::Plain]);
    let moments = stage.paced(begin, seconds, (count / (tries + 1)).max(12) as usize);
    let last = moments.len();
    for (index, at) in (1..).zip(moments) {
        let (source, account) = (stage.random.pick(&sources), stage.random.pick(&accounts));
        let (name, host) = (stage.customer.extension(account), stage.customer.domain.clone());
        let mut guess = stage.request(at, source, Method::Register, [&name, &name], &host);
        (guess.style, guess.user_agent) = (style, user_agent);
        guess.habits.challenge = Some(401);
        guess.habits.tries = tries as u16;
        let right = variant == "found" && index == last;
        guess.outcome = Outcome::Replied(if right { 200 } else { refusal });
        stage.push(guess);
    }
    Plot { variant, also: &[Attack::Scanner, Attack::ExtensionEnumeration] }
}
