//! Reads policy files for the commands that judge.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::policy::{self, Diagnostic, Files, Level, Mode, PolicySet, PolicyText};
use rules::{Policy, Timestamp};

use crate::outcome::Failure;

/// What was read of one policy file.
#[derive(Debug)]
pub(crate) struct Read {
    /// The bytes that were read.
    pub(crate) contents: Contents,
    /// The policy, unless it has mistakes.
    pub(crate) policy: Option<PolicyText>,
    /// All that was found.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// One policy with all that it reads, byte for byte.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// The path as it was given; what it is called in messages.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: Arc<Vec<u8>>,
    /// The files beside it that it reads, by the names it has for them.
    pub(crate) files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl Contents {
    /// The policy that they make, with all that is wrong with it. `now` decides which entries are left out as past their
    /// date.
    pub(crate) fn read(self, now: Timestamp) -> Read {
        let reading = policy::read_bytes(&self.name(), &self.text, &self, now);
        Read { policy: reading.policy, diagnostics: reading.diagnostics, contents: self }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The bytes of the file that a diagnostic is about.
    pub(crate) fn file_of(&self, diagnostic: &Diagnostic) -> &[u8] {
        if diagnostic.file == self.name() {
            return &self.text;
        }
        self.files.get(&diagnostic.file).map(|bytes| bytes.as_slice()).unwrap_or_default()
    }

    /// `diagnostic` as a person reads it.
    pub(crate) fn render(&self, diagnostic: &Diagnostic) -> String {
        diagnostic.render_bytes(self.file_of(diagnostic))
    }

    /// The customer whose policy the text is, as far as it can be told without reading the rest.
    pub(crate) fn customer(text: &[u8]) -> Option<String> {
        let table: toml::Table = std::str::from_utf8(text).ok()?.parse().ok()?;
        table.get("customer")?.get("name")?.as_str().map(str::to_owned)
    }
}

impl Files for Contents {
    fn read(&self, relative_path: &str) -> io::Result<Arc<Vec<u8>>> {
        self.files.get(relative_path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Read {
    /// Says on stderr why it cannot be used, if so.
    pub(crate) fn say_errors(&self) {
        for diagnostic in self.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error) {
            eprint!("{}", self.contents.render(diagnostic));
        }
        if self.policy.is_none() {
            let path = self.contents.name();
            eprintln!("ringwall: {path}: this policy cannot be used; `ringwall check` says all there is");
        }
    }
}

/// Reads the policy at `path` with the lists beside it.
/// `now` decides which entries are left out as past their date.
pub(crate) fn read(path: &Path, now: Timestamp) -> Result<Read, Failure> {
    let text = Arc::new(std::fs::read(path).map_err(Failure::file(path))?);
    let beside = Beside::of(path);
    let reading = policy::read_bytes(&path.display().to_string(), &text, &beside, now);
    let contents = Contents { path: path.to_owned(), text, files: beside.into_files() };
    Ok(Read { contents, policy: reading.policy, diagnostics: reading.diagnostics })
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

/// Prints `text`.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

/// Files beside a policy.
struct Beside {
    folder: PathBuf,
    /// What was asked for; `None` could not be read.
    read: RefCell<BTreeMap<String, Option<Arc<Vec<u8>>>>>,
}

impl Beside {
    fn of(policy: &Path) -> Self {
        let folder = policy.parent().unwrap_or_else(|| Path::new("")).to_owned();
        Self { folder, read: RefCell::default() }
    }

    /// What was asked for. One that could not be read is among them, empty: it may be there later, and whoever watches
    /// files wants to know.
    fn into_files(self) -> BTreeMap<String, Arc<Vec<u8>>> {
        self.read.into_inner().into_iter().map(|(name, bytes)| (name, bytes.unwrap_or_default())).collect()
    }
}

impl Files for Beside {
    fn read(&self, relative_path: &str) -> io::Result<Arc<Vec<u8>>> {
        let known = self.read.borrow().get(relative_path).cloned().flatten();
        if let Some(bytes) = known {
            return Ok(bytes);
        }
        let read = std::fs::read(self.folder.join(relative_path)).map(Arc::new);
        self.read.borrow_mut().insert(relative_path.to_owned(), read.as_ref().ok().cloned());
        read
    }
}
