//! What the alerts of a case are about: callers, called numbers and whatever else they are counted by. It is read from the
//! alerts, so that it follows them wherever they go (D-6).

use std::collections::BTreeMap;

use rules::Timestamp;
use sqlx::Row as _;

use super::writing::body;
use super::{Desk, Error, Store, stored};
use crate::{Alert, CaseNumber};

/// Something that alerts of a case have in their key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observable {
    /// What it is, such as `caller`.
    pub name: String,
    /// Which; strangers may have written it.
    pub value: String,
    /// How many alerts of the case have it.
    pub alerts: u64,
    /// When the first and the last of them were raised.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
}

impl Desk<'_> {
    /// What the latest 20,000 alerts of a case are about, what most of them have first, at most `count`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn observables(&self, number: CaseNumber, count: usize) -> Result<Vec<Observable>, Error> {
        let statement = "SELECT subject, COUNT(*), MIN(at), MAX(at) FROM (
                SELECT subject, at, id FROM
                    (SELECT subject, at, id FROM alerts WHERE serial = $1 ORDER BY at DESC LIMIT $2) AS counted
                UNION ALL
                SELECT subject, at, id FROM alerts WHERE id IN (SELECT id FROM alert_shares WHERE serial = $1)
            ) AS held GROUP BY subject";
        let query = sqlx::query(statement).bind(stored(number.serial())).bind(ALERTS_READ);
        let mut found: BTreeMap<(String, String), Observable> = BTreeMap::new();
        for row in query.fetch_all(&self.store.pool).await? {
            let subject: BTreeMap<String, String> = body(&row)?;
            let alerts = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
            let (first, last) = (Timestamp(row.try_get(2)?), Timestamp(row.try_get(3)?));
            for (name, value) in subject {
                let new = || Observable { name: name.clone(), value: value.clone(), alerts: 0, first, last };
                let observable = found.entry((name.clone(), value.clone())).or_insert_with(new);
                observable.alerts += alerts;
                observable.first = observable.first.min(first);
                observable.last = observable.last.max(last);
            }
        }
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.alerts));
        found.truncate(count);
        Ok(found)
    }
}

impl Store {
    /// Says what alerts of a former version are about.
    pub(super) async fn fill_subjects(&self) -> Result<(), Error> {
        loop {
            let rows = sqlx::query("SELECT body, id FROM alerts WHERE subject = '' LIMIT 500");
            let rows = rows.fetch_all(&self.pool).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut writing = self.write().await?;
            for row in &rows {
                let id: String = row.try_get(1)?;
                // What cannot be read keeps nobody from the rest.
                let subject = body::<Alert>(row).map_or_else(|_| "{}".to_owned(), |alert| alert.subject());
                let query = sqlx::query("UPDATE alerts SET subject = $2 WHERE id = $1");
                query.bind(id).bind(subject).execute(writing.connection()).await?;
            }
            writing.commit().await?;
        }
    }
}

const ALERTS_READ: i64 = 20_000;
