//! One call attempt, or one other request outside a dialog, with all that is told about it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use rules::policy::{PolicySet, ThresholdId};
use rules::verdict::ActedRules;
use rules::{
    Action, Attestation, CallType, Direction, Flag, Flags, Method, Party, Timestamp, Transport, Verdict,
};
use serde::{Deserialize, Serialize};
use stir::Outcome;

use crate::call::{Progress, Sighting, State};
use crate::ips::Counted;
use crate::limits::{FORKS_MAX, PARTIES_MAX, TALLIES_MAX, TEXT_BYTES_MAX};
use crate::sip::{spoken, unfold};

/// What opened an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// An INVITE.
    Call,
    /// Another request outside a known dialog.
    Request(Method),
    /// A 3xx to a request of this method: to an INVITE, or to a request that was not seen.
    Redirection(Method),
}

impl Kind {
    /// The method that policies judge it by. Who answers an INVITE with a 3xx transfers the call, as who sends a REFER does.
    pub fn method(self) -> Method {
        match self {
            Self::Call => Method::Invite,
            Self::Redirection(Method::Invite) => Method::Refer,
            Self::Request(method) | Self::Redirection(method) => method,
        }
    }
}

/// The part an address plays in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is named for its header or parameter")]
pub enum Role {
    /// Of a 3xx: who redirects.
    From,
    Asserted,
    Preferred,
    RemoteParty,
    Diversion,
    History,
    Called,
    Routing,
    ReferTo,
    RedirectTo,
    To,
    Referrer,
    Contact,
    Charge,
    ReplyTo,
    PassportOrig,
}

/// One address of a message, as one customer's dial plan reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// The part it plays.
    pub role: Role,
    /// What it was read as.
    pub party: Party,
    /// Its user part as written, in [`Attempt::text`].
    pub(crate) raw: Range<u32>,
}

/// The attempt as one customer's policy sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    /// Index of the policy; `None` when no customer is touched.
    pub policy: Option<u32>,
    /// Which way it goes; `None` without a policy.
    pub direction: Option<Direction>,
    /// What the policy decided; `None` without a policy.
    pub verdict: Option<Verdict>,
    /// What the reader repaired, numbers by this customer's plan among it.
    pub flags: Flags,
    /// What is known of the caller's right to the number.
    pub attestation: Option<Attestation>,
    /// What became of the verification of its Identity headers; `None` when there was none.
    pub stir: Option<Outcome>,
    /// Who signed, in [`Attempt::text`]; empty unless it passed.
    pub(crate) signer: Range<u32>,
    /// Its addresses, in [`Attempt::facts`].
    pub(crate) facts: Range<u32>,
    /// Which of its callers it is told under.
    pub(crate) caller: u32,
}

/// One message of an attempt that thresholds counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    /// Index of the policy whose thresholds they are.
    pub policy: u32,
    /// When it counted.
    pub at: Timestamp,
    /// How it was kept from going on; `None` when it passed.
    pub refusal: Option<Refusal>,
    thresholds: Range<u32>,
    facts: Range<u32>,
    caller: u32,
}

/// How an attempt that counted was kept from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// By a rule, or by a block that was in force before: it counts as an attempt, in nothing that comes later.
    Before,
    /// By the limit that it reached itself.
    Then,
}

/// One attempt. Buffers are kept when it is freed, so that a steady load allocates nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Its place in the order of starts.
    pub sequence: u64,
    /// What opened it.
    pub kind: Kind,
    /// How it went.
    pub progress: Progress,
    /// Who sent the first packet.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// What its session description offers.
    pub call_type: CallType,
    /// As each touched customer sees it; at least one.
    pub views: Vec<View>,
    pub(crate) text: Vec<u8>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) call_id: Range<u32>,
    pub(crate) method: Range<u32>,
    pub(crate) display_name: Range<u32>,
    pub(crate) user_agent: Range<u32>,
    /// The Call-ID of the call that it is another leg of.
    pub(crate) leg_of: Option<Range<u32>>,
    pub(crate) keys: Keys,
    /// Counters that wait for what becomes of it.
    pub(crate) waiting: Vec<Counted>,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) tallied: Vec<ThresholdId>,
    /// Its messages that policies judged, each as one of them saw it.
    pub(crate) sightings: Vec<Sighting>,
    /// Flags that were noticed later than its messages, and when: each of [`Flags::EVENTS`] once.
    pub(crate) noticed: Vec<(Flag, Timestamp)>,
    pub(crate) standing: Standing,
    /// The policies that judged it.
    #[serde(skip)]
    pub(crate) policies: Option<Arc<PolicySet>>,
    /// The reign of those: see `Engine::reign`.
    pub(crate) reign: u32,
}

