//! Reports that were made: kept for a time, fetched by link, erased with the people in them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row as _;

use super::desk::Done;
use super::links::Link;
use super::replies::random_token;
use super::writing::{Writing, body};
use super::{Desk, Error};
use crate::audit::Act;
use crate::schedule::{KeptFile, LINK_DAYS, Made, Run, Schedule, may_read};

/// A link to one file of a report, which was sent to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportLink {
    /// The run that made it.
    pub run: String,
    /// The schedule of the run.
    pub schedule: String,
    /// The name of the file.
    pub file: String,
    /// Whose report.
    pub customer: String,
    /// Whom it was sent to.
    pub to: String,
    /// It leads nowhere from then on.
    pub expires: Timestamp,
}

/// A file that somebody fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its name.
    pub name: String,
    /// What it is (RFC 6838).
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Writing<'_> {
    /// Keeps the files of a report; those of the same run from before are replaced.
    pub(super) async fn put_report(
        &mut self,
        run: &Run,
        made: &Made,
        now: Timestamp,
    ) -> Result<Vec<KeptFile>, Error> {
        let query = sqlx::query("DELETE FROM report_files WHERE run = $1").bind(&run.id);
        query.execute(self.connection()).await?;
        let mut kept = Vec::new();
        for file in &made.files {
            let statement =
                "INSERT INTO report_files (run, name, customer, made, bytes) VALUES ($1, $2, $3, $4, $5)";
            sqlx::query(statement)
                .bind(&run.id)
                .bind(&file.name)
                .bind(&run.customer)
                .bind(now.0)
                .bind(STANDARD.encode(&file.bytes))
                .execute(self.connection())
                .await?;
            kept.push(KeptFile {
                name: file.name.clone(),
                media_type: file.media_type.to_owned(),
                bytes: file.bytes.len() as u64,
                sha256: Sha256::digest(&file.bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
                holds_calls: file.holds_calls,
            });
        }
        Ok(kept)
    }

    /// A link to a file; the secret in it.
    pub(super) async fn put_report_link(
        &mut self,
        run: &Run,
        file: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<String, Error> {
        let secret = URL_SAFE_NO_PAD.encode(random_token()?.0);
        let link = ReportLink {
            run: run.id.clone(),
            schedule: run.schedule.clone(),
            file: file.to_owned(),
            customer: run.customer.clone(),
            to: to.to_owned(),
            expires: now.plus_micros(LINK_DAYS * DAY_MICROS),
        };
        let statement =
            "INSERT INTO report_links (hash, run, customer, expires, body) VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(statement)
            .bind(Link::hash_of(&secret))
            .bind(&link.run)
            .bind(&link.customer)
            .bind(link.expires.0)
            .bind(serde_json::to_string(&link)?)
            .execute(self.connection())
            .await?;
        Ok(secret)
    }
}

impl Desk<'_> {
    /// A file of a run, if it is still kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn report_file(&self, run: &str, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let query = sqlx::query("SELECT bytes FROM report_files WHERE run = $1 AND name = $2");
        let Some(row) = query.bind(run).bind(name).fetch_optional(&self.store.pool).await? else {
            return Ok(None);
        };
        let bytes = STANDARD.decode(row.try_get::<&str, _>(0)?);
        Ok(Some(bytes.map_err(|_| Error::Refused(format!("{name} of {run} is not stored as it was made")))?))
    }

    /// A run.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn run_of(&self, id: &str) -> Result<Option<Run>, Error> {
        let query = sqlx::query("SELECT body FROM schedule_runs WHERE id = $1").bind(id);
        query.fetch_optional(&self.store.pool).await?.map(|row| body(&row)).transpose()
    }

    /// The file that a link with this secret leads to; nothing once it is too old, the file is not kept any more, or whom it
    /// was sent to may not have it any more (P-5). That it was fetched is written down.
    ///
    /// # Errors
    /// It cannot be read, or not be written down.
    pub async fn fetch_report(&self, secret: &str, done: Done<'_>) -> Result<Option<Fetched>, Error> {
        let hash = Link::hash_of(secret);
        let query = sqlx::query("SELECT body FROM report_links WHERE hash = $1 AND expires > $2");
        let row = query.bind(&hash).bind(done.now.0).fetch_optional(&self.store.pool).await?;
        let Some(link) = row.map(|row| body::<ReportLink>(&row)).transpose()? else { return Ok(None) };
        let registration = self.registration(&link.customer).await?;
        let query = sqlx::query("SELECT body FROM schedules WHERE id = $1").bind(&link.schedule);
        let schedule = query.fetch_optional(&self.store.pool).await?;
        let schedule: Option<Schedule> = schedule.map(|row| body(&row)).transpose()?;
        // One that was removed was authorised once; whoever was removed as a contact has lost it all the same.
        let is_authorised = schedule.is_none_or(|schedule| schedule.authorised.is_some());
        if may_read(&registration, &link.to, is_authorised, done.now).is_err() {
            return Ok(None);
        }
        let Some(bytes) = self.report_file(&link.run, &link.file).await? else { return Ok(None) };
        let run = self.run_of(&link.run).await?;
        let kept = run.and_then(|run| run.files.into_iter().find(|file| file.name == link.file));
        let Some(kept) = kept else { return Ok(None) };
        let detail = serde_json::json!({ "file": link.file, "to": link.to }).to_string();
        let mut writing = self.store.write().await?;
        let act = Act {
            at: done.now,
            actor: &link.to,
            action: "fetch-report",
            subject: &link.run,
            detail: &detail,
        };
        writing.audit(&link.customer, act).await?;
        writing.commit().await?;
        Ok(Some(Fetched { name: kept.name, media_type: kept.media_type, bytes }))
    }

    /// Customers of whom reports are kept.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn customers_with_reports(&self) -> Result<Vec<String>, Error> {
        let query = sqlx::query("SELECT DISTINCT customer FROM report_files ORDER BY customer");
        query.fetch_all(&self.store.pool).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Lets go of what has been kept longer than `kept_days`, and of links that lead nowhere; how many files.
    ///
    /// # Errors
    /// Nothing of it is gone.
    pub async fn forget_reports(&self, customer: &str, kept_days: u32, now: Timestamp) -> Result<u64, Error> {
        let before = now.plus_micros(-i64::from(kept_days) * DAY_MICROS);
        let mut writing = self.store.write().await?;
        let query = sqlx::query("DELETE FROM report_files WHERE customer = $1 AND made < $2");
        let gone = query.bind(customer).bind(before.0).execute(writing.connection()).await?.rows_affected();
        let query = sqlx::query("DELETE FROM report_links WHERE expires < $1").bind(now.0);
        query.execute(writing.connection()).await?;
        writing.commit().await?;
        Ok(gone)
    }

    /// Erases reports of `customer` that tell of somebody: those of which `tells` says so, from their name and bytes. Each can be
    /// made again, from records without that person. Their names, with their runs.
    ///
    /// # Errors
    /// Nothing of it is gone.
    pub async fn erase_from_reports(
        &self,
        customer: &str,
        tells: impl Fn(&str, &[u8]) -> bool,
        done: Done<'_>,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut writing = self.store.write().await?;
        let query = sqlx::query("SELECT run, name FROM report_files WHERE customer = $1 ORDER BY run, name");
        let rows = query.bind(customer).fetch_all(writing.connection()).await?;
        let mut erased = Vec::new();
        for row in rows {
            let (run, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let query = sqlx::query("SELECT bytes FROM report_files WHERE run = $1 AND name = $2");
            let row = query.bind(&run).bind(&name).fetch_one(writing.connection()).await?;
            // What is not as it was written cannot be searched.
            let bytes = STANDARD.decode(row.try_get::<&str, _>(0)?).ok();
            if bytes.is_some_and(|bytes| !tells(&name, &bytes)) {
                continue;
            }
            let query = sqlx::query("DELETE FROM report_files WHERE run = $1 AND name = $2");
            query.bind(&run).bind(&name).execute(writing.connection()).await?;
            erased.push((run, name));
        }
        // Whom it was is not written down again.
        let detail = serde_json::json!({ "files": erased.len() }).to_string();
        let act = Act {
            at: done.now,
            actor: done.who,
            action: "erase-from-reports",
            subject: customer,
            detail: &detail,
        };
        writing.audit(customer, act).await?;
        writing.commit().await?;
        Ok(erased)
    }
}

const DAY_MICROS: i64 = 86_400 * 1_000_000;
