//! Names of next hops, looked up beside the packets: where they lead is taken over between two batches.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rules::Transport;
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::hop::{NextHop, Target};
use super::mount::Proxying;
use super::port::{transport_of, usual_port};
use super::streams::Names;
use crate::judge::{Count, Counters, Shared};
use crate::limits::ADDRESSES_OF_NAME_MAX;

/// A host by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName {
    /// What carries messages to it.
    pub transport: Transport,
    host: String,
    port: u16,
}

/// A host with the addresses that its name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The host.
    pub name: HostName,
    /// Its addresses; none before it was found.
    pub addresses: Vec<SocketAddr>,
}

/// Looks names up again and again.
pub struct Lookup {
    shared: Shared<Proxying>,
    counters: Arc<Counters>,
    named: Vec<Named>,
    /// By which name an address was found, for whoever asks it for a certificate.
    names: Names,
    every: Duration,
}

impl Lookup {
    /// Looks up the names of `next_hops` for the proxy behind `shared`, every so often.
    pub fn new(
        next_hops: &[NextHop],
        (shared, counters): (Shared<Proxying>, Arc<Counters>),
        names: Names,
        every: Duration,
    ) -> Self {
        let mut named: Vec<Named> = Vec::new();
        for target in next_hops.iter().flat_map(|hop| &hop.places) {
            if let Target::Name(name) = target
                && named.iter().all(|known| known.name != *name)
            {
                named.push(Named { name: name.clone(), addresses: Vec::new() });
            }
        }
        Self { shared, counters, named, names, every }
    }

    /// Looks all of them up once.
    pub async fn look(&mut self) {
        let mut has_changed = false;
        for Named { name, addresses } in &mut self.named {
            let Some(found) = find(name).await else {
                // Where it led before is better than nowhere.
                self.counters.add(Count::NotLookedUp);
                continue;
            };
            self.counters.add(Count::LookedUp);
            has_changed |= found != *addresses;
            *addresses = found;
        }
        if !has_changed {
            return;
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.clear();
        for Named { name, addresses } in &self.named {
            names.extend(addresses.iter().map(|address| (*address, name.host.clone())));
        }
        drop(names);
        let named = self.named.clone();
        self.shared.ask(Box::new(move |proxy, _| proxy.take_places(&named)));
    }

    /// Goes on until `stop` says so.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        if self.named.is_empty() {
            return;
        }
        loop {
            let is_over = tokio::select! {
                () = sleep(self.every) => false,
                _ = stop.wait_for(|stop| *stop) => true,
            };
            if is_over {
                return;
            }
            self.look().await;
        }
    }
}

/// The addresses of `name`, always in the same order.
async fn find(name: &HostName) -> Option<Vec<SocketAddr>> {
    let found =
        timeout(LOOKUP_DURATION_MAX, lookup_host((name.host.as_str(), name.port))).await.ok()?.ok()?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_OF_NAME_MAX);
    (!addresses.is_empty()).then_some(addresses)
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no place: write HOST or HOST:PORT, with tcp: or tls: before it where it is not UDP"
            )
        };
        let (transport, place) = transport_of(text);
        let (host, port) = match place.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (place, usual_port(transport)),
        };
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        // What is all digits and dots is an address with a mistake in it.
        let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_number || port == 0 || !host.split('.').all(is_label) {
            return Err(wrong());
        }
        Ok(Self { transport, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp:",
            Transport::Tls => "tls:",
            _ => "",
        };
        write!(f, "{transport}{}:{}", self.host, self.port)
    }
}

/// How long one look-up may take.
const LOOKUP_DURATION_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_with_what_carries_messages_to_it() {
        for (text, expected) in [
            ("PBX.example.com", "pbx.example.com:5060"),
            ("tls:pbx.example.com", "tls:pbx.example.com:5061"),
            ("tcp:pbx:5070", "tcp:pbx:5070"),
        ] {
            assert_eq!(text.parse::<HostName>().unwrap().to_string(), expected);
        }
        for wrong in ["", "192.0.2", "192.0.2.1", "a..b", "a b", "sip:pbx.example.com", "pbx:0", "pbx:x"] {
            assert!(wrong.parse::<HostName>().is_err(), "{wrong}");
        }
    }
}
