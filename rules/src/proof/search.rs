//! Whether anything of one rule is left when earlier rules have taken their calls.

use std::collections::{BTreeSet, HashSet};

use super::solve::{Cause, Solution};
use super::space::{Literal, Shape, Space};
use super::witness::Witness;

/// What is left of a region.
pub(super) enum Reach {
    /// This call gets through: it was held against every earlier rule.
    Free(Box<Witness>),
    /// Nothing: these earlier rules, by their places, take all of it.
    Taken(Vec<usize>),
    /// It could not be decided.
    Open(Cause),
}

impl Space<'_> {
    /// Whether some call satisfies `region` and is matched by none of the rules `earlier`.
    ///
    /// A call of the region is made and held against the earlier rules; where one takes it, the region is split
    /// along that rule's tests into parts which it does not take, and so on. Rules that take no such call are
    /// never looked into.
    pub(super) fn reach(&self, region: Vec<Literal>, earlier: &[usize]) -> Reach {
        let mut taken_by = BTreeSet::new();
        let mut open = None;
        let mut effort = 0;
        // Different rules cut the same parts.
        let mut seen = HashSet::new();
        let mut parts = vec![region];
        while let Some(part) = parts.pop() {
            effort += part.len() + 1;
            if effort > EFFORT_MAX {
                return Reach::Open(open.unwrap_or(Cause::Effort));
            }
            let taker = match self.solve(&part) {
                Solution::Empty => continue,
                Solution::Found(call) => match self.taker(&call, earlier) {
                    None => return Reach::Free(call),
                    Some(index) => Some(index),
                },
                Solution::Open(cause) => {
                    let alone = self.alone(earlier, &part);
                    if alone.is_none() {
                        open = Some(cause);
                    }
                    alone
                }
            };
            let Some((index, shape)) = taker.and_then(|index| Some((index, self.shapes.get(index)?))) else {
                continue;
            };
            taken_by.insert(index);
            parts.extend(without(&part, shape).filter(|part| seen.insert(fingerprint(part))));
        }
        match open {
            Some(cause) => Reach::Open(cause),
            None => Reach::Taken(taken_by.into_iter().collect()),
        }
    }

    /// The first of the rules `earlier` that matches `call`.
    fn taker(&self, call: &Witness, earlier: &[usize]) -> Option<usize> {
        let takes = |&index: &usize| self.shapes.get(index).is_some_and(|shape| self.matches(shape, call));
        earlier.iter().copied().find(takes)
    }

    /// The first of the rules `earlier` that takes every call of `region`.
    fn alone(&self, earlier: &[usize], region: &[Literal]) -> Option<usize> {
        let covers = |&index: &usize| self.shapes.get(index).is_some_and(|shape| self.covers(shape, region));
        earlier.iter().copied().find(covers)
    }

    /// Whether `shape` takes every call of `region`: proven.
    pub(super) fn covers(&self, shape: &Shape, region: &[Literal]) -> bool {
        without(region, shape).all(|rest| self.is_empty(&rest))
    }

    /// As few rules as take all of `region`, of which `call` is one: the first of `earlier` that does so alone,
    /// else no more of `takers` than are needed.
    pub(super) fn fewest(
        &self,
        region: &[Literal],
        takers: Vec<usize>,
        earlier: &[usize],
        call: &Witness,
    ) -> Vec<usize> {
        let takes_it = |&index: &usize| self.shapes.get(index).is_some_and(|shape| self.matches(shape, call));
        let likely: Vec<usize> = earlier.iter().copied().filter(takes_it).collect();
        if let Some(alone) = self.alone(&likely, region) {
            return vec![alone];
        }
        let mut kept = takers;
        if kept.len() > THINNED_MAX {
            return kept;
        }
        for index in kept.clone().into_iter().rev() {
            let fewer: Vec<usize> = kept.iter().copied().filter(|&other| other != index).collect();
            if matches!(self.reach(region.to_vec(), &fewer), Reach::Taken(_)) {
                kept = fewer;
            }
        }
        kept
    }
}

/// Equal for parts of the same literals, in any order and number.
fn fingerprint(part: &[Literal]) -> Vec<(usize, bool)> {
    let mut keys: Vec<_> = part.iter().map(Literal::key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The parts of `region` that `shape` does not match, overlapping.
fn without<'s>(region: &'s [Literal], shape: &'s Shape) -> impl Iterator<Item = Vec<Literal>> + 's {
    shape.literals.iter().map(|literal| region.iter().cloned().chain([literal.opposite()]).collect())
}

/// Tests that may be looked at before a question is given up; about a tenth of a second.
const EFFORT_MAX: usize = 200_000;
/// Up to this many rules that together shadow another are thinned to those that are needed.
const THINNED_MAX: usize = 16;
