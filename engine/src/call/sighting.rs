//! One message of an attempt as a policy judged it: what a judgement can be repeated from when the message is gone.

use std::ops::Range;

use rules::{Attestation, Flags, Headers, Timestamp};
use serde::{Deserialize, Serialize};

use crate::call::{Attempt, Fact};
use crate::limits::HEADERS_KEPT_MAX;
use crate::sip::{Message, NameAddr};

/// One message of an attempt as one policy judged it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// Index of the policy.
    pub policy: u32,
    /// When it came.
    pub at: Timestamp,
    /// What the reader repaired.
    pub flags: Flags,
    /// What was known of the caller's right to the number.
    pub attestation: Option<Attestation>,
    /// Whether the caller asked for privacy.
    pub restricted: bool,
    /// Whether it carries a Resource-Priority that outranks policy, whoever sent it.
    pub has_priority: bool,
    /// Whether it is the INVITE again with a higher CSeq.
    pub is_repeat: bool,
    pub(crate) facts: Range<u32>,
    pub(crate) signer: Range<u32>,
    pub(crate) shown: Shown,
}

/// Texts of one message, in [`Attempt::text`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) display_name: Range<u32>,
    pub(crate) user_agent: Range<u32>,
    /// Of the From URI and of the Request-URI.
    pub(crate) hosts: [Range<u32>; 2],
    /// Headers that policies ask for, see [`KeptHeaders`].
    pub(crate) headers: Range<u32>,
}

impl Shown {
    /// Keeps with `attempt` what `message`, whose first From is `from`, shows; of other headers those that are `asked` for.
    pub(crate) fn keep(
        attempt: &mut Attempt,
        message: &Message<'_>,
        from: Option<&NameAddr<'_>>,
        asked: &[String],
        is_first: bool,
    ) -> Self {
        let (display_name, user_agent) = if is_first {
            (attempt.display_name.clone(), attempt.user_agent.clone())
        } else {
            let display_name = attempt.keep_spoken(from.map_or(&b""[..], |from| from.display));
            (display_name, attempt.keep_spoken(message.user_agent()))
        };
        let from = attempt.keep(from.map_or(&b""[..], |from| from.uri.host));
        let target = attempt.keep(message.request_uri().host);
        let headers = if asked.is_empty() { 0..0 } else { keep_headers(attempt, message, asked) };
        Self { display_name, user_agent, hosts: [from, target], headers }
    }
}

impl Sighting {
    /// Its addresses, in order of the message.
    pub fn facts<'a>(&self, attempt: &'a Attempt) -> &'a [Fact] {
        attempt.facts.get(self.facts.start as usize..self.facts.end as usize).unwrap_or_default()
    }

    /// Display name of From.
    pub fn display_name<'a>(&self, attempt: &'a Attempt) -> &'a [u8] {
        attempt.slice(&self.shown.display_name)
    }

    /// User-Agent.
    pub fn user_agent<'a>(&self, attempt: &'a Attempt) -> &'a [u8] {
        attempt.slice(&self.shown.user_agent)
    }

    /// Who signed, where it passed.
    pub fn signer<'a>(&self, attempt: &'a Attempt) -> &'a [u8] {
        attempt.slice(&self.signer)
    }

    /// Hosts of the From URI and of the Request-URI.
    pub fn hosts<'a>(&self, attempt: &'a Attempt) -> [&'a [u8]; 2] {
        [attempt.slice(&self.shown.hosts[0]), attempt.slice(&self.shown.hosts[1])]
    }

    /// The headers that policies asked for.
    pub fn headers<'a>(&self, attempt: &'a Attempt) -> KeptHeaders<'a> {
        KeptHeaders(attempt.slice(&self.shown.headers))
    }
}

/// Headers of a message that is gone: name, colon, value, line feed, one after another. A value has no line feed, it was
/// unfolded.
#[derive(Clone, Copy, Debug)]
pub struct KeptHeaders<'a>(pub(crate) &'a [u8]);

impl<'a> KeptHeaders<'a> {
    /// Names in lower case and their values, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let lines = self.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = line.split_at_checked(colon)?;
            Some((std::str::from_utf8(name).ok()?, value.get(1..)?))
        })
    }
}

impl Headers for KeptHeaders<'_> {
    fn any_value(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).any(|(_, value)| visit(value))
    }
}

fn keep_headers(attempt: &mut Attempt, message: &Message<'_>, asked: &[String]) -> Range<u32> {
    let start = attempt.text.len() as u32;
    let mut room = HEADERS_KEPT_MAX;
    for name in asked {
        message.any_value(name, &mut |value| {
            room = room.saturating_sub(1);
            attempt.text.extend_from_slice(name.as_bytes());
            attempt.text.push(b':');
            attempt.keep(value);
            attempt.text.push(b'\n');
            room == 0
        });
    }
    start..attempt.text.len() as u32
}
