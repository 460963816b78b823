//! What the desk does is written to whoever asked: once, and to nobody else.

use super::notices::Teller;
use super::*;
use crate::intake::Role;
use crate::letter::DeskAddress;
use crate::outgoing::{Channel, Content, Delivery, Outgoing};

fn office() -> Office {
    Office {
        desk: DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() },
        portal: "https://desk.example.com".to_owned(),
        escalation: String::new(),
        sends: true,
    }
}

/// A desk with a second requester, which writes mail.
async fn teller(store: Store) -> Teller {
    let mut teller = Teller::new(store);
    teller.office = Some(office());
    let acme = teller.people.get_mut("Acme").unwrap();
    let mut other = acme.people.iter().find(|it| it.roles.contains(&Role::Requester)).unwrap().clone();
    (other.name, other.addresses) = ("rita".to_owned(), vec!["rita@acme.example.com".to_owned()]);
    acme.people.push(other);
    // Reminders go by what is registered.
    let (desk, acme) = (teller.store.desk(), acme.clone());
    let draft = desk.draft_registration(acme, done(&teller.service, 0)).await.unwrap();
    desk.confirm_registration(&draft.hash, at(&teller, "ben", 0)).await.unwrap();
    teller
}

/// What waits to go by mail, and is gone then: to whom, the subject and the text.
async fn mails(teller: &Teller) -> Vec<(String, String, String)> {
    let far = NOW.plus_micros(365 * 86_400 * 1_000_000);
    let mut due = teller.store.desk().due_by(Channel::Mail, far, 100).await.unwrap();
    for outgoing in &mut due {
        outgoing.state = Delivery::Accepted;
        outgoing.tries.push((NOW, "250 taken".to_owned()));
    }
    teller.store.desk().settle(&due).await.unwrap();
    let mails = due.into_iter().map(|it| match it.content {
        Content::Notice { subject, text } => (it.to, subject, text),
        other => panic!("{other:?}"),
    });
    mails.collect()
}

fn at<'a>(teller: &'a Teller, who: &'a str, minutes: i64) -> Done<'a> {
    Done { who, now: NOW.plus_micros(minutes * 60_000_000), service: &teller.service }
}

#[test]
fn a_requester_reads_what_the_desk_writes_once_each_and_is_reminded_twice_before_it_ends() {
    on_both(|store| async move {
        let mut teller = teller(store.clone()).await;
        let desk = store.desk();
        let title = "block it\r\nBcc: x@evil.example.net";
        let case = desk.open("Acme", Kind::Block, State::New, title, at(&teller, "rob", 0)).await.unwrap();
        teller.look(1).await;
        mails(&teller).await;
        desk.step(case.number, &Signal::Take, "", at(&teller, "anna", 1)).await.unwrap();
        desk.note(case.number, "for us", Visible::Desk, at(&teller, "anna", 1)).await.unwrap();
        desk.note(case.number, "We look at <it>.", Visible::Customer, at(&teller, "anna", 2)).await.unwrap();
        desk.step(case.number, &Signal::AskInfo, "Which number?", at(&teller, "anna", 3)).await.unwrap();
        for _ in 0..2 {
            teller.look(200).await;
            teller.restart().await;
        }
        let told = mails(&teller).await;
        assert!(told.iter().all(|(to, ..)| to == "rob@acme.example.com"), "{told:?}");
        let has = |place: usize, words: &str| told[place].1.contains(words) || told[place].2.contains(words);
        assert_eq!(told.len(), 3, "{told:?}");
        let place_of = |words: &str| told.iter().position(|it| it.1.contains(words)).unwrap();
        let taken = place_of("In hand");
        assert!(
            has(taken, "anna works on your request") && has(taken, "at the latest, by Tue 6 Oct"),
            "{told:?}"
        );
        assert!(has(taken, &format!("https://desk.example.com/portal/request/{}", case.number)), "{told:?}");
        assert!(has(place_of("A message about"), "We look at <it>."), "{told:?}");
        assert!(has(place_of("We need to know"), "Which number?"), "{told:?}");
        assert!(!told.iter().any(|it| it.2.contains("for us") || it.1.contains('\n')), "{told:?}");

        let day = 24 * 60;
        for (minutes, words, count) in [
            (2 * day, "", 0),
            (4 * day, "We still need to know", 1),
            (5 * day, "", 0),
            (10 * day, "We still need to know", 1),
        ] {
            for _ in 0..2 {
                desk.work_waiting(&office(), at(&teller, "ringwall", minutes)).await.unwrap();
            }
            let told = mails(&teller).await;
            assert_eq!(told.len(), count, "{minutes}: {told:?}");
            assert!(told.iter().all(|it| it.0 == "rob@acme.example.com" && it.1.contains(words)), "{told:?}");
        }
        desk.work_waiting(&office(), at(&teller, "ringwall", 16 * day)).await.unwrap();
        teller.look(16 * 86_400).await;
        let told = mails(&teller).await;
        assert_eq!((told.len(), told[0].1.contains("Closed")), (1, true), "{told:?}");
        assert!(told[0].2.contains("heard nothing for 10 business days"), "{told:?}");
    });
}

