//! Runs steps, times them, counts what passed, and says so at the end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;

/// What has passed, failed and been skipped so far. Every test counts, and every step without tests.
pub(crate) struct Report {
    /// Whether a skip is a failure.
    strict: bool,
    counts: Counts,
    /// Names of steps and tests that failed or were skipped.
    notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Report {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, counts: Counts::default(), notes: Vec::new() }
    }

    /// Runs `command` and shows what it prints; counts it as one.
    pub(crate) fn step(&mut self, name: &str, command: &mut Command) -> bool {
        let begin = begin(name);
        let passed = run(command, &Mutex::new(Reader::default()));
        self.end(name, begin, passed, None)
    }

    /// Runs a test runner and shows what it prints, but for the output of tests that passed; counts its tests.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) -> bool {
        let begin = begin(name);
        let reader = Mutex::new(Reader::default());
        let passed = run(command, &reader);
        let reader = reader.into_inner().unwrap_or_default();
        for skip in reader.skips {
            self.skip(name, &skip);
        }
        self.end(name, begin, passed, Some(reader.counts))
    }

    /// Counts a check done here.
    pub(crate) fn check(&mut self, name: &str, begin: Instant, passed: bool) -> bool {
        self.end(name, begin, passed, None)
    }

    /// Counts something that could not be checked.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("SKIPPED {name}: {why}");
        self.notes.push(format!("SKIPPED {name}: {why}"));
        self.counts.skipped += 1;
    }

    fn end(&mut self, name: &str, begin: Instant, passed: bool, tests: Option<Counts>) -> bool {
        let mut counts = tests.unwrap_or_default();
        match (passed, counts) {
            (true, Counts { passed: 0, .. }) => counts.passed = 1,
            (false, Counts { failed: 0, .. }) => counts.failed = 1,
            _ => {}
        }
        self.counts.passed += counts.passed;
        self.counts.failed += counts.failed;
        let word = if passed { "ok" } else { "FAILED" };
        println!("--- {name}: {word}, {:.1} s", begin.elapsed().as_secs_f64());
        if !passed {
            self.notes.push(format!("FAILED {name}"));
        }
        passed
    }

    /// Prints the closing lines.
    pub(crate) fn close(self) -> ExitCode {
        println!();
        for note in &self.notes {
            println!("{note}");
        }
        let Counts { passed, failed, skipped } = self.counts;
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if self.strict && skipped > 0 {
            println!("a skip is a failure here, because CI is set");
        }
        ExitCode::from(u8::from(failed > 0 || self.strict && skipped > 0))
    }
}

fn begin(name: &str) -> Instant {
    println!("\n--- {name}");
    Instant::now()
}

fn run(command: &mut Command, reader: &Mutex<Reader>) -> bool {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            println!("cannot run {}: {error}", command.get_program().display());
            return false;
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| show(stdout, reader));
        scope.spawn(|| show(stderr, reader));
    });
    child.wait().is_ok_and(|status| status.success())
}

fn show(stream: Option<impl Read>, reader: &Mutex<Reader>) {
    let Some(stream) = stream else { return };
    for line in BufReader::new(stream).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line);
        let Ok(mut reader) = reader.lock() else { return };
        if reader.read(&line) {
            println!("{line}");
        }
    }
}

/// Reads what cargo's own test harness and nextest print.
#[derive(Default)]
struct Reader {
    counts: Counts,
    skips: Vec<String>,
    /// Inside the output of a test that passed.
    quiet: bool,
}

