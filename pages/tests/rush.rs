//! The queue in a rush: many open cases, two hundred alerts each second from calls that come in, and a connection that breaks.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ringwall_spool::{Event, Kind, Settings, Spool};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::postgres;
use crate::relay::{Relay, Way};
use crate::support::{Scratch, binary, within};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["192.0.2.0/24"]

[[ips]]
name = "keeps calling"
when = { direction = "inbound" }
count = "attempts"
per = ["caller"]
within = "10m"
warning = 1
"#;

/// How much of it: in every run what takes seconds, in `cargo xtask soak browser` all of it.
struct Size {
    cases: u64,
    seconds: u64,
    /// How much longer things may take beside the other stories of CI.
    patience: f64,
}

impl Size {
    fn wanted() -> Self {
        match std::env::var("RINGWALL_QUEUE_CASES") {
            Ok(count) => Self { cases: count.parse().unwrap(), seconds: 60, patience: 1.0 },
            Err(_) => Self { cases: 4_000, seconds: 15, patience: 5.0 },
        }
    }
}

#[test]
fn a_rush_of_alerts_reaches_an_open_queue_whatever_becomes_of_its_connection() {
    let size = Size::wanted();
    let mut databases = vec![("SQLite", None)];
    databases.extend(postgres::database().map(|database| ("PostgreSQL", Some(database))));
    for (name, database) in databases {
        let Some(browser) = Browser::open() else { return };
        let service = Service::start(name, database.as_deref(), size.cases);
        rush(&browser, &service, &size, name);
    }
}

fn rush(browser: &Browser, service: &Service, size: &Size, database: &str) {
    let relay = Relay::to(service.console);
    let own = format!("http://{}", relay.address);
    browser.go(&format!("{own}{}", service.welcome));
    browser.fill("#password", "a long enough password");
    browser.submit("button.primary");
    // Pages before this one followed as well.
    let before = relay.follows().len();
    browser.go(&format!("{own}/queue"));
    assert_eq!(browser.text("#open-cases"), size.cases.to_string());
    browser.run(
        "window.seen = new Set(); document.addEventListener('ringwall:changed', \
         event => { if (event.detail.what === 'alert') window.seen.add(event.detail.id); })",
    );
    let follows = |count: usize| {
        within(30, || {
            let follows = relay.follows().split_off(before);
            (follows.len() >= count && follows.last()?.is_answered).then_some(follows)
        })
        .unwrap_or_else(|| panic!("nobody follows: {:?}", relay.follows()))
    };
    follows(1);
    // Another window looks at one page after the other meanwhile, and by a way of its own.
    let first = browser.another_window();
    let calls = Calls::of_a_rush(size);
    let new = calls.new.len();
    let all = calls.callers().count();
    let alerts_before = service.metric("ringwall_cases_alerts_total");
    let begin = Instant::now();
    let ringing = calls.ring(service.redirect);
    let mut loads = Loads::default();
    std::thread::scope(|scope| {
        // Twice, each time from a moment on at which the page follows.
        let breaking = scope.spawn(|| {
            for (count, way) in [(1, Way::Shut), (2, Way::BadGateway)] {
                follows(count);
                std::thread::sleep(FOLLOWED);
                relay.turn(way);
                std::thread::sleep(BROKEN);
                relay.turn(Way::Open);
            }
        });
        while !ringing.is_finished() || !breaking.is_finished() {
            loads.load(browser, service);
        }
    });
    let took = begin.elapsed();
    ringing.join().unwrap();
    // Every call has raised its alert, every alert is in a case.
    let kept = within(60, || {
        let kept = service.metric("ringwall_cases_alerts_total") - alerts_before;
        (kept >= all as u64).then_some(kept)
    });
    assert_eq!(kept, Some(all as u64));
    browser.look_at(&first);
    let seen = || browser.run("return window.seen.size").as_u64().unwrap();
    within(60, || (seen() >= all as u64).then_some(()));
    assert_eq!(seen(), all as u64, "{database}: of {all} alerts: {:?}", relay.follows());
    let follows = follows(3);
    assert!(follows[1..].iter().all(|it| it.goes_on), "whoever comes back says where they were: {follows:?}");
    // The same ids as those that programs are told of.
    let of_store = browser.run_later(STORED_IDS);
    let of_page = browser.run("return [...window.seen].sort()");
    assert_eq!(of_store, of_page);
    // What the page says of its cases is what a page says that is loaded now.
    let is_equal = within(30, || (browser.run_later(DIFFERENCES) == json!([])).then_some(()));
    assert!(is_equal.is_some(), "{database}: {}", browser.run_later(DIFFERENCES));
    browser.wait_for("#open-cases", &(size.cases + new as u64).to_string());
    browser.wait_for("#fresh", &format!("{new} new"));
    assert_eq!(browser.run("return document.querySelector('#offline').hidden"), true);
    let rows = browser.run(
        "return performance.getEntriesByType('resource').filter(it => it.name.includes('/queue/rows') && it.responseStatus === 200)\
         .map(it => it.duration)",
    );
    let rows: Vec<f64> = rows.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    println!(
        "{database}: {} cases, {all} alerts in {took:.1?}, two breaks of {BROKEN:?}: {}; {} of rows alone {:.0} ms",
        size.cases,
        loads.said(),
        rows.len(),
        p95(&rows)
    );
    loads.check(size.patience);
}

