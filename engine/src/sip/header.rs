//! The headers that the reader knows by name, in their long and compact forms.

use super::block::Block;
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

/// Reads a known name of at most fifteen bytes from the start of `line`, if its colon, one space and something else
/// stand behind it at once. Returns the header and the place of the value.
#[inline(always)]
pub(super) fn read_name_and_space(line: &[u8]) -> Option<(Header, usize)> {
    let chunk = line.first_chunk::<NAME_BYTES_MAX>()?;
    let colons = Block::read(chunk.first_chunk()?).equal(b':');
    let (header, behind) = read_short_name(chunk, colons)?;
    let is_plain = chunk.get(behind) == Some(&b' ') && *chunk.get(behind.wrapping_add(1))? > b' ';
    is_plain.then_some((header, behind.wrapping_add(1)))
}

/// Reads a name before the first of `colons`.
#[inline(always)]
fn read_short_name(chunk: &[u8; NAME_BYTES_MAX], colons: u64) -> Option<(Header, usize)> {
    let colon = colons.trailing_zeros() as usize;
    let [first, second, _] = words(chunk);
    let (first_mask, second_mask) = THROUGH.get(colon)?;
    let header = known_short(lower(first) & first_mask, lower(second) & second_mask)?;
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

/// As [`known`], for a name that fits two words with its colon; no longer one has the same two words.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "hot; the shift keeps the place below the table's length")]
fn known_short(first: u64, second: u64) -> Option<Header> {
    let place = (mix([first, second, 0]).wrapping_mul(TABLE.multiplier) >> SHIFT) as usize;
    let entry = &TABLE.entries[TABLE.places[place] as usize];
    let [first_key, second_key, _] = entry.key;
    ((first ^ first_key) | (second ^ second_key) == 0).then_some(entry.header)
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
        assert_eq!(read_name(b"Call\rID: a very long value, really"), None);
        assert_eq!(read_name(b"From\0: a very long value, really"), None);
    }
}
