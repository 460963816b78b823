//! Fills the sides of a call: who must appear in it, while others must not.

use super::numbers::{ANONYMOUS, EMERGENCY, Escape, INVALID, NEIGHBOUR, Parties};
use super::solve::{Cause, Failure};
use super::space::{Literal, Space, Test};
use super::witness::{Witness, caller, forwarder};
use crate::matching::is_neighbour;
use crate::number::Number;
use crate::policy::NumberField;
use crate::subject::{Identity, Party};

impl Space<'_> {
    /// Puts callers, forwarders and called numbers into `call` that meet all number tests of `literals`.
    pub(super) fn solve_numbers(&self, literals: &[Literal], call: &mut Witness) -> Result<(), Failure> {
        let mut avoid = Avoid::default();
        let mut wanted = Vec::new();
        for literal in literals {
            let Test::Numbers { side, asserted, parties } = &*literal.test else { continue };
            if literal.holds {
                wanted.push((*side, *asserted, parties));
            } else {
                avoid.add(*side, *asserted, parties);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let mut needs = Vec::with_capacity(wanted.len());
        for (side, asserted, parties) in wanted {
            needs.push(self.need(side, asserted, parties, &avoid)?);
        }
        // Neighbours come last: they are made to fit who is there, called numbers before callers.
        needs.sort_by_key(|need| (need.neighbour, need.slot != Slot::Called));
        for attempt in 0..ATTEMPTS_MAX {
            call.callers.clear();
            call.forwarders.clear();
            call.called.clear();
            for (index, need) in needs.iter().enumerate() {
                need.meet(attempt >> (2 * index.min(3)), self, &needs, &avoid, call);
            }
            let numbers = literals.iter().filter(|literal| matches!(&*literal.test, Test::Numbers { .. }));
            if { numbers }.all(|literal| self.agrees(literal, call)) {
                return Ok(());
            }
        }
        Err(Failure::Open(Cause::Neighbour))
    }

    /// Who can meet a test on `side`, while nobody in `avoid` appears.
    fn need<'p>(
        &self,
        side: NumberField,
        asserted: bool,
        parties: &'p Parties,
        avoid: &Avoid,
    ) -> Result<Need<'p>, Failure> {
        let slots: &[Slot] = match (side, asserted) {
            (NumberField::Called, _) => &[Slot::Called],
            (NumberField::Caller, asserted) => &[Slot::Caller { asserted }],
            (NumberField::ForwardedBy, asserted) => &[Slot::Forwarder { asserted }],
            (NumberField::Identity, asserted) => &[Slot::Caller { asserted }, Slot::Forwarder { asserted }],
        };
        // Emptiness of every slot is a proof; a neighbour or a long search leaves the question open.
        let mut failure = Failure::Empty;
        let mut second_choice = None;
        for &slot in slots {
            let avoided = avoid.of(slot);
            match self.candidates(parties, avoided) {
                Ok(candidates) if !candidates.is_empty() => {
                    return Ok(Need { slot, parties, candidates, neighbour: false });
                }
                Ok(_) => {}
                Err(cause) => failure = Failure::Open(cause),
            }
            if parties.words & NEIGHBOUR & !avoided.words != 0 {
                second_choice.get_or_insert(Need { slot, parties, candidates: Vec::new(), neighbour: true });
            }
        }
        second_choice.ok_or(failure)
    }

    fn candidates(&self, parties: &Parties, avoided: &Parties) -> Result<Vec<Party>, Cause> {
        let mut found = Vec::new();
        let mut open = false;
        for &atom in &parties.atoms {
            match self.numbers.escape(atom, &avoided.atoms) {
                Escape::None => {}
                Escape::Unknown => open = true,
                Escape::Some(numbers) => {
                    found.extend(numbers.into_iter().map(Party::Number));
                    if found.len() >= CANDIDATES_MAX {
                        break;
                    }
                }
            }
        }
        let words =
            [(ANONYMOUS, Party::Anonymous), (INVALID, Party::Invalid), (EMERGENCY, Party::EmergencyService)];
        for (word, party) in words {
            if parties.words & !avoided.words & word != 0 {
                found.push(party);
            }
        }
        if found.is_empty() && open { Err(Cause::Effort) } else { Ok(found) }
    }
}

/// Where an identity can stand in the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Called,
    Caller { asserted: bool },
    Forwarder { asserted: bool },
}

/// Who may not appear: anywhere on a side, and (already joined with that) among its asserted identities.
#[derive(Default)]
struct Avoid {
    called: Parties,
    callers: [Parties; 2],
    forwarders: [Parties; 2],
}

