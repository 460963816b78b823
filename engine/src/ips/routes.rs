//! Which counters a call counts for, remembered by the thresholds that count it.

use rules::policy::ThresholdId;
use rules::{Flags, Method};

use super::SPREAD;
use super::plan::{Element, Feed, Plan};

/// What is asked, beside which thresholds a call fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) policy: u32,
    pub(super) method: Method,
    /// Whether it opens an attempt.
    pub(super) opens: bool,
    /// What was noticed that thresholds count by itself.
    pub(super) noticed: Flags,
}

/// One group of counters that such calls count in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) group: u32,
    pub(super) spec: u32,
    pub(super) feed: Feed,
    pub(super) element: Element,
    /// Counters that take every such call.
    pub(super) mask: u16,
    /// Counters that take it when its caller looks like the called number.
    pub(super) neighbours: u16,
}

/// Where calls count that the same thresholds count.
#[derive(Debug, Default)]
struct Route {
    question: Option<Question>,
    /// Thresholds that they fit, a bit each.
    fits: Vec<u64>,
    /// Those of them that count such calls.
    noted: Vec<ThresholdId>,
    hits: Vec<Hit>,
}

/// The routes that were asked for last, each at the place that its hash names.
#[derive(Debug, Default)]
pub(super) struct Routes {
    places: Vec<Route>,
}

impl Routes {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { places: std::iter::repeat_with(Route::default).take(PLACES).collect() }
    }

    /// The place of the route of calls that `question` is about and that fit the thresholds `fits`.
    pub(super) fn find(&mut self, plan: &Plan, question: Question, fits: &[u64]) -> usize {
        let about =
            u64::from(question.policy) << 6 | (question.method as u64) << 1 | u64::from(question.opens);
        let hash = fits.iter().fold(about ^ question.noticed.bits(), |sum, word| {
            (sum.rotate_left(7) ^ word).wrapping_mul(SPREAD)
        });
        let place = (hash.wrapping_mul(SPREAD) >> 32) as usize % PLACES;
        if let Some(route) = self.places.get_mut(place)
            && (route.question != Some(question) || route.fits != fits)
        {
            route.lay(plan, question, fits);
        }
        place
    }

    /// The groups that calls of the route at `place` count in.
    #[inline]
    pub(super) fn hits(&self, place: usize) -> &[Hit] {
        self.places.get(place).map_or(&[], |route| &route.hits)
    }

    /// The thresholds that count such calls, ascending.
    #[inline]
    pub(super) fn noted(&self, place: usize) -> &[ThresholdId] {
        self.places.get(place).map_or(&[], |route| &route.noted)
    }
}

impl Route {
    #[inline(never)]
    fn lay(&mut self, plan: &Plan, question: Question, fits: &[u64]) {
        self.question = Some(question);
        self.fits.clear();
        self.fits.extend_from_slice(fits);
        self.noted.clear();
        self.hits.clear();
        for (&word, first) in fits.iter().zip((0..).step_by(64)) {
            for id in (0..64).filter(|bit| word >> bit & 1 == 1).map(|bit| ThresholdId(first + bit)) {
                self.add(plan, question, id);
            }
        }
    }

    fn add(&mut self, plan: &Plan, question: Question, id: ThresholdId) {
        let rule = plan.rule_of(question.policy, id.0).and_then(|index| plan.rule(index));
        let Some(rule) = rule else { return };
        let counts = if rule.threshold.flags.is_empty() {
            question.opens && rule.threshold.counts(question.method)
        } else {
            !rule.threshold.flags.intersection(question.noticed).is_empty()
        };
        if !counts {
            return;
        }
        self.noted.push(id);
        for counter in Plan::counters_of(rule).filter_map(|index| plan.counter(index)) {
            let Some(group) = plan.group(counter.group) else { continue };
            let bit = 1 << counter.bit;
            let (mask, neighbours) = if counter.neighbours_only { (0, bit) } else { (bit, 0) };
            match self.hits.iter_mut().find(|hit| hit.group == counter.group) {
                Some(hit) => (hit.mask, hit.neighbours) = (hit.mask | mask, hit.neighbours | neighbours),
                None => self.hits.push(Hit {
                    group: counter.group,
                    spec: group.spec,
                    feed: group.feed,
                    element: group.element,
                    mask,
                    neighbours,
                }),
            }
        }
    }
}

/// Sets of thresholds that are remembered. Whoever makes calls fit ever other sets pays for laying a route each time.
const PLACES: usize = 256;
