//! `ringwall report`: one report, or those that run by themselves.

mod catalogue;
mod context;
mod figures;
mod pdf;
mod schedule;
mod tables;

use std::io::{self, Write as _};
use std::path::PathBuf;

use cases::schedule::{Covered, Format, Order, Sight, Which};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rules::Timestamp;

pub(crate) use catalogue::maker;

use crate::case::{Account, Place, said};
use crate::outcome::{Failure, Outcome};

/// Reports: one now, or some that run by themselves and go to whom they may.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Example:\n  \
ringwall report sla-statement --customer Acme --from 2026-10-01 --to 2026-10-31 --format csv > statement.csv\n  \
ringwall report schedule add sla-statement --customer Acme --when 'business-day 2 07:00' --to ann@acme.example.com --by anna\n  \
ringwall report schedule list\n  \
ringwall report schedule history RS-1f0c22ab")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// Its name: sla-statement, access-review, monitoring-log, custody.
    #[arg(required = true)]
    name: Option<String>,
    /// Whose.
    #[arg(long, required = true)]
    customer: Option<String>,
    /// The first day.
    #[arg(long, required = true, value_name = "DATE")]
    from: Option<Date>,
    /// The last day, to its end.
    #[arg(long, required = true, value_name = "DATE")]
    to: Option<Date>,
    /// html, pdf, csv, xlsx or json.
    #[arg(long, default_value = "csv")]
    format: Format,
    /// Where it is written; standard output unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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
        #[arg(long)]
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
        let cases = self.place.cases()?;
        let zone = cases.service()?.calendar_of(customer).zone().clone();
        let order = Order {
            report: report.clone(),
            customer: customer.clone(),
            covered: covered(&zone, from, to)?,
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            format: self.format,
            which: Which::default(),
            // Whoever types this reads the database itself.
            sight: Sight::Whole,
        };
        let made = maker(&cases)?(&order).map_err(|not_made| Failure::Usage(not_made.why))?;
        for note in &made.notes {
            eprintln!("ringwall: {note}");
        }
        for file in &made.files {
            match &self.out {
                Some(path) => std::fs::write(path, &file.bytes).map_err(Failure::file(path))?,
                None => io::stdout().lock().write_all(&file.bytes).map_err(Failure::Output)?,
            }
        }
        Ok(Outcome::Done)
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
