//! What notices look at and remember: with its cause in one transaction, or read again until it is done.

use std::collections::BTreeSet;

use rules::Timestamp;
use serde_json::Value;
use sqlx::Row as _;

use super::desk::{Done, Event, Visible, write};
use super::writing::{Writing, body};
use super::{Desk, Error, stored};
use crate::audit::Act;
use crate::case::Closure;
use crate::clock::ClockKind;
use crate::flow::{Reason, Signal};
use crate::notice::{
    Answers, Engine, Fact, Happening, Ledger, Memory, Outcome, Seen, Silence, Telling, World, alert_fact,
    news, stream,
};
use crate::outgoing::{Delivery, Outgoing};
use crate::{Case, CaseNumber, Service};

/// One row of the ledger of a case: who was told by what, and where that stands.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who, and why.
    pub ledger: Ledger,
    /// What went, and what became of it.
    pub outgoing: Outgoing,
}

impl Writing<'_> {
    /// Notices have to look at this case.
    pub(super) async fn note_case(&mut self, number: CaseNumber) -> Result<(), Error> {
        let query = sqlx::query("INSERT INTO case_news (serial) VALUES ($1) ON CONFLICT (serial) DO NOTHING");
        query.bind(stored(number.serial())).execute(self.connection()).await?;
        Ok(())
    }

    /// Machines that follow alerts have to be told of this one.
    pub(super) async fn note_alert(&mut self, id: &str, number: CaseNumber) -> Result<(), Error> {
        let statement = "INSERT INTO alert_news (id, serial) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        sqlx::query(statement).bind(id).bind(stored(number.serial())).execute(self.connection()).await?;
        Ok(())
    }

    /// Numbers of cases that were written, or whose time has come.
    async fn news(&mut self, now: Timestamp) -> Result<BTreeSet<i64>, Error> {
        let mut serials = BTreeSet::new();
        let written = sqlx::query("SELECT serial FROM case_news ORDER BY serial LIMIT $1").bind(AT_ONCE);
        for row in written.fetch_all(self.connection()).await? {
            serials.insert(row.try_get(0)?);
        }
        let due = sqlx::query("SELECT serial FROM case_seen WHERE next <= $1 ORDER BY next, serial LIMIT $2");
        for row in due.bind(now.0).bind(AT_ONCE).fetch_all(self.connection()).await? {
            serials.insert(row.try_get(0)?);
        }
        Ok(serials)
    }

    /// What happened to one case; its customer's people are written of what they shall know.
    async fn news_of(&mut self, serial: i64, world: World<'_>, done: Done<'_>) -> Result<Vec<Fact>, Error> {
        let number = CaseNumber::new(u64::try_from(serial).unwrap_or_default());
        let mut case = self.case(number).await?;
        let row = sqlx::query("SELECT body FROM case_seen WHERE serial = $1").bind(serial);
        let seen: Seen = row
            .fetch_optional(self.connection())
            .await?
            .map(|row| body(&row))
            .transpose()?
            .unwrap_or_default();
        let statement =
            "SELECT version, body FROM events WHERE serial = $1 AND version > $2 ORDER BY version, place";
        let rows =
            sqlx::query(statement).bind(serial).bind(stored(seen.version)).fetch_all(self.connection());
        let mut events: Vec<(u64, Event)> = Vec::new();
        for row in rows.await? {
            let version: i64 = row.try_get(0)?;
            events.push((u64::try_from(version).unwrap_or_default(), serde_json::from_str(row.try_get(1)?)?));
        }
        self.write_of(&case, &events, world, done).await?;
        let statement = "SELECT body FROM alerts WHERE serial = $1 ORDER BY at DESC, id LIMIT $2";
        let rows = sqlx::query(statement).bind(serial).bind(ALERTS_READ).fetch_all(self.connection()).await?;
        let alerts: Vec<Value> = rows.iter().map(body).collect::<Result<_, _>>()?;
        let (facts, seen, next) = news(&case, (&seen, &events, &alerts), done.service, done.now);
        let statement = "INSERT INTO case_seen (serial, next, body) VALUES ($1, $2, $3)
            ON CONFLICT (serial) DO UPDATE SET next = excluded.next, body = excluded.body";
        sqlx::query(statement)
            .bind(serial)
            .bind(next.map_or(i64::MAX, |at| at.0))
            .bind(serde_json::to_string(&seen)?)
            .execute(self.connection())
            .await?;
        sqlx::query("DELETE FROM case_news WHERE serial = $1")
            .bind(serial)
            .execute(self.connection())
            .await?;
        if facts.iter().any(|fact| fact.event == Happening::AuthorisationExpired) {
            self.expire(&mut case, done).await?;
        }
        Ok(facts)
    }

    /// Nobody authorised in time: it ends, and is never made without a yes (Z-5).
    async fn expire(&mut self, case: &mut Case, done: Done<'_>) -> Result<(), Error> {
        let text = "nobody authorised it within 5 business days".to_owned();
        let closure = Closure {
            at: done.now,
            by: done.who.to_owned(),
            reason: Reason::NotAuthorised,
            text: text.clone(),
            feedback: None,
        };
        if case.close(closure, done.service).is_ok() {
            write(self, case, "close", &format!("not-authorised: {text}"), Visible::Customer, done).await?;
        }
        Ok(())
    }

    /// Alerts that machines have not been told of; nothing is read when nobody follows them.
    async fn alert_news(
        &mut self,
        world: World<'_>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        if !world.settings.targets.values().any(|target| target.streams_alerts) {
            sqlx::query("DELETE FROM alert_news").execute(self.connection()).await?;
            return Ok(());
        }
        let statement = "SELECT alert_news.id, alerts.body, cases.body FROM alert_news
            JOIN alerts ON alerts.id = alert_news.id JOIN cases ON cases.serial = alerts.serial
            ORDER BY alerts.at, alerts.id LIMIT $1";
        for row in sqlx::query(statement).bind(AT_ONCE).fetch_all(self.connection()).await? {
            let id: String = row.try_get(0)?;
            let alert: Value = serde_json::from_str(row.try_get(1)?)?;
            let case: Case = serde_json::from_str(row.try_get(2)?)?;
            stream(&alert_fact(&case, &id, &alert, now), world.settings, now, outcome);
            sqlx::query("DELETE FROM alert_news WHERE id = $1").bind(&id).execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Silences that end soon, or have ended; those that wait for quiet hear of `facts`, and an alarm after one says so.
    async fn silence_news(
        &mut self,
        world: World<'_>,
        facts: &mut [Fact],
        now: Timestamp,
    ) -> Result<Vec<Fact>, Error> {
        let mut news = Vec::new();
        for silence in world.silences {
            let mut silence = silence.clone();
            let mut is_other = false;
            for fact in &*facts {
                is_other |= silence.hear(fact);
            }
            let before = (silence.ended.clone(), silence.is_noted);
            let passed = silence.pass(world.service.calendar(), now);
            for fact in &mut *facts {
                is_other |= silence.note(fact);
            }
            if silence.ended != before.0 {
                self.audit_silence(&silence, ("ringwall", now), "end-silence").await?;
            }
            if is_other || passed.is_some() || (&silence.ended, silence.is_noted) != (&before.0, before.1) {
                self.put_silence(&silence).await?;
            }
            let Some(happening) = passed else { continue };
            let mut fact = Fact::of_service(happening, now, &silence.id);
            fact.who.clone_from(&silence.author);
            fact.text = format!("{} ({})", silence.words(), silence.matcher.words());
            if let Some((_, who)) = silence.ended.as_ref().filter(|(_, who)| who == "ringwall") {
                fact.text += &format!(", ended by {who}: it was quiet for long enough");
            }
            fact.key.insert("author".to_owned(), silence.author.clone());
            news.push(fact);
        }
        Ok(news)
    }

    async fn put_silence(&mut self, silence: &Silence) -> Result<(), Error> {
        // What was told to be over, and of which an alert said so, is not looked at any more.
        let until = if silence.is_told && silence.is_noted { -1 } else { silence.end().0 };
        let statement = "INSERT INTO silences (id, until, body) VALUES ($1, $2, $3)
            ON CONFLICT (id) DO UPDATE SET until = excluded.until, body = excluded.body";
        sqlx::query(statement)
            .bind(&silence.id)
            .bind(until)
            .bind(serde_json::to_string(silence)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    async fn audit_silence(
        &mut self,
        silence: &Silence,
        (actor, at): (&str, Timestamp),
        action: &str,
    ) -> Result<(), Error> {
        let customer = silence.matcher.0.get("customer").and_then(|values| values.first());
        let detail = serde_json::to_string(silence)?;
        let act = Act { at, actor, action, subject: &silence.id, detail: &detail };
        self.audit(customer.map_or("", String::as_str), act).await
    }

    /// Keeps what was decided.
    async fn put_outcome(&mut self, outcome: &Outcome) -> Result<(), Error> {
        for (place, telling) in outcome.tellings.iter().enumerate() {
            let statement =
                "INSERT INTO notice_tellings (fact, at, place, serial, body) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (fact, at, place) DO NOTHING";
            sqlx::query(statement)
                .bind(&telling.fact)
                .bind(telling.at.0)
                .bind(stored(place as u64))
                .bind(telling.case.map_or(0, |number| stored(number.serial())))
                .bind(serde_json::to_string(telling)?)
                .execute(self.connection())
                .await?;
        }
        for (outgoing, ledger) in &outcome.outgoing {
            self.put_outgoing(outgoing).await?;
            let cases =
                if ledger.cases.is_empty() { vec![None] } else { ledger.cases.iter().map(Some).collect() };
            for case in cases {
                let is_promise = case.is_some_and(|case| ledger.promises.contains(case));
                let statement =
                    "INSERT INTO notice_ledger (id, serial, promise, body) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (id, serial) DO NOTHING";
                sqlx::query(statement)
                    .bind(&ledger.id)
                    .bind(case.map_or(0, |case| stored(case.serial())))
                    .bind(i64::from(is_promise))
                    .bind(serde_json::to_string(ledger)?)
                    .execute(self.connection())
                    .await?;
            }
        }
        Ok(())
    }

    async fn put_memory(&mut self, engine: &mut Engine) -> Result<(), Error> {
        for stored in engine.poll_changes()? {
            match stored.body {
                Some(text) => {
                    let statement = "INSERT INTO notice_memory (name, body) VALUES ($1, $2)
                        ON CONFLICT (name) DO UPDATE SET body = excluded.body";
                    sqlx::query(statement).bind(stored.name).bind(text).execute(self.connection()).await?;
                }
                None => {
                    let query = sqlx::query("DELETE FROM notice_memory WHERE name = $1").bind(stored.name);
                    query.execute(self.connection()).await?;
                }
            }
        }
        Ok(())
    }
}

impl Desk<'_> {
    /// What the engine of notices remembers.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn notice_memory(&self) -> Result<Memory, Error> {
        let rows = sqlx::query("SELECT name, body FROM notice_memory").fetch_all(&self.store.pool).await?;
        let rows = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        Ok(Memory::read(rows.collect::<Result<Vec<_>, Error>>()?)?)
    }

    /// Looks at what happened, lets `engine` decide, and keeps all of it in one transaction: what goes out, why, and what it
    /// remembers. `more` happened elsewhere. Returns whether there was anything. After an error the engine knows what is not
    /// kept: begin with [`Self::notice_memory`] again.
    ///
    /// # Errors
    /// Nothing of it is kept.
    pub async fn take_news(
        &self,
        engine: &mut Engine,
        world: World<'_>,
        more: Vec<Fact>,
        done: Done<'_>,
    ) -> Result<bool, Error> {
        let now = done.now;
        if more.is_empty() && !engine.is_due(world, now) && !self.is_news(world, now).await? {
            return Ok(false);
        }
        let mut writing = self.write().await?;
        let (mut outcome, mut facts) = (Outcome::default(), more);
        for serial in writing.news(now).await? {
            facts.extend(writing.news_of(serial, world, done).await?);
        }
        let of_silences = writing.silence_news(world, &mut facts, now).await?;
        facts.extend(of_silences);
        writing.alert_news(world, now, &mut outcome).await?;
        for fact in facts {
            let statement = "INSERT INTO notice_facts (id, serial, at, body) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
            let is_new = sqlx::query(statement)
                .bind(&fact.id)
                .bind(fact.case.map_or(0, |number| stored(number.serial())))
                .bind(fact.at.0)
                .bind(serde_json::to_string(&fact)?)
                .execute(writing.connection())
                .await?;
            if is_new.rows_affected() == 1 {
                engine.handle(&fact, world, now, &mut outcome);
                stream(&fact, world.settings, now, &mut outcome);
            }
        }
        engine.advance(world, now, &mut outcome);
        writing.put_outcome(&outcome).await?;
        writing.put_memory(engine).await?;
        writing.commit().await?;
        Ok(true)
    }

    async fn is_news(&self, world: World<'_>, now: Timestamp) -> Result<bool, Error> {
        if world.silences.iter().any(|silence| silence.is_due(world.service.calendar(), now)) {
            return Ok(true);
        }
        let statement = "SELECT (SELECT COUNT(*) FROM (SELECT serial FROM case_news LIMIT 1) AS news)
            + (SELECT COUNT(*) FROM (SELECT id FROM alert_news LIMIT 1) AS alerted)
            + (SELECT COUNT(*) FROM (SELECT serial FROM case_seen WHERE next <= $1 LIMIT 1) AS seen)";
        let row = sqlx::query(statement).bind(now.0).fetch_one(&self.store.pool).await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// Stops the clocks of customers who were told: a provider has taken the first notice to them. Returns how many.
    ///
    /// # Errors
    /// It cannot be read, or is not kept.
    pub async fn settle_promises(&self, done: Done<'_>) -> Result<usize, Error> {
        let statement = "SELECT notice_ledger.serial, outgoing.body, notice_ledger.body FROM notice_ledger
            JOIN outgoing ON outgoing.id = notice_ledger.id
            WHERE notice_ledger.promise = 1 AND outgoing.state = $1 LIMIT $2";
        let query = sqlx::query(statement).bind(Delivery::Accepted.name()).bind(AT_ONCE);
        let rows = query.fetch_all(&self.store.pool).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut writing = self.write().await?;
        let mut told = 0;
        for row in &rows {
            let serial: i64 = row.try_get(0)?;
            let outgoing: Outgoing = serde_json::from_str(row.try_get(1)?)?;
            let ledger: Ledger = serde_json::from_str(row.try_get(2)?)?;
            let mut case = writing.case(CaseNumber::new(u64::try_from(serial).unwrap_or_default())).await?;
            let at = outgoing.tries.last().map_or(done.now, |(at, _)| *at);
            let done = Done { now: at, ..done };
            let runs = |case: &Case| {
                case.clocks.iter().any(|it| it.kind == ClockKind::Notify && it.stopped.is_none())
            };
            if runs(&case) {
                told += 1;
                // Where the case has gone on already its clock stops all the same.
                if case.step(&Signal::Notify, done.who, done.service, at).is_err() {
                    case.clocks
                        .iter_mut()
                        .filter(|it| it.kind == ClockKind::Notify)
                        .for_each(|it| it.stop(at));
                }
                let text = format!("{} by {} ({})", ledger.who, outgoing.channel.name(), outgoing.id);
                write(&mut writing, &mut case, "notify", &text, Visible::Customer, done).await?;
            }
            let query = sqlx::query("UPDATE notice_ledger SET promise = 2 WHERE id = $1 AND serial = $2");
            query.bind(&outgoing.id).bind(serial).execute(writing.connection()).await?;
        }
        writing.commit().await?;
        Ok(told)
    }

    /// Somebody looks at a case without taking it: nobody further is called (E-4).
    ///
    /// # Errors
    /// It is over, or it is not kept.
    pub async fn acknowledge(&self, number: CaseNumber, done: Done<'_>) -> Result<Case, Error> {
        self.acknowledge_by(number, "nobody further is called", done).await
    }

    /// Somebody of the desk, one of `people`, answers a text message with `code`: they look at every open case of what that told
    /// of. Returns who, and those cases; `None` where nothing open has this code.
    ///
    /// # Errors
    /// It cannot be read, or is not kept: it may be done again.
    pub async fn answer(
        &self,
        code: &str,
        (people, answers): (&[&str], &Answers),
        now: Timestamp,
        service: &Service,
    ) -> Result<Option<(String, Vec<CaseNumber>)>, Error> {
        let memory = self.notice_memory().await?;
        for group in memory.groups().filter(|group| group.is_alarm && !group.open.is_empty()) {
            let Some(who) = people.iter().find(|who| answers.code(&group.id, who) == code) else { continue };
            let mut looked_at = Vec::new();
            for number in &group.open {
                let text = "by text message: nobody further is called";
                match self.acknowledge_by(*number, text, Done { who, now, service }).await {
                    Ok(_) => looked_at.push(*number),
                    // It was closed or merged meanwhile.
                    Err(Error::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok((!looked_at.is_empty()).then(|| ((*who).to_owned(), looked_at)));
        }
        Ok(None)
    }

    async fn acknowledge_by(&self, number: CaseNumber, text: &str, done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        if case.state.is_over() {
            return Err(Error::Refused(format!("{number} is {}: nobody is called for it", case.state)));
        }
        write(&mut writing, &mut case, "acknowledge", text, Visible::Desk, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Who was told of a case, by what, and where that stands.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn ledger(&self, number: CaseNumber) -> Result<Vec<Sent>, Error> {
        let statement = "SELECT notice_ledger.body, outgoing.body FROM notice_ledger
            JOIN outgoing ON outgoing.id = notice_ledger.id WHERE notice_ledger.serial = $1 ORDER BY outgoing.due, outgoing.id";
        let rows = sqlx::query(statement).bind(stored(number.serial())).fetch_all(&self.store.pool).await?;
        let sent = |row: &sqlx::any::AnyRow| {
            let ledger = serde_json::from_str(row.try_get(0)?)?;
            Ok(Sent { ledger, outgoing: serde_json::from_str(row.try_get(1)?)? })
        };
        rows.iter().map(sent).collect()
    }

    /// What was decided about a case, in order.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn tellings(&self, number: CaseNumber) -> Result<Vec<Telling>, Error> {
        let statement = "SELECT body FROM notice_tellings WHERE serial = $1 ORDER BY at, place, fact";
        let rows = sqlx::query(statement).bind(stored(number.serial())).fetch_all(&self.store.pool).await?;
        rows.iter().map(body).collect()
    }

    /// What happened since `from`, as notices know it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn facts(&self, from: Timestamp) -> Result<Vec<Fact>, Error> {
        let statement = "SELECT body FROM notice_facts WHERE at >= $1 ORDER BY at, id";
        let rows = sqlx::query(statement).bind(from.0).fetch_all(&self.store.pool).await?;
        rows.iter().map(body).collect()
    }

    /// Forgets facts and decisions from before `before`; what went out is kept.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn forget_notices(&self, before: Timestamp) -> Result<(), Error> {
        let mut writing = self.write().await?;
        for statement in
            ["DELETE FROM notice_facts WHERE at < $1", "DELETE FROM notice_tellings WHERE at < $1"]
        {
            sqlx::query(statement).bind(before.0).execute(writing.connection()).await?;
        }
        writing.commit().await
    }

    /// Silences that count, or of which it was not told yet that they are over, in words and by the next alert; with `all`, every one there was.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn silences(&self, all: bool) -> Result<Vec<Silence>, Error> {
        let statement = if all {
            "SELECT body FROM silences ORDER BY until DESC, id"
        } else {
            "SELECT body FROM silences WHERE until >= 0 ORDER BY until, id"
        };
        let rows = sqlx::query(statement).fetch_all(&self.store.pool).await?;
        rows.iter().map(body).collect()
    }

    /// Adds a silence; it gets its name here.
    ///
    /// # Errors
    /// It lacks something, lasts too long, or is not kept.
    pub async fn add_silence(&self, mut silence: Silence, done: Done<'_>) -> Result<Silence, Error> {
        if let Some(mistake) = silence.mistake() {
            return Err(Error::Refused(mistake));
        }
        let mut writing = self.write().await?;
        let statement = "UPDATE counters SET value = value + 1 WHERE name = 'silence' RETURNING value";
        let row = sqlx::query(statement).fetch_one(writing.connection()).await?;
        silence.id = format!("S-{}", row.try_get::<i64, _>(0)?);
        writing.put_silence(&silence).await?;
        writing.refer(&silence.id);
        writing.audit_silence(&silence, (done.who, done.now), "silence").await?;
        writing.commit().await?;
        Ok(silence)
    }

    /// Ends a silence before its time.
    ///
    /// # Errors
    /// There is none of this name, it is over, or it is not kept.
    pub async fn end_silence(&self, id: &str, done: Done<'_>) -> Result<Silence, Error> {
        let mut writing = self.write().await?;
        let row = sqlx::query("SELECT body FROM silences WHERE id = $1").bind(id);
        let row = row.fetch_optional(writing.connection()).await?;
        let Some(mut silence) = row.map(|row| body::<Silence>(&row)).transpose()? else {
            return Err(Error::Refused(format!("there is no silence {id:?}")));
        };
        writing.allow_tag(&silence.tag())?;
        if done.now >= silence.end() {
            return Err(Error::Refused(format!("{id} is over")));
        }
        silence.ended = Some((done.now, done.who.to_owned()));
        writing.put_silence(&silence).await?;
        writing.audit_silence(&silence, (done.who, done.now), "end-silence").await?;
        writing.commit().await?;
        Ok(silence)
    }
}

/// Cases, or alerts, that one transaction looks at.
const AT_ONCE: i64 = 200;
/// The latest alerts of a case, for the numbers in a notice.
const ALERTS_READ: i64 = 20;
