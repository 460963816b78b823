//! What only watches: HEP of agents, and interfaces of this machine; and who is told of decisions.

use std::fmt;
use std::io;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use collector::judge::{Counters, Judge, News};
use collector::mirror::{Carriage, Mirror, Target};
use collector::redirect::ConnectionLimits;
use collector::sensor::{
    Clock, Frames, HepDatagrams, HepStreams, Interface, Key, Portable, Ring, Sender, Senders, Sensor, Source,
};
use engine::Engine;
use sys::Need;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::config::{self, Backend, Config};
use super::mounts::Mounted;
use super::start::listening;
use crate::outcome::Failure;
use crate::state;

/// The senders of `hep`, with their keys.
pub(super) fn senders(hep: &config::Hep) -> Result<Senders, Failure> {
    let senders = hep.sender.iter().map(|sender| {
        Ok(Sender {
            name: sender.name.clone(),
            from: sender.from.iter().map(|config::Network(network)| *network).collect(),
            key: key(
                &format_args!("sender \"{}\"", sender.name),
                sender.key_file.as_deref(),
                sender.key_environment.as_deref(),
            )?,
            customer: sender.customer.clone(),
        })
    });
    Ok(Senders::new(senders.collect::<Result<_, Failure>>()?))
}

/// The key in this file or environment variable, for `whom`; `None` when neither is named.
pub(super) fn key(
    whom: &dyn fmt::Display,
    file: Option<&Path>,
    environment: Option<&str>,
) -> Result<Option<Key>, Failure> {
    let empty = |place: &dyn fmt::Display| Failure::Usage(format!("{whom}: there is no key in {place}"));
    if let Some(path) = file {
        let bytes = std::fs::read(path).map_err(Failure::file(path))?;
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let key = Key::new(bytes.strip_suffix(b"\r").unwrap_or(bytes));
        return key.map(Some).ok_or_else(|| empty(&path.display()));
    }
    let Some(name) = environment else { return Ok(None) };
    let key = std::env::var(name).ok().and_then(|value| Key::new(value.as_bytes()));
    key.map(Some).ok_or_else(|| empty(&format_args!("the environment variable {name}")))
}

/// Starts the thread that tells of decisions, if anybody is to be told.
pub(super) fn mirror(
    mirror: &config::Mirror,
    counters: &Arc<Counters>,
) -> Result<Option<(Mirror, JoinHandle<()>)>, Failure> {
    let Some(address) = mirror.address else { return Ok(None) };
    let carriage = match mirror.transport {
        config::Carriage::Udp => Carriage::Udp,
        config::Carriage::Tcp => Carriage::Tcp,
    };
    let key = key(&"the mirror", mirror.key_file.as_deref(), mirror.key_environment.as_deref())?;
    let target = Target { address, carriage, node: mirror.node, key };
    let started = Mirror::start(target, Arc::clone(counters));
    started.map(Some).map_err(|error| Failure::Usage(format!("cannot mirror to {address}: {error}")))
}

/// Opens the interfaces that are to be watched, and gives up the privileges that it took. No thread may run yet: they
/// would keep theirs.
pub(super) fn open(config: &Config) -> Result<Vec<Interface>, Failure> {
    let capture = &config.capture;
    let opened = capture.interfaces.iter().map(|name| {
        let frames: io::Result<Box<dyn Frames + Send>> = match capture.backend {
            Backend::Ring => Ring::open(name, capture.ring_megabytes, capture.promiscuous, &capture.filter())
                .map(|ring| Box::new(ring) as _),
            Backend::Pnet => Portable::open(name, capture.promiscuous).map(|frames| Box::new(frames) as _),
        };
        let frames = frames.map_err(|error| Failure::Usage(format!("cannot watch {name}: {error}")))?;
        Ok(Interface::new(frames, clock(config)))
    });
    let opened = opened.collect::<Result<Vec<_>, Failure>>()?;
    let bridge = config.bridge.queue().is_some();
    if capture.is_on() || bridge {
        let need = if bridge { Need::Packets } else { Need::Nothing };
        sys::give_up(need).map_err(|error| Failure::Usage(format!("cannot give up privileges: {error}")))?;
    }
    Ok(opened)
}

fn clock(config: &Config) -> Clock {
    Clock { off_micros_max: i64::from(config.hep.clock_seconds_max) * 1_000_000 }
}

/// Starts the thread that watches. Returns it, and how it is said to be ready.
pub(super) async fn start(
    (config, interfaces): (&Config, Vec<Interface>),
    engine: Engine,
    (senders, counters): (Arc<Senders>, Arc<Counters>),
    tell: Box<dyn FnMut(News<'_>) + Send>,
    stopped: &watch::Receiver<bool>,
) -> Result<(Mounted, Vec<String>), Failure> {
    let hep = &config.hep;
    let clock = clock(config);
    let mut said = Vec::new();
    let mut sockets = Vec::new();
    for &address in &hep.udp {
        let socket = UdpSocket::bind(address).map_err(listening("hep udp", address))?;
        said.push(format!("udp:{}", socket.local_addr().map_err(Failure::Output)?));
        sockets.push(socket);
    }
    let of_streams = (Arc::clone(&senders), Arc::clone(&counters));
    let make = move || {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for socket in sockets {
            sources.push(Box::new(HepDatagrams::new(socket, Arc::clone(&senders), clock)?));
        }
        sources.extend(interfaces.into_iter().map(|interface| Box::new(interface) as _));
        Ok(Sensor::new(sources, engine, senders, (clock, counters)))
    };
    let judge = Judge::start("sensor", make, tell).map_err(Failure::Output)?;
    let limits = ConnectionLimits {
        connections_max: hep.connections_max,
        of_one_address_max: hep.connections_of_one_address_max,
        message_seconds_max: hep.message_seconds_max,
        idle_seconds_max: hep.idle_seconds_max,
    };
    let streams = HepStreams::new(judge.shared().clone(), of_streams, limits, stopped.clone());
    for &address in &hep.tcp {
        let listener = TcpListener::bind(address).await.map_err(listening("hep tcp", address))?;
        said.push(format!("tcp:{}", listener.local_addr().map_err(Failure::Output)?));
        tokio::spawn(streams.clone().serve(listener));
    }
    if let Some(first) = said.first_mut() {
        first.insert_str(0, "hep ");
    }
    if config.capture.is_on() {
        said.push(format!("capture {}", config.capture.interfaces.join(" ")));
    }
    Ok((Mounted::new("sensor", state::SENSOR_NAME, judge), said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_there_is_told_and_not_taken_for_none() {
        let of = |file: Option<&str>, environment| key(&"a", file.map(Path::new), environment);
        assert!(matches!(of(None, None), Ok(None)));
        assert!(
            matches!(of(Some("/dev/null"), None), Err(Failure::Usage(said)) if said.contains("/dev/null"))
        );
        assert!(matches!(of(Some("/nowhere"), None), Err(Failure::File(..))));
        let said = of(None, Some("RINGWALL_NO_SUCH_KEY"));
        assert!(matches!(said, Err(Failure::Usage(said)) if said.contains("RINGWALL_NO_SUCH_KEY")));
    }
}
