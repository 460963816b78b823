//! What a capture says itself that it lost.

/// Packets that were on the wire and that the capture does not hold, as its writer counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Lost by the interface (`isb_ifdrop`).
    pub by_interface: u64,
    /// Lost by the operating system (`isb_osdrop`).
    pub by_system: u64,
    /// Noted beside the packets that came after the gap (`epb_dropcount`, or the drops count of old packet blocks).
    pub between_packets: u64,
}

impl Drops {
    /// These and `more`.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self {
            by_interface: self.by_interface.saturating_add(more.by_interface),
            by_system: self.by_system.saturating_add(more.by_system),
            between_packets: self.between_packets.saturating_add(more.between_packets),
        }
    }

    /// How many are known to be missing. What stands between packets and what the statistics say may be the same loss, so
    /// that the larger counts.
    pub fn lost(&self) -> u64 {
        self.by_interface.saturating_add(self.by_system).max(self.between_packets)
    }
}
