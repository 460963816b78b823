//! Live capture: real calls between two network namespaces, seen on the wire between them.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::agent::without_moments;
use super::peers::{Running, has, talking};
use super::{Service, lines, within};
use crate::support::{Scratch, call_lines};

const POLICY: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]

[[firewall]]
name = "known bad"
when = { caller = "+1 303 555 0106" }
action = "block"
alert = "critical"
"#;

/// Two namespaces with one wire between them: 192.0.2.1 calls, 192.0.2.2 is called.
struct Wire {
    calling: Space,
    called: Space,
}

/// A network namespace, gone when dropped.
struct Space(String);

impl Wire {
    /// `None`, having said so, where it takes privileges that are not here. In CI they must be.
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let names = [format!("rw-a-{mark}"), format!("rw-b-{mark}")];
        let made = Command::new("ip").args(["netns", "add", &names[0]]).output();
        if !made.is_ok_and(|output| output.status.success()) {
            assert!(std::env::var_os("CI").is_none(), "no network namespace can be made in CI");
            println!("SKIPPED: no network namespace can be made (root and iproute2 are needed)");
            return None;
        }
        let [calling, called] = names.map(Space);
        ip(&["netns", "add", &called.0]);
        ip(&[
            "-n", &calling.0, "link", "add", "wire0", "type", "veth", "peer", "name", "wire0", "netns",
            &called.0,
        ]);
        for (space, address) in [(&calling, "192.0.2.1/24"), (&called, "192.0.2.2/24")] {
            ip(&["-n", &space.0, "address", "add", address, "dev", "wire0"]);
            ip(&["-n", &space.0, "link", "set", "wire0", "up"]);
            ip(&["-n", &space.0, "link", "set", "lo", "up"]);
        }
        Some(Self { calling, called })
    }
}

