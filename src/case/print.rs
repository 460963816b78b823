//! Cases as a terminal shows them. Whatever a stranger wrote is shown, and acts on nothing.

use cases::clock::{Clock, Standing};
use cases::explanation::wall_time;
use cases::io::store::{Event, Sent, Store, Visible};
use cases::statement;
use cases::{Calendar, Case, CaseNumber, Outgoing, Service};
use reporter::{counted, printable};
use rules::Timestamp;
use serde_json::json;

use super::{said, unwritten};
use crate::outcome::Failure;
use crate::policies;

/// The queue, one case a line.
pub(super) fn queue(cases: &[Case], service: &Service, now: Timestamp) -> String {
    if cases.is_empty() {
        return "no cases\n".to_owned();
    }
    let mut rows = vec![
        ["case", "due", "customer", "kind", "severity", "state", "owner", "alerts", "title"]
            .map(str::to_owned),
    ];
    rows.extend(cases.iter().map(|case| {
        let due = due(case, service, now);
        [
            case.number.to_string(),
            due,
            printable(&case.customer),
            case.kind.name().to_owned(),
            case.severity.name().to_owned(),
            case.state.name().to_owned(),
            case.owner.as_deref().map_or_else(|| "-".to_owned(), printable),
            case.alerts.to_string(),
            printable(&case.title),
        ]
    }));
    table(&rows)
}

/// What is due next, and whether it is late.
fn due(case: &Case, service: &Service, now: Timestamp) -> String {
    let Some(due) = case.next_due() else { return "-".to_owned() };
    let calendar = service.calendar_of(&case.customer);
    let word = match case.standing(service, now) {
        Some(Standing::Breached) => "BREACHED ",
        Some(Standing::Late) => "late ",
        Some(Standing::Paused) => "paused ",
        _ => "",
    };
    format!("{word}{}", wall_time(calendar, due))
}

/// What is left to be said after an act.
pub(super) fn told(case: &Case) -> String {
    let owner = case.owner.as_deref().map(|owner| format!(", {}", printable(owner))).unwrap_or_default();
    format!("{} is {}{owner}\n", case.number, case.state)
}

/// All that the desk knows of one case.
pub(super) async fn case(
    store: &Store,
    service: &Service,
    number: CaseNumber,
    json: bool,
) -> Result<String, Failure> {
    let desk = store.desk();
    let mut case = desk.case(number).await.map_err(said)?;
    // What is done meanwhile would show an event beside the state before it.
    let events = loop {
        let events = desk.events(number).await.map_err(said)?;
        let now = desk.case(number).await.map_err(said)?;
        if now == case {
            break events;
        }
        case = now;
    };
    let alerts = desk.alerts(number, ALERTS_SHOWN).await.map_err(said)?;
    let sent = desk.outgoing(number).await.map_err(said)?;
    let told = desk.ledger(number).await.map_err(said)?;
    let undoable = desk.can_be_undone(number, policies::now()).await.map_err(said)?;
    let about = desk.observables(number, OBSERVABLES_SHOWN).await.map_err(said)?;
    let legal = case.state.legal(case.flow);
    if json {
        let alerts: Vec<serde_json::Value> =
            alerts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let told: Vec<_> =
            told.iter().map(|it| json!({ "ledger": it.ledger, "outgoing": it.outgoing })).collect();
        let sent: Vec<_> = sent
            .iter()
            .map(|it| json!({ "channel": it.channel, "to": it.to, "due": it.due, "state": it.state, "tries": it.tries }))
            .collect();
        let about: Vec<_> = about
            .iter()
            .map(|it| json!({ "name": it.name, "value": it.value, "alerts": it.alerts, "first": it.first, "last": it.last }))
            .collect();
        let whole = json!({
            "case": case, "events": events, "sent": sent, "alerts": alerts, "next": legal, "notices": told,
            "observables": about, "undo": undoable,
        });
        return Ok(serde_json::to_string(&whole).map_err(unwritten)? + "\n");
    }
    let calendar = service.calendar_of(&case.customer);
    let mut text = format!(
        "{}  {}  {}\n{}\n  {}, opened {}, severity {}, {}\n",
        case.number,
        printable(&case.customer),
        case.kind.name(),
        printable(&case.title),
        case.state,
        wall_time(calendar, case.opened),
        case.severity.name(),
        case.owner
            .as_deref()
            .map_or_else(|| "nobody has it".to_owned(), |it| format!("{} has it", printable(it))),
    );
    if case.alerts > 0 {
        let (first, last) = (wall_time(calendar, case.first), wall_time(calendar, case.last));
        text += &format!("  {}, first {first}, last {last}\n", counted(case.alerts, "alert"));
    }
    for it in &about {
        let (name, value) = (printable(&it.name), printable(&it.value));
        text += &format!("  {name} {value} in {}\n", counted(it.alerts, "alert"));
    }
    for (other, relation) in &case.links {
        text += &format!("  {} {other}\n", relation_words(*relation));
    }
    for clock in &case.clocks {
        text += &clock_line(clock, calendar, service);
    }
    text += &owed_lines(&case, calendar);
    if let Some(findings) = &case.findings {
        text += &format!("found\n  {}\n", printable_lines(findings, "  "));
    }
    if let Some(hash) = &case.change {
        text += &change(store, hash).await?;
    }
    text += "history\n";
    for event in &events {
        text += &event_line(event, calendar, event.act.filter(|act| undoable.contains(act)));
    }
    if !sent.is_empty() || !told.is_empty() {
        text += "sent\n";
    }
    for outgoing in sent.iter().filter(|it| told.iter().all(|told| told.outgoing.id != it.id)) {
        text += &sent_line(outgoing, calendar);
    }
    for told in &told {
        text += &told_line(told, calendar);
    }
    if !alerts.is_empty() {
        text += "alerts, the latest first\n";
    }
    for alert in &alerts {
        text += &alert_line(alert, calendar);
    }
    if case.alerts > alerts.len() as u64 {
        text += &format!("  and {} more\n", case.alerts - alerts.len() as u64);
    }
    if !legal.is_empty() {
        text += &format!("next: {}\n", legal.join(", "));
    }
    Ok(text)
}

