//! How a value is made of the events of a window.

use super::event::Event;
use super::gauge::Asked;

/// What a counter makes of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Their number.
    Number,
    /// The number of different values.
    Distinct,
    /// The longest run of values of which neighbours are at most so far apart.
    Run { gap: u64 },
    /// The share of those that hit.
    Share(Hit),
    /// The mean of their values, in millionths.
    Mean,
    /// Calls themselves, which are no events.
    Up(Asked),
}

/// Which events are the ones in the numerator of a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// Those with one of these bits in their value.
    Bits(u64),
    /// Those with a value below this one.
    Below(u64),
}

/// What a counter says of a key at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Measured {
    /// The value, in the unit that limits are written in.
    pub(super) value: f64,
    /// Events it was made of; the denominator of a ratio. Where different elements count, those.
    pub(super) events: u32,
}

impl Hit {
    pub(super) fn holds(self, value: u64) -> bool {
        match self {
            Self::Bits(bits) => value & bits != 0,
            Self::Below(bound) => value < bound,
        }
    }
}

impl How {
    /// What `events`, a handful, add up to.
    pub(super) fn measure<'a>(self, events: impl Iterator<Item = &'a Event> + Clone) -> Measured {
        // A window knows each element once, however often it came.
        let count = match self {
            Self::Distinct | Self::Run { .. } => distinct(events.clone()),
            _ => events.clone().count(),
        };
        let value = match self {
            Self::Number | Self::Distinct => count as f64,
            Self::Run { gap } => longest_of_few(events, gap) as f64,
            Self::Share(hit) => share(events.filter(|event| hit.holds(event.value)).count() as u64, count),
            Self::Up(_) => 0.0,
            Self::Mean => mean(events.map(|event| event.value).fold(0, u64::saturating_add), count),
        };
        Measured { value, events: u32::try_from(count).unwrap_or(u32::MAX) }
    }
}

/// `hits` of `count`; 0 of none.
pub(super) fn share(hits: u64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { hits as f64 / count as f64 }
}

/// The mean of `count` values with this `sum`, in millionths of it: microseconds in, seconds out.
pub(super) fn mean(sum: u64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 / 1e6 }
}

fn distinct<'a>(events: impl Iterator<Item = &'a Event> + Clone) -> usize {
    let is_first = |(place, event): &(usize, &Event)| {
        !events.clone().take(*place).any(|other| other.value == event.value)
    };
    events.clone().enumerate().filter(is_first).count()
}

fn longest_of_few<'a>(events: impl Iterator<Item = &'a Event> + Clone, gap: u64) -> usize {
    let mut values: Vec<u64> = events.map(|event| event.value).collect();
    values.sort_unstable();
    values.dedup();
    longest_run(values.into_iter(), gap)
}

/// The longest run of sorted values of which neighbours are at most `gap` apart.
pub(super) fn longest_run(sorted: impl Iterator<Item = u64>, gap: u64) -> usize {
    let (mut longest, mut run, mut before) = (0, 0, None);
    for value in sorted {
        run = if before.is_some_and(|before: u64| value.abs_diff(before) <= gap) { run + 1 } else { 1 };
        longest = longest.max(run);
        before = Some(value);
    }
    longest
}
