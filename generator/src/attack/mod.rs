//! Attacks, one file each.

mod denial_of_service;
mod harassment;
mod one_ring;
mod robocalls;
mod scanner;
mod toll_fraud;
mod war_dialling;

pub use harassment::CALLERS as LISTED_CALLERS;

use crate::stage::Stage;

/// An attack that can be put into a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attack {
    /// Callers who stand on a block list write their numbers in strange ways.
    Harassment,
    /// A tool looks for servers, extensions, passwords and open dial plans.
    Scanner,
    /// A machine calls every number of the customer in order.
    WarDialling,
    /// Hundreds of calls at one number, so that nobody else gets through.
    DenialOfService,
    /// Calls that stop after one ring, to be called back at a price.
    OneRing,
    /// A broken-in extension calls expensive numbers at night.
    TollFraud,
    /// Recorded messages from numbers that look like neighbours.
    Robocalls,
}

impl Attack {
    /// Every attack there is.
    pub const ALL: &'static [Self] = &[
        Self::Harassment,
        Self::Scanner,
        Self::WarDialling,
        Self::DenialOfService,
        Self::OneRing,
        Self::TollFraud,
        Self::Robocalls,
    ];

    /// Its word: `toll-fraud`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Harassment => "harassment",
            Self::Scanner => "scanner",
            Self::WarDialling => "war-dialling",
            Self::DenialOfService => "denial-of-service",
            Self::OneRing => "one-ring",
            Self::TollFraud => "toll-fraud",
            Self::Robocalls => "robocalls",
        }
    }

    pub(crate) fn plan(self, stage: &mut Stage<'_>) {
        match self {
            Self::Harassment => harassment::plan(stage),
            Self::Scanner => scanner::plan(stage),
            Self::WarDialling => war_dialling::plan(stage),
            Self::DenialOfService => denial_of_service::plan(stage),
            Self::OneRing => one_ring::plan(stage),
            Self::TollFraud => toll_fraud::plan(stage),
            Self::Robocalls => robocalls::plan(stage),
        }
    }
}
