//! Unasked texts by MESSAGE, at one telephone or at all.

use crate::attack::{Attack, Plot, tool};
use crate::call::{Method, Outcome, Style};
use crate::numbers;
use crate::stage::Stage;

pub(super) fn plan(stage: &mut Stage<'_>) -> Plot {
    let variant = stage.random.pick(&["at-one", "at-all", "many-senders"]);
    let victim = stage.customer.any_number(&mut stage.random);
    let sources = stage.random.scale(1, 15);
    let sources = tool::sources(&mut stage.random, sources);
    let senders: Vec<u64> = (0..if variant == "many-senders" { 40 } else { 1 })
        .map(|_| numbers::made_up(stage.customer, &mut stage.random))
        .collect();
    let count = stage.random.scale(40, 900) as usize;
    let seconds = stage.random.scale(30, 5 * 3_600);
    let seconds = stage.span(seconds);
    let begin = stage.moment(0..24, seconds);
    let (text, user_agent) = (stage.random.pick(TEXTS), tool::user_agent(&mut stage.random));
    let style = stage.random.pick(&[Style::Bare, Style::Plain, Style::Compact]);
    for at in stage.paced(begin, seconds, count) {
        let called = if variant == "at-one" { victim } else { stage.customer.any_number(&mut stage.random) };
        let (source, sender) = (stage.random.pick(&sources), stage.random.pick(&senders));
        let host = stage.customer.domain.clone();
        let names = [format!("+{sender}"), format!("+{called}")];
        let [from, to] = names.each_ref().map(String::as_str);
        let mut message = stage.request(at, source, Method::Message, [from, to], &host);
        (message.style, message.user_agent) = (style, user_agent);
        message.special().text = format!("{text} https://prize.example/{:05x}", stage.random.below(1 << 20));
        message.outcome = match stage.random.below(10) {
            0..=5 => Outcome::Replied(stage.random.pick(&[200, 202])),
            6..=8 => Outcome::Replied(stage.random.pick(&[403, 404, 480])),
            _ => Outcome::Ignored,
        };
        stage.push(message);
    }
    Plot { variant, also: &[Attack::Scanner, Attack::TelephonyDenialOfService] }
}

const TEXTS: &[&str] = &[
    "You have won. Claim it today:",
    "Your parcel waits for a fee:",
    "Unusual sign-in to your account, confirm at",
    "Cheap minutes to all countries:",
    "Final notice about your tax refund:",
];
