//! One recorded call: its record, the signalling that was kept, and what a policy makes of it now.

use std::collections::{BTreeMap, BTreeSet};

use console::known::{CallNamed, CallWanted, JudgeWanted, Judgement, Listed, Message, OneCall};
use engine::{Budget, Recorded, Rerun, explain_again};
use records::io::Wanted;
use records::{Batch, Call, Column, Columns, PartyKind};
use reporter::recorded::Reading;
use rules::policy::{ChangeControl, Finding, ListContent, Policy, RuleState};
use rules::{Action, Flag, Number, Timestamp};
use serde_json::Value;
use spool::{Kind, Reader, Signal};

use super::calls::{Shelf, id, row};
use super::known::Around;
use super::policies::{kept, version_of};
use crate::serve::SPOOL;

/// All that is known of a call.
pub(super) fn one(around: &Around, wanted: CallWanted) -> Result<Option<Box<OneCall>>, String> {
    let shelf = Shelf::open(around.data())?;
    let Some(call) = find(&shelf, &wanted)? else { return Ok(None) };
    let mut one = OneCall {
        row: row(&call),
        facts: facts(&call),
        verdict: verdict(&call),
        flags: flags(&call),
        number: number(&call).map(|number| number.to_string()),
        versions: kept(around, &wanted.customer)?,
        ..OneCall::default()
    };
    if let Some(number) = number(&call) {
        one.history = history(around, &shelf, &wanted.customer, number)?;
        let _ = around.policy(&wanted.customer, |policy| {
            lists(around, &mut one, policy, number);
            Ok(())
        });
    }
    signalling(around, &call, &mut one)?;
    Ok(Some(Box::new(one)))
}

/// What pages call the call with a Call-ID, which strangers choose: of several the last that began before the end.
pub(super) fn named(around: &Around, wanted: CallNamed) -> Result<Option<String>, String> {
    let shelf = Shelf::open(around.data())?;
    let customer = Some(wanted.customer.as_str());
    let end = wanted.to.plus_micros(MINUTE_MICROS);
    let from = wanted.from.max(wanted.to.plus_micros(-DAY_MICROS));
    let is_it = |call_id: Option<&str>| call_id == Some(wanted.call_id.as_str());
    let mut found: Option<Call> = None;
    shelf.unwritten(&mut Vec::new(), |call| {
        let is_later = found.as_ref().is_none_or(|found| found.start < call.start);
        if call.start < end
            && call.customer.as_deref() == customer
            && is_it(call.call_id.as_deref())
            && is_later
        {
            found = Some(call);
        }
    })?;
    let Some(store) = shelf.store().filter(|_| found.is_none()) else { return Ok(found.as_ref().map(id)) };
    // What counts ends of calls tells of calls that began long before.
    let near = from.plus_micros(-60 * MINUTE_MICROS);
    let far = from.plus_micros(-DAY_MICROS);
    for during in [near..end, far..near] {
        for batch in store.scan(customer, during, Columns::of(&[Column::Start, Column::CallId])) {
            let batch = batch.map_err(|error| error.to_string())?;
            let fits = |place: &usize| is_it(batch.call_id.get(*place));
            for call in (0..batch.len()).filter(fits).map(|place| batch.call(place)) {
                if found.as_ref().is_none_or(|found| found.start < call.start) {
                    found = Some(call);
                }
            }
        }
        if found.is_some() {
            break;
        }
    }
    Ok(found.as_ref().map(id))
}

