//! What goes out: what is due is handed to the way of its channel, and what came of it is written down.
//!
//! A try is written when it is over. What dies between the two is tried again, under the same Message-ID: nobody is left
//! untold, and at most one reader gets something twice.

pub mod chat;
pub mod heartbeat;
mod http;
pub mod machines;
mod mail;
pub mod sms;
pub mod syslog;
pub mod webhook;

use std::fmt;

pub use mail::{Encryption, MailWay, Smarthost};

use rules::Timestamp;

use crate::Outgoing;
use crate::io::store::{Desk, Done, Error, Store};
use crate::outgoing::{Came, Channel};

/// Sends what is due by one way. Each way has a sender of its own, so that none waits for another.
#[derive(Debug)]
pub struct Sender {
    way: Way,
    /// Tries since it was asked last: accepted, to be tried again, refused.
    counts: [u64; 3],
}

/// A way out. One more is a variant here, with its channel and what passes by it.
#[derive(Debug)]
pub enum Way {
    /// By mail, to a smarthost.
    Mail(Box<MailWay>),
}

impl Way {
    const fn channel(&self) -> Channel {
        match self {
            Self::Mail(_) => Channel::Mail,
        }
    }

    /// Tries it once.
    async fn pass(&mut self, outgoing: &Outgoing, desk: Desk<'_>, done: Done<'_>) -> Result<Came, Error> {
        match self {
            Self::Mail(way) => way.pass(outgoing, desk, done.now).await,
        }
    }

    /// Tries it once, and goes on holding it for as long as that takes.
    async fn pass_held(
        &mut self,
        outgoing: &Outgoing,
        now: Timestamp,
        (desk, done): (Desk<'_>, Done<'_>),
    ) -> Result<Came, Error> {
        let passing = self.pass(outgoing, desk, done);
        tokio::pin!(passing);
        let mut held = now.plus_micros(HELD_MICROS);
        loop {
            tokio::select! {
                came = &mut passing => return came,
                () = tokio::time::sleep(RENEWED) => {
                    let until = held.plus_micros(HELD_MICROS);
                    // Where this fails the answer of the other end still counts.
                    if desk.hold(&outgoing.id, held, until).await.unwrap_or_default() {
                        held = until;
                    }
                }
            }
        }
    }

    /// Whether nobody is there at the other end: what else is due waits for another time, and each for its own.
    const fn is_away(&self) -> bool {
        match self {
            Self::Mail(way) => way.is_away(),
        }
    }

    /// Ends what was opened for several at once.
    async fn rest(&mut self) {
        match self {
            Self::Mail(way) => way.rest().await,
        }
    }
}

impl Sender {
    /// One that sends by `way`.
    pub const fn new(way: Way) -> Self {
        Self { way, counts: [0; 3] }
    }

    /// How many tries since it was asked last were accepted, are to be tried again, and were refused.
    pub fn poll_counts(&mut self) -> [u64; 3] {
        std::mem::take(&mut self.counts)
    }

    /// Tries what is due; how many that were.
    ///
    /// # Errors
    /// The database does not answer: what was tried is tried again.
    pub async fn work(&mut self, store: &Store, done: Done<'_>) -> Result<usize, Error> {
        let desk = store.desk();
        let due = desk.due_by(self.way.channel(), done.now, AT_ONCE).await?;
        let mut tried = Ok(0);
        // Those behind others wait for them, and are held from then on.
        let begun = tokio::time::Instant::now();
        let now = || done.now.plus_micros(i64::try_from(begun.elapsed().as_micros()).unwrap_or_default());
        for mut outgoing in due {
            // Of two services on one database one sends it. What dies meanwhile lets go of it after seconds.
            let now = now();
            match desk.hold(&outgoing.id, now, now.plus_micros(HELD_MICROS)).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tried = Err(error);
                    break;
                }
            }
            let settled = async {
                let came = self.way.pass_held(&outgoing, now, (desk, done)).await?;
                let [accepted, delayed, refused] = &mut self.counts;
                *match &came {
                    Came::Accepted(_) => accepted,
                    Came::Later(_) => delayed,
                    Came::Refused(_) => refused,
                } += 1;
                outgoing.handle_try(came, done.now);
                desk.settle_try(&outgoing, done).await
            };
            tried = settled.await.and(tried).map(|tried| tried + 1);
            if tried.is_err() || self.way.is_away() {
                break;
            }
        }
        self.way.rest().await;
        tried
    }
}

/// Why something did not go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// Whether trying again would lead to the same.
    pub permanent: bool,
    /// What was found, with what the other side said.
    pub why: String,
}

impl SendError {
    fn permanent(why: impl Into<String>) -> Self {
        Self { permanent: true, why: why.into() }
    }

    fn passing(why: impl Into<String>) -> Self {
        Self { permanent: false, why: why.into() }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for SendError {}

/// How long something is held by whoever sends it, unless it is renewed.
const HELD_MICROS: i64 = 8_000_000;
/// How often that is done.
const RENEWED: std::time::Duration = std::time::Duration::from_secs(4);
/// As many as are looked up at once.
const AT_ONCE: u32 = 50;
