//! How many signatures may be checked: a flood of them must not cost calls their verdict.

use rules::Timestamp;

/// So many checks in each second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    each_second: u32,
    second: i64,
    spent: u32,
}

impl Budget {
    pub(crate) fn new(each_second: u32) -> Self {
        Self { each_second, second: i64::MIN, spent: 0 }
    }

    /// Takes one check at `at`. Returns whether there was one left.
    pub(crate) fn spend(&mut self, at: Timestamp) -> bool {
        let second = at.0.div_euclid(1_000_000);
        if second != self.second {
            (self.second, self.spent) = (second, 0);
        }
        let is_left = self.spent < self.each_second;
        self.spent += u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_checks() {
        let mut budget = Budget::new(2);
        let mut at = |micros| budget.spend(Timestamp(micros));
        assert_eq!([at(0), at(1), at(2), at(999_999)], [true, true, false, false]);
        assert_eq!([at(1_000_000), at(1_000_001), at(1_000_002)], [true, true, false]);
    }
}
