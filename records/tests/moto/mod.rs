//! A server that speaks S3, and a way to it on which anything may happen.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringwall_records::io::Remote;

/// A folder that goes when it is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("records-bucket-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// moto with a bucket `records`, as `cargo xtask test` provides it.
pub(crate) struct Moto {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Moto {
    pub(crate) fn start(scratch: &Scratch) -> Option<Self> {
        let log = scratch.path().join("moto.log");
        let program = program("moto_server");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let spawned = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap())
            .spawn();
        let Ok(child) = spawned else {
            assert!(std::env::var_os("CI").is_none(), "in CI there is moto");
            println!("SKIPPED: call records in a bucket, because moto is not installed");
            return None;
        };
        let moto = Self { child, port, log };
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(60), "moto does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto.ask("PUT", "/records", &[]);
        Some(moto)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How its bucket is reached, with keys in a file.
    pub(crate) fn remote(&self, scratch: &Scratch, prefix: &str) -> Remote {
        let keys = scratch.path().join("keys");
        std::fs::write(&keys, "[default]\naws_access_key_id = id\naws_secret_access_key = secret\n").unwrap();
        Remote {
            endpoint: format!("http://127.0.0.1:{}", self.port),
            bucket: "records".to_owned(),
            prefix: prefix.to_owned(),
            region: "us-east-1".to_owned(),
            credentials_file: Some(keys),
            authorities: None,
        }
    }

    /// Names that begin with `begin`.
    pub(crate) fn files(&self, begin: &str) -> Vec<String> {
        let text = self.ask("GET", &format!("/records?list-type=2&prefix={begin}"), &[]);
        let text = String::from_utf8(text).unwrap();
        text.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0.to_owned()).collect()
    }

    /// Uploads in parts that are neither whole nor given up.
    pub(crate) fn uploads(&self) -> usize {
        String::from_utf8(self.ask("GET", "/records?uploads", &[])).unwrap().matches("<Upload>").count()
    }

    /// Requests that it has had.
    pub(crate) fn requests(&self) -> usize {
        std::fs::read_to_string(&self.log).unwrap().matches(" HTTP/1.1").count()
    }

    /// All that it has: it keeps nothing itself beyond its end.
    pub(crate) fn keep(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.files("").into_iter();
        names.map(|name| (name.clone(), self.ask("GET", &path(&name), &[]))).collect()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A new one with what the old one had.
    pub(crate) fn again(&mut self, kept: &[(String, Vec<u8>)]) {
        let folder = Scratch(self.log.parent().unwrap().to_owned());
        *self = Self::start(&folder).unwrap();
        std::mem::forget(folder);
        kept.iter().for_each(|(name, content)| drop(self.ask("PUT", &path(name), content)));
    }

    /// Copies all files of a folder of records, as any tool does.
    pub(crate) fn copy(&self, folder: &Path, prefix: &str) {
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let file = entry.unwrap().path();
                if file.is_dir() {
                    open.push(file);
                } else {
                    let name = file.strip_prefix(folder).unwrap().to_str().unwrap();
                    self.ask("PUT", &path(&format!("{prefix}/{name}")), &std::fs::read(&file).unwrap());
                }
            }
        }
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request, \
             SignedHeaders=host, Signature=none\r\n\r\n",
            self.port,
            body.len()
        );
        let answer = forward(self.port, &[head.as_bytes(), body].concat()).unwrap();
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 2"), "{method} {path}: {}", String::from_utf8_lossy(&answer));
        answer[at + 4..].to_vec()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of Python, as `cargo xtask test` provides it.
pub(crate) fn program(name: &str) -> PathBuf {
    // The tests of the service use this file as well.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let provided = folders.find_map(|folder| {
        let provided = folder.join("target/python/bin").join(name);
        provided.exists().then_some(provided)
    });
    provided.unwrap_or_else(|| name.into())
}

fn path(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let letter = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    format!("/records/{}", name.bytes().map(letter).collect::<String>())
}

fn forward(port: u16, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.write_all(request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

/// What happens on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Each third request is one too many.
    SlowDown,
    Slow,
    /// Now and then the connection ends: before the server has heard, or after it has done what it was asked.
    LoseAnswers,
    /// A server that knows no conditions.
    IgnoreConditions,
    /// It is gone after the first part of a file.
    DieAfterPart,
}

/// Stands before a server.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: AtomicU16,
    weather: Mutex<Weather>,
    count: AtomicU64,
    is_dead: AtomicBool,
    /// Heads of requests.
    heads: Mutex<Vec<String>>,
}

impl Proxy {
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server: AtomicU16::new(server),
            weather: Mutex::new(Weather::Fair),
            count: AtomicU64::new(0),
            is_dead: AtomicBool::new(false),
            heads: Mutex::new(Vec::new()),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.unwrap(), Arc::clone(&of_thread));
                // One request, and the end: what went wrong on the way is what it is there for.
                std::thread::spawn(move || drop(shared.pass(client)));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn set(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap() = weather;
        self.shared.is_dead.store(false, Ordering::SeqCst);
    }

    /// Heads of requests that came by.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }

    pub(crate) fn send_to(&self, server: u16) {
        self.shared.server.store(server, Ordering::SeqCst);
    }
}

impl Shared {
    fn pass(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some((head, body)) = request(&mut client)? else { return Ok(()) };
        self.heads.lock().unwrap().push(head.clone());
        let weather = *self.weather.lock().unwrap();
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        let mut head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let mut is_lost = false;
        match weather {
            Weather::Fair => {}
            Weather::SlowDown if count.is_multiple_of(3) => {
                let said =
                    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
                let length = said.len();
                return write!(
                    client,
                    "HTTP/1.1 503 Slow Down\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}"
                );
            }
            Weather::SlowDown => {}
            Weather::Slow => std::thread::sleep(Duration::from_millis(count * 37 % 150)),
            Weather::LoseAnswers if count.is_multiple_of(11) => return Ok(()),
            Weather::LoseAnswers => is_lost = count.is_multiple_of(5),
            Weather::IgnoreConditions => {
                let lines =
                    head.split("\r\n").filter(|line| !line.to_lowercase().starts_with("if-none-match"));
                head = lines.collect::<Vec<_>>().join("\r\n");
            }
            Weather::DieAfterPart => {
                if self.is_dead.load(Ordering::SeqCst) {
                    return Ok(());
                }
                self.is_dead.store(head.contains("partNumber="), Ordering::SeqCst);
            }
        }
        let answer = forward(self.server.load(Ordering::SeqCst), &[head.as_bytes(), &body].concat())?;
        if is_lost {
            return Ok(());
        }
        let (first, second) = answer.split_at(answer.len() / 2);
        client.write_all(first)?;
        if weather == Weather::Slow {
            std::thread::sleep(Duration::from_millis(50));
        }
        client.write_all(second)
    }
}

/// One request of `client`: its head and its body.
fn request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1 << 16];
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at + 4].to_vec()).unwrap();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let mut body = bytes.split_off(at + 4);
            while body.len() < length.unwrap_or(0) {
                match client.read(&mut buffer)? {
                    0 => return Ok(None),
                    read => body.extend_from_slice(&buffer[..read]),
                }
            }
            return Ok(Some((head, body)));
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}
