//! What becomes of requests that nobody judges: for want of time or of a policy, or because judging failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use engine::dials_emergency;
use engine::sip::Message;
use rules::Method;
use rules::policy::{PolicySet, Response};

use super::peer::{Peer, may_refuse_with};
use super::settings::{Calls, Settings};
use crate::answer::Request;
use crate::judge::Count;

/// What becomes of one of them, and what counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unjudged {
    /// It goes on.
    Passes(Count),
    /// It is refused with this status, and may be tried again.
    IsRefused(u16, Count),
    /// Nothing is said, as nothing might have been said had it been judged.
    IsSilent(Count),
}

/// A request that waited for so long.
#[derive(Clone, Copy)]
pub(crate) struct Waiting<'r, 'm, 'a, A> {
    pub(crate) peer: &'r Peer<A>,
    pub(crate) request: &'r Request<'m, 'a>,
    pub(crate) micros: i64,
}

/// Sheds what there is no time for. One thread owns it.
#[derive(Debug, Default)]
pub(crate) struct Shedding {
    /// How many calls were judged that nobody made room for with a pressing one yet.
    judged: u32,
    /// Whether a policy may meet a request with silence.
    may_be_silent: bool,
}

impl<A> Settings<A> {
    /// What becomes of a request that opens something, when there is no policy and calls are refused until there is one.
    pub(crate) fn without_policy(&self, message: &Message<'_>, policies: &PolicySet) -> Option<Unjudged> {
        let refuses = self.refuses_all.load(Ordering::Relaxed) && !dials_emergency(message, policies);
        refuses.then_some(Unjudged::IsRefused(self.refused_code, Count::ShedWithoutPolicy))
    }

    /// What becomes of a request on which judging failed.
    pub(crate) fn fault(&self, message: &Message<'_>, policies: &PolicySet) -> Unjudged {
        // What judging failed on may be what is dialled: in doubt the call goes on.
        let is_emergency =
            || catch_unwind(AssertUnwindSafe(|| dials_emergency(message, policies))).unwrap_or(true);
        if self.on_fault == Calls::Pass || is_emergency() {
            return Unjudged::Passes(Count::FaultPassed);
        }
        Unjudged::IsRefused(self.refused_code, Count::FaultRefused)
    }

    /// What becomes of a request that finds no place to wait in.
    pub(crate) fn turn_away(&self, peer: &Peer<A>, message: &Message<'_>, policies: &PolicySet) -> Unjudged {
        if dials_emergency(message, policies) {
            return Unjudged::Passes(Count::ShedPassed);
        }
        self.shed(peer.trusted, Count::ShedRefused)
    }

    fn shed(&self, is_trusted: bool, refused: Count) -> Unjudged {
        match (is_trusted, self.overload.trusted) {
            (true, Calls::Pass) => Unjudged::Passes(Count::ShedPassed),
            (true, Calls::AreRefused) => Unjudged::IsRefused(self.refused_code, refused),
            (false, _) => Unjudged::IsRefused(OVERLOADED, refused),
        }
    }

    /// How long a request of `method` may have waited to be judged still, in microseconds. In this order they are shed.
    fn patience_micros(&self, is_trusted: bool, method: Method) -> i64 {
        let all = self.overload.wait_micros_max;
        match method {
            Method::Options => all / 4,
            Method::Register | Method::Message | Method::Subscribe | Method::Publish => all / 8 * 3,
            _ if is_trusted => all,
            _ => all / 2,
        }
    }

    /// Whether requests that waited for so long may be shed, the first ones.
    pub(crate) fn is_hurried(&self, waited_micros: i64) -> bool {
        waited_micros > self.patience_micros(false, Method::Options)
    }
}

impl Shedding {
    pub(crate) fn new(policies: &PolicySet) -> Self {
        let may_be_silent = policies.policies().iter().any(|policy| may_refuse_with(policy, Response::Drop));
        Self { judged: JUDGED_MAX, may_be_silent }
    }

    /// Goes on with `policies`.
    pub(crate) fn replace(&mut self, policies: &PolicySet) {
        self.may_be_silent = Self::new(policies).may_be_silent;
    }

    /// Notes that a request was judged.
    pub(crate) fn note_judged(&mut self) {
        self.judged = (self.judged + 1).min(JUDGED_MAX);
    }

