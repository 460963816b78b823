//! Who wrote a change is not the only one of the desk who has looked at it, where much may go wrong (Z-7).

use super::authorisation::{ann, asking, change, register, today, yes};
use super::*;
use crate::change::{Authorisers, Change, Choice, Impact, Line, Rest};

const LOUD: Impact = Impact { days: 30, blocked: Some(9), wanted: 1, protected: 0, numbers: Vec::new() };

async fn proposed(desk: Desk<'_>, service: &Service, change: &Change, impact: Impact) -> CaseNumber {
    let case = desk.open("Acme", Kind::Block, State::New, "block", done(service, 0)).await.unwrap();
    desk.step(case.number, &Signal::Take, "", done(service, 1)).await.unwrap();
    desk.propose(case.number, change.clone(), impact, done(service, 2)).await.unwrap();
    case.number
}

#[test]
fn z7_who_wrote_a_high_risk_change_does_not_ask_for_it() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = proposed(desk, &service, &change(), LOUD).await;
        let ask = [asking(number, "Ann", &change().hash(), "a way")];
        let key = Done { who: "key:k1", ..done(&service, 3) };
        for (who, why) in [
            (done(&service, 3), "anna wrote it: somebody else of the desk has to look at it"),
            (key, "key:k1 is no person"),
        ] {
            let no = desk.ask_authorisation(number, &ask, who).await.unwrap_err().to_string();
            assert!(no.contains("the risk of this change is high") && no.contains(why), "{no}");
        }
        // Nothing has become of it: nobody was asked, and the case stands where it stood.
        assert_eq!(desk.case(number).await.unwrap().state, State::Proposed);
        assert!(desk.link_of("a way").await.unwrap().is_none());
        let case = desk.ask_authorisation(number, &ask, other(&service, 4)).await.unwrap();
        assert_eq!(case.state, State::AwaitingAuthorisation);
        let (kept, _) = desk.change(&change().hash()).await.unwrap().unwrap();
        assert_eq!((kept.hands.wrote.as_str(), kept.hands.released.as_deref()), ("anna", Some("ben")));
        // Who edits it has written it: what another looked at was something else.
        let edited = Change { result: "r2".to_owned(), ..change() };
        desk.propose(number, edited.clone(), LOUD, other(&service, 5)).await.unwrap();
        let ask = [asking(number, "Ann", &edited.hash(), "another way")];
        assert!(desk.ask_authorisation(number, &ask, other(&service, 6)).await.is_err());
        desk.ask_authorisation(number, &ask, done(&service, 6)).await.unwrap();
        let two = Authorisers(["Ann".to_owned(), "Bob".to_owned()].into());
        desk.approve(number, yes(&edited, "Ann"), &two, done(&service, 7)).await.unwrap();
        let (case, _) = desk.approve(number, yes(&edited, "Bob"), &two, done(&service, 8)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
    });
}

#[test]
fn z7_what_hardly_goes_wrong_is_asked_for_by_who_wrote_it() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = proposed(desk, &service, &change(), Impact::default()).await;
        let ask = [asking(number, "Ann", &change().hash(), "a way")];
        desk.ask_authorisation(number, &ask, done(&service, 3)).await.unwrap();
        let (case, _) = desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 4)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
    });
}

#[test]
fn z7_a_standing_authorisation_is_no_way_around_a_colleague() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = proposed(desk, &service, &change(), LOUD).await;
        let no = desk.use_standing(number, "storm", today(), &[], done(&service, 3)).await.unwrap_err();
        assert!(no.to_string().contains("anna wrote it"), "{no}");
        assert_eq!(desk.case(number).await.unwrap().state, State::Proposed);
        let (case, _) = desk.use_standing(number, "storm", today(), &[], other(&service, 4)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
        assert!(desk.authority(number, today(), NOW.plus_micros(5 * MINUTE)).await.is_ok());
    });
}

/// A whole that hardly goes wrong, and a part of it that does: of few calls, some were wanted.
#[test]
fn z7_a_part_that_may_go_wrong_is_looked_at_like_a_whole_that_may() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let mut whole = change();
        let next = |entry: &str| {
            let Line::Add { list, expires, reason, .. } = &change().lines[0] else { unreachable!() };
            let (list, expires, reason) = (list.clone(), expires.clone(), reason.clone());
            Line::Add { list, entry: entry.to_owned(), expires, reason }
        };
        whole.lines.push(next("+12105550143"));
        let quiet = Impact { blocked: Some(1_000), ..LOUD };
        for (who, is_taken) in [(done(&service, 3), false), (other(&service, 3), true)] {
            let number = proposed(desk, &service, &whole, quiet.clone()).await;
            let ask = [asking(number, "Ann", &whole.hash(), &format!("to {number}"))];
            desk.ask_authorisation(number, &ask, who).await.unwrap();
            let choice = Choice { wanted: [0].into(), rest: Rest::Refused, why: "not the other".to_owned() };
            let (lines, _) = whole.parted(&choice.wanted).unwrap();
            let part = Change { lines, result: "of a part".to_owned(), ..whole.clone() };
            let approval = yes(&part, "Ann");
            let part = Part {
                shown: whole.hash(),
                change: part,
                impact: LOUD,
                rest: choice.rest,
                why: choice.why,
                asking: Vec::new(),
            };
            let acme = store.customer("Acme");
            match acme.approve_part(number, (&part, None), &approval, done(&service, 4)).await {
                Ok(taken) => {
                    let (case, authority) = taken.unwrap();
                    assert!(is_taken && authority.is_none(), "it takes two");
                    assert_eq!(case.state, State::AwaitingAuthorisation);
                }
                Err(no) => {
                    assert!(!is_taken && no.to_string().contains("anna wrote it"), "{no}");
                    desk.withdraw_proposal(number, "once more", done(&service, 5)).await.unwrap();
                }
            }
        }
    });
}
