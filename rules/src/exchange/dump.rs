//! A hash table as `kamcmd htable.dump` prints it: items in braces, with a name and a value.

use std::io::{self, BufRead};

use super::Row;

pub(super) fn rows(
    source: &mut dyn BufRead,
    each: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let columns = ["key_name", "key_value"].map(str::to_owned);
    let mut bytes = Vec::new();
    let mut line = 0;
    let mut name: Option<(u64, String)> = None;
    loop {
        bytes.clear();
        let is_over = source.read_until(b'\n', &mut bytes)? == 0;
        line += 1;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        if text.contains("\"jsonrpc\"") {
            return Err(io::Error::other("this is JSON; print the table with `kamcmd htable.dump NAME`"));
        }
        let next = text.strip_prefix("name:").map(|name| (line, name.trim().to_owned()));
        let value = text.strip_prefix("value:").map(|value| value.trim().to_owned());
        // A name whose value never comes is an entry all the same.
        if value.is_some() || next.is_some() || is_over {
            if let Some((line, name)) = name.take() {
                each(&Row { line, table: "htable", columns: &columns, values: vec![Some(name), value] })?;
            }
            name = next;
        }
        if is_over {
            return Ok(());
        }
    }
}
