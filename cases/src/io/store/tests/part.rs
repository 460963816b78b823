//! An authoriser takes lines out of a change and says yes to the rest; and who hears of an approval that counts no more.

use super::authorisation::{ann, asked, asking, change, register, today, yes};
use super::*;
use crate::CaseNumber;
use crate::case::Relation;
use crate::change::{Approval, Authorisers, Change, Impact, Line, Method, Rest};
use crate::notice::{Happening, Seen, news};
use crate::registry::Person;

const OTHERS: [&str; 2] = ["+12105550143", "+12105550144"];
const WHY: &str = "that is our own answering service";

/// Three numbers come on a list.
fn three() -> Change {
    let mut change = change();
    for entry in OTHERS {
        let mut line = change.lines[0].clone();
        if let Line::Add { entry: number, .. } = &mut line {
            entry.clone_into(number);
        }
        change.lines.push(line);
    }
    change
}

/// The lines at these places, as they are drafted on what is in force now.
fn some(whole: &Change, places: &[usize]) -> Change {
    let (lines, _) = whole.parted(&places.iter().copied().collect()).unwrap();
    Change { lines, result: format!("r of {places:?}"), ..whole.clone() }
}

fn part(shown: &Change, change: Change, rest: Rest) -> Part {
    let (shown, why) = (shown.hash(), WHY.to_owned());
    Part { shown, change, impact: Impact::default(), rest, why, asking: Vec::new() }
}

/// A case in which three numbers wait to be approved.
async fn waiting(store: &Store, service: &Service, impact: Impact) -> CaseNumber {
    let desk = store.desk();
    let case = desk.open("Acme", Kind::Block, State::New, "block", done(service, 0)).await.unwrap();
    desk.step(case.number, &Signal::Take, "", done(service, 1)).await.unwrap();
    desk.propose(case.number, three(), impact, done(service, 2)).await.unwrap();
    let ask = asking(case.number, "Ann", &three().hash(), &format!("whole {}", case.number));
    desk.ask_authorisation(case.number, &[ask], other(service, 3)).await.unwrap();
    case.number
}

#[test]
fn z4_what_was_approved_of_a_change_is_a_change_of_its_own_and_the_rest_is_refused() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let (desk, whole) = (store.desk(), three());
        let number = waiting(&store, &service, Impact::default()).await;
        let link = desk.link_of(&format!("whole {number}")).await.unwrap().unwrap();
        let change = some(&whole, &[0, 2]);
        let refused = |part: Part, approval: Approval| {
            let (store, link) = (store.clone(), link.clone());
            async move {
                let (service, acme) = (Service::sample(), store.customer("Acme"));
                let taken =
                    acme.approve_part(number, (&part, Some(&link)), &approval, done(&service, 4)).await;
                let Err(Error::Refused(why)) = taken else { panic!("taken: {taken:?}") };
                why
            }
        };
        let good = part(&whole, change.clone(), Rest::Refused);
        // A yes to the whole is none to a part; nor does somebody else say it, or a reply.
        assert!(refused(good.clone(), yes(&whole, "Ann")).await.contains("a part is approved"));
        assert!(refused(good.clone(), yes(&change, "Mallory")).await.contains("may not authorise"));
        let reply = Approval { method: Method::Reply, ..yes(&change, "Ann") };
        assert!(refused(good.clone(), reply).await.contains("not by a reply"));
        // Nothing but what was shown.
        let edited =
            Change { lines: vec![three().lines[0].clone(), change_line("+12105550149")], ..change.clone() };
        let other = part(&whole, edited.clone(), Rest::Refused);
        assert!(refused(other, yes(&edited, "Ann")).await.contains("no part of the change"));
        let old = Part { shown: change.hash(), ..good.clone() };
        assert!(refused(old, yes(&change, "Ann")).await.contains("edited since"));
        let silent = Part { why: "no".to_owned(), ..good.clone() };
        assert!(refused(silent, yes(&change, "Ann")).await.contains("in a few words"));
        let worse = Part { impact: Impact { wanted: 1, ..Impact::default() }, ..good.clone() };
        assert!(refused(worse, yes(&change, "Ann")).await.contains("do more than was shown"));
        assert_eq!(desk.case(number).await.unwrap().change, Some(whole.hash()), "nothing of it was kept");

        let approval = yes(&change, "Ann");
        let acme = store.customer("Acme");
        let approved = acme.approve_part(number, (&good, Some(&link)), &approval, done(&service, 5)).await;
        let (case, authority) = approved.unwrap().unwrap();
        let authority = authority.expect("one is enough");
        assert_eq!((case.state, authority.hash()), (State::Implementing, change.hash().as_str()));
        let (proposed, authority) =
            desk.authority(number, today(), NOW.plus_micros(6 * MINUTE)).await.unwrap();
        assert_eq!((proposed.change.lines.len(), authority.result()), (2, "r of [0, 2]"));
        let left = &proposed.left_out[0];
        assert_eq!((left.by.as_str(), left.why.as_str(), left.case), ("Ann", WHY, None));
        assert_eq!(left.lines, [whole.lines[1].clone()]);
        let events = desk.events(number).await.unwrap();
        let said = events.iter().find(|event| event.what == "leave-out").unwrap();
        assert!(said.text.contains(OTHERS[0]) && said.text.contains(WHY), "{}", said.text);
        // The link is used, and the whole is approved by nothing any more.
        let again = acme.approve_part(number, (&good, Some(&link)), &approval, done(&service, 6)).await;
        assert!(again.is_err());
        let whole_again = desk.approve(number, yes(&whole, "Ann"), &ann(), done(&service, 6)).await;
        assert!(whole_again.is_err());
        // What remains moves to another base with what was left out of it.
        let moved = Change { base: "b2".to_owned(), result: "r2".to_owned(), ..change };
        desk.rebase(number, moved.clone(), Impact::default(), done(&service, 7)).await.unwrap();
        let (proposed, _) = desk.change(&moved.hash()).await.unwrap().unwrap();
        assert_eq!(proposed.left_out.len(), 1);
    });
}

