//! The BYEs of a proxy that ends a call that is up: one to each side, sent until it is answered (RFC 3261 §15, §17.1.2).

use std::io::Write as _;

use engine::sip::{Header, Message, NameAddr, Uri};
use rules::Timestamp;

use super::course::{Course, Dialog, Side};
use super::leaving::Leaving;
use super::port::{Place, Ports};
use super::secret::{Secret, put_hash};
use crate::limits::BYES_MAX;

/// All BYEs that wait for an answer.
pub(super) struct Byes {
    waiting: Vec<Bye>,
    secret: Secret,
    made: u64,
}

struct Bye {
    branch: u64,
    leaving: Leaving,
    text: Vec<u8>,
    due: Timestamp,
    /// Microseconds to the next time.
    pause: i64,
    until: Timestamp,
}

/// Who is told that the call is over, and by whom it seems to be.
struct Ends<'a> {
    told: &'a Side,
    seems: &'a Side,
    /// Where to, when neither a Route nor a Contact says so by address.
    usual: Place,
}

impl Byes {
    pub(super) fn new(secret: Secret) -> Self {
        Self { waiting: Vec::new(), secret, made: 0 }
    }

    /// Whether two more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() + 2 <= BYES_MAX
    }

    /// Has both sides of the call told that it is over, from `now` on. Returns the BYE to the called.
    pub(super) fn begin(
        &mut self,
        dialog: &Dialog,
        course: &Course,
        ports: &mut Ports,
        now: Timestamp,
    ) -> &[u8] {
        let (caller, called) = (&dialog.caller, &dialog.called);
        let (from, port) = course.from;
        self.tell(dialog, &Ends { told: caller, seems: called, usual: from }, (ports, port), now);
        self.tell(dialog, &Ends { told: called, seems: caller, usual: course.to }, (ports, port), now);
        self.waiting.last().map_or(&[], |bye| &bye.text)
    }

    fn tell(
        &mut self,
        dialog: &Dialog,
        ends: &Ends<'_>,
        (ports, usual): (&mut Ports, usize),
        now: Timestamp,
    ) {
        let to = ends.place();
        let Some(place) = ports.towards(to, usual) else { return };
        let Some(port) = ports.get(place) else { return };
        self.made += 1;
        let branch = self.secret.own(self.made, now.0);
        let mut text = b"BYE ".to_vec();
        if ends.told.contact.is_empty() {
            // Writing to memory cannot fail, here and below.
            let _ = write!(text, "sip:{}{}", to.address, to.transport_param());
        } else {
            text.extend_from_slice(&ends.told.contact);
        }
        text.extend_from_slice(b" SIP/2.0\r\nVia: ");
        port.put_via(&mut text);
        text.extend_from_slice(OWN_BRANCH);
        put_hash(&mut text, branch);
        text.extend_from_slice(b";rport\r\nMax-Forwards: 70\r\n");
        if !ends.told.routes.is_empty() {
            put_line(&mut text, b"Route: ", &ends.told.routes);
        }
        put_line(&mut text, b"From: ", &ends.seems.party);
        put_line(&mut text, b"To: ", &ends.told.party);
        put_line(&mut text, b"Call-ID: ", &dialog.call_id);
        let _ = write!(text, "CSeq: {} BYE\r\n", ends.seems.cseq.wrapping_add(1));
        text.extend_from_slice(
            b"Reason: SIP;cause=603;text=\"ended by policy\"\r\nContent-Length: 0\r\n\r\n",
        );
        let leaving = Leaving { port: place, to, line: None };
        let until = now.plus_micros(TIMER_F_MICROS);
        // RFC 3261 §17.1.2.2: nothing is sent again over a connection.
        let pause = if to.is_stream() { TIMER_F_MICROS } else { T1_MICROS };
        self.waiting.push(Bye { branch, leaving, text, due: now, pause, until });
    }

    /// The next BYE that is due at `now`, and where it goes.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<(&[u8], Leaving)> {
        if self.waiting.is_empty() {
            return None;
        }
        self.waiting.retain(|bye| now < bye.until);
        let bye = self.waiting.iter_mut().find(|bye| bye.due <= now)?;
        bye.due = now.plus_micros(bye.pause);
        // RFC 3261 §17.1.2.2: Timer E doubles up to T2.
        bye.pause = (bye.pause * 2).min(T2_MICROS.max(bye.pause));
        Some((&bye.text, bye.leaving))
    }

    /// Takes a final answer to the BYE `branch`.
    pub(super) fn answer(&mut self, branch: u64) {
        self.waiting.retain(|bye| bye.branch != branch);
    }
}

impl Ends<'_> {
    fn place(&self) -> Place {
        let by_route = || {
            let first = NameAddr::read(&self.told.routes);
            Place::of(&first.uri)
        };
        let by_contact = || Place::of(&Uri::read(&self.told.contact));
        let said = if self.told.routes.is_empty() { by_contact() } else { by_route() };
        said.unwrap_or(self.usual)
    }
}

/// The branch of an own request that `message`, a response, answers.
pub(super) fn own_branch(message: &Message<'_>) -> Option<u64> {
    if !message.has(Header::Via) {
        return None;
    }
    let (_, branch) = OWN_BRANCH.split_at(BRANCH_NAME_BYTES);
    super::secret::read_hash(message.branch()?.strip_prefix(branch)?)
}

fn put_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// What begins the branch of each request of our own.
pub(super) const OWN_BRANCH: &[u8] = b";branch=z9hG4bKro";
const BRANCH_NAME_BYTES: usize = b";branch=".len();

/// RFC 3261 §17.1.1.1.
const T1_MICROS: i64 = 500_000;
const T2_MICROS: i64 = 4_000_000;
const TIMER_F_MICROS: i64 = 64 * T1_MICROS;
