//! A database of a server is copied, and brought back, by the server's own programs.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::Command;

use crate::outcome::Failure;

/// Has pg_dump write the database at `place` to the file `to`, and pg_restore read what it wrote.
pub(super) fn dump(place: &str, to: &Path) -> Result<(), Failure> {
    let dumped = client("pg_dump", place).args(["--format=custom", "--file"]).arg(to).output();
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
    let restored = client("pg_restore", place)
        .args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"])
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

/// The client `program` for the database at `place`. Everybody on the machine may read what a process is called with, so the
/// password goes over its environment, which only its owner may.
fn client(program: &str, place: &str) -> Command {
    let mut command = Command::new(program);
    let (place, password) = without_password(place);
    command.arg("--dbname").arg(place);
    if let Some(password) = password {
        command.env("PGPASSWORD", OsString::from_vec(password));
    }
    command
}

/// `place` without its password, and the password.
fn without_password(place: &str) -> (String, Option<Vec<u8>>) {
    let (address, question) = place.split_once('?').unwrap_or((place, ""));
    let asked = question.split('&').filter(|part| !part.is_empty());
    let (of_question, left): (Vec<&str>, Vec<&str>) = asked.partition(|part| part.starts_with("password="));
    let mut password = of_question.last().and_then(|part| part.split_once('=')).map(|(_, word)| word);
    let mut hidden = address.to_owned();
    if let Some((scheme, rest)) = address.split_once("://") {
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if let Some((user, host)) = authority.rsplit_once('@')
            && let Some((user, word)) = user.split_once(':')
        {
            password = password.or(Some(word));
            hidden = format!("{scheme}://{user}@{host}{behind}");
        }
    }
    if !left.is_empty() {
        hidden = format!("{hidden}?{}", left.join("&"));
    }
    (hidden, password.map(unescape))
}

/// The bytes that `text`, a part of a URL, stands for (RFC 3986 §2.1).
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| tail.split_first_chunk::<2>()).flatten();
        let digits = escaped.and_then(|(digits, tail)| {
            let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            Some((byte, tail))
        });
        let (byte, behind) = digits.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = behind;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_stands_among_the_arguments() {
        for (place, hidden, password) in [
            (
                "postgres://ann:s%40cret@db.example.com:5433/desk",
                "postgres://ann@db.example.com:5433/desk",
                Some("s@cret"),
            ),
            (
                "postgres://ann:a:b%2@db/desk?sslmode=require",
                "postgres://ann@db/desk?sslmode=require",
                Some("a:b%2"),
            ),
            (
                "postgres:///desk?host=/tmp&password=x%20y&user=ann",
                "postgres:///desk?host=/tmp&user=ann",
                Some("x y"),
            ),
            ("postgres://ann:old@db/desk?password=new", "postgres://ann@db/desk", Some("new")),
            ("postgres://ann@db/desk", "postgres://ann@db/desk", None),
            ("postgres://db", "postgres://db", None),
        ] {
            let (said, found) = without_password(place);
            assert_eq!((said.as_str(), found), (hidden, password.map(|word| word.as_bytes().to_vec())));
            let client = client("pg_dump", place);
            assert_eq!(client.get_args().collect::<Vec<_>>(), ["--dbname", hidden]);
            assert_eq!(client.get_envs().count(), usize::from(password.is_some()));
        }
    }
}
