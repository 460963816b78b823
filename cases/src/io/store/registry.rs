//! Who belongs to customers: drafted by one person, confirmed by another, each written down (C-1).

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::Done;
use super::writing::body;
use super::{Desk, Error};
use crate::audit::Act;
use crate::registry::Registration;
use crate::review::CERTIFY;

/// A registration that waits for a second person.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is confirmed.
    pub hash: String,
    /// Who drafted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What would hold.
    pub registration: Registration,
    /// What sets it apart from what holds.
    pub differences: Vec<String>,
}

impl Desk<'_> {
    /// What all customers have told about their people.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn registrations(&self) -> Result<Vec<Registration>, Error> {
        let query = sqlx::query("SELECT body FROM registrations ORDER BY customer");
        query.fetch_all(&self.store.pool).await?.iter().map(body).collect()
    }

    /// What `customer` has told; nothing unless it has.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn registration(&self, customer: &str) -> Result<Registration, Error> {
        let query = sqlx::query("SELECT body FROM registrations WHERE customer = $1").bind(customer);
        let row = query.fetch_optional(&self.store.pool).await?;
        let nothing = Registration { customer: customer.to_owned(), ..Registration::default() };
        row.map_or(Ok(nothing), |row| body(&row))
    }

    /// Drafts `registration`. It holds when another person has confirmed it.
    ///
    /// # Errors
    /// It has mistakes, changes nothing, or is not kept.
    pub async fn draft_registration(
        &self,
        registration: Registration,
        done: Done<'_>,
    ) -> Result<Draft, Error> {
        let mistakes = registration.mistakes();
        if !mistakes.is_empty() {
            return Err(Error::Refused(mistakes.join("; ")));
        }
        let hash = registration.hash()?;
        let mut writing = self.write().await?;
        let holds = writing.registration(&registration.customer).await?;
        writing.allow_tag(&holds.tag())?;
        let differences = registration.differences(&holds);
        if differences.is_empty() {
            return Err(Error::Refused(format!("{}: that is what holds already", registration.customer)));
        }
        let statement = "INSERT INTO registration_drafts (hash, customer, drafted_by, at, body) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (hash) DO UPDATE SET drafted_by = excluded.drafted_by, at = excluded.at";
        sqlx::query(statement)
            .bind(&hash)
            .bind(&registration.customer)
            .bind(done.who)
            .bind(done.now.0)
            .bind(serde_json::to_string(&registration)?)
            .execute(writing.connection())
            .await?;
        writing.refer(&hash);
        let detail = serde_json::json!({ "hash": hash, "differences": differences }).to_string();
        let act =
            Act { at: done.now, actor: done.who, action: "draft-contacts", subject: &hash, detail: &detail };
        writing.audit(&registration.customer, act).await?;
        writing.commit().await?;
        Ok(Draft { hash, by: done.who.to_owned(), at: done.now, registration, differences })
    }

    /// Drafts that wait, the oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn registration_drafts(&self) -> Result<Vec<Draft>, Error> {
        let statement = "SELECT body, hash, drafted_by, at FROM registration_drafts ORDER BY at, hash";
        let rows = sqlx::query(statement).fetch_all(&self.store.pool).await?;
        let mut drafts = Vec::new();
        for row in &rows {
            let registration: Registration = body(row)?;
            let differences = registration.differences(&self.registration(&registration.customer).await?);
            let at = Timestamp(row.try_get(3)?);
            drafts.push(Draft { hash: row.try_get(1)?, by: row.try_get(2)?, at, registration, differences });
        }
        Ok(drafts)
    }

    /// Confirms the draft whose hash begins with `beginning`: it holds from now on, and other drafts of the customer are void.
    ///
    /// # Errors
    /// There is none or more than one, who confirms it has drafted it, or it is not kept.
    pub async fn confirm_registration(&self, beginning: &str, done: Done<'_>) -> Result<Draft, Error> {
        let mut meant = self.registration_drafts().await?;
        meant.retain(|draft| beginning.len() >= HASH_CHARACTERS_MIN && draft.hash.starts_with(beginning));
        let Some(draft) = meant.pop().filter(|_| meant.is_empty()) else {
            return Err(Error::Refused(format!(
                "no one draft begins with {beginning:?}: give eight characters or more"
            )));
        };
        if draft.by == done.who {
            return Err(Error::Refused(format!(
                "{} has drafted it: another person has to confirm it",
                draft.by
            )));
        }
        let customer = &draft.registration.customer;
        let mut writing = self.write().await?;
        // Another one may have been confirmed since it was read, which makes this one void.
        let own = sqlx::query("DELETE FROM registration_drafts WHERE hash = $1").bind(&draft.hash);
        if own.execute(writing.connection()).await?.rows_affected() == 0 {
            return Err(Error::Changed);
        }
        let statement = "INSERT INTO registrations (customer, body) VALUES ($1, $2)
            ON CONFLICT (customer) DO UPDATE SET body = excluded.body";
        sqlx::query(statement)
            .bind(customer)
            .bind(serde_json::to_string(&draft.registration)?)
            .execute(writing.connection())
            .await?;
        let drafts = sqlx::query("DELETE FROM registration_drafts WHERE customer = $1").bind(customer);
        drafts.execute(writing.connection()).await?;
        let detail =
            serde_json::json!({ "drafted_by": draft.by, "differences": draft.differences }).to_string();
        let act = Act {
            at: done.now,
            actor: done.who,
            action: "confirm-contacts",
            subject: &draft.hash,
            detail: &detail,
        };
        writing.audit(customer, act).await?;
        writing.commit().await?;
        Ok(draft)
    }

    /// Writes down that somebody of the desk, or of the customer, looked at a contact: it keeps what it may do.
    ///
    /// # Errors
    /// There is no such contact, or it is not kept.
    pub async fn certify_contact(&self, customer: &str, name: &str, done: Done<'_>) -> Result<(), Error> {
        let mut writing = self.write().await?;
        let registration = writing.registration(customer).await?;
        if registration.person(name).is_none_or(|person| !person.is_valid_at(done.now)) {
            return Err(Error::Refused(format!("{customer} has no contact called {name}")));
        }
        let act = Act { at: done.now, actor: done.who, action: CERTIFY, subject: name, detail: "{}" };
        writing.audit(customer, act).await?;
        writing.commit().await
    }
}

/// With fewer characters a hash says too little about what is confirmed.
const HASH_CHARACTERS_MIN: usize = 8;
