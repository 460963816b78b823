//! Who called an emergency number a while ago: calls back to them pass.

use std::collections::HashMap;

use rules::{Number, Party, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::CALLBACKS_MAX;

/// Callers of emergency numbers and until when calls to them pass.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Callbacks {
    until: HashMap<Number, Timestamp, ahash::RandomState>,
}

impl Callbacks {
    /// Lets calls to `caller` pass until `until`. When too many are remembered, those whose time is up go first; with
    /// none of them a newcomer is not remembered, so that a flood cannot push a real one out.
    pub(crate) fn expect(&mut self, caller: Party, until: Timestamp, now: Timestamp) {
        let Some(number) = caller.number() else { return };
        if self.until.len() >= CALLBACKS_MAX {
            self.until.retain(|_, &mut end| end > now);
        }
        if self.until.len() < CALLBACKS_MAX || self.until.contains_key(&number) {
            // The longest that any customer grants holds, also where a clock has stepped back since.
            let end = self.until.entry(number).or_insert(until);
            *end = until.max(*end);
        }
    }

    /// Whether one of `called` is waited for at `now`.
    pub(crate) fn expects(&self, called: &[Party], now: Timestamp) -> bool {
        !self.until.is_empty()
            && called
                .iter()
                .filter_map(|party| party.number())
                .any(|number| self.until.get(&number).is_some_and(|&until| now < until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_passes_for_a_while() {
        let caller = Party::Number(Number::international(b"12105550100").unwrap());
        let mut callbacks = Callbacks::default();
        let at = Timestamp::from_seconds;
        callbacks.expect(caller, at(7200), at(0));
        assert!(callbacks.expects(&[caller], at(7199)));
        assert!(!callbacks.expects(&[caller], at(7200)));
        assert!(!callbacks.expects(&[Party::Anonymous], at(1)));
        callbacks.expect(caller, at(3600), at(0));
        assert!(callbacks.expects(&[caller], at(7199)), "a shorter promise takes nothing back");
    }
}
