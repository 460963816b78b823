//! Gathers the facts of a message that policy judges by: who calls, who forwarded, where it goes.

use rules::plan::DialPlan;
use rules::policy::Customer;
use rules::{
    Attestation, CallType, Direction, Flag, Flags, Identity, Method, Number, Origin, Party, Subject,
    Timestamp,
};
use stir::Outcome;

use crate::call::{Attempt, Fact, KeptHeaders, Kind, Role, Sighting, View};
use crate::limits::FACTS_MAX;
use crate::number::{self, Verstat};
use crate::packet::Packet;
use crate::redirection::Left;
use crate::sip::passport::Room;
use crate::sip::{Header, Message, NameAddr, Passport, Uri, spoken};
use crate::verifying::{self, Belief, Found};

/// The addresses of one message as one dial plan reads them. Buffers are reused from message to message.
#[derive(Debug, Default)]
pub struct Facts {
    room: Room,
    pub(crate) callers: Vec<Identity>,
    pub(crate) forwarders: Vec<Identity>,
    pub(crate) called: Vec<Party>,
    /// Which of them are dialled, see [`Subject::dialled`].
    dialled: (usize, usize),
    /// Whether the message is a REFER.
    is_refer: bool,
    pub(crate) flags: Flags,
    pub(crate) restricted: bool,
    pub(crate) mismatch: bool,
    /// Whether addresses that no policy judges by (To, Contact, Reply-To…) are left out.
    pub(crate) leaves_out_others: bool,
    /// What the verifier said of its Identity headers.
    pub(crate) found: Option<Found>,
    verstat: Option<Verstat>,
    passport: bool,
    /// Display name and User-Agent as people see them, where they are written otherwise.
    spoken: [Option<Vec<u8>>; 2],
}

/// Whom to believe about a packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust {
    /// It came from the customer's own side: what it says of its callers counts.
    pub own_side: bool,
    /// It came from a trusted peer: its P-Asserted-Identity counts.
    pub trusted: bool,
}

