//! The kernel's side: nfnetlink_queue as bytes (linux/netfilter/nfnetlink_queue.h), many packets with one system call.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv,
    recvmmsg, send, setsockopt, socket, sockopt,
};

use super::Queue;
use crate::bytes::{Order, u32};
use crate::limits::{BATCH_MAX, DATAGRAM_BYTES_MAX};
use crate::redirect::Calls;

/// A queue of the kernel, and what it asked about last.
pub(super) struct Netlink {
    socket: OwnedFd,
    number: u16,
    headers: MultiHeaders<NetlinkAddr>,
    room: Vec<u8>,
    lengths: Vec<usize>,
}

/// One packet that waits for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    /// What the verdict has to name.
    pub(super) id: u32,
    /// It, from its IP header on.
    pub(super) packet: &'a [u8],
}

/// Verdicts on their way to the kernel.
#[derive(Default)]
pub(super) struct Verdicts(Vec<u8>);

impl Netlink {
    /// Takes the queue.
    ///
    /// # Errors
    /// Those of the system: without CAP_NET_ADMIN, or when another process has the queue, that it is not permitted.
    pub(super) fn open(queue: Queue) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkNetFilter)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        // A burst waits rather than being lost; the kernel may grant less.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BYTES);
        send(socket.as_raw_fd(), &configuration(queue), MsgFlags::empty())?;
        let netlink = Self {
            socket,
            number: queue.number,
            headers: MultiHeaders::preallocate(BATCH_MAX, None),
            room: vec![0; BATCH_MAX * STRIDE],
            lengths: Vec::with_capacity(BATCH_MAX),
        };
        netlink.await_leave()?;
        Ok(netlink)
    }

    /// Waits until the kernel says whether the queue is ours. What it asks before passes.
    fn await_leave(&self) -> io::Result<()> {
        let mut room = vec![0; STRIDE];
        loop {
            let mut waited = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            if poll(&mut waited, PollTimeout::from(LEAVE_MILLIS))? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let length = recv(self.socket.as_raw_fd(), &mut room, MsgFlags::empty())?;
            let came = room.get(..length).unwrap_or_default();
            if let Some(error) = messages(came).find_map(|message| message.error()) {
                return if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-error)) };
            }
            let mut verdicts = Verdicts::default();
            packets(came).for_each(|asked| verdicts.push(self.number, asked.id, true));
            self.tell(&mut verdicts)?;
        }
    }

    /// Takes what the kernel asks, one batch at most. Returns how many packets there may be.
    ///
    /// # Errors
    /// `ENOBUFS` when it had no room to ask about some: those went as `when_full` says.
    pub(super) fn receive(&mut self) -> Result<usize, Errno> {
        self.lengths.clear();
        let mut rooms = self.room.chunks_exact_mut(STRIDE);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH_MAX] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let came = recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        );
        match came {
            Ok(came) => self.lengths.extend(came.map(|message| message.bytes)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        Ok(self.lengths.len())
    }

    /// The packets of the last batch.
    pub(super) fn asked(&self) -> impl Iterator<Item = Asked<'_>> {
        let rooms = self.room.chunks_exact(STRIDE);
        rooms.zip(&self.lengths).flat_map(|(room, &length)| packets(room.get(..length).unwrap_or_default()))
    }

    /// Tells the kernel all `verdicts` at once.
    pub(super) fn tell(&self, verdicts: &mut Verdicts) -> io::Result<()> {
        if !verdicts.0.is_empty() {
            let told = send(self.socket.as_raw_fd(), &verdicts.0, MsgFlags::empty());
            verdicts.0.clear();
            told?;
        }
        Ok(())
    }

    /// The number of the queue.
    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Verdicts {
    /// The packet `id` of the queue `number` goes on, or not.
    pub(super) fn push(&mut self, number: u16, id: u32, passes: bool) {
        let begin = begin(&mut self.0, VERDICT, REQUEST, number);
        let verdict = if passes { ACCEPT } else { DROP };
        attribute(&mut self.0, VERDICT_HEADER, &[verdict.to_be_bytes(), id.to_be_bytes()].concat());
        end(&mut self.0, begin);
    }
}

/// The one message that makes `queue` ours: whole packets, so many, and what happens past that.
fn configuration(queue: Queue) -> Vec<u8> {
    let mut message = Vec::new();
    let begin = begin(&mut message, CONFIGURE, REQUEST | ACKNOWLEDGE, queue.number);
    attribute(&mut message, COMMAND, &[BIND, 0, 0, 0]);
    attribute(&mut message, PARAMETERS, &[&u32::MAX.to_be_bytes()[..], &[COPY_PACKETS]].concat());
    attribute(&mut message, QUEUE_LENGTH, &queue.packets_max.to_be_bytes());
    let flags = if queue.when_full == Calls::Pass { FAIL_OPEN } else { 0 };
    attribute(&mut message, MASK, &FAIL_OPEN.to_be_bytes());
    attribute(&mut message, FLAGS, &flags.to_be_bytes());
    end(&mut message, begin);
    message
}

/// Begins a message. What is returned ends it.
fn begin(out: &mut Vec<u8>, kind: u16, flags: u16, queue: u16) -> usize {
    let begin = out.len();
    // The length, a number and a sender follow from elsewhere.
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(SUBSYSTEM << 8 | kind).to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&[0; 8]);
    // Any family, version 0, the queue.
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&queue.to_be_bytes());
    begin
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&((value.len() + ATTRIBUTE_BYTES) as u16).to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
}

