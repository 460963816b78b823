//! One SIP message and what can be asked of it.

use std::cell::Cell;
use std::num::NonZeroU16;

use memchr::memchr;
use rules::{CallType, Flag, Flags, Method};

use super::address::NameAddr;
use super::body::read_call_type;
use super::defects::{party_defects, target_defects};
use super::header::Header;
use super::index::Index;
use super::lines::Lines;
use super::plain::{PlainAddress, PlainUri};
use super::start::{Kind, Start, read_method};
use super::text::{cut, is_space, number, open, rest, trim, trim_start};
use super::uri::Uri;
use super::values::{Addresses, Values, list_parts};
use super::via::Via;
use crate::limits::MESSAGE_BYTES_MAX;

/// A message as byte ranges over its packet. Reading never fails: what is broken is raised as a flag, and the
/// rest is still there.
#[derive(Clone)]
pub struct Message<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) start: Start<'a>,
    /// Where the first header line begins.
    pub(super) header_at: usize,
    /// Where the body begins.
    pub(super) body_at: usize,
    pub(super) index: Index,
    pub(super) flags: Flags,
    /// Whether its header is ASCII without control bytes but for CRLFs.
    pub(super) is_plain: bool,
    /// What is wrong with the addresses that were asked for, so that nobody reads them again for it.
    pub(super) target_defects: Cell<Option<Flags>>,
    pub(super) from_defects: Cell<Option<Flags>>,
    pub(super) to_defects: Cell<Option<Flags>>,
    /// What Content-Length says, once somebody has asked.
    length: Cell<Option<ContentLength>>,
}

/// What Content-Length says (RFC 3261 §20.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// There is none.
    Missing,
    /// Bytes of the body; at most the bound of a message.
    Bytes(usize),
    /// No plain number, or beyond the bound of a message.
    Bad,
    /// Two that disagree.
    Disagreeing,
}

