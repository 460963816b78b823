//! `ringwall sla`: when something is due by the calendar of the service, and whether a statement of clocks is right.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use cases::explanation::{WhatIf, wall_time};
use cases::statement::{self, Finding};
use cases::{Due, Service};
use clap::{Args, Subcommand};
use rules::Timestamp;
use serde_json::json;

use crate::outcome::{Failure, Outcome};

/// Due times by the service's calendar, and statements of clocks recomputed.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall sla explain --at '2026-11-25 16:30'\n  \
ringwall sla explain --calendar service.toml --json - < times.txt\n  \
ringwall sla check --calendar service.toml statement.csv")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print when something that came in at a time is due, and every stretch of business time that was counted.
    Explain {
        #[command(flatten)]
        hours: ServiceHours,
        /// When it came in: RFC 3339, or a date and time in the calendar's zone; may be given several times.
        #[arg(long, required_unless_present = "times")]
        at: Vec<String>,
        /// `-` reads times from standard input, one a line.
        #[arg(value_name = "-", value_parser = ["-"])]
        times: Option<String>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Recompute the due times of a CSV statement, such as `ringwall case list --clocks` prints, and name each that differs.
    Check {
        #[command(flatten)]
        hours: ServiceHours,
        /// The statement; `-` is standard input.
        statement: PathBuf,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct ServiceHours {
    /// The file with calendars and terms; the sample (Monday to Friday, 8 to 5, Central Time) unless given.
    #[arg(long, value_name = "FILE")]
    calendar: Option<PathBuf>,
    /// The customer whose calendar counts, where the file gives it one.
    #[arg(long)]
    customer: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.task {
        Task::Explain { hours, at, times, json } => {
            let (service, customer) = (hours.read()?, hours.customer.as_deref());
            let explainer =
                Explainer { service: &service, customer: customer.unwrap_or_default(), json: *json };
            explainer.run(at, times.is_some())
        }
        Task::Check { hours, statement, json } => check(&hours.read()?, statement, *json),
    }
}

impl ServiceHours {
    fn read(&self) -> Result<Service, Failure> {
        self.calendar.as_deref().map_or_else(|| Ok(Service::sample()), read)
    }
}

/// The calendars and terms in the file `path`.
pub(crate) fn read(path: &Path) -> Result<Service, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file(path))?;
    Service::parse(&text).map_err(|mistakes| {
        for mistake in &mistakes.0 {
            eprintln!("ringwall: {}:{}: {}", path.display(), mistake.line, mistake.what);
        }
        Failure::Said
    })
}

/// What `--json` prints for one time; all in RFC 3339, UTC.
#[derive(serde::Serialize)]
struct DueLine {
    at: String,
    ack_target: String,
    ack_contract: String,
    complete_target: String,
    complete_contract: String,
    update_target: String,
}

struct Explainer<'a> {
    service: &'a Service,
    customer: &'a str,
    json: bool,
}

impl Explainer<'_> {
    fn run(&self, times: &[String], and_input: bool) -> Result<Outcome, Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut outcome = Outcome::Done;
        let mut explain = |time: &str, place: &str| -> Result<(), Failure> {
            match self.explain(time) {
                Ok(text) => out.write_all(text.as_bytes()).map_err(Failure::Output),
                Err(wrong) => {
                    eprintln!("ringwall: {place}{wrong}");
                    outcome = Outcome::Refused;
                    Ok(())
                }
            }
        };
        for time in times {
            explain(time, "--at: ")?;
        }
        if and_input {
            for (index, line) in io::stdin().lock().lines().enumerate() {
                let line = line.map_err(Failure::file(Path::new("standard input")))?;
                if !line.trim().is_empty() {
                    explain(line.trim(), &format!("line {}: ", index + 1))?;
                }
            }
        }
        out.flush().map_err(Failure::Output)?;
        Ok(outcome)
    }

    fn explain(&self, time: &str) -> Result<String, String> {
        let calendar = self.service.calendar_of(self.customer);
        let WhatIf { at, is_open, clocks, update } = WhatIf::new(self.service.terms(), calendar, time)?;
        if self.json {
            let [(_, ack, _), (_, complete, _)] = clocks;
            let line = DueLine {
                at: utc(at),
                ack_target: utc(ack.target),
                ack_contract: utc(ack.contract),
                complete_target: utc(complete.target),
                complete_contract: utc(complete.contract),
                update_target: utc(update.0),
            };
            return serde_json::to_string(&line).map(|line| line + "\n").map_err(|error| error.to_string());
        }
        let shown = |at| wall_time(calendar, at);
        let open = if is_open { "open" } else { "closed" };
        let mut text = format!("{}: the desk is {open} (calendar {})\n", shown(at), calendar.name());
        for (name, Due { target, contract }, explanation) in clocks {
            text += &format!("  {name} by {}, at the latest by {}\n", shown(target), shown(contract));
            for line in explanation.lines(calendar) {
                text += &format!("    {line}\n");
            }
        }
        text += &format!("  update by {}, which nobody promised\n", shown(update.0));
        for line in update.1.lines(calendar) {
            text += &format!("    {line}\n");
        }
        Ok(text)
    }
}

fn check(service: &Service, path: &Path, json: bool) -> Result<Outcome, Failure> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin()).map_err(Failure::file(Path::new("standard input")))?
    } else {
        fs::read_to_string(path).map_err(Failure::file(path))?
    };
    let checked = statement::check(service, &text).map_err(|mistakes| {
        for mistake in &mistakes.0 {
            eprintln!("ringwall: {}:{}: {}", path.display(), mistake.line, mistake.what);
        }
        Failure::Said
    })?;
    let mut out = io::stdout().lock();
    for Finding { line, case, what } in &checked.findings {
        let written = if json {
            writeln!(out, "{}", json!({ "line": line, "case": case, "finding": what }))
        } else {
            writeln!(out, "line {line}: {}: {what}", reporter::printable(case))
        };
        written.map_err(Failure::Output)?;
    }
    // Of one clock several things may be wrong.
    let wrong: BTreeSet<usize> = checked.findings.iter().map(|finding| finding.line).collect();
    let summary = format!("{} clocks, {} differ", checked.clocks, wrong.len());
    if json {
        eprintln!("ringwall: {summary}")
    } else {
        writeln!(out, "{summary}").map_err(Failure::Output)?
    }
    Ok(if checked.findings.is_empty() { Outcome::Done } else { Outcome::Findings })
}

fn utc(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| String::new(), |at| at.to_string())
}
