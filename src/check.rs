//! `ringwall check`: all that can be said about a policy before it is installed.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use reporter::counted;
use rules::policy::{Code, Diagnostic, Level};
use rules::proof::{self, Prover};
use rules::{NumberSet, Policy, Timestamp};
use serde_json::{Value, json};

use crate::admission;
use crate::mount::Mount;
use crate::outcome::{Failure, Outcome};
use crate::policies::{self, Contents, Read};

/// Say everything that is wrong with a policy, run its `expect` cases, and prove what it can and cannot block.
///
/// Exit code 0 without errors (warnings allowed), 1 with any error or failed `expect`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall check acme.toml\n  ringwall check --who-can-block '+1 800*' acme.toml\n  ringwall check --mount redirect acme.toml"
)]
pub(crate) struct Arguments {
    /// Also say which rules can block calls to this number or pattern.
    #[arg(long, value_name = "NUMBER")]
    who_can_block: Option<String>,
    /// Also say what the service cannot see or do of the policy when calls come to it in this way.
    #[arg(long, value_name = "MOUNT")]
    mount: Option<Mount>,
    /// Print one JSON object per policy.
    #[arg(long)]
    json: bool,
    /// Policy files.
    #[arg(required = true)]
    policies: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let now = policies::now();
    let mut outcome = Outcome::Done;
    for path in &arguments.policies {
        let checked = Checked::new(policies::read(path, now)?, arguments, now)?;
        if checked.count(Level::Error) > 0 {
            outcome = Outcome::Findings;
        }
        let mut out = io::stdout().lock();
        let written = if arguments.json { checked.print_json(&mut out) } else { checked.print(&mut out) };
        written.map_err(Failure::Output)?;
    }
    Ok(outcome)
}

/// One policy with everything found.
struct Checked {
    contents: Contents,
    version: Option<String>,
    diagnostics: Vec<Diagnostic>,
    expects: usize,
    proofs: Vec<String>,
    /// What a mount cannot see or do.
    blind_spots: Vec<String>,
}

impl Checked {
    fn new(read: Read, arguments: &Arguments, now: Timestamp) -> Result<Self, Failure> {
        let Read { contents, policy, mut diagnostics } = read;
        let mut checked = Self {
            contents,
            version: None,
            diagnostics: Vec::new(),
            expects: 0,
            proofs: Vec::new(),
            blind_spots: Vec::new(),
        };
        if let Some(text) = policy {
            let policy = Policy::new(text);
            checked.version = Some(policy.version().to_owned());
            checked.expects = policy.text().expects.len();
            diagnostics.extend(admission::findings(&policy, now));
            let mut prover = Prover::new(policy.text(), policy.emergency(), now);
            checked.proofs.push(prover.emergency(&emergency_name(&policy)).sentence);
            checked.blind_spots = arguments.mount.map_or_else(Vec::new, |mount| mount.blind_spots(&policy));
            if let Some(wanted) = &arguments.who_can_block {
                let question = proof::Question {
                    called: called(&policy, wanted)?,
                    services: false,
                    name: wanted.clone(),
                };
                checked.proofs.push(prover.who_can_block(&question).sentence);
            }
        }
        diagnostics.sort_by(|a, b| (&a.file, a.span.start, a.code).cmp(&(&b.file, b.span.start, b.code)));
        checked.diagnostics = diagnostics;
        Ok(checked)
    }

    fn count(&self, level: Level) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.level == level).count()
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for diagnostic in &self.diagnostics {
            writeln!(out, "{}", self.contents.render(diagnostic))?;
        }
        for proof in &self.proofs {
            writeln!(out, "proof: {proof}")?;
        }
        for blind_spot in &self.blind_spots {
            writeln!(out, "mount: {blind_spot}")?;
        }
        let summary = format!(
            "{}: {}, {}, {} of {} as expected",
            self.contents.name(),
            counted(self.count(Level::Error) as u64, "error"),
            counted(self.count(Level::Warning) as u64, "warning"),
            self.expects - self.failed_expects(),
            counted(self.expects as u64, "case"),
        );
        match &self.version {
            Some(version) => writeln!(out, "{summary}; version {}", version.get(..16).unwrap_or(version)),
            None => writeln!(out, "{summary}; it cannot be installed"),
        }
    }

    fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        let diagnostics: Vec<Value> = self
            .diagnostics
            .iter()
            .map(|diagnostic| {
                serde_json::from_str(&diagnostic.to_json(self.contents.file_of(diagnostic)))
                    .unwrap_or_default()
            })
            .collect();
        reporter::to_line(
            out,
            &json!({
                "file": self.contents.name(),
                "version": self.version,
                "errors": self.count(Level::Error),
                "warnings": self.count(Level::Warning),
                "expects": self.expects,
                "failed_expects": self.failed_expects(),
                "diagnostics": diagnostics,
                "proofs": self.proofs,
                "mount": self.blind_spots,
            }),
        )
    }

    fn failed_expects(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.code == Code::FailedExpect).count()
    }
}

pub(crate) fn emergency_name(policy: &Policy) -> String {
    match policy.dial_plan().region.as_str() {
        "US" | "CA" => "911 or 112".to_owned(),
        region => format!("an emergency number of {region}"),
    }
}

fn called(policy: &Policy, wanted: &str) -> Result<NumberSet, Failure> {
    rules::policy::read_numbers(wanted, policy.dial_plan())
        .map_err(|why| Failure::Usage(format!("--who-can-block {wanted:?}: {why}")))
}
