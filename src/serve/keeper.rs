//! Keeps the policies in force: reads them at start, and again when their files change or somebody asks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use collector::judge::{Count, Counters, Handle};
use collector::proxy;
use collector::redirect::Settings;
use collector::sensor::Senders;
use rules::policy::PolicySet;
use rules::{Policy, Timestamp};

use super::kept::Kept;
use crate::policies::{self, Read};

/// What keeps the policies of some files in force.
pub(super) struct Keeper {
    paths: Vec<PathBuf>,
    kept: Kept,
    settings: Arc<Settings>,
    proxy: Option<Arc<proxy::Settings>>,
    senders: Arc<Senders>,
    counters: Arc<Counters>,
    /// What the files were like when they were read last.
    seen: BTreeMap<PathBuf, Seen>,
    /// Former policies: the last to let one go must not be whoever judges.
    former: Vec<Arc<PolicySet>>,
}

/// What tells that a file is another: when it was changed, and how long it is.
type Seen = Option<(SystemTime, u64)>;

/// What there is to judge by at start.
pub(super) enum Found {
    /// The policies that were asked for.
    Policies(PolicySet),
    /// Those that were good once, from this file: the present ones have mistakes.
    Former(PathBuf, PolicySet),
    /// None.
    Nothing,
}

impl Keeper {
    /// Of `paths`, with copies under `data`, for a service that behaves by `settings` and hears `senders`.
    pub(super) fn new(
        paths: Vec<PathBuf>,
        data: &Path,
        (settings, proxy, senders): (Arc<Settings>, Option<Arc<proxy::Settings>>, Arc<Senders>),
        counters: Arc<Counters>,
    ) -> Self {
        let (kept, seen, former) = (Kept::new(data), BTreeMap::new(), Vec::new());
        Self { paths, kept, settings, proxy, senders, counters, seen, former }
    }

    /// Reads the policies at start; what is wrong with them is said.
    pub(super) fn find(&mut self) -> Found {
        match self.load() {
            Some(policies) => Found::Policies(policies),
            None => match self.kept.policies().next() {
                Some((path, policies)) => Found::Former(path, policies),
                None => Found::Nothing,
            },
        }
    }

    /// Policies that were good, the newest first.
    pub(super) fn former(&self) -> impl Iterator<Item = PolicySet> {
        self.kept.policies().map(|(_, policies)| policies)
    }

    /// Works for these threads that judge, until nobody can ask any more: reads anew when `asked` says so, or a file has changed and then stood still
    /// for a moment.
    pub(super) fn run(mut self, handles: &[Handle], asked: &Receiver<()>) {
        self.former.extend(handles.iter().map(Handle::policies));
        let mut changed: Option<BTreeMap<PathBuf, Seen>> = None;
        loop {
            let is_asked = match asked.recv_timeout(GLANCE) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let now = look(self.seen.keys());
            let stands_still = changed.as_ref() == Some(&now);
            changed = (now != self.seen).then_some(now);
            if is_asked || (stands_still && changed.is_some()) {
                changed = None;
                self.reload(handles);
            }
            self.former.retain(|policies| Arc::strong_count(policies) > 1);
        }
    }

    fn reload(&mut self, handles: &[Handle]) {
        let Some(policies) = self.load() else {
            self.counters.add(Count::ReloadRefused);
            eprintln!("ringwall: the policies in force stay in force");
            return;
        };
        let policies = Arc::new(policies);
        for policy in policies.policies() {
            eprintln!(
                "ringwall: policy {} is in force, version {}",
                reporter::printable(policy.name()),
                version(policy)
            );
        }
        self.former.push(Arc::clone(&policies));
        handles.iter().for_each(|handle| handle.replace(Arc::clone(&policies)));
        self.settings.refuses_all.store(false, Ordering::Relaxed);
    }

    fn load(&mut self) -> Option<PolicySet> {
        let mut reads: Vec<Read> = Vec::new();
        let mut is_whole = true;
        let mut files = self.paths.clone();
        for path in &self.paths {
            match policies::read(path, Timestamp::default()) {
                Ok(read) => {
                    read.say_errors();
                    is_whole &= read.policy.is_some();
                    let folder = path.parent().unwrap_or_else(|| Path::new(""));
                    files.extend(read.lists.iter().map(|list| folder.join(list)));
                    reads.push(read);
                }
                Err(failure) => {
                    failure.report();
                    is_whole = false;
                }
            }
        }
        self.seen = look(files.iter());
        if !is_whole {
            return None;
        }
        if let Err(error) = self.kept.keep(&reads, policies::now()) {
            eprintln!("ringwall: the policies cannot be copied for a bad day: {error}");
        }
        let set = PolicySet::new(reads.into_iter().filter_map(|read| read.policy).map(Policy::new).collect());
        let mut misfits = self.settings.peers.misfits(&set);
        if let Some(proxy) = &self.proxy {
            misfits.extend(proxy.common.peers.unknown_customers(&set));
        }
        misfits.extend(self.senders.misfits(&set));
        misfits.iter().for_each(|misfit| eprintln!("ringwall: {misfit}"));
        misfits.is_empty().then_some(set)
    }
}

/// The version of `policy`, as far as people compare it.
pub(super) fn version(policy: &Policy) -> &str {
    let version = policy.version();
    version.get(..16).unwrap_or(version)
}

fn look<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> BTreeMap<PathBuf, Seen> {
    let seen = |path: &PathBuf| {
        let data = fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    paths.map(|path| (path.clone(), seen(path))).collect()
}

/// How often the files are looked at.
const GLANCE: Duration = Duration::from_millis(300);
