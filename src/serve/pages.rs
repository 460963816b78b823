//! What the pages of the console are made of.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use collector::faults::{self, Point};
use collector::judge::{BOUNDS_SECONDS, Count, Counters, Handle, Shared, now};
use collector::places::Places;
use collector::redirect::Redirect;
use collector::redress::Tokens;
use console::{Book, Decision, Durations, Health, Kind, Query, Sample, Service, Undecided};
use engine::sip::Message;
use engine::{Engine, Packet, dials_emergency};
use rules::{Flags, Timestamp};
use tokio::sync::oneshot;

use super::Hints;
use super::answers::answers;
use super::authorised::Visits;
use super::config::{Cases, Config, Network};
use super::notice_file::NoticeFile;
use super::schedules::Fetches;
use super::status::Parts;
use super::watched::Watched;
use crate::outcome::Failure;
use crate::policies;

/// A service that judges.
pub(super) struct Running {
    /// Who decides what is asked over HTTP.
    pub(super) redirect: Shared<Redirect>,
    /// All threads that judge, by name.
    pub(super) handles: Vec<(&'static str, Handle)>,
    /// What they count.
    pub(super) counters: Arc<Counters>,
    /// What is measured now and then.
    pub(super) watched: Watched,
    /// Whether there is no policy and calls are refused until there is one.
    pub(super) refuses_all: Arc<AtomicBool>,
    /// Places of calls that are asked about.
    pub(super) places: Places,
}

/// The pages of a service that may still be loading.
pub(super) fn pages(
    (config, hints): (&Arc<Config>, Option<Hints>),
    (running, parts, notices, tokens): (&Arc<OnceLock<Running>>, &Arc<Parts>, &Arc<NoticeFile>, Tokens),
    visits: Visits,
    fetches: Fetches,
) -> Result<Service, Failure> {
    let cases = Cases::new(config);
    let book = match config.cases.on {
        true => Some(Book::new(cases.place(), cases.service()?)),
        false => None,
    };
    let [for_health, for_samples, for_decide, for_failed] = [(); 4].map(|()| Arc::clone(running));
    Ok(Service {
        health: Box::new(move || health(for_health.get())),
        samples: Box::new(move || samples(for_samples.get())),
        approvals: Box::new(move |visit| {
            let (tell, told) = oneshot::channel();
            // One that finds no room is dropped with its `tell`, which says so.
            let _ = visits.try_send((visit, tell));
            told
        }),
        reports: Box::new(move |secret| {
            let (tell, told) = oneshot::channel();
            let _ = fetches.try_send((secret, tell));
            told
        }),
        decide: Box::new(move |query| {
            faults::strike(Point::Page);
            decide(for_decide.get().ok_or(Undecided::Loading)?, query)
        }),
        failed: Box::new(move || {
            if let Some(running) = for_failed.get() {
                running.counters.add(Count::FaultPage);
            }
        }),
        questions: answers(config, running, parts, notices, tokens)?,
        cases: book,
        now: policies::now,
        name: config.http.name.clone(),
        is_secure: config.address().starts_with("https://"),
        address: config.address(),
        hints,
        own: own(config)?,
    })
}

/// What pages keep among themselves: limits, proxies, and who else says who somebody is.
fn own(config: &Config) -> Result<console::Own, Failure> {
    let own = console::Own::new(console::Rates {
        requests_per_second: config.http.requests_per_second,
        log_ins_per_minute: config.http.log_ins_per_minute,
    })
    .behind(config.http.trusted_proxies.iter().map(|Network(network)| *network).collect())
    .with_files(sys::raise_open_files().unwrap_or_default());
    #[cfg(not(feature = "oidc"))]
    config.http.oidc.refuse()?;
    #[cfg(feature = "oidc")]
    if let Some(provider) = config.http.oidc.provider()? {
        return Ok(own.with_openid(provider));
    }
    Ok(own)
}

fn health(running: Option<&Running>) -> Health {
    let Some(running) = running else { return Health::Loading };
    let is_silent = |handle: &Handle| now().micros_since(handle.last_beat()) > BEAT_MICROS_MAX;
    match running.handles.iter().find(|(_, handle)| is_silent(handle)) {
        Some((name, _)) => Health::Sick(format!("the thread that judges ({name}) does not answer")),
        None if running.refuses_all.load(Ordering::Relaxed) => Health::Unready(WITHOUT_POLICY.to_owned()),
        None => Health::Ready,
    }
}

fn decide(running: &Running, query: Query) -> Result<oneshot::Receiver<Decision>, Undecided> {
    let shared = &running.redirect;
    let customer = query.customer.as_deref();
    let policies = shared.handle().policies();
    let is_known = |name: &str| policies.policies().iter().any(|policy| policy.name() == name);
    if customer.is_some_and(|name| !is_known(name)) {
        return Err(Undecided::UnknownCustomer);
    }
    let comes_first = || dials_emergency(&Message::read(&query.message), &policies);
    let place = running.places.take(comes_first).ok_or(Undecided::Busy)?;
    let (tell, told) = oneshot::channel();
    let is_taken = shared.ask(Box::new(move |redirect, at| {
        let _place = place;
        let decider = redirect.decider();
        let policies = decider.engine().policies();
        let judge = query.customer.as_deref().and_then(|name| {
            policies.policies().iter().position(|policy| policy.name() == name).map(|place| place as u32)
        });
        let packet = Packet {
            at,
            source: query.source,
            destination: query.destination,
            transport: query.transport,
            payload: &query.message,
            flags: Flags::NONE,
        };
        if let Some(code) = decider.refuses(&packet) {
            let reason = Some(WITHOUT_POLICY.to_owned());
            let verdict = rules::Action::Block.word();
            let _ = tell.send(Decision { verdict, code: Some(code), reason, ..Decision::default() });
            return;
        }
        let decision = decider.decide(&packet, judge).map_or_else(nothing_to_judge, |decided| {
            Decision::new(decided.policies, decided.policy, decided.verdict.as_ref())
                .about(decided.attempt, decided.policy)
        });
        // Whoever asked may have gone away.
        let _ = tell.send(decision);
    }));
    if is_taken { Ok(told) } else { Err(Undecided::Busy) }
}

fn nothing_to_judge() -> Decision {
    let reason = "nothing to judge: the message opens no call and no other request".to_owned();
    Decision { verdict: rules::Action::Allow.word(), reason: Some(reason), ..Decision::default() }
}

/// Everything that is counted or measured.
fn samples(running: Option<&Running>) -> oneshot::Receiver<Vec<Sample>> {
    let (tell, told) = oneshot::channel();
    let ready = |ready| gauge("ready", "Whether policies are loaded and calls are judged.", None, ready);
    let Some(running) = running else {
        let _ = tell.send(vec![ready(0.0)]);
        return told;
    };
    let mut samples: Vec<Sample> = Count::ALL
        .iter()
        .map(|&count| {
            let (name, label) = count.name();
            let label = (!label.is_empty()).then(|| ("kind", label.to_owned()));
            Sample { name, help: help(name), label, kind: Kind::Counter(running.counters.of(count)) }
        })
        .collect();
    let is_ready = health(Some(running)) == Health::Ready;
    samples.push(ready(f64::from(u8::from(is_ready))));
    samples.extend(running.watched.samples(now()));
    let turns = running.handles.iter().map(|(name, handle)| Sample {
        name: "turn_seconds",
        help: "Turns of a thread that judges, from a packet that waits to the last answer of its batch, by mount.",
        label: Some(("mount", (*name).to_owned())),
        kind: Kind::Durations(Durations {
            bounds: &BOUNDS_SECONDS,
            counts: handle.latency().counts(),
            sum: handle.latency().seconds(),
        }),
    });
    samples.extend(turns);
    let gathered = Arc::new(Gathered { samples: Mutex::new(samples), tell: Some(tell) });
    for (name, handle) in &running.handles {
        let (name, gathered) = (*name, Arc::clone(&gathered));
        // One that is too busy to say leaves its part out.
        handle.ask(move |engine, at| gathered.add(of_engine(name, engine, at)));
    }
    told
}

/// Samples of several threads, told when the last of them lets go.
struct Gathered {
    samples: Mutex<Vec<Sample>>,
    tell: Option<oneshot::Sender<Vec<Sample>>>,
}

impl Gathered {
    fn add(&self, samples: Vec<Sample>) {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).extend(samples);
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        let mut samples = std::mem::take(self.samples.get_mut().unwrap_or_else(PoisonError::into_inner));
        // Lines of one metric stand together.
        let mut order: Vec<&str> = samples.iter().map(|sample| sample.name).collect();
        order.dedup();
        samples.sort_by_key(|sample| order.iter().position(|&name| name == sample.name));
        if let Some(tell) = self.tell.take() {
            // Whoever asked may have gone away.
            let _ = tell.send(samples);
        }
    }
}

