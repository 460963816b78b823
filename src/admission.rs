//! The one door through which a policy comes into force: at start and on reload, by install, roll-back and change of a list.

use engine::question::{self, Question};
use rules::policy::{Code, Diagnostic, Level, PolicyText};
use rules::proof::Prover;
use rules::{Policy, Timestamp};

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
pub(crate) struct Refused(pub(crate) Read);

/// What brings a policy here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// It is in force, or was, or its owner has put it where it is read from: it must be without mistakes.
    Present,
    /// Somebody wants it to come into force: its `expect` cases must hold as well.
    Change,
}

/// Admits `contents`, or says all that is wrong with them. SHA-256 over all bytes that decide is the version of what is
/// admitted, so an approval of exactly these bytes is looked for here.
pub(crate) fn admit(contents: Contents, door: Door, now: Timestamp) -> Result<Admitted, Box<Refused>> {
    // The moment of each call decides whether an entry still holds.
    admit_read(contents.read(Timestamp::default()), door, now)
}

/// The same of what was read already, with entries that are past their date.
pub(crate) fn admit_read(read: Read, door: Door, now: Timestamp) -> Result<Admitted, Box<Refused>> {
    let Read { contents, policy, mut diagnostics } = read;
    let Some(text) = policy else {
        return Err(Box::new(Refused(Read { contents, policy: None, diagnostics })));
    };
    let policy = Policy::new(text);
    if door == Door::Change {
        let failed = failed_expectations(&policy, now);
        if failed.iter().any(|found| found.level == Level::Error) {
            diagnostics.extend(failed);
            return Err(Box::new(Refused(Read { contents, policy: None, diagnostics })));
        }
    }
    Ok(Admitted { contents, policy })
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
fn failed_expectations(policy: &Policy, now: Timestamp) -> Vec<Diagnostic> {
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