/// What a policy makes of a call, with counters that have counted nothing.
pub(super) fn judge(around: &Around, wanted: JudgeWanted) -> Result<Judgement, String> {
    let shelf = Shelf::open(around.data())?;
    let call = find(&shelf, &wanted.call)?.ok_or("There is no such call.")?;
    let policy = match wanted.version {
        Some(number) => Policy::new(version_of(around, &wanted.call.customer, number)?.text().clone()),
        None => around.policy(&wanted.call.customer, |policy| Ok(Policy::new(policy.text().clone())))?,
    };
    let mut batch = Batch::new(Columns::ALL);
    batch.push(&call);
    let mut recorded = Recorded::default();
    Reading::new(true).read(&batch, 0, 0, &mut recorded);
    let budget = Budget { keys_max: 1 << 10, window_bytes_max: 1 << 20 };
    let mut rerun = Rerun::new(policy, budget);
    rerun.take(&mut recorded);
    rerun.finish();
    let policies = rerun.policies();
    let policy = policies.policies().first().ok_or("There is no policy.")?;
    let attempt = rerun.poll().ok_or("The record does not say enough for it to be judged again.")?;
    let explanation = explain_again(policy, attempt).ok_or("No policy judges such a message.")?;
    let verdict = &explanation.verdict;
    let shadow = match verdict.would {
        Some(would) if would != verdict.action => format!(" (in enforce mode: {})", would.word()),
        _ => String::new(),
    };
    let rules = explanation.rules.iter().map(|finding| {
        let name = policy.rule(finding.rule).map(|rule| rule.name.clone()).unwrap_or_default();
        let conditions = [("when", &finding.when), ("unless", &finding.unless)];
        let lines = conditions.iter().flat_map(|(clause, findings)| {
            findings.iter().map(move |finding| format!("{clause} {}", condition(finding)))
        });
        (name, state(finding.state), lines.collect())
    });
    Ok(Judgement {
        verdict: format!("{}{shadow}: {}", verdict.action.word(), reporter::reason(verdict, policy)),
        action: verdict.would.unwrap_or(verdict.action).word().to_owned(),
        version: policy.version().to_owned(),
        rules: rules.collect(),
        turning_points: reporter::turning_points(&explanation, policy),
    })
}

/// The call that pages call so.
fn find(shelf: &Shelf<'_>, wanted: &CallWanted) -> Result<Option<Call>, String> {
    let start = wanted.id.split('-').next().and_then(|start| start.parse().ok());
    let Some(start) = start.filter(|start| (0..i64::MAX).contains(start)).map(Timestamp) else {
        return Ok(None);
    };
    let customer = Some(wanted.customer.as_str());
    if let Some(store) = shelf.store() {
        for batch in store.scan(customer, start..start.plus_micros(1), Columns::ALL) {
            let batch = batch.map_err(|error| error.to_string())?;
            let calls = (0..batch.len()).map(|place| batch.call(place));
            if let Some(call) = calls.into_iter().find(|call| id(call) == wanted.id) {
                return Ok(Some(Call { customer: Some(wanted.customer.clone()), ..call }));
            }
        }
    }
    let mut found = None;
    shelf.unwritten(&mut Vec::new(), |call| {
        if call.start == start && call.customer.as_deref() == customer && id(&call) == wanted.id {
            found = Some(call);
        }
    })?;
    Ok(found)
}

fn number(call: &Call) -> Option<Number> {
    let is_number = call.caller.kind == PartyKind::Number && call.caller.number != 0;
    is_number.then(|| Number::international(call.caller.number.to_string().as_bytes())).flatten()
}

/// What a record says of a call, but for why it was judged so.
fn facts(call: &Call) -> Vec<(&'static str, String)> {
    let seconds = |micros: Option<i64>| micros.map(|micros| format!("{:.1} s", micros as f64 / 1e6));
    let more = more(call);
    let text = |name: &str| more.get(name).and_then(Value::as_str).map(str::to_owned);
    let all = [
        ("Caller", Some(call.caller.to_string())),
        ("Display name", call.display_name.clone()),
        ("Called", Some(call.called.to_string())),
        ("Sent by", Some(call.source.clone())),
        ("Sent to", text("destination")),
        ("Transport", text("transport")),
        ("User agent", call.user_agent.clone()),
        ("Call type", Some(call.call_type.clone())),
        ("Final response", call.status.map(|status| status.to_string())),
        ("Rang for", seconds(call.ring_micros())),
        ("Talked for", seconds(call.talk_micros())),
        ("Hung up by", call.hung_up.map(|side| side.word().to_owned())),
        ("Call-ID", call.call_id.clone()),
    ];
    said(all)
}

