//! What is counted without a promise: a customer who waits for a word, authorisers who were asked.

use super::authorisation::{asking, change, register, yes};
use super::notices::Teller;
use super::*;
use crate::change::{Authorisers, Impact};
use crate::notice::Telling;
use crate::statement;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600;

#[test]
fn who_has_a_case_is_told_once_that_its_customer_waits_for_a_word() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let service = Service::sample();
        let desk = store.desk();
        let case = desk.open("Acme", Kind::Question, State::New, "why so?", done(&service, 0)).await.unwrap();
        let number = case.number;
        assert_eq!(case.informal.told, Some(NOW));
        desk.step(number, &Signal::Take, "", done(&service, 10)).await.unwrap();
        let case = desk.note(number, "hm", Visible::Desk, done(&service, 20)).await.unwrap();
        assert_eq!(case.informal.told, Some(NOW.plus_micros(10 * MINUTE)));
        // Ten o'clock on Monday; the next business day ends on Tuesday at 17:00.
        let due = 31 * HOUR;
        let told = async |teller: &mut Teller, at: i64| {
            teller.look(at).await;
            teller.restart().await;
            teller.look(at + 1).await;
            let tellings = desk.tellings(number).await.unwrap();
            let is_news = |it: &&Telling| it.stage == "route" && it.fact.contains("/told-");
            tellings.iter().filter(is_news).count()
        };
        assert_eq!(told(&mut teller, due - 2).await, 0);
        assert_eq!(told(&mut teller, due).await, 1);
        assert_eq!(told(&mut teller, due + 20 * HOUR).await, 1);
        // A word to the customer begins it again, and the end of the case ends it.
        let later = Done { now: NOW.plus_micros((due + 21 * HOUR) * SECOND), ..done(&service, 0) };
        desk.note(number, "we look into it", Visible::Customer, later).await.unwrap();
        assert_eq!(told(&mut teller, due + 22 * HOUR).await, 1);
        assert_eq!(told(&mut teller, due + 48 * HOUR).await, 2);
        desk.step(number, &Signal::Inform, "so it is", later).await.unwrap();
        let case = desk.case(number).await.unwrap();
        assert!(case.informal.is_empty());
        assert_eq!(told(&mut teller, due + 90 * HOUR).await, 2);
        // No statement has a row of it.
        let rows = statement::rows(&service, &[case], None, later.now);
        assert_eq!(rows.iter().map(|row| row.clock.name()).collect::<Vec<_>>(), ["acknowledge", "complete"]);
    });
}

#[test]
fn z5_it_is_counted_from_the_asking_and_ends_with_the_answer() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let case = desk.open("Acme", Kind::Block, State::New, "block", done(&service, 0)).await.unwrap();
        let number = case.number;
        desk.step(number, &Signal::Take, "", done(&service, 1)).await.unwrap();
        desk.propose(number, change(), Impact::default(), done(&service, 2)).await.unwrap();
        let ask = [asking(number, "Ann", &change().hash(), "a way")];
        let case = desk.ask_authorisation(number, &ask, done(&service, 60)).await.unwrap();
        // The customer has to act: no word of ours is owed meanwhile.
        assert_eq!(case.informal.told, None);
        let asked = desk.case(number).await.unwrap().informal.asked.unwrap();
        assert_eq!(asked, NOW.plus_micros(60 * MINUTE));
        let reminders = case.informal.reminders(service.calendar()).unwrap();
        assert_eq!(reminders.first, Some(NOW.plus_micros(120 * MINUTE)));
        let ann = Authorisers(["Ann".to_owned()].into());
        let (case, _) = desk.approve(number, yes(&change(), "Ann"), &ann, done(&service, 90)).await.unwrap();
        assert_eq!(case.state, State::Implementing);
        assert_eq!((case.informal.asked, case.informal.told), (None, Some(NOW.plus_micros(90 * MINUTE))));
    });
}
