//! Number patterns outside a policy file: on the command line.

use super::numbers::Pattern;
use crate::number_set::NumberSet;
use crate::plan::DialPlan;

/// The numbers that `text` stands for: a number, a prefix `+44 20*`, a range `A - B` or a wildcard, as the customer of
/// `dial` writes them.
///
/// # Errors
/// A sentence that says why it stands for none, and what would.
pub fn read_numbers(text: &str, dial: &DialPlan) -> Result<NumberSet, String> {
    Pattern::parse(text, dial).map(Pattern::into_set).map_err(|why| format!("{}; {}", why.message, why.help))
}
