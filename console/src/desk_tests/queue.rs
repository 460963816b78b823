//! The queue: found by words, worked on many at once, taken back.

#![allow(clippy::disallowed_methods, reason = "how quick something is can only be timed")]

use std::time::Instant;

use cases::flow::State;

use super::*;

const CALLERS: [&str; 4] = ["+12105550101", "+12105550102", "+12105550103", "+13125550100"];

#[test]
fn cases_are_found_by_words_and_a_word_that_means_nothing_is_named() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &CALLERS).await;
        desk.alerts("Other, Inc", &CALLERS[..1]).await;
        let all = desk.get("anna", "/queue").await.page_well();
        all.says("5 open").says("id=\"open-cases\">5<").says("data-key=\"1\"").says(">Breached");
        let place =
            format!("/queue?q={}", url_part("customer:acme +12105550101 kind:alert owner:nobody due<9d"));
        desk.get("anna", &place)
            .await
            .page_well()
            .says(&cases[0].number.to_string())
            .says("1 open, matching");
        let place = format!("/queue?q={}", url_part("customer:\"Other, Inc\" colour:red"));
        let wrong = desk.get("anna", &place).await.page_well();
        wrong.says("Without this word: colour:red").says("1 open, matching");
        desk.get("anna", "/queue?q=kind:block").await.page_well().says("Nothing matches kind:block");
        // A whole number leads to its case, and a broken one does not.
        let number = cases[1].number.to_string();
        desk.get("anna", &format!("/queue?q={}", number.to_lowercase()))
            .await
            .goes_to(&format!("/case/{number}"));
        desk.get("anna", "/queue?q=RW-100001-0").await.page_well();
        // Gathered, each with what can be done with all of it.
        let groups = desk.get("anna", "/queue?group=customer").await.page_well();
        groups.says(">4</span>").says("customer:&quot;Other, Inc&quot;").says("Acknowledge all 4<");
        desk
    });
}

#[test]
fn views_are_kept_under_a_name_and_a_key() {
    at_a_desk(|desk| async move {
        desk.post("anna", "/queue/view", &[("name", "Hot <b>"), ("q", "severity:critical")])
            .await
            .goes_to("/queue?q=severity");
        let page = desk.get("anna", "/queue").await.page_well();
        page.says("Hot &lt;b&gt; <kbd>6</kbd>").says_not("<b>");
        desk.get("fred", "/queue").await.page_well().says_not("Hot");
        assert_eq!(desk.post("anna", "/queue/view", &[("name", "Mine"), ("q", "x")]).await.status, 409);
        desk.post("anna", "/queue/view/remove", &[("name", "Hot <b>")]).await.goes_to("/queue");
        desk.get("anna", "/queue").await.page_well().says_not("Hot");
        desk
    });
}

