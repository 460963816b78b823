//! How far a key is in breach, as docs/policy.md says it: levels, hold, clear, cool-down.

use rules::policy::Threshold;

/// The course of one key through the limits of one threshold.
#[derive(Debug, Default)]
pub(super) struct Course {
    warning: Limit,
    critical: Limit,
}

/// How one limit stands.
#[derive(Debug, Default)]
struct Limit {
    /// Since when it is in breach, in microseconds; `None` when it is not.
    since: Option<i64>,
    /// Whether that breach has acted, or a higher one.
    has_acted: bool,
    /// When it was told last.
    told: Option<i64>,
}

impl Course {
    /// A value that is looked at before something happens: what has fallen far enough is over. `None` when something
    /// else that the threshold asks for does not hold.
    pub(super) fn fall(&mut self, value: Option<f64>, threshold: &Threshold) {
        let is_over = |limit: Option<f64>, share: f64| {
            limit.is_none_or(|limit| value.is_none_or(|value| value < limit * share))
        };
        if is_over(threshold.critical, threshold.clear) {
            self.critical.end();
        }
        // Below a critical breach the warning lasts as long as the critical one.
        let critical_lasts = self.critical.since.is_some();
        if !critical_lasts && is_over(threshold.warning, threshold.clear) {
            self.warning.end();
        }
    }

    /// The value at `now`, after something happened or when a breach has lasted. Returns whether an alert is due, and
    /// of which level: `true` is critical.
    pub(super) fn look(&mut self, value: Option<f64>, now: i64, threshold: &Threshold) -> Option<bool> {
        let reaches = |limit: Option<f64>| limit.zip(value).is_some_and(|(limit, value)| value >= limit);
        if reaches(threshold.critical) {
            self.critical.since.get_or_insert(now);
            self.warning.since.get_or_insert(now);
        }
        if reaches(threshold.warning) {
            self.warning.since.get_or_insert(now);
        }
        self.fall(value, threshold);
        let lasts = |limit: &Limit| limit.since.is_some_and(|since| now - since >= threshold.hold_micros);
        let is_critical = if threshold.critical.is_some() && lasts(&self.critical) {
            true
        } else if threshold.warning.is_some() && lasts(&self.warning) {
            false
        } else {
            return None;
        };
        let limit = if is_critical { &mut self.critical } else { &mut self.warning };
        if limit.has_acted {
            return None;
        }
        limit.has_acted = true;
        let is_cool = limit.told.is_none_or(|told| now - told >= threshold.cool_down_micros);
        if is_cool {
            limit.told = Some(now);
        }
        if is_critical {
            self.warning.has_acted = true;
        }
        is_cool.then_some(is_critical)
    }

    /// When a breach that has not acted yet will have lasted.
    pub(super) fn due(&self, threshold: &Threshold) -> Option<i64> {
        let pending = [(&self.critical, threshold.critical), (&self.warning, threshold.warning)];
        let pending = pending.into_iter().filter(|(limit, bound)| bound.is_some() && !limit.has_acted);
        pending.filter_map(|(limit, _)| Some(limit.since? + threshold.hold_micros)).min()
    }
}

impl Limit {
    fn end(&mut self) {
        (self.since, self.has_acted) = (None, false);
    }
}
