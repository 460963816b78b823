//! Lists that are fetched from a server of the story, which answers as the story wants.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::{Call, Phone, Service, fresh, status, within};
use crate::support::{Scratch, ringwall, stdout};

/// What the server answers next, and what it was asked.
#[derive(Default)]
struct Script {
    /// The answer, whole; `None` closes the connection.
    answer: Option<Vec<u8>>,
    /// The headers of each request, in small letters.
    asked: Vec<BTreeMap<String, String>>,
}

/// A server on loopback, until it is dropped.
struct Source {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Mutex<Script>> = Arc::default();
        let ended = Arc::new(AtomicBool::new(false));
        let (told, is_ended) = (Arc::clone(&script), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_ended.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(stream) = stream {
                    let _ = serve(stream, &told);
                }
            }
        });
        Self { address, script, ended, thread: Some(thread) }
    }

    fn says(&self, answer: impl Into<Vec<u8>>) {
        self.script.lock().unwrap().answer = Some(answer.into());
    }

    fn has(&self, head: &str, body: &str) {
        self.says(format!(
            "HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ));
    }

    /// How often it was asked.
    fn asked(&self) -> usize {
        self.script.lock().unwrap().asked.len()
    }

    /// Waits until it was asked once more from now on, and answered.
    fn wait(&self) {
        let before = self.asked();
        within(20, || (self.asked() > before + 1).then_some(())).expect("nobody asks");
    }
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut headers = BTreeMap::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        match line.split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
            None if line.is_empty() => break,
            None => {}
        }
    }
    let answer = {
        let mut script = script.lock().unwrap();
        script.asked.push(headers);
        script.answer.clone()
    };
    stream.write_all(&answer.unwrap_or_default())
}

