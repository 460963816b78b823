//! One run of the service, from its configuration to its end.

use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use collector::bridge::Bridge;
use collector::judge::{Counters, Handle, Judge, Shared};
use collector::limits::HTTP_QUESTIONS_MAX;
use collector::places::Places;
use collector::redirect::{self, ConnectionLimits, Overload, Peers, Redirect, Settings, Streams};
use collector::redress::Tokens;
use collector::sensor::Interface;
use reporter::Alert;
use rules::policy::PolicySet;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::archive::Archive;
use super::authorised::Authorised;
use super::config::{self, Calls, Config};
use super::control::{self, Control};
use super::desk::Desk;
use super::feeds::Fetcher;
use super::first;
use super::keeper::{Found, Keeper, Order, say_unmet, version};
use super::mail::Mail;
use super::mounts::{Mounted, go_on};
use super::notice_file::NoticeFile;
use super::notices::Notices;
use super::pages::{Running, pages};
use super::records::Records;
use super::redress;
use super::schedules::Schedules;
use super::sharing::Sharing;
use super::signing::Signing;
use super::status::{self, Parts};
use super::undecided;
use super::watched::Watched;
use super::watching::{self, senders};
use super::{Around, Ready};
use crate::admission::Admission;
use crate::outcome::Failure;
use crate::permits::Permits;
use crate::{desk_key, policies, report, state};

