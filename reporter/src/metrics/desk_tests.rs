//! Metrics of the desk over a handful of cases, by hand.

use std::collections::BTreeMap;

use cases::audit::Entry;
use cases::case::{Closure, Feedback, Kind, Severity};
use cases::flow::{Reason, State};
use cases::outgoing::Channel;
use cases::{Calendar, Case, CaseNumber, Change, Clock, ClockKind, Due, Outgoing, Registration, Service};
use jiff::tz::TimeZone;
use rules::Timestamp;

use super::judged::Judgements;
use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp(format!("{text}-06:00").parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn period() -> Period {
    Period { from: at("2026-12-01T00:00"), to: at("2026-12-15T00:00") }
}

fn case(serial: u64, kind: Kind, key: &str, opened: &str) -> Case {
    let json = serde_json::json!({
        "number": CaseNumber::new(serial), "customer": "Acme", "kind": kind, "flow": kind.flow(), "state": State::Open,
        "title": "a case", "severity": Severity::Warning, "opened": at(opened), "clocks": [], "alerts": 10,
        "key": (!key.is_empty()).then_some(key), "first": at(opened), "last": at(opened), "version": 1,
    });
    serde_json::from_value(json).unwrap()
}

fn closed(mut case: Case, when: &str, reason: Reason) -> Case {
    let feedback = (reason == Reason::FalsePositive).then_some(Feedback::Tune);
    case.closure =
        Some(Closure { at: at(when), by: "anna".to_owned(), reason, text: "told".to_owned(), feedback });
    case.state = State::Closed;
    case
}

fn entry(serial: u64, when: &str, actor: &str, action: &str, state: &str) -> Entry {
    Entry {
        sequence: 1,
        customer: "Acme".to_owned(),
        at: at(when),
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: CaseNumber::new(serial).to_string(),
        detail: format!("{{\"state\":\"{state}\"}}"),
        previous: String::new(),
        hash: String::new(),
    }
}

fn clock(kind: ClockKind, start: &str, target: &str, contract: &str, stopped: Option<&str>) -> Clock {
    Clock {
        kind,
        start: at(start),
        due: Due { target: at(target), contract: at(contract) },
        stopped: stopped.map(at),
        calendar: String::new(),
        waits: Vec::new(),
        replaced: Vec::new(),
    }
}

struct Given {
    cases: Vec<Case>,
    entries: Vec<Entry>,
    registrations: Vec<Registration>,
    outgoing: Vec<Outgoing>,
    context: Context,
    calendar: Calendar,
}

impl Given {
    fn new() -> Self {
        Self {
            cases: Vec::new(),
            entries: Vec::new(),
            registrations: Vec::new(),
            outgoing: Vec::new(),
            context: Context::of_zone(TimeZone::get("America/Chicago").unwrap()),
            calendar: Service::sample().calendar().clone(),
        }
    }

    fn measure<M: Measure>(&self) -> M {
        let desk = Desk {
            cases: &self.cases,
            entries: &self.entries,
            registrations: &self.registrations,
            outgoing: &self.outgoing,
            calendar: &self.calendar,
            context: &self.context,
            attempts: Some(20_000),
            alerts_a_week: 5.0,
            now: at("2026-12-20T00:00"),
        };
        M::measure(&desk, &period())
    }
}

#[test]
fn of_a_desk_without_cases_nothing_is_said_and_nothing_divided() {
    let given = Given::new();
    assert_eq!(given.measure::<Containment>().times, Times::default());
    assert_eq!(given.measure::<Funnel>().alerts_per_case, None);
    assert_eq!(given.measure::<Reopened>().share.value(), None);
    assert_eq!(given.measure::<Backlog>().ages.count, 0);
    assert_eq!(given.measure::<Thresholds>().alerts_a_week, 0.0);
    assert_eq!(given.measure::<Communication>().reach.value(), None);
}

#[test]
fn m7_m17_m18_m19_alerts_become_cases_and_cases_judgements() {
    let mut given = Given::new();
    given.cases = vec![
        closed(
            case(1, Kind::Alert, "wangiri#2|caller=+12025550101", "2026-12-02T10:00"),
            "2026-12-03T10:00",
            Reason::Resolved,
        ),
        closed(
            case(2, Kind::Alert, "wangiri|caller=+12025550102", "2026-12-02T10:00"),
            "2026-12-03T10:00",
            Reason::FalsePositive,
        ),
        closed(
            case(3, Kind::Alert, "wangiri|caller=+12025550103", "2026-12-02T10:00"),
            "2026-12-03T10:00",
            Reason::Benign,
        ),
        closed(
            case(4, Kind::Alert, "harassment|caller=+12025550104", "2026-12-02T10:00"),
            "2026-12-16T10:00",
            Reason::Resolved,
        ),
        closed(
            case(5, Kind::Alert, "harassment|caller=+12025550104", "2026-12-02T10:00"),
            "2026-12-03T10:00",
            Reason::Duplicate,
        ),
        case(6, Kind::Alert, "sim-box|source=192.0.2.1", "2026-11-30T10:00"),
    ];
    given.cases[0].last = at("2026-12-02T12:00");
    given.entries = vec![entry(1, "2026-12-02T10:30", "ringwall", "install", "verifying")];
    let judgements = Judgements::of(&given.cases, &BTreeMap::new(), &given.entries);
    let labels: Vec<_> = judgements
        .labels
        .iter()
        .map(|it| (it.caller.unwrap() % 1_000, it.judged, it.rule.as_deref()))
        .collect();
    assert_eq!(
        labels,
        [
            (101, Judged::Unwanted, None),
            (102, Judged::Wanted, Some("wangiri")),
            (103, Judged::Wanted, Some("wangiri")),
            (104, Judged::Unwanted, None)
        ]
    );
    given.context.campaigns = judgements.campaigns;
    let containment: Containment = given.measure();
    assert_eq!(
        (containment.times.count, containment.times.median_seconds, containment.open),
        (1, Some(1_800), 1)
    );
    // One was held back by its own rule, and before a change did.
    given.cases[0].contained = Some(at("2026-12-02T10:05"));
    given.cases[3].contained = Some(at("2026-12-02T10:10"));
    given.context.campaigns = Judgements::of(&given.cases, &BTreeMap::new(), &given.entries).campaigns;
    let containment: Containment = given.measure();
    let times = containment.times;
    assert_eq!(
        (times.count, times.median_seconds, times.p90_seconds, containment.open),
        (2, Some(300), Some(600), 0)
    );
    let fraud: FraudCases = given.measure();
    assert_eq!((fraud.total, fraud.types["wangiri"]["benign"], fraud.types.len()), (3, 1, 1));
    let funnel: Funnel = given.measure();
    assert_eq!((funnel.alerts, funnel.cases, funnel.acted), (40, 4, Share::new(1, 4)));
    assert_eq!((funnel.alerts_per_case, funnel.cases_per_10_000_attempts), (Some(10.0), Some(2.0)));
    let precision: Precision = given.measure();
    let rules: Vec<_> = precision.rules.iter().map(|it| (it.rule.as_str(), it.share)).collect();
    assert_eq!(rules, [("wangiri", Share::new(0, 2)), ("wangiri#2", Share::new(1, 1))]);
    assert!(precision.rules[0].share.is_small() && precision.rules[0].interval.is_some());
}

#[test]
fn m21_m31_changes_take_the_time_of_authorisers() {
    let mut given = Given::new();
    given.cases =
        vec![case(1, Kind::Block, "", "2026-12-02T08:00"), case(2, Kind::Unblock, "", "2026-11-20T08:00")];
    given.entries = vec![
        entry(1, "2026-12-02T09:00", "anna", "propose", "proposed"),
        entry(1, "2026-12-02T09:10", "anna", "ask-authorisation", "awaiting-authorisation"),
        entry(1, "2026-12-02T10:10", "Ann", "approve", "awaiting-authorisation"),
        entry(1, "2026-12-02T11:10", "Bea", "approve", "implementing"),
        entry(1, "2026-12-02T11:10", "Bea", "authorise", "implementing"),
        entry(1, "2026-12-02T11:30", "ringwall", "install", "verifying"),
        entry(1, "2026-12-02T11:40", "ringwall", "roll-back", "investigating"),
        entry(1, "2026-12-02T12:00", "ringwall", "install", "verifying"),
        entry(2, "2026-12-03T09:10", "anna", "ask-authorisation", "awaiting-authorisation"),
    ];
    let changes: Changes = given.measure();
    let told =
        (changes.requested, changes.authorised, changes.refused, changes.implemented, changes.rolled_back);
    assert_eq!((told, changes.times.median_seconds), ((1, 1, 0, 1, 1), Some(12_600)));
    let latency: Authorisation = given.measure();
    assert_eq!((latency.all.count, latency.all.max_seconds, latency.open), (2, Some(7_200), 1));
    assert_eq!(latency.authorisers["Ann"].median_seconds, Some(3_600));
    // What was asked to be blocked was unwanted before, what was unblocked was blocked wrongly.
    let change: Change = serde_json::from_value(serde_json::json!({
        "customer": "Acme", "base": "", "result": "",
        "lines": [
            { "do": "add", "list": "blocked", "entry": "+12025550101", "expires": null, "reason": "" },
            { "do": "add", "list": "blocked", "entry": "+1202555*", "expires": null, "reason": "" },
            { "do": "remove", "list": "blocked", "entry": "+12025550109" },
        ],
    }))
    .unwrap();
    let labels =
        Judgements::of(&given.cases, &BTreeMap::from([(CaseNumber::new(1), change)]), &given.entries).labels;
    assert_eq!(labels.len(), 1);
    assert_eq!((labels[0].caller, labels[0].judged), (Some(12_025_550_101), Judged::Unwanted));
    assert_eq!((labels[0].from, labels[0].to), (at("2026-11-02T08:00"), at("2026-12-02T11:30")));
}

#[test]
fn m23_m24_m25_clocks_and_what_is_left() {
    let mut given = Given::new();
    let (start, target, contract) = ("2026-12-02T09:00", "2026-12-02T10:00", "2026-12-03T17:00");
    let with = |serial, kind, stopped: Option<&str>| {
        let mut case = case(serial, Kind::Block, "", start);
        case.clocks = vec![clock(kind, start, target, contract, stopped)];
        case
    };
    given.cases = vec![
        with(1, ClockKind::Acknowledge, Some("2026-12-02T09:30")),
        with(2, ClockKind::Acknowledge, Some("2026-12-02T10:30")),
        with(3, ClockKind::Acknowledge, None),
        // Stopped after the period, late at its end.
        with(4, ClockKind::Complete, Some("2026-12-16T09:00")),
        closed(with(5, ClockKind::Complete, Some("2026-12-03T17:00")), "2026-12-03T17:00", Reason::Resolved),
        // It stood before the period.
        closed(case(6, Kind::Block, "", "2026-11-20T09:00"), "2026-12-16T09:00", Reason::Resolved),
    ];
    let kept: Attainment = given.measure();
    assert_eq!(kept.clocks["acknowledge"], Kept { target: Share::new(1, 3), contract: Share::new(2, 3) });
    assert_eq!(kept.clocks["complete"], Kept { target: Share::new(0, 2), contract: Share::new(1, 2) });
    let times: ResponseTimes = given.measure();
    assert_eq!((times.all.acknowledge.count, times.all.acknowledge.median_seconds), (2, Some(1_800)));
    assert_eq!(times.all.acknowledge.max_seconds, Some(5_400));
    // Wednesday 09:00 to 17:00 and Thursday 08:00 to 17:00 are seventeen hours of business.
    assert_eq!(times.all.complete.median_seconds, Some(32 * 3_600));
    assert_eq!(times.groups["block/warning"].complete_business.median_seconds, Some(17 * 3_600));
    let backlog: Backlog = given.measure();
    assert_eq!((backlog.ages.count, backlog.opened, backlog.closed, backlog.growth), (5, 5, 1, 4));
    assert_eq!(backlog.ages.max_seconds, Some((24 * 24 + 15) * 3_600));
}

#[test]
fn m26_to_m29_requests_and_messages() {
    let mut given = Given::new();
    given.cases = vec![
        case(1, Kind::Block, "", "2026-12-02T08:00"),
        case(2, Kind::Question, "", "2026-12-02T08:00"),
        case(3, Kind::Phone, "", "2026-12-02T08:00"),
        case(4, Kind::Phone, "", "2026-12-02T08:00"),
    ];
    given.entries = vec![
        entry(1, "2026-12-02T08:00", "Ann", "open", "new"),
        entry(1, "2026-12-02T09:00", "anna", "ask-info", "needs-info"),
        entry(1, "2026-12-03T09:00", "anna", "close", "closed"),
        entry(1, "2026-12-17T09:00", "Ann", "reopen", "new"),
        entry(1, "2026-12-17T10:00", "anna", "close", "closed"),
        entry(2, "2026-12-02T08:00", "nobody", "open", "unverified"),
        entry(2, "2026-12-04T08:00", "Bea", "adopt", "new"),
        entry(2, "2026-12-05T09:00", "anna", "close", "closed"),
        entry(2, "2026-12-20T09:00", "Bea", "reopen", "new"),
        entry(3, "2026-12-02T08:15", "anna", "take", "acknowledged"),
    ];
    // The second came back after fifteen days.
    assert_eq!(given.measure::<Reopened>().share, Share::new(1, 2));
    let intake: Intake = given.measure();
    assert_eq!((intake.share, intake.contacts["Ann"]), (Share::new(3, 4), Share::new(0, 1)));
    let unverified: Unverified = given.measure();
    assert_eq!((unverified.unverified, unverified.quarantined, unverified.adopted), (1, 0, 1));
    let phone: PhoneMessages = given.measure();
    assert_eq!((phone.received, phone.unheard, phone.times.median_seconds), (2, 1, Some(900)));
}

#[test]
fn m30_m32_m33_who_is_told_how_often_it_rings_and_who_is_there() {
    let mut given = Given::new();
    let mut incident = case(1, Kind::Alert, "harassment|caller=+12025550101", "2026-12-02T08:00");
    let notified = clock(
        ClockKind::Notify,
        "2026-12-02T08:00",
        "2026-12-02T09:00",
        "2026-12-02T09:00",
        Some("2026-12-02T08:10"),
    );
    incident.clocks = vec![notified];
    let hour = at("2026-12-02T08:00").0 / 3_600_000_000;
    incident.spark = vec![(hour - 9_000, 5), (hour, 6), (hour + 1, 2)];
    given.cases = vec![closed(incident, "2026-12-03T08:00", Reason::Resolved)];
    let sent = |to: &str, state: &str, when: &str| -> Outgoing {
        let number = CaseNumber::new(1);
        serde_json::from_value(serde_json::json!({
            "id": format!("{to}{when}"), "customer": "Acme", "case": number, "channel": "mail", "to": to,
            "content": { "document": "" }, "due": 0, "state": state, "tries": [[at(when), "said"]],
        }))
        .unwrap()
    };
    given.outgoing = vec![
        sent("ann@example.com", "accepted", "2026-12-02T08:10"),
        sent("ann@example.com", "failed", "2026-12-02T08:05"),
        sent("bea@example.com", "failed", "2026-12-02T08:05"),
    ];
    let told: Communication = given.measure();
    assert_eq!((told.incidents, told.first_message.median_seconds), (1, Some(600)));
    assert_eq!(
        (told.promises, told.receipts, told.reach),
        (Share::new(1, 1), Share::new(1, 3), Share::new(1, 2))
    );
    let thresholds: Thresholds = given.measure();
    let ringing = thresholds.thresholds["harassment"];
    assert_eq!(
        (ringing.alerts, ringing.alerts_a_week, ringing.real, thresholds.budget),
        (8, 4.0, Share::new(1, 1), 5.0)
    );
    let person = |name: &str, verified: Option<&str>, until: Option<&str>| {
        serde_json::json!({
            "name": name, "addresses": [format!("{name}@example.com")], "roles": ["authorizer"],
            "verified_at": verified.map(at), "valid_until": until.map(at),
        })
    };
    given.registrations = vec![
        serde_json::from_value(serde_json::json!({
            "customer": "Acme",
            "people": [person("ann", Some("2026-06-19T00:00"), None), person("bea", Some("2026-06-17T00:00"), None),
                person("old", None, Some("2026-12-01T00:00"))],
        }))
        .unwrap(),
        serde_json::from_value(serde_json::json!({ "customer": "Other", "people": [person("cid", None, None)] })).unwrap(),
    ];
    let by = |channel, to| Outgoing { channel, ..sent(to, "failed", "2026-12-02T08:05") };
    given.outgoing.extend([by(Channel::Webhook, "tickets"), by(Channel::Sms, "+12105550142")]);
    let contacts: Contacts = given.measure();
    assert_eq!(contacts.people, 3);
    let stale: Vec<_> = contacts.not_verified.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!((stale, contacts.few_authorisers), (vec!["bea", "cid"], vec!["Other".to_owned()]));
    let bounced: Vec<_> = contacts.bounced.iter().map(|(_, to)| to.as_str()).collect();
    assert_eq!(bounced, ["+12105550142", "ann@example.com", "bea@example.com"]);
}
