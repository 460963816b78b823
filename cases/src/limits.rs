//! Bounds on what strangers, and time, can make grow.

/// How far a clock looks ahead for business time, in days: ten years.
pub const CALENDAR_DAYS_MAX: usize = 3_660;
/// Windows that an explanation prints before it says how many more there are.
pub const EXPLAINED_WINDOWS_MAX: usize = 40;
/// Characters of a title before it is cut.
pub const TITLE_CHARACTERS_MAX: usize = 160;
/// Hours that the sparkline of a case shows.
pub const SPARK_HOURS_MAX: usize = 72;
/// Files of an evidence pack.
pub const PACK_FILES_MAX: usize = 20_000;
/// Bytes of an evidence pack, and of all its files when they are unpacked.
pub const PACK_BYTES_MAX: u64 = 512 << 20;