/// Serves until somebody asks it to stop. `interfaces` are those that are watched.
pub(super) async fn run(
    mut config: Config,
    interfaces: Vec<Interface>,
    around: Around,
) -> Result<(), Failure> {
    std::fs::create_dir_all(&config.data).map_err(Failure::file(&config.data))?;
    let commands = control::listen(&config.data)?;
    let console =
        TcpListener::bind(config.http.listen).await.map_err(listening("http", config.http.listen))?;
    // Port 0 leaves it to the system which one.
    config.http.listen = console.local_addr().map_err(Failure::Output)?;
    let config = Arc::new(config);
    let running = Arc::new(OnceLock::new());
    let (stop, stopped) = watch::channel(false);
    let mut console_stop = stopped.clone();
    let (visits, visited) = mpsc::channel(VISITS_MAX);
    let (fetches, fetched) = mpsc::channel(VISITS_MAX);
    let tokens = redress::tokens(&config.data)?;
    let parts = Arc::new(Parts::new(&config, &running));
    let notice_file = Arc::new(NoticeFile::read(&config)?);
    let shown = (&running, &parts, &notice_file, tokens);
    let pages = pages((&config, around.hints), shown, visits, fetches)?;
    let pages = tokio::spawn(console::serve(console, pages, async move {
        let _ = console_stop.wait_for(|stop| *stop).await;
    }));

    let settings = Arc::new(settings(&config, tokens));
    let proxy = match config.proxy.is_on() {
        false => None,
        true => {
            let shared = (Arc::clone(&settings.refuses_all), settings.refused_code, tokens);
            Some(Arc::new(config.proxy.settings(&config.data, shared)?))
        }
    };
    let counters = Arc::new(Counters::default());
    let signing = Signing::new(&config.stir, &config.data, &counters)?;
    let records = Records::start(&config, Arc::clone(&counters))?;
    let records = records.with_wanted(signing.as_ref().map(Signing::wanted));
    let desk = Desk::start(&config, &notice_file, Arc::clone(&counters), Box::new(records.noting()))?;
    let notices = Notices::start(&config, &notice_file, Arc::clone(&counters))?;
    let senders = Arc::new(senders(&config.hep)?);
    let behaviour = (Arc::clone(&settings), proxy.clone(), Arc::clone(&senders));
    let admission = admission(&config);
    let mut keeper =
        Keeper::new(config.policy.clone(), (&config.data, admission), behaviour, Arc::clone(&counters));
    let loading = tokio::task::spawn_blocking(move || {
        let found = keeper.find();
        (keeper, found)
    });
    let Ok((keeper, found)) = loading.await else { return Err(Failure::Said) };
    let policies = in_force(found, &config, &settings, &records);
    let archive = Archive::start(&config, keeper.customers(), Arc::clone(&counters))?;

    let sharing = Sharing::new(config.share_blocks, &config.data, &counters);
    let take_over = |file: &str| {
        let mut engine = go_on((Arc::clone(&policies), sharing.seeds()), &keeper, &config.data, file);
        if let Some(signing) = &signing {
            signing.equip(&mut engine);
        }
        engine
    };
    // Nobody is answered before there is something to judge by: the sockets come last.
    let (sockets, mut said) = datagram_sockets(&config.redirect.udp)?;
    let redirect_address =
        sockets.first().and_then(|socket| socket.local_addr().ok()).unwrap_or_else(super::any_port);
    let engine = take_over(state::NAME);
    let tell = sharing.telling("redirect", records.teller());
    let of_service = (Arc::clone(&settings), Arc::clone(&counters));
    let streams = of_service.clone();
    let (mirror, mirroring) = watching::mirror(&config.mirror, &counters)?.unzip();
    let of_redirect = mirror.clone();
    let judge =
        Judge::start("redirect", move || Redirect::new(sockets, engine, of_service, of_redirect), tell);
    let judge = judge.map_err(Failure::Output)?;
    let shared = judge.shared().clone();
    said.extend(connections(&config, shared.clone(), streams, &stopped).await?);
    let mut mounts = vec![Mounted::new("redirect", state::NAME, judge)];
    if let Some(proxy) = proxy {
        let (sockets, places) = datagram_sockets(&config.proxy.udp)?;
        let engine = take_over(state::PROXY_NAME);
        let tell = sharing.telling("proxy", records.teller());
        let of_service = (proxy, Arc::clone(&counters));
        let told = (tell, mirror.clone());
        let (judge, more) = config.proxy.start(sockets, engine, of_service, told, &stopped).await?;
        mounts.push(Mounted::new("proxy", state::PROXY_NAME, judge).with_calls());
        said.push("proxy".to_owned());
        said.extend(places.into_iter().chain(more));
    }
    if let Some(queue) = config.bridge.queue() {
        let engine = take_over(state::BRIDGE_NAME);
        let tell = sharing.telling("bridge", records.teller());
        let of_service = (Arc::clone(&settings), Arc::clone(&counters));
        let told = mirror.clone();
        let make = move || Ok(Bridge::new(queue, engine, of_service)?.mirrored(told));
        let judge = Judge::start("bridge", make, tell);
        let judge = judge.map_err(|error| {
            Failure::Usage(format!(
                "cannot take queue {} of the kernel: {error}; it needs CAP_NET_ADMIN and CAP_NET_RAW, and a queue that \
                 nobody else has",
                queue.number
            ))
        })?;
        mounts.push(Mounted::new("bridge", state::BRIDGE_NAME, judge).with_calls());
        said.push(format!("bridge nfqueue:{}", queue.number));
    }
    // It ends when nobody decides any more.
    drop(mirror);
    if config.hep.is_on() || config.capture.is_on() {
        let engine = take_over(state::SENSOR_NAME);
        let tell = sharing.telling("sensor", records.teller());
        let of_service = (senders, Arc::clone(&counters));
        let (mounted, words) =
            watching::start((&config, interfaces), engine, of_service, tell, &stopped).await?;
        mounts.push(mounted);
        said.extend(words);
    }

    sharing.begin(&mounts);
    let mail = Mail::start(&config, keeper.customers(), Arc::clone(&counters))?;
    let (mail, words) = mail.unzip();
    said.extend(words.into_iter().flatten());
    let in_force = keeper.told();
    let orders = keep(keeper, mounts.iter().map(|mounted| mounted.handle.clone()).collect());
    let control = Control {
        data: config.data.clone(),
        mounts: mounts.iter().map(Mounted::controlled).collect(),
        keeping: records.keeping(),
        keeper: orders.clone(),
        in_force,
    };
    tokio::spawn(control::serve(commands, control, stopped.clone()));
    for mounted in &mounts {
        mounted.take_snapshots(config.records.snapshot_seconds, records.state_sender(mounted.file));
    }
    if let Some(signing) = signing {
        signing.start(mounts.iter().map(|mounted| mounted.handle.clone()).collect());
    }
    let handles = mounts.iter().map(|mounted| (mounted.name, mounted.handle.clone())).collect();
    let counted = Arc::clone(&counters);
    let watched = Watched::new(&config);
    let _ = running.set(Running {
        redirect: shared,
        handles,
        counters,
        watched: watched.clone(),
        refuses_all: Arc::clone(&settings.refuses_all),
        places: Places::new(HTTP_QUESTIONS_MAX),
    });
    let undecided = undecided::watch(Arc::clone(&counted), Box::new(records.noting()));
    status::export(&config, parts, stopped.clone())?;
    // Whoever reads that it is ready may signal at once.
    let mut signals = Signals::new().map_err(Failure::Output)?;
    first::say(&config).await;
    say_ready(config.http.listen, &said).map_err(Failure::Output)?;
    if let Some(on_ready) = around.on_ready {
        on_ready(Ready { redirect: redirect_address });
    }

    let (fetching, ended) = channel();
    let fetcher = Fetcher::new(config.feed.clone(), &config.data, orders.clone(), Box::new(records.noting()));
    fetcher.with_counters(Arc::clone(&counted)).start(ended);

    let authorised = Authorised::start(&config, visited)?;
    let make = report::maker(&config)?;
    let schedules = Schedules::start(&config, (counted, watched), make, fetched)?;
    let time_is_up = async {
        match around.ends_after {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.end(&orders, &notice_file) => {}
        () = time_is_up => {}
    }
    if let Some(authorised) = authorised {
        // It asks over the socket, which answers until it has ended.
        let _ = tokio::task::spawn_blocking(move || authorised.finish()).await;
    }
    drop((fetching, undecided));
    // First no more is taken, then what was taken is finished and written.
    let _ = stop.send(true);
    let ending = tokio::task::spawn_blocking(move || {
        mail.into_iter().for_each(Mail::finish);
        mounts.into_iter().for_each(|mounted| mounted.stop(&records));
        // It ends by itself when nobody decides any more, and a reader that takes nothing is not waited for twice.
        let _ = mirroring.map(JoinHandle::join);
        records.finish();
        desk.into_iter().for_each(Desk::finish);
        archive.into_iter().for_each(Archive::finish);
        notices.into_iter().for_each(Notices::finish);
        schedules.into_iter().for_each(Schedules::finish);
    });
    // Whatever died there has said why.
    let _ = ending.await;
    drop(stopped);
    let _ = tokio::time::timeout(GOODBYE, async { tokio::join!(pages, stop.closed()) }).await;
    Ok(())
}

/// By which permits policies come into force. Whose key signs them is written down for commands that find no service.
fn admission(config: &Config) -> Admission {
    let key = config::Cases::new(config).key();
    // Where the desk works elsewhere its public half is all that is here, and where nobody needs permits not even that.
    // A key that cannot be used keeps changes under control out, and no call from being judged.
    if config.cases.on
        && let Err(failure) = desk_key::open_at(&key)
    {
        failure.report();
    }
    let permits = Permits::new(&config.data, &desk_key::public(&key)).unwrap_or_else(|failure| {
        failure.report();
        Permits::without_key(&config.data)
    });
    if let Err(failure) = permits.note_key() {
        failure.report();
    }
    Admission::by(permits)
}

/// What is judged by, with words about it where it is not what was asked for.
fn in_force(found: Found, config: &Config, settings: &Settings, records: &Records) -> Arc<PolicySet> {
    match found {
        Found::Policies(policies) => {
            if policies.policies().is_empty() {
                eprintln!("ringwall: no policy is given and none is installed, so every call goes on");
            }
            say_unmet(&policies);
            policies
        }
        Found::Former(path, policies) => {
            eprintln!("ringwall: going on with the policies that were good, from {}", path.display());
            for policy in policies.policies() {
                eprintln!(
                    "ringwall: policy {}, version {}",
                    reporter::printable(policy.name()),
                    version(policy)
                );
            }
            records.note(&Alert::of_service("policy-unreadable", policies::now()));
            policies
        }
        Found::Nothing => {
            let passes = config.calls_without_policy == Calls::Pass;
            let fate =
                if passes { "every call passes" } else { "calls are refused, but for emergency calls," };
            eprintln!("ringwall: there is no policy to judge by: {fate} until there is one");
            settings.refuses_all.store(!passes, Ordering::Relaxed);
            records.note(&Alert::of_service("no-policy", policies::now()));
            Arc::new(PolicySet::new(Vec::new()))
        }
    }
}

fn settings(config: &Config, tokens: Tokens) -> Settings {
    let redirect = &config.redirect;
    Settings {
        peers: Peers::new(redirect.peer.iter().map(peer).collect()),
        strangers: redirect.strangers.into(),
        overload: Overload {
            wait_micros_max: i64::from(redirect.overload_after_milliseconds) * 1_000,
            retry_after_seconds: redirect.retry_after_seconds,
            trusted: redirect.calls_in_overload.into(),
        },
        on_fault: redirect.calls_on_fault.into(),
        refuses_all: Arc::default(),
        refused_code: config.calls_refused_code,
        tokens,
    }
}

fn peer(peer: &config::Peer) -> redirect::Peer {
    let next_hop = peer.next_hop.as_ref().map(|config::Place(next_hop)| next_hop.clone());
    redirect::Peer {
        name: peer.name.clone(),
        from: peer.from.iter().map(|config::Network(network)| *network).collect(),
        customer: peer.customer.clone(),
        trusted: peer.trusted,
        allow: match (peer.allow, next_hop) {
            (config::Allow::Redirect, Some(next_hop)) => redirect::Allow::Redirect(next_hop),
            (config::Allow::Redirect | config::Allow::NotFound, _) => redirect::Allow::NotFound,
            (config::Allow::Unavailable, _) => redirect::Allow::Unavailable,
        },
        block: peer.block.map(|config::Block(response)| response),
    }
}

/// Sockets for `addresses`, and how each is said to be ready.
fn datagram_sockets(addresses: &[SocketAddr]) -> Result<(Vec<UdpSocket>, Vec<String>), Failure> {
    let mut sockets = Vec::new();
    let mut said = Vec::new();
    for &address in addresses {
        let socket = UdpSocket::bind(address).map_err(listening("udp", address))?;
        said.push(format!("udp:{}", socket.local_addr().map_err(Failure::Output)?));
        sockets.push(socket);
    }
    Ok((sockets, said))
}

/// Has policies kept up to date. What is returned asks for it at once.
fn keep(keeper: Keeper, handles: Vec<Handle>) -> Sender<Order> {
    let (ask, asked) = channel();
    thread::spawn(move || keeper.run(&handles, &asked));
    ask
}

/// What the service is told by signals.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one that ends the service; SIGHUP only has policies and who is told of what read anew.
    async fn end(&mut self, keeper: &Sender<Order>, notices: &NoticeFile) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    // The keeper lives as long as the service.
                    let _ = keeper.send(Order::Reload);
                    notices.ask();
                }
            }
        }
    }
}

