//! What the fuzz targets in `tests/` share: seeds, variation, time.
//!
//! A target first runs its seeds as they are, then variations of them that bolero's bytes choose, so that stable
//! `cargo test` gets as deep into a format as a seed does, and a coverage-guided engine can steer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a target varies its seeds: `RINGWALL_FUZZ_SECONDS`, else two seconds.
pub fn duration() -> Duration {
    let told = env::var("RINGWALL_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(told.unwrap_or(2))
}

/// The files under the folders `own` of the repository and `shared` of `RINGWALL_SHARED` that have one of
/// `extensions` and are not longer than `bytes_max`, in order of their paths.
///
/// # Panics
/// When `RINGWALL_SHARED` is missing in CI.
pub fn seeds(own: &[&str], shared: &[&str], extensions: &[&str], bytes_max: u64) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<PathBuf> = own.iter().map(|folder| root.join(folder)).collect();
    let elsewhere = env::var_os("RINGWALL_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    if elsewhere.is_dir() {
        folders.extend(shared.iter().map(|folder| elsewhere.join(folder)));
    } else {
        assert!(env::var_os("CI").is_none(), "{} is not there (RINGWALL_SHARED)", elsewhere.display());
        eprintln!("left out: seeds of {}, which is not there (RINGWALL_SHARED)", elsewhere.display());
    }
    let mut paths = Vec::new();
    folders.iter().for_each(|folder| collect(folder, &mut paths));
    paths.sort();
    let wanted = |path: &PathBuf| {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        extensions.contains(&extension.as_str())
            && fs::metadata(path).is_ok_and(|metadata| metadata.len() <= bytes_max)
    };
    paths.into_iter().filter(wanted).filter_map(|path| fs::read(path).ok()).collect()
}

/// The variation of one of `seeds` that `script` describes: which seed, then edits. An empty script, and one that
/// begins with a zero, stand for their own bytes, so that nothing is out of reach.
pub fn vary(seeds: &[Vec<u8>], script: &[u8]) -> Vec<u8> {
    let (&[choice, high, low], rest) =
        script.split_first_chunk().map_or((&[0; 3], script), |(head, rest)| (head, rest));
    let index = usize::from(u16::from_be_bytes([high, low])) % seeds.len().max(1);
    let Some(seed) = seeds.get(index).filter(|_| choice != 0) else { return script.to_vec() };
    let mut bytes = seed.clone();
    for edit in rest.chunks_exact(EDIT_BYTES).take(EDITS_MAX) {
        if let &[kind, high, low, size, value] = edit {
            let at = usize::from(u16::from_be_bytes([high, low])) * (bytes.len() + 1) / (1 << 16);
            let at = at.min(bytes.len());
            apply(&mut bytes, kind, at, usize::from(size), value, seeds);
        }
    }
    bytes
}

/// Panics unless `part` lies within `whole` (an empty part may lie anywhere).
///
/// # Panics
/// When `part` comes from somewhere else.
#[track_caller]
pub fn assert_inside(whole: &[u8], part: &[u8]) {
    let (whole_range, part_range) = (whole.as_ptr_range(), part.as_ptr_range());
    let lies_within = whole_range.start <= part_range.start && part_range.end <= whole_range.end;
    assert!(part.is_empty() || lies_within, "{:?} is no part of the packet", part.escape_ascii().to_string());
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, paths) } else { paths.push(path) }
    }
}

fn apply(bytes: &mut Vec<u8>, kind: u8, at: usize, size: usize, value: u8, seeds: &[Vec<u8>]) {
    let end = (at + size).min(bytes.len());
    match kind % 8 {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = value),
        1 => bytes.insert(at, value),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let span: Vec<u8> = bytes.iter().copied().take(end).skip(at).collect();
            drop(bytes.splice(at..at, span.repeat(usize::from(value % 8))));
        }
        4 => {
            let token = TOKENS.get(usize::from(value) % TOKENS.len()).copied().unwrap_or_default();
            drop(bytes.splice(at..at, token.iter().copied()));
        }
        5 => bytes.truncate(at),
        6 => {
            let other =
                seeds.get(usize::from(value) % seeds.len().max(1)).map(Vec::as_slice).unwrap_or_default();
            drop(bytes.splice(at..end, other.iter().copied().skip(at.min(other.len())).take(size * 4)));
        }
        _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (value % 8)),
    }
}

const EDIT_BYTES: usize = 5;
const EDITS_MAX: usize = 24;

/// What formats break at.
const TOKENS: [&[u8]; 40] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\r\n ",
    b"\0",
    b"%00",
    b"%2",
    b"%25%32%35",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"?",
    b"=",
    b"sip:",
    b"tel:+",
    b"urn:service:sos",
    b";phone-context=+1",
    b";tag=",
    b"Content-Length: 4294967296\r\n",
    b"l: 0\r\n",
    b"From: <sip:a@b>\r\n",
    b"\xff",
    b"\xc3\xa9",
    b"\xd9\xa0",
    b"911",
    b"+1",
    b"011",
    b"x",
    b"[[firewall]]\n",
    b"re:(",
    b"9999999999999999999999",
    b"\x00\x00\xff\xff",
    b"SIP/2.0 200 OK\r\n",
    b"INVITE sip:a@b SIP/2.0\r\n",
];
