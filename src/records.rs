//! `ringwall records`: the store of call records.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use records::io::{Error, Store, Writer};
use reporter::metrics::Shelf;
use reporter::printable;
use rules::Timestamp;
use serde_json::json;

use crate::outcome::{Failure, Outcome};
use crate::report::SUMMARIES;
use crate::serve::{Config, RECORDS};
use crate::{backtest, customers, policies, present};

/// Call records in files by customer and day, in a folder or a bucket: what there is, whether it is whole, and taking a person out
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall records list --data ringwall-data\n  \
ringwall records list --files --customer Acme\n  \
ringwall records verify\n  \
ringwall records erase --customer Acme --number \"+1 303 555 0142\"")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print days with their rows, files and bytes
    List {
        #[command(flatten)]
        place: Place,
        /// Only this customer's.
        #[arg(long, value_name = "NAME")]
        customer: Option<String>,
        /// Print the paths of files that count, or their addresses in a bucket, one a line: what another engine is to read.
        #[arg(long)]
        files: bool,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Read every byte and every row; exit code 1 and what is wrong, where a file is not as it was written
    Verify {
        #[command(flatten)]
        place: Place,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Take a number out of all records of a customer; the calls still count, with the number withheld
    Erase {
        #[command(flatten)]
        place: Place,
        /// Whose records.
        #[arg(long, value_name = "NAME")]
        customer: String,
        /// The number with its country code.
        #[arg(long, value_name = "+E164")]
        number: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Where the store is.
#[derive(Args)]
struct Place {
    /// The folder of the service.
    #[arg(long, value_name = "DIR", conflicts_with = "records")]
    data: Option<PathBuf>,
    /// The configuration of the service.
    #[arg(long, value_name = "FILE", conflicts_with = "records")]
    config: Option<PathBuf>,
    /// The folder of records itself, as `replay --records` wrote it.
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.task {
        Task::List { place, customer, files, json } => {
            let store = place.open()?;
            customer.as_deref().map_or(Ok(()), |customer| place.knows(&store, customer))?;
            list(&store, customer.as_deref(), (*files, *json)).map_err(Failure::Output)
        }
        Task::Verify { place, json } => verify(&place.open()?, *json).map_err(Failure::Output),
        Task::Erase { place, customer, number, json } => {
            place.knows(&place.open()?, customer)?;
            erase(&place.folder()?, customer, number, *json)
        }
    }
}

impl Place {
    fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = match &self.records {
            Some(records) => records.clone(),
            None => self.config()?.data.join(RECORDS),
        };
        if !folder.is_dir() {
            return Err(no_records(&folder));
        }
        Ok(folder)
    }

    fn open(&self) -> Result<Store, Failure> {
        let folder = self.folder()?;
        let store = Store::open(&folder).map_err(said)?;
        // In whatever other folder everything would be as it was written.
        if store.is_begun() { Ok(store) } else { Err(no_records(&folder)) }
    }

    /// The configuration, with the folder that was named.
    fn config(&self) -> Result<Config, Failure> {
        backtest::config(self.config.as_deref(), self.data.as_deref())
    }

    /// Makes sure that there is such a customer. Of nobody there is nothing to take out, and whoever asked for it would believe it
    /// done.
    fn knows(&self, store: &Store, customer: &str) -> Result<(), Failure> {
        let mut known: BTreeSet<String> = store.customers().flatten().map(str::to_owned).collect();
        if !known.contains(customer) && self.records.is_none() {
            let config = self.config()?;
            let policies = present::policies(&config.data, &config.policy, None)?;
            known.extend(policies.iter().map(|it| it.text().customer.name.clone()));
        }
        match known.contains(customer) {
            true => Ok(()),
            false => Err(customers::unknown(
                customer,
                &known,
                "no call record and no policy in force is of that name",
            )),
        }
    }
}

fn list(store: &Store, wanted: Option<&str>, (files, as_json): (bool, bool)) -> io::Result<Outcome> {
    let mut out = io::stdout().lock();
    let mut all = (0, 0, 0);
    for customer in store.customers().filter(|customer| wanted.is_none_or(|wanted| *customer == Some(wanted)))
    {
        for day in store.days(customer, ALWAYS) {
            if files {
                for file in &day.files {
                    writeln!(out, "{}", store.place().say(file))?;
                }
                continue;
            }
            let (first, last) = (moment(day.first), moment(day.last));
            all = (all.0 + day.rows, all.1 + day.files.len(), all.2 + day.bytes);
            if as_json {
                let line = json!({
                    "customer": customer, "day": day.day.to_string(), "rows": day.rows, "bytes": day.bytes,
                    "first": first, "last": last, "files": day.files,
                });
                writeln!(out, "{line}")?;
            } else {
                let name = customer.map_or_else(|| "(nobody)".to_owned(), printable);
                let parts = if day.files.len() == 1 { "file" } else { "files" };
                writeln!(
                    out,
                    "{name}  {}  {:>10} calls  {:>3} {parts}  {:>11} bytes  {first} to {last}",
                    day.day,
                    day.rows,
                    day.files.len(),
                    day.bytes
                )?;
            }
        }
    }
    if !files && !as_json {
        writeln!(out, "{} calls in {} files of {} bytes", all.0, all.1, all.2)?;
        if store.aside() > 0 {
            writeln!(out, "{} records of the spool could not be read, and are left out", store.aside())?;
        }
    }
    Ok(Outcome::Done)
}

fn verify(store: &Store, as_json: bool) -> io::Result<Outcome> {
    let verified = store.verify();
    let mut out = io::stdout().lock();
    let wrong: Vec<String> = verified.wrong.iter().map(ToString::to_string).collect();
    if as_json {
        let line = json!({
            "files": verified.files, "rows": verified.rows, "bytes": verified.bytes, "wrong": wrong,
        });
        writeln!(out, "{line}")?;
    } else {
        for wrong in &wrong {
            writeln!(out, "{}", printable(wrong))?;
        }
        writeln!(
            out,
            "{} calls in {} files of {} bytes are as they were written",
            verified.rows, verified.files, verified.bytes
        )?;
    }
    Ok(if wrong.is_empty() { Outcome::Done } else { Outcome::Findings })
}

fn erase(folder: &Path, customer: &str, number: &str, as_json: bool) -> Result<Outcome, Failure> {
    let digits: String = number.chars().filter(|letter| !letter.is_whitespace()).collect();
    let digits = digits.strip_prefix('+').and_then(|digits| digits.parse::<u64>().ok());
    let Some(digits) = digits.filter(|digits| *digits > 0) else {
        return Err(Failure::Usage(format!(
            "{} is no number: it begins with + and its country code",
            printable(number)
        )));
    };
    let mut writer = Writer::open_in_turn(folder, policies::now().0).map_err(said)?;
    let rows = writer.erase(Some(customer), digits, policies::now().0).map_err(said)?;
    // What was counted of days names the callers that called most. It is counted again when it is asked for.
    let summaries = folder.with_file_name(SUMMARIES);
    Shelf::new(&summaries).forget(Some(customer)).map_err(Failure::file(&summaries))?;
    let mut out = io::stdout().lock();
    let written = if as_json {
        writeln!(out, "{}", json!({ "customer": customer, "rows": rows }))
    } else {
        writeln!(out, "the number is withheld in {rows} records of {}", printable(customer))
    };
    written.map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

fn no_records(folder: &Path) -> Failure {
    Failure::Usage(format!("{}: there are no call records", folder.display()))
}

fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_string()
}

fn said(error: Error) -> Failure {
    Failure::Usage(error.to_string())
}

const ALWAYS: std::ops::Range<Timestamp> = Timestamp(i64::MIN)..Timestamp(i64::MAX);
