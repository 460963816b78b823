//! A call record as a line of `replay --calls` and as a row.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

use rules::{Action, Attestation, Direction, Timestamp};
use serde::de::{self, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::call::{Call, HungUp, Party, PartyKind};
use crate::moment::{micros, rfc3339};
use crate::quick::{Quick, Rest};

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

/// Declares what a row has columns for: each field of a line that has one. All else goes into [`Call::more`] as it is.
macro_rules! line {
    ($($field:ident: $type:ty,)+) => {
        struct Line<'de> {
            $($field: $type,)+
            more: Vec<Field<'de>>,
        }

        /// The column of a field.
        #[derive(Clone, Copy)]
        #[allow(non_camel_case_types, reason = "they are named as the fields are")]
        enum Column {
            $($field,)+
        }

        impl Column {
            fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($field) => Some(Self::$field),)+
                    _ => None,
                }
            }
        }

        impl<'de> Visitor<'de> for LineVisitor {
            type Value = Line<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the fields of a call record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
                $(let mut $field: Option<$type> = None;)+
                let mut more = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    match name.as_ref() {
                        $(stringify!($field) => {
                            if $field.replace(map.next_value()?).is_some() {
                                return Err(de::Error::duplicate_field(stringify!($field)));
                            }
                        })+
                        _ => keep(&mut more, name, map.next_value::<&RawValue>()?.get()),
                    }
                }
                $(let $field = match $field {
                    Some(value) => value,
                    // Null, if it may be null.
                    None => <$type>::deserialize(().into_deserializer())
                        .map_err(|_: A::Error| de::Error::missing_field(stringify!($field)))?,
                };)+
                Ok(Line { $($field,)+ more })
            }
        }

        impl<'de> Line<'de> {
            /// Reads a line as we write it; `None` for any other.
            fn quickly(line: &'de str) -> Option<Self> {
                let mut rest = Rest::of(line)?;
                let mut read = Read { more: Vec::with_capacity(MORE_USUAL), ..Read::default() };
                let mut usual = USUAL.iter();
                loop {
                    let (name, column) = match usual.as_slice().first() {
                        Some(next) if rest.takes_name(&next.quoted) => {
                            usual.next();
                            (next.name, next.column)
                        }
                        _ => match rest.name()? {
                            Some(name) => (name, Column::named(name)),
                            None => break,
                        },
                    };
                    match column {
                        Some(column) => read.take(column, &mut rest)?,
                        None => keep(&mut read.more, name.into(), rest.raw()?),
                    }
                }
                $(let $field = match read.$field {
                    Some(value) => value,
                    None => <$type>::left_out()?,
                };)+
                Some(Self { $($field,)+ more: read.more })
            }
        }

        /// What was read of a line so far.
        #[derive(Default)]
        struct Read<'de> {
            $($field: Option<$type>,)+
            more: Vec<Field<'de>>,
        }

        impl<'de> Read<'de> {
            /// Takes the value of a column, which a line has once. On its own, because the compiler would move all that was
            /// read before for each field.
            #[inline(never)]
            fn take(&mut self, column: Column, rest: &mut Rest<'de>) -> Option<()> {
                match column {
                    $(Column::$field => self.$field.replace(Quick::read(rest)?).is_none().then_some(()),)+
                }
            }
        }
    };
}

line! {
    kind: Text<'de>,
    start: Text<'de>,
    customer: Option<Text<'de>>,
    direction: Option<Text<'de>>,
    caller: Text<'de>,
    caller_kind: Text<'de>,
    called: Text<'de>,
    called_kind: Text<'de>,
    source: Text<'de>,
    verdict: Text<'de>,
    would: Option<Text<'de>>,
    rule: Option<Text<'de>>,
    action_status: Option<u16>,
    status: Option<u16>,
    rang_at: Option<Text<'de>>,
    answered_at: Option<Text<'de>>,
    ended_at: Option<Text<'de>>,
    hung_up: Option<Text<'de>>,
    attestation: Option<Text<'de>>,
    flags: Vec<Text<'de>>,
    call_type: Text<'de>,
    policy_version: Option<Text<'de>>,
    call_id: Option<Text<'de>>,
    display_name: Option<Text<'de>>,
    user_agent: Option<Text<'de>>,
    reason: Option<Text<'de>>,
}

