//! What happened in a case, as a page shows it.

use std::collections::BTreeSet;

use cases::Outgoing;
use cases::Registration;
use cases::intake::Role;
use cases::io::store::{Event, Sent, Visible};
use cases::outgoing::{Content, Delivery};
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde_json::Value;

use crate::text::{Moment, url_part};

/// Something in the history.
pub(super) struct Entry {
    pub(super) at: Moment,
    pub(super) event: Event,
    pub(super) class: &'static str,
    /// Whether the customer sees it.
    pub(super) is_public: bool,
    /// By what it is taken back, while that is possible.
    pub(super) undo: Option<u64>,
}

/// An alert of the case.
pub(crate) struct AlertShown {
    pub(crate) id: String,
    pub(crate) at: Option<Moment>,
    pub(crate) rule: String,
    pub(crate) severity: String,
    pub(crate) key: String,
    pub(crate) counted: String,
    /// Call-IDs of its calls, each with where the call is.
    pub(crate) calls: Vec<(String, String)>,
    /// Finds the calls of its key on the page of calls, behind the customer.
    pub(crate) search: String,
}

/// Something that was sent, or will be.
pub(super) struct SentShown {
    pub(super) id: String,
    /// Nothing of it is tried any more, unless somebody wants that.
    pub(super) is_given_up: bool,
    pub(super) at: Moment,
    pub(super) to: String,
    pub(super) channel: &'static str,
    pub(super) subject: String,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    pub(super) why: String,
    pub(super) last_try: String,
}

/// The history, filtered.
pub(super) fn entries(
    events: Vec<Event>,
    show: &str,
    undoable: &BTreeSet<u64>,
    zone: &TimeZone,
) -> Vec<Entry> {
    let fits = |event: &Event| match show {
        "mail" => matches!(
            event.what.as_str(),
            "open"
                | "mail"
                | "reply"
                | "message"
                | "answer"
                | "ask-info"
                | "notice"
                | "undelivered"
                | "resend"
        ),
        "changes" => CHANGES.contains(&event.what.as_str()),
        "notes" => matches!(event.what.as_str(), "note" | "find" | "close"),
        "alerts" => matches!(
            event.what.as_str(),
            "open" | "reopen" | "merge" | "split" | "attach" | "detach" | "undo" | "alert"
        ),
        _ => true,
    };
    let shown: Vec<_> = events.into_iter().filter(fits).collect();
    let skipped = shown.len().saturating_sub(ENTRIES_MAX);
    shown
        .into_iter()
        .skip(skipped)
        .map(|event| {
            let is_public = event.visible == Visible::Customer;
            let class = match event.what.as_str() {
                _ if is_public => "customer",
                "note" => "note",
                _ => "",
            };
            let undo = event.act.filter(|act| undoable.contains(act));
            Entry { at: Moment::new(event.at, zone), class, is_public, undo, event }
        })
        .collect()
}

/// What somebody did, as a page says it behind their name. What has no words here stands as it was written.
pub(crate) fn did(what: &str) -> &str {
    match what {
        "open" => "opened it",
        "take" => "took it",
        "acknowledge" => "acknowledged it",
        "assign" => "assigned it",
        "severity" => "set the severity",
        "investigate" => "began to investigate",
        "find" => "wrote down findings",
        "note" => "noted",
        "untrusted-note" => "wrote, unverified",
        "mail" => "sent mail",
        "message" | "reply" => "wrote",
        "answer" => "answered",
        "ask-info" => "asked for what is missing",
        "notify" => "notified the customer",
        "notice" => "sent a notice",
        "undelivered" => "could not deliver",
        "resend" => "sent it again",
        "adopt" => "made it a request of the customer",
        "release" => "released it from quarantine",
        "propose" => "proposed a change",
        "rebase" => "put the change on the policy of now",
        "ask-authorisation" => "asked for approval",
        "ask-changes" => "withdrew the change to rework it",
        "withdraw-proposal" => "withdrew the change",
        "approve" => "said yes",
        "leave-out" => "left out a part of the change",
        "void-approval" => "voided an approval",
        "authorise" => "recorded that the change is authorised",
        "standing" => "used a standing authorisation",
        "refuse" => "said no",
        "disown" => "took back an approval",
        "install" => "put it in force and tested it",
        "prove" => "told the customer that it is in force and proven",
        "roll-back" => "put the policy from before back in force",
        "inform" => "told the customer that it is done",
        "produce" => "produced the report",
        "deliver" => "delivered the report",
        "close" => "closed it",
        "reopen" => "opened it again",
        "drop" => "dropped it",
        "link" => "linked another case",
        "merge" => "joined cases",
        "split" => "took alerts out",
        "attach" => "attached alerts",
        "detach" => "detached alerts",
        "group" => "began to group alerts like these",
        "ungroup" => "ended the grouping",
        "undo" => "took something back",
        "alert" => "added an alert",
        what => what,
    }
}