#[test]
fn all_who_may_ask_read_it_where_nobody_of_them_asked_and_nobody_reads_of_a_stranger() {
    on_both(|store| async move {
        let mut teller = teller(store.clone()).await;
        let desk = store.desk();
        let ours = desk.open("Acme", Kind::Question, State::New, "x", at(&teller, "anna", 0)).await.unwrap();
        desk.step(ours.number, &Signal::Take, "", at(&teller, "anna", 1)).await.unwrap();
        let strange = at(&teller, "mallory", 0);
        let theirs = desk.open("Acme", Kind::Block, State::Unverified, "y", strange).await.unwrap();
        desk.note(theirs.number, "hello", Visible::Customer, at(&teller, "anna", 1)).await.unwrap();
        teller.look(100).await;
        let told: Vec<_> = mails(&teller).await.into_iter().map(|it| it.0).collect();
        assert_eq!(told, ["rita@acme.example.com", "rob@acme.example.com"]);
        // Who makes it theirs reads of it from then on.
        desk.adopt(theirs.number, "rita", at(&teller, "anna", 2)).await.unwrap();
        desk.step(theirs.number, &Signal::Take, "", at(&teller, "anna", 3)).await.unwrap();
        teller.look(200).await;
        let told: Vec<_> = mails(&teller).await.into_iter().map(|it| it.0).collect();
        assert_eq!(told, ["rita@acme.example.com"]);
        // Without a way out nothing is kept for one.
        teller.office = None;
        desk.note(ours.number, "more", Visible::Customer, at(&teller, "anna", 4)).await.unwrap();
        teller.look(300).await;
        assert!(mails(&teller).await.is_empty());
    });
}

#[test]
fn n2_no_analyst_makes_a_strangers_request_anybodys_without_a_contact_who_may_ask() {
    on_both(|store| async move {
        let teller = teller(store.clone()).await;
        let desk = store.desk();
        for (state, signal) in [(State::Unverified, Signal::Adopt), (State::Quarantine, Signal::Release)] {
            let opened = at(&teller, "mallory", 0);
            let number = desk.open("Acme", Kind::Block, state, "z", opened).await.unwrap().number;
            let alone = desk.step(number, &signal, "", at(&teller, "anna", 1)).await;
            assert!(
                matches!(&alone, Err(Error::Refused(why)) if why.contains("a way of its own")),
                "{alone:?}"
            );
            for nobody in ["anna", "ada", "mallory", ""] {
                let adopted = desk.adopt(number, nobody, at(&teller, "anna", 1)).await;
                assert!(matches!(&adopted, Err(Error::Refused(_))), "{nobody:?}: {adopted:?}");
            }
            assert_eq!(desk.case(number).await.unwrap().state, state);
            let case = desk.adopt(number, "rob", at(&teller, "anna", 2)).await.unwrap();
            assert_eq!((case.state, case.owner), (State::New, None));
            let history = desk.events(number).await.unwrap();
            let last = history.last().unwrap();
            assert_eq!((last.what.as_str(), last.who.as_str()), (signal.name(), "rob"));
            assert!(last.text.contains("written down by anna"), "{last:?}");
        }
    });
}

