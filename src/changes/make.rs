//! Has a change made: by the service that works in a folder, or in what a stopped one left there.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Change, Declined, Desk, Wanted};
use crate::admission::Admission;
use crate::control::{self, Asked, Told};
use crate::outcome::{Failure, Outcome};
use crate::permits::Permits;
use crate::policies;
use crate::versions::Versions;

/// Who answers for a change.
#[derive(Args, Clone, Debug)]
pub(crate) struct Account {
    /// Who does it; the user of the system unless given.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
}

impl Account {
    pub(crate) fn wants(&self, change: Change) -> Wanted {
        Wanted {
            change,
            by: self.by.clone().unwrap_or_else(user),
            why: self.why.clone(),
            permits: Vec::new(),
        }
    }
}

/// Has `wanted` made where `data` is. `files` are policy files of a stopped service.
pub(crate) fn make(
    data: &Path,
    files: &[PathBuf],
    wanted: Wanted,
) -> Result<Result<Told, Declined>, Failure> {
    let asked = Asked::Change(Box::new(wanted.clone()));
    let versions = Versions::of(data);
    let writing = loop {
        if let Some(answer) = control::ask(data, &asked)? {
            return Ok(
                answer.and_then(|told| told.into_iter().next().ok_or_else(|| Declined::usage("no answer")))
            );
        }
        let writing = versions.lock()?;
        // One that has started meanwhile reads what is there now, and must hear of it.
        if !control::is_served(data) {
            break writing;
        }
    };
    let admission = Admission::by(Permits::of_stopped(data)?.with(&wanted.permits));
    let desk = Desk { versions: &versions, known: Vec::new(), files, admission, now: policies::now() };
    let made = desk.prepare(&wanted).and_then(|prepared| {
        if !prepared.is_change() {
            return Ok(prepared.told(None));
        }
        let version = prepared.commit(&writing)?;
        for admitted in &prepared.admitted {
            desk.admission.is_in_force(&admitted.text().customer)?;
        }
        Ok(prepared.told(Some(&version)))
    });
    Ok(made)
}

/// Says what was made of a change, or why nothing was.
pub(crate) fn say(made: Result<Told, Declined>, json: bool) -> Result<Outcome, Failure> {
    match made {
        Ok(told) => {
            let text = if json { told.value.to_string() } else { told.text };
            policies::print(&format!("{text}\n"))?;
            Ok(Outcome::Done)
        }
        Err(Declined { is_finding: true, said }) => {
            eprintln!("{said}");
            Ok(Outcome::Findings)
        }
        Err(Declined { said, .. }) => Err(Failure::Usage(said)),
    }
}

/// Whose process this is.
fn user() -> String {
    let Ok(id) = fs::metadata("/proc/self").map(|data| data.uid()) else { return "unknown".to_owned() };
    let named = fs::read_to_string("/etc/passwd").ok().and_then(|users| {
        let named = users.lines().find(|line| line.split(':').nth(2) == Some(&id.to_string()))?;
        named.split(':').next().map(str::to_owned)
    });
    named.unwrap_or_else(|| format!("user {id}"))
}