impl Facts {
    /// Reads all addresses of `message`, a request or a 3xx, by `plan` and keeps them with `attempt`. `from` is its first
    /// From, of a 3xx its first To; `left` is the number that a 3xx redirects from, as far as the INVITE told.
    /// `own_side` says whether the customer's own side sent it: only there do extensions name callers.
    pub(crate) fn read<'m>(
        &mut self,
        message: &Message<'m>,
        from: Option<&NameAddr<'m>>,
        left: Left<'_>,
        plan: &DialPlan,
        own_side: bool,
        attempt: &mut Attempt,
    ) {
        self.clear();
        let facts_max = attempt.facts.len() + FACTS_MAX;
        let as_caller = if own_side { number::Role::OwnCaller } else { number::Role::Caller };
        let mut reading =
            Reading { facts: self, plan, attempt, as_caller, facts_max, read: [None; READ_KEPT], next: 0 };
        let mut redirector = Party::Absent;
        reading.facts.is_refer = message.is_request() && message.method() == Method::Refer;
        reading.facts.spoken = [from.and_then(|from| spoken(from.display)), spoken(message.user_agent())];
        if message.is_request() {
            reading.callers(message, from);
        } else {
            redirector = reading.redirector(from, left);
        }
        // Most messages lack most of these headers, and that is seen at once.
        if message.has(Header::Diversion) {
            message
                .addresses(Header::Diversion)
                .for_each(|diversion| reading.forwarder(Role::Diversion, &diversion));
        }
        if message.has(Header::HistoryInfo) {
            reading.history(message);
        }
        if message.is_request() {
            reading.called(Role::Called, &message.request_uri());
        } else {
            reading.targets(message, (redirector, from), left);
        }
        if message.has(Header::ReferTo) {
            message.addresses(Header::ReferTo).for_each(|target| reading.called(Role::ReferTo, &target.uri));
        }
        if !reading.facts.leaves_out_others {
            reading.others(message);
        }
        reading.passport(message);
        self.restricted |= withholds(message.privacy())
            || self.callers.iter().any(|caller| caller.party == Party::Anonymous);
        self.mismatch = names_several(&self.callers);
    }

    fn clear(&mut self) {
        self.callers.clear();
        self.forwarders.clear();
        self.called.clear();
        (self.flags, self.restricted, self.mismatch) = (Flags::NONE, false, false);
        (self.dialled, self.is_refer) = ((0, 0), false);
        (self.found, self.verstat, self.passport) = (None, None, false);
    }

    /// Takes up one of those it goes to.
    fn calls(&mut self, role: Role, party: Party) {
        let place = self.called.len();
        self.called.push(party);
        let begins = role == Role::Called || role == Role::ReferTo && self.dialled.0 == 0;
        match role {
            // Another request than a REFER transfers nobody, whatever it names.
            Role::ReferTo if !self.is_refer => {}
            // A routing number goes with what it stands behind.
            Role::Routing if self.dialled.1 < place => {}
            _ if begins => self.dialled = (place, place + 1),
            _ => self.dialled.1 = place + 1,
        }
    }

    /// Marks which identities count where only asserted ones do. Returns what is known under this trust of the caller's
    /// right to the number. What we verified counts whoever sent it; that a believed peer found it to be false counts too.
    pub fn believe(&mut self, trust: Trust, message: &Message<'_>) -> Belief {
        for caller in &mut self.callers {
            caller.asserted = trust.own_side || trust.trusted && caller.origin == Origin::Asserted;
        }
        // There is no second header for who forwarded: a trusted peer vouches for the one there is.
        for forwarder in &mut self.forwarders {
            forwarder.asserted = trust.own_side || trust.trusted;
        }
        let believed = trust.trusted || trust.own_side;
        let mut flags = self.flags;
        flags.raise_if(self.verstat.is_some() && !believed, Flag::UntrustedVerstat);
        let stir = self.outcome();
        let attestation = match (stir, self.verstat, believed) {
            (Some(Outcome::Failed(_)), ..) | (_, Some(Verstat::Failed), true) => Some(Attestation::Failed),
            (Some(Outcome::Passed(level)), ..) => level,
            (_, Some(Verstat::Passed), true) => {
                verifying::attested_level(message).or(Some(Attestation::Full))
            }
            (.., true) if message.has(Header::AttestationIndicator) => verifying::attested_level(message),
            _ if self.passport => None,
            _ => Some(Attestation::None),
        };
        Belief { flags: flags.union(verifying::flags(stir)), attestation, stir }
    }

    /// Which of the callers counters go by and records name: what a trusted peer asserted, else From, else any
    /// number that says who calls. Its place among the callers.
    pub fn caller(&self) -> u32 {
        let numbered = |caller: &Identity| caller.party.number().is_some();
        let asserted = |caller: &Identity| caller.asserted && caller.origin == Origin::Asserted;
        let place = |wanted: &dyn Fn(&Identity) -> bool| self.callers.iter().position(wanted);
        place(&asserted)
            .or_else(|| place(&|caller| caller.origin == Origin::From && numbered(caller)))
            .or_else(|| {
                let from_tells = self
                    .callers
                    .first()
                    .is_some_and(|from| matches!(from.party, Party::Invalid | Party::Name));
                if from_tells { Some(0) } else { place(&numbered) }
            })
            .unwrap_or(0) as u32
    }

    /// Takes up the addresses of `view`, as they were when the attempt was judged.
    pub(crate) fn recall(&mut self, attempt: &Attempt, view: &View, trust: Trust) {
        self.recall_facts(attempt.facts(view), attempt.kind.method(), trust);
    }

    /// Takes up the addresses of one message of an attempt.
    pub(crate) fn recall_facts(&mut self, facts: &[Fact], method: Method, trust: Trust) {
        self.clear();
        self.is_refer = method == Method::Refer;
        for fact in facts {
            let role = fact.role;
            let origin = origin(role);
            let vouched = origin == Origin::Asserted || role.says_who_forwarded();
            let asserted = trust.own_side || trust.trusted && vouched;
            let identity = Identity { party: fact.party, origin, asserted };
            match () {
                () if role.says_who_calls() => self.callers.push(identity),
                () if role.says_who_forwarded() => self.forwarders.push(identity),
                () if role.routes() => self.calls(role, fact.party),
                () => {}
            }
        }
        self.mismatch = names_several(&self.callers);
    }

    /// The subject of one message of an attempt, after [`recall_facts`](Self::recall_facts), under the `flags` that a policy
    /// saw with it.
    pub(crate) fn subject_of_sighting<'a>(
        &'a self,
        attempt: &'a Attempt,
        sighting: &Sighting,
        headers: &'a KeptHeaders<'a>,
        seen: Seen,
    ) -> Subject<'a> {
        Subject {
            at: sighting.at,
            method: attempt.kind.method(),
            direction: seen.direction,
            source: attempt.source,
            destination: attempt.destination,
            transport: attempt.transport,
            callers: &self.callers,
            forwarders: &self.forwarders,
            called: &self.called,
            dialled: self.dialled,
            restricted: sighting.restricted,
            display_name: sighting.display_name(attempt),
            user_agent: sighting.user_agent(attempt),
            hosts: sighting.hosts(attempt),
            call_type: attempt.call_type,
            attestation: seen.attestation,
            signer: sighting.signer(attempt),
            identity_mismatch: self.mismatch,
            priority: seen.believed && sighting.has_priority,
            callback: seen.callback,
            repeat: seen.repeat,
            flags: seen.flags,
            headers,
        }
    }

    /// The subject of an attempt whose message is gone, after [`recall`](Self::recall): without hosts and headers.
    pub(crate) fn subject_again<'a>(
        &'a self,
        (attempt, view): (&'a Attempt, &View),
        at: Timestamp,
        seen: Seen,
    ) -> Subject<'a> {
        Subject {
            at,
            method: Method::Invite,
            direction: seen.direction,
            source: attempt.source,
            destination: attempt.destination,
            transport: attempt.transport,
            callers: &self.callers,
            forwarders: &self.forwarders,
            called: &self.called,
            dialled: self.dialled,
            restricted: self.restricted,
            display_name: attempt.display_name(),
            user_agent: attempt.user_agent(),
            hosts: [b"", b""],
            call_type: seen.call_type,
            attestation: seen.attestation,
            signer: attempt.signer(view),
            identity_mismatch: names_several(&self.callers),
            priority: false,
            callback: seen.callback,
            repeat: seen.repeat,
            flags: seen.flags,
            headers: &(),
        }
    }

    /// The subject that a policy judges; `from` is the first From.
    pub fn subject<'a, 'p: 'a>(
        &'a self,
        packet: &Packet<'_>,
        message: &'a Message<'p>,
        from: Option<&NameAddr<'p>>,
        seen: Seen,
    ) -> Subject<'a> {
        let [display, agent] = &self.spoken;
        Subject {
            at: packet.at,
            method: if message.is_request() {
                message.method()
            } else {
                Kind::Redirection(message.method()).method()
            },
            direction: seen.direction,
            source: packet.source,
            destination: packet.destination,
            transport: packet.transport,
            callers: &self.callers,
            forwarders: &self.forwarders,
            called: &self.called,
            dialled: self.dialled,
            restricted: self.restricted,
            display_name: display.as_deref().unwrap_or_else(|| from.map_or(&b""[..], |from| from.display)),
            user_agent: agent.as_deref().unwrap_or_else(|| message.user_agent()),
            hosts: [from.map_or(&b""[..], |from| from.uri.host), message.request_uri().host],
            call_type: seen.call_type,
            attestation: seen.attestation,
            signer: self.signer(seen.stir),
            identity_mismatch: self.mismatch,
            priority: seen.believed && has_priority(message),
            callback: seen.callback,
            repeat: seen.repeat,
            flags: seen.flags,
            headers: message,
        }
    }
}

