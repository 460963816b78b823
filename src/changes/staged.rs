//! Entries on their way to a list: one a line, its fields parted by tabs, so that ten million need no memory.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use rules::policy::edit::Addition;
use sha2::{Digest as _, Sha256};

use crate::outcome::Failure;
use crate::versions::{Versions, hexadecimal};

/// Entries on their way to where they are stored.
pub(crate) struct Staging {
    path: PathBuf,
    to: BufWriter<File>,
    hash: Sha256,
    line: Vec<u8>,
}

impl Staging {
    /// None yet.
    pub(crate) fn new(versions: &Versions) -> Result<Self, Failure> {
        let path = versions.lock()?.place_to_stage()?;
        let to = File::create(&path).map_err(Failure::file(&path))?;
        Ok(Self { path, to: BufWriter::with_capacity(1 << 20, to), hash: Sha256::new(), line: Vec::new() })
    }

    /// One more.
    pub(crate) fn push(&mut self, addition: &Addition) -> io::Result<()> {
        self.line.clear();
        to_line(&mut self.line, addition)?;
        self.hash.update(&self.line);
        self.to.write_all(&self.line)
    }

    /// Stores them and returns their hash. They go by themselves when no change wants them within the hour.
    pub(crate) fn finish(mut self, versions: &Versions) -> Result<String, Failure> {
        let hash = hexadecimal(&self.hash.finalize_reset());
        let store = self.to.flush().and_then(|()| fs::rename(&self.path, versions.place(&hash)));
        if store.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        store.map_err(Failure::file(&self.path))?;
        Ok(hash)
    }
}

/// Writes `addition` as one line.
fn to_line(to: &mut impl Write, addition: &Addition) -> io::Result<()> {
    // What would part fields or lines is no part of a number, and says nothing in a comment.
    let plain = |text: &str| text.replace(|character: char| character.is_control(), " ");
    let field = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
    let Addition { line, number, reason, expires } = addition;
    writeln!(to, "{line}\t{}\t{}\t{}", plain(number), field(reason), field(expires))
}

/// The entries in the file `path`.
pub(super) fn read(path: &Path) -> Result<impl Iterator<Item = io::Result<Addition>>, Failure> {
    let file = File::open(path).map_err(Failure::file(path))?;
    Ok(BufReader::with_capacity(1 << 20, file).lines().map(|line| {
        let line = line?;
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Addition {
            line: field().parse().map_err(io::Error::other)?,
            number: field().to_owned(),
            reason: text(field()),
            expires: text(field()),
        })
    }))
}
