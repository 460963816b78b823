//! Campaigns: open cases that belong together by what their alerts were counted by.
//!
//! Three things make one, each said with it: one caller at several customers; callers whose numbers differ in the last two
//! digits only, under one rule of one customer; one called number under one rule of one customer, by several callers. Nothing
//! else is guessed. A case may be in more than one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use cases::CaseNumber;
use cases::io::store::OpenKey;
use jiff::tz::TimeZone;

use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::queue::{UndoShown, address, quoted, serials};
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "campaigns.html")]
struct Page<'a> {
    shell: Shell<'a>,
    campaigns: Vec<Campaign>,
    looked_at: usize,
    undo: Option<UndoShown>,
    place: &'static str,
}

/// Cases that belong together.
struct Campaign {
    /// By what.
    why: String,
    /// How many they are, and the newest of them.
    count: usize,
    numbers: Vec<CaseNumber>,
    customers: Vec<String>,
    /// Where all open cases of its rule are; `None` of several rules.
    all: Option<String>,
    critical: usize,
    unowned: usize,
    last: Moment,
    /// Whether they can be joined: cases of two customers never are.
    can_be_joined: bool,
}

/// What cases have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bond {
    /// One caller, whoever is called.
    Caller(String),
    /// Customer, rule, and all digits of the caller but the last two.
    Block(String, String, String),
    /// Customer, rule and called number.
    Called(String, String, String),
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let keys = desk.open_keys(CASES_MAX).await?;
    let looked_at = keys.len();
    let shell = Shell::of(&service, Some(&viewer), "Campaigns");
    Ok(shell::page(&Page {
        shell,
        looked_at,
        campaigns: found(&keys, |customer| book.calendar(customer).zone().clone()),
        undo: service.own.desk.undo_of(&viewer, (service.now)()),
        place: "/campaigns",
    }))
}

/// Campaigns among cases, the largest first.
fn found(keys: &[OpenKey], zone: impl Fn(&str) -> TimeZone) -> Vec<Campaign> {
    let mut bonds: BTreeMap<Bond, Vec<&OpenKey>> = BTreeMap::new();
    for key in keys {
        for bond in bonds_of(key) {
            bonds.entry(bond).or_default().push(key);
        }
    }
    let mut campaigns: Vec<Campaign> =
        bonds.into_iter().filter_map(|(bond, keys)| Campaign::new(&bond, &keys, &zone)).collect();
    campaigns.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.why.cmp(&b.why)));
    campaigns.truncate(CAMPAIGNS_MAX);
    campaigns
}

fn bonds_of(key: &OpenKey) -> Vec<Bond> {
    let mut parts = key.key.split('|');
    let rule = parts.next().unwrap_or_default();
    let mut bonds = Vec::new();
    for part in parts {
        match part.split_once('=') {
            Some(("caller", caller)) if is_number(caller) => {
                bonds.push(Bond::Caller(caller.to_owned()));
                let block = caller.get(..caller.len() - 2).unwrap_or_default();
                bonds.push(Bond::Block(key.customer.clone(), rule.to_owned(), block.to_owned()));
            }
            Some(("called", called)) if is_number(called) => {
                bonds.push(Bond::Called(key.customer.clone(), rule.to_owned(), called.to_owned()));
            }
            _ => {}
        }
    }
    bonds
}

/// Digits after a plus, long enough that two of them are few.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.len() >= DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_digit())
}

