//! Goes through the steps of one key and tells every breach.

use rules::Timestamp;
use rules::policy::{AlertLevel, Threshold};

use super::course::Course;
use super::steps::Step;
use super::window::Window;

/// A limit was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Breach {
    /// In microseconds.
    pub(super) at: i64,
    pub(super) is_critical: bool,
    pub(super) value: f64,
}

/// Every breach of `threshold` that an alert tells, up to the moment `until`.
pub(super) fn sweep(threshold: &Threshold, steps: &[Step], until: i64) -> Vec<Breach> {
    let window = |count| Window::new(count, threshold.within_micros, threshold.gap);
    let mut key = Sweep {
        threshold,
        windows: std::iter::once(threshold.count)
            .chain(threshold.also.iter().map(|also| also.count))
            .map(window)
            .collect(),
        course: Course::default(),
        breaches: Vec::new(),
    };
    let mut last = i64::MIN;
    for step in steps.iter().take_while(|step| step.at <= until) {
        key.pass(last, step.at);
        key.before(step.at);
        for (counter, add) in &step.adds {
            if let Some(window) = key.windows.get_mut(*counter) {
                window.add(step.at, *add);
            }
        }
        key.look(step.at);
        last = step.at;
    }
    key.pass(last, until);
    key.breaches
}

/// One key on its way.
struct Sweep<'a> {
    threshold: &'a Threshold,
    windows: Vec<Window>,
    course: Course,
    breaches: Vec<Breach>,
}

impl Sweep<'_> {
    /// Time passes and nothing happens: breaches have lasted, minutes grow.
    fn pass(&mut self, mut from: i64, to: i64) {
        while from < to {
            let limits = [self.threshold.warning, self.threshold.critical];
            let grown = self.windows.first().and_then(|window| {
                limits.into_iter().flatten().filter_map(|limit| window.reaches(limit, from, to)).min()
            });
            let due = self.course.due(self.threshold).filter(|due| (from + 1..=to).contains(due));
            let Some(next) = [grown, due].into_iter().flatten().min() else { return };
            self.before(next);
            self.look(next);
            from = next;
        }
    }

    fn before(&mut self, at: i64) {
        let (value, _) = self.value(at);
        self.course.fall(value, self.threshold);
    }

    fn look(&mut self, at: i64) {
        if !self.threshold.is_in_force(Timestamp(at)) {
            return;
        }
        let (holds, value) = self.value(at);
        let is_told = self.threshold.alert != Some(AlertLevel::None);
        if let Some(is_critical) = self.course.look(holds, at, self.threshold)
            && is_told
        {
            self.breaches.push(Breach { at, is_critical, value });
        }
    }

    /// What its own counter says, `None` first when something else that the threshold asks for does not hold.
    fn value(&mut self, at: i64) -> (Option<f64>, f64) {
        let Some((own, further)) = self.windows.split_first_mut() else { return (None, 0.0) };
        let said = own.say(at);
        let holds = said.events >= self.threshold.at_least
            && further.iter_mut().zip(&self.threshold.also).all(|(window, also)| {
                let said = window.say(at);
                (said.events >= also.at_least || !also.count.is_ratio())
                    && also.above.is_none_or(|above| said.value > above)
                    && also.below.is_none_or(|below| said.value < below)
            });
        (holds.then_some(said.value), said.value)
    }
}
