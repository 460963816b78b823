//! `ringwall silence`: what is kept quiet for a while, by whom and why.

use cases::Service;
use cases::explanation::wall_time;
use cases::notice::{Matcher, Silence};
use clap::{Args, Subcommand};
use reporter::{counted, printable};
use rules::Timestamp;
use rules::policy::ips::Key;

use crate::case::{Account, Place, said};
use crate::outcome::{Failure, Outcome};
use crate::policies;

/// Keep notices about something quiet for a while.
///
/// Cases are opened and clocks run all the same; what was kept quiet is shown with the reason. Seven days at most, thirty with
/// a second person. The clock until a customer is told is warned of unless the customer's own contact asked for the silence.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall silence add customer=Acme rule=harassment --for 4h --by anna --reason 'a drill of Acme'\n  \
ringwall silence list\n  ringwall silence end S-1 --by anna"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print what it would have hidden, and keep quiet what has all these labels.
    Add {
        /// NAME=VALUE, such as customer=Acme, rule=harassment, case=RW-100001-9, caller=+12105550142; a value may end with *.
        #[arg(required = true, value_parser = label)]
        labels: Vec<(String, String)>,
        /// How long, such as 30m, 4h, 7d.
        #[arg(long = "for", value_parser = span)]
        lasting: i64,
        /// It ends before that once nothing of it has happened for so long, such as 1h.
        #[arg(long, value_parser = span)]
        quiet: Option<i64>,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Another person who wants it, for more than seven days.
        #[arg(long)]
        second: Option<String>,
        /// The customer's own contact who asked for it.
        #[arg(long)]
        contact: Option<String>,
        /// Print what it would have hidden, and no more.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Print silences.
    List {
        /// Those that are over as well.
        #[arg(long)]
        all: bool,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// End one before its time.
    End {
        /// Such as S-1.
        id: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    policies::print(&runtime.block_on(arguments.task.answer())?)?;
    Ok(Outcome::Done)
}

impl Task {
    async fn answer(&self) -> Result<String, Failure> {
        match self {
            Self::Add { labels, lasting, quiet, reason, second, contact, dry_run, place, account } => {
                let (store, service) = place.open().await?;
                let now = policies::now();
                let mut matcher = Matcher::default();
                for (name, value) in labels {
                    matcher.0.entry(name.clone()).or_default().push(value.clone());
                }
                let until = now.plus_micros(*lasting);
                let silence = Silence {
                    second: second.clone(),
                    contact: contact.clone(),
                    quiet_micros: *quiet,
                    ..Silence::new(&account.by, reason, matcher, (now, until))
                };
                if let Some(mistake) = silence.mistake() {
                    return Err(Failure::Usage(mistake));
                }
                let facts = store.desk().facts(now.plus_micros(-WEEK_MICROS)).await.map_err(said)?;
                let alarms: Vec<_> = facts.into_iter().filter(|fact| fact.event.is_alarm()).collect();
                let (hidden, critical) = silence.would_have_hidden(&alarms);
                let mut text = format!(
                    "would have hidden {}, {critical} critical, in the past 7 days\n",
                    counted(hidden as u64, "alert")
                );
                if !dry_run {
                    let done = account.done(&service);
                    let silence = store.desk().add_silence(silence, done).await.map_err(said)?;
                    text += &line(&silence, &service, now);
                }
                Ok(text)
            }
            Self::List { all, json, place } => {
                let (store, service) = place.open().await?;
                let silences = store.desk().silences(*all).await.map_err(said)?;
                let now = policies::now();
                let shown = silences.iter().filter(|it| *all || now < it.end());
                if *json {
                    let lines = shown.map(|it| serde_json::to_string(it).map(|line| line + "\n"));
                    return lines
                        .collect::<Result<_, _>>()
                        .map_err(|error| Failure::Usage(error.to_string()));
                }
                let text: String = shown.map(|it| line(it, &service, now)).collect();
                Ok(if text.is_empty() { "no silences\n".to_owned() } else { text })
            }
            Self::End { id, place, account } => {
                let (store, service) = place.open().await?;
                let silence = store.desk().end_silence(id, account.done(&service)).await.map_err(said)?;
                Ok(line(&silence, &service, policies::now()))
            }
        }
    }
}

fn line(silence: &Silence, service: &Service, now: Timestamp) -> String {
    let calendar = service.calendar();
    let ended = match &silence.ended {
        Some((at, who)) => format!("ended {} by {}", wall_time(calendar, *at), printable(who)),
        None if now >= silence.until => format!("over since {}", wall_time(calendar, silence.until)),
        None => format!("until {}", wall_time(calendar, silence.until)),
    };
    let quiet = silence.quiet_micros.filter(|_| silence.ended.is_none()).map(|micros| micros / 60_000_000);
    let quiet = quiet.map(|minutes| format!(" or {minutes} quiet minutes")).unwrap_or_default();
    let with = silence.second.as_deref().map(|it| format!(" and {}", printable(it))).unwrap_or_default();
    let contact =
        silence.contact.as_deref().map(|it| format!(", asked for by {}", printable(it))).unwrap_or_default();
    format!(
        "{}  {}  {ended}{quiet}, {}{with}{contact}: {}\n",
        silence.id,
        printable(&silence.matcher.words()),
        printable(&silence.author),
        printable(&silence.reason)
    )
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no NAME=VALUE"))?;
    if name.is_empty() || value.is_empty() || value == "*" {
        return Err(format!("{text:?} would fit everything"));
    }
    // One that nothing has would keep nothing quiet, and look as if it did.
    let names =
        || LABELS.iter().copied().chain(Key::WORDS.iter().map(|word| word.split(':').next().unwrap_or(word)));
    if !names().any(|known| known == name) {
        return Err(format!("there is no label {name:?}: {}", names().collect::<Vec<_>>().join(", ")));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Microseconds of `30m`, `4h`, `7d`.
fn span(text: &str) -> Result<i64, String> {
    let number = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let minutes = match text.get(number.len()..) {
        Some("m") => 1,
        Some("h") => 60,
        Some("d") => 24 * 60,
        _ => return Err(format!("{text:?} is no time such as 30m, 4h, 7d")),
    };
    match number.parse::<i64>() {
        Ok(count @ 1..=100_000) => Ok(count * minutes * 60_000_000),
        _ => Err(format!("{text:?} is no time such as 30m, 4h, 7d")),
    }
}

/// Labels of everything that is told of; alerts have those of what their threshold counts by as well.
const LABELS: &[&str] = &["event", "customer", "case", "kind", "severity", "rule", "clock", "percent"];
const WEEK_MICROS: i64 = 7 * 24 * 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_nothing_has_is_refused_with_those_there_are() {
        for good in ["rule=harassment", "customer=Acme", "caller=+12105550142", "source_net=192.0.2.*"] {
            let (name, value) = label(good).unwrap();
            assert_eq!(format!("{name}={value}"), good);
        }
        let wrong = label("rul=harassment").unwrap_err();
        assert!(wrong.contains("no label \"rul\"") && wrong.contains("severity, rule, clock"), "{wrong}");
        assert!(wrong.contains("called_block, "), "{wrong}");
        assert!(label("rule=*").is_err() && label("rule").is_err());
    }
}
