//! Rows of records as calls that can be judged again.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ahash::RandomState;
use engine::call::{Kind, Role, Side};
use engine::recorded::kind_of;
use engine::{Course, Recorded, Showing};
use memchr::memmem::Finder;
use records::{Batch, Column, Columns, HungUp, PartyKind, Words};
use rules::{Attestation, CallType, Flag, Flags, Number, Party, Timestamp, Transport};

use super::{Word, seen};

/// Reads rows; keeps its buffers from one to the next.
pub struct Reading {
    /// What could not be read as it was.
    pub shortfall: Shortfall,
    keys: Keys,
    sources: Cache<IpAddr>,
    addresses: Addresses,
    flags: Cache<Flags>,
    kinds: Cache<CallType>,
    room: Vec<u8>,
    /// Whether what becomes of calls is read as well.
    follows: bool,
}

/// What records lacked, by calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Shortfall {
    /// Records of before it was kept which header named whom: all who call are taken as From, hosts are unknown.
    pub older: u64,
    /// Texts longer than what is kept of one.
    pub cut: u64,
}

impl Shortfall {
    /// Adds what others lacked.
    pub fn add(&mut self, other: &Self) {
        self.older += other.older;
        self.cut += other.cut;
    }
}

impl Reading {
    /// The columns that it needs.
    pub const COLUMNS: Columns = Columns::of(&[
        Column::Start,
        Column::Kind,
        Column::Caller,
        Column::CallerText,
        Column::Called,
        Column::CalledText,
        Column::Source,
        Column::Status,
        Column::RangAfter,
        Column::AnsweredAfter,
        Column::EndedAfter,
        Column::HungUp,
        Column::Attestation,
        Column::Flags,
        Column::CallType,
        Column::CallId,
        Column::DisplayName,
        Column::UserAgent,
        Column::More,
    ]);

    /// `follows` says whether the course of calls matters: without limits and thresholds it does not.
    pub fn new(follows: bool) -> Self {
        Self {
            shortfall: Shortfall::default(),
            keys: Keys::default(),
            sources: Cache::default(),
            addresses: Addresses::default(),
            flags: Cache::default(),
            kinds: Cache::default(),
            room: Vec::new(),
            follows,
        }
    }

    /// Puts `row` of `batch` into `call`, as number `number`.
    pub fn read(&mut self, batch: &Batch, row: usize, number: u64, call: &mut Recorded) {
        let started = Timestamp(batch.start.get(row).copied().unwrap_or_default());
        let call_id = batch.call_id.get(row).unwrap_or_default();
        call.begin(number, started, call_id.as_bytes());
        let more = batch.more.get(row).unwrap_or_default();
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let source = self.sources.get(&batch.source, row, |text| text.parse().unwrap_or(nowhere));
        call.source = SocketAddr::new(source.unwrap_or(nowhere), 0);
        let destination = text_of(&self.keys.destination, more).and_then(|text| text.parse().ok());
        call.destination = destination.unwrap_or_else(|| SocketAddr::new(nowhere, 0));
        let transport = text_of(&self.keys.transport, more).and_then(Transport::from_word);
        call.transport = transport.unwrap_or(Transport::Udp);
        let call_type = self
            .kinds
            .get(&batch.call_type, row, |word| CallType::from_word(word).unwrap_or(CallType::Other));
        call.call_type = call_type.unwrap_or(CallType::Other);
        let word = batch.kind.get(row).unwrap_or("call");
        call.is_leg = word == "leg";
        call.kind =
            if word == "call" { Kind::Call } else { kind_of(word, more.contains("\"redirect_to\":")) };
        let flags = self.flags.get(&batch.flags, row, |text| read_flags(text, ' ')).unwrap_or_default();
        let attestation = batch.attestation.get(row).copied().flatten();
        let (display_name, user_agent) = (batch.display_name.get(row), batch.user_agent.get(row));
        if [display_name, user_agent].into_iter().flatten().any(is_cut) {
            self.shortfall.cut += 1;
        }
        let signer = text_of(&self.keys.signer, more).unwrap_or_default();
        let showing = Showing {
            at: started,
            flags,
            attestation,
            display_name: display_name.unwrap_or_default().as_bytes(),
            user_agent: user_agent.unwrap_or_default().as_bytes(),
            signer: signer.as_bytes(),
            ..Showing::default()
        };
        let (caller, called) = (caller(batch, row), called(batch, row));
        let seen = text_of(&self.keys.seen, more).unwrap_or_default();
        let hosts = Hosts([call.source.ip(), call.destination.ip()].map(|it| self.addresses.text(it)));
        let mut has_message = false;
        for part in seen.split('|').filter(|part| !part.is_empty()) {
            match part.as_bytes().first() {
                Some(&Word::NOTICED) => note(call, part),
                Some(&Word::CONCLUDED) => {
                    call.course.concluded = part.get(1..).and_then(|at| at.parse().ok())
                }
                Some(&Word::EARLY_BYE) => call.course.cancelled = true,
                _ => {
                    has_message = true;
                    message(call, part, &showing, &hosts, &mut self.room);
                }
            }
        }
        let early_bye = std::mem::take(&mut call.course.cancelled);
        if !has_message {
            self.plain(call, more, &showing, &hosts, (caller, called));
        }
        if self.follows {
            self.course(batch, row, more, call);
            call.course.cancelled &= !early_bye;
        } else {
            call.course.status = batch.status.get(row).copied().unwrap_or_default();
        }
    }

