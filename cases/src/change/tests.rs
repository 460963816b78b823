use super::*;
use crate::flow::{Flow, Reason, Signal, State};

pub(super) const NOW: Timestamp = Timestamp(1_790_000_000_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + 86_400_000_000);

pub(super) fn change() -> Change {
    let line = Line::Add {
        list: "harassment".to_owned(),
        entry: "+12105550142".to_owned(),
        expires: Some("2026-12-24".to_owned()),
        reason: "threats".to_owned(),
    };
    Change { customer: "Acme".to_owned(), base: "b0".to_owned(), result: "r1".to_owned(), lines: vec![line] }
}

pub(super) fn quiet() -> Impact {
    Impact { days: 30, blocked: Some(41), wanted: 0, ..Impact::default() }
}

pub(super) fn yes(change: &Change, approver: &str, method: Method) -> Approval {
    let approver = approver.to_owned();
    Approval { hash: change.hash(), approver, method, at: Timestamp(NOW.0 - 1), expires: LATER }
}

/// Written by one of the desk, and looked at by another.
pub(super) fn looked_at() -> Hands {
    Hands::of("paul").release(Risk::High, "quinn").unwrap()
}

pub(super) fn authorisers() -> Authorisers {
    Authorisers(["anna", "ben"].map(str::to_owned).into())
}

#[test]
fn z1_any_edit_voids_what_was_approved() {
    let base = change();
    let mut edits = vec![base.clone(); 8];
    edits[0].customer.push('x');
    edits[1].base.push('x');
    edits[2].result.push('x');
    edits[3].lines.clear();
    edits[4].lines.push(Line::Remove { list: "harassment".to_owned(), entry: "+12105550143".to_owned() });
    for (index, edit) in [(5, "entry"), (6, "expires"), (7, "reason")] {
        let Line::Add { entry, expires, reason, .. } = &mut edits[index].lines[0] else { panic!("{edit}") };
        match edit {
            "entry" => *entry = "+12105550143".to_owned(),
            "expires" => *expires = None,
            _ => reason.push('!'),
        }
    }
    let hashes: BTreeSet<String> = edits.iter().chain([&base]).map(Change::hash).collect();
    assert_eq!(hashes.len(), 9);
    let approvals = [yes(&base, "anna", Method::Portal), yes(&base, "ben", Method::Portal)];
    assert!(base.authorise((&quiet(), &looked_at()), &approvals, &authorisers(), NOW).is_ok());
    for edit in edits {
        assert!(
            edit.authorise((&quiet(), &looked_at()), &approvals, &authorisers(), NOW).is_err(),
            "{edit:?}"
        );
    }
}

/// Moving a boundary between two fields must not give the same canonical form.
#[test]
fn z1_fields_do_not_run_into_each_other() {
    let (mut one, mut other) = (change(), change());
    (one.base, one.result) = ("ab".to_owned(), "c".to_owned());
    (other.base, other.result) = ("a".to_owned(), "bc".to_owned());
    assert_ne!(one.hash(), other.hash());
}

#[test]
fn z3_risk_is_what_may_go_wrong() {
    let risk = |edit: &dyn Fn(&mut Change, &mut Impact)| {
        let (mut change, mut impact) = (change(), quiet());
        edit(&mut change, &mut impact);
        change.risk(&impact)
    };
    let entry = |text: &'static str| {
        move |change: &mut Change, _: &mut Impact| {
            if let Line::Add { entry, .. } = &mut change.lines[0] {
                *entry = text.to_owned();
            }
        }
    };
    assert_eq!(risk(&|_, _| {}), Risk::Low);
    // Unknown, or known for too few days, is no reason to call it low.
    assert_eq!(risk(&|_, impact| impact.blocked = None), Risk::Medium);
    assert_eq!(risk(&|_, impact| impact.days = 13), Risk::Medium);
    assert_eq!(risk(&|_, impact| impact.blocked = Some(20 * 30)), Risk::Medium);
    assert_eq!(risk(&|change, _| change.lines.push(change.lines[0].clone())), Risk::Medium);
    assert_eq!(risk(&|_, impact| impact.wanted = 1), Risk::High);
    for wide in [
        "+1210555*",
        "+121055501xx",
        "+12105550100 - +12105550199",
        "+1210 555 0100-+1210 555 0199",
        "country:GB",
    ] {
        assert_eq!(risk(&entry(wide)), Risk::High, "{wide}");
    }
    assert_eq!(risk(&entry("+1 (210) 555-0142")), Risk::Low);
    assert_eq!(risk(&|change, _| change.lines[0] = Line::Text { diff: "-a\n+b".to_owned() }), Risk::High);
}

