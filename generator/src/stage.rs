//! Where calls are planned: the customer, the time there is, and the calls so far.

use std::borrow::Cow;
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
    /// The last moment at which something new begins, and one more.
    pub(crate) begin_before: i64,
    /// One past the last moment.
    pub(crate) end: i64,
    pub(crate) random: Random,
    /// What the calls to be planned are.
    pub(crate) label: Label,
    pub(crate) campaign: Option<u32>,
    pub(crate) calls: &'a mut Vec<Call>,
}

/// Microseconds of one second.
pub(crate) const SECOND: u64 = 1_000_000;

impl Stage<'_> {
    /// A call from `caller` outside, through a carrier, to the customer's number `called`.
    pub(crate) fn inbound(&mut self, at: i64, caller: u64, writing: Writing, called: u64) -> Call {
        let carrier = self.customer.any_carrier(&mut self.random);
        self.inbound_from(at, carrier, caller, writing, called)
    }

    /// The same from the peer `near`.
    pub(crate) fn inbound_from(
        &mut self,
        at: i64,
        near: SocketAddr,
        caller: u64,
        writing: Writing,
        called: u64,
    ) -> Call {
        let (far, region) = (self.customer.border, self.customer.region);
        let caller = Party::number(caller, writing, near, region);
        let called = Party::number(called, self.destination_writing(), far, region);
        let mut call = self.call(at, (caller, near), (called, far), Direction::Inbound);
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
    pub(crate) fn outbound(&mut self, at: i64, caller: u64, called: u64) -> Call {
        let (near, far) = (self.customer.border, self.customer.any_carrier(&mut self.random));
        let region = self.customer.region;
        let writing =
            self.random.pick(&[Writing::Plus, Writing::PlusPlain, Writing::National, Writing::Bare]);
        let caller = Party::number(caller, writing, near, region);
        let called = match self.random.below(10) {
            0 => self.through_outside_line(called, far),
            1..=4 => Party::number(called, Writing::National, far, region),
            _ => Party::number(called, Writing::Plus, far, region),
        };
        let mut call = self.call(at, (caller, near), (called, far), Direction::Outbound);
        call.user_agent = "pbx/18.20";
        call
    }

    /// A call from the customer's telephone `caller` to the colleague `called`, dialled as an extension.
    pub(crate) fn internal(&mut self, at: i64, caller: u64, called: u64) -> Call {
        let (near, far) = (self.customer.phone(caller), self.customer.border);
        let name = |number: u64| Party {
            number: format!("+{number}"),
            uri: format!("sip:{}@{}", self.customer.extension(number), self.customer.domain),
        };
        let mut call = self.call(at, (name(caller), near), (name(called), far), Direction::Internal);
        call.user_agent = self.customer.phone_model(caller);
        call.habits.challenge = Some(407);
        call
    }

    /// A request outside any call from `source` to the border, between two names.
    pub(crate) fn request(
        &mut self,
        at: i64,
        source: SocketAddr,
        method: Method,
        [from, to]: [&str; 2],
        host: &str,
    ) -> Call {
        let border = self.customer.border;
        let ends = ((Party::named(from, host), source), (Party::named(to, host), border));
        let mut call = self.call(at, ends.0, ends.1, Direction::Inbound);
        call.method = method;
        call
    }

    /// One exchange between two parties; answered after 8 s and a minute long until the planner says more.
    pub(crate) fn call(
        &mut self,
        at: i64,
        (caller, near): (Party, SocketAddr),
        (called, far): (Party, SocketAddr),
        direction: Direction,
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
            display: Cow::Borrowed(""),
            user_agent: "",
            asserted: None,
            diversion: None,
            attested: None,
            special: None,
            direction,
            label: self.label,
            campaign: self.campaign,
        }
    }

    /// Any moment, in a local hour of `hours` when the stage has one, early enough for `seconds` to follow.
    pub(crate) fn moment(&mut self, hours: Range<i8>, seconds: u64) -> i64 {
        self.moment_when(seconds, |customer, at| hours.contains(&rhythm::hour(&customer.time_zone, at)))
    }

    /// The same at night or, sometimes and if the stage has one, on a day of rest.
    pub(crate) fn moment_of_rest(&mut self, night: Range<i8>, seconds: u64) -> i64 {
        if self.random.chance(30) {
            let at = self.moment_when(seconds, rhythm::at_weekend);
            if rhythm::at_weekend(self.customer, at) {
                return at;
            }
        }
        self.moment(night, seconds)
    }

    fn moment_when(&mut self, seconds: u64, fits: impl Fn(&Customer, i64) -> bool) -> i64 {
        let last = self.end.saturating_sub((seconds.saturating_mul(SECOND)) as i64);
        let last = last.min(self.begin_before - 1).max(self.start);
        let mut at = self.start;
        for _ in 0..200 {
            at = self.start + self.random.below(last.abs_diff(self.start) + 1) as i64;
            if fits(self.customer, at) {
                break;
            }
        }
        at
    }

    /// `seconds`, or less when the stage is too short for them: at most six tenths of what is left of it.
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

    /// The same in any rhythm that machines and people have: by chance, by the clock, in bursts, faster and faster.
    pub(crate) fn paced(&mut self, begin: i64, seconds: u64, count: usize) -> Vec<i64> {
        let whole = (seconds * SECOND) as f64;
        match self.random.below(4) {
            0 => self.spread(begin, seconds, count),
            1 => {
                let step = whole / count.max(1) as f64;
                let jitter = step * self.random.unit();
                let mut moments: Vec<i64> = (0..count)
                    .map(|index| begin + (index as f64 * step + self.random.unit() * jitter) as i64)
                    .collect();
                moments.sort_unstable();
                moments
            }
            2 => {
                let bursts = self.random.between(2, 8);
                let width = whole / bursts as f64 * (0.1 + 0.5 * self.random.unit());
                let mut moments: Vec<i64> = (0..count)
                    .map(|_| {
                        let burst = self.random.below(bursts) as f64 * whole / bursts as f64;
                        begin + (burst + self.random.unit() * width) as i64
                    })
                    .collect();
                moments.sort_unstable();
                moments
            }
            _ => self.ramp(begin, seconds, count),
        }
    }

    /// The same, few at first and ever more.
    pub(crate) fn ramp(&mut self, begin: i64, seconds: u64, count: usize) -> Vec<i64> {
        let whole = (seconds * SECOND) as f64;
        let mut moments: Vec<i64> =
            (0..count).map(|_| begin + (self.random.unit().sqrt() * whole) as i64).collect();
        moments.sort_unstable();
        moments
    }

    pub(crate) fn seconds(&mut self, low: u64, high: u64) -> u64 {
        self.random.between(low * SECOND, high * SECOND)
    }

    /// Answered after `ring` seconds and `talk` seconds long, each any between its two.
    pub(crate) fn answered(&mut self, ring: [u64; 2], talk: [u64; 2]) -> Outcome {
        let ([ring, slow], [talk, long]) = (ring, talk);
        Outcome::Answered {
            ring: self.seconds(ring, slow),
            talk: self.seconds(talk, long),
            callee_ends: self.random.chance(50),
        }
    }

    /// Rings for some seconds until the caller gives up.
    pub(crate) fn given_up(&mut self, low: u64, high: u64) -> Outcome {
        Outcome::Cancelled { ring: self.seconds(low, high) }
    }

    pub(crate) fn push(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// The carrier asserts the caller, and mostly signs.
    fn vouch(&mut self, call: &mut Call) {
        let passed = self.random.chance(70);
        let verified = if passed { ";verstat=TN-Validation-Passed" } else { "" };
        let digits = call.caller.number.trim_start_matches('+');
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

    /// Dialled behind the customer's access code, if it has one.
    fn through_outside_line(&self, called: u64, far: SocketAddr) -> Party {
        let region = self.customer.region;
        let digits = called.to_string();
        let dialled = match region.split(&digits) {
            Some(_) if region.country() == "1" => digits,
            Some((area, rest)) => format!("{}{area}{rest}", region.trunk()),
            None => format!("{}{digits}", region.exit()),
        };
        Party {
            number: format!("+{called}"),
            uri: format!("sip:{}{dialled}@{}", self.customer.access_code, far.ip()),
        }
    }
}
