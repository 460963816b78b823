//! One transaction: what is in it is kept together, or not at all.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AnyPool, Row as _, Transaction};

use super::condition::Conditions;
use super::list::place;
use super::{Error, Event, stored};
use crate::audit::{Act, Head};
use crate::change::{Approval, Change, Hands, Impact, LeftOut};
use crate::{Alert, Case, CaseNumber};

/// A transaction that writes.
pub struct Writing<'a> {
    transaction: Transaction<'a, Any>,
    /// Which turn of the feed this is, and how much was told in it.
    turn: i64,
    told: i64,
    /// Ends of audit chains that were read or moved.
    heads: BTreeMap<String, Head>,
    conditions: Conditions<'a>,
    /// What it is about: the first case that is written, or what is named.
    reference: Option<String>,
}

/// A change that was proposed, what it would do, and what it did.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Proposed {
    /// What changes.
    pub change: Change,
    /// What it would have done.
    pub impact: Impact,
    /// Who of the desk wrote it, and who has looked at it (Z-7).
    #[serde(default)]
    pub hands: Hands,
    /// The standing authorisation that is used for it (Z-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<String>,
    /// What test calls have shown after it came into force (Z-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// What authorisers took out of it before they said yes (Z-4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The hash that it had on the base before, when it was brought onto another one with what was approved of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

impl Proposed {
    /// One that nobody has approved.
    pub const fn new(change: Change, impact: Impact, hands: Hands) -> Self {
        Self { change, impact, hands, standing: None, proof: None, left_out: Vec::new(), before: None }
    }
}

impl<'a> Writing<'a> {
    pub(super) async fn begin(pool: &'a AnyPool, conditions: Conditions<'a>) -> Result<Self, Error> {
        let mut transaction = pool.begin().await?;
        // The first statement writes, so that two writers wait for each other here and never fail later.
        let row = sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'writes' RETURNING value")
            .fetch_one(&mut *transaction)
            .await?;
        crash_at("begun");
        let (turn, heads) = (row.try_get(0)?, BTreeMap::new());
        let mut writing = Self { transaction, turn, told: 0, heads, conditions, reference: None };
        writing.check_once(conditions).await?;
        Ok(writing)
    }

    /// Keeps all of it. When this returns it is on disk.
    ///
    /// # Errors
    /// None of it is kept.
    pub async fn commit(mut self) -> Result<(), Error> {
        for (customer, head) in &self.heads {
            let statement = "INSERT INTO audit_heads (customer, sequence, hash) VALUES ($1, $2, $3)
                ON CONFLICT (customer) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash";
            sqlx::query(statement)
                .bind(customer)
                .bind(stored(head.sequence))
                .bind(&head.hash)
                .execute(&mut *self.transaction)
                .await?;
        }
        let reference = self.reference.take().unwrap_or_default();
        self.keep_once(self.conditions, reference).await?;
        crash_at("before-commit");
        self.transaction.commit().await?;
        crash_at("after-commit");
        Ok(())
    }

    /// What statements go over.
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// Fails when what has `tag` is not what was seen.
    pub(super) fn allow_tag(&self, tag: &str) -> Result<(), Error> {
        self.conditions.allow_tag(tag)
    }

    /// Says what it is about, for whoever asks the same again.
    pub(super) fn refer(&mut self, reference: &str) {
        self.reference = Some(reference.to_owned());
    }

    /// The next place in the feed.
    pub(super) const fn next_place(&mut self) -> (i64, i64) {
        self.told += 1;
        (self.turn, self.told)
    }

    /// The number of a new case.
    pub(super) async fn next_number(&mut self) -> Result<CaseNumber, Error> {
        let statement = "UPDATE counters SET value = value + 1 WHERE name = 'serial' RETURNING value";
        let row = sqlx::query(statement).fetch_one(&mut *self.transaction).await?;
        Ok(CaseNumber::new(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default()))
    }

    /// The case of this number.
    pub(super) async fn case(&mut self, number: CaseNumber) -> Result<Case, Error> {
        let row = sqlx::query("SELECT body FROM cases WHERE serial = $1")
            .bind(stored(number.serial()))
            .fetch_optional(&mut *self.transaction)
            .await?;
        let case: Case = row.map_or(Err(Error::NoCase(number)), |row| body(&row))?;
        self.conditions.allow(number, case.version)?;
        Ok(case)
    }