/// What pages that are loaded while alerts come in take.
#[derive(Default)]
struct Loads {
    lists: Vec<f64>,
    paints: Vec<f64>,
    bytes: u64,
}

impl Loads {
    fn load(&mut self, browser: &Browser, service: &Service) {
        const PLACES: [&str; 4] = [
            "/queue",
            "/queue?q=customer:acme",
            "/queue?q=severity:warning+owner:nobody",
            "/queue?q=is:over",
        ];
        let place = PLACES[self.lists.len() % PLACES.len()];
        browser.go(&format!("http://{}{place}", service.console));
        // A first paint comes when the browser likes, soon after the page is there.
        let figures = within(15, || {
            let figures = browser.run(
                "const page = performance.getEntriesByType('navigation')[0]; \
                 return [page.responseEnd, performance.getEntriesByName('first-contentful-paint')[0]?.startTime, page.decodedBodySize]",
            );
            Some((figures[0].as_f64()?, figures[1].as_f64()?, figures[2].as_u64()?))
        });
        let (list, paint, bytes) = figures.expect("a page is painted");
        self.lists.push(list);
        self.paints.push(paint);
        self.bytes = self.bytes.max(bytes);
    }

    fn said(&self) -> String {
        let most = |figures: &[f64]| figures.iter().copied().fold(0.0, f64::max);
        format!(
            "{} lists p95 {:.0} ms, worst {:.0} ms; first paint p95 {:.0} ms, worst {:.0} ms; {} kB at most",
            self.lists.len(),
            p95(&self.lists),
            most(&self.lists),
            p95(&self.paints),
            most(&self.paints),
            self.bytes / 1_000
        )
    }

    fn check(&self, patience: f64) {
        assert!(self.lists.len() >= 20, "{}", self.said());
        assert!(p95(&self.lists) <= 150.0 * patience, "{}", self.said());
        assert!(p95(&self.paints) <= 1_000.0 * patience, "{}", self.said());
        assert!(self.bytes > 10_000 && self.bytes <= 300_000, "{}", self.said());
    }
}

fn p95(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(f64::NAN)
}

/// Who calls: each caller raises one alert.
struct Calls {
    /// Callers of whom there is a case already.
    known: Vec<String>,
    /// Callers that have none.
    new: Vec<String>,
}

impl Calls {
    fn of_a_rush(size: &Size) -> Self {
        let all = ALERTS_A_SECOND * size.seconds;
        // Fewer than make a storm of it, which would gather them.
        let new = (size.seconds / 2).min(50);
        // Those that are due first are the ones that a page shows.
        let known: Vec<_> =
            (0..size.cases).filter(|it| is_of_acme(*it)).take((all - new) as usize).map(caller).collect();
        assert_eq!(known.len() as u64, all - new, "a case for each that calls again");
        Self { known, new: (0..new).map(|index| format!("+1720555{index:04}")).collect() }
    }

