//! Reports that run by themselves: once, by one of several, told of once, and never to whom it may not go.

use std::collections::BTreeSet;

use super::*;
use crate::intake::Role;
use crate::letter::DeskAddress;
use crate::outgoing::{Channel, Content, Outgoing};
use crate::registry::{Person, Registration};
use crate::schedule::{Format, Made, MadeFile, NotMade, Run, RunState, Schedule, Span, Which};

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
/// Ten minutes, in microseconds.
const LEASE: i64 = 10 * MINUTE;

fn office() -> Office {
    Office {
        desk: DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() },
        portal: "https://desk.example.com".to_owned(),
        escalation: String::new(),
        sends: true,
    }
}

fn person(name: &str, roles: &[Role]) -> Person {
    Person {
        name: name.to_owned(),
        addresses: vec![format!("{}@acme.example.com", name.to_lowercase())],
        phones: Vec::new(),
        roles: BTreeSet::from_iter(roles.iter().copied()),
        valid_from: None,
        valid_until: None,
        verified_at: None,
        zone: None,
    }
}

fn acme() -> Registration {
    Registration {
        customer: "Acme".to_owned(),
        people: vec![
            person("Ann", &[Role::ReportRecipient]),
            person("Bob", &[Role::Requester]),
            person("Zoe", &[Role::Authorizer]),
        ],
        report_domains: vec!["auditor.example.com".to_owned()],
        ..Registration::default()
    }
}

async fn register(store: &Store, registration: Registration) {
    let service = Service::sample();
    let by = |who| Done { who, now: NOW, service: &service };
    let draft = store.desk().draft_registration(registration, by("anna")).await.unwrap();
    store.desk().confirm_registration(&draft.hash, by("ben")).await.unwrap();
}

/// Every Monday at 10:30 in Chicago: half an hour after `NOW`.
fn weekly() -> Schedule {
    Schedule {
        id: String::new(),
        customer: "Acme".to_owned(),
        report: "weekly-operations".to_owned(),
        format: Format::Csv,
        when: "weekly mon 10:30".parse().unwrap(),
        span: Span::Days(7),
        which: Which::default(),
        zone: "America/Chicago".to_owned(),
        recipients: ["ann@acme.example.com", "bob@acme.example.com", "x@auditor.example.com"]
            .map(str::to_owned)
            .to_vec(),
        case: None,
        authorised: None,
        by: "anna".to_owned(),
        at: NOW,
    }
    .named()
}

fn made(rows: u64, holds_calls: bool) -> Result<Made, NotMade> {
    let file = MadeFile {
        name: "weekly.csv".to_owned(),
        media_type: "text/csv",
        bytes: b"caller,calls\n+12105550142,7\n".to_vec(),
        holds_calls,
    };
    Ok(Made { files: vec![file], rows, notes: vec!["coverage is 98.2 %".to_owned()] })
}

async fn mails(store: &Store) -> Vec<Outgoing> {
    let far = Timestamp(i64::MAX - 1);
    store.desk().due_by(Channel::Mail, far, 500).await.unwrap()
}

fn text(outgoing: &Outgoing) -> (&str, &str) {
    match &outgoing.content {
        Content::Notice { subject, text } | Content::Report { subject, text, .. } => (subject, text),
        other => panic!("{other:?}"),
    }
}

async fn take(store: &Store, owner: &str, minutes: i64) -> Option<Taken> {
    let service = Service::sample();
    store.desk().take_run((owner, LEASE), &office(), done(&service, minutes)).await.unwrap()
}

async fn settle(store: &Store, taken: &Taken, came: &Result<Made, NotMade>, minutes: i64) -> Option<Run> {
    let service = Service::sample();
    store.desk().settle_run(taken, came, &office(), done(&service, minutes)).await.unwrap()
}

