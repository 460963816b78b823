//! What the checks need from Debian, and from the index of Python packages.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::has;
use crate::report::Report;
use crate::root;

/// Programs, what to ask them, and the packages they come in.
const NEEDED: [(&str, &str, &str); 19] = [
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
    // Dovecot may be there without what serves IMAP.
    ("/usr/bin/python3", "-copen('/usr/lib/dovecot/imap')", "dovecot-imapd"),
    ("exim4", "-bV", "exim4-daemon-light"),
    ("/usr/bin/python3", "-cimport dkim", "python3-dkim"),
    ("/usr/bin/python3", "-cimport authres", "python3-authres"),
    ("promtool", "--version", "prometheus"),
    ("pdftotext", "-v", "poppler-utils"),
    ("chromedriver", "--version", "chromium-driver"),
    ("/usr/bin/python3", "-cimport openpyxl", "python3-openpyxl"),
];

/// Other engines that read call records, a server that speaks S3, who makes up requests from a description, a
/// provider of OpenID Connect, and the schema of OCSF; pinned, because a check is to fail for our reasons only.
const PYTHON: [&str; 8] = [
    "duckdb==2.0.1",
    "chdb==4.4.0",
    "moto[s3]==5.2.1",
    "flask==3.1.3",
    "flask-cors==6.0.2",
    "schemathesis==4.32.5",
    "oidc-provider-mock==0.3.4",
    "pydantic-ocsf==3.0.0",
];

/// What finds on a page what keeps people out: axe-core, in a package whose own driver of browsers is left out.
const AXE: [&str; 2] = ["--no-deps", "axe-playwright-python==0.1.8"];

/// Installs what is missing, if `install` says so and it may.
pub(crate) fn provide(report: &mut Report, install: bool) {
    debian(report, install);
    python(report, install);
}

/// A Python of our own under `target/python`, with what stories import.
fn python(report: &mut Report, install: bool) {
    let folder = root().join("target/python");
    let program = folder.join("bin/python3");
    let has_all = || {
        let modules =
            "import duckdb, chdb, moto.server, axe_playwright_python, schemathesis, oidc_provider_mock, ocsf";
        let imported = Command::new(&program).args(["-c", modules]).output();
        imported.is_ok_and(|output| output.status.success())
    };
    if !install || has_all() {
        return;
    }
    let begin = Instant::now();
    let make = || Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
    if !make().is_ok_and(|output| output.status.success()) && is_root() {
        // Debian has what makes them in a package of its own.
        apt(&["install", "--yes", "--no-install-recommends", "python3-venv"], 1);
        let _ = make();
    }
    let fetch = |what: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(what);
        command.status().is_ok_and(|status| status.success())
    };
    if !(1..=3).any(|_| fetch(&PYTHON) && fetch(&AXE)) || !has_all() {
        report.skip(
            "duckdb, chdb, moto, axe, oidc-provider-mock, pydantic-ocsf",
            "they could not be installed",
        );
    }
    report.check("packages of Python", begin, true);
}

fn debian(report: &mut Report, install: bool) {
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
