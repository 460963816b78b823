//! Certificates fetched from servers that behave, that do not, and from places where nobody may send us.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use collector::certificates::{Egress, Fetched, Fetcher, Refused, Resolve, system_resolver, wanted};
use collector::judge::{Count, Counters};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

const HOST: &str = "certificates.example.com";
const ADDRESS: &str = "https://certificates.example.com/a.pem";

/// A server on loopback that counts who comes, and stops when it is dropped.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    roots: Arc<RootCertStore>,
    task: JoinHandle<()>,
}

/// What a server does with every request.
#[derive(Clone)]
enum Manner {
    /// Says this, and closes.
    Says(Vec<u8>),
    /// Begins to answer and never ends.
    Stalls,
    /// Sends without end.
    Floods,
}

impl Server {
    async fn start(name: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, roots) = tls(name);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (acceptor, manner) = (acceptor.clone(), manner.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut room = [0; 4096];
                    let read = stream.read(&mut room).await.unwrap_or(0);
                    assert!(room[..read].starts_with(b"GET /"), "{}", room[..read].escape_ascii());
                    match manner {
                        Manner::Says(text) => {
                            let _ = stream.write_all(&text).await;
                            let _ = stream.shutdown().await;
                        }
                        Manner::Stalls => {
                            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
                            let _ = stream.write_all(head).await;
                            let _ = stream.read(&mut room).await;
                        }
                        Manner::Floods => {
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                            while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
                        }
                    }
                });
            }
        });
        Self { address, connections, roots, task }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What goes to this server for `HOST`.
    fn egress(&self) -> Egress {
        Egress {
            hosts: Vec::new(),
            places: BTreeMap::from([(HOST.to_owned(), self.address)]),
            roots: Arc::clone(&self.roots),
            resolve: system_resolver(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server's side of TLS for `name`, and who vouches for it.
fn tls(name: &str) -> (TlsAcceptor, Arc<RootCertStore>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), Arc::new(roots))
}

fn ok(body: &[u8]) -> Manner {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    Manner::Says([head.as_bytes(), body].concat())
}

#[tokio::test]
async fn what_lies_there_is_fetched() {
    let server = Server::start(HOST, ok(b"certificate")).await;
    assert_eq!(server.egress().fetch(ADDRESS).await.unwrap(), b"certificate");
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ncerti\r\n6\r\nficate\r\n0\r\n\r\n";
    let server = Server::start(HOST, Manner::Says(chunked.to_vec())).await;
    assert_eq!(server.egress().fetch(ADDRESS).await.unwrap(), b"certificate");
}

#[tokio::test]
async fn what_does_not_behave_is_left() {
    let elsewhere = format!("HTTP/1.1 302 Found\r\nLocation: {ADDRESS}\r\nContent-Length: 0\r\n\r\n");
    let long = ok(&vec![b'a'; (64 << 10) + 1]);
    for (manner, expected) in [
        (Manner::Says(elsewhere.into_bytes()), Refused::Answer),
        (Manner::Says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()), Refused::Answer),
        (Manner::Says(b"HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\na".to_vec()), Refused::Answer),
        (Manner::Says(b"no HTTP at all".to_vec()), Refused::Answer),
        (Manner::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut".to_vec()), Refused::Answer),
        (long, Refused::TooLong),
        (Manner::Floods, Refused::TooLong),
        (Manner::Stalls, Refused::TooSlow),
    ] {
        let server = Server::start(HOST, manner).await;
        assert_eq!(server.egress().fetch(ADDRESS).await, Err(expected));
        // A redirection is not followed, and nothing is tried twice.
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn who_does_not_show_who_it_is_is_not_believed() {
    let other = Server::start("other.example.com", ok(b"certificate")).await;
    assert_eq!(other.egress().fetch(ADDRESS).await, Err(Refused::Untrusted));
    let server = Server::start(HOST, ok(b"certificate")).await;
    let egress = Egress { roots: Arc::clone(&other.roots), ..server.egress() };
    assert_eq!(egress.fetch(ADDRESS).await, Err(Refused::Untrusted));
}

#[tokio::test]
async fn only_hosts_of_the_list_are_gone_to() {
    let server = Server::start(HOST, ok(b"certificate")).await;
    for (hosts, allowed) in [
        (&["certificates.example.com"][..], true),
        (&["other.example.com", "*.example.com"], true),
        (&["other.example.com"], false),
        (&["*.certificates.example.com"], false),
        (&["example.com"], false),
    ] {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let said = Egress { hosts, ..server.egress() }.fetch(ADDRESS).await;
        assert_eq!(said.is_ok(), allowed, "{said:?}");
    }
}

/// Whatever a stranger writes, nobody on this machine hears of it.
#[tokio::test]
async fn no_address_leads_inside() {
    // A loopback address of its own, on the ports that may be gone to.
    let (inside, mut listeners) = ("127.77.13.1", Vec::new());
    for port in [443, 8443, 80] {
        match TcpListener::bind((inside, port)).await {
            Ok(listener) => listeners.push(listener),
            Err(error) => return println!("SKIPPED: {inside}:{port}: {error}"),
        }
    }
    let connections = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<JoinHandle<()>> = listeners
        .into_iter()
        .map(|listener| {
            let count = Arc::clone(&connections);
            tokio::spawn(async move {
                while let Ok(taken) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    drop(taken);
                }
            })
        })
        .collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let egress = Egress {
        hosts: Vec::new(),
        places: BTreeMap::new(),
        roots: Arc::new(RootCertStore::empty()),
        resolve: answers(&asked, |_| vec!["127.77.13.1:443"]),
    };
    for address in [
        "https://127.77.13.1/a",
        "https://127.77.13.1:8443/a",
        "https://127.77.13.1:443/a",
        "https://127.77.13.1./a",
        "http://127.77.13.1/a",
        "HTTP://127.77.13.1:443/a",
        "ftp://127.77.13.1/a",
        "file:///etc/passwd",
        "//127.77.13.1/a",
        "127.77.13.1",
        "https:127.77.13.1",
        "https:/127.77.13.1/a",
        "https:\\\\127.77.13.1\\a",
        "https://127.77.3329/a",
        "https://127.5049601/a",
        "https://2135756033/a",
        "https://0x7f4d0d01/a",
        "https://0x7f.0x4d.0x0d.0x01/a",
        "https://0177.0115.015.01/a",
        "https://017723206401/a",
        "https://127.077.013.001/a",
        "https://[::ffff:127.77.13.1]/a",
        "https://[::ffff:7f4d:d01]/a",
        "https://[::127.77.13.1]/a",
        "https://[64:ff9b::7f4d:d01]/a",
        "https://[2002:7f4d:d01::]/a",
        "https://[::1]/a",
        "https://[fe80::1%25lo]/a",
        "https://user@127.77.13.1/a",
        "https://certificates.example.com@127.77.13.1/a",
        "https://certificates.example.com:443@127.77.13.1/a",
        "https://127.77.13.1#@certificates.example.com/a",
        "https://127.77.13.1?@certificates.example.com/a",
        "https://certificates.example.com\\@127.77.13.1/a",
        "https://certificates.example.com/a?b",
        "https://certificates.example.com/a#b",
        "https://certificates.example.com:80/a",
        "https://certificates.example.com:08443/a",
        "https://certificates.example.com:8443:443/a",
        "https://localhost/a",
        "https://a.localhost/a",
        "https://inside.local/a",
        "https://inside/a",
        "https://certificates.example.com\r\nHost: inside/a",
        "https://127.77.13.1\0.example.com/a",
        "https://１27.77.13.1/a",
        // Names that are fine, and resolve to what is not.
        "https://certificates.example.com/a",
        "https://certificates.example.com:8443/a",
        "https://127.77.13.1.nip.example.com/a",
    ] {
        assert_eq!(egress.fetch(address).await, Err(Refused::Forbidden), "{address}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    assert_eq!(asked.load(Ordering::SeqCst), 3, "only lawful names are looked up, each once");
    // The listeners do hear who comes.
    let open = BTreeMap::from([(HOST.to_owned(), "127.77.13.1:443".parse().unwrap())]);
    let said = Egress { places: open, ..egress }.fetch(ADDRESS).await;
    assert_eq!((said, connections.load(Ordering::SeqCst)), (Err(Refused::Untrusted), 1));
    tasks.iter().for_each(JoinHandle::abort);
}

/// A name that means one address when it is looked at and another when it is gone to.
#[tokio::test]
async fn a_name_is_looked_up_once_and_every_answer_counts() {
    let asked = Arc::new(AtomicUsize::new(0));
    let of = |resolve: Resolve| Egress {
        hosts: Vec::new(),
        places: BTreeMap::new(),
        roots: Arc::new(RootCertStore::empty()),
        resolve,
    };
    let inside = [
        "127.0.0.1:443",
        "10.0.0.1:443",
        "169.254.169.254:443",
        "[::1]:443",
        "[::ffff:10.0.0.1]:443",
        "[64:ff9b::a00:1]:443",
        "[fd00::1]:443",
    ];
    for (count, address) in inside.into_iter().enumerate() {
        // Outside and inside in one answer: which one would be gone to is anybody's guess.
        let mixed = of(answers(&asked, move |_| vec!["198.41.0.4:443", address]));
        assert_eq!(mixed.fetch(ADDRESS).await, Err(Refused::Forbidden), "{address}");
        // Inside first, outside when asked again: it is not asked again.
        let turning =
            of(answers(
                &asked,
                move |before| if before % 2 == 1 { vec![address] } else { vec!["198.41.0.4:443"] },
            ));
        assert_eq!(turning.fetch(ADDRESS).await, Err(Refused::Forbidden), "{address}");
        assert_eq!(asked.load(Ordering::SeqCst), 2 * (count + 1));
    }
    let nowhere = of(answers(&asked, |_| Vec::new()));
    assert_eq!(nowhere.fetch(ADDRESS).await, Err(Refused::Unreachable));
}

/// A resolver that counts how often it is asked and answers by how often it was before.
fn answers(
    asked: &Arc<AtomicUsize>,
    answer: impl Fn(usize) -> Vec<&'static str> + Send + Sync + 'static,
) -> Resolve {
    let asked = Arc::clone(asked);
    Arc::new(move |_, _| {
        let found = answer(asked.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move { Ok(found.iter().map(|text| text.parse().unwrap()).collect()) })
    })
}

/// Somebody who is told.
type Told = Arc<Mutex<Vec<(String, Option<Vec<u8>>)>>>;

fn run(
    egress: Egress,
    folder: &std::path::Path,
) -> (mpsc::Receiver<()>, Told, Arc<Counters>, JoinHandle<()>, collector::certificates::Wanted) {
    let (to, queue) = wanted();
    let counters = Arc::new(Counters::default());
    let fetcher = Fetcher::new(egress, folder.to_owned(), Arc::clone(&counters)).unwrap();
    let told = Told::default();
    let (news, is_told) = mpsc::channel(64);
    let tell = Arc::clone(&told);
    let task = tokio::spawn(fetcher.run(queue, move |address, fetched| {
        let bytes = match fetched {
            Fetched::Certificates(bytes, _) => Some(bytes.to_vec()),
            Fetched::Nothing { .. } => None,
        };
        tell.lock().unwrap().push((address.to_owned(), bytes));
        news.try_send(()).unwrap();
    }));
    (is_told, told, counters, task, to)
}

#[tokio::test]
async fn each_address_is_fetched_once_and_kept_over_a_restart() {
    let folder = std::env::temp_dir().join(format!("ringwall-certificates-{}", std::process::id()));
    let server = Server::start(HOST, ok(b"certificate")).await;
    let (mut is_told, told, counters, task, wanted) = run(server.egress(), &folder);
    (0..5).for_each(|_| wanted.tell(ADDRESS));
    is_told.recv().await.unwrap();
    wanted.tell(ADDRESS);
    is_told.recv().await.unwrap();
    assert_eq!(server.connections(), 1);
    assert_eq!(counters.of(Count::CertificateFetched), 1);
    assert!(
        told.lock().unwrap().iter().all(|one| *one == (ADDRESS.to_owned(), Some(b"certificate".to_vec())))
    );
    drop(wanted);
    task.await.unwrap();

    std::fs::write(folder.join("garbage"), "no certificate").unwrap();
    let (mut is_told, told, _, task, wanted) = run(server.egress(), &folder);
    is_told.recv().await.unwrap();
    assert_eq!(*told.lock().unwrap(), [(ADDRESS.to_owned(), Some(b"certificate".to_vec()))]);
    assert_eq!(server.connections(), 1);
    assert!(!folder.join("garbage").exists());
    drop(wanted);
    task.await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn what_failed_is_not_tried_again_at_once_and_holds_nobody_up() {
    let folder = std::env::temp_dir().join(format!("ringwall-refused-{}", std::process::id()));
    let slow = Server::start("slow.example.com", Manner::Stalls).await;
    let quick = Server::start(HOST, ok(b"certificate")).await;
    let mut egress = quick.egress();
    egress.places.insert("slow.example.com".to_owned(), slow.address);
    let mut roots = RootCertStore::empty();
    roots.extend(slow.roots.roots.iter().chain(&quick.roots.roots).cloned());
    egress.roots = Arc::new(roots);
    let (mut is_told, told, counters, task, wanted) = run(egress, &folder);
    let first = "https://slow.example.com/a";
    wanted.tell(first);
    wanted.tell(ADDRESS);
    is_told.recv().await.unwrap();
    assert_eq!(told.lock().unwrap()[0].0, ADDRESS, "the quick one does not wait for the slow one");
    tokio::time::timeout(Duration::from_secs(4), is_told.recv()).await.unwrap().unwrap();
    wanted.tell(first);
    is_told.recv().await.unwrap();
    assert_eq!(told.lock().unwrap()[1..], [(first.to_owned(), None), (first.to_owned(), None)]);
    assert_eq!((slow.connections(), counters.of(Count::CertificateTooSlow)), (1, 1));
    drop(wanted);
    task.await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
