//! What a person has said belongs together from now on (D-4).

use sqlx::Row as _;

use super::desk::{Done, Visible, write};
use super::writing::{Writing, body};
use super::{Desk, Error, stored};
use crate::grouping::Grouping;
use crate::{Alert, Case, CaseNumber};

impl Desk<'_> {
    /// Has alerts that are like those of a case, whoever calls, join it from now on.
    ///
    /// # Errors
    /// They have nothing in common, the case is over or takes such alerts in already, there are too many groupings, or it is not
    /// kept.
    pub async fn group(&self, number: CaseNumber, done: Done<'_>) -> Result<Case, Error> {
        let no = |why: String| Err(Error::Refused(why));
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        if case.state.is_over() {
            return no(format!("{number} is {}: open it again first", case.state));
        }
        if Grouping::of_case(&case).is_some() {
            return no(format!("what is like its alerts joins {number} already"));
        }
        let own = writing.groupings(Some(case.customer.as_str())).await?;
        if own.len() >= GROUPINGS_MAX {
            return no(format!("{} has {GROUPINGS_MAX} groupings: end one first", case.customer));
        }
        let statement = "SELECT body FROM alerts WHERE serial = $1 ORDER BY at DESC, id LIMIT $2";
        let query = sqlx::query(statement).bind(stored(number.serial())).bind(ALERTS_READ);
        let rows = query.fetch_all(writing.connection()).await?;
        let alerts: Vec<Alert> = rows.iter().map(body).collect::<Result<_, _>>()?;
        let statement = "UPDATE counters SET value = value + 1 WHERE name = 'grouping' RETURNING value";
        let id: i64 = sqlx::query(statement).fetch_one(writing.connection()).await?.try_get(0)?;
        let grouping =
            Grouping::of(&case, &alerts, u64::try_from(id).unwrap_or_default(), done.who, done.now);
        let grouping = grouping.map_err(Error::Refused)?;
        sqlx::query("INSERT INTO groupings (id, customer, is_over, body) VALUES ($1, $2, 0, $3)")
            .bind(id)
            .bind(&case.customer)
            .bind(serde_json::to_string(&grouping)?)
            .execute(writing.connection())
            .await?;
        case.key = Some(grouping.key());
        let text = format!("from now on {} join it", grouping.words());
        write(&mut writing, &mut case, "group", &text, Visible::Desk, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Alerts that are like those of a case join it no more, but for those with the key that it had before.
    ///
    /// # Errors
    /// None do, or it is not kept.
    pub async fn ungroup(&self, number: CaseNumber, done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        let Some(id) = Grouping::of_case(&case) else {
            return Err(Error::Refused(format!("{number} takes in no alerts that are like its own")));
        };
        let query = sqlx::query("SELECT body FROM groupings WHERE id = $1").bind(stored(id));
        let row = query.fetch_optional(writing.connection()).await?;
        let grouping: Option<Grouping> = row.map(|row| body(&row)).transpose()?;
        let query = sqlx::query("UPDATE groupings SET is_over = 1 WHERE id = $1").bind(stored(id));
        query.execute(writing.connection()).await?;
        let text = grouping.as_ref().map_or_else(String::new, |it| format!("{} join it no more", it.words()));
        // A case that a later alert opened has never had another key.
        case.key = grouping.filter(|it| it.case == number).and_then(|it| it.key_before);
        write(&mut writing, &mut case, "ungroup", &text, Visible::Desk, done).await?;
        writing.commit().await?;
        Ok(case)
    }
}

impl Writing<'_> {
    /// What holds now, the oldest first; of one customer, or of all.
    pub(super) async fn groupings(&mut self, customer: Option<&str>) -> Result<Vec<Grouping>, Error> {
        let statement =
            "SELECT body FROM groupings WHERE is_over = 0 AND (customer = $1 OR $1 = '') ORDER BY id";
        let query = sqlx::query(statement).bind(customer.unwrap_or_default());
        query.fetch_all(self.connection()).await?.iter().map(body).collect()
    }
}

/// Of one customer: each alert is compared with each.
const GROUPINGS_MAX: usize = 50;
/// The latest alerts of a case, which say what they have in common.
const ALERTS_READ: i64 = 5_000;
