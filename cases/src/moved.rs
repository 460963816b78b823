//! Alerts go from one case to another, and back (D-6): cases are joined, parted again, and alerts are taken out of them.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Closure, Refused, Relation, Severity};
use crate::flow::{Reason, State};
use crate::{Alert, CaseNumber, Clock, Service};

/// How two cases were before one was joined into the other: enough to part them again. Of the one that took the other in it is
/// little, because it may have taken in thousands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Joined {
    clocks: Vec<Clock>,
    first: Timestamp,
    last: Timestamp,
    #[serde(default)]
    contained: Option<Timestamp>,
    severity: Severity,
    /// How much it mattered afterwards.
    severity_after: Severity,
    /// The other one.
    other: Case,
}

impl Joined {
    /// The hash of the change that the other one was about to have made, if it was.
    pub(crate) fn on_its_way(&self) -> Option<&str> {
        let is_on_its_way = matches!(
            self.other.state,
            State::Proposed | State::AwaitingAuthorisation | State::Implementing | State::Verifying
        );
        self.other.change.as_deref().filter(|_| is_on_its_way)
    }
}

impl Case {
    /// Takes over what `other` holds: alerts, and of each clock that runs the earlier start (S-10).
    ///
    /// # Errors
    /// They are of two customers, or one is over; nothing has changed.
    pub(crate) fn merge(&mut self, other: &mut Self, who: &str, now: Timestamp) -> Result<Joined, Refused> {
        if self.customer != other.customer {
            return Err(Refused::Wanting("cases of two customers are never joined"));
        }
        if other.state.is_over() || self.state.is_over() {
            return Err(Refused::Wanting("a case that is over is joined with nothing"));
        }
        let joined = Joined {
            clocks: self.clocks.clone(),
            first: self.first,
            last: self.last,
            contained: self.contained,
            severity: self.severity,
            severity_after: self.severity.max(other.severity),
            other: other.clone(),
        };
        for clock in other.clocks.iter_mut().filter(|clock| clock.stopped.is_none()) {
            match self.clocks.iter_mut().find(|own| own.kind == clock.kind && own.stopped.is_none()) {
                Some(own) if clock.start < own.start => *own = clock.clone(),
                Some(_) => {}
                None => self.clocks.push(clock.clone()),
            }
            clock.stop(now);
        }
        self.alerts += other.alerts;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.contained = self.contained.into_iter().chain(other.contained).min();
        self.severity = joined.severity_after;
        for (hour, count) in other.spark.clone() {
            self.tick(hour, count);
        }
        for (rule, count) in &other.by_rule {
            self.count_rule(rule, *count);
        }
        self.links.push((other.number, Relation::Merged));
        other.end_in(self.number, who, now);
        Ok(joined)
    }

    /// Gives `other` back what [`Case::merge`] took from it at `at`: `other` stands where it stood, and what was met while they
    /// were one is met for both. Alerts that came since are not looked at: see [`Case::sort`]. Returns whether those say how much
    /// it matters, because nobody else has since.
    pub(crate) fn part(&mut self, other: &mut Self, joined: &Joined, at: Timestamp) -> bool {
        let before = &joined.other;
        other.state = before.state;
        other.owner.clone_from(&before.owner);
        other.clocks.clone_from(&before.clocks);
        other.closure.clone_from(&before.closure);
        other.links.retain(|link| *link != (self.number, Relation::MergedInto));
        self.links.retain(|link| *link != (other.number, Relation::Merged));
        for clock in other.clocks.iter_mut().filter(|clock| clock.stopped.is_none()) {
            let of_kind = |it: &&Clock| it.kind == clock.kind;
            let met = self.clocks.iter().filter(of_kind).filter_map(|it| it.stopped).find(|met| *met >= at);
            let taken = self.clocks.iter().position(|it| it.kind == clock.kind && it.start == clock.start);
            let mine = joined.clocks.iter().filter(of_kind).find(|it| it.stopped.is_none());
            match (mine, taken) {
                (Some(mine), Some(place)) if clock.start < mine.start => {
                    if let Some(taken) = self.clocks.get_mut(place) {
                        let since = taken.waits.iter().filter(|wait| wait.from >= at).copied();
                        let mut mine = mine.clone();
                        mine.waits.extend(since);
                        mine.stopped = taken.stopped;
                        *taken = mine;
                    }
                }
                (None, Some(place)) if met.is_none() => drop(self.clocks.remove(place)),
                _ => {}
            }
            if let Some(met) = met {
                clock.stop(met);
            }
        }
        self.alerts = self.alerts.saturating_sub(before.alerts);
        (self.first, self.last, self.contained) = (joined.first, joined.last, joined.contained);
        let is_unrated = self.severity == joined.severity_after;
        if is_unrated {
            self.severity = joined.severity;
        }
        for (hour, count) in &before.spark {
            self.untick(*hour, *count);
        }
        for (rule, count) in &before.by_rule {
            self.uncount_rule(rule, *count);
        }
        is_unrated
    }

