//! Dumps of MySQL, PostgreSQL and SQLite: `INSERT INTO`, `REPLACE INTO` and `COPY … FROM stdin`.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::scanner::{Scanner, Token};
use super::{COLUMNS_MAX, Row};

pub(super) fn rows(
    source: &mut dyn BufRead,
    each: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut scanner = Scanner::new(source);
    // What the dump itself says of its tables.
    let mut created: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(token) = scanner.token()? {
        let Token::Word(word) = token else {
            if token != Token::Mark(b';') {
                skip(&mut scanner)?;
            }
            continue;
        };
        match word.to_ascii_lowercase().as_str() {
            "create" => create(&mut scanner, &mut created)?,
            "insert" | "replace" => insert(&mut scanner, &created, each)?,
            "copy" => copy(&mut scanner, &created, each)?,
            _ => skip(&mut scanner)?,
        }
    }
    Ok(())
}

/// Goes behind the end of the statement.
fn skip(scanner: &mut Scanner<'_>) -> io::Result<()> {
    while let Some(token) = scanner.token()? {
        if token == Token::Mark(b';') {
            break;
        }
    }
    Ok(())
}

/// The name of a table, without the schema before it.
fn bare(name: &str) -> String {
    name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase()
}

/// `TABLE [IF NOT EXISTS] name (column type …, …)`; any other thing that is created is passed over.
fn create(scanner: &mut Scanner<'_>, created: &mut BTreeMap<String, Vec<String>>) -> io::Result<()> {
    let mut name = None;
    loop {
        match scanner.token()? {
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "index" | "view" | "trigger" | "database" | "sequence" | "function" => return skip(scanner),
                "table" | "if" | "not" | "exists" | "temporary" | "unlogged" | "unique" | "virtual" => {}
                _ => name = Some(bare(&word)),
            },
            Some(Token::Mark(b'(')) => break,
            Some(Token::Mark(b';')) | None => return Ok(()),
            // `schema`.`table`
            Some(_) => {}
        }
    }
    let mut columns = Vec::new();
    let (mut depth, mut is_first) = (0, true);
    while let Some(token) = scanner.token()? {
        match token {
            Token::Mark(b'(') => depth += 1,
            Token::Mark(b')') if depth == 0 => break,
            Token::Mark(b')') => depth -= 1,
            Token::Mark(b',') if depth == 0 => {
                is_first = true;
                continue;
            }
            Token::Word(word) if is_first && columns.len() < COLUMNS_MAX => {
                let word = word.to_ascii_lowercase();
                let is_key =
                    ["primary", "unique", "key", "index", "constraint", "foreign", "check", "fulltext"];
                if !is_key.contains(&word.as_str()) {
                    columns.push(word);
                }
            }
            _ => {}
        }
        is_first = false;
    }
    if let Some(name) = name
        && created.len() < TABLES_MAX
    {
        created.insert(name, columns);
    }
    skip(scanner)
}

/// `INTO name [(columns)] VALUES (…), (…);`
fn insert(
    scanner: &mut Scanner<'_>,
    created: &BTreeMap<String, Vec<String>>,
    each: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut table, mut columns, mut is_behind_into) = (String::new(), None, false);
    loop {
        match scanner.token()? {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("values") => break,
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("into") => is_behind_into = true,
            // What stands between a schema and its table is a mark of its own where both are quoted.
            Some(Token::Word(word)) if is_behind_into => table = bare(&word),
            Some(Token::Mark(b'(')) => columns = Some(names(scanner)?),
            Some(Token::Mark(b';')) | None => return Ok(()),
            Some(_) => {}
        }
    }
    let columns =
        columns.or_else(|| created.get(&table).cloned()).or_else(|| usual(&table)).unwrap_or_default();
    while let Some(token) = scanner.token()? {
        match token {
            Token::Mark(b'(') => {
                let line = scanner.line;
                let values = values(scanner)?;
                each(&Row { line, table: &table, columns: &columns, values })?;
            }
            Token::Mark(b';') => break,
            // `ON CONFLICT …` behind the rows.
            Token::Word(_) => return skip(scanner),
            _ => {}
        }
    }
    Ok(())
}

fn names(scanner: &mut Scanner<'_>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    while let Some(token) = scanner.token()? {
        match token {
            Token::Word(word) if names.len() < COLUMNS_MAX => names.push(word.to_ascii_lowercase()),
            Token::Mark(b')') => break,
            _ => {}
        }
    }
    Ok(names)
}

fn values(scanner: &mut Scanner<'_>) -> io::Result<Vec<Option<String>>> {
    let mut values = Vec::new();
    let (mut value, mut depth) = (None, 0);
    while let Some(token) = scanner.token()? {
        match token {
            Token::Text(text) => value = Some(text),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => value = None,
            Token::Word(word) if value.is_none() => value = Some(word),
            // `_binary 'text'` and `CAST(…)`: the text is what counts.
            Token::Mark(b'(') => depth += 1,
            Token::Mark(b')') if depth > 0 => depth -= 1,
            Token::Mark(b',' | b')') => {
                if values.len() < COLUMNS_MAX {
                    values.push(value.take());
                }
                if token == Token::Mark(b')') {
                    break;
                }
            }
            Token::Word(_) | Token::Mark(_) => {}
        }
    }
    Ok(values)
}

/// `name (columns) FROM stdin;` and rows parted by tabs up to `\.`.
fn copy(
    scanner: &mut Scanner<'_>,
    created: &BTreeMap<String, Vec<String>>,
    each: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut table, mut columns, mut is_from) = (None, None, false);
    loop {
        match scanner.token()? {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("from") => is_from = true,
            Some(Token::Word(word)) if !is_from => table = Some(bare(&word)),
            Some(Token::Mark(b'(')) if !is_from => columns = Some(names(scanner)?),
            Some(Token::Mark(b';')) => break,
            None => return Ok(()),
            Some(_) => {}
        }
    }
    scanner.rest_of_line()?;
    let table = table.unwrap_or_default();
    let columns =
        columns.or_else(|| created.get(&table).cloned()).or_else(|| usual(&table)).unwrap_or_default();
    while !scanner.is_over()? {
        let line = scanner.line;
        let row = scanner.rest_of_line()?;
        if row == b"\\." {
            break;
        }
        let value =
            |field: &[u8]| (field != b"\\N").then(|| String::from_utf8_lossy(field).replace("\\\\", "\\"));
        let values = row.split(|byte| *byte == b'\t').take(COLUMNS_MAX).map(value).collect();
        each(&Row { line, table: &table, columns: &columns, values })?;
    }
    Ok(())
}

/// The columns of tables whose dump names none.
fn usual(table: &str) -> Option<Vec<String>> {
    let columns: &[&str] = match table {
        "globalblacklist" | "globalblocklist" => &["id", "prefix", "whitelist", "description"],
        "userblacklist" | "userblocklist" => &["id", "username", "domain", "prefix", "whitelist"],
        "mtree" => &["id", "tprefix", "tvalue"],
        "mtrees" => &["id", "tname", "tprefix", "tvalue"],
        "htable" => &["id", "key_name", "key_type", "value_type", "key_value", "expires"],
        "secfilter" => &["id", "action", "type", "data"],
        "cachedb" => &["keyname", "value", "counter", "expires"],
        "trie_table" => &["ruleid", "prefix", "attrs", "priority"],
        _ => return None,
    };
    Some(columns.iter().map(|column| (*column).to_owned()).collect())
}

/// Tables whose columns are remembered.
const TABLES_MAX: usize = 4_096;