fn change_line(entry: &str) -> Line {
    let mut line = change().lines[0].clone();
    if let Line::Add { entry: number, .. } = &mut line {
        entry.clone_into(number);
    }
    line
}

#[test]
fn z4_what_goes_back_to_the_desk_is_a_case_with_the_clocks_of_the_first() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let (desk, whole) = (store.desk(), three());
        let number = waiting(&store, &service, Impact::default()).await;
        let change = some(&whole, &[1]);
        let part = part(&whole, change.clone(), Rest::Returned);
        let approval = yes(&change, "Ann");
        let of_other = store.customer("Other");
        let foreign =
            of_other.approve_part(number, (&part, None), &approval, done(&service, 4)).await.unwrap();
        assert!(foreign.is_none(), "another customer's");
        let acme = store.customer("Acme");
        let (case, authority) =
            acme.approve_part(number, (&part, None), &approval, done(&service, 5)).await.unwrap().unwrap();
        assert!(authority.is_some());
        let (proposed, _) = desk.change(&change.hash()).await.unwrap().unwrap();
        let back = proposed.left_out[0].case.expect("it goes on");
        assert!(case.links.contains(&(back, Relation::RelatesTo)));
        let rest = desk.case(back).await.unwrap();
        assert_eq!((rest.state, rest.kind, &rest.owner), (State::Acknowledged, Kind::Block, &case.owner));
        assert_eq!(rest.links, [(number, Relation::SplitFrom)]);
        assert_eq!(rest.wanted.numbers, ["+12105550142", OTHERS[1]]);
        // S-10: as old as what it was taken out of, and the customer's turn is over for it.
        let complete = |case: &Case| {
            case.clocks.iter().find(|it| it.kind.name() == "complete").map(|it| it.start).unwrap()
        };
        assert_eq!(complete(&rest), complete(&case));
        assert!(rest.clocks.iter().all(|clock| clock.waits.iter().all(|wait| wait.to.is_some())));
        // The desk goes on: the rest is proposed, asked for and approved like anything else.
        let again = some(&whole, &[0, 2]);
        desk.propose(back, again.clone(), Impact::default(), done(&service, 8)).await.unwrap();
        let ask = asking(back, "Ann", &again.hash(), "rest");
        desk.ask_authorisation(back, &[ask], done(&service, 9)).await.unwrap();
        let (rest, _) = desk.approve(back, yes(&again, "Ann"), &ann(), done(&service, 10)).await.unwrap();
        assert_eq!(rest.state, State::Implementing);
        let (_, approvals) = desk.change(&change.hash()).await.unwrap().unwrap();
        assert_eq!(approvals.len(), 1, "what was approved first is another change");
    });
}