#[test]
fn z2_z3_who_and_how_many() {
    let change = change();
    let loud = Impact { wanted: 3, ..quiet() };
    let check = |impact: &Impact, approvals: &[Approval]| {
        change.authorise((impact, &looked_at()), approvals, &authorisers(), NOW).map(|it| it.by().len())
    };
    let anna = yes(&change, "anna", Method::Portal);
    let ben = yes(&change, "ben", Method::Link);
    let mail = yes(&change, "anna", Method::Reply);
    assert_eq!(check(&quiet(), &[]), Err(Unauthorised::Wanting(1)));
    assert_eq!(check(&quiet(), std::slice::from_ref(&mail)), Ok(1));
    let unknown = Impact { blocked: None, ..quiet() };
    assert_eq!(check(&unknown, std::slice::from_ref(&mail)), Err(Unauthorised::Wanting(1)));
    // Twice the same person is one person, and a mail does not count where the risk is high.
    assert_eq!(check(&loud, &[anna.clone(), anna.clone()]), Err(Unauthorised::Wanting(1)));
    assert_eq!(check(&loud, &[mail, ben.clone()]), Err(Unauthorised::Wanting(1)));
    assert_eq!(check(&loud, &[anna.clone(), ben]), Ok(2));
    // A stranger, an analyst, a yes that has run out or is not given yet.
    assert_eq!(check(&quiet(), &[yes(&change, "analyst", Method::Portal)]), Err(Unauthorised::Wanting(1)));
    assert_eq!(check(&quiet(), &[Approval { expires: NOW, ..anna.clone() }]), Err(Unauthorised::Wanting(1)));
    assert_eq!(check(&quiet(), &[Approval { at: LATER, ..anna.clone() }]), Err(Unauthorised::Wanting(1)));
    let hit = Impact { protected: 1, ..quiet() };
    assert_eq!(check(&hit, &[anna]), Err(Unauthorised::Protected(1)));
}

#[test]
fn z7_no_yes_makes_up_for_a_colleague_who_has_not_looked() {
    let (change, loud) = (change(), Impact { wanted: 3, ..quiet() });
    let approvals = ["anna", "ben"].map(|who| yes(&change, who, Method::Portal));
    let unseen = Hands::of("paul");
    let why = change.authorise((&loud, &unseen), &approvals, &authorisers(), NOW).unwrap_err();
    assert_eq!(why, Unauthorised::Unreviewed(Unreviewed::ByNobody));
    assert!(change.authorise((&quiet(), &unseen), &approvals, &authorisers(), NOW).is_ok());
    assert!(change.authorise((&loud, &looked_at()), &approvals, &authorisers(), NOW).is_ok());
}

#[test]
fn z6_a_standing_authorisation_covers_what_it_says() {
    let standing = Standing {
        name: "robocallers".to_owned(),
        customer: "Acme".to_owned(),
        lists: ["harassment".to_owned()].into(),
        entries_max: 2,
        days_max: 30,
        expires: LATER,
    };
    let today = jiff::civil::date(2026, 11, 26);
    let check = |edit: &dyn Fn(&mut Change)| {
        let mut change = change();
        edit(&mut change);
        change.authorise_standing((&quiet(), &looked_at()), &standing, today, NOW)
    };
    assert!(check(&|_| {}).is_ok_and(|it| it.is_standing()));
    assert!(check(&|it| it.customer = "other".to_owned()).is_err());
    assert!(check(&|it| it.lines = vec![it.lines[0].clone(); 3]).is_err());
    assert!(check(&|it| it.lines[0] = Line::Text { diff: String::new() }).is_err());
    for (name, value) in
        [("list", "friends"), ("entry", "+1210*"), ("expires", "2026-12-27"), ("expires", "")]
    {
        let edited = check(&|it| {
            let Line::Add { list, entry, expires, .. } = &mut it.lines[0] else { unreachable!() };
            match name {
                "list" => *list = value.to_owned(),
                "entry" => *entry = value.to_owned(),
                _ => *expires = Some(value.to_owned()).filter(|it| !it.is_empty()),
            }
        });
        assert!(edited.is_err(), "{name} {value}");
    }
    assert!(change().authorise_standing((&quiet(), &looked_at()), &standing, today, LATER).is_err());
}

