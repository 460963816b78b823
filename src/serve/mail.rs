//! Mail in and out, on a thread of its own: mails are kept before they are said to be taken, then read; what is due goes out,
//! and what has waited long enough ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use cases::Service;
use cases::intake::Directory;
use cases::io::mail::{Checker, Mailbox, NotKept, ReceivedMail, Receiver, Timeouts};
use cases::io::send::{MailWay, Sender, Way};
use cases::io::store::{Done, Error, Office, Store};
use collector::judge::{Count, Counters};
use collector::redirect;
use rules::policy::Customer;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as Lock, Notify, watch};
use tokio::task::JoinSet;

use super::checking::Checking;
use super::config::{Cases, Config, MailKeys, WANTS_ADDRESSES};
use super::start::listening;
use crate::outcome::Failure;
use crate::policies;

/// Customers as the policies in force have them; whoever keeps policies in force keeps it up to date.
pub(super) type Customers = Arc<Mutex<Arc<Vec<Customer>>>>;

/// The thread that takes, reads and sends mail.
pub(super) struct Mail {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// What the tasks of the thread share.
struct Desk {
    place: String,
    service: Service,
    keys: MailKeys,
    office: Office,
    /// Who checks senders, where that is us.
    checker: Option<Checker>,
    counters: Arc<Counters>,
    customers: Customers,
    /// Opened when it is needed, and again after it failed.
    store: Lock<Option<Store>>,
    /// A mail was kept.
    kept: Notify,
    /// Whether the last mail was not: it is said once.
    is_refusing: AtomicBool,
}

impl Mail {
    /// Starts it, if the configuration wants mail in or out. Returns how each address is said to be ready.
    pub(super) fn start(
        config: &Config,
        customers: Customers,
        counters: Arc<Counters>,
    ) -> Result<Option<(Self, Vec<String>)>, Failure> {
        let keys = &config.mail;
        if keys.listen.is_empty() && keys.smarthost.is_none() && keys.mailbox.is_none() {
            return Ok(None);
        }
        if !config.cases.on {
            return Err(Failure::Usage("[mail] needs cases: `on = true` under [cases]".to_owned()));
        }
        let Some(desk) = keys.desk() else {
            return Err(Failure::Usage(format!("[mail] {WANTS_ADDRESSES}")));
        };
        let cases = Cases::new(config);
        let (smarthost, mailbox) = (keys.smarthost()?, keys.mailbox()?);
        let way = smarthost.map(|smarthost| MailWay::new(smarthost, desk.clone()));
        let office = keys.office();
        let checker = keys.checker()?;
        let tls = match (&keys.certificate, &keys.key) {
            (Some(certificate), Some(key)) => Some(redirect::tls(certificate, key).map_err(Failure::Usage)?),
            _ => None,
        };
        let desk = Arc::new(Desk {
            place: cases.place(),
            service: cases.service()?,
            keys: keys.clone(),
            office,
            checker,
            counters,
            customers,
            store: Lock::new(None),
            kept: Notify::new(),
            is_refusing: AtomicBool::new(false),
        });
        let mut said = Vec::new();
        let mut listeners = Vec::new();
        for &address in &keys.listen {
            let listener = std::net::TcpListener::bind(address).map_err(listening("mail", address))?;
            listener.set_nonblocking(true).map_err(Failure::Output)?;
            let word = keys.protocol.word();
            said.push(format!("{word}:{}", listener.local_addr().map_err(Failure::Output)?));
            listeners.push(listener);
        }
        // Reading one mail may take seconds: another thread goes on taking them meanwhile.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(Failure::Output)?;
        let (stop, stopped) = watch::channel(false);
        let work = move || {
            runtime.block_on(async move {
                let mut tasks = JoinSet::new();
                // One that cannot be waited for was none a moment ago.
                for listener in listeners.into_iter().filter_map(|it| TcpListener::from_std(it).ok()) {
                    let (desk, mut stopped) = (Arc::clone(&desk), stopped.clone());
                    let settings = desk.keys.settings();
                    let keep = move |mail| {
                        let desk = Arc::clone(&desk);
                        async move { desk.keep(mail).await }
                    };
                    let receiver = Receiver::new(settings, Timeouts::default(), tls.clone(), keep);
                    tasks.spawn(async move {
                        let ended = async move {
                            let _ = stopped.wait_for(|stop| *stop).await;
                        };
                        receiver.serve(listener, ended).await;
                    });
                }
                let (of_mailbox, of_sender, of_waiting) = (stopped.clone(), stopped.clone(), stopped.clone());
                tokio::join!(
                    desk.read_until(stopped),
                    async {
                        if let Some(mailbox) = mailbox {
                            desk.fetch_until(&mailbox, of_mailbox).await;
                        }
                    },
                    async {
                        if let Some(way) = way {
                            desk.send_until(Sender::new(Way::Mail(Box::new(way))), of_sender).await;
                        }
                    },
                    desk.look_until(of_waiting),
                );
                // Connections that are open have nothing more to say than that the mail comes again.
                tasks.shutdown().await;
                if let Some(store) = desk.store.lock().await.take() {
                    store.close().await;
                }
            });
        };
        let thread = std::thread::Builder::new().name("mail".to_owned()).spawn(work);
        Ok(Some((Self { stop, thread: thread.map_err(Failure::Output)? }, said)))
    }

