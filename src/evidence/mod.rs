//! What is kept of one case, put into a pack: from the database, the spool, and the versions of policies.

mod calls;
mod policies;
mod readme;

use std::collections::BTreeSet;
use std::path::Path;

use cases::audit::Shown;
use cases::clock::Clock;
use cases::explanation::Explanation;
use cases::io::store::{Event, Evidence, Visible};
use cases::pack::{AUDIT, Audience, CHANGES, Pack};
use cases::{Calendar, Service};
use rules::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use self::calls::Calls;
use crate::outcome::Failure;

/// Puts `evidence` of a case into a pack, with what the folder of the service has about it.
pub(crate) fn fill(
    evidence: &Evidence,
    audience: Audience,
    service: &Service,
    data: &Path,
) -> Result<Pack, Failure> {
    let mut pack = Pack::default();
    let calendar = service.calendar_of(&evidence.case.customer);
    pack.put("case.json", JSON, pretty(&evidence.case)?);
    let clocks: Vec<_> = evidence.case.clocks.iter().map(|clock| explained(clock, calendar)).collect();
    pack.put("clocks.json", JSON, pretty(&clocks)?);
    history(&mut pack, &evidence.events, audience);
    let alerts: Vec<u8> = evidence.alerts.iter().flat_map(|text| [text.as_bytes(), b"\n"].concat()).collect();
    pack.put("alerts.jsonl", JSONL, alerts);
    let calls = Calls::read(data, &evidence.case.customer, &evidence.alerts)?;
    let versions = calls.put(&mut pack)?;
    for (number, mail) in (1..).zip(&evidence.mails) {
        pack.put(&format!("mails/{number:04}.eml"), "message/rfc822", mail.raw.clone());
    }
    if !evidence.outgoing.is_empty() {
        pack.put("outgoing.jsonl", JSONL, lines(&evidence.outgoing)?);
    }
    changes(&mut pack, evidence)?;
    policies::put(&mut pack, evidence, &versions, data)?;
    let slice = slice(evidence, audience);
    if slice.is_empty() {
        pack.leave_out("The audit chain has no entry about this case yet.".to_owned());
    } else {
        pack.put(AUDIT, JSONL, lines(&slice)?);
    }
    let text = readme::text(evidence, &pack);
    pack.put("README.txt", "text/plain", text.into_bytes());
    Ok(pack)
}

/// What the customer sees apart from what people of the desk wrote for each other.
fn history(pack: &mut Pack, events: &[Event], audience: Audience) {
    let of = |visible| {
        let events = events.iter().filter(move |event| event.visible == visible);
        let line = |event: &Event| {
            let Event { at, who, what, text, .. } = event;
            json!({ "at": moment(*at), "who": who, "what": what, "text": text }).to_string() + "\n"
        };
        events.map(line).collect::<String>().into_bytes()
    };
    pack.put("history/customer.jsonl", JSONL, of(Visible::Customer));
    match audience {
        Audience::Desk => pack.put("history/desk.jsonl", JSONL, of(Visible::Desk)),
        Audience::Customer => pack.leave_out("Notes of the desk are not in it.".to_owned()),
    }
}

/// A clock, and why it is due when it is.
fn explained(clock: &Clock, calendar: &Calendar) -> Value {
    let mut why = Explanation::new(calendar, clock.start, clock.due.target).lines(calendar);
    if clock.calendar != calendar.version() {
        why.insert(0, "The calendar was changed since: this is how the one of today counts.".to_owned());
    }
    let waits: Vec<_> = clock
        .waits
        .iter()
        .map(|wait| json!({ "from": moment(wait.from), "to": wait.to.map(moment) }))
        .collect();
    json!({
        "kind": clock.kind, "start": moment(clock.start), "target": moment(clock.due.target),
        "contract": moment(clock.due.contract), "stopped": clock.stopped.map(moment),
        "in_time": clock.stopped.map(|at| at <= clock.due.contract), "calendar": clock.calendar,
        "waited_for_customer": waits, "target_counted": why,
    })
}

fn changes(pack: &mut Pack, evidence: &Evidence) -> Result<(), Failure> {
    for (proposed, approvals) in &evidence.changes {
        let (change, impact) = (&proposed.change, &proposed.impact);
        let shown: Vec<_> = change.lines.iter().map(ToString::to_string).collect();
        let whole = json!({
            "change": change, "impact": impact, "risk": change.risk(impact), "code": change.code(),
            "shown": shown, "approvals": approvals,
        });
        pack.put(&format!("{CHANGES}{}.json", change.hash()), JSON, pretty(&whole)?);
    }
    Ok(())
}

/// Entries about the case; of those about others only what the chain needs. For a customer also of what the desk wrote for itself.
fn slice(evidence: &Evidence, audience: Audience) -> Vec<Shown> {
    let number = evidence.case.number.to_string();
    let told: BTreeSet<_> = evidence
        .events
        .iter()
        .filter(|event| event.visible == Visible::Customer)
        .map(|event| (event.at.0, event.who.as_str(), event.what.as_str(), event.text.as_str()))
        .collect();
    let is_shown = |entry: &cases::audit::Entry| {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        let text = detail.get("text").and_then(Value::as_str).unwrap_or_default();
        let is_told = told.contains(&(entry.at.0, entry.actor.as_str(), entry.action.as_str(), text));
        entry.subject == number && (audience == Audience::Desk || is_told)
    };
    let shown = |entry: &cases::audit::Entry| match is_shown(entry) {
        true => Shown::Whole(entry.clone()),
        false => Shown::Hidden(entry.link()),
    };
    evidence.audit.iter().map(shown).collect()
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok((text + "\n").into_bytes())
}

fn lines<T: Serialize>(values: &[T]) -> Result<Vec<u8>, Failure> {
    let mut text = String::new();
    for value in values {
        text += &serde_json::to_string(value).map_err(|error| Failure::Usage(error.to_string()))?;
        text.push('\n');
    }
    Ok(text.into_bytes())
}

/// RFC 3339, UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

const JSON: &str = "application/json";
const JSONL: &str = "application/jsonl";
