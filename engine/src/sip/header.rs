//! The headers that the reader knows by name, in their long and compact forms.

use std::num::NonZeroU16;

use super::block::{Aligned, Block};
use super::text::{ONES, byte, lower, rest, zero_bytes};

/// Declares the known headers once: variant, name, compact form of the IANA registry (0 for none).
macro_rules! headers {
    ($($variant:ident $name:literal $compact:literal;)+) => {
        /// A header that the reader keeps an index of. Any other one is found by its name with
        /// [`Message::header_values`](super::Message::header_values).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Header {
            $(#[doc = $name] $variant,)+
        }

        impl Header {
            /// Every known header, in order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as RFCs write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The compact name in lower case, or NUL if it has none.
            pub(super) const fn compact(self) -> u8 {
                match self { $(Self::$variant => $compact),+ }
            }
        }
    };
}

headers! {
    From "From" b'f';
    To "To" b't';
    CallId "Call-ID" b'i';
    Cseq "CSeq" b'\0';
    Via "Via" b'v';
    MaxForwards "Max-Forwards" b'\0';
    ContentLength "Content-Length" b'l';
    ContentType "Content-Type" b'c';
    Contact "Contact" b'm';
    UserAgent "User-Agent" b'\0';
    Server "Server" b'\0';
    Privacy "Privacy" b'\0';
    AssertedIdentity "P-Asserted-Identity" b'\0';
    PreferredIdentity "P-Preferred-Identity" b'\0';
    RemotePartyId "Remote-Party-ID" b'\0';
    Diversion "Diversion" b'\0';
    HistoryInfo "History-Info" b'\0';
    ReferredBy "Referred-By" b'b';
    ReferTo "Refer-To" b'r';
    ChargeInfo "P-Charge-Info" b'\0';
    ReplyTo "Reply-To" b'\0';
    Route "Route" b'\0';
    RecordRoute "Record-Route" b'\0';
    Identity "Identity" b'y';
    IdentityInfo "Identity-Info" b'n';
    SessionId "Session-ID" b'\0';
    ResourcePriority "Resource-Priority" b'\0';
    FeatureCaps "Feature-Caps" b'\0';
    Require "Require" b'\0';
    ProxyRequire "Proxy-Require" b'\0';
    Supported "Supported" b'k';
    Expires "Expires" b'\0';
    RetryAfter "Retry-After" b'\0';
    Date "Date" b'\0';
    Allow "Allow" b'\0';
    AllowEvents "Allow-Events" b'u';
    Event "Event" b'o';
    Accept "Accept" b'\0';
    AcceptContact "Accept-Contact" b'a';
    RejectContact "Reject-Contact" b'j';
    RequestDisposition "Request-Disposition" b'd';
    ContentEncoding "Content-Encoding" b'e';
    ContentDisposition "Content-Disposition" b'\0';
    MimeVersion "MIME-Version" b'\0';
    Subject "Subject" b's';
    SessionExpires "Session-Expires" b'x';
    MinSe "Min-SE" b'\0';
    Replaces "Replaces" b'\0';
    Reason "Reason" b'\0';
    Authorization "Authorization" b'\0';
    ProxyAuthorization "Proxy-Authorization" b'\0';
    AttestationIndicator "P-Attestation-Indicator" b'\0';
    AccessNetworkInfo "P-Access-Network-Info" b'\0';
    EarlyMedia "P-Early-Media" b'\0';
    ChargingVector "P-Charging-Vector" b'\0';
    Warning "Warning" b'\0';
    Organization "Organization" b'\0';
    Priority "Priority" b'\0';
}

impl Header {
    /// The header that `name` means, long or compact, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; NAME_BYTES_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        *bytes.get_mut(name.len())? = b':';
        known(words(&bytes).map(lower))
    }

    /// Its bit in a set of headers.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// Reads a known name and its colon from the start of `line` in the common case: no white space before the
/// colon. Returns the header and the place behind the colon.
#[inline(always)]
pub(super) fn read_name(line: &[u8]) -> Option<(Header, usize)> {
    let chunk = line.first_chunk::<NAME_BYTES_MAX>()?;
    let colons = Block::read(chunk.first_chunk()?).equal(b':');
    if colons == 0 {
        return read_long_name(chunk);
    }
    read_short_name(chunk, colons)
}

/// The first bytes of a line, enough for most names, a colon, a space and the first byte of the value.
#[derive(Clone, Copy)]
pub(super) struct LineHead<'a>(&'a [u8; HEAD_BYTES]);

pub(super) const HEAD_BYTES: usize = 20;