    /// Takes no more, reads what was taken, and ends.
    pub(super) fn finish(self) {
        let _ = self.stop.send(true);
        // One that died has said why.
        let _ = self.thread.join();
    }
}

impl Desk {
    /// The database, opened if it is not.
    async fn store(&self) -> Result<Store, Error> {
        let mut open = self.store.lock().await;
        if let Some(store) = &*open {
            return Ok(store.clone());
        }
        let store = Store::open(&self.place).await?;
        *open = Some(store.clone());
        Ok(store)
    }

    /// Has it opened anew the next time.
    async fn forget_store(&self) {
        self.store.lock().await.take();
    }

    /// Keeps a mail. Only then is it said to be taken.
    async fn keep(&self, mail: ReceivedMail) -> Result<(), NotKept> {
        let kept = async {
            let store = self.store().await?;
            let envelope = mail.envelope(self.keys.open_checks(&mail));
            store.desk().keep_mail(&mail.bytes, &envelope).await
        };
        let (why, words) = match tokio::time::timeout(PATIENCE, kept).await {
            Ok(Ok(_)) => {
                self.counters.add(Count::MailKept);
                self.is_refusing.store(false, Ordering::Relaxed);
                self.kept.notify_one();
                return Ok(());
            }
            Ok(Err(error)) => {
                (if error.is_full() { NotKept::NoRoom } else { NotKept::Failed }, error.to_string())
            }
            Err(_) => (NotKept::Failed, "the database does not answer".to_owned()),
        };
        self.counters.add(Count::MailNotKept);
        self.forget_store().await;
        if !self.is_refusing.swap(true, Ordering::Relaxed) {
            eprintln!("ringwall: mail is not taken, and will come again: {words}");
        }
        Err(why)
    }

    /// Reads mails that were kept, until it is asked to stop.
    async fn read_until(&self, mut stopped: watch::Receiver<bool>) {
        let mut saying = Saying::new("mails wait to be read");
        let mut checking = Checking::new(self.checker.clone());
        loop {
            let is_last = *stopped.borrow();
            let read = self.read(&mut checking, &stopped).await;
            let found = saying.hear(&read).unwrap_or_default();
            if read.is_err() {
                self.forget_store().await;
            }
            // What is not read now is on disk, and read when the service starts again.
            if is_last {
                return;
            }
            if found == 0 {
                let pause = if read.is_err() { RETRY } else { PAUSE };
                tokio::select! {
                    () = self.kept.notified() => {}
                    () = checking.wait() => {}
                    () = tokio::time::sleep(pause) => {}
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
            }
        }
    }

    /// Reads some of them. How many were read; those that could not be are left for later, and stop nobody behind them.
    async fn read(&self, checking: &mut Checking, stopped: &watch::Receiver<bool>) -> Result<usize, Error> {
        let store = self.store().await?;
        let keys = store.desk().unread_mails(MAILS_AT_ONCE + checking.count()).await?;
        checking.begin(&store, keys);
        if !checking.has_checked() {
            return Ok(0);
        }
        let directory = Arc::new(self.directory(&store).await?);
        let (mut read, mut failed) = (0, None);
        while let Some(key) = checking.poll_checked() {
            let done = match key {
                Ok(key) => self.read_one(&store, &key, &directory).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {
                    self.counters.add(Count::MailRead);
                    read += 1;
                }
                Err(error) => {
                    self.counters.add(Count::MailNotRead);
                    failed = Some(error);
                }
            }
            if *stopped.borrow() {
                break;
            }
        }
        if read > 0 { Ok(read) } else { failed.map_or(Ok(0), Err) }
    }

    async fn read_one(&self, store: &Store, key: &str, directory: &Arc<Directory>) -> Result<(), Error> {
        let desk = store.desk();
        let Some(mail) = desk.begin_reading(key).await? else { return Ok(()) };
        let directory = Arc::clone(directory);
        let reading = tokio::task::spawn_blocking(move || {
            let intake = mail.read(&directory);
            (mail, intake)
        });
        let (mail, intake) = reading.await.map_err(|error| Error::Refused(error.to_string()))?;
        if let Err(error) = desk.read_mail(&mail, &intake, &self.office, self.done()).await {
            // Where this fails as well the next attempt counts against the mail, of which there are several.
            let _ = desk.leave_unread(key).await;
            return Err(error);
        }
        Ok(())
    }

    /// What is known of customers now.
    async fn directory(&self, store: &Store) -> Result<Directory, Error> {
        let registrations = store.desk().registrations().await?;
        // Nobody panics while holding it.
        let customers = Arc::clone(&self.customers.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.keys.ours().directory(&registrations, &customers))
    }

    /// Looks into the mailbox again and again. What cannot be kept stays unseen there.
    async fn fetch_until(&self, mailbox: &Mailbox, mut stopped: watch::Receiver<bool>) {
        let pause = Duration::from_secs(u64::from(self.keys.mailbox_seconds));
        let mut is_failing = false;
        while !*stopped.borrow() {
            let fetched = tokio::select! {
                fetched = mailbox.fetch(|mail| self.keep(mail)) => fetched,
                _ = stopped.wait_for(|stop| *stop) => return,
            };
            match fetched {
                Ok(_) => is_failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        eprintln!(
                            "ringwall: mail waits in the mailbox {mailbox:?}: {error}; it is tried again"
                        );
                    }
                }
            }
            let _ = tokio::time::timeout(pause, stopped.wait_for(|stop| *stop)).await;
        }
    }

