//! Usual values of thresholds, hour by hour of the week, for limits that are multiples of them.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use rules::Timestamp;
use rules::policy::ThresholdId;

use super::plan::Rule;

/// The usual value of one threshold in one hour of the week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Whose threshold: index of the policy.
    pub policy: u32,
    /// Which of its thresholds.
    pub threshold: ThresholdId,
    /// From 0, Monday midnight to one o'clock in the customer's time zone, to 167; 0 where all hours have one value.
    pub hour_of_week: u8,
    /// The value, in the unit of the limit.
    pub value: f64,
    /// How many earlier values it was made of.
    pub samples: u32,
}

/// All usual values there are.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    by_hour: HashMap<(u32, u32, u8), (f64, u32)>,
    zones: Vec<TimeZone>,
}

impl Baselines {
    pub(super) fn new(zones: Vec<TimeZone>) -> Self {
        Self { by_hour: HashMap::new(), zones }
    }

    pub(super) fn set(&mut self, usual: &[Usual]) {
        let key = |one: &Usual| ((one.policy, one.threshold.0, one.hour_of_week), (one.value, one.samples));
        self.by_hour = usual.iter().map(key).collect();
    }

    /// The usual value of `rule` in the hour of `now`, if enough is known of it.
    pub(super) fn usual(&self, rule: &Rule, threshold: ThresholdId, now: i64) -> Option<f64> {
        let baseline = rule.threshold.baseline?;
        let hour = if baseline.hours_of_week { self.hour_of_week(rule.policy, now)? } else { 0 };
        let (value, samples) = self.by_hour.get(&(rule.policy, threshold.0, hour))?;
        (*samples >= baseline.samples).then_some(*value)
    }

    /// The limit that the usual value of this hour sets; `None` while too little is known.
    pub(super) fn limit(&self, rule: &Rule, threshold: ThresholdId, now: i64) -> Option<f64> {
        let baseline = rule.threshold.baseline?;
        Some((self.usual(rule, threshold, now)? * baseline.times).max(baseline.floor))
    }

    fn hour_of_week(&self, policy: u32, now: i64) -> Option<u8> {
        let zone = self.zones.get(policy as usize)?;
        let local = jiff::Timestamp::from_microsecond(Timestamp(now).0).ok()?.to_zoned(zone.clone());
        let day = local.weekday().to_monday_zero_offset();
        u8::try_from(i64::from(day) * 24 + i64::from(local.hour())).ok()
    }
}
