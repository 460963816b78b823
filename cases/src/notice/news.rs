//! What happened to a case since it was last looked at: from the case as it is now, its history, and what was told before.

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alert::STORM_KEY;
use crate::case::Severity;
use crate::clock::ClockKind;
use crate::flow::State;
use crate::informal::Reminders;
use crate::io::store::Event;
use crate::notice::engine::count;
use crate::notice::{Fact, Happening};
use crate::{Case, Service};

/// What was told of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The version of the case.
    pub version: u64,
    /// Its severity then.
    pub severity: Severity,
    /// Alerts in it then.
    pub alerts: u64,
    /// Clocks that ran, by their place, with how many of their four warnings were told.
    #[serde(default)]
    pub warned: Vec<u8>,
    /// Since when authorisers are asked.
    #[serde(default)]
    pub asked: Option<Timestamp>,
    /// How many reminders they got.
    #[serde(default)]
    pub reminded: u8,
    /// Since when the customer heard nothing of the case, where that was told to be too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<Timestamp>,
    /// Whether a storm was told to have begun, and not to have ended.
    #[serde(default)]
    pub is_storm: bool,
    /// When a storm that goes on was told of last, and how many alerts were in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<(Timestamp, u64)>,
    /// How many clocks that tell a customer were told to have begun.
    #[serde(default)]
    pub violations: u32,
}

/// What happened to `case` by `now`; `events` is its history after the version that was seen, `alerts` its latest alerts, the
/// latest first. Returns what is seen now, and when to look again if nothing is written meanwhile.
pub fn news(
    case: &Case,
    (before, events, alerts): (&Seen, &[(u64, Event)], &[Value]),
    service: &Service,
    now: Timestamp,
) -> (Vec<Fact>, Seen, Option<Timestamp>) {
    let mut news = News { case, alerts, facts: Vec::new(), seen: before.clone() };
    news.alarms(before, now);
    for (version, event) in events {
        news.event(*version, event);
    }
    news.warn(service, now);
    news.owe(service, now);
    news.remind(service, now);
    news.storm(now);
    news.seen.version = case.version;
    news.seen.severity = case.severity;
    news.seen.alerts = case.alerts;
    let next = news.next(service);
    (news.facts, news.seen, next)
}

struct News<'a> {
    case: &'a Case,
    alerts: &'a [Value],
    facts: Vec<Fact>,
    seen: Seen,
}

