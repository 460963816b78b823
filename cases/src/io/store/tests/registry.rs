//! Who belongs to a customer is changed by two people, and what goes out is kept once.

use std::collections::BTreeSet;

use super::*;
use crate::intake::Role;
use crate::outgoing::{Channel, Content, Delivery, Outgoing};
use crate::registry::{Person, Registration};

fn ann() -> Person {
    Person {
        name: "Ann".to_owned(),
        addresses: vec!["ann@acme.example.com".to_owned()],
        phones: vec!["+12105550142".to_owned()],
        roles: BTreeSet::from([Role::Requester, Role::Authorizer]),
        valid_from: None,
        valid_until: None,
        verified_at: None,
        zone: None,
    }
}

fn acme(people: Vec<Person>) -> Registration {
    let domains = vec!["acme.example.com".to_owned()];
    Registration { customer: "Acme".to_owned(), domains, people, ..Registration::default() }
}

fn by<'a>(who: &'a str, service: &'a Service) -> Done<'a> {
    Done { who, now: NOW, service }
}

#[test]
fn c1_contacts_hold_when_a_second_person_confirms_them() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let draft = desk.draft_registration(acme(vec![ann()]), by("anna", &service)).await.unwrap();
        assert_eq!(
            draft.differences,
            [
                "+ domain acme.example.com",
                "+ Ann <ann@acme.example.com>, +12105550142: requester, authorizer",
            ]
        );
        // Nothing holds yet, and who drafted it is not the second person.
        assert!(desk.registration("Acme").await.unwrap().people.is_empty());
        let alone = desk.confirm_registration(&draft.hash, by("anna", &service)).await.unwrap_err();
        assert!(alone.to_string().contains("another person"), "{alone}");
        let vague = desk.confirm_registration(&draft.hash[..7], by("ben", &service)).await.unwrap_err();
        assert!(vague.to_string().contains("eight characters"), "{vague}");
        desk.confirm_registration(&draft.hash[..8], by("ben", &service)).await.unwrap();
        let held = desk.registration("Acme").await.unwrap();
        assert_eq!(held, draft.registration);
        assert_eq!(held.authorisers(NOW).0, BTreeSet::from(["Ann".to_owned()]));
        assert!(desk.registration_drafts().await.unwrap().is_empty());
        // Two drafts: the one that is confirmed voids the other, which was made from what holds no more.
        let mut gone = ann();
        gone.valid_until = Some(NOW);
        desk.draft_registration(acme(vec![]), by("anna", &service)).await.unwrap();
        let leaving = desk.draft_registration(acme(vec![gone]), by("anna", &service)).await.unwrap();
        desk.confirm_registration(&leaving.hash, by("ben", &service)).await.unwrap();
        assert!(desk.registration_drafts().await.unwrap().is_empty());
        assert!(desk.registration("Acme").await.unwrap().authorisers(NOW).0.is_empty());
        let actions: Vec<_> = store
            .audit("Acme", 0, 50)
            .await
            .unwrap()
            .into_iter()
            .map(|entry| (entry.actor, entry.action))
            .collect();
        let expected =
            ["draft-contacts", "confirm-contacts", "draft-contacts", "draft-contacts", "confirm-contacts"];
        assert_eq!(actions.iter().map(|(_, action)| action.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!((actions[0].0.as_str(), actions[1].0.as_str()), ("anna", "ben"));
    });
}

#[test]
fn c1_contacts_with_mistakes_are_refused_with_all_of_them() {
    let mut two = ann();
    two.addresses = vec!["Ann@ACME.example.com".to_owned(), "no address".to_owned()];
    two.phones = vec!["2105550142".to_owned()];
    two.zone = Some("Mars/Olympus".to_owned());
    let mistakes = acme(vec![ann(), two]).mistakes();
    let expected = [
        "two people are called",
        "belongs to two people",
        "no plain mail address",
        "no number",
        "no time zone",
    ];
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
    assert!(expected.iter().all(|expected| mistakes.iter().any(|it| it.contains(expected))), "{mistakes:?}");
}

#[test]
fn e3_the_same_is_sent_once_and_what_became_of_it_is_kept() {
    on_both(|store| async move {
        let desk = store.desk();
        let notice = |id: &str, minutes| Outgoing {
            id: id.to_owned(),
            customer: "Acme".to_owned(),
            case: Some(CaseNumber::new(100_001)),
            thread: None,
            channel: Channel::Mail,
            to: "ann@acme.example.com".to_owned(),
            content: Content::Notice { subject: "s".to_owned(), text: "t".to_owned() },
            due: NOW.plus_micros(minutes * MINUTE),
            state: Delivery::Waiting,
            tries: Vec::new(),
        };
        assert_eq!(desk.send(&[notice("a", 0), notice("b", 5), notice("a", 1)]).await.unwrap(), 2);
        assert_eq!(desk.send(&[notice("b", 0)]).await.unwrap(), 0);
        let due = desk.due_by(Channel::Mail, NOW, 10).await.unwrap();
        assert_eq!(due.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["a"]);
        let mut sent = due[0].clone();
        sent.state = Delivery::Accepted;
        sent.tries.push((NOW, "250 taken".to_owned()));
        desk.settle(std::slice::from_ref(&sent)).await.unwrap();
        assert!(desk.due_by(Channel::Mail, NOW, 10).await.unwrap().is_empty());
        let all = desk.outgoing(CaseNumber::new(100_001)).await.unwrap();
        assert_eq!(all, [sent, notice("b", 5)]);
    });
}

#[test]
fn of_several_who_send_one_holds_a_message_and_who_dies_lets_go_of_it() {
    on_both(|store| async move {
        let desk = store.desk();
        let waiting = Outgoing {
            id: "a".to_owned(),
            customer: "Acme".to_owned(),
            case: None,
            thread: None,
            channel: Channel::Mail,
            to: "ann@acme.example.com".to_owned(),
            content: Content::Notice { subject: "s".to_owned(), text: "t".to_owned() },
            due: NOW,
            state: Delivery::Waiting,
            tries: Vec::new(),
        };
        desk.send(std::slice::from_ref(&waiting)).await.unwrap();
        let until = NOW.plus_micros(MINUTE);
        let mut holding = Vec::new();
        for _ in 0..6 {
            let store = store.clone();
            holding.push(tokio::spawn(async move { store.desk().hold("a", NOW, until).await.unwrap() }));
        }
        let mut held = 0;
        for task in holding {
            held += usize::from(task.await.unwrap());
        }
        assert_eq!(held, 1);
        assert!(desk.due_by(Channel::Mail, NOW, 10).await.unwrap().is_empty());
        // It is there again when whoever held it is gone, as it was.
        assert_eq!(desk.due_by(Channel::Mail, until, 10).await.unwrap(), std::slice::from_ref(&waiting));
        assert!(desk.hold("a", until, until.plus_micros(MINUTE)).await.unwrap());
        // What was sent is held by nobody.
        let sent = Outgoing { state: Delivery::Accepted, ..waiting };
        desk.settle(std::slice::from_ref(&sent)).await.unwrap();
        assert!(
            !desk.hold("a", until.plus_micros(9 * MINUTE), until.plus_micros(10 * MINUTE)).await.unwrap()
        );
    });
}
