//! `ringwall policy diff`: what sets two versions of policies apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rules::policy::PolicyText;
use rules::policy::difference::{Change, Difference, Field, Numbers, differences};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::admission::{Admitted, look, look_read};
use crate::control;
use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::versions::{Changed, Versions, installed};

/// One of the two that are compared: a policy for each customer.
type Side = BTreeMap<String, Wanted>;

/// Where the policy of one customer is.
#[derive(Clone, PartialEq)]
enum Wanted {
    Stored(Changed),
    File(PathBuf),
}

pub(super) fn print(old: &str, new: Option<&str>, data: &Path, json: bool) -> Result<Outcome, Failure> {
    let versions = Versions::of(data);
    let (mut before, mut after) = match new {
        Some(new) => (side(old, &versions)?, side(new, &versions)?),
        None if number(old).is_some() => (side(old, &versions)?, latest(&versions)?),
        None => (in_force(data, &versions)?, side(old, &versions)?),
    };
    // A file is one customer's: the others are not spoken of.
    let of_file = |side: &Side| side.values().any(|wanted| matches!(wanted, Wanted::File(_)));
    let named: Vec<&str> = std::iter::once(old).chain(new).filter(|name| number(name).is_none()).collect();
    if !named.is_empty() && (of_file(&before) || of_file(&after)) {
        let meant: BTreeSet<String> =
            if number(old).is_none() && new.is_some() { &before } else { &after }.keys().cloned().collect();
        before.retain(|customer, _| meant.contains(customer));
        after.retain(|customer, _| meant.contains(customer));
    }
    let customers: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut text = String::new();
    for customer in customers {
        let (one, other) = (before.get(customer), after.get(customer));
        if one == other {
            continue;
        }
        let read = |wanted: Option<&Wanted>| wanted.map(|wanted| wanted.read(&versions)).transpose();
        let (one, other) = (read(one)?, read(other)?);
        if json {
            let _ = writeln!(text, "{}", to_json(customer, one.as_ref(), other.as_ref()));
        } else {
            tell(customer, one.as_ref(), other.as_ref(), &mut text);
        }
    }
    if text.is_empty() && !json {
        text.push_str("there is no difference\n");
    }
    policies::print(&text)?;
    Ok(Outcome::Done)
}

impl Wanted {
    fn read(&self, versions: &Versions) -> Result<Admitted, Failure> {
        let admitted = match self {
            Self::Stored(changed) => look(versions.contents(changed)?),
            Self::File(path) => look_read(policies::read(path, rules::Timestamp::default())?),
        };
        admitted.map_err(|refused| {
            refused.say();
            Failure::Said
        })
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// What `name`, a number or a file, stands for.
fn side(name: &str, versions: &Versions) -> Result<Side, Failure> {
    let Some(number) = number(name) else {
        let path = PathBuf::from(name);
        let read = policies::read(&path, rules::Timestamp::default())?;
        let customer = read.policy.as_ref().map(|text| text.customer.name.clone());
        let Some(customer) = customer else {
            read.say_errors();
            return Err(Failure::Said);
        };
        return Ok(Side::from([(customer, Wanted::File(path))]));
    };
    let all = versions.all()?;
    let at = all.iter().position(|version| version.number == number);
    let at = at.ok_or_else(|| {
        Failure::Usage(format!(
            "there is no version {number}; `ringwall policy versions` names those there are"
        ))
    })?;
    Ok(stored(installed(all.get(..=at).unwrap_or_default())))
}

fn latest(versions: &Versions) -> Result<Side, Failure> {
    Ok(stored(installed(&versions.all()?)))
}

fn stored(installed: BTreeMap<&str, (u64, &Changed)>) -> Side {
    installed
        .into_iter()
        .map(|(customer, (_, changed))| (customer.to_owned(), Wanted::Stored(changed.clone())))
        .collect()
}

/// What is installed, and what a running service has from files.
fn in_force(data: &Path, versions: &Versions) -> Result<Side, Failure> {
    let mut side = latest(versions)?;
    let served = control::in_force(data)?.unwrap_or_default();
    for of_file in served.into_iter().filter(|it| it.number.is_none()) {
        side.extend(of_file.path.map(|path| (of_file.customer, Wanted::File(path))));
    }
    Ok(side)
}

/// What sets two policies of a customer apart, in sentences and lines.
pub(crate) fn told(customer: &str, old: Option<&Admitted>, new: &Admitted) -> String {
    let mut text = String::new();
    tell(customer, old, Some(new), &mut text);
    text
}

fn tell(customer: &str, old: Option<&Admitted>, new: Option<&Admitted>, text: &mut String) {
    let name = reporter::printable(customer);
    let (Some(one), Some(other)) = (old, new) else {
        let word = if old.is_some() { "is no longer installed" } else { "is new" };
        let _ = writeln!(text, "policy of {name} {word}");
        return;
    };
    let short = |admitted: &Admitted| super::versions::short(admitted.version()).to_owned();
    let _ = writeln!(text, "policy of {name}: {} → {}", short(one), short(other));
    for difference in differences(one.text(), other.text()) {
        let _ = writeln!(text, "  {}", sentence(&difference));
    }
    let lines = unified(one.text(), other.text());
    if !lines.is_empty() {
        let _ = write!(text, "\n{lines}");
    }
}

fn unified(old: &PolicyText, new: &PolicyText) -> String {
    let diff = TextDiff::from_lines(&old.source, &new.source);
    let lines = diff.unified_diff().context_radius(2).header("old", "new").to_string();
    // Comments of a policy are anybody's: none moves the cursor of who looks.
    lines
        .split_inclusive('\n')
        .map(|line| {
            let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
            format!("{}{end}", reporter::printable(line))
        })
        .collect()
}

fn sentence(difference: &Difference) -> String {
    let Difference { kind, name, change } = difference;
    let what = if name.is_empty() {
        (*kind).to_owned()
    } else {
        format!("{kind} \"{}\"", reporter::printable(name))
    };
    match change {
        Change::Added => format!("{what} is new"),
        Change::Removed => format!("{what} is gone"),
        Change::Moved(None) => format!("{what} stands first now"),
        Change::Moved(Some(behind)) => {
            format!("{what} stands behind \"{}\" now", reporter::printable(behind))
        }
        Change::Changed(fields) => {
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{what}: {}", fields.join("; "))
        }
        Change::Numbers(numbers) => format!("{what}: {}", counted(numbers)),
    }
}

fn field(field: &Field) -> String {
    let value =
        |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), reporter::printable);
    format!("{} was {}, is {}", reporter::printable(&field.key), value(&field.old), value(&field.new))
}

