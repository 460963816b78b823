//! What people of a customer do through their portal, and what blocked callers say: each by two customers, of whom neither
//! reaches anything of the other.

use std::collections::BTreeSet;

use super::*;
use crate::audit::{Shown, Slice};
use crate::case::Wanted;
use crate::change::{Approval, Change, Impact, Line, Method};
use crate::intake::Role;
use crate::limits::APPEALS_OF_HOUR_MAX;
use crate::registry::{Person, Registration};
use crate::schedule::{Made, MadeFile, Schedule};

fn person(name: &str, customer: &str, roles: &[Role]) -> Person {
    Person {
        name: name.to_owned(),
        addresses: vec![format!("{}@{}.example.com", name.to_lowercase(), customer.to_lowercase())],
        phones: Vec::new(),
        roles: BTreeSet::from_iter(roles.iter().copied()),
        valid_from: None,
        valid_until: None,
        verified_at: None,
        zone: None,
    }
}

fn people(customer: &str) -> Registration {
    let all = [Role::Requester, Role::Authorizer, Role::ReportRecipient];
    Registration {
        customer: customer.to_owned(),
        people: vec![person("Ann", customer, &all), person("Bob", customer, &all)],
        ..Registration::default()
    }
}

/// Two customers with people of the same names.
async fn register(store: &Store, service: &Service) {
    for customer in ["Acme", "Other"] {
        let draft = store.desk().draft_registration(people(customer), done(service, 0)).await.unwrap();
        let ben = Done { who: "ben", ..done(service, 0) };
        store.desk().confirm_registration(&draft.hash, ben).await.unwrap();
    }
}

#[test]
fn a_contact_chooses_for_themselves_while_they_are_one() {
    use crate::notice::{Preference, Way};
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let (acme, other) = (store.customer("Acme"), store.customer("Other"));
        let wanted = Preference { by: Way::Sms, at_any_hour: Some(false) };
        acme.prefer(Preference::default(), by("Ann", &service, 1)).await.unwrap();
        acme.prefer(wanted, by("Ann", &service, 2)).await.unwrap();
        assert_eq!(acme.preference("Ann").await.unwrap(), wanted);
        for (of, name) in [(&acme, "Bob"), (&other, "Ann"), (&other, "' OR '1'='1")] {
            assert_eq!(of.preference(name).await.unwrap(), Preference::default(), "{name}");
        }
        let stranger = other.prefer(wanted, by("Eve", &service, 3)).await.unwrap_err();
        assert!(stranger.to_string().contains("Eve is no contact"), "{stranger}");
        let mut left = people("Acme");
        left.people[0].valid_until = Some(NOW.plus_micros(4 * MINUTE));
        let draft = store.desk().draft_registration(left, done(&service, 4)).await.unwrap();
        store.desk().confirm_registration(&draft.hash, by("ben", &service, 4)).await.unwrap();
        assert!(acme.prefer(wanted, by("Ann", &service, 5)).await.is_err());
        let all = store.desk().preferences().await.unwrap();
        assert_eq!((all.len(), all["Acme"].len()), (1, 1));
    });
}

fn by<'a>(who: &'a str, service: &'a Service, minutes: i64) -> Done<'a> {
    Done { who, ..done(service, minutes) }
}

fn change() -> Change {
    let diff = "+ a rule".to_owned();
    Change {
        customer: "Acme".to_owned(),
        base: "b".to_owned(),
        result: "r".to_owned(),
        lines: vec![Line::Text { diff }],
    }
}

fn yes(approver: &str) -> Approval {
    Approval {
        hash: change().hash(),
        approver: approver.to_owned(),
        method: Method::Portal,
        at: NOW,
        expires: NOW.plus_micros(7 * 24 * 60 * MINUTE),
    }
}

