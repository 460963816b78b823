//! What the reader had to repair or noticed in a message, as data that policy can judge.

use std::fmt;

/// Declares the flags once: variant, public name, meaning.
macro_rules! flags {
    ($($variant:ident $name:literal $meaning:literal;)+) => {
        /// One thing that was odd or broken about a message, or that a number had to be repaired from.
        /// Names are public: policy files, call records and the evasion corpus use them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[repr(u8)]
        pub enum Flag {
            $(#[doc = $meaning] $variant,)+
        }

        impl Flag {
            /// Every flag there is, in order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The public name, as policy files write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

flags! {
    Malformed "malformed" "Breaks the grammar of RFC 3261 in a way no other flag names.";
    BareLf "bare-lf" "A line ended in LF alone (RFC 3261 §7 wants CRLF).";
    BareCr "bare-cr" "A CR without LF stood inside the header.";
    BlankFold "blank-fold" "A folded header line held only white space.";
    FoldAfterStartLine "fold-after-start-line" "The first header line began with white space.";
    CtlInHeaderName "ctl-in-header-name" "A header name held a byte that no token may hold.";
    NoColon "no-colon" "A header line had no colon.";
    EmptyHeader "empty-header" "A header that must carry a value was empty.";
    DupSingleHeader "dup-single-header" "A header that may stand once stood more often (RFC 3261 §7.3.1).";
    MissingHeader "missing-header" "A header that every message must carry was missing (RFC 3261 §8.1.1).";
    HeadersCut "headers-cut" "More headers than the reader keeps.";
    Truncated "truncated" "The message ended before its header or its body did.";
    TrailingBytes "trailing-bytes" "Bytes followed the body in the same datagram.";
    NoContentLength "no-content-length" "A message on a stream carried no Content-Length (RFC 3261 §18.3).";
    BadContentLength "bad-content-length" "Content-Length was no plain number, or beyond the bound.";
    DupContentLength "dup-content-length" "Two Content-Length headers disagreed.";
    Nul "nul" "A NUL byte stood in the header.";
    BadUtf8 "bad-utf8" "Bytes that are not UTF-8 stood in the header.";
    BadStartLine "bad-start-line" "The first line was neither a request nor a status line.";
    BadVersion "bad-version" "The version was not SIP/2.0.";
    BadStatus "bad-status" "The status code was not three digits from 100 to 699.";
    UnknownMethod "unknown-method" "The method is none of the registered ones; methods are case-sensitive.";
    BadCseq "bad-cseq" "CSeq was no number below 2^31 and a method (RFC 3261 §8.1.1.5).";
    CseqMismatch "cseq-mismatch" "CSeq named another method than the request line.";
    BadNumberField "bad-number-field" "A numeric header or parameter was no number or out of bounds.";
    NoTag "no-tag" "From carried no tag (RFC 3261 §8.1.1.3).";
    DupParam "dup-param" "A parameter stood twice.";
    BadUri "bad-uri" "An address could not be read as a URI.";
    UriHeaders "uri-headers" "A URI where none is allowed carried headers behind a question mark.";
    BadEscape "bad-escape" "A percent sign was not followed by two hexadecimal digits.";
    Scheme "scheme" "A caller or called URI was neither sip, sips nor tel.";
    Oversized "oversized" "A message or field exceeded the bound in `limits.rs`.";
    DoubleEscape "double-escape" "The user part was percent-escaped twice.";
    NestedUri "nested-uri" "The user part held a whole URI.";
    NumberInHost "number-in-host" "There was no user part; the number stood in the host.";
    PlusAndPrefix "plus-and-prefix" "An international prefix stood behind the plus.";
    DupCc "dup-cc" "The country code stood twice.";
    NationalZeroAfterCc "national-zero-after-cc" "The national prefix was kept behind the country code.";
    BareInternational "bare-international" "Digits without plus or prefix only made sense as an international number.";
    Overlong "overlong" "More digits than the number plan has; the tail was left off.";
    OddSeparator "odd-separator" "Separators that RFC 3966 does not know.";
    OddTail "odd-tail" "Something else followed the number in the user part.";
    FillerDigit "filler-digit" "A trailing F, the ISUP filler digit.";
    Pause "pause" "Pause or wait characters followed the number.";
    NonAsciiNumber "non-ascii-number" "Digits or separators were not ASCII.";
    AlphaInNumber "alpha-in-number" "Letters that look like digits stood in a number; nothing was guessed.";
    ServiceCode "service-code" "A vertical service or carrier code stood before the number.";
    UntrustedVerstat "untrusted-verstat" "A peer that is not trusted sent a verification status.";
    DisplayNumberMismatch "display-number-mismatch" "The display name showed another number than the address.";
    PassportMismatch "passport-mismatch" "The PASSporT was signed for another caller than the message names.";
    BadPassport "bad-passport" "An Identity header held no readable PASSporT (RFC 8225).";
    X5uRefused "x5u-refused" "The PASSporT named a certificate address that must never be fetched.";
    FragOverlap "frag-overlap" "IP fragments overlapped, or TCP segments with other bytes; the first ones were kept.";
    BranchReuse "branch-reuse" "A branch and Call-ID came again with another caller.";
    UnknownDialog "unknown-dialog" "A To tag named no dialog that was seen.";
    ChallengeInDialog "challenge-in-dialog" "The caller answered a BYE or re-INVITE of the called side with 401 or 407: it harvests a digest.";
    ForeignTeardown "foreign-teardown" "A BYE or CANCEL of a call came from an address that is no party to it.";
    PassportReplay "passport-replay" "A PASSporT came again with another caller or called number, or older than allowed.";
    FaxInCall "fax-in-call" "A call that began as voice was turned to fax, modem or data by a re-INVITE (T.38 Annex D).";
    StalePassport "stale-passport" "The caller's number was signed too long before the call, or after it (403, RFC 8224 §6.2.4).";
    BadCredential "bad-credential" "The caller's number was signed with a certificate that nobody vouches for, or that does not cover it (437, RFC 8224 §6.2.2).";
    InvalidPassport "invalid-passport" "What is signed about the caller does not fit the call, or the signature does not fit what is signed (438, RFC 8224 §6.2.2).";
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Flag {
    /// The flag with the public name `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|flag| flag.name() == name)
    }

    /// Whether it speaks of a broken message (a defect) rather than of a number that was written oddly or of
    /// state around the message.
    pub const fn is_defect(self) -> bool {
        let bit = self as u8;
        bit < Self::DoubleEscape as u8
            && bit != Self::NoTag as u8
            && bit != Self::Scheme as u8
            && bit != Self::UnknownMethod as u8
    }
}

/// A set of [`Flag`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Flags(u64);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// Every flag that speaks of a broken message.
    #[allow(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
    const DEFECTS: Self = {
        let (mut bits, mut bit) = (0, 0);
        while bit < Flag::ALL.len() {
            bits |= (Flag::ALL[bit].is_defect() as u64) << bit;
            bit += 1;
        }
        Self(bits)
    };

    /// Flags that tell of an event around calls rather than of one message; the engine raises them, and thresholds count
    /// them.
    pub const EVENTS: Self = Self(
        1 << Flag::ChallengeInDialog as u8
            | 1 << Flag::ForeignTeardown as u8
            | 1 << Flag::PassportReplay as u8
            | 1 << Flag::FaxInCall as u8,
    );

    /// Just `flag`.
    pub const fn of(flag: Flag) -> Self {
        Self(1 << flag as u8)
    }

    /// Adds `flag`.
    pub fn raise(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u8;
    }

    /// Adds `flag` when `condition` holds.
    pub fn raise_if(&mut self, condition: bool, flag: Flag) {
        self.0 |= u64::from(condition) << flag as u8;
    }

    /// Flags of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Flags of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `flag` is raised.
    pub const fn contains(self, flag: Flag) -> bool {
        self.0 >> flag as u8 & 1 == 1
    }

    /// Whether none is raised.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any flag speaks of a broken message, see [`Flag::is_defect`].
    pub const fn has_defect(self) -> bool {
        self.0 & Self::DEFECTS.0 != 0
    }

    /// The raised flags, in order.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            let flag = Flag::ALL.get(bits.trailing_zeros() as usize).copied();
            bits &= bits.wrapping_sub(1);
            flag
        })
    }

    /// The set as bits, bit *n* for the *n*-th of [`Flag::ALL`].
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        flags.into_iter().fold(Self::NONE, |set, flag| set.union(Self::of(flag)))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Flag::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_bit_and_a_name_of_its_own() {
        assert!(Flags::of(Flag::Nul).has_defect() && !Flags::of(Flag::NoTag).has_defect());
        assert!(!Flags::of(Flag::Overlong).has_defect() && !Flags::NONE.has_defect());
        assert!(Flag::ALL.len() <= 64);
        for &flag in Flag::ALL {
            assert_eq!(Flag::from_name(flag.name()), Some(flag));
        }
    }
}
