//! Large captures of a given size, for benches and load tests.

use std::io::{self, Write};

use crate::day::{Day, Settings};
use crate::pcap;

/// Writes a capture of exactly `messages` datagrams: working days of the default customer, all attacks in
/// each, busy enough to fill one day.
pub fn write(messages: u64, seed: u64, out: impl Write) -> io::Result<()> {
    let mut writer = pcap::Writer::new(out)?;
    let mut payload = Vec::new();
    let mut left = messages;
    let mut settings = Settings {
        seed,
        calls_per_hour: messages as f64 / MESSAGES_PER_CALL / BUSY_HOURS,
        ..Settings::default()
    };
    while left > 0 {
        let mut day = Day::new(settings.clone());
        while let Some(envelope) = (left > 0).then(|| day.poll_datagram(&mut payload)).flatten() {
            writer.write(envelope, &payload)?;
            settings.start_micros = settings.start_micros.max(envelope.at_micros);
            left -= 1;
        }
        settings.seed += 1;
    }
    writer.finish()?;
    Ok(())
}

/// A call has eight to nine datagrams.
const MESSAGES_PER_CALL: f64 = 8.5;

/// A working day has as many calls as this number of busiest hours.
const BUSY_HOURS: f64 = 8.0;
