//! Frames by way of pnet, wherever that works: a thread of its own reads them one by one.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use pnet_datalink::{Channel, Config, DataLinkReceiver, channel, interfaces};
use rules::Timestamp;

use super::{Carries, Frames};
use crate::frame::{Frame, LinkType};
use crate::judge::now;
use crate::limits::{BATCH_MAX, FRAMES_WAITING_MAX};

/// One interface, read by a thread. The kernel filters nothing, and drops without telling when that thread is too slow.
pub struct Portable {
    came: Receiver<Came>,
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
}

struct Came {
    at: Timestamp,
    data: Vec<u8>,
}

/// What both threads see.
struct Common {
    wake: EventFd,
    dropped: AtomicU64,
    stop: AtomicBool,
}

impl Portable {
    /// Opens the interface `name`. Needs the privileges of a raw socket, now and not later.
    ///
    /// # Errors
    /// Those of the system, and when the interface carries no Ethernet.
    pub fn open(name: &str, promiscuous: bool) -> io::Result<Self> {
        Carries::of(name)?;
        let interface = interfaces().into_iter().find(|interface| interface.name == name);
        let interface = interface.ok_or(io::ErrorKind::NotFound)?;
        let config = Config {
            read_buffer_size: READ_BYTES,
            read_timeout: Some(GLANCE),
            promiscuous,
            ..Config::default()
        };
        let Channel::Ethernet(_, receiver) = channel(&interface, config)? else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "it gives no frames of Ethernet"));
        };
        let common = Arc::new(Common {
            wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            dropped: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let (to, came) = sync_channel(FRAMES_WAITING_MAX);
        let of_thread = Arc::clone(&common);
        let thread = std::thread::Builder::new()
            .name("frames".to_owned())
            .spawn(move || read(receiver, &to, &of_thread))?;
        Ok(Self { came, common, thread: Some(thread) })
    }
}

fn read(mut receiver: Box<dyn DataLinkReceiver>, to: &SyncSender<Came>, common: &Common) {
    while !common.stop.load(Ordering::Acquire) {
        match receiver.next() {
            Ok(frame) => {
                let came = Came { at: now(), data: frame.to_vec() };
                if let Err(TrySendError::Full(_)) = to.try_send(came) {
                    common.dropped.fetch_add(1, Ordering::Relaxed);
                }
                // It can only fail when it was woken so often that it is awake.
                let _ = common.wake.write(1);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => {}
            // An interface that is down comes up again.
            Err(_) => std::thread::sleep(GLANCE),
        }
    }
}

impl Frames for Portable {
    fn batch(&mut self, take: &mut dyn FnMut(Frame<'_>)) -> io::Result<bool> {
        // It fails when nobody woke it.
        let _ = self.common.wake.read();
        for _ in 0..BATCH_MAX {
            let Ok(Came { at, data }) = self.came.try_recv() else { return Ok(false) };
            let original_length = u32::try_from(data.len()).unwrap_or(u32::MAX);
            take(Frame { at, link: LinkType::ETHERNET, data: &data, original_length });
        }
        Ok(true)
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.common.wake.as_fd()
    }

    fn dropped(&self) -> u64 {
        self.common.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Portable {
    fn drop(&mut self) {
        self.common.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // It looks up within a glance.
            let _ = thread.join();
        }
    }
}

/// More than segmentation offload makes of one frame.
const READ_BYTES: usize = 128 << 10;
/// How long it may take until it is seen that it should end.
const GLANCE: Duration = Duration::from_millis(100);
