//! SPF, DKIM, DMARC and ARC of a mail, checked by ourselves where no mail server of ours did. What is found is kept with the
//! mail: DNS is asked once, and within bounds.

use std::net::SocketAddr;
use std::time::Duration;

#[cfg(feature = "mail-auth")]
mod dkim;
#[cfg(not(feature = "mail-auth"))]
mod none;
#[cfg(feature = "mail-auth")]
mod own;

#[cfg(not(feature = "mail-auth"))]
pub use none::Checker;
#[cfg(feature = "mail-auth")]
pub use own::Checker;

/// Whom a checker asks, and how long.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Resolvers that are asked over UDP, and TCP where an answer is long; those of the system when there are none.
    pub resolvers: Vec<SocketAddr>,
    /// For each step: SPF and every signature at once, then DMARC, then the chain of forwarders. What is not answered by
    /// then counts as not checked.
    pub patience: Duration,
    /// The name that we give ourselves, which records of SPF may ask for.
    pub host_name: String,
}
