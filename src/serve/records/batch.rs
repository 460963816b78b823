//! Events in one piece of memory, on their way to the thread that writes them.

use spool::{Event, Kind};

/// Events, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    parts: Vec<Part>,
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

#[cfg(test)]
mod tests {
    use super::*;

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
