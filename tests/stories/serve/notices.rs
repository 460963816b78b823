//! What happens to cases reaches people and machines: over real sockets, once, whatever dies when.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use cases::intake::Role;
use cases::io::store::{Done, Store};
use cases::registry::{Person, Registration};
use ring::hmac;
use serde_json::Value;

use super::{Call, Phone, Service, http_of, status, within};
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
alert = "critical"
"#;

/// One request that a sink took.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) path: String,
    headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// An HTTP server that counts, and refuses when it is told to.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    refuses: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, refuses, stop) = <(Arc<Mutex<Vec<Taken>>>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let (to, is_refusing, is_over) = (Arc::clone(&taken), Arc::clone(&refuses), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                // What is cut off in the middle was not taken.
                let _ = take(stream, &to, &is_refusing);
            }
        });
        Self { address, taken, refuses, stop, thread: Some(thread) }
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// How often each id came to `path`.
    fn counted(&self, path: &str) -> BTreeMap<String, u32> {
        let mut counted = BTreeMap::new();
        for taken in self.taken().iter().filter(|it| it.path == path) {
            let id = taken.headers.get("ringwall-id").or_else(|| taken.headers.get("idempotency-key"));
            *counted.entry(id.unwrap().clone()).or_default() += 1;
        }
        counted
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn take(stream: std::net::TcpStream, to: &Mutex<Vec<Taken>>, refuses: &AtomicBool) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let is_refused = refuses.load(Ordering::SeqCst);
    if !is_refused {
        to.lock().unwrap().push(Taken { path, headers, body: String::from_utf8(body).ok()? });
    }
    let status = if is_refused { "503 Busy" } else { "200 OK" };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\nConnection: close\r\n\r\ntaken");
    reader.get_mut().write_all(answer.as_bytes()).ok()
}

/// A collector of logs that parses what it gets as RFC 5424 over RFC 6587, in another language.
struct Collector {
    child: Child,
    port: u16,
    file: std::path::PathBuf,
}

const COLLECTOR: &str = r#"
import json, re, socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
out = open(sys.argv[1], "a")
header = re.compile(r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S+) (\S+) (\S+) (\S+) - \ufeff(.*)", re.S)
while True:
    stream, _ = server.accept()
    data = b""
    while chunk := stream.recv(65536):
        data += chunk
    while data:
        length, rest = data.split(b" ", 1)
        message, data = rest[: int(length)].decode(), rest[int(length):]
        priority, at, host, app, proc, ident, text = header.fullmatch(message).groups()
        fields = re.split(r"(?<!\\)\|", text)
        extension = dict(re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?= \w+=|$)", fields[7]))
        out.write(json.dumps({"priority": int(priority), "app": app, "id": ident, "cef": fields[:7], "extension": extension}) + "\n")
        out.flush()
    stream.close()
"#;

impl Collector {
    fn start(folder: &Path) -> Self {
        let file = folder.join("collected.jsonl");
        let mut child = Command::new("python3")
            .args(["-c", COLLECTOR])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().parse().unwrap(), file }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(sink: SocketAddr, more: &str) -> String {
    format!(
        r#"
escalation = "dana"
at_any_hour = ["*"]
[person.dana]
name = "Dana"
phone = "+12105550100"
mail = "dana@desk.example.com"
duty_manager = true
[chain.customer]
steps = [{{ who = "role:incident-notify", channels = ["sms"] }}]
[chain.machines]
steps = [{{ who = ["target:tickets", "target:ops"] }}]
[[route]]
name = "customers"
match = {{ event = "violation" }}
group_by = ["case"]
wait = "0 s"
urgency = "page"
chain = "customer"
continue = true
[[route]]
name = "machines"
match = {{ event = "opened" }}
group_by = ["case"]
wait = "0 s"
urgency = "page"
chain = "machines"
[target.tickets]
kind = "webhook"
url = "http://{sink}/hook"
secret_file = "hook.key"
[target.ops]
kind = "chat"
url_file = "chat.url"
[sms]
url = "http://{sink}/sms"
body = '{{"to":"{{to}}","text":"{{text}}"}}'
authorization_file = "sms.key"
{more}
"#
    )
}

pub(super) const KEYS: &str = "[cases]\nnotices = \"notices.toml\"\n";

pub(super) fn prepare(name: &str, sink: SocketAddr, more: &str) -> Scratch {
    let scratch = Scratch::new(name);
    scratch.write("acme.toml", POLICY);
    scratch.write("notices.toml", settings(sink, more));
    scratch.write("hook.key", "not told to anybody\n");
    scratch.write("sms.key", "Bearer gateway\n");
    scratch.write("chat.url", format!("http://{sink}/chat\n"));
    let data = scratch.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    register(&data);
    scratch
}

/// Acme has a contact who wants to hear of violations.
fn register(data: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(data.join("cases.db").to_str().unwrap()).await.unwrap();
        let service = cases::Service::sample();
        let ivy = Person {
            name: "ivy".to_owned(),
            addresses: vec!["ivy@acme.example.com".to_owned()],
            phones: vec!["+12105550181".to_owned()],
            roles: [Role::IncidentNotify].into(),
            valid_from: None,
            valid_until: None,
            verified_at: None,
            zone: None,
        };
        let acme = Registration { customer: "Acme".to_owned(), people: vec![ivy], ..Registration::default() };
        let done = |who| Done { who, now: rules::Timestamp(1), service: &service };
        let draft = store.desk().draft_registration(acme, done("anna")).await.unwrap();
        store.desk().confirm_registration(&draft.hash, done("ben")).await.unwrap();
        store.close().await;
    });
}

