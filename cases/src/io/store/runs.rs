//! Runs of schedules: planned once whoever looks, made by one at a time under a lease, and told of once.
//!
//! All writers wait for each other ([`Writing`]), so that of two services one takes a run. One that dies leaves its lease, and
//! when that is over another takes the run. What a run made, its mails and its end are one transaction, which only the holder
//! of the lease comes through.

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::Done;
use super::inbox::Office;
use super::writing::{Writing, body};
use super::{Desk, Error};
use crate::Outgoing;
use crate::intake::Role;
use crate::limits::{REPORT_BYTES_MAX, REPORT_MAIL_BYTES_MAX, SCHEDULE_MISSED_KEPT_MAX};
use crate::schedule::{
    ATTEMPTS_MAX, LATE_MICROS, Lease, Made, NotMade, Readers, Run, RunState, Schedule, Told, words,
};

/// A run that was taken, to be made.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What it is a run of.
    pub schedule: Schedule,
    /// The run, under its lease.
    pub run: Run,
}

impl Writing<'_> {
    /// Keeps a run that is new, to be taken from `turn` on.
    pub(super) async fn put_run(&mut self, run: &Run, turn: Timestamp) -> Result<bool, Error> {
        let statement = "INSERT INTO schedule_runs (id, schedule, customer, due, state, turn, body)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
        let kept = sqlx::query(statement)
            .bind(&run.id)
            .bind(&run.schedule)
            .bind(&run.customer)
            .bind(run.due.0)
            .bind(run.state.name())
            .bind(turn.0)
            .bind(serde_json::to_string(run)?)
            .execute(self.connection())
            .await?;
        Ok(kept.rows_affected() == 1)
    }

    /// Writes where a run stands.
    pub(super) async fn renew_run(&mut self, run: &Run, turn: Timestamp) -> Result<(), Error> {
        let query = sqlx::query("UPDATE schedule_runs SET state = $2, turn = $3, body = $4 WHERE id = $1")
            .bind(&run.id)
            .bind(run.state.name())
            .bind(turn.0)
            .bind(serde_json::to_string(run)?);
        query.execute(self.connection()).await?;
        Ok(())
    }

    async fn run(&mut self, id: &str) -> Result<Option<Run>, Error> {
        let query = sqlx::query("SELECT body FROM schedule_runs WHERE id = $1").bind(id);
        query.fetch_optional(self.connection()).await?.map(|row| body(&row)).transpose()
    }

    /// Has a run for each time that has come. Of those that were missed together the latest is made up for, and the others are
    /// said to be missed.
    async fn plan(&mut self, office: &Office, done: Done<'_>) -> Result<(), Error> {
        let statement = "SELECT body, next FROM schedules WHERE next <= $1 ORDER BY next, id LIMIT $2";
        let query = sqlx::query(statement).bind(done.now.0).bind(SCHEDULES_AT_ONCE);
        for row in query.fetch_all(self.connection()).await? {
            let (schedule, next): (Schedule, i64) = (body(&row)?, row.try_get(1)?);
            let (zone, calendar) = (schedule.time_zone(), done.service.calendar_of(&schedule.customer));
            let (mut times, count) = schedule.when.between(
                Timestamp(next - 1),
                done.now,
                SCHEDULE_MISSED_KEPT_MAX,
                (&zone, calendar),
            );
            // A calendar that changed meanwhile may have moved it: what was promised is kept.
            let latest = times.pop().unwrap_or(Timestamp(next));
            let mut last_missed = None;
            for due in times {
                let Some(covered) = schedule.span.covered(due, &zone) else { continue };
                let mut missed = Run::new(&schedule, due, covered);
                missed.state = RunState::Missed;
                missed.ended = Some(done.now);
                missed.words.push("nobody ran when it was due".to_owned());
                self.put_run(&missed, NEVER).await?;
                last_missed = Some(missed);
            }
            if let Some(missed) = last_missed {
                let told = Told::Missed(count.saturating_sub(1));
                self.tell(&schedule, &missed, ("missed", told), office, done).await?;
            }
            if let Some(covered) = schedule.span.covered(latest, &zone) {
                let mut run = Run::new(&schedule, latest, covered);
                // What is made up for says itself how late it is.
                run.is_late_told = done.now.micros_since(latest) > LATE_MICROS;
                self.put_run(&run, latest).await?;
            }
            let next = schedule.when.next(done.now, &zone, calendar).unwrap_or(NEVER);
            let query = sqlx::query("UPDATE schedules SET next = $2 WHERE id = $1");
            query.bind(&schedule.id).bind(next.0).execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Tells the recipients of what is late (P-8).
    async fn tell_late(&mut self, office: &Office, done: Done<'_>) -> Result<(), Error> {
        let statement = "SELECT body FROM schedule_runs WHERE turn < $1 AND due <= $2 AND body LIKE $3
            ORDER BY due, id LIMIT $4";
        let query = sqlx::query(statement)
            .bind(NEVER.0)
            .bind(done.now.0.saturating_sub(LATE_MICROS))
            .bind(NOT_TOLD)
            .bind(SCHEDULES_AT_ONCE);
        for row in query.fetch_all(self.connection()).await? {
            let mut run: Run = body(&row)?;
            run.is_late_told = true;
            if let Some(schedule) = self.schedule(&run.schedule).await? {
                self.tell(&schedule, &run, ("late", Told::Late), office, done).await?;
            }
            let query = sqlx::query("UPDATE schedule_runs SET body = $2 WHERE id = $1");
            query.bind(&run.id).bind(serde_json::to_string(&run)?).execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Writes to whoever may read the report; where nobody may, to those who authorise for the customer.
    async fn tell(
        &mut self,
        schedule: &Schedule,
        run: &Run,
        (key, told): (&str, Told<'_>),
        office: &Office,
        done: Done<'_>,
    ) -> Result<(), Error> {
        // Whoever ordered one at the desk sees on the page what became of it.
        if !office.sends || schedule.is_ordered() {
            return Ok(());
        }
        let registration = self.registration(&schedule.customer).await?;
        let mut to = schedule.readers(&registration, done.now).allowed;
        if to.is_empty() || told == Told::Withheld {
            let authorisers = registration.with_role(Role::Authorizer, done.now);
            to = authorisers.map(|person| person.address().to_owned()).collect();
        }
        for address in to {
            let words = words(schedule, run, told, done.now);
            let outgoing = Outgoing::about_run((schedule, run), &address, key, (words, Vec::new()), done.now);
            self.put_outgoing(&outgoing).await?;
        }
        Ok(())
    }

    /// The end of a run that is not made.
    async fn fail(
        &mut self,
        schedule: &Schedule,
        run: &mut Run,
        why: &str,
        office: &Office,
        done: Done<'_>,
    ) -> Result<(), Error> {
        (run.state, run.ended, run.lease) = (RunState::Failed, Some(done.now), None);
        run.words.push(why.to_owned());
        self.renew_run(run, NEVER).await?;
        self.tell(schedule, run, ("failed", Told::Failed(why)), office, done).await
    }

    /// Keeps what was made, and has it go out.
    async fn deliver(
        &mut self,
        schedule: &Schedule,
        run: &mut Run,
        made: &Made,
        office: &Office,
        done: Done<'_>,
    ) -> Result<(), Error> {
        run.files = self.put_report(run, made, done.now).await?;
        let registration = self.registration(&schedule.customer).await?;
        let Readers { allowed, pending } = schedule.readers(&registration, done.now);
        run.pending = pending.iter().map(|(address, why)| format!("{address}: {why}")).collect();
        run.words.extend(made.notes.iter().cloned());
        run.state = if made.rows == 0 { RunState::Empty } else { RunState::Done };
        (run.ended, run.lease) = (Some(done.now), None);
        if schedule.is_ordered() {
            return Ok(());
        }
        if !office.sends {
            run.words.push("no mail goes out here: it is kept".to_owned());
            return Ok(());
        }
        if allowed.is_empty() {
            return self.tell(schedule, run, ("withheld", Told::Withheld), office, done).await;
        }
        let whole: u64 = run.files.iter().filter(|file| !file.holds_calls).map(|file| file.bytes).sum();
        let attaches = registration.report_attachments && whole <= REPORT_MAIL_BYTES_MAX as u64;
        let is_attached = |holds_calls: bool| attaches && !holds_calls;
        for address in &allowed {
            let (mut links, mut attached) = (Vec::new(), Vec::new());
            for file in &run.files {
                if is_attached(file.holds_calls) {
                    attached.push(file.name.clone());
                } else if !office.portal.is_empty() {
                    let link = self.put_report_link(run, &file.name, address, done.now).await?;
                    links.push((file.name.clone(), format!("{}/report/{link}", office.portal)));
                }
            }
            let told = match run.state {
                RunState::Empty => Told::Empty { notes: &made.notes },
                _ => Told::Made { notes: &made.notes, links: &links, attached: &attached },
            };
            let words = words(schedule, run, told, done.now);
            let files = if run.state == RunState::Empty { Vec::new() } else { attached };
            let outgoing = Outgoing::about_run((schedule, run), address, "report", (words, files), done.now);
            self.put_outgoing(&outgoing).await?;
        }
        run.sent_to = allowed;
        Ok(())
    }
}

impl Desk<'_> {
    /// Takes the next run that is to be made, in the name of `owner`, which no other process has, until `lease_micros` are
    /// over. What is due is planned first, and what is late is told.
    ///
    /// # Errors
    /// Nothing of it is kept.
    pub async fn take_run(
        &self,
        (owner, lease_micros): (&str, i64),
        office: &Office,
        done: Done<'_>,
    ) -> Result<Option<Taken>, Error> {
        if !self.is_anything_due(done.now).await? {
            return Ok(None);
        }
        let mut writing = self.store.write().await?;
        writing.plan(office, done).await?;
        writing.tell_late(office, done).await?;
        let mut taken = None;
        while taken.is_none() {
            let statement = "SELECT body FROM schedule_runs WHERE turn <= $1 ORDER BY turn, id LIMIT 1";
            let query = sqlx::query(statement).bind(done.now.0);
            let Some(row) = query.fetch_optional(writing.connection()).await? else { break };
            let mut run: Run = body(&row)?;
            let Some(schedule) = writing.schedule(&run.schedule).await? else {
                (run.state, run.ended, run.lease) = (RunState::Failed, Some(done.now), None);
                run.words.push("its schedule was removed".to_owned());
                writing.renew_run(&run, NEVER).await?;
                continue;
            };
            if let Some(lease) = run.lease.take() {
                run.words.push(format!("{} did not end it", lease.owner));
            }
            if run.attempts >= ATTEMPTS_MAX {
                let why = format!("it was begun {} times and never ended", run.attempts);
                writing.fail(&schedule, &mut run, &why, office, done).await?;
                continue;
            }
            run.attempts += 1;
            run.state = RunState::Running;
            let until = done.now.plus_micros(lease_micros);
            run.lease = Some(Lease { owner: owner.to_owned(), until });
            writing.renew_run(&run, until).await?;
            taken = Some(Taken { schedule, run });
        }
        writing.commit().await?;
        Ok(taken)
    }

    /// Plans what is due and tells of what is late, without taking anything: for who makes a run already.
    ///
    /// # Errors
    /// Nothing of it is kept.
    pub async fn tend_runs(&self, office: &Office, done: Done<'_>) -> Result<(), Error> {
        if !self.is_anything_due(done.now).await? {
            return Ok(());
        }
        let mut writing = self.store.write().await?;
        writing.plan(office, done).await?;
        writing.tell_late(office, done).await?;
        writing.commit().await
    }

    async fn is_anything_due(&self, now: Timestamp) -> Result<bool, Error> {
        let statement =
            "SELECT (SELECT COUNT(*) FROM (SELECT id FROM schedules WHERE next <= $1 LIMIT 1) AS planned)
            + (SELECT COUNT(*) FROM (SELECT id FROM schedule_runs WHERE turn <= $1 LIMIT 1) AS waiting)
            + (SELECT COUNT(*) FROM (SELECT id FROM schedule_runs WHERE turn < $2 AND due <= $3
                AND body LIKE $4 LIMIT 1) AS late)";
        let late = now.0.saturating_sub(LATE_MICROS);
        let query = sqlx::query(statement).bind(now.0).bind(NEVER.0).bind(late).bind(NOT_TOLD);
        Ok(query.fetch_one(&self.store.pool).await?.try_get::<i64, _>(0)? > 0)
    }

    /// Has the lease go on; whether it still was its own.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn renew_lease(&self, taken: &Taken, until: Timestamp) -> Result<bool, Error> {
        let mut writing = self.store.write().await?;
        let Some(mut run) = writing.run(&taken.run.id).await?.filter(|run| is_its_own(run, taken)) else {
            return Ok(false);
        };
        if let Some(lease) = &mut run.lease {
            lease.until = until;
        }
        writing.renew_run(&run, until).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// Writes what came of a run that was taken, and has it go out. `None` when somebody else has it meanwhile: what was made
    /// is left out.
    ///
    /// # Errors
    /// Nothing of it is kept.
    pub async fn settle_run(
        &self,
        taken: &Taken,
        came: &Result<Made, NotMade>,
        office: &Office,
        done: Done<'_>,
    ) -> Result<Option<Run>, Error> {
        let mut writing = self.store.write().await?;
        let Some(mut run) = writing.run(&taken.run.id).await?.filter(|run| is_its_own(run, taken)) else {
            return Ok(None);
        };
        let schedule = &taken.schedule;
        let too_long = |made: &Made| made.files.iter().any(|file| file.bytes.len() > REPORT_BYTES_MAX);
        match came {
            Ok(made) if too_long(made) => {
                let why = format!("a file of it is longer than {} MiB", REPORT_BYTES_MAX >> 20);
                writing.fail(schedule, &mut run, &why, office, done).await?;
            }
            Ok(made) => {
                writing.deliver(schedule, &mut run, made, office, done).await?;
                writing.renew_run(&run, NEVER).await?;
            }
            Err(not_made) if not_made.is_final || run.attempts >= ATTEMPTS_MAX => {
                writing.fail(schedule, &mut run, &not_made.why, office, done).await?;
            }
            Err(not_made) => {
                (run.state, run.lease) = (RunState::Waiting, None);
                run.words.push(not_made.why.clone());
                let again = done.now.plus_micros(i64::from(run.attempts) * AGAIN_MICROS);
                writing.renew_run(&run, again).await?;
            }
        }
        writing.commit().await?;
        Ok(Some(run))
    }

    /// Runs of all schedules, or of one, the latest first, at most `count`.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn runs(&self, schedule: Option<&str>, count: u32) -> Result<Vec<Run>, Error> {
        let statement = "SELECT body FROM schedule_runs WHERE schedule = $1 OR $2 = 1
            ORDER BY due DESC, id LIMIT $3";
        let rows = sqlx::query(statement)
            .bind(schedule.unwrap_or_default())
            .bind(i64::from(schedule.is_none()))
            .bind(i64::from(count))
            .fetch_all(&self.store.pool)
            .await?;
        rows.iter().map(body).collect()
    }
}

fn is_its_own(run: &Run, taken: &Taken) -> bool {
    let owner = |run: &Run| run.lease.as_ref().map(|lease| lease.owner.clone());
    run.state == RunState::Running && run.attempts == taken.run.attempts && owner(run) == owner(&taken.run)
}

/// In a row whose readers do not know that it is late. What somebody wrote is no match: inside a text each quotation mark has a
/// backslash before it.
const NOT_TOLD: &str = "%\"is_late_told\":false%";
/// Nobody's turn comes.
const NEVER: Timestamp = Timestamp(i64::MAX);
/// Before a run that failed begins again, once more for each time.
const AGAIN_MICROS: i64 = 5 * 60 * 1_000_000;
/// The rest has its turn a moment later.
const SCHEDULES_AT_ONCE: i64 = 200;
