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

/// A server of one test, which the test may stop and start.
#[allow(dead_code, reason = "the stories of the service use more of it")]
pub(crate) struct Own {
    bin: PathBuf,
    folder: PathBuf,
    child: Option<std::process::Child>,
}

#[allow(dead_code, reason = "the stories of the service use more of it")]
impl Own {
    /// A new one; `None`, with a line that says so, where there is none to start. In CI there must be one.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = installed() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing in CI");
            println!("SKIPPED: PostgreSQL that is stopped and started, because it is not installed");
            return None;
        };
        remove_old();
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}-own", std::process::id()));
        initialise(&bin, &folder)?;
        Some(Self { bin, folder, child: None }.again())
    }

    /// Starts it on what is there.
    pub(crate) fn again(mut self) -> Self {
        self.child = Some(server(&self.bin, &self.folder).spawn().unwrap());
        wait_until_up(&self.bin, &self.folder);
        self
    }

    /// Ends it at once; what it had committed it finds again.
    pub(crate) fn kill(mut self) -> Self {
        self.end();
        self
    }

    /// Its database.
    pub(crate) fn place(&self) -> String {
        self.place_of("postgres")
    }

    /// A database of this name.
    pub(crate) fn place_of(&self, name: &str) -> String {
        format!("postgres://postgres@localhost/{name}?host={}", self.folder.display())
    }

    /// A copy of a file that its user may read.
    pub(crate) fn readable(&self, path: &Path) -> PathBuf {
        let copy = self.folder.join("readable");
        std::fs::write(&copy, std::fs::read(path).unwrap()).unwrap();
        copy
    }

    /// One of its programs, run against it.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = command(&self.bin, program);
        let done =
            command.args(["-h", self.folder.to_str().unwrap(), "-U", "postgres"]).args(arguments).status();
        assert!(done.unwrap().success(), "{program} {arguments:?}");
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGQUIT ends it, and all that it started, without tidying up.
            let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Server {
    bin: PathBuf,
    folder: PathBuf,
    databases: Mutex<u32>,
}

impl Server {
    fn start() -> Option<Self> {
        let bin = installed()?;
        remove_old();
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        initialise(&bin, &folder)?;
        let (begun, running) = channel();
        let mut server = server(&bin, &folder);
        // It ends with the thread that started it, and this one waits until the process does.
        std::thread::spawn(move || {
            let child = server.spawn();
            let _ = begun.send(child.is_ok());
            std::thread::sleep(Duration::MAX);
            drop(child);
        });
        assert!(running.recv().unwrap());
        wait_until_up(&bin, &folder);
        Some(Self { bin, folder, databases: Mutex::new(0) })
    }

    fn command(&self, name: &str) -> Command {
        command(&self.bin, name)
    }
}

/// Where its programs are.
fn installed() -> Option<PathBuf> {
    let bin = ["17", "16", "15"].map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    bin.into_iter().find(|bin| bin.join("postgres").exists())
}

/// Makes an empty cluster in `folder`.
fn initialise(bin: &Path, folder: &Path) -> Option<()> {
    std::fs::create_dir_all(folder).ok()?;
    if is_root() {
        let owned = Command::new("chown").arg("postgres").arg(folder).status().ok()?;
        assert!(owned.success());
    }
    let data = folder.join("data");
    let made = command(bin, "initdb")
        .args(["-D", data.to_str()?, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"])
        .stdout(Stdio::null())
        .status()
        .ok()?;
    assert!(made.success());
    Some(())
}

/// What runs the cluster in `folder`.
fn server(bin: &Path, folder: &Path) -> Command {
    let mut server = command(bin, "postgres");
    server.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    server.args(["-c", "listen_addresses=", "-c", "log_min_messages=fatal"]);
    server.stdout(Stdio::null()).stderr(Stdio::null());
    server
}

fn wait_until_up(bin: &Path, folder: &Path) {
    for _ in 0..300 {
        let asked = command(bin, "pg_isready").arg("-q").arg("-h").arg(folder).status();
        if asked.is_ok_and(|status| status.success()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("PostgreSQL does not answer in 30 seconds");
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
        let process = name.strip_prefix(PREFIX).map(|rest| rest.trim_end_matches("-own").to_owned());
        let process = process.filter(|process| !Path::new("/proc").join(process).exists());
        if process.is_some() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

const PREFIX: &str = "ringwall-postgres-";

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}
