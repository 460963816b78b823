//! Mails as they came: kept before they are read, and found again by what is known of them (C-5, C-6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::Row as _;

use super::writing::{Writing, crash_at};
use super::{Desk, Error, Mail, stored};
use crate::CaseNumber;
use crate::intake::{self, Directory, Envelope, Intake, MailKey};

/// A mail that is kept and was not read.
#[derive(Clone, Debug)]
pub struct KeptMail {
    /// What names it.
    pub key: String,
    /// How it came.
    pub envelope: Envelope,
    /// Its bytes as they came.
    pub raw: Vec<u8>,
    /// Whether reading it was begun again and again and never ended: it is left to a person.
    pub is_deadly: bool,
}

impl KeptMail {
    /// What it says. Never fails, and never tries again what ended the process before.
    pub fn read(&self, directory: &Directory) -> Intake {
        if self.is_deadly {
            intake::unread(&self.raw, &self.envelope)
        } else {
            intake::read(&self.raw, &self.envelope, directory)
        }
    }
}

/// What a mail turned out to be, for those that come after it.
pub(super) struct Read<'a> {
    pub(super) case: CaseNumber,
    pub(super) customer: &'a str,
    /// Whether somebody wrote it who could not ask for what it asks.
    pub(super) is_unverified: bool,
    pub(super) answered: Option<Timestamp>,
}

impl Desk<'_> {
    /// Keeps a mail before anything of it is read; whether it is new. When this returns it is on disk.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn keep_mail(&self, raw: &[u8], envelope: &Envelope) -> Result<bool, Error> {
        let key = MailKey::of(raw, &envelope.return_path);
        let statement =
            "INSERT INTO mails (key, serial, customer, received, raw, state, envelope, hash, message_id)
            VALUES ($1, 0, '', $2, $3, 'kept', $4, $5, $6) ON CONFLICT (key) DO NOTHING";
        let mut writing = self.store.write().await?;
        let done = sqlx::query(statement)
            .bind(name(&key))
            .bind(envelope.received_at.0)
            .bind(STANDARD.encode(raw))
            .bind(serde_json::to_string(envelope)?)
            .bind(hexadecimal(&key.hash))
            .bind(&key.message_id)
            .execute(writing.connection())
            .await?;
        crash_at("mail");
        writing.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// The names of mails that were not read, the oldest first, at most `count`.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn unread_mails(&self, count: u32) -> Result<Vec<String>, Error> {
        let statement = "SELECT key FROM mails WHERE state = 'kept' ORDER BY received, key LIMIT $1";
        let rows = sqlx::query(statement).bind(i64::from(count)).fetch_all(&self.store.pool).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Begins to read the mail of this name, unless it was read. That it was begun is on disk: a mail that ends the whole
    /// process is not read for ever.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_reading(&self, key: &str) -> Result<Option<KeptMail>, Error> {
        let mut writing = self.store.write().await?;
        let statement = "UPDATE mails SET attempts = attempts + 1 WHERE key = $1 AND state = 'kept'
            RETURNING envelope, raw, attempts";
        let row = sqlx::query(statement).bind(key).fetch_optional(writing.connection()).await?;
        let Some(row) = row else { return Ok(None) };
        let envelope = serde_json::from_str(row.try_get(0)?)?;
        // What was stored is base64; anything else is what somebody put there, and is shown as it is.
        let raw: &str = row.try_get(1)?;
        let raw = STANDARD.decode(raw).unwrap_or_else(|_| raw.as_bytes().to_vec());
        let is_deadly = is_deadly(row.try_get(2)?);
        crash_at("reading");
        writing.commit().await?;
        Ok(Some(KeptMail { key: key.to_owned(), envelope, raw, is_deadly }))
    }

    /// Begins to check the sender of the mail of this name, if that is still to be done before it is read. It counts as an
    /// attempt to read it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin_checking(&self, key: &str) -> Result<Option<KeptMail>, Error> {
        let query = sqlx::query("SELECT envelope FROM mails WHERE key = $1 AND state = 'kept'").bind(key);
        let Some(row) = query.fetch_optional(&self.store.pool).await? else { return Ok(None) };
        let envelope: Envelope = serde_json::from_str(row.try_get(0)?)?;
        if !envelope.checks.is_some_and(|it| it.are_open()) {
            return Ok(None);
        }
        Ok(self.begin_reading(key).await?.filter(|mail| !mail.is_deadly))
    }

    /// Keeps what a check of the sender found with a mail that is not read yet: however often it is read, its sender is
    /// believed as far.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keep_checks(&self, key: &str, envelope: &Envelope) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let statement = "UPDATE mails SET envelope = $2, attempts = 0 WHERE key = $1 AND state = 'kept'";
        let query = sqlx::query(statement).bind(key).bind(serde_json::to_string(envelope)?);
        query.execute(writing.connection()).await?;
        writing.commit().await
    }

    /// Leaves a mail unread that could not be put into cases, for another time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn leave_unread(&self, key: &str) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let query = sqlx::query("UPDATE mails SET attempts = 0 WHERE key = $1").bind(key);
        query.execute(writing.connection()).await?;
        writing.commit().await
    }
}

