//! One frame of a capture, as the interface saw it.

use rules::Timestamp;

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured.
    pub at: Timestamp,
    /// What its first byte means.
    pub link: LinkType,
    /// The bytes that were captured.
    pub data: &'a [u8],
    /// How long it was on the wire, in bytes; more than `data` when a snap length cut it.
    pub original_length: u32,
}

impl Frame<'_> {
    /// Whether the capture holds less than went over the wire.
    pub fn is_cut(&self) -> bool {
        (self.data.len() as u64) < u64::from(self.original_length)
    }
}

/// The first layer of a frame, numbered as in <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

#[allow(missing_docs, reason = "the names are those of the registry")]
impl LinkType {
    pub const NULL: Self = Self(0);
    pub const ETHERNET: Self = Self(1);
    pub const PPP: Self = Self(9);
    pub const PPP_HDLC: Self = Self(50);
    pub const PPP_ETHER: Self = Self(51);
    pub const RAW: Self = Self(101);
    pub const C_HDLC: Self = Self(104);
    pub const IEEE802_11: Self = Self(105);
    pub const LOOP: Self = Self(108);
    pub const LINUX_SLL: Self = Self(113);
    pub const IEEE802_11_PRISM: Self = Self(119);
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    pub const IEEE802_11_AVS: Self = Self(163);
    pub const PPP_PPPD: Self = Self(166);
    pub const PPI: Self = Self(192);
    pub const PPP_WITH_DIR: Self = Self(204);
    pub const MPLS: Self = Self(219);
    pub const IPV4: Self = Self(228);
    pub const IPV6: Self = Self(229);
    pub const LINUX_SLL2: Self = Self(276);
}
