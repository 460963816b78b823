//! Alerts between cases: joined, taken out, in several at once, and all of it taken back (D-6).

use super::*;
use crate::case::{Relation, Severity};

const DAY: i64 = 24 * 60;

/// Cases of Acme, a caller each, with as many alerts as are said; their numbers.
pub(super) async fn cases(store: &Store, counts: &[u64]) -> Vec<CaseNumber> {
    let service = Service::sample();
    let mut alerts = Vec::new();
    for (caller, count) in (1..).zip(counts) {
        let severity = if caller == 2 { "critical" } else { "warning" };
        alerts
            .extend((0..*count).map(|at| raised(caller, &at.to_string(), severity, 10 * caller + at as i64)));
    }
    store.desk().take_alerts(&alerts, 1, &mut Storm::default(), done(&service, 60)).await.unwrap();
    let mut numbers: Vec<_> = list(store).await.iter().map(|case| case.number).collect();
    numbers.sort_unstable();
    numbers
}

/// Alert `id` of a caller.
pub(super) fn raised(caller: i64, id: &str, severity: &str, minutes: i64) -> (Alert, String) {
    alert(&format!("c{caller}-{id}"), "Acme", &format!("+1210555010{caller}"), severity, minutes)
}

/// The number of the last act in the history of a case.
pub(super) async fn last_act(store: &Store, number: CaseNumber) -> u64 {
    store.desk().events(number).await.unwrap().iter().rev().find_map(|event| event.act).unwrap()
}

