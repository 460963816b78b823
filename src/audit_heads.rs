//! Where audit chains end, kept hour by hour outside their database and signed by the desk: in a folder, in a bucket, and with
//! machines that take logs. Whoever cuts entries off the end of a chain is found out. A chain alone cannot show that.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use cases::audit::Head;
use cases::change::{Signer, Verifier};
use records::io::Place;
use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files;
use crate::outcome::Failure;

/// The folder in that of the service, unless the configuration names another.
pub(crate) const FOLDER: &str = "audit";

/// Keeps ends in a folder, and words them for machines that take logs.
pub(crate) struct Keeper {
    folder: PathBuf,
    signer: Signer,
    /// What was kept by this run.
    in_folder: Reached,
    with_machines: Reached,
}

/// Keeps ends in a bucket.
pub(crate) struct BucketKeeper {
    bucket: Place,
    signer: Signer,
    reached: Reached,
}

/// The last place of each chain that is known somewhere.
#[derive(Default)]
struct Reached(BTreeMap<String, u64>);

/// Ends that are signed, and not known yet where they go.
pub(crate) struct Signed {
    at: String,
    lines: Vec<(String, u64, String)>,
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
        Self { folder, signer, in_folder: Reached::default(), with_machines: Reached::default() }
    }

    /// Adds those of `heads` that have moved since to the file of the day. They are on disk when this returns.
    ///
    /// # Errors
    /// Those of the system; all of them are kept the next time.
    pub(crate) fn keep(&mut self, heads: &[(String, Head)], at: Timestamp) -> io::Result<()> {
        let signed = self.in_folder.sign(heads, &self.signer, at)?;
        if signed.lines.is_empty() {
            return Ok(());
        }
        let mut text = signed.text();
        fs::create_dir_all(&self.folder)?;
        let day = signed.at.get(..10).unwrap_or_default();
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
        self.in_folder.reach(&signed);
        Ok(())
    }

    /// Those of `heads` that machines were not told of, each with what it is known by; [`Self::told`] says that they were.
    ///
    /// # Errors
    /// They cannot be worded.
    pub(crate) fn for_machines(&self, heads: &[(String, Head)], at: Timestamp) -> io::Result<Signed> {
        self.with_machines.sign(heads, &self.signer, at)
    }

    /// Machines are told of `signed`.
    pub(crate) fn told(&mut self, signed: &Signed) {
        self.with_machines.reach(signed);
    }
}

impl BucketKeeper {
    /// One that keeps them in `bucket`.
    pub(crate) fn new(bucket: Place, signer: Signer) -> Self {
        Self { bucket, signer, reached: Reached::default() }
    }

    /// Puts those of `heads` that have moved since into a file of their own. Waits for the server.
    ///
    /// # Errors
    /// It does not take them, or there is such a file; all of them are kept the next time.
    pub(crate) fn keep(&mut self, heads: &[(String, Head)], at: Timestamp) -> io::Result<()> {
        let signed = self.reached.sign(heads, &self.signer, at)?;
        if signed.lines.is_empty() {
            return Ok(());
        }
        let name = format!("{BUCKET_FOLDER}/{}.jsonl", signed.at.replace(':', "-"));
        if !self.bucket.put_new(&name, signed.text().as_bytes())? {
            let there = format!("{} is there already", self.bucket.say(&name));
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, there));
        }
        self.reached.reach(&signed);
        Ok(())
    }
}

impl Reached {
    /// Those of `heads` that have moved on from here.
    fn sign(&self, heads: &[(String, Head)], signer: &Signer, at: Timestamp) -> io::Result<Signed> {
        let at = reporter::rfc3339(at);
        let mut lines = Vec::new();
        for (customer, head) in heads {
            if head.sequence == 0 || self.0.get(customer).is_some_and(|sequence| *sequence >= head.sequence) {
                continue;
            }
            let signature = signer.sign(WHAT, &content(&at, customer, head));
            let (sequence, hash) = (head.sequence, head.hash.clone());
            let line = Line { at: at.clone(), customer: customer.clone(), sequence, hash, signature };
            lines.push((customer.clone(), sequence, serde_json::to_string(&line)?));
        }
        Ok(Signed { at, lines })
    }