    fn callers(&self) -> impl Iterator<Item = &String> {
        self.known.iter().chain(&self.new)
    }

    /// Rings two hundred times a second, and again where no answer came.
    fn ring(self, redirect: SocketAddr) -> JoinHandle<()> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let here = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let spread = (self.known.len() / self.new.len().max(1)).max(1);
        let mut callers = Vec::new();
        let mut new = self.new.into_iter();
        for (at, caller) in self.known.into_iter().enumerate() {
            callers.push(caller);
            if at % spread == spread / 2 {
                callers.extend(new.next());
            }
        }
        callers.extend(new);
        std::thread::spawn(move || {
            let mut open: BTreeSet<usize> = BTreeSet::new();
            let send = |at: usize| {
                let caller = &callers[at];
                let message = format!(
                    "INVITE sip:+12105550150@acme.example SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKrush{at}\r\n\
                     Max-Forwards: 70\r\nFrom: <sip:{caller}@caller.example>;tag=a\r\nTo: <sip:+12105550150@acme.example>\r\n\
                     Call-ID: rush-{at}-\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
                );
                socket.send_to(message.as_bytes(), redirect).unwrap();
            };
            let hear = |open: &mut BTreeSet<usize>| {
                let mut room = [0; 4_096];
                while let Ok((count, _)) = socket.recv_from(&mut room) {
                    let answer = String::from_utf8_lossy(&room[..count]);
                    if answer.starts_with("SIP/2.0 302") {
                        let id = answer.split_once("Call-ID: rush-").unwrap().1.split('-').next().unwrap();
                        open.remove(&id.parse().unwrap());
                    }
                }
            };
            let begin = Instant::now();
            for at in 0..callers.len() {
                let due = begin + Duration::from_secs(1) * at as u32 / ALERTS_A_SECOND as u32;
                while Instant::now() < due {
                    hear(&mut open);
                }
                open.insert(at);
                send(at);
            }
            let all = within(60, || {
                hear(&mut open);
                open.iter().for_each(|at| send(*at));
                open.is_empty().then_some(())
            });
            assert!(all.is_some(), "{} calls were not answered", open.len());
        })
    }
}

/// Three cases of four: whose calls can come in here.
const fn is_of_acme(index: u64) -> bool {
    !index.is_multiple_of(4)
}

fn caller(index: u64) -> String {
    format!("+1303{index:07}")
}

/// A service whose desk has much to do already.
struct Service {
    child: Child,
    console: SocketAddr,
    redirect: SocketAddr,
    /// Where whoever is first chooses a password.
    welcome: String,
    _scratch: Scratch,
}

impl Service {
    /// Starts it with `cases` in its spool, and waits until they are in the database.
    fn start(name: &str, database: Option<&str>, cases: u64) -> Self {
        let scratch = Scratch::new(&format!("rush-{name}"));
        let folder = scratch.path();
        fill(&folder.join("data/spool"), cases);
        std::fs::write(folder.join("acme.toml"), POLICY).unwrap();
        let database = database.map(|it| format!("[cases]\ndatabase = {it:?}\n")).unwrap_or_default();
        let config = format!(
            "policy = [\"acme.toml\"]\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\nudp = [\"127.0.0.1:0\"]\n\
             tcp = []\n[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77:5070\"\n{database}"
        );
        std::fs::write(folder.join("ringwall.toml"), config).unwrap();
        let errors = folder.join("errors");
        let mut child = Command::new(binary())
            .args(["serve", "--config"])
            .arg(folder.join("ringwall.toml"))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let said = || std::fs::read_to_string(&errors).unwrap();
        let address = |what: &str| {
            let found = ready.split_whitespace().find_map(|word| word.strip_prefix(what));
            found.unwrap_or_else(|| panic!("{ready}{}", said())).parse().unwrap()
        };
        let welcome = within(30, || {
            let said = said();
            let link = said.split_once("choose the password of admin at ")?.1.lines().next()?;
            Some(link[link.find("/welcome/")?..].to_owned())
        });
        let (console, redirect) = (address("http://"), address("udp:"));
        let welcome = welcome.expect("a link for the first log-in");
        let service = Self { child, console, redirect, welcome, _scratch: scratch };
        let filled = within(900, || (service.metric("ringwall_cases_alerts_total") >= cases).then_some(()));
        assert!(filled.is_some(), "{}", said());
        service
    }

