//! Where calls are planned: the customer, the time there is, and the calls so far.

use std::net::SocketAddr;
use std::ops::Range;

use crate::call::{Call, Habits, Method, Outcome, Party, Style};
use crate::customer::Customer;
use crate::random::Random;
use crate::rhythm;
use crate::truth::{Direction, Label};
use crate::writing::Writing;

/// Plans calls into one stretch of time.
pub(crate) struct Stage<'a> {
    pub(crate) customer: &'a Customer,
    /// First moment, Unix microseconds.
    pub(crate) start: i64,
    /// One past the last moment.
    pub(crate) end: i64,
    pub(crate) random: Random,
    pub(crate) calls: &'a mut Vec<Call>,
}

/// Microseconds of one second.
pub(crate) const SECOND: u64 = 1_000_000;

impl Stage<'_> {
    /// A call from `caller` outside, through a carrier, to the customer's number `called`.
    pub(crate) fn inbound(
        &mut self,
        at: i64,
        caller: u64,
        writing: Writing,
        called: u64,
        label: Label,
    ) -> Call {
        let (near, far) = (self.customer.any_carrier(&mut self.random), self.customer.border);
        let caller = Party::number(caller, writing, near);
        let called = Party::number(called, self.destination_writing(), far);
        let mut call = self.call(at, (caller, near), (called, far), Direction::Inbound, label);
        call.style = match self.random.below(10) {
            0..=4 => Style::Carrier,
            5..=8 => Style::Plain,
            _ => Style::Compact,
        };
        call.user_agent = if call.style == Style::Carrier { "sbc/8.4" } else { "Softswitch 5.2" };
        if call.style == Style::Carrier {
            self.vouch(&mut call);
        }
        call
    }

    /// A call from the customer's number `caller`, through its border, to `called` outside.
    pub(crate) fn outbound(&mut self, at: i64, caller: u64, called: u64, label: Label) -> Call {
        let (near, far) = (self.customer.border, self.customer.any_carrier(&mut self.random));
        let writing =
            self.random.pick(&[Writing::Plus, Writing::PlusPlain, Writing::National, Writing::Bare]);
        let caller = Party::number(caller, writing, near);
        let called = match self.random.below(10) {
            0 => self.through_outside_line(called, far),
            1..=4 => Party::number(called, Writing::National, far),
            _ => Party::number(called, Writing::Plus, far),
        };
        let mut call = self.call(at, (caller, near), (called, far), Direction::Outbound, label);
        call.user_agent = "pbx/18.20";
        call
    }

    /// A call from the customer's telephone `caller` to the colleague `called`, dialled as an extension.
    pub(crate) fn internal(&mut self, at: i64, caller: u64, called: u64, label: Label) -> Call {
        let (near, far) = (self.customer.phone(caller), self.customer.border);
        let name = |number: u64| Party {
            number: format!("+{number}"),
            uri: format!("sip:{}@{}", self.customer.extension(number), self.customer.domain),
        };
        let mut call = self.call(at, (name(caller), near), (name(called), far), Direction::Internal, label);
        call.user_agent = "Deskphone T46 86.0.10";
        call.habits.challenge = Some(407);
        call
    }

    /// One exchange between two parties; answered after 8 s and a minute long until the planner says more.
    pub(crate) fn call(
        &mut self,
        at: i64,
        (caller, near): (Party, SocketAddr),
        (called, far): (Party, SocketAddr),
        direction: Direction,
        label: Label,
    ) -> Call {
        Call {
            at,
            id: self.random.bits(),
            method: Method::Invite,
            caller,
            called,
            near,
            far,
            style: Style::Plain,
            outcome: Outcome::Answered { ring: 8 * SECOND, talk: 60 * SECOND, callee_ends: false },
            habits: Habits::default(),
            display: "",
            user_agent: "",
            asserted: None,
            diversion: None,
            attested: None,
            direction,
            label,
        }
    }

    /// Any moment, in a local hour of `hours` when the stage has one, early enough for `seconds` to follow.
    pub(crate) fn moment(&mut self, hours: Range<i8>, seconds: u64) -> i64 {
        let last = self.end.saturating_sub((seconds * SECOND) as i64).max(self.start);
        let mut at = self.start;
        for _ in 0..200 {
            at = self.start + self.random.below(last.abs_diff(self.start) + 1) as i64;
            if hours.contains(&rhythm::hour(&self.customer.time_zone, at)) {
                break;
            }
        }
        at
    }

    /// `seconds`, or less when the stage is too short for them: at most six tenths of it.
    pub(crate) fn span(&self, seconds: u64) -> u64 {
        seconds.min(self.end.abs_diff(self.start) / SECOND * 6 / 10).max(1)
    }

    /// `count` moments spread evenly at random over `seconds` from `begin`, in order.
    pub(crate) fn spread(&mut self, begin: i64, seconds: u64, count: usize) -> Vec<i64> {
        let mut moments: Vec<i64> =
            (0..count).map(|_| begin + self.random.below(seconds * SECOND) as i64).collect();
        moments.sort_unstable();
        moments
    }

    pub(crate) fn seconds(&mut self, low: u64, high: u64) -> u64 {
        self.random.between(low * SECOND, high * SECOND)
    }

    /// The carrier asserts the caller, and mostly signs.
    fn vouch(&mut self, call: &mut Call) {
        let digits = call.caller.number.trim_start_matches('+');
        let passed = self.random.chance(70);
        let verified = if passed { ";verstat=TN-Validation-Passed" } else { "" };
        call.asserted = Some(format!("<sip:+{digits}{verified}@{};user=phone>", call.near.ip()));
        call.attested = passed.then(|| self.random.pick(&['A', 'A', 'A', 'B', 'C']));
    }

    fn destination_writing(&mut self) -> Writing {
        self.random.pick(&[
            Writing::Plus,
            Writing::Plus,
            Writing::PlusPlain,
            Writing::National,
            Writing::Bare,
        ])
    }

    fn through_outside_line(&self, called: u64, far: SocketAddr) -> Party {
        let exit = if called / 10_000_000_000 == 1 { "" } else { "011" };
        Party {
            number: format!("+{called}"),
            uri: format!("sip:{}{exit}{called}@{}", self.customer.access_code, far.ip()),
        }
    }
}

impl Party {
    /// The holder of `number`, written as `writing` says for `host`.
    pub(crate) fn number(number: u64, writing: Writing, host: SocketAddr) -> Self {
        Self { number: format!("+{number}"), uri: writing.uri(number, &host.ip().to_string()) }
    }

    /// Somebody with a name or a short number, such as `nm` or `911`.
    pub(crate) fn named(name: &str, host: &str) -> Self {
        Self { number: name.to_owned(), uri: format!("sip:{name}@{host}") }
    }
}
