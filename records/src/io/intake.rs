//! Calls on their way into the store: gathered by customer and day, written together.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::error::Error;
use super::writer::{Part, Writer};
use crate::batch::Batch;
use crate::call::Call;
use crate::column::Columns;

/// Calls that are not yet on disk.
#[derive(Debug, Default)]
pub struct Intake {
    waiting: BTreeMap<(Option<String>, Date), Batch>,
    rows: u64,
    bytes: usize,
    aside: u64,
}

impl Intake {
    /// Takes `call`, whose customer is in `zone`.
    pub fn take<Text: AsRef<str>>(&mut self, call: &Call<Text>, zone: &TimeZone) {
        let day = day(call.start.0, zone);
        self.bytes += bytes(call);
        self.rows += 1;
        let key = (call.customer.as_ref().map(|customer| customer.as_ref().to_owned()), day);
        self.waiting.entry(key).or_insert_with(|| Batch::new(Columns::ALL)).push(call);
    }

    /// Notes that something came that is no call.
    pub fn set_aside(&mut self) {
        self.aside += 1;
    }

    /// Calls that wait.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.rows == 0 && self.aside == 0
    }

    /// Whether so much waits that it is to be written at once.
    pub fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX || self.waiting.len() >= PARTS_MAX
    }

    /// Writes all that waits: when it returns, that and everything of the spool up to `position` is in the store for good.
    /// Returns how many rows, and how much was set aside.
    ///
    /// # Errors
    /// It is not, or nobody knows: the writer is opened anew, and everything behind its position comes again.
    pub fn write(&mut self, writer: &mut Writer, now: i64, position: u64) -> Result<(u64, u64), Error> {
        let waiting = std::mem::take(self);
        let parts = waiting.waiting.into_iter();
        let parts = parts.map(|((customer, day), rows)| Part { customer, day, rows }).collect();
        writer.append(parts, now, (position, waiting.aside))?;
        Ok((waiting.rows, waiting.aside))
    }
}

/// The day of `start` in `zone`.
fn day(start: i64, zone: &TimeZone) -> Date {
    let moment = jiff::Timestamp::from_microsecond(start).unwrap_or_default();
    moment.to_zoned(zone.clone()).date()
}

/// About what `call` takes.
fn bytes<Text: AsRef<str>>(call: &Call<Text>) -> usize {
    let some = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.as_ref().len());
    BYTES_OF_ROW
        + some(&call.call_id)
        + some(&call.display_name)
        + some(&call.reason)
        + call.more.as_ref().len()
}

/// Bytes of calls that wait in memory.
const BYTES_MAX: usize = 48 << 20;
/// Customers and days that wait: each becomes a file.
const PARTS_MAX: usize = 4_096;
const BYTES_OF_ROW: usize = 240;
