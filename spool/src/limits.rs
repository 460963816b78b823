//! What may grow, and how far.

/// The longest event.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// What a consumer may keep beside its position.
pub const NOTE_BYTES_MAX: usize = 4 << 10;
/// The longest name of a consumer.
pub const NAME_BYTES_MAX: usize = 40;
/// What may wait to be on disk: more is refused while the disk fails.
pub const PENDING_BYTES_MAX: usize = 64 << 20;
/// The smallest segment.
pub const SEGMENT_BYTES_MIN: u64 = 16 << 10;
/// How much a reader reads at once.
pub(crate) const READ_BYTES: usize = 256 << 10;
/// Damage that a reader remembers until it is asked; what is more is counted only.
pub(crate) const DAMAGES_MAX: usize = 64;
/// A segment of signalling is ended after so long, so that it can go in its time.
pub(crate) const SEGMENT_MICROS_MAX: i64 = 24 * 3_600 * 1_000_000;