    /// The case that alerts with this key join, or the last that they did: one that was joined into another leads there.
    pub(super) async fn latest(&mut self, customer: &str, key: &str) -> Result<Option<Case>, Error> {
        let statement = "SELECT body FROM cases WHERE customer = $1 AND join_key = $2 ORDER BY is_over, serial DESC LIMIT 1";
        let row =
            sqlx::query(statement).bind(customer).bind(key).fetch_optional(&mut *self.transaction).await?;
        let mut latest: Option<Case> = row.map(|row| body(&row)).transpose()?;
        while let Some(into) = latest.as_ref().filter(|case| case.state.is_over()).and_then(Case::merged_into)
        {
            latest = Some(self.case(into).await?);
        }
        Ok(latest)
    }

    /// Writes `case`, new or not, and counts its version up.
    pub(super) async fn put(&mut self, case: &mut Case) -> Result<(), Error> {
        let read = case.version;
        case.version += 1;
        let text = serde_json::to_string(case)?;
        let statement = if read == 0 {
            "INSERT INTO cases (serial, customer, kind, state, is_over, severity, owner, title, join_key, due, last, version, body,
                contract, rule, place) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
        } else {
            "UPDATE cases SET customer = $2, kind = $3, state = $4, is_over = $5, severity = $6, owner = $7, title = $8,
                join_key = $9, due = $10, last = $11, version = $12, body = $13,
                contract = $14, rule = $15, place = $16 WHERE serial = $1 AND version = $17"
        };
        let mut query = sqlx::query(statement)
            .bind(stored(case.number.serial()))
            .bind(&case.customer)
            .bind(case.kind.name())
            .bind(case.state.name())
            .bind(i64::from(case.state.is_over()))
            .bind(case.severity as i64)
            .bind(case.owner.as_deref().unwrap_or_default())
            .bind(&case.title)
            .bind(case.key.as_deref().unwrap_or_default())
            .bind(case.next_due().map_or(i64::MAX, |due| due.0))
            .bind(case.last.0)
            .bind(stored(case.version))
            .bind(text)
            .bind(case.next_contract().map_or(i64::MAX, |limit| limit.0))
            .bind(case.rule())
            .bind(place(case));
        if read > 0 {
            query = query.bind(stored(read));
        }
        let done = query.execute(&mut *self.transaction).await?;
        crash_at("case");
        if done.rows_affected() != 1 {
            return Err(Error::Overtaken(case.number));
        }
        if self.reference.is_none() {
            self.refer(&case.number.to_string());
        }
        self.feed_case(case).await?;
        self.note_case(case.number).await
    }

    /// Whether an alert of this id is there; its newer text is taken over.
    pub(super) async fn renew_alert(&mut self, id: &str, text: &str) -> Result<bool, Error> {
        let query = sqlx::query("UPDATE alerts SET body = $2 WHERE id = $1").bind(id).bind(text);
        Ok(query.execute(&mut *self.transaction).await?.rows_affected() > 0)
    }

    /// Keeps an alert with its case.
    pub(super) async fn put_alert(
        &mut self,
        alert: &Alert,
        text: &str,
        number: CaseNumber,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO alerts (id, serial, customer, at, body, subject) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&alert.id)
        .bind(stored(number.serial()))
        .bind(&alert.customer)
        .bind(alert.at.0)
        .bind(text)
        .bind(alert.subject())
        .execute(&mut *self.transaction)
        .await?;
        crash_at("alert");
        self.feed_alert(alert, number).await?;
        self.note_alert(&alert.id, number).await
    }

    /// Moves all alerts of one case to another.
    pub(super) async fn move_alerts(&mut self, from: CaseNumber, to: CaseNumber) -> Result<(), Error> {
        let query = sqlx::query("UPDATE alerts SET serial = $2 WHERE serial = $1");
        query.bind(stored(from.serial())).bind(stored(to.serial())).execute(&mut *self.transaction).await?;
        Ok(())
    }

    /// Adds to the history of `case`; `place` tells apart what is written with one version.
    pub(super) async fn put_event(&mut self, case: &Case, place: usize, event: &Event) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO events (serial, version, place, customer, body) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(stored(case.number.serial()))
        .bind(stored(case.version))
        .bind(stored(place as u64))
        .bind(&case.customer)
        .bind(serde_json::to_string(event)?)
        .execute(&mut *self.transaction)
        .await?;
        crash_at("event");
        Ok(())
    }

    /// Adds to the audit chain of `customer`.
    pub(super) async fn audit(&mut self, customer: &str, act: Act<'_>) -> Result<(), Error> {
        if !self.heads.contains_key(customer) {
            let row = sqlx::query("SELECT sequence, hash FROM audit_heads WHERE customer = $1")
                .bind(customer)
                .fetch_optional(&mut *self.transaction)
                .await?;
            let head = match row {
                Some(row) => Head {
                    sequence: u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(),
                    hash: row.try_get(1)?,
                },
                None => Head::default(),
            };
            self.heads.insert(customer.to_owned(), head);
        }
        let entry = self.heads.entry(customer.to_owned()).or_default().append(customer, act);
        sqlx::query("INSERT INTO audit (customer, sequence, body) VALUES ($1, $2, $3)")
            .bind(customer)
            .bind(stored(entry.sequence))
            .bind(serde_json::to_string(&entry)?)
            .execute(&mut *self.transaction)
            .await?;
        crash_at("audit");
        Ok(())
    }

    /// Says how far the spool has been worked on.
    pub(super) async fn reach_spool(&mut self, sequence: u64) -> Result<(), Error> {
        let query = sqlx::query("UPDATE counters SET value = $1 WHERE name = 'spool'").bind(stored(sequence));
        query.execute(&mut *self.transaction).await?;
        crash_at("position");
        Ok(())
    }

    /// Keeps a change that is proposed in `case`.
    pub(super) async fn put_change(&mut self, case: &Case, proposed: &Proposed) -> Result<(), Error> {
        let statement = "INSERT INTO changes (hash, serial, customer, body) VALUES ($1, $2, $3, $4)
            ON CONFLICT (hash) DO UPDATE SET body = excluded.body";
        sqlx::query(statement)
            .bind(proposed.change.hash())
            .bind(stored(case.number.serial()))
            .bind(&case.customer)
            .bind(serde_json::to_string(proposed)?)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// The change of this hash.
    pub(super) async fn change(&mut self, hash: &str) -> Result<Option<Proposed>, Error> {
        let query = sqlx::query("SELECT body FROM changes WHERE hash = $1").bind(hash);
        query.fetch_optional(&mut *self.transaction).await?.map(|row| body(&row)).transpose()
    }

    /// Keeps an approval; a second one of the same person replaces the first.
    pub(super) async fn put_approval(&mut self, customer: &str, approval: &Approval) -> Result<(), Error> {
        let statement = "INSERT INTO approvals (hash, approver, customer, body) VALUES ($1, $2, $3, $4)
            ON CONFLICT (hash, approver) DO UPDATE SET body = excluded.body";
        sqlx::query(statement)
            .bind(&approval.hash)
            .bind(&approval.approver)
            .bind(customer)
            .bind(serde_json::to_string(approval)?)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Everybody's approvals of the change of this hash.
    pub(super) async fn approvals(&mut self, hash: &str) -> Result<Vec<Approval>, Error> {
        let query = sqlx::query("SELECT body FROM approvals WHERE hash = $1 ORDER BY approver").bind(hash);
        query.fetch_all(&mut *self.transaction).await?.iter().map(body).collect()
    }
}

/// In tests, where the process may be told to die; otherwise nothing.
#[cfg(not(test))]
pub(super) const fn crash_at(_point: &str) {}
#[cfg(test)]
pub(super) use super::tests::crash_at;

/// The JSON in the first column.
pub(super) fn body<T: serde::de::DeserializeOwned>(row: &AnyRow) -> Result<T, Error> {
    Ok(serde_json::from_str(row.try_get(0)?)?)
}
