//! What rows of Kamailio's and OpenSIPS's tables mean as entries of a list.

use std::collections::BTreeMap;
use std::io;

use super::{Choice, Found, Open, Row, Take, rows};
use crate::policy::edit::Addition;

/// What a table is, told by its columns: its name is anybody's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `globalblacklist`, `globalblocklist`: prefixes, the longest of which decides.
    Prefixes,
    /// `userblacklist`, `userblocklist`: the same for each user.
    OfUsers,
    /// `mtree`, `mtrees`.
    Tree,
    /// `htable`.
    Hash,
    /// `cachedb` of OpenSIPS.
    Cache,
    /// `dialplan`.
    DialPlan,
    /// `dr_rules`, `trie_table`: where calls to a prefix go.
    Routes,
    /// `secfilter`.
    Filter,
    /// `address`, `trusted`: addresses of peers.
    Addresses,
    /// Anything else.
    Other,
}

impl Kind {
    fn of(columns: &[String]) -> Self {
        let has = |name: &str| columns.iter().any(|column| column == name);
        let allows = has("whitelist") || has("allowlist");
        match () {
            () if allows && has("prefix") && has("username") => Self::OfUsers,
            () if allows && has("prefix") => Self::Prefixes,
            () if has("tprefix") => Self::Tree,
            () if has("key_name") => Self::Hash,
            () if has("keyname") => Self::Cache,
            () if has("match_exp") => Self::DialPlan,
            () if has("prefix") && has("ruleid") => Self::Routes,
            () if has("action") && has("type") && has("data") => Self::Filter,
            () if has("ip_addr") || has("src_ip") => Self::Addresses,
            () => Self::Other,
        }
    }

    fn holds_numbers(self) -> bool {
        !matches!(self, Self::Addresses | Self::Other)
    }
}

/// What the first reading found.
#[derive(Default)]
struct Survey {
    /// By name: what each table is, its rows, and the line of the first.
    tables: BTreeMap<String, (Kind, u64, u64)>,
    /// Prefixes that are allowed, by digits: their line, and whether anything was blocked around them.
    allowed: BTreeMap<String, (u64, bool)>,
}

pub(super) fn read(choice: &Choice, open: &mut Open<'_>, take: &mut Take<'_>) -> io::Result<()> {
    let mut survey = survey(choice, open)?;
    let chosen = choose(choice, &survey)?;
    for (name, (kind, rows, line)) in &survey.tables {
        if Some(name) != chosen.as_ref() {
            let why = match kind {
                Kind::Addresses => "hold addresses: they belong into a list of `networks`",
                _ if kind.holds_numbers() => "are of another table than was chosen",
                _ => "hold no numbers",
            };
            take(Found::LeftOut { line: *line, why: format!("table {}: {rows} rows {why}", shown(name)) })?;
        }
    }
    let Some(chosen) = chosen else { return Ok(()) };
    let mut of_others: Option<(u64, u64)> = None;
    rows(&mut *open()?, &mut |row| {
        if row.table != chosen {
            return Ok(());
        }
        let kind = Kind::of(row.columns);
        if kind == Kind::OfUsers && choice.user.is_some() && !is_of(row, choice) {
            let (_, count) = of_others.get_or_insert((row.line, 0));
            *count += 1;
            return Ok(());
        }
        entries(kind, row, choice, &mut survey.allowed, take)
    })?;
    if let Some((line, count)) = of_others {
        take(Found::LeftOut { line, why: format!("{count} rows are of other users") })?;
    }
    for (prefix, (line, is_used)) in &survey.allowed {
        if !is_used {
            let why =
                format!("{prefix} is allowed where nothing is blocked, so there is nothing to leave out");
            take(Found::LeftOut { line: *line, why })?;
        }
    }
    Ok(())
}

/// Reads all tables once: which there are, and what they allow.
fn survey(choice: &Choice, open: &mut Open<'_>) -> io::Result<Survey> {
    let mut survey = Survey::default();
    rows(&mut *open()?, &mut |row| {
        let kind = Kind::of(row.columns);
        let is_full = survey.tables.len() >= TABLES_MAX;
        match survey.tables.get_mut(row.table) {
            Some((_, rows, _)) => *rows += 1,
            None if is_full => return Err(io::Error::other("the dump has too many tables")),
            None => drop(survey.tables.insert(row.table.to_owned(), (kind, 1, row.line))),
        }
        let is_meant = choice.table.as_deref().is_none_or(|table| table.eq_ignore_ascii_case(row.table));
        let decides = kind == Kind::Prefixes || (kind == Kind::OfUsers && is_of(row, choice));
        if is_meant
            && decides
            && allows(row)
            && let Some(digits) = row.value(&["prefix"]).and_then(digits)
        {
            survey.allowed.insert(digits.to_owned(), (row.line, false));
        }
        Ok(())
    })?;
    Ok(survey)
}

