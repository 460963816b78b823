//! Changes are approved by those who may, for exactly what they saw, and proven before the case is done.

use std::collections::BTreeSet;

use super::*;
use crate::CaseNumber;
use crate::change::{Approval, Authorisers, Change, Impact, Line, Method, Standing};
use crate::intake::Role;
use crate::outgoing::{Channel, Content, Delivery, Outgoing};
use crate::registry::{Person, Registration};
use crate::second_factor::SecondFactor;

pub(super) fn change() -> Change {
    let line = Line::Add {
        list: "harassment".to_owned(),
        entry: "+12105550142".to_owned(),
        expires: Some("2026-12-24".to_owned()),
        reason: "threats".to_owned(),
    };
    Change { customer: "Acme".to_owned(), base: "b".to_owned(), result: "r".to_owned(), lines: vec![line] }
}

pub(super) fn yes(change: &Change, approver: &str) -> Approval {
    Approval {
        hash: change.hash(),
        approver: approver.to_owned(),
        method: Method::Portal,
        at: NOW,
        expires: NOW.plus_micros(7 * 24 * 60 * MINUTE),
    }
}

pub(super) fn ann() -> Authorisers {
    Authorisers(["Ann".to_owned()].into())
}

pub(super) fn asking(number: CaseNumber, contact: &str, hash: &str, secret: &str) -> Asking {
    let link = Link {
        hash: Link::hash_of(secret),
        is_for: LinkFor::Approve(hash.to_owned()),
        case: number,
        customer: "Acme".to_owned(),
        contact: contact.to_owned(),
        expires: NOW.plus_micros(72 * 60 * MINUTE),
        used: None,
    };
    Asking { link, outgoing: Some(notice(secret)) }
}

pub(super) fn notice(id: &str) -> Outgoing {
    Outgoing {
        id: id.to_owned(),
        customer: "Acme".to_owned(),
        case: None,
        thread: None,
        channel: Channel::Mail,
        to: "ann@acme.example.com".to_owned(),
        content: Content::Notice { subject: "s".to_owned(), text: "t".to_owned() },
        due: NOW,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

/// Ann may authorise for Acme, and hardly anything was agreed to beforehand.
pub(super) async fn register(store: &Store, service: &Service) {
    let person = Person {
        name: "Ann".to_owned(),
        addresses: vec!["ann@acme.example.com".to_owned()],
        phones: Vec::new(),
        roles: BTreeSet::from([Role::Authorizer]),
        valid_from: None,
        valid_until: None,
        verified_at: None,
        zone: None,
    };
    let standing = Standing {
        name: "storm".to_owned(),
        customer: "Acme".to_owned(),
        lists: BTreeSet::from(["harassment".to_owned()]),
        entries_max: 1,
        days_max: 100,
        expires: NOW.plus_micros(60 * 24 * 60 * MINUTE),
    };
    let registration = Registration {
        customer: "Acme".to_owned(),
        people: vec![person],
        standing: vec![standing],
        ..Registration::default()
    };
    let desk = store.desk();
    let draft = desk.draft_registration(registration, done(service, 0)).await.unwrap();
    let ben = Done { who: "ben", now: NOW, service };
    desk.confirm_registration(&draft.hash, ben).await.unwrap();
}

/// A case that waits for its change to be authorised.
pub(super) async fn asked(store: &Store, service: &Service, impact: Impact) -> CaseNumber {
    let desk = store.desk();
    let case = desk.open("Acme", Kind::Block, State::New, "block", done(service, 0)).await.unwrap();
    desk.step(case.number, &Signal::Take, "", done(service, 1)).await.unwrap();
    desk.propose(case.number, change(), impact, done(service, 2)).await.unwrap();
    let secret = format!("secret of {}", case.number);
    let asking = asking(case.number, "Ann", &change().hash(), &secret);
    desk.ask_authorisation(case.number, &[asking], other(service, 3)).await.unwrap();
    case.number
}

pub(super) fn today() -> jiff::civil::Date {
    jiff::civil::date(2026, 10, 5)
}

#[test]
fn z1_what_was_approved_is_void_after_an_edit() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let case = desk.open("Acme", Kind::Block, State::New, "block", done(&service, 0)).await.unwrap();
        let number = case.number;
        desk.step(number, &Signal::Take, "", done(&service, 1)).await.unwrap();
        desk.propose(number, change(), Impact::default(), done(&service, 2)).await.unwrap();
        let early = desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 3)).await;
        assert!(early.unwrap_err().to_string().contains("does not wait"));
        let first = asking(number, "Ann", &change().hash(), "one");
        desk.ask_authorisation(number, &[first], done(&service, 3)).await.unwrap();
        // Edited after it was shown.
        let mut edited = change();
        edited.result.push('2');
        desk.propose(number, edited.clone(), Impact::default(), done(&service, 4)).await.unwrap();
        let second = asking(number, "Ann", &edited.hash(), "two");
        desk.ask_authorisation(number, &[second], done(&service, 4)).await.unwrap();
        let old = desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 5)).await;
        assert!(old.unwrap_err().to_string().contains("edited"));
        let stranger = desk.approve(number, yes(&edited, "Mallory"), &ann(), done(&service, 5)).await;
        assert!(stranger.unwrap_err().to_string().contains("may not authorise"));
        // Nobody knows what it would do: a reply by mail is not enough of a proof of who says yes.
        let reply = Approval { method: Method::Reply, ..yes(&edited, "Ann") };
        let reply = desk.approve(number, reply, &ann(), done(&service, 5)).await;
        assert!(reply.unwrap_err().to_string().contains("use the link"));
        let (case, authority) =
            desk.approve(number, yes(&edited, "Ann"), &ann(), done(&service, 6)).await.unwrap();
        assert_eq!((case.state, authority.unwrap().result()), (State::Implementing, "r2"));
        // While the customer had to act no clock of ours says otherwise.
        let complete = case.clocks.iter().find(|it| it.kind.name() == "complete").unwrap();
        assert_eq!(complete.waits.len(), 2);
        // Nobody says by hand that it is installed or proven.
        for signal in [Signal::Install, Signal::Prove, Signal::RollBack, Signal::AskAuthorisation] {
            let by_hand = desk.step(number, &signal, "", done(&service, 7)).await;
            assert!(by_hand.unwrap_err().to_string().contains("a way of its own"), "{signal:?}");
        }
    });
}

