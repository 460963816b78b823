//! Alerts that go from one case to another, or are in several (D-6): each such act is written down so that it can be taken
//! back.

use std::collections::{BTreeMap, BTreeSet};

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::desk::{Done, Visible, refused, write_act};
use super::writing::{Writing, body};
use super::{Desk, Error, stored};
use crate::case::Relation;
use crate::moved::Joined;
use crate::{Alert, Case, CaseNumber};

/// What was done, and what it takes to take it back.
#[derive(Serialize, Deserialize)]
pub(super) enum Move {
    /// Another case was joined into this one.
    Merge {
        into: CaseNumber,
        other: CaseNumber,
        joined: Box<Joined>,
        /// Of alerts that were in several cases: in which they no longer stand beside the one that counts them.
        shares: Vec<(CaseNumber, String)>,
    },
    /// Alerts were taken out into a case of their own.
    Split { from: CaseNumber, child: CaseNumber },
    /// Alerts that another case counts are in this one as well.
    Attach { to: CaseNumber },
    /// Alerts that are in several cases were taken out of this one; with those that it counted, who counts them now.
    Detach { from: CaseNumber, counted: Vec<(String, CaseNumber)> },
}

impl Desk<'_> {
    /// Joins `other` into `number`.
    ///
    /// # Errors
    /// They do not fit together, or it is not kept.
    pub async fn merge(&self, number: CaseNumber, other: CaseNumber, done: Done<'_>) -> Result<Case, Error> {
        if number == other {
            return Err(Error::Refused("a case is not joined with itself".to_owned()));
        }
        let mut writing = self.write().await?;
        let joined = writing.case(other).await?;
        let case = writing.join(number, joined, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Takes the alerts of these ids out of `number` into a new case.
    ///
    /// # Errors
    /// One of them is not counted in the case, none would stay, or it is not kept.
    pub async fn split(&self, number: CaseNumber, ids: &[String], done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        let ids: BTreeSet<&String> = ids.iter().collect();
        let mut alerts: Vec<Alert> = Vec::new();
        for id in &ids {
            match writing.alert_of(&case, id).await? {
                Some((alert, of)) if of == number => alerts.push(alert),
                Some((_, of)) if writing.is_shared(id, number).await? => {
                    return Err(Error::Refused(format!(
                        "alert {id:?} is counted in {of}: detach it here, or take it out there"
                    )));
                }
                _ => return Err(Error::Refused(format!("alert {id:?} is not in {number}"))),
            }
        }
        let new = writing.next_number().await?;
        let mut child = case.split(new, &alerts, done.service, done.now).map_err(refused)?;
        let what = Move::Split { from: number, child: new };
        let act = writing.keep_move(&case.customer, [number, new], &what, done).await?;
        for id in &ids {
            writing.count_alert_in(id, new).await?;
            writing.name_moved(act, id).await?;
        }
        let named = names(&ids);
        let text = format!("out of {number}: {named}");
        write_act(&mut writing, &mut child, "split", &text, Visible::Desk, (done, Some(act))).await?;
        let text = format!("into {new}: {named}");
        write_act(&mut writing, &mut case, "split", &text, Visible::Desk, (done, Some(act))).await?;
        writing.commit().await?;
        Ok(child)
    }

    /// Has alerts that other cases of the customer count stand in `number` as well. They stay counted where they are.
    ///
    /// # Errors
    /// One of them is not the customer's, or in the case already; there are too many, or it is not kept.
    pub async fn attach(&self, number: CaseNumber, ids: &[String], done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        let ids: BTreeSet<&String> = ids.iter().collect();
        if ids.is_empty() {
            return Err(Error::Refused("no alert is named".to_owned()));
        }
        if case.state.is_over() {
            return Err(Error::Refused(format!("{number} is {}: open it again first", case.state)));
        }
        if writing.shared_of(number).await?.len() + ids.len() > SHARED_MAX {
            return Err(Error::Refused(format!(
                "a case takes in {SHARED_MAX} alerts of others: join the cases instead"
            )));
        }
        let act =
            writing.keep_move(&case.customer, [number, number], &Move::Attach { to: number }, done).await?;
        let mut homes = BTreeSet::new();
        for id in &ids {
            let Some((_, of)) = writing.alert_of(&case, id).await? else {
                return Err(Error::Refused(format!("{} has no alert {id:?}", case.customer)));
            };
            if of == number || writing.is_shared(id, number).await? {
                return Err(Error::Refused(format!("alert {id:?} is in {number} already")));
            }
            writing.share(id, number).await?;
            writing.name_moved(act, id).await?;
            homes.insert(of);
        }
        let named = names(&ids);
        for home in &homes {
            let mut home = writing.case(*home).await?;
            let text = format!("in {number} as well: {named}");
            write_act(&mut writing, &mut home, "attach", &text, Visible::Desk, (done, None)).await?;
        }
        let homes: Vec<_> = homes.iter().map(ToString::to_string).collect();
        let text = format!("of {}: {named}", homes.join(", "));
        write_act(&mut writing, &mut case, "attach", &text, Visible::Desk, (done, Some(act))).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Takes alerts that are in several cases out of `number`. One that is counted here is counted in the oldest of the others
    /// from then on.
    ///
    /// # Errors
    /// One of them is in no other case, or not in this one; none would stay, or it is not kept.
    pub async fn detach(&self, number: CaseNumber, ids: &[String], done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        let ids: BTreeSet<&String> = ids.iter().collect();
        if ids.is_empty() {
            return Err(Error::Refused("no alert is named".to_owned()));
        }
        let mut counted = Vec::new();
        let mut others: BTreeMap<CaseNumber, Case> = BTreeMap::new();
        for id in &ids {
            let found = writing.alert_of(&case, id).await?;
            let Some((alert, _)) = found.filter(|(_, of)| *of == number) else {
                if !writing.unshare(id, number).await? {
                    return Err(Error::Refused(format!("alert {id:?} is not in {number}")));
                }
                continue;
            };
            let Some(next) = writing.other_of(id).await? else {
                return Err(Error::Refused(format!(
                    "alert {id:?} is in no other case: split takes it out into one of its own"
                )));
            };
            case.spare(1).map_err(refused)?;
            let mut other = match others.remove(&next) {
                Some(other) => other,
                None => writing.case(next).await?,
            };
            writing.carry(&alert, (&mut case, &mut other), done).await?;
            others.insert(next, other);
            counted.push(((*id).clone(), next));
        }
        let what = Move::Detach { from: number, counted };
        let act = writing.keep_move(&case.customer, [number, number], &what, done).await?;
        for id in &ids {
            writing.name_moved(act, id).await?;
        }
        let named = names(&ids);
        for other in others.values_mut() {
            let text = format!("counted here, no longer in {number}: {named}");
            write_act(&mut writing, other, "detach", &text, Visible::Desk, (done, None)).await?;
        }
        write_act(&mut writing, &mut case, "detach", &named, Visible::Desk, (done, Some(act))).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Acts on `number` that can be taken back at `now`, by what their events name them.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn can_be_undone(&self, number: CaseNumber, now: Timestamp) -> Result<BTreeSet<u64>, Error> {
        let statement =
            "SELECT act FROM moves WHERE (serial = $1 OR other = $1) AND is_undone = 0 AND at >= $2
            ORDER BY act DESC LIMIT 500";
        let query = sqlx::query(statement).bind(stored(number.serial()));
        let rows = query.bind(now.plus_micros(-UNDONE_MICROS_MAX).0).fetch_all(&self.store.pool).await?;
        rows.iter().map(|row| Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())).collect()
    }

    /// Forgets which alerts went where by acts that cannot be taken back any more at `now`. That they were done is kept.
    ///
    /// # Errors
    /// They stay.
    pub async fn forget_moves(&self, now: Timestamp) -> Result<(), Error> {
        // A day more than is promised: nobody is in between.
        let before = now.plus_micros(-UNDONE_MICROS_MAX - DAY_MICROS);
        let statement =
            "DELETE FROM alert_moves WHERE act IN (SELECT act FROM moves WHERE at < $1 AND is_undone = 0)";
        sqlx::query(statement).bind(before.0).execute(&self.store.pool).await?;
        let statement = "UPDATE moves SET is_undone = 2, body = '' WHERE at < $1 AND is_undone = 0";
        sqlx::query(statement).bind(before.0).execute(&self.store.pool).await?;
        Ok(())
    }
}

impl Writing<'_> {
    /// Joins `joined` into `number`.
    pub(super) async fn join(
        &mut self,
        number: CaseNumber,
        mut joined: Case,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let other = joined.number;
        let mut case = self.case(number).await?;
        if case.links.iter().filter(|(_, relation)| *relation == Relation::Merged).count() >= MERGED_MAX {
            return Err(Error::Refused(format!("{number} holds {MERGED_MAX} cases already")));
        }
        let before = case.merge(&mut joined, done.who, done.now).map_err(refused)?;
        let shares = self.join_shares(number, other).await?;
        let what = Move::Merge { into: number, other, joined: Box::new(before), shares };
        let act = self.keep_move(&case.customer, [number, other], &what, done).await?;
        let name =
            "INSERT INTO alert_moves (act, id) SELECT CAST($1 AS BIGINT), id FROM alerts WHERE serial = $2";
        let query = sqlx::query(name).bind(stored(act)).bind(stored(other.serial()));
        query.execute(self.connection()).await?;
        self.move_alerts(other, number).await?;
        let text = format!("into {number}");
        write_act(self, &mut joined, "merge", &text, Visible::Desk, (done, Some(act))).await?;
        let text = format!("with {other}");
        write_act(self, &mut case, "merge", &text, Visible::Desk, (done, Some(act))).await?;
        Ok(case)
    }

    /// Alerts that stand in both cases, or in `other` only beside the one that counts them, stand in `number` once. What that
    /// changes is returned.
    pub(super) async fn join_shares(
        &mut self,
        number: CaseNumber,
        other: CaseNumber,
    ) -> Result<Vec<(CaseNumber, String)>, Error> {
        let mut shares = Vec::new();
        for id in self.shared_of(other).await? {
            self.unshare(&id, other).await?;
            if self.is_shared(&id, number).await? {
                shares.push((number, id.clone()));
            }
            if self.home_of(&id).await? != Some(number) {
                self.share(&id, number).await?;
            }
            shares.push((other, id));
        }
        for id in self.shared_of(number).await? {
            if self.home_of(&id).await? == Some(other) {
                self.unshare(&id, number).await?;
                shares.push((number, id));
            }
        }
        Ok(shares)
    }

    /// Has `alert`, which `from` counts, counted in `to`, where it stands already. Whoever calls writes the cases.
    pub(super) async fn carry(
        &mut self,
        alert: &Alert,
        (from, to): (&mut Case, &mut Case),
        done: Done<'_>,
    ) -> Result<(), Error> {
        from.release(alert, done.now);
        to.hold(alert, done.now);
        self.unshare(&alert.id, to.number).await?;
        self.count_alert_in(&alert.id, to.number).await
    }

    /// Writes down what was done between two cases; the number of it is returned.
    async fn keep_move(
        &mut self,
        customer: &str,
        [serial, other]: [CaseNumber; 2],
        what: &Move,
        done: Done<'_>,
    ) -> Result<u64, Error> {
        let statement = "UPDATE counters SET value = value + 1 WHERE name = 'move' RETURNING value";
        let act: i64 = sqlx::query(statement).fetch_one(self.connection()).await?.try_get(0)?;
        let statement = "INSERT INTO moves (act, at, customer, serial, other, is_undone, body)
            VALUES ($1, $2, $3, $4, $5, 0, $6)";
        sqlx::query(statement)
            .bind(act)
            .bind(done.now.0)
            .bind(customer)
            .bind(stored(serial.serial()))
            .bind(stored(other.serial()))
            .bind(serde_json::to_string(what)?)
            .execute(self.connection())
            .await?;
        Ok(u64::try_from(act).unwrap_or_default())
    }

    async fn name_moved(&mut self, act: u64, id: &str) -> Result<(), Error> {
        let query = sqlx::query("INSERT INTO alert_moves (act, id) VALUES ($1, $2)");
        query.bind(stored(act)).bind(id).execute(self.connection()).await?;
        Ok(())
    }

    /// The alert of this id, if it is of the same customer as `case`, and the case that counts it.
    pub(super) async fn alert_of(
        &mut self,
        case: &Case,
        id: &str,
    ) -> Result<Option<(Alert, CaseNumber)>, Error> {
        let query = sqlx::query("SELECT body, serial FROM alerts WHERE id = $1 AND customer = $2");
        let row = query.bind(id).bind(&case.customer).fetch_optional(self.connection()).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((body(&row)?, number(row.try_get(1)?))))
    }

    /// The case that counts an alert.
    pub(super) async fn home_of(&mut self, id: &str) -> Result<Option<CaseNumber>, Error> {
        let row = sqlx::query("SELECT serial FROM alerts WHERE id = $1").bind(id);
        let row = row.fetch_optional(self.connection()).await?;
        row.map(|row| Ok(number(row.try_get(0)?))).transpose()
    }

    pub(super) async fn count_alert_in(&mut self, id: &str, to: CaseNumber) -> Result<(), Error> {
        let query = sqlx::query("UPDATE alerts SET serial = $2 WHERE id = $1");
        query.bind(id).bind(stored(to.serial())).execute(self.connection()).await?;
        Ok(())
    }

    /// Whether an alert that another case counts stands in `number` as well.
    pub(super) async fn is_shared(&mut self, id: &str, number: CaseNumber) -> Result<bool, Error> {
        let query = sqlx::query("SELECT id FROM alert_shares WHERE serial = $1 AND id = $2");
        let row = query.bind(stored(number.serial())).bind(id).fetch_optional(self.connection()).await?;
        Ok(row.is_some())
    }

    /// Alerts of other cases that stand in `number` as well.
    async fn shared_of(&mut self, number: CaseNumber) -> Result<Vec<String>, Error> {
        let query = sqlx::query("SELECT id FROM alert_shares WHERE serial = $1 ORDER BY id");
        let rows = query.bind(stored(number.serial())).fetch_all(self.connection()).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The oldest case in which an alert stands beside the one that counts it.
    async fn other_of(&mut self, id: &str) -> Result<Option<CaseNumber>, Error> {
        let statement =
            "SELECT alert_shares.serial FROM alert_shares JOIN cases ON cases.serial = alert_shares.serial
            WHERE id = $1 ORDER BY cases.is_over, alert_shares.serial LIMIT 1";
        let row = sqlx::query(statement).bind(id).fetch_optional(self.connection()).await?;
        row.map(|row| Ok(number(row.try_get(0)?))).transpose()
    }

    pub(super) async fn share(&mut self, id: &str, to: CaseNumber) -> Result<(), Error> {
        let statement =
            "INSERT INTO alert_shares (serial, id) VALUES ($1, $2) ON CONFLICT (serial, id) DO NOTHING";
        let query = sqlx::query(statement).bind(stored(to.serial())).bind(id);
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Whether it stood there.
    pub(super) async fn unshare(&mut self, id: &str, from: CaseNumber) -> Result<bool, Error> {
        let query = sqlx::query("DELETE FROM alert_shares WHERE serial = $1 AND id = $2");
        let query = query.bind(stored(from.serial())).bind(id);
        Ok(query.execute(self.connection()).await?.rows_affected() > 0)
    }
}

fn names(ids: &BTreeSet<&String>) -> String {
    ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ")
}

pub(super) fn number(serial: i64) -> CaseNumber {
    CaseNumber::new(u64::try_from(serial).unwrap_or_default())
}

/// So long it can be taken back.
pub(super) const UNDONE_MICROS_MAX: i64 = 30 * DAY_MICROS;
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// Alerts of other cases that stand in one.
const SHARED_MAX: usize = 500;
/// Cases that one case takes in: each of them stands in its body.
const MERGED_MAX: usize = 5_000;
