//! The weeks before a demo: their calls as records, their alerts as cases, and how they were worked on.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use cases::alert::Storm;
use cases::case::Feedback;
use cases::flow::{Reason, Signal};
use cases::io::store::{Done, Filter, Store};
use cases::{Alert, Service};
use generator::{Attack, Campaigns, Confounder, Day, Label, Settings, pcap};
use jiff::{ToSpan as _, tz::TimeZone};
use reporter::metrics::Period;
use rules::{Number, Timestamp};

use super::Arguments;
use crate::case::said;
use crate::outcome::Failure;
use crate::policies;
use crate::replay::{Replay, Told};
use crate::serve::{Cases, Config, RECORDS, presence};
use crate::stored::Stored;

/// What came of it.
pub(super) struct Week {
    /// Cases that stand in the database, those of the past days closed.
    pub(super) cases: usize,
    /// Somebody who keeps calling: the latest number in an alert about harassment or robocalls.
    pub(super) nuisance: String,
}

/// An alert as it would have come over the spool, and what it really was.
struct Raised {
    alert: Alert,
    text: String,
    is_attack: bool,
    /// Who called, where nobody talks to them and the number is not one of the customer's, which somebody shows.
    stranger: Option<String>,
}

/// Makes the week in the folder of `config`, judged by `policy`.
pub(super) fn make(config: &Config, policy: &Path, arguments: &Arguments) -> Result<Week, Failure> {
    let folder = &config.data;
    let zone = TimeZone::get("America/Chicago").unwrap_or(TimeZone::UTC);
    let now = jiff::Timestamp::from_microsecond(policies::now().0).unwrap_or_default().to_zoned(zone);
    let midnight = now
        .start_of_day()
        .and_then(|day| day.checked_sub((7 * arguments.weeks + 1).days()))
        .unwrap_or_else(|_| now.clone());
    let start = midnight.timestamp().as_microsecond();
    let end = now.timestamp().as_microsecond();
    let week = Settings {
        seed: arguments.seed,
        start_micros: start,
        duration_micros: u64::try_from(end - start).unwrap_or_default(),
        calls_per_hour: arguments.calls_per_hour.unwrap_or(CALLS_PER_HOUR),
        attacks: ATTACKS.to_vec(),
        campaigns: Campaigns::PerDay(CAMPAIGNS_PER_DAY),
        confounders: Confounder::ALL.to_vec(),
        confounder_days: 0.5,
        ..Settings::default()
    };
    // So that something waits whenever the demo is started.
    let last_hour = Settings {
        seed: arguments.seed.wrapping_add(1),
        start_micros: end - RECENT_MICROS,
        duration_micros: u64::try_from(RECENT_MICROS).unwrap_or_default(),
        calls_per_hour: 0.0,
        campaigns: Campaigns::Each(1),
        confounders: Vec::new(),
        ..week.clone()
    };
    let mut attacks = HashSet::new();
    let mut captures = Vec::new();
    for (name, settings) in [("week.pcap", week), ("hour.pcap", last_hour)] {
        let mut day = Day::new(settings);
        let bad = day.truths().filter(|truth| matches!(truth.label, Label::Attack(_)));
        attacks.extend(bad.map(|truth| truth.call_id));
        let capture = folder.join(name);
        let file = File::create(&capture).map_err(Failure::file(&capture))?;
        // What has begun goes on behind now, and nobody has seen that.
        pcap::write_until(&mut day, end, BufWriter::new(file)).map_err(Failure::file(&capture))?;
        captures.push(capture);
    }
    let raised = inspect(folder, policy, &captures, &attacks)?;
    for capture in &captures {
        fs::remove_file(capture).map_err(Failure::file(capture))?;
    }
    // Reports know by it that nothing is missing.
    presence::begin_with(folder, Period { from: Timestamp(start), to: Timestamp(end) })?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    runtime.block_on(work(&Cases::new(config), &raised))
}

/// Judges the captures; their calls become records, their alerts are returned in the order in which they rose.
fn inspect(
    folder: &Path,
    policy: &Path,
    captures: &[PathBuf],
    attacks: &HashSet<String>,
) -> Result<Vec<Raised>, Failure> {
    let policies = policies::load(&[policy.to_owned()], None)?;
    let own: Vec<_> =
        policies.policies().iter().map(|policy| policy.text().customer.numbers.clone()).collect();
    let is_stranger = |caller: &&String| {
        let number = caller.strip_prefix('+').and_then(|digits| Number::international(digits.as_bytes()));
        number.is_some_and(|number| !own.iter().any(|numbers| numbers.contains(number)))
    };
    let mut stored = Stored::create(&folder.join(RECORDS), &policies)?;
    let mut replay = Replay::new(policies);
    let mut raised: HashMap<String, Raised> = HashMap::new();
    let mut talked_to = HashSet::new();
    replay.run(captures, &mut |told| {
        match told {
            Told::Call { line, .. } => {
                if line.duration_seconds.is_some_and(|seconds| seconds >= WANTED_SECONDS) {
                    talked_to.insert(line.caller.to_string());
                }
                stored.take(line)?;
            }
            Told::Unordered { .. } => {}
            Told::Alert(told) => {
                let mut line = Vec::new();
                reporter::to_line(&mut line, told).map_err(Failure::Output)?;
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                let bad = told.calls.iter().filter(|call| attacks.contains(*call)).count();
                let is_attack = 2 * bad >= told.calls.len();
                if let Ok(alert) = serde_json::from_str::<Alert>(&text) {
                    let stranger = alert.key.get("caller").filter(is_stranger).cloned();
                    raised.insert(alert.id.clone(), Raised { alert, text, is_attack, stranger });
                }
            }
        }
        Ok(())
    })?;
    stored.finish()?;
    let mut raised: Vec<Raised> = raised.into_values().collect();
    // To block somebody who is talked to is of high risk, and takes more people than a demo has.
    for it in &mut raised {
        it.stranger.take_if(|stranger| talked_to.contains(stranger));
    }
    raised.sort_by(|one, other| (one.alert.at, &one.alert.id).cmp(&(other.alert.at, &other.alert.id)));
    Ok(raised)
}

