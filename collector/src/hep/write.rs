//! Writes a HEP packet of version 3.

use std::net::IpAddr;

use super::Hep;

/// Appends `hep` to `bytes` as a packet of version 3; its payload must already be compressed when it says so, and
/// is cut where the packet would grow beyond 65,535 bytes.
pub fn write(hep: &Hep<'_>, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.extend(b"HEP3\0\0");
    chunk(bytes, 1, &[if hep.source.is_ipv6() { 10 } else { 2 }]);
    chunk(bytes, 2, &[hep.protocol]);
    address(bytes, [3, 5], hep.source.ip());
    address(bytes, [4, 6], hep.destination.ip());
    chunk(bytes, 7, &hep.source.port().to_be_bytes());
    chunk(bytes, 8, &hep.destination.port().to_be_bytes());
    if let Some(at) = hep.at {
        let seconds = u32::try_from(at.0.div_euclid(1_000_000)).unwrap_or_default();
        let micros = u32::try_from(at.0.rem_euclid(1_000_000)).unwrap_or_default();
        chunk(bytes, 9, &seconds.to_be_bytes());
        chunk(bytes, 10, &micros.to_be_bytes());
    }
    chunk(bytes, 11, &[hep.kind]);
    if let Some(agent) = hep.agent {
        chunk(bytes, 12, &agent.to_be_bytes());
    }
    if let Some(key) = hep.key {
        chunk(bytes, 14, key);
    }
    if let Some(correlation) = hep.correlation {
        chunk(bytes, 17, correlation);
    }
    let room = usize::from(u16::MAX).saturating_sub(bytes.len() - start + 6);
    let payload = hep.payload.get(..room).unwrap_or(hep.payload);
    chunk(bytes, if hep.is_compressed { 16 } else { 15 }, payload);
    let length = u16::try_from(bytes.len() - start).unwrap_or(u16::MAX);
    if let Some(place) = bytes.get_mut(start + 4..start + 6) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn address(bytes: &mut Vec<u8>, [v4, v6]: [u16; 2], address: IpAddr) {
    match address {
        IpAddr::V4(address) => chunk(bytes, v4, &address.octets()),
        IpAddr::V6(address) => chunk(bytes, v6, &address.octets()),
    }
}

fn chunk(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let value = value.get(..CHUNK_BYTES_MAX).unwrap_or(value);
    bytes.extend([0, 0]);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(u16::try_from(value.len() + 6).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend(value);
}

/// The longest value whose chunk's length still fits its field.
const CHUNK_BYTES_MAX: usize = 65_535 - 6;
