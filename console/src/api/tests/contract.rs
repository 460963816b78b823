//! What programs rely on: versions, repeats, pages, limits, problems, and a description that is true.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::House;
use crate::Rates;
use crate::openapi::description;
use crate::routes::all;

#[test]
fn o1_the_description_is_the_one_that_was_reviewed_and_has_every_way_in() {
    let described = serde_json::to_value(description()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("RINGWALL_WRITE").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&described).unwrap() + "\n").unwrap();
    }
    let reviewed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(described == reviewed, "RINGWALL_WRITE=1 writes docs/openapi.json anew");
    let paths = described["paths"].as_object().unwrap();
    let told: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let ways = all();
    let ways = ways.iter().filter(|it| it.path.starts_with("/v1/") && it.path != "/v1/openapi.json");
    let ways: BTreeSet<_> = ways.map(|it| (it.method.to_owned(), it.path.to_owned())).collect();
    assert_eq!(told, ways);
    assert_eq!(described["openapi"], "3.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_a_change_says_what_it_has_seen() {
    let house = House::new().await;
    let place = format!("/v1/cases/{}", house.acme);
    let read = house.ask("key desk", "GET", &place, &[], "").await;
    assert_eq!((read.status.as_u16(), read.header("etag")), (200, "\"1\""), "{}", read.text);
    let (steps, notes) = (format!("{place}/steps"), format!("{place}/notes"));
    let take = json!({ "step": "take" });
    let blind = house.change("key desk", &steps, None, None, &take).await;
    assert_eq!((blind.status.as_u16(), blind.json()["status"].as_u64()), (428, Some(428)));
    assert_eq!(blind.header("content-type"), "application/problem+json");
    assert_eq!(house.change("key desk", &steps, Some("*"), None, &take).await.status, 428);
    let taken = house.change("key desk", &steps, Some("\"1\""), None, &take).await;
    assert_eq!((taken.status.as_u16(), taken.header("etag")), (200, "\"2\""), "{}", taken.text);
    assert_eq!(taken.json()["state"], "acknowledged");
    let late = house.change("key desk", &notes, Some("\"1\""), None, &json!({ "text": "late" })).await;
    assert_eq!(late.status, 412, "{}", late.text);
    let wrong = house.change("key desk", &steps, Some("\"2\""), None, &json!({ "step": "prove" })).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    let noted = house.change("key desk", &notes, Some("\"2\""), None, &json!({ "text": "seen" })).await;
    assert_eq!(noted.status, 200);
    // X-3: the customer is told of neither the note nor who works on it.
    let history = house.ask("key works", "GET", &format!("{place}/history"), &[], "").await;
    assert!(history.status == 200 && !history.text.contains("seen"), "{}", history.text);
    let theirs = house.ask("ann", "GET", &place, &[], "").await.json();
    assert_eq!((&theirs["owner"], &theirs["steps"]), (&Value::Null, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_what_is_asked_twice_is_one_case() {
    let house = House::new().await;
    let new = json!({ "kind": "block", "title": "block +12105550143" });
    let ask = || house.change("key works", "/v1/cases", None, Some("k1"), &new);
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    for answer in [&one, &two, &three] {
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.json()["number"], one.json()["number"]);
        assert_eq!(answer.json()["customer"], "Acme");
    }
    let other = json!({ "kind": "block", "title": "block another" });
    assert_eq!(house.change("key works", "/v1/cases", None, Some("k1"), &other).await.status, 422);
    let again = house
        .change(
            "key desk",
            "/v1/cases",
            None,
            Some("k1"),
            &json!({
                "customer": "Acme", "kind": "block", "title": "of another key",
            }),
        )
        .await;
    assert_ne!(again.json()["number"], one.json()["number"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_many_cases_change_each_by_itself() {
    let house = House::new().await;
    let item = |number: &str, version: u64| json!({ "number": number, "version": version });
    let cases = [item(&house.acme, 1), item(&house.bay, 7), item("RW-1", 1)];
    let asked = json!({ "cases": cases, "step": { "step": "take" } });
    let got = house.change("analyst", "/v1/cases/bulk", None, None, &asked).await;
    let results = got.json()["results"].clone();
    let statuses: Vec<_> = results.as_array().unwrap().iter().map(|it| it["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(200), Some(412), Some(404)], "{results}");
    assert_eq!(results[0]["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_lists_come_in_pages_that_leave_nothing_out() {
    let house = House::new().await;
    for index in 0..7 {
        let new = json!({ "customer": "Acme", "kind": "block", "title": format!("case {index}") });
        assert_eq!(house.change("key desk", "/v1/cases", None, None, &new).await.status, 201);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = house.ask("key desk", "GET", &format!("/v1/cases?count=3{after}"), &[], "").await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["number"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 11);
    assert_eq!(seen.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 11);
    let wrong = ["count=0", "count=201", "after=x", "colour=red", "kind=none"];
    for query in wrong {
        let got = house.ask("key desk", "GET", &format!("/v1/cases?{query}"), &[], "").await;
        assert_eq!(got.status, 400, "{query}: {}", got.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x5_a_key_is_told_once_and_opens_nothing_once_it_is_gone() {
    let house = House::new().await;
    let new = json!({ "purpose": "billing", "customer": "Acme", "expires": "2026-12-01T00:00:00Z" });
    let made = house.change("admin", "/v1/keys", None, Some("k"), &new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let secret = format!("key {}", made.json()["secret"].as_str().unwrap());
    let again = house.change("admin", "/v1/keys", None, Some("k"), &new).await;
    assert_eq!((&again.json()["id"], &again.json()["secret"]), (&made.json()["id"], &Value::Null));
    let cases = house.ask(&secret, "GET", "/v1/cases", &[], "").await;
    assert!(cases.status == 200 && cases.text.contains(&house.acme) && !cases.text.contains(&house.bay));
    let place = made.header("location").to_owned();
    assert_eq!(house.ask("admin", "GET", &place, &[], "").await.header("etag"), made.header("etag"));
    let token = crate::access::csrf("admin");
    let drop = |tag: String| {
        let (house, place, token) = (&house, place.clone(), token.clone());
        async move {
            house.ask("admin", "DELETE", &place, &[("x-csrf-token", &token), ("if-match", &tag)], "").await
        }
    };
    assert_eq!(drop("\"other\"".to_owned()).await.status, 412);
    assert_eq!(drop(made.header("etag").to_owned()).await.status, 204);
    assert_eq!(house.ask(&secret, "GET", "/v1/cases", &[], "").await.status, 401);
    let long = json!({ "purpose": "for ever", "expires": "2028-01-01T00:00:00Z" });
    assert_eq!(house.change("admin", "/v1/keys", None, None, &long).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_the_audit_is_read_verified_and_says_who_read_it() {
    let house = House::new().await;
    let whole = house.ask("auditor", "GET", "/v1/audit/verified?chain=Acme", &[], "").await.json();
    assert_eq!(whole["whole"], true, "{whole}");
    let page = house.ask("auditor", "GET", "/v1/audit?chain=Acme&count=2", &[], "").await;
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 2, "{}", page.text);
    let last = house.store.audit("Acme", 0, 1_000).await.unwrap().pop().unwrap();
    assert_eq!((last.actor.as_str(), last.action.as_str()), ("auditor", "read-audit"));
    assert_eq!(house.ask("auditor", "GET", "/v1/audit?chain=Nobody", &[], "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_too_often_waits() {
    let house = House::with(Rates { requests_per_second: 2, log_ins_per_minute: 3 }, false).await;
    for _ in 0..8 {
        assert_eq!(house.ask("key desk", "GET", "/v1/cases", &[], "").await.status, 200);
    }
    let late = house.ask("key desk", "GET", "/v1/cases", &[], "").await;
    assert_eq!((late.status.as_u16(), late.header("retry-after")), (429, "1"), "{}", late.text);
    assert_eq!(house.ask("key reads", "GET", "/v1/cases", &[], "").await.status, 200);
    for _ in 0..3 {
        assert_eq!(house.ask("nobody", "GET", "/login", &[], "").await.status, 200);
    }
    assert_eq!(house.ask("nobody", "GET", "/login", &[], "").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_behind_a_trusted_proxy_has_a_limit_of_their_own() {
    let mut house = House::with(Rates { requests_per_second: 0, log_ins_per_minute: 3 }, false).await;
    // From anywhere else the header is what a stranger makes up: another address a request opens no other door.
    for index in 0..4 {
        let made_up = format!("198.51.100.{index}");
        let got = house.ask("nobody", "GET", "/login", &[("x-forwarded-for", &made_up)], "").await;
        assert_eq!(got.status, if index < 3 { 200 } else { 429 }, "{index}");
    }
    house.peer = [192, 0, 2, 1].into();
    let from = |line: &'static str| {
        let house = &house;
        async move { house.ask("nobody", "GET", "/login", &[("x-forwarded-for", line)], "").await.status.as_u16() }
    };
    for _ in 0..3 {
        assert_eq!(from("198.51.100.7").await, 200);
    }
    assert_eq!(from("198.51.100.7").await, 429);
    assert_eq!(from("198.51.100.99, 198.51.100.7").await, 429, "what stands before is theirs to make up");
    assert_eq!(from("198.51.100.8").await, 200, "somebody else at the same proxy");
    let new = [("forwarded", "for=198.51.100.7;proto=https")];
    assert_eq!(house.ask("nobody", "GET", "/login", &new, "").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded_and_say_what_is_wrong_with_them() {
    let house = House::new().await;
    let json = ("content-type", "application/json");
    let ask = async |headers: &[(&str, &str)], body: &str| {
        house.ask("key works", "POST", "/v1/cases", headers, body).await.status.as_u16()
    };
    assert_eq!(ask(&[], "{}").await, 415);
    assert_eq!(ask(&[json], "{").await, 400);
    assert_eq!(ask(&[json], r#"{"kind":"alert","title":"x"}"#).await, 400);
    assert_eq!(ask(&[json], r#"{"kind":"block","title":"x","colour":1}"#).await, 400);
    assert_eq!(ask(&[json], r#"{"kind":"block","title":"a\u0000b"}"#).await, 400);
    assert_eq!(ask(&[json], &format!(r#"{{"kind":"block","title":"{}"}}"#, "x".repeat(501))).await, 400);
    assert_eq!(ask(&[json], &" ".repeat(300 << 10)).await, 413);
    assert_eq!(ask(&[json, ("idempotency-key", "")], r#"{"kind":"block","title":"x"}"#).await, 400);
}