#[test]
fn z4_where_it_takes_two_the_second_is_asked_for_what_remains() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let mut registration = desk.registration("Acme").await.unwrap();
        let bob = Person { name: "Bob".to_owned(), ..registration.people[0].clone() };
        registration.people.push(Person { addresses: vec!["bob@acme.example.com".to_owned()], ..bob });
        let draft = desk.draft_registration(registration, done(&service, 0)).await.unwrap();
        let ben = Done { who: "ben", now: NOW, service: &service };
        desk.confirm_registration(&draft.hash, ben).await.unwrap();
        let two = Authorisers(["Ann".to_owned(), "Bob".to_owned()].into());
        let mut whole = three();
        let off = Line::Remove { list: "harassment".to_owned(), entry: "+12105550190".to_owned() };
        whole.lines.push(off);
        let number = waiting(&store, &service, Impact::default()).await;
        desk.propose(number, whole.clone(), Impact::default(), done(&service, 4)).await.unwrap();
        let asked = ["Ann", "Bob"].map(|name| asking(number, name, &whole.hash(), &format!("first {name}")));
        desk.ask_authorisation(number, &asked, other(&service, 4)).await.unwrap();
        // Bob wants all of it, Ann does not.
        desk.approve(number, yes(&whole, "Bob"), &two, done(&service, 5)).await.unwrap();
        let change = some(&whole, &[0, 3]);
        let mut part = part(&whole, change.clone(), Rest::Refused);
        part.asking = vec![asking(number, "Bob", &change.hash(), "second Bob")];
        let approval = yes(&change, "Ann");
        let acme = store.customer("Acme");
        let approved = acme.approve_part(number, (&part, None), &approval, done(&service, 6)).await;
        let (case, authority) = approved.unwrap().unwrap();
        assert!(authority.is_none(), "Bob has said yes to something else");
        assert_eq!(case.state, State::AwaitingAuthorisation);
        let events = desk.events(number).await.unwrap();
        let said = events.iter().find(|event| event.what == "leave-out").unwrap();
        assert!(said.text.contains("What Bob approved of it before counts no more"), "{}", said.text);
        assert!(desk.link_of("first Bob").await.unwrap().is_none(), "it leads to the whole");
        let link = desk.link_of("second Bob").await.unwrap().unwrap();
        let (case, authority) =
            desk.approve_by_link(&link, yes(&change, "Bob"), &two, done(&service, 7)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
        assert_eq!(authority.unwrap().by(), ["Ann", "Bob"]);
    });
}

/// A case that waits for `change`, of which Ann has approved the first of two yeses.
async fn half_approved(store: &Store, service: &Service, change: &Change) -> CaseNumber {
    let desk = store.desk();
    let high = Impact { days: 30, blocked: Some(9), wanted: 1, ..Impact::default() };
    let case = desk.open("Acme", Kind::Block, State::New, "block", done(service, 0)).await.unwrap();
    let number = case.number;
    desk.step(number, &Signal::Take, "", done(service, 1)).await.unwrap();
    desk.propose(number, change.clone(), high, done(service, 2)).await.unwrap();
    let ask = asking(number, "Ann", &change.hash(), &format!("secret of {number}"));
    desk.ask_authorisation(number, &[ask], other(service, 3)).await.unwrap();
    let (_, authority) = desk.approve(number, yes(change, "Ann"), &both(), done(service, 4)).await.unwrap();
    assert!(authority.is_none(), "it takes two");
    number
}

fn both() -> Authorisers {
    Authorisers(["Ann".to_owned(), "Bob".to_owned()].into())
}

#[test]
fn z1_what_one_case_is_about_to_have_made_is_proposed_in_no_other() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let first = half_approved(&store, &service, &change()).await;
        let open = async || {
            let case = desk.open("Acme", Kind::Block, State::New, "again", done(&service, 5)).await.unwrap();
            desk.step(case.number, &Signal::Take, "", done(&service, 5)).await.unwrap();
            case.number
        };
        let second = open().await;
        let refused = desk.propose(second, change(), Impact::default(), done(&service, 6)).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "exactly this change is proposed in {first} already, which is awaiting-authorisation: join the \
                 cases, or have it withdrawn there"
            )
        );
        // Nothing has become of the second, and the yes in the first counts: one more is enough.
        assert_eq!(desk.case(second).await.unwrap().change, None);
        // Lines that an authoriser picks out of a larger change are no other way to it.
        let whole = three();
        let part_of = waiting(&store, &service, Impact::default()).await;
        let picked = some(&whole, &[0]);
        let third = open().await;
        desk.propose(third, picked.clone(), Impact::default(), done(&service, 6)).await.unwrap();
        let acme = store.customer("Acme");
        let (good, approval) = (part(&whole, picked.clone(), Rest::Refused), yes(&picked, "Ann"));
        let approved = acme.approve_part(part_of, (&good, None), &approval, done(&service, 7));
        assert!(approved.await.unwrap_err().to_string().contains(&third.to_string()));
        let (case, authority) =
            desk.approve(first, yes(&change(), "Bob"), &both(), done(&service, 7)).await.unwrap();
        assert_eq!(
            (case.state, authority.unwrap().by()),
            (State::Implementing, &["Ann".to_owned(), "Bob".to_owned()][..])
        );
        // While it is made, and proven, it is not proposed again either; once it is over it may be, and begins anew.
        assert!(desk.propose(second, change(), Impact::default(), done(&service, 8)).await.is_err());
        desk.prove(first, Proof::Shown("three calls".to_owned(), Vec::new()), done(&service, 8))
            .await
            .unwrap();
        assert!(desk.propose(second, change(), Impact::default(), done(&service, 8)).await.is_err());
        desk.told(first, "by telephone", done(&service, 9)).await.unwrap();
        desk.propose(second, change(), Impact::default(), done(&service, 9)).await.unwrap();
        assert!(desk.change(&change().hash()).await.unwrap().unwrap().1.is_empty());
    });
}

