//! Events in one piece of memory, on their way to the thread that writes them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use spool::{Event, Kind};

/// Events, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    /// Where its memory goes when it was written.
    home: Option<SyncSender<Self>>,
}

/// Memory of batches that were written, for the next ones: whoever fills them need not ask for new each time.
#[derive(Debug)]
pub(super) struct Emptied {
    send: SyncSender<Batch>,
    received: Receiver<Batch>,
}

impl Default for Emptied {
    fn default() -> Self {
        let (send, received) = sync_channel(EMPTIED_MAX);
        Self { send, received }
    }
}

impl Emptied {
    /// An empty batch that comes back here.
    pub(super) fn batch(&self) -> Batch {
        let fresh = || Batch { home: Some(self.send.clone()), ..Batch::default() };
        self.received.try_recv().unwrap_or_else(|_| fresh())
    }
}

#[derive(Debug)]
struct Part {
    kind: Kind,
    at_micros: i64,
    end: usize,
}

impl Batch {
    /// Adds what `write` writes.
    pub(super) fn add(&mut self, kind: Kind, at_micros: i64, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.parts.push(Part { kind, at_micros, end: self.bytes.len() });
    }

    /// The events.
    pub(super) fn events(&self) -> Vec<Event<'_>> {
        let mut begin = 0;
        let of_part = |part: &Part| {
            let payload = self.bytes.get(begin..part.end).unwrap_or_default();
            begin = part.end;
            Event { kind: part.kind, at_micros: part.at_micros, payload }
        };
        self.parts.iter().map(of_part).collect()
    }

    /// Gives its memory back to whoever fills the next one, unless there is too much of it.
    pub(super) fn go_home(mut self) {
        if self.bytes.capacity() <= KEPT_BYTES_MAX
            && let Some(home) = self.home.clone()
        {
            self.bytes.clear();
            self.parts.clear();
            // Who has enough of them, or is gone, needs none.
            let _ = home.try_send(self);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// How long they are together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// Batches that wait to be filled again, and what each may hold on to.
const EMPTIED_MAX: usize = 4;
const KEPT_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_written_is_filled_again() {
        let emptied = Emptied::default();
        let mut batch = emptied.batch();
        batch.add(Kind::CALL, 1, |out| out.extend_from_slice(b"one"));
        let memory = batch.bytes.as_ptr();
        batch.go_home();
        let mut again = emptied.batch();
        assert!(again.is_empty());
        again.add(Kind::CALL, 2, |out| out.extend_from_slice(b"two"));
        assert_eq!((again.bytes.as_ptr(), again.len()), (memory, 1));
        again.add(Kind::CALL, 3, |out| out.resize(KEPT_BYTES_MAX + 1, 0));
        again.go_home();
        assert_eq!(emptied.batch().bytes.capacity(), 0, "what one burst took is not kept");
    }

    #[test]
    fn events_keep_their_bounds() {
        let mut batch = Batch::default();
        batch.add(Kind::CALL, 1, |out| out.extend_from_slice(b"one"));
        batch.add(Kind::ALERT, 2, |_| ());
        batch.add(Kind::CALL, 3, |out| out.extend_from_slice(b"three"));
        let told: Vec<_> =
            batch.events().iter().map(|it| (it.kind, it.at_micros, it.payload.to_vec())).collect();
        let expected = [(Kind::CALL, 1, "one"), (Kind::ALERT, 2, ""), (Kind::CALL, 3, "three")];
        assert_eq!(told, expected.map(|(kind, at, text)| (kind, at, text.as_bytes().to_vec())));
    }
}
