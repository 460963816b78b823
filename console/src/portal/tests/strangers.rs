//! Programs that a customer lets in, and strangers who ask in its name.

use cases::case::Kind;

use super::*;

impl Desk {
    /// The status and the body that a program with this key gets.
    async fn program(&self, key: &str, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n");
        self.send(format!("{head}Authorization: Bearer {key}\r\n\r\n")).await
    }

    async fn unverified(&self, customer: &str) -> CaseNumber {
        let title = "block +13035550142";
        let (desk, done) = (self.store.desk(), self.by("ringwall"));
        desk.open(customer, Kind::Block, State::Unverified, title, done).await.unwrap().number
    }
}

#[tokio::test]
async fn x5_an_authoriser_makes_a_key_that_is_shown_once_reaches_their_own_and_ends() {
    let desk = Desk::new().await;
    let theirs = desk.asked().await.0.to_string();
    let form = "purpose=their+wallboard&days=30&may_work=yes&customer=Other";
    let plain = secret_of("Ann", "Acme", false);
    for (who, says) in [(CLEO, "Contacts and roles"), (&plain, "authenticator app")] {
        let refused = desk.post(who, "/portal/keys/add", form).await;
        assert_eq!(refused.status, 403);
        assert!(refused.body.contains(says), "{}", refused.body);
    }
    assert!(desk.store.desk().keys().await.unwrap().is_empty());
    let made = desk.post(ANN, "/portal/keys/add", form).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let secret = made.body.split("<code>").nth(1).unwrap().split('<').next().unwrap();
    let key = desk.store.desk().keys().await.unwrap().remove(0);
    // Whatever customer a form names: it is theirs.
    assert_eq!((key.customer.as_deref(), key.made_by.as_str(), key.may_work), (Some("Acme"), "Ann", true));
    let shown = desk.get(BOB, "/portal/keys").await.body;
    assert!(shown.contains(&key.id) && shown.contains("never") && !shown.contains(secret), "{shown}");
    let cases = desk.program(secret, "/v1/cases").await;
    assert!(cases.status == 200 && cases.body.contains(&theirs), "{}", cases.body);
    assert!(!desk.get(BOB, "/portal/keys").await.body.contains("never"), "when it was used last");
    // Others neither see it nor take it away.
    assert!(!desk.get(OTHER, "/portal/keys").await.body.contains(&key.id));
    let id = format!("id={}", key.id);
    assert_eq!(desk.post(OTHER, "/portal/keys/remove", &id).await.status, 404);
    assert_eq!(desk.post(&plain, "/portal/keys/remove", &id).await.status, 403);
    assert_eq!(desk.program(secret, "/v1/cases").await.status, 200);
    assert_eq!(desk.post(BOB, "/portal/keys/remove", &id).await.status, 303);
    assert_eq!(desk.program(secret, "/v1/cases").await.status, 401);
    let (entries, _) = desk.store.customer("Acme").audit(u64::MAX >> 1, 50).await.unwrap();
    let acts: Vec<_> = entries.iter().map(|entry| (entry.actor.as_str(), entry.action.as_str())).collect();
    assert!(acts.contains(&("Ann", "add-key")) && acts.contains(&("Bob", "remove-key")), "{acts:?}");
}

#[tokio::test]
async fn n2_a_requester_makes_a_strangers_request_theirs_or_disowns_it() {
    let desk = Desk::new().await;
    let (one, other) = (desk.unverified("Acme").await, desk.unverified("Acme").await);
    assert!(desk.get(ANN, "/portal").await.body.contains("2 things wait for you"));
    let page = desk.get(ANN, "/portal/unadopted").await.body;
    assert!(page.contains(&one.to_string()) && page.contains("asks for: block"), "{page}");
    assert!(!page.contains("3035550142"), "N-3: {page}");
    assert!(!desk.get(OTHER, "/portal/unadopted").await.body.contains(&one.to_string()));
    let way = |number: CaseNumber| format!("/portal/unadopted/{number}");
    assert_eq!(desk.post(OTHER, &way(one), "what=adopt").await.status, 404);
    assert_eq!(desk.post(CLEO, &way(one), "what=adopt").await.status, 403);
    assert_eq!(desk.post(&secret_of("Ann", "Acme", false), &way(one), "what=adopt").await.status, 403);
    assert_eq!(desk.post(ANN, &way(one), "what=").await.status, 400);
    assert_eq!(desk.state(one).await, State::Unverified);
    let adopted = desk.post(ANN, &way(one), "what=adopt").await;
    assert_eq!((adopted.status, adopted.location), (303, format!("/portal/request/{one}")));
    let case = desk.store.desk().case(one).await.unwrap();
    assert_eq!(case.state, State::New);
    assert!(!case.clocks.is_empty(), "the promised time for it begins");
    assert!(desk.get(ANN, &format!("/portal/request/{one}")).await.body.contains("3035550142"));
    assert_eq!(desk.post(ANN, &way(other), "what=disown").await.status, 303);
    let closed = desk.store.desk().case(other).await.unwrap();
    assert_eq!(closed.state, State::Closed);
    assert_eq!(closed.closure.unwrap().by, "Ann");
    for what in ["what=disown", "what=adopt"] {
        assert_eq!(desk.post(BOB, &way(other), what).await.status, 409, "{what}");
    }
}