impl<'a> LineHead<'a> {
    /// What stands from `at` on, unless the message is over soon.
    #[inline(always)]
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        bytes.get(at..)?.first_chunk().map(Self)
    }

    #[inline(always)]
    pub(super) fn new(bytes: &'a [u8; HEAD_BYTES]) -> Self {
        Self(bytes)
    }

    #[inline(always)]
    pub(super) fn first(self) -> u8 {
        let &[first, ..] = self.0;
        first
    }

    /// Reads a known name of at most fourteen bytes, its colon and one space. Returns the header and the place behind
    /// the space. A CR passes for a hyphen, and a NUL for the space.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "hot; the shift keeps the place below the tables' length")]
    pub(super) fn read_name(self) -> Option<(Header, usize)> {
        let block = self.block();
        let colon = NonZeroU16::new(block.equal(b':') as u16)?.trailing_zeros() as usize;
        let name = block.lowered_past(colon);
        let place = Names::<512>::place(name.first_word(), colon, Names::<512>::MULTIPLIER);
        name.is(&SHORT.heads.0[place]).then_some((SHORT.headers[place], colon.wrapping_add(2)))
    }

    /// Whether at `at` a value begins.
    #[inline(always)]
    pub(super) fn is_value_at(self, at: usize) -> bool {
        self.0.get(at).is_some_and(|&first| first > b' ')
    }

    /// Whether [`read_name`](Self::read_name), which knows no such name, would read it if it did, with a value behind it.
    #[inline(always)]
    pub(super) fn is_unknown_name(self) -> bool {
        let block = self.block();
        let Some(colons) = NonZeroU16::new(block.equal(b':') as u16) else { return false };
        let colon = colons.trailing_zeros() as usize;
        (1..=NAME_BYTES_SHORT).contains(&colon)
            && self.0.get(colon.wrapping_add(1)) == Some(&b' ')
            && self.is_value_at(colon.wrapping_add(2))
            && block.foreign_to_hosts().trailing_zeros() as usize == colon
    }

    #[inline(always)]
    fn block(self) -> Block {
        let (block, _) = self.0.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Block::read(block)
    }
}

/// As [`LineHead::read_name`], for a name of more than fourteen bytes that `line` begins with.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "hot; the shift keeps the place below the tables' length")]
pub(super) fn read_long_name_and_space(line: &[u8]) -> Option<(Header, usize)> {
    let chunk: &[u8; 32] = line.first_chunk()?;
    let (head, _) = chunk.split_first_chunk()?;
    let tail = Block::read(chunk.last_chunk::<17>()?.first_chunk()?);
    let colon = NonZeroU16::new(tail.equal(b':') as u16)?.trailing_zeros() as usize;
    let head = Block::read(head).lowered_past(15);
    let place = Names::<64>::place(head.first_word(), colon.wrapping_add(15), Names::<64>::MULTIPLIER);
    let is_name = head.is(&LONG.heads.0[place]) && tail.lowered_past(colon).is(&LONG.tails.0[place]);
    is_name.then_some((LONG.headers[place], colon.wrapping_add(17)))
}

/// Reads a name before the first of `colons`.
#[inline(always)]
fn read_short_name(chunk: &[u8; NAME_BYTES_MAX], colons: u64) -> Option<(Header, usize)> {
    let colon = colons.trailing_zeros() as usize;
    let [first, second, _] = words(chunk);
    let (first_mask, second_mask) = THROUGH.get(colon)?;
    let header = known([lower(first) & first_mask, lower(second) & second_mask, 0])?;
    Some((header, colon.wrapping_add(1)))
}

/// Reads a name whose colon stands in the third word, if anywhere.
#[inline(never)]
fn read_long_name(chunk: &[u8; NAME_BYTES_MAX]) -> Option<(Header, usize)> {
    let [first, second, third] = words(chunk);
    let colon = zero_bytes(third ^ COLONS);
    if colon == 0 {
        return None;
    }
    let length = colon.trailing_zeros() / 8;
    let third = lower(third) & (u64::MAX >> (56 - 8 * length));
    Some((known([lower(first), lower(second), third])?, length as usize + 17))
}

/// Whether the header line `line` bears `name`, in any case, with white space before the colon allowed.
/// Returns the place behind the colon.
pub(super) fn bears_name(line: &[u8], name: &[u8]) -> Option<usize> {
    if !super::text::starts_with_ignore_case(line, name) {
        return None;
    }
    let mut at = name.len();
    while matches!(byte(line, at), b' ' | b'\t') {
        at += 1;
    }
    rest(line, at).starts_with(b":").then_some(at + 1)
}

/// Bytes of the longest name the index can hold.
pub(super) const NAME_BYTES_MAX: usize = 24;

/// A name in lower case with its colon, which keeps `From` and `From` with a NUL behind it apart.
type Key = [u64; 3];

