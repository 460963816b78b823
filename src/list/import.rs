//! Reads in a list of another program, entry by entry: ten million need no more memory than ten.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use rules::exchange::{self, Choice, Format, Found};

use crate::changes::Staging;
use crate::outcome::Failure;
use crate::progress::Progress;
use crate::versions::Versions;

/// Stores the entries of `file`. Returns their hash, and how many things were left out, which are named on stderr.
pub(super) fn stage(
    file: &Path,
    format: Format,
    choice: &Choice,
    versions: &Versions,
) -> Result<(String, u64), Failure> {
    let mut staging = Staging::new(versions)?;
    let spooled = if file.as_os_str() == "-" { Some(Spooled::new(versions)?) } else { None };
    let path = spooled.as_ref().map_or(file, |spooled| &spooled.0);
    if is_binary(path).map_err(Failure::file(path))? {
        let file = file.display();
        return Err(Failure::Usage(format!("{file} is no text, and so no list: bytes of 0 are all over it")));
    }
    let bytes = std::fs::metadata(path).map_err(Failure::file(path))?.len();
    let times = if format == Format::Plain { 1 } else { 2 };
    let progress = Progress::new(bytes * times, QUICK_BYTES);
    let mut open = || {
        let counted = Counted { file: File::open(path)?, progress: progress.clone() };
        Ok(Box::new(BufReader::with_capacity(1 << 20, counted)) as Box<dyn BufRead>)
    };
    let mut left_out = 0;
    let read = exchange::read(format, choice, &mut open, &mut |found| match found {
        Found::Entry(addition) => staging.push(&addition),
        Found::LeftOut { line, why } => {
            left_out += 1;
            if left_out <= NAMED_MAX {
                let said = format!("{}:{line}: {why}", file.display());
                eprintln!("ringwall: {}", reporter::printable(&said));
            }
            Ok(())
        }
    });
    progress.clone().finish();
    read.map_err(Failure::file(file))?;
    if left_out > NAMED_MAX {
        eprintln!("ringwall: {} more were left out", left_out - NAMED_MAX);
    }
    Ok((staging.finish(versions)?, left_out))
}

/// Whether a file is no text: of a capture each line would be one that is left out. A byte of 0 here and there is a bad entry.
fn is_binary(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    File::open(path)?.take(LOOKED_AT_BYTES).read_to_end(&mut first)?;
    let zeros = first.iter().filter(|byte| **byte == 0).count();
    Ok(zeros * 10 > first.len())
}

/// Standard input in a file, since tables are read twice.
struct Spooled(PathBuf);

impl Spooled {
    fn new(versions: &Versions) -> Result<Self, Failure> {
        let path = versions.lock()?.place_to_stage()?.with_extension("input");
        let copy = File::create(&path).and_then(|mut file| io::copy(&mut io::stdin().lock(), &mut file));
        let spooled = Self(path);
        copy.map_err(Failure::file(&spooled.0))?;
        Ok(spooled)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A file whose reading is shown.
struct Counted {
    file: File,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.progress.see(count as u64);
        Ok(count)
    }
}

/// What is left out is named up to so many times.
const NAMED_MAX: u64 = 1_000;
/// Of a file that is no text so much is looked at.
const LOOKED_AT_BYTES: u64 = 8 << 10;
/// What is read within a second shows no bar.
const QUICK_BYTES: u64 = 32 << 20;
