//! How each part of the service is, and the copy of it that is written for whoever serves it when we are down.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cases::change::Signer;
use cases::io::store::Figures;
use collector::judge::{Count, Handle, now};
use console::{Certainty, Component, Standing, Status};
use rules::Timestamp;
use tokio::sync::watch;

use super::config::{Cases, Config};
use super::pages::Running;
use crate::outcome::Failure;
use crate::{desk_key, files, policies};

/// Looks at all parts, and remembers when something last failed.
pub(super) struct Parts {
    running: Arc<OnceLock<Running>>,
    has_cases: bool,
    has_mail: bool,
    /// Whether anybody could be told anything.
    has_channel: bool,
    has_store: bool,
    failures: Mutex<[Failing; 3]>,
}

/// A count of failures, and when it last rose.
#[derive(Clone, Copy, Default)]
struct Failing {
    count: u64,
    rose: Option<Timestamp>,
}

impl Parts {
    pub(super) fn new(config: &Config, running: &Arc<OnceLock<Running>>) -> Self {
        Self {
            running: Arc::clone(running),
            has_cases: config.cases.on,
            has_mail: config.cases.on && config.mail.smarthost.is_some(),
            has_channel: config.cases.on
                && (config.mail.smarthost.is_some() || config.cases.notices.is_some()),
            has_store: config.records.store,
            failures: Mutex::default(),
        }
    }

    /// How they are at `at`.
    pub(super) fn look(&self, at: Timestamp) -> Vec<Component> {
        let Some(running) = self.running.get() else {
            let words = "Policies and lists are being loaded.".to_owned();
            return vec![part("calls", "Answering calls", Standing::Down(Certainty::Confirmed), &words)];
        };
        let mut parts: Vec<_> = running.handles.iter().map(|(name, handle)| calls(name, handle)).collect();
        parts.push(policies_in_force(running.redirect.handle().policies().policies().len()));
        let [spool, store, database] = self.failing(running, at);
        parts.push(failing("spool", "Keeping what was decided", spool, at));
        if self.has_store {
            parts.push(failing("records", "Store of call records", store, at));
        }
        if self.has_cases {
            parts.extend(desk(running.watched.figures(), database, (self.has_mail, self.has_channel), at));
        }
        parts
    }

    fn failing(&self, running: &Running, at: Timestamp) -> [Failing; 3] {
        let counts = [Count::SpoolFailed, Count::RecordsFailed, Count::CasesFailed];
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (failing, count) in failures.iter_mut().zip(counts) {
            let count = running.counters.of(count);
            if count > failing.count {
                *failing = Failing { count, rose: Some(at) };
            }
        }
        *failures
    }
}

fn part(id: &'static str, name: &'static str, state: Standing, words: &str) -> Component {
    Component { id, name, state, words: words.to_owned() }
}

fn calls(mount: &'static str, handle: &Handle) -> Component {
    let name = match mount {
        "redirect" => "Answering calls",
        "proxy" => "Passing calls on",
        "bridge" => "Calls on the wire",
        _ => "Watching calls",
    };
    let silent = now().micros_since(handle.last_beat());
    if silent > BEAT_MICROS_MAX {
        let words = format!("Nothing is judged since {} seconds.", silent / 1_000_000);
        return part(mount, name, Standing::Down(Certainty::Confirmed), &words);
    }
    part(mount, name, Standing::Operational, "Calls are judged.")
}

fn policies_in_force(count: usize) -> Component {
    let (state, words) = match count {
        0 => {
            (Standing::Degraded(Certainty::Confirmed), "No policy is in force: calls are not judged by one.")
        }
        _ => (Standing::Operational, "Policies are in force."),
    };
    part("policies", "Policies", state, words)
}

/// Something whose failures are counted: what failed a moment ago is measured, and what failed lately may still fail.
fn failing(id: &'static str, name: &'static str, failing: Failing, at: Timestamp) -> Component {
    let since = failing.rose.map(|rose| at.micros_since(rose));
    match since {
        Some(since) if since < MINUTE_MICROS => {
            part(id, name, Standing::Degraded(Certainty::Confirmed), "Writing failed within the last minute.")
        }
        Some(since) if since < 10 * MINUTE_MICROS => {
            let words = "Writing failed within the last ten minutes; it is tried again.";
            part(id, name, Standing::Degraded(Certainty::Suspected), words)
        }
        _ => part(id, name, Standing::Operational, "Storing normally."),
    }
}

/// What the desk and its customers rely on.
fn desk(
    figures: Option<(Figures, Timestamp)>,
    database: Failing,
    (has_mail, has_channel): (bool, bool),
    at: Timestamp,
) -> Vec<Component> {
    let of = failing("cases", "Cases and portal", database, at);
    let fresh = figures.filter(|(_, taken)| at.micros_since(*taken) < FIGURES_MICROS_MAX);
    let Some((figures, _)) = fresh else {
        let words = "The database was not counted lately.";
        let suspected = Standing::Degraded(Certainty::Suspected);
        let cases =
            if of.state == Standing::Operational { part(of.id, of.name, suspected, words) } else { of };
        return vec![cases];
    };
    let mut parts = vec![of];
    let late = |channel: &str| {
        let waiting = figures.waiting.iter().find(|(of, ..)| of == channel);
        waiting.map_or(0, |(_, _, oldest)| at.micros_since(*oldest))
    };
    if has_mail {
        parts.push(match late("mail") {
            late if late > LATE_MICROS_MAX => {
                let words = format!("Mail waits for {} minutes.", late / MINUTE_MICROS);
                part("mail", "Mail", Standing::Degraded(Certainty::Confirmed), &words)
            }
            _ => part("mail", "Mail", Standing::Operational, "Mail goes out."),
        });
    }
    // Where no way out is set up nothing goes out, and nothing fails.
    if has_channel {
        parts.push(match figures.notices_behind {
            behind if behind > NOTICES_BEHIND_MAX => {
                let words = format!("{behind} changes wait to be looked at.");
                part("notices", "Notices", Standing::Degraded(Certainty::Suspected), &words)
            }
            _ => part("notices", "Notices", Standing::Operational, "Notices are going out."),
        });
    }
    parts.push(match figures.runs_late {
        0 => part("reports", "Reports", Standing::Operational, "Reports run when they are due."),
        1 => part("reports", "Reports", Standing::Degraded(Certainty::Confirmed), "One report is late."),
        many => {
            let words = format!("{many} reports are late.");
            part("reports", "Reports", Standing::Degraded(Certainty::Confirmed), &words)
        }
    });
    parts
}