/// What the engine knows of an attempt beside its addresses.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Which way it goes.
    pub direction: Direction,
    /// What its session description offers.
    pub call_type: CallType,
    /// What is known of the caller's right to the number.
    pub attestation: Option<Attestation>,
    /// What became of the verification of its Identity headers.
    pub stir: Option<Outcome>,
    /// Whether the peer is trusted: a Resource-Priority is believed of no other, not even of the customer's own telephones.
    pub believed: bool,
    /// Whether it calls back somebody who has just called an emergency number.
    pub callback: bool,
    /// Whether an earlier message of the same attempt was judged: limits do not count it again.
    pub repeat: bool,
    /// Everything the reader repaired.
    pub flags: Flags,
}

/// One reading in progress.
struct Reading<'a, 'm> {
    facts: &'a mut Facts,
    plan: &'a DialPlan,
    attempt: &'a mut Attempt,
    as_caller: number::Role,
    facts_max: usize,
    /// The last addresses read: From, P-Asserted-Identity and Contact are often one, so are To and Request-URI.
    read: [Option<Known<'m>>; READ_KEPT],
    next: usize,
}

/// An address and what it was read as.
type Known<'m> = (number::Role, Uri<'m>, number::Reading<'m>);

/// So many addresses of one message are not read again.
const READ_KEPT: usize = 4;

impl<'m> Reading<'_, 'm> {
    /// Everybody that a request says calls.
    #[inline]
    fn callers(&mut self, message: &Message<'m>, from: Option<&NameAddr<'m>>) {
        match from.filter(|_| has_one_from(message)) {
            Some(from) => self.from(from),
            None => message.froms().for_each(|from| self.from(&from)),
        }
        for (role, header) in
            [(Role::Asserted, Header::AssertedIdentity), (Role::Preferred, Header::PreferredIdentity)]
        {
            if message.has(header) {
                message.addresses(header).for_each(|address| self.caller(role, &address));
            }
        }
        if message.has(Header::RemotePartyId) {
            message.addresses(Header::RemotePartyId).for_each(|party| self.remote_party(&party));
        }
    }

