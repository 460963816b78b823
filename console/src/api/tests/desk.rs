//! What programs of the desk work with: schedules, reports, registrations, invitations, proposals, blocks, lists, policies.

use std::collections::BTreeSet;

use cases::io::store::Done;
use cases::schedule::{Format, Schedule, Span, When, Which};
use serde_json::{Value, json};

use super::world::LIST;
use super::{House, NOW};

fn weekly() -> Value {
    json!({
        "customer": "Acme", "report": "weekly-operations", "format": "html", "when": "weekly mon 07:00",
        "recipients": ["ann@acme.example.com"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_what_was_done_between_cases_is_taken_back_by_who_has_seen_the_case() {
    let house = House::new().await;
    let promises = cases::Service::sample();
    let done = Done { who: "test", now: NOW, service: &promises };
    let kind = cases::case::Kind::Block;
    let other = house.store.desk().open("Acme", kind, cases::flow::State::New, "x", done).await.unwrap();
    let place = format!("/v1/cases/{}", house.acme);
    let read = house.ask("key desk", "GET", &place, &[], "").await;
    let body = json!({ "number": other.number.to_string() });
    let merged =
        house.change("key desk", &format!("{place}/merge"), Some(read.header("etag")), None, &body).await;
    assert_eq!(merged.status, 200, "{}", merged.text);
    let history = house.ask("key desk", "GET", &format!("{place}/history"), &[], "").await.json();
    let act = history["items"].as_array().unwrap().iter().find_map(|it| it["act"].as_u64()).unwrap();
    // A customer is told of no such act, and does none.
    let theirs = house.ask("ann", "GET", &format!("{place}/history"), &[], "").await;
    assert!(!theirs.text.contains(&format!("\"act\":{act}")), "{}", theirs.text);
    let (undo, body) = (format!("{place}/undo"), json!({ "act": act }));
    assert_eq!(house.change("key desk", &undo, Some(read.header("etag")), None, &body).await.status, 412);
    let tag = Some(merged.header("etag"));
    let nothing = house.change("key desk", &undo, tag, None, &json!({ "act": 999 })).await;
    assert!(nothing.status == 409 && nothing.text.contains("no act 999"), "{}", nothing.text);
    let undone = house.change("key desk", &undo, tag, None, &body).await;
    assert_eq!(
        (undone.status.as_u16(), undone.json()["links"].as_array().unwrap().len()),
        (200, 0),
        "{}",
        undone.text
    );
    let again = house.change("key desk", &undo, Some(undone.header("etag")), None, &body).await;
    assert!(again.status == 409 && again.text.contains("taken back already"), "{}", again.text);
    let nobody = json!({ "alerts": ["none-of-that-name"] });
    for way in ["attach", "detach"] {
        let refused = house
            .change("key desk", &format!("{place}/{way}"), Some(undone.header("etag")), None, &nobody)
            .await;
        assert_eq!(refused.status, 409, "{way}: {}", refused.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_a_schedule_is_added_changed_run_and_removed() {
    let house = House::new().await;
    let added = house.change("key desk", "/v1/schedules", None, Some("s"), &weekly()).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let again = house.change("key desk", "/v1/schedules", None, Some("s"), &weekly()).await;
    assert_eq!((again.status.as_u16(), &again.json()["id"]), (201, &added.json()["id"]));
    let twice = house.change("key desk", "/v1/schedules", None, None, &weekly()).await;
    assert_eq!(twice.status, 409, "the same schedule is one: {}", twice.text);
    let place = added.header("location").to_owned();
    assert_eq!(house.ask("ann", "GET", &place, &[], "").await.header("etag"), added.header("etag"));
    assert_eq!(house.ask("eve", "GET", &place, &[], "").await.status, 404);

    let mut daily = weekly();
    daily["when"] = json!("daily 08:00");
    let body = daily.to_string();
    let blind = house.send("analyst", "PUT", &place, (None, None), &body).await;
    assert_eq!(blind.status, 428, "{}", blind.text);
    let stale = house.send("analyst", "PUT", &place, (Some("\"0123456789abcdef\""), None), &body).await;
    assert_eq!(stale.status, 412, "{}", stale.text);
    let changed = house.send("analyst", "PUT", &place, (Some(added.header("etag")), None), &body).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["when"]), (200, &json!("daily 08:00")));
    let new = changed.header("content-location").to_owned();
    assert_ne!(new, place, "another schedule has another name");
    assert_eq!(house.ask("key desk", "GET", &place, &[], "").await.status, 404);
    let tag = changed.header("etag").to_owned();
    let same = house.send("analyst", "PUT", &new, (Some(&tag), None), &body).await;
    assert_eq!((same.status.as_u16(), same.header("etag")), (200, tag.as_str()), "{}", same.text);

    let run = house.change("key desk", &format!("{new}/runs"), None, Some("r"), &json!({})).await;
    assert_eq!((run.status.as_u16(), &run.json()["state"]), (201, &json!("waiting")), "{}", run.text);
    let again = house.change("key desk", &format!("{new}/runs"), None, Some("r"), &json!({})).await;
    assert_eq!(again.json()["id"], run.json()["id"]);
    let read = house.ask("key reads", "GET", run.header("location"), &[], "").await;
    assert_eq!(read.json()["id"], run.json()["id"], "{}", read.text);

    let gone = house.send("senior", "DELETE", &new, (Some(&tag), None), "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(house.ask("key desk", "GET", &new, &[], "").await.status, 404);
    for wrong in [
        json!({ "when": "sometimes" }),
        json!({ "report": "none" }),
        json!({ "format": "pdf" }),
        json!({ "customer": "Nobody" }),
        json!({ "recipients": [] }),
        json!({ "report": "caller" }),
        json!({ "numbers": ["x"] }),
    ] {
        let mut body = weekly();
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let got = house.change("key desk", "/v1/schedules", None, None, &body).await;
        assert_eq!(got.status, 400, "{wrong}: {}", got.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_recipients_outside_wait_for_a_yes_which_counts_for_them_alone() {
    let house = House::new().await;
    let added = house.change("analyst", "/v1/schedules", None, None, &weekly()).await;
    let place = format!("{}/authorise", added.header("location"));
    let tag = added.header("etag").to_owned();
    let no = house.change("analyst", &place, Some(&tag), None, &json!({ "contact": "Rob" })).await;
    assert_eq!(no.status, 409, "Rob is no authoriser: {}", no.text);
    let yes = house.change("analyst", &place, Some(&tag), None, &json!({ "contact": "Ann" })).await;
    assert_eq!((yes.status.as_u16(), &yes.json()["authorised"]), (200, &json!(true)), "{}", yes.text);
    // Another time is the same report for the same people; other people are not.
    let mut body = weekly();
    body["when"] = json!("daily 06:00");
    let sent = (Some(yes.header("etag")), None);
    let later = house.send("analyst", "PUT", added.header("location"), sent, &body.to_string()).await;
    assert_eq!(later.json()["authorised"], true, "{}", later.text);
    body["recipients"] = json!(["x@elsewhere.example.com"]);
    let sent = (Some(later.header("etag")), None);
    let place = later.header("content-location");
    let others = house.send("analyst", "PUT", place, sent, &body.to_string()).await;
    assert_eq!(
        (others.status.as_u16(), &others.json()["authorised"]),
        (200, &json!(false)),
        "{}",
        others.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_a_report_is_ordered_and_no_customer_ever_sees_it() {
    let house = House::new().await;
    let wanted = json!({
        "customer": "Acme", "report": "weekly-operations", "format": "html", "from": "2026-09-28", "to": "2026-10-04",
    });
    let first_level = house.change("first-level", "/v1/reports", None, None, &wanted).await;
    assert_eq!(first_level.status, 403, "{}", first_level.text);
    let (one, two) = tokio::join!(
        house.change("auditor", "/v1/reports", None, Some("o"), &wanted),
        house.change("auditor", "/v1/reports", None, Some("o"), &wanted),
    );
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (201, 201), "{} {}", one.text, two.text);
    let id = one.json()["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("RO-") && two.json()["id"] == id, "{} {}", one.text, two.text);
    assert_eq!(
        house.ask("key desk", "GET", "/v1/reports", &[], "").await.json()["items"].as_array().unwrap().len(),
        1
    );
    assert_eq!(house.ask("auditor", "GET", one.header("location"), &[], "").await.json()["state"], "waiting");

    // It is made, so that there is something to fetch.
    let service = cases::Service::sample();
    let done = Done { who: "ringwall", now: NOW, service: &service };
    let office = cases::io::store::Office {
        desk: cases::letter::DeskAddress { address: "desk@example.com".to_owned(), name: "Desk".to_owned() },
        portal: String::new(),
        escalation: String::new(),
        sends: false,
    };
    let taken = house.store.desk().take_run(("maker", 60_000_000), &office, done).await.unwrap().unwrap();
    let file = cases::schedule::MadeFile {
        name: "weekly.html".to_owned(),
        media_type: Format::Html.media_type(),
        bytes: b"what the desk looks at".to_vec(),
        holds_calls: false,
    };
    let made = cases::schedule::Made { files: vec![file], rows: 3, notes: Vec::new() };
    let run = house.store.desk().settle_run(&taken, &Ok(made), &office, done).await.unwrap().unwrap();
    let file = format!("/v1/reports/{id}/files/weekly.html");
    assert_eq!(house.ask("key desk", "GET", &file, &[], "").await.text, "what the desk looks at");

    // Ann may read reports.
    let mut registration = house.store.desk().registration("Acme").await.unwrap();
    registration.people[0].roles.insert(cases::intake::Role::ReportRecipient);
    let draft = house.store.desk().draft_registration(registration, done).await.unwrap();
    let other = Done { who: "other", ..done };
    house.store.desk().confirm_registration(&draft.hash, other).await.unwrap();
    let due = run.id.rsplit_once('/').unwrap().1;
    for who in ["ann", "rob", "eve", "key reads", "key works"] {
        for path in [
            "/v1/schedules".to_owned(),
            format!("/v1/schedules/{id}"),
            format!("/v1/schedules/{id}/runs"),
            format!("/v1/schedules/{id}/runs/{due}"),
            format!("/v1/schedules/{id}/runs/{due}/files/weekly.html"),
            format!("/v1/reports/{id}"),
            "/v1/reports".to_owned(),
            file.clone(),
            "/portal/reports".to_owned(),
            format!("/portal/reports/{id}/{due}/weekly.html"),
            "/portal".to_owned(),
        ] {
            let got = house.ask(who, "GET", &path, &[], "").await;
            assert!(
                !got.text.contains(&id) && !got.text.contains("what the desk"),
                "{who}: {path}: {}",
                got.text
            );
            assert!(
                path.starts_with("/portal") || path == "/v1/schedules" || got.status == 404,
                "{who}: {path}"
            );
            if path.contains("/portal/reports/") {
                assert_eq!(got.status, 404, "{who}: {path}");
            }
        }
    }
    // What runs by itself for a customer is there all the same.
    let weekly = Schedule {
        id: String::new(),
        customer: "Acme".to_owned(),
        report: "weekly-operations".to_owned(),
        format: Format::Html,
        when: When::Once,
        span: Span::Days(7),
        which: Which::default(),
        zone: "UTC".to_owned(),
        recipients: vec!["ann@acme.example.com".to_owned()],
        case: None,
        authorised: None,
        by: "test".to_owned(),
        at: NOW,
    };
    let weekly = weekly.named();
    house.store.desk().add_schedule(&weekly, done).await.unwrap();
    assert!(house.ask("ann", "GET", "/portal/reports", &[], "").await.text.contains("Weekly operations"));
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_a_registration_is_changed_by_two_people_and_by_no_key() {
    let house = House::new().await;
    let place = "/v1/customers/Acme/registration";
    let read = house.ask("admin", "GET", place, &[], "").await;
    let mut wanted = read.json();
    let wanted = wanted.as_object_mut().unwrap();
    for name in ["customer", "standing"] {
        wanted.remove(name);
    }
    for person in wanted["people"].as_array_mut().unwrap() {
        person.as_object_mut().unwrap().remove("verified_at");
    }
    wanted["people"].as_array_mut().unwrap().push(json!({
        "name": "Zoe", "addresses": ["zoe@acme.example.com"], "roles": ["requester"], "verified": true,
    }));
    let wanted = Value::Object(wanted.clone());
    let drafts = format!("{place}/drafts");
    assert_eq!(house.change("key desk", &drafts, Some(read.header("etag")), None, &wanted).await.status, 404);
    let stale = house.change("admin", &drafts, Some("\"0000000000000000\""), None, &wanted).await;
    assert_eq!(stale.status, 412, "{}", stale.text);
    let drafted = house.change("admin", &drafts, Some(read.header("etag")), Some("d"), &wanted).await;
    assert_eq!(drafted.status, 201, "{}", drafted.text);
    assert!(drafted.json()["differences"].to_string().contains("Zoe"), "{}", drafted.text);
    let own = format!("{}/confirm", drafted.header("location"));
    assert_eq!(
        house.change("admin", &own, None, None, &json!({})).await.status,
        409,
        "somebody else confirms"
    );
    assert_eq!(house.ask("auditor", "GET", drafted.header("location"), &[], "").await.status, 200);
    // The second admin.
    let service = cases::Service::sample();
    let done = Done { who: "other", now: NOW, service: &service };
    house.store.desk().confirm_registration(drafted.json()["hash"].as_str().unwrap(), done).await.unwrap();
    let now = house.ask("admin", "GET", place, &[], "").await;
    assert!(now.text.contains("Zoe") && now.header("etag") != read.header("etag"));
    let late = house.change("admin", &drafts, Some(read.header("etag")), None, &wanted).await;
    assert_eq!(late.status, 412, "{}", late.text);
    // A draft of one's own is taken back.
    let mut fewer = wanted.clone();
    fewer["domains"] = json!(["acme.example.com"]);
    let drafted = house.change("admin", &drafts, Some(now.header("etag")), None, &fewer).await;
    let gone = house.send("admin", "DELETE", drafted.header("location"), (None, None), "").await;
    assert_eq!(gone.status, 204, "{} {}", drafted.text, gone.text);
    assert_eq!(house.ask("admin", "GET", &drafts, &[], "").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn x1_an_invitation_is_told_once_and_can_be_taken_back() {
    let house = House::new().await;
    let wanted = json!({ "login": "zoe", "role": "analyst" });
    let made = house.change("admin", "/v1/invitations", None, Some("i"), &wanted).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let link = made.json()["link"].as_str().unwrap().to_owned();
    let again = house.change("admin", "/v1/invitations", None, Some("i"), &wanted).await;
    assert_eq!((again.status.as_u16(), &again.json()["link"]), (201, &Value::Null));
    let path = link.strip_prefix("https://desk.example.com").unwrap();
    let page = house.ask("nobody", "GET", path, &[], "").await;
    assert!(page.status == 200 && page.text.contains("zoe"), "{}", page.text);
    let place = made.header("location");
    let stale = house.send("admin", "DELETE", place, (Some("\"0\""), None), "").await;
    assert_eq!(stale.status, 412, "{}", stale.text);
    let gone = house.send("admin", "DELETE", place, (Some(made.header("etag")), None), "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert!(!house.ask("nobody", "GET", path, &[], "").await.text.contains("zoe"));
    for wrong in [
        json!({ "login": "zoe" }),
        json!({ "login": "zoe", "role": "god" }),
        json!({ "login": "zoe", "role": "analyst", "customer": "Acme" }),
    ] {
        assert_eq!(house.change("admin", "/v1/invitations", None, None, &wrong).await.status, 400, "{wrong}");
    }
    let contact = json!({ "login": "zoe", "customer": "Acme", "contact": "Nobody" });
    assert_eq!(house.change("admin", "/v1/invitations", None, None, &contact).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn z1_a_change_is_proposed_asked_for_and_withdrawn() {
    let house = House::new().await;
    let place = format!("/v1/cases/{}/proposal", house.acme);
    let lines = json!([{ "list": LIST, "entry": "+12105550142", "days": 30 }]);
    let wanted = json!({ "lines": lines, "reason": "harassing" });
    assert_eq!(house.change("key desk", &place, None, None, &wanted).await.status, 428);
    let stale = house.change("key desk", &place, Some("\"7\""), None, &wanted).await;
    assert_eq!(stale.status, 412, "{}", stale.text);
    let proposed = house.change("key desk", &place, Some("\"1\""), Some("p"), &wanted).await;
    assert_eq!(proposed.status, 201, "{}", proposed.text);
    assert_eq!(proposed.json()["state"], "proposed");
    let again = house.change("key desk", &place, Some("\"1\""), Some("p"), &wanted).await;
    assert_eq!(
        (again.status.as_u16(), again.header("etag")),
        (201, proposed.header("etag")),
        "{}",
        again.text
    );
    let change = house.ask("ann", "GET", proposed.header("location"), &[], "").await;
    assert!(change.status == 200 && change.text.contains("2026-11-04"), "{}", change.text);
    assert_eq!(house.ask("eve", "GET", proposed.header("location"), &[], "").await.status, 404);
    let asked = house.change("key desk", &format!("{place}/ask"), Some("\"1\""), None, &json!({})).await;
    assert_eq!(asked.status, 412, "{}", asked.text);
    let seen = proposed.header("etag");
    let asked = house.change("key desk", &format!("{place}/ask"), Some(seen), None, &json!({})).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["by_mail"]), (200, &json!(["Ann"])), "{}", asked.text);
    assert_eq!(house.world.asked.lock().unwrap().as_slice(), std::slice::from_ref(&house.acme));
    let withdraw = format!("{place}/withdraw");
    let why = json!({ "text": "the wrong number" });
    assert_eq!(house.change("key works", &withdraw, Some(seen), None, &why).await.status, 404);
    let back = house.change("key desk", &withdraw, Some(seen), None, &why).await;
    assert_eq!((back.status.as_u16(), &back.json()["change"]), (200, &Value::Null), "{}", back.text);
    let twice = house.change("key desk", &withdraw, Some(back.header("etag")), None, &why).await;
    assert_eq!(twice.status, 409, "{}", twice.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_blocks_are_lifted_and_last_longer() {
    let house = House::new().await;
    let mine = house.ask("key reads", "GET", "/v1/blocks/block-Acme", &[], "").await.json();
    assert_eq!((&mine["customer"], &mine["changed"]), (&json!("Acme"), &Value::Null), "names are the desk's");
    let extend = "/v1/blocks/block-Acme/extend";
    let longer = json!({ "until": "2026-10-05T18:00:00Z", "why": "goes on" });
    for _ in 0..2 {
        let got = house.change("key desk", extend, None, None, &longer).await;
        assert_eq!(
            (got.status.as_u16(), &got.json()["until"]),
            (200, &json!("2026-10-05T18:00:00.000000Z")),
            "{}",
            got.text
        );
    }
    assert_eq!(house.world.blocks.lock().unwrap().len(), 1, "asked twice it is done once");
    let shorter = json!({ "until": "2026-10-05T16:00:00Z", "why": "enough" });
    assert_eq!(house.change("key desk", extend, None, None, &shorter).await.status, 409);
    let lift = "/v1/blocks/block-Acme/lift";
    assert_eq!(house.change("key works", lift, None, None, &json!({ "why": "x" })).await.status, 404);
    assert_eq!(house.change("key desk", lift, None, None, &json!({ "why": " " })).await.status, 400);
    for _ in 0..2 {
        let got = house.change("key desk", lift, None, None, &json!({ "why": "a school" })).await;
        assert_eq!((got.status.as_u16(), &got.json()["lifted"]), (200, &json!(true)), "{}", got.text);
    }
    assert_eq!(house.world.blocks.lock().unwrap().len(), 2);
    assert_eq!(
        house.change("key desk", "/v1/blocks/none/lift", None, None, &json!({ "why": "x" })).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn z1_lists_change_at_once_or_by_asking_whoever_has_to_agree() {
    let house = House::new().await;
    let acme = format!("/v1/lists/Acme/{LIST}");
    let seen = house.ask("ann", "GET", &acme, &[], "").await;
    assert!(seen.status == 200 && !seen.text.contains("secret-place"), "{}", seen.text);
    assert_eq!(house.ask("ann", "GET", "/v1/lists/Acme/none", &[], "").await.status, 404);
    let entries = format!("{acme}/entries");
    let page = house.ask("ann", "GET", &format!("{entries}?count=1"), &[], "").await.json();
    assert_eq!((&page["items"][0]["entry"], &page["next"]), (&json!("+12105550142"), &json!("1")));
    let new = json!({ "entry": "+12105550199", "until": "2026-12-24", "reason": "harassing" });
    let done = house.change("key desk", &entries, None, Some("a"), &new).await;
    assert_eq!((done.status.as_u16(), &done.json()["done"]), (200, &json!(true)), "{}", done.text);
    assert!(house.ask("key desk", "GET", &entries, &[], "").await.text.contains("+12105550199"));
    let gone = json!({ "entry": "+12105550142" });
    assert_eq!(house.change("key desk", &format!("{entries}/remove"), None, None, &gone).await.status, 200);
    assert!(!house.ask("key desk", "GET", &entries, &[], "").await.text.contains("+12105550142"));
    let wrong = json!({ "entry": "+12105550199", "until": "tomorrow" });
    assert_eq!(house.change("key desk", &entries, None, None, &wrong).await.status, 400);

    let bay = format!("/v1/lists/Bay/{LIST}/entries");
    let refused = house.change("key desk", &bay, None, Some("b"), &new).await;
    assert!(refused.status == 409 && refused.text.contains("ask"), "{}", refused.text);
    // What was refused may be tried again under its name; what was asked for once is asked for once.
    assert_eq!(house.change("key desk", &bay, None, Some("b"), &new).await.status, 409);
    let before = house.world.changes.lock().unwrap().len();
    let ask = json!({ "entry": "+12105550199", "reason": "harassing", "ask": true });
    let send = || house.change("key desk", &bay, None, Some("c"), &ask);
    let (one, two, three) = tokio::join!(send(), send(), send());
    let statuses: BTreeSet<_> = [&one, &two, &three].iter().map(|it| it.status.as_u16()).collect();
    assert!(statuses.contains(&202) && statuses.is_subset(&BTreeSet::from([202, 409])), "{statuses:?}");
    let later = send().await;
    assert_eq!((later.status.as_u16(), later.header("location")), (202, "/v1/cases/RW-100009-9"));
    assert_eq!(house.world.changes.lock().unwrap().len(), before + 1);
    assert_eq!(house.change("key desk", &bay, None, Some("c"), &new).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_a_policy_is_read_checked_and_put_in_force_on_what_was_seen() {
    let house = House::new().await;
    let place = "/v1/policies/Acme";
    assert_eq!(house.ask("ann", "GET", place, &[], "").await.status, 404, "its text is the desk's");
    let read = house.ask("key desk", "GET", place, &[], "").await;
    assert_eq!((read.status.as_u16(), read.header("etag")), (200, "\"v0\""), "{}", read.text);
    let versions = house.ask("first-level", "GET", &format!("{place}/versions"), &[], "").await.json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 2);
    let one = house.ask("key desk", "GET", &format!("{place}/versions/1"), &[], "").await.json();
    assert_eq!(one["difference"], json!(["-old"]));
    for none in ["/v1/policies/Acme/versions/9", "/v1/policies/Acme/versions/x", "/v1/policies/Nobody"] {
        assert_eq!(house.ask("key desk", "GET", none, &[], "").await.status, 404, "{none}");
    }
    let checked =
        house.change("key desk", &format!("{place}/check"), None, None, &json!({ "text": "x" })).await;
    assert_eq!((&checked.json()["expects"], &checked.json()["failed"]), (&json!(3), &json!(1)));
    let new = json!({ "text": "mode = \"enforce\"", "why": "less noise" }).to_string();
    assert_eq!(house.send("key desk", "PUT", place, (None, None), &new).await.status, 428);
    let put = |tag: &'static str, name: Option<&'static str>| {
        let (house, new) = (&house, new.clone());
        async move { house.send("key desk", "PUT", place, (Some(tag), name), &new).await }
    };
    assert_eq!(put("\"v7\"", None).await.status, 412);
    let done = put("\"v0\"", Some("p")).await;
    assert_eq!((done.status.as_u16(), done.header("etag")), (200, "\"v1\""), "{}", done.text);
    let again = put("\"v0\"", Some("p")).await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (200, "\"v1\""), "{}", again.text);
    assert_eq!(put("\"v0\"", None).await.status, 412);
    let ask = json!({ "text": "x", "why": "less noise", "ask": true }).to_string();
    let asked = house.send("key desk", "PUT", place, (Some("\"v1\""), None), &ask).await;
    assert_eq!(
        (asked.status.as_u16(), asked.header("location")),
        (202, "/v1/cases/RW-100009-9"),
        "{}",
        asked.text
    );
    {
        let installs = house.world.installs.lock().unwrap();
        let seen: Vec<_> = installs.iter().map(|it| (it.base.as_str(), it.is_proposal)).collect();
        assert_eq!(seen, [("v0", false), ("v1", true)]);
    }
    let back = json!({ "why": "too much", "to": 1 });
    let back = house.change("key desk", &format!("{place}/rollback"), Some("\"v1\""), None, &back).await;
    assert_eq!(back.status, 200, "{}", back.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_leads_to_the_call_that_it_is_about() {
    let house = House::new().await;
    let page = house.ask("first-level", "GET", "/alerts?within=30d", &[], "").await;
    let mut case = String::new();
    for number in page.text.split("href=\"/case/").skip(1) {
        let number = number.split('"').next().unwrap();
        case += &house.ask("first-level", "GET", &format!("/case/{number}"), &[], "").await.text;
    }
    for (text, what) in [(&page.text, "the page of alerts"), (&case, "pages of cases")] {
        let links =
            text.split("href=\"").filter_map(|it| it.split('"').next()).filter(|it| it.contains("/named?"));
        let links: BTreeSet<_> = links.map(|it| it.replace("&#38;", "&").replace("&amp;", "&")).collect();
        assert_eq!(links.len(), 2, "{what}: {links:?}");
        for link in links {
            let got = house.ask("first-level", "GET", &link, &[], "").await;
            let expected = match link.starts_with("/calls/Acme/") {
                true => "/calls/Acme/1791212400000000-0a1b2c3d",
                // It is not on record: the calls of the customer are.
                false => "/calls?customer=Bay",
            };
            assert_eq!((got.status.as_u16(), got.header("location")), (303, expected), "{what}: {link}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_below_v1_is_said_as_a_problem() {
    let house = House::new().await;
    for (who, method, path, status) in [
        ("nobody", "GET", "/v1/none", 404),
        ("key desk", "GET", "/v1", 404),
        ("key desk", "GET", "/v1/cases/", 404),
        ("key desk", "PATCH", "/v1/cases", 405),
        ("key desk", "DELETE", "/v1/cases", 405),
        ("key desk", "GET", "/v1/decide", 405),
        ("key desk", "GET", "/v1/cases/%ff", 400),
    ] {
        let got = house.ask(who, method, path, &[], "").await;
        let told = (got.status.as_u16(), got.header("content-type"));
        assert_eq!(told, (status, "application/problem+json"), "{method} {path}: {}", got.text);
        assert_eq!(got.json()["status"], status, "{}", got.text);
        assert_eq!(got.header("allow").is_empty(), status != 405, "{method} {path}");
    }
    // Pages of people stay pages.
    assert_ne!(
        house.ask("admin", "GET", "/none", &[], "").await.header("content-type"),
        "application/problem+json"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_of_two_that_have_seen_the_same_one_is_first() {
    let house = House::new().await;
    let silence = json!({ "reason": "works on it", "match": { "customer": ["Acme"] }, "until": "2026-10-05T18:00:00Z" });
    let made = house.change("analyst", "/v1/silences", None, None, &silence).await;
    let account = house.ask("admin", "GET", "/v1/accounts/first-level", &[], "").await;
    let key = house.ask("admin", "GET", "/v1/keys/K-works", &[], "").await;
    let cases = [
        ("POST", format!("{}/end", made.header("location")), made.header("etag").to_owned()),
        ("POST", "/v1/accounts/first-level/close".to_owned(), account.header("etag").to_owned()),
        ("DELETE", "/v1/keys/K-works".to_owned(), key.header("etag").to_owned()),
    ];
    for (method, place, tag) in &cases {
        let send = || house.send("admin", method, place, (Some(tag), None), "{}");
        let (one, two, three) = tokio::join!(send(), send(), send());
        let well = [&one, &two, &three].iter().filter(|it| it.status.is_success()).count();
        assert_eq!(well, 1, "{method} {place}: {} {} {}", one.status, two.status, three.status);
    }
}
