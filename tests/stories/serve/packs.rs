//! Evidence packs: what the desk of a running service knows of a case, in one file that is checked anywhere.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Call, Phone, Service, status, within};
use crate::support::{Scratch, ringwall, stdout};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]

[[firewall]]
name = "unwanted"
when = { caller = "+1 303 555 01xx" }
action = { block = 486 }
alert = "warning"
"#;

/// A desk with one case of two refused calls, worked on by anna.
struct Desk {
    service: Service,
    number: String,
    scratch: Scratch,
}

impl Desk {
    fn new(name: &str) -> Self {
        let service = Service::start(name, POLICY, "");
        for call_id in ["pack-1@example.com", "pack-2@example.com"] {
            let phone = Phone::new(service.udp());
            let call = Call { call_id, ..Call::new("+13035550142", "+12105550150") };
            assert_eq!(status(&phone.ask(&call.by(phone.port()))), 486);
        }
        // The second call raises no alert of its own, so its record is on disk a little later.
        let copied = service.data().join("calls.jsonl");
        let both = || std::fs::read_to_string(&copied).is_ok_and(|lines| lines.lines().count() == 2);
        assert!(within(10, || both().then_some(())).is_some());
        let scratch = Scratch::new(name);
        let mut desk = Self { service, number: String::new(), scratch };
        let case = within(10, || {
            let listed = desk.run(&["case", "list", "--json"]);
            listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).next()
        });
        desk.number = case.unwrap()["number"].as_str().unwrap().to_owned();
        // Somebody else's case, so that the chain has an entry between those of this one.
        desk.act("take", &[]);
        desk.run(&[
            "case",
            "open",
            "--customer",
            "Acme",
            "--kind",
            "question",
            "secret of another case",
            "--by",
            "ben",
        ]);
        desk.act("note", &["ask the carrier, quietly"]);
        desk.act("message", &["we look into it"]);
        desk
    }

    fn run(&self, words: &[&str]) -> String {
        let data = self.service.data();
        let output = ringwall([words, &["--data", data.to_str().unwrap()]].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        stdout(&output)
    }

    fn act(&self, verb: &str, words: &[&str]) -> String {
        self.run(&[&["case", verb, &self.number], words, &["--by", "anna"]].concat())
    }

    fn pack(&self, name: &str, words: &[&str]) -> PathBuf {
        let path = self.scratch.path().join(name);
        let to = ["--to", path.to_str().unwrap()];
        let said = self.act("pack", &[&to[..], words].concat());
        assert!(said.contains("SHA-256"), "{said}");
        path
    }

    fn key(&self) -> PathBuf {
        self.service.data().join("desk.pub")
    }
}

/// What `verify` says, and its exit code.
fn verify(pack: &Path, key: Option<&Path>) -> (i32, String) {
    let mut arguments = vec!["verify", pack.to_str().unwrap()];
    if let Some(key) = key {
        arguments.extend(["--key", key.to_str().unwrap()]);
    }
    let output = ringwall(arguments);
    (output.status.code().unwrap(), stdout(&output) + &*String::from_utf8_lossy(&output.stderr))
}

/// Unpacked by somebody else's program.
fn unpacked(pack: &Path) -> BTreeMap<String, Vec<u8>> {
    let folder = pack.with_extension("folder");
    let script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let done = Command::new("python3").args(["-c", script]).arg(pack).arg(&folder).status();
    assert!(done.unwrap().success());
    let mut files = BTreeMap::new();
    let mut open = vec![folder.clone()];
    while let Some(within) = open.pop() {
        for entry in std::fs::read_dir(&within).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_pack_holds_what_is_known_and_is_checked_without_the_desk() {
    let desk = Desk::new("serve-packs");
    let pack = desk.pack("one.zip", &[]);
    assert_eq!(std::fs::metadata(&pack).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, said) = verify(&pack, Some(&desk.key()));
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with(&format!("good: {}, Acme, everything; ", desk.number)), "{said}");
    assert!(verify(&pack, None).1.contains("give --key to know whose it is"));
    let files = unpacked(&pack);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    for expected in [
        "README.txt",
        "alerts.jsonl",
        "audit/slice.jsonl",
        "calls/records.jsonl",
        "calls/signalling.jsonl",
        "calls/signalling.pcap",
        "case.json",
        "clocks.json",
        "desk.pub",
        "history/customer.jsonl",
        "history/desk.jsonl",
        "manifest.json",
        "manifest.sig",
    ] {
        assert!(names.contains(&expected), "no {expected} in {names:?}");
    }
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    assert!(
        text("history/desk.jsonl").contains("quietly") && !text("history/customer.jsonl").contains("quietly")
    );
    assert_eq!(
        text("calls/records.jsonl").matches("\"verdict\":\"block\"").count(),
        2,
        "{}",
        text("calls/records.jsonl")
    );
    assert!(text("clocks.json").contains("target_counted"));
    // The policy that judged, word for word.
    let policy = names.iter().find(|name| name.starts_with("policies/") && name.ends_with(".toml")).unwrap();
    assert_eq!(text(policy), POLICY);
    assert!(
        text("calls/records.jsonl")
            .contains(policy.strip_prefix("policies/").unwrap().trim_end_matches(".toml"))
    );
    // Four entries of this case; between them one of another, of which nothing is told.
    assert_eq!(text("audit/slice.jsonl").matches("\"actor\"").count(), 4);
    assert_eq!(text("audit/slice.jsonl").lines().count(), 5);
    assert!(files.values().all(|bytes| !String::from_utf8_lossy(bytes).contains("secret of another")));
    // Tshark reads both calls: what came, and what was answered.
    let capture = pack.with_extension("folder").join("calls/signalling.pcap");
    let tshark = Command::new("tshark")
        .args([
            "-r",
            capture.to_str().unwrap(),
            "-T",
            "fields",
            "-e",
            "sip.Call-ID",
            "-e",
            "sip.Method",
            "-e",
            "sip.Status-Code",
        ])
        .output();
    match tshark {
        Ok(tshark) => {
            let seen = stdout(&tshark);
            for call in ["pack-1@example.com", "pack-2@example.com"] {
                assert!(seen.contains(&format!("{call}\tINVITE\t")), "{seen}");
                assert!(seen.contains(&format!("{call}\t\t486")), "{seen}");
            }
        }
        Err(_) => assert!(std::env::var_os("CI").is_none(), "tshark is missing in CI"),
    }
    // That somebody was given it is in the audit, with the hash of what was given.
    let again = desk.act("pack", &["--to", desk.scratch.path().join("two.zip").to_str().unwrap()]);
    assert!(again.contains("signed"));
    let audit = desk.run(&["audit", "verify"]);
    // The desk has invited whoever logs in first.
    let first = "(desk): 1 entries are as they were written\n";
    assert_eq!(audit, format!("{first}Acme: 7 entries are as they were written\n"));
    // The same case, the same files; only when, and what follows from it, differ.
    let mut second = unpacked(&desk.scratch.path().join("two.zip"));
    let mut first = files.clone();
    for name in ["manifest.json", "manifest.sig"] {
        assert_ne!(first.remove(name), second.remove(name), "{name}");
    }
    assert_eq!(first, second);
    let taken = ringwall([
        "case",
        "pack",
        &desk.number,
        "--by",
        "anna",
        "--to",
        pack.to_str().unwrap(),
        "--data",
        desk.service.data().to_str().unwrap(),
    ]);
    assert_eq!(taken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&taken.stderr).contains("is there already"));
    desk.service.stop();
}

