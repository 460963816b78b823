//! Alerts of all cases, the latest first, a page at a time.

use rules::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Desk, Error, OfCustomer, Store};
use crate::CaseNumber;

/// An alert as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAlert {
    /// What names it.
    pub id: String,
    /// The case that has it.
    pub number: CaseNumber,
    /// Whose.
    pub customer: String,
    /// When it was raised.
    pub at: Timestamp,
    /// As the engine wrote it: JSON.
    pub body: String,
}

impl Desk<'_> {
    /// Alerts before the one at this moment with this id, or the latest, at most `count`.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn alert_list(
        &self,
        before: Option<(Timestamp, &str)>,
        count: u32,
    ) -> Result<Vec<KeptAlert>, Error> {
        list(self.store, None, before, count).await
    }

    /// The alert of this id.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn alert(&self, id: &str) -> Result<Option<KeptAlert>, Error> {
        let query = sqlx::query("SELECT id, serial, customer, at, body FROM alerts WHERE id = $1").bind(id);
        query.fetch_optional(&self.store.pool).await?.map(|row| kept(&row)).transpose()
    }
}

impl OfCustomer<'_> {
    /// What [`Desk::alert_list`] tells, of this customer.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn alert_list(
        &self,
        before: Option<(Timestamp, &str)>,
        count: u32,
    ) -> Result<Vec<KeptAlert>, Error> {
        list(self.store, Some(self.customer), before, count).await
    }

    /// The alert of this id, if it is this customer's.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn alert(&self, id: &str) -> Result<Option<KeptAlert>, Error> {
        let alert = self.store.desk().alert(id).await?;
        Ok(alert.filter(|alert| alert.customer == self.customer))
    }
}

async fn list(
    store: &Store,
    customer: Option<&str>,
    before: Option<(Timestamp, &str)>,
    count: u32,
) -> Result<Vec<KeptAlert>, Error> {
    let (at, id) = before.unwrap_or((Timestamp(i64::MAX), ""));
    let rows = match customer {
        None => {
            let statement =
                "SELECT id, serial, customer, at, body FROM alerts WHERE at < $1 OR (at = $1 AND id < $2)
                ORDER BY at DESC, id DESC LIMIT $3";
            let query = sqlx::query(statement).bind(at.0).bind(id).bind(i64::from(count));
            query.fetch_all(&store.pool).await?
        }
        Some(customer) => {
            let statement = "SELECT id, serial, customer, at, body FROM alerts WHERE customer = $4
                AND (at < $1 OR (at = $1 AND id < $2)) ORDER BY at DESC, id DESC LIMIT $3";
            let query = sqlx::query(statement).bind(at.0).bind(id).bind(i64::from(count)).bind(customer);
            query.fetch_all(&store.pool).await?
        }
    };
    rows.iter().map(kept).collect()
}

fn kept(row: &AnyRow) -> Result<KeptAlert, Error> {
    Ok(KeptAlert {
        id: row.try_get(0)?,
        number: CaseNumber::new(u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default()),
        customer: row.try_get(2)?,
        at: Timestamp(row.try_get(3)?),
        body: row.try_get(4)?,
    })
}
