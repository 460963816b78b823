//! `ringwall block`: what breached thresholds have set in force, and how a person lifts or extends it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::Engine;
use reporter::Block;
use rules::Timestamp;

use crate::outcome::{Failure, Outcome};
use crate::{policies, state};

/// List, lift or extend the blocks that thresholds have set.
///
/// Works on the state that a stopped service, or `replay --snapshot`, left under --data. Who lifts or extends a block is
/// written, with the reason, to blocks.jsonl beside it.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall block list --data ringwall-data --policy acme.toml\n  \
ringwall block lift 3f2a91c0 --data ringwall-data --policy acme.toml --by anna --why 'the clinic, confirmed by telephone'")]
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
    /// The folder of the stopped service.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A customer's policy; may be given several times. The same ones that the service had.
    #[arg(long, required = true)]
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
    match &arguments.task {
        Task::List { place, json } => list(place, *json),
        Task::Lift { id, place, account } => change(id, place, account, &Change::Lift),
        Task::Extend { id, by_time, place, account } => change(id, place, account, &Change::Extend(*by_time)),
    }
}

enum Change {
    Lift,
    Extend(i64),
}

fn list(place: &Place, json: bool) -> Result<Outcome, Failure> {
    let mut engine = place.read()?;
    let (policies, now) = (engine.policies(), engine.counted_until());
    let mut blocks: Vec<Block> =
        engine.restraints(now).filter_map(|restraint| Block::new(restraint, &policies)).collect();
    blocks.sort_by(|one, other| (&other.since, &other.id).cmp(&(&one.since, &one.id)));
    let mut text = Vec::new();
    let written = if json {
        blocks.iter().try_for_each(|block| reporter::to_line(&mut text, block))
    } else if blocks.is_empty() {
        writeln!(text, "nothing is in force")
    } else {
        blocks.iter().try_for_each(|block| writeln!(text, "{block}"))
    };
    written.and_then(|()| io::stdout().write_all(&text)).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

fn change(id: &str, place: &Place, account: &Account, change: &Change) -> Result<Outcome, Failure> {
    let mut engine = place.read()?;
    let (policies, now) = (engine.policies(), engine.counted_until());
    let found = engine.restraints_mut(now).find_map(|restraint| {
        let before = Block::new(restraint, &policies).filter(|block| block.id == id)?;
        match change {
            Change::Lift => restraint.lifted = true,
            Change::Extend(micros) => restraint.until = restraint.until.plus_micros(*micros),
        }
        Block::new(restraint, &policies).map(|after| (before, after))
    });
    let Some((before, after)) = found else {
        return Err(Failure::Usage(format!(
            "no block {id} is in force; `ringwall block list` names those that are"
        )));
    };
    // The account comes first: a change that nobody answers for is worse than an account of one that failed.
    place.note(account, change, &before, &after)?;
    state::write(&place.data.join(state::NAME), &engine)?;
    writeln!(io::stdout(), "{after}").map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

impl Place {
    fn read(&self) -> Result<Engine, Failure> {
        state::read(&self.data.join(state::NAME), policies::load(&self.policy, None)?)
    }

    fn note(&self, account: &Account, change: &Change, before: &Block, after: &Block) -> Result<(), Failure> {
        let path = self.data.join("blocks.jsonl");
        let Timestamp(at) = policies::now();
        let line = serde_json::json!({
            "at": reporter::rfc3339(Timestamp(at)),
            "change": match change { Change::Lift => "lift", Change::Extend(_) => "extend" },
            "by": account.by, "why": account.why, "block": before, "until": after.until,
        });
        let append = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            let mut bytes = Vec::new();
            reporter::to_line(&mut bytes, &line)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        append().map_err(Failure::file(&path))
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