#[test]
fn what_is_told_without_a_word_against_it_ends_after_two_business_days() {
    on_both(|store| async move {
        let mut teller = teller(store.clone()).await;
        let desk = store.desk();
        let asked = desk.open("Acme", Kind::Question, State::New, "x", at(&teller, "rob", 0)).await.unwrap();
        desk.step(asked.number, &Signal::Take, "", at(&teller, "anna", 1)).await.unwrap();
        desk.step(asked.number, &Signal::Inform, "It was a modem.", at(&teller, "anna", 2)).await.unwrap();
        teller.look(200).await;
        let told = mails(&teller).await;
        assert!(told.iter().any(|it| it.1.contains("What was found") && it.2.contains("It was a modem.")));
        let day = 24 * 60;
        desk.work_waiting(&office(), at(&teller, "ringwall", day)).await.unwrap();
        assert_eq!(desk.case(asked.number).await.unwrap().state, State::Informed);
        desk.work_waiting(&office(), at(&teller, "ringwall", 3 * day)).await.unwrap();
        let case = desk.case(asked.number).await.unwrap();
        assert_eq!(case.state, State::Closed);
        assert_eq!(case.owner.as_deref(), Some("anna"));
        assert!(case.closure.unwrap().text.contains("2 business days"));
    });
}

const SAMPLE: &str = include_str!("../../../../sample.toml");

#[test]
fn a7_an_automatic_reply_acknowledges_only_where_the_contract_says_so_and_once_it_is_taken() {
    on_both(|store| async move {
        let usual = Service::sample();
        let counts = SAMPLE.replace("auto_reply_counts_as_ack = false", "auto_reply_counts_as_ack = true");
        let counts = Service::parse(&counts).unwrap();
        for (service, came, is_stopped) in [
            (&usual, Delivery::Accepted, false),
            (&counts, Delivery::Failed, false),
            (&counts, Delivery::Accepted, true),
        ] {
            let desk = store.desk();
            let case = desk.open("Acme", Kind::Block, State::New, "x", done(service, 0)).await.unwrap();
            let words = crate::change::Words { subject: String::new(), text: String::new() };
            let mut reply = Outgoing::letter(&case, "ann@acme.example.com", "reply", words, NOW);
            reply.content = Content::AutomaticReply(String::new());
            reply.state = came;
            desk.settle_try(&reply, done(service, 2)).await.unwrap();
            // Told twice, as after a crash.
            desk.settle_try(&reply, done(service, 3)).await.unwrap();
            let case = desk.case(case.number).await.unwrap();
            let clock = case.clocks.iter().find(|it| it.kind == crate::ClockKind::Acknowledge).unwrap();
            assert_eq!(clock.stopped, is_stopped.then_some(NOW.plus_micros(2 * MINUTE)));
            assert_eq!(case.state, State::New, "somebody still has to take it");
        }
    });
}

#[test]
fn s6_clocks_that_run_follow_new_hours_and_those_that_were_met_do_not() {
    on_both(|store| async move {
        let (service, desk) = (Service::sample(), store.desk());
        let open = desk.open("Acme", Kind::Block, State::New, "x", done(&service, 0)).await.unwrap();
        let over = desk.open("Acme", Kind::Block, State::New, "y", done(&service, 0)).await.unwrap();
        desk.step(over.number, &Signal::Take, "", done(&service, 1)).await.unwrap();
        assert_eq!(desk.recompute_clocks(done(&service, 2)).await.unwrap(), 0);
        // The desk is closed today after all.
        let closed = SAMPLE.replace("closed = [\"2026-01-01\"", "closed = [\"2026-10-05\", \"2026-01-01\"");
        let closed = Service::parse(&closed).unwrap();
        assert_eq!(desk.recompute_clocks(done(&closed, 2)).await.unwrap(), 2);
        assert_eq!(desk.recompute_clocks(done(&closed, 3)).await.unwrap(), 0);
        let [open, over] = [open.number, over.number];
        let day = 24 * 60 * MINUTE;
        for (number, stopped) in [(open, 0), (over, 1)] {
            let case = desk.case(number).await.unwrap();
            let moved = |place: usize| &case.clocks[place];
            assert_eq!(case.clocks.iter().filter(|it| it.stopped.is_some()).count(), stopped);
            assert_eq!(moved(0).replaced.len(), 1 - stopped, "one that was met keeps what it was judged by");
            let complete = moved(1);
            assert!(
                complete.due.target > complete.replaced[0].due.target.plus_micros(day / 2),
                "{complete:?}"
            );
            let history = desk.events(number).await.unwrap();
            let last = history.last().unwrap();
            assert_eq!(last.what, "recompute");
            assert!(
                last.text.contains("complete was due Mon 5 Oct") && last.text.contains("is due Tue 6 Oct"),
                "{last:?}"
            );
        }
        // The queue is in the order of what is due now.
        assert!(list(&store).await.windows(2).all(|two| two[0].next_due() <= two[1].next_due()));
    });
}
