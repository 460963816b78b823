//! Who logs in, and what pages follow.

use super::*;
use crate::account::{Account, ApiKey, DESK, Invitation, Right, Role, Session, Side, hash_of};
use crate::second_factor::{SECRET_BYTES, SecondFactor};

fn invitation(secret: &str, login: &str, side: Side) -> Invitation {
    let expires = NOW.plus_micros(60 * MINUTE);
    Invitation { hash: hash_of(secret), login: login.to_owned(), side, expires }
}

fn session(secret: &str, account: &Account) -> Session {
    Session {
        hash: hash_of(secret),
        login: account.login.clone(),
        began: NOW,
        seen: NOW,
        factor: None,
        is_half: false,
        address: "192.0.2.1".to_owned(),
    }
}

#[test]
fn an_invitation_is_good_once_and_ends_what_was_before() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let analyst = Side::Desk(Role::Analyst);
        desk.invite(&invitation("one", "ben", analyst.clone()), done(&service, 0)).await.unwrap();
        // The second one takes the place of the first.
        desk.invite(&invitation("two", "ben", analyst.clone()), done(&service, 1)).await.unwrap();
        assert!(desk.invitation("one", NOW).await.unwrap().is_none());
        assert!(desk.accept("one", "p".to_owned(), done(&service, 2)).await.is_err());
        let ben = desk.accept("two", "p".to_owned(), done(&service, 2)).await.unwrap();
        assert_eq!((ben.login.as_str(), ben.side.clone()), ("ben", analyst.clone()));
        assert!(desk.accept("two", "q".to_owned(), done(&service, 3)).await.is_err(), "it was used");
        desk.put_session(&session("cookie", &ben)).await.unwrap();
        assert_eq!(desk.session(&hash_of("cookie")).await.unwrap().unwrap().1, ben);
        // Whoever chooses another password is logged out everywhere.
        desk.invite(&invitation("three", "ben", analyst), done(&service, 4)).await.unwrap();
        desk.accept("three", "q".to_owned(), done(&service, 5)).await.unwrap();
        assert!(desk.session(&hash_of("cookie")).await.unwrap().is_none());
        // A page that was asked for before keeps no session alive that was ended meanwhile, and gives it no factor.
        assert!(!desk.renew_session(&session("cookie", &ben)).await.unwrap());
        assert!(desk.session(&hash_of("cookie")).await.unwrap().is_none());
        let factor = SecondFactor::new([7; SECRET_BYTES]);
        let ended = hash_of("cookie");
        let refused = desk.enrol_account(&ben, &factor, Some(&ended), done(&service, 5)).await;
        assert!(refused.is_err() && !desk.has_factor(&ben).await.unwrap());
        // Another app ends all sessions but the one that it was set up in.
        for secret in ["here", "elsewhere"] {
            desk.put_session(&session(secret, &ben)).await.unwrap();
        }
        let here = hash_of("here");
        desk.enrol_account(&ben, &factor, Some(&here), done(&service, 5)).await.unwrap();
        let is_there = async |secret| desk.session(&hash_of(secret)).await.unwrap().is_some();
        assert!(is_there("here").await && !is_there("elsewhere").await);
        let late = done(&service, 61);
        desk.invite(&invitation("four", "ben", Side::Desk(Role::Admin)), done(&service, 0)).await.unwrap();
        assert!(desk.accept("four", "q".to_owned(), late).await.is_err(), "it is too old");
        let audit: Vec<_> = store.audit(DESK, 0, 50).await.unwrap();
        let acts: Vec<_> = audit.iter().map(|it| (it.actor.as_str(), it.action.as_str())).collect();
        let (invites, chooses) = (("anna", "invite"), ("ben", "choose-password"));
        assert_eq!(acts, [invites, invites, chooses, invites, chooses, ("anna", "enrol"), invites]);
    });
}

#[test]
fn nobody_of_a_customer_is_invited_who_is_no_contact_and_no_side_takes_the_others_login() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let contact = Side::Contact { customer: "Acme".to_owned(), name: "Eve".to_owned() };
        let refused = desk.invite(&invitation("s", "eve", contact.clone()), done(&service, 0)).await;
        assert_eq!(refused.unwrap_err().to_string(), "Acme has no contact called Eve");
        let wrong = invitation("s", "Eve", Side::Desk(Role::Admin));
        assert!(desk.invite(&wrong, done(&service, 0)).await.is_err());
    });
}

#[test]
fn x5_keys_open_what_they_are_for_until_they_end() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let key = ApiKey {
            id: "k1".to_owned(),
            purpose: "export".to_owned(),
            hash: hash_of("secret"),
            customer: Some("Acme".to_owned()),
            may_work: false,
            made_by: "anna".to_owned(),
            expires: NOW.plus_micros(MINUTE),
            used: None,
        };
        desk.add_key(&key, done(&service, 0)).await.unwrap();
        assert!(desk.add_key(&key, done(&service, 0)).await.is_err(), "that name is taken");
        let found = desk.key("secret").await.unwrap().unwrap();
        assert_eq!((found.rights(NOW), found.rights(NOW.plus_micros(MINUTE))), (&[Right::See][..], &[][..]));
        assert!(desk.key("other").await.unwrap().is_none());
        desk.use_key(&key, NOW).await.unwrap();
        assert_eq!(desk.keys().await.unwrap()[0].used, Some(NOW));
        desk.remove_key("k1", done(&service, 1)).await.unwrap();
        assert!(desk.key("secret").await.unwrap().is_none());
        let acts = store.audit("Acme", 0, 9).await.unwrap();
        assert_eq!(acts.iter().map(|it| it.action.as_str()).collect::<Vec<_>>(), ["add-key", "remove-key"]);
    });
}

#[test]
fn o1_who_follows_sees_every_change_once_in_order_however_little_is_read_at_once() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let mut storm = Storm::default();
        for turn in 0..4 {
            let id = |place: usize| format!("{turn}-{place}");
            let alerts: Vec<_> =
                (0..5).map(|it| alert(&id(it), "Acme", "+12105550142", "warning", turn)).collect();
            desk.take_alerts(&alerts, 1, &mut storm, done(&service, turn)).await.unwrap();
        }
        let whole = desk.feed(0, 1_000).await.unwrap();
        let alerts = |turns: &[Turn]| -> Vec<String> {
            let changes = turns.iter().flat_map(|turn| &turn.changes);
            changes
                .filter_map(|change| match change {
                    Changed::Alert { id, .. } => Some(id.clone()),
                    Changed::Case { .. } => None,
                })
                .collect()
        };
        assert_eq!(alerts(&whole).len(), 20);
        for count in [1, 2, 3, 7] {
            let (mut seen, mut after) = (Vec::new(), 0);
            loop {
                let turns = desk.feed(after, count).await.unwrap();
                let Some(last) = turns.last() else { break };
                after = last.number;
                seen.extend(turns);
            }
            assert_eq!(seen, whole, "{count} at once");
        }
        let end = desk.feed_end().await.unwrap();
        assert_eq!(end, whole.last().unwrap().number);
        desk.forget_feed(1).await.unwrap();
        assert_eq!(desk.feed_start().await.unwrap(), Some(end));
    });
}
