//! What a number is for.

use std::fmt;

/// What a number is for, by the plan of its country. Kinds do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Charged above the usual, shared between carrier and called party.
    Premium,
    /// Free for the caller.
    TollFree,
    /// Charged in part to the caller; no dearer than a usual call in most plans.
    SharedCost,
    /// Internet telephony without a place.
    Voip,
    /// Follows a person from line to line.
    Personal,
    /// A pager.
    Pager,
    /// One number for all of a company's places.
    Company,
    /// A voice mailbox.
    Voicemail,
    /// The plan does not tell fixed from mobile (all of +1).
    FixedOrMobile,
    /// A fixed line.
    Fixed,
    /// A mobile telephone and nothing else.
    Mobile,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Premium,
        Self::TollFree,
        Self::SharedCost,
        Self::Voip,
        Self::Personal,
        Self::Pager,
        Self::Company,
        Self::Voicemail,
        Self::FixedOrMobile,
        Self::Fixed,
        Self::Mobile,
    ];

    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Premium => "premium",
            Self::TollFree => "toll-free",
            Self::SharedCost => "shared-cost",
            Self::Voip => "voip",
            Self::Personal => "personal",
            Self::Pager => "pager",
            Self::Company => "company",
            Self::Voicemail => "voicemail",
            Self::FixedOrMobile => "fixed-or-mobile",
            Self::Fixed => "fixed",
            Self::Mobile => "mobile",
        }
    }
}

/// What is known of a number, for people to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// ISO code of its country, `001` for country codes of no country; `None` when the code is not in use or the
    /// number is local.
    pub country: Option<&'static str>,
    /// What it is for; `None` when no plan knows it.
    pub kind: Option<Kind>,
    /// Whether the plan of its country knows it.
    pub valid: bool,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(country) = self.country else { return f.write_str("no country has it") };
        f.write_str(country)?;
        match self.kind {
            Some(kind) => write!(f, ", {}", kind.word())?,
            None => f.write_str(", not in its number plan")?,
        }
        Ok(())
    }
}
