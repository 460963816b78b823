//! `ringwall account`: who may log in to the console, from a terminal on the machine of the service.

use std::io::{self, Write as _};

use cases::account::{Account, Invitation, Role, Side, hash_of};
use clap::{Args, Subcommand};
use reporter::printable;
use ring::rand::{SecureRandom as _, SystemRandom};
use rules::Timestamp;

use crate::case::{Account as By, Place, said};
use crate::outcome::{Failure, Outcome};
use crate::policies;

/// Who may log in to the console and the portal.
///
/// Nobody has a password that somebody else chose: an invitation is a link, good once and for three days.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall account invite anna --role analyst --by root\n  \
ringwall account invite ann@acme.example.com --contact Ann --customer Acme --by anna\n  \
ringwall account list\n  \
ringwall account close ben --by anna")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print a link by which somebody chooses a password; whoever has one already chooses another.
    Invite {
        /// What they will type: lower case, no blanks.
        login: String,
        /// What they do at the desk: first-level, analyst, senior, incident-commander, auditor, admin.
        #[arg(long, value_parser = role, required_unless_present = "contact", conflicts_with = "contact")]
        role: Option<Role>,
        /// Which contact they are, by the name in the registry.
        #[arg(long, requires = "customer")]
        contact: Option<String>,
        /// Of which customer.
        #[arg(long)]
        customer: Option<String>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        by: By,
    },
    /// Print who may log in.
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Let somebody log in no more. They are logged out at once.
    Close {
        login: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        by: By,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let text = runtime.block_on(arguments.task.answer())?;
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

impl Task {
    async fn answer(&self) -> Result<String, Failure> {
        match self {
            Self::Invite { login, role, contact, customer, place, by } => {
                let (store, service) = place.open().await?;
                let side = match (role, contact, customer) {
                    (Some(role), _, _) => Side::Desk(*role),
                    (None, Some(name), Some(customer)) => {
                        Side::Contact { customer: customer.clone(), name: name.clone() }
                    }
                    _ => return Err(Failure::Usage("give --role, or --contact and --customer".to_owned())),
                };
                let (secret, invitation) = invitation(&login.to_lowercase(), side, policies::now())?;
                store.desk().invite(&invitation, by.done(&service)).await.map_err(said)?;
                let address = place.config()?.address();
                if place.config_file().is_none() {
                    eprintln!(
                        "ringwall: {address} is assumed, because no configuration was named: --config names the file that says where the service \
is reached"
                    );
                }
                Ok(format!("{} chooses a password at {address}/welcome/{secret}\n", invitation.login))
            }
            Self::List { json, place } => {
                let (store, _) = place.open().await?;
                let accounts = store.desk().accounts().await.map_err(said)?;
                accounts.iter().map(|account| line(account, *json)).collect()
            }
            Self::Close { login, place, by } => {
                let (store, service) = place.open().await?;
                let close = |account: &mut Account| account.is_closed = true;
                let done = by.done(&service);
                store.desk().change_account(login, "close-account", close, done).await.map_err(said)?;
                Ok(format!("{} can log in no more\n", printable(login)))
            }
        }
    }
}

/// A link's secret, and what is kept of it.
pub(crate) fn invitation(login: &str, side: Side, now: Timestamp) -> Result<(String, Invitation), Failure> {
    let mut bytes = [0; 32];
    let no_secret = |_| Failure::Usage("this machine gives no random numbers".to_owned());
    SystemRandom::new().fill(&mut bytes).map_err(no_secret)?;
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let expires = now.plus_micros(INVITATION_MICROS);
    Ok((secret.clone(), Invitation { hash: hash_of(&secret), login: login.to_owned(), side, expires }))
}

fn line(account: &Account, json: bool) -> Result<String, Failure> {
    if json {
        let seen = serde_json::json!({
            "login": account.login, "side": account.side, "closed": account.is_closed,
            "last_login": account.last_login.map(reporter::rfc3339),
        });
        return Ok(format!("{seen}\n"));
    }
    let side = match &account.side {
        Side::Desk(role) => format!("desk, {}", role.name()),
        Side::Contact { customer, name } => format!("{} of {}", printable(name), printable(customer)),
    };
    let last = account.last_login.map_or_else(
        || "never logged in".to_owned(),
        |at| format!("last logged in {}", reporter::rfc3339(at)),
    );
    let closed = if account.is_closed { ", closed" } else { "" };
    Ok(format!("{}  {side}, {last}{closed}\n", account.login))
}

fn role(name: &str) -> Result<Role, String> {
    let all = || Role::EVERY.map(Role::name).join(", ");
    Role::parse(name).ok_or_else(|| format!("no such role; there are {}", all()))
}

/// Three days.
const INVITATION_MICROS: i64 = 72 * 3_600 * 1_000_000;
