//! What meets a joining that is taken back: other people, changes on their way, databases of former versions (D-6).

use super::authorisation::{asked, change, register};
use super::moves::{callers, cases, held, ids, last_act, raised, why};
use super::*;
use crate::case::Severity;
use crate::change::Impact;

#[test]
fn d6_of_two_who_take_the_same_back_at_once_one_does() {
    on_both(|store| async move {
        let service = Service::sample();
        let numbers = cases(&store, &[3, 2]).await;
        let (one, two) = (numbers[0], numbers[1]);
        store.desk().merge(one, two, done(&service, 61)).await.unwrap();
        let act = last_act(&store, one).await;
        let all: Vec<_> = (0..6)
            .map(|at| {
                let (store, of) = (store.clone(), if at % 2 == 0 { one } else { two });
                tokio::spawn(async move {
                    let service = Service::sample();
                    store.desk().take_back(of, act, done(&service, 62)).await.map(drop)
                })
            })
            .collect();
        let mut done_by = 0;
        for each in all {
            match each.await.unwrap() {
                Ok(()) => done_by += 1,
                Err(error) => assert!(error.to_string().contains("taken back already"), "{error}"),
            }
        }
        assert_eq!(done_by, 1);
        let desk = store.desk();
        let counts = [desk.case(one).await.unwrap().alerts, desk.case(two).await.unwrap().alerts];
        assert_eq!((counts, held(&store, one).await.len(), held(&store, two).await.len()), ([3, 2], 3, 2));
    });
}

#[test]
fn d6_what_a_person_rated_is_not_overruled_by_parting() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let numbers = cases(&store, &[2, 2]).await;
        let (one, two) = (numbers[0], numbers[1]);
        // Before: the alerts of the second are critical, and somebody knows better.
        let rate = async |number, severity, at| {
            let act = Act::Rate(severity);
            let items = desk.each(&[number], &act, done(&service, at)).await.unwrap();
            assert!(items.iter().all(|item| item.refused.is_none()));
        };
        rate(two, Severity::Info, 61).await;
        desk.merge(two, one, done(&service, 62)).await.unwrap();
        assert_eq!(desk.case(two).await.unwrap().severity, Severity::Warning);
        desk.take_back(two, last_act(&store, two).await, done(&service, 63)).await.unwrap();
        assert_eq!(desk.case(two).await.unwrap().severity, Severity::Info);
        // While they were one.
        desk.merge(one, two, done(&service, 64)).await.unwrap();
        rate(one, Severity::Info, 65).await;
        desk.take_back(one, last_act(&store, one).await, done(&service, 66)).await.unwrap();
        assert_eq!(desk.case(one).await.unwrap().severity, Severity::Info);
        // What came meanwhile and stays says how much it matters, where nobody else has.
        let critical = [raised(2, "again", "critical", 67)];
        desk.take_alerts(&critical, 2, &mut Storm::default(), done(&service, 67)).await.unwrap();
        for (since, severity) in [(None, Severity::Info), (Some("grave"), Severity::Critical)] {
            desk.merge(one, two, done(&service, 68)).await.unwrap();
            assert_eq!(desk.case(one).await.unwrap().severity, Severity::Critical);
            let since: Vec<_> = since.iter().map(|id| raised(1, id, "critical", 69)).collect();
            desk.take_alerts(&since, 3, &mut Storm::default(), done(&service, 69)).await.unwrap();
            desk.take_back(one, last_act(&store, one).await, done(&service, 70)).await.unwrap();
            assert_eq!(desk.case(one).await.unwrap().severity, severity);
        }
    });
}

