//! More than can be judged: what is decided all the same, who is told to wait, and how soon it is over.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{POLICY, Service, header, now, status, within};

/// A trusted peer, one that is not, and nobody else.
const PEERS: &str = "overload_after_milliseconds = 400\n[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\ntrusted = true\nnext_hop = \"sip:192.0.2.77\"\n\
                     [[redirect.peer]]\nname = \"carrier\"\nfrom = [\"127.0.0.2\"]\nnext_hop = \"sip:192.0.2.77\"\n";
/// How long judging one message lasts: ten times as much as can be judged is then little enough for one machine, and telling
/// others to wait is cheap beside it. A whole batch of it takes less than half of `overload_after_milliseconds`.
const JUDGING: &str = "judge-micros=2000,judge=500";

/// What a peer sends. The letter begins the Call-ID.
#[derive(Clone, Copy)]
struct Sort {
    letter: char,
    method: &'static str,
    caller: &'static str,
    called: &'static str,
    /// What stands for CSeq; what has none is malformed.
    cseq: &'static str,
}

const ALLOWED: Sort = Sort {
    letter: 'a',
    method: "INVITE",
    caller: "+13035550142",
    called: "+12105550150",
    cseq: "CSeq: 1 INVITE\r\n",
};
const BLOCKED: Sort = Sort { letter: 'b', caller: "+13035550106", ..ALLOWED };
const EMERGENCY: Sort = Sort { letter: 'e', called: "911", ..ALLOWED };
const OPTIONS: Sort = Sort { letter: 'o', method: "OPTIONS", cseq: "CSeq: 1 OPTIONS\r\n", ..ALLOWED };
const REGISTER: Sort = Sort { letter: 'r', method: "REGISTER", cseq: "CSeq: 1 REGISTER\r\n", ..ALLOWED };
/// What looks as if others had to make room for it.
const PRESSING: [Sort; 3] = [
    Sort { letter: 'n', called: "anna", ..ALLOWED },
    Sort { letter: 's', called: "1234", ..ALLOWED },
    Sort { letter: 'p', cseq: "CSeq: 1 INVITE\r\nResource-Priority: ets.0\r\n", ..ALLOWED },
];
const MALFORMED: Sort = Sort { letter: 'm', cseq: "", ..ALLOWED };

/// How often what was answered, by letter and status.
type Answers = BTreeMap<(char, u16), u64>;

/// A peer that sends without waiting for answers, and counts them.
struct Source {
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    sent: u64,
    stop: Arc<AtomicBool>,
    counting: JoinHandle<Answers>,
}

impl Source {
    fn at(ip: &str, server: SocketAddr) -> Self {
        let socket = Arc::new(UdpSocket::bind((ip, 0)).unwrap());
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (listening, stopped) = (Arc::clone(&socket), Arc::clone(&stop));
        let counting = std::thread::spawn(move || count(&listening, &stopped));
        Self { socket, server, sent: 0, stop, counting }
    }

    fn send(&mut self, sort: Sort) {
        let Sort { letter, method, caller, called, cseq } = sort;
        let number = self.sent;
        let local = self.socket.local_addr().unwrap();
        let text = format!(
            "{method} sip:{called}@acme.example SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:{caller}@caller.example>;tag=f{number}\r\nTo: <sip:{called}@acme.example>\r\n\
             Call-ID: {letter}{number}@{local}\r\n{cseq}Content-Length: 0\r\n\r\n"
        );
        // The system may have no room for it just now.
        self.sent += u64::from(self.socket.send_to(text.as_bytes(), self.server).is_ok());
    }

    /// What was answered, once nothing more comes.
    fn answers(self) -> Answers {
        std::thread::sleep(Duration::from_millis(500));
        self.stop.store(true, Ordering::Relaxed);
        self.counting.join().unwrap()
    }
}