impl Drop for Source {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

const POLICY: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
     [[firewall]]\nname = \"bad\"\nwhen = { caller = \"@bad\" }\naction = { block = 486 }\n[lists.bad]\nnumbers_file = \"bad.csv\"\n";

/// Ten numbers, the first of which are +13035550200 and so on.
fn numbers(first: u32, count: u32) -> String {
    (first..first + count).map(|number| format!("+1303555{number:04}\n")).collect()
}

fn resume(scratch: Scratch, url: &str, more: &str) -> Service {
    let config = format!(
        "policy = [\"acme.toml\"]\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n\
         [[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77:5070\"\n\
         [[feed]]\nname = \"source\"\nurl = \"{url}\"\nlist = \"bad\"\nevery_seconds = 1\n{more}\n"
    );
    Service::with_config(scratch, &config)
}

fn start(name: &str, source: &Source, more: &str) -> Service {
    let scratch = Scratch::new(name);
    scratch.write("acme.toml", POLICY);
    scratch.write("bad.csv", "number\n");
    resume(scratch, &format!("http://{}/bad.csv", source.address), more)
}

fn answer(service: &Service, caller: &str) -> u16 {
    let phone = Phone::new(service.udp());
    let call_id = fresh();
    status(&phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550101") }.by(phone.port())))
}

fn run(service: &Service, words: &[&str]) -> Output {
    ringwall(["list"].iter().chain(words).chain(&["--data", service.data().to_str().unwrap()]))
}

fn known(service: &Service) -> Value {
    let output = run(service, &["feeds", "--json"]);
    stdout(&output).lines().next().map(|line| serde_json::from_str(line).unwrap()).unwrap_or_default()
}

fn waits_for(service: &Service, caller: &str, code: u16) {
    within(20, || (answer(service, caller) == code).then_some(()))
        .unwrap_or_else(|| panic!("{caller} is not {code}: {} {}", service.errors(), known(service)));
}

#[test]
fn what_is_fetched_is_in_force_and_asked_for_again_by_its_mark() {
    let source = Source::start();
    source.has("ETag: \"one\"\r\nLast-Modified: Thu, 26 Nov 2026 08:00:00 GMT\r\n", &numbers(200, 10));
    let service = start("feed-fetch", &source, "");
    waits_for(&service, "+13035550209", 486);
    source.says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    source.wait();
    let asked = source.script.lock().unwrap().asked.last().unwrap().clone();
    assert_eq!(
        (asked["if-none-match"].as_str(), asked["if-modified-since"].as_str()),
        ("\"one\"", "Thu, 26 Nov 2026 08:00:00 GMT")
    );
    assert!(
        asked["user-agent"].starts_with("ringwall/") && asked["accept-encoding"].contains("gzip"),
        "{asked:?}"
    );
    // One number of ten goes, one comes.
    source.has("ETag: \"two\"\r\n", &numbers(201, 10));
    waits_for(&service, "+13035550210", 486);
    waits_for(&service, "+13035550200", 302);
    within(10, || service.errors().contains("feed source: list bad of Acme: 1 new, 1 gone").then_some(()))
        .expect("what changed is told");
    let account = super::lines(&service.data().join("policies/versions.jsonl"));
    assert_eq!(
        (account.len(), &account[1]["by"], &account[1]["how"]),
        (2, &"feed source".into(), &"list".into())
    );
    // The last good copy outlives a restart, and a source that is gone.
    drop(source);
    let service = resume(service.kill(), "http://127.0.0.1:9/bad.csv", "");
    assert_eq!(answer(&service, "+13035550210"), 486);
    within(10, || service.errors().contains("feed source: http://127.0.0.1:9/bad.csv").then_some(()))
        .expect("it is told");
    assert_eq!(answer(&service, "+13035550210"), 486);
    let (_, verdict) =
        service.decide(&serde_json::json!({ "caller": "+13035550210", "called": "+12105550101" }));
    let reason = verdict["reason"].as_str().unwrap();
    assert!(
        reason.contains("entry +13035550210 of @bad")
            && reason.contains("bad.csv:")
            && reason.contains("added 20"),
        "{reason}"
    );
}

#[test]
fn what_looks_wrong_is_kept_aside_until_a_person_takes_it() {
    let source = Source::start();
    source.has("", &numbers(200, 10));
    let service = start("feed-aside", &source, "grow_percent_max = 20\n");
    waits_for(&service, "+13035550209", 486);
    for (body, said) in [
        (numbers(200, 5), "5 of 10 entries are gone"),
        (numbers(200, 20), "10 entries are new, and there were 10"),
        (String::new(), "it holds nothing"),
        ("<html>\n<p>Sign in</p>\n</html>\n".to_owned(), "it holds nothing"),
        (format!("{}oops\n", numbers(200, 10)), "1 of 11 entries are none"),
        (format!("{}911\n", numbers(200, 10)), "911: is an emergency number"),
        (format!("{}+12105550150\n", numbers(200, 10)), "+12105550150: is a number of the customer"),
    ] {
        source.has("", &body);
        within(20, || {
            known(&service)["aside"]["why"].as_str().is_some_and(|why| why.contains(said)).then_some(())
        })
        .unwrap_or_else(|| panic!("{said}: {}", known(&service)));
        assert_eq!(answer(&service, "+13035550209"), 486, "{said}");
        assert_eq!(answer(&service, "+12105550150"), 302, "{said}");
    }
    let alerts = service.lines("alerts.jsonl", 1);
    assert_eq!(alerts[0]["rule"], "feed-kept-aside");
    source.has("ETag: \"five\"\r\n", &numbers(200, 5));
    within(20, || {
        known(&service)["aside"]["why"].as_str().is_some_and(|why| why.contains("5 of 10")).then_some(())
    })
    .unwrap();
    source.says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
    source.wait();
    let accepted = run(&service, &["accept", "source", "--by", "anna"]);
    assert!(accepted.status.success() && stdout(&accepted).contains("0 new, 5 gone"), "{accepted:?}");
    assert_eq!((answer(&service, "+13035550209"), answer(&service, "+13035550204")), (302, 486));
    source.wait();
    assert_eq!(known(&service)["aside"], Value::Null);
    let nothing = run(&service, &["accept", "source"]);
    assert!(
        String::from_utf8_lossy(&nothing.stderr).contains("nothing of a feed \"source\" is kept aside"),
        "{nothing:?}"
    );
    assert_eq!(run(&service, &["accept", "../source"]).status.code(), Some(2));
}

#[test]
fn a_source_that_misbehaves_changes_nothing() {
    let source = Source::start();
    source.has("", &numbers(200, 10));
    let service = start("feed-wrong", &source, "megabytes_max = 1\nfetch_seconds_max = 2\n");
    waits_for(&service, "+13035550209", 486);
    let body = numbers(200, 10);
    let short = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len() + 50);
    let bomb = {
        let mut packed =
            Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = packed.stdin.take().unwrap();
        let fill =
            std::thread::spawn(move || (0..64).for_each(|_| stdin.write_all(&[b'\n'; 1 << 16]).unwrap()));
        let packed = packed.wait_with_output().unwrap().stdout;
        fill.join().unwrap();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
        [head.as_bytes(), &packed].concat()
    };
    let redirect =
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/other\r\nContent-Length: 0\r\n\r\n".to_vec();
    for (answer_is, said) in [
        (short.into_bytes(), ""),
        (bomb, "it is larger than 1 MiB"),
        (redirect, "HTTP is not redirected"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec(), "500"),
        (b"nonsense\x1b[31m\r\n\r\n".to_vec(), ""),
    ] {
        source.says(answer_is);
        source.wait();
        let failed = within(20, || {
            known(&service)["failed"].as_str().filter(|why| why.contains(said)).map(str::to_owned)
        });
        failed.unwrap_or_else(|| panic!("{said}: {}", known(&service)));
        assert_eq!(answer(&service, "+13035550209"), 486, "{said}");
    }
    assert!(!service.errors().contains('\u{1b}'));
    let gzip = {
        let mut packed =
            Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        packed.stdin.take().unwrap().write_all(numbers(201, 10).as_bytes()).unwrap();
        let packed = packed.wait_with_output().unwrap().stdout;
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
        [head.as_bytes(), &packed].concat()
    };
    source.says(gzip);
    waits_for(&service, "+13035550210", 486);
}

#[test]
fn a_list_that_gets_old_raises_one_alert_and_stays_in_force() {
    let source = Source::start();
    source.has("", &numbers(200, 10));
    let service = start("feed-old", &source, "age_seconds_max = 2\nauthorization_file = \"token\"\n");
    within(10, || known(&service)["failed"].as_str().is_some_and(|why| why.contains("token")).then_some(()))
        .unwrap();
    service.scratch.write("token", "Bearer secret\n");
    waits_for(&service, "+13035550209", 486);
    let asked = source.script.lock().unwrap().asked.last().unwrap().clone();
    assert_eq!(asked["authorization"], "Bearer secret");
    source.says("");
    within(20, || service.errors().contains("it could not be fetched for").then_some(()))
        .expect("it is told");
    assert_eq!(answer(&service, "+13035550209"), 486);
    source.wait();
    let alerts = service.lines("alerts.jsonl", 1);
    assert_eq!(alerts.iter().filter(|alert| alert["rule"] == "feed-old").count(), 1, "{alerts:?}");
    assert!(!service.errors().contains("secret"));
}

#[test]
fn over_https_a_source_is_believed_for_its_certificate() {
    let scratch = Scratch::new("feed-https");
    scratch.write("acme.toml", POLICY);
    scratch.write("bad.csv", "number\n");
    scratch.write("www/list.csv", numbers(200, 10));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
        ])
        .current_dir(scratch.path())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing in CI");
        println!("SKIPPED: there is no openssl");
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("openssl")
        .args([
            "s_server",
            "-WWW",
            "-quiet",
            "-4",
            "-accept",
            &port.to_string(),
            "-cert",
            "../certificate.pem",
            "-key",
            "../key.pem",
        ])
        .current_dir(scratch.path().join("www"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let outcome = std::panic::catch_unwind(move || {
        let url = format!("https://localhost:{port}/list.csv");
        let service = resume(scratch, &url, "");
        within(10, || {
            known(&service)["failed"].as_str().is_some_and(|why| why.contains("ertificate")).then_some(())
        })
        .unwrap_or_else(|| panic!("a stranger's certificate is believed: {}", known(&service)));
        assert_eq!(answer(&service, "+13035550209"), 302);
        let scratch = service.stop();
        let service = resume(scratch, &url, "authorities = \"certificate.pem\"\n");
        waits_for(&service, "+13035550209", 486);
    });
    let _ = server.kill();
    let _ = server.wait();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
