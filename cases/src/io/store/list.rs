//! The queue: what is critical or of high priority first, then by what is due next; a page at a time.

use std::fmt;

use rules::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Error, Store, stored};
use crate::case::{Kind, Severity};
use crate::flow::State;
use crate::{Case, CaseNumber};

/// Which cases.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this customer.
    pub customer: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Standing here.
    pub state: Option<State>,
    /// Of this analyst; an empty name means nobody's.
    pub owner: Option<String>,
    /// At least so severe.
    pub severity: Option<Severity>,
    /// With this in the title.
    pub text: Option<String>,
    /// What else has to hold, all of it.
    pub conditions: Vec<Condition>,
    /// Those that are over, instead of those that are not.
    pub is_over: bool,
    /// After the page that ended so.
    pub after: Option<Cursor>,
    /// At most so many; 50 unless told, 500 at most.
    pub count: Option<u32>,
}

/// Something that has to hold, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Whether it must not hold.
    pub is_not: bool,
    /// What.
    pub is: Is,
}

/// What a case may be asked for. Of several values one has to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    /// About one of these.
    Kind(Vec<Kind>),
    /// Standing at one of these.
    State(Vec<State>),
    /// So severe.
    Severity(Vec<Severity>),
    /// Of one of these customers, whatever their letters' case.
    Customer(Vec<String>),
    /// Of one of these analysts; an empty name means nobody's.
    Owner(Vec<String>),
    /// Raised by one of these rules, or labels of thresholds.
    Rule(Vec<String>),
    /// With this in the title, or in the name of the customer.
    Text(String),
    /// With a clock that runs and whose target is before this.
    Due(Timestamp),
    /// With a clock that runs past the contract's limit at this time.
    Breached(Timestamp),
}

/// Where a page ends, or a case stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    place: i64,
    serial: i64,
}

/// By what cases are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Whose they are.
    Customer,
    /// What raised them.
    Rule,
    /// What they are about.
    Kind,
}

/// Some of the cases asked for.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What stands first, then next due first.
    pub cases: Vec<Case>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
}

pub(super) async fn list(store: &Store, filter: &Filter) -> Result<Page, Error> {
    let count = filter.count.unwrap_or(COUNT).clamp(1, COUNT_MAX);
    // Chosen by an index alone: of cases that are not shown no body is read.
    let chosen = "SELECT body, place FROM cases WHERE serial IN (SELECT serial FROM cases";
    let mut asked = Asked::begin(store, chosen, filter);
    if let Some(cursor) = filter.after {
        asked.past(cursor, ">");
    }
    asked.push(" ORDER BY place, serial LIMIT ").value(Value::Number(i64::from(count) + 1));
    asked.push(") ORDER BY place, serial");
    let rows = asked.rows(store).await?;
    let mut page = Page::default();
    for row in rows.iter().take(count as usize) {
        let case: Case = serde_json::from_str(row.try_get(0)?)?;
        page.next = Some(Cursor { place: row.try_get(1)?, serial: stored(case.number.serial()) });
        page.cases.push(case);
    }
    if rows.len() <= count as usize {
        page.next = None;
    }
    Ok(page)
}

/// Where a case stands in the queue: the moment of what is due next, those that [stand first](Case::stands_first) before all
/// moments there are.
pub(super) fn place(case: &Case) -> i64 {
    let due = case.next_due().map_or(i64::MAX, |due| due.0);
    if case.stands_first() { due.saturating_sub(FIRST_MICROS) } else { due }
}