#[test]
fn z10_a_case_whose_approval_counts_no_more_says_so_and_its_owner_hears_of_it() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let high = Impact { days: 30, blocked: Some(9), wanted: 1, ..Impact::default() };
        let first = half_approved(&store, &service, &change()).await;
        let before = desk.case(first).await.unwrap();
        let seen = Seen { version: before.version, severity: before.severity, ..Seen::default() };
        // The policy moved, and another case's change is the same as this one's now.
        let earlier = Change { base: "r0".to_owned(), ..change() };
        let second = half_approved(&store, &service, &earlier).await;
        desk.rebase(second, change(), high, done(&service, 5)).await.unwrap();
        // Ann says that the yes in the second was none of hers.
        let case = desk.case(second).await.unwrap();
        let is_for = LinkFor::Disown(change().hash());
        let (link, _) = Link::draw(&case, "Ann", is_for, NOW.plus_micros(60 * MINUTE)).unwrap();
        let mut writing = store.write().await.unwrap();
        writing.put_link(&case, &link).await.unwrap();
        writing.commit().await.unwrap();
        desk.disown(&link, &change().hash(), done(&service, 6)).await.unwrap();
        let events = desk.events(first).await.unwrap();
        let told: Vec<_> = events.iter().filter(|it| it.what == "void-approval").map(|it| &it.text).collect();
        let hash = change().hash();
        assert_eq!(
            told,
            [&format!(
                "what Ann approved of change {hash} counts no more: in {second} it was not the customer's"
            )]
        );
        // It is news for who has the case.
        let case = desk.case(first).await.unwrap();
        let events: Vec<(u64, Event)> = events.into_iter().map(|it| (99, it)).collect();
        let (facts, ..) = news(&case, (&seen, &events, &[]), &service, NOW.plus_micros(7 * MINUTE));
        let fact = facts.iter().find(|fact| fact.event == Happening::ApprovalVoided).unwrap();
        assert_eq!(fact.key.get("owner"), case.owner.as_ref());
        assert!(fact.text.contains("counts no more"), "{}", fact.text);
        // The chain of the audit holds.
        let entries = store.audit("Acme", 0, 500).await.unwrap();
        assert!(entries.iter().any(|entry| entry.action == "void-approval"));
    });
}

#[test]
fn z1_what_is_withdrawn_leaves_the_yes_of_another_case_alone() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let high = Impact { days: 30, blocked: Some(9), wanted: 1, ..Impact::default() };
        let first = half_approved(&store, &service, &change()).await;
        let earlier = Change { base: "r0".to_owned(), ..change() };
        let second = half_approved(&store, &service, &earlier).await;
        desk.rebase(second, change(), high, done(&service, 5)).await.unwrap();
        desk.withdraw_proposal(second, "the other case has it", done(&service, 6)).await.unwrap();
        let (case, _) = desk.approve(first, yes(&change(), "Bob"), &both(), done(&service, 7)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
    });
}

#[test]
fn z1_a_proposal_that_is_edited_says_whose_yes_is_void() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let two = Authorisers(["Ann".to_owned(), "Bob".to_owned()].into());
        let number = asked(&store, &service, Impact { protected: 1, ..Impact::default() }).await;
        desk.approve(number, yes(&change(), "Bob"), &two, done(&service, 4)).await.unwrap();
        let edited = Change { result: "r9".to_owned(), ..change() };
        desk.propose(number, edited, Impact::default(), done(&service, 5)).await.unwrap();
        let events = desk.events(number).await.unwrap();
        let last = &events.last().unwrap().text;
        assert!(last.ends_with("; what Bob approved before counts no more"), "{last}");
    });
}