#[test]
fn a_run_is_made_once_by_one_of_two_and_goes_to_whom_it_may() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        let next = store.desk().add_schedule(&weekly(), done(&service, 0)).await.unwrap();
        assert_eq!(next, NOW.plus_micros(30 * MINUTE));
        let again = store.desk().add_schedule(&weekly(), done(&service, 1)).await.unwrap_err();
        assert!(again.to_string().contains("there already"), "{again}");
        assert!(take(&store, "one", 29).await.is_none());
        let taken = take(&store, "one", 30).await.unwrap();
        assert_eq!(taken.run.covered.words(&weekly().time_zone()), "2026-09-28 to 2026-10-04");
        // The other one finds nothing, however it looks.
        assert!(take(&store, "two", 30).await.is_none());
        assert!(take(&store, "two", 39).await.is_none());
        let run = settle(&store, &taken, &made(7, false), 31).await.unwrap();
        assert_eq!(
            (run.state, run.sent_to.as_slice()),
            (RunState::Done, ["ann@acme.example.com".to_owned()].as_slice())
        );
        assert_eq!(run.pending.len(), 2);
        assert!(settle(&store, &taken, &made(7, false), 32).await.is_none());
        let sent = mails(&store).await;
        assert_eq!(sent.len(), 1);
        let (subject, words) = text(&sent[0]);
        assert!(subject.contains("weekly-operations, 2026-09-28 to 2026-10-04"), "{subject}");
        for said in ["coverage is 98.2 %", "https://desk.example.com/report/", &run.files[0].sha256] {
            assert!(words.contains(said), "no {said} in\n{words}");
        }
        assert!(matches!(sent[0].content, Content::Notice { .. }));
        // The next one is a week later.
        assert!(take(&store, "two", 31).await.is_none());
        assert_eq!(
            take(&store, "two", 30 + 7 * DAY).await.unwrap().run.due,
            next.plus_micros(7 * DAY * MINUTE)
        );
    });
}

#[test]
fn two_services_that_look_at_the_same_moment_take_it_once() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        store.desk().add_schedule(&weekly(), done(&service, 0)).await.unwrap();
        let mut taking = Vec::new();
        for owner in ["one", "two", "three", "four"] {
            let store = store.clone();
            taking
                .push(tokio::spawn(async move { take(&store, owner, 30).await.map(|taken| (owner, taken)) }));
        }
        let mut taken = Vec::new();
        for task in taking {
            taken.extend(task.await.unwrap());
        }
        assert_eq!(taken.len(), 1);
        let (owner, taken) = &taken[0];
        assert_eq!(taken.run.lease.as_ref().unwrap().owner, *owner);
    });
}

#[test]
fn one_that_was_killed_leaves_its_lease_and_the_run_is_done_once() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        store.desk().add_schedule(&weekly(), done(&service, 0)).await.unwrap();
        let killed = take(&store, "killed", 30).await.unwrap();
        assert!(take(&store, "other", 39).await.is_none());
        // Whoever lives renews it.
        let renewed = store.desk().renew_lease(&killed, NOW.plus_micros(50 * MINUTE)).await.unwrap();
        assert!(renewed && take(&store, "other", 45).await.is_none());
        let other = take(&store, "other", 50).await.unwrap();
        assert_eq!((other.run.id.as_str(), other.run.attempts), (killed.run.id.as_str(), 2));
        // It was not dead, only slow: what it brings is left out, and its lease is not its own.
        assert!(!store.desk().renew_lease(&killed, NOW.plus_micros(90 * MINUTE)).await.unwrap());
        assert!(settle(&store, &killed, &made(1, false), 51).await.is_none());
        assert_eq!(settle(&store, &other, &made(7, false), 52).await.unwrap().state, RunState::Done);
        assert_eq!(mails(&store).await.len(), 1);
    });
}

#[test]
fn p8_what_is_late_empty_or_failed_says_so_within_the_hour() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        store.desk().add_schedule(&weekly(), done(&service, 0)).await.unwrap();
        let first = take(&store, "one", 30).await.unwrap();
        let busy = Err(NotMade { is_final: false, why: "the records do not answer".to_owned() });
        assert_eq!(settle(&store, &first, &busy, 31).await.unwrap().state, RunState::Waiting);
        assert!(take(&store, "one", 35).await.is_none());
        let second = take(&store, "one", 36).await.unwrap();
        assert_eq!(second.run.attempts, 2);
        // Somebody works on it for long.
        store.desk().renew_lease(&second, NOW.plus_micros(200 * MINUTE)).await.unwrap();
        assert!(take(&store, "two", 80).await.is_none() && mails(&store).await.len() == 1);
        assert!(take(&store, "two", 85).await.is_none() && mails(&store).await.len() == 1);
        let late = mails(&store).await;
        assert!(text(&late[0]).0.contains("late: ") && late[0].to == "ann@acme.example.com");
        assert!(late[0].due.micros_since(second.run.due) <= 60 * MINUTE);
        let broken = Err(NotMade { is_final: true, why: "no report is called so".to_owned() });
        assert_eq!(settle(&store, &second, &broken, 86).await.unwrap().state, RunState::Failed);
        let sent = mails(&store).await;
        let failed = sent.iter().find(|it| text(it).0.contains("failed: ")).unwrap();
        assert!(text(failed).1.contains("no report is called so"));
        // A week later there is nothing to show, and that is said.
        let week = 30 + 7 * DAY;
        let taken = take(&store, "one", week).await.unwrap();
        assert_eq!(settle(&store, &taken, &made(0, false), week + 1).await.unwrap().state, RunState::Empty);
        let sent = mails(&store).await;
        assert!(
            sent.iter().any(|it| text(it).0.contains("empty: ") && text(it).1.contains("there was nothing"))
        );
        assert_eq!(sent.len(), 3);
    });
}