/// A field that nearly every line has.
struct Usual {
    name: &'static str,
    /// The name as it stands in a line: in quotes and with its colon.
    quoted: String,
    column: Option<Column>,
}

/// Those fields in the order in which we write them: looking whether a name stands there costs less than reading one.
static USUAL: LazyLock<Vec<Usual>> = LazyLock::new(|| {
    let usual = |name| Usual { name, quoted: format!("\"{name}\":"), column: Column::named(name) };
    USUAL_NAMES.split(' ').map(usual).collect()
});

const USUAL_NAMES: &str = "call_id kind start customer direction caller called called_also identities display_name source \
     user_agent attestation flags verdict would action_status rule reason status ring_seconds \
     duration_seconds answered hung_up call_type policy_version caller_kind called_kind destination \
     transport rang_at answered_at ended_at refused_status refused_at timed_out_at seen";

struct LineVisitor;

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(LineVisitor)
    }
}

/// A text, as it stands in the line where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> Quick<'a> for Text<'a> {
    fn read(rest: &mut Rest<'a>) -> Option<Self> {
        rest.text().map(Self)
    }
}

impl<'a> Quick<'a> for Vec<Text<'a>> {
    fn read(rest: &mut Rest<'a>) -> Option<Self> {
        let mut texts = Self::new();
        rest.texts(|text| texts.push(Text(text.into())))?;
        Some(texts)
    }
}

/// A field without a column: its name and its JSON.
type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Fields that follow from others.
const DERIVED: [&str; 3] = ["answered", "ring_seconds", "duration_seconds"];

/// The sender's port, which [`Call::source`] leaves out: a trunk is an address.
const PORT: &str = "source_port";

/// Fields without a column that most lines have.
const MORE_USUAL: usize = 12;

/// Brackets in one field that need no look at how deep they go: half of what the reader of JSON allows.
const NESTED_UNSEEN: usize = 64;

impl<'a> Call<Cow<'a, str>> {
    /// Reads a line of `replay --calls`, or of what a service keeps. Texts without escapes stay where they are.
    ///
    /// # Errors
    /// It is none.
    pub fn of_line(line: &'a [u8]) -> Result<Self, NotACall> {
        // Looked at once, not each text for itself.
        match str::from_utf8(line) {
            Ok(text) => match Self::quickly(text) {
                Some(read) => read,
                None => Self::of(serde_json::from_str(text).map_err(NotACall::Shape)?),
            },
            Err(_) => Self::by_library(line),
        }
    }

    /// Reads a line as we write it; `None` for any other.
    pub(crate) fn quickly(line: &'a str) -> Option<Result<Self, NotACall>> {
        Line::quickly(line).map(Self::of)
    }

    /// Reads any line.
    pub(crate) fn by_library(line: &'a [u8]) -> Result<Self, NotACall> {
        Self::of(serde_json::from_slice(line).map_err(NotACall::Shape)?)
    }

    fn of(mut line: Line<'a>) -> Result<Self, NotACall> {
        let start = micros(&line.start)?;
        let after = |at: Option<Text<'_>>| at.map(|at| Ok(micros(&at)?.saturating_sub(start))).transpose();
        let text = |text: Option<Text<'a>>| text.map(|Text(text)| text);
        let (source, port) = address(line.source.0);
        line.more.extend(port.map(|port| (PORT.into(), port.to_string().into())));
        Ok(Self {
            start: Timestamp(start),
            caller: party(line.caller, &line.caller_kind)?,
            called: party(line.called, &line.called_kind)?,
            direction: word("direction", line.direction, Direction::from_word)?,
            verdict: action(&line.verdict)
                .ok_or_else(|| NotACall::Word("verdict", line.verdict.0.into_owned()))?,
            would: word("would", line.would, action)?,
            rang_after: after(line.rang_at)?,
            answered_after: after(line.answered_at)?,
            ended_after: after(line.ended_at)?,
            hung_up: word("hung_up", line.hung_up, HungUp::from_word)?,
            attestation: word("attestation", line.attestation, Attestation::from_word)?,
            flags: flags(line.flags),
            more: more(line.more)?.into(),
            kind: line.kind.0,
            customer: text(line.customer),
            source,
            rule: text(line.rule),
            action_status: line.action_status,
            status: line.status,
            call_type: line.call_type.0,
            policy: text(line.policy_version),
            call_id: text(line.call_id),
            display_name: text(line.display_name),
            user_agent: text(line.user_agent),
            reason: text(line.reason),
        })
    }