/// Ids of the alerts that stand in a case.
pub(super) async fn held(store: &Store, number: CaseNumber) -> Vec<String> {
    let texts = store.desk().alerts(number, 500).await.unwrap();
    let id = |text: &String| serde_json::from_str::<Alert>(text).unwrap().id;
    let mut ids: Vec<_> = texts.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

/// The callers that a case is about.
pub(super) async fn callers(store: &Store, number: CaseNumber) -> Vec<(String, u64)> {
    let observables = store.desk().observables(number, 9).await.unwrap();
    let mut callers: Vec<_> = observables.into_iter().map(|it| (it.value, it.alerts)).collect();
    callers.sort_unstable();
    callers
}

/// What a case counts, apart from its version and history.
fn counted(case: &Case) -> (u64, Timestamp, Timestamp, Severity, Vec<(i64, u32)>) {
    let spark = case.spark.iter().filter(|(_, count)| *count > 0).copied().collect();
    (case.alerts, case.first, case.last, case.severity, spark)
}

pub(super) async fn why(answer: impl Future<Output = Result<Case, Error>>) -> String {
    answer.await.unwrap_err().to_string()
}

pub(super) fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn m7_a_case_knows_since_when_its_rule_holds_back_what_it_tells_of() {
    on_both(|store| async move {
        let service = Service::sample();
        let with = |(alert, text): (Alert, String), action: &str| {
            (Alert { action: Some(action.to_owned()), ..alert }, text)
        };
        let alerts = [
            with(raised(1, "a", "warning", 10), "tag"),
            with(raised(1, "b", "critical", 30), "block"),
            with(raised(1, "c", "critical", 20), "divert"),
            raised(2, "a", "warning", 5),
            with(raised(2, "b", "critical", 15), "block"),
        ];
        store.desk().take_alerts(&alerts, 1, &mut Storm::default(), done(&service, 60)).await.unwrap();
        let mut numbers: Vec<_> = list(&store).await.iter().map(|case| case.number).collect();
        numbers.sort_unstable();
        let (one, two) = (numbers[0], numbers[1]);
        let since = |number| {
            let desk = store.desk();
            async move { desk.case(number).await.unwrap().contained }
        };
        let minute = |minutes: i64| Some(NOW.plus_micros(minutes * MINUTE));
        assert_eq!((since(one).await, since(two).await), (minute(20), minute(15)));
        store.desk().merge(one, two, done(&service, 62)).await.unwrap();
        assert_eq!(since(one).await, minute(15));
        let act = last_act(&store, one).await;
        store.desk().take_back(one, act, done(&service, 63)).await.unwrap();
        assert_eq!((since(one).await, since(two).await), (minute(20), minute(15)));
    });
}

#[test]
fn d6_a_joining_is_taken_back_with_what_came_since() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let numbers = cases(&store, &[3, 2]).await;
        let (one, two) = (numbers[0], numbers[1]);
        desk.note(two, "a note before", Visible::Desk, done(&service, 61)).await.unwrap();
        let before = (desk.case(one).await.unwrap(), desk.case(two).await.unwrap());
        desk.merge(one, two, done(&service, 62)).await.unwrap();
        assert_eq!(desk.case(one).await.unwrap().severity, Severity::Critical);
        assert_eq!(
            callers(&store, one).await,
            [("+12105550101".to_owned(), 3), ("+12105550102".to_owned(), 2)]
        );
        let act = last_act(&store, one).await;
        assert_eq!(last_act(&store, two).await, act);
        assert!(desk.can_be_undone(two, done(&service, 63).now).await.unwrap().contains(&act));
        // Alerts of both keys come while they are one, and the case is acknowledged.
        let since = [raised(1, "x", "warning", 70), raised(2, "y", "warning", 71)];
        desk.take_alerts(&since, 2, &mut Storm::default(), done(&service, 72)).await.unwrap();
        assert_eq!(desk.case(one).await.unwrap().alerts, 7);
        desk.step(one, &Signal::Take, "", done(&service, 80)).await.unwrap();
        let back = desk.take_back(one, act, done(&service, 90)).await.unwrap();
        assert_eq!((back.alerts, back.severity, back.links.len()), (4, Severity::Warning, 0));
        assert_eq!(held(&store, one).await, ["c1-0", "c1-1", "c1-2", "c1-x"]);
        assert_eq!(held(&store, two).await, ["c2-0", "c2-1", "c2-y"]);
        assert_eq!(callers(&store, one).await, [("+12105550101".to_owned(), 4)]);
        assert_eq!(callers(&store, two).await, [("+12105550102".to_owned(), 3)]);
        let two_now = desk.case(two).await.unwrap();
        assert_eq!(
            (two_now.state, two_now.closure.clone(), two_now.links.clone()),
            (State::Open, None, Vec::new())
        );
        assert_eq!((two_now.alerts, two_now.last), (3, since[1].0.last));
        assert_eq!((back.first, back.last), (before.0.first, since[0].0.last));
        // What was met while they were one is met for both; what was not runs on from where it began.
        let clocks = |case: &Case| {
            case.clocks.iter().map(|it| (it.kind.name(), it.start, it.stopped)).collect::<Vec<_>>()
        };
        let taken = Some(NOW.plus_micros(80 * MINUTE));
        assert_eq!(clocks(&back), [("acknowledge", before.0.clocks[0].start, taken)]);
        assert_eq!(
            clocks(&two_now),
            [("acknowledge", before.1.clocks[0].start, taken), ("notify", before.1.clocks[1].start, None)]
        );
        // Each goes its own way again.
        let more = [raised(2, "z", "warning", 91)];
        desk.take_alerts(&more, 3, &mut Storm::default(), done(&service, 92)).await.unwrap();
        assert_eq!(desk.case(two).await.unwrap().alerts, 4);
        // Both histories say so, and once is enough.
        let said =
            |events: Vec<Event>| events.iter().map(|it| format!("{}: {}", it.what, it.text)).next_back();
        let events = desk.events(one).await.unwrap();
        assert_eq!(said(events), Some(format!("undo: joining {two} into it is taken back")));
        let events = desk.events(two).await.unwrap();
        assert_eq!(said(events), Some(format!("reopen: joining it into {one} is taken back")));
        let refused = why(desk.take_back(two, act, done(&service, 93))).await;
        assert_eq!(refused, format!("act {act} of {two} is taken back already"));
        assert!(desk.can_be_undone(two, done(&service, 93).now).await.unwrap().is_empty());
        let entries = store.audit("Acme", 0, 100).await.unwrap();
        let mut verifier = Verifier::default();
        assert!(entries.iter().all(|entry| verifier.take(entry).is_ok()));
        // And they may be joined again.
        desk.merge(one, two, done(&service, 94)).await.unwrap();
        assert_eq!(desk.case(one).await.unwrap().alerts, 8);
    });
}

#[test]
fn d6_a_joining_and_its_undoing_leave_no_trace_in_the_counts() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        // The second is older: its clock is taken over, and given back.
        let numbers = cases(&store, &[2, 3]).await;
        let (older, younger) = (numbers[0], numbers[1]);
        let before = (desk.case(younger).await.unwrap(), desk.case(older).await.unwrap());
        desk.merge(younger, older, done(&service, 62)).await.unwrap();
        assert_eq!(desk.case(younger).await.unwrap().clocks[0].start, before.1.clocks[0].start);
        desk.take_back(younger, last_act(&store, younger).await, done(&service, 63)).await.unwrap();
        let after = (desk.case(younger).await.unwrap(), desk.case(older).await.unwrap());
        assert_eq!((counted(&after.0), &after.0.clocks), (counted(&before.0), &before.0.clocks));
        assert_eq!((counted(&after.1), &after.1.clocks), (counted(&before.1), &before.1.clocks));
    });
}

