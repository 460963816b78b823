//! What contacts of customers chose about being told.

use sqlx::Row as _;

use super::desk::Done;
use super::writing::body;
use super::{Desk, Error, OfCustomer};
use crate::audit::Act;
use crate::notice::{Preference, Preferences};

impl Desk<'_> {
    /// What contacts of all customers chose.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn preferences(&self) -> Result<Preferences, Error> {
        let query = sqlx::query("SELECT body, customer, contact FROM preferences");
        let mut all = Preferences::new();
        for row in query.fetch_all(&self.store.pool).await? {
            let of = all.entry(row.try_get(1)?).or_default();
            of.insert(row.try_get(2)?, body(&row)?);
        }
        Ok(all)
    }
}

impl OfCustomer<'_> {
    /// What the customer's contact of this name chose.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn preference(&self, contact: &str) -> Result<Preference, Error> {
        let query = sqlx::query("SELECT body FROM preferences WHERE customer = $1 AND contact = $2");
        let row = query.bind(self.customer).bind(contact).fetch_optional(&self.store.pool).await?;
        Ok(row.as_ref().map(body).transpose()?.unwrap_or_default())
    }

    /// A contact chooses for themselves.
    ///
    /// # Errors
    /// They are no contact of this customer now, or it is not kept.
    pub async fn prefer(&self, preference: Preference, done: Done<'_>) -> Result<(), Error> {
        let registration = self.registration().await?;
        let is_theirs = registration.person(done.who).is_some_and(|it| it.is_valid_at(done.now));
        if !is_theirs {
            return Err(Error::Refused(format!("{} is no contact of this customer now", done.who)));
        }
        let mut writing = self.store.write().await?;
        let text = serde_json::to_string(&preference)?;
        let statement = "INSERT INTO preferences (customer, contact, body) VALUES ($1, $2, $3)
            ON CONFLICT (customer, contact) DO UPDATE SET body = excluded.body";
        let query = sqlx::query(statement).bind(self.customer).bind(done.who).bind(&text);
        query.execute(writing.connection()).await?;
        let act = Act { at: done.now, actor: done.who, action: "prefer", subject: done.who, detail: &text };
        writing.audit(self.customer, act).await?;
        writing.commit().await
    }
}