#[test]
fn many_are_taken_at_once_and_given_back_within_ten_seconds() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &CALLERS).await;
        let numbers: Vec<_> = cases.iter().map(|case| case.number.to_string()).collect();
        let form = [("act", "take"), ("n", &numbers[0]), ("n", &numbers[1]), ("back", "/queue?q=x")];
        // First level looks and notes, and takes nothing.
        assert_eq!(desk.post("fred", "/queue/bulk", &form).await.status, 403);
        desk.post("anna", "/queue/bulk", &form).await.goes_to("/queue?q=x");
        let taken = desk.store.desk().case(cases[0].number).await.unwrap();
        assert_eq!((taken.state, taken.owner.as_deref()), (State::Triage, Some("anna")));
        desk.get("anna", "/queue").await.page_well().says("2 cases are taken.").says("data-key=\"z\"");
        desk.get("fred", "/queue").await.page_well().says_not("2 cases are taken.");
        // Somebody wrote to one of them meanwhile: that one stays.
        desk.post("fred", &format!("/case/{}/note", numbers[1]), &[("text", "seen it")])
            .await
            .goes_to("/case/");
        desk.post("anna", "/undo", &[("back", "/queue")]).await.goes_to("/queue");
        let back = desk.store.desk().case(cases[0].number).await.unwrap();
        assert_eq!((back.state, back.owner, &back.clocks), (State::Open, None, &cases[0].clocks));
        assert_eq!(desk.store.desk().case(cases[1].number).await.unwrap().state, State::Triage);
        let events = desk.store.desk().events(cases[0].number).await.unwrap();
        assert_eq!(events.last().unwrap().what, "undo");
        // Once, and not after fifteen seconds.
        assert_eq!(desk.post("anna", "/undo", &[]).await.status, 409);
        // What cannot be taken back that way ends the offer to take back what was done before.
        desk.post("anna", "/queue/bulk", &[("act", "rate"), ("severity", "info"), ("n", &numbers[0])]).await;
        desk.get("anna", "/queue").await.page_well().says("data-key=\"z\"");
        let alone = [("act", "merge"), ("n", numbers[2].as_str())];
        assert_eq!(desk.post("anna", "/queue/bulk", &alone).await.status, 400, "with nothing to join");
        let join = [("act", "merge"), ("n", &numbers[2]), ("n", &numbers[3]), ("into", &numbers[2])];
        desk.post("anna", "/queue/bulk", &join.map(|(name, value)| (name, value as &str))).await;
        desk.get("anna", "/queue").await.page_well().says_not("data-key=\"z\"");
        desk.post("anna", "/queue/bulk", &[("act", "assign"), ("n", &numbers[2])]).await.goes_to("/queue");
        pass(16_000_000);
        desk.get("anna", "/queue").await.page_well().says_not("data-key=\"z\"");
        assert_eq!(desk.post("anna", "/undo", &[]).await.status, 409);
        assert_eq!(desk.store.desk().case(cases[2].number).await.unwrap().owner.as_deref(), Some("anna"));
        desk
    });
}

#[test]
fn what_only_matches_is_counted_first_and_each_says_what_became_of_it() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &CALLERS).await;
        let number = cases[0].number.to_string();
        desk.post("anna", "/queue/bulk", &[("act", "take"), ("n", &number)]).await.goes_to("/queue");
        let all = [("act", "take"), ("all", "yes"), ("q", "customer:Acme")];
        let sure = desk.post("anna", "/queue/bulk", &all).await.page_well();
        sure.says("Take 4 cases?")
            .says("<strong>3</strong> can be")
            .says(&format!("<li><a href=\"/case/{number}\">{number}</a> "))
            .says_not("more</li>")
            .says("1: a case that is triage cannot take");
        assert_eq!(desk.store.desk().case(cases[1].number).await.unwrap().owner, None, "it was only counted");
        let told =
            desk.post("anna", "/queue/bulk", &[&all[..], &[("sure", "yes")]].concat()).await.page_well();
        told.says("3 cases are taken, 1 not.").says(&number).says("cannot take").says("data-key=\"z\"");
        // Words that mean nothing would match more than was meant.
        let wrong = [("act", "take"), ("all", "yes"), ("q", "custmer:Acme")];
        assert_eq!(desk.post("anna", "/queue/bulk", &wrong).await.status, 400);
        assert_eq!(desk.post("anna", "/queue/bulk", &[("act", "take")]).await.status, 400);
        // Closing wants words, and is taken back as well. It is offered as what these cases can be closed as.
        let form = [("act", "close"), ("n", number.as_str()), ("reason", "benign")];
        let sure = desk.post("anna", "/queue/bulk", &form).await.page_well();
        sure.says("What was found, in a sentence").says("<option>false-positive</option>");
        sure.says("<option selected>benign</option>").says_not("no-answer").says_not("not-authorised");
        let words = [&form[..], &[("text", "a known dialler of theirs")]].concat();
        desk.post("anna", "/queue/bulk", &words).await.goes_to("/queue");
        assert!(desk.store.desk().case(cases[0].number).await.unwrap().state.is_over());
        desk.get("anna", "/queue?q=is:over").await.page_well().says(&number).says("1 over, matching");
        desk.post("anna", "/undo", &[]).await.goes_to("/queue");
        let open = desk.store.desk().case(cases[0].number).await.unwrap();
        assert_eq!((open.state, open.closure), (State::Triage, None));
        desk
    });
}