#[test]
fn d6_what_was_taken_out_comes_back() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let parent = cases(&store, &[3]).await[0];
        let before = desk.case(parent).await.unwrap();
        let child = desk.split(parent, &ids(&["c1-1"]), done(&service, 61)).await.unwrap().number;
        assert_eq!(callers(&store, child).await, [("+12105550101".to_owned(), 1)]);
        let act = last_act(&store, child).await;
        // The parent is acknowledged meanwhile: the promise that the child inherited is not made twice.
        desk.step(parent, &Signal::Take, "", done(&service, 62)).await.unwrap();
        let back = desk.take_back(child, act, done(&service, 63)).await.unwrap();
        assert_eq!((back.state.is_over(), back.alerts, back.merged_into()), (true, 0, Some(parent)));
        let after = desk.case(parent).await.unwrap();
        assert_eq!(counted(&after), counted(&before));
        assert_eq!((after.clocks.len(), after.clocks[0].stopped), (1, Some(NOW.plus_micros(62 * MINUTE))));
        assert_eq!(after.links, [(child, Relation::Merged)]);
        assert_eq!(held(&store, parent).await, ["c1-0", "c1-1", "c1-2"]);
        assert_eq!(held(&store, child).await, [""; 0]);
    });
}

#[test]
fn d6_what_cannot_be_taken_back_says_why() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let numbers = cases(&store, &[3, 2, 1]).await;
        let [one, two, three] = numbers[..] else { panic!("{numbers:?}") };
        desk.merge(one, two, done(&service, 61)).await.unwrap();
        let joined = last_act(&store, one).await;
        // Nobody has done that, or not in this case, or not for this customer.
        assert!(why(desk.take_back(one, 999, done(&service, 62))).await.contains("no act 999"));
        assert!(why(desk.take_back(three, joined, done(&service, 62))).await.contains("knows of no act"));
        // An alert of it went on.
        desk.split(one, &ids(&["c2-1"]), done(&service, 63)).await.unwrap();
        let taken_out = last_act(&store, one).await;
        let child = CaseNumber::new(three.serial() + 1);
        assert_eq!(
            why(desk.take_back(one, joined, done(&service, 64))).await,
            format!("alert \"c2-1\" went from {one} into {child} since: take that back first")
        );
        // A change of the child would be left without a case.
        let mut other = desk.case(child).await.unwrap();
        other.change = Some("0".repeat(64));
        let mut writing = store.write().await.unwrap();
        writing.put(&mut other).await.unwrap();
        writing.commit().await.unwrap();
        let refused = why(desk.take_back(one, taken_out, done(&service, 64))).await;
        assert_eq!(refused, format!("a change is proposed in {child} since: withdraw it first"));
        other.change = None;
        let mut writing = store.write().await.unwrap();
        writing.put(&mut other).await.unwrap();
        writing.commit().await.unwrap();
        // The child took something else in.
        desk.merge(child, three, done(&service, 65)).await.unwrap();
        let third = last_act(&store, child).await;
        let refused = why(desk.take_back(one, taken_out, done(&service, 66))).await;
        assert_eq!(refused, format!("{child} has taken in other alerts since: they have no place in {one}"));
        // One after the other, the last first, each is taken back.
        desk.take_back(child, third, done(&service, 67)).await.unwrap();
        desk.take_back(one, taken_out, done(&service, 68)).await.unwrap();
        // Not while the case is over.
        desk.close(one, Reason::Benign, "a radio contest", None, done(&service, 69)).await.unwrap();
        let refused = why(desk.take_back(two, joined, done(&service, 70))).await;
        assert_eq!(refused, format!("{one} is closed since: open it again first"));
        desk.step(one, &Signal::Reopen, "", done(&service, 71)).await.unwrap();
        // Nor after 30 days; until then it is.
        let last = 61 + 30 * DAY;
        let refused = why(desk.take_back(one, joined, done(&service, last + 1))).await;
        assert_eq!(
            refused,
            format!(
                "30 days are over: act {joined} of {one} could be taken back until Wed 4 Nov 2026 10:01 CST"
            )
        );
        desk.forget_moves(done(&service, last).now).await.unwrap();
        desk.take_back(two, joined, done(&service, last)).await.unwrap();
        let sums: Vec<_> = [one, two, three].map(|number| held(&store, number)).into_iter().collect();
        let mut counts = Vec::new();
        for sum in sums {
            counts.push(sum.await.len());
        }
        assert_eq!(counts, [3, 2, 1]);
    });
}

