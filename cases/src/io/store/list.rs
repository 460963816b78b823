//! The queue: cases by what is due next, a page at a time.

use sqlx::{AssertSqlSafe, Row as _};

use super::{Error, Store, stored};
use crate::Case;
use crate::case::{Kind, Severity};
use crate::flow::State;

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
    /// Those that are over, instead of those that are not.
    pub is_over: bool,
    /// After the page that ended so.
    pub after: Option<Cursor>,
    /// At most so many; 50 unless told, 500 at most.
    pub count: Option<u32>,
}

/// Where a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    due: i64,
    serial: i64,
}

impl Cursor {
    /// Where the page ends that [`Cursor::text`] told of.
    pub fn parse(text: &str) -> Option<Self> {
        let (due, serial) = text.split_once('.')?;
        Some(Self { due: due.parse().ok()?, serial: serial.parse().ok()? })
    }

    /// For who comes back with it.
    pub fn text(self) -> String {
        format!("{}.{}", self.due, self.serial)
    }
}

/// Some of the cases asked for.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Next due first.
    pub cases: Vec<Case>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
}

pub(super) async fn list(store: &Store, filter: &Filter) -> Result<Page, Error> {
    let count = filter.count.unwrap_or(COUNT).clamp(1, COUNT_MAX);
    let mut asked =
        Asked { text: "SELECT body, due FROM cases WHERE is_over = ".to_owned(), values: Vec::new() };
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
        let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        asked.push(" AND LOWER(title) LIKE ").value(Value::Text(format!("%{escaped}%"))).push(" ESCAPE '\\'");
    }
    if let Some(Cursor { due, serial }) = filter.after {
        asked.push(" AND (due > ").value(Value::Number(due)).push(" OR (due = ").value(Value::Number(due));
        asked.push(" AND serial > ").value(Value::Number(serial)).push("))");
    }
    asked.push(" ORDER BY due, serial LIMIT ").value(Value::Number(i64::from(count) + 1));
    let mut query = sqlx::query(AssertSqlSafe(asked.text));
    for value in asked.values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
    }
    let rows = query.fetch_all(&store.pool).await?;
    let mut page = Page::default();
    for row in rows.iter().take(count as usize) {
        let case: Case = serde_json::from_str(row.try_get(0)?)?;
        page.next = Some(Cursor { due: row.try_get(1)?, serial: stored(case.number.serial()) });
        page.cases.push(case);
    }
    if rows.len() <= count as usize {
        page.next = None;
    }
    Ok(page)
}

/// A statement under way. Only our own words go into its text, and whatever somebody asked for into its values.
struct Asked {
    text: String,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
}

impl Asked {
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

const COUNT: u32 = 50;
const COUNT_MAX: u32 = 500;
