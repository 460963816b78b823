//! Signatures of a mail (RFC 6376): which of them are looked at, and what became of each.

use std::time::Duration;

use futures_util::future::join_all;
use mail_auth::common::crypto::{Algorithm, CryptoError};
use mail_auth::dkim::{DkimError, Signature};
use mail_auth::{AuthenticatedMessage, DkimOutput, DkimResult, DnsError, Error, MessageAuthenticator};
use tokio::time::timeout;

use super::own::domain;
use crate::intake::{Outcome, one_line};

/// Signatures of one mail that are looked at.
pub(super) struct Signatures<'a> {
    /// The mail once for each of them: one that waits for its key holds up no other.
    mails: Vec<AuthenticatedMessage<'a>>,
    /// Why others vouch for nothing.
    refused: Vec<String>,
}

impl<'a> Signatures<'a> {
    /// Takes the signatures off a mail.
    pub(super) fn take(message: &mut AuthenticatedMessage<'a>) -> Self {
        let mut refused = Vec::new();
        for error in std::mem::take(&mut message.errors) {
            let why = match error.header {
                // What is appended would pass for the signer's (RFC 6376 §8.2).
                Error::Dkim(DkimError::SignatureLength) => "policy: it signs a part of the text only (l=)",
                Error::Dkim(_) | Error::MissingParameters | Error::Base64 => {
                    "permerror: the signature cannot be read"
                }
                _ => continue,
            };
            refused.push(format!("DKIM {why}"));
        }
        let mut mails = Vec::new();
        for header in std::mem::take(&mut message.dkim_headers) {
            let why = match refusal(&header.header) {
                Some(why) => why,
                None if mails.len() >= SIGNATURES_MAX => "policy: there are too many signatures",
                None => {
                    mails.push(AuthenticatedMessage { dkim_headers: vec![header], ..message.clone() });
                    continue;
                }
            };
            refused.push(format!("DKIM {why}, {}", named(&header.header)));
        }
        refused.truncate(SIGNATURES_MAX);
        Self { mails, refused }
    }

    /// Asks for the key of each, and checks it.
    pub(super) async fn verify(
        &self,
        authenticator: &MessageAuthenticator,
        patience: Duration,
    ) -> Vec<DkimOutput<'_>> {
        let checks = self.mails.iter().map(|mail| async move {
            let found = timeout(patience, authenticator.verify_dkim(mail)).await;
            found.unwrap_or_else(|_| {
                let late = || DkimOutput::temp_err(Error::Dns(DnsError::Resolver("late".to_owned())));
                mail.dkim_headers.iter().map(|it| late().with_signature(&it.header)).collect()
            })
        });
        join_all(checks).await.into_iter().flatten().collect()
    }

    /// The best of all.
    pub(super) fn outcome(&self, found: &[DkimOutput<'_>]) -> Outcome {
        let all = found.iter().map(|it| judge(it.result()).0);
        let refused = (!self.refused.is_empty()).then_some(Outcome::Fail);
        all.chain(refused).min().unwrap_or(Outcome::None)
    }

    /// All of them in words.
    pub(super) fn words(&self, found: &[DkimOutput<'_>]) -> Vec<String> {
        let checked = found.iter().map(|it| {
            let (_, word) = judge(it.result());
            format!("DKIM {word}, {}", it.signature().map(named).unwrap_or_default())
        });
        let words: Vec<_> = checked.chain(self.refused.iter().cloned()).collect();
        if words.is_empty() { vec!["DKIM none: the mail is not signed".to_owned()] } else { words }
    }
}

/// Why a signature vouches for nothing, whatever its key says.
fn refusal(signature: &Signature) -> Option<&'static str> {
    if signature.a == Algorithm::RsaSha1 {
        Some("policy: SHA-1 proves nothing (RFC 8301)")
    } else if !signature.h.iter().any(|it| it.trim().eq_ignore_ascii_case("from")) {
        // RFC 6376 §5.4: the sender has to be signed.
        Some("permerror: it does not sign From")
    } else if signature.h.len() > TAGS_MAX {
        Some("permerror: it signs too many fields")
    } else {
        None
    }
}

fn judge(result: &DkimResult) -> (Outcome, &'static str) {
    match result {
        DkimResult::Pass => (Outcome::Pass, "pass"),
        DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => {
            (Outcome::Fail, "fail: the text was changed")
        }
        DkimResult::Neutral(Error::Dkim(DkimError::SignatureExpired)) => {
            (Outcome::Fail, "fail: it has expired")
        }
        DkimResult::Fail(Error::Crypto(CryptoError::FailedVerification))
        | DkimResult::Fail(Error::Crypto(CryptoError::Library(_))) => {
            (Outcome::Fail, "fail: it is not by that key, or the header was changed")
        }
        DkimResult::Fail(_) => (Outcome::Fail, "fail: it does not fit its key"),
        DkimResult::TempError(_) => (Outcome::None, "temperror: DNS does not answer"),
        DkimResult::PermError(Error::Dkim(DkimError::RevokedPublicKey)) => {
            (Outcome::None, "permerror: its key was revoked")
        }
        DkimResult::PermError(_) => (Outcome::None, "permerror: it has no key"),
        DkimResult::Neutral(_) | DkimResult::None => (Outcome::None, "neutral"),
    }
}

fn named(signature: &Signature) -> String {
    format!("by {} (selector {})", domain(&signature.d), one_line(&signature.s, 63))
}

/// Signatures of one mail that keys are asked for.
const SIGNATURES_MAX: usize = 8;
/// Fields that one signature may sign.
pub(super) const TAGS_MAX: usize = 128;
