//! Which reports run by themselves: added, authorised, removed, each written down.

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::Done;
use super::writing::{Writing, body};
use super::{Desk, Error};
use crate::Registration;
use crate::audit::Act;
use crate::schedule::{Run, Schedule, When};

impl Writing<'_> {
    /// Keeps a schedule that is new, and the run of one that runs but once. When it runs next; `None` when it was there.
    pub(super) async fn put_schedule(
        &mut self,
        schedule: &Schedule,
        done: Done<'_>,
    ) -> Result<Option<Timestamp>, Error> {
        let mistakes = schedule.mistakes();
        if !mistakes.is_empty() {
            return Err(Error::Refused(mistakes.join("; ")));
        }
        let calendar = done.service.calendar_of(&schedule.customer);
        let next = schedule.when.next(done.now, &schedule.time_zone(), calendar);
        if next.is_none() && schedule.when != When::Once {
            return Err(Error::Refused(format!("{} never comes", schedule.when)));
        }
        let statement = "INSERT INTO schedules (id, customer, next, body) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id) DO NOTHING";
        let kept = sqlx::query(statement)
            .bind(&schedule.id)
            .bind(&schedule.customer)
            .bind(next.map_or(i64::MAX, |at| at.0))
            .bind(serde_json::to_string(schedule)?)
            .execute(self.connection())
            .await?;
        if kept.rows_affected() == 0 {
            return Ok(None);
        }
        if schedule.when == When::Once {
            self.put_run_of(schedule, done.now).await?;
        }
        self.note_schedule("add-schedule", schedule, &serde_json::to_string(schedule)?, done).await?;
        Ok(Some(next.unwrap_or(done.now)))
    }

    /// Keeps the run of `schedule` that is due at `due`, unless it is there.
    pub(super) async fn put_run_of(&mut self, schedule: &Schedule, due: Timestamp) -> Result<Run, Error> {
        let covered = schedule.span.covered(due, &schedule.time_zone());
        let covered = covered.ok_or_else(|| Error::Refused("there are no such days".to_owned()))?;
        let run = Run::new(schedule, due, covered);
        self.put_run(&run, due).await?;
        Ok(run)
    }

    pub(super) async fn schedule(&mut self, id: &str) -> Result<Option<Schedule>, Error> {
        let query = sqlx::query("SELECT body FROM schedules WHERE id = $1").bind(id);
        query.fetch_optional(self.connection()).await?.map(|row| body(&row)).transpose()
    }

    /// What `customer` has told of its people, as this transaction sees it.
    pub(super) async fn registration(&mut self, customer: &str) -> Result<Registration, Error> {
        let query = sqlx::query("SELECT body FROM registrations WHERE customer = $1").bind(customer);
        let row = query.fetch_optional(self.connection()).await?;
        let nothing = Registration { customer: customer.to_owned(), ..Registration::default() };
        row.map_or(Ok(nothing), |row| body(&row))
    }

    /// Takes a schedule out, with its runs that have not begun.
    async fn take_out_schedule(&mut self, id: &str) -> Result<Schedule, Error> {
        let schedule = self.schedule(id).await?.ok_or_else(|| none(id))?;
        self.allow_tag(&schedule.tag())?;
        sqlx::query("DELETE FROM schedules WHERE id = $1").bind(id).execute(self.connection()).await?;
        let waiting = sqlx::query("DELETE FROM schedule_runs WHERE schedule = $1 AND state = 'waiting'");
        waiting.bind(id).execute(self.connection()).await?;
        Ok(schedule)
    }

    async fn note_schedule(
        &mut self,
        action: &str,
        schedule: &Schedule,
        detail: &str,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let act = Act { at: done.now, actor: done.who, action, subject: &schedule.id, detail };
        self.audit(&schedule.customer, act).await
    }
}