    /// One message whose columns tell all.
    fn plain(
        &mut self,
        call: &mut Recorded,
        more: &str,
        showing: &Showing<'_>,
        hosts: &Hosts,
        (caller, called): ((Party, &str), (Party, &str)),
    ) {
        let restricted = caller.0 == Party::Anonymous;
        call.message(&Showing { restricted, hosts: hosts.usual(), ..*showing });
        call.address(Role::From, caller.0, caller.1.as_bytes());
        let others = list_of(&self.keys.diverting, more).chain(list_of(&self.keys.called_also, more));
        let is_older = others.count() > 0 || list_of(&self.keys.identities, more).count() > 1;
        if is_older {
            self.shortfall.older += 1;
            let diverting: Vec<&str> = list_of(&self.keys.diverting, more).collect();
            let identities = list_of(&self.keys.identities, more).skip(1);
            for identity in identities.filter(|identity| !diverting.contains(identity)) {
                call.address(Role::From, party(identity.as_bytes()).0, identity.as_bytes());
            }
            for forwarder in diverting {
                call.address(Role::Diversion, party(forwarder.as_bytes()).0, forwarder.as_bytes());
            }
        }
        call.address(Role::Called, called.0, called.1.as_bytes());
        for routed in list_of(&self.keys.called_also, more).filter(|_| is_older) {
            call.address(Role::Routing, party(routed.as_bytes()).0, routed.as_bytes());
        }
    }

    fn course(&self, batch: &Batch, row: usize, more: &str, call: &mut Recorded) {
        let after = |column: &[i64]| column.get(row).copied().filter(|after| *after != Batch::NEVER);
        let moment = |key| Some(micros(text_of(key, more)?)?.saturating_sub(call.started.0));
        let refused_status = number_of(&self.keys.refused_status, more);
        let hung_up = batch.hung_up.get(row).copied().flatten();
        let answered = after(&batch.answered_after);
        call.course = Course {
            rang: after(&batch.rang_after),
            answered,
            ended: after(&batch.ended_after),
            status: batch.status.get(row).copied().unwrap_or_default(),
            refused: refused_status.zip(moment(&self.keys.refused_at)),
            timed_out: moment(&self.keys.timed_out_at),
            hung_up: hung_up.map(|side| match side {
                HungUp::Caller => Side::Caller,
                HungUp::Called => Side::Called,
            }),
            cancelled: answered.is_none() && hung_up == Some(HungUp::Caller),
            has_credentials: self.keys.credentials.find(more.as_bytes()).is_some(),
            is_followed_up: self.keys.followed_up.find(more.as_bytes()).is_some(),
            ..call.course
        };
    }
}

/// Hosts that messages have where nothing else is said: addresses, as texts.
struct Hosts([Arc<str>; 2]);

impl Hosts {
    fn usual(&self) -> [&[u8]; 2] {
        let Self([source, destination]) = self;
        [source.as_bytes(), destination.as_bytes()]
    }
}

/// Addresses as texts. Few send, and to few.
#[derive(Default)]
struct Addresses(HashMap<IpAddr, Arc<str>, RandomState>);

impl Addresses {
    fn text(&mut self, address: IpAddr) -> Arc<str> {
        if self.0.len() >= CACHED_MAX {
            self.0.clear();
        }
        Arc::clone(self.0.entry(address).or_insert_with(|| address.to_string().into()))
    }
}