/// The verdict with all behind it.
fn verdict(call: &Call) -> Vec<(&'static str, String)> {
    let more = more(call);
    let text = |name: &str| more.get(name).and_then(Value::as_str).map(str::to_owned);
    // Thresholds by their labels, of all messages of the call.
    let counting = more.get("counted").and_then(Value::as_array).into_iter().flatten();
    let labels = counting.filter_map(|message| message.get("thresholds")?.as_array());
    let labels: BTreeSet<&str> = labels.flatten().filter_map(Value::as_str).collect();
    let counted = labels.into_iter().collect::<Vec<_>>().join(", ");
    let all = [
        ("Reason", call.reason.clone()),
        ("Rule", call.rule.clone()),
        ("In enforce mode", call.would.filter(|it| *it != call.verdict).map(|it| it.word().to_owned())),
        ("Response", call.action_status.map(|status| status.to_string())),
        ("Counted by", Some(counted)),
        ("Attestation", Some(call.attestation.map_or("unverified", |it| it.word()).to_owned())),
        ("Verification", text("verstat")),
        ("Signed by", text("signer")),
        ("Policy version", call.policy.clone()),
    ];
    said(all)
}

fn said<const COUNT: usize>(all: [(&'static str, Option<String>); COUNT]) -> Vec<(&'static str, String)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value.filter(|it| !it.is_empty())?))).collect()
}

fn more(call: &Call) -> serde_json::Map<String, Value> {
    serde_json::from_str(&call.more).unwrap_or_default()
}

fn flags(call: &Call) -> Vec<(String, String)> {
    let words = call.flags.split(' ').filter(|word| !word.is_empty());
    let meaning = |word: &str| Flag::from_name(word).map(|flag| flag.meaning().to_owned());
    words.map(|word| (word.to_owned(), meaning(word).unwrap_or_default())).collect()
}

/// Calls of `number` a day, of the last thirty days, and how many of them were refused.
fn history(
    around: &Around,
    shelf: &Shelf<'_>,
    customer: &str,
    number: Number,
) -> Result<Vec<(String, u64, u64)>, String> {
    let now = around.now();
    let from = now.plus_micros(-HISTORY_DAYS * DAY_MICROS);
    let zone = around.policy(customer, |policy| Ok(policy.text().customer.time_zone.clone()));
    let zone = zone.unwrap_or(jiff::tz::TimeZone::UTC);
    let day = |at: i64| {
        let at = jiff::Timestamp::from_microsecond(at).unwrap_or_default();
        at.to_zoned(zone.clone()).date()
    };
    let mut days: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for back in 0..=HISTORY_DAYS {
        days.entry(day(now.0 - back * DAY_MICROS)).or_default();
    }
    let mut take = |at: i64, verdict: Action| {
        let (calls, refused) = days.entry(day(at)).or_default();
        *calls += 1;
        *refused += u64::from(verdict != Action::Allow && verdict != Action::Tag);
    };
    if let Some(store) = shelf.store() {
        let columns = Columns::of(&[Column::Start, Column::Verdict, Column::Kind]);
        let wanted = Wanted { caller: Some(number.value()), called: None };
        for batch in store.find(Some(customer), from..now, columns, wanted) {
            let batch = batch.map_err(|error| error.to_string())?;
            for (place, at) in batch.start.iter().enumerate() {
                take(*at, batch.verdict.get(place).copied().unwrap_or(Action::Allow));
            }
        }
    }
    shelf.unwritten(&mut Vec::new(), |call| {
        if call.customer.as_deref() == Some(customer) && call.caller.number == number.value() {
            take(call.start.0, call.verdict);
        }
    })?;
    Ok(days.into_iter().map(|(day, (calls, refused))| (day.to_string(), calls, refused)).collect())
}