#[test]
fn z1_what_was_withdrawn_is_approved_by_nothing_from_before() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = asked(&store, &service, Impact::default()).await;
        // One of two yeses that are wanted is there.
        let two = Authorisers(["Ann".to_owned(), "Bob".to_owned()].into());
        let high = Impact { protected: 1, ..Impact::default() };
        desk.propose(number, change(), high.clone(), done(&service, 3)).await.unwrap();
        let again = asking(number, "Ann", &change().hash(), "again");
        desk.ask_authorisation(number, &[again], other(&service, 3)).await.unwrap();
        let (_, authority) =
            desk.approve(number, yes(&change(), "Ann"), &two, done(&service, 4)).await.unwrap();
        assert!(authority.is_none(), "it takes two");
        let late = desk.expecting(number, 1);
        assert!(matches!(
            late.withdraw_proposal(number, "x", done(&service, 5)).await,
            Err(Error::Overtaken(_))
        ));
        let case = desk.withdraw_proposal(number, "the wrong number", done(&service, 5)).await.unwrap();
        assert_eq!((case.state, &case.change), (State::Acknowledged, &None));
        for secret in ["again".to_owned(), format!("secret of {number}")] {
            assert_eq!(desk.link_of(&secret).await.unwrap(), None, "{secret}");
        }
        // The very same, proposed again, begins anew.
        desk.propose(number, change(), high.clone(), done(&service, 6)).await.unwrap();
        let (_, approvals) = desk.change(&change().hash()).await.unwrap().unwrap();
        assert!(approvals.is_empty(), "{approvals:?}");
        // So it does after changes were asked for.
        let ask = |secret| [asking(number, "Ann", &change().hash(), secret)];
        desk.ask_authorisation(number, &ask("once"), other(&service, 6)).await.unwrap();
        desk.approve(number, yes(&change(), "Ann"), &two, done(&service, 6)).await.unwrap();
        desk.step(number, &Signal::AskChanges, "", done(&service, 6)).await.unwrap();
        desk.propose(number, change(), high.clone(), done(&service, 6)).await.unwrap();
        let (_, approvals) = desk.change(&change().hash()).await.unwrap().unwrap();
        assert!(approvals.is_empty(), "{approvals:?}");
        desk.ask_authorisation(number, &ask("twice"), other(&service, 6)).await.unwrap();
        desk.approve(number, yes(&change(), "Ann"), &two, done(&service, 6)).await.unwrap();
        // And in another case, once this one has given it up.
        desk.withdraw_proposal(number, "again", done(&service, 7)).await.unwrap();
        let second = asked(&store, &service, high).await;
        let (_, approvals) = desk.change(&change().hash()).await.unwrap().unwrap();
        assert!(approvals.is_empty(), "{approvals:?}");
        let (_, authority) =
            desk.approve(second, yes(&change(), "Bob"), &two, done(&service, 7)).await.unwrap();
        assert!(authority.is_none(), "it still takes two");
        let nothing = desk.withdraw_proposal(number, "what?", done(&service, 8)).await;
        assert!(matches!(nothing, Err(Error::Refused(_))), "{nothing:?}");
    });
}

