//! Tables as the db_text modules of Kamailio and OpenSIPS keep them: a line of columns, then rows parted by colons.

use std::io::{self, BufRead};

use super::{COLUMNS_MAX, FIELD_BYTES_MAX, Row};

/// Whether `line` names columns: `id(int,auto) prefix(string)`.
pub(super) fn is_header(line: &str) -> bool {
    let mut words = line.split_whitespace().peekable();
    words.peek().is_some() && words.all(|word| column(word).is_some())
}

fn column(word: &str) -> Option<&str> {
    let (name, kind) = word.split_once('(')?;
    let is_type = ["int", "str", "double", "blob", "time"].iter().any(|it| kind.starts_with(it));
    (is_type && kind.ends_with(')') && !name.is_empty()).then_some(name)
}

pub(super) fn rows(
    source: &mut dyn BufRead,
    each: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut columns: Option<Vec<String>> = None;
    let mut line = 0;
    loop {
        bytes.clear();
        if source.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        line += 1;
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        if text.is_empty() {
            continue;
        }
        let Some(columns) = &columns else {
            let text = String::from_utf8_lossy(text);
            columns = Some(text.split_whitespace().filter_map(column).map(str::to_ascii_lowercase).collect());
            continue;
        };
        each(&Row { line, table: "", columns, values: fields(text) })?;
    }
}

/// The fields of one row. A backslash takes its meaning from what follows; an empty field is NULL.
fn fields(text: &[u8]) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut field: Vec<u8> = Vec::new();
    let mut bytes = text.iter().copied();
    let mut done = |field: &mut Vec<u8>| {
        if values.len() < COLUMNS_MAX {
            values.push((!field.is_empty()).then(|| String::from_utf8_lossy(field).into_owned()));
        }
        field.clear();
    };
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b':' => {
                done(&mut field);
                continue;
            }
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        };
        if field.len() < FIELD_BYTES_MAX {
            field.push(byte);
        }
    }
    done(&mut field);
    values
}