/// On which lists the caller stands, and onto which it may come.
fn lists(around: &Around, one: &mut OneCall, policy: &Policy, number: Number) {
    let now = around.now();
    let text = policy.text();
    one.is_controlled = text.customer.change_control == ChangeControl::Approved;
    for list in &text.lists {
        let ListContent::Numbers { exact, ranges } = &list.content else { continue };
        let rows = [exact.row(number), ranges.row(number)];
        for row in rows.into_iter().flatten().filter(|row| list.holds(*row, now)) {
            let entry = list.entry_text(row, &text.source).unwrap_or_default();
            one.listed.push(Listed {
                list: list.name.clone(),
                entry: entry.number,
                expires: entry.expires,
                reason: entry.reason,
                refuses: list.refuses,
            });
        }
    }
    // Nobody blocks the numbers of the customer.
    if !policy.owns(number) {
        one.lists = super::lists::for_blocks(around, policy);
    }
}

/// What was kept of the signalling of `call`.
fn signalling(around: &Around, call: &Call, one: &mut OneCall) -> Result<(), String> {
    let Some(call_id) = call.call_id.as_deref() else { return Ok(()) };
    let from = call.start.plus_micros(-MARGIN_MICROS).0;
    let to = call.start.plus_micros(call.ended_after.unwrap_or(UP_MICROS).max(0) + MARGIN_MICROS).0;
    let mut reader = Reader::open(&around.data().join(SPOOL), "console").map_err(|it| it.to_string())?;
    reader.only(&[Kind::SIGNALLING]);
    reader.seek(0);
    let mut bytes = 0;
    for _ in 0..SIGNALS_MAX {
        let Some(record) = reader.next().map_err(|it| it.to_string())? else {
            if one.messages.is_empty() {
                one.missing = Some(
                    "No signalling of this call is kept: that of calls that pass is not, and that of others \
                     only for a while ([spool] in the configuration)."
                        .to_owned(),
                );
            }
            return Ok(());
        };
        if !(from..to).contains(&record.at_micros) {
            continue;
        }
        let Some(signal) = Signal::parse(&record.payload) else { continue };
        if signal.call_id != call_id.as_bytes() {
            continue;
        }
        bytes += signal.message.len();
        if one.messages.len() >= MESSAGES_MAX || bytes > MESSAGE_BYTES_MAX {
            one.missing = Some(format!("Only the first {} messages are shown.", one.messages.len()));
            return Ok(());
        }
        one.messages.push(Message {
            at: Timestamp(record.at_micros),
            from: signal.source.to_string(),
            to: signal.destination.to_string(),
            is_ours: signal.is_ours,
            transport: transport(signal.transport),
            text: String::from_utf8_lossy(signal.message).replace("\r\n", "\n"),
        });
    }
    one.missing = Some(format!("Of the signalling that is kept, {SIGNALS_MAX} messages were looked at."));
    Ok(())
}

const fn transport(number: u8) -> &'static str {
    match number {
        1 => "UDP",
        2 => "TCP",
        3 => "TLS",
        4 => "SCTP",
        5 => "WS",
        6 => "WSS",
        _ => "?",
    }
}

fn condition(finding: &Finding) -> String {
    match &finding.fitted {
        Some(fit) if fit.value == fit.term => format!("{} is {}", finding.dimension, fit.value),
        Some(fit) => format!("{}: {} fits {}", finding.dimension, fit.value, fit.term),
        None => format!(
            "{}: {} fits none of {}",
            finding.dimension,
            reporter::listed(&finding.values),
            reporter::listed(&finding.terms)
        ),
    }
}

const fn state(state: RuleState) -> &'static str {
    match state {
        RuleState::Matches => "matches",
        RuleState::Fails => "no",
        RuleState::NotReached => "not reached",
        RuleState::Off => "off",
        RuleState::Expired => "expired",
    }
}

const HISTORY_DAYS: i64 = 30;
const DAY_MICROS: i64 = 86_400_000_000;
const MINUTE_MICROS: i64 = 60_000_000;
/// What is signalled so long before a call's start or after its end belongs to it.
const MARGIN_MICROS: i64 = 40_000_000;
/// How long the signalling of a call that has not ended is looked for.
const UP_MICROS: i64 = 6 * 3_600_000_000;
/// Kept messages, of all calls, that are looked at.
const SIGNALS_MAX: usize = 2_000_000;
/// Messages of one page.
const MESSAGES_MAX: usize = 60;
/// Their bytes: what is escaped may be five times that.
const MESSAGE_BYTES_MAX: usize = 48 << 10;
