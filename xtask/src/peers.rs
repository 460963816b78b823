//! CPU time per answered INVITE and per call passed on, of the bare socket, of Ringwall and of Kamailio, in one run.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::calls::{self, Kamailio};
use crate::report::Report;
use crate::{built, cargo, shared};

/// What the data of the comparison must give, of 20,000: calls that go on, calls that are refused.
const VERDICTS: (u64, u64) = (14_799, 5_201);

/// Calls of 20,000 that may go on all the same: what is written 886 00 43 … is read as a call abroad, to +43, and so is not
/// found under the prefix that the data has.
const READ_OTHERWISE_MAX: u64 = 4;

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// INVITEs that a redirect server answers.
    Invites,
    /// Calls that a proxy passes on.
    Calls,
}

/// How long a redirect server remembers a call for its retransmissions, and a little longer.
const REMEMBERED: Duration = Duration::from_secs(34);

/// Datagrams of one call: INVITE, 100, 180, 200, ACK, BYE, 200.
const CALL_DATAGRAMS: f64 = 7.0;

/// Runs the comparison and says the figures.
pub(crate) fn run(report: &mut Report, what: What) {
    let script = shared().join("peers/compare");
    if !script.exists() {
        report.skip("peers", &format!("{} is not there", script.display()));
        return;
    }
    if !report
        .step("ringwall for peers", &mut cargo(&["build", "--locked", "--release", "--package", "ringwall"]))
    {
        return;
    }
    let begin = Instant::now();
    let compared = match what {
        What::Invites => compare(&script).map(|compared| compared.is_right()),
        What::Calls => compare_calls(&script),
    };
    if let Err(error) = &compared {
        println!("the comparison failed: {error}");
    }
    let name = if what == What::Invites { "peers" } else { "peers calls" };
    report.check(name, begin, compared.unwrap_or(false));
}

/// Calls through the proxy, through Kamailio, and the bare socket beside them. Every call must come to its end.
fn compare_calls(script: &Path) -> io::Result<bool> {
    let out = std::env::temp_dir().join("ringwall-peers");
    fs::create_dir_all(&out)?;
    succeed(compare_command(script, &out).arg("setup"))?;
    write_policy(&out)?;
    let floor = Runs::read("floor", compare_command(script, &out).arg("floor"))?;
    let called = UdpSocket::bind("127.0.0.1:0")?;
    let place = called.local_addr()?;
    let (server, port) = Serve::start(&out, &proxy_config(place), "proxy udp:")?;
    let ringwall = calls::measure("ringwall", port.parse().unwrap_or_default(), &called, &[server.0.id()])?;
    drop(server);
    let kamailio = Kamailio::start(&out, place.port())?;
    let others = calls::measure("kamailio", kamailio.port, &called, &kamailio.processes())?;
    println!("CPU µs per call of seven datagrams, median (least to most):");
    let floor = floor.median() * CALL_DATAGRAMS;
    println!("  {:<10}{floor:>6.1}  ({CALL_DATAGRAMS} datagrams of the bare socket)", "floor");
    for taken in [&ringwall, &others] {
        let (least, most) = (taken.micros.first(), taken.micros.last());
        let (least, most) = (least.copied().unwrap_or_default(), most.copied().unwrap_or_default());
        println!("  {:<10}{:>6.1}  ({least:.1} to {most:.1})", taken.name, taken.median());
    }
    println!(
        "ringwall is {:.2} × the floor (goal 1.3), kamailio {:.2} × ringwall (goal 1.9)",
        ringwall.median() / floor,
        others.median() / ringwall.median()
    );
    Ok(true)
}

fn proxy_config(called: SocketAddr) -> String {
    format!(
        "policy = [\"peers.toml\"]\n[redirect]\nudp = []\ntcp = []\n[http]\nlisten = \"127.0.0.1:0\"\n[proxy]\n\
         udp = [\"127.0.0.1:0\"]\noverload_after_milliseconds = 10000\n[[proxy.next_hop]]\nname = \"called\"\nto = [\"{called}\"]\nhealth_seconds = 0\n\
         [[proxy.peer]]\nname = \"caller\"\nfrom = [\"127.0.0.1\"]\ntrusted = true\nnext_hop = \"called\"\n"
    )
}

/// Repetitions of one server.
struct Runs {
    name: &'static str,
    /// CPU microseconds per answered INVITE, in order of size.
    micros: Vec<f64>,
    verdicts: Vec<(u64, u64)>,
}

struct Compared {
    floor: Runs,
    /// With every call recorded, as it is delivered.
    ringwall: Runs,
    /// Without records, as Kamailio is compared: it keeps none.
    unrecorded: Runs,
    kamailio: Runs,
}

fn compare(script: &Path) -> io::Result<Compared> {
    let out = std::env::temp_dir().join("ringwall-peers");
    fs::create_dir_all(&out)?;
    succeed(compare_command(script, &out).arg("setup"))?;
    write_policy(&out)?;
    let floor = Runs::read("floor", compare_command(script, &out).arg("floor"))?;
    let ringwall = serve_invites(script, &out, "ringwall", "all")?;
    let unrecorded = serve_invites(script, &out, "unrecorded", "none")?;
    let kamailio = Runs::read("kamailio", compare_command(script, &out).args(["kamailio", "1m"]))?;
    Ok(Compared { floor, ringwall, unrecorded, kamailio })
}

/// INVITEs to a service that records these `calls`.
fn serve_invites(script: &Path, out: &Path, name: &'static str, calls: &str) -> io::Result<Runs> {
    let config = format!(
        "policy = [\"peers.toml\"]\n[redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [records]\ncalls = \"{calls}\"\n"
    );
    let (server, port) = Serve::start(out, &config, "redirect udp:")?;
    let process = server.0.id().to_string();
    // What it remembers of calls finds its size, and is free again when retransmissions can come no more.
    succeed(compare_command(script, out).args(["server", &port, &process]))?;
    std::thread::sleep(REMEMBERED);
    Runs::read(name, compare_command(script, out).args(["server", &port, &process]))
}

