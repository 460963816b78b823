//! Everything that is wrong with a message and that its reader can tell.

use memchr::{memchr, memchr_iter};
use rules::{Flag, Flags, Method};

use super::address::NameAddr;
use super::header::Header;
use super::message::{ContentLength, Message};
use super::text::{cut, find, number, rest};
use super::uri::{Scheme, Uri};
use super::via::Via;
use crate::limits::HEADER_VALUE_BYTES_MAX;

impl Message<'_> {
    /// All flags of the reader: those of [`flags`](Self::flags), and those of its header bytes, of missing,
    /// repeated and empty headers, of start line, From, To, CSeq, top Via, Content-Length and other numbers. To be
    /// called once for a message that is judged. Flags of further addresses come with each
    /// [`NameAddr`]; `no-content-length` comes from the framer, because a datagram needs none.
    pub fn defects(&self) -> Flags {
        let mut flags = self.flags;
        self.check_bytes(&mut flags);
        self.check_headers(&mut flags);
        self.check_start(&mut flags);
        self.check_parties(&mut flags);
        self.check_sequence(&mut flags);
        self.check_length(&mut flags);
        self.check_numbers(&mut flags);
        flags
    }

    /// Flags of the addresses that [`defects`](Self::defects) leaves out: Contact, routes, references.
    pub fn address_defects(&self) -> Flags {
        let headers = [
            Header::Contact,
            Header::Route,
            Header::RecordRoute,
            Header::ReferTo,
            Header::ReferredBy,
            Header::ReplyTo,
            Header::AssertedIdentity,
            Header::PreferredIdentity,
        ];
        let addresses = headers.iter().flat_map(|&header| self.addresses(header));
        let mut flags = addresses.fold(Flags::NONE, |flags, address| flags.union(address.flags));
        flags.raise_if(!self.vias().all(|via| via.lawful), Flag::Malformed);
        flags
    }

    /// Looks at the header's bytes again where reading it met others than plain lines hold.
    fn check_bytes(&self, flags: &mut Flags) {
        if self.is_plain {
            return;
        }
        let header = cut(self.bytes, 0, self.body_at);
        flags.raise_if(memchr(0, header).is_some(), Flag::Nul);
        flags.raise_if(std::str::from_utf8(header).is_err(), Flag::BadUtf8);
        flags.raise_if(self.has_bare_cr(), Flag::BareCr);
    }

    /// Whether a CR stands in the header without its LF: peers differ in whether a line ends there, so it is read as if, and
    /// nothing of it may be sent on.
    pub fn has_bare_cr(&self) -> bool {
        let header = cut(self.bytes, 0, self.body_at);
        let is_bare = |at: usize| header.get(at + 1).is_some_and(|&next| next != b'\n');
        !self.is_plain && memchr_iter(b'\r', header).any(is_bare)
    }

    fn check_headers(&self, flags: &mut Flags) {
        flags.raise_if(self.index.seen(MANDATORY) != MANDATORY, Flag::MissingHeader);
        flags.raise_if(self.index.repeated(SINGLE) != 0, Flag::DupSingleHeader);
        flags.raise_if(self.index.empty(NEVER_EMPTY) != 0, Flag::EmptyHeader);
        if self.body_at - self.header_at > HEADER_VALUE_BYTES_MAX {
            let long = self.lines().any(|line| line.value.1 - line.value.0 > HEADER_VALUE_BYTES_MAX);
            flags.raise_if(long, Flag::Oversized);
        }
    }

    fn check_start(&self, flags: &mut Flags) {
        if !self.is_request() {
            return;
        }
        flags.raise_if(self.start.method == Method::Other, Flag::UnknownMethod);
        let defects = self.target_defects.get();
        *flags = flags.union(defects.unwrap_or_else(|| target_defects(&self.request_uri())));
    }

    fn check_parties(&self, flags: &mut Flags) {
        for (header, defects) in [(Header::From, &self.from_defects), (Header::To, &self.to_defects)] {
            if defects.get().is_none() {
                self.party(header, defects);
            }
            let Some(defects) = defects.get() else { continue };
            *flags = flags.union(defects);
            // Several values where one is lawful: a comma list breaks the grammar, lines repeat a header.
            if defects.contains(Flag::Malformed) || self.is_repeated(header) {
                self.addresses(header).for_each(|address| check_party(&address, header, flags));
            }
        }
        if let Some((via, length)) = self.open(Header::Via) {
            flags.raise_if(!Via::is_lawful(via, length), Flag::Malformed);
        }
    }

    fn check_sequence(&self, flags: &mut Flags) {
        if !self.index.has(Header::Cseq) {
            return;
        }
        match self.cseq() {
            None | Some((_, [])) => flags.raise(Flag::BadCseq),
            Some((_, named)) => {
                flags.raise_if(self.is_request() && named != self.start.word, Flag::CseqMismatch);
            }
        }
    }

    fn check_length(&self, flags: &mut Flags) {
        match self.content_length() {
            ContentLength::Missing => {}
            ContentLength::Bad => flags.raise(Flag::BadContentLength),
            ContentLength::Disagreeing => flags.raise(Flag::DupContentLength),
            ContentLength::Bytes(length) => {
                let there = rest(self.bytes, self.body_at).len();
                flags.raise_if(length > there, Flag::Truncated);
                flags.raise_if(length < there, Flag::TrailingBytes);
            }
        }
    }

    fn check_numbers(&self, flags: &mut Flags) {
        for (header, max) in [(Header::MaxForwards, 255), (Header::Expires, u64::from(u32::MAX))] {
            if let Some(value) = self.value(header) {
                flags.raise_if(number(value).is_none_or(|number| number > max), Flag::BadNumberField);
            }
        }
        if let Some(value) = self.value(Header::RetryAfter) {
            let digits = value.iter().take_while(|digit| digit.is_ascii_digit()).count();
            let seconds = number(cut(value, 0, digits));
            flags.raise_if(seconds.is_none_or(|seconds| seconds > u64::from(u32::MAX)), Flag::BadNumberField);
        }
    }
}