#[test]
fn what_is_asked_and_answered_is_the_contacts_and_reaches_nobody_elses_case() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let of = store.customer("Acme");
        let case = of
            .ask(Kind::Block, ("block", "block +13035550142"), Wanted::default(), by("Ann", &service, 1))
            .await
            .unwrap();
        assert_eq!((case.customer.as_str(), case.state), ("Acme", State::New));
        let number = case.number;
        store.desk().step(number, &Signal::Take, "", done(&service, 2)).await.unwrap();
        store.desk().step(number, &Signal::AskInfo, "which?", done(&service, 3)).await.unwrap();
        let other = store.customer("Other").answer(number, "mine", by("Ann", &service, 4)).await.unwrap();
        assert!(other.is_none());
        let case = of.answer(number, "this one", by("Ann", &service, 5)).await.unwrap().unwrap();
        assert_ne!(case.state, State::NeedsInfo);
        let events = store.desk().events(number).await.unwrap();
        let told = events.iter().find(|event| event.what == "reply").unwrap();
        assert_eq!((told.who.as_str(), told.text.as_str()), ("Ann", "this one"));
        assert!(!events.iter().any(|event| event.text == "mine"));
        // What is over begins again for two weeks, and no longer.
        let desk = store.desk();
        desk.close(number, Reason::Duplicate, "nothing to do", None, done(&service, 6)).await.unwrap();
        let late = by("Ann", &service, 15 * 24 * 60);
        assert!(of.answer(number, "again", late).await.unwrap_err().to_string().contains("ask anew"));
        let again = of.answer(number, "again", by("Ann", &service, 7)).await.unwrap().unwrap();
        assert!(!again.state.is_over());
    });
}

#[test]
fn z3_two_of_the_customer_approve_and_nobody_of_another_says_yes_or_no() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let of = store.customer("Acme");
        let case = of
            .ask(Kind::PolicyChange, ("rule", "rule"), Wanted::default(), by("Ann", &service, 1))
            .await
            .unwrap();
        let number = case.number;
        desk.step(number, &Signal::Take, "", done(&service, 2)).await.unwrap();
        desk.propose(number, change(), Impact::default(), done(&service, 3)).await.unwrap();
        ask(desk, number, other(&service, 4)).await;
        let other = store.customer("Other");
        assert!(other.change(number).await.unwrap().is_none());
        assert!(other.approve(number, yes("Ann"), by("Ann", &service, 5)).await.unwrap().is_none());
        let no = other.refuse(number, (&change().hash(), "no, never"), by("Ann", &service, 5)).await.unwrap();
        assert!(no.is_none());
        assert_eq!(of.change(number).await.unwrap().unwrap().1.len(), 0);
        let (case, authority) =
            of.approve(number, yes("Ann"), by("Ann", &service, 6)).await.unwrap().unwrap();
        assert!(authority.is_none() && case.state == State::AwaitingAuthorisation);
        // The same person again is no second one.
        let (_, authority) = of.approve(number, yes("Ann"), by("Ann", &service, 7)).await.unwrap().unwrap();
        assert!(authority.is_none());
        let wrong = of.refuse(number, ("another", "no, never"), by("Bob", &service, 8)).await.unwrap_err();
        assert!(wrong.to_string().contains("edited"), "{wrong}");
        let hash = change().hash();
        let stranger = of.refuse(number, (&hash, "no, never"), by("Eve", &service, 8)).await.unwrap_err();
        assert!(stranger.to_string().contains("may not"), "{stranger}");
        let (case, authority) =
            of.approve(number, yes("Bob"), by("Bob", &service, 9)).await.unwrap().unwrap();
        assert!(authority.is_some() && case.state == State::Implementing);
    });
}

#[test]
fn c1_contacts_are_changed_by_two_people_of_the_customer_itself() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let (of, other) = (store.customer("Acme"), store.customer("Other"));
        let mut wanted = of.registration().await.unwrap();
        assert_eq!(wanted.customer, "Acme");
        wanted.people.push(person("Cleo", "Acme", &[Role::Requester]));
        let foreign = other.draft_registration(wanted.clone(), by("Bob", &service, 1)).await.unwrap_err();
        assert!(foreign.to_string().contains("no registration of this customer"), "{foreign}");
        let draft = of.draft_registration(wanted, by("Ann", &service, 1)).await.unwrap();
        assert_eq!(of.registration_drafts().await.unwrap().len(), 1);
        assert!(other.registration_drafts().await.unwrap().is_empty());
        assert!(other.confirm_registration(&draft.hash, by("Bob", &service, 2)).await.is_err());
        let own = of.confirm_registration(&draft.hash, by("Ann", &service, 2)).await.unwrap_err();
        assert!(own.to_string().contains("another person"), "{own}");
        of.confirm_registration(&draft.hash, by("Bob", &service, 2)).await.unwrap();
        assert!(of.registration().await.unwrap().person("Cleo").is_some());
        assert!(other.registration().await.unwrap().person("Cleo").is_none());
        let (entries, head) = of.audit(u64::MAX, 50).await.unwrap();
        assert!(entries.iter().all(|entry| entry.customer == "Acme"));
        let mut slice = Slice::default();
        entries.iter().for_each(|entry| slice.take("Acme", &Shown::Whole(entry.clone())).unwrap());
        assert_eq!(slice.last().map(|it| it.hash.clone()), Some(head.hash));
        let (before, _) = of.audit(entries[1].sequence, 50).await.unwrap();
        assert_eq!(before, entries[..1]);
    });
}

