//! Identity headers of a message before the verifier, and what of its word counts for whom.

use std::ops::Range;
use std::sync::Arc;

use rules::plan::DialPlan;
use rules::{Attestation, Flags, Number, Origin, Party, Timestamp};
use stir::{Called, Doubt, Outcome, SignedCall, Verified, Verifier};

use crate::call::Attempt;
use crate::engine::Engine;
use crate::facts::Facts;
use crate::number;
use crate::sip::passport::signed;
use crate::sip::{Header, Message};

impl Engine {
    /// Has Identity headers verified by `verifier` from now on.
    pub fn verify_with(&mut self, verifier: Verifier) {
        self.verifier = Some(verifier);
    }

    /// Who verifies Identity headers; `None` when nobody does.
    pub fn verifier(&mut self) -> Option<&mut Verifier> {
        self.verifier.as_mut()
    }
}

/// What one customer is told about the right to the caller's number.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    /// What it raises, the flags of the addresses among it.
    pub flags: Flags,
    /// What is known of the caller's right to the number.
    pub attestation: Option<Attestation>,
    /// What became of the verification; `None` when there was none.
    pub stir: Option<Outcome>,
}

/// What was found out about a message.
#[derive(Debug)]
pub(crate) struct Found {
    verified: Verified,
    /// Where the attempt keeps who signed.
    signer: Range<u32>,
}

impl Facts {
    /// Has the Identity headers of `message`, whose addresses were read, verified by `verifier`.
    pub(crate) fn verify(
        &mut self,
        verifier: Option<&mut Verifier>,
        (message, at): (&Message<'_>, Timestamp),
        plan: &DialPlan,
        attempt: &mut Attempt,
    ) {
        let Some(verifier) = verifier.filter(|_| message.has(Header::Identity)) else { return };
        let number_of = |party: &Party| party.number();
        let signed_for = |origin: Origin| {
            self.callers
                .iter()
                .filter(move |one| one.origin == origin)
                .filter_map(|one| number_of(&one.party))
        };
        let callers: Vec<Number> = signed_for(Origin::From).chain(signed_for(Origin::Asserted)).collect();
        let to = message.to().map(|to| number::read(&to.uri, plan, number::Role::Called).party);
        let call = SignedCall {
            at,
            date: message.value(Header::Date).unwrap_or_default(),
            callers: &callers,
            called: Called {
                target: self.called.first().and_then(number_of),
                to: to.as_ref().and_then(number_of),
            },
        };
        let verified = verifier.verify(&call, message.identities().map(signed));
        let signer = attempt.keep(verified.signer.as_deref().unwrap_or_default().as_bytes());
        self.found = Some(Found { verified, signer });
    }

    /// What became of the verification, now that it is known which caller the message goes by. A signature for another of
    /// its identities neither speaks for that caller nor against it.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let found = self.found.as_ref()?;
        let goes_by = self.callers.get(self.caller() as usize).and_then(|caller| caller.party.number());
        let is_other = goes_by.is_none_or(|caller| Some(caller) != found.verified.orig);
        match found.verified.outcome {
            Outcome::Passed(_) if is_other => Some(Outcome::Open(Doubt::OtherIdentity)),
            outcome => Some(outcome),
        }
    }

    /// Who signed, where it passed and is kept with the attempt.
    pub(crate) fn signer_place(&self, stir: Option<Outcome>) -> Range<u32> {
        let passed = self.found.as_ref().filter(|_| matches!(stir, Some(Outcome::Passed(_))));
        passed.map_or(0..0, |found| found.signer.clone())
    }

    /// Who signed, where it passed; else empty.
    pub(crate) fn signer(&self, stir: Option<Outcome>) -> &[u8] {
        let passed = self.found.as_ref().filter(|_| matches!(stir, Some(Outcome::Passed(_))));
        let signer = passed.and_then(|found| found.verified.signer.as_ref());
        signer.map_or(&b""[..], |signer: &Arc<str>| signer.as_bytes())
    }
}

/// The flag that an outcome raises.
pub(crate) fn flags(stir: Option<Outcome>) -> Flags {
    match stir {
        Some(Outcome::Failed(fault)) => Flags::of(fault.flag()),
        _ => Flags::NONE,
    }
}

/// P-Attestation-Indicator: the level a trusted peer verified (ATIS-1000074, 3GPP TS 24.229).
pub(crate) fn attested_level(message: &Message<'_>) -> Option<Attestation> {
    match message.value(Header::AttestationIndicator)? {
        b"A" | b"a" => Some(Attestation::Full),
        b"B" | b"b" => Some(Attestation::Partial),
        b"C" | b"c" => Some(Attestation::Gateway),
        _ => None,
    }
}
