//! The receiver over real sockets: with mail programs of other people, with keepers that fail, and with clients that do not
//! behave.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringwall_cases::intake::{self, Category, ReturnPath};
use ringwall_cases::io::mail::{NotKept, Protocol, ReceivedMail, Receiver, Settings, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::customers::directory;

/// A receiver on a port of its own, and what it kept.
pub(crate) struct Desk {
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
    kept: Arc<Mutex<Vec<ReceivedMail>>>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<tokio::task::JoinHandle<()>>,
}

impl Desk {
    /// A receiver whose keeper fails as `fails` says, by the number of mails that it was given before.
    pub(crate) fn new(
        protocol: Protocol,
        tls: Option<TlsAcceptor>,
        fails: fn(usize) -> Option<NotKept>,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let kept: Arc<Mutex<Vec<ReceivedMail>>> = Arc::default();
        let asked = Arc::new(Mutex::new(0));
        let settings = Settings {
            host_name: "desk.example.com".to_owned(),
            protocol,
            allowed: vec!["127.0.0.0/8".parse().unwrap()],
            recipients: vec!["case@desk.example.com".to_owned()],
            mail_bytes_max: 1 << 20,
            connections_max: 20,
        };
        let timeouts = Timeouts { idle: Duration::from_millis(1_500), connection: Duration::from_secs(20) };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let keep = {
            let kept = Arc::clone(&kept);
            move |mail: ReceivedMail| {
                let (kept, asked) = (Arc::clone(&kept), Arc::clone(&asked));
                async move {
                    let before = {
                        let mut asked = asked.lock().unwrap();
                        *asked += 1;
                        *asked - 1
                    };
                    if let Some(failure) = fails(before) {
                        return Err(failure);
                    }
                    kept.lock().unwrap().push(mail);
                    Ok(())
                }
            }
        };
        let (stop, stopped) = oneshot::channel();
        let receiver = Receiver::new(settings, timeouts, tls, keep);
        let serving = runtime.spawn(receiver.serve(listener, async { drop(stopped.await) }));
        Self { runtime, address, kept, stop: Some(stop), serving: Some(serving) }
    }

    fn never_fails(protocol: Protocol) -> Self {
        Self::new(protocol, None, |_| None)
    }

    pub(crate) fn kept(&self) -> Vec<ReceivedMail> {
        self.kept.lock().unwrap().clone()
    }

    /// Sends these bytes, one piece after the answer to the one before, and returns all that was said.
    fn talk(&self, pieces: &[&[u8]]) -> String {
        self.runtime.block_on(async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let mut said = Vec::new();
            let mut buffer = [0; 4_096];
            for piece in pieces {
                let count = stream.read(&mut buffer).await.unwrap_or_default();
                said.extend_from_slice(&buffer[..count]);
                if stream.write_all(piece).await.is_err() {
                    break;
                }
            }
            let _ = stream.read_to_end(&mut said).await;
            String::from_utf8_lossy(&said).into_owned()
        })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving).unwrap();
        }
    }
}

/// Whether `program` is there; in CI it must be.
fn has(program: &str) -> bool {
    let is_there = Command::new(program)
        .arg(if program == "openssl" { "version" } else { "--version" })
        .output()
        .is_ok();
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
        println!("SKIPPED: {program} is not installed");
    }
    is_there
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const BODY: &str =
    "Numbers to block: +1 210 555 0142\nCategory: Fraud\nReason: they cheat\n.\n..a line with dots\n";

fn swaks(desk: &Desk, more: &[&str]) -> (bool, String) {
    let port = desk.address.port().to_string();
    let output = Command::new("swaks")
        .args([
            "--server",
            "127.0.0.1",
            "--port",
            &port,
            "--from",
            "jane@acme.example.com",
            "--to",
            "case@desk.example.com",
        ])
        .args(["--h-Subject", "Block request", "--body", BODY])
        .args(more)
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

/// A certificate of this test's own, made by OpenSSL.
fn certificate() -> Option<TlsAcceptor> {
    if !has("openssl") {
        return None;
    }
    let folder = folder("mail-receiver");
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=desk.example.com", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), certificate.as_os_str()])
        .output()
        .unwrap();
    assert!(made.status.success());
    let chain = CertificateDer::pem_file_iter(&certificate).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&key).unwrap())
        .unwrap();
    Some(TlsAcceptor::from(Arc::new(config)))
}

#[test]
fn swaks_sends_a_block_request_that_is_read() {
    if !has("swaks") {
        return;
    }
    let desk = Desk::never_fails(Protocol::Smtp);
    let (sent, said) = swaks(&desk, &[]);
    assert!(sent, "{said}");
    let kept = desk.kept();
    let [mail] = kept.as_slice() else { panic!("{said}") };
    assert_eq!(mail.return_path, ReturnPath::Address("jane@acme.example.com".to_owned()));
    let text = String::from_utf8(mail.bytes.clone()).unwrap();
    assert!(text.contains("\r\n.\r\n..a line with dots\r\n"), "{text}");
    let intake = intake::read(&mail.bytes, &mail.envelope(None), &directory());
    assert_eq!(intake.requests[0].categories, BTreeSet::from([Category::Fraud]));
    assert_eq!(intake.requests[0].taken().next().unwrap().to_string(), "+12105550142");
    assert!(!intake.requests[0].is_ready(), "nobody vouches for the sender");
}

