//! What the pages of the console are made of.

use std::sync::{Arc, OnceLock};

use collector::redirect::{Count, Shared, now};
use console::{Decision, Health, Kind, Query, Sample, Service, Undecided};
use engine::Packet;
use rules::Flags;
use tokio::sync::oneshot;

/// The pages of a service that may still be loading.
pub(super) fn pages(running: &Arc<OnceLock<Shared>>) -> Service {
    let (for_health, for_samples, for_decide) =
        (Arc::clone(running), Arc::clone(running), Arc::clone(running));
    Service {
        health: Box::new(move || health(for_health.get())),
        samples: Box::new(move || samples(for_samples.get())),
        decide: Box::new(move |query| decide(for_decide.get().ok_or(Undecided::Loading)?, query)),
    }
}

fn health(running: Option<&Shared>) -> Health {
    match running {
        None => Health::Loading,
        Some(shared) if now().micros_since(shared.last_beat()) > BEAT_MICROS_MAX => {
            Health::Sick("the thread that judges does not answer".to_owned())
        }
        Some(_) => Health::Ready,
    }
}

fn decide(shared: &Shared, query: Query) -> Result<oneshot::Receiver<Decision>, Undecided> {
    let customer = query.customer.as_deref();
    let is_known = |name: &str| shared.policies().policies().iter().any(|policy| policy.name() == name);
    if customer.is_some_and(|name| !is_known(name)) {
        return Err(Undecided::UnknownCustomer);
    }
    let (tell, told) = oneshot::channel();
    let is_taken = shared.ask(Box::new(move |decider, at| {
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
        let decision = decider.decide(&packet, judge).map_or_else(nothing_to_judge, |decided| {
            Decision::new(&decided.policies, decided.policy, decided.verdict.as_ref())
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
fn samples(running: Option<&Shared>) -> oneshot::Receiver<Vec<Sample>> {
    let (tell, told) = oneshot::channel();
    let Some(shared) = running else {
        let _ = tell.send(vec![gauge("ready", "Whether policies are loaded and calls are judged.", 0.0)]);
        return told;
    };
    let counters = Arc::clone(shared.counters());
    shared.ask(Box::new(move |decider, at| {
        let mut samples: Vec<Sample> = Count::ALL
            .iter()
            .map(|&count| {
                let (name, label) = count.name();
                let label = (!label.is_empty()).then(|| ("kind", label.to_owned()));
                Sample { name, help: help(name), label, kind: Kind::Counter(counters.of(count)) }
            })
            .collect();
        let engine = decider.engine();
        let (evicted, losses) = (engine.counters.calls_evicted, engine.counter_losses());
        samples.push(counter(
            "calls_evicted_total",
            "Calls forgotten early because too many were known.",
            evicted,
        ));
        samples.push(counter(
            "keys_forgotten_total",
            "Keys of thresholds forgotten because memory ran out: their counts may be too low.",
            losses.keys_forgotten,
        ));
        let blocks = engine.restraints(at).count();
        samples.push(gauge("blocks_in_force", "Blocks and other measures set by thresholds.", blocks as f64));
        let bytes = engine.counter_bytes();
        samples.push(gauge("counter_bytes", "Memory that counters of thresholds take.", bytes as f64));
        let policies = engine.policies().policies().len();
        samples.push(gauge("policies", "Policies in force.", policies as f64));
        samples.push(gauge("ready", "Whether policies are loaded and calls are judged.", 1.0));
        let _ = tell.send(samples);
    }));
    told
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Sample {
    Sample { name, help, label: None, kind: Kind::Counter(value) }
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Sample {
    Sample { name, help, label: None, kind: Kind::Gauge(value) }
}

/// What a metric of the redirect server means.
fn help(name: &str) -> &'static str {
    match name {
        "messages_received_total" => "Messages that came, by what carried them.",
        "decisions_total" => "Requests that were judged, by verdict; retransmissions are not counted again.",
        "retransmissions_total" => "Requests that came again and got the same answer.",
        "other_requests_total" => "Messages that need no judging, by what they are.",
        "strangers_total" => "Requests from addresses of no peer, by what became of them.",
        "malformed_total" => "Messages that lack what every request has, by what became of them.",
        "shed_total" => {
            "Calls not judged because of overload or for want of a policy, by what became of them."
        }
        "faults_total" => "Calls on which judging failed inside, by what became of them.",
        "send_failures_total" => "Answers that the system did not take.",
        "connections_total" => "Connections over TCP and TLS, by what became of them.",
        "news_dropped_total" => {
            "Batches of call records and alerts left out because the disk could not keep up."
        }
        "reloads_total" => "Policies that came while running, by what became of them.",
        _ => "See docs/serve.md.",
    }
}

/// Without a sign of life for so long the thread that judges is sick, in microseconds.
const BEAT_MICROS_MAX: i64 = 2_000_000;