pub(super) fn call(service: &Service, caller: &str, call_id: &str) {
    let phone = Phone::new(service.udp());
    assert_eq!(
        status(&phone.ask(&Call { call_id, ..Call::new(caller, "+12105550150") }.by(phone.port()))),
        486
    );
}

/// What a command of the desk prints.
pub(super) fn desk(service: &Service, words: &[&str]) -> String {
    let config = service.data().with_file_name("ringwall.toml");
    let output = ringwall([words, &["--config", config.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

pub(super) fn cases(service: &Service) -> Vec<Value> {
    desk(service, &["case", "list", "--json"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_critical_violation_is_told_to_the_customer_and_to_machines_and_stops_its_clock() {
    let sink = Sink::start();
    let folder = Scratch::new("serve-notices-log");
    let collector = Collector::start(folder.path());
    let siem = format!(
        "[target.siem]\nkind = \"syslog\"\naddress = \"tcp://127.0.0.1:{}\"\nstream = [\"alerts\", \"cases\"]\n",
        collector.port
    );
    let service = Service::resume(prepare("serve-notices", sink.address, &siem), KEYS);
    call(&service, "+13035550142", "notice-1");
    let case = within(15, || cases(&service).into_iter().find(|case| case["state"] == "notified")).unwrap();
    let number = case["number"].as_str().unwrap();
    let clock = case["clocks"].as_array().unwrap().iter().find(|it| it["kind"] == "notify").unwrap().clone();
    let seconds = (clock["stopped"].as_i64().unwrap() - clock["start"].as_i64().unwrap()) / 1_000_000;
    assert!((0..=60).contains(&seconds), "told after {seconds} s");
    // The text message, with what makes it one.
    let sms = sink.taken().into_iter().find(|it| it.path == "/sms").unwrap();
    let message: Value = serde_json::from_str(&sms.body).unwrap();
    assert_eq!(
        (&message["to"], sms.headers["authorization"].as_str()),
        (&"+12105550181".into(), "Bearer gateway")
    );
    assert!(
        message["text"]
            .as_str()
            .unwrap()
            .starts_with(&format!("RINGWALL {number}: Critical threshold violation: unwanted"))
    );
    // The webhook, whose signature is right for this body and no other.
    let hook = within(10, || sink.taken().into_iter().find(|it| it.path == "/hook")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"not told to anybody");
    let signed = format!("{}.{}", hook.headers["ringwall-timestamp"], hook.body);
    let signature = hook.headers["ringwall-signature"].strip_prefix("v1=").unwrap();
    let bytes: Vec<u8> = (0..signature.len() / 2)
        .map(|at| u8::from_str_radix(&signature[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    hmac::verify(&key, signed.as_bytes(), &bytes).unwrap();
    assert!(hmac::verify(&key, format!("{signed} ").as_bytes(), &bytes).is_err());
    let told: Value = serde_json::from_str(&hook.body).unwrap();
    assert_eq!(
        (&told["id"], &told["fact"]["case"]),
        (&hook.headers["ringwall-id"].as_str().into(), &number.into())
    );
    let chat = within(10, || sink.taken().into_iter().find(|it| it.path == "/chat")).unwrap();
    assert!(serde_json::from_str::<Value>(&chat.body).unwrap()["text"].as_str().unwrap().contains(number));
    // The log, as somebody else reads it.
    let lines = || super::lines(&collector.file);
    let has =
        |what: &str| lines().iter().any(|it| it["cef"][4] == what && it["extension"]["externalId"] == number);
    within(10, || (has("updated") && has("opened") && has("violation")).then_some(()))
        .unwrap_or_else(|| panic!("{:?}", lines()));
    assert!(
        lines().iter().all(|it| it["cef"][0] == "CEF:1" && it["app"] == "ringwall" && it["priority"] == 107),
        "{:?}",
        lines()
    );
    // Why, and to whom.
    let why = desk(&service, &["notify", "explain", number]);
    for part in [
        "route: customers: chain customer, and further routes",
        "chain: step 1 of customer: ivy by sms",
        "target tickets",
    ] {
        assert!(why.contains(part), "no {part:?} in {why}");
    }
    let shown = desk(&service, &["case", "show", number]);
    assert!(shown.contains("ivy by sms accepted, step 1 of customer"), "{shown}");
    // Once more, with the same id.
    let id = hook.headers["ringwall-id"].clone();
    desk(&service, &["notify", "resend", &id, "--by", "anna"]);
    within(10, || (sink.counted("/hook")[&id] == 2).then_some(())).unwrap();
    assert!(
        desk(&service, &["notify", "test", "--target", "tickets"]).starts_with("tickets took it: 200 OK")
    );
    service.stop();
}

#[test]
fn kills_at_any_moment_leave_nobody_untold_and_nobody_told_more_than_twice() {
    let sink = Sink::start();
    let kills: u64 = std::env::var("RINGWALL_KILLS").map_or(5, |count| count.parse().unwrap());
    let mut service = Service::resume(prepare("serve-notices-kills", sink.address, ""), KEYS);
    for kill in 0..kills {
        for at in 0..4 {
            call(&service, &format!("+130355501{:02}", (kill * 4 + at) % 100), &format!("kill-{kill}-{at}"));
        }
        // Before, while and after it is decided and sent: once a second.
        std::thread::sleep(Duration::from_millis(150 + kill * 389 % 1300));
        service = Service::resume(service.kill(), KEYS);
    }
    let calls = usize::try_from(kills * 4).unwrap();
    let all = || sink.counted("/sms").len() == calls && sink.counted("/hook").len() == calls;
    within(20, || all().then_some(())).unwrap_or_else(|| {
        panic!(
            "{} by SMS and {} by webhook of {calls}",
            sink.counted("/sms").len(),
            sink.counted("/hook").len()
        )
    });
    // Everything is told of, and what was told twice has its id twice: once for a kill at most.
    for path in ["/sms", "/hook"] {
        let counted = sink.counted(path);
        assert_eq!(counted.len(), calls, "{path}");
        assert!(counted.values().all(|count| *count <= 2), "{path}: {counted:?}");
    }
    within(10, || cases(&service).iter().all(|case| case["state"] == "notified").then_some(())).unwrap();
    service.stop();
}

#[test]
fn another_file_of_notices_holds_at_once_and_one_with_mistakes_does_not() {
    let sink = Sink::start();
    let more = DESK.split("[sms.answers]").last().unwrap().split_once("[chain.desk]").unwrap().1;
    let more = format!(
        "[chain.desk]{more}[[route]]\nname = \"trouble\"\nmatch = {{ event = \"trouble\" }}\nwait = \"0 s\"\n\
         urgency = \"page\"\nchain = \"desk\"\n"
    );
    let text = settings(sink.address, &more)
        .replace("name = \"machines\"\n", "name = \"machines\"\ncontinue = true\n");
    let scratch = prepare("serve-notices-anew", sink.address, "");
    scratch.write("notices.toml", &text);
    let service = Service::resume(scratch, KEYS);
    let write = |text: &str| std::fs::write(service.data().with_file_name("notices.toml"), text).unwrap();
    let texts = |to: &str| {
        let all = sink.taken().into_iter().filter(|it| it.path == "/sms").map(|it| it.body);
        all.filter(|body| body.contains(&format!("\"to\":\"{to}\""))).collect::<Vec<_>>()
    };
    let counted = |what: &str| {
        let name = format!("ringwall_notices_reloads_total{{kind=\"{what}\"}}");
        service.metric(&name)
    };
    call(&service, "+13035550142", "anew-1");
    within(15, || (texts("+12105550100").len() == 1).then_some(())).unwrap();

    let other = text.replace("+12105550100", "+12105550101");
    write(&other);
    within(10, || (counted("made") == 1).then_some(())).unwrap();
    call(&service, "+13035550143", "anew-2");
    within(15, || (texts("+12105550101").len() == 1).then_some(())).unwrap();
    assert_eq!(texts("+12105550100").len(), 1);

    // One with mistakes: whoever is reached by what holds hears of it.
    write(&other.replace("[chain.desk]", "[chain.nobody]"));
    within(10, || (counted("refused") == 1).then_some(())).unwrap();
    let said = within(20, || texts("+12105550101").into_iter().nth(1)).unwrap();
    assert!(said.contains("the file of notices was changed and not taken"), "{said}");
    call(&service, "+13035550144", "anew-3");
    within(15, || (texts("+12105550101").len() == 3).then_some(())).unwrap();

    // Who asks need not wait for it to look different.
    write(&other);
    within(10, || (counted("made") == 2).then_some(())).unwrap();
    service.signal("-HUP");
    within(10, || (counted("made") == 3).then_some(())).unwrap();
    assert_eq!(counted("refused"), 1);
    service.stop();
}

#[test]
fn what_a_gateway_refuses_is_tried_again() {
    let sink = Sink::start();
    sink.refuses.store(true, Ordering::SeqCst);
    let service = Service::resume(prepare("serve-notices-refused", sink.address, ""), KEYS);
    call(&service, "+13035550142", "refused-1");
    let number =
        within(10, || cases(&service).first().map(|it| it["number"].as_str().unwrap().to_owned())).unwrap();
    let shows =
        |words: &str| within(15, || desk(&service, &["case", "show", &number]).contains(words).then_some(()));
    shows("ivy by sms waiting").unwrap();
    shows("503 Service Unavailable").unwrap();
    // Nobody was told: the clock runs.
    assert!(desk(&service, &["case", "show", &number]).contains("notify      runs"));
    sink.refuses.store(false, Ordering::SeqCst);
    shows("ivy by sms accepted").unwrap();
    shows("notify      met").unwrap();
    service.stop();
}

#[test]
fn a_silence_and_an_acknowledgement_are_seen_and_explained() {
    let sink = Sink::start();
    let service = Service::resume(prepare("serve-notices-silence", sink.address, ""), KEYS);
    let config = service.data().with_file_name("ringwall.toml");
    let config = config.to_str().unwrap();
    let long = ringwall([
        "silence",
        "add",
        "customer=Acme",
        "--for",
        "8d",
        "--by",
        "anna",
        "--reason",
        "a drill of Acme",
        "--config",
        config,
    ]);
    assert_eq!(long.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&long.stderr).contains("7 days at most"));
    let added = desk(
        &service,
        &["silence", "add", "customer=Acme", "--for", "4h", "--by", "anna", "--reason", "a drill of Acme"],
    );
    assert!(
        added.starts_with("would have hidden 0 alerts, 0 critical, in the past 7 days\nS-1  customer=Acme"),
        "{added}"
    );
    call(&service, "+13035550142", "silence-1");
    let number =
        within(10, || cases(&service).first().map(|it| it["number"].as_str().unwrap().to_owned())).unwrap();
    let why = || desk(&service, &["notify", "explain", &number]);
    within(10, || why().contains("silence: kept quiet by S-1 of anna: a drill of Acme").then_some(()))
        .unwrap();
    assert!(sink.taken().is_empty());
    // The clock until the customer is told runs all the same (D-9).
    assert!(desk(&service, &["case", "show", &number]).contains("notify      runs"));
    desk(&service, &["silence", "end", "S-1", "--by", "anna"]);
    assert_eq!(desk(&service, &["silence", "list"]), "no silences\n");
    let after = desk(
        &service,
        &[
            "silence",
            "add",
            "rule=unwanted",
            "--for",
            "1h",
            "--by",
            "anna",
            "--reason",
            "only to see",
            "--dry-run",
        ],
    );
    assert_eq!(after, "would have hidden 2 alerts, 2 critical, in the past 7 days\n");
    let said = desk(&service, &["notify", "acknowledge", &number, "--by", "ben"]);
    assert!(said.contains("ben looks at it"), "{said}");
    assert!(desk(&service, &["case", "show", &number]).contains("ben acknowledge: nobody further is called"));
    service.stop();
}

pub(super) const DESK: &str = r#"
[sms.answers]
authorization_file = "answers.key"
from = "From"
text = "Body"
[chain.desk]
steps = [
    { who = "person:dana", channels = ["sms"] },
    { who = "escalation", channels = ["mail"], wait = "8 s" },
]
[[route]]
name = "desk"
match = { event = "opened" }
group_by = ["case"]
wait = "0 s"
urgency = "page"
chain = "desk"
"#;

#[test]
fn e4_who_answers_a_text_message_looks_at_it_and_nobody_further_is_called() {
    let sink = Sink::start();
    let scratch = prepare("serve-notices-answer", sink.address, DESK);
    let goes_on = settings(sink.address, DESK)
        .replace("name = \"machines\"\n", "name = \"machines\"\ncontinue = true\n");
    scratch.write("notices.toml", goes_on);
    // Without the file with its secret nothing starts that would take anybody's answer.
    let refused = ringwall(["serve", "--config", scratch.write("ringwall.toml", KEYS).to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("answers.key"), "{refused:?}");
    scratch.write("answers.key", "Bearer of answers\n");
    let service = Service::resume(scratch, KEYS);
    let answer = |authorization: &str, body: &str| {
        let kind = format!("application/x-www-form-urlencoded\r\nAuthorization: {authorization}");
        http_of(&kind, (service.address("http://"), "POST", "/answers"), body).0
    };
    let to_dana = || {
        let all = sink.taken().into_iter().filter(|it| it.path == "/sms");
        let read = |it: Taken| serde_json::from_str::<Value>(&it.body).unwrap();
        let of_dana = all.map(read).filter(|it| it["to"] == "+12105550100");
        of_dana.map(|it| it["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    call(&service, "+13035550142", "answer-1");
    let asked = within(15, || to_dana().into_iter().next()).unwrap();
    let number = cases(&service)[0]["number"].as_str().unwrap().to_owned();
    let code =
        asked.split("Answer ACK ").nth(1).unwrap_or_else(|| panic!("{asked}")).get(..6).unwrap().to_owned();
    assert!(asked.contains(&number), "{asked}");
    let right = format!("From=%2B12105550100&Body=Ack+{code}");
    let other = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(answer("Bearer of others", &right), 401);
    assert_eq!(answer("Bearer of answers", "From=%2B12105550100"), 422);
    assert_eq!(answer("Bearer of answers", "\u{1}%ff=&&&"), 422);
    let history = || desk(&service, &["case", "show", &number]);
    // Neither a stranger nor another code does anything; who guesses is told so.
    assert_eq!(answer("Bearer of answers", &format!("From=%2B12105550199&Body=ACK+{code}")), 204);
    assert_eq!(answer("Bearer of answers", &format!("From=%2B12105550100&Body=ACK+{other}")), 204);
    assert_eq!(answer("Bearer of answers", "From=%2B12105550100&Body=who+is+this%3F"), 204);
    let says = |words: &str| within(10, || to_dana().iter().any(|text| text.contains(words)).then_some(()));
    says(&format!("nothing that is open has the code {other}")).unwrap();
    says("answer ACK and the six digits").unwrap();
    assert!(!history().contains("dana acknowledge"), "{}", history());
    assert_eq!(answer("Bearer of answers", &right), 204);
    says(&format!("you look at {number}; nobody further is called for 30 minutes")).unwrap();
    assert!(history().contains("dana acknowledge: by text message"), "{}", history());
    let why = || desk(&service, &["notify", "explain", &number]);
    within(20, || why().contains("step 2 of desk is left out: dana has it").then_some(()))
        .unwrap_or_else(|| panic!("{}", why()));
    service.stop();
}