/// Every sequence of steps to depth 12, with a world in which the change is edited, approvals come by every way, run out and
/// are withdrawn, and its author or another asks for it: a case is in `Implementing` only if what is then to be installed was
/// validly authorised, and where its risk is high looked at by somebody who did not write it (Z-7).
#[test]
fn no_way_leads_to_implementing_without_a_valid_approval() {
    /// What the world may do besides the steps of the case.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    struct World {
        edited: bool,
        approved_first: bool,
        approved_edit: bool,
        has_run_out: bool,
        looked_at: bool,
    }
    let (first, mut second) = (change(), change());
    second.lines[0] = Line::Remove { list: "harassment".to_owned(), entry: "+12105550142".to_owned() };
    let authority = |world: World| {
        let at = if world.has_run_out { LATER } else { NOW };
        let mut approvals = Vec::new();
        if world.approved_first {
            approvals.push(yes(&first, "anna", Method::Portal));
        }
        if world.approved_edit {
            approvals.extend(["anna", "ben"].map(|who| yes(&second, who, Method::Portal)));
        }
        // Noise that must never count.
        approvals.push(yes(&first, "mallory", Method::Portal));
        approvals.push(yes(&second, "anna", Method::Reply));
        let current = if world.edited { &second } else { &first };
        let by_author = Hands::of("paul").release(Risk::Low, "paul").unwrap();
        let hands = if world.looked_at { looked_at() } else { by_author };
        current.authorise((&quiet(), &hands), &approvals, &authorisers(), at).ok()
    };
    for (flow, starts) in [
        (Flow::Alert, vec![State::Open]),
        (Flow::Request, vec![State::Quarantine, State::Unverified, State::New]),
    ] {
        // Reachable pairs, level by level: the same as all sequences, without walking equal ones twice.
        let empty = World {
            edited: false,
            approved_first: false,
            approved_edit: false,
            has_run_out: false,
            looked_at: false,
        };
        let mut level: BTreeSet<(State, World)> = starts.into_iter().map(|state| (state, empty)).collect();
        let (mut all, mut entered, mut refused) = (level.clone(), 0, 0);
        for _ in 0..12 {
            let mut next = BTreeSet::new();
            for (state, world) in level {
                let mut worlds = vec![
                    World { edited: true, ..world },
                    World { approved_first: true, ..world },
                    World { approved_edit: true, ..world },
                    World { has_run_out: true, ..world },
                    World { looked_at: true, ..world },
                ];
                worlds.dedup();
                next.extend(worlds.into_iter().map(|world| (state, world)));
                for signal in Signal::every() {
                    if let Ok(after) = state.after(flow, &signal) {
                        assert_ne!(after, State::Implementing, "{state} by {}", signal.name());
                        next.insert((after, world));
                    }
                }
                let valid = !world.has_run_out
                    // The edit is of high risk: whoever asked for it must not be who wrote it.
                    && if world.edited { world.approved_edit && world.looked_at } else { world.approved_first };
                let authority = authority(world);
                assert_eq!(authority.is_some(), valid);
                let Some(authority) = authority else {
                    refused += 1;
                    continue;
                };
                let current = if world.edited { &second } else { &first };
                assert_eq!(authority.hash(), current.hash());
                if let Ok(after) = state.after(flow, &Signal::Authorise(Box::new(authority))) {
                    assert_eq!((state, after), (State::AwaitingAuthorisation, State::Implementing));
                    entered += 1;
                    next.insert((after, world));
                }
            }
            all.extend(next.iter().copied());
            level = next;
        }
        assert!(entered > 0 && refused > 0, "{entered} {refused}");
        // All that the figures of the specification draw is reached.
        let states: BTreeSet<State> = all.iter().map(|(state, _)| *state).collect();
        assert!(states.contains(&State::Verifying) && states.contains(&State::Closed), "{states:?}");
    }
}

#[test]
fn an_illegal_step_names_the_legal_ones() {
    let illegal = State::New.after(Flow::Request, &Signal::Install).unwrap_err();
    assert_eq!(illegal.to_string(), "a case that is new cannot install: it can take");
    let from = State::AwaitingAuthorisation.after(Flow::Alert, &Signal::Close(Reason::Resolved)).unwrap_err();
    assert_eq!(from.legal, ["ask-changes", "close as refused", "close as not-authorised", "authorise"]);
}