    async fn send_until(&self, mut sender: Sender, mut stopped: watch::Receiver<bool>) {
        let mut saying = Saying::new("mail waits to go out");
        while !*stopped.borrow() {
            let sent = async {
                let store = self.store().await?;
                let sent = sender.work(&store, self.done()).await;
                let [accepted, delayed, refused] = sender.poll_counts();
                self.counters.add_many(Count::MailAccepted, accepted);
                self.counters.add_many(Count::MailDelayed, delayed);
                self.counters.add_many(Count::MailRefused, refused);
                sent
            };
            let mut ending = stopped.clone();
            let late = async {
                let _ = ending.wait_for(|stop| *stop).await;
                tokio::time::sleep(GOODBYE).await;
            };
            let sent = tokio::select! {
                sent = sent => sent,
                // What is under way then is tried again, as after a crash.
                () = late => return,
            };
            if saying.hear(&sent).unwrap_or_default() == 0 {
                let pause = if sent.is_err() { RETRY } else { PAUSE };
                let _ = tokio::time::timeout(pause, stopped.wait_for(|stop| *stop)).await;
            }
        }
    }

    async fn look_until(&self, mut stopped: watch::Receiver<bool>) {
        let mut saying = Saying::new("nothing ends by itself");
        while !*stopped.borrow() {
            let looked = async {
                let store = self.store().await?;
                store.desk().work_waiting(&self.office, self.done()).await
            };
            let _ = saying.hear(&looked.await);
            let _ = tokio::time::timeout(LOOK, stopped.wait_for(|stop| *stop)).await;
        }
    }

    fn done(&self) -> Done<'_> {
        Done { who: "ringwall", now: policies::now(), service: &self.service }
    }
}

/// Says once that something fails, until it works again.
struct Saying {
    what: &'static str,
    is_failing: bool,
}

impl Saying {
    const fn new(what: &'static str) -> Self {
        Self { what, is_failing: false }
    }

    fn hear(&mut self, came: &Result<usize, Error>) -> Option<usize> {
        match came {
            Ok(count) => {
                self.is_failing = false;
                Some(*count)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    eprintln!("ringwall: {}: {error}; it is tried again", self.what);
                }
                None
            }
        }
    }
}

/// As many as are looked up at once.
const MAILS_AT_ONCE: u32 = 100;
/// How long keeping one mail may take: whoever sends it waits longer (RFC 5321 §4.5.3.2.6 says ten minutes).
const PATIENCE: Duration = Duration::from_secs(30);
/// How often what is due is looked up.
const PAUSE: Duration = Duration::from_millis(500);
/// For what is being sent when the service ends.
const GOODBYE: Duration = Duration::from_secs(3);
/// How often a database that failed is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked whether something has waited long enough.
const LOOK: Duration = Duration::from_secs(20);
