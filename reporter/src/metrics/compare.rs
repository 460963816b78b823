//! A figure beside what it was: in the period before, and in the same days 52 weeks ago.

use serde::Serialize;

use super::Share;

/// A number and what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Compared<T> {
    /// Now.
    pub now: T,
    /// In the period before; `None` where there are no records of it.
    pub previous: Option<T>,
    /// In the same days 52 weeks ago; `None` where there are no records of them.
    pub a_year_ago: Option<T>,
}

impl<T: Copy> Compared<T> {
    /// What `figure` says of each; those without a row are not compared with.
    pub fn of<G>(now: &G, previous: Option<&G>, a_year_ago: Option<&G>, figure: impl Fn(&G) -> T) -> Self {
        Self { now: figure(now), previous: previous.map(&figure), a_year_ago: a_year_ago.map(&figure) }
    }
}

impl Compared<u64> {
    /// By which part it rose against the period before, negative where it fell; `None` where that had none.
    pub fn change(&self) -> Option<f64> {
        let before = self.previous.filter(|before| *before > 0)? as f64;
        Some((self.now as f64 - before) / before)
    }
}

impl Compared<Share> {
    /// By how many percentage points it rose against the period before.
    pub fn points(&self) -> Option<f64> {
        Some((self.now.value()? - self.previous?.value()?) * 100.0)
    }

    /// Whether it is surely another: the intervals of Wilson do not meet.
    pub fn is_clear(&self) -> bool {
        let intervals = self.now.wilson().zip(self.previous.and_then(Share::wilson));
        intervals.is_some_and(|(now, before)| now.low > before.high || now.high < before.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_compared_with() {
        let all = Compared::of(&30u64, Some(&20), None, |count| *count);
        assert_eq!((all.change(), all.a_year_ago), (Some(0.5), None));
        assert_eq!(Compared::of(&30u64, Some(&0), None, |count| *count).change(), None);
        let share = |part, whole| Share::new(part, whole);
        let few = Compared::of(&share(3, 10), Some(&share(1, 10)), None, |share| *share);
        assert!((few.points().unwrap() - 20.0).abs() < 1e-9 && !few.is_clear());
        assert!(Compared::of(&share(300, 1_000), Some(&share(100, 1_000)), None, |share| *share).is_clear());
    }
}
