//! Hours of the week and closed days, in the customer's zone.

use jiff::civil::Date;

/// Index into the policy's hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoursId(pub u32);

/// Minutes of a week, Monday 00:00 first.
#[derive(Clone, PartialEq, Eq)]
pub struct WeekSet {
    bits: [u64; 158],
}

/// Minutes in a week.
pub const WEEK_MINUTES: usize = 7 * 24 * 60;

/// One `[hours.NAME]` table.
#[derive(Clone, Debug)]
pub struct Hours {
    /// Its name.
    pub name: String,
    /// Open minutes of an ordinary week.
    pub week: WeekSet,
    /// Days on which it is closed all day.
    pub closed: Vec<Date>,
}

impl WeekSet {
    /// No minute.
    pub const EMPTY: Self = Self { bits: [0; 158] };

    /// Adds the minutes `from..to` of the day `weekday` (0 is Monday); `to` at or before `from` runs into
    /// the next day.
    pub fn add(&mut self, weekday: usize, from: usize, to: usize) {
        let length = if to > from { to - from } else { to + 1440 - from };
        for minute in weekday * 1440 + from..weekday * 1440 + from + length {
            self.insert(minute % WEEK_MINUTES);
        }
    }

    /// Adds one minute of the week.
    pub fn insert(&mut self, minute: usize) {
        if let Some(word) = self.bits.get_mut(minute / 64) {
            *word |= 1 << (minute % 64);
        }
    }

    /// Whether `minute` of the week (Monday 00:00 is 0) belongs to it.
    pub fn contains(&self, minute: usize) -> bool {
        self.bits.get(minute / 64).is_some_and(|word| word >> (minute % 64) & 1 == 1)
    }
}

impl std::fmt::Debug for WeekSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes: u32 = self.bits.iter().map(|word| word.count_ones()).sum();
        write!(f, "WeekSet({minutes} minutes)")
    }
}

impl Hours {
    /// Whether it is open at `minute` of the day `date`.
    pub fn is_open(&self, date: Date, minute: usize) -> bool {
        let weekday = date.weekday().to_monday_zero_offset() as usize;
        self.week.contains(weekday * 1440 + minute) && !self.closed.contains(&date)
    }
}
