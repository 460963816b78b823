//! What has changed, in the order in which it was written: pages follow it, and go on after the last turn that they saw.

use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::desk::Desk;
use super::writing::{Writing, body};
use super::{Error, OfCustomer, Store, stored};
use crate::case::{Kind, Severity};
use crate::flow::State;
use crate::{Alert, Case, CaseNumber};

/// Something that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Changed {
    /// A case, as it stands now.
    Case {
        /// Which.
        number: CaseNumber,
        /// Whose.
        customer: String,
        /// What about.
        kind: Kind,
        /// Where it stands.
        state: State,
        /// How much it matters.
        severity: Severity,
        /// How often it was written.
        version: u64,
    },
    /// An alert, in its case.
    Alert {
        /// Which.
        id: String,
        /// Whose.
        customer: String,
        /// What raised it.
        rule: String,
        /// The case that has it.
        number: CaseNumber,
    },
}

/// Changes of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Counts up; there may be gaps.
    pub number: u64,
    /// What changed in it.
    pub changes: Vec<Changed>,
}

impl Desk<'_> {
    /// Changes after turn `after`, about `count` at most, and always whole turns.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn feed(&self, after: u64, count: u32) -> Result<Vec<Turn>, Error> {
        feed(self.store, None, after, count).await
    }

    /// The last turn that is kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn feed_end(&self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT value FROM counters WHERE name = 'writes'");
        let row = row.fetch_one(&self.store.pool).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }

    /// The first turn that is kept, where any is: who has seen less than the one before it has missed something.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn feed_start(&self) -> Result<Option<u64>, Error> {
        let row = sqlx::query("SELECT turn FROM feed ORDER BY turn LIMIT 1");
        let row = row.fetch_optional(&self.store.pool).await?;
        row.map(|row| Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())).transpose()
    }

    /// Forgets all but the last `turns_max` turns.
    ///
    /// # Errors
    /// They are still there.
    pub async fn forget_feed(&self, turns_max: u64) -> Result<(), Error> {
        let before = self.feed_end().await?.saturating_sub(turns_max);
        let query = sqlx::query("DELETE FROM feed WHERE turn <= $1").bind(stored(before));
        query.execute(&self.store.pool).await?;
        Ok(())
    }
}

impl OfCustomer<'_> {
    /// What has changed of this customer's, as [`Desk::feed`] tells it.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn feed(&self, after: u64, count: u32) -> Result<Vec<Turn>, Error> {
        feed(self.store, Some(self.customer), after, count).await
    }
}

impl Writing<'_> {
    pub(super) async fn feed_case(&mut self, case: &Case) -> Result<(), Error> {
        let changed = Changed::Case {
            number: case.number,
            customer: case.customer.clone(),
            kind: case.kind,
            state: case.state,
            severity: case.severity,
            version: case.version,
        };
        self.feed(&case.customer, case.number, &changed).await
    }

    pub(super) async fn feed_alert(&mut self, alert: &Alert, number: CaseNumber) -> Result<(), Error> {
        let changed = Changed::Alert {
            id: alert.id.clone(),
            customer: alert.customer.clone(),
            rule: alert.rule.clone(),
            number,
        };
        self.feed(&alert.customer, number, &changed).await
    }

    async fn feed(&mut self, customer: &str, number: CaseNumber, changed: &Changed) -> Result<(), Error> {
        let (turn, place) = self.next_place();
        sqlx::query("INSERT INTO feed (turn, place, customer, serial, body) VALUES ($1, $2, $3, $4, $5)")
            .bind(turn)
            .bind(place)
            .bind(customer)
            .bind(stored(number.serial()))
            .bind(serde_json::to_string(changed)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

async fn feed(store: &Store, customer: Option<&str>, after: u64, count: u32) -> Result<Vec<Turn>, Error> {
    let mut turns = read(store, customer, (after, u64::MAX), Some(count)).await?;
    // The last one may have been cut in the middle: it is read whole.
    let rows: usize = turns.iter().map(|turn| turn.changes.len()).sum();
    if rows >= count as usize
        && let Some(last) = turns.pop()
    {
        turns.extend(read(store, customer, (last.number - 1, last.number), None).await?);
    }
    Ok(turns)
}

/// Turns after the first up to and with the second of `between`.
async fn read(
    store: &Store,
    customer: Option<&str>,
    between: (u64, u64),
    count: Option<u32>,
) -> Result<Vec<Turn>, Error> {
    let (low, high, count) = (stored(between.0), stored(between.1), count.map_or(i64::MAX, i64::from));
    let rows = match customer {
        None => {
            let statement =
                "SELECT body, turn FROM feed WHERE turn > $1 AND turn <= $2 ORDER BY turn, place LIMIT $3";
            sqlx::query(statement).bind(low).bind(high).bind(count).fetch_all(&store.pool).await?
        }
        Some(customer) => {
            let statement = "SELECT body, turn FROM feed WHERE customer = $4 AND turn > $1 AND turn <= $2
                ORDER BY turn, place LIMIT $3";
            let query = sqlx::query(statement).bind(low).bind(high).bind(count).bind(customer);
            query.fetch_all(&store.pool).await?
        }
    };
    let mut turns: Vec<Turn> = Vec::new();
    for row in rows {
        let number = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
        match turns.last_mut().filter(|turn| turn.number == number) {
            Some(turn) => turn.changes.push(body(&row)?),
            None => turns.push(Turn { number, changes: vec![body(&row)?] }),
        }
    }
    Ok(turns)
}