fn clock_line(clock: &Clock, calendar: &Calendar, service: &Service) -> String {
    let standing = match clock.standing(service.terms().pause_on_customer, policies::now()) {
        Standing::Met => "met",
        Standing::Runs => "runs",
        Standing::Paused => "paused",
        Standing::Late => "late",
        Standing::Breached => "BREACHED",
    };
    let (target, contract) = (wall_time(calendar, clock.due.target), wall_time(calendar, clock.due.contract));
    let stopped =
        clock.stopped.map(|at| format!(", stopped {}", wall_time(calendar, at))).unwrap_or_default();
    let mut text = format!(
        "  {:<11} {standing}: by {target}, at the latest by {contract}{stopped}\n",
        clock.kind.name()
    );
    for replaced in &clock.replaced {
        let was = wall_time(calendar, replaced.due.target);
        text += &format!("              was by {was}: {}\n", printable(&replaced.why));
    }
    text
}

/// What is counted without a promise.
fn owed_lines(case: &Case, calendar: &Calendar) -> String {
    let mut text = String::new();
    let informal = case.informal;
    if let (Some(told), Some(due)) = (informal.told, informal.update_due(calendar)) {
        let late = if policies::now() > due { ", late" } else { "" };
        let (told, due) = (wall_time(calendar, told), wall_time(calendar, due));
        text += &format!("  {:<11} the customer was told last {told}, hears more by {due}{late}\n", "update");
    }
    if let (Some(asked), Some(reminders)) = (informal.asked, informal.reminders(calendar)) {
        text += &format!("  {:<11} asked {}", "authorisation", wall_time(calendar, asked));
        let words = ["reminded", "again", "the escalation contact hears of it", "it ends"];
        for (words, at) in words.into_iter().zip(reminders.moments()) {
            if let Some(at) = at {
                text += &format!(", {words} {}", wall_time(calendar, at));
            }
        }
        text.push('\n');
    }
    text
}

async fn change(store: &Store, hash: &str) -> Result<String, Failure> {
    let Some((proposed, approvals)) = store.desk().change(hash).await.map_err(said)? else {
        return Ok(String::new());
    };
    let (change, impact) = (&proposed.change, &proposed.impact);
    let known = impact.blocked.map_or_else(
        || "what it would have blocked is not known".to_owned(),
        |blocked| {
            format!(
                "in {} days it would have blocked {blocked} calls, {} of them wanted",
                impact.days, impact.wanted
            )
        },
    );
    let mut text =
        format!("change {}, risk {}, code {}: {known}\n", &change.hash(), change.risk(impact), change.code());
    for line in &change.lines {
        for line in line.to_string().lines() {
            text += &format!("  {}\n", printable(line));
        }
    }
    for left in &proposed.left_out {
        text.extend(
            left.in_words().lines().filter(|it| !it.is_empty()).map(|it| format!("  {}\n", printable(it))),
        );
    }
    for approval in approvals {
        text += &format!("  approved by {}\n", printable(&approval.approver));
    }
    Ok(text)
}

fn sent_line(outgoing: &Outgoing, calendar: &Calendar) -> String {
    let (at, words) = outgoing.tries.last().map_or((outgoing.due, ""), |(at, words)| (*at, words.as_str()));
    let words = if words.is_empty() { String::new() } else { format!(": {}", printable(words)) };
    format!(
        "  {}  {} to {} is {}{words}\n",
        wall_time(calendar, at),
        outgoing.channel.name(),
        printable(&outgoing.to),
        outgoing.state.name()
    )
}

