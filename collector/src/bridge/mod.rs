//! Bridge mode: the kernel asks about each packet that passes (NFQUEUE), and the call it opens goes on or ends here.
//!
//! Two switches of the kernel keep calls going without us: `--queue-bypass` of the rule for when nobody listens, and the
//! fail-open flag of the queue for when it is full.

mod desk;
mod inject;
mod mount;
mod netlink;

pub use mount::Bridge;

use crate::redirect::Calls;

/// What a bridge asks of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The number that the firewall rule names.
    pub number: u16,
    /// Packets that may wait for a verdict.
    pub packets_max: u32,
    /// What happens to those for which there is no room.
    pub when_full: Calls,
}
