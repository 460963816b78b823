//! Reads policy files for the commands that judge.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use rules::policy::{self, Diagnostic, Files, Level, Mode, PolicySet, PolicyText};
use rules::{Policy, Timestamp};

use crate::outcome::Failure;

/// What was read of one policy file.
pub(crate) struct Read {
    /// The path as it was given.
    pub(crate) path: PathBuf,
    /// Its text, for showing diagnostics.
    pub(crate) source: Vec<u8>,
    /// The policy, unless it has mistakes.
    pub(crate) policy: Option<PolicyText>,
    /// All that was found.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The lists beside it that it reads, by the names it has for them.
    pub(crate) lists: Vec<String>,
}

impl Read {
    /// Says on stderr why it cannot be used, if so.
    pub(crate) fn say_errors(&self) {
        for diagnostic in self.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error) {
            eprint!("{}", diagnostic.render_bytes(&self.source));
        }
        if self.policy.is_none() {
            let path = self.path.display();
            eprintln!("ringwall: {path}: this policy cannot be used; `ringwall check` says all there is");
        }
    }
}

/// Reads the policy at `path` with the lists beside it.
/// `now` decides which entries are left out as past their date.
pub(crate) fn read(path: &Path, now: Timestamp) -> Result<Read, Failure> {
    let bytes = std::fs::read(path).map_err(Failure::file(path))?;
    let beside = Beside::of(path);
    let reading = policy::read_bytes(&path.display().to_string(), &bytes, &beside, now);
    Ok(Read {
        path: path.to_owned(),
        source: bytes,
        policy: reading.policy,
        diagnostics: reading.diagnostics,
        lists: beside.read.into_inner(),
    })
}

/// The diagnostics of error level of a policy that is no file.
pub(crate) fn check_text(name: &str, text: &str) -> String {
    let reading = policy::read(name, text, &Beside::of(Path::new("")), now());
    let errors = reading.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error);
    errors.fold(String::new(), |mut said, error| {
        let _ = write!(said, "{}", error.render(text));
        said
    })
}

/// Reads and compiles `paths`; mistakes are said on stderr. `mode` replaces every mode but `off`. Entries past their
/// date are kept: the moment of each call decides, and a capture may be older than they are.
pub(crate) fn load(paths: &[PathBuf], mode: Option<Mode>) -> Result<PolicySet, Failure> {
    let mut policies = Vec::new();
    let mut broken = false;
    for path in paths {
        let read = read(path, Timestamp::default())?;
        read.say_errors();
        match read.policy {
            Some(text) => policies.push(Policy::new(with_mode(text, mode))),
            None => broken = true,
        }
    }
    if broken { Err(Failure::Said) } else { Ok(PolicySet::new(policies)) }
}

fn with_mode(mut text: PolicyText, mode: Option<Mode>) -> PolicyText {
    let Some(mode) = mode else { return text };
    if text.customer.mode != Mode::Off {
        text.customer.mode = mode;
    }
    for rule in text.firewall.iter_mut().filter(|rule| rule.mode != Mode::Off) {
        rule.mode = mode;
    }
    for threshold in text.ips.iter_mut().filter(|threshold| threshold.mode != Mode::Off) {
        threshold.mode = mode;
    }
    text
}

/// The moment a command runs: only to say what has expired.
#[allow(clippy::disallowed_methods, reason = "the command line is where time comes from")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

/// Files beside a policy.
struct Beside {
    folder: PathBuf,
    read: RefCell<Vec<String>>,
}

impl Beside {
    fn of(policy: &Path) -> Self {
        let folder = policy.parent().unwrap_or_else(|| Path::new("")).to_owned();
        Self { folder, read: RefCell::default() }
    }
}

impl Files for Beside {
    fn read(&self, relative_path: &str) -> io::Result<Vec<u8>> {
        self.read.borrow_mut().push(relative_path.to_owned());
        std::fs::read(self.folder.join(relative_path))
    }
}
