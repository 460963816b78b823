//! A database of a server is copied, and brought back, by the server's own programs.

use std::path::Path;
use std::process::Command;

use crate::outcome::Failure;

/// Has pg_dump write the database at `place` to the file `to`, and pg_restore read what it wrote.
pub(super) fn dump(place: &str, to: &Path) -> Result<(), Failure> {
    let dumped = Command::new("pg_dump")
        .args(["--format=custom", "--file"])
        .arg(to)
        .arg("--dbname")
        .arg(place)
        .output();
    let dumped = dumped.map_err(|error| {
        Failure::Usage(format!(
            "the database is PostgreSQL's, and pg_dump cannot be run ({error}): copy it with \
             `pg_dump --format=custom` on a machine that has it"
        ))
    })?;
    if !dumped.status.success() {
        let why = reporter::printable(String::from_utf8_lossy(&dumped.stderr).trim());
        return Err(Failure::Usage(format!("pg_dump failed: {why}")));
    }
    let listed = Command::new("pg_restore").arg("--list").arg(to).output().map_err(Failure::Output)?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    // Without these it would be a copy of something else.
    let has_all = ["cases", "events", "audit", "mails"]
        .iter()
        .all(|table| text.contains(&format!("TABLE DATA public {table} ")));
    if listed.status.success() && has_all {
        return Ok(());
    }
    Err(Failure::Usage("what pg_dump wrote is no copy of the database of cases".to_owned()))
}

/// Has pg_restore bring the file `from` into the empty database at `place`: all of it, or nothing.
pub(super) fn restore(from: &Path, place: &str) -> Result<(), Failure> {
    let restored = Command::new("pg_restore")
        .args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--dbname", place])
        .arg(from)
        .output();
    let restored = restored.map_err(|error| {
        Failure::Usage(format!(
            "pg_restore cannot be run ({error}): leave out --into, and call it on a machine that has it"
        ))
    })?;
    if restored.status.success() {
        return Ok(());
    }
    let why = reporter::printable(String::from_utf8_lossy(&restored.stderr).trim());
    Err(Failure::Usage(format!(
        "pg_restore failed, and nothing was changed; the database has to be there and empty: {why}"
    )))
}