    /// Who answers with a 3xx has the call go on: it is who was called. From names who called, and other identities of
    /// a response are the sender's word only.
    #[cold]
    fn redirector(&mut self, to: Option<&NameAddr<'m>>, left: Left<'_>) -> Party {
        let party = match (left.number(), to) {
            (Some(number), _) => {
                self.keep(Role::From, Party::Number(number), b"");
                Party::Number(number)
            }
            (None, Some(to)) => {
                let reading = self.number(Role::From, &to.uri, number::Role::Called);
                self.facts.flags = self.facts.flags.union(reading.flags).union(to.flags);
                reading.party
            }
            (None, None) => return Party::Absent,
        };
        self.facts.callers.push(Identity { party, origin: Origin::From, asserted: false });
        party
    }

    /// Where a 3xx has the call go.
    #[cold]
    fn targets(&mut self, message: &Message<'m>, by: (Party, Option<&NameAddr<'m>>), left: Left<'_>) {
        left.any_target(message, by, self.plan, &mut |target| {
            self.called(Role::RedirectTo, target);
            false
        });
    }

    fn from(&mut self, from: &NameAddr<'m>) {
        self.caller(Role::From, from);
        self.display_name(from);
    }

    fn caller(&mut self, role: Role, address: &NameAddr<'m>) {
        let reading = self.number(role, &address.uri, self.as_caller);
        self.facts.callers.push(Identity { party: reading.party, origin: origin(role), asserted: false });
        self.facts.flags = self.facts.flags.union(reading.flags).union(address.flags);
        self.facts.flags.raise_if(!address.uri.headers.is_empty(), Flag::UriHeaders);
        if matches!(role, Role::From | Role::Asserted) {
            self.facts.verstat = self.facts.verstat.or(reading.verstat);
        }
    }

    /// Without a party parameter it is the calling party (draft-ietf-sip-privacy-04 §5).
    fn remote_party(&mut self, party: &NameAddr<'m>) {
        if party.param(b"party").is_none_or(|value| value.eq_ignore_ascii_case(b"calling")) {
            self.caller(Role::RemoteParty, party);
            self.facts.restricted |= party.param(b"privacy").is_some_and(withholds);
        }
    }

    fn forwarder(&mut self, role: Role, address: &NameAddr<'m>) {
        let reading = self.number(role, &address.uri, number::Role::Called);
        self.facts.forwarders.push(Identity { party: reading.party, origin: origin(role), asserted: false });
        self.facts.flags = self.facts.flags.union(reading.flags);
    }

    /// History-Info lists every station of the call; the last one is where the call goes now (RFC 7044 §5).
    fn history(&mut self, message: &Message<'m>) {
        let mut previous: Option<NameAddr<'m>> = None;
        for station in message.addresses(Header::HistoryInfo) {
            if let Some(left) = previous.replace(station) {
                self.forwarder(Role::History, &left);
            }
        }
        if let Some(last) = previous
            && !last.uri.headers.is_empty()
        {
            self.forwarder(Role::History, &last);
        }
    }

    fn called(&mut self, role: Role, uri: &Uri<'m>) {
        let reading = self.number(role, uri, number::Role::Called);
        self.facts.flags = self.facts.flags.union(reading.flags);
        self.facts.calls(role, reading.party);
        if let Some(routing) = reading.routing {
            self.facts.calls(Role::Routing, routing);
            self.keep(Role::Routing, routing, b"");
        }
    }

    /// Addresses that decide nothing by themselves, but belong into the record.
    fn others(&mut self, message: &Message<'m>) {
        for (role, header) in [
            (Role::To, Header::To),
            (Role::Referrer, Header::ReferredBy),
            (Role::Charge, Header::ChargeInfo),
            (Role::ReplyTo, Header::ReplyTo),
        ] {
            if message.has(header) {
                for address in message.addresses(header) {
                    self.number(role, &address.uri, number::Role::Called);
                }
            }
        }
        if message.is_request() {
            for address in message.addresses(Header::Contact) {
                self.number(Role::Contact, &address.uri, self.as_caller);
            }
        }
    }

    /// The PASSporT is only read here: unless it is verified it can accuse, never excuse.
    fn passport(&mut self, message: &Message<'_>) {
        for value in message.identities() {
            self.facts.passport = true;
            let passport = Passport::read(value, &mut self.facts.room);
            self.facts.flags = self.facts.flags.union(passport.flags);
            let orig = passport.orig.as_deref().and_then(|digits| Number::international(digits.as_bytes()));
            let Some(orig) = orig else { continue };
            let party = Party::Number(orig);
            let fits = self.facts.callers.iter().any(|caller| caller.party == party);
            self.facts.flags.raise_if(!fits, Flag::PassportMismatch);
            self.keep(Role::PassportOrig, party, b"");
        }
    }

    fn display_name(&mut self, from: &NameAddr<'_>) {
        let caller = self.facts.callers.last().map_or(Party::Absent, |caller| caller.party);
        let differs = number::is_display_mismatch(from.display, caller, self.plan);
        self.facts.flags.raise_if(differs, Flag::DisplayNumberMismatch);
    }

    fn number(&mut self, role: Role, uri: &Uri<'m>, as_what: number::Role) -> number::Reading<'m> {
        let known = self.read.iter().flatten().find(|(role, known, _)| *role == as_what && same(known, uri));
        let reading = match known {
            Some((_, _, reading)) => *reading,
            None => {
                let reading = number::read(uri, self.plan, as_what);
                if let Some(place) = self.read.get_mut(self.next % READ_KEPT) {
                    *place = Some((as_what, *uri, reading));
                }
                self.next += 1;
                reading
            }
        };
        let written = uri.user.unwrap_or_default().split(|&byte| byte == b';').next().unwrap_or_default();
        self.keep(role, reading.party, written);
        if !reading.domain.is_empty()
            && let Some(fact) = self.attempt.facts.last_mut()
        {
            // A private number is told with the domain it belongs to.
            self.attempt.text.push(b'@');
            self.attempt.text.extend_from_slice(reading.domain);
            fact.raw.end = self.attempt.text.len() as u32;
        }
        reading
    }

    fn keep(&mut self, role: Role, party: Party, written: &[u8]) {
        if self.attempt.facts.len() < self.facts_max {
            let raw = if party.number().is_some() { 0..0 } else { self.attempt.keep(written) };
            self.attempt.facts.push(Fact { role, party, raw });
        }
    }
}

