//! The keys of `[privacy]`: how long what is kept, and who sees whole numbers.

use std::collections::BTreeSet;

use cases::intake::Role;
use reporter::{Privacy, Rules};
use serde::{Deserialize, Serialize};

/// The rules for all customers, and those of some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PrivacyKeys {
    pub(crate) rows_days: u32,
    pub(crate) details_days: u32,
    pub(crate) reports_days: u32,
    pub(crate) whole_numbers_for: BTreeSet<Role>,
    pub(crate) hidden_digits: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) customer: Vec<CustomerKeys>,
}

/// What is otherwise for one customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerKeys {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) details_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reports_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) whole_numbers_for: Option<BTreeSet<Role>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hidden_digits: Option<u8>,
}

impl Default for PrivacyKeys {
    fn default() -> Self {
        let Rules { reports_days, whole_numbers_for, hidden_digits, .. } = Rules::default();
        Self {
            rows_days: 400,
            details_days: 90,
            reports_days,
            whole_numbers_for,
            hidden_digits,
            customer: Vec::new(),
        }
    }
}

impl PrivacyKeys {
    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for customer in &self.customer {
            if !names.insert(&customer.name) {
                return Err(format!("[privacy] names the customer {:?} twice", customer.name));
            }
        }
        let reports = self.customer.iter().map(|it| it.reports_days.unwrap_or(1)).chain([self.reports_days]);
        if reports.into_iter().any(|days| days == 0) {
            return Err("[privacy] `reports_days` is at least 1".to_owned());
        }
        Ok(())
    }

    /// As whoever makes, keeps and sends reports asks it. No days mean for ever.
    pub(crate) fn rules(&self) -> Privacy {
        let days = |days: u32| (days > 0).then_some(days);
        let usual = Rules {
            rows_days: days(self.rows_days),
            details_days: days(self.details_days),
            reports_days: self.reports_days,
            whole_numbers_for: self.whole_numbers_for.clone(),
            hidden_digits: self.hidden_digits,
        };
        let of_customer = |it: &CustomerKeys| {
            let rules = Rules {
                rows_days: it.rows_days.map_or(usual.rows_days, days),
                details_days: it.details_days.map_or(usual.details_days, days),
                reports_days: it.reports_days.unwrap_or(usual.reports_days),
                whole_numbers_for: it
                    .whole_numbers_for
                    .clone()
                    .unwrap_or_else(|| usual.whole_numbers_for.clone()),
                hidden_digits: it.hidden_digits.unwrap_or(usual.hidden_digits),
            };
            (it.name.clone(), rules)
        };
        let of_customers = self.customer.iter().map(of_customer).collect();
        Privacy { usual, of_customers }
    }
}

#[cfg(test)]
mod tests {
    use crate::serve::Config;

    #[test]
    fn a_customer_has_what_it_says_and_the_rest_as_all_others() {
        let text = "[privacy]\nrows_days = 0\nwhole_numbers_for = [\"authorizer\"]\n\
            [[privacy.customer]]\nname = \"Acme\"\ndetails_days = 7\nwhole_numbers_for = []\n";
        let rules = Config::parse(text).unwrap().privacy.rules();
        let (acme, other) = (rules.of("Acme"), rules.of("Other"));
        assert_eq!((acme.rows_days, acme.details_days, other.details_days), (None, Some(7), Some(90)));
        assert!(acme.whole_numbers_for.is_empty() && other.whole_numbers_for.len() == 1);
        let twice = "[[privacy.customer]]\nname = \"Acme\"\n[[privacy.customer]]\nname = \"Acme\"\n";
        assert!(Config::parse(twice).unwrap_err().contains("twice"));
        assert!(Config::parse("[privacy]\nreports_days = 0\n").unwrap_err().contains("at least 1"));
    }
}
