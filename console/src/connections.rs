//! Connections of browsers and programs: how many there may be, how long one may take to say what it wants.
//!
//! Calls are decided by the same process. Whoever opens connections and says nothing must not take the files that records and
//! databases need.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::access::is_of_programs;
use crate::api::told::Problem;
use crate::client::neighbourhood;

/// Answers connections of `listener` by `routes` until `stop` is done, and those that are open until they end.
///
/// # Errors
/// The listener is of no use any more.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Places::new(bounds.open_max));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one(&error) => continue,
            Err(_) => {
                // No file is left, most often: some will be.
                sleep(PAUSE).await;
                continue;
            }
        };
        let is_proxy = bounds.proxies.iter().any(|network| network.contains(&peer.ip().to_canonical()));
        let Some(place) = places.take(peer.ip(), is_proxy) else { continue };
        let has_asked = Arc::new(AtomicBool::new(false));
        let routes = routes
            .clone()
            .layer(Extension(ConnectInfo::<SocketAddr>(peer)))
            .layer(from_fn_with_state(Arc::clone(&has_asked), admit));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.idle_time)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
        let connection = graceful.watch(connection);
        let header_time = bounds.header_time;
        tokio::spawn(async move {
            let is_silent = async {
                sleep(header_time).await;
                if has_asked.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                // Whoever breaks off, or is too slow, has ended it.
                _ = connection => {}
                () = is_silent => {}
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

/// What connections may take.
pub(crate) struct Bounds {
    /// Proxies of ours: what they pass on is limited by whom they ask for.
    pub(crate) proxies: Vec<IpNet>,
    /// Connections at once.
    pub(crate) open_max: usize,
    /// From the beginning of a connection to the end of its first header.
    pub(crate) header_time: Duration,
    /// From the end of an answer to that of the next header: programs keep connections open, and those that ask about calls
    /// should not find theirs closed just when one comes.
    pub(crate) idle_time: Duration,
}

/// Takes a request that names one host, as each has to (RFC 9112 §3.2), and remembers that its connection has asked.
async fn admit(State(has_asked): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    if request.version() == Version::HTTP_11 && request.headers().get_all(header::HOST).iter().count() != 1 {
        let is_program = is_of_programs(request.uri().path());
        return end(is_program, StatusCode::BAD_REQUEST, "It has to name one host.");
    }
    has_asked.store(true, Ordering::Relaxed);
    next.run(request).await
}

/// Whether an error is about one connection, and the next one may do better.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Places for connections.
struct Places {
    open: Mutex<Open>,
    max: usize,
}

#[derive(Default)]
struct Open {
    all: usize,
    from: HashMap<String, usize>,
}

/// A connection's place, given back when it ends.
struct Place {
    places: Arc<Places>,
    from: Option<String>,
}

impl Places {
    fn new(max: usize) -> Self {
        Self { open: Mutex::default(), max }
    }

    /// One more place for `peer`; `None` when there is none, or none for it.
    fn take(self: &Arc<Self>, peer: IpAddr, is_proxy: bool) -> Option<Place> {
        let from = (!is_proxy).then(|| neighbourhood(&peer.to_canonical().to_string()));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = from.as_ref().and_then(|from| open.from.get(from)).copied().unwrap_or_default();
        if open.all >= self.max || of_one >= self.max.min(OF_ONE_MAX) {
            return None;
        }
        open.all += 1;
        if let Some(from) = &from {
            *open.from.entry(from.clone()).or_default() += 1;
        }
        Some(Place { places: Arc::clone(self), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(from) = &self.from
            && let Some(count) = open.from.get_mut(from)
        {
            *count -= 1;
            if *count == 0 {
                open.from.remove(from);
            }
        }
    }
}

/// Long bodies that are being read.
#[derive(Clone)]
pub(crate) struct Reading {
    long: Arc<Semaphore>,
    /// From the end of a header to that of the body.
    time: Duration,
}

impl Reading {
    pub(crate) fn within(time: Duration) -> Self {
        Self { long: Arc::new(Semaphore::new(LONG_BODIES_MAX)), time }
    }
}

/// Reads the body of a request, in bounded time, before anybody asks who sends it: rights that are taken away while a body
/// comes in are gone when it is there.
pub(crate) async fn read(State(reading): State<Reading>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let is_program = is_of_programs(parts.uri.path());
    let is_long = body.size_hint().upper().is_none_or(|bytes| bytes > SHORT_BODY_BYTES);
    let read = async {
        let _place = if is_long { reading.long.acquire().await.ok() } else { None };
        axum::body::to_bytes(body, crate::BODY_BYTES_MAX).await
    };
    match timeout(reading.time, read).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => end(is_program, StatusCode::PAYLOAD_TOO_LARGE, "It is longer than what is taken here."),
        Err(_) => end(is_program, StatusCode::REQUEST_TIMEOUT, "It took too long to come."),
    }
}

/// What is left of the body is not read: the connection ends.
fn end(is_program: bool, status: StatusCode, why: &'static str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let mut response = match is_program {
        true => Problem::of(status, title, why.to_owned()),
        false => (status, format!("{why}\n")).into_response(),
    };
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A browser has some six connections, and a stream in each of its pages.
const OF_ONE_MAX: usize = 256;
/// After an error of the listener.
const PAUSE: Duration = Duration::from_millis(100);
pub(crate) const HEADER_TIME: Duration = Duration::from_secs(15);
/// As long as nginx and longer than most clients keep a connection that nobody uses.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(75);
pub(crate) const BODY_TIME: Duration = Duration::from_secs(20);
const SHORT_BODY_BYTES: u64 = 64 << 10;
const LONG_BODIES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    const SHORTLY: Duration = Duration::from_millis(200);

    #[test]
    fn one_neighbourhood_does_not_take_all_places() {
        let places = Arc::new(Places::new(4_096));
        let stranger = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let taken: Vec<_> = (0..1_000).filter_map(|last| places.take(stranger(last), false)).collect();
        assert_eq!(taken.len(), OF_ONE_MAX);
        assert!(places.take(IpAddr::from([192, 0, 2, 1]), false).is_some());
        let proxied: Vec<_> = (0..1_000).filter_map(|last| places.take(stranger(last), true)).collect();
        assert_eq!(proxied.len(), 1_000);
        drop(taken);
        assert!(places.take(stranger(1), false).is_some());
    }

    #[tokio::test]
    async fn who_says_nothing_or_half_of_it_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/", axum::routing::post(|body: String| async move { body }))
            .layer(from_fn_with_state(Reading::within(SHORTLY), read));
        let bounds =
            Bounds { proxies: Vec::new(), open_max: 10, header_time: SHORTLY, idle_time: 10 * SHORTLY };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, routes, bounds, async move {
            let _ = stopped.await;
        }));
        let ask = async |text: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut said = String::new();
            let _ = stream.read_to_string(&mut said).await;
            said
        };
        let whole = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n";
        assert!(ask(&format!("{whole}hello")).await.ends_with("hello"));
        assert_eq!(ask("").await, "");
        assert_eq!(ask("POST / HTTP/1.1\r\nX: ").await, "");
        assert!(ask(&format!("{whole}he")).await.starts_with("HTTP/1.1 408"));
        for hosts in ["", "Host: a\r\nHost: b\r\n"] {
            let said = ask(&format!("{}hello", whole.replace("Host: a\r\n", hosts))).await;
            assert!(said.starts_with("HTTP/1.1 400"), "{hosts:?}: {said}");
        }
        let long = whole.replace(": 5", ": 9000000");
        assert!(ask(&format!("{long}he")).await.starts_with("HTTP/1.1 4"));

        // One that has asked may be silent for longer, but not for ever.
        let mut stream = TcpStream::connect(address).await.unwrap();
        let kept = whole.replace("Connection: close\r\n", "");
        for pause in [Duration::ZERO, 4 * SHORTLY] {
            sleep(pause).await;
            stream.write_all(format!("{kept}hello").as_bytes()).await.unwrap();
            let mut said = Vec::new();
            while !said.ends_with(b"hello") {
                assert!(stream.read_buf(&mut said).await.unwrap() > 0, "closed too early");
            }
        }
        let rest = timeout(40 * SHORTLY, stream.read(&mut [0])).await;
        assert_eq!(rest.expect("it is closed").unwrap(), 0);
        let _ = stop.send(());
        served.await.unwrap().unwrap();
    }
}