impl Avoid {
    fn add(&mut self, side: NumberField, asserted: bool, parties: &Parties) {
        let add = |[any, trusted]: &mut [Parties; 2]| {
            trusted.add(parties);
            if !asserted {
                any.add(parties);
            }
        };
        match side {
            NumberField::Called => self.called.add(parties),
            NumberField::Caller => add(&mut self.callers),
            NumberField::ForwardedBy => add(&mut self.forwarders),
            NumberField::Identity => {
                add(&mut self.callers);
                add(&mut self.forwarders);
            }
        }
    }

    fn of(&self, slot: Slot) -> &Parties {
        let ([caller, trusted_caller], [forwarder, trusted_forwarder]) = (&self.callers, &self.forwarders);
        match slot {
            Slot::Called => &self.called,
            Slot::Caller { asserted: false } => caller,
            Slot::Caller { asserted: true } => trusted_caller,
            Slot::Forwarder { asserted: false } => forwarder,
            Slot::Forwarder { asserted: true } => trusted_forwarder,
        }
    }
}

/// One test that somebody must meet.
struct Need<'p> {
    slot: Slot,
    parties: &'p Parties,
    candidates: Vec<Party>,
    /// Only a neighbour of the called number can.
    neighbour: bool,
}

impl Need<'_> {
    /// Puts somebody into the call who meets it, unless somebody there does already.
    fn meet(&self, attempt: usize, space: &Space<'_>, needs: &[Self], avoid: &Avoid, call: &mut Witness) {
        let suits = |need: &Self, party: Party| {
            need.slot == self.slot && space.numbers.fits(need.parties, party, std::iter::empty())
        };
        if self.slot.parties(call).any(|party| suits(self, party)) {
            return;
        }
        let party = if self.neighbour {
            self.neighbour(attempt, space, avoid, call)
        } else {
            let count = self.candidates.len().max(1);
            let turned = self.candidates.iter().copied().cycle().skip(attempt % count).take(count);
            // One party that meets several tests makes a plainer call.
            let tests_met = |&party: &Party| needs.iter().filter(|need| suits(need, party)).count();
            turned.min_by_key(|party| std::cmp::Reverse(tests_met(party)))
        };
        if let Some(party) = party {
            self.slot.fill(party, call);
        }
    }

    /// A number that looks like one on the other side of the call; where nobody is there yet, somebody is put
    /// there.
    fn neighbour(
        &self,
        attempt: usize,
        space: &Space<'_>,
        avoid: &Avoid,
        call: &mut Witness,
    ) -> Option<Party> {
        let free = |number: &Number, slot: Slot| !space.numbers.any_holds(&avoid.of(slot).atoms, *number);
        let anyone = NEIGHBOURHOODS.iter().filter_map(|digits| Number::international(digits.as_bytes()));
        let (other_slot, present) = if self.slot == Slot::Called {
            (
                Slot::Caller { asserted: false },
                call.callers.iter().find_map(|identity| identity.party.number()),
            )
        } else {
            (Slot::Called, call.called.iter().find_map(|party| party.number()))
        };
        let other = match present {
            Some(number) => number,
            None => {
                let added = { anyone }.filter(|number| free(number, other_slot)).nth(attempt % 2)?;
                other_slot.fill(Party::Number(added), call);
                added
            }
        };
        let tail = 10u64.pow(4);
        let base = other.value() / tail * tail;
        (0..tail)
            .map(|end| base + end)
            .filter_map(|value| Number::international(value.to_string().as_bytes()))
            .find(|&number| number != other && is_neighbour(number, other) && free(&number, self.slot))
            .map(Party::Number)
    }
}

impl Slot {
    fn parties(self, call: &Witness) -> impl Iterator<Item = Party> {
        let (called, identities): (&[Party], &[Identity]) = match self {
            Self::Called => (&call.called, &[]),
            Self::Caller { .. } => (&[], &call.callers),
            Self::Forwarder { .. } => (&[], &call.forwarders),
        };
        let trusted = matches!(self, Self::Caller { asserted: true } | Self::Forwarder { asserted: true });
        let counted = identities.iter().filter(move |identity| identity.asserted || !trusted);
        called.iter().copied().chain(counted.map(|identity| identity.party))
    }

    fn fill(self, party: Party, call: &mut Witness) {
        match self {
            Self::Called => call.called.push(party),
            Self::Caller { asserted } => call.callers.push(caller(party, asserted)),
            Self::Forwarder { asserted } => call.forwarders.push(forwarder(party, asserted)),
        }
    }
}

/// Parties kept for one test.
const CANDIDATES_MAX: usize = 4;
/// Combinations of parties tried where neighbours come in.
const ATTEMPTS_MAX: usize = 64;
/// Called numbers to have neighbours.
const NEIGHBOURHOODS: [&str; 4] = ["12105550100", "442079460100", "13125550100", "33199000100"];