/// Whether the first From is the only one: one line and no comma that could part it.
fn has_one_from(message: &Message<'_>) -> bool {
    !message.is_repeated(Header::From)
        && message.value(Header::From).is_some_and(|value| !value.is_empty() && !value.contains(&b','))
}

/// Whether two URIs name the same party: all that the reader of numbers looks at is the same.
fn same(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    // Behind a user that begins with digits nobody looks at the host; it may hold the number itself, or `anonymous.invalid`.
    let begins_as_number = matches!(one.user, Some([b'+', b'0'..=b'9', ..] | [b'0'..=b'9', ..]));
    one.user.zip(other.user).is_some_and(|(one, other)| is_same(one, other))
        && (begins_as_number || one.host == other.host)
        && one.scheme == other.scheme
        && one.params == other.params
        && one.password == other.password
}

/// Whether both are the same bytes. Most are numbers, which differ at the end if at all.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.last_chunk::<8>() == other.last_chunk() && one == other
}

fn origin(role: Role) -> Origin {
    match role {
        Role::Asserted => Origin::Asserted,
        Role::Preferred => Origin::Preferred,
        Role::RemoteParty => Origin::RemoteParty,
        Role::Diversion => Origin::Diversion,
        Role::History => Origin::History,
        _ => Origin::From,
    }
}

