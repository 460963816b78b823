//! A change of which an authoriser wants some lines only: those become a change of their own, and the rest is told of (Z-4).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Change, Impact, Line};
use crate::CaseNumber;

/// What becomes of lines that are not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rest {
    /// They are refused, and that is the end of them.
    Refused,
    /// They go back to the desk, as a case of their own.
    Returned,
}

/// What an authoriser wants of a change that was shown to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Places of the lines that they want, from 0.
    pub wanted: BTreeSet<usize>,
    /// What becomes of the others.
    pub rest: Rest,
    /// Why these are not wanted: a sentence.
    pub why: String,
}

/// Lines that an authoriser took out of a change before saying yes to what remained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// What is not changed.
    pub lines: Vec<Line>,
    /// The case in which the desk goes on with them; `None` where they are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseNumber>,
}

impl Change {
    /// Its lines that are wanted, and those that are not.
    ///
    /// # Errors
    /// Nothing is wanted, everything is, a line is not there, or the change is a text, which is of one piece.
    pub fn parted(&self, wanted: &BTreeSet<usize>) -> Result<(Vec<Line>, Vec<Line>), &'static str> {
        if self.lines.iter().any(|line| matches!(line, Line::Text { .. })) {
            return Err("a change of rules or settings is of one piece: say yes or no to all of it");
        }
        if wanted.iter().any(|place| *place >= self.lines.len()) {
            return Err("the change has no such line: look at it again");
        }
        let (mut kept, mut rest) = (Vec::new(), Vec::new());
        for (place, line) in self.lines.iter().enumerate() {
            let part = if wanted.contains(&place) { &mut kept } else { &mut rest };
            part.push(line.clone());
        }
        if kept.is_empty() {
            return Err("no line is wanted: say no to the change instead");
        }
        if rest.is_empty() {
            return Err("every line is wanted: say yes to the whole change instead");
        }
        Ok((kept, rest))
    }

    /// What `self` leaves out of `whole`; `None` where it is no part of it.
    pub fn left_out_of(&self, whole: &Self) -> Option<Vec<Line>> {
        let is_divisible = !whole.lines.iter().any(|line| matches!(line, Line::Text { .. }));
        let mut kept = self.lines.iter().peekable();
        let rest = whole.lines.iter().filter(|line| kept.next_if_eq(line).is_none()).cloned();
        let rest: Vec<Line> = rest.collect();
        let is_part = kept.peek().is_none() && !self.lines.is_empty() && !rest.is_empty();
        (is_divisible && is_part && self.customer == whole.customer).then_some(rest)
    }
}

impl Impact {
    /// Whether it is worse than `whole`, of which it should be a part: then the policy was changed meanwhile, and who chose
    /// lines has seen something else.
    pub fn exceeds(&self, whole: &Self) -> bool {
        let is_more = match (self.blocked, whole.blocked) {
            (Some(_), Some(_)) => self.differs_from(whole) && self.a_day() > whole.a_day(),
            (now, then) => now.is_none() && then.is_some(),
        };
        is_more || self.wanted > whole.wanted || self.protected > whole.protected
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{change, quiet};
    use super::*;

    fn three() -> Change {
        let mut change = change();
        for entry in ["+12105550143", "+12105550144"] {
            let mut line = change.lines[0].clone();
            let Line::Add { entry: number, .. } = &mut line else { panic!("{line}") };
            entry.clone_into(number);
            change.lines.push(line);
        }
        change
    }

    #[test]
    fn z4_lines_are_wanted_or_not_and_none_is_lost() {
        let whole = three();
        let (kept, rest) = whole.parted(&BTreeSet::from([0, 2])).unwrap();
        assert_eq!((kept.len(), &rest), (2, &vec![whole.lines[1].clone()]));
        let part = Change { lines: kept, result: "r2".to_owned(), ..whole.clone() };
        assert_eq!(part.left_out_of(&whole), Some(rest));
        assert_ne!(part.hash(), whole.hash());
        // All, none, and what is not there.
        for wrong in [vec![], vec![0, 1, 2], vec![0, 3]] {
            assert!(whole.parted(&wrong.into_iter().collect()).is_err());
        }
        let text = Change { lines: vec![Line::Text { diff: "-a\n+b".to_owned() }; 2], ..whole };
        assert!(text.parted(&BTreeSet::from([0])).unwrap_err().contains("one piece"));
    }

    #[test]
    fn z4_a_part_has_nothing_that_the_whole_had_not() {
        let whole = three();
        let part = |lines: &[Line]| Change { lines: lines.to_vec(), ..whole.clone() };
        let mut edited = whole.lines[0].clone();
        if let Line::Add { expires, .. } = &mut edited {
            *expires = None;
        }
        assert_eq!(part(&[edited]).left_out_of(&whole), None);
        assert_eq!(part(&whole.lines).left_out_of(&whole), None, "that is all of it");
        assert_eq!(part(&[]).left_out_of(&whole), None);
        let twice = [whole.lines[0].clone(), whole.lines[0].clone()];
        assert_eq!(part(&twice).left_out_of(&whole), None);
        let others = Change { customer: "Other".to_owned(), ..part(&whole.lines[..1]) };
        assert_eq!(others.left_out_of(&whole), None);
    }

    #[test]
    fn z4_a_part_that_would_do_more_than_the_whole_was_not_seen_by_who_chose() {
        let whole = quiet();
        assert!(!Impact { blocked: Some(3), ..quiet() }.exceeds(&whole));
        assert!(!Impact { blocked: Some(45), ..quiet() }.exceeds(&whole), "within a tenth");
        assert!(Impact { blocked: Some(46), ..quiet() }.exceeds(&whole));
        assert!(Impact { wanted: 1, ..quiet() }.exceeds(&whole));
        assert!(Impact { blocked: None, ..quiet() }.exceeds(&whole));
    }
}