#[test]
fn z2_a_link_is_good_for_one_answer_of_whom_it_was_sent_to() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = asked(&store, &service, Impact::default()).await;
        // What is sent and the link are there together; the secret itself is not.
        assert_eq!(desk.due_by(Channel::Mail, NOW, 9).await.unwrap().len(), 1);
        assert_eq!(desk.link_of("a guess").await.unwrap(), None);
        let link = desk.link_of(&format!("secret of {number}")).await.unwrap().unwrap();
        assert_eq!((link.case, link.contact.as_str()), (number, "Ann"));
        assert!(link.is_good_at(NOW) && !link.is_good_at(link.expires));
        let late = Done { now: link.expires, ..done(&service, 0) };
        let too_late = desk.approve_by_link(&link, yes(&change(), "Ann"), &ann(), late).await;
        assert!(too_late.unwrap_err().to_string().contains("too old"));
        // A refused attempt leaves the link good.
        let stranger =
            desk.approve_by_link(&link, yes(&change(), "Mallory"), &ann(), done(&service, 4)).await;
        assert!(stranger.is_err());
        let (case, _) =
            desk.approve_by_link(&link, yes(&change(), "Ann"), &ann(), done(&service, 5)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
        let again = desk.approve_by_link(&link, yes(&change(), "Ann"), &ann(), done(&service, 6)).await;
        assert!(again.unwrap_err().to_string().contains("was used"));
    });
}

#[test]
fn z4_a_refusal_needs_a_reason_and_ends_the_case() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let number = asked(&store, &service, Impact::default()).await;
        let link = desk.link_of(&format!("secret of {number}")).await.unwrap();
        let no = desk.refuse(number, ("Ann", " "), link.as_ref(), done(&service, 4)).await;
        assert!(no.unwrap_err().to_string().contains("needs a sentence"));
        let why = ("Ann", "this is our own answering service");
        let case = desk.refuse(number, why, link.as_ref(), done(&service, 5)).await.unwrap();
        assert_eq!((case.state, case.closure.unwrap().reason), (State::Closed, Reason::Refused));
    });
}

