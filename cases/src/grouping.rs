//! Alerts that a person has said belong together: one behaviour, many callers, one case (D-4).

use std::collections::{BTreeMap, BTreeSet};

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::{Case, CaseNumber};

/// What alerts have to have in common to go to one case, whoever calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// Its number.
    pub id: u64,
    /// Whose alerts.
    pub customer: String,
    /// The label of their threshold, or their rule.
    pub rule: String,
    /// Parts of the key that are the same, such as the called number, the trunk or the User-Agent.
    pub same: BTreeMap<String, String>,
    /// What all callers begin with, and how long they are, where their numbers lie in one block of a hundred.
    pub block: Option<(String, usize)>,
    /// Who said so.
    pub author: String,
    /// When.
    pub at: Timestamp,
    /// The case that was made so by hand.
    pub case: CaseNumber,
    /// By what alerts joined that case before.
    pub key_before: Option<String>,
}

impl Grouping {
    /// What `alerts` of `case` have in common.
    ///
    /// # Errors
    /// They are of several rules, or it is nothing: in words.
    pub fn of(case: &Case, alerts: &[Alert], id: u64, author: &str, at: Timestamp) -> Result<Self, String> {
        let rules: BTreeSet<&str> = alerts.iter().map(Alert::label).collect();
        let mut rules = rules.into_iter();
        let (Some(rule), None) = (rules.next(), rules.next()) else {
            return Err(format!(
                "alerts of {} are of no rule, or of several: they are not grouped",
                case.number
            ));
        };
        let mut same = alerts.first().map(|alert| alert.key.clone()).unwrap_or_default();
        for alert in alerts {
            same.retain(|name, value| alert.key.get(name) == Some(value));
        }
        let callers: BTreeSet<&str> =
            alerts.iter().filter_map(|alert| alert.key.get(CALLER)).map(String::as_str).collect();
        let block = if callers.len() > 1 { block_of(&callers) } else { None };
        if alerts.iter().all(|alert| alert.key == same) {
            return Err(format!("alerts of {} are of one key, and join one case anyway", case.number));
        }
        if same.is_empty() && block.is_none() {
            return Err(format!(
                "alerts of {} have nothing in common but the rule: they are not grouped",
                case.number
            ));
        }
        Ok(Self {
            id,
            customer: case.customer.clone(),
            rule: rule.to_owned(),
            same,
            block,
            author: author.to_owned(),
            at,
            case: case.number,
            key_before: case.key.clone(),
        })
    }

    /// Whether `alert` is one of these.
    pub fn fits(&self, alert: &Alert) -> bool {
        let caller = alert.key.get(CALLER).map(String::as_str).unwrap_or_default();
        let fits_block =
            |(begin, length): &(String, usize)| caller.len() == *length && caller.starts_with(begin.as_str());
        self.customer == alert.customer
            && self.rule == alert.label()
            && self.same.iter().all(|(name, value)| alert.key.get(name) == Some(value))
            && self.block.as_ref().is_none_or(fits_block)
    }

    /// By what its alerts join one case.
    pub fn key(&self) -> String {
        format!("{}|{MARK}{}", self.rule, self.id)
    }

    /// The number of the grouping whose alerts join `case`.
    pub fn of_case(case: &Case) -> Option<u64> {
        case.key.as_deref()?.rsplit_once('|')?.1.strip_prefix(MARK)?.parse().ok()
    }

    /// By what `alert` joins a case: by the first of `groupings` that it fits, or by its own key.
    pub fn join<'a>(groupings: &'a [Self], alert: &Alert) -> (String, Option<&'a Self>) {
        let grouping = groupings.iter().find(|grouping| grouping.fits(alert));
        (grouping.map_or_else(|| alert.join_key(), Self::key), grouping)
    }

    /// In words, as it stands in the history.
    pub fn words(&self) -> String {
        let mut parts: Vec<String> =
            self.same.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if let Some((begin, _)) = &self.block {
            parts.push(format!("callers from {begin}00 to {begin}99"));
        }
        format!("alerts of {} with {}", self.rule, parts.join(", "))
    }
}

