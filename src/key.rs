//! `ringwall key`: keys of programs, from a terminal on the machine of the service.

use std::io::{self, Write as _};

use cases::account::{ApiKey, hash_of};
use clap::{Args, Subcommand};
use reporter::printable;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::case::{Account as By, Place, said};
use crate::outcome::{Failure, Outcome};
use crate::policies;

/// Keys by which programs ask the API.
///
/// A key is printed once, when it is made; what is kept of it is its hash. It reaches one customer's data, or with none named
/// that of all of them, and ends after a year at most.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall key add 'tickets of Acme' --customer Acme --may-work --days 90 --by anna\n  \
ringwall key list\n  \
ringwall key remove K-1f0c22ab --by anna"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make a key and print it.
    Add {
        /// What it is for.
        purpose: String,
        /// Whose data it reaches: the name in the customer's policy; all customers' unless named.
        #[arg(long)]
        customer: Option<String>,
        /// Let it change things too.
        #[arg(long)]
        may_work: bool,
        /// How long it is good.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        by: By,
    },
    /// Print keys and when each was last used.
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Take a key away. It opens nothing from now on.
    Remove {
        /// What `list` calls it.
        id: String,
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
            Self::Add { purpose, customer, may_work, days, place, by } => {
                let (store, service) = place.open().await?;
                if let Some(customer) = customer {
                    place.knows(&store, customer).await?;
                }
                let done = by.done(&service);
                let (secret, id) = (drawn(32)?, format!("K-{}", drawn(4)?));
                let secret = format!("rw_{secret}");
                let key = ApiKey {
                    id,
                    purpose: purpose.clone(),
                    hash: hash_of(&secret),
                    customer: customer.clone(),
                    may_work: *may_work,
                    made_by: done.who.to_owned(),
                    expires: policies::now().plus_micros(i64::from(*days) * DAY_MICROS),
                    used: None,
                };
                store.desk().add_key(&key, done).await.map_err(said)?;
                Ok(format!("{}: {secret}\nIt is shown only now. {}\n", key.id, reach(&key)))
            }
            Self::List { json, place } => {
                let (store, _) = place.open().await?;
                let keys = store.desk().keys().await.map_err(said)?;
                Ok(keys.iter().map(|key| line(key, *json)).collect())
            }
            Self::Remove { id, place, by } => {
                let (store, service) = place.open().await?;
                store.desk().remove_key(id, by.done(&service)).await.map_err(said)?;
                Ok(format!("{} opens nothing any more\n", printable(id)))
            }
        }
    }
}

fn drawn(count: usize) -> Result<String, Failure> {
    let mut bytes = vec![0; count];
    let no_secret = |_| Failure::Usage("this machine gives no random numbers".to_owned());
    SystemRandom::new().fill(&mut bytes).map_err(no_secret)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What it reaches, in words.
fn reach(key: &ApiKey) -> String {
    let whose = key.customer.as_deref().map_or_else(
        || "what all customers have".to_owned(),
        |customer| format!("what {} has", printable(customer)),
    );
    let what = if key.may_work { "It sees and changes" } else { "It sees" };
    format!("{what} {whose}, until {}.", reporter::rfc3339(key.expires))
}

fn line(key: &ApiKey, json: bool) -> String {
    let used = key.used.map(reporter::rfc3339);
    if json {
        let seen = serde_json::json!({
            "id": key.id, "purpose": key.purpose, "customer": key.customer, "may_work": key.may_work,
            "made_by": key.made_by, "expires": reporter::rfc3339(key.expires), "used": used,
        });
        return format!("{seen}\n");
    }
    let used = used.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
    format!("{}  {}: {used}. {}\n", key.id, printable(&key.purpose), reach(key))
}

const DAY_MICROS: i64 = 86_400 * 1_000_000;
