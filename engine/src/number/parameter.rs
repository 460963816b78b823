//! Parameters of telephone numbers: `phone-context`, `rn`, `verstat`. All others never touch the number.

use rules::plan::{DialPlan, Dialled, Role, Written};
use rules::{Flag, Flags};

use super::Reading;

/// The verification status of TS 24.229 §7.2A.20, as somebody wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verstat {
    /// `TN-Validation-Passed`, with or without a level.
    Passed,
    /// `TN-Validation-Failed`, with or without a level.
    Failed,
    /// `No-TN-Validation`.
    Absent,
    /// Something else.
    Other,
}

/// Where a local number is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Context<'a> {
    None,
    /// Leading digits of an international number.
    Global(Prefix),
    /// A domain: the number is private to it.
    Domain(&'a [u8]),
}

/// The digits of a global `phone-context`, country code first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix {
    digits: [u8; 15],
    length: usize,
}

impl Prefix {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }
}

/// The parameters that matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters<'a> {
    pub(super) context: Context<'a>,
    pub(super) flags: Flags,
    routing: Option<&'a [u8]>,
    verstat: Option<Verstat>,
}

impl<'a> Parameters<'a> {
    /// Reads the parameters behind a number, leading semicolon and all.
    pub(super) fn of_user(text: &'a [u8]) -> Self {
        Self::read(text, true)
    }

    /// Reads URI parameters: some systems put `rn` and `verstat` there. A `phone-context` there is none.
    pub(super) fn of_uri(text: &'a [u8]) -> Self {
        Self::read(text, false)
    }

    fn read(text: &'a [u8], of_user: bool) -> Self {
        let mut found = Self { context: Context::None, flags: Flags::NONE, routing: None, verstat: None };
        if text.is_empty() {
            return found;
        }
        for parameter in text.split(|byte| *byte == b';') {
            let mut halves = parameter.splitn(2, |byte| *byte == b'=');
            let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            if is_named(name, b"phone-context") && of_user {
                if matches!(found.context, Context::None) {
                    found.context = context(value);
                } else {
                    found.flags.raise(Flag::DupParam);
                }
            } else if is_named(name, b"rn") {
                found.routing = found.routing.or(Some(value));
            } else if is_named(name, b"verstat") {
                found.verstat = found.verstat.or_else(|| Some(verstat(value)));
            }
        }
        found
    }

    /// Adds routing number and verification status to `reading`; those it has stay.
    pub(super) fn complete(&self, reading: &mut Reading<'_>, plan: &DialPlan) {
        if reading.routing.is_none()
            && let Some(routing) = self.routing
        {
            let written = Written::read(routing, plan.habits());
            let dialled = Dialled { plan, role: Role::Called, guarded: false };
            let number = written.without_number().unwrap_or_else(|| dialled.read(&written));
            reading.routing = Some(number.0);
        }
        reading.verstat = reading.verstat.or(self.verstat);
    }
}

/// Parameter names are compared in any case and may be escaped (RFC 3966 §5.3).
fn is_named(name: &[u8], wanted: &[u8]) -> bool {
    let mut plain = plain(name);
    wanted.iter().all(|byte| plain.next() == Some(*byte)) && plain.next().is_none()
}

/// The bytes of a parameter, lower-case, escapes undone once, white space and quotes left out.
fn plain(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut bytes = text.iter().copied();
    std::iter::from_fn(move || {
        let byte = bytes.next()?;
        if byte == b'%' {
            let mut ahead = bytes.clone();
            let digits = (ahead.next().and_then(hexadecimal), ahead.next().and_then(hexadecimal));
            if let (Some(high), Some(low)) = digits {
                bytes = ahead;
                return Some(high << 4 | low);
            }
        }
        Some(byte)
    })
    .map(|byte| byte.to_ascii_lowercase())
    .filter(|byte| !matches!(byte, b' ' | b'\t' | b'"'))
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// RFC 3966 §5.1.5: `+` and digits, else a domain. Four groups with dots are an address.
fn context(value: &[u8]) -> Context<'_> {
    let plus = plain(value).next() == Some(b'+');
    let is_digits = plain(value).all(|byte| byte.is_ascii_digit() || b"+-().".contains(&byte));
    let has_dot = plain(value).any(|byte| byte == b'.');
    if value.is_empty() {
        return Context::None;
    }
    if !is_digits || has_dot && !plus {
        return Context::Domain(value);
    }
    let mut prefix = Prefix { digits: [0; 15], length: 0 };
    for digit in plain(value).filter(u8::is_ascii_digit) {
        if let Some(place) = prefix.digits.get_mut(prefix.length) {
            *place = digit;
            prefix.length += 1;
        }
    }
    if prefix.length == 0 { Context::None } else { Context::Global(prefix) }
}

fn verstat(value: &[u8]) -> Verstat {
    let begins = |wanted: &[u8]| {
        let mut plain = plain(value);
        wanted.iter().all(|byte| plain.next() == Some(*byte))
    };
    if begins(b"tn-validation-passed") {
        Verstat::Passed
    } else if begins(b"tn-validation-failed") {
        Verstat::Failed
    } else if begins(b"no-tn-validation") {
        Verstat::Absent
    } else {
        Verstat::Other
    }
}