#[test]
fn p8_one_that_dies_again_and_again_is_given_up_aloud() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        store.desk().add_schedule(&weekly(), done(&service, 0)).await.unwrap();
        for minutes in [30, 40, 50] {
            take(&store, "dies", minutes).await.unwrap();
        }
        assert!(take(&store, "dies", 60).await.is_none());
        let run = store.desk().runs(None, 9).await.unwrap().remove(0);
        assert_eq!((run.state, run.attempts), (RunState::Failed, 3));
        let sent = mails(&store).await;
        assert!(text(&sent[0]).1.contains("begun 3 times and never ended"), "{}", text(&sent[0]).1);
    });
}

#[test]
fn after_a_long_stop_the_latest_run_is_made_up_and_the_others_are_said_to_be_missed() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        let daily =
            Schedule { when: "daily 10:30".parse().unwrap(), span: Span::Days(1), ..weekly() }.named();
        store.desk().add_schedule(&daily, done(&service, 0)).await.unwrap();
        // Nobody runs for ten days.
        let taken = take(&store, "one", 10 * DAY).await.unwrap();
        assert_eq!(taken.run.due, NOW.plus_micros((30 + 9 * DAY) * MINUTE));
        assert!(take(&store, "two", 10 * DAY).await.is_none());
        settle(&store, &taken, &made(7, false), 10 * DAY + 1).await.unwrap();
        let runs = store.desk().runs(Some(&daily.id), 100).await.unwrap();
        let missed = runs.iter().filter(|run| run.state == RunState::Missed).count();
        assert_eq!((runs.len(), missed), (10, 9));
        let sent = mails(&store).await;
        assert_eq!(sent.len(), 2);
        assert!(sent.iter().any(|it| text(it).1.contains("9 reports of yours were")));
        assert!(sent.iter().any(|it| text(it).1.contains("which is late")));
        // The next is that of the day.
        let next = take(&store, "one", 10 * DAY + 30).await.unwrap();
        assert_eq!(next.run.due, NOW.plus_micros((30 + 10 * DAY) * MINUTE));
        // One that was missed is made when somebody asks for it.
        let asked = runs.iter().find(|run| run.state == RunState::Missed).unwrap();
        let run =
            store.desk().run_schedule(&daily.id, asked.due, done(&service, 10 * DAY + 31)).await.unwrap();
        assert_eq!(run.id, asked.id);
        assert_eq!(take(&store, "one", 10 * DAY + 31).await.unwrap().run.id, run.id);
    });
}

#[test]
fn p5_p7_a_removed_contact_drops_out_and_outsiders_need_an_authoriser() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        let schedule = weekly();
        store.desk().add_schedule(&schedule, done(&service, 0)).await.unwrap();
        let by_bob =
            store.desk().authorise_schedule(&schedule.id, "Bob", done(&service, 1)).await.unwrap_err();
        assert!(by_bob.to_string().contains("may authorise"), "{by_bob}");
        store.desk().authorise_schedule(&schedule.id, "Zoe", done(&service, 1)).await.unwrap();
        let taken = take(&store, "one", 30).await.unwrap();
        let run = settle(&store, &taken, &made(7, false), 31).await.unwrap();
        assert_eq!(run.sent_to, ["ann@acme.example.com", "x@auditor.example.com"]);
        let sent = mails(&store).await;
        let secret =
            text(&sent[0]).1.split("/report/").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let fetched = store.desk().fetch_report(&secret, done(&service, 32)).await.unwrap().unwrap();
        assert_eq!((fetched.name.as_str(), fetched.bytes.len()), ("weekly.csv", 28));
        assert!(
            store.desk().fetch_report("AAAAAAAAAAAAAAAAAAAAAA", done(&service, 32)).await.unwrap().is_none()
        );
        // All of them leave: the links are dead at once, and the next report goes to nobody but is told of.
        let mut left = acme();
        left.people[0].valid_until = Some(NOW.plus_micros(60 * MINUTE));
        left.report_domains.clear();
        register(&store, left).await;
        for mail in &sent {
            let secret = text(mail).1.split("/report/").nth(1).unwrap().split_whitespace().next().unwrap();
            assert!(store.desk().fetch_report(secret, done(&service, 61)).await.unwrap().is_none());
        }
        let taken = take(&store, "one", 30 + 7 * DAY).await.unwrap();
        let run = settle(&store, &taken, &made(7, false), 31 + 7 * DAY).await.unwrap();
        assert!(run.sent_to.is_empty());
        let sent = mails(&store).await;
        let withheld = sent.iter().find(|it| text(it).0.contains("nobody may have it")).unwrap();
        assert_eq!(withheld.to, "zoe@acme.example.com");
        assert!(text(withheld).1.contains("ann@acme.example.com, who is no contact any more"));
    });
}

