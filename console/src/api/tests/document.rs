//! docs/api.md is what somebody follows line by line: its commands are taken out of it and run against a served console.

use std::path::Path;
use std::process::Command;

use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use cases::account::{ApiKey, hash_of};
use cases::io::store::Done;
use tokio::net::TcpListener;

use super::{House, NOW};

/// Where the document says that the console is.
const PLACE: &str = "http://127.0.0.1:8080";

/// The commands of a document, a line each.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut is_inside = false;
    let mut open = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_inside = line == "```sh";
            continue;
        }
        if !is_inside {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(begun) => open += begun,
            None => commands.push(std::mem::take(&mut open) + line),
        }
    }
    commands.retain(|line| !line.trim().is_empty());
    commands
}

/// The key that `ringwall key add` of this line makes; what is not understood fails.
fn key_of(line: &str, index: usize) -> (String, ApiKey) {
    let (quoted, rest) = line.strip_prefix("ringwall key add '").unwrap().split_once('\'').unwrap();
    let secret = format!("rw_document{index}");
    let mut key = ApiKey {
        id: format!("K-document{index}"),
        purpose: quoted.to_owned(),
        hash: hash_of(&secret),
        customer: None,
        may_work: false,
        made_by: String::new(),
        expires: NOW,
        used: None,
    };
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "--customer" => key.customer = words.next().map(str::to_owned),
            "--may-work" => key.may_work = true,
            "--days" => {
                let days: i64 = words.next().unwrap().parse().unwrap();
                assert!((1..=366).contains(&days), "{line}");
                key.expires = NOW.plus_micros(days * 86_400_000_000);
            }
            "--by" => key.made_by = words.next().unwrap().to_owned(),
            other => panic!("{other}: {line}"),
        }
    }
    (secret, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_document_says_is_done_as_it_says() {
    let house = House::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = format!("http://{}", listener.local_addr().unwrap());
    let service: IntoMakeServiceWithConnectInfo<_, std::net::SocketAddr> =
        house.router.clone().into_make_service_with_connect_info();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let text = std::fs::read_to_string(path).unwrap();
    let promises = cases::Service::sample();
    let mut key = String::new();
    let mut asked = 0;
    for (index, line) in commands(&text).into_iter().enumerate() {
        if line.starts_with("ringwall ") {
            let (secret, made) = key_of(&line, index);
            let done = Done { who: &made.made_by, now: NOW, service: &promises };
            house.store.desk().add_key(&made, done).await.unwrap();
            key = secret;
            continue;
        }
        let (command, comment) = line.split_once("  # ").unwrap_or((&line, ""));
        let command =
            command.strip_prefix("curl ").unwrap_or_else(|| panic!("no command of this test: {line}"));
        assert!(command.contains(PLACE), "{line}");
        let command = format!("curl -sS --fail-with-body --max-time 20 {}", command.replace(PLACE, &served));
        let with_key = key.clone();
        let run = tokio::task::spawn_blocking(move || {
            Command::new("sh").args(["-uc", &command]).env("KEY", with_key).output().unwrap()
        });
        let output = run.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        // What stands behind a command is what it is promised to show.
        let shown = said.to_lowercase();
        assert!(shown.contains(&comment.trim().to_lowercase()), "{line}\n{said}");
        asked += 1;
    }
    server.abort();
    assert!(asked >= 6, "{asked}");
}