    /// What becomes of a request when there is no time for it; `None` when it is judged. Emergency calls pass in any case. They
    /// and what only looks as if others had to make room are judged still where they are of a trusted peer; of others they get
    /// a share of what is judged, and no more: a number, a name and a header cost whoever floods us nothing.
    pub(crate) fn shed<A>(
        &mut self,
        settings: &Settings<A>,
        waiting: Waiting<'_, '_, '_, A>,
        policies: &PolicySet,
    ) -> Option<Unjudged> {
        let Waiting { peer, request, micros } = waiting;
        let message = request.message;
        let method = message.method();
        if micros <= settings.patience_micros(peer.trusted, method) {
            return None;
        }
        if method == Method::Options {
            return Some(self.shed_options(settings, peer));
        }
        let dials = matches!(method, Method::Invite | Method::Refer | Method::Message);
        if dials && dials_emergency(message, policies) {
            // Beyond that share it passes unseen: who floods us with it holds up nobody, and whoever needs help gets it.
            let is_judged = peer.trusted || self.has_share();
            return (!is_judged).then_some(Unjudged::Passes(Count::ShedPassed));
        }
        if !request.looks_pressing() {
            return Some(settings.shed(peer.trusted, Count::ShedRefused));
        }
        if peer.trusted || self.has_share() {
            return None;
        }
        Some(settings.shed(false, Count::ShedOverShare))
    }

    /// OPTIONS about a user. Who tries server after server is to learn no more of us under load than otherwise.
    fn shed_options<A>(&self, settings: &Settings<A>, peer: &Peer<A>) -> Unjudged {
        let may_be_silent = peer.block.map_or(self.may_be_silent, |response| response == Response::Drop);
        match peer.trusted {
            true => Unjudged::Passes(Count::ShedPassed),
            false if may_be_silent => Unjudged::IsSilent(Count::ShedSilent),
            false => settings.shed(false, Count::ShedRefused),
        }
    }

    fn has_share(&mut self) -> bool {
        let left = self.judged.checked_sub(JUDGED_FOR_ONE);
        self.judged = left.unwrap_or(self.judged);
        left.is_some()
    }
}