fn end(out: &mut [u8], begin: usize) {
    let length = (out.len() - begin) as u32;
    if let Some(place) = out.get_mut(begin..begin + 4) {
        place.copy_from_slice(&length.to_ne_bytes());
    }
}

/// One netlink message.
#[derive(Clone, Copy)]
struct Message<'a> {
    kind: u16,
    payload: &'a [u8],
}

impl Message<'_> {
    /// The error that it tells, negative; 0 is success, `None` no such message.
    fn error(&self) -> Option<i32> {
        (self.kind == ERROR).then(|| NATIVE.u32(self.payload, 0))?.map(|error| error as i32)
    }
}

/// All messages of one datagram.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = NATIVE.u32(bytes, 0)? as usize;
        let message = Message { kind: NATIVE.u16(bytes, 4)?, payload: bytes.get(MESSAGE_BYTES..length)? };
        bytes = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(message)
    })
}

/// The packets that one datagram asks about. One that cannot be named cannot get a verdict.
fn packets(bytes: &[u8]) -> impl Iterator<Item = Asked<'_>> {
    messages(bytes).filter(|message| message.kind == SUBSYSTEM << 8 | PACKET).filter_map(|message| {
        let mut asked: (Option<u32>, &[u8]) = (None, &[]);
        for (kind, value) in attributes(message.payload.get(FAMILY_BYTES..)?) {
            match kind {
                PACKET_HEADER => asked.0 = u32(value, 0),
                PAYLOAD => asked.1 = value,
                _ => {}
            }
        }
        Some(Asked { id: asked.0?, packet: asked.1 })
    })
}

fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(NATIVE.u16(bytes, 0)?);
        let found = (NATIVE.u16(bytes, 2)?, bytes.get(ATTRIBUTE_BYTES..length)?);
        bytes = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(found)
    })
}

/// Numbers of netlink are in the order of the machine, those behind its headers in that of the network.
const NATIVE: Order = if cfg!(target_endian = "big") { Order::Big } else { Order::Little };

const SUBSYSTEM: u16 = 3;
const PACKET: u16 = 0;
const VERDICT: u16 = 1;
const CONFIGURE: u16 = 2;
const ERROR: u16 = 2;
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;

const COMMAND: u16 = 1;
const PARAMETERS: u16 = 2;
const QUEUE_LENGTH: u16 = 3;
const MASK: u16 = 4;
const FLAGS: u16 = 5;
const BIND: u8 = 1;
const COPY_PACKETS: u8 = 2;
const FAIL_OPEN: u32 = 1;

const PACKET_HEADER: u16 = 1;
const VERDICT_HEADER: u16 = 2;
const PAYLOAD: u16 = 10;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;

const ALIGNMENT: usize = 4;
const MESSAGE_BYTES: usize = 16;
const FAMILY_BYTES: usize = 4;
const ATTRIBUTE_BYTES: usize = 4;

/// The longest packet, with what the kernel says of it. Not a power of two: the first lines of all of them would share one
/// set of the cache.
const STRIDE: usize = DATAGRAM_BYTES_MAX + 1_089;
const RECEIVE_BYTES: usize = 16 << 20;
const LEAVE_MILLIS: u16 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet as the kernel asks about it, between attributes that nobody needs.
    fn question(id: u32, packet: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        let begin = begin(&mut message, PACKET, 0, 7);
        attribute(&mut message, PACKET_HEADER, &[&id.to_be_bytes()[..], &[8, 0, 1]].concat());
        attribute(&mut message, 5, &[0, 0, 0, 2]);
        attribute(&mut message, PAYLOAD, packet);
        end(&mut message, begin);
        message
    }

    #[test]
    fn packets_are_read_with_their_numbers_and_verdicts_name_them() {
        let datagram = [question(5, b"one"), question(6, b"another")].concat();
        let asked: Vec<Asked<'_>> = packets(&datagram).collect();
        assert_eq!(asked, [Asked { id: 5, packet: b"one" }, Asked { id: 6, packet: b"another" }]);
        let mut verdicts = Verdicts::default();
        asked.iter().for_each(|asked| verdicts.push(7, asked.id, asked.id == 5));
        let told: Vec<(u16, Vec<u8>)> =
            messages(&verdicts.0).map(|message| (message.kind, message.payload.to_vec())).collect();
        let verdict = |verdict: u8, id: u8| {
            (SUBSYSTEM << 8 | VERDICT, vec![0, 0, 0, 7, 12, 0, 2, 0, 0, 0, 0, verdict, 0, 0, 0, id])
        };
        assert_eq!(told, [verdict(1, 5), verdict(0, 6)]);
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_is_left_out() {
        let datagram = question(5, b"one");
        for length in 0..datagram.len() {
            assert_eq!(packets(&datagram[..length]).count(), 0, "{length}");
        }
        for place in 0..datagram.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut datagram = datagram.clone();
                datagram[place] = byte;
                assert!(packets(&datagram).count() <= 1);
            }
        }
    }

    #[test]
    fn a_full_queue_lets_calls_pass_when_that_is_wanted() {
        let flags = |when_full| {
            let message = configuration(Queue { number: 7, packets_max: 9, when_full });
            let payload = messages(&message).next().unwrap().payload.to_vec();
            let flags = attributes(&payload[FAMILY_BYTES..]).find(|(kind, _)| *kind == FLAGS).unwrap().1;
            u32(flags, 0).unwrap()
        };
        assert_eq!((flags(Calls::Pass), flags(Calls::AreRefused)), (1, 0));
    }
}
