//! A whole policy as it was written, with every value resolved.

use crate::policy::customer::Customer;
use crate::policy::{Expect, FirewallRule, Hours, IpsRule, List};

/// A policy without mistakes: what the matcher, the prover and `explain` work from.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// File name, for diagnostics.
    pub file: String,
    /// The text itself.
    pub source: String,
    /// SHA-256 over the text and every list it reads, in hexadecimal: its version.
    pub version: String,
    /// Whose policy it is.
    pub customer: Customer,
    /// Named hours.
    pub hours: Vec<Hours>,
    /// Named lists with their content.
    pub lists: Vec<List>,
    /// Firewall rules in file order.
    pub firewall: Vec<FirewallRule>,
    /// Thresholds in file order.
    pub ips: Vec<IpsRule>,
    /// Expected verdicts.
    pub expects: Vec<Expect>,
}
