//! `ringwall list`: lists of numbers of policies in force, changed, read in and written out.

mod export;
mod import;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rules::exchange::Format;
use rules::policy::edit::Addition;
use serde_json::json;

use crate::changes::{self, Account, Change, ListChange, Staging, Tally, Wish};
use crate::control::Told;
use crate::feeds::Feeds;
use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::versions::Versions;

/// Add numbers to lists, take them off, read in lists of other programs, write lists out.
///
/// Asks the service that works in the folder: a change is on disk, and in force in all its mounts, once the command comes
/// back. Without a service the lists of installed policies are changed where a stopped one left them, and those of policy
/// files that are named with --policy. An entry that is refused is named; the others go on, and the exit code is 1.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall list add harassment '+1 202 555 0143' --comment 'calls daily' --expires 2026-12-31\n  \
ringwall list remove harassment '+1 202 555 0143' --why 'a mistake'\n  \
ringwall list import robocallers dump.sql --format kamailio --table globalblacklist\n  \
ringwall list export harassment --format csv > harassment.csv"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Put numbers on a list.
    #[command(
        after_help = "Example:\n  ringwall list add harassment '+1 202 555 0143' '+88123456*' --comment 'calls daily'"
    )]
    Add {
        /// The list, without an at sign.
        list: String,
        /// Numbers, prefixes (+44 20*), ranges (A - B) or wildcards (+1 210 555 18xx), as the customer writes them.
        #[arg(required = true)]
        numbers: Vec<String>,
        /// Why they are there.
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
        /// Their last day, or a moment of RFC 3339.
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        place: Place,
    },
    /// Take entries off a list, however they are written there.
    #[command(
        after_help = "Example:\n  ringwall list remove harassment '(202) 555-0143' --by anna --why 'the clinic'"
    )]
    Remove {
        /// The list, without an at sign.
        list: String,
        /// Entries.
        #[arg(required = true)]
        numbers: Vec<String>,
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        place: Place,
    },
    /// Put all entries of a file on a list.
    #[command(
        after_help = "Example:\n  ringwall list import robocallers dump.sql --format kamailio --table globalblacklist --international\n  \
ringwall list import robocallers - < numbers.txt"
    )]
    Import {
        /// The list, without an at sign.
        list: String,
        /// The file; - is standard input.
        file: PathBuf,
        /// How it is written: plain and csv are list files of ours, kamailio and opensips their tables (db_text, an SQL
        /// dump, or what `kamcmd htable.dump` prints).
        #[arg(long, default_value = "plain", value_name = "plain|csv|kamailio|opensips")]
        format: Format,
        /// The table that is read, where several hold numbers.
        #[arg(long)]
        table: Option<String>,
        /// Of tables that hold lists of users: whose, a name or name@domain.
        #[arg(long)]
        user: Option<String>,
        /// Digits without a plus are international numbers; without this they are read as the customer dials them.
        #[arg(long)]
        international: bool,
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        place: Place,
    },
    /// Print all entries of a list.
    #[command(after_help = "Example:\n  ringwall list export harassment --format csv > harassment.csv")]
    Export {
        /// The list, without an at sign.
        list: String,
        /// plain: an entry a line; csv: with the columns of a list file.
        #[arg(long, default_value = "plain", value_parser = ["plain", "csv"])]
        format: String,
        #[command(flatten)]
        place: Place,
    },
    /// Put in force what a feed fetched, and what was kept aside.
    #[command(
        after_help = "Example:\n  ringwall list accept robocallers --by anna --why 'the source was cleaned up'"
    )]
    Accept {
        /// The feed.
        feed: String,
        #[command(flatten)]
        account: Account,
        #[command(flatten)]
        place: Place,
    },
    /// Tell how lists that are fetched are doing, and what is kept aside.
    #[command(after_help = "Example:\n  ringwall list feeds")]
    Feeds {
        #[command(flatten)]
        place: Place,
    },
    /// Name all lists of policies in force.
    #[command(after_help = "Example:\n  ringwall list names")]
    Names {
        #[command(flatten)]
        place: Place,
    },
}

/// Where lists are, and how it is told.
#[derive(Args)]
struct Place {
    /// The folder of the service.
    #[arg(long, value_name = "DIR", default_value = "ringwall-data")]
    data: PathBuf,
    /// Whose list, where several customers have one of that name.
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// A policy file of a stopped service; may be given several times.
    #[arg(long, value_name = "POLICY")]
    policy: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.task {
        Task::Add { list, numbers, comment, expires, account, place } => {
            let additions = numbers.iter().map(|number| Addition {
                line: 0,
                number: number.clone(),
                reason: comment.clone(),
                expires: expires.clone(),
            });
            let change = place.staged(list, Wish::Add, additions)?;
            place.say(place.make(account, change)?, None, 0)
        }
        Task::Remove { list, numbers, account, place } => {
            let entries =
                numbers.iter().map(|number| Addition { number: number.clone(), ..Addition::default() });
            let change = place.staged(list, Wish::Remove, entries)?;
            let made = place.make(account, change)?;
            say_missing(&made, list, numbers);
            place.say(made, None, 0)
        }
        Task::Import { list, file, format, table, user, international, account, place } => {
            let choice = rules::exchange::Choice {
                table: table.clone(),
                user: user.clone(),
                international: *international,
            };
            let (entries, left_out) = import::stage(file, *format, &choice, &place.versions()?)?;
            let change = place.change(list, Wish::Add, entries);
            place.say(place.make(account, change)?, Some(file), left_out)
        }
        Task::Export { list, format, place } => export::print(list, format == "csv", place),
        Task::Accept { feed, account, place } => accept(feed, account, place),
        Task::Feeds { place } => tell_feeds(place),
        Task::Names { place } => export::names(place),
    }
}

