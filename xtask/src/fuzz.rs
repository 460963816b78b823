//! Fuzz targets: the test files of the package `ringwall-fuzz`, each run for a bounded time.

use std::fs;
use std::time::Instant;

use crate::report::Report;
use crate::suite::ON_WISH;
use crate::{cargo, root};

/// What to fuzz and how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// One target, or all.
    target: Option<String>,
    /// Seconds a target.
    seconds: u64,
}

impl Bounds {
    /// All targets, as long as RINGWALL_FUZZ_SECONDS says, else a minute each.
    pub(crate) fn all() -> Self {
        let told = std::env::var("RINGWALL_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        Self { target: None, seconds: told.unwrap_or(60) }
    }

    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut bounds = Self::all();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if word == "--seconds" {
                let seconds = words.next().and_then(|seconds| seconds.parse().ok());
                bounds.seconds = seconds.ok_or("--seconds needs a number")?;
            } else if word.starts_with('-') || bounds.target.replace(word.to_owned()).is_some() {
                return Err(format!("fuzz takes one target and --seconds, not {word}"));
            }
        }
        Ok(bounds)
    }
}

/// Runs the targets.
pub(crate) fn run(report: &mut Report, bounds: &Bounds) {
    let targets: Vec<String> = targets()
        .into_iter()
        .filter(|name| bounds.target.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    match &bounds.target {
        Some(name) if targets.is_empty() => {
            println!("no fuzz target is called {name}");
            report.check("fuzz", Instant::now(), false);
        }
        None if targets.is_empty() => report.skip("fuzz", "there are no targets"),
        _ => {}
    }
    for target in targets {
        let milliseconds = (bounds.seconds * 1_000).to_string();
        // With the features of all other tests, by which they are built already.
        let mut command =
            cargo(&["test", "--locked", "--workspace", "--features", ON_WISH, "--test", &target]);
        command.args(["--", "--test-threads", "1", "--nocapture"]);
        command.env("RINGWALL_FUZZ_SECONDS", bounds.seconds.to_string());
        // bolero stops at whichever bound comes first; time is to be that one.
        command
            .env("BOLERO_RANDOM_TEST_TIME_MS", milliseconds)
            .env("BOLERO_RANDOM_ITERATIONS", u32::MAX.to_string());
        report.tests(&format!("fuzz {target}, {} s", bounds.seconds), &mut command);
    }
}

/// The names of all targets, sorted.
fn targets() -> Vec<String> {
    let Ok(folder) = fs::read_dir(root().join("fuzz/tests")) else { return Vec::new() };
    let mut names: Vec<String> = folder
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_and_how_long() {
        let bounds = Bounds::parse(&["sip", "--seconds", "5"]).unwrap();
        assert_eq!(bounds, Bounds { target: Some("sip".to_owned()), seconds: 5 });
        for wrong in [&["--seconds"][..], &["--seconds", "x"], &["a", "b"], &["--fast"]] {
            assert!(Bounds::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