fn event_line(event: &Event, calendar: &Calendar, undo: Option<u64>) -> String {
    let seen = if event.visible == Visible::Customer { " (customer sees it)" } else { "" };
    let text = if event.text.is_empty() {
        String::new()
    } else {
        format!(": {}", printable_lines(&event.text, "    "))
    };
    format!(
        "  {}  {} {}{seen}{text}{undo}\n",
        wall_time(calendar, event.at),
        printable(&event.who),
        printable(&event.what),
        undo = undo.map(|act| format!(" [undo {act}]")).unwrap_or_default(),
    )
}

/// Who was told by what, and where that stands.
fn told_line(sent: &Sent, calendar: &Calendar) -> String {
    let outgoing = &sent.outgoing;
    let (at, said) = outgoing.tries.last().map_or((outgoing.due, ""), |(at, said)| (*at, said.as_str()));
    let tries =
        if outgoing.tries.len() > 1 { format!(", try {}", outgoing.tries.len()) } else { String::new() };
    let said = if said.is_empty() { String::new() } else { format!(": {}", printable(said)) };
    format!(
        "  {}  {} by {} {}{tries}, {} ({}){said}\n",
        wall_time(calendar, at),
        printable(&sent.ledger.who),
        outgoing.channel.name(),
        outgoing.state.name(),
        printable(&sent.ledger.why),
        outgoing.id,
    )
}

fn alert_line(alert: &str, calendar: &Calendar) -> String {
    let Ok(alert) = serde_json::from_str::<serde_json::Value>(alert) else { return String::new() };
    let word = |name: &str| alert.get(name).and_then(|it| it.as_str()).unwrap_or_default().to_owned();
    let number = |name: &str| alert.get(name).filter(|it| it.is_number()).map(ToString::to_string);
    let calls = alert.get("total_calls").and_then(serde_json::Value::as_u64).unwrap_or_default();
    let at =
        word("at").parse::<jiff::Timestamp>().map(|at| Timestamp(at.as_microsecond())).unwrap_or_default();
    let window = if word("window").is_empty() { String::new() } else { format!(" in {}", word("window")) };
    // A firewall rule rings at every call, and counts none.
    let counts = number("count").zip(number("limit"));
    let counts = counts.map(|(count, limit)| format!(": {count} of {limit}{window}")).unwrap_or_default();
    format!(
        "  {}  {} {}{counts}, {} ({})\n",
        wall_time(calendar, at),
        printable(&word("severity")),
        printable(&word("rule")),
        counted(calls, "call"),
        printable(&word("id"))
    )
}

/// What somebody wrote, each line of it on one of its own, all but the first behind `indent`.
fn printable_lines(text: &str, indent: &str) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join(&format!("\n{indent}"))
}

/// The clocks of `cases` as a statement.
pub(super) fn clocks(cases: &[Case], service: &Service, now: Timestamp) -> String {
    statement::write(&statement::rows(service, cases, None, now))
}

const fn relation_words(relation: cases::case::Relation) -> &'static str {
    match relation {
        cases::case::Relation::RecursAfter => "the same as in",
        cases::case::Relation::MergedInto => "joined into",
        cases::case::Relation::Merged => "joined with",
        cases::case::Relation::SplitFrom => "taken out of",
        cases::case::Relation::RelatesTo => "see also",
    }
}

/// Columns as wide as their widest cell; the last one as it is.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

const ALERTS_SHOWN: u32 = 20;
const OBSERVABLES_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_of_a_rule_is_said_without_a_limit_that_it_does_not_have() {
        let service = Service::sample();
        let line = |rest: &str| {
            let alert = format!(
                "{{\"severity\":\"warning\",\"rule\":\"unwanted\",\"total_calls\":1,\"id\":\"a-1\"{rest}}}"
            );
            alert_line(&alert, service.calendar_of("Acme"))
        };
        let of_rule = line(",\"count\":1,\"limit\":null");
        assert!(of_rule.ends_with("  warning unwanted, 1 call (a-1)\n"), "{of_rule}");
        let of_threshold = line(",\"count\":3,\"limit\":2.5,\"window\":\"10m\"");
        assert!(
            of_threshold.ends_with("  warning unwanted: 3 of 2.5 in 10m, 1 call (a-1)\n"),
            "{of_threshold}"
        );
    }

    #[test]
    fn lines_of_a_text_stay_lines_and_act_on_nothing() {
        assert_eq!(printable_lines("one\ntw\u{1b}o\n", "  "), "one\n  tw\u{fffd}o");
        assert_eq!(printable_lines("one", "  "), "one");
    }
}
