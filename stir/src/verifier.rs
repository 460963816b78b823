//! What a verification service does with the Identity headers of one call (RFC 8224 §6.2, ATIS-1000074 §5.3).

use std::sync::Arc;

use rules::{Number, Timestamp};

use crate::address::normal_address;
use crate::budget::Budget;
use crate::call::{Signed, SignedCall, same};
use crate::certificate::Anchors;
use crate::known::Known;
use crate::limits::IDENTITIES_MAX;
use crate::outcome::{Doubt, Fault, Outcome, Verified};
use crate::signatures::{Check, Signatures};
use crate::token::{Claims, Extension, Form, Token};

/// How it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long before the call, or after it, it may have been signed; RFC 8224 §12.1 says a minute.
    pub fresh_seconds: u32,
    /// How many signatures may be checked in one second. What comes beyond that is not verified.
    pub checks_each_second: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { fresh_seconds: 60, checks_each_second: 2_000 }
    }
}

/// Verifies Identity headers. Whoever owns it brings the certificates that it wants.
#[derive(Debug)]
pub struct Verifier {
    anchors: Arc<Anchors>,
    settings: Settings,
    known: Known,
    signatures: Signatures,
    budget: Budget,
    counts: Vec<u64>,
}

impl Verifier {
    /// One that believes whom `anchors` vouch for.
    pub fn new(anchors: Arc<Anchors>, settings: Settings) -> Self {
        Self {
            anchors,
            settings,
            known: Known::default(),
            signatures: Signatures::default(),
            budget: Budget::new(settings.checks_each_second),
            counts: vec![0; Outcome::all().count()],
        }
    }

    /// Takes the certificates that lie at `address`, PEM or DER, the signer's first.
    pub fn learn(&mut self, address: &str, certificates: &[u8], at: Timestamp) {
        self.known.learn(address, certificates, at);
    }

    /// Notes that nothing can be fetched from `address` before `until`.
    pub fn give_up(&mut self, address: &str, until: Timestamp, at: Timestamp) {
        self.known.give_up(address, until, at);
    }

    /// The next address, in its normal form, from which somebody is to fetch a certificate.
    pub fn poll_wanted(&mut self) -> Option<String> {
        self.known.poll_wanted()
    }

    /// How many certificates are known.
    pub fn certificates(&self) -> usize {
        self.known.count()
    }

    /// How often each outcome was found.
    pub fn counts(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::all().zip(self.counts.iter().copied())
    }