/// What counters and detections need to know of the course of an attempt.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Whether counters were told how it ended.
    pub(crate) is_closed: bool,
    /// Whether it carried credentials.
    pub(crate) has_credentials: bool,
    /// Whether a challenge to it was answered by another request.
    pub(crate) is_followed_up: bool,
    /// The first refusal that no repeat answered, and since when that is known.
    pub(crate) refused: Option<(u16, Timestamp)>,
    /// When its time was up.
    pub(crate) timed_out: Option<Timestamp>,
    /// When we answered it ourselves.
    pub(crate) concluded: Option<Timestamp>,
    /// How often its INVITE came again with a higher CSeq.
    pub(crate) repeats: u8,
    /// How many other legs of it were joined to it.
    pub(crate) legs: u8,
    /// Addresses that take part in it.
    pub(crate) parties: [Option<IpAddr>; PARTIES_MAX],
}

impl Standing {
    /// Notes that `address` takes part.
    pub(crate) fn join(&mut self, address: IpAddr) {
        if !self.has(address)
            && let Some(free) = self.parties.iter_mut().find(|party| party.is_none())
        {
            *free = Some(address);
        }
    }

    /// Whether `address` takes part, or too many do to tell.
    pub(crate) fn takes_part(&self, address: IpAddr) -> bool {
        self.has(address) || self.parties.iter().all(Option::is_some)
    }

    fn has(&self, address: IpAddr) -> bool {
        self.parties.contains(&Some(address))
    }
}

/// Keyed hashes by which messages find their attempt.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) call_id: u64,
    pub(crate) from_tag: u64,
    pub(crate) caller: u64,
    pub(crate) branch: u64,
    pub(crate) payload: u64,
    pub(crate) cseq: u32,
    pub(crate) to_tags: [u64; FORKS_MAX],
    pub(crate) forks: usize,
}

