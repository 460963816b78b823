//! `ringwall report`: one report, or those that run by themselves.

mod catalogue;
mod context;
mod figures;
mod pdf;
mod schedule;
mod tables;

use std::io::{self, Write as _};
use std::path::PathBuf;

use cases::intake::Direction;
use cases::schedule::{Covered, Format, Order, Sight, Which};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rules::Timestamp;

pub(crate) use catalogue::{kinds, maker};
pub(crate) use figures::SUMMARIES;
pub(crate) use pdf::is_there as has_typesetter;

use crate::case::{Account, Place, said};
use crate::outcome::{Failure, Outcome};
use crate::present;
use crate::recorded::{day, number};
use crate::serve::Config;

/// Reports: one now, or some that run by themselves and go to whom they may.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Example:\n  \
ringwall report weekly-operations --customer Acme --from 2026-10-05 --to 2026-10-11 --format html --out weekly.html\n  \
ringwall report dossier --customer Acme --number +12105550142 --from 2026-01-01 --to 2026-10-31 --format html --out dossier.html\n  \
ringwall report sla-statement --customer Acme --from 2026-10-01 --to 2026-10-31 --format csv > statement.csv\n  \
ringwall report schedule add sla-statement --customer Acme --when 'business-day 2 07:00' --to ann@acme.example.com --by anna\n  \
ringwall report schedule list\n  \
ringwall report schedule history RS-1f0c22ab")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// Its name; docs/reports.md says what is in each: weekly-operations, monthly-management, fraud-exposure, identity,
    /// rule-hygiene, service-review, dossier, ad-hoc, sla-statement, access-review, monitoring-log, custody.
    #[arg(required = true)]
    name: Option<String>,
    /// Whose.
    #[arg(long, required = true)]
    customer: Option<String>,
    /// The first day.
    #[arg(long, required = true, value_name = "DATE", value_parser = day)]
    from: Option<Date>,
    /// The last day, to its end.
    #[arg(long, required = true, value_name = "DATE", value_parser = day)]
    to: Option<Date>,
    /// html, csv, xlsx or json; pdf where `ringwall-typeset` lies beside this program (docs/reports.md).
    #[arg(long, default_value = "csv")]
    format: Format,
    /// Where it is written: a file, or a folder for a file of each table. Standard output unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only calls from or to it, E.164 with a plus: of whom a dossier is, which calls are listed.
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    number: Vec<String>,
    /// Only calls that went this way: inbound or outbound.
    #[arg(long, value_name = "DIRECTION", value_parser = direction)]
    direction: Option<Direction>,
    #[command(flatten)]
    place: Place,
}

#[derive(Subcommand)]
enum Task {
    /// Reports that run by themselves.
    #[command(subcommand)]
    Schedule(schedule::Task),
    /// Erase reports that tell of a person; each can be made again. Records are erased with `ringwall records erase`.
    Erase {
        /// Whose reports.
        #[arg(long)]
        customer: String,
        /// The person's number, +1210…
        #[arg(long, value_parser = number)]
        number: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.task {
        Some(Task::Schedule(task)) => task.run(),
        Some(Task::Erase { customer, number, place, account }) => on_runtime(async {
            let (store, service) = place.open().await?;
            place.has_known(&store, customer).await?;
            let tells = |name: &str, bytes: &[u8]| reporter::privacy::tells_of(number, name, bytes);
            let done = account.done(&service);
            let erased = store.desk().erase_from_reports(customer, tells, done).await.map_err(refused)?;
            let lines = erased.iter().map(|(run, name)| format!("{run} {}\n", reporter::printable(name)));
            Ok(lines.chain([format!("{} files erased\n", erased.len())]).collect())
        }),
        None => arguments.make(),
    }
}

impl Arguments {
    fn make(&self) -> Result<Outcome, Failure> {
        let (Some(report), Some(customer), Some(from), Some(to)) =
            (&self.name, &self.customer, self.from, self.to)
        else {
            return Err(Failure::Usage("NAME, --customer, --from and --to are wanted".to_owned()));
        };
        let config = self.place.config()?;
        self.knows(customer)?;
        let zone = self.zone(&config, customer)?;
        let order = Order {
            report: report.clone(),
            customer: customer.clone(),
            covered: covered(&zone, from, to)?,
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            format: self.format,
            which: Which {
                numbers: self.number.clone(),
                direction: self.direction.unwrap_or(Direction::Both),
                ..Which::default()
            },
            // Whoever types this reads the database itself.
            sight: Sight::Whole,
        };
        let made = maker(&config)?(&order).map_err(|not_made| Failure::Usage(not_made.why))?;
        for note in &made.notes {
            eprintln!("ringwall: {note}");
        }
        let is_alone = made.files.len() == 1;
        for file in &made.files {
            match &self.out {
                Some(path) if is_alone && !path.is_dir() => {
                    std::fs::write(path, &file.bytes).map_err(Failure::file(path))?;
                }
                Some(folder) => {
                    std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
                    let path = folder.join(&file.name);
                    std::fs::write(&path, &file.bytes).map_err(Failure::file(&path))?;
                }
                None if is_alone => io::stdout().lock().write_all(&file.bytes).map_err(Failure::Output)?,
                None => {
                    let mut out = io::stdout().lock();
                    let written = writeln!(out, "# {}", file.name).and_then(|()| out.write_all(&file.bytes));
                    written.and_then(|()| writeln!(out)).map_err(Failure::Output)?;
                }
            }
        }
        Ok(Outcome::Done)
    }

    /// Makes sure that there is such a customer, or was: of nobody everything is zero.
    fn knows(&self, customer: &str) -> Result<(), Failure> {
        if !self.place.cases()?.is_there() {
            return Ok(());
        }
        on_runtime(async {
            let (store, _) = self.place.open().await?;
            self.place.has_known(&store, customer).await?;
            Ok(String::new())
        })
        .map(drop)
    }

    /// Whose days: those of the customer's policy, else those of its service hours.
    fn zone(&self, config: &Config, customer: &str) -> Result<TimeZone, Failure> {
        let is_there = config.data.is_dir() || !config.policy.is_empty();
        let policies = if is_there {
            present::policies(&config.data, &config.policy, Some(customer))?
        } else {
            Vec::new()
        };
        Ok(match policies.first() {
            Some(policy) => policy.text().customer.time_zone.clone(),
            None => self.place.cases()?.service()?.calendar_of(customer).zone().clone(),
        })
    }
}

fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "inbound" => Ok(Direction::Inbound),
        "outbound" => Ok(Direction::Outbound),
        _ => Err("inbound or outbound".to_owned()),
    }
}

/// Whole days of `zone`, from the first to the last.
fn covered(zone: &TimeZone, first: Date, last: Date) -> Result<Covered, Failure> {
    let start = |date: Date| {
        let start = date.to_zoned(zone.clone()).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Timestamp(start.timestamp().as_microsecond()))
    };
    if last < first {
        return Err(Failure::Usage(format!("--to {last} lies before --from {first}")));
    }
    let behind = last.tomorrow().map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Covered { from: start(first)?, to: start(behind)? })
}

/// Answers a question to the database from a command.
fn on_runtime(answer: impl Future<Output = Result<String, Failure>>) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let text = runtime.block_on(answer)?;
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

/// What the database said.
fn refused(error: cases::io::store::Error) -> Failure {
    said(error)
}
