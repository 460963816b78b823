//! What goes out is kept with what it is about, in one transaction, and sent afterwards.

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::{Done, Visible, write};
use super::replies::random_token;
use super::writing::{Writing, body, crash_at};
use super::{Desk, Error, stored};
use crate::audit::Act;
use crate::case::Relation;
use crate::intake::ThreadToken;
use crate::outgoing::{Channel, Content, Delivery, Outgoing};
use crate::{CaseNumber, ClockKind};

impl Writing<'_> {
    /// Keeps something to be sent; whether it is new: what has the same id is there already.
    pub(super) async fn put_outgoing(&mut self, outgoing: &Outgoing) -> Result<bool, Error> {
        let statement =
            "INSERT INTO outgoing (id, customer, serial, channel, state, due, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (id) DO NOTHING";
        let done = sqlx::query(statement)
            .bind(&outgoing.id)
            .bind(&outgoing.customer)
            .bind(outgoing.case.map_or(0, |number| stored(number.serial())))
            .bind(outgoing.channel.name())
            .bind(outgoing.state.name())
            .bind(outgoing.due.0)
            .bind(serde_json::to_string(outgoing)?)
            .execute(self.connection())
            .await?;
        crash_at("outgoing");
        Ok(done.rows_affected() == 1)
    }

    /// Writes what became of it.
    pub(super) async fn renew_outgoing(&mut self, outgoing: &Outgoing) -> Result<(), Error> {
        sqlx::query("UPDATE outgoing SET state = $2, due = $3, body = $4 WHERE id = $1")
            .bind(&outgoing.id)
            .bind(outgoing.state.name())
            .bind(outgoing.due.0)
            .bind(serde_json::to_string(outgoing)?)
            .execute(self.connection())
            .await?;
        crash_at("tried");
        Ok(())
    }

    async fn outgoing(&mut self, id: &str) -> Result<Option<Outgoing>, Error> {
        let query = sqlx::query("SELECT body FROM outgoing WHERE id = $1").bind(id);
        query.fetch_optional(self.connection()).await?.as_ref().map(body).transpose()
    }

    /// Somebody wants it sent once more: it is due now, and who wanted that stands in its case and in the audit.
    async fn send_again(&mut self, mut outgoing: Outgoing, done: Done<'_>) -> Result<Outgoing, Error> {
        (outgoing.state, outgoing.due) = (Delivery::Waiting, done.now);
        outgoing.tries.push((done.now, format!("{} wants it sent again", done.who)));
        self.renew_outgoing(&outgoing).await?;
        match outgoing.case {
            Some(number) => {
                let mut case = self.case(number).await?;
                let text = format!("to {} by {}", outgoing.to, outgoing.channel.name());
                write(self, &mut case, RESEND, &text, Visible::Desk, done).await?;
            }
            None => {
                let detail = serde_json::json!({ "id": outgoing.id }).to_string();
                let act = Act {
                    at: done.now,
                    actor: done.who,
                    action: RESEND,
                    subject: &outgoing.to,
                    detail: &detail,
                };
                self.audit(&outgoing.customer, act).await?;
            }
        }
        Ok(outgoing)
    }
}

