//! What is looked up of a context for each row, laid out for that once.

use std::collections::HashMap;

use ahash::RandomState;
use rules::Number;
use rules::plan::Indexed;

use super::Context;

/// Labels, campaigns, sets of numbers and rates of a context. Of labels, campaigns and rates it has their places there.
#[derive(Debug)]
pub(super) struct Index {
    callers: HashMap<u64, Known, RandomState>,
    /// Labels without a caller.
    of_rules: Vec<usize>,
    own: Indexed,
    /// In the order of the context.
    suspect: Vec<Indexed>,
    rates: Rates,
}

/// What is known of a caller.
#[derive(Debug, Default)]
struct Known {
    labels: Vec<usize>,
    campaigns: Vec<usize>,
}

/// Rates by the digits of their prefixes, the longest first.
#[derive(Debug, Default)]
struct Rates {
    by_length: Vec<(usize, HashMap<u64, usize, RandomState>)>,
}

impl Index {
    pub(super) fn new(context: &Context) -> Self {
        let mut callers: HashMap<u64, Known, RandomState> = HashMap::default();
        let mut of_rules = Vec::new();
        for (place, label) in context.labels.iter().enumerate() {
            match label.caller {
                Some(caller) => callers.entry(caller).or_default().labels.push(place),
                None => of_rules.push(place),
            }
        }
        for (place, campaign) in context.campaigns.iter().enumerate() {
            for caller in &campaign.callers {
                callers.entry(*caller).or_default().campaigns.push(place);
            }
        }
        let suspect = context.suspect.iter().map(|(_, set)| Indexed::new(set.clone())).collect();
        let own = Indexed::new(context.own.clone());
        Self { callers, of_rules, own, suspect, rates: Rates::of(context) }
    }

    /// Labels that a call of `caller` may have; 0 is nobody.
    pub(super) fn labels(&self, caller: u64) -> impl Iterator<Item = usize> + '_ {
        let known = if caller == 0 { None } else { self.callers.get(&caller) };
        known.map_or(&[][..], |known| known.labels.as_slice()).iter().chain(&self.of_rules).copied()
    }

    /// Campaigns that `caller` belongs to.
    pub(super) fn campaigns(&self, caller: u64) -> &[usize] {
        self.callers.get(&caller).map_or(&[], |known| known.campaigns.as_slice())
    }

    /// Whether it is one of the customer's own numbers.
    pub(super) fn is_own(&self, number: Number) -> bool {
        self.own.contains(number)
    }

    /// For each set of numbers nobody should call from whether `number` is in it.
    pub(super) fn suspect(&self, number: Number) -> impl Iterator<Item = bool> + '_ {
        self.suspect.iter().map(move |set| set.contains(number))
    }

    /// The rate of `number`: that of the longest prefix, of equal ones the first.
    pub(super) fn rate(&self, number: Number) -> Option<usize> {
        let long_enough = self.rates.by_length.iter().filter(|(length, _)| *length <= number.len());
        let mut found = long_enough.filter_map(|(length, rates)| rates.get(&number.leading(*length)));
        found.next().copied()
    }
}

impl Rates {
    fn of(context: &Context) -> Self {
        let mut rates = Self::default();
        for (place, rate) in context.rates.iter().enumerate() {
            let length = rate.prefix.len();
            let digits = match length {
                0 => 0,
                _ => match Number::international(rate.prefix.as_bytes()) {
                    Some(prefix) => prefix.value(),
                    // No number begins so.
                    None => continue,
                },
            };
            let at = rates.by_length.iter().position(|(of, _)| *of <= length);
            let at = at.unwrap_or(rates.by_length.len());
            if rates.by_length.get(at).is_none_or(|(of, _)| *of != length) {
                rates.by_length.insert(at, (length, HashMap::default()));
            }
            if let Some((_, of_length)) = rates.by_length.get_mut(at) {
                of_length.entry(digits).or_insert(place);
            }
        }
        rates
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::super::Rate;
    use super::*;

    proptest! {
        #[test]
        fn the_rate_is_that_of_the_longest_prefix(
            prefixes in prop::collection::vec("[12]{0,4}|0[12]|x", 0..12), called in "[12]{1,6}",
        ) {
            let rate = |prefix: &String| {
                Rate { prefix: prefix.clone(), name: String::new(), per_minute: 1.0, is_risk: false }
            };
            let rates = prefixes.iter().map(rate).collect();
            let context = Context { rates, ..Context::of_zone(TimeZone::UTC) };
            let fits = prefixes.iter().enumerate().filter(|(_, prefix)| called.starts_with(prefix.as_str()));
            let longest = fits.max_by_key(|(place, prefix)| (prefix.len(), std::cmp::Reverse(*place)));
            let number = Number::international(called.as_bytes()).unwrap();
            prop_assert_eq!(Index::new(&context).rate(number), longest.map(|(place, _)| place));
        }
    }
}
