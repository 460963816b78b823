//! The loop over what is due by every channel but mail: tried, and written down what came of it. What dies between the two is
//! tried again with the same id.

use std::collections::BTreeMap;

use rules::Timestamp;
use tokio::task::JoinSet;

use super::{SendError, chat, sms, syslog, webhook};
use crate::io::store::{Error, Store};
use crate::notice::{Settings, TargetKind};
use crate::outgoing::{Channel, Delivery, Outgoing};

/// Tries what is due at `now`, one after the other for each recipient, and several recipients at once. `clock` says when a
/// provider has taken something. Returns how many were tried.
///
/// # Errors
/// The database does not answer; what was sent meanwhile is sent again, with the same id.
pub async fn work(
    store: &Store,
    settings: &std::sync::Arc<Settings>,
    host: &str,
    clock: fn() -> Timestamp,
) -> Result<usize, Error> {
    let mut of_places: BTreeMap<(Channel, String), Vec<Outgoing>> = BTreeMap::new();
    for channel in [Channel::Sms, Channel::Webhook, Channel::Chat, Channel::Syslog] {
        for outgoing in store.desk().due_by(channel, clock(), AT_ONCE).await? {
            of_places.entry((channel, outgoing.to.clone())).or_default().push(outgoing);
        }
    }
    let mut tried = 0;
    let mut places = of_places.into_iter();
    let mut running = JoinSet::new();
    let mut failed = None;
    loop {
        while running.len() < PLACES_AT_ONCE {
            let Some(((channel, to), batch)) = places.next() else { break };
            let (settings, host, store) = (std::sync::Arc::clone(settings), host.to_owned(), store.clone());
            running.spawn(
                async move { work_place(&store, &settings, (channel, &to), batch, &host, clock).await },
            );
        }
        match running.join_next().await {
            Some(Ok(Ok(count))) => tried += count,
            Some(Ok(Err(error))) => failed = Some(error),
            // One that died has said why; what it had is due still.
            Some(Err(_)) => {}
            None => break,
        }
    }
    failed.map_or(Ok(tried), Err)
}

/// Everything for one place, in order; after a failure that may pass the rest waits as well.
async fn work_place(
    store: &Store,
    settings: &Settings,
    (channel, to): (Channel, &str),
    mut batch: Vec<Outgoing>,
    host: &str,
    clock: fn() -> Timestamp,
) -> Result<usize, Error> {
    let (mut count, begun) = (0, clock());
    if let Some(place) = syslog_place(settings, channel, to, host) {
        batch = store.desk().hold_all(batch, begun, begun.plus_micros(HELD_MICROS)).await?;
        if batch.is_empty() {
            return Ok(0);
        }
        let came = syslog::send(place, &batch, clock()).await;
        let now = clock();
        batch.iter_mut().for_each(|outgoing| handle_try(outgoing, &came, now));
        store.desk().settle(&batch).await?;
        return Ok(batch.len());
    }
    for mut outgoing in batch {
        // Of two services on one database one sends it. What dies meanwhile lets go of it after seconds.
        let now = clock();
        if !store.desk().hold(&outgoing.id, now, now.plus_micros(HELD_MICROS)).await? {
            continue;
        }
        count += 1;
        let came = try_once(settings, &outgoing, host, clock).await;
        handle_try(&mut outgoing, &came, clock());
        store.desk().settle(std::slice::from_ref(&outgoing)).await?;
        // A slow one is not let to hold up the others.
        let is_slow = clock().micros_since(begun) > PLACE_MICROS_MAX;
        if is_slow || matches!(&came, Err(error) if !error.permanent) {
            break;
        }
    }
    Ok(count)
}

/// Tries it once, and writes nothing down.
///
/// # Errors
/// It was not taken.
pub async fn try_once(
    settings: &Settings,
    outgoing: &Outgoing,
    host: &str,
    clock: fn() -> Timestamp,
) -> Result<String, SendError> {
    let (channel, to) = (outgoing.channel, outgoing.to.as_str());
    let target = settings.targets.get(to).map(|target| &target.kind);
    match (channel, target, &settings.sms) {
        (Channel::Sms, _, Some(gateway)) => sms::send(gateway, outgoing).await,
        (Channel::Sms, ..) => Err(SendError::passing("no gateway for text messages is configured")),
        (Channel::Webhook, Some(TargetKind::Webhook { url, secret_file, authorities }), _) => {
            webhook::send((url, secret_file, authorities.as_deref()), outgoing, clock()).await
        }
        (Channel::Chat, Some(TargetKind::Chat { url_file, authorities }), _) => {
            chat::send((url_file, authorities.as_deref()), outgoing, settings.page.as_deref()).await
        }
        _ => match syslog_place(settings, channel, to, host) {
            Some(place) => syslog::send(place, std::slice::from_ref(outgoing), clock()).await,
            None => Err(SendError::passing(format!("no target {to:?} is configured"))),
        },
    }
}

fn syslog_place<'a>(
    settings: &'a Settings,
    channel: Channel,
    to: &str,
    host: &'a str,
) -> Option<syslog::Place<'a>> {
    match (channel, settings.targets.get(to).map(|target| &target.kind)) {
        (Channel::Syslog, Some(TargetKind::Syslog { carriage, address, authorities })) => {
            Some(syslog::Place { carriage: *carriage, address, authorities: authorities.as_deref(), host })
        }
        _ => None,
    }
}

/// Writes down what came of a try at `now`, and when the next one is.
fn handle_try(outgoing: &mut Outgoing, came: &Result<String, SendError>, now: Timestamp) {
    let failures = outgoing.tries.len();
    let (said, is_over) = match came {
        Ok(said) => (said.clone(), true),
        Err(error) => (error.why.clone(), error.permanent || failures + 1 >= TRIES_MAX),
    };
    outgoing.tries.push((now, said));
    outgoing.state = match (came, is_over) {
        (Ok(_), _) => Delivery::Accepted,
        (Err(_), true) => Delivery::Failed,
        (Err(_), false) => Delivery::Waiting,
    };
    let seconds = BACK_OFF_SECONDS.get(failures).or(BACK_OFF_SECONDS.last()).copied().unwrap_or_default();
    if outgoing.state == Delivery::Waiting {
        outgoing.due = now.plus_micros(seconds * 1_000_000);
    }
}

/// For one channel.
const AT_ONCE: u32 = 200;
const PLACES_AT_ONCE: usize = 8;
/// For one place before the next is looked at.
const PLACE_MICROS_MAX: i64 = 15_000_000;
/// How long something is held by whoever sends it: longer than any way tries.
const HELD_MICROS: i64 = 15_000_000;
/// After each failure; a day and a half altogether.
const BACK_OFF_SECONDS: [i64; 8] = [2, 10, 30, 60, 300, 900, 1800, 3600];
const TRIES_MAX: usize = 40;
