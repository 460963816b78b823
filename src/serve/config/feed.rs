//! `[[feed]]`: a list that is fetched.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A list that is fetched over HTTP. ringwall.toml in the root says what each key means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feed {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) list: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<String>,
    #[serde(default = "plain")]
    pub(crate) format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<String>,
    #[serde(default)]
    pub(crate) international: bool,
    #[serde(default = "hour")]
    pub(crate) every_seconds: u32,
    #[serde(default = "two_days")]
    pub(crate) age_seconds_max: u32,
    #[serde(default = "minute")]
    pub(crate) fetch_seconds_max: u32,
    #[serde(default = "quarter")]
    pub(crate) megabytes_max: u32,
    #[serde(default = "tenth")]
    pub(crate) shrink_percent_max: u32,
    #[serde(default = "half")]
    pub(crate) grow_percent_max: u32,
    #[serde(default = "one")]
    pub(crate) refused_percent_max: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorities: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorization_file: Option<PathBuf>,
}

impl Feed {
    /// The files that it names.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.authorities.iter_mut().chain(&mut self.authorization_file)
    }

    /// What no key says alone.
    pub(super) fn check(feeds: &[Self]) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for Self { name, url, format, every_seconds, .. } in feeds {
            let of_file = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
            if name.is_empty() || !name.chars().all(of_file) {
                return Err(format!("feed {name:?}: a name is letters, digits, - and _"));
            }
            if !names.insert(name) {
                return Err(format!("two feeds are called {name:?}"));
            }
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
                return Err(format!("feed \"{name}\": {url:?} is no address of HTTP"));
            };
            if rest.split('/').next().is_some_and(|host| host.contains('@')) {
                return Err(format!(
                    "feed \"{name}\": a password stands in a file of its own; see `authorization_file`"
                ));
            }
            format.parse::<rules::exchange::Format>().map_err(|wrong| format!("feed \"{name}\": {wrong}"))?;
            if *every_seconds == 0 {
                return Err(format!("feed \"{name}\": `every_seconds` is at least 1"));
            }
        }
        Ok(())
    }
}

fn plain() -> String {
    "plain".to_owned()
}

fn hour() -> u32 {
    3_600
}

fn two_days() -> u32 {
    172_800
}

fn minute() -> u32 {
    60
}

fn quarter() -> u32 {
    256
}

fn tenth() -> u32 {
    10
}

fn half() -> u32 {
    50
}

fn one() -> u32 {
    1
}
