//! What happens to cases is told, on a thread of its own: decided once a second, and sent beside that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cases::io::send::{heartbeat, machines};
use cases::io::store::{Done, Office, Store};
use cases::notice::{
    Awake, Engine, Fact, Happening, Preferences, Settings, Silence, TRIALS, World, failed_trial,
    hand_over_facts, trials,
};
use cases::{Registration, Service};
use collector::judge::{Count, Counters};
use rules::Timestamp;

use super::config::{Cases, Config};
use super::notice_file::NoticeFile;
use crate::outcome::Failure;
use crate::policies;

/// The thread that tells.
pub(super) struct Notices {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

struct Worker {
    place: String,
    service: Service,
    file: Arc<NoticeFile>,
    /// Who we are towards customers.
    office: Office,
    /// What the file says, from one decision to the next.
    settings: Arc<Settings>,
    host: String,
    stop: Arc<AtomicBool>,
    trouble: Trouble,
    /// When the last heartbeat was sent, and whether it was said that none is heard.
    beat_at: Option<Timestamp>,
    is_unheard: Arc<AtomicBool>,
}

/// What is as it should not be, as far as this thread can tell.
struct Trouble {
    counters: Arc<Counters>,
    /// What was counted when it was last told.
    told: BTreeMap<&'static str, u64>,
    /// Since when the database does not answer.
    silent_since: Option<Timestamp>,
}

/// What is read anew now and then.
#[derive(Default)]
struct Read {
    people: BTreeMap<String, Registration>,
    silences: Vec<Silence>,
    awake: BTreeMap<String, Awake>,
    preferences: Preferences,
    /// When it was looked for gaps in rotas.
    rotas_at: Timestamp,
    /// When it was looked who hands over.
    hand_overs_at: Timestamp,
}

impl Notices {
    /// Starts it, if the configuration wants cases.
    pub(super) fn start(
        config: &Config,
        file: &Arc<NoticeFile>,
        counters: Arc<Counters>,
    ) -> Result<Option<Self>, Failure> {
        if !config.cases.on {
            return Ok(None);
        }
        let cases = Cases::new(config);
        let service = cases.service()?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            place: cases.place(),
            service,
            office: config.mail.office(),
            settings: file.settings(),
            file: Arc::clone(file),
            host: host.trim().to_owned(),
            stop: Arc::clone(&stop),
            trouble: Trouble { counters, told: BTreeMap::new(), silent_since: None },
            beat_at: None,
            is_unheard: Arc::default(),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
        let work = move || runtime.block_on(worker.run());
        let thread = std::thread::Builder::new().name("notices".to_owned()).spawn(work);
        Ok(Some(Self { stop, thread: thread.map_err(Failure::Output)? }))
    }

    /// Decides about what is there, and ends. What is not sent yet is sent by the next one.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        // One that died has said why.
        let _ = self.thread.join();
    }
}

