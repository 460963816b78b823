//! The keys of `[spool]`.

use serde::{Deserialize, Serialize};
use spool::Settings;

/// How records, alerts and signalling are kept on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Spool {
    pub(crate) consumers: Vec<String>,
    pub(crate) commit_milliseconds: u32,
    pub(crate) megabytes_max: u32,
    pub(crate) segment_kilobytes: u32,
    pub(crate) signalling: bool,
    pub(crate) signalling_days_max: u32,
    pub(crate) signalling_megabytes_max: u32,
    pub(crate) signalling_messages_of_call_max: u32,
    pub(crate) signalling_kilobytes_of_call_max: u32,
    pub(crate) signalling_kilobytes_of_second_max: u32,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            consumers: Vec::new(),
            commit_milliseconds: 100,
            megabytes_max: 1_024,
            segment_kilobytes: 4_096,
            signalling: true,
            signalling_days_max: 30,
            signalling_megabytes_max: 1_024,
            signalling_messages_of_call_max: 32,
            signalling_kilobytes_of_call_max: 64,
            signalling_kilobytes_of_second_max: 1_024,
        }
    }
}

impl Spool {
    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(64..=65_536).contains(&self.segment_kilobytes) {
            return Err("`segment_kilobytes` is from 64 to 65536".to_owned());
        }
        if u64::from(self.megabytes_max) << 10 < u64::from(self.segment_kilobytes) * SEGMENTS_MIN {
            return Err(format!("`megabytes_max` holds at least {SEGMENTS_MIN} times `segment_kilobytes`"));
        }
        if u64::from(self.signalling_megabytes_max) << 10 < u64::from(self.segment_kilobytes) * 2 {
            return Err("`signalling_megabytes_max` holds at least twice `segment_kilobytes`".to_owned());
        }
        if self.commit_milliseconds > 10_000 {
            return Err("`commit_milliseconds` is at most 10000".to_owned());
        }
        Ok(())
    }

    /// As the spool takes it.
    pub(crate) fn settings(&self) -> Settings {
        let segment_bytes = u64::from(self.segment_kilobytes) << 10;
        Settings {
            segment_bytes,
            bytes_max: u64::from(self.megabytes_max) << 20,
            // Room for an eighth of all, so that alerts still come in when call records have taken the rest.
            reserve_bytes: (u64::from(self.megabytes_max) << 17).max(segment_bytes),
            signalling_bytes_max: u64::from(self.signalling_megabytes_max) << 20,
            signalling_micros_max: i64::from(self.signalling_days_max) * DAY_MICROS,
            consumers: self.consumers.clone(),
        }
    }
}

/// A day, in microseconds.
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// One that is written, one behind it, the reserve, and one to spare.
const SEGMENTS_MIN: u64 = 4;