/// Privacy values that withhold the number (RFC 3323 §4.2, RFC 3325 §9.3); `none` does not.
fn withholds(privacy: &[u8]) -> bool {
    privacy.split(|&byte| byte == b';' || byte == b',').any(|value| {
        [&b"id"[..], b"user", b"header", b"full"]
            .iter()
            .any(|word| value.trim_ascii().eq_ignore_ascii_case(word))
    })
}

fn names_several(callers: &[Identity]) -> bool {
    let mut numbers = callers.iter().filter_map(|caller| caller.party.number());
    numbers.next().is_some_and(|first| numbers.any(|other| other != first))
}

/// Namespaces of authority-to-authority emergency traffic (RFC 7135, RFC 4412).
pub(crate) fn has_priority(message: &Message<'_>) -> bool {
    message.resource_priority().any(|value| {
        let namespace = value.split(|&byte| byte == b'.').next().unwrap_or_default();
        [&b"esnet"[..], b"ets", b"wps"].iter().any(|word| namespace.eq_ignore_ascii_case(word))
    })
}

/// Whom to believe about a packet from `source`, under `customer`'s policy.
pub fn trust(customer: &Customer, source: std::net::IpAddr) -> Trust {
    Trust { own_side: customer.is_own_side(source), trusted: customer.trusts(source) }
}

/// A moment `at` for callers of emergency numbers: see [`rules::policy::Customer::callback_seconds`].
pub(crate) fn callback_until(at: Timestamp, customer: &Customer) -> Timestamp {
    at.plus_micros(i64::from(customer.callback_seconds) * 1_000_000)
}
