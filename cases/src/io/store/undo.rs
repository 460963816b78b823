//! What was done with alerts between cases is taken back, for 30 days (D-6): what came since stays where it belongs.

use std::collections::BTreeMap;

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::{Done, Visible, refused, write};
use super::moves::{Move, UNDONE_MICROS_MAX, number};
use super::writing::{Writing, body};
use super::{Desk, Error, stored};
use crate::explanation::wall_time;
use crate::grouping::Grouping;
use crate::moved::Joined;
use crate::{Alert, Case, CaseNumber};

impl Desk<'_> {
    /// Takes back what `act` did in `number`: a joining, a taking out, an attaching or detaching, as the event of it names it.
    /// The case is returned as it stands then.
    ///
    /// # Errors
    /// There is no such act, it is longer ago than 30 days, it was taken back, what happened since makes it impossible, each in
    /// words; or it is not kept.
    pub async fn take_back(&self, of: CaseNumber, act: u64, done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let case = writing.case(of).await?;
        let statement = "SELECT body, at, is_undone FROM moves
            WHERE act = $1 AND customer = $2 AND (serial = $3 OR other = $3)";
        let query = sqlx::query(statement).bind(stored(act)).bind(&case.customer).bind(stored(of.serial()));
        let Some(row) = query.fetch_optional(writing.connection()).await? else {
            return no(format!(
                "{of} knows of no act {act} that could be taken back: its history names them"
            ));
        };
        let (at, is_undone) = (Timestamp(row.try_get(1)?), row.try_get::<i64, _>(2)?);
        if is_undone == 1 {
            return no(format!("act {act} of {of} is taken back already"));
        }
        let until = at.plus_micros(UNDONE_MICROS_MAX);
        if is_undone != 0 || done.now > until {
            let until = wall_time(done.service.calendar_of(&case.customer), until);
            return no(format!("30 days are over: act {act} of {of} could be taken back until {until}"));
        }
        match body(&row)? {
            Move::Merge { into, other, joined, shares } => {
                writing.part((into, other), (act, at), &joined, done).await?;
                // What stood in one of them, or in both, does again.
                for (_, id) in &shares {
                    for of in [into, other] {
                        writing.unshare(id, of).await?;
                    }
                }
                for (number, id) in &shares {
                    if writing.home_of(id).await? != Some(*number) {
                        writing.share(id, *number).await?;
                    }
                }
            }
            Move::Split { from, child } => writing.unite((from, child), act, done).await?,
            Move::Attach { to } => writing.unattach(to, act, done).await?,
            Move::Detach { from, counted } => writing.undetach(from, &counted, act, done).await?,
        }
        let query = sqlx::query("UPDATE moves SET is_undone = 1, body = '' WHERE act = $1").bind(stored(act));
        query.execute(writing.connection()).await?;
        let query = sqlx::query("DELETE FROM alert_moves WHERE act = $1").bind(stored(act));
        query.execute(writing.connection()).await?;
        writing.refer(&of.to_string());
        writing.commit().await?;
        self.store.desk().case(of).await
    }
}