/// What numbers begin with that differ in the last two digits only.
fn block_of(callers: &BTreeSet<&str>) -> Option<(String, usize)> {
    let first = callers.first()?;
    let begin = first.get(..first.len().checked_sub(BLOCK_DIGITS)?)?;
    let digits = begin.strip_prefix('+').unwrap_or(begin);
    let is_number = digits.len() >= DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_one_block = callers.iter().all(|it| it.len() == first.len() && it.starts_with(begin));
    (is_number && is_one_block).then(|| (begin.to_owned(), first.len()))
}

const CALLER: &str = "caller";
/// No part of a policy's key is called so.
const MARK: &str = "group=";
const BLOCK_DIGITS: usize = 2;
const DIGITS_MIN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;

    fn alert(rule: &str, key: &[(&str, &str)]) -> Alert {
        let key: BTreeMap<_, _> = key.iter().copied().collect();
        let text = serde_json::json!({
            "id": "a", "at": "2026-10-05T15:00:00Z", "customer": "Acme", "rule": rule, "severity": "warning",
            "key": key, "first": "2026-10-05T15:00:00Z", "last": "2026-10-05T15:00:00Z",
        });
        serde_json::from_value(text).unwrap()
    }

    fn grouped(alerts: &[Alert]) -> Result<Grouping, String> {
        let at = Timestamp(1_791_212_400_000_000);
        let case = alerts[0].open(CaseNumber::new(100_001), None, &Service::sample(), at);
        Grouping::of(&case, alerts, 7, "anna", at)
    }

    #[test]
    fn d4_what_all_have_in_common_groups_and_the_caller_never_does() {
        let of = |caller: &str, agent: &str| {
            alert("robots", &[("caller", caller), ("called", "+13125550100"), ("user_agent", agent)])
        };
        let found = grouped(&[of("+12105550101", "pplsip"), of("+442079460958", "pplsip")]).unwrap();
        assert_eq!(found.words(), "alerts of robots with called +13125550100, user_agent pplsip");
        assert!(found.fits(&of("+4930123456", "pplsip")));
        for other in [of("+4930123456", "sipcli"), alert("robots", &[("caller", "+12105550101")])] {
            assert!(!found.fits(&other), "{other:?}");
        }
        let mut foreign = of("+4930123456", "pplsip");
        foreign.customer = "Other".to_owned();
        assert!(!found.fits(&foreign));
        assert!(!found.fits(&Alert { rule: "else".to_owned(), ..of("+4930123456", "pplsip") }));
    }

    #[test]
    fn d4_numbers_in_a_row_are_one_block_of_a_hundred() {
        let of = |caller: &str| alert("harassment", &[("caller", caller)]);
        let found = grouped(&[of("+12105550101"), of("+12105550102"), of("+12105550199")]).unwrap();
        assert_eq!(found.words(), "alerts of harassment with callers from +12105550100 to +12105550199");
        assert!(found.fits(&of("+12105550150")));
        for other in ["+12105550250", "+1210555015", "+121055501500", "anonymous", ""] {
            assert!(!found.fits(&of(other)), "{other}");
        }
    }

    #[test]
    fn d4_what_has_nothing_in_common_is_not_grouped() {
        let of = |caller: &str| alert("harassment", &[("caller", caller)]);
        for apart in [
            vec![of("+12105550101"), of("+13125550102")],
            vec![of("+12105550101"), of("+12105550101")],
            vec![of("+12105550101"), alert("else", &[("caller", "+12105550102")])],
            vec![of("911"), of("912")],
            vec![of("x\u{fc}"), of("y\u{fc}")],
        ] {
            assert!(grouped(&apart).is_err(), "{apart:?}");
        }
    }
}
