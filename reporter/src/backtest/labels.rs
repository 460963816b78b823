//! Calls of which somebody found out what they were.

use std::collections::HashMap;

/// What a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A case about it was closed as right.
    Unwanted,
    /// A case about it was closed as a false alarm, or as harmless.
    Wanted,
}

/// Calls by Call-ID, and numbers, of closed cases. A Call-ID tells more than a number.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    by_call_id: HashMap<String, Label>,
    by_caller: HashMap<u64, Option<Label>>,
    by_called: HashMap<u64, Option<Label>>,
    /// Closed cases that they are of.
    pub cases: u64,
}

impl Labels {
    /// The call with this Call-ID was such.
    pub fn call(&mut self, call_id: &str, label: Label) {
        self.by_call_id.insert(call_id.to_owned(), label);
    }

    /// Calls of this caller, digits without plus, were such. Two cases that say otherwise say nothing.
    pub fn caller(&mut self, number: u64, label: Label) {
        put(&mut self.by_caller, number, label);
    }

    /// Calls to this number were such.
    pub fn called(&mut self, number: u64, label: Label) {
        put(&mut self.by_called, number, label);
    }

    /// What is known of a call.
    pub fn of(&self, call_id: Option<&str>, caller: u64, called: u64) -> Option<Label> {
        if self.cases == 0 {
            return None;
        }
        let by_id = call_id.and_then(|call_id| self.by_call_id.get(call_id)).copied();
        by_id
            .or_else(|| self.by_caller.get(&caller).copied().flatten())
            .or_else(|| self.by_called.get(&called).copied().flatten())
    }
}

fn put(labels: &mut HashMap<u64, Option<Label>>, number: u64, label: Label) {
    let known = labels.entry(number).or_insert(Some(label));
    if *known != Some(label) {
        *known = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_tells_more_than_a_number_and_cases_that_differ_tell_nothing() {
        let mut labels = Labels { cases: 2, ..Labels::default() };
        labels.caller(12105550100, Label::Unwanted);
        labels.call("one", Label::Wanted);
        assert_eq!(labels.of(Some("one"), 12105550100, 0), Some(Label::Wanted));
        assert_eq!(labels.of(Some("two"), 12105550100, 0), Some(Label::Unwanted));
        labels.caller(12105550100, Label::Wanted);
        assert_eq!(labels.of(Some("two"), 12105550100, 0), None);
    }
}