impl Space {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    /// Runs a line of bash in it.
    fn bash(&self, line: &str) -> Output {
        self.command("bash").args(["-c", line]).output().unwrap()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A service that watches the wire from the side that is called.
fn watch(wire: &Wire, name: &str, capture: &str) -> Service {
    let scratch = Scratch::new(name);
    scratch.write("acme.toml", POLICY);
    let config = format!(
        "policy = [\"acme.toml\"]\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n\
         [capture]\ninterfaces = [\"wire0\"]\n{capture}"
    );
    let mut command = wire.called.command(crate::support::binary());
    let service = Service::run(scratch, &config, &mut command);
    assert!(service.ready.trim_end().ends_with(" capture wire0"), "{}", service.ready);
    service
}

/// The value of a metric of a service in `space`.
fn metric(space: &Space, service: &Service, name: &str) -> u64 {
    let port = service.address("http://").port();
    let output = space.bash(&format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /metrics HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"
    ));
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let line =
        page.lines().find_map(|line| line.strip_prefix(&format!("ringwall_{name}"))?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Somebody who is called, over `transport` at `port`.
fn callee(wire: &Wire, folder: &Path, transport: &str, port: u16) -> Running {
    let mut command = wire.called.command("sipp");
    command.args(["-sn", "uas", "-i", "192.0.2.2", "-p", &port.to_string(), "-t", transport, "-nostdin"]);
    Running(command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// Has `caller` call so often, and talk for a moment each time.
fn call(wire: &Wire, scratch: &Scratch, caller: &str, (transport, port): (&str, u16), count: u32) {
    let output = wire
        .calling
        .command("sipp")
        .arg("-sf")
        .arg(talking(scratch, caller))
        .args(["-i", "192.0.2.1", "-s", "+12105550150", "-nostdin", "-timeout", "30s", "-timeout_error"])
        .args(["-r", "100", "-t", transport, "-m", &count.to_string(), &format!("192.0.2.2:{port}")])
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether all that is needed is here.
fn wire() -> Option<Wire> {
    if !has("sipp", "-v") || !has("ip", "-V") { None } else { Wire::new() }
}

#[test]
fn calls_on_the_wire_get_the_verdicts_that_a_replay_of_their_packets_gives() {
    if !has("tshark", "-v") {
        return;
    }
    let Some(wire) = wire() else { return };
    let service = watch(&wire, "capture-ring", "");
    let folder = service.scratch.path();
    let file = folder.join("wire.pcapng");
    let mut command = wire.called.command("tshark");
    command.args(["-q", "-i", "wire0", "-w"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut tshark: Child = command.spawn().unwrap();
    within(10, || std::fs::metadata(&file).ok()).expect("tshark does not begin");
    // UDP at the usual port and at one that nobody would guess, and TCP.
    let places = [("u1", 5060), ("u1", 17_345), ("t1", 5060), ("t1", 23_456)];
    let _called: Vec<Running> =
        places.iter().map(|&(transport, port)| callee(&wire, folder, transport, port)).collect();
    std::thread::sleep(Duration::from_millis(500));
    for place in places {
        for (caller, count) in [("+13035550142", 15), ("+13035550106", 10)] {
            call(&wire, &service.scratch, caller, place, count);
        }
    }
    let path = service.data().join("calls.jsonl");
    let is_over = || (lines(&path).len() == 100).then_some(());
    within(10, is_over).unwrap_or_else(|| panic!("{} calls of 100", lines(&path).len()));
    let seen = lines(&path);
    for line in &seen {
        assert_eq!((&line["status"], &line["answered"]), (&200.into(), &true.into()), "{line}");
        let talk = line["duration_seconds"].as_f64().unwrap();
        assert!((0.25..3.0).contains(&talk), "{line}");
        assert_eq!(line["source"].as_str().unwrap().split(':').next(), Some("192.0.2.1"), "{line}");
    }
    let blocked =
        seen.iter().filter(|line| line["verdict"] == "block" && line["rule"] == "known bad").count();
    assert_eq!(blocked, 40);
    assert_eq!(seen.iter().filter(|line| line["transport"] == "tcp").count(), 50);
    let alerts = service.lines("alerts.jsonl", 1);
    assert_eq!(alerts[0]["sensor"]["lost"], 0, "{}", alerts[0]);
    for lost in ["capture_dropped_total", "capture_lost_total"] {
        assert_eq!(metric(&wire.called, &service, lost), 0, "{lost}");
    }
    assert!(metric(&wire.called, &service, "capture_messages_total") >= 600);

    std::thread::sleep(Duration::from_millis(500));
    let ended = Command::new("kill").args(["-INT", &tshark.id().to_string()]).status().unwrap();
    assert!(ended.success());
    tshark.wait().unwrap();
    let replayed = call_lines(Some(&folder.join("acme.toml")), &file);
    let by_call = |lines: &[Value]| {
        let mut lines = lines.to_vec();
        lines.iter_mut().for_each(without_moments);
        lines.sort_by_key(|line| line["call_id"].to_string());
        lines
    };
    assert_eq!(by_call(&seen), by_call(&replayed));
}

#[test]
fn privileges_are_given_up_once_interfaces_are_open() {
    let Some(wire) = wire() else { return };
    let service = watch(&wire, "capture-privileges", "");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", service.child.id())).unwrap();
    let mut threads = 0;
    for task in tasks {
        // A thread of the start may end between the listing and this.
        let Ok(status) = std::fs::read_to_string(task.unwrap().path().join("status")) else { continue };
        let set = |name: &str| {
            let text = status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
            u64::from_str_radix(&text, 16).unwrap()
        };
        // CAP_NET_BIND_SERVICE is the tenth.
        for name in ["CapEff:", "CapPrm:", "CapBnd:"] {
            assert_eq!(set(name), 1 << 10, "{name} {status}");
        }
        for name in ["CapInh:", "CapAmb:"] {
            assert_eq!(set(name), 0, "{name} {status}");
        }
        threads += 1;
    }
    assert!(threads > 3, "{threads}");
}

#[test]
fn media_is_left_out_by_the_kernel_and_an_interface_may_go_and_come() {
    let Some(wire) = wire() else { return };
    let service = watch(&wire, "capture-media", "");
    let rtp = "for i in $(seq 2000); do printf '\\x80\\x00\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x01sound' >/dev/udp/192.0.2.2/16384; done";
    let frames = || metric(&wire.called, &service, "capture_frames_total");
    let before = frames();
    assert!(wire.calling.bash(rtp).status.success());
    let folder = service.scratch.path();
    let _called = callee(&wire, folder, "u1", 5060);
    std::thread::sleep(Duration::from_millis(300));
    call(&wire, &service.scratch, "+13035550142", ("u1", 5060), 5);
    service.lines("calls.jsonl", 5);
    // Answers that nobody listens are ICMP; beside SIP only what a fresh interface says for itself is left.
    assert!((30..100).contains(&(frames() - before)), "{}", frames() - before);
    ip(&["-n", &wire.called.0, "link", "set", "wire0", "down"]);
    within(5, || (metric(&wire.called, &service, "sensor_faults_total{kind=\"source\"}") > 0).then_some(()))
        .expect("that it went down is not told");
    ip(&["-n", &wire.called.0, "link", "set", "wire0", "up"]);
    within(10, || wire.calling.bash("ping -c1 -W1 192.0.2.2 || exec 3<>/dev/tcp/192.0.2.2/1").status.code());
    std::thread::sleep(Duration::from_millis(500));
    call(&wire, &service.scratch, "+13035550106", ("u1", 5060), 5);
    assert_eq!(service.lines("calls.jsonl", 10).iter().filter(|line| line["verdict"] == "block").count(), 5);
}

#[test]
fn what_the_ring_cannot_hold_is_counted_and_every_alert_says_so() {
    let Some(wire) = wire() else { return };
    let service = watch(&wire, "capture-full", "ring_megabytes = 4\n");
    // While it stands still the ring of 4 MiB fills.
    service.signal("-STOP");
    let flood = "x=$(head -c 60000 /dev/zero | tr '\\0' x); for i in $(seq 200); do printf '%s' \"OPTIONS sip:a@h SIP/2.0 $x\" >/dev/udp/192.0.2.2/5070; done";
    assert!(wire.calling.bash(flood).status.success());
    service.signal("-CONT");
    let dropped = || metric(&wire.called, &service, "capture_dropped_total");
    within(5, || (dropped() > 0).then_some(())).expect("nothing was dropped");
    let _called = callee(&wire, service.scratch.path(), "u1", 5060);
    std::thread::sleep(Duration::from_millis(300));
    call(&wire, &service.scratch, "+13035550106", ("u1", 5060), 1);
    let alerts = service.lines("alerts.jsonl", 1);
    let lost = alerts[0]["sensor"]["lost"].as_u64().unwrap();
    assert!(lost >= dropped() && lost > 0, "{}", alerts[0]);
}

#[test]
fn pnet_sees_the_same_calls() {
    let Some(wire) = wire() else { return };
    let service = watch(&wire, "capture-pnet", "backend = \"pnet\"\n");
    let places = [("u1", 5060), ("t1", 23_456)];
    let folder = service.scratch.path();
    let _called: Vec<Running> =
        places.iter().map(|&(transport, port)| callee(&wire, folder, transport, port)).collect();
    std::thread::sleep(Duration::from_millis(500));
    for place in places {
        call(&wire, &service.scratch, "+13035550106", place, 10);
    }
    let seen = service.lines("calls.jsonl", 20);
    assert_eq!(seen.len(), 20);
    assert!(seen.iter().all(|line| line["verdict"] == "block" && line["answered"] == true), "{seen:?}");
    let scratch = service.stop();
    assert_eq!(lines(&scratch.path().join("data/calls.jsonl")).len(), 20);
}

#[test]
fn an_interface_that_cannot_be_watched_is_told_and_nothing_starts() {
    let Some(wire) = wire() else { return };
    let scratch = Scratch::new("capture-nowhere");
    for (name, said) in
        [("nowhere0", "cannot watch nowhere0: there is no such interface"), ("../lo", "no such interface")]
    {
        let config =
            scratch.write("ringwall.toml", format!("data = \"d\"\n[capture]\ninterfaces = [\"{name}\"]\n"));
        let mut command = wire.called.command(crate::support::binary());
        let output = command.args(["serve", "--config"]).arg(config).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains(said), "{errors}");
    }
}
