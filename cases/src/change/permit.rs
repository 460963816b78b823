//! The desk's signature on a change that was authorised: what the engine looks for before a policy comes into force (Z-8).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::Authority;

/// Says that a policy of one customer, byte for byte, may come into force. Only [`Authority::permit`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    customer: String,
    /// The hash of the change that was authorised.
    change: String,
    /// The version of the policy that may come into force: the hash of the whole content.
    result: String,
    /// Who authorised it.
    by: Vec<String>,
    /// When it was signed.
    at: Timestamp,
    /// It has to come into force before.
    expires: Timestamp,
    /// Over all of the above: Ed25519 (RFC 8032), in base64.
    signature: String,
}

/// The desk's key.
pub struct Signer(Ed25519KeyPair);

/// What tells the desk's signatures from others: 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier(Vec<u8>);

/// Why a policy may not come into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPermitted {
    /// The permit is for another customer or for other bytes.
    Other,
    /// The signature is not the desk's.
    Forged,
    /// It came too late.
    Expired(Timestamp),
}

impl Authority {
    /// The permit for `customer`, whose change this authority is for.
    pub fn permit(&self, customer: &str, now: Timestamp, signer: &Signer) -> Permit {
        self.permit_of(self.result(), customer, now, signer)
    }

    /// The permit to take it back: who may have a change made may have it unmade.
    pub fn permit_to_return(&self, customer: &str, now: Timestamp, signer: &Signer) -> Permit {
        self.permit_of(self.base(), customer, now, signer)
    }

    fn permit_of(&self, result: &str, customer: &str, now: Timestamp, signer: &Signer) -> Permit {
        let mut permit = Permit {
            customer: customer.to_owned(),
            change: self.hash().to_owned(),
            result: result.to_owned(),
            by: self.by().to_vec(),
            at: now,
            expires: self.expires(),
            signature: String::new(),
        };
        permit.signature = STANDARD.encode(signer.0.sign(&permit.canonical()));
        permit
    }
}

impl Permit {
    /// Whether it permits version `result` of `customer`'s policy, whenever: what was permitted once stays so.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, customer: &str, result: &str, verifier: &Verifier) -> Result<(), NotPermitted> {
        if self.customer != customer || self.result != result {
            return Err(NotPermitted::Other);
        }
        let signature = STANDARD.decode(&self.signature).map_err(|_| NotPermitted::Forged)?;
        let key = UnparsedPublicKey::new(&ED25519, &verifier.0);
        key.verify(&self.canonical(), &signature).map_err(|_| NotPermitted::Forged)
    }

    /// The same for what is to come into force at `now`.
    ///
    /// # Errors
    /// It does not, or not any more.
    pub fn check_at(
        &self,
        customer: &str,
        result: &str,
        now: Timestamp,
        verifier: &Verifier,
    ) -> Result<(), NotPermitted> {
        self.check(customer, result, verifier)?;
        if now < self.expires { Ok(()) } else { Err(NotPermitted::Expired(self.expires)) }
    }

    /// Whose policy.
    pub fn customer(&self) -> &str {
        &self.customer
    }

    /// The version that may come into force.
    pub fn result(&self) -> &str {
        &self.result
    }

    /// The hash of the change that was authorised.
    pub fn change(&self) -> &str {
        &self.change
    }

    /// Who authorised it.
    pub fn by(&self) -> &[String] {
        &self.by
    }

    fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |part: &[u8]| {
            // Lengths first, so that no two permits have one canonical form.
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        };
        put(b"ringwall permit 1");
        [&self.customer, &self.change, &self.result].into_iter().for_each(|part| put(part.as_bytes()));
        put(&self.at.0.to_be_bytes());
        put(&self.expires.0.to_be_bytes());
        self.by.iter().for_each(|name| put(name.as_bytes()));
        bytes
    }
}

impl Signer {
    /// The key in PKCS #8 version 2 (RFC 8410).
    ///
    /// # Errors
    /// It is none; in words.
    pub fn parse(pkcs8: &[u8]) -> Result<Self, String> {
        Ed25519KeyPair::from_pkcs8(pkcs8)
            .map(Self)
            .map_err(|error| format!("this is no Ed25519 key: {error}"))
    }

