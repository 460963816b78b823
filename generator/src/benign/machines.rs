//! What machines say to each other all day: keep-alives, registrations, lamps.

use std::net::SocketAddr;

use crate::call::{Call, Method, Outcome, Party};
use crate::day::Settings;
use crate::random::Random;
use crate::stage::{SECOND, Stage};
use crate::truth::{Benign, Direction, Label};

pub(super) fn plan(stage: &mut Stage<'_>, settings: &Settings) {
    keep_alive(stage, settings);
    register(stage, settings);
    register_from_home(stage, settings);
    watch(stage, settings);
}

/// Each carrier asks once a minute whether the border is there, and the border asks back.
fn keep_alive(stage: &mut Stage<'_>, settings: &Settings) {
    stage.label = Label::Benign(Benign::KeepAlive);
    let border = stage.customer.border;
    for (index, &carrier) in (0..).zip(&stage.customer.carriers) {
        let ways = [(carrier, border, Direction::Inbound), (border, carrier, Direction::Outbound)];
        for (way, (from, to, direction)) in (0..).zip(ways) {
            let clock = Clock::new(settings, "keep-alive", index * 2 + way, 60);
            clock.each(stage, |stage, at| {
                let ends = [from, to].map(|end| (Party::named("ping", &end.ip().to_string()), end));
                let [caller, called] = ends;
                let mut ping = stage.call(at, caller, called, direction);
                ping.method = Method::Options;
                ping.outcome = Outcome::Replied(200);
                ping.user_agent = "sbc/8.4";
                ping
            });
        }
    }
}

/// The customer's telephones register, most every half hour.
fn register(stage: &mut Stage<'_>, settings: &Settings) {
    stage.label = Label::Benign(Benign::Registration);
    let customer = stage.customer;
    for own in customer.each_number().take(customer.registering as usize) {
        let (phone, name) = (customer.phone(own), customer.extension(own));
        let seconds = if own % 5 == 0 { 3_300 } else { 1_800 };
        Clock::new(settings, "register", own, seconds).each(stage, |stage, at| {
            let mut call = registration(stage, at, phone, &name);
            call.user_agent = customer.phone_model(own);
            call.direction = Direction::Internal;
            call
        });
    }
}

/// A few people work at home: their telephones register from outside, often, so that the way back stays open.
fn register_from_home(stage: &mut Stage<'_>, settings: &Settings) {
    stage.label = Label::Benign(Benign::Registration);
    let customer = stage.customer;
    let first = customer.registering / 2;
    for index in 0..(customer.registering / 10).min(8) {
        let name = customer.extension(customer.nth(first + index));
        let home = SocketAddr::from(([203, 0, 113, (100 + index) as u8], 5060 + (index * 131) as u16));
        Clock::new(settings, "home", index, 290).each(stage, |stage, at| {
            let mut call = registration(stage, at, home, &name);
            call.user_agent = "Softphone 11.4.0 (Windows)";
            call
        });
    }
}

fn registration(stage: &mut Stage<'_>, at: i64, source: SocketAddr, name: &str) -> Call {
    let domain = &stage.customer.domain;
    let mut call = stage.request(at, source, Method::Register, [name, name], domain);
    call.outcome = Outcome::Replied(200);
    call.habits.challenge = Some(401);
    call
}

/// Every tenth telephone watches the lamp of a colleague.
fn watch(stage: &mut Stage<'_>, settings: &Settings) {
    stage.label = Label::Benign(Benign::Subscription);
    let customer = stage.customer;
    for own in customer.each_number().take(customer.registering as usize).step_by(10) {
        let (phone, name) = (customer.phone(own), customer.extension(own));
        let colleague = customer.extension(customer.nth(own % customer.size()));
        Clock::new(settings, "watch", own, 3_000).each(stage, |stage, at| {
            let names = [name.as_str(), colleague.as_str()];
            let mut call = stage.request(at, phone, Method::Subscribe, names, &customer.domain);
            call.direction = Direction::Internal;
            call.user_agent = customer.phone_model(own);
            call.habits.challenge = Some(401);
            call.outcome = Outcome::Replied(200);
            call
        });
    }
}

/// Strikes every so many seconds, from a moment of its own in the first of them on.
struct Clock {
    first: i64,
    step: i64,
}

impl Clock {
    fn new(settings: &Settings, name: &str, index: u64, seconds: u64) -> Self {
        let after = Random::stream(settings.seed, name, index).below(seconds * SECOND);
        Self { first: settings.start_micros + after as i64, step: (seconds * SECOND) as i64 }
    }

    /// Plans one exchange at every stroke inside the stage.
    fn each(&self, stage: &mut Stage<'_>, plan: impl Fn(&mut Stage<'_>, i64) -> Call) {
        let missed = (stage.start - self.first).max(0);
        let mut at = self.first + (missed as u64).div_ceil(self.step as u64) as i64 * self.step;
        while at < stage.end {
            let call = plan(stage, at);
            stage.push(call);
            at += self.step;
        }
    }
}
