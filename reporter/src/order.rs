//! Puts records into the order in which their calls began, though they end in another.

use std::collections::BTreeMap;

/// Most records held back while an older call is still up; past it the oldest go out as they are.
const HELD_MAX: usize = 65_536;

/// Records in the order of their sequence numbers, which start at 1 and leave none out. Several records may share
/// one number; they must come one after another.
#[derive(Debug)]
pub struct InOrder<T> {
    held: BTreeMap<(u64, u32), T>,
    last: (u64, u32),
    next: u64,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), last: (0, 0), next: 1 }
    }
}

impl<T> InOrder<T> {
    /// Takes the record number `sequence`.
    pub fn push(&mut self, sequence: u64, record: T) {
        let part = if self.last.0 == sequence { self.last.1 + 1 } else { 0 };
        self.last = (sequence, part);
        self.held.insert((sequence, part), record);
    }

    /// The next record whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let entry = self.held.first_entry()?;
        if entry.key().0 > self.next && self.held.len() < HELD_MAX {
            return None;
        }
        let ((sequence, _), record) = self.held.pop_first()?;
        self.next = self.next.max(sequence + 1);
        Some(record)
    }

    /// All that are left, in order.
    pub fn finish(self) -> impl Iterator<Item = T> {
        self.held.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_as_their_calls_began() {
        let mut order = InOrder::default();
        order.push(2, "second");
        assert_eq!(order.pop(), None);
        order.push(1, "first");
        assert_eq!((order.pop(), order.pop(), order.pop()), (Some("first"), Some("second"), None));
        order.push(4, "fourth");
        assert_eq!(order.finish().collect::<Vec<_>>(), ["fourth"]);
    }
}