#[test]
fn two_hundred_alerts_are_brought_into_one_case() {
    at_a_desk(|desk| async move {
        let callers: Vec<_> = (0..200).map(|index| format!("+1210555{index:04}")).collect();
        // Two minutes apart: no storm.
        let alerts: Vec<_> =
            (0..).zip(&callers).map(|(index, caller)| alert("Acme", caller, 2 * index - 400)).collect();
        desk.take(&alerts).await;
        desk.alerts("Other", &CALLERS[..1]).await;
        let page = desk.get("anna", "/alerts").await.page_well();
        page.says("+12105550199").says("7 of 5 within 1h").says("Older");
        // What is filtered by is named, also where there is none of it.
        let none = desk.get("anna", "/alerts?customer=Elsewhere").await.page_well();
        none.says("<option selected>Elsewhere</option>").says("No alerts");
        let groups = desk.get("anna", "/alerts?group=rule").await.page_well();
        groups.says("harassment").says(">201</td><td class=\"number\">201<");
        let begin = Instant::now();
        let form = [("all", "yes"), ("rule", "harassment"), ("within", "7d"), ("back", "/alerts")];
        desk.post("anna", "/alerts/group", &form).await.goes_to("/alerts");
        let took = begin.elapsed();
        println!("200 alerts of 200 cases were joined in {took:.1?}");
        assert!(took.as_secs() < 15, "{took:?}");
        let cases = desk.store.desk().list(&Filter::default()).await.unwrap().cases;
        let counts: Vec<_> = cases.iter().map(|case| (case.customer.as_str(), case.alerts)).collect();
        assert_eq!(counts.len(), 2);
        assert!(counts.contains(&("Acme", 200)) && counts.contains(&("Other", 1)), "{counts:?}");
        desk
    });
}

#[test]
fn campaigns_say_by_what_cases_belong_together() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &CALLERS).await;
        desk.alerts("Other", &CALLERS[3..]).await;
        let page = desk.get("anna", "/campaigns").await.page_well();
        page.says("3 callers from +1210555 0100 to +1210555 0199 against Acme".replace(" 01", "01").as_str());
        page.says("The caller +13125550100 at 2 customers");
        let serials: Vec<_> = cases[..3].iter().rev().map(|case| case.number.serial().to_string()).collect();
        page.says(&format!("value=\"{}\"", serials.join(" ")));
        let form = [("act", "merge"), ("serials", &serials.join(" ")), ("back", "/campaigns")];
        desk.post("anna", "/queue/bulk", &form).await.goes_to("/campaigns");
        assert_eq!(desk.store.desk().case(cases[0].number).await.unwrap().alerts, 3);
        // What takes the others in is not counted among them.
        let more = desk.alerts("Acme", &["+14155550100"]).await.pop().unwrap().number.serial().to_string();
        let both = format!("{} {more}", cases[0].number.serial());
        let form = [("act", "merge"), ("serials", both.as_str()), ("back", "/campaigns")];
        let told = desk.post("anna", "/queue/bulk", &form).await.goes_to("/campaigns");
        assert!(told.head.contains("%20is%20in%20rw-"), "{}", told.head);
        desk
    });
}

#[test]
fn rows_come_anew_as_they_stand() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &CALLERS).await;
        let number = cases[0].number;
        desk.post("anna", &format!("/case/{number}/step"), &[("verb", "take")]).await.goes_to("/case/");
        let rows =
            desk.get("fred", &format!("/queue/rows?q=owner:nobody&n={number}&n={}", cases[1].number)).await;
        let rows = rows.page_well();
        rows.says("data-fits=\"false\"")
            .says("data-fits=\"true\"")
            .says_not("<html")
            .says_not("type=\"checkbox\"");
        assert!(rows.head.contains("x-open-cases: 4"), "{}", rows.head);
        desk
    });
}

