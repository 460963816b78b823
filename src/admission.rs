//! The one door through which a policy comes into force: at start and on reload, by install, roll-back and change of a list.

use cases::change::Permit;
use engine::question::{self, Question};
use rules::policy::{ChangeControl, Code, Customer, Diagnostic, Level, PolicyText};
use rules::proof::Prover;
use rules::{Policy, Timestamp};

use crate::outcome::Failure;
use crate::permits::Permits;
use crate::policies::{Contents, Read};

/// A policy that may come into force. Nothing else makes one: whoever has it knows that what makes it up was seen here
/// byte for byte, and which hash that has.
#[derive(Debug)]
pub(crate) struct Admitted {
    contents: Contents,
    policy: Policy,
}

/// Why one may not.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What was read, with its mistakes.
    pub(crate) read: Read,
    /// It has none, but nobody with the right has authorised it; in words.
    pub(crate) unauthorised: Option<String>,
}

/// What brings a policy here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// It is in force, or was, or its owner has put it where it is read from: it must be without mistakes.
    Present,
    /// Somebody wants it to come into force: its `expect` cases must hold as well.
    Change,
    /// The same, of one that was in force before.
    Return,
}

/// By which permits policies come into force: a customer whose policy says `change_control = "approved"` gets only what the
/// desk has signed for exactly its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Option<Permits>);

impl Admission {
    /// By these permits.
    pub(crate) fn by(permits: Permits) -> Self {
        Self(Some(permits))
    }

    /// Nothing comes into force by it: what is without mistakes may be looked at.
    pub(crate) fn to_look() -> Self {
        Self(None)
    }

    /// The same where somebody brings `offered` along.
    pub(crate) fn with(&self, offered: &[Permit]) -> Self {
        Self(self.0.as_ref().map(|permits| permits.with(offered)))
    }

    /// Whether the desk has signed `permit`.
    pub(crate) fn is_genuine(&self, permit: &Permit) -> bool {
        self.0.as_ref().is_some_and(|permits| permits.is_genuine(permit))
    }

    /// Says that a policy of `customer` is in force: whether the next one needs a permit follows from it.
    pub(crate) fn is_in_force(&self, customer: &Customer) -> Result<(), Failure> {
        let is_controlled = customer.change_control == ChangeControl::Approved;
        self.0.as_ref().map_or(Ok(()), |permits| permits.control(&customer.name, is_controlled))
    }

    /// Admits `contents`, or says all that is wrong with them. SHA-256 over all bytes that decide is the version of what is
    /// admitted, and what permits are for.
    pub(crate) fn admit(
        &self,
        contents: Contents,
        door: Door,
        now: Timestamp,
    ) -> Result<Admitted, Box<Refused>> {
        // The moment of each call decides whether an entry still holds.
        self.admit_read(contents.read(Timestamp::default()), door, now)
    }

    /// The same of what was read already, with entries that are past their date.
    pub(crate) fn admit_read(
        &self,
        read: Read,
        door: Door,
        now: Timestamp,
    ) -> Result<Admitted, Box<Refused>> {
        let Read { contents, policy, mut diagnostics } = read;
        let refuse = |contents, diagnostics, unauthorised| {
            Err(Box::new(Refused { read: Read { contents, policy: None, diagnostics }, unauthorised }))
        };
        let Some(text) = policy else { return refuse(contents, diagnostics, None) };
        let policy = Policy::new(text);
        if door != Door::Present {
            let failed = failed_expectations(&policy, now);
            if failed.iter().any(|found| found.level == Level::Error) {
                diagnostics.extend(failed);
                return refuse(contents, diagnostics, None);
            }
        }
        let is_new = (door == Door::Change).then_some(now);
        if let Some(permits) = &self.0
            && let Err(why) = permits.check(&policy.text().customer, policy.version(), is_new)
        {
            return refuse(contents, diagnostics, Some(why));
        }
        Ok(Admitted { contents, policy })
    }
}

/// Reads `contents` to look at them only: nothing comes into force by it.
pub(crate) fn look(contents: Contents) -> Result<Admitted, Box<Refused>> {
    Admission::to_look().admit(contents, Door::Present, Timestamp::default())
}

/// The same of what was read already.
pub(crate) fn look_read(read: Read) -> Result<Admitted, Box<Refused>> {
    Admission::to_look().admit_read(read, Door::Present, Timestamp::default())
}

impl Refused {
    /// Says on stderr why it cannot be used.
    pub(crate) fn say(&self) {
        match &self.unauthorised {
            Some(why) => eprintln!("ringwall: {}: {why}", self.read.contents.name()),
            None => self.read.say_errors(),
        }
    }
}

impl Admitted {
    /// Its customer.
    pub(crate) fn customer(&self) -> &str {
        self.policy.name()
    }

    /// SHA-256 over all bytes that decide, in hexadecimal.
    pub(crate) fn version(&self) -> &str {
        self.policy.version()
    }

    /// What it was read from.
    pub(crate) fn text(&self) -> &PolicyText {
        self.policy.text()
    }

    /// The bytes.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// What judges, and the bytes that it was made of.
    pub(crate) fn into_parts(self) -> (Contents, Policy) {
        (self.contents, self.policy)
    }
}

/// All that is to be said about a policy that was read without mistakes: expectations that fail, and what the prover finds.
pub(crate) fn findings(policy: &Policy, now: Timestamp) -> Vec<Diagnostic> {
    let mut found = failed_expectations(policy, now);
    found.extend(Prover::new(policy.text(), policy.emergency(), now).findings());
    found
}

/// A diagnostic for every `[[expect]]` that got another verdict, or the verdict of another rule.
pub(crate) fn failed_expectations(policy: &Policy, now: Timestamp) -> Vec<Diagnostic> {
    let text = policy.text();
    let failed = text.expects.iter().filter_map(|expect| {
        let verdict = Question::of_call(&expect.call, now).verdict(policy);
        let rule = verdict.rule.or(verdict.would_rule).and_then(|rule| policy.rule(rule));
        let by = rule.map_or_else(|| "no rule".to_owned(), |rule| format!("rule \"{}\"", rule.name));
        let right_rule =
            expect.rule.as_ref().is_none_or(|wanted| rule.is_some_and(|rule| rule.name == *wanted));
        if question::meets(&verdict, expect.verdict) && right_rule {
            return None;
        }
        let wanted = expect.rule.as_ref().map_or_else(String::new, |rule| format!(" by rule \"{rule}\""));
        let message = format!(
            "expected {}{wanted}, the verdict is {} by {by}",
            expect.verdict.word(),
            verdict.would.unwrap_or(verdict.action).word()
        );
        Some(Diagnostic::new(Code::FailedExpect, &text.file, expect.span.clone(), message))
    });
    failed.collect()
}
