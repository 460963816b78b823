//! Providers that lie, that were taken over, or that do not answer: nobody gets in, nothing hangs, and it is said why.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::{Odd, Signs, Stage, Told};
use super::{House, now, settings};

/// Nobody gets in by a provider that was told this, and the page says `words`.
async fn check(told: Told, words: &str) {
    let stage = Stage::open().await;
    let house = House::new(settings(&stage.issuer)).await;
    *stage.told.lock().unwrap() = told.clone();
    let answer = house.log_in(&stage).await;
    assert!(answer.session().is_none(), "{told:?} let somebody in");
    assert!(answer.text.contains(words), "{told:?} is told as {}", answer.text);
}

#[tokio::test]
async fn a_token_that_is_not_for_this_log_in_lets_nobody_in() {
    let seconds = now().0 / 1_000_000;
    for (claims, words) in [
        (json!({ "iss": "https://id.example.com" }), "another issuer made it"),
        (json!({ "iss": null }), "another issuer made it"),
        (json!({ "aud": "another" }), "it is for somebody else"),
        (json!({ "aud": [] }), "it is for somebody else"),
        (json!({ "aud": ["ringwall", "another"] }), "made for another party"),
        (json!({ "aud": ["ringwall", "another"], "azp": "another" }), "made for another party"),
        (json!({ "azp": "another" }), "made for another party"),
        (json!({ "nonce": "of-another-log-in" }), "answers another log-in"),
        (json!({ "nonce": null }), "answers another log-in"),
        (json!({ "exp": seconds - 61 }), "its time is over"),
        (json!({ "exp": null }), "its time is over"),
        (json!({ "exp": "never" }), "its time is over"),
        (json!({ "iat": seconds - 700 }), "not made just now"),
        (json!({ "iat": seconds + 120 }), "not made just now"),
        (json!({ "nbf": seconds + 120 }), "its time has not come"),
        (json!({ "sub": "" }), "about nobody"),
    ] {
        check(Told { claims, ..Told::default() }, words).await;
    }
}

#[tokio::test]
async fn a_token_that_the_provider_has_not_signed_lets_nobody_in() {
    let header = |header: Value, signs| Told { header, signs, ..Told::default() };
    for (told, words) in [
        (header(json!({ "alg": "none" }), Signs::Not), "neither RS256 nor ES256"),
        (header(json!({ "alg": "None" }), Signs::Not), "neither RS256 nor ES256"),
        (header(json!({ "alg": null }), Signs::Well), "neither RS256 nor ES256"),
        (header(json!({ "alg": "HS256" }), Signs::WithPublicKey), "neither RS256 nor ES256"),
        (header(json!({}), Signs::Not), "signature is not the provider"),
        (header(json!({}), Signs::WithPublicKey), "signature is not the provider"),
        (header(json!({}), Signs::SomethingElse), "signature is not the provider"),
        (header(json!({}), Signs::By("foreign")), "signature is not the provider"),
        // Without a name all of the provider's keys are tried, and no other.
        (header(json!({ "kid": null }), Signs::By("foreign")), "signature is not the provider"),
        (header(json!({ "kid": "foreign" }), Signs::By("foreign")), "key that it does not publish"),
        // A key that comes along with the token is nobody's.
        (
            header(json!({ "kid": "own", "jwk": { "kty": "EC" } }), Signs::By("foreign")),
            "key that it does not publish",
        ),
        (header(json!({ "alg": "RS256" }), Signs::Well), "key that it does not publish"),
        (header(json!({ "crit": ["exp"] }), Signs::Well), "wants something understood"),
        (header(json!({ "x": "y".repeat(20_000) }), Signs::Well), "it is too long"),
    ] {
        check(told, words).await;
    }
}

