//! Reads telephone numbers out of user parts.
//!
//! What a caller writes and what a peer dials differ in a hundred harmless-looking ways; this module reads them
//! all as the one number they reach, or as no number. It never guesses: letters that look like digits stay letters.

mod parameter;

use rules::plan::{DialPlan, Dialled, Written, read_short};
use rules::{Flag, Flags, Number};

pub use parameter::Verstat;
pub use rules::Party;
pub use rules::plan::Role;

use crate::sip::{Scheme, Uri};
use parameter::{Context, Parameters};

/// What an address was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading<'a> {
    /// Who it is.
    pub party: Party,
    /// What had to be repaired.
    pub flags: Flags,
    /// The routing number (`rn`, RFC 4694): where the network takes the call, whatever the number says.
    pub routing: Option<Party>,
    /// The verification status somebody wrote into the address; whether to believe it depends on the sender,
    /// so [`Flag::UntrustedVerstat`] is for the caller of this function to raise.
    pub verstat: Option<Verstat>,
    /// The `phone-context` of a private number (RFC 3966 §5.1.5) when it is a domain; empty otherwise. The party is
    /// then a [`Party::Name`]: a private number equals no listed number.
    pub domain: &'a [u8],
}

impl Reading<'_> {
    const fn of(party: Party, flags: Flags) -> Self {
        Reading { party, flags, routing: None, verstat: None, domain: b"" }
    }
}

/// Reads who `uri` names under `plan`. Never fails, never allocates.
pub fn read<'a>(uri: &Uri<'a>, plan: &DialPlan, role: Role) -> Reading<'a> {
    if let (Some(user), Scheme::Sip | Scheme::Sips | Scheme::Tel) = (uri.user, uri.scheme)
        && let Some(number) = read_short(user, plan, role)
    {
        let mut reading = Reading::of(Party::Number(number), Flags::NONE);
        if !uri.params.is_empty() && uri.params != b"user=phone" {
            Parameters::of_uri(uri.params).complete(&mut reading, plan);
        }
        return reading;
    }
    read_any(uri, plan, role)
}

/// What of `uri` says whom, as it stands there, without host, port and URI parameters: the user part, or wherever else
/// [`read`] looks for a number. Empty when it names a host alone.
pub fn written<'a>(uri: &Uri<'a>) -> &'a [u8] {
    let is_scheme =
        |text: &[u8]| [&b"sip"[..], b"sips", b"tel"].iter().any(|one| text.eq_ignore_ascii_case(one));
    match (uri.scheme, uri.user) {
        (Scheme::Sip | Scheme::Sips | Scheme::Other, Some(user))
            if is_scheme(user) && !uri.password.is_empty() =>
        {
            uri.password
        }
        (_, Some(user)) if !user.is_empty() => user,
        (Scheme::Missing, None) if !is_address(uri.text) && !is_host_name(uri.text) => uri.text,
        (Scheme::Other, None) => behind_colon(uri.text),
        _ => host_text(uri.host).filter(|text| text.iter().any(u8::is_ascii_digit)).unwrap_or_default(),
    }
}

/// Reads plain text: an entry of a list, an argument, a user part without its URI.
pub fn read_user<'a>(text: &'a [u8], plan: &DialPlan, role: Role) -> Reading<'a> {
    if let Some(number) = read_short(text, plan, role) {
        return Reading::of(Party::Number(number), Flags::NONE);
    }
    read_parts(text, plan, role)
}

/// The number that a display name shows: only what has seven digits and more and is in some country's plan.
pub fn display_number(name: &[u8], plan: &DialPlan) -> Option<Number> {
    let is_number = |byte: &u8| byte.is_ascii_digit() || !byte.is_ascii() || b"+-. ()%/".contains(byte);
    let digits =
        name.iter().filter(|byte| byte.is_ascii_digit() || !byte.is_ascii() || **byte == b'%').count();
    if digits < DISPLAY_DIGITS_MIN {
        return None;
    }
    name.split(|byte| !is_number(byte)).find_map(|run| {
        // Letters beyond ASCII and bytes that are no UTF-8 part words from numbers, as ASCII letters do.
        shown_number(run, plan).or_else(|| {
            let chunks = run.utf8_chunks().filter(|_| !run.is_ascii());
            let mut words = chunks.flat_map(|chunk| chunk.valid().split(char::is_alphabetic));
            words.find_map(|word| shown_number(word.as_bytes(), plan))
        })
    })
}