#[test]
fn p6_files_come_with_mail_where_the_customer_wants_it_and_rows_of_calls_never_do() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, Registration { report_attachments: true, ..acme() }).await;
        store.desk().add_schedule(&weekly(), done(&service, 0)).await.unwrap();
        let taken = take(&store, "one", 30).await.unwrap();
        let mut both = made(7, true).unwrap();
        both.files.extend(
            made(7, false)
                .unwrap()
                .files
                .into_iter()
                .map(|it| MadeFile { name: "sums.csv".to_owned(), ..it }),
        );
        settle(&store, &taken, &Ok(both), 31).await.unwrap();
        let sent = mails(&store).await;
        let Content::Report { text, files, run, .. } = &sent[0].content else { panic!("{sent:?}") };
        assert_eq!(files.as_slice(), ["sums.csv"]);
        assert!(text.contains("weekly.csv, for 30 days") && text.contains("Attached    sums.csv"), "{text}");
        assert!(store.desk().report_file(run, "sums.csv").await.unwrap().is_some());
    });
}

#[test]
fn kept_reports_are_let_go_and_one_person_is_erased_from_them() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        store.desk().add_schedule(&weekly(), done(&service, 0)).await.unwrap();
        let taken = take(&store, "one", 30).await.unwrap();
        let mut both = made(7, true).unwrap();
        let other = MadeFile {
            name: "b.csv".to_owned(),
            bytes: b"caller\n+12105550143\n".to_vec(),
            ..both.files[0].clone()
        };
        both.files.push(other);
        let run = settle(&store, &taken, &Ok(both), 31).await.unwrap();
        let tells = |_: &str, bytes: &[u8]| String::from_utf8_lossy(bytes).contains("12105550142");
        let erased = store.desk().erase_from_reports("Acme", tells, done(&service, 40)).await.unwrap();
        assert_eq!(erased, [(run.id.clone(), "weekly.csv".to_owned())]);
        assert!(store.desk().report_file(&run.id, "weekly.csv").await.unwrap().is_none());
        assert!(store.desk().report_file(&run.id, "b.csv").await.unwrap().is_some());
        assert_eq!(
            store.desk().forget_reports("Acme", 30, NOW.plus_micros(29 * DAY * MINUTE)).await.unwrap(),
            0
        );
        assert_eq!(
            store.desk().forget_reports("Acme", 30, NOW.plus_micros(31 * DAY * MINUTE)).await.unwrap(),
            1
        );
    });
}

#[test]
fn what_is_added_authorised_run_and_removed_is_in_the_audit() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, acme()).await;
        let schedule = weekly();
        store.desk().add_schedule(&schedule, done(&service, 0)).await.unwrap();
        store.desk().authorise_schedule(&schedule.id, "Zoe", done(&service, 1)).await.unwrap();
        store.desk().run_schedule(&schedule.id, NOW, done(&service, 2)).await.unwrap();
        assert_eq!(store.desk().schedules(Some("Acme")).await.unwrap().len(), 1);
        assert!(store.desk().schedules(Some("Other")).await.unwrap().is_empty());
        store.desk().remove_schedule(&schedule.id, done(&service, 3)).await.unwrap();
        assert!(take(&store, "one", 90 * DAY).await.is_none());
        assert!(mails(&store).await.is_empty());
        let audit = store.audit("Acme", 0, 100).await.unwrap();
        let mut verifier = Verifier::default();
        let mut actions = Vec::new();
        for entry in &audit {
            verifier.take(entry).unwrap();
            actions.push(entry.action.as_str());
        }
        assert!(
            actions.ends_with(&["add-schedule", "authorise-schedule", "run-schedule", "remove-schedule"]),
            "{actions:?}"
        );
        store.desk().remove_schedule(&schedule.id, done(&service, 4)).await.unwrap_err();
    });
}