    fn reach(&mut self, signed: &Signed) {
        self.0.extend(signed.lines.iter().map(|(customer, sequence, _)| (customer.clone(), *sequence)));
    }
}

impl Signed {
    /// Each line, and what tells it from all others: which end it is of which chain.
    pub(crate) fn keyed(&self) -> Vec<(String, String)> {
        let keyed = |(customer, sequence, line): &(String, u64, String)| {
            (serde_json::json!([customer, sequence]).to_string(), line.clone())
        };
        self.lines.iter().map(keyed).collect()
    }

    fn text(&self) -> String {
        self.lines.iter().map(|(_, _, line)| format!("{line}\n")).collect()
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
        kept.take_all(&text, &verifier, &path.display().to_string());
    }
    Ok(kept)
}

/// Adds what is kept in `bucket`, as [`read`] does of a folder.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_bucket(
    kept: &mut Kept,
    bucket: &Place,
    verifier: impl FnOnce() -> Result<Verifier, Failure>,
) -> Result<(), Failure> {
    let failed = |name: &str, error: io::Error| Failure::Usage(format!("{}: {error}", bucket.say(name)));
    let names = bucket.list(BUCKET_FOLDER, None).map_err(|error| failed(BUCKET_FOLDER, error))?;
    if names.is_empty() {
        return Ok(());
    }
    let verifier = verifier()?;
    for name in names {
        let text = bucket.read(&name).map_err(|error| failed(&name, error))?;
        kept.take_all(&text, &verifier, &bucket.say(&name));
    }
    Ok(())
}

impl Kept {
    /// Takes the lines of the file `place`.
    fn take_all(&mut self, text: &[u8], verifier: &Verifier, place: &str) {
        let lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
        for (index, line) in lines {
            self.take(line, verifier, || format!("{place}:{}", index + 1));
        }
    }

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

/// The folder in a bucket.
const BUCKET_FOLDER: &str = "heads";
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

    /// A place that is a folder stands for the bucket: a file there is made once as well.
    #[test]
    fn each_place_is_told_by_itself_and_nothing_there_is_written_over() {
        let folder = std::env::temp_dir().join(format!("ringwall-audit-places-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let desk = signer(&folder, "desk.key");
        let verifier = desk.verifier();
        let bucket = Place::folder(&folder.join("bucket"));
        let mut keeper = Keeper::new(folder.join("kept"), desk);
        let in_bucket = || BucketKeeper::new(bucket.clone(), signer(&folder, "desk.key"));
        let (mut first, mut second) = (in_bucket(), in_bucket());
        let begin = Timestamp(1_791_212_400_000_000);
        let heads = [head("Acme", 3), head("Bay", 0)];
        keeper.keep(&heads, begin).unwrap();
        first.keep(&heads, begin).unwrap();
        // Another service at the same moment, or a clock that was set back: what is there stays.
        let taken = second.keep(&[head("Acme", 2)], begin).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        second.keep(&[head("Acme", 9)], begin.plus_micros(1)).unwrap();
        first.keep(&heads, begin.plus_micros(2)).unwrap();
        assert_eq!(bucket.list(BUCKET_FOLDER, None).unwrap().len(), 2, "what stands still is kept once");
        // What cuts the database and the folder is found out by the bucket.
        let mut kept = read(&folder.join("kept"), || Ok(verifier.clone())).unwrap();
        assert_eq!(kept.heads["Acme"].sequence, 3);
        read_bucket(&mut kept, &bucket, || Ok(verifier.clone())).unwrap();
        assert_eq!((kept.heads["Acme"].sequence, kept.foreign.len(), kept.cut), (9, 0, 0));
        // Machines were told nothing yet; what they were told they are told once.
        let signed = keeper.for_machines(&heads, begin).unwrap();
        let [(key, line)] = &signed.keyed()[..] else { panic!("one end") };
        assert_eq!(key, "[\"Acme\",3]");
        assert!(line.contains("\"signature\":") && line.contains("hash of 3"), "{line}");
        keeper.told(&signed);
        assert!(keeper.for_machines(&heads, begin).unwrap().keyed().is_empty());
        fs::remove_dir_all(folder).unwrap();
    }
}
