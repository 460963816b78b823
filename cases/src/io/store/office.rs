//! What the office of a desk asks beside cases: the audit searched and gone over, reports ordered once, mails as they came,
//! and who is logged in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::Timestamp;
use sqlx::Row as _;

use super::desk::Done;
use super::writing::body;
use super::{Desk, Error, KeptMail, Store, stored};
use crate::CaseNumber;
use crate::account::{Account, DESK, Role, Session, Side};
use crate::audit::{Act, Entry, Head, Verifier};
use crate::intake::{Envelope, ReturnPath};
use crate::schedule::{Run, Schedule};

/// What is looked for in an audit chain. Words are found anywhere in their field, whatever their case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// In who did it.
    pub actor: String,
    /// In what was done.
    pub action: String,
    /// In what it was done to.
    pub subject: String,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// Only entries before this place of the chain.
    pub before: Option<u64>,
}

/// Entries that were found, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// They.
    pub entries: Vec<Entry>,
    /// Where to go on, where the chain was not gone through to its beginning.
    pub before: Option<u64>,
}

/// A chain that was gone over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Whose.
    pub customer: String,
    /// So many entries from its beginning are as they were written.
    pub good: u64,
    /// What is wrong with the next; nothing when all of it is right.
    pub broken: Option<String>,
}

/// Which mails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailFilter {
    /// Only those that nobody has read: they came, and no case came of them yet.
    pub is_unread: bool,
    /// Only those that were written by somebody who could not ask for what they ask.
    pub is_unverified: bool,
    /// Only those in cases that stand so, such as `quarantine`.
    pub case_state: Option<&'static str>,
    /// At most so many; the latest first.
    pub count: u32,
}

/// A mail, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRow {
    /// What names it.
    pub key: String,
    /// When our own server took it.
    pub received: Timestamp,
    /// The customer that it belongs to, or claims; empty while it is unread.
    pub customer: String,
    /// The address that wrote it; empty while it is unread.
    pub sender: String,
    /// The case that came of it.
    pub case: Option<CaseNumber>,
    /// Where that case stands; empty without one.
    pub case_state: String,
    /// Whether whoever wrote it could not ask for what it asks.
    pub is_unverified: bool,
    /// Whether it was answered by itself.
    pub is_answered: bool,
    /// How often reading it was begun.
    pub attempts: u32,
}

impl Store {
    /// Goes through the audit chain of `customer` from its beginning. `end` is where it has to reach; `anchor` a head that was
    /// kept elsewhere.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn check_audit(
        &self,
        customer: &str,
        end: &Head,
        anchor: Option<&Head>,
    ) -> Result<Checked, Error> {
        let (mut verifier, mut good) = (Verifier::default(), 0);
        let told = |good, broken: Option<String>| Checked { customer: customer.to_owned(), good, broken };
        loop {
            let entries = self.audit(customer, good, ENTRIES_AT_ONCE).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if let Err(broken) = verifier.take(&entry) {
                    return Ok(told(good, Some(broken.to_string())));
                }
                good += 1;
                if anchor.is_some_and(|anchor| anchor.sequence == good && anchor.hash != entry.hash) {
                    let broken = format!("entry {good}: it is not the one whose head was kept");
                    return Ok(told(good, Some(broken)));
                }
            }
        }
        let reached = anchor.map_or(end.sequence, |anchor| anchor.sequence.max(end.sequence));
        let finished = verifier.finish(&Head { sequence: reached, hash: String::new() });
        Ok(told(good, finished.err().map(|broken| broken.to_string())))
    }
}

