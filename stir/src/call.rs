//! What is signed, and the call that it came with.

use rules::{Number, Timestamp};

/// One Identity value (RFC 8224 §4), parted into what it consists of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signed<'a> {
    /// Header, claims and signature with their dots; the first two empty in the compact form.
    pub token: &'a [u8],
    /// The parameter `info`: where the certificate lies, without brackets.
    pub info: &'a [u8],
    /// The parameter `alg`; empty without one.
    pub alg: &'a [u8],
    /// The parameter `ppt` without quotes; empty without one.
    pub ppt: &'a [u8],
}

/// The call that Identity headers came with.
#[derive(Clone, Copy, Debug)]
pub struct SignedCall<'a> {
    /// When it came.
    pub at: Timestamp,
    /// The Date header; empty without one.
    pub date: &'a [u8],
    /// The numbers of its From and P-Asserted-Identity, in this order.
    pub callers: &'a [Number],
    /// Whom it is for.
    pub called: Called,
}

/// Whom a call is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// The number of the Request-URI; `None` when it is none.
    pub target: Option<Number>,
    /// The number of To; `None` when it is none.
    pub to: Option<Number>,
}

/// Whether both are the same digits, international or not.
pub(crate) fn same(one: Number, other: Number) -> bool {
    (one.position(), one.len()) == (other.position(), other.len())
}
