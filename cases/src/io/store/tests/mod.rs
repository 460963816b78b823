//! One suite, on SQLite and on PostgreSQL.

mod accounts;
mod authorisation;
mod condition;
mod crashes;
mod customers;
mod files;
mod hands;
mod inbox;
mod informal;
mod kills;
mod moves;
mod notices;
mod odd_mail;
mod office;
mod outgoing;
mod part;
mod portal;
mod postgres;
mod queue;
mod registry;
mod schedules;
mod set_aside;
mod undo;
mod wanted;
mod written;

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::alert::Storm;
use crate::audit::Verifier;
use crate::case::{Feedback, Kind};
use crate::flow::{Reason, Signal, State};
use crate::{Alert, Service};
use rules::Timestamp;

pub(super) use crashes::crash_at;

const NOW: Timestamp = Timestamp(1_791_212_400_000_000); // Monday 2026-10-05T15:00:00Z, 10:00 in Chicago
const MINUTE: i64 = 60_000_000;

/// Runs `story` on an empty database of each kind.
fn on_both<F: Future<Output = ()>>(story: impl Fn(Store) -> F) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = format!("ringwall-cases-{}-{}.db", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    runtime.block_on(async {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        story(store.clone()).await;
        store.close().await;
        if let Some(place) = postgres::database() {
            let store = Store::open(&place).await.unwrap();
            story(store.clone()).await;
            store.close().await;
        }
    });
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", path.display()));
    }
}

fn done(service: &Service, minutes: i64) -> Done<'_> {
    Done { who: "anna", now: NOW.plus_micros(minutes * MINUTE), service }
}

/// Somebody else of the desk.
fn other(service: &Service, minutes: i64) -> Done<'_> {
    Done { who: "ben", ..done(service, minutes) }
}

fn alert(id: &str, customer: &str, caller: &str, severity: &str, minutes: i64) -> (Alert, String) {
    let at = crate::calendar::instant(NOW.plus_micros(minutes * MINUTE));
    let text = serde_json::json!({
        "id": id, "at": at.to_string(), "customer": customer, "rule": "harassment", "level": "critical",
        "severity": severity, "key": { "caller": caller }, "count": 7, "limit": 5, "window": "1h",
        "first": at.to_string(), "last": at.to_string(), "total_calls": 7, "calls": ["a@example.com"],
    })
    .to_string();
    (serde_json::from_str(&text).unwrap(), text)
}

/// Asks Ann to authorise what a case proposes.
async fn ask(desk: Desk<'_>, number: CaseNumber, done: Done<'_>) {
    let case = desk.case(number).await.unwrap();
    let is_for = LinkFor::Approve(case.change.clone().unwrap());
    let expires = done.now.plus_micros(72 * 60 * MINUTE);
    let (link, _) = Link::draw(&case, "Ann", is_for, expires).unwrap();
    desk.ask_authorisation(number, &[Asking { link, outgoing: None }], done).await.unwrap();
}

async fn list(store: &Store) -> Vec<Case> {
    store.desk().list(&Filter { count: Some(500), ..Filter::default() }).await.unwrap().cases
}

#[test]
fn many_who_open_a_new_database_at_once_make_it_once() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let name = format!("ringwall-new-{}-{}.db", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let places = [Some(path.to_str().unwrap().to_owned()), postgres::database()];
    for place in places.into_iter().flatten() {
        runtime.block_on(async {
            let opening = |place: String| tokio::spawn(async move { Store::open(&place).await });
            let opened: Vec<_> = (0..6).map(|_| opening(place.clone())).collect();
            for store in opened {
                let store = store.await.unwrap().unwrap();
                assert_eq!(store.spool_position().await.unwrap(), 0);
                store.close().await;
            }
        });
    }
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", path.display()));
    }
}