impl Desk<'_> {
    /// Searches the audit chain of `customer` from its end. It stops after a page of what was found, or after so many entries
    /// that somebody waits; where it goes on says [`AuditPage::before`].
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn search_audit(
        &self,
        customer: &str,
        filter: &AuditFilter,
        count: usize,
    ) -> Result<AuditPage, Error> {
        let mut page = AuditPage::default();
        let mut before = filter.before.unwrap_or(u64::MAX);
        for _ in 0..SEARCHES_MAX {
            let statement = "SELECT body FROM audit WHERE customer = $1 AND sequence < $2
                ORDER BY sequence DESC LIMIT $3";
            let query = sqlx::query(statement).bind(customer).bind(stored(before));
            let rows = query.bind(i64::from(ENTRIES_AT_ONCE)).fetch_all(&self.store.pool).await?;
            for row in &rows {
                let entry: Entry = body(row)?;
                if page.entries.len() >= count {
                    page.before = page.entries.last().map(|entry| entry.sequence);
                    return Ok(page);
                }
                before = entry.sequence;
                if filter.fits(&entry) {
                    page.entries.push(entry);
                }
            }
            if rows.len() < usize::try_from(ENTRIES_AT_ONCE).unwrap_or(usize::MAX) {
                return Ok(page);
            }
        }
        page.before = Some(before);
        Ok(page)
    }

    /// Writes into the audit of `customer`, or of the desk, what somebody did that leaves no other trace.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn note_act(
        &self,
        customer: Option<&str>,
        (action, subject, detail): (&str, &str, &str),
        done: Done<'_>,
    ) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let act = Act { at: done.now, actor: done.who, action, subject, detail };
        writing.audit(customer.unwrap_or(DESK), act).await?;
        writing.commit().await
    }

    /// Has a report made once, to be looked at here: it goes to nobody. What it makes is kept as long as other reports.
    ///
    /// # Errors
    /// It has mistakes, too many wait, or it is not kept.
    pub async fn order_report(&self, schedule: Schedule, done: Done<'_>) -> Result<Run, Error> {
        let schedule = schedule.ordered();
        let mut writing = self.write().await?;
        let statement = "SELECT COUNT(*) FROM schedule_runs WHERE id LIKE 'RO-%' AND turn < $1";
        let query = sqlx::query(statement).bind(i64::MAX);
        let waiting: i64 = query.fetch_one(writing.connection()).await?.try_get(0)?;
        if waiting >= ORDERS_MAX {
            return Err(Error::Refused(format!("{waiting} reports are being made: wait for one of them")));
        }
        let at = writing.put_schedule(&schedule, done).await?;
        at.ok_or_else(|| Error::Refused("that was ordered a moment ago".to_owned()))?;
        writing.refer(&schedule.id);
        writing.commit().await?;
        let ordered = self.ordered_report(&schedule.id).await?;
        ordered.map(|(_, run)| run).ok_or_else(|| Error::Refused("there are no such days".to_owned()))
    }

    /// The report that was ordered under this name, and its run.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn ordered_report(&self, id: &str) -> Result<Option<(Schedule, Run)>, Error> {
        let statement = "SELECT schedules.body, schedule_runs.body FROM schedule_runs
            JOIN schedules ON schedules.id = schedule_runs.schedule
            WHERE schedules.id = $1 AND schedules.id LIKE 'RO-%' ORDER BY schedule_runs.due DESC LIMIT 1";
        let row = sqlx::query(statement).bind(id).fetch_optional(&self.store.pool).await?;
        row.as_ref().map(ordered).transpose()
    }

    /// Reports that were ordered once, the latest first, at most `count`.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn ordered_reports(&self, count: u32) -> Result<Vec<(Schedule, Run)>, Error> {
        let statement = "SELECT schedules.body, schedule_runs.body FROM schedule_runs
            JOIN schedules ON schedules.id = schedule_runs.schedule WHERE schedule_runs.id LIKE 'RO-%'
            ORDER BY schedule_runs.due DESC, schedule_runs.id LIMIT $1";
        let rows = sqlx::query(statement).bind(i64::from(count)).fetch_all(&self.store.pool).await?;
        rows.iter().map(ordered).collect()
    }

    /// Takes back a draft of contacts that its author has drafted anew.
    ///
    /// # Errors
    /// It is not kept; a draft that is gone already is no error.
    pub async fn withdraw_draft(&self, customer: &str, hash: &str, done: Done<'_>) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let statement =
            "DELETE FROM registration_drafts WHERE hash = $1 AND customer = $2 AND drafted_by = $3";
        let query = sqlx::query(statement).bind(hash).bind(customer).bind(done.who);
        if query.execute(writing.connection()).await?.rows_affected() > 0 {
            let act = Act {
                at: done.now,
                actor: done.who,
                action: "withdraw-contacts",
                subject: hash,
                detail: "{}",
            };
            writing.audit(customer, act).await?;
            writing.commit().await?;
        }
        Ok(())
    }

    /// Mails as they came.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn mails(&self, filter: &MailFilter) -> Result<Vec<MailRow>, Error> {
        let statement = "SELECT mails.key, mails.received, mails.customer, mails.sender, mails.serial,
                COALESCE(cases.state, ''), mails.unverified, mails.answered, mails.attempts
            FROM mails LEFT JOIN cases ON cases.serial = mails.serial
            WHERE ($1 = 0 OR mails.state = 'kept') AND ($2 = 0 OR mails.unverified = 1)
                AND ($3 = '' OR cases.state = $3)
            ORDER BY mails.received DESC, mails.key LIMIT $4";
        let rows = sqlx::query(statement)
            .bind(i64::from(filter.is_unread))
            .bind(i64::from(filter.is_unverified))
            .bind(filter.case_state.unwrap_or_default())
            .bind(i64::from(filter.count))
            .fetch_all(&self.store.pool)
            .await?;
        rows.iter().map(mail_row).collect()
    }

    /// One mail with its bytes. Looking at it changes nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn mail(&self, key: &str) -> Result<Option<(MailRow, KeptMail)>, Error> {
        let statement = "SELECT mails.key, mails.received, mails.customer, mails.sender, mails.serial,
                COALESCE(cases.state, ''), mails.unverified, mails.answered, mails.attempts, mails.envelope, mails.raw
            FROM mails LEFT JOIN cases ON cases.serial = mails.serial WHERE mails.key = $1";
        let row = sqlx::query(statement).bind(key).fetch_optional(&self.store.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let found = mail_row(&row)?;
        // One that was put in by hand came in no envelope.
        let by_hand = || Envelope {
            return_path: ReturnPath::Unknown,
            recipients: Vec::new(),
            received_at: found.received,
            checks: None,
        };
        let envelope = match row.try_get::<&str, _>(9)? {
            "" => by_hand(),
            text => serde_json::from_str(text)?,
        };
        let raw: &str = row.try_get(10)?;
        let raw = STANDARD.decode(raw).unwrap_or_else(|_| raw.as_bytes().to_vec());
        let is_deadly = super::mails::is_deadly(i64::from(found.attempts));
        Ok(Some((found, KeptMail { key: key.to_owned(), envelope, raw, is_deadly })))
    }

    /// Where somebody is logged in, the latest used first.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn sessions(&self, login: &str) -> Result<Vec<Session>, Error> {
        let statement = "SELECT body FROM sessions WHERE login = $1 ORDER BY seen DESC LIMIT 100";
        sqlx::query(statement).bind(login).fetch_all(&self.store.pool).await?.iter().map(body).collect()
    }

    /// Logs somebody out wherever they are.
    ///
    /// # Errors
    /// There is nobody of that name, or it is not kept.
    pub async fn log_out(&self, login: &str, done: Done<'_>) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let account = writing.account(login).await?.ok_or_else(|| nobody(login))?;
        writing.end_sessions(login).await?;
        writing.note_account((&account.side, login), "log-out-everywhere", "{}", done).await?;
        writing.commit().await
    }

    /// Takes the second factor of somebody who has lost it, and logs them out: they set up another one.
    ///
    /// # Errors
    /// There is nobody of that name, they have none, or it is not kept.
    pub async fn reset_factor(&self, login: &str, done: Done<'_>) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let account = writing.account(login).await?.ok_or_else(|| nobody(login))?;
        let (customer, contact) = account.factor_place();
        let query = sqlx::query("DELETE FROM second_factors WHERE customer = $1 AND contact = $2");
        let query = query.bind(customer).bind(contact);
        if query.execute(writing.connection()).await?.rows_affected() == 0 {
            return Err(Error::Refused(format!("{login} has no second factor")));
        }
        writing.end_sessions(login).await?;
        writing.note_account((&account.side, login), "reset-factor", "{}", done).await?;
        writing.commit().await
    }

    /// Gives somebody of the desk another role, from their next click on.
    ///
    /// # Errors
    /// There is nobody of that name at the desk, or it is not kept.
    pub async fn set_role(&self, login: &str, role: Role, done: Done<'_>) -> Result<Account, Error> {
        let mut writing = self.store.write().await?;
        let mut account = writing.account(login).await?.ok_or_else(|| nobody(login))?;
        let Side::Desk(before) = account.side else {
            return Err(Error::Refused(format!(
                "{login} belongs to a customer: what contacts may do stands in its registration"
            )));
        };
        account.side = Side::Desk(role);
        writing.put_account(&account).await?;
        let detail = serde_json::json!({ "before": before.name(), "after": role.name() }).to_string();
        writing.note_account((&account.side, login), "set-role", &detail, done).await?;
        writing.commit().await?;
        Ok(account)
    }
}

