//! Bounds of everything that a policy's author or a list's source can grow.

/// Rules of one kind in one policy.
pub const RULES_MAX: usize = 100_000;
/// Numbers that one wildcard pattern with an `x` in the middle may stand for as separate ranges.
pub const WILDCARD_RANGES_MAX: usize = 100_000;
/// Prices of one policy.
pub const RATES_MAX: usize = 1_000_000;
/// Digits of the longest prefix that has a price.
pub const RATE_PREFIX_DIGITS_MAX: usize = 15;
/// Entries of one list.
pub const LIST_ENTRIES_MAX: usize = 1 << 28;
/// Bytes of one policy file.
pub const POLICY_BYTES_MAX: usize = 16 << 20;
