//! What is written to machines.

use rules::Timestamp;
use serde_json::json;

use crate::notice::fact::{Fact, Happening};
use crate::notice::settings::{Format, Settings};
use crate::notice::{Ledger, Outcome, case_finding, cef, detection_finding};
use crate::outgoing::{Channel, Content, Delivery, Outgoing};

use super::engine::channel_of;

/// `fact` in `format`. The `id` is that of what goes out: whoever gets it twice sees it by that.
pub fn document(format: Format, fact: &Fact, id: &str, now: Timestamp) -> String {
    match format {
        Format::Cef => cef(fact),
        Format::Ocsf
            if fact.event == Happening::Updated && fact.case.is_some() && fact.id.starts_with(ALERT) =>
        {
            detection_finding(fact).to_string()
        }
        Format::Ocsf => case_finding(fact).to_string(),
        Format::Ringwall => {
            json!({ "id": id, "sent": now.0 / 1000, "event": fact.event.name(), "fact": fact }).to_string()
        }
    }
}

/// An alert as a machine follows it: the alert with `id` that went into `case`, with what it says.
pub fn alert_fact(case: &crate::Case, id: &str, alert: &serde_json::Value, at: Timestamp) -> Fact {
    let mut fact =
        Fact::of_case(case, Happening::Updated, at, "alert").with_alerts(std::slice::from_ref(alert));
    fact.id = format!("{ALERT}{id}");
    if let Some(severity) = alert.get("severity").and_then(|it| serde_json::from_value(it.clone()).ok()) {
        fact.severity = severity;
    }
    fact
}

/// What goes to every machine that takes ends of audit chains: each of `lines`, which `key` tells from all others, once.
pub fn anchors(lines: &[(String, String)], settings: &Settings, now: Timestamp) -> Vec<Outgoing> {
    let mut all = Vec::new();
    for (name, target) in settings.targets.iter().filter(|(_, target)| target.streams_audit) {
        let channel = channel_of(&target.kind);
        let sent = lines.iter().map(|(key, line)| Outgoing {
            id: format!("s{}", super::engine::hash(&["audit", name, key])),
            customer: String::new(),
            case: None,
            thread: None,
            channel,
            to: name.clone(),
            content: Content::Document(line.clone()),
            due: now,
            state: Delivery::Waiting,
            tries: Vec::new(),
        });
        all.extend(sent.filter(|_| channel != Channel::Chat));
    }
    all
}

/// Sends `fact` to every machine that follows such things.
pub fn stream(fact: &Fact, settings: &Settings, now: Timestamp, outcome: &mut Outcome) {
    let is_alert = fact.id.starts_with(ALERT);
    let is_of_desk =
        matches!(fact.event, Happening::Progress | Happening::ClockWarning | Happening::UpdateDue);
    let is_of_case = fact.case.is_some() && !is_of_desk;
    for (name, target) in &settings.targets {
        let is_wanted = if is_alert { target.streams_alerts } else { target.streams_cases && is_of_case };
        let channel = channel_of(&target.kind);
        if !is_wanted || channel == Channel::Chat {
            continue;
        }
        let id = format!("s{}", super::engine::hash(&["stream", name, &fact.id]));
        let ledger = Ledger {
            id: id.clone(),
            who: format!("target:{name}"),
            why: "follows cases and alerts".to_owned(),
            cases: fact.case.into_iter().collect(),
            promises: Vec::new(),
        };
        let content = Content::Document(document(target.format, fact, &id, now));
        let sent = Outgoing {
            id,
            customer: fact.customer.clone(),
            case: fact.case,
            thread: None,
            channel,
            to: name.clone(),
            content,
            due: now,
            state: Delivery::Waiting,
            tries: Vec::new(),
        };
        outcome.outgoing.push((sent, ledger));
    }
}

const ALERT: &str = "alert/";