/// Says what was to be taken off and did not stand there; of some among others how many they are.
fn say_missing(made: &Made, list: &str, numbers: &[String]) {
    let missing = tally(made).needless;
    let list = reporter::printable(list);
    if missing == numbers.len() as u64 {
        let numbers = reporter::printable(&numbers.join(", "));
        eprintln!("ringwall: not on the list {list}: {numbers}");
    } else if missing > 0 {
        eprintln!("ringwall: {missing} of {} were not on the list {list}", numbers.len());
    }
}

fn tally(made: &Made) -> Tally {
    let told = made.as_ref().ok();
    let tally = told.and_then(|told| serde_json::from_value(told.value.get("tally")?.clone()).ok());
    tally.unwrap_or_default()
}

fn accept(feed: &str, account: &Account, place: &Place) -> Result<Outcome, Failure> {
    let feeds = Feeds::of(&place.data);
    let change = feeds.accepted(feed, &place.versions()?)?;
    let made = place.make(account, change)?;
    if made.is_ok() {
        let mut known = feeds.known(feed);
        known.changed = Some(reporter::rfc3339(policies::now()));
        known.aside = None;
        feeds.keep(feed, &known)?;
        feeds.forget(feed);
    }
    place.say(made, None, 0)
}

fn tell_feeds(place: &Place) -> Result<Outcome, Failure> {
    place.versions()?;
    let feeds = Feeds::of(&place.data);
    let mut text = String::new();
    for name in feeds.names()? {
        let known = feeds.known(&name);
        if place.json {
            let value = json!({ "feed": name, "url": known.url, "seen": known.seen, "changed": known.changed, "failed": known.failed, "aside": known.aside });
            text.push_str(&format!("{value}\n"));
            continue;
        }
        let moment = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
        let mut line = format!("{name}: seen {}, changed {}", moment(&known.seen), moment(&known.changed));
        if let Some(why) = &known.failed {
            line.push_str(&format!("; the last look failed: {why}"));
        }
        if let Some(aside) = &known.aside {
            line.push_str(&format!("; kept aside since {}: {}", aside.at, aside.why));
        }
        text.push_str(&format!("{}\n", reporter::printable(&line)));
    }
    policies::print(&text)?;
    Ok(Outcome::Done)
}

impl Place {
    fn versions(&self) -> Result<Versions, Failure> {
        if self.data.is_dir() {
            return Ok(Versions::of(&self.data));
        }
        Err(Failure::Usage(format!(
            "there is no folder {}; --data names that of the service",
            self.data.display()
        )))
    }

    fn staged(
        &self,
        list: &str,
        wish: Wish,
        additions: impl Iterator<Item = Addition>,
    ) -> Result<ListChange, Failure> {
        let versions = self.versions()?;
        let mut staging = Staging::new(&versions)?;
        additions
            .into_iter()
            .try_for_each(|addition| staging.push(&addition))
            .map_err(Failure::file(&self.data))?;
        Ok(self.change(list, wish, staging.finish(&versions)?))
    }

    fn change(&self, list: &str, wish: Wish, entries: String) -> ListChange {
        ListChange { list: list.to_owned(), customer: self.customer.clone(), wish, entries, limits: None }
    }

    fn make(&self, account: &Account, change: ListChange) -> Result<Made, Failure> {
        changes::make(&self.data, &self.policy, account.wants(Change::List(change)))
    }

    /// Says what was made of it, and each entry that was refused. `left_out` were named before.
    fn say(&self, made: Made, file: Option<&PathBuf>, left_out: u64) -> Result<Outcome, Failure> {
        let tally = tally(&made);
        for (line, why) in &tally.refusals {
            let place = file.map_or_else(String::new, |file| format!("{}:{line}: ", file.display()));
            eprintln!("ringwall: {}", reporter::printable(&format!("{place}{why}")));
        }
        let unnamed = tally.refused.saturating_sub(tally.refusals.len() as u64);
        if unnamed > 0 {
            eprintln!("ringwall: {unnamed} more were refused");
        }
        match changes::say(made, self.json)? {
            Outcome::Done if tally.refused + left_out > 0 => Ok(Outcome::Findings),
            outcome => Ok(outcome),
        }
    }
}

type Made = Result<Told, changes::Declined>;
