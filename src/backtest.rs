//! `ringwall backtest`: a policy over recorded calls.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cases::case::Case;
use cases::flow::{Flow, Reason};
use cases::io::store::{Filter, Store};
use clap::Args;
use engine::Budget;
use reporter::backtest::{Against, Backtest, Label, Labels, Options, Outcome as Found};
use reporter::printable;
use rules::policy::{Mode, PolicyText};
use rules::{Policy, Timestamp};

use crate::limits_written::enforced;
use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::recorded::{Seen, Source, Wanted, moment};
use crate::serve::{Cases, Config};

/// Run a policy over recorded calls, by the code that judges live: which verdicts change, and whom that touches.
///
/// Without --against, verdicts are compared with those of then. Exit code 0 whatever changes, 2 when something could not be
/// read.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall backtest --policy candidate.toml --from 2026-11-01 --to 2026-12-01\n  \
ringwall backtest --policy candidate.toml --against acme.toml --calls calls.jsonl --json\n  \
ringwall backtest --policy acme.toml --rehearsal --from 2026-11-01 --enforce 'one ring' --write proposed.toml"
)]
pub(crate) struct Arguments {
    /// The policy to try.
    #[arg(long)]
    policy: PathBuf,
    /// Compare with this policy instead of with what was decided then.
    #[arg(long, value_name = "POLICY", conflicts_with = "rehearsal")]
    against: Option<PathBuf>,
    /// Compare the policy with itself when all that is in shadow is in force.
    #[arg(long)]
    rehearsal: bool,
    /// With --rehearsal: write the policy with this rule or threshold in force instead of in shadow to the file of --write.
    #[arg(long, value_name = "RULE", requires = "rehearsal", requires = "write")]
    enforce: Option<String>,
    /// Where --enforce writes; `ringwall case propose CASE --policy FILE` asks for it.
    #[arg(long, value_name = "FILE", requires = "enforce")]
    write: Option<PathBuf>,
    /// Calls from this day on, in the customer's time zone, or from a moment (RFC 3339).
    #[arg(long, value_name = "D")]
    from: Option<String>,
    /// Calls before this day or moment.
    #[arg(long, value_name = "D")]
    to: Option<String>,
    /// Whose calls; without it, the customer's whose policy it is.
    #[arg(long, value_name = "C")]
    customer: Option<String>,
    /// Records as `replay --calls` writes them, instead of those of a service; may be given several times. `-` is standard
    /// input. They are held in memory: some 1.5 KB each.
    #[arg(long, value_name = "FILE")]
    calls: Vec<PathBuf>,
    /// Records in a store, as `replay --records` writes one, instead of those of a service.
    #[arg(long, value_name = "DIR", conflicts_with = "calls")]
    records: Option<PathBuf>,
    /// The configuration that says where the service keeps its records and cases.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the service.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Changed calls to print one by one.
    #[arg(long, default_value_t = 10, value_name = "N")]
    show: usize,
    /// MiB for the counters of thresholds.
    #[arg(long, default_value_t = 270, value_name = "MIB")]
    memory: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (candidate, against) = arguments.policies()?;
    let zone = candidate.text().customer.time_zone.clone();
    let bound = |text: &Option<String>, without| match text {
        Some(text) => moment(text, &zone),
        None => Ok(Timestamp(without)),
    };
    let customer = arguments.customer.clone().unwrap_or_else(|| candidate.name().to_owned());
    let wanted = Wanted {
        customer: &customer,
        from: bound(&arguments.from, i64::MIN)?,
        to: bound(&arguments.to, i64::MAX)?,
        columns: Backtest::COLUMNS,
    };
    if wanted.to <= wanted.from {
        let [from, to] = [&arguments.from, &arguments.to].map(|it| it.as_deref().unwrap_or_default());
        return Err(Failure::Usage(format!("--from {from:?} is not before --to {to:?}")));
    }
    let config = config(arguments.config.as_deref(), arguments.data.as_deref())?;
    let labels = if arguments.calls.is_empty() && arguments.records.is_none() {
        labels(&config, &customer)?
    } else {
        Labels::default()
    };
    let options = Options {
        examples: arguments.show,
        budget: budget(arguments.memory),
        labels,
        rates: candidate.text().customer.rates.clone(),
    };
    let source = match (&arguments.records, arguments.calls.as_slice()) {
        (Some(folder), _) => Source::Store(folder),
        (None, []) => Source::Data(&config.data),
        (None, paths) => Source::Lines(paths),
    };
    let (found, seen) = backtest(candidate, against, options, &source, &wanted)?;
    if seen.refused > 0 {
        let refused = seen.refused;
        eprintln!("ringwall: {refused} lines are no call records of this version, and were passed over");
    }
    arguments.propose()?;
    let mut text = Vec::new();
    if arguments.json {
        reporter::to_line(&mut text, &found).map_err(Failure::Output)?;
    } else {
        writeln!(text, "{found}").map_err(Failure::Output)?;
    }
    std::io::stdout().write_all(&text).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

/// `candidate` over the calls of `source`, and what calls there were.
pub(crate) fn backtest(
    candidate: Policy,
    against: Against,
    options: Options,
    source: &Source<'_>,
    wanted: &Wanted<'_>,
) -> Result<(Found, Seen), Failure> {
    let mut backtest = Backtest::new(candidate, against, options);
    let seen = source.read_named(wanted, &mut |batch| backtest.take(batch))?;
    Ok((backtest.finish(), seen))
}

impl Arguments {
    /// Writes the policy in which the one rule that was named is in force.
    fn propose(&self) -> Result<(), Failure> {
        let Some((name, path)) = self.enforce.as_deref().zip(self.write.as_deref()) else { return Ok(()) };
        let source = std::fs::read_to_string(&self.policy).map_err(Failure::file(&self.policy))?;
        let written = enforced(&source, name).ok_or_else(|| {
            Failure::Usage(format!(
                "{}: no rule \"{}\" has mode = \"shadow\"",
                self.policy.display(),
                printable(name)
            ))
        })?;
        std::fs::write(path, written).map_err(Failure::file(path))
    }