#[test]
fn p5_reports_are_those_of_the_customer_and_who_may_not_read_them_does_not() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let schedule = Schedule {
            id: String::new(),
            customer: "Acme".to_owned(),
            report: "weekly-operations".to_owned(),
            format: crate::schedule::Format::Csv,
            when: "weekly mon 10:30".parse().unwrap(),
            span: crate::schedule::Span::Days(7),
            which: crate::schedule::Which::default(),
            zone: "America/Chicago".to_owned(),
            recipients: vec!["ann@acme.example.com".to_owned()],
            case: None,
            authorised: None,
            by: "anna".to_owned(),
            at: NOW,
        }
        .named();
        store.desk().add_schedule(&schedule, done(&service, 0)).await.unwrap();
        let office = Office {
            desk: crate::letter::DeskAddress { address: "d@x.example".to_owned(), name: "D".to_owned() },
            portal: String::new(),
            escalation: String::new(),
            sends: false,
        };
        let when = done(&service, 45);
        let lease = ("me", 600 * MINUTE);
        let taken = store.desk().take_run(lease, &office, when).await.unwrap().unwrap();
        let file = MadeFile {
            name: "weekly.csv".to_owned(),
            media_type: "text/csv",
            bytes: b"a,b\n".to_vec(),
            holds_calls: false,
        };
        let made = Ok(Made { files: vec![file], rows: 1, notes: Vec::new() });
        store.desk().settle_run(&taken, &made, &office, when).await.unwrap();
        let (of, other) = (store.customer("Acme"), store.customer("Other"));
        assert!(other.runs(10).await.unwrap().is_empty() && other.schedules().await.unwrap().is_empty());
        assert_eq!(of.schedules().await.unwrap().len(), 1);
        let run = of.runs(10).await.unwrap().remove(0);
        let ann = by("Ann", &service, 50);
        assert!(other.report_file(&run.id, "weekly.csv", ann).await.unwrap().is_none());
        assert!(of.report_file(&run.id, "other.csv", ann).await.unwrap().is_none());
        assert_eq!(of.report_file(&run.id, "weekly.csv", ann).await.unwrap().unwrap().bytes, b"a,b\n");
        let eve = of.report_file(&run.id, "weekly.csv", by("Eve", &service, 50)).await.unwrap_err();
        assert!(eve.to_string().contains("no contact"), "{eve}");
    });
}

fn appeal(token: &str) -> Appeal<'_> {
    Appeal {
        customer: "Acme",
        token,
        title: "a blocked caller appeals",
        verdict: "block, rule harassment",
        text: "<script>alert(1)</script>",
    }
}

#[test]
fn a_blocked_call_opens_one_case_and_a_flood_of_them_ends() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let web = by("a blocked caller", &service, 0);
        let Appealed::Opened(case) = desk.appeal(&appeal("aa"), web).await.unwrap() else { panic!() };
        assert_eq!((case.kind, case.state), (Kind::Unblock, State::Unverified));
        assert_eq!(desk.appeal_of("Acme", "aa").await.unwrap(), Some(case.number));
        assert!(store.customer("Acme").unadopted(9).await.unwrap().is_empty(), "it is the desk's");
        assert_eq!(desk.appeal_of("Other", "aa").await.unwrap(), None);
        let Appealed::Before(number) = desk.appeal(&appeal("aa"), web).await.unwrap() else { panic!() };
        assert_eq!(number, case.number);
        let events = desk.events(case.number).await.unwrap();
        assert!(events.iter().all(|event| event.visible == Visible::Desk));
        let said = |what: &str| events.iter().find(|event| event.what == what).unwrap().text.clone();
        assert_eq!(said("verdict"), "block, rule harassment");
        assert_eq!(said("untrusted-note"), "<script>alert(1)</script>");
        for at in 1..APPEALS_OF_HOUR_MAX {
            let token = format!("t{at}");
            let opened = desk.appeal(&appeal(&token), web).await.unwrap();
            assert!(matches!(opened, Appealed::Opened(_)), "{at}");
        }
        assert!(matches!(desk.appeal(&appeal("last"), web).await.unwrap(), Appealed::TooMany));
        let later = by("a blocked caller", &service, 61);
        assert!(matches!(desk.appeal(&appeal("last"), later).await.unwrap(), Appealed::Opened(_)));
    });
}
