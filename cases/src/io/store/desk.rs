//! What the desk does with cases: every act is checked, written with its history and its audit entry, or not at all.

use std::collections::BTreeMap;

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use super::batch::Batch;
use super::condition::Conditions;
use super::writing::Writing;
use super::{Asked, By, Cursor, Error, Filter, Page, Store, list, stored};
use crate::alert::Storm;
use crate::audit::Act;
use crate::case::{Closure, Feedback, Kind, Relation, Severity, Wanted, title};
use crate::flow::{Reason, Signal, State};
use crate::intake::MailKey;
use crate::{Alert, Case, CaseNumber, Informal, Service};

/// All customers' cases.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    pub(super) store: &'a Store,
    pub(super) conditions: Conditions<'a>,
}

/// Something in the history of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// What: a verb.
    pub what: String,
    /// In words; may be empty.
    pub text: String,
    /// Who may see it.
    pub visible: Visible,
    /// By what it is taken back, if it can be: see [`Desk::take_back`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<u64>,
}

/// Who may see something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visible {
    /// The people of the desk.
    Desk,
    /// They, and the customer.
    Customer,
}

/// Who acts, when, by which promises.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// The name of a person, or `ringwall`.
    pub who: &'a str,
    /// When.
    pub now: Timestamp,
    /// Calendars and terms.
    pub service: &'a Service,
}

/// A mail, and what it is known by.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// Its bytes as they came.
    pub raw: &'a [u8],
    /// What makes it the same as another.
    pub key: &'a MailKey,
    /// Whose cases it opens.
    pub customer: &'a str,
    /// When our own server took it.
    pub received: Timestamp,
}

/// What became of a mail.
#[derive(Clone, Debug)]
pub enum MailKept {
    /// It was there.
    Already,
    /// It opened these.
    Opened(Vec<Case>),
}

