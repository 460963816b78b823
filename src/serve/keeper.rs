//! Keeps the policies in force: reads them at start, and again when their files change or somebody asks; makes changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use collector::judge::{Count, Counters, Handle};
use collector::proxy;
use collector::redirect::Settings;
use collector::sensor::Senders;
use rules::policy::PolicySet;
use rules::{Policy, Timestamp};
use serde_json::json;
use tokio::sync::oneshot;

use super::glance::Glance;
use super::kept::Kept;
use super::mail::Customers;
use crate::admission::{Admission, Admitted, Door, failed_expectations};
use crate::changes::{Declined, Desk, Known, Prepared, Wanted, beside};
use crate::control::Told;
use crate::outcome::Failure;
use crate::policies::{self, Contents};
use crate::versions::{Changed, Version, Versions, Writing, installed};

/// What keeps policies in force: those of some files, and those that were installed.
pub(super) struct Keeper {
    paths: Vec<PathBuf>,
    versions: Versions,
    kept: Kept,
    admission: Admission,
    settings: Arc<Settings>,
    proxy: Option<Arc<proxy::Settings>>,
    senders: Arc<Senders>,
    counters: Arc<Counters>,
    /// At the files, as they were when they were read last.
    glance: Glance,
    /// Files that were said to be passed over.
    passed_over: BTreeSet<PathBuf>,
    /// What is in force, and where each of its policies came from, in the same order.
    current: Arc<PolicySet>,
    origins: Vec<Origin>,
    /// The same in words, for whoever asks while something is being read.
    told: Arc<Mutex<Vec<Told>>>,
    /// Whose they are, for whoever reads mail.
    customers: Customers,
    /// Former policies: the last to let one go must not be whoever judges.
    former: Vec<Arc<PolicySet>>,
}

/// Where a policy in force came from.
#[derive(Clone)]
struct Origin {
    contents: Contents,
    /// The version that installed it; `None` when it stands in a file of the configuration.
    number: Option<u64>,
}

/// What may come into force together.
struct Assembled {
    policies: Vec<Policy>,
    origins: Vec<Origin>,
}

/// What whoever keeps policies is asked to do.
pub(super) enum Order {
    /// Read everything anew.
    Reload,
    /// Change something, and say what was made of it once it is in force.
    Change(Box<Wanted>, oneshot::Sender<Result<Told, Declined>>),
}

/// What becomes of policies where the configuration names a customer that none has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Misfits {
    /// What is in force stays in force.
    Refused,
    /// They judge all the same: at start there is nothing better, and without them every call would pass.
    Told,
}

/// What there is to judge by at start.
pub(super) enum Found {
    /// The policies that were asked for.
    Policies(Arc<PolicySet>),
    /// Those that were good once, from this file: the present ones have mistakes.
    Former(PathBuf, Arc<PolicySet>),
    /// None.
    Nothing,
}