#[test]
fn d1_d2_the_same_thing_is_one_case_and_each_alert_counts_once() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let first = [
            alert("1", "Acme", "+12105550142", "warning", 0),
            alert("2", "Acme", "+12105550142", "critical", 1),
        ];
        store.desk().take_alerts(&first, 2, &mut storm, done(&service, 1)).await.unwrap();
        // Again after a crash, with one more, and another caller and another customer.
        let again = [
            first[0].clone(),
            first[1].clone(),
            alert("3", "Acme", "+12105550142", "warning", 2),
            alert("4", "Acme", "+12105550143", "warning", 2),
            alert("5", "Other", "+12105550142", "warning", 2),
        ];
        store.desk().take_alerts(&again, 5, &mut storm, done(&service, 2)).await.unwrap();
        let cases = list(&store).await;
        let counts: Vec<_> = cases.iter().map(|case| (case.customer.as_str(), case.alerts)).collect();
        assert_eq!(counts, [("Acme", 3), ("Acme", 1), ("Other", 1)]);
        assert_eq!(store.spool_position().await.unwrap(), 5);
        let case = &cases[0];
        assert_eq!((case.severity, case.state), (crate::case::Severity::Critical, State::Open));
        // One clock to acknowledge, from the first alert, one to notify, from the first critical one (D-9).
        let clocks: Vec<_> = case.clocks.iter().map(|it| (it.kind.name(), it.start)).collect();
        assert_eq!(clocks, [("acknowledge", NOW), ("notify", NOW.plus_micros(MINUTE))]);
        assert_eq!(store.desk().alerts(case.number, 10).await.unwrap().len(), 3);
    });
}

#[test]
fn d3_what_comes_back_goes_where_the_analyst_said() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let desk = store.desk();
        for (index, (reason, feedback)) in [
            (Reason::Benign, None),
            (Reason::FalsePositive, Some(Feedback::Exception)),
            (Reason::AcceptedRisk, None),
            (Reason::FalsePositive, Some(Feedback::Tune)),
        ]
        .into_iter()
        .enumerate()
        {
            let caller = format!("+1210555014{index}");
            let raised =
                |id: &str, minutes| [alert(&format!("{index}{id}"), "Acme", &caller, "critical", minutes)];
            desk.take_alerts(&raised("a", 0), 1, &mut storm, done(&service, 0)).await.unwrap();
            let number = list(&store).await.pop().unwrap().number;
            desk.step(number, &Signal::Take, "", done(&service, 1)).await.unwrap();
            desk.close(number, reason, "a radio contest", feedback, done(&service, 2)).await.unwrap();
            desk.take_alerts(&raised("b", 60), 2, &mut storm, done(&service, 60)).await.unwrap();
            let case = desk.case(number).await.unwrap();
            let stays_closed =
                matches!(feedback, Some(Feedback::Exception)) || reason == Reason::AcceptedRisk;
            assert_eq!((case.state.is_over(), case.alerts), (stays_closed, 2), "{reason:?} {feedback:?}");
            if stays_closed {
                assert!(case.clocks.iter().all(|clock| clock.stopped.is_some()));
            } else {
                // A new cycle, counted from the alert that came back (S-9).
                assert_eq!(case.clocks.iter().filter(|clock| clock.stopped.is_none()).count(), 2);
                desk.close(number, reason, "a radio contest", Some(Feedback::Tune), done(&service, 61))
                    .await
                    .unwrap();
            }
            // More than 72 hours later it is a new case that knows of the old one.
            desk.take_alerts(&raised("c", 5_000), 3, &mut storm, done(&service, 5_000)).await.unwrap();
            let later = list(&store).await.pop().unwrap();
            assert_eq!(later.links, [(number, crate::case::Relation::RecursAfter)]);
            desk.close(later.number, Reason::Benign, "again the contest", None, done(&service, 5_001))
                .await
                .unwrap();
        }
    });
}

#[test]
fn d5_a_storm_is_one_case_in_which_every_alert_is_counted() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let (mut sent, mut position) = (0, 0);
        for round in 0..4 {
            let alerts: Vec<_> = (0..250)
                .map(|index| {
                    alert(
                        &format!("{round}-{index}"),
                        "Acme",
                        &format!("+1210556{round}{index:03}"),
                        "warning",
                        0,
                    )
                })
                .collect();
            sent += alerts.len() as u64;
            position += 250;
            store.desk().take_alerts(&alerts, position, &mut storm, done(&service, 0)).await.unwrap();
        }
        // Something that matters, of another customer, in the middle of it.
        let planted = [alert("planted", "Other", "+12105550199", "critical", 0)];
        store.desk().take_alerts(&planted, 1_001, &mut storm, done(&service, 0)).await.unwrap();
        let cases = list(&store).await;
        assert_eq!(cases.len(), 60 + 1 + 1);
        assert_eq!(cases.iter().map(|case| case.alerts).sum::<u64>(), sent + 1);
        let of_storm = cases.iter().find(|case| case.key.as_deref() == Some("storm")).unwrap();
        assert_eq!(of_storm.alerts, sent - 60);
        let critical = Filter { severity: Some(crate::case::Severity::Critical), ..Filter::default() };
        assert_eq!(store.desk().list(&critical).await.unwrap().cases[0].customer, "Other");
        // Ten quiet minutes end it.
        let after = [alert("after", "Acme", "+12105550111", "warning", 11)];
        store.desk().take_alerts(&after, 1_002, &mut storm, done(&service, 11)).await.unwrap();
        assert_eq!(list(&store).await.len(), 63);
    });
}

