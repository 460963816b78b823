//! OCSF 1.8: alerts as Detection Finding (2004), cases as Incident Finding (2005).

use serde_json::{Value, json};

use crate::case::Severity;
use crate::notice::fact::shown_number;
use crate::notice::{Fact, Happening};

/// A case, and what happened to it.
pub fn case_finding(fact: &Fact) -> Value {
    let (status_id, status) = match fact.state.as_str() {
        _ if fact.event == Happening::Closed => (5, "Closed"),
        "closed" | "dropped" => (5, "Closed"),
        "open" | "new" | "unverified" | "quarantine" | "" => (1, "New"),
        "needs-info" | "awaiting-authorisation" => (3, "On Hold"),
        "done" | "informed" => (4, "Resolved"),
        _ => (2, "In Progress"),
    };
    let mut finding = common(fact, 2005, "Incident Finding", &["incident"]);
    set(&mut finding, "status_id", status_id.into());
    set(&mut finding, "status", status.into());
    set(&mut finding, "finding_info_list", json!([info(fact)]));
    set(&mut finding, "start_time", (fact.first.0 / 1000).into());
    set(&mut finding, "end_time", (fact.at.0 / 1000).into());
    set(&mut finding, "desc", description(fact).into());
    finding
}

/// An alert.
pub fn detection_finding(fact: &Fact) -> Value {
    let mut finding = common(fact, 2004, "Detection Finding", &[]);
    set(&mut finding, "finding_info", info(fact));
    set(&mut finding, "is_alert", true.into());
    set(&mut finding, "status_id", 1.into());
    set(&mut finding, "status", "New".into());
    set(&mut finding, "count", fact.violation.as_ref().map_or(1, |it| it.calls.max(1)).into());
    set(&mut finding, "message", description(fact).into());
    finding
}

fn common(fact: &Fact, class: u32, name: &str, profiles: &[&str]) -> Value {
    let (activity_id, activity) = match fact.event {
        Happening::Opened | Happening::StormBegun => (1, "Create"),
        Happening::Closed | Happening::StormEnded => (3, "Close"),
        _ => (2, "Update"),
    };
    let (severity_id, severity) = match fact.severity {
        Severity::Info => (1, "Informational"),
        Severity::Warning => (3, "Medium"),
        Severity::Critical => (5, "Critical"),
    };
    let observables: Vec<_> = ["caller", "called"]
        .into_iter()
        .filter_map(|name| Some((name, shown_number(fact.key.get(name)?))))
        // Type 99 is Other: the schema has none for telephone numbers.
        .map(|(name, value)| json!({ "name": format!("unmapped.voice.{name}"), "type": "Phone Number", "type_id": 99, "value": value }))
        .collect();
    let mut voice = serde_json::Map::new();
    for (name, value) in &fact.key {
        voice.insert(
            name.clone(),
            if matches!(name.as_str(), "caller" | "called") { shown_number(value) } else { value.clone() }
                .into(),
        );
    }
    if let Some(violation) = &fact.violation {
        voice.insert("observed".to_owned(), violation.observed.into());
        voice.insert("limit".to_owned(), violation.limit.into());
        voice.insert("baseline".to_owned(), violation.baseline.into());
    }
    let number = fact.case.map(|number| number.to_string());
    let mut event = json!({
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": class,
        "class_name": name,
        "type_uid": class * 100 + activity_id,
        "type_name": format!("{name}: {activity}"),
        "time": fact.at.0 / 1000,
        "severity_id": severity_id,
        "severity": severity,
        "metadata": {
            "version": "1.8.0",
            "uid": fact.id,
            "tenant_uid": fact.customer,
            "product": { "name": "Ringwall", "vendor_name": "Ringwall", "version": env!("CARGO_PKG_VERSION") },
        },
        "unmapped": { "voice": voice },
    });
    if let Some(metadata) = event.get_mut("metadata") {
        if let Some(number) = &number {
            set(metadata, "correlation_uid", number.as_str().into());
        }
        if !profiles.is_empty() {
            set(metadata, "profiles", json!(profiles));
        }
    }
    if !observables.is_empty() {
        set(&mut event, "observables", observables.into());
    }
    event
}

fn info(fact: &Fact) -> Value {
    let title = if fact.rule.is_empty() { fact.kind.map_or("case", |kind| kind.name()) } else { &fact.rule };
    let number = fact.case.map_or_else(|| fact.id.clone(), |number| number.to_string());
    let mut info = json!({
        "uid": number,
        "title": title,
        "first_seen_time": fact.first.0 / 1000,
        "last_seen_time": fact.at.0 / 1000,
        "types": ["voice"],
    });
    if !fact.rule.is_empty() {
        set(&mut info, "analytic", json!({ "name": fact.rule, "type_id": 1, "type": "Rule" }));
    }
    info
}

fn description(fact: &Fact) -> String {
    let what = if fact.text.is_empty() { String::new() } else { format!(": {}", fact.text) };
    format!("{} {}{what}", fact.event.name(), fact.rule).trim().to_owned()
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}
