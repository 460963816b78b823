//! All minutes that policy can tell apart: those of an ordinary week, and those of each closed day.

use std::collections::HashMap;
use std::rc::Rc;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::policy::hours::WEEK_MINUTES;
use crate::policy::{HoursId, PolicyText, Term, TimeTerm, WeekSet};
use crate::time::Timestamp;

/// A set of minutes: bit *n* for minute *n* of the week, then 1,440 bits for each closed day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Minutes(Vec<u64>);

/// The minutes of one policy.
pub(super) struct Calendar<'a> {
    policy: &'a PolicyText,
    closed: Vec<Date>,
    hours: HashMap<(HoursId, bool), Rc<Minutes>>,
    weekly: Vec<(&'a WeekSet, Rc<Minutes>)>,
}

impl<'a> Calendar<'a> {
    pub(super) fn new(policy: &'a PolicyText) -> Self {
        let mut closed: Vec<Date> =
            policy.hours.iter().flat_map(|hours| hours.closed.iter().copied()).collect();
        closed.sort_unstable();
        closed.dedup();
        Self { policy, closed, hours: HashMap::new(), weekly: Vec::new() }
    }

    fn len(&self) -> usize {
        WEEK_MINUTES + DAY_MINUTES * self.closed.len()
    }

    /// Every minute there is.
    pub(super) fn all(&self) -> Minutes {
        self.minutes(|_, _| true)
    }

    /// The minutes that fit any of `terms`.
    pub(super) fn read(&mut self, terms: &'a [Term<TimeTerm>]) -> Rc<Minutes> {
        let mut sets = terms.iter().map(|term| self.term(&term.value));
        let Some(first) = sets.next() else { return Rc::new(self.minutes(|_, _| false)) };
        sets.fold(first, |all, next| Rc::new(all.combine(&next, |a, b| a | b)))
    }

    fn term(&mut self, term: &'a TimeTerm) -> Rc<Minutes> {
        match term {
            TimeTerm::Inside(id) => self.named(*id, true),
            TimeTerm::Outside(id) => self.named(*id, false),
            TimeTerm::Weekly(week) => {
                let known = self.weekly.iter().find(|(other, _)| *other == &**week);
                if let Some((_, minutes)) = known {
                    return minutes.clone();
                }
                let minutes = Rc::new(self.minutes(|day, minute| day.in_week(week, minute)));
                self.weekly.push((week, minutes.clone()));
                minutes
            }
        }
    }

    fn named(&mut self, id: HoursId, inside: bool) -> Rc<Minutes> {
        if let Some(known) = self.hours.get(&(id, inside)) {
            return known.clone();
        }
        let hours = self.policy.hours.get(id.0 as usize);
        let minutes = Rc::new(self.minutes(|day, minute| {
            let open = hours.is_some_and(|hours| match day {
                Day::Ordinary(weekday) => hours.week.contains(weekday * DAY_MINUTES + minute),
                Day::Closed(date) => hours.is_open(date, minute),
            });
            open == inside
        }));
        self.hours.insert((id, inside), minutes.clone());
        minutes
    }

    fn minutes(&self, holds: impl Fn(Day, usize) -> bool) -> Minutes {
        let mut bits = vec![0u64; self.len().div_ceil(64)];
        let week = (0..7).map(Day::Ordinary);
        let days = week.chain(self.closed.iter().map(|&date| Day::Closed(date)));
        for (index, day) in days.enumerate() {
            for minute in (0..DAY_MINUTES).filter(|&minute| holds(day, minute)) {
                let bit = index * DAY_MINUTES + minute;
                if let Some(word) = bits.get_mut(bit / 64) {
                    *word |= 1 << (bit % 64);
                }
            }
        }
        Minutes(bits)
    }

    /// A moment, not before the day of `from`, that lies in `minute`, and its name for people. Of a closed day
    /// it is that day itself, past or not.
    pub(super) fn moment(&self, minute: usize, from: Timestamp) -> (Timestamp, String) {
        let (day, clock) = (minute / DAY_MINUTES, minute % DAY_MINUTES);
        if let Some(&date) = day.checked_sub(7).and_then(|index| self.closed.get(index)) {
            let at = self.at(date, clock).map_or(from, |(at, _)| at);
            return (at, format!("{date} {:02}:{:02}", clock / 60, clock % 60));
        }
        let start = jiff::Timestamp::from_microsecond(from.0)
            .unwrap_or_default()
            .to_zoned(self.policy.customer.time_zone.clone())
            .date();
        let at = (0..DAYS_LOOKED_AHEAD)
            .filter_map(|days| start.checked_add(days.days()).ok())
            .filter(|date| date.weekday().to_monday_zero_offset() as usize == day)
            .filter(|date| self.closed.binary_search(date).is_err())
            // A minute that the change to summer time leaves out exists a week later.
            .find_map(|date| self.at(date, clock).filter(|&(_, exists)| exists));
        let name = WEEKDAYS.get(day).copied().unwrap_or_default();
        (at.map_or(from, |(at, _)| at), format!("{name} {:02}:{:02}", clock / 60, clock % 60))
    }

    fn at(&self, date: Date, clock: usize) -> Option<(Timestamp, bool)> {
        let civil = date.at((clock / 60) as i8, (clock % 60) as i8, 0, 0);
        let zoned = civil.to_zoned(self.policy.customer.time_zone.clone()).ok()?;
        Some((Timestamp(zoned.timestamp().as_microsecond()), zoned.datetime() == civil))
    }
}

impl Minutes {
    /// Whether the minute `index` belongs to it.
    pub(super) fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Keeps the minutes of `other`, or those outside it.
    pub(super) fn restrict(&mut self, other: &Self, inside: bool) {
        for (word, &mask) in self.0.iter_mut().zip(&other.0) {
            *word &= if inside { mask } else { !mask };
        }
    }

    fn combine(&self, other: &Self, operation: impl Fn(u64, u64) -> u64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(&a, &b)| operation(a, b)).collect())
    }

    /// Some minute: a Monday's noon when it is there, else the first.
    pub(super) fn witness(&self) -> Option<usize> {
        if self.contains(NOON) {
            return Some(NOON);
        }
        let (index, word) = self.0.iter().enumerate().find(|&(_, &word)| word != 0)?;
        Some(index * 64 + word.trailing_zeros() as usize)
    }
}

#[derive(Clone, Copy)]
enum Day {
    /// A day that no hours call closed; 0 is Monday.
    Ordinary(usize),
    Closed(Date),
}

impl Day {
    fn in_week(self, week: &WeekSet, minute: usize) -> bool {
        let weekday = match self {
            Self::Ordinary(weekday) => weekday,
            Self::Closed(date) => date.weekday().to_monday_zero_offset() as usize,
        };
        week.contains(weekday * DAY_MINUTES + minute)
    }
}

const DAY_MINUTES: usize = 1440;
/// Noon of an ordinary Monday.
pub(super) const NOON: usize = 12 * 60;
const DAYS_LOOKED_AHEAD: i64 = 3700;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