#[test]
fn d3_many_alerts_of_a_closed_case_at_once_count_each() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let desk = store.desk();
        let raised = |id: &str, minutes| alert(id, "Acme", "+12105550142", "warning", minutes);
        desk.take_alerts(&[raised("a", 0)], 1, &mut storm, done(&service, 0)).await.unwrap();
        let number = list(&store).await.remove(0).number;
        let exception = Some(Feedback::Exception);
        desk.close(number, Reason::FalsePositive, "a radio contest", exception, done(&service, 1))
            .await
            .unwrap();
        // Two that are only counted, one that opens a new case, and one that joins it.
        let batch = [raised("b", 2), raised("c", 3), raised("d", 5_000), raised("e", 5_001)];
        desk.take_alerts(&batch, 5, &mut storm, done(&service, 5_001)).await.unwrap();
        assert_eq!(desk.case(number).await.unwrap().alerts, 3);
        let open = list(&store).await;
        assert_eq!((open.len(), open[0].alerts), (1, 2));
    });
}

#[test]
fn d6_alerts_of_a_joined_case_go_to_the_one_it_was_joined_into() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let desk = store.desk();
        let both = |id: &str, minutes| {
            [142, 143].map(|caller| {
                alert(&format!("{id}{caller}"), "Acme", &format!("+12105550{caller}"), "warning", minutes)
            })
        };
        desk.take_alerts(&both("a", 0), 1, &mut storm, done(&service, 0)).await.unwrap();
        let numbers: Vec<_> = list(&store).await.iter().map(|case| case.number).collect();
        desk.merge(numbers[0], numbers[1], done(&service, 1)).await.unwrap();
        // Both keys lead to one case, in one transaction.
        desk.take_alerts(&both("b", 2), 2, &mut storm, done(&service, 2)).await.unwrap();
        let cases = list(&store).await;
        assert_eq!((cases.len(), cases[0].number, cases[0].alerts), (1, numbers[0], 4));
        assert_eq!(desk.alerts(numbers[0], 10).await.unwrap().len(), 4);
    });
}

/// What strangers choose must not keep the alerts of others from becoming cases.
#[test]
fn hostile_keys_are_taken_by_both_databases() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let long = "9".repeat(60_000);
        let callers = [
            "\0",
            "a\0b",
            "'; DROP TABLE cases; --",
            "\u{202e}\u{1f4a9}",
            "storm",
            "|",
            &long,
            &format!("{long}8"),
        ];
        let alerts: Vec<_> = callers
            .iter()
            .enumerate()
            .map(|(at, caller)| alert(&at.to_string(), "Acme", caller, "warning", 0))
            .collect();
        store.desk().take_alerts(&alerts, 8, &mut storm, done(&service, 0)).await.unwrap();
        let cases = list(&store).await;
        assert_eq!(cases.len(), callers.len());
        assert!(
            cases
                .iter()
                .all(|case| case.title.chars().count() <= 160 && !case.title.contains(char::is_control))
        );
    });
}

#[test]
fn x2_a_customer_reaches_nothing_of_another() {
    on_both(|store| async move {
        let service = Service::sample();
        let own = store
            .desk()
            .open("Acme", Kind::Block, State::New, "block a caller", done(&service, 0))
            .await
            .unwrap();
        let other =
            store.desk().open("Other", Kind::Block, State::New, "a secret", done(&service, 0)).await.unwrap();
        store.desk().note(own.number, "he sounds drunk", Visible::Desk, done(&service, 1)).await.unwrap();
        store.desk().note(own.number, "we are on it", Visible::Customer, done(&service, 1)).await.unwrap();
        let acme = store.customer("Acme");
        assert_eq!(acme.case(other.number).await.unwrap(), None);
        assert_eq!(acme.events(other.number).await.unwrap(), []);
        assert_eq!(acme.case(own.number).await.unwrap().unwrap().title, "block a caller");
        // What people of the desk write for each other is not for customers.
        let seen: Vec<_> = acme.events(own.number).await.unwrap().into_iter().map(|it| it.text).collect();
        assert_eq!(seen, ["block a caller", "we are on it"]);
        let asked = Filter { customer: Some("Other".to_owned()), ..Filter::default() };
        let listed: Vec<_> = acme.list(&asked).await.unwrap().cases.iter().map(|it| it.number).collect();
        assert_eq!(listed, [own.number]);
        let error = store.desk().merge(own.number, other.number, done(&service, 2)).await.unwrap_err();
        assert!(error.to_string().contains("two customers"), "{error}");
        assert!(store.desk().link(own.number, other.number, done(&service, 2)).await.is_err());
    });
}

