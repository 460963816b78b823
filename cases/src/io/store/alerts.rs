//! Alerts of all cases, the newest first, and how many there are of each rule, customer or key.

use rules::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Desk, Error};
use crate::CaseNumber;

/// Which alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Raised from then on.
    pub since: Timestamp,
    /// Of this customer.
    pub customer: Option<String>,
    /// Of this rule, or this label of a threshold.
    pub rule: Option<String>,
    /// In cases with this key.
    pub key: Option<String>,
    /// In cases that are not over.
    pub is_open: bool,
    /// Older than this one: when it was raised, and its id.
    pub after: Option<(Timestamp, String)>,
}

/// An alert with its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Its id.
    pub id: String,
    /// When it was raised.
    pub at: Timestamp,
    /// Whose.
    pub customer: String,
    /// The case that has it.
    pub case: CaseNumber,
    /// Whether that is over.
    pub is_over: bool,
    /// What the engine wrote: JSON.
    pub text: String,
}

/// By what alerts are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertsBy {
    /// What raised them.
    Rule,
    /// Whose they are.
    Customer,
    /// By what they joined one case: rule and key.
    Key,
}

impl Desk<'_> {
    /// Alerts, the newest first, `count` at most.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn all_alerts(&self, filter: &AlertFilter, count: u32) -> Result<Vec<AlertRow>, Error> {
        let select = "alerts.id, alerts.at, alerts.customer, alerts.serial, cases.is_over, alerts.body";
        let mut asked = Asked::begin(select, filter);
        if let Some((at, id)) = &filter.after {
            let at = asked.number(at.0);
            let id = asked.text(id);
            asked.words += &format!(" AND (alerts.at < {at} OR (alerts.at = {at} AND alerts.id < {id}))");
        }
        let count = asked.number(i64::from(count));
        asked.words += &format!(" ORDER BY alerts.at DESC, alerts.id DESC LIMIT {count}");
        let row = |row: &AnyRow| {
            Ok(AlertRow {
                id: row.try_get(0)?,
                at: Timestamp(row.try_get(1)?),
                customer: row.try_get(2)?,
                case: CaseNumber::new(unsigned(row.try_get(3)?)),
                is_over: row.try_get::<i64, _>(4)? != 0,
                text: row.try_get(5)?,
            })
        };
        asked.rows(self).await?.iter().map(row).collect()
    }

    /// How many alerts there are of each, in how many cases, the most first, `count` at most.
    ///
    /// # Errors
    /// They cannot be counted.
    pub async fn alert_groups(
        &self,
        filter: &AlertFilter,
        by: AlertsBy,
        count: u32,
    ) -> Result<Vec<(String, u64, u64)>, Error> {
        let column = match by {
            AlertsBy::Rule => "cases.rule",
            AlertsBy::Customer => "alerts.customer",
            AlertsBy::Key => "cases.join_key",
        };
        let select = format!("{column}, COUNT(*) AS many, COUNT(DISTINCT alerts.serial)");
        let mut asked = Asked::begin(&select, filter);
        let count = asked.number(i64::from(count));
        asked.words += &format!(" GROUP BY {column} ORDER BY many DESC, {column} LIMIT {count}");
        let group =
            |row: &AnyRow| Ok((row.try_get(0)?, unsigned(row.try_get(1)?), unsigned(row.try_get(2)?)));
        asked.rows(self).await?.iter().map(group).collect()
    }

    /// Cases that have such alerts and are not over, with whose they are, the oldest first, `count` at most.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn cases_of_alerts(
        &self,
        filter: &AlertFilter,
        count: u32,
    ) -> Result<Vec<(String, CaseNumber)>, Error> {
        let open = AlertFilter { is_open: true, ..filter.clone() };
        let mut asked = Asked::begin("DISTINCT alerts.customer, alerts.serial", &open);
        let count = asked.number(i64::from(count));
        asked.words += &format!(" ORDER BY alerts.customer, alerts.serial LIMIT {count}");
        let case = |row: &AnyRow| Ok((row.try_get(0)?, CaseNumber::new(unsigned(row.try_get(1)?))));
        asked.rows(self).await?.iter().map(case).collect()
    }

    /// Of the newest `count` cases those that alerts made and that are not over, the newest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn open_keys(&self, count: u32) -> Result<Vec<OpenKey>, Error> {
        let newest = sqlx::query("SELECT value FROM counters WHERE name = 'serial'");
        let newest: i64 = newest.fetch_one(&self.store.pool).await?.try_get(0)?;
        let statement = "SELECT serial, customer, join_key, severity, owner, last FROM cases
            WHERE serial > $1 AND +is_over = 0 AND kind = 'alert' AND join_key <> '' ORDER BY serial DESC";
        let rows = sqlx::query(statement).bind(newest - i64::from(count)).fetch_all(&self.store.pool).await?;
        let key = |row: &AnyRow| {
            Ok(OpenKey {
                number: CaseNumber::new(unsigned(row.try_get(0)?)),
                customer: row.try_get(1)?,
                key: row.try_get(2)?,
                is_critical: row.try_get::<i64, _>(3)? == crate::case::Severity::Critical as i64,
                owner: row.try_get(4)?,
                last: Timestamp(row.try_get(5)?),
            })
        };
        rows.iter().map(key).collect()
    }
}

/// What an open case is gathered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenKey {
    /// Its number.
    pub number: CaseNumber,
    /// Whose.
    pub customer: String,
    /// By what alerts joined it, as [`Alert::join_key`](crate::Alert::join_key) writes it.
    pub key: String,
    /// Whether it is critical.
    pub is_critical: bool,
    /// Who has it; empty for nobody.
    pub owner: String,
    /// The last thing that its alerts tell of.
    pub last: Timestamp,
}

/// A statement under way: only our own words go into it, and values beside it.
struct Asked {
    words: String,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
}

impl Asked {
    fn begin(select: &str, filter: &AlertFilter) -> Self {
        let mut asked = Self { words: String::new(), values: Vec::new() };
        let since = asked.number(filter.since.0);
        asked.words = format!(
            "SELECT {select} FROM alerts JOIN cases ON cases.serial = alerts.serial WHERE alerts.at >= {since}"
        );
        let texts = [
            ("alerts.customer", &filter.customer),
            ("cases.rule", &filter.rule),
            ("cases.join_key", &filter.key),
        ];
        for (column, wanted) in texts {
            if let Some(wanted) = wanted {
                let value = asked.text(wanted);
                asked.words += &format!(" AND {column} = {value}");
            }
        }
        if filter.is_open {
            asked.words += " AND cases.is_over = 0";
        }
        asked
    }

    fn number(&mut self, number: i64) -> String {
        self.values.push(Value::Number(number));
        format!("${}", self.values.len())
    }

    fn text(&mut self, text: &str) -> String {
        self.values.push(Value::Text(text.to_owned()));
        format!("${}", self.values.len())
    }

    async fn rows(self, desk: &Desk<'_>) -> Result<Vec<AnyRow>, Error> {
        let mut query = sqlx::query(AssertSqlSafe(self.words));
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        Ok(query.fetch_all(&desk.store.pool).await?)
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
