//! `ringwall baseline`: limits of thresholds from what is usual.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use reporter::backtest::Backtest;
use reporter::baseline::{Attack, Learned, Measuring};
use reporter::printable;
use rules::{Policy, Timestamp};

use crate::backtest::{config, text_of};
use crate::limits_written::with_limits;
use crate::outcome::{Failure, Outcome};
use crate::recorded::{Source, Wanted, moment};
use crate::{policies, present};

/// Propose limits of thresholds, with reasons, from recorded calls: what is usual in each hour of the week, and how many alerts
/// a week are tolerated.
///
/// It takes four whole weeks; with less it says when there will be enough. Nothing is changed.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall baseline --customer Acme --weeks 8 --budget 5\n  \
ringwall baseline --policy acme.toml --calls calls.jsonl --attack 2026-10-20T14:00:00Z/2026-10-20T15:30:00Z\n  \
ringwall baseline --policy acme.toml --write proposed.toml && ringwall case propose RW-100001-9 --policy proposed.toml --by anna")]
pub(crate) struct Arguments {
    /// Whose thresholds; needed where a service judges for several.
    #[arg(long, value_name = "C")]
    customer: Option<String>,
    /// The policy whose thresholds they are, instead of the one in force.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// The last weeks that are looked at.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=104))]
    weeks: u32,
    /// Alerts a week that are tolerated for each threshold.
    #[arg(long, default_value_t = 5.0, value_name = "ALERTS")]
    budget: f64,
    /// Weeks before this day, or moment (RFC 3339).
    #[arg(long, value_name = "D")]
    to: Option<String>,
    /// An attack that is known, as two moments with a slash between. It is left out of what is usual, and tried. May be given
    /// several times.
    #[arg(long, value_name = "FROM/TO")]
    attack: Vec<String>,
    /// Records as `replay --calls` writes them, instead of those of a service. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    calls: Vec<PathBuf>,
    /// Records in a store, as `replay --records` writes one, instead of those of a service.
    #[arg(long, value_name = "DIR", conflicts_with = "calls")]
    records: Option<PathBuf>,
    /// The configuration that says where the service keeps its records.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the service.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the policy with the balanced limits to this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Write usual values for limits that are multiples of them: the table of `replay --usual`.
    #[arg(long, value_name = "FILE")]
    usual: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    if !(arguments.budget.is_finite() && arguments.budget > 0.0) {
        return Err(Failure::Usage(format!(
            "--budget {}: some alerts have to be tolerated",
            arguments.budget
        )));
    }
    let config = config(arguments.config.as_deref(), arguments.data.as_deref())?;
    let text = match &arguments.policy {
        Some(path) => text_of(path)?,
        None => {
            let admitted = present::policies(&config.data, &config.policy, arguments.customer.as_deref())?;
            let mut admitted = admitted.into_iter();
            match (admitted.next(), admitted.next()) {
                (Some(one), None) => one.text().clone(),
                (None, _) => {
                    return Err(Failure::Usage("no such policy is in force: see --policy".to_owned()));
                }
                (Some(_), Some(_)) => {
                    return Err(Failure::Usage(
                        "several policies are in force: say whose, with --customer".to_owned(),
                    ));
                }
            }
        }
    };
    let zone = text.customer.time_zone.clone();
    let to = arguments.to.as_deref().map(|to| moment(to, &zone)).transpose()?;
    let to = to.unwrap_or_else(|| {
        if arguments.calls.is_empty() && arguments.records.is_none() {
            policies::now()
        } else {
            Timestamp(i64::MAX)
        }
    });
    // Records of a file end where they end; those of a service, now.
    let from = match to.0 {
        i64::MAX => Timestamp(i64::MIN),
        _ => to.plus_micros(-i64::from(arguments.weeks) * 7 * 86_400_000_000),
    };
    let attacks: Vec<Attack> =
        arguments.attack.iter().map(|text| attack(text)).collect::<Result<_, Failure>>()?;
    let customer = arguments.customer.clone().unwrap_or_else(|| text.customer.name.clone());
    let wanted = Wanted { customer: &customer, from, to, columns: Backtest::COLUMNS };
    let source = match (&arguments.records, arguments.calls.as_slice()) {
        (Some(folder), _) => Source::Store(folder),
        (None, []) => Source::Data(&config.data),
        (None, paths) => Source::Lines(paths),
    };
    let mut measuring = Measuring::new(Policy::new(text.clone()), Policy::new(text.clone()));
    let mut rows = 0;
    let seen = source.read_named(&wanted, &mut |batch| {
        rows += batch.len();
        measuring.take(batch);
    })?;
    if seen.refused > 0 {
        let refused = seen.refused;
        eprintln!("ringwall: {refused} lines are no call records of this version, and were passed over");
    }
    if rows == 0 {
        return Err(Failure::Usage(format!(
            "no call of {} is recorded in these weeks: nothing is known of what is usual",
            printable(&customer)
        )));
    }
    let learned = measuring.finish(arguments.budget, arguments.weeks, &attacks);
    if let Some(path) = &arguments.usual {
        let table: String = learned.usual().into_iter().map(|line| line + "\n").collect();
        std::fs::write(path, table).map_err(Failure::file(path))?;
    }
    if let Some(path) = &arguments.write {
        write(path, &text.source, &learned)?;
    }
    let mut said = Vec::new();
    if arguments.json {
        reporter::to_line(&mut said, &learned).map_err(Failure::Output)?;
    } else {
        writeln!(said, "{learned}").map_err(Failure::Output)?;
    }
    std::io::stdout().write_all(&said).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

fn attack(text: &str) -> Result<Attack, Failure> {
    let moments = text.split_once('/').and_then(|(from, to)| {
        let read = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond()));
        Some((read(from)?, read(to)?))
    });
    match moments.filter(|(from, to)| from < to) {
        Some((from, to)) => Ok(Attack { from, to }),
        None => Err(Failure::Usage(format!(
            "--attack {text:?}: two moments of RFC 3339 with a slash between, the earlier one first"
        ))),
    }
}

/// Writes the policy with the balanced limits; what cannot be said in it is said on stderr.
fn write(path: &PathBuf, source: &str, learned: &Learned) -> Result<(), Failure> {
    let limits = learned.thresholds.iter().filter_map(|one| {
        let offer = one.proposal.as_ref()?.balanced()?;
        Some((one.threshold.as_str(), offer.fixed, one.multiple.filter(|_| one.is_multiple)))
    });
    let written = with_limits(source, limits);
    for left in &written.left {
        eprintln!("ringwall: {}: {left}", path.display());
    }
    std::fs::write(path, written.text).map_err(Failure::file(path))
}