#[test]
fn z8_z9_what_is_authorised_is_installed_proven_and_told() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = asked(&store, &service, Impact::default()).await;
        let now = NOW.plus_micros(5 * MINUTE);
        assert!(desk.authority(number, today(), now).await.is_err(), "nobody has approved");
        desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 5)).await.unwrap();
        let (proposed, authority) = desk.authority(number, today(), now).await.unwrap();
        assert_eq!(
            (proposed.change.hash().as_str(), authority.by()),
            (authority.hash(), &["Ann".to_owned()][..])
        );
        // What was approved runs out.
        assert!(desk.authority(number, today(), now.plus_micros(7 * 24 * 60 * MINUTE)).await.is_err());
        // A test call shows something else: it goes back, and what was approved counts for another attempt.
        let failed = Proof::Failed("+12105550142 still rings".to_owned());
        let case = desk.prove(number, failed, done(&service, 6)).await.unwrap();
        assert_eq!(case.state, State::AwaitingAuthorisation);
        desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 7)).await.unwrap();
        let shown = Proof::Shown("+12105550142 gets 603".to_owned(), vec![notice("told")]);
        let case = desk.prove(number, shown, done(&service, 8)).await.unwrap();
        // The clock runs until the customer was told.
        let runs =
            |case: &Case| case.clocks.iter().any(|it| it.kind.name() == "complete" && it.stopped.is_none());
        assert_eq!((case.state, runs(&case)), (State::Verifying, true));
        assert!(desk.outgoing(number).await.unwrap().is_empty(), "the notice of this test names no case");
        let (proposed, _) = desk.change(&change().hash()).await.unwrap().unwrap();
        assert_eq!(proposed.proof.as_deref(), Some("+12105550142 gets 603"));
        let case = desk.told(number, "taken by mail", done(&service, 9)).await.unwrap();
        assert_eq!((case.state, runs(&case)), (State::Done, false));
    });
}

#[test]
fn z1_the_same_change_on_another_base_keeps_its_approvals_unless_it_does_something_else() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let impact = Impact { days: 30, blocked: Some(100), wanted: 0, ..Impact::default() };
        let number = asked(&store, &service, impact.clone()).await;
        desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 5)).await.unwrap();
        let moved = Change { base: "b2".to_owned(), result: "r2".to_owned(), ..change() };
        let more = Impact { blocked: Some(111), ..impact.clone() };
        let other = desk.rebase(number, moved.clone(), more, done(&service, 6)).await;
        assert!(other.unwrap_err().to_string().contains("something else"));
        let mut edited = moved.clone();
        edited.lines.push(edited.lines[0].clone());
        assert!(desk.rebase(number, edited, impact.clone(), done(&service, 6)).await.is_err());
        let near = Impact { blocked: Some(109), ..impact };
        desk.rebase(number, moved.clone(), near, done(&service, 7)).await.unwrap();
        let (_, authority) = desk.authority(number, today(), NOW.plus_micros(8 * MINUTE)).await.unwrap();
        assert_eq!((authority.hash(), authority.result()), (moved.hash().as_str(), "r2"));
    });
}

#[test]
fn z6_what_was_agreed_beforehand_spares_the_asking() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let case = desk.open("Acme", Kind::Block, State::New, "block", done(&service, 0)).await.unwrap();
        let number = case.number;
        desk.step(number, &Signal::Take, "", done(&service, 1)).await.unwrap();
        desk.propose(number, change(), Impact::default(), done(&service, 2)).await.unwrap();
        let unknown = desk.use_standing(number, "flood", today(), &[], done(&service, 3)).await;
        assert!(unknown.unwrap_err().to_string().contains("no standing authorisation"));
        let (hash, expires) = (change().hash(), NOW.plus_micros(72 * 60 * MINUTE));
        let (link, _) = Link::draw(&case, "Ann", LinkFor::Disown(hash.clone()), expires).unwrap();
        let told = [Asking { link: link.clone(), outgoing: Some(notice("used")) }];
        let (case, _) = desk.use_standing(number, "storm", today(), &told, done(&service, 3)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
        let (_, authority) = desk.authority(number, today(), NOW.plus_micros(4 * MINUTE)).await.unwrap();
        assert!(authority.is_standing());
        assert_eq!(
            desk.due_by(Channel::Mail, NOW, 9).await.unwrap().len(),
            1,
            "the authorisers are told at once"
        );
        // One of them takes it back, once.
        let (incident, _) = desk.disown(&link, &hash, done(&service, 5)).await.unwrap();
        assert_eq!(
            (incident.kind, incident.severity),
            (Kind::ReportedIncident, crate::case::Severity::Critical)
        );
        assert_ne!(desk.case(number).await.unwrap().state, State::Implementing);
        assert!(desk.disown(&link, &hash, done(&service, 6)).await.is_err());
    });
}

