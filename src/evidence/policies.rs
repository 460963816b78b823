//! The texts of the policies that judged the calls of a case, and of those that its changes lead from and to.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::path::Path;

use cases::io::store::Evidence;
use cases::pack::Pack;
use serde_json::json;

use super::{JSON, pretty};
use crate::admission::{Admission, Admitted};
use crate::outcome::Failure;
use crate::serve::Kept;
use crate::versions::Versions;

/// Puts what is stored of them into `pack`.
pub(super) fn put(
    pack: &mut Pack,
    evidence: &Evidence,
    judged: &BTreeSet<String>,
    data: &Path,
) -> Result<(), Failure> {
    let changes =
        evidence.changes.iter().flat_map(|(it, _)| [it.change.base.clone(), it.change.result.clone()]);
    let wanted: BTreeSet<String> = judged.iter().cloned().chain(changes).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let versions = Versions::of(data);
    let all = versions.all()?;
    // Those of the configuration, as they were when they were good; read only where nothing that was installed fits.
    let kept = LazyCell::new(|| {
        Kept::new(data, Admission::to_look()).policies().flat_map(|(_, set)| set).collect::<Vec<_>>()
    });
    let customer = &evidence.case.customer;
    for version in wanted {
        let found = all.iter().rev().find_map(|change| {
            let of = change.policies.iter().find(|changed| {
                changed.customer == *customer
                    && changed.version.as_deref() == Some(&version)
                    && changed.stored.is_some()
            })?;
            Some((Some(change), versions.contents(of).ok()?))
        });
        let found = found.or_else(|| {
            let is_it = |it: &&Admitted| it.customer() == customer && it.version() == version;
            Some((None, kept.iter().find(is_it)?.contents().clone()))
        });
        let plain: String = version.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let Some((change, contents)) = found else {
            pack.leave_out(format!("The text of policy version {plain} is not stored here."));
            continue;
        };
        pack.put(&format!("policies/{plain}.toml"), "application/toml", contents.text.to_vec());
        let mut files = Vec::new();
        for (number, (name, bytes)) in (1..).zip(&contents.files) {
            let here = format!("policies/{plain}-{number:02}.txt");
            if pack.bytes() + bytes.len() as u64 > LISTS_BYTES_MAX {
                pack.leave_out(format!("File {number} of policy version {plain} is too large."));
                files.push(json!({ "name": name }));
                continue;
            }
            pack.put(&here, "text/plain", bytes.to_vec());
            files.push(json!({ "name": name, "here": here }));
        }
        let installed = change.map(
            |it| json!({ "number": it.number, "at": it.at, "by": it.by, "why": it.why, "what": it.what }),
        );
        let about = json!({ "version": version, "installed": installed, "files": files });
        pack.put(&format!("policies/{plain}.json"), JSON, pretty(&about)?);
    }
    Ok(())
}

/// What a pack may hold before further lists are left out.
const LISTS_BYTES_MAX: u64 = 256 << 20;
