//! HEP that comes over TCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::mount::Sensor;
use super::sender::Senders;
use crate::hep::{Cutter, packets};
use crate::judge::{Count, Counters, Shared, now};
use crate::limits::HEP_CHUNKS_MAX;
use crate::redirect::{ConnectionLimits, Connections, Full, Held};

/// What connections of agents are taken with.
#[derive(Clone)]
pub struct HepStreams {
    shared: Shared<Sensor>,
    senders: Arc<Senders>,
    counters: Arc<Counters>,
    connections: Arc<Connections>,
    limits: ConnectionLimits,
    /// Places for what was read and not yet judged: who finds none is not read from, so that the agent waits, not we.
    places: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// One connection that was taken.
struct Connection {
    shared: Shared<Sensor>,
    counters: Arc<Counters>,
    places: Arc<Semaphore>,
    held: Held,
    from: SocketAddr,
    limits: ConnectionLimits,
    stop: watch::Receiver<bool>,
}

/// How a connection came to its end.
enum End {
    /// Between two packets.
    Orderly,
    /// Inside a packet.
    Cut,
    /// Inside a packet, of which nothing more came in time.
    Slow,
    /// It is unknown where the next packet begins.
    Unframed,
}

impl HepStreams {
    /// Connections of `senders` to the sensor behind `shared`, until `stop` says so.
    pub fn new(
        shared: Shared<Sensor>,
        (senders, counters): (Arc<Senders>, Arc<Counters>),
        limits: ConnectionLimits,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(HEP_CHUNKS_MAX));
        let connections = Arc::new(Connections::new(limits));
        Self { shared, senders, counters, connections, limits, places, stop }
    }

    /// Takes connections.
    pub async fn serve(self, listener: TcpListener) {
        let mut stop = self.stop.clone();
        loop {
            let taken = tokio::select! {
                taken = listener.accept() => taken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match taken {
                Ok((stream, from)) => self.take(stream, from),
                // Out of file descriptors, or gone already: others may still come.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn take(&self, stream: TcpStream, from: SocketAddr) {
        // The key is inside; but where nobody sends from nobody is listened to.
        if !self.senders.may_send_from(from.ip()) {
            return self.counters.add(Count::HepConnectionStranger);
        }
        // All of them are agents of ours: no places are kept for some.
        let held = match self.connections.take(from.ip(), true, now()) {
            Ok((held, evicted)) => {
                self.counters.add(Count::HepOpened);
                if evicted {
                    self.counters.add(Count::HepEvicted);
                }
                held
            }
            Err(Full::OfOneAddress | Full::OfAll) => return self.counters.add(Count::HepTooMany),
        };
        let connection = Connection {
            shared: self.shared.clone(),
            counters: Arc::clone(&self.counters),
            places: Arc::clone(&self.places),
            held,
            from,
            limits: self.limits,
            stop: self.stop.clone(),
        };
        tokio::spawn(async move {
            let leave = Arc::clone(&connection.held.leave);
            tokio::select! {
                () = connection.run(stream) => {}
                () = leave.notified() => {}
            }
        });
    }
}

impl Connection {
    async fn run(mut self, stream: TcpStream) {
        let end = self.read(stream).await;
        match end {
            End::Orderly => return,
            End::Cut => self.counters.add(Count::HepCut),
            End::Slow => self.counters.add(Count::HepSlow),
            End::Unframed => self.counters.add(Count::HepBadFraming),
        }
        // One that finds no room is in the counters all the same.
        self.shared.ask(Box::new(|sensor, _| sensor.note_cut()));
    }

    async fn read(&mut self, mut stream: TcpStream) -> End {
        let idle_time = Duration::from_secs(u64::from(self.limits.idle_seconds_max));
        let message_time = Duration::from_secs(u64::from(self.limits.message_seconds_max));
        let mut cutter = Cutter::default();
        let mut room = vec![0; READ_BYTES];
        // When the packet in hand must be complete.
        let mut due: Option<Instant> = None;
        loop {
            let cut = if cutter.pending_bytes() > 0 { End::Cut } else { End::Orderly };
            let until = due.unwrap_or_else(|| Instant::now() + idle_time);
            let read = tokio::select! {
                read = timeout_at(until, stream.read(&mut room)) => read,
                _ = self.stop.wait_for(|stop| *stop) => return End::Orderly,
            };
            let count = match read {
                Ok(Ok(count)) if count > 0 => count,
                Ok(_) => return cut,
                Err(_) if due.is_some() => return End::Slow,
                Err(_) => return End::Orderly,
            };
            let (whole, framed) = cutter.push(room.get(..count).unwrap_or_default());
            if !whole.is_empty() {
                self.held.heard(now());
                due = None;
                self.hand_over(whole).await;
            }
            if framed.is_err() {
                return End::Unframed;
            }
            due = (cutter.pending_bytes() > 0).then(|| due.unwrap_or_else(|| Instant::now() + message_time));
        }
    }

    async fn hand_over(&self, whole: Vec<u8>) {
        let (from, came, count) = (self.from, now(), packets(&whole).count() as u64);
        // It is never closed while a connection holds it.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let is_taken = self.shared.ask(Box::new(move |sensor, _| {
            sensor.take(&whole, from, came);
            drop(place);
        }));
        if !is_taken {
            self.counters.add_many(Count::HepLost, count);
        }
    }
}

const READ_BYTES: usize = 64 << 10;
/// How long to wait when the system gives no more connections.
const PAUSE: Duration = Duration::from_millis(50);