#[tokio::test]
async fn a_provider_that_is_another_or_wants_secrets_sent_in_the_open_is_not_gone_to() {
    for (of_itself, words) in [
        (json!({ "issuer": "https://id.example.com" }), "it calls itself"),
        (json!({ "issuer": null }), "not what OpenID Connect wants"),
        (json!({ "token_endpoint": "http://id.example.com/token" }), "which is not https"),
        (json!({ "jwks_uri": "file:///etc/passwd" }), "which is not https"),
        (json!({ "authorization_endpoint": "javascript:alert(1)" }), "which is not https"),
        (json!({ "authorization_endpoint": "https://a\r\nset-cookie: x" }), "which is not https"),
    ] {
        let stage = Stage::open().await;
        let house = House::new(settings(&stage.issuer)).await;
        stage.told.lock().unwrap().of_itself = of_itself.clone();
        let answer = house.get("/login/openid", "").await;
        assert!(answer.place.is_empty() && answer.text.contains(words), "{of_itself}: {}", answer.text);
    }
}

#[tokio::test]
async fn answers_of_another_issuer_and_refusals_let_nobody_in() {
    let stage = Stage::open().await;
    let house = House::new(settings(&stage.issuer)).await;
    let answer = async |more: &str| {
        let (place, browser) = house.begin().await;
        house.get(&format!("{}{more}", stage.authorise(&place)), &browser).await
    };
    let mixed_up = answer("&iss=https%3A%2F%2Fid.example.com").await;
    assert!(mixed_up.session().is_none() && mixed_up.text.contains("another issuer"), "{}", mixed_up.text);
    let refused = answer("&error=access_denied%3Cb%3E").await;
    assert!(refused.session().is_none() && refused.text.contains("access_denied&lt;b"), "{}", refused.text);
    assert!(answer(&format!("&iss={}", crate::text::url_part(&stage.issuer))).await.session().is_some());
    // One that says that it says so, and does not.
    let silent = Stage::open().await;
    silent.told.lock().unwrap().of_itself = json!({ "authorization_response_iss_parameter_supported": true });
    let house = House::new(settings(&silent.issuer)).await;
    let answer = house.log_in(&silent).await;
    assert!(answer.session().is_none() && answer.text.contains("another issuer"), "{}", answer.text);
}

#[tokio::test]
async fn whoever_makes_up_names_of_keys_has_none_fetched_for_them() {
    let stage = Stage::open().await;
    let house = House::new(settings(&stage.issuer)).await;
    *stage.told.lock().unwrap() =
        Told { signs: Signs::By("two"), publishes: Some(vec!["one", "two"]), ..Told::default() };
    assert!(house.log_in(&stage).await.session().is_some());
    // Its keys were fetched within this minute, and are not again.
    *stage.told.lock().unwrap() = Told {
        header: json!({ "kid": "made up" }),
        answers: [("keys", Odd::Slow)].into(),
        ..Told::default()
    };
    let answer = house.log_in(&stage).await;
    assert!(answer.text.contains("key that it does not publish"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::disallowed_methods, reason = "how long somebody waits is what is asked")]
async fn a_provider_that_is_slow_or_huge_or_leads_elsewhere_holds_nobody_up() {
    let odd = [
        (Odd::Slow, "timeout"),
        (Odd::Drips, "timeout"),
        (Odd::Huge, "larger than 256 KiB"),
        (Odd::Redirects, "its answer is 307"),
        (Odd::Noise, ""),
        (Odd::Fails, "its answer is 500"),
    ];
    let mut all = Vec::new();
    for (odd, words) in odd {
        for path in ["of itself", "keys", "token"] {
            all.push(tokio::spawn(async move {
                let stage = Stage::open().await;
                let house = House::new(settings(&stage.issuer)).await;
                stage.told.lock().unwrap().answers = [(path, odd)].into();
                let begin = Instant::now();
                let answer = match path {
                    "of itself" => house.get("/login/openid", "").await,
                    _ => house.log_in(&stage).await,
                };
                assert!(begin.elapsed() < Duration::from_secs(9), "{odd:?} {path}: {:?}", begin.elapsed());
                assert!(
                    answer.session().is_none() && answer.text.contains(words),
                    "{odd:?} {path}: {}",
                    answer.text
                );
                assert!(answer.text.contains("Example did not tell who you are"), "{}", answer.text);
                // A password still opens: the page asks for one.
                assert!(answer.text.contains("name=\"password\""));
            }));
        }
    }
    for one in all {
        one.await.unwrap();
    }
}