#[test]
fn x4_every_act_is_in_the_chain_of_its_customer() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        for customer in ["Acme", "Other", "Acme"] {
            let case = desk
                .open(customer, Kind::Question, State::New, "what is this?", done(&service, 0))
                .await
                .unwrap();
            desk.step(case.number, &Signal::Take, "we look", done(&service, 1)).await.unwrap();
        }
        for (customer, head) in store.audit_heads().await.unwrap() {
            let entries = store.audit(&customer, 0, 100).await.unwrap();
            let mut verifier = Verifier::default();
            entries.iter().for_each(|entry| verifier.take(entry).unwrap());
            assert_eq!(verifier.finish(&head).unwrap(), head);
            assert_eq!(entries.len(), if customer == "Acme" { 4 } else { 2 });
        }
        // Somebody with the password of the database changes what was said, and cuts off the end.
        let forge = "UPDATE audit SET body = REPLACE(body, 'we look', 'we sleep') WHERE customer = 'Acme' AND sequence = 2";
        store.pool.execute(forge).await.unwrap();
        let entries = store.audit("Acme", 0, 100).await.unwrap();
        let mut verifier = Verifier::default();
        let broken = entries.iter().find_map(|entry| verifier.take(entry).err()).unwrap();
        assert_eq!(broken.sequence, 2);
    });
}

#[test]
fn two_people_do_not_overwrite_each_other() {
    on_both(|store| async move {
        let service = Service::sample();
        let case =
            store.desk().open("Acme", Kind::Question, State::New, "what?", done(&service, 0)).await.unwrap();
        let acts = (0..20).map(|index| {
            let (store, service, number) = (store.clone(), service.clone(), case.number);
            tokio::spawn(async move {
                store.desk().note(number, &format!("note {index}"), Visible::Desk, done(&service, 1)).await
            })
        });
        let acts: Vec<_> = acts.collect();
        let mut kept = 0;
        for act in acts {
            kept += usize::from(act.await.unwrap().is_ok());
        }
        let events = store.desk().events(case.number).await.unwrap();
        assert_eq!((kept, events.len()), (20, 21));
        // A write that was read before somebody else's is told.
        let mut writing = store.write().await.unwrap();
        let mut stale = case.clone();
        stale.version = 1;
        assert!(matches!(writing.put(&mut stale).await, Err(Error::Overtaken(_))));
    });
}

#[test]
fn pages_hold_every_case_once() {
    on_both(|store| async move {
        let service = Service::sample();
        for index in 0..23 {
            let kind = if index % 2 == 0 { Kind::Block } else { Kind::Question };
            let line = format!("number {index} 100%_\u{202e}\n");
            store.desk().open("Acme", kind, State::New, &line, done(&service, index % 5)).await.unwrap();
        }
        let mut filter = Filter { count: Some(5), ..Filter::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.desk().list(&filter).await.unwrap();
            seen.extend(page.cases.iter().map(|case| (case.next_due(), case.number)));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 23);
        assert!(seen.is_sorted());
        let found = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
        for (text, count) in [("NUMBER 7", 1), ("100%_", 23), ("100%%", 0), ("'; DROP TABLE cases; --", 0)] {
            assert_eq!(store.desk().list(&found(text)).await.unwrap().cases.len(), count, "{text}");
        }
        let blocks = Filter { kind: Some(Kind::Block), ..Filter::default() };
        assert_eq!(store.desk().list(&blocks).await.unwrap().cases.len(), 12);
    });
}

#[test]
fn a_newer_database_is_refused() {
    on_both(|store| async move {
        let mut connection = store.pool.acquire().await.unwrap();
        connection.execute("INSERT INTO schema_steps (step) VALUES (900)").await.unwrap();
        assert!(matches!(schema::migrate(&mut connection).await, Err(Error::Newer { .. })));
    });
}