    /// After [`Case::part`]: whether an alert of this case belongs to `other`, because it came by itself while they were one and
    /// `key`, by which it joined them, is that of the other. It is counted where it belongs; where it stays, it `raises` how much
    /// the case matters, or not.
    pub(crate) fn sort(
        &mut self,
        other: &mut Self,
        alert: &Alert,
        (key, raises): (Option<&str>, bool),
        now: Timestamp,
    ) -> bool {
        let is_of_other = key.is_some() && other.key != self.key && other.key.as_deref() == key;
        if is_of_other {
            self.release(alert, now);
            other.hold(alert, now);
        } else {
            self.span(alert);
            if raises {
                self.severity = self.severity.max(alert.severity);
            }
        }
        is_of_other
    }

    /// Takes `alerts` out into a case of their own, `number`: it inherits the clocks that run (S-10), and is found by nothing
    /// that comes later, which joins this one as before.
    ///
    /// # Errors
    /// None of them would stay, or none go.
    pub(crate) fn split(
        &mut self,
        number: CaseNumber,
        alerts: &[Alert],
        service: &Service,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let Some(first) = alerts.first() else { return Err(Refused::Wanting("no alert is named")) };
        self.spare(alerts.len() as u64)?;
        let mut child = first.open(number, None, service, now);
        child.clocks = self.clocks.iter().filter(|clock| clock.stopped.is_none()).cloned().collect();
        child.customer.clone_from(&self.customer);
        child.key = None;
        child.opened = self.opened;
        child.alerts = 0;
        child.spark.clear();
        for alert in alerts {
            self.release(alert, now);
            child.hold(alert, now);
        }
        child.links.push((self.number, Relation::SplitFrom));
        self.links.push((child.number, Relation::RelatesTo));
        Ok(child)
    }

    /// Takes back what [`Case::split`] took out: `alerts`, which are all that `child` holds, and the clocks that began there.
    ///
    /// # Errors
    /// One of them is over; nothing has changed.
    pub(crate) fn unite(
        &mut self,
        child: &mut Self,
        alerts: &[Alert],
        who: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        if self.state.is_over() || child.state.is_over() {
            return Err(Refused::Wanting("a case that is over is joined with nothing"));
        }
        for clock in child.clocks.iter_mut().filter(|clock| clock.stopped.is_none()) {
            // What it inherited goes on here, or was met here.
            if !self.clocks.iter().any(|own| own.kind == clock.kind && own.start == clock.start) {
                self.clocks.push(clock.clone());
            }
            clock.stop(now);
        }
        for alert in alerts {
            child.release(alert, now);
            self.hold(alert, now);
            if !self.by_rule.is_empty() {
                self.count_rule(&alert.rule, 1);
            }
        }
        self.links.retain(|link| *link != (child.number, Relation::RelatesTo));
        self.links.push((child.number, Relation::Merged));
        child.end_in(self.number, who, now);
        Ok(())
    }

    /// Whether `count` alerts may go from here.
    pub(crate) fn spare(&self, count: u64) -> Result<(), Refused> {
        if count >= self.alerts {
            return Err(Refused::Wanting("at least one alert stays in the case"));
        }
        if self.state.is_over() {
            return Err(Refused::Wanting("nothing is taken out of a case that is over"));
        }
        Ok(())
    }

    /// Counts an alert that came from another case.
    pub(crate) fn hold(&mut self, alert: &Alert, now: Timestamp) {
        self.alerts += 1;
        self.tick(alert.hour(now), 1);
        self.span(alert);
        self.severity = self.severity.max(alert.severity);
    }

    /// Counts an alert no more that goes to another case. What the highest of its alerts was stays: somebody has seen it.
    pub(crate) fn release(&mut self, alert: &Alert, now: Timestamp) {
        self.alerts = self.alerts.saturating_sub(1);
        self.untick(alert.hour(now), 1);
        self.uncount_rule(&alert.rule, 1);
    }

    fn end_in(&mut self, number: CaseNumber, who: &str, now: Timestamp) {
        self.links.push((number, Relation::MergedInto));
        self.state = State::Closed;
        let text = format!("joined into {number}");
        let by = who.to_owned();
        self.closure = Some(Closure { at: now, by, reason: Reason::Duplicate, text, feedback: None });
    }
}
