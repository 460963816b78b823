//! M11: how far callers are vouched for, and how many of each are unwanted.

use records::{Column, Columns};
use rules::{Attestation, Direction};
use serde::{Deserialize, Serialize};

use super::{Context, Definition, Fold, Period, Rows, Share, Unit};

/// Inbound attempts by attestation: A, B, C, none, failed, not looked at. Of each the unwanted ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestations {
    of_kinds: [Share; 6],
}

/// What M11 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttestationMix {
    /// Inbound attempts.
    pub inbound: u64,
    /// By attestation: A, B, C, none, failed, unknown.
    pub kinds: Vec<AttestationShare>,
}

/// One attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AttestationShare {
    /// A, B, C, none, failed, or unknown for a signature that nobody verified.
    pub attestation: &'static str,
    /// Of all inbound attempts.
    pub share: Share,
    /// Of these the unwanted ones.
    pub unwanted: Share,
}

impl Fold for Attestations {
    const DEFINITION: Definition = Definition {
        id: "M11",
        name: "Attestation mix",
        formula: "inbound attempts by attestation A / B / C / none / failed / unknown over inbound attempts; unwanted share inside each",
        unit: Unit::Share,
        version: 1,
        counts: "How far the numbers of calls from outside were vouched for by a signature, and how many unwanted calls each kind brought.",
        omits: "A signature that nobody verified is unknown: neither good nor bad.",
    };
    const NEEDS: Columns = Columns::of(&[Column::Attestation]);
    type Answer = AttestationMix;

    fn take(&mut self, rows: &Rows<'_>) {
        for attempt in rows.attempts() {
            if rows.direction(attempt.row) != Some(Direction::Inbound) {
                continue;
            }
            let place = match rows.batch.attestation.get(attempt.row).copied().flatten() {
                Some(Attestation::Full) => 0,
                Some(Attestation::Partial) => 1,
                Some(Attestation::Gateway) => 2,
                Some(Attestation::None) => 3,
                Some(Attestation::Failed) => 4,
                None => 5,
            };
            if let Some(of_kind) = self.of_kinds.get_mut(place) {
                *of_kind += Share::new(u64::from(attempt.is_unwanted), 1);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.of_kinds.iter_mut().zip(other.of_kinds).for_each(|(own, more)| *own += more);
    }

    fn answer(&self, _: &Context, _: &Period) -> AttestationMix {
        let inbound = self.of_kinds.iter().map(|of_kind| of_kind.whole).sum();
        let names = ["A", "B", "C", "none", "failed", "unknown"].into_iter().zip(self.of_kinds);
        let kinds = names.map(|(attestation, unwanted)| AttestationShare {
            attestation,
            share: Share::new(unwanted.whole, inbound),
            unwanted,
        });
        AttestationMix { inbound, kinds: kinds.collect() }
    }
}