/// What is wrong with a Request-URI.
#[inline]
pub(super) fn target_defects(uri: &Uri<'_>) -> Flags {
    let mut flags = uri.flags;
    flags.raise_if(uri.scheme == Scheme::Other, Flag::Scheme);
    // RFC 3261 §19.1.1: headers have no place in a Request-URI.
    flags.raise_if(!uri.headers.is_empty(), Flag::UriHeaders);
    flags
}

/// What is wrong with the first address of From or To, whether or not others follow it.
#[inline]
pub(super) fn party_defects(first: &NameAddr<'_>, header: Header) -> Flags {
    let mut flags = Flags::NONE;
    check_party(first, header, &mut flags);
    flags
}

/// Checks a From or To address.
#[inline]
fn check_party(address: &NameAddr<'_>, header: Header, flags: &mut Flags) {
    *flags = flags.union(address.flags);
    flags.raise_if(!address.uri.headers.is_empty(), Flag::UriHeaders);
    let tags = match address.params {
        // The common case: one tag and nothing else.
        [b';', b't', b'a', b'g', b'=', tag @ ..] if find(b';', tag).is_none() => 1,
        [] => 0,
        _ => address.params().filter(|param| param.is(b"tag")).count(),
    };
    flags.raise_if(tags > 1, Flag::DupParam);
    if header == Header::From {
        flags.raise_if(tags == 0, Flag::NoTag);
        flags.raise_if(address.uri.scheme == Scheme::Other, Flag::Scheme);
    }
}

/// Headers that every request and response carries (RFC 3261 §8.1.1). Max-Forwards is left out, because
/// implementations of RFC 2543 send none (RFC 4475 §3.3.16).
const MANDATORY: u64 =
    Header::From.bit() | Header::To.bit() | Header::CallId.bit() | Header::Cseq.bit() | Header::Via.bit();

/// Headers that may stand once.
const SINGLE: u64 = Header::From.bit()
    | Header::To.bit()
    | Header::CallId.bit()
    | Header::Cseq.bit()
    | Header::MaxForwards.bit()
    | Header::ContentLength.bit()
    | Header::ContentType.bit()
    | Header::ReferTo.bit()
    | Header::ReferredBy.bit()
    | Header::Expires.bit()
    | Header::Replaces.bit()
    | Header::SessionId.bit()
    | Header::Event.bit()
    | Header::Date.bit();

/// Headers that mean nothing without a value.
const NEVER_EMPTY: u64 = MANDATORY
    | Header::MaxForwards.bit()
    | Header::ContentLength.bit()
    | Header::ContentType.bit()
    | Header::Contact.bit()
    | Header::AssertedIdentity.bit()
    | Header::PreferredIdentity.bit()
    | Header::RemotePartyId.bit()
    | Header::Diversion.bit()
    | Header::HistoryInfo.bit()
    | Header::ReferredBy.bit()
    | Header::ReferTo.bit()
    | Header::ChargeInfo.bit()
    | Header::ReplyTo.bit()
    | Header::Route.bit()
    | Header::RecordRoute.bit()
    | Header::Identity.bit();
