//! A provider that others wrote (oidc-provider-mock, which is Authlib), in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{House, settings};
use crate::access::SESSION_COOKIE;

/// It, until it is dropped.
struct Real {
    child: Child,
    issuer: String,
}

impl Real {
    /// `None`, with a line, where it is not installed. In CI it is.
    fn start() -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/bin/oidc-provider-mock");
        if !program.is_file() {
            assert!(std::env::var_os("CI").is_none(), "oidc-provider-mock is missing in CI");
            println!(
                "SKIPPED: a real provider of OpenID Connect, because oidc-provider-mock is not installed"
            );
            return None;
        }
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--require-nonce", "true"])
            .args(["--user-claims", r#"{"sub":"anna","email":"anna@desk.example","email_verified":true}"#])
            .args(["--user-claims", r#"{"sub":"mallory","email":"anna@desk.example"}"#])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut real = Self { child: child.unwrap(), issuer: format!("http://127.0.0.1:{port}") };
        let mut lines = BufReader::new(real.child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let is_up = lines.any(|line| line.contains("running on http"));
        assert!(is_up, "oidc-provider-mock does not start");
        std::thread::spawn(move || lines.for_each(drop));
        Some(real)
    }

    /// Logs in there as `who`: where it sends the browser back to.
    fn authorise(&self, place: &str, who: &str) -> String {
        let agent = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .new_agent();
        let answer = agent
            .post(place)
            .header("content-type", "application/x-www-form-urlencoded")
            .send(format!("sub={who}"))
            .unwrap();
        let back = answer.headers().get("location").unwrap().to_str().unwrap();
        back.strip_prefix("https://desk.example.com").unwrap().to_owned()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_provider_that_others_wrote_lets_in_whom_it_has_verified() {
    let Some(real) = Real::start() else { return };
    let house = House::new(settings(&real.issuer)).await;
    let (place, browser) = house.begin().await;
    assert!(place.starts_with(&format!("{}/oauth2/authorize?", real.issuer)), "{place}");
    let back = real.authorise(&place, "anna");
    let answer = house.get(&back, &browser).await;
    let session = answer.session().unwrap_or_else(|| panic!("{}", answer.text));
    let queue = house.get("/queue", &format!("{SESSION_COOKIE}={session}")).await;
    assert_eq!(queue.status, axum::http::StatusCode::OK);
    // Its code is good once, whoever comes with it.
    let (place, browser) = house.begin().await;
    let state = super::stage::field(&place, "state");
    let code = super::stage::field(&back, "code");
    let answer = house.get(&format!("/login/openid/back?code={code}&state={state}"), &browser).await;
    assert!(answer.session().is_none() && answer.text.contains("its answer is 400"), "{}", answer.text);
    // Who only says so is nobody.
    let (place, browser) = house.begin().await;
    let answer = house.get(&real.authorise(&place, "mallory"), &browser).await;
    assert!(answer.session().is_none() && answer.text.contains("has not verified"), "{}", answer.text);
}
