//! Z-6: what a customer agreed to beforehand, told, changed by two people and used.

use cases::io::store::Done;
use serde_json::json;

use super::{House, NOW};

#[tokio::test(flavor = "multi_thread")]
async fn z6_what_is_agreed_beforehand_is_drafted_by_one_and_confirmed_by_another() {
    let house = House::new().await;
    let registration = house.ask("admin", "GET", "/v1/customers/Acme/registration", &[], "").await;
    let now = registration.json();
    let people: Vec<_> = now["people"].as_array().unwrap().iter().map(|it| {
        json!({ "name": it["name"], "addresses": it["addresses"], "phones": it["phones"], "roles": it["roles"] })
    }).collect();
    let body = |standing: serde_json::Value| {
        json!({ "domains": now["domains"], "forwarders": now["forwarders"], "report_domains": now["report_domains"],
            "report_attachments": false, "languages": now["languages"], "people": people, "standing": standing })
    };
    let small = json!({ "name": "small", "lists": ["harassment"], "entries_max": 5, "days_max": 90,
        "expires": "2027-01-01T00:00:00Z" });
    let place = "/v1/customers/Acme/registration/drafts";
    let tag = registration.header("etag").to_owned();
    for (field, wrong) in
        [("entries_max", json!(0)), ("days_max", json!(10_000)), ("lists", json!([])), ("name", json!(" "))]
    {
        let mut bad = small.clone();
        bad[field] = wrong;
        let got = house.change("admin", place, Some(&tag), None, &body(json!([bad]))).await;
        assert_eq!(got.status, 400, "{field}: {}", got.text);
    }
    let twice = house.change("admin", place, Some(&tag), None, &body(json!([small, small]))).await;
    assert_eq!(twice.status, 409, "{}", twice.text);
    let draft = house.change("admin", place, Some(&tag), None, &body(json!([small]))).await;
    assert_eq!(draft.status, 201, "{}", draft.text);
    // Who confirms it reads what it covers.
    let differences = draft.json()["differences"].to_string();
    assert!(differences.contains("up to 5 entries at once on harassment, for 90 days"), "{differences}");
    let list = "/v1/customers/Acme/standing";
    let before = house.ask("rob", "GET", list, &[], "").await;
    assert_eq!(before.json()["items"], json!([]), "a draft covers nothing");
    let promises = cases::Service::sample();
    let done = Done { who: "ben", now: NOW, service: &promises };
    let hash = draft.json()["hash"].as_str().unwrap().to_owned();
    house.store.desk().confirm_registration(&hash, done).await.unwrap();
    for who in ["admin", "rob", "key reads"] {
        let all = house.ask(who, "GET", list, &[], "").await.json();
        assert_eq!(all["items"][0]["name"], "small", "{who}: {all}");
        assert_eq!(all["items"][0]["holds"], true);
    }
    let one = house.ask("admin", "GET", &format!("{list}/small"), &[], "").await;
    assert!(one.status == 200 && !one.header("etag").is_empty(), "{}", one.text);
    assert_eq!(house.ask("admin", "GET", &format!("{list}/large"), &[], "").await.status, 404);
    // Who tells nothing of it leaves it as it is.
    let registration = house.ask("admin", "GET", "/v1/customers/Acme/registration", &[], "").await;
    let mut quiet = body(json!(null));
    quiet["domains"] = json!(["acme.example.net"]);
    let draft = house.change("admin", place, Some(registration.header("etag")), None, &quiet).await;
    assert_eq!((draft.status.as_u16(), &draft.json()["registration"]["standing"]), (201, &json!(["small"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn z6_a_program_goes_ahead_by_it_with_what_it_has_seen_only() {
    let house = House::new().await;
    let case = format!("/v1/cases/{}", house.acme);
    let tag = house.ask("key desk", "GET", &case, &[], "").await.header("etag").to_owned();
    let place = format!("{case}/proposal/standing");
    let by = json!({ "name": "small" });
    assert_eq!(house.change("key desk", &place, None, None, &by).await.status, 428);
    assert_eq!(house.change("key desk", &place, Some("\"99\""), None, &by).await.status, 412);
    assert!(house.world.asked.lock().unwrap().is_empty());
    let refused = house.change("key desk", &place, Some(&tag), None, &json!({ "name": "large" })).await;
    assert_eq!(refused.status, 409, "what does not cover it says why: {}", refused.text);
    let went = house.change("key desk", &place, Some(&tag), None, &by).await;
    assert_eq!(went.status, 200, "{}", went.text);
    assert_eq!(*house.world.asked.lock().unwrap(), [format!("{} by small", house.acme)]);
}
