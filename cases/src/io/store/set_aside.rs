//! An alert that can be put into no case is set aside with its text, so that those behind it do not wait for ever.

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::Done;
use super::{Desk, Error, Store, stored};
use crate::Alert;
use crate::alert::Storm;

/// An alert as it stands in the spool.
#[derive(Clone, Debug)]
pub struct Spooled {
    /// Its number there.
    pub sequence: u64,
    /// What it says; `None` when that cannot be read.
    pub alert: Option<Alert>,
    /// The same, as it was written.
    pub text: String,
}

/// An alert that is in no case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its number in the spool.
    pub sequence: u64,
    /// When it was set aside.
    pub at: Timestamp,
    /// Why.
    pub why: String,
    /// What it says.
    pub text: String,
}

impl Desk<'_> {
    /// Puts alerts into cases, each once, whatever dies when. One that fails alone, though the database does not, is set aside;
    /// these are returned.
    ///
    /// # Errors
    /// The database does not do what it should. What was put into cases before stays there, and is known to be.
    pub async fn take_spooled(
        &self,
        spooled: &[Spooled],
        storm: &mut Storm,
        done: Done<'_>,
    ) -> Result<Vec<SetAside>, Error> {
        let mut aside = Vec::new();
        // Halves of what failed, the first on top.
        let mut open = vec![spooled];
        while let Some(some) = open.pop() {
            let Some(last) = some.last() else { continue };
            let readable: Option<Vec<_>> =
                some.iter().map(|it| Some((it.alert.clone()?, it.text.clone()))).collect();
            let taken = match readable {
                Some(alerts) => self.take_alerts(&alerts, last.sequence, storm, done).await,
                None => Err(Error::Refused("it cannot be read".to_owned())),
            };
            let Err(error) = taken else { continue };
            if !is_of_an_alert(&error) {
                return Err(error);
            }
            if let [one] = some {
                let why = error.to_string();
                let set_aside =
                    SetAside { sequence: one.sequence, at: done.now, why, text: one.text.clone() };
                self.set_aside(&set_aside).await?;
                aside.push(set_aside);
            } else {
                let (first, second) = some.split_at(some.len() / 2);
                open.extend([second, first]);
            }
        }
        Ok(aside)
    }

    /// Alerts that are in no case, the oldest first, at most `count`.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn all_set_aside(&self, count: u32) -> Result<Vec<SetAside>, Error> {
        let statement = "SELECT sequence, at, why, body FROM set_aside ORDER BY sequence LIMIT $1";
        let rows = sqlx::query(statement).bind(i64::from(count)).fetch_all(&self.store.pool).await?;
        let set_aside = |row: &sqlx::any::AnyRow| {
            Ok(SetAside {
                sequence: u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(),
                at: Timestamp(row.try_get(1)?),
                why: row.try_get(2)?,
                text: row.try_get(3)?,
            })
        };
        rows.iter().map(set_aside).collect()
    }

    async fn set_aside(&self, aside: &SetAside) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        // A byte that no text of PostgreSQL may have.
        let plain = |text: &str| text.replace('\0', "\u{fffd}");
        // After a spool that began anew the same number may come again.
        let statement = "INSERT INTO set_aside (sequence, at, why, body) VALUES ($1, $2, $3, $4)
            ON CONFLICT (sequence) DO UPDATE SET at = excluded.at, why = excluded.why, body = excluded.body";
        sqlx::query(statement)
            .bind(stored(aside.sequence))
            .bind(aside.at.0)
            .bind(plain(&aside.why))
            .bind(plain(&aside.text))
            .execute(writing.connection())
            .await?;
        writing.reach_spool(aside.sequence).await?;
        writing.commit().await
    }
}

impl Store {
    /// How many alerts are in no case.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn count_set_aside(&self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT COUNT(*) FROM set_aside").fetch_one(&self.pool).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }
}

/// Whether the alert is to blame, or what is stored of its case, rather than the database, which another attempt may find better.
fn is_of_an_alert(error: &Error) -> bool {
    match error {
        Error::Stored(_) | Error::NoCase(_) | Error::Refused(_) => true,
        Error::Newer { .. } | Error::Overtaken(_) | Error::Changed | Error::Repeated { .. } => false,
        Error::Database(sqlx::Error::Database(error)) => {
            // SQLite says primary codes of its own (19: a constraint, 20: a type, 18: too long); PostgreSQL classes of
            // SQLSTATE (22: data, 23: a constraint, 54: too long).
            let code = error.code().unwrap_or_default();
            match code.parse::<u32>() {
                Ok(number) if code.len() < SQLSTATE => matches!(number & 0xff, 18..=20),
                _ => ["22", "23", "54"].iter().any(|class| code.starts_with(class)),
            }
        }
        Error::Database(error) => matches!(error, sqlx::Error::Encode(_) | sqlx::Error::Decode(_)),
    }
}

/// Characters of a code of PostgreSQL.
const SQLSTATE: usize = 5;
