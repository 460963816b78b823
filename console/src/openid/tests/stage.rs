//! A provider that does what it is told, also what none should.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// It, and what it is told to do.
pub(super) struct Stage {
    pub(super) issuer: String,
    pub(super) told: Mutex<Told>,
    /// What each code was given for: nonce and challenge.
    codes: Mutex<HashMap<String, (String, String)>>,
    keys: Mutex<HashMap<&'static str, Arc<EcdsaKeyPair>>>,
}

/// What it does otherwise than it should; each of these lets nobody in.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Instead of what it should answer at this path.
    pub(super) answers: HashMap<&'static str, Odd>,
    /// Over what a good token says of anna; `null` leaves out.
    pub(super) claims: Value,
    /// Over what a good token's header says.
    pub(super) header: Value,
    pub(super) signs: Signs,
    pub(super) takes_codes_twice: bool,
    /// The names of the keys that it publishes; `one` unless told.
    pub(super) publishes: Option<Vec<&'static str>>,
    /// Over what it says of itself.
    pub(super) of_itself: Value,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Odd {
    /// Nothing for ten seconds.
    Slow,
    /// A byte a second.
    Drips,
    /// More than anybody wants.
    Huge,
    /// Somewhere else, where all would be well.
    Redirects,
    /// No JSON.
    Noise,
    Fails,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Signs {
    /// By its key of this name.
    #[default]
    Well,
    By(&'static str),
    /// Not at all (RFC 7515 §A.5).
    Not,
    /// By a secret made of its public key.
    WithPublicKey,
    /// Something else than what is sent.
    SomethingElse,
}

impl Stage {
    pub(super) async fn open() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let keys = ["one", "two", "foreign"].map(|name| (name, Arc::new(key())));
        let stage = Arc::new(Self {
            issuer,
            told: Mutex::default(),
            codes: Mutex::default(),
            keys: Mutex::new(keys.into()),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(of_itself))
            .route("/elsewhere", get(of_itself))
            .route("/keys", get(keys_of))
            .route("/token", post(token))
            .with_state(Arc::clone(&stage));
        tokio::spawn(async { axum::serve(listener, router).await });
        stage
    }

    /// Says yes to a log-in: where it sends the browser back to.
    pub(super) fn authorise(&self, place: &str) -> String {
        assert!(place.starts_with(&format!("{}/authorize?", self.issuer)), "{place}");
        let mut codes = self.codes.lock().unwrap();
        let code = format!("code-{}", codes.len());
        codes.insert(code.clone(), (field(place, "nonce"), field(place, "code_challenge")));
        format!("/login/openid/back?code={code}&state={}", field(place, "state"))
    }

    fn sign(&self, claims: &Value) -> String {
        let told = self.told.lock().unwrap().clone();
        let id = if let Signs::By(name) = told.signs { name } else { "one" };
        let key = Arc::clone(&self.keys.lock().unwrap()[id]);
        let mut header = json!({ "alg": "ES256", "kid": if id == "foreign" { "one" } else { id } });
        over(&mut header, &told.header);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let by_key =
            |message: &str| key.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec();
        let signature = match told.signs {
            Signs::Well | Signs::By(_) => by_key(&message),
            Signs::Not => Vec::new(),
            Signs::WithPublicKey => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_key().as_ref());
                hmac::sign(&secret, message.as_bytes()).as_ref().to_vec()
            }
            Signs::SomethingElse => by_key("something.else"),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    async fn odd(&self, path: &str) -> Option<Response> {
        let odd = self.told.lock().unwrap().answers.get(path).copied()?;
        Some(match odd {
            Odd::Slow => {
                tokio::time::sleep(Duration::from_secs(10)).await;
                StatusCode::OK.into_response()
            }
            Odd::Drips => {
                let drops = futures_util::stream::unfold((), |()| async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Some((Ok::<_, std::io::Error>(" "), ()))
                });
                axum::body::Body::from_stream(drops).into_response()
            }
            Odd::Huge => vec![b' '; 8 << 20].into_response(),
            Odd::Redirects => Redirect::temporary("/elsewhere").into_response(),
            Odd::Noise => "<html>".into_response(),
            Odd::Fails => (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response(),
        })
    }
}

async fn of_itself(State(stage): State<Arc<Stage>>) -> Response {
    if let Some(odd) = stage.odd("of itself").await {
        return odd;
    }
    let issuer = &stage.issuer;
    let mut known = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
    });
    over(&mut known, &stage.told.lock().unwrap().of_itself);
    known.to_string().into_response()
}

async fn keys_of(State(stage): State<Arc<Stage>>) -> Response {
    if let Some(odd) = stage.odd("keys").await {
        return odd;
    }
    let names = stage.told.lock().unwrap().publishes.clone().unwrap_or_else(|| vec!["one"]);
    let all = stage.keys.lock().unwrap();
    let keys = names.iter().map(|name| {
        let point = all[name].public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": name, "x": part(&point[1..33]), "y": part(&point[33..]) })
    });
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string().into_response()
}

async fn token(
    State(stage): State<Arc<Stage>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    if let Some(odd) = stage.odd("token").await {
        return odd;
    }
    let refused = |why: &str| (StatusCode::BAD_REQUEST, json!({ "error": why }).to_string()).into_response();
    // The secret by RFC 6749 §2.3.1, or none at all.
    let expected = format!("Basic {}", STANDARD.encode("ringwall:a%20secret%3A%201%25"));
    let authorization = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap());
    let is_known = match authorization {
        Some(sent) => sent == expected,
        None => form.get("client_id").is_some_and(|id| id == "ringwall"),
    };
    if !is_known {
        return refused("invalid_client");
    }
    let told = stage.told.lock().unwrap().clone();
    let known = {
        let mut codes = stage.codes.lock().unwrap();
        if told.takes_codes_twice { codes.get(&form["code"]).cloned() } else { codes.remove(&form["code"]) }
    };
    let Some((nonce, challenge)) = known else { return refused("invalid_grant") };
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if !told.takes_codes_twice && proof != challenge {
        return refused("invalid_grant");
    }
    assert_eq!(form["redirect_uri"], "https://desk.example.com/login/openid/back");
    let now = super::now().0 / 1_000_000;
    let mut claims = json!({
        "iss": stage.issuer, "aud": "ringwall", "sub": "248289761001", "nonce": nonce, "iat": now, "exp": now + 300,
        "email": "Anna@Desk.example", "email_verified": true, "roles": ["admin"],
    });
    over(&mut claims, &told.claims);
    json!({ "access_token": "x", "token_type": "Bearer", "id_token": stage.sign(&claims) })
        .to_string()
        .into_response()
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random).unwrap()
}

/// Writes what `more` says over what stands there.
fn over(there: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        match value {
            Value::Null => there.as_object_mut().unwrap().remove(name),
            value => there.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
}

/// A field of an address, as it stands there.
pub(super) fn field(place: &str, name: &str) -> String {
    let fields = place.split_once('?').unwrap().1.split('&');
    fields.filter_map(|it| it.split_once('=')).find(|(it, _)| *it == name).unwrap().1.to_owned()
}
