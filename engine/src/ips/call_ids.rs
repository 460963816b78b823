//! The Call-IDs of the last attempts, so that an alert can name the calls it is about.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::limits::CALL_ID_BYTES_MAX;

/// Call-IDs in order of their attempts, within a bound of bytes; the oldest go first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct CallIds {
    text: VecDeque<u8>,
    lengths: VecDeque<u16>,
    /// The number of the oldest that is kept.
    first: u32,
}

impl CallIds {
    /// Remembers `call_id` and returns its number.
    pub(super) fn remember(&mut self, call_id: &[u8]) -> u32 {
        let length = u16::try_from(call_id.len()).unwrap_or(u16::MAX);
        self.text.extend(call_id.get(..usize::from(length)).unwrap_or(call_id));
        self.lengths.push_back(length);
        while self.text.len() > CALL_ID_BYTES_MAX {
            let Some(oldest) = self.lengths.pop_front() else { break };
            self.text.drain(..usize::from(oldest));
            self.first = self.first.wrapping_add(1);
        }
        self.first.wrapping_add(self.lengths.len() as u32).wrapping_sub(1)
    }

    /// Finds the Call-IDs with these numbers, ascending. Those that were forgotten are left out.
    pub(super) fn find(&self, numbers: &[u32]) -> Vec<Vec<u8>> {
        let mut found = Vec::with_capacity(numbers.len());
        let (mut place, mut start) = (self.lengths.len(), self.text.len());
        // From the youngest back: alerts are about what happened just now.
        for &number in numbers.iter().rev() {
            let wanted = number.wrapping_sub(self.first) as usize;
            while place > wanted {
                place -= 1;
                start -= self.lengths.get(place).map_or(0, |length| usize::from(*length));
            }
            if let Some(length) = self.lengths.get(wanted).filter(|_| place == wanted) {
                found.push(self.text.range(start..start + usize::from(*length)).copied().collect());
            }
        }
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_found_and_the_oldest_are_forgotten() {
        let mut ids = CallIds::default();
        let numbers: Vec<u32> =
            (0..2_000_000).map(|n: u32| ids.remember(format!("{n:030}").as_bytes())).collect();
        assert_eq!(numbers[7], 7);
        let found = ids.find(&[5, 1_500_000, 1_999_998, 1_999_999]);
        let texts: Vec<_> =
            found.iter().map(|id| String::from_utf8_lossy(id).trim_start_matches('0').to_owned()).collect();
        assert_eq!(texts, ["1500000", "1999998", "1999999"]);
        assert!(ids.text.len() <= CALL_ID_BYTES_MAX);
    }
}