impl Writing<'_> {
    /// Stops the clocks until somebody answers of `number` and of the other cases that the same mail opened.
    async fn acknowledge_by_reply(&mut self, number: CaseNumber, done: Done<'_>) -> Result<(), Error> {
        let first = self.case(number).await?;
        let mut cases = Vec::new();
        for (other, relation) in &first.links {
            if *relation == Relation::RelatesTo {
                cases.push(self.case(*other).await?);
            }
        }
        cases.retain(|other| other.opened == first.opened);
        cases.push(first);
        for case in &mut cases {
            let mut runs = case
                .clocks
                .iter_mut()
                .filter(|clock| clock.kind == ClockKind::Acknowledge && clock.stopped.is_none());
            let Some(clock) = runs.next() else { continue };
            clock.stop(done.now);
            let text = "the automatic reply was taken, and counts as the acknowledgement";
            write(self, case, "reply-taken", text, Visible::Desk, done).await?;
        }
        Ok(())
    }

    /// The secret in the mails of a case; made when it is asked for first.
    pub(super) async fn thread_token(&mut self, number: CaseNumber) -> Result<ThreadToken, Error> {
        if let Some(token) = self.known_token(number).await? {
            return Ok(token);
        }
        let token = random_token()?;
        sqlx::query("INSERT INTO threads (serial, token) VALUES ($1, $2)")
            .bind(stored(number.serial()))
            .bind(token.to_string())
            .execute(self.connection())
            .await?;
        Ok(token)
    }

    /// The same, if it was asked for before.
    pub(super) async fn known_token(&mut self, number: CaseNumber) -> Result<Option<ThreadToken>, Error> {
        let query = sqlx::query("SELECT token FROM threads WHERE serial = $1").bind(stored(number.serial()));
        let row = query.fetch_optional(self.connection()).await?;
        Ok(row.map(|row| row.try_get::<&str, _>(0).map(ThreadToken::parse)).transpose()?.flatten())
    }
}

