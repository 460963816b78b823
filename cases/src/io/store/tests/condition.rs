//! What is written on conditions: against the version that was read, and once.

use super::*;
use crate::account::{ApiKey, Invitation, Side};

fn once<'a>(name: &'a str, print: &'a str) -> Option<Once<'a>> {
    Some(Once { asker: "key:a", name, print, at: NOW })
}

#[test]
fn o1_who_has_not_seen_the_last_version_changes_nothing() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let case = desk.open("Acme", Kind::Block, State::New, "block it", done(&service, 0)).await.unwrap();
        let taken = desk.expecting(case.number, case.version);
        let taken = taken.step(case.number, &Signal::Take, "", done(&service, 1)).await.unwrap();
        assert_eq!(taken.version, case.version + 1);
        let late = desk.expecting(case.number, case.version);
        let refused = late.note(case.number, "late", Visible::Desk, done(&service, 2)).await;
        assert!(matches!(refused, Err(Error::Overtaken(number)) if number == case.number), "{refused:?}");
        assert_eq!(desk.events(case.number).await.unwrap().len(), 2, "nothing of it was kept");
        // Two that have seen the same: one of them is first.
        let (one, two) = (desk.expecting(case.number, 2), desk.expecting(case.number, 2));
        let (one, two) = tokio::join!(
            one.note(case.number, "one", Visible::Desk, done(&service, 3)),
            two.note(case.number, "two", Visible::Desk, done(&service, 3)),
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    });
}

#[test]
fn o1_what_has_no_version_changes_for_who_has_seen_it_as_it_is() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let key = ApiKey {
            id: "K-1".to_owned(),
            purpose: "tests".to_owned(),
            hash: "h".to_owned(),
            customer: None,
            may_work: false,
            made_by: "test".to_owned(),
            expires: NOW.plus_micros(MINUTE),
            used: None,
        };
        desk.add_key(&key, done(&service, 0)).await.unwrap();
        let late = desk.seen("0123456789abcdef").remove_key("K-1", done(&service, 1)).await;
        assert!(matches!(late, Err(Error::Changed)), "{late:?}");
        assert_eq!(desk.keys().await.unwrap(), std::slice::from_ref(&key), "nothing of it was kept");
        desk.use_key(&key, NOW).await.unwrap();
        desk.seen(&key.tag()).remove_key("K-1", done(&service, 2)).await.unwrap();
        assert!(desk.keys().await.unwrap().is_empty());

        let side = Side::Desk(crate::account::Role::Analyst);
        let invitation = Invitation {
            hash: "i".to_owned(),
            login: "zoe".to_owned(),
            side,
            expires: NOW.plus_micros(9 * MINUTE),
        };
        desk.invite(&invitation, done(&service, 3)).await.unwrap();
        let another = Invitation { hash: "j".to_owned(), ..invitation.clone() };
        desk.invite(&another, done(&service, 3)).await.unwrap();
        let old = desk.seen(&invitation.tag()).withdraw_invitation("zoe", done(&service, 4)).await;
        assert!(matches!(old, Err(Error::Changed)), "{old:?}");
        let waiting = desk.invitations(NOW.plus_micros(4 * MINUTE)).await.unwrap();
        assert_eq!(waiting, std::slice::from_ref(&another));
        assert!(desk.invitations(another.expires).await.unwrap().is_empty(), "one that ran out is none");
        desk.seen(&another.tag()).withdraw_invitation("zoe", done(&service, 4)).await.unwrap();

        // Of two that have seen the same, one is first.
        let holds = desk.registration("Acme").await.unwrap();
        let new = |domain: &str| crate::Registration { domains: vec![domain.to_owned()], ..holds.clone() };
        let draft =
            desk.seen(&holds.tag()).draft_registration(new("a.example"), done(&service, 5)).await.unwrap();
        let ben = Done { who: "ben", ..done(&service, 6) };
        desk.confirm_registration(&draft.hash, ben).await.unwrap();
        let late = desk.seen(&holds.tag()).draft_registration(new("b.example"), done(&service, 7)).await;
        assert!(matches!(late, Err(Error::Changed)), "{late:?}");
    });
}

