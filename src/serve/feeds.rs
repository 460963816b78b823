//! The thread that fetches lists, and has them come into force or keeps them aside; no packet waits for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use collector::judge::{Count, Counters};
use reporter::Alert;
use rules::Timestamp;
use rules::exchange::{self, Choice, Found};
use tokio::sync::oneshot;

use super::config::Feed;
use super::keeper::Order;
use crate::changes::{Change, Declined, Limits, ListChange, Staging, Wanted, Wish};
use crate::control::Told;
use crate::feeds::{self, Aside, Feeds, Fetched, Known};
use crate::policies;
use crate::versions::Versions;

/// Fetches the lists of a service.
pub(super) struct Fetcher {
    feeds: Vec<Feed>,
    files: Feeds,
    versions: Versions,
    keeper: Sender<Order>,
    note: Box<dyn Fn(&Alert) + Send>,
    counters: Arc<Counters>,
    /// What was said to be wrong with each, so that it is said once.
    said: BTreeMap<String, String>,
}

/// How a look ended that did not fail.
enum Looked {
    /// What is in force is what is there.
    Same,
    /// The list is another now.
    Changed(Told),
    /// It is not, and a person must look at it.
    Aside(String),
}

impl Fetcher {
    /// For `feeds` under `data`, whose changes `keeper` makes. Alerts go to `note`.
    pub(super) fn new(
        feeds: Vec<Feed>,
        data: &std::path::Path,
        keeper: Sender<Order>,
        note: Box<dyn Fn(&Alert) + Send>,
    ) -> Self {
        Self {
            feeds,
            files: Feeds::of(data),
            versions: Versions::of(data),
            keeper,
            note,
            counters: Arc::default(),
            said: BTreeMap::new(),
        }
    }

    /// Counts its looks there.
    pub(super) fn with_counters(self, counters: Arc<Counters>) -> Self {
        Self { counters, ..self }
    }

    /// Works on a thread of its own until the other end of `ended` is gone.
    pub(super) fn start(self, ended: Receiver<()>) {
        if !self.feeds.is_empty() {
            thread::spawn(move || self.run(&ended));
        }
    }

