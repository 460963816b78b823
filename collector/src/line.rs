//! One connection that carries SIP (RFC 3261 §18.3): messages cut out of what comes, and others written in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use engine::sip::Framer;
use rules::{Flags, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::judge::{Count, Counters, now};
use crate::redirect::{ConnectionLimits, Held};

/// What a connection is kept by.
pub(crate) struct Line {
    pub(crate) counters: Arc<Counters>,
    /// Its place among those that were taken; `None` for one that we made.
    pub(crate) held: Option<Held>,
    pub(crate) limits: ConnectionLimits,
    /// Asks for the end: nothing more is read, what is on its way is still written.
    pub(crate) stop: watch::Receiver<bool>,
}

/// One message of a connection.
pub(crate) struct Framed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) flags: Flags,
    pub(crate) close: bool,
}

impl Line {
    /// Hands each message that comes over `stream` to `take`, until that returns false, and writes what comes by `waiting`,
    /// until nobody can send any more. Returns what could not be written.
    pub(crate) async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite,
        mut waiting: mpsc::Receiver<Vec<u8>>,
        take: impl AsyncFnMut(Framed, Timestamp) -> bool,
    ) -> Vec<Vec<u8>> {
        let (reader, writer) = split(stream);
        let message_time = self.message_time();
        // Whichever ends first ends both; but what was asked before the end is still answered. From who does not take answers
        // nothing more is read.
        let is_deaf = Notify::new();
        let reading = async {
            tokio::select! {
                () = self.read(reader, take) => {}
                () = is_deaf.notified() => {}
            }
        };
        let writing = async {
            let unwritten = write(writer, &mut waiting, message_time).await;
            if unwritten.is_some() {
                is_deaf.notify_one();
            }
            unwritten
        };
        let ((), unwritten) = tokio::join!(reading, writing);
        let Some(unwritten) = unwritten else { return Vec::new() };
        let mut left = vec![unwritten];
        while let Ok(message) = waiting.try_recv() {
            left.push(message);
        }
        left
    }

    /// How long a message may take, and agreeing on TLS.
    pub(crate) fn message_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.limits.message_seconds_max))
    }

    async fn read(
        mut self,
        mut reader: impl AsyncRead + Unpin,
        mut take: impl AsyncFnMut(Framed, Timestamp) -> bool,
    ) {
        let idle_time = Duration::from_secs(u64::from(self.limits.idle_seconds_max));
        let mut framer = Framer::new();
        let mut room = vec![0; READ_BYTES];
        // When the message in hand must be complete.
        let mut due: Option<Instant> = None;
        loop {
            let until = due.unwrap_or_else(|| Instant::now() + idle_time);
            let read = tokio::select! {
                read = timeout_at(until, reader.read(&mut room)) => read,
                _ = self.stop.wait_for(|stop| *stop) => return,
            };
            let count = match read {
                Ok(Ok(count)) if count > 0 => count,
                Ok(_) => return,
                Err(_) => {
                    if due.is_some() {
                        self.counters.add(Count::Slow);
                    }
                    return;
                }
            };
            let came = now();
            let mut messages = Vec::new();
            framer.push(room.get(..count).unwrap_or_default(), |frame| {
                messages.push(Framed { bytes: frame.bytes.to_vec(), flags: frame.flags, close: frame.close });
            });
            if !messages.is_empty() {
                if let Some(held) = &self.held {
                    held.heard(came);
                }
                due = None;
            }
            due = (framer.pending_bytes() > 0)
                .then(|| due.unwrap_or_else(|| Instant::now() + self.message_time()));
            for message in messages {
                let close = message.close;
                if !take(message, came).await {
                    return;
                }
                if close {
                    return self.counters.add(Count::BadFraming);
                }
            }
            if framer.is_closed() {
                return self.counters.add(Count::BadFraming);
            }
        }
    }
}

/// Writes messages in order, until there are no more or the peer does not take them: that one is returned.
async fn write(
    mut writer: impl AsyncWrite + Unpin,
    waiting: &mut mpsc::Receiver<Vec<u8>>,
    patience: Duration,
) -> Option<Vec<u8>> {
    while let Some(message) = waiting.recv().await {
        let written = async {
            writer.write_all(&message).await?;
            writer.flush().await
        };
        match timeout(patience, written).await {
            Ok(Ok::<(), io::Error>(())) => {}
            _ => {
                // Nobody is to wait for what nobody writes.
                waiting.close();
                return Some(message);
            }
        }
    }
    // The peer may have gone first.
    let _ = timeout(patience, writer.shutdown()).await;
    None
}

/// Most messages come whole. Each connection has so much room of its own.
const READ_BYTES: usize = 4 << 10;
