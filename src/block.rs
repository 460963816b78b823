//! `ringwall block`: what breached thresholds have set in force, and how a person lifts or extends it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use engine::Engine;

use crate::blocks::{self, Change, Kind};
use crate::control::{self, Asked, Told};
use crate::outcome::{Failure, Outcome};
use crate::state;
use crate::versions::{Versions, installed, judged_by};

/// List, lift or extend the blocks that thresholds have set.
///
/// Asks the service that works in the folder; without one it works on the state that a stopped service, or `replay
/// --snapshot`, left there, and needs its policies. Who lifts or extends a block is
/// written, with the reason, to blocks.jsonl beside it.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall block list\n  \
ringwall block lift 3f2a91c0 --by anna --why 'the clinic, confirmed by telephone'\n  \
ringwall block list --data stopped-data --policy acme.toml")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Print what is in force, the latest first.
    List {
        #[command(flatten)]
        place: Place,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Let the calls of a block pass until it would have ended by itself; it is not set again before that.
    Lift {
        /// Its number, as `list` prints it.
        id: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Make a block last longer.
    Extend {
        /// Its number, as `list` prints it.
        id: String,
        /// By how long, such as 30m, 12h or 7d.
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        by_time: i64,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
}

/// Where the state is, and what it was made under.
#[derive(Args)]
struct Place {
    /// The folder of the service.
    #[arg(long, value_name = "DIR", default_value = "ringwall-data")]
    data: PathBuf,
    /// A customer's policy; may be given several times. The same ones that the service had from files, when it is stopped.
    #[arg(long)]
    policy: Vec<PathBuf>,
}

/// Who answers for a change.
#[derive(Args)]
struct Account {
    /// Who does it.
    #[arg(long)]
    by: String,
    /// Why.
    #[arg(long)]
    why: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (place, asked, json) = match &arguments.task {
        Task::List { place, json } => (place, Asked::Blocks, *json),
        Task::Lift { id, place, account } => (place, account.change(id, Kind::Lift), false),
        Task::Extend { id, by_time, place, account } => {
            (place, account.change(id, Kind::Extend { micros: *by_time }), false)
        }
    };
    let told = match control::ask(&place.data, &asked)? {
        Some(answer) => answer.map_err(|declined| Failure::Usage(declined.said))?,
        None => place.answer(asked.change())?,
    };
    print(&told, json).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

fn print(told: &[Told], json: bool) -> io::Result<()> {
    let mut text = Vec::new();
    if json {
        told.iter().try_for_each(|told| reporter::to_line(&mut text, &told.value))?;
    } else if told.is_empty() {
        writeln!(text, "nothing is in force")?;
    } else {
        told.iter().try_for_each(|told| writeln!(text, "{}", told.text))?;
    }
    io::stdout().write_all(&text)
}

impl Account {
    fn change(&self, id: &str, kind: Kind) -> Asked {
        let (by, why) = (self.by.clone(), self.why.clone());
        Asked::ChangeBlock(Change { id: id.to_owned(), kind, by, why })
    }
}

impl Place {
    /// What the states of a stopped service answer.
    fn answer(&self, change: Option<&Change>) -> Result<Vec<Told>, Failure> {
        if self.policy.is_empty() && installed(&Versions::of(&self.data).all()?).is_empty() {
            return Err(Failure::Usage(format!(
                "no service works in {}; to look into what a stopped one left there, name its policies with --policy",
                self.data.display()
            )));
        }
        let mut engines = self.engines()?;
        match change {
            None => {
                let blocks = engines.iter_mut().flat_map(|(_, engine)| {
                    let now = engine.counted_until();
                    blocks::list(engine, now)
                });
                Ok(blocks::merge(blocks).iter().map(Told::new).collect())
            }
            Some(change) => self.change(change, &mut engines),
        }
    }

    fn change(&self, change: &Change, engines: &mut [(PathBuf, Engine)]) -> Result<Vec<Told>, Failure> {
        let preview = engines.iter_mut().find_map(|(_, engine)| {
            let now = engine.counted_until();
            change.preview(engine, now)
        });
        let Some((before, after)) = preview else { return Err(Failure::Usage(change.unknown())) };
        change.note(&self.data, &before, &after)?;
        let mut changed = Vec::new();
        for (path, engine) in engines {
            let now = engine.counted_until();
            if let Some(block) = change.apply(engine, now) {
                state::write(path, engine)?;
                changed.push(block);
            }
        }
        Ok(blocks::merge(changed).iter().map(Told::new).collect())
    }

    /// What each mount of the service knew: at least one did.
    fn engines(&self) -> Result<Vec<(PathBuf, Engine)>, Failure> {
        let paths = state::NAMES.map(|name| self.data.join(name));
        let there: Vec<&PathBuf> = paths.iter().filter(|path| Path::exists(path)).collect();
        // Without any, the error names the usual one.
        let read = if there.is_empty() { paths.iter().take(1).collect() } else { there };
        read.into_iter()
            .map(|path| Ok((path.clone(), state::read(path, judged_by(&self.data, &self.policy)?)?)))
            .collect()
    }
}

/// A duration such as 30m, 12h or 7d, in microseconds.
fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no duration; write 30m, 12h or 7d");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let seconds: i64 = match text.get(digits.len()..) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3_600,
        Some("d") => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    // No more than a year: whatever is to last longer is a rule.
    let micros = i64::from(count) * seconds * 1_000_000;
    if (1..=366 * 86_400_000_000).contains(&micros) { Ok(micros) } else { Err(wrong()) }
}