    /// What `identities` are worth for `call`.
    pub fn verify<'a>(
        &mut self,
        call: &SignedCall<'_>,
        identities: impl Iterator<Item = Signed<'a>>,
    ) -> Verified {
        let tokens: Vec<_> = identities.take(IDENTITIES_MAX).map(|signed| Token::read(&signed)).collect();
        let verified = self.weigh(call, &tokens);
        if let Some(count) = self.counts.get_mut(verified.outcome.place()) {
            *count += 1;
        }
        verified
    }

    /// One signature that holds is enough (RFC 8224 §6.2); a doubt about one says more than a fault of another.
    fn weigh(&mut self, call: &SignedCall<'_>, tokens: &[Result<Token<'_>, Fault>]) -> Verified {
        let diversions: Vec<Diversion<'_>> = tokens.iter().flatten().filter_map(Diversion::of).collect();
        let (mut fault, mut doubt) = (None, None);
        for token in tokens {
            let outcome = match token {
                Ok(token) if matches!(token.extension, Extension::None | Extension::Shaken) => {
                    self.by_token(token, call, &diversions)
                }
                Ok(_) => continue,
                Err(fault) => Err(Outcome::Failed(*fault)),
            };
            match outcome {
                Ok(verified) => return verified,
                Err(Outcome::Failed(found)) => fault = fault.or(Some(found)),
                Err(Outcome::Open(found)) => doubt = doubt.or(Some(found)),
                Err(Outcome::Passed(_)) => {}
            }
        }
        match (doubt, fault) {
            (Some(doubt), _) => doubt.into(),
            (None, Some(fault)) => fault.into(),
            // Who only says that it was diverted does not say who called.
            (None, None) if !diversions.is_empty() => Fault::Diversion.into(),
            (None, None) => Doubt::Extension.into(),
        }
    }

    fn by_token(
        &mut self,
        token: &Token<'_>,
        call: &SignedCall<'_>,
        diversions: &[Diversion<'_>],
    ) -> Result<Verified, Outcome> {
        let (orig, attest, signer) = match &token.form {
            Form::Full { text, claims } => {
                let signer = self.by_claims(token, (text, claims), call, diversions)?;
                (claims.orig, claims.attest, signer)
            }
            Form::Compact | Form::Unread => {
                let (orig, signer) = self.by_message(token, call)?;
                (orig, None, signer)
            }
        };
        let attest = attest.filter(|_| token.extension == Extension::Shaken);
        Ok(Verified { outcome: Outcome::Passed(attest), orig: Some(orig), signer: Some(signer) })
    }

    /// What costs little comes first: garbage gets no further, and has nothing fetched.
    fn by_claims(
        &mut self,
        token: &Token<'_>,
        (text, claims): (&[u8], &Claims),
        call: &SignedCall<'_>,
        diversions: &[Diversion<'_>],
    ) -> Result<Arc<str>, Outcome> {
        self.fresh(claims.iat, call)?;
        if call.callers.is_empty() {
            return Err(Doubt::Incomparable.into());
        }
        if !call.callers.iter().any(|caller| same(*caller, claims.orig)) {
            return Err(Fault::Caller.into());
        }
        let way = way(claims, call, diversions)?;
        for diversion in &way {
            self.fresh(diversion.claims.iat, call)?;
        }
        let signer = self.check(token, text, claims.orig, call.at)?;
        for diversion in way {
            self.check(diversion.token, diversion.text, diversion.div, call.at)?;
        }
        Ok(signer)
    }

    /// Whether the compact form fits what the message says. From and P-Asserted-Identity may have been signed, for To or for
    /// where the call goes.
    fn by_message(
        &mut self,
        token: &Token<'_>,
        call: &SignedCall<'_>,
    ) -> Result<(Number, Arc<str>), Outcome> {
        let iat = date(call.date).ok_or(Fault::Stale)?;
        self.fresh(iat, call)?;
        let target = call.called.target;
        let to = call.called.to.filter(|to| target.is_none_or(|target| !same(*to, target)));
        let dests = target.into_iter().chain(to);
        let callers = call.callers.get(..2).unwrap_or(call.callers);
        let mut said = Doubt::Incomparable.into();
        for dest in dests {
            for &orig in callers {
                match self.check(token, &token.rebuilt(orig, dest, iat), orig, call.at) {
                    Ok(signer) if target == Some(dest) => return Ok((orig, signer)),
                    Ok(_) => return Err(Doubt::Retargeted.into()),
                    Err(Outcome::Failed(Fault::Signature)) => said = Fault::Signature.into(),
                    Err(outcome) => return Err(outcome),
                }
            }
        }
        Err(said)
    }

    /// Whether `text` is signed by whom the certificate says, and may be: for `number`.
    fn check(
        &mut self,
        token: &Token<'_>,
        text: &[u8],
        number: Number,
        at: Timestamp,
    ) -> Result<Arc<str>, Outcome> {
        let address = normal_address(token.x5u.as_bytes()).ok_or(Fault::Address)?;
        let leaf = self.known.chain(&address, at)?.credential(&self.anchors, at)?;
        // SHAKEN is signed by service providers only (ATIS-1000080 §6.4.1); all else also by who owns the number.
        let is_provider = leaf.authority.providers().next().is_some();
        let is_owner = token.extension != Extension::Shaken && leaf.authority.names(number);
        if !is_provider && !is_owner {
            return Err(Fault::Authority.into());
        }
        let check = Check { key: &leaf.key, text, signature: &token.signature };
        let fits = match self.signatures.known(&check) {
            Some(fits) => fits,
            None if self.budget.spend(at) => self.signatures.check(&check),
            None => return Err(Doubt::Budget.into()),
        };
        let signer = Arc::clone(&leaf.signer);
        if !fits {
            self.known.suspect(&address, at);
            return Err(Fault::Signature.into());
        }
        Ok(signer)
    }

    /// RFC 8224 §6.2.4: what was signed is fresh, and as old as Date says.
    fn fresh(&self, iat: i64, call: &SignedCall<'_>) -> Result<(), Fault> {
        let limit = u64::from(self.settings.fresh_seconds);
        let second = call.at.0.div_euclid(1_000_000);
        let is_fresh = second.abs_diff(iat) <= limit;
        let fits_date = date(call.date).is_none_or(|date| date.abs_diff(iat) <= limit);
        if is_fresh && fits_date { Ok(()) } else { Err(Fault::Stale) }
    }
}

/// A `div` PASSporT (RFC 8946).
struct Diversion<'a> {
    token: &'a Token<'a>,
    text: &'a [u8],
    claims: &'a Claims,
    div: Number,
}

impl<'a> Diversion<'a> {
    fn of(token: &'a Token<'a>) -> Option<Self> {
        let Form::Full { text, claims } = &token.form else { return None };
        let div = claims.div.filter(|_| token.extension == Extension::Diversion)?;
        Some(Self { token, text, claims, div })
    }
}

/// The diversions that led the call from whom it was signed for to where it goes; none when it goes there at once.
fn way<'d>(
    claims: &Claims,
    call: &SignedCall<'_>,
    diversions: &'d [Diversion<'d>],
) -> Result<Vec<&'d Diversion<'d>>, Outcome> {
    let holds = |dest: &[Number], number: Option<Number>| {
        number.is_some_and(|number| dest.iter().any(|one| same(*one, number)))
    };
    let target = call.called.target;
    let mut way: Vec<&Diversion<'_>> = Vec::new();
    let mut dest = &claims.dest;
    while !holds(dest, target) {
        let follows = |next: &&Diversion<'_>| {
            same(next.claims.orig, claims.orig)
                && holds(dest, Some(next.div))
                && !way.iter().any(|taken| std::ptr::eq(*taken, *next))
        };
        let candidates = || diversions.iter().filter(follows);
        // Where it was diverted to several numbers, the branch that ends here is ours.
        let ends_here = candidates().find(|one| holds(&one.claims.dest, target));
        let Some(taken) = ends_here.or_else(|| candidates().next()) else { break };
        way.push(taken);
        dest = &taken.claims.dest;
    }
    match () {
        () if holds(dest, target) => Ok(way),
        () if !diversions.is_empty() => Err(Fault::Diversion.into()),
        () if holds(&claims.dest, call.called.to) => Err(Doubt::Retargeted.into()),
        () if target.or(call.called.to).is_none() => Err(Doubt::Incomparable.into()),
        () => Err(Fault::Called.into()),
    }
}

/// Seconds since 1970 of a Date header (RFC 3261 §20.17).
fn date(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let parsed = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text.trim()).ok()?;
    let moment = parsed.to_datetime().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_second())
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl From<Doubt> for Outcome {
    fn from(doubt: Doubt) -> Self {
        Self::Open(doubt)
    }
}