/// The number that `run` is, which stands alone in a display name.
fn shown_number(run: &[u8], plan: &DialPlan) -> Option<Number> {
    let written = Written::read(run, plan.habits());
    if written.digits().len() < DISPLAY_DIGITS_MIN || written.letters > 0 || is_date(run) {
        return None;
    }
    let number = read_parts(run, plan, Role::Caller).party.number()?;
    (!number.is_local() && plan.habits().is_valid(number)).then_some(number)
}

/// Whether the display name `name` shows another number than `party`, see [`display_number`].
#[inline]
pub fn is_display_mismatch(name: &[u8], party: Party, plan: &DialPlan) -> bool {
    if !may_show_digits(name) {
        return false;
    }
    display_number(name, plan).is_some_and(|shown| Party::Number(shown) != party)
}

/// Whether `name` has room for a number and a byte that may be part of one. Eight bytes at a time: most names
/// have none, and every message has a name.
#[inline]
fn may_show_digits(name: &[u8]) -> bool {
    let (words, _) = name.as_chunks::<8>();
    let Some(last) = name.last_chunk::<8>() else {
        return name.len() >= DISPLAY_DIGITS_MIN;
    };
    words.iter().chain([last]).any(|word| {
        let word = u64::from_le_bytes(*word);
        let has_zero = |word: u64| word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS != 0;
        let digits = word & (LOW_BITS * 0xf0) ^ (LOW_BITS * 0x30);
        word & HIGH_BITS != 0 || has_zero(digits) || has_zero(word ^ (LOW_BITS * 0x25))
    })
}

const LOW_BITS: u64 = u64::MAX / 0xff;
const HIGH_BITS: u64 = LOW_BITS * 0x80;

/// Whether `run` begins as a date does: 2026-11-22.
fn is_date(run: &[u8]) -> bool {
    let run = run.trim_ascii_start();
    run.get(..10).is_some_and(|date| {
        date.iter().zip(b"0000-00-00").all(|(byte, form)| match form {
            b'-' => b"-./".contains(byte),
            _ => byte.is_ascii_digit(),
        })
    })
}

/// A display name with fewer digits shows no number: house numbers, years and badges are common.
const DISPLAY_DIGITS_MIN: usize = 7;

#[cold]
fn read_any<'a>(uri: &Uri<'a>, plan: &DialPlan, role: Role) -> Reading<'a> {
    let mut reading = match (uri.scheme, uri.user) {
        (Scheme::Urn, user) => Reading::of(read_urn(user.unwrap_or(uri.text)), Flags::NONE),
        // `sip:tel:+12025550143@host`: the colon of a nested URI looks like the one before a password.
        (_, Some(user)) if !uri.password.is_empty() && Written::read(user, plan.habits()).is_scheme() => {
            let mut reading = read_parts(uri.password, plan, role);
            reading.flags.raise(Flag::NestedUri);
            reading
        }
        (_, Some(user)) => read_parts(user, plan, role),
        (Scheme::Missing, None) if !is_address(uri.text) => read_parts(uri.text, plan, role),
        (Scheme::Other, None) => read_parts(behind_colon(uri.text), plan, role),
        (_, None) => Reading::of(Party::Absent, Flags::NONE),
    };
    if reading.party == Party::Absent
        && let Some(found) = read_host(uri.host, plan, role)
    {
        reading = found;
    }
    if reading.party == Party::Name && is_anonymous_host(uri.host) {
        reading.party = Party::Anonymous;
    }
    if uri.scheme == Scheme::Other {
        reading.flags.raise(Flag::Scheme);
    }
    Parameters::of_uri(uri.params).complete(&mut reading, plan);
    reading
}

/// Reads a user part: the number, then its parameters.
fn read_parts<'a>(user: &'a [u8], plan: &DialPlan, role: Role) -> Reading<'a> {
    let (text, parameters) = match memchr::memchr(b';', user) {
        Some(at) => user.split_at(at),
        None => (user, &b""[..]),
    };
    let written = Written::read(text, plan.habits());
    let parameters = Parameters::of_user(parameters);
    let mut reading = Reading::of(Party::Absent, written.flags.union(parameters.flags));
    let (party, flags) = judge(&written, &parameters, plan, role, &mut reading.domain);
    reading.party = party;
    reading.flags = reading.flags.union(flags);
    parameters.complete(&mut reading, plan);
    reading
}

