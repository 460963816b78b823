//! What a replay saw, in numbers.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use engine::{BuildAlreadyHashed, Handled};
use rules::Method;
use serde::Serialize;

use crate::json::printable;

/// Names of methods told apart; further ones are counted as `other`.
const METHODS_MAX: usize = 256;

/// Counts of one replay, as `replay --json` prints them.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Frames in the captures.
    pub frames: u64,
    /// SIP messages carried, whatever carried them.
    pub sip_messages: u64,
    /// Messages with a defect.
    pub defective: u64,
    /// Requests by method.
    pub by_method: BTreeMap<String, u64>,
    /// Responses by status code.
    pub by_status: BTreeMap<String, u64>,
    /// Distinct Call-IDs with an INVITE request.
    pub calls: u64,
    /// Those with a 2xx to an INVITE.
    pub answered: u64,
    /// Lines of kind `call` by verdict.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Alerts raised.
    pub alerts: u64,
    /// Time from the first to the last frame.
    pub seconds: f64,
    /// Frames of which a snap length kept only the beginning.
    pub frames_cut: u64,
    /// SIP messages of which only the beginning is there.
    pub messages_truncated: u64,
    /// What the captures themselves say they lost.
    pub dropped: Dropped,
    #[serde(skip)]
    invited: HashSet<u64, BuildAlreadyHashed>,
    #[serde(skip)]
    accepted: HashSet<u64, BuildAlreadyHashed>,
    #[serde(skip)]
    methods: [u64; Method::ALL.len()],
    #[serde(skip)]
    statuses: Vec<u64>,
}

/// Packets that were on the wire and are in no capture, as whoever wrote it counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Known to be missing. Packets note losses that statistics count as well: the larger of both.
    pub packets: u64,
    /// Lost by the interface.
    pub by_interface: u64,
    /// Lost by the operating system.
    pub by_system: u64,
    /// Noted beside packets that came after the gap.
    pub between_packets: u64,
}

impl Summary {
    /// Counts one message.
    pub fn see(&mut self, handled: &Handled<'_>) {
        self.sip_messages += 1;
        self.defective += u64::from(handled.flags.has_defect());
        match handled.status {
            None => {
                self.see_request(handled);
                if handled.method == Method::Invite {
                    self.invited.extend(handled.call_id);
                }
            }
            Some(status) => {
                self.see_status(status);
                if handled.method == Method::Invite && (200..300).contains(&status) {
                    self.accepted.extend(handled.call_id);
                }
            }
        }
    }

    fn see_status(&mut self, status: u16) {
        let status = usize::from(status);
        if status >= self.statuses.len() {
            self.statuses.resize(status + 1, 0);
        }
        if let Some(count) = self.statuses.get_mut(status) {
            *count += 1;
        }
    }

    fn see_request(&mut self, handled: &Handled<'_>) {
        if handled.method != Method::Other {
            if let Some(count) = self.methods.get_mut(handled.method as usize) {
                *count += 1;
            }
            return;
        }
        let name = String::from_utf8_lossy(handled.method_text).into_owned();
        if self.by_method.len() < METHODS_MAX || self.by_method.contains_key(&name) {
            *self.by_method.entry(name).or_default() += 1;
        } else {
            *self.by_method.entry("other".to_owned()).or_default() += 1;
        }
    }

    /// Counts one line of kind `call`.
    pub fn judge(&mut self, verdict: &'static str) {
        *self.verdicts.entry(verdict).or_default() += 1;
    }

    /// Adds up what can only be told at the end.
    pub fn finish(&mut self) {
        for (method, count) in Method::ALL.iter().zip(self.methods) {
            if count > 0 {
                *self.by_method.entry(method.word().to_owned()).or_default() += count;
            }
        }
        let counted = self.statuses.iter().enumerate().filter(|(_, count)| **count > 0);
        self.by_status = counted.map(|(status, count)| (status.to_string(), *count)).collect();
        self.calls = self.invited.len() as u64;
        self.answered = self.invited.intersection(&self.accepted).count() as u64;
        for verdict in ["allow", "block"] {
            self.verdicts.entry(verdict).or_default();
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &mut dyn Iterator<Item = (String, u64)>| {
            counts
                .map(|(name, count)| format!("{} {count}", cut(&printable(&name))))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let methods = list(&mut self.by_method.iter().map(|(name, &count)| (name.clone(), count)));
        let statuses = list(&mut self.by_status.iter().map(|(name, &count)| (name.clone(), count)));
        let verdicts = list(&mut self.verdicts.iter().map(|(name, &count)| ((*name).to_owned(), count)));
        writeln!(f, "{:>12}  frames over {}", self.frames, span(self.seconds))?;
        if self.dropped.packets > 0 {
            let Dropped { packets, by_interface, by_system, between_packets } = self.dropped;
            writeln!(
                f,
                "{packets:>12}  packets were lost before they were captured ({by_interface} by the interface, {by_system} by \
                 the system, {between_packets} noted between packets): calls may be missing or look unanswered"
            )?;
        }
        if self.frames_cut > 0 {
            writeln!(
                f,
                "{:>12}  frames were cut short by a snap length, {} SIP messages with them: capture whole packets (-s 0)",
                self.frames_cut, self.messages_truncated
            )?;
        }
        writeln!(f, "{:>12}  SIP messages, {} of them defective", self.sip_messages, self.defective)?;
        if !methods.is_empty() {
            writeln!(f, "{:>12}  {methods}", "requests")?;
        }
        if !statuses.is_empty() {
            writeln!(f, "{:>12}  {statuses}", "responses")?;
        }
        writeln!(f, "{:>12}  calls, {} answered", self.calls, self.answered)?;
        write!(f, "{:>12}  {verdicts}", "verdicts")
    }
}

/// Names of methods may be as long as a message.
fn cut(name: &str) -> String {
    name.chars().take(40).collect()
}

fn span(seconds: f64) -> String {
    match seconds {
        s if s >= 86_400.0 => format!("{:.1} days", s / 86_400.0),
        s if s >= 3_600.0 => format!("{:.1} hours", s / 3_600.0),
        s if s >= 60.0 => format!("{:.1} minutes", s / 60.0),
        s => format!("{s:.3} seconds"),
    }
}
