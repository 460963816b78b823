//! Lists as other programs write them: tables of Kamailio and OpenSIPS, list files of people.

mod dbtext;
mod dump;
mod meaning;
mod plain;
mod scanner;
mod sql;

use std::io::{self, BufRead};
use std::str::FromStr;

use crate::policy::edit::Addition;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A number a line, or CSV: as list files of a policy.
    Plain,
    /// Tables of Kamailio or OpenSIPS: db_text, an SQL dump, or what `kamcmd htable.dump` prints.
    Tables,
}

/// What is wanted of tables.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The one table; needed where several hold numbers.
    pub table: Option<String>,
    /// Of lists of users, whose: the name, or name and domain with an at sign between them.
    pub user: Option<String>,
    /// Whether digits without a plus are international numbers.
    pub international: bool,
}

/// What one line or row is.
#[derive(Debug)]
pub enum Found {
    /// An entry.
    Entry(Addition),
    /// Something that cannot be said as an entry.
    LeftOut {
        /// Its line.
        line: u64,
        /// Why.
        why: String,
    },
}

/// Takes what is found.
pub type Take<'a> = dyn FnMut(Found) -> io::Result<()> + 'a;

/// Opens the same bytes each time.
pub type Open<'a> = dyn FnMut() -> io::Result<Box<dyn BufRead>> + 'a;

/// Reads all entries of what `open` opens, from the first to the last; tables are read twice, and never in memory as a
/// whole.
///
/// # Errors
/// Those of reading and of `take`; that the choice is not clear, in words.
pub fn read(format: Format, choice: &Choice, open: &mut Open<'_>, take: &mut Take<'_>) -> io::Result<()> {
    match format {
        Format::Plain => plain::read(&mut *open()?, choice, take),
        Format::Tables => meaning::read(choice, open, take),
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "plain" | "csv" => Ok(Self::Plain),
            "kamailio" | "opensips" => Ok(Self::Tables),
            _ => Err(format!("{text:?} is none of plain, csv, kamailio, opensips")),
        }
    }
}

/// A row of a table.
#[derive(Debug)]
struct Row<'a> {
    line: u64,
    /// The name of its table; empty where the source does not say.
    table: &'a str,
    /// The names of its columns, in small letters.
    columns: &'a [String],
    /// What stands in them; `None` for NULL.
    values: Vec<Option<String>>,
}

impl Row<'_> {
    /// What stands in the first of `columns` that there is, unless it is empty.
    fn value(&self, columns: &[&str]) -> Option<&str> {
        let at = self.columns.iter().position(|column| columns.contains(&column.as_str()))?;
        self.values.get(at)?.as_deref().map(str::trim).filter(|value| !value.is_empty())
    }
}

/// Reads the rows of all tables.
fn rows(source: &mut dyn BufRead, each: &mut dyn FnMut(&Row<'_>) -> io::Result<()>) -> io::Result<()> {
    let head = String::from_utf8_lossy(source.fill_buf()?).into_owned();
    let first = head.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if dbtext::is_header(first) {
        dbtext::rows(source, each)
    } else if first.trim_start().starts_with('{') {
        dump::rows(source, each)
    } else {
        sql::rows(source, each)
    }
}

/// Columns of one row at most.
const COLUMNS_MAX: usize = 256;
/// Bytes of one field; what is longer is cut.
const FIELD_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests;