impl Worker {
    async fn run(mut self) {
        let mut open: Option<(Store, Engine, Read)> = None;
        let mut is_said = false;
        let mut sending: Option<tokio::task::JoinHandle<()>> = None;
        loop {
            let is_last = self.stop.load(Ordering::Relaxed);
            if self.file.follow(&self.trouble.counters) {
                self.settings = self.file.settings();
                // Rotas have other gaps now.
                if let Some((.., read)) = &mut open {
                    read.rotas_at = Timestamp::default();
                }
            }
            match self.work(&mut open).await {
                Ok(()) => {
                    is_said = false;
                    self.beat();
                }
                Err(error) => {
                    // What the engine knows beyond the database is forgotten.
                    open = None;
                    self.trouble.counters.add(Count::NoticesFailed);
                    self.trouble.silent_since.get_or_insert_with(policies::now);
                    if !std::mem::replace(&mut is_said, true) {
                        eprintln!("ringwall: notices wait: {error}; calls are judged all the same");
                    }
                }
            }
            if is_last {
                break;
            }
            // A provider that is slow holds up neither decisions nor the end.
            if let Some((store, ..)) =
                open.as_ref().filter(|_| sending.as_ref().is_none_or(|it| it.is_finished()))
            {
                sending =
                    Some(tokio::spawn(send(store.clone(), Arc::clone(&self.settings), self.host.clone())));
            }
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(sending) = sending {
            let _ = tokio::time::timeout(GOODBYE, sending).await;
        }
        if let Some((store, ..)) = open {
            store.close().await;
        }
    }

    async fn work(
        &mut self,
        open: &mut Option<(Store, Engine, Read)>,
    ) -> Result<(), cases::io::store::Error> {
        if open.is_none() {
            let store = Store::open(&self.place).await?;
            let engine = Engine::new(store.desk().notice_memory().await?);
            *open = Some((store, engine, Read::default()));
        }
        let Some((store, engine, read)) = open else { return Ok(()) };
        let (desk, now) = (store.desk(), policies::now());
        let done = Done { who: "ringwall", now, service: &self.service };
        // Whoever was registered a moment ago is told of what comes now.
        let registrations = desk.registrations().await?;
        read.people = registrations.into_iter().map(|it| (it.customer.clone(), it)).collect();
        read.silences = desk.silences(false).await?;
        read.awake = desk.awake(now).await?;
        read.preferences = desk.preferences().await?;
        let mut more = self.trouble.facts(now);
        if !self.settings.rotas.is_empty() && now.micros_since(read.hand_overs_at) >= HAND_OVERS_MICROS {
            read.hand_overs_at = now;
            let notes = desk.notes(now.plus_micros(-DAY_MICROS), now.plus_micros(DAY_MICROS)).await?;
            more.extend(hand_over_facts(&self.settings, &notes, now));
        }
        if now.micros_since(read.rotas_at) >= HOUR_MICROS {
            read.rotas_at = now;
            more.extend(gaps(&self.settings, now));
            more.extend(ended_lists(&self.service, now));
            let trials = trials(&self.settings, &self.service, &read.people, now);
            if !trials.is_empty() {
                desk.send(&trials).await?;
            }
            let failed = desk.failed(TRIALS, now.plus_micros(-KEPT_MICROS)).await?;
            more.extend(failed.iter().map(|failed| failed_trial(failed, now)));
            desk.forget_notices(now.plus_micros(-KEPT_MICROS)).await?;
        }
        desk.settle_promises(done).await?;
        let world = World {
            settings: &self.settings,
            service: &self.service,
            people: &read.people,
            silences: &read.silences,
            awake: &read.awake,
            preferences: &read.preferences,
            office: Some(&self.office),
        };
        desk.take_news(engine, world, more, done).await?;
        self.trouble.silent_since = None;
        Ok(())
    }
}

impl Worker {
    /// Tells who watches from outside that notices are decided and the database answers, when it is time to.
    fn beat(&mut self) {
        let Some(heartbeat) = &self.settings.heartbeat else { return };
        let now = policies::now();
        if self.beat_at.is_some_and(|at| now.micros_since(at) < heartbeat.every_micros) {
            return;
        }
        self.beat_at = Some(now);
        let (settings, is_said) = (Arc::clone(&self.settings), Arc::clone(&self.is_unheard));
        tokio::spawn(async move {
            let Some(heartbeat) = &settings.heartbeat else { return };
            // What stands in the way is said once; who watches says the rest.
            match heartbeat::send(heartbeat).await {
                Ok(_) => is_said.store(false, Ordering::Relaxed),
                Err(error) if !is_said.swap(true, Ordering::Relaxed) => {
                    eprintln!("ringwall: the heartbeat is not heard: {error}");
                }
                Err(_) => {}
            }
        });
    }
}

/// Tries what is due by every channel but mail.
async fn send(store: Store, settings: Arc<Settings>, host: String) {
    // A database that does not answer is told by the other loop; what is due stays due.
    let _ = machines::work(&store, &settings, &host, policies::now).await;
}

impl Trouble {
    /// What is new of it. What is not kept is told again.
    fn facts(&mut self, now: Timestamp) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Some(since) = self.silent_since {
            let seconds = now.micros_since(since) / 1_000_000;
            if seconds >= SILENT_SECONDS_MIN {
                let text = format!("the database of cases did not answer for {seconds} s");
                facts.push(trouble("database", text, now));
            }
        }
        for (name, count, what) in WATCHED {
            let counted = self.counters.of(count);
            let told = self.told.entry(name).or_default();
            if counted > *told {
                facts.push(trouble(name, format!("{}: {what}", counted - *told), now));
                *told = counted;
            }
        }
        facts
    }
}

fn trouble(rule: &str, text: String, now: Timestamp) -> Fact {
    let mut fact = Fact::of_service(Happening::Trouble, now, &format!("{rule}/{}", now.0));
    (fact.rule, fact.text) = (rule.to_owned(), text);
    fact.severity = cases::case::Severity::Critical;
    fact
}

/// When nobody will be on duty within two weeks (E-5). The same gap is the same fact.
fn gaps(settings: &Settings, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (name, rota) in &settings.rotas {
        for gap in rota.gaps(now, GAP_MICROS) {
            // One that has begun is told once a day; its beginning moves.
            let is_now = gap.from == now;
            let place = if is_now { format!("day-{}", now.0 / (DAY_MICROS)) } else { gap.from.0.to_string() };
            let mut fact = Fact::of_service(Happening::RotaGap, now, &format!("{name}/{place}"));
            let (from, to) = (rota.wall_words(gap.from), rota.wall_words(gap.to));
            fact.text = format!("rota {name}: nobody from {from} to {to}");
            fact.key.insert("rota".to_owned(), name.clone());
            facts.push(fact);
        }
    }
    facts
}

/// Which calendars list no holidays beyond the next 60 days (S-7). The same last day is the same fact: it is told once.
fn ended_lists(service: &Service, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    for calendar in service.calendars() {
        let Some(last) = calendar.list_ends(now) else { continue };
        let name = calendar.name();
        let mut fact = Fact::of_service(Happening::HolidaysEnd, now, &format!("{name}/{last}"));
        fact.text = format!("calendar {name}: the last day that is listed in it is {last}");
        facts.push(fact);
    }
    facts
}

const WATCHED: [(&str, Count, &str); 4] = [
    (
        "notices",
        Count::NoticesRefused,
        "times the file of notices was changed and not taken: it has mistakes",
    ),
    ("spool", Count::SpoolFailed, "times the spool could not be written"),
    ("spool-damaged", Count::SpoolDamaged, "stretches of the spool are damaged"),
    ("cases-unread", Count::CasesUnread, "alerts could not be read, and are in no case"),
];
/// How often it is looked whether something happened.
const PAUSE: Duration = Duration::from_secs(1);
/// What is on its way may take so long at the end.
const GOODBYE: Duration = Duration::from_secs(3);
const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// A note is told so soon after the hand-over, or after it was written.
const HAND_OVERS_MICROS: i64 = 5 * 1_000_000;
const GAP_MICROS: i64 = 14 * DAY_MICROS;
/// Facts and decisions are kept for 90 days.
const KEPT_MICROS: i64 = 90 * DAY_MICROS;
/// A shorter silence of the database is no trouble.
const SILENT_SECONDS_MIN: i64 = 10;
