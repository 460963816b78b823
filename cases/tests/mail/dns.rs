//! A DNS server on loopback that knows what a story tells it: enough of RFC 1035 for TXT, A and MX.

#![allow(dead_code, reason = "stories of two crates ask for different things")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server; it ends with its story.
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

#[derive(Default)]
struct Zone {
    records: BTreeMap<String, Vec<Record>>,
    /// Names below these are not answered.
    silent: Vec<String>,
    /// Names below these cannot be answered (SERVFAIL).
    failing: Vec<String>,
    asked: Vec<String>,
    is_over: bool,
}

#[derive(Clone)]
enum Record {
    Text(String),
    Address(Ipv4Addr),
    Exchange(String),
}

impl Dns {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<Zone>> = Arc::default();
        let known = Arc::clone(&zone);
        std::thread::spawn(move || {
            let mut question = [0; 4_096];
            while !known.lock().unwrap().is_over {
                let Ok((count, client)) = socket.recv_from(&mut question) else { continue };
                if let Some(answer) = known.lock().unwrap().answer(&question[..count]) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Self { address, zone }
    }

    pub(crate) fn text(&self, name: &str, text: &str) {
        self.set(name, Record::Text(text.to_owned()));
    }

    pub(crate) fn host(&self, name: &str, address: Ipv4Addr) {
        self.set(name, Record::Address(address));
    }

    pub(crate) fn exchange(&self, name: &str, host: &str) {
        self.set(name, Record::Exchange(host.to_owned()));
    }

    /// From now on nothing is said of names that end so; of all when it is empty.
    pub(crate) fn silence(&self, end: &str) {
        self.zone.lock().unwrap().silent.push(end.to_owned());
    }

    /// From now on names that end so cannot be looked up.
    pub(crate) fn fail(&self, end: &str) {
        self.zone.lock().unwrap().failing.push(end.to_owned());
    }

    /// Every name that was asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.zone.lock().unwrap().asked.clone()
    }

    fn set(&self, name: &str, record: Record) {
        self.zone.lock().unwrap().records.entry(name.to_owned()).or_default().push(record);
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.zone.lock().unwrap().is_over = true;
    }
}

impl Zone {
    /// The answer to a question, or none.
    fn answer(&mut self, question: &[u8]) -> Option<Vec<u8>> {
        let mut labels = Vec::new();
        let mut at = 12;
        loop {
            let length = usize::from(*question.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_lowercase());
            at += length;
        }
        let name = labels.join(".");
        let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
        self.asked.push(name.clone());
        if self.silent.iter().any(|end| name.ends_with(end.as_str())) {
            return None;
        }
        let known = self.records.get(&name);
        let data: Vec<_> = known.into_iter().flatten().filter_map(|it| it.data(kind)).collect();
        let code = match known {
            _ if self.failing.iter().any(|end| name.ends_with(end.as_str())) => 2,
            None => 3,
            Some(_) => 0,
        };
        let count = if code == 0 { data.len() } else { 0 };
        let mut answer = question[..2].to_vec();
        answer.extend([0x84, 0x80 | code, 0, 1, 0, u8::try_from(count).unwrap(), 0, 0, 0, 0]);
        answer.extend(&question[12..at + 4]);
        for data in data.iter().take(count) {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 60]);
            answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            answer.extend(data);
        }
        Some(answer)
    }
}

impl Record {
    fn data(&self, kind: u16) -> Option<Vec<u8>> {
        match (self, kind) {
            (Self::Text(text), 16) => {
                let parts = text.as_bytes().chunks(255);
                Some(parts.flat_map(|it| [&[u8::try_from(it.len()).unwrap()], it].concat()).collect())
            }
            (Self::Address(address), 1) => Some(address.octets().to_vec()),
            (Self::Exchange(host), 15) => {
                let labels = host
                    .split('.')
                    .flat_map(|it| [&[u8::try_from(it.len()).unwrap()], it.as_bytes()].concat());
                Some([0, 10].into_iter().chain(labels).chain([0]).collect())
            }
            _ => None,
        }
    }
}