    fn run(mut self, ended: &Receiver<()>) {
        let start = policies::now();
        let mut due: Vec<Timestamp> = self.feeds.iter().map(|_| start).collect();
        let mut old: Vec<bool> = self.feeds.iter().map(|_| false).collect();
        loop {
            let feeds = self.feeds.clone();
            for ((feed, due), is_old) in feeds.iter().zip(&mut due).zip(&mut old) {
                if *due <= policies::now() {
                    self.look(feed);
                    *due = policies::now().plus_micros(i64::from(feed.every_seconds) * 1_000_000);
                }
                self.watch_age(feed, start, is_old);
            }
            let next = due.iter().min().copied().unwrap_or(start);
            let wait = next.micros_since(policies::now()).clamp(10_000, 60_000_000).unsigned_abs();
            if ended.recv_timeout(Duration::from_micros(wait)) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Looks once, and notes what was found.
    fn look(&mut self, feed: &Feed) {
        let name = &feed.name;
        let mut known = self.files.known(name);
        let looked = self.fetch(feed, &mut known);
        self.counters.add(match &looked {
            Ok(Looked::Same) => Count::FeedUnchanged,
            Ok(Looked::Changed(_)) => Count::FeedChanged,
            Ok(Looked::Aside(_)) => Count::FeedAside,
            Err(_) => Count::FeedFailed,
        });
        let now = reporter::rfc3339(policies::now());
        if looked.is_ok() {
            known.failed = None;
            self.said.remove(name);
        }
        match looked {
            Ok(Looked::Same) => known.seen = Some(now),
            Ok(Looked::Changed(told)) => {
                known.aside = None;
                known.seen = Some(now.clone());
                known.changed = Some(now);
                self.files.forget(name);
                eprintln!("ringwall: feed {name}: {}", reporter::printable(&told.text));
            }
            Ok(Looked::Aside(why)) => {
                eprintln!(
                    "ringwall: feed {name}: {}; it is kept aside, and the old list stays in force: `ringwall list accept {name}` takes it",
                    reporter::printable(&why)
                );
                known.seen = Some(now.clone());
                known.aside =
                    Some(Aside { at: now, why, list: feed.list.clone(), customer: feed.customer.clone() });
                (self.note)(&Alert::of_service("feed-kept-aside", policies::now()));
            }
            Err(why) => {
                if self.said.insert(name.clone(), why.clone()).as_ref() != Some(&why) {
                    let url = reporter::printable(&feed.url);
                    eprintln!("ringwall: feed {name}: {url}: {}", reporter::printable(&why));
                }
                known.failed = Some(why);
            }
        }
        if let Err(failure) = self.files.keep(name, &known) {
            failure.report();
        }
    }

    fn fetch(&self, feed: &Feed, known: &mut Known) -> Result<Looked, String> {
        let words = |failure: crate::outcome::Failure| failure.to_string();
        let incoming = Incoming(self.files.incoming(&feed.name).map_err(words)?);
        let wanted = feeds::Wanted {
            url: &feed.url,
            seconds_max: feed.fetch_seconds_max,
            bytes_max: u64::from(feed.megabytes_max) << 20,
            authorities: feed.authorities.as_deref(),
            authorization_file: feed.authorization_file.as_deref(),
        };
        let Fetched::New { etag, last_modified } = wanted.fetch(known, &incoming.0)? else {
            return Ok(Looked::Same);
        };
        let entries = self.stage(feed, &incoming)?;
        let change = ListChange {
            list: feed.list.clone(),
            customer: feed.customer.clone(),
            wish: Wish::Replace,
            entries: entries.clone(),
            limits: Some(Limits {
                shrink_percent_max: feed.shrink_percent_max,
                grow_percent_max: feed.grow_percent_max,
                refused_percent_max: feed.refused_percent_max,
            }),
        };
        let (by, why) = (format!("feed {}", feed.name), feed.url.clone());
        let looked = match self.ask(Wanted { change: Change::List(change), by, why, permits: Vec::new() })? {
            Ok(told) if told.value.get("number").is_none_or(serde_json::Value::is_null) => Looked::Same,
            Ok(told) => Looked::Changed(told),
            Err(Declined { is_finding: true, said }) => {
                self.files.put_aside(&feed.name, &entries, &self.versions).map_err(words)?;
                Looked::Aside(said)
            }
            Err(Declined { said, .. }) => return Err(said),
        };
        // What was looked at need not come again, wherever it went.
        (known.url, known.etag, known.last_modified) = (feed.url.clone(), etag, last_modified);
        Ok(looked)
    }

    /// Stores the entries of what came; which of them are none is found out when they are put on the list.
    fn stage(&self, feed: &Feed, incoming: &Incoming) -> Result<String, String> {
        let words = |failure: crate::outcome::Failure| failure.to_string();
        let mut staging = Staging::new(&self.versions).map_err(words)?;
        let choice = Choice { table: feed.table.clone(), user: None, international: feed.international };
        let format = feed.format.parse()?;
        let mut open = || Ok(Box::new(BufReader::new(File::open(&incoming.0)?)) as Box<dyn BufRead>);
        let read = exchange::read(format, &choice, &mut open, &mut |found| match found {
            Found::Entry(addition) => staging.push(&addition),
            Found::LeftOut { .. } => Ok(()),
        });
        read.map_err(|error| error.to_string())?;
        staging.finish(&self.versions).map_err(words)
    }

    fn ask(&self, wanted: Wanted) -> Result<Result<Told, Declined>, String> {
        let (tell, told) = oneshot::channel();
        let gone = || "the service ends".to_owned();
        self.keeper.send(Order::Change(Box::new(wanted), tell)).map_err(|_| gone())?;
        told.blocking_recv().map_err(|_| gone())
    }

    /// Raises an alert, once, when a list has not been seen for too long.
    fn watch_age(&self, feed: &Feed, start: Timestamp, is_old: &mut bool) {
        let seen = self.files.known(&feed.name).seen.and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let seen = seen.map_or(start, |at| Timestamp(at.as_microsecond()));
        let age = policies::now().micros_since(seen);
        let was_old = std::mem::replace(is_old, age > i64::from(feed.age_seconds_max) * 1_000_000);
        if *is_old && !was_old {
            eprintln!(
                "ringwall: feed {}: it could not be fetched for {} seconds; the old list stays in force",
                feed.name,
                age / 1_000_000
            );
            (self.note)(&Alert::of_service("feed-old", policies::now()));
        }
    }
}

/// A file of what is being fetched, which goes when it was taken or nobody wants it.
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
