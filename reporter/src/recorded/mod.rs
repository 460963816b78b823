//! What a record keeps so that a call can be judged again, written and read.
//!
//! The column `seen` of a line is empty where the other columns tell all: one message, From and Request-URI as caller and
//! called, hosts that are the addresses. Else it lists each message that was judged. Between bars stand messages, in each
//! there are words with a space between; a first letter says what a word is, see [`Word`]. What is no printable ASCII, and
//! `%`, `|`, `"` and `\`, is written as `%` and two hexadecimal digits, so that bytes are kept as they came.

mod reading;
mod seen;

pub use reading::{Reading, Shortfall};
pub(crate) use seen::seen;

/// First letters of words.
pub(crate) struct Word;

impl Word {
    /// Microseconds after the start; the first message has none.
    pub(crate) const AT: u8 = b'@';
    /// The caller asked for privacy.
    pub(crate) const RESTRICTED: u8 = b'w';
    /// Resource-Priority that outranks policy.
    pub(crate) const PRIORITY: u8 = b'p';
    /// The INVITE again, with a higher CSeq.
    pub(crate) const REPEAT: u8 = b'r';
    /// Host of From; without it, the address of the sender.
    pub(crate) const FROM_HOST: u8 = b'h';
    /// Host of the Request-URI; without it, the address of the receiver.
    pub(crate) const TARGET_HOST: u8 = b'H';
    /// Flags with commas between; without it, those of the line.
    pub(crate) const FLAGS: u8 = b'f';
    /// Attestation; without it, that of the line.
    pub(crate) const ATTESTATION: u8 = b'a';
    /// Who signed; without it, whom the line names.
    pub(crate) const SIGNER: u8 = b's';
    /// Display name; without it, that of the line.
    pub(crate) const DISPLAY_NAME: u8 = b'n';
    /// User-Agent; without it, that of the line.
    pub(crate) const USER_AGENT: u8 = b'u';
    /// A header that a policy asks for: name, colon, value.
    pub(crate) const HEADER: u8 = b'k';
    /// Begins a part that is no message: microseconds, `=`, the flag that was noticed then.
    pub(crate) const NOTICED: u8 = b'!';
    /// Begins a part that is no message: microseconds until we answered it ourselves.
    pub(crate) const CONCLUDED: u8 = b'=';
    /// A part that is no message: the caller who gave up sent a BYE and no CANCEL.
    pub(crate) const EARLY_BYE: u8 = b'~';
}
