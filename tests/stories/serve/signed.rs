//! Callers whose numbers are signed for: the certificate comes from a server of the story, out of the way of the first call.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use collector::judge::now;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::{Call, Phone, Service, fresh, header, status, within};
use crate::support::Scratch;
use crate::support::signing::{Authority, Holder, Said, Signer, host};

const X5U: &str = "https://certificates.example.com/carrier.pem";
const CALLER: &str = "13035550142";
const CALLED: &str = "12105550150";

/// The policy that docs/stir.md shows.
fn policy() -> String {
    let page = include_str!("../../../docs/stir.md");
    let shown = page.split("# acme.toml\n").nth(1).unwrap().split("```").next().unwrap();
    let customer = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"America/Chicago\"\n\
         numbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\n";
    format!("{customer}{shown}")
}

/// A server of certificates that stops when it is dropped.
struct Publisher {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Says `body` to everybody who believes the certificate in `scratch`.
    fn start(scratch: &Scratch, body: String) -> Self {
        let folder = scratch.path();
        let acceptor = collector::redirect::tls(&folder.join("web.crt"), &folder.join("web.key")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = oneshot::channel();
        let count = Arc::clone(&connections);
        let serve = async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut room = [0; 4096];
                let _ = stream.read(&mut room).await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(body.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, connections, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Everybody who takes part.
struct World {
    scratch: Scratch,
    carrier: Signer,
    other: Signer,
}

impl World {
    fn new(name: &str) -> Self {
        let root = Authority::of_years("Root", (2020, 2090));
        let holder = Holder { years: (2020, 2090), ..Holder::default() };
        let (carrier, other) = (root.issue(&holder), root.issue(&holder));
        let scratch = Scratch::new(name);
        scratch.write("anchors.pem", &root.pem);
        let [web, certificate, key] = host("certificates.example.com");
        scratch.write("web.pem", web);
        scratch.write("web.crt", certificate);
        scratch.write("web.key", key);
        scratch.write("acme.toml", policy());
        Self { scratch, carrier, other }
    }

    fn start(self, publisher: SocketAddr) -> (Service, [Signer; 2]) {
        let stir = format!(
            "[stir]\nanchors = [\"anchors.pem\"]\nweb_anchors = [\"web.pem\"]\nplaces = {{ \"certificates.example.com\" = \"{publisher}\" }}\n"
        );
        (Service::resume(self.scratch, &stir), [self.carrier, self.other])
    }
}

fn said() -> Said<'static> {
    Said { level: "A", orig: CALLER, dest: CALLED, iat: now().0 / 1_000_000 }
}

fn call(phone: &Phone, caller: &str, identity: &str) -> String {
    let (call_id, caller) = (fresh(), format!("+{caller}"));
    let extra = if identity.is_empty() { String::new() } else { format!("Identity: {identity}\r\n") };
    let called = format!("+{CALLED}");
    phone.ask(&Call { extra: &extra, call_id: &call_id, ..Call::new(&caller, &called) }.by(phone.port()))
}

#[test]
fn a_signer_is_unknown_to_its_first_call_and_known_to_the_next() {
    let world = World::new("signed");
    let publisher = Publisher::start(&world.scratch, world.carrier.pem.clone());
    let (service, [carrier, other]) = world.start(publisher.address);
    let phone = Phone::new(service.udp());

    // Nobody waits for the certificate of the first call.
    let begun = super::now();
    assert_eq!(status(&call(&phone, CALLER, &carrier.shaken(X5U, said()))), 302);
    assert!(begun.elapsed() < Duration::from_millis(500));
    let fetched = "ringwall_certificate_fetches_total{kind=\"fetched\"}";
    within(5, || (service.metric(fetched) == 1).then_some(())).expect("it is fetched meanwhile");

    // The next one is known to come from a carrier that this policy does not want.
    let answer = within(5, || {
        let answer = call(&phone, CALLER, &carrier.shaken(X5U, said()));
        (status(&answer) != 302).then_some(answer)
    });
    assert_eq!(status(&answer.expect("it is verified")), 603);
    // A forged one, one that was signed for another caller, an old one: all are false.
    let forged = other.shaken(X5U, said());
    let old = carrier.shaken(X5U, Said { iat: said().iat - 90, ..said() });
    let copied = carrier.shaken(X5U, said());
    for (caller, identity) in [(CALLER, &forged), (CALLER, &old), ("13035550143", &copied)] {
        assert_eq!(status(&call(&phone, caller, identity)), 607, "{caller}");
    }
    assert_eq!(status(&call(&phone, CALLER, "")), 302);

    let identity = carrier.shaken(X5U, said());
    let question = json!({
        "caller": format!("+{CALLER}"), "called": format!("+{CALLED}"), "headers": { "Identity": identity },
    });
    let (code, decision) = service.decide(&question);
    assert_eq!(code, 200);
    let told = ["verdict", "attestation", "verstat", "signer"].map(|field| decision[field].clone());
    assert_eq!(told, ["block", "A", "TN-Validation-Passed", "709J, SHAKEN 709J, Example Carrier"]);

    let lines = service.lines("calls.jsonl", 7);
    let of = |line: &Value, field: &str| line[field].as_str().unwrap_or("-").to_owned();
    let first = &lines[0];
    assert_eq!([of(first, "verstat"), of(first, "verstat_reason")], ["No-TN-Validation", "awaited"]);
    let reasons: Vec<String> = lines.iter().map(|line| of(line, "verstat_reason")).collect();
    for reason in ["signature", "stale", "caller", "-"] {
        assert!(reasons.iter().any(|found| found == reason), "{reason}: {reasons:?}");
    }
    assert_eq!(service.metric("ringwall_signatures_total{outcome=\"stale\"}"), 1);
    assert!(service.metric("ringwall_signatures_total{outcome=\"passed\"}") >= 2);
    assert_eq!(publisher.connections.load(Ordering::SeqCst), 1, "one certificate is fetched once");
    assert_eq!(header(&call(&phone, CALLER, &identity), "CSeq"), Some("1 INVITE"));

    // After a restart the certificate is there at once, though its publisher is not.
    let address = publisher.address;
    drop(publisher);
    let scratch = service.stop();
    let world = World { scratch, carrier, other };
    let (service, [carrier, _]) = world.start(address);
    let phone = Phone::new(service.udp());
    let answer = within(5, || {
        let answer = call(&phone, CALLER, &carrier.shaken(X5U, said()));
        (status(&answer) == 603).then_some(answer)
    });
    assert!(answer.is_some(), "it is verified");
    assert_eq!(service.metric(fetched), 0);
    service.stop();
}

#[test]
fn a_publisher_that_is_away_holds_no_call_up() {
    let world = World::new("unpublished");
    // Nobody listens there any more.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (service, [carrier, _]) = world.start(address);
    let phone = Phone::new(service.udp());
    let unreachable = "ringwall_certificate_fetches_total{kind=\"unreachable\"}";
    assert_eq!(status(&call(&phone, CALLER, &carrier.shaken(X5U, said()))), 302);
    within(5, || (service.metric(unreachable) == 1).then_some(())).expect("it was tried");
    for _ in 0..20 {
        assert_eq!(status(&call(&phone, CALLER, &carrier.shaken(X5U, said()))), 302);
    }
    assert_eq!(service.metric(unreachable), 1, "it is left alone for a while");
    let line = service.lines("calls.jsonl", 21).pop().unwrap();
    assert_eq!(line["verstat_reason"], "unavailable");
    service.stop();
}