impl News<'_> {
    fn fact(&self, event: Happening, at: Timestamp, name: &str) -> Fact {
        Fact::of_case(self.case, event, at, name).with_alerts(self.alerts)
    }

    fn alarms(&mut self, before: &Seen, now: Timestamp) {
        let case = self.case;
        let version = case.version;
        let is_of_storm = case.key.as_deref() == Some(STORM_KEY);
        if before.version == 0 {
            let event = if is_of_storm { Happening::StormBegun } else { Happening::Opened };
            self.seen.is_storm = is_of_storm;
            self.seen.storm = is_of_storm.then_some((now, case.alerts));
            self.facts.push(self.fact(event, case.opened, "opened"));
        } else if is_of_storm && !before.is_storm && case.alerts > before.alerts && !case.state.is_over() {
            // The case of the last one is open still: that there is another is told as the first was.
            self.seen.is_storm = true;
            self.seen.storm = Some((now, case.alerts));
            self.facts.push(self.fact(Happening::StormBegun, now, &format!("{version}/storm-begun")));
        } else if case.severity > before.severity && !case.state.is_over() {
            self.facts.push(self.fact(Happening::SeverityRaised, now, &format!("{version}/severity")));
        } else if case.alerts > before.alerts {
            self.facts.push(self.fact(Happening::Updated, now, &format!("{version}/alerts")));
        }
        let promises = case.clocks.iter().filter(|clock| clock.kind == ClockKind::Notify);
        let promises: Vec<_> = promises.skip(before.violations as usize).collect();
        for clock in promises {
            self.seen.violations += 1;
            if clock.stopped.is_none() {
                let mut fact = self.fact(
                    Happening::Violation,
                    clock.start,
                    &format!("violation-{}", self.seen.violations),
                );
                fact.due = Some(clock.due);
                fact.severity = Severity::Critical;
                self.facts.push(fact);
            }
        }
    }

    /// What people, and the service, did.
    fn event(&mut self, version: u64, event: &Event) {
        let is_ours = event.who == "ringwall";
        let happening = match event.what.as_str() {
            "take" | "acknowledge" => Happening::Acknowledged,
            // The first that a person does with it.
            "investigate" if self.is_acknowledged_at(event.at) => Happening::Acknowledged,
            "ask-authorisation" => {
                (self.seen.asked, self.seen.reminded) = (Some(event.at), 0);
                Happening::AuthorisationAsked
            }
            "void-approval" => Happening::ApprovalVoided,
            "prove" => Happening::Proven,
            "roll-back" => Happening::RolledBack,
            "close" | "merge" if self.case.state.is_over() => Happening::Closed,
            "reopen" => Happening::Opened,
            "reply" | "untrusted-note" => Happening::Replied,
            _ if is_ours => return,
            _ => Happening::Progress,
        };
        let mut fact = self.fact(happening, event.at, &format!("{version}/{}", happening.name()));
        fact.who.clone_from(&event.who);
        if happening == Happening::AuthorisationAsked {
            fact.text = self.change();
        }
        // A person of the desk, or the proof, wrote it.
        if matches!(
            happening,
            Happening::Proven | Happening::RolledBack | Happening::Closed | Happening::ApprovalVoided
        ) {
            fact.text.clone_from(&event.text);
        }
        if matches!(happening, Happening::ApprovalVoided | Happening::Replied) {
            fact.key.insert("owner".to_owned(), self.case.owner.clone().unwrap_or_default());
        }
        self.facts.push(fact);
    }

    fn is_acknowledged_at(&self, at: Timestamp) -> bool {
        self.case.clocks.iter().any(|clock| clock.kind == ClockKind::Acknowledge && clock.stopped == Some(at))
    }

    /// Clocks at 50, 75, 90 and 100 % of their business time (S-5); one warning is enough where several are due.
    fn warn(&mut self, service: &Service, now: Timestamp) {
        let case = self.case;
        let calendar = service.calendar_of(&case.customer);
        let pauses = service.terms().pause_on_customer && case.state.waits_for_customer();
        self.seen.warned.resize(case.clocks.len(), 0);
        for (place, clock) in case.clocks.iter().enumerate() {
            let Some(warned) = self.seen.warned.get(place).copied() else { continue };
            if clock.stopped.is_some() || pauses {
                continue;
            }
            let due = clock.warnings(calendar).iter().filter(|at| **at <= now).count();
            let due = u8::try_from(due).unwrap_or(4);
            if due <= warned {
                continue;
            }
            if let Some(warned) = self.seen.warned.get_mut(place) {
                *warned = due;
            }
            let percent = PERCENT.get(usize::from(due) - 1).copied().unwrap_or(100);
            let mut fact = self.fact(Happening::ClockWarning, now, &format!("clock-{place}/{percent}"));
            (fact.clock, fact.due) = (Some((clock.kind, percent)), Some(clock.due));
            fact.key.insert("owner".to_owned(), case.owner.clone().unwrap_or_default());
            self.facts.push(fact);
        }
    }

    /// A customer who has heard nothing of an open case until the end of the next business day.
    fn owe(&mut self, service: &Service, now: Timestamp) {
        let informal = self.case.informal;
        let due = informal.update_due(service.calendar_of(&self.case.customer));
        let (Some(told), Some(due)) = (informal.told, due) else { return };
        if due > now || self.seen.silent == Some(told) {
            return;
        }
        self.seen.silent = Some(told);
        let mut fact = self.fact(Happening::UpdateDue, now, &format!("told-{}", told.0));
        fact.due = None;
        fact.key.insert("owner".to_owned(), self.case.owner.clone().unwrap_or_default());
        self.facts.push(fact);
    }

    /// Authorisers who are silent: after 1 and 4 business hours, the escalation contact after 8, the end after 5 business days.
    fn remind(&mut self, service: &Service, now: Timestamp) {
        if self.case.state != State::AwaitingAuthorisation {
            self.seen.asked = None;
            return;
        }
        let Some(asked) = self.seen.asked else { return };
        let moments = Reminders::of(service.calendar_of(&self.case.customer), asked).moments();
        while let Some(Some(at)) = moments.get(usize::from(self.seen.reminded)) {
            if *at > now {
                break;
            }
            self.seen.reminded += 1;
            let (happening, word) = match self.seen.reminded {
                1 | 2 => (Happening::AuthorisationReminded, "authoriser"),
                3 => (Happening::AuthorisationReminded, "escalation"),
                _ => (Happening::AuthorisationExpired, "end"),
            };
            let mut fact = self.fact(happening, *at, &format!("asked-{}/{}", asked.0, self.seen.reminded));
            fact.key.insert("reminder".to_owned(), word.to_owned());
            fact.text = self.change();
            self.facts.push(fact);
        }
    }

    /// What is to be authorised; its lines are read where it is authorised, since strangers may have worded them.
    fn change(&self) -> String {
        let hash = self.case.change.as_deref().unwrap_or_default();
        if hash.is_empty() {
            String::new()
        } else {
            format!("change {}", hash.chars().take(12).collect::<String>())
        }
    }

    /// How a storm goes on: how much of what, every five minutes and at its quiet end.
    fn storm(&mut self, now: Timestamp) {
        if !self.seen.is_storm {
            return;
        }
        let case = self.case;
        let (at, alerts) = self.seen.storm.unwrap_or((case.opened, 0));
        let is_over = case.state.is_over() || now.micros_since(case.last) >= QUIET_MICROS;
        let happening = if is_over {
            Happening::StormEnded
        } else if now.micros_since(at) >= DIGEST_MICROS && case.alerts > alerts {
            Happening::StormContinues
        } else {
            return;
        };
        let mut fact = self.fact(happening, now, &format!("{}/{}", case.version, happening.name()));
        let mut rules: Vec<_> = case.by_rule.iter().collect();
        rules.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
        let rules: Vec<_> =
            rules.iter().take(RULES_TOLD).map(|(rule, count)| format!("{rule} {count}")).collect();
        fact.text = format!(
            "{}, {} since it was told last",
            count(case.alerts, "alert"),
            case.alerts.saturating_sub(alerts)
        );
        if !rules.is_empty() {
            fact.text += &format!(": {}", rules.join(", "));
        }
        fact.key.insert("owner".to_owned(), case.owner.clone().unwrap_or_default());
        self.facts.push(fact);
        self.seen.storm = Some((now, case.alerts));
        self.seen.is_storm = !is_over;
    }

    fn next(&self, service: &Service) -> Option<Timestamp> {
        let case = self.case;
        let calendar = service.calendar_of(&case.customer);
        let mut moments = Vec::new();
        for (clock, warned) in
            case.clocks.iter().zip(&self.seen.warned).filter(|(clock, _)| clock.stopped.is_none())
        {
            moments.extend(clock.warnings(calendar).get(usize::from(*warned)).copied());
        }
        if let Some(asked) = self.seen.asked {
            let reminders = Reminders::of(calendar, asked).moments();
            moments.extend(reminders.get(usize::from(self.seen.reminded)).copied().flatten());
        }
        if case.informal.told != self.seen.silent {
            moments.extend(case.informal.update_due(calendar));
        }
        if self.seen.is_storm {
            moments.push(case.last.plus_micros(QUIET_MICROS));
            // Without a further alert there is nothing to tell before that.
            moments.extend(
                self.seen
                    .storm
                    .filter(|(_, alerts)| case.alerts > *alerts)
                    .map(|(at, _)| at.plus_micros(DIGEST_MICROS)),
            );
        }
        moments.into_iter().min()
    }
}

const PERCENT: [u8; 4] = [50, 75, 90, 100];
const QUIET_MICROS: i64 = 600_000_000;
const DIGEST_MICROS: i64 = 300_000_000;
/// A text message has room for so many.
const RULES_TOLD: usize = 5;