impl Attempt {
    /// An attempt of which nothing is known.
    pub(crate) fn vacant() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self {
            sequence: 0,
            kind: Kind::Call,
            progress: Progress::new(Timestamp::default()),
            source: nowhere,
            destination: nowhere,
            transport: Transport::Udp,
            call_type: CallType::Other,
            views: Vec::with_capacity(1),
            text: Vec::with_capacity(TEXT_BYTES_USUAL),
            facts: Vec::with_capacity(FACTS_USUAL),
            call_id: 0..0,
            method: 0..0,
            display_name: 0..0,
            user_agent: 0..0,
            leg_of: None,
            keys: Keys::default(),
            waiting: Vec::new(),
            tallies: Vec::new(),
            tallied: Vec::new(),
            sightings: Vec::new(),
            noticed: Vec::new(),
            standing: Standing::default(),
            policies: None,
            reign: 0,
        }
    }

    /// Makes it one that begins now, with the buffers of the one before.
    pub(crate) fn begin(&mut self, kind: Kind, keys: Keys, at: Timestamp) {
        self.text.clear();
        self.facts.clear();
        self.views.clear();
        self.waiting.clear();
        self.tallies.clear();
        self.tallied.clear();
        self.sightings.clear();
        self.noticed.clear();
        self.standing = Standing::default();
        self.leg_of = None;
        (self.kind, self.keys) = (kind, keys);
        self.progress = Progress::new(at);
    }

    /// The policies that its views are of: those in force when it was judged.
    pub fn policies(&self) -> Option<&Arc<PolicySet>> {
        self.policies.as_ref()
    }

    /// Whether any customer's policy keeps it from going on.
    pub(crate) fn is_refused(&self) -> bool {
        self.views.iter().any(|view| view.verdict.is_some_and(|verdict| !verdict.goes_on()))
    }

    /// The Call-ID as it came; empty without one.
    pub fn call_id(&self) -> &[u8] {
        self.slice(&self.call_id)
    }

    /// The method as it came.
    pub fn method(&self) -> &[u8] {
        self.slice(&self.method)
    }

    /// The display name of From, unquoted.
    pub fn display_name(&self) -> &[u8] {
        self.slice(&self.display_name)
    }

    /// Who signed for its caller as `view` sees it, by the certificate; empty when nobody did who may.
    pub fn signer(&self, view: &View) -> &[u8] {
        self.slice(&view.signer)
    }

    /// User-Agent; empty without one.
    pub fn user_agent(&self) -> &[u8] {
        self.slice(&self.user_agent)
    }

    /// The addresses as `view` reads them, in order of the message.
    pub fn facts(&self, view: &View) -> &[Fact] {
        self.facts.get(view.facts.start as usize..view.facts.end as usize).unwrap_or_default()
    }

    /// The addresses as every view reads them, one view after another.
    pub fn all_facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The messages of it that thresholds of the policy of `view` counted, in order: the first one, and each that went
    /// to other numbers. At most [`TALLIES_MAX`].
    pub fn tallies<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a Tally> {
        self.tallies.iter().filter(|tally| Some(tally.policy) == view.policy)
    }

    /// The thresholds that counted it then.
    pub fn thresholds(&self, tally: &Tally) -> &[ThresholdId] {
        let range = tally.thresholds.start as usize..tally.thresholds.end as usize;
        self.tallied.get(range).unwrap_or_default()
    }

    /// The attempt as the message of `tally` showed it: `view` with the addresses of that message.
    pub fn view_then(&self, tally: &Tally, view: &View) -> View {
        View { facts: tally.facts.clone(), caller: tally.caller, ..view.clone() }
    }

    /// The first refusal that no repeat of the INVITE answered, with the moment from which it counts: of a challenge, a
    /// redirection and the like that is when the time for a repeat was over.
    pub fn refused(&self) -> Option<(u16, Timestamp)> {
        self.standing.refused
    }

    /// When its time was up: 32 s after a refusal, ten minutes without any, four hours of a silent call. `None` when it
    /// was hung up, or when no more packets came.
    pub fn timed_out(&self) -> Option<Timestamp> {
        self.standing.timed_out
    }

    /// When we answered it ourselves, so that its end was told at once; `None` for what others answer.
    pub fn concluded(&self) -> Option<Timestamp> {
        self.standing.concluded
    }

    /// Flags that were noticed in the course of it rather than of one of its messages, and when.
    pub fn noticed(&self) -> impl Iterator<Item = (Flag, Timestamp)> + '_ {
        self.noticed.iter().copied()
    }

    /// Its messages that the policy of `view` judged, in order: at most [`TALLIES_MAX`].
    pub fn sightings<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a Sighting> {
        self.sightings.iter().filter(|sighting| Some(sighting.policy) == view.policy)
    }

    /// Whether it is a REGISTER with credentials.
    pub fn has_credentials(&self) -> bool {
        self.standing.has_credentials
    }

    /// Whether another REGISTER of its Call-ID carried credentials.
    pub fn is_followed_up(&self) -> bool {
        self.standing.is_followed_up
    }

    /// Notes that thresholds counted it as `view` shows it. Returns whether there was room.
    pub(crate) fn tally(
        &mut self,
        view: &View,
        at: Timestamp,
        refusal: Option<Refusal>,
        counted: &[ThresholdId],
    ) -> bool {
        let Some(policy) = view.policy else { return false };
        if counted.is_empty() || self.tallies.len() >= TALLIES_MAX {
            return false;
        }
        let first = self.tallied.len() as u32;
        self.tallied.extend_from_slice(counted);
        let thresholds = first..self.tallied.len() as u32;
        let facts = view.facts.clone();
        self.tallies.push(Tally { policy, at, refusal, thresholds, facts, caller: view.caller });
        true
    }

    /// The address that `view` tells the attempt under: see `Facts::caller`.
    pub fn caller(&self, view: &View) -> Option<&Fact> {
        self.facts(view).iter().filter(|fact| fact.role.says_who_calls()).nth(view.caller as usize)
    }

    /// The user part of `fact` as it was written, without parameters; empty for numbers.
    pub fn raw(&self, fact: &Fact) -> &[u8] {
        self.slice(&fact.raw)
    }

    /// Whether it is a call that is up though a rule or a threshold wants it ended.
    pub fn is_to_be_hung_up(&self) -> bool {
        let is_told = |verdict: &Verdict| verdict.action == Action::Terminate;
        self.is_call()
            && self.progress.state == State::Up
            && self.views.iter().filter_map(|view| view.verdict.as_ref()).any(is_told)
    }

    /// The Call-ID of the call that this is another leg of: a back-to-back agent passed that on, or made it of this. A leg
    /// counts in no threshold. `None` for a call of its own.
    pub fn leg_of(&self) -> Option<&[u8]> {
        self.leg_of.as_ref().map(|place| self.slice(place))
    }

    /// Whether it is another leg of a call that is told by itself.
    pub fn is_leg(&self) -> bool {
        self.leg_of.is_some()
    }

    /// Whether this opened a call.
    pub fn is_call(&self) -> bool {
        self.kind == Kind::Call
    }

    pub(crate) fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Keeps `bytes`; what is longer than [`TEXT_BYTES_MAX`] is cut, and an ellipsis says so.
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> Range<u32> {
        if has_line_end(bytes) {
            let mut room = [0; 2 * TEXT_BYTES_MAX];
            return self.keep_line(unfold(bytes, &mut room));
        }
        self.keep_line(bytes)
    }

    /// The same for a text that quotes or folds, as people see it.
    pub(crate) fn keep_spoken(&mut self, bytes: &[u8]) -> Range<u32> {
        match spoken(bytes) {
            Some(said) => self.keep_line(&said),
            None => self.keep_line(bytes),
        }
    }

    fn keep_line(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.text.len() as u32;
        if bytes.len() <= TEXT_BYTES_MAX {
            self.text.extend_from_slice(bytes);
        } else {
            let mut end = TEXT_BYTES_MAX - CUT.len();
            while end > 0 && bytes.get(end).is_some_and(|&byte| byte & 0xc0 == 0x80) {
                end -= 1;
            }
            self.text.extend_from_slice(bytes.get(..end).unwrap_or_default());
            self.text.extend_from_slice(CUT.as_bytes());
        }
        start..self.text.len() as u32
    }

    /// Whether the policy at `index` let an earlier message of this attempt pass to the same numbers: only then is the
    /// next one a repeat that limits need not count. Who resends a refused INVITE, or reuses a Call-ID for another
    /// number, is counted.
    pub(crate) fn has_passed(&self, index: u32, called: &[Party]) -> bool {
        self.views.iter().filter(|view| view.policy == Some(index)).any(|view| {
            let numbers = self.facts(view).iter().filter(|fact| fact.role.routes()).map(|fact| fact.party);
            view.verdict.is_some_and(|verdict| verdict.goes_on()) && numbers.eq(called.iter().copied())
        })
    }

    /// Whether the policy at `index` has counted this attempt to the same numbers.
    pub(crate) fn was_counted(&self, index: u32, called: &[Party]) -> bool {
        self.views.iter().filter(|view| view.policy == Some(index)).any(|view| {
            let numbers = self.facts(view).iter().filter(|fact| fact.role.routes()).map(|fact| fact.party);
            numbers.eq(called.iter().copied())
        })
    }

    /// Of the views from `earlier` on, which judged a later message of the same attempt, keeps those that are stricter
    /// than what was decided before. Returns whether any was kept: else what they refer to can go.
    pub(crate) fn merge_views(&mut self, earlier: usize) -> bool {
        let mut kept = false;
        let later = self.views.split_off(earlier.min(self.views.len()));
        for view in later {
            let known = self.views.iter_mut().find(|known| known.policy == view.policy);
            let Some(known) = known else {
                kept = true;
                self.views.push(view);
                continue;
            };
            // Places held in limits are given back when the call ends, whichever verdict is told.
            let held = view.verdict.iter().chain(&known.verdict).flat_map(|verdict| verdict.held.iter());
            let held = held.fold(ActedRules::default(), |mut held, rule| {
                if held.iter().all(|other| other != rule) {
                    held.push(rule);
                }
                held
            });
            known.flags = known.flags.union(view.flags);
            if strictness(&view) > strictness(known) {
                kept = true;
                *known = view;
            }
            if let Some(verdict) = &mut known.verdict {
                verdict.held = held;
            }
        }
        kept
    }
}

