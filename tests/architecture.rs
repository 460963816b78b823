//! What the architecture forbids: imports against the current, clocks where time is an argument, files that
//! grew too long or lost their module, documents that mention what is gone, licences and crates we refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Who may import whom of ours. `generator` is welcome in everybody's tests.
const IMPORTS: &[(&str, &[&str])] = &[
    ("rules", &[]),
    ("stir", &["rules"]),
    ("engine", &["rules", "stir"]),
    ("sys", &[]),
    ("collector", &["engine", "rules", "stir", "sys"]),
    ("outgoing", &[]),
    ("cases", &["engine", "outgoing", "rules"]),
    ("records", &["outgoing", "rules"]),
    ("reporter", &["cases", "engine", "records", "rules"]),
    ("console", &["cases", "reporter", "engine", "outgoing", "rules"]),
    ("generator", &[]),
    ("spool", &[]),
    ("xtask", &[]),
    ("fuzz", &["cases", "collector", "engine", "rules", "stir"]),
];

/// Crates whose sources are bytes, facts and time in, values out.
const PURE: &[&str] = &["rules", "stir", "engine", "generator"];

/// What a pure crate may not say, and may not depend on at any depth.
const IMPURE_WORDS: &[&str] = &[
    "SystemTime",
    "Instant::now",
    "Zoned::now",
    "Timestamp::now",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "thread::sleep",
];
const IMPURE_CRATES: &[&str] =
    &["tokio", "async-std", "smol", "mio", "pnet", "prometheus", "axum", "hyper", "nfq"];

const LINES_MAX: usize = 600;

/// Files that may be longer, with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Crates whose manifest names no licence, but whose LICENSE file is MIT; test oracles, never shipped.
const UNSTATED: &[&str] = &["rsip", "rsip-derives"];

