//! Alerts that cannot be put into cases, and a database that is gone for a while.

use super::*;

fn spooled(sequence: u64, caller: &str) -> Spooled {
    let (alert, text) = alert(&format!("id-{sequence}"), "Acme", caller, "warning", 0);
    Spooled { sequence, alert: Some(alert), text }
}

#[test]
fn one_bad_alert_among_many_is_set_aside_and_the_queue_goes_on() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let callers = |at: u64| format!("+121055501{at:02}");
        let mut all: Vec<_> = (1..=40).map(|at| spooled(at, &callers(at))).collect();
        // The case of one caller cannot be read any more; another event never was an alert.
        store.desk().take_spooled(&all[..9], &mut storm, done(&service, 0)).await.unwrap();
        let seventh = callers(7);
        let spoilt = sqlx::query("UPDATE cases SET body = '{}' WHERE join_key LIKE $1")
            .bind(format!("%{seventh}%"))
            .execute(&store.pool);
        assert_eq!(spoilt.await.unwrap().rows_affected(), 1);
        all[29] = Spooled { sequence: 30, alert: None, text: "{\"id\": half an al\0ert".to_owned() };
        all[19] = spooled(20, &seventh);
        let aside = store.desk().take_spooled(&all[9..], &mut storm, done(&service, 1)).await.unwrap();
        assert_eq!(aside.iter().map(|aside| aside.sequence).collect::<Vec<_>>(), [20, 30]);
        assert!(aside[0].why.contains("cannot be read"), "{aside:?}");
        let kept = store.desk().all_set_aside(10).await.unwrap();
        assert_eq!((kept.len(), store.count_set_aside().await.unwrap()), (2, 2));
        assert_eq!(kept[0], aside[0]);
        assert!(kept[1].text.starts_with("{\"id\": half an al"), "{kept:?}");
        // Everything else counts once, and what comes again counts no more.
        let count = "SELECT COUNT(*) FROM alerts";
        let counted = || async {
            sqlx::query(count).fetch_one(&store.pool).await.unwrap().try_get::<i64, _>(0).unwrap()
        };
        assert_eq!(counted().await, 38);
        assert_eq!(store.spool_position().await.unwrap(), 40);
        let again = store.desk().take_spooled(&all[9..], &mut storm, done(&service, 2)).await.unwrap();
        assert_eq!((again.len(), counted().await), (2, 38));
        assert_eq!(store.count_set_aside().await.unwrap(), 2);
    });
}

#[test]
fn text_that_only_one_database_refuses_is_set_aside_there() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let (alert, text) = alert("nul", "Ac\u{0}me", "+12105550142", "warning", 0);
        let all = [spooled(1, "1"), Spooled { sequence: 2, alert: Some(alert), text }, spooled(3, "3")];
        let aside = store.desk().take_spooled(&all, &mut storm, done(&service, 0)).await.unwrap();
        let expected = usize::from(!store.is_file().await.unwrap());
        assert_eq!(aside.len(), expected, "{aside:?}");
        assert_eq!(list(&store).await.len() + expected, 3);
    });
}

#[test]
fn a_database_that_fails_is_no_reason_to_set_anything_aside() {
    on_both(|store| async move {
        let service = Service::sample();
        let mut storm = Storm::default();
        let all: Vec<_> = (1..=4).map(|at| spooled(at, "+12105550142")).collect();
        store.pool.close().await;
        let failed = store.desk().take_spooled(&all, &mut storm, done(&service, 0)).await;
        assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
    });
}

#[test]
fn what_postgresql_lost_for_a_while_comes_back_and_nothing_acknowledged_is_gone() {
    let Some(server) = postgres::Own::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let service = Service::sample();
        let mut storm = Storm::default();
        let store = Store::open(&server.place()).await.unwrap();
        let first: Vec<_> = (1..=5).map(|at| spooled(at, &format!("a{at}"))).collect();
        store.desk().take_spooled(&first, &mut storm, done(&service, 0)).await.unwrap();
        // As a power cut would.
        let server = server.kill();
        let second: Vec<_> = (6..=9).map(|at| spooled(at, &format!("b{at}"))).collect();
        let failed = store.desk().take_spooled(&second, &mut storm, done(&service, 1)).await;
        assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
        let server = server.again();
        let store = Store::open(&server.place()).await.unwrap();
        assert_eq!(store.spool_position().await.unwrap(), 5);
        assert_eq!(list(&store).await.len(), 5);
        store.desk().take_spooled(&second, &mut storm, done(&service, 2)).await.unwrap();
        assert_eq!((list(&store).await.len(), store.count_set_aside().await.unwrap()), (9, 0));
        store.close().await;
    });
}
