//! Alerts that do not belong to a case are taken out into one of their own (D-6).

use std::collections::BTreeSet;

use super::desk::{Done, Visible, refused, write};
use super::{Desk, Error, stored};
use crate::{Alert, Case, CaseNumber};

impl Desk<'_> {
    /// Takes the alerts of these ids out of `number` into a new case.
    ///
    /// # Errors
    /// One of them is not in the case, none would stay, or it is not kept.
    pub async fn split(&self, number: CaseNumber, ids: &[String], done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        let ids: BTreeSet<&String> = ids.iter().collect();
        let mut alerts: Vec<Alert> = Vec::new();
        for id in &ids {
            let query = sqlx::query("SELECT body FROM alerts WHERE id = $1 AND serial = $2");
            let query = query.bind(id.as_str()).bind(stored(number.serial()));
            let Some(row) = query.fetch_optional(writing.connection()).await? else {
                return Err(Error::Refused(format!("alert {id:?} is not in {number}")));
            };
            alerts.push(super::writing::body(&row)?);
        }
        let new = writing.next_number().await?;
        let mut child = case.split(new, &alerts, done.service, done.now).map_err(refused)?;
        for id in &ids {
            let query = sqlx::query("UPDATE alerts SET serial = $2 WHERE id = $1");
            query.bind(id.as_str()).bind(stored(child.number.serial())).execute(writing.connection()).await?;
        }
        let named = ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
        write(&mut writing, &mut child, "split", &format!("out of {number}: {named}"), Visible::Desk, done)
            .await?;
        let text = format!("into {}: {named}", child.number);
        write(&mut writing, &mut case, "split", &text, Visible::Desk, done).await?;
        writing.commit().await?;
        Ok(child)
    }
}
