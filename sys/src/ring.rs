//! A ring of blocks that the kernel fills with the frames of one interface (packet(7), `PACKET_RX_RING`).
#![allow(unsafe_code, reason = "options of packet sockets, and memory that is shared with the kernel")]

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::net::if_::if_nametoindex;

use crate::block::{Frames, STATUS_AT};
use crate::option::{check, get, set};

/// How a ring is made.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The name of the interface.
    pub interface: &'a str,
    /// How many blocks there are.
    pub blocks: u32,
    /// Milliseconds after which a block is handed over although it is not full.
    pub hand_over_millis: u32,
    /// Whether frames are taken that are meant for others.
    pub promiscuous: bool,
    /// Whether frames that this machine sends are left out; on a loopback interface each would be seen twice.
    pub leaves_out_outgoing: bool,
    /// The program that says of each frame how many of its bytes are taken; without any instruction all are.
    pub filter: &'a [Instruction],
}

/// One instruction of the packet filter of BSD, as `SO_ATTACH_FILTER` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What is done.
    pub code: u16,
    /// Instructions passed over when it holds.
    pub then: u8,
    /// Instructions passed over when it does not.
    pub otherwise: u8,
    /// With what.
    pub value: u32,
}

/// What the kernel did with frames since it was asked before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that the filter took, those that were dropped among them.
    pub frames: u32,
    /// Frames dropped because no block was free.
    pub dropped: u32,
}

/// A ring, open on one interface.
#[derive(Debug)]
pub struct Ring {
    socket: OwnedFd,
    memory: Memory,
    blocks: usize,
    /// The block that is filled next, or waits to be read.
    next: usize,
}

/// One block that the kernel handed over. It is given back when dropped.
#[derive(Debug)]
pub struct Block<'a> {
    bytes: &'a [u8],
    status: &'a AtomicU32,
}

impl Ring {
    /// Opens a ring. Needs CAP_NET_RAW; nothing later does.
    ///
    /// # Errors
    /// Those of the system: no such interface, no privilege, no memory, a filter that it refuses.
    pub fn open(settings: &Settings<'_>) -> io::Result<Self> {
        let index = if_nametoindex(settings.interface)?;
        // Protocol 0: nothing comes before the filter stands and the socket is bound.
        // SAFETY: no pointers.
        let socket = check(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) })?;
        // SAFETY: it was opened just now, and nobody else knows of it.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        set(&socket, libc::SOL_PACKET, libc::PACKET_VERSION, &libc::tpacket_versions::TPACKET_V3)?;
        if settings.leaves_out_outgoing {
            set(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        }
        if !settings.filter.is_empty() {
            attach(&socket, settings.filter)?;
        }
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK_BYTES as u32,
            tp_block_nr: settings.blocks,
            tp_frame_size: FRAME_BYTES,
            tp_frame_nr: settings.blocks.saturating_mul(BLOCK_BYTES as u32 / FRAME_BYTES),
            tp_retire_blk_tov: settings.hand_over_millis,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let blocks = settings.blocks as usize;
        let memory = Memory::of(&socket, blocks * BLOCK_BYTES)?;
        bind(&socket, index)?;
        if settings.promiscuous {
            let membership = libc::packet_mreq {
                mr_ifindex: index.cast_signed(),
                mr_type: libc::PACKET_MR_PROMISC as u16,
                mr_alen: 0,
                mr_address: [0; 8],
            };
            set(&socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)?;
        }
        Ok(Self { socket, memory, blocks, next: 0 })
    }

    /// The next block, if the kernel has handed one over.
    pub fn next_block(&mut self) -> Option<Block<'_>> {
        let start = self.next * BLOCK_BYTES;
        // Within the memory and aligned: blocks begin at multiples of a page.
        let status = self.memory.at(start + STATUS_AT).cast::<AtomicU32>();
        // SAFETY: both sides read and write this word as a whole; it lives as long as the memory, which `self` owns.
        let status = unsafe { status.as_ref() };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        self.next = (self.next + 1) % self.blocks;
        // SAFETY: the block lies within the memory, and while its status says that it is ours the kernel does not write
        // into it; the `Block` holds `self` until it has given it back.
        let bytes = unsafe { slice::from_raw_parts(self.memory.at(start).as_ptr(), BLOCK_BYTES) };
        Some(Block { bytes, status })
    }

    /// What the kernel did with frames since it was asked before.
    ///
    /// # Errors
    /// Those of the system.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let mut statistics = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        get(&self.socket, libc::SOL_PACKET, libc::PACKET_STATISTICS, &mut statistics)?;
        Ok(Statistics { frames: statistics.tp_packets, dropped: statistics.tp_drops })
    }

    /// What went wrong with the interface since it was asked before; asking clears it.
    ///
    /// # Errors
    /// When it went down or away.
    pub fn check(&self) -> io::Result<()> {
        let mut error = 0_i32;
        get(&self.socket, libc::SOL_SOCKET, libc::SO_ERROR, &mut error)?;
        if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Block<'_> {
    /// The frames in it.
    pub fn frames(&self) -> Frames<'_> {
        Frames::of(self.bytes)
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        self.status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

/// Memory shared with the kernel.
#[derive(Debug)]
struct Memory {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: nothing about it belongs to the thread that mapped it.
unsafe impl Send for Memory {}

impl Memory {
    /// The ring of `socket`, which was asked to have so many bytes.
    fn of(socket: &OwnedFd, bytes: usize) -> io::Result<Self> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: the system chooses where, so nothing that is mapped already is touched.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, socket.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }

    fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.bytes, "{offset} lies outside of the ring");
        // SAFETY: within the mapping, as was made sure.
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and every `Block` that points into it borrows its ring.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

fn attach(socket: &OwnedFd, filter: &[Instruction]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> = filter
        .iter()
        .map(|it| libc::sock_filter { code: it.code, jt: it.then, jf: it.otherwise, k: it.value })
        .collect();
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn bind(socket: &OwnedFd, index: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address is whole and outlives the call, which only reads it.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(())
}

/// Bytes of a block: more than the longest frame that segmentation offload makes.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;
/// Says nothing about how long frames may be; the kernel wants it to divide a block.
const FRAME_BYTES: u32 = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        let settings = Settings {
            interface: "nowhere0",
            blocks: 4,
            hand_over_millis: 10,
            promiscuous: false,
            leaves_out_outgoing: true,
            filter: &[],
        };
        let error = Ring::open(&settings).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
