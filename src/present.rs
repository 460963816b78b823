//! The policies in force, as a command that only looks reads them.

use std::path::{Path, PathBuf};

use rules::Timestamp;

use crate::admission::{Admitted, look, look_read};
use crate::control;
use crate::outcome::Failure;
use crate::policies;
use crate::versions::{Versions, installed};

/// The policies of the service that runs in `data`, or what is installed there with those of `files`; of `customer` only, if
/// it is named.
pub(crate) fn policies(
    data: &Path,
    files: &[PathBuf],
    customer: Option<&str>,
) -> Result<Vec<Admitted>, Failure> {
    if !data.is_dir() && files.is_empty() {
        let folder = data.display();
        return Err(Failure::Usage(format!("there is no folder {folder}; --data names that of the service")));
    }
    let versions = Versions::of(data);
    let all = versions.all()?;
    let installed = installed(&all);
    let is_meant = |of: &str| customer.is_none_or(|meant| meant == of);
    let files: Vec<PathBuf> = match control::in_force(data)? {
        Some(all) => all.into_iter().filter(|it| it.number.is_none()).filter_map(|it| it.path).collect(),
        None => files.to_vec(),
    };
    let mut found = Vec::new();
    for (_, (_, changed)) in installed.iter().filter(|(customer, _)| is_meant(customer)) {
        found.push(look(versions.contents(changed)?));
    }
    for path in files {
        let read = policies::read(&path, Timestamp::default())?;
        let customer = read.policy.as_ref().map(|text| text.customer.name.clone()).unwrap_or_default();
        if is_meant(&customer) && !installed.contains_key(customer.as_str()) {
            found.push(look_read(read));
        }
    }
    found
        .into_iter()
        .map(|admitted| {
            admitted.map_err(|refused| {
                refused.say();
                Failure::Said
            })
        })
        .collect()
}
