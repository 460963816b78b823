//! How quick the queue is while alerts come in, and whether a storm is counted to the last alert.

#![allow(clippy::disallowed_methods, reason = "how quick something is can only be timed")]

use std::time::{Duration, Instant};

use super::{
    Act, Cursor, Filter, Kind, MINUTE, NOW, Service, State, Store, Storm, alert, done, list, on_both,
};
use crate::case::Severity;

/// Fifty thousand in `cargo xtask soak queue`, as many alerts as twenty times that in `soak storm`.
fn size(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |count| count.parse().unwrap())
}

/// `count` open cases: the alerts of each come a second apart, so that they are no storm.
async fn fill(store: &Store, service: &Service, count: u64) -> u64 {
    let (mut storm, mut position) = (Storm::default(), 0);
    for first in (0..count).step_by(500) {
        let alerts: Vec<_> = (first..count.min(first + 500))
            .map(|index| {
                let severity = ["warning", "critical"][usize::from(index % 50 == 0)];
                let customer = format!("customer {}", index % 40);
                // Two minutes apart for each customer, and 20 a minute for all of them.
                let minutes = -(60 * 24 * 20) + i64::try_from(index / 20).unwrap();
                alert(&format!("fill-{index}"), &customer, &format!("+1210555{index:06}"), severity, minutes)
            })
            .collect();
        position += alerts.len() as u64;
        store.desk().take_alerts(&alerts, position, &mut storm, done(service, 0)).await.unwrap();
    }
    position
}

