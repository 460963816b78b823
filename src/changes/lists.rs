//! Changes of lists: whose list it is, what it is then, and where that is written.

use std::path::PathBuf;

use jiff::Timestamp as Moment;
use rules::policy::PolicyText;
use rules::policy::edit::{self, Addition, Edited};
use serde::{Deserialize, Serialize};

use super::{Declined, Desk, Prepared, Tally, beside, staged, with};
use crate::admission::Door;
use crate::outcome::Failure;
use crate::policies::Contents;
use crate::versions::{Changed, How, Version, installed};

/// A change of one list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListChange {
    /// The list, without the `@`.
    pub(crate) list: String,
    /// Whose; may be left out where only one customer has a list of that name.
    pub(crate) customer: Option<String>,
    /// What is wanted.
    pub(crate) wish: Wish,
    /// Where the entries are stored, one a line; see `staged`.
    pub(crate) entries: String,
    /// What is too much of a change to be made without a person.
    pub(crate) limits: Option<Limits>,
}

/// How much a list may change by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Percent of its entries that may go.
    pub(crate) shrink_percent_max: u32,
    /// Percent of its entries that may come.
    pub(crate) grow_percent_max: u32,
    /// Percent of new entries that may be none.
    pub(crate) refused_percent_max: u32,
}

/// What is wanted of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    Add,
    Remove,
    /// What is wanted is all that is on the list.
    Replace,
}

/// Where a customer's policy is.
enum Owner<'a> {
    Installed(&'a Changed),
    File(PathBuf),
}

impl Desk<'_> {
    pub(super) fn change_list(&self, change: &ListChange, all: &[Version]) -> Result<Prepared, Declined> {
        let owner = self.owner(change, all)?;
        let (contents, text) = match &owner {
            Owner::Installed(changed) => self.base(changed)?,
            Owner::File(path) => self.of_file(path)?,
        };
        let edited = self.edit(change, &text)?;
        let verb = match change.wish {
            Wish::Add => "added",
            Wish::Remove => "removed",
            Wish::Replace => "new",
        };
        if let Some(limits) = &change.limits {
            limits.check(&edited, change)?;
        }
        let mut what = format!("list {} of {}: {} {verb}", change.list, text.customer.name, edited.done);
        if change.wish == Wish::Replace {
            what.push_str(&format!(", {} gone", edited.gone));
        }
        let mut then: Contents = contents;
        let mut written = Vec::new();
        for (name, bytes) in edited.files {
            if let Owner::File(path) = &owner {
                let new = name.as_ref().filter(|name| !then.files.contains_key(*name));
                if let Some(there) = new.map(|name| beside(path, name)).filter(|new| new.exists()) {
                    return Err(Declined::usage(format!(
                        "the list {} needs a file, and {} is there already: name it in the policy, with `numbers_file`",
                        change.list,
                        there.display()
                    )));
                }
                written.push((
                    name.as_ref().map_or_else(|| path.clone(), |name| beside(path, name)),
                    bytes.clone(),
                ));
            }
            then = with(&then, name.as_deref(), bytes);
        }
        drop(text);
        let admitted = if edited.done + edited.gone > 0 {
            vec![self.admission.admit(then, Door::Change, self.now)?]
        } else {
            Vec::new()
        };
        let tally = Tally {
            done: edited.done,
            gone: edited.gone,
            needless: edited.needless,
            refused: edited.refused,
            refusals: edited.refusals,
        };
        Ok(Prepared { written, tally: Some(tally), ..Prepared::new(How::List, what, admitted) })
    }

    fn owner<'a>(&self, change: &ListChange, all: &'a [Version]) -> Result<Owner<'a>, Declined> {
        let installed = installed(all);
        let mut found: Vec<(String, Owner<'a>)> = Vec::new();
        let has = |text: &[u8]| has_list(text, &change.list);
        let is_meant = |customer: &str| change.customer.as_deref().is_none_or(|meant| meant == customer);
        for (customer, (_, changed)) in installed.iter().filter(|(customer, _)| is_meant(customer)) {
            if has(&self.text_of(changed)?) {
                found.push(((*customer).to_owned(), Owner::Installed(changed)));
            }
        }
        for path in self.files {
            let text = std::fs::read(path).map_err(Failure::file(path))?;
            let Some(customer) = Contents::customer(&text) else { continue };
            if is_meant(&customer) && !installed.contains_key(customer.as_str()) && has(&text) {
                found.push((customer, Owner::File(path.clone())));
            }
        }
        if found.len() > 1 {
            let names: Vec<&str> = found.iter().map(|(customer, _)| customer.as_str()).collect();
            return Err(Declined::usage(format!(
                "several have a list {:?}: {}; say whose with --customer",
                change.list,
                names.join(", ")
            )));
        }
        match (found.pop(), &change.customer) {
            (Some((_, owner)), _) => Ok(owner),
            (None, Some(customer)) => Err(Declined::usage(format!(
                "no policy of {customer:?} with a list {:?} is in force",
                change.list
            ))),
            (None, None) => Err(Declined::usage(format!("no policy in force has a list {:?}", change.list))),
        }
    }

    fn text_of(&self, changed: &Changed) -> Result<Vec<u8>, Declined> {
        let hash = changed.stored.iter().flat_map(|stored| stored.hashes()).next().unwrap_or_default();
        Ok(self.versions.bytes(hash)?)
    }

    fn edit(&self, change: &ListChange, text: &PolicyText) -> Result<Edited, Declined> {
        let path = self.versions.place(&change.entries);
        let mut broken = None;
        let entries =
            staged::read(&path)?.map_while(|entry| entry.map_err(|error| broken = Some(error)).ok());
        let edited = match change.wish {
            Wish::Add | Wish::Replace => {
                let today = Moment::from_microsecond(self.now.0).unwrap_or(Moment::UNIX_EPOCH);
                let today = today.to_zoned(text.customer.time_zone.clone()).date().to_string();
                match change.wish {
                    Wish::Replace => edit::replace(text, &change.list, entries, (&today, self.now)),
                    _ => edit::add(text, &change.list, entries, (&today, self.now)),
                }
            }
            Wish::Remove => {
                let numbers = entries.map(|Addition { line, number, .. }| (line, number));
                edit::remove(text, &change.list, numbers)
            }
        };
        match broken {
            Some(error) => Err(Failure::File(path, error).into()),
            None => edited.map_err(Declined::usage),
        }
    }
}