impl Campaign {
    /// Of these, if they are enough.
    fn new(bond: &Bond, keys: &[&OpenKey], zone: impl Fn(&str) -> TimeZone) -> Option<Self> {
        let customers: BTreeSet<&str> = keys.iter().map(|key| key.customer.as_str()).collect();
        let distinct: BTreeSet<&str> = keys.iter().map(|key| key.key.as_str()).collect();
        let why = match bond {
            Bond::Caller(caller) if customers.len() >= CUSTOMERS_MIN => {
                format!("The caller {caller} at {} customers", customers.len())
            }
            Bond::Block(customer, rule, block) if distinct.len() >= CASES_MIN => {
                format!(
                    "{} callers from {block}00 to {block}99 against {customer}, rule {rule}",
                    distinct.len()
                )
            }
            Bond::Called(customer, rule, called) if distinct.len() >= CASES_MIN => {
                format!("{} sources of calls to {called} of {customer}, rule {rule}", distinct.len())
            }
            _ => return None,
        };
        let last = keys.iter().map(|key| key.last).max()?;
        // Of several customers it is the desk's.
        let zone = zone(customers.first().filter(|_| customers.len() == 1).copied().unwrap_or_default());
        let all = match bond {
            Bond::Caller(_) => None,
            Bond::Block(customer, rule, _) | Bond::Called(customer, rule, _) => {
                let q = format!("customer:{} rule:{}", quoted(customer), quoted(rule));
                Some(address(&q, ""))
            }
        };
        Some(Self {
            why,
            critical: keys.iter().filter(|key| key.is_critical).count(),
            unowned: keys.iter().filter(|key| key.owner.is_empty()).count(),
            can_be_joined: customers.len() == 1,
            customers: customers.into_iter().take(CUSTOMERS_SHOWN).map(str::to_owned).collect(),
            count: keys.len(),
            all,
            numbers: keys.iter().map(|key| key.number).take(NUMBERS_MAX).collect(),
            last: Moment::new(last, &zone),
        })
    }

    /// The newest of them.
    fn first(&self) -> impl Iterator<Item = &CaseNumber> {
        self.numbers.iter().take(NUMBERS_SHOWN)
    }

    fn serials(&self) -> String {
        serials(&self.numbers)
    }
}

/// The newest cases that are looked at.
const CASES_MAX: u32 = 10_000;
const CAMPAIGNS_MAX: usize = 50;
const CASES_MIN: usize = 3;
const CUSTOMERS_MIN: usize = 2;
const DIGITS_MIN: usize = 7;
const NUMBERS_SHOWN: usize = 8;
const CUSTOMERS_SHOWN: usize = 10;
/// Cases of one campaign that a form names: fifty such forms fit into a page.
const NUMBERS_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use rules::Timestamp;

    use super::*;

    fn key(number: u64, customer: &str, key: &str) -> OpenKey {
        OpenKey {
            number: CaseNumber::new(number),
            customer: customer.to_owned(),
            key: key.to_owned(),
            is_critical: number == 1,
            owner: String::new(),
            last: Timestamp(0),
        }
    }

    #[test]
    fn cases_belong_together_by_what_is_said_and_by_nothing_else() {
        let keys = [
            key(1, "Acme", "wangiri|caller=+12105550101"),
            key(2, "Acme", "wangiri|caller=+12105550102"),
            key(3, "Acme", "wangiri|caller=+12105550199"),
            // Another rule, another block, another customer.
            key(4, "Acme", "other|caller=+12105550103"),
            key(5, "Acme", "wangiri|caller=+12105550201"),
            key(6, "Other", "wangiri|caller=+12105550101"),
            key(7, "Acme", "flood|called=+13125550100|caller=a"),
            key(8, "Acme", "flood|called=+13125550100|caller=b"),
            key(9, "Acme", "flood|called=+13125550100|caller=c"),
            key(10, "Acme", "short|caller=911"),
            key(11, "Other", "short|caller=911"),
        ];
        let campaigns = found(&keys, |_| TimeZone::UTC);
        let told: Vec<_> = campaigns.iter().map(|it| (it.why.as_str(), it.count, it.can_be_joined)).collect();
        assert_eq!(
            told,
            [
                ("3 callers from +12105550100 to +12105550199 against Acme, rule wangiri", 3, true),
                ("3 sources of calls to +13125550100 of Acme, rule flood", 3, true),
                ("The caller +12105550101 at 2 customers", 2, false),
            ]
        );
        assert_eq!(campaigns[0].critical, 1);
    }
}
