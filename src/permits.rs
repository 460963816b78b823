//! Permits of the desk, each beside the version of a policy that it is for: what the engine asks for before one comes into
//! force where changes are under control.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cases::change::{Permit, Verifier};
use rules::Timestamp;
use rules::policy::{ChangeControl, Customer};

use crate::outcome::Failure;
use crate::{desk_key, state};

/// The permits under one `--data`, and what tells them from forged ones.
#[derive(Clone, Debug)]
pub(crate) struct Permits {
    folder: PathBuf,
    /// `None` where no desk ever was: nothing is permitted then.
    verifier: Option<Verifier>,
    /// Those that somebody brings along, and that are in no file yet.
    offered: Arc<[Permit]>,
}

impl Permits {
    /// Those under `data`, signed by the key whose public half is in the file `key`.
    pub(crate) fn new(data: &Path, key: &Path) -> Result<Self, Failure> {
        let verifier = match desk_key::verifier(key) {
            Err(Failure::File(_, error)) if error.kind() == io::ErrorKind::NotFound => None,
            verifier => Some(verifier?),
        };
        Ok(Self { verifier, ..Self::without_key(data) })
    }

    /// The same where nobody knows by which key they are signed: none permits anything.
    pub(crate) fn without_key(data: &Path) -> Self {
        Self { folder: data.join("policies").join(NAME), verifier: None, offered: Arc::new([]) }
    }

    /// The same by the key that the last service in `data` went by.
    pub(crate) fn of_stopped(data: &Path) -> Result<Self, Failure> {
        let permits = Self::new(data, &data.join("policies").join(NAME).join(KEY))?;
        if permits.verifier.is_some() {
            return Ok(permits);
        }
        Self::new(data, &desk_key::public(&data.join(desk_key::NAME)))
    }

    /// Writes down by which key it goes, for commands that find no service.
    pub(crate) fn note_key(&self) -> Result<(), Failure> {
        let Some(verifier) = &self.verifier else { return Ok(()) };
        // A full disk is no news where nothing is.
        if desk_key::verifier(&self.folder.join(KEY)).is_ok_and(|noted| noted == *verifier) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(Failure::file(&self.folder))?;
        state::write_bytes(&self.folder.join(KEY), format!("{verifier}\n").as_bytes())
    }

    /// The same, with further ones.
    pub(crate) fn with(&self, offered: &[Permit]) -> Self {
        Self { offered: offered.into(), ..self.clone() }
    }

    /// Whether version `version` of a policy that says this of its customer may be in force; at `now`, if it is to come into
    /// it. It needs a permit when it says so, and when the one before it did: nobody gets rid of control without one.
    pub(crate) fn check(
        &self,
        customer: &Customer,
        version: &str,
        now: Option<Timestamp>,
    ) -> Result<(), String> {
        let name = customer.name.as_str();
        let says_so = customer.change_control == ChangeControl::Approved;
        if !says_so && !self.controlled()?.contains(name) {
            return Ok(());
        }
        let what =
            format!("version {} of {}", version.get(..16).unwrap_or(version), reporter::printable(name));
        let Some(verifier) = &self.verifier else {
            return Err(format!("{what} needs a permit, and there is no key of a desk to tell one by"));
        };
        let is_it = |permit: &&Permit| permit.customer() == name && permit.result() == version;
        let kept = self.read(version).map_err(|failure| failure.to_string())?;
        let mut why =
            "nobody has authorised it: changes of this customer need a case (`ringwall case propose`)"
                .to_owned();
        for permit in self.offered.iter().chain(&kept).filter(is_it) {
            let checked = match now {
                Some(now) => permit.check_at(name, version, now, verifier),
                None => permit.check(name, version, verifier),
            };
            match checked {
                Ok(()) => return Ok(()),
                Err(not) => why = not.to_string(),
            }
        }
        Err(format!("{what}: {why}"))
    }

    /// Whether the desk has signed `permit`, for whatever it is.
    pub(crate) fn is_genuine(&self, permit: &Permit) -> bool {
        let verifier = self.verifier.as_ref();
        verifier.is_some_and(|verifier| permit.check(permit.customer(), permit.result(), verifier).is_ok())
    }

    /// Notes whether the next policy of `customer` needs a permit whatever it says.
    pub(crate) fn control(&self, customer: &str, is_controlled: bool) -> Result<(), Failure> {
        let mut controlled = self.controlled().map_err(Failure::Usage)?;
        let is_news =
            if is_controlled { controlled.insert(customer.to_owned()) } else { controlled.remove(customer) };
        if !is_news {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(Failure::file(&self.folder))?;
        let path = self.folder.join(CONTROLLED);
        let text =
            serde_json::to_vec(&controlled).map_err(|error| Failure::File(path.clone(), error.into()))?;
        state::write_bytes(&path, &text)
    }

    fn controlled(&self) -> Result<BTreeSet<String>, String> {
        let path = self.folder.join(CONTROLLED);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Keeps `permit`, so that what comes into force by it is in force after a restart as well.
    pub(crate) fn keep(policies: &Path, permit: &Permit) -> Result<(), Failure> {
        let folder = policies.join(NAME);
        fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
        let path = place(&folder, permit.result());
        let text = serde_json::to_vec(permit).map_err(|error| Failure::File(path.clone(), error.into()))?;
        state::write_bytes(&path, &text)
    }

    fn read(&self, version: &str) -> Result<Option<Permit>, Failure> {
        let path = place(&self.folder, version);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::File(path, error)),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
    }
}

fn place(folder: &Path, version: &str) -> PathBuf {
    // A version comes from a file, or over the socket: nothing in it leads elsewhere.
    let plain: String = version.chars().filter(char::is_ascii_hexdigit).collect();
    folder.join(format!("{plain}.json"))
}

/// The folder beside the versions of policies.
const NAME: &str = "permits";
/// The public half of the key that they are signed with.
const KEY: &str = "desk.pub";
/// Customers whose policies need them.
const CONTROLLED: &str = "controlled.json";