/// What the engine of the mount `name` measures.
fn of_engine(name: &'static str, engine: &mut Engine, at: Timestamp) -> Vec<Sample> {
    let label = || Some(("mount", name.to_owned()));
    let losses = engine.counter_losses();
    let blocks = engine.restraints(at).count();
    let mut samples = of_verifier(engine.verifier());
    samples.extend([
        counter(
            "calls_evicted_total",
            "Calls forgotten early because too many were known.",
            label(),
            engine.counters.calls_evicted,
        ),
        counter(
            "keys_forgotten_total",
            "Keys of thresholds forgotten because memory ran out: their counts may be too low.",
            label(),
            losses.keys_forgotten,
        ),
        gauge("blocks_in_force", "Blocks and other measures set by thresholds.", label(), blocks as f64),
        gauge(
            "threshold_bytes",
            "Memory that counters of thresholds take.",
            label(),
            engine.counter_bytes() as f64,
        ),
        gauge("policies", "Policies in force.", label(), engine.policies().policies().len() as f64),
    ]);
    samples
}

/// What became of signatures; all mounts together, as the same metric of several adds up.
fn of_verifier(verifier: Option<&mut stir::Verifier>) -> Vec<Sample> {
    let help = "Calls with Identity headers that were looked at, by what became of them.";
    let counts = verifier.map(|verifier| verifier.counts().collect::<Vec<_>>()).unwrap_or_default();
    let of = |(outcome, count): (stir::Outcome, u64)| {
        counter("signatures_total", help, Some(("outcome", outcome.word().to_owned())), count)
    };
    counts.into_iter().map(of).collect()
}

