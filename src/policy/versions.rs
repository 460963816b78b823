//! `ringwall policy versions`: all changes, and what is in force.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::control::{self, InForce};
use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::versions::{Version, Versions, installed};

pub(super) fn print(data: &Path, json: bool) -> Result<Outcome, Failure> {
    if !data.is_dir() {
        return Err(Failure::Usage(format!(
            "there is no folder {}; --data names that of the service",
            data.display()
        )));
    }
    let all = Versions::of(data).all()?;
    let served = control::in_force(data)?;
    // Of a stopped service what is installed is known, and what its configuration names is not.
    let numbers: BTreeMap<String, u64> = match &served {
        Some(served) => served.iter().filter_map(|it| Some((it.customer.clone(), it.number?))).collect(),
        None => {
            installed(&all).into_iter().map(|(customer, (number, _))| (customer.to_owned(), number)).collect()
        }
    };
    let of_files: Vec<InForce> = served.into_iter().flatten().filter(|it| it.number.is_none()).collect();
    let mut text = String::new();
    if json {
        for version in all.iter().rev() {
            let line = Line { version, in_force: in_force(version, &numbers) };
            let _ = writeln!(text, "{}", serde_json::to_string(&line).unwrap_or_default());
        }
        for InForce { customer, version, path, .. } in &of_files {
            let policies = json!([{ "customer": customer, "version": version, "from": path }]);
            let line = json!({ "number": null, "how": "file", "in_force": [customer], "policies": policies });
            let _ = writeln!(text, "{line}");
        }
    } else {
        all.iter().rev().for_each(|version| line(version, &numbers, &mut text));
        for InForce { customer, version, path, .. } in &of_files {
            let path = path.as_deref().unwrap_or_else(|| Path::new("")).display().to_string();
            let (customer, version, path) = (shown(customer), short(version), shown(&path));
            let _ = writeln!(text, "   –  policy of {customer}  {version}  in force, from the file {path}");
        }
        if text.is_empty() {
            text.push_str("nothing is installed\n");
        }
    }
    policies::print(&text)?;
    Ok(Outcome::Done)
}

/// A change, for machines.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    version: &'a Version,
    in_force: Vec<&'a str>,
}

fn line(version: &Version, numbers: &BTreeMap<String, u64>, text: &mut String) {
    let Version { number, at, how, what, by, why, policies, undoes: _ } = version;
    let _ = write!(text, "{number:4}  {at}  {}  {}  by {}", how.word(), shown(what), shown(by));
    if !why.is_empty() {
        let _ = write!(text, ": {}", shown(why));
    }
    text.push('\n');
    let holding = in_force(version, numbers);
    for changed in policies {
        let of_version = changed.version.as_deref().map_or("released", short);
        let state = if holding.contains(&changed.customer.as_str()) { ", in force" } else { "" };
        let place = match (&changed.version, &changed.stored) {
            (None, _) => String::new(),
            (Some(_), Some(_)) => format!(", from {}", shown(&changed.from.display().to_string())),
            (Some(_), None) => {
                format!(", written in the files of {}", shown(&changed.from.display().to_string()))
            }
        };
        let _ = writeln!(text, "      {}  {of_version}{place}{state}", shown(&changed.customer));
    }
}

/// The customers whose policy is in force as `version` made it.
fn in_force<'a>(version: &'a Version, numbers: &BTreeMap<String, u64>) -> Vec<&'a str> {
    let customers = version.policies.iter().map(|changed| changed.customer.as_str());
    customers.filter(|customer| numbers.get(*customer) == Some(&version.number)).collect()
}

/// A version, as far as people compare it.
pub(super) fn short(version: &str) -> &str {
    version.get(..16).unwrap_or(version)
}

fn shown(text: &str) -> String {
    reporter::printable(text)
}
