//! `ringwall case`: the desk from a terminal.

mod authorise;
mod mail;
mod pack;
mod print;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cases::case::{Feedback, Kind, Severity};
use cases::flow::{Reason, Signal, State};
use cases::intake::Directory;
use cases::io::store::{Done, Filter, Store, Visible};
use cases::{CaseNumber, Service};
use clap::{Args, Subcommand, ValueEnum};
use reporter::counted;
use serde::de::DeserializeOwned;

use crate::customers;
use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::present;
use crate::serve::{Cases, Config};
use crate::versions::judged_by;

pub(crate) use self::authorise::Only;

/// The case queue: what alerts and customers ask somebody to do.
///
/// Works on the database that the service writes, while it runs or not. Every act is written with who did it.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall case list\n  ringwall case take RW-100001-9 --by anna\n  \
ringwall case mail request.eml --contacts contacts.toml --open --by anna\n  \
ringwall case pack RW-100001-9 --to pack.zip --by anna\n  \
ringwall case adopt RW-100002-7 --as Ann --by anna\n  \
ringwall case note RW-100001-9 --by anna 'the numbers belong to a radio contest'\n  \
ringwall case close RW-100001-9 --by anna --reason false-positive --feedback tune 'a contest, limit 200 is too low'")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print cases: critical ones and those of high priority, then next due first.
    List(List),
    /// Print one case with its clocks, alerts and history.
    Show {
        number: CaseNumber,
        #[command(flatten)]
        place: Place,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Open a case for what somebody asked for.
    Open {
        /// Whose it is: the name in the customer's policy.
        #[arg(long)]
        customer: String,
        /// What is asked for: block, unblock, report, policy-change, threshold-change, reported-incident, question.
        #[arg(long, value_parser = kind)]
        kind: Kind,
        /// One line that says what.
        title: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Read a mail as the desk does: who sent it, what it asks for, why each number is taken or not.
    Mail(mail::Mail),
    /// Write all that is kept of a case into one signed file: for police, a carrier, the customer. That is written down.
    Pack(pack::Pack),
    /// Have a contact who may ask for it make the request of somebody unknown, or what is in quarantine, their own. It counts from
    /// now.
    Adopt {
        number: CaseNumber,
        /// The contact, by the name in the registry.
        #[arg(long = "as", value_name = "CONTACT")]
        contact: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Make a case yours; this acknowledges it.
    Take(Act),
    /// Go on to what VERB names; `show` prints which are possible.
    Step {
        number: CaseNumber,
        /// Such as investigate, inform, ask-info, answer, ask-changes, produce, deliver, reopen.
        #[arg(value_parser = signal)]
        verb: Signal,
        /// Words for the history.
        #[arg(default_value = "")]
        text: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Write down for the desk; customers never see it.
    Note(Act),
    /// Write to the customer.
    Message(Act),
    /// Write down what was found: what happened against what is usual, how sure, what to do, and what if nothing is done.
    Find(Act),
    #[command(flatten)]
    Authorise(authorise::Task),
    /// End a case.
    Close {
        number: CaseNumber,
        /// Why: resolved, false-positive, benign, duplicate, accepted-risk, refused, not-authorised, no-answer.
        #[arg(long, value_parser = reason)]
        reason: Reason,
        /// What shall become of the rule after a false positive.
        #[arg(long)]
        feedback: Option<FeedbackWord>,
        /// At least a sentence.
        text: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Join another case of the same customer into this one; `undo` parts them again.
    Merge {
        number: CaseNumber,
        other: CaseNumber,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Take alerts out of a case into one of their own; `undo` brings them back.
    Split {
        number: CaseNumber,
        /// Alerts by their ids, as `show` prints them.
        #[arg(required = true)]
        alerts: Vec<String>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Have alerts that other cases count stand in this case as well.
    Attach(Alerts),
    /// Take alerts that are in several cases out of this one.
    Detach(Alerts),
    /// Take back what was done with alerts, within 30 days: `show` prints the number of the act behind such a line.
    Undo {
        number: CaseNumber,
        /// The number of the act.
        act: u64,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Have alerts that are like those of a case join it from now on, whoever calls: of the same rule, with what all of them
    /// have in common.
    Group(One),
    /// End that: each caller is a case again.
    Ungroup(One),
    /// Say that two cases have to do with each other.
    Link {
        number: CaseNumber,
        other: CaseNumber,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
}

#[derive(Args)]
struct List {
    /// Of this customer.
    #[arg(long)]
    customer: Option<String>,
    /// Of this kind.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Standing here, such as open or awaiting-authorisation.
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Of this analyst; '' means nobody's.
    #[arg(long)]
    owner: Option<String>,
    /// At least so severe: info, warning, critical.
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// With this in the title.
    #[arg(long)]
    text: Option<String>,
    /// Those that are over.
    #[arg(long)]
    over: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    count: u32,
    /// Print the clocks as CSV instead, as `ringwall sla check` reads them.
    #[arg(long, conflicts_with = "json")]
    clocks: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// One case, and words about it.
#[derive(Args)]
struct Act {
    number: CaseNumber,
    /// What to write.
    #[arg(default_value = "")]
    text: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Account,
}

/// One case.
#[derive(Args)]
struct One {
    number: CaseNumber,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Account,
}

/// One case, and alerts.
#[derive(Args)]
struct Alerts {
    number: CaseNumber,
    /// Alerts by their ids, as `show` prints them.
    #[arg(required = true)]
    alerts: Vec<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Account,
}

/// Where the database is.
#[derive(Args)]
pub(crate) struct Place {
    /// The folder of the service.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration of the service, where it names a database or service hours.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Who answers for it.
#[derive(Args)]
pub(crate) struct Account {
    /// Who does it.
    #[arg(long)]
    pub(crate) by: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum FeedbackWord {
    /// Its limits shall change.
    Tune,
    /// What raised it is left out from now on: counted, and no case.
    Exception,
    /// It stays as it is.
    Accept,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let text = runtime.block_on(arguments.answer())?;
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

impl Arguments {
    async fn answer(&self) -> Result<String, Failure> {
        match &self.task {
            Task::List(list) => list.answer().await,
            Task::Show { number, place, json } => {
                let (store, service) = place.open().await?;
                print::case(&store, &service, *number, *json).await
            }
            Task::Open { customer, kind, title, place, account } => {
                let (store, service) = place.open().await?;
                let opened =
                    store.desk().open(customer, *kind, State::New, title, account.done(&service)).await;
                Ok(print::told(&opened.map_err(said)?))
            }
            Task::Mail(mail) => mail.answer().await,
            Task::Pack(pack) => pack.answer().await,
            Task::Adopt { number, contact, place, account } => {
                let (store, service) = place.open().await?;
                let adopted = store.desk().adopt(*number, contact, account.done(&service)).await;
                Ok(print::told(&adopted.map_err(said)?))
            }
            Task::Take(act) => act.step(Signal::Take).await,
            Task::Step { number, verb, text, place, account } => {
                let (store, service) = place.open().await?;
                let stepped = store.desk().step(*number, verb, text, account.done(&service)).await;
                Ok(print::told(&stepped.map_err(said)?))
            }
            Task::Note(act) => act.note(Visible::Desk).await,
            Task::Message(act) => act.note(Visible::Customer).await,
            Task::Find(act) => {
                let (store, service) = act.place.open().await?;
                act.wants_text()?;
                let found = store.desk().find(act.number, &act.text, act.account.done(&service)).await;
                Ok(print::told(&found.map_err(said)?))
            }
            Task::Authorise(task) => task.answer().await,
            Task::Close { number, reason, feedback, text, place, account } => {
                let (store, service) = place.open().await?;
                let feedback = feedback.map(FeedbackWord::meant);
                let done = account.done(&service);
                Ok(print::told(
                    &store.desk().close(*number, *reason, text, feedback, done).await.map_err(said)?,
                ))
            }
            Task::Merge { number, other, place, account } => {
                let (store, service) = place.open().await?;
                let merged = store.desk().merge(*number, *other, account.done(&service)).await;
                Ok(print::told(&merged.map_err(said)?))
            }
            Task::Split { number, alerts, place, account } => {
                let (store, service) = place.open().await?;
                let child =
                    store.desk().split(*number, alerts, account.done(&service)).await.map_err(said)?;
                Ok(format!("{}: {} of {number}\n", child.number, counted(child.alerts, "alert")))
            }
            Task::Attach(Alerts { number, alerts, place, account }) => {
                let (store, service) = place.open().await?;
                let attached = store.desk().attach(*number, alerts, account.done(&service)).await;
                Ok(print::told(&attached.map_err(said)?))
            }
            Task::Detach(Alerts { number, alerts, place, account }) => {
                let (store, service) = place.open().await?;
                let detached = store.desk().detach(*number, alerts, account.done(&service)).await;
                Ok(print::told(&detached.map_err(said)?))
            }
            Task::Group(One { number, place, account }) => {
                let (store, service) = place.open().await?;
                let grouped = store.desk().group(*number, account.done(&service)).await;
                Ok(print::told(&grouped.map_err(said)?))
            }
            Task::Ungroup(One { number, place, account }) => {
                let (store, service) = place.open().await?;
                let ungrouped = store.desk().ungroup(*number, account.done(&service)).await;
                Ok(print::told(&ungrouped.map_err(said)?))
            }
            Task::Undo { number, act, place, account } => {
                let (store, service) = place.open().await?;
                let undone = store.desk().take_back(*number, *act, account.done(&service)).await;
                Ok(print::told(&undone.map_err(said)?))
            }
            Task::Link { number, other, place, account } => {
                let (store, service) = place.open().await?;
                let linked = store.desk().link(*number, *other, account.done(&service)).await;
                Ok(print::told(&linked.map_err(said)?))
            }
        }
    }
}

impl List {
    async fn answer(&self) -> Result<String, Failure> {
        let (store, service) = self.place.open().await?;
        if let Some(customer) = &self.customer {
            self.place.has_known(&store, customer).await?;
        }
        let mut filter = Filter {
            customer: self.customer.clone(),
            kind: self.kind,
            state: self.state,
            owner: self.owner.clone(),
            severity: self.severity,
            text: self.text.clone(),
            is_over: self.over,
            ..Filter::default()
        };
        let mut cases = Vec::new();
        while cases.len() < self.count as usize {
            filter.count = Some(self.count - u32::try_from(cases.len()).unwrap_or_default());
            let page = store.desk().list(&filter).await.map_err(said)?;
            cases.extend(page.cases);
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        if self.clocks {
            return Ok(print::clocks(&cases, &service, policies::now()));
        }
        if self.json {
            return cases
                .iter()
                .map(|case| Ok(serde_json::to_string(case).map_err(unwritten)? + "\n"))
                .collect();
        }
        let mut text = print::queue(&cases, &service, policies::now());
        if filter.after.is_some() {
            text += &format!("and more: --count {} shows them\n", self.count.saturating_mul(2));
        }
        Ok(text)
    }
}

impl Act {
    async fn step(&self, signal: Signal) -> Result<String, Failure> {
        let (store, service) = self.place.open().await?;
        let stepped = store.desk().step(self.number, &signal, &self.text, self.account.done(&service)).await;
        Ok(print::told(&stepped.map_err(said)?))
    }

    async fn note(&self, visible: Visible) -> Result<String, Failure> {
        self.wants_text()?;
        let (store, service) = self.place.open().await?;
        let noted = store.desk().note(self.number, &self.text, visible, self.account.done(&service)).await;
        Ok(print::told(&noted.map_err(said)?))
    }

    fn wants_text(&self) -> Result<(), Failure> {
        if self.text.trim().is_empty() {
            return Err(Failure::Usage("there is nothing to write: give the text in quotes".to_owned()));
        }
        Ok(())
    }
}

impl Place {
    /// What the configuration says.
    pub(crate) fn cases(&self) -> Result<Cases, Failure> {
        Cases::of(self.config.as_deref(), self.data.as_deref())
    }

    /// The file of the configuration, where one is named.
    pub(crate) fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The database, and what was promised.
    pub(crate) async fn open(&self) -> Result<(Store, Service), Failure> {
        let cases = self.cases()?;
        let service = cases.service()?;
        let place = cases.place();
        if !cases.is_there() {
            return Err(Failure::Usage(format!(
                "{place}: no cases are kept there; `ringwall serve` makes the database, --data and --config say where it is"
            )));
        }
        Ok((Store::open(&place).await.map_err(said)?, service))
    }

    /// The configuration, with the folder that was named.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let mut config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }

    /// Whether there is a customer of this name: one who has told of its people, or whose policy is in force.
    ///
    /// # Errors
    /// There is none, or that cannot be told.
    pub(crate) async fn knows(&self, store: &Store, customer: &str) -> Result<(), Failure> {
        let registrations = store.desk().registrations().await.map_err(said)?;
        if registrations.iter().any(|it| it.customer == customer) {
            return Ok(());
        }
        let config = self.config()?;
        if !present::policies(&config.data, &config.policy, Some(customer))?.is_empty() {
            return Ok(());
        }
        let policies = present::policies(&config.data, &config.policy, None)?;
        let names = policies.iter().map(|it| it.text().customer.name.clone());
        let known = names.chain(registrations.into_iter().map(|it| it.customer)).collect();
        Err(customers::unknown(
            customer,
            &known,
            "no policy in force is of that name, and nobody is registered for it; --config names the file of a service that does not \
run",
        ))
    }

    /// Whether there is a customer of this name, or was: one of whom anything is written down.
    ///
    /// # Errors
    /// There is none, or that cannot be told.
    pub(crate) async fn has_known(&self, store: &Store, customer: &str) -> Result<(), Failure> {
        let acts = store.audit_heads().await.map_err(said)?;
        if acts.iter().any(|(known, _)| known == customer) {
            return Ok(());
        }
        self.knows(store, customer).await
    }

    /// What intake knows of customers: who is registered, and the policies that a service judges by.
    pub(crate) async fn directory(&self, store: &Store) -> Result<Directory, Failure> {
        let config = self.config()?;
        let policies = judged_by(&config.data, &config.policy)?;
        let customers: Vec<_> = policies.policies().iter().map(|it| it.text().customer.clone()).collect();
        let registrations = store.desk().registrations().await.map_err(said)?;
        Ok(config.mail.ours().directory(&registrations, &customers))
    }
}

impl Account {
    pub(crate) fn done<'a>(&'a self, service: &'a Service) -> Done<'a> {
        Done { who: &self.by, now: policies::now(), service }
    }
}

impl FeedbackWord {
    const fn meant(self) -> Feedback {
        match self {
            Self::Tune => Feedback::Tune,
            Self::Exception => Feedback::Exception,
            Self::Accept => Feedback::Accept,
        }
    }
}

pub(crate) fn said(error: cases::io::store::Error) -> Failure {
    Failure::Usage(error.to_string())
}

fn unwritten(error: serde_json::Error) -> Failure {
    Failure::Usage(error.to_string())
}

fn kind(word: &str) -> Result<Kind, String> {
    read(word, "kind")
}

fn state(word: &str) -> Result<State, String> {
    read(word, "state")
}

fn severity(word: &str) -> Result<Severity, String> {
    read(word, "severity")
}

fn reason(word: &str) -> Result<Reason, String> {
    Reason::parse(word)
        .ok_or_else(|| format!("no such reason: {}", Reason::EVERY.map(Reason::name).join(", ")))
}

fn signal(word: &str) -> Result<Signal, String> {
    Signal::every().into_iter().find(|signal| signal.name() == word).ok_or_else(|| {
        let mut names: Vec<_> = Signal::every().iter().map(Signal::name).collect();
        names.dedup();
        format!("no such step: {}", names.join(", "))
    })
}

/// The words of a name that is stored are those that are typed.
fn read<T: DeserializeOwned>(word: &str, what: &str) -> Result<T, String> {
    serde_json::from_value(word.into()).map_err(|error| format!("no such {what}: {error}"))
}
