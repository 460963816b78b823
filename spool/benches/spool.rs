//! What an event costs on its way to the disk and back: events a second, CPU time each, and how long one waits until it is
//! acknowledged.
//!
//! `spool [FOLDER]`: on the disk that holds FOLDER (the folder of temporary files unless told).
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench times what it does, and prints it"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ringwall_spool::{Event, Kind, Reader, Settings, Spool};
use rustix::time::{ClockId, clock_gettime};

/// A call record as it is on average.
const RECORD_BYTES: usize = 1_000;
const EVENTS: usize = 200_000;
/// As many as a batch of packets brings.
const AT_ONCE: usize = 32;
const ACKNOWLEDGED: usize = 500;

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("ringwall-spool-bench-{}", std::process::id()));
    let settings = Settings {
        segment_bytes: 4 << 20,
        bytes_max: 4 << 30,
        reserve_bytes: 4 << 20,
        signalling_bytes_max: 1 << 30,
        signalling_micros_max: i64::MAX,
        consumers: vec!["bench".to_owned()],
    };
    let (mut spool, _) = Spool::open(&folder, settings).unwrap();
    let payload: Vec<u8> = (0..RECORD_BYTES).map(|at| b' ' + (at % 90) as u8).collect();
    let event = |kind| Event { kind, at_micros: 1, payload: &payload };
    for (words, per_commit) in
        [("a commit for each 32", AT_ONCE), ("one for 1,024", 1_024), ("one for 16,384", 16_384)]
    {
        let batch = [event(Kind::CALL); AT_ONCE];
        let (begin, cpu) = (Instant::now(), cpu_time());
        let mut since = 0;
        for _ in 0..EVENTS / AT_ONCE {
            assert!(spool.append(&batch).refused.is_empty());
            since += AT_ONCE;
            if since >= per_commit {
                spool.commit().unwrap();
                since = 0;
            }
        }
        spool.commit().unwrap();
        tell(&format!("written, {words}"), begin.elapsed(), cpu_time() - cpu);
    }
    let mut reader = Reader::open(&folder, "bench").unwrap();
    let (begin, cpu) = (Instant::now(), cpu_time());
    for _ in 0..EVENTS {
        assert_eq!(reader.next().unwrap().unwrap().payload.len(), RECORD_BYTES);
    }
    tell("read", begin.elapsed(), cpu_time() - cpu);
    let mut waits: Vec<Duration> = (0..ACKNOWLEDGED)
        .map(|_| {
            let begin = Instant::now();
            assert!(spool.append(&[event(Kind::ALERT)]).refused.is_empty());
            spool.commit().unwrap();
            begin.elapsed()
        })
        .collect();
    waits.sort_unstable();
    println!(
        "one alert until it is acknowledged: half within {:?}, 99 of 100 within {:?}, all within {:?}",
        waits[ACKNOWLEDGED / 2],
        waits[ACKNOWLEDGED * 99 / 100],
        waits[ACKNOWLEDGED - 1]
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

fn tell(what: &str, took: Duration, cpu: Duration) {
    let each = |duration: Duration| duration.as_nanos() as f64 / EVENTS as f64;
    println!(
        "{what}: {:.0} events of {RECORD_BYTES} bytes a second, {:.2} µs CPU each",
        1e9 / each(took),
        each(cpu) / 1e3
    );
}

/// CPU time of this process.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}