impl<'a> Message<'a> {
    /// Reads one message: a datagram, or what the [`Framer`](super::Framer) cut out of a stream.
    // A call of its own fills it where it lies in the caller's frame; moving it would cost as much as reading two lines.
    #[inline(never)]
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut message = Self {
            bytes: bytes.get(..MESSAGE_BYTES_MAX).unwrap_or(bytes),
            start: Start::NEITHER,
            header_at: 0,
            body_at: bytes.len().min(MESSAGE_BYTES_MAX),
            index: Index::new(),
            flags: Flags::NONE,
            is_plain: false,
            target_defects: Cell::new(None),
            from_defects: Cell::new(None),
            to_defects: Cell::new(None),
            length: Cell::new(None),
        };
        message.flags.raise_if(bytes.len() > MESSAGE_BYTES_MAX, Flag::Oversized);
        message.read_lines();
        message
    }

    /// The bytes it was read from, cut at the bound of a message.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the header lines alone showed while they were read: line ends, folds, names, the start line, a cut.
    /// [`defects`](Self::defects) finds the rest.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Whether it is a request, however broken.
    pub fn is_request(&self) -> bool {
        self.start.kind == Kind::Request
    }

    /// Whether it is a response, however broken.
    pub fn is_response(&self) -> bool {
        self.start.kind == Kind::Status
    }

    /// The method by the request line; of a response, the one CSeq names.
    pub fn method(&self) -> Method {
        if self.is_request() { self.start.method } else { self.cseq_method().unwrap_or(Method::Other) }
    }

    /// The method as written; empty when there is none.
    pub fn method_text(&self) -> &'a [u8] {
        if self.is_request() { self.start.word } else { self.cseq().map_or(&[], |(_, method)| method) }
    }

    /// The status code of a response, if it is one from 100 to 699.
    pub fn status(&self) -> Option<u16> {
        self.start.status.map(NonZeroU16::get)
    }

    /// The reason phrase of a response; empty for a request.
    pub fn reason_phrase(&self) -> &'a [u8] {
        if self.is_response() { self.start.word } else { &[] }
    }

    /// The Request-URI; without scheme and host for a response.
    pub fn request_uri(&self) -> Uri<'a> {
        if !self.is_request() {
            return Uri::default();
        }
        let uri = self.start.uri;
        if let Some(plain) = PlainUri::read(open(self.bytes, uri), uri.len()) {
            self.target_defects.set(Some(Flags::NONE));
            return plain.into_uri();
        }
        let uri = Uri::read_any(uri);
        self.target_defects.set(Some(target_defects(&uri)));
        uri
    }

    /// Call-ID as written; empty without one.
    pub fn call_id(&self) -> &'a [u8] {
        self.text(Header::CallId)
    }

    /// The sequence number, below 2^31, and the method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &'a [u8])> {
        let value = self.value(Header::Cseq)?;
        read_plain_cseq(value).or_else(|| read_cseq(value))
    }

    /// The method that CSeq names.
    pub fn cseq_method(&self) -> Option<Method> {
        self.cseq().map(|(_, method)| read_method(method))
    }

    /// The first From address.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        self.party(Header::From, &self.from_defects)
    }

    /// Every From address: a message with several is broken, but a peer may take any of them.
    pub fn froms(&self) -> Addresses<'_, 'a> {
        self.addresses(Header::From)
    }

    /// The first To address.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        self.party(Header::To, &self.to_defects)
    }

    #[inline]
    pub(super) fn party(&self, header: Header, defects: &Cell<Option<Flags>>) -> Option<NameAddr<'a>> {
        let (text, length) = self.open(header)?;
        let Some(plain) = PlainAddress::read(text, length) else {
            return self.any_party(header, defects);
        };
        if plain.is_tagged {
            defects.set(Some(Flags::NONE));
            return Some(plain.into_address());
        }
        let address = plain.into_address();
        defects.set(Some(party_defects(&address, header)));
        Some(address)
    }

    #[inline(never)]
    fn any_party(&self, header: Header, defects: &Cell<Option<Flags>>) -> Option<NameAddr<'a>> {
        let value = self.value(header)?;
        let party = NameAddr::read_any(value);
        let mut flags = party_defects(&party, header);
        flags.raise_if(party.behind(value) > 0, Flag::Malformed);
        defects.set(Some(flags));
        Some(party)
    }

    /// The tag of the first From address. Costs less than [`from`](Self::from).
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        let (text, length) = self.open(Header::From)?;
        NameAddr::read_tag(text, length)
    }

    /// The tag of the first To address. Costs less than [`to`](Self::to).
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        let (text, length) = self.open(Header::To)?;
        NameAddr::read_tag(text, length)
    }

    /// The branch of the first value of the first Via. Costs less than [`top_via`](Self::top_via).
    pub fn branch(&self) -> Option<&'a [u8]> {
        let (text, length) = self.open(Header::Via)?;
        Via::read_branch(text, length)
    }

    /// The first address of `header`.
    #[inline]
    pub fn address(&self, header: Header) -> Option<NameAddr<'a>> {
        let (text, length) = self.open(header)?;
        if let Some(plain) = PlainAddress::read(text, length) {
            return Some(plain.into_address());
        }
        Some(NameAddr::read_any(text.get(..length)?))
    }

    /// Every address of every `header`: comma lists come apart outside quotes and angle brackets.
    pub fn addresses(&self, header: Header) -> Addresses<'_, 'a> {
        Addresses::new(self.values(header))
    }

    /// The first value of the first Via.
    pub fn top_via(&self) -> Option<Via<'a>> {
        self.value(Header::Via).map(Via::read)
    }

    /// Every value of every Via, the last hop's first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> {
        self.values(Header::Via).flat_map(|value| {
            let mut rest = value;
            std::iter::from_fn(move || {
                if rest.is_empty() {
                    return None;
                }
                let (via, behind) = Via::read_one(rest);
                rest = trim(behind);
                Some(via)
            })
        })
    }

    /// How many hops the request came.
    pub fn via_count(&self) -> usize {
        self.vias().count()
    }

    /// User-Agent; of a response without it, Server. Empty without either.
    pub fn user_agent(&self) -> &'a [u8] {
        self.value(Header::UserAgent).or_else(|| self.value(Header::Server)).unwrap_or_default()
    }

    /// Privacy (RFC 3323), such as `id` or `header;user`; empty without it.
    pub fn privacy(&self) -> &'a [u8] {
        self.text(Header::Privacy)
    }

    /// Whether Privacy names `kind`, in any case.
    pub fn has_privacy(&self, kind: &str) -> bool {
        self.values(Header::Privacy).any(|value| {
            value
                .split(|&byte| byte == b';' || byte == b',')
                .any(|word| trim(word).eq_ignore_ascii_case(kind.as_bytes()))
        })
    }

    /// Max-Forwards, if it is a number up to 255.
    pub fn max_forwards(&self) -> Option<u8> {
        number(self.value(Header::MaxForwards)?).and_then(|hops| u8::try_from(hops).ok())
    }

    /// Content-Type with its parameters.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.value(Header::ContentType)
    }

    /// What Content-Length says.
    pub fn content_length(&self) -> ContentLength {
        if let Some(length) = self.length.get() {
            return length;
        }
        let length = self.read_content_length();
        self.length.set(Some(length));
        length
    }

    fn read_content_length(&self) -> ContentLength {
        let Some(first) = self.value(Header::ContentLength) else { return ContentLength::Missing };
        let length = |text| number(text).and_then(|length| usize::try_from(length).ok());
        let Some(bytes) = length(first) else { return ContentLength::Bad };
        if self.index.repeated(Header::ContentLength.bit()) != 0 {
            for other in self.values(Header::ContentLength) {
                match length(other) {
                    None => return ContentLength::Bad,
                    Some(other) if other != bytes => return ContentLength::Disagreeing,
                    Some(_) => {}
                }
            }
        }
        if bytes > MESSAGE_BYTES_MAX { ContentLength::Bad } else { ContentLength::Bytes(bytes) }
    }

    /// Where the first header line begins in [`bytes`](Self::bytes).
    pub fn header_at(&self) -> usize {
        self.header_at
    }

    /// Where the body begins in [`bytes`](Self::bytes).
    pub fn body_at(&self) -> usize {
        self.body_at
    }

    /// The body, as long as Content-Length says it is, or up to the end of the message.
    pub fn body(&self) -> &'a [u8] {
        let all = rest(self.bytes, self.body_at);
        match self.content_length() {
            ContentLength::Bytes(length) => all.get(..length).unwrap_or(all),
            _ => all,
        }
    }

    /// What the body offers; [`CallType::Other`] without a session description. An INVITE without a body leaves the offer
    /// to the called side (RFC 3261 §13.2.1), as switchboards do for voice.
    pub fn call_type(&self) -> CallType {
        let body = self.body();
        if body.is_empty() && self.is_request() && self.method() == Method::Invite {
            return CallType::Voice;
        }
        read_call_type(self.content_type(), body)
    }

    /// Session-ID (RFC 7989): the local UUID, which stays the same through back-to-back agents.
    pub fn session_id(&self) -> Option<&'a [u8]> {
        let value = self.value(Header::SessionId)?;
        let end = memchr(b';', value).unwrap_or(value.len());
        Some(trim(cut(value, 0, end)))
    }

    /// Resource-Priority values (RFC 4412), such as `esnet.1`.
    pub fn resource_priority(&self) -> impl Iterator<Item = &'a [u8]> {
        self.values(Header::ResourcePriority)
            .flat_map(|value| value.split(|&byte| byte == b',').map(trim))
            .filter(|word| !word.is_empty())
    }

    /// Whether somebody on the way understands 608 and tells the caller (RFC 8688 §3.1).
    pub fn takes_608(&self) -> bool {
        const TAG: &[u8] = b"+sip.608";
        self.feature_caps().any(|caps| {
            caps.split(|&byte| matches!(byte, b';' | b','))
                .any(|cap| cap.trim_ascii().eq_ignore_ascii_case(TAG))
        })
    }

    /// Feature-Caps values (RFC 6809).
    pub fn feature_caps(&self) -> Values<'_, 'a> {
        self.values(Header::FeatureCaps)
    }

    /// Identity values (RFC 8224), each for [`Passport::read`](super::passport::Passport::read).
    pub fn identities(&self) -> impl Iterator<Item = &'a [u8]> {
        self.values(Header::Identity).flat_map(list_parts)
    }

    /// Whether `header` stands in the message, even without a value.
    #[inline]
    pub fn has(&self, header: Header) -> bool {
        self.index.has(header)
    }

    /// Whether `header` stands in the message more than once.
    pub fn is_repeated(&self, header: Header) -> bool {
        self.index.repeated(header.bit()) != 0
    }

    /// The first value of `header`, without white space around it. Folds are still in it, see
    /// [`unfold`](super::unfold).
    #[inline]
    pub fn value(&self, header: Header) -> Option<&'a [u8]> {
        self.index.first(self.bytes, header)
    }

    /// What stands from the first value of `header` to the end of the message, and how long the value is: a quick reader may
    /// look at what stands behind it, though it means nothing there.
    #[inline(always)]
    pub(super) fn open(&self, header: Header) -> Option<(&'a [u8], usize)> {
        self.index.first_open(self.bytes, header)
    }

    /// Every value of `header`, one a line, not yet split at commas.
    #[inline]
    pub fn values(&self, header: Header) -> Values<'_, 'a> {
        Values::new(self, header)
    }

    /// Every value of the header called `name`, in any case; a long name stands for its compact form as well.
    pub fn header_values<'m>(&'m self, name: &'m str) -> Values<'m, 'a> {
        match Header::from_name(name.as_bytes()) {
            Some(header) => Values::new(self, header),
            None => Values::named(self, name.as_bytes()),
        }
    }

    /// The first value of `header`, empty without it.
    fn text(&self, header: Header) -> &'a [u8] {
        self.value(header).unwrap_or_default()
    }

    /// All header lines, known or not.
    pub(super) fn lines(&self) -> Lines<'a> {
        Lines::new(self.bytes, self.header_at)
    }
}