/// Who did it. A yes that came by mail was written down by the service; whose it is stands in its words.
pub(crate) fn who(event: &Event) -> &str {
    match event.text.split_once(" approves change ") {
        Some((approver, _)) if event.what == "approve" => approver,
        _ => &event.who,
    }
}

/// What was written of it. Of a change by its hash a person reads as much as is shown elsewhere; what people wrote stays as it is.
pub(crate) fn shown_text(event: &Event) -> String {
    if !CHANGES.contains(&event.what.as_str()) {
        return event.text.clone();
    }
    let mut told = String::with_capacity(event.text.len());
    let mut rest = event.text.as_str();
    while let Some(at) = rest.find(|it: char| it.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let is_whole = !before.ends_with(|it: char| it.is_alphanumeric());
        let is_hash = is_whole && end == HASH_DIGITS && word.bytes().all(|it| it.is_ascii_hexdigit());
        told += before;
        told += if is_hash { word.get(..HASH_SHOWN).unwrap_or(word) } else { word };
        rest = after;
    }
    told + rest
}

/// Alerts as the engine wrote them: JSON, of which nothing is believed to be there.
pub(super) fn alerts(texts: &[String], zone: &TimeZone) -> Vec<AlertShown> {
    texts.iter().map(|text| AlertShown::read(text, zone)).collect()
}

impl AlertShown {
    pub(crate) fn read(text: &str, zone: &TimeZone) -> Self {
        let alert: Value = serde_json::from_str(text).unwrap_or_default();
        let word = |name: &str| alert.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| alert.get(name).filter(|it| !it.is_null()).map(ToString::to_string);
        let at = word("at").parse::<jiff::Timestamp>().ok();
        let key = alert.get("key").and_then(Value::as_object).into_iter().flatten();
        let key: Vec<_> =
            key.map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default())).collect();
        let mut counted = number("count").unwrap_or_default();
        if let Some(limit) = number("limit") {
            counted += &format!(" of {limit}");
        }
        if let Some(window) = alert.get("window").and_then(Value::as_str) {
            counted += &format!(" within {window}");
        }
        if let Some(usual) = number("usual").or_else(|| number("expected")) {
            counted += &format!(", usual {usual}");
        }
        let (rule, threshold) = (word("rule"), word("threshold"));
        // A label that nobody chose has the rule's name in it already.
        let rule = match threshold.strip_prefix(&rule) {
            _ if threshold.is_empty() => rule,
            Some(rest) if rest.is_empty() || rest.starts_with('#') => threshold,
            _ => format!("{rule}: {threshold}"),
        };
        let calls = alert.get("calls").and_then(Value::as_array).into_iter().flatten();
        let moment = |name: &str| word(name).parse::<jiff::Timestamp>().ok().map(|at| at.as_microsecond());
        let last = moment("last").or_else(|| moment("at")).unwrap_or_default();
        let (first, customer) = (moment("first").unwrap_or(last), url_part(&word("customer")));
        let place = |id: &str| format!("/calls/{customer}/named?from={first}&to={last}&id={}", url_part(id));
        Self {
            at: at.map(|at| Moment::new(Timestamp(at.as_microsecond()), zone).short()),
            rule,
            severity: word("severity"),
            search: ["caller", "called"]
                .iter()
                .filter_map(|of| Some((of, alert.get("key")?.get(of)?.as_str()?)))
                .map(|(of, number)| format!("&{of}={}", url_part(number)))
                .collect(),
            key: key.join(", "),
            counted,
            calls: calls
                .filter_map(Value::as_str)
                .filter(|id| !id.is_empty())
                .take(CALLS_SHOWN)
                .map(|id| (id.to_owned(), place(id)))
                .collect(),
            id: word("id"),
        }
    }
}

