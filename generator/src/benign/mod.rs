//! An honest day: people who call, colleagues, machines that keep in touch.

mod machines;
mod people;

use crate::call::{Call, Media, Method, Outcome, Party, Side, Style};
use crate::day::Settings;
use crate::numbers;
use crate::random::Random;
use crate::rhythm;
use crate::stage::{SECOND, Stage};
use crate::truth::{Benign, Direction, Label};
use crate::writing::Writing;

/// Plans the honest traffic of one stage; none where nobody calls.
pub(crate) fn plan(stage: &mut Stage<'_>, settings: &Settings) {
    if settings.calls_per_hour <= 0.0 {
        return;
    }
    let customer = stage.customer;
    for at in rhythm::arrivals(customer, stage.start, stage.end, settings.calls_per_hour, &mut stage.random) {
        plan_call(stage, at, settings.seed);
    }
    machines::plan(stage, settings);
}

fn plan_call(stage: &mut Stage<'_>, at: i64, seed: u64) {
    let own = stage.customer.any_number(&mut stage.random);
    let kind = match stage.random.below(1_000) {
        0..=439 => Benign::Inbound,
        440..=469 => Benign::Forwarded,
        470..=481 if stage.customer.own_mobiles => Benign::OwnMobile,
        470..=481 => Benign::Inbound,
        482..=503 => Benign::Neighbour,
        504..=521 => Benign::TollFree,
        522..=539 => Benign::FromAbroad,
        540..=559 => Benign::Voicemail,
        560..=824 => Benign::Outbound,
        825..=860 => Benign::International,
        861..=866 => Benign::Fax,
        867..=871 => Benign::Conference,
        872..=876 => Benign::Moved,
        877 => Benign::Emergency,
        878..=882 => Benign::Message,
        _ => Benign::Internal,
    };
    stage.label = Label::Benign(kind);
    let mut call = match kind {
        Benign::Inbound => people::inbound(stage, at, own, seed),
        Benign::Forwarded => people::forwarded(stage, at, own),
        Benign::OwnMobile => people::own_mobile(stage, at, own),
        Benign::Neighbour => {
            let caller = numbers::neighbour(stage.customer, own, &mut stage.random);
            stage.inbound(at, caller, Writing::Plus, own)
        }
        Benign::TollFree => people::toll_free(stage, at, own),
        Benign::FromAbroad => people::from_abroad(stage, at, own),
        Benign::Voicemail => return voicemail(stage, at, own),
        Benign::Outbound => people::outbound(stage, at, own, seed),
        Benign::International => people::international(stage, at, own),
        Benign::Fax => return fax(stage, at),
        Benign::Conference => return conference(stage, at),
        Benign::Moved => return moved(stage, at, own),
        Benign::Emergency => return emergency(stage, at, own),
        Benign::Message => return message(stage, at, own),
        _ => {
            let colleague = stage.customer.any_number(&mut stage.random);
            let mut call = stage.internal(at, own, colleague);
            if stage.random.chance(3) {
                call.habits.media = Media::Video;
            }
            call
        }
    };
    call.outcome = outcome(stage);
    live(stage, &mut call);
    let mut again = (call.outcome == Outcome::Refused(486)).then(|| call.clone());
    stage.push(call);
    while let Some(mut retry) = again.take().filter(|_| stage.random.chance(60)) {
        (retry.id, retry.at) = (stage.random.bits(), retry.at + stage.seconds(20, 120) as i64);
        let busy = stage.random.chance(30);
        retry.outcome = if busy { Outcome::Refused(486) } else { answered(stage) };
        again = busy.then(|| retry.clone());
        stage.push(retry);
    }
}

/// Somebody hears the voicemail, mostly from the desk.
fn voicemail(stage: &mut Stage<'_>, at: i64, own: u64) {
    let voicemail = stage.customer.voicemail();
    let mut call = if stage.random.chance(75) {
        stage.internal(at, own, voicemail)
    } else {
        let mobile = numbers::national(stage.customer, &mut stage.random);
        stage.inbound(at, mobile, Writing::Plus, voicemail)
    };
    call.outcome = Outcome::Answered { ring: SECOND / 2, talk: stage.seconds(8, 150), callee_ends: false };
    stage.push(call);
}

/// A fax in or out; its machine tries again when the other is busy.
fn fax(stage: &mut Stage<'_>, mut at: i64) {
    let (machine, other) =
        (stage.random.pick(&stage.customer.fax()), numbers::national(stage.customer, &mut stage.random));
    let (outwards, later) = (stage.random.chance(50), stage.random.chance(70));
    for _ in 0..4 {
        let mut call = if outwards {
            stage.outbound(at, machine, other)
        } else {
            stage.inbound(at, other, Writing::Plus, machine)
        };
        call.habits.media = if later { Media::FaxLater } else { Media::Fax };
        let busy = stage.random.chance(20);
        call.outcome = if busy { Outcome::Refused(486) } else { stage.answered([2, 6], [25, 240]) };
        stage.push(call);
        if !busy {
            return;
        }
        at += stage.seconds(60, 180) as i64;
    }
}