/// Writes the copy every minute until the service ends.
pub(super) fn export(
    config: &Config,
    parts: Arc<Parts>,
    stopped: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let Some(folder) = config.status.export.clone() else { return Ok(()) };
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let signer = desk_key::open_at(&Cases::new(config).key())?;
    let (name, address) = (config.http.name.clone(), config.address());
    tokio::spawn(write_until(folder, signer, (name, address), parts, stopped));
    Ok(())
}

async fn write_until(
    folder: PathBuf,
    signer: Signer,
    (name, address): (String, String),
    parts: Arc<Parts>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut is_failing = false;
    while !*stopped.borrow() {
        let at = policies::now();
        let components = parts.look(at);
        let status = Status { name: name.clone(), address: address.clone(), components, at };
        match write(&folder, &signer, &status) {
            Ok(()) => is_failing = false,
            Err(failure) => {
                if !std::mem::replace(&mut is_failing, true) {
                    eprintln!("ringwall: the copy of the status page is not written: {failure}");
                }
            }
        }
        let _ = tokio::time::timeout(EVERY, stopped.wait_for(|stop| *stop)).await;
    }
}

/// Both files and their signatures, each whole or not at all.
fn write(folder: &Path, signer: &Signer, status: &Status) -> Result<(), Failure> {
    let html = status.html().map_err(|error| Failure::Usage(error.to_string()))?;
    for (name, text) in [("status.html", html), ("status.json", status.json())] {
        let signature = signer.sign(SIGNED_AS, text.as_bytes()) + "\n";
        for (name, bytes) in
            [(name.to_owned(), text.as_bytes()), (format!("{name}.sig"), signature.as_bytes())]
        {
            let path = folder.join(name);
            let hidden = files::beside(&path);
            let put = fs::write(&hidden, bytes).and_then(|()| fs::rename(&hidden, &path));
            put.map_err(Failure::file(&path))?;
        }
    }
    Ok(())
}

/// What the signature is of, so that it is taken for no other.
const SIGNED_AS: &str = "ringwall status 1";
const EVERY: Duration = Duration::from_secs(60);
const MINUTE_MICROS: i64 = 60 * 1_000_000;
/// Without a sign of life for so long a thread that judges is down.
const BEAT_MICROS_MAX: i64 = 2_000_000;
/// The database is counted every minute or so.
const FIGURES_MICROS_MAX: i64 = 5 * MINUTE_MICROS;
const LATE_MICROS_MAX: i64 = 10 * MINUTE_MICROS;
const NOTICES_BEHIND_MAX: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_791_212_400_000_000);

    #[test]
    fn what_failed_a_moment_ago_is_confirmed_and_what_failed_lately_is_suspected() {
        let state = |minutes: Option<i64>| {
            let rose = minutes.map(|minutes| AT.plus_micros(-minutes * MINUTE_MICROS));
            failing("spool", "Spool", Failing { count: 1, rose }, AT).state
        };
        assert_eq!(state(None), Standing::Operational);
        assert_eq!(state(Some(0)), Standing::Degraded(Certainty::Confirmed));
        assert_eq!(state(Some(5)), Standing::Degraded(Certainty::Suspected));
        assert_eq!(state(Some(30)), Standing::Operational);
    }

    #[test]
    fn mail_that_waits_and_a_database_that_is_not_counted_are_told() {
        let waiting = vec![("mail".to_owned(), 3, AT.plus_micros(-11 * MINUTE_MICROS))];
        let figures = Figures { waiting, runs_late: 2, ..Figures::default() };
        let parts = desk(Some((figures.clone(), AT)), Failing::default(), (true, true), AT);
        let state = |id: &str| parts.iter().find(|it| it.id == id).unwrap().state;
        assert_eq!(state("cases"), Standing::Operational);
        assert_eq!(state("mail"), Standing::Degraded(Certainty::Confirmed));
        assert_eq!(state("reports"), Standing::Degraded(Certainty::Confirmed));
        // Nothing is said to go out where there is no way out.
        let silent = desk(Some((figures.clone(), AT)), Failing::default(), (false, false), AT);
        assert!(parts.iter().any(|it| it.id == "notices") && silent.iter().all(|it| it.id != "notices"));
        let old =
            desk(Some((figures, AT.plus_micros(-6 * MINUTE_MICROS))), Failing::default(), (true, true), AT);
        assert_eq!(old.len(), 1);
        assert_eq!(old[0].state, Standing::Degraded(Certainty::Suspected));
    }
}
