//! Changes of policies and lists that somebody wants and answers for: in a running service, or in what a stopped one left.

mod lists;
mod make;
mod staged;

use std::borrow::Cow;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cases::change::Permit;
use rules::Timestamp;
use rules::policy::{Level, PolicyText};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use lists::{Limits, ListChange, Wish};
pub(crate) use make::{Account, make, say};
pub(crate) use staged::Staging;

use crate::admission::{Admission, Admitted, Door, Refused, look, look_read};
use crate::control::Told;
use crate::files::sync_folder_of;
use crate::outcome::Failure;
use crate::policies::{self, Contents};
use crate::versions::{Changed, How, Stored, Version, Versions, Writing, installed};

/// A change that somebody wants, and answers for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// What is wanted.
    pub(crate) change: Change,
    /// Who wants it.
    pub(crate) by: String,
    /// Why.
    pub(crate) why: String,
    /// What the desk has signed for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) permits: Vec<Permit>,
}

/// What is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// These policies, whose bytes are stored, are installed.
    Install(Vec<Offered>),
    /// The last change is undone; or what version `to` made of its policies holds again.
    Rollback { to: Option<u64> },
    /// What made a customer's policy this version is undone, unless that policy was changed again since. Others' changes stay.
    Undo { customer: String, policy: String },
    /// A customer's policy comes from files again.
    Release { customer: String },
    /// A list is changed.
    List(ListChange),
}

/// A policy whose bytes are stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Offered {
    pub(crate) from: PathBuf,
    pub(crate) stored: Stored,
}

/// A policy in force, as whoever changes one sees it.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) contents: &'a Contents,
    pub(crate) text: &'a PolicyText,
}

/// What is to be changed, once all of it was found to be good.
pub(crate) struct Prepared {
    /// The policies that are others then.
    pub(crate) admitted: Vec<Admitted>,
    /// Whose policy comes from files again.
    pub(crate) released: Option<String>,
    /// Files of the configuration that are written: the customer is not installed.
    pub(crate) written: Vec<(PathBuf, Vec<u8>)>,
    /// What will be said of it, with what is not yet known left out.
    version: Version,
    /// The bytes of its policies.
    contents: Vec<Contents>,
    /// What the desk has signed for it.
    permits: Vec<Permit>,
    /// How many entries came and went.
    pub(crate) tally: Option<Tally>,
}

/// What became of the entries that somebody named.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Added, or taken off.
    pub(crate) done: u64,
    /// Gone because others were put in their place.
    #[serde(default)]
    pub(crate) gone: u64,
    /// There before, or not there to be taken off.
    pub(crate) needless: u64,
    /// Refused.
    pub(crate) refused: u64,
    /// Why, for the first of them, by line.
    pub(crate) refusals: Vec<(u64, String)>,
}

/// Why a change is not made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Declined {
    /// Whether something is wrong with what would come into force, rather than with how it was asked for.
    pub(crate) is_finding: bool,
    /// All that is to be said.
    pub(crate) said: String,
}

impl From<Failure> for Declined {
    fn from(failure: Failure) -> Self {
        Self { is_finding: false, said: failure.to_string() }
    }
}

impl From<Box<Refused>> for Declined {
    fn from(refused: Box<Refused>) -> Self {
        let Refused { read, unauthorised } = *refused;
        if let Some(said) = unauthorised {
            return Self { is_finding: true, said };
        }
        let errors = read.diagnostics.iter().filter(|found| found.level == Level::Error);
        let mut said: String = errors.map(|found| read.contents.render(found)).collect();
        said.push_str(&format!("ringwall: {}: nothing is changed", read.contents.name()));
        Self { is_finding: true, said }
    }
}

impl Declined {
    pub(crate) fn usage(said: impl Into<String>) -> Self {
        Self { is_finding: false, said: said.into() }
    }
}

