//! Reports as files that other programs open, and as golden texts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

mod formats;
mod hostile;
mod programs;
mod sample;

use std::fs;
use std::path::PathBuf;

use ringwall_reporter::document::Document;

fn weekly() -> Document {
    sample::weekly(&|text| text.to_owned())
}

/// Compares with a file of `golden/`; with `RINGWALL_GOLDEN=write` in the environment it is written instead.
#[track_caller]
fn check(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/document/golden").join(name);
    if std::env::var("RINGWALL_GOLDEN").is_ok_and(|value| value == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let line = expected.lines().zip(found.lines()).position(|(one, other)| one != other);
    assert!(expected == found, "{name} is another one, from line {:?}", line.map(|line| line + 1));
}
