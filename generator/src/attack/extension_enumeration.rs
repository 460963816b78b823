//! Names of accounts are tried one after the other, to learn from the answers which there are.

use crate::attack::{Attack, Plot, tool};
use crate::call::{Method, Outcome, Style};
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["in-order", "in-order", "any-order", "names-too", "slow"]);
    let method = stage.random.pick(&[
        Method::Register,
        Method::Register,
        Method::Invite,
        Method::Options,
        Method::Subscribe,
    ]);
    let sources = stage.random.pick(&[1, 1, 1, 4, 16]);
    let sources = tool::sources(&mut stage.random, sources);
    let count = stage.random.scale(40, 900);
    let seconds = if variant == "slow" {
        stage.random.scale(6 * 3_600, 2 * 86_400)
    } else {
        stage.random.scale(20, 3 * 3_600)
    };
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let first = stage.random.pick(&[100u64, 200, 1_000, 2_000, 7_000]);
    let mut guesses: Vec<String> = (first..first + count).map(|guess| guess.to_string()).collect();
    if variant == "names-too" {
        guesses.extend(tool::ACCOUNTS.iter().map(|name| (*name).to_owned()));
    }
    if variant != "in-order" {
        stage.random.shuffle(&mut guesses);
    }
    let (user_agent, there) = (tool::user_agent(&mut stage.random), stage.random.between(0, 25));
    let style = stage.random.pick(&[Style::Bare, Style::Plain]);
    let host = stage.customer.border.ip().to_string();
    for (at, guess) in stage.paced(begin, seconds, guesses.len()).into_iter().zip(guesses) {
        let source = stage.random.pick(&sources);
        let from = if method == Method::Register { guess.as_str() } else { "100" };
        let mut call = stage.request(at, source, method, [from, &guess], &host);
        (call.style, call.user_agent) = (style, user_agent);
        // An account that exists asks for a password, and the tool goes on to the next.
        let status = if stage.random.chance(there) { stage.random.pick(&[401, 403]) } else { 404 };
        call.outcome = if method == Method::Invite {
            Outcome::Refused(if status == 401 { 407 } else { status })
        } else {
            Outcome::Replied(status)
        };
        stage.push(call);
    }
    Plot { variant, also: &[Attack::Scanner, Attack::RegistrationCracking, Attack::WarDialling] }
}
