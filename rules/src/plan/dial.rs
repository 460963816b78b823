//! How one customer writes and dials numbers.

/// How digits without a plus are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// By the region's national plan.
    National,
    /// As E.164 without its plus, as many carriers send them.
    International,
}

/// How one customer writes and dials numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct DialPlan {
    /// ISO 3166 code of the region, such as `US`.
    pub region: String,
    /// How digits without a plus are read.
    pub bare: Bare,
    /// Local area code for short local numbers.
    pub area: Option<String>,
    /// Digits dialled for an outside line.
    pub access_codes: Vec<String>,
    /// Extension patterns and the numbers they stand for: `1xxx` is `+1 210 555 1xxx`.
    pub extensions: Vec<(String, String)>,
}
