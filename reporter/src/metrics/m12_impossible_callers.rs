//! M12: callers that cannot be who they say.

use std::collections::BTreeMap;

use records::{Column, Columns, PartyKind};
use rules::{Attestation, Direction, Number};
use serde::{Deserialize, Serialize};

use super::{Context, Definition, Fold, Period, Rows, Share, Unit};

/// Inbound attempts whose caller cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpossibleCallers {
    inbound: u64,
    invalid: u64,
    own_number: u64,
    suspect: BTreeMap<String, u64>,
}

/// What M12 says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Impossible {
    /// Digits that are no number.
    pub invalid: Share,
    /// From one of the customer's own numbers without a valid attestation A.
    pub own_number: Share,
    /// In a set of numbers nobody should call from, by its name.
    pub suspect: BTreeMap<String, Share>,
}

impl Fold for ImpossibleCallers {
    const DEFINITION: Definition = Definition {
        id: "M12",
        name: "Invalid, unallocated, do-not-originate and own-number callers",
        formula: "inbound attempts whose caller is invalid, in a set such as unallocated or do-not-originate, or an own number without attestation \
                  A, over inbound attempts",
        unit: Unit::Share,
        version: 1,
        counts: "Calls from outside that show a number nobody can have, that never calls out, or that is your own.",
        omits: "An own number that comes back from outside for a good reason, such as a forwarded call, is counted too. A call may be in several \
                of the counts.",
    };
    const NEEDS: Columns = Columns::of(&[Column::CallerText, Column::Attestation]);
    type Answer = Impossible;

    fn take(&mut self, rows: &Rows<'_>) {
        let context = rows.context;
        let mut suspect = vec![0u64; context.suspect.len()];
        for attempt in rows.attempts() {
            let row = attempt.row;
            if rows.direction(row) != Some(Direction::Inbound) {
                continue;
            }
            self.inbound += 1;
            self.invalid += u64::from(rows.batch.caller_kind.get(row) == Some(&PartyKind::Invalid));
            let Some(caller) = rows.batch.caller.get(row).copied().and_then(Number::from_value) else {
                continue;
            };
            for (count, is_in) in suspect.iter_mut().zip(rows.index.suspect(caller)) {
                *count += u64::from(is_in);
            }
            let is_full = rows.batch.attestation.get(row) == Some(&Some(Attestation::Full));
            self.own_number += u64::from(!is_full && rows.index.is_own(caller));
        }
        for (count, (name, _)) in suspect.into_iter().zip(&context.suspect) {
            *self.suspect.entry(name.clone()).or_default() += count;
        }
    }

    fn merge(&mut self, other: Self) {
        self.inbound += other.inbound;
        self.invalid += other.invalid;
        self.own_number += other.own_number;
        for (name, more) in other.suspect {
            *self.suspect.entry(name).or_default() += more;
        }
    }

    fn answer(&self, context: &Context, _: &Period) -> Impossible {
        let share = |part| Share::new(part, self.inbound);
        let of = |name: &String| self.suspect.get(name).copied().unwrap_or_default();
        Impossible {
            invalid: share(self.invalid),
            own_number: share(self.own_number),
            suspect: context.suspect.iter().map(|(name, _)| (name.clone(), share(of(name)))).collect(),
        }
    }
}