#[test]
fn o1_what_is_done_elsewhere_is_claimed_once_and_may_fail_and_be_tried_again() {
    on_both(|store| async move {
        let (desk, print) = (store.desk(), "p");
        let request = once("k", print).unwrap();
        let (one, two) = tokio::join!(desk.claim(request), desk.claim(request));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!((one == Claim::Theirs) != (two == Claim::Theirs), "{one:?} {two:?}");
        assert!([one, two].contains(&Claim::Unknown), "the other one is told that it is being done");
        desk.settle_claim(request, None).await.unwrap();
        assert_eq!(desk.claim(request).await.unwrap(), Claim::Theirs, "what failed may be tried again");
        desk.settle_claim(request, Some("done")).await.unwrap();
        assert_eq!(desk.claim(request).await.unwrap(), Claim::Done("done".to_owned()));
        let other = desk.claim(once("k", "q").unwrap()).await;
        assert!(matches!(other, Err(Error::Repeated { is_same: false, .. })), "{other:?}");
    });
}

#[test]
fn o1_what_is_asked_twice_at_the_same_time_is_done_once() {
    on_both(|store| async move {
        let service = Service::sample();
        let ask = |title: &'static str, name: &'static str, print: &'static str| {
            let (store, service) = (store.clone(), service.clone());
            async move {
                let desk = store.desk().once(once(name, print));
                let opened = desk.open("Acme", Kind::Block, State::New, title, done(&service, 0)).await;
                opened.map(|case| case.number.to_string())
            }
        };
        let all = (0..8).map(|_| tokio::spawn(ask("block it", "k", "p")));
        let mut numbers = Vec::new();
        for asked in all.collect::<Vec<_>>() {
            numbers.push(match asked.await.unwrap() {
                Ok(number) => (true, number),
                Err(Error::Repeated { reference, is_same: true }) => (false, reference),
                Err(error) => panic!("{error}"),
            });
        }
        assert_eq!(numbers.iter().filter(|(is_first, _)| *is_first).count(), 1, "{numbers:?}");
        assert!(numbers.iter().all(|(_, number)| *number == numbers[0].1), "{numbers:?}");
        assert_eq!(list(&store).await.len(), 1);
        // The same name for something else is a mistake; another name is another request.
        let other = ask("block that", "k", "q").await.unwrap_err();
        assert!(matches!(other, Error::Repeated { is_same: false, .. }), "{other}");
        assert!(ask("block it", "l", "p").await.is_ok());
        // What could not be done is not answered for.
        let desk = store.desk().once(once("m", "p"));
        let number = CaseNumber::new(7);
        assert!(desk.note(number, "x", Visible::Desk, done(&service, 1)).await.is_err());
        assert_eq!(store.desk().answered("key:a", "m").await.unwrap(), None);
    });
}

#[test]
fn alerts_are_listed_a_page_at_a_time_and_each_customer_sees_its_own() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let alerts: Vec<_> = (0..7)
            .map(|index| {
                let customer = if index % 3 == 0 { "Bay" } else { "Acme" };
                alert(&format!("a{index}"), customer, "+12105550142", "warning", i64::from(index / 2))
            })
            .collect();
        store.desk().take_alerts(&alerts, 1, &mut storm, done(&service, 9)).await.unwrap();
        let mut seen = Vec::new();
        let mut before: Option<(Timestamp, String)> = None;
        loop {
            let place = before.as_ref().map(|(at, id)| (*at, id.as_str()));
            let page = store.desk().alert_list(place, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some((last.at, last.id.clone()));
            seen.extend(page.into_iter().map(|alert| alert.id));
        }
        assert_eq!(seen, ["a6", "a5", "a4", "a3", "a2", "a1", "a0"]);
        let own = store.customer("Bay").alert_list(None, 9).await.unwrap();
        assert_eq!(own.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["a6", "a3", "a0"]);
        assert!(store.customer("Bay").alert("a1").await.unwrap().is_none());
        assert!(store.customer("Acme").alert("a1").await.unwrap().is_some());
    });
}
