//! Everything that CI runs, in the order in which mistakes are cheapest to find.

use std::ffi::OsStr;

use crate::fuzz;
use crate::gates;
use crate::packages;
use crate::report::Report;
use crate::{cargo, has, shared};

/// Runs it all; goes on after a failure, so that one run names every mistake.
pub(crate) fn run(report: &mut Report, install: bool) {
    packages::provide(report, install);
    if !shared().is_dir() {
        report.skip("captures", &format!("{} is not there (RINGWALL_SHARED)", shared().display()));
    }
    report.step("formatting", &mut cargo(&["fmt", "--all", "--", "--check"]));
    report.step(
        "lints",
        &mut cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    );
    // Fuzz targets have a step of their own; the stories of the root package run on the release binary.
    tests(report, "tests", &["--workspace", "--exclude", "ringwall-fuzz", "--exclude", "ringwall"]);
    report.tests("examples in documentation", &mut cargo(&["test", "--locked", "--workspace", "--doc"]));
    if report.step("release build", &mut cargo(&["build", "--locked", "--release"])) {
        tests(report, "stories on the release binary", &["--release", "--package", "ringwall"]);
    }
    fuzz::run(report, &fuzz::Bounds::all());
    gates::run(report, None);
}

/// Runs the tests that `selection` selects, through nextest where it is installed.
fn tests(report: &mut Report, name: &str, selection: &[&str]) {
    let mut command = if has("cargo-nextest", "--version") {
        let mut command = cargo(&["nextest", "run", "--locked", "--no-fail-fast", "--no-tests", "pass"]);
        command.args(["--success-output", "immediate", "--failure-output", "immediate"]);
        command.args(selection);
        command
    } else {
        let mut command = cargo(&["test", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests"]);
        command.args(selection).args(["--", "--show-output"].map(OsStr::new));
        command
    };
    report.tests(name, &mut command);
}