#[test]
fn the_queue_answers_while_two_hundred_alerts_come_in_each_second() {
    let cases = size("RINGWALL_QUEUE_CASES", 2_000);
    on_both(|store| async move {
        let service = Service::sample();
        let mut position = fill(&store, &service, cases).await;
        assert!(list(&store).await.len() as u64 >= cases.min(500));
        let writing = store.clone();
        let ingest = tokio::spawn(async move {
            let (service, mut storm) = (Service::sample(), Storm::default());
            let begin = Instant::now();
            for batch in 0..25_u64 {
                // Every fifth of a second forty: most join cases that are there.
                let alerts: Vec<_> = (0..40)
                    .map(|index| {
                        let case = (batch * 40 + index) * 7 % cases;
                        let customer = format!("customer {}", case % 40);
                        alert(
                            &format!("live-{batch}-{index}"),
                            &customer,
                            &format!("+1210555{case:06}"),
                            "warning",
                            0,
                        )
                    })
                    .collect();
                position += 40;
                writing.desk().take_alerts(&alerts, position, &mut storm, done(&service, 0)).await.unwrap();
                tokio::time::sleep(
                    (begin + Duration::from_millis(200) * (batch as u32 + 1)) - Instant::now(),
                )
                .await;
            }
            begin.elapsed()
        });
        let mut took = Vec::new();
        while !ingest.is_finished() {
            let begin = Instant::now();
            let filter = match took.len() % 5 {
                0 => Filter::default(),
                1 => Filter { customer: Some("customer 7".to_owned()), ..Filter::default() },
                2 => Filter { severity: Some(Severity::Critical), ..Filter::default() },
                // A title that there is once: all are gone through.
                3 => Filter { text: Some("+1210555000777".to_owned()), ..Filter::default() },
                _ => Filter { owner: Some(String::new()), ..Filter::default() },
            };
            assert!(!store.desk().list(&filter).await.unwrap().cases.is_empty());
            took.push(begin.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let ingested = ingest.await.unwrap();
        took.sort();
        let p95 = took[took.len() * 95 / 100];
        println!(
            "{cases} cases, 1,000 alerts in {ingested:.1?}: {} lists, p95 {p95:.1?}, worst {:.1?}",
            took.len(),
            took[took.len() - 1]
        );
        assert!(p95 <= Duration::from_millis(150), "{p95:?}");
        assert!(ingested < Duration::from_secs(10), "{ingested:?}");
    });
}

/// Threat 10: whoever floods the desk with lesser cases, all due earlier, hides no critical one.
#[test]
fn a_critical_case_stands_on_the_first_page_of_a_flood() {
    on_both(|store| async move {
        let service = Service::sample();
        let position = fill(&store, &service, 300).await;
        let desk = store.desk();
        let flood = Filter { severity: Some(Severity::Critical), count: Some(500), ..Filter::default() };
        let critical: Vec<_> =
            desk.list(&flood).await.unwrap().cases.iter().map(|case| case.number).collect();
        assert_eq!(critical.len(), 6);
        desk.each(&critical, &Act::Rate(Severity::Warning), done(&service, 0)).await.unwrap();
        for round in 0..20 {
            let caller = format!("+121055501{round:02}");
            let planted = alert(&format!("planted-{round}"), "Acme", &caller, "critical", round * 60);
            let (mut storm, position) = (Storm::default(), position + 1 + round as u64);
            let at = done(&service, round * 60);
            desk.take_alerts(&[planted], position, &mut storm, at).await.unwrap();
            let page = desk.list(&Filter::default()).await.unwrap();
            let first = &page.cases[0];
            assert_eq!(
                (&*first.customer, first.severity, page.cases.len()),
                ("Acme", Severity::Critical, 50)
            );
            assert!(page.cases[1..].is_sorted_by_key(|case| case.next_due()));
            // Where it stands is found again, and what comes after it.
            let [before, after] = desk
                .neighbours(&Filter::default(), Cursor::of(first))
                .await
                .unwrap()
                .map(|it| it.map(|it| it.0));
            assert_eq!((before, after), (None, Some(page.cases[1].number)));
            // What somebody thinks less of stands among the others, due last.
            desk.each(&[first.number], &Act::Rate(Severity::Info), at).await.unwrap();
            let page = desk.list(&Filter { count: Some(500), ..Filter::default() }).await.unwrap();
            assert_eq!(page.cases.last().map(|case| &*case.customer), Some("Acme"));
        }
    });
}

#[test]
fn a8_what_a_contact_calls_high_priority_stands_first_until_somebody_rates_it() {
    on_both(|store| async {
        let post = super::inbox::Post::new(store).await;
        post.opened(0, "ann@acme.example.com", "Message-ID: <one@acme.example.com>\r\nSubject: Block\r\n")
            .await;
        let fields = "Message-ID: <two@acme.example.com>\r\nSubject: Block, HIGH PRIORITY\r\n";
        let urgent = post.opened(30, "ann@acme.example.com", fields).await;
        assert!(urgent.is_high_priority);
        // A stranger's word puts nothing first.
        let fields = "Message-ID: <three@stranger.example>\r\nSubject: High Priority block\r\n";
        post.opened(31, "eve@stranger.example", fields).await;
        let order = list(&post.store).await;
        assert_eq!(order[0].number, urgent.number);
        assert!(!order[1].is_high_priority && !order[2].is_high_priority);
        // What somebody looked at stands where it is due, even if it matters as much as before.
        let desk = post.store.desk();
        let rate = Act::Rate(urgent.severity);
        let items = desk.each(&[urgent.number], &rate, post.done(32)).await.unwrap();
        let order = list(&post.store).await;
        assert!(order[0].number != urgent.number && !order.iter().any(|case| case.is_high_priority));
        let before: Vec<_> = items.into_iter().filter_map(|item| item.before).collect();
        desk.undo(&before, post.done(33)).await.unwrap();
        assert_eq!(list(&post.store).await[0].number, urgent.number);
    });
}

#[test]
fn cases_and_alerts_are_found_counted_and_gathered_on_both_databases() {
    use super::super::{AlertFilter, AlertsBy, By, Condition, Is};
    on_both(|store| async move {
        let service = Service::sample();
        let alerts: Vec<_> =
            [("Acme", "1", "warning"), ("Acme", "2", "critical"), ("Ünited", "3", "warning")]
                .into_iter()
                .zip(0..)
                .map(|((customer, caller, severity), at)| {
                    alert(&format!("a{at}"), customer, caller, severity, at - 9)
                })
                .collect();
        store.desk().take_alerts(&alerts, 3, &mut Storm::default(), done(&service, 0)).await.unwrap();
        let desk = store.desk();
        desk.open("Acme", Kind::Block, State::New, "Straße 100%", done(&service, 0)).await.unwrap();
        let found = async |is_not: bool, is: Is| {
            let conditions = vec![Condition { is_not, is }];
            let filter = Filter { conditions, ..Filter::default() };
            let listed = desk.list(&filter).await.unwrap().cases.len() as u64;
            assert_eq!(desk.count(&filter).await.unwrap(), listed, "{filter:?}");
            assert_eq!(desk.numbers(&filter, 9).await.unwrap().len() as u64, listed);
            listed
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(found(false, Is::Customer(vec![text("acme")])).await, 3);
        assert_eq!(found(true, Is::Customer(vec![text("ACME")])).await, 1);
        assert_eq!(found(false, Is::Customer(vec![text("Ünited"), text("nobody")])).await, 1);
        assert_eq!(found(false, Is::Rule(vec![text("harassment")])).await, 3);
        assert_eq!(found(true, Is::Kind(vec![Kind::Alert])).await, 1);
        assert_eq!(found(false, Is::State(vec![State::New, State::Open])).await, 4);
        assert_eq!(found(false, Is::Severity(vec![Severity::Critical])).await, 1);
        assert_eq!(found(false, Is::Owner(vec![String::new()])).await, 4);
        assert_eq!(found(false, Is::Text(text("Straße 100%"))).await, 1);
        // As somebody types it, and as the other half of the alphabet has it.
        assert_eq!(found(false, Is::Text(text("sTRAßE 100%"))).await, 1);
        assert_eq!(found(false, Is::Text(text("HARASSMENT"))).await, 3);
        assert_eq!(found(false, Is::Text(text("1_0"))).await, 0);
        // A customer is found by a part of its name.
        assert_eq!(found(false, Is::Text(text("aCm"))).await, 3);
        assert_eq!(found(true, Is::Text(text("nited"))).await, 3);
        assert_eq!(found(false, Is::Due(NOW)).await, 0);
        assert_eq!(found(false, Is::Due(NOW.plus_micros(30 * 24 * 60 * MINUTE))).await, 4);
        assert_eq!(found(false, Is::Breached(NOW)).await, 0);
        assert_eq!(found(false, Is::Breached(NOW.plus_micros(30 * 24 * 60 * MINUTE))).await, 4);
        let groups = desk.groups(&Filter::default(), By::Customer, 9).await.unwrap();
        assert_eq!(groups, [(text("Acme"), 3), (text("Ünited"), 1)]);
        let order = desk.list(&Filter::default()).await.unwrap().cases;
        let at = Cursor::of(&order[1]);
        assert_eq!(Cursor::parse(&at.to_string()), Some(at));
        let around = desk.neighbours(&Filter::default(), at).await.unwrap();
        assert_eq!(
            around.map(|it| it.map(|(number, _)| number)),
            [Some(order[0].number), Some(order[2].number)]
        );
        // Alerts, a page at a time.
        let filter = AlertFilter { since: NOW.plus_micros(-60 * MINUTE), ..AlertFilter::default() };
        let first = desk.all_alerts(&filter, 2).await.unwrap();
        assert_eq!(first.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["a2", "a1"]);
        let after = first.last().map(|row| (row.at, row.id.clone()));
        let rest = desk.all_alerts(&AlertFilter { after, ..filter.clone() }, 2).await.unwrap();
        assert_eq!(rest.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["a0"]);
        let by = desk.alert_groups(&filter, AlertsBy::Customer, 9).await.unwrap();
        assert_eq!(by, [(text("Acme"), 2, 2), (text("Ünited"), 1, 1)]);
        let acme = AlertFilter { customer: Some(text("Acme")), rule: Some(text("harassment")), ..filter };
        assert_eq!(desk.cases_of_alerts(&acme, 9).await.unwrap().len(), 2);
        assert_eq!(desk.open_keys(99).await.unwrap().len(), 3);
        // What a former version has written is filled in when it is opened.
        sqlx::query("UPDATE cases SET contract = 0, rule = ''").execute(&store.pool).await.unwrap();
        store.fill_columns().await.unwrap();
        assert_eq!(found(false, Is::Rule(vec![text("harassment")])).await, 3);
        assert_eq!(found(false, Is::Breached(NOW.plus_micros(30 * 24 * 60 * MINUTE))).await, 4);
    });
}

#[test]
fn d5_no_alert_of_a_storm_is_lost() {
    let alerts = size("RINGWALL_STORM_ALERTS", 20_000);
    on_both(|store| async move {
        let (service, mut storm) = (Service::sample(), Storm::default());
        let begin = Instant::now();
        let mut planted = 0;
        for first in (0..alerts).step_by(500) {
            let mut batch: Vec<_> = (first..alerts.min(first + 500))
                .map(|index| alert(&format!("s{index}"), "Acme", &format!("+1210{index:08}"), "warning", 0))
                .collect();
            if first == alerts / 2 / 500 * 500 {
                batch.push(alert("planted", "Other", "+12105550199", "critical", 0));
                planted += 1;
            }
            store.desk().take_alerts(&batch, first + 500, &mut storm, done(&service, 0)).await.unwrap();
        }
        let cases = list(&store).await;
        assert_eq!(cases.iter().map(|case| case.alerts).sum::<u64>(), alerts + planted);
        assert!(cases.len() <= 62, "{}", cases.len());
        let critical = Filter { severity: Some(Severity::Critical), ..Filter::default() };
        let first = store.desk().list(&critical).await.unwrap().cases.remove(0);
        assert_eq!((first.customer.as_str(), first.opened), ("Other", NOW));
        println!("{alerts} alerts of a storm in {:.1?}", begin.elapsed());
    });
}

#[test]
fn d6_alerts_are_taken_out_of_a_case_and_joined_again() {
    on_both(|store| async move {
        let service = Service::sample();
        let alerts: Vec<_> = (0..3)
            .map(|at| {
                alert(
                    &format!("a{at}"),
                    "Acme",
                    "+12105550142",
                    if at == 1 { "critical" } else { "warning" },
                    at,
                )
            })
            .collect();
        store.desk().take_alerts(&alerts, 3, &mut Storm::default(), done(&service, 3)).await.unwrap();
        let parent = list(&store).await[0].number;
        let desk = store.desk();
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        for wrong in [ids(&["a9"]), ids(&["a0", "a1", "a2"]), ids(&[])] {
            assert!(desk.split(parent, &wrong, done(&service, 4)).await.is_err(), "{wrong:?}");
        }
        let child = desk.split(parent, &ids(&["a1", "a1"]), done(&service, 4)).await.unwrap();
        assert_eq!((child.alerts, child.severity, child.clocks.len()), (1, Severity::Critical, 2));
        let left = desk.case(parent).await.unwrap();
        assert_eq!((left.alerts, desk.alerts(parent, 9).await.unwrap().len()), (2, 2));
        assert_eq!(desk.alerts(child.number, 9).await.unwrap().len(), 1);
        assert_eq!(child.clocks[0].start, left.clocks[0].start);
        // The same alert again stays where it is; a further one joins the parent.
        let more = [alerts[1].clone(), alert("a4", "Acme", "+12105550142", "warning", 5)];
        desk.take_alerts(&more, 4, &mut Storm::default(), done(&service, 5)).await.unwrap();
        assert_eq!(desk.case(parent).await.unwrap().alerts, 3);
        desk.merge(parent, child.number, done(&service, 6)).await.unwrap();
        assert_eq!(
            (desk.case(parent).await.unwrap().alerts, desk.alerts(parent, 9).await.unwrap().len()),
            (4, 4)
        );
    });
}
