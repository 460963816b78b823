//! What the checks need from Debian.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::has;
use crate::report::Report;

/// Programs, what to ask them, and the packages they come in.
const NEEDED: [(&str, &str, &str); 14] = [
    ("tshark", "--version", "tshark"),
    ("valgrind", "--version", "valgrind"),
    ("sipp", "-v", "sip-tester"),
    ("kamailio", "-v", "kamailio"),
    ("openssl", "version", "openssl"),
    ("svmap", "--version", "sipvicious"),
    ("ip", "-V", "iproute2"),
    ("iptables", "--version", "iptables"),
    ("pg_ctlcluster", "--version", "postgresql"),
    ("swaks", "--version", "swaks"),
    ("msmtp", "--version", "msmtp"),
    ("dovecot", "--version", "dovecot-imapd"),
    ("pdftotext", "-v", "poppler-utils"),
    ("/usr/bin/python3", "-cimport openpyxl", "python3-openpyxl"),
];

/// Installs what is missing, if `install` says so and it may.
pub(crate) fn provide(report: &mut Report, install: bool) {
    let missing = || NEEDED.into_iter().filter(|(program, argument, _)| !is_there(program, argument));
    let packages: Vec<&str> = missing().map(|(_, _, package)| package).collect();
    if packages.is_empty() || !install {
        return;
    }
    let begin = Instant::now();
    if !has("apt-get", "--version") || !is_root() {
        println!("not installed, because this is not Debian or not root: {}", packages.join(" "));
    } else if !(1..=3).any(|attempt| apt(&["update"], attempt) && apt(&install_arguments(&packages), attempt))
    {
        println!("apt-get could not install {}", packages.join(" "));
    }
    for (program, _, package) in missing() {
        report.skip(program, &format!("the Debian package {package} is not installed"));
    }
    report.check("packages from Debian", begin, true);
}

/// Whether `program` can be run; sipp calls it a failure to be asked for its version. Python has to find its module as well.
fn is_there(program: &str, argument: &str) -> bool {
    let is_module = argument.starts_with("-cimport");
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success() || !is_module)
}

fn install_arguments<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    [&["install", "--yes", "--no-install-recommends"], packages].concat()
}

/// Runs apt-get, waiting for another one to let go of its lock.
fn apt(arguments: &[&str], attempt: u64) -> bool {
    let done = Command::new("apt-get")
        .args(["--quiet=2", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .is_ok_and(|status| status.success());
    if !done {
        // The lists have a lock of their own, which apt-get does not wait for.
        thread::sleep(Duration::from_secs(10 * attempt));
    }
    done
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
