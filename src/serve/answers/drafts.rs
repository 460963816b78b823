//! A policy that somebody writes: what is wrong with it, and how it comes into force.

use cases::case::Kind;
use console::known::{Checked, Diagnostic, Install, Made, PolicyDraft, RollBack};
use rules::Policy;
use rules::policy::{ChangeControl, Code, Level};
use rules::proof::Prover;

use super::known::Around;
use super::lists::make;
use super::policies::{base, difference};
use super::proposals::{self, Proposal};
use crate::admission::{self, Admission, Admitted, Door};
use crate::changes::{Change, Offered, with};
use crate::check::emergency_name;
use crate::drafting::Wish;
use crate::policies::{Contents, Read};
use crate::versions::Versions;

/// All that is to be said about a text.
pub(super) fn check(around: &Around, draft: PolicyDraft) -> Result<Checked, String> {
    let now = around.now();
    let base = base(around, &draft.customer)?;
    let Read { contents, policy, mut diagnostics } = contents(base.as_ref(), &draft)?.read(now);
    let mut checked = Checked::default();
    if let Some(text) = policy {
        let policy = Policy::new(text);
        diagnostics.extend(admission::findings(&policy, now));
        let failed = diagnostics.iter().filter(|found| found.code == Code::FailedExpect).count();
        checked.expects = (policy.text().expects.len(), failed);
        let mut prover = Prover::new(policy.text(), policy.emergency(), now);
        checked.proofs.push(prover.emergency(&emergency_name(&policy)).sentence);
        if policy.name() != draft.customer {
            let wrong = format!("This is a policy of {}, not of {}.", policy.name(), draft.customer);
            checked.diagnostics.push(Diagnostic {
                level: Level::Error.word(),
                message: wrong,
                line: 1,
                column: 1,
                ..Diagnostic::default()
            });
        } else if diagnostics.iter().all(|found| found.level != Level::Error) {
            checked.version = Some(policy.version().to_owned());
        }
    }
    diagnostics.sort_by(|one, other| {
        (&one.file, one.span.start, one.code).cmp(&(&other.file, other.span.start, other.code))
    });
    let more = diagnostics.len().saturating_sub(DIAGNOSTICS_MAX);
    checked.diagnostics.extend(diagnostics.iter().take(DIAGNOSTICS_MAX).map(|found| {
        let (line, column) = found.position(contents.file_of(found));
        Diagnostic {
            level: found.level.word(),
            code: found.code.name(),
            message: found.message.clone(),
            help: found.help.clone(),
            file: (found.file != contents.name()).then(|| found.file.clone()),
            line,
            column,
        }
    }));
    if more > 0 {
        checked.diagnostics.push(Diagnostic {
            level: Level::Info.word(),
            message: format!("There are {more} more; they are told once these are gone."),
            ..Diagnostic::default()
        });
    }
    if let Ok(admitted) = Admission::to_look().admit(contents, Door::Present, now) {
        checked.difference = difference(&draft.customer, base.as_ref(), &admitted);
    }
    Ok(checked)
}

/// The bytes of a draft, with the files beside it that the policy in force reads.
pub(super) fn contents(base: Option<&Admitted>, draft: &PolicyDraft) -> Result<Contents, String> {
    let base = base.ok_or_else(|| format!("No policy of {} is in force.", draft.customer))?;
    if draft.text.len() > TEXT_BYTES_MAX {
        return Err(format!("A policy on this page has at most {} kB.", TEXT_BYTES_MAX >> 10));
    }
    // Browsers send line ends as CR LF.
    Ok(with(base.contents(), None, draft.text.replace("\r\n", "\n").into_bytes()))
}

/// Puts a text in force: at once, or once the customer has agreed.
pub(super) fn install(around: &Around, install: Install) -> Result<Made, String> {
    let Install { draft, base: begun, by, why, is_proposal } = install;
    let why = why.trim().to_owned();
    if why.is_empty() {
        return Err("Say why: whoever looks at this version later will ask.".to_owned());
    }
    let base = base(around, &draft.customer)?;
    let now = base.as_ref().map(Admitted::version).unwrap_or_default();
    if now != begun {
        return Err(format!(
            "The policy was changed meanwhile: version {} is in force now. Look at it, and put your changes there.",
            now.get(..12).unwrap_or_default()
        ));
    }
    let contents = contents(base.as_ref(), &draft)?;
    let text = contents.clone().read(around.now()).policy;
    if text.is_some_and(|text| text.customer.name != draft.customer) {
        return Err("This is a policy of somebody else.".to_owned());
    }
    let is_controlled =
        base.is_some_and(|base| base.text().customer.change_control == ChangeControl::Approved);
    if is_proposal {
        let proposal = Proposal {
            customer: draft.customer,
            kind: Kind::PolicyChange,
            title: format!("Change of the policy: {why}"),
            note: String::new(),
            wish: Wish::Policy(Box::new(contents)),
            by,
        };
        return proposals::propose(around, proposal);
    }
    let versions = Versions::of(around.data());
    let stored = {
        let writing = versions.lock().map_err(|failure| failure.to_string())?;
        writing.store(&contents).map_err(|failure| failure.to_string())?
    };
    let from = std::path::absolute(&contents.path).map_err(|error| error.to_string())?;
    make(around, Change::Install(vec![Offered { from, stored }]), (by, why), is_controlled)
}

/// Goes back to an earlier version.
pub(super) fn roll_back(around: &Around, back: RollBack) -> Result<String, String> {
    let RollBack { to, by, why } = back;
    if why.trim().is_empty() {
        return Err("Say why: whoever looks at this version later will ask.".to_owned());
    }
    match make(around, Change::Rollback { to }, (by, why), false)? {
        Made::Done(text) => Ok(text),
        Made::Refused { why, .. } => Err(why),
        Made::Proposed { said, .. } => Ok(said),
    }
}

/// The text itself, for those who judge by it.
pub(super) fn candidate(around: &Around, draft: &PolicyDraft) -> Result<(Policy, Policy), String> {
    let base = base(around, &draft.customer)?;
    let contents = contents(base.as_ref(), draft)?;
    let admitted = Admission::to_look().admit(contents, Door::Present, around.now());
    let admitted = admitted.map_err(|_| "The text has mistakes: nothing can be judged by it.".to_owned())?;
    let base = base.ok_or("There is no policy to compare with.")?;
    Ok((Policy::new(admitted.text().clone()), Policy::new(base.text().clone())))
}

/// Bytes of a text.
const TEXT_BYTES_MAX: usize = 192 << 10;
/// Findings on a page.
const DIAGNOSTICS_MAX: usize = 200;