    /// The same with texts of its own.
    pub fn into_owned(self) -> Call {
        let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Call {
            start: self.start,
            kind: self.kind.into_owned(),
            customer: text(self.customer),
            direction: self.direction,
            caller: self.caller.into_owned(),
            called: self.called.into_owned(),
            source: self.source.into_owned(),
            verdict: self.verdict,
            would: self.would,
            rule: text(self.rule),
            action_status: self.action_status,
            status: self.status,
            rang_after: self.rang_after,
            answered_after: self.answered_after,
            ended_after: self.ended_after,
            hung_up: self.hung_up,
            attestation: self.attestation,
            flags: self.flags.into_owned(),
            call_type: self.call_type.into_owned(),
            policy: text(self.policy),
            call_id: text(self.call_id),
            display_name: text(self.display_name),
            user_agent: text(self.user_agent),
            reason: text(self.reason),
            more: self.more.into_owned(),
        }
    }
}

impl Party<Cow<'_, str>> {
    fn into_owned(self) -> Party {
        Party { kind: self.kind, number: self.number, text: self.text.into_owned() }
    }
}

impl Call {
    /// Reads a line as [`Call::of_line`] does, with texts of its own.
    ///
    /// # Errors
    /// It is none.
    pub fn from_json(line: &[u8]) -> Result<Self, NotACall> {
        Call::of_line(line).map(Call::into_owned)
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

/// Keeps a field that has no column, unless it follows from others, or is null or an empty list.
fn keep<'a>(more: &mut Vec<Field<'a>>, name: Cow<'a, str>, value: &'a str) {
    if !(is_nothing(value) || DERIVED.contains(&name.as_ref())) {
        more.push((name, value.into()));
    }
}

/// The object of what has no column: in the order of names, the last of each. Empty for nothing.
fn more(mut fields: Vec<Field<'_>>) -> Result<String, NotACall> {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let room = fields.iter().map(|(name, value)| name.len() + value.len() + "{\"\":}".len()).sum();
    let mut object = String::with_capacity(room);
    for (at, (name, value)) in fields.iter().enumerate() {
        if fields.get(at + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        object.push(if object.is_empty() { '{' } else { ',' });
        match name {
            Cow::Borrowed(plain) => object.extend(["\"", plain, "\":"]),
            Cow::Owned(name) => {
                object.push_str(&serde_json::to_string(name).map_err(NotACall::Shape)?);
                object.push(':');
            }
        }
        object.push_str(value);
        // What is nested so deep that nobody could read it again is no record.
        let is_nested = value.starts_with(['[', '{']);
        if is_nested && value.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > NESTED_UNSEEN {
            serde_json::from_str::<Value>(value).map_err(NotACall::Shape)?;
        }
    }
    if !object.is_empty() {
        object.push('}');
    }
    Ok(object)
}

fn is_nothing(value: &str) -> bool {
    let list = value.strip_prefix('[').and_then(|items| items.strip_suffix(']'));
    value == "null" || list.is_some_and(|items| items.trim_ascii().is_empty())
}

fn action(word: &str) -> Option<Action> {
    use Action::{Allow, Block, Divert, Limit, Tag, Terminate};
    [Allow, Tag, Limit, Divert, Block, Terminate].into_iter().find(|action| action.word() == word)
}

fn word<T>(
    field: &'static str,
    text: Option<Text<'_>>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, NotACall> {
    text.map(|Text(text)| read(&text).ok_or_else(|| NotACall::Word(field, text.into_owned()))).transpose()
}

fn party<'a>(Text(text): Text<'a>, kind: &str) -> Result<Party<Cow<'a, str>>, NotACall> {
    let kind = PartyKind::from_word(kind).ok_or_else(|| NotACall::Word("caller_kind", kind.to_owned()))?;
    match kind {
        PartyKind::Number => {
            // An extension or a short code is no E.164 number: its digits are its text.
            let is_local = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_local {
                return Ok(Party { kind, number: 0, text });
            }
            let digits = text.strip_prefix('+').unwrap_or_default();
            let number: u64 =
                digits.parse().map_err(|_| NotACall::Word("caller", text.clone().into_owned()))?;
            // A zero or another plus in front is not in the number.
            let is_told = digits.starts_with(|first: char| matches!(first, '1'..='9')) || digits == "0";
            Ok(Party { kind, number, text: if is_told { Cow::default() } else { text } })
        }
        _ => Ok(Party { kind, number: 0, text }),
    }
}