impl Compared {
    /// Prints the figures; returns whether the verdicts are those that the data must give.
    fn is_right(&self) -> bool {
        println!("CPU µs per answered INVITE of 900 bytes, median (least to most):");
        for runs in [&self.floor, &self.ringwall, &self.unrecorded, &self.kamailio] {
            let (least, most) = (runs.micros.first(), runs.micros.last());
            let (least, most) = (least.copied().unwrap_or_default(), most.copied().unwrap_or_default());
            println!("  {:<10}{:>6.1}  ({least:.1} to {most:.1})", runs.name, runs.median());
        }
        for ringwall in [&self.ringwall, &self.unrecorded] {
            println!(
                "{} is {:.2} × the floor (goal 1.5), kamailio {:.2} × it (goal 2.5)",
                ringwall.name,
                ringwall.median() / self.floor.median(),
                self.kamailio.median() / ringwall.median()
            );
        }
        let is_right = |(passed, refused): &(u64, u64)| {
            passed + refused == VERDICTS.0 + VERDICTS.1 && VERDICTS.1.abs_diff(*refused) <= READ_OTHERWISE_MAX
        };
        let is_right = |runs: &Runs| {
            let right = runs.verdicts.iter().all(is_right) && !runs.verdicts.is_empty();
            if !right {
                println!("verdicts of {} are {:?}, not {VERDICTS:?}", runs.name, runs.verdicts);
            }
            right
        };
        is_right(&self.ringwall) && is_right(&self.unrecorded)
    }
}

impl Runs {
    fn read(name: &'static str, command: &mut Command) -> io::Result<Self> {
        let output = command.stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = |line: &str, name: &str| -> Option<f64> {
            line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("rep=")).collect();
        let mut micros: Vec<f64> = lines.iter().filter_map(|line| value(line, "srv_us")).collect();
        micros.sort_by(f64::total_cmp);
        let verdicts =
            lines.iter().filter_map(|line| Some((value(line, "c302")? as u64, value(line, "c603")? as u64)));
        let verdicts = verdicts.collect();
        if micros.is_empty() {
            return Err(io::Error::other(format!("{name} answered nothing: {text}")));
        }
        Ok(Self { name, micros, verdicts })
    }

    fn median(&self) -> f64 {
        self.micros.get(self.micros.len() / 2).copied().unwrap_or_default()
    }
}

/// The service under comparison, ended when dropped.
struct Serve(Child);

impl Serve {
    /// Starts it with the configuration `text` and returns it with the port that it names behind `what` once it is ready.
    fn start(out: &Path, text: &str, what: &str) -> io::Result<(Self, String)> {
        let data = out.join("ringwall-data");
        let _ = fs::remove_dir_all(&data);
        let config = out.join("ringwall.toml");
        fs::write(&config, text)?;
        let mut child = Command::new(built("release/ringwall"))
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut ready = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut ready)?;
        }
        let server = Self(child);
        let place = ready.split_once(what).and_then(|(_, behind)| behind.split_whitespace().next());
        let port = place.and_then(|place| place.rsplit(':').next());
        let port = port.ok_or_else(|| io::Error::other(format!("it is not ready: {ready}")))?.to_owned();
        Ok((server, port))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn compare_command(script: &Path, out: &Path) -> Command {
    let mut command = Command::new(script);
    command.env("OUT", out);
    command
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// A policy that says what the data of the comparison says: callers, prefixes, addresses and scanners to be refused.
fn write_policy(out: &Path) -> io::Result<()> {
    let lines = |name: &str| -> io::Result<Vec<String>> {
        Ok(fs::read_to_string(out.join(name))?.lines().map(str::to_owned).collect())
    };
    fs::write(out.join("callers.csv"), format!("number\n{}\n", lines("blk1m.txt")?.join("\n")))?;
    // Two groups may be read as other numbers than were written: Taiwan dials no zero behind its country code, and 888 is
    // no country but a free call in +1.
    let prefix = |prefix: &String| match (prefix.strip_prefix("8860"), prefix.starts_with("888")) {
        (Some(rest), _) => format!("{prefix}*\n886{rest}*\n"),
        (None, true) => format!("1{prefix}*\n"),
        (None, false) => format!("{prefix}*\n"),
    };
    fs::write(
        out.join("prefixes.csv"),
        format!("number\n{}", lines("pfx.txt")?.iter().map(prefix).collect::<String>()),
    )?;
    let addresses: Vec<String> = lines("address.list")?
        .iter()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            Some(format!("{}/{}", words.next()?, words.next()?))
        })
        .collect();
    let rules =
        [("addresses", "source"), ("agents", "user_agent"), ("callers", "caller"), ("prefixes", "called")];
    let rules: String = rules
        .iter()
        .map(|(list, field)| {
            format!(
                "[[firewall]]\nname = \"{list}\"\nwhen = {{ {field} = \"@{list}\" }}\naction = \"block\"\n"
            )
        })
        .collect();
    let text = format!(
        "[customer]\nname = \"Peers\"\nregion = \"US\"\nbare = \"e164\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n\
         response = {{ list = 603, threshold = 480 }}\n[lists.callers]\nnumbers_file = \"callers.csv\"\n\
         [lists.prefixes]\nnumbers_file = \"prefixes.csv\"\n[lists.addresses]\nnetworks = {addresses:?}\n\
         [lists.agents]\nuser_agents = {:?}\n{rules}",
        lines("ua.txt")?
    );
    fs::write(out.join("peers.toml"), text)
}