impl Desk<'_> {
    /// Mails of a case as they came, the oldest first, `count` at most: what asks for several things stands with the first of
    /// its cases.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn case_mails(&self, number: CaseNumber, count: u32) -> Result<Vec<KeptMail>, Error> {
        let statement = "SELECT key, envelope, raw, attempts, received FROM mails WHERE serial = $1
            ORDER BY received, key LIMIT $2";
        let query = sqlx::query(statement).bind(stored(number.serial())).bind(i64::from(count));
        let mail = |row: &sqlx::any::AnyRow| {
            let envelope: &str = row.try_get(1)?;
            let raw: &str = row.try_get(2)?;
            // What was kept before there were envelopes has none.
            let envelope = serde_json::from_str(envelope).unwrap_or(Envelope {
                return_path: intake::ReturnPath::Unknown,
                recipients: Vec::new(),
                received_at: Timestamp(row.try_get(4)?),
                checks: None,
            });
            let raw = STANDARD.decode(raw).unwrap_or_else(|_| raw.as_bytes().to_vec());
            let is_deadly = row.try_get::<i64, _>(3)? > ATTEMPTS_MAX;
            Ok(KeptMail { key: row.try_get(0)?, envelope, raw, is_deadly })
        };
        query.fetch_all(&self.store.pool).await?.iter().map(mail).collect()
    }
}

impl Writing<'_> {
    /// Keeps a mail that was read already; whether it is new: the same one, delivered again, is not (C-6).
    pub(super) async fn put_mail(&mut self, mail: &Mail<'_>, number: CaseNumber) -> Result<bool, Error> {
        let statement = "INSERT INTO mails (key, serial, customer, received, raw, hash, message_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key) DO NOTHING";
        let done = sqlx::query(statement)
            .bind(name(mail.key))
            .bind(stored(number.serial()))
            .bind(mail.customer)
            .bind(mail.received.0)
            .bind(STANDARD.encode(mail.raw))
            .bind(hexadecimal(&mail.key.hash))
            .bind(&mail.key.message_id)
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether the mail of this name waits to be read.
    pub(super) async fn is_unread(&mut self, key: &str) -> Result<bool, Error> {
        let query = sqlx::query("SELECT state FROM mails WHERE key = $1").bind(key);
        let row = query.fetch_optional(self.connection()).await?;
        Ok(row.is_some_and(|row| row.try_get::<&str, _>(0).is_ok_and(|state| state == "kept")))
    }

    /// Whether another mail came under the same Message-ID before (C-6).
    pub(super) async fn is_id_reused(&mut self, key: &MailKey) -> Result<bool, Error> {
        if key.message_id.is_empty() {
            return Ok(false);
        }
        let statement = "SELECT COUNT(*) FROM mails WHERE message_id = $1 AND hash <> $2 AND hash <> ''";
        let query = sqlx::query(statement).bind(&key.message_id).bind(hexadecimal(&key.hash));
        Ok(query.fetch_one(self.connection()).await?.try_get::<i64, _>(0)? > 0)
    }

    /// When `sender` was answered by itself since `since`, about cases of `customer`.
    pub(super) async fn answered(
        &mut self,
        sender: &str,
        customer: &str,
        since: Timestamp,
    ) -> Result<Vec<Timestamp>, Error> {
        let statement = "SELECT answered FROM mails WHERE sender = $1 AND customer = $2 AND answered > $3";
        let query = sqlx::query(statement).bind(sender).bind(customer).bind(since.0.max(0));
        moments(&query.fetch_all(self.connection()).await?)
    }

    /// When mails came since `since` that nobody known wrote and that claim `customer` (N-5).
    pub(super) async fn unverified(
        &mut self,
        customer: &str,
        since: Timestamp,
    ) -> Result<Vec<Timestamp>, Error> {
        let statement = "SELECT received FROM mails WHERE customer = $1 AND received > $2 AND unverified = 1
            ORDER BY received DESC LIMIT 100";
        let query = sqlx::query(statement).bind(customer).bind(since.0);
        moments(&query.fetch_all(self.connection()).await?)
    }

    /// The address that wrote the mail which began this case, if it was answered then.
    pub(super) async fn answered_sender(&mut self, number: CaseNumber) -> Result<Option<String>, Error> {
        let statement =
            "SELECT sender FROM mails WHERE serial = $1 AND answered > 0 ORDER BY received LIMIT 1";
        let query = sqlx::query(statement).bind(stored(number.serial()));
        Ok(query.fetch_optional(self.connection()).await?.map(|row| row.try_get(0)).transpose()?)
    }

    /// Says what was found of a mail: it is read.
    pub(super) async fn settle_mail(
        &mut self,
        key: &str,
        intake: &Intake,
        read: &Read<'_>,
    ) -> Result<(), Error> {
        let statement =
            "UPDATE mails SET state = 'read', serial = $2, customer = $3, sender = $4, unverified = $5,
            answered = $6 WHERE key = $1";
        sqlx::query(statement)
            .bind(key)
            .bind(stored(read.case.serial()))
            .bind(read.customer)
            .bind(&intake.sender.address)
            .bind(i64::from(read.is_unverified))
            .bind(read.answered.map_or(0, |at| at.0))
            .execute(self.connection())
            .await?;
        crash_at("settled");
        Ok(())
    }
}

/// Whether a mail whose reading was begun so often is left to a person.
pub(super) const fn is_deadly(attempts: i64) -> bool {
    attempts > ATTEMPTS_MAX
}

fn moments(rows: &[sqlx::any::AnyRow]) -> Result<Vec<Timestamp>, Error> {
    rows.iter().map(|row| Ok(Timestamp(row.try_get(0)?))).collect()
}

/// What names a mail: its content, its Message-ID and whom bounces go to.
fn name(key: &MailKey) -> String {
    let mut digest = Sha256::new_with_prefix(key.hash);
    digest.update(key.message_id.as_bytes());
    digest.update([0]);
    digest.update(key.return_path.as_bytes());
    hexadecimal(&digest.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As often the process may end while a mail is read.
const ATTEMPTS_MAX: i64 = 5;