#[test]
fn x3_a_pack_for_the_customer_has_no_word_of_the_desk() {
    let desk = Desk::new("serve-packs-customer");
    desk.act("step", &["investigate"]);
    desk.act("find", &["what was found is none of their business"]);
    desk.act("step", &["inform"]);
    desk.act("close", &["a closing word for the desk", "--reason", "resolved"]);
    let pack = desk.pack("customer.zip", &["--for", "customer"]);
    let (code, said) = verify(&pack, Some(&desk.key()));
    assert!(code == 0 && said.contains("what the customer may see"), "{said}");
    let files = unpacked(&pack);
    assert!(!files.contains_key("history/desk.jsonl"));
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for secret in ["quietly", "none of their business", "closing word", "secret of another"] {
            assert!(!text.contains(secret), "{secret:?} in {name}");
        }
    }
    assert!(String::from_utf8_lossy(&files["history/customer.jsonl"]).contains("we look into it"));
    desk.service.stop();
}

#[test]
fn a_pack_that_was_touched_is_never_good() {
    let desk = Desk::new("serve-packs-touched");
    let pack = desk.pack("good.zip", &[]);
    let bytes = std::fs::read(&pack).unwrap();
    let touched = desk.scratch.path().join("touched.zip");
    let expect = |what: &str, bytes: &[u8], codes: &[i32]| {
        std::fs::write(&touched, bytes).unwrap();
        let (code, said) = verify(&touched, Some(&desk.key()));
        assert!(codes.contains(&code) && !said.starts_with("good"), "{what}: {code} {said}");
        assert!(said.lines().count() >= 1 && said.len() > 20, "{what}: {said}");
    };
    for step in 0..60 {
        let at = step * bytes.len() / 60;
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        expect(&format!("byte {at}"), &flipped, &[1, 2]);
    }
    expect("cut", &bytes[..bytes.len() / 2], &[2]);
    expect("empty", b"", &[2]);
    let mut damaged = bytes.clone();
    damaged[100] ^= 0x10;
    expect("damaged", &damaged, &[2]);
    assert!(!verify(&touched, None).1.contains("no pack of Ringwall"));
    expect("another file", b"PK\x05\x06 and no more than a letter", &[2]);
    assert!(verify(&touched, None).1.contains("it is no pack of Ringwall"));
    let (code, said) = verify(&pack, Some(&pack));
    assert!(code == 2 && said.contains("is no public key of a desk"), "{said}");
    expect("longer", &[&bytes[..], b"\0"].concat(), &[2]);
    // Packed anew by another program, with one file exchanged: what everybody can do who has no key.
    let script = "import sys, zipfile\nold = zipfile.ZipFile(sys.argv[1])\nnew = zipfile.ZipFile(sys.argv[2], 'w')\n\
                  for name in old.namelist():\n    new.writestr(name, b'{}' if name == 'case.json' else old.read(name))\nnew.close()\n";
    let repacked = Command::new("python3").args(["-c", script]).arg(&pack).arg(&touched).status();
    assert!(repacked.unwrap().success());
    let (code, said) = verify(&touched, None);
    assert!(code == 2 && said.contains("not as Ringwall writes it"), "{said}");
    // Another desk's key.
    let other = Desk::new("serve-packs-other");
    other.pack("other.zip", &[]);
    let (code, said) = verify(&pack, Some(&other.key()));
    assert!(code == 1 && said.contains("it is signed by another key"), "{said}");
    other.service.stop();
    desk.service.stop();
}
