//! The first log-in: while nobody has an account, whoever reads what the service says makes theirs. There is no default password.

use cases::account::{Role, Side};
use cases::io::store::{Done, Store};

use super::config::{Cases, Config};
use crate::account::invitation;
use crate::case::said;
use crate::outcome::Failure;
use crate::policies;

/// Says how somebody logs in for the first time, unless somebody has.
pub(super) async fn say(config: &Config) {
    match link(config).await {
        Ok(Some(link)) => {
            eprintln!("ringwall: nobody can log in yet: choose the password of admin at {link}")
        }
        Ok(None) => {}
        // The thread that puts alerts into cases says what is wrong with the database.
        Err(failure) => eprintln!("ringwall: no link for a first log-in: {failure}"),
    }
}

async fn link(config: &Config) -> Result<Option<String>, Failure> {
    if !config.cases.on {
        return Ok(None);
    }
    let cases = Cases::new(config);
    let store = Store::open(&cases.place()).await.map_err(said)?;
    let mut link = None;
    if store.desk().accounts().await.map_err(said)?.is_empty() {
        let now = policies::now();
        let (secret, invitation) = invitation("admin", Side::Desk(Role::Admin), now)?;
        let service = cases.service()?;
        let done = Done { who: "ringwall", now, service: &service };
        store.desk().invite(&invitation, done).await.map_err(said)?;
        link = Some(format!("{}/welcome/{secret}", config.address()));
    }
    store.close().await;
    Ok(link)
}