impl rules::Headers for Message<'_> {
    fn any_value(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.header_values(name).any(|value| {
            if memchr(b'\n', value).is_none() {
                return visit(value);
            }
            let mut room = [0; UNFOLDED_BYTES_MAX];
            if value.len() > room.len() { visit(value) } else { visit(super::unfold(value, &mut room)) }
        })
    }
}

/// A CSeq value of up to nine digits, one space and a method.
#[inline]
fn read_plain_cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let mut sequence: u32 = 0;
    let mut behind = value;
    while let [digit @ b'0'..=b'9', tail @ ..] = behind {
        sequence = sequence.wrapping_mul(10).wrapping_add(u32::from(digit & 15));
        behind = tail;
    }
    let digits = value.len().wrapping_sub(behind.len());
    match behind {
        [b' ', method @ ..] if (1..=9).contains(&digits) && *method.first()? > b' ' => {
            Some((sequence, method))
        }
        _ => None,
    }
}

/// Any CSeq value.
#[inline(never)]
fn read_cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let digits_end = value.iter().position(|&byte| is_space(byte))?;
    let sequence = number(cut(value, 0, digits_end)).filter(|&sequence| sequence < 1 << 31)?;
    let method = trim_start(rest(value, digits_end));
    Some((u32::try_from(sequence).ok()?, method))
}

/// Bytes of a folded value that a rule sees without its folds; a longer one it sees as it came.
const UNFOLDED_BYTES_MAX: usize = 4 << 10;