/// Reads one message.
fn message(call: &mut Recorded, part: &str, line: &Showing<'_>, hosts: &Hosts, room: &mut Vec<u8>) {
    let mut showing = Showing { hosts: hosts.usual(), ..*line };
    // Texts first: the message begins with them. Decoded ones stand in `room`, one behind the other.
    room.clear();
    let mut texts: [Option<(usize, usize)>; 5] = [None; 5];
    let mut is_withheld = false;
    for word in part.split(' ').map(str::as_bytes) {
        let Some((&letter, text)) = word.split_first() else { continue };
        let place = match letter {
            Word::FROM_HOST => 0,
            Word::TARGET_HOST => 1,
            Word::DISPLAY_NAME => 2,
            Word::USER_AGENT => 3,
            Word::SIGNER => 4,
            Word::AT => {
                let after: Option<i64> = str_of(text).parse().ok();
                showing.at = call.started.plus_micros(after.unwrap_or_default());
                continue;
            }
            Word::RESTRICTED => {
                showing.restricted = true;
                continue;
            }
            Word::PRIORITY => {
                showing.has_priority = true;
                continue;
            }
            Word::REPEAT => {
                showing.is_repeat = true;
                continue;
            }
            Word::FLAGS => {
                showing.flags = read_flags(str_of(text), ',');
                continue;
            }
            Word::ATTESTATION => {
                showing.attestation = Attestation::from_word(str_of(text));
                continue;
            }
            _ => {
                is_withheld |= matches!(letter, b'F' | b'A' | b'E' | b'Y') && text.first() == Some(&b'~');
                continue;
            }
        };
        let start = room.len();
        decode(text, room);
        if let Some(text) = texts.get_mut(place) {
            *text = Some((start, room.len()));
        }
    }
    showing.restricted |= is_withheld;
    let text = |place: usize| {
        let (start, end) = texts.get(place).copied().flatten()?;
        room.get(start..end)
    };
    let [from, target] = showing.hosts;
    showing.hosts = [text(0).unwrap_or(from), text(1).unwrap_or(target)];
    showing.display_name = text(2).unwrap_or(showing.display_name);
    showing.user_agent = text(3).unwrap_or(showing.user_agent);
    showing.signer = text(4).unwrap_or(showing.signer);
    call.message(&showing);
    for word in part.split(' ').map(str::as_bytes) {
        let Some((&letter, text)) = word.split_first() else { continue };
        if let Some(role) = seen::role(letter) {
            room.clear();
            decode(text, room);
            let (party, written) = party(room);
            call.address(role, party, written);
        }
    }
    if part.starts_with(char::from(Word::HEADER)) || part.contains(" k") {
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        for word in part.split(' ').filter_map(|word| word.strip_prefix(char::from(Word::HEADER))) {
            let (name, value) = word.split_once(':').unwrap_or((word, ""));
            let mut bytes = Vec::new();
            decode(value.as_bytes(), &mut bytes);
            headers.push((name.to_owned(), bytes));
        }
        call.headers(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
    }
}

fn note(call: &mut Recorded, part: &str) {
    let Some((after, flag)) = part.get(1..).and_then(|part| part.split_once('=')) else { return };
    let noticed = after.parse().ok().zip(Flag::from_name(flag));
    if let Some((free, (after, flag))) =
        call.course.noticed.iter_mut().find(|place| place.is_none()).zip(noticed)
    {
        *free = Some((flag, after));
    }
}

/// A party as `seen` writes it, with what was written.
fn party(text: &[u8]) -> (Party, &[u8]) {
    match text.split_first() {
        Some((b'+', digits)) => (Number::international(digits).map_or(Party::Invalid, Party::Number), b""),
        Some((b'0'..=b'9', _)) => (Number::local(text).map_or(Party::Invalid, Party::Number), b""),
        Some((b'~', raw)) => (Party::Anonymous, raw),
        Some((b'!', raw)) => (Party::EmergencyService, raw),
        Some((b'?', raw)) => (Party::Invalid, raw),
        Some((b':', raw)) => (Party::Name, raw),
        Some((b'-', _)) | None => (Party::Absent, b""),
        Some(_) => (Party::Name, text),
    }
}

fn caller(batch: &Batch, row: usize) -> (Party, &str) {
    side(&batch.caller, &batch.caller_kind, &batch.caller_text, row)
}

fn called(batch: &Batch, row: usize) -> (Party, &str) {
    side(&batch.called, &batch.called_kind, &batch.called_text, row)
}

fn side<'a>(numbers: &[u64], kinds: &[PartyKind], texts: &'a Words, row: usize) -> (Party, &'a str) {
    let text = texts.get(row).unwrap_or_default();
    let number = || match text {
        "" => Number::from_value(numbers.get(row).copied().unwrap_or_default()),
        text => match text.strip_prefix('+') {
            Some(digits) => Number::international(digits.as_bytes()),
            None => Number::local(text.as_bytes()),
        },
    };
    match kinds.get(row).copied().unwrap_or_default() {
        PartyKind::Number => (number().map_or(Party::Invalid, Party::Number), text),
        PartyKind::Name => (Party::Name, text),
        PartyKind::Anonymous => (Party::Anonymous, text),
        PartyKind::Invalid => (Party::Invalid, text),
        PartyKind::Emergency => (Party::EmergencyService, text),
        PartyKind::None => (Party::Absent, text),
    }
}

