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
/// Runs that were missed before a schedule is only said to have missed many.
pub const SCHEDULE_MISSED_MAX: usize = 10_000;
/// Missed runs of one schedule that are written down, each as one row.
pub const SCHEDULE_MISSED_KEPT_MAX: usize = 31;
/// Bytes of one file of a report that is kept.
pub const REPORT_BYTES_MAX: usize = 32 << 20;
/// Bytes of all files that one mail carries.
pub const REPORT_MAIL_BYTES_MAX: usize = 10 << 20;
/// An answer opens a closed case again for so long: 14 days.
pub const REOPENED_MICROS: i64 = 14 * 24 * 3_600 * 1_000_000;
/// Appeals of blocked callers about one customer that open cases within an hour.
pub const APPEALS_OF_HOUR_MAX: usize = 30;

/// Rules that the case of a storm counts apart.
pub const STORM_RULES_MAX: usize = 50;