fn say_ready(console: SocketAddr, redirect: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "ready: console http://{console} redirect {}", redirect.join(" "))?;
    out.flush()
}

pub(super) fn listening(what: &'static str, address: SocketAddr) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Failure::Usage(format!("cannot listen on {what} {address}: {error}"))
}

/// Visits of pages that wait; more are told to come again.
const VISITS_MAX: usize = 64;
/// How long it may take to answer what was asked when the service ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// Takes connections over TCP and TLS. Returns how each address is said to be ready.
async fn connections(
    config: &Config,
    shared: Shared<Redirect>,
    of_service: (Arc<Settings>, Arc<Counters>),
    stopped: &watch::Receiver<bool>,
) -> Result<Vec<String>, Failure> {
    let redirect = &config.redirect;
    let limits = ConnectionLimits {
        connections_max: redirect.connections_max,
        of_one_address_max: redirect.connections_of_one_address_max,
        message_seconds_max: redirect.message_seconds_max,
        idle_seconds_max: redirect.idle_seconds_max,
    };
    let tls = match (&redirect.certificate, &redirect.key) {
        (Some(certificate), Some(key)) => Some(redirect::tls(certificate, key).map_err(Failure::Usage)?),
        _ => None,
    };
    let streams = Streams::new(shared, of_service, limits, stopped.clone());
    let plain = redirect.tcp.iter().map(|address| ("tcp", address, None));
    let secure = redirect.tls.iter().map(|address| ("tls", address, tls.clone()));
    let mut said = Vec::new();
    for (what, &address, tls) in plain.chain(secure) {
        let listener = TcpListener::bind(address).await.map_err(listening(what, address))?;
        said.push(format!("{what}:{}", listener.local_addr().map_err(Failure::Output)?));
        tokio::spawn(streams.clone().serve(listener, tls));
    }
    Ok(said)
}