    /// What tells its signatures.
    pub fn verifier(&self) -> Verifier {
        Verifier(self.0.public_key().as_ref().to_vec())
    }

    /// Signs bytes of another kind than permits; `what` names the kind, so that one is never taken for another.
    pub fn sign(&self, what: &str, bytes: &[u8]) -> String {
        STANDARD.encode(self.0.sign(&labelled(what, bytes)))
    }
}

impl Verifier {
    /// As [`fmt::Display`] writes it.
    ///
    /// # Errors
    /// It is no key; in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(text.trim()).map_err(|error| format!("this is no base64: {error}"))?;
        if bytes.len() == KEY_BYTES { Ok(Self(bytes)) } else { Err(format!("a key has {KEY_BYTES} bytes")) }
    }

    /// Whether `signature` is the desk's on `bytes` of the kind `what`.
    pub fn is_of(&self, what: &str, bytes: &[u8], signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        STANDARD
            .decode(signature)
            .is_ok_and(|signature| key.verify(&labelled(what, bytes), &signature).is_ok())
    }
}

fn labelled(what: &str, bytes: &[u8]) -> Vec<u8> {
    let mut all = (what.len() as u64).to_be_bytes().to_vec();
    all.extend(what.as_bytes());
    all.extend(bytes);
    all
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({self})")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier())
    }
}

impl fmt::Display for NotPermitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other => f.write_str("the permit is for another policy"),
            Self::Forged => f.write_str("the permit does not bear the signature of this desk"),
            Self::Expired(at) => {
                write!(f, "the permit ran out at {}", crate::calendar::instant(*at))
            }
        }
    }
}

impl std::error::Error for NotPermitted {}

const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::Method;
    use super::super::tests::{NOW, authorisers, change, looked_at, quiet, yes};
    use super::*;

    fn signer(seed: u8) -> Signer {
        Signer(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn permit() -> Permit {
        let change = change();
        let approvals = [yes(&change, "anna", Method::Portal)];
        change.authorise((&quiet(), &looked_at()), &approvals, &authorisers(), NOW).unwrap().permit(
            "Acme",
            NOW,
            &signer(1),
        )
    }

    #[test]
    fn z8_a_permit_is_for_one_policy_of_one_customer_until_it_runs_out() {
        let (permit, verifier) = (permit(), signer(1).verifier());
        assert_eq!(permit.check_at("Acme", "r1", NOW, &verifier), Ok(()));
        assert_eq!(permit.check("Acme", "r2", &verifier), Err(NotPermitted::Other));
        assert_eq!(permit.check("Other", "r1", &verifier), Err(NotPermitted::Other));
        assert_eq!(permit.check("Acme", "r1", &signer(2).verifier()), Err(NotPermitted::Forged));
        let late = permit.check_at("Acme", "r1", permit.expires, &verifier);
        assert_eq!(late, Err(NotPermitted::Expired(permit.expires)));
        // What came into force in time stays permitted.
        assert_eq!(permit.check("Acme", "r1", &verifier), Ok(()));
        assert_eq!(Verifier::parse(&verifier.to_string()), Ok(verifier));
    }

    #[test]
    fn z8_whatever_is_edited_in_a_permit_its_signature_does_not_fit() {
        let verifier = signer(1).verifier();
        let edits: [fn(&mut Permit); 6] = [
            |it| it.change.push('x'),
            |it| it.by.push("ben".to_owned()),
            |it| it.at.0 += 1,
            |it| it.expires.0 += 1,
            |it| it.signature = it.signature.replacen(|_| true, "!", 1),
            |it| it.signature.clear(),
        ];
        for (index, edit) in edits.iter().enumerate() {
            let mut forged = permit();
            edit(&mut forged);
            assert_eq!(forged.check("Acme", "r1", &verifier), Err(NotPermitted::Forged), "edit {index}");
        }
        // Another customer's name on it does not help either.
        let mut forged = permit();
        forged.customer = "Other".to_owned();
        assert_eq!(forged.check("Other", "r1", &verifier), Err(NotPermitted::Forged));
    }
}