/// How many there are, without reading any.
pub(super) async fn count(store: &Store, filter: &Filter) -> Result<u64, Error> {
    let rows = Asked::begin(store, "SELECT COUNT(*) FROM cases", filter).rows(store).await?;
    let count = rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// How many there are of each, the most first, `count` at most.
pub(super) async fn groups(
    store: &Store,
    filter: &Filter,
    by: By,
    count: u32,
) -> Result<Vec<(String, u64)>, Error> {
    let column = match by {
        By::Customer => "customer",
        By::Rule => "rule",
        By::Kind => "kind",
    };
    let mut asked = Asked::begin(store, &format!("SELECT {column}, COUNT(*) AS many FROM cases"), filter);
    asked.push(&format!(" GROUP BY {column} ORDER BY many DESC, {column} LIMIT "));
    asked.value(Value::Number(i64::from(count)));
    let group =
        |row: &AnyRow| Ok((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default()));
    asked.rows(store).await?.iter().map(group).collect()
}

/// Numbers of cases in the order of the queue, `count` at most.
pub(super) async fn numbers(store: &Store, filter: &Filter, count: u32) -> Result<Vec<CaseNumber>, Error> {
    let mut asked = Asked::begin(store, "SELECT serial FROM cases", filter);
    asked.push(" ORDER BY place, serial LIMIT ").value(Value::Number(i64::from(count)));
    asked.rows(store).await?.iter().map(number).collect()
}

/// Whether a case is one of them.
pub(super) async fn fits(store: &Store, filter: &Filter, number: CaseNumber) -> Result<bool, Error> {
    let mut asked = Asked::begin(store, "SELECT serial FROM cases", filter);
    asked.push(" AND serial = ").value(Value::Number(stored(number.serial())));
    Ok(!asked.rows(store).await?.is_empty())
}

/// What stands before and after a place of the queue.
pub(super) async fn neighbours(
    store: &Store,
    filter: &Filter,
    at: Cursor,
) -> Result<[Option<(CaseNumber, Cursor)>; 2], Error> {
    let mut found = [None; 2];
    for (slot, (sign, order)) in found.iter_mut().zip([("<", " DESC"), (">", "")]) {
        let mut asked = Asked::begin(store, "SELECT serial, place FROM cases", filter);
        asked.past(at, sign).push(&format!(" ORDER BY place{order}, serial{order} LIMIT 1"));
        if let Some(row) = asked.rows(store).await?.first() {
            let cursor = Cursor { place: row.try_get(1)?, serial: row.try_get(0)? };
            *slot = Some((number(row)?, cursor));
        }
    }
    Ok(found)
}

fn number(row: &AnyRow) -> Result<CaseNumber, Error> {
    Ok(CaseNumber::new(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default()))
}

impl Cursor {
    /// Where `case` stands.
    pub fn of(case: &Case) -> Self {
        Self { place: place(case), serial: stored(case.number.serial()) }
    }

    /// As it stands in an address.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, serial) = text.split_once('.')?;
        Some(Self { place: place.parse().ok()?, serial: serial.parse().ok()? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.place, self.serial)
    }
}

/// A statement under way. Only our own words go into its text, and whatever somebody asked for into its values.
struct Asked {
    is_postgres: bool,
    text: String,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
}

impl Asked {
    /// `text` over the cases of `filter`.
    fn begin(store: &Store, text: &str, filter: &Filter) -> Self {
        let text = format!("{text} WHERE is_over = ");
        let mut asked = Self { is_postgres: store.is_postgres, text, values: Vec::new() };
        asked.value(Value::Number(i64::from(filter.is_over)));
        let texts = [
            ("customer", filter.customer.as_deref()),
            ("kind", filter.kind.map(Kind::name)),
            ("state", filter.state.map(State::name)),
            ("owner", filter.owner.as_deref()),
        ];
        for (column, wanted) in texts {
            if let Some(wanted) = wanted {
                asked.push(&format!(" AND {column} = ")).value(Value::Text(wanted.to_owned()));
            }
        }
        if let Some(severity) = filter.severity {
            asked.push(" AND severity >= ").value(Value::Number(severity as i64));
        }
        if let Some(text) = &filter.text {
            asked.push(" AND ").like("title", text);
        }
        for condition in &filter.conditions {
            asked.push(if condition.is_not { " AND NOT " } else { " AND " }).is(&condition.is);
        }
        asked
    }

    fn is(&mut self, is: &Is) -> &mut Self {
        let text = |text: &String| Value::Text(text.clone());
        match is {
            Is::Kind(kinds) => self.among("kind", kinds.iter().map(|it| Value::Text(it.name().to_owned()))),
            Is::State(states) => {
                self.among("state", states.iter().map(|it| Value::Text(it.name().to_owned())))
            }
            Is::Severity(all) => self.among("severity", all.iter().map(|it| Value::Number(*it as i64))),
            Is::Customer(names) => {
                // Names as they are written, found in a table with a row for each customer. SQLite makes ASCII letters small
                // only, so that a name is found as it was typed, too.
                self.push("customer IN (SELECT customer FROM audit_heads WHERE ");
                self.among("customer", names.iter().map(text)).push(" OR ");
                self.among("LOWER(customer)", names.iter().map(|it| Value::Text(it.to_lowercase()))).push(")")
            }
            Is::Owner(names) => self.among("owner", names.iter().map(text)),
            Is::Rule(names) => self.among("rule", names.iter().map(text)),
            Is::Text(text) => {
                self.push("(").like("title", text);
                self.push(" OR customer IN (SELECT customer FROM audit_heads WHERE ");
                self.like("customer", text).push("))")
            }
            Is::Due(before) => self.push("due < ").value(Value::Number(before.0)),
            Is::Breached(now) => self.push("contract < ").value(Value::Number(now.0)),
        }
    }

    fn among(&mut self, column: &str, values: impl Iterator<Item = Value>) -> &mut Self {
        self.push(column).push(" IN (");
        for (index, value) in values.enumerate() {
            self.push(if index > 0 { ", " } else { "" }).value(value);
        }
        self.push(")")
    }

    fn like(&mut self, column: &str, text: &str) -> &mut Self {
        let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        // What is the same letter differs: to SQLite only large and small ones of ASCII are, and its LIKE knows that by itself,
        // which spares every title that is looked at a copy in small letters.
        let like =
            if self.is_postgres { format!("LOWER({column}) LIKE ") } else { format!("{column} LIKE ") };
        let mut ways = vec![escaped.to_lowercase(), escaped.to_ascii_lowercase()];
        ways.dedup();
        self.push("(");
        for (index, way) in ways.iter().enumerate() {
            self.push(if index > 0 { " OR " } else { "" }).push(&like);
            self.value(Value::Text(format!("%{way}%"))).push(" ESCAPE '\\'");
        }
        self.push(")")
    }

    /// Those beyond a place of the queue.
    fn past(&mut self, Cursor { place, serial }: Cursor, sign: &str) -> &mut Self {
        self.push(&format!(" AND (place {sign} ")).value(Value::Number(place));
        self.push(" OR (place = ").value(Value::Number(place));
        self.push(&format!(" AND serial {sign} ")).value(Value::Number(serial)).push("))")
    }

    async fn rows(self, store: &Store) -> Result<Vec<AnyRow>, Error> {
        let mut query = sqlx::query(AssertSqlSafe(self.text));
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        Ok(query.fetch_all(&store.pool).await?)
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    fn value(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        // Both databases know `$1`.
        self.text += &format!("${}", self.values.len());
        self
    }
}

/// By how much earlier what stands first is placed: 36,534 years. The eighth step of the schema reckons with the same.
const FIRST_MICROS: i64 = 1 << 60;
const COUNT: u32 = 50;
const COUNT_MAX: u32 = 500;