/// A few people meet on the bridge.
fn conference(stage: &mut Stage<'_>, at: i64) {
    let (bridge, length) = (stage.customer.conference(), stage.random.between(600, 4_800));
    for _ in 0..stage.random.between(2, 7) {
        let at = at + stage.seconds(0, 240) as i64;
        let mut call = if stage.random.chance(50) {
            let own = stage.customer.any_number(&mut stage.random);
            stage.internal(at, own, bridge)
        } else {
            let caller = numbers::national(stage.customer, &mut stage.random);
            stage.inbound(at, caller, Writing::Plus, bridge)
        };
        call.outcome = stage.answered([1, 3], [length * 3 / 4, length]);
        call.habits.refresh_seconds = 900;
        stage.push(call);
    }
}

/// A telephone sends its caller on to a mobile: 302, and the exchange calls there.
fn moved(stage: &mut Stage<'_>, at: i64, own: u64) {
    let caller = numbers::national(stage.customer, &mut stage.random);
    let mobile = numbers::national(stage.customer, &mut stage.random);
    let mut call = stage.inbound(at, caller, Writing::Plus, own);
    let (host, region) = (stage.customer.border.ip().to_string(), stage.customer.region);
    call.special().target = Some(Writing::PlusPlain.uri(mobile, &host, region));
    call.outcome = Outcome::Refused(302);
    stage.push(call);
    let later = at + stage.seconds(1, 2) as i64;
    let mut leg = stage.outbound(later, own, mobile);
    leg.diversion = Some(format!("<sip:+{own}@{host}>;reason=unconditional"));
    leg.outcome = outcome(stage);
    stage.push(leg);
}

/// A call to the emergency number, and sometimes the call back.
fn emergency(stage: &mut Stage<'_>, at: i64, own: u64) {
    let mut call = stage.outbound(at, own, own);
    let talk = stage.seconds(60, 240);
    call.called = Party::named(stage.customer.region.emergency(), &call.far.ip().to_string());
    call.outcome = Outcome::Answered { ring: 2 * SECOND, talk, callee_ends: true };
    stage.push(call);
    if stage.random.chance(50) {
        let dispatcher = numbers::national(stage.customer, &mut stage.random);
        let later = at + talk as i64 + stage.seconds(120, 900) as i64;
        stage.label = Label::Benign(Benign::EmergencyCallback);
        let back = stage.inbound(later, dispatcher, Writing::Plus, own);
        stage.push(back);
    }
}

/// A text between colleagues.
fn message(stage: &mut Stage<'_>, at: i64, own: u64) {
    let colleague = stage.customer.any_number(&mut stage.random);
    let mut text = stage.internal(at, own, colleague);
    text.method = Method::Message;
    text.habits.challenge = stage.random.chance(50).then_some(407);
    text.special().text = "The meeting begins ten minutes later.".to_owned();
    text.outcome = Outcome::Replied(stage.random.pick(&[200, 200, 202]));
    stage.push(text);
}

fn outcome(stage: &mut Stage<'_>) -> Outcome {
    match stage.random.below(100) {
        0..=69 => answered(stage),
        70..=83 => stage.given_up(12, 45),
        84..=86 => stage.given_up(2, 10),
        87..=92 => Outcome::Refused(486),
        93..=95 => Outcome::Refused(404),
        96..=97 => Outcome::Refused(480),
        98 => Outcome::Refused(603),
        _ => Outcome::Refused(503),
    }
}

/// Most calls last a minute or two, some an hour.
fn answered(stage: &mut Stage<'_>) -> Outcome {
    let mean = stage.random.pick(&[25.0, 90.0, 90.0, 200.0, 200.0, 700.0]);
    let talk = (3.0 + stage.random.exponential(mean)).min(4.0 * 3_600.0);
    Outcome::Answered {
        ring: stage.seconds(2, 22),
        talk: (talk * SECOND as f64) as u64,
        callee_ends: stage.random.chance(50),
    }
}

/// What happens on the way of an ordinary call.
fn live(stage: &mut Stage<'_>, call: &mut Call) {
    let talk = match call.outcome {
        Outcome::Answered { talk, .. } => talk,
        _ => 0,
    };
    let habits = &mut call.habits;
    habits.repeated = stage.random.chance(2);
    habits.forked = call.direction == Direction::Inbound && stage.random.chance(4);
    habits.early_media = !habits.forked && call.style == Style::Carrier && stage.random.chance(15);
    habits.updated = habits.early_media && stage.random.chance(25);
    habits.held = talk > 0 && stage.random.chance(5);
    let referred = talk > 0 && call.direction == Direction::Inbound && stage.random.chance(2);
    habits.referred = referred.then_some(Side::Called);
    if talk > 900 * SECOND && stage.random.chance(60) {
        habits.refresh_seconds = 900;
    }
    if call.direction == Direction::Outbound && stage.random.chance(10) {
        habits.challenge = Some(407);
    }
}

/// Somebody who calls often, the `index`-th of those the customer knows.
fn regular(stage: &Stage<'_>, seed: u64, index: u64) -> u64 {
    numbers::national(stage.customer, &mut Random::stream(seed, "regular", index))
}
