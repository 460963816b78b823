//! Names of customers that nothing is known of: whoever mistypes one is to hear it, instead of that there was nothing.

use std::collections::BTreeSet;

use reporter::printable;
use rules::policy::nearest;

use crate::outcome::Failure;

/// That there is no `customer`, because of `why`, and which of those that are `known` was probably meant.
pub(crate) fn unknown(customer: &str, known: &BTreeSet<String>, why: &str) -> Failure {
    let meant = meant(customer, known);
    Failure::Usage(format!("there is no customer {}: {why}{meant}", printable(customer)))
}

/// Which of those that are `known` was probably meant, or who they are: the end of a sentence.
pub(crate) fn meant(customer: &str, known: &BTreeSet<String>) -> String {
    let names = || known.iter().map(String::as_str);
    match nearest(customer, names()) {
        Some(meant) => format!("; did you mean {}?", printable(meant)),
        None if known.is_empty() => String::new(),
        None => {
            let some: Vec<String> = names().take(NAMES_MAX).map(printable).collect();
            let more = if known.len() > NAMES_MAX { " and others" } else { "" };
            format!("; there are {}{more}", some.join(", "))
        }
    }
}

/// So many names are said where none is near.
const NAMES_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_near_is_named_or_those_there_are() {
        let known = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let said = |name, names: &[&str]| unknown(name, &known(names), "nothing is of one").to_string();
        let none = "there is no customer acme: nothing is of one";
        assert_eq!(said("acme", &["Acme", "Beta"]), format!("{none}; did you mean Acme?"));
        assert_eq!(said("acme", &["Beta", "Gamma"]), format!("{none}; there are Beta, Gamma"));
        assert_eq!(said("acme", &[]), none);
        let many = ["One", "Two", "Three", "Four", "Five", "Six"];
        assert_eq!(said("acme", &many), format!("{none}; there are Five, Four, One, Six, Three and others"));
    }
}