const COLONS: u64 = ONES * 0x3a;

/// Masks over the bytes up to and including each one of two words.
#[allow(clippy::indexing_slicing, reason = "the compiler runs it, and refuses a place out of bounds")]
static THROUGH: [(u64, u64); 16] = {
    let mut masks = [(u64::MAX, u64::MAX); 16];
    let mut last = 0;
    while last < 8 {
        masks[last] = (u64::MAX >> (56 - 8 * last), 0);
        masks[last + 8] = (u64::MAX, u64::MAX >> (56 - 8 * last));
        last += 1;
    }
    masks
};

#[inline(always)]
fn words(chunk: &[u8; NAME_BYTES_MAX]) -> Key {
    let mut words = [0; 3];
    let (eights, _) = chunk.as_chunks::<8>();
    for (word, eight) in words.iter_mut().zip(eights) {
        *word = u64::from_le_bytes(*eight);
    }
    words
}

/// Finds a name in the table of names: one multiplication, one look, one comparison.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "hot; the shift keeps the place below the table's length")]
fn known(key: Key) -> Option<Header> {
    let place = (mix(key).wrapping_mul(TABLE.multiplier) >> SHIFT) as usize;
    let entry = &TABLE.entries[TABLE.places[place] as usize];
    (entry.key == key).then_some(entry.header)
}

const fn mix(key: Key) -> u64 {
    let [first, second, third] = key;
    first ^ second.rotate_left(23) ^ third.rotate_left(46)
}

const PLACES: usize = 1024;
const SHIFT: u32 = 64 - PLACES.trailing_zeros();
#[allow(clippy::indexing_slicing, reason = "the compiler runs it, and refuses a place out of bounds")]
const NAMES: usize = {
    let mut names = 0;
    let mut at = 0;
    while at < Header::ALL.len() {
        names += if Header::ALL[at].compact() == 0 { 1 } else { 2 };
        at += 1;
    }
    names
};

#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    header: Header,
}

/// A perfect hash of all names, made by the compiler. Entry 0 is the empty name, which no look-up can equal.
struct Table {
    multiplier: u64,
    places: [u8; PLACES],
    /// One for every number that a byte can be, so that none needs a check.
    entries: [Entry; 256],
}

#[allow(clippy::indexing_slicing, reason = "the compiler runs it, and refuses a place out of bounds")]
static TABLE: Table = {
    let mut entries = [Entry { key: [u64::MAX; 3], header: Header::From }; 256];
    let mut used = 1;
    let mut at = 0;
    while at < Header::ALL.len() {
        let header = Header::ALL[at];
        entries[used] = Entry { key: const_key(header.name().as_bytes()), header };
        used += 1;
        if header.compact() != 0 {
            entries[used] = Entry { key: const_key(&[header.compact()]), header };
            used += 1;
        }
        at += 1;
    }
    let mut multiplier: u64 = 0x9e37_79b9_7f4a_7c15;
    loop {
        let mut places = [0; PLACES];
        let mut entry = 1;
        while entry <= NAMES {
            let place = (mix(entries[entry].key).wrapping_mul(multiplier) >> SHIFT) as usize;
            if places[place] != 0 {
                break;
            }
            places[place] = entry as u8;
            entry += 1;
        }
        if entry > NAMES {
            break Table { multiplier, places, entries };
        }
        multiplier = multiplier.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f) | 1;
    }
};

/// A perfect hash of names with their colon and one space, by their first word and their length. A place without a name
/// holds what no name equals.
struct Names<const PLACES: usize> {
    /// The first sixteen bytes.
    heads: Aligned<[[u8; 16]; PLACES]>,
    /// What begins with the sixteenth byte.
    tails: Aligned<[[u8; 16]; PLACES]>,
    headers: [Header; PLACES],
}

/// Names of at most fourteen bytes.
static SHORT: Names<512> = Names::SHORT;

/// Longer ones.
static LONG: Names<64> = Names::LONG;

impl Names<512> {
    const MULTIPLIER: u64 = Self::find_multiplier(1, NAME_BYTES_SHORT);
    const SHORT: Self = Self::new(Self::MULTIPLIER, 1, NAME_BYTES_SHORT).expect("it was chosen so");
}

impl Names<64> {
    const MULTIPLIER: u64 = Self::find_multiplier(NAME_BYTES_SHORT + 1, NAME_BYTES_MAX);
    const LONG: Self =
        Self::new(Self::MULTIPLIER, NAME_BYTES_SHORT + 1, NAME_BYTES_MAX).expect("it was chosen so");
}

/// Bytes of the longest name that fits sixteen bytes with its colon and a space.
const NAME_BYTES_SHORT: usize = 14;

