//! Everything that CI runs, in the order in which mistakes are cheapest to find.

use std::process::Command;
use std::time::Instant;

use crate::fuzz;
use crate::gates;
use crate::packages;
use crate::report::Report;
use crate::{built, cargo, detect, has, shared};

/// Runs it all; goes on after a failure, so that one run names every mistake.
pub(crate) fn run(report: &mut Report, install: bool) {
    packages::provide(report, install);
    if !shared().is_dir() {
        report.skip("captures", &format!("{} is not there (RINGWALL_SHARED)", shared().display()));
    }
    report.step("formatting", &mut cargo(&["fmt", "--all", "--", "--check"]));
    let mut lints = cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--features", ON_WISH]);
    report.step("lints", lints.args(["--", "-D", "warnings"]));
    let mut lean = cargo(&["clippy", "--locked", "--package", "ringwall"]);
    report.step("lints without what is built on wish", lean.args(["--", "-D", "warnings"]));
    tests(report);
    // With the drivers of what follows: alone they would be built with other features of the same crates.
    let mut release =
        cargo(&["build", "--locked", "--release", "--package", "ringwall", "--bins", "--examples"]);
    if report.step("release build", &mut release) {
        // The stories themselves are built as the tests are: only what they are about is the release binary.
        let mut stories = runner(if has_nextest() {
            &["--workspace", "--features", ON_WISH, "-E", "package(=ringwall)"]
        } else {
            &["--package", "ringwall", "--features", ON_WISH]
        });
        stories.env("RINGWALL_BINARY", built("release/ringwall"));
        report.tests("stories on the release binary", &mut stories);
        // Whoever orders a PDF gets it from a program that lies beside the service.
        if report.tests("typesetter", &mut typesetter()) {
            let (begin, beside) = (Instant::now(), built("release/ringwall-typeset"));
            let copied = std::fs::copy(built("typeset/debug/ringwall-typeset"), beside);
            report.check("typesetter beside the service", begin, copied.is_ok());
        }
        report.tests("pages in a browser", &mut pages());
        report.step("detection", detect().args(DETECTION).args(["--floor", DETECTION_FLOOR]));
    }
    fuzz::run(report, &fuzz::Bounds::all());
    gates::run(report, None);
}

/// Runs the tests of all crates but two: fuzz targets have a step of their own, and the stories of the root
/// package run on the release binary.
fn tests(report: &mut Report) {
    // nextest leaves tests out after building them; so all steps share one set of features and one build.
    let (selection, documented): (&[&str], &[&str]) = if has_nextest() {
        let others = "not (package(ringwall-fuzz) or package(=ringwall))";
        (&["--workspace", "--features", ON_WISH, "-E", others], &["--workspace", "--features", ON_WISH])
    } else {
        let crates = &[
            "--workspace",
            "--exclude",
            "ringwall-fuzz",
            "--exclude",
            "ringwall",
            "--features",
            "ringwall-console/oidc,ringwall-cases/mail-auth",
        ];
        (crates, crates)
    };
    report.tests("tests", &mut runner(selection));
    report.tests("examples in documentation", cargo(&["test", "--locked", "--doc"]).args(documented));
}

/// Stories in a browser, on the release binary. They are a workspace of their own, built into a folder of its own.
pub(crate) fn pages() -> Command {
    let mut command =
        cargo(&["test", "--locked", "--manifest-path", "pages/Cargo.toml", "--", "--show-output"]);
    command.env("CARGO_TARGET_DIR", built("pages")).env("RINGWALL_BINARY", built("release/ringwall"));
    command
}

/// What sets reports as PDFs, a workspace of its own as well.
fn typesetter() -> Command {
    let mut command =
        cargo(&["test", "--locked", "--manifest-path", "typeset/Cargo.toml", "--", "--show-output"]);
    command.env("CARGO_TARGET_DIR", built("typeset"));
    command
}

/// The test runner for what `selection` selects: nextest where it is installed.
fn runner(selection: &[&str]) -> Command {
    let mut command;
    if has_nextest() {
        command = cargo(&["nextest", "run", "--locked", "--no-fail-fast"]);
        command.args(["--success-output", "immediate", "--failure-output", "immediate"]).args(selection);
    } else {
        command = cargo(&["test", "--locked", "--no-fail-fast", "--tests"]);
        command.args(selection).args(["--", "--show-output"]);
    }
    command
}

fn has_nextest() -> bool {
    has("cargo-nextest", "--version")
}

/// What is built on wish only is linted and tested as well; the release binary is the one that everybody gets.
pub(crate) const ON_WISH: &str = "ringwall/oidc,ringwall/mail-auth";

/// A short run on seeds that nobody tunes on.
pub(crate) const DETECTION: &[&str] = &[
    "--seeds",
    "901-902",
    "--days",
    "2",
    "--profile",
    "acme",
    "--profile",
    "contact",
    "--profile",
    "maschinenbau",
];

/// What each detection reached in it: a fall is a failure.
pub(crate) const DETECTION_FLOOR: &str = "benches/detect/floor.tsv";