#[test]
fn d6_what_is_long_over_is_forgotten_and_still_refused_with_its_date() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let numbers = cases(&store, &[2, 2]).await;
        desk.merge(numbers[0], numbers[1], done(&service, 61)).await.unwrap();
        let act = last_act(&store, numbers[0]).await;
        desk.forget_moves(done(&service, 61 + 32 * DAY).now).await.unwrap();
        let left = sqlx::query("SELECT COUNT(*) FROM alert_moves").fetch_one(&store.pool).await.unwrap();
        assert_eq!(left.try_get::<i64, _>(0).unwrap(), 0);
        let refused = why(desk.take_back(numbers[0], act, done(&service, 61 + 32 * DAY))).await;
        assert!(refused.contains("until Wed 4 Nov 2026"), "{refused}");
    });
}

#[test]
fn d6_an_alert_is_in_several_cases_and_counted_once() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let numbers = cases(&store, &[3, 2]).await;
        let (one, two) = (numbers[0], numbers[1]);
        desk.attach(two, &ids(&["c1-0", "c1-1"]), done(&service, 61)).await.unwrap();
        let attached = last_act(&store, two).await;
        assert_eq!(held(&store, two).await, ["c1-0", "c1-1", "c2-0", "c2-1"]);
        assert_eq!(
            callers(&store, two).await,
            [("+12105550101".to_owned(), 2), ("+12105550102".to_owned(), 2)]
        );
        let counts = async || {
            let counts = (desk.case(one).await.unwrap().alerts, desk.case(two).await.unwrap().alerts);
            let kept = sqlx::query("SELECT COUNT(*) FROM alerts").fetch_one(&store.pool).await.unwrap();
            assert_eq!(counts.0 + counts.1, kept.try_get::<i64, _>(0).unwrap() as u64);
            counts
        };
        assert_eq!(counts().await, (3, 2));
        // Evidence holds what stands in the case.
        assert_eq!(desk.evidence(two).await.unwrap().alerts.len(), 4);
        for (wrong, said) in [("c1-0", "already"), ("c2-0", "already"), ("c9-9", "has no alert")] {
            let refused = why(desk.attach(two, &ids(&[wrong]), done(&service, 62))).await;
            assert!(refused.contains(said), "{refused}");
        }
        // One of another customer is none of theirs.
        let foreign = [alert("foreign", "Other", "+12105550199", "warning", 0)];
        desk.take_alerts(&foreign, 2, &mut Storm::default(), done(&service, 62)).await.unwrap();
        assert!(why(desk.attach(two, &ids(&["foreign"]), done(&service, 62))).await.contains("has no alert"));
        let other = desk.alert("foreign").await.unwrap().unwrap().number;
        assert!(desk.take_back(other, attached, done(&service, 62)).await.is_err());
        desk.step(other, &Signal::Take, "", done(&service, 62)).await.unwrap();
        let query = sqlx::query("DELETE FROM alerts WHERE id = 'foreign'");
        query.execute(&store.pool).await.unwrap();
        // Taken out where it is counted, it is counted where it still is; in no other case, it is split.
        assert!(why(desk.detach(one, &ids(&["c1-2"]), done(&service, 63))).await.contains("split"));
        assert!(why(desk.split(two, &ids(&["c1-0"]), done(&service, 63))).await.contains("detach it here"));
        desk.detach(one, &ids(&["c1-0"]), done(&service, 64)).await.unwrap();
        let detached = last_act(&store, one).await;
        assert_eq!(counts().await, (2, 3));
        assert_eq!(held(&store, one).await, ["c1-1", "c1-2"]);
        let refused = why(desk.take_back(two, attached, done(&service, 65))).await;
        assert_eq!(refused, "alert \"c1-0\" is in no other case any more");
        // By whoever has seen the case as it stands, and by nobody else.
        let version = desk.case(one).await.unwrap().version;
        let stale = desk.expecting(one, version - 1).take_back(one, detached, done(&service, 66)).await;
        assert!(matches!(stale, Err(Error::Overtaken(_))), "{stale:?}");
        desk.expecting(one, version).take_back(one, detached, done(&service, 66)).await.unwrap();
        assert_eq!(
            (counts().await, held(&store, one).await.len(), held(&store, two).await.len()),
            ((3, 2), 3, 4)
        );
        // Taken out where it only stands, and back.
        desk.detach(two, &ids(&["c1-1"]), done(&service, 67)).await.unwrap();
        let refused = why(desk.take_back(two, attached, done(&service, 68))).await;
        assert_eq!(refused, format!("alert \"c1-1\" was taken out of {two} since"));
        let act = last_act(&store, two).await;
        desk.take_back(two, act, done(&service, 68)).await.unwrap();
        // Joined, it is there once; taken back, it is in both.
        desk.merge(one, two, done(&service, 69)).await.unwrap();
        assert_eq!(held(&store, one).await.len(), 5);
        assert_eq!(
            callers(&store, one).await,
            [("+12105550101".to_owned(), 3), ("+12105550102".to_owned(), 2)]
        );
        desk.take_back(one, last_act(&store, one).await, done(&service, 70)).await.unwrap();
        assert_eq!(held(&store, two).await, ["c1-0", "c1-1", "c2-0", "c2-1"]);
        desk.take_back(two, attached, done(&service, 71)).await.unwrap();
        assert_eq!((counts().await, held(&store, two).await.len()), ((3, 2), 2));
    });
}