/// What may be changed.
pub(crate) struct Desk<'a> {
    pub(crate) versions: &'a Versions,
    /// Policies in force that were read already.
    pub(crate) known: Vec<Known<'a>>,
    /// Policy files of those who are not installed.
    pub(crate) files: &'a [PathBuf],
    pub(crate) admission: Admission,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    /// Finds out what `wanted` comes to, and that all of it may come into force. Changes nothing but what is stored beside.
    pub(crate) fn prepare(&self, wanted: &Wanted) -> Result<Prepared, Declined> {
        let all = self.versions.all()?;
        let mut prepared = match &wanted.change {
            Change::Install(offered) => self.install(offered),
            Change::Rollback { to } => self.roll_back(*to, &all),
            Change::Undo { customer, policy } => self.undo((customer, policy), &all),
            Change::Release { customer } => Self::release(customer, &all),
            Change::List(change) => self.change_list(change, &all),
        }?;
        let (by, why) = (wanted.by.clone(), wanted.why.clone());
        let number = all.last().map_or(0, |version| version.number) + 1;
        let at = reporter::rfc3339(self.now);
        // Whoever asks may bring anything along; what the desk has not signed takes no other permit's place.
        let is_genuine = |permit: &&Permit| self.admission.is_genuine(permit);
        prepared.permits = wanted.permits.iter().filter(is_genuine).cloned().collect();
        prepared.version = Version { number, at, by, why, ..prepared.version };
        Ok(prepared)
    }

    fn install(&self, offered: &[Offered]) -> Result<Prepared, Declined> {
        let admitted = offered.iter().map(|offered| {
            let as_changed = Changed {
                customer: String::new(),
                version: None,
                from: offered.from.clone(),
                stored: Some(offered.stored.clone()),
            };
            Ok(self.admission.admit(self.versions.contents(&as_changed)?, Door::Change, self.now)?)
        });
        let admitted = admitted.collect::<Result<Vec<Admitted>, Declined>>()?;
        let mut names: Vec<&str> = admitted.iter().map(Admitted::customer).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[one, other]| one == other) {
            return Err(Declined::usage(format!("two of these policies are of {twice}; a customer has one")));
        }
        let what = format!("policy of {}", names.join(", "));
        Ok(Prepared::new(How::Install, what, admitted))
    }

    fn roll_back(&self, to: Option<u64>, all: &[Version]) -> Result<Prepared, Declined> {
        let (meant, before) = match to {
            Some(number) => {
                let at = all.iter().position(|version| version.number == number);
                let at = at.ok_or_else(|| unknown(number))?;
                (all.get(at), all.get(..=at).unwrap_or_default())
            }
            None => {
                let at = all.iter().rposition(|version| is_standing(version, all));
                (at.and_then(|at| all.get(at)), all.get(..at.unwrap_or_default()).unwrap_or_default())
            }
        };
        let Some(meant) = meant else {
            let wrong =
                if all.is_empty() { "nothing is installed" } else { "every change is undone already" };
            return Err(Declined::usage(wrong));
        };
        let what = match to {
            Some(number) => format!("as in version {number}"),
            None => format!("without version {}", meant.number),
        };
        let mut prepared = self.as_before(meant, before, what)?;
        prepared.version.undoes = to.is_none().then_some(meant.number);
        Ok(prepared)
    }

    fn undo(&self, (customer, policy): (&str, &str), all: &[Version]) -> Result<Prepared, Declined> {
        let is_of = |version: &Version| version.policies.iter().any(|changed| changed.customer == customer);
        let is_last = |version: &Version| is_of(version) && is_standing(version, all);
        let at = all.iter().rposition(is_last).unwrap_or_default();
        let made = |version: &&Version| match version.policies.as_slice() {
            [changed] => changed.customer == customer && changed.version.as_deref() == Some(policy),
            _ => false,
        };
        let Some(meant) = all.get(at).filter(made) else {
            return Err(Declined::usage(format!("the policy of {customer} was changed again since")));
        };
        let what = format!("without version {}", meant.number);
        let mut prepared = self.as_before(meant, all.get(..at).unwrap_or_default(), what)?;
        prepared.version.undoes = Some(meant.number);
        Ok(prepared)
    }

    /// What is installed after the changes `before` holds again for the customers of `meant`.
    fn as_before(&self, meant: &Version, before: &[Version], what: String) -> Result<Prepared, Declined> {
        let former = installed(before);
        let mut admitted = Vec::new();
        let mut released = None;
        for changed in &meant.policies {
            match former.get(changed.customer.as_str()) {
                Some((_, former)) => {
                    let contents = self.versions.contents(former)?;
                    admitted.push(self.admission.admit(contents, Door::Return, self.now)?);
                }
                None if changed.stored.is_none() && meant.how == How::List => {
                    return Err(Declined::usage(format!(
                        "version {} changed files of the configuration; change them back with `ringwall list`, or in {}",
                        meant.number,
                        changed.from.display()
                    )));
                }
                None if released.is_none() => released = Some(changed.customer.clone()),
                None => return Err(Declined::usage("release the customers of that version one by one")),
            }
        }
        Ok(Prepared { released, ..Prepared::new(How::Rollback, what, admitted) })
    }

    fn release(customer: &str, all: &[Version]) -> Result<Prepared, Declined> {
        if !installed(all).contains_key(customer) {
            return Err(Declined::usage(format!("no policy of {customer:?} is installed")));
        }
        let prepared = Prepared::new(How::Release, format!("policy of {customer}"), Vec::new());
        Ok(Prepared { released: Some(customer.to_owned()), ..prepared })
    }

    /// What is in force of `changed`.
    fn base<'b>(&'b self, changed: &Changed) -> Result<(Contents, Cow<'b, PolicyText>), Declined> {
        let is_it = |known: &&Known<'b>| Some(&known.text.version) == changed.version.as_ref();
        if let Some(known) = self.known.iter().find(is_it) {
            return Ok((known.contents.clone(), Cow::Borrowed(known.text)));
        }
        let admitted = look(self.versions.contents(changed)?)?;
        Ok((admitted.contents().clone(), Cow::Owned(admitted.text().clone())))
    }

    /// What stands in the policy file `path` and beside it.
    fn of_file<'b>(&'b self, path: &Path) -> Result<(Contents, Cow<'b, PolicyText>), Declined> {
        let is_same =
            |known: &&Known<'b>| {
                known.contents.path == path
                    && fs::read(path).is_ok_and(|text| text == **known.contents.text)
                    && known.contents.files.iter().all(|(name, bytes)| {
                        fs::read(beside(path, name)).is_ok_and(|present| present == **bytes)
                    })
            };
        if let Some(known) = self.known.iter().find(is_same) {
            return Ok((known.contents.clone(), Cow::Borrowed(known.text)));
        }
        let read = policies::read(path, Timestamp::default())?;
        let admitted = look_read(read)?;
        Ok((admitted.contents().clone(), Cow::Owned(admitted.text().clone())))
    }
}