fn judge<'a>(
    written: &Written,
    parameters: &Parameters<'a>,
    plan: &DialPlan,
    role: Role,
    domain: &mut &'a [u8],
) -> (Party, Flags) {
    if let Some((party, flags)) = written.without_number() {
        return (party, flags);
    }
    let dialled = Dialled { plan, role, guarded: written.may_be_emergency() };
    match parameters.context {
        Context::None => dialled.read(written),
        Context::Global(context) if !written.plus => dialled.read_in_context(written, context.as_bytes()),
        Context::Domain(name) if !written.plus => {
            let (party, flags) = dialled.read(written);
            match party {
                Party::Number(number) if number.is_local() && !plan.habits().emergency.contains(number) => {
                    *domain = name;
                    (Party::Name, flags)
                }
                _ => (party, flags),
            }
        }
        // RFC 3966 §5.1.5: a global number has no context, and one that is there must not win.
        Context::Global(_) | Context::Domain(_) => {
            let (party, flags) = dialled.read(written);
            (party, flags.union(Flags::of(Flag::Malformed)))
        }
    }
}

/// RFC 5031: `urn:service:sos` and what stands below it. `user` is all behind `urn:`.
fn read_urn(user: &[u8]) -> Party {
    let user =
        user.get(..4).filter(|head| head.eq_ignore_ascii_case(b"urn:")).map_or(user, |_| behind_colon(user));
    let (head, rest) = user.split_at_checked(EMERGENCY_URN.len()).unwrap_or_default();
    let ends = matches!(rest.first(), None | Some(b'.' | b';' | b'?' | b'@' | b':'));
    if head.eq_ignore_ascii_case(EMERGENCY_URN) && ends { Party::EmergencyService } else { Party::Name }
}

const EMERGENCY_URN: &[u8] = b"service:sos";

/// Without a user, or with an empty one, the number may stand where the host belongs: escaped, with separators, with a
/// port behind it. `None` when a host stands there.
fn read_host<'a>(host: &'a [u8], plan: &DialPlan, role: Role) -> Option<Reading<'a>> {
    let text = host_text(host)?;
    let written = Written::read(text, plan.habits());
    if written.digits().len() < HOST_DIGITS_MIN || written.without_number().is_some() {
        return None;
    }
    let mut reading = read_parts(text, plan, role);
    reading.flags.raise(Flag::NumberInHost);
    Some(reading)
}

/// What stands in the place of a host and is none.
fn host_text(host: &[u8]) -> Option<&[u8]> {
    // The reader of URIs keeps a host whole, with its port, when it holds what no host may hold.
    let text = memchr::memchr(b':', host).map_or(host, |at| host.get(..at).unwrap_or(host));
    let is_host = text.is_empty() || text.starts_with(b"[") || is_host_name(text) || is_address(text);
    (!is_host).then_some(text)
}

/// Whether `text` holds what host names are made of, and letters among it (RFC 3261 §25.1: the last label has one).
fn is_host_name(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_alphabetic)
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
}

/// Whether `text` begins with an IPv4 address: four groups of one to three digits up to 255, and no digit behind them.
fn is_address(text: &[u8]) -> bool {
    let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len());
    let mut groups = 0;
    let all_fit = text.get(..end).unwrap_or_default().split(|byte| *byte == b'.').all(|group| {
        groups += 1;
        let value = || group.iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit & 0xf));
        (1..=3).contains(&group.len()) && value() <= 255
    });
    all_fit && groups == 4 && !text.iter().skip(end).take_while(|byte| **byte != b':').any(u8::is_ascii_digit)
}

/// A host with fewer digits is no number: short names of hosts are often numbered.
const HOST_DIGITS_MIN: usize = 7;

/// RFC 3323 §4.1.1.3: the host of an anonymous caller.
fn is_anonymous_host(host: &[u8]) -> bool {
    host.eq_ignore_ascii_case(b"anonymous.invalid")
}

fn behind_colon(text: &[u8]) -> &[u8] {
    memchr::memchr(b':', text).and_then(|at| text.get(at + 1..)).unwrap_or(text)
}
