//! What stands between a browser and the service, as a proxy of a network does, and breaks when a story says so.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It leads to the service.
    Open,
    /// It is closed at once, as where nobody listens.
    Shut,
    /// It is told that there is no service behind, as by a proxy while the service starts again.
    BadGateway,
}

/// A relay on loopback.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    service: SocketAddr,
    state: Mutex<State>,
}

struct State {
    way: Way,
    open: Vec<TcpStream>,
    follows: Vec<Follow>,
}

/// Somebody began to follow what changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Follow {
    /// Whether they said where they were.
    pub(crate) goes_on: bool,
    /// Whether the service has answered.
    pub(crate) is_answered: bool,
}

impl Relay {
    pub(crate) fn to(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = State { way: Way::Open, open: Vec::new(), follows: Vec::new() };
        let shared = Arc::new(Shared { service, state: Mutex::new(state) });
        let relay = Self { address: listener.local_addr().unwrap(), shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.take(stream));
            }
        });
        relay
    }

    /// From now on connections go this way; those that are there are cut.
    pub(crate) fn turn(&self, way: Way) {
        let mut state = self.shared.state.lock().unwrap();
        state.way = way;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Who began to follow what changes, in order.
    pub(crate) fn follows(&self) -> Vec<Follow> {
        self.shared.state.lock().unwrap().follows.clone()
    }
}

impl Shared {
    fn take(self: Arc<Self>, mut browser: TcpStream) {
        let way = self.state.lock().unwrap().way;
        if way == Way::BadGateway {
            let _ = browser.read(&mut [0; 8_192]);
            let _ = browser
                .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        if way != Way::Open {
            return;
        }
        let Ok(service) = TcpStream::connect(self.service) else { return };
        let (mut from_service, mut to_browser) = (service.try_clone().unwrap(), browser.try_clone().unwrap());
        {
            let mut state = self.state.lock().unwrap();
            // It was turned meanwhile.
            if state.way != Way::Open {
                return;
            }
            state.open.extend([browser.try_clone().unwrap(), service.try_clone().unwrap()]);
        }
        // Which of those that follow this connection carries, if any.
        let carries = Arc::new(Mutex::new(None));
        let (carried, shared) = (Arc::clone(&carries), Arc::clone(&self));
        std::thread::spawn(move || {
            let mut room = [0; 16_384];
            while let Ok(count @ 1..) = from_service.read(&mut room) {
                if let Some(at) = carried.lock().unwrap().take() {
                    let follow: &mut Follow = &mut shared.state.lock().unwrap().follows[at];
                    follow.is_answered = room.starts_with(b"HTTP/1.1 200");
                }
                if to_browser.write_all(&room[..count]).is_err() {
                    break;
                }
            }
            let _ = to_browser.shutdown(Shutdown::Both);
        });
        let (mut to_service, mut room) = (service, [0; 16_384]);
        while let Ok(count @ 1..) = browser.read(&mut room) {
            let text = String::from_utf8_lossy(&room[..count]).to_lowercase();
            if text.starts_with("get /v1/events") {
                let goes_on = text.contains("\r\nlast-event-id: ");
                let follows = &mut self.state.lock().unwrap().follows;
                *carries.lock().unwrap() = Some(follows.len());
                follows.push(Follow { goes_on, is_answered: false });
            }
            if to_service.write_all(&room[..count]).is_err() {
                break;
            }
        }
        let _ = to_service.shutdown(Shutdown::Both);
    }
}