/// "Service Unavailable": who asks may try elsewhere, or again.
pub(crate) const OVERLOADED: u16 = 503;
/// How many calls are judged for each one of a peer that is not trusted that only looks pressing and is judged in overload.
const JUDGED_FOR_ONE: u32 = 8;
/// How many of those count at once.
const JUDGED_MAX: u32 = 8 * JUDGED_FOR_ONE;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use rules::policy::{MemoryFiles, read};
    use rules::{Policy, Timestamp};

    use super::super::{Allow, Overload, Peers, Strangers};
    use super::*;

    const POLICY: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n\
                          [[firewall]]\nname = \"a\"\nwhen = { caller = \"+1 303 555 0103\" }\naction = { block = \"drop\" }\n";

    fn policies(text: &str) -> PolicySet {
        let reading = read("a.toml", text, &MemoryFiles::new(), Timestamp::default());
        PolicySet::new(vec![Policy::new(
            reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)),
        )])
    }

    fn peer(trusted: bool) -> Peer {
        Peer {
            name: String::new(),
            from: Vec::new(),
            customer: None,
            trusted,
            allow: Allow::NotFound,
            block: None,
        }
    }

    fn settings(calls: Calls) -> Settings {
        Settings {
            peers: Peers::new(Vec::new()),
            strangers: Strangers::Drop,
            overload: Overload { wait_micros_max: 800, retry_after_seconds: 2, trusted: calls },
            on_fault: calls,
            refuses_all: Arc::default(),
            refused_code: 500,
            tokens: crate::redress::Tokens::new([4; 16]),
        }
    }

    /// Does `work` with a request of this method and target, and these further lines.
    fn with<T>(method: &str, called: &str, lines: &str, work: impl FnOnce(&Request<'_, '_>) -> T) -> T {
        let text = format!("{method} {called} SIP/2.0\r\n{lines}\r\n");
        let message = Message::read(text.as_bytes());
        work(&Request::new(&message, SocketAddr::from(([192, 0, 2, 1], 5060)), 1))
    }

    const LONG: &str = "sip:+12105550100@a.example";

    #[test]
    fn requests_are_shed_in_order() {
        let (policies, settings) = (policies(POLICY), settings(Calls::Pass));
        let first_shed = |method: &str, trusted| {
            let mut shedding = Shedding::new(&policies);
            (0..2_000).find(|&micros| {
                with(method, LONG, "", |request| {
                    let waiting = Waiting { peer: &peer(trusted), request, micros };
                    shedding.shed(&settings, waiting, &policies).is_some()
                })
            })
        };
        for (method, untrusted, trusted) in [
            ("OPTIONS", 201, 201),
            ("REGISTER", 301, 301),
            ("MESSAGE", 301, 301),
            ("SUBSCRIBE", 301, 301),
            ("INVITE", 401, 801),
            ("REFER", 401, 801),
        ] {
            assert_eq!(
                [false, true].map(|is| first_shed(method, is)),
                [Some(untrusted), Some(trusted)],
                "{method}"
            );
        }
    }

    #[test]
    fn a_name_or_a_claim_gets_a_share_and_an_emergency_call_passes_beyond_it() {
        let (policies, settings) = (policies(POLICY), settings(Calls::Pass));
        let judged_else = |otherwise: Unjudged, called: &str, lines: &str, trusted, between: u32| {
            let mut shedding = Shedding::new(&policies);
            let times = (0..1_000).filter(|_| {
                (0..between).for_each(|_| shedding.note_judged());
                with("INVITE", called, lines, |request| {
                    let waiting = Waiting { peer: &peer(trusted), request, micros: 10_000 };
                    let fate = shedding.shed(&settings, waiting, &policies);
                    assert!(fate.is_none_or(|fate| fate == otherwise), "{fate:?}");
                    fate.is_none()
                })
            });
            times.count()
        };
        let over_share = Unjudged::IsRefused(503, Count::ShedOverShare);
        let judged = |called: &str, lines: &str, trusted, between| {
            judged_else(over_share, called, lines, trusted, between)
        };
        let claim = "Resource-Priority: ets.0\r\n";
        for (called, lines) in [("sip:anna@a.example", ""), ("sip:1234@a.example", ""), (LONG, claim)] {
            assert_eq!(judged(called, lines, false, 0), 8, "{called} {lines}");
            assert!((490..=510).contains(&judged(called, lines, false, 4)), "{called} {lines}");
            assert_eq!(judged(called, lines, true, 0), 1_000, "{called} {lines}");
        }
        for called in ["sip:911@a.example", "urn:service:sos", "sip:+1911@a.example"] {
            let passes = Unjudged::Passes(Count::ShedPassed);
            assert_eq!(judged_else(passes, called, "", false, 0), 8, "{called}");
            assert_eq!(judged_else(passes, called, "", true, 0), 1_000, "{called}");
        }
    }

    #[test]
    fn a_register_that_names_nobody_is_no_emergency() {
        let (policies, settings) = (policies(POLICY), settings(Calls::Pass));
        for called in ["sip:a.example", "sip:911@a.example"] {
            let fate = with("REGISTER", called, "", |request| {
                let waiting = Waiting { peer: &peer(false), request, micros: 10_000 };
                Shedding::new(&policies).shed(&settings, waiting, &policies)
            });
            assert_eq!(fate, Some(Unjudged::IsRefused(503, Count::ShedRefused)));
        }
    }

    #[test]
    fn options_about_a_user_are_met_as_judging_might_have_met_them() {
        let silent = policies(POLICY);
        let heard = policies(&POLICY.replace("\"drop\"", "486"));
        let settings = settings(Calls::Pass);
        let fate = |policies: &PolicySet, peer: &Peer| {
            with("OPTIONS", LONG, "", |request| {
                let waiting = Waiting { peer, request, micros: 10_000 };
                Shedding::new(policies).shed(&settings, waiting, policies)
            })
        };
        let (said, passes) =
            (Unjudged::IsRefused(503, Count::ShedRefused), Unjudged::Passes(Count::ShedPassed));
        assert_eq!(fate(&silent, &peer(false)), Some(Unjudged::IsSilent(Count::ShedSilent)));
        assert_eq!(fate(&heard, &peer(false)), Some(said));
        assert_eq!(fate(&silent, &peer(true)), Some(passes));
        let with_block = |response| Peer { block: Some(response), ..peer(false) };
        assert_eq!(fate(&silent, &with_block(Response::Code(603))), Some(said));
        assert_eq!(fate(&heard, &with_block(Response::Drop)), Some(Unjudged::IsSilent(Count::ShedSilent)));
    }

    #[test]
    fn an_emergency_call_passes_where_calls_are_refused() {
        let (policies, none) = (policies(POLICY), PolicySet::new(Vec::new()));
        let settings = settings(Calls::AreRefused);
        settings.refuses_all.store(true, Ordering::Relaxed);
        for (called, is_emergency) in [
            ("sip:911@a.example", true),
            ("urn:service:sos", true),
            ("sip:1234@a.example", false),
            ("sip:123456@a.example", false),
            ("sip:anna@a.example", false),
            (LONG, false),
        ] {
            with("INVITE", called, "Resource-Priority: ets.0\r\n", |request| {
                let message = request.message;
                let refused = |count| Unjudged::IsRefused(500, count);
                let fault = if is_emergency {
                    Unjudged::Passes(Count::FaultPassed)
                } else {
                    refused(Count::FaultRefused)
                };
                assert_eq!(settings.fault(message, &policies), fault, "{called}");
                let without = (!is_emergency).then_some(refused(Count::ShedWithoutPolicy));
                assert_eq!(settings.without_policy(message, &none), without, "{called}");
                let away = settings.turn_away(&peer(false), message, &policies);
                assert_eq!(matches!(away, Unjudged::Passes(_)), is_emergency, "{called}");
            });
        }
    }
}