impl Desk<'_> {
    /// What is to go by `channel` by `now`, the longest due first, at most `count`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn due_by(&self, channel: Channel, now: Timestamp, count: u32) -> Result<Vec<Outgoing>, Error> {
        let statement = "SELECT body FROM outgoing WHERE channel = $1 AND state = $2 AND due <= $3
            ORDER BY due, id LIMIT $4";
        let rows = sqlx::query(statement)
            .bind(channel.name())
            .bind(Delivery::Waiting.name())
            .bind(now.0)
            .bind(i64::from(count))
            .fetch_all(&self.store.pool)
            .await?;
        rows.iter().map(body).collect()
    }

    /// Holds what waits and is due by `due` until `until`: nobody else sends it meanwhile. Whether it was there to be held.
    ///
    /// # Errors
    /// It is not held.
    pub async fn hold(&self, id: &str, due: Timestamp, until: Timestamp) -> Result<bool, Error> {
        let statement = "UPDATE outgoing SET due = $3 WHERE id = $1 AND state = 'waiting' AND due <= $2";
        let query = sqlx::query(statement).bind(id).bind(due.0).bind(until.0);
        let is_held = query.execute(&self.store.pool).await?.rows_affected() == 1;
        crash_at("held");
        Ok(is_held)
    }

    /// Holds those of `all` that wait and are due by `due`, as [`Desk::hold`] does one; the others are left out, since somebody
    /// else sends them.
    ///
    /// # Errors
    /// None of them is held.
    pub async fn hold_all(
        &self,
        all: Vec<Outgoing>,
        due: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Outgoing>, Error> {
        let mut writing = self.store.write().await?;
        let mut held = Vec::new();
        for outgoing in all {
            let statement = "UPDATE outgoing SET due = $3 WHERE id = $1 AND state = 'waiting' AND due <= $2";
            let query = sqlx::query(statement).bind(&outgoing.id).bind(due.0).bind(until.0);
            if query.execute(writing.connection()).await?.rows_affected() == 1 {
                held.push(outgoing);
            }
        }
        writing.commit().await?;
        Ok(held)
    }

    /// Writes what came of a try. What failed for good is noted on its case, where people see it; an automatic reply that a
    /// provider has taken acknowledges its cases, where the contract says that it does.
    ///
    /// # Errors
    /// None of it is kept.
    pub async fn settle_try(&self, outgoing: &Outgoing, done: Done<'_>) -> Result<(), Error> {
        crash_at("sent");
        let mut writing = self.store.write().await?;
        writing.renew_outgoing(outgoing).await?;
        if let (Delivery::Failed, Some(number)) = (outgoing.state, outgoing.case) {
            let mut case = writing.case(number).await?;
            let why = outgoing.tries.last().map_or("", |(_, words)| words);
            let text = format!("nothing reached {} by {}: {why}", outgoing.to, outgoing.channel.name());
            write(&mut writing, &mut case, "undelivered", &text, Visible::Desk, done).await?;
        }
        let is_reply = matches!(outgoing.content, Content::AutomaticReply(_));
        if let (Delivery::Accepted, true, Some(number)) = (outgoing.state, is_reply, outgoing.case)
            && done.service.terms().auto_reply_counts_as_ack
        {
            writing.acknowledge_by_reply(number, done).await?;
        }
        writing.commit().await
    }

    /// The secret in the mails of a case; made when it is asked for first.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn thread_token(&self, number: CaseNumber) -> Result<ThreadToken, Error> {
        let mut writing = self.store.write().await?;
        let token = writing.thread_token(number).await?;
        writing.commit().await?;
        Ok(token)
    }

    /// Has what names `id` sent once more, whatever became of it; `None` when there is no such thing.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub async fn resend(&self, id: &str, done: Done<'_>) -> Result<Option<Outgoing>, Error> {
        let mut writing = self.store.write().await?;
        let Some(outgoing) = writing.outgoing(id).await? else { return Ok(None) };
        let outgoing = writing.send_again(outgoing, done).await?;
        writing.commit().await?;
        Ok(Some(outgoing))
    }

    /// Has what was given up, of a case, sent once more under the same id, and notes it in the case.
    ///
    /// # Errors
    /// Nothing of the case that has this id was given up; or it is not kept.
    pub async fn retry(&self, number: CaseNumber, id: &str, done: Done<'_>) -> Result<Outgoing, Error> {
        let mut writing = self.store.write().await?;
        let found = writing.outgoing(id).await?;
        let is_given_up = |it: &Outgoing| it.case == Some(number) && it.state == Delivery::Failed;
        let Some(outgoing) = found.filter(is_given_up) else {
            return Err(Error::Refused(format!("nothing of {number} that was given up has this id")));
        };
        let outgoing = writing.send_again(outgoing, done).await?;
        writing.commit().await?;
        Ok(outgoing)
    }

    /// All that went out, or will, for a case, the oldest first.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn outgoing(&self, number: CaseNumber) -> Result<Vec<Outgoing>, Error> {
        let rows = sqlx::query("SELECT body FROM outgoing WHERE serial = $1 ORDER BY due, id")
            .bind(stored(number.serial()))
            .fetch_all(&self.store.pool)
            .await?;
        rows.iter().map(body).collect()
    }

    /// All that was due to go out about `customer` since `from`, to whomever, the oldest first.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn outgoing_since(&self, customer: &str, from: Timestamp) -> Result<Vec<Outgoing>, Error> {
        let statement = "SELECT body FROM outgoing WHERE customer = $1 AND due >= $2 ORDER BY due, id";
        let query = sqlx::query(statement).bind(customer).bind(from.0).fetch_all(&self.store.pool);
        query.await?.iter().map(body).collect()
    }

    /// What was given up since `from` whose id begins with `beginning`, at most a hundred.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn failed(&self, beginning: &str, from: Timestamp) -> Result<Vec<Outgoing>, Error> {
        let statement = "SELECT body FROM outgoing WHERE state = 'failed' AND due >= $2
            AND SUBSTR(id, 1, LENGTH($1)) = $1 ORDER BY id LIMIT 100";
        let query = sqlx::query(statement).bind(beginning).bind(from.0).fetch_all(&self.store.pool);
        query.await?.iter().map(body).collect()
    }

    /// Keeps things to be sent; how many of them are new.
    ///
    /// # Errors
    /// None of them is kept.
    pub async fn send(&self, all: &[Outgoing]) -> Result<usize, Error> {
        let mut writing = self.store.write().await?;
        let mut new = 0;
        for outgoing in all {
            new += usize::from(writing.put_outgoing(outgoing).await?);
        }
        writing.commit().await?;
        Ok(new)
    }

    /// Writes what became of things that were tried.
    ///
    /// # Errors
    /// None of it is kept.
    pub async fn settle(&self, all: &[Outgoing]) -> Result<(), Error> {
        crash_at("sent");
        let mut writing = self.store.write().await?;
        for outgoing in all {
            writing.renew_outgoing(outgoing).await?;
        }
        writing.commit().await
    }
}

/// What history and audit call it when somebody wants something sent once more.
const RESEND: &str = "resend";
