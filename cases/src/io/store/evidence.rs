//! All that is kept of one case, read at one moment: what an evidence pack is made of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Executor as _, Row as _};

use super::desk::Done;
use super::writing::{Proposed, body};
use super::{Desk, Error, Event, OfCustomer, Visible, stored};
use crate::audit::{Act, Entry};
use crate::case::Relation;
use crate::change::Approval;
use crate::outgoing::Outgoing;
use crate::{Case, CaseNumber};

/// One case with everything that is kept of it.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The case.
    pub case: Case,
    /// Its history, the oldest first.
    pub events: Vec<Event>,
    /// The texts of its alerts, the oldest first.
    pub alerts: Vec<String>,
    /// Mails that it came from, the oldest first.
    pub mails: Vec<StoredMail>,
    /// What was to change, with who approved it, by hash.
    pub changes: Vec<(Proposed, Vec<Approval>)>,
    /// What was sent for it, or will be.
    pub outgoing: Vec<Outgoing>,
    /// The audit chain of its customer, from the first entry about the case to the last; those in between that are about other
    /// things are there as well. That somebody made a pack is no entry about the case.
    pub audit: Vec<Entry>,
}

/// A mail as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMail {
    /// When our server took it.
    pub received: Timestamp,
    /// Its bytes.
    pub raw: Vec<u8>,
}

impl Desk<'_> {
    /// All that is kept of a case.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn evidence(&self, number: CaseNumber) -> Result<Evidence, Error> {
        read(self, number, None).await?.ok_or(Error::NoCase(number))
    }

    /// Writes down in the audit chain that somebody was given what is kept of a case. `detail` is JSON: what exactly.
    ///
    /// # Errors
    /// It is not written down: nobody may be given anything.
    pub async fn note_export(&self, case: &Case, detail: &str, done: Done<'_>) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let subject = case.number.to_string();
        let act = Act { at: done.now, actor: done.who, action: EXPORT, subject: &subject, detail };
        writing.audit(&case.customer, act).await?;
        writing.commit().await
    }
}

impl OfCustomer<'_> {
    /// What the customer may have of what is kept of a case; nothing of another's. Notes of the desk are not in it, nor what
    /// was sent to others than the customer.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn evidence(&self, number: CaseNumber) -> Result<Option<Evidence>, Error> {
        let Some(mut evidence) = read(&self.store.desk(), number, Some(self.customer)).await? else {
            return Ok(None);
        };
        evidence.events.retain(|event| event.visible == Visible::Customer);
        evidence.outgoing.clear();
        let case = &mut evidence.case;
        case.findings = None;
        if let Some(closure) = &mut case.closure {
            closure.text.clear();
            closure.feedback = None;
        }
        for clock in &mut case.clocks {
            clock.replaced.iter_mut().for_each(|replaced| replaced.why.clear());
        }
        Ok(Some(evidence))
    }
}