/// What went out, with why where notices sent it.
pub(super) fn sent(outgoing: &[Outgoing], ledger: &[Sent], zone: &TimeZone) -> Vec<SentShown> {
    let skipped = outgoing.len().saturating_sub(SENT_SHOWN);
    outgoing
        .iter()
        .skip(skipped)
        .map(|it| {
            let (state, class) = match it.state {
                Delivery::Waiting => ("waits", ""),
                Delivery::Accepted => ("✓ taken", "met"),
                Delivery::Failed => ("▲ failed", "breached"),
            };
            let subject = match &it.content {
                Content::AutomaticReply(_) => "automatic answer".to_owned(),
                Content::Notice { subject, .. } | Content::Report { subject, .. } => subject.clone(),
                Content::Document(_) => "a document for a machine".to_owned(),
            };
            let why = ledger.iter().find(|sent| sent.outgoing.id == it.id);
            SentShown {
                id: it.id.clone(),
                is_given_up: it.state == Delivery::Failed,
                at: Moment::new(it.due, zone).short(),
                to: it.to.clone(),
                channel: it.channel.name(),
                subject,
                state,
                class,
                why: why.map(|sent| sent.ledger.why.clone()).unwrap_or_default(),
                last_try: it.tries.last().map(|(_, words)| words.clone()).unwrap_or_default(),
            }
        })
        .collect()
}

/// Who may do what for the customer.
pub(super) fn contacts(registration: &Registration, now: Timestamp) -> Vec<(String, String)> {
    let word = |role: &Role| match role {
        Role::Requester => "asks",
        Role::Authorizer => "authorises",
        Role::ReportRecipient => "gets reports",
        Role::IncidentNotify => "is told of incidents",
        Role::Escalation => "is turned to",
    };
    let people = registration.people.iter().filter(|person| person.is_valid_at(now)).take(CONTACTS_SHOWN);
    people
        .map(|person| (person.name.clone(), person.roles.iter().map(word).collect::<Vec<_>>().join(", ")))
        .collect()
}

const CHANGES: [&str; 14] = [
    "propose",
    "rebase",
    "ask-authorisation",
    "ask-changes",
    "authorise",
    "approve",
    "leave-out",
    "void-approval",
    "refuse",
    "disown",
    "install",
    "prove",
    "roll-back",
    "standing",
];
/// Digits of the hash of a change, and those that a person is shown.
const HASH_DIGITS: usize = 64;
pub(crate) const HASH_SHOWN: usize = 12;
/// The latest are shown: a page has a bound.
const ENTRIES_MAX: usize = 300;
const CALLS_SHOWN: usize = 5;
const SENT_SHOWN: usize = 50;
const CONTACTS_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_as_much_of_a_hash_as_is_shown_elsewhere_and_their_own_words_as_they_are() {
        let hash = "e029c3a5".repeat(8);
        let event = |what: &str, text: String| Event {
            at: Timestamp(0),
            who: "ben".to_owned(),
            what: what.to_owned(),
            text,
            visible: Visible::Customer,
            act: None,
        };
        let of = |what: &str, text: String| shown_text(&event(what, text));
        let proposed = of(
            "propose",
            format!("risk low, change {hash}: put +13035550123 on harassment: fäde x{hash} {hash}a"),
        );
        assert_eq!(
            proposed,
            format!("risk low, change e029c3a5e029: put +13035550123 on harassment: fäde x{hash} {hash}a")
        );
        assert_eq!(of("rebase", format!("{hash} after {hash}")), "e029c3a5e029 after e029c3a5e029");
        assert_eq!(of("note", hash.clone()), hash, "what somebody typed is theirs");
        let yes = event("approve", format!("Ann approves change {hash}"));
        assert_eq!(
            (who(&yes), who(&event("note", yes.text.clone()))),
            ("Ann", "ben"),
            "whoever wrote it down"
        );
        assert_eq!((did("ask-authorisation"), did("what-is-new")), ("asked for approval", "what-is-new"));
    }
}
