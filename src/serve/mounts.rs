//! The threads that judge, as the service as a whole sees them.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use collector::judge::{Handle, Judge, Mount, now};
use engine::{Budget, Engine, Seeds, Succession};
use rules::policy::PolicySet;

use super::control::Controlled;
use super::keeper::Keeper;
use super::records::Records;

/// How the state of an engine is taken.
pub(super) type Snapshot = fn(&Engine) -> Vec<u8>;

/// One thread that judges.
pub(super) struct Mounted {
    /// What it is called in metrics and in words to people.
    pub(super) name: &'static str,
    /// The file under `--data` in which its counters and blocks outlive a restart.
    pub(super) file: &'static str,
    /// What others need of it.
    pub(super) handle: Handle,
    snapshot: Snapshot,
    stop: Box<dyn FnOnce() -> Option<Engine> + Send>,
}

impl Mounted {
    /// `judge`, which goes on where `file` ended.
    pub(super) fn new<M: Mount>(name: &'static str, file: &'static str, judge: Judge<M>) -> Self {
        Self {
            name,
            file,
            handle: judge.shared().handle(),
            snapshot: Engine::snapshot_without_attempts,
            stop: Box::new(move || judge.stop()),
        }
    }

    /// The same where calls go on after they were judged: those that are up outlive a restart as well.
    pub(super) fn with_calls(self) -> Self {
        Self { snapshot: Engine::snapshot, ..self }
    }

    /// It, as far as commands ask it.
    pub(super) fn controlled(&self) -> Controlled {
        Controlled { name: self.name, file: self.file, handle: self.handle.clone(), snapshot: self.snapshot }
    }

    /// Lets it finish what it has in hand, and hands its last state to `records`.
    pub(super) fn stop(self, records: &Records) {
        match (self.stop)() {
            Some(engine) => records.keep(self.file, (self.snapshot)(&engine)),
            None => {
                eprintln!(
                    "ringwall: the thread that judges ({}) has died; its last snapshot stays",
                    self.name
                );
            }
        }
    }

    /// Has a snapshot taken every so many seconds; less often while one takes more than a hundredth of that, because
    /// packets wait meanwhile.
    pub(super) fn take_snapshots(&self, seconds: u32, send: impl Fn(Vec<u8>) + Send + 'static) {
        let (handle, snapshot) = (self.handle.clone(), self.snapshot);
        let usual = Duration::from_secs(u64::from(seconds.max(1)));
        thread::spawn(move || {
            let mut pause = usual;
            loop {
                thread::sleep(pause);
                let (tell, told) = channel();
                let is_taken = handle.ask(move |engine, begin| {
                    let state = snapshot(engine);
                    let took = now().micros_since(begin).unsigned_abs();
                    // Whoever asked waits.
                    let _ = tell.send((state, Duration::from_micros(took)));
                });
                let Ok((state, took)) = told.recv() else {
                    if is_taken {
                        return;
                    }
                    continue;
                };
                pause = usual.max(took * 100);
                send(state);
            }
        });
    }
}

/// An engine that goes on where the last run ended in `file`, if that can be known. Those that share blocks have the same
/// `seeds`.
pub(super) fn go_on(
    (policies, seeds): (Arc<PolicySet>, Option<Seeds>),
    keeper: &Keeper,
    data: &Path,
    file: &str,
) -> Engine {
    let path = data.join(file);
    let anew =
        |policies| Engine::with_seeds(policies, Budget::default(), seeds.unwrap_or_else(Seeds::random));
    let Ok(bytes) = std::fs::read(&path) else { return anew(policies) };
    if seeds.is_some_and(|seeds| Engine::seeds_of(&bytes).is_ok_and(|kept| kept != seeds)) {
        eprintln!(
            "ringwall: {}: counters and blocks begin anew: they were kept before blocks were shared",
            path.display()
        );
        return anew(policies);
    }
    let error = match Engine::restore(Arc::clone(&policies), Budget::default(), &bytes) {
        Ok(engine) => return engine,
        Err(error) => error,
    };
    // The policies may have been changed meanwhile: what they were is kept.
    for former in keeper.former() {
        if let Ok(mut engine) = Engine::restore(Arc::new(former), Budget::default(), &bytes) {
            if engine.take_up(policies, Budget::default()) == Succession::Nothing {
                eprintln!("ringwall: thresholds were changed, so their counters and blocks begin anew");
            }
            return engine;
        }
    }
    let aside = path.with_extension("refused");
    let kept = std::fs::rename(&path, &aside)
        .map_or_else(|error| error.to_string(), |()| aside.display().to_string());
    eprintln!("ringwall: {}: {error}; counters begin anew, and the file is kept as {kept}", path.display());
    anew(policies)
}