impl Desk<'_> {
    /// Adds a schedule. When it runs next.
    ///
    /// # Errors
    /// It has mistakes, is there already, or is not kept.
    pub async fn add_schedule(&self, schedule: &Schedule, done: Done<'_>) -> Result<Timestamp, Error> {
        let mut writing = self.write().await?;
        let next = writing.put_schedule(schedule, done).await?;
        writing.refer(&schedule.id);
        let next = next.ok_or_else(|| Error::Refused(format!("{} is there already", schedule.id)))?;
        writing.commit().await?;
        Ok(next)
    }

    /// Writes down that an authoriser of the customer said yes to recipients outside (P-7).
    ///
    /// # Errors
    /// There is no such schedule, the contact may not authorise, or it is not kept.
    pub async fn authorise_schedule(
        &self,
        id: &str,
        contact: &str,
        done: Done<'_>,
    ) -> Result<Schedule, Error> {
        let mut writing = self.write().await?;
        let mut schedule = writing.schedule(id).await?.ok_or_else(|| none(id))?;
        writing.allow_tag(&schedule.tag())?;
        let registration = writing.registration(&schedule.customer).await?;
        if !registration.authorisers(done.now).0.contains(contact) {
            return Err(Error::Refused(format!(
                "{contact} is nobody who may authorise for {}",
                schedule.customer
            )));
        }
        schedule.authorised = Some((contact.to_owned(), done.now));
        let query = sqlx::query("UPDATE schedules SET body = $2 WHERE id = $1");
        query.bind(id).bind(serde_json::to_string(&schedule)?).execute(writing.connection()).await?;
        let detail = serde_json::json!({ "contact": contact, "recipients": schedule.recipients }).to_string();
        writing.note_schedule("authorise-schedule", &schedule, &detail, done).await?;
        writing.commit().await?;
        Ok(schedule)
    }

    /// Removes a schedule with its runs that have not begun. What it made stays.
    ///
    /// # Errors
    /// There is no such schedule, or it is not kept.
    pub async fn remove_schedule(&self, id: &str, done: Done<'_>) -> Result<Schedule, Error> {
        let mut writing = self.write().await?;
        let schedule = writing.take_out_schedule(id).await?;
        writing.note_schedule("remove-schedule", &schedule, "{}", done).await?;
        writing.commit().await?;
        Ok(schedule)
    }

    /// Puts `new` in the place of the schedule `id`: that one runs no more, and what it made stays. A schedule is named by what
    /// it does, so it has another name from then on; the same again changes nothing. An authoriser's yes counts on while the
    /// report, what it shows and who gets it are the same (P-7).
    ///
    /// # Errors
    /// There is no such schedule, the new one has mistakes, is of another customer or there already, or it is not kept.
    pub async fn replace_schedule(
        &self,
        id: &str,
        mut new: Schedule,
        done: Done<'_>,
    ) -> Result<Schedule, Error> {
        let mut writing = self.write().await?;
        let old = writing.take_out_schedule(id).await?;
        if old.customer != new.customer {
            return Err(Error::Refused(format!("{id} is a schedule of {}", old.customer)));
        }
        new.case = old.case;
        new = new.named();
        if new.id == old.id {
            return Ok(old);
        }
        let what = |of: &Schedule| (of.report.clone(), of.which.clone(), of.recipients.clone());
        new.authorised = old.authorised.clone().filter(|_| what(&old) == what(&new));
        let detail = serde_json::json!({ "by": new.id }).to_string();
        writing.note_schedule("replace-schedule", &old, &detail, done).await?;
        let kept = writing.put_schedule(&new, done).await?;
        kept.ok_or_else(|| Error::Refused(format!("{} is there already", new.id)))?;
        writing.commit().await?;
        Ok(new)
    }

    /// All schedules, or those of one customer, with when each runs next; `None` for those that do not.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn schedules(
        &self,
        customer: Option<&str>,
    ) -> Result<Vec<(Schedule, Option<Timestamp>)>, Error> {
        // Those that were ordered once are in a list of their own.
        let statement =
            "SELECT body, next FROM schedules WHERE (customer = $1 OR $2 = 1) AND id NOT LIKE 'RO-%'
            ORDER BY next, id";
        let query = sqlx::query(statement).bind(customer.unwrap_or_default());
        let rows = query.bind(i64::from(customer.is_none())).fetch_all(&self.store.pool).await?;
        let of = |row| {
            let next: i64 = sqlx::Row::try_get(row, 1)?;
            Ok((body(row)?, Some(Timestamp(next)).filter(|it| it.0 < i64::MAX)))
        };
        rows.iter().map(of).collect()
    }

    /// Has a schedule run now, about the days of the time `due`; the run of that time, when it is over, runs again.
    ///
    /// # Errors
    /// There is no such schedule, somebody makes that run, or it is not kept.
    pub async fn run_schedule(&self, id: &str, due: Timestamp, done: Done<'_>) -> Result<Run, Error> {
        let mut writing = self.write().await?;
        let schedule = writing.schedule(id).await?.ok_or_else(|| none(id))?;
        let run = writing.put_run_of(&schedule, due).await?;
        let query = sqlx::query("SELECT state FROM schedule_runs WHERE id = $1").bind(&run.id);
        let state: String = query.fetch_one(writing.connection()).await?.try_get(0)?;
        if state == "running" {
            return Err(Error::Refused(format!("{} is being made", run.id)));
        }
        // As it is written again it begins anew; what it made before is replaced, and its mails go once.
        writing.renew_run(&run, done.now).await?;
        writing.refer(&run.id);
        let detail = serde_json::json!({ "run": run.id }).to_string();
        writing.note_schedule("run-schedule", &schedule, &detail, done).await?;
        writing.commit().await?;
        Ok(run)
    }
}

fn none(id: &str) -> Error {
    Error::Refused(format!("there is no schedule {id}: `ringwall report schedule list` shows them"))
}
