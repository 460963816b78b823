//! What people on duty leave to each other, and who of them is awake.

use std::collections::BTreeMap;

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::Done;
use super::writing::{Writing, body};
use super::{Desk, Error};
use crate::audit::Act;
use crate::notice::{Awake, HandOver, Note, Notes, Settings, spoken_of};

impl Desk<'_> {
    /// Somebody says what whoever comes on duty in `rota` after them should know. The hand-over is returned with all that was said
    /// for it.
    ///
    /// # Errors
    /// They hand nothing over, or say nothing or too much, each in words; or it is not kept.
    pub async fn hand_over(
        &self,
        settings: &Settings,
        rota: &str,
        text: &str,
        done: Done<'_>,
    ) -> Result<HandOver, Error> {
        let note = Note::new(done.who, text, done.now).map_err(Error::Refused)?;
        let mut writing = self.write().await?;
        let notes = writing.notes(rota).await?;
        let mut of = spoken_of(settings, &notes, (rota, done.who), done.now).map_err(Error::Refused)?;
        of.notes.push(note);
        let statement = "INSERT INTO hand_overs (rota, at, body) VALUES ($1, $2, $3)
            ON CONFLICT (rota, at) DO UPDATE SET body = excluded.body";
        let query = sqlx::query(statement).bind(rota).bind(of.at.0).bind(serde_json::to_string(&of.notes)?);
        query.execute(writing.connection()).await?;
        let detail = serde_json::json!({ "at": of.at, "note": of.notes.last() }).to_string();
        let act = Act { at: done.now, actor: done.who, action: "hand-over", subject: rota, detail: &detail };
        writing.audit("", act).await?;
        writing.commit().await?;
        Ok(of)
    }

    /// What was said for hand-overs from `from` until `to`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn notes(&self, from: Timestamp, to: Timestamp) -> Result<Notes, Error> {
        let query = sqlx::query("SELECT rota, at, body FROM hand_overs WHERE at >= $1 AND at < $2");
        notes(&query.bind(from.0).bind(to.0).fetch_all(&self.store.pool).await?)
    }

    /// Somebody is awake until `until`, which is at most [`crate::notice::AWAKE_HOURS_MAX`] hours away.
    ///
    /// # Errors
    /// It ends before it begins, or too late, in words; or it is not kept.
    pub async fn wake(&self, until: Timestamp, done: Done<'_>) -> Result<Awake, Error> {
        let longest = crate::notice::AWAKE_HOURS_MAX * HOUR_MICROS;
        if !(1..=longest).contains(&until.micros_since(done.now)) {
            let hours = crate::notice::AWAKE_HOURS_MAX;
            return Err(Error::Refused(format!(
                "nobody is awake for longer than {hours} hours, or for no time"
            )));
        }
        let mut writing = self.write().await?;
        let row = sqlx::query("SELECT body FROM awake WHERE who = $1").bind(done.who);
        let before = row.fetch_optional(writing.connection()).await?;
        let before = before.map(|row| body::<Awake>(&row)).transpose()?.filter(|it| done.now < it.until);
        let since = before.map_or(done.now, |it| it.since);
        let awake = Awake { who: done.who.to_owned(), since, until };
        let statement = "INSERT INTO awake (who, until, body) VALUES ($1, $2, $3)
            ON CONFLICT (who) DO UPDATE SET until = excluded.until, body = excluded.body";
        let text = serde_json::to_string(&awake)?;
        sqlx::query(statement).bind(done.who).bind(until.0).bind(&text).execute(writing.connection()).await?;
        writing.audit("", act("awake", &text, done)).await?;
        writing.commit().await?;
        Ok(awake)
    }

    /// Somebody is not awake any more: what comes rings again.
    ///
    /// # Errors
    /// They were not, in words; or it is not kept.
    pub async fn rest(&self, done: Done<'_>) -> Result<(), Error> {
        let mut writing = self.write().await?;
        let query = sqlx::query("DELETE FROM awake WHERE who = $1 AND until > $2");
        let gone = query.bind(done.who).bind(done.now.0).execute(writing.connection()).await?;
        if gone.rows_affected() == 0 {
            return Err(Error::Refused(format!("{} has not said to be awake", done.who)));
        }
        writing.audit("", act("asleep", "{}", done)).await?;
        writing.commit().await
    }

    /// Who is awake at `now`, by name.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn awake(&self, now: Timestamp) -> Result<BTreeMap<String, Awake>, Error> {
        let query = sqlx::query("SELECT body FROM awake WHERE until > $1").bind(now.0);
        let rows = query.fetch_all(&self.store.pool).await?;
        rows.iter().map(|row| body::<Awake>(row).map(|it| (it.who.clone(), it))).collect()
    }
}

impl Writing<'_> {
    async fn notes(&mut self, rota: &str) -> Result<Notes, Error> {
        let query = sqlx::query("SELECT rota, at, body FROM hand_overs WHERE rota = $1").bind(rota);
        notes(&query.fetch_all(self.connection()).await?)
    }
}

fn notes(rows: &[sqlx::any::AnyRow]) -> Result<Notes, Error> {
    let note = |row: &sqlx::any::AnyRow| {
        Ok(((row.try_get(0)?, Timestamp(row.try_get(1)?)), serde_json::from_str(row.try_get(2)?)?))
    };
    rows.iter().map(note).collect()
}

/// Somebody says something of themselves.
const fn act<'a>(action: &'a str, detail: &'a str, done: Done<'a>) -> Act<'a> {
    Act { at: done.now, actor: done.who, action, subject: done.who, detail }
}

const HOUR_MICROS: i64 = 3_600 * 1_000_000;