fn flags(mut words: Vec<Text<'_>>) -> Cow<'_, str> {
    if words.len() > 1 {
        return words.iter().map(|word| &**word).collect::<Vec<_>>().join(" ").into();
    }
    words.pop().map(|Text(word)| word).unwrap_or_default()
}

/// The address in `source`, and its port where it has one.
fn address(source: Cow<'_, str>) -> (Cow<'_, str>, Option<u16>) {
    match (source.parse::<std::net::SocketAddr>(), source) {
        // There is one way to write it.
        (Ok(place), Cow::Borrowed(text)) if place.is_ipv4() => {
            (text.rsplit_once(':').map_or(text, |(address, _)| address).into(), Some(place.port()))
        }
        (Ok(place), _) => (place.ip().to_string().into(), Some(place.port())),
        (Err(_), source) => (source, None),
    }
}

impl fmt::Display for NotACall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            let party = party(Text(text.into()), "number").unwrap().into_owned();
            assert_eq!((party.number, party.text.as_str(), party.to_string().as_str()), (number, kept, text));
        }
        assert!(party(Text("1a".into()), "number").is_err() && party(Text("".into()), "number").is_err());
    }

    const LINE: &str = r#"{"kind":"call","start":"2026-11-20T10:00:00Z","caller":"+13035550142","caller_kind":"number",
        "called":"142","called_kind":"number","source":"192.0.2.1:5060","verdict":"block","flags":["bare-lf","via-port"],
        "call_type":"voice","answered":false,"verstat":null,"to":[ ],"\u0063ontact":["sip:a\"b@example.com"],
        "later":[1,{"x":2e3}],"call_id":"a\u0000b","later":7,"rang_at":"2026-11-20T10:00:01.5Z""#;

    #[test]
    fn what_has_no_column_is_kept_in_the_order_of_its_names_and_once() {
        let call = Call::from_json(format!("{LINE}}}").as_bytes()).unwrap();
        assert_eq!(call.more, r#"{"contact":["sip:a\"b@example.com"],"later":7,"source_port":5060}"#);
        assert_eq!((call.source.as_str(), call.rang_after), ("192.0.2.1", Some(1_500_000)));
        assert_eq!((call.call_id.as_deref(), call.flags.as_str()), (Some("a\0b"), "bare-lf via-port"));
        assert_eq!(call.customer, None);
        let again = Call::from_json(call.to_json().to_string().as_bytes()).unwrap();
        assert_eq!(again, call);
    }

    #[test]
    fn a_line_that_is_no_record_says_why() {
        let deep = format!(r#"{LINE},"deep":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for (line, said) in [
            (format!("{LINE},\"kind\":\"call\"}}"), "duplicate field `kind`"),
            (format!("{LINE}}}").replace("\"verdict\"", "\"verdicts\""), "missing field `verdict`"),
            (format!("{LINE}}}").replace("\"block\"", "\"blocked\""), "verdict is \"blocked\""),
            (format!("{LINE}}}").replace("T10:00:00Z", "T25:00:00Z"), "no time"),
            (deep, "recursion limit"),
            (LINE.to_owned(), "EOF"),
            ("[]".to_owned(), "the fields of a call record"),
        ] {
            let wrong = Call::from_json(line.as_bytes()).unwrap_err().to_string();
            assert!(wrong.contains(said), "{said}: {wrong}");
        }
    }
}