fn counted(numbers: &Numbers) -> String {
    let mut said = Vec::new();
    for (count, first, word) in
        [(numbers.added, &numbers.first_added, "added"), (numbers.removed, &numbers.first_removed, "removed")]
    {
        if count > 0 {
            let named: Vec<String> = first.iter().map(ToString::to_string).collect();
            let more = if count > named.len() { ", …" } else { "" };
            said.push(format!("{count} {word} ({}{more})", named.join(", ")));
        }
    }
    said.extend(numbers.wider.map(|number| format!("prefixes or ranges hold more, such as {number}")));
    said.extend(numbers.narrower.map(|number| format!("prefixes or ranges hold less: no longer {number}")));
    said.join(", ")
}

fn to_json(customer: &str, old: Option<&Admitted>, new: Option<&Admitted>) -> Value {
    let found = match (old, new) {
        (Some(one), Some(other)) => differences(one.text(), other.text()),
        _ => Vec::new(),
    };
    let text = match (old, new) {
        (Some(one), Some(other)) => unified(one.text(), other.text()),
        _ => String::new(),
    };
    json!({
        "customer": customer,
        "old": old.map(Admitted::version),
        "new": new.map(Admitted::version),
        "differences": found.iter().map(difference_json).collect::<Vec<_>>(),
        "text": text,
    })
}

fn difference_json(difference: &Difference) -> Value {
    let Difference { kind, name, change } = difference;
    let numbers = |numbers: &[rules::Number]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (word, more) = match change {
        Change::Added => ("added", Value::Null),
        Change::Removed => ("removed", Value::Null),
        Change::Moved(behind) => ("moved", json!({ "behind": behind })),
        Change::Changed(fields) => {
            let fields = fields.iter().map(|it| json!({ "key": it.key, "old": it.old, "new": it.new }));
            ("changed", json!({ "fields": fields.collect::<Vec<_>>() }))
        }
        Change::Numbers(of) => (
            "numbers",
            json!({
                "added": of.added, "first_added": numbers(&of.first_added),
                "removed": of.removed, "first_removed": numbers(&of.first_removed),
                "wider": of.wider.map(|number| number.to_string()),
                "narrower": of.narrower.map(|number| number.to_string()),
            }),
        ),
    };
    let mut value = json!({ "kind": kind, "name": name, "change": word });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}
