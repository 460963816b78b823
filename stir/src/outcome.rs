//! What became of a verification, in the words of RFC 8224 and ATIS-1000074.

use std::sync::Arc;

use rules::{Attestation, Flag, Number};
use serde::{Deserialize, Serialize};

/// What is known after the Identity headers of a call were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Signed for this call by somebody who may, with this level of attestation (RFC 8588); a PASSporT without extension has
    /// none.
    Passed(Option<Attestation>),
    /// It cannot be believed.
    Failed(Fault),
    /// Nothing can be said, for or against.
    Open(Doubt),
}

/// Declares reasons once: variant, word, what else belongs to it, meaning.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $word:literal $meaning:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $(#[doc = $meaning] $variant,)+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in records and metrics.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

reasons! {
    /// Why a signature is not believed.
    Fault {
        Malformed "malformed" "The PASSporT is none by RFC 8225 and the extension it names.";
        Stale "stale" "It was signed too long before the call, or after it.";
        Address "address" "The address of the certificate must not be fetched, or is another than in the signed header.";
        Algorithm "algorithm" "It is signed by another algorithm than ES256.";
        Chain "chain" "The certificate cannot be read, or no trust anchor vouches for it.";
        Expired "expired" "The certificate, or one above it, was not valid when the call came.";
        Usage "usage" "The certificate is not for signing calls.";
        Authority "authority" "The certificate does not cover the number that was signed.";
        Caller "caller" "It was signed for another caller.";
        Called "called" "It was signed for a call to another number.";
        Diversion "diversion" "What is signed about the diversion does not lead from one number to the other.";
        Signature "signature" "The signature does not fit what was signed.";
    }
}

reasons! {
    /// Why nothing can be said.
    Doubt {
        Awaited "awaited" "The certificate is being fetched.";
        Unavailable "unavailable" "The certificate could not be fetched.";
        Budget "budget" "More signatures came at once than may be checked.";
        Extension "extension" "No PASSporT has an extension that is understood.";
        Retargeted "retargeted" "It was signed for the number in To, and nobody signed why the call goes elsewhere.";
        OtherIdentity "other-identity" "It was signed for another identity of the message than the one that the call goes by.";
        Incomparable "incomparable" "The message names no number that could be compared with what was signed.";
    }
}

impl Fault {
    /// The response of RFC 8224 §6.2.2 and §6.2.4 that says it.
    pub const fn code(self) -> u16 {
        match self {
            Self::Stale => 403,
            Self::Address => 436,
            Self::Algorithm | Self::Chain | Self::Expired | Self::Usage | Self::Authority => 437,
            Self::Malformed | Self::Caller | Self::Called | Self::Diversion | Self::Signature => 438,
        }
    }

    /// The flag by which policy tells this kind of failure from others.
    pub const fn flag(self) -> Flag {
        match self.code() {
            403 => Flag::StalePassport,
            436 => Flag::X5uRefused,
            437 => Flag::BadCredential,
            _ => Flag::InvalidPassport,
        }
    }
}

impl Doubt {
    /// The response that says it, for who demands a signature: RFC 8224 §6.2.2. `None` when it is nobody's fault.
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::Unavailable => Some(436),
            Self::Extension => Some(428),
            _ => None,
        }
    }
}

impl Outcome {
    /// How a verification service tells it to others (ATIS-1000074, 3GPP TS 24.229 §7.2A.20).
    pub const fn verstat(self) -> &'static str {
        match self {
            Self::Passed(_) => "TN-Validation-Passed",
            Self::Failed(_) => "TN-Validation-Failed",
            Self::Open(_) => "No-TN-Validation",
        }
    }

    /// The word in records and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(fault) => fault.word(),
            Self::Open(doubt) => doubt.word(),
        }
    }

    /// The word for why it did not pass; `None` when it did.
    pub const fn complaint(self) -> Option<&'static str> {
        match self {
            Self::Passed(_) => None,
            Self::Failed(_) | Self::Open(_) => Some(self.word()),
        }
    }

    /// The response that says it; `None` when there is nothing to complain of.
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::Passed(_) => None,
            Self::Failed(fault) => Some(fault.code()),
            Self::Open(doubt) => doubt.code(),
        }
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Passed(_) => "Somebody who may speak for the number signed it for this call.",
            Self::Failed(fault) => fault.meaning(),
            Self::Open(doubt) => doubt.meaning(),
        }
    }

    /// Every outcome, with one attestation standing for all.
    pub fn all() -> impl Iterator<Item = Self> {
        let faults = Fault::ALL.iter().copied().map(Self::Failed);
        let doubts = Doubt::ALL.iter().copied().map(Self::Open);
        [Self::Passed(None)].into_iter().chain(faults).chain(doubts)
    }

    /// Its place among [`Outcome::all`].
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Passed(_) => 0,
            Self::Failed(fault) => 1 + fault as usize,
            Self::Open(doubt) => 1 + Fault::ALL.len() + doubt as usize,
        }
    }
}

/// What was found out about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What became of it.
    pub outcome: Outcome,
    /// The caller that was signed for; `None` unless it passed.
    pub orig: Option<Number>,
    /// Who signed, as the certificate says: codes of the service provider, common name, organisation. `None` unless it
    /// passed.
    pub signer: Option<Arc<str>>,
}

impl From<Fault> for Verified {
    fn from(fault: Fault) -> Self {
        Self { outcome: Outcome::Failed(fault), orig: None, signer: None }
    }
}

impl From<Doubt> for Verified {
    fn from(doubt: Doubt) -> Self {
        Self { outcome: Outcome::Open(doubt), orig: None, signer: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_place_and_a_word_of_its_own() {
        let mut words: Vec<_> = Outcome::all().map(Outcome::word).collect();
        assert!(Outcome::all().enumerate().all(|(place, outcome)| outcome.place() == place));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Outcome::all().count());
        assert!(Fault::ALL.iter().all(|fault| matches!(fault.code(), 403 | 436..=438)));
    }
}
