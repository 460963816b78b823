//! On which conditions something is written: it is still as it was read, and the same was not asked before.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::writing::{Writing, body};
use super::{Desk, Error};
use crate::CaseNumber;

/// What has to be so when the transaction begins, or nothing of it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions<'a> {
    expected: Option<(CaseNumber, u64)>,
    seen: Option<&'a str>,
    once: Option<Once<'a>>,
}

/// By what the same request is known when it comes again.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    /// Who asks.
    pub asker: &'a str,
    /// What they call this request; another asker may use the same name.
    pub name: &'a str,
    /// A hash of what is asked: the same name with something else is a mistake.
    pub print: &'a str,
    /// When.
    pub at: Timestamp,
}

/// What is kept of a request that was done.
#[derive(Serialize, Deserialize)]
struct Answer {
    print: String,
    reference: String,
}

impl<'a> Desk<'a> {
    /// The same, for a change of `number` that somebody makes who has seen its `version`: whatever comes later is refused with
    /// [`Error::Overtaken`].
    #[must_use]
    pub const fn expecting(mut self, number: CaseNumber, version: u64) -> Self {
        self.conditions.expected = Some((number, version));
        self
    }

    /// The same, for a change of something without a version, by whoever has seen the tag of it, such as
    /// [`ApiKey::tag`](crate::account::ApiKey::tag): whatever comes later is refused with [`Error::Changed`].
    #[must_use]
    pub const fn seen(mut self, tag: &'a str) -> Self {
        self.conditions.seen = Some(tag);
        self
    }

    /// The same, for something that is done once however often it is asked: [`Error::Repeated`] says what it was. Two that ask
    /// at the same time wait for each other.
    #[must_use]
    pub const fn once(mut self, once: Option<Once<'a>>) -> Self {
        self.conditions.once = once;
        self
    }

    /// Begins to write on these conditions.
    pub(super) async fn write(&self) -> Result<Writing<'a>, Error> {
        Writing::begin(&self.store.pool, self.conditions).await
    }
}

impl Conditions<'_> {
    /// None.
    pub(super) const NONE: Self = Self { expected: None, seen: None, once: None };

    /// Whether `version` is the one that is expected of `number`, if any is.
    pub(super) fn allow(&self, number: CaseNumber, version: u64) -> Result<(), Error> {
        match self.expected {
            Some((of, expected)) if of == number && expected != version => Err(Error::Overtaken(number)),
            _ => Ok(()),
        }
    }

    /// Whether what has `tag` now is what was seen, if anything was.
    pub(super) fn allow_tag(&self, tag: &str) -> Result<(), Error> {
        if self.seen.is_some_and(|seen| seen != tag) { Err(Error::Changed) } else { Ok(()) }
    }
}

/// What became of something that is done elsewhere, and asked for under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is done by whoever asks now: [`Desk::settle_claim`] says how it ended.
    Theirs,
    /// It was done; what was said then.
    Done(String),
    /// It is being done, or broke off: what came of it is not known.
    Unknown,
}

impl Desk<'_> {
    /// Claims something that is done outside this database, so that it is done once however often it is asked.
    ///
    /// # Errors
    /// The name was used for something else, or it cannot be kept.
    pub async fn claim(&self, once: Once<'_>) -> Result<Claim, Error> {
        let answer = Answer { print: once.print.to_owned(), reference: String::new() };
        let statement = "INSERT INTO answered (asker, name, at, body) VALUES ($1, $2, $3, $4)
            ON CONFLICT (asker, name) DO NOTHING";
        let query = sqlx::query(statement).bind(once.asker).bind(once.name).bind(once.at.0);
        let kept = query.bind(serde_json::to_string(&answer)?).execute(&self.store.pool).await?;
        if kept.rows_affected() > 0 {
            return Ok(Claim::Theirs);
        }
        let query = sqlx::query("SELECT body FROM answered WHERE asker = $1 AND name = $2");
        let row = query.bind(once.asker).bind(once.name).fetch_optional(&self.store.pool).await?;
        // What was let go in between is done by whoever asks next.
        let Some(row) = row else { return Ok(Claim::Unknown) };
        let Answer { print, reference } = body(&row)?;
        match (print == once.print, reference.is_empty()) {
            (false, _) => Err(Error::Repeated { is_same: false, reference }),
            (true, true) => Ok(Claim::Unknown),
            (true, false) => Ok(Claim::Done(reference)),
        }
    }

    /// Says how it ended: with `said`, or not at all, so that it may be tried again.
    ///
    /// # Errors
    /// It is not kept: whoever asks again is told [`Claim::Unknown`].
    pub async fn settle_claim(&self, once: Once<'_>, said: Option<&str>) -> Result<(), Error> {
        let Some(said) = said else {
            let query = sqlx::query("DELETE FROM answered WHERE asker = $1 AND name = $2");
            query.bind(once.asker).bind(once.name).execute(&self.store.pool).await?;
            return Ok(());
        };
        let answer = Answer { print: once.print.to_owned(), reference: said.to_owned() };
        let query = sqlx::query("UPDATE answered SET body = $3 WHERE asker = $1 AND name = $2");
        let query = query.bind(once.asker).bind(once.name).bind(serde_json::to_string(&answer)?);
        query.execute(&self.store.pool).await?;
        Ok(())
    }
}

impl Writing<'_> {
    /// Fails when the same was done before. Nobody else writes meanwhile, so what is not there now is not there at the end.
    pub(super) async fn check_once(&mut self, conditions: Conditions<'_>) -> Result<(), Error> {
        let Some(once) = conditions.once else { return Ok(()) };
        let query = sqlx::query("SELECT body FROM answered WHERE asker = $1 AND name = $2");
        let query = query.bind(once.asker).bind(once.name);
        let Some(row) = query.fetch_optional(self.connection()).await? else { return Ok(()) };
        let answer: Answer = body(&row)?;
        Err(Error::Repeated { is_same: answer.print == once.print, reference: answer.reference })
    }

    /// Keeps that it was done, and what came of it.
    pub(super) async fn keep_once(
        &mut self,
        conditions: Conditions<'_>,
        reference: String,
    ) -> Result<(), Error> {
        let Some(once) = conditions.once else { return Ok(()) };
        let text = serde_json::to_string(&Answer { print: once.print.to_owned(), reference })?;
        let query = sqlx::query("INSERT INTO answered (asker, name, at, body) VALUES ($1, $2, $3, $4)");
        let query = query.bind(once.asker).bind(once.name).bind(once.at.0).bind(text);
        query.execute(self.connection()).await?;
        Ok(())
    }
}