/// The table that is read; `None` when none holds numbers.
fn choose(choice: &Choice, survey: &Survey) -> io::Result<Option<String>> {
    let with_numbers = survey.tables.iter().filter(|(_, (kind, ..))| kind.holds_numbers());
    let names: Vec<&String> = with_numbers.map(|(name, _)| name).collect();
    let listed = || names.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    match (&choice.table, &names[..]) {
        (Some(table), _) => {
            let found = names
                .iter()
                .find(|name| name.eq_ignore_ascii_case(table) || (name.is_empty() && names.len() == 1));
            match found {
                Some(name) => Ok(Some((*name).clone())),
                None => Err(io::Error::other(format!(
                    "no table {} holds numbers; there are: {}",
                    shown(table),
                    listed()
                ))),
            }
        }
        (None, []) => Ok(None),
        (None, [one]) => Ok(Some((*one).clone())),
        (None, _) => Err(io::Error::other(format!(
            "several tables hold numbers: {}; say which is meant with --table",
            listed()
        ))),
    }
}

fn entries(
    kind: Kind,
    row: &Row<'_>,
    choice: &Choice,
    allowed: &mut BTreeMap<String, (u64, bool)>,
    take: &mut Take<'_>,
) -> io::Result<()> {
    let line = row.line;
    let mut leave = |why: String| take(Found::LeftOut { line, why });
    if row.values.len() != row.columns.len() {
        return leave(format!("{} fields stand in {} columns", row.values.len(), row.columns.len()));
    }
    match kind {
        Kind::Prefixes | Kind::OfUsers => {
            if kind == Kind::OfUsers && choice.user.is_none() {
                let user = row.value(&["username"]).unwrap_or_default();
                return leave(format!("holds for the user {} only; import it with --user", shown(user)));
            }
            if allows(row) {
                // What it takes away is not made an entry.
                return Ok(());
            }
            let written = row.value(&["prefix"]).unwrap_or_default();
            let Some(prefix) = digits(written) else { return leave(no_prefix(written)) };
            if let Some((_, is_used)) = allowed.get_mut(prefix) {
                *is_used = true;
                return leave(format!("{prefix} is blocked and allowed at once"));
            }
            let reason = row.value(&["description"]).map(str::to_owned);
            let mut inside: Vec<String> = Vec::new();
            for (other, (_, is_used)) in allowed.range_mut(prefix.to_owned()..) {
                if !other.starts_with(prefix) {
                    break;
                }
                *is_used = true;
                inside.push(other.clone());
            }
            let mut found = Vec::new();
            around(prefix, &inside, &mut found);
            let plus = if written.starts_with('+') || choice.international { "+" } else { "" };
            for prefix in found {
                let number = format!("{plus}{prefix}*");
                take(Found::Entry(Addition { line, number, reason: reason.clone(), expires: None }))?;
            }
            Ok(())
        }
        Kind::Tree => prefix_entry(row, &["tprefix"], &["tvalue"], choice, take),
        Kind::Routes => prefix_entry(row, &["prefix"], &["description", "attrs"], choice, take),
        Kind::Hash => {
            if row.value(&["key_type"]).is_some_and(|kind| kind != "0") {
                return leave("is one of several values of a key".to_owned());
            }
            exact_entry(row, &["key_name"], &["key_value"], choice, take)
        }
        Kind::Cache => exact_entry(row, &["keyname"], &["value"], choice, take),
        Kind::Filter => match (row.value(&["action"]), row.value(&["type"])) {
            (Some("2"), Some("0")) => exact_entry(row, &["data"], &[], choice, take),
            (Some("1"), _) => leave("allows what is not on the list".to_owned()),
            (_, Some("4")) => prefix_entry(row, &["data"], &[], choice, take),
            (_, kind) => {
                let what = match kind {
                    Some("0") => "a User-Agent: it belongs into a list of `user_agents`",
                    Some("1") => "a country of an address",
                    Some("2") => "a domain: it belongs into a rule with `host`",
                    Some("3") => "an address: it belongs into a list of `networks`",
                    _ => "something unknown",
                };
                leave(format!("names {what}"))
            }
        },
        Kind::DialPlan => dial_plan_entry(row, choice, take),
        Kind::Addresses | Kind::Other => Ok(()),
    }
}

/// Prefixes that hold all that begins with `prefix`, but for what begins as one of `inside`: there the longest decides.
fn around(prefix: &str, inside: &[String], found: &mut Vec<String>) {
    if inside.is_empty() {
        found.push(prefix.to_owned());
        return;
    }
    if inside.iter().any(|other| other == prefix) || prefix.len() >= DIGITS_MAX {
        return;
    }
    for digit in '0'..='9' {
        let longer = format!("{prefix}{digit}");
        let of_it: Vec<String> = inside.iter().filter(|other| other.starts_with(&longer)).cloned().collect();
        around(&longer, &of_it, found);
    }
}