impl AuditFilter {
    /// Whether `entry` is one that is looked for.
    pub fn fits(&self, entry: &Entry) -> bool {
        let has = |text: &str, word: &str| {
            word.is_empty() || text.to_lowercase().contains(&word.trim().to_lowercase())
        };
        has(&entry.actor, &self.actor)
            && has(&entry.action, &self.action)
            && has(&entry.subject, &self.subject)
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

fn mail_row(row: &sqlx::any::AnyRow) -> Result<MailRow, Error> {
    let serial = u64::try_from(row.try_get::<i64, _>(4)?).unwrap_or_default();
    Ok(MailRow {
        key: row.try_get(0)?,
        received: Timestamp(row.try_get(1)?),
        customer: row.try_get(2)?,
        sender: row.try_get(3)?,
        case: (serial > 0).then(|| CaseNumber::new(serial)),
        case_state: row.try_get(5)?,
        is_unverified: row.try_get::<i64, _>(6)? != 0,
        is_answered: row.try_get::<i64, _>(7)? != 0,
        attempts: u32::try_from(row.try_get::<i64, _>(8)?).unwrap_or(u32::MAX),
    })
}

/// A report that was ordered, and its run.
fn ordered(row: &sqlx::any::AnyRow) -> Result<(Schedule, Run), Error> {
    let (schedule, run): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    Ok((serde_json::from_str(schedule)?, serde_json::from_str(run)?))
}

fn nobody(login: &str) -> Error {
    Error::Refused(format!("nobody logs in as {login}"))
}

/// Entries of a chain that are read at once.
const ENTRIES_AT_ONCE: u32 = 1_000;
/// So often a search reads on before it says how far it came.
const SEARCHES_MAX: usize = 20;
/// Reports that wait to be made, of all who ordered some.
const ORDERS_MAX: i64 = 20;
