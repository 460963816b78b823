//! A call record as a line of `replay --calls` and as a row.

use rules::{Action, Attestation, Direction, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::call::{Call, HungUp, Party, PartyKind};

/// Why a line is no call record.
#[derive(Debug)]
pub enum NotACall {
    /// It is no JSON object with the fields of one.
    Shape(serde_json::Error),
    /// A time that is none.
    Time(String),
    /// A word that this version does not know, of a field.
    Word(&'static str, String),
}

/// What a row has columns for. All else goes into [`Call::more`] as it is.
#[derive(Deserialize)]
struct Line {
    kind: String,
    start: String,
    customer: Option<String>,
    direction: Option<String>,
    caller: String,
    caller_kind: String,
    called: String,
    called_kind: String,
    source: String,
    verdict: String,
    would: Option<String>,
    rule: Option<String>,
    action_status: Option<u16>,
    status: Option<u16>,
    rang_at: Option<String>,
    answered_at: Option<String>,
    ended_at: Option<String>,
    hung_up: Option<String>,
    attestation: Option<String>,
    flags: Vec<String>,
    call_type: String,
    policy_version: Option<String>,
    call_id: Option<String>,
    display_name: Option<String>,
    user_agent: Option<String>,
    reason: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Fields that follow from others.
const DERIVED: [&str; 3] = ["answered", "ring_seconds", "duration_seconds"];

/// The sender's port, which [`Call::source`] leaves out: a trunk is an address.
const PORT: &str = "source_port";

impl Call {
    /// Reads a line of `replay --calls`, or of what a service keeps.
    ///
    /// # Errors
    /// It is none.
    pub fn from_json(line: &[u8]) -> Result<Self, NotACall> {
        let line: Line = serde_json::from_slice(line).map_err(NotACall::Shape)?;
        let start = micros(&line.start)?;
        let after = |at: Option<&str>| at.map(|at| Ok(micros(at)?.saturating_sub(start))).transpose();
        let mut more = line.more;
        more.retain(|name, value| !(DERIVED.contains(&name.as_str()) || is_nothing(value)));
        let source = match line.source.parse::<std::net::SocketAddr>() {
            Ok(source) => {
                more.insert(PORT.to_owned(), source.port().into());
                source.ip().to_string()
            }
            Err(_) => line.source,
        };
        Ok(Self {
            start: Timestamp(start),
            caller: party(line.caller, &line.caller_kind)?,
            called: party(line.called, &line.called_kind)?,
            direction: word("direction", line.direction, Direction::from_word)?,
            verdict: action(&line.verdict).ok_or(NotACall::Word("verdict", line.verdict))?,
            would: word("would", line.would, action)?,
            rang_after: after(line.rang_at.as_deref())?,
            answered_after: after(line.answered_at.as_deref())?,
            ended_after: after(line.ended_at.as_deref())?,
            hung_up: word("hung_up", line.hung_up, HungUp::from_word)?,
            attestation: word("attestation", line.attestation, Attestation::from_word)?,
            flags: line.flags.join(" "),
            more: if more.is_empty() { String::new() } else { Value::Object(more).to_string() },
            kind: line.kind,
            customer: line.customer,
            source,
            rule: line.rule,
            action_status: line.action_status,
            status: line.status,
            call_type: line.call_type,
            policy: line.policy_version,
            call_id: line.call_id,
            display_name: line.display_name,
            user_agent: line.user_agent,
            reason: line.reason,
        })
    }

    /// The line that it was read from: the same object, but for empty lists and nulls beyond the columns.
    pub fn to_json(&self) -> Value {
        let mut line: Map<String, Value> = serde_json::from_str(&self.more).unwrap_or_default();
        let port = line.remove(PORT).and_then(|port| port.as_u64());
        let address = self.source.parse::<std::net::IpAddr>().ok();
        let source = address.zip(port.and_then(|port| u16::try_from(port).ok()));
        let source =
            source.map_or_else(|| self.source.clone(), |place| std::net::SocketAddr::from(place).to_string());
        let at = |after: Option<i64>| after.map(|after| rfc3339(self.start.plus_micros(after)));
        let seconds = |micros: Option<i64>| micros.map(|micros| micros as f64 / 1e6);
        let words: Vec<&str> = self.flags.split(' ').filter(|word| !word.is_empty()).collect();
        let fields: [(&str, Value); 29] = [
            ("kind", self.kind.clone().into()),
            ("start", rfc3339(self.start).into()),
            ("customer", self.customer.clone().into()),
            ("direction", self.direction.map(Direction::word).into()),
            ("caller", self.caller.to_string().into()),
            ("caller_kind", self.caller.kind.word().into()),
            ("called", self.called.to_string().into()),
            ("called_kind", self.called.kind.word().into()),
            ("source", source.into()),
            ("verdict", self.verdict.word().into()),
            ("would", self.would.map(Action::word).into()),
            ("rule", self.rule.clone().into()),
            ("action_status", self.action_status.into()),
            ("status", self.status.into()),
            ("rang_at", at(self.rang_after).into()),
            ("answered_at", at(self.answered_after).into()),
            ("ended_at", at(self.ended_after).into()),
            ("ring_seconds", seconds(self.ring_micros()).into()),
            ("duration_seconds", seconds(self.talk_micros()).into()),
            ("answered", self.answered_after.is_some().into()),
            ("hung_up", self.hung_up.map(HungUp::word).into()),
            ("attestation", self.attestation.map(Attestation::word).into()),
            ("flags", words.into()),
            ("call_type", self.call_type.clone().into()),
            ("policy_version", self.policy.clone().into()),
            ("call_id", self.call_id.clone().into()),
            ("display_name", self.display_name.clone().into()),
            ("user_agent", self.user_agent.clone().into()),
            ("reason", self.reason.clone().into()),
        ];
        line.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(line)
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn micros(text: &str) -> Result<i64, NotACall> {
    let moment: jiff::Timestamp = text.parse().map_err(|_| NotACall::Time(text.to_owned()))?;
    Ok(moment.as_microsecond())
}

fn rfc3339(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    format!("{moment:.6}")
}

fn action(word: &str) -> Option<Action> {
    use Action::{Allow, Block, Divert, Limit, Tag, Terminate};
    [Allow, Tag, Limit, Divert, Block, Terminate].into_iter().find(|action| action.word() == word)
}

fn word<T>(
    field: &'static str,
    text: Option<String>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, NotACall> {
    text.map(|text| read(&text).ok_or(NotACall::Word(field, text))).transpose()
}

fn party(text: String, kind: &str) -> Result<Party, NotACall> {
    let kind = PartyKind::from_word(kind).ok_or_else(|| NotACall::Word("caller_kind", kind.to_owned()))?;
    match kind {
        PartyKind::Number => {
            // An extension or a short code is no E.164 number: its digits are its text.
            let is_local = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_local {
                return Ok(Party { kind, number: 0, text });
            }
            let digits = text.strip_prefix('+').and_then(|digits| digits.parse().ok());
            let number: u64 = digits.ok_or_else(|| NotACall::Word("caller", text.clone()))?;
            // A zero in front is not in the digits.
            let text = if format!("+{number}") == text { String::new() } else { text };
            Ok(Party { kind, number, text })
        }
        _ => Ok(Party { kind, number: 0, text }),
    }
}

impl std::fmt::Display for NotACall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shape(error) => write!(f, "no call record: {error}"),
            Self::Time(text) => write!(f, "no time: {text:?}"),
            Self::Word(field, word) => write!(f, "{field} is {word:?}, which this version does not know"),
        }
    }
}

impl std::error::Error for NotACall {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_and_short_codes_are_numbers_without_digits_of_e164() {
        for (text, number, kept) in
            [("142", 0, "142"), ("911", 0, "911"), ("+12105550142", 12_105_550_142, "")]
        {
            let party = party(text.to_owned(), "number").unwrap();
            assert_eq!((party.number, party.text.as_str(), party.to_string().as_str()), (number, kept, text));
        }
        assert!(party("1a".to_owned(), "number").is_err() && party(String::new(), "number").is_err());
    }
}