#[test]
fn imports_go_one_way() {
    let mut seen = BTreeSet::new();
    for package in members() {
        let name = short(package["name"].as_str().unwrap()).to_owned();
        if name == "ringwall" {
            continue;
        }
        let (_, allowed) =
            IMPORTS.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name} has no row"));
        for dependency in
            package["dependencies"].as_array().unwrap().iter().filter(|it| it["path"].is_string())
        {
            let imported = short(dependency["name"].as_str().unwrap());
            let in_tests = dependency["kind"] == "dev" && imported == "generator";
            assert!(allowed.contains(&imported) || in_tests, "{name} may not import {imported}");
        }
        seen.insert(name);
    }
    assert_eq!(seen, IMPORTS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn pure_crates_know_neither_clock_nor_socket() {
    for name in PURE {
        for path in sources(&root().join(name).join("src")) {
            assert_pure(&path, &[]);
        }
    }
    let graph = Graph::read();
    for name in ["ringwall-rules", "ringwall-stir", "ringwall-engine"] {
        for dependency in graph.behind(name) {
            assert!(!IMPURE_CRATES.contains(&dependency.as_str()), "{name} depends on {dependency}");
        }
    }
}

/// `cases` is pure but for its folder `io`, where its tables and its mail come from.
#[test]
fn cases_know_clock_and_socket_only_in_io() {
    let folder = root().join("cases/src");
    let pure: Vec<PathBuf> =
        sources(&folder).into_iter().filter(|path| !path.starts_with(folder.join("io"))).collect();
    assert!(pure.iter().any(|path| path.ends_with("intake/mod.rs")), "intake is pure");
    for path in pure {
        assert_pure(&path, &["tokio", "async fn", ".await", "std::fs", "std::env"]);
    }
    let library = read(&folder.join("lib.rs"));
    assert!(library.lines().any(|line| line == "#![forbid(unsafe_code)]"));
}

/// `records` are rows and columns but in its folder `io`, where they are on disk, or in a bucket: requests to that are signed for a
/// moment, and sent again after a while.
#[test]
fn records_know_clock_and_disk_only_in_io() {
    let folder = root().join("records/src");
    let pure: Vec<PathBuf> =
        sources(&folder).into_iter().filter(|path| !path.starts_with(folder.join("io"))).collect();
    assert!(pure.iter().any(|path| path.ends_with("batch.rs")), "batches are pure");
    for path in pure {
        assert_pure(&path, &["tokio", "async fn", ".await", "std::fs", "std::env"]);
    }
    let (bucket, disk): (Vec<PathBuf>, Vec<PathBuf>) =
        sources(&folder.join("io")).into_iter().partition(|path| path.starts_with(folder.join("io/bucket")));
    assert!(bucket.iter().any(|path| path.ends_with("client.rs")), "buckets are there");
    for path in disk {
        assert_pure(&path, &["tokio", "async fn", ".await"]);
    }
    for path in bucket {
        let text = read(&path);
        assert!(!["tokio", "async fn", ".await", "SystemTime"].iter().any(|word| text.contains(word)));
    }
}

fn assert_pure(path: &Path, more: &[&str]) {
    for (index, line) in read(path).lines().enumerate() {
        let code = line.split("//").next().unwrap();
        for word in IMPURE_WORDS.iter().chain(more) {
            assert!(!code.contains(word), "{}:{}: {word}", path.display(), index + 1);
        }
    }
}

#[test]
fn pure_crates_forbid_unsafe_code() {
    for name in PURE {
        let library = read(&root().join(name).join("src/lib.rs"));
        assert!(library.lines().any(|line| line == "#![forbid(unsafe_code)]"), "{name}");
    }
}

#[test]
fn no_file_is_too_long_to_be_read() {
    for path in sources(root()) {
        let lines = read(&path).lines().count();
        let excused = LONG_FILES.iter().any(|(long, _)| path.ends_with(long));
        assert!(lines <= LINES_MAX || excused, "{} has {lines} lines", path.display());
    }
    for (path, reason) in LONG_FILES {
        assert!(read(&root().join(path)).lines().count() > LINES_MAX, "{path} is short now: {reason}");
    }
}

#[test]
fn every_source_file_belongs_to_a_module() {
    for folder in members().iter().map(|package| PathBuf::from(package["manifest_path"].as_str().unwrap())) {
        let files = sources(&folder.with_file_name("src"));
        let text: String = files.iter().map(|path| read(path)).collect();
        for path in files {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let module = match stem {
                "lib" | "main" => continue,
                "mod" => path.parent().unwrap().file_name().unwrap().to_str().unwrap(),
                _ => stem,
            };
            assert!(text.contains(&format!("mod {module};")), "no module declares {}", path.display());
        }
    }
}

#[test]
fn documents_mention_only_paths_that_exist() {
    for document in files(root(), "md") {
        for mention in mentions(&read(&document)) {
            let found =
                [root(), document.parent().unwrap()].iter().any(|folder| folder.join(&mention).exists());
            assert!(found, "{} mentions {mention}", document.display());
        }
    }
}

#[test]
fn mentions_are_found_where_writers_put_them() {
    let text = "See [it](docs/a.md#b), `rules/src/lib.rs`, `engine/`, not `a/b` or `GET /v1/x` or <https://x.md>.\n\
                ```\ncargo run -- check x.toml\n```\n";
    assert_eq!(mentions(text), ["docs/a.md", "engine/", "rules/src/lib.rs"]);
}

#[test]
fn every_dependency_has_its_reason_and_a_user() {
    let manifest = read(&root().join("Cargo.toml"));
    let (_, table) = manifest.split_once("[workspace.dependencies]\n").unwrap();
    let (table, _) = table.split_once("\n[").unwrap();
    let users: String =
        members().iter().map(|it| read(Path::new(it["manifest_path"].as_str().unwrap()))).collect();
    let mut commented = false;
    for line in table.lines() {
        match line.split_once('=') {
            _ if line.trim().is_empty() => commented = false,
            _ if line.starts_with('#') => commented = true,
            Some((name, _)) if !line.starts_with([' ', '}', ']']) => {
                let name = name.trim();
                assert!(commented || line.contains(" # "), "{name} has no comment that says what it is for");
                let used = [format!("\n{name}.workspace"), format!("\n{name} = {{ workspace")];
                assert!(used.iter().any(|line| users.contains(line)), "nobody uses {name}");
            }
            _ => {}
        }
    }
}

#[test]
fn banned_crates_are_nowhere_in_the_tree() {
    let banned: Vec<String> = listed("deny = [").into_iter().filter(|word| !word.contains(' ')).collect();
    assert!(banned.iter().any(|name| name == "aws-lc-rs"));
    let lock = read(&root().join("Cargo.lock"));
    for name in banned {
        assert!(!lock.contains(&format!("\nname = \"{name}\"\n")), "{name} is in Cargo.lock");
    }
}

#[test]
fn every_licence_is_one_we_accept() {
    let allowed = listed("allow = [");
    for package in Graph::read().packages {
        let name = package["name"].as_str().unwrap();
        match package["license"].as_str() {
            Some(licence) => {
                assert!(accepts(&allowed, licence), "{name} is under {licence}");
            }
            None => assert!(UNSTATED.contains(&name), "{name} states no licence"),
        }
    }
}

#[test]
fn a_choice_of_licences_needs_one_and_a_sum_needs_all() {
    let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned(), "Unicode-3.0".to_owned()];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
    ] {
        assert_eq!(accepts(&allowed, expression), expected, "{expression}");
    }
}