#[allow(clippy::indexing_slicing, reason = "the compiler runs it, and refuses a place out of bounds")]
impl<const PLACES: usize> Names<PLACES> {
    /// Where a name stands, if anywhere, that begins with `word` and has its colon at `colon`.
    #[inline(always)]
    const fn place(word: u64, colon: usize, multiplier: u64) -> usize {
        const { assert!(PLACES.is_power_of_two()) };
        (word.wrapping_add(colon as u64).wrapping_mul(multiplier) >> (64 - PLACES.trailing_zeros())) as usize
    }

    const fn find_multiplier(min: usize, max: usize) -> u64 {
        let mut multiplier: u64 = 0x9e37_79b9_7f4a_7c15;
        while Self::new(multiplier, min, max).is_none() {
            multiplier =
                multiplier.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f) | 1;
        }
        multiplier
    }

    /// All names of `min` to `max` bytes, if `multiplier` gives each a place of its own.
    const fn new(multiplier: u64, min: usize, max: usize) -> Option<Self> {
        let mut names = Self {
            heads: Aligned([[0; 16]; PLACES]),
            tails: Aligned([[0; 16]; PLACES]),
            headers: [Header::From; PLACES],
        };
        let mut at = 0;
        while at < 2 * Header::ALL.len() {
            let header = Header::ALL[at / 2];
            let compact = &[header.compact()];
            let name = if at % 2 == 0 { header.name().as_bytes() } else { compact };
            at += 1;
            if name[0] == 0 || name.len() < min || name.len() > max {
                continue;
            }
            let mut text = [0; 32];
            let mut end = 0;
            while end < name.len() {
                text[end] = name[end].to_ascii_lowercase();
                end += 1;
            }
            (text[end], text[end + 1]) = (b':', b' ');
            let head = *text.first_chunk().expect("the text is longer");
            let place = Self::place(
                u64::from_le_bytes(*text.first_chunk().expect("the text is longer")),
                end,
                multiplier,
            );
            if names.heads.0[place][0] != 0 {
                return None;
            }
            names.heads.0[place] = head;
            names.tails.0[place] = *text.split_at(15).1.first_chunk().expect("the text is longer");
            names.headers[place] = header;
        }
        Some(names)
    }
}

#[allow(clippy::indexing_slicing, reason = "the compiler runs it, and refuses a place out of bounds")]
const fn const_key(name: &[u8]) -> Key {
    let mut key = [0; 3];
    let mut at = 0;
    while at < name.len() {
        key[at / 8] |= (name[at].to_ascii_lowercase() as u64) << (8 * (at % 8));
        at += 1;
    }
    key[at / 8] |= (b':' as u64) << (8 * (at % 8));
    key
}

const _: () = assert!(Header::ALL.len() <= 64, "the sets of headers have 64 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_found_by_each_of_its_names() {
        for &header in Header::ALL {
            let name = header.name().as_bytes();
            assert_eq!(Header::from_name(name), Some(header));
            assert_eq!(Header::from_name(&name.to_ascii_uppercase()), Some(header));
            let line = [name, b": something long enough to read at once"].concat();
            assert_eq!(read_name(&line), Some((header, name.len() + 1)));
            let with_space = Some((header, name.len() + 2));
            let head = LineHead::at(&line, 0).unwrap();
            if name.len() > NAME_BYTES_SHORT {
                assert_eq!(read_long_name_and_space(&line), with_space);
            } else {
                assert_eq!(head.read_name(), with_space);
                assert_eq!(read_long_name_and_space(&line), None);
            }
            if header.compact() != 0 {
                assert_eq!(Header::from_name(&[header.compact()]), Some(header));
                assert_eq!(Header::from_name(&[header.compact().to_ascii_uppercase()]), Some(header));
            }
        }
    }

    #[test]
    fn what_only_resembles_a_name_is_none() {
        for name in [&b""[..], b"Fro", b"Call\rID", b"From\0", b"Fro\x4d\x00", b"C%6Fntact", b"\xe6rom", b"q"]
        {
            assert_eq!(Header::from_name(name), None, "{name:?}");
        }
        let head = |line: &'static [u8]| LineHead::at(line, 0).unwrap();
        assert_eq!(head(b"From:<sip:a very long value>").read_name(), None);
        assert!(!head(b"From:<sip:a very long value>").is_unknown_name());
        assert!(head(b"X-From: a very long value, really").is_unknown_name());
        assert!(!head(b"X From: a very long value, really").is_unknown_name());
        assert!(!head(b": a very long value, really").is_unknown_name());
        assert_eq!(read_name(b"Call\rID: a very long value, really"), None);
        assert_eq!(read_name(b"From\0: a very long value, really"), None);
    }
}
