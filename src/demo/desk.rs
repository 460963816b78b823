//! What happens at the desk of a demo once the service runs: a change is proposed, and the customer is asked.

use std::time::Duration;

use cases::case::Kind;
use cases::flow::{Signal, State};
use cases::io::store::{Done, Store};

use super::people::CUSTOMER;
use crate::authorise::{Office, additions};
use crate::case::said;
use crate::drafting::Wish;
use crate::outcome::Failure;
use crate::policies;
use crate::serve::{Cases, Config};

/// Has it happen on a thread of its own. It needs the service, which says what is in force.
pub(super) fn start(config: Config) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        if let Err(failure) = runtime.block_on(propose(&config)) {
            eprintln!("ringwall: the demo goes on without a change to authorise: {failure}");
        }
    });
}

async fn propose(config: &Config) -> Result<(), Failure> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cases = Cases::new(config);
    let service = cases.service()?;
    let store = Store::open(&cases.place()).await.map_err(said)?;
    let done = |who| Done { who, now: policies::now(), service: &service };
    let title = "Block +1 303 555 0188: a caller who sells warranties that nobody asked for";
    let case =
        store.desk().open(CUSTOMER, Kind::Block, State::New, title, done("Bob")).await.map_err(said)?;
    store.desk().step(case.number, &Signal::Take, "We propose a block.", done("ben")).await.map_err(said)?;
    let until = jiff::Timestamp::from_microsecond(policies::now().0).unwrap_or_default();
    let until = until.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(jiff::Span::new().days(90));
    let entries = ["+13035550188".to_owned()];
    let lines =
        additions("harassment", &entries, Some(until.to_string()), "sells warranties nobody asked for");
    let office = Office::new(config);
    let wish = Wish::Lines(lines);
    let proposed = office.propose(&store, case.number, wish, done("ben")).await;
    proposed.map_err(|declined| Failure::Usage(declined.said))?;
    office.ask(&store, case.number, done("ben")).await?;
    store.close().await;
    Ok(())
}