#[test]
fn what_former_versions_kept_is_about_something_as_well() {
    on_both(|store| async move {
        let number = cases(&store, &[2]).await[0];
        sqlx::query("UPDATE alerts SET subject = ''").execute(&store.pool).await.unwrap();
        store.fill_columns().await.unwrap();
        assert_eq!(callers(&store, number).await, [("+12105550101".to_owned(), 2)]);
    });
}

#[test]
fn d4_what_is_like_a_case_that_was_joined_by_hand_joins_it_from_then_on() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let numbers = cases(&store, &[1, 1]).await;
        let (one, two) = (numbers[0], numbers[1]);
        // What joins one case anyway needs no grouping.
        let refused = why(desk.group(one, done(&service, 60))).await;
        assert!(refused.contains("of one key"), "{refused}");
        desk.merge(one, two, done(&service, 61)).await.unwrap();
        let joined = last_act(&store, one).await;
        desk.group(one, done(&service, 62)).await.unwrap();
        assert!(why(desk.group(one, done(&service, 62))).await.contains("already"));
        let said = desk.events(one).await.unwrap().pop().unwrap();
        assert_eq!(
            (said.what.as_str(), said.text.as_str()),
            (
                "group",
                "from now on alerts of harassment with callers from +12105550100 to +12105550199 join it"
            )
        );
        // A caller that nobody has seen, those from before, and somebody of another block.
        let more = [
            raised(7, "a", "warning", 63),
            raised(1, "b", "warning", 63),
            raised(2, "c", "warning", 63),
            alert("d", "Acme", "+13125550100", "warning", 63),
            alert("e", "Other", "+12105550107", "warning", 63),
        ];
        desk.take_alerts(&more, 2, &mut Storm::default(), done(&service, 64)).await.unwrap();
        assert_eq!(desk.case(one).await.unwrap().alerts, 5);
        assert_eq!(list(&store).await.len(), 3);
        let of: Vec<_> = callers(&store, one).await.into_iter().map(|(caller, _)| caller).collect();
        assert_eq!(of, ["+12105550101", "+12105550102", "+12105550107"]);
        // The same alert again counts once.
        desk.take_alerts(&more[..1], 3, &mut Storm::default(), done(&service, 64)).await.unwrap();
        assert_eq!(desk.case(one).await.unwrap().alerts, 5);
        // The joining is not undone under it.
        let refused = why(desk.take_back(one, joined, done(&service, 65))).await;
        assert!(refused.contains("end that first"), "{refused}");
        // Long after it was closed the next is a new case of the group, which knows of the old one.
        desk.close(one, Reason::Benign, "a radio contest", None, done(&service, 66)).await.unwrap();
        let late = [raised(8, "late", "warning", 5_000)];
        desk.take_alerts(&late, 4, &mut Storm::default(), done(&service, 5_000)).await.unwrap();
        let later =
            list(&store).await.into_iter().find(|case| case.key.as_deref() == Some("harassment|group=1"));
        let later = later.unwrap();
        assert_eq!(later.links, [(one, Relation::RecursAfter)]);
        assert!(later.title.starts_with("alerts of harassment with callers from"), "{}", later.title);
        // Ended, each caller is a case again.
        desk.ungroup(later.number, done(&service, 5_001)).await.unwrap();
        assert!(why(desk.ungroup(later.number, done(&service, 5_002))).await.contains("takes in no alerts"));
        let alone = [raised(9, "alone", "warning", 5_003)];
        desk.take_alerts(&alone, 5, &mut Storm::default(), done(&service, 5_003)).await.unwrap();
        assert_eq!(desk.case(later.number).await.unwrap().alerts, 1);
    });
}