    fn policies(&self) -> Result<(Policy, Against), Failure> {
        let mut candidate = text_of(&self.policy)?;
        let against = match &self.against {
            Some(path) => Against::Policy(Box::new(Policy::new(text_of(path)?))),
            None if self.rehearsal => {
                let as_it_is = Policy::new(candidate.clone());
                enforce(&mut candidate);
                Against::Policy(Box::new(as_it_is))
            }
            None => Against::Records,
        };
        Ok((Policy::new(candidate), against))
    }
}

pub(crate) fn text_of(path: &Path) -> Result<PolicyText, Failure> {
    let set = policies::load(&[path.to_owned()], None)?;
    let policy = set.policies().first().map(|policy| policy.text().clone());
    policy.ok_or_else(|| Failure::Usage(format!("{}: no policy", path.display())))
}

/// Takes all that is in shadow as in force.
pub(crate) fn enforce(text: &mut PolicyText) {
    let modes = text.firewall.iter_mut().map(|rule| &mut rule.mode);
    let modes = modes.chain(text.ips.iter_mut().map(|rule| &mut rule.mode));
    for mode in modes.chain([&mut text.customer.mode]) {
        if *mode == Mode::Shadow {
            *mode = Mode::Enforce;
        }
    }
}

/// The configuration in `file`, or the defaults, with the folder that was named.
pub(crate) fn config(file: Option<&Path>, data: Option<&Path>) -> Result<Config, Failure> {
    let mut config = file.map_or_else(|| Ok(Config::default()), Config::read)?;
    if let Some(data) = data {
        config.data = data.to_owned();
    }
    Ok(config)
}

fn budget(mebibytes: usize) -> Budget {
    let bytes = mebibytes << 20;
    Budget { keys_max: (bytes / 2 / 68).max(1 << 10), window_bytes_max: bytes / 2 }
}

/// What closed cases of `customer` tell of calls. None, where no cases are kept.
pub(crate) fn labels(config: &Config, customer: &str) -> Result<Labels, Failure> {
    let cases = Cases::new(config);
    if !cases.is_there() {
        return Ok(Labels::default());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Usage(format!("no runtime: {error}")))?;
    runtime.block_on(async {
        let store = Store::open(&cases.place()).await.map_err(crate::case::said)?;
        let labels = closed(&store, customer).await;
        store.close().await;
        labels
    })
}

async fn closed(store: &Store, customer: &str) -> Result<Labels, Failure> {
    let mut labels = Labels::default();
    let mut filter =
        Filter { customer: Some(customer.to_owned()), is_over: true, count: Some(500), ..Filter::default() };
    loop {
        let page = store.desk().list(&filter).await.map_err(crate::case::said)?;
        for case in &page.cases {
            let Some(label) = label_of(case) else { continue };
            labels.cases += 1;
            for alert in store.desk().alerts(case.number, ALERTS_MAX).await.map_err(crate::case::said)? {
                take_alert(&mut labels, &alert, label);
            }
        }
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return Ok(labels),
        }
    }
}

/// What the end of a case says of the calls that it was about; `None` when it says nothing.
fn label_of(case: &Case) -> Option<Label> {
    let closure = case.closure.as_ref().filter(|_| case.flow == Flow::Alert)?;
    match closure.reason {
        Reason::Resolved | Reason::AcceptedRisk => Some(Label::Unwanted),
        Reason::FalsePositive | Reason::Benign => Some(Label::Wanted),
        _ => None,
    }
}

/// The calls that an alert names were such; so were others of its caller, where it counts by callers alone.
fn take_alert(labels: &mut Labels, alert: &str, label: Label) {
    let Ok(alert) = serde_json::from_str::<serde_json::Value>(alert) else { return };
    let calls = alert.get("calls").and_then(serde_json::Value::as_array);
    for call in calls.into_iter().flatten().filter_map(serde_json::Value::as_str) {
        labels.call(call, label);
    }
    let key = alert.get("key").and_then(serde_json::Value::as_object).filter(|key| key.len() == 1);
    for (name, value) in key.into_iter().flatten() {
        let digits = value.as_str().and_then(|value| value.strip_prefix('+'));
        let Some(number) = digits.and_then(|digits| digits.parse().ok()) else { continue };
        // Who is called is called by others as well: a flood of calls says nothing of the one before it.
        if name == "caller" {
            labels.caller(number, label);
        }
    }
}

/// Alerts of one case that are looked at.
const ALERTS_MAX: u32 = 1_000;
