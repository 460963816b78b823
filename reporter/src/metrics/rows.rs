//! Rows of call records with what every metric asks of them: what became of each, and in which hour of the customer's clock.

use std::ops::Range;
use std::sync::Arc;

use records::{Batch, Column, Columns};
use rules::{Action, Direction};

use super::index::Index;
use super::{Context, Hour, Judged, LocalTime};

/// What became of a row. Attempts are `B + R + P + F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// No call: another request, or an answer outside a dialog.
    NoCall,
    /// Refused by policy: `block`, or `limit` beyond the limit.
    Blocked,
    /// Sent somewhere else, or challenged: `divert`.
    Redirected,
    /// It went on: `allow`, `tag`, and `terminate`, which ends it later.
    Passed,
    /// No policy judged it.
    Failed,
}

/// A batch with what every metric asks of it.
#[derive(Debug)]
pub struct Rows<'a> {
    /// The rows.
    pub batch: &'a Batch,
    /// What they are judged by.
    pub context: &'a Context,
    /// Stretches of rows in one hour of the customer's clock, in order.
    pub hours: Vec<(Range<usize>, Hour)>,
    /// What is looked up of the context.
    pub(super) index: &'a Index,
    marks: Vec<u8>,
}

/// Makes [`Rows`] of batches. A copy is made quickly; what is looked up is laid out once.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    context: &'a Context,
    local: LocalTime,
    index: Arc<Index>,
}

impl Rows<'_> {
    /// The columns that every row is classed by.
    pub const NEEDS: Columns = Columns::of(&[
        Column::Start,
        Column::Kind,
        Column::Direction,
        Column::Caller,
        Column::Verdict,
        Column::Rule,
        Column::Policy,
    ]);

    /// Rows.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// What became of `row`.
    pub fn class(&self, row: usize) -> Class {
        Class::of(self.marks.get(row).copied().unwrap_or_default())
    }

    /// Whether it is an attempt.
    pub fn is_attempt(&self, row: usize) -> bool {
        self.class(row) != Class::NoCall
    }

    /// Whether it was unwanted: blocked, or passed and labelled so afterwards.
    pub fn is_unwanted(&self, row: usize) -> bool {
        self.marks.get(row).is_some_and(|mark| mark & UNWANTED != 0)
    }

    /// Whether it was blocked, and a case says it should not have been.
    pub fn is_wrong(&self, row: usize) -> bool {
        self.marks.get(row).is_some_and(|mark| mark & WRONG != 0)
    }

    /// For each row its place, class and whether it was unwanted; rows that are no call are left out.
    pub fn attempts(&self) -> impl Iterator<Item = Attempt> + '_ {
        let marks = self.marks.iter().enumerate().filter(|(_, mark)| **mark & CLASS != 0);
        marks.map(|(row, mark)| Attempt {
            row,
            class: Class::of(*mark),
            is_unwanted: mark & UNWANTED != 0,
            is_wrong: mark & WRONG != 0,
        })
    }

    /// Which way `row` went.
    pub fn direction(&self, row: usize) -> Option<Direction> {
        self.batch.direction.get(row).copied().flatten()
    }

    /// Whether any campaign has callers.
    pub(super) fn has_campaigns(&self) -> bool {
        !self.context.campaigns.is_empty()
    }
}

/// One attempt among rows.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Its place in the batch.
    pub row: usize,
    /// What became of it.
    pub class: Class,
    /// See [`Rows::is_unwanted`].
    pub is_unwanted: bool,
    /// See [`Rows::is_wrong`].
    pub is_wrong: bool,
}

impl<'a> Reader<'a> {
    /// By `context`.
    pub fn new(context: &'a Context) -> Self {
        Self { context, local: LocalTime::new(context.zone.clone()), index: Arc::new(Index::new(context)) }
    }

    /// `batch`, which has at least the columns of [`Rows::NEEDS`], with what every metric asks of it.
    pub fn read<'r>(&'r mut self, batch: &'r Batch) -> Rows<'r> {
        let calls = batch.kind.which(|kind| kind == Some("call"));
        let unjudged = batch.policy.which(|policy| policy.is_none());
        let is = |codes: &[u32], row: usize, which: &[bool]| {
            codes.get(row).and_then(|code| which.get(*code as usize)).copied().unwrap_or_default()
        };
        let mut marks = vec![0u8; batch.len()];
        for (row, mark) in marks.iter_mut().enumerate() {
            if !is(batch.kind.codes(), row, &calls) {
                continue;
            }
            *mark = if is(batch.policy.codes(), row, &unjudged) {
                Class::Failed as u8
            } else {
                match batch.verdict.get(row) {
                    Some(Action::Block | Action::Limit) => Class::Blocked as u8 | UNWANTED,
                    Some(Action::Divert) => Class::Redirected as u8,
                    _ => Class::Passed as u8,
                }
            };
        }
        if !self.context.labels.is_empty() {
            self.label(batch, &mut marks);
        }
        Rows {
            batch,
            context: self.context,
            hours: hours(&mut self.local, &batch.start),
            index: &self.index,
            marks,
        }
    }

    fn label(&self, batch: &Batch, marks: &mut [u8]) {
        for (row, mark) in marks.iter_mut().enumerate() {
            let (Some(caller), Some(start)) = (batch.caller.get(row), batch.start.get(row)) else { continue };
            for place in self.index.labels(*caller) {
                let Some(label) = self.context.labels.get(place) else { continue };
                let is_meant = label.from.0 <= *start
                    && *start < label.to.0
                    && label.rule.as_ref().is_none_or(|rule| batch.rule.get(row) == Some(rule.as_str()));
                match (Class::of(*mark), label.judged) {
                    (Class::Passed, Judged::Unwanted) if is_meant && label.caller.is_some() => {
                        *mark |= UNWANTED
                    }
                    (Class::Blocked, Judged::Wanted) if is_meant => *mark |= WRONG,
                    _ => {}
                }
            }
        }
    }
}

impl Class {
    /// Every class of attempts.
    pub const ALL: [Self; 4] = [Self::Blocked, Self::Redirected, Self::Passed, Self::Failed];

    const fn of(mark: u8) -> Self {
        match mark & CLASS {
            1 => Self::Blocked,
            2 => Self::Redirected,
            3 => Self::Passed,
            4 => Self::Failed,
            _ => Self::NoCall,
        }
    }

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoCall => "no call",
            Self::Blocked => "blocked",
            Self::Redirected => "redirected",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

fn hours(local: &mut LocalTime, starts: &[i64]) -> Vec<(Range<usize>, Hour)> {
    let mut hours = Vec::new();
    let mut first = 0;
    while let Some(start) = starts.get(first) {
        let hour = local.hour(*start);
        let (from, to) = local.bounds();
        let rest = starts.get(first..).unwrap_or_default();
        let length = rest.iter().position(|at| *at < from || *at >= to).unwrap_or(rest.len());
        hours.push((first..first + length, hour));
        first += length;
    }
    hours
}

const CLASS: u8 = 0b0111;
const UNWANTED: u8 = 0b1000;
const WRONG: u8 = 0b1_0000;
