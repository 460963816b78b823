//! `ringwall policy`: policies in force, which can be put there, compared and taken back.

pub(crate) mod diff;
mod versions;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rules::Policy;
use rules::policy::Level;

use crate::admission;
use crate::changes::{self, Account, Change, Offered};
use crate::control;
use crate::outcome::{Failure, Outcome};
use crate::policies::{self, Read};
use crate::versions::Versions;

/// Install policies, list their versions, compare them, go back.
///
/// Asks the service that works in the folder, and what it is told is in force in all its mounts once the command comes
/// back; without a service, what a stopped one left there is changed, and the next one starts with it. A policy that is
/// installed holds instead of a file of the configuration with the same customer.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall policy install acme.toml --by anna --why 'new carrier'\n  \
ringwall policy versions\n  ringwall policy diff acme.toml\n  ringwall policy rollback --why 'the carrier is back'")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Put policies in force, with the lists that they read: all of them or none.
    ///
    /// Exit code 1 with any error or failed `expect`, as of `check`; then nothing is changed.
    #[command(after_help = "Example:\n  ringwall policy install acme.toml --by anna --why 'new carrier'")]
    Install {
        /// Policy files.
        #[arg(required = true)]
        policies: Vec<PathBuf>,
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        place: Place,
    },
    /// List all changes, the latest first, and what is in force.
    #[command(after_help = "Example:\n  ringwall policy versions --json")]
    Versions {
        #[command(flatten)]
        place: Place,
    },
    /// Say what sets two versions apart: by names of rules and lists, and by lines of the text.
    #[command(
        after_help = "Example:\n  ringwall policy diff 3 4\n  ringwall policy diff acme.toml    what installing it would change"
    )]
    Diff {
        /// The number of a version or a policy file. A version alone is compared with what is installed now; a file alone,
        /// as the newer one, with what is in force.
        old: String,
        /// The newer one.
        new: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Go back: the last change is undone by a new version with the bytes from before.
    #[command(
        after_help = "Example:\n  ringwall policy rollback --by anna --why 'blocks the clinic'\n  ringwall policy rollback 3"
    )]
    Rollback {
        /// A version whose policies are to hold again.
        #[arg(id = "number", value_name = "VERSION")]
        version: Option<u64>,
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        place: Place,
    },
    /// Let a customer's policy come from the files of the configuration again.
    #[command(after_help = "Example:\n  ringwall policy release 'Acme' --why 'kept in git from now on'")]
    Release {
        /// The customer's name.
        customer: String,
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        place: Place,
    },
}

/// Where it is done, and how it is told.
#[derive(Args)]
struct Place {
    /// The folder of the service.
    #[arg(long, value_name = "DIR", default_value = "ringwall-data")]
    data: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (change, account, place) = match &arguments.task {
        Task::Install { policies, account, place } => return install(policies, account, place),
        Task::Versions { place } => return versions::print(&place.data, place.json),
        Task::Diff { old, new, place } => return diff::print(old, new.as_deref(), &place.data, place.json),
        Task::Rollback { version, account, place } => (Change::Rollback { to: *version }, account, place),
        Task::Release { customer, account, place } => {
            (Change::Release { customer: customer.clone() }, account, place)
        }
    };
    place.is_there()?;
    place.make(account, change)
}

impl Place {
    /// Only what is installed may come before the service does.
    fn is_there(&self) -> Result<(), Failure> {
        if self.data.is_dir() {
            return Ok(());
        }
        let folder = self.data.display();
        Err(Failure::Usage(format!("there is no folder {folder}; --data names that of the service")))
    }

    fn make(&self, account: &Account, change: Change) -> Result<Outcome, Failure> {
        let made = changes::make(&self.data, &[], account.wants(change))?;
        if made.is_ok() && !control::is_served(&self.data) {
            let folder = self.data.display();
            eprintln!("ringwall: no service runs in {folder}: the next one that starts there begins with it");
        }
        changes::say(made, self.json)
    }
}

fn install(paths: &[PathBuf], account: &Account, place: &Place) -> Result<Outcome, Failure> {
    let now = policies::now();
    let mut contents = Vec::new();
    let mut is_good = true;
    for path in paths {
        let Read { contents: read, policy, mut diagnostics } = policies::read(path, now)?;
        if let Some(text) = policy {
            diagnostics.extend(admission::findings(&Policy::new(text), now));
        }
        diagnostics.iter().for_each(|found| eprintln!("{}", read.render(found)));
        is_good &= diagnostics.iter().all(|found| found.level != Level::Error);
        contents.push(read);
    }
    if !is_good {
        eprintln!("ringwall: nothing is installed");
        return Ok(Outcome::Findings);
    }
    let versions = Versions::of(&place.data);
    let mut offered = Vec::new();
    {
        let writing = versions.lock()?;
        for contents in &contents {
            let from = std::path::absolute(&contents.path).map_err(Failure::file(&contents.path))?;
            offered.push(Offered { from, stored: writing.store(contents)? });
        }
    }
    place.make(account, Change::Install(offered))
}