#[test]
fn what_is_kept_quiet_is_previewed_first() {
    at_a_desk(|desk| async move {
        let form = [("customer", "Acme"), ("reason", "a drill of theirs"), ("hours", "4")];
        desk.post("anna", "/silences", &form)
            .await
            .page_well()
            .says("It would have hidden <strong>0</strong>");
        assert!(desk.store.desk().silences(true).await.unwrap().is_empty());
        let sure = [&form[..], &[("sure", "yes")]].concat();
        assert_eq!(desk.post("fred", "/silences", &sure).await.status, 403);
        desk.post("anna", "/silences", &sure).await.goes_to("/silences");
        desk.get("fred", "/silences").await.page_well().says("S-1").says("customer Acme").says_not("End it");
        desk.post("anna", "/silences", &[("reason", "all of it, please")])
            .await
            .page_well()
            .says("says what it is about");
        let absent = cases::CaseNumber::new(900_000).to_string();
        for (field, value, said) in [
            ("case", "RW-1", "is no case number"),
            ("case", absent.as_str(), "there is no case"),
            ("caller", "hello", "hello is no number of a caller"),
        ] {
            let wrong = [&form[1..], &[(field, value)]].concat();
            desk.post("anna", "/silences", &wrong)
                .await
                .page_well()
                .says(said)
                .says_not("It would have hidden");
        }
        let long = [&form[..2], &[("hours", "200"), ("sure", "yes")]].concat();
        desk.post("anna", "/silences", &long).await.page_well().says("7 days at most");
        desk.post("anna", "/silences/end", &[("id", "S-1")]).await.goes_to("/silences");
        desk
    });
}

/// Fifty thousand in `cargo xtask soak pages`.
#[test]
fn the_queue_stays_quick_and_small_with_many_cases() {
    at_a_desk(|desk| async move {
        let count: u64 = std::env::var("RINGWALL_QUEUE_CASES").map_or(2_000, |count| count.parse().unwrap());
        for first in (0..count).step_by(500) {
            let alerts: Vec<_> = (first..count.min(first + 500))
                .map(|index| {
                    let minutes = i64::try_from(index / 20).unwrap() - 60 * 24 * 20;
                    alert(&format!("customer {}", index % 40), &format!("+1210555{index:06}"), minutes)
                })
                .collect();
            desk.take(&alerts).await;
        }
        let mut after = String::new();
        for (what, q, group) in [
            ("all", "", ""),
            ("a customer", "customer:\"Customer 7\"", ""),
            ("words", "+1210555000777", ""),
            ("a state left out", "-state:waiting owner:nobody due<9d", ""),
            ("what is over", "is:over", ""),
            ("by customer", "", "customer"),
            ("by rule", "kind:alert", "rule"),
            ("campaigns", "", "-"),
        ] {
            let place = match group {
                "-" => "/campaigns".to_owned(),
                group => format!("/queue?q={}&group={group}", url_part(q)),
            };
            let mut took = Vec::new();
            let mut size = 0;
            for _ in 0..20 {
                let begin = Instant::now();
                let page = desk.get("anna", &place).await.page_well();
                took.push(begin.elapsed());
                size = page.text.len();
                if what == "all" {
                    page.says(&format!("{count} open"));
                    after = page
                        .text
                        .split("hx-get=\"")
                        .nth(1)
                        .unwrap()
                        .split('"')
                        .next()
                        .unwrap()
                        .replace("&amp;", "&");
                }
            }
            took.sort();
            let p95 = took[took.len() * 95 / 100];
            println!("{count} cases, {what}: p95 {p95:.1?}, {size} bytes");
            if group != "-" {
                assert!(p95.as_millis() <= 150, "{what}: {p95:?}");
            }
        }
        let more = desk.get("anna", &after).await.page_well();
        assert_eq!(more.text.matches("<tr data-row").count(), 100);
        desk
    });
}