impl Desk<'_> {
    /// The case of this number.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn case(&self, number: CaseNumber) -> Result<Case, Error> {
        let row = sqlx::query("SELECT body FROM cases WHERE serial = $1")
            .bind(stored(number.serial()))
            .fetch_optional(&self.store.pool)
            .await?;
        let row = row.ok_or(Error::NoCase(number))?;
        Ok(serde_json::from_str(row.try_get(0)?)?)
    }

    /// Cases in the order of the queue.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Page, Error> {
        list::list(self.store, filter).await
    }

    /// How many cases there are.
    ///
    /// # Errors
    /// They cannot be counted.
    pub async fn count(&self, filter: &Filter) -> Result<u64, Error> {
        list::count(self.store, filter).await
    }

    /// Whether the case of this number is one of them.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn fits(&self, filter: &Filter, number: CaseNumber) -> Result<bool, Error> {
        list::fits(self.store, filter, number).await
    }

    /// How many cases there are of each customer, rule or kind, the most first, `count` at most.
    ///
    /// # Errors
    /// They cannot be counted.
    pub async fn groups(&self, filter: &Filter, by: By, count: u32) -> Result<Vec<(String, u64)>, Error> {
        list::groups(self.store, filter, by, count).await
    }

    /// Numbers of cases in the order of the queue, `count` at most.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn numbers(&self, filter: &Filter, count: u32) -> Result<Vec<CaseNumber>, Error> {
        list::numbers(self.store, filter, count).await
    }

    /// The cases that stand before and after a place of the queue, with where they stand.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn neighbours(
        &self,
        filter: &Filter,
        at: Cursor,
    ) -> Result<[Option<(CaseNumber, Cursor)>; 2], Error> {
        list::neighbours(self.store, filter, at).await
    }

    /// The history of a case, the oldest first.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn events(&self, number: CaseNumber) -> Result<Vec<Event>, Error> {
        events(self.store, number, None).await
    }

    /// The texts of the alerts in a case, those among them that another case counts, the latest first, at most `count`.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn alerts(&self, number: CaseNumber, count: u32) -> Result<Vec<String>, Error> {
        let statement = "SELECT body, at, id FROM
                (SELECT body, at, id FROM alerts WHERE serial = $1 ORDER BY at DESC, id LIMIT $2) AS counted
            UNION ALL SELECT body, at, id FROM alerts WHERE id IN (SELECT id FROM alert_shares WHERE serial = $1)
            ORDER BY at DESC, id LIMIT $2";
        let rows = sqlx::query(statement)
            .bind(stored(number.serial()))
            .bind(i64::from(count))
            .fetch_all(&self.store.pool)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Puts `alerts`, with their texts, into cases; `position` is the place of the last of them in the spool, kept in the same
    /// transaction, so that each counts once whatever dies when.
    ///
    /// # Errors
    /// None of them is kept.
    pub async fn take_alerts(
        &self,
        alerts: &[(Alert, String)],
        position: u64,
        storm: &mut Storm,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let mut writing = self.write().await?;
        // What a transaction that fails has counted is counted again.
        let mut tried = storm.clone();
        let mut batch = Batch::begin(&mut writing, done).await?;
        for (alert, text) in alerts {
            batch.take(&mut writing, alert, text, &mut tried).await?;
        }
        batch.put(&mut writing).await?;
        writing.reach_spool(position).await?;
        writing.commit().await?;
        *storm = tried;
        Ok(())
    }

    /// Opens a case that a person, or a message, asks for.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn open(
        &self,
        customer: &str,
        kind: Kind,
        state: State,
        line: &str,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let number = writing.next_number().await?;
        let mut case = new_case(number, customer, (kind, state), line, done);
        write(&mut writing, &mut case, "open", line, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Keeps `mail` and opens a case for each thing that it asks for; those of one mail are linked. All of it is kept, or
    /// nothing.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn take_mail(
        &self,
        mail: &Mail<'_>,
        asked: &[Asked],
        done: Done<'_>,
    ) -> Result<MailKept, Error> {
        let mut writing = self.write().await?;
        let mut cases = Vec::new();
        for asked in asked {
            let number = writing.next_number().await?;
            cases.push(new_case(number, mail.customer, (asked.kind, asked.state), &asked.title, done));
        }
        let Some(first) = cases.first().map(|case| case.number) else {
            return Err(Error::Refused("the mail asks for nothing".to_owned()));
        };
        if !writing.put_mail(mail, first).await? {
            return Ok(MailKept::Already);
        }
        let numbers: Vec<_> = cases.iter().map(|case| case.number).collect();
        for (case, asked) in cases.iter_mut().zip(asked) {
            let others = numbers.iter().filter(|number| **number != case.number);
            case.links.extend(others.map(|number| (*number, Relation::RelatesTo)));
            write(&mut writing, case, "open", &asked.understood, asked.visible, done).await?;
        }
        writing.commit().await?;
        Ok(MailKept::Opened(cases))
    }

    /// Does `signal`, with `text` for its history.
    ///
    /// # Errors
    /// It is not on the way, or not kept.
    pub async fn step(
        &self,
        number: CaseNumber,
        signal: &Signal,
        text: &str,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let has_its_own_way = matches!(
            signal,
            Signal::Close(_)
                | Signal::Authorise(_)
                | Signal::Propose
                | Signal::AskAuthorisation
                | Signal::Install
                | Signal::Prove
                | Signal::RollBack
                | Signal::Find
                | Signal::Adopt
                | Signal::Release
        );
        if has_its_own_way {
            return Err(Error::Refused(format!(
                "{} says more than that: it has a way of its own",
                signal.name()
            )));
        }
        let visible = if matches!(signal, Signal::Take | Signal::Inform | Signal::AskInfo | Signal::Deliver) {
            Visible::Customer
        } else {
            Visible::Desk
        };
        self.change_case(number, signal.name(), text, visible, done, |case| {
            case.step(signal, done.who, done.service, done.now).map_err(refused)
        })
        .await
    }

    /// Writes down what was found.
    ///
    /// # Errors
    /// It is not on the way, or not kept.
    pub async fn find(&self, number: CaseNumber, findings: &str, done: Done<'_>) -> Result<Case, Error> {
        self.change_case(number, "find", findings, Visible::Desk, done, |case| {
            case.step(&Signal::Find, done.who, done.service, done.now).map_err(refused)?;
            case.findings = Some(findings.to_owned());
            Ok(())
        })
        .await
    }

    /// Adds a note for the people of the desk, or a message for the customer.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn note(
        &self,
        number: CaseNumber,
        text: &str,
        visible: Visible,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let what = if visible == Visible::Customer { "message" } else { "note" };
        self.change_case(number, what, text, visible, done, |_| Ok(())).await
    }

    /// Ends a case.
    ///
    /// # Errors
    /// It cannot end so, or is not kept.
    pub async fn close(
        &self,
        number: CaseNumber,
        reason: Reason,
        text: &str,
        feedback: Option<Feedback>,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let closure =
            Closure { at: done.now, by: done.who.to_owned(), reason, text: text.to_owned(), feedback };
        let shown = format!("{}: {text}", reason.name());
        self.change_case(number, "close", &shown, Visible::Desk, done, |case| {
            case.close(closure, done.service).map_err(refused)
        })
        .await
    }

    /// Says that two cases have to do with each other.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn link(&self, number: CaseNumber, other: CaseNumber, done: Done<'_>) -> Result<Case, Error> {
        let related = self.case(other).await?;
        self.change_case(number, "link", &other.to_string(), Visible::Desk, done, |case| {
            if related.customer != case.customer {
                return Err(Error::NoCase(other));
            }
            let link = (other, Relation::RelatesTo);
            if !case.links.contains(&link) {
                case.links.push(link);
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn change_case(
        &self,
        number: CaseNumber,
        what: &str,
        text: &str,
        visible: Visible,
        done: Done<'_>,
        change: impl FnOnce(&mut Case) -> Result<(), Error>,
    ) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        change(&mut case)?;
        write(&mut writing, &mut case, what, text, visible, done).await?;
        writing.commit().await?;
        Ok(case)
    }
}

/// A case that nobody has looked at.
pub(super) fn new_case(
    number: CaseNumber,
    customer: &str,
    (kind, state): (Kind, State),
    line: &str,
    done: Done<'_>,
) -> Case {
    let mut case = Case {
        number,
        customer: customer.to_owned(),
        kind,
        kinds_before: Vec::new(),
        flow: kind.flow(),
        state,
        title: title(line),
        severity: Severity::default(),
        is_high_priority: false,
        owner: None,
        opened: done.now,
        clocks: Vec::new(),
        informal: Informal::default(),
        key: None,
        alerts: 0,
        first: done.now,
        last: done.now,
        contained: None,
        spark: Vec::new(),
        by_rule: BTreeMap::new(),
        closure: None,
        findings: None,
        change: None,
        wanted: Wanted::default(),
        links: Vec::new(),
        version: 0,
    };
    case.begin_cycle(done.service, done.now);
    case
}

/// Writes the case, its history and the audit.
pub(super) async fn write(
    writing: &mut Writing<'_>,
    case: &mut Case,
    what: &str,
    text: &str,
    visible: Visible,
    done: Done<'_>,
) -> Result<(), Error> {
    write_act(writing, case, what, text, visible, (done, None)).await
}

/// The same for what can be taken back by the number of the act.
pub(super) async fn write_act(
    writing: &mut Writing<'_>,
    case: &mut Case,
    what: &str,
    text: &str,
    visible: Visible,
    (done, act): (Done<'_>, Option<u64>),
) -> Result<(), Error> {
    case.owe(what, visible == Visible::Customer, done.now);
    writing.put(case).await?;
    let event = Event {
        at: done.now,
        who: done.who.to_owned(),
        what: what.to_owned(),
        text: text.to_owned(),
        visible,
        act,
    };
    writing.put_event(case, 0, &event).await?;
    let detail =
        serde_json::json!({ "state": case.state.name(), "version": case.version, "text": text }).to_string();
    let subject = case.number.to_string();
    let act = Act { at: done.now, actor: done.who, action: what, subject: &subject, detail: &detail };
    writing.audit(&case.customer, act).await
}

pub(super) async fn events(
    store: &Store,
    number: CaseNumber,
    customer: Option<&str>,
) -> Result<Vec<Event>, Error> {
    let rows = sqlx::query("SELECT body, customer FROM events WHERE serial = $1 ORDER BY version, place")
        .bind(stored(number.serial()))
        .fetch_all(&store.pool)
        .await?;
    let mut events = Vec::new();
    for row in rows {
        let of: &str = row.try_get(1)?;
        if customer.is_none_or(|customer| customer == of) {
            events.push(serde_json::from_str(row.try_get(0)?)?);
        }
    }
    Ok(events)
}

pub(super) fn refused(why: crate::case::Refused) -> Error {
    Error::Refused(why.to_string())
}
