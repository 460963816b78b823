//! A PostgreSQL server of this test process, on a socket in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

/// One server for all tests of this process.
static SERVER: LazyLock<Option<Server>> = LazyLock::new(Server::start);

/// A new, empty database; `None`, with a line that says so, where there is no server to start. In CI there must be one.
pub(super) fn database() -> Option<String> {
    let Some(server) = SERVER.as_ref() else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing in CI");
        println!("SKIPPED on PostgreSQL: it is not installed, or may not be started here");
        return None;
    };
    let mut count = server.databases.lock().unwrap();
    *count += 1;
    let name = format!("ringwall_{count}");
    let made = server
        .command("createdb")
        .args(["-h", server.folder.to_str().unwrap(), "-U", "postgres", &name])
        .status();
    assert!(made.unwrap().success());
    Some(format!("postgres://postgres@localhost/{name}?host={}", server.folder.display()))
}

struct Server {
    bin: PathBuf,
    folder: PathBuf,
    databases: Mutex<u32>,
}

impl Server {
    fn start() -> Option<Self> {
        let bin =
            ["17", "16", "15"].map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
        let bin = bin.into_iter().find(|bin| bin.join("postgres").exists())?;
        remove_old();
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        std::fs::create_dir_all(&folder).ok()?;
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(&folder).status().ok()?;
            assert!(owned.success());
        }
        let data = folder.join("data");
        let made = command(&bin, "initdb")
            .args(["-D", data.to_str()?, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"])
            .stdout(Stdio::null())
            .status()
            .ok()?;
        assert!(made.success());
        let (begun, running) = channel();
        let mut server = command(&bin, "postgres");
        server
            .args([
                "-D",
                data.to_str()?,
                "-k",
                folder.to_str()?,
                "-c",
                "listen_addresses=",
                "-c",
                "log_min_messages=fatal",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // It ends with the thread that started it, and this one waits until the process does.
        std::thread::spawn(move || {
            let child = server.spawn();
            let _ = begun.send(child.is_ok());
            std::thread::sleep(Duration::MAX);
            drop(child);
        });
        assert!(running.recv().unwrap());
        let is_up = || {
            let asked = command(&bin, "pg_isready").args(["-q", "-h", folder.to_str().unwrap()]).status();
            asked.is_ok_and(|status| status.success())
        };
        for _ in 0..300 {
            if is_up() {
                return Some(Self { bin, folder, databases: Mutex::new(0) });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL does not answer in 30 seconds");
    }

    fn command(&self, name: &str) -> Command {
        command(&self.bin, name)
    }
}

/// As the user `postgres`, because the server refuses to run as root; it is told to end when this process does.
fn command(bin: &Path, name: &str) -> Command {
    let path = bin.join(name);
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(path).current_dir("/");
    command
}

/// Nobody is left to remove the folder of a server that ended with its process: the next one does.
fn remove_old() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).filter(|process| !Path::new("/proc").join(process).exists());
        if process.is_some() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

const PREFIX: &str = "ringwall-postgres-";

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}
