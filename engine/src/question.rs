//! "What would happen to this call?": `[[expect]]` and `explain`, answered by the same reading that packets get.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rules::policy::ExpectedCall;
use rules::{Action, CallType, Direction, Flags, Method, Policy, Subject, Timestamp, Transport};
use stir::{Outcome, Verifier};

use crate::call::Attempt;
use crate::facts::{self, Facts, Seen, Trust};
use crate::packet::Packet;
use crate::redirection::Left;
use crate::sip::{Disposition, Message};
use crate::verifying::Belief;

/// A message that somebody asks about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The message.
    pub message: Vec<u8>,
    /// Who sends it.
    pub source: SocketAddr,
    /// Whom it is sent to.
    pub destination: SocketAddr,
    /// What carries it.
    pub transport: Transport,
    /// When.
    pub at: Timestamp,
    /// Which way it goes; `None` lets numbers and source decide.
    pub direction: Option<Direction>,
    /// Whom to believe; `None` lets the source decide.
    trust: Option<Trust>,
    attestation: Option<rules::Attestation>,
}

/// A sender of whom nothing is known: numbers alone tell which way the call goes.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5060);

impl Question {
    /// A question about `message` as it came from the wire.
    pub fn of_message(message: Vec<u8>, source: Option<SocketAddr>, at: Timestamp) -> Self {
        Self {
            message,
            source: source.unwrap_or(UNKNOWN),
            destination: UNKNOWN,
            transport: Transport::Udp,
            at,
            direction: None,
            trust: None,
            attestation: None,
        }
    }

    /// The same with further header lines: one of a header that the parts make as well stands in its place.
    pub fn of_call_with_headers(call: &ExpectedCall, headers: &[(String, String)], now: Timestamp) -> Self {
        Self { message: invite(call, headers), ..Self::of_call(call, now) }
    }

    /// A question about a call that is told by its parts. `now` is when it happens unless the call says.
    pub fn of_call(call: &ExpectedCall, now: Timestamp) -> Self {
        let own_side = matches!(call.direction, Some(Direction::Outbound | Direction::Internal));
        // Without a source the words of the call itself say who is believed.
        let trust = (call.source.is_none() && (own_side || call.asserted.is_some()))
            .then_some(Trust { own_side, trusted: call.asserted.is_some() });
        Self {
            message: invite(call, &[]),
            source: call.source.unwrap_or(UNKNOWN),
            destination: UNKNOWN,
            transport: call.transport.unwrap_or(Transport::Udp),
            at: call.at.unwrap_or(now),
            direction: call.direction,
            trust,
            attestation: call.attestation,
        }
    }

    /// Reads the message as `policy`'s customer does, has its Identity headers verified if there is a `verifier`, and hands
    /// the facts to `answer`.
    pub fn ask<R>(
        &self,
        policy: &Policy,
        verifier: Option<&mut Verifier>,
        answer: impl FnOnce(&Subject<'_>, &Attempt, Option<Outcome>) -> R,
    ) -> R {
        let customer = &policy.text().customer;
        let packet = Packet {
            at: self.at,
            source: self.source,
            destination: self.destination,
            transport: self.transport,
            payload: &self.message,
            flags: Flags::NONE,
        };
        let message = Message::read(packet.payload);
        let mut attempt = Attempt::vacant();
        let mut facts = Facts::default();
        let trust = self.trust.unwrap_or_else(|| facts::trust(customer, self.source.ip()));
        let from = message.from();
        facts.read(
            &message,
            from.as_ref(),
            Left::default(),
            &customer.dial_plan,
            trust.own_side,
            &mut attempt,
        );
        facts.verify(verifier, (&message, self.at), &customer.dial_plan, &mut attempt);
        let Belief { flags: number_flags, attestation, stir } = facts.believe(trust, &message);
        let seen = Seen {
            direction: self
                .direction
                .unwrap_or_else(|| policy.direction(self.source.ip(), &facts.called, &facts.callers)),
            call_type: message.call_type(),
            attestation: self.attestation.or(attestation),
            stir,
            believed: trust.trusted,
            callback: false,
            repeat: false,
            flags: message.defects().union(number_flags),
        };
        answer(&facts.subject(&packet, &message, from.as_ref(), seen), &attempt, stir)
    }

    /// What an element should do with the message before anybody asks who calls whom.
    pub fn disposition(&self) -> Disposition {
        let message = Message::read(&self.message);
        message.disposition(message.defects())
    }

    /// What `policy` decides about it, with fresh counters.
    pub fn verdict(&self, policy: &Policy) -> rules::Verdict {
        self.ask(policy, None, |subject, _, _| {
            policy.judge(subject, &mut policy.limits(), &mut rules::matching::Scratch::default())
        })
    }
}

/// Whether `verdict` is what was expected: in shadow mode what would have happened counts.
pub fn meets(verdict: &rules::Verdict, expected: Action) -> bool {
    verdict.would.unwrap_or(verdict.action) == expected
}

fn invite(call: &ExpectedCall, headers: &[(String, String)]) -> Vec<u8> {
    let method = call.method.unwrap_or(Method::Invite).word();
    let mut text = Vec::new();
    let target = address(&call.to, "called.example");
    let body = description(call.call_type.unwrap_or(CallType::Voice));
    let mut line = |name: &str, value: &str| {
        let bare = name.trim_end_matches([':', ' ']);
        let is_given = headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(bare));
        if !value.is_empty() && (name.is_empty() || !is_given) {
            let _ = write!(text, "{name}{}\r\n", one_line(value));
        }
    };
    line("", &format!("{method} {target} SIP/2.0"));
    line("Via: ", "SIP/2.0/UDP caller.example;branch=z9hG4bKquestion");
    line("Max-Forwards: ", "70");
    let display = call.display_name.replace('\\', "\\\\").replace('"', "\\\"");
    let tag = if call.from.to_ascii_lowercase().contains(";tag=") { "" } else { ";tag=question" };
    line("From: ", &format!("{}{tag}", named(&call.from, &format!("\"{display}\" "))));
    line("To: ", &format!("<{target}>"));
    if let Some(asserted) = &call.asserted {
        line("P-Asserted-Identity: ", &named(asserted, ""));
    }
    if let Some(diverted) = &call.diverted_by {
        line("Diversion: ", &named(diverted, ""));
    }
    line("Call-ID: ", "question@caller.example");
    line("CSeq: ", &format!("1 {method}"));
    line("Contact: ", "<sip:caller.example>");
    line("User-Agent: ", &call.user_agent);
    for (name, value) in headers {
        let name: String =
            name.chars().filter(|letter| letter.is_ascii_graphic() && *letter != ':').collect();
        line("", &format!("{name}: {value}"));
    }
    line("Content-Type: ", "application/sdp");
    line("Content-Length: ", &body.len().to_string());
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(body.as_bytes());
    text
}

