//! The packets of one event: what each side sends, step by step.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::message::{Message, Party};
use super::passport;
use super::script::{Event, duration, name};

/// A message on its way.
pub(super) struct Sent {
    pub at: i64,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub text: String,
    /// Index of its event.
    pub event: usize,
}

/// The customer's side, and the carrier's.
const PBX: [u8; 4] = [192, 0, 2, 10];
const CARRIER: [u8; 4] = [198, 51, 100, 7];
/// From one message to the next.
const HOP: i64 = 20_000;

/// What `event` sends. Identities are kept by the name under which a story signs them.
pub(super) fn packets(event: &Event, index: usize, identities: &mut HashMap<String, String>) -> Vec<Sent> {
    let mut course = Course::new(event, index);
    let steps = course.attributes(event, identities);
    if event.method == "INVITE" {
        course.call(&steps);
    } else {
        course.request(&steps);
    }
    course.sent
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Caller,
    Called,
}

struct Course {
    event: usize,
    line: usize,
    now: i64,
    near: SocketAddr,
    far: SocketAddr,
    message: Message,
    method: String,
    cseq: [u32; 2],
    answered: bool,
    over: bool,
    sent: Vec<Sent>,
}

impl Course {
    fn new(event: &Event, index: usize) -> Self {
        let address = |ip: IpAddr| SocketAddr::new(ip, 5060);
        let (pbx, carrier) = (address(PBX.into()), address(CARRIER.into()));
        let near = event.from.map_or_else(|| if is_own(&event.who) { pbx } else { carrier }, address);
        let far = if pbx.ip() == near.ip() { carrier } else { pbx };
        let message = Message::new(index, Party::new(&event.who, near), Party::new(&event.whom, far));
        Self {
            event: index,
            line: event.line,
            now: event.at,
            near,
            far,
            message,
            method: event.method.clone(),
            cseq: [1, 1],
            answered: false,
            over: false,
            sent: Vec::new(),
        }
    }

