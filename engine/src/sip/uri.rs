//! URIs as SIP messages carry them: sip, sips, tel, urn, and whatever else a stranger writes.

use rules::Flags;

/// The scheme of a URI, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// `urn:` (RFC 5031 for emergency services)
    Urn,
    /// Any other.
    Other,
    /// None at all.
    Missing,
}

/// A URI taken apart, as slices of the message; nothing is unescaped.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    /// The whole URI.
    pub text: &'a [u8],
    /// Its scheme.
    pub scheme: Scheme,
    /// What stands before the `@`, with telephone parameters (`;phone-context=…`), without a password. For
    /// `tel:` and `urn:` all behind the scheme up to a `?`. `None` without an `@`.
    pub user: Option<&'a [u8]>,
    /// Behind a colon in the user part; empty without one.
    pub password: &'a [u8],
    /// The host without port; IPv6 hosts with their brackets. Empty for `tel:` and `urn:`.
    pub host: &'a [u8],
    /// The port, if one stands there.
    pub port: Option<u16>,
    /// URI parameters without the leading semicolon; empty for `tel:`.
    pub params: &'a [u8],
    /// Embedded headers, without the question mark.
    pub headers: &'a [u8],
    /// What had to be repaired.
    pub flags: Flags,
}