impl Keeper {
    /// Of `paths` and of what is installed under `data`, for a service that behaves by `settings` and hears `senders`.
    pub(super) fn new(
        paths: Vec<PathBuf>,
        (data, admission): (&Path, Admission),
        (settings, proxy, senders): (Arc<Settings>, Option<Arc<proxy::Settings>>, Arc<Senders>),
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            paths,
            versions: Versions::of(data),
            kept: Kept::new(data, admission.clone()),
            admission,
            settings,
            proxy,
            senders,
            counters,
            glance: Glance::default(),
            passed_over: BTreeSet::new(),
            current: Arc::new(PolicySet::new(Vec::new())),
            origins: Vec::new(),
            told: Arc::default(),
            customers: Arc::default(),
            former: Vec::new(),
        }
    }

    /// Reads the policies at start; what is wrong with them is said.
    pub(super) fn find(&mut self) -> Found {
        if self.load(Misfits::Told) {
            return Found::Policies(Arc::clone(&self.current));
        }
        let former = self.kept.policies().next();
        match former {
            Some((path, admitted)) => {
                let mut assembled = Assembled::default();
                admitted.into_iter().for_each(|admitted| assembled.add(admitted, None));
                self.make_current(PolicySet::new(assembled.policies), assembled.origins);
                Found::Former(path, Arc::clone(&self.current))
            }
            None => Found::Nothing,
        }
    }

    /// Policies that were good, the newest first.
    pub(super) fn former(&self) -> impl Iterator<Item = PolicySet> {
        let policies = |admitted: Vec<Admitted>| admitted.into_iter().map(|it| it.into_parts().1).collect();
        self.kept.policies().map(move |(_, admitted)| PolicySet::new(policies(admitted)))
    }

    /// Works for these threads that judge, until nobody can ask any more: reads anew when `asked` says so, or a file has changed and then stood still
    /// for a moment.
    pub(super) fn run(mut self, handles: &[Handle], asked: &Receiver<Order>) {
        self.former.extend(handles.iter().map(Handle::policies));
        loop {
            let is_asked = match asked.recv_timeout(GLANCE) {
                Ok(Order::Reload) => true,
                Ok(Order::Change(wanted, tell)) => {
                    // Whoever asked may have gone away.
                    let _ = tell.send(self.change(&wanted, handles));
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.glance.has_changed() || is_asked {
                self.reload(handles);
            }
            self.former.retain(|policies| Arc::strong_count(policies) > 1);
        }
    }

    fn reload(&mut self, handles: &[Handle]) {
        if !self.load(Misfits::Refused) {
            self.counters.add(Count::ReloadRefused);
            eprintln!("ringwall: the policies in force stay in force");
            return;
        }
        self.take_force(handles);
    }

    /// Has those who judge do so by what is current.
    fn take_force(&mut self, handles: &[Handle]) {
        for policy in self.current.policies() {
            eprintln!(
                "ringwall: policy {} is in force, version {}",
                reporter::printable(policy.name()),
                version(policy)
            );
        }
        say_unmet(&self.current);
        self.former.push(Arc::clone(&self.current));
        handles.iter().for_each(|handle| handle.replace(Arc::clone(&self.current)));
        self.settings.refuses_all.store(false, Ordering::Relaxed);
    }

    /// Reads everything from disk and makes it current; false when something is wrong with it, which is said.
    fn load(&mut self, misfits_are: Misfits) -> bool {
        let versions = self.versions.path();
        self.glance = Glance::at(self.glance.paths().chain(&self.paths).chain([&versions]));
        let all = match self.versions.all() {
            Ok(all) => all,
            Err(failure) => {
                failure.report();
                return false;
            }
        };
        let mut files = vec![versions];
        let assembled = self.assemble(&all, &mut files);
        self.glance.narrow(files);
        let Some(assembled) = assembled else { return false };
        let set = PolicySet::new(assembled.policies);
        let misfits = self.misfits(&set);
        misfits.iter().for_each(|misfit| eprintln!("ringwall: {misfit}"));
        // A block that a peer takes for leave is worse than none.
        let peers = &self.settings.peers;
        let are_unknown = peers.misfits(&set).len() == peers.unknown_customers(&set).len();
        if !(misfits.is_empty() || misfits_are == Misfits::Told && are_unknown) {
            return false;
        }
        self.make_current(set, assembled.origins);
        self.note_control();
        let kept = self.versions.lock().and_then(|writing| self.keep(&writing));
        self.say_unless_kept(kept);
        true
    }

    /// What the files of the configuration and `all` versions come to; `None` when something is wrong. The files that
    /// decide are put into `files`.
    fn assemble(&mut self, all: &[Version], files: &mut Vec<PathBuf>) -> Option<Assembled> {
        let installed = installed(all);
        let mut assembled = Assembled::default();
        let mut is_whole = true;
        let mut placed: BTreeSet<&str> = BTreeSet::new();
        for path in &self.paths {
            files.push(path.clone());
            let customer = fs::read(path).ok().and_then(|text| Contents::customer(&text));
            let installed = customer.and_then(|customer| installed.get_key_value(customer.as_str()));
            if let Some((customer, (number, changed))) = installed {
                if self.passed_over.insert(path.clone()) {
                    let customer = reporter::printable(customer);
                    eprintln!(
                        "ringwall: policy {customer} is installed, version {number}; {} is not read",
                        path.display()
                    );
                }
                if placed.insert(customer) {
                    is_whole &= self.place(changed, *number, &mut assembled);
                }
                continue;
            }
            match policies::read(path, Timestamp::default()) {
                Ok(read) => {
                    files.extend(read.contents.files.keys().map(|list| beside(path, list)));
                    read.say_errors();
                    match self.admission.admit_read(read, Door::Present, policies::now()) {
                        Ok(admitted) if assembled.is_of(admitted.customer()) => {
                            eprintln!(
                                "ringwall: {} is a second policy of {}: give one of the two",
                                path.display(),
                                reporter::printable(admitted.customer())
                            );
                            is_whole = false;
                        }
                        Ok(admitted) => assembled.add(admitted, None),
                        Err(refused) => {
                            if refused.unauthorised.is_some() {
                                refused.say();
                            }
                            is_whole = false;
                        }
                    }
                }
                Err(failure) => {
                    failure.report();
                    is_whole = false;
                }
            }
        }
        for (_, (number, changed)) in installed.iter().filter(|(customer, _)| !placed.contains(*customer)) {
            is_whole &= self.place(changed, *number, &mut assembled);
        }
        is_whole.then_some(assembled)
    }

    /// Adds what is installed to `assembled`; false, with words, when that cannot be done.
    fn place(&self, changed: &Changed, number: u64, assembled: &mut Assembled) -> bool {
        let is_it = |(_, policy): &(&Origin, &Policy)| Some(policy.version()) == changed.version.as_deref();
        let in_memory = self.origins.iter().zip(self.current.policies()).find(is_it);
        let contents = match in_memory {
            Some((origin, _)) => Ok(origin.contents.clone()),
            None => self.versions.contents(changed),
        };
        match contents.map(|contents| self.admission.admit(contents, Door::Present, policies::now())) {
            Ok(Ok(admitted)) => {
                assembled.add(admitted, Some(number));
                true
            }
            Ok(Err(refused)) => {
                refused.say();
                false
            }
            Err(failure) => {
                failure.report();
                false
            }
        }
    }

    fn misfits(&self, set: &PolicySet) -> Vec<String> {
        let mut misfits = self.settings.peers.misfits(set);
        if let Some(proxy) = &self.proxy {
            misfits.extend(proxy.common.peers.unknown_customers(set));
        }
        misfits.extend(self.senders.misfits(set));
        misfits
    }

    fn keep(&self, writing: &Writing<'_>) -> Result<(), Failure> {
        self.kept.keep(self.origins.iter().map(|origin| &origin.contents), writing, policies::now())
    }

    /// Notes which customers' changes are under control from now on.
    fn note_control(&self) {
        for policy in self.current.policies() {
            if let Err(failure) = self.admission.is_in_force(&policy.text().customer) {
                failure.report();
            }
        }
    }

    fn say_unless_kept(&self, kept: Result<(), Failure>) {
        if let Err(error) = kept {
            eprintln!("ringwall: the policies cannot be copied for a bad day: {error}");
        }
    }

    /// Makes a change, puts it on disk and in force, in this order.
    fn change(&mut self, wanted: &Wanted, handles: &[Handle]) -> Result<Told, Declined> {
        let versions = self.versions.clone();
        let writing = versions.lock()?;
        let current = Arc::clone(&self.current);
        let known = self.origins.iter().zip(current.policies());
        let known = known.map(|(origin, policy)| Known { contents: &origin.contents, text: policy.text() });
        let desk = Desk {
            versions: &versions,
            known: known.collect(),
            files: &self.paths,
            admission: self.admission.with(&wanted.permits),
            now: policies::now(),
        };
        let mut prepared = desk.prepare(wanted)?;
        if !prepared.is_change() {
            return Ok(prepared.told(None));
        }
        let assembled = self.with(&mut prepared)?;
        let set = PolicySet::new(assembled.policies);
        let misfits = self.misfits(&set);
        if !misfits.is_empty() {
            return Err(Declined { is_finding: true, said: misfits.join("\n") });
        }
        let version = prepared.commit(&writing)?;
        let mut origins = assembled.origins;
        for (origin, policy) in origins.iter_mut().zip(set.policies()) {
            let is_new = |changed: &&Changed| changed.customer == policy.name() && changed.stored.is_some();
            if version.policies.iter().any(|changed| is_new(&changed)) {
                origin.number = Some(version.number);
            }
        }
        self.make_current(set, origins);
        self.note_control();
        // What we wrote ourselves is no news.
        for path in prepared.written.iter().map(|(path, _)| path.clone()).chain([versions.path()]) {
            self.glance.is_known(&path);
        }
        self.say_unless_kept(self.keep(&writing));
        self.take_force(handles);
        wait_for(handles);
        Ok(prepared.told(Some(&version)))
    }

    /// What is in force with what `prepared` makes of it. All others stay as they are, whatever has become of their files.
    fn with(&self, prepared: &mut Prepared) -> Result<Assembled, Declined> {
        let mut changed: Vec<Admitted> = std::mem::take(&mut prepared.admitted);
        let mut assembled = Assembled::default();
        for (origin, policy) in self.origins.iter().zip(self.current.policies()) {
            let place = changed.iter().position(|admitted| admitted.customer() == policy.name());
            if let Some(place) = place {
                assembled.add(changed.swap_remove(place), None);
            } else if prepared.released.as_deref() == Some(policy.name()) {
                if let Some(path) = self.file_of(policy.name()) {
                    let read = policies::read(&path, Timestamp::default())?;
                    assembled.add(self.admission.admit_read(read, Door::Return, policies::now())?, None);
                }
            } else {
                let admitted =
                    self.admission.admit(origin.contents.clone(), Door::Present, policies::now())?;
                assembled.add(admitted, origin.number);
            }
        }
        changed.into_iter().for_each(|admitted| assembled.add(admitted, None));
        Ok(assembled)
    }

    /// The file of the configuration that has the policy of `customer`.
    fn file_of(&self, customer: &str) -> Option<PathBuf> {
        let is_its = |path: &&PathBuf| {
            fs::read(path).ok().and_then(|text| Contents::customer(&text)).as_deref() == Some(customer)
        };
        self.paths.iter().find(is_its).cloned()
    }

    /// What is in force, a policy each, as others see it.
    pub(super) fn told(&self) -> Arc<Mutex<Vec<Told>>> {
        Arc::clone(&self.told)
    }

    /// The customers whose policies are in force, as others see them.
    pub(super) fn customers(&self) -> Customers {
        Arc::clone(&self.customers)
    }

    fn make_current(&mut self, set: PolicySet, origins: Vec<Origin>) {
        (self.current, self.origins) = (Arc::new(set), origins);
        let policies = self.origins.iter().zip(self.current.policies());
        let told = policies
            .map(|(origin, policy)| Told {
                text: match origin.number {
                    Some(number) => format!("{}: version {number}", policy.name()),
                    None => format!("{}: {}", policy.name(), origin.contents.name()),
                },
                value: json!({
                    "customer": policy.name(),
                    "version": policy.version(),
                    "number": origin.number,
                    "path": std::path::absolute(&origin.contents.path).ok(),
                }),
            })
            .collect();
        let customers = self.current.policies().iter().map(|policy| policy.text().customer.clone());
        // Nobody panics while holding these.
        *self.customers.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(customers.collect());
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

impl Assembled {
    fn default() -> Self {
        Self { policies: Vec::new(), origins: Vec::new() }
    }

    fn is_of(&self, customer: &str) -> bool {
        self.policies.iter().any(|policy| policy.name() == customer)
    }

    fn add(&mut self, admitted: Admitted, number: Option<u64>) {
        let (contents, policy) = admitted.into_parts();
        self.policies.push(policy);
        self.origins.push(Origin { contents, number });
    }
}

/// Says which of `policies` do not do what their own cases expect. Their owner has put them in force all the same.
pub(super) fn say_unmet(policies: &PolicySet) {
    for policy in policies.policies() {
        let unmet = failed_expectations(policy, policies::now()).len();
        if unmet > 0 {
            eprintln!(
                "ringwall: {unmet} of the cases that the policy of {} expects are not met: `ringwall check` says which",
                reporter::printable(policy.name())
            );
        }
    }
}

/// Waits until all judge by what they were given, or at least have had the time.
fn wait_for(handles: &[Handle]) {
    let (tell, told) = channel();
    let asked = handles.iter().filter(|handle| {
        let tell = tell.clone();
        handle.ask(move |_, _| {
            let _ = tell.send(());
        })
    });
    // Whoever has too much to do to be asked takes up the new policies before the next batch all the same.
    for _ in 0..asked.count() {
        let _ = told.recv_timeout(TURN);
    }
}

/// The version of `policy`, as far as people compare it.
pub(super) fn version(policy: &Policy) -> &str {
    let version = policy.version();
    version.get(..16).unwrap_or(version)
}

/// How often the files are looked at.
const GLANCE: Duration = Duration::from_millis(300);
/// More than a turn of whoever judges takes.
const TURN: Duration = Duration::from_secs(2);
