//! Unpacks a compressed HEP payload, within a bound.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use super::HepError;
use crate::limits::INFLATED_BYTES_MAX;

/// Unpacks one zlib stream after the other, in memory that is used again.
pub struct Inflater {
    state: Decompress,
    bytes: Vec<u8>,
}

impl Inflater {
    /// The bytes that the zlib stream `compressed` stands for.
    pub fn inflate(&mut self, compressed: &[u8]) -> Result<&[u8], HepError> {
        self.state.reset(true);
        self.bytes.clear();
        self.bytes.reserve(compressed.len().saturating_mul(4).clamp(4_096, INFLATED_BYTES_MAX));
        let mut rest = compressed;
        loop {
            let (read, written) = (self.state.total_in(), self.bytes.len());
            let status = self
                .state
                .decompress_vec(rest, &mut self.bytes, FlushDecompress::None)
                .map_err(|_| HepError::BadCompression)?;
            let read = usize::try_from(self.state.total_in() - read).unwrap_or(usize::MAX);
            rest = rest.get(read..).unwrap_or_default();
            match status {
                Status::StreamEnd => return Ok(&self.bytes),
                _ if self.bytes.len() >= INFLATED_BYTES_MAX => return Err(HepError::TooLarge),
                _ if self.bytes.len() == self.bytes.capacity() => {
                    self.bytes.reserve(self.bytes.len().min(INFLATED_BYTES_MAX - self.bytes.len()));
                }
                _ if read == 0 && self.bytes.len() == written => return Err(HepError::BadCompression),
                _ => {}
            }
        }
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self { state: Decompress::new(true), bytes: Vec::new() }
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn streams_are_unpacked_one_after_the_other() {
        let mut inflater = Inflater::default();
        for length in [0, 1, 4_095, 4_096, 4_097, 65_536, INFLATED_BYTES_MAX - 1] {
            let bytes = vec![b'a'; length];
            assert_eq!(inflater.inflate(&packed(&bytes)).map(<[u8]>::len), Ok(length));
        }
    }

    #[test]
    fn a_bomb_is_refused_within_the_bound() {
        let mut inflater = Inflater::default();
        let bomb = packed(&vec![0; 64 << 20]);
        assert_eq!(inflater.inflate(&bomb), Err(HepError::TooLarge));
        assert!(inflater.bytes.capacity() <= 2 * INFLATED_BYTES_MAX, "{}", inflater.bytes.capacity());
    }

    #[test]
    fn what_is_cut_or_no_zlib_is_refused() {
        let mut inflater = Inflater::default();
        let bytes = packed(b"OPTIONS sip:example.com SIP/2.0\r\n\r\n");
        for end in 0..bytes.len() {
            assert_eq!(inflater.inflate(&bytes[..end]), Err(HepError::BadCompression), "cut at {end}");
        }
        assert_eq!(inflater.inflate(b"OPTIONS sip"), Err(HepError::BadCompression));
    }
}