fn prefix_entry(
    row: &Row<'_>,
    prefix: &[&str],
    reason: &[&str],
    choice: &Choice,
    take: &mut Take<'_>,
) -> io::Result<()> {
    let written = row.value(prefix).unwrap_or_default();
    match digits(written) {
        Some(digits) => {
            let plus = if written.starts_with('+') || choice.international { "+" } else { "" };
            entry(row, format!("{plus}{digits}*"), reason, take)
        }
        None => take(Found::LeftOut { line: row.line, why: no_prefix(written) }),
    }
}

fn exact_entry(
    row: &Row<'_>,
    number: &[&str],
    reason: &[&str],
    choice: &Choice,
    take: &mut Take<'_>,
) -> io::Result<()> {
    let written = row.value(number).unwrap_or_default();
    match digits(written) {
        Some(digits) => {
            let plus = if written.starts_with('+') || choice.international { "+" } else { "" };
            entry(row, format!("{plus}{digits}"), reason, take)
        }
        None => take(Found::LeftOut { line: row.line, why: format!("{} is no number", shown(written)) }),
    }
}

/// A row of a dial plan: an equal text, or an expression that is only a prefix or a number.
fn dial_plan_entry(row: &Row<'_>, choice: &Choice, take: &mut Take<'_>) -> io::Result<()> {
    let written = row.value(&["match_exp"]).unwrap_or_default();
    let (body, is_exact) = match row.value(&["match_op"]) {
        Some("0") => (Some(written), true),
        _ => {
            let body = written.strip_prefix('^').map(|body| body.strip_prefix('\\').unwrap_or(body));
            match body.and_then(|body| body.strip_suffix('$')) {
                Some(exact) => (Some(exact), true),
                None => (body.map(|body| body.strip_suffix(".*").unwrap_or(body)), false),
            }
        }
    };
    if row.value(&["disabled"]).is_some_and(|disabled| disabled != "0") {
        return take(Found::LeftOut { line: row.line, why: "is switched off".to_owned() });
    }
    match body.and_then(|body| Some((body, digits(body)?))) {
        Some((body, digits)) => {
            let plus = if body.starts_with('+') || choice.international { "+" } else { "" };
            let star = if is_exact { "" } else { "*" };
            entry(row, format!("{plus}{digits}{star}"), &["attrs"], take)
        }
        None => {
            let why = format!(
                "the expression {} is more than a number or a prefix; it belongs into a rule",
                shown(written)
            );
            take(Found::LeftOut { line: row.line, why })
        }
    }
}

fn entry(row: &Row<'_>, number: String, reason: &[&str], take: &mut Take<'_>) -> io::Result<()> {
    let reason = row.value(reason).map(str::to_owned);
    let expires = match row.value(&["expires"]) {
        None | Some("0") => None,
        Some(seconds) => {
            match seconds.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()) {
                Some(moment) => Some(moment.to_string()),
                None => {
                    let why = format!("{number} ends at {}, which is no time", shown(seconds));
                    return take(Found::LeftOut { line: row.line, why });
                }
            }
        }
    };
    take(Found::Entry(Addition { line: row.line, number, reason, expires }))
}

/// Whether a row of prefixes allows rather than blocks.
fn allows(row: &Row<'_>) -> bool {
    row.value(&["whitelist", "allowlist"]).is_some_and(|flag| flag != "0" && !flag.eq_ignore_ascii_case("f"))
}

fn is_of(row: &Row<'_>, choice: &Choice) -> bool {
    let Some(wanted) = &choice.user else { return false };
    let (user, domain) =
        wanted.split_once('@').map_or((wanted.as_str(), None), |(user, domain)| (user, Some(domain)));
    row.value(&["username"]) == Some(user)
        && domain
            .is_none_or(|domain| row.value(&["domain"]).is_some_and(|it| it.eq_ignore_ascii_case(domain)))
}

/// The digits of `text`, if it is nothing else but a plus before them.
fn digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (!digits.is_empty() && digits.len() <= DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(digits)
}

fn no_prefix(written: &str) -> String {
    if written.is_empty() {
        return "an empty prefix is every number: write a rule without a condition instead".to_owned();
    }
    format!("{} is no prefix of digits", shown(written))
}

fn shown(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// An access code and an international prefix may stand before the 15 digits of E.164.
const DIGITS_MAX: usize = 23;
/// Tables of one dump that are told apart.
const TABLES_MAX: usize = 4_096;
