//! `ringwall report schedule`: reports that run by themselves, from a terminal.

use cases::CaseNumber;
use cases::explanation::wall_time;
use cases::intake::{self, Direction, Side};
use cases::schedule::{Format, Run, RunState, Schedule, Span, When, Which};
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use reporter::printable;
use rules::Timestamp;
use serde_json::json;

use super::{catalogue, on_runtime, refused};
use crate::case::{Account, Place};
use crate::outcome::{Failure, Outcome};
use crate::policies;

/// What to do with them.
#[derive(Subcommand)]
#[command(after_help = "Example:\n  \
ringwall report schedule add weekly-operations --customer Acme --when 'weekly mon 07:00' --to ann@acme.example.com --by anna\n  \
ringwall report schedule add monthly-management --customer Acme --when 'business-day 2 07:00' --format pdf --to ann@acme.example.com --by anna\n  \
ringwall report schedule run RS-1f0c22ab --by anna\n  \
ringwall report schedule history RS-1f0c22ab --json")]
pub(super) enum Task {
    /// Have a report run by itself.
    Add(Box<Add>),
    /// Print which run by themselves, the next first.
    List {
        /// Of this customer.
        #[arg(long)]
        customer: Option<String>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Have one run no more. What it made stays.
    Remove {
        id: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Have one run now, or once more about the days of a time at which it was due. The service makes it.
    Run {
        id: String,
        /// The time, as `history` prints it: RFC 3339; now unless given.
        #[arg(long, value_name = "TIME")]
        due: Option<jiff::Timestamp>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Print the runs of one, or of all, the latest first.
    History {
        id: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        count: u32,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Write down that an authoriser of the customer said yes to recipients outside it.
    Authorise {
        id: String,
        /// The authoriser, by the name in the registry.
        #[arg(long = "as", value_name = "CONTACT")]
        contact: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
}

/// What runs, and when.
#[derive(Args)]
pub(super) struct Add {
    /// The name of the report; left out where --case names a request.
    #[arg(required_unless_present = "case")]
    report: Option<String>,
    /// Whose; left out where --case names a request.
    #[arg(long, required_unless_present = "case")]
    customer: Option<String>,
    /// once, daily 07:00, business-days 17:15, weekly mon 07:00, biweekly mon 07:00, monthly 31 07:00, business-day 2 07:00,
    /// last-business-day 07:00, quarterly 07:00, or cron 0 7 * * 1-5; wall time of the customer.
    #[arg(long, required_unless_present = "case")]
    when: Option<When>,
    /// Which days each run is about: 1 day, 7 days, today, month, this-month, quarter, or 2026-03-04..2026-03-10; what is usual
    /// for --when unless given.
    #[arg(long)]
    about: Option<Span>,
    /// html, pdf, csv, xlsx or json.
    #[arg(long, default_value = "html")]
    format: Format,
    /// Who is to get it; may be given several times.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "case")]
    to: Vec<String>,
    /// The customer's zone; that of its service hours unless given.
    #[arg(long)]
    zone: Option<String>,
    /// Calls of these numbers only, +1210…; may be given several times.
    #[arg(long, value_parser = crate::recorded::number)]
    number: Vec<String>,
    /// Whose numbers: internal, external, both.
    #[arg(long, default_value = "both", value_parser = side)]
    side: Side,
    /// Which way: inbound, outbound, both.
    #[arg(long, default_value = "both", value_parser = direction)]
    direction: Direction,
    /// The case that asks for it: its mail says the rest.
    #[arg(long, conflicts_with_all = ["report", "customer", "when", "about", "to"])]
    case: Option<CaseNumber>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Account,
}

impl Task {
    pub(super) fn run(&self) -> Result<Outcome, Failure> {
        on_runtime(self.answer())
    }

    async fn answer(&self) -> Result<String, Failure> {
        match self {
            Self::Add(add) => add.answer().await,
            Self::List { customer, json, place } => {
                let (store, _) = place.open().await?;
                let found = store.desk().schedules(customer.as_deref()).await.map_err(refused)?;
                Ok(found.iter().map(|(schedule, next)| listed(schedule, *next, *json)).collect())
            }
            Self::Remove { id, place, account } => {
                let (store, service) = place.open().await?;
                let gone = store.desk().remove_schedule(id, account.done(&service)).await.map_err(refused)?;
                Ok(format!("{}: {} runs no more\n", gone.id, printable(&gone.report)))
            }
            Self::Run { id, due, place, account } => {
                let (store, service) = place.open().await?;
                let done = account.done(&service);
                let due = due.map_or(done.now, |at| Timestamp(at.as_microsecond()));
                let run = store.desk().run_schedule(id, due, done).await.map_err(refused)?;
                Ok(format!("{}: the service makes it\n", run.id))
            }
            Self::History { id, count, json, place } => {
                let (store, _) = place.open().await?;
                let runs = store.desk().runs(id.as_deref(), *count).await.map_err(refused)?;
                let line = |run: &Run| if *json { line(run) } else { Ok(told(run)) };
                runs.iter().map(line).collect()
            }
            Self::Authorise { id, contact, place, account } => {
                let (store, service) = place.open().await?;
                let schedule = store.desk().authorise_schedule(id, contact, account.done(&service)).await;
                let schedule = schedule.map_err(refused)?;
                Ok(format!("{}: {} said yes to recipients outside\n", schedule.id, printable(contact)))
            }
        }
    }
}

impl Add {
    async fn answer(&self) -> Result<String, Failure> {
        let (store, service) = self.place.open().await?;
        let done = self.account.done(&service);
        let schedule = match self.case {
            Some(case) => self.of_case(&store, case, done.now).await?,
            None => {
                let schedule = self.named(&service, done.now)?;
                self.place.knows(&store, &schedule.customer).await?;
                schedule
            }
        };
        let next = store.desk().add_schedule(&schedule, done).await.map_err(refused)?;
        let calendar = service.calendar_of(&schedule.customer);
        let mut text = format!(
            "{}: {}, {}, about {}, first {}\n",
            schedule.id,
            schedule.report,
            schedule.when,
            schedule.span,
            wall_time(calendar, next)
        );
        let registration = store.desk().registration(&schedule.customer).await.map_err(refused)?;
        for (address, why) in schedule.readers(&registration, policies::now()).pending {
            text += &format!("  not to {}, who {why}\n", printable(&address));
        }
        Ok(text)
    }

    fn named(&self, service: &cases::Service, now: Timestamp) -> Result<Schedule, Failure> {
        let (Some(report), Some(customer), Some(when)) = (&self.report, &self.customer, &self.when) else {
            return Err(Failure::Usage("NAME, --customer and --when are wanted".to_owned()));
        };
        catalogue::check(report, self.format, &self.number)?;
        let calendar = service.calendar_of(customer);
        let zone = self.zone.as_deref().or_else(|| calendar.zone().iana_name()).unwrap_or("UTC");
        let schedule = Schedule {
            id: String::new(),
            customer: customer.clone(),
            report: report.clone(),
            format: self.format,
            when: when.clone(),
            span: self.about.unwrap_or_else(|| Span::usual(when)),
            which: Which { side: self.side, direction: self.direction, numbers: self.number.clone() },
            zone: zone.to_owned(),
            recipients: self.to.clone(),
            case: None,
            authorised: None,
            by: self.account.by.clone(),
            at: now,
        };
        Ok(schedule.named())
    }

    /// What the mail of a case asks for, read again.
    async fn of_case(
        &self,
        store: &cases::io::store::Store,
        number: CaseNumber,
        now: Timestamp,
    ) -> Result<Schedule, Failure> {
        let wrong = |what: &str| Failure::Usage(format!("{number} {what}"));
        let kept = store.desk().evidence(number).await.map_err(refused)?;
        let mail =
            kept.mails.first().ok_or_else(|| wrong("has no mail: give NAME, --customer and --when"))?;
        let directory = self.place.directory(store).await?;
        let envelope = intake::Envelope {
            return_path: intake::ReturnPath::Unknown,
            recipients: Vec::new(),
            received_at: mail.received,
            checks: None,
        };
        let read = intake::read(&mail.raw, &envelope, &directory);
        let asked = read.requests.iter().find_map(|it| it.report.as_ref().map(|report| (it, report)));
        let (request, report) = asked.ok_or_else(|| wrong("asks for no report"))?;
        let numbers = request.taken().map(|number| number.to_string()).collect();
        let zone = directory.tenant(&kept.case.customer).map_or("UTC", |tenant| tenant.zone.as_str());
        let told = (number, self.account.by.as_str(), now);
        let schedule = Schedule::of_request(report, numbers, &kept.case.customer, zone, told);
        let schedule = schedule.ok_or_else(|| wrong("does not say from when to when"))?;
        Ok(Schedule { format: self.format, ..schedule }.named())
    }
}

fn listed(schedule: &Schedule, next: Option<Timestamp>, as_json: bool) -> String {
    let zone = schedule.time_zone();
    let next = next.map(|at| instant(at).to_zoned(zone));
    if as_json {
        let mut value = json!(schedule);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("next".to_owned(), json!(next.map(|at| at.timestamp().to_string())));
        }
        return format!("{value}\n");
    }
    let next = next.map_or_else(|| "-".to_owned(), |at| at.strftime("%a %-d %b %Y %H:%M %Z").to_string());
    let to: Vec<_> = schedule.recipients.iter().map(|it| printable(it)).collect();
    format!(
        "{}  {}  {}  {}  {}, about {}  next {next}  to {}\n",
        schedule.id,
        printable(&schedule.customer),
        schedule.report,
        schedule.format,
        schedule.when,
        schedule.span,
        to.join(", ")
    )
}

/// One run for a person.
fn told(run: &Run) -> String {
    let days = run.covered.words(&TimeZone::UTC);
    let mut text = format!(
        "{}  {}  {}  {} file{}, to {}\n",
        run.id,
        run.state.name(),
        days,
        run.files.len(),
        if run.files.len() == 1 { "" } else { "s" },
        if run.sent_to.is_empty() { "nobody".to_owned() } else { run.sent_to.join(", ") }
    );
    for file in &run.files {
        text += &format!("  {} {} {}\n", file.sha256, file.bytes, printable(&file.name));
    }
    for words in run.words.iter().chain(&run.pending) {
        text += &format!("  {}\n", printable(words));
    }
    if run.state == RunState::Running
        && let Some(lease) = &run.lease
    {
        text += &format!("  {} makes it, and holds it until {}\n", lease.owner, instant(lease.until));
    }
    text
}

fn line(run: &Run) -> Result<String, Failure> {
    let line = serde_json::to_string(run);
    line.map(|line| line + "\n").map_err(|error| Failure::Usage(error.to_string()))
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or_default()
}

fn side(text: &str) -> Result<Side, String> {
    match text {
        "internal" => Ok(Side::Internal),
        "external" => Ok(Side::External),
        "both" => Ok(Side::Both),
        _ => Err(format!("{text:?}: internal, external, both")),
    }
}

fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "inbound" => Ok(Direction::Inbound),
        "outbound" => Ok(Direction::Outbound),
        "both" => Ok(Direction::Both),
        _ => Err(format!("{text:?}: inbound, outbound, both")),
    }
}
