//! The column `seen` of a record as it is written.

use std::fmt::Write as _;
use std::net::SocketAddr;

use engine::call::{Attempt, Fact, Role, Sighting, View};
use rules::{Flag, Flags, Party};

use super::Word;
use crate::text;

/// What the line of `attempt` as `view` saw it does not tell of its messages; `None` where it tells all.
pub(crate) fn seen(attempt: &Attempt, view: &View) -> Option<String> {
    let mut text = String::with_capacity(BYTES_USUAL);
    let start = attempt.progress.started;
    let mut messages = 0;
    for sighting in attempt.sightings(view) {
        if messages > 0 {
            text.push('|');
        }
        messages += 1;
        message(&mut text, attempt, view, sighting);
    }
    let is_usual = messages == 1 && attempt.sightings(view).all(|one| is_plain(&text, attempt, one));
    if is_usual {
        text.clear();
    }
    for (flag, at) in attempt.noticed() {
        push_later(&mut text, Word::NOTICED);
        push_number(&mut text, at.micros_since(start));
        text.push('=');
        text.push_str(flag.name());
    }
    if let Some(at) = attempt.concluded() {
        push_later(&mut text, Word::CONCLUDED);
        push_number(&mut text, at.micros_since(start));
    }
    let progress = &attempt.progress;
    if progress.answered.is_none() && progress.hung_up.is_some() && !progress.cancelled {
        push_later(&mut text, Word::EARLY_BYE);
    }
    (!text.is_empty()).then_some(text)
}

/// Begins what is told behind the messages.
fn push_later(text: &mut String, word: u8) {
    text.push('|');
    text.push(char::from(word));
}

fn push_number(text: &mut String, number: i64) {
    // Most are nothing: it was answered at once.
    if number == 0 {
        return text.push('0');
    }
    let _ = write!(text, "{number}");
}

/// Whether all of `text`, the one message there is, stands in the columns as well.
fn is_plain(text: &str, attempt: &Attempt, sighting: &Sighting) -> bool {
    let mut facts = sighting.facts(attempt).iter().filter(|fact| is_judged_by(fact.role));
    let (Some(from), Some(called), None) = (facts.next(), facts.next(), facts.next()) else { return false };
    let is_readable = |fact: &Fact| std::str::from_utf8(attempt.raw(fact)).is_ok();
    let is_told = |fact: &Fact| {
        matches!(fact.party, Party::Number(_) | Party::Anonymous | Party::Absent)
            || !attempt.raw(fact).is_empty()
    };
    from.role == Role::From
        && called.role == Role::Called
        && [from, called].into_iter().all(|fact| is_readable(fact) && is_told(fact))
        && text.split(' ').count() == 2
}

fn message(text: &mut String, attempt: &Attempt, view: &View, sighting: &Sighting) {
    let start = attempt.progress.started;
    let mut words = Words { text, is_first: true };
    if sighting.at != start {
        words.begin(Word::AT);
        push_number(words.text, sighting.at.micros_since(start));
    }
    let facts = sighting.facts(attempt);
    for fact in facts.iter().filter(|fact| is_judged_by(fact.role)) {
        words.party(fact, attempt.raw(fact));
    }
    let is_withheld = facts.iter().any(|fact| fact.role.says_who_calls() && fact.party == Party::Anonymous);
    for (word, holds) in [
        (Word::RESTRICTED, sighting.restricted && !is_withheld),
        (Word::PRIORITY, sighting.has_priority),
        (Word::REPEAT, sighting.is_repeat),
    ] {
        if holds {
            words.begin(word);
        }
    }
    let [from, target] = sighting.hosts(attempt);
    words.host(Word::FROM_HOST, from, attempt.source);
    words.host(Word::TARGET_HOST, target, attempt.destination);
    if sighting.flags != view.flags {
        words.word(Word::FLAGS, names(sighting.flags).as_bytes());
    }
    if sighting.attestation != view.attestation {
        let word = sighting.attestation.map_or("-", rules::Attestation::word);
        words.word(Word::ATTESTATION, word.as_bytes());
    }
    for (word, shown, told) in [
        (Word::SIGNER, sighting.signer(attempt), attempt.signer(view)),
        (Word::DISPLAY_NAME, sighting.display_name(attempt), attempt.display_name()),
        (Word::USER_AGENT, sighting.user_agent(attempt), attempt.user_agent()),
    ] {
        if shown != told || std::str::from_utf8(shown).is_err() {
            words.word(word, shown);
        }
    }
    for (name, value) in sighting.headers(attempt).iter() {
        words.word(Word::HEADER, name.as_bytes());
        words.push(b":");
        words.push(value);
    }
}

struct Words<'a> {
    text: &'a mut String,
    is_first: bool,
}

impl Words<'_> {
    fn begin(&mut self, letter: u8) {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(' ');
        }
        self.text.push(char::from(letter));
    }

    fn word(&mut self, letter: u8, bytes: &[u8]) {
        self.begin(letter);
        self.push(bytes);
    }

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'%' | b'|' | b'"' | b'\\' => _ = write!(self.text, "%{byte:02X}"),
                0x21..=0x7e => self.text.push(char::from(byte)),
                _ => _ = write!(self.text, "%{byte:02X}"),
            }
        }
    }

    fn party(&mut self, fact: &Fact, raw: &[u8]) {
        self.begin(letter(fact.role));
        let (mark, raw) = match fact.party {
            // Digits and a plus are none of the characters that are escaped.
            Party::Number(number) => return self.text.push_str(&text::number(number)),
            Party::Anonymous => ('~', raw),
            Party::EmergencyService => ('!', raw),
            Party::Invalid => ('?', raw),
            Party::Name => (':', raw),
            Party::Absent => ('-', &[][..]),
        };
        self.text.push(mark);
        self.push(raw);
    }

    fn host(&mut self, letter: u8, host: &[u8], address: SocketAddr) {
        if host != text::host(address.ip()).as_bytes() {
            self.word(letter, host);
        }
    }
}

/// Whether policies judge by addresses of this role.
fn is_judged_by(role: Role) -> bool {
    role.says_who_calls() || role.says_who_forwarded() || role.routes()
}

/// The letter of a role that policies judge by.
pub(super) fn letter(role: Role) -> u8 {
    match role {
        Role::Asserted => b'A',
        Role::Preferred => b'E',
        Role::RemoteParty => b'Y',
        Role::Diversion => b'D',
        Role::History => b'I',
        Role::Called => b'C',
        Role::Routing => b'R',
        Role::ReferTo => b'T',
        Role::RedirectTo => b'X',
        _ => b'F',
    }
}

/// The role of a letter.
pub(super) fn role(letter: u8) -> Option<Role> {
    use Role::{
        Asserted, Called, Diversion, From, History, Preferred, RedirectTo, ReferTo, RemoteParty, Routing,
    };
    let roles =
        [From, Asserted, Preferred, RemoteParty, Diversion, History, Called, Routing, ReferTo, RedirectTo];
    roles.into_iter().find(|role| self::letter(*role) == letter)
}

fn names(flags: Flags) -> String {
    let names: Vec<&str> = flags.iter().map(Flag::name).collect();
    names.join(",")
}

/// Room for what most records hold.
const BYTES_USUAL: usize = 96;
