//! Cases gathered by customer, rule or kind: how many there are of each, and the first of them.

use cases::case::Kind;
use cases::io::store::{By, Condition, Filter, Is};

use super::{Row, quoted};
use crate::Service;
use crate::failure::Failure;

/// Some that belong together.
pub(crate) struct Group {
    /// What they have in common.
    pub(crate) name: String,
    pub(crate) count: u64,
    /// The query that finds all of them.
    pub(crate) q: String,
    /// Where they are shown.
    pub(crate) href: String,
    /// The first of them.
    pub(crate) rows: Vec<Row>,
}

/// What a word of an address means.
pub(super) fn by(word: &str) -> Option<By> {
    match word {
        "customer" => Some(By::Customer),
        "rule" => Some(By::Rule),
        "kind" => Some(By::Kind),
        _ => None,
    }
}

/// All of them, the largest first.
pub(super) async fn all(
    service: &Service,
    q: &str,
    (filter, by): (&Filter, By),
) -> Result<Vec<Group>, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let now = (service.now)();
    let mut groups = Vec::new();
    for (index, (name, count)) in desk.groups(filter, by, GROUPS_MAX).await?.into_iter().enumerate() {
        let (word, is) = match by {
            By::Customer => ("customer", Is::Customer(vec![name.clone()])),
            By::Rule => ("rule", Is::Rule(vec![name.clone()])),
            By::Kind => {
                let kinds = Kind::EVERY.into_iter().filter(|kind| kind.name() == name).collect();
                ("kind", Is::Kind(kinds))
            }
        };
        // What no rule has raised is what people asked for.
        let narrowed = match name.as_str() {
            "" => format!("{q} -kind:alert"),
            name => format!("{q} {word}:{}", quoted(name)),
        };
        let narrowed = narrowed.trim().to_owned();
        let mut rows = Vec::new();
        if index < OPENED_MAX {
            let mut filter = Filter { count: Some(ROWS), ..filter.clone() };
            filter.conditions.push(Condition { is_not: false, is });
            let found = desk.list(&filter).await?.cases;
            rows.extend(found.into_iter().map(|case| Row::new(book, case, &narrowed, now)));
        }
        let name = if name.is_empty() { "No rule: somebody asked".to_owned() } else { name };
        groups.push(Group { name, count, href: super::address(&narrowed, ""), q: narrowed, rows });
    }
    Ok(groups)
}

const GROUPS_MAX: u32 = 50;
/// Groups whose first cases are shown at once, and how many.
const OPENED_MAX: usize = 12;
const ROWS: u32 = 5;