/// Whether `bytes` hold a line feed; eight at a time, because most texts are short.
fn has_line_end(bytes: &[u8]) -> bool {
    const LOW_BITS: u64 = u64::MAX / 0xff;
    let (words, rest) = bytes.as_chunks::<8>();
    let in_word = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word) ^ (LOW_BITS * b'\n' as u64);
        word.wrapping_sub(LOW_BITS) & !word & (LOW_BITS * 0x80) != 0
    };
    words.iter().any(in_word) || rest.contains(&b'\n')
}

/// Room that an attempt starts with: enough for nearly all, so that they grow nothing.
const TEXT_BYTES_USUAL: usize = 256;
const FACTS_USUAL: usize = 8;

/// What a text ends with that was cut.
const CUT: &str = "…";

fn strictness(view: &View) -> Option<(Action, Option<Action>)> {
    view.verdict.map(|verdict| (verdict.action, verdict.would))
}

impl Role {
    /// Whether it says who calls.
    pub fn says_who_calls(self) -> bool {
        matches!(self, Self::From | Self::Asserted | Self::Preferred | Self::RemoteParty)
    }

    /// Whether it says who forwarded.
    pub fn says_who_forwarded(self) -> bool {
        matches!(self, Self::Diversion | Self::History)
    }

    /// Whether the call goes there.
    pub fn routes(self) -> bool {
        matches!(self, Self::Called | Self::Routing | Self::ReferTo | Self::RedirectTo)
    }
}

impl Keys {
    pub(crate) fn add_to_tag(&mut self, tag: u64) {
        if !self.has_to_tag(tag)
            && let Some(place) = self.to_tags.get_mut(self.forks)
        {
            *place = tag;
            self.forks += 1;
        }
    }

    pub(crate) fn has_to_tag(&self, tag: u64) -> bool {
        self.to_tags.iter().take(self.forks).any(|&known| known == tag)
    }
}