impl Reader {
    /// Takes up one line; says whether it is worth showing.
    fn read(&mut self, line: &str) -> bool {
        let plain = line.trim();
        if let Some((_, reason)) = plain.split_once("SKIPPED") {
            let reason = reason.trim_start_matches([':', ' ']).to_owned();
            if !self.skips.contains(&reason) {
                self.skips.push(reason);
            }
            return false;
        }
        // What a test leaves out for a reason that is no fault is said, and counts as nothing.
        if plain.starts_with("LEFT OUT: ") {
            return true;
        }
        if let Some(totals) = plain.strip_prefix("test result: ").or_else(|| plain.strip_prefix("Summary ["))
        {
            // nextest shows the harness's own total inside the output of each test.
            if !line.starts_with("    test result: ") {
                self.counts.passed += number_before(totals, " passed");
                self.counts.failed += number_before(totals, " failed");
                self.quiet = false;
            }
        } else if plain == "successes:" {
            self.quiet = true;
        } else if plain == "failures:" {
            self.quiet = false;
        } else if ["PASS [", "SLOW ["].iter().any(|word| plain.starts_with(word)) {
            self.quiet = true;
            return true;
        } else if ["FAIL [", "ABORT [", "SIGABRT [", "TIMEOUT ["].iter().any(|word| plain.starts_with(word)) {
            self.quiet = false;
        }
        !self.quiet
    }
}

/// The number in front of `word`, 0 without one.
fn number_before(text: &str, word: &str) -> u64 {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, shown: &str, counts: [u64; 2], skips: &[&str]) {
        let mut reader = Reader::default();
        let kept: Vec<&str> = lines.lines().filter(|line| reader.read(line)).collect();
        assert_eq!(kept, shown.lines().collect::<Vec<_>>());
        assert_eq!([reader.counts.passed, reader.counts.failed], counts);
        assert_eq!(reader.skips, skips);
    }

    #[test]
    fn the_totals_of_each_test_binary_add_up() {
        let lines = "test result: ok. 7 passed; 0 failed; 0 ignored\ntest result: FAILED. 2 passed; 1 failed; 0 ignored";
        check(lines, lines, [9, 1], &[]);
    }

    #[test]
    fn what_passing_tests_print_is_hidden_but_for_what_they_skip() {
        let lines = "test a ... ok\nsuccesses:\n---- a stdout ----\nSKIPPED: no tshark\nLEFT OUT: a PDF\nnoise\nfailures:\n---- b stdout ----\n\
                     wrong\ntest result: FAILED. 1 passed; 1 failed; 0 ignored";
        let shown = "test a ... ok\nLEFT OUT: a PDF\nfailures:\n---- b stdout ----\nwrong\ntest result: FAILED. 1 passed; 1 failed; 0 ignored";
        check(lines, shown, [1, 1], &["no tshark"]);
    }

    #[test]
    fn nextest_says_the_total_and_hides_the_output_of_what_passed() {
        let lines = "        PASS [   0.010s] (1/2) rules::numbers one
  stdout ───
    running 1 test
    SKIPPED: tshark is not installed
    test result: ok. 1 passed; 0 failed
        FAIL [   0.010s] (2/2) rules::numbers two
  stdout ───
    assertion failed
     Summary [   0.020s] 2 tests run: 1 passed, 1 failed, 0 skipped";
        let shown = "        PASS [   0.010s] (1/2) rules::numbers one
        FAIL [   0.010s] (2/2) rules::numbers two
  stdout ───
    assertion failed
     Summary [   0.020s] 2 tests run: 1 passed, 1 failed, 0 skipped";
        check(lines, shown, [1, 1], &["tshark is not installed"]);
    }

    #[test]
    fn a_skip_fails_only_where_it_must() {
        for (strict, expected) in [(false, ExitCode::SUCCESS), (true, ExitCode::FAILURE)] {
            let counts = Counts { passed: 1, failed: 0, skipped: 1 };
            let report = Report { counts, ..Report::new(strict) };
            assert_eq!(format!("{:?}", report.close()), format!("{expected:?}"));
        }
    }

    #[test]
    fn a_step_without_tests_counts_once() {
        let mut report = Report::new(false);
        assert!(report.step("true", &mut Command::new("true")));
        assert!(!report.step("false", &mut Command::new("false")));
        assert!(!report.step("absent", &mut Command::new("/no/such/program")));
        assert_eq!(report.counts, Counts { passed: 1, failed: 2, skipped: 0 });
        assert_eq!(format!("{:?}", report.close()), format!("{:?}", ExitCode::FAILURE));
    }
}