fn read_flags(text: &str, between: char) -> Flags {
    text.split(between).filter_map(Flag::from_name).collect()
}

/// Takes `%` and two digits for the byte that they are.
fn decode(text: &[u8], room: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        let hex = behind.get(..2).filter(|_| byte == b'%').and_then(|digits| str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                room.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                room.push(byte);
                rest = behind;
            }
        }
    }
}

fn str_of(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// Whether a text is as long as one may be, so that its end was left off.
fn is_cut(text: &str) -> bool {
    text.len() >= engine::limits::TEXT_BYTES_MAX - 4 && text.ends_with('…')
}

/// Fields of `more`, found by how they begin: inside of a text the quotation marks would be escaped.
struct Keys {
    destination: Finder<'static>,
    transport: Finder<'static>,
    seen: Finder<'static>,
    signer: Finder<'static>,
    refused_status: Finder<'static>,
    refused_at: Finder<'static>,
    timed_out_at: Finder<'static>,
    credentials: Finder<'static>,
    followed_up: Finder<'static>,
    identities: Finder<'static>,
    diverting: Finder<'static>,
    called_also: Finder<'static>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            destination: Finder::new("\"destination\":\""),
            transport: Finder::new("\"transport\":\""),
            seen: Finder::new("\"seen\":\""),
            signer: Finder::new("\"signer\":\""),
            refused_status: Finder::new("\"refused_status\":"),
            refused_at: Finder::new("\"refused_at\":\""),
            timed_out_at: Finder::new("\"timed_out_at\":\""),
            credentials: Finder::new("\"credentials\":true"),
            followed_up: Finder::new("\"followed_up\":true"),
            identities: Finder::new("\"identities\":["),
            diverting: Finder::new("\"diverting\":["),
            called_also: Finder::new("\"called_also\":["),
        }
    }
}

/// What stands behind `key`.
fn behind<'a>(key: &Finder<'_>, more: &'a str) -> Option<&'a str> {
    more.get(key.find(more.as_bytes())? + key.needle().len()..)
}

/// The text behind `key`; only up to a character that is escaped.
fn text_of<'a>(key: &Finder<'_>, more: &'a str) -> Option<&'a str> {
    let rest = behind(key, more)?;
    rest.get(..memchr::memchr2(b'"', b'\\', rest.as_bytes())?)
}

/// The texts of the array behind `key`; those with escaped characters up to there.
fn list_of<'a>(key: &Finder<'_>, more: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
    let mut rest = behind(key, more).unwrap_or_default();
    std::iter::from_fn(move || {
        let start = rest.strip_prefix('"').or_else(|| rest.strip_prefix(",\""))?;
        let end = start.find('"')?;
        let (text, behind) = start.split_at_checked(end)?;
        rest = behind.get(1..)?;
        Some(text)
    })
}

fn number_of(key: &Finder<'_>, more: &str) -> Option<u16> {
    let rest = behind(key, more)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn micros(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

/// What the codes of a column stand for, once it was worked out.
struct Cache<T> {
    values: Vec<Option<T>>,
    /// The text of each: a batch may number them anew.
    of: Vec<String>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { values: Vec::new(), of: Vec::new() }
    }
}

impl<T: Copy> Cache<T> {
    fn get(&mut self, words: &Words, row: usize, read: impl FnOnce(&str) -> T) -> Option<T> {
        let code = *words.codes().get(row)?;
        let word = words.word(code)?;
        let place = code as usize;
        if self.of.get(place).is_some_and(|known| known == word) {
            return self.values.get(place).copied().flatten();
        }
        if place >= CACHED_MAX {
            return Some(read(word));
        }
        if self.values.len() <= place {
            self.values.resize(place + 1, None);
            self.of.resize(place + 1, String::new());
        }
        let value = read(word);
        if let (Some(known), Some(kept)) = (self.of.get_mut(place), self.values.get_mut(place)) {
            word.clone_into(known);
            *kept = Some(value);
        }
        Some(value)
    }
}

/// Texts of one column, or addresses, whose meaning is kept.
const CACHED_MAX: usize = 1 << 16;
