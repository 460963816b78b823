//! Blocks in force, as commands ask about them: over the socket of the service.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use console::known::{Block, BlockChange};
use rules::Timestamp;
use serde_json::Value;

use super::known::Around;
use crate::blocks::{Change, Kind};
use crate::control::{Asked, Told, ask};

/// The latest first.
pub(super) fn list(around: &Around) -> Result<Vec<Block>, String> {
    let told = asked(around.data(), &Asked::Blocks)?;
    let accounts = accounts(around.data());
    Ok(told.iter().map(|told| block(&told.value, &accounts)).collect())
}

/// Lifts one, or has it last longer. Who does it and why is on disk before.
pub(super) fn change(around: &Around, change: BlockChange) -> Result<String, String> {
    let BlockChange { id, longer, by, why } = change;
    let why = why.trim().to_owned();
    if why.is_empty() {
        return Err("Say why: whoever looks at it later will ask.".to_owned());
    }
    let kind = match longer {
        None => Kind::Lift,
        Some(micros) if (1..=LONGER_MICROS_MAX).contains(&micros) => Kind::Extend { micros },
        Some(_) => return Err("A block lasts at most a year longer; what is to stay is a rule.".to_owned()),
    };
    asked(around.data(), &Asked::ChangeBlock(Change { id: id.clone(), kind, by, why }))?;
    Ok(match kind {
        Kind::Lift => format!("Block {id} is lifted: its calls pass from now on."),
        Kind::Extend { .. } => format!("Block {id} lasts longer."),
    })
}

/// What the service says to what commands may ask.
pub(super) fn asked(data: &Path, question: &Asked) -> Result<Vec<Told>, String> {
    let answer = ask(data, question).map_err(|failure| failure.to_string())?;
    let answer = answer.ok_or("The service does not answer: it starts or ends.")?;
    answer.map_err(|declined| declined.said)
}

fn block(value: &Value, accounts: &[Value]) -> Block {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let amount = |name: &str| value.get(name).map(Value::to_string).unwrap_or_default();
    let moment = |name: &str| {
        let at = text(name).parse::<jiff::Timestamp>().unwrap_or_default();
        Timestamp(at.as_microsecond())
    };
    let key = value.get("key").and_then(Value::as_object).into_iter().flatten();
    let id = text("id");
    let account = accounts.iter().rev().find(|account| {
        account.get("block").and_then(|block| block.get("id")).and_then(Value::as_str) == Some(&id)
    });
    Block {
        customer: text("customer"),
        rule: text("rule"),
        level: text("level"),
        action: text("action"),
        key: key.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
        counted: format!("{} of {}", amount("count"), amount("limit")),
        since: moment("since"),
        until: moment("until"),
        hits: value.get("hits").and_then(Value::as_u64).unwrap_or_default(),
        is_lifted: value.get("lifted").and_then(Value::as_bool).unwrap_or_default(),
        account: account.map(in_words),
        id,
    }
}

fn in_words(account: &Value) -> String {
    let text = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or_default();
    let did = if text("change") == "lift" { "lifted" } else { "extended" };
    format!("{did} by {}: {}", text("by"), text("why"))
}

/// The last changes of blocks, the oldest first. None where they cannot be read: they are words beside what is in force.
fn accounts(data: &Path) -> Vec<Value> {
    let read = || -> io::Result<String> {
        let mut file = File::open(data.join("blocks.jsonl"))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(ACCOUNT_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(ACCOUNT_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    // The first line may be cut.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A year.
const LONGER_MICROS_MAX: i64 = 366 * 86_400_000_000;
/// The end of the account that is read.
const ACCOUNT_BYTES_MAX: u64 = 1 << 20;
