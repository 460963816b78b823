//! HEP, the Homer Encapsulation Protocol: SIP packets that a proxy or probe quotes to a collector.
//!
//! Version 3 is chunks (<https://github.com/sipcapture/HEP>), versions 1 and 2 fixed headers. Pure: bytes in, values
//! out, so that captures and live mounts read it the same way.

mod cutter;
mod inflate;
mod read;
mod write;

use std::fmt;
use std::net::SocketAddr;

use rules::{Timestamp, Transport};

pub(crate) use self::cutter::{Cutter, packets};
pub use self::inflate::Inflater;
pub use self::read::{looks_like_hep, read};
pub use self::write::write;

/// One HEP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hep<'a> {
    /// 1, 2 or 3.
    pub version: u8,
    /// Who sent the quoted message; port 0 when the packet names none.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// The IANA number of what carried it: 17 for UDP, 6 for TCP, 132 for SCTP.
    pub protocol: u8,
    /// What is quoted: 1 for SIP, 5 for RTCP and so on.
    pub kind: u8,
    /// When the sender captured it; `None` in version 1.
    pub at: Option<Timestamp>,
    /// The number of the capture agent.
    pub agent: Option<u32>,
    /// The password with which the agent shows who it is.
    pub key: Option<&'a [u8]>,
    /// The Call-ID or other name by which the agent relates packets.
    pub correlation: Option<&'a [u8]>,
    /// The quoted bytes, still compressed when `is_compressed`.
    pub payload: &'a [u8],
    /// Whether the payload is a zlib stream (chunk 16), to be read by an [`Inflater`].
    pub is_compressed: bool,
}

impl Hep<'_> {
    /// The number of SIP in [`Hep::kind`].
    pub const SIP: u8 = 1;

    /// What carried the quoted message, as far as HEP can tell: TLS shows as TCP.
    pub fn transport(&self) -> Transport {
        match self.protocol {
            6 => Transport::Tcp,
            132 => Transport::Sctp,
            22 => Transport::Tls,
            _ => Transport::Udp,
        }
    }
}

/// Why bytes are no HEP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HepError {
    /// They begin like no version of HEP.
    NotHep,
    /// The packet claims more bytes than there are.
    Short {
        /// Bytes it claims.
        claimed: usize,
        /// Bytes there are.
        there: usize,
    },
    /// A chunk is shorter than its own header or its kind of value, or longer than the packet.
    BadChunk {
        /// The chunk's type.
        kind: u16,
    },
    /// The fixed header of version 1 or 2 contradicts itself.
    BadHeader,
    /// No address of the sender or of the receiver.
    NoAddress,
    /// No quoted bytes.
    NoPayload,
    /// The compressed payload is no zlib stream.
    BadCompression,
    /// The compressed payload grows beyond [`INFLATED_BYTES_MAX`](crate::limits::INFLATED_BYTES_MAX).
    TooLarge,
}

impl fmt::Display for HepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHep => f.write_str("the bytes begin like no version of HEP"),
            Self::Short { claimed, there } => {
                write!(f, "the HEP packet claims {claimed} bytes, {there} are there")
            }
            Self::BadChunk { kind } => write!(f, "HEP chunk {kind} has an impossible length"),
            Self::BadHeader => f.write_str("the HEP header contradicts itself"),
            Self::NoAddress => f.write_str("the HEP packet names no source or no destination"),
            Self::NoPayload => f.write_str("the HEP packet quotes nothing"),
            Self::BadCompression => f.write_str("the HEP payload is no zlib stream"),
            Self::TooLarge => f.write_str("the HEP payload grows beyond the bound when unpacked"),
        }
    }
}

impl std::error::Error for HepError {}
