//! A change on paper: what somebody wants, made into the policy that would come into force, with what that would do.

use std::path::{Path, PathBuf};

use cases::change::{Change, Impact, Line};
use rules::policy::edit::{self, Addition, Edited};
use rules::{Policy, Timestamp};

use crate::admission::{Admission, Admitted, Door, look};
use crate::changes::{Declined, Offered, with};
use crate::history::History;
use crate::outcome::Failure;
use crate::policies::Contents;
use crate::policy::diff;
use crate::present;
use crate::versions::Versions;

/// A change that could be made.
pub(crate) struct Draft {
    /// As it is shown and approved.
    pub(crate) change: Change,
    /// The policy that would come into force.
    pub(crate) admitted: Admitted,
}

/// What somebody wants.
pub(crate) enum Wish {
    /// Entries of lists come and go.
    Lines(Vec<Line>),
    /// Another policy, with all that it reads.
    Policy(Box<Contents>),
}

/// What is in force of `customer`; `None` when nothing is.
pub(crate) fn base(data: &Path, files: &[PathBuf], customer: &str) -> Result<Option<Admitted>, Failure> {
    Ok(present::policies(data, files, Some(customer))?.into_iter().next())
}

impl Draft {
    /// What `wish` makes of `base`.
    pub(crate) fn new(
        base: Option<&Admitted>,
        customer: &str,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Self, Declined> {
        let contents = match &wish {
            Wish::Policy(contents) => (**contents).clone(),
            Wish::Lines(lines) => {
                let base =
                    base.ok_or_else(|| Declined::usage(format!("no policy of {customer} is in force")))?;
                edited(base, lines, now)?
            }
        };
        let admitted = Admission::to_look().admit(contents, Door::Change, now)?;
        if admitted.customer() != customer {
            return Err(Declined::usage(format!(
                "the policy is of {}, the case of {customer}",
                admitted.customer()
            )));
        }
        let lines = match wish {
            Wish::Lines(lines) => lines,
            Wish::Policy(_) => vec![Line::Text { diff: diff::told(customer, base, &admitted) }],
        };
        let base = base.map(Admitted::version).unwrap_or_default().to_owned();
        let result = admitted.version().to_owned();
        if base == result {
            return Err(Declined::usage("that is what is in force: nothing would change"));
        }
        let change = Change { customer: customer.to_owned(), base, result, lines };
        Ok(Self { change, admitted })
    }

    /// What it would have done to recorded calls.
    pub(crate) fn impact(&self, base: Option<&Admitted>, history: &History) -> Impact {
        let base = base.map(|base| Policy::new(base.text().clone()));
        history.impact(base.as_ref(), &Policy::new(self.admitted.text().clone()))
    }

    /// Keeps the bytes of the policy for the day on which the change is made.
    pub(crate) fn keep(&self, data: &Path) -> Result<(), Failure> {
        let contents = self.admitted.contents();
        let from = std::path::absolute(&contents.path).map_err(Failure::file(&contents.path))?;
        let versions = Versions::of(data);
        let writing = versions.lock()?;
        let offered = Offered { from, stored: writing.store(contents)? };
        writing.keep_draft(self.admitted.version(), &offered)
    }
}

/// What `lines` make of the policy in force.
fn edited(base: &Admitted, lines: &[Line], now: Timestamp) -> Result<Contents, Declined> {
    let mut contents = base.contents().clone();
    let zone = base.text().customer.time_zone.clone();
    let moment = jiff::Timestamp::from_microsecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let today = moment.to_zoned(zone).date().to_string();
    for (at, line) in (1..).zip(lines) {
        let admitted = look(contents)?;
        let text = admitted.text();
        let edited = match line {
            Line::Add { list, entry, expires, reason } => {
                let addition = Addition {
                    line: at,
                    number: entry.clone(),
                    reason: (!reason.is_empty()).then(|| reason.clone()),
                    expires: expires.clone(),
                };
                edit::add(text, list, [addition], (&today, now))
            }
            Line::Remove { list, entry } => edit::remove(text, list, [(at, entry.clone())]),
            Line::Text { .. } => return Err(Declined::usage("a policy is not edited by its difference")),
        };
        let Edited { files, done, refusals, .. } = edited.map_err(Declined::usage)?;
        if done == 0 {
            let why = refusals.into_iter().next().map(|(_, why)| why);
            return Err(Declined::usage(
                why.unwrap_or_else(|| format!("{line}: nothing would change by it")),
            ));
        }
        contents = files.into_iter().fold(admitted.contents().clone(), |contents, (name, bytes)| {
            with(&contents, name.as_deref(), bytes)
        });
    }
    Ok(contents)
}