/// The crates of the lock file that this platform uses, and what depends on what.
struct Graph {
    packages: Vec<Value>,
    nodes: Vec<Value>,
}

impl Graph {
    fn read() -> Self {
        let mut metadata = metadata(&["--filter-platform", "x86_64-unknown-linux-gnu"]);
        let mut take = |pointer| match metadata.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(items)) => items,
            other => panic!("{pointer} is {other:?}"),
        };
        Self { packages: take("/packages"), nodes: take("/resolve/nodes") }
    }

    /// Names of everything that `name` is built with; tests aside.
    fn behind(&self, name: &str) -> BTreeSet<String> {
        let names: BTreeMap<&str, &str> = self
            .packages
            .iter()
            .map(|it| (it["id"].as_str().unwrap(), it["name"].as_str().unwrap()))
            .collect();
        let mut open: Vec<&str> = names.iter().filter(|(_, it)| **it == name).map(|(id, _)| *id).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let node = self.nodes.iter().find(|node| node["id"] == id).unwrap();
            for dependency in node["deps"].as_array().unwrap() {
                let shipped =
                    dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
                let id = dependency["pkg"].as_str().unwrap();
                if shipped && seen.insert(names[id].to_owned()) {
                    open.push(id);
                }
            }
        }
        assert!(!seen.is_empty(), "{name} depends on nothing");
        seen
    }
}

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The packages of this workspace.
fn members() -> Vec<Value> {
    metadata(&["--no-deps"])["packages"].as_array().unwrap().clone()
}

fn short(name: &str) -> &str {
    name.strip_prefix("ringwall-").unwrap_or(name)
}

/// Whether `expression` (SPDX, or the older slash for OR) can be met with `allowed` licences.
fn accepts(allowed: &[String], expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(allowed, &mut rest)
}

fn any_of(allowed: &[String], rest: &mut &[&str]) -> bool {
    let mut accepted = all_of(allowed, rest);
    while let ["OR", tail @ ..] = rest {
        *rest = tail;
        accepted |= all_of(allowed, rest);
    }
    accepted
}

fn all_of(allowed: &[String], rest: &mut &[&str]) -> bool {
    let mut accepted = one_of(allowed, rest);
    while let ["AND", tail @ ..] = rest {
        *rest = tail;
        accepted &= one_of(allowed, rest);
    }
    accepted
}

fn one_of(allowed: &[String], rest: &mut &[&str]) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let accepted = any_of(allowed, rest);
            *rest = rest.split_first().map_or(&[], |(_, tail)| tail);
            accepted
        }
        // An exception only adds permissions.
        [licence, "WITH", _, tail @ ..] | [licence, tail @ ..] => {
            *rest = tail;
            allowed.iter().any(|allowed| allowed == licence)
        }
        [] => false,
    }
}

/// The quoted words of the array that begins with `head` in deny.toml.
fn listed(head: &str) -> Vec<String> {
    let text = read(&root().join("deny.toml"));
    let (_, array) = text.split_once(&format!("\n{head}")).unwrap();
    let (array, _) = array.split_once("\n]").unwrap();
    array.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Paths of this repository that a document names: link targets, and what stands in backticks and looks like one.
fn mentions(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let links = links.filter(|link| !link.is_empty() && !link.contains(':'));
    let code = prose.split('`').skip(1).step_by(2).filter(|word| looks_like_path(word));
    links.chain(code).map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

fn looks_like_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let first = word.split('/').next().unwrap();
    let source = word.contains('/') && word.ends_with(".rs");
    let inside = word.contains('/') && root().join(first).is_dir();
    let ours = source || inside || word.ends_with('/') || word.ends_with(".md");
    plain && ours && !word.starts_with(['/', '.']) && !["target", "ringwall-data"].contains(&first)
}

/// Rust files under `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, "rs")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && !["target", "ringwall-data"].contains(&name) {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