#[test]
fn z1_a_case_comes_back_with_its_change_unless_another_has_it_by_then() {
    on_both(|store| async move {
        let service = Service::sample();
        register(&store, &service).await;
        let desk = store.desk();
        let first = asked(&store, &service, Impact::default()).await;
        let open = async || {
            let case = desk.open("Acme", Kind::Block, State::New, "again", done(&service, 5)).await.unwrap();
            desk.step(case.number, &Signal::Take, "", done(&service, 5)).await.unwrap();
            case.number
        };
        let (into, second) = (open().await, open().await);
        desk.merge(into, first, done(&service, 6)).await.unwrap();
        let act = last_act(&store, into).await;
        desk.propose(second, change(), Impact::default(), done(&service, 7)).await.unwrap();
        let refused = why(desk.take_back(into, act, done(&service, 8))).await;
        assert!(refused.starts_with(&format!("exactly this change is proposed in {second}")), "{refused}");
        assert_eq!(desk.case(first).await.unwrap().state, State::Closed);
        desk.withdraw_proposal(second, "the first case has it", done(&service, 9)).await.unwrap();
        desk.take_back(into, act, done(&service, 10)).await.unwrap();
        let back = desk.case(first).await.unwrap();
        assert_eq!((back.state, back.change), (State::AwaitingAuthorisation, Some(change().hash())));
    });
}

#[test]
fn d6_what_it_takes_to_part_cases_does_not_grow_with_how_many_were_joined() {
    on_both(|store| async move {
        let service = Service::sample();
        let numbers = cases(&store, &[1; 9]).await;
        for number in &numbers[1..] {
            store.desk().merge(numbers[0], *number, done(&service, 61)).await.unwrap();
        }
        let rows = sqlx::query("SELECT body FROM moves ORDER BY act").fetch_all(&store.pool).await.unwrap();
        let lengths: Vec<_> = rows.iter().map(|row| row.try_get::<String, _>(0).unwrap().len()).collect();
        // They differ in a title, and in which clocks began.
        assert!(lengths.len() == 8 && lengths[7] < lengths[1] + 40, "{lengths:?}");
    });
}

#[test]
fn a_database_of_the_former_version_is_brought_on_with_what_is_in_it() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let numbers = cases(&store, &[3, 2]).await;
        let (one, two) = (numbers[0], numbers[1]);
        desk.merge(one, two, done(&service, 61)).await.unwrap();
        // As it was before the fifth step.
        let mut connection = store.pool.acquire().await.unwrap();
        for statement in [
            "DROP INDEX alerts_without_subject",
            "ALTER TABLE alerts DROP COLUMN subject",
            "DROP TABLE moves",
            "DROP TABLE alert_moves",
            "DROP TABLE alert_shares",
            "DROP TABLE groupings",
            "DELETE FROM counters WHERE name IN ('move', 'grouping')",
            "DROP TABLE hand_overs",
            "DROP TABLE awake",
            "DROP TABLE preferences",
            "DROP INDEX cases_by_place",
            "DROP INDEX cases_by_customer",
            "DROP INDEX cases_by_owner",
            "DROP INDEX cases_by_all",
            "ALTER TABLE cases DROP COLUMN place",
            "CREATE INDEX cases_by_customer ON cases (customer, is_over, due, serial)",
            "CREATE INDEX cases_by_owner ON cases (owner, is_over, due, serial)",
            "CREATE INDEX cases_by_all ON cases (is_over, due, serial)",
            "DELETE FROM schema_steps WHERE step >= 4",
        ] {
            connection.execute(statement).await.unwrap();
        }
        schema::migrate(&mut connection).await.unwrap();
        drop(connection);
        store.fill_columns().await.unwrap();
        assert_eq!(
            callers(&store, one).await,
            [("+12105550101".to_owned(), 3), ("+12105550102".to_owned(), 2)]
        );
        // What was done by the former version cannot be taken back, and says so; what is done now can.
        let before = last_act(&store, one).await;
        assert!(desk.can_be_undone(one, done(&service, 62).now).await.unwrap().is_empty());
        assert!(why(desk.take_back(one, before, done(&service, 62))).await.contains("knows of no act"));
        let child = desk.split(one, &ids(&["c2-1"]), done(&service, 63)).await.unwrap().number;
        desk.take_back(child, last_act(&store, child).await, done(&service, 64)).await.unwrap();
        assert_eq!(held(&store, one).await.len(), 5);
        let since = [raised(2, "y", "warning", 71)];
        desk.take_alerts(&since, 2, &mut Storm::default(), done(&service, 72)).await.unwrap();
        assert_eq!(desk.case(one).await.unwrap().alerts, 6);
    });
}
