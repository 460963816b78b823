//! Where audit chains end, kept hour by hour outside their database and signed by the desk: whoever cuts entries off the end
//! of a chain is found out. A chain alone cannot show that.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use cases::audit::Head;
use cases::change::{Signer, Verifier};
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::outcome::Failure;

/// The folder in that of the service, unless the configuration names another.
pub(crate) const FOLDER: &str = "audit";

/// Keeps ends.
pub(crate) struct Keeper {
    folder: PathBuf,
    signer: Signer,
    /// The last place of each chain that was kept by this run.
    kept: BTreeMap<String, u64>,
}

/// What is kept in a folder.
#[derive(Default)]
pub(crate) struct Kept {
    /// The furthest end of each chain.
    pub(crate) heads: BTreeMap<String, Head>,
    /// What is there and was not written by the desk, in words.
    pub(crate) foreign: Vec<String>,
    /// Lines that were cut short, as by a power cut.
    pub(crate) cut: u64,
}

/// A line of a file: an end, and whose word that is.
#[derive(Serialize, Deserialize)]
struct Line {
    at: String,
    customer: String,
    sequence: u64,
    hash: String,
    signature: String,
}

impl Keeper {
    /// One that keeps them in `folder`, which is made when it is first needed.
    pub(crate) fn new(folder: PathBuf, signer: Signer) -> Self {
        Self { folder, signer, kept: BTreeMap::new() }
    }

    /// Adds those of `heads` that have moved since to the file of the day. They are on disk when this returns.
    ///
    /// # Errors
    /// Those of the system; all of them are kept the next time.
    pub(crate) fn keep(&mut self, heads: &[(String, Head)], at: Timestamp) -> io::Result<()> {
        let at = reporter::rfc3339(at);
        let has_moved = |(customer, head): &&(String, Head)| {
            head.sequence > 0 && self.kept.get(customer).is_none_or(|sequence| *sequence < head.sequence)
        };
        let moved: Vec<_> = heads.iter().filter(has_moved).collect();
        let mut text = String::new();
        for (customer, head) in &moved {
            let signature = self.signer.sign(WHAT, &content(&at, customer, head));
            let (customer, hash) = (customer.clone(), head.hash.clone());
            let line = Line { at: at.clone(), customer, sequence: head.sequence, hash, signature };
            text += &serde_json::to_string(&line)?;
            text.push('\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let day = at.get(..10).unwrap_or_default();
        let path = self.folder.join(format!("heads-{day}.jsonl"));
        let is_new = !path.exists();
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path)?;
        if !ends_a_line(&mut file)? {
            text.insert(0, '\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if is_new {
            files::sync_folder_of(&path)?;
        }
        self.kept.extend(moved.into_iter().map(|(customer, head)| (customer.clone(), head.sequence)));
        Ok(())
    }
}

/// What is kept in `folder`; nothing where there is no such folder. Only what `verifier` tells to be the desk's counts.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(
    folder: &Path,
    verifier: impl FnOnce() -> Result<Verifier, Failure>,
) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kept),
        entries => entries.map_err(Failure::file(folder))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(Failure::file(folder))?.path();
        if path.extension().is_some_and(|it| it == "jsonl") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Ok(kept);
    }
    let verifier = verifier()?;
    paths.sort();
    for path in paths {
        let text = fs::read(&path).map_err(Failure::file(&path))?;
        let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
        for (index, line) in lines {
            kept.take(line, &verifier, || format!("{}:{}", path.display(), index + 1));
        }
    }
    Ok(kept)
}

impl Kept {
    /// Notes where a chain ends at least.
    pub(crate) fn note(&mut self, customer: String, head: Head) {
        let furthest = self.heads.entry(customer).or_default();
        if furthest.sequence < head.sequence {
            *furthest = head;
        }
    }

    fn take(&mut self, line: &[u8], verifier: &Verifier, place: impl FnOnce() -> String) {
        let Ok(Line { at, customer, sequence, hash, signature }) = serde_json::from_slice(line) else {
            self.cut += 1;
            return;
        };
        let head = Head { sequence, hash };
        if !verifier.is_of(WHAT, &content(&at, &customer, &head), &signature) {
            self.foreign.push(format!("{}: not signed by this desk", place()));
            return;
        }
        self.note(customer, head);
    }
}

/// What is signed: nothing in it can be moved from one field to the next.
fn content(at: &str, customer: &str, head: &Head) -> Vec<u8> {
    serde_json::json!([at, customer, head.sequence, head.hash]).to_string().into_bytes()
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The kind of signature.
const WHAT: &str = "audit head";

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(folder: &Path, name: &str) -> Signer {
        crate::desk_key::open_at(&folder.join(name)).unwrap()
    }

    fn head(customer: &str, sequence: u64) -> (String, Head) {
        (customer.to_owned(), Head { sequence, hash: format!("hash of {sequence}") })
    }

    #[test]
    fn the_furthest_end_that_the_desk_signed_counts() {
        let folder = std::env::temp_dir().join(format!("ringwall-audit-heads-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let (desk, other) = (signer(&folder, "desk.key"), signer(&folder, "other.key"));
        let verifier = desk.verifier();
        let place = folder.join(FOLDER);
        let read = || read(&place, || Ok(verifier.clone())).unwrap();
        assert!(read().heads.is_empty(), "no folder yet");
        let day = 24 * 3_600 * 1_000_000;
        let begin = Timestamp(1_791_212_400_000_000);
        let mut keeper = Keeper::new(place.clone(), desk);
        keeper.keep(&[head("Acme", 3), head("", 1), head("Empty", 0)], begin).unwrap();
        keeper.keep(&[head("Acme", 3), head("", 1)], begin.plus_micros(day / 24)).unwrap();
        keeper.keep(&[head("Acme", 9), head("", 1)], begin.plus_micros(day)).unwrap();
        let first = place.join("heads-2026-10-05.jsonl");
        assert_eq!(fs::read_to_string(&first).unwrap().lines().count(), 2, "what stands still is kept once");
        let kept = read();
        assert_eq!(kept.heads, [head("", 1), head("Acme", 9)].into());
        assert!(kept.foreign.is_empty() && kept.cut == 0);

        // A power cut in the middle of a line, after which it goes on.
        let mut file = OpenOptions::new().append(true).open(&first).unwrap();
        file.write_all(br#"{"at":"2026"#).unwrap();
        keeper.keep(&[head("Acme", 10)], begin).unwrap();
        let kept = read();
        assert_eq!((kept.heads["Acme"].sequence, kept.cut, kept.foreign.len()), (10, 1, 0));

        // Somebody else's word, and the desk's own with another number.
        let changed = fs::read_to_string(&first).unwrap().replace("\"sequence\":10", "\"sequence\":4");
        fs::write(&first, changed).unwrap();
        Keeper::new(place.clone(), other).keep(&[head("Acme", 99)], begin).unwrap();
        let kept = read();
        assert_eq!((kept.heads["Acme"].sequence, kept.foreign.len()), (9, 2), "{:?}", kept.foreign);
        assert!(
            kept.foreign[0].ends_with("heads-2026-10-05.jsonl:4: not signed by this desk"),
            "{:?}",
            kept.foreign
        );
        fs::remove_dir_all(folder).unwrap();
    }
}
