//! Signatures by a program of other people (dkimpy), and the keys for them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A key of 2048 bits, made by OpenSSL.
pub(crate) struct Key {
    pub(crate) path: PathBuf,
    /// The record of its public half.
    pub(crate) record: String,
}

impl Key {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        let file = path.to_str().unwrap();
        openssl(&["genrsa", "-out", file, "2048"]);
        let public = openssl(&["rsa", "-in", file, "-pubout", "-outform", "DER"]);
        Self { record: format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public)), path }
    }
}

/// Whether the programs are there; in CI they must be.
pub(crate) fn has_dkimpy() -> bool {
    let imported = Command::new("/usr/bin/python3").args(["-c", "import dkim, authres"]).output();
    let is_there = imported.is_ok_and(|output| output.status.success());
    assert!(is_there || std::env::var_os("CI").is_none(), "python3-dkim or python3-authres is not installed");
    if !is_there {
        println!("SKIPPED: python3-dkim or python3-authres is not installed");
    }
    is_there
}

/// Signs a mail for `domain` under the selector `s1`; only its text as it is now where `is_partial` (`l=`).
pub(crate) fn sign(mail: &str, domain: &str, key: &Key, is_partial: bool) -> String {
    let length = if is_partial { "True" } else { "False" };
    let script = format!(
        "import dkim, sys\nmail = sys.stdin.buffer.read()\nkey = open(sys.argv[2], 'rb').read()\n\
         sys.stdout.buffer.write(dkim.sign(mail, b's1', sys.argv[1].encode(), key, length={length}) + mail)\n"
    );
    python(&script, &[domain, key.path.to_str().unwrap()], mail)
}

/// Seals a mail as a forwarder does that got it (RFC 8617); it has checked it under its own name.
pub(crate) fn seal(mail: &str, domain: &str, key: &Key) -> String {
    let script = "import dkim, sys\nmail = sys.stdin.buffer.read()\nkey = open(sys.argv[2], 'rb').read()\n\
         fields = dkim.arc_sign(mail, b's1', sys.argv[1].encode(), key, sys.argv[1].encode())\n\
         sys.stdout.buffer.write(b''.join(fields) + mail)\n";
    python(script, &[domain, key.path.to_str().unwrap()], mail)
}

fn python(script: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
