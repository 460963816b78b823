//! Prints what is on a list, and which lists there are.

use std::io::{self, BufWriter, Write};

use rules::policy::{EntryText, ListContent, edit};
use serde_json::json;

use super::Place;
use crate::admission::Admitted;
use crate::outcome::{Failure, Outcome};
use crate::present;

/// Prints all entries of `list`.
pub(super) fn print(list: &str, is_csv: bool, place: &Place) -> Result<Outcome, Failure> {
    let policies = present::policies(&place.data, &place.policy, place.customer.as_deref())?;
    let has = |admitted: &&Admitted| admitted.text().lists.iter().any(|found| found.name == list);
    let holders: Vec<&Admitted> = policies.iter().filter(has).collect();
    let admitted = match holders[..] {
        [one] => one,
        [] => return Err(Failure::Usage(format!("no policy in force has a list {list:?}"))),
        _ => {
            let names: Vec<&str> = holders.iter().map(|admitted| admitted.customer()).collect();
            let names = names.join(", ");
            return Err(Failure::Usage(format!(
                "several have a list {list:?}: {names}; say whose with --customer"
            )));
        }
    };
    let text = admitted.text();
    let found = edit::list_of(text, list).map_err(Failure::Usage)?;
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let mut write = || {
        if is_csv && !place.json {
            writeln!(out, "number,category,reason,case,added,expires")?;
        }
        for listed in found.listed(text) {
            let entry = &listed.entry;
            if place.json {
                let EntryText { file, line, number, category, reason, case, added, expires } = entry;
                let line = json!({
                    "number": number, "category": category, "reason": reason, "case": case, "added": added,
                    "expires": expires, "file": file, "line": line,
                });
                writeln!(out, "{line}")?;
            } else if is_csv {
                let fields = [&entry.category, &entry.reason, &entry.case, &entry.added, &entry.expires];
                let fields = fields.map(|field| quoted(field.as_deref().unwrap_or_default()));
                writeln!(out, "{},{}", quoted(&entry.number), fields.join(","))?;
            } else {
                writeln!(out, "{}", entry.number.replace(char::is_control, " "))?;
            }
        }
        out.flush()
    };
    write().map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

/// Prints the names of all lists.
pub(super) fn names(place: &Place) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    for admitted in present::policies(&place.data, &place.policy, place.customer.as_deref())? {
        for list in &admitted.text().lists {
            let (kind, count) = match &list.content {
                ListContent::Numbers { exact, ranges } => ("numbers", exact.len() + ranges.len()),
                ListContent::Texts(texts) => ("texts", texts.len()),
                ListContent::Networks(networks) => ("networks", networks.len()),
            };
            let files: Vec<&str> = list.files().collect();
            let written = if place.json {
                let line = json!({
                    "customer": admitted.customer(), "list": list.name, "kind": kind, "entries": count,
                    "files": files, "refuses_calls": list.refuses,
                });
                writeln!(out, "{line}")
            } else {
                let place = if files.is_empty() { "in the policy".to_owned() } else { files.join(", ") };
                let line = format!("{}: {}, {count} {kind}, {place}", admitted.customer(), list.name);
                writeln!(out, "{}", reporter::printable(&line))
            };
            written.map_err(Failure::Output)?;
        }
    }
    Ok(Outcome::Done)
}

/// A field of CSV on one line (RFC 4180).
fn quoted(field: &str) -> String {
    let field = field.replace(char::is_control, " ");
    if field.contains([',', '"', '#']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}
