//! Bounds of what thresholds keep.

/// Events of one key that a counter keeps one by one; a limit above this is counted in slices of its window.
pub(crate) const EVENTS_MAX: usize = 1 << 16;
/// Different called numbers of one key among which runs are looked for.
pub(crate) const RUN_NUMBERS_MAX: usize = 4_096;
/// Slices of a window whose events are too many to be kept one by one.
pub(crate) const SLICES: u64 = 1_024;
/// Call-IDs that an alert carries.
pub(crate) const CALLS_KEPT: usize = 50;
/// Counters that share the events of a key.
pub(crate) const COUNTERS_PER_GROUP: usize = 16;
/// Bytes of Call-IDs that are remembered for alerts.
pub(crate) const CALL_ID_BYTES_MAX: usize = 32 << 20;
/// Restraints (blocks and the like) in force at once; past it further breaches only alert, and are counted.
pub(crate) const RESTRAINTS_MAX: usize = 1 << 20;
/// Keys in breach at once; past it further breaches are counted and not told.
pub(crate) const BREACHES_MAX: usize = 1 << 20;
/// Breaches that wait to be fetched; past it they are counted and dropped, the oldest first.
pub(crate) const BREACHES_WAITING_MAX: usize = 1 << 16;