/// Puts alerts into cases as they came, and works on those that are older than a shift as an analyst did.
async fn work(cases: &Cases, raised: &[Raised]) -> Result<Week, Failure> {
    let service = cases.service()?;
    let store = Store::open(&cases.place()).await.map_err(said)?;
    let desk = store.desk();
    let now = policies::now();
    let mut storm = Storm::default();
    let mut really: HashMap<String, bool> = HashMap::new();
    for chunk in raised.chunk_by(|one, other| other.alert.at.micros_since(one.alert.at) < MINUTE_MICROS) {
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
        work_off(&store, &service, first.alert.at, &really).await?;
        let alerts: Vec<_> = chunk.iter().map(|it| (it.alert.clone(), it.text.clone())).collect();
        let done = Done { who: "ringwall", now: last.alert.at, service: &service };
        desk.take_alerts(&alerts, 0, &mut storm, done).await.map_err(said)?;
        really.extend(chunk.iter().map(|it| (it.alert.join_key(), it.is_attack)));
    }
    work_off(&store, &service, now.plus_micros(-RECENT_MICROS), &really).await?;
    let cases = list(&store, false).await?.len() + list(&store, true).await?.len();
    let is_nuisance = |rule: &str| rule.contains("harass") || rule.contains("robocall");
    let mut nuisances = raised.iter().rev().filter(|it| it.is_attack && is_nuisance(&it.alert.rule));
    let nuisance = nuisances.find_map(|it| it.stranger.clone());
    let nuisance = nuisance.unwrap_or_else(|| "+12125550166".to_owned());
    store.close().await;
    Ok(Week { cases, nuisance })
}

/// Takes and ends what came in more than a quarter of an hour before `until`, at the pace of a person in business hours.
async fn work_off(
    store: &Store,
    service: &Service,
    until: Timestamp,
    really: &HashMap<String, bool>,
) -> Result<(), Failure> {
    let desk = store.desk();
    for case in list(store, false).await? {
        let calendar = service.calendar_of(&case.customer);
        // A case that was opened again begins anew.
        let running = case.clocks.iter().filter(|clock| clock.stopped.is_none()).map(|clock| clock.start);
        let begun = running.max().unwrap_or(case.opened);
        let Some(taken) = calendar.add(begun, TAKEN_MICROS) else { continue };
        let Some(ended) = calendar.add(taken, ENDED_MICROS) else { continue };
        if ended >= until {
            continue;
        }
        let who = if case.number.serial() % 3 == 0 { "ben" } else { "anna" };
        let done = |now| Done { who, now, service };
        let number = case.number;
        desk.step(number, &Signal::Take, "", done(taken)).await.map_err(said)?;
        let is_attack = case.key.as_ref().and_then(|key| really.get(key)).copied().unwrap_or(false);
        if !is_attack {
            let text = "an honest event with many calls; the people concerned expected it";
            let feedback = Some(Feedback::Tune);
            desk.close(number, Reason::FalsePositive, text, feedback, done(ended)).await.map_err(said)?;
            continue;
        }
        desk.step(number, &Signal::Investigate, "", done(taken)).await.map_err(said)?;
        let found = "The calls show the pattern that the rule names, far above what is usual at this hour. Blocking holds.";
        desk.find(number, found, done(ended)).await.map_err(said)?;
        desk.step(number, &Signal::Inform, found, done(ended)).await.map_err(said)?;
        let text = "the customer was told; no further calls of this kind";
        desk.close(number, Reason::Resolved, text, None, done(ended)).await.map_err(said)?;
    }
    Ok(())
}

async fn list(store: &Store, is_over: bool) -> Result<Vec<cases::Case>, Failure> {
    let filter = Filter { is_over, count: Some(500), ..Filter::default() };
    Ok(store.desk().list(&filter).await.map_err(said)?.cases)
}

/// Those that ring within a day and leave something to decide.
const ATTACKS: [Attack; 12] = [
    Attack::WarDialling,
    Attack::Wangiri,
    Attack::Harassment,
    Attack::RobocallBurst,
    Attack::RevenueShareFraud,
    Attack::Scanner,
    Attack::RegistrationCracking,
    Attack::OwnNumberSpoofing,
    Attack::NeighbourSpoofing,
    Attack::FraudTestCalls,
    Attack::VoicemailBreakIn,
    Attack::ListedCaller,
];
const CALLS_PER_HOUR: f64 = 40.0;
const CAMPAIGNS_PER_DAY: f64 = 2.0;
const MINUTE_MICROS: i64 = 60_000_000;
/// How long, in business time, until an alert is taken.
const TAKEN_MICROS: i64 = 14 * MINUTE_MICROS;
/// And from then on until its case is ended.
const ENDED_MICROS: i64 = 38 * MINUTE_MICROS;
/// What came in later than this before now is left for who looks at the demo.
const RECENT_MICROS: i64 = 45 * MINUTE_MICROS;
/// Whom people talk to for longer is wanted.
const WANTED_SECONDS: f64 = 60.0;
