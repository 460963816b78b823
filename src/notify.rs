//! `ringwall notify`: who is told of what, why, and whether it arrived.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cases::explanation::wall_time;
use cases::io::send::machines;
use cases::io::store::{Done, Store};
use cases::notice::{
    AWAKE_HOURS, AWAKE_HOURS_MAX, Engine, Fact, HandOver, Happening, Memory, Outcome as Decided, Settings,
    TargetKind, Telling, World, document, hand_overs,
};
use cases::outgoing::{Channel, Content, Delivery, Outgoing};
use cases::{CaseNumber, Registration, Service};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use reporter::printable;
use rules::Timestamp;

use crate::case::{Account, Place, said};
use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::recorded::day;

/// Notices: who is told of what happens to cases.
///
/// What goes to whom stands in the file that `notices` of `[cases]` names; docs/notices.md has a complete one.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall notify explain RW-100001-9\n  ringwall notify explain --event fact.json --config ringwall.toml\n  \
ringwall notify rota --from 2026-12-21 --to 2027-01-04 --config ringwall.toml\n  ringwall notify test --target siem --config ringwall.toml\n  \
ringwall notify acknowledge RW-100001-9 --by anna\n  \
ringwall notify handover first --by anna --note 'RW-100001-9 waits for the carrier'\n  ringwall notify awake --by anna --hours 3"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print which rule did what for a case, or would for an event that is in no case.
    Explain {
        /// The case.
        #[arg(required_unless_present = "event")]
        number: Option<CaseNumber>,
        /// A file with one event as JSON, such as {"event":"violation","customer":"Acme","severity":"critical","rule":"harassment"};
        /// told what the next hours would bring while nobody acts.
        #[arg(long, value_name = "FILE", conflicts_with = "number")]
        event: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Print who is on duty, and when nobody is.
    Rota {
        /// From this day; today unless named.
        #[arg(long, value_parser = day)]
        from: Option<Date>,
        /// Until this day; two weeks later unless named.
        #[arg(long, value_parser = day)]
        to: Option<Date>,
        #[command(flatten)]
        place: Place,
    },
    /// Send a trial to a machine at once, and say what it answered.
    Test {
        /// A target of the file.
        #[arg(long)]
        target: String,
        #[command(flatten)]
        place: Place,
    },
    /// Have something sent once more, with the same id.
    Resend {
        /// As `ringwall case show` prints it.
        id: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Say what whoever comes on duty after you should know; without a note, print what was said within two weeks.
    Handover {
        /// The rota, as the file of notices calls it; without a note all of them unless named.
        rota: Option<String>,
        /// What they should know, in up to 2,000 characters; `-` reads it from standard input.
        #[arg(long, requires_all = ["rota", "by"], allow_hyphen_values = true)]
        note: Option<String>,
        /// Who says it: who is on duty, or a duty manager.
        #[arg(long, requires = "note")]
        by: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Say that you are awake: what would ring comes in one thread of mails meanwhile, and rings when nobody acts.
    Awake {
        /// For so many hours, from 1 to 12.
        #[arg(long, default_value_t = AWAKE_HOURS, value_parser = clap::value_parser!(i64).range(1..=AWAKE_HOURS_MAX))]
        hours: i64,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Say that you are not awake any more: what comes rings again.
    Asleep {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Say that you look at it: nobody further is called for half an hour.
    Acknowledge {
        number: CaseNumber,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let (text, outcome) = runtime.block_on(arguments.task.answer())?;
    policies::print(&text)?;
    Ok(outcome)
}

impl Task {
    async fn answer(&self) -> Result<(String, Outcome), Failure> {
        let text = match self {
            Self::Explain { number: Some(number), place, json, .. } => {
                let (store, service) = place.open().await?;
                let case = store.desk().case(*number).await.map_err(said)?;
                let tellings = store.desk().tellings(*number).await.map_err(said)?;
                told(&tellings, service.calendar_of(&case.customer), *json)?
            }
            Self::Explain { event, place, json, .. } => {
                let path =
                    event.as_deref().ok_or_else(|| Failure::Usage("give a case or --event".to_owned()))?;
                let cases = place.cases()?;
                let service = cases.service()?;
                let settings = cases.notices(&service)?;
                let fact = read(path)?;
                // People with what they chose, silences and who is awake count where there is a database.
                let (people, silences, awake, preferences) = match place.open().await {
                    Ok((store, _)) => (
                        store.desk().registrations().await.map_err(said)?,
                        store.desk().silences(false).await.map_err(said)?,
                        store.desk().awake(fact.at).await.map_err(said)?,
                        store.desk().preferences().await.map_err(said)?,
                    ),
                    Err(_) => (Vec::new(), Vec::new(), BTreeMap::new(), BTreeMap::new()),
                };
                let people = people.into_iter().map(|it: Registration| (it.customer.clone(), it)).collect();
                let world = World {
                    settings: &settings,
                    service: &service,
                    people: &people,
                    silences: &silences,
                    awake: &awake,
                    preferences: &preferences,
                    office: None,
                };
                told(&foretold(&fact, world), service.calendar_of(&fact.customer), *json)?
            }
            Self::Rota { from, to, place } => {
                let cases = place.cases()?;
                duties(&cases.notices(&cases.service()?)?, *from, *to)?
            }
            Self::Test { target, place } => return test(target, place).await,
            Self::Resend { id, place, account } => {
                let (store, service) = place.open().await?;
                match store.desk().resend(id, account.done(&service)).await.map_err(said)? {
                    Some(outgoing) => {
                        format!(
                            "{id} goes to {} by {} once more\n",
                            printable(&outgoing.to),
                            outgoing.channel.name()
                        )
                    }
                    None => return Err(Failure::Usage(format!("there is nothing {id:?} that went out"))),
                }
            }
            Self::Handover { rota, note: Some(note), by: Some(by), place, .. } => {
                let (settings, store, service) = duty(place).await?;
                let note = if note == "-" {
                    std::io::read_to_string(std::io::stdin()).map_err(Failure::Output)?
                } else {
                    note.clone()
                };
                let done = Done { who: by, now: policies::now(), service: &service };
                let rota = rota.as_deref().unwrap_or_default();
                let of = store.desk().hand_over(&settings, rota, &note, done).await.map_err(said)?;
                let at = settings.rotas.get(rota).map(|it| it.wall_words(of.at)).unwrap_or_default();
                let to = if of.to.is_empty() { "whoever comes on".to_owned() } else { of.to.join(", ") };
                let when =
                    if of.at > done.now { format!("is told on {at}") } else { "is told now".to_owned() };
                printable(&format!("{to} {when}")) + "\n"
            }
            Self::Handover { rota, place, .. } => {
                let (settings, store, _) = duty(place).await?;
                let now = policies::now();
                let (from, to) = (now.plus_micros(-TWO_WEEKS_MICROS), now.plus_micros(TWO_WEEKS_MICROS));
                let notes = store.desk().notes(from, to).await.map_err(said)?;
                let all = hand_overs(&settings, &notes, from, to);
                said_at(&settings, all.iter().filter(|it| rota.as_ref().is_none_or(|rota| *rota == it.rota)))
            }
            Self::Awake { hours, place, account } => {
                let (settings, store, service) = duty(place).await?;
                is_person(&settings, &account.by)?;
                let done = account.done(&service);
                let until = done.now.plus_micros(hours * 3_600_000_000);
                let awake = store.desk().wake(until, done).await.map_err(said)?;
                format!(
                    "{} is awake until {}: what would ring comes in one thread, and rings when nobody acts\n",
                    printable(&account.by),
                    wall_time(service.calendar(), awake.until)
                )
            }
            Self::Asleep { place, account } => {
                let (store, service) = place.open().await?;
                store.desk().rest(account.done(&service)).await.map_err(said)?;
                format!("{} is not awake any more: what comes rings\n", printable(&account.by))
            }
            Self::Acknowledge { number, place, account } => {
                let (store, service) = place.open().await?;
                store.desk().acknowledge(*number, account.done(&service)).await.map_err(said)?;
                format!("{number}: {} looks at it, and nobody further is called for 30 minutes\n", account.by)
            }
        };
        Ok((text, Outcome::Done))
    }
}

/// People and rotas, and where notes are kept.
async fn duty(place: &Place) -> Result<(Settings, Store, Service), Failure> {
    let cases = place.cases()?;
    let settings = cases.notices(&cases.service()?)?;
    let (store, service) = place.open().await?;
    Ok((settings, store, service))
}

fn is_person(settings: &Settings, who: &str) -> Result<(), Failure> {
    if settings.people.contains_key(who) {
        return Ok(());
    }
    let names: Vec<_> = settings.people.keys().map(String::as_str).collect();
    Err(Failure::Usage(format!("no person {who:?} in the file of notices: {}", names.join(", "))))
}

/// Hand-overs with what was said, one under the other.
fn said_at<'a>(settings: &Settings, all: impl Iterator<Item = &'a HandOver>) -> String {
    let mut text = String::new();
    for it in all {
        let at = settings.rotas.get(&it.rota).map(|rota| rota.wall_words(it.at)).unwrap_or_default();
        let (from, to) = (it.from.join(", "), it.to.join(", "));
        text += &format!("{at}  {}: {} to {}\n", printable(&it.rota), printable(&from), printable(&to));
        if it.notes.is_empty() {
            text += "  nothing was said\n";
        }
        for note in &it.notes {
            text += &format!("  {}:\n", printable(&note.by));
            text.extend(note.text.lines().map(|line| format!("    {}\n", printable(line))));
        }
    }
    if text.is_empty() { "no hand-overs within two weeks\n".to_owned() } else { text }
}

/// What the engine would decide about `fact` in the hours to come, while nobody acts.
fn foretold(fact: &Fact, world: World<'_>) -> Vec<Telling> {
    let (mut engine, mut decided) = (Engine::new(Memory::default()), Decided::default());
    engine.handle(fact, world, fact.at, &mut decided);
    for second in 0..FORETOLD_SECONDS {
        engine.advance(world, fact.at.plus_micros(second * 1_000_000), &mut decided);
    }
    decided.tellings
}

fn read(path: &std::path::Path) -> Result<Fact, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    let wrong = |error: serde_json::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let mut value: serde_json::Value = serde_json::from_str(&text).map_err(wrong)?;
    if let Some(object) = value.as_object_mut() {
        object.entry("id").or_insert_with(|| "foretold".into());
        object.entry("at").or_insert_with(|| policies::now().0.into());
    }
    serde_json::from_value(value).map_err(wrong)
}

fn told(tellings: &[Telling], calendar: &cases::Calendar, json: bool) -> Result<String, Failure> {
    if json {
        let lines = tellings.iter().map(|it| serde_json::to_string(it).map(|line| line + "\n"));
        return lines.collect::<Result<_, _>>().map_err(|error| Failure::Usage(error.to_string()));
    }
    if tellings.is_empty() {
        return Ok("nothing was decided about it\n".to_owned());
    }
    let line = |it: &Telling| {
        format!(
            "{}  {}  {}: {}\n",
            wall_time(calendar, Timestamp(it.at.0 - it.at.0.rem_euclid(1_000_000))),
            printable(&it.fact),
            it.stage,
            printable(&it.text)
        )
    };
    Ok(tellings.iter().map(line).collect())
}

fn duties(settings: &Settings, from: Option<Date>, to: Option<Date>) -> Result<String, Failure> {
    if settings.rotas.is_empty() {
        return Ok("no rotas\n".to_owned());
    }
    let mut text = String::new();
    for (name, rota) in &settings.rotas {
        let start = |date: Date| {
            let zoned =
                date.to_zoned(rota.zone.clone()).map_err(|error| Failure::Usage(error.to_string()))?;
            Ok::<_, Failure>(Timestamp(zoned.timestamp().as_microsecond()))
        };
        let from = from.map_or_else(|| Ok(policies::now()), start)?;
        let to = to.map_or_else(|| Ok(from.plus_micros(14 * 24 * 3_600_000_000)), start)?;
        text += &format!("{name}\n");
        for duty in rota.duties(from, to) {
            let who = if duty.people.is_empty() { "NOBODY".to_owned() } else { duty.people.join(", ") };
            let shadow = if duty.shadow.is_empty() {
                String::new()
            } else {
                format!(", {} learns", duty.shadow.join(", "))
            };
            text += &format!(
                "  {} - {}  {}{}\n",
                rota.wall_words(duty.from),
                rota.wall_words(duty.to),
                printable(&who),
                printable(&shadow)
            );
        }
    }
    Ok(text)
}

/// One trial, kept nowhere.
async fn test(name: &str, place: &Place) -> Result<(String, Outcome), Failure> {
    let cases = place.cases()?;
    let settings = cases.notices(&cases.service()?)?;
    let Some(target) = settings.targets.get(name) else {
        let names: Vec<_> = settings.targets.keys().map(String::as_str).collect();
        let there = if names.is_empty() {
            "the file of notices names none".to_owned()
        } else {
            format!("there are {}", names.join(", "))
        };
        return Err(Failure::Usage(format!("no target {name:?}: {there}")));
    };
    let now = policies::now();
    let id = format!("trial-{}", now.0);
    let mut fact = Fact::of_service(Happening::Trial, now, &id);
    fact.text = "a trial: nothing has happened".to_owned();
    let (channel, content) = match target.kind {
        TargetKind::Chat { .. } => (
            Channel::Chat,
            Content::Notice { subject: "Trial of a channel".to_owned(), text: fact.text.clone() },
        ),
        TargetKind::Webhook { .. } => {
            (Channel::Webhook, Content::Document(document(target.format, &fact, &id, now)))
        }
        TargetKind::Syslog { .. } => {
            (Channel::Syslog, Content::Document(document(target.format, &fact, &id, now)))
        }
    };
    let outgoing = Outgoing {
        id,
        customer: String::new(),
        case: None,
        thread: None,
        channel,
        to: name.to_owned(),
        content,
        due: now,
        state: Delivery::Waiting,
        tries: Vec::new(),
    };
    let came = machines::try_once(&settings, &outgoing, "ringwall", policies::now).await;
    Ok(match came {
        Ok(said) => (format!("{name} took it: {}\n", printable(&said)), Outcome::Done),
        Err(error) => (format!("{name} did not take it: {}\n", printable(&error.why)), Outcome::Findings),
    })
}

const TWO_WEEKS_MICROS: i64 = 14 * 24 * 3_600_000_000;
/// Eight hours are foretold.
const FORETOLD_SECONDS: i64 = 8 * 3600;