fn counter(name: &'static str, help: &'static str, label: Label, value: u64) -> Sample {
    Sample { name, help, label, kind: Kind::Counter(value) }
}

fn gauge(name: &'static str, help: &'static str, label: Label, value: f64) -> Sample {
    Sample { name, help, label, kind: Kind::Gauge(value) }
}

type Label = Option<(&'static str, String)>;

/// What a metric means.
fn help(name: &str) -> &'static str {
    match name {
        "messages_received_total" => "Messages that came, by what carried them.",
        "decisions_total" => "Requests that were judged, by verdict; retransmissions are not counted again.",
        "queue_packets_total" => "Packets that the kernel asked about, by what became of them.",
        "queue_answers_total" => "Answers said in the name of whom a packet was meant for.",
        "queue_overruns_total" => "Times that the kernel had no room to ask about packets.",
        "retransmissions_total" => "Requests that came again and got the same answer.",
        "other_requests_total" => "Messages that need no judging, by what they are.",
        "strangers_total" => "Requests from addresses of no peer, by what became of them.",
        "malformed_total" => "Messages that lack what every request has, by what became of them.",
        "shed_total" => {
            "Requests not judged because of overload or for want of a policy, by what became of them."
        }
        "faults_total" => "Failures inside, by what they cost.",
        "datagrams_lost_total" => "Datagrams that the system dropped because more came than could be read.",
        "forwarded_total" => "Messages that the proxy passed on.",
        "not_forwarded_total" => "Messages that the proxy could not pass on, by why.",
        "own_requests_total" => "What became of OPTIONS and BYEs that the proxy sends itself.",
        "next_hop_turns_total" => "Places of next hops that went down or came up again.",
        "lookups_total" => "Names of next hops, by what became of looking them up.",
        "send_failures_total" => "Answers that the system did not take.",
        "connections_total" => "Connections over TCP and TLS, by what became of them.",
        "news_dropped_total" => {
            "What was left out because the disk could not keep up or had no room, by what it is."
        }
        "spool_events_total" => "What was written into the spool, by what it is.",
        "spool_commits_total" => "Times that what was written into the spool was brought to the disk.",
        "spool_failures_total" => "Times that the spool could not be written.",
        "blocks_shared_total" => {
            "Blocks of thresholds that other threads that judge were told, by whether they were."
        }
        "spool_given_up_total" => "What was given up because the spool had its size, by what it is.",
        "cases_alerts_total" => "Alerts of the spool that were put into cases.",
        "reports_total" => "Reports that ran by themselves, by what became of them.",
        "report_fetches_total" => "Times that somebody followed a link to a report.",
        "mails_received_total" => "Mails that came, by what became of them.",
        "mails_read_total" => "Mails that were taken, by whether they could be read into cases.",
        "mails_sent_total" => "Tries to hand a mail to the smarthost, by what came of them.",
        "notices_failures_total" => {
            "Times that notices could not be decided because the database did not answer."
        }
        "notices_reloads_total" => "Times that the file of notices was changed, by what became of it.",
        "feed_fetches_total" => "Looks at feeds, by what came of them.",
        "cases_unread_total" => "Alerts of the spool that could be put into no case, and are set aside.",
        "cases_failures_total" => "Times that the database of cases did not take what it was given.",
        "records_total" => "Call records of the spool, by what became of them on their way into the store.",
        "records_failures_total" => "Times that the store of call records could not be written.",
        "spool_damaged_total" => "Stretches of the spool that are not what was written, passed over.",
        "reloads_total" => "Policies that came while running, by what became of them.",
        "hep_received_total" => "HEP packets that came, by what carried them.",
        "hep_packets_total" => "HEP packets that came, by what they are.",
        "hep_clock_wrong_total" => {
            "HEP packets whose time is too far off our clock, so that they count from when they came."
        }
        "hep_lost_total" => "HEP packets lost here because more came than could be judged.",
        "hep_connections_total" => "Connections of HEP senders, by what became of them.",
        "capture_frames_total" => "Frames taken off interfaces that are watched.",
        "capture_messages_total" => "SIP messages found in frames off interfaces.",
        "capture_dropped_total" => "Frames dropped because more came than could be judged.",
        "capture_lost_total" => {
            "Frames cut short, fragments and stretches of streams that never came or were given up."
        }
        "mirror_packets_total" => "HEP packets about decisions, by what became of them.",
        "certificate_fetches_total" => "Certificates of signers that were wanted, by what became of them.",
        "certificates_not_kept_total" => "Certificates that were fetched and could not be written to disk.",
        "sensor_faults_total" => "Failures inside what only watches, by what failed.",
        _ => "See docs/serve.md.",
    }
}

/// Why a service does not judge that lives.
const WITHOUT_POLICY: &str = "there is no policy to judge by, and calls are refused until there is one";
/// Without a sign of life for so long the thread that judges is sick, in microseconds.
const BEAT_MICROS_MAX: i64 = 2_000_000;