async fn read(
    desk: &Desk<'_>,
    number: CaseNumber,
    customer: Option<&str>,
) -> Result<Option<Evidence>, Error> {
    // One moment for all of it: what is written meanwhile is not seen.
    let mut transaction = desk.store.pool.begin().await?;
    let connection: &mut AnyConnection = &mut transaction;
    if connection.backend_name() == "PostgreSQL" {
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    }
    let serial = stored(number.serial());
    let statement = "SELECT body FROM cases WHERE serial = $1";
    let row = sqlx::query(statement).bind(serial).fetch_optional(&mut *connection).await?;
    let Some(case) = row.map(|row| body::<Case>(&row)).transpose()? else { return Ok(None) };
    if customer.is_some_and(|customer| customer != case.customer) {
        return Ok(None);
    }
    let statement = "SELECT body FROM events WHERE serial = $1 AND customer = $2 ORDER BY version, place";
    let query = sqlx::query(statement).bind(serial).bind(&case.customer);
    let events = query.fetch_all(&mut *connection).await?.iter().map(body).collect::<Result<_, _>>()?;
    let statement = "SELECT body FROM alerts WHERE customer = $2
        AND (serial = $1 OR id IN (SELECT id FROM alert_shares WHERE serial = $1)) ORDER BY at, id";
    let query = sqlx::query(statement).bind(serial).bind(&case.customer);
    let alerts = query.fetch_all(&mut *connection).await?;
    let alerts = alerts.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, Error>>()?;
    let mut mails = mails(connection, number, &case.customer).await?;
    // One mail that asks for several things is kept with the first of its cases; they were opened in one moment.
    for (other, relation) in &case.links {
        if *relation == Relation::RelatesTo && is_of_one_mail(connection, &case, *other).await? {
            mails.extend(self::mails(connection, *other, &case.customer).await?);
        }
    }
    // A change that was first proposed in another case is kept with that one.
    let statement =
        "SELECT body, hash FROM changes WHERE (serial = $1 OR hash = $3) AND customer = $2 ORDER BY hash";
    let hash = case.change.as_deref().unwrap_or_default();
    let query = sqlx::query(statement).bind(serial).bind(&case.customer).bind(hash);
    let mut changes = Vec::new();
    for row in query.fetch_all(&mut *connection).await? {
        let hash: &str = row.try_get(1)?;
        let statement = "SELECT body FROM approvals WHERE hash = $1 ORDER BY approver";
        let approvals = sqlx::query(statement).bind(hash).fetch_all(&mut *connection).await?;
        changes.push((body(&row)?, approvals.iter().map(body).collect::<Result<_, _>>()?));
    }
    let statement = "SELECT body FROM outgoing WHERE serial = $1 AND customer = $2 ORDER BY due, id";
    let query = sqlx::query(statement).bind(serial).bind(&case.customer);
    let outgoing = query.fetch_all(&mut *connection).await?.iter().map(body).collect::<Result<_, _>>()?;
    let audit = slice(connection, &case).await?;
    transaction.rollback().await?;
    Ok(Some(Evidence { case, events, alerts, mails, changes, outgoing, audit }))
}

async fn mails(
    connection: &mut AnyConnection,
    number: CaseNumber,
    customer: &str,
) -> Result<Vec<StoredMail>, Error> {
    let statement =
        "SELECT raw, received FROM mails WHERE serial = $1 AND customer = $2 ORDER BY received, key";
    let rows = sqlx::query(statement)
        .bind(stored(number.serial()))
        .bind(customer)
        .fetch_all(&mut *connection)
        .await?;
    let mail = |row: &AnyRow| {
        let raw = STANDARD.decode(row.try_get::<&str, _>(0)?);
        let raw = raw.map_err(|_| Error::Refused(format!("a mail of {number} is not stored as it came")))?;
        Ok(StoredMail { received: Timestamp(row.try_get(1)?), raw })
    };
    rows.iter().map(mail).collect()
}

async fn is_of_one_mail(
    connection: &mut AnyConnection,
    case: &Case,
    other: CaseNumber,
) -> Result<bool, Error> {
    let statement = "SELECT body FROM cases WHERE serial = $1 AND customer = $2";
    let query = sqlx::query(statement).bind(stored(other.serial())).bind(&case.customer);
    let row = query.fetch_optional(&mut *connection).await?;
    let other: Option<Case> = row.map(|row| body(&row)).transpose()?;
    Ok(other.is_some_and(|other| other.opened == case.opened))
}

async fn slice(connection: &mut AnyConnection, case: &Case) -> Result<Vec<Entry>, Error> {
    // Inside a detail, which is a text of JSON, each quotation mark has a backslash before it: what somebody wrote is no match.
    let statement = "SELECT MIN(sequence), MAX(sequence) FROM audit
        WHERE customer = $1 AND body LIKE $2 AND body NOT LIKE $3";
    let row = sqlx::query(statement)
        .bind(&case.customer)
        .bind(format!("%\"subject\":\"{}\"%", case.number))
        .bind(format!("%\"action\":\"{EXPORT}\"%"))
        .fetch_one(&mut *connection)
        .await?;
    let (first, last): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };
    let statement = "SELECT body FROM audit WHERE customer = $1 AND sequence >= $2 AND sequence <= $3
        ORDER BY sequence";
    let query = sqlx::query(statement).bind(&case.customer).bind(first).bind(last);
    query.fetch_all(&mut *connection).await?.iter().map(body).collect()
}

/// What the audit calls it when somebody is given what is kept of a case.
const EXPORT: &str = "export";