/// Whoever calls as a header names them: `text` as it stands where it has a URI in brackets, else as one behind `display`.
fn named(text: &str, display: &str) -> String {
    match bracketed(text) {
        Some(_) => text.to_owned(),
        None => format!("{display}<{}>", address(text, "caller.example")),
    }
}

/// The URI in the brackets of a header's value (RFC 3261 §20.10).
fn bracketed(text: &str) -> Option<&str> {
    let (_, uri) = text.rsplit_once('<')?;
    let (uri, _) = uri.split_once('>')?;
    has_scheme(uri).then_some(uri)
}

fn has_scheme(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| ["sip", "sips", "tel", "urn"].contains(&scheme.as_str()))
}

/// `text` as a URI: as it is when it has a scheme, or one in brackets, else as the user part of one.
fn address(text: &str, host: &str) -> String {
    if let Some(uri) = bracketed(text).or_else(|| has_scheme(text).then_some(text)) {
        return uri.to_owned();
    }
    // A number is written for a person: its spaces and brackets are escaped, as a telephone would.
    let user: String = text
        .chars()
        .flat_map(|character| match character {
            ' ' => "%20".chars().collect::<Vec<_>>(),
            '<' | '>' | '"' | '@' => format!("%{:02X}", u32::from(character)).chars().collect(),
            other => vec![other],
        })
        .collect();
    format!("sip:{user}@{host}")
}

/// A value cannot begin another header.
fn one_line(value: &str) -> String {
    value.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn description(call_type: CallType) -> String {
    let media = match call_type {
        CallType::Voice => "m=audio 40000 RTP/AVP 0\r\n",
        CallType::Fax => "m=image 40000 udptl t38\r\n",
        CallType::Video => "m=audio 40000 RTP/AVP 0\r\nm=video 40002 RTP/AVP 31\r\n",
        CallType::Other => "m=application 40000 TCP/MSRP *\r\n",
    };
    format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}")
}

#[cfg(test)]
mod tests {
    use rules::policy::{MemoryFiles, read};

    use super::*;

    #[test]
    fn a_call_without_a_source_goes_the_way_its_numbers_say() {
        let text = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n\
            trunks = [\"192.0.2.0/24\"]\n";
        let policy =
            Policy::new(read("a.toml", text, &MemoryFiles::new(), Timestamp::default()).policy.unwrap());
        let (own, other) = ("+12105550100", "+13035550142");
        let way = |(from, to): (&str, &str), source: Option<&str>| {
            let source = source.map(|it| it.parse().unwrap());
            let call =
                ExpectedCall { from: from.to_owned(), to: to.to_owned(), source, ..ExpectedCall::default() };
            let question = Question::of_call(&call, Timestamp::default());
            question.ask(&policy, None, |subject, _, _| subject.direction)
        };
        assert_eq!(way((own, other), None), Direction::Outbound);
        assert_eq!(way((other, own), None), Direction::Inbound);
        assert_eq!(way((own, other), Some("198.51.100.1:5060")), Direction::Inbound, "it only says so");
        assert_eq!(way((own, other), Some("192.0.2.7:5060")), Direction::Outbound);
    }

    #[test]
    fn a_caller_may_be_told_as_from_carries_them() {
        let from = |text: &str| {
            let call =
                ExpectedCall { from: text.to_owned(), to: "911".to_owned(), ..ExpectedCall::default() };
            let message = String::from_utf8(invite(&call, &[])).unwrap();
            message.lines().find(|line| line.starts_with("From: ")).unwrap().to_owned()
        };
        for (text, expected) in [
            ("+1 210", "From: \"\" <sip:+1%20210@caller.example>;tag=question"),
            ("tel:+1210", "From: \"\" <tel:+1210>;tag=question"),
            ("\"Bob\" <sip:+1210@x>", "From: \"Bob\" <sip:+1210@x>;tag=question"),
            ("\"+1303\" <sip:anonymous@x>;tag=a", "From: \"+1303\" <sip:anonymous@x>;tag=a"),
            ("a<b", "From: \"\" <sip:a%3Cb@caller.example>;tag=question"),
        ] {
            assert_eq!(from(text), expected);
        }
        assert_eq!(address("\"Bob\" <sip:+1210@x>", "called.example"), "sip:+1210@x");
    }
}
