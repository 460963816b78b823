//! `ringwall contact`: who belongs to a customer and may do what, drafted by one person and confirmed by another.

use std::io::{self, Write as _};
use std::path::PathBuf;

use cases::io::store::Draft;
use cases::second_factor::{SECRET_BYTES, SecondFactor};
use clap::{Args, Subcommand};
use reporter::printable;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::case::{Account, Place, said};
use crate::contacts::Contacts;
use crate::outcome::{Failure, Outcome};

/// Who belongs to a customer: who may ask, authorise, get reports and be called.
///
/// Two people change it: one drafts, another confirms by the hash that was printed. Mail is judged by what is confirmed.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall contact import contacts.toml --by anna\n  \
ringwall contact drafts\n  \
ringwall contact confirm 3fa2b1c0 --by ben\n  \
ringwall contact list --customer Acme")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print who belongs to whom.
    List {
        /// Of this customer.
        #[arg(long)]
        customer: Option<String>,
        /// Print one JSON object a line, one for each customer.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Draft what a file says, a draft for each customer that would change; see docs/cases.md for the file.
    Import {
        file: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Print what waits for a second person.
    Drafts {
        #[command(flatten)]
        place: Place,
    },
    /// Have a draft hold from now on. Who drafted it cannot.
    Confirm {
        /// Its hash, or the first eight characters of it or more.
        hash: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Give a contact a second factor: what their authenticator app takes in is printed once. One from before counts no more.
    #[command(after_help = "Example:\n  ringwall contact enrol Ann --customer Acme --by anna")]
    Enrol {
        /// The contact.
        name: String,
        #[arg(long)]
        customer: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
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
            Self::List { customer, json, place } => list(customer.as_deref(), *json, place).await,
            Self::Import { file, place, account } => import(Contacts::read(file)?, place, account).await,
            Self::Drafts { place } => {
                let (store, _) = place.open().await?;
                let drafts = store.desk().registration_drafts().await.map_err(said)?;
                let waits = |draft: &Draft| {
                    let at = jiff::Timestamp::from_microsecond(draft.at.0).unwrap_or_default();
                    format!("{}, {at:.0}", shown(draft))
                };
                Ok(drafts.iter().map(|draft| format!("{}\n{}", waits(draft), lines(draft))).collect())
            }
            Self::Enrol { name, customer, place, account } => enrol(name, customer, place, account).await,
            Self::Confirm { hash, place, account } => {
                let (store, service) = place.open().await?;
                let confirmed = store.desk().confirm_registration(hash, account.done(&service)).await;
                let draft = confirmed.map_err(said)?;
                let customer = printable(&draft.registration.customer);
                Ok(format!("{customer}: this holds from now on\n{}", lines(&draft)))
            }
        }
    }
}

async fn list(customer: Option<&str>, json: bool, place: &Place) -> Result<String, Failure> {
    let (store, _) = place.open().await?;
    let mut all = store.desk().registrations().await.map_err(said)?;
    all.retain(|it| customer.is_none_or(|customer| it.customer == customer));
    let mut text = String::new();
    for registration in &all {
        if json {
            let line = serde_json::to_string(registration);
            text += &(line.map_err(|error| Failure::Usage(error.to_string()))? + "\n");
            continue;
        }
        // What sets it apart from nothing is all of it.
        let nothing = cases::Registration { customer: registration.customer.clone(), ..Default::default() };
        text += &format!("{}\n", printable(&registration.customer));
        for line in registration.differences(&nothing) {
            text += &format!("  {}\n", printable(line.strip_prefix("+ ").unwrap_or(&line)));
        }
    }
    Ok(text)
}

async fn import(contacts: Contacts, place: &Place, account: &Account) -> Result<String, Failure> {
    let (store, service) = place.open().await?;
    let desk = store.desk();
    let mut text = String::new();
    for told in contacts.customers {
        let mut registration = told.registration;
        let holds = desk.registration(&registration.customer).await.map_err(said)?;
        if !told.has_standing {
            registration.standing.clone_from(&holds.standing);
        }
        let customer = printable(&registration.customer).to_string();
        if registration.mistakes().is_empty() && registration.differences(&holds).is_empty() {
            text += &format!("{customer}: nothing changes\n");
            continue;
        }
        let draft = desk.draft_registration(registration, account.done(&service)).await;
        let draft = draft.map_err(|error| Failure::Usage(format!("{customer}: {error}")))?;
        let short = draft.hash.get(..SHORT).unwrap_or(&draft.hash);
        text += &format!(
            "{}\n{}  another person has it hold: ringwall contact confirm {short} --by NAME\n",
            shown(&draft),
            lines(&draft)
        );
    }
    Ok(text)
}

async fn enrol(name: &str, customer: &str, place: &Place, account: &Account) -> Result<String, Failure> {
    let (store, service) = place.open().await?;
    let mut secret = [0; SECRET_BYTES];
    let filled = SystemRandom::new().fill(&mut secret);
    filled.map_err(|_| Failure::Usage("the system gives no random bytes".to_owned()))?;
    let factor = SecondFactor::new(secret);
    let desk_name = place.config()?.mail.desk_name;
    let address = factor.address(name, &desk_name);
    let address = address.ok_or_else(|| Failure::Usage(format!("{name:?} cannot be shown by an app")))?;
    store.desk().enrol(customer, name, &factor, account.done(&service)).await.map_err(said)?;
    Ok(format!(
        "{}: give them this in person, it is shown once\n{address}\nor the key {}\n",
        printable(name),
        factor.secret()
    ))
}

fn shown(draft: &Draft) -> String {
    format!("{}: draft {} by {}", printable(&draft.registration.customer), draft.hash, printable(&draft.by))
}

fn lines(draft: &Draft) -> String {
    draft.differences.iter().map(|line| format!("  {}\n", printable(line))).collect()
}

/// Characters of a hash that people type.
const SHORT: usize = 12;
