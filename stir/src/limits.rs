//! Bounds of everything that a stranger can grow.

/// Identity headers of one message that are looked at.
pub const IDENTITIES_MAX: usize = 8;
/// Bytes of one PASSporT as it is sent; a longer one is not read.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Called numbers of one PASSporT; one with more is not read.
pub const DESTINATIONS_MAX: usize = 64;
/// Bytes of a file of certificates, whoever it comes from.
pub const CHAIN_BYTES_MAX: usize = 64 << 10;
/// Certificates in one file of a signer: its own and those between it and a trust anchor.
pub const CHAIN_MAX: usize = 6;
/// Entries of one TNAuthList.
pub const AUTHORITIES_MAX: usize = 1024;
/// Bytes of a service provider code.
pub const CODE_BYTES_MAX: usize = 32;
/// Bytes of what a certificate says of its holder.
pub const SIGNER_BYTES_MAX: usize = 256;
/// Certificates known at once; past it the one that came first goes.
pub const CERTIFICATES_MAX: usize = 2048;
/// Addresses of certificates that somebody is to fetch, at once.
pub const WANTED_MAX: usize = 1024;
/// An address that nobody answered for is asked for again after so long.
pub const WANTED_SECONDS: i64 = 10;
/// A certificate that came so long ago is fetched again; it holds meanwhile.
pub const REFRESH_SECONDS: i64 = 24 * 3600;
/// A certificate that could not be fetched again for so long is forgotten.
pub const STALE_SECONDS: i64 = 72 * 3600;
/// A certificate that a signature does not fit is fetched again when it came so long ago: its holder may have changed it.
pub const RETRY_SECONDS: i64 = 600;
/// What became of so many signatures is remembered.
pub const SIGNATURES_MAX: usize = 8192;