    /// Takes what the opening request carries out of the course, and leaves the steps.
    fn attributes<'e>(&mut self, event: &'e Event, identities: &mut HashMap<String, String>) -> Vec<&'e str> {
        let is_carrier = self.near.ip().to_string().starts_with("198.51.100.");
        if event.who == "anonymous" {
            self.message.opening += "Privacy: id\r\n";
        } else if is_carrier && self.method == "INVITE" {
            self.message.opening +=
                &format!("P-Asserted-Identity: <sip:{}@{}>\r\n", event.who, self.near.ip());
        }
        let mut steps = Vec::new();
        for step in &event.course {
            let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
            match (word, rest) {
                ("fax" | "modem", "") => self.message.media = if word == "fax" { FAX } else { MODEM },
                ("without", "offer") => self.message.media = "",
                ("agent", agent) => self.message.agent = agent.to_owned(),
                ("shown", shown) => shown.trim_start_matches("as ").clone_into(&mut self.message.shown),
                ("diverted", by) => {
                    let by = name(by.trim_start_matches("by "));
                    self.message.opening +=
                        &format!("Diversion: <sip:{by}@{}>;reason=unconditional\r\n", self.far.ip());
                }
                ("routed", over) => {
                    let over = over.trim_start_matches("over ");
                    self.message.opening += &format!("Record-Route: <sip:{over};lr>\r\n");
                }
                ("signed", name) => {
                    let name = if name == "afresh" { format!("{}", self.event) } else { name.to_owned() };
                    let value = identities
                        .entry(name)
                        .or_insert_with_key(|name| passport::write(name, &event.who, &event.whom, event.at));
                    self.message.opening += &format!("Identity: {value}\r\n");
                }
                _ => steps.push(step.as_str()),
            }
        }
        steps
    }

    fn call(&mut self, steps: &[&str]) {
        self.opening(false);
        self.response(Side::Called, 100, "INVITE");
        let mut stays_up = false;
        for step in steps {
            stays_up |= *step == "stays up";
            self.step(step).unwrap_or_else(|| panic!("line {}: what is `{step}`?", self.line));
        }
        if self.answered && !self.over && !stays_up {
            self.hang_up(Side::Caller, None);
        }
    }

    fn step(&mut self, step: &str) -> Option<()> {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        match (word, rest) {
            ("rings", time) => {
                self.response(Side::Called, 180, "INVITE");
                self.now += duration(time)?;
            }
            ("waits", time) => self.now += duration(time)?,
            ("talks", time) => {
                self.answer();
                self.now += duration(time)?;
            }
            ("stays", "up") => self.answer(),
            ("gives", "up") => {
                self.send(Side::Caller, |call| call.message.request("CANCEL", 1, false));
                self.response(Side::Called, 200, "CANCEL");
                self.refused(487);
            }
            ("busy", "") => self.refused(486),
            ("refused", status) => self.refused(status.parse().ok()?),
            ("moved", to) => {
                self.message.contact = Some(name(to.strip_prefix("to ")?));
                self.refused(302);
                self.message.contact = None;
            }
            ("challenged", status) => {
                self.refused(status.parse().ok()?);
                self.cseq[0] += 1;
                self.opening(true);
                self.response(Side::Called, 100, "INVITE");
            }
            ("resent", "") => self.opening(false),
            ("caller", deed) => self.deed(Side::Caller, deed)?,
            ("called", deed) => self.deed(Side::Called, deed)?,
            (address, deed) => self.stranger(SocketAddr::new(address.parse().ok()?, 5060), deed)?,
        }
        Some(())
    }

    /// What one side does inside the call: hangs up, re-invites (and meets a challenge), transfers.
    fn deed(&mut self, side: Side, deed: &str) -> Option<()> {
        let (deed, challenge) = deed.split_once(" and meets ").unwrap_or((deed, ""));
        let challenge = if challenge.is_empty() { None } else { Some(challenge.parse().ok()?) };
        match deed.split_once(" to ").unwrap_or((deed, "")) {
            ("hangs up", "") => self.hang_up(side, challenge),
            ("re-invites" | "re-invites with fax", "") => {
                if deed.ends_with("fax") {
                    self.message.media = FAX;
                }
                self.inside(side, "INVITE", challenge);
                self.send(side, |call| {
                    call.message.inside("ACK", call.cseq[side as usize], side == Side::Caller, "")
                });
            }
            ("transfers", to) => {
                let host = self.end(other(side)).ip();
                self.message.extra = format!("Refer-To: <sip:{}@{host}>\r\n", name(to));
                self.inside(side, "REFER", challenge);
                self.message.extra.clear();
            }
            _ => return None,
        }
        Some(())
    }

    /// A stranger who knows the call's tags sends a BYE or CANCEL, as if from the caller.
    fn stranger(&mut self, source: SocketAddr, deed: &str) -> Option<()> {
        let text = match deed {
            "hangs up" => {
                self.over = true;
                self.message.inside("BYE", self.cseq[0] + 1, true, "")
            }
            "cancels" => self.message.request("CANCEL", self.cseq[0], false),
            _ => return None,
        };
        let text = text.replacen(&format!("UDP {}", self.near), &format!("UDP {source}"), 1);
        self.push(source, self.far, text);
        if deed == "cancels" {
            self.refused(487);
        }
        Some(())
    }

    /// Requests beside calls: each status answers one, and a challenge is answered by the next.
    fn request(&mut self, statuses: &[&str]) {
        if statuses.is_empty() {
            self.opening(false);
        }
        for (index, status) in statuses.iter().enumerate() {
            let status: u16 =
                status.parse().unwrap_or_else(|_| panic!("line {}: what is `{status}`?", self.line));
            self.cseq[0] = index as u32 + 1;
            self.opening(index > 0);
            self.response(Side::Called, status, &self.method.clone());
        }
    }

    fn opening(&mut self, credentials: bool) {
        let method = self.method.clone();
        self.send(Side::Caller, |call| call.message.request(&method, call.cseq[0], credentials));
    }

    fn answer(&mut self) {
        if self.answered {
            return;
        }
        self.answered = true;
        self.response(Side::Called, 200, "INVITE");
        self.send(Side::Caller, |call| call.message.inside("ACK", call.cseq[0], true, ""));
    }

    fn refused(&mut self, status: u16) {
        self.response(Side::Called, status, "INVITE");
        self.send(Side::Caller, |call| call.message.request("ACK", call.cseq[0], false));
    }

    fn hang_up(&mut self, side: Side, challenge: Option<u16>) {
        self.over = true;
        self.inside(side, "BYE", challenge);
    }

    /// A request inside the call and its answer; a challenge first, when it meets one.
    fn inside(&mut self, side: Side, method: &str, challenge: Option<u16>) {
        let statuses = challenge.into_iter().chain([if method == "REFER" { 202 } else { 200 }]);
        for (index, status) in statuses.enumerate() {
            self.cseq[side as usize] += 1;
            let credentials = if index > 0 { CREDENTIALS } else { "" };
            self.send(side, |call| {
                call.message.inside(method, call.cseq[side as usize], side == Side::Caller, credentials)
            });
            self.response(other(side), status, method);
        }
    }

    fn response(&mut self, by: Side, status: u16, method: &str) {
        let side = other(by);
        self.send(by, |call| {
            call.message.response(status, method, call.cseq[side as usize], side == Side::Caller)
        });
    }

    fn send(&mut self, by: Side, text: impl FnOnce(&Self) -> String) {
        let text = text(self);
        self.push(self.end(by), self.end(other(by)), text);
    }

    fn push(&mut self, source: SocketAddr, destination: SocketAddr, text: String) {
        self.sent.push(Sent { at: self.now, source, destination, text, event: self.event });
        self.now += HOP;
    }

    fn end(&self, side: Side) -> SocketAddr {
        if side == Side::Caller { self.near } else { self.far }
    }
}

fn other(side: Side) -> Side {
    if side == Side::Caller { Side::Called } else { Side::Caller }
}

/// Whether a party without an address of its own is at the customer's: as the numbers of acme.toml say.
fn is_own(who: &str) -> bool {
    let is_number = who == "+18005550123"
        || who.strip_prefix("+1210555").is_some_and(|line| ("0100"..="0129").contains(&line))
        || who.strip_prefix("+1512555").is_some_and(|line| ("0100"..="0199").contains(&line));
    is_number || (who.len() == 4 && who.starts_with("14"))
}

pub(super) const CREDENTIALS: &str = "Authorization: Digest username=\"1444\",realm=\"example.com\",nonce=\"5a\",\
                               uri=\"sip:example.com\",response=\"0123456789abcdef0123456789abcdef\"\r\n";
pub(super) const VOICE: &str = "m=audio 16384 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
const FAX: &str = "m=image 16384 udptl t38\r\na=T38FaxVersion:0\r\n";
const MODEM: &str = "m=audio 16384 RTP/AVP 97\r\na=rtpmap:97 CLEARMODE/8000\r\n";