/// Whether `version` is a change that can be undone: one that undid another, or was undone, is done with.
fn is_standing(version: &Version, all: &[Version]) -> bool {
    version.undoes.is_none() && all.iter().all(|other| other.undoes != Some(version.number))
}

impl Prepared {
    fn new(how: How, what: String, admitted: Vec<Admitted>) -> Self {
        let nothing = String::new;
        let policies = admitted.iter().map(|admitted| Changed {
            customer: admitted.customer().to_owned(),
            version: Some(admitted.version().to_owned()),
            from: admitted.contents().path.clone(),
            stored: None,
        });
        let (at, by, why) = (nothing(), nothing(), nothing());
        let version =
            Version { number: 0, at, how, what, by, why, undoes: None, policies: policies.collect() };
        let contents = admitted.iter().map(|admitted| admitted.contents().clone()).collect();
        Self {
            admitted,
            released: None,
            written: Vec::new(),
            version,
            contents,
            permits: Vec::new(),
            tally: None,
        }
    }

    /// Whether there is anything to be changed.
    pub(crate) fn is_change(&self) -> bool {
        !self.contents.is_empty() || self.released.is_some()
    }

    /// What is said of it: as `version`, or that nothing had to be done.
    pub(crate) fn told(&self, version: Option<&Version>) -> Told {
        let number = version.map_or_else(
            || "nothing is changed".to_owned(),
            |version| match self.written.first() {
                Some((path, _)) => format!("in {}, noted as version {}", path.display(), version.number),
                None => format!("version {}", version.number),
            },
        );
        let counts = self.tally.as_ref().map_or_else(String::new, |tally| {
            format!(", {} there was nothing to do for, {} refused", tally.needless, tally.refused)
        });
        let policies: Vec<Value> = version
            .iter()
            .flat_map(|version| &version.policies)
            .map(|changed| json!({ "customer": changed.customer, "version": changed.version }))
            .collect();
        Told {
            text: format!("{}{counts}: {number}", self.version.what),
            value: json!({
                "number": version.map(|version| version.number),
                "how": self.version.how,
                "what": self.version.what,
                "policies": policies,
                "tally": self.tally,
            }),
        }
    }