#[test]
fn z2_codes_count_once_and_wrong_ones_lock() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let at = Timestamp(1_111_111_109_000_000);
        let none = desk.take_code("Acme", "Ann", "081804", at).await;
        assert!(none.unwrap_err().to_string().contains("no second factor"));
        let nobody = desk.take_code("Acme", "Anne", "081804", at).await;
        assert_eq!(nobody.unwrap_err().to_string(), "Acme has no contact called Anne");
        let factor = SecondFactor::new(*b"12345678901234567890");
        assert!(desk.enrol("Acme", "Mallory", &factor, done(&service, 0)).await.is_err());
        desk.enrol("Acme", "Ann", &factor, done(&service, 0)).await.unwrap();
        desk.take_code("Acme", "Ann", "081804", at).await.unwrap();
        assert!(desk.take_code("Acme", "Ann", "081804", at).await.is_err(), "used");
        for _ in 0..4 {
            assert!(desk.take_code("Acme", "Ann", "000000", at).await.is_err());
        }
        let locked = desk.take_code("Acme", "Ann", "000000", at).await.unwrap_err();
        assert!(locked.to_string().contains("too many"), "{locked}");
        // The secret is in no audit entry.
        let entries = store.audit("Acme", 0, 50).await.unwrap();
        assert!(entries.iter().any(|entry| entry.action == "enrol"));
        assert!(entries.iter().all(|entry| !entry.detail.contains(factor.secret())));
    });
}

#[test]
fn z10_an_approval_that_was_none_counts_no_more_and_becomes_a_case() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = asked(&store, &service, Impact::default()).await;
        let (case, _) = desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 5)).await.unwrap();
        let hash = change().hash();
        let expires = NOW.plus_micros(20 * MINUTE);
        let (link, secret) = Link::draw(&case, "Ann", LinkFor::Disown(hash.clone()), expires).unwrap();
        assert_eq!(
            link.place("https://desk.example.com/", &secret),
            format!("https://desk.example.com/disown/{secret}")
        );
        let unknown = desk.disown(&link, &hash, done(&service, 6)).await;
        assert!(unknown.is_err(), "it was never sent");
        let mut writing = store.write().await.unwrap();
        writing.put_link(&case, &link).await.unwrap();
        writing.commit().await.unwrap();
        assert_eq!(desk.link_of(&secret).await.unwrap().as_ref(), Some(&link));
        let (incident, _) = desk.disown(&link, &hash, done(&service, 6)).await.unwrap();
        assert_eq!(
            (incident.kind, incident.severity),
            (Kind::ReportedIncident, crate::case::Severity::Critical)
        );
        let case = desk.case(number).await.unwrap();
        assert_eq!(case.state, State::AwaitingAuthorisation);
        assert!(desk.authority(number, today(), NOW.plus_micros(7 * MINUTE)).await.is_err());
        assert!(desk.change(&hash).await.unwrap().unwrap().1.is_empty(), "no approval is left");
        assert!(desk.disown(&link, &hash, done(&service, 7)).await.is_err(), "used");
    });
}

#[test]
fn z10_what_was_brought_onto_another_base_is_disowned_with_what_it_was_before() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let number = asked(&store, &service, Impact::default()).await;
        let (case, _) = desk.approve(number, yes(&change(), "Ann"), &ann(), done(&service, 5)).await.unwrap();
        // The link is drawn before the change is made, and names the change as it was then.
        let hash = change().hash();
        let expires = NOW.plus_micros(20 * MINUTE);
        let (link, _) = Link::draw(&case, "Ann", LinkFor::Disown(hash.clone()), expires).unwrap();
        let mut writing = store.write().await.unwrap();
        writing.put_link(&case, &link).await.unwrap();
        writing.commit().await.unwrap();
        let on = |base: &str| Change { base: base.to_owned(), result: format!("r of {base}"), ..change() };
        for base in ["b2", "b3"] {
            desk.rebase(number, on(base), Impact::default(), done(&service, 6)).await.unwrap();
        }
        let (_, now) = desk.disown(&link, &hash, done(&service, 7)).await.unwrap();
        assert_eq!(now, on("b3").hash());
        for hash in [hash, on("b2").hash(), now] {
            assert!(desk.change(&hash).await.unwrap().unwrap().1.is_empty(), "{hash} is approved still");
        }
        assert_eq!(desk.case(number).await.unwrap().state, State::AwaitingAuthorisation);
    });
}