impl Writing<'_> {
    /// `other` stands for itself again.
    async fn part(
        &mut self,
        (into, other): (CaseNumber, CaseNumber),
        (act, at): (u64, Timestamp),
        joined: &Joined,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let (mut case, mut joined_in) = (self.case(into).await?, self.case(other).await?);
        is_open(&case)?;
        if !joined_in.state.is_over() || joined_in.merged_into() != Some(into) {
            return no(format!("{other} was opened again since: it stands for itself already"));
        }
        if Grouping::of_case(&case).is_some() {
            return no(format!("what is like its alerts joins {into}: end that first"));
        }
        self.all_are_in(act, into).await?;
        if let Some(hash) = joined.on_its_way() {
            self.allow_proposal(other, hash).await?;
        }
        let is_unrated = case.part(&mut joined_in, joined, at);
        let statement = "UPDATE alerts SET serial = $3
            WHERE serial = $2 AND id IN (SELECT id FROM alert_moves WHERE act = $1)";
        let query = sqlx::query(statement).bind(stored(act)).bind(stored(into.serial()));
        query.bind(stored(other.serial())).execute(self.connection()).await?;
        let raising = is_unrated.then_some(at);
        self.sort_alerts((&mut case, &mut joined_in), raising, done.now).await?;
        let text = format!("joining it into {into} is taken back");
        write(self, &mut joined_in, "reopen", &text, Visible::Desk, done).await?;
        let text = format!("joining {other} into it is taken back");
        write(self, &mut case, "undo", &text, Visible::Desk, done).await
    }

    /// Alerts that came while two cases were one go where they would have gone. Those since `raising` raise how much a case
    /// matters.
    async fn sort_alerts(
        &mut self,
        (case, other): (&mut Case, &mut Case),
        raising: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut after = (i64::MIN, String::new());
        loop {
            let statement = "SELECT body, id, at,
                    (SELECT COUNT(*) FROM alert_moves WHERE alert_moves.id = alerts.id)
                FROM alerts WHERE serial = $1 AND (at > $2 OR (at = $2 AND id > $3)) ORDER BY at, id LIMIT 500";
            let query = sqlx::query(statement).bind(stored(case.number.serial()));
            let rows = query.bind(after.0).bind(&after.1).fetch_all(self.connection()).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.try_get(2)?, last.try_get(1)?);
            for row in &rows {
                let (alert, id): (Alert, String) = (body(row)?, row.try_get(1)?);
                // What a person brought here stays.
                let came_by_itself = row.try_get::<i64, _>(3)? == 0 && alert.at >= other.opened;
                let key = came_by_itself.then(|| alert.join_key());
                let raises = raising.is_some_and(|since| alert.at >= since);
                if case.sort(other, &alert, (key.as_deref(), raises), now) {
                    self.count_alert_in(&id, other.number).await?;
                }
            }
        }
    }

    /// What was taken out comes back.
    async fn unite(
        &mut self,
        (from, child): (CaseNumber, CaseNumber),
        act: u64,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let (mut case, mut taken) = (self.case(from).await?, self.case(child).await?);
        is_open(&case)?;
        is_open(&taken)?;
        if taken.change.is_some() {
            return no(format!("a change is proposed in {child} since: withdraw it first"));
        }
        let ids = self.all_are_in(act, child).await?;
        if ids.len() as u64 != taken.alerts {
            return no(format!("{child} has taken in other alerts since: they have no place in {from}"));
        }
        let query = sqlx::query("SELECT body FROM alerts WHERE serial = $1").bind(stored(child.serial()));
        let rows = query.fetch_all(self.connection()).await?;
        let alerts: Vec<Alert> = rows.iter().map(body).collect::<Result<_, _>>()?;
        case.unite(&mut taken, &alerts, done.who, done.now).map_err(refused)?;
        self.join_shares(from, child).await?;
        self.move_alerts(child, from).await?;
        let text = format!("into {from}: taking it out is taken back");
        write(self, &mut taken, "merge", &text, Visible::Desk, done).await?;
        let text = format!("taking out {child} is taken back");
        write(self, &mut case, "undo", &text, Visible::Desk, done).await
    }

    async fn unattach(&mut self, to: CaseNumber, act: u64, done: Done<'_>) -> Result<(), Error> {
        let mut case = self.case(to).await?;
        is_open(&case)?;
        let ids = self.moved_by(act).await?;
        for id in &ids {
            if !self.unshare(id, to).await? {
                return no(match self.home_of(id).await? {
                    Some(home) if home == to => format!("alert {id:?} is in no other case any more"),
                    _ => format!("alert {id:?} was taken out of {to} since"),
                });
            }
        }
        let text = format!("no more in it: {}", ids.join(", "));
        write(self, &mut case, "undo", &text, Visible::Desk, done).await
    }

    async fn undetach(
        &mut self,
        from: CaseNumber,
        counted: &[(String, CaseNumber)],
        act: u64,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let mut case = self.case(from).await?;
        is_open(&case)?;
        let mut others: BTreeMap<CaseNumber, Case> = BTreeMap::new();
        for (id, next) in counted {
            let found = self.alert_of(&case, id).await?;
            let Some((alert, home)) = found.filter(|(_, home)| home == next) else {
                return no(format!("alert {id:?} is not in {next} any more: take that back first"));
            };
            let mut other = match others.remove(next) {
                Some(other) => other,
                None => self.case(home).await?,
            };
            self.carry(&alert, (&mut other, &mut case), done).await?;
            self.share(id, home).await?;
            others.insert(home, other);
        }
        let ids = self.moved_by(act).await?;
        for id in &ids {
            if self.home_of(id).await? != Some(from) {
                self.share(id, from).await?;
            }
        }
        let named = ids.join(", ");
        for other in others.values_mut() {
            let text = format!("counted in {from} again: {named}");
            write(self, other, "undo", &text, Visible::Desk, done).await?;
        }
        let text = format!("in it again: {named}");
        write(self, &mut case, "undo", &text, Visible::Desk, done).await
    }

    async fn moved_by(&mut self, act: u64) -> Result<Vec<String>, Error> {
        let query = sqlx::query("SELECT id FROM alert_moves WHERE act = $1 ORDER BY id").bind(stored(act));
        let rows = query.fetch_all(self.connection()).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// What `act` moved, all of which `place` counts still.
    async fn all_are_in(&mut self, act: u64, place: CaseNumber) -> Result<Vec<String>, Error> {
        let statement = "SELECT id, serial FROM alerts
            WHERE id IN (SELECT id FROM alert_moves WHERE act = $1) AND serial <> $2 ORDER BY at, id LIMIT 1";
        let query = sqlx::query(statement).bind(stored(act)).bind(stored(place.serial()));
        if let Some(row) = query.fetch_optional(self.connection()).await? {
            let (id, home): (String, _) = (row.try_get(0)?, number(row.try_get(1)?));
            return no(format!("alert {id:?} went from {place} into {home} since: take that back first"));
        }
        self.moved_by(act).await
    }
}

/// What is over is not changed by the way.
fn is_open(case: &Case) -> Result<(), Error> {
    match case.merged_into() {
        _ if !case.state.is_over() => Ok(()),
        Some(into) => no(format!("{} was joined into {into} since: take that back first", case.number)),
        None => no(format!("{} is {} since: open it again first", case.number, case.state)),
    }
}

fn no<T>(why: String) -> Result<T, Error> {
    Err(Error::Refused(why))
}