    fn metric(&self, name: &str) -> u64 {
        let mut stream = std::net::TcpStream::connect(self.console).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix(name)?.trim().parse().ok()).next().unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts into a spool what a service that runs for weeks has seen: an alert for each case, in time so far apart that they are no
/// storm, of eleven customers.
fn fill(folder: &Path, cases: u64) {
    let settings = Settings {
        segment_bytes: 64 << 20,
        bytes_max: 1 << 30,
        reserve_bytes: 64 << 20,
        signalling_bytes_max: 64 << 20,
        signalling_micros_max: 86_400_000_000,
        consumers: ["cases", "records", "lines"].map(str::to_owned).to_vec(),
    };
    let (mut spool, _) = Spool::open(folder, settings).unwrap();
    let moments = moments(cases);
    let alerts: Vec<_> = (0..cases)
        .map(|index| {
            let customer = if is_of_acme(index) { "Acme".to_owned() } else { format!("Customer {}", index % 40) };
            let at = &moments[index as usize];
            let alert = json!({
                "id": format!("fill-{index}"), "at": at, "customer": customer, "rule": "keeps calling",
                "level": "warning", "severity": "warning", "key": { "caller": caller(index) }, "count": 1, "limit": 1,
                "window": "10m", "first": at, "last": at, "total_calls": 1, "calls": [],
            });
            alert.to_string()
        })
        .collect();
    for some in alerts.chunks(1_000) {
        let events: Vec<_> = some
            .iter()
            .map(|alert| Event { kind: Kind::ALERT, at_micros: 0, payload: alert.as_bytes() })
            .collect();
        let appended = spool.append(&events);
        assert!(appended.refused.is_empty(), "{:?}", appended.refused);
        spool.commit().unwrap();
    }
}

/// Three seconds after each other, up to an hour ago, in RFC 3339.
fn moments(count: u64) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut seconds = String::new();
    for index in 0..count {
        writeln!(seconds, "@{}", now - 3_600 - 3 * (count - index)).unwrap();
    }
    let mut date = Command::new("date")
        .args(["-u", "-f", "-", "+%FT%TZ"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = date.stdin.take().unwrap();
    let writing = std::thread::spawn(move || words.write_all(seconds.as_bytes()).unwrap());
    let output = date.wait_with_output().unwrap();
    writing.join().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

const ALERTS_A_SECOND: u64 = 200;
/// How long a page follows before its connection breaks.
const FOLLOWED: Duration = Duration::from_secs(1);
/// How long a connection stays broken: browsers try again after three seconds, and are to find it broken still.
const BROKEN: Duration = Duration::from_secs(4);

/// Ids of all alerts of the rush, as the API lists them, the latest first.
const STORED_IDS: &str = "(async () => { const ids = []; let place = '/v1/alerts?count=200'; for (;;) { \
    const page = await (await fetch(place)).json(); for (const it of page.items) { \
    if (it.id.startsWith('fill-')) return done(ids.sort()); ids.push(it.id); } \
    if (!page.next) return done(ids.sort()); place = `/v1/alerts?count=200&after=${encodeURIComponent(page.next)}`; } \
    })().catch(error => done(String(error)))";

/// Rows of this page whose count of alerts is not what a page has for their case that is made now.
const DIFFERENCES: &str = "(async () => { const counts = page => new Map([...page.querySelectorAll('[data-row]')].map(row => \
    [row.dataset.number, row.querySelector('.spark + .small')?.textContent.trim()])); \
    const now = counts(new DOMParser().parseFromString(await (await fetch('/queue')).text(), 'text/html')); \
    const both = [...counts(document)].filter(([number]) => now.has(number)); \
    done(both.length < 50 ? [`${both.length} rows`] : both.filter(([number, count]) => now.get(number) !== count)); \
    })().catch(error => done(String(error)))";
