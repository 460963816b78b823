//! An honest day: people who call, colleagues, keep-alives, registrations.

use crate::call::{Call, Method, Outcome, Party, Style};
use crate::numbers;
use crate::rhythm;
use crate::stage::{SECOND, Stage};
use crate::truth::{Benign, Direction, Label};
use crate::writing::Writing;

/// Plans the honest traffic, `calls_per_hour` calls in the busiest hour.
pub(crate) fn plan(stage: &mut Stage<'_>, calls_per_hour: f64) {
    let zone = stage.customer.time_zone.clone();
    for at in rhythm::arrivals(&zone, stage.start, stage.end, calls_per_hour, &mut stage.random) {
        plan_call(stage, at);
    }
    keep_alive(stage);
    register(stage);
}

fn plan_call(stage: &mut Stage<'_>, at: i64) {
    let own = stage.customer.any_number(&mut stage.random);
    let mut call = match stage.random.below(1_000) {
        0..=519 => inbound(stage, at, own),
        520..=559 => forwarded(stage, at, own),
        560..=838 => {
            let other = numbers::north_american(&mut stage.random);
            stage.outbound(at, own, other, Label::Benign(Benign::Outbound))
        }
        839..=878 => {
            let other = numbers::foreign(&mut stage.random);
            stage.outbound(at, own, other, Label::Benign(Benign::International))
        }
        879 => return emergency(stage, at, own),
        _ => {
            let colleague = stage.customer.any_number(&mut stage.random);
            stage.internal(at, own, colleague, Label::Benign(Benign::Internal))
        }
    };
    call.outcome = outcome(stage);
    live(stage, &mut call);
    let busy = call.outcome == Outcome::Refused(486);
    let again = Call { id: stage.random.bits(), at: at + stage.seconds(20, 120) as i64, ..call.clone() };
    stage.calls.push(call);
    if busy && stage.random.chance(60) {
        let outcome = answered(stage);
        stage.calls.push(Call { outcome, ..again });
    }
}

fn inbound(stage: &mut Stage<'_>, at: i64, own: u64) -> Call {
    let caller = if stage.random.chance(4) {
        numbers::foreign(&mut stage.random)
    } else {
        numbers::north_american(&mut stage.random)
    };
    let writing = Writing::usual(&mut stage.random);
    let mut call = stage.inbound(at, caller, writing, own, Label::Benign(Benign::Inbound));
    if stage.random.chance(40) {
        call.display = stage.random.pick(NAMES);
    }
    if stage.random.chance(3) {
        call.caller =
            Party { number: "anonymous".to_owned(), uri: "sip:anonymous@anonymous.invalid".to_owned() };
        call.display = "Anonymous";
        call.asserted = None;
        call.attested = None;
    }
    call
}

/// Somebody's own number is forwarded to the customer: a Diversion says whose.
fn forwarded(stage: &mut Stage<'_>, at: i64, own: u64) -> Call {
    let caller = numbers::north_american(&mut stage.random);
    let forwarder = numbers::north_american(&mut stage.random);
    let mut call = stage.inbound(at, caller, Writing::Plus, own, Label::Benign(Benign::Forwarded));
    let reason = stage.random.pick(&["unconditional", "no-answer", "user-busy"]);
    call.diversion = Some(format!(
        "<sip:+{forwarder}@{}>;reason={reason};counter=1;privacy=off;screen=yes",
        call.near.ip()
    ));
    call
}

/// A call to 911, and sometimes the call back.
fn emergency(stage: &mut Stage<'_>, at: i64, own: u64) {
    let mut call = stage.outbound(at, own, own, Label::Benign(Benign::Emergency));
    let talk = stage.seconds(60, 240);
    call.called = Party::named("911", &call.far.ip().to_string());
    call.outcome = Outcome::Answered { ring: 2 * SECOND, talk, callee_ends: true };
    stage.calls.push(call);
    if stage.random.chance(50) {
        let dispatcher = numbers::north_american(&mut stage.random);
        let later = at + talk as i64 + stage.seconds(120, 900) as i64;
        let label = Label::Benign(Benign::EmergencyCallback);
        let back = stage.inbound(later, dispatcher, Writing::Plus, own, label);
        stage.calls.push(back);
    }
}

fn outcome(stage: &mut Stage<'_>) -> Outcome {
    match stage.random.below(100) {
        0..=69 => answered(stage),
        70..=83 => Outcome::Cancelled { ring: stage.seconds(12, 45) },
        84..=86 => Outcome::Cancelled { ring: stage.seconds(2, 10) },
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
    let answered = matches!(call.outcome, Outcome::Answered { .. });
    let habits = &mut call.habits;
    habits.repeated = stage.random.chance(2);
    habits.forked = call.direction == Direction::Inbound && stage.random.chance(4);
    habits.early_media = !habits.forked && call.style == Style::Carrier && stage.random.chance(15);
    habits.held = answered && stage.random.chance(5);
    habits.referred = answered && call.direction == Direction::Inbound && stage.random.chance(2);
    if call.direction == Direction::Outbound && stage.random.chance(10) {
        habits.challenge = Some(407);
    }
}

/// Each carrier asks once a minute whether the border is there, and the border asks back.
fn keep_alive(stage: &mut Stage<'_>) {
    let border = stage.customer.border;
    for carrier in stage.customer.carriers.clone() {
        for (from, to, direction) in
            [(carrier, border, Direction::Inbound), (border, carrier, Direction::Outbound)]
        {
            repeat(stage, 60, |stage, at| {
                let ends = [from, to].map(|end| (Party::named("ping", &end.ip().to_string()), end));
                let [caller, called] = ends;
                let mut ping = stage.call(at, caller, called, direction, Label::Benign(Benign::KeepAlive));
                ping.method = Method::Options;
                ping.outcome = Outcome::Replied(200);
                ping.user_agent = "sbc/8.4";
                ping
            });
        }
    }
}

/// The first twenty telephones register every half hour.
fn register(stage: &mut Stage<'_>) {
    let (border, domain) = (stage.customer.border, stage.customer.domain.clone());
    for own in stage.customer.numbers.clone().take(20) {
        let (phone, name) = (stage.customer.phone(own), stage.customer.extension(own));
        repeat(stage, 1_800, |stage, at| {
            let ends = [phone, border].map(|end| (Party::named(&name, &domain), end));
            let [caller, called] = ends;
            let label = Label::Benign(Benign::Registration);
            let mut register = stage.call(at, caller, called, Direction::Internal, label);
            register.method = Method::Register;
            register.outcome = Outcome::Replied(200);
            register.habits.challenge = Some(401);
            register.user_agent = "Deskphone T46 86.0.10";
            register
        });
    }
}

/// Plans one exchange every `seconds`, from a random first moment on.
fn repeat(stage: &mut Stage<'_>, seconds: u64, plan: impl Fn(&mut Stage<'_>, i64) -> Call) {
    let step = (seconds * SECOND) as i64;
    let mut at = stage.start + stage.random.below(seconds * SECOND) as i64;
    while at < stage.end {
        let call = plan(stage, at);
        stage.calls.push(call);
        at += step;
    }
}

const NAMES: &[&str] = &[
    "ALICE EXAMPLE",
    "BOB EXAMPLE",
    "Smith, Carol",
    "WIRELESS CALLER",
    "SAN ANTONIO TX",
    "Müller GmbH",
    "+1 Dental",
];
