//! Chores: test, bench, fuzz, detect, peers, soak.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a chore talks to a person and times what it does"
)]

mod calls;
mod fuzz;
mod gates;
mod hep;
mod packages;
mod peers;
mod report;
mod soak;
mod suite;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::LazyLock;

use peers::What;
use report::Report;

const HELP: &str = "\
Chores. Run them from anywhere inside the repository.

cargo xtask test [--no-install]              everything CI runs
cargo xtask fuzz [TARGET] [--seconds N]      fuzz one target or all; 60 s each unless told
cargo xtask bench [NAME]                     criterion benches: time, as ratios inside one run
cargo xtask bench --gate [NAME]              instructions per message against benches/gates.tsv
cargo xtask detect [--seeds A-B] [--days N] [--profile NAME] [--wrong]
                                             how well the shipped detections find generated attacks
cargo xtask detect --write-floor             the run of `cargo xtask test`, written down as what must be reached
cargo xtask peers                            CPU time per answered INVITE beside the bare socket and Kamailio
cargo xtask peers calls                      CPU time per call of a proxy, beside the bare socket and Kamailio
cargo xtask peers hep                        CPU time per HEP packet beside Kamailio's sipcapture
cargo xtask soak [NAME]                      what takes too long for every run: flood, reloads, mutated,
                                             kills, service-kills, desk-kills, queue, pages,
                                             browser, storm, lists, overload, slow, panics
cargo xtask help                             this text

Example: cargo xtask fuzz sip_message --seconds 600

RINGWALL_SHARED names the folder with captures that may not be copied into the repository (default ../shared).
With CI set, whatever is skipped counts as failed.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut report = Report::new(std::env::var_os("CI").is_some());
    match words.as_slice() {
        ["test"] => suite::run(&mut report, true),
        ["test", "--no-install"] => suite::run(&mut report, false),
        ["fuzz", rest @ ..] => match fuzz::Bounds::parse(rest) {
            Ok(bounds) => fuzz::run(&mut report, &bounds),
            Err(wrong) => return usage(&wrong),
        },
        ["bench", "--gate"] => gates::run(&mut report, None),
        ["bench", "--gate", name] => gates::run(&mut report, Some(name)),
        ["bench", names @ ..] => {
            report
                .step("benches", cargo(&["bench", "--locked", "--workspace", "--benches", "--"]).args(names));
        }
        ["detect", "--write-floor"] => {
            let arguments = suite::DETECTION.iter().chain(&["--write-floor", suite::DETECTION_FLOOR]);
            report.step("detection", detect().args(arguments));
        }
        ["detect", rest @ ..] => {
            report.step("detection", detect().args(rest));
        }
        ["peers"] => peers::run(&mut report, What::Invites),
        ["peers", "calls"] => peers::run(&mut report, What::Calls),
        ["peers", "hep"] => hep::run(&mut report),
        ["soak"] => _ = soak::run(&mut report, None),
        ["soak", name] => {
            if let Err(wrong) = soak::run(&mut report, Some(name)) {
                return usage(&wrong);
            }
        }
        ["help" | "--help" | "-h"] | [] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => return usage(&format!("no such chore: {}", words.join(" "))),
    }
    report.close()
}

fn usage(wrong: &str) -> ExitCode {
    eprintln!("{wrong}\n\n{HELP}");
    ExitCode::from(2)
}

/// The workspace's folder: cargo's answer, since clones that share a target folder may share this program too.
fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let chores =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        PathBuf::from(chores).join("..")
    });
    &ROOT
}

/// `cargo` with `arguments`, in the workspace's folder.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root()).env("RINGWALL_SHARED", shared());
    command
}

/// The driver that holds detections against generated days; arguments follow.
fn detect() -> Command {
    cargo(&["run", "--locked", "--release", "--package", "ringwall", "--example", "detect", "--"])
}

/// The folder with captures that may not be copied into the repository, as an absolute path.
fn shared() -> PathBuf {
    let folder = std::env::var_os("RINGWALL_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    folder.canonicalize().unwrap_or(folder)
}

/// Where cargo puts what it builds, and in it `path`.
fn built(path: &str) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    root().join(folder).join(path)
}

/// Whether `program` can be run.
fn has(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}
