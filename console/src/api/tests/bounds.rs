//! What one who asks may take or see, and no more: streams of one viewer and one customer, keys of whoever left, reports of
//! whoever may not read them, cases that strangers wrote in a customer's name.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use cases::account::{ApiKey, hash_of};
use cases::case::Kind;
use cases::flow::State;
use cases::intake::Role;
use cases::io::store::Done;
use cases::{Registration, Service as Promises};
use serde_json::json;
use tower::ServiceExt as _;

use super::{House, NOW};

/// A stream of events, which is open until it is let go.
async fn stream(house: &House, key: &str) -> Response {
    let request = Request::get("/v1/events").header("authorization", format!("Bearer {key}"));
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((house.peer, 40_000))));
    house.router.clone().oneshot(request).await.unwrap()
}

async fn streams(house: &House, key: &str, count: usize) -> Vec<Response> {
    let mut open = Vec::new();
    for at in 0..count {
        let response = stream(house, key).await;
        assert_eq!(response.status(), 200, "{at} of {key}");
        open.push(response);
    }
    open
}

/// A key of Acme by `maker`.
async fn add_key(house: &House, secret: &str, maker: &str) {
    let promises = Promises::sample();
    let key = ApiKey {
        id: format!("K-{secret}"),
        purpose: "tests".to_owned(),
        hash: hash_of(secret),
        customer: Some("Acme".to_owned()),
        may_work: false,
        made_by: maker.to_owned(),
        expires: NOW.plus_micros(3_600_000_000),
        used: Some(NOW),
    };
    house.store.desk().add_key(&key, Done { who: maker, now: NOW, service: &promises }).await.unwrap();
}

/// Has two people agree on another registration of Acme.
async fn register(house: &House, change: impl FnOnce(&mut Registration)) {
    let promises = Promises::sample();
    let done = Done { who: "test", now: NOW, service: &promises };
    let desk = house.store.desk();
    let mut registration = desk.registration("Acme").await.unwrap();
    change(&mut registration);
    let draft = desk.draft_registration(registration, done).await.unwrap();
    desk.confirm_registration(&draft.hash, Done { who: "other", ..done }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_one_viewer_takes_no_stream_from_others_and_neither_does_one_customer() {
    let house = House::new().await;
    let mut reads = streams(&house, "reads", 200).await;
    let refused = stream(&house, "reads").await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "10"));
    let _works = streams(&house, "works", 200).await;
    add_key(&house, "third", "test").await;
    assert_eq!(stream(&house, "third").await.status(), 429, "of one customer, whoever asks");
    assert_eq!(stream(&house, "desk").await.status(), 200, "others have theirs");
    reads.pop();
    assert_eq!(stream(&house, "third").await.status(), 200, "a place that was let go is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn n7_a_key_ends_with_the_contact_who_made_it() {
    let house = House::new().await;
    add_key(&house, "anns", "ann").await;
    let path = format!("/v1/cases/{}", house.acme);
    let ask = async |key: &str| house.ask(&format!("key {key}"), "GET", &path, &[], "").await;
    assert_eq!(ask("anns").await.status, 200);
    register(&house, |registration| registration.people.retain(|person| person.name != "Ann")).await;
    let refused = ask("anns").await;
    assert!(refused.status == 401 && refused.text.contains("no contact any more"), "{}", refused.text);
    assert_eq!(ask("reads").await.status, 200, "a key that the desk made stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_no_key_reads_a_report_that_its_maker_may_not() {
    let house = House::new().await;
    register(&house, |registration| {
        let rob = registration.people.iter_mut().find(|person| person.name == "Rob").unwrap();
        rob.roles.insert(Role::ReportRecipient);
    })
    .await;
    add_key(&house, "anns", "ann").await;
    add_key(&house, "robs", "rob").await;
    let schedule = json!({
        "customer": "Acme", "report": "weekly-operations", "format": "html", "when": "weekly mon 07:00",
        "recipients": ["rob@acme.example.com"],
    });
    let made = house.change("key desk", "/v1/schedules", None, None, &schedule).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/schedules/{id}/runs/2026-10-05T12:00:00Z/files/report.html");
    let refused = house.ask("key anns", "GET", &path, &[], "").await;
    assert!(refused.status == 403 && refused.text.contains("Ann "), "{}", refused.text);
    let none = house.ask("key robs", "GET", &path, &[], "").await;
    assert_eq!(none.status, 404, "he may, and there is none: {}", none.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn t4_what_strangers_wrote_in_a_customers_name_is_the_desks_alone() {
    let house = House::new().await;
    let promises = Promises::sample();
    let done = Done { who: "stranger@example.com", now: NOW, service: &promises };
    let mut hidden = Vec::new();
    for state in [State::Unverified, State::Quarantine] {
        let case = house.store.desk().open("Acme", Kind::Block, state, "y", done).await.unwrap();
        hidden.push(case.number.to_string());
    }
    let list = async |who: &str| {
        let answer = house.ask(who, "GET", "/v1/cases?count=50", &[], "").await.json();
        let items = answer["items"].as_array().unwrap().clone();
        items.iter().map(|case| case["number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (theirs, desks) = (list("key reads").await, list("key desk").await);
    assert!(theirs.contains(&house.acme), "{theirs:?}");
    for number in &hidden {
        assert!(!theirs.contains(number) && desks.contains(number), "{number}: {theirs:?} {desks:?}");
        let path = format!("/v1/cases/{number}");
        assert_eq!(house.ask("key reads", "GET", &path, &[], "").await.status, 404, "{number}");
        assert_eq!(house.ask("key desk", "GET", &path, &[], "").await.status, 200, "{number}");
    }
}