impl Limits {
    /// Says what is too much about `edited`.
    fn check(&self, edited: &Edited, change: &ListChange) -> Result<(), Declined> {
        let (before, after) = (edited.needless + edited.gone, edited.needless + edited.done);
        let percent = |part: u64, of: u64| part.saturating_mul(100) / of.max(1);
        let wrong = if let Some((line, why)) = &edited.guarded {
            format!("line {line}: {why}")
        } else if after == 0 {
            "it holds nothing".to_owned()
        } else if percent(edited.refused, after + edited.refused) > u64::from(self.refused_percent_max) {
            let first = edited
                .refusals
                .first()
                .map_or_else(String::new, |(line, why)| format!(", line {line}: {why}"));
            format!("{} of {} entries are none{first}", edited.refused, after + edited.refused)
        } else if before > 0 && percent(edited.gone, before) > u64::from(self.shrink_percent_max) {
            format!("{} of {before} entries are gone", edited.gone)
        } else if before > 0 && percent(edited.done, before) > u64::from(self.grow_percent_max) {
            format!("{} entries are new, and there were {before}", edited.done)
        } else {
            return Ok(());
        };
        Err(Declined { is_finding: true, said: format!("list {}: {wrong}", change.list) })
    }
}

/// Whether the policy `text` has a list `name`.
pub(crate) fn has_list(text: &[u8], name: &str) -> bool {
    let table = std::str::from_utf8(text).ok().and_then(|text| text.parse::<toml::Table>().ok());
    table.is_some_and(|table| table.get("lists").is_some_and(|lists| lists.get(name).is_some()))
}