fn count(socket: &UdpSocket, stop: &AtomicBool) -> Answers {
    let mut answers = Answers::new();
    let mut room = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, _)) = socket.recv_from(&mut room) else { continue };
        let said = std::str::from_utf8(&room[..length]).unwrap();
        let letter = header(said, "Call-ID").unwrap().chars().next().unwrap();
        if status(said) == 503 {
            assert_eq!(header(said, "Retry-After"), Some("2"), "{said}");
        }
        *answers.entry((letter, status(said))).or_default() += 1;
    }
    answers
}

/// Has `send` send so many a second, for so long.
fn pace(a_second: f64, seconds: f64, mut send: impl FnMut(u64)) {
    let begin = now();
    let mut sent = 0;
    while begin.elapsed().as_secs_f64() < seconds {
        let due = (begin.elapsed().as_secs_f64() * a_second) as u64;
        while sent < due {
            send(sent);
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many calls are decided in a second when there are always some that wait, and never many.
fn capacity(service: &Service) -> f64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut source = Source { socket: Arc::new(socket), ..Source::at("127.0.0.1", service.udp()) };
    let mut room = [0; 4096];
    (0..WINDOW).for_each(|_| source.send(ALLOWED));
    let begin = now();
    let mut answered = 0_u32;
    while begin.elapsed() < Duration::from_secs(2) {
        source.socket.recv_from(&mut room).unwrap();
        answered += 1;
        source.send(ALLOWED);
    }
    let a_second = f64::from(answered) / begin.elapsed().as_secs_f64();
    (0..WINDOW).for_each(|_| _ = source.socket.recv_from(&mut room).unwrap());
    source.answers();
    a_second
}

const WINDOW: u32 = 48;

/// Everything that came is one of these, and nothing twice.
pub(super) fn accounted(service: &Service) -> u64 {
    [
        "ringwall_decisions_total",
        "ringwall_retransmissions_total",
        "ringwall_other_requests_total",
        "ringwall_strangers_total",
        "ringwall_malformed_total",
        "ringwall_shed_total",
        "ringwall_faults_total",
    ]
    .iter()
    .map(|name| service.total(name))
    .sum()
}

fn decided(service: &Service) -> u64 {
    service.total("ringwall_decisions_total")
}

fn shed(service: &Service, kind: &str) -> u64 {
    service.metric(&format!("ringwall_shed_total{{kind=\"{kind}\"}}"))
}

/// Waits until all that was sent has been read.
fn settle(service: &Service, offered: u64) {
    let seen =
        || service.total("ringwall_messages_received_total") + service.total("ringwall_datagrams_lost_total");
    within(5, || (seen() >= offered).then_some(()));
    assert_eq!(seen(), offered, "every datagram is read, or counted as lost");
    assert_eq!(accounted(service) + service.total("ringwall_datagrams_lost_total"), offered);
}

/// How long the story lasts under load, in seconds.
fn seconds() -> f64 {
    std::env::var("RINGWALL_OVERLOAD_SECONDS").map_or(5.0, |seconds| seconds.parse().unwrap())
}

#[test]
fn ten_times_as_much_as_can_be_judged_costs_nobody_who_is_trusted_and_no_emergency_call() {
    let service = Service::start_faulty("overload", POLICY, PEERS, JUDGING);
    let capacity = capacity(&service);
    let before = service.total("ringwall_messages_received_total");
    let (memory, decided_before) = (service.memory(), decided(&service));
    let mut carrier = Source::at("127.0.0.2", service.udp());
    let mut sbc = Source::at("127.0.0.1", service.udp());
    let mut stranger = Source::at("127.0.0.3", service.udp());
    let begin = now();
    let mut emergencies = 0;
    pace(capacity * 10.0, seconds(), |number| match number {
        _ if number % 50 == 0 => sbc.send(ALLOWED),
        _ if number % 500 == 1 => {
            carrier.send(EMERGENCY);
            emergencies += 1;
        }
        _ if number % 100 == 2 => carrier.send(OPTIONS),
        _ if number % 100 == 3 => carrier.send(MALFORMED),
        _ if number % 100 == 4 => stranger.send(ALLOWED),
        _ if number % 100 == 6 => carrier.send(REGISTER),
        _ if number % 10 == 5 => carrier.send(BLOCKED),
        _ => carrier.send(ALLOWED),
    });
    let offered = carrier.sent + sbc.sent + stranger.sent;
    let lasted = begin.elapsed().as_secs_f64();
    let goodput = (decided(&service) - decided_before) as f64 / lasted;
    // A call of somebody who is not trusted is decided again: how soon?
    let over = now();
    let recovered = recovery(&service);
    println!(
        "capacity {capacity:.0}/s, offered {:.0}/s for {lasted:.1} s, decided {goodput:.0}/s ({:.2} of capacity), recovered {:.2} s after, \
         {} MiB more",
        offered as f64 / lasted,
        goodput / capacity,
        (recovered.0 - over).as_secs_f64(),
        service.memory().saturating_sub(memory) / 1024
    );
    assert!(offered as f64 / lasted >= 8.0 * capacity, "the machine is too slow to offer that much");
    assert!(goodput >= 0.9 * capacity, "{goodput} of {capacity}");
    assert!(recovered.0 - over <= Duration::from_secs(5));
    assert!(service.memory() < memory + MEMORY_KIB_MAX, "{} KiB", service.memory());
    settle(&service, before + offered + recovered.1);

    let (sent, lost) = (sbc.sent, service.total("ringwall_datagrams_lost_total"));
    let (of_carrier, of_sbc) = (carrier.answers(), sbc.answers());
    println!("carrier {of_carrier:?}, sbc {of_sbc:?} of {sent}, lost {lost}");
    let expected: &[(char, u16)] = &[
        ('a', 302),
        ('a', 503),
        ('b', 603),
        ('b', 503),
        ('b', 302),
        ('e', 302),
        ('o', 200),
        ('r', 302),
        ('r', 503),
        ('m', 400),
    ];
    let others: Vec<_> = of_carrier.keys().filter(|key| !expected.contains(key)).collect();
    assert!(others.is_empty(), "a block is said as one, overload as 503, and nothing else: {others:?}");
    assert!(of_carrier[&('a', 503)] > of_carrier[&('a', 302)]);
    // In order: nothing of trusted peers is shed while there is something else to shed.
    assert_eq!(of_sbc.keys().collect::<Vec<_>>(), [&('a', 302)]);
    assert_eq!((shed(&service, "passed"), shed(&service, "refused") > 0), (0, true));
    // Who asks about users is to find no server under load that it would not have found otherwise.
    assert!(shed(&service, "silent") > 0 && of_carrier.get(&('r', 503)) > of_carrier.get(&('r', 302)));
    assert!(of_carrier[&('e', 302)] + lost >= emergencies && of_carrier[&('e', 302)] > 0);
    assert!(stranger.answers().is_empty());
    let alerts = || {
        let lines = super::lines(&service.data().join("alerts.jsonl"));
        let mut rules: Vec<String> =
            lines.iter().map(|line| line["rule"].as_str().unwrap().to_owned()).collect();
        rules.retain(|rule| ["calls-shed", "judging-fails"].contains(&rule.as_str()));
        rules.sort();
        rules
    };
    within(5, || (alerts() == ["calls-shed", "judging-fails"]).then_some(()))
        .unwrap_or_else(|| panic!("one alert for each when it begins: {:?}", alerts()));
}

#[test]
fn who_floods_with_what_looks_pressing_takes_no_time_of_a_trusted_peer() {
    for sort in PRESSING.into_iter().chain([EMERGENCY]) {
        let service = Service::start_faulty("overload-pressing", POLICY, PEERS, JUDGING);
        let capacity = capacity(&service);
        let before = service.total("ringwall_messages_received_total");
        let server = service.udp();
        let flood = std::thread::spawn(move || {
            let mut carrier = Source::at("127.0.0.2", server);
            pace(capacity * 7.0, 4.0, |_| carrier.send(sort));
            carrier
        });
        std::thread::sleep(Duration::from_millis(500));
        let trusted = super::Phone::new(server);
        let (mut asked, mut slowest) = (0, Duration::ZERO);
        while !flood.is_finished() {
            let (begin, call_id) = (now(), super::fresh());
            let call = super::Call { call_id: &call_id, ..super::Call::new("+13035550142", "+12105550150") };
            // A datagram may be lost before anybody reads it, as any.
            trusted.socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            trusted.send(&call.by(trusted.port()));
            let mut room = [0; 4096];
            let said = trusted.socket.recv_from(&mut room);
            assert!(said.is_err() || room.starts_with(b"SIP/2.0 302"));
            (asked, slowest) = (asked + 1, slowest.max(begin.elapsed()));
        }
        let carrier = flood.join().unwrap();
        settle(&service, before + carrier.sent + asked);
        let kind = if sort.letter == EMERGENCY.letter { "passed" } else { "over-share" };
        let (sent, over) = (carrier.sent, shed(&service, kind));
        let of_carrier = carrier.answers();
        let judged = of_carrier.get(&(sort.letter, 302)).copied().unwrap_or_default();
        let lost = service.total("ringwall_datagrams_lost_total");
        println!(
            "{}: {sent} sent, {judged} judged, {over} shed, {lost} lost; {asked} asked, slowest {slowest:?}",
            sort.letter
        );
        assert!(over > sent / 2, "{over} of {sent} shed");
        let is_refused =
            of_carrier.keys().any(|(letter, status)| *letter == EMERGENCY.letter && *status != 302);
        assert!(!is_refused, "an emergency call passes however many there are: {of_carrier:?}");
        assert!(asked >= 6 && slowest < Duration::from_secs(1), "{asked} asked, slowest {slowest:?}");
    }
}

/// Asks from time to time until a call of a peer that is not trusted is decided in time. Returns when that began, and how many
/// were asked.
fn recovery(service: &Service) -> (Instant, u64) {
    let mut source = Source::at("127.0.0.2", service.udp());
    let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    source.socket = Arc::new(socket);
    let mut room = [0; 4096];
    let mut since = None;
    for _ in 0..500 {
        let asked = now();
        source.send(ALLOWED);
        let is_decided = source
            .socket
            .recv_from(&mut room)
            .is_ok_and(|(length, _)| room[..length].starts_with(b"SIP/2.0 302"));
        match is_decided {
            true if asked - *since.get_or_insert(asked) >= Duration::from_millis(500) => break,
            true => std::thread::sleep(Duration::from_millis(20)),
            false => since = None,
        }
    }
    let sent = source.sent;
    source.answers();
    (since.unwrap(), sent)
}

#[test]
fn trusted_peers_alone_pass_undecided_when_they_are_too_many() {
    let service = Service::start_faulty("overload-trusted", POLICY, PEERS, JUDGING);
    let (mut carrier, mut sbc) =
        (Source::at("127.0.0.2", service.udp()), Source::at("127.0.0.1", service.udp()));
    pace(12_000.0, 3.0, |number| if number % 100 == 0 { carrier.send(ALLOWED) } else { sbc.send(ALLOWED) });
    settle(&service, carrier.sent + sbc.sent);
    let (passed, refused) = (shed(&service, "passed"), shed(&service, "refused"));
    let (of_carrier, of_sbc) = (carrier.answers(), sbc.answers());
    println!("carrier {of_carrier:?}, sbc {of_sbc:?}, passed {passed}, refused {refused}");
    assert!(passed > 0 && refused > 0);
    assert_eq!(of_sbc.keys().collect::<Vec<_>>(), [&('a', 302)], "calls pass");
    assert_eq!(of_carrier.get(&('a', 503)), Some(&refused));
}

/// What ten times too much may cost in memory: what is known of calls that were decided, and records on their way to disk.
const MEMORY_KIB_MAX: u64 = 128 << 10;