    /// Puts it on disk. Once this has come back without an error it holds, whatever happens then; with one, nothing has
    /// changed.
    pub(crate) fn commit(&self, writing: &Writing<'_>) -> Result<Version, Declined> {
        let mut version = self.version.clone();
        if self.written.is_empty() {
            for (changed, contents) in version.policies.iter_mut().zip(&self.contents) {
                changed.stored = Some(writing.store(contents)?);
            }
        }
        if let Some(customer) = &self.released {
            version.policies.push(Changed {
                customer: customer.clone(),
                version: None,
                from: PathBuf::new(),
                stored: None,
            });
        }
        // Whatever may go wrong with files that are not ours does so before the account of it is written, and that before they
        // are replaced: nobody needs to answer for nothing, and no change is without an account.
        let replacements = self.written.iter().map(|(path, bytes)| Replacement::new(path, bytes));
        let replacements = replacements.collect::<Result<Vec<_>, Failure>>()?;
        for permit in &self.permits {
            writing.keep_permit(permit)?;
        }
        writing.append(&version)?;
        for replacement in replacements {
            replacement.put()?;
        }
        Ok(version)
    }
}

/// What will stand in the place of a file, on disk beside it.
struct Replacement {
    path: PathBuf,
    beside: PathBuf,
    is_put: bool,
}

impl Replacement {
    fn new(path: &Path, bytes: &[u8]) -> Result<Self, Failure> {
        // A link is followed, not replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let new = Self { beside: path.with_file_name(format!(".{name}.ringwall")), path, is_put: false };
        let write = || {
            let mut file = fs::File::create(&new.beside)?;
            file.write_all(bytes)?;
            // Whoever could read what stood there can read what comes.
            if let Ok(former) = fs::metadata(&new.path) {
                file.set_permissions(former.permissions())?;
            }
            file.sync_all()
        };
        write().map_err(Failure::file(&new.beside))?;
        Ok(new)
    }

    fn put(mut self) -> Result<(), Failure> {
        fs::rename(&self.beside, &self.path).map_err(Failure::file(&self.path))?;
        self.is_put = true;
        sync_folder_of(&self.path).map_err(Failure::file(&self.path))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_put {
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// The file that the policy at `path` calls `name`.
pub(crate) fn beside(path: &Path, name: &str) -> PathBuf {
    path.parent().unwrap_or_else(|| Path::new("")).join(name)
}

fn unknown(number: u64) -> Declined {
    Declined::usage(format!("there is no version {number}; `ringwall policy versions` names those there are"))
}

/// Contents with one of their files, or their text, replaced.
pub(crate) fn with(contents: &Contents, name: Option<&str>, bytes: Vec<u8>) -> Contents {
    let mut contents = contents.clone();
    match name {
        Some(name) => drop(contents.files.insert(name.to_owned(), Arc::new(bytes))),
        None => contents.text = Arc::new(bytes),
    }
    contents
}
