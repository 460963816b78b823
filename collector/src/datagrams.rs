//! Datagrams in and out of one socket, many with one system call.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use engine::Packet;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrLike as _, SockaddrStorage,
    recvmmsg, sendmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use rules::{Flag, Flags, Timestamp, Transport};

use crate::judge::{Count, Counters};
use crate::limits::{BATCH_MAX, DATAGRAM_BYTES_MAX};

/// What came in one batch, in room that is used again and again.
pub(crate) struct Inbox {
    headers: MultiHeaders<SockaddrStorage>,
    room: Vec<u8>,
    came: Vec<Came>,
}

/// What goes out in one batch.
pub(crate) struct Outbox {
    headers: MultiHeaders<SockaddrStorage>,
    /// More of them than there are receivers: those behind are room for the next ones.
    messages: Vec<Vec<u8>>,
    to: Vec<Option<SockaddrStorage>>,
}

/// One datagram that came.
struct Came {
    length: usize,
    source: SocketAddr,
    flags: Flags,
}

/// Where the next datagram lies. Not a power of two: the first lines of all of them would share one set of the cache.
const STRIDE: usize = DATAGRAM_BYTES_MAX + 321;

/// Makes `socket` say when each of its datagrams came, and never wait.
pub(crate) fn prepare(socket: &UdpSocket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
    // The system grants as much of it as it allows: a burst waits rather than being lost.
    setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BYTES)?;
    Ok(())
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH_MAX, Some(cmsg_space!(TimeSpec))),
            room: vec![0; BATCH_MAX * STRIDE],
            came: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// Takes what waits in `socket`, one batch at most. Returns how long the oldest had waited at `now`, in microseconds.
    pub(crate) fn fill(&mut self, socket: &UdpSocket, now: Timestamp) -> io::Result<i64> {
        match self.receive(socket) {
            Ok(oldest) => Ok(oldest.map_or(0, |oldest| now.micros_since(oldest))),
            // An answer of ours found nobody: that is not about what comes in.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => {
                self.came.clear();
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How many datagrams there are.
    pub(crate) fn len(&self) -> usize {
        self.came.len()
    }

    /// All of them, as they came to `local` at `now`.
    pub(crate) fn packets(&self, local: SocketAddr, now: Timestamp) -> impl Iterator<Item = Packet<'_>> {
        self.came.iter().zip(self.room.chunks_exact(STRIDE)).map(move |(came, room)| Packet {
            at: now,
            source: came.source,
            destination: local,
            transport: Transport::Udp,
            payload: room.get(..came.length).unwrap_or_default(),
            flags: came.flags,
        })
    }

    /// Returns when the first of them came.
    fn receive(&mut self, socket: &UdpSocket) -> Result<Option<Timestamp>, Errno> {
        self.came.clear();
        let mut rooms = self.room.chunks_exact_mut(STRIDE);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH_MAX] = std::array::from_fn(|_| {
            let room = rooms.next().and_then(|room| room.get_mut(..DATAGRAM_BYTES_MAX));
            [IoSliceMut::new(room.unwrap_or_default())]
        });
        let came =
            recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
        let mut oldest = None;
        for message in came {
            if self.came.is_empty() {
                oldest = message.cmsgs().ok().and_then(|mut notes| {
                    notes.find_map(|note| match note {
                        ControlMessageOwned::ScmTimestampns(at) => {
                            Some(Timestamp(at.tv_sec() * 1_000_000 + at.tv_nsec() / 1_000))
                        }
                        _ => None,
                    })
                });
            }
            let source = message.address.as_ref().and_then(address);
            let mut flags = Flags::NONE;
            flags.raise_if(message.flags.contains(MsgFlags::MSG_TRUNC), Flag::Truncated);
            // Without a source there is nobody to answer; nobody's packet is a stranger's.
            let source = source.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
            self.came.push(Came { length: message.bytes, source, flags });
        }
        Ok(oldest)
    }
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH_MAX, None),
            messages: Vec::new(),
            to: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// Takes `message` for `to`; what is left in its place is room for the next one.
    pub(crate) fn push(&mut self, message: &mut Vec<u8>, to: SocketAddr) {
        let place = self.to.len();
        if place == self.messages.len() {
            self.messages.push(Vec::with_capacity(MESSAGE_BYTES_USUAL));
        }
        if let Some(room) = self.messages.get_mut(place) {
            std::mem::swap(room, message);
            self.to.push(Some(SockaddrStorage::from(to)));
        }
    }

    /// Whether there is no room for more.
    pub(crate) fn is_full(&self) -> bool {
        self.to.len() >= BATCH_MAX
    }

    /// Sends all there is through `socket`.
    pub(crate) fn send(&mut self, socket: &UdpSocket, counters: &Counters) {
        let mut sent = 0;
        while let Some(to) = self.to.get(sent..).filter(|to| !to.is_empty()) {
            let slices: Vec<[IoSlice<'_>; 1]> = self
                .messages
                .iter()
                .skip(sent)
                .take(to.len())
                .map(|message| [IoSlice::new(message)])
                .collect();
            let none: [ControlMessage<'_>; 0] = [];
            match sendmmsg(socket.as_raw_fd(), &mut self.headers, &slices, to, none, MsgFlags::MSG_DONTWAIT) {
                Ok(taken) => sent += taken.count().max(1),
                // One that cannot be sent does not keep the others back.
                Err(_) => {
                    counters.add(Count::SendFailed);
                    sent += 1;
                }
            }
        }
        self.to.clear();
    }
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = from.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    let v6 = from.as_sockaddr_in6()?;
    (from.len() > 0).then(|| SocketAddr::from((v6.ip(), v6.port())))
}

const MESSAGE_BYTES_USUAL: usize = 1_024;
const RECEIVE_BYTES: usize = 4 << 20;
