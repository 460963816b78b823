//! The policies in force, as a command that only looks reads them.

use std::path::PathBuf;

use rules::Timestamp;

use super::Place;
use crate::admission::{Admitted, Door, admit, admit_read};
use crate::control;
use crate::outcome::Failure;
use crate::policies;
use crate::versions::{Versions, installed};

/// The policies of a running service, or what is installed with the files that `place` names.
pub(super) fn policies(place: &Place) -> Result<Vec<Admitted>, Failure> {
    if !place.data.is_dir() && place.policy.is_empty() {
        let folder = place.data.display();
        return Err(Failure::Usage(format!("there is no folder {folder}; --data names that of the service")));
    }
    let versions = Versions::of(&place.data);
    let all = versions.all()?;
    let installed = installed(&all);
    let is_meant = |customer: &str| place.customer.as_deref().is_none_or(|meant| meant == customer);
    let files: Vec<PathBuf> = match control::in_force(&place.data)? {
        Some(all) => all.into_iter().filter(|it| it.number.is_none()).filter_map(|it| it.path).collect(),
        None => place.policy.clone(),
    };
    let mut found = Vec::new();
    for (_, (_, changed)) in installed.iter().filter(|(customer, _)| is_meant(customer)) {
        found.push(admit(versions.contents(changed)?, Door::Present, policies::now()));
    }
    for path in files {
        let read = policies::read(&path, Timestamp::default())?;
        let customer = read.policy.as_ref().map(|text| text.customer.name.clone()).unwrap_or_default();
        if is_meant(&customer) && !installed.contains_key(customer.as_str()) {
            found.push(admit_read(read, Door::Present, policies::now()));
        }
    }
    found
        .into_iter()
        .map(|admitted| {
            admitted.map_err(|refused| {
                refused.0.say_errors();
                Failure::Said
            })
        })
        .collect()
}