#[test]
fn swaks_speaks_lmtp_and_pipelines() {
    if !has("swaks") {
        return;
    }
    let desk = Desk::never_fails(Protocol::Lmtp);
    let (sent, said) = swaks(
        &desk,
        &["--protocol", "LMTP", "--to", "case+1@desk.example.com,case+2@desk.example.com", "--pipeline"],
    );
    assert!(sent, "{said}");
    assert_eq!(desk.kept()[0].recipients, ["case+1@desk.example.com", "case+2@desk.example.com"]);
    let (sent, said) = swaks(&desk, &["--protocol", "LMTP", "--to", "root@desk.example.com"]);
    assert!(!sent && said.contains("550 5.1.1"), "{said}");
}

#[test]
fn openssl_goes_on_with_tls() {
    let Some(tls) = certificate() else { return };
    let desk = Desk::new(Protocol::Smtp, Some(tls), |_| None);
    let mut client = Command::new("openssl")
        .args(["s_client", "-starttls", "smtp", "-quiet", "-crlf", "-connect", &desk.address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let commands = "EHLO x\nMAIL FROM:<a@example.com>\nRCPT TO:<case@desk.example.com>\nBDAT 18 LAST\nSubject: x\n\nhi\nQUIT\n";
    let mut input = client.stdin.take().unwrap();
    input.write_all(commands.as_bytes()).unwrap();
    // Its input stays open until the desk hangs up: OpenSSL leaves when its input ends.
    let output = client.wait_with_output().unwrap();
    drop(input);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("250 2.0.0 kept"), "{said}");
    assert!(!said.contains("STARTTLS"), "it is not offered twice: {said}");
    assert!(desk.kept()[0].is_encrypted);
    assert_eq!(desk.kept()[0].bytes, b"Subject: x\r\n\r\nhi\r\n");
}

#[test]
fn msmtp_is_told_when_a_mail_was_not_kept() {
    if !has("msmtp") {
        return;
    }
    let desk = Desk::new(Protocol::Smtp, None, |before| {
        [Some(NotKept::Failed), Some(NotKept::NoRoom), None][before.min(2)]
    });
    let send = || {
        let mut command = Command::new("msmtp");
        command.args(["--file=/dev/null", "--host=127.0.0.1", &format!("--port={}", desk.address.port())]);
        command.args(["--from=jane@acme.example.com", "--tls=off", "--auth=off", "case@desk.example.com"]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"Subject: x\n\nhello\n").unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (sent, said) = send();
    assert!(!sent && said.contains("451"), "{said}");
    let (sent, said) = send();
    assert!(!sent && said.contains("452"), "{said}");
    let (sent, said) = send();
    assert!(sent, "{said}");
    assert_eq!(desk.kept().len(), 1);
}

#[test]
fn nothing_is_kept_of_a_connection_that_breaks_and_nobody_waits_for_one_that_says_nothing() {
    let desk = Desk::never_fails(Protocol::Smtp);
    let begin = b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<case@desk.example.com>\r\nDATA\r\n";
    // The connection is left silent in the middle of a mail; the desk hangs up.
    let said = desk.talk(&[begin, b"Subject: x\r\n\r\nhalf"]);
    assert!(said.contains("354"), "{said}");
    assert!(desk.kept().is_empty());
    let said = desk.talk(&[begin, b"Subject: x\r\n\r\nwhole\r\n.\r\nQUIT\r\n"]);
    assert!(said.ends_with("221 2.0.0 good-bye\r\n"), "{said}");
    assert_eq!(desk.kept().len(), 1);
}

#[test]
fn garbage_does_no_harm() {
    let desk = Desk::never_fails(Protocol::Smtp);
    let mut chance = crate::random::Chance::new(7);
    let words: &[&[u8]] = &[
        b"EHLO x\r\n",
        b"MAIL FROM:<a@b>\r\n",
        b"RCPT TO:<case@desk.example.com>\r\n",
        b"DATA\r\n",
        b"BDAT 3\r\n",
        b"BDAT 99999999999999999999 LAST\r\n",
        b".\r\n",
        b"\r\n",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"MAIL FROM:<>",
        b" SIZE=99999999999999999999\r\n",
        b"AUTH PLAIN\r\n",
        b"STARTTLS\r\n",
        b"RSET\r\n",
        b"x",
    ];
    for _ in 0..200 {
        let text: Vec<u8> =
            (0..chance.below(30)).flat_map(|_| words[chance.below(words.len())].iter().copied()).collect();
        desk.talk(&[&text, b"\r\n.\r\nQUIT\r\n"]);
    }
    let begin = b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<case@desk.example.com>\r\nDATA\r\n";
    let before = desk.kept().len();
    desk.talk(&[begin, b"alive\r\n.\r\nQUIT\r\n"]);
    assert_eq!(desk.kept().len(), before + 1);
}
